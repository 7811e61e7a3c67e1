import { cronJob } from "../../src/analyzers/cron-job.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

// The snapshot is taken at 12:00:00 UTC.
const backup = yaml`
  apiVersion: batch/v1
  kind: CronJob
  metadata: { name: backup, namespace: ops, creationTimestamp: ${ago("30d")} }
  spec:
    schedule: "*/5 * * * *"
    concurrencyPolicy: Allow
    jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: app, image: registry.example/backup:1 }] } } } }
  status: { lastScheduleTime: ${ago("0s")}, lastSuccessfulTime: ${ago("4m")} }
`;

function run(name: string, span: string, changes = "{}"): Manifest {
  const base = yaml`
    apiVersion: batch/v1
    kind: Job
    metadata:
      name: ${name}
      namespace: ops
      creationTimestamp: ${ago(span)}
      ownerReferences: [{ apiVersion: batch/v1, kind: CronJob, name: backup, uid: CronJob/ops/backup, controller: true }]
    spec: { template: { spec: { restartPolicy: Never, containers: [{ name: app, image: registry.example/backup:1 }] } } }
    status: { startTime: ${ago(span)}, active: 1 }
  `;
  return but(base, changes);
}

function failure(span: string): string {
  return `
    status:
      active: 0
      failed: 7
      conditions:
        - { type: FailureTarget, status: "True", reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit, lastTransitionTime: ${ago(span)} }
        - { type: Failed, status: "True", reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit, lastTransitionTime: ${ago(span)} }
  `;
}

function success(span: string): string {
  return `
    status: { active: 0, succeeded: 1, completionTime: ${ago(span)}, conditions: [
      { type: SuccessCriteriaMet, status: "True", lastTransitionTime: ${ago(span)} },
      { type: Complete, status: "True", lastTransitionTime: ${ago(span)} }] }
  `;
}

function event(reason: string, message: string, span: string): Manifest {
  const base = yaml`
    apiVersion: v1
    kind: Event
    metadata: { name: backup.${reason.toLowerCase()}, namespace: ops }
    involvedObject: { apiVersion: batch/v1, kind: CronJob, namespace: ops, name: backup, uid: CronJob/ops/backup }
    reason: ${reason}
    type: Warning
    firstTimestamp: ${ago("50m")}
    lastTimestamp: ${ago(span)}
  `;
  return { ...but(base, "{}"), message };
}

const lastPod = yaml`
  apiVersion: v1
  kind: Pod
  metadata:
    name: backup-2-x
    namespace: ops
    ownerReferences: [{ apiVersion: batch/v1, kind: Job, name: backup-2, uid: Job/ops/backup-2, controller: true }]
  spec: { restartPolicy: Never, containers: [{ name: app, image: registry.example/backup:1 }] }
  status:
    phase: Failed
    containerStatuses:
      - { name: app, image: "registry.example/backup:1", imageID: "", ready: false, restartCount: 0,
          state: { terminated: { exitCode: 2, reason: Error, startedAt: ${ago("4m")}, finishedAt: ${ago("3m")} } } }
`;
const active = (...names: readonly string[]): string =>
  `status: { active: [${names.map((name) => `{ apiVersion: batch/v1, kind: Job, namespace: ops, name: ${name} }`).join(", ")}] }`;
const lastRun = (span: string): string =>
  `status: { lastScheduleTime: ${ago(span)}, lastSuccessfulTime: ${ago(span)} }`;
const said = { object: "CronJob/ops/backup" };

