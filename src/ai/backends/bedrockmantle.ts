import { Fault } from "../../fault.ts";
import type { BackendFactory } from "../backend.ts";
import { baseAddress, required } from "./adapter.ts";
import { chatCompletions } from "./chat-completions.ts";

const name = "bedrockmantle";

/** Amazon Bedrock's OpenAI-compatible API, with a Bedrock API key. */
export const bedrockmantle: BackendFactory = {
  name,
  defaultModel: undefined,
  async configure(settings, guard) {
    const model = required(name, settings, "model");
    const baseURL =
      settings.baseURL || `https://bedrock-mantle.${required(name, settings, "providerRegion")}.api.aws/v1`;
    const key = settings.password || process.env["AWS_BEARER_TOKEN_BEDROCK"];
    if (!key) {
      throw new Fault(`No API key for backend ${name}`, {
        next: "Set AWS_BEARER_TOKEN_BEDROCK to an Amazon Bedrock API key, or run `k8sgpt auth add -b bedrockmantle`",
      });
    }
    return chatCompletions({
      name,
      settings,
      guard,
      model,
      baseURL: baseAddress(name, baseURL),
      key,
      maxTokensField: "max_tokens",
      honours: ["providerRegion"],
    });
  },
};
