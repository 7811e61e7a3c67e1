/** Which logs are worth reading: those of containers that fail, one of each kind of failure. */
import { compareText, keyOf, refOf } from "../../kube/object-ref.ts";
import { ageOf, isFinished, isGoingAway } from "../../kube/guards.ts";
import { controllerOf, topOwnerOf } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { dayMs, minuteMs } from "../../kube/time.ts";
import {
  containersOf,
  isCompleteJob,
  isLooping,
  isStatic,
  lastTerminationOf,
  type Pod,
  type PodContainer,
  podsNotWell,
} from "./pod-containers.ts";

/** A container whose log may say why it fails. */
export interface FailingContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The run before the present one: what is left of a crash. */
  readonly previous: boolean;
}

/** At most so many logs are read in one run. */
const most = 20;

/**
 * The containers whose logs are worth a request, worst first: crash loops (their previous run), then containers that ended
 * badly for good, then init containers that do not end and containers that run but are not ready. One per owner and
 * container, because replicas fail alike.
 */
export function failingContainers(snapshot: Snapshot): readonly FailingContainer[] {
  const found = new Map<
    string,
    { readonly rank: number; readonly restarts: number; readonly entry: FailingContainer }
  >();
  for (const pod of podsNotWell(snapshot)) {
    if (pod.status?.phase === "Succeeded" || isGoingAway(snapshot, pod)) continue;
    for (const container of containersOf(pod)) {
      const failure = failureOf(snapshot, pod, container);
      if (failure === undefined) continue;
      const job = controllerOf(pod);
      if (job?.kind === "Job" && isCompleteJob(snapshot, job.namespace, job.name)) break;
      const owner = isStatic(pod) ? undefined : topOwnerOf(snapshot, pod);
      const key = `${keyOf(owner ?? refOf("Pod", pod))} ${container.name}`;
      const restarts = container.status.restartCount ?? 0;
      const known = found.get(key);
      // Of replicas that fail alike the one with most restarts has most to tell; Pods come by name, so the first of equals stays.
      if (
        known !== undefined &&
        (known.rank < failure.rank || (known.rank === failure.rank && known.restarts >= restarts))
      )
        continue;
      const { namespace = "", name = "" } = pod.metadata ?? {};
      found.set(key, {
        rank: failure.rank,
        restarts,
        entry: { namespace, pod: name, container: container.name, previous: failure.previous },
      });
    }
  }
  return [...found.values()]
    .sort(
      (a, b) =>
        a.rank - b.rank ||
        b.restarts - a.restarts ||
        compareText(a.entry.namespace, b.entry.namespace) ||
        compareText(a.entry.pod, b.entry.pod) ||
        compareText(a.entry.container, b.entry.container),
    )
    .slice(0, most)
    .map(({ entry }) => entry);
}

function failureOf(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): { readonly rank: number; readonly previous: boolean } | undefined {
  const { status, kind } = container;
  const { terminated, running, waiting } = status.state ?? {};
  const last = lastTerminationOf(container)?.terminated;
  if (kind === "ephemeral") return undefined;
  if (!isFinished(pod) && isLooping(snapshot, container)) {
    // While it backs off, the crash is the run before; when it has just ended, it is the present one.
    return { rank: 0, previous: terminated === undefined && last !== undefined };
  }
  if (terminated !== undefined) {
    const age = ageOf(snapshot, terminated.finishedAt);
    const isBad = (terminated.exitCode ?? 0) !== 0 && (age === undefined || age <= dayMs);
    return isBad && (kind !== "sidecar" || !isFinished(pod)) ? { rank: 1, previous: false } : undefined;
  }
  if (running !== undefined && last?.reason === "OOMKilled" && (ageOf(snapshot, last.finishedAt) ?? dayMs) < dayMs) {
    return { rank: 2, previous: true };
  }
  const age = ageOf(snapshot, running?.startedAt);
  if (waiting === undefined && running !== undefined && age !== undefined) {
    if (kind === "init" && age > 10 * minuteMs) return { rank: 2, previous: false };
    if (kind !== "init" && status.ready === false && age > minuteMs) return { rank: 3, previous: false };
  }
  return undefined;
}
