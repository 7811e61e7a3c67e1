/** `why`: reads the cluster once, finds the object that the words mean, and tells its story. */
import type { Analyzer } from "../analyzers/define.ts";
import type { ApiResource, ClusterSource, ReadProgress } from "../cluster/source.ts";
import { Fault } from "../fault.ts";
import type { Report } from "../findings/report.ts";
import { type Story, storyOf } from "../findings/story.ts";
import { type CustomResource, isKnownKind, keepCustomObject, refOfCustom } from "../kube/custom-resources.ts";
import { customKindNamed, kindNamed, kindWords } from "../kube/kind-words.ts";
import { isKindName, kindDefinition, type KindName, kindNames, resourceName } from "../kube/kinds.ts";
import { compareText, keyOf, namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { similarNames } from "../kube/similar.ts";
import { createSnapshot, type Scope, type Snapshot, type SnapshotInput } from "../kube/snapshot.ts";
import { isRecord } from "../kube/wire.ts";
import { diagnose, factsFor, kindsFor } from "./analyze.ts";
import { withFailingLogs } from "./logs.ts";

/** The object as the user named it. */
export interface ObjectWords {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** What to read besides, and how. */
export interface WhyOptions {
  readonly analyzers: readonly Analyzer[];
  readonly logs: boolean;
  /** Whether objects of kinds that no analyzer reads may be asked for: any kind that the cluster serves. */
  readonly anyKind?: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ReadProgress) => void;
}

/**
 * Tells the story of one object. The whole cluster is read, because a cause may lie anywhere; where that is forbidden and a
 * namespace was given, that namespace alone.
 *
 * @throws {Fault} when no object is meant, or several, or it cannot be known
 */
export async function why(source: ClusterSource, words: ObjectWords, options: WhyOptions): Promise<Story> {
  const kind = kindNamed(words.kind);
  const kinds = new Set<KindName>([
    ...kindsFor(options.analyzers),
    "Event",
    ...(kind === undefined ? (["CustomResourceDefinition"] as const) : [kind]),
  ]);
  const read = async (scope: Scope): Promise<Read> => {
    const { signal, onProgress, analyzers } = options;
    const input = await source.read({
      kinds: kindNames.filter((name) => kinds.has(name)),
      scope,
      facts: factsFor(analyzers),
      customResources: kind === undefined || analyzers.some(({ customResources }) => customResources === true),
      signal,
      ...(onProgress !== undefined && { onProgress }),
    });
    const whole = options.logs ? await withFailingLogs(source, input, signal) : input;
    const snapshot = createSnapshot(whole);
    return { input: whole, snapshot, report: diagnose(snapshot, whole, { analyzers, scope, include: ["info"] }) };
  };
  let made = await read({});
  const isRefused =
    kind !== undefined && made.snapshot.reads.some((each) => each.kind === kind && each.state === "unread");
  if (isRefused && words.namespace !== undefined && kindDefinition(kind).namespaced)
    made = await read({ include: [words.namespace] });
  if (kind === undefined && options.anyKind === true) made = await withServed(source, made, words, options.signal);
  const object = objectMeant(made, words, options.analyzers);
  // What was asked for by name only, no rule has looked at.
  const judging = options.analyzers.filter(
    ({ customResources }) => made.served === undefined || customResources !== true,
  );
  return storyOf(made.snapshot, made.report, object, judging);
}

interface Read {
  readonly input: SnapshotInput;
  readonly snapshot: Snapshot;
  readonly report: Report;
  /** The kind that the words name, when only the server knows it. */
  readonly served?: { readonly kind: string; readonly group: string };
}

/** Objects of one name, in as many namespaces, are more than anybody asks for. */
const mostNamed = 50;

/**
 * Adds the objects of that name of a kind that the server serves and nothing here reads: no rule judges them, and yet what
 * stands around them and what happened to them can be told. Kinds of kinds.ts never come this way: how they are read, and
 * what is left out, is decided there.
 */
async function withServed(
  source: ClusterSource,
  made: Read,
  { kind: word, name, namespace }: ObjectWords,
  signal: AbortSignal,
): Promise<Read> {
  const custom = customKindNamed(made.snapshot, word);
  const isHere = made.snapshot
    .customResources()
    .some(
      (entry) => entry.kind === custom?.kind && entry.group === custom.group && entry.object.metadata?.name === name,
    );
  if (isHere || source.apiResources === undefined || source.listAny === undefined) return made;
  const resource = (await source.apiResources(signal)).find(
    (each) => !isKnownKind(each.kind, each.group) && each.verbs.includes("list") && isNamed(each, word),
  );
  if (resource === undefined) return made;
  const { group, version, kind, plural } = resource;
  const list = await source.listAny(
    { resource, namespace, form: "whole", limit: mostNamed, fieldSelector: `metadata.name=${name}` },
    signal,
  );
  const items = Array.isArray(list["items"]) ? list["items"] : [];
  const found = items.flatMap((item: unknown): readonly CustomResource[] => {
    const object = isRecord(item) ? keepCustomObject(item) : undefined;
    return object === undefined ? [] : [{ group, version, kind, plural, object }];
  });
  // Also when there is none: then it is known that the kind is served.
  const input = { ...made.input, customResources: [...(made.input.customResources ?? []), ...found] };
  return { ...made, input, snapshot: createSnapshot(input), served: { kind, group } };
}

/** Whether `word` names the resource, as kubectl takes it. */
function isNamed({ group, kind, plural, singular, shortNames }: ApiResource, word: string): boolean {
  const wanted = word.toLowerCase();
  return [kind.toLowerCase(), plural, singular, ...shortNames].some(
    (known) => known === wanted || `${known}.${group}` === wanted,
  );
}

/** The kinds by which people are told which words there are. */
function nearKinds(word: string): string {
  const near = similarNames(word.toLowerCase(), kindWords());
  return near.length === 0
    ? "Name it as `kubectl` does: `pod/cart`, `deploy/cart`"
    : `Did you mean ${near.join(" or ")}?`;
}

/** The object that the words mean: one that is there, or one that findings say is missing. */
function objectMeant(
  { snapshot, report, served }: Read,
  { kind: word, name, namespace }: ObjectWords,
  analyzers: readonly Analyzer[],
): ObjectRef {
  const known = kindNamed(word);
  const custom = known === undefined ? (served ?? customKindNamed(snapshot, word)) : undefined;
  if (known === undefined && custom === undefined) {
    throw new Fault(`There is no kind "${word}" in ${snapshot.cluster.name}`, { usage: true, next: nearKinds(word) });
  }
  const kind = known ?? custom?.kind ?? word;
  const present: readonly ObjectRef[] =
    known === undefined
      ? snapshot
          .customResources()
          .filter((entry) => entry.kind === custom?.kind && entry.group === custom.group)
          .map(refOfCustom)
      : snapshot.list(known).map((object) => refOf(known, object));
  const isMeant = (ref: ObjectRef): boolean =>
    ref.name === name && (namespace === undefined || ref.namespace === undefined || ref.namespace === namespace);
  const found = present.filter(isMeant);
  const [first, ...others] = found.length > 0 ? found : absentOnes(report, kind).filter(isMeant);
  if (first !== undefined && others.length === 0) return first;
  if (first !== undefined) {
    const places = [first, ...others].map((ref) => ref.namespace ?? "").sort(compareText);
    throw new Fault(`${kind} "${name}" is in ${places.length} namespaces: ${places.join(", ")}`, {
      usage: true,
      next: `Say which one: -n ${places[0] ?? ""}`,
    });
  }
  const where = namespace === undefined ? "" : ` in namespace "${namespace}"`;
  const near = similarNames(
    name,
    new Set(
      present.filter(({ namespace: place }) => namespace === undefined || place === namespace).map((ref) => ref.name),
    ),
  );
  const hint = near.length === 0 ? "" : `Did you mean ${near.join(" or ")}?`;
  const unread = snapshot.reads.find(
    (read) => read.kind === kind && read.state !== "complete" && read.state !== "absent",
  );
  if (unread !== undefined) {
    const resource = isKindName(kind) ? resourceName(kindDefinition(kind)) : kind;
    throw new Fault(
      `Cannot know whether ${kind} "${name}" exists${where}: ${unread.reason ?? `not all ${resource} could be read`}`,
      {
        next: `${hint} ${unread.next ?? nextOfUnread(snapshot, kind, resource, namespace, analyzers)}`.trim(),
      },
    );
  }
  const elsewhere = present.filter((ref) => ref.name === name);
  const [other] = elsewhere;
  throw new Fault(`There is no ${kind} "${name}"${where} in ${snapshot.cluster.name}`, {
    usage: true,
    next:
      other !== undefined
        ? `There is one in namespace ${other.namespace ?? ""}: -n ${other.namespace ?? ""}`
        : hint !== ""
          ? hint
          : "`kubectl get` with the same words shows what there is",
  });
}

/** What helps when the objects of a kind could not be read, and the reader of them did not say. */
function nextOfUnread(
  { cluster }: Snapshot,
  kind: string,
  resource: string,
  namespace: string | undefined,
  analyzers: readonly Analyzer[],
): string {
  if (cluster.source === "saved") {
    const reader = analyzers.find(({ needs, uses }) => [...needs, ...uses].some((name) => name === kind))?.name;
    const how = reader === undefined ? "" : `: \`k8sgpt snapshot -f ${reader}\``;
    return `Ask the live cluster, or save it again with objects of this kind${how}`;
  }
  const isNamespaced = isKindName(kind) && kindDefinition(kind).namespaced;
  if (!isNamespaced) return `kubectl auth can-i list ${resource}`;
  return namespace === undefined
    ? "Name its namespace: -n NAME"
    : `kubectl auth can-i list ${resource} -n ${namespace}`;
}

/** Objects that findings name and that are not there: a ConfigMap that Pods wait for has a story, too. */
function absentOnes({ findings }: Report, kind: string): readonly ObjectRef[] {
  const named = findings.flatMap(({ object, cause, evidence }) => [
    object,
    ...(cause === undefined ? [] : [cause]),
    ...evidence.filter(({ type }) => type === "missing").map(({ object: missing }) => missing),
  ]);
  return [
    ...new Map(
      named.filter((ref) => ref.kind === kind).map((ref) => [keyOf(ref), namedRef(ref.kind, ref.namespace, ref.name)]),
    ).values(),
  ];
}
