// Scenarios are plain manifests that real controllers act on. A folder is applied file by file in the order of the
// names: nodes first, then the ground, then the workloads; what has to come after something else waits for it here.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { loadAll } from "js-yaml";
import { createAuthority } from "./certificates.ts";
import type { KubeObject, LabClient } from "./client.ts";

/** The name of a scenario: its folder. */
export type ScenarioName = "broken-shop" | "healthy-town" | "bad-day";

/** How far a scenario is brought before it is handed over. */
export interface ScenarioOptions {
  /** Wait until the controllers have made of the manifests what they will (about half a minute). Default: true. */
  readonly settle?: boolean;
  /** Wait also for what takes minutes: three runs of a CronJob, rollouts over their deadline. Default: false. */
  readonly waitForCron?: boolean;
  /** Then wait until the last step lies this long back, because analyzers leave young objects alone. Default: 0. */
  readonly matureMs?: number;
  /** Hears which step is next. */
  readonly onStep?: (step: string) => void;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly suspend?: boolean;
    readonly nodeName?: string;
    readonly taints?: readonly { readonly key: string }[];
  };
  readonly status: {
    readonly phase?: string;
    readonly startTime?: string;
    readonly lastSuccessfulTime?: string;
    readonly availableReplicas?: number;
    readonly updatedReplicas?: number;
    readonly observedGeneration?: number;
    readonly desiredNumberScheduled?: number;
    readonly numberAvailable?: number;
    readonly conditions?: readonly Condition[];
  };
}

type Check = readonly [description: string, isTrue: (client: LabClient) => Promise<boolean>];

interface Scenario {
  /** What must be true before a file is applied. */
  readonly before: Readonly<Record<string, Check>>;
  /** What a part that the lab does not have does after a file is applied. */
  readonly after?: Readonly<Record<string, (client: LabClient) => Promise<void>>>;
  /** What is true when the controllers are done. */
  readonly settled: readonly Check[];
  /** The same for what takes minutes. */
  readonly eventually: readonly Check[];
}

