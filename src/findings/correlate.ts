/**
 * From findings to incidents: one cause, and all that follows from it. A finding A explains B
 * - exactly, when B names A's object as its cause, or both name the same one;
 * - strongly, when the object graph leads from A to B through objects that are themselves in a bad state, the rules fit
 *   (explains.ts), and A did not begin after B.
 * Nothing is merged because it is near in time or on the same node: that is told as "possibly related". Where several
 * causes explain one roll-up, it belongs to the one that explains most of its Pods. Members plus single findings are all
 * findings; the severity of an incident is the worst of its members; the same findings in any order give the same incidents.
 */
import { backendsOf, causesOf, type EdgeKind } from "../kube/graph.ts";
import { isKindName, kindDefinition, type KindName, resourceName } from "../kube/kinds.ts";
import { tellsOfLookupFailure } from "../kube/messages/lookup.ts";
import { compareRefs, compareText, keyOf, type ObjectRef } from "../kube/object-ref.ts";
import { isOfKind, topOwnerOf } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { hourMs, minuteMs } from "../kube/time.ts";
import { isAboutNames, isRollUp, mayExplain, mayExplainLookup } from "./explains.ts";
import type { Finding } from "./finding.ts";
import { compareFindings } from "./fold.ts";
import type { ChainStep, Contribution, HiddenCause, Incident } from "./report.ts";
import { worse } from "./severity.ts";
import { addTo } from "../kube/grouping.ts";

const maxHops = 6;
/** A cause that is noticed a little later than what it does is still its cause. */
const slackMs = 5 * minuteMs;

/** How a finding is explained by another. */
interface Link {
  readonly parent: Finding;
  readonly strength: "exact" | "strong";
  /** The edges from the finding's object to the parent's; empty when it is named, or the same object. */
  readonly path: readonly EdgeKind[];
}

/** Folds `findings` into incidents, worst first. Risks are never cause nor symptom: each stands alone. */
export function correlate(snapshot: Snapshot, given: readonly Finding[]): readonly Incident[] {
  const findings = [...given].sort(compareFindings);
  const candidates = findings.filter(({ severity }) => severity !== "risk");
  const parents = new Map<Finding, Link>();
  const links = new Map<Finding, readonly Link[]>();
  const indexes = indexesOf(candidates);
  for (const finding of candidates) {
    const found = [...exactLinks(finding, indexes), ...strongLinks(snapshot, finding, indexes)].sort(compareLinks);
    links.set(finding, found);
    const [best] = found;
    if (best !== undefined) parents.set(finding, best);
  }
  cutCycles(candidates, parents);
  joinSameCause(candidates, parents);
  for (const finding of candidates) {
    if (!isRollUp(finding.rule)) continue;
    const better = linkOfMostPods(snapshot, finding, links.get(finding) ?? [], parents, indexes);
    if (better !== undefined) parents.set(finding, better);
  }

  const roots = new Map(findings.map((finding) => [finding, rootOf(finding, parents)]));
  const groups = Map.groupBy(findings, (finding) => roots.get(finding) ?? finding);
  const web = { parents, links, roots, explained: explainedElsewhere(links, roots) };
  const incidents = [...groups].map(([root, members]) => incidentOf(snapshot, root, members, web));
  const related = possiblyRelated(snapshot, incidents);
  return incidents
    .map((incident) => {
      const near = related.get(incident.id) ?? [];
      return near.length === 0 ? incident : { ...incident, possiblyRelated: near };
    })
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
    for (const ref of objects) addTo(byObject, keyOf(ref), finding);
    for (const ref of related) addTo(byRelated, keyOf(ref), finding);
    // Controllers between a bad Pod and its top owner have no finding of their own while the owner is within limits.
    for (const ref of [...objects, ...related, cause, owner]) if (ref !== undefined) bad.add(keyOf(ref));
  }
  return { byObject, byRelated, bad };
}

