/** Controllers that do not run explain what they leave undone. */
import { expect, test } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { diagnose } from "../../src/engine/analyze.ts";
import type { Incident } from "../../src/findings/report.ts";
import { type CustomResource, isKnownKind, keepCustomObject } from "../../src/kube/custom-resources.ts";
import { keepObject } from "../../src/kube/keep.ts";
import { isKindName, type KindName, kindNames, type KubeObject } from "../../src/kube/kinds.ts";
import { keyOf } from "../../src/kube/object-ref.ts";
import { createSnapshot } from "../../src/kube/snapshot.ts";
import { ago, type Manifest, takenAt, yaml } from "../analyzers/cases.ts";

/** The incidents of a cluster that holds these objects and nothing else. */
function incidentsOf(manifests: readonly Manifest[]): readonly Incident[] {
  const objects: Partial<Record<KindName, KubeObject[]>> = {};
  const customResources: CustomResource[] = [];
  for (const manifest of manifests) {
    const { kind, metadata, apiVersion } = manifest;
    const uid = `${kind}-${metadata.namespace}-${metadata.name}`;
    const whole = { ...manifest, metadata: { uid, creationTimestamp: ago("1h"), ...metadata } };
    const [group = "", version = ""] = apiVersion.split("/");
    if (!isKindName(kind) || (group.includes(".") && !isKnownKind(kind, group) && !group.endsWith("k8s.io"))) {
      const object = keepCustomObject(whole);
      if (object === undefined) throw new Error(`${kind} is not kept`);
      customResources.push({ group, version, kind, plural: `${kind.toLowerCase()}s`, object });
      continue;
    }
    const object = keepObject(kind, whole);
    if (object !== undefined) (objects[kind] ??= []).push(object);
  }
  const input = {
    takenAt,
    cluster: { name: "town", source: "saved" } as const,
    // Each list holds objects of its own kind: they were put there by kind.
    objects: objects as Parameters<typeof createSnapshot>[0]["objects"],
    reads: kindNames.map((kind) => ({ kind, state: "complete" }) as const),
    customResources,
  };
  return diagnose(createSnapshot(input), input, { analyzers, scope: {}, include: [] }).incidents;
}

/** The root of each incident, and the rules in it. */
function shapesOf(incidents: readonly Incident[]): readonly unknown[] {
  return incidents.map(({ root, members }) => [
    `${root.rule} ${keyOf(root.owner ?? root.object)}`,
    members.map(({ rule, object }) => `${rule} ${object.kind}`).sort(),
  ]);
}

/** A Deployment none of whose Pods gets its image. */
function imageless(name: string, namespace: string, labels: string, image: string): readonly Manifest[] {
  const meta = `labels: ${labels}`;
  const owner = (kind: string, of: string): string =>
    `ownerReferences: [{ apiVersion: apps/v1, kind: ${kind}, name: ${of}, uid: ${kind}-${namespace}-${of}, controller: true }]`;
  const template = `{ metadata: { ${meta} }, spec: { containers: [{ name: app, image: "${image}" }] } }`;
  return yaml`
    apiVersion: apps/v1
    kind: Deployment
    metadata: { name: ${name}, namespace: ${namespace}, generation: 1, ${meta} }
    spec: { replicas: 1, selector: { matchLabels: ${labels} }, template: ${template} }
    status:
      observedGeneration: 1
      replicas: 1
      conditions: [{ type: Available, status: "False", reason: MinimumReplicasUnavailable, lastTransitionTime: "${ago("30m")}" }]
    ---
    apiVersion: apps/v1
    kind: ReplicaSet
    metadata: { name: ${name}-1, namespace: ${namespace}, ${meta}, ${owner("Deployment", name)} }
    spec: { replicas: 1, selector: { matchLabels: ${labels} }, template: ${template} }
    ---
    apiVersion: v1
    kind: Pod
    metadata: { name: ${name}-1-a, namespace: ${namespace}, ${meta}, ${owner("ReplicaSet", `${name}-1`)} }
    spec: { nodeName: node-1, containers: [{ name: app, image: "${image}" }] }
    status:
      phase: Pending
      startTime: "${ago("30m")}"
      conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("30m")}" }]
      containerStatuses:
        - name: app
          ready: false
          restartCount: 0
          image: "${image}"
          imageID: ""
          state: { waiting: { reason: ImagePullBackOff, message: 'Back-off pulling image "${image}": ErrImagePull: manifest unknown' } }
    ---
    apiVersion: v1
    kind: Node
    metadata: { name: node-1 }
    status: { conditions: [{ type: Ready, status: "True", lastTransitionTime: "${ago("1h")}" }] }
  `;
}

