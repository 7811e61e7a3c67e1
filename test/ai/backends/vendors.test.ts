/** The vendors that aimock speaks, through their real SDKs: answers as they arrive, and every way in which one fails. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { BackendSettings } from "../../../src/ai/backend.ts";
import { ask, failureOf, parsed, question, sampling } from "./asking.ts";
import { json, localServer, type LocalServer } from "./local-server.ts";
import { recordingProxy } from "./recording-proxy.ts";
import { writeGoogleIdentity } from "./google-identity.ts";

const secret = "canary-7f3a9c51d2e8";
/** As Google's look. */
const accessToken = `ya29.${secret}`;
const answer = "pod-1 has no image. Set one, and apply it again.";
const mock = new LLMock({ chunkSize: 9 });
let proxy: LocalServer;
/** Where Google's application default credentials get their token. */
let tokens: LocalServer;
const folder = mkdtempSync(join(tmpdir(), "vendors-"));

beforeAll(async () => {
  await mock.start();
  proxy = await recordingProxy();
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", secret);
  vi.stubEnv("AWS_BEARER_TOKEN_BEDROCK", undefined);
  tokens = await localServer((_, response) =>
    json(response, { access_token: accessToken, expires_in: 3600, token_type: "Bearer" }),
  );
  const googleIdentity = await writeGoogleIdentity(folder, tokens.url);
  vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", googleIdentity);
});
afterAll(async () => {
  await tokens[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await mock.stop();
  await proxy[Symbol.asyncDispose]();
});
beforeEach(() => {
  mock.clearChaos();
  mock.clearFixtures();
  mock.clearRequests();
  proxy.received.length = 0;
});

interface Vendor {
  readonly name: string;
  /** Added to the mock's address. */
  readonly base: string;
  readonly settings: BackendSettings;
  /** The path that is asked. */
  readonly path: string;
  /** What of the body holds the settings and the question, as on the wire. */
  readonly body: object;
  readonly headers: Readonly<Record<string, string>>;
  /** What the vendor has no equivalent for. */
  readonly warnings: readonly string[];
}

const messages = [
  { role: "system", content: question.system },
  { role: "user", content: question.prompt },
];
const chat = { temperature: 0, top_p: 0.31, stop: ["HALT"], stream: true, messages };
const bearer = { authorization: `Bearer ${secret}` };
const claude = "eu.anthropic.claude-sonnet-4-20250514-v1:0";
const noTopK = (name: string): readonly string[] => [`${name} has no equivalent of topk: not sent`];
const generation = { temperature: 0, topP: 0.31, topK: 17, maxOutputTokens: 321, stopSequences: ["HALT"] };

const vendors: readonly Vendor[] = [
  {
    name: "openai",
    base: "/v1",
    settings: { password: secret, organizationId: "org-1" },
    path: "/v1/chat/completions",
    body: { ...chat, max_completion_tokens: 321, model: "gpt-5-mini" },
    headers: { ...bearer, "openai-organization": "org-1" },
    warnings: noTopK("openai"),
  },
  {
    name: "localai",
    base: "/v1",
    settings: { model: "mistral", password: secret },
    path: "/v1/chat/completions",
    body: { ...chat, top_k: 17, max_completion_tokens: 321, model: "mistral" },
    headers: bearer,
    warnings: [],
  },
  {
    name: "groq",
    base: "/v1",
    settings: { password: secret, model: "llama-3.3-70b-versatile" },
    path: "/v1/chat/completions",
    body: { ...chat, max_tokens: 321, model: "llama-3.3-70b-versatile" },
    headers: bearer,
    warnings: noTopK("groq"),
  },
  {
    name: "litellm",
    base: "/v1",
    settings: { model: "team", password: secret },
    path: "/v1/chat/completions",
    body: { ...chat, top_k: 17, max_tokens: 321, model: "team" },
    headers: bearer,
    warnings: [],
  },
  {
    name: "bedrockmantle",
    base: "/v1",
    settings: { model: "openai.gpt-oss-20b", password: secret, providerRegion: "eu-west-1" },
    path: "/v1/chat/completions",
    body: { ...chat, max_tokens: 321, model: "openai.gpt-oss-20b" },
    headers: bearer,
    warnings: noTopK("bedrockmantle"),
  },
  {
    name: "huggingface",
    base: "/v1",
    settings: { password: secret, model: "meta-llama/Llama-3.3-70B-Instruct" },
    path: "/v1/chat/completions",
    body: { ...chat, top_k: 17, max_tokens: 321, model: "meta-llama/Llama-3.3-70B-Instruct" },
    headers: bearer,
    warnings: [],
  },
  {
    name: "azureopenai",
    base: "",
    settings: { password: secret, engine: "diag", azureAPIVersion: "2025-01-01-preview" },
    path: "/openai/deployments/diag/chat/completions?api-version=2025-01-01-preview",
    body: { ...chat, max_completion_tokens: 321, model: "diag" },
    headers: { "api-key": secret },
    warnings: noTopK("azureopenai"),
  },
  {
    name: "anthropic",
    base: "/v1/messages",
    settings: { password: secret },
    path: "/v1/messages",
    body: {
      model: "claude-sonnet-5",
      system: question.system,
      messages: [{ role: "user", content: [{ type: "text", text: question.prompt }] }],
      temperature: 0,
      top_p: 0.31,
      top_k: 17,
      max_tokens: 321,
      stop_sequences: ["HALT"],
      stream: true,
    },
    headers: { "x-api-key": secret },
    warnings: [],
  },
  {
    name: "ollama",
    base: "",
    settings: { model: "qwen3" },
    path: "/api/generate",
    body: {
      model: "qwen3",
      system: question.system,
      prompt: question.prompt,
      stream: true,
      options: { temperature: 0, top_p: 0.31, top_k: 17, num_predict: 321, stop: ["HALT"] },
    },
    headers: {},
    warnings: [],
  },
  {
    name: "cohere",
    base: "",
    settings: { password: secret, model: "command-r" },
    path: "/v2/chat",
    body: {
      model: "command-r",
      messages,
      temperature: 0,
      p: 0.31,
      k: 17,
      max_tokens: 321,
      stop_sequences: ["HALT"],
      stream: true,
    },
    headers: bearer,
    warnings: [],
  },
  {
    name: "google",
    base: "",
    settings: { password: secret },
    path: "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    body: { contents: [{ role: "user", parts: [{ text: question.prompt }] }], generationConfig: generation },
    headers: { "x-goog-api-key": secret },
    warnings: [],
  },
  {
    name: "amazonbedrockconverse",
    base: "",
    settings: { model: claude, providerRegion: "eu-west-1" },
    path: `/model/${encodeURIComponent(claude)}/converse-stream`,
    body: {
      messages: [{ role: "user", content: [{ text: question.prompt }] }],
      system: [{ text: question.system }],
      inferenceConfig: { temperature: 0, topP: 0.31, maxTokens: 321, stopSequences: ["HALT"] },
      additionalModelRequestFields: { top_k: 17 },
    },
    headers: {},
    warnings: [],
  },
  {
    name: "googlevertexai",
    base: "",
    settings: { providerId: "diagnosis", providerRegion: "europe-west4" },
    path: "/v1/projects/diagnosis/locations/europe-west4/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    body: { contents: [{ role: "user", parts: [{ text: question.prompt }] }], generationConfig: generation },
    headers: { authorization: `Bearer ${accessToken}` },
    warnings: [],
  },
];

/** One cost, in the spelling of each vendor. */
const told = {
  prompt_tokens: 11,
  completion_tokens: 7,
  input_tokens: 11,
  output_tokens: 7,
  promptTokenCount: 11,
  candidatesTokenCount: 7,
};

/** aimock's 200 answers that begin well and then break off. */
const cut = { chunkSize: 4, truncateAfterChunks: 3 };

describe.each(vendors)("$name", ({ name, base, settings, path, body, headers, warnings }) => {
  const here = (): BackendSettings => ({ ...settings, baseURL: `${mock.url}${base}` });

  test("streams the answer, and every setting is on the wire", async () => {
    mock.onMessage(/pod-1/, { content: answer, usage: told });
    const proxied = { ...here(), ...sampling, proxyEndpoint: proxy.url, customHeaders: { "x-team": "platform" } };
    const answered = await ask(name, proxied);
    expect(answered.text).toBe(answer);
    expect(answered.parts.length).toBeGreaterThan(3);
    // In Ollama's words aimock always tells a cost of 0.
    expect(answered.usage).toEqual(
      name === "ollama" ? { inputTokens: 0, outputTokens: 0 } : { inputTokens: 11, outputTokens: 7 },
    );
    expect(answered.warnings).toEqual(warnings);
    const asked = proxy.received.filter((received) => !received.path.startsWith(tokens.url));
    expect(asked).toHaveLength(1);
    const [sent] = asked;
    expect(sent?.path).toBe(`${mock.url}${path}`);
    expect(parsed(sent?.text)).toMatchObject(body);
    expect(sent?.headers["x-team"]).toBe("platform");
    expect(sent?.headers).toMatchObject(headers);
  });

  test("what is not set is not sent", async () => {
    mock.onMessage(/pod-1/, { content: answer });
    await ask(name, { ...here(), proxyEndpoint: proxy.url });
    const text = proxy.received.findLast((received) => !received.path.startsWith(tokens.url))?.text ?? "";
    expect(text).not.toMatch(/temperature|top_?[pk]"|"[pk]":|stop_?sequences|"stop"/i);
  });

  test("a limit tells how long to wait, and is not tried again here", async () => {
    const error = { message: `Too many requests for key ${secret}`, type: "rate_limit_error" };
    mock.onMessage(/pod-1/, { error, status: 429, retryAfter: 7 });
    const failure = await failureOf(ask(name, here()));
    expect(failure).toMatchObject({ status: 429, retryAfterMs: 7000, isTransient: true });
    expect(failure.message).toContain("limits requests");
    expect(mock.getRequests()).toHaveLength(1);
  });

  test.each([
    [401, false, "refused the credentials"],
    [404, false, "does not know this model or address"],
    [500, true, "failed (500)"],
    [503, true, "failed (503)"],
  ])("%i becomes a failure without the key", async (status, isTransient, words) => {
    const key = name === "googlevertexai" ? accessToken : secret;
    const error = { message: `Incorrect: ${key}`, type: "x" };
    mock.onMessage(/pod-1/, { error, status });
    const failure = await failureOf(ask(name, here()));
    expect(failure).toMatchObject({ status, isTransient });
    expect(failure.message).toContain(words);
    expect(failure.message).toContain(name);
    expect(`${failure.message}${String(failure.cause)}${failure.stack}`).not.toContain(secret);
    expect(mock.getRequests()).toHaveLength(1);
  });

  test("an answer that breaks off is a failure that may pass", async () => {
    mock.onMessage(/pod-1/, { content: answer }, cut);
    expect(await failureOf(ask(name, here()))).toMatchObject({ isTransient: true });
  });

  test("a lost connection is a failure that may pass", async () => {
    mock.setChaos({ disconnectRate: 1 });
    expect(await failureOf(ask(name, here()))).toMatchObject({ isTransient: true, status: undefined });
  });

  test("an answer that is no JSON is a failure", async () => {
    mock.setChaos({ malformedRate: 1 });
    const failure = await failureOf(ask(name, here()));
    expect(failure.message).toContain(name);
  });

  test("an empty answer is a failure", async () => {
    mock.onMessage(/pod-1/, { content: "" });
    const failure = await failureOf(ask(name, here()));
    expect(failure.message).toMatch(/empty answer|gave none/);
  });

  test("stops when told to", async () => {
    mock.onMessage(/pod-1/, { content: answer });
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    await expect(ask(name, here(), { signal: stop.signal })).rejects.toThrow("enough");
    expect(mock.getRequests()).toHaveLength(0);
  });
});

function bedrock(): BackendSettings {
  return { model: claude, providerRegion: "eu-west-1", baseURL: mock.url };
}

// Of Bedrock's older call the mock leaves out the envelope of a streamed answer (clouds.test.ts has it); it fails alike.
describe("amazonbedrock", () => {
  test("a limit tells how long to wait, and is not tried again here", async () => {
    mock.onMessage(/pod-1/, { error: { message: "Too many requests", type: "x" }, status: 429, retryAfter: 7 });
    const failure = await failureOf(ask("amazonbedrock", bedrock()));
    expect(failure).toMatchObject({ status: 429, retryAfterMs: 7000, isTransient: true });
    expect(mock.getRequests()).toHaveLength(1);
  });

  test.each([
    [401, false],
    [404, false],
    [500, true],
    [503, true],
  ])("%i becomes a failure without the key", async (status, isTransient) => {
    mock.onMessage(/pod-1/, { error: { message: `Incorrect: ${secret}`, type: "x" }, status });
    const failure = await failureOf(ask("amazonbedrock", bedrock()));
    expect(failure).toMatchObject({ status, isTransient });
    expect(`${failure.message}${String(failure.cause)}${failure.stack}`).not.toContain(secret);
  });

  test("a cut answer, a lost connection and one that is no JSON are failures", async () => {
    mock.onMessage(/pod-1/, { content: answer }, cut);
    expect(await failureOf(ask("amazonbedrock", bedrock()))).toMatchObject({ isTransient: true });
    mock.setChaos({ disconnectRate: 1 });
    expect(await failureOf(ask("amazonbedrock", bedrock()))).toMatchObject({ isTransient: true, status: undefined });
    mock.setChaos({ malformedRate: 1 });
    expect((await failureOf(ask("amazonbedrock", bedrock()))).message).toContain("amazonbedrock");
  });
});