/** A symptom is never nearer to the root than its cause, unless it only sums up what its Pods or its Service do. */
function mayBeParent(parent: Finding, finding: Finding): boolean {
  if (parent === finding) return false;
  return parent.depth <= finding.depth || (isRollUp(finding.rule) && !isRollUp(parent.rule));
}

/** B names A's object as its cause, or A lists B's object among those that it hurts. */
function exactLinks(finding: Finding, { byObject, byRelated }: Indexes): readonly Link[] {
  const named = (finding.cause === undefined ? [] : (byObject.get(keyOf(finding.cause)) ?? [])).filter(
    // Many rules speak of one node, and what is only context there breaks nothing.
    (parent) => mayExplain(parent.rule, finding.rule) || (finding.cause?.kind !== "Node" && parent.severity !== "info"),
  );
  const relating = finding.objects
    .flatMap((object) => byRelated.get(keyOf(object)) ?? [])
    .filter(({ depth, rule }) => !isRollUp(rule) && depth < finding.depth && mayExplain(rule, finding.rule));
  return [...named, ...relating]
    .filter((parent) => mayBeParent(parent, finding))
    .map((parent) => ({ parent, strength: "exact" as const, path: [] }));
}

/** Walks from B towards what can break it, through objects in a bad state only. */
function strongLinks(snapshot: Snapshot, finding: Finding, { byObject, bad }: Indexes): readonly Link[] {
  const links: Link[] = [];
  for (const { ref, path } of walk(snapshot, finding.objects, bad)) {
    for (const parent of byObject.get(keyOf(ref)) ?? []) {
      const isLookup = mayExplainLookup(parent.rule, finding.rule, path);
      if (!mayBeParent(parent, finding) || !(isLookup || mayExplain(parent.rule, finding.rule, path))) continue;
      if (explainsInTime(parent, finding) && explainsInWords(snapshot, parent, finding, isLookup)) {
        links.push({ parent, strength: "strong", path });
      }
    }
  }
  return links;
}

/** The objects that can break `objects`, themselves first, nearest first; healthy objects end the way. */
function walk(
  snapshot: Snapshot,
  objects: readonly ObjectRef[],
  bad: ReadonlySet<string>,
): readonly { readonly ref: ObjectRef; readonly path: readonly EdgeKind[] }[] {
  const seen = new Set(objects.map(keyOf));
  let frontier: { ref: ObjectRef; path: readonly EdgeKind[] }[] = objects.map((ref) => ({ ref, path: [] }));
  const met = [...frontier];
  for (let hops = 1; hops <= maxHops && frontier.length > 0; hops += 1) {
    const next: typeof frontier = [];
    for (const { ref, path } of frontier) {
      for (const { kind, from } of causesOf(snapshot, ref)) {
        const key = keyOf(from);
        // ReplicaSets and Jobs carry a fault upwards without a finding of their own.
        const isCarrier = from.kind === "ReplicaSet" || from.kind === "Job";
        if (seen.has(key) || (!bad.has(key) && !isCarrier)) continue;
        seen.add(key);
        next.push({ ref: from, path: [...path, kind] });
      }
    }
    met.push(...next);
    frontier = next;
  }
  return met;
}

/** Whether A did not begin clearly later than B; unknown onsets do not count against it, nor does context explain failures. */
function explainsInTime(cause: Finding, symptom: Finding): boolean {
  if (cause.severity === "info" && symptom.severity !== "info" && cause.rule !== "node-rebooted") return false;
  // A Pod that is on a lost node cannot end, whenever it was asked to.
  if (symptom.rule === "pod-stuck-terminating") return true;
  return cause.since === undefined || symptom.since === undefined || cause.since <= symptom.since + slackMs;
}

