/**
 * Pods that do not do their work. Each container has at most one finding, the most special that applies: a container that
 * the kernel kills in a loop is out of memory, not also in a crash loop. What concerns the Pod as a whole is asked only
 * when no container tells more. The rules stand in `rules/pod-*.ts`, one file for each stage of a Pod's life.
 */
import type { Observation } from "../findings/finding.ts";
import { conditionOf, isGoingAway, isNamespaceGoingAway, isReady } from "../kube/guards.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import {
  type ContainerObservation,
  containersOf,
  isLooping,
  isOfJob,
  lastTerminationOf,
  type Pod,
  type PodContainer,
  podsNotWell,
} from "./rules/pod-containers.ts";
import {
  type ExitRule,
  exitLoopObservation,
  exitRules,
  failedObservation,
  oomObservation,
  restartsObservation,
} from "./rules/pod-exit.ts";
import { imageObservation, type ImageRule, imageRules } from "./rules/pod-image.ts";
import {
  failedPodObservation,
  type LifecycleRule,
  lifecycleRules,
  preemptedObservation,
  readinessGateObservation,
  resizeObservation,
  terminatingObservation,
} from "./rules/pod-lifecycle.ts";
import {
  isHistory,
  livenessObservation,
  type ProbeRule,
  probeRules,
  readinessObservation,
  startupObservation,
} from "./rules/pod-probe.ts";
import { schedulingObservation, type SchedulingRule, schedulingRules } from "./rules/pod-scheduling.ts";
import {
  configErrorObservation,
  createErrorObservation,
  initStuckObservation,
  sandboxObservation,
  type StartRule,
  startRules,
  stuckCreatingObservation,
} from "./rules/pod-start.ts";
import { volumeObservation, type VolumeRule, volumeRules } from "./rules/pod-volume.ts";
import { referenceObservations, type ReferenceRule, referenceRules } from "./rules/references.ts";

type PodRule =
  | ExitRule
  | ImageRule
  | LifecycleRule
  | ProbeRule
  | ReferenceRule
  | SchedulingRule
  | StartRule
  | VolumeRule;

/** What one finding shows at most. */
const mostEvidence = 8;

export const pod: Analyzer = defineAnalyzer({
  name: "Pod",
  needs: ["Pod"],
  uses: [
    "Event",
    "Node",
    "ReplicaSet",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Service",
    "EndpointSlice",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "VolumeAttachment",
    "PriorityClass",
    "RuntimeClass",
  ],
  rules: {
    ...exitRules,
    ...imageRules,
    ...startRules,
    ...probeRules,
    ...schedulingRules,
    ...volumeRules,
    ...lifecycleRules,
    ...referenceRules,
  },
  *check(snapshot) {
    for (const one of snapshot.list("Pod")) {
      for (const observation of observationsOf(snapshot, one)) yield concise(observation);
    }
    for (const observation of referenceObservations(snapshot)) yield concise(observation);
  },
});

function concise(observation: Observation<PodRule>): Observation<PodRule> {
  const { evidence } = observation;
  return evidence.length > mostEvidence ? { ...observation, evidence: evidence.slice(0, mostEvidence) } : observation;
}

