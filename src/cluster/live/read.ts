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

/** Where a kind is read that may not be listed in the whole cluster. */
interface Fallback {
  /** The kind by which the namespaces were tried: what was found on the way need not be asked for again. */
  readonly kind: KindName | undefined;
  readonly results: Results;
  readonly namespaces: readonly string[];
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
    if (done) kindsDone += 1;
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
  const listIn = (kind: KindName, namespaces: readonly string[]): Promise<Results> =>
    Promise.all(namespaces.map((namespace) => list(kind, namespace)));

  // First each kind in the scope that was asked for, all of them at once.
  const results = new Map<KindName, Results>();
  await Promise.all(
    order.map(async (kind) => {
      const isSplit = scope.include !== undefined && kindDefinition(kind).namespaced;
      const wanted = [...new Set(scope.include)].filter((name) => isWanted(scope, name));
      const found = isSplit ? await listIn(kind, wanted) : [await list(kind)];
      results.set(kind, found);
      if (!isRefused(found)) told(kind, true);
    }),
  );

  // Then what may not be listed in the whole cluster, where it may be.
  const refused = order.filter((kind) => isRefused(results.get(kind)));
  const [first] = refused;
  if (first !== undefined) {
    const own = [ownNamespace].filter((name) => isWanted(scope, name));
    // Whoever may list other kinds everywhere is refused this one for what it is (Secrets, mostly), not for where it is:
    // to try each namespace would be in vain.
    const isByKind = order.some((kind) => kindDefinition(kind).namespaced && !isRefused(results.get(kind)));
    const fallback: Fallback = isByKind
      ? { kind: undefined, results: [], namespaces: own, limit: "" }
      : await findNamespaces(first, own);
    await Promise.all(
      refused.map(async (kind) => {
        const narrow = kind === fallback.kind ? fallback.results : await listIn(kind, fallback.namespaces);
        results.set(kind, [
          ...(results.get(kind) ?? []).map((wide) => explained(wide, narrow, fallback.limit)),
          ...readable(narrow),
        ]);
        told(kind, true);
      }),
    );
  }

  /** The namespaces in which `kind` may be listed, found out by listing it there. */
  async function findNamespaces(kind: KindName, own: readonly string[]): Promise<Fallback> {
    const [known] = results.get("Namespace") ?? [
      await listKind(door, codec, { kind: "Namespace", isMetadataOnly: true, signal }),
    ];
    const all = known?.read.state === "complete" ? known.objects.map(({ metadata }) => metadata?.name ?? "") : [];
    const candidates = [...new Set([...own, ...all.sort(compareText)])].filter((name) => isWanted(scope, name));
    const tried = candidates.slice(0, maxNamespaces);
    const found = await listIn(kind, tried);
    const namespaces = found.filter(({ read }) => read.status !== 403).map(({ read }) => read.namespace ?? "");
    const isLimited = candidates.length > tried.length;
    return {
      kind,
      results: found,
      // The context's own is tried for each kind: there a user often has rights to some kinds only.
      namespaces: [...new Set([...own, ...namespaces])],
      limit: isLimited ? `; only the first ${tried.length} of ${candidates.length} namespaces were tried` : "",
    };
  }

  const objects: ObjectsByKind = {};
  const reads: KindRead[] = [];
  for (const kind of order) {
    const found = results.get(kind) ?? [];
    reads.push(...found.map(({ read }) => read));
    const kept = found
      .flatMap((result) => result.objects)
      .filter(
        ({ metadata }) => metadata?.namespace === undefined || scope.exclude?.includes(metadata.namespace) !== true,
      );
    put(objects, kind, kept);
  }
  return { objects, reads };
}

/** Whether a namespaced kind may not be listed in the whole cluster. */
function isRefused(results: Results | undefined): boolean {
  return (results ?? []).some(
    ({ read }) => read.status === 403 && read.namespace === undefined && kindDefinition(read.kind).namespaced,
  );
}

/** The refusal in the whole cluster, with what was read instead. */
function explained(wide: ListResult<KindName>, narrow: Results, limit: string): ListResult<KindName> {
  const seen = narrow
    .filter(({ read }) => read.state === "complete")
    .map(({ read }) => read.namespace ?? "")
    .sort(compareText);
  const where = seen.length === 0 ? "" : `; read only in ${namesOf(seen)}`;
  return { ...wide, read: { ...wide.read, reason: `${wide.read.reason ?? "forbidden"}${where}${limit}` } };
}

/** Without the namespaces that are refused as well: the line for the whole cluster says it for all of them. */
function readable(results: Results): Results {
  return results.filter(({ read }) => read.status !== 403);
}

type ObjectsByKind = { [K in KindName]?: readonly KubeObject<K>[] };

function put<K extends KindName>(objects: ObjectsByKind, kind: K, list: readonly KubeObject<K>[]): void {
  objects[kind] = list;
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
