import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import {
  ageOf,
  graceMs,
  hasSettled,
  isFinished,
  isGoingAway,
  isReady,
  isStatusStale,
  specChangedAt,
} from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { podsOwnedBy } from "../kube/relations.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs, parseTime, secondMs } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { createBlocked, createBlockedRules, createBlockedUses, refusalInEvents } from "./rules/create-blocked.ts";
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
  unreadyEvidence,
  unreadyPods,
} from "./rules/replicas.ts";

export const statefulSet: Analyzer = defineAnalyzer({
  name: "StatefulSet",
  needs: ["StatefulSet"],
  uses: ["Service", "Deployment", "ReplicaSet", ...createBlockedUses, ...pullSecretUses],
  rules: {
    "statefulset-service-missing": {
      severity: ["warning", "info"],
      depth: 4,
      message: "The StatefulSet has no headless Service that names its Pods",
      why: "Members cannot find each other by name",
      fix: "Create the Service with clusterIP: None under the name in spec.serviceName",
      source: "concepts/workloads/controllers/statefulset/#stable-network-id",
      commands: ["kubectl -n {namespace} get service", "kubectl -n {namespace} get statefulset {name} -o yaml"],
      silent: [
        "spec.serviceName is empty",
        "Services could not be listed",
        "The StatefulSet is younger than 2 minutes",
      ],
    },
    "statefulset-blocked-by-ordinal": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "Later Pods are not created until an earlier one is ready",
      why: "One bad member stops all later ones",
      fix: "Mend the Pod that blocks the others; with podManagementPolicy Parallel they would not wait for it",
      source: "concepts/workloads/controllers/statefulset/#deployment-and-scaling-guarantees",
      commands: ["kubectl -n {namespace} describe pod {pod}", "kubectl -n {namespace} get pods -l {selector}"],
      silent: [
        "podManagementPolicy is Parallel",
        "The Pod has been unready for less than 2 minutes",
        "The Pod is being deleted within its grace period",
      ],
    },
    "statefulset-update-stuck": {
      severity: ["warning", "info"],
      depth: 7,
      message: "The update of the StatefulSet does not go on",
      why: "Some members run the new version and others the old one",
      fix: "Mend the Pod that the update waits for; after a bad template was taken back, delete the broken Pod by hand",
      source: "concepts/workloads/controllers/statefulset/#rolling-updates",
      commands: [
        "kubectl -n {namespace} rollout status statefulset/{name}",
        "kubectl -n {namespace} get pods -l {selector} -L controller-revision-hash",
      ],
      silent: [
        "A partition holds Pods back",
        "A Pod was replaced less than 15 minutes ago",
        "All Pods are of the newest revision",
      ],
    },
    ...replicaRules,
    ...createBlockedRules,
    ...noPodsRules,
    ...observingRules,
    ...overlapRules,
    ...pullSecretRules,
  },
  *check(snapshot) {
    for (const object of snapshot.list("StatefulSet")) {
      if (isGoingAway(snapshot, object)) continue;
      const ref = refOf("StatefulSet", object);
      const overlap = selectorOverlap(snapshot, ref, object);
      if (overlap !== undefined) yield overlap;
      const service = serviceMissing(snapshot, ref, object);
      if (service !== undefined) yield service;
      if (isStatusStale(object)) {
        const lagging = notObserving(snapshot, ref, object);
        if (lagging !== undefined) yield lagging;
        continue;
      }
      const state = stateOf(snapshot, ref, object);
      if (state.desired === 0) continue;
      const found =
        refused(snapshot, state) ??
        blockedByOrdinal(snapshot, state) ??
        updateStuck(snapshot, state) ??
        short(snapshot, state) ??
        noPodsCreated(snapshot, ref, object, { path: "spec.replicas", count: state.desired });
      if (found !== undefined) yield found;
    }
    yield* missingPullSecrets(snapshot, "StatefulSet");
  },
});

