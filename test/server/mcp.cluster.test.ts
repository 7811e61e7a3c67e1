/** The MCP server on a real API server: discovery, tables, pages, canaries, two contexts, and nothing but GET. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { entry, temporaryFolder } from "../e2e/run.ts";
import { createAuthority } from "../lab/certificates.ts";
import { type ControlPlane, startControlPlane } from "../lab/control-plane.ts";
import { callerOf, type Connected } from "./source.ts";

let lab: ControlPlane;
let client: Client;
let call: Connected["call"];
let kubelet: Server;
let auditLog: string;

/** Where secrets are planted. Each is made of pieces, so that nothing here looks like a credential of somebody's. */
const places = [
  "secret",
  "config-map",
  "env",
  "last-applied",
  "note",
  "argument",
  "event",
  "field",
  "helm",
  "log",
] as const;
const canaries = Object.fromEntries(places.map((place) => [place, `canary-${place}-${"q9".repeat(8)}`]));
const canary = (place: (typeof places)[number]): string => canaries[place] ?? "";
const metadata = (name: string) => ({ name, namespace: "default" });

function boats(group: string): object {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `boats.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind: "Boat", plural: "boats", singular: "boat", shortNames: ["bt"] },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          additionalPrinterColumns: [{ name: "Crew Size", type: "integer", jsonPath: ".spec.crew" }],
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  };
}

beforeAll(async () => {
  lab = await startControlPlane({ name: "mcp", controllers: false });
  const pods = Array.from({ length: 120 }, (_, index) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...metadata(`web-${String(index).padStart(3, "0")}`),
      annotations: {
        note: `password=${canary("note")}`,
        "kubectl.kubernetes.io/last-applied-configuration": `{"data":"${canary("last-applied")}"}`,
      },
    },
    spec: {
      nodeName: "node-1",
      containers: [
        {
          name: "web",
          image: "nginx:1",
          env: [{ name: "MODE", value: canary("env") }],
          args: [`--db-password=${canary("argument")}`],
        },
      ],
    },
  }));
  // Plays the part of the node that answers for a container's log.
  const authority = await createAuthority("kubelet");
  const served = await authority.issue({ commonName: "node-1", hosts: ["127.0.0.1"] });
  kubelet = createServer({ ...served }, ({ url }, answer) => {
    if (url?.startsWith("/containerLogs/default/web-000/web") === true) {
      answer.end(`connecting with password: ${canary("log")}\nready\n`);
    } else {
      answer.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => void kubelet.listen(0, "127.0.0.1", resolve));
  const address = kubelet.address();
  const kubeletPort = typeof address === "object" ? (address?.port ?? 0) : 0;
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node-1" } };
  await lab.client().apply([
    { apiVersion: "v1", kind: "ServiceAccount", metadata: metadata("default") },
    { apiVersion: "v1", kind: "Secret", metadata: metadata("db"), stringData: { key: canary("secret") } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: metadata("settings"), data: { text: canary("config-map") } },
    {
      apiVersion: "v1",
      kind: "Secret",
      type: "helm.sh/release.v1",
      metadata: {
        ...metadata("sh.helm.release.v1.shop.v2"),
        labels: { owner: "helm", name: "shop", status: "deployed", version: "2", modifiedAt: "1760000000" },
      },
      stringData: { release: canary("helm") },
    },
    {
      apiVersion: "v1",
      kind: "Event",
      metadata: metadata("web-000.1"),
      type: "Warning",
      reason: "Failed",
      message: `cannot log in with token=${canary("event")}`,
      involvedObject: { kind: "Pod", name: "web-000", namespace: "default" },
    },
    node,
    boats("lake.example"),
    boats("sea.example"),
    { apiVersion: "lake.example/v1", kind: "Boat", metadata: metadata("canoe"), spec: { crew: 2 } },
    {
      apiVersion: "sea.example/v1",
      kind: "Boat",
      metadata: metadata("ark"),
      spec: { crew: 8, token: canary("field") },
    },
    ...pods,
  ] as Parameters<ReturnType<ControlPlane["client"]>["apply"]>[0]);
  await lab.client().applyStatus({
    ...node,
    status: {
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    },
  });
  auditLog = join(temporaryFolder(), "audit.log");
  client = await started(["--kubeconfig", lab.kubeconfig, "--audit-log", auditLog, "--mcp-aliases", "mcp-k8s"]);
  call = callerOf(client);
});

/** The built command, connected. */
async function started(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Client> {
  const connected = new Client({ name: "test", version: "1" });
  await connected.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [entry, "serve", "--mcp", ...words],
      env: { PATH: process.env["PATH"] ?? "", HOME: temporaryFolder(), ...env },
      stderr: "pipe",
    }),
  );
  return connected;
}

afterAll(async () => {
  await client?.close();
  kubelet?.close();
  await lab?.stop();
});

it("lists what the server serves, and asks for the group where a name is ambiguous", async () => {
  const { data } = await call("get-api-resources", { contains: "boat" });
  expect(data).toMatchObject({
    count: 2,
    resources: [{ apiVersion: "lake.example/v1", shortNames: ["bt"] }, { apiVersion: "sea.example/v1" }],
  });
  expect((await call("list-resources", { resourceType: "bt" })).text).toContain(
    "Name the group: boats.lake.example or boats.sea.example",
  );
  const one = await call("list-resources", { resourceType: "boats.sea.example" });
  expect(one.data["items"]).toEqual([{ namespace: "default", name: "ark", crewSize: 8 }]);
});

it("pages as the server does", async () => {
  const names: unknown[] = [];
  let cursor: unknown;
  let pages = 0;
  do {
    const { data } = await call("list-resources", {
      resourceType: "po",
      limit: 50,
      ...(cursor !== undefined && { cursor }),
    });
    names.push(...(Array.isArray(data["items"]) ? data["items"].filter(isPlain).map(({ name }) => name) : []));
    cursor = data["nextCursor"];
    pages += 1;
  } while (cursor !== undefined);
  expect({ pages, distinct: new Set(names).size, count: names.length }).toEqual({
    pages: 3,
    distinct: 120,
    count: 120,
  });
});

it("canaries are in none of the answers of any tool or resource, and every request was a GET", async () => {
  const called = new Set<string>();
  const answers: unknown[] = [];
  const ask = async (name: string, args: Readonly<Record<string, unknown>> = {}): Promise<void> => {
    called.add(name);
    const answer = await call(name, args);
    answers.push(answer);
    expect([name, answer.isError, answer.text]).toEqual([name, false, expect.any(String)]);
  };
  for (const resourceType of ["secrets", "configmaps", "pods", "boats.sea.example", "events"]) {
    for (const output of ["table", "names", "objects"]) await ask("list-resources", { resourceType, output, limit: 5 });
    await ask("list-resources", {
      resourceType,
      fields: ["data", "spec", "metadata.annotations", "message"],
      limit: 5,
    });
  }
  const objects = [
    ["secret", "db"],
    ["secret", "sh.helm.release.v1.shop.v2"],
    ["configmap", "settings"],
    ["pod", "web-000"],
    ["boats.sea.example", "ark"],
  ] as const;
  for (const [kind, name] of objects) {
    await ask("get-resource", { resourceType: kind, name });
    await ask("describe-resource", { resourceType: kind, name });
    await ask("get_resource", { kind, name });
    const { contents } = await client.readResource({ uri: `k8s://objects/${kind}/default/${name}` });
    answers.push(contents);
  }
  await ask("list_resources", { kind: "Secret" });
  await ask("why", { kind: "pod", name: "web-000", namespace: "default" });
  await ask("get-logs", { podName: "web-000" });
  await ask("get_pod_logs", { pod_name: "web-000" });
  for (const format of ["incidents", "results", "text"]) await ask("analyze", { format, include: ["info", "risk"] });
  const { data } = await call("analyze", { include: ["info", "risk"] });
  const [incident] = Array.isArray(data["incidents"]) ? data["incidents"].filter(isPlain) : [];
  for (const name of ["explain", "explain-finding"]) {
    called.add(name);
    answers.push(await call(name, { id: incident?.["id"] ?? "none" }));
  }
  for (const name of ["get-events", "list-events", "list_events", "cluster-info", "health", "list-namespaces"])
    await ask(name);
  for (const name of ["get-api-resources", "list-api-resources", "get_api_resources", "list-contexts"]) await ask(name);
  for (const name of ["list-helm-releases", "list_helm_releases"]) await ask(name);
  for (const name of ["get-helm-release", "get_helm_release"]) await ask(name, { name: "shop" });
  for (const name of ["version", "list-filters", "list-integrations", "config"]) await ask(name);
  await ask("get-namespace", { name: "default" });
  for (const name of ["top-pods", "top-nodes"]) {
    called.add(name);
    answers.push(await call(name));
  }
  for (const { uri } of (await client.listResources()).resources) answers.push(await client.readResource({ uri }));
  expect([...called].sort()).toEqual((await client.listTools()).tools.map(({ name }) => name).sort());

  const all = JSON.stringify(answers);
  expect(places.filter((place) => all.includes(canary(place)))).toEqual([]);
  // They were there to be found, and what stands beside them is told.
  expect(all).toContain("--db-password=[redacted]");
  expect(all).toContain("| ready");
  expect(all).toContain("cannot log in with token=[redacted]");
  expect((await call("get-resource", { resourceType: "secret", name: "db" })).data).toMatchObject({
    object: { kind: "Secret", dataKeys: ["key"] },
  });
  expect((await call("list-helm-releases")).data).toMatchObject({
    releases: [{ namespace: "default", name: "shop", revision: 2, status: "deployed" }],
  });
  const own = (await lab.auditLog()).filter(({ userAgent }) => userAgent?.startsWith("k8sgpt/") === true);
  expect(own.length).toBeGreaterThan(20);
  expect([...new Set(own.map(({ verb }) => verb))].sort()).toEqual(["get", "list"]);
});

