import { expect, test } from "vitest";
import {
  contestingAutoscalers,
  metricFailure,
  metricFailureInWords,
  scaleFailure,
} from "../../../src/kube/messages/autoscaler.ts";

const compute = "the HPA was unable to compute the replica count:";

test.each([
  [
    `${compute} failed to get cpu utilization: missing request for cpu in container proxy of Pod web-1`,
    { type: "request-missing", resource: "cpu", container: "proxy", pod: "web-1" },
  ],
  [`${compute} failed to get cpu utilization: missing request for cpu`, { type: "request-missing", resource: "cpu" }],
  [
    `${compute} failed to get memory utilization: missing pod-level request for memory in Pod web-1`,
    { type: "request-missing", resource: "memory", pod: "web-1" },
  ],
  [
    `${compute} failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)`,
    { type: "not-served", group: "metrics.k8s.io" },
  ],
  [
    `${compute} failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server is currently unable to handle the request (get pods.metrics.k8s.io)`,
    { type: "not-answering", group: "metrics.k8s.io" },
  ],
  [
    `${compute} failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: pods.metrics.k8s.io is forbidden: User "system:serviceaccount:kube-system:horizontal-pod-autoscaler" cannot list resource "pods" in API group "metrics.k8s.io" in the namespace "shop"`,
    { type: "forbidden", group: "metrics.k8s.io" },
  ],
  [
    `${compute} failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API`,
    { type: "no-metrics", group: "metrics.k8s.io" },
  ],
  [
    `${compute} failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)`,
    { type: "pods-not-ready" },
  ],
  [`${compute} failed to get cpu utilization: did not receive metrics for any ready pods`, { type: "pods-not-ready" }],
  [
    `${compute} unable to get metric requests: unable to fetch metrics from custom metrics API: the server could not find the metric requests for pods`,
    { type: "no-metrics", group: "custom.metrics.k8s.io" },
  ],
  [
    `${compute} unable to get external metric shop/queue/nil: no metrics returned from external metrics API`,
    { type: "no-metrics", group: "external.metrics.k8s.io" },
  ],
  [
    `${compute} failed to get container cpu usage: container web not present in metrics for pod shop/web-1`,
    { type: "container-missing" },
  ],
  ["", { type: "other" }],
  [undefined, { type: "other" }],
  ["missing request for", { type: "other" }],
])("%s", (message, expected) => {
  expect(metricFailure(message)).toEqual(expected);
});

test("words never hold text of the cluster", () => {
  for (const group of ["metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io", "evil\u0007.example"]) {
    for (const type of ["not-served", "not-answering", "forbidden", "no-metrics"] as const) {
      expect(metricFailureInWords({ type, group })).toMatch(/^[a-zA-Z ]+$/);
    }
  }
});

test.each([
  [
    'the HPA controller was unable to get the target\'s current scale: deployments/scale.apps "web" not found',
    "target-missing",
  ],
  [
    'the HPA controller was unable to get the target\'s current scale: no matches for kind "Rollout" in group "argoproj.io"',
    "kind-unknown",
  ],
  [
    "the HPA controller was unable to get the target's current scale: the server could not find the requested resource",
    "kind-unknown",
  ],
  [
    "the HPA controller was unable to get the target's current scale: unexpected GroupVersion string: a/b/c",
    "kind-unknown",
  ],
  [
    'the HPA controller was unable to get the target\'s current scale: rollouts.argoproj.io "web" is forbidden: User "system:serviceaccount:kube-system:horizontal-pod-autoscaler" cannot get resource "rollouts/scale"',
    "forbidden",
  ],
  [
    'the HPA controller was unable to update the target scale: admission webhook "x.example.com" denied the request: no',
    "refused",
  ],
  [
    'the HPA controller was unable to update the target scale: Operation cannot be fulfilled on deployments.apps "web": the object has been modified',
    "conflict",
  ],
  ["", "other"],
])("%s: %s", (message, expected) => {
  expect(scaleFailure(message)).toBe(expected);
});

test("the autoscalers that share Pods", () => {
  expect(
    contestingAutoscalers("pods by selector app=web are controlled by multiple HPAs: [shop/web shop/other]"),
  ).toEqual(["shop/other", "shop/web"]);
  expect(contestingAutoscalers("pods by selector app=web are controlled by multiple HPAs: [")).toEqual([]);
  expect(contestingAutoscalers(undefined)).toEqual([]);
});
