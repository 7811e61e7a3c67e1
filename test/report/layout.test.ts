import { assert, integer, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { clean, columnsOf, fill, wrap, wrapCommand } from "../../src/report/layout.ts";

describe("clean", () => {
  test.each([
    ["\u001B[31mred\u001B[0m", "red"],
    ["\u001B]0;owned\u0007title", "title"],
    ["two\r\nlines\tand a tab", "two lines and a tab"],
    ["file\u202Egpj.exe", "file gpj.exe"],
    ["\u009B31mC1", "31mC1"],
    ["Grüße, 世界", "Grüße, 世界"],
  ])("%j", (given, expected) => {
    expect(clean(given)).toBe(expected);
  });

  test("never lets a control character through", () => {
    assert(
      property(string({ unit: "binary" }), (text) => {
        expect(clean(text)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

describe("columnsOf", () => {
  test.each([
    ["abc", 3],
    ["世界", 4],
    ["e\u0301", 1],
    ["✖ ▲ →", 5],
  ])("%s takes %i", (text, columns) => {
    expect(columnsOf(text)).toBe(columns);
  });
});

describe("wrap", () => {
  test("breaks between words, and long words after a separator", () => {
    expect(wrap("one two three", 8)).toEqual(["one two", "three"]);
    expect(wrap("status.containerStatuses.state", 26)).toEqual(["status.containerStatuses.", "state"]);
  });

  test("keeps every character but spaces, and the width", () => {
    assert(
      property(string(), integer({ min: 8, max: 100 }), (text, width) => {
        const lines = wrap(text, width);
        expect(lines.join("").replace(/\s+/g, "")).toBe(text.replace(/\s+/g, ""));
        expect(Math.max(0, ...lines.map(columnsOf))).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe("fill", () => {
  test("a joiner that breaks goes to the start of the next line", () => {
    expect(fill(["ConfigMap a", "Deployment b", "Service c"], 26, " → ")).toEqual([
      "ConfigMap a → Deployment b",
      "→ Service c",
    ]);
  });
});

describe("wrapCommand", () => {
  test("a command that fits is one line", () => {
    expect(wrapCommand("kubectl get pods -n shop", 24)).toEqual(["kubectl get pods -n shop"]);
  });

  test("goes on in the next line as a shell reads it, a flag with its value, a quoted argument whole", () => {
    expect(wrapCommand("kubectl get pods -n shop -o jsonpath='{.items[*].metadata.name} and more'", 30)).toEqual([
      "kubectl get pods -n shop \\",
      "  -o jsonpath='{.items[*].metadata.name} and more'",
    ]);
  });
});
