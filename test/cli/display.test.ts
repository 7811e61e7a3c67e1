import { describe, expect, test } from "vitest";
import { progressLine } from "../../src/cli/progress.ts";
import { isColored, paletteFor, reportWidth, showsUnicode } from "../../src/cli/display.ts";

describe("colour", () => {
  test.each([
    ["auto", {}, true, true],
    ["auto", {}, false, false],
    ["auto", { NO_COLOR: "1" }, true, false],
    ["auto", { NO_COLOR: "" }, true, true],
    ["auto", { TERM: "dumb" }, true, false],
    ["always", { NO_COLOR: "1" }, false, true],
    ["never", {}, true, false],
  ] as const)("%s %j on a terminal: %s", (choice, env, stdoutIsTerminal, expected) => {
    expect(isColored(choice, { env, stdoutIsTerminal })).toBe(expected);
  });
});

test("a palette paints its text and nothing else that `map` hands over", async () => {
  const { warning } = await paletteFor(true);
  expect(["a", "b"].map(warning)).toEqual(["\u001B[33ma\u001B[39m", "\u001B[33mb\u001B[39m"]);
});

describe("width", () => {
  test.each([
    [40, {}, 40],
    [undefined, {}, 100],
    [undefined, { COLUMNS: "40" }, 40],
    [undefined, { COLUMNS: "wide" }, 100],
    [132, { COLUMNS: "40" }, 132],
    [0, {}, 100],
  ] as const)("%s %j", (columns, env, expected) => {
    expect(reportWidth({ columns, env })).toBe(expected);
  });
});

describe("unicode", () => {
  test.each([
    [{ LANG: "en_US.UTF-8" }, "linux", true],
    [{ LANG: "C.utf8" }, "linux", true],
    [{ LC_ALL: "C", LANG: "en_US.UTF-8" }, "linux", false],
    [{ LC_ALL: "", LANG: "en_US.UTF-8" }, "linux", true],
    [{}, "linux", false],
    [{}, "darwin", true],
    [{}, "win32", false],
    [{ WT_SESSION: "1" }, "win32", true],
  ] as const)("%j on %s", (env, platform, expected) => {
    expect(showsUnicode({ env, platform })).toBe(expected);
  });
});

describe("progress", () => {
  test("counts kinds and objects, draws seldom, and goes away", () => {
    const drawn: string[] = [];
    let now = 0;
    const line = progressLine(
      (text) => void drawn.push(text),
      () => now,
      80,
    );
    line.read({ kind: "Pod", objects: 500, done: false, kindsDone: 0, kindsTotal: 2 });
    line.read({ kind: "Pod", objects: 1000, done: true, kindsDone: 1, kindsTotal: 2 });
    now = 100;
    line.read({ kind: "Service", objects: 20, done: true, kindsDone: 2, kindsTotal: 2 });
    line.erase();
    line.erase();
    expect(drawn).toEqual([
      "\r\u001B[KReading: 0/2 kinds, 500 objects",
      "\r\u001B[KReading: 2/2 kinds, 1,020 objects",
      "\r\u001B[K",
    ]);
  });

  test("is cut to the terminal, and silent where nobody watches", () => {
    const drawn: string[] = [];
    progressLine(
      (text) => void drawn.push(text),
      () => 0,
      12,
    ).step("Connecting to a cluster");
    expect(drawn).toEqual(["\r\u001B[KConnecting "]);
    expect(() => progressLine(undefined, () => 0, 80).step("x")).not.toThrow();
  });
});
