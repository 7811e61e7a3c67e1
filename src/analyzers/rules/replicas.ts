/** What all controllers of Pods share: too few ready ones, none at all, changes that nobody acts on, selectors that overlap. */
import { type Evidence, fact, field } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import {
  ageOf,
  conditionOf,
  graceMs,
  hasSettled,
  isFinished,
  isGoingAway,
  isReady,
  isStatusStale,
  specChangedAt,
} from "../../kube/guards.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import { compareText, keyOf, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { isOfKind, podsMatching, podsOwnedBy, topOwnerOf } from "../../kube/relations.ts";
import { formatSelector, selectorMatches } from "../../kube/selectors.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { minuteMs, parseTime } from "../../kube/time.ts";

/** The entries that several analyzers share. */
export const replicaRules = {
  "replicas-short": {
    severity: ["critical", "warning"],
    depth: 7,
    message: "Fewer Pods are ready than wanted",
    why: "The next loss is an outage, or it is one already",
    fix: "Look at why the Pods named here are not ready",
    source: "concepts/workloads/controllers/",
    commands: [
      "kubectl -n {namespace} get pods -l {selector} -o wide",
      "kubectl -n {namespace} describe {kind} {name}",
    ],
    silent: [
      "Scaled to zero, or more Pods are ready than wanted",
      "The Pods have been unready for less than 2 minutes",
      "A rollout inside its deadline keeps as many Pods available as it promises",
      "The status still tells of an older spec",
      "A rule that says more fired for the same workload",
    ],
  },
} as const satisfies Readonly<Record<string, Rule>>;

export const noPodsRules = {
  "workload-no-pods-created": {
    severity: "warning",
    depth: 7,
    message: "Pods are wanted, but none was created and nothing says why",
    why: "Changes are accepted but nobody acts on them",
    fix: "Check that kube-controller-manager runs and holds its lease",
    source: "concepts/architecture/controller/",
    commands: ["kubectl -n kube-system get lease", "kubectl -n {namespace} describe {kind} {name}"],
    silent: [
      "The workload was changed less than 5 minutes ago",
      "An event or condition says why no Pod was created",
      "Pods or events could not be listed",
    ],
  },
} as const satisfies Readonly<Record<string, Rule>>;

export const observingRules = {
  "controller-not-observing": {
    severity: "warning",
    depth: 7,
    message: "The controller has not looked at the latest change for more than 5 minutes",
    why: "Changes are accepted but nobody acts on them",
    fix: "Check that kube-controller-manager runs and holds its lease",
    source: "concepts/architecture/controller/",
    commands: ["kubectl -n kube-system get lease", "kubectl -n {namespace} get {kind} {name} -o yaml"],
    silent: ["The object was changed less than 5 minutes ago"],
  },
} as const satisfies Readonly<Record<string, Rule>>;

export const overlapRules = {
  "workload-selector-overlap": {
    severity: "warning",
    depth: 5,
    message: "The selector also matches Pods of another workload in the namespace",
    why: "Two controllers can take each other's Pods for their own, and autoscalers and disruption budgets count them twice",
    fix: "Give each workload a label of its own, in its selector and in its template",
    source: "concepts/workloads/controllers/deployment/",
    commands: [
      "kubectl -n {namespace} get pods -l {selector} -o wide",
      "kubectl -n {namespace} get deploy,rs,sts -o wide",
    ],
    silent: ["Old and new ReplicaSets of one Deployment", "Pods that have ended or are being deleted"],
  },
} as const satisfies Readonly<Record<string, Rule>>;

/** How long nobody may act on a change before it is a finding. */
const unobservedMs = 5 * minuteMs;

type Scaled = KubeObject<"Deployment"> | KubeObject<"ReplicaSet"> | KubeObject<"StatefulSet"> | KubeObject<"DaemonSet">;

/** The workload's selector as `kubectl -l` takes it; "" leaves out the commands that need it. */
export function selectorParam(object: Scaled): string {
  const { selector } = object.spec ?? {};
  return selector === undefined ? "" : formatSelector(selector);
}

