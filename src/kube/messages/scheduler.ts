/**
 * The scheduler's words for why a Pod fits nowhere: `0/5 nodes are available: 3 Insufficient cpu, 2 node(s) had untolerated
 * taint {gpu: true}. preemption: …` (kubernetes 1.34, pkg/scheduler/framework/types.go and the plugins below
 * pkg/scheduler/framework/plugins; 1.35 leaves the taint's name out). Counts are nodes.
 */

/** What a clause is about. */
export type SchedulerReason =
  | "insufficient-cpu"
  | "insufficient-memory"
  | "insufficient-ephemeral-storage"
  | "insufficient-extended"
  | "too-many-pods"
  | "untolerated-taint"
  | "node-selector"
  | "node-name"
  | "pod-affinity"
  | "pod-anti-affinity"
  | "topology-spread"
  | "cordoned"
  | "host-ports"
  | "volume-zone"
  | "volume-limit"
  | "volume-unbound"
  | "pvc-missing"
  | "pvc-rwop"
  | "storage-capacity"
  | "dra"
  | "no-nodes"
  | "other";

/** One reason, and how many nodes it rules out. */
export interface SchedulerClause {
  readonly reason: SchedulerReason;
  /** Absent when it is about the Pod and not about single nodes. */
  readonly nodes?: number;
  readonly text: string;
  /** The resource that is short, `nvidia.com/gpu`. */
  readonly resource?: string;
  /** The taint, when the message names it. */
  readonly taint?: { readonly key: string; readonly value: string };
  /** The claim or volume that the clause names. */
  readonly named?: string;
}

/** A scheduler message, taken apart. */
export interface SchedulerMessage {
  /** How many nodes the cluster had. */
  readonly nodes: number | undefined;
  readonly clauses: readonly SchedulerClause[];
}

const rows: readonly (readonly [SchedulerReason, RegExp])[] = [
  ["no-nodes", /no nodes available to schedule pods/i],
  ["insufficient-cpu", /^Insufficient cpu$/],
  ["insufficient-memory", /^Insufficient memory$/],
  ["insufficient-ephemeral-storage", /^Insufficient ephemeral-storage$/],
  ["insufficient-extended", /^Insufficient \S+/],
  ["too-many-pods", /^Too many pods/i],
  ["pvc-missing", /persistentvolumeclaim "[^"]+" not found|non-existent (?:persistentvolume|pv)/i],
  ["untolerated-taint", /untolerated taint/i],
  ["pod-anti-affinity", /anti-affinity/i],
  ["pod-affinity", /pod affinity rules|pod affinity\/anti-affinity/i],
  ["volume-zone", /volume node affinity conflict|no available volume zone/i],
  ["node-selector", /node affinity|node\(s\) didn't match node selector/i],
  ["node-name", /requested node name|didn't match the requested hostname/i],
  ["topology-spread", /topology spread constraints/i],
  ["cordoned", /were unschedulable/i],
  ["host-ports", /free ports/i],
  ["volume-limit", /max volume count/i],
  [
    "volume-unbound",
    /unbound immediate PersistentVolumeClaims|didn't find available persistent volumes|persistentvolumeclaim "[^"]+" is being deleted/i,
  ],
  ["pvc-rwop", /ReadWriteOncePod/],
  ["storage-capacity", /enough free storage/i],
  ["dra", /cannot allocate all claims|resource ?claim|ResourceSlice|DeviceClass/i],
];

/** Takes a scheduler message apart; an odd text gives one clause `other`, an empty one none. */
export function parseSchedulerMessage(message: string): SchedulerMessage {
  const head = /^(\d+)\/(\d+) nodes are available:?\s*/.exec(message);
  const rest = message.slice(head?.[0].length ?? 0);
  const end = rest.search(/preemption:|no new claims to deallocate/);
  const body = (end < 0 ? rest : rest.slice(0, end)).trim().replace(/[.,]$/, "");
  const clauses = body === "" ? [] : body.split(/, (?=\d+ )/).map(clauseOf);
  return { nodes: head === null ? undefined : Number(head[2]), clauses };
}

function clauseOf(text: string): SchedulerClause {
  const counted = /^(\d+) ([\s\S]+)$/.exec(text.trim());
  const said = (counted?.[2] ?? text).trim().replace(/\.$/, "");
  const reason = rows.find(([, pattern]) => pattern.test(said))?.[0] ?? "other";
  const resource = /^Insufficient (\S+)/.exec(said)?.[1];
  const taint = /taint(?:\(s\))? \{([^:}]+):\s*([^}]*)\}/.exec(said);
  const named = /(?:persistentvolumeclaim|persistentvolume|pv) "([^"]+)"/i.exec(said)?.[1];
  return {
    reason,
    text: said,
    ...(counted !== null && { nodes: Number(counted[1]) }),
    ...(resource !== undefined && { resource }),
    ...(taint !== null && { taint: { key: (taint[1] ?? "").trim(), value: (taint[2] ?? "").trim() } }),
    ...(named !== undefined && { named }),
  };
}

const controlPlaneTaints: ReadonlySet<string> = new Set([
  "node-role.kubernetes.io/control-plane",
  "node-role.kubernetes.io/master",
]);

/** Whether the clause only says that the Pod may not run on the control plane. */
export function isControlPlaneTaint({ taint }: SchedulerClause): boolean {
  return taint !== undefined && controlPlaneTaints.has(taint.key);
}

/**
 * The clause that decides: one about the Pod itself, else the one that rules out most nodes; the first of equals. Clauses
 * that only keep the Pod from where it does not belong count only when there are no others: taints of the control plane,
 * and those that `isIntended` names.
 */
export function dominantClause(
  clauses: readonly SchedulerClause[],
  isIntended: (clause: SchedulerClause) => boolean = () => false,
): SchedulerClause | undefined {
  const others = clauses.filter((clause) => !isControlPlaneTaint(clause));
  const unintended = others.filter((clause) => !isIntended(clause));
  const candidates = unintended.length > 0 ? unintended : others.length > 0 ? others : clauses;
  return (
    candidates.find(({ nodes }) => nodes === undefined) ??
    [...candidates].sort((a, b) => (b.nodes ?? 0) - (a.nodes ?? 0))[0]
  );
}
