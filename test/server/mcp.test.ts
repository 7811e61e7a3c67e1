/** The MCP server in this process, asked by the official client. */
import { request } from "node:http";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { Fault } from "../../src/fault.ts";
import { answerBytes, shortened } from "../../src/server/mcp/answer.ts";
import { cleanObject, isPlain } from "../../src/server/mcp/hygiene.ts";
import { serveOverHttp } from "../../src/server/mcp/http.ts";
import { createMasking } from "../../src/server/mcp/masking.ts";
import { callerOf, connect, contextOf, liveSource, type Manifest, resource, savedSource } from "./source.ts";

const pods = resource("Pod", "pods");
const secrets = resource("Secret", "secrets");
const configMaps = resource("ConfigMap", "configmaps");
const namespaces = resource("Namespace", "namespaces", "", false);
const shop: Manifest = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };

function pod(name: string, namespace = "shop"): Manifest {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: "web" } },
    spec: { nodeName: "node-1", containers: [{ name: "main", image: "nginx:1" }] },
    status: { phase: "Running" },
  };
}

// Made of pieces, so that nothing here looks like a credential of somebody's.
const canary = (place: string): string => `canary-${place}-${"q9".repeat(8)}`;
const boat = (group: string, name: string): Manifest => ({
  apiVersion: `${group}/v1`,
  kind: "Boat",
  metadata: { name, namespace: "shop" },
});
const onError = (): void => undefined;

const metricsOf = (kind: string, name: string, rest: object): Manifest => ({
  apiVersion: "metrics.k8s.io/v1",
  kind,
  metadata: { name, ...(kind === "PodMetrics" && { namespace: "shop" }) },
  ...rest,
});

function itemsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isPlain) : [];
}

describe("5,000 Pods", () => {
  const many = Array.from({ length: 5000 }, (_, index) => pod(`web-${String(index).padStart(4, "0")}`));

  test.each([
    ["live, as a table", "live", {}],
    ["live, whole objects", "live", { output: "objects", limit: 1000 }],
    ["saved, as a table", "saved", { limit: 1000 }],
  ])("come page by page within the budget: %s", async (_, type, args) => {
    const { call, close } = await connect(
      contextOf(type === "live" ? liveSource(many, [pods]).source : savedSource(many)),
    );
    const names: unknown[] = [];
    let cursor: unknown;
    do {
      const { data, text, isError } = await call("list-resources", {
        resourceType: "pods",
        ...args,
        ...(cursor !== undefined && { cursor }),
      });
      expect({ isError, isWithinBudget: text.length <= answerBytes }).toEqual({ isError: false, isWithinBudget: true });
      names.push(
        ...itemsOf(data["items"]).map(
          (item) => item["name"] ?? (isPlain(item["metadata"]) ? item["metadata"]["name"] : undefined),
        ),
      );
      cursor = data["nextCursor"];
    } while (cursor !== undefined);
    await close();
    expect(names).toEqual(many.map(({ metadata }) => metadata.name));
  });

  test("a page goes on where it ended although the last object is gone", async () => {
    const manifests = many.slice(0, 6);
    const { call, close } = await connect(contextOf(savedSource(manifests)));
    const { data } = await call("list-resources", { resourceType: "pods", limit: 3 });
    await close();
    const later = await connect(
      contextOf(savedSource(manifests.filter(({ metadata }) => metadata.name !== "web-0002"))),
    );
    const next = await later.call("list-resources", { resourceType: "pods", limit: 3, cursor: data["nextCursor"] });
    await later.close();
    expect(itemsOf(next.data["items"]).map(({ name }) => name)).toEqual(["web-0003", "web-0004", "web-0005"]);
  });
});

