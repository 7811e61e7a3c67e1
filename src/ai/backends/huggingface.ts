import type { BackendFactory, IAI } from "../backend.ts";
import { type Attempt, backendOf, baseAddress, costOf, requiredKey } from "./adapter.ts";
import { defaultModels } from "./default-models.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

const name = "huggingface";
const router = "https://router.huggingface.co/v1";

/** Hugging Face's router of inference providers, or an endpoint of one's own: `baseURL`, or a model that is an address. */
export const huggingface: BackendFactory = {
  name,
  defaultModel: defaultModels.huggingface,
  async configure(settings, guard): Promise<IAI> {
    const accessToken = requiredKey(name, settings);
    const named = settings.model || defaultModels.huggingface;
    const isAddress = /^https?:\/\//.test(named);
    const endpointUrl = baseAddress(name, isAddress ? named : settings.baseURL || router);
    // An endpoint of one's own serves one model, whatever it is called.
    const model = isAddress ? "tgi" : named;
    const { InferenceClient } = await import("@huggingface/inference");
    const transport = await openTransport(name, settings, guard, endpointUrl);
    async function* complete({ request, sampling, fetch, signal }: Attempt): ReturnType<IAI["getCompletion"]> {
      const client = new InferenceClient(accessToken, { fetch, retry_on_error: false, signal });
      const { temperature, topP, topK, maxTokens, stopSequences, responseSchema, usage } = sampling;
      const chunks = client.chatCompletionStream({
        // With an address the SDK asks no other host which provider to take: the router chooses.
        endpointUrl,
        model,
        messages: [
          { role: "system", content: request.system },
          { role: "user", content: request.prompt },
        ],
        ...(usage && { stream_options: { include_usage: true } }),
        ...(temperature !== undefined && { temperature }),
        ...(topP !== undefined && { top_p: topP }),
        ...(topK !== undefined && { top_k: topK }),
        ...(maxTokens !== undefined && { max_tokens: maxTokens }),
        ...(stopSequences !== undefined && { stop: [...stopSequences] }),
        ...(responseSchema !== undefined && {
          response_format: { type: "json_schema", json_schema: { name: "explanation", schema: { ...responseSchema } } },
        }),
      });
      let isFinished = false;
      for await (const { choices, usage: counted } of chunks) {
        const [choice] = choices ?? [];
        if (choice?.finish_reason === "content_filter") throw refusal(name, "withheld the answer: content filter");
        if (choice?.finish_reason) isFinished = true;
        yield { text: choice?.delta?.content ?? "", ...costOf(counted?.prompt_tokens, counted?.completion_tokens) };
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
