import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import {
  ageOf,
  ageOfObject,
  conditionOf,
  graceMs,
  hasSettled,
  isFinished,
  isGoingAway,
  isReady,
  isStatusStale,
} from "../kube/guards.ts";
import { isKindName, kindDefinition, type KindName, type KubeObject, type PodSpec } from "../kube/kinds.ts";
import {
  contestingAutoscalers,
  metricFailure,
  metricFailureInWords,
  scaleFailure,
  scaleFailureInWords,
} from "../kube/messages/autoscaler.ts";
import { namedRef, type ObjectRef, qualifiedName, refOf } from "../kube/object-ref.ts";
import { parseQuantity } from "../kube/quantity.ts";
import { oncePerSnapshot, podsOwnedBy } from "../kube/relations.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs, parseTime } from "../kube/time.ts";
import { lastApplied } from "../kube/wire.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

type Autoscaler = KubeObject<"HorizontalPodAutoscaler">;
type Metric = NonNullable<NonNullable<Autoscaler["spec"]>["metrics"]>[number];

const describe = "kubectl -n {namespace} describe hpa {name}";
const source = "tasks/run-application/horizontal-pod-autoscale/";

/** Kinds with a scale subresource that are read here: of any other only the controller knows whether it exists. */
const scalableKinds = ["Deployment", "ReplicaSet", "StatefulSet"] as const satisfies readonly KindName[];

export const horizontalPodAutoscaler: Analyzer = defineAnalyzer({
  name: "HorizontalPodAutoscaler",
  core: false,
  needs: ["HorizontalPodAutoscaler"],
  uses: [...scalableKinds, "Pod", "LimitRange"],
  rules: {
    "hpa-target-missing": {
      severity: "warning",
      depth: 4,
      message: "The autoscaler names a workload that does not exist",
      why: "Load grows, replicas do not",
      fix: "Correct spec.scaleTargetRef, or remove the autoscaler if its workload is gone for good",
      source,
      commands: ["kubectl -n {namespace} get {target}", describe],
      silent: [
        "younger than 60 seconds",
        "workloads of that kind could not all be read",
        "kinds that k8sgpt does not read, unless the controller says that the target is missing",
      ],
    },
    "hpa-request-missing": {
      severity: "warning",
      depth: 4,
      message: "The autoscaler scales by a percentage of a request that a container does not make",
      why: "Without the request there is no percentage: load grows, replicas do not",
      fix: "Set the request in every container of the Pod, sidecars included, or scale by averageValue or by the metric of one container",
      source: `${source}#support-for-resource-metrics`,
      commands: [describe, "kubectl -n {namespace} get {target} -o yaml"],
      silent: [
        "targets by average value, custom and external metrics",
        "requests of the whole Pod",
        "the controller finds the metric valid",
        "a LimitRange may set the request when Pods are made, and there are none yet",
      ],
    },
    "hpa-no-metrics": {
      severity: ["critical", "warning", "info"],
      depth: 7,
      message: "The autoscaler cannot tell how many replicas are needed",
      why: "Load grows, replicas do not",
      fix: "Look at what should deliver the metric: metrics-server, the adapter, or the Pods themselves",
      source: `${source}#support-for-metrics-apis`,
      commands: [describe, "kubectl get apiservice {apiservice}", "kubectl -n {namespace} top pods"],
      silent: [
        "the target is scaled to zero (info)",
        "less than 2 minutes",
        "the autoscaler, its target or all of its Pods are younger than 3 minutes",
        "the status still tells of an older spec",
      ],
    },
    "hpa-at-max": {
      severity: ["warning", "info"],
      depth: 7,
      message: "The autoscaler is at its maximum and wants more",
      why: "No headroom is left",
      fix: "Raise spec.maxReplicas if nodes and quota allow it, or make each replica do more",
      source,
      commands: ["kubectl -n {namespace} get hpa {name}", describe],
      silent: [
        "less than 15 minutes",
        "at the minimum",
        "usage is below the target",
        "minimum and maximum are the same (info)",
      ],
    },
    "hpa-cannot-scale": {
      severity: "warning",
      depth: 5,
      message: "The autoscaler cannot read or change the number of replicas of its target",
      why: "Load grows, replicas do not",
      fix: "Mend what the condition names: the target's kind and API version, the right to scale it, or what refuses the change",
      source,
      commands: [describe],
      silent: [
        "less than 2 minutes",
        "waiting between two changes (BackoffBoth, ScaleDownStabilized)",
        "the target does not exist (a rule of its own)",
      ],
    },
    "hpa-selector-ambiguous": {
      severity: "warning",
      depth: 5,
      message: "More than one autoscaler scales the same Pods",
      why: "They undo each other's work, or the controller stops both",
      fix: "Keep one autoscaler per workload and put all metrics into it, and give each workload a selector of its own",
      source,
      commands: ["kubectl -n {namespace} get hpa", describe],
      silent: ["autoscalers that are being deleted"],
    },
    "hpa-fights-replicas": {
      severity: "risk",
      depth: 5,
      message: "The manifest of a workload that an autoscaler scales sets a number of replicas",
      why: "Each kubectl apply undoes what the autoscaler did, at whatever load there is",
      fix: "Leave spec.replicas out of the manifest; how, without a moment at one replica, stands in the documentation",
      source:
        "tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling",
      commands: ["kubectl -n {namespace} get {target} -o yaml", describe],
      silent: [
        "workloads that were not made by client-side kubectl apply: nothing tells what their manifest sets",
        "the autoscaler allows only that number",
        "the autoscaler is switched off by a target at zero",
      ],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("HorizontalPodAutoscaler")) {
      if (isGoingAway(snapshot, object) || !hasSettled(snapshot, object, graceMs.pod)) continue;
      const ref = refOf("HorizontalPodAutoscaler", object);
      const target = targetOf(snapshot, object);
      const gone = targetMissing(snapshot, object, ref, target);
      if (gone !== undefined) {
        yield gone;
        continue; // Everything else would be the same fault told twice.
      }
      yield* contested(snapshot, object, ref, target);
      yield* unscalable(snapshot, object, ref);
      const requests = [...requestsMissing(snapshot, object, ref, target)];
      yield* requests;
      yield* withoutMetrics(snapshot, object, ref, target, requests.length > 0);
      yield* atMaximum(snapshot, object, ref);
      yield* fightsReplicas(object, ref, target);
    }
  },
});

