/**
 * From findings to incidents: one cause, and all that follows from it. A finding A explains B
 * - exactly, when B names A's object as its cause, or both name the same one;
 * - strongly, when the object graph leads from A to B through objects that are themselves in a bad state, the rules fit
 *   (explains.ts), and A did not begin after B.
 * Nothing is merged because it is near in time or on the same node. Members plus single findings are all findings; the
 * severity of an incident is the worst of its members; the same findings in any order give the same incidents.
 */
import { backendsOf, causesOf, type EdgeKind } from "../kube/graph.ts";
import { compareRefs, compareText, keyOf, type ObjectRef } from "../kube/object-ref.ts";
import { topOwnerOf } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { hourMs, minuteMs } from "../kube/time.ts";
import { isRollUp, mayExplain, mayPass } from "./explains.ts";
import type { Finding } from "./finding.ts";
import { compareFindings } from "./fold.ts";
import type { ChainStep, Incident } from "./report.ts";
import { worse } from "./severity.ts";

const maxHops = 6;

/** How a finding is explained by another. */
interface Link {
  readonly parent: Finding;
  readonly strength: "exact" | "strong";
  readonly hops: number;
}

/** Folds `findings` (worst first) into incidents, worst first. Risks are never cause nor symptom: each stands alone. */
export function correlate(snapshot: Snapshot, findings: readonly Finding[]): readonly Incident[] {
  const candidates = findings.filter(({ severity }) => severity !== "risk");
  const parents = new Map<Finding, Link>();
  const indexes = indexesOf(candidates);
  for (const finding of candidates) {
    const link = bestLink([...exactLinks(finding, indexes), ...strongLinks(snapshot, finding, indexes)]);
    if (link !== undefined) parents.set(finding, link);
  }
  cutCycles(candidates, parents);
  joinSameCause(candidates, parents);

  const groups = new Map<Finding, Finding[]>();
  for (const finding of findings) {
    const root = rootOf(finding, parents);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [finding]);
    else group.push(finding);
  }
  return [...groups]
    .map(([root, members]) => incidentOf(snapshot, root, members, parents))
    .sort((a, b) => scoreOf(snapshot, b) - scoreOf(snapshot, a) || compareText(a.id, b.id));
}

/** What the search for causes asks again and again. */
interface Indexes {
  readonly byObject: ReadonlyMap<string, readonly Finding[]>;
  readonly byRelated: ReadonlyMap<string, readonly Finding[]>;
  /** Objects that a finding says are in a bad state: a path may lead through them. */
  readonly bad: ReadonlySet<string>;
}

function indexesOf(findings: readonly Finding[]): Indexes {
  const byObject = new Map<string, Finding[]>();
  const byRelated = new Map<string, Finding[]>();
  const bad = new Set<string>();
  for (const finding of findings) {
    const { objects, cause, owner, related } = finding;
    for (const ref of objects) push(byObject, keyOf(ref), finding);
    for (const ref of related) push(byRelated, keyOf(ref), finding);
    // Controllers between a bad Pod and its top owner have no finding of their own while the owner is within limits.
    for (const ref of [...objects, ...related, cause, owner]) if (ref !== undefined) bad.add(keyOf(ref));
  }
  return { byObject, byRelated, bad };
}

function push(map: Map<string, Finding[]>, key: string, finding: Finding): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [finding]);
  else list.push(finding);
}

/** B names A's object as its cause, or A lists B's object among those that it hurts. */
function exactLinks(finding: Finding, indexes: Indexes): readonly Link[] {
  const named = finding.cause === undefined ? [] : (indexes.byObject.get(keyOf(finding.cause)) ?? []);
  const relating = finding.objects
    .flatMap((object) => indexes.byRelated.get(keyOf(object)) ?? [])
    .filter(({ depth, rule }) => !isRollUp(rule) && depth < finding.depth && mayExplain(rule, finding.rule));
  return [...named, ...relating]
    .filter((parent) => parent !== finding && parent.depth <= finding.depth)
    .map((parent) => ({ parent, strength: "exact" as const, hops: 1 }));
}

