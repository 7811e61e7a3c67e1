import { afterEach, describe, expect, test, vi } from "vitest";
import type { BackendSettings } from "../../src/ai/backend.ts";
import { hostGuard } from "../../src/ai/door.ts";
import { messageOf } from "../../src/fault.ts";
import type { PolicyList } from "../../src/policy.ts";
import { ask, failureOf } from "./backends/asking.ts";
import { json, localServer } from "./backends/local-server.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

const guardOf = (ai: PolicyList) => hostGuard([{ origin: "policy.yaml", ai }]);
const allowing = (...words: readonly string[]) =>
  guardOf({ allow: words.map((text, index) => ({ text, line: index + 2 })), allowLine: 1, deny: [] });

describe("a host", () => {
  test.each([
    ["api.openai.com", "https://api.openai.com/v1", true],
    ["API.OpenAI.com", "https://api.openai.com/v1", true],
    ["api.openai.com", "https://api.openai.com.evil.example/v1", false],
    ["*.openai.com", "https://api.openai.com/v1", true],
    ["*.openai.com", "https://openai.com/v1", false],
    ["api.openai.com:443", "https://api.openai.com/v1", true],
    ["api.openai.com:8443", "https://api.openai.com/v1", false],
    ["llm.internal:8080", "http://llm.internal:8080", true],
    ["llm.internal:80", "http://llm.internal", true],
    ["localhost", "http://localhost:11434", true],
    ["localhost", "http://127.0.0.1:11434", true],
    ["localhost", "http://[::1]:11434", true],
    ["localhost:11434", "http://127.0.0.1:11434", true],
    ["localhost:11434", "http://127.0.0.1:11435", false],
    ["localhost", "http://localhost.evil.example", false],
    ["10.*", "http://10.0.0.7:8000", true],
    ["*", "https://anything.example", true],
  ])("%s and %s: %s", (word, address, isAllowed) => {
    let refusal = "";
    try {
      allowing(word)("openai", address);
    } catch (error) {
      refusal = messageOf(error);
    }
    expect(refusal).toMatch(
      isAllowed ? /^$/ : /^AI backend openai may not be asked: policy\.yaml:1 does not allow the host /,
    );
  });

  test("a user in an address does not pass for a host", () => {
    expect(() => allowing("api.openai.com")("openai", "https://api.openai.com@evil.example/v1")).toThrow(
      "evil.example",
    );
  });

  test("without a policy everything may be asked, and what is denied is named with its line", () => {
    expect(() => hostGuard([])("openai", "https://api.openai.com")).not.toThrow();
    const denying = guardOf({ deny: [{ text: "*.openai.com", line: 7 }] });
    expect(() => denying("openai", "https://api.openai.com")).toThrow("policy.yaml:7 does not allow");
    expect(() => denying("ollama", "http://localhost:11434")).not.toThrow();
  });
});

/** Every backend with its own address: nothing but the settings that it cannot do without. */
const settings: Readonly<Record<string, readonly [BackendSettings, string]>> = {
  openai: [{ password: "k" }, "api.openai.com"],
  anthropic: [{ password: "k" }, "api.anthropic.com"],
  localai: [{ model: "m", baseURL: "http://localai.example" }, "localai.example"],
  ollama: [{ baseURL: "http://ollama.example:11434" }, "ollama.example"],
  azureopenai: [{ password: "k", engine: "e", baseURL: "https://acme.openai.azure.com" }, "acme.openai.azure.com"],
  cohere: [{ password: "k" }, "api.cohere.com"],
  amazonbedrock: [{ model: "m", providerRegion: "eu-west-1" }, "bedrock-runtime.eu-west-1.amazonaws.com"],
  amazonbedrockconverse: [{ model: "m", providerRegion: "eu-west-1" }, "bedrock-runtime.eu-west-1.amazonaws.com"],
  amazonsagemaker: [{ endpointName: "e", providerRegion: "eu-west-1" }, "runtime.sagemaker.eu-west-1.amazonaws.com"],
  google: [{ password: "k" }, "generativelanguage.googleapis.com"],
  huggingface: [{ password: "k" }, "router.huggingface.co"],
  googlevertexai: [{ providerId: "p", providerRegion: "europe-west4" }, "europe-west4-aiplatform.googleapis.com"],
  customrest: [{ baseURL: "http://rest.example/explain" }, "rest.example"],
  ibmwatsonxai: [{ password: "k", providerId: "p", providerRegion: "eu-de" }, "eu-de.ml.cloud.ibm.com"],
  groq: [{ password: "k" }, "api.groq.com"],
  bedrockmantle: [{ password: "k", model: "m", providerRegion: "eu-west-1" }, "bedrock-mantle.eu-west-1.api.aws"],
  litellm: [{ model: "m", baseURL: "http://litellm.example:4000/v1" }, "litellm.example"],
};

describe("every backend", () => {
  test.each(Object.entries(settings))("%s is refused before it is set up", async (name, [given, host]) => {
    vi.stubEnv("WATSONX_URL_HOST", undefined);
    await expect(ask(name, given, { guard: allowing("localhost") })).rejects.toThrow(
      `AI backend ${name} may not be asked: policy.yaml:1 does not allow the host ${host}`,
    );
  });

  test.each(["amazonbedrock", "amazonbedrockconverse", "amazonsagemaker"])(
    "%s: what AWS's environment makes of the address is checked too",
    async (name) => {
      await using server = await localServer((_, response) => json(response, {}));
      vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
      vi.stubEnv("AWS_SECRET_ACCESS_KEY", "aws-secret");
      vi.stubEnv("AWS_BEARER_TOKEN_BEDROCK", undefined);
      vi.stubEnv("AWS_ENDPOINT_URL", server.url);
      const [given, host] = settings[name] ?? [{}, ""];
      await expect(ask(name, given, { guard: allowing(host) })).rejects.toThrow("does not allow the host 127.0.0.1");
      expect(server.received).toEqual([]);
      // The same with a policy that allows it: the test reaches the server.
      await failureOf(ask(name, given, { guard: allowing(host, "localhost") }));
      expect(server.received.length).toBeGreaterThan(0);
    },
  );
});
