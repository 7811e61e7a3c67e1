import { type BackendFactory, BackendFailure, type CompletionPart, type IAI } from "../backend.ts";
import { type Attempt, backendOf, baseAddress, joined } from "./adapter.ts";
import { defaultModels } from "./default-models.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

const name = "customrest";

/** Any server that takes k8sgpt's own small JSON at `baseURL` and answers with it, whole or line by line. */
export const customrest: BackendFactory = {
  name,
  defaultModel: defaultModels.customrest,
  async configure(settings, guard): Promise<IAI> {
    const address = baseAddress(name, settings.baseURL || "http://localhost:11434");
    const transport = await openTransport(name, settings, guard, address);
    async function* complete({ request, sampling, fetch }: Attempt): ReturnType<IAI["getCompletion"]> {
      const { temperature, topP, topK, maxTokens, stopSequences, responseSchema } = sampling;
      const response = await fetch(address, {
        method: "POST",
        headers: {
          accept: "application/x-ndjson",
          "content-type": "application/json",
          ...(settings.password && { authorization: `Bearer ${settings.password}` }),
        },
        body: JSON.stringify({
          model: settings.model || defaultModels.customrest,
          prompt: joined(request),
          options: {
            temperature,
            top_p: topP,
            top_k: topK,
            max_tokens: maxTokens,
            stop: stopSequences,
            message: request.prompt,
          },
          format: responseSchema,
        }),
      });
      if (!response.ok) {
        const { status } = response;
        throw Object.assign(new Error((await response.text()) || `HTTP ${status}`), { status });
      }
      if (response.body === null) throw refusal(name, "gave an empty answer", true);
      yield* linesOf(response.body);
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

/** One JSON text, or several, a line each. A JSON text over several lines is taken when all of it is there. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<CompletionPart> {
  const decoder = new TextDecoder();
  let rest = "";
  let pending = "";
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      pending += `${line}\n`;
      const part = partOf(pending);
      if (part === undefined) continue;
      pending = "";
      yield part;
    }
  }
  const last = partOf(pending + rest + decoder.decode());
  if (last === undefined) throw refusal(name, "answered with something that is not JSON", true);
  yield last;
}

function partOf(text: string): CompletionPart | undefined {
  if (text.trim() === "") return { text: "" };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const error: unknown = Reflect.get(value, "error");
    if (typeof error === "string") throw new BackendFailure(`${name} failed: ${error}`, { isTransient: false });
    const response: unknown = Reflect.get(value, "response");
    return { text: typeof response === "string" ? response : "" };
  } catch (error) {
    if (error instanceof BackendFailure) throw error;
    return undefined;
  }
}
