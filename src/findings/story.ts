/**
 * The story of one object: the incidents that it is part of, what stands around it in the object graph and in which state,
 * what happened to it in order, and what was looked at and is fine. Pure: made of a snapshot and the report about it.
 */
import { type CustomResource, refOfCustom } from "../kube/custom-resources.ts";
import type { EventRecord } from "../kube/events.ts";
import { causesOf, type EdgeKind } from "../kube/graph.ts";
import { conditionOf } from "../kube/guards.ts";
import { isKindName, kindDefinition, type KindName, kindNames, resourceName } from "../kube/kinds.ts";
import { compareRefs, compareText, keyOf, namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { endpointsOf, isOfKind, isUsable, podsOwnedBy } from "../kube/relations.ts";
import type { ClusterInfo, Located, Snapshot } from "../kube/snapshot.ts";
import type { Finding } from "./finding.ts";
import type { CoverageGap, Incident, Report } from "./report.ts";
import type { Severity } from "./severity.ts";

/**
 * `failing`: a finding is about it. `unsettled`: its status is not what it should be, but no rule says why; often it has just
 * begun. `not-read`: nothing is known of it.
 */
export type ObjectState = "failing" | "unsettled" | "fine" | "missing" | "not-read";

/** What an object looks like now. */
export interface Condition {
  readonly state: ObjectState;
  /** In a few words, `Running, 1 of 2 containers ready`; "" when there is nothing to tell. */
  readonly words: string;
  /** The worst severity of the findings about it. */
  readonly severity?: Severity;
  /** What explains that it is unsettled, beyond the findings about it: the node that it is on. */
  readonly because?: ObjectRef;
}

/** An object near the one in question. */
export interface Neighbour extends Condition {
  readonly object: ObjectRef;
  /** `needs`: it can break the object in question. `serves`: it breaks when that does. */
  readonly side: "needs" | "serves";
  /** The last edge on the way to it, and how many there are. */
  readonly edge: EdgeKind;
  readonly hops: number;
  /** The titles of the findings about it. */
  readonly findings: readonly string[];
}

/** What the object has to do with an incident. */
export type StoryRole = "cause" | "symptom" | "affected";

/** See the head of this file. */
export interface Story {
  readonly cluster: ClusterInfo;
  readonly takenAt: number;
  readonly object: ObjectRef;
  readonly now: Condition;
  readonly incidents: readonly { readonly role: StoryRole; readonly incident: Incident }[];
  /** Of a Namespace: the incidents that something in it is part of, worst first. */
  readonly within: readonly Incident[];
  readonly neighbours: readonly Neighbour[];
  /** Oldest first: of the object, and of the Pods and ReplicaSets that it controls. */
  readonly events: readonly EventRecord[];
  /** The analyzers that looked at objects of this kind, with the number of their rules. */
  readonly checkedBy: readonly { readonly analyzer: string; readonly rules: number }[];
  /** What could not be read of the object and its neighbours. */
  readonly gaps: readonly CoverageGap[];
}

/** What is known of an analyzer here. */
export interface Checker {
  readonly name: string;
  /** Whether it looks at objects of the cluster's own kinds. */
  readonly customResources?: boolean;
  readonly needs: readonly KindName[];
  readonly rules: Readonly<Record<string, unknown>>;
}

const mostHops = 4;
const mostNeighbours = 200;

/** Tells the story of `object`, which need not exist. */
export function storyOf(snapshot: Snapshot, report: Report, object: ObjectRef, checkers: readonly Checker[]): Story {
  const byObject = findingsByObject(report.findings);
  const neighbours = neighboursOf(snapshot, object, byObject);
  const kinds = new Set([object.kind, ...neighbours.map(({ object: { kind } }) => kind)]);
  // A ReplicaSet or Job has no finding of its own where its owner has one: its Pods tell what it is part of.
  const uid = isKindName(object.kind) ? snapshot.find(object)?.object.metadata?.uid : undefined;
  const parts = new Set(podsOwnedBy(snapshot, uid).map((pod) => keyOf(refOf("Pod", pod))));
  const isCustom = customOf(snapshot, object) !== undefined;
  const resources = new Set([...kinds].filter(isKindName).map((kind) => resourceName(kindDefinition(kind))));
  return {
    cluster: report.cluster,
    takenAt: report.takenAt,
    object,
    now: conditionNow(snapshot, object, byObject),
    incidents: report.incidents.flatMap((incident) => {
      const role = roleIn(incident, object) ?? (hasPartIn(incident, parts) ? "symptom" : undefined);
      return role === undefined || incident.severity === "risk" ? [] : [{ role, incident }];
    }),
    within: object.kind === "Namespace" ? report.incidents.filter((incident) => isWithin(incident, object)) : [],
    neighbours,
    events: eventsAround(snapshot, object),
    checkedBy: checkers
      .filter(
        ({ name, needs, customResources }) =>
          report.analyzers.includes(name) &&
          (name === object.kind ||
            needs.some((kind) => kind === object.kind) ||
            (customResources === true && isCustom)),
      )
      .map(({ name, rules }) => ({ analyzer: name, rules: Object.keys(rules).length })),
    gaps: report.coverage.filter(
      ({ what, namespace, level }) =>
        level === "gap" &&
        (resources.has(what) || what === "events") &&
        (namespace === undefined || object.namespace === undefined || namespace === object.namespace),
    ),
  };
}

type FindingIndex = ReadonlyMap<string, readonly Finding[]>;

/** Findings by each object that shows them, their owner, and what is missing. */
function findingsByObject(findings: readonly Finding[]): FindingIndex {
  const index = new Map<string, Finding[]>();
  for (const finding of findings) {
    if (finding.severity === "risk") continue;
    const refs = [...finding.objects, ...(finding.owner === undefined ? [] : [finding.owner])];
    for (const key of new Set(refs.map(keyOf))) {
      const list = index.get(key);
      if (list === undefined) index.set(key, [finding]);
      else list.push(finding);
    }
  }
  return index;
}

function roleIn({ root, members, chain, affected }: Incident, object: ObjectRef): StoryRole | undefined {
  const key = keyOf(object);
  const isOne = (ref: ObjectRef | undefined): boolean => ref !== undefined && keyOf(ref) === key;
  if (isOne(root.cause) || isOne(root.owner) || root.objects.some(isOne)) return "cause";
  if (members.some(({ objects, owner, cause }) => isOne(owner) || isOne(cause) || objects.some(isOne)))
    return "symptom";
  const touched = [...chain, ...affected.workloads, ...affected.services, ...members.flatMap(({ related }) => related)];
  return touched.some(isOne) ? "affected" : undefined;
}

function hasPartIn({ members }: Incident, parts: ReadonlySet<string>): boolean {
  return parts.size > 0 && members.some(({ objects }) => objects.some((ref) => parts.has(keyOf(ref))));
}

/** Whether something in the namespace is part of the incident, other than the namespace itself. */
function isWithin(incident: Incident, namespace: ObjectRef): boolean {
  return (
    incident.severity !== "risk" &&
    roleIn(incident, namespace) === undefined &&
    incident.members.some(({ objects, owner }) =>
      [...objects, ...(owner === undefined ? [] : [owner])].some((ref) => ref.namespace === namespace.name),
    )
  );
}

// ---- neighbours -----------------------------------------------------------------------------------------------------------

/** Edges to what every object of a kind leans on: told where something is wrong there, else noise. */
const background: ReadonlySet<EdgeKind> = new Set(["ctrl", "image", "policy", "template", "sched"]);

function neighboursOf(snapshot: Snapshot, object: ObjectRef, byObject: FindingIndex): readonly Neighbour[] {
  const found = new Map<string, Neighbour>();
  const meet = (side: Neighbour["side"], edge: EdgeKind, ref: ObjectRef, hops: number): boolean => {
    const key = keyOf(ref);
    if (key === keyOf(object) || found.has(key)) return false;
    const now = conditionNow(snapshot, ref, byObject);
    if (now.state !== "failing" && now.state !== "missing" && (background.has(edge) || !isKindName(ref.kind)))
      return false;
    // The reader knows its owner, which says what is wrong; and a node's own lease is part of the node.
    if ((ref.kind === "ReplicaSet" && now.state === "unsettled") || (ref.kind === "Lease" && now.state === "fine"))
      return true;
    const findings = [...new Set((byObject.get(key) ?? []).map(({ title }) => title))];
    found.set(key, { object: ref, side, edge, hops, findings, ...now });
    return true;
  };
  let frontier: readonly ObjectRef[] = [object];
  for (let hops = 1; hops <= mostHops && frontier.length > 0; hops += 1) {
    frontier = frontier.flatMap((ref) =>
      causesOf(snapshot, ref).flatMap(({ kind, from }) =>
        meet("needs", kind, from, hops) && !background.has(kind) ? [from] : [],
      ),
    );
  }
  const located = isKindName(object.kind) ? snapshot.find(object) : undefined;
  const pods = podsOwnedBy(snapshot, located?.object.metadata?.uid).map((pod) => refOf("Pod", pod));
  const serves = servedBy(snapshot);
  frontier = [object, ...pods];
  const seen = new Set(frontier.map(keyOf));
  for (let hops = 1; hops <= mostHops && frontier.length > 0; hops += 1) {
    frontier = frontier.flatMap((ref) =>
      (serves.get(keyOf(ref)) ?? []).flatMap(({ kind, ref: above }) => {
        if (background.has(kind) || seen.has(keyOf(above))) return [];
        seen.add(keyOf(above));
        meet("serves", kind, above, hops);
        return [above];
      }),
    );
  }
  return [...found.values()]
    .sort(
      (a, b) =>
        compareText(a.side, b.side) ||
        stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state) ||
        a.hops - b.hops ||
        compareRefs(a.object, b.object),
    )
    .slice(0, mostNeighbours);
}

