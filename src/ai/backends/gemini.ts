/** What Google's two APIs for Gemini share: the reading of a streamed answer. */
import type { CompletionPart } from "../backend.ts";
import { costOf } from "./adapter.ts";
import { refusal } from "./failure.ts";

/** The parts of a streamed answer that both of Google's SDKs have. */
export interface GeminiChunk {
  readonly candidates?:
    | readonly {
        readonly finishReason?: string | undefined;
        readonly safetyRatings?: readonly GeminiRating[] | undefined;
        readonly content?: { readonly parts?: readonly GeminiTextPart[] | undefined } | undefined;
      }[]
    | undefined;
  readonly promptFeedback?:
    | { readonly blockReason?: string | undefined; readonly safetyRatings?: readonly GeminiRating[] | undefined }
    | undefined;
  readonly usageMetadata?:
    | { readonly promptTokenCount?: number | undefined; readonly candidatesTokenCount?: number | undefined }
    | undefined;
}

interface GeminiRating {
  readonly category?: string | undefined;
  readonly probability?: string | undefined;
}

interface GeminiTextPart {
  readonly text?: string | undefined;
  /** The model's thinking, which is no part of the answer. */
  readonly thought?: boolean | undefined;
}

const completeReasons: readonly string[] = ["STOP", "MAX_TOKENS"];

/** The text of an answer as it arrives; blocked prompts and answers become failures with category and probability. */
export async function* geminiAnswer(name: string, chunks: AsyncIterable<GeminiChunk>): AsyncGenerator<CompletionPart> {
  let isFinished = false;
  for await (const { candidates, promptFeedback, usageMetadata } of chunks) {
    if (promptFeedback?.blockReason !== undefined) {
      throw refusal(
        name,
        `blocked the question: ${promptFeedback.blockReason}${ratings(promptFeedback.safetyRatings)}`,
      );
    }
    const [candidate] = candidates ?? [];
    const reason = candidate?.finishReason;
    const text = (candidate?.content?.parts ?? []).map((part) => (part.thought ? "" : (part.text ?? ""))).join("");
    const cost = costOf(usageMetadata?.promptTokenCount, usageMetadata?.candidatesTokenCount);
    if (text !== "" || reason !== undefined) yield { text, ...(reason !== undefined && cost) };
    if (reason === undefined) continue;
    isFinished = true;
    if (!completeReasons.includes(reason)) {
      throw refusal(name, `withheld the answer: ${reason}${ratings(candidate?.safetyRatings)}`);
    }
  }
  if (!isFinished) throw refusal(name, "ended its answer before it was complete, or gave none", true);
}

function ratings(found: readonly GeminiRating[] = []): string {
  const words = found
    .filter(({ probability }) => probability !== "NEGLIGIBLE")
    .map(({ category = "", probability = "" }) => `${category} ${probability}`);
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}
