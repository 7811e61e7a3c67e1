/** The bodies of Bedrock's older call, one per family of models: what is sent, and where the text is in the answer. */
import type { CompletionRequest } from "../backend.ts";
import { joined, type Sampling } from "./adapter.ts";

/** A family of models that share one JSON. */
export interface Family {
  readonly pattern: RegExp;
  readonly body: (request: CompletionRequest, sampling: Sampling) => object;
  /** Whether the family has an equivalent of topK. */
  readonly takesTopK: boolean;
  /** Steps to the text in the answer, or in each event of a streamed answer. */
  readonly text: readonly (string | number)[];
  /** Whether the answer is read as it arrives; `text` then leads into an event. */
  readonly streams: boolean;
}

const defaultMaxTokens = 2048;

/** Families by the model's name, which a region's prefix may precede. What is of no family here goes through Converse. */
export const families: readonly Family[] = [
  {
    pattern: /^([a-z-]+\.)?anthropic\.claude-(?!v\d|instant)/,
    takesTopK: true,
    streams: true,
    text: ["delta", "text"],
    body: (
      { system, prompt },
      { temperature, topP, topK, maxTokens = defaultMaxTokens, stopSequences, responseSchema },
    ) => ({
      anthropic_version: "bedrock-2023-05-31",
      max_tokens: maxTokens,
      temperature,
      top_p: topP,
      top_k: topK,
      stop_sequences: stopSequences,
      ...(system !== "" && { system }),
      ...(responseSchema !== undefined && {
        output_config: { format: { type: "json_schema", schema: responseSchema } },
      }),
      messages: [{ role: "user", content: [{ type: "text", text: prompt }] }],
    }),
  },
  {
    pattern: /^anthropic\.claude-(v\d|instant)/,
    takesTopK: true,
    streams: false,
    text: ["completion"],
    body: (request, { temperature, topP, topK, maxTokens = defaultMaxTokens, stopSequences }) => ({
      prompt: `\n\nHuman: ${joined(request)}\n\nAssistant:`,
      max_tokens_to_sample: maxTokens,
      temperature,
      top_p: topP,
      top_k: topK,
      stop_sequences: stopSequences,
    }),
  },
  {
    pattern: /^ai21\.j2-/,
    takesTopK: false,
    streams: false,
    text: ["completions", 0, "data", "text"],
    body: (request, { temperature, topP, maxTokens, stopSequences }) => ({
      prompt: joined(request),
      maxTokens,
      temperature,
      topP,
      stopSequences,
    }),
  },
  {
    pattern: /^amazon\.titan-text/,
    takesTopK: false,
    streams: false,
    text: ["results", 0, "outputText"],
    body: (request, { temperature, topP, maxTokens, stopSequences }) => ({
      inputText: joined(request),
      textGenerationConfig: { maxTokenCount: maxTokens, temperature, topP, stopSequences },
    }),
  },
  {
    pattern: /^([a-z-]+\.)?amazon\.nova-/,
    takesTopK: true,
    streams: true,
    text: ["contentBlockDelta", "delta", "text"],
    body: ({ system, prompt }, { temperature, topP, topK, maxTokens, stopSequences }) => ({
      inferenceConfig: { max_new_tokens: maxTokens, temperature, topP, topK, stopSequences },
      ...(system !== "" && { system: [{ text: system }] }),
      messages: [{ role: "user", content: [{ text: prompt }] }],
    }),
  },
];

/** What lies at the end of the steps, when it is text. */
export function textAt(value: unknown, steps: readonly (string | number)[]): string | undefined {
  const found = valueAt(value, steps);
  return typeof found === "string" ? found : undefined;
}

/** What lies at the end of the steps, when it is a number. */
export function numberAt(value: unknown, steps: readonly (string | number)[]): number | undefined {
  const found = valueAt(value, steps);
  return typeof found === "number" ? found : undefined;
}

function valueAt(value: unknown, steps: readonly (string | number)[]): unknown {
  return steps.reduce<unknown>(
    (holder, step) => (typeof holder === "object" && holder !== null ? Reflect.get(holder, step) : undefined),
    value,
  );
}
