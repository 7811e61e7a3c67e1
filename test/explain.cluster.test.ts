/**
 * `analyze --explain` as a user runs it: the built command, a real control plane with broken shop on it, and every backend
 * with the vendor's own SDK, against servers that speak its API. Every byte that leaves is kept and searched for names of
 * the cluster; the answers use the tokens that came, and the report must hold the names again.
 */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { request as send } from "node:http";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { encodeEventStreamMessage, LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { analyzers } from "../src/analyzers/index.ts";
import { backends } from "../src/ai/backends.ts";
import { openLive } from "../src/cluster/live/live.ts";
import { kindsFor } from "../src/engine/analyze.ts";
import { events, json, localServer, type LocalServer, type Received } from "./ai/backends/local-server.ts";
import { namesOf, wordsOf } from "./ai/names.ts";
import { entry, k8sgpt, temporaryFolder } from "./e2e/run.ts";
import { type ControlPlane, startControlPlane } from "./lab/control-plane.ts";
import { loadScenario } from "./lab/scenarios.ts";
import { writeGoogleIdentity } from "./ai/backends/google-identity.ts";

const secret = "canary-7f3a9c51d2e8";
const home = temporaryFolder();
const mock = new LLMock({ chunkSize: 40 });
let googleIdentity = "";
let lab: ControlPlane;
/** In front of the mock and of the vendors that it does not speak: keeps what was sent, to the byte. */
let server: LocalServer;
let names: readonly string[] = [];

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const iamToken = `${encoded({ alg: "RS256", typ: "JWT" })}.${encoded({ iat: 1_700_000_000, exp: 4_102_444_800 })}.c2ln`;

/** What a model answers that uses the names it was given. */
function answerTo(text: string): string {
  const [, object = "nothing"] = /^object: (.+)$/m.exec(text) ?? [];
  const [, name = "nothing"] = /(\S+)$/.exec(object) ?? [];
  return JSON.stringify({
    summary: `Look at ${object} first.`,
    why: `"${name.toUpperCase()}" is at fault.`,
    steps: [{ text: "See what it says", command: `kubectl describe ${object}` }],
  });
}

/** The texts that a body holds, wherever its vendor puts them. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function questionIn({ text }: Received): string {
  return textsIn(JSON.parse(text)).find((each) => /^object: /m.test(each)) ?? "";
}

/** The vendors that the mock does not speak, by their path. */
function answerOwn(received: Received, response: ServerResponse): boolean {
  const { path, method } = received;
  if (path === "/token") json(response, { access_token: "adc-token", expires_in: 3600, token_type: "Bearer" });
  else if (path === "/identity/token")
    json(response, { access_token: iamToken, expires_in: 3600, expiration: 4_102_444_800, token_type: "Bearer" });
  else if (path.startsWith("/ml/")) {
    const content = answerTo(questionIn(received));
    events(response, [{ choices: [{ index: 0, delta: { content }, finish_reason: "stop" }] }]);
  } else if (path.startsWith("/endpoints/"))
    json(response, [{ generation: { role: "assistant", content: answerTo(questionIn(received)) } }]);
  else if (path.startsWith("/20231130/models/") && method === "GET") json(response, { vendor: "meta", type: "BASE" });
  else if (path === "/20231130/actions/chat") {
    const text = answerTo(questionIn(received));
    events(response, [{ message: { content: [{ type: "TEXT", text }] } }, { finishReason: "stop" }]);
  } else if (path.endsWith("/invoke-with-response-stream")) {
    // The mock leaves out the envelope in which Bedrock puts each event.
    const said = [
      { type: "content_block_delta", delta: { type: "text_delta", text: answerTo(questionIn(received)) } },
      { type: "message_delta", delta: { stop_reason: "end_turn" } },
    ];
    response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
    for (const event of said) {
      const bytes = Buffer.from(JSON.stringify(event)).toString("base64");
      response.write(encodeEventStreamMessage("chunk", { bytes }));
    }
    response.end();
  } else if (path === "/explain") json(response, { response: answerTo(questionIn(received)) });
  else return false;
  return true;
}

interface Vendor {
  /** Added to the server's address. */
  readonly base?: string;
  readonly provider?: Readonly<Record<string, unknown>>;
}

const claude = "eu.anthropic.claude-sonnet-4-20250514-v1:0";
const vendors: Readonly<Record<string, Vendor>> = {
  openai: { base: "/v1" },
  anthropic: {},
  localai: { base: "/v1", provider: { model: "mistral" } },
  ollama: { provider: { model: "qwen3" } },
  azureopenai: { provider: { engine: "diag" } },
  cohere: {},
  amazonbedrock: { provider: { model: claude, providerregion: "eu-west-1" } },
  amazonbedrockconverse: { provider: { model: claude, providerregion: "eu-west-1" } },
  amazonsagemaker: { provider: { endpointname: "diag", providerregion: "eu-west-1" } },
  google: {},
  noopai: {},
  huggingface: { base: "/v1" },
  googlevertexai: { provider: { providerid: "diagnosis", providerregion: "europe-west4" } },
  oci: { provider: { model: "ocid1.generativeaimodel.example", compartmentid: "ocid1.compartment.example" } },
  customrest: { base: "/explain" },
  ibmwatsonxai: { provider: { providerid: "diagnosis", model: "ibm/granite-4-h-small" } },
  groq: { base: "/v1" },
  bedrockmantle: { base: "/v1", provider: { model: "openai.gpt-oss-20b", providerregion: "eu-west-1" } },
  litellm: { base: "/v1", provider: { model: "team" } },
};

beforeAll(async () => {
  if (!existsSync(entry)) throw new Error("the command is not built: `npm run build`");
  await mock.start();
  mock.addFixture({
    match: {},
    response: ({ messages }) => {
      const text = textsIn(messages).find((each) => /^object: /m.test(each)) ?? "";
      return { content: answerTo(text) };
    },
  });
  server = await localServer((received, response) => {
    if (answerOwn(received, response)) return;
    const { method, path, headers, text } = received;
    const onward = send(`${mock.url}${path}`, { method, headers }, (incoming) => {
      response.writeHead(incoming.statusCode ?? 502, incoming.headers);
      incoming.pipe(response);
    });
    onward.on("error", () => response.destroy());
    onward.end(text);
  });
  await writeFile(join(home, "key.pem"), privateKey);
  await writeFile(
    join(home, "oci.config"),
    [
      "[DEFAULT]",
      "user=ocid1.user.oc1..a",
      "fingerprint=20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34",
      "tenancy=ocid1.tenancy.oc1..a",
      "region=eu-frankfurt-1",
      `key_file=${join(home, "key.pem")}`,
    ].join("\n"),
  );
  googleIdentity = await writeGoogleIdentity(home, server.url);
  lab = await startControlPlane({ name: "explain" });
  await loadScenario(lab.client(), "broken-shop", { matureMs: 45_000 });
  const signal = AbortSignal.timeout(60_000);
  const source = await openLive(
    { kubeconfig: lab.kubeconfig, requestTimeoutMs: 30_000, maxConcurrency: 10, userAgent: "k8sgpt/test", env: {} },
    signal,
  );
  names = namesOf(await source.read({ kinds: kindsFor(analyzers), scope: {}, signal }));
  await source.close();
});
afterAll(async () => {
  await lab?.stop();
  await mock.stop();
  await server?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  server.received.length = 0;
});

interface Incident {
  readonly chain: readonly { readonly kind: string; readonly namespace?: string; readonly name: string }[];
  readonly explanation?: { readonly summary: string; readonly why?: string };
  readonly explainError?: string;
}

test("every backend is here, and the cluster has names to look for", () => {
  expect(Object.keys(vendors)).toEqual(Object.keys(backends));
  expect(names.length).toBeGreaterThan(100);
});

describe.each(Object.entries(vendors))("%s", (name, { base = "", provider = {} }) => {
  test("masked bytes out, real names back, and the second run asks nobody", async () => {
    const folder = join(home, name);
    await mkdir(folder, { recursive: true });
    const record = join(folder, "audit.jsonl");
    const config = join(folder, "k8sgpt.yaml");
    const own = { name, baseurl: `${server.url}${base}`, password: "env:CANARY", ...provider };
    await writeFile(config, JSON.stringify({ ai: { defaultprovider: name, providers: [own] } }), { mode: 0o600 });
    const env = {
      HOME: folder,
      CANARY: secret,
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: secret,
      GOOGLE_APPLICATION_CREDENTIALS: googleIdentity,
      OCI_CLI_CONFIG_FILE: join(home, "oci.config"),
      WATSONX_IAM_HOST: server.url,
    };
    const words = ["analyze", "--explain", "--logs", "--config", config, "--kubeconfig", lab.kubeconfig];
    const first = await k8sgpt([...words, "--audit-log", record, "-o", "json"], { env });
    expect(first.stderr).not.toContain("warning");
    expect(first.code).toBe(0);

    // What came: JSON alone, each incident explained, with its own names.
    const { provider: told, incidents } = JSON.parse(first.stdout) as {
      readonly provider: string;
      readonly incidents: readonly Incident[];
    };
    expect(told).toBe(name);
    const explained = incidents.filter(({ explanation }) => explanation !== undefined);
    expect(explained.length).toBeGreaterThan(2);
    expect(incidents.filter(({ explainError }) => explainError !== undefined)).toEqual([]);
    const isEcho = name === "noopai";
    for (const { chain, explanation } of explained) {
      const refs = chain.map(
        (ref) => `${ref.kind} ${ref.namespace === undefined ? "" : `${ref.namespace}/`}${ref.name}`,
      );
      const [, told] = (isEcho ? /^object: (.+)$/m : /^Look at (.+) first\.$/).exec(explanation?.summary ?? "") ?? [];
      expect(refs).toContain(told);
    }

    // What went: no name of the cluster, no secret but in headers.
    const asked = server.received.filter(({ text }) => text.includes("object: "));
    const sent = server.received.map(({ path, headers, text }) => [path, JSON.stringify(headers), text].join("\n"));
    expect(asked.length > 0).toBe(!isEcho);
    const all = wordsOf(sent.join("\n").replaceAll(/\\n/g, "\n"));
    const task = wordsOf(
      textsIn(asked.map(({ text }) => JSON.parse(text) as unknown)).find((text) => /explain one/.test(text)) ?? "",
    );
    expect(names.filter((each) => all.has(each) && !task.has(each))).toEqual([]);
    expect(server.received.filter(({ text }) => text.includes(secret)).map(({ path }) => path)).toEqual(
      name === "ibmwatsonxai" ? ["/identity/token"] : [],
    );

    // What is on record: one line for each call.
    const lines = linesOf(record);
    expect(lines.filter(({ event }) => event === "run")).toHaveLength(1);
    const calls = lines.filter(({ event }) => event === "ai");
    expect(calls).toHaveLength(isEcho ? explained.length : asked.length);
    for (const call of calls) {
      expect(call).toMatchObject({ context: "explain", user: "explain-admin", backend: name, outcome: "answered" });
      expect(call["host"]).toBe(isEcho ? undefined : new URL(server.url).host);
    }

    // Again, as text: the cache answers what was asked, and the same names stand in it. The cluster grows older, and what
    // has come since is asked.
    const before = new Set(calls.map(({ prompt }) => prompt));
    server.received.length = 0;
    const second = await k8sgpt([...words, "--audit-log", record, "--color", "never"], { env });
    expect(second.code).toBe(0);
    expect(second.stdout).not.toContain("not explained");
    const later = linesOf(record)
      .slice(lines.length)
      .filter(({ event }) => event === "ai");
    const cached = later.filter((call) => call["cached"] === true);
    expect(cached.length).toBeGreaterThan(1);
    expect(cached.map(({ prompt }) => prompt).filter((prompt) => !before.has(prompt))).toEqual([]);
    const anew = later.filter((call) => call["cached"] !== true);
    expect(anew.map(({ prompt }) => prompt).filter((prompt) => before.has(prompt))).toEqual([]);
    expect(server.received.filter(({ text }) => text.includes("object: "))).toHaveLength(isEcho ? 0 : anew.length);
    const [one] = explained;
    const shown = second.stdout.replaceAll(/\s+/g, " ");
    expect(shown).toContain(isEcho ? "I am a noop response" : (one?.explanation?.summary ?? "").slice(0, 40));
  });
});

test("who may not read everything is told whose names the masking cannot know", async () => {
  const rules = [{ apiGroups: [""], resources: ["pods", "namespaces", "events"], verbs: ["get", "list"] }];
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "pods-only" },
    rules,
  };
  await lab.client().apply([
    role,
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "pods-only" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "pods-only" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "podia" }],
    },
  ]);
  const certificate = await lab.clientCertificate("podia");
  const kubeconfig = await lab.kubeconfigFor({ user: "podia", certificate });
  const words = ["analyze", "-e", "-c", "-b", "noopai", "--kubeconfig", kubeconfig, "-o", "json"];
  const { stdout, stderr } = await k8sgpt(words);
  expect(stderr).toMatch(
    /^warning: \w+, \w+, \w+, \w+ and \d+ kinds more could not be read: names of these are masked only/m,
  );
  expect((JSON.parse(stdout) as { incidents: readonly Incident[] }).incidents.length).toBeGreaterThan(0);
});

function linesOf(path: string): readonly Readonly<Record<string, unknown>>[] {
  return readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}
