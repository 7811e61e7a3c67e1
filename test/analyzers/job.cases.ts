import { job } from "../../src/analyzers/job.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const load = yaml`
  apiVersion: batch/v1
  kind: Job
  metadata: { name: load, namespace: shop }
  spec:
    backoffLimit: 6
    completions: 1
    parallelism: 1
    template:
      spec: { restartPolicy: Never, containers: [{ name: app, image: registry.example/load:1 }] }
  status: { startTime: ${ago("1h")}, active: 1 }
`;

function failed(reason: string, changes = "{}", span = "20m"): Manifest {
  const base = but(
    load,
    `
    status:
      active: 0
      failed: 7
      conditions:
        - { type: FailureTarget, status: "True", reason: ${reason}, message: the Job has failed, lastTransitionTime: ${ago(span)} }
        - { type: Failed, status: "True", reason: ${reason}, message: the Job has failed, lastTransitionTime: ${ago(span)} }
  `,
  );
  return but(base, changes);
}

function pod(name: string, changes = "{}", owner = "load"): Manifest {
  const base = yaml`
    apiVersion: v1
    kind: Pod
    metadata:
      name: ${name}
      namespace: shop
      labels: { batch.kubernetes.io/job-name: ${owner} }
      ownerReferences: [{ apiVersion: batch/v1, kind: Job, name: ${owner}, uid: Job/shop/${owner}, controller: true }]
    spec: { restartPolicy: Never, containers: [{ name: app, image: registry.example/load:1 }] }
    status: { phase: Running }
  `;
  return but(base, changes);
}

function ended(exitCode: number, span: string): string {
  return `
    status:
      phase: Failed
      containerStatuses:
        - { name: app, image: "registry.example/load:1", imageID: "", ready: false, restartCount: 0,
            state: { terminated: { exitCode: ${exitCode}, reason: Error, startedAt: ${ago("59m")}, finishedAt: ${ago(span)} } } }
  `;
}

const pending = `
  metadata: { creationTimestamp: ${ago("40m")} }
  status:
    phase: Pending
    conditions:
      - { type: PodScheduled, status: "False", reason: Unschedulable, lastTransitionTime: ${ago("40m")}, message: "0/2 nodes are available: 2 Insufficient cpu." }
`;
const child = `
  metadata:
    ownerReferences: [{ apiVersion: batch/v1, kind: CronJob, name: nightly, uid: CronJob/shop/nightly, controller: true }]
`;
const nightly = yaml`
  apiVersion: batch/v1
  kind: CronJob
  metadata: { name: nightly, namespace: shop }
  spec:
    schedule: "*/5 * * * *"
    jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: app, image: registry.example/load:1 }] } } } }
