import { Fault } from "../../fault.ts";
import type { BackendFactory, BackendSettings } from "../backend.ts";
import { baseAddress, required, requiredKey } from "./adapter.ts";
import { chatCompletions } from "./chat-completions.ts";

const name = "azureopenai";
const apiTypes = ["AZURE", "AZURE_AD", "CLOUDFLARE_AZURE"];
/** The newest stable version of the data plane; k8sgpt's 2023-05-15 knows neither schemas nor `max_completion_tokens`. */
const defaultAPIVersion = "2024-10-21";
const firstWithMaxCompletionTokens = "2024-09-01";

/** OpenAI's models as an Azure deployment. With the API type `AZURE_AD` the password is an access token. */
export const azureopenai: BackendFactory = {
  name,
  defaultModel: undefined,
  async configure(settings, guard) {
    const base = baseAddress(name, required(name, settings, "baseURL")).replace(/\/openai$/, "");
    const apiType = (settings.azureAPIType || "AZURE").toUpperCase();
    if (!apiTypes.includes(apiType)) {
      throw new Fault(`Backend ${name} knows no azureapitype "${settings.azureAPIType}"`, {
        next: `Use one of ${apiTypes.join(", ")}`,
        usage: true,
      });
    }
    const key = requiredKey(name, settings);
    const deployment = deploymentOf(settings);
    const version = settings.azureAPIVersion || defaultAPIVersion;
    return chatCompletions({
      name,
      settings,
      guard,
      model: settings.model || deployment,
      baseURL: apiType === "CLOUDFLARE_AZURE" ? base : `${base}/openai/deployments/${encodeURIComponent(deployment)}`,
      key: apiType === "AZURE_AD" ? key : undefined,
      headers: apiType === "AZURE_AD" ? {} : { "api-key": key },
      query: { "api-version": version },
      maxTokensField: version >= firstWithMaxCompletionTokens ? "max_completion_tokens" : "max_tokens",
      honours: ["engine", "azureAPIType", "azureAPIVersion"],
    });
  },
};

/** Without a deployment's name k8sgpt makes one of the model's, as Azure suggests it: without dots and colons. */
function deploymentOf(settings: BackendSettings): string {
  if (settings.engine) return settings.engine;
  return settings.model ? settings.model.replace(/[.:]/g, "") : required(name, settings, "engine");
}
