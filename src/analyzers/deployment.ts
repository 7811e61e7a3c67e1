import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, conditionOf, graceMs, isGoingAway, isStatusStale } from "../kube/guards.ts";
import type { Container, KubeObject } from "../kube/kinds.ts";
import { parseSchedulerMessage, type SchedulerReason } from "../kube/messages/scheduler.ts";
import { compareText, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { controllerOf, dependentsOfKind, podsOwnedBy } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import {
  createBlocked,
  createBlockedRules,
  createBlockedUses,
  refusalInCondition,
  refuserOf,
} from "./rules/create-blocked.ts";
import { missingPullSecrets, pullSecretRules, pullSecretUses } from "./rules/pull-secret.ts";
import {
  noPodsCreated,
  noPodsRules,
  notObserving,
  observingRules,
  overlapRules,
  replicaRules,
  replicasShort,
  selectorOverlap,
  selectorParam,
  settledUnready,
  type UnreadyPod,
  unreadyEvidence,
  unreadyPods,
} from "./rules/replicas.ts";

export const deployment: Analyzer = defineAnalyzer({
  name: "Deployment",
  needs: ["Deployment"],
  uses: ["ReplicaSet", "StatefulSet", ...createBlockedUses, ...pullSecretUses],
  rules: {
    "deployment-rollout-stuck": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "The rollout made no progress within its deadline",
      why: "The new version is not live, and capacity may be short",
      fix: "Look at why the Pods of the newest ReplicaSet do not become ready, or roll back",
      source: "concepts/workloads/controllers/deployment/#failed-deployment",
      commands: [
        "kubectl -n {namespace} rollout status deployment/{name}",
        "kubectl -n {namespace} rollout history deployment/{name}",
        "kubectl -n {namespace} get pods -l {selector} -o wide",
      ],
      silent: ["Scaled to zero or paused", "The status still tells of an older spec"],
    },
    "deployment-unavailable": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "Fewer Pods are available than the Deployment promises",
      why: "Capacity is short, or the workload is down",
      fix: "Look at why the Pods named here are not ready",
      source: "concepts/workloads/controllers/deployment/#deployment-status",
      commands: [
        "kubectl -n {namespace} rollout status deployment/{name}",
        "kubectl -n {namespace} get pods -l {selector} -o wide",
      ],
      silent: [
        "Scaled to zero, or paused before its first Pod",
        "Unavailable for less than 2 minutes",
        "As many Pods are available as maxUnavailable demands",
        "The status still tells of an older spec",
      ],
    },
    "rollout-no-surge-room": {
      severity: "warning",
      depth: 5,
      message: "The rollout waits for a place that only the Pods it must not stop could free",
      why: "The rollout can never end by itself",
      fix: "Allow maxUnavailable of 1, add a node, or loosen the rule that keeps the Pods apart",
      source: "concepts/workloads/controllers/deployment/#rolling-update-deployment",
      commands: [
        "kubectl -n {namespace} get deployment {name} -o yaml",
        "kubectl -n {namespace} get pods -l {selector} -o wide",
        "kubectl get nodes",
      ],
      silent: [
        "The cluster autoscaler is adding a node",
        "The Pod has waited for less than 2 minutes",
        "No Pod of the old version runs",
      ],
    },
    "deployment-paused-pending": {
      severity: "info",
      depth: 7,
      message: "The Deployment has been paused for more than a day and holds changes that were not rolled out",
      why: "Someone may have forgotten to resume it",
      fix: "Resume the rollout, or take the changes back",
      source: "concepts/workloads/controllers/deployment/#pausing-and-resuming-a-deployment",
      commands: [
        "kubectl -n {namespace} get deployment {name} -o yaml",
        "kubectl -n {namespace} rollout history deployment/{name}",
      ],
      silent: ["Paused for less than a day", "The template is that of the newest ReplicaSet"],
    },
    ...replicaRules,
    ...createBlockedRules,
    ...noPodsRules,
    ...observingRules,
    ...overlapRules,
    ...pullSecretRules,
  },
  *check(snapshot) {
    for (const object of snapshot.list("Deployment")) {
      if (isGoingAway(snapshot, object)) continue;
      const ref = refOf("Deployment", object);
      const overlap = selectorOverlap(snapshot, ref, object);
      if (overlap !== undefined) yield overlap;
      if (isStatusStale(object)) {
        const lagging = notObserving(snapshot, ref, object);
        if (lagging !== undefined) yield lagging;
        continue;
      }
      const paused = pausedPending(snapshot, ref, object);
      if (paused !== undefined) yield paused;
      if ((object.spec?.replicas ?? 1) === 0) continue;
      const state = stateOf(snapshot, ref, object);
      const found =
        replicaSetRefused(snapshot, state) ??
        noSurgeRoom(snapshot, state) ??
        rolloutStuck(snapshot, state) ??
        unavailable(snapshot, state) ??
        short(snapshot, state) ??
        (object.spec?.paused === true || state.failure !== undefined
          ? undefined
          : noPodsCreated(snapshot, ref, object, { path: "spec.replicas", count: state.desired }));
      if (found !== undefined) yield found;
    }
    yield* missingPullSecrets(snapshot, "Deployment");
  },
});