/** What some causes must be able to show in the symptom's own words. */
function explainsInWords(snapshot: Snapshot, cause: Finding, symptom: Finding, isLookup: boolean): boolean {
  if (isLookup || (isAboutNames(cause.rule) && !isRollUp(symptom.rule)))
    return wordsOf(snapshot, symptom).some(tellsOfLookupFailure);
  if (symptom.rule === "node-not-ready") return wordsOf(snapshot, symptom).some((text) => pluginWords.test(text));
  return true;
}

/** How a kubelet says that the network or storage plugin is why its node is not ready. */
const pluginWords = /network ?plugin|NetworkReady=false|\bcni\b|CSINode/i;

function wordsOf(snapshot: Snapshot, { evidence, objects }: Finding): readonly string[] {
  const said = evidence.flatMap((item) =>
    item.type === "event"
      ? [item.message]
      : item.type === "log"
        ? item.lines
        : "value" in item
          ? [JSON.stringify(item.value)]
          : [],
  );
  const logs = objects.flatMap((ref) => {
    const located = snapshot.find(ref);
    if (!isOfKind(located, "Pod")) return [];
    const containers = [...(located.object.spec?.initContainers ?? []), ...(located.object.spec?.containers ?? [])];
    return containers.flatMap(({ name = "" }) => snapshot.logOf(ref.namespace ?? "", ref.name, name)?.lines ?? []);
  });
  return [...said, ...logs];
}

/** Exact before strong, then nearest to the root, then the earliest, then the fewest hops, then the worst, then by id. */
function compareLinks(a: Link, b: Link): number {
  return (
    (a.strength === b.strength ? 0 : a.strength === "exact" ? -1 : 1) ||
    a.parent.depth - b.parent.depth ||
    (a.parent.since ?? Infinity) - (b.parent.since ?? Infinity) ||
    a.path.length - b.path.length ||
    compareFindings(a.parent, b.parent)
  );
}

/**
 * Half of a workload's Pods are on a lost node and the others run out of memory: the roll-up belongs to the cause of more of
 * them. A controller that is not allowed to make its Pods has none to count, so what names it stays its cause.
 */
function linkOfMostPods(
  snapshot: Snapshot,
  finding: Finding,
  links: readonly Link[],
  parents: ReadonlyMap<Finding, Link>,
  { byObject, bad }: Indexes,
): Link | undefined {
  const [best] = links;
  if (best === undefined || best.strength === "exact" || /^(?:create-blocked|webhook|quota)-/.test(best.parent.rule)) {
    return undefined;
  }
  const byRoot = Map.groupBy(
    links.filter(({ parent }) => !goesThrough(parent, finding, parents)),
    ({ parent }) => rootOf(parent, parents),
  );
  if (byRoot.size < 2) return undefined;
  const pods = walk(snapshot, finding.objects, bad).filter(({ ref }) => ref.kind === "Pod");
  const counts = new Map<Finding, number>();
  for (const { ref } of pods) {
    const own = (byObject.get(keyOf(ref)) ?? []).filter(({ rule, severity }) => !isRollUp(rule) && severity !== "info");
    const node = causesOf(snapshot, ref).flatMap(({ kind, from }) =>
      kind === "node" ? (byObject.get(keyOf(from)) ?? []) : [],
    );
    const told = own.length > 0 ? own : node.filter(({ rule }) => mayExplain(rule, finding.rule, ["node"]));
    for (const root of new Set(told.map((each) => rootOf(each, parents))))
      counts.set(root, (counts.get(root) ?? 0) + 1);
  }
  const [most] = [...byRoot].sort(([a, [first]], [b, [second]]) => {
    const more = (counts.get(b) ?? 0) - (counts.get(a) ?? 0);
    return more === 0 && first !== undefined && second !== undefined ? compareLinks(first, second) : more;
  });
  return most === undefined || (counts.get(most[0]) ?? 0) === 0 ? undefined : most[1][0];
}

