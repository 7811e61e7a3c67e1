/**
 * Google's Gemini API. Its SDK is retired by its vendor and stays alone in this file. It always calls the global `fetch`,
 * so that one is replaced, once, by a function that behaves as before except inside calls of this backend.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Schema } from "@google/generative-ai";
import type { BackendFactory, IAI } from "../backend.ts";
import { type Attempt, backendOf, baseAddress, requiredKey } from "./adapter.ts";
import { defaultModels } from "./default-models.ts";
import { geminiAnswer } from "./gemini.ts";
import { accessTokens, serviceAccountOf } from "./google-key.ts";
import { type Fetch, openTransport } from "./transport.ts";

const name = "google";
const fetchOfCall = new AsyncLocalStorage<Fetch>();
let isReplaced = false;

function replaceGlobalFetch(): void {
  if (isReplaced) return;
  isReplaced = true;
  const original = globalThis.fetch;
  globalThis.fetch = async (input, init) => (fetchOfCall.getStore() ?? original)(input, init);
}

/** Google's Gemini API with an API key or a service account. */
export const google: BackendFactory = {
  name,
  defaultModel: defaultModels.google,
  async configure(settings, guard): Promise<IAI> {
    const key = requiredKey(name, settings);
    const baseUrl = baseAddress(name, settings.baseURL || "https://generativelanguage.googleapis.com");
    const tokens = key.trimStart().startsWith("{") ? accessTokens(name, serviceAccountOf(name, key)) : undefined;
    const { GoogleGenerativeAI } = await import("@google/generative-ai");
    const transport = await openTransport(name, settings, guard, baseUrl);
    replaceGlobalFetch();
    async function* complete({ request, sampling, fetch, identityFetch }: Attempt): ReturnType<IAI["getCompletion"]> {
      const { temperature, topP, topK, maxTokens, stopSequences, responseSchema } = sampling;
      const customHeaders = tokens && { authorization: `Bearer ${await tokens(identityFetch)}` };
      const model = new GoogleGenerativeAI(tokens === undefined ? key : "service-account").getGenerativeModel(
        {
          model: settings.model || defaultModels.google,
          ...(request.system !== "" && { systemInstruction: request.system }),
          generationConfig: {
            ...(temperature !== undefined && { temperature }),
            ...(topP !== undefined && { topP }),
            ...(topK !== undefined && { topK }),
            ...(maxTokens !== undefined && { maxOutputTokens: maxTokens }),
            ...(stopSequences !== undefined && { stopSequences: [...stopSequences] }),
            ...(responseSchema !== undefined && {
              responseMimeType: "application/json",
              // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK's type is a subset of JSON Schema
              responseSchema: geminiSchema(responseSchema) as Schema,
            }),
          },
        },
        { baseUrl, ...(customHeaders && { customHeaders }) },
      );
      const ours: Fetch = async (input, init) => {
        if (tokens === undefined) return fetch(input, init);
        const headers = new Headers(init?.headers);
        headers.delete("x-goog-api-key");
        return fetch(input, { ...init, headers });
      };
      const contents = [{ role: "user", parts: [{ text: request.prompt }] }];
      const { stream, response } = await fetchOfCall.run(ours, async () => model.generateContentStream({ contents }));
      // The SDK also gathers the whole answer, beside the stream, and nobody waits for that.
      response.catch(() => undefined);
      yield* geminiAnswer(name, stream);
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

/** Gemini's schemas are JSON Schema without `additionalProperties` and `$schema`, which it refuses. */
function geminiSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(geminiSchema);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([field]) => field !== "additionalProperties" && field !== "$schema")
      .map(([field, value]) => [field, geminiSchema(value)]),
  );
}
