/** Pods that are on a node and do not start: containers that cannot be made, sandboxes, init containers. */
import { eventEvidence, type Evidence, fact, field, missing } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import { ageOf, conditionOf, eventMaxAgeMs, graceMs, hasSettled, isFinished } from "../../kube/guards.ts";
import {
  configErrorCause,
  type CreateErrorCause,
  createErrorCause,
  createWaitingReasons,
  startErrorReasons,
} from "../../kube/messages/container-create.ts";
import { sandboxCause, type SandboxCause } from "../../kube/messages/sandbox.ts";
import { namedRef, type ObjectRef, qualifiedName, refOf } from "../../kube/object-ref.ts";
import { controllerOf, oncePerSnapshot, podsOnNode, referencesOf } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { minuteMs, parseTime } from "../../kube/time.ts";
import {
  type ContainerObservation,
  containersOf,
  currentEvents,
  isAbout,
  isOfJob,
  isOwnerWhole,
  lastTerminationOf,
  logEvidence,
  nodeOf,
  nodeTrouble,
  type Pod,
  type PodContainer,
  present,
  replicaSeverity,
  replicasFact,
} from "./pod-containers.ts";
import { similarNames } from "./references.ts";

export type StartRule =
  | "pod-create-config-error"
  | "container-nonroot-conflict"
  | "container-subpath-invalid"
  | "pod-create-container-error"
  | "pod-sandbox-failed"
  | "pod-ip-exhausted"
  | "cni-not-ready"
  | "pod-init-stuck"
  | "pod-stuck-creating";

const describe = "kubectl -n {namespace} describe pod {name}";
const onNode = "kubectl -n kube-system get pods -o wide --field-selector spec.nodeName={node}";

function sandboxRule(message: string, fix: string, depth: 2 | 6): Rule {
  return {
    severity: ["critical", "warning"],
    depth,
    message,
    why: "The Pod stays in ContainerCreating: it has no network and no containers",
    fix,
    source: "concepts/extend-kubernetes/compute-storage-net/network-plugins/",
    commands: [onNode, "kubectl describe node {node}", describe],
    silent: ["the Pod has an address by now", "it failed only once", "the Pod was bound less than 60 s ago"],
  };
}

