/** `why`: reads the cluster once, finds the object that the words mean, and tells its story. */
import type { Analyzer } from "../analyzers/define.ts";
import type { ClusterSource, ReadProgress } from "../cluster/source.ts";
import { Fault } from "../fault.ts";
import type { Report } from "../findings/report.ts";
import { type Story, storyOf } from "../findings/story.ts";
import { refOfCustom } from "../kube/custom-resources.ts";
import { customKindNamed, kindNamed, kindWords } from "../kube/kind-words.ts";
import { isKindName, kindDefinition, type KindName, kindNames, resourceName } from "../kube/kinds.ts";
import { compareText, keyOf, namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { similarNames } from "../kube/similar.ts";
import { createSnapshot, type Scope, type Snapshot } from "../kube/snapshot.ts";
import { diagnose, kindsFor } from "./analyze.ts";
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
  const read = async (scope: Scope): Promise<{ snapshot: Snapshot; report: Report }> => {
    const { signal, onProgress, analyzers } = options;
    const input = await source.read({
      kinds: kindNames.filter((name) => kinds.has(name)),
      scope,
      customResources: kind === undefined || analyzers.some(({ customResources }) => customResources === true),
      signal,
      ...(onProgress !== undefined && { onProgress }),
    });
    const whole = options.logs ? await withFailingLogs(source, input, signal) : input;
    const snapshot = createSnapshot(whole);
    return { snapshot, report: diagnose(snapshot, whole, { analyzers, scope, include: ["info"] }) };
  };
  let made = await read({});
  const isRefused =
    kind !== undefined && made.snapshot.reads.some((each) => each.kind === kind && each.state === "unread");
  if (isRefused && words.namespace !== undefined && kindDefinition(kind).namespaced)
    made = await read({ include: [words.namespace] });
  const object = objectMeant(made.snapshot, made.report, words);
  return storyOf(made.snapshot, made.report, object, options.analyzers);
}

/** The kinds by which people are told which words there are. */
function nearKinds(word: string): string {
  const near = similarNames(word.toLowerCase(), kindWords());
  return near.length === 0
    ? "Name it as `kubectl` does: `pod/cart`, `deploy/cart`"
    : `Did you mean ${near.join(" or ")}?`;
}

/** The object that the words mean: one that is there, or one that findings say is missing. */
function objectMeant(snapshot: Snapshot, report: Report, { kind: word, name, namespace }: ObjectWords): ObjectRef {
  const known = kindNamed(word);
  const custom = known === undefined ? customKindNamed(snapshot, word) : undefined;
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
  const unread = snapshot.reads.find(
    (read) => read.kind === kind && read.state !== "complete" && read.state !== "absent",
  );
  if (unread !== undefined) {
    const resource = isKindName(kind) ? resourceName(kindDefinition(kind)) : kind;
    throw new Fault(
      `Cannot know whether ${kind} "${name}" exists${where}: ${unread.reason ?? `not all ${resource} could be read`}`,
      {
        next:
          unread.next ??
          (namespace === undefined
            ? "Name its namespace: -n NAME"
            : `kubectl auth can-i list ${resource} -n ${namespace}`),
      },
    );
  }
  const elsewhere = present.filter((ref) => ref.name === name);
  const [other] = elsewhere;
  const near = similarNames(
    name,
    new Set(
      present.filter(({ namespace: place }) => namespace === undefined || place === namespace).map((ref) => ref.name),
    ),
  );
  throw new Fault(`There is no ${kind} "${name}"${where} in ${snapshot.cluster.name}`, {
    usage: true,
    next:
      other !== undefined
        ? `There is one in namespace ${other.namespace ?? ""}: -n ${other.namespace ?? ""}`
        : near.length > 0
          ? `Did you mean ${near.join(" or ")}?`
          : "`kubectl get` with the same words shows what there is",
  });
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