/** Whether the way from `finding` to its root leads through `through`. */
function goesThrough(finding: Finding, through: Finding, parents: ReadonlyMap<Finding, Link>): boolean {
  for (let current: Finding | undefined = finding; current !== undefined; current = parents.get(current)?.parent) {
    if (current === through) return true;
  }
  return false;
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
    for (const other of others) parents.set(other, { parent: first, strength: "exact", path: [] });
  }
}

function rootOf(finding: Finding, parents: ReadonlyMap<Finding, Link>): Finding {
  let current = finding;
  for (let link = parents.get(current); link !== undefined; link = parents.get(current)) current = link.parent;
  return current;
}

/** How the findings hang together. */
interface Web {
  readonly parents: ReadonlyMap<Finding, Link>;
  /** All that could explain a finding, best first. */
  readonly links: ReadonlyMap<Finding, readonly Link[]>;
  readonly roots: ReadonlyMap<Finding, Finding>;
  /** By root: the findings of other incidents that could be explained from it. */
  readonly explained: ReadonlyMap<Finding, readonly Finding[]>;
}

function incidentOf(snapshot: Snapshot, root: Finding, unsorted: readonly Finding[], web: Web): Incident {
  const members = [
    root,
    ...unsorted.filter((member) => member !== root).sort((a, b) => a.depth - b.depth || compareFindings(a, b)),
  ];
  const links = members.flatMap((member) => {
    const link = web.parents.get(member);
    if (link === undefined) return [];
    const { parent, strength, path } = link;
    return [{ finding: member.id, explainedBy: parent.id, strength, along: path }];
  });
  const onsets = members.map(({ since }) => since).filter((since) => since !== undefined);
  const contributing = contributionsTo(snapshot, root, members, web);
  const shared = web.explained.get(root) ?? [];
  const hidden = hiddenCauses(snapshot, root);
  return {
    id: root.id,
    severity: members.map(({ severity }) => severity).reduce(worse),
    root,
    members,
    chain: chainOf(snapshot, root, members),
    affected: affectedBy(snapshot, members),
    confidence: links.length === 0 ? "none" : links.every(({ strength }) => strength === "exact") ? "exact" : "strong",
    ...(links.length > 0 && { links }),
    ...(contributing.length > 0 && { contributing }),
    ...(shared.length > 0 && { alsoExplains: shared }),
    ...(hidden.length > 0 && { hiddenBy: hidden }),
    ...(onsets.length > 0 && { since: root.since ?? Math.min(...onsets) }),
  };
}

/** The roots of other incidents that explain members too, and workloads at zero behind the root. */
function contributionsTo(
  snapshot: Snapshot,
  root: Finding,
  members: readonly Finding[],
  { links, roots }: Web,
): readonly Contribution[] {
  const others = members
    .flatMap((member) => links.get(member) ?? [])
    .map(({ parent }) => roots.get(parent) ?? parent)
    .filter((other) => other !== root);
  const found = [...new Set(others)]
    .sort(compareFindings)
    .map((other) => ({ object: other.owner ?? other.object, what: other.title, finding: other.id }));
  return [...found, ...asleepBehind(snapshot, root)];
}

/** By root: the findings of other incidents that could be explained from it. Found for all at once, in one pass. */
function explainedElsewhere(
  links: ReadonlyMap<Finding, readonly Link[]>,
  roots: ReadonlyMap<Finding, Finding>,
): ReadonlyMap<Finding, readonly Finding[]> {
  const explained = new Map<Finding, Finding[]>();
  for (const [finding, found] of links) {
    const own = roots.get(finding);
    for (const root of new Set(found.map(({ parent }) => roots.get(parent) ?? parent))) {
      if (root !== own) addTo(explained, root, finding);
    }
  }
  for (const findings of explained.values()) findings.sort(compareFindings);
  return explained;
}

