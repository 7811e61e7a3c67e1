import { fact, field } from "../findings/evidence.ts";
import type { Observation, Rule } from "../findings/finding.ts";
import { ageOf, conditionOf, hasSettled, isFinished, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import { controllerOf, dependentsOfKind, podsOwnedBy } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, minuteMs, parseTime, secondMs } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { createBlocked, createBlockedRules, createBlockedUses, refusalInEvents } from "./rules/create-blocked.ts";
import { endOf, failureOf, hasSucceeded, isOver, lastExitOf } from "./rules/job-failure.ts";
import { missingPullSecrets, pullSecretRules, pullSecretUses } from "./rules/pull-secret.ts";
import { unreadyEvidence, unreadyPods } from "./rules/replicas.ts";

const failed = {
  severity: ["critical", "warning", "info"],
  depth: 7,
  why: "A migration or batch silently did not happen",
  source: "concepts/workloads/controllers/job/#pod-backoff-failure-policy",
  commands: [
    "kubectl -n {namespace} logs job/{name}",
    "kubectl -n {namespace} describe job {name}",
    "kubectl -n {namespace} get pods -l batch.kubernetes.io/job-name={name}",
  ],
  silent: [
    "The Job reached its goal, however often a Pod of it failed",
    "It still has attempts left",
    "The Job is being deleted",
  ],
} as const satisfies Partial<Rule>;

export const job: Analyzer = defineAnalyzer({
  name: "Job",
  needs: ["Job"],
  uses: ["CronJob", ...createBlockedUses, ...pullSecretUses],
  rules: {
    "job-backoff-exceeded": {
      ...failed,
      message: "The Job failed because its Pods failed more often than backoffLimit allows",
      fix: "Mend what the last Pod's exit code and log say, then run the Job again",
    },
    "job-deadline-exceeded": {
      ...failed,
      message: "The Job failed because it ran longer than activeDeadlineSeconds allows",
      fix: "Find out why it takes so long, or allow it more time",
      source: "concepts/workloads/controllers/job/#job-termination-and-cleanup",
    },
    "job-failure-policy": {
      ...failed,
      message: "The Job failed because a Pod ended in a way that its podFailurePolicy says is final",
      fix: "Mend what the Pod's exit code and log say, or change the policy",
      source: "concepts/workloads/controllers/job/#pod-failure-policy",
    },
    "job-indexes-failed": {
      ...failed,
      message: "The Job failed because some of its indexes failed for good",
      fix: "Mend what the Pods of the failed indexes say, then run these indexes again",
      source: "concepts/workloads/controllers/job/#backoff-limit-per-index",
    },
    "job-failed": {
      ...failed,
      message: "The Job failed",
      fix: "Look at the message of its Failed condition and at its last Pod",
    },
    "job-stalled": {
      severity: "warning",
      depth: 7,
      message: "The Job has not ended, and no Pod of it has run for more than 10 minutes",
      why: "A migration or batch silently does not happen",
      fix: "Look at why its Pods are not created or do not start",
      source: "concepts/workloads/controllers/job/",
      commands: [
        "kubectl -n {namespace} describe job {name}",
        "kubectl -n {namespace} get pods -l batch.kubernetes.io/job-name={name} -o wide",
      ],
      silent: [
        "Suspended, finished, or with parallelism 0",
        "Waiting between two attempts (10 seconds, doubled with each, at most 6 minutes)",
        "Another controller manages it (spec.managedBy), or a queue holds its Pods",
        "Pods could not be listed",
      ],
    },
    "job-suspended-long": {
      severity: "info",
      depth: 7,
      message: "The Job has been suspended for more than 7 days",
      why: "Someone may have forgotten to resume it",
      fix: "Resume the Job, or delete it",
      source: "concepts/workloads/controllers/job/#suspending-a-job",
      commands: ["kubectl -n {namespace} get job {name} -o yaml"],
      silent: ["A queue manages it (Kueue, Volcano, YuniKorn, spec.managedBy)"],
    },
    ...createBlockedRules,
    ...pullSecretRules,
  },
  *check(snapshot) {
    for (const object of snapshot.list("Job")) {
      if (isGoingAway(snapshot, object) || hasSucceeded(object)) continue;
      const ref = refOf("Job", object);
      const found =
        failure(snapshot, ref, object) ??
        suspendedLong(snapshot, ref, object) ??
        refused(snapshot, ref, object) ??
        stalled(snapshot, ref, object);
      if (found !== undefined) yield found;
    }
    yield* missingPullSecrets(snapshot, "Job", ({ namespace, name }) => {
      const object = snapshot.get("Job", namespace, name);
      return object !== undefined && isOver(object);
    });
  },
});

