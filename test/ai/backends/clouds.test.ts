/** The backends that aimock does not speak, or not as their SDKs do: small servers made from the vendors' wire formats. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeEventStreamMessage } from "@copilotkit/aimock";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ask, failureOf, parsed, question, sampling } from "./asking.ts";
import { events, json, localServer } from "./local-server.ts";
import { writeGoogleIdentity } from "./google-identity.ts";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
let folder = "";

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "backends-"));
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "aws-secret");
  vi.stubEnv("AWS_BEARER_TOKEN_BEDROCK", undefined);
  vi.stubEnv("WATSONX_URL_HOST", undefined);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe("amazonbedrock", () => {
  const signed = /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d+\/eu-west-1\/bedrock\/aws4_request/;

  test("streams a Claude model's answer, signed for the configured region", async () => {
    const said = [
      { type: "content_block_delta", delta: { type: "text_delta", text: "No " } },
      { type: "content_block_delta", delta: { type: "text_delta", text: "image." } },
      { type: "message_delta", delta: { stop_reason: "end_turn" } },
      { type: "message_stop", "amazon-bedrock-invocationMetrics": { inputTokenCount: 9, outputTokenCount: 3 } },
    ];
    await using server = await localServer((_, response) => {
      response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
      for (const event of said) {
        const bytes = Buffer.from(JSON.stringify(event)).toString("base64");
        response.write(encodeEventStreamMessage("chunk", { bytes }));
      }
      response.end();
    });
    const model = "eu.anthropic.claude-sonnet-4-20250514-v1:0";
    const settings = {
      ...sampling,
      model,
      baseURL: server.url,
      providerRegion: "eu-west-1",
      customHeaders: { "x-team": "a" },
    };
    const { text, usage, warnings } = await ask("amazonbedrock", settings);
    expect(text).toBe("No image.");
    expect(usage).toEqual({ inputTokens: 9, outputTokens: 3 });
    expect(warnings).toEqual([]);
    const [sent] = server.received;
    expect(sent?.path).toBe(`/model/${encodeURIComponent(model)}/invoke-with-response-stream`);
    expect(sent?.headers.authorization).toMatch(signed);
    expect(sent?.headers.authorization).toContain("x-team");
    expect(parsed(sent?.text)).toEqual({
      anthropic_version: "bedrock-2023-05-31",
      system: question.system,
      messages: [{ role: "user", content: [{ type: "text", text: question.prompt }] }],
      temperature: 0,
      top_p: 0.31,
      top_k: 17,
      max_tokens: 321,
      stop_sequences: ["HALT"],
    });
  });

  test.each([
    {
      model: "anthropic.claude-v2",
      reply: { completion: "ok" },
      body: { max_tokens_to_sample: 321, temperature: 0, top_p: 0.31, top_k: 17, stop_sequences: ["HALT"] },
    },
    {
      model: "ai21.j2-ultra-v1",
      reply: { completions: [{ data: { text: "ok" } }] },
      body: { maxTokens: 321, temperature: 0, topP: 0.31, stopSequences: ["HALT"] },
    },
    {
      model: "amazon.titan-text-express-v1",
      reply: { results: [{ outputText: "ok" }] },
      body: { textGenerationConfig: { maxTokenCount: 321, temperature: 0, topP: 0.31, stopSequences: ["HALT"] } },
    },
  ])("asks $model in its own words", async ({ model, reply, body }) => {
    await using server = await localServer((_, response) => json(response, reply));
    const settings = { ...sampling, model, baseURL: server.url, providerRegion: "eu-west-1" };
    expect((await ask("amazonbedrock", settings)).text).toBe("ok");
    expect(server.received[0]?.path).toBe(`/model/${encodeURIComponent(model)}/invoke`);
    expect(parsed(server.received[0]?.text)).toMatchObject(body);
  });

  test("an inference profile goes through Converse in the region of its ARN", async () => {
    await using server = await localServer((_, response) => {
      response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
      response.write(encodeEventStreamMessage("contentBlockDelta", { contentBlockIndex: 0, delta: { text: "ok" } }));
      response.end(encodeEventStreamMessage("messageStop", { stopReason: "end_turn" }));
    });
    const model = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc";
    const { text, warnings } = await ask("amazonbedrock", { model, baseURL: server.url, providerRegion: "us-east-1" });
    expect(text).toBe("ok");
    expect(server.received[0]?.headers.authorization).toMatch(signed);
    expect(warnings).toEqual([
      "amazonbedrock: the model's ARN is of region eu-west-1; providerregion us-east-1 is not used",
    ]);
  });

  test("a guardrail's block is a failure", async () => {
    await using server = await localServer((_, response) => {
      response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
      response.end(encodeEventStreamMessage("messageStop", { stopReason: "guardrail_intervened" }));
    });
    const settings = { model: "any.model", baseURL: server.url, providerRegion: "eu-west-1" };
    const failure = await failureOf(ask("amazonbedrockconverse", settings));
    expect(failure.message).toContain("withheld the answer: guardrail_intervened");
    expect(failure.isTransient).toBe(false);
  });
});

describe("amazonsagemaker", () => {
  const settings = { ...sampling, endpointName: "my-endpoint", providerRegion: "eu-west-1" };

  test("asks the endpoint", async () => {
    await using server = await localServer((_, response) =>
      json(response, [{ generation: { role: "assistant", content: "ok" } }]),
    );
    expect((await ask("amazonsagemaker", { ...settings, baseURL: server.url })).text).toBe("ok");
    const [sent] = server.received;
    expect(sent?.path).toBe("/endpoints/my-endpoint/invocations");
    expect(sent?.headers["x-amzn-sagemaker-custom-attributes"]).toBe("accept_eula=true");
    expect(sent?.headers.authorization).toContain("/eu-west-1/sagemaker/aws4_request");
    expect(parsed(sent?.text)).toEqual({
      inputs: [
        [
          { role: "system", content: question.system },
          { role: "user", content: question.prompt },
        ],
      ],
      parameters: { max_new_tokens: 321, top_p: 0.31, top_k: 17, temperature: 0, stop: ["HALT"] },
    });
  });

  test.each([[{}], [[]], [null], [[{ generation: null }]]])(
    "an answer without text is a failure: %j",
    async (reply) => {
      await using server = await localServer((_, response) => json(response, reply));
      const failure = await failureOf(ask("amazonsagemaker", { ...settings, baseURL: server.url }));
      expect(failure.message).toContain("holds no text");
    },
  );

  test("throttling may pass", async () => {
    await using server = await localServer((_, response) =>
      json(response, { message: "slow down" }, 429, { "retry-after": "3", "x-amzn-errortype": "ThrottlingException" }),
    );
    const failure = await failureOf(ask("amazonsagemaker", { ...settings, baseURL: server.url }));
    expect(failure).toMatchObject({ status: 429, retryAfterMs: 3000, isTransient: true });
    expect(server.received).toHaveLength(1);
  });
});

describe("googlevertexai", () => {
  test("uses application default credentials and the configured region", async () => {
    await using server = await localServer(({ path }, response) => {
      if (path === "/token") json(response, { access_token: "adc-token", expires_in: 3600, token_type: "Bearer" });
      else {
        events(response, [
          { candidates: [{ content: { role: "model", parts: [{ text: "o" }] } }] },
          {
            candidates: [{ content: { role: "model", parts: [{ text: "k" }] }, finishReason: "STOP" }],
            usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2 },
          },
        ]);
      }
    });
    const googleIdentity = await writeGoogleIdentity(folder, server.url);
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", googleIdentity);
    const settings = { ...sampling, baseURL: server.url, providerId: "my-project", providerRegion: "europe-west4" };
    const { text, usage } = await ask("googlevertexai", settings);
    expect(text).toBe("ok");
    expect(usage).toEqual({ inputTokens: 5, outputTokens: 2 });
    const asked = server.received.at(-1);
    expect(asked?.path).toBe(
      "/v1/projects/my-project/locations/europe-west4/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    );
    expect(asked?.headers.authorization).toBe("Bearer adc-token");
    expect(parsed(asked?.text)).toMatchObject({
      contents: [{ role: "user", parts: [{ text: question.prompt }] }],
      generationConfig: { temperature: 0, topP: 0.31, topK: 17, maxOutputTokens: 321, stopSequences: ["HALT"] },
    });
  });
});

describe("google", () => {
  test("a service account's key becomes an access token", async () => {
    await using server = await localServer(({ path }, response) => {
      if (path === "/token") json(response, { access_token: "sa-token", expires_in: 3600 });
      else events(response, [{ candidates: [{ content: { parts: [{ text: "ok" }] }, finishReason: "STOP" }] }]);
    });
    const password = JSON.stringify({
      type: "service_account",
      client_email: "a@b.example",
      private_key: privateKey,
      token_uri: `${server.url}/token`,
    });
    expect((await ask("google", { password, baseURL: server.url })).text).toBe("ok");
    const [token, asked] = server.received;
    expect(new URLSearchParams(token?.text).get("assertion")?.split(".")).toHaveLength(3);
    expect(asked?.headers.authorization).toBe("Bearer sa-token");
    expect(asked?.headers["x-goog-api-key"]).toBeUndefined();
  });

  test.each([
    [
      { promptFeedback: { blockReason: "SAFETY", safetyRatings: [{ category: "HARM", probability: "HIGH" }] } },
      "blocked the question: SAFETY (HARM HIGH)",
    ],
    [{ candidates: [{ finishReason: "RECITATION" }] }, "withheld the answer: RECITATION"],
    [{ candidates: null }, "gave none"],
    [{ candidates: [{ content: null, finishReason: "STOP" }] }, "empty answer"],
    [{}, "gave none"],
  ])("%j is a failure", async (event, words) => {
    await using server = await localServer((_, response) => events(response, [event]));
    const failure = await failureOf(ask("google", { password: "google-key", baseURL: server.url }));
    expect(failure.message).toContain(words);
  });
});

describe("ibmwatsonxai", () => {
  const iamToken = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iat: 1_700_000_000, exp: 4_102_444_800 })}.c2ln`;

  test("gets a token and streams the answer", async () => {
    await using server = await localServer(({ path }, response) => {
      if (path === "/identity/token") {
        json(response, { access_token: iamToken, expires_in: 3600, expiration: 4102444800, token_type: "Bearer" });
      } else {
        events(response, [
          { choices: [{ index: 0, delta: { content: "o" } }] },
          { choices: [{ index: 0, delta: { content: "k" }, finish_reason: "stop" }] },
          { choices: [], usage: { prompt_tokens: 4, completion_tokens: 2 } },
        ]);
      }
    });
    vi.stubEnv("WATSONX_IAM_HOST", server.url);
    const settings = {
      ...sampling,
      baseURL: server.url,
      password: "ibm-key-1234",
      providerId: "project-1",
      model: "ibm/granite-4-h-small",
      customHeaders: { "x-team": "a" },
    };
    const { text, usage, warnings } = await ask("watsonxai", settings);
    expect(text).toBe("ok");
    expect(usage).toEqual({ inputTokens: 4, outputTokens: 2 });
    expect(warnings).toEqual(["ibmwatsonxai has no equivalent of topk: not sent"]);
    const [token, asked] = server.received;
    expect(new URLSearchParams(token?.text).get("apikey")).toBe("ibm-key-1234");
    expect(asked?.path).toMatch(/^\/ml\/v1\/text\/chat_stream\?version=/);
    expect(asked?.headers.authorization).toBe(`Bearer ${iamToken}`);
    expect(asked?.headers["x-team"]).toBe("a");
    expect(parsed(asked?.text)).toMatchObject({
      model_id: "ibm/granite-4-h-small",
      project_id: "project-1",
      temperature: 0,
      top_p: 0.31,
      max_tokens: 321,
      stop: ["HALT"],
    });
  });

  test.each([
    ["/identity/token", { status: 400, isTransient: false }],
    ["/ml/", { status: 429, isTransient: true, retryAfterMs: 2000 }],
    ["/ml/", { status: 500, isTransient: true }],
  ])("a failure at %s: %j", async (where, expected) => {
    await using server = await localServer(({ path }, response) => {
      if (path.startsWith(where))
        json(response, { errors: [{ message: "no: ibm-key-1234" }] }, expected.status, { "retry-after": "2" });
      else json(response, { access_token: iamToken, expires_in: 3600, expiration: 4102444800 });
    });
    vi.stubEnv("WATSONX_IAM_HOST", server.url);
    const settings = { baseURL: server.url, password: "ibm-key-1234", providerId: "p" };
    const failure = await failureOf(ask("ibmwatsonxai", settings));
    expect(failure).toMatchObject(expected);
    expect(failure.message).not.toContain("ibm-key-1234");
  });
});

describe("oci", () => {
  beforeAll(async () => {
    await writeFile(join(folder, "key.pem"), privateKey);
    await writeFile(
      join(folder, "oci"),
      [
        "[DEFAULT]",
        "user=ocid1.user.oc1..a",
        "fingerprint=20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34",
        "tenancy=ocid1.tenancy.oc1..a",
        "region=eu-frankfurt-1",
        `key_file=${join(folder, "key.pem")}`,
      ].join("\n"),
    );
    vi.stubEnv("OCI_CLI_CONFIG_FILE", join(folder, "oci"));
  });
  const compartmentId = "ocid1.compartment.example";

  test("asks the service whose model it is, and streams the answer in the generic form", async () => {
    await using server = await localServer(({ method }, response) => {
      if (method === "GET") json(response, { vendor: "meta", type: "BASE" });
      else {
        events(response, [
          { index: 0, message: { role: "ASSISTANT", content: [{ type: "TEXT", text: "o" }] } },
          { index: 0, message: { role: "ASSISTANT", content: [{ type: "TEXT", text: "k" }] } },
          { finishReason: "stop" },
        ]);
      }
    });
    const model = "ocid1.generativeaimodel.example";
    const { text } = await ask("oci", { ...sampling, model, compartmentId, baseURL: server.url });
    expect(text).toBe("ok");
    const [looked, asked] = server.received;
    expect(looked?.path).toBe(`/20231130/models/${model}`);
    expect(asked?.path).toBe("/20231130/actions/chat");
    expect(asked?.headers.authorization).toContain('Signature version="1",keyId="ocid1.tenancy.oc1..a/');
    expect(parsed(asked?.text)).toMatchObject({
      compartmentId,
      servingMode: { servingType: "ON_DEMAND", modelId: model },
      chatRequest: {
        apiFormat: "GENERIC",
        messages: [
          { role: "SYSTEM", content: [{ type: "TEXT", text: question.system }] },
          { role: "USER", content: [{ type: "TEXT", text: question.prompt }] },
        ],
        temperature: 0,
        topP: 0.31,
        topK: 17,
        maxTokens: 321,
        stop: ["HALT"],
      },
    });
  });

  test("asks a Cohere model in its own form, and does not say its answer twice", async () => {
    await using server = await localServer((_, response) =>
      events(response, [{ text: "o" }, { text: "k" }, { text: "ok", finishReason: "COMPLETE" }]),
    );
    const model = "cohere.command-r-plus-08-2024";
    expect((await ask("oci", { ...sampling, model, compartmentId, baseURL: server.url })).text).toBe("ok");
    expect(parsed(server.received[0]?.text)).toMatchObject({
      chatRequest: {
        apiFormat: "COHERE",
        message: question.prompt,
        preambleOverride: question.system,
        temperature: 0,
        topP: 0.31,
        topK: 17,
        maxTokens: 321,
        stopSequences: ["HALT"],
      },
    });
  });

  test.each([
    [404, false],
    [429, true],
    [500, true],
  ])("%i is a failure", async (status, isTransient) => {
    await using server = await localServer((_, response) => json(response, { code: "x", message: "no" }, status));
    const settings = { model: "meta.llama-3.3-70b-instruct", compartmentId, baseURL: server.url };
    expect(await failureOf(ask("oci", settings))).toMatchObject({ status, isTransient });
    expect(server.received).toHaveLength(1);
  });
});

describe("customrest", () => {
  test("posts k8sgpt's JSON to the address itself", async () => {
    await using server = await localServer((_, response) => json(response, { model: "m", response: "ok" }));
    const settings = { ...sampling, baseURL: `${server.url}/explain`, password: "rest-key", model: "m" };
    expect((await ask("customrest", settings)).text).toBe("ok");
    const [sent] = server.received;
    expect(sent?.path).toBe("/explain");
    expect(sent?.headers.authorization).toBe("Bearer rest-key");
    expect(sent?.headers.accept).toBe("application/x-ndjson");
    expect(parsed(sent?.text)).toEqual({
      model: "m",
      prompt: `${question.system}\n\n${question.prompt}`,
      options: { temperature: 0, top_p: 0.31, top_k: 17, max_tokens: 321, stop: ["HALT"], message: question.prompt },
    });
  });

  test.each([
    ['{"response":"o"}\n{"response":"k","done":true}\n', "ok"],
    ['{\n  "model": "m",\n  "response": "ok"\n}\n', "ok"],
  ])("reads %j", async (body, text) => {
    await using server = await localServer((_, response) => response.end(body));
    expect((await ask("customrest", { baseURL: server.url })).text).toBe(text);
  });

  test.each([
    ["nonsense", "not JSON"],
    ["{}", "empty answer"],
    ['{"error":"no such model"}', "no such model"],
    ["", "empty answer"],
  ])("%j is a failure", async (body, words) => {
    await using server = await localServer((_, response) => response.end(body));
    expect((await failureOf(ask("customrest", { baseURL: server.url }))).message).toContain(words);
  });

  test("a status of failure is one", async () => {
    await using server = await localServer((_, response) => json(response, { detail: "busy" }, 503));
    const failure = await failureOf(ask("customrest", { baseURL: server.url }));
    expect(failure).toMatchObject({ status: 503, isTransient: true });
    expect(failure.message).toContain("busy");
  });
});