/** What the rules on one Deployment have in common. */
interface State {
  readonly ref: ObjectRef;
  readonly object: KubeObject<"Deployment">;
  readonly desired: number;
  readonly available: number;
  /** Pods that must stay available while it rolls: `spec.replicas` less maxUnavailable. */
  readonly promised: number;
  /** Highest revision first. */
  readonly replicaSets: readonly KubeObject<"ReplicaSet">[];
  readonly unready: readonly UnreadyPod[];
  readonly counts: readonly Evidence[];
  /** The condition that says that the newest ReplicaSet may not create Pods. */
  readonly failure:
    | { readonly type?: string; readonly message?: string; readonly lastTransitionTime?: string }
    | undefined;
}

function stateOf(snapshot: Snapshot, ref: ObjectRef, object: KubeObject<"Deployment">): State {
  const { spec = {}, status = {} } = object;
  const desired = spec.replicas ?? 1;
  const failure = conditionOf(object, "ReplicaFailure");
  return {
    ref,
    object,
    desired,
    available: status.availableReplicas ?? 0,
    promised: desired - maxUnavailable(object),
    replicaSets: replicaSetsOf(snapshot, ref.uid),
    unready: unreadyPods(podsOwnedBy(snapshot, ref.uid)),
    counts: [
      field(ref, "spec.replicas", desired),
      field(ref, "status.readyReplicas", status.readyReplicas ?? 0),
      field(ref, "status.availableReplicas", status.availableReplicas ?? 0),
    ],
    failure: failure?.status === "True" ? failure : undefined,
  };
}

/** The Deployment's ReplicaSets, highest revision first. */
function replicaSetsOf(snapshot: Snapshot, uid: string | undefined): readonly KubeObject<"ReplicaSet">[] {
  return [...dependentsOfKind(snapshot, uid, "ReplicaSet")].sort(
    (a, b) => revisionOf(b) - revisionOf(a) || compareText(a.metadata?.name ?? "", b.metadata?.name ?? ""),
  );
}

function revisionOf(replicaSet: KubeObject<"ReplicaSet">): number {
  return Number(replicaSet.metadata?.annotations?.["deployment.kubernetes.io/revision"] ?? 0) || 0;
}

/** As the controller resolves it: a share is rounded down, and when maxSurge is nothing too it is 1; Recreate has none. */
function maxUnavailable({ spec = {} }: KubeObject<"Deployment">): number {
  const desired = spec.replicas ?? 1;
  if (spec.strategy?.type === "Recreate") return 0;
  const { maxSurge = "25%", maxUnavailable: allowed = "25%" } = spec.strategy?.rollingUpdate ?? {};
  const resolved = Math.floor(resolve(allowed, desired));
  return Math.min(resolved === 0 && Math.ceil(resolve(maxSurge, desired)) === 0 ? 1 : resolved, desired);
}

// The API allows a number or a share; the vocabulary's type for it is wider.
function resolve(value: unknown, whole: number): number {
  if (typeof value === "number") return value;
  const share = /^(\d+)%$/.exec(String(value));
  return share === null ? Number(value) || 0 : (Number(share[1]) * whole) / 100;
}

/** The ReplicaSet itself may not be created: then there is no ReplicaSet to tell of it. */
function replicaSetRefused(
  snapshot: Snapshot,
  { ref, object, counts }: State,
): Observation<keyof typeof createBlockedRules> | undefined {
  const progressing = conditionOf(object, "Progressing");
  if (progressing?.status !== "False" || progressing.reason !== "ReplicaSetCreateError") return undefined;
  const refused = refusalInCondition(snapshot, ref, progressing);
  return refused === undefined ? undefined : createBlocked(snapshot, ref, refused, { counts, serving: ref.uid });
}

/** Places that a Pod of the old version may hold, by the scheduler's reason. */
const takenPlaces: Readonly<Partial<Record<SchedulerReason, string>>> = {
  "pod-anti-affinity": "Pod anti-affinity",
  "host-ports": "a host port that is in use",
  "volume-zone": "a volume that only some nodes reach",
  "volume-limit": "the number of volumes of a node",
  "pvc-rwop": "a volume that one Pod at a time may use",
};