test("cert-manager without its image explains the certificates that it does not issue", () => {
  const labels = "{ app.kubernetes.io/name: cert-manager, app.kubernetes.io/component: controller }";
  const incidents = incidentsOf([
    ...imageless("cert-manager", "cert-manager", labels, "quay.io/jetstack/cert-manager-controller:v9.9"),
    ...yaml`
      apiVersion: cert-manager.io/v1
      kind: ClusterIssuer
      metadata: { name: letsencrypt }
      spec: { acme: { server: "https://acme.example.com" } }
      status: { conditions: [{ type: Ready, status: "True", reason: ACMEAccountRegistered }] }
      ---
      apiVersion: cert-manager.io/v1
      kind: Certificate
      metadata: { name: web, namespace: shop }
      spec: { secretName: web-tls, issuerRef: { name: letsencrypt, kind: ClusterIssuer } }
      status: { conditions: [{ type: Ready, status: "False", reason: DoesNotExist, lastTransitionTime: "${ago("28m")}" }] }
    `,
  ]);
  expect(shapesOf(incidents)).toEqual([
    [
      "image-not-found Deployment/cert-manager/cert-manager",
      ["certificate-not-ready Certificate", "deployment-unavailable Deployment", "image-not-found Pod"],
    ],
  ]);
});

test("a controller of Ingresses without its image explains the class that nobody serves", () => {
  const incidents = incidentsOf([
    ...imageless(
      "ingress-nginx-controller",
      "ingress-nginx",
      "{ app: nginx }",
      "registry.k8s.io/ingress-nginx/controller:v9.9",
    ),
    ...yaml`
      apiVersion: networking.k8s.io/v1
      kind: IngressClass
      metadata: { name: nginx }
      spec: { controller: k8s.io/ingress-nginx }
      ---
      apiVersion: networking.k8s.io/v1
      kind: Ingress
      metadata: { name: front, namespace: shop }
      spec: { ingressClassName: nginx, rules: [{ host: shop.example.com }] }
    `,
  ]);
  expect(shapesOf(incidents)).toEqual([
    [
      "image-not-found Deployment/ingress-nginx/ingress-nginx-controller",
      ["deployment-unavailable Deployment", "image-not-found Pod", "ingress-controller-absent IngressClass"],
    ],
  ]);
});

test("a conversion that is broken explains the object that cannot be deleted", () => {
  const incidents = incidentsOf(yaml`
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: { name: websites.example.org }
    spec:
      group: example.org
      scope: Namespaced
      names: { kind: Website, plural: websites }
      versions: [{ name: v1, served: true, storage: true }, { name: v2, served: true, storage: false }]
      conversion: { strategy: Webhook, webhook: { conversionReviewVersions: [v1], clientConfig: { caBundle: "", service: { name: gone, namespace: web } } } }
    status: { conditions: [{ type: Established, status: "True" }], storedVersions: [v1] }
    ---
    apiVersion: example.org/v1
    kind: Website
    metadata: { name: blog, namespace: web, deletionTimestamp: "${ago("40m")}", finalizers: [example.org/clean] }
    status: {}
  `);
  expect(shapesOf(incidents)).toEqual([
    [
      "crd-conversion-broken CustomResourceDefinition/websites.example.org",
      ["crd-conversion-broken CustomResourceDefinition", "object-stuck-finalizer Website"],
    ],
  ]);
});
