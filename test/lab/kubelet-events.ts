// The kubelet's voice. kwok sets the status of Pods, but its events are fixed texts without a container; analyzers read
// what a real kubelet writes: who was meant (`involvedObject.fieldPath`), which image, which address, how often. So the
// lab watches Pods and writes for each what the kubelet of 1.34 would have written on its way to the Pod's fate
// (stages.yaml). Warnings that a kubelet repeats are repeated: their count and time go on.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeObject, LabClient } from "./client.ts";

interface Container {
  readonly name: string;
  readonly image: string;
  readonly restartPolicy?: string;
}

interface Pod extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly uid: string; readonly namespace: string };
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  readonly status?: { readonly startTime?: string };
}

interface Said {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** Whom it is about; the Pod as a whole without it. */
  readonly fieldPath?: string;
  /** How often it has been said. A kubelet goes on saying what is said more than once. */
  readonly count?: number;
}

const repeatMs = 30_000;

/** Writes the kubelet's events for every Pod that has started, until the signal. Never throws: events are no promise. */
export async function playKubeletEvents(client: LabClient, signal: AbortSignal): Promise<void> {
  const heard = new Set<string>();
  const repeated = new Map<string, { readonly path: string; count: number }[]>();

  const speak = async (pod: Pod): Promise<void> => {
    for (const said of eventsOf(pod)) {
      const event = eventObject(pod, said);
      const { status } = await client.raw("POST", `/api/v1/namespaces/${pod.metadata.namespace}/events`, event);
      const { count = 1 } = said;
      if (status !== 201 || count === 1 || said.type === "Normal") continue;
      const path = `/api/v1/namespaces/${pod.metadata.namespace}/events/${event.metadata.name}`;
      repeated.set(pod.metadata.uid, [...(repeated.get(pod.metadata.uid) ?? []), { path, count }]);
    }
  };
  const repeat = async (): Promise<void> => {
    while (!signal.aborted) {
      await sleep(repeatMs, undefined, { signal }).catch(() => undefined);
      for (const event of signal.aborted ? [] : [...repeated.values()].flat()) {
        event.count += 1;
        const patch = { count: event.count, lastTimestamp: seconds(new Date()) };
        const headers = { "content-type": "application/merge-patch+json" };
        await client.raw("PATCH", event.path, patch, { headers }).catch(() => undefined);
      }
    }
  };

  void repeat();
  await client.watch<Pod>(
    "/api/v1/pods",
    ({ type, object: pod }) => {
      const { uid } = pod.metadata;
      if (type === "DELETED") {
        repeated.delete(uid);
      } else if (pod.status?.startTime !== undefined && !heard.has(uid)) {
        heard.add(uid);
        speak(pod).catch(() => undefined);
      }
    },
    signal,
  );
}

/** What the kubelet says about a Pod on its way to the fate that its annotations choose. */
function eventsOf(pod: Pod): readonly Said[] {
  const annotations = pod.metadata.annotations ?? {};
  const fate = annotations["lab/fate"] ?? "";
  const message = annotations["lab/message"] ?? "";
  const initContainers = pod.spec.initContainers ?? [];
  const chosen = annotations["lab/container"] ?? pod.spec.containers[0]?.name;
  if (fate === "FailedMount" || fate === "FailedCreatePodSandBox" || fate === "NetworkNotReady") {
    return [{ type: "Warning", reason: fate, message, count: 9 }];
  }
  const said: Said[] = [];
  const kinds = [
    ["initContainers", initContainers],
    ["containers", pod.spec.containers],
  ] as const;
  for (const [kind, containers] of kinds) {
    for (const container of containers) {
      const fieldPath = `spec.${kind}{${container.name}}`;
      const isChosen = container.name === chosen;
      said.push(
        ...containerEvents(pod, container, isChosen ? fate : "", message).map((one) => ({ ...one, fieldPath })),
      );
      // What follows an init container that does not end has not begun.
      if (kind === "initContainers" && isChosen && fate !== "") return said;
    }
  }
  return said;
}

function containerEvents(pod: Pod, container: Container, fate: string, message: string): readonly Said[] {
  const { name, image } = container;
  const pulled: Said = {
    type: "Normal",
    reason: "Pulled",
    message: `Container image "${image}" already present on machine`,
  };
  const started: readonly Said[] = [
    pulled,
    { type: "Normal", reason: "Created", message: `Created container: ${name}` },
    { type: "Normal", reason: "Started", message: `Started container ${name}` },
  ];
  switch (fate) {
    case "ImagePullBackOff":
    case "ErrImagePull":
      return [
        { type: "Normal", reason: "Pulling", message: `Pulling image "${image}"`, count: 5 },
        { type: "Warning", reason: "Failed", message: `Failed to pull image "${image}": ${message}`, count: 5 },
        { type: "Warning", reason: "Failed", message: "Error: ErrImagePull", count: 5 },
        { type: "Normal", reason: "BackOff", message: `Back-off pulling image "${image}"`, count: 12 },
        { type: "Warning", reason: "Failed", message: "Error: ImagePullBackOff", count: 12 },
      ];
    case "CreateContainerConfigError":
    case "CreateContainerError":
    case "RunContainerError":
      return [
        { ...pulled, count: 9 },
        { type: "Warning", reason: "Failed", message: `Error: ${message}`, count: 9 },
      ];
    case "CrashLoopBackOff":
    case "OOMKilled": {
      const { metadata } = pod;
      const which = `container ${name} in pod ${metadata.name}_${metadata.namespace}(${metadata.uid})`;
      return [
        ...started.map((one) => ({ ...one, count: 8 })),
        { type: "Warning", reason: "BackOff", message: `Back-off restarting failed ${which}`, count: 41 },
      ];
    }
    case "Unready":
      return [
        ...started,
        {
          type: "Warning",
          reason: "Unhealthy",
          message: message || "Readiness probe failed: HTTP probe failed with statuscode: 503",
          count: 23,
        },
      ];
    default:
      return started;
  }
}

function eventObject(pod: Pod, { type, reason, message, fieldPath, count = 1 }: Said): KubeObject {
  const now = new Date();
  const { name, namespace, uid } = pod.metadata;
  const node = pod.spec.nodeName ?? "";
  return {
    apiVersion: "v1",
    kind: "Event",
    // The kubelet's names: the object's, and the time in hexadecimal.
    metadata: { name: `${name}.${randomBytes(8).toString("hex")}`, namespace },
    involvedObject: {
      apiVersion: "v1",
      kind: "Pod",
      name,
      namespace,
      uid,
      resourceVersion: pod.metadata["resourceVersion"],
      ...(fieldPath !== undefined && { fieldPath }),
    },
    type,
    reason,
    message,
    count,
    firstTimestamp: seconds(now),
    lastTimestamp: seconds(now),
    source: { component: "kubelet", host: node },
    reportingComponent: "kubelet",
    reportingInstance: node,
  };
}

/** The server keeps these times to the second. */
function seconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
}
