import { type Evidence, eventEvidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import type { EventRecord } from "../kube/events.ts";
import { ageOf, eventMaxAgeMs, isFinished, isGoingAway, specChangedAt } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import { dependentsOfKind, podsOwnedBy } from "../kube/relations.ts";
import { dueTimes, formatInZone, isDue, isTimeZone, nextDue, parseSchedule, type Schedule } from "../kube/schedule.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, minuteMs, parseTime, secondMs } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { createBlocked, createBlockedRules, createBlockedUses, refusalInEvents } from "./rules/create-blocked.ts";
import { endOf, failureOf, hasSucceeded, isOver, lastExitOf } from "./rules/job-failure.ts";
import { missingPullSecrets, pullSecretRules, pullSecretUses } from "./rules/pull-secret.ts";
import { unreadyEvidence, unreadyPods } from "./rules/replicas.ts";

const stops = "Backups and clean-ups stop without any error";
const neverWorked = "It looks configured, but has never worked or no longer does";
const source = "concepts/workloads/controllers/cron-jobs/";
const describe = "kubectl -n {namespace} describe cronjob {name}";
const listJobs = "kubectl -n {namespace} get jobs --sort-by=.metadata.creationTimestamp";

export const cronJob: Analyzer = defineAnalyzer({
  name: "CronJob",
  needs: ["CronJob"],
  uses: ["Job", ...createBlockedUses, ...pullSecretUses],
  rules: {
    "cronjob-schedule-invalid": {
      severity: "warning",
      depth: 7,
      message: "The schedule cannot be used, so no Job is ever started",
      why: neverWorked,
      fix: "Correct spec.schedule (five fields, or @hourly and its like), spec.timeZone (an IANA name) or spec.startingDeadlineSeconds",
      source: `${source}#schedule-syntax`,
      commands: [describe],
      silent: ["The controller accepts the schedule, whatever our own parser says"],
    },
    "cronjob-missed-runs": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "The CronJob was due and started no Job",
      why: stops,
      fix: "Look at its events; a startingDeadlineSeconds below 10 often never starts",
      source: `${source}#job-creation`,
      commands: [describe, listJobs],
      silent: [
        "Suspended, or its first due time has not come",
        "Fewer than two due times passed since the last run or the last change of the CronJob",
        "concurrencyPolicy Forbid and a Job is still active (see cronjob-overlap-blocked)",
        "Our parser cannot read the schedule",
      ],
    },
    "cronjob-overlap-blocked": {
      severity: "warning",
      depth: 7,
      message: "A Job that does not end keeps the next ones from starting (concurrencyPolicy Forbid)",
      why: stops,
      fix: "Find out why the Job does not end; give it activeDeadlineSeconds so that it cannot block for ever",
      source: `${source}#concurrency-policy`,
      commands: ["kubectl -n {namespace} describe job {job}", "kubectl -n {namespace} logs job/{job}", listJobs],
      silent: ["The Job is younger than two intervals of the schedule, or than 10 minutes"],
    },
    "cronjob-pile-up": {
      severity: "warning",
      depth: 7,
      message: "Three or more Jobs of the CronJob run at once",
      why: "Each run starts before the last has ended, and they add up",
      fix: "Find out why the Jobs do not end; set concurrencyPolicy to Forbid or Replace, or give them activeDeadlineSeconds",
      source: `${source}#concurrency-policy`,
      commands: [listJobs, describe],
      silent: ["concurrencyPolicy is Forbid or Replace"],
    },
    "cronjob-never-succeeded": {
      severity: "warning",
      depth: 7,
      message: "No Job of the CronJob has ever succeeded",
      why: neverWorked,
      fix: "Mend what the last Pod's exit code and log say",
      source,
      commands: ["kubectl -n {namespace} logs job/{job}", describe, listJobs],
      silent: ["Fewer than three runs were due", "The newest Job did not fail, or still runs", "Suspended"],
    },
    "cronjob-last-failed": {
      severity: "warning",
      depth: 7,
      message: "The last run of the CronJob failed",
      why: neverWorked,
      fix: "Mend what the last Pod's exit code and log say",
      source,
      commands: ["kubectl -n {namespace} logs job/{job}", describe, listJobs],
      silent: ["A later run succeeded", "The newest Job still runs", "Suspended"],
    },
    "cronjob-suspended": {
      severity: "info",
      depth: 7,
      message: "The CronJob is suspended and has not run for more than 7 days",
      why: "Someone may have forgotten to resume it",
      fix: "Resume it, or delete it",
      source: `${source}#schedule-suspension`,
      commands: ["kubectl -n {namespace} get cronjob"],
      silent: ["It never ran", "Its last run is younger than 7 days"],
    },
    ...createBlockedRules,
    ...pullSecretRules,
  },
  *check(snapshot) {
    for (const object of snapshot.list("CronJob")) {
      if (isGoingAway(snapshot, object)) continue;
      const ref = refOf("CronJob", object);
      if (object.spec?.suspend === true) {
        const suspended = suspendedLong(snapshot, ref, object);
        if (suspended !== undefined) yield suspended;
        continue;
      }
      const invalid = scheduleInvalid(snapshot, ref, object);
      if (invalid !== undefined) {
        yield invalid;
        continue;
      }
      const schedule = parseSchedule(object.spec?.schedule, object.spec?.timeZone);
      const state: State = { ref, object, schedule, jobs: jobsOf(snapshot, ref) };
      const late = refused(snapshot, state) ?? overlapBlocked(snapshot, state) ?? missedRuns(snapshot, state);
      if (late !== undefined) yield late;
      const piled = pileUp(state);
      if (piled !== undefined) yield piled;
      const lastFailure = neverSucceeded(snapshot, state) ?? lastFailed(snapshot, state);
      if (lastFailure !== undefined) yield lastFailure;
    }
    yield* missingPullSecrets(snapshot, "CronJob");
  },
});