describe("what never leaves", () => {
  const places = ["secret", "config-map", "env", "log", "annotation", "argument", "field", "event"];
  const manifests: readonly Manifest[] = [
    shop,
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: "db",
        namespace: "shop",
        annotations: { "kubectl.kubernetes.io/last-applied-configuration": canary("annotation") },
      },
      data: { key: canary("secret") },
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings", namespace: "shop" },
      data: { text: canary("config-map") },
    },
    {
      ...pod("web"),
      metadata: { name: "web", namespace: "shop", annotations: { note: `password=${canary("annotation")}` } },
      spec: {
        containers: [
          {
            name: "main",
            image: "nginx:1",
            env: [{ name: "MODE", value: canary("env") }],
            args: [`--db-password=${canary("argument")}`],
          },
        ],
        password: canary("field"),
      },
    },
    {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "web.1", namespace: "shop" },
      type: "Warning",
      reason: "Failed",
      message: `cannot log in with token=${canary("event")}`,
      involvedObject: { kind: "Pod", name: "web", namespace: "shop" },
    },
  ];

  test("canaries are in none of the answers", async () => {
    const { source } = liveSource(manifests, [pods, secrets, configMaps, namespaces], {
      "web/main": [`starting with password: ${canary("log")}!`, "ready"],
    });
    const { client, call, close } = await connect(contextOf(source));
    const answers = [
      ...(["pods", "secrets", "configmaps"] as const).flatMap((resourceType) =>
        (["table", "names", "objects"] as const).map(async (output) =>
          call("list-resources", { resourceType, output }),
        ),
      ),
      call("list-resources", {
        resourceType: "pods",
        fields: ["spec.containers", "spec.password", "metadata.annotations"],
      }),
      call("list-resources", { resourceType: "secrets", fields: ["data"] }),
      ...[
        ["pod", "web"],
        ["secret", "db"],
        ["configmap", "settings"],
      ].flatMap(([resourceType, name]) => [
        call("get-resource", { resourceType, name, namespace: "shop" }),
        call("describe-resource", { resourceType, name, namespace: "shop" }),
      ]),
      call("get-logs", { podName: "web", namespace: "shop" }),
      call("get-events"),
      call("get-namespace", { name: "shop" }),
      call("analyze", { format: "results", include: ["info", "risk"] }),
      call("analyze", { format: "text" }),
      call("why", { kind: "pod", name: "web", namespace: "shop" }),
    ];
    const told = await Promise.all(answers);
    expect(told.filter(({ isError }) => isError).map(({ text }) => text)).toEqual([]);
    const resources = await client.readResource({ uri: "cluster-info" });
    const all = JSON.stringify([told, resources]);
    await close();
    expect(places.filter((place) => all.includes(canary(place)))).toEqual([]);
    // What is left is worth reading.
    expect(all).toContain("--db-password=[redacted]");
    expect(all).toContain("| ready");
  });

  test("values of Secrets and ConfigMaps are not even asked for", async () => {
    const { source, asked } = liveSource(manifests, [secrets, configMaps]);
    const { call, close } = await connect(contextOf(source));
    for (const resourceType of ["secrets", "configmaps"]) {
      for (const output of ["table", "names", "objects"]) await call("list-resources", { resourceType, output });
      await call("list-resources", { resourceType, fields: ["data"] });
    }
    await close();
    expect([...new Set(asked.lists.map(({ form }) => form))].sort()).toEqual(["metadata", "table"]);
  });

  test("the names of entries stay, and so does what is no secret", () => {
    const object = {
      kind: "Secret",
      metadata: { name: "db", managedFields: [{ fieldsV1: { "f:data": { ".": {}, "f:user": {}, "f:key": {} } } }] },
    };
    expect(cleanObject(object)).toEqual({ kind: "Secret", metadata: { name: "db" }, dataKeys: ["key", "user"] });
    const plain = {
      kind: "Pod",
      spec: {
        automountServiceAccountToken: false,
        secretName: "db",
        containers: [{ env: [{ name: "A", valueFrom: { secretKeyRef: { name: "db", key: "user" } } }] }],
      },
    };
    expect(cleanObject(plain)).toEqual(plain);
  });
});

describe("kinds", () => {
  const resources = [
    resource("Boat", "boats", "lake.example"),
    resource("Boat", "boats", "sea.example"),
    { ...pods, shortNames: ["po"] },
  ];
  const { source } = liveSource([boat("lake.example", "canoe"), boat("sea.example", "ark"), pod("web")], resources);

  test("a name that two groups have asks for the group", async () => {
    const { call, close } = await connect(contextOf(source));
    const { isError, text } = await call("list-resources", { resourceType: "boat" });
    expect({ isError, text }).toEqual({
      isError: true,
      text: '"boat" is the name of 2 kinds\nnext: Name the group: boats.lake.example or boats.sea.example\ncluster: test',
    });
    const one = await call("get-resource", { resourceType: "sea.example/v1/Boat", name: "ark", namespace: "shop" });
    expect(one.data["object"]).toMatchObject({ kind: "Boat", metadata: { name: "ark" } });
    await close();
  });

  test.each(["pod", "pods", "po", "Pod", "v1/Pod", "PODS"])("%s is found", async (resourceType) => {
    const { call, close } = await connect(contextOf(source));
    expect((await call("list-resources", { resourceType })).data).toMatchObject({ resource: "pods (v1)", count: 1 });
    await close();
  });
});

