import { describe, expect, test } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { comparable, saidOf, snapshotOf } from "./run-cases.ts";
import { caseTables } from "./tables.ts";

const tables = await caseTables();

describe.each(tables.map((table) => [table.analyzer.name, table] as const))("%s", (_name, { analyzer, fires, silent }) => {
  test.each(fires.map((entry) => [entry.name, entry] as const))("fires: %s", (_case, entry) => {
    const { said, expected } = comparable(saidOf(analyzer, snapshotOf(analyzer, entry)), entry.expect);
    expect(said).toEqual(expected);
  });
  test.each(silent.map((entry) => [entry.name, entry] as const))("silent: %s", (_case, entry) => {
    expect(saidOf(analyzer, snapshotOf(analyzer, entry))).toEqual([]);
  });

  test("every rule fires somewhere in the table", () => {
    const fired = new Set(fires.flatMap((entry) => entry.expect.map(({ rule }) => rule)));
    expect(Object.keys(analyzer.rules).filter((rule) => !fired.has(rule))).toEqual([]);
  });
  test("has silent cases", () => {
    expect(silent.length).toBeGreaterThan(0);
  });
  test("no case stands twice", () => {
    const names = [...fires, ...silent].map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    const given = [...fires, ...silent].map((entry) => JSON.stringify([entry.given, entry.unread, entry.logs]));
    expect(given.filter((text, index) => given.indexOf(text) !== index)).toEqual([]);
  });
});

test("every analyzer has a table", () => {
  const withTable = new Set(tables.map(({ analyzer }) => analyzer.name));
  expect(analyzers.map(({ name }) => name).filter((name) => !withTable.has(name))).toEqual([]);
});

test("a rule id belongs to one analyzer", () => {
  const ids = analyzers.flatMap(({ name, rules }) => Object.keys(rules).map((rule) => [rule, name] as const));
  const owners = Map.groupBy(ids, ([rule]) => rule);
  // The two webhook kinds are one analyzer in two names.
  const shared = [...owners].filter(([, entries]) => entries.length > 1 && !entries.every(([, name]) => name.endsWith("WebhookConfiguration")));
  expect(shared).toEqual([]);
});