/** A Pod that ought to be ready and is not. */
export interface UnreadyPod {
  readonly pod: KubeObject<"Pod">;
  readonly ref: ObjectRef;
  /** Since when, in milliseconds. */
  readonly since: number | undefined;
}

/** The Pods that live, are not being deleted and are not ready, the longest unready first. */
export function unreadyPods(pods: readonly KubeObject<"Pod">[]): readonly UnreadyPod[] {
  return pods
    .filter((pod) => !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined && !isReady(pod))
    .map((pod) => {
      const since =
        parseTime(conditionOf(pod, "Ready")?.lastTransitionTime) ??
        parseTime(conditionOf(pod, "PodScheduled")?.lastTransitionTime) ??
        parseTime(pod.metadata?.creationTimestamp);
      return { pod, ref: refOf("Pod", pod), since };
    })
    .sort((a, b) => (a.since ?? 0) - (b.since ?? 0) || compareText(a.ref.name, b.ref.name));
}

/** Those of `pods` that have been unready for at least `grace`. */
export function settledUnready(snapshot: Snapshot, pods: readonly UnreadyPod[], grace: number): readonly UnreadyPod[] {
  return pods.filter(({ since }) => (ageOf(snapshot, since) ?? Number.POSITIVE_INFINITY) >= grace);
}

/** What keeps a Pod from being ready, as one field of it: a waiting reason, a refusal of the scheduler, its readiness. */
export function unreadyEvidence({ pod, ref }: UnreadyPod): Evidence {
  for (const [list, path] of [
    [pod.status?.initContainerStatuses, "status.initContainerStatuses"],
    [pod.status?.containerStatuses, "status.containerStatuses"],
  ] as const) {
    for (const { name = "", state } of list ?? []) {
      const reason = state?.waiting?.reason;
      if (reason !== undefined && reason !== "PodInitializing" && reason !== "ContainerCreating") {
        return field(ref, `${path}[${name}].state.waiting.reason`, reason);
      }
    }
  }
  const scheduled = conditionOf(pod, "PodScheduled");
  if (scheduled?.status === "False") return field(ref, "status.conditions[PodScheduled].message", scheduled.message);
  if (pod.status?.phase === "Pending") return field(ref, "status.phase", pod.status.phase);
  return field(ref, "status.conditions[Ready].status", conditionOf(pod, "Ready")?.status ?? "False");
}

/** `replicas-short` on `object`; undefined while no Pod has been unready for the grace of workloads. */
export function replicasShort(
  snapshot: Snapshot,
  object: ObjectRef,
  state: {
    readonly desired: number;
    readonly ready: number;
    readonly unready: readonly UnreadyPod[];
    readonly counts: readonly Evidence[];
    readonly selector: string;
  },
): Observation<"replicas-short"> | undefined {
  const { desired, ready, counts, selector } = state;
  if (desired === 0 || ready >= desired) return undefined;
  const unready = settledUnready(snapshot, state.unready, graceMs.workload);
  const since = unready[0]?.since;
  if (unready.length === 0) return undefined;
  return {
    rule: "replicas-short",
    severity: ready === 0 ? "critical" : "warning",
    object,
    evidence: [...counts, ...unready.map(unreadyEvidence)].slice(0, 8),
    related: unready.map(({ ref }) => ref),
    ...(since !== undefined && { since }),
    params: { selector },
  };
}

