import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { conditionOf, graceMs, hasSettled, isFinished, isGoingAway, isReady, isStatusStale } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { keyOf, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { controllerOf, oncePerSnapshot, ownersOf, podsMatching, podsOnNode } from "../kube/relations.ts";
import { formatSelector } from "../kube/selectors.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

type Budget = KubeObject<"PodDisruptionBudget">;
type Pod = KubeObject<"Pod">;

const show = "kubectl -n {namespace} get pdb {name} -o yaml";
const podsOf = "kubectl -n {namespace} get pods -l {selector} -o wide";
const source = "tasks/run-application/configure-pdb/";

export const podDisruptionBudget: Analyzer = defineAnalyzer({
  name: "PodDisruptionBudget",
  core: false,
  needs: ["PodDisruptionBudget"],
  uses: ["Pod", "Node", "Deployment", "ReplicaSet", "StatefulSet"],
  rules: {
    "pdb-blocks-eviction": {
      severity: ["critical", "warning", "info"],
      depth: 7,
      message: "The disruption budget allows no eviction now, because Pods that it covers are not healthy",
      why: "Drains and node upgrades hang",
      fix: "Mend the Pods that are not ready; unhealthyPodEvictionPolicy: AlwaysAllow lets a drain evict them meanwhile",
      source: `${source}#unhealthy-pod-eviction-policy`,
      commands: [show, podsOf],
      silent: [
        "less than 10 minutes",
        "it expects no Pods",
        "a rollout of the covered workload goes on within its deadline",
        "the status still tells of an older spec",
      ],
    },
    "pdb-never-allows": {
      severity: ["critical", "warning", "info"],
      depth: 3,
      message: "The disruption budget can never allow an eviction",
      why: "Drains and node upgrades hang until somebody deletes the Pod or the budget",
      fix: "Leave room for one Pod: maxUnavailable of 1, or minAvailable below the number of replicas",
      source: "concepts/workloads/pods/disruptions/#pod-disruption-budgets",
      commands: [show, podsOf],
      silent: ["it expects no Pods", "one single Pod, and no node waits for it (info)", "less than 10 minutes"],
    },
    "pdb-overlap": {
      severity: "warning",
      depth: 3,
      message: "Pods are covered by more than one disruption budget",
      why: "The API server refuses to evict such a Pod, whatever the budgets say: drains and node upgrades hang",
      fix: "Narrow the selectors so that each Pod has one budget",
      source,
      commands: ["kubectl -n {namespace} get pdb", podsOf],
      silent: ["Pods that have ended or are being deleted"],
    },
    "pdb-sync-failed": {
      severity: "warning",
      depth: 3,
      message: "The number of Pods that the disruption budget counts on cannot be worked out",
      why: "It allows no eviction: drains and node upgrades hang",
      fix: "Cover only Pods of controllers with a scale subresource, or set minAvailable to a number",
      source: `${source}#arbitrary-controllers-and-selectors`,
      commands: [show, "kubectl -n {namespace} describe pdb {name}"],
      silent: ["less than 2 minutes", "the status still tells of an older spec"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("PodDisruptionBudget")) {
      if (isGoingAway(snapshot, object)) continue;
      const ref = refOf("PodDisruptionBudget", object);
      yield* blocked(snapshot, object, ref);
    }
    yield* overlaps(snapshot);
  },
});

type Said = Iterable<Observation<"pdb-blocks-eviction" | "pdb-never-allows" | "pdb-overlap" | "pdb-sync-failed">>;

/** How long a budget may allow nothing before it is said: rollouts and restarts use it up for a while. */
const blockedMs = 10 * minuteMs;

function* blocked(snapshot: Snapshot, object: Budget, ref: ObjectRef): Said {
  const { spec, status } = object;
  const allowed = conditionOf(object, "DisruptionAllowed");
  if (status === undefined || isStatusStale(object)) return;
  const since = parseTime(allowed?.lastTransitionTime);
  const onset = since === undefined ? {} : { since };
  const params = { selector: formatSelector(spec?.selector ?? {}) };
  if (allowed?.status === "False" && allowed.reason === "SyncFailed") {
    if (!hasSettled(snapshot, object, graceMs.workload, since)) return;
    yield {
      rule: "pdb-sync-failed",
      object: ref,
      evidence: [
        field(ref, "status.conditions[DisruptionAllowed].message", allowed.message),
        field(ref, "spec.selector", spec?.selector),
        limitOf(object, ref),
      ],
      ...onset,
      params,
    };
    return;
  }
  const { disruptionsAllowed, expectedPods = 0, currentHealthy = 0, desiredHealthy = 0 } = status;
  if (disruptionsAllowed !== 0 || expectedPods <= 0) return;
  // The time of a condition that says the opposite is not the time of this state.
  if (!hasSettled(snapshot, object, blockedMs, allowed?.status === "False" ? since : undefined)) return;
  const counts = [
    limitOf(object, ref),
    field(ref, "status.disruptionsAllowed", disruptionsAllowed),
    field(ref, "status.expectedPods", expectedPods),
    field(ref, "status.desiredHealthy", desiredHealthy),
    field(ref, "status.currentHealthy", currentHealthy),
  ];
  const covered = podsMatching(snapshot, ref.namespace ?? "", spec?.selector).filter((pod) => !isFinished(pod));
  const waiting = nodesWaiting(snapshot, covered);
  const nodes = waiting.slice(0, 2).map(({ node }) => field(node, "spec.unschedulable", true));

  if (desiredHealthy >= expectedPods) {
    // With one Pod there is no number that both protects it and lets it go: most charts are written so.
    const isSingle = expectedPods === 1;
    const isDraining = waiting.some(({ isDrained }) => isDrained);
    yield {
      rule: "pdb-never-allows",
      object: ref,
      severity: isSingle ? (isDraining ? "critical" : "info") : waiting.length > 0 ? "critical" : "warning",
      because: isSingle ? "it covers one single Pod" : "it demands that all Pods be healthy all the time",
      evidence: [...counts, ...nodes].slice(0, 8),
      related: waiting.map(({ node }) => node),
      params,
    };
    return;
  }
  const unhealthy = covered.filter((pod) => !isReady(pod));
  if (unhealthy.some((pod) => isRollingOut(snapshot, pod))) return;
  const shown = unhealthy
    .slice(0, 2)
    .map((pod) => field(refOf("Pod", pod), "status.conditions[Ready].status", conditionOf(pod, "Ready")?.status));
  yield {
    rule: "pdb-blocks-eviction",
    object: ref,
    severity: waiting.length > 0 ? "critical" : "warning",
    because:
      currentHealthy < desiredHealthy ? "fewer Pods are healthy than it demands" : "unhealthy Pods have used it up",
    evidence: [
      ...shown,
      ...counts,
      ...(spec?.unhealthyPodEvictionPolicy === undefined
        ? nodes
        : [field(ref, "spec.unhealthyPodEvictionPolicy", spec.unhealthyPodEvictionPolicy), ...nodes]),
    ].slice(0, 8),
    related: unhealthy.slice(0, 20).map((pod) => refOf("Pod", pod)),
    ...(allowed?.status === "False" && onset),
    params,
  };
}

function limitOf({ spec }: Budget, ref: ObjectRef): Evidence {
  return spec?.maxUnavailable === undefined
    ? field(ref, "spec.minAvailable", spec?.minAvailable)
    : field(ref, "spec.maxUnavailable", spec.maxUnavailable);
}

/** Taints of machines that are about to be removed: cluster-autoscaler, and Karpenter since and before v1. */
const leavingTaints: ReadonlySet<string> = new Set([
  "ToBeDeletedByClusterAutoscaler",
  "karpenter.sh/disrupted",
  "karpenter.sh/disruption",
]);

interface WaitingNode {
  readonly node: ObjectRef;
  /** Only covered Pods, and those that a drain leaves alone, are still on it. */
  readonly isDrained: boolean;
}

/** The cordoned nodes on which the Pods run. */
function nodesWaiting(snapshot: Snapshot, pods: readonly Pod[]): readonly WaitingNode[] {
  const names = new Set(pods.map((pod) => pod.spec?.nodeName ?? "").filter((name) => name !== ""));
  const covered = new Set(pods);
  return [...names].sort().flatMap((name) => {
    const node = snapshot.get("Node", undefined, name);
    const { unschedulable = false, taints = [] } = node?.spec ?? {};
    if (node === undefined || !(unschedulable || taints.some(({ key = "" }) => leavingTaints.has(key)))) return [];
    const isDrained = podsOnNode(snapshot, name).every(
      (pod) => covered.has(pod) || isFinished(pod) || ["DaemonSet", "Node"].includes(controllerOf(pod)?.kind ?? ""),
    );
    return [{ node: refOf("Node", node), isDrained }];
  });
}

/** Whether a new version of the Pod's workload is still on its way, within its deadline. */
function isRollingOut(snapshot: Snapshot, pod: Pod): boolean {
  return ownersOf(snapshot, pod).some((owner) => {
    if (owner.kind === "Deployment") {
      const deployment = snapshot.get("Deployment", owner.namespace, owner.name);
      if (deployment === undefined) return false;
      const { updatedReplicas = 0 } = deployment.status ?? {};
      if (conditionOf(deployment, "Progressing")?.reason === "ProgressDeadlineExceeded") return false;
      return isStatusStale(deployment) || updatedReplicas < (deployment.spec?.replicas ?? 1);
    }
    if (owner.kind === "StatefulSet") {
      const set = snapshot.get("StatefulSet", owner.namespace, owner.name);
      if (set === undefined) return false;
      const { currentRevision, updateRevision } = set.status ?? {};
      // A StatefulSet has no deadline: its rollout counts as long as the Pod that it waits for is young.
      return isStatusStale(set) || (currentRevision !== updateRevision && !hasSettled(snapshot, pod, blockedMs));
    }
    return false;
  });
}

// ---- overlap ------------------------------------------------------------------------------------------------------------

interface Overlap {
  readonly budgets: readonly ObjectRef[];
  readonly pods: ObjectRef[];
}

const overlapping = oncePerSnapshot((snapshot): readonly Overlap[] => {
  const byPod = new Map<Pod, ObjectRef[]>();
  for (const budget of snapshot.list("PodDisruptionBudget")) {
    if (isGoingAway(snapshot, budget)) continue;
    const ref = refOf("PodDisruptionBudget", budget);
    for (const pod of podsMatching(snapshot, ref.namespace ?? "", budget.spec?.selector)) {
      if (isFinished(pod) || pod.metadata?.deletionTimestamp !== undefined) continue;
      const budgets = byPod.get(pod);
      if (budgets === undefined) byPod.set(pod, [ref]);
      else budgets.push(ref);
    }
  }
  const overlaps = new Map<string, Overlap>();
  for (const [pod, budgets] of byPod) {
    if (budgets.length < 2) continue;
    const key = budgets.map(keyOf).join(" ");
    const overlap = overlaps.get(key);
    if (overlap === undefined) overlaps.set(key, { budgets, pods: [refOf("Pod", pod)] });
    else overlap.pods.push(refOf("Pod", pod));
  }
  return [...overlaps.values()];
});

/** One finding per set of budgets that share Pods, told by the first by name. */
function* overlaps(snapshot: Snapshot): Said {
  for (const { budgets, pods } of overlapping(snapshot)) {
    const [first, ...others] = budgets;
    if (first === undefined) continue;
    const selectors = budgets.slice(0, 4).map((ref) => {
      const budget = snapshot.get("PodDisruptionBudget", ref.namespace, ref.name);
      return field(ref, "spec.selector", budget?.spec?.selector);
    });
    const own = snapshot.get("PodDisruptionBudget", first.namespace, first.name);
    yield {
      rule: "pdb-overlap",
      object: first,
      discriminator: others.map(({ name }) => name).join(","),
      evidence: [
        ...selectors,
        fact(
          first,
          "Pods that all of them cover",
          pods.slice(0, 5).map(({ name }) => name),
        ),
      ],
      related: [...others, ...pods.slice(0, 20)],
      params: { selector: formatSelector(own?.spec?.selector ?? {}) },
    };
  }
}