interface State {
  readonly ref: ObjectRef;
  readonly object: KubeObject<"StatefulSet">;
  readonly desired: number;
  readonly ready: number;
  readonly pods: readonly KubeObject<"Pod">[];
  readonly counts: readonly Evidence[];
}

function stateOf(snapshot: Snapshot, ref: ObjectRef, object: KubeObject<"StatefulSet">): State {
  const desired = object.spec?.replicas ?? 1;
  const ready = object.status?.readyReplicas ?? 0;
  return {
    ref,
    object,
    desired,
    ready,
    pods: podsOwnedBy(snapshot, ref.uid),
    counts: [field(ref, "spec.replicas", desired), field(ref, "status.readyReplicas", ready)],
  };
}

function serviceMissing(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"StatefulSet">,
): Observation<"statefulset-service-missing"> | undefined {
  const { serviceName = "" } = object.spec ?? {};
  const { namespace } = ref;
  if (serviceName === "" || namespace === undefined || !hasSettled(snapshot, object, graceMs.workload))
    return undefined;
  const service = snapshot.get("Service", namespace, serviceName);
  const cause = namedRef("Service", namespace, serviceName);
  if (service === undefined) {
    if (!snapshot.isComplete("Service", namespace)) return undefined;
    const names = snapshot.inNamespace("Service", namespace).map(({ metadata }) => metadata?.name ?? "");
    const similar = similarNames(serviceName, names);
    return {
      rule: "statefulset-service-missing",
      // Many run well without one and never meant to be found by name.
      severity: (object.status?.readyReplicas ?? 0) >= (object.spec?.replicas ?? 1) ? "info" : "warning",
      object: ref,
      because: "the Service does not exist",
      cause,
      evidence: [
        field(ref, "spec.serviceName", serviceName),
        missing(cause),
        ...(similar.length > 0 ? [fact(cause, "similar names", similar)] : []),
      ],
    };
  }
  const { clusterIP } = service.spec ?? {};
  if (clusterIP === undefined || clusterIP === "None") return undefined;
  return {
    rule: "statefulset-service-missing",
    severity: "info",
    object: ref,
    because: "the Service has a cluster IP",
    cause,
    evidence: [field(ref, "spec.serviceName", serviceName), field(cause, "spec.clusterIP", clusterIP)],
  };
}

/** A StatefulSet has no ReplicaFailure condition: its events tell. */
function refused(
  snapshot: Snapshot,
  { ref, object, desired, counts }: State,
): Observation<keyof typeof createBlockedRules> | undefined {
  if ((object.status?.replicas ?? 0) >= desired) return undefined;
  const found = refusalInEvents(snapshot, ref);
  return found === undefined ? undefined : createBlocked(snapshot, ref, found, { counts, serving: ref.uid });
}

function blockedByOrdinal(snapshot: Snapshot, state: State): Observation<"statefulset-blocked-by-ordinal"> | undefined {
  const { ref, object, desired, ready, counts } = state;
  const { namespace } = ref;
  if (namespace === undefined || (object.spec?.podManagementPolicy ?? "OrderedReady") !== "OrderedReady")
    return undefined;
  if (!snapshot.isComplete("Pod", namespace)) return undefined;
  const byName = new Map(state.pods.map((pod) => [pod.metadata?.name ?? "", pod]));
  const first = object.spec?.ordinals?.start ?? 0;
  let blocking: KubeObject<"Pod"> | undefined;
  const absent: string[] = [];
  // Ends at the first absent Pod that nothing explains, else with enough names to show: never later than the Pods do.
  for (let ordinal = first; ordinal < first + desired && absent.length < 10; ordinal += 1) {
    const name = `${ref.name}-${ordinal}`;
    const pod = byName.get(name);
    if (pod === undefined) {
      // Nothing before it explains why it is absent.
      if (blocking === undefined) return undefined;
      absent.push(name);
    } else if (blocking === undefined && !isReady(pod)) {
      blocking = pod;
    }
  }
  if (blocking === undefined || absent.length === 0) return undefined;
  const { deletionTimestamp } = blocking.metadata ?? {};
  const podRef = refOf("Pod", blocking);
  const [unready] = unreadyPods([blocking]);
  // A Pod that is being deleted has until its deletionTimestamp, one that has ended is replaced.
  const since = deletionTimestamp === undefined ? unready?.since : parseTime(deletionTimestamp);
  if (isFinished(blocking) || (ageOf(snapshot, since) ?? Number.POSITIVE_INFINITY) < graceMs.workload) return undefined;
  return {
    rule: "statefulset-blocked-by-ordinal",
    severity: ready === 0 ? "critical" : "warning",
    object: ref,
    cause: podRef,
    related: [podRef],
    evidence: [
      unready === undefined ? field(podRef, "metadata.deletionTimestamp", deletionTimestamp) : unreadyEvidence(unready),
      fact(ref, "Pods not yet created", absent),
      ...counts,
    ],
    ...(since !== undefined && { since }),
    params: { pod: podRef.name, selector: selectorParam(object) },
  };
}

