/** Probes that keep a container out of service, kill it, or never let it start. */
import { eventEvidence, type Evidence, fact, field } from "../../findings/evidence.ts";
import type { Rule } from "../../findings/finding.ts";
import type { EventRecord } from "../../kube/events.ts";
import { ageOf, conditionOf, graceMs, hasSettled, isReady } from "../../kube/guards.ts";
import type { Container } from "../../kube/kinds.ts";
import { failedProbe, killingProbe, type ProbeKind, probeCause } from "../../kube/messages/probe.ts";
import { refOf } from "../../kube/object-ref.ts";
import { endpointsOf, isUsable, servicesSelecting } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { formatDuration, hourMs, minuteMs, parseTime, secondMs } from "../../kube/time.ts";
import {
  type ContainerObservation,
  currentEvents,
  isAbout,
  isLooping,
  lastTerminationOf,
  logEvidence,
  nodeTrouble,
  type Pod,
  type PodContainer,
  present,
  replicaSeverity,
  replicasFact,
} from "./pod-containers.ts";

export type ProbeRule = "probe-readiness-failing" | "probe-liveness-killing" | "probe-startup-exhausted";

const describe = "kubectl -n {namespace} describe pod {name}";
const logs = "kubectl -n {namespace} logs {name} -c {container} --tail=50";
const source = "concepts/configuration/liveness-readiness-startup-probes/";

export const probeRules: Readonly<Record<ProbeRule, Rule>> = {
  "probe-readiness-failing": {
    severity: ["critical", "warning", "info"],
    depth: 6,
    message: "The readiness probe fails",
    why: "The Pod runs, but no Service sends it traffic",
    fix: "Compare path, port and scheme of the probe with what the container serves, then read its log",
    source,
    commands: [describe, logs],
    silent: [
      "the probe's first window is not over, or the startup probe has not passed",
      "the event is older than the last change of Ready",
      "the Pod is being deleted",
      "the node is silent",
      "a standby whose Service has ready endpoints (info)",
    ],
  },
  "probe-liveness-killing": {
    severity: ["critical", "warning"],
    depth: 6,
    message: "The liveness probe fails and the kubelet kills the container",
    why: "A probe that is too strict restarts a container that only needs time",
    fix: "Find out why the container does not answer; when it is only slow, give the probe more time or a startupProbe",
    source,
    commands: [
      "kubectl -n {namespace} get events --field-selector involvedObject.name={name}",
      "kubectl -n {namespace} logs {name} -c {container} --previous --tail=50",
      describe,
    ],
    silent: [
      "the probe fails but nothing is killed",
      "the container was killed for want of memory",
      "one kill, and well since",
    ],
  },
  "probe-startup-exhausted": {
    severity: ["critical", "warning"],
    depth: 6,
    message: "The startup probe does not pass within its time, and the kubelet restarts the container",
    why: "The container never gets as far as serving",
    fix: "Find out what its start waits for; when it is only slow, raise failureThreshold or periodSeconds",
    source,
    commands: ["kubectl -n {namespace} logs {name} -c {container} --previous --tail=50", describe],
    silent: ["the first window is not over"],
  },
};

type Probe = NonNullable<Container["readinessProbe"]>;

/** How long a probe may fail before it has an effect. */
function windowMs(probe: Probe | undefined): number {
  const { initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3 } = probe ?? {};
  return (initialDelaySeconds + periodSeconds * failureThreshold) * secondMs;
}

function unhealthyEvents(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
  probe: ProbeKind,
  after?: number,
): readonly EventRecord[] {
  return currentEvents(snapshot, refOf("Pod", pod), ["Unhealthy", "ProbeWarning"], after).filter(
    (event) => failedProbe(event.message) === probe && isAbout(event, container.name),
  );
}

function killEvents(snapshot: Snapshot, pod: Pod, container: PodContainer, probe: ProbeKind): readonly EventRecord[] {
  return currentEvents(snapshot, refOf("Pod", pod), ["Killing"]).filter(
    (event) => killingProbe(event.message) === probe && isAbout(event, container.name),
  );
}

