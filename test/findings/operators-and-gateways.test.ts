/** Faults of the Operator Lifecycle Manager and of the Gateway API fold to what is at fault, over several kinds. */
import { expect, test } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { diagnose } from "../../src/engine/analyze.ts";
import type { Incident } from "../../src/findings/report.ts";
import { keepObject } from "../../src/kube/keep.ts";
import { isKindName, type KindName, kindNames, type KubeObject } from "../../src/kube/kinds.ts";
import { keyOf } from "../../src/kube/object-ref.ts";
import { createSnapshot } from "../../src/kube/snapshot.ts";
import { ago, type Manifest, takenAt, yaml } from "../analyzers/cases.ts";

const names = [
  "Pod",
  "Service",
  "GatewayClass",
  "Gateway",
  "HTTPRoute",
  "CatalogSource",
  "Subscription",
  "InstallPlan",
  "ClusterServiceVersion",
  "OperatorGroup",
  "ClusterCatalog",
  "ClusterExtension",
];

/** The incidents of a cluster that holds these objects and nothing else. */
function incidentsOf(manifests: readonly Manifest[]): readonly Incident[] {
  const objects: Partial<Record<KindName, KubeObject[]>> = {};
  for (const manifest of manifests) {
    const { kind, metadata } = manifest;
    if (!isKindName(kind)) throw new Error(`${kind} is not read`);
    const uid = `${kind}-${metadata.namespace}-${metadata.name}`;
    const object = keepObject(kind, { ...manifest, metadata: { uid, creationTimestamp: ago("1h"), ...metadata } });
    if (object !== undefined) (objects[kind] ??= []).push(object);
  }
  const input = {
    takenAt,
    cluster: { name: "town", source: "saved" } as const,
    // Each list holds objects of its own kind: they were put there by kind.
    objects: objects as Parameters<typeof createSnapshot>[0]["objects"],
    reads: kindNames.map((kind) => ({ kind, state: "complete" }) as const),
  };
  const chosen = analyzers.filter(({ name }) => names.includes(name));
  expect(chosen.length).toBe(names.length);
  return diagnose(createSnapshot(input), input, { analyzers: chosen, scope: {}, include: [] }).incidents;
}

/** The root of each incident, and the other rules in it. */
function shapesOf(incidents: readonly Incident[]): readonly unknown[] {
  return incidents.map(({ root, members }) => ({
    root: `${root.rule} ${keyOf(root.object)}`,
    members: members.filter((member) => member !== root).map(({ rule, object }) => `${rule} ${keyOf(object)}`),
  }));
}

const waiting = `[{ type: Accepted, status: Unknown, reason: Pending, message: "", lastTransitionTime: "1970-01-01T00:00:00Z" }]`;

test("a catalog that is down explains the Subscriptions that it stops, in whatever namespace", () => {
  const failed = `[{ type: ResolutionFailed, status: "True", reason: ErrorPreventedResolution, message: "error using catalogsource olm/hub: failed to list bundles", lastTransitionTime: "${ago("20m")}" }]`;
  const incidents = incidentsOf(yaml`
    apiVersion: operators.coreos.com/v1alpha1
    kind: CatalogSource
    metadata: { name: hub, namespace: olm }
    spec: { sourceType: grpc, address: "hub.example.com:50051" }
    status: { connectionState: { lastObservedState: TRANSIENT_FAILURE, lastConnect: "${ago("20m")}" } }
    ---
    apiVersion: operators.coreos.com/v1alpha1
    kind: Subscription
    metadata: { name: etcd, namespace: databases }
    spec: { name: etcd, source: hub, sourceNamespace: olm }
    status: { conditions: ${failed} }
    ---
    apiVersion: operators.coreos.com/v1alpha1
    kind: Subscription
    metadata: { name: kafka, namespace: queues }
    spec: { name: kafka, source: other, sourceNamespace: olm }
    status: { conditions: ${failed} }
    ---
    { apiVersion: operators.coreos.com/v1alpha1, kind: CatalogSource, metadata: { name: other, namespace: olm }, spec: { sourceType: grpc, address: "other.example.com:50051" }, status: { connectionState: { lastObservedState: READY } } }
    ---
    { apiVersion: operators.coreos.com/v1, kind: OperatorGroup, metadata: { name: databases, namespace: databases } }
    ---
    { apiVersion: operators.coreos.com/v1, kind: OperatorGroup, metadata: { name: queues, namespace: queues } }
  `);
  expect(shapesOf(incidents)).toEqual([
    {
      root: "catalogsource-unhealthy CatalogSource/olm/hub",
      members: [
        "subscription-resolution-failed Subscription/databases/etcd",
        "subscription-resolution-failed Subscription/queues/kafka",
      ],
    },
  ]);
});

