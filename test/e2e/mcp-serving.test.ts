/** `serve` with several clusters, a policy, an audit log and an AI backend: the built command, as it is started. */
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { listening, streamAnswer } from "../ai/chat-stream.ts";
import { callerOf } from "../server/source.ts";
import { entry, k8sgpt, temporaryFolder } from "./run.ts";

const shop = fileURLToPath(new URL("../../examples/broken-shop.tar.gz", import.meta.url));

async function start(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [entry, "serve", "--mcp", ...words],
    env: { PATH: process.env["PATH"] ?? "", HOME: temporaryFolder(), ...env },
    stderr: "pipe",
  });
  const client = new Client({ name: "tester", version: "2" });
  await client.connect(transport);
  return { client, call: callerOf(client) };
}

function written(name: string, text: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return path;
}

/** A saved cluster of one Pod. */
function manifest(name: string): string {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "quiet" },
    spec: { containers: [] },
  };
  return written(name, JSON.stringify(pod));
}

test("two saved clusters: each answer says of which it is", async () => {
  const { client, call } = await start(["--from", shop, "--from", manifest("quiet.yaml")]);
  const { data } = await call("list-contexts");
  const names = Array.isArray(data["contexts"]) ? data["contexts"].filter(isPlain).map(({ name }) => String(name)) : [];
  expect(names).toHaveLength(2);
  expect(names[0]).toBe("broken-shop");
  expect(names[1]).toContain("quiet");
  expect((await call("analyze")).data).toMatchObject({ cluster: "broken-shop", status: "ProblemDetected" });
  expect((await call("list-resources", { resourceType: "pods", cluster: names[1] })).data).toMatchObject({
    cluster: names[1],
    items: [{ namespace: "quiet", name: "web" }],
  });
  await client.close();
});

test("a policy's mcp section and the audit log hold for a saved cluster, too", async () => {
  const log = written("audit.log", "");
  chmodSync(log, 0o600);
  const policy = written("policy.yaml", "mcp:\n  tools: { deny: [get-logs] }\n  deny:\n    - namespaces: [data]\n");
  const { client, call } = await start(["--from", shop, "--policy", policy, "--audit-log", log]);
  expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain("get-logs");
  const { text, data } = await call("analyze");
  expect(text).not.toContain("data/search-index");
  expect(data["incidentCount"]).toBeGreaterThan(10);
  expect((await call("get-namespace", { name: "data" })).text).toContain('Namespace "data" is not open');
  await client.close();
  const lines = readFileSync(log, "utf8")
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(lines).toMatchObject([
    { event: "run", command: "serve" },
    { event: "call", client: "tester 2", tool: "analyze", context: "broken-shop", outcome: "answered", masked: false },
    { event: "call", tool: "get-namespace", namespaces: ["data"], outcome: "failed" },
  ]);
  expect(JSON.stringify(lines)).not.toContain("cart-config");
  expect(statSync(log).mode & 0o777).toBe(0o600);
});

test.each([
  ["namespaces: [shop]\n", 2, "--policy names contexts, namespaces or kinds of a live cluster"],
  ["mcp:\n  deny:\n    - { tool: why }\n", 1, '"tool" is not known below mcp.deny'],
])("a policy that could not be kept is refused: %j", async (text, code, why) => {
  const run = await k8sgpt(["serve", "--mcp", "--from", shop, "--policy", written("policy.yaml", text)]);
  expect({ code: run.code, stdout: run.stdout }).toEqual({ code, stdout: "" });
  expect(run.stderr).toContain(why);
});

function incidentsIn(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isPlain) : [];
}

describe("explanations by an AI backend", () => {
  /** Speaks as much of OpenAI's API as one question needs, and keeps what it was sent. */
  const bodies: string[] = [];
  let status = 200;
  let server: Server;
  let env: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    server = createServer((request, answer) => {
      let body = "";
      request.setEncoding("utf8").on("data", (part: string) => void (body += part));
      request.on("end", () => {
        bodies.push(body);
        if (status !== 200) {
          answer.statusCode = status;
          answer.setHeader("content-type", "application/json").end('{"error":{"message":"no such key"}}');
          return;
        }
        streamAnswer(answer, [JSON.stringify({ summary: "It is as the facts say.", steps: [] })]);
      });
    });
    const baseURL = await listening(server);
    env = { K8SGPT_BACKEND: "openai", K8SGPT_PASSWORD: "sk-canary", K8SGPT_BASEURL: baseURL };
  });
  afterAll(() => server.close());

  test("come masked, in the language asked for, for what is shown, and once", async () => {
    status = 200;
    bodies.length = 0;
    const { client, call } = await start(["--from", shop], env);
    const { data } = await call("analyze", { explain: true, limit: 2, language: "German" });
    expect(data["explainedBy"]).toBe("openai");
    expect(incidentsIn(data["incidents"])).toMatchObject([
      { explanation: { summary: "It is as the facts say." } },
      { explanation: { summary: "It is as the facts say." } },
    ]);
    expect(bodies).toHaveLength(2);
    expect(bodies.join("")).toContain("German");
    expect(bodies.join("")).not.toMatch(/cart|video-encoder|shop-worker/);
    // The second time it comes from the cache.
    const [first] = incidentsIn(data["incidents"]);
    const one = await call("explain", { id: first?.["id"], explain: true, language: "German" });
    expect(one.data).toMatchObject({ explainedBy: "openai", incident: { explanation: { model: expect.any(String) } } });
    expect(bodies).toHaveLength(2);
    await call("analyze", { explain: false });
    expect(bodies).toHaveLength(2);
    await client.close();
  });

  test("a backend that fails costs the explanation only", async () => {
    status = 401;
    const { client, call } = await start(["--from", shop, "--no-cache"], env);
    const { isError, data } = await call("analyze", { explain: true, limit: 1 });
    const [first] = incidentsIn(data["incidents"]);
    expect({ isError, status: data["status"] }).toEqual({ isError: false, status: "ProblemDetected" });
    expect(first).toMatchObject({ explainError: expect.any(String), fix: expect.any(String) });
    expect(JSON.stringify(data)).not.toContain("sk-canary");
    await client.close();
  });

  test("--ai-budget is one account for as long as the server runs", async () => {
    status = 200;
    bodies.length = 0;
    const { client, call } = await start(["--from", shop, "--no-cache", "--ai-budget", "calls=3"], env);
    await call("analyze", { explain: true, limit: 2 });
    const { data } = await call("analyze", { explain: true, limit: 2 });
    expect(bodies).toHaveLength(3);
    expect(incidentsIn(data["incidents"]).filter(({ explainError }) => explainError !== undefined)).toHaveLength(1);
    await client.close();
  });

  test("without a backend the answer says how to get one", async () => {
    const { client, call } = await start(["--from", shop]);
    const { isError, data } = await call("analyze", { explain: true, limit: 1 });
    expect({ isError, error: data["explainError"] }).toEqual({
      isError: false,
      error: expect.stringMatching(/backend[^]*k8sgpt auth add/),
    });
    expect(incidentsIn(data["incidents"])).toHaveLength(1);
    expect((await call("analyze", { explain: true, backend: "nobody" })).data["explainError"]).toContain("nobody");
    await client.close();
  });
});