it("writes each call on the audit log, besides what it read, and no canary", async () => {
  const text = readFileSync(auditLog, "utf8");
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line))
    .filter(isPlain);
  const calls = lines.filter(({ event }) => event === "call");
  expect(calls.length).toBeGreaterThan(40);
  expect(calls).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ tool: "get-logs", kinds: ["pods/log"], outcome: "answered", client: "test 1" }),
    ]),
  );
  expect(lines.some(({ event, path }) => event === "read" && String(path).endsWith("/pods/web-000"))).toBe(true);
  expect(places.filter((place) => text.includes(canary(place)))).toEqual([]);
});

it("two contexts of one kubeconfig: each tool asks the one that is named, and one that may not read hides nothing", async () => {
  const nobody = await lab.kubeconfigFor({ user: "nobody", token: lab.tokens.nobody });
  const both = await started(["--context", "mcp,nobody"], { KUBECONFIG: `${lab.kubeconfig}:${nobody}` });
  const ask = callerOf(both);
  expect((await ask("list-contexts")).data).toMatchObject({
    current: "mcp",
    contexts: [{ name: "mcp" }, { name: "nobody" }],
  });
  const args = { resourceType: "pods", limit: 1 };
  expect((await ask("list-resources", args)).data).toMatchObject({ cluster: "mcp", count: 1 });
  expect(await ask("list-resources", { ...args, cluster: "nobody" })).toMatchObject({
    isError: true,
    text: expect.stringMatching(/forbidden for user "nobody"[^]*\ncluster: nobody$/),
  });
  expect(await ask("list-helm-releases", { cluster: "nobody" })).toMatchObject({
    isError: true,
    text: expect.stringMatching(/^Helm keeps its releases in Secrets, and these cannot be listed: [^]*forbidden/),
  });
  expect((await ask("analyze", { cluster: "nobody" })).data).toMatchObject({ cluster: "nobody", complete: false });
  await both.close();
});

