/** The MCP server on a real API server: discovery, tables, pages, canaries, and nothing but GET. */
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { entry, temporaryFolder } from "../e2e/run.ts";
import { type ControlPlane, startControlPlane } from "../lab/control-plane.ts";
import { callerOf, type Connected } from "./source.ts";

let lab: ControlPlane;
let client: Client;
let call: Connected["call"];

const canary = `canary-${"q9".repeat(8)}`;
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
    metadata: { ...metadata(`web-${String(index).padStart(3, "0")}`), annotations: { note: `password=${canary}` } },
    spec: { containers: [{ name: "web", image: "nginx:1", env: [{ name: "MODE", value: canary }] }] },
  }));
  await lab
    .client()
    .apply([
      { apiVersion: "v1", kind: "ServiceAccount", metadata: metadata("default") },
      { apiVersion: "v1", kind: "Secret", metadata: metadata("db"), stringData: { key: canary } },
      { apiVersion: "v1", kind: "ConfigMap", metadata: metadata("settings"), data: { text: canary } },
      boats("lake.example"),
      boats("sea.example"),
      { apiVersion: "lake.example/v1", kind: "Boat", metadata: metadata("canoe"), spec: { crew: 2 } },
      { apiVersion: "sea.example/v1", kind: "Boat", metadata: metadata("ark"), spec: { crew: 8, token: canary } },
      ...pods,
    ] as Parameters<ReturnType<ControlPlane["client"]>["apply"]>[0]);
  client = new Client({ name: "test", version: "1" });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [entry, "serve", "--mcp", "--kubeconfig", lab.kubeconfig],
    env: { PATH: process.env["PATH"] ?? "", HOME: temporaryFolder() },
    stderr: "pipe",
  });
  await client.connect(transport);
  call = callerOf(client);
});

afterAll(async () => {
  await client?.close();
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

it("canaries are in none of the answers, and every request was a GET", async () => {
  const answers = [];
  for (const resourceType of ["secrets", "configmaps", "pods", "boats.sea.example"]) {
    for (const output of ["table", "names", "objects"])
      answers.push(await call("list-resources", { resourceType, output, limit: 5 }));
  }
  for (const [resourceType, name] of [
    ["secret", "db"],
    ["configmap", "settings"],
    ["pod", "web-000"],
    ["boats.sea.example", "ark"],
  ]) {
    answers.push(
      await call("get-resource", { resourceType, name }),
      await call("describe-resource", { resourceType, name }),
    );
  }
  for (const name of ["analyze", "get-events", "cluster-info", "health", "list-namespaces"])
    answers.push(await call(name));
  answers.push(await call("get-namespace", { name: "default" }));
  expect(answers.filter(({ isError }) => isError).map(({ text }) => text)).toEqual([]);
  expect(JSON.stringify(answers)).not.toContain(canary);
  expect((await call("get-resource", { resourceType: "secret", name: "db" })).data).toMatchObject({
    object: { kind: "Secret", dataKeys: ["key"] },
  });
  const own = (await lab.auditLog()).filter(({ userAgent }) => userAgent?.startsWith("k8sgpt/") === true);
  expect(own.length).toBeGreaterThan(20);
  expect([...new Set(own.map(({ verb }) => verb))].sort()).toEqual(["get", "list"]);
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
  const refused = new Client({ name: "test", version: "1" });
  const args = [entry, "serve", "--mcp", "--kubeconfig", kubeconfig];
  await refused.connect(
    new StdioClientTransport({
      command: process.execPath,
      args,
      env: { PATH: process.env["PATH"] ?? "", HOME: temporaryFolder() },
      stderr: "pipe",
    }),
  );
  const { isError, text } = await callerOf(refused)("list-resources", { resourceType: "pods" });
  expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining('forbidden for user "nobody"') });
  await refused.close();
});
