import type { BackendFactory, IAI } from "../backend.ts";
import { type Attempt, backendOf, baseAddress, costOf, required, requiredKey } from "./adapter.ts";
import { defaultModels } from "./default-models.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

const name = "ibmwatsonxai";
/** The region that k8sgpt always used, kept for configurations that name none; a warning says so. */
const usualRegion = "us-south";
const apiVersion = "2025-02-11";

/** IBM watsonx.ai, with an IBM Cloud API key, in a project. */
export const ibmwatsonxai: BackendFactory = {
  name,
  defaultModel: defaultModels.ibmwatsonxai,
  async configure(settings, guard): Promise<IAI> {
    const apikey = requiredKey(name, settings);
    const projectId = required(name, settings, "providerId");
    const { WATSONX_URL_HOST: host, WATSONX_IAM_HOST: tokenHost } = process.env;
    const region = settings.providerRegion || usualRegion;
    const serviceUrl = baseAddress(name, settings.baseURL || `https://${host || `${region}.ml.cloud.ibm.com`}`);
    const tokenAddress = tokenHost?.includes("://") ? tokenHost : `https://${tokenHost || "iam.cloud.ibm.com"}`;
    const { WatsonXAI } = await import("@ibm-cloud/watsonx-ai");
    const {
      default: { IamAuthenticator },
    } = await import("ibm-cloud-sdk-core");
    const transport = await openTransport(name, settings, guard, serviceUrl);
    // The SDK's HTTP client has proxies of its own, which know less than ours; and it would follow redirects.
    const axios = { proxy: false, maxRedirects: 0 };
    const authenticator = new IamAuthenticator({
      apikey,
      url: tokenAddress,
      ...axios,
      ...transport.agentsFor(tokenAddress),
    });
    const client = WatsonXAI.newInstance({
      version: apiVersion,
      serviceUrl,
      authenticator,
      ...axios,
      ...transport.agentsFor(serviceUrl),
    });
    async function* complete({ request, sampling, signal }: Attempt): ReturnType<IAI["getCompletion"]> {
      const { temperature, topP, maxTokens, stopSequences, responseSchema } = sampling;
      const chunks = await client.textChatStream({
        modelId: settings.model || defaultModels.ibmwatsonxai,
        projectId,
        messages: [
          { role: "system", content: request.system },
          { role: "user", content: [{ type: "text", text: request.prompt }] },
        ],
        returnObject: true,
        signal,
        headers: { ...settings.customHeaders },
        ...(temperature !== undefined && { temperature }),
        ...(topP !== undefined && { topP }),
        ...(maxTokens !== undefined && { maxTokens }),
        ...(stopSequences !== undefined && { stop: [...stopSequences] }),
        ...(responseSchema !== undefined && { guidedJSON: JSON.stringify(responseSchema) }),
      });
      let isFinished = false;
      for await (const { data } of chunks) {
        const [choice] = data.choices ?? [];
        if (choice?.finish_reason) isFinished = true;
        yield {
          text: choice?.delta?.content ?? "",
          ...costOf(data.usage?.prompt_tokens, data.usage?.completion_tokens),
        };
      }
      if (!isFinished) throw refusal(name, "ended its answer before it was complete, or gave none", true);
    }
    return backendOf({
      name,
      settings,
      transport,
      warnings:
        settings.providerRegion || settings.baseURL || host
          ? []
          : [`${name}: no providerregion; ${usualRegion} is used`],
      honours: [
        "model",
        "password",
        "baseURL",
        "providerId",
        "providerRegion",
        "temperature",
        "topP",
        "maxTokens",
        "stopSequences",
      ],
      complete,
    });
  },
};