const revisionLabel = "controller-revision-hash";
const updateStallMs = 15 * minuteMs;

function updateStuck(snapshot: Snapshot, state: State): Observation<"statefulset-update-stuck"> | undefined {
  const { ref, object, pods } = state;
  const { updateStrategy = {}, minReadySeconds = 0 } = object.spec ?? {};
  const { currentRevision, updateRevision } = object.status ?? {};
  if (updateRevision === undefined || currentRevision === updateRevision) return undefined;
  if ((updateStrategy.rollingUpdate?.partition ?? 0) > 0) return undefined;
  const live = pods.filter((pod) => !isFinished(pod));
  const [updated, old] = [true, false].map((isNew) =>
    live.filter((pod) => (pod.metadata?.labels?.[revisionLabel] === updateRevision) === isNew),
  );
  if (updated === undefined || old === undefined || old.length === 0) return undefined;
  const changes = [
    ...updated.map((pod) => parseTime(pod.metadata?.creationTimestamp)),
    specChangedAt(snapshot, object),
  ];
  const known = changes.filter((time) => time !== undefined);
  const last = known.length === 0 ? undefined : Math.max(...known);
  if (!hasSettled(snapshot, object, updateStallMs + minReadySeconds * secondMs, last)) return undefined;
  const unready = unreadyPods(live);
  const perRevision = [
    fact(ref, "Pods of the new revision", updated.length),
    fact(ref, "Pods of the old revision", old.length),
    field(ref, "status.currentRevision", currentRevision),
    field(ref, "status.updateRevision", updateRevision),
  ];
  const isManual = updateStrategy.type === "OnDelete";
  return {
    rule: "statefulset-update-stuck",
    severity: isManual ? "info" : "warning",
    object: ref,
    ...(isManual && { because: "its Pods are replaced only when somebody deletes them" }),
    evidence: [...unready.slice(0, 3).map(unreadyEvidence), ...perRevision],
    related: unready.map((each) => each.ref),
    ...(last !== undefined && { since: last }),
    params: { selector: selectorParam(object) },
  };
}

function short(
  snapshot: Snapshot,
  { ref, object, desired, ready, pods, counts }: State,
): Observation<"replicas-short"> | undefined {
  const { currentRevision, updateRevision } = object.status ?? {};
  const { rollingUpdate } = object.spec?.updateStrategy ?? {};
  const isUpdating = updateRevision !== undefined && currentRevision !== updateRevision;
  const allowed = typeof rollingUpdate?.maxUnavailable === "number" ? rollingUpdate.maxUnavailable : 1;
  const unready = unreadyPods(pods);
  // While it updates, Pods may be away one after the other; one that stays away is not part of it any more.
  if (isUpdating && desired - ready <= allowed && settledUnready(snapshot, unready, updateStallMs).length === 0)
    return undefined;
  return replicasShort(snapshot, ref, { desired, ready, unready, counts, selector: selectorParam(object) });
}