interface State {
  readonly ref: ObjectRef;
  readonly object: KubeObject<"CronJob">;
  /** Undefined when our parser cannot read it. */
  readonly schedule: Schedule | undefined;
  /** The CronJob's Jobs, newest first. */
  readonly jobs: readonly KubeObject<"Job">[];
}

function jobsOf(snapshot: Snapshot, { uid }: ObjectRef): readonly KubeObject<"Job">[] {
  return [...dependentsOfKind(snapshot, uid, "Job")].sort((a, b) => (startOf(b) ?? 0) - (startOf(a) ?? 0));
}

function startOf(job: KubeObject<"Job">): number | undefined {
  return parseTime(job.metadata?.creationTimestamp) ?? parseTime(job.status?.startTime);
}

function suspendedLong(
  snapshot: Snapshot,
  ref: ObjectRef,
  { status = {} }: KubeObject<"CronJob">,
): Observation<"cronjob-suspended"> | undefined {
  const age = ageOf(snapshot, status.lastScheduleTime);
  if (age === undefined || age <= 7 * dayMs) return undefined;
  return {
    rule: "cronjob-suspended",
    object: ref,
    evidence: [field(ref, "spec.suspend", true), field(ref, "status.lastScheduleTime", status.lastScheduleTime)],
  };
}

/** Reasons of the controller's events when it cannot use the schedule (v1.34: pkg/controller/cronjob), and ours for them. */
const refusedSchedules: Readonly<Record<string, string>> = {
  UnparseableSchedule: "the schedule does not parse",
  UnParseableCronJobSchedule: "the schedule does not parse",
  UnknownTimeZone: "the time zone is not known",
  InvalidSchedule: "no date ever matches it",
};

