import type { BackendFactory, IAI } from "../backend.ts";
import { type Attempt, backendOf, baseAddress, required } from "./adapter.ts";
import { defaultModels } from "./default-models.ts";
import { geminiAnswer } from "./gemini.ts";
import { openTransport } from "./transport.ts";

const name = "googlevertexai";

/** Gemini on Google Cloud's Vertex AI, with Google's application default credentials. */
export const googlevertexai: BackendFactory = {
  name,
  defaultModel: defaultModels.googlevertexai,
  async configure(settings, guard): Promise<IAI> {
    const project = required(name, settings, "providerId");
    const location = required(name, settings, "providerRegion");
    const host = location === "global" ? "aiplatform.googleapis.com" : `${location}-aiplatform.googleapis.com`;
    const baseUrl = baseAddress(name, settings.baseURL || `https://${host}`);
    const { GoogleGenAI } = await import("@google/genai");
    const transport = await openTransport(name, settings, guard, baseUrl);
    async function* complete({ request, sampling, fetch, signal }: Attempt): ReturnType<IAI["getCompletion"]> {
      const { temperature, topP, topK, maxTokens, stopSequences, responseSchema } = sampling;
      const client = new GoogleGenAI({
        vertexai: true,
        project,
        location,
        apiVersion: "v1",
        httpOptions: { fetch, retryOptions: { attempts: 1 }, baseUrl },
        // Where tokens come from may lie behind the same proxy.
        googleAuthOptions: {
          projectId: project,
          clientOptions: { transporterOptions: { fetchImplementation: transport.identityFetch } },
        },
      });
      const chunks = await client.models.generateContentStream({
        model: settings.model || defaultModels.googlevertexai,
        contents: [{ role: "user", parts: [{ text: request.prompt }] }],
        config: {
          abortSignal: signal,
          ...(request.system !== "" && { systemInstruction: request.system }),
          ...(temperature !== undefined && { temperature }),
          ...(topP !== undefined && { topP }),
          ...(topK !== undefined && { topK }),
          ...(maxTokens !== undefined && { maxOutputTokens: maxTokens }),
          ...(stopSequences !== undefined && { stopSequences: [...stopSequences] }),
          ...(responseSchema !== undefined && {
            responseMimeType: "application/json",
            responseJsonSchema: responseSchema,
          }),
        },
      });
      yield* geminiAnswer(name, chunks);
    }
    return backendOf({
      name,
      settings,
      transport,
      complete,
      honours: [
        "model",
        "baseURL",
        "providerId",
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
