/**
 * What the rules on Pods share: a Pod's containers with their statuses side by side, how many replicas serve, and the
 * events that still count.
 */
import type { Evidence } from "../../findings/evidence.ts";
import { fact, field } from "../../findings/evidence.ts";
import type { Observation } from "../../findings/finding.ts";
import type { EventRecord } from "../../kube/events.ts";
import { ageOf, conditionOf, eventMaxAgeMs, isFinished, isReady } from "../../kube/guards.ts";
import type { Container, ContainerStatus, KubeObject } from "../../kube/kinds.ts";
import { type ObjectRef, refOf } from "../../kube/object-ref.ts";
import {
  controllerOf,
  oncePerSnapshot,
  ownersOf,
  podsOwnedBy,
  podsWithLabels,
  topOwnerOf,
} from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { minuteMs, parseTime } from "../../kube/time.ts";

export type Pod = KubeObject<"Pod">;

/** One container of a Pod: what was asked for and what became of it. */
export interface PodContainer {
  readonly name: string;
  readonly kind: "init" | "sidecar" | "main" | "ephemeral";
  readonly status: ContainerStatus;
  readonly spec: Container | undefined;
  /** `status.containerStatuses[app]` */
  readonly statusPath: string;
  /** `spec.containers[app]` */
  readonly specPath: string;
}

/** An observation about one container; those of one Pod with the same `mergeKey` are one fault. */
export type ContainerObservation<Id extends string> = Observation<Id> & { readonly mergeKey?: string };

/** A Pod's containers that have a status, in the order in which they start; ephemeral ones last. */
export function containersOf(pod: Pod): readonly PodContainer[] {
  let found = knownContainers.get(pod);
  if (found === undefined) {
    found = findContainers(pod);
    knownContainers.set(pod, found);
  }
  return found;
}

/** A Pod of a snapshot never changes, and several rules go through its containers. */
const knownContainers = new WeakMap<Pod, readonly PodContainer[]>();

const statusLists = {
  initContainers: "initContainerStatuses",
  containers: "containerStatuses",
  ephemeralContainers: "ephemeralContainerStatuses",
} as const;

function findContainers(pod: Pod): readonly PodContainer[] {
  const { spec, status } = pod;
  const found: PodContainer[] = [];
  const add = (
    statuses: readonly ContainerStatus[] | undefined,
    specs: readonly Container[] | undefined,
    listName: "initContainers" | "containers" | "ephemeralContainers",
  ): void => {
    for (const one of statuses ?? []) {
      const name = one.name ?? "";
      const own = specs?.find((container) => container.name === name);
      found.push({
        name,
        kind:
          listName === "containers"
            ? "main"
            : listName === "ephemeralContainers"
              ? "ephemeral"
              : own?.restartPolicy === "Always"
                ? "sidecar"
                : "init",
        status: one,
        spec: own,
        statusPath: `status.${statusLists[listName]}[${name}]`,
        specPath: `spec.${listName}[${name}]`,
      });
    }
  };
  add(status?.initContainerStatuses, spec?.initContainers, "initContainers");
  add(status?.containerStatuses, spec?.containers, "containers");
  add(status?.ephemeralContainerStatuses, spec?.ephemeralContainers, "ephemeralContainers");
  return found;
}

/**
 * The Pods of which no rule about containers has anything to say are most of a cluster: they run and are ready, none of
 * their containers waits or ever ended, but for init containers that did their work at once. These are the others.
 */
export const podsNotWell: (snapshot: Snapshot) => ReadonlySet<Pod> = oncePerSnapshot(
  (snapshot) => new Set(snapshot.list("Pod").filter((pod) => !isWell(pod))),
);

function isWell(pod: Pod): boolean {
  const {
    phase,
    containerStatuses = [],
    initContainerStatuses = [],
    ephemeralContainerStatuses = [],
  } = pod.status ?? {};
  return (
    phase === "Running" &&
    pod.metadata?.deletionTimestamp === undefined &&
    containerStatuses.length > 0 &&
    ephemeralContainerStatuses.length === 0 &&
    containerStatuses.every(isAtWork) &&
    initContainerStatuses.every(isDone) &&
    isReady(pod)
  );
}

function isAtWork({ ready, restartCount = 0, state, lastState }: ContainerStatus): boolean {
  const { running, waiting, terminated } = state ?? {};
  return (
    ready !== false &&
    restartCount === 0 &&
    running !== undefined &&
    waiting === undefined &&
    terminated === undefined &&
    lastState?.terminated === undefined
  );
}

