/**
 * Takes the files of a dump one by one, in whatever order they come, and keeps what a snapshot needs: objects cut down
 * by `keepObject`, which lists were whole, where logs are, and what could not be read. Nothing is judged here;
 * `reads.ts` does that when all files were seen.
 */
import { Fault, messageOf } from "../../fault.ts";
import { type CustomResource, customOrder, isKnownKind, keepCustomObject } from "../../kube/custom-resources.ts";
import { keepObject, type KeepOptions } from "../../kube/keep.ts";
import { isKindName, type KindName, kindDefinition, type KubeObject } from "../../kube/kinds.ts";
import { isRecordKind } from "../../kube/messages/conditions.ts";
import type { SourceNote } from "../../kube/snapshot.ts";
import { parseTime } from "../../kube/time.ts";
import { type Budget, type Chunks, contentOf, errorCode, formatBytes, peek, whole } from "./bytes.ts";
import { JsonError, readJson } from "./json-stream.ts";
import { type Layout, layoutOf, type Place, placeOf } from "./layout.ts";
import { endOfSection, readSections, type SavedLog, sectionReader, tailOf } from "./logs.ts";
import { parseSnapshotCustom, parseSnapshotHeader, parseSnapshotLog, type SnapshotHeader } from "./snapshot-file.ts";
import { parseYaml, yamlDocuments } from "./yaml.ts";
import { isRecord } from "../../kube/wire.ts";

/** One file of a dump. */
export interface SavedFile {
  /** Inside the dump, with `/`. */
  readonly path: string;
  readonly chunks: Chunks;
  /** Where it lies when the dump is a folder. */
  readonly disk?: string;
  /** The user named this very file: it must be a manifest. */
  readonly named: boolean;
  /** Asked when `chunks` have ended: whether the archive ended inside the file. */
  readonly isCut?: () => boolean;
}

/** A list that was read. */
export interface ListSeen {
  /** `PodList`, or `List`. */
  readonly listKind: string;
  /** The kinds and namespaces of its items; `""` for cluster-scoped ones. */
  readonly kinds: ReadonlyMap<KindName, ReadonlySet<string>>;
  /** Why it is not the whole list. */
  readonly cut?: string;
}

/** What one file held. */
export interface FileSeen {
  readonly path: string;
  readonly place: Place | undefined;
  readonly lists: readonly ListSeen[];
  /** Kinds of objects that stood alone. */
  readonly lone: ReadonlySet<KindName>;
  /** Why some of it could not be read. */
  readonly broken?: string;
}

/** Why a kind is not here: from the dump's own record. */
export interface Failure {
  readonly kind: KindName;
  /** Absent: everywhere. */
  readonly namespace?: string;
  readonly reason: string;
}

/** All that was read of one dump. */
export interface Collection {
  readonly budget: Budget;
  readonly keeping: KeepOptions;
  readonly objects: Map<KindName, Map<string, KubeObject>>;
  readonly files: FileSeen[];
  readonly failures: Failure[];
  readonly notes: SourceNote[];
  /** Objects of kinds that k8sgpt does not read, counted. */
  readonly unknown: Map<string, number>;
  /** Objects of custom kinds, by group, kind, namespace and name. */
  readonly custom: Map<string, CustomResource>;
  /** By `logKey`. */
  readonly logs: Map<string, SavedLog>;
  /** Times found in objects are taken for clock errors when they lie after this. */
  readonly latest: number;
  newest: number | undefined;
  captured: number | undefined;
  serverVersion: string | undefined;
  header: SnapshotHeader | undefined;
  /** The archive ended early: later files are not known. */
  cut: boolean;
}

const dayMs = 86_400_000;

export function createCollection(budget: Budget, now: number, { readTls = false }: KeepOptions = {}): Collection {
  return {
    budget,
    keeping: { readTls },
    objects: new Map(),
    files: [],
    failures: [],
    notes: [],
    unknown: new Map(),
    custom: new Map(),
    logs: new Map(),
    latest: now + dayMs,
    newest: undefined,
    captured: undefined,
    serverVersion: undefined,
    header: undefined,
    cut: false,
  };
}