const stateOrder: readonly ObjectState[] = ["missing", "failing", "unsettled", "not-read", "fine"];

/** The graph read backwards: for each object, those that it can break. */
function servedBy(
  snapshot: Snapshot,
): ReadonlyMap<string, readonly { readonly kind: EdgeKind; readonly ref: ObjectRef }[]> {
  const index = new Map<string, { kind: EdgeKind; ref: ObjectRef }[]>();
  for (const kind of kindNames) {
    if (kind === "Event") continue;
    for (const object of snapshot.list(kind)) {
      const ref = refOf(kind, object);
      for (const { kind: edge, from } of causesOf(snapshot, ref)) {
        const entry = { kind: edge, ref };
        const list = index.get(keyOf(from));
        if (list === undefined) index.set(keyOf(from), [entry]);
        else list.push(entry);
      }
    }
  }
  return index;
}

function conditionNow(snapshot: Snapshot, ref: ObjectRef, byObject: FindingIndex): Condition {
  const findings = byObject.get(keyOf(ref)) ?? [];
  const worst = findings.find(({ severity }) => severity !== "info") ?? findings[0];
  const severity = worst === undefined ? {} : { severity: worst.severity };
  const located = isKindName(ref.kind) ? snapshot.find(ref) : undefined;
  const custom = located === undefined ? customOf(snapshot, ref) : undefined;
  if (located === undefined && custom === undefined) {
    const isGone = isKindName(ref.kind) && snapshot.isComplete(ref.kind, ref.namespace);
    return {
      state: isGone ? "missing" : worst === undefined ? "not-read" : "failing",
      words: isGone ? "does not exist" : "",
      ...severity,
    };
  }
  const { words, isGood } =
    located !== undefined
      ? statusOf(snapshot, located)
      : custom === undefined
        ? { words: "", isGood: true }
        : statusOfCustom(custom);
  if (worst !== undefined && worst.severity !== "info") return { state: "failing", words, ...severity };
  if (isGood) return { state: "fine", words, ...severity };
  // What a Pod on a lost node says of itself is old.
  const node = isOfKind(located, "Pod") ? nodeThatFails(located.object.spec?.nodeName, byObject) : undefined;
  return { state: "unsettled", words, ...severity, ...(node !== undefined && { because: node }) };
}

