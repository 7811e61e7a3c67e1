import type { BackendFactory } from "../backend.ts";
import { baseAddress, requiredKey } from "./adapter.ts";
import { chatCompletions } from "./chat-completions.ts";
import { defaultModels } from "./default-models.ts";

const name = "groq";

/** Groq's OpenAI-compatible API. */
export const groq: BackendFactory = {
  name,
  defaultModel: defaultModels.groq,
  configure: async (settings, guard) =>
    chatCompletions({
      name,
      settings,
      guard,
      model: settings.model || defaultModels.groq,
      baseURL: baseAddress(name, settings.baseURL || "https://api.groq.com/openai/v1"),
      key: requiredKey(name, settings),
      maxTokensField: "max_tokens",
    }),
};
