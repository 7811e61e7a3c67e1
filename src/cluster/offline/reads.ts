/**
 * What a dump proves. Absence is proven only where a whole list was seen: of one namespace, or, when the dump knows all
 * namespaces and holds the list of each, of the cluster. Everything else is said to be unknown, with the reason.
 */
import { type KindName, kindDefinition, kindNames } from "../../kube/kinds.ts";
import { compareText } from "../../kube/object-ref.ts";
import type { KindRead, Scope } from "../../kube/snapshot.ts";
import { type Collection, type FileSeen, layoutOfFiles, type ListSeen } from "./collect.ts";
import { clusterInfoFiles, type Layout } from "./layout.ts";

/** What is known of one kind. */
interface Known {
  /** The list of the whole cluster was seen. */
  everywhere: boolean;
  /** Namespaces whose list was seen. */
  readonly namespaces: Set<string>;
  /** Why it could not be read, by namespace; `""` for the whole kind. */
  readonly failures: Map<string, string>;
  /** Objects were seen outside of whole lists. */
  loose: boolean;
}

const notHeld = "the dump does not hold them";
const notWhole = "a manifest does not tell whether the list is whole";

/** Namespaces that every cluster has: a dump that was not taken of all namespaces would hardly name each of them. */
const everyCluster = ["default", "kube-node-lease", "kube-public", "kube-system"];

/** The reads of a dump, for the kinds and namespaces asked for. */
export function readsOf(collection: Collection, kinds: readonly KindName[], scope: Scope): readonly KindRead[] {
  if (collection.header !== undefined) return readsOfSnapshot(collection, kinds, scope);
  const layout = layoutOfFiles(collection);
  const known = knownOf(collection, layout);
  const all = allNamespaces(collection, layout, known);
  return kindNames
    .filter((kind) => kinds.includes(kind))
    .flatMap((kind) => {
      const of = known.get(kind);
      const objects = (collection.objects.get(kind)?.size ?? 0) > 0;
      return kindDefinition(kind).namespaced
        ? namespacedReads(kind, of, objects, all, scope)
        : [clusterRead(kind, of, objects)];
    });
}

function clusterRead(kind: KindName, known: Known | undefined, objects: boolean): KindRead {
  if (known?.everywhere === true) return { kind, state: "complete" };
  const failure = known?.failures.get("");
  if (objects) return { kind, state: "partial", reason: failure ?? notWhole };
  return { kind, state: "unread", reason: failure ?? notHeld };
}

function namespacedReads(
  kind: KindName,
  known: Known | undefined,
  objects: boolean,
  all: ReadonlySet<string> | undefined,
  scope: Scope,
): KindRead[] {
  const whole = known?.namespaces ?? new Set<string>();
  const failures = known?.failures ?? new Map<string, string>();
  const failure = failures.get("");
  const inNamespace = (namespace: string): KindRead => {
    if (known?.everywhere === true || whole.has(namespace)) return { kind, namespace, state: "complete" };
    const reason = failures.get(namespace) ?? failure;
    if (reason !== undefined) return { kind, namespace, state: "unread", reason };
    if (known?.loose === true) return { kind, namespace, state: "partial", reason: notWhole };
    const elsewhere = objects || whole.size > 0;
    return {
      kind,
      namespace,
      state: "unread",
      reason: elsewhere ? "the dump does not hold those of this namespace" : notHeld,
    };
  };
  if (scope.include !== undefined) return scope.include.map(inNamespace);
  const excluded = new Set(scope.exclude);
  const complete =
    known?.everywhere === true ||
    (all !== undefined && [...all].every((name) => whole.has(name) || excluded.has(name)));
  if (complete && excluded.size === 0) return [{ kind, state: "complete" }];
  const named = [...new Set([...whole, ...[...failures.keys()].filter((name) => name !== ""), ...(all ?? [])])]
    .filter((name) => !excluded.has(name))
    .sort(compareText);
  // With namespaces left out by the user, absence is proven for each of the others, never for the cluster.
  if (complete) return named.map(inNamespace);
  if (named.length === 0 || whole.size === 0) {
    const reasons = named.filter((name) => failures.has(name)).map(inNamespace);
    const rest: KindRead = objects
      ? { kind, state: "partial", reason: failure ?? notWhole }
      : { kind, state: "unread", reason: failure ?? notHeld };
    return reasons.length > 0 && failure === undefined && !objects ? reasons : [rest, ...reasons];
  }
  // Where all namespaces are known, each says for itself; else nothing is known of the others.
  if (all !== undefined) return named.map(inNamespace);
  const holds = listNames([...whole].filter((name) => !excluded.has(name)).sort(compareText));
  const rest: KindRead = { kind, state: "partial", reason: `the dump holds the whole list of ${holds} only` };
  return [rest, ...named.map(inNamespace)];
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  const what = names.length === 1 ? `namespace ${shown}` : `namespaces ${shown}`;
  return names.length > 5 ? `${what} and ${names.length - 5} more` : what;
}

function knownOf(collection: Collection, layout: Layout): ReadonlyMap<KindName, Known> {
  const known = new Map<KindName, Known>();
  const of = (kind: KindName): Known => {
    const found = known.get(kind);
    if (found !== undefined) return found;
    const fresh: Known = { everywhere: false, namespaces: new Set(), failures: new Map(), loose: false };
    known.set(kind, fresh);
    return fresh;
  };
  for (const file of collection.files) addFile(file, layout, of);
  for (const { kind, namespace, reason } of collection.failures) of(kind).failures.set(namespace ?? "", reason);
  return known;
}

