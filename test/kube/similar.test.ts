import { expect, test } from "vitest";
import { editDistance, similarNames } from "../../src/kube/similar.ts";

test.each([
  ["cart", "carts", 1],
  ["nginx", "ngnix", 1],
  ["web", "web", 0],
  ["", "ab", 2],
  ["kitten", "sitting", 3],
])("%s to %s takes %i edits", (a, b, distance) => {
  expect(editDistance(a, b, 5)).toBe(distance);
  expect(editDistance(b, a, 5)).toBe(distance);
});

test("counts no further than the limit", () => {
  expect(editDistance("abcdef", "uvwxyz", 2)).toBe(3);
  expect(editDistance("a", "abcdef", 2)).toBe(3);
});

test("names the nearest first, and neither the name itself nor far ones", () => {
  expect(similarNames("app-config", ["app-conifg", "app-config", "app-config-v2", "database", "ap-confg"])).toEqual([
    "app-config-v2",
    "app-conifg",
    "ap-confg",
  ]);
  expect(similarNames("", ["a"])).toEqual([]);
});
