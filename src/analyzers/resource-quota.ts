import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { conditionOf, isGoingAway } from "../kube/guards.ts";
import { isKindName, type KubeObject } from "../kube/kinds.ts";
import { type CreateRefusal, parseCreateRefusal, quotaResourcesInWords } from "../kube/messages/create-blocked.ts";
import { keyOf, type ObjectRef, qualifiedName, refOf } from "../kube/object-ref.ts";
import { parseQuantity } from "../kube/quantity.ts";
import { oncePerSnapshot, topOwnerOf } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { type Refused, refusalInCondition, refusalInEvents } from "./rules/create-blocked.ts";

type Quota = KubeObject<"ResourceQuota">;
type QuotaRefusal = Extract<CreateRefusal, { readonly type: "quota" }>;

const describe = "kubectl -n {namespace} describe quota {name}";
const source = "concepts/policy/resource-quotas/";

export const resourceQuota: Analyzer = defineAnalyzer({
  name: "ResourceQuota",
  core: false,
  needs: ["ResourceQuota"],
  uses: ["Namespace", "Event", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"],
  rules: {
    "quota-exhausted": {
      severity: ["critical", "warning"],
      depth: 3,
      message: "The ResourceQuota is used up",
      why: "The next deploy or scale-up is refused",
      fix: "Raise the quota, lower the requests, or remove what uses it up",
      source,
      commands: [describe, "kubectl -n {namespace} get events --field-selector reason=FailedCreate"],
      silent: [
        "a limit of zero, which forbids on purpose, while nothing is refused",
        "counts of objects below ten, while nothing is refused",
        "the status still counts against an older limit",
        "what was refused has been created since, or is no longer wanted",
      ],
    },
    "quota-near-limit": {
      severity: "info",
      depth: 3,
      message: "The ResourceQuota is nearly used up",
      why: "The next deploy or scale-up may be refused",
      fix: "Raise the quota before it is needed, or lower the requests",
      source,
      commands: [describe],
      silent: ["less than 90 percent", "counts of objects below ten", "the status still counts against an older limit"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("ResourceQuota")) {
      if (isGoingAway(snapshot, object)) continue;
      const observation = judged(snapshot, object);
      if (observation !== undefined) yield observation;
    }
  },
});

/** One limit of a quota and how much of it is used. */
interface Limit {
  readonly resource: string;
  readonly hard: number;
  readonly used: number;
  readonly evidence: readonly Evidence[];
}

function judged(snapshot: Snapshot, object: Quota): Observation<"quota-exhausted" | "quota-near-limit"> | undefined {
  const ref = refOf("ResourceQuota", object);
  const limits = limitsOf(object, ref);
  const blocked = (refusals(snapshot).get(keyOf(ref)) ?? []).filter(({ refusal }) => stillRefused(limits, refusal));
  const refused = new Set(blocked.flatMap(({ refusal }) => resourcesIn(refusal.requested)));
  // A request may be refused while something is left, only not enough.
  const exhausted = limits.filter(
    (limit) => refused.has(limit.resource) || (limit.used >= limit.hard && isJudged(limit)),
  );
  if (exhausted.length > 0) {
    const onsets = blocked.map(({ refused: { since } }) => since).filter((since) => since !== undefined);
    const owners = new Map(blocked.flatMap(({ owners: each }) => each.map((owner) => [keyOf(owner), owner])));
    const because = quotaResourcesInWords(exhausted.map(({ resource }) => resource).join(","));
    return {
      rule: "quota-exhausted",
      object: ref,
      severity: blocked.length > 0 ? "critical" : "warning",
      ...(because !== undefined && { because }),
      evidence: [
        ...exhausted.slice(0, 2).flatMap(({ evidence }) => evidence),
        ...(blocked.length === 0
          ? exhausted.slice(2, 4).flatMap(({ evidence }) => evidence)
          : [
              fact(
                ref,
                "what it refuses",
                blocked.map(({ object: each }) => `${each.kind} ${qualifiedName(each)}`).slice(0, 5),
              ),
            ]),
        ...blocked.slice(0, 2).map(({ refused: { evidence } }) => evidence),
      ].slice(0, 8),
      related: [...owners.values()],
      ...(onsets.length > 0 && { since: Math.min(...onsets) }),
    };
  }
  const near = limits.filter((limit) => isJudged(limit) && limit.used >= 0.9 * limit.hard);
  if (near.length === 0) return undefined;
  const because = quotaResourcesInWords(near.map(({ resource }) => resource).join(","));
  return {
    rule: "quota-near-limit",
    object: ref,
    ...(because !== undefined && { because }),
    evidence: near.slice(0, 4).flatMap(({ evidence }) => evidence),
  };
}

/** A limit of zero forbids on purpose, and small counts of objects are meant to be used up. */
function isJudged({ resource, hard }: Limit): boolean {
  return hard > 0 && !(isObjectCount(resource) && hard < 10);
}

/** The limits whose status counts against the present spec. */
function limitsOf({ spec, status }: Quota, ref: ObjectRef): readonly Limit[] {
  return Object.entries(status?.hard ?? {}).flatMap(([resource, text]) => {
    const hard = parseQuantity(text);
    const used = parseQuantity(status?.used?.[resource]);
    if (hard === undefined || used === undefined || parseQuantity(spec?.hard?.[resource]) !== hard) return [];
    const evidence = [
      field(ref, `status.used[${resource}]`, status?.used?.[resource]),
      field(ref, `status.hard[${resource}]`, text),
    ];
    return [{ resource, hard, used, evidence }];
  });
}

/** Keys that count objects: `pods`, `services.loadbalancers`, `count/jobs.batch` (concepts/policy/resource-quotas/). */
function isObjectCount(resource: string): boolean {
  return (
    resource.startsWith("count/") ||
    /^(?:pods|services|services\.(?:loadbalancers|nodeports)|configmaps|secrets|persistentvolumeclaims|replicationcontrollers|resourcequotas)$/.test(
      resource,
    ) ||
    resource.endsWith(".storageclass.storage.k8s.io/persistentvolumeclaims")
  );
}

function resourcesIn(requested: string): readonly string[] {
  return requested.split(",").map((entry) => entry.split("=")[0]?.trim() ?? "");
}

/** Whether the request of a refusal would be refused again, as far as the status of the quota tells. */
function stillRefused(limits: readonly Limit[], { requested }: QuotaRefusal): boolean {
  return requested.split(",").some((entry) => {
    const [resource = "", amount] = entry.trim().split("=");
    const limit = limits.find((each) => each.resource === resource);
    const wanted = parseQuantity(amount);
    return limit !== undefined && wanted !== undefined && limit.used + wanted > limit.hard;
  });
}

// ---- what quotas refuse -------------------------------------------------------------------------------------------------

interface Blocked {
  /** The controller whose creations are refused. */
  readonly object: ObjectRef;
  /** It and what stands above it. */
  readonly owners: readonly ObjectRef[];
  readonly refusal: QuotaRefusal;
  readonly refused: Refused;
}

/** By quota, the controllers that it refuses something now. */
const refusals = oncePerSnapshot((snapshot): ReadonlyMap<string, readonly Blocked[]> => {
  const byQuota = new Map<string, Blocked[]>();
  const seen = new Set<string>();
  const add = (object: ObjectRef, refused: Refused | undefined): void => {
    const refusal = parseCreateRefusal(refused?.message);
    if (refused === undefined || refusal.type !== "quota" || seen.has(keyOf(object))) return;
    seen.add(keyOf(object));
    const located = snapshot.find(object);
    const top = located === undefined ? undefined : topOwnerOf(snapshot, located.object);
    const key = keyOf({
      kind: "ResourceQuota",
      ...(object.namespace !== undefined && { namespace: object.namespace }),
      name: refusal.quota,
    });
    const blocked = { object, owners: top === undefined ? [object] : [object, top], refusal, refused };
    const found = byQuota.get(key);
    if (found === undefined) byQuota.set(key, [blocked]);
    else found.push(blocked);
  };
  for (const replicaSet of snapshot.list("ReplicaSet")) {
    const failure = conditionOf(replicaSet, "ReplicaFailure");
    if (failure?.status !== "True" || !isWanting(snapshot, refOf("ReplicaSet", replicaSet))) continue;
    add(refOf("ReplicaSet", replicaSet), refusalInCondition(snapshot, refOf("ReplicaSet", replicaSet), failure));
  }
  const failing = new Map<string, ObjectRef>();
  for (const { reason, message, regarding } of snapshot.events()) {
    if (reason === "FailedCreate" && message.includes("exceeded quota")) failing.set(keyOf(regarding), regarding);
  }
  for (const ref of failing.values()) {
    const located = snapshot.find(ref);
    if (located === undefined) continue;
    const known = refOf(located.kind, located.object);
    if (isWanting(snapshot, known)) add(known, refusalInEvents(snapshot, known));
  }
  return byQuota;
});

/** Whether a controller still wants what it was refused; one that was scaled down since does not. */
function isWanting(snapshot: Snapshot, ref: ObjectRef): boolean {
  const { namespace, name, kind } = ref;
  if (!isKindName(kind)) return false;
  switch (kind) {
    case "ReplicaSet":
    case "StatefulSet": {
      const { spec, status } = snapshot.get(kind, namespace, name) ?? {};
      return (spec?.replicas ?? 1) > (status?.replicas ?? 0);
    }
    case "DaemonSet": {
      const { status } = snapshot.get(kind, namespace, name) ?? {};
      return (status?.desiredNumberScheduled ?? 0) > (status?.currentNumberScheduled ?? 0);
    }
    case "Job": {
      const job = snapshot.get(kind, namespace, name);
      const isOver = job?.status?.conditions?.some(
        ({ type, status }) => (type === "Complete" || type === "Failed") && status === "True",
      );
      return (
        job !== undefined &&
        isOver !== true &&
        job.spec?.suspend !== true &&
        (job.status?.active ?? 0) < (job.spec?.parallelism ?? 1)
      );
    }
    default:
      return true;
  }
}
