import { describe, expect, test } from "vitest";
import { formatSelector, mapMatches, parseSelector, selectorMatches } from "../../src/kube/selectors.ts";

describe("selectorMatches", () => {
  test.each([
    ["null selects nothing", undefined, { app: "web" }, false],
    ["empty selects everything", {}, undefined, true],
    ["all labels must be there", { matchLabels: { app: "web", tier: "a" } }, { app: "web" }, false],
    ["In", { matchExpressions: [{ key: "app", operator: "In", values: ["web", "api"] }] }, { app: "api" }, true],
    [
      "NotIn with the label absent",
      { matchExpressions: [{ key: "app", operator: "NotIn", values: ["web"] }] },
      {},
      true,
    ],
    [
      "NotIn with the value",
      { matchExpressions: [{ key: "app", operator: "NotIn", values: ["web"] }] },
      { app: "web" },
      false,
    ],
    ["Exists", { matchExpressions: [{ key: "app", operator: "Exists" }] }, { app: "" }, true],
    ["DoesNotExist", { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] }, { app: "" }, false],
    ["an unknown operator", { matchExpressions: [{ key: "app", operator: "Like" }] }, { app: "web" }, false],
  ] as const)("%s", (_name, selector, labels, expected) => {
    expect(selectorMatches(selector, labels)).toBe(expected);
  });
});

describe("parseSelector", () => {
  test.each([
    ["app=web", { app: "web" }, true],
    ["app==web", { app: "api" }, false],
    ["app!=web", {}, true],
    ["app in (web, api),tier", { app: "api", tier: "x" }, true],
    ["app notin (web),!legacy", { app: "api", legacy: "1" }, false],
    ["app.kubernetes.io/name=web", { "app.kubernetes.io/name": "web" }, true],
    ["app=", { app: "" }, true],
  ])("%s", (text, labels, expected) => {
    const selector = parseSelector(text);
    expect(selector).toBeDefined();
    expect(selectorMatches(selector, labels)).toBe(expected);
  });
  test.each(["app=web,", "=web", "app in web", "app in (web", "a b", "app=we b", ""])("refuses %j", (text) => {
    expect(parseSelector(text)).toBeUndefined();
  });
});

test("formatSelector writes what kubectl reads", () => {
  const selector = {
    matchLabels: { app: "web" },
    matchExpressions: [
      { key: "tier", operator: "In", values: ["a", "b"] },
      { key: "old", operator: "DoesNotExist" },
    ],
  };
  expect(formatSelector(selector)).toBe("app=web,tier in (a,b),!old");
  expect(selectorMatches(parseSelector(formatSelector(selector)), { app: "web", tier: "b" })).toBe(true);
});

test("mapMatches: an empty map selects everything", () => {
  expect(mapMatches({}, undefined)).toBe(true);
  expect(mapMatches({ app: "web" }, undefined)).toBe(false);
});
