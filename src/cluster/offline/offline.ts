/** A saved dump as a cluster: everything is read once when it is opened; questions are then answered from memory. */
import { createReadStream } from "node:fs";
import { basename, resolve } from "node:path";
import { Fault } from "../../fault.ts";
import type { CustomRead, CustomResource } from "../../kube/custom-resources.ts";
import type { FactName } from "../../kube/facts.ts";
import { kindDefinition, type KindName, type KubeObject } from "../../kube/kinds.ts";
import type { ClusterInfo, ContainerLog, KindRead, Scope, SnapshotInput } from "../../kube/snapshot.ts";
import type { ClusterSource, LogRequest, ReadRequest } from "../source.ts";
import { type Budget, type Chunks, counted, defaultLimits, type Limits } from "./bytes.ts";
import { type Collection, createCollection, layoutOfFiles, logKey } from "./collect.ts";
import { notADump, readFolder, readStream, statOrFault } from "./files.ts";
import { readSections, type SavedLog, tailOfFile } from "./logs.ts";
import { isInScope, readsOf } from "./reads.ts";

export interface OpenOptions {
  /** For the path `-`. */
  readonly stdin?: Chunks;
  /** Milliseconds since the epoch: the capture time of a dump that tells none. */
  readonly now: number;
  readonly limits?: Partial<Limits>;
  /** Read the certificates of TLS Secrets too, and nothing else of their values. */
  readonly readTls?: boolean;
}

/**
 * Opens a dump: a file, a folder, or `-` for standard input; what it is, is told by content.
 * @throws Fault when there is none, when it is no dump, or when it is too large
 */
export async function openSaved(path: string, options: OpenOptions): Promise<ClusterSource> {
  const name = path === "-" ? "standard input" : path;
  const budget: Budget = { limits: { ...defaultLimits, ...options.limits }, source: name, bytes: 0, files: 0 };
  const collection = createCollection(budget, options.now, options);
  if (path === "-") {
    if (options.stdin === undefined)
      throw new Fault("Standard input is not open", { usage: true, next: "Pass --from a file" });
    await readStream(collection, counted(options.stdin, budget), name);
  } else if ((await statOrFault(path)) === "folder") {
    await readFolder(collection, path);
  } else {
    await readFile(collection, path);
  }
  if (collection.header === undefined && [...collection.objects.values()].every(({ size }) => size === 0)) {
    throw notADump(collection, name);
  }
  return sourceOf(collection, path === "-" ? "stdin" : basename(resolve(path)), options.now);
}

async function readFile(collection: Collection, path: string): Promise<void> {
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 });
  try {
    await readStream(collection, counted(stream, collection.budget), path);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    stream.destroy();
  }
}

function sourceOf(collection: Collection, name: string, now: number): ClusterSource {
  const { header, notes } = collection;
  const serverVersion = header?.cluster.serverVersion ?? collection.serverVersion;
  const info: ClusterInfo = {
    name: header?.cluster.name ?? name,
    source: "saved",
    ...(serverVersion !== undefined && { serverVersion }),
  };
  const takenAt = header?.takenAt ?? captureTime(collection, name) ?? now;

  return {
    info,
    read: async ({
      kinds,
      scope,
      customResources,
      facts = [],
      signal,
      onProgress,
    }: ReadRequest): Promise<SnapshotInput> => {
      const narrowed = isNarrowed(scope);
      const asked = narrowed ? scope : (header?.scope ?? scope);
      const objects = new Map<KindName, readonly KubeObject[]>();
      let done = 0;
      for (const kind of kinds) {
        if (signal.aborted) break;
        const found = objectsOf(collection, kind, scope);
        // Kinds without objects are left out, as a reader that found none would.
        if (found.length > 0) objects.set(kind, found);
        done += 1;
        onProgress?.({ kind, objects: found.length, done: true, kindsDone: done, kindsTotal: kinds.length });
      }
      const logs = header === undefined ? [] : savedLogs(collection, scope);
      const allNotes = [...(header?.notes ?? []), ...notes];
      return {
        takenAt,
        cluster: info,
        ...(isNarrowed(asked) && { scope: asked }),
        objects: Object.fromEntries(objects),
        reads: [...readsOf(collection, kinds.slice(0, done), scope), ...kinds.slice(done).map(interrupted)],
        ...(logs.length > 0 && { logs }),
        ...(allNotes.length > 0 && { notes: allNotes }),
        ...(customResources === true && customOf(collection, scope)),
        ...factsOf(collection, facts),
      };
    },
    log: async (request) => (await logOf(collection, request))?.slice(-request.tailLines),
    hasNamespace: async (namespace) => holdsNamespace(collection, namespace),
    close: async () => undefined,
  };
}

/** The objects of custom kinds, and what is not known of the others. */
function customOf(
  { custom, header }: Collection,
  scope: Scope,
): Required<Pick<SnapshotInput, "customResources" | "customReads">> {
  const isWanted = ({ object: { metadata } }: CustomResource): boolean =>
    metadata?.namespace === undefined || isInScope(scope, metadata.namespace);
  return { customResources: [...custom.values()].filter(isWanted), customReads: customReadsOf(custom.size, header) };
}

