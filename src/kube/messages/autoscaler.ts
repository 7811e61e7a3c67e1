/**
 * Why an autoscaler gets no metric or cannot scale: the messages of its conditions, from kubernetes 1.34,
 * pkg/controller/podautoscaler (horizontal.go, replica_calculator.go, metrics/client.go), with the errors of the API server
 * that they carry. Older releases use the same words, but for the container's name, which they leave out (before 1.27).
 */

/** What a `ScalingActive` message says. */
export type MetricFailure =
  | {
      readonly type: "request-missing";
      readonly resource: string;
      /** Absent before Kubernetes 1.27, and where the request is one of the whole Pod. */
      readonly container?: string;
      readonly pod?: string;
    }
  /** The API that holds the metric is not there, or does not answer; `group` as in `metrics.k8s.io`. */
  | { readonly type: "not-served" | "not-answering" | "forbidden"; readonly group: string }
  /** There is an API, and it knows nothing about these Pods. */
  | { readonly type: "no-metrics"; readonly group: string }
  /** No Pod to measure, or none that is ready. */
  | { readonly type: "no-pods" | "pods-not-ready" }
  | { readonly type: "container-missing" }
  | { readonly type: "other" };

const requestMissing = /missing request for (\S+)(?: in container "?([^\s"]+)"? of Pod "?([^\s"]+)"?)?/;
const podRequestMissing = /missing pod-level request for (\S+) in Pod "?([^\s"]+)"?/;

/** Reads the message of a `ScalingActive` condition that is False. */
export function metricFailure(message: string | undefined): MetricFailure {
  const text = message ?? "";
  const [, podResource, itsPod] = podRequestMissing.exec(text) ?? [];
  if (podResource !== undefined && itsPod !== undefined)
    return { type: "request-missing", resource: podResource, pod: itsPod };
  const [, resource, container, pod] = requestMissing.exec(text) ?? [];
  if (resource !== undefined) {
    return {
      type: "request-missing",
      resource,
      ...(container !== undefined && { container }),
      ...(pod !== undefined && { pod }),
    };
  }
  if (/did not receive metrics for (?:targeted|any ready) pods/.test(text)) return { type: "pods-not-ready" };
  if (/no pods returned by selector/.test(text)) return { type: "no-pods" };
  if (/container \S+ not (?:found|present) in/.test(text)) return { type: "container-missing" };
  const group = metricsGroup(text);
  if (group === undefined) return { type: "other" };
  if (/is forbidden: User /.test(text)) return { type: "forbidden", group };
  if (
    /currently unable to handle the request|no endpoints available for service|service unavailable|context deadline exceeded|connection refused|i\/o timeout|error trying to reach service/.test(
      text,
    )
  ) {
    return { type: "not-answering", group };
  }
  // An adapter answers for a metric that it does not know with the same words as a server without the API; which one it is
  // is told by whether the message names a metric of its own.
  if (/no (?:custom )?metrics? .*(?:API|api) (?:available|registered)|no API group|no matches for kind/.test(text))
    return { type: "not-served", group };
  if (/the server could not find the (?:requested resource|metric)/.test(text)) {
    return group === "metrics.k8s.io" ? { type: "not-served", group } : { type: "no-metrics", group };
  }
  if (/no metrics returned from/.test(text)) return { type: "no-metrics", group };
  return { type: "other" };
}

/** The API group that serves the kind of metric that a message is about. */
function metricsGroup(text: string): string | undefined {
  if (/external[ .]metrics?/.test(text)) return "external.metrics.k8s.io";
  if (/custom[ .]metrics?/.test(text)) return "custom.metrics.k8s.io";
  if (/resource metrics API|metrics\.k8s\.io|get metrics for resource/.test(text)) return "metrics.k8s.io";
  return undefined;
}

/** Why the metric is missing, in words of our own; undefined where the message is none of the known ones. */
export function metricFailureInWords(failure: MetricFailure): string | undefined {
  switch (failure.type) {
    case "not-served":
      return `the API for ${metricKinds[failure.group] ?? "these"} metrics is not served`;
    case "not-answering":
      return `the API for ${metricKinds[failure.group] ?? "these"} metrics does not answer`;
    case "forbidden":
      return `the autoscaler may not read the API for ${metricKinds[failure.group] ?? "these"} metrics`;
    case "no-metrics":
      return failure.group === "metrics.k8s.io" ? "there are no readings of its Pods" : "the metric is not known there";
    case "no-pods":
      return "it has no Pods to measure";
    case "pods-not-ready":
      return "its Pods give no readings, they may not be ready";
    case "container-missing":
      return "no container has the name that the metric gives";
    case "request-missing":
    case "other":
  }
  return undefined;
}

const metricKinds: Readonly<Record<string, string>> = {
  "metrics.k8s.io": "resource",
  "custom.metrics.k8s.io": "custom",
  "external.metrics.k8s.io": "external",
};

/** What a message of `FailedGetScale` or `FailedUpdateScale` says. */
export type ScaleFailure = "target-missing" | "kind-unknown" | "forbidden" | "refused" | "conflict" | "other";

/** Reads the message of an `AbleToScale` condition that is False. */
export function scaleFailure(message: string | undefined): ScaleFailure {
  const text = message ?? "";
  if (
    /no matches for kind|could not find the requested resource|unexpected GroupVersion|does not implement the scale subresource/.test(
      text,
    )
  ) {
    return "kind-unknown";
  }
  if (/ "[^"]+" not found/.test(text)) return "target-missing";
  if (/is forbidden: User |cannot (?:get|update|patch) resource/.test(text)) return "forbidden";
  if (/admission webhook|denied request|failed calling webhook|is invalid|is forbidden/.test(text)) return "refused";
  return /the object has been modified/.test(text) ? "conflict" : "other";
}

const scaleFailures: Readonly<Record<ScaleFailure, string | undefined>> = {
  "target-missing": "its target does not exist",
  "kind-unknown": "the server does not serve the kind of its target, or cannot scale it",
  forbidden: "the autoscaler has no right to scale its target",
  refused: "the API server refuses the new number of replicas",
  conflict: "somebody else changes the target all the time",
  other: undefined,
};

/** Why the target cannot be scaled, in words of our own; undefined where the message is none of the known ones. */
export function scaleFailureInWords(failure: ScaleFailure): string | undefined {
  return scaleFailures[failure];
}

/** The autoscalers that `pods by selector … are controlled by multiple HPAs: [shop/a shop/b]` names, `namespace/name`. */
export function contestingAutoscalers(message: string | undefined): readonly string[] {
  const list = /controlled by multiple HPAs: \[([^\]]*)\]/.exec(message ?? "")?.[1] ?? "";
  return list
    .split(/\s+/)
    .filter((name) => /^[^/]+\/[^/]+$/.test(name))
    .sort();
}
