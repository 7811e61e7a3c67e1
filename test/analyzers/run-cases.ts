import type { Analyzer } from "../../src/analyzers/define.ts";
import type { Observation } from "../../src/findings/finding.ts";
import { type CustomResource, isKnownKind, keepCustomObject } from "../../src/kube/custom-resources.ts";
import { keepObject } from "../../src/kube/keep.ts";
import { isKindName, type KindName, type KubeObject } from "../../src/kube/kinds.ts";
import { compareText, keyOf } from "../../src/kube/object-ref.ts";
import { createSnapshot, type KindRead, type Snapshot } from "../../src/kube/snapshot.ts";
import { ago, type Case, defaultAge, type Expected, type Manifest, takenAt } from "./cases.ts";

/** The manifests of a case in one list, with the metadata that a server would have set. */
export function manifestsOf({ given }: Case): readonly Manifest[] {
  return given.flat().map((manifest) => {
    const { kind, metadata } = manifest;
    const uid = `${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
    return { ...manifest, metadata: { uid, creationTimestamp: ago(defaultAge), ...metadata } };
  });
}

/** The snapshot of a case: the kinds that the analyzer declares are read, `unread` ones are not. */
export function snapshotOf(analyzer: Analyzer, testCase: Case): Snapshot {
  const declared = [...analyzer.needs, ...analyzer.uses];
  const objects: { [K in KindName]?: KubeObject[] } = {};
  const custom: CustomResource[] = [];
  for (const manifest of manifestsOf(testCase)) {
    const { kind, apiVersion } = manifest;
    const [group = "", version = ""] = apiVersion.split("/");
    if (analyzer.customResources === true && !isKnownKind(kind, group) && group.includes(".")) {
      const object = keepCustomObject(manifest);
      if (object !== undefined) custom.push({ group, version, kind, plural: `${kind.toLowerCase()}s`, object });
      continue;
    }
    if (!isKindName(kind)) throw new Error(`${testCase.name}: ${kind} is not a kind that k8sgpt reads`);
    if (!declared.includes(kind)) throw new Error(`${testCase.name}: ${analyzer.name} does not declare ${kind}`);
    if (testCase.unread?.includes(kind) === true) continue;
    const object = keepObject(kind, manifest, { readTls: true });
    if (object === undefined) throw new Error(`${testCase.name}: a ${kind} without a name`);
    (objects[kind] ??= []).push(object);
  }
  return snapshotFrom(analyzer, testCase, objects, custom);
}

/** A snapshot of these objects in which reading an undeclared kind fails the test. */
export function snapshotFrom(
  analyzer: Analyzer,
  testCase: Case,
  objects: { readonly [K in KindName]?: readonly KubeObject[] },
  customResources: readonly CustomResource[] = [],
): Snapshot {
  const declared = [...new Set([...analyzer.needs, ...analyzer.uses])];
  const reads: KindRead[] = declared.map((kind) =>
    testCase.unread?.includes(kind) === true
      ? { kind, state: "unread", reason: 'forbidden for user "ci"', status: 403 }
      : { kind, state: "complete" },
  );
  const snapshot = createSnapshot({
    takenAt,
    cluster: {
      name: "case",
      source: "saved",
      ...(testCase.serverVersion !== undefined && { serverVersion: testCase.serverVersion }),
    },
    ...(testCase.scope !== undefined && { scope: testCase.scope }),
    // Each list holds objects of its own kind: they were put there by kind.
    objects: objects as Parameters<typeof createSnapshot>[0]["objects"],
    reads,
    customResources,
    ...(testCase.logs !== undefined && { logs: testCase.logs }),
    ...(testCase.facts !== undefined && { facts: testCase.facts }),
  });
  const mustBeDeclared = (kind: KindName): void => {
    if (!declared.includes(kind)) throw new Error(`${analyzer.name} reads ${kind} without declaring it`);
  };
  return {
    ...snapshot,
    list: (kind) => (mustBeDeclared(kind), snapshot.list(kind)),
    inNamespace: (kind, namespace) => (mustBeDeclared(kind), snapshot.inNamespace(kind, namespace)),
    get: (kind, namespace, name) => {
      // Whether a namespace is going away is asked by every guard; it is silent when namespaces were not read.
      if (kind !== "Namespace") mustBeDeclared(kind);
      return snapshot.get(kind, namespace, name);
    },
    isComplete: (kind, namespace) => (mustBeDeclared(kind), snapshot.isComplete(kind, namespace)),
  };
}

/** What the analyzer says, in the form in which cases expect it. */
export function saidOf(
  analyzer: Analyzer,
  snapshot: Snapshot,
): readonly Required<Pick<Expected, "rule" | "object" | "severity">>[] {
  return [...analyzer.check(snapshot)].map((observation) => expectedForm(analyzer, observation));
}

function expectedForm(
  analyzer: Analyzer,
  observation: Observation,
): Required<Pick<Expected, "rule" | "object" | "severity">> & Expected {
  const rule = analyzer.rules[observation.rule];
  if (rule === undefined) throw new Error(`${analyzer.name}: no rule ${observation.rule}`);
  const allowed = typeof rule.severity === "string" ? [rule.severity] : rule.severity;
  const severity = observation.severity ?? allowed[0];
  if (severity === undefined || !allowed.includes(severity)) {
    throw new Error(`${observation.rule}: severity ${severity} is not among ${allowed.join(", ")}`);
  }
  if (observation.severity === undefined && allowed.length > 1) {
    throw new Error(`${observation.rule} allows several severities: the observation must say which`);
  }
  return {
    rule: observation.rule,
    object: keyOf(observation.object),
    severity,
    ...(observation.because !== undefined && { because: observation.because }),
    ...(observation.cause !== undefined && { cause: keyOf(observation.cause) }),
  };
}

function order(a: Expected, b: Expected): number {
  return compareText(a.rule, b.rule) || compareText(a.object, b.object);
}

/** Cuts what was said down to the fields that the expectation names, so that a case says only what it is about. */
export function comparable(
  said: readonly Expected[],
  expected: readonly Expected[],
): { said: unknown; expected: unknown } {
  const wanted = [...expected].sort(order);
  return {
    said: [...said].sort(order).map((entry, index) => {
      const fields = Object.keys(wanted[index] ?? entry);
      return Object.fromEntries(Object.entries(entry).filter(([key]) => fields.includes(key)));
    }),
    expected: wanted,
  };
}