/** The layout of what was read. */
export function layoutOfFiles(collection: Collection): Layout {
  return layoutOf(collection.files.map(({ path }) => path));
}

/** Where a log is kept. Without `container`: all containers of the Pod. */
export function logKey(namespace: string, pod: string, container?: string, previous = false): string {
  const of = `${namespace}/${pod}`;
  return container === undefined ? of : `${of}/${container}${previous ? "/previous" : ""}`;
}

const cutShort = "the archive ends in the middle of this file";

/** Files up to this size are held whole, so that a mistake can be given its line. */
const smallFile = 16 * 1024 * 1024;

/**
 * Reads one file. What is wrong with it becomes a note; only a broken limit of the whole dump is thrown.
 * @throws Fault
 */
export async function addFile(collection: Collection, file: SavedFile): Promise<void> {
  const place = placeOf(file.path);
  try {
    await readPlace(collection, file, place);
  } catch (error) {
    if (error instanceof Fault) throw error;
    addBroken(collection, file, place, unreadable(error));
  }
}

async function readPlace(collection: Collection, file: SavedFile, place: Place | undefined): Promise<void> {
  switch (place?.type) {
    case "nothing":
      collection.files.push({ path: file.path, place, lists: [], lone: new Set() });
      return;
    case "log": {
      const stamped = place.layout === "must-gather";
      const key = logKey(place.namespace ?? "", place.pod, place.container, place.previous);
      const kept: SavedLog =
        file.disk === undefined
          ? { lines: await tailOf(file.chunks, stamped) }
          : { file: file.disk, sections: false, stamped };
      collection.logs.set(key, kept);
      return;
    }
    case "log-sections":
      if (file.disk !== undefined) {
        collection.logs.set(logKey(place.namespace, place.pod), { file: file.disk, sections: true, stamped: false });
      } else {
        await readSections(file.chunks, ({ namespace, pod, container }, lines) => {
          collection.logs.set(logKey(namespace, pod, container), { lines });
        });
      }
      return;
    case "capture-time": {
      const text = await smallText(file);
      for (const match of text.matchAll(/^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?) ?([+-]\d{4}|Z)/gm)) {
        const [, day = "", time = "", zone = "Z"] = match;
        const at = parseTime(
          `${day}T${time.slice(0, 12)}${zone === "Z" ? "Z" : `${zone.slice(0, 3)}:${zone.slice(3)}`}`,
        );
        if (at !== undefined) collection.captured = Math.max(collection.captured ?? 0, at);
      }
      return;
    }
    case "server-version": {
      const version: unknown = parseOr(await smallText(file), undefined);
      const info = isRecord(version) && isRecord(version["info"]) ? version["info"]["gitVersion"] : undefined;
      if (typeof info === "string" && info !== "") collection.serverVersion = info;
      return;
    }
    case "errors":
      addFailures(collection, place.kind, parseOr(await smallText(file), null));
      collection.files.push({ path: file.path, place, lists: [], lone: new Set() });
      return;
    case "snapshot-header":
      collection.header = parseSnapshotHeader(parseOr(await smallText(file), undefined), collection.budget.source);
      collection.files.push({ path: file.path, place, lists: [], lone: new Set() });
      return;
    case "snapshot-logs":
      await readJson(
        file.chunks,
        {
          list: () => undefined,
          item: () => undefined,
          text: () => undefined,
          value: (value) => {
            const log = parseSnapshotLog(value);
            if (log !== undefined) {
              collection.logs.set(logKey(log.namespace, log.pod, log.container, log.previous), { lines: log.lines });
            }
          },
        },
        { valueBytes: collection.budget.limits.valueBytes },
      );
      return;
    case "snapshot-custom":
      await readJson(
        file.chunks,
        {
          list: () => undefined,
          item: () => undefined,
          text: () => undefined,
          value: (value) => {
            const entry = parseSnapshotCustom(value);
            if (entry !== undefined) collection.custom.set(customOrder(entry), entry);
          },
        },
        { valueBytes: collection.budget.limits.valueBytes },
      );
      return;
    case "objects":
    case "snapshot-objects":
    case undefined:
      await readObjects(collection, file, place);
      return;
  }
}