function isDone({ restartCount = 0, state, lastState }: ContainerStatus): boolean {
  const { running, waiting, terminated } = state ?? {};
  return (
    restartCount === 0 &&
    running === undefined &&
    waiting === undefined &&
    terminated?.exitCode === 0 &&
    terminated.reason === "Completed" &&
    lastState?.terminated === undefined
  );
}

/** How its last run ended: the present state when it is down, else that of the run before. */
export function lastTerminationOf({ status }: PodContainer):
  | {
      readonly path: "state" | "lastState";
      readonly terminated: NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>;
    }
  | undefined {
  const now = status.state?.terminated;
  if (now !== undefined) return { path: "state", terminated: now };
  const before = status.lastState?.terminated;
  return before === undefined ? undefined : { path: "lastState", terminated: before };
}

/** Whether the container starts and dies in a loop: backing off, or seen in one of its short runs. */
export function isLooping(snapshot: Snapshot, { status }: PodContainer): boolean {
  if (status.state?.waiting?.reason === "CrashLoopBackOff") return true;
  if ((status.restartCount ?? 0) < 3) return false;
  const ended = ageOf(snapshot, (status.state?.terminated ?? status.lastState?.terminated)?.finishedAt);
  const running = ageOf(snapshot, status.state?.running?.startedAt);
  return ended !== undefined && ended <= 10 * minuteMs && (running === undefined || running < 10 * minuteMs);
}

// ---- replicas ---------------------------------------------------------------------------------------------------------

interface Replicas {
  readonly ready: number;
  readonly all: number;
}

const replicasByOwner = oncePerSnapshot(() => new Map<string, Replicas>());

/** How many Pods do the same work as this one (itself included), and how many of them are ready. Finished ones do none. */
function replicasOf(snapshot: Snapshot, pod: Pod): Replicas {
  const owner = isStatic(pod) ? undefined : topOwnerOf(snapshot, pod);
  if (owner?.uid !== undefined) {
    const known = replicasByOwner(snapshot).get(owner.uid);
    if (known !== undefined) return known;
    const counted = count(podsOwnedBy(snapshot, owner.uid));
    replicasByOwner(snapshot).set(owner.uid, counted);
    return counted;
  }
  // Static Pods of the control plane say with a label which other ones do their work (kubeadm).
  const component = pod.metadata?.labels?.["component"];
  if (!isStatic(pod) || component === undefined) return count([pod]);
  return count(podsWithLabels(snapshot, pod.metadata?.namespace, { component }));
}

function count(pods: readonly Pod[]): Replicas {
  const live = pods.filter((pod) => !isFinished(pod));
  return { all: live.length, ready: live.filter((pod) => isReady(pod) && !isDeleting(pod)).length };
}

function isDeleting(pod: Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}

/** Whether the kubelet made the Pod from a file on its node (tasks/configure-pod-container/static-pod/). */
export function isStatic(pod: Pod): boolean {
  return (
    pod.metadata?.annotations?.["kubernetes.io/config.mirror"] !== undefined ||
    pod.metadata?.ownerReferences?.some(({ kind }) => kind === "Node") === true
  );
}

/** Critical when no replica is ready to do the Pod's work, else warning. */
export function replicaSeverity(snapshot: Snapshot, pod: Pod): "critical" | "warning" {
  return replicasOf(snapshot, pod).ready === 0 ? "critical" : "warning";
}

/** How many of its replicas are ready, as evidence; nothing for a Pod that stands alone. */
export function replicasFact(snapshot: Snapshot, pod: Pod): readonly Evidence[] {
  const { ready, all } = replicasOf(snapshot, pod);
  return all < 2 ? [] : [fact(refOf("Pod", pod), "ready replicas", `${ready} of ${all}`)];
}

/**
 * Whether the Pod's owner has all it wants without the Pod: then what happened to it is history. Undefined when nobody
 * owns it or the owner was not read.
 */
