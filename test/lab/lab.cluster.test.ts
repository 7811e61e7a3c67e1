import { access } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "./client.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

const configMap = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "greeting", namespace: "default" },
  data: { text: "hello" },
};
const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "boats.lab.example" },
  spec: {
    group: "lab.example",
    scope: "Namespaced",
    names: { kind: "Boat", plural: "boats", singular: "boat" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};
const boat = { apiVersion: "lab.example/v1", kind: "Boat", metadata: { name: "ark", namespace: "default" } };

const condition = (type: string, status: string) => ({ type, status });

describe("a lab without controllers", () => {
  let lab: ControlPlane;
  beforeAll(async () => {
    lab = await startControlPlane({ name: "bare", controllers: false });
  });
  afterAll(async () => lab?.stop());

  it("is ready", async () => {
    expect(await lab.client().raw("GET", "/readyz")).toMatchObject({ status: 200, text: "ok" });
  });

  it("lists what was applied, custom resources too, and merges what is applied again", async () => {
    const client = lab.client();
    await client.apply([configMap, definition, boat]);
    await client.apply([{ ...configMap, data: { more: "text" } }]);
    const maps = await client.list<typeof configMap>("/api/v1/namespaces/default/configmaps");
    expect(maps.map(({ metadata, data }) => [metadata.name, data])).toEqual([
      ["greeting", { text: "hello", more: "text" }],
    ]);
    expect(await client.list("/apis/lab.example/v1/boats")).toMatchObject([{ metadata: { name: "ark" } }]);
  });

  it("keeps a status as it is given", async () => {
    const client = lab.client();
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } };
    await client.apply([node]);
    await client.applyStatus({ ...node, status: { conditions: [condition("Ready", "True")] } });
    await client.applyStatus({ ...node, status: { conditions: [condition("KernelDeadlock", "False")] } });
    const { status } = await client.get("/api/v1/nodes/node-1");
    expect(status).toMatchObject({ conditions: [condition("Ready", "True"), condition("KernelDeadlock", "False")] });
  });

  it("knows a reader and a nobody, and writes down who asked for what", async () => {
    const as = (token: string) =>
      createClient({ server: lab.server, ca: lab.ca, token }).raw("GET", "/api/v1/pods?limit=7");
    expect((await as(lab.tokens.reader)).status).toBe(200);
    expect((await as(lab.tokens.nobody)).status).toBe(403);
    const asked = (await lab.auditLog()).filter(({ requestURI }) => requestURI === "/api/v1/pods?limit=7");
    expect(asked.map(({ verb, user, responseStatus }) => [verb, user.username, responseStatus?.code])).toEqual([
      ["list", "reader", 200],
      ["list", "nobody", 403],
    ]);
  });

  it("signs certificates", async () => {
    const certificate = await lab.clientCertificate("carla", ["system:masters"]);
    const client = createClient({ server: lab.server, ca: lab.ca, ...certificate });
    expect((await client.raw("GET", "/api/v1/secrets")).status).toBe(200);
    await expect(access(await lab.kubeconfigFor({ user: "carla", certificate }))).resolves.toBeUndefined();
  });
});

it("a lab with controllers runs what it is given, and leaves nothing behind", async () => {
  const lab = await startControlPlane({ name: "full" });
  const client = lab.client();
  try {
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", namespace: "default", annotations: { "lab/fate": "Unready" } },
      spec: { containers: [{ name: "web", image: "registry.example/web:1" }] },
    };
    await client.apply([node, pod]);
    await client.waitFor("the kubelet has said that the probe fails", async () => {
      const events = await client.list<{ message: string }>("/api/v1/events?fieldSelector=reason=Unhealthy");
      return events.some(({ message }) => message.startsWith("Readiness probe failed"));
    });
    expect(await client.get("/api/v1/namespaces/default/pods/web")).toMatchObject({
      status: { phase: "Running", containerStatuses: [{ ready: false, started: true }] },
    });
  } finally {
    await lab.stop();
  }
  expect(lab.pids).toHaveLength(6);
  for (const pid of lab.pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  await expect(access(lab.stateDir)).rejects.toThrow("ENOENT");
});

it("a part that dies at the start is named, with the end of its log", async () => {
  const broken = startControlPlane({ name: "broken", controllers: false, extraApiserverFlags: ["--no-such-flag"] });
  await expect(broken).rejects.toThrow(/kube-apiserver of lab broken ended[\s\S]*unknown flag: --no-such-flag/);
});
