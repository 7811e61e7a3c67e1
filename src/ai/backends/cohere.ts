import type { BackendFactory, IAI } from "../backend.ts";
import { type Attempt, backendOf, baseAddress, costOf, requiredKey } from "./adapter.ts";
import { defaultModels } from "./default-models.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

const name = "cohere";

/** Cohere's chat API, version 2: version 1 is retired. */
export const cohere: BackendFactory = {
  name,
  defaultModel: defaultModels.cohere,
  async configure(settings, guard): Promise<IAI> {
    const token = requiredKey(name, settings);
    const baseUrl = baseAddress(name, settings.baseURL || "https://api.cohere.com").replace(/\/v[12]$/, "");
    const model = settings.model || defaultModels.cohere;
    const {
      default: { CohereClientV2 },
    } = await import("cohere-ai");
    const transport = await openTransport(name, settings, guard, baseUrl);
    async function* complete({ request, sampling, fetch }: Attempt): ReturnType<IAI["getCompletion"]> {
      const client = new CohereClientV2({ token, baseUrl, maxRetries: 0, fetch });
      const { temperature, topP, topK, maxTokens, stopSequences, responseSchema } = sampling;
      const events = await client.chatStream({
        model,
        messages: [
          { role: "system", content: request.system },
          { role: "user", content: request.prompt },
        ],
        ...(temperature !== undefined && { temperature }),
        ...(topP !== undefined && { p: topP }),
        ...(topK !== undefined && { k: topK }),
        ...(maxTokens !== undefined && { maxTokens }),
        ...(stopSequences !== undefined && { stopSequences: [...stopSequences] }),
        ...(responseSchema !== undefined && {
          responseFormat: { type: "json_object", jsonSchema: { ...responseSchema } },
        }),
      });
      let isFinished = false;
      for await (const event of events) {
        if (event.type === "content-delta") yield { text: event.delta?.message?.content?.text ?? "" };
        if (event.type !== "message-end") continue;
        isFinished = true;
        const { finishReason, usage } = event.delta ?? {};
        if (finishReason === "ERROR" || finishReason === "TIMEOUT") {
          throw refusal(name, `could not complete its answer (${finishReason})`, true);
        }
        const { inputTokens, outputTokens } = usage?.tokens ?? usage?.billedUnits ?? {};
        yield { text: "", ...costOf(inputTokens, outputTokens) };
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