export const startRules: Readonly<Record<StartRule, Rule>> = {
  "pod-create-config-error": {
    severity: ["critical", "warning", "info"],
    depth: 5,
    message: "The container cannot be configured",
    why: "The kubelet cannot build the container, and trying again never helps",
    fix: "Create what the Pod names, or correct the name; then the kubelet goes on by itself",
    source: "tasks/configure-pod-container/configure-pod-configmap/",
    commands: ["kubectl -n {namespace} get configmap,secret", "kubectl -n {namespace} get pod {name} -o yaml"],
    silent: ["the Pod is younger than 60 s", "the reference is optional", "what was missing was created a moment ago"],
  },
  "container-nonroot-conflict": {
    severity: ["critical", "warning", "info"],
    depth: 5,
    message: "The container must not run as root, but its image or its settings make it so",
    why: "The kubelet refuses the container, and trying again never helps",
    fix: "Set runAsUser to a number other than 0, or use an image with a numeric user of its own",
    source: "tasks/configure-pod-container/security-context/",
    commands: ["kubectl -n {namespace} get pod {name} -o yaml", describe],
    silent: ["the Pod is younger than 60 s"],
  },
  "container-subpath-invalid": {
    severity: ["critical", "warning", "info"],
    depth: 5,
    message: "A subPath of a volume cannot be prepared",
    why: "The kubelet cannot build the container, and trying again never helps",
    fix: "Compare subPath with what the volume holds",
    source: "concepts/storage/volumes/#using-subpath",
    commands: [describe, "kubectl -n {namespace} get pod {name} -o yaml"],
    silent: ["the Pod is younger than 60 s"],
  },
  "pod-create-container-error": {
    severity: ["critical", "warning", "info"],
    depth: 5,
    message: "The container runtime cannot start the container",
    why: "The container never runs",
    fix: "Compare command, args and mounts of the container with what its image holds",
    source: "tasks/inject-data-application/define-command-argument-container/",
    commands: [describe, "kubectl -n {namespace} get pod {name} -o yaml"],
    silent: ["the container has started since", "the Pod is younger than 60 s"],
  },
  "pod-sandbox-failed": sandboxRule(
    "The Pod's sandbox cannot be set up",
    "Look at the network plugin and the container runtime of the node",
    6,
  ),
  "pod-ip-exhausted": sandboxRule(
    "The network plugin has no address left for the Pod",
    "Enlarge the address range, or free addresses: fewer Pods per node, or more nodes",
    2,
  ),
  "cni-not-ready": sandboxRule(
    "The network plugin of the node is not ready",
    "Look at the network plugin's Pod on the node, and at its configuration there",
    2,
  ),
  "pod-init-stuck": {
    severity: "warning",
    depth: 6,
    message: "An init container does not end",
    why: "The Pod's containers start only when all init containers have ended",
    fix: "Read the init container's log: it usually waits for something that does not come",
    source: "concepts/workloads/pods/init-containers/",
    commands: ["kubectl -n {namespace} logs {name} -c {container}", describe],
    silent: ["it runs for less than 10 min", "sidecars, which are meant to go on"],
  },
  "pod-stuck-creating": {
    severity: ["warning", "info"],
    depth: 6,
    message: "The containers are not created",
    why: "The Pod is bound to a node, but nothing of it runs",
    fix: "Read the Pod's events, then the state of its node",
    source: "tasks/debug/debug-application/debug-pods/",
    commands: [describe, "kubectl describe node {node}"],
    silent: [
      "less than 5 min",
      "a more special rule names the cause",
      "an image is being pulled for at most 15 min (info)",
    ],
  },
};

// ---- containers that cannot be made -----------------------------------------------------------------------------------

/** A container whose configuration cannot be put together. */
export function configErrorObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<StartRule> | undefined {
  const { reason, message = "" } = container.status.state?.waiting ?? {};
  if (reason !== "CreateContainerConfigError" || !hasSettled(snapshot, pod, graceMs.pod)) return undefined;
  const ref = refOf("Pod", pod);
  const cause = configErrorCause(message);
  const said = field(ref, `${container.statusPath}.state.waiting.message`, message);
  const base = {
    object: ref,
    severity: container.kind === "ephemeral" ? ("info" as const) : replicaSeverity(snapshot, pod),
    discriminator: container.name,
    ...onsetOf(pod),
    params: { container: container.name },
  };
  const tail = replicasFact(snapshot, pod);
  switch (cause.type) {
    case "object-missing": {
      const wanted = namedRef(cause.kind, pod.metadata?.namespace, cause.name);
      const found = snapshot.find(wanted);
      if (found !== undefined && isFresh(snapshot, found.object)) return undefined;
      return {
        ...base,
        rule: "pod-create-config-error",
        because: `the ${cause.kind} it names does not exist`,
        cause: wanted,
        mergeKey: `config ${cause.kind} ${cause.name}`,
        evidence: [
          ...(found === undefined && snapshot.isComplete(cause.kind, wanted.namespace) ? [missing(wanted)] : []),
          said,
          ...placesOf(pod, container, cause.kind, cause.name),
          ...similarNames(snapshot, wanted),
          ...tail,
        ],
      };
    }
    case "key-missing": {
      const holder = namedRef(cause.kind, cause.namespace, cause.name);
      const located = snapshot.find(holder);
      return {
        ...base,
        rule: "pod-create-config-error",
        because: `the ${cause.kind} lacks an entry that it names`,
        cause: located === undefined ? holder : refOf(located.kind, located.object),
        mergeKey: `config ${cause.kind} ${cause.name} ${cause.key}`,
        evidence: [
          said,
          fact(holder, "entry that is not there", cause.key),
          ...placesOf(pod, container, cause.kind, cause.name),
          ...tail,
        ],
      };
    }
    case "nonroot":
      return {
        ...base,
        rule: "container-nonroot-conflict",
        because: nonRoot[cause.why],
        evidence: [
          said,
          ...present(ref, {
            [`${container.specPath}.securityContext`]: container.spec?.securityContext,
            "spec.securityContext": pod.spec?.securityContext,
            [`${container.specPath}.image`]: container.spec?.image,
          }),
          ...tail,
        ],
      };
    case "subpath":
      return {
        ...base,
        rule: "container-subpath-invalid",
        evidence: [said, ...subPaths(ref, container), ...tail],
      };
    default:
      return {
        ...base,
        rule: "pod-create-config-error",
        ...(cause.type === "not-synced" && { because: "the kubelet has not read what the Pod names" }),
        evidence: [said, ...tail],
      };
  }
}

