/**
 * What stands behind a Service, judged once for all who ask: the Service itself, the Ingress that routes to it, the
 * webhook that is served by it. The truth is in the EndpointSlices; Pods and workloads say why they are empty.
 */
import { type Evidence, field } from "../../findings/evidence.ts";
import { backendsOf } from "../../kube/graph.ts";
import {
  ageOf,
  ageOfObject,
  conditionOf,
  graceMs,
  hasSettled,
  isFinished,
  isGoingAway,
  isReady,
} from "../../kube/guards.ts";
import type { KindName, KubeObject, PodSpec } from "../../kube/kinds.ts";
import { keyOf, namedRef, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import {
  controllerOf,
  endpointsOf,
  isUsable,
  oncePerSnapshot,
  podsSelectedBy,
  templatedWorkloads,
} from "../../kube/relations.ts";
import { mapMatches } from "../../kube/selectors.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { secondMs } from "../../kube/time.ts";

/** The kinds that `backendOf` looks at: whoever asks declares them. */
export const backendKinds: readonly KindName[] = [
  "Service",
  "EndpointSlice",
  "Pod",
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
];

/** What stands behind a Service. */
export type Backend =
  /** At least one endpoint takes traffic. */
  | { readonly state: "serving" }
  /** Not judged: external, too young, being deleted, or something was not read. */
  | { readonly state: "unknown" }
  /** No selector, and nobody wrote endpoints for it. */
  | { readonly state: "unmanaged" }
  /** Its workload is meant to have no Pods now (G2). */
  | { readonly state: "asleep"; readonly workloads: readonly ObjectRef[] }
  /** A workload with the right labels wants Pods and has none. */
  | { readonly state: "unmade"; readonly workloads: readonly ObjectRef[] }
  /** Neither a Pod nor a workload carries the labels. */
  | { readonly state: "unmatched" }
  /** Only Pods that have ended carry the labels. */
  | { readonly state: "finished"; readonly pods: readonly KubeObject<"Pod">[] }
  /** Pods carry the labels, and none takes traffic. */
  | { readonly state: "not-ready"; readonly pods: readonly KubeObject<"Pod">[]; readonly since?: number };

const unknown: Backend = { state: "unknown" };

/** What stands behind `service`. */
export function backendOf(snapshot: Snapshot, service: KubeObject<"Service">): Backend {
  const { namespace = "" } = service.metadata ?? {};
  const { type, selector = {} } = service.spec ?? {};
  if (type === "ExternalName" || isGoingAway(snapshot, service)) return unknown;
  // Where slices are not served or not read nothing proves that there are none.
  if (!snapshot.isServed("EndpointSlice") || !snapshot.isComplete("EndpointSlice", namespace)) return unknown;
  if (endpointsOf(snapshot, service).some(isUsable)) return { state: "serving" };
  if (!hasSettled(snapshot, service, graceMs.pod)) return unknown;
  if (Object.keys(selector).length === 0) return { state: "unmanaged" };
  if (!snapshot.isComplete("Pod", namespace)) return unknown;

  const pods = podsSelectedBy(snapshot, service);
  const live = pods.filter((pod) => !isFinished(pod) && !isLeaving(snapshot, pod));
  const workloads = workloadsSelectedBy(snapshot, namespace, selector);
  const wanted = workloads.filter((workload) => workload.wanted > 0);
  if (live.length === 0 || wanted.length === 0) {
    // Without the workloads an intended zero cannot be told from a fault.
    const areKnown = snapshot.isComplete("Deployment", namespace) && snapshot.isComplete("StatefulSet", namespace);
    if (workloads.length > 0 && wanted.length === 0) {
      return { state: "asleep", workloads: workloads.map(({ ref }) => ref) };
    }
    if (live.length === 0 && !areKnown) return unknown;
  }
  if (live.length === 0) {
    if (pods.some((pod) => !isFinished(pod))) return unknown; // The last ones are leaving right now.
    if (wanted.length > 0) {
      const isYoung = wanted.every(({ object }) => !hasSettled(snapshot, object, graceMs.workload));
      return isYoung ? unknown : { state: "unmade", workloads: wanted.map(({ ref }) => ref) };
    }
    return pods.length > 0 ? { state: "finished", pods } : { state: "unmatched" };
  }
  // Its endpoints count as ready whatever its Pods say; a slice that shows none is about to be written.
  if (service.spec?.publishNotReadyAddresses === true || !hasBeenDownForLong(snapshot, live)) return unknown;
  const onsets = live.map((pod) => Date.parse(conditionOf(pod, "Ready")?.lastTransitionTime ?? ""));
  const since = Math.max(...onsets);
  return { state: "not-ready", pods: live, ...(!Number.isNaN(since) && { since }) };
}

/** Being deleted, and not for much longer than it was given to end. */
function isLeaving(snapshot: Snapshot, pod: KubeObject<"Pod">): boolean {
  const age = ageOf(snapshot, pod.metadata?.deletionTimestamp);
  return age !== undefined && age < graceMs.pod;
}

/**
 * Whether Pods have been not ready for a while (G4). Pods that are still starting do not count, for or against, as long
 * as an older one shows that nothing was served before.
 */
function hasBeenDownForLong(snapshot: Snapshot, pods: readonly KubeObject<"Pod">[]): boolean {
  const old = pods.filter((pod) => !isStarting(snapshot, pod));
  if (old.length === 0) return false;
  return old.every((pod) => {
    const statuses = pod.status?.containerStatuses ?? [];
    // A container that restarts again and again is ready for a moment each time.
    if (statuses.some(({ state }) => state?.waiting?.reason === "CrashLoopBackOff")) return true;
    return hasSettled(snapshot, pod, graceMs.pod, conditionOf(pod, "Ready")?.lastTransitionTime);
  });
}

/** Whether the Pod is young, or within the time that its own probes give it to start. */
function isStarting(snapshot: Snapshot, pod: KubeObject<"Pod">): boolean {
  const age = ageOfObject(snapshot, pod);
  if (age === undefined) return false;
  if (age < graceMs.pod) return true;
  const statuses = pod.status?.containerStatuses ?? [];
  const hasTrouble = statuses.some(({ state, restartCount = 0 }) => state?.running === undefined || restartCount > 0);
  if (statuses.length === 0 || hasTrouble || isReady(pod)) return false;
  return (pod.spec?.containers ?? []).some(({ name, startupProbe, readinessProbe }) => {
    const startedAt = statuses.find((status) => status.name === name)?.state?.running?.startedAt;
    const running = ageOf(snapshot, startedAt);
    if (running === undefined) return false;
    const { initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3 } = startupProbe ?? {};
    const startup = startupProbe === undefined ? 0 : initialDelaySeconds + periodSeconds * failureThreshold;
    return running < (startup + (readinessProbe?.initialDelaySeconds ?? 0)) * secondMs;
  });
}

interface SelectedWorkload {
  readonly ref: ObjectRef;
  readonly object: KubeObject;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly wanted: number;
}

/** Labels that controllers write on Pods at run time: a template does not carry them. */
const runtimeLabels: ReadonlySet<string> = new Set([
  "apps.kubernetes.io/pod-index",
  "batch.kubernetes.io/job-completion-index",
  "batch.kubernetes.io/job-name",
  "controller-revision-hash",
  "job-name",
  "pod-template-hash",
  "rollouts-pod-template-hash",
  "statefulset.kubernetes.io/pod-name",
]);

const workloadsByNamespace = oncePerSnapshot((snapshot) => {
  const workloads: SelectedWorkload[] = [...templatedWorkloads(snapshot)];
  for (const object of snapshot.list("ReplicaSet")) {
    // Those of a Deployment are told by it; those of another controller (Argo Rollouts) only by themselves.
    const owner = controllerOf(object);
    if (owner === undefined || owner.kind === "Deployment") continue;
    const { replicas = 1, template } = object.spec ?? {};
    workloads.push({ ref: refOf("ReplicaSet", object), object, labels: template?.metadata?.labels, wanted: replicas });
  }
  return Map.groupBy(workloads, ({ object }) => object.metadata?.namespace ?? "");
});

/** The workloads in `namespace` whose Pods the selector would select, whatever labels they get at run time. */
function workloadsSelectedBy(
  snapshot: Snapshot,
  namespace: string,
  selector: Readonly<Record<string, string>>,
): readonly SelectedWorkload[] {
  const lasting = Object.fromEntries(Object.entries(selector).filter(([key]) => !runtimeLabels.has(key)));
  if (Object.keys(lasting).length === 0) return [];
  return (workloadsByNamespace(snapshot).get(namespace) ?? []).filter(({ labels }) => mapMatches(lasting, labels));
}

const routes = oncePerSnapshot((snapshot) => {
  const byService = new Map<string, ObjectRef[]>();
  const add = (namespace: string | undefined, name: string, from: ObjectRef): void => {
    const key = `${namespace}/${name}`;
    const found = byService.get(key);
    if (found === undefined) byService.set(key, [from]);
    else if (!found.some((ref) => keyOf(ref) === keyOf(from))) found.push(from);
  };
  for (const ingress of snapshot.list("Ingress")) {
    if (ingress.metadata?.deletionTimestamp !== undefined) continue;
    for (const { service } of backendsOf(ingress)) add(ingress.metadata?.namespace, service, refOf("Ingress", ingress));
  }
  for (const kind of ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] as const) {
    for (const configuration of snapshot.list(kind)) {
      for (const { clientConfig } of configuration.webhooks ?? []) {
        const { namespace, name } = clientConfig?.service ?? {};
        if (name !== undefined) add(namespace, name, refOf(kind, configuration));
      }
    }
  }
  return byService;
});

