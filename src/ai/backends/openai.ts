import type { BackendFactory } from "../backend.ts";
import { baseAddress, requiredKey } from "./adapter.ts";
import { chatCompletions } from "./chat-completions.ts";
import { defaultModels } from "./default-models.ts";

const name = "openai";

/** OpenAI, and every server that speaks its chat API when `baseURL` is set. */
export const openai: BackendFactory = {
  name,
  defaultModel: defaultModels.openai,
  configure: async (settings, guard) =>
    chatCompletions({
      name,
      settings,
      guard,
      model: settings.model || defaultModels.openai,
      baseURL: baseAddress(name, settings.baseURL || "https://api.openai.com/v1"),
      key: requiredKey(name, settings),
      maxTokensField: "max_completion_tokens",
    }),
};
