/** Resources of one object and of one incident, and what subscribers are told. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, test } from "vitest";
import { serveOverHttp } from "../../src/server/mcp/http.ts";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { createMasking } from "../../src/server/mcp/masking.ts";
import { connect, contextOf, liveSource, type Manifest, resource, savedSource } from "./source.ts";

const resources = [
  resource("Pod", "pods"),
  resource("Node", "nodes", "", false),
  resource("Secret", "secrets"),
  resource("Namespace", "namespaces", "", false),
];
const shop: Manifest = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
const node: Manifest = { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" }, spec: {} };
const secret: Manifest = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "db", namespace: "shop" },
  data: { key: "c2VjcmV0" },
};

/** A Pod whose image cannot be pulled: an incident of its own. */
function stuck(name: string): Manifest {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { nodeName: "node-1", containers: [{ name: "main", image: "registry.example/web:1" }] },
    status: {
      phase: "Pending",
      containerStatuses: [
        {
          name: "main",
          ready: false,
          restartCount: 0,
          image: "registry.example/web:1",
          imageID: "",
          state: {
            waiting: { reason: "ImagePullBackOff", message: 'Back-off pulling image "registry.example/web:1"' },
          },
        },
      ],
    },
  };
}

async function read(client: Client, uri: string): Promise<Readonly<Record<string, unknown>>> {
  const { contents } = await client.readResource({ uri });
  const [first] = contents;
  const value: unknown = JSON.parse(first !== undefined && "text" in first ? first.text : "null");
  return isPlain(value) ? value : {};
}

function incidentsIn(value: Readonly<Record<string, unknown>>): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value["incidents"]) ? value["incidents"].filter(isPlain) : [];
}

/** Addresses that a client was told about, and a way to wait for one. */
function updatesOf(client: Client): { readonly next: () => Promise<string>; readonly all: readonly string[] } {
  const all: string[] = [];
  const waiting: ((uri: string) => void)[] = [];
  client.setNotificationHandler("notifications/resources/updated", ({ params: { uri } }) => {
    all.push(uri);
    waiting.shift()?.(uri);
  });
  return { all, next: async () => new Promise((resolve) => void waiting.push(resolve)) };
}

test("templates give one object or one incident, and nothing that is not there", async () => {
  const { client, close } = await connect(contextOf(liveSource([shop, node, secret, stuck("web")], resources).source));
  const { resourceTemplates } = await client.listResourceTemplates();
  expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
    "k8s://incidents/{id}",
    "k8s://objects/{resourceType}/{namespace}/{name}",
    "k8s://objects/{resourceType}/{name}",
  ]);
  expect(await read(client, "k8s://objects/nodes/node-1")).toMatchObject({ cluster: "test", object: { kind: "Node" } });
  expect(await read(client, "k8s://objects/pods/shop/web")).toMatchObject({ object: { metadata: { name: "web" } } });
  expect(JSON.stringify(await read(client, "k8s://objects/secrets/shop/db"))).not.toContain("c2VjcmV0");
  const list = await read(client, "k8s://incidents");
  const [incident] = incidentsIn(list);
  expect(list).toMatchObject({ count: 1, status: "ProblemDetected" });
  const one = await read(client, `k8s://incidents/${String(incident?.["id"])}`);
  expect(one).toMatchObject({ incident: { title: incident?.["title"] }, findings: [{ object: "Pod shop/web" }] });
  for (const uri of [
    "k8s://incidents/nothing",
    "k8s://objects/pods/web",
    "k8s://objects/nodes/shop/node-1",
    "k8s://objects/pods/shop/web/more",
    "k8s://incidents?cluster=other",
    "k8s://objects/pods/shop/%E0%A4%A",
    "objects/pods/shop/web",
  ]) {
    await expect(client.readResource({ uri })).rejects.toThrow("not found");
  }
  await expect(client.readResource({ uri: "k8s://objects/pods/shop/nobody" })).rejects.toThrow(
    'Pod "nobody" does not exist in namespace "shop"',
  );
  await close();
});