/** The Ingresses and webhook configurations that send traffic to a Service. */
export function routesTo(snapshot: Snapshot, service: KubeObject<"Service">): readonly ObjectRef[] {
  return routes(snapshot).get(`${service.metadata?.namespace}/${service.metadata?.name}`) ?? [];
}

/** The most telling field about why a Pod takes no traffic. */
export function whyNotReady(pod: KubeObject<"Pod">): Evidence {
  const ref = refOf("Pod", pod);
  const { status } = pod;
  for (const [list, statuses] of [
    ["initContainerStatuses", status?.initContainerStatuses],
    ["containerStatuses", status?.containerStatuses],
  ] as const) {
    for (const { name = "", state } of statuses ?? []) {
      const at = `status.${list}[${name}]`;
      const { reason } = state?.waiting ?? {};
      if (reason !== undefined && reason !== "PodInitializing" && reason !== "ContainerCreating") {
        return field(ref, `${at}.state.waiting.reason`, reason);
      }
      if (state?.terminated !== undefined && (list === "containerStatuses" || state.terminated.exitCode !== 0)) {
        return field(ref, `${at}.state.terminated.exitCode`, state.terminated.exitCode);
      }
    }
  }
  const scheduled = conditionOf(pod, "PodScheduled");
  if (scheduled?.status === "False") {
    return field(ref, "status.conditions[PodScheduled].message", scheduled.message ?? scheduled.reason);
  }
  const unready = status?.containerStatuses?.find(({ ready }) => ready === false);
  if (unready !== undefined) return field(ref, `status.containerStatuses[${unready.name}].ready`, false);
  const ready = conditionOf(pod, "Ready");
  if (ready !== undefined) {
    return ready.status === "True"
      ? field(ref, "status.conditions[Ready].status", ready.status)
      : field(ref, "status.conditions[Ready].reason", ready.reason ?? ready.message ?? ready.status);
  }
  return field(ref, "status.phase", status?.phase);
}

/** The ports that a Pod's containers declare, sidecars included. */
export function declaredPorts(spec: PodSpec | undefined): readonly {
  readonly name?: string;
  readonly containerPort?: number;
  readonly protocol?: string;
}[] {
  const { containers = [], initContainers = [] } = spec ?? {};
  // Almost every Pod: nothing to be joined.
  if (containers.length === 1 && initContainers.length === 0) return containers[0]?.ports ?? [];
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...containers, ...sidecars].flatMap(({ ports = [] }) => ports);
}

/** The Service that a name stands for, present or missing. */
export function serviceRef(namespace: string | undefined, name: string): ObjectRef {
  return namedRef("Service", namespace, name);
}