it("tells a subscriber when an incident comes", { timeout: 120_000 }, async () => {
  const heard = Promise.withResolvers<string>();
  client.setNotificationHandler("notifications/resources/updated", ({ params: { uri } }) => heard.resolve(uri));
  await client.subscribeResource({ uri: "k8s://incidents" });
  await lab.client().apply([
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: metadata("front"),
      spec: { defaultBackend: { service: { name: "no-such-service", port: { number: 80 } } } },
    },
  ] as Parameters<ReturnType<ControlPlane["client"]>["apply"]>[0]);
  expect(await heard.promise).toBe("k8s://incidents");
  const { contents } = await client.readResource({ uri: "k8s://incidents" });
  expect(JSON.stringify(contents)).toContain("no-such-service");
  await client.unsubscribeResource({ uri: "k8s://incidents" });
});

it("says what is not there in words", async () => {
  const { isError, text } = await call("top-pods");
  expect({ isError, text }).toMatchObject({
    isError: true,
    text: expect.stringContaining("does not serve the metrics API"),
  });
  expect((await call("get-resource", { resourceType: "pod", name: "nobody" })).text).toContain(
    'Pod "nobody" does not exist in namespace "default"',
  );
});

it("a user who may not read is told so", async () => {
  const kubeconfig = await lab.kubeconfigFor({ user: "nobody", token: lab.tokens.nobody });
  const refused = await started(["--kubeconfig", kubeconfig]);
  const { isError, text } = await callerOf(refused)("list-resources", { resourceType: "pods" });
  expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining('forbidden for user "nobody"') });
  await refused.close();
});