/** Walks from B towards what can break it, through objects in a bad state only. */
function strongLinks(snapshot: Snapshot, finding: Finding, { byObject, bad }: Indexes): readonly Link[] {
  const links: Link[] = [];
  const seen = new Set(finding.objects.map(keyOf));
  let frontier: { ref: ObjectRef; path: readonly EdgeKind[] }[] = finding.objects.map((ref) => ({ ref, path: [] }));
  for (const object of finding.objects) collect(object, [], 0);
  for (let hops = 1; hops <= maxHops && frontier.length > 0; hops += 1) {
    const next: typeof frontier = [];
    for (const { ref, path } of frontier) {
      for (const { kind, from } of causesOf(snapshot, ref)) {
        const key = keyOf(from);
        // ReplicaSets and Jobs carry a fault upwards without a finding of their own.
        const isCarrier = from.kind === "ReplicaSet" || from.kind === "Job";
        if (seen.has(key) || (!bad.has(key) && !isCarrier)) continue;
        seen.add(key);
        const trail = [...path, kind];
        collect(from, trail, hops);
        next.push({ ref: from, path: trail });
      }
    }
    frontier = next;
  }
  return links;

  function collect(ref: ObjectRef, trail: readonly EdgeKind[], hops: number): void {
    for (const parent of byObject.get(keyOf(ref)) ?? []) {
      if (parent === finding || parent.depth > finding.depth) continue;
      if (!mayExplain(parent.rule, finding.rule) || !trail.every((edge) => mayPass(parent.rule, edge))) continue;
      if (beganAfter(parent, finding)) continue;
      links.push({ parent, strength: "strong", hops });
    }
  }
}

/** Whether A began clearly later than B; unknown onsets do not count against it. */
function beganAfter(cause: Finding, symptom: Finding): boolean {
  return cause.since !== undefined && symptom.since !== undefined && cause.since > symptom.since + 5 * minuteMs;
}

/** Exact before strong, then nearest to the root, then the fewest hops, then the worst, then by id. */
function bestLink(links: readonly Link[]): Link | undefined {
  return [...links].sort(
    (a, b) =>
      (a.strength === b.strength ? 0 : a.strength === "exact" ? -1 : 1) ||
      a.parent.depth - b.parent.depth ||
      a.hops - b.hops ||
      compareFindings(a.parent, b.parent),
  )[0];
}

/** Two findings of one depth may explain each other: the one that sorts first becomes the root. */
function cutCycles(candidates: readonly Finding[], parents: Map<Finding, Link>): void {
  for (const finding of [...candidates].sort((a, b) => a.depth - b.depth || compareFindings(a, b))) {
    const seen = new Set<Finding>([finding]);
    let current = parents.get(finding)?.parent;
    while (current !== undefined && !seen.has(current)) {
      seen.add(current);
      current = parents.get(current)?.parent;
    }
    if (current === finding) parents.delete(finding);
  }
}

/** Roots that name the same object as their cause are one incident: two workloads blocked by one quota. */
function joinSameCause(candidates: readonly Finding[], parents: Map<Finding, Link>): void {
  const roots = candidates.filter((finding) => !parents.has(finding));
  const byCause = Map.groupBy(
    roots.filter(({ cause }) => cause !== undefined),
    ({ cause }) => (cause === undefined ? "" : keyOf(cause)),
  );
  for (const same of byCause.values()) {
    const [first, ...others] = [...same].sort((a, b) => a.depth - b.depth || compareFindings(a, b));
    if (first === undefined) continue;
    for (const other of others) parents.set(other, { parent: first, strength: "exact", hops: 1 });
  }
}

function rootOf(finding: Finding, parents: ReadonlyMap<Finding, Link>): Finding {
  let current = finding;
  for (let link = parents.get(current); link !== undefined; link = parents.get(current)) current = link.parent;
  return current;
}

function incidentOf(
  snapshot: Snapshot,
  root: Finding,
  unsorted: readonly Finding[],
  parents: ReadonlyMap<Finding, Link>,
): Incident {
  const members = [
    root,
    ...unsorted.filter((member) => member !== root).sort((a, b) => a.depth - b.depth || compareFindings(a, b)),
  ];
  const links = members.map((member) => parents.get(member)).filter((link) => link !== undefined);
  const onsets = members.map(({ since }) => since).filter((since) => since !== undefined);
  return {
    id: root.id,
    severity: members.map(({ severity }) => severity).reduce(worse),
    root,
    members,
    chain: chainOf(snapshot, root, members),
    affected: affectedBy(snapshot, members),
    confidence: links.length === 0 ? "none" : links.every(({ strength }) => strength === "exact") ? "exact" : "strong",
    ...(onsets.length > 0 && { since: root.since ?? Math.min(...onsets) }),
  };
}

