/** `serve --mcp` as an assistant starts it: the built command over standard input and output. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, test } from "vitest";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { callerOf } from "../server/source.ts";
import { entry, k8sgpt, temporaryFolder } from "./run.ts";

const shop = fileURLToPath(new URL("../../examples/broken-shop.tar.gz", import.meta.url));

async function start(words: readonly string[] = []) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [entry, "serve", "--mcp", "--from", shop, ...words],
    env: { PATH: process.env["PATH"] ?? "", HOME: temporaryFolder() },
    stderr: "pipe",
  });
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  return { client, transport, call: callerOf(client) };
}

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

function lines(...messages: readonly object[]): string {
  return messages.map((message) => `${JSON.stringify(message)}\n`).join("");
}

function called(id: number, name: string, args: object = {}): object {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args } };
}

describe("standard output", () => {
  test("carries the protocol and nothing else, also for what fails; the end of input ends the process", async () => {
    const input = lines(
      initialize,
      { jsonrpc: "2.0", method: "notifications/initialized" },
      called(2, "analyze"),
      called(3, "get-logs", { podName: "nobody", namespace: "shop" }),
      called(4, "no-such-tool"),
      { jsonrpc: "2.0", id: 5, method: "tools/list" },
    );
    const { code, stdout, ms } = await k8sgpt(["serve", "--mcp", "--from", shop, "-v"], {
      input: `${input}this is no JSON\n`,
    });
    const ids = stdout
      .trimEnd()
      .split("\n")
      .map((line) => {
        const message: unknown = JSON.parse(line);
        if (!isPlain(message) || message["jsonrpc"] !== "2.0") return line;
        return message["method"] === "notifications/message" ? "note" : message["id"];
      })
      .filter((id) => id !== "note");
    expect(new Set(ids)).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(ids).toHaveLength(5);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(6000);
  });

  test.each(["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])(
    "protocol %s is spoken",
    async (protocolVersion) => {
      const params = { ...initialize.params, protocolVersion };
      const { stdout } = await k8sgpt(["serve", "--mcp", "--from", shop], { input: lines({ ...initialize, params }) });
      expect(JSON.parse(stdout)).toMatchObject({ result: { protocolVersion, serverInfo: { name: "k8sgpt" } } });
    },
  );
});

test("SIGTERM ends it within two seconds, with nothing left behind", async () => {
  const child = spawn(process.execPath, [entry, "serve", "--mcp", "--from", shop], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.write(lines(initialize));
  await new Promise((resolve) => {
    child.stdout.once("data", resolve);
  });
  const started = performance.now();
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
  });
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(performance.now() - started).toBeLessThan(2000);
});

test.runIf(process.platform === "linux")("two at once answer, and neither opens a port", async () => {
  const both = await Promise.all([start(), start()]);
  const answers = await Promise.all(both.map(async ({ call }) => call("cluster-info")));
  expect(answers.map(({ data }) => data["context"])).toEqual(["broken-shop", "broken-shop"]);
  const sockets = both.flatMap(({ transport }) => {
    const folder = `/proc/${String(transport.pid)}/fd`;
    const links = readdirSync(folder).map((descriptor) => {
      try {
        return readlinkSync(join(folder, descriptor));
      } catch {
        return ""; // Closed while we looked.
      }
    });
    return links.filter((link) => link.startsWith("socket:"));
  });
  // Node's own pipes to its parent may be socket pairs; a port stands in the tables of the network.
  const listening = ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((row) => row[3] === "0A")
      .map((row) => `socket:[${row[9] ?? ""}]`),
  );
  expect(sockets.filter((socket) => listening.includes(socket))).toEqual([]);
  await Promise.all(both.map(async ({ client }) => client.close()));
});

test("a transcript that finds broken shop's causes by calls alone, within 20,000 tokens of answers", async () => {
  const { client } = await start();
  // Three characters of JSON are a token, roughly; more for prose. Some clients hand on one form of an answer, some both.
  const tokens = { oneForm: 0, bothForms: 0 };
  const ask = async (name: string, args: Record<string, unknown> = {}): Promise<Readonly<Record<string, unknown>>> => {
    const result = await client.callTool({ name, arguments: args });
    expect([name, result.isError ?? false]).toEqual([name, false]);
    const { structuredContent: data } = result;
    tokens.oneForm += JSON.stringify(data).length / 3;
    tokens.bothForms += JSON.stringify(result).length / 3;
    return isPlain(data) ? data : {};
  };
  const data = await ask("analyze");
  const incidents = Array.isArray(data["incidents"]) ? data["incidents"].filter(isPlain) : [];
  const causes = incidents.map((one) => String(one["object"]));
  // What k8sgpt itself reports of the same dump; nothing may get lost on the way through the protocol.
  const report: unknown = JSON.parse((await k8sgpt(["analyze", "--from", shop, "-o", "json"])).stdout);
  const own = isPlain(report) && Array.isArray(report["incidents"]) ? report["incidents"].filter(isPlain) : [];
  expect(incidents.map(({ id }) => id)).toEqual(own.map(({ id }) => id));
  expect(causes).toEqual(expect.arrayContaining(["ConfigMap shop/cart-config", "Node shop-worker-6"]));
  const [worst, second, ...others] = incidents;
  await ask("explain", { id: worst?.["id"] });
  await ask("explain", { id: second?.["id"] });
  const story = await ask("why", { kind: "deployment", name: "cart", namespace: "shop" });
  expect(JSON.stringify(story)).toContain("ConfigMap shop/cart-config (missing)");
  await ask("get-events", { namespace: "shop", limit: 10 });
  expect(tokens.bothForms).toBeLessThan(20_000);
  // Who looks further and reads each answer once stays within it, too.
  for (const { id } of others.slice(0, 4)) await ask("explain", { id });
  await ask("get-namespace", { name: "shop" });
  expect(tokens.oneForm).toBeLessThan(20_000);
  await client.close();
});

test("a cluster that says nothing does not hold the process after the end of input", async () => {
  const silent = createServer();
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const kubeconfig = join(temporaryFolder(), "config");
  const cluster = { name: "silent", cluster: { server: `http://127.0.0.1:${String(port)}` } };
  const context = { name: "silent", context: { cluster: "silent", user: "nobody" } };
  const config = {
    "current-context": "silent",
    clusters: [cluster],
    contexts: [context],
    users: [{ name: "nobody", user: {} }],
  };
  writeFileSync(kubeconfig, JSON.stringify({ apiVersion: "v1", kind: "Config", ...config }));
  const input = lines(initialize, called(2, "analyze"));
  const { code, stdout, ms } = await k8sgpt(["serve", "--mcp", "--kubeconfig", kubeconfig], { input });
  expect(code).toBe(0);
  expect(stdout).toContain('"id":1');
  expect(ms).toBeLessThan(4000);
  silent.close();
});

test("analyze tells how far it is to who asks", async () => {
  const { client } = await start();
  const seen: number[] = [];
  await client.callTool({ name: "analyze", arguments: {} }, { onprogress: ({ progress }) => void seen.push(progress) });
  expect(seen.length).toBeGreaterThan(5);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  await client.close();
});

test("--anonymize: no name of the shop is in an answer", async () => {
  const { client, call } = await start(["--anonymize"]);
  const { text } = await call("analyze");
  expect(text).not.toMatch(/cart|video-encoder|shop-worker/);
  expect(text).toMatch(/ns-\d+\/configmap-\d+ \(missing\)/);
  await client.close();
});

test("filters change in the config file only when that was allowed", async () => {
  const config = join(temporaryFolder(), "k8sgpt.yaml");
  writeFileSync(config, "active_filters: [Pod]\n", { mode: 0o600 });
  const { client, call } = await start(["--mcp-allow-config", "--config", config]);
  expect((await call("add-filters", { filters: ["Job"] })).data).toMatchObject({
    done: "Added: Job",
    activeFilters: ["Job", "Pod"],
  });
  expect(await call("add-filters", { filters: ["Jab"] })).toMatchObject({
    isError: true,
    text: expect.stringContaining('There is no filter "Jab"'),
  });
  expect(readFileSync(config, "utf8")).toBe("active_filters: [Pod, Job]\n");
  await client.close();
});

test("over HTTP: a free port, loopback, told on standard error", async () => {
  const child = spawn(process.execPath, [entry, "serve", "--mcp-http", "--mcp-port", "0", "--from", shop], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const url = await new Promise<string>((resolve) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      const found = /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(text)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  expect((await callerOf(client)("analyze", { namespace: "shop" })).data).toMatchObject({ status: "ProblemDetected" });
  await client.close();
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
  });
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
});

test.each([
  [["serve"], "serve needs to know what to serve"],
  [["serve", "--mcp", "--from", "-"], "Standard input carries the protocol"],
  [["serve", "--mcp-http", "--listen", "0.0.0.0", "--from", shop], "Whoever reaches 0.0.0.0 could read the cluster"],
  [["serve", "--mcp", "--mcp-port", "x"], '"x" is not a port'],
  [["serve", "--mcp", "-f", "Pad"], 'There is no filter "Pad"'],
])("%j is refused", async (words, message) => {
  const { code, stdout, stderr } = await k8sgpt(words);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(message);
});