/** Workloads scaled to zero behind the Service that the root's object depends on: somebody's wish, and yet why. */
function asleepBehind(snapshot: Snapshot, root: Finding): readonly Contribution[] {
  const asleep = new Map<string, ObjectRef>();
  let frontier: readonly ObjectRef[] = root.objects;
  for (let hops = 0; hops < 3; hops += 1) {
    // Each object once: the Pods of a root share their Services.
    const next = new Map<string, ObjectRef>();
    for (const ref of frontier) {
      for (const { kind, from } of causesOf(snapshot, ref)) {
        if (kind === "backend" || kind === "select") next.set(keyOf(from), from);
      }
    }
    frontier = [...next.values()];
    for (const ref of frontier) {
      const located = snapshot.find(ref);
      const hasReplicas =
        isOfKind(located, "Deployment") || isOfKind(located, "StatefulSet") || isOfKind(located, "ReplicaSet");
      if (hasReplicas && located.object.spec?.replicas === 0) asleep.set(keyOf(ref), ref);
    }
  }
  return [...asleep.values()].sort(compareRefs).map((object) => ({ object, what: "it is scaled to zero" }));
}

/** For each kind of object that may hold the cause, one rule that would say so. */
const hidingPlaces: readonly (readonly [KindName, string])[] = [
  ["Node", "node-not-ready"],
  ["Pod", "container-exit-loop"],
  ["ConfigMap", "configmap-missing"],
  ["Secret", "secret-missing"],
  ["ServiceAccount", "serviceaccount-missing"],
  ["PersistentVolumeClaim", "pvc-lost"],
  ["PersistentVolume", "pv-failed"],
  ["StorageClass", "storageclass-provisioner-removed"],
  ["ResourceQuota", "quota-exhausted"],
  ["ValidatingWebhookConfiguration", "webhook-backend-missing"],
  ["MutatingWebhookConfiguration", "webhook-backend-missing"],
  ["Service", "service-selector-matches-nothing"],
  ["APIService", "apiservice-unavailable"],
  ["Lease", "leader-lease-stale"],
];

/** Kinds that were asked for and not read whole, if what stands in them could explain the root. */
function hiddenCauses(snapshot: Snapshot, root: Finding): readonly HiddenCause[] {
  const { namespace } = root.object;
  return hidingPlaces.flatMap(([kind, rule]) => {
    if (root.object.kind === kind || !mayExplain(rule, root.rule)) return [];
    const isNamespaced = kindDefinition(kind).namespaced;
    return snapshot.reads
      .filter(
        (read) =>
          read.kind === kind &&
          (read.state === "unread" || read.state === "partial") &&
          (!isNamespaced || namespace === undefined || read.namespace === undefined || read.namespace === namespace),
      )
      .slice(0, 1)
      .map(({ namespace: where, reason, state }) => ({
        what: resourceName(kindDefinition(kind)),
        ...(where !== undefined && { namespace: where }),
        reason: reason ?? (state === "partial" ? "only some could be read" : "could not be read"),
      }));
  });
}

/** How near two onsets must be to be told together. */
const nearMs = 10 * minuteMs;
const relatedLimit = 5;

/**
 * What may have to do with each other without a path between them: an incident of a node, a zone, a registry or a policy, and
 * incidents of Pods that are there and went bad at about that time. Two Pods on one node are not enough.
 */
