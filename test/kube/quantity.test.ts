import { expect, test } from "vitest";
import { formatBytes, parseQuantity } from "../../src/kube/quantity.ts";
import { formatDuration } from "../../src/kube/time.ts";

test.each([
  ["500m", 0.5],
  ["2", 2],
  ["128Mi", 128 * 2 ** 20],
  ["1.5Gi", 1.5 * 2 ** 30],
  ["4k", 4000],
  ["1e3", 1000],
  ["1E", 1e18],
  ["12E2", 1200],
  ["100n", 1e-7],
  [".5", 0.5],
])("%s", (text, value) => {
  expect(parseQuantity(text)).toBeCloseTo(value, 10);
});

test.each(["", "abc", "1Mib", "1 Gi", "--1"])("refuses %j", (text) => {
  expect(parseQuantity(text)).toBeUndefined();
});

test("bytes for people", () => {
  expect([formatBytes(512 * 2 ** 20), formatBytes(1.5 * 2 ** 30), formatBytes(100)]).toEqual(["512Mi", "1.5Gi", "100"]);
});

test.each([
  [45_000, "45s"],
  [200_000, "3m20s"],
  [600_000, "10m"],
  [5 * 3_600_000, "5h"],
  [30 * 3_600_000, "30h"],
  [3 * 86_400_000, "3d"],
  [-5, "0s"],
])("%d ms is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
