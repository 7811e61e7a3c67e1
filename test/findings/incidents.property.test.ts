/** What holds for the incidents of any cluster, over generated ones: workloads, their Pods, Services, Ingresses, nodes, claims. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { correlate } from "../../src/findings/correlate.ts";
import { fact } from "../../src/findings/evidence.ts";
import type { Depth, Finding, Observation, RuleTable } from "../../src/findings/finding.ts";
import { foldFindings } from "../../src/findings/fold.ts";
import { compareSeverity, severities } from "../../src/findings/severity.ts";
import { keepObject } from "../../src/kube/keep.ts";
import type { KindName, KubeObject } from "../../src/kube/kinds.ts";
import { keyOf, namedRef, type ObjectRef } from "../../src/kube/object-ref.ts";
import { createSnapshot, type Snapshot } from "../../src/kube/snapshot.ts";

/** Rules of every depth, with the kind of object that each is about. */
const ruleKinds = {
  "node-unreachable": ["Node", 1],
  "node-pressure-disk": ["Node", 1],
  "webhook-backend-missing": ["ValidatingWebhookConfiguration", 2],
  "quota-exhausted": ["ResourceQuota", 3],
  "create-blocked-quota": ["ReplicaSet", 3],
  "configmap-missing": ["ConfigMap", 4],
  "pvc-pending-class-missing": ["PersistentVolumeClaim", 4],
  "image-not-found": ["Pod", 4],
  "pod-create-config-error": ["Pod", 5],
  "container-exit-loop": ["Pod", 6],
  "container-oom-killed": ["Pod", 6],
  "pod-stuck-terminating": ["Pod", 6],
  "replicas-short": ["Deployment", 7],
  "deployment-rollout-stuck": ["Deployment", 7],
  "service-no-ready-endpoints": ["Service", 7],
  "ingress-backend-no-endpoints": ["Ingress", 7],
} as const satisfies Record<string, readonly [string, Depth]>;

const rules: RuleTable = Object.fromEntries(
  Object.entries(ruleKinds).map(([id, [, depth]]) => [
    id,
    { severity: [...severities], depth, message: id, fix: "f", source: "s" },
  ]),
);

/** A generated cluster: how many Pods each workload has, on which nodes; `suffix` is what a restart changes. */
interface Shape {
  readonly workloads: readonly (readonly number[])[];
}

const nodes = ["n0", "n1", "n2"];

function placeOf(index: number): string {
  return index % 2 === 0 ? "shop" : "data";
}

function podName(index: number, pod: number, suffix: string): string {
  return `w${index}-1-${suffix}${pod}`;
}

function snapshotOf({ workloads }: Shape, suffix: string, uid = "cluster-1"): Snapshot {
  const objects: Partial<Record<KindName, KubeObject[]>> = {};
  const add = (
    kind: KindName,
    namespace: string | undefined,
    name: string,
    more: object = {},
    meta: object = {},
  ): void => {
    const metadata = {
      name,
      ...(namespace !== undefined && { namespace }),
      uid: `${kind}-${namespace ?? ""}-${name}`,
      ...meta,
    };
    const object = keepObject(kind, { kind, metadata, ...more });
    if (object !== undefined) (objects[kind] ??= []).push(object);
  };
  add("Namespace", undefined, "kube-system", {}, { uid });
  for (const name of nodes) add("Node", undefined, name);
  for (const [index, pods] of workloads.entries()) {
    const place = placeOf(index);
    const app = `w${index}`;
    const owned = (kind: string, name: string): object => ({
      ownerReferences: [{ kind, name, uid: `${kind}-${place}-${name}`, controller: true }],
    });
    const spec = {
      containers: [{ name: "app", envFrom: [{ configMapRef: { name: "settings" } }] }],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
    };
    add("Deployment", place, app, { spec: { template: { spec } } });
    add("ReplicaSet", place, `${app}-1`, { spec: { template: { spec } } }, owned("Deployment", app));
    for (const [pod, node] of pods.entries()) {
      add(
        "Pod",
        place,
        podName(index, pod, suffix),
        { spec: { nodeName: nodes[node % nodes.length], ...spec } },
        {
          labels: { app },
          uid: `${suffix}-${index}-${pod}`,
          ...owned("ReplicaSet", `${app}-1`),
        },
      );
    }
    add("Service", place, app, { spec: { selector: { app } } });
    add("Ingress", place, app, {
      spec: {
        rules: [
          {
            host: `${app}.example`,
            http: { paths: [{ path: "/", backend: { service: { name: app, port: { number: 80 } } } }] },
          },
        ],
      },
    });
  }
  return createSnapshot({
    takenAt: 100_000_000,
    cluster: { name: "generated", source: "saved" },
    // Each list was filled with objects of its own kind.
    objects: objects as Parameters<typeof createSnapshot>[0]["objects"],
    reads: [{ kind: "ConfigMap", state: "complete" }],
  });
}