function scheduleInvalid(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"CronJob">,
): Observation<"cronjob-schedule-invalid"> | undefined {
  const { schedule: text, timeZone, startingDeadlineSeconds } = object.spec ?? {};
  const zone = timeZone === undefined ? [] : [field(ref, "spec.timeZone", timeZone)];
  const found = (because: string, ...evidence: readonly Evidence[]): Observation<"cronjob-schedule-invalid"> => ({
    rule: "cronjob-schedule-invalid",
    object: ref,
    because,
    evidence: [...evidence, field(ref, "spec.schedule", text), ...zone],
  });
  if (startingDeadlineSeconds !== undefined && startingDeadlineSeconds < 0) {
    return found(
      "startingDeadlineSeconds is negative",
      field(ref, "spec.startingDeadlineSeconds", startingDeadlineSeconds),
    );
  }
  const event = currentEvent(snapshot, ref, object, Object.keys(refusedSchedules));
  const refusal = refusedSchedules[event?.reason ?? ""];
  if (event !== undefined && refusal !== undefined) return found(refusal, eventEvidence(event));
  const schedule = parseSchedule(text, timeZone);
  if (schedule !== undefined && nextDue(schedule, snapshot.takenAt) === undefined)
    return found("no date ever matches it");
  // A server has accepted what carries a uid; a bare manifest has only our parser to read it.
  if (object.metadata?.uid === undefined && text !== undefined && schedule === undefined) {
    const isZoneKnown = timeZone === undefined || isTimeZone(timeZone);
    return found(isZoneKnown ? "the schedule does not parse" : "the time zone is not known");
  }
  return undefined;
}

/** The newest event of one of `reasons` that still holds: within the hour (G6), and after the CronJob was last changed. */
function currentEvent(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"CronJob">,
  reasons: readonly string[],
): EventRecord | undefined {
  const changed = specChangedAt(snapshot, object) ?? 0;
  const earliest = Math.max(changed, snapshot.takenAt - eventMaxAgeMs);
  return snapshot.eventsOf(ref).find(({ reason, lastSeen = 0 }) => reasons.includes(reason) && lastSeen >= earliest);
}

/** The Job itself may not be created. */
function refused(snapshot: Snapshot, { ref }: State): Observation<keyof typeof createBlockedRules> | undefined {
  const found = refusalInEvents(snapshot, ref);
  return found === undefined ? undefined : createBlocked(snapshot, ref, found, { counts: [], serving: ref.uid });
}

/** How late a Job may start without anything being wrong. */
const latenessMs = 60 * secondMs;
const mostCounted = 100;

/** Offsets in use: where kube-controller-manager may run when neither schedule nor CronJob names a time zone. */
const offsets: readonly string[] = [
  ...Array.from({ length: 27 }, (_, index) => index - 12).map(
    (hours) => `${hours < 0 ? "-" : "+"}${String(Math.abs(hours)).padStart(2, "0")}:00`,
  ),
  "+03:30",
  "+05:30",
  "+05:45",
  "+09:30",
];

/**
 * The due times in (`after`, `until`]. Without a time zone the schedule follows the clock of kube-controller-manager, mostly
 * UTC: the last run shows whether it is. When it is not, the offset under which fewest runs were due is taken, and the times
 * themselves are a guess.
 */
function dueSince(
  { object, schedule }: State,
  after: number,
  until: number,
): { readonly times: readonly number[]; readonly isExact: boolean } {
  if (schedule === undefined) return { times: [], isExact: false };
  const range = { after, until, limit: mostCounted };
  const last = parseTime(object.status?.lastScheduleTime);
  const isExact =
    schedule.type === "every" || schedule.zone !== undefined || (last !== undefined && isDue(schedule, last));
  if (isExact) return { times: dueTimes(schedule, range), isExact };
  const matching = last === undefined ? [] : offsets.filter((defaultZone) => isDue(schedule, last, defaultZone));
  const counted = (matching.length > 0 ? matching : offsets).map((defaultZone) =>
    dueTimes(schedule, { ...range, defaultZone }),
  );
  return { times: counted.reduce((fewest, times) => (times.length < fewest.length ? times : fewest)), isExact };
}

/** The CronJob's Jobs that have not ended, newest first. */
function activeJobs({ jobs }: State): readonly KubeObject<"Job">[] {
  return jobs.filter((job) => !isOver(job) && job.metadata?.deletionTimestamp === undefined);
}