function noSurgeRoom(snapshot: Snapshot, state: State): Observation<"rollout-no-surge-room"> | undefined {
  const { ref, object, replicaSets } = state;
  const [newest, ...older] = replicaSets;
  if (newest?.metadata?.uid === undefined || object.spec?.paused === true || object.spec?.strategy?.type === "Recreate")
    return undefined;
  if (maxUnavailable(object) > 0 || !older.some(({ status }) => (status?.replicas ?? 0) > 0)) return undefined;
  const fresh = unreadyPods(podsOwnedBy(snapshot, newest.metadata.uid));
  for (const waiting of settledUnready(snapshot, fresh, graceMs.workload)) {
    const scheduled = conditionOf(waiting.pod, "PodScheduled");
    if (scheduled?.status !== "False" || scheduled.reason !== "Unschedulable") continue;
    const { clauses } = parseSchedulerMessage(scheduled.message ?? "");
    const because = clauses.map(({ reason }) => takenPlaces[reason]).find((words) => words !== undefined);
    if (because === undefined || isNodeComing(snapshot, waiting.ref)) continue;
    const { strategy } = object.spec ?? {};
    const since = parseTime(scheduled.lastTransitionTime);
    return {
      rule: "rollout-no-surge-room",
      object: ref,
      because,
      evidence: [
        field(waiting.ref, "status.conditions[PodScheduled].message", scheduled.message),
        fact(ref, "maxUnavailable in Pods", 0),
        ...(strategy?.rollingUpdate === undefined
          ? []
          : [
              field(
                ref,
                "spec.strategy.rollingUpdate.maxUnavailable",
                String(strategy.rollingUpdate.maxUnavailable ?? "25%"),
              ),
            ]),
        ...state.counts,
      ],
      related: [waiting.ref],
      ...(since !== undefined && { since }),
      params: { selector: selectorParam(object) },
    };
  }
  return undefined;
}

function isNodeComing(snapshot: Snapshot, pod: ObjectRef): boolean {
  return snapshot
    .eventsOf(pod)
    .some(({ reason, lastSeen }) => reason === "TriggeredScaleUp" && (ageOf(snapshot, lastSeen) ?? 0) <= 10 * minuteMs);
}

function rolloutStuck(snapshot: Snapshot, state: State): Observation<"deployment-rollout-stuck"> | undefined {
  const { ref, object, available, promised, replicaSets } = state;
  const progressing = conditionOf(object, "Progressing");
  if (object.spec?.paused === true || progressing?.status !== "False") return undefined;
  if (progressing.reason !== "ProgressDeadlineExceeded") return undefined;
  const [newest] = replicaSets;
  const ofNewest = unreadyPods(podsOwnedBy(snapshot, newest?.metadata?.uid));
  const failing = ofNewest.length > 0 ? ofNewest : state.unready;
  const since = parseTime(progressing.lastTransitionTime);
  return {
    rule: "deployment-rollout-stuck",
    severity: available < promised ? "critical" : "warning",
    object: ref,
    evidence: [
      field(ref, "status.conditions[Progressing].message", progressing.message),
      ...failing.slice(0, 2).map(unreadyEvidence),
      ...state.counts,
      ...imageChanges(replicaSets.slice(0, 2).map((each) => ({ ref: refOf("ReplicaSet", each), object: each }))),
    ].slice(0, 8),
    ...rootsOf(snapshot, state, failing),
    ...(since !== undefined && { since }),
    params: { selector: selectorParam(object) },
  };
}

interface WithTemplate {
  readonly ref: ObjectRef;
  readonly object: KubeObject<"Deployment"> | KubeObject<"ReplicaSet">;
}

/** The images that differ between the newer template and the older one. */
function imageChanges([newer, older]: readonly WithTemplate[]): readonly Evidence[] {
  if (newer === undefined || older === undefined) return [];
  const before = new Map(containersOf(older).map(({ name, image }) => [name, image]));
  return containersOf(newer).flatMap(({ name = "", image }) =>
    before.has(name) && before.get(name) !== image
      ? [older, newer].map(({ ref }) =>
          field(ref, `spec.template.spec.containers[${name}].image`, ref === newer.ref ? image : before.get(name)),
        )
      : [],
  );
}

function containersOf({ object }: WithTemplate): readonly Container[] {
  return object.spec?.template?.spec?.containers ?? [];
}

