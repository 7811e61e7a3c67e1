// A big, healthy cluster on a bare control plane, for the benchmark: nobody schedules or runs anything, so everything,
// statuses too, is written here as real components would have left it. It is written through the API, by the names of
// those components (user agent), so that managedFields are the server's own and weigh what they weigh in practice.
import { createHash } from "node:crypto";
import { messageOf } from "../../src/fault.ts";
import { ApiError, createClient, type LabClient } from "./client.ts";
import type { ControlPlane } from "./control-plane.ts";

/** How many of each. */
export interface CrowdSize {
  readonly pods: number;
  readonly deployments: number;
  readonly services: number;
  readonly configMaps: number;
  readonly nodes: number;
  readonly namespaces: number;
  readonly events: number;
}

/** What was made, and how long it took. */
export interface CrowdReport extends CrowdSize {
  readonly replicaSets: number;
  readonly endpointSlices: number;
  readonly milliseconds: number;
  /** The mean size of a Pod as JSON, in bytes. */
  readonly podBytes: number;
}

const usual: CrowdSize = {
  pods: 5000,
  deployments: 500,
  services: 500,
  configMaps: 500,
  nodes: 60,
  namespaces: 25,
  events: 1000,
};

type Json = Readonly<Record<string, unknown>>;

interface Created {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
}

const concurrency = 24;