const nonRoot = {
  root: "the image runs as root",
  "non-numeric": "the image names its user instead of numbering it, so the kubelet cannot tell",
  "run-as-user": "runAsUser is 0",
} as const;

/** Created a moment ago: the kubelet finds it on its next try. */
function isFresh(snapshot: Snapshot, object: { readonly metadata?: { readonly creationTimestamp?: string } }): boolean {
  const age = ageOf(snapshot, object.metadata?.creationTimestamp);
  return age !== undefined && age < 3 * minuteMs;
}

function placesOf(pod: Pod, { name }: PodContainer, kind: string, named: string): readonly Evidence[] {
  return referencesOf(pod.spec)
    .filter((one) => one.kind === kind && one.name === named && !one.optional && (one.container ?? name) === name)
    .slice(0, 2)
    .map(({ path }) => field(refOf("Pod", pod), `spec.${path}`, named));
}

function subPaths(ref: ObjectRef, { spec, specPath }: PodContainer): readonly Evidence[] {
  return (spec?.volumeMounts ?? [])
    .filter(({ subPath }) => subPath !== undefined)
    .slice(0, 3)
    .map(({ name = "", subPath }) => field(ref, `${specPath}.volumeMounts[${name}].subPath`, subPath));
}

function onsetOf(pod: Pod): { readonly since?: number } {
  const since = parseTime(conditionOf(pod, "ContainersReady")?.lastTransitionTime ?? pod.status?.startTime);
  return since === undefined ? {} : { since };
}

const createSays: Readonly<Record<CreateErrorCause, string | undefined>> = {
  hook: "a lifecycle hook fails",
  "mount-type": "a file is mounted over a directory, or a directory over a file",
  "wrong-architecture": "the program is built for another architecture than the node's",
  "command-missing": "the command does not exist in the image",
  "command-not-executable": "the command may not be executed",
  "name-conflict": "the name of the container is still in use on the node",
  "disk-full": "the node's disk is full",
  "runtime-slow": "the container runtime does not answer in time",
  other: undefined,
};

/** A container that the runtime cannot make or start. */
export function createErrorObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<StartRule> | undefined {
  const error = createErrorOf(snapshot, pod, container);
  if (error === undefined || !hasSettled(snapshot, pod, graceMs.pod)) return undefined;
  const ref = refOf("Pod", pod);
  const cause = createErrorCause(error.reason, error.message);
  const because = createSays[cause];
  const node = nodeOf(snapshot, pod);
  const nodeName = pod.spec?.nodeName;
  return {
    rule: "pod-create-container-error",
    severity: container.kind === "ephemeral" ? "info" : replicaSeverity(snapshot, pod),
    object: ref,
    discriminator: container.name,
    ...(because !== undefined && { because }),
    evidence: [
      field(ref, `${container.statusPath}.${error.path}.reason`, error.reason),
      ...present(ref, {
        [`${container.statusPath}.${error.path}.message`]: error.message === "" ? undefined : error.message,
      }),
      ...present(ref, {
        [`${container.specPath}.command`]: container.spec?.command,
        [`${container.specPath}.args`]: container.spec?.args,
        [`${container.specPath}.image`]: container.spec?.image,
      }),
      ...(cause === "wrong-architecture" && node !== undefined
        ? [field(refOf("Node", node), "status.nodeInfo.architecture", node.status?.nodeInfo?.architecture)]
        : []),
      ...replicasFact(snapshot, pod),
    ],
    ...(cause === "disk-full" && nodeName !== undefined && { cause: namedRef("Node", undefined, nodeName) }),
    ...onsetOf(pod),
    params: { container: container.name },
  };
}

