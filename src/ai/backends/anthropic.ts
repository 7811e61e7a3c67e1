import type { BackendFactory, IAI } from "../backend.ts";
import { type Attempt, backendOf, baseAddress, costOf, requiredKey } from "./adapter.ts";
import { defaultModels } from "./default-models.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

const name = "anthropic";
/** The API wants a bound; this one is k8sgpt's. */
const defaultMaxTokens = 2048;

/** Anthropic's messages API. */
export const anthropic: BackendFactory = {
  name,
  defaultModel: defaultModels.anthropic,
  async configure(settings, guard): Promise<IAI> {
    const apiKey = requiredKey(name, settings);
    const address = baseAddress(name, settings.baseURL || "https://api.anthropic.com");
    const baseURL = address.replace(/(\/v1)?\/messages$/, "").replace(/\/v1$/, "");
    const model = settings.model || defaultModels.anthropic;
    const { default: Anthropic } = await import("@anthropic-ai/sdk");
    const transport = await openTransport(name, settings, guard, baseURL);
    async function* complete({ request, sampling, fetch }: Attempt): ReturnType<IAI["getCompletion"]> {
      const client = new Anthropic({
        apiKey,
        authToken: null,
        baseURL,
        maxRetries: 0,
        logLevel: "off",
        fetch,
        // The SDK sends the key as a bearer token; gateways made for its older versions look for it here.
        ...(settings.baseURL && { defaultHeaders: { "x-api-key": apiKey, authorization: `Bearer ${apiKey}` } }),
      });
      const { temperature, topP, topK, maxTokens, stopSequences, responseSchema } = sampling;
      const events = await client.messages.create({
        model,
        max_tokens: maxTokens !== undefined && maxTokens > 0 ? maxTokens : defaultMaxTokens,
        messages: [{ role: "user", content: [{ type: "text", text: request.prompt }] }],
        stream: true,
        ...(request.system !== "" && { system: request.system }),
        ...(temperature !== undefined && { temperature }),
        ...(topP !== undefined && { top_p: topP }),
        ...(topK !== undefined && { top_k: topK }),
        ...(stopSequences !== undefined && { stop_sequences: [...stopSequences] }),
        ...(responseSchema !== undefined && {
          output_config: { format: { type: "json_schema", schema: responseSchema } },
        }),
      });
      let inputTokens: number | undefined;
      let isFinished = false;
      for await (const event of events) {
        if (event.type === "message_start") inputTokens = event.message.usage?.input_tokens;
        if (event.type === "message_stop") isFinished = true;
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") yield { text: event.delta.text };
        if (event.type === "message_delta") {
          if (event.delta.stop_reason === "refusal") throw refusal(name, "refused to answer");
          yield { text: "", ...costOf(inputTokens, event.usage?.output_tokens) };
        }
      }
      if (!isFinished) throw refusal(name, "ended its answer before it was complete, or gave none", true);
    }
    return backendOf({
      name,
      settings,
      transport,
      complete,
      honours: ["model", "password", "baseURL", "temperature", "topP", "topK", "maxTokens", "stopSequences"],
    });
  },
};