function overlapBlocked(snapshot: Snapshot, state: State): Observation<"cronjob-overlap-blocked"> | undefined {
  const { ref, object } = state;
  if (object.spec?.concurrencyPolicy !== "Forbid") return undefined;
  const oldest = activeJobs(state).at(-1);
  const since = oldest === undefined ? undefined : startOf(oldest);
  if (oldest === undefined || since === undefined || snapshot.takenAt - since < 10 * minuteMs) return undefined;
  const due = dueSince(state, since, snapshot.takenAt - latenessMs).times;
  if (due.length < 2) return undefined;
  const job = refOf("Job", oldest);
  const pods = podsOwnedBy(snapshot, job.uid).filter((pod) => !isFinished(pod));
  return {
    rule: "cronjob-overlap-blocked",
    object: ref,
    cause: job,
    related: [job],
    evidence: [
      field(job, "metadata.creationTimestamp", oldest.metadata?.creationTimestamp),
      ...unreadyPods(pods).slice(0, 2).map(unreadyEvidence),
      field(job, "status.active", oldest.status?.active ?? 0),
      fact(ref, "due times since then", countOf(due)),
      field(ref, "spec.schedule", object.spec.schedule),
      field(ref, "spec.concurrencyPolicy", "Forbid"),
    ],
    since,
    params: { job: job.name },
  };
}

function missedRuns(snapshot: Snapshot, state: State): Observation<"cronjob-missed-runs"> | undefined {
  const { ref, object, schedule } = state;
  const { spec = {}, status = {} } = object;
  // A Job that is still active keeps the next from starting, which is what Forbid asks for.
  const isHeldBack = spec.concurrencyPolicy === "Forbid" && (status.active ?? []).length > 0;
  const start = parseTime(status.lastScheduleTime) ?? parseTime(object.metadata?.creationTimestamp);
  if (isHeldBack || schedule === undefined || start === undefined) return undefined;
  // Due times before the CronJob was last changed (resumed, given another schedule) are not missed.
  const from = Math.max(start, specChangedAt(snapshot, object) ?? 0);
  const deadlineMs = (spec.startingDeadlineSeconds ?? 0) * secondMs;
  const { times: due, isExact } = dueSince(state, from, snapshot.takenAt - deadlineMs - latenessMs);
  const event = currentEvent(snapshot, ref, object, ["TooManyMissedTimes", "MissSchedule"]);
  // With the controller's own word one due time is enough. It says so too when it catches up after a pause: then the last
  // run is the newest due time, and none is left.
  const told = event !== undefined && (event.lastSeen ?? 0) > start ? event : undefined;
  if (due.length < (told === undefined ? 2 : 1)) return undefined;
  const [first] = due;
  const isTight = spec.startingDeadlineSeconds !== undefined && spec.startingDeadlineSeconds < 10;
  return {
    rule: "cronjob-missed-runs",
    severity: due.length > 10 ? "critical" : "warning",
    object: ref,
    ...(isTight && { because: "startingDeadlineSeconds is below 10" }),
    evidence: [
      field(ref, "status.lastScheduleTime", status.lastScheduleTime),
      fact(ref, "due times missed", countOf(due)),
      ...(isExact
        ? [
            fact(
              ref,
              "the first of them",
              due.slice(0, 3).map((time) => formatInZone(time, schedule.zone)),
            ),
          ]
        : []),
      field(ref, "spec.schedule", spec.schedule),
      ...(spec.timeZone === undefined ? [] : [field(ref, "spec.timeZone", spec.timeZone)]),
      ...(deadlineMs === 0 ? [] : [field(ref, "spec.startingDeadlineSeconds", spec.startingDeadlineSeconds)]),
      ...(told === undefined ? [] : [eventEvidence(told)]),
    ],
    ...(isExact && first !== undefined && { since: first }),
  };
}

function countOf(due: readonly number[]): number | string {
  return due.length >= mostCounted ? `${mostCounted} or more` : due.length;
}