interface CreateError {
  readonly path: "state.waiting" | "state.terminated" | "lastState.terminated";
  readonly reason: string;
  readonly message: string;
}

function createErrorOf(snapshot: Snapshot, pod: Pod, container: PodContainer): CreateError | undefined {
  const { waiting, running } = container.status.state ?? {};
  if (waiting?.reason !== undefined && createWaitingReasons.has(waiting.reason)) {
    const event = currentEvents(snapshot, refOf("Pod", pod), ["Failed", "FailedPostStartHook"]).find(
      (one) => isAbout(one, container.name) && one.message !== `Error: ${waiting.reason}`,
    );
    return { path: "state.waiting", reason: waiting.reason, message: waiting.message ?? event?.message ?? "" };
  }
  const last = running === undefined ? lastTerminationOf(container) : undefined;
  const { reason, message = "" } = last?.terminated ?? {};
  if (last === undefined || reason === undefined || !startErrorReasons.has(reason)) return undefined;
  // A failed Pod of a Job is the Job's to report, and one whose owner has all it wants is history.
  if (isFinished(pod) && (isOfJob(snapshot, pod) || isOwnerWhole(snapshot, pod) === true)) return undefined;
  return { path: `${last.path}.terminated`, reason, message };
}

// ---- sandboxes --------------------------------------------------------------------------------------------------------

const sandboxReasons = ["FailedCreatePodSandBox", "NetworkNotReady"];

/** How many Pods of each node wait for a sandbox, by the events of the last hour. */
const sandboxFailures = oncePerSnapshot((snapshot) => {
  const pods = new Map<string, Set<string>>();
  for (const { reason, regarding, lastSeen } of snapshot.events()) {
    if (!sandboxReasons.includes(reason) || regarding.kind !== "Pod") continue;
    if (lastSeen === undefined || snapshot.takenAt - lastSeen > eventMaxAgeMs) continue;
    const pod = snapshot.get("Pod", regarding.namespace, regarding.name);
    const node = pod?.spec?.nodeName;
    if (pod === undefined || node === undefined || pod.status?.podIP !== undefined || isFinished(pod)) continue;
    const names = pods.get(node) ?? new Set();
    names.add(qualifiedName(regarding));
    pods.set(node, names);
  }
  return pods;
});

const sandboxSays: Readonly<Record<SandboxCause, string | undefined>> = {
  "ip-exhausted": undefined,
  "cni-not-ready": undefined,
  "runtime-class": "the node does not know the handler of the runtime class",
  cgroup: "the runtime cannot set up the cgroup",
  timeout: "the runtime does not answer in time",
  network: "the network plugin fails",
  other: undefined,
};

/** Well-known network plugins, by the DaemonSet that runs them. */
const networkPlugins =
  /^(?:calico-node|cilium|kube-flannel(?:-ds)?|aws-node|weave-net|antrea-agent|kindnet|canal|ovnkube-node|kube-router|azure-cns|multus)/;