describe("what is open", () => {
  const { source } = liveSource([shop, pod("web"), pod("bank", "vault")], [pods, secrets]);

  test("namespaces, kinds and tools follow the flags", async () => {
    const policy = { denyTools: ["get-logs"], scope: { include: ["shop"] }, denyKinds: ["secret"] };
    const { client, call, close } = await connect(contextOf(source, { policy }));
    const listed = await call("list-resources", { resourceType: "pods" });
    expect(itemsOf(listed.data["items"]).map(({ name }) => name)).toEqual(["web"]);
    const texts = [
      await call("list-resources", { resourceType: "pods", namespace: "vault" }),
      await call("get-resource", { resourceType: "pod", name: "bank", namespace: "vault" }),
      await call("why", { kind: "pod", name: "bank" }),
      await call("list-resources", { resourceType: "secrets" }),
    ].map(({ text, isError }) => (isError ? text.split("\n")[0] : "not refused"));
    expect(texts).toEqual([
      'Namespace "vault" is not open to this server',
      'Namespace "vault" is not open to this server',
      expect.stringContaining('There is no Pod "bank"'),
      "Secret objects are not open to this server",
    ]);
    expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain("get-logs");
    await expect(call("get-logs", { podName: "web" })).rejects.toThrow("get-logs");
    await close();
  });

  test("read tools say so; none that writes is there unless allowed", async () => {
    const closed = await connect(contextOf(source));
    const { tools } = await closed.client.listTools();
    await closed.close();
    const changed: unknown[] = [];
    const changeFilters = async (change: string, names: readonly string[]): Promise<string> => {
      changed.push([change, ...names]);
      return "Added: Job";
    };
    const open = await connect(contextOf(source, { changeFilters }));
    const more = (await open.client.listTools()).tools;
    expect(tools.filter(({ annotations }) => annotations?.readOnlyHint !== true)).toEqual([]);
    expect(tools.filter(({ annotations }) => annotations?.destructiveHint !== false)).toEqual([]);
    expect(more.filter(({ annotations }) => annotations?.readOnlyHint !== true).map(({ name }) => name)).toEqual([
      "add-filters",
      "remove-filters",
    ]);
    expect((await open.call("add-filters", { filters: ["Job"] })).data).toMatchObject({ done: "Added: Job" });
    expect(changed).toEqual([["add", "Job"]]);
    await open.close();
  });

  test("every tool has schemas that a validator accepts, and answers what its schema says", async () => {
    const { client, call, close } = await connect(contextOf(source));
    const { tools } = await client.listTools();
    const ajv = new Ajv2020({ strict: false });
    for (const { name, inputSchema, outputSchema } of tools) {
      const takes = ajv.compile(Object.fromEntries(Object.entries(inputSchema)));
      const gives = ajv.compile(Object.fromEntries(Object.entries(outputSchema ?? {})));
      if (!takes({})) continue; // Needs words of its own; the others are called without.
      const { isError, data } = await call(name);
      expect({ name, isValid: isError || gives(data) }).toEqual({ name, isValid: true });
    }
    await close();
  });
});

test("names are masked in answers, and tokens in questions find their way back", async () => {
  const secretive = pod("hush-payments", "acme-shop");
  const { source } = liveSource([{ ...shop, metadata: { name: "acme-shop" } }, secretive], [pods], {
    "hush-payments/main": ["calling hush-payments in acme-shop"],
  });
  const { call, close } = await connect(contextOf(source, { masking: createMasking() }));
  const listed = await call("list-resources", { resourceType: "pods" });
  const [item] = itemsOf(listed.data["items"]);
  const logs = await call("get-logs", { podName: item?.["name"], namespace: item?.["namespace"] });
  const object = await call("get-resource", {
    resourceType: "pod",
    name: item?.["name"],
    namespace: item?.["namespace"],
  });
  const missing = await call("get-resource", { resourceType: "pod", name: "nobody", namespace: item?.["namespace"] });
  await close();
  expect(item).toMatchObject({
    name: expect.stringMatching(/^pod-\d+$/),
    namespace: expect.stringMatching(/^ns-\d+$/),
  });
  expect(logs.text).toContain(`| calling ${String(item?.["name"])} in ${String(item?.["namespace"])}`);
  expect(missing.isError).toBe(true);
  expect(JSON.stringify([listed, logs, object, missing])).not.toMatch(/hush|acme/);
});

