/**
 * What others hold MCP servers to: the protocol's own conformance suite, and the Inspector's command line, which people
 * try a server with. Both are given the built command on a saved cluster.
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { entry, temporaryFolder } from "./run.ts";

const shop = fileURLToPath(new URL("../../examples/broken-shop.tar.gz", import.meta.url));
const ownTools = "calls a tool of the suite's own example server, which ours does not have";
const ownResource = "reads a resource of the suite's own example server, which ours does not have";
const ownPrompt = "asks for a prompt of the suite's own example server, which ours does not have";

/** Scenarios that are about the suite's own example server, and what shows the same of ours. */
const elsewhere: Readonly<Record<string, string>> = {
  "completion-complete": `${ownPrompt}; test/server/completion.test.ts completes ours`,
  "tools-call-simple-text": `${ownTools}; every test of ours calls tools that answer text`,
  "tools-call-image": `${ownTools}; ours answer no images`,
  "tools-call-audio": `${ownTools}; ours answer no sound`,
  "tools-call-embedded-resource": `${ownTools}; ours embed no resources`,
  "tools-call-mixed-content": `${ownTools}; ours answer text and structured content`,
  "tools-call-with-logging": `${ownTools}; logging-set-level passes, and failures are logged`,
  "tools-call-error": `${ownTools}; test/server/mcp.test.ts sees failures as results with isError`,
  "tools-call-with-progress": `${ownTools}; test/e2e/mcp.test.ts hears the progress of analyze`,
  "tools-call-sampling": `${ownTools}; ours ask nothing of the client's model`,
  "tools-call-elicitation": `${ownTools}; ours ask nothing of the user`,
  "json-schema-2020-12": `${ownTools}; test/server/mcp.test.ts compiles all schemas of ours as 2020-12`,
  "elicitation-sep1034-defaults": `${ownTools}; ours ask nothing of the user`,
  "elicitation-sep1330-enums": `${ownTools}; ours ask nothing of the user`,
  "server-sse-polling": `${ownTools} (it then checks nothing and calls that a pass)`,
  "resources-read-text": `${ownResource}; test/server/mcp.test.ts reads ours`,
  "resources-read-binary": `${ownResource}; ours are JSON`,
  "resources-templates-read": `${ownResource}; test/server/resources.test.ts reads ours`,
  "resources-subscribe": `${ownResource}; test/server/resources.test.ts subscribes to ours`,
  "resources-unsubscribe": `${ownResource}; test/server/resources.test.ts unsubscribes`,
  "prompts-get-simple": `${ownPrompt}; test/server/mcp.test.ts gets ours`,
  "prompts-get-with-args": `${ownPrompt}; test/server/mcp.test.ts gives arguments to ours`,
  "prompts-get-embedded-resource": `${ownPrompt}; ours embed no resources`,
  "prompts-get-with-image": `${ownPrompt}; ours hold no images`,
};

interface Said {
  readonly code: number | null;
  readonly text: string;
}

/** Runs the command of a package with this Node. */
async function run(script: string, words: readonly string[]): Promise<Said> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: temporaryFolder(), NO_COLOR: "1" };
  const child = spawn(process.execPath, [script, ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => (text += more));
  // The Inspector says there what it thinks of a server's schemas.
  child.stderr.resume();
  const code = await new Promise<number | null>((resolve) => {
    child.once("close", resolve);
  });
  return { code, text };
}

const require = createRequire(import.meta.url);
const suite = join(dirname(require.resolve("@modelcontextprotocol/conformance/package.json")), "dist/index.js");
const inspector = join(
  dirname(require.resolve("@modelcontextprotocol/inspector/package.json")),
  "clients/launcher/build/index.js",
);

let url = "";

beforeAll(async () => {
  const child = spawn(process.execPath, [entry, "serve", "--mcp-http", "--mcp-port", "0", "--from", shop], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  url = await new Promise<string>((resolve, reject) => {
    let told = "";
    child.once("exit", () => reject(new Error(`the server ended: ${told}`)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      told += text;
      const found = /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(told)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
  return () => void child.kill("SIGTERM");
});

describe("the conformance suite", () => {
  test("passes whatever is not about its own example server, and each of those has its reason here", async () => {
    const [listed, ran] = await Promise.all([
      run(suite, ["list", "--server"]),
      run(suite, ["server", "--url", url, "--suite", "all"]),
    ]);
    const scenarios = [...listed.text.matchAll(/^ {2}- (\S+)/gm)].map(([, name = ""]) => name);
    const results = new Map(
      [...ran.text.matchAll(/^[✓✗] (\S+): (\d+) passed, (\d+) failed/gm)].map(([, name = "", passed, failed]) => [
        name,
        Number(failed) === 0 && Number(passed) > 0,
      ]),
    );
    expect(scenarios.length).toBeGreaterThan(25);
    expect([...results.keys()].sort()).toEqual([...scenarios].sort());
    // A new scenario of the suite must pass or be given a reason; one that begins to pass needs none any more.
    const failing = scenarios.filter((name) => results.get(name) !== true).sort();
    expect(failing).toEqual(Object.keys(elsewhere).sort());
    const passing = scenarios.filter((name) => results.get(name) === true);
    expect(passing).toEqual(
      expect.arrayContaining(["server-initialize", "logging-set-level", "ping", "dns-rebinding-protection"]),
    );
  });
});

describe("the Inspector's command line", () => {
  const overStdio = [process.execPath, entry, "serve", "--mcp", "--from", shop];

  test.each(["standard input and output", "HTTP"])("lists tools and calls one over %s", async (transport) => {
    const target = transport === "HTTP" ? [url, "--transport", "http"] : overStdio;
    const inspect = async (words: readonly string[]): Promise<unknown> => {
      const { code, text } = await run(inspector, ["--cli", ...target, ...words]);
      expect({ words, code }).toEqual({ words, code: 0 });
      return JSON.parse(text);
    };
    const [tools, called, resource] = await Promise.all([
      inspect(["--method", "tools/list"]),
      inspect(["--method", "tools/call", "--tool-name", "analyze", "--tool-arg", "namespace=shop", "limit=2"]),
      inspect(["--method", "resources/read", "--uri", "k8s://namespaces"]),
    ]);
    const names = isPlain(tools) && Array.isArray(tools["tools"]) ? tools["tools"].filter(isPlain) : [];
    expect(names.map(({ name }) => name)).toEqual(expect.arrayContaining(["analyze", "explain", "why", "get-logs"]));
    expect(called).toMatchObject({ structuredContent: { cluster: "broken-shop", status: "ProblemDetected" } });
    expect(resource).toMatchObject({ contents: [{ mimeType: "application/json" }] });
  });
});
