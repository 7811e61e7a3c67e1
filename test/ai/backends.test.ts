import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { BackendSettings } from "../../src/ai/backend.ts";
import { backends } from "../../src/ai/backends.ts";
import { Fault } from "../../src/fault.ts";
import { ask } from "./backends/asking.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("lists nineteen backends, each under its own name, in k8sgpt's order", async () => {
  const names = Object.keys(backends);
  expect(names.join(" ")).toBe(
    "openai anthropic localai ollama azureopenai cohere amazonbedrock amazonbedrockconverse amazonsagemaker google noopai " +
      "huggingface googlevertexai oci customrest ibmwatsonxai groq bedrockmantle litellm",
  );
  const own = await Promise.all(Object.values(backends).map(async (load) => (await load()).name));
  expect(own).toEqual(names);
});

test("an alias is found, and not listed", async () => {
  expect(Object.hasOwn(backends, "watsonxai")).toBe(true);
  expect((await backends["watsonxai"]?.())?.name).toBe("ibmwatsonxai");
});

test("neither the table nor the backends load an SDK", () => {
  const table = fileURLToPath(new URL("../../src/ai/backends.ts", import.meta.url));
  const script = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
    const { backends } = await import(${JSON.stringify(table)});
    const own = loaded.length;
    for (const load of Object.values(backends)) await load();
    console.log(JSON.stringify({ own, count: loaded.length, packages: loaded.filter((url) => url.includes("node_modules")) }));
  `;
  const { own, count, packages } = JSON.parse(
    execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }),
  );
  expect(packages).toEqual([]);
  expect(own).toBe(1);
  expect(count).toBeGreaterThan(20);
});

describe("what a backend cannot do without is asked for before anything is loaded or sent", () => {
  test.each<[string, BackendSettings, string]>([
    ["localai", { model: "m" }, "Backend localai needs baseurl"],
    ["localai", { baseURL: "http://localhost:8080" }, "Backend localai needs model"],
    ["openai", {}, "No API key for backend openai"],
    [
      "openai",
      { password: "k", baseURL: "api.example" },
      'baseurl "api.example" of backend openai is not an http or https',
    ],
    [
      "openai",
      { password: "k", baseURL: "https://me:pass@api.example" },
      "baseurl of backend openai holds a user name",
    ],
    ["azureopenai", { password: "k" }, "Backend azureopenai needs baseurl"],
    ["azureopenai", { password: "k", baseURL: "https://a.example" }, "Backend azureopenai needs engine"],
    ["azureopenai", { password: "k", baseURL: "https://a.example", azureAPIType: "AZ" }, 'no azureapitype "AZ"'],
    ["amazonbedrock", { model: "m" }, "Backend amazonbedrock needs providerregion"],
    ["amazonbedrock", { model: "m", providerRegion: "moon" }, '"moon" is not the name of an AWS region'],
    ["amazonbedrockconverse", { providerRegion: "eu-west-1" }, "Backend amazonbedrockconverse needs model"],
    ["amazonsagemaker", { providerRegion: "eu-west-1" }, "Backend amazonsagemaker needs endpointname"],
    ["bedrockmantle", { model: "m", providerRegion: "eu-west-1" }, "No API key for backend bedrockmantle"],
    ["googlevertexai", { providerId: "p" }, "Backend googlevertexai needs providerregion"],
    ["google", { password: '{"type":"x"}' }, "looks like JSON but is no service account's key"],
    ["ibmwatsonxai", { password: "k" }, "Backend ibmwatsonxai needs providerid"],
    ["oci", { model: "m" }, "Backend oci needs compartmentid"],
  ])("%s %j", async (name, settings, message) => {
    vi.stubEnv("AWS_BEARER_TOKEN_BEDROCK", undefined);
    const error = await ask(name, settings).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Fault);
    if (!(error instanceof Fault)) return;
    expect(error.message).toContain(message);
    expect(error.next).toBeTruthy();
    expect(error.message).not.toContain("pass@");
  });
});

test("noopai echoes", async () => {
  expect((await ask("noopai", {})).text).toBe("I am a noop response to the prompt Why does pod-1 not start?");
});