function customReadsOf(held: number, header: Collection["header"]): readonly CustomRead[] {
  const resource = "custom resources";
  // No tool but our own says which kinds it left out.
  if (header === undefined) {
    return held === 0
      ? [{ resource, state: "unread", reason: "the dump does not hold them" }]
      : [{ resource, state: "partial", reason: "only those that the dump holds are known" }];
  }
  const { customCount, customReads = [] } = header;
  if (customCount === undefined) return [{ resource, state: "unread", reason: "the snapshot was taken without them" }];
  if (held >= customCount) return customReads;
  const reason = `the snapshot is damaged: ${held} of ${customCount} are left`;
  return [...customReads, { resource, state: held === 0 ? "unread" : "partial", reason }];
}

/** The facts that a snapshot of ours was saved with; other dumps hold none. */
function factsOf({ header }: Collection, wanted: readonly FactName[]): Pick<SnapshotInput, "facts" | "factReads"> {
  const held = wanted.flatMap((name) => (header?.facts?.[name] === undefined ? [] : [[name, header.facts[name]]]));
  const factReads = (header?.factReads ?? []).filter(({ fact }) => wanted.includes(fact));
  return {
    ...(held.length > 0 && { facts: Object.fromEntries(held) }),
    ...(factReads.length > 0 && { factReads }),
  };
}

function interrupted(kind: KindName): KindRead {
  return { kind, state: "unread", reason: "the read was interrupted" };
}

function isNarrowed(scope: Scope): boolean {
  return scope.include !== undefined || scope.exclude !== undefined;
}

function objectsOf(collection: Collection, kind: KindName, scope: Scope): readonly KubeObject[] {
  const all = [...(collection.objects.get(kind)?.values() ?? [])];
  if (!kindDefinition(kind).namespaced || !isNarrowed(scope)) return all;
  return all.filter(({ metadata }) => isInScope(scope, metadata?.namespace ?? "default"));
}

/** When the dump was taken: what it says itself, else the newest time that the cluster wrote into an object. */
function captureTime(collection: Collection, name: string): number | undefined {
  const { captured, newest } = collection;
  if (captured !== undefined) return captured;
  if (layoutOfFiles(collection) !== "support-bundle") return newest;
  // A bundle's name has the time of the clock on the wall where it was taken, without its zone. Zones differ by quarters
  // of an hour, and the bundle is not older than its newest object.
  const paths = [name, ...collection.files.slice(0, 1).map(({ path }) => path)].join("\n");
  const [, day, hour, minute, second] = /(\d{4}-\d\d-\d\d)T(\d\d)_(\d\d)_(\d\d)/.exec(paths) ?? [];
  if (newest === undefined || day === undefined) return newest;
  const quarter = 15 * 60_000;
  const named = Date.parse(`${day}T${hour}:${minute}:${second}Z`);
  if (Math.abs(named - newest) > 24 * 4 * quarter) return newest;
  return named + Math.ceil((newest - named) / quarter) * quarter;
}

function savedLogs(collection: Collection, scope: Scope): readonly ContainerLog[] {
  const logs: ContainerLog[] = [];
  for (const [key, log] of collection.logs) {
    const [namespace = "", pod = "", container = "", previous] = key.split("/");
    if (!("lines" in log) || !isInScope(scope, namespace)) continue;
    logs.push({ namespace, pod, container, previous: previous !== undefined, lines: log.lines });
  }
  return logs;
}

async function logOf(collection: Collection, request: LogRequest): Promise<readonly string[] | undefined> {
  const { namespace, pod, container, previous } = request;
  const own = collection.logs.get(logKey(namespace, pod, container, previous));
  // The file of a Pod's current logs; nothing of the run before it.
  const shared = previous ? undefined : collection.logs.get(logKey(namespace, pod));
  const log = own ?? shared;
  if (log === undefined) return undefined;
  try {
    const lines = await linesOf(log, container);
    return lines === undefined || lines.length === 0 ? undefined : lines;
  } catch {
    // The file went away after the dump was opened: there is no log to be had.
    return undefined;
  }
}

async function linesOf(log: SavedLog, container: string): Promise<readonly string[] | undefined> {
  if ("lines" in log) return log.lines;
  if (!log.sections) return tailOfFile(log.file, log.stamped);
  let found: readonly string[] | undefined;
  await readSections(createReadStream(log.file), (section, lines) => {
    if (section.container === container) found = lines;
  });
  return found;
}

function holdsNamespace(collection: Collection, namespace: string): boolean {
  if (collection.objects.get("Namespace")?.has(`/${namespace}`) === true) return true;
  for (const objects of collection.objects.values()) {
    for (const { metadata } of objects.values()) if (metadata?.namespace === namespace) return true;
  }
  return collection.files.some(({ place }) => place?.type === "objects" && place.namespace === namespace);
}
