import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import type { BackendFactory, CompletionPart, IAI } from "../backend.ts";
import { type Attempt, backendOf, costOf, required } from "./adapter.ts";
import { awsAddress, awsOptions, awsRegion, regionWarnings, atTheDoor } from "./aws.ts";
import { families, type Family, numberAt, textAt } from "./bedrock-families.ts";
import { converse } from "./converse.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

const name = "amazonbedrock";

/** Models of Amazon Bedrock through the call that each family words in its own way; unknown families through Converse. */
export const amazonbedrock: BackendFactory = {
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
    // The ARN of an inference profile does not name its model's family; Converse needs none.
    const family = families.find(({ pattern }) => pattern.test(model));
    return backendOf({
      name,
      settings,
      transport,
      warnings: regionWarnings(name, settings, region),
      honours: [
        "model",
        "baseURL",
        "providerRegion",
        "temperature",
        "topP",
        "maxTokens",
        "stopSequences",
        ...(family === undefined || family.takesTopK ? (["topK"] as const) : []),
      ],
      complete: (attempt) =>
        family === undefined ? converse(name, client, model, attempt) : invoke(client, model, family, attempt),
      close: () => client.destroy(),
    });
  },
};

async function* invoke(
  client: BedrockRuntimeClient,
  modelId: string,
  family: Family,
  { request, sampling, signal }: Attempt,
): AsyncGenerator<CompletionPart> {
  const {
    default: { InvokeModelCommand, InvokeModelWithResponseStreamCommand },
  } = await import("@aws-sdk/client-bedrock-runtime");
  const input = {
    modelId,
    contentType: "application/json",
    accept: "application/json",
    body: JSON.stringify(family.body(request, sampling)),
  };
  if (!family.streams) {
    const { body } = await client.send(new InvokeModelCommand(input), { abortSignal: signal });
    yield { text: textAt(JSON.parse(body.transformToString()), family.text) ?? "" };
    return;
  }
  const { body } = await client.send(new InvokeModelWithResponseStreamCommand(input), { abortSignal: signal });
  let isFinished = false;
  for await (const { chunk } of body ?? []) {
    if (chunk?.bytes === undefined) continue;
    const event: unknown = JSON.parse(new TextDecoder().decode(chunk.bytes));
    const reason = textAt(event, ["delta", "stop_reason"]) ?? textAt(event, ["messageStop", "stopReason"]);
    if (reason !== undefined) isFinished = true;
    if (reason === "refusal" || reason === "content_filtered") throw refusal(name, `withheld the answer: ${reason}`);
    const text = textAt(event, family.text);
    // Bedrock adds the cost to the last event, whatever the family.
    const input = numberAt(event, ["amazon-bedrock-invocationMetrics", "inputTokenCount"]);
    const output = numberAt(event, ["amazon-bedrock-invocationMetrics", "outputTokenCount"]);
    yield { text: text ?? "", ...costOf(input, output) };
  }
  if (!isFinished) throw refusal(name, "ended its answer before it was complete, or gave none", true);
}
