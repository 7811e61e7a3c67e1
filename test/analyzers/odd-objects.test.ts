import { expect, test } from "vitest";
import { parseFacts } from "../../src/kube/facts.ts";
import { yaml } from "./cases.ts";
import { snapshotOf } from "./run-cases.ts";
import { caseTables } from "./tables.ts";

const tables = await caseTables();

/** How many damaged objects are tried per analyzer; those of all its cases are spread over them. */
const most = Number(process.env["K8SGPT_ODD_OBJECTS"] ?? 400);

/** Every object that differs from `value` in one place: a field is null, a list is empty or holds null. */
function* damaged(value: unknown, isName = false): Iterable<unknown> {
  if (typeof value !== "object" || value === null) {
    if (!isName) yield null;
    return;
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const other of damaged(item)) yield value.map((each: unknown, at) => (at === index ? other : each));
    }
    for (const other of [null, [], [null]]) yield other;
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    // Without kind and name it is no object of a cluster.
    const isIdentity = ["apiVersion", "kind", "metadata", "name", "namespace"].includes(key);
    for (const other of damaged(inner, isIdentity))
      if (key !== "metadata" || typeof other === "object") yield { ...value, [key]: other };
    if (!isIdentity) yield { ...value, [key]: null };
  }
}

test.each(tables.map((table) => [table.analyzer.name, table] as const))(
  "%s does not throw for objects that are damaged in one place",
  (_name, { analyzer, fires }) => {
    const variants = fires.flatMap((entry) => {
      const manifests = entry.given.flat();
      return manifests.flatMap((manifest, index) =>
        [...damaged(manifest)].map((other) => ({ entry, manifests, index, other })),
      );
    });
    const step = Math.max(1, variants.length / most);
    const throwing: string[] = [];
    let tried = 0;
    for (let at = 0; at < variants.length; at += step) {
      const { entry, manifests, index, other } = variants[Math.floor(at)] ?? {};
      // Damaged copies are manifests in name and kind, which is all that the snapshot asks of them.
      const [odd] = yaml`${JSON.stringify(other)}`;
      if (entry === undefined || typeof odd?.metadata !== "object" || odd.metadata === null) continue;
      const given = (manifests ?? []).map((each, place) => (place === index ? odd : each));
      try {
        for (const { rule } of analyzer.check(snapshotOf(analyzer, { ...entry, given })))
          expect(analyzer.rules).toHaveProperty(rule);
      } catch (error) {
        throwing.push(`${JSON.stringify(odd)}: ${String(error)}`);
      }
      tried += 1;
    }
    expect(throwing).toEqual([]);
    // Who looks at facts alone has a test of its own below.
    expect(tried).toBeGreaterThan(variants.length > 0 ? 20 : -1);
  },
);

const withFacts = tables.filter(({ fires }) => fires.some(({ facts }) => facts !== undefined));

test.each(withFacts.map((table) => [table.analyzer.name, table] as const))(
  "%s does not throw for facts of a saved cluster that are damaged in one place",
  (_name, { analyzer, fires }) => {
    const odd = fires.flatMap((entry) =>
      entry.facts === undefined
        ? []
        : [...damaged(entry.facts)].map((facts) => ({ ...entry, facts: parseFacts(facts) })),
    );
    for (const entry of odd) {
      for (const { rule } of analyzer.check(snapshotOf(analyzer, entry))) expect(analyzer.rules).toHaveProperty(rule);
    }
    expect(odd.length).toBeGreaterThan(15);
  },
);

test("an analyzer without objects has facts to be tried with", () => {
  const bare = tables.filter(({ fires }) => fires.every(({ given }) => given.flat().length === 0));
  expect(bare.filter((table) => !withFacts.includes(table))).toEqual([]);
});