`;
const said = { object: "Job/shop/load" };

export default cases(job, {
  fires: [
    {
      name: "its Pods failed too often: the last exit code is told",
      given: [failed("BackoffLimitExceeded"), pod("load-1", ended(1, "40m")), pod("load-2", ended(127, "21m"))],
      expect: [
        {
          rule: "job-backoff-exceeded",
          ...said,
          severity: "warning",
          because: "exit code 127, command or interpreter not found",
        },
      ],
    },
    {
      name: "its Pods failed too often: the log is told",
      given: [failed("BackoffLimitExceeded"), pod("load-3", ended(1, "21m"))],
      logs: [{ namespace: "shop", pod: "load-3", container: "app", previous: false, lines: ["panic: no such table"] }],
      expect: [{ rule: "job-backoff-exceeded", ...said, because: "exit code 1, the application reported an error" }],
    },
    {
      name: "its Pods failed too often and are gone",
      given: [failed("BackoffLimitExceeded")],
      expect: [{ rule: "job-backoff-exceeded", ...said, severity: "warning" }],
    },
    {
      name: "it ran too long",
      given: [failed("DeadlineExceeded")],
      expect: [{ rule: "job-deadline-exceeded", ...said }],
    },
    {
      name: "its failure policy ended it",
      given: [failed("PodFailurePolicy"), pod("load-1", ended(42, "20m"))],
      expect: [
        { rule: "job-failure-policy", ...said, because: "exit code 42, the application ended with a code of its own" },
      ],
    },
    {
      name: "indexes failed",
      given: [
        failed(
          "FailedIndexes",
          `{ spec: { completionMode: Indexed, completions: 6, backoffLimitPerIndex: 1 }, status: { failedIndexes: "1,3-5" } }`,
        ),
      ],
      expect: [{ rule: "job-indexes-failed", ...said }],
    },
    {
      name: "too many indexes failed",
      given: [failed("MaxFailedIndexesExceeded")],
      expect: [{ rule: "job-indexes-failed", ...said }],
    },
    {
      name: "a reason that is not known",
      given: [failed("OutOfLuck")],
      expect: [{ rule: "job-failed", ...said, severity: "warning" }],
    },
    {
      name: "a Helm hook",
      given: [failed("BackoffLimitExceeded", `{ metadata: { annotations: { helm.sh/hook: pre-upgrade } } }`)],
      expect: [{ rule: "job-backoff-exceeded", ...said, severity: "critical" }],
    },
    {
      name: "a migration",
      given: [
        failed("BackoffLimitExceeded", `{ metadata: { labels: { app.kubernetes.io/component: db-migration } } }`),
      ],
      expect: [{ rule: "job-backoff-exceeded", ...said, severity: "critical" }],
    },
    {
      name: "three failed runs of one CronJob",
      given: [
        nightly,
        failed("BackoffLimitExceeded", child),
        but(failed("BackoffLimitExceeded", child), "{ metadata: { name: load-b } }"),
        but(failed("BackoffLimitExceeded", child), "{ metadata: { name: load-c } }"),
      ],
      expect: [
        { rule: "job-backoff-exceeded", ...said, severity: "warning" },
        { rule: "job-backoff-exceeded", object: "Job/shop/load-b", severity: "warning" },
        { rule: "job-backoff-exceeded", object: "Job/shop/load-c", severity: "warning" },
      ],
    },
    {
      name: "a failed run of a CronJob whose later run succeeded",
      given: [
        nightly,
        failed("BackoffLimitExceeded", child),
        but(
          but(load, child),
          `
          metadata: { name: load-b }
          status: { active: 0, succeeded: 1, completionTime: ${ago("5m")}, conditions: [
            { type: SuccessCriteriaMet, status: "True", lastTransitionTime: ${ago("5m")} },
            { type: Complete, status: "True", lastTransitionTime: ${ago("5m")} }] }
        `,
        ),
      ],
      expect: [{ rule: "job-backoff-exceeded", ...said, severity: "info" }],
    },
    {
      name: "a failed run of a CronJob whose later success is only in its status",
      given: [
        but(nightly, `status: { lastScheduleTime: ${ago("5m")}, lastSuccessfulTime: ${ago("4m")} }`),
        failed("DeadlineExceeded", child),
      ],
      expect: [{ rule: "job-deadline-exceeded", ...said, severity: "info" }],
    },
    {
      name: "it never got a Pod",
      given: [but(load, "{ status: { active: 0 } }")],
      expect: [{ rule: "job-stalled", ...said, because: "it has no Pod" }],
    },
    {
      name: "its Pods wait for a node",
      given: [load, pod("load-1", pending)],
      expect: [{ rule: "job-stalled", ...said, because: "its Pods wait" }],
    },
    {
      name: "its Pods may not be created",
      given: [
        but(load, "{ status: { active: 0 } }"),
        yaml`
          apiVersion: v1
          kind: Event
          metadata: { name: load.1, namespace: shop }
          involvedObject: { apiVersion: batch/v1, kind: Job, namespace: shop, name: load, uid: Job/shop/load }
          reason: FailedCreate
          type: Warning
          message: 'Error creating: pods "load-" is forbidden: error looking up service account shop/loader: serviceaccount "loader" not found'
          firstTimestamp: ${ago("55m")}
          lastTimestamp: ${ago("5m")}
        `,
      ],
      expect: [
        { rule: "create-blocked-serviceaccount", ...said, severity: "critical", cause: "ServiceAccount/shop/loader" },
      ],
    },
    {
      name: "suspended for eight days",
      given: [
        but(
          load,
          `
        metadata: { creationTimestamp: ${ago("9d")} }
        spec: { suspend: true }
        status: { startTime: null, active: 0, conditions: [{ type: Suspended, status: "True", reason: JobSuspended, lastTransitionTime: ${ago("8d")} }] }
      `,
        ),
      ],
      expect: [{ rule: "job-suspended-long", ...said, severity: "info" }],
    },
    {
      name: "a pull secret that is not there",
      given: [but(load, "{ spec: { template: { spec: { imagePullSecrets: [{ name: gone }] } } } }"), pod("load-1")],
      expect: [{ rule: "image-pull-secret-missing", ...said, severity: "warning", cause: "Secret/shop/gone" }],
    },
  ],
  silent: [
    { name: "it runs", given: [load, pod("load-1")] },
    {
      name: "its second of six tries runs",
      given: [but(load, "{ status: { active: 1, failed: 2 } }"), pod("load-1", ended(1, "20m")), pod("load-2")],
    },
    {
      name: "it succeeded after a failed try",
      given: [
        but(
          load,
          `
          status: { active: 0, failed: 1, succeeded: 1, completionTime: ${ago("10m")}, conditions: [
            { type: SuccessCriteriaMet, status: "True", lastTransitionTime: ${ago("10m")} },
            { type: Complete, status: "True", lastTransitionTime: ${ago("10m")} }] }
        `,
        ),
        pod("load-1", ended(1, "20m")),
      ],
    },
    {
      name: "it succeeded, and its template names a pull secret that is gone",
      given: [
        but(
          load,
          `
          spec: { template: { spec: { imagePullSecrets: [{ name: gone }] } } }
          status: { active: 0, succeeded: 1, completionTime: ${ago("10m")}, conditions: [
            { type: SuccessCriteriaMet, status: "True", lastTransitionTime: ${ago("10m")} },
            { type: Complete, status: "True", lastTransitionTime: ${ago("10m")} }] }
        `,
        ),
      ],
    },
    {
      name: "it waits for its next try",
      given: [but(load, "{ status: { active: 0, failed: 5 } }"), pod("load-1", ended(1, "12m"))],
    },
    {
      name: "suspended an hour ago",
      given: [
        but(
          load,
          `
      spec: { suspend: true }
      status: { startTime: null, active: 0, conditions: [{ type: Suspended, status: "True", reason: JobSuspended, lastTransitionTime: ${ago("1h")} }] }
    `,
        ),
      ],
    },
    {
      name: "a queue has suspended it for weeks",
      given: [
        but(
          load,
          `
        metadata: { creationTimestamp: ${ago("20d")}, labels: { kueue.x-k8s.io/queue-name: batch } }
        spec: { suspend: true }
        status: { startTime: null, active: 0, conditions: [{ type: Suspended, status: "True", reason: JobSuspended, lastTransitionTime: ${ago("19d")} }] }
      `,
        ),
      ],
    },
    {
      name: "another controller manages it",
      given: [but(load, "{ spec: { managedBy: example.com/multi-cluster }, status: { active: 0 } }")],
    },
    { name: "parallelism 0", given: [but(load, "{ spec: { parallelism: 0 }, status: { active: 0 } }")] },
    {
      name: "its Pods are held by a gate",
      given: [load, but(pod("load-1", pending), "{ spec: { schedulingGates: [{ name: example.com/queue }] } }")],
    },
    {
      name: "a long init container: the phase stays Pending",
      given: [
        load,
        pod(
          "load-1",
          `
          metadata: { creationTimestamp: ${ago("40m")} }
          spec: { initContainers: [{ name: fetch, image: "registry.example/fetch:1" }] }
          status:
            phase: Pending
            initContainerStatuses:
              - { name: fetch, image: "registry.example/fetch:1", imageID: "", ready: false, restartCount: 0, state: { running: { startedAt: ${ago("39m")} } } }
        `,
        ),
      ],
    },
    {
      name: "started five minutes ago",
      given: [
        but(load, `{ status: { startTime: ${ago("5m")}, active: 1 } }`),
        but(pod("load-1", pending), `{ metadata: { creationTimestamp: ${ago("5m")} } }`),
      ],
    },
    { name: "Pods could not be listed", given: [but(load, "{ status: { active: 0, failed: 1 } }")], unread: ["Pod"] },
    {
      name: "it is being deleted",
      given: [
        failed(
          "BackoffLimitExceeded",
          `{ metadata: { deletionTimestamp: ${ago("1m")}, finalizers: [foregroundDeletion] } }`,
        ),
      ],
    },
    {
      name: "the condition Failed is False",
      given: [but(load, `{ status: { conditions: [{ type: Failed, status: "False" }] } }`), pod("load-1")],
    },
  ],
});
