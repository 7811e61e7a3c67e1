import { eventEvidence, fact } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import type { EventRecord } from "../kube/events.ts";
import { ageOf, conditionOf, eventMaxAgeMs, isFinished, isGoingAway, isReady } from "../kube/guards.ts";
import { isKindName } from "../kube/kinds.ts";
import { isKnownWarning } from "../kube/messages/events.ts";
import { keyOf, namedRef, type ObjectRef } from "../kube/object-ref.ts";
import { topOwnerOf } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

/** From so many on an event is more than a hiccup. */
const leastCount = 10;
const leastObjects = 3;

export const event: Analyzer = defineAnalyzer({
  name: "Event",
  core: false,
  needs: ["Event"],
  uses: ["Pod", "ReplicaSet", "Job", "Deployment", "Node"],
  rules: {
    "warning-events-recurring": {
      severity: "info",
      depth: 7,
      message: "Warnings about the object come again and again, and no rule of k8sgpt explains them",
      why: "It is trouble that no built-in rule understands yet",
      fix: "Read the events, and ask the component that reports them",
      source: "reference/kubernetes-api/cluster-resources/event-v1/",
      commands: [
        "kubectl -n {namespace} describe {kind} {name}",
        "kubectl -n {namespace} get events --field-selector type=Warning",
      ],
      silent: [
        "fewer than 10 in the last hour, on fewer than 3 objects",
        "reasons that other rules explain, or that healthy clusters show too",
        "the object is gone, has ended, or became ready since",
      ],
    },
  },
  *check(snapshot) {
    const groups = new Map<string, Subject>();
    for (const record of snapshot.events()) {
      if (!isCurrent(snapshot, record)) continue;
      const subject = subjectOf(snapshot, record.regarding);
      if (subject === undefined || isHealthySince(snapshot, record)) continue;
      const key = `${keyOf(subject)}\n${record.reason}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { subject, records: [record] });
      else group.records.push(record);
    }
    for (const group of groups.values()) {
      const said = recurring(group);
      if (said !== undefined) yield said;
    }
  },
});

interface Subject {
  readonly subject: ObjectRef;
  /** Newest first. */
  readonly records: EventRecord[];
}

function isCurrent(snapshot: Snapshot, { type, reason, lastSeen }: EventRecord): boolean {
  if (type !== "Warning" || reason === "" || isKnownWarning(reason)) return false;
  const age = ageOf(snapshot, lastSeen);
  return age !== undefined && age <= eventMaxAgeMs;
}

/** The top owner of the object, or itself; undefined for one that is gone, being deleted, or names nothing. */
function subjectOf(snapshot: Snapshot, ref: ObjectRef): ObjectRef | undefined {
  if (ref.kind === "" || ref.name === "") return undefined;
  const named = namedRef(ref.kind, ref.namespace, ref.name);
  // Events outlive what they tell of. Kinds that were not read are taken to be there.
  if (!isKindName(ref.kind) || !judged.includes(ref.kind)) return named;
  const located = snapshot.find(ref);
  if (located === undefined) return snapshot.isComplete(ref.kind, ref.namespace) ? undefined : named;
  const { uid } = located.object.metadata ?? {};
  // The kubelet writes a node's name where its uid belongs.
  if (ref.uid !== undefined && uid !== undefined && ref.uid !== uid && ref.kind !== "Node") return undefined;
  if (isGoingAway(snapshot, located.object)) return undefined;
  const owner = topOwnerOf(snapshot, located.object);
  return owner === undefined ? named : namedRef(owner.kind, owner.namespace, owner.name);
}

const judged: readonly string[] = ["Pod", "ReplicaSet", "Job", "Deployment", "Node"];

/** Whether a Pod or node became ready after the event, or the Pod has ended. */
function isHealthySince(snapshot: Snapshot, { regarding, lastSeen }: EventRecord): boolean {
  if (regarding.kind === "Pod") {
    const pod = snapshot.get("Pod", regarding.namespace, regarding.name);
    if (pod === undefined) return false;
    return (
      isFinished(pod) ||
      (isReady(pod) && (parseTime(conditionOf(pod, "Ready")?.lastTransitionTime) ?? 0) > (lastSeen ?? 0))
    );
  }
  if (regarding.kind !== "Node") return false;
  const ready = conditionOf(snapshot.get("Node", undefined, regarding.name) ?? {}, "Ready");
  return ready?.status === "True" && (parseTime(ready.lastTransitionTime) ?? 0) > (lastSeen ?? 0);
}

function recurring({ subject, records }: Subject): Observation<"warning-events-recurring"> | undefined {
  const count = records.reduce((sum, record) => sum + record.count, 0);
  const objects = new Map(records.map(({ regarding }) => [keyOf(regarding), regarding]));
  const [newest] = records;
  if (newest === undefined || (count < leastCount && objects.size < leastObjects)) return undefined;
  const onsets = records.map(({ firstSeen }) => firstSeen).filter((time) => time !== undefined);
  const samples = [...new Map(records.map((record) => [templateOf(record.message), record])).values()];
  return {
    rule: "warning-events-recurring",
    object: subject,
    discriminator: newest.reason,
    evidence: [
      ...samples.slice(0, 3).map(eventEvidence),
      fact(subject, "events", count),
      fact(subject, "objects", objects.size),
      ...(newest.component === undefined ? [] : [fact(subject, "reported by", newest.component)]),
    ],
    related: [...objects.values()].filter((ref) => keyOf(ref) !== keyOf(subject)),
    ...(onsets.length > 0 && { since: Math.min(...onsets) }),
  };
}

/** The message without what differs from one event to the next: names in quotes, numbers, hashes. */
function templateOf(message: string): string {
  return message
    .slice(0, 500)
    .replaceAll(/"[^"]*"|'[^']*'/g, "_")
    .replaceAll(/\b[\w.-]*\d[\w.-]*\b/g, "_");
}
