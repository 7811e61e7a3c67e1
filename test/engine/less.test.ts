/**
 * Reading less never finds more: of what is not read nothing is called missing, no analyzer fails, and the gap is told.
 * Every analyzer, over a broken cluster with one kind of object refused at a time, then one namespace asked for at a time.
 */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { openSaved } from "../../src/cluster/offline/offline.ts";
import { diagnose, kindsFor } from "../../src/engine/analyze.ts";
import type { Finding } from "../../src/findings/finding.ts";
import type { Report } from "../../src/findings/report.ts";
import { kindDefinition, type KindName, kindNames, resourceName } from "../../src/kube/kinds.ts";
import { keyOf } from "../../src/kube/object-ref.ts";
import { createSnapshot, type SnapshotInput } from "../../src/kube/snapshot.ts";

const shop = fileURLToPath(new URL("../../examples/broken-shop.tar.gz", import.meta.url));
const source = await openSaved(shop, { now: 0 });
const signal = new AbortController().signal;
const input = await source.read({ kinds: kindsFor(analyzers), scope: {}, customResources: true, signal });
const whole = diagnosed(input);

function diagnosed(given: SnapshotInput): Report {
  const options = { analyzers, scope: given.scope ?? {}, include: ["info", "risk"] } as const;
  return diagnose(createSnapshot(given), given, options);
}

function isProblem({ severity }: Finding): boolean {
  return severity === "critical" || severity === "warning";
}

/** The objects that the whole report calls bad, or the cause or part of something bad. */
const known = new Set(
  whole.findings
    .filter(isProblem)
    .flatMap(({ objects, owner, cause, related }) => [...objects, owner, cause, ...related])
    .flatMap((ref) => (ref === undefined ? [] : [keyOf(ref)])),
);
const missing = new Set(missingIn(whole));

/** What a report says does not exist. */
function missingIn({ findings }: Report): readonly string[] {
  return findings.flatMap(({ evidence }) =>
    evidence.flatMap((each) => (each.type === "missing" ? [keyOf(each.object)] : [])),
  );
}

/**
 * Problems of objects that are well by the whole report, and objects that exist by it. A symptom may take the place of a
 * cause that is not seen, on the same object: it is as true as before.
 */
function inventedBy(report: Report): readonly string[] {
  return [
    ...report.findings
      .filter(isProblem)
      .filter(({ objects }) => !objects.some((object) => known.has(keyOf(object))))
      .map(({ rule, object }) => `${rule} ${keyOf(object)}`),
    ...missingIn(report)
      .filter((key) => !missing.has(key))
      .map((key) => `missing ${key}`),
  ];
}

const present = kindNames.filter((kind) => (input.objects[kind] ?? []).length > 0);

describe.each(present)("without the right to read %s", (kind) => {
  const refused: SnapshotInput = {
    ...input,
    objects: { ...input.objects, [kind]: [] },
    reads: [
      ...input.reads.filter((read) => read.kind !== kind),
      { kind, state: "unread", reason: 'forbidden for user "ci"', status: 403 },
    ],
  };
  const report = diagnosed(refused);

  test("nothing is found that is not there with it", () => {
    expect(inventedBy(report)).toEqual([]);
  });

  test("no analyzer fails, and the gap is told", () => {
    expect(report.errors).toEqual([]);
    expect(report.complete).toBe(false);
    expect(report.coverage.map(({ what }) => what)).toContain(resourceName(kindDefinition(kind)));
  });
});

test("what is taken for complete and is not, is seen here", () => {
  const lying = { ...input, objects: { ...input.objects, Service: [], ConfigMap: [] } };
  expect(inventedBy(diagnosed(lying)).length).toBeGreaterThan(5);
});

const namespaces = (input.objects.Namespace ?? []).map(({ metadata }) => metadata?.name ?? "");

test.each(namespaces)("-n %s shows nothing of another namespace, and nothing new", (namespace) => {
  const narrowed: Partial<Record<KindName, readonly { readonly metadata?: { readonly namespace?: string } }[]>> = {};
  for (const kind of present) {
    narrowed[kind] = (input.objects[kind] ?? []).filter(
      (object: { readonly metadata?: { readonly namespace?: string } }) =>
        !kindDefinition(kind).namespaced || object.metadata?.namespace === namespace,
    );
  }
  const report = diagnosed({
    ...input,
    scope: { include: [namespace] },
    objects: narrowed,
    reads: input.reads.map((read) => (kindDefinition(read.kind).namespaced ? { ...read, namespace } : read)),
  });
  expect(report.errors).toEqual([]);
  const elsewhere = report.findings.filter(
    ({ object }) => object.namespace !== undefined && object.namespace !== namespace,
  );
  expect(elsewhere).toEqual([]);
  expect(inventedBy(report)).toEqual([]);
});
