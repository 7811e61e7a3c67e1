import type { KubeObject } from "./kinds.ts";
import { compareText, namedRef, type ObjectRef } from "./object-ref.ts";
import { parseTime } from "./time.ts";

/** An event with the two generations of its API brought to one form. */
export interface EventRecord {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** How often it was seen, at least 1. */
  readonly count: number;
  /** Milliseconds since the epoch; undefined when the event holds no time. */
  readonly firstSeen: number | undefined;
  readonly lastSeen: number | undefined;
  /** The object that the event is about. */
  readonly regarding: ObjectRef;
  /** Field path inside the object, `spec.containers{app}`. */
  readonly fieldPath: string | undefined;
  /** Who reported it, `kubelet`. */
  readonly component: string | undefined;
  readonly name: string;
}

/**
 * Reads an event of either API generation: `count` and `lastTimestamp` of core/v1, `series` and `eventTime` of
 * events.k8s.io/v1 (reference/kubernetes-api/cluster-resources/event-v1/).
 */
export function eventRecord(event: KubeObject<"Event">): EventRecord {
  const { series, involvedObject: subject = {}, metadata = {} } = event;
  const created = parseTime(metadata.creationTimestamp);
  const lastSeen = parseTime(series?.lastObservedTime) ?? parseTime(event.lastTimestamp) ?? parseTime(event.eventTime);
  const firstSeen = parseTime(event.firstTimestamp) ?? parseTime(event.eventTime) ?? created;
  const regarding = namedRef(subject.kind ?? "", subject.namespace, subject.name ?? "");
  return {
    type: event.type === "Warning" ? "Warning" : "Normal",
    reason: event.reason ?? "",
    message: event.message ?? "",
    count: Math.max(1, series?.count ?? event.count ?? 1),
    firstSeen,
    lastSeen: lastSeen ?? firstSeen,
    regarding: subject.uid === undefined || subject.uid === "" ? regarding : { ...regarding, uid: subject.uid },
    fieldPath: subject.fieldPath,
    component:
      event.reportingComponent === "" ? event.source?.component : (event.reportingComponent ?? event.source?.component),
    name: metadata.name ?? "",
  };
}

/** Orders events newest first; events of one moment by name. */
export function newestFirst(a: EventRecord, b: EventRecord): number {
  return (b.lastSeen ?? 0) - (a.lastSeen ?? 0) || compareText(a.name, b.name);
}