type Rule =
  | "hpa-target-missing"
  | "hpa-request-missing"
  | "hpa-no-metrics"
  | "hpa-at-max"
  | "hpa-cannot-scale"
  | "hpa-selector-ambiguous"
  | "hpa-fights-replicas";
type Said = Iterable<Observation<Rule>>;

/** What an autoscaler scales. */
interface Target {
  readonly ref: ObjectRef;
  /** As `kubectl` takes it, `deployment/web`. */
  readonly words: string;
  /** The workload; absent when it is not here or of a kind that is not read. */
  readonly object?: KubeObject<(typeof scalableKinds)[number]>;
  /** Whether `object` would be here if it existed. */
  readonly isKnown: boolean;
}

function targetOf(snapshot: Snapshot, { metadata, spec }: Autoscaler): Target | undefined {
  const { apiVersion = "", kind = "", name = "" } = spec?.scaleTargetRef ?? {};
  const namespace = metadata?.namespace;
  if (kind === "" || name === "") return undefined;
  const ref = namedRef(kind, namespace, name);
  const words = `${kind.toLowerCase()}/${name}`;
  const scalable = scalableKinds.find((known) => known === kind);
  // The group decides what is meant: `Deployment` of another group is another kind.
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  if (scalable === undefined || !isKindName(scalable) || kindDefinition(scalable).group !== group)
    return { ref, words, isKnown: false };
  const object = snapshot.get(scalable, namespace, name);
  if (object !== undefined) return { ref: refOf(scalable, object), words, object, isKnown: true };
  return { ref, words, isKnown: snapshot.isComplete(scalable, namespace) };
}