test("two OperatorGroups explain the version that fails for them", () => {
  const incidents = incidentsOf(yaml`
    { apiVersion: operators.coreos.com/v1, kind: OperatorGroup, metadata: { name: first, namespace: databases } }
    ---
    { apiVersion: operators.coreos.com/v1, kind: OperatorGroup, metadata: { name: second, namespace: databases } }
    ---
    apiVersion: operators.coreos.com/v1alpha1
    kind: ClusterServiceVersion
    metadata: { name: etcd.v1, namespace: databases }
    status: { phase: Failed, reason: TooManyOperatorGroups, lastTransitionTime: "${ago("20m")}" }
  `);
  expect(shapesOf(incidents)).toEqual([
    {
      root: "operatorgroup-multiple OperatorGroup/databases",
      members: ["csv-failed ClusterServiceVersion/databases/etcd.v1"],
    },
  ]);
});

test("a failed plan explains the Subscription that names it", () => {
  const incidents = incidentsOf(yaml`
    { apiVersion: operators.coreos.com/v1, kind: OperatorGroup, metadata: { name: first, namespace: databases } }
    ---
    apiVersion: operators.coreos.com/v1alpha1
    kind: InstallPlan
    metadata: { name: install-1, namespace: databases }
    spec: { approval: Automatic, approved: true, clusterServiceVersionNames: [etcd.v1] }
    status: { phase: Failed, conditions: [{ type: Installed, status: "False", reason: InstallComponentFailed, lastTransitionTime: "${ago("20m")}" }] }
    ---
    apiVersion: operators.coreos.com/v1alpha1
    kind: Subscription
    metadata: { name: etcd, namespace: databases }
    spec: { name: etcd, source: hub, sourceNamespace: olm }
    status: { state: UpgradeFailed, installPlanRef: { name: install-1 } }
    ---
    { apiVersion: operators.coreos.com/v1alpha1, kind: CatalogSource, metadata: { name: hub, namespace: olm }, spec: { sourceType: grpc }, status: { connectionState: { lastObservedState: READY } } }
  `);
  expect(shapesOf(incidents)).toEqual([
    {
      root: "installplan-failed InstallPlan/databases/install-1",
      members: ["subscription-upgrade-failed Subscription/databases/etcd"],
    },
  ]);
});

test("a class that nobody serves explains its Gateways' routes", () => {
  const incidents = incidentsOf(yaml`
    apiVersion: gateway.networking.k8s.io/v1
    kind: GatewayClass
    metadata: { name: edge }
    spec: { controllerName: example.com/gateway-controller }
    status: { conditions: ${waiting} }
    ---
    apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: { name: web, namespace: shop }
    spec: { gatewayClassName: edge, listeners: [{ name: http, port: 80, protocol: HTTP }] }
    status: { conditions: ${waiting} }
    ---
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata: { name: web, namespace: shop }
    spec: { parentRefs: [{ name: web }] }
    ---
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata: { name: other, namespace: shop }
    spec: { parentRefs: [{ name: web }] }
  `);
  expect(shapesOf(incidents)).toEqual([
    {
      root: "gateway-controller-absent GatewayClass/edge",
      members: ["route-not-attached HTTPRoute/shop/other", "route-not-attached HTTPRoute/shop/web"],
    },
  ]);
});

test("a Service that selects nothing explains the route that sends traffic to it", () => {
  const incidents = incidentsOf(yaml`
    apiVersion: v1
    kind: Service
    metadata: { name: web, namespace: shop }
    spec: { selector: { app: wbe }, ports: [{ port: 80 }] }
    ---
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata: { name: web, namespace: shop }
    spec: { parentRefs: [{ group: "", kind: Service, name: web }], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
  `);
  expect(shapesOf(incidents)).toEqual([
    {
      root: "service-selector-matches-nothing Service/shop/web",
      members: ["route-backend-no-endpoints HTTPRoute/shop/web"],
    },
  ]);
});

test("a missing certificate Secret is named as the cause", () => {
  const [incident, ...others] = incidentsOf(yaml`
    { apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: { name: edge }, spec: { controllerName: example.com/x }, status: { conditions: [{ type: Accepted, status: "True" }] } }
    ---
    apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: { name: web, namespace: shop }
    spec: { gatewayClassName: edge, listeners: [{ name: https, port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: web-tls }] } }] }
    status:
      conditions: [{ type: Accepted, status: "True" }, { type: Programmed, status: "False", reason: AddressNotAssigned, lastTransitionTime: "${ago("20m")}" }]
      listeners: [{ name: https, conditions: [{ type: ResolvedRefs, status: "False", reason: InvalidCertificateRef, lastTransitionTime: "${ago("20m")}" }] }]
  `);
  expect(others).toEqual([]);
  expect(incident?.root.cause).toEqual({ kind: "Secret", namespace: "shop", name: "web-tls" });
  expect(incident?.members.map(({ rule }) => rule)).toEqual(["gateway-listener-broken", "gateway-not-programmed"]);
});