/** What was seen, without names: `workload` and `pod` choose the object. */
interface Seen {
  readonly rule: keyof typeof ruleKinds;
  readonly workload: number;
  readonly pod: number;
  readonly severity: (typeof severities)[number];
  readonly namesCause: boolean;
  readonly since: number | undefined;
}

function observe(
  { rule, workload, pod, severity, namesCause, since }: Seen,
  { workloads }: Shape,
  suffix: string,
): Observation {
  const index = workload % workloads.length;
  const place = placeOf(index);
  const [kind] = ruleKinds[rule];
  const pods = workloads[index] ?? [];
  const names: Readonly<Record<string, ObjectRef>> = {
    Node: namedRef("Node", undefined, nodes[pod % nodes.length] ?? "n0"),
    ValidatingWebhookConfiguration: namedRef("ValidatingWebhookConfiguration", undefined, "hook"),
    ResourceQuota: namedRef("ResourceQuota", place, "quota"),
    ConfigMap: namedRef("ConfigMap", place, "settings"),
    PersistentVolumeClaim: namedRef("PersistentVolumeClaim", place, "data"),
    ReplicaSet: namedRef("ReplicaSet", place, `w${index}-1`),
    Pod: namedRef("Pod", place, podName(index, pods.length === 0 ? 0 : pod % pods.length, suffix)),
  };
  const object = names[kind] ?? namedRef(kind, place, `w${index}`);
  const causes: Readonly<Record<string, ObjectRef | undefined>> = {
    "pod-create-config-error": names["ConfigMap"],
    "pod-stuck-terminating": names["Node"],
    "create-blocked-quota": names["ResourceQuota"],
    "ingress-backend-no-endpoints": namedRef("Service", place, `w${index}`),
  };
  const cause = namesCause ? causes[rule] : undefined;
  return {
    rule,
    object,
    severity,
    evidence: [fact(object, "n", 1)],
    ...(cause !== undefined && { cause }),
    ...(since !== undefined && { since }),
  };
}

