import { describe, expect, test } from "vitest";
import { certificate } from "../../src/analyzers/certificate.ts";
import type { Analyzer } from "../../src/analyzers/define.ts";
import { horizontalPodAutoscaler } from "../../src/analyzers/horizontal-pod-autoscaler.ts";
import { ingress } from "../../src/analyzers/ingress.ts";
import { policyReport } from "../../src/analyzers/policy-report.ts";
import { scaledObject } from "../../src/analyzers/scaled-object.ts";
import { diagnose } from "../../src/engine/analyze.ts";
import type { Report } from "../../src/findings/report.ts";
import { keepObject } from "../../src/kube/keep.ts";
import { isKindName, kindNames, type KubeObject, type KindName } from "../../src/kube/kinds.ts";
import { keyOf } from "../../src/kube/object-ref.ts";
import { createSnapshot, type SnapshotInput } from "../../src/kube/snapshot.ts";
import { ago, type Manifest, takenAt, yaml } from "../analyzers/cases.ts";

/** Diagnoses manifests that are a day old, everything else being read and not there. */
function report(
  analyzers: readonly Analyzer[],
  manifests: readonly Manifest[],
  include: readonly "info"[] = [],
): Report {
  const objects: Partial<Record<KindName, KubeObject[]>> = {};
  for (const { kind, metadata, ...rest } of manifests) {
    if (!isKindName(kind)) throw new Error(kind);
    const uid = `${kind}/${metadata.namespace}/${metadata.name}`;
    const object = keepObject(kind, { ...rest, metadata: { uid, creationTimestamp: ago("1d"), ...metadata } });
    if (object !== undefined) (objects[kind] ??= []).push(object);
  }
  const input: SnapshotInput = {
    takenAt,
    cluster: { name: "test", source: "saved" },
    // Each list holds objects of its own kind: they were put there by kind.
    objects: objects as SnapshotInput["objects"],
    reads: kindNames.map((kind) => ({ kind, state: "complete" })),
  };
  return diagnose(createSnapshot(input), input, { analyzers, scope: {}, include });
}

function told({ incidents }: Report): readonly (readonly string[])[] {
  return incidents.map(({ members }) => members.map(({ rule, object }) => `${rule} ${keyOf(object)}`));
}

describe("one incident per cause", () => {
  test("the autoscaler that KEDA made says no more than its ScaledObject", () => {
    const manifests = yaml`
      apiVersion: keda.sh/v1alpha1
      kind: ScaledObject
      metadata: { name: web, namespace: shop }
      spec: { scaleTargetRef: { name: web }, triggers: [{ type: kafka, metadata: {} }] }
      status: { hpaName: keda-hpa-web, conditions: [{ type: Ready, status: "False", reason: TriggerError, message: Triggers defined in ScaledObject are not working correctly }] }
      ---
      apiVersion: autoscaling/v2
      kind: HorizontalPodAutoscaler
      metadata:
        name: keda-hpa-web
        namespace: shop
        ownerReferences: [{ apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: web, uid: ScaledObject/shop/web, controller: true }]
      spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }, metrics: [{ type: External, external: { metric: { name: s0-kafka }, target: { type: AverageValue, averageValue: "5" } } }] }
      status:
        desiredReplicas: 0
        currentReplicas: 1
        conditions:
          - { type: AbleToScale, status: "True", reason: SucceededGetScale }
          - { type: ScalingActive, status: "False", reason: FailedGetExternalMetric, message: "the HPA was unable to compute the replica count: unable to get external metric shop/s0-kafka: no metrics returned from external metrics API", lastTransitionTime: "${ago("1h")}" }
      ---
      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: web, namespace: shop }
      spec: { replicas: 1, selector: { matchLabels: { app: web } }, template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: web }] } } }
    `;
    expect(told(report([scaledObject, horizontalPodAutoscaler], manifests))).toEqual([
      ["keda-not-ready ScaledObject/shop/web", "hpa-no-metrics HorizontalPodAutoscaler/shop/keda-hpa-web"],
    ]);
  });

  test("the CA's missing Secret, its issuer, the certificate, and the Ingress that waits for it", () => {
    const manifests = yaml`
      apiVersion: cert-manager.io/v1
      kind: Issuer
      metadata: { name: ca, namespace: shop }
      spec: { ca: { secretName: ca-key } }
      status: { conditions: [{ type: Ready, status: "False", reason: ErrGetKeyPair, message: 'secrets "ca-key" not found', lastTransitionTime: "${ago("2h")}" }] }
      ---
      apiVersion: cert-manager.io/v1
      kind: Certificate
      metadata: { name: web, namespace: shop }
      spec: { secretName: web-tls, issuerRef: { name: ca } }
      status: { conditions: [{ type: Ready, status: "False", reason: DoesNotExist, message: Issuing certificate as Secret does not exist, lastTransitionTime: "${ago("1h")}" }] }
      ---
      apiVersion: networking.k8s.io/v1
      kind: Ingress
      metadata: { name: web, namespace: shop }
      spec: { ingressClassName: nginx, tls: [{ hosts: [shop.example.com], secretName: web-tls }] }
    `;
    const incidents = told(report([certificate, ingress], manifests));
    const [first = []] = incidents.filter((members) => members.some((member) => member.startsWith("issuer-not-ready")));
    expect(first).toContain("certificate-not-ready Certificate/shop/web");
    expect(first).toContain("ingress-tls-secret-missing Ingress/shop/web");
    expect(first[0]).toBe("issuer-not-ready Issuer/shop/ca");
  });

  test("reports about the Pods of one workload that break one policy are one finding", () => {
    const pods = ["a", "b", "c"].flatMap(
      (name) => yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: web-${name}, namespace: shop, ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: ReplicaSet/shop/web, controller: true }] }
      ---
      apiVersion: wgpolicyk8s.io/v1alpha2
      kind: PolicyReport
      metadata: { name: uid-${name}, namespace: shop, ownerReferences: [{ apiVersion: v1, kind: Pod, name: web-${name}, uid: Pod/shop/web-${name} }] }
      scope: { kind: Pod, name: web-${name} }
      results: [{ policy: require-limits, rule: check, result: fail, severity: high }]
    `,
    );
    const replicaSet = yaml`{ apiVersion: apps/v1, kind: ReplicaSet, metadata: { name: web, namespace: shop } }`;
    const { findings } = report([policyReport], [...pods, ...replicaSet], ["info"]);
    expect(findings.map(({ rule, objects }) => [rule, objects.length])).toEqual([["policy-violated", 3]]);
    expect(findings[0]?.owner?.name).toBe("web");
    expect(findings[0]?.related.map(({ name }) => name)).toEqual(["web-a", "web-b", "web-c"]);
    expect(report([policyReport], [...pods, ...replicaSet]).status).toBe("OK");
  });
});