function nodeThatFails(name: string | undefined, byObject: FindingIndex): ObjectRef | undefined {
  if (name === undefined) return undefined;
  const ref = namedRef("Node", undefined, name);
  return (byObject.get(keyOf(ref)) ?? []).some(({ severity }) => severity !== "info") ? ref : undefined;
}

/** The custom resource that the reference names. */
function customOf(snapshot: Snapshot, ref: ObjectRef): CustomResource | undefined {
  return snapshot.customResources().find((entry) => keyOf(refOfCustom(entry)) === keyOf(ref));
}

/** Conditions by which controllers say that all is well (contributors' API conventions). */
const summaries = ["Ready", "Available", "Healthy", "Accepted", "Established", "Complete"];

/** What an object of a kind that is not known here says of itself. */
function statusOfCustom({ object: { metadata, status } }: CustomResource): Status {
  if (metadata?.deletionTimestamp !== undefined) return { words: "is being deleted", isGood: false };
  const conditions = status?.conditions ?? [];
  const summary = summaries
    .map((type) => conditions.find((condition) => condition.type === type))
    .find((condition) => condition !== undefined);
  if (typeof summary?.type === "string" && typeof summary.status === "string") {
    const isGood = summary.status === "True";
    const reason = isGood || typeof summary.reason !== "string" ? "" : `, ${summary.reason}`;
    return { words: `${summary.type} ${summary.status}${reason}`, isGood };
  }
  const word = status?.phase ?? status?.state;
  return { words: typeof word === "string" ? word : "", isGood: true };
}

