/**
 * A controller wants Pods and the API server refuses to create them. No Pod exists then, so every rule on Pods is silent:
 * the controller's condition or events are the only witness. One entry per reason, shared by all controllers.
 */
import { type Evidence, eventEvidence, fact, field, missing } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import type { EventRecord } from "../../kube/events.ts";
import { ageOf, eventMaxAgeMs, graceMs } from "../../kube/guards.ts";
import type { KindName } from "../../kube/kinds.ts";
import {
  type CreateRefusal,
  parseCreateRefusal,
  quotaResourcesInWords,
  webhookFailureInWords,
} from "../../kube/messages/create-blocked.ts";
import { namedRef, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { podsOwnedBy } from "../../kube/relations.ts";
import { isFinished } from "../../kube/guards.ts";
import type { Snapshot } from "../../kube/snapshot.ts";

const why = "No Pod exists, so nothing that looks at Pods tells of it";
const describe = "kubectl -n {namespace} describe {kind} {name}";
const silent = [
  "A Pod was created after the last refusal",
  "The controller has all the Pods that it wants",
  "The refusal is younger than 2 minutes",
  "The namespace is being deleted",
];

/** The entries of the table of refusals, by rule id. */
export const createBlockedRules = {
  "create-blocked-quota": {
    severity: ["critical", "warning"],
    depth: 3,
    message: "A ResourceQuota is used up, and the controller can create no more",
    why,
    fix: "Raise the quota, lower the requests, or remove what uses it up",
    source: "concepts/policy/resource-quotas/",
    commands: ["kubectl -n {namespace} describe quota {quota}", describe],
    silent,
  },
  "create-blocked-quota-needs-requests": {
    severity: ["critical", "warning"],
    depth: 3,
    message: "A ResourceQuota counts requests or limits that the Pods do not name, so none can be created",
    why,
    fix: "Set the requests and limits that the quota counts in every container, or give the namespace a LimitRange with defaults",
    source: "concepts/policy/resource-quotas/",
    commands: ["kubectl -n {namespace} describe quota {quota}", describe],
    silent,
  },
  "create-blocked-limitrange": {
    severity: ["critical", "warning"],
    depth: 3,
    message: "Requests or limits of the Pods are outside the bounds of a LimitRange, so none can be created",
    why,
    fix: "Bring requests and limits within the bounds, or change the LimitRange",
    source: "concepts/policy/limit-range/",
    commands: ["kubectl -n {namespace} describe limits", describe],
    silent,
  },
  "create-blocked-podsecurity": {
    severity: ["critical", "warning"],
    depth: 3,
    message: "The Pod Security Standard of the namespace forbids the Pods, so none can be created",
    why,
    fix: "Set the fields that the message names in the template, or label the namespace with the level that the workload needs",
    source: "concepts/security/pod-security-admission/",
    commands: ["kubectl get namespace {namespace} --show-labels", describe],
    silent,
  },
  "create-blocked-webhook-down": {
    severity: ["critical", "warning"],
    depth: 3,
    message: "An admission webhook that must answer does not, so the controller can create nothing",
    why,
    fix: "Bring the workload behind the webhook back, or remove the webhook configuration if nothing serves it any more",
    source: "reference/access-authn-authz/extensible-admission-controllers/",
    commands: ["kubectl get validatingwebhookconfiguration,mutatingwebhookconfiguration", describe],
    silent,
  },
  "create-blocked-webhook-denied": {
    severity: ["critical", "warning"],
    depth: 3,
    message: "An admission webhook denies what the controller wants to create",
    why,
    fix: "Change the template as the message of the webhook asks",
    source: "reference/access-authn-authz/extensible-admission-controllers/",
    commands: [describe],
    silent,
  },
  "create-blocked-policy": {
    severity: ["critical", "warning"],
    depth: 3,
    message: "A ValidatingAdmissionPolicy denies what the controller wants to create",
    why,
    fix: "Change the template as the message of the policy asks",
    source: "reference/access-authn-authz/validating-admission-policy/",
    commands: ["kubectl get validatingadmissionpolicy {policy} -o yaml", describe],
    silent,
  },
  "create-blocked-serviceaccount": {
    severity: ["critical", "warning"],
    depth: 4,
    message: "The ServiceAccount of the Pods does not exist, so none can be created",
    why,
    fix: "Create the ServiceAccount, or correct spec.serviceAccountName in the template",
    source: "concepts/security/service-accounts/",
    commands: ["kubectl -n {namespace} get serviceaccount", describe],
    silent,
  },
  "create-blocked-priorityclass": {
    severity: ["critical", "warning"],
    depth: 4,
    message: "The PriorityClass of the Pods does not exist, so none can be created",
    why,
    fix: "Create the PriorityClass, or correct spec.priorityClassName in the template",
    source: "concepts/scheduling-eviction/pod-priority-preemption/",
    commands: ["kubectl get priorityclass", describe],
    silent,
  },
  "create-blocked-runtimeclass": {
    severity: ["critical", "warning"],
    depth: 4,
    message: "The RuntimeClass of the Pods does not exist, so none can be created",
    why,
    fix: "Create the RuntimeClass, or correct spec.runtimeClassName in the template",
    source: "concepts/containers/runtime-class/",
    commands: ["kubectl get runtimeclass", describe],
    silent,
  },
  "create-blocked-rights": {
    severity: ["critical", "warning"],
    depth: 3,
    message: "The controller has no right to create what it wants",
    why,
    fix: "Give the account of the controller back its role: the system:controller roles are restored when the API server restarts",
    source: "reference/access-authn-authz/rbac/",
    commands: [describe],
    silent,
  },
  "create-blocked-invalid": {
    severity: ["critical", "warning"],
    depth: 5,
    message: "The API server finds the template not valid, so nothing can be created from it",
    why,
    fix: "Correct the field that the message names in the template",
    source: "concepts/workloads/pods/",
    commands: [describe],
    silent,
  },
  "create-blocked-other": {
    severity: ["critical", "warning"],
    depth: 7,
    message: "The API server refuses what the controller wants to create",
    why,
    fix: "Mend what the message of the API server names",
    source: "concepts/workloads/controllers/",
    commands: [describe],
    silent,
  },
} as const satisfies Readonly<Record<string, Rule>>;

/** An id of the table above. */
export type CreateBlockedRule = keyof typeof createBlockedRules;

/** The kinds that `createBlocked` looks into. */
export const createBlockedUses: readonly KindName[] = [
  "Pod",
  "Event",
  "ResourceQuota",
  "LimitRange",
  "ValidatingWebhookConfiguration",
  "MutatingWebhookConfiguration",
];

/** A refusal as it stands in a condition or an event. */
export interface Refused {
  readonly message: string;
  readonly evidence: Evidence;
  readonly since: number | undefined;
}

/**
 * The newest `FailedCreate` event about `ref` that still holds: seen within the hour (G6), no `SuccessfulCreate` after it,
 * and failing for longer than the grace of workloads (G4).
 */
export function refusalInEvents(snapshot: Snapshot, ref: ObjectRef): Refused | undefined {
  const events = snapshot.eventsOf(ref);
  const newest = events.find(({ reason }) => reason === "FailedCreate");
  const age = ageOf(snapshot, newest?.lastSeen);
  if (newest === undefined || age === undefined || age > eventMaxAgeMs) return undefined;
  const lastSuccess = events.find(({ reason }) => reason === "SuccessfulCreate")?.lastSeen ?? 0;
  if (lastSuccess > (newest.lastSeen ?? 0)) return undefined;
  const since = firstFailure(events, lastSuccess) ?? newest.lastSeen;
  if ((ageOf(snapshot, since) ?? 0) < graceMs.workload) return undefined;
  return { message: newest.message, evidence: eventEvidence(newest), since };
}

function firstFailure(events: readonly EventRecord[], after: number): number | undefined {
  const times = events
    .filter(({ reason, lastSeen }) => reason === "FailedCreate" && (lastSeen ?? 0) >= after)
    .map(({ firstSeen }) => firstSeen)
    .filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.max(Math.min(...times), after);
}

/** A `ReplicaFailure` or `Progressing` condition as a refusal; undefined while it is younger than the grace (G4). */
export function refusalInCondition(
  snapshot: Snapshot,
  ref: ObjectRef,
  condition: { readonly type?: string; readonly message?: string; readonly lastTransitionTime?: string } | undefined,
): Refused | undefined {
  if (condition === undefined) return undefined;
  const age = ageOf(snapshot, condition.lastTransitionTime);
  if (age !== undefined && age < graceMs.workload) return undefined;
  return {
    message: condition.message ?? "",
    evidence: field(ref, `status.conditions[${condition.type ?? ""}].message`, condition.message),
    since: age === undefined ? undefined : snapshot.takenAt - age,
  };
}

/**
 * The observation of a refusal on `object`, which is short of Pods; undefined when the namespace is going away.
 * @param counts what the controller wants and has, as evidence.
 * @param serving uid of the topmost workload: while one of its Pods lives, users may still be served.
 */
export function createBlocked(
  snapshot: Snapshot,
  object: ObjectRef,
  refused: Refused,
  { counts, serving }: { readonly counts: readonly Evidence[]; readonly serving: string | undefined },
): Observation<CreateBlockedRule> | undefined {
  const refusal = parseCreateRefusal(refused.message);
  if (refusal.type === "terminating") return undefined;
  const hasPod = podsOwnedBy(snapshot, serving).some((pod) => !isFinished(pod));
  const { because, cause, evidence = [], params } = particularsOf(snapshot, object, refusal);
  return {
    rule: `create-blocked-${refusal.type}`,
    severity: hasPod ? "warning" : "critical",
    object,
    evidence: [refused.evidence, ...evidence, ...counts].slice(0, 8),
    ...(because !== undefined && { because }),
    ...(cause !== undefined && { cause }),
    ...(refused.since !== undefined && { since: refused.since }),
    params: { quota: "", policy: "", ...params },
  };
}

/** The object that refuses, named in the message of a condition, for roll-ups above the controller. */
export function refuserOf(snapshot: Snapshot, object: ObjectRef, message: string | undefined): ObjectRef | undefined {
  return particularsOf(snapshot, object, parseCreateRefusal(message)).cause;
}

interface Particulars {
  readonly because?: string | undefined;
  readonly cause?: ObjectRef | undefined;
  readonly evidence?: readonly Evidence[];
  readonly params?: Readonly<Record<string, string>>;
}

function particularsOf(snapshot: Snapshot, { namespace }: ObjectRef, refusal: CreateRefusal): Particulars {
  switch (refusal.type) {
    case "quota": {
      const cause = namedRef("ResourceQuota", namespace, refusal.quota);
      return {
        because: quotaResourcesInWords(refusal.requested),
        cause,
        evidence: [
          fact(cause, "requested", refusal.requested),
          fact(cause, "used", refusal.used),
          fact(cause, "limited", refusal.limited),
        ],
        params: { quota: refusal.quota },
      };
    }
    case "quota-needs-requests": {
      const cause = namedRef("ResourceQuota", namespace, refusal.quota);
      return { cause, evidence: [fact(cause, "must be specified", refusal.wanted)], params: { quota: refusal.quota } };
    }
    case "limitrange": {
      // The message does not name the LimitRange: with one in the namespace there is no doubt.
      const ranges =
        namespace !== undefined && snapshot.isComplete("LimitRange", namespace)
          ? snapshot.inNamespace("LimitRange", namespace)
          : [];
      const [only] = ranges;
      return {
        because: boundsInWords[refusal.bound],
        cause: ranges.length === 1 && only !== undefined ? refOf("LimitRange", only) : undefined,
      };
    }
    case "podsecurity": {
      const level = refusal.level === "restricted" || refusal.level === "baseline" ? refusal.level : undefined;
      return {
        because: level === undefined ? undefined : `the ${level} level`,
        ...(namespace !== undefined && { cause: namedRef("Namespace", undefined, namespace) }),
      };
    }
    case "webhook-down":
      return { because: webhookFailureInWords(refusal.detail), cause: configurationOf(snapshot, refusal.webhook) };
    case "policy":
      return {
        cause: namedRef("ValidatingAdmissionPolicy", undefined, refusal.policy),
        params: { policy: refusal.policy },
      };
    case "serviceaccount":
      return missingNamed(namedRef("ServiceAccount", namespace, refusal.account));
    case "priorityclass":
      return missingNamed(namedRef("PriorityClass", undefined, refusal.className));
    case "runtimeclass":
      return missingNamed(namedRef("RuntimeClass", undefined, refusal.className));
    // What denies or cannot read the template is right; the template is the cause. Rights have no object of ours.
    case "webhook-denied":
    case "invalid":
    case "rights":
    case "terminating":
    case "other":
      break;
  }
  return {};
}

const boundsInWords: Readonly<Record<"minimum" | "maximum" | "ratio", string>> = {
  minimum: "below its minimum",
  maximum: "above its maximum",
  ratio: "above its ratio of limit to request",
};

// That the object does not exist is the API server's own word.
function missingNamed(cause: ObjectRef): Particulars {
  return { cause, evidence: [missing(cause)] };
}

/** The one configuration that holds a webhook of that name; undefined when none does, or several do. */
function configurationOf(snapshot: Snapshot, webhook: string): ObjectRef | undefined {
  for (const kind of ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] as const) {
    const holding = snapshot.list(kind).filter(({ webhooks }) => webhooks?.some(({ name }) => name === webhook));
    const [only] = holding;
    if (holding.length === 1 && only !== undefined) return refOf(kind, only);
    if (holding.length > 1) return undefined;
  }
  return undefined;
}