const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  "broken-shop": {
    before: {
      "21-policy-guard.yaml": ["Deployment tax is available", isAvailable("checkout", "tax")],
      "90-nodes-fail.yaml": ["Deployment video-encoder is available", isAvailable("media", "video-encoder")],
      "91-edge.yaml": [
        "Node shop-worker-7 is not ready",
        hasCondition("/api/v1/nodes/shop-worker-7", "Ready", "False"),
      ],
    },
    settled: [
      ["every scheduled Pod has a status", everyPodStarted],
      ...(["warehouse-import", "thumbnail-upscaler", "orders-db"] as const).map((name): Check => [
        `a Pod of ${name} is unschedulable`,
        hasPodThat(name, "PodScheduled", "Unschedulable"),
      ]),
      ...(["payments", "newsletter"] as const).map((name): Check => [
        `Pods of ${name} cannot be created`,
        (client) => hasFailedReplicaSet(client, name),
      ]),
      [
        "Job orders-migration has failed",
        hasCondition("/apis/batch/v1/namespaces/batch/jobs/orders-migration", "Failed"),
      ],
      ["Node shop-worker-6 is unreachable", hasCondition("/api/v1/nodes/shop-worker-6", "Ready", "Unknown")],
      [
        "the Pods of that node are out of service",
        async (client) => {
          const pods = await client.list<Workload>("/api/v1/pods?fieldSelector=spec.nodeName=shop-worker-6");
          return pods.length > 0 && pods.every((pod) => conditionOf(pod, "Ready")?.status === "False");
        },
      ],
      [
        "Deployment video-encoder is short",
        hasCondition("/apis/apps/v1/namespaces/media/deployments/video-encoder", "Available", "False"),
      ],
      ["a Pod has no network, as an event", hasEvent("NetworkNotReady", "cni plugin not initialized")],
      ["an image pull has failed, as an event", hasEvent("Failed", "pull access denied")],
      ["a probe has failed, as an event", hasEvent("Unhealthy", "statuscode: 503")],
    ],
    eventually: [
      [
        "three runs of the CronJob stock-sync have failed",
        async (client) => {
          const jobs = await client.list<Workload>("/apis/batch/v1/namespaces/batch/jobs");
          const runs = jobs.filter(({ metadata: { name } }) => name.startsWith("stock-sync-"));
          return runs.filter((job) => conditionOf(job, "Failed")?.status === "True").length >= 3;
        },
      ],
      ...(["cart", "recommendations"] as const).map((name): Check => [
        `the rollout of ${name} is over its deadline`,
        hasCondition(`/apis/apps/v1/namespaces/shop/deployments/${name}`, "Progressing", "False"),
      ]),
    ],
  },
  "healthy-town": {
    before: {
      "90-after.yaml": ["the first rollouts are done", everyDeploymentAvailable],
    },
    settled: [
      ["every scheduled Pod has a status", everyPodStarted],
      ["every Deployment is available", everyDeploymentAvailable],
      [
        "every StatefulSet is available",
        everyItem("/apis/apps/v1/statefulsets", ({ spec, status }) => status.availableReplicas === spec.replicas),
      ],
      [
        "every DaemonSet is where it should be",
        everyItem(
          "/apis/apps/v1/daemonsets",
          ({ metadata, status }) =>
            status.observedGeneration === metadata["generation"] &&
            (status.numberAvailable ?? 0) === status.desiredNumberScheduled,
        ),
      ],
      [
        "every Job that runs is done",
        async (client) => {
          const jobs = await client.list<Workload>("/apis/batch/v1/jobs");
          const own = jobs.filter(({ metadata, spec }) => !("ownerReferences" in metadata) && spec.suspend !== true);
          return own.every((job) => conditionOf(job, "Complete")?.status === "True");
        },
      ],
      [
        "the autoscaler is at its floor",
        async (client) => {
          const path = "/apis/autoscaling/v2/namespaces/square/horizontalpodautoscalers/tram";
          return conditionOf(await client.get<Workload>(path), "ScalingLimited")?.reason === "TooFewReplicas";
        },
      ],
      [
        "the claims that are used are bound",
        everyItem(
          "/api/v1/namespaces/harbour/persistentvolumeclaims",
          ({ metadata, status }) => metadata.name === "next-shipment" || status.phase === "Bound",
        ),
      ],
    ],
    eventually: [
      [
        "a run of the CronJob street-lights has succeeded",
        async (client) => {
          const path = "/apis/batch/v1/namespaces/works/cronjobs/street-lights";
          return (await client.get<Workload>(path)).status.lastSuccessfulTime !== undefined;
        },
      ],
    ],
  },
  "bad-day": {
    before: {
      "90-it-happens.yaml": [
        "Deployments ledger and catalog are available",
        async (client) =>
          (await isAvailable("books", "ledger")(client)) && (await isAvailable("shop", "catalog")(client)),
      ],
    },
    after: {
      "10-ledger.yaml": (client) =>
        attachAndRun(client, { namespace: "books", container: "ledger", image: "registry.day.example/ledger:3.2.0" }),
    },
    settled: [
      ["every scheduled Pod has a status", everyPodStarted],
      ["Node day-worker-4 is unreachable", hasCondition("/api/v1/nodes/day-worker-4", "Ready", "Unknown")],
      [
        "the next Pod of the ledger waits for its disk, as an event",
        hasEvent("FailedAttachVolume", "Multi-Attach error"),
      ],
      ...(["invoices", "reminders", "accounts", "profiles"] as const).map((name): Check => [
        `Pods of ${name} cannot be created`,
        (client) => hasFailedReplicaSet(client, name, "app"),
      ]),
      ["a lookup has failed, as an event", hasEvent("Unhealthy", "EAI_AGAIN")],
      [
        "Deployment ledger is short",
        hasCondition("/apis/apps/v1/namespaces/books/deployments/ledger", "Available", "False"),
      ],
      ...(
        [
          ["kube-system", "coredns"],
          ["shop", "catalog"],
          ["shop", "orders"],
          ["batch", "invoices"],
          ["batch", "reminders"],
          ["accounts", "accounts"],
          ["profiles", "profiles"],
        ] as const
      ).map(([namespace, name]): Check => [
        `the rollout of ${name} is over its deadline`,
        hasCondition(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`, "Progressing", "False"),
      ]),
    ],
    eventually: [],
  },
};

/** The one Pod of a namespace that is on a node whose volume is attached by hand. */
interface DiskUser {
  readonly namespace: string;
  readonly container: string;
  readonly image: string;
}

/**
 * The storage driver's attacher and the kubelet: the volumes are attached where the controller manager asked for it, and the
 * first Pod of the namespace, whose template has the fate of one that waits for its disk, runs. It cannot end while its node
 * is lost; the next one waits.
 */
export async function attachAndRun(client: LabClient, { namespace, container, image }: DiskUser): Promise<void> {
  const attachments = "/apis/storage.k8s.io/v1/volumeattachments";
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await client.waitFor("the disk is to be attached", async () => (await client.list(attachments)).length > 0);
  for (const attachment of await client.list(attachments)) {
    await client.applyStatus({
      apiVersion: "storage.k8s.io/v1",
      kind: "VolumeAttachment",
      metadata: { name: attachment.metadata.name },
      status: { attached: true },
    });
  }
  await client.waitFor(`the first Pod of ${namespace} has begun`, everyItemOf(client, pods, hasStarted));
  const [pod] = await client.list<Workload>(pods);
  const name = pod?.metadata.name ?? "";
  const startedAt = pod?.status.startTime ?? "";
  const self = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace } };
  const fate = { metadata: { annotations: { "lab/fate": "StuckTerminating" } } };
  const headers = { "content-type": "application/merge-patch+json" };
  await client.raw("PATCH", `${pods}/${name}`, fate, { headers });
  await client.applyStatus({
    ...self,
    status: {
      phase: "Running",
      conditions: ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"].map((type) => ({
        type,
        status: "True",
        lastTransitionTime: startedAt,
        // What it waited for is over.
        reason: null,
        message: null,
      })),
      containerStatuses: [
        {
          name: container,
          image,
          imageID: image,
          ready: true,
          started: true,
          restartCount: 0,
          state: { running: { startedAt } },
          lastState: {},
        },
      ],
    },
  });
}

function hasStarted({ status }: Workload): boolean {
  return status.startTime !== undefined;
}

/**
 * Applies a scenario to a lab with controllers.
 *
 * @throws when it does not come to the state it stands for.
 */
export async function loadScenario(
  client: LabClient,
  name: ScenarioName,
  { settle = true, waitForCron = false, matureMs = 0, onStep = () => undefined }: ScenarioOptions = {},
): Promise<void> {
  const { before, after, settled, eventually } = scenarios[name];
  for (const { file, objects } of await manifestsOf(client, name)) {
    const gate = before[file];
    if (gate !== undefined) {
      onStep(`waiting: ${gate[0]}`);
      await client.waitFor(gate[0], () => gate[1](client), 120_000);
    }
    onStep(`applying ${file}`);
    await client.apply(objects);
    for (const object of objects) if (object["status"] !== undefined) await client.applyStatus(object);
    await after?.[file]?.(client);
    if (file.startsWith("00-")) {
      await client.waitFor("every Node is ready", everyItemOf(client, "/api/v1/nodes", isReady));
    }
  }
  const checks = [...(settle || waitForCron ? settled : []), ...(waitForCron ? eventually : [])];
  for (const [description, isTrue] of checks) {
    onStep(`waiting: ${description}`);
    await client.waitFor(description, () => isTrue(client), 360_000);
  }
  if (matureMs > 0) {
    onStep(`waiting: everything is ${matureMs / 1000} s old`);
    await sleep(matureMs);
  }
}

/** The manifests of a scenario, file by file in the order in which they are applied. */
export async function manifestsOf(
  client: Pick<LabClient, "ca">,
  name: ScenarioName,
): Promise<{ readonly file: string; readonly objects: readonly KubeObject[] }[]> {
  const folder = join(import.meta.dirname, "scenarios", name);
  const files = (await readdir(folder)).filter((file) => file.endsWith(".yaml")).sort();
  // Certificates cannot lie in a file for years: they would expire.
  const site = await (await createAuthority("lab-sites")).issue({ commonName: "lab-site", hosts: ["*.town.example"] });
  const certificates = { LAB_CA_BUNDLE: client.ca, LAB_SITE_CERTIFICATE: site.cert, LAB_SITE_KEY: site.key };
  return Promise.all(
    files.map(async (file) => {
      let text = await readFile(join(folder, file), "utf8");
      for (const [placeholder, pem] of Object.entries(certificates)) {
        text = text.replaceAll(placeholder, Buffer.from(pem).toString("base64"));
      }
      return { file, objects: loadAll(text).filter(isObject) };
    }),
  );
}

function isObject(value: unknown): value is KubeObject {
  return typeof value === "object" && value !== null && "kind" in value;
}

function conditionOf({ status }: Workload, type: string): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

/** Ready, and no longer kept free of Pods by the taint that a new node carries. */
function isReady(node: Workload): boolean {
  const taints = node.spec.taints ?? [];
  return (
    conditionOf(node, "Ready")?.status === "True" && !taints.some(({ key }) => key === "node.kubernetes.io/not-ready")
  );
}

function isRolledOut({ metadata, spec, status }: Workload): boolean {
  return (
    status.observedGeneration === metadata["generation"] &&
    (status.availableReplicas ?? 0) === spec.replicas &&
    (spec.paused === true || (status.updatedReplicas ?? 0) === spec.replicas)
  );
}

function everyItemOf(client: LabClient, path: string, isTrue: (item: Workload) => boolean): () => Promise<boolean> {
  return async () => {
    const items = await client.list<Workload>(path);
    return items.length > 0 && items.every(isTrue);
  };
}

function everyItem(path: string, isTrue: (item: Workload) => boolean): Check[1] {
  return (client) => everyItemOf(client, path, isTrue)();
}

function everyDeploymentAvailable(client: LabClient): Promise<boolean> {
  return everyItemOf(client, "/apis/apps/v1/deployments", isRolledOut)();
}

function everyPodStarted(client: LabClient): Promise<boolean> {
  return everyItemOf(
    client,
    "/api/v1/pods",
    ({ spec, status }) => spec.nodeName === undefined || status.startTime !== undefined,
  )();
}

function isAvailable(namespace: string, name: string): Check[1] {
  return async (client) =>
    isRolledOut(await client.get<Workload>(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`));
}

function hasCondition(path: string, type: string, status = "True"): Check[1] {
  return async (client) => conditionOf(await client.get<Workload>(path), type)?.status === status;
}

function hasPodThat(name: string, type: string, reason: string): Check[1] {
  return async (client) => {
    const pods = await client.list<Workload>(`/api/v1/pods?labelSelector=app.kubernetes.io/name=${name}`);
    return pods.some((pod) => conditionOf(pod, type)?.reason === reason);
  };
}

async function hasFailedReplicaSet(
  client: LabClient,
  name: string,
  label = "app.kubernetes.io/name",
): Promise<boolean> {
  const sets = await client.list<Workload>(`/apis/apps/v1/replicasets?labelSelector=${label}=${name}`);
  return sets.some((set) => conditionOf(set, "ReplicaFailure")?.status === "True");
}

function hasEvent(reason: string, part: string): Check[1] {
  return async (client) => {
    const events = await client.list<{ message?: string }>(`/api/v1/events?fieldSelector=reason=${reason}`);
    return events.some(({ message }) => message?.includes(part));
  };
}
