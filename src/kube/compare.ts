/**
 * Two clusters of one fleet side by side: versions, the kinds that they serve, workloads by image and replicas, and what
 * roles allow. What could not be read of one of them is told and not compared: it is neither equal nor missing.
 */
import { addTo } from "./grouping.ts";
import type { KindName } from "./kinds.ts";
import { compareText, namedRef, type ObjectRef, qualifiedName, refOf } from "./object-ref.ts";
import type { ClusterInfo, Snapshot } from "./snapshot.ts";

/** One of the two clusters. */
export interface Side {
  /** How the user named it. */
  readonly name: string;
  readonly snapshot: Snapshot;
  /** What its server serves, in the preferred version; undefined when that is not known. */
  readonly served: readonly ServedKind[] | undefined;
  /** Why it is not known. */
  readonly servedReason?: string;
}

interface ServedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** A value in each of the two; undefined where there is none. */
export type Pair = readonly [left: string | undefined, right: string | undefined];

/** One thing that is not the same. */
export interface Difference {
  /** What differs: an object, or a part of the cluster, `kubelet`. */
  readonly subject: ObjectRef | string;
  /** The part of it, `image of cart`; absent when the whole is in one of them only. */
  readonly field?: string;
  readonly values: Pair;
}

/** One part of the comparison. */
export interface Section {
  readonly name: "versions" | "kinds" | "workloads" | "roles";
  readonly differences: readonly Difference[];
  /** How many subjects are the same in both. */
  readonly same: number;
  /** What was left out of the differences, in a sentence each. */
  readonly notes: readonly string[];
}

/** What was not compared, wholly or in part. */
export interface NotCompared {
  readonly what: string;
  /** The names of the sides that could not tell. */
  readonly of: readonly string[];
  readonly reason: string;
  readonly next?: string;
}

/** Two clusters compared. */
export interface Comparison {
  readonly clusters: readonly [ComparedCluster, ComparedCluster];
  readonly sections: readonly Section[];
  readonly notCompared: readonly NotCompared[];
}

interface ComparedCluster {
  readonly name: string;
  readonly info: ClusterInfo;
  readonly takenAt: number;
}

const workloadKinds = ["Deployment", "StatefulSet", "DaemonSet", "CronJob"] as const;

/** The kinds that a comparison asks for. */
export const comparedKinds: readonly KindName[] = [
  "Namespace",
  "Node",
  ...workloadKinds,
  "HorizontalPodAutoscaler",
  "Role",
  "ClusterRole",
  "RoleBinding",
  "ClusterRoleBinding",
  "CustomResourceDefinition",
];

/** Compares `left` with `right`. */
export function compareClusters(left: Side, right: Side): Comparison {
  const compared = (side: Side): ComparedCluster => ({
    name: side.name,
    info: side.snapshot.cluster,
    takenAt: side.snapshot.takenAt,
  });
  const kinds = kindsSection(left, right);
  return {
    clusters: [compared(left), compared(right)],
    sections: [versionsSection(left, right), kinds.section, workloadsSection(left, right), rolesSection(left, right)],
    notCompared: together([...kinds.notCompared, ...[left, right].flatMap(unreadOf)]),
  };
}

/** What neither of the two could tell, for one reason, is one line. */
function together(lines: readonly NotCompared[]): readonly NotCompared[] {
  const groups = Map.groupBy(lines, ({ what, reason, next = "" }) => [what, reason, next].join("\n"));
  return [...groups.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [{ ...first, of: [...first.of, ...others.flatMap(({ of }) => of)] }],
  );
}

/** How many differences there are in all. */
export function differencesIn({ sections }: Comparison): number {
  return sections.reduce((sum, { differences }) => sum + differences.length, 0);
}

function unreadOf({ name, snapshot }: Side): readonly NotCompared[] {
  const lost = snapshot.reads.filter(({ state }) => state === "unread" || state === "partial");
  // One reason for many kinds is one line: a dump that holds little is not twelve faults.
  const groups = Map.groupBy(lost, ({ state, reason = "", next = "" }) => `${state}\n${reason}\n${next}`);
  const kinds = [...groups.values()].map((reads): NotCompared => {
    const [{ state, reason = "could not be read", next } = { state: "unread" }] = reads;
    const names = [...new Set(reads.map(({ kind, namespace }) => (namespace ? `${kind} in ${namespace}` : kind)))];
    return {
      what: names.join(", "),
      of: [name],
      reason: state === "partial" ? `only some are known: ${reason}` : reason,
      ...(next !== undefined && { next }),
    };
  });
  return [...kinds, ...snapshot.notes.map((note): NotCompared => ({ ...note, of: [name] }))];
}

