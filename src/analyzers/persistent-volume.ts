import { fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { namedRef, refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { claimOf, isAskedFor, podsWaitingFor } from "./rules/storage.ts";

type Volume = KubeObject<"PersistentVolume">;

const describe = "kubectl describe pv {name}";

export const persistentVolume: Analyzer = defineAnalyzer({
  name: "PersistentVolume",
  core: false,
  needs: ["PersistentVolume"],
  uses: ["PersistentVolumeClaim", "Pod", "Node"],
  rules: {
    "pv-failed": {
      severity: "warning",
      depth: 4,
      message: "The volume could not be reclaimed after its claim was deleted",
      why: "Its storage is still there and still paid for, and no new claim will get the volume",
      fix: "Read the status message, mend what the storage system complains about, then delete the storage and the volume",
      source: "concepts/storage/persistent-volumes/#reclaiming",
      commands: [describe, "kubectl get pv {name} -o yaml"],
      silent: ["being deleted", "its claim was in a namespace that was not asked for"],
    },
    "pv-released-kept": {
      severity: ["info", "risk"],
      depth: 4,
      message: "The volume is kept after its claim was deleted, and no new claim gets it",
      why: "Old data waits under a volume that no new claim will get",
      fix: "Save the data that is still wanted, then delete the volume, or remove spec.claimRef to offer it again",
      source: "concepts/storage/persistent-volumes/#retain",
      commands: ["kubectl get pv", describe],
      silent: [
        "released for less than a day",
        "released for less than 10 minutes with the policy Delete",
        "no claim of the same name waits for it (risk)",
      ],
    },
    "pv-node-gone": {
      severity: ["critical", "warning"],
      depth: 4,
      message: "The volume can be used on one node only, and that node does not exist",
      why: "Local data is on a machine that no longer exists",
      fix: "Bring the node back under its name, or restore the data into a new claim and delete the old one",
      source: "concepts/storage/persistent-volumes/#node-affinity",
      commands: ["kubectl get pv {name} -o yaml", "kubectl get nodes"],
      silent: [
        "volumes that are not bound",
        "the nodes could not all be read",
        "affinity to a zone or to other labels",
      ],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("PersistentVolume")) {
      if (isGoingAway(snapshot, object) || !isAskedFor(snapshot, object.spec?.claimRef?.namespace)) continue;
      const phase = object.status?.phase;
      if (phase === "Failed") yield failed(object);
      else if (phase === "Released") yield* released(snapshot, object);
      else if (phase === "Bound") yield* nodeGone(snapshot, object);
    }
  },
});

type Said = Iterable<Observation<"pv-failed" | "pv-released-kept" | "pv-node-gone">>;

function failed(object: Volume): Observation<"pv-failed"> {
  const ref = refOf("PersistentVolume", object);
  const { reason, message, lastPhaseTransitionTime } = object.status ?? {};
  const claim = claimOf(object);
  const since = parseTime(lastPhaseTransitionTime);
  return {
    rule: "pv-failed",
    object: ref,
    evidence: [
      field(ref, "status.phase", "Failed"),
      ...(message === undefined ? [] : [field(ref, "status.message", message)]),
      ...(reason === undefined ? [] : [field(ref, "status.reason", reason)]),
      field(ref, "spec.persistentVolumeReclaimPolicy", object.spec?.persistentVolumeReclaimPolicy),
      ...(claim === undefined ? [] : [field(ref, "spec.claimRef.name", `${claim.namespace}/${claim.name}`)]),
    ],
    ...(since !== undefined && { since }),
  };
}

function* released(snapshot: Snapshot, object: Volume): Said {
  const ref = refOf("PersistentVolume", object);
  const { persistentVolumeReclaimPolicy: policy } = object.spec ?? {};
  const changed = object.status?.lastPhaseTransitionTime;
  const age = ageOf(snapshot, changed);
  // Without the time of the change (servers before 1.29) nothing says how long it has been kept.
  if (age === undefined || age < (policy === "Delete" ? 10 * minuteMs : dayMs)) return;
  const claim = claimOf(object);
  const waiting = claim === undefined ? undefined : snapshot.get("PersistentVolumeClaim", claim.namespace, claim.name);
  const isWaiting = waiting?.status?.phase === "Pending";
  const since = parseTime(changed);
  yield {
    rule: "pv-released-kept",
    object: ref,
    severity: isWaiting || policy === "Delete" ? "info" : "risk",
    ...(policy === "Delete"
      ? { because: "its storage was to be deleted and is still there" }
      : isWaiting && { because: "a new claim of the same name waits for a volume" }),
    evidence: [
      field(ref, "status.phase", "Released"),
      field(ref, "status.lastPhaseTransitionTime", changed),
      field(ref, "spec.persistentVolumeReclaimPolicy", policy),
      ...(claim === undefined ? [] : [field(ref, "spec.claimRef.name", `${claim.namespace}/${claim.name}`)]),
      ...(isWaiting && claim !== undefined ? [field(claim, "status.phase", "Pending")] : []),
    ],
    ...(since !== undefined && { since }),
  };
}

/** What nodes are called: by name, and by the label that volumes choose them by. */
const hostNames = oncePerSnapshot(
  (snapshot) =>
    new Set(
      snapshot
        .list("Node")
        .flatMap(({ metadata }) => [metadata?.name ?? "", metadata?.labels?.["kubernetes.io/hostname"] ?? ""]),
    ),
);

interface Requirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

/**
 * The nodes that the volume asks for by name, when it can be used on no others. Terms are joined by OR, so each must name
 * nodes.
 */
function hostsOf({ spec }: Volume): readonly string[] {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const hosts: string[] = [];
  for (const { matchExpressions = [], matchFields = [] } of terms) {
    const names = (list: readonly Requirement[], key: string): readonly string[] =>
      list.flatMap((entry) => (entry.key === key && entry.operator === "In" ? (entry.values ?? []) : []));
    const ofTerm = [...names(matchExpressions, "kubernetes.io/hostname"), ...names(matchFields, "metadata.name")];
    if (ofTerm.length === 0) return [];
    hosts.push(...ofTerm);
  }
  return [...new Set(hosts)].sort();
}

function* nodeGone(snapshot: Snapshot, object: Volume): Said {
  const hosts = hostsOf(object);
  const [first] = hosts;
  if (first === undefined || !snapshot.isComplete("Node") || snapshot.list("Node").length === 0) return;
  if (hosts.some((host) => hostNames(snapshot).has(host))) return;
  const ref = refOf("PersistentVolume", object);
  const claim = claimOf(object);
  const waiting = podsWaitingFor(snapshot, claim);
  const nodes = hosts.map((host) => namedRef("Node", undefined, host));
  yield {
    rule: "pv-node-gone",
    object: ref,
    severity: waiting.length > 0 ? "critical" : "warning",
    ...(nodes.length === 1 && nodes[0] !== undefined && { cause: nodes[0] }),
    evidence: [
      ...nodes.slice(0, 3).map(missing),
      fact(ref, "nodes that it can be used on", hosts.slice(0, 12).join(", ")),
      ...(claim === undefined ? [] : [field(ref, "spec.claimRef.name", `${claim.namespace}/${claim.name}`)]),
      ...waiting.slice(0, 2).map((pod) => field(refOf("Pod", pod), "status.phase", "Pending")),
    ],
    related: [...(claim === undefined ? [] : [claim]), ...waiting.map((pod) => refOf("Pod", pod))],
  };
}