/** The rule for each reason of the `Failed` condition (v1.34: api/batch/v1, JobReason…). */
const rulesByReason = {
  BackoffLimitExceeded: "job-backoff-exceeded",
  DeadlineExceeded: "job-deadline-exceeded",
  PodFailurePolicy: "job-failure-policy",
  FailedIndexes: "job-indexes-failed",
  MaxFailedIndexesExceeded: "job-indexes-failed",
} as const;

type FailureRule = (typeof rulesByReason)[keyof typeof rulesByReason] | "job-failed";

function failure(snapshot: Snapshot, ref: ObjectRef, object: KubeObject<"Job">): Observation<FailureRule> | undefined {
  const condition = failureOf(object);
  if (condition === undefined) return undefined;
  const { reason = "", message } = condition;
  const exit = lastExitOf(snapshot, object);
  const since = endOf(object);
  const { failed: attempts, failedIndexes } = object.status ?? {};
  return {
    rule: isKnownReason(reason) ? rulesByReason[reason] : "job-failed",
    severity: severityOf(snapshot, object),
    object: ref,
    ...(exit !== undefined && { because: exit.sentence }),
    evidence: [
      field(ref, "status.conditions[Failed].message", message),
      ...(isKnownReason(reason) ? [] : [field(ref, "status.conditions[Failed].reason", reason)]),
      ...(exit?.evidence ?? []),
      field(ref, "status.failed", attempts ?? 0),
      ...(failedIndexes === undefined ? [] : [field(ref, "status.failedIndexes", failedIndexes)]),
      ...limitOf(ref, object, reason),
    ].slice(0, 8),
    related: exit === undefined ? [] : [exit.pod],
    ...(since !== undefined && { since }),
  };
}

function isKnownReason(reason: string): reason is keyof typeof rulesByReason {
  return Object.hasOwn(rulesByReason, reason);
}

function limitOf(
  ref: ObjectRef,
  { spec = {} }: KubeObject<"Job">,
  reason: string,
): readonly ReturnType<typeof field>[] {
  if (reason === "DeadlineExceeded") return [field(ref, "spec.activeDeadlineSeconds", spec.activeDeadlineSeconds)];
  if (reason === "BackoffLimitExceeded") return [field(ref, "spec.backoffLimit", spec.backoffLimit ?? 6)];
  return [];
}

/** Marks of Jobs without which a release does not work: hooks of Helm and Argo CD, and database migrations. */
const releaseMarks: readonly string[] = ["helm.sh/hook", "argocd.argoproj.io/hook"];
const migration = /(?:^|[-_/.])migrat(?:e|ion|ions|or)(?:$|[-_.])/i;

function severityOf(snapshot: Snapshot, object: KubeObject<"Job">): "critical" | "warning" | "info" {
  if (isMadeGood(snapshot, object)) return "info";
  const { labels = {}, annotations = {} } = object.metadata ?? {};
  const isRelease = releaseMarks.some((mark) => annotations[mark] !== undefined || labels[mark] !== undefined);
  const isMigration = Object.entries(labels).some(([key, value]) => migration.test(key) || migration.test(value));
  return isRelease || isMigration ? "critical" : "warning";
}

/** Whether a later run of the same CronJob succeeded. */
function isMadeGood(snapshot: Snapshot, object: KubeObject<"Job">): boolean {
  const owner = controllerOf(object);
  const end = endOf(object);
  if (owner?.kind !== "CronJob" || owner.uid === undefined || end === undefined) return false;
  const cronJob = snapshot.get("CronJob", owner.namespace, owner.name);
  if ((parseTime(cronJob?.status?.lastSuccessfulTime) ?? 0) > end) return true;
  return dependentsOfKind(snapshot, owner.uid, "Job").some((run) => hasSucceeded(run) && (endOf(run) ?? 0) > end);
}

const longSuspensionMs = 7 * dayMs;
const queueMark = /^(?:kueue\.x-k8s\.io|scheduling\.volcano\.sh|volcano\.sh|yunikorn\.apache\.org)\//;

function isQueued(object: KubeObject<"Job">): boolean {
  const { labels = {}, annotations = {} } = object.metadata ?? {};
  const inTemplate = object.spec?.template?.metadata;
  const keys = [labels, annotations, inTemplate?.labels ?? {}, inTemplate?.annotations ?? {}].flatMap((map) =>
    Object.keys(map),
  );
  return keys.some((key) => queueMark.test(key));
}

