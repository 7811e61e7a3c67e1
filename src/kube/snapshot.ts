/**
 * A snapshot is what k8sgpt knows of one cluster at one moment: immutable, indexed, and honest about what was not read.
 * Rules ask it and nothing else; it does no I/O and has no clock but `takenAt`. Objects are held in one fixed order
 * whatever order they arrived in, so that the same cluster gives the same bytes.
 */
import { type CustomRead, type CustomResource, customOrder } from "./custom-resources.ts";
import type { FactRead, Facts } from "./facts.ts";
import { type EventRecord, eventRecord, newestFirst } from "./events.ts";
import { isKindName, type KindName, kindNames, kinds, type KubeObject } from "./kinds.ts";
import { compareText, type ObjectRef } from "./object-ref.ts";
import { addTo } from "./grouping.ts";

/** Where the objects came from. */
export interface ClusterInfo {
  /** Context of the kubeconfig, or the name of the dump. */
  readonly name: string;
  readonly source: "live" | "saved";
  /** Address of the API server, when live. */
  readonly server?: string;
  /** `v1.34.4`; absent when not known. */
  readonly serverVersion?: string;
}

/** The namespaces that were asked for. Both absent: all of them. */
export interface Scope {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/**
 * What happened when a kind was read, in the whole cluster or in one namespace. Only `complete` proves absence.
 * - `complete`: every object is here.
 * - `partial`: some objects are here (a cut list, a manifest file); the others are not known.
 * - `unread`: none could be read.
 * - `absent`: the server does not serve the kind.
 */
export type ReadState = "complete" | "partial" | "unread" | "absent";

/** One read of one kind. */
export interface KindRead {
  readonly kind: KindName;
  /** Absent: cluster-wide. */
  readonly namespace?: string;
  readonly state: ReadState;
  /** For `partial` and `unread`: why, in one sentence, `forbidden for user "ci"`. */
  readonly reason?: string;
  /** HTTP status of the refusal, when there was one. */
  readonly status?: number;
  /** The step to take, when there is one. */
  readonly next?: string;
}

/** What a snapshot is made from. */
export interface SnapshotInput {
  /** Milliseconds since the epoch: the API server's `Date`, or the capture time of a dump. */
  readonly takenAt: number;
  readonly cluster: ClusterInfo;
  readonly scope?: Scope;
  readonly objects: { readonly [K in KindName]?: readonly KubeObject<K>[] };
  readonly reads: readonly KindRead[];
  /** Log tails of containers, when they were asked for. */
  readonly logs?: readonly ContainerLog[];
  /** What else could not be read, beside whole kinds. */
  readonly notes?: readonly SourceNote[];
  /** Objects of the cluster's own kinds, when they were asked for. */
  readonly customResources?: readonly CustomResource[];
  /** Which of those kinds could not be read whole. */
  readonly customReads?: readonly CustomRead[];
  /** What the cluster tells beside its objects, as far as it was asked for. */
  readonly facts?: Facts;
  /** Which of the facts that were asked for are not there, or not whole. */
  readonly factReads?: readonly FactRead[];
}

/** A part of the source that could not be read: a broken file of a dump, an archive that ends in the middle. */
export interface SourceNote {
  /** The part: `shop/pods.yaml`. */
  readonly what: string;
  /** In one sentence. */
  readonly reason: string;
  /** The step to take, when there is one. */
  readonly next?: string;
}

/** The last lines of one container's log. */
export interface ContainerLog {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** True for the run before the current one. */
  readonly previous: boolean;
  readonly lines: readonly string[];
}

/** An object together with its kind. */
export interface Located<K extends KindName = KindName> {
  readonly kind: K;
  readonly object: KubeObject<K>;
}

/** See the head of this file. */
export interface Snapshot {
  readonly takenAt: number;
  readonly cluster: ClusterInfo;
  readonly scope: Scope;
  readonly reads: readonly KindRead[];
  /** What else could not be read: each is a gap of the report. */
  readonly notes: readonly SourceNote[];
  /** All objects of a kind, by namespace and name. */
  list<K extends KindName>(kind: K): readonly KubeObject<K>[];
  /** The objects of a kind in one namespace, by name. */
  inNamespace<K extends KindName>(kind: K, namespace: string): readonly KubeObject<K>[];
  /** One object, or undefined when it is not here: that it does not exist is proven only where `isComplete`. */
  get<K extends KindName>(kind: K, namespace: string | undefined, name: string): KubeObject<K> | undefined;
  /** The object that `ref` names, whatever its kind. */
  find(ref: ObjectRef): Located | undefined;
  byUid(uid: string): Located | undefined;
  /** The objects whose `ownerReferences` hold `uid`, in kind order. */
  dependentsOf(uid: string): readonly Located[];
  /** Events about the object, newest first: by uid, and by kind, namespace and name where an event has no uid (G6). */
  eventsOf(ref: ObjectRef): readonly EventRecord[];
  /** All events, newest first. */
  events(): readonly EventRecord[];
  /** Objects of the cluster's own kinds, by group, kind, namespace and name; none unless they were asked for. */
  customResources(): readonly CustomResource[];
  /** Which of those kinds could not be read whole. */
  readonly customReads: readonly CustomRead[];
  /** What the cluster tells beside its objects; absent is what was not read. */
  readonly facts: Facts;
  readonly factReads: readonly FactRead[];
  /** Whether an object of this kind that is not here (in that namespace) does not exist (G5, G12). */
  isComplete(kind: KindName, namespace?: string): boolean;
  /** Whether the server serves the kind at all; true when not known. */
  isServed(kind: KindName): boolean;
  logOf(namespace: string, pod: string, container: string): ContainerLog | undefined;
}

/** Builds the indexes. O(objects); nothing of `input` is changed. */
export function createSnapshot(input: SnapshotInput): Snapshot {
  const lists = new Map<KindName, readonly KubeObject[]>();
  const byName = new Map<KindName, Map<string, Map<string, KubeObject>>>();
  const byNamespace = new Map<KindName, Map<string, KubeObject[]>>();
  const uids = new Map<string, Located>();
  const dependents = new Map<string, Located[]>();

  for (const kind of kindNames) {
    const given: readonly KubeObject[] | undefined = input.objects[kind];
    if (given === undefined || given.length === 0) continue;
    // By namespace, then by name: a key of both would have to be made for every question.
    const names = new Map<string, Map<string, KubeObject>>();
    for (const object of given) {
      const { namespace = "", name = "" } = object.metadata ?? {};
      let own = names.get(namespace);
      if (own === undefined) names.set(namespace, (own = new Map<string, KubeObject>()));
      own.set(name, object);
    }
    const list: KubeObject[] = [];
    for (const [, own] of [...names].sort(byKey)) for (const [, object] of [...own].sort(byKey)) list.push(object);
    lists.set(kind, list);
    byName.set(kind, names);
    const namespaces = new Map<string, KubeObject[]>();
    for (const object of list) {
      const { namespace, uid, ownerReferences } = object.metadata ?? {};
      if (namespace !== undefined) addTo(namespaces, namespace, object);
      const located = { kind, object };
      if (uid !== undefined) uids.set(uid, located);
      for (const owner of ownerReferences ?? []) if (owner.uid !== undefined) addTo(dependents, owner.uid, located);
    }
    byNamespace.set(kind, namespaces);
  }

  const logs = new Map((input.logs ?? []).map((log) => [`${log.namespace}/${log.pod}/${log.container}`, log]));
  const reads = [...input.reads].sort(
    (a, b) =>
      kindNames.indexOf(a.kind) - kindNames.indexOf(b.kind) || compareText(a.namespace ?? "", b.namespace ?? ""),
  );
  const readsByKind = Map.groupBy(reads, (read) => read.kind);
  const custom = [...(input.customResources ?? [])].sort((a, b) => compareText(customOrder(a), customOrder(b)));
  let eventIndex: { all: readonly EventRecord[]; bySubject: ReadonlyMap<string, readonly EventRecord[]> } | undefined;

  // The maps are keyed by kind, and what was put under a kind has the type of that kind.
  const listOf = <K extends KindName>(kind: K) => (lists.get(kind) ?? []) as readonly KubeObject<K>[];
  const events = () => {
    if (eventIndex !== undefined) return eventIndex;
    const all = listOf("Event").map(eventRecord).sort(newestFirst);
    const bySubject = new Map<string, EventRecord[]>();
    for (const event of all) {
      const { uid, kind, namespace, name } = event.regarding;
      addTo(bySubject, uid ?? `${kind}/${namespace ?? ""}/${name}`, event);
    }
    eventIndex = { all, bySubject };
    return eventIndex;
  };

  return {
    takenAt: input.takenAt,
    cluster: input.cluster,
    scope: input.scope ?? {},
    reads,
    notes: input.notes ?? [],
    customReads: input.customReads ?? [],
    facts: input.facts ?? {},
    factReads: input.factReads ?? [],
    customResources: () => custom,
    list: listOf,
    inNamespace: (kind, namespace) => byNamespace.get(kind)?.get(namespace) ?? [],
    get: (kind, namespace = "", name) => byName.get(kind)?.get(namespace)?.get(name),
    find(ref) {
      if (!isKindName(ref.kind)) return undefined;
      const object = byName
        .get(ref.kind)
        ?.get(ref.namespace ?? "")
        ?.get(ref.name);
      return object === undefined ? undefined : { kind: ref.kind, object };
    },
    byUid: (uid) => uids.get(uid),
    dependentsOf: (uid) => dependents.get(uid) ?? [],
    eventsOf(ref) {
      const { bySubject } = events();
      const found = ref.uid ?? (this.find(ref) === undefined ? undefined : uidOf(this.find(ref)?.object));
      const own = found === undefined ? [] : (bySubject.get(found) ?? []);
      const unnamed = bySubject.get(`${ref.kind}/${ref.namespace ?? ""}/${ref.name}`) ?? [];
      // An event whose uid reads like a name would be found twice.
      return own.length === 0 || own === unnamed
        ? unnamed
        : unnamed.length === 0
          ? own
          : [...own, ...unnamed].sort(newestFirst);
    },
    events: () => events().all,
    isComplete(kind, namespace) {
      // A chain may name what is no kind, such as the host of an image: nothing is known of those.
      if (!isKindName(kind)) return false;
      const ofKind = readsByKind.get(kind) ?? [];
      if (ofKind.some((read) => read.state === "absent")) return true;
      const wide = ofKind.find((read) => read.namespace === undefined);
      // Objects of excluded namespaces were left out after a whole read: what is not here may be there.
      const excluded = kinds[kind].namespaced ? (input.scope?.exclude ?? []) : [];
      if (namespace === undefined) return wide?.state === "complete" && excluded.length === 0;
      if (excluded.includes(namespace)) return false;
      if (wide?.state === "complete") return true;
      return ofKind.some((read) => read.namespace === namespace && read.state === "complete");
    },
    isServed: (kind) => !(readsByKind.get(kind) ?? []).some((read) => read.state === "absent"),
    logOf: (namespace, pod, container) => logs.get(`${namespace}/${pod}/${container}`),
  };
}

function uidOf(object: KubeObject | undefined): string | undefined {
  return object?.metadata?.uid;
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return compareText(a, b);
}
