/**
 * What a finding rests on, as values and where they stand, so that a reader can check each with `kubectl` and the
 * anonymizer sees values instead of prose.
 */
import type { EventRecord } from "../kube/events.ts";
import type { ObjectRef } from "../kube/object-ref.ts";
import type { Json } from "../kube/wire.ts";

export type Evidence =
  /** A field and the value read. */
  | { readonly type: "field"; readonly object: ObjectRef; readonly path: string; readonly value: Json }
  /** An event about the object. Text from the cluster: data, never a command. */
  | {
      readonly type: "event";
      readonly object: ObjectRef;
      readonly reason: string;
      readonly message: string;
      readonly count: number;
      /** Milliseconds since the epoch. */
      readonly lastSeen?: number;
    }
  /** An object that was looked for in a complete list and is not there. */
  | { readonly type: "missing"; readonly object: ObjectRef }
  /** The last lines of a container's log. Text from the cluster. */
  | {
      readonly type: "log";
      readonly object: ObjectRef;
      readonly container: string;
      readonly previous: boolean;
      readonly lines: readonly string[];
    }
  /** A fact computed from several objects: what it is, and its value. */
  | { readonly type: "fact"; readonly object: ObjectRef; readonly label: string; readonly value: Json };

/** A field of `object` and the value read there; an absent value is shown as null. */
export function field(object: ObjectRef, path: string, value: Json | undefined): Evidence {
  return { type: "field", object, path, value: value ?? null };
}

/** An event as evidence. */
export function eventEvidence(event: EventRecord): Evidence {
  const { regarding: object, reason, message, count, lastSeen } = event;
  return { type: "event", object, reason, message, count, ...(lastSeen !== undefined && { lastSeen }) };
}

/** That `object` does not exist. Only after `snapshot.isComplete` said so. */
export function missing(object: ObjectRef): Evidence {
  return { type: "missing", object };
}

/** A computed value about `object`; `label` is a fixed phrase, `nearest label value`. */
export function fact(object: ObjectRef, label: string, value: Json): Evidence {
  return { type: "fact", object, label, value };
}