function* observationsOf(snapshot: Snapshot, one: Pod): Iterable<Observation<PodRule>> {
  const { phase } = one.status ?? {};
  const { deletionTimestamp, namespace = "" } = one.metadata ?? {};
  const preempted = isNamespaceGoingAway(snapshot, namespace) ? undefined : preemptedObservation(snapshot, one);
  if (preempted !== undefined) yield preempted;
  if (deletionTimestamp !== undefined) {
    const stuck = terminatingObservation(snapshot, one);
    if (stuck !== undefined) yield stuck;
    return;
  }
  // A Pod without a phase is a manifest that no server has seen.
  if (phase === undefined || phase === "Succeeded" || isGoingAway(snapshot, one)) return;
  if (phase === "Failed") {
    const observation = failedPodObservation(snapshot, one);
    // How the containers of a Pod end that was made to go says nothing of them.
    const isDisrupted = conditionOf(one, "DisruptionTarget")?.status === "True";
    if (observation !== undefined) yield observation;
    else if (!isDisrupted) yield* failedContainers(snapshot, one);
    return;
  }
  const resize = resizeObservation(snapshot, one);
  if (resize !== undefined) yield resize;
  const waiting = schedulingObservation(snapshot, one);
  if (waiting !== undefined) {
    yield waiting;
    return;
  }
  const ofContainers = (podsNotWell(snapshot).has(one) ? containersOf(one) : [])
    .map((container) => containerObservation(snapshot, one, container))
    .filter((observation) => observation !== undefined);
  if (ofContainers.length > 0) {
    yield* merged(ofContainers);
    return;
  }
  const ofPod =
    volumeObservation(snapshot, one) ??
    sandboxObservation(snapshot, one) ??
    stuckCreatingObservation(snapshot, one) ??
    readinessGateObservation(snapshot, one);
  if (ofPod !== undefined) yield ofPod;
}

/** The most special thing that can be said of a container. */
function containerObservation(
  snapshot: Snapshot,
  one: Pod,
  container: PodContainer,
): ContainerObservation<PodRule> | undefined {
  const missingStart =
    imageObservation(snapshot, one, container) ??
    configErrorObservation(snapshot, one, container) ??
    createErrorObservation(snapshot, one, container);
  if (missingStart !== undefined || container.kind === "ephemeral") return missingStart;
  const present = (): ContainerObservation<PodRule> | undefined =>
    livenessObservation(snapshot, one, container) ??
    startupObservation(snapshot, one, container) ??
    exitLoopObservation(snapshot, one, container) ??
    readinessObservation(snapshot, one, container) ??
    restartsObservation(snapshot, one, container) ??
    initStuckObservation(snapshot, one, container) ??
    failedObservation(snapshot, one, container);
  const killed = oomObservation(snapshot, one, container);
  if (killed === undefined) return present();
  // A kill of some time ago is told unless something is wrong now.
  const isPast = isHistory(snapshot, container) && !isReady(one) && !isLooping(snapshot, container);
  return isPast ? (readinessObservation(snapshot, one, container) ?? killed) : killed;
}

/** Containers of a failed Pod: those that were killed for want of memory, could not start, or ended badly. */
function* failedContainers(snapshot: Snapshot, one: Pod): Iterable<Observation<PodRule>> {
  const found = containersOf(one)
    .filter(({ kind }) => kind !== "ephemeral")
    .map(
      (container): ContainerObservation<PodRule> | undefined =>
        oomObservation(snapshot, one, container) ??
        (isOfJob(snapshot, one) || lastTerminationOf(container) === undefined
          ? undefined
          : (createErrorObservation(snapshot, one, container) ?? failedObservation(snapshot, one, container))),
    )
    .filter((observation) => observation !== undefined);
  yield* merged(found);
}

/** Containers of one Pod that fail by one cause are one finding that names them all. */
function* merged(observations: readonly ContainerObservation<PodRule>[]): Iterable<Observation<PodRule>> {
  const groups = Map.groupBy(
    observations,
    ({ mergeKey, rule, discriminator }) => mergeKey ?? `${rule} ${discriminator}`,
  );
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const { mergeKey: _mergeKey, ...observation } = first;
    if (group.length === 1) {
      yield observation;
      continue;
    }
    const containers = group.map(({ discriminator = "" }) => discriminator);
    // The first of each container's evidence tells most.
    const share = Math.max(1, Math.floor(mostEvidence / group.length));
    yield {
      ...observation,
      discriminator: containers.join(","),
      evidence: group.flatMap(({ evidence }) => evidence.slice(0, share)),
    };
  }
}