function possiblyRelated(
  snapshot: Snapshot,
  incidents: readonly Incident[],
): ReadonlyMap<string, readonly Contribution[]> {
  const related = new Map<string, Contribution[]>();
  const relate = (incident: Incident, other: Incident, what: string): void => {
    const known = related.get(incident.id) ?? [];
    const { root } = other;
    related.set(incident.id, [...known, { object: root.owner ?? root.object, what, finding: root.id }]);
  };
  const byPlace = new Map<string, Incident[]>();
  for (const incident of incidents) {
    if (incident.severity === "risk") continue;
    for (const place of placesOf(snapshot, incident)) {
      const there = byPlace.get(place);
      if (there === undefined) byPlace.set(place, [incident]);
      else there.push(incident);
    }
  }
  for (const incident of incidents) {
    const { root } = incident;
    const isPlace = ["Node", "Zone", "ImageHost"].includes(root.object.kind) || root.rule.startsWith("netpol-");
    if (!isPlace || root.severity === "risk" || root.severity === "info") continue;
    const keys = [...root.objects, ...(root.cause === undefined ? [] : [root.cause]), ...policiesIn(root)].map(keyOf);
    const there = new Set(keys.flatMap((key) => byPlace.get(key) ?? []));
    for (const other of [...there].sort((a, b) => compareText(a.id, b.id))) {
      if (other === incident || !isNear(incident, other)) continue;
      const where = placeWords[root.object.kind] ?? "under the same policy";
      relate(incident, other, where);
      relate(other, incident, where);
    }
  }
  return new Map([...related].map(([id, found]) => [id, found.slice(0, relatedLimit)]));
}

const placeWords: Readonly<Record<string, string>> = {
  Node: "on the same node, at about the same time",
  Zone: "in the same zone, at about the same time",
  ImageHost: "from the same registry, at about the same time",
};

function policiesIn({ evidence, rule }: Finding): readonly ObjectRef[] {
  if (!rule.startsWith("netpol-")) return [];
  return evidence.map(({ object }) => object).filter(({ kind }) => kind === "NetworkPolicy");
}

/** Both onsets known and near, or, for a policy, the other one later than it. */
function isNear({ root, since }: Incident, other: Incident): boolean {
  if (root.rule.startsWith("netpol-")) return other.root.depth >= 6;
  if (since === undefined || other.since === undefined) return false;
  return Math.abs(since - other.since) <= nearMs;
}

/** Nodes, zones, registries and policies of the Pods that the incident's findings are about. */
function placesOf(snapshot: Snapshot, { members }: Incident): ReadonlySet<string> {
  const places = new Set<string>();
  for (const { objects, rule } of members) {
    for (const ref of objects.slice(0, 50)) {
      if (ref.kind !== "Pod") continue;
      for (const { kind, from } of causesOf(snapshot, ref)) {
        if (kind === "node" || kind === "policy" || (kind === "image" && rule.startsWith("image-")))
          places.add(keyOf(from));
      }
    }
  }
  return places;
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
    // Zones and registries are no objects: only what could be there can be missing.
    const isMissing =
      isKindName(ref.kind) && snapshot.find(ref) === undefined && snapshot.isComplete(ref.kind, ref.namespace);
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
  const isReached =
    kinds.has("Ingress") ||
    kinds.has("Gateway") ||
    affected.services.some((ref) => {
      const located = snapshot.find(ref);
      return isOfKind(located, "Service") && located.object.spec?.type === "LoadBalancer";
    });
  const reach = isReached ? 1 : affected.services.length > 0 ? 0.5 : 0;
  const isPlatform = root.depth <= 2 || root.object.namespace === "kube-system";
  const isFresh = incident.since !== undefined && snapshot.takenAt - incident.since <= hourMs;
  return (
    1000 * severityWeight[incident.severity] +
    250 * reach +
    120 * Math.log2(1 + Math.min(255, affected.workloads.length)) +
    80 * (isPlatform ? 1 : 0) +
    60 * confidenceWeight[incident.confidence] +
    40 * (isFresh ? 1 : 0) -
    300 * (isFlapping(snapshot, root) ? 1 : 0)
  );
}

/** Whether it went away and came back three times or more, by the events that are left. */
function isFlapping(snapshot: Snapshot, { rule, object }: Finding): boolean {
  if (rule === "node-flapping") return true;
  if (object.kind !== "Node") return false;
  const times = snapshot
    .eventsOf(object)
    .filter(({ reason }) => reason === "NodeNotReady")
    .map(({ count }) => count);
  return times.reduce((sum, count) => sum + count, 0) >= 3;
}