function addFile(file: FileSeen, layout: Layout, of: (kind: KindName) => Known): void {
  // A path means something only in the layout that it belongs to: `shop/pods.yaml` may be anybody's manifest.
  const place = file.place?.type === "objects" && file.place.layout === layout ? file.place : undefined;
  if (place?.kind !== undefined && file.broken !== undefined) {
    of(place.kind).failures.set(place.namespace ?? "", `${file.path}: ${file.broken}`);
  }
  for (const kind of file.lone) {
    const wide = !kindDefinition(kind).namespaced;
    if (wide && place?.folder === true && place.kind === kind) of(kind).everywhere = true;
    else of(kind).loose = true;
  }
  const streamed = namespacesOfStream(file.lists);
  for (const [index, list] of file.lists.entries()) {
    for (const [kind, namespaces] of list.kinds) {
      if (list.cut !== undefined) {
        for (const namespace of namespaces.size === 0 ? [""] : namespaces) of(kind).failures.set(namespace, list.cut);
        of(kind).loose ||= namespaces.size > 0;
      } else if (!kindDefinition(kind).namespaced) {
        of(kind).everywhere = true;
      } else if (place?.namespace !== undefined && place.kind === kind) {
        of(kind).namespaces.add(place.namespace);
      } else {
        for (const namespace of namespaces) of(kind).namespaces.add(namespace);
        const namespace = streamed.get(index);
        if (namespace !== undefined) of(kind).namespaces.add(namespace);
      }
    }
  }
}

/**
 * `kubectl cluster-info dump` on standard output writes seven lists per namespace in a fixed order. A list without
 * items does not name its namespace; the others of its seven do.
 */
function namespacesOfStream(lists: readonly ListSeen[]): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const [first] = clusterInfoKinds;
  for (const [start, list] of lists.entries()) {
    if (list.listKind !== first) continue;
    const seven = lists.slice(start, start + clusterInfoKinds.length);
    if (seven.length < clusterInfoKinds.length || seven.some(({ listKind }, at) => listKind !== clusterInfoKinds[at]))
      continue;
    const namespaces = new Set(seven.flatMap(({ kinds }) => [...kinds.values()].flatMap((names) => [...names])));
    const [namespace] = namespaces;
    if (namespace === undefined || namespaces.size > 1) continue;
    for (const at of seven.keys()) found.set(start + at, namespace);
  }
  return found;
}

const clusterInfoKinds = [...clusterInfoFiles.values()].map((kind) => `${kind ?? "ReplicationController"}List`);

/** All namespaces of the cluster, when the dump tells them. */
function allNamespaces(
  collection: Collection,
  layout: Layout,
  known: ReadonlyMap<KindName, Known>,
): ReadonlySet<string> | undefined {
  const namespaces = known.get("Namespace");
  const names = [...(collection.objects.get("Namespace")?.values() ?? [])].map(({ metadata }) => metadata?.name ?? "");
  if (namespaces?.everywhere === true && everyCluster.every((name) => names.includes(name))) return new Set(names);
  if (layout !== "cluster-info" || collection.cut) return undefined;
  const folders = new Set(known.get("Pod")?.namespaces);
  return everyCluster.every((name) => folders.has(name)) ? folders : undefined;
}

/** The reads of our own file: what was recorded when it was taken, narrowed to what is asked for now. */
function readsOfSnapshot(collection: Collection, kinds: readonly KindName[], scope: Scope): readonly KindRead[] {
  const { header } = collection;
  if (header === undefined) return [];
  const wanted = header.reads.filter(({ kind }) => kinds.includes(kind));
  const reads = wanted.flatMap((read): KindRead[] => {
    const held = collection.objects.get(read.kind)?.size ?? 0;
    const expected = header.counts[read.kind] ?? 0;
    const whole: KindRead =
      held < expected && read.state === "complete"
        ? {
            ...read,
            state: held === 0 ? "unread" : "partial",
            reason: `the snapshot is damaged: ${held} of ${expected} are left`,
          }
        : read;
    if (!kindDefinition(read.kind).namespaced || whole.state === "absent") return [whole];
    if (whole.namespace !== undefined) return isInScope(scope, whole.namespace) ? [whole] : [];
    const narrowed = scope.include ?? (scope.exclude === undefined ? undefined : namespacesHeld(collection, scope));
    return narrowed === undefined ? [whole] : narrowed.map((namespace) => ({ ...whole, namespace }));
  });
  const missing = kinds.filter((kind) => !header.reads.some((read) => read.kind === kind));
  return [
    ...reads,
    ...missing.map((kind): KindRead => ({ kind, state: "unread", reason: "the snapshot was taken without them" })),
  ];
}

function namespacesHeld(collection: Collection, scope: Scope): readonly string[] {
  const names = new Set<string>();
  for (const [kind, objects] of collection.objects) {
    for (const { metadata } of objects.values()) {
      const name = kind === "Namespace" ? metadata?.name : metadata?.namespace;
      if (name !== undefined && isInScope(scope, name)) names.add(name);
    }
  }
  return [...names].sort(compareText);
}

/** Whether a namespace was asked for. */
export function isInScope(scope: Scope, namespace: string): boolean {
  if (scope.include !== undefined && !scope.include.includes(namespace)) return false;
  return !(scope.exclude ?? []).includes(namespace);
}
