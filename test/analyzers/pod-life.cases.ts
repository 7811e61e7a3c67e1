import { pod } from "../../src/analyzers/pod.ts";
import { ago, cases, yaml } from "./cases.ts";
import {
  containerStatus,
  crashed,
  healthyPod,
  job,
  node,
  ofJob,
  ofReplicaSet,
  podEvent,
  podWith,
  replicaSet,
  statusWith,
  terminated,
} from "./pod-objects.ts";

const web = "Pod/shop/web-1";
const limited = {
  containers: [
    {
      name: "app",
      image: "registry.example/web:1.4.2",
      resources: { limits: { memory: "128Mi" }, requests: { memory: "64Mi" } },
    },
  ],
};
const probed = {
  containers: [
    {
      name: "app",
      image: "registry.example/web:1.4.2",
      ports: [{ name: "http", containerPort: 8080 }],
      readinessProbe: { httpGet: { path: "/healthz", port: 8081 }, periodSeconds: 10, failureThreshold: 3 },
      livenessProbe: {
        httpGet: { path: "/healthz", port: 8081 },
        periodSeconds: 10,
        failureThreshold: 3,
        timeoutSeconds: 1,
      },
    },
  ],
};
const slow = {
  containers: [
    {
      name: "app",
      image: "registry.example/web:1.4.2",
      startupProbe: { httpGet: { path: "/", port: 80 }, periodSeconds: 10, failureThreshold: 6 },
    },
  ],
};
const unready = { started: true, state: { running: { startedAt: ago("1h") } } };
const readinessFailed = "Readiness probe failed: HTTP probe failed with statuscode: 503";

function exits(code: number, because: string, reason = "Error") {
  return {
    name: `exit: ${code}${reason === "Error" ? "" : ` ${reason}`}`,
    given: [podWith({ status: statusWith([crashed(code, reason)]) })],
    expect: [{ rule: "container-exit-loop", object: web, severity: "critical" as const, because }],
  };
}

function failed(reason: string, message: string, more = {}) {
  return { phase: "Failed", reason, message, startTime: ago("50m"), ...more };
}

const service = yaml`{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: shop }, spec: { selector: { app: web }, ports: [{ port: 80 }] } }`;
const slice = yaml`
  apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
  addressType: IPv4
  endpoints: [{ addresses: [10.0.0.9], conditions: { ready: true } }]
`;

