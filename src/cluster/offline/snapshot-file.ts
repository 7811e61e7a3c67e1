/**
 * Our own snapshot file: a `.tar.gz` with `k8sgpt-snapshot.json` (this header), `objects/<Kind>.ndjson` (one object per
 * line, as a snapshot holds it) and `logs.ndjson`. Plain enough for `tar` and `jq`, exact enough to give the same
 * findings as the cluster it was taken from.
 */
import { Fault } from "../../fault.ts";
import { type CustomRead, type CustomResource, keepCustomObject } from "../../kube/custom-resources.ts";
import { type FactRead, type Facts, parseFactRead, parseFacts } from "../../kube/facts.ts";
import { isKindName, type KindName } from "../../kube/kinds.ts";
import type { ContainerLog, KindRead, ReadState, Scope, SourceNote } from "../../kube/snapshot.ts";
import { parseTime } from "../../kube/time.ts";
import { isRecord } from "../../kube/wire.ts";

export const snapshotFormat = "k8sgpt-snapshot";
export const snapshotVersion = 1;

/** `k8sgpt-snapshot.json`. */
export interface SnapshotHeader {
  /** Milliseconds since the epoch; RFC 3339 in the file. */
  readonly takenAt: number;
  readonly cluster: { readonly name: string; readonly serverVersion?: string };
  readonly scope?: Scope;
  readonly reads: readonly KindRead[];
  readonly notes?: readonly SourceNote[];
  /** How many objects of each kind the file holds, to know when it was cut. */
  readonly counts: { readonly [K in KindName]?: number };
  /** How many objects of custom kinds the file holds; absent when it was taken without them. */
  readonly customCount?: number;
  /** Which custom kinds could not be read whole. */
  readonly customReads?: readonly CustomRead[];
  /** What the cluster told beside its objects. */
  readonly facts?: Facts;
  readonly factReads?: readonly FactRead[];
}

const states: readonly ReadState[] = ["complete", "partial", "unread", "absent"];

/**
 * Checks a header that was read; `source` is the file's name for messages.
 * @throws Fault when it is not a header, or of a newer format.
 */
export function parseSnapshotHeader(value: unknown, source: string): SnapshotHeader {
  const broken = (why: string) =>
    new Fault(`${source} is not a k8sgpt snapshot that can be read: ${why}`, {
      next: "Take it again with `k8sgpt snapshot -o FILE.tar.gz`",
    });
  if (!isRecord(value) || value["format"] !== snapshotFormat) throw broken("its header is damaged");
  const version = value["version"];
  if (typeof version !== "number") throw broken("its header has no version");
  if (version > snapshotVersion) {
    const made = typeof value["k8sgptVersion"] === "string" ? `, made by k8sgpt ${value["k8sgptVersion"]}` : "";
    throw new Fault(
      `${source} is a snapshot of format ${version}${made}; this k8sgpt reads format ${snapshotVersion}`,
      {
        next: "Read it with a newer k8sgpt",
      },
    );
  }
  const takenAt = typeof value["takenAt"] === "string" ? parseTime(value["takenAt"]) : undefined;
  if (takenAt === undefined) throw broken("its header has no capture time");
  const cluster = isRecord(value["cluster"]) ? value["cluster"] : {};
  const scope = value["scope"];
  const notes = value["notes"];
  return {
    takenAt,
    cluster: {
      name: text(cluster["name"]) ?? source,
      ...withText("serverVersion", cluster["serverVersion"]),
    },
    ...(isRecord(scope) && { scope: parseScope(scope) }),
    reads: listOf(value["reads"]).flatMap(parseRead),
    ...(Array.isArray(notes) && { notes: notes.flatMap(parseNote) }),
    counts: isRecord(value["counts"])
      ? Object.fromEntries(
          Object.entries(value["counts"]).filter(([kind, count]) => isKindName(kind) && typeof count === "number"),
        )
      : {},
    ...(typeof value["customCount"] === "number" && { customCount: value["customCount"] }),
    ...(Array.isArray(value["customReads"]) && { customReads: value["customReads"].flatMap(parseCustomRead) }),
    ...(isRecord(value["facts"]) && { facts: parseFacts(value["facts"]) }),
    ...(Array.isArray(value["factReads"]) && {
      factReads: value["factReads"].map(parseFactRead).filter((read) => read !== undefined),
    }),
  };
}

function parseScope(scope: Record<string, unknown>): Scope {
  const { include, exclude } = scope;
  return {
    ...(Array.isArray(include) && { include: include.filter((name) => typeof name === "string") }),
    ...(Array.isArray(exclude) && { exclude: exclude.filter((name) => typeof name === "string") }),
  };
}

function parseRead(value: unknown): KindRead[] {
  if (!isRecord(value)) return [];
  const { kind, state, status } = value;
  const known = states.find((name) => name === state);
  if (typeof kind !== "string" || !isKindName(kind) || known === undefined) return [];
  return [
    {
      kind,
      ...withText("namespace", value["namespace"]),
      state: known,
      ...withText("reason", value["reason"]),
      ...(typeof status === "number" && { status }),
      ...withText("next", value["next"]),
    },
  ];
}

const customStates: readonly CustomRead["state"][] = ["partial", "unread", "skipped"];

function parseCustomRead(value: unknown): CustomRead[] {
  if (!isRecord(value)) return [];
  const { resource, reason } = value;
  const state = customStates.find((name) => name === value["state"]);
  if (typeof resource !== "string" || typeof reason !== "string" || state === undefined) return [];
  return [
    { resource, ...withText("namespace", value["namespace"]), state, reason, ...withText("next", value["next"]) },
  ];
}

/** One line of `custom.ndjson`; undefined when it is none. */
export function parseSnapshotCustom(value: unknown): CustomResource | undefined {
  if (!isRecord(value)) return undefined;
  const { group, version, kind } = value;
  const object = keepCustomObject(value["object"]);
  if (typeof group !== "string" || typeof version !== "string" || typeof kind !== "string" || object === undefined) {
    return undefined;
  }
  return { group, version, kind, ...withText("plural", value["plural"]), object };
}

function parseNote(value: unknown): SourceNote[] {
  if (!isRecord(value)) return [];
  const { what, reason } = value;
  if (typeof what !== "string" || typeof reason !== "string") return [];
  return [{ what, reason, ...withText("next", value["next"]) }];
}

/** One line of `logs.ndjson`; undefined when it is none. */
export function parseSnapshotLog(value: unknown): ContainerLog | undefined {
  if (!isRecord(value)) return undefined;
  const { namespace, pod, container, previous, lines } = value;
  if (typeof namespace !== "string" || typeof pod !== "string" || typeof container !== "string") return undefined;
  return {
    namespace,
    pod,
    container,
    previous: previous === true,
    lines: listOf(lines).filter((line) => typeof line === "string"),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** `{ [key]: value }` when the value is text, else nothing. */
function withText<Key extends string>(key: Key, value: unknown): { [K in Key]?: string } {
  const result: { [K in Key]?: string } = {};
  if (typeof value === "string") result[key] = value;
  return result;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
