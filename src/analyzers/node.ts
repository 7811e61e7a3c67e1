import { type Evidence, eventEvidence, fact, field } from "../findings/evidence.ts";
import type { Observation, Rule } from "../findings/finding.ts";
import type { EventRecord } from "../kube/events.ts";
import {
  ageOf,
  conditionOf,
  eventMaxAgeMs,
  graceMs,
  hasSettled,
  isFinished,
  isGoingAway,
  isReady,
} from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { meaningOf, notReadyInWords, ownConditions } from "../kube/messages/node-condition.ts";
import { keyOf, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { controllerOf, eventsOfNode, oncePerSnapshot, podsOnNode, podsOwnedBy, topOwnerOf } from "../kube/relations.ts";
import { formatBytes, parseQuantity } from "../kube/quantity.ts";
import { selectorMatches } from "../kube/selectors.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, formatDuration, hourMs, minuteMs, parseTime, secondMs } from "../kube/time.ts";
import { parseMinorVersion } from "../kube/version.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

type Node = KubeObject<"Node">;
type Pod = KubeObject<"Pod">;
type Condition = NonNullable<NonNullable<Node["status"]>["conditions"]>[number];

const describe = "kubectl describe node {name}";
const podsOnIt = "kubectl get pods -A -o wide --field-selector spec.nodeName={name}";
const pressure = {
  severity: ["critical", "warning"],
  depth: 1,
  why: "Evictions follow, and no new Pods come to the node",
  source: "concepts/scheduling-eviction/node-pressure-eviction/",
  commands: [describe, podsOnIt],
  silent: ["less than 60 seconds", "an unreachable node, whose conditions are all unknown"],
} as const satisfies Partial<Rule>;

export const node: Analyzer = defineAnalyzer({
  name: "Node",
  needs: ["Node"],
  uses: ["Pod", "ReplicaSet", "Job", "Lease", "Event", "PodDisruptionBudget"],
  rules: {
    "nodes-mass-unreachable": {
      severity: "critical",
      depth: 0,
      message: "Half of the nodes or more stopped reporting at the same time",
      why: "Everything on them is lost or unobserved",
      fix: "Look at the control plane, the network and the load balancer before the nodes: nodes do not all die at once",
      source: "concepts/architecture/nodes/#node-controller",
      commands: ["kubectl get nodes -o wide", "kubectl -n kube-node-lease get lease", describe],
    },
    "node-unreachable": {
      severity: ["critical", "info"],
      depth: 1,
      message: "The node has stopped reporting",
      why: "Everything on it is lost or unobserved",
      fix: "Check that the machine runs, that its kubelet runs, and that it reaches the API server",
      source: "concepts/architecture/nodes/#condition",
      commands: [describe, podsOnIt],
      silent: [
        "less than 60 seconds, or a node younger than 3 minutes",
        "being deleted",
        "an autoscaler is removing it (info)",
        "half of the nodes are gone at once (one finding for all)",
      ],
    },
    "node-not-ready": {
      severity: ["critical", "info"],
      depth: 1,
      message: "The node is not ready",
      why: "Its Pods are taken out of service and replaced elsewhere, and no new ones come",
      fix: "Read the message of the Ready condition; the log of the kubelet on the node says more",
      source: "concepts/architecture/nodes/#condition",
      commands: [describe, podsOnIt],
      silent: [
        "less than 60 seconds, or a node younger than 3 minutes",
        "being deleted",
        "an autoscaler is removing it (info)",
      ],
    },
    "node-pressure-memory": {
      ...pressure,
      message: "The node is short of memory",
      fix: "Move or limit the Pods that use more memory than they request",
    },
    "node-pressure-disk": {
      ...pressure,
      message: "The node is short of disk space",
      fix: "Free space on the node: images, logs, emptyDir volumes; or give it a larger disk",
    },
    "node-pressure-pid": {
      ...pressure,
      message: "The node is short of process ids",
      fix: "Find the Pod that starts too many processes, and limit processes per Pod",
    },
    "node-network-unavailable": {
      severity: "critical",
      depth: 1,
      message: "The network of the node is not set up",
      why: "No new Pods come to the node, and those on it may not be reached",
      fix: "Look at the network plugin or the route controller, which sets this condition",
      source: "concepts/architecture/nodes/#condition",
      commands: [describe],
      silent: ["less than 60 seconds", "an unreachable node"],
    },
    "node-problem-reported": {
      severity: ["warning", "info"],
      depth: 1,
      message: "A monitor on the node reports a problem",
      why: "Hardware or runtime is failing under healthy-looking Pods",
      fix: "Read the message of the condition; drain the node if the problem stays",
      source: "tasks/debug/debug-cluster/monitor-node-health/",
      commands: [describe],
      silent: [
        "conditions that say that all is well, whichever way round they are",
        "condition types that we do not know (one info per type)",
      ],
    },
    "node-cordoned-long": {
      severity: ["warning", "info"],
      depth: 1,
      message: "The node is cordoned and takes no new Pods",
      why: "Capacity is paid for and unused; a drain may be stuck",
      fix: "Finish the maintenance and uncordon the node, or remove it",
      source: "concepts/architecture/nodes/#manual-node-administration",
      commands: ["kubectl get nodes", "kubectl get pdb -A", podsOnIt],
      silent: ["an autoscaler is removing it", "less than 24 hours while no Pod waits for it (info)"],
    },
    "node-startup-taint-stuck": {
      severity: "warning",
      depth: 1,
      message: "The node still carries a taint of its start",
      why: "Capacity is paid for and unused: Pods do not tolerate the taint",
      fix: "Look at the agent that removes the taint when it is ready: cloud controller, network plugin, storage driver",
      source: "reference/labels-annotations-taints/",
      commands: ["kubectl get nodes", describe],
      silent: ["the node is younger than 10 minutes", "not ready for another reason"],
    },
    "node-kubelet-skew": {
      severity: ["critical", "warning"],
      depth: 1,
      message: "The kubelet's version does not go with the API server's",
      why: "Unsupported pairs fail in odd ways, and upgrades get refused",
      fix: "Upgrade the nodes before the control plane moves on; a kubelet may never be newer than the API server",
      source: "setup/release/version-skew-policy/#kubelet",
      commands: ["kubectl get nodes -o wide", "kubectl version"],
      silent: ["the version of the server is not known"],
    },
    "node-versions-mixed": {
      severity: "info",
      depth: 1,
      message: "The nodes run different minor versions of the kubelet",
      why: "An upgrade may have stopped half-way",
      fix: "Finish the upgrade of the nodes",
      source: "setup/release/version-skew-policy/",
      commands: ["kubectl get nodes -o wide"],
      silent: ["a version that no node older than 7 days runs"],
    },
    "node-lease-stale": {
      severity: "warning",
      depth: 1,
      message: "The node counts as ready, but its kubelet does not renew its lease",
      why: "An early sign of losing the node, or of a node controller that does not work",
      fix: "Check the kubelet of the node, and that the controller manager runs",
      source: "concepts/architecture/leases/#node-heart-beats",
      commands: ["kubectl -n kube-node-lease get lease {name} -o yaml", describe],
      silent: ["no lease is known", "a saved snapshot in which all leases are old"],
    },
    "node-clock-skew": {
      severity: "warning",
      depth: 1,
      message: "The clock of the node is ahead of the API server's",
      why: "Certificates and tokens fail with a wrong clock",
      fix: "Set up time synchronisation on the node",
      source: "concepts/architecture/leases/#node-heart-beats",
      commands: ["kubectl -n kube-node-lease get lease {name} -o yaml"],
    },
    "node-flapping": {
      severity: "warning",
      depth: 1,
      message: "The node goes back and forth between ready and not ready",
      why: "Pods on it lose their traffic again and again",
      fix: "Look at the load of the node and at the kubelet's log: memory, disk latency, network to the API server",
      source: "concepts/architecture/nodes/#node-status",
      commands: ["kubectl -n default get events --field-selector involvedObject.name={name}", describe],
    },
    "node-rebooted": {
      severity: "info",
      depth: 1,
      message: "The node was rebooted within the last day",
      why: "Containers that ended then did not fail by themselves",
      fix: "Nothing to do if it was planned",
      source: "concepts/architecture/nodes/#node-status",
      commands: [describe],
    },
    "node-device-missing": {
      severity: "warning",
      depth: 1,
      message: "The node offers fewer devices than it has",
      why: "Hardware or its plugin is failing under healthy-looking Pods",
      fix: "Look at the device plugin on the node and at the health of the devices",
      source: "concepts/extend-kubernetes/compute-storage-net/device-plugins/",
      commands: [describe, podsOnIt],
      silent: ["nodes younger than 10 minutes", "a device family without capacity that no waiting Pod asks for"],
    },
    "node-requests-full": {
      severity: "risk",
      depth: 1,
      message: "The requests on the node leave no room, and Pods wait for room",
      why: "The next rollout or failover has no room",
      fix: "Add nodes, or lower requests to what is used",
      source: "concepts/configuration/manage-resources-containers/",
      commands: [describe],
    },
    "node-image-gc-failing": {
      severity: "warning",
      depth: 1,
      message: "The node cannot clean up images or containers",
      why: "The disk fills up, evictions follow",
      fix: "Free space on the node's image disk, and look at its container runtime",
      source: "concepts/architecture/garbage-collection/#containers-images",
      commands: [describe],
      silent: ["events older than an hour", "InvalidDiskCapacity during a start"],
    },
  },
  *check(snapshot) {
    const judged = judgedNodes(snapshot);
    const mass = massUnreachable(snapshot);
    if (mass.length > 0 && judged.some((entry) => mass.includes(entry))) yield massFinding(mass);
    for (const object of judged) {
      const ref = refOf("Node", object);
      if (!mass.includes(object)) yield* readiness(snapshot, object, ref);
      yield* conditionsOf(snapshot, object, ref);
      yield* cordon(snapshot, object, ref);
      yield* startupTaints(snapshot, object, ref);
      yield* lease(snapshot, object, ref);
      yield* fromEvents(snapshot, object, ref);
      yield* devices(snapshot, object, ref);
      yield* fullness(snapshot, object, ref);
    }
    yield* unknownConditions(judged);
    yield* versions(snapshot, judged);
  },
});

type Said = Iterable<
  Observation<
    | "nodes-mass-unreachable"
    | "node-unreachable"
    | "node-not-ready"
    | "node-pressure-memory"
    | "node-pressure-disk"
    | "node-pressure-pid"
    | "node-network-unavailable"
    | "node-problem-reported"
    | "node-cordoned-long"
    | "node-startup-taint-stuck"
    | "node-kubelet-skew"
    | "node-versions-mixed"
    | "node-lease-stale"
    | "node-clock-skew"
    | "node-flapping"
    | "node-rebooted"
    | "node-device-missing"
    | "node-requests-full"
    | "node-image-gc-failing"
  >
>;

/** All nodes; with namespaces asked for, only those that run Pods of them. */
function judgedNodes(snapshot: Snapshot): readonly Node[] {
  const { include } = snapshot.scope;
  return snapshot.list("Node").filter((object) => {
    if (isGoingAway(snapshot, object)) return false;
    if (include === undefined) return true;
    return podsOnNode(snapshot, object.metadata?.name ?? "").some(
      (pod) => !isFinished(pod) && include.includes(pod.metadata?.namespace ?? ""),
    );
  });
}

/** Taints of autoscalers on nodes that they are about to remove. */
const removalTaints: ReadonlySet<string> = new Set([
  "ToBeDeletedByClusterAutoscaler",
  "karpenter.sh/disrupted",
  "karpenter.sh/disruption",
]);

function removalTaint({ spec }: Node): string | undefined {
  return spec?.taints?.find(({ key = "" }) => removalTaints.has(key))?.key;
}

/** Nodes need a while to come up. */
const youthMs = 3 * minuteMs;

function isUnreachable(snapshot: Snapshot, object: Node): boolean {
  const ready = conditionOf(object, "Ready");
  return (
    ready?.status === "Unknown" &&
    hasSettled(snapshot, object, youthMs) &&
    hasSettled(snapshot, object, graceMs.node, ready.lastTransitionTime)
  );
}

/** The nodes that stopped reporting within ten minutes of each other, when they are at least half of all (and two). */
function massUnreachable(snapshot: Snapshot): readonly Node[] {
  const all = snapshot.list("Node").filter((object) => !isGoingAway(snapshot, object));
  const lost = all
    .filter((object) => isUnreachable(snapshot, object))
    .map((object) => ({ object, since: parseTime(conditionOf(object, "Ready")?.lastTransitionTime) ?? 0 }))
    .sort((a, b) => a.since - b.since);
  const needed = Math.max(2, Math.ceil(all.length / 2));
  for (let start = 0; start + needed <= lost.length; start += 1) {
    const from = lost[start]?.since ?? 0;
    const together = lost.slice(start).filter(({ since }) => since - from <= 10 * minuteMs);
    if (together.length >= needed) return together.map(({ object }) => object);
  }
  return [];
}

function massFinding(lost: readonly Node[]): Observation<"nodes-mass-unreachable"> {
  const refs = lost.map((object) => refOf("Node", object)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const onsets = lost
    .map((object) => parseTime(conditionOf(object, "Ready")?.lastTransitionTime))
    .filter((time) => time !== undefined);
  const zones = new Set(lost.map(zoneOf).filter((zone) => zone !== undefined));
  const [first = { kind: "Node", name: "" }] = refs;
  return {
    rule: "nodes-mass-unreachable",
    object: first,
    evidence: [
      fact(first, "nodes that stopped reporting", lost.length),
      ...(zones.size === 1 ? [fact(first, "all in zone", [...zones][0] ?? "")] : []),
      ...refs.slice(0, 5).map((ref) => field(ref, "status.conditions[Ready].status", "Unknown")),
    ],
    related: refs.slice(1),
    ...(onsets.length > 0 && { since: Math.min(...onsets) }),
  };
}

function zoneOf({ metadata }: Node): string | undefined {
  return metadata?.labels?.["topology.kubernetes.io/zone"];
}

function conditionFields(ref: ObjectRef, condition: Condition): readonly Evidence[] {
  const at = `status.conditions[${condition.type}]`;
  return [
    field(ref, `${at}.status`, condition.status),
    ...(condition.reason === undefined ? [] : [field(ref, `${at}.reason`, condition.reason)]),
    ...(condition.message === undefined || condition.message === ""
      ? []
      : [field(ref, `${at}.message`, condition.message)]),
  ];
}

function onsetOf({ lastTransitionTime }: Condition): { since?: number } {
  const since = parseTime(lastTransitionTime);
  return since === undefined ? {} : { since };
}

/** What runs on the node: how many Pods, how many workloads, how many of them have no other Pod. */
function burden(snapshot: Snapshot, ref: ObjectRef): readonly Evidence[] {
  const pods = podsOnNode(snapshot, ref.name).filter((pod) => !isFinished(pod));
  if (pods.length === 0) return [];
  const owners = new Map(pods.map((pod) => [keyOf(topOwnerOf(snapshot, pod) ?? refOf("Pod", pod)), controllerOf(pod)]));
  const single = [...owners.values()].filter((owner) => podsOwnedBy(snapshot, owner?.uid).length <= 1).length;
  return [
    fact(ref, "Pods on it", pods.length),
    fact(ref, "workloads on it", owners.size),
    ...(single > 0 ? [fact(ref, "workloads without another Pod", single)] : []),
  ];
}

function* readiness(snapshot: Snapshot, object: Node, ref: ObjectRef): Said {
  const ready = conditionOf(object, "Ready");
  if (ready === undefined || (ready.status !== "False" && ready.status !== "Unknown")) return;
  if (!hasSettled(snapshot, object, youthMs) || !hasSettled(snapshot, object, graceMs.node, ready.lastTransitionTime))
    return;
  const isLost = ready.status === "Unknown";
  const removal = removalTaint(object);
  const because = removal === undefined ? notReadyInWords(ready.reason, ready.message) : "an autoscaler is removing it";
  const zone = zoneOf(object);
  const pods = podsOnNode(snapshot, ref.name).filter((pod) => !isFinished(pod) && !isReady(pod));
  yield {
    rule: isLost ? "node-unreachable" : "node-not-ready",
    object: ref,
    severity: removal === undefined ? "critical" : "info",
    ...(because !== undefined && { because }),
    evidence: [
      ...conditionFields(ref, ready),
      ...(isLost && ready.lastHeartbeatTime !== undefined
        ? [field(ref, "status.conditions[Ready].lastHeartbeatTime", ready.lastHeartbeatTime)]
        : []),
      ...burden(snapshot, ref),
      ...(zone === undefined ? [] : [fact(ref, "zone", zone)]),
    ].slice(0, 8),
    related: pods.map((pod) => refOf("Pod", pod)),
    ...onsetOf(ready),
  };
}

const pressures = [
  ["MemoryPressure", "node-pressure-memory", "memory"],
  ["DiskPressure", "node-pressure-disk", "ephemeral-storage"],
  ["PIDPressure", "node-pressure-pid", "pods"],
] as const;

function* conditionsOf(snapshot: Snapshot, object: Node, ref: ObjectRef): Said {
  for (const [type, rule, resource] of pressures) {
    const condition = conditionOf(object, type);
    if (condition?.status !== "True" || !hasSettled(snapshot, object, graceMs.node, condition.lastTransitionTime))
      continue;
    const evicted = evictedSince(snapshot, ref.name, parseTime(condition.lastTransitionTime));
    const allocatable = object.status?.allocatable?.[resource];
    yield {
      rule,
      object: ref,
      severity: evicted.length > 0 ? "critical" : "warning",
      ...(evicted.length > 0 && { because: "it evicts Pods" }),
      evidence: [
        ...conditionFields(ref, condition),
        ...(evicted.length > 0 ? [fact(ref, "Pods evicted since", evicted.length)] : []),
        ...evicted.slice(0, 2).map((pod) => field(refOf("Pod", pod), "status.reason", "Evicted")),
        ...(allocatable === undefined ? [] : [field(ref, `status.allocatable.${resource}`, allocatable)]),
      ],
      related: evicted.map((pod) => refOf("Pod", pod)),
      ...onsetOf(condition),
    };
  }
  const network = conditionOf(object, "NetworkUnavailable");
  if (
    network?.status === "True" &&
    hasSettled(snapshot, object, graceMs.node, network.lastTransitionTime) &&
    hasSettled(snapshot, object, youthMs)
  ) {
    yield {
      rule: "node-network-unavailable",
      object: ref,
      evidence: [...conditionFields(ref, network), ...burden(snapshot, ref)],
      ...onsetOf(network),
    };
  }
  for (const condition of object.status?.conditions ?? []) {
    const { type = "", status } = condition;
    if (ownConditions.has(type) || meaningOf(type, status) !== "fault") continue;
    if (!hasSettled(snapshot, object, graceMs.node, condition.lastTransitionTime)) continue;
    yield {
      rule: "node-problem-reported",
      object: ref,
      severity: "warning",
      discriminator: type,
      evidence: [...conditionFields(ref, condition), ...burden(snapshot, ref)].slice(0, 8),
      ...onsetOf(condition),
    };
  }
}

/** The Pods that the kubelet evicted from the node since the pressure began, an hour back at most. */
function evictedSince(snapshot: Snapshot, name: string, since: number | undefined): readonly Pod[] {
  const from = Math.max(since ?? 0, snapshot.takenAt - hourMs) - minuteMs;
  return podsOnNode(snapshot, name).filter((pod) => {
    if (pod.status?.phase !== "Failed" || pod.status.reason !== "Evicted") return false;
    const ended = parseTime(
      conditionOf(pod, "DisruptionTarget")?.lastTransitionTime ?? conditionOf(pod, "Ready")?.lastTransitionTime,
    );
    return (ended ?? parseTime(pod.status.startTime) ?? 0) >= from;
  });
}

/** Condition types whose sense we do not know: told once each, not once per node. */
function* unknownConditions(nodes: readonly Node[]): Said {
  const byType = new Map<string, { refs: ObjectRef[]; evidence: Evidence[] }>();
  for (const object of nodes) {
    const ref = refOf("Node", object);
    for (const { type = "", status } of object.status?.conditions ?? []) {
      if (ownConditions.has(type) || meaningOf(type, status) !== "unknown") continue;
      const entry = byType.get(type) ?? { refs: [], evidence: [] };
      byType.set(type, entry);
      entry.refs.push(ref);
      if (entry.evidence.length < 4) entry.evidence.push(field(ref, `status.conditions[${type}].status`, status));
    }
  }
  for (const [type, { refs, evidence }] of byType) {
    const [first] = refs;
    if (first === undefined) continue;
    yield {
      rule: "node-problem-reported",
      object: first,
      severity: "info",
      because: "a condition whose sense is not known",
      discriminator: type,
      evidence: [...evidence, fact(first, "nodes with this condition", refs.length)],
    };
  }
}

/** Whether a Pod waits because nodes are cordoned, as the scheduler says. */
const waitsForCordoned = oncePerSnapshot((snapshot) =>
  snapshot.list("Pod").filter(({ status }) => {
    if (status?.phase !== "Pending") return false;
    const scheduled = status.conditions?.find(({ type }) => type === "PodScheduled");
    return scheduled?.status === "False" && /were unschedulable/.test(scheduled.message ?? "");
  }),
);

function* cordon(snapshot: Snapshot, object: Node, ref: ObjectRef): Said {
  if (object.spec?.unschedulable !== true || removalTaint(object) !== undefined) return;
  const taint = object.spec.taints?.find(({ key }) => key === "node.kubernetes.io/unschedulable");
  const since = parseTime(taint?.timeAdded);
  const waiting = waitsForCordoned(snapshot);
  const isLong = (ageOf(snapshot, since) ?? 0) > dayMs;
  const left = podsOnNode(snapshot, ref.name).filter(
    (pod) => !isFinished(pod) && controllerOf(pod)?.kind !== "DaemonSet",
  );
  yield {
    rule: "node-cordoned-long",
    object: ref,
    severity: isLong || waiting.length > 0 ? "warning" : "info",
    ...(waiting.length > 0 ? { because: "Pods wait for room" } : isLong ? { because: "for more than a day" } : {}),
    evidence: [
      field(ref, "spec.unschedulable", true),
      ...(taint?.timeAdded === undefined
        ? []
        : [field(ref, "spec.taints[node.kubernetes.io/unschedulable].timeAdded", taint.timeAdded)]),
      ...(waiting.length > 0 ? [fact(ref, "Pods that wait and name cordoned nodes", waiting.length)] : []),
      fact(ref, "Pods left on it, without DaemonSets", left.length),
      ...blockingBudgets(snapshot, left).map((budget) => field(budget, "status.disruptionsAllowed", 0)),
    ],
    related: waiting.map((pod) => refOf("Pod", pod)),
    ...(since !== undefined && { since }),
  };
}

/** Up to two PodDisruptionBudgets that let none of these Pods go. */
function blockingBudgets(snapshot: Snapshot, pods: readonly Pod[]): readonly ObjectRef[] {
  const found = new Map<string, ObjectRef>();
  for (const pod of pods) {
    for (const budget of snapshot.inNamespace("PodDisruptionBudget", pod.metadata?.namespace ?? "")) {
      const { disruptionsAllowed, expectedPods = 0 } = budget.status ?? {};
      if (disruptionsAllowed !== 0 || expectedPods === 0) continue;
      if (!selectorMatches(budget.spec?.selector, pod.metadata?.labels)) continue;
      const ref = refOf("PodDisruptionBudget", budget);
      found.set(keyOf(ref), ref);
      if (found.size === 2) return [...found.values()];
    }
  }
  return [...found.values()];
}

/** Taints that an agent takes away once it is ready. */
const startTaint =
  /^node\.cloudprovider\.kubernetes\.io\/uninitialized$|\/agent-not-ready$|^karpenter\.sh\/unregistered$|^node\.kubernetes\.io\/not-ready$|^node\.ocs\.openshift\.io\/not-ready$/;

function* startupTaints(snapshot: Snapshot, object: Node, ref: ObjectRef): Said {
  if (!hasSettled(snapshot, object, 10 * minuteMs) || removalTaint(object) !== undefined) return;
  const areReady = conditionOf(object, "Ready")?.status === "True";
  for (const { key = "", effect, timeAdded } of object.spec?.taints ?? []) {
    if (!startTaint.test(key)) continue;
    // On a node that is not ready the others are what follows from that.
    if (!areReady && !key.endsWith("/uninitialized")) continue;
    if (!hasSettled(snapshot, object, 10 * minuteMs, timeAdded)) continue;
    const since = parseTime(timeAdded);
    yield {
      rule: "node-startup-taint-stuck",
      object: ref,
      discriminator: key,
      evidence: [
        field(ref, `spec.taints[${key}].effect`, effect),
        ...(timeAdded === undefined ? [] : [field(ref, `spec.taints[${key}].timeAdded`, timeAdded)]),
        field(ref, "metadata.creationTimestamp", object.metadata?.creationTimestamp),
      ],
      ...(since !== undefined && { since }),
    };
  }
}

/** The kubelet renews every 10 seconds and counts as lost after 40; a minute is for slow reading. */
const leaseLimitMs = 100 * secondMs;

const leaseAges = oncePerSnapshot((snapshot) => {
  const ages = new Map<string, number>();
  for (const { metadata, spec } of snapshot.inNamespace("Lease", "kube-node-lease")) {
    const age = ageOf(snapshot, spec?.renewTime);
    if (age !== undefined && metadata?.name !== undefined) ages.set(metadata.name, age);
  }
  return ages;
});

function* lease(snapshot: Snapshot, object: Node, ref: ObjectRef): Said {
  const ages = leaseAges(snapshot);
  const age = ages.get(ref.name);
  if (age === undefined || !hasSettled(snapshot, object, youthMs)) return;
  const leaseRef: ObjectRef = { kind: "Lease", namespace: "kube-node-lease", name: ref.name };
  const renewTime = snapshot.get("Lease", "kube-node-lease", ref.name)?.spec?.renewTime;
  if (age < -minuteMs) {
    yield {
      rule: "node-clock-skew",
      object: ref,
      evidence: [
        field(leaseRef, "spec.renewTime", renewTime),
        fact(ref, "ahead of the API server by", formatDuration(-age)),
      ],
    };
    return;
  }
  const ready = conditionOf(object, "Ready");
  if (age <= leaseLimitMs || ready?.status !== "True") return;
  // When every lease of a dump is old, it is the capture time that is off.
  const isDatedWrong =
    snapshot.cluster.source === "saved" && ages.size > 1 && [...ages.values()].every((other) => other > leaseLimitMs);
  if (isDatedWrong) return;
  yield {
    rule: "node-lease-stale",
    object: ref,
    evidence: [
      field(leaseRef, "spec.renewTime", renewTime),
      fact(ref, "lease not renewed for", formatDuration(age)),
      field(ref, "status.conditions[Ready].status", ready.status),
    ],
    ...(renewTime !== undefined && { since: parseTime(renewTime) ?? snapshot.takenAt }),
  };
}

const cleanUpReasons: ReadonlySet<string> = new Set([
  "ImageGCFailed",
  "FreeDiskSpaceFailed",
  "ContainerGCFailed",
  "InvalidDiskCapacity",
]);

function* fromEvents(snapshot: Snapshot, object: Node, ref: ObjectRef): Said {
  const events = eventsOfNode(snapshot, object);
  if (events.length === 0) return;
  const ageOfEvent = ({ lastSeen }: EventRecord): number => ageOf(snapshot, lastSeen) ?? Infinity;
  const current = events.filter((event) => ageOfEvent(event) <= eventMaxAgeMs);

  // kubelet and node controller write an event each time; a count says how often only when all of it fell into the hour.
  const changes = current.filter(({ reason }) => reason === "NodeReady" || reason === "NodeNotReady");
  const times = changes.reduce(
    (sum, event) => sum + ((ageOf(snapshot, event.firstSeen) ?? Infinity) <= hourMs ? event.count : 1),
    0,
  );
  const [latest] = changes;
  if (latest !== undefined && times >= 3 && hasSettled(snapshot, object, hourMs / 2)) {
    yield {
      rule: "node-flapping",
      object: ref,
      evidence: [
        fact(ref, "changes between ready and not ready within an hour", times),
        ...changes.slice(0, 2).map(eventEvidence),
      ],
    };
  }

  const reboot = events.find((event) => event.reason === "Rebooted" && ageOfEvent(event) <= dayMs);
  if (reboot !== undefined) {
    yield {
      rule: "node-rebooted",
      object: ref,
      evidence: [eventEvidence(reboot), field(ref, "status.nodeInfo.bootID", object.status?.nodeInfo?.bootID)],
      ...(reboot.lastSeen !== undefined && { since: reboot.lastSeen }),
    };
  }

  const failing = current.filter(
    ({ reason, count, firstSeen, lastSeen }) =>
      cleanUpReasons.has(reason) &&
      // Every kubelet says this once when it starts.
      (reason !== "InvalidDiskCapacity" ||
        (count > 1 && (lastSeen ?? 0) - (firstSeen ?? lastSeen ?? 0) > 10 * minuteMs)),
  );
  const [failure] = failing;
  if (failure !== undefined) {
    yield {
      rule: "node-image-gc-failing",
      object: ref,
      evidence: failing.slice(0, 3).map(eventEvidence),
      ...(failure.firstSeen !== undefined && { since: failure.firstSeen }),
    };
  }
}

/** Labels by which a node says that it has devices, and the resource that their plugin offers. */
const deviceFamilies: readonly { readonly label: string; readonly resource: string }[] = [
  { label: "nvidia.com/gpu.present", resource: "nvidia.com/gpu" },
  { label: "cloud.google.com/gke-accelerator", resource: "nvidia.com/gpu" },
  { label: "k8s.amazonaws.com/accelerator", resource: "nvidia.com/gpu" },
  { label: "feature.node.kubernetes.io/pci-10de.present", resource: "nvidia.com/gpu" },
  { label: "cloud.google.com/gke-tpu-accelerator", resource: "google.com/tpu" },
  { label: "amd.com/gpu.device-id", resource: "amd.com/gpu" },
];

/** Extended resources that Pods without a node ask for. */
const wantedDevices = oncePerSnapshot((snapshot) => {
  const wanted = new Set<string>();
  for (const pod of snapshot.list("Pod")) {
    if (pod.status?.phase !== "Pending" || pod.spec?.nodeName !== undefined) continue;
    for (const { resources } of pod.spec?.containers ?? []) {
      for (const name of Object.keys({ ...resources?.requests, ...resources?.limits })) wanted.add(name);
    }
  }
  return wanted;
});

function* devices(snapshot: Snapshot, object: Node, ref: ObjectRef): Said {
  if (!hasSettled(snapshot, object, 10 * minuteMs) || conditionOf(object, "Ready")?.status !== "True") return;
  const { capacity = {}, allocatable = {} } = object.status ?? {};
  const missingOnes: Evidence[] = [];
  for (const [name, amount] of Object.entries(capacity)) {
    const isExtended = name.includes("/") && !name.split("/")[0]?.endsWith("kubernetes.io");
    const has = parseQuantity(amount);
    const offers = parseQuantity(allocatable[name]);
    if (!isExtended || has === undefined || offers === undefined || offers >= has) continue;
    missingOnes.push(
      field(ref, `status.allocatable[${name}]`, allocatable[name]),
      field(ref, `status.capacity[${name}]`, amount),
    );
  }
  if (missingOnes.length > 0) {
    yield {
      rule: "node-device-missing",
      object: ref,
      because: "some devices are not healthy",
      evidence: missingOnes.slice(0, 8),
    };
    return;
  }
  const family = deviceFamilies.find(
    ({ label, resource }) =>
      object.metadata?.labels?.[label] !== undefined &&
      object.metadata.labels[label] !== "false" &&
      (parseQuantity(capacity[resource]) ?? 0) === 0 &&
      wantedDevices(snapshot).has(resource),
  );
  if (family === undefined) return;
  yield {
    rule: "node-device-missing",
    object: ref,
    because: "its device plugin offers none, and a Pod waits for one",
    evidence: [
      field(ref, `metadata.labels[${family.label}]`, object.metadata?.labels?.[family.label]),
      field(ref, `status.capacity[${family.resource}]`, capacity[family.resource]),
    ],
  };
}

/** Resources that the scheduler finds too little of, by its words about waiting Pods. */
const shortResources = oncePerSnapshot((snapshot) => {
  const short = new Set<string>();
  for (const pod of snapshot.list("Pod")) {
    if (pod.status?.phase !== "Pending") continue;
    const { message = "" } = pod.status.conditions?.find(({ type }) => type === "PodScheduled") ?? {};
    for (const [, resource = ""] of message.matchAll(/Insufficient (cpu|memory)/g)) short.add(resource);
  }
  return short;
});

function* fullness(snapshot: Snapshot, object: Node, ref: ObjectRef): Said {
  const short = shortResources(snapshot);
  if (short.size === 0 || !snapshot.isComplete("Pod")) return;
  for (const resource of [...short].sort()) {
    const room = parseQuantity(object.status?.allocatable?.[resource]);
    if (room === undefined || room === 0) continue;
    const used = podsOnNode(snapshot, ref.name)
      .filter((pod) => !isFinished(pod))
      .reduce((sum, pod) => sum + requestOf(pod, resource), 0);
    if (used < 0.95 * room) continue;
    const written = (value: number): string =>
      resource === "memory" ? formatBytes(value) : `${Number(value.toFixed(2))}`;
    yield {
      rule: "node-requests-full",
      object: ref,
      discriminator: resource,
      evidence: [
        fact(ref, `requested ${resource}`, written(used)),
        field(ref, `status.allocatable.${resource}`, object.status?.allocatable?.[resource]),
      ],
    };
  }
}

/** What the scheduler counts for a Pod: its containers and sidecars together, or its largest init container. */
function requestOf({ spec }: Pod, resource: string): number {
  const amount = (container: {
    readonly resources?: { readonly requests?: Readonly<Record<string, string>> };
  }): number => parseQuantity(container.resources?.requests?.[resource]) ?? 0;
  const inits = spec?.initContainers ?? [];
  const sidecars = inits.filter(({ restartPolicy }) => restartPolicy === "Always");
  const together = [...(spec?.containers ?? []), ...sidecars].reduce((sum, container) => sum + amount(container), 0);
  return Math.max(together, ...inits.map(amount));
}

/** Kubelet versions against the server's and against each other: one finding per version, not per node. */
function* versions(snapshot: Snapshot, nodes: readonly Node[]): Said {
  const known = nodes.flatMap((object) => {
    const version = parseMinorVersion(object.status?.nodeInfo?.kubeletVersion);
    return version === undefined ? [] : [{ object, version }];
  });
  const groups = [...Map.groupBy(known, ({ version }) => version.text).values()];
  const server = parseMinorVersion(snapshot.cluster.serverVersion);
  for (const group of groups) {
    const [first] = group;
    if (first === undefined || server === undefined || first.version.major !== server.major) continue;
    const behind = server.minor - first.version.minor;
    const allowed = server.minor >= 28 ? 3 : 2;
    if (behind >= 0 && behind < allowed) continue;
    const refs = group.map(({ object }) => refOf("Node", object));
    const ref = refOf("Node", first.object);
    yield {
      rule: "node-kubelet-skew",
      object: ref,
      severity: behind === allowed ? "warning" : "critical",
      because: behind < 0 ? "the kubelet is newer" : behind === allowed ? "the oldest that is supported" : "too old",
      discriminator: first.version.text,
      evidence: [
        field(ref, "status.nodeInfo.kubeletVersion", first.object.status?.nodeInfo?.kubeletVersion),
        fact(ref, "version of the API server", snapshot.cluster.serverVersion ?? ""),
        fact(ref, "nodes with this version", group.length),
      ],
      related: refs.slice(1),
    };
  }
  if (groups.length < 2) return;
  const isOld = groups.every((group) => group.some(({ object }) => hasSettled(snapshot, object, 7 * dayMs)));
  const oldest = groups.toSorted((a, b) => (a[0]?.version.minor ?? 0) - (b[0]?.version.minor ?? 0))[0]?.[0];
  if (!isOld || oldest === undefined) return;
  const ref = refOf("Node", oldest.object);
  yield {
    rule: "node-versions-mixed",
    object: ref,
    evidence: groups
      .slice(0, 8)
      .map((group) => fact(ref, "kubelet version and its nodes", `${group[0]?.version.text ?? ""}: ${group.length}`)),
  };
}
