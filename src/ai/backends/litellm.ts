import type { BackendFactory } from "../backend.ts";
import { baseAddress, required } from "./adapter.ts";
import { chatCompletions } from "./chat-completions.ts";

const name = "litellm";

/** A LiteLLM proxy, on this machine unless `baseURL` says otherwise. Its models are named by whoever runs it. */
export const litellm: BackendFactory = {
  name,
  defaultModel: undefined,
  configure: async (settings, guard) =>
    chatCompletions({
      name,
      settings,
      guard,
      model: required(name, settings, "model"),
      baseURL: baseAddress(name, settings.baseURL || "http://localhost:4000/v1"),
      key: settings.password || undefined,
      maxTokensField: "max_tokens",
      honours: ["topK"],
    }),
};
