import { fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { conditionOf, graceMs, hasSettled, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { apiServiceFailureInWords } from "../kube/messages/api-service.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { backendKinds, serviceRef } from "./rules/endpoints.ts";
import { serviceTrouble } from "./rules/served-by.ts";

type ApiService = KubeObject<"APIService">;

export const apiService: Analyzer = defineAnalyzer({
  name: "APIService",
  core: false,
  needs: ["APIService"],
  uses: [...backendKinds, "HorizontalPodAutoscaler", "Namespace"],
  rules: {
    "apiservice-unavailable": {
      severity: ["critical", "warning"],
      depth: 2,
      message: "An API that is served by a Pod in the cluster does not answer",
      why: "The whole API group vanishes: autoscalers and `kubectl top` lose their numbers, and namespaces cannot be deleted",
      fix: "Mend the Pods behind its Service, or remove the APIService if what it belonged to was uninstalled",
      source: "tasks/extend-kubernetes/configure-aggregation-layer/",
      commands: [
        "kubectl get apiservice {name} -o yaml",
        "kubectl -n {service_namespace} get pods,endpointslice",
        "kubectl get apiservice",
      ],
      silent: [
        "APIs that the API server serves itself",
        "less than 60 seconds",
        "the API server has not looked yet, or does not know",
        "metrics that no autoscaler uses (warning)",
      ],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("APIService")) {
      if (object.spec?.service === undefined || isGoingAway(snapshot, object)) continue;
      const available = conditionOf(object, "Available");
      if (available?.status !== "False" || !hasSettled(snapshot, object, graceMs.pod, available.lastTransitionTime))
        continue;
      yield unavailable(snapshot, object);
    }
  },
});

function unavailable(snapshot: Snapshot, object: ApiService): Observation<"apiservice-unavailable"> {
  const ref = refOf("APIService", object);
  const available = conditionOf(object, "Available");
  const { namespace, name = "" } = object.spec?.service ?? {};
  const service = serviceRef(namespace, name);
  const trouble = serviceTrouble(snapshot, service);
  const users = usersOf(snapshot, object);
  const deleted = snapshot.list("Namespace").filter(({ metadata, status }) => {
    const failure = status?.conditions?.find(({ type }) => type === "NamespaceDeletionDiscoveryFailure");
    return (
      metadata?.deletionTimestamp !== undefined &&
      failure?.status === "True" &&
      failure.message?.includes(groupVersion(object)) === true
    );
  });
  const because = trouble?.because ?? apiServiceFailureInWords(available?.reason, available?.message);
  const since = parseTime(available?.lastTransitionTime);
  const isMetrics = metricsOf(object) !== undefined;
  return {
    rule: "apiservice-unavailable",
    object: ref,
    // Who uses another API cannot be seen; of metrics it can.
    severity: users.length > 0 || deleted.length > 0 || !isMetrics ? "critical" : "warning",
    ...(because !== undefined && { because }),
    ...(trouble !== undefined && { cause: service }),
    evidence: [
      field(ref, "status.conditions[Available].reason", available?.reason),
      field(ref, "status.conditions[Available].message", available?.message),
      ...(trouble?.evidence ?? []),
      field(ref, "spec.service.name", `${namespace}/${name}`),
      ...(users.length === 0 ? [] : [fact(ref, "autoscalers that need it", users.length)]),
    ].slice(0, 8),
    related: [...(trouble?.related ?? []), ...users, ...deleted.map((each) => refOf("Namespace", each))],
    ...(since !== undefined && { since }),
    params: { service: name, ...(namespace !== undefined && { service_namespace: namespace }) },
  };
}

function groupVersion({ spec }: ApiService): string {
  return `${spec?.group}/${spec?.version}`;
}

/** Which metrics of autoscalers come through the API; undefined for one that serves no metrics. */
function metricsOf({ spec }: ApiService): readonly string[] | undefined {
  switch (spec?.group) {
    case "metrics.k8s.io":
      return ["Resource", "ContainerResource"];
    case "custom.metrics.k8s.io":
      return ["Pods", "Object"];
    case "external.metrics.k8s.io":
      return ["External"];
    default:
      return undefined;
  }
}

const autoscalersByMetric = oncePerSnapshot((snapshot) => {
  const byType = new Map<string, ObjectRef[]>();
  for (const autoscaler of snapshot.list("HorizontalPodAutoscaler")) {
    for (const type of new Set((autoscaler.spec?.metrics ?? []).map((metric) => metric.type ?? ""))) {
      const ref = refOf("HorizontalPodAutoscaler", autoscaler);
      const found = byType.get(type);
      if (found === undefined) byType.set(type, [ref]);
      else found.push(ref);
    }
  }
  return byType;
});

function usersOf(snapshot: Snapshot, object: ApiService): readonly ObjectRef[] {
  return (metricsOf(object) ?? []).flatMap((type) => autoscalersByMetric(snapshot).get(type) ?? []);
}