export function isOwnerWhole(snapshot: Snapshot, pod: Pod): boolean | undefined {
  const ref = isStatic(pod) ? undefined : topOwnerOf(snapshot, pod);
  if (ref === undefined) return undefined;
  const { kind, namespace, name } = ref;
  switch (kind) {
    case "Deployment":
    case "ReplicaSet":
    case "StatefulSet": {
      const owner = snapshot.get(kind, namespace, name);
      return owner === undefined ? undefined : (owner.status?.readyReplicas ?? 0) >= (owner.spec?.replicas ?? 1);
    }
    case "DaemonSet": {
      const owner = snapshot.get(kind, namespace, name);
      if (owner === undefined) return undefined;
      return (owner.status?.numberReady ?? 0) >= (owner.status?.desiredNumberScheduled ?? 0);
    }
    case "Job": {
      const owner = snapshot.get(kind, namespace, name);
      if (owner === undefined) return undefined;
      return isCompleteJob(snapshot, namespace, name) || (owner.status?.ready ?? 0) > 0;
    }
    case "CronJob": {
      const owner = snapshot.get(kind, namespace, name);
      if (owner === undefined) return undefined;
      const succeeded = parseTime(owner.status?.lastSuccessfulTime);
      const created = parseTime(pod.metadata?.creationTimestamp);
      const job = controllerOf(pod);
      return (
        isCompleteJob(snapshot, job?.namespace, job?.name) ||
        (succeeded !== undefined && created !== undefined && succeeded > created)
      );
    }
    default:
      return undefined;
  }
}

/** Whether the Job named has ended well (G3). */
export function isCompleteJob(snapshot: Snapshot, namespace: string | undefined, name: string | undefined): boolean {
  const job = name === undefined ? undefined : snapshot.get("Job", namespace, name);
  if (job === undefined) return false;
  return ["Complete", "SuccessCriteriaMet"].some((type) => conditionOf(job, type)?.status === "True");
}

/** Whether a Job made the Pod: failed tries are the Job's to report. */
export function isOfJob(snapshot: Snapshot, pod: Pod): boolean {
  return controllerOf(pod)?.kind === "Job" || ownersOf(snapshot, pod).some(({ kind }) => kind === "Job");
}

// ---- events -----------------------------------------------------------------------------------------------------------

/**
 * The events about an object that still count (G6): of these reasons, seen in the last hour and not before `after`, newest
 * first.
 */
export function currentEvents(
  snapshot: Snapshot,
  ref: ObjectRef,
  reasons: readonly string[],
  after?: number,
): readonly EventRecord[] {
  return [...new Set(snapshot.eventsOf(ref))].filter(({ reason, lastSeen }) => {
    if (!reasons.includes(reason)) return false;
    if (lastSeen === undefined || snapshot.takenAt - lastSeen > eventMaxAgeMs) return false;
    return after === undefined || lastSeen >= after;
  });
}

/** Whether the event is about that container; one that names no container may be about any. */
export function isAbout(event: EventRecord, container: string): boolean {
  const named = /\{([^}]+)\}/.exec(event.fieldPath ?? "")?.[1];
  return named === undefined || named === container;
}

// ---- evidence ---------------------------------------------------------------------------------------------------------

/** The last lines of the container's log, when they were read. */
export function logEvidence(snapshot: Snapshot, pod: Pod, container: string): readonly Evidence[] {
  const log = snapshot.logOf(pod.metadata?.namespace ?? "", pod.metadata?.name ?? "", container);
  if (log === undefined || log.lines.length === 0) return [];
  const { previous, lines } = log;
  return [{ type: "log", object: refOf("Pod", pod), container, previous, lines: lines.slice(-20) }];
}

/** The fields at these paths that have a value. */
export function present(
  ref: ObjectRef,
  fields: Readonly<Record<string, Parameters<typeof field>[2]>>,
): readonly Evidence[] {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([path, value]) => field(ref, path, value));
}

/** The node a Pod is on, when it was read. */
export function nodeOf(snapshot: Snapshot, pod: Pod): KubeObject<"Node"> | undefined {
  const { nodeName } = pod.spec ?? {};
  return nodeName === undefined ? undefined : snapshot.get("Node", undefined, nodeName);
}

/** What is wrong with the Pod's node: gone, silent or not ready; undefined when nothing is known to be. */
export function nodeTrouble(
  snapshot: Snapshot,
  pod: Pod,
):
  | { readonly state: "gone" | "unreachable" | "not-ready"; readonly ref: ObjectRef; readonly evidence: Evidence }
  | undefined {
  const { nodeName = "" } = pod.spec ?? {};
  if (nodeName === "") return undefined;
  const node = snapshot.get("Node", undefined, nodeName);
  if (node === undefined) {
    if (!snapshot.isComplete("Node")) return undefined;
    const ref = { kind: "Node", name: nodeName };
    return { state: "gone", ref, evidence: { type: "missing", object: ref } };
  }
  const ready = conditionOf(node, "Ready");
  if (ready === undefined || ready.status === "True") return undefined;
  const ref = refOf("Node", node);
  const evidence = field(ref, "status.conditions[Ready].status", ready.status);
  return { state: ready.status === "Unknown" ? "unreachable" : "not-ready", ref, evidence };
}
