/** The objects that cases on Pods are made of, as small as an API server accepts them. */
import { ago, type Manifest } from "./cases.ts";

type Fields = Readonly<Record<string, unknown>>;

interface PodParts {
  readonly name?: string;
  readonly namespace?: string;
  readonly metadata?: Fields;
  readonly spec?: Fields;
  readonly status?: Fields;
}

/** A Pod with one container `app`. */
export function podWith({ name = "web-1", namespace = "shop", metadata, spec, status }: PodParts): Manifest {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, ...metadata },
    spec: { nodeName: "worker-1", containers: [{ name: "app", image: "registry.example/web:1.4.2" }], ...spec },
    ...(status !== undefined && { status }),
  };
}

/** The status of a Pod on a node since an hour, with these container statuses. */
export function statusWith(containerStatuses: readonly Fields[], more: Fields = {}): Fields {
  return {
    phase: "Running",
    startTime: ago("1h"),
    podIP: "10.0.0.7",
    conditions: [{ type: "Ready", status: "False", reason: "ContainersNotReady", lastTransitionTime: ago("50m") }],
    containerStatuses: containerStatuses.map((one) => containerStatus(one)),
    ...more,
  };
}

/** One container's status; `app`, not ready, unless told. */
export function containerStatus(more: Fields): Fields {
  return { name: "app", image: "registry.example/web:1.4.2", imageID: "", ready: false, restartCount: 0, ...more };
}

/** A container that waits. */
export function waiting(reason: string, message?: string): Fields {
  return { state: { waiting: { reason, ...(message !== undefined && { message }) } } };
}

/** How a run ended. */
export function terminated(
  exitCode: number,
  reason: string,
  ended = "2m",
  lasted: string = "3m",
  message?: string,
): Fields {
  return {
    terminated: {
      exitCode,
      reason,
      startedAt: ago(lasted),
      finishedAt: ago(ended),
      ...(message !== undefined && { message }),
    },
  };
}

/** A container that backs off after it crashed. */
export function crashed(exitCode: number, reason = "Error", more: Fields = {}): Fields {
  return {
    restartCount: 8,
    state: {
      waiting: {
        reason: "CrashLoopBackOff",
        message: "back-off 5m0s restarting failed container=app pod=web-1_shop(1)",
      },
    },
    lastState: terminated(exitCode, reason),
    ...more,
  };
}

/** A Pod that runs and is ready. */
export function healthyPod(parts: PodParts = {}): Manifest {
  return podWith({
    name: "web-9",
    ...parts,
    status: statusWith([{ ready: true, started: true, state: { running: { startedAt: ago("1h") } } }], {
      conditions: [{ type: "Ready", status: "True", lastTransitionTime: ago("55m") }],
      ...parts.status,
    }),
  });
}

let serial = 0;

/** An event about a Pod. */
export function podEvent(
  reason: string,
  message: string,
  {
    pod = "web-1",
    container,
    count = 5,
    last = "1m",
    first = "20m",
    component = "kubelet",
  }: {
    readonly pod?: string;
    readonly container?: string;
    readonly count?: number;
    readonly last?: string;
    readonly first?: string;
    readonly component?: string;
  } = {},
): Manifest {
  serial += 1;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${pod}.${serial.toString(16)}`, namespace: "shop" },
    type: ["Pulling", "Pulled", "Killing", "TriggeredScaleUp", "Nominated"].includes(reason) ? "Normal" : "Warning",
    reason,
    message,
    count,
    firstTimestamp: ago(first),
    lastTimestamp: ago(last),
    source: { component, host: "worker-1" },
    reportingComponent: component,
    reportingInstance: "worker-1",
    involvedObject: {
      apiVersion: "v1",
      kind: "Pod",
      namespace: "shop",
      name: pod,
      ...(container !== undefined && { fieldPath: `spec.containers{${container}}` }),
    },
  };
}

/** A node that is ready and offers 4 CPUs, 16Gi and 110 Pods. */
export function node(
  name = "worker-1",
  {
    labels = {},
    spec = {},
    conditions,
    allocatable,
  }: {
    readonly labels?: Fields;
    readonly spec?: Fields;
    readonly conditions?: readonly Fields[];
    readonly allocatable?: Fields;
  } = {},
): Manifest {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
    spec,
    status: {
      allocatable: { cpu: "4", memory: "16Gi", pods: "110", ...allocatable },
      capacity: { cpu: "4", memory: "16Gi", pods: "110", ...allocatable },
      nodeInfo: {
        architecture: "amd64",
        operatingSystem: "linux",
        bootID: "",
        containerRuntimeVersion: "containerd://2.1.4",
        kernelVersion: "6.8.0",
        kubeProxyVersion: "",
        kubeletVersion: "v1.34.4",
        machineID: "",
        osImage: "Ubuntu 24.04",
        systemUUID: "",
      },
      conditions: conditions ?? [
        {
          type: "Ready",
          status: "True",
          reason: "KubeletReady",
          message: "kubelet is posting ready status",
          lastTransitionTime: ago("30d"),
          lastHeartbeatTime: ago("20s"),
        },
      ],
    },
  };
}

const template = {
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "app", image: "registry.example/web:1.4.2" }] },
};

/** A ReplicaSet that wants `replicas` Pods and has `ready` ready ones. */
export function replicaSet({
  replicas = 3,
  ready = 0,
}: { readonly replicas?: number; readonly ready?: number } = {}): Manifest {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "web", namespace: "shop" },
    spec: { replicas, selector: { matchLabels: { app: "web" } }, template },
    status: { replicas, readyReplicas: ready },
  };
}

/** Metadata of a Pod that `replicaSet` made. */
export const ofReplicaSet: Fields = {
  labels: { app: "web" },
  ownerReferences: [
    { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "ReplicaSet/shop/web", controller: true },
  ],
};

/** Metadata of a Pod that `job` made. */
export const ofJob: Fields = {
  labels: { app: "web" },
  ownerReferences: [
    { apiVersion: "batch/v1", kind: "Job", name: "migrate", uid: "Job/shop/migrate", controller: true },
  ],
};

/** A Job, with the condition that it has ended with. */
export function job(condition?: string): Manifest {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "migrate", namespace: "shop" },
    spec: { template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } },
    ...(condition !== undefined && {
      status: {
        startTime: ago("1h"),
        ...(condition === "Complete" && { completionTime: ago("10m"), succeeded: 1 }),
        conditions: [
          ...(condition === "Complete"
            ? [{ type: "SuccessCriteriaMet", status: "True" }]
            : [{ type: "FailureTarget", status: "True" }]),
          { type: condition, status: "True", lastTransitionTime: ago("10m") },
        ],
      },
    }),
  };
}