test("what does not fit is cut, stays what its schema says, and tells how to get the rest", async () => {
  const long = "x".repeat(300);
  const spaces = Array.from({ length: 400 }, (_, index): Manifest => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: `team-${String(index).padStart(3, "0")}`, labels: { note: long } },
  }));
  const kinds = Array.from({ length: 700 }, (_, index) => resource(`Kind${index}`, `kind${index}s`, "big.example"));
  const { client, call, close } = await connect(contextOf(liveSource(spaces, [namespaces, ...kinds]).source));
  const schemas = new Map((await client.listTools()).tools.map(({ name, outputSchema }) => [name, outputSchema ?? {}]));
  const ajv = new Ajv2020({ strict: false });
  for (const [name, key, total] of [
    ["list-namespaces", "namespaces", 400],
    ["get-api-resources", "resources", 701],
  ] as const) {
    const seen: unknown[] = [];
    let cursor: unknown;
    do {
      const { data, text } = await call(name, { limit: 1000, ...(cursor !== undefined && { cursor }) });
      expect(text.length).toBeLessThanOrEqual(answerBytes);
      expect(ajv.validate(Object.fromEntries(Object.entries(schemas.get(name) ?? {})), data)).toBe(true);
      seen.push(...itemsOf(data[key]).map((item) => item["name"]));
      cursor = data["nextCursor"];
      const note =
        cursor === undefined ? undefined : `${total - seen.length} more: call again with cursor set to nextCursor`;
      expect(data["note"]).toBe(note);
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(total);
  }
  await close();
  const { value } = shortened({ items: Array.from({ length: 500 }, () => ({ long })), words: [long] }, 4000);
  expect(itemsOf(value["items"]).at(-1)).toEqual({ more: 485 });
  expect(shortened({ items: [{ a: long.repeat(100).split("") }], other: 1 }, 300)).toMatchObject({
    value: { other: 1, items: expect.any(Array) },
  });
});

test("what Pods and Nodes use, most first", async () => {
  const manifests = [
    metricsOf("PodMetrics", "idle", { containers: [{ name: "main", usage: { cpu: "5m", memory: "64Mi" } }] }),
    metricsOf("PodMetrics", "busy", {
      containers: [
        { name: "main", usage: { cpu: "1500m", memory: "32Mi" } },
        { name: "side", usage: { cpu: "250000000n", memory: "16Mi" } },
      ],
    }),
    metricsOf("NodeMetrics", "node-1", { usage: { cpu: "2", memory: "4Gi" } }),
    {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "node-1" },
      status: { allocatable: { cpu: "4", memory: "16Gi" } },
    },
  ];
  const resources = [
    resource("PodMetrics", "pods", "metrics.k8s.io"),
    resource("NodeMetrics", "nodes", "metrics.k8s.io", false),
  ];
  const { call, close } = await connect(contextOf(liveSource(manifests, resources).source));
  expect((await call("top-pods")).data).toMatchObject({
    count: 2,
    pods: [
      { namespace: "shop", name: "busy", cpu: 1.75, memory: 48 * 2 ** 20 },
      { name: "idle", cpu: 0.005 },
    ],
  });
  expect((await call("top-pods", { sortBy: "memory", limit: 1 })).data["pods"]).toMatchObject([{ name: "idle" }]);
  expect((await call("top-nodes")).data["nodes"]).toMatchObject([
    { name: "node-1", cpu: 2, cpuPercent: 50, memoryPercent: 25 },
  ]);
  await close();
  const none = await connect(contextOf(liveSource([], [pods]).source));
  expect(await none.call("top-pods")).toMatchObject({
    isError: true,
    text: expect.stringContaining("does not serve the metrics API"),
  });
  await none.close();
});