export default cases(pod, {
  fires: [
    {
      name: "memory: killed in a loop at its limit, told once",
      given: [podWith({ spec: limited, status: statusWith([crashed(137, "OOMKilled")]) })],
      expect: [
        { rule: "container-oom-killed", object: web, severity: "critical", because: "it went over its memory limit" },
      ],
    },
    {
      name: "memory: killed once, runs again",
      given: [
        healthyPod({
          name: "web-1",
          spec: limited,
          status: {
            containerStatuses: [
              containerStatus({
                ready: true,
                started: true,
                restartCount: 1,
                state: { running: { startedAt: ago("2h") } },
                lastState: terminated(137, "OOMKilled", "2h", "3h"),
              }),
            ],
          },
        }),
      ],
      expect: [{ rule: "container-oom-killed", object: web, severity: "warning" }],
    },
    {
      name: "memory: no limit, and the node is short",
      given: [
        podWith({ status: statusWith([crashed(137, "OOMKilled")]) }),
        node("worker-1", {
          conditions: [
            { type: "Ready", status: "True" },
            { type: "MemoryPressure", status: "True" },
          ],
        }),
      ],
      expect: [
        {
          rule: "container-oom-killed",
          object: web,
          because: "it has no memory limit, and its node ran out",
          cause: "Node/worker-1",
        },
      ],
    },
    {
      name: "memory: a try of a Job that has failed",
      given: [
        podWith({
          metadata: ofJob,
          spec: { ...limited, restartPolicy: "Never" },
          status: statusWith([{ state: terminated(137, "OOMKilled") }], { phase: "Failed" }),
        }),
        job("Failed"),
      ],
      expect: [{ rule: "container-oom-killed", object: web, severity: "warning" }],
    },
    exits(0, "exit code 0, it ended well, but the Pod starts it again", "Completed"),
    exits(1, "exit code 1, the application reported an error"),
    exits(2, "exit code 2, wrong arguments, or a panic in a Go program"),
    exits(78, "exit code 78, the application ended with a code of its own"),
    exits(126, "exit code 126, the command was found, but cannot be executed"),
    exits(127, "exit code 127, command or interpreter not found"),
    exits(137, "exit code 137, killed hard, SIGKILL, and not reported as out of memory"),
    exits(139, "exit code 139, memory fault, SIGSEGV"),
    exits(143, "exit code 143, it was asked to stop and did, SIGTERM"),
    exits(255, "exit code 255, a code out of range, or contact with the container was lost", "Unknown"),
    exits(137, "exit code 137, the kubelet lost track of it, often a reboot or an eviction", "ContainerStatusUnknown"),
    {
      name: "exit: seen in one of its short runs",
      given: [
        podWith({
          status: statusWith([
            {
              restartCount: 4,
              started: true,
              state: { running: { startedAt: ago("30s") } },
              lastState: terminated(1, "Error", "1m"),
            },
          ]),
        }),
      ],
      expect: [{ rule: "container-exit-loop", object: web }],
    },
    {
      name: "exit: an init container",
      given: [
        podWith({
          spec: { initContainers: [{ name: "migrate", image: "web:1" }] },
          status: statusWith([{ state: { waiting: { reason: "PodInitializing" } } }], {
            phase: "Pending",
            initContainerStatuses: [containerStatus({ ...crashed(3), name: "migrate" })],
          }),
        }),
      ],
      expect: [{ rule: "container-exit-loop", object: web }],
    },
    {
      name: "exit: another replica is ready",
      given: [
        replicaSet({ ready: 1 }),
        podWith({ metadata: ofReplicaSet, status: statusWith([crashed(1)]) }),
        healthyPod({ metadata: ofReplicaSet }),
      ],
      expect: [{ rule: "container-exit-loop", object: web, severity: "warning" }],
    },
    {
      name: "exit: two containers by causes of their own",
      given: [
        podWith({
          spec: { containers: ["app", "proxy"].map((name) => ({ name, image: "x" })) },
          status: statusWith([crashed(1), { ...crashed(127), name: "proxy" }]),
        }),
      ],
      expect: [
        { rule: "container-exit-loop", object: web },
        { rule: "container-exit-loop", object: web },
      ],
    },
    {
      name: "restarts: six in an hour",
      given: [
        healthyPod({
          name: "web-1",
          status: {
            startTime: ago("1h"),
            containerStatuses: [
              containerStatus({
                ready: true,
                started: true,
                restartCount: 6,
                state: { running: { startedAt: ago("15m") } },
                lastState: terminated(1, "Error", "15m", "20m"),
              }),
            ],
          },
        }),
      ],
      expect: [
        { rule: "container-restarts-frequent", object: web, because: "exit code 1, the application reported an error" },
      ],
    },
    {
      name: "failed: a Pod that nobody owns",
      given: [
        podWith({
          spec: { restartPolicy: "Never" },
          status: statusWith([{ state: terminated(3, "Error", "20m", "21m") }], { phase: "Failed" }),
        }),
      ],
      expect: [{ rule: "container-failed", object: web, severity: "warning" }],
    },
    {
      name: "failed: two days ago",
      given: [
        podWith({
          spec: { restartPolicy: "Never" },
          status: statusWith([{ state: terminated(3, "Error", "2d", "3d") }], { phase: "Failed" }),
        }),
      ],
      expect: [{ rule: "container-failed", object: web, severity: "info" }],
    },
    {
      name: "readiness: the Service has no endpoint left",
      given: [
        podWith({ metadata: { labels: { app: "web" } }, spec: probed, status: statusWith([unready]) }),
        service,
        podEvent("Unhealthy", readinessFailed, { container: "app" }),
      ],
      expect: [
        {
          rule: "probe-readiness-failing",
          object: web,
          severity: "critical",
          because: "it answers with HTTP status 503",
        },
      ],
    },
    {
      name: "readiness: a later event does not hide it",
      given: [
        podWith({ spec: probed, status: statusWith([unready]) }),
        podEvent(
          "Unhealthy",
          'Readiness probe failed: Get "http://10.0.0.7:8081/healthz": dial tcp 10.0.0.7:8081: connect: connection refused',
          { container: "app", last: "2m" },
        ),
        podEvent("Pulled", "Container image already present on machine", { container: "app", last: "10s" }),
      ],
      expect: [
        {
          rule: "probe-readiness-failing",
          object: web,
          severity: "warning",
          because: "the port refuses the connection",
        },
      ],
    },
    {
      name: "readiness: three containers, one event, one finding",
      given: [
        podWith({
          spec: {
            containers: ["a", "b", "c"].map((name) => ({
              name,
              image: "x",
              readinessProbe: { tcpSocket: { port: 80 } },
            })),
          },
          status: statusWith(["a", "b", "c"].map((name) => ({ ...unready, name }))),
        }),
        podEvent("Unhealthy", "Readiness probe failed: dial tcp 10.0.0.7:80: i/o timeout"),
      ],
      expect: [{ rule: "probe-readiness-failing", object: web, because: "no answer in time" }],
    },
    {
      name: "readiness: a standby while another serves",
      given: [
        podWith({
          metadata: { labels: { app: "web", "vault-active": "false" } },
          spec: probed,
          status: statusWith([unready]),
        }),
        service,
        slice,
        podEvent("Unhealthy", readinessFailed, { container: "app" }),
      ],
      expect: [{ rule: "probe-readiness-failing", object: web, severity: "info" }],
    },
    {
      name: "liveness: kills in a loop, told once",
      given: [
        podWith({ spec: probed, status: statusWith([crashed(137)]) }),
        podEvent(
          "Unhealthy",
          'Liveness probe failed: Get "http://10.0.0.7:8081/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
          { container: "app" },
        ),
        podEvent("Killing", "Container app failed liveness probe, will be restarted", { container: "app" }),
      ],
      expect: [
        {
          rule: "probe-liveness-killing",
          object: web,
          severity: "critical",
          because: "no answer in time, which is one second",
        },
      ],
    },
    {
      name: "liveness: the container ends well when it is told to",
      given: [
        podWith({
          spec: probed,
          status: statusWith([
            {
              restartCount: 2,
              started: true,
              state: { running: { startedAt: ago("115s") } },
              lastState: terminated(0, "Completed", "2m"),
            },
          ]),
        }),
        podEvent("Killing", "Container app failed liveness probe, will be restarted", {
          container: "app",
          last: "130s",
        }),
      ],
      expect: [{ rule: "probe-liveness-killing", object: web, severity: "warning" }],
    },
    {
      name: "startup: never passes",
      given: [
        podWith({
          spec: slow,
          status: statusWith([
            {
              restartCount: 3,
              started: false,
              state: { running: { startedAt: ago("30s") } },
              lastState: terminated(137, "Error", "1m", "2m"),
            },
          ]),
        }),
        podEvent(
          "Unhealthy",
          'Startup probe failed: Get "http://10.0.0.7:80/": dial tcp 10.0.0.7:80: connect: connection refused',
          { container: "app" },
        ),
        podEvent("Killing", "Container app failed startup probe, will be restarted", { container: "app" }),
      ],
      expect: [{ rule: "probe-startup-exhausted", object: web, severity: "critical" }],
    },
    {
      name: "terminating: five minutes past its deadline",
      given: [
        podWith({
          metadata: { deletionTimestamp: ago("5m") },
          status: statusWith([{ ready: true, state: { running: { startedAt: ago("1h") } } }]),
        }),
        node(),
      ],
      expect: [
        { rule: "pod-stuck-terminating", object: web, severity: "warning", because: "a container is still running" },
      ],
    },
    {
      name: "terminating: its node is unreachable, and a StatefulSet waits for the name",
      given: [
        podWith({
          name: "db-0",
          metadata: {
            deletionTimestamp: ago("6m"),
            ownerReferences: [
              { apiVersion: "apps/v1", kind: "StatefulSet", name: "db", uid: "StatefulSet/shop/db", controller: true },
            ],
          },
          status: statusWith([{ state: { running: { startedAt: ago("1h") } } }]),
        }),
        node("worker-1", { conditions: [{ type: "Ready", status: "Unknown", lastTransitionTime: ago("12m") }] }),
        yaml`{ apiVersion: apps/v1, kind: StatefulSet, metadata: { name: db, namespace: shop }, spec: { replicas: 1, serviceName: db, selector: { matchLabels: { app: db } }, template: { metadata: { labels: { app: db } }, spec: { containers: [{ name: app, image: db }] } } } }`,
      ],
      expect: [
        { rule: "pod-stuck-terminating", object: "Pod/shop/db-0", severity: "critical", cause: "Node/worker-1" },
      ],
    },
    {
      name: "terminating: a finalizer holds it",
      given: [
        podWith({
          metadata: { deletionTimestamp: ago("2h"), finalizers: ["example.com/drain"] },
          status: statusWith([{ state: terminated(0, "Completed", "2h", "3h") }]),
        }),
        node(),
      ],
      expect: [{ rule: "pod-stuck-terminating", object: web, severity: "critical", because: "finalizers hold it" }],
    },
    {
      name: "evicted: the node is short of memory",
      given: [
        podWith({
          metadata: ofReplicaSet,
          status: failed(
            "Evicted",
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 88Mi. Container app was using 512Mi, request is 64Mi, has larger consumption of memory.",
          ),
        }),
        replicaSet({ ready: 3 }),
        node("worker-1", {
          conditions: [
            { type: "Ready", status: "True" },
            { type: "MemoryPressure", status: "True" },
          ],
        }),
      ],
      expect: [
        {
          rule: "pod-evicted",
          object: web,
          severity: "warning",
          because: "the node was short of memory",
          cause: "Node/worker-1",
        },
      ],
    },
    {
      name: "evicted: a leftover",
      given: [
        podWith({
          metadata: ofReplicaSet,
          status: failed("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."),
        }),
        replicaSet({ ready: 3 }),
        node(),
      ],
      expect: [
        { rule: "pod-evicted", object: web, severity: "info", because: "it used more ephemeral storage than it may" },
      ],
    },
    {
      name: "rejected: no container ever had a status",
      given: [
        podWith({
          status: failed(
            "OutOfcpu",
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 4000, used: 3000, capacity: 4000",
          ),
        }),
      ],
      expect: [
        {
          rule: "pod-rejected-by-kubelet",
          object: web,
          severity: "warning",
          because: "the node has no CPU left for it",
        },
      ],
    },
    {
      name: "rejected: its owner stays short",
      given: [
        podWith({
          metadata: ofReplicaSet,
          status: failed(
            "UnexpectedAdmissionError",
            "Pod was rejected: Allocate failed due to no healthy devices present",
          ),
        }),
        replicaSet({ ready: 2 }),
      ],
      expect: [{ rule: "pod-rejected-by-kubelet", object: web, severity: "critical" }],
    },
    {
      name: "rejected: the node was shut down, and the owner is whole",
      given: [
        podWith({
          metadata: ofReplicaSet,
          status: failed("Terminated", "Pod was terminated in response to imminent node shutdown."),
        }),
        replicaSet({ ready: 3 }),
      ],
      expect: [{ rule: "pod-rejected-by-kubelet", object: web, severity: "info" }],
    },
    {
      name: "deadline: a Pod of its own",
      given: [
        podWith({
          spec: { activeDeadlineSeconds: 600, restartPolicy: "Never" },
          status: failed("DeadlineExceeded", "Pod was active on the node longer than the specified deadline"),
        }),
      ],
      expect: [{ rule: "pod-deadline-exceeded", object: web, severity: "warning" }],
    },
    {
      name: "preempted: its owner is still short",
      given: [
        podWith({
          metadata: ofReplicaSet,
          status: statusWith([{ state: terminated(143, "Error", "5m") }], {
            phase: "Failed",
            conditions: [
              {
                type: "DisruptionTarget",
                status: "True",
                reason: "PreemptionByScheduler",
                message: "default-scheduler: preempting to accommodate a higher priority pod",
                lastTransitionTime: ago("5m"),
              },
            ],
          }),
        }),
        replicaSet({ ready: 2 }),
      ],
      expect: [{ rule: "pod-preempted", object: web, severity: "warning" }],
    },
    {
      name: "gate: the load balancer does not confirm",
      given: [
        healthyPod({
          name: "web-1",
          spec: { readinessGates: [{ conditionType: "target-health.elbv2.k8s.aws/tg-1" }] },
          status: {
            conditions: [
              { type: "ContainersReady", status: "True", lastTransitionTime: ago("30m") },
              { type: "Ready", status: "False", reason: "ReadinessGatesNotReady", lastTransitionTime: ago("50m") },
            ],
          },
        }),
      ],
      expect: [{ rule: "pod-readiness-gate-waiting", object: web }],
    },
    {
      name: "resize: the node can never grant it",
      given: [
        healthyPod({
          name: "web-1",
          status: {
            conditions: [
              { type: "Ready", status: "True", lastTransitionTime: ago("1h") },
              {
                type: "PodResizePending",
                status: "True",
                reason: "Infeasible",
                message: "Node didn't have enough capacity: cpu, requested: 32000, capacity: 4000",
                lastTransitionTime: ago("5m"),
              },
            ],
          },
        }),
      ],
      expect: [{ rule: "pod-resize-stuck", object: web, because: "the node can never grant it" }],
    },
  ],
  silent: [
    {
      name: "ended well, although its sidecar ended with 255",
      given: [
        podWith({
          spec: { restartPolicy: "Never" },
          status: statusWith(
            [{ state: terminated(0, "Completed") }, { name: "proxy", state: terminated(255, "Error") }],
            { phase: "Succeeded" },
          ),
        }),
      ],
    },
    {
      name: "terminating: for ten seconds, with exit 143",
      given: [
        podWith({
          metadata: { deletionTimestamp: ago("10s") },
          status: statusWith([{ state: terminated(143, "Error", "5s", "1h") }]),
        }),
      ],
    },
    {
      name: "terminating: job tracking within five minutes",
      given: [
        podWith({
          metadata: { deletionTimestamp: ago("4m"), finalizers: ["batch.kubernetes.io/job-tracking"] },
          status: statusWith([{ state: terminated(0, "Completed") }], { phase: "Succeeded" }),
        }),
      ],
    },
    {
      name: "memory: two days ago",
      given: [
        healthyPod({
          name: "web-1",
          spec: limited,
          status: {
            containerStatuses: [
              containerStatus({
                ready: true,
                started: true,
                restartCount: 3,
                state: { running: { startedAt: ago("2d") } },
                lastState: terminated(137, "OOMKilled", "2d", "3d"),
              }),
            ],
          },
        }),
      ],
    },
    {
      name: "memory: a try of a Job that has since ended well",
      given: [
        podWith({
          metadata: ofJob,
          spec: { restartPolicy: "Never" },
          status: statusWith([{ state: terminated(137, "OOMKilled") }], { phase: "Failed" }),
        }),
        job("Complete"),
      ],
    },
    {
      name: "exit: a try of a Job",
      given: [
        podWith({
          metadata: ofJob,
          spec: { restartPolicy: "Never" },
          status: statusWith([{ state: terminated(1, "Error") }], { phase: "Failed" }),
        }),
        job(),
      ],
    },
    {
      name: "exit: one restart, after the node came back",
      given: [
        healthyPod({
          name: "web-1",
          status: {
            containerStatuses: [
              containerStatus({
                ready: true,
                started: true,
                restartCount: 1,
                state: { running: { startedAt: ago("5m") } },
                lastState: terminated(255, "Unknown", "6m", "3h"),
              }),
            ],
          },
        }),
      ],
    },
    {
      name: "exit: twelve restarts in 300 days",
      given: [
        healthyPod({
          name: "web-1",
          metadata: { creationTimestamp: ago("300d") },
          status: {
            startTime: ago("300d"),
            containerStatuses: [
              containerStatus({
                ready: true,
                started: true,
                restartCount: 12,
                state: { running: { startedAt: ago("20m") } },
                lastState: terminated(1, "Error", "21m", "2d"),
              }),
            ],
          },
        }),
      ],
    },
    {
      name: "exit: a crash in the first minute",
      given: [
        podWith({
          metadata: { creationTimestamp: ago("40s") },
          status: statusWith([crashed(1, "Error", { restartCount: 2 })], { startTime: ago("40s") }),
        }),
      ],
    },
    {
      name: "failed: its owner has all it wants",
      given: [
        podWith({
          metadata: ofReplicaSet,
          status: statusWith([{ state: terminated(1, "Error", "30m", "31m") }], { phase: "Failed" }),
        }),
        replicaSet({ ready: 3 }),
      ],
    },
    {
      name: "readiness: the event is older than the last change",
      given: [
        podWith({
          spec: probed,
          status: statusWith([unready], {
            conditions: [{ type: "Ready", status: "False", lastTransitionTime: ago("5m") }],
          }),
        }),
        podEvent("Unhealthy", readinessFailed, { container: "app", last: "30m", first: "40m" }),
      ],
    },
    {
      name: "readiness: it recovered",
      given: [
        healthyPod({ name: "web-1", spec: probed }),
        podEvent("Unhealthy", readinessFailed, { container: "app" }),
      ],
    },
    {
      name: "readiness: the first window is not over",
      given: [
        podWith({
          spec: probed,
          status: statusWith([{ started: true, state: { running: { startedAt: ago("20s") } } }], {
            conditions: [{ type: "Ready", status: "False", lastTransitionTime: ago("25s") }],
          }),
        }),
        podEvent("Unhealthy", readinessFailed, { container: "app", last: "5s", first: "15s" }),
      ],
    },
    {
      name: "readiness: still starting",
      given: [
        podWith({
          spec: probed,
          status: statusWith([{ started: false, state: { running: { startedAt: ago("2m") } } }]),
        }),
        podEvent("Unhealthy", readinessFailed, { container: "app" }),
      ],
    },
    {
      name: "readiness: the node is silent",
      given: [
        podWith({ spec: probed, status: statusWith([unready]) }),
        podEvent("Unhealthy", readinessFailed, { container: "app" }),
        node("worker-1", { conditions: [{ type: "Ready", status: "Unknown" }] }),
      ],
    },
    {
      name: "readiness: events could not be read",
      given: [podWith({ spec: probed, status: statusWith([unready]) })],
      unread: ["Event"],
    },
    {
      name: "liveness: fails, and nothing is killed",
      given: [
        healthyPod({ name: "web-1", spec: probed }),
        podEvent("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", { container: "app" }),
      ],
    },
    {
      name: "startup: the first window is not over",
      given: [
        podWith({
          spec: slow,
          status: statusWith([{ started: false, state: { running: { startedAt: ago("40s") } } }]),
        }),
        podEvent("Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 503", { container: "app" }),
      ],
    },
    {
      name: "deadline: the Job reports it",
      given: [
        podWith({
          metadata: ofJob,
          spec: { restartPolicy: "Never" },
          status: failed("DeadlineExceeded", "Pod was active on the node longer than the specified deadline"),
        }),
        job("Failed"),
      ],
    },
    {
      name: "preempted: its owner is whole again",
      given: [
        podWith({
          metadata: { ...ofReplicaSet, deletionTimestamp: ago("90s") },
          status: statusWith([{ state: { running: { startedAt: ago("1h") } } }], {
            conditions: [
              {
                type: "DisruptionTarget",
                status: "True",
                reason: "PreemptionByScheduler",
                lastTransitionTime: ago("5m"),
              },
            ],
          }),
        }),
        replicaSet({ ready: 3 }),
      ],
    },
    {
      name: "gate: the containers became ready two minutes ago",
      given: [
        healthyPod({
          name: "web-1",
          spec: { readinessGates: [{ conditionType: "example.com/gate" }] },
          status: {
            conditions: [
              { type: "ContainersReady", status: "True", lastTransitionTime: ago("2m") },
              { type: "Ready", status: "False", lastTransitionTime: ago("5m") },
            ],
          },
        }),
      ],
    },
    {
      name: "resize: put off for two minutes",
      given: [
        healthyPod({
          name: "web-1",
          status: {
            conditions: [
              { type: "Ready", status: "True", lastTransitionTime: ago("1h") },
              { type: "PodResizePending", status: "True", reason: "Deferred", lastTransitionTime: ago("2m") },
            ],
          },
        }),
      ],
    },
  ],
});
