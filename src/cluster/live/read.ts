/**
 * Reads the kinds of a request: each once, the large ones first. Where the user may not list a kind in the whole
 * cluster, the namespaces are tried that were asked for or that may be read, and the coverage says so.
 */
import { kindDefinition, type KindName, type KubeObject } from "../../kube/kinds.ts";
import { compareText } from "../../kube/object-ref.ts";
import type { KindRead, Scope, SnapshotInput } from "../../kube/snapshot.ts";
import type { ReadRequest } from "../source.ts";
import type { Door } from "./door.ts";
import { type CodecChoice, listKind, type ListResult } from "./list.ts";

/** The kinds with the most bytes, in the order in which they start. */
const largeFirst: readonly KindName[] = ["Pod", "Event", "ReplicaSet", "EndpointSlice"];

/** How many namespaces are tried for what may be read in them. */
const maxNamespaces = 200;

export interface ReadContext {
  readonly door: Door;
  readonly codec: CodecChoice;
  /** The context's own namespace. */
  readonly namespace: string;
}

type Results = readonly ListResult<KindName>[];

/** The namespaces in which something may be read, found out by listing one kind in each. */
interface ReadableNamespaces {
  readonly kind: KindName;
  /** What was found on the way: there is no need to ask again. */
  readonly results: ReadonlyMap<string, ListResult<KindName>>;
  readonly readable: readonly string[];
  /** What to say of the namespaces that were not tried. */
  readonly limit: string;
}

/** Never throws. Objects and reads are in no particular order. */
export async function readKinds(
  { door, codec, namespace: ownNamespace }: ReadContext,
  { kinds, scope, signal, onProgress }: ReadRequest,
): Promise<Pick<SnapshotInput, "objects" | "reads">> {
  const order = [...new Set(kinds)].sort((a, b) => weight(a) - weight(b));
  const counts = new Map<KindName, number>();
  let kindsDone = 0;
  const told = (kind: KindName, done: boolean): void => {
    onProgress?.({ kind, objects: counts.get(kind) ?? 0, done, kindsDone, kindsTotal: order.length });
  };
  const list = (kind: KindName, namespace?: string): Promise<ListResult<KindName>> =>
    listKind(door, codec, {
      kind,
      namespace,
      signal,
      onObjects: (count) => {
        counts.set(kind, (counts.get(kind) ?? 0) + count);
        told(kind, false);
      },
    });

  /** All namespaces that may be seen; undefined when they may not. */
  const namespaces = async (): Promise<readonly string[] | undefined> => {
    const asked = started.get("Namespace");
    const { objects, read } =
      asked === undefined
        ? await listKind(door, codec, { kind: "Namespace", isMetadataOnly: true, signal })
        : joined(await asked, "Namespace");
    if (read.state !== "complete") return undefined;
    return objects.map((object) => object.metadata?.name ?? "").sort(compareText);
  };

  let found: Promise<ReadableNamespaces> | undefined;
  const findReadable = async (kind: KindName): Promise<ReadableNamespaces> => {
    const all = (await namespaces()) ?? [];
    const candidates = [...new Set([ownNamespace, ...all])].filter((name) => isWanted(scope, name));
    const tried = candidates.slice(0, maxNamespaces);
    const results = new Map<string, ListResult<KindName>>();
    await Promise.all(tried.map(async (name) => results.set(name, await list(kind, name))));
    const readable = tried.filter((name) => {
      const state = results.get(name)?.read.state;
      return state === "complete" || state === "partial";
    });
    const limit =
      candidates.length > tried.length
        ? `; only the first ${tried.length} of ${candidates.length} namespaces were tried`
        : "";
    return { kind, results, readable, limit };
  };

  /** What is left of a kind that may not be listed in the whole cluster. */
  const fallBack = async (wide: ListResult<KindName>): Promise<Results> => {
    const { kind } = wide.read;
    found ??= findReadable(kind);
    const { kind: probedKind, results, readable, limit } = await found;
    const perNamespace =
      probedKind === kind
        ? [...results.values()]
        : await Promise.all(
            [...new Set([...readable, ...(isWanted(scope, ownNamespace) ? [ownNamespace] : [])])].map((name) =>
              list(kind, name),
            ),
          );
    const seen = perNamespace
      .filter(({ read }) => read.state === "complete")
      .map(({ read }) => read.namespace ?? "")
      .sort(compareText);
    const where = seen.length === 0 ? "" : `; read only in ${namesOf(seen)}`;
    // One line for the refusal in the whole cluster says what one per refused namespace would.
    const told = perNamespace.filter(({ read }) => read.status !== 403);
    return [
      { objects: [], read: { ...wide.read, reason: `${wide.read.reason ?? "forbidden"}${where}${limit}` } },
      ...told,
    ];
  };

  const readKind = async (kind: KindName): Promise<Results> => {
    if (kindDefinition(kind).namespaced && scope.include !== undefined) {
      const wanted = [...new Set(scope.include)].filter((name) => isWanted(scope, name));
      return Promise.all(wanted.map((name) => list(kind, name)));
    }
    const wide = await list(kind);
    return kindDefinition(kind).namespaced && wide.read.status === 403 && wide.read.state === "unread"
      ? fallBack(wide)
      : [wide];
  };

  const started = new Map<KindName, Promise<Results>>();
  for (const kind of order) {
    const reading = readKind(kind).then((results) => {
      kindsDone += 1;
      told(kind, true);
      return results;
    });
    started.set(kind, reading);
  }

  const objects: ObjectsByKind = {};
  const reads: KindRead[] = [];
  for (const [kind, reading] of started) {
    const results = await reading;
    reads.push(...results.map(({ read }) => read));
    const kept = results
      .flatMap((result) => result.objects)
      .filter(
        ({ metadata }) => metadata?.namespace === undefined || scope.exclude?.includes(metadata.namespace) !== true,
      );
    put(objects, kind, kept);
  }
  return { objects, reads };
}

type ObjectsByKind = { [K in KindName]?: readonly KubeObject<K>[] };

function put<K extends KindName>(objects: ObjectsByKind, kind: K, list: readonly KubeObject<K>[]): void {
  objects[kind] = list;
}

/** The one result of a kind that has no namespaces. */
function joined(results: Results, kind: KindName): ListResult<KindName> {
  return results[0] ?? { objects: [], read: { kind, state: "unread" } };
}

function isWanted({ include, exclude }: Scope, namespace: string): boolean {
  return (include?.includes(namespace) ?? true) && exclude?.includes(namespace) !== true;
}

function weight(kind: KindName): number {
  const place = largeFirst.indexOf(kind);
  return place < 0 ? largeFirst.length : place;
}

function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
  return `namespace${names.length === 1 ? "" : "s"} ${shown}${more}`;
}
