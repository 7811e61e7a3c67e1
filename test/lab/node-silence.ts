// What the controller manager does when a kubelet falls silent: it takes the Pods of the node out of service. Waiting for
// its real grace period would make every test slower, and a short one would lose nodes whenever the machine pauses; so
// stages.yaml declares the node unreachable and the lab does here what follows from that.
import { randomBytes } from "node:crypto";
import type { KubeObject, LabClient } from "./client.ts";

interface Node extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly uid: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface Pod extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly uid: string; readonly namespace: string };
}

/** Takes Pods on nodes whose readiness is Unknown out of service, until the signal. */
export async function playNodeSilence(client: LabClient, signal: AbortSignal): Promise<void> {
  const silent = new Set<string>();
  await client.watch<Node>(
    "/api/v1/nodes",
    ({ object: node }) => {
      const { name } = node.metadata;
      const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
      if (ready?.status !== "Unknown") silent.delete(name);
      else if (!silent.has(name)) {
        silent.add(name);
        takeOutOfService(client, node).catch(() => silent.delete(name));
      }
    },
    signal,
  );
}

async function takeOutOfService(client: LabClient, node: Node): Promise<void> {
  const { name, uid } = node.metadata;
  await tell(client, "default", { kind: "Node", name, uid }, "Normal", `Node ${name} status is now: NodeNotReady`);
  for (const pod of await client.list<Pod>(`/api/v1/pods?fieldSelector=spec.nodeName=${name}`)) {
    const { namespace } = pod.metadata;
    const condition = { type: "Ready", status: "False", lastTransitionTime: now() };
    const headers = { "content-type": "application/strategic-merge-patch+json" };
    const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}/status`;
    await client.raw("PATCH", path, { status: { conditions: [condition] } }, { headers });
    const about = { apiVersion: "v1", kind: "Pod", namespace, name: pod.metadata.name, uid: pod.metadata.uid };
    await tell(client, namespace, about, "Warning", "Node is not ready");
  }
}

async function tell(
  client: LabClient,
  namespace: string,
  involvedObject: Readonly<Record<string, string>>,
  type: "Normal" | "Warning",
  message: string,
): Promise<void> {
  await client.raw("POST", `/api/v1/namespaces/${namespace}/events`, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${involvedObject["name"]}.${randomBytes(8).toString("hex")}`, namespace },
    involvedObject,
    type,
    reason: "NodeNotReady",
    message,
    count: 1,
    firstTimestamp: now(),
    lastTimestamp: now(),
    source: { component: "node-controller" },
    reportingComponent: "node-controller",
  });
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}
