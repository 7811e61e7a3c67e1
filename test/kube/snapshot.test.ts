import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { causesOf } from "../../src/kube/graph.ts";
import { keepObject } from "../../src/kube/keep.ts";
import { type KindName, kindDefinition, kindNames, type KubeObject } from "../../src/kube/kinds.ts";
import { keyOf, namedRef } from "../../src/kube/object-ref.ts";
import { ownersOf, podsOwnedBy, referencesOf, topOwnerOf } from "../../src/kube/relations.ts";
import { createSnapshot, type KindRead, type Snapshot } from "../../src/kube/snapshot.ts";
import { type Manifest, yaml } from "../analyzers/cases.ts";

function snapshotOf(manifests: readonly Manifest[], reads: readonly KindRead[] = []): Snapshot {
  const objects: Partial<Record<KindName, KubeObject[]>> = {};
  for (const manifest of manifests) {
    const kind = manifest.kind as KindName;
    const object = keepObject(kind, manifest);
    if (object !== undefined) (objects[kind] ??= []).push(object);
  }
  return createSnapshot({
    takenAt: 0,
    cluster: { name: "t", source: "saved" },
    objects: objects as Parameters<typeof createSnapshot>[0]["objects"],
    reads,
  });
}

const shop = yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: web, namespace: shop, uid: d }
  ---
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata: { name: web-1, namespace: shop, uid: r, ownerReferences: [{ kind: Deployment, name: web, uid: d, controller: true }] }
  ---
  apiVersion: v1
  kind: Pod
  metadata: { name: web-1-a, namespace: shop, uid: p, ownerReferences: [{ kind: ReplicaSet, name: web-1, uid: r, controller: true }] }
  spec:
    nodeName: n1
    serviceAccountName: web
    imagePullSecrets: [{ name: pull }]
    containers:
      - name: app
        image: web
        envFrom: [{ configMapRef: { name: settings } }]
        env: [{ name: A, valueFrom: { secretKeyRef: { name: keys, key: a, optional: true } } }]
    volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