function targetMissing(
  snapshot: Snapshot,
  { spec, status }: Autoscaler,
  ref: ObjectRef,
  target: Target | undefined,
): Observation<Rule> | undefined {
  if (target === undefined || target.object !== undefined) return undefined;
  const able = conditionOf({ status: status ?? {} }, "AbleToScale");
  const isToldMissing = able?.status === "False" && scaleFailure(able.message) === "target-missing";
  if (!target.isKnown && !isToldMissing) return undefined;
  const { kind } = target.ref;
  const candidates =
    target.isKnown && isKindName(kind)
      ? snapshot.inNamespace(kind, ref.namespace ?? "").map(({ metadata }) => metadata?.name ?? "")
      : [];
  const similar = similarNames(target.ref.name, candidates);
  return {
    rule: "hpa-target-missing",
    object: ref,
    cause: target.ref,
    evidence: [
      field(ref, "spec.scaleTargetRef", spec?.scaleTargetRef),
      missing(target.ref),
      ...(able?.status === "False" ? [field(ref, "status.conditions[AbleToScale].message", able.message)] : []),
      ...(similar.length > 0 ? [fact(ref, "similar names", similar)] : []),
    ],
    ...onset(able?.status === "False" ? able.lastTransitionTime : undefined),
    params: { target: kind.toLowerCase() },
  };
}

function onset(time: string | undefined): { readonly since?: number } {
  const since = parseTime(time);
  return since === undefined ? {} : { since };
}

// ---- two autoscalers, one workload -----------------------------------------------------------------------------------

const autoscalersByTarget = oncePerSnapshot((snapshot) =>
  Map.groupBy(
    snapshot.list("HorizontalPodAutoscaler").filter((object) => !isGoingAway(snapshot, object)),
    targetKey,
  ),
);

function targetKey({ metadata, spec }: Autoscaler): string {
  const { apiVersion = "", kind = "", name = "" } = spec?.scaleTargetRef ?? {};
  return `${metadata?.namespace}/${apiVersion.split("/")[0]}/${kind}/${name}`;
}

/** One finding per group of autoscalers that scale the same Pods, told by the first by name. */
function* contested(snapshot: Snapshot, object: Autoscaler, ref: ObjectRef, target: Target | undefined): Said {
  const sharing = target === undefined ? [] : (autoscalersByTarget(snapshot).get(targetKey(object)) ?? []);
  const active = conditionOf(object, "ScalingActive");
  const isTold = active?.status === "False" && active.reason === "AmbiguousSelector";
  const names = new Set(sharing.map((each) => qualifiedName(refOf("HorizontalPodAutoscaler", each))));
  if (isTold) for (const name of contestingAutoscalers(active.message)) names.add(name);
  const others = [...names].filter((name) => name !== qualifiedName(ref)).sort();
  if (others.length === 0 && !isTold) return;
  const refs = others.map((name) => namedRef("HorizontalPodAutoscaler", name.split("/")[0], name.split("/")[1] ?? ""));
  const isTheirs = refs.some((other) => other.name < ref.name && snapshot.find(other) !== undefined);
  if (isTheirs) return;
  yield {
    rule: "hpa-selector-ambiguous",
    object: ref,
    because: sharing.length > 1 ? "they name the same workload" : "the selectors of their workloads overlap",
    evidence: [
      field(ref, "spec.scaleTargetRef", object.spec?.scaleTargetRef),
      ...(isTold ? [field(ref, "status.conditions[ScalingActive].message", active.message)] : []),
      ...refs.slice(0, 4).map((other) => {
        const found = snapshot.get("HorizontalPodAutoscaler", other.namespace, other.name);
        return field(other, "spec.scaleTargetRef", found?.spec?.scaleTargetRef);
      }),
    ],
    related: refs,
    ...onset(isTold ? active.lastTransitionTime : undefined),
  };
}

// ---- two wills, one number --------------------------------------------------------------------------------------------

/** The number of replicas that the manifest last applied sets (keptOfLastApplied). */
function replicasApplied(target: Target): number | undefined {
  const text = target.object?.metadata?.annotations?.[lastApplied];
  const replicas = /"replicas":(\d+)/.exec(text ?? "")?.[1];
  return replicas === undefined ? undefined : Number(replicas);
}