export default cases(cronJob, {
  fires: [
    {
      name: "every 5 minutes, last run 40 minutes ago",
      given: [but(backup, lastRun("40m"))],
      expect: [{ rule: "cronjob-missed-runs", ...said, severity: "warning" }],
    },
    {
      name: "every 5 minutes, last run 2 hours ago",
      given: [but(backup, lastRun("2h"))],
      expect: [{ rule: "cronjob-missed-runs", ...said, severity: "critical" }],
    },
    {
      name: "every morning in Berlin, last run three days ago",
      given: [
        but(
          backup,
          `
          spec: { schedule: 30 6 * * *, timeZone: Europe/Berlin }
          status: { lastScheduleTime: "2026-01-12T05:30:00Z", lastSuccessfulTime: "2026-01-12T05:35:00Z" }
        `,
        ),
      ],
      expect: [{ rule: "cronjob-missed-runs", ...said, severity: "warning" }],
    },
    {
      name: "it never ran since it was created ten days ago",
      given: [
        but(backup, `{ metadata: { creationTimestamp: ${ago("10d")} }, spec: { schedule: "@daily" }, status: null }`),
      ],
      expect: [{ rule: "cronjob-missed-runs", ...said, severity: "warning" }],
    },
    {
      name: "@every 10m, last run an hour ago",
      given: [but(but(backup, lastRun("1h")), `{ spec: { schedule: "@every 10m" } }`)],
      expect: [{ rule: "cronjob-missed-runs", ...said, severity: "warning" }],
    },
    {
      name: "the deadline is too tight, and the controller says that it was missed",
      given: [
        but(
          backup,
          `
          spec: { schedule: 30 11 * * *, startingDeadlineSeconds: 5 }
          status: { lastScheduleTime: "2026-01-14T11:30:00Z", lastSuccessfulTime: "2026-01-14T11:31:00Z" }
        `,
        ),
        event("MissSchedule", "Missed scheduled time to start a job: Thu, 15 Jan 2026 11:30:00 +0000", "20m"),
      ],
      expect: [
        { rule: "cronjob-missed-runs", ...said, severity: "warning", because: "startingDeadlineSeconds is below 10" },
      ],
    },
    {
      name: "Forbid, and a Job has been running for 3 hours",
      given: [
        but(but(but(backup, lastRun("3h")), active("backup-1")), "{ spec: { concurrencyPolicy: Forbid } }"),
        run("backup-1", "3h"),
      ],
      expect: [{ rule: "cronjob-overlap-blocked", ...said, severity: "warning", cause: "Job/ops/backup-1" }],
    },
    {
      name: "Allow, and three Jobs are active",
      given: [
        but(but(backup, active("backup-1", "backup-2", "backup-3")), lastRun("0s")),
        run("backup-1", "10m"),
        run("backup-2", "5m"),
        run("backup-3", "0s"),
      ],
      expect: [{ rule: "cronjob-pile-up", ...said }],
    },
    {
      name: "the newest Job failed",
      given: [
        but(backup, `status: { lastSuccessfulTime: ${ago("9m")} }`),
        run("backup-1", "10m", success("9m")),
        run("backup-2", "5m", failure("3m")),
        lastPod,
      ],
      expect: [
        {
          rule: "cronjob-last-failed",
          ...said,
          because: "exit code 2, wrong arguments, or a panic in a Go program",
          cause: "Job/ops/backup-2",
        },
      ],
    },
    {
      name: "it has never succeeded, and only the last failed Job is kept",
      given: [but(backup, "status: { lastSuccessfulTime: null }"), run("backup-2", "5m", failure("3m"))],
      expect: [{ rule: "cronjob-never-succeeded", ...said, cause: "Job/ops/backup-2" }],
    },
    {
      name: "its first run failed",
      given: [
        but(
          backup,
          `{ metadata: { creationTimestamp: ${ago("8m")} }, status: { lastScheduleTime: ${ago("5m")}, lastSuccessfulTime: null } }`,
        ),
        run("backup-2", "5m", failure("3m")),
      ],
      expect: [{ rule: "cronjob-last-failed", ...said }],
    },
    {
      name: "suspended, last run eight days ago",
      given: [
        but(
          backup,
          `{ spec: { suspend: true }, status: { lastScheduleTime: ${ago("8d")}, lastSuccessfulTime: ${ago("8d")} } }`,
        ),
      ],
      expect: [{ rule: "cronjob-suspended", ...said, severity: "info" }],
    },
    {
      name: "the controller does not know the time zone",
      given: [
        but(backup, "{ spec: { timeZone: America/Ciudad_Juarez } }"),
        event(
          "UnknownTimeZone",
          'invalid timeZone: "America/Ciudad_Juarez": unknown time zone America/Ciudad_Juarez',
          "10m",
        ),
      ],
      expect: [{ rule: "cronjob-schedule-invalid", ...said, because: "the time zone is not known" }],
    },
    {
      name: "31 February",
      given: [but(backup, "{ spec: { schedule: 0 0 31 2 * }, status: null }")],
      expect: [{ rule: "cronjob-schedule-invalid", ...said, because: "no date ever matches it" }],
    },
    {
      name: "a bare manifest with six fields",
      given: [
        but(backup, "{ metadata: { creationTimestamp: ~ }, spec: { schedule: 0 */5 * * * * }, status: null }"),
      ].map((manifest) => ({
        ...manifest,
        metadata: { ...manifest.metadata, uid: undefined, creationTimestamp: undefined },
      })),
      notLive: "the API server refuses the schedule",
      expect: [{ rule: "cronjob-schedule-invalid", ...said, because: "the schedule does not parse" }],
    },
    {
      name: "a bare manifest with a time zone that does not exist",
      given: [but(backup, "{ spec: { timeZone: Europe/Brelin }, status: null }")].map((manifest) => ({
        ...manifest,
        metadata: { ...manifest.metadata, uid: undefined, creationTimestamp: undefined },
      })),
      notLive: "the API server refuses the time zone",
      expect: [{ rule: "cronjob-schedule-invalid", ...said, because: "the time zone is not known" }],
    },
    {
      name: "a deadline before the start",
      given: [but(backup, "{ spec: { startingDeadlineSeconds: -1 } }")],
      notLive: "the API server refuses it",
      expect: [{ rule: "cronjob-schedule-invalid", ...said, because: "startingDeadlineSeconds is negative" }],
    },
    {
      name: "its Jobs may not be created",
      given: [
        but(backup, lastRun("40m")),
        event(
          "FailedCreate",
          'Error creating job: jobs.batch "backup-29390000" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch=5, limited: count/jobs.batch=5',
          "2m",
        ),
      ],
      expect: [{ rule: "create-blocked-quota", ...said, because: "number of Jobs", cause: "ResourceQuota/ops/jobs" }],
    },
    {
      name: "a pull secret that is not there",
      given: [
        but(
          backup,
          "{ spec: { jobTemplate: { spec: { template: { spec: { imagePullSecrets: [{ name: gone }] } } } } } }",
        ),
      ],
      expect: [{ rule: "image-pull-secret-missing", ...said, severity: "warning", cause: "Secret/ops/gone" }],
    },
  ],
  silent: [
    { name: "all is well", given: [backup, run("backup-1", "5m", success("4m"))] },
    {
      name: "suspended, last run yesterday",
      given: [
        but(
          backup,
          `{ spec: { suspend: true }, status: { lastScheduleTime: ${ago("1d")}, lastSuccessfulTime: ${ago("1d")} } }`,
        ),
      ],
    },
    { name: "suspended since it was created", given: [but(backup, "{ spec: { suspend: true }, status: null }")] },
    {
      name: "suspended, and its last run failed",
      given: [
        but(backup, "{ spec: { suspend: true }, status: { lastSuccessfulTime: null } }"),
        run("backup-2", "5m", failure("3m")),
      ],
    },
    { name: "one due time missed", given: [but(backup, lastRun("9m"))] },
    {
      name: "created, not due yet",
      given: [
        but(backup, `{ metadata: { creationTimestamp: ${ago("20h")} }, spec: { schedule: "@daily" }, status: null }`),
      ],
    },
    {
      name: "monthly, last run at the start of the month",
      given: [
        but(
          backup,
          `{ spec: { schedule: "@monthly" }, status: { lastScheduleTime: "2026-01-01T00:00:00Z", lastSuccessfulTime: "2026-01-01T00:05:00Z" } }`,
        ),
      ],
    },
    {
      name: "weekdays only, over a weekend in Berlin",
      given: [
        but(
          backup,
          `
          spec: { schedule: 0 22 * * 1-5, timeZone: Europe/Berlin }
          status: { lastScheduleTime: "2026-01-14T21:00:00Z", lastSuccessfulTime: "2026-01-14T21:05:00Z" }
        `,
        ),
      ],
    },
    {
      name: "the controller runs in another time zone, as its last run shows",
      given: [
        but(
          backup,
          `
          spec: { schedule: "0 0,1 * * *" }
          status: { lastScheduleTime: "2026-01-15T09:00:00Z", lastSuccessfulTime: "2026-01-15T09:05:00Z" }
        `,
        ),
      ],
    },
    {
      name: "resumed a minute ago after two weeks",
      given: [
        but(
          but(backup, lastRun("14d")),
          `{ metadata: { managedFields: [{ manager: kubectl, operation: Update, apiVersion: batch/v1, time: ${ago("60s")} }] } }`,
        ),
      ],
      notLive: "the server writes managedFields itself",
    },
    {
      name: "resumed, and the controller has caught up with one run",
      given: [
        but(backup, lastRun("0s")),
        event(
          "TooManyMissedTimes",
          "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
          "0s",
        ),
        run("backup-1", "0s"),
      ],
    },
    {
      name: "an old event says that a time was missed, and it has run since",
      given: [
        backup,
        event("MissSchedule", "Missed scheduled time to start a job: Thu, 15 Jan 2026 11:30:00 +0000", "29m"),
      ],
    },
    {
      name: "a deadline of a quarter of an hour still allows the missed times",
      given: [but(but(backup, lastRun("15m")), "{ spec: { startingDeadlineSeconds: 900 } }")],
    },
    {
      name: "Forbid, and its Job is not older than two intervals",
      given: [
        but(
          but(but(backup, lastRun("12m")), active("backup-1")),
          `{ spec: { concurrencyPolicy: Forbid, schedule: "*/10 * * * *" } }`,
        ),
        run("backup-1", "12m"),
      ],
    },
    {
      name: "two Jobs are active",
      given: [
        but(but(backup, active("backup-1", "backup-2")), lastRun("0s")),
        run("backup-1", "5m"),
        run("backup-2", "0s"),
      ],
    },
    {
      name: "three are active by a status that lags: two have ended",
      given: [
        but(but(backup, active("backup-1", "backup-2", "backup-3")), lastRun("0s")),
        run("backup-1", "10m", success("1m")),
        run("backup-2", "5m", success("1m")),
        run("backup-3", "0s"),
      ],
    },
    {
      name: "a run failed, and the newest still runs",
      given: [backup, run("backup-1", "5m", failure("3m")), run("backup-2", "0s")],
    },
    {
      name: "a run failed, and a later one succeeded",
      given: [backup, run("backup-1", "10m", failure("9m")), run("backup-2", "5m", success("4m"))],
    },
    {
      name: "Jobs could not be listed",
      given: [but(backup, "status: { lastSuccessfulTime: null }"), run("backup-2", "5m", failure("3m"))],
      unread: ["Job"],
    },
    {
      name: "our parser alone does not know the time zone",
      given: [but(but(backup, lastRun("2h")), "{ spec: { timeZone: Mars/Olympus } }")],
      notLive: "the API server refuses the time zone",
    },
    {
      name: "it is being deleted",
      given: [
        but(
          but(backup, lastRun("2h")),
          `{ metadata: { deletionTimestamp: ${ago("1m")}, finalizers: [foregroundDeletion] } }`,
        ),
      ],
    },
  ],
});
