import type { BackendFactory } from "../backend.ts";
import { baseAddress, required } from "./adapter.ts";
import { chatCompletions } from "./chat-completions.ts";

const name = "localai";

/** LocalAI. Its address must be given: without one the text would go to a public host. */
export const localai: BackendFactory = {
  name,
  defaultModel: undefined,
  configure: async (settings, guard) =>
    chatCompletions({
      name,
      settings,
      guard,
      baseURL: baseAddress(name, required(name, settings, "baseURL")),
      model: required(name, settings, "model"),
      key: settings.password || undefined,
      maxTokensField: "max_completion_tokens",
      honours: ["topK"],
    }),
};
