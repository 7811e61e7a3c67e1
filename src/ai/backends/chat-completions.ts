/** The chat API of OpenAI, which half of all vendors speak: one adapter for all of them, through OpenAI's SDK. */
import type { BackendSettings, IAI } from "../backend.ts";
import type { HostGuard } from "../door.ts";
import { type Attempt, backendOf, costOf } from "./adapter.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

/** How one vendor differs from OpenAI. */
export interface ChatCompletions {
  readonly name: string;
  readonly settings: BackendSettings;
  readonly guard: HostGuard;
  readonly model: string;
  readonly baseURL: string;
  /** Sent as bearer token; undefined where the server wants none. */
  readonly key: string | undefined;
  /** The field that bounds the answer: OpenAI renamed it, most others did not. */
  readonly maxTokensField: "max_tokens" | "max_completion_tokens";
  /** Settings beside the common ones that reach the vendor. */
  readonly honours?: readonly (keyof BackendSettings)[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly warnings?: readonly string[];
}

/** Sets up a backend that speaks OpenAI's chat API. */
export async function chatCompletions(vendor: ChatCompletions): Promise<IAI> {
  const { name, settings, guard, model, baseURL, key, headers, query, maxTokensField, warnings, honours = [] } = vendor;
  const { default: OpenAI } = await import("openai");
  const transport = await openTransport(name, settings, guard, baseURL);
  const takesTopK = honours.includes("topK");
  async function* complete({ request, sampling, fetch }: Attempt): ReturnType<IAI["getCompletion"]> {
    // Nothing is left to the SDK's own environment variables: they could send the text elsewhere.
    const client = new OpenAI({
      apiKey: key ?? "none",
      baseURL,
      organization: settings.organizationId ?? null,
      project: null,
      maxRetries: 0,
      logLevel: "off",
      fetch,
      defaultHeaders: { ...(key === undefined && { authorization: null }), ...headers },
      defaultQuery: { ...query },
    });
    const { temperature, topP, topK, maxTokens, stopSequences, responseSchema, usage } = sampling;
    const chunks = await client.chat.completions.create({
      model,
      messages: [
        { role: "system", content: request.system },
        { role: "user", content: request.prompt },
      ],
      stream: true,
      ...(usage && { stream_options: { include_usage: true } }),
      ...(temperature !== undefined && { temperature }),
      ...(topP !== undefined && { top_p: topP }),
      ...(topK !== undefined && takesTopK && { top_k: topK }),
      ...(maxTokens !== undefined && { [maxTokensField]: maxTokens }),
      ...(stopSequences !== undefined && { stop: [...stopSequences] }),
      ...(responseSchema !== undefined && {
        response_format: { type: "json_schema", json_schema: { name: "explanation", schema: responseSchema } },
      }),
    });
    let isFinished = false;
    for await (const { choices, usage } of chunks) {
      const cost = costOf(usage?.prompt_tokens, usage?.completion_tokens);
      // The last chunk may carry the cost and no choice.
      const [choice] = choices ?? [];
      if (choice?.delta?.refusal) throw refusal(name, `refused to answer: ${choice.delta.refusal}`);
      if (choice?.finish_reason === "content_filter") throw refusal(name, "withheld the answer: content filter");
      if (choice?.finish_reason) isFinished = true;
      const text = choice?.delta?.content ?? "";
      if (text !== "" || cost.usage !== undefined) yield { text, ...cost };
    }
    if (!isFinished) throw refusal(name, "ended its answer before it was complete, or gave none", true);
  }
  return backendOf({
    name,
    settings,
    transport,
    complete,
    honours: [
      "model",
      "password",
      "baseURL",
      "temperature",
      "topP",
      "maxTokens",
      "stopSequences",
      "organizationId",
      ...honours,
    ],
    ...(warnings && { warnings }),
  });
}
