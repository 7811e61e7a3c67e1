import { describe, expect, test } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { comparable, saidOf, snapshotOf } from "./run-cases.ts";
import { caseTables } from "./tables.ts";

const tables = await caseTables();

describe.each(tables.map((table) => [table.analyzer.name, table] as const))(
  "%s",
  (_name, { analyzer, fires, silent }) => {
    test.each(fires.map((entry) => [entry.name, entry] as const))("fires: %s", (_case, entry) => {
      const { said, expected } = comparable(saidOf(analyzer, snapshotOf(analyzer, entry)), entry.expect);
      expect(said).toEqual(expected);
    });
    test.each(silent.map((entry) => [entry.name, entry] as const))("silent: %s", (_case, entry) => {
      expect(saidOf(analyzer, snapshotOf(analyzer, entry))).toEqual([]);
    });

    test("has silent cases", () => {
      expect(silent.length).toBeGreaterThan(0);
    });
    test("no case stands twice", () => {
      const names = [...fires, ...silent].map(({ name }) => name);
      expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
      const given = [...fires, ...silent].map((entry) =>
        JSON.stringify([entry.given, entry.unread, entry.logs, entry.facts]),
      );
      expect(given.filter((text, index) => given.indexOf(text) !== index)).toEqual([]);
    });
  },
);

test("every analyzer has a table", () => {
  const withTable = new Set(tables.map(({ analyzer }) => analyzer.name));
  expect(analyzers.map(({ name }) => name).filter((name) => !withTable.has(name))).toEqual([]);
});

test("every rule fires somewhere", () => {
  const fired = new Set(tables.flatMap(({ fires }) => fires.flatMap((entry) => entry.expect.map(({ rule }) => rule))));
  const rules = new Set(analyzers.flatMap((analyzer) => Object.keys(analyzer.rules)));
  expect([...rules].filter((rule) => !fired.has(rule)).sort()).toEqual([]);
});

test("every rule fires on a real API server, or its cases say why none can", () => {
  const firing = Map.groupBy(
    tables.flatMap(({ fires }) => fires.flatMap((entry) => entry.expect.map(({ rule }) => ({ rule, entry })))),
    ({ rule }) => rule,
  );
  const unexplained = [...firing].filter(
    ([, same]) => !same.some(({ entry }) => entry.notLive === undefined || entry.notLive.trim() !== ""),
  );
  expect(unexplained.map(([rule]) => rule)).toEqual([]);
});

test("a rule id means one thing: analyzers that share it share its entry", () => {
  const entries = analyzers.flatMap(({ rules }) => Object.entries(rules));
  const meanings = Map.groupBy(entries, ([id]) => id);
  const ambiguous = [...meanings].filter(([, same]) => new Set(same.map(([, rule]) => rule)).size > 1);
  expect(ambiguous.map(([id]) => id)).toEqual([]);
});