/** Values by subject, in each cluster; `isKnown` says whether one that is not there does not exist. */
interface Fields {
  readonly subject: ObjectRef | string;
  readonly fields: ReadonlyMap<string, string>;
}

// Versions.

function versionsSection(left: Side, right: Side): Section {
  const differences: Difference[] = [];
  let same = 0;
  const put = (subject: string, values: Pair, isSame: boolean): void => {
    if (isSame) same += 1;
    else differences.push({ subject, values });
  };
  const server: Pair = [left.snapshot.cluster.serverVersion, right.snapshot.cluster.serverVersion];
  if (server[0] !== undefined && server[1] !== undefined) put("API server", server, server[0] === server[1]);
  for (const [subject, read] of nodeParts) {
    const [one, two] = [left, right].map(({ snapshot }) =>
      snapshot.list("Node").flatMap(({ status }) => read(status?.nodeInfo) ?? []),
    );
    if (one === undefined || two === undefined || one.length === 0 || two.length === 0) continue;
    // How many nodes there are is no difference of version.
    put(subject, [countedOf(one), countedOf(two)], sameSet(one, two));
  }
  return { name: "versions", differences, same, notes: [] };
}

type NodeInfo = Partial<
  Record<"kubeletVersion" | "containerRuntimeVersion" | "osImage" | "kernelVersion" | "architecture", string>
>;

const nodeParts: readonly (readonly [string, (info: NodeInfo | undefined) => string | undefined])[] = [
  ["kubelet", (info) => info?.kubeletVersion],
  ["container runtime", (info) => info?.containerRuntimeVersion],
  ["node image", (info) => info?.osImage],
  ["kernel", (info) => info?.kernelVersion],
  ["architecture", (info) => info?.architecture],
];

/** `v1.34.4 on 3, v1.33.1 on 1`, or just the value where all have it. */
function countedOf(values: readonly string[]): string {
  const counts = [...Map.groupBy(values, (value) => value)].sort(
    ([a, { length: more }], [b, { length: fewer }]) => fewer - more || compareText(a, b),
  );
  return counts.length === 1
    ? (values[0] ?? "")
    : counts.map(([value, { length }]) => `${value} on ${length}`).join(", ");
}

function sameSet(one: readonly string[], two: readonly string[]): boolean {
  return new Set(one).symmetricDifference(new Set(two)).size === 0;
}

// Kinds.

function kindsSection(
  left: Side,
  right: Side,
): { readonly section: Section; readonly notCompared: readonly NotCompared[] } {
  const notCompared: NotCompared[] = [];
  const both = left.served !== undefined && right.served !== undefined;
  for (const { name, served, servedReason } of both ? [] : [left, right]) {
    if (served === undefined) {
      notCompared.push({
        what: "kinds that the server serves itself",
        of: [name],
        reason: servedReason ?? "what the server serves is not known",
      });
    }
  }
  // Without discovery of both, what both define themselves.
  const [one, two] = [left, right].map((side) => new Map(both ? servedKinds(side) : definedKinds(side.snapshot)));
  const isWhole = ({ snapshot }: Side): boolean => both || snapshot.isComplete("CustomResourceDefinition");
  const differences: Difference[] = [];
  let same = 0;
  for (const subject of union(one, two)) {
    const values: Pair = [one?.get(subject), two?.get(subject)];
    if (values[0] === values[1]) same += 1;
    else if ((values[0] !== undefined || isWhole(left)) && (values[1] !== undefined || isWhole(right)))
      differences.push({ subject, values });
  }
  return { section: { name: "kinds", differences, same, notes: [] }, notCompared };
}

function servedKinds({ served = [] }: Side): readonly (readonly [string, string])[] {
  return served.map(({ group, version, kind }) => [group === "" ? kind : `${kind} (${group})`, version]);
}