/** A Pod whose sandbox cannot be set up. */
export function sandboxObservation(snapshot: Snapshot, pod: Pod): Observation<StartRule> | undefined {
  const { nodeName } = pod.spec ?? {};
  if (nodeName === undefined || (pod.status?.podIP ?? "") !== "" || !isCreating(pod)) return undefined;
  if (!hasSettled(snapshot, pod, graceMs.pod, pod.status?.startTime)) return undefined;
  const ref = refOf("Pod", pod);
  const events = currentEvents(snapshot, ref, sandboxReasons);
  const times = events.reduce((sum, { count }) => sum + count, 0);
  const [event] = events;
  if (event === undefined || times < 2) return undefined;
  const cause = event.reason === "NetworkNotReady" ? "cni-not-ready" : sandboxCause(event.message);
  const because = sandboxSays[cause];
  const failing = sandboxFailures(snapshot).get(nodeName)?.size ?? 1;
  const isEverywhere = isOnEveryNode(snapshot);
  const onThisNode = podsOnNode(snapshot, nodeName).filter((one) => !isFinished(one));
  const plugin = onThisNode.find((one) => networkPlugins.test(controllerOf(one)?.name ?? ""));
  const trouble = nodeTrouble(snapshot, pod);
  const node = nodeOf(snapshot, pod);
  const firsts = events.map(({ firstSeen }) => firstSeen).filter((time) => time !== undefined);
  return {
    rule:
      cause === "ip-exhausted"
        ? "pod-ip-exhausted"
        : cause === "cni-not-ready"
          ? "cni-not-ready"
          : "pod-sandbox-failed",
    severity: failing >= 3 || isEverywhere ? "critical" : "warning",
    object: ref,
    ...(because !== undefined && { because }),
    evidence: [
      eventEvidence(event),
      field(ref, "spec.nodeName", nodeName),
      fact(ref, "Pods without a sandbox on the node", failing),
      ...(plugin === undefined
        ? []
        : [field(refOf("Pod", plugin), "status.conditions[Ready].status", conditionOf(plugin, "Ready")?.status)]),
      ...(node === undefined
        ? []
        : [
            fact(refOf("Node", node), "Pods on the node", onThisNode.length),
            field(refOf("Node", node), "status.allocatable.pods", node.status?.allocatable?.["pods"]),
          ]),
      ...(trouble === undefined ? [] : [trouble.evidence]),
      ...present(ref, { "spec.runtimeClassName": cause === "runtime-class" ? pod.spec?.runtimeClassName : undefined }),
    ],
    ...(trouble !== undefined && { cause: trouble.ref }),
    ...(plugin !== undefined && conditionOf(plugin, "Ready")?.status !== "True" && { related: [refOf("Pod", plugin)] }),
    ...(firsts.length > 0 && { since: Math.min(...firsts) }),
    params: { node: nodeName },
  };
}

function isOnEveryNode(snapshot: Snapshot): boolean {
  const nodes = snapshot.list("Node");
  const failures = sandboxFailures(snapshot);
  return nodes.length > 1 && nodes.every(({ metadata }) => failures.has(metadata?.name ?? ""));
}

// ---- what takes too long ----------------------------------------------------------------------------------------------