/** Fills a control plane that was started with `controllers: false`. */
export async function seedCrowd(lab: ControlPlane, size: Partial<CrowdSize> = {}): Promise<CrowdReport> {
  const wanted: CrowdSize = { ...usual, ...size };
  const startedAt = Date.now();
  const as = await clientsOf(lab);
  const namespaceOf = (index: number): string => `team-${pad(index % wanted.namespaces)}`;
  const nodeOf = (index: number): string => `node-${pad(index % wanted.nodes)}`;

  await each(wanted.namespaces, (index) =>
    create(as.kubectl, "/api/v1/namespaces", { metadata: { name: namespaceOf(index) } }),
  );
  await each(wanted.nodes, async (index) => {
    await create(as.kubelet, "/api/v1/nodes", node(nodeOf(index), index));
    await putStatus(as.kubelet, `/api/v1/nodes/${nodeOf(index)}`, nodeStatus(nodeOf(index), index));
  });
  await each(wanted.configMaps, (index) =>
    create(as.kubectl, `/api/v1/namespaces/${namespaceOf(index)}/configmaps`, {
      metadata: { name: `app-${pad(index)}-config`, labels: labelsOf(index) },
      data: { "application.yaml": "server: { port: 8080 }\n".repeat(20), LOG_LEVEL: "info" },
    }),
  );

  const podsOf = (deployment: number): number =>
    Math.floor(wanted.pods / wanted.deployments) + (deployment < wanted.pods % wanted.deployments ? 1 : 0);
  let podNumber = 0;
  let podBytes = 0;
  await each(wanted.deployments, async (index) => {
    const namespace = namespaceOf(index);
    const name = `app-${pad(index)}`;
    const replicas = podsOf(index);
    const hash = digest(name).slice(0, 10);
    const apps = `/apis/apps/v1/namespaces/${namespace}`;
    const deployment = await create(as.kubectl, `${apps}/deployments`, {
      metadata: { name, labels: labelsOf(index), annotations: { "deployment.kubernetes.io/revision": "1" } },
      spec: {
        replicas,
        selector: { matchLabels: labelsOf(index) },
        template: { metadata: { labels: labelsOf(index) }, spec: podSpec(index) },
      },
    });
    const labels = { ...labelsOf(index), "pod-template-hash": hash };
    const replicaSet = await create(as.manager, `${apps}/replicasets`, {
      metadata: {
        name: `${name}-${hash}`,
        labels,
        annotations: {
          "deployment.kubernetes.io/desired-replicas": String(replicas),
          "deployment.kubernetes.io/max-replicas": String(Math.ceil(replicas * 1.25)),
          "deployment.kubernetes.io/revision": "1",
        },
        ownerReferences: [ownerReference("apps/v1", "Deployment", deployment)],
      },
      spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec(index) } },
    });
    const addresses: { readonly ip: string; readonly node: string; readonly pod: Created }[] = [];
    for (let replica = 0; replica < replicas; replica += 1) {
      const number = podNumber++;
      const nodeName = nodeOf(number);
      const path = `/api/v1/namespaces/${namespace}/pods`;
      const pod = await create(as.manager, path, {
        metadata: {
          name: `${name}-${hash}-${digest(`${name} ${replica}`).slice(0, 5)}`,
          generateName: `${name}-${hash}-`,
          labels,
          annotations: {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "8080",
            "checksum/config": digest(name),
          },
          ownerReferences: [ownerReference("apps/v1", "ReplicaSet", replicaSet)],
        },
        spec: { ...podSpec(index), nodeName },
      });
      const ip = `10.${128 + (number >> 14)}.${(number >> 6) & 255}.${((number & 63) << 2) + 1}`;
      const text = await putStatus(as.kubelet, `${path}/${pod.metadata.name}`, podStatus(index, number, ip, pod));
      podBytes += text.length;
      addresses.push({ ip, node: nodeName, pod });
    }
    await putStatus(as.manager, `${apps}/replicasets/${replicaSet.metadata.name}`, {
      ...counts(replicas),
      fullyLabeledReplicas: replicas,
    });
    await putStatus(as.manager, `${apps}/deployments/${name}`, {
      ...counts(replicas),
      updatedReplicas: replicas,
      conditions: [
        condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        condition(
          "Progressing",
          "True",
          "NewReplicaSetAvailable",
          `ReplicaSet "${name}-${hash}" has successfully progressed.`,
        ),
      ],
    });
    if (index >= wanted.services) return;
    const service = await create(as.kubectl, `/api/v1/namespaces/${namespace}/services`, {
      metadata: { name, labels: labelsOf(index) },
      spec: { selector: labelsOf(index), ports: [{ name: "http", port: 80, targetPort: "http" }] },
    });
    await create(as.manager, `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
      metadata: {
        name: `${name}-${digest(name).slice(0, 5)}`,
        labels: {
          "kubernetes.io/service-name": name,
          "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        },
        ownerReferences: [ownerReference("v1", "Service", service)],
      },
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      endpoints: addresses.map(({ ip, node: nodeName, pod }) => ({
        addresses: [ip],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName,
        targetRef: { kind: "Pod", namespace, name: pod.metadata.name, uid: pod.metadata.uid },
      })),
    });
    for (let event = index; event < wanted.events; event += wanted.deployments) {
      const about = addresses[event % addresses.length];
      if (about !== undefined)
        await create(as.kubelet, `/api/v1/namespaces/${namespace}/events`, startedEvent(about, event));
    }
  });

  return {
    ...wanted,
    replicaSets: wanted.deployments,
    endpointSlices: Math.min(wanted.services, wanted.deployments),
    milliseconds: Date.now() - startedAt,
    podBytes: Math.round(podBytes / Math.max(1, wanted.pods)),
  };
}

type Author = "kubectl" | "manager" | "kubelet";

/** The manager of a field is what comes before the slash of the user agent. */
async function clientsOf(lab: ControlPlane): Promise<Record<Author, LabClient>> {
  const certificate = await lab.clientCertificate("lab", ["system:masters"]);
  const as = (userAgent: string): LabClient =>
    createClient({ server: lab.server, ca: lab.ca, ...certificate, userAgent });
  return {
    kubectl: as("kubectl-create/v1.34.4"),
    manager: as("kube-controller-manager/v1.34.4"),
    kubelet: as("kubelet/v1.34.4"),
  };
}

async function create(client: LabClient, collection: string, object: Json): Promise<Created> {
  return JSON.parse(await send(client, "POST", collection, object));
}

/** Writes a status as its component does: by a patch of the subresource. Returns the object as JSON. */
async function putStatus(client: LabClient, path: string, status: Json): Promise<string> {
  return send(client, "PATCH", `${path}/status`, { status });
}

async function send(client: LabClient, method: string, path: string, body: Json): Promise<string> {
  const headers = {
    "content-type": method === "PATCH" ? "application/strategic-merge-patch+json" : "application/json",
  };
  for (let attempt = 1; ; attempt += 1) {
    const answer = await client.raw(method, path, body, { headers });
    if (answer.status < 400) return answer.text;
    if (answer.status !== 429 || attempt === 10) throw new ApiError(method, path, answer);
  }
}

/** `work` for each index below `count`, a few at a time. */
async function each(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      try {
        await work(index);
      } catch (error) {
        throw new Error(`Cannot seed number ${index}: ${messageOf(error)}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
}

function pad(index: number): string {
  return String(index).padStart(3, "0");
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function time(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

function labelsOf(index: number): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/name": `app-${pad(index)}`,
    "app.kubernetes.io/instance": `app-${pad(index)}-prod`,
    "app.kubernetes.io/component": "backend",
    "app.kubernetes.io/managed-by": "Helm",
  };
}

function ownerReference(apiVersion: string, kind: string, { metadata: { name, uid } }: Created): Json {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

function condition(type: string, status: string, reason?: string, message?: string): Json {
  return { type, status, lastTransitionTime: time(), ...(reason && { reason }), ...(message && { message }) };
}

function counts(replicas: number): Json {
  return { observedGeneration: 1, replicas, readyReplicas: replicas, availableReplicas: replicas };
}

function node(name: string, index: number): Json {
  return {
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": `zone-${"abc"[index % 3] ?? "a"}`,
        "node.kubernetes.io/instance-type": "m6i.8xlarge",
      },
    },
    spec: { podCIDR: `10.${128 + (index >> 8)}.${index & 255}.0/24` },
  };
}

