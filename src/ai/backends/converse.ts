/** Bedrock's Converse call, for every model that Bedrock has. */
import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import type { CompletionPart } from "../backend.ts";
import { type Attempt, costOf } from "./adapter.ts";
import { refusal } from "./failure.ts";

/** Asks through Converse and yields the answer as it arrives. */
export async function* converse(
  name: string,
  client: BedrockRuntimeClient,
  modelId: string,
  { request, sampling, signal }: Attempt,
): AsyncGenerator<CompletionPart> {
  const {
    default: { ConverseStreamCommand },
  } = await import("@aws-sdk/client-bedrock-runtime");
  const { temperature, topP, topK, maxTokens, stopSequences, responseSchema } = sampling;
  const command = new ConverseStreamCommand({
    modelId,
    messages: [{ role: "user", content: [{ text: request.prompt }] }],
    ...(request.system !== "" && { system: [{ text: request.system }] }),
    inferenceConfig: {
      ...(temperature !== undefined && { temperature }),
      ...(topP !== undefined && { topP }),
      ...(maxTokens !== undefined && { maxTokens }),
      ...(stopSequences !== undefined && { stopSequences: [...stopSequences] }),
    },
    // Converse has no field of its own for it; each family of models spells it in its own way.
    ...(topK !== undefined && { additionalModelRequestFields: topKField(modelId, topK) }),
    ...(responseSchema !== undefined && {
      outputConfig: {
        textFormat: {
          type: "json_schema",
          structure: { jsonSchema: { name: "explanation", schema: JSON.stringify(responseSchema) } },
        },
      },
    }),
  });
  const { stream } = await client.send(command, { abortSignal: signal });
  let isFinished = false;
  for await (const event of stream ?? []) {
    if (event.contentBlockDelta) yield { text: event.contentBlockDelta.delta?.text ?? "" };
    const reason = event.messageStop?.stopReason;
    if (reason !== undefined) isFinished = true;
    if (reason === "guardrail_intervened" || reason === "content_filtered") {
      throw refusal(name, `withheld the answer: ${reason}`);
    }
    const { inputTokens, outputTokens } = event.metadata?.usage ?? {};
    yield { text: "", ...costOf(inputTokens, outputTokens) };
  }
  if (!isFinished) throw refusal(name, "ended its answer before it was complete, or gave none", true);
}

function topKField(modelId: string, topK: number): Record<string, number | Record<string, number>> {
  return modelId.includes("amazon.nova") ? { inferenceConfig: { topK } } : { top_k: topK };
}