function suspendedLong(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"Job">,
): Observation<"job-suspended-long"> | undefined {
  const { suspend, managedBy } = object.spec ?? {};
  if (suspend !== true || managedBy !== undefined || isQueued(object)) return undefined;
  const condition = conditionOf(object, "Suspended");
  const since = condition?.status === "True" ? parseTime(condition.lastTransitionTime) : undefined;
  const age = ageOf(snapshot, since ?? object.metadata?.creationTimestamp);
  if (age === undefined || age <= longSuspensionMs) return undefined;
  return {
    rule: "job-suspended-long",
    object: ref,
    evidence: [field(ref, "spec.suspend", true)],
    ...(since !== undefined && { since }),
  };
}

/** Whether the Job ought to have Pods now. */
function wantsPods({ spec = {}, status = {} }: KubeObject<"Job">): boolean {
  const { completions, parallelism = 1, suspend, managedBy } = spec;
  if (suspend === true || parallelism === 0) return false;
  // Another controller decides (reference: KEP-4368).
  if (managedBy !== undefined && managedBy !== "kubernetes.io/job-controller") return false;
  return completions === undefined ? true : (status.succeeded ?? 0) < completions;
}

function refused(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"Job">,
): Observation<keyof typeof createBlockedRules> | undefined {
  const { spec = {}, status = {} } = object;
  const { parallelism = 1, completions } = spec;
  const left = completions === undefined ? parallelism : Math.min(parallelism, completions - (status.succeeded ?? 0));
  if (!wantsPods(object) || (status.active ?? 0) >= left) return undefined;
  const found = refusalInEvents(snapshot, ref);
  const counts = [field(ref, "spec.parallelism", parallelism), field(ref, "status.active", status.active ?? 0)];
  return found === undefined ? undefined : createBlocked(snapshot, ref, found, { counts, serving: ref.uid });
}

const stallMs = 10 * minuteMs;

function stalled(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"Job">,
): Observation<"job-stalled"> | undefined {
  const { namespace } = ref;
  if (!wantsPods(object) || isQueued(object) || namespace === undefined || !snapshot.isComplete("Pod", namespace))
    return undefined;
  if (conditionOf(object, "FailureTarget")?.status === "True") return undefined;
  const pods = podsOwnedBy(snapshot, ref.uid);
  const live = pods.filter((pod) => !isFinished(pod));
  const { active = 0, failed: attempts = 0, startTime } = object.status ?? {};
  const isSettled = (since: number | undefined): boolean =>
    hasSettled(snapshot, object, stallMs + backOffMs(attempts), since);
  const counts = [field(ref, "status.active", active), field(ref, "status.failed", attempts)];
  if (live.length === 0) {
    // Nothing runs: since the last Pod ended, or since the Job was started or resumed.
    const ends = pods.map((pod) => endOfPod(pod)).filter((time) => time !== undefined);
    const since = [...ends, parseTime(startTime)].filter((time) => time !== undefined);
    const last = since.length === 0 ? undefined : Math.max(...since);
    // `active` counts Pods that this list does not show: they came or went between two reads.
    if (active > 0 || !isSettled(last)) return undefined;
    return {
      rule: "job-stalled",
      object: ref,
      because: "it has no Pod",
      evidence: [...counts, fact(ref, "Pods", pods.length)],
      ...(last !== undefined && { since: last }),
    };
  }
  const waiting = unreadyPods(live);
  const isWaiting = live.every(
    (pod) =>
      pod.status?.phase === "Pending" &&
      pod.metadata?.deletionTimestamp === undefined &&
      // The phase stays Pending while an init container does its work.
      !(pod.status.initContainerStatuses ?? []).some(({ state }) => state?.running !== undefined) &&
      (pod.spec?.schedulingGates ?? []).length === 0,
  );
  const onsets = live.map((pod) => parseTime(pod.metadata?.creationTimestamp)).filter((time) => time !== undefined);
  const since = onsets.length === 0 ? undefined : Math.max(...onsets);
  if (!isWaiting || !hasSettled(snapshot, object, stallMs, since)) return undefined;
  return {
    rule: "job-stalled",
    object: ref,
    because: "its Pods wait",
    evidence: [...waiting.slice(0, 3).map(unreadyEvidence), ...counts],
    related: waiting.map((each) => each.ref),
    ...(since !== undefined && { since }),
  };
}

/** The longest wait before the next attempt (concepts/workloads/controllers/job/#pod-backoff-failure-policy). */
function backOffMs(attempts: number): number {
  return attempts === 0 ? 0 : Math.min(10 * secondMs * 2 ** Math.min(attempts, 10), 6 * minuteMs);
}

function endOfPod(pod: KubeObject<"Pod">): number | undefined {
  const ends = (pod.status?.containerStatuses ?? [])
    .map(({ state }) => parseTime(state?.terminated?.finishedAt))
    .filter((time) => time !== undefined);
  return ends.length === 0 ? parseTime(pod.metadata?.creationTimestamp) : Math.max(...ends);
}
