/**
 * The questions that every rule asks before it speaks, so that it stays silent when it should (false alarms cost more
 * trust than misses). The numbers are the guards of the rule book: G1 deleting, G4 settling, G8 stale status,
 * G15 terminating namespace.
 */
import type { Condition, KubeObject } from "./kinds.ts";
import { oncePerSnapshot } from "./relations.ts";
import type { Snapshot } from "./snapshot.ts";
import { minuteMs, parseTime, secondMs } from "./time.ts";

/** How long a state must have lasted before it is judged (G4). */
export const graceMs: {
  readonly pod: number;
  readonly workload: number;
  readonly claim: number;
  readonly node: number;
} = {
  pod: 60 * secondMs,
  workload: 120 * secondMs,
  claim: 120 * secondMs,
  node: 60 * secondMs,
};

interface WithMetadata {
  readonly metadata?: {
    readonly namespace?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly generation?: number;
  };
}

/** Being deleted (G1), or in a namespace that is (G15). */
export function isGoingAway(snapshot: Snapshot, object: WithMetadata): boolean {
  const { deletionTimestamp, namespace } = object.metadata ?? {};
  return deletionTimestamp !== undefined || (namespace !== undefined && isNamespaceGoingAway(snapshot, namespace));
}

/** Whether the namespace is being deleted (G15). */
export function isNamespaceGoingAway(snapshot: Snapshot, name: string): boolean {
  const known = knownNamespaces(snapshot);
  let isGoing = known.get(name);
  if (isGoing === undefined) {
    const namespace = snapshot.get("Namespace", undefined, name);
    isGoing = namespace?.metadata?.deletionTimestamp !== undefined || namespace?.status?.phase === "Terminating";
    known.set(name, isGoing);
  }
  return isGoing;
}

/** What was found of each namespace: every rule asks it of every object. */
const knownNamespaces = oncePerSnapshot(() => new Map<string, boolean>());

/** Milliseconds since `time` (RFC 3339 text or milliseconds), measured at the snapshot; undefined when not known. */
export function ageOf(snapshot: Snapshot, time: string | number | undefined): number | undefined {
  const since = typeof time === "number" ? time : parseTime(time);
  return since === undefined ? undefined : snapshot.takenAt - since;
}

/** Milliseconds since the object was created; undefined in manifests that were never applied. */
export function ageOfObject(snapshot: Snapshot, object: WithMetadata): number | undefined {
  return ageOf(snapshot, object.metadata?.creationTimestamp);
}

/**
 * Whether a state that began at `since` has lasted long enough to be judged (G4). An unknown start falls back to the
 * object's creation; when that is unknown too (a bare manifest) the state counts as settled.
 */
export function hasSettled(snapshot: Snapshot, object: WithMetadata, grace: number, since?: string | number): boolean {
  const age = ageOf(snapshot, since) ?? ageOfObject(snapshot, object);
  return age === undefined || age >= grace;
}

/**
 * Whether the status still tells of an older spec (G8). Then status is not judged: the controller has not looked yet.
 */
export function isStatusStale(object: {
  readonly metadata?: { readonly generation?: number };
  readonly status?: { readonly observedGeneration?: number };
}): boolean {
  const { generation } = object.metadata ?? {};
  const { observedGeneration } = object.status ?? {};
  return generation !== undefined && observedGeneration !== undefined && observedGeneration < generation;
}

/** The condition of that type. */
export function conditionOf<C extends Condition>(
  object: { readonly status?: { readonly conditions?: readonly C[] } },
  type: string,
): C | undefined {
  // A loop: this is asked for every Pod many times, and a function for each costs more than the search.
  for (const condition of object.status?.conditions ?? []) if (condition.type === type) return condition;
  return undefined;
}

/** An event confirms a state only for an hour (G6). */
export const eventMaxAgeMs: number = 60 * minuteMs;

/** Whether a Pod has ended for good (G3 and failed ones): it needs nothing any more. */
export function isFinished(pod: KubeObject<"Pod">): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Whether the Pod's `Ready` condition is True. */
export function isReady(pod: KubeObject<"Pod">): boolean {
  return conditionOf(pod, "Ready")?.status === "True";
}

/**
 * When somebody last changed the object other than its status, from the server's own record
 * (`metadata.managedFields`, reference/using-api/server-side-apply/); undefined when the record is not there. Dumps often
 * lack it.
 */
export function specChangedAt(
  snapshot: Snapshot,
  object: {
    readonly metadata?: {
      readonly managedFields?: readonly { readonly time?: string; readonly subresource?: string }[];
    };
  },
): number | undefined {
  let newest: number | undefined;
  for (const { time, subresource } of object.metadata?.managedFields ?? []) {
    const changed = subresource === "status" ? undefined : parseTime(time);
    // A change later than the snapshot is the record of another object or clock, and says nothing.
    if (changed === undefined || changed > snapshot.takenAt + minuteMs) continue;
    if (newest === undefined || changed > newest) newest = changed;
  }
  return newest;
}

/**
 * When the status of the object was last changed, from the server's own record (`metadata.managedFields`): a condition keeps
 * its `lastTransitionTime` while only its reason changes. Undefined when the record is not there.
 */
export function statusChangedAt(
  snapshot: Snapshot,
  object: {
    readonly metadata?: {
      readonly managedFields?: readonly { readonly time?: string; readonly subresource?: string }[];
    };
  },
): number | undefined {
  const times = (object.metadata?.managedFields ?? [])
    .filter(({ subresource }) => subresource === "status")
    .map(({ time }) => parseTime(time))
    .filter((time) => time !== undefined && time <= snapshot.takenAt + minuteMs)
    .map(Number);
  return times.length === 0 ? undefined : Math.max(...times);
}
