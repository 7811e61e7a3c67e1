import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { correlate } from "../../src/findings/correlate.ts";
import { fact } from "../../src/findings/evidence.ts";
import type { Depth, Finding, Observation, RuleTable } from "../../src/findings/finding.ts";
import { foldFindings } from "../../src/findings/fold.ts";
import { compareSeverity } from "../../src/findings/severity.ts";
import { keepObject } from "../../src/kube/keep.ts";
import type { KindName, KubeObject } from "../../src/kube/kinds.ts";
import { keyOf, namedRef, type ObjectRef } from "../../src/kube/object-ref.ts";
import { createSnapshot, type Snapshot } from "../../src/kube/snapshot.ts";
import { yaml } from "../analyzers/cases.ts";

const town = yaml`
  apiVersion: v1
  kind: Namespace
  metadata: { name: kube-system, uid: cluster-1 }
  ---
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: web, namespace: shop, uid: d }
  spec: { template: { spec: { containers: [{ name: app, envFrom: [{ configMapRef: { name: settings } }] }] } } }
  ---
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata: { name: web-1, namespace: shop, uid: r, ownerReferences: [{ kind: Deployment, name: web, uid: d, controller: true }] }
  ---
  apiVersion: v1
  kind: Service
  metadata: { name: web, namespace: shop, uid: s }
  spec: { selector: { app: web } }
  ---
  apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: { name: web, namespace: shop, uid: i }
  spec: { rules: [{ host: shop.example, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }] }
  ---
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: other, namespace: shop, uid: d2 }
`;
const pods = ["a", "b", "c"].flatMap(
  (name) => yaml`
    apiVersion: v1
    kind: Pod
    metadata: { name: web-1-${name}, namespace: shop, uid: p-${name}, labels: { app: web }, ownerReferences: [{ kind: ReplicaSet, name: web-1, uid: r, controller: true }] }
    spec: { nodeName: n1, containers: [{ name: app, envFrom: [{ configMapRef: { name: settings } }] }] }
  `,
);

const snapshot: Snapshot = (() => {
  const objects: Partial<Record<KindName, KubeObject[]>> = {};
  for (const manifest of [...town, ...pods]) {
    const kind = manifest.kind as KindName;
    const object = keepObject(kind, manifest);
    if (object !== undefined) (objects[kind] ??= []).push(object);
  }
  return createSnapshot({
    takenAt: 10_000_000,
    cluster: { name: "t", source: "saved" },
    objects: objects as Parameters<typeof createSnapshot>[0]["objects"],
    reads: [{ kind: "ConfigMap", state: "complete" }],
  });
})();

function rule(depth: Depth): RuleTable[string] {
  return {
    severity: ["critical", "warning", "info"],
    depth,
    message: "m",
    fix: "f",
    source: "s",
    commands: ["kubectl get {kind} {name} -n {namespace}", "kubectl logs {container}"],
  };
}

const rules: RuleTable = {
  "configmap-missing": rule(4),
  "pod-create-config-error": rule(6),
  "replicas-short": rule(7),
  "deployment-unavailable": rule(7),
  "service-no-ready-endpoints": rule(7),
  "ingress-backend-no-endpoints": rule(7),
  "create-blocked-quota": rule(3),
  "node-not-ready": rule(1),
};

const ref = {
  configMap: namedRef("ConfigMap", "shop", "settings"),
  pod: (name: string) => namedRef("Pod", "shop", `web-1-${name}`),
  deployment: namedRef("Deployment", "shop", "web"),
  other: namedRef("Deployment", "shop", "other"),
  service: namedRef("Service", "shop", "web"),
  ingress: namedRef("Ingress", "shop", "web"),
  node: namedRef("Node", undefined, "n1"),
};

function observe(id: string, object: ObjectRef, more: Partial<Observation> = {}): Observation {
  return { rule: id, object, evidence: [fact(object, "n", 1)], severity: "critical", ...more };
}

function idOf(pod: string, container: string): string | undefined {
  return findingsOf([observe("pod-create-config-error", ref.pod(pod), { discriminator: container })])[0]?.id;
}

function findingsOf(observations: readonly Observation[]): readonly Finding[] {
  return foldFindings(
    snapshot,
    observations.map((observation) => ({ analyzer: "T", rules, observation })),
  );
}