function definedKinds(snapshot: Snapshot): readonly (readonly [string, string])[] {
  return snapshot.list("CustomResourceDefinition").map(({ spec }) => {
    const versions = (spec?.versions ?? []).filter(({ served }) => served === true).map(({ name }) => name ?? "");
    return [`${spec?.names?.kind ?? ""} (${spec?.group ?? ""})`, versions.sort(compareText).join(", ")];
  });
}

function union(
  one: ReadonlyMap<string, unknown> | undefined,
  two: ReadonlyMap<string, unknown> | undefined,
): readonly string[] {
  return [...new Set([...(one?.keys() ?? []), ...(two?.keys() ?? [])])].sort(compareText);
}

// Workloads.

function workloadsSection(left: Side, right: Side): Section {
  return objectsSection("workloads", left, right, workloadKinds, workloadsOf);
}

interface Container {
  readonly name?: string;
  readonly image?: string;
}

interface Workload {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: Template;
    readonly jobTemplate?: { readonly spec?: { readonly template?: Template } };
  };
}

interface Template {
  readonly spec?: { readonly containers?: readonly Container[]; readonly initContainers?: readonly Container[] };
}

/** How replicas begin that a HorizontalPodAutoscaler sets. */
const autoscaled = "autoscaled";

function workloadsOf({ snapshot }: Side): readonly Fields[] {
  const ranges = new Map(
    snapshot.list("HorizontalPodAutoscaler").map(({ metadata, spec }) => {
      const { kind = "", name = "" } = spec?.scaleTargetRef ?? {};
      const range = `${autoscaled} ${spec?.minReplicas ?? 1} to ${spec?.maxReplicas ?? "?"}`;
      return [`${kind}/${metadata?.namespace ?? ""}/${name}`, range] as const;
    }),
  );
  return workloadKinds.flatMap((kind) =>
    snapshot.list(kind).map((object: Workload): Fields => {
      const subject = plainRef(kind, object);
      const { template, jobTemplate, replicas } = object.spec ?? {};
      const { containers = [], initContainers = [] } = (template ?? jobTemplate?.spec?.template)?.spec ?? {};
      const images = [...containers, ...initContainers].map(({ name = "", image = "" }) => [`image of ${name}`, image]);
      const range = ranges.get(`${kind}/${subject.namespace ?? ""}/${subject.name}`);
      const isScaled = kind === "Deployment" || kind === "StatefulSet";
      return {
        subject,
        fields: new Map([
          ...images.map(([field = "", image = ""]) => [field, withTag(image)] as const),
          ...(isScaled ? [["replicas", range ?? String(replicas ?? 1)] as const] : []),
        ]),
      };
    }),
  );
}

function plainRef(kind: string, object: Parameters<typeof refOf>[1]): ObjectRef {
  const { namespace, name } = refOf(kind, object);
  return namedRef(kind, namespace, name);
}

/** An image without tag and digest is that with the tag `latest` (concepts/containers/images/#image-names). */
function withTag(image: string): string {
  return image === "" || /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
}

/** Of two images of one repository only the tags; digests are cut to what tells them apart. */
function imagePair(values: Pair): Pair {
  const [one, two] = values.map((image) => /^(.*?)(?::([^:/@]+))?(?:@(.*))?$/.exec(image ?? ""));
  if (values.includes(undefined) || one?.[1] !== two?.[1]) return values;
  const tags: Pair = [tagIn(one), tagIn(two)];
  return tags[0] === tags[1] ? values : tags;
}

function tagIn(parts: RegExpExecArray | null | undefined): string {
  return [parts?.[2], parts?.[3]?.slice(0, 19)].filter((part) => part !== undefined).join("@");
}

// Roles.

const roleKinds = ["ClusterRole", "Role"] as const;

/** Made and kept by the API server itself (reference/access-authn-authz/rbac/#auto-reconciliation). */
const bootstrapLabel = "kubernetes.io/bootstrapping";