const shapes = fc.record({
  workloads: fc.array(fc.array(fc.nat(2), { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
});
const seen = fc.array(
  fc.record({
    rule: fc.constantFrom(...(Object.keys(ruleKinds) as (keyof typeof ruleKinds)[])),
    workload: fc.nat(3),
    pod: fc.nat(2),
    severity: fc.constantFrom(...severities),
    namesCause: fc.boolean(),
    since: fc.option(fc.integer({ min: 1, max: 90_000_000 }), { nil: undefined }),
  }),
  { maxLength: 24 },
);

function folded(
  shape: Shape,
  all: readonly Seen[],
  suffix = "a",
  uid?: string,
): { snapshot: Snapshot; findings: readonly Finding[] } {
  const snapshot = snapshotOf(shape, suffix, uid);
  return {
    snapshot,
    findings: foldFindings(
      snapshot,
      all.map((each) => ({ analyzer: "T", rules, observation: observe(each, shape, suffix) })),
    ),
  };
}

const runs = { numRuns: 150 };

describe("incidents of generated clusters", () => {
  test("nothing vanishes, nothing is told twice, severities never shrink", () => {
    fc.assert(
      fc.property(shapes, seen, (shape, all) => {
        const { snapshot, findings } = folded(shape, all);
        const incidents = correlate(snapshot, findings);
        expect(incidents.flatMap(({ members }) => members.map(({ id }) => id)).sort()).toEqual(
          findings.map(({ id }) => id).sort(),
        );
        for (const { severity, members, root } of incidents) {
          expect(members[0]).toBe(root);
          expect([...members].sort((a, b) => compareSeverity(a.severity, b.severity))[0]?.severity).toBe(severity);
        }
      }),
      runs,
    );
  });

  test("the order of what comes in never matters", () => {
    fc.assert(
      fc.property(shapes, seen, fc.nat(), (shape, all, turn) => {
        const { snapshot, findings } = folded(shape, all);
        const at = findings.length === 0 ? 0 : turn % findings.length;
        const turned = [...findings.slice(at), ...findings.slice(0, at)].toReversed();
        expect(correlate(snapshot, turned)).toEqual(correlate(snapshot, findings));
        expect(folded(shape, all.toReversed()).findings.map(({ id }) => id)).toEqual(findings.map(({ id }) => id));
      }),
      runs,
    );
  });

  test("a root is a roll-up only where all members are, and risks stand alone", () => {
    fc.assert(
      fc.property(shapes, seen, (shape, all) => {
        const { snapshot, findings } = folded(shape, all);
        const odd = correlate(snapshot, findings).filter(
          ({ root, members }) =>
            (root.depth === 7 && members.some(({ depth }) => depth < 7)) ||
            (members.length > 1 && members.some(({ severity }) => severity === "risk")),
        );
        expect(odd).toEqual([]);
      }),
      runs,
    );
  });

  test("across namespaces only where a cluster-scoped object is the cause", () => {
    fc.assert(
      fc.property(shapes, seen, (shape, all) => {
        const { snapshot, findings } = folded(shape, all);
        const odd = correlate(snapshot, findings).filter(({ root, members }) => {
          const places = new Set(members.flatMap(({ object }) => object.namespace ?? []));
          return places.size > 1 && (root.object.namespace ?? root.cause?.namespace) !== undefined;
        });
        expect(odd).toEqual([]);
      }),
      runs,
    );
  });

  test("without its root's finding, every symptom is still told", () => {
    fc.assert(
      fc.property(shapes, seen, (shape, all) => {
        const { snapshot, findings } = folded(shape, all);
        const [first] = correlate(snapshot, findings);
        if (first === undefined) return;
        const rest = findings.filter((finding) => finding !== first.root);
        const told = new Set(correlate(snapshot, rest).flatMap(({ members }) => members.map(({ id }) => id)));
        expect(first.members.slice(1).filter(({ id }) => !told.has(id))).toEqual([]);
      }),
      runs,
    );
  });

  test("ids survive new Pods of the same workloads, and differ from cluster to cluster", () => {
    fc.assert(
      fc.property(shapes, seen, (shape, all) => {
        // A workload without Pods has Pods that are nowhere: their names are all that is known of them.
        const owned = all.filter(
          ({ rule, workload }) =>
            ruleKinds[rule][0] !== "Pod" || (shape.workloads[workload % shape.workloads.length] ?? []).length > 0,
        );
        const before = folded(shape, owned, "a");
        const after = folded(shape, owned, "b");
        const ids = ({ snapshot, findings }: typeof before): readonly string[] =>
          correlate(snapshot, findings)
            .map(({ id }) => id)
            .sort();
        expect(ids(after)).toEqual(ids(before));
        const elsewhere = new Set(ids(folded(shape, owned, "a", "cluster-2")));
        expect(ids(before).filter((id) => elsewhere.has(id))).toEqual([]);
      }),
      runs,
    );
  });

  test("what an incident refers to exists: links, contributions, shared findings", () => {
    fc.assert(
      fc.property(shapes, seen, (shape, all) => {
        const { snapshot, findings } = folded(shape, all);
        const known = new Set(findings.map(({ id }) => id));
        for (const {
          root,
          members,
          links = [],
          contributing = [],
          possiblyRelated = [],
          alsoExplains = [],
        } of correlate(snapshot, findings)) {
          const own = new Set(members.map(({ id }) => id));
          expect(links.map(({ finding }) => finding).sort()).toEqual([...own].filter((id) => id !== root.id).sort());
          expect(links.every(({ explainedBy }) => own.has(explainedBy))).toBe(true);
          expect(
            [...contributing, ...possiblyRelated].every(
              ({ finding }) => finding === undefined || (known.has(finding) && !own.has(finding)),
            ),
          ).toBe(true);
          expect(alsoExplains.every(({ id }) => known.has(id) && !own.has(id))).toBe(true);
          expect(members.every(({ object }) => keyOf(object) !== "")).toBe(true);
        }
      }),
      runs,
    );
  });
});
