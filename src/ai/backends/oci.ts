/**
 * Oracle's Generative AI service. The SDK makes and signs the request; its HTTP client is ours, so that proxies, deadlines
 * and failures are as everywhere. Identity is found as Oracle's tools find it: OCI_CLI_AUTH may name an instance or resource
 * principal, else the OCI configuration file holds the key.
 */
import { homedir } from "node:os";
import type * as OciCommon from "oci-common";
import type { models } from "oci-generativeaiinference";
import { Fault, messageOf } from "../../fault.ts";
import type { BackendFactory, BackendSettings, CompletionPart, CompletionRequest, IAI } from "../backend.ts";
import { type Attempt, backendOf, baseAddress, required, type Sampling } from "./adapter.ts";
import { textAt } from "./bedrock-families.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

const name = "oci";

/** Models of Oracle Cloud, on demand or on a dedicated endpoint. */
export const oci: BackendFactory = {
  name,
  defaultModel: undefined,
  async configure(settings, guard): Promise<IAI> {
    const model = required(name, settings, "model");
    const compartmentId = required(name, settings, "compartmentId");
    const { common, GenerativeAiInferenceClient } = await loadSdk();
    const { provider, region } = await identity(common, settings);
    const base = settings.baseURL ? baseAddress(name, settings.baseURL) : undefined;
    const inference = base ?? `https://inference.generativeai.${region}.oci.oraclecloud.com`;
    const transport = await openTransport(name, settings, guard, inference);
    const signer = new common.DefaultRequestSigner(provider);
    let serving: Promise<Serving> | undefined;

    async function* complete({ request, sampling, fetch }: Attempt): ReturnType<IAI["getCompletion"]> {
      const send = async (call: OciCommon.HttpRequest): Promise<Response> => {
        await signer.signHttpRequest(call);
        return fetch(call.uri, { method: call.method, headers: call.headers, body: call.body });
      };
      const management = base ?? `https://generativeai.${region}.oci.oraclecloud.com`;
      serving ??= servingOf(model, `${management}/20231130/models/${encodeURIComponent(model)}`, send);
      const { servingMode, vendor } = await serving.catch((error: unknown) => {
        serving = undefined;
        throw error;
      });
      const client = new GenerativeAiInferenceClient(
        { httpClient: { send } },
        {
          retryConfiguration: { terminationStrategy: new common.MaxAttemptsTerminationStrategy(1) },
          circuitBreaker: new common.CircuitBreaker({ disableClientCircuitBreaker: true }),
        },
      );
      client.endpoint = inference;
      const chatRequest = vendor === "cohere" ? cohereRequest(request, sampling) : genericRequest(request, sampling);
      const answer = await client.chat({ chatDetails: { compartmentId, servingMode, chatRequest } });
      // The SDK's types leave out what it does: a streamed answer is handed on as it is.
      yield* eventsOf(answer);
    }
    return backendOf({
      name,
      settings,
      transport,
      complete,
      honours: [
        "model",
        "baseURL",
        "compartmentId",
        "providerRegion",
        "temperature",
        "topP",
        "topK",
        "maxTokens",
        "stopSequences",
      ],
    });
  },
};

/** The HTTP client inside Oracle's SDK loads a deprecated module of Node's, and Node would warn the user of it. */
async function loadSdk() {
  const { noDeprecation } = process;
  process.noDeprecation = true;
  try {
    const { default: common } = await import("oci-common");
    const { default: sdk } = await import("oci-generativeaiinference");
    return { common, GenerativeAiInferenceClient: sdk.GenerativeAiInferenceClient };
  } finally {
    process.noDeprecation = noDeprecation ?? false;
  }
}

type Common = (typeof OciCommon)["default"];

interface Serving {
  readonly servingMode: models.OnDemandServingMode | models.DedicatedServingMode;
  readonly vendor: string;
}

async function identity(
  common: Common,
  settings: BackendSettings,
): Promise<{ readonly provider: OciCommon.AuthenticationDetailsProvider; readonly region: string }> {
  const kind = process.env["OCI_CLI_AUTH"] ?? "api_key";
  try {
    const provider = await providerOf(common, kind);
    const own = common.isRegionProvider(provider) ? provider.getRegion()?.regionId : undefined;
    return { provider, region: settings.providerRegion || (own ?? required(name, settings, "providerRegion")) };
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(`Backend ${name} finds no Oracle Cloud identity (${kind}): ${messageOf(error)}`, {
      cause: error,
      next: "Run `oci setup config`, or set OCI_CLI_AUTH to instance_principal or resource_principal",
    });
  }
}