/** A container that runs but is kept out of service by its readiness probe. */
export function readinessObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<ProbeRule> | undefined {
  const { status, spec } = container;
  const { running } = status.state ?? {};
  if (running === undefined || status.ready !== false || status.started === false) return undefined;
  if (nodeTrouble(snapshot, pod)?.state === "unreachable") return undefined;
  const window = windowMs(spec?.readinessProbe);
  const age = ageOf(snapshot, running.startedAt);
  if (age !== undefined && age < window) return undefined;
  const changed = parseTime(conditionOf(pod, "Ready")?.lastTransitionTime);
  if (!hasSettled(snapshot, pod, Math.min(window, graceMs.pod), changed)) return undefined;
  // The failures that led to the last change came before it, within one window.
  const [event] = unhealthyEvents(
    snapshot,
    pod,
    container,
    "readiness",
    changed === undefined ? undefined : changed - window,
  );
  if (event === undefined) return undefined;
  const ref = refOf("Pod", pod);
  const cause = probeCause(event.message);
  const services = servicesSelecting(snapshot, pod);
  const served = services.map((service) => ({
    service,
    isServed: endpointsOf(snapshot, service).some(isUsable),
  }));
  const isSlicesKnown = snapshot.isComplete("EndpointSlice", pod.metadata?.namespace);
  const isOut = isSlicesKnown && served.some(({ isServed }) => !isServed);
  const isStandby = isSlicesKnown && served.length > 0 && !isOut && isMarkedStandby(pod);
  return {
    rule: "probe-readiness-failing",
    severity: isOut ? "critical" : isStandby ? "info" : "warning",
    object: ref,
    discriminator: container.name,
    because: cause.says,
    mergeKey: `readiness ${cause.says}`,
    evidence: [
      eventEvidence(event),
      field(ref, `${container.specPath}.readinessProbe`, spec?.readinessProbe),
      ...(cause.type === "refused" || cause.type === "timeout" ? declaredPorts(container, pod) : []),
      field(ref, `${container.statusPath}.ready`, false),
      ...present(ref, { "status.conditions[Ready].lastTransitionTime": conditionOf(pod, "Ready")?.lastTransitionTime }),
      ...replicasFact(snapshot, pod),
      ...logEvidence(snapshot, pod, container.name),
    ],
    related: served
      .filter(({ isServed }) => !isServed && isSlicesKnown)
      .map(({ service }) => refOf("Service", service)),
    ...(changed !== undefined && { since: changed }),
    params: { container: container.name },
  };
}

/** Whether the Pod says of itself that it waits for its turn (Vault, Patroni and others set such labels). */
function isMarkedStandby(pod: Pod): boolean {
  return Object.entries(pod.metadata?.labels ?? {}).some(
    ([key, value]) =>
      /^(?:standby|passive|follower|secondary|slave|replica|backup)$/i.test(value) ||
      (/(?:^|[-/.])active$/.test(key) && value === "false"),
  );
}

function declaredPorts({ spec, specPath }: PodContainer, pod: Pod): readonly Evidence[] {
  const declared = (spec?.ports ?? []).map(({ name, containerPort }) =>
    name === undefined ? `${containerPort}` : `${name} ${containerPort}`,
  );
  return declared.length === 0 ? [] : [field(refOf("Pod", pod), `${specPath}.ports`, declared)];
}

/** A container that the kubelet kills because its liveness probe fails. */
export function livenessObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<ProbeRule> | undefined {
  const last = lastTerminationOf(container);
  if (last === undefined || last.terminated.reason === "OOMKilled") return undefined;
  const [killing] = killEvents(snapshot, pod, container, "liveness");
  if (killing === undefined) return undefined;
  const isKilled = isExitOfKill(last.terminated, killing, pod);
  const isBad = isLooping(snapshot, container) || isRising(snapshot, container) || !isReady(pod);
  if (!isKilled || !isBad) return undefined;
  const ref = refOf("Pod", pod);
  const [unhealthy] = unhealthyEvents(snapshot, pod, container, "liveness");
  const cause = unhealthy === undefined ? undefined : probeCause(unhealthy.message);
  const probe = container.spec?.livenessProbe;
  const isImpatient = cause?.type === "timeout" && (probe?.timeoutSeconds ?? 1) <= 1;
  const readiness = container.spec?.readinessProbe;
  const isTwin = probe !== undefined && JSON.stringify(probe) === JSON.stringify(readiness);
  return {
    rule: "probe-liveness-killing",
    severity: isLooping(snapshot, container) ? "critical" : "warning",
    object: ref,
    discriminator: container.name,
    ...(cause !== undefined && { because: isImpatient ? `${cause.says}, which is one second` : cause.says }),
    evidence: [
      ...(unhealthy === undefined ? [] : [eventEvidence(unhealthy)]),
      eventEvidence(killing),
      field(ref, `${container.specPath}.livenessProbe`, probe),
      field(ref, `${container.statusPath}.restartCount`, container.status.restartCount),
      field(ref, `${container.statusPath}.${last.path}.terminated.exitCode`, last.terminated.exitCode),
      ...(isTwin ? [fact(ref, "readiness and liveness probe are the same", true)] : []),
      ...logEvidence(snapshot, pod, container.name),
      ...replicasFact(snapshot, pod),
    ],
    ...(killing.firstSeen !== undefined && { since: killing.firstSeen }),
    params: { container: container.name },
  };
}

