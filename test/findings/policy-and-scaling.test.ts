import { describe, expect, test } from "vitest";
import type { Analyzer } from "../../src/analyzers/define.ts";
import { horizontalPodAutoscaler } from "../../src/analyzers/horizontal-pod-autoscaler.ts";
import { log } from "../../src/analyzers/log.ts";
import { networkPolicy } from "../../src/analyzers/network-policy.ts";
import { pod } from "../../src/analyzers/pod.ts";
import { correlate } from "../../src/findings/correlate.ts";
import { foldFindings } from "../../src/findings/fold.ts";
import { keepObject } from "../../src/kube/keep.ts";
import { isKindName, kindNames, type KubeObject } from "../../src/kube/kinds.ts";
import { type ContainerLog, createSnapshot } from "../../src/kube/snapshot.ts";
import { ago, but, type Manifest, takenAt, yaml } from "../analyzers/cases.ts";
import { manifestsOf } from "../analyzers/run-cases.ts";

/** The incidents of these objects, each as its rules, the root first. */
function incidentsOf(
  analyzers: readonly Analyzer[],
  given: readonly (Manifest | readonly Manifest[])[],
  logs: readonly ContainerLog[] = [],
): readonly (readonly string[])[] {
  const objects: Partial<Record<string, KubeObject[]>> = {};
  for (const manifest of manifestsOf({ name: "fold", given })) {
    const kept = isKindName(manifest.kind) ? keepObject(manifest.kind, manifest) : undefined;
    if (kept !== undefined) (objects[manifest.kind] ??= []).push(kept);
  }
  const snapshot = createSnapshot({
    takenAt,
    cluster: { name: "fold", source: "saved" },
    objects,
    reads: kindNames.map((kind) => ({ kind, state: "complete" as const })),
    logs,
  });
  const observed = analyzers.flatMap((analyzer) =>
    [...analyzer.check(snapshot)].map((observation) => ({
      analyzer: analyzer.name,
      rules: analyzer.rules,
      observation,
    })),
  );
  const findings = foldFindings(snapshot, observed).filter(
    ({ severity }) => severity === "critical" || severity === "warning",
  );
  return correlate(snapshot, findings).map(({ members }) => members.map(({ rule }) => rule));
}

const crashing = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: api-1, namespace: shop, labels: { app: api } }
  spec: { containers: [{ name: api, image: "api:1" }] }
  status:
    phase: Running
    startTime: "${ago("1h")}"
    conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("30m")}" }]
    containerStatuses:
      - name: api
        image: api:1
        imageID: api
        ready: false
        restartCount: 9
        state: { waiting: { reason: CrashLoopBackOff, message: back-off 5m0s restarting failed container } }
        lastState: { terminated: { exitCode: 1, reason: Error, startedAt: "${ago("4m")}", finishedAt: "${ago("3m")}" } }
`;
const deny = yaml`
  apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: { name: deny, namespace: shop }
  spec: { podSelector: {}, policyTypes: [Egress] }
---
  apiVersion: v1
  kind: Pod
  metadata: { name: coredns-1, namespace: kube-system, labels: { k8s-app: kube-dns } }
  spec: { containers: [{ name: coredns, image: "coredns:1" }] }
  status: { phase: Running, podIP: 10.1.0.2, conditions: [{ type: Ready, status: "True" }] }
`;

function says(line: string): readonly ContainerLog[] {
  return [{ namespace: "shop", pod: "api-1", container: "api", previous: true, lines: [line] }];
}

describe("a default-deny for egress was added", () => {
  test("the crash stands apart while nothing tells of a failed lookup", () => {
    const incidents = incidentsOf([networkPolicy, pod, log], [crashing, deny], says("ERROR connection refused"));
    expect(new Set(incidents.map(([root]) => root))).toEqual(new Set(["container-exit-loop", "netpol-blocks-dns"]));
    expect(incidents.find(([root]) => root === "container-exit-loop")).toContain("log-error");
  });

  test("the policy is the root as soon as the log tells of one", () => {
    const incidents = incidentsOf(
      [networkPolicy, pod, log],
      [crashing, deny],
      says("ERROR lookup db.shop.svc: no such host"),
    );
    expect(incidents).toHaveLength(1);
    expect(incidents[0]?.[0]).toBe("netpol-blocks-dns");
    expect(incidents[0]).toEqual(expect.arrayContaining(["container-exit-loop", "log-error"]));
  });
});

test("metrics-server is down: all autoscalers are one incident", () => {
  const web = yaml`
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    metadata: { name: web, namespace: shop }
    spec: { maxReplicas: 5, scaleTargetRef: { apiVersion: example.com/v1, kind: Rollout, name: web } }
    status:
      conditions:
        - type: ScalingActive
          status: "False"
          reason: FailedGetResourceMetric
          lastTransitionTime: "${ago("20m")}"
          message: >-
            the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource
            cpu: unable to fetch metrics from resource metrics API: the server is currently unable to handle the request (get
            pods.metrics.k8s.io)
  `;
  const api = but(web, "{ metadata: { name: api, namespace: town }, spec: { scaleTargetRef: { name: api } } }");
  expect(incidentsOf([horizontalPodAutoscaler], [web, api])).toEqual([["hpa-no-metrics", "hpa-no-metrics"]]);
});