function* fightsReplicas({ spec }: Autoscaler, ref: ObjectRef, target: Target | undefined): Said {
  const applied = target === undefined ? undefined : replicasApplied(target);
  if (target === undefined || applied === undefined || target.object?.spec?.replicas === 0) return;
  const { minReplicas = 1, maxReplicas } = spec ?? {};
  if (minReplicas === maxReplicas && applied === maxReplicas) return;
  yield {
    rule: "hpa-fights-replicas",
    object: ref,
    evidence: [
      fact(target.ref, "replicas that the manifest last applied sets", applied),
      field(target.ref, "spec.replicas", target.object?.spec?.replicas),
      field(ref, "spec.minReplicas", minReplicas),
      field(ref, "spec.maxReplicas", maxReplicas),
    ],
    related: [target.ref],
    params: { target: target.words },
  };
}

// ---- cannot scale -----------------------------------------------------------------------------------------------------

/** Reasons of `AbleToScale` that mean a failure; the others are pauses between two changes. */
const scaleFailureReasons: ReadonlySet<string> = new Set(["FailedGetScale", "FailedUpdateScale"]);

function* unscalable(snapshot: Snapshot, object: Autoscaler, ref: ObjectRef): Said {
  const able = conditionOf(object, "AbleToScale");
  if (able?.status !== "False" || !scaleFailureReasons.has(able.reason ?? "")) return;
  if (isStatusStale(object) || !hasSettled(snapshot, object, graceMs.workload, able.lastTransitionTime)) return;
  const because = scaleFailureInWords(scaleFailure(able.message));
  yield {
    rule: "hpa-cannot-scale",
    object: ref,
    ...(because !== undefined && { because }),
    evidence: [
      field(ref, "status.conditions[AbleToScale].message", able.message),
      field(ref, "status.conditions[AbleToScale].reason", able.reason),
      field(ref, "spec.scaleTargetRef", object.spec?.scaleTargetRef),
    ],
    ...onset(able.lastTransitionTime),
  };
}

// ---- requests ---------------------------------------------------------------------------------------------------------