const whole = [
  observe("configmap-missing", ref.configMap, { related: [ref.deployment] }),
  ...["a", "b", "c"].map((name) =>
    observe("pod-create-config-error", ref.pod(name), { cause: ref.configMap, since: 5000 }),
  ),
  observe("deployment-unavailable", ref.deployment, { severity: "warning" }),
  observe("service-no-ready-endpoints", ref.service),
  observe("ingress-backend-no-endpoints", ref.ingress, { cause: ref.service }),
];

describe("folding replicas", () => {
  test("three Pods of one Deployment with one fault are one finding", () => {
    const [finding, ...rest] = findingsOf(
      ["c", "a", "b"].map((name, index) => observe("pod-create-config-error", ref.pod(name), { since: 100 + index })),
    );
    expect(rest).toEqual([]);
    expect(finding?.objects.map(keyOf)).toEqual(["Pod/shop/web-1-a", "Pod/shop/web-1-b", "Pod/shop/web-1-c"]);
    expect(finding?.owner).toMatchObject({ kind: "Deployment", name: "web" });
    expect(finding?.since).toBe(100);
  });

  test("another container, particular or cause is another finding", () => {
    const found = findingsOf([
      observe("pod-create-config-error", ref.pod("a"), { discriminator: "app" }),
      observe("pod-create-config-error", ref.pod("a"), { discriminator: "proxy" }),
      observe("pod-create-config-error", ref.pod("a"), { discriminator: "app", because: "x" }),
      observe("pod-create-config-error", ref.pod("a"), { discriminator: "app", cause: ref.configMap }),
    ]);
    expect(found.length).toBe(4);
  });

  test("the id survives a restart of the Pods and differs between rules and containers", () => {
    expect(idOf("a", "app")).toBe(idOf("b", "app"));
    expect(idOf("a", "app")).not.toBe(idOf("a", "proxy"));
    expect(idOf("a", "app")).toMatch(/^[0-9a-f]{12}$/);
  });

  test("a command with an unknown word is left out, odd names are quoted", () => {
    const [finding] = findingsOf([observe("pod-create-config-error", namedRef("Pod", "shop", "a; rm -rf"))]);
    expect(finding?.commands).toEqual(["kubectl get pod 'a; rm -rf' -n shop"]);
  });
});

describe("incidents", () => {
  test("a missing ConfigMap explains Pods, Deployment, Service and Ingress", () => {
    const incidents = correlate(snapshot, findingsOf(whole));
    expect(incidents.map(({ root, members }) => [root.rule, members.map((member) => member.rule)])).toEqual([
      [
        "configmap-missing",
        [
          "configmap-missing",
          "pod-create-config-error",
          "ingress-backend-no-endpoints",
          "service-no-ready-endpoints",
          "deployment-unavailable",
        ],
      ],
    ]);
    const [incident] = incidents;
    expect(
      incident?.chain.map(
        (step) => `${keyOf(step)}${step.missing ? " missing" : ""}${step.count ? ` x${step.count}` : ""}`,
      ),
    ).toEqual([
      "ConfigMap/shop/settings missing",
      "Pod/shop/web-1-a x3",
      "Deployment/shop/web",
      "Service/shop/web",
      "Ingress/shop/web",
    ]);
    expect(incident?.affected.workloads.map(keyOf)).toEqual(["Deployment/shop/web"]);
    expect(incident?.affected.hosts).toEqual(["shop.example"]);
  });

  test("without the root's finding the symptoms are still there", () => {
    const incidents = correlate(snapshot, findingsOf(whole.slice(1)));
    expect(incidents.map(({ root }) => root.rule)).toEqual(["pod-create-config-error"]);
    expect(incidents[0]?.chain[0]).toMatchObject({ kind: "ConfigMap", missing: true });
  });

  test("two workloads blocked by one quota are one incident, by two quotas two", () => {
    const quota = namedRef("ResourceQuota", "shop", "q");
    const blocked = (cause: ObjectRef): Observation[] => [
      observe("create-blocked-quota", ref.deployment, { cause: quota }),
      observe("create-blocked-quota", ref.other, { cause }),
    ];
    expect(correlate(snapshot, findingsOf(blocked(quota))).length).toBe(1);
    expect(correlate(snapshot, findingsOf(blocked(namedRef("ResourceQuota", "shop", "q2")))).length).toBe(2);
  });

  test("an unrelated roll-up stays alone, and a cause that began later explains nothing", () => {
    const separate = correlate(snapshot, findingsOf([...whole, observe("deployment-unavailable", ref.other)]));
    expect(separate.map(({ root }) => keyOf(root.object)).sort()).toEqual([
      "ConfigMap/shop/settings",
      "Deployment/shop/other",
    ]);
    const late = correlate(
      snapshot,
      findingsOf([
        observe("pod-create-config-error", ref.pod("a"), { since: 9_000_000 }),
        observe("deployment-unavailable", ref.deployment, { since: 1000 }),
      ]),
    );
    expect(late.length).toBe(2);
  });

  test("nothing vanishes, severities never shrink, the order of input never matters", () => {
    const pool = [
      ...whole,
      observe("deployment-unavailable", ref.other, { severity: "info" }),
      observe("node-not-ready", ref.node),
      observe("replicas-short", ref.deployment, { severity: "warning" }),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(pool), (observations) => {
        const findings = findingsOf(observations);
        const incidents = correlate(snapshot, findings);
        expect(incidents.flatMap(({ members }) => members.map(({ id }) => id)).sort()).toEqual(
          findings.map(({ id }) => id).sort(),
        );
        for (const { severity, members } of incidents) {
          expect(members.every((member) => compareSeverity(severity, member.severity) <= 0)).toBe(true);
        }
        const sorted = correlate(snapshot, findingsOf(pool.filter((entry) => observations.includes(entry))));
        expect(incidents).toEqual(sorted);
      }),
    );
  });
});