function rolesSection(left: Side, right: Side): Section {
  const isBootstrap = (ref: ObjectRef): boolean =>
    [left, right].some(
      ({ snapshot }) =>
        ref.kind === "ClusterRole" &&
        snapshot.get("ClusterRole", undefined, ref.name)?.metadata?.labels?.[bootstrapLabel] !== undefined,
    );
  const section = objectsSection("roles", left, right, roleKinds, rolesOf);
  const { serverVersion } = left.snapshot.cluster;
  if (serverVersion === right.snapshot.cluster.serverVersion) return section;
  // Of two versions these differ anyway; who holds them does not.
  const isExpected = ({ subject, field }: Difference): boolean =>
    typeof subject !== "string" && isBootstrap(subject) && field !== holdersField;
  const expected = section.differences.filter(isExpected);
  const names = new Set(expected.map(({ subject }) => (typeof subject === "string" ? subject : subject.name)));
  const note = `${names.size === 1 ? "One role" : `${names.size} roles`} that the API server makes itself ${names.size === 1 ? "differs" : "differ"} as its versions do`;
  return {
    ...section,
    differences: section.differences.filter((difference) => !isExpected(difference)),
    notes: names.size === 0 ? [] : [note],
  };
}

const holdersField = "held by";

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs?: readonly string[];
}

function rolesOf({ snapshot }: Side): readonly Fields[] {
  const holders = holdersIn(snapshot);
  return roleKinds.flatMap((kind) =>
    snapshot.list(kind).map((object): Fields => {
      const subject = plainRef(kind, object);
      const held = holders.get(`${kind}/${subject.namespace ?? ""}/${subject.name}`) ?? [];
      const rights = rightsOf(object.rules ?? []);
      return {
        subject,
        fields: new Map([
          ...rights,
          ...(held.length === 0 ? [] : [[holdersField, [...new Set(held)].sort(compareText).join(", ")] as const]),
        ]),
      };
    }),
  );
}

