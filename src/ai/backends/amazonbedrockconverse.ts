import type { BackendFactory, IAI } from "../backend.ts";
import { backendOf, required } from "./adapter.ts";
import { awsAddress, awsOptions, awsRegion, regionWarnings, atTheDoor } from "./aws.ts";
import { converse } from "./converse.ts";
import { openTransport } from "./transport.ts";

const name = "amazonbedrockconverse";

/** Every model of Amazon Bedrock, through its Converse call. */
export const amazonbedrockconverse: BackendFactory = {
  name,
  defaultModel: undefined,
  async configure(settings, guard): Promise<IAI> {
    const model = required(name, settings, "model");
    const region = awsRegion(name, settings);
    const {
      default: { BedrockRuntimeClient },
    } = await import("@aws-sdk/client-bedrock-runtime");
    const address = awsAddress(name, settings, "bedrock-runtime", region);
    const transport = await openTransport(name, settings, guard, address);
    const client = new BedrockRuntimeClient(await awsOptions(name, settings, transport, address, region));
    atTheDoor(client, transport, settings.customHeaders);
    return backendOf({
      name,
      settings,
      transport,
      warnings: regionWarnings(name, settings, region),
      honours: ["model", "baseURL", "providerRegion", "temperature", "topP", "topK", "maxTokens", "stopSequences"],
      complete: (attempt) => converse(name, client, model, attempt),
      close: () => client.destroy(),
    });
  },
};