/** What the server sets where an autoscaler names no metric (reference: autoscaling/v2 HorizontalPodAutoscalerSpec). */
const defaultMetrics: readonly Metric[] = [
  { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
];

function metricsOf({ spec }: Autoscaler): readonly Metric[] {
  return spec?.metrics === undefined || spec.metrics.length === 0 ? defaultMetrics : spec.metrics;
}

/** A metric that is a percentage of a request: of one container, or of all. */
function percentageOf(metric: Metric): { readonly resource: string; readonly container?: string } | undefined {
  const { resource, containerResource } = metric;
  if (resource?.name !== undefined && resource.target?.averageUtilization !== undefined)
    return { resource: resource.name };
  if (containerResource?.name === undefined || containerResource.target?.averageUtilization === undefined)
    return undefined;
  const { name, container } = containerResource;
  return { resource: name, ...(container !== undefined && { container }) };
}

function* requestsMissing(snapshot: Snapshot, object: Autoscaler, ref: ObjectRef, target: Target | undefined): Said {
  const active = conditionOf(object, "ScalingActive");
  const metrics = metricsOf(object);
  const told = active?.status === "False" ? metricFailure(active.message) : undefined;
  const condition =
    active?.status === "False" ? [field(ref, "status.conditions[ScalingActive].message", active.message)] : [];
  const said = new Set<string>();
  for (const metric of metrics) {
    const wanted = percentageOf(metric);
    if (wanted === undefined) continue;
    const isTold = told?.type === "request-missing" && told.resource === wanted.resource;
    // The controller has the last word: it found this metric valid. Beside others it does not say which one failed.
    if (!isTold && active?.status === "True" && metrics.length === 1) continue;
    if (!isTold && active?.status === "False" && active.reason === "ScalingDisabled") continue;
    const found = containersWithout(snapshot, target, wanted);
    const first = found[0] ?? (isTold ? toldContainer(ref, told) : undefined);
    if (first === undefined) continue;
    const key = `${first.container}/${wanted.resource}`;
    if (said.has(key)) continue;
    said.add(key);
    yield {
      rule: "hpa-request-missing",
      object: ref,
      because: resourcesInWords[wanted.resource] ?? "another resource",
      discriminator: key,
      evidence: [
        ...(found.length > 0 ? found.slice(0, 3).map(({ evidence }) => evidence) : [first.evidence]),
        ...(isTold ? condition : []),
        field(ref, "spec.metrics", metrics.length > 3 ? metrics.slice(0, 3) : metrics),
      ],
      ...(target?.object !== undefined && { related: [target.ref] }),
      ...(isTold && onset(active?.lastTransitionTime)),
      params: { target: target?.words ?? "" },
    };
  }
}

const resourcesInWords: Readonly<Record<string, string>> = { cpu: "CPU", memory: "memory" };

interface Lacking {
  readonly container: string;
  readonly evidence: Evidence;
}

function toldContainer(
  ref: ObjectRef,
  told: { readonly container?: string; readonly pod?: string; readonly resource: string },
): Lacking {
  const { container = "", pod, resource } = told;
  const at = pod === undefined ? ref : namedRef("Pod", ref.namespace, pod);
  const path =
    container === ""
      ? `spec.resources.requests.${resource}`
      : `spec.containers[${container}].resources.requests.${resource}`;
  return { container, evidence: field(at, path, undefined) };
}

/** The containers without the request, in a Pod of the target, else in its template. */
function containersWithout(
  snapshot: Snapshot,
  target: Target | undefined,
  wanted: { readonly resource: string; readonly container?: string },
): readonly Lacking[] {
  if (target?.object === undefined) return [];
  const { ref, object } = target;
  if (!snapshot.isComplete("Pod", ref.namespace)) return [];
  const pods = podsOwnedBy(snapshot, object.metadata?.uid).filter(
    (pod) => !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined,
  );
  for (const pod of pods) {
    const found = lackingIn(pod.spec, wanted, refOf("Pod", pod), "spec", false);
    if (found.length > 0) return found;
  }
  if (pods.length > 0) return [];
  // What a LimitRange would add to new Pods does not stand in the template.
  if (
    !snapshot.isComplete("LimitRange", ref.namespace) ||
    snapshot.inNamespace("LimitRange", ref.namespace ?? "").length > 0
  )
    return [];
  if (object.spec?.replicas === 0) return [];
  return lackingIn(object.spec?.template?.spec, wanted, ref, "spec.template.spec", true);
}

function lackingIn(
  spec: PodSpec | undefined,
  { resource, container }: { readonly resource: string; readonly container?: string },
  ref: ObjectRef,
  path: string,
  isTemplate: boolean,
): readonly Lacking[] {
  // A request of the whole Pod takes the place of those of its containers (Kubernetes 1.32 and later).
  if (container === undefined && spec?.resources?.requests?.[resource] !== undefined) return [];
  const lists = [
    ["containers", spec?.containers ?? []],
    ["initContainers", (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always")],
  ] as const;
  return lists.flatMap(([list, containers]) =>
    containers.flatMap(({ name = "", resources }) => {
      if (container !== undefined && container !== name) return [];
      // The server takes the limit as the request when it makes a Pod.
      const has = resources?.requests?.[resource] ?? (isTemplate ? resources?.limits?.[resource] : undefined);
      if (has !== undefined) return [];
      return [
        { container: name, evidence: field(ref, `${path}.${list}[${name}].resources.requests.${resource}`, undefined) },
      ];
    }),
  );
}

// ---- no metrics -------------------------------------------------------------------------------------------------------

/** How long Pods may be without readings after they start: metrics-server scrapes, then needs two samples. */
const firstMetricsMs = 3 * minuteMs;

function* withoutMetrics(
  snapshot: Snapshot,
  object: Autoscaler,
  ref: ObjectRef,
  target: Target | undefined,
  hasRequestFinding: boolean,
): Said {
  const active = conditionOf(object, "ScalingActive");
  if (active?.status !== "False" || active.reason === "AmbiguousSelector" || isStatusStale(object)) return;
  const status = [
    field(ref, "status.conditions[ScalingActive].message", active.message),
    field(ref, "status.conditions[ScalingActive].reason", active.reason),
  ];
  if (active.reason === "ScalingDisabled") {
    yield {
      rule: "hpa-no-metrics",
      object: ref,
      severity: "info",
      because: "its target is scaled to zero",
      evidence: status,
      ...onset(active.lastTransitionTime),
      params: { apiservice: "" },
    };
    return;
  }
  const failure = metricFailure(active.message);
  if (failure.type === "request-missing" && hasRequestFinding) return;
  if (!hasSettled(snapshot, object, graceMs.workload, active.lastTransitionTime)) return;
  if (!hasSettled(snapshot, object, firstMetricsMs)) return;
  if (target?.object !== undefined && !hasSettled(snapshot, target.object, firstMetricsMs)) return;
  const pods = podsOwnedBy(snapshot, target?.object?.metadata?.uid).filter((pod) => !isFinished(pod));
  const areYoung =
    pods.length > 0 && pods.every((pod) => (ageOfObject(snapshot, pod) ?? Number.POSITIVE_INFINITY) < firstMetricsMs);
  if (areYoung && (failure.type === "pods-not-ready" || failure.type === "no-metrics" || failure.type === "no-pods"))
    return;
  const group = "group" in failure ? failure.group : undefined;
  const apiservice = group === undefined ? "" : `v1beta1.${group}`;
  const isApiAtFault = failure.type === "not-served" || failure.type === "not-answering";
  const unready =
    failure.type === "pods-not-ready" || failure.type === "no-metrics" ? pods.filter((pod) => !isReady(pod)) : [];
  const because = metricFailureInWords(failure) ?? reasonsInWords[active.reason ?? ""];
  yield {
    rule: "hpa-no-metrics",
    object: ref,
    severity: isPressed(object) ? "critical" : "warning",
    ...(because !== undefined && { because }),
    ...(isApiAtFault && { cause: namedRef("APIService", undefined, apiservice) }),
    evidence: [
      ...status,
      ...(object.status?.lastScaleTime === undefined
        ? []
        : [field(ref, "status.lastScaleTime", object.status.lastScaleTime)]),
      field(ref, "status.currentReplicas", object.status?.currentReplicas),
      ...unready
        .slice(0, 3)
        .map((pod) => field(refOf("Pod", pod), "status.conditions[Ready].status", conditionOf(pod, "Ready")?.status)),
    ],
    related: [
      ...(target?.object === undefined ? [] : [target.ref]),
      ...unready.slice(0, 20).map((pod) => refOf("Pod", pod)),
    ],
    ...onset(active.lastTransitionTime),
    params: { apiservice },
  };
}

const reasonsInWords: Readonly<Record<string, string>> = {
  FailedGetResourceMetric: "a resource metric cannot be read",
  FailedGetContainerResourceMetric: "the resource metric of a container cannot be read",
  FailedGetPodsMetric: "a metric of its Pods cannot be read",
  FailedGetObjectMetric: "the metric of an object cannot be read",
  FailedGetExternalMetric: "an external metric cannot be read",
  InvalidMetricSourceType: "a metric is of a type that does not exist",
  InvalidSelector: "the selector of its target is not valid",
};

/** Whether the last readings were above their target while the number of replicas was at one of its limits. */
function isPressed(object: Autoscaler): boolean {
  const { minReplicas = 1, maxReplicas } = object.spec ?? {};
  const { currentReplicas } = object.status ?? {};
  const isAtLimit =
    currentReplicas !== undefined && (currentReplicas <= minReplicas || currentReplicas === maxReplicas);
  return isAtLimit && usages(object).some(({ share }) => share > 1.1);
}

interface Usage {
  readonly path: string;
  /** Reading divided by target. */
  readonly share: number;
  readonly evidence: readonly Evidence[];
}

/** The last readings that can be compared with their targets. */
function usages(object: Autoscaler): readonly Usage[] {
  const ref = refOf("HorizontalPodAutoscaler", object);
  const current = object.status?.currentMetrics ?? [];
  return metricsOf(object).flatMap((metric): readonly Usage[] => {
    // The status lists the metrics in the order of the spec; a reading is taken by its name, where it has one.
    const reading = current.find((each) => metricName(each) === metricName(metric));
    const target =
      metric.resource?.target ??
      metric.containerResource?.target ??
      metric.pods?.target ??
      metric.external?.target ??
      metric.object?.target;
    const value =
      reading?.resource?.current ??
      reading?.containerResource?.current ??
      reading?.pods?.current ??
      reading?.external?.current ??
      reading?.object?.current;
    if (target === undefined || value === undefined) return [];
    for (const key of ["averageUtilization", "averageValue", "value"] as const) {
      const [wanted, got] = [parseQuantity(target[key]), parseQuantity(value[key])];
      if (wanted === undefined || got === undefined || wanted === 0) continue;
      const path = `status.currentMetrics[${metricName(metric)}].${key}`;
      return [
        {
          path,
          share: got / wanted,
          evidence: [
            field(ref, path, value[key]),
            field(ref, `spec.metrics[${metricName(metric)}].target.${key}`, target[key]),
          ],
        },
      ];
    }
    return [];
  });
}

/** What tells one metric of an autoscaler from the others. */
function metricName({
  type,
  resource,
  containerResource,
  pods,
  external,
  object,
}:
  | Pick<Metric, "type" | "resource" | "containerResource" | "pods" | "external" | "object">
  | NonNullable<NonNullable<Autoscaler["status"]>["currentMetrics"]>[number]): string {
  if (containerResource !== undefined) return `${containerResource.container ?? ""}/${containerResource.name ?? ""}`;
  return resource?.name ?? pods?.metric?.name ?? external?.metric?.name ?? object?.metric?.name ?? type ?? "";
}

// ---- at the maximum -------------------------------------------------------------------------------------------------

/** How long an autoscaler may stand at its maximum before it is said. */
const atMaximumMs = 15 * minuteMs;

function* atMaximum(snapshot: Snapshot, object: Autoscaler, ref: ObjectRef): Said {
  const limited = conditionOf(object, "ScalingLimited");
  const { minReplicas = 1, maxReplicas } = object.spec ?? {};
  const { currentReplicas, lastScaleTime } = object.status ?? {};
  if (limited?.status !== "True" || limited.reason !== "TooManyReplicas" || isStatusStale(object)) return;
  if (maxReplicas === undefined || currentReplicas !== maxReplicas) return;
  // The controller no longer knows better when it has no metric.
  if (conditionOf(object, "ScalingActive")?.status === "False") return;
  // The condition keeps its time when it goes from one limit to the other: the last scaling bounds it.
  const times = [parseTime(limited.lastTransitionTime), parseTime(lastScaleTime)].filter((time) => time !== undefined);
  const since = times.length === 0 ? undefined : Math.max(...times);
  if (!hasSettled(snapshot, object, atMaximumMs, since) || (ageOf(snapshot, since) ?? atMaximumMs) < atMaximumMs)
    return;
  const readings = usages(object);
  if (readings.length > 0 && readings.every(({ share }) => share < 1)) return;
  const isFixed = minReplicas === maxReplicas;
  yield {
    rule: "hpa-at-max",
    object: ref,
    severity: isFixed ? "info" : "warning",
    ...(isFixed && { because: "its minimum and maximum are the same" }),
    evidence: [
      field(ref, "spec.maxReplicas", maxReplicas),
      field(ref, "status.currentReplicas", currentReplicas),
      ...readings
        .filter(({ share }) => share >= 1)
        .slice(0, 2)
        .flatMap(({ evidence }) => evidence),
      field(ref, "status.conditions[ScalingLimited].message", limited.message),
    ],
    ...(since !== undefined && { since }),
  };
}