function pileUp(state: State): Observation<"cronjob-pile-up"> | undefined {
  const { ref, object, jobs } = state;
  if ((object.spec?.concurrencyPolicy ?? "Allow") !== "Allow") return undefined;
  // The list in the status lags behind Jobs that have just ended.
  const ended = new Set(jobs.filter(isOver).map(({ metadata }) => metadata?.name));
  const active = (object.status?.active ?? []).map(({ name = "" }) => name).filter((name) => !ended.has(name));
  if (active.length < 3) return undefined;
  return {
    rule: "cronjob-pile-up",
    object: ref,
    evidence: [
      fact(ref, "active Jobs", active.length),
      field(ref, "status.active", active.slice(0, 5)),
      field(ref, "spec.schedule", object.spec?.schedule),
    ],
    related: activeJobs(state).map((job) => refOf("Job", job)),
  };
}

/** The newest Job, when it failed after the last success. */
function failedNewest(snapshot: Snapshot, { ref, object, jobs }: State): KubeObject<"Job"> | undefined {
  const [newest] = jobs;
  if (newest === undefined || ref.namespace === undefined || !snapshot.isComplete("Job", ref.namespace))
    return undefined;
  if (failureOf(newest) === undefined || hasSucceeded(newest)) return undefined;
  const lastSuccess = parseTime(object.status?.lastSuccessfulTime) ?? 0;
  return lastSuccess < (endOf(newest) ?? 0) ? newest : undefined;
}

function neverSucceeded(snapshot: Snapshot, state: State): Observation<"cronjob-never-succeeded"> | undefined {
  const { ref, object, jobs } = state;
  const { lastSuccessfulTime, lastScheduleTime } = object.status ?? {};
  const newest = failedNewest(snapshot, state);
  if (newest === undefined || lastSuccessfulTime !== undefined || jobs.some(hasSucceeded)) return undefined;
  const created = parseTime(object.metadata?.creationTimestamp);
  const last = parseTime(lastScheduleTime);
  // Old Jobs are deleted (failedJobsHistoryLimit is 1): the schedule tells how often it was due.
  const due = created === undefined || last === undefined ? [] : dueSince(state, created, last).times;
  const runs = due.length >= mostCounted ? countOf(due) : Math.max(due.length, jobs.filter(isOver).length);
  if (typeof runs === "number" && runs < 3) return undefined;
  return {
    rule: "cronjob-never-succeeded",
    ...failureParts(snapshot, ref, newest),
    evidence: [
      field(ref, "status.lastSuccessfulTime", undefined),
      fact(ref, "runs since it was created", runs),
      ...failureEvidence(snapshot, newest),
    ].slice(0, 8),
  };
}

function lastFailed(snapshot: Snapshot, state: State): Observation<"cronjob-last-failed"> | undefined {
  const { ref, object } = state;
  const newest = failedNewest(snapshot, state);
  if (newest === undefined) return undefined;
  return {
    rule: "cronjob-last-failed",
    ...failureParts(snapshot, ref, newest),
    evidence: [
      ...failureEvidence(snapshot, newest),
      field(ref, "status.lastSuccessfulTime", object.status?.lastSuccessfulTime),
    ].slice(0, 8),
  };
}

function failureParts(
  snapshot: Snapshot,
  ref: ObjectRef,
  newest: KubeObject<"Job">,
): Omit<Observation<never>, "rule" | "evidence"> {
  const job = refOf("Job", newest);
  const exit = lastExitOf(snapshot, newest);
  const since = endOf(newest);
  return {
    object: ref,
    cause: job,
    related: [job],
    ...(exit !== undefined && { because: exit.sentence }),
    ...(since !== undefined && { since }),
    params: { job: job.name },
  };
}

function failureEvidence(snapshot: Snapshot, newest: KubeObject<"Job">): readonly Evidence[] {
  const job = refOf("Job", newest);
  return [
    field(job, "status.conditions[Failed].message", failureOf(newest)?.message),
    ...(lastExitOf(snapshot, newest)?.evidence ?? []),
  ];
}