test("names are masked there, too, and tokens lead back", async () => {
  const { source } = liveSource([{ ...shop, metadata: { name: "shop" } }, node, stuck("hush")], resources);
  const { client, call, close } = await connect(contextOf(source, { masking: createMasking() }));
  const listed = await call("list-resources", { resourceType: "pods", output: "names" });
  const [item] = Array.isArray(listed.data["items"]) ? listed.data["items"].filter(isPlain) : [];
  const uri = `k8s://objects/pods/${String(item?.["namespace"])}/${String(item?.["name"])}`;
  const text = JSON.stringify([await read(client, uri), await read(client, "incidents")]);
  expect(text).toContain('"kind":"Pod"');
  expect(text).not.toMatch(/hush|"shop/);
  await close();
});

describe("subscriptions", () => {
  test("tell when an incident comes, and when it goes; no longer after unsubscribing", async () => {
    const manifests = [shop, node];
    const { client, close } = await connect(contextOf(liveSource(manifests, resources).source, { watchMs: 20 }));
    expect(client.getServerCapabilities()?.resources).toMatchObject({ subscribe: true });
    const updates = updatesOf(client);
    await client.subscribeResource({ uri: "k8s://incidents" });
    expect(incidentsIn(await read(client, "k8s://incidents"))).toEqual([]);
    const comes = updates.next();
    manifests.push(stuck("web"));
    expect(await comes).toBe("k8s://incidents");
    const [incident] = incidentsIn(await read(client, "k8s://incidents"));
    expect(incident).toMatchObject({ object: "Pod shop/web" });

    await client.unsubscribeResource({ uri: "k8s://incidents" });
    const uri = `k8s://incidents/${String(incident?.["id"])}`;
    await client.subscribeResource({ uri });
    const goes = updates.next();
    manifests.pop();
    expect(await goes).toBe(uri);
    await expect(client.readResource({ uri })).rejects.toThrow("not found");
    expect(updates.all).toEqual(["k8s://incidents", uri]);
    await close();
  });

  test("a cluster is not read again while nobody is subscribed", async () => {
    const { source } = liveSource([shop, node], resources);
    let reads = 0;
    const counting = {
      ...source,
      read: async (request: Parameters<typeof source.read>[0]) => {
        reads += 1;
        return source.read(request);
      },
    };
    const { client, close } = await connect(contextOf(counting, { watchMs: 5 }));
    await client.subscribeResource({ uri: "incidents" });
    await client.unsubscribeResource({ uri: "incidents" });
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    expect(reads).toBeLessThanOrEqual(2);
    await close();
  });

  test("what does not change cannot be subscribed to", async () => {
    const { client, close } = await connect(contextOf(savedSource([shop])));
    await expect(client.subscribeResource({ uri: "k8s://namespaces" })).rejects.toThrow("are not told");
    await expect(client.subscribeResource({ uri: "k8s://nothing" })).rejects.toThrow("not found");
    await close();
  });

  test("reach a client over HTTP through its session; who has none is answered and promised nothing", async () => {
    const manifests = [shop, node];
    const server = await serveOverHttp(contextOf(liveSource(manifests, resources).source, { watchMs: 20 }), {
      host: "127.0.0.1",
      port: 0,
      onError: () => undefined,
    });
    const client = new Client({ name: "test", version: "1" });
    const transport = new StreamableHTTPClientTransport(new URL(server.url));
    await client.connect(transport);
    expect(transport.sessionId).toMatch(/^[\da-f-]{36}$/);
    const updates = updatesOf(client);
    await client.subscribeResource({ uri: "k8s://incidents" });
    const comes = updates.next();
    manifests.push(stuck("web"));
    expect(await comes).toBe("k8s://incidents");
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    const ask = async (method: string, session?: string): Promise<number> =>
      (
        await fetch(server.url, {
          method: "POST",
          headers: { ...headers, ...(session !== undefined && { "mcp-session-id": session }) },
          body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: {} }),
        })
      ).status;
    expect(await ask("tools/list")).toBe(200);
    expect(await ask("tools/list", "no-such-session")).toBe(404);
    const gone = transport.sessionId;
    await transport.terminateSession();
    expect(await ask("tools/list", gone)).toBe(404);
    await client.close();
    await server.close();
  });

  test("reach a client of the protocol of 2026 on the stream by which it listens", async () => {
    const manifests = [shop, node];
    const server = await serveOverHttp(contextOf(liveSource(manifests, resources).source, { watchMs: 20 }), {
      host: "127.0.0.1",
      port: 0,
      onError: () => undefined,
    });
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
    await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
    expect(client.getNegotiatedProtocolVersion()).toBe("2026-07-28");
    const updates = updatesOf(client);
    const subscription = await client.listen({ resourceSubscriptions: ["k8s://incidents"] });
    expect(incidentsIn(await read(client, "k8s://incidents"))).toEqual([]);
    const comes = updates.next();
    manifests.push(stuck("web"));
    expect(await comes).toBe("k8s://incidents");
    await subscription.close();
    await client.close();
    await server.close();
  });
});