interface Status {
  readonly words: string;
  readonly isGood: boolean;
}

/** What the status of an object says, in words, and whether that is how it should be. */
function statusOf(snapshot: Snapshot, located: Located): Status {
  if (located.object.metadata?.deletionTimestamp !== undefined) return { words: "is being deleted", isGood: false };
  if (isOfKind(located, "Pod")) {
    const { phase = "not known", containerStatuses = [], reason } = located.object.status ?? {};
    const ready = containerStatuses.filter((container) => container.ready === true).length;
    const waiting = containerStatuses.map(({ state }) => state?.waiting?.reason).find((word) => word !== undefined);
    const restarts = containerStatuses.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
    const parts = [waiting ?? reason ?? phase, `${ready} of ${containerStatuses.length} containers ready`];
    return {
      words: [...parts, ...(restarts > 0 ? [`${restarts} restarts`] : [])].join(", "),
      isGood: phase === "Succeeded" || conditionOf(located.object, "Ready")?.status === "True",
    };
  }
  if (isOfKind(located, "Deployment") || isOfKind(located, "StatefulSet") || isOfKind(located, "ReplicaSet")) {
    const { spec, status } = located.object;
    const wanted = spec?.replicas ?? 1;
    const ready = status?.readyReplicas ?? 0;
    return { words: wanted === 0 ? "scaled to zero" : `${ready} of ${wanted} ready`, isGood: ready >= wanted };
  }
  if (isOfKind(located, "DaemonSet")) {
    const { desiredNumberScheduled = 0, numberReady = 0 } = located.object.status ?? {};
    return {
      words: `${numberReady} of ${desiredNumberScheduled} ready`,
      isGood: numberReady >= desiredNumberScheduled,
    };
  }
  if (isOfKind(located, "Job")) {
    const failed = conditionOf(located.object, "Failed")?.status === "True";
    const done = conditionOf(located.object, "Complete")?.status === "True";
    return { words: failed ? "failed" : done ? "complete" : "runs", isGood: !failed };
  }
  if (isOfKind(located, "Node")) {
    const ready = conditionOf(located.object, "Ready")?.status === "True";
    const closed = located.object.spec?.unschedulable === true;
    return { words: `${ready ? "Ready" : "not ready"}${closed ? ", cordoned" : ""}`, isGood: ready && !closed };
  }
  if (
    isOfKind(located, "PersistentVolumeClaim") ||
    isOfKind(located, "PersistentVolume") ||
    isOfKind(located, "Namespace")
  ) {
    const { phase = "not known" } = located.object.status ?? {};
    return { words: phase, isGood: ["Bound", "Available", "Active"].includes(phase) };
  }
  if (isOfKind(located, "Service")) {
    if (
      located.object.spec?.selector === undefined ||
      !snapshot.isComplete("EndpointSlice", located.object.metadata?.namespace)
    ) {
      return { words: "", isGood: true };
    }
    const usable = endpointsOf(snapshot, located.object).filter(isUsable).length;
    return { words: `${usable} usable ${usable === 1 ? "endpoint" : "endpoints"}`, isGood: usable > 0 };
  }
  if (isOfKind(located, "APIService")) {
    const available = conditionOf(located.object, "Available")?.status;
    return { words: available === "True" ? "available" : "not available", isGood: available === "True" };
  }
  return { words: "", isGood: true };
}

// ---- events ---------------------------------------------------------------------------------------------------------------

function eventsAround(snapshot: Snapshot, object: ObjectRef): readonly EventRecord[] {
  const located = isKindName(object.kind) ? snapshot.find(object) : undefined;
  const uid = located?.object.metadata?.uid;
  const parts =
    uid === undefined ? [] : snapshot.dependentsOf(uid).filter(({ kind }) => kind === "ReplicaSet" || kind === "Job");
  const refs = [
    located === undefined ? object : refOf(located.kind, located.object),
    ...parts.map((part) => refOf(part.kind, part.object)),
    ...podsOwnedBy(snapshot, uid).map((pod) => refOf("Pod", pod)),
  ];
  return [...new Set(refs.flatMap((ref) => snapshot.eventsOf(ref)))].sort(
    (a, b) => (a.lastSeen ?? 0) - (b.lastSeen ?? 0) || compareText(a.name, b.name),
  );
}