/** 137 and 143 are the ends that a kill brings; a container that handles SIGTERM ends otherwise, but right then. */
function isExitOfKill(
  terminated: { readonly exitCode?: number; readonly finishedAt?: string },
  killing: EventRecord,
  pod: Pod,
): boolean {
  if (terminated.exitCode === 137 || terminated.exitCode === 143) return true;
  const ended = parseTime(terminated.finishedAt);
  const grace = (pod.spec?.terminationGracePeriodSeconds ?? 30) * secondMs;
  return (
    ended !== undefined &&
    killing.lastSeen !== undefined &&
    ended >= killing.lastSeen - secondMs &&
    ended <= killing.lastSeen + grace + 30 * secondMs
  );
}

/** More than one restart, the last one within the hour. */
function isRising(snapshot: Snapshot, container: PodContainer): boolean {
  const age = ageOf(snapshot, lastTerminationOf(container)?.terminated.finishedAt);
  return (container.status.restartCount ?? 0) >= 2 && age !== undefined && age <= hourMs;
}

/** A container whose startup probe never passes. */
export function startupObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<ProbeRule> | undefined {
  const { status, spec } = container;
  const restarts = status.restartCount ?? 0;
  const last = lastTerminationOf(container);
  if (status.started === true || restarts === 0 || spec?.startupProbe === undefined) return undefined;
  if (last === undefined || last.terminated.reason === "OOMKilled") return undefined;
  const [unhealthy] = unhealthyEvents(snapshot, pod, container, "startup");
  if (unhealthy === undefined) return undefined;
  const allowed = windowMs(spec.startupProbe);
  const began = parseTime(last.terminated.startedAt);
  const ended = parseTime(last.terminated.finishedAt);
  const lasted = began === undefined || ended === undefined ? undefined : ended - began;
  const [killing] = killEvents(snapshot, pod, container, "startup");
  // Without the event of the kill the length of the last run tells whether it was allowed to end.
  if (killing === undefined && (lasted === undefined || lasted < allowed)) return undefined;
  const ref = refOf("Pod", pod);
  const cause = probeCause(unhealthy.message);
  return {
    rule: "probe-startup-exhausted",
    severity: replicaSeverity(snapshot, pod),
    object: ref,
    discriminator: container.name,
    because: cause.says,
    evidence: [
      eventEvidence(unhealthy),
      fact(ref, "time allowed for the start", formatDuration(allowed)),
      ...(lasted === undefined ? [] : [fact(ref, "length of the last run", formatDuration(lasted))]),
      field(ref, `${container.specPath}.startupProbe`, spec.startupProbe),
      field(ref, `${container.statusPath}.restartCount`, restarts),
      ...logEvidence(snapshot, pod, container.name),
      ...replicasFact(snapshot, pod),
    ],
    ...(unhealthy.firstSeen !== undefined && { since: unhealthy.firstSeen }),
    params: { container: container.name },
  };
}

/** Whether an old kill for want of memory is history: the container has run on for a while. */
export function isHistory(snapshot: Snapshot, container: PodContainer): boolean {
  const running = ageOf(snapshot, container.status.state?.running?.startedAt);
  return running !== undefined && running > 10 * minuteMs;
}
