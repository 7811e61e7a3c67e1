/** What befalls a Pod as a whole: its end that does not come, eviction, refusal, preemption, gates, resizing. */
import { eventEvidence, type Evidence, fact, field } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import { ageOf, conditionOf, graceMs } from "../../kube/guards.ts";
import { type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { parseQuantity } from "../../kube/quantity.ts";
import { controllerOf } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { dayMs, formatDuration, hourMs, minuteMs, parseTime, secondMs } from "../../kube/time.ts";
import {
  containersOf,
  currentEvents,
  isOfJob,
  isOwnerWhole,
  nodeOf,
  nodeTrouble,
  type Pod,
  present,
} from "./pod-containers.ts";

export type LifecycleRule =
  | "pod-stuck-terminating"
  | "pod-evicted"
  | "pod-rejected-by-kubelet"
  | "pod-deadline-exceeded"
  | "pod-preempted"
  | "pod-readiness-gate-waiting"
  | "pod-resize-stuck";

const describe = "kubectl -n {namespace} describe pod {name}";
const describeNode = "kubectl describe node {node}";

export const lifecycleRules: Readonly<Record<LifecycleRule, Rule>> = {
  "pod-stuck-terminating": {
    severity: ["critical", "warning"],
    depth: 6,
    message: "The Pod should be gone, but its deletion does not end",
    why: "Name, address, volumes and ordinal stay taken; drains and rollouts hang",
    fix: "Mend what holds it; force the deletion only when the node is known to be dead",
    source: "concepts/workloads/pods/pod-lifecycle/#pod-termination",
    commands: ["kubectl -n {namespace} get pod {name} -o jsonpath='{.metadata.finalizers}'", describeNode, describe],
    silent: ["less than 2 min past its deadline", "the job-tracking finalizer for 5 min"],
  },
  "pod-evicted": {
    severity: ["warning", "info"],
    depth: 6,
    message: "The Pod was evicted",
    why: "The node ran short of something, or the Pod used more than it may",
    fix: "Set requests and limits that fit what the Pod uses, and look at what fills the node",
    source: "concepts/scheduling-eviction/node-pressure-eviction/",
    commands: ["kubectl get pods -A --field-selector status.phase=Failed", describeNode],
    silent: ["its owner has all it wants and the node is calm (info)", "more than a day ago (info)"],
  },
  "pod-rejected-by-kubelet": {
    severity: ["critical", "warning", "info"],
    depth: 6,
    message: "The node refused the Pod",
    why: "Scheduler and node see different things, or the node was shutting down; the Pod itself never tries again",
    fix: "Read the reason, then compare what the Pod asks for with the node",
    source: "concepts/workloads/pods/pod-lifecycle/",
    commands: [describe, describeNode],
    silent: ["its owner has all it wants and it is more than an hour ago, or the node was shut down (info)"],
  },
  "pod-deadline-exceeded": {
    severity: ["warning", "info"],
    depth: 6,
    message: "The Pod ran longer than it may",
    why: "It was stopped before it was done",
    fix: "Find out why it takes so long, or raise activeDeadlineSeconds",
    source: "concepts/workloads/controllers/job/#job-termination-and-cleanup",
    commands: [describe],
    silent: ["its Job has ended and reports it", "more than a day ago (info)"],
  },
  "pod-preempted": {
    severity: ["warning", "info"],
    depth: 6,
    message: "The Pod had to make room for one of higher priority",
    why: "Its owner has fewer replicas than it wants",
    fix: "Add room, or give the workload the priority that it deserves",
    source: "concepts/scheduling-eviction/pod-priority-preemption/",
    commands: ["kubectl get priorityclass", describe],
    silent: ["its owner has all it wants again"],
  },
  "pod-readiness-gate-waiting": {
    severity: "warning",
    depth: 6,
    message: "A readiness gate is not confirmed",
    why: "The containers are ready, but a controller outside the Pod has not said so: no traffic comes",
    fix: "Look at the controller that sets this condition: a load balancer or a mesh",
    source: "concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate",
    commands: ["kubectl -n {namespace} get pod {name} -o jsonpath='{.status.conditions}'", describe],
    silent: ["less than 5 min after the containers became ready"],
  },
  "pod-resize-stuck": {
    severity: "warning",
    depth: 5,
    message: "The Pod's new resources do not come into effect",
    why: "It goes on with the old ones",
    fix: "Ask for what the node can give, or let the Pod be made anew elsewhere",
    source: "tasks/configure-pod-container/resize-container-resources/",
    commands: [describe, describeNode],
    silent: ["put off for less than 15 min", "servers without these conditions"],
  },
};

/** A Pod past the deadline of its deletion. */
export function terminatingObservation(snapshot: Snapshot, pod: Pod): Observation<LifecycleRule> | undefined {
  const { deletionTimestamp, finalizers = [] } = pod.metadata ?? {};
  // The timestamp includes the grace period.
  const late = ageOf(snapshot, deletionTimestamp);
  if (late === undefined || late <= 120 * secondMs) return undefined;
  const isTracked = finalizers.length > 0 && finalizers.every((name) => name === "batch.kubernetes.io/job-tracking");
  if (isTracked && late < 5 * minuteMs) return undefined;
  const ref = refOf("Pod", pod);
  const trouble = nodeTrouble(snapshot, pod);
  const containers = containersOf(pod);
  const running = containers.find(({ status }) => status.state?.running !== undefined);
  const deadline = parseTime(deletionTimestamp);
  const [event] = currentEvents(
    snapshot,
    ref,
    ["FailedKillPod", "FailedUnMount", "FailedUnmount", "FailedUnmapDevice"],
    deadline,
  );
  const because =
    trouble !== undefined
      ? {
          gone: "its node does not exist any more",
          unreachable: "its node is unreachable",
          "not-ready": "its node is not ready",
        }[trouble.state]
      : finalizers.length > 0 && running === undefined
        ? "finalizers hold it"
        : event !== undefined
          ? "the kubelet cannot stop it or release its volumes"
          : running !== undefined
            ? "a container is still running"
            : undefined;
  return {
    rule: "pod-stuck-terminating",
    severity: late > hourMs || isNeededOrdinal(snapshot, pod) ? "critical" : "warning",
    object: ref,
    ...(because !== undefined && { because }),
    ...(trouble !== undefined && { cause: trouble.ref }),
    evidence: [
      field(ref, "metadata.deletionTimestamp", deletionTimestamp),
      fact(ref, "past its deadline", formatDuration(late)),
      ...(finalizers.length > 0 ? [field(ref, "metadata.finalizers", finalizers)] : []),
      ...(trouble === undefined ? [] : [trouble.evidence]),
      ...(event === undefined ? [] : [eventEvidence(event)]),
      ...(running === undefined
        ? []
        : [field(ref, `${running.statusPath}.state.running.startedAt`, running.status.state?.running?.startedAt)]),
      ...present(ref, { "spec.nodeName": pod.spec?.nodeName }),
    ],
    ...(deadline !== undefined && { since: deadline }),
    params: { node: pod.spec?.nodeName ?? "" },
  };
}

/** Whether a StatefulSet wants this very Pod back: it makes no other one while the name is taken. */
function isNeededOrdinal(snapshot: Snapshot, pod: Pod): boolean {
  const owner = controllerOf(pod);
  if (owner?.kind !== "StatefulSet") return false;
  const set = snapshot.get("StatefulSet", owner.namespace, owner.name);
  if (set === undefined || set.metadata?.deletionTimestamp !== undefined) return false;
  const ordinal = Number(/-(\d+)$/.exec(pod.metadata?.name ?? "")?.[1] ?? Number.NaN);
  const start = set.spec?.ordinals?.start ?? 0;
  return ordinal >= start && ordinal < start + (set.spec?.replicas ?? 1);
}

/** When a Pod failed, in milliseconds since the epoch. */
function failedAt(pod: Pod): number | undefined {
  const ends = containersOf(pod)
    .map(({ status }) => parseTime(status.state?.terminated?.finishedAt))
    .filter((time) => time !== undefined);
  return (
    parseTime(conditionOf(pod, "DisruptionTarget")?.lastTransitionTime) ??
    (ends.length > 0 ? Math.max(...ends) : undefined) ??
    parseTime(conditionOf(pod, "Ready")?.lastTransitionTime) ??
    parseTime(pod.status?.startTime)
  );
}

/** A Pod in phase Failed that did not fail by itself. */
export function failedPodObservation(snapshot: Snapshot, pod: Pod): Observation<LifecycleRule> | undefined {
  const { reason, containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  if (reason === "Evicted") return evicted(snapshot, pod);
  if (reason === "DeadlineExceeded") return deadlineExceeded(snapshot, pod);
  const hasRun = [...initContainerStatuses, ...containerStatuses].some(({ state }) => state?.terminated !== undefined);
  if (reason === undefined || reason === "" || (!rejections.has(reason) && hasRun)) return undefined;
  return rejected(snapshot, pod, reason);
}

const evictedFor: readonly (readonly [RegExp, string])[] = [
  [/low on resource: memory|MemoryPressure/i, "the node was short of memory"],
  [/inodes/i, "the node was short of inodes"],
  [/low on resource: (?:ephemeral-storage|nodefs|imagefs)|DiskPressure/i, "the node was short of disk space"],
  [/low on resource: pids?|PIDPressure/i, "the node was short of process ids"],
  [
    /ephemeral.*(?:exceeds|limit)|EmptyDir.*exceeds|exceeded its local ephemeral storage/i,
    "it used more ephemeral storage than it may",
  ],
  [/taint/i, "the node has a taint that it does not tolerate"],
];

function evicted(snapshot: Snapshot, pod: Pod): Observation<LifecycleRule> {
  const ref = refOf("Pod", pod);
  const { message = "" } = pod.status ?? {};
  const since = failedAt(pod);
  const isOld = (ageOf(snapshot, since) ?? 0) > dayMs;
  const pressure = nodePressure(snapshot, pod);
  const isLeftover = isOwnerWhole(snapshot, pod) === true && pressure === undefined;
  const because = evictedFor.find(([pattern]) => pattern.test(message))?.[1];
  return {
    rule: "pod-evicted",
    severity: isOld || isLeftover ? "info" : "warning",
    object: ref,
    // Leftovers count together; what happens now is told by node.
    ...(!isOld && !isLeftover && pod.spec?.nodeName !== undefined && { discriminator: pod.spec.nodeName }),
    ...(because !== undefined && { because }),
    ...(pressure !== undefined && because?.startsWith("the node") === true && { cause: pressure.ref }),
    evidence: [
      field(ref, "status.reason", "Evicted"),
      ...present(ref, { "status.message": message === "" ? undefined : message, "spec.nodeName": pod.spec?.nodeName }),
      ...(pressure === undefined ? [] : [pressure.evidence]),
      ...containersOf(pod)
        .slice(0, 2)
        .flatMap(({ spec, specPath }) => present(ref, { [`${specPath}.resources`]: spec?.resources })),
    ],
    ...(since !== undefined && { since }),
    params: { node: pod.spec?.nodeName ?? "" },
  };
}

function nodePressure(
  snapshot: Snapshot,
  pod: Pod,
): { readonly ref: ObjectRef; readonly evidence: Evidence } | undefined {
  const node = nodeOf(snapshot, pod);
  if (node === undefined) return undefined;
  const type = ["MemoryPressure", "DiskPressure", "PIDPressure"].find(
    (one) => conditionOf(node, one)?.status === "True",
  );
  if (type === undefined) return undefined;
  const ref = refOf("Node", node);
  return { ref, evidence: field(ref, `status.conditions[${type}].status`, "True") };
}

const shutdowns: ReadonlySet<string> = new Set(["NodeShutdown", "Terminated", "Shutdown"]);

/** Reasons of the kubelet's admission (kubernetes 1.34, pkg/kubelet/lifecycle, pkg/kubelet/cm). */
const rejections: ReadonlySet<string> = new Set([
  ...shutdowns,
  "OutOfcpu",
  "OutOfmemory",
  "OutOfpods",
  "OutOfephemeral-storage",
  "NodeAffinity",
  "NodePorts",
  "NodeName",
  "UnexpectedAdmissionError",
  "TopologyAffinityError",
  "PodOSNotSupported",
  "NodeLost",
  "Preempting",
]);

const rejectedFor: Readonly<Record<string, string>> = {
  OutOfcpu: "the node has no CPU left for it",
  OutOfmemory: "the node has no memory left for it",
  OutOfpods: "the node has as many Pods as it may",
  "OutOfephemeral-storage": "the node has no ephemeral storage left for it",
  NodeAffinity: "the node does not carry the labels that it asks for",
  NodePorts: "its host ports are taken on the node",
  UnexpectedAdmissionError: "the node could not set aside what it asks for",
  TopologyAffinityError: "the node cannot give it resources that lie together",
  NodeShutdown: "the node was shutting down",
  Terminated: "the node was shutting down",
  Shutdown: "the node was shutting down",
  NodeLost: "contact with the node was lost",
  Preempting: "a critical Pod took its place on the node",
};

function rejected(snapshot: Snapshot, pod: Pod, reason: string): Observation<LifecycleRule> {
  const ref = refOf("Pod", pod);
  const since = failedAt(pod);
  const age = ageOf(snapshot, since) ?? 0;
  const isWhole = isOwnerWhole(snapshot, pod);
  const isHistory = isWhole === true && (age > hourMs || shutdowns.has(reason));
  const isShort = isWhole === false && !isOfJob(snapshot, pod) && age > graceMs.workload;
  const because =
    rejectedFor[reason] ??
    (reason.startsWith("OutOf") ? "the node has none left of a resource it asks for" : undefined);
  const trouble = nodeTrouble(snapshot, pod);
  return {
    rule: "pod-rejected-by-kubelet",
    severity: isHistory ? "info" : isShort ? "critical" : "warning",
    object: ref,
    ...(because !== undefined && { because }),
    ...(trouble !== undefined && shutdowns.has(reason) && { cause: trouble.ref }),
    evidence: [
      field(ref, "status.reason", reason),
      ...present(ref, { "status.message": pod.status?.message, "spec.nodeName": pod.spec?.nodeName }),
      ...(trouble === undefined ? [] : [trouble.evidence]),
    ],
    ...(since !== undefined && { since }),
    params: { node: pod.spec?.nodeName ?? "" },
  };
}

function deadlineExceeded(snapshot: Snapshot, pod: Pod): Observation<LifecycleRule> | undefined {
  const owner = controllerOf(pod);
  if (owner?.kind === "Job") {
    const job = snapshot.get("Job", owner.namespace, owner.name);
    const isOver = ["Failed", "Complete"].some(
      (type) => job !== undefined && conditionOf(job, type)?.status === "True",
    );
    if (isOver || job === undefined) return undefined;
  }
  const ref = refOf("Pod", pod);
  const since = failedAt(pod);
  const began = parseTime(pod.status?.startTime);
  return {
    rule: "pod-deadline-exceeded",
    severity: (ageOf(snapshot, since) ?? 0) > dayMs ? "info" : "warning",
    object: ref,
    evidence: [
      field(ref, "status.reason", "DeadlineExceeded"),
      ...present(ref, {
        "spec.activeDeadlineSeconds": pod.spec?.activeDeadlineSeconds,
        "status.message": pod.status?.message,
      }),
      ...(began !== undefined && since !== undefined && since > began
        ? [fact(ref, "ran for", formatDuration(since - began))]
        : []),
    ],
    ...(since !== undefined && { since }),
  };
}

/** A Pod that made room for another; it is being deleted by then, which is what the rule is about. */
export function preemptedObservation(snapshot: Snapshot, pod: Pod): Observation<LifecycleRule> | undefined {
  const condition = conditionOf(pod, "DisruptionTarget");
  if (condition?.status !== "True" || condition.reason !== "PreemptionByScheduler") return undefined;
  const age = ageOf(snapshot, condition.lastTransitionTime);
  if (age === undefined || age < graceMs.workload || age > dayMs) return undefined;
  const isWhole = isOwnerWhole(snapshot, pod);
  if (isWhole === true) return undefined;
  const ref = refOf("Pod", pod);
  const [event] = currentEvents(snapshot, ref, ["Preempted"]);
  const uid = /by pod ([0-9a-f-]{36})/i.exec(`${event?.message ?? ""} ${condition.message ?? ""}`)?.[1];
  const other = uid === undefined ? undefined : snapshot.byUid(uid);
  const winner =
    other?.kind === "Pod"
      ? snapshot.get("Pod", other.object.metadata?.namespace, other.object.metadata?.name ?? "")
      : undefined;
  return {
    rule: "pod-preempted",
    severity: isWhole === false || controllerOf(pod) === undefined ? "warning" : "info",
    object: ref,
    evidence: [
      field(ref, "status.conditions[DisruptionTarget].message", condition.message),
      ...present(ref, { "spec.priority": pod.spec?.priority, "spec.priorityClassName": pod.spec?.priorityClassName }),
      ...(winner === undefined ? [] : [field(refOf("Pod", winner), "spec.priority", winner.spec?.priority)]),
      ...(event === undefined ? [] : [eventEvidence(event)]),
    ],
    ...(winner !== undefined && { related: [refOf("Pod", winner)] }),
    ...sinceOf(condition.lastTransitionTime),
  };
}

function sinceOf(time: string | undefined): { readonly since?: number } {
  const since = parseTime(time);
  return since === undefined ? {} : { since };
}

/** Who confirms well-known gates. */
const gateKeepers: readonly (readonly [RegExp, string])[] = [
  [/^target-health\.(?:elbv2\.k8s\.aws|alb\.ingress\.k8s\.aws)/, "AWS Load Balancer Controller"],
  [/^cloud\.google\.com\/load-balancer-neg-ready/, "GKE NEG controller"],
  [/^azure-application-gateway|appgw\.ingress\.azure\.io/, "Azure Application Gateway controller"],
];

/** A Pod whose containers are ready and whose readiness gates are not. */
export function readinessGateObservation(snapshot: Snapshot, pod: Pod): Observation<LifecycleRule> | undefined {
  const containersReady = conditionOf(pod, "ContainersReady");
  const age = ageOf(snapshot, containersReady?.lastTransitionTime);
  if (containersReady?.status !== "True" || age === undefined || age <= 5 * minuteMs) return undefined;
  const closed = (pod.spec?.readinessGates ?? [])
    .map(({ conditionType = "" }) => conditionType)
    .filter((type) => {
      const condition = conditionOf(pod, type);
      const changed = ageOf(snapshot, condition?.lastTransitionTime);
      return condition?.status !== "True" && (changed === undefined || changed > 5 * minuteMs);
    });
  const [first] = closed;
  if (first === undefined) return undefined;
  const ref = refOf("Pod", pod);
  const keeper = gateKeepers.find(([pattern]) => pattern.test(first))?.[1];
  return {
    rule: "pod-readiness-gate-waiting",
    object: ref,
    discriminator: first,
    evidence: [
      ...closed
        .slice(0, 3)
        .map((type) => field(ref, `status.conditions[${type}].status`, conditionOf(pod, type)?.status)),
      ...(keeper === undefined ? [] : [fact(ref, "set by", keeper)]),
      field(ref, "status.conditions[ContainersReady].lastTransitionTime", containersReady.lastTransitionTime),
    ],
    ...sinceOf(containersReady.lastTransitionTime),
  };
}

/** A Pod whose new resources its node does not grant. */
export function resizeObservation(snapshot: Snapshot, pod: Pod): Observation<LifecycleRule> | undefined {
  const pending = conditionOf(pod, "PodResizePending");
  const running = conditionOf(pod, "PodResizeInProgress");
  const waited = ageOf(snapshot, pending?.lastTransitionTime);
  const isInfeasible = pending?.status === "True" && pending.reason === "Infeasible";
  const isDeferred =
    pending?.status === "True" && pending.reason === "Deferred" && waited !== undefined && waited > 15 * minuteMs;
  const isError = running?.status === "True" && running.reason === "Error";
  if (!isInfeasible && !isDeferred && !isError) return undefined;
  const ref = refOf("Pod", pod);
  const condition = isInfeasible || isDeferred ? pending : running;
  const type = condition?.type ?? "";
  const changed = containersOf(pod).find(({ spec, status }) =>
    ["cpu", "memory"].some(
      (resource) =>
        parseQuantity(spec?.resources?.requests?.[resource]) !== parseQuantity(status.resources?.requests?.[resource]),
    ),
  );
  return {
    rule: "pod-resize-stuck",
    object: ref,
    because: isInfeasible
      ? "the node can never grant it"
      : isDeferred
        ? "the node has no room for it now"
        : "the kubelet failed to apply it",
    evidence: [
      field(ref, `status.conditions[${type}].reason`, condition?.reason),
      ...present(ref, { [`status.conditions[${type}].message`]: condition?.message }),
      ...(changed === undefined
        ? []
        : [
            field(ref, `${changed.specPath}.resources.requests`, changed.spec?.resources?.requests),
            field(ref, `${changed.statusPath}.resources.requests`, changed.status.resources?.requests),
          ]),
      ...present(ref, { "spec.nodeName": pod.spec?.nodeName }),
    ],
    ...sinceOf(condition?.lastTransitionTime),
    params: { node: pod.spec?.nodeName ?? "" },
  };
}