function nodeStatus(name: string, index: number): Json {
  const resources = { cpu: "32", memory: "131072Mi", pods: "250", "ephemeral-storage": "103681196Ki" };
  const calm = (type: string, reason: string, message: string): Json => ({
    ...condition(type, "False", reason, message),
    lastHeartbeatTime: time(),
  });
  return {
    addresses: [
      { type: "InternalIP", address: `172.20.${index >> 8}.${index & 255}` },
      { type: "Hostname", address: name },
    ],
    allocatable: resources,
    capacity: resources,
    conditions: [
      calm("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
      calm("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
      calm("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
      { ...condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"), lastHeartbeatTime: time() },
    ],
    images: Array.from({ length: 40 }, (_, image) => ({
      names: [`registry.example/team/app-${pad(image)}@sha256:${digest(`image ${image}`)}`],
      sizeBytes: 100_000_000 + image,
    })),
    nodeInfo: {
      architecture: "amd64",
      operatingSystem: "linux",
      osImage: "Ubuntu 24.04.3 LTS",
      kernelVersion: "6.8.0-79-generic",
      containerRuntimeVersion: "containerd://2.1.4",
      kubeletVersion: "v1.34.4",
      kubeProxyVersion: "",
      bootID: digest(`boot ${name}`).slice(0, 32),
      machineID: digest(`machine ${name}`).slice(0, 32),
      systemUUID: digest(`system ${name}`).slice(0, 32),
    },
  };
}

const accountVolume = {
  name: "kube-api-access",
  projected: {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      {
        downwardAPI: {
          items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
        },
      },
    ],
  },
};
const accountMount = {
  name: "kube-api-access",
  mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
  readOnly: true,
};

/** One application in three has no sidecar. */
function hasProxy(index: number): boolean {
  return index % 3 !== 0;
}

function probe(path: string): Json {
  return { httpGet: { path, port: "http", scheme: "HTTP" }, periodSeconds: 10 };
}

const proxy = {
  name: "proxy",
  image: "registry.example/mesh/proxy:1.27.1",
  args: ["proxy", "sidecar", "--log-level", "warning"],
  ports: [{ name: "admin", containerPort: 15000 }],
  readinessProbe: { httpGet: { path: "/healthz/ready", port: 15000, scheme: "HTTP" }, periodSeconds: 10 },
  resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "128Mi" } },
  volumeMounts: [accountMount],
};

/** Every other application has an init container and a longer environment. */
function podSpec(index: number): Json {
  const isLarge = index % 2 === 1;
  const variables = Array.from({ length: isLarge ? 9 : 3 }, (_, variable) => ({
    name: `APP_SETTING_${pad(variable)}`,
    value: `https://service-${variable}.team-${pad(index % 25)}.svc.cluster.local:8080/api/v1`,
  }));
  return {
    serviceAccountName: "default",
    ...(isLarge && {
      initContainers: [
        {
          name: "migrate",
          image: `registry.example/team/app-${pad(index)}:1.8.0`,
          args: ["migrate", "--wait"],
          resources: { requests: { cpu: "10m", memory: "32Mi" } },
          volumeMounts: [accountMount],
        },
      ],
    }),
    containers: [
      {
        name: "app",
        image: `registry.example/team/app-${pad(index)}:1.8.0`,
        ports: [
          { name: "http", containerPort: 8080 },
          { name: "metrics", containerPort: 9090 },
        ],
        env: [
          ...variables,
          { name: "POD_NAME", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } },
        ],
        envFrom: [{ configMapRef: { name: `app-${pad(index)}-config` } }],
        livenessProbe: probe("/live"),
        readinessProbe: probe("/ready"),
        resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
        volumeMounts: [{ name: "cache", mountPath: "/cache" }, accountMount],
      },
      ...(hasProxy(index) ? [proxy] : []),
    ],
    tolerations: [
      { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
      { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
    ],
    volumes: [{ name: "cache", emptyDir: {} }, accountVolume],
  };
}

function podStatus(index: number, number: number, ip: string, { metadata: { uid } }: Created): Json {
  const now = time();
  const status = (name: string, image: string, rest: Json): Json => ({
    name,
    image,
    imageID: `${image.replace(/:[^:/]+$/, "")}@sha256:${digest(image)}`,
    containerID: `containerd://${digest(`${uid} ${name}`)}`,
    ready: true,
    restartCount: 0,
    lastState: {},
    ...rest,
  });
  const running = { started: true, state: { running: { startedAt: now } } };
  const app = `registry.example/team/app-${pad(index)}:1.8.0`;
  const types = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
  const node = number % usual.nodes;
  return {
    phase: "Running",
    observedGeneration: 1,
    conditions: types.map((type) => ({ ...condition(type, "True"), lastProbeTime: null, observedGeneration: 1 })),
    hostIP: `172.20.0.${node}`,
    hostIPs: [{ ip: `172.20.0.${node}` }],
    podIP: ip,
    podIPs: [{ ip }],
    qosClass: "Burstable",
    startTime: now,
    ...(index % 2 === 1 && {
      initContainerStatuses: [
        status("migrate", app, {
          started: false,
          state: { terminated: { exitCode: 0, reason: "Completed", startedAt: now, finishedAt: now } },
        }),
      ],
    }),
    containerStatuses: [
      status("app", app, running),
      ...(hasProxy(index) ? [status(proxy.name, proxy.image, running)] : []),
    ],
  };
}

function startedEvent({ node, pod }: { readonly node: string; readonly pod: Created }, number: number): Json {
  const { name, namespace, uid } = pod.metadata;
  return {
    metadata: { name: `${name}.${digest(`event ${number}`).slice(0, 16)}`, namespace },
    involvedObject: { apiVersion: "v1", kind: "Pod", name, namespace, uid, fieldPath: "spec.containers{app}" },
    type: "Normal",
    reason: "Started",
    message: "Started container app",
    count: 1,
    firstTimestamp: time(),
    lastTimestamp: time(),
    source: { component: "kubelet", host: node },
    reportingComponent: "kubelet",
    reportingInstance: node,
  };
}