`;

describe("owners", () => {
  test("a Pod's chain ends at the Deployment", () => {
    const snapshot = snapshotOf(shop);
    const pod = snapshot.get("Pod", "shop", "web-1-a");
    expect(pod && ownersOf(snapshot, pod).map(keyOf)).toEqual(["ReplicaSet/shop/web-1", "Deployment/shop/web"]);
    expect(podsOwnedBy(snapshot, "d").map(({ metadata }) => metadata?.name)).toEqual(["web-1-a"]);
  });

  test("the chain ends at the last reference when an owner was not read", () => {
    const snapshot = snapshotOf(
      yaml`
        apiVersion: apps/v1
        kind: ReplicaSet
        metadata: { name: web-1, namespace: shop, uid: r, ownerReferences: [{ kind: Rollout, name: web, uid: x, controller: true }] }
        ---
        apiVersion: v1
        kind: Pod
        metadata: { name: a, namespace: shop, ownerReferences: [{ kind: ReplicaSet, name: web-1, uid: r, controller: true }] }
      `,
    );
    const pod = snapshot.get("Pod", "shop", "a");
    expect(pod && topOwnerOf(snapshot, pod)).toMatchObject({ kind: "Rollout", name: "web" });
  });

  test("owners in a loop terminate", () => {
    const snapshot = snapshotOf(
      yaml`
        apiVersion: apps/v1
        kind: ReplicaSet
        metadata: { name: a, namespace: shop, uid: a, ownerReferences: [{ kind: ReplicaSet, name: b, uid: b, controller: true }] }
        ---
        apiVersion: apps/v1
        kind: ReplicaSet
        metadata: { name: b, namespace: shop, uid: b, ownerReferences: [{ kind: ReplicaSet, name: a, uid: a, controller: true }] }
      `,
    );
    const first = snapshot.get("ReplicaSet", "shop", "a");
    expect(first && ownersOf(snapshot, first).length).toBe(2);
  });
});

test("referencesOf finds every name with its path", () => {
  const pod = snapshotOf(shop).get("Pod", "shop", "web-1-a");
  expect(
    referencesOf(pod?.spec).map(({ kind, name, path, optional }) => `${kind} ${name} ${path}${optional ? "?" : ""}`),
  ).toEqual([
    "ConfigMap settings containers[app].envFrom",
    "Secret keys containers[app].env[A]?",
    "PersistentVolumeClaim data volumes[data]",
    "Secret pull imagePullSecrets",
    "ServiceAccount web serviceAccountName",
  ]);
});

test("causesOf names what can break a Pod, missing objects included", () => {
  const snapshot = snapshotOf(shop);
  expect(
    causesOf(snapshot, namedRef("Pod", "shop", "web-1-a")).map(({ kind, from }) => `${kind} ${keyOf(from)}`),
  ).toEqual([
    "ref ConfigMap/shop/settings",
    "ref Secret/shop/keys",
    "mount PersistentVolumeClaim/shop/data",
    "ref Secret/shop/pull",
    "ref ServiceAccount/shop/web",
    "node Node/n1",
    "mount CSINode/n1",
    "image ImageHost/docker.io",
    "template ReplicaSet/shop/web-1",
  ]);
});

describe("what is known", () => {
  const reads: KindRead[] = [
    { kind: "Pod", state: "complete" },
    { kind: "Secret", state: "unread", reason: "forbidden" },
    { kind: "Secret", namespace: "shop", state: "complete" },
    { kind: "Ingress", state: "absent" },
    { kind: "Service", state: "partial" },
  ];
  test.each([
    ["Pod", "any", true],
    ["Secret", "shop", true],
    ["Secret", "other", false],
    ["Secret", undefined, false],
    ["Ingress", "shop", true],
    ["Service", "shop", false],
    ["Node", undefined, false],
  ] as const)("%s in %s: absence is proven: %s", (kind, namespace, expected) => {
    expect(snapshotOf([], reads).isComplete(kind, namespace)).toBe(expected);
  });
  test("an excluded namespace was left out: nothing in it is proven missing", () => {
    const snapshot = createSnapshot({
      takenAt: 0,
      cluster: { name: "t", source: "live" },
      scope: { exclude: ["secret"] },
      objects: {},
      reads: [
        { kind: "Pod", state: "complete" },
        { kind: "Node", state: "complete" },
      ],
    });
    expect([
      snapshot.isComplete("Pod", "shop"),
      snapshot.isComplete("Pod", "secret"),
      snapshot.isComplete("Pod"),
    ]).toEqual([true, false, false]);
    expect(snapshot.isComplete("Node")).toBe(true);
  });
  test("a kind that the server does not serve", () => {
    expect(snapshotOf([], reads).isServed("Ingress")).toBe(false);
    expect(snapshotOf([], reads).isServed("Pod")).toBe(true);
  });
});

function pods(order: readonly string[]): readonly Manifest[] {
  return order.map((name) => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "x" } }));
}

test("the order of arrival plays no part", () => {
  const names = ["b", "a", "a-b", "a.b", "ab"];
  const inOrder = snapshotOf(pods(names)).list("Pod");
  fc.assert(
    fc.property(fc.shuffledSubarray(names, { minLength: names.length }), (order) => {
      expect(snapshotOf(pods(order)).list("Pod")).toEqual(inOrder);
    }),
  );
});

test("events belong by uid, else by name; both API generations are read", () => {
  const snapshot = snapshotOf([
    ...shop,
    ...yaml`
      apiVersion: v1
      kind: Event
      metadata: { name: e1, namespace: shop }
      reason: BackOff
      type: Warning
      count: 4
      lastTimestamp: "2026-01-01T00:00:10Z"
      involvedObject: { kind: Pod, namespace: shop, name: web-1-a, uid: p }
      ---
      apiVersion: v1
      kind: Event
      metadata: { name: e2, namespace: shop }
      reason: Unhealthy
      type: Warning
      eventTime: "2026-01-01T00:00:00.000000Z"
      series: { count: 7, lastObservedTime: "2026-01-01T00:00:20.000000Z" }
      involvedObject: { kind: Pod, namespace: shop, name: web-1-a }
      ---
      apiVersion: v1
      kind: Event
      metadata: { name: e3, namespace: shop }
      reason: Old
      involvedObject: { kind: Pod, namespace: shop, name: web-1-a, uid: another }
    `,
  ]);
  const found = snapshot.eventsOf(namedRef("Pod", "shop", "web-1-a"));
  expect(found.map(({ reason, count }) => [reason, count])).toEqual([
    ["Unhealthy", 7],
    ["BackOff", 4],
  ]);
});

describe("keepObject", () => {
  test("leaves values of Secrets and ConfigMaps and literal environment values behind", () => {
    const secret = keepObject("Secret", {
      metadata: { name: "s" },
      data: { key: "canary" },
      stringData: { a: "canary" },
    });
    const configMap = keepObject("ConfigMap", { metadata: { name: "c" }, data: { b: "canary", a: "canary" } });
    const pod = keepObject("Pod", {
      metadata: {
        name: "p",
        annotations: { "kubectl.kubernetes.io/last-applied-configuration": "canary", kept: "yes" },
      },
      spec: { containers: [{ name: "app", env: [{ name: "A", value: "canary" }] }] },
    });
    const applied = JSON.stringify({
      spec: { replicas: 2, template: { env: "canary" } },
      data: { replicas: "canary" },
    });
    const deployment = keepObject("Deployment", {
      metadata: { name: "d", annotations: { "kubectl.kubernetes.io/last-applied-configuration": applied } },
    });
    expect(JSON.stringify([secret, configMap, pod, deployment])).not.toContain("canary");
    expect(deployment?.metadata?.annotations).toEqual({
      "kubectl.kubernetes.io/last-applied-configuration": '{"spec":{"replicas":2}}',
    });
    expect(configMap?.dataKeys).toEqual(["a", "b"]);
    expect(pod?.metadata?.annotations).toEqual({ kept: "yes" });
  });

  test("reads the keys of a ConfigMap from managedFields when there is no data", () => {
    const partial = {
      metadata: { name: "c", managedFields: [{ fieldsV1: { "f:data": { ".": {}, "f:a.yaml": {} } } }] },
    };
    expect(keepObject("ConfigMap", partial)?.dataKeys).toEqual(["a.yaml"]);
    expect(keepObject("ConfigMap", { metadata: { name: "c" } })?.dataKeys).toBeUndefined();
  });

  test("drops what has the wrong shape, for every kind and every field", () => {
    const odd = fc.oneof(fc.constant(null), fc.string(), fc.integer(), fc.array(fc.constant(null)), fc.constant({}));
    fc.assert(
      fc.property(fc.constantFrom(...kindNames), odd, odd, odd, (kind, spec, status, labels) => {
        const kept = keepObject(kind, { metadata: { name: "x", labels }, spec, status });
        expect(kept?.metadata?.name).toBe("x");
        expect(kindDefinition(kind).plural).toMatch(/^[a-z]+$/);
      }),
    );
  });

  test("an object without a name is none", () => {
    for (const raw of [null, "text", [], {}, { metadata: null }, { metadata: { name: 5 } }]) {
      expect(keepObject("Pod", raw)).toBeUndefined();
    }
  });
});