function unavailable(snapshot: Snapshot, state: State): Observation<"deployment-unavailable"> | undefined {
  const { ref, object, available, promised, unready } = state;
  const condition = conditionOf(object, "Available");
  if (condition?.status !== "False" || available >= promised) return undefined;
  // Paused before its first rollout: nothing was asked to run yet.
  if (object.spec?.paused === true && (object.status?.replicas ?? 0) === 0) return undefined;
  const age = ageOf(snapshot, condition.lastTransitionTime);
  if (age !== undefined && age < graceMs.workload) return undefined;
  return {
    rule: "deployment-unavailable",
    severity: available === 0 ? "critical" : "warning",
    object: ref,
    evidence: [...failureEvidence(state), ...state.counts, ...unready.map(unreadyEvidence)].slice(0, 8),
    ...rootsOf(snapshot, state, unready),
    ...(age !== undefined && { since: snapshot.takenAt - age }),
    params: { selector: selectorParam(object) },
  };
}

function short(snapshot: Snapshot, state: State): Observation<"replicas-short"> | undefined {
  const { ref, object, desired, available, promised, unready, failure } = state;
  const progressing = conditionOf(object, "Progressing");
  const isRolling = progressing?.status === "True" && progressing.reason !== "NewReplicaSetAvailable";
  if (isRolling && failure === undefined && available >= promised) return undefined;
  const ready = object.status?.readyReplicas ?? 0;
  const selector = selectorParam(object);
  const counts = [...failureEvidence(state), ...state.counts];
  const found = replicasShort(snapshot, ref, { desired, ready, unready, counts, selector });
  if (found !== undefined) return { ...found, ...rootsOf(snapshot, state, unready) };
  // No Pod is unready because the missing ones may not be created.
  const refused = refusalInCondition(snapshot, ref, failure);
  if (refused === undefined || ready >= desired) return undefined;
  return {
    rule: "replicas-short",
    severity: ready === 0 ? "critical" : "warning",
    object: ref,
    evidence: counts,
    ...rootsOf(snapshot, state, []),
    ...(refused.since !== undefined && { since: refused.since }),
    params: { selector },
  };
}

function failureEvidence({ ref, failure }: State): readonly Evidence[] {
  return failure === undefined ? [] : [field(ref, "status.conditions[ReplicaFailure].message", failure.message)];
}

/** What the roll-up follows from: the object that refuses the Pods, and the Pods that are not ready. */
function rootsOf(
  snapshot: Snapshot,
  { ref, failure, replicaSets }: State,
  unready: readonly UnreadyPod[],
): { readonly cause?: ObjectRef; readonly related: readonly ObjectRef[] } {
  const cause = failure === undefined ? undefined : refuserOf(snapshot, ref, failure.message);
  const [newest] = replicaSets;
  const refused = failure === undefined || newest === undefined ? [] : [refOf("ReplicaSet", newest)];
  return { ...(cause !== undefined && { cause }), related: [...refused, ...unready.map((each) => each.ref)] };
}

function pausedPending(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"Deployment">,
): Observation<"deployment-paused-pending"> | undefined {
  const { namespace } = ref;
  if (object.spec?.paused !== true || namespace === undefined || !snapshot.isComplete("ReplicaSet", namespace))
    return undefined;
  const progressing = conditionOf(object, "Progressing");
  const since = progressing?.reason === "DeploymentPaused" ? parseTime(progressing.lastTransitionTime) : undefined;
  const age = ageOf(snapshot, since ?? object.metadata?.creationTimestamp);
  if (age !== undefined && age < dayMs) return undefined;
  const [newest] = replicaSetsOf(snapshot, ref.uid).filter((each) => controllerOf(each)?.uid === ref.uid);
  if (newest !== undefined && templateText(newest) === templateText(object)) return undefined;
  return {
    rule: "deployment-paused-pending",
    object: ref,
    evidence: [
      field(ref, "spec.paused", true),
      ...(newest === undefined
        ? [fact(ref, "ReplicaSets", 0)]
        : [
            fact(refOf("ReplicaSet", newest), "template differs from the Deployment's", true),
            ...imageChanges([
              { ref, object },
              { ref: refOf("ReplicaSet", newest), object: newest },
            ]),
          ]),
    ],
    ...(since !== undefined && { since }),
  };
}

/** The template without the label that the controller adds to a ReplicaSet's. */
function templateText(object: KubeObject<"Deployment"> | KubeObject<"ReplicaSet">): string {
  const { metadata = {}, spec } = object.spec?.template ?? {};
  const labels = Object.entries(metadata.labels ?? {}).filter(([key]) => key !== "pod-template-hash");
  const annotations = Object.entries(metadata.annotations ?? {});
  return JSON.stringify([labels.sort(byKey), annotations.sort(byKey), sorted(spec)]);
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return compareText(a, b);
}

/** A copy whose keys are in order: two lists of the same objects may come from different servers. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(byKey)
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
