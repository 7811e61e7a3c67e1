import { field } from "../findings/evidence.ts";
import { conditionOf, isGoingAway, isStatusStale } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { refOf } from "../kube/object-ref.ts";
import { controllerOf, podsOwnedBy, topOwnerOf } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import {
  createBlocked,
  createBlockedRules,
  createBlockedUses,
  refusalInCondition,
  refusalInEvents,
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
  unreadyPods,
} from "./rules/replicas.ts";

export const replicaSet: Analyzer = defineAnalyzer({
  name: "ReplicaSet",
  needs: ["ReplicaSet"],
  uses: ["Deployment", "StatefulSet", ...createBlockedUses, ...pullSecretUses],
  rules: {
    ...createBlockedRules,
    ...replicaRules,
    ...noPodsRules,
    ...observingRules,
    ...overlapRules,
    ...pullSecretRules,
  },
  *check(snapshot) {
    for (const object of snapshot.list("ReplicaSet")) {
      if (isGoingAway(snapshot, object)) continue;
      const ref = refOf("ReplicaSet", object);
      // A Deployment tells of its ReplicaSets itself; only the refusal, which is theirs, is told here.
      const isOwned = controllerOf(object)?.kind === "Deployment";
      if (!isOwned) {
        const overlap = controllerOf(object) === undefined ? selectorOverlap(snapshot, ref, object) : undefined;
        if (overlap !== undefined) yield overlap;
      }
      if (isStatusStale(object)) {
        const lagging = isOwned ? undefined : notObserving(snapshot, ref, object);
        if (lagging !== undefined) yield lagging;
        continue;
      }
      const { spec = {}, status = {} } = object;
      const desired = spec.replicas ?? 1;
      if (desired === 0 || (isOwned && isOld(snapshot, object))) continue;
      const ready = status.readyReplicas ?? 0;
      const counts = [field(ref, "spec.replicas", desired), field(ref, "status.replicas", status.replicas ?? 0)];
      if ((status.replicas ?? 0) < desired) {
        const condition = conditionOf(object, "ReplicaFailure");
        const isFailing = condition?.status === "True" && condition.reason === "FailedCreate";
        // The controller takes the condition back when it has created what was missing; an event tells when there is none.
        const refused = isFailing
          ? refusalInCondition(snapshot, ref, condition)
          : condition === undefined
            ? refusalInEvents(snapshot, ref)
            : undefined;
        const serving = topOwnerOf(snapshot, object)?.uid ?? ref.uid;
        const blocked = refused === undefined ? undefined : createBlocked(snapshot, ref, refused, { counts, serving });
        if (blocked !== undefined) {
          yield blocked;
          continue;
        }
        if (isFailing) continue;
      }
      if (isOwned) continue;
      const unready = unreadyPods(podsOwnedBy(snapshot, ref.uid));
      const found =
        replicasShort(snapshot, ref, {
          desired,
          ready,
          unready,
          counts: [counts[0] ?? field(ref, "spec.replicas", desired), field(ref, "status.readyReplicas", ready)],
          selector: selectorParam(object),
        }) ?? noPodsCreated(snapshot, ref, object, { path: "spec.replicas", count: desired });
      if (found !== undefined) yield found;
    }
    yield* missingPullSecrets(snapshot, "ReplicaSet");
  },
});

const revision = "deployment.kubernetes.io/revision";

/** Whether the Deployment has rolled on to a newer ReplicaSet: this one is only being emptied. */
function isOld(snapshot: Snapshot, object: KubeObject<"ReplicaSet">): boolean {
  const owner = controllerOf(object);
  const own = Number(object.metadata?.annotations?.[revision] ?? 0);
  return (owner?.uid === undefined ? [] : snapshot.dependentsOf(owner.uid)).some(
    ({ kind, object: sibling }) =>
      kind === "ReplicaSet" && Number(sibling.metadata?.annotations?.[revision] ?? 0) > own,
  );
}