async function readObjects(collection: Collection, file: SavedFile, place: Place | undefined): Promise<void> {
  const { head, all } = await peek(file.chunks, 4096);
  const content = contentOf(head);
  const named = file.named || place !== undefined || /\.(?:json|ya?ml)$/i.test(file.path);
  if (content === "empty") {
    // A collector that failed leaves an empty file: that is no list.
    return;
  }
  if (content === "gzip" || content === "tar" || content === "zip" || content === "binary") return;
  if (!named && !looksLikeManifest(head)) return;
  const reader = objectReader(collection, place);
  const { buffer, all: chunks } = await whole(all, smallFile);
  let broken: string | undefined;
  if (content === "json" && buffer === undefined) {
    broken = await jsonFile(collection, chunks, undefined, reader);
  } else if (content === "json" && buffer !== undefined) {
    broken = await jsonFile(collection, chunks, buffer, reader);
    // YAML in flow style also begins with a brace.
    if (broken !== undefined && reader.isEmpty() && !/\.json$/i.test(file.path)) {
      const asYaml = yamlText(collection, buffer.toString("utf8"), reader);
      if (asYaml === undefined) broken = undefined;
    }
  } else {
    // Half of a YAML document may look like a whole one.
    if (file.isCut?.() === true) throw new Error(cutShort);
    const { buffer: bytes } =
      buffer === undefined ? await whole(chunks, collection.budget.limits.valueBytes) : { buffer };
    broken =
      bytes === undefined
        ? `it is larger than ${formatBytes(collection.budget.limits.valueBytes)}, too large for YAML; save it as JSON`
        : content === "utf16"
          ? await utf16File(collection, bytes, reader)
          : yamlText(collection, bytes.toString("utf8").replace(/^\uFEFF/, ""), reader);
  }
  const { lists, lone } = reader.seen();
  const wasCut = file.isCut?.() === true;
  if (wasCut) broken = cutShort;
  const seen = { lists: wasCut ? lists.map((list) => ({ ...list, cut: list.cut ?? cutShort })) : lists, lone };
  collection.files.push({ path: file.path, place, ...seen, ...(broken !== undefined && { broken }) });
  if (broken !== undefined) note(collection, file.path, broken);
  for (const list of seen.lists)
    if (list.cut !== undefined && broken === undefined) note(collection, file.path, list.cut);
}