/** Whether no container of the Pod has been made yet. */
export function isCreating(pod: Pod): boolean {
  const { phase, containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const all = [...initContainerStatuses, ...containerStatuses];
  return (
    phase === "Pending" &&
    all.every(({ state, lastState }) => {
      const reason = state?.waiting?.reason;
      const isWaiting = reason === undefined ? state?.waiting !== undefined : isCreatingReason(reason);
      return isWaiting && lastState?.terminated === undefined;
    })
  );
}

function isCreatingReason(reason: string): boolean {
  return reason === "ContainerCreating" || reason === "PodInitializing";
}

/** An init container that goes on running. */
export function initStuckObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<StartRule> | undefined {
  const { running } = container.status.state ?? {};
  const age = ageOf(snapshot, running?.startedAt);
  if (container.kind !== "init" || age === undefined || age <= 10 * minuteMs) return undefined;
  if (nodeTrouble(snapshot, pod)?.state === "unreachable") return undefined;
  const ref = refOf("Pod", pod);
  const names = (pod.spec?.initContainers ?? []).map(({ name }) => name);
  const log = snapshot.logOf(pod.metadata?.namespace ?? "", pod.metadata?.name ?? "", container.name);
  const awaited = servicesNamedIn(snapshot, pod, [
    ...(log?.lines ?? []),
    ...(container.spec?.command ?? []),
    ...(container.spec?.args ?? []),
  ]);
  return {
    rule: "pod-init-stuck",
    object: ref,
    discriminator: container.name,
    evidence: [
      field(ref, `${container.statusPath}.state.running.startedAt`, running?.startedAt),
      fact(ref, "init container", `${names.indexOf(container.name) + 1} of ${names.length}`),
      ...awaited.slice(0, 2).map((service) => fact(service, "named by its command or log", service.name)),
      ...logEvidence(snapshot, pod, container.name),
      ...present(ref, {
        [`${container.specPath}.command`]: container.spec?.command,
        [`${container.specPath}.args`]: container.spec?.args,
      }),
      ...replicasFact(snapshot, pod),
    ],
    related: awaited,
    ...sinceTime(running?.startedAt),
    params: { container: container.name },
  };
}

/** Services of the Pod's namespace that the text names as a word of its own. */
function servicesNamedIn(snapshot: Snapshot, pod: Pod, lines: readonly string[]): readonly ObjectRef[] {
  const words = new Set(lines.flatMap((line) => line.split(/[^a-z0-9-]+/)));
  return snapshot
    .inNamespace("Service", pod.metadata?.namespace ?? "")
    .filter(({ metadata }) => (metadata?.name ?? "").length >= 3 && words.has(metadata?.name ?? ""))
    .map((service) => refOf("Service", service));
}

function sinceTime(time: string | undefined): { readonly since?: number } {
  const since = parseTime(time);
  return since === undefined ? {} : { since };
}

/** A Pod on a node of which nothing has been made for minutes, and no other rule knows why. */
export function stuckCreatingObservation(snapshot: Snapshot, pod: Pod): Observation<StartRule> | undefined {
  const { nodeName } = pod.spec ?? {};
  const started = pod.status?.startTime ?? conditionOf(pod, "PodScheduled")?.lastTransitionTime;
  const age = ageOf(snapshot, started ?? pod.metadata?.creationTimestamp);
  if (nodeName === undefined || age === undefined || age <= 5 * minuteMs || !isCreating(pod)) return undefined;
  const ref = refOf("Pod", pod);
  const pull = pullInProgress(snapshot, pod);
  const trouble = nodeTrouble(snapshot, pod);
  const events = snapshot
    .eventsOf(ref)
    .filter(
      ({ lastSeen, type }) =>
        type === "Warning" && lastSeen !== undefined && snapshot.takenAt - lastSeen <= eventMaxAgeMs,
    );
  const first = containersOf(pod)[0];
  return {
    rule: "pod-stuck-creating",
    severity: pull ? "info" : "warning",
    object: ref,
    ...(pull
      ? { because: "an image is being pulled" }
      : trouble !== undefined && { because: "its node is out of service", cause: trouble.ref }),
    evidence: [
      ...(first === undefined
        ? [field(ref, "status.phase", pod.status?.phase)]
        : [field(ref, `${first.statusPath}.state.waiting.reason`, first.status.state?.waiting?.reason)]),
      ...(started === undefined ? [] : [field(ref, "status.startTime", started)]),
      field(ref, "spec.nodeName", nodeName),
      ...(trouble === undefined ? [] : [trouble.evidence]),
      ...events.slice(0, 4).map(eventEvidence),
    ],
    ...sinceTime(started),
    params: { node: nodeName },
  };
}

/** Whether the kubelet said that it pulls and has not said how that ended, for at most a quarter of an hour. */
function pullInProgress(snapshot: Snapshot, pod: Pod): boolean {
  const [newest] = currentEvents(snapshot, refOf("Pod", pod), ["Pulling", "Pulled", "Failed"]);
  return (
    newest?.reason === "Pulling" && newest.lastSeen !== undefined && snapshot.takenAt - newest.lastSeen <= 15 * minuteMs
  );
}