describe("what stands beside an incident", () => {
  const lost = observe("node-not-ready", ref.node, { since: 1000 });

  test("a roll-up belongs to what explains most of its Pods; the other cause is told", () => {
    // One Pod is on the lost node and says nothing itself; two wait for a ConfigMap.
    const waiting = ["a", "b"].map((name) => observe("pod-create-config-error", ref.pod(name), { since: 2000 }));
    const incidents = correlate(
      snapshot,
      findingsOf([lost, ...waiting, observe("deployment-unavailable", ref.deployment, { since: 3000 })]),
    );
    const [most] = incidents.filter(({ members }) => members.some(({ rule: id }) => id === "deployment-unavailable"));
    expect(most?.root.rule).toBe("pod-create-config-error");
    expect(most?.contributing).toEqual([
      { object: namedRef("Node", undefined, "n1"), what: "m", finding: expect.any(String) },
    ]);
    const node = incidents.find(({ root }) => root.rule === "node-not-ready");
    expect(node?.alsoExplains?.map(({ rule: id }) => id)).toContain("deployment-unavailable");
  });

  test("how each symptom hangs on its cause", () => {
    const [incident] = correlate(snapshot, findingsOf(whole));
    const ids = new Map(incident?.members.map(({ id, rule: name }) => [id, name]));
    expect(incident?.confidence).toBe("strong");
    expect(
      incident?.links
        ?.map(({ finding, explainedBy, strength }) => `${ids.get(finding)} <- ${ids.get(explainedBy)} (${strength})`)
        .sort(),
    ).toEqual([
      "deployment-unavailable <- configmap-missing (exact)",
      "ingress-backend-no-endpoints <- service-no-ready-endpoints (exact)",
      "pod-create-config-error <- configmap-missing (exact)",
      "service-no-ready-endpoints <- configmap-missing (strong)",
    ]);
  });

  test("what could not be read and may hold the cause is said", () => {
    const partial = createSnapshot({
      takenAt: 10_000_000,
      cluster: { name: "t", source: "saved" },
      objects: {},
      reads: [
        { kind: "ConfigMap", state: "unread", reason: 'forbidden for user "ci"' },
        { kind: "Secret", namespace: "other", state: "unread", reason: "forbidden" },
      ],
    });
    const findings = foldFindings(partial, [
      { analyzer: "T", rules, observation: observe("pod-create-config-error", ref.pod("a")) },
    ]);
    const [incident] = correlate(partial, findings);
    // Another namespace's Secrets cannot be the cause.
    expect(incident?.hiddenBy).toEqual([{ what: "configmaps", reason: 'forbidden for user "ci"' }]);
  });
});