async function providerOf(common: Common, kind: string): Promise<OciCommon.AuthenticationDetailsProvider> {
  if (kind === "instance_principal") {
    return new common.InstancePrincipalsAuthenticationDetailsProviderBuilder().build();
  }
  if (kind === "resource_principal") return common.ResourcePrincipalAuthenticationDetailsProvider.builder();
  const { OCI_CLI_CONFIG_FILE, OCI_CONFIG_FILE, OCI_CLI_PROFILE } = process.env;
  const path = OCI_CLI_CONFIG_FILE ?? OCI_CONFIG_FILE ?? `${homedir()}/.oci/config`;
  return new common.ConfigFileAuthenticationDetailsProvider(path, OCI_CLI_PROFILE ?? "DEFAULT");
}

/** How the model is served and whose it is: its name tells, or else the service. */
async function servingOf(
  model: string,
  address: string,
  send: (call: OciCommon.HttpRequest) => Promise<Response>,
): Promise<Serving> {
  const onDemand: models.OnDemandServingMode = { servingType: "ON_DEMAND", modelId: model };
  if (!model.startsWith("ocid1.")) return { servingMode: onDemand, vendor: model.split(".")[0] ?? "" };
  const dedicated: models.DedicatedServingMode = { servingType: "DEDICATED", endpointId: model };
  if (model.startsWith("ocid1.generativeaiendpoint.")) return { servingMode: dedicated, vendor: "" };
  const response = await send({ method: "GET", uri: address, headers: new Headers({ accept: "application/json" }) });
  const text = await response.text();
  if (!response.ok)
    throw Object.assign(new Error(textAt(parsed(text), ["message"]) ?? text), { status: response.status });
  const details = parsed(text);
  const isBase = textAt(details, ["type"]) !== "CUSTOM";
  return { servingMode: isBase ? onDemand : dedicated, vendor: textAt(details, ["vendor"])?.toLowerCase() ?? "" };
}

function cohereRequest({ system, prompt }: CompletionRequest, sampling: Sampling): models.CohereChatRequest {
  const { temperature, topP, topK, maxTokens, stopSequences, responseSchema } = sampling;
  return {
    apiFormat: "COHERE",
    message: prompt,
    isStream: true,
    ...(system !== "" && { preambleOverride: system }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(stopSequences !== undefined && { stopSequences: [...stopSequences] }),
    ...(responseSchema !== undefined && { responseFormat: { type: "JSON_OBJECT", schema: responseSchema } }),
  };
}

function genericMessage(role: "SYSTEM" | "USER", text: string): models.Message & models.UserMessage {
  const content: models.TextContent = { type: "TEXT", text };
  return { role, content: [content] };
}

function genericRequest({ system, prompt }: CompletionRequest, sampling: Sampling): models.GenericChatRequest {
  const { temperature, topP, topK, maxTokens, stopSequences, responseSchema } = sampling;
  return {
    apiFormat: "GENERIC",
    messages: [...(system === "" ? [] : [genericMessage("SYSTEM", system)]), genericMessage("USER", prompt)],
    isStream: true,
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    // The service writes "no bound" as -1.
    ...(topK !== undefined && { topK: topK === 0 ? -1 : topK }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(stopSequences !== undefined && { stop: [...stopSequences] }),
    ...(responseSchema !== undefined && {
      responseFormat: { type: "JSON_SCHEMA", jsonSchema: { name: "explanation", schema: responseSchema } },
    }),
  };
}

/** Where the text is: in an event of Cohere's, in one of the others', and in an answer that comes whole. */
const places: readonly (readonly (string | number)[])[] = [
  ["message", "content", 0, "text"],
  ["text"],
  ["chatResult", "chatResponse", "text"],
  ["chatResult", "chatResponse", "choices", 0, "message", "content", 0, "text"],
];

async function* eventsOf(answer: unknown): AsyncGenerator<CompletionPart> {
  if (!(answer instanceof ReadableStream)) {
    yield { text: textOf(answer) };
    return;
  }
  let isFinished = false;
  let hasText = false;
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of answer) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice("data:".length).trim();
      if (data === "[DONE]") isFinished = true;
      const event = parsed(data);
      const reason = textAt(event, ["finishReason"]);
      if (reason !== undefined) isFinished = true;
      if (reason === "ERROR_TOXIC" || reason === "content_filter")
        throw refusal(name, `withheld the answer: ${reason}`);
      const text = textOf(event);
      // Cohere's last event says the whole answer again.
      if (reason !== undefined && hasText) continue;
      if (text !== "") hasText = true;
      yield { text };
    }
  }
  if (!isFinished) throw refusal(name, "ended its answer before it was complete, or gave none", true);
}

function textOf(value: unknown): string {
  return places.map((steps) => textAt(value, steps)).find((text) => text !== undefined) ?? "";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