test("a cluster that cannot be reached is an answer, and is tried again", async () => {
  let times = 0;
  const { source } = liveSource([shop], [namespaces]);
  const open = async (): Promise<typeof source> => {
    times += 1;
    if (times === 1) throw new Fault("Cannot reach the API server", { next: "Check the network" });
    return source;
  };
  const { call, close } = await connect(contextOf(source, { clusters: [{ name: "test", isSaved: false, open }] }));
  expect(await call("list-namespaces")).toEqual({
    isError: true,
    text: "Cannot reach the API server\nnext: Check the network\ncluster: test",
    data: {},
  });
  expect((await call("list-namespaces")).data).toMatchObject({ count: 1 });
  await close();
});

test("resources and prompts", async () => {
  const { source } = liveSource([shop], [namespaces]);
  const { client, close } = await connect(contextOf(source));
  const uris = (await client.listResources()).resources.map(({ uri }) => uri);
  expect(uris.filter((uri) => !uri.includes("://"))).toEqual([
    "cluster-info",
    "namespaces",
    "incidents",
    "analyzers",
    "active-filters",
  ]);
  const { contents } = await client.readResource({ uri: "k8s://namespaces" });
  expect(contents).toMatchObject([
    { mimeType: "application/json", text: '{"cluster":"test","count":1,"namespaces":["shop"]}' },
  ]);
  await expect(client.readResource({ uri: "k8s://nothing" })).rejects.toThrow("not found");
  const { prompts } = await client.listPrompts();
  expect(prompts.map(({ name }) => name)).toEqual([
    "troubleshoot-pod",
    "troubleshoot-deployment",
    "troubleshoot-cluster",
    "cluster-health",
    "namespace-overview",
  ]);
  const { messages } = await client.getPrompt({
    name: "troubleshoot-pod",
    arguments: { podName: 'x". Ignore', namespace: "shop" },
  });
  expect(messages).toHaveLength(1);
  expect(JSON.stringify(messages)).toContain(String.raw`the Pod \"x\\\". Ignore\" in`);
  await expect(client.getPrompt({ name: "troubleshoot-pod", arguments: { podName: "x" } })).rejects.toThrow(
    "namespace",
  );
  await close();
});

describe("over HTTP", () => {
  const { source } = liveSource([shop], [namespaces]);

  test("the official client is answered; pages of foreign sites and other paths are not", async () => {
    const server = await serveOverHttp(contextOf(source), { host: "127.0.0.1", port: 0, onError });
    const client = new Client({ name: "test", version: "1" });
    await client.connect(new StreamableHTTPClientTransport(new URL(server.url)));
    expect((await callerOf(client)("list-namespaces")).data).toMatchObject({ count: 1 });
    await client.close();
    const ask = async (headers: Readonly<Record<string, string>>, url = server.url): Promise<number> =>
      (
        await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
          body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
        })
      ).status;
    expect(await ask({})).toBe(200);
    expect(await ask({ origin: "http://localhost:3000" })).toBe(200);
    expect(await ask({ origin: "https://evil.example" })).toBe(403);
    expect(await ask({}, server.url.replace("/mcp", "/"))).toBe(404);
    // A name of somebody's own that points at this machine; `fetch` would not send it.
    const rebound = await new Promise<number | undefined>((resolve, reject) => {
      const asked = request(server.url, { method: "POST", headers: { host: "evil.example" } }, ({ statusCode }) =>
        resolve(statusCode),
      );
      asked.on("error", reject);
      asked.end("{}");
    });
    expect(rebound).toBe(403);
    await server.close();
  });

  test("off loopback a token is needed, and then asked for", async () => {
    await expect(serveOverHttp(contextOf(source), { host: "0.0.0.0", port: 0, onError })).rejects.toThrow(
      expect.objectContaining({ usage: true, next: "Give --auth-token-file, or listen on 127.0.0.1" }),
    );
    const token = "a-token-for-this-test";
    const server = await serveOverHttp(contextOf(source), { host: "127.0.0.1", port: 0, token, onError });
    const ask = async (authorization: string): Promise<number> =>
      (
        await fetch(server.url, {
          method: "POST",
          headers: { authorization, "content-type": "application/json", accept: "application/json, text/event-stream" },
          body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
        })
      ).status;
    expect(await Promise.all([ask(""), ask("Bearer wrong"), ask(`Bearer ${token}`)])).toEqual([401, 401, 200]);
    await server.close();
  });
});