const verbOrder = ["*", "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

function rank(verb: string): number {
  return verbOrder.includes(verb) ? verbOrder.indexOf(verb) : verbOrder.length;
}

/** What rules allow, by resource: two lists that say the same in other words are the same. */
function rightsOf(rules: readonly Rule[]): readonly (readonly [string, string])[] {
  const verbs = new Map<string, string[]>();
  for (const rule of rules) {
    const names = rule.resourceNames ?? [];
    const targets = [
      ...(rule.resources ?? []).flatMap((resource) =>
        (rule.apiGroups ?? []).flatMap((group) => {
          const full = group === "" ? resource : `${resource}.${group}`;
          return names.length === 0 ? [full] : names.map((name) => `${full} "${name}"`);
        }),
      ),
      ...(rule.nonResourceURLs ?? []),
    ];
    for (const target of targets) for (const verb of rule.verbs ?? []) addTo(verbs, target, verb);
  }
  return [...verbs]
    .sort(([a], [b]) => compareText(a, b))
    .map(([target, list]) => {
      const all = [...new Set(list)].sort((a, b) => rank(a) - rank(b) || compareText(a, b));
      return [target, all[0] === "*" ? "*" : all.join(", ")];
    });
}

/** Who holds a role, by its kind, namespace and name. */
function holdersIn(snapshot: Snapshot): ReadonlyMap<string, readonly string[]> {
  const holders = new Map<string, string[]>();
  for (const kind of ["ClusterRoleBinding", "RoleBinding"] as const) {
    for (const { metadata, roleRef, subjects = [] } of snapshot.list(kind)) {
      const own = kind === "RoleBinding" ? (metadata?.namespace ?? "") : "";
      const place = roleRef?.kind === "Role" ? own : "";
      for (const { kind: subjectKind = "", name = "", namespace } of subjects) {
        const who = qualifiedName(
          namedRef(subjectKind, subjectKind === "ServiceAccount" ? namespace : undefined, name),
        );
        addTo(
          holders,
          `${roleRef?.kind ?? ""}/${place}/${roleRef?.name ?? ""}`,
          `${subjectKind} ${who}${own !== "" && roleRef?.kind === "ClusterRole" ? ` in ${own}` : ""}`,
        );
      }
    }
  }
  return holders;
}

// Both.

/**
 * Objects of `kinds` by name. One that is missing in one cluster is a difference only where that cluster's list is whole;
 * a namespace that is missing altogether is told once.
 */
function objectsSection(
  name: Section["name"],
  left: Side,
  right: Side,
  kinds: readonly KindName[],
  fieldsOf: (side: Side) => readonly Fields[],
): Section {
  const keyed = (side: Side): ReadonlyMap<string, Fields> =>
    new Map(fieldsOf(side).map((fields) => [orderOf(fields.subject, kinds), fields]));
  const [one, two] = [keyed(left), keyed(right)];
  const differences: Difference[] = [];
  const inLostNamespace = new Map<string, { readonly index: 0 | 1; readonly names: string[] }>();
  let same = 0;
  for (const key of union(one, two)) {
    const [a, b] = [one.get(key), two.get(key)];
    const subject = (a ?? b)?.subject ?? "";
    if (a !== undefined && b !== undefined) {
      const found = fieldDifferences(a, b).filter((difference) => isReadInBoth(difference, subject, left, right));
      if (found.length === 0) same += 1;
      differences.push(...found);
      continue;
    }
    if (typeof subject === "string") continue;
    const lacking = a === undefined ? left : right;
    if (!isWholeFor(lacking.snapshot, subject)) continue;
    const index = a === undefined ? 1 : 0;
    const { namespace } = subject;
    if (
      namespace !== undefined &&
      lacking.snapshot.isComplete("Namespace") &&
      lacking.snapshot.get("Namespace", undefined, namespace) === undefined
    ) {
      const lost = inLostNamespace.get(namespace) ?? { index, names: [] };
      lost.names.push(`${subject.kind} ${subject.name}`);
      inLostNamespace.set(namespace, lost);
      continue;
    }
    differences.push({ subject, values: index === 0 ? ["exists", undefined] : [undefined, "exists"] });
  }
  const lost = [...inLostNamespace].map(([namespace, { index, names }]): Difference => {
    const text = names.join(", ");
    return {
      subject: namedRef("Namespace", undefined, namespace),
      field: name,
      values: index === 0 ? [text, undefined] : [undefined, text],
    };
  });
  return { name, differences: [...lost, ...differences], same, notes: [] };
}

function orderOf(subject: ObjectRef | string, kinds: readonly KindName[]): string {
  if (typeof subject === "string") return subject;
  const { kind, namespace = "", name } = subject;
  return [namespace, String(kinds.findIndex((known) => known === kind)), name].join("\u0000");
}

function isWholeFor(snapshot: Snapshot, { kind, namespace }: ObjectRef): boolean {
  const known = comparedKinds.find((candidate) => candidate === kind);
  return known !== undefined && snapshot.isComplete(known, namespace);
}

/** Who holds a role is known where bindings are, and that replicas are not autoscaled where autoscalers are. */
function isReadInBoth({ field, values }: Difference, subject: ObjectRef | string, left: Side, right: Side): boolean {
  if (typeof subject === "string") return true;
  const isAutoscaled = field === "replicas" && values.some((value) => value?.startsWith(autoscaled) === true);
  const needed: readonly KindName[] = isAutoscaled
    ? ["HorizontalPodAutoscaler"]
    : field !== holdersField
      ? []
      : subject.kind === "ClusterRole"
        ? ["ClusterRoleBinding", "RoleBinding"]
        : ["RoleBinding"];
  const place = (kind: KindName): string | undefined => (kind === "ClusterRoleBinding" ? undefined : subject.namespace);
  return needed.every((kind) => [left, right].every(({ snapshot }) => snapshot.isComplete(kind, place(kind))));
}

function fieldDifferences(one: Fields, two: Fields): readonly Difference[] {
  return union(one.fields, two.fields).flatMap((field): Difference[] => {
    const values: Pair = [one.fields.get(field), two.fields.get(field)];
    if (values[0] === values[1]) return [];
    const shown = field.startsWith("image of ") ? imagePair(values) : field === holdersField ? apart(values) : values;
    return [{ subject: one.subject, field, values: shown }];
  });
}

/** Of two lists what only one of them has. */
function apart([one = "", two = ""]: Pair): Pair {
  const [a, b] = [one.split(", "), two.split(", ")];
  return [without(a, b), without(b, a)];
}

function without(these: readonly string[], those: readonly string[]): string | undefined {
  const left = these.filter((part) => part !== "" && !those.includes(part));
  return left.length === 0 ? undefined : left.join(", ");
}
