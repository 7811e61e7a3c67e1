import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import type { EventRecord } from "../kube/events.ts";
import { ageOf, eventMaxAgeMs, hasSettled, isFinished, isGoingAway, specChangedAt } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import { podsOwnedBy } from "../kube/relations.ts";
import { dueTimes, formatInZone, isDue, isTimeZone, parseSchedule, type Schedule } from "../kube/schedule.ts";
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
      const state: State = { ref, object, schedule, jobs: jobsOf(snapshot, ref), counting: { seen: new Map() } };
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
