/** Containers that end when they should not: killed for want of memory, in a loop, often, or for good. */
import { type Evidence, fact, field } from "../../findings/evidence.ts";
import type { Rule } from "../../findings/finding.ts";
import { ageOf, conditionOf, graceMs, hasSettled, isFinished } from "../../kube/guards.ts";
import { exitSentence } from "../../kube/messages/exit-code.ts";
import { compareText, namedRef, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { eventsOfNode, ownersOf } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { dayMs, formatDuration, hourMs, minuteMs, parseTime } from "../../kube/time.ts";
import {
  type ContainerObservation,
  isLooping,
  isOfJob,
  isOwnerWhole,
  lastTerminationOf,
  logEvidence,
  nodeOf,
  type Pod,
  type PodContainer,
  present,
  replicaSeverity,
  replicasFact,
} from "./pod-containers.ts";

export type ExitRule =
  | "container-oom-killed"
  | "container-exit-loop"
  | "container-restarts-frequent"
  | "container-failed";

const previousLogs = "kubectl -n {namespace} logs {name} -c {container} --previous --tail=50";
const describe = "kubectl -n {namespace} describe pod {name}";

export const exitRules: Readonly<Record<ExitRule, Rule>> = {
  "container-oom-killed": {
    severity: ["critical", "warning"],
    depth: 6,
    message: "A container was killed for want of memory",
    why: "Work is lost on every kill, and the restarts hide it",
    fix: "Compare what the container needs with its memory limit: raise the limit, or find what grows",
    source: "tasks/configure-pod-container/assign-memory-resource/",
    commands: [
      "kubectl -n {namespace} get pod {name} -o jsonpath='{.status.containerStatuses[*].lastState}'",
      "kubectl -n {namespace} top pod {name} --containers",
      previousLogs,
    ],
    silent: [
      "the Pod or its Job ended well",
      "the last kill is more than a day old",
      "exit code 137 without the reason OOMKilled",
    ],
  },
  "container-exit-loop": {
    severity: ["critical", "warning"],
    depth: 6,
    message: "A container ends and is started again and again",
    why: "Between its runs the container does no work",
    fix: "Read the log of the previous run and what the exit code says",
    source: "tasks/debug/debug-application/debug-pods/",
    commands: [previousLogs, describe],
    silent: [
      "the Pod ended well",
      "a single restart",
      "the Pod is younger than 60 s",
      "a more special rule names the cause",
    ],
  },
  "container-restarts-frequent": {
    severity: "warning",
    depth: 6,
    message: "A container restarts at least once an hour",
    why: "Every restart breaks what it was doing, although the Pod looks well in between",
    fix: "Read the log of the previous run and what the exit code says",
    source: "concepts/workloads/pods/pod-lifecycle/",
    commands: [previousLogs, describe],
    silent: ["many restarts over a long life", "no restart in the last hour", "the Pod is younger than 30 min"],
  },
  "container-failed": {
    severity: ["warning", "info"],
    depth: 6,
    message: "A container failed and is not started again",
    why: "Its restart policy leaves it as it is: what it should have done was not done",
    fix: "Read its log and what the exit code says, then create the Pod anew",
    source: "concepts/workloads/pods/pod-lifecycle/#restart-policy",
    commands: ["kubectl -n {namespace} logs {name} -c {container} --tail=50", describe],
    silent: [
      "the Pod ended well",
      "a Job made the Pod: the Job speaks",
      "its owner has all it wants",
      "a sidecar of an ended Pod",
    ],
  },
};

/** A container that the kernel killed for want of memory within the last day. */
export function oomObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<ExitRule> | undefined {
  const last = lastTerminationOf(container);
  if (last?.terminated.reason !== "OOMKilled") return undefined;
  const age = ageOf(snapshot, last.terminated.finishedAt);
  if (age === undefined || age > dayMs) return undefined;
  if (isFinished(pod) && isOfJob(snapshot, pod) && isOwnerWhole(snapshot, pod) === true) return undefined;
  const ref = refOf("Pod", pod);
  const restarts = container.status.restartCount ?? 0;
  // Many restarts over months say nothing of today: three of them count when they come to one a day.
  const podDays = Math.max(1, (ageOf(snapshot, pod.status?.startTime) ?? 0) / dayMs);
  const isOften = isLooping(snapshot, container) || (restarts >= 3 && restarts / podDays >= 1);
  const limit = container.spec?.resources?.limits?.["memory"];
  const node = limit === undefined ? memoryTroubleOfNode(snapshot, pod) : undefined;
  const at = `${container.statusPath}.${last.path}.terminated`;
  return {
    rule: "container-oom-killed",
    severity: isOften ? "critical" : "warning",
    object: ref,
    discriminator: container.name,
    because: limit === undefined ? "it has no memory limit, and its node ran out" : "it went over its memory limit",
    evidence: [
      field(ref, `${container.specPath}.resources.limits.memory`, limit),
      field(ref, `${at}.exitCode`, last.terminated.exitCode),
      field(ref, `${at}.reason`, last.terminated.reason),
      field(ref, `${container.statusPath}.restartCount`, restarts),
      field(ref, `${at}.finishedAt`, last.terminated.finishedAt),
      ...logEvidence(snapshot, pod, container.name),
      ...(node?.evidence ?? []),
      ...present(ref, {
        [`${container.specPath}.resources.requests.memory`]: container.spec?.resources?.requests?.["memory"],
        "spec.nodeName": pod.spec?.nodeName,
      }),
    ],
    ...(node !== undefined && { cause: node.ref }),
    ...sinceOf(last.terminated.finishedAt),
    params: { container: container.name },
  };
}

function memoryTroubleOfNode(
  snapshot: Snapshot,
  pod: Pod,
): { readonly ref: ObjectRef; readonly evidence: readonly Evidence[] } | undefined {
  const node = nodeOf(snapshot, pod);
  if (node === undefined) return undefined;
  const ref = refOf("Node", node);
  if (conditionOf(node, "MemoryPressure")?.status === "True") {
    return { ref, evidence: [field(ref, "status.conditions[MemoryPressure].status", "True")] };
  }
  const killed = eventsOfNode(snapshot, node).find(
    ({ reason, lastSeen }) => reason === "SystemOOM" && lastSeen !== undefined && snapshot.takenAt - lastSeen <= hourMs,
  );
  return killed === undefined
    ? undefined
    : { ref, evidence: [fact(ref, "out-of-memory events of the node", killed.count)] };
}

/** A container that starts and dies in a loop. */
export function exitLoopObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<ExitRule> | undefined {
  if (!isLooping(snapshot, container) || !hasSettled(snapshot, pod, graceMs.pod, pod.status?.startTime))
    return undefined;
  const ref = refOf("Pod", pod);
  const last = lastTerminationOf(container);
  const { waiting } = container.status.state ?? {};
  return {
    rule: "container-exit-loop",
    severity: replicaSeverity(snapshot, pod),
    object: ref,
    discriminator: container.name,
    ...becauseOf(last),
    evidence: [
      ...exitEvidence(ref, container, last),
      ...(waiting === undefined ? [] : [field(ref, `${container.statusPath}.state.waiting.reason`, waiting.reason)]),
      field(ref, `${container.statusPath}.restartCount`, container.status.restartCount),
      ...logEvidence(snapshot, pod, container.name),
      ...runLength(ref, last),
      ...commandOf(ref, container, last?.terminated.exitCode),
      ...replicasFact(snapshot, pod),
      ...imageChange(snapshot, pod, container),
    ],
    ...sinceOf(last?.terminated.finishedAt),
    params: { container: container.name },
  };
}

/** A container that runs now but restarts at least once an hour. */
export function restartsObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<ExitRule> | undefined {
  const restarts = container.status.restartCount ?? 0;
  const last = lastTerminationOf(container);
  const ended = ageOf(snapshot, last?.terminated.finishedAt);
  const age = ageOf(snapshot, pod.status?.startTime ?? pod.metadata?.creationTimestamp);
  if (restarts < 5 || ended === undefined || ended > hourMs || age === undefined || age < 30 * minuteMs)
    return undefined;
  const perHour = restarts / (age / hourMs);
  if (perHour < 1) return undefined;
  const ref = refOf("Pod", pod);
  return {
    rule: "container-restarts-frequent",
    object: ref,
    discriminator: container.name,
    ...becauseOf(last),
    evidence: [
      fact(ref, "restarts per hour", Number(perHour.toFixed(1))),
      field(ref, `${container.statusPath}.restartCount`, restarts),
      ...exitEvidence(ref, container, last),
      ...logEvidence(snapshot, pod, container.name),
    ],
    params: { container: container.name },
  };
}

/** A container that ended badly and that the restart policy leaves as it is. */
export function failedObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<ExitRule> | undefined {
  const { terminated } = container.status.state ?? {};
  if (terminated?.exitCode === undefined || terminated.exitCode === 0 || container.kind === "ephemeral")
    return undefined;
  const isOver = isFinished(pod) || pod.spec?.restartPolicy === "Never";
  // Sidecars are stopped when the Pod ends; how they end says nothing (concepts/workloads/pods/sidecar-containers/).
  if (!isOver || (container.kind === "sidecar" && isFinished(pod)) || isOfJob(snapshot, pod)) return undefined;
  if (isOwnerWhole(snapshot, pod) === true) return undefined;
  if (!hasSettled(snapshot, pod, graceMs.pod, terminated.finishedAt)) return undefined;
  const ref = refOf("Pod", pod);
  const last = { path: "state", terminated } as const;
  return {
    rule: "container-failed",
    severity: (ageOf(snapshot, terminated.finishedAt) ?? 0) > dayMs ? "info" : "warning",
    object: ref,
    discriminator: container.name,
    ...becauseOf(last),
    evidence: [
      ...exitEvidence(ref, container, last),
      ...present(ref, { "spec.restartPolicy": pod.spec?.restartPolicy }),
      ...logEvidence(snapshot, pod, container.name),
      ...commandOf(ref, container, terminated.exitCode),
    ],
    ...sinceOf(terminated.finishedAt),
    params: { container: container.name },
  };
}

type Last = ReturnType<typeof lastTerminationOf>;

function becauseOf(last: Last): { readonly because?: string } {
  const { exitCode, reason } = last?.terminated ?? {};
  return exitCode === undefined ? {} : { because: exitSentence(exitCode, reason) };
}

function exitEvidence(ref: ObjectRef, { statusPath }: PodContainer, last: Last): readonly Evidence[] {
  if (last === undefined) return [];
  const at = `${statusPath}.${last.path}.terminated`;
  const { exitCode, reason, finishedAt, message } = last.terminated;
  return [
    field(ref, `${at}.exitCode`, exitCode),
    // "Error" says no more than the code does.
    ...present(ref, {
      [`${at}.reason`]: reason === "Error" ? undefined : reason,
      [`${at}.message`]: message,
      [`${at}.finishedAt`]: finishedAt,
    }),
  ];
}

function runLength(ref: ObjectRef, last: Last): readonly Evidence[] {
  const began = parseTime(last?.terminated.startedAt);
  const ended = parseTime(last?.terminated.finishedAt);
  return began === undefined || ended === undefined
    ? []
    : [fact(ref, "length of the last run", formatDuration(ended - began))];
}

/** The command, where the code says that it is what fails. */
function commandOf(
  ref: ObjectRef,
  { spec, specPath }: PodContainer,
  exitCode: number | undefined,
): readonly Evidence[] {
  if (exitCode === undefined || ![0, 2, 126, 127, 128].includes(exitCode)) return [];
  return present(ref, { [`${specPath}.command`]: spec?.command, [`${specPath}.args`]: spec?.args });
}

function revision(annotations: Readonly<Record<string, string>> | undefined): number {
  return Number(annotations?.["deployment.kubernetes.io/revision"] ?? Number.NaN);
}

/** The image that the revision before this one had, when it was another. */
function imageChange(snapshot: Snapshot, pod: Pod, { name, spec }: PodContainer): readonly Evidence[] {
  const deployment = ownersOf(snapshot, pod).find(({ kind }) => kind === "Deployment");
  const own = ownersOf(snapshot, pod).find(({ kind }) => kind === "ReplicaSet");
  if (deployment?.uid === undefined || own === undefined) return [];
  const current = revision(snapshot.get("ReplicaSet", own.namespace, own.name)?.metadata?.annotations);
  const previous = snapshot
    .dependentsOf(deployment.uid)
    .flatMap(({ kind, object }) => {
      const found =
        kind === "ReplicaSet"
          ? snapshot.get("ReplicaSet", object.metadata?.namespace, object.metadata?.name ?? "")
          : undefined;
      return found === undefined || !(revision(found.metadata?.annotations) < current) ? [] : [found];
    })
    .sort(
      (a, b) =>
        revision(b.metadata?.annotations) - revision(a.metadata?.annotations) ||
        compareText(a.metadata?.name ?? "", b.metadata?.name ?? ""),
    )[0];
  const before = previous?.spec?.template?.spec?.containers?.find((container) => container.name === name)?.image;
  if (before === undefined || before === spec?.image) return [];
  const ref = namedRef("ReplicaSet", previous?.metadata?.namespace, previous?.metadata?.name ?? "");
  return [fact(ref, "image of the revision before", before)];
}

function sinceOf(time: string | undefined): { readonly since?: number } {
  const since = parseTime(time);
  return since === undefined ? {} : { since };
}
