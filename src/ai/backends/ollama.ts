import type { BackendFactory, IAI } from "../backend.ts";
import { type Attempt, backendOf, baseAddress, costOf } from "./adapter.ts";
import { defaultModels } from "./default-models.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

const name = "ollama";

/** An Ollama server, on this machine unless `baseURL` says otherwise. */
export const ollama: BackendFactory = {
  name,
  defaultModel: defaultModels.ollama,
  async configure(settings, guard): Promise<IAI> {
    const host = baseAddress(name, settings.baseURL || "http://localhost:11434");
    const model = settings.model || defaultModels.ollama;
    // The main entry adds only reading of image files, and a polyfill of fetch.
    const { Ollama } = await import("ollama/browser");
    const transport = await openTransport(name, settings, guard, host);
    async function* complete({ request, sampling, fetch }: Attempt): ReturnType<IAI["getCompletion"]> {
      // A server behind a gateway may want a token.
      const headers = settings.password ? { authorization: `Bearer ${settings.password}` } : {};
      const client = new Ollama({ host, fetch, headers });
      const { temperature, topP, topK, maxTokens, stopSequences, responseSchema } = sampling;
      const parts = await client.generate({
        model,
        system: request.system,
        prompt: request.prompt,
        stream: true,
        ...(responseSchema !== undefined && { format: responseSchema }),
        options: {
          ...(temperature !== undefined && { temperature }),
          ...(topP !== undefined && { top_p: topP }),
          ...(topK !== undefined && { top_k: topK }),
          ...(maxTokens !== undefined && { num_predict: maxTokens }),
          ...(stopSequences !== undefined && { stop: [...stopSequences] }),
        },
      });
      let isFinished = false;
      for await (const { response = "", done, prompt_eval_count, eval_count } of parts) {
        if (!done) {
          yield { text: response };
          continue;
        }
        isFinished = true;
        yield { text: response, ...costOf(prompt_eval_count, eval_count) };
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