/** The way from a cause to what users see, stage by stage. */
const stages: readonly (readonly string[])[] = [
  ["PersistentVolumeClaim"],
  ["Pod"],
  ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"],
  ["Service"],
  ["Ingress", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"],
];

/** The cause, then one step per stage: the first object of the members there, and how many there are. */
function chainOf(snapshot: Snapshot, root: Finding, members: readonly Finding[]): readonly ChainStep[] {
  const steps: ChainStep[] = [];
  const add = (ref: ObjectRef, count = 1): void => {
    if (steps.some((step) => keyOf(step) === keyOf(ref))) return;
    const isMissing = snapshot.find(ref) === undefined && snapshot.isComplete(kindOf(ref), ref.namespace);
    steps.push({ ...ref, ...(count > 1 && { count }), ...(isMissing && { missing: true }) });
  };
  if (root.cause !== undefined) add(root.cause);
  // A ReplicaSet is the Deployment's own doing: the reader knows the Deployment.
  if (root.object.kind === "ReplicaSet" && root.owner !== undefined) add(root.owner);
  else add(root.object, root.objects.length);
  for (const kinds of stages) {
    const atStage = new Map<string, ObjectRef>();
    for (const { objects, owner } of members) {
      for (const ref of owner === undefined ? objects : [...objects, owner]) {
        const isInner = ref.kind === "ReplicaSet" && owner !== undefined;
        if (kinds.includes(ref.kind) && !isInner) atStage.set(keyOf(ref), ref);
      }
    }
    const [first] = atStage.values();
    // Of a stage that the root stands on already, only what is another kind of object is news: a dead webhook Service and
    // the Services whose Pods it blocks.
    if (first !== undefined && !members[0]?.objects.some((ref) => kinds.includes(ref.kind))) add(first, atStage.size);
  }
  return steps;
}

function kindOf(ref: ObjectRef): Parameters<Snapshot["isComplete"]>[0] {
  // isComplete answers false for a kind that was never read, so that an unknown kind is never called missing.
  return ref.kind as Parameters<Snapshot["isComplete"]>[0];
}

const workloadKinds = new Set(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"]);

function affectedBy(snapshot: Snapshot, members: readonly Finding[]): Incident["affected"] {
  const workloads = new Map<string, ObjectRef>();
  const services = new Map<string, ObjectRef>();
  const hosts = new Set<string>();
  const touch = (ref: ObjectRef): void => {
    const located = snapshot.find(ref);
    if (ref.kind === "Service") services.set(keyOf(ref), ref);
    if (!workloadKinds.has(ref.kind)) return;
    const owner = located === undefined ? undefined : topOwnerOf(snapshot, located.object);
    const top = owner !== undefined && workloadKinds.has(owner.kind) ? owner : ref;
    workloads.set(keyOf(top), top);
  };
  for (const { objects, owner, related, object } of members) {
    for (const ref of [...objects, ...related]) touch(ref);
    if (owner !== undefined && workloadKinds.has(owner.kind)) workloads.set(keyOf(owner), owner);
    const ingress = object.kind === "Ingress" ? snapshot.get("Ingress", object.namespace, object.name) : undefined;
    if (ingress !== undefined) for (const { host } of backendsOf(ingress)) if (host !== "") hosts.add(host);
  }
  return {
    workloads: [...workloads.values()].sort(compareRefs),
    services: [...services.values()].sort(compareRefs),
    hosts: [...hosts].sort(compareText),
  };
}

const severityWeight = { critical: 3, warning: 2, info: 1, risk: 0 } as const;
const confidenceWeight = { exact: 1, strong: 0.6, none: 0.3 } as const;

/** Worst first: severity, whether users reach it, how many workloads, platform, confidence, freshness. */
function scoreOf(snapshot: Snapshot, incident: Incident): number {
  const { members, root, affected } = incident;
  const kinds = new Set(members.map(({ object }) => object.kind));
  const reach = kinds.has("Ingress") ? 1 : affected.services.length > 0 ? 0.5 : 0;
  const isPlatform = root.depth <= 2 || root.object.namespace === "kube-system";
  const isFresh = incident.since !== undefined && snapshot.takenAt - incident.since <= hourMs;
  return (
    1000 * severityWeight[incident.severity] +
    250 * reach +
    120 * Math.log2(1 + Math.min(255, affected.workloads.length)) +
    80 * (isPlatform ? 1 : 0) +
    60 * confidenceWeight[incident.confidence] +
    40 * (isFresh ? 1 : 0)
  );
}