async function jsonFile(
  collection: Collection,
  chunks: Chunks,
  buffer: Buffer | undefined,
  reader: ObjectReader,
): Promise<string | undefined> {
  const sections = sectionReader(({ namespace, pod, container }, lines) => {
    collection.logs.set(logKey(namespace, pod, container), { lines });
  });
  try {
    await readJson(
      chunks,
      { list: reader.list, item: reader.item, value: reader.value, text: sections.line },
      { valueBytes: collection.budget.limits.valueBytes, log: endOfSection },
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    reader.broken();
    const line = buffer === undefined ? undefined : 1 + count(buffer.subarray(0, error.offset), 0x0a);
    return line === undefined ? `not JSON at byte ${error.offset}: ${error.message}` : `line ${line}: ${error.message}`;
  } finally {
    sections.end();
  }
}

function utf16File(
  collection: Collection,
  bytes: Buffer,
  reader: ObjectReader,
): Promise<string | undefined> | string | undefined {
  const text = new TextDecoder(bytes[0] === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
  if (!/^\s*[{[]/.test(text)) return yamlText(collection, text, reader);
  const buffer = Buffer.from(text);
  return jsonFile(collection, once(buffer), buffer, reader);
}

/** Reads YAML documents; gives the first problem. */
function yamlText(collection: Collection, text: string, reader: ObjectReader): string | undefined {
  const sections = sectionReader(({ namespace, pod, container }, lines) => {
    collection.logs.set(logKey(namespace, pod, container), { lines });
  });
  let first: string | undefined;
  for (const document of yamlDocuments(text, sections.line, endOfSection)) {
    const result = parseYaml(document);
    if ("problem" in result) {
      const { line, reason } = result.problem;
      first ??= line === undefined ? reason : `line ${line}: ${reason}`;
    } else {
      reader.document(result.value);
    }
  }
  sections.end();
  return first;
}

interface ObjectReader {
  /** A list begins. */
  readonly list: (head: unknown) => void;
  readonly item: (value: unknown) => void;
  readonly value: (value: unknown, list: boolean, cut: boolean) => void;
  /** A whole document: an object, a list, or an array. */
  readonly document: (value: unknown) => void;
  /** The file broke off: a list that is open is not whole. */
  readonly broken: () => void;
  readonly isEmpty: () => boolean;
  readonly seen: () => { lists: readonly ListSeen[]; lone: ReadonlySet<KindName> };
}

/** Turns values into objects of the collection, and remembers which lists they came in. */
function objectReader(collection: Collection, place: Place | undefined): ObjectReader {
  const placeKind = place?.type === "objects" || place?.type === "snapshot-objects" ? place.kind : undefined;
  // A manifest without a namespace goes to `default`, as `kubectl apply` would put it; a snapshot says what it says.
  const defaultNamespace = place?.type === "snapshot-objects" ? undefined : "default";
  const lists: ListSeen[] = [];
  const lone = new Set<KindName>();
  let open: { kinds: Map<KindName, Set<string>>; itemKind: string | undefined; version: unknown } | undefined;
  /** Items whose kind is not known until the list's own kind is, which may stand behind them. */
  let waiting: unknown[] = [];

  const keep = (value: unknown, kind: string | undefined, version: unknown) => {
    const kept = addObject(collection, value, kind ?? placeKind, version, defaultNamespace);
    if (kept === undefined) return;
    if (open === undefined) lone.add(kept.kind);
    else {
      const namespaces = open.kinds.get(kept.kind);
      if (namespaces === undefined) open.kinds.set(kept.kind, new Set([kept.namespace]));
      else namespaces.add(kept.namespace);
    }
  };
  const reader: ObjectReader = {
    list(head) {
      open = { kinds: new Map(), itemKind: itemKindOf(head), version: isRecord(head) ? head["apiVersion"] : undefined };
    },
    item(value) {
      if (isRecord(value) && typeof value["kind"] === "string") keep(value, value["kind"], value["apiVersion"]);
      else if (open?.itemKind !== undefined || placeKind !== undefined) keep(value, open?.itemKind, open?.version);
      else waiting.push(value);
    },
    value(value, list, cut) {
      if (!list) {
        reader.document(value);
        return;
      }
      const itemKind = itemKindOf(value);
      const version = isRecord(value) ? value["apiVersion"] : undefined;
      for (const item of waiting) keep(item, itemKind, version);
      waiting = [];
      closeList(value, cut);
    },
    document(value) {
      const items = isRecord(value) && "items" in value && isListKind(value["kind"]) ? (value["items"] ?? []) : value;
      if (Array.isArray(items)) {
        reader.list(value);
        for (const item of items) reader.item(item);
        reader.value(value, true, false);
      } else if (isRecord(value)) {
        keep(value, typeof value["kind"] === "string" ? value["kind"] : undefined, value["apiVersion"]);
      } else if (value === null && placeKind !== undefined) {
        // What Go writes for a list without items.
        reader.list({});
        closeList({}, false);
      }
    },
    broken() {
      if (open !== undefined) closeList({}, true);
    },
    isEmpty: () => lists.length === 0 && lone.size === 0,
    seen: () => ({ lists, lone }),
  };
  const closeList = (value: unknown, cut: boolean) => {
    const metadata = isRecord(value) && isRecord(value["metadata"]) ? value["metadata"] : {};
    const more = typeof metadata["continue"] === "string" && metadata["continue"] !== "";
    const listKind = isRecord(value) && typeof value["kind"] === "string" ? value["kind"] : "";
    // A list without items still tells its kind.
    const empty = itemKindOf(value) ?? placeKind;
    const kinds = open?.kinds ?? new Map<KindName, Set<string>>();
    if (empty !== undefined && isKindName(empty) && !kinds.has(empty)) kinds.set(empty, new Set());
    const why = cut
      ? "the file ends in the middle of the list"
      : more
        ? "the list is one page of a longer one"
        : undefined;
    lists.push({ listKind, kinds, ...(why !== undefined && { cut: why }) });
    open = undefined;
  };
  return reader;
}

function isListKind(kind: unknown): boolean {
  return typeof kind === "string" && kind.endsWith("List");
}

/** `Pod` for a `PodList`; undefined for a `List` of anything. */
function itemKindOf(list: unknown): string | undefined {
  const kind = isRecord(list) ? list["kind"] : undefined;
  return typeof kind === "string" && kind.endsWith("List") && kind !== "List"
    ? kind.slice(0, -"List".length)
    : undefined;
}

/** API groups whose objects of some kinds are the same as in the group where they live now. */
const formerGroups: ReadonlySet<string> = new Set(["extensions"]);

/** Puts one object into the collection. */
function addObject(
  collection: Collection,
  raw: unknown,
  kind: string | undefined,
  version: unknown,
  namespace: string | undefined,
): { kind: KindName; namespace: string } | undefined {
  if (!isRecord(raw) || kind === undefined) return undefined;
  const apiVersion = typeof raw["apiVersion"] === "string" ? raw["apiVersion"] : version;
  const group = typeof apiVersion !== "string" ? undefined : apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  const source = kind === "Event" && group === "events.k8s.io" ? coreEvent(raw) : raw;
  // The beta forms of Ingress name their backends in other fields.
  const former = kind === "Ingress" && typeof apiVersion === "string" && apiVersion.endsWith("/v1beta1");
  if (!isKindName(kind) || former || (source === raw && !isGroupOf(kind, group))) {
    const name = typeof apiVersion === "string" && apiVersion !== "v1" ? `${kind} (${apiVersion})` : kind;
    collection.unknown.set(name, (collection.unknown.get(name) ?? 0) + 1);
    addCustom(collection, raw, kind, apiVersion);
    return undefined;
  }
  const { namespaced } = kindDefinition(kind);
  const object = keepObject(kind, namespaced ? withNamespace(source, namespace) : source, collection.keeping);
  if (object === undefined) return undefined;
  const of = namespaced ? (object.metadata?.namespace ?? "default") : "";
  const key = `${of}/${object.metadata?.name ?? ""}`;
  const known = collection.objects.get(kind);
  if (known === undefined) collection.objects.set(kind, new Map([[key, object]]));
  else known.set(key, object);
  noteTimes(collection, object);
  return { kind, namespace: of };
}

/** Keeps an object of a custom kind: one of a group with a domain, with a status that a controller wrote. */
function addCustom(collection: Collection, raw: Record<string, unknown>, kind: string, apiVersion: unknown): void {
  const [, group = "", version = ""] =
    /^([^/]+\.[^/]+)\/([^/]+)$/.exec(typeof apiVersion === "string" ? apiVersion : "") ?? [];
  // Built-in groups end like this; a custom group may only do so with the approval of the API's owners.
  if (group === "" || /^[a-z]+\.k8s\.io$/.test(group) || !isRecord(raw["status"])) return;
  if (isKnownKind(kind, group) || isRecordKind(group, kind)) return;
  const object = keepCustomObject(raw);
  if (object === undefined) return;
  const entry = { group, version, kind, object };
  collection.custom.set(customOrder(entry), entry);
}

function isGroupOf(kind: KindName, group: string | undefined): boolean {
  return group === undefined || group === kindDefinition(kind).group || formerGroups.has(group);
}

/** `raw` with `namespace` where it has none. */
function withNamespace(raw: Record<string, unknown>, namespace: string | undefined): unknown {
  const metadata = raw["metadata"];
  if (namespace === undefined || !isRecord(metadata)) return raw;
  if (typeof metadata["namespace"] === "string" && metadata["namespace"] !== "") return raw;
  return { ...raw, metadata: { ...metadata, namespace } };
}

/** An event of events.k8s.io/v1 in the fields of core/v1: the same object under other names. */
function coreEvent(raw: Record<string, unknown>): Record<string, unknown> {
  const { regarding, note: message, deprecatedCount, deprecatedFirstTimestamp, deprecatedLastTimestamp, ...rest } = raw;
  const { reportingController, deprecatedSource, ...kept } = rest;
  return {
    ...kept,
    involvedObject: regarding,
    message,
    count: deprecatedCount,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    reportingComponent: reportingController,
    source: deprecatedSource,
  };
}

/** Looks for the newest time at which the cluster wrote something: the dump is not older than that. */
function noteTimes(collection: Collection, object: KubeObject): void {
  const { status, spec, series }: { readonly [key: string]: unknown } = { ...object };
  const see = (text: unknown) => {
    if (typeof text !== "string") return;
    const time = parseTime(text);
    if (time !== undefined && time <= collection.latest && time > (collection.newest ?? 0)) collection.newest = time;
  };
  see(object.metadata?.creationTimestamp);
  const open: unknown[] = [status, series];
  if (isRecord(spec)) see(spec["renewTime"]);
  // Events have their times at the top.
  for (const [key, value] of Object.entries(object)) if (isTimeKey(key)) see(value);
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== "object" || next === null) continue;
    for (const [key, value] of Object.entries(next)) {
      if (typeof value === "object") open.push(value);
      else if (isTimeKey(key)) see(value);
    }
  }
}

function isTimeKey(key: string): boolean {
  return key.endsWith("Time") || key.endsWith("Timestamp") || key === "startedAt" || key === "finishedAt";
}

/** A support bundle's errors: by namespace, or a list of sentences. */
function addFailures(collection: Collection, kind: KindName, errors: unknown): void {
  if (Array.isArray(errors)) {
    const reason = errors.filter((error) => typeof error === "string").join("; ");
    if (reason !== "") collection.failures.push({ kind, reason });
  } else if (isRecord(errors)) {
    for (const [namespace, reason] of Object.entries(errors)) {
      if (typeof reason === "string" && reason !== "") collection.failures.push({ kind, namespace, reason });
    }
  }
}

function addBroken(collection: Collection, file: SavedFile, place: Place | undefined, reason: string): void {
  collection.files.push({ path: file.path, place, lists: [], lone: new Set(), broken: reason });
  note(collection, file.path, reason);
}

/** Remembers a part of the dump that could not be read. */
export function note(collection: Collection, what: string, reason: string, next?: string): void {
  collection.notes.push({ what, reason, ...(next !== undefined && { next }) });
}

/** Why a file cannot be read, in words. */
export function unreadable(error: unknown): string {
  const code = errorCode(error);
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "ENOENT") return "it is gone";
  if (code === "EISDIR") return "it is a folder";
  return messageOf(error);
}

/** The text of a file that is small by nature; more than a mebibyte is not read. */
async function smallText(file: SavedFile): Promise<string> {
  const { head } = await peek(file.chunks, 1024 * 1024);
  return head.toString("utf8").replace(/^\uFEFF/, "");
}

function parseOr(text: string, otherwise: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
}

function looksLikeManifest(head: Buffer): boolean {
  const text = head.toString("latin1").replaceAll("\u0000", "");
  return /\bapiVersion"?\s*:/.test(text) && /\bkind"?\s*:/.test(text);
}

function count(bytes: Buffer, byte: number): number {
  let found = 0;
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) found += 1;
  return found;
}

async function* once(buffer: Uint8Array): AsyncGenerator<Uint8Array> {
  yield buffer;
}