/** `workload-no-pods-created` on `object`, which wants `desired` Pods and whose status is not stale. */
export function noPodsCreated(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: Scaled,
  desired: { readonly path: string; readonly count: number },
): Observation<"workload-no-pods-created"> | undefined {
  const { namespace, uid } = ref;
  if (namespace === undefined || uid === undefined || desired.count === 0) return undefined;
  if (!snapshot.isComplete("Pod", namespace) || !snapshot.isComplete("Event", namespace)) return undefined;
  if (podsOwnedBy(snapshot, uid).length > 0 || !hasSettled(snapshot, object, unobservedMs)) return undefined;
  const changed = specChangedAt(snapshot, object);
  if (changed !== undefined && (ageOf(snapshot, changed) ?? 0) < unobservedMs) return undefined;
  const children = snapshot.dependentsOf(uid).filter(({ kind }) => kind === "ReplicaSet");
  const speaking = [ref, ...children.map(({ kind, object: child }) => refOf(kind, child))];
  if (speaking.some((each) => snapshot.eventsOf(each).length > 0)) return undefined;
  return {
    rule: "workload-no-pods-created",
    object: ref,
    evidence: [
      field(ref, desired.path, desired.count),
      fact(ref, "Pods", 0),
      ...(ref.kind === "Deployment" ? [fact(ref, "ReplicaSets", children.length)] : []),
    ],
  };
}

/**
 * `controller-not-observing` on an object whose status lags (G8). When it was changed is read from the server's record, else
 * taken from its creation.
 */
export function notObserving(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: Scaled,
): Observation<"controller-not-observing"> | undefined {
  if (!isStatusStale(object) || isGoingAway(snapshot, object)) return undefined;
  const changed = specChangedAt(snapshot, object);
  if (!hasSettled(snapshot, object, unobservedMs, changed)) return undefined;
  return {
    rule: "controller-not-observing",
    object: ref,
    evidence: [
      field(ref, "metadata.generation", object.metadata?.generation),
      field(ref, "status.observedGeneration", object.status?.observedGeneration),
    ],
    ...(changed !== undefined && { since: changed }),
  };
}

/**
 * `workload-selector-overlap` on `object`: its selector matches live Pods that another Deployment, ReplicaSet or StatefulSet
 * controls and selects. Where each selects the other's Pods, the first by name says it.
 */
export function selectorOverlap(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"Deployment"> | KubeObject<"ReplicaSet"> | KubeObject<"StatefulSet">,
): Observation<"workload-selector-overlap"> | undefined {
  const { selector } = object.spec ?? {};
  if (ref.namespace === undefined || ref.uid === undefined || selector === undefined) return undefined;
  const contested = new Map<string, { readonly other: ObjectRef; readonly pods: string[] }>();
  for (const pod of podsMatching(snapshot, ref.namespace, selector)) {
    if (isFinished(pod) || pod.metadata?.deletionTimestamp !== undefined) continue;
    const other = topOwnerOf(snapshot, pod);
    if (other?.uid === undefined || other.uid === ref.uid) continue;
    const entry = contested.get(keyOf(other));
    if (entry !== undefined) entry.pods.push(pod.metadata?.name ?? "");
    else if (selects(snapshot, other, pod)) contested.set(keyOf(other), { other, pods: [pod.metadata?.name ?? ""] });
  }
  const ours = podsOwnedBy(snapshot, ref.uid).find((pod) => !isFinished(pod));
  const [first, ...rest] = [...contested.values()].filter(
    ({ other }) => ours === undefined || !selects(snapshot, other, ours) || compareText(keyOf(ref), keyOf(other)) < 0,
  );
  if (first === undefined) return undefined;
  const others = [first, ...rest];
  return {
    rule: "workload-selector-overlap",
    object: ref,
    evidence: [
      field(ref, "spec.selector", selector),
      ...others.slice(0, 3).map(({ other, pods }) => fact(other, "Pods that both select", pods.slice(0, 5))),
    ],
    related: others.map(({ other }) => other),
    params: { selector: formatSelector(selector) },
  };
}

function selects(snapshot: Snapshot, workload: ObjectRef, pod: KubeObject<"Pod">): boolean {
  const located = workload.uid === undefined ? undefined : snapshot.byUid(workload.uid);
  const isOverlapping =
    isOfKind(located, "Deployment") || isOfKind(located, "ReplicaSet") || isOfKind(located, "StatefulSet");
  return isOverlapping && selectorMatches(located.object.spec?.selector, pod.metadata?.labels);
}
