// The resource metrics API (metrics.k8s.io), which horizontal autoscalers and `kubectl top` read. A real metrics server
// asks kubelets; here every Pod that runs uses a share of what it requests: a fifth of its CPU, or the percentage in its
// annotation `lab/cpu-percent`, and half of its memory. The API server reaches it as it reaches any extension: through an
// APIService whose Service, of type ExternalName, points back at this process.
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Authority } from "./certificates.ts";
import type { KubeObject, LabClient } from "./client.ts";

interface Container {
  readonly name: string;
  readonly resources?: { readonly requests?: { readonly cpu?: string; readonly memory?: string } };
}

interface Pod extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly namespace: string };
  readonly spec: { readonly nodeName?: string; readonly containers: readonly Container[] };
  readonly status: { readonly phase: string };
}

const groupVersion = "metrics.k8s.io/v1beta1";
const root = `/apis/${groupVersion}`;
const service = { namespace: "kube-system", name: "metrics-server" };

/** Serves the API and registers it. Returns the way to end it. */
export async function startMetricsApi(client: LabClient, authority: Authority): Promise<() => Promise<void>> {
  const server = createServer(
    await authority.issue({ commonName: "metrics-server", hosts: ["metrics-server.kube-system.svc"] }),
  );
  server.on("request", (request, response) => {
    void respond(client, request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await client.apply([
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...service, labels: { "k8s-app": "metrics-server" } },
      spec: { type: "ExternalName", externalName: "localhost" },
    },
    {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: "v1beta1.metrics.k8s.io", labels: { "k8s-app": "metrics-server" } },
      spec: {
        group: "metrics.k8s.io",
        version: "v1beta1",
        groupPriorityMinimum: 100,
        versionPriority: 100,
        service: { ...service, port: portOf(server) },
        caBundle: Buffer.from(authority.cert).toString("base64"),
      },
    },
  ]);
  return async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
}

async function respond(client: LabClient, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body = await answer(client, new URL(request.url ?? "/", "https://lab"));
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? {}));
  } catch {
    response.writeHead(500).end();
  }
}

function resource(name: string, kind: string, namespaced: boolean): object {
  return { name, singularName: "", namespaced, kind, verbs: ["get", "list"] };
}

async function answer(client: LabClient, { pathname, search }: URL): Promise<object | undefined> {
  if (pathname === root) {
    return {
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion,
      resources: [resource("nodes", "NodeMetrics", false), resource("pods", "PodMetrics", true)],
    };
  }
  if (!pathname.startsWith(`${root}/`)) return undefined;
  const path = pathname.slice(root.length);
  const name = /\/(?:pods|nodes)\/([^/]+)$/.exec(path)?.[1];
  const collection = name === undefined ? path : path.slice(0, -(name.length + 1));
  const isNodes = collection === "/nodes";
  const items = isNodes ? await nodeMetrics(client) : await podMetrics(client, `${collection}${search}`);
  if (name !== undefined) return items.find(({ metadata }) => metadata.name === name);
  return { kind: isNodes ? "NodeMetricsList" : "PodMetricsList", apiVersion: groupVersion, metadata: {}, items };
}

async function podMetrics(client: LabClient, path: string): Promise<readonly KubeObject[]> {
  const pods = await client.list<Pod>(`/api/v1${path}`);
  return pods
    .filter(({ status }) => status.phase === "Running")
    .map((pod) => ({
      kind: "PodMetrics",
      apiVersion: groupVersion,
      metadata: { name: pod.metadata.name, namespace: pod.metadata.namespace, creationTimestamp: now() },
      timestamp: now(),
      window: "15s",
      containers: pod.spec.containers.map((container) => {
        const { cpu, memory } = usageOf(pod, container);
        return { name: container.name, usage: { cpu: `${cpu}m`, memory: `${memory}Ki` } };
      }),
    }));
}

async function nodeMetrics(client: LabClient): Promise<readonly KubeObject[]> {
  const [nodes, pods] = await Promise.all([client.list("/api/v1/nodes"), client.list<Pod>("/api/v1/pods")]);
  return nodes.map(({ metadata: { name } }) => {
    const used = pods
      .filter(({ spec, status }) => spec.nodeName === name && status.phase === "Running")
      .flatMap((pod) => pod.spec.containers.map((container) => usageOf(pod, container)));
    const cpu = used.reduce((sum, usage) => sum + usage.cpu, 150);
    const memory = used.reduce((sum, usage) => sum + usage.memory, 900_000);
    return {
      kind: "NodeMetrics",
      apiVersion: groupVersion,
      metadata: { name, creationTimestamp: now() },
      timestamp: now(),
      window: "15s",
      usage: { cpu: `${cpu}m`, memory: `${memory}Ki` },
    };
  });
}

/** Thousandths of a CPU, and KiB. */
function usageOf({ metadata }: Pod, { resources }: Container): { readonly cpu: number; readonly memory: number } {
  const percent = Number(metadata.annotations?.["lab/cpu-percent"] ?? "20");
  const { cpu = "10m", memory = "16Mi" } = resources?.requests ?? {};
  const requested = cpu.endsWith("m") ? Number.parseInt(cpu, 10) : Number(cpu) * 1000;
  const kibibytes = Number.parseInt(memory, 10) * (memory.endsWith("Gi") ? 1024 * 1024 : 1024);
  return { cpu: Math.ceil((requested * percent) / 100), memory: Math.ceil(kibibytes / 2) };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}
