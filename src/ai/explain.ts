/**
 * Explaining incidents: one question each, a few at a time, equal ones once, answered from the cache or by the backend,
 * within a budget. What fails costs its explanation and nothing else.
 */
import pLimit from "p-limit";
import { redactCredentials } from "../anonymize/credentials.ts";
import type { Masking } from "../anonymize/plain.ts";
import { messageOf } from "../fault.ts";
import type { Explanation, Incident } from "../findings/report.ts";
import { explanationIn, unmaskedExplanation } from "./answer.ts";
import { BackendFailure, type CompletionRequest, type IAI } from "./backend.ts";
import { type Budget, estimateTokens } from "./budget.ts";
import { type AnswerCache, type Answerer, cacheKey } from "./cached.ts";
import { promptFor } from "./prompt.ts";
import { type Clock, complete } from "./retry.ts";

/** An incident and what is asked about it. */
export interface Question {
  readonly incident: Incident;
  readonly request: Required<CompletionRequest>;
  /** Roughly; the answer not counted. */
  readonly tokens: number;
}

/** What questions are made with. */
export interface QuestionOptions {
  readonly masking: Masking;
  readonly anonymized: boolean;
  readonly language: string;
  readonly serverVersion: string | undefined;
  /** The user's own words for a question (prompt.ts). */
  readonly prompts?: ReadonlyMap<string, string>;
}

/** The questions about `incidents`, in their order, which is the order in which addresses and hosts get their tokens. */
export function questionsAbout(incidents: readonly Incident[], options: QuestionOptions): readonly Question[] {
  return incidents.map((incident) => {
    const request = promptFor(incident, options);
    return { incident, request, tokens: estimateTokens(request.system) + estimateTokens(request.prompt) };
  });
}

/** Whom to ask and how. */
export interface ExplainOptions {
  /** Set up when the first question is not in the cache. */
  readonly backend: () => Promise<IAI>;
  readonly answerer: Answerer;
  readonly masking: Masking;
  readonly language: string;
  readonly cache: AnswerCache;
  readonly budget: Budget;
  /** Questions on their way at once. */
  readonly concurrency: number;
  /** For one question, with all its attempts. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Told of every question that the cache answers. @throws when that must not be */
  readonly onCached?: (request: CompletionRequest) => void;
  /** Told what has come of a question's answer, masked, whenever more comes. */
  readonly onText?: (index: number, answer: string) => void;
  readonly onDone?: (done: number, total: number) => void;
}

/** An explanation, or why there is none. */
export type Outcome =
  | { readonly explanation: Explanation; readonly cached: boolean }
  | { readonly error: string; readonly isBudget: boolean };

/** Answers of these mean that every other question would be answered the same. */
const hopeless: ReadonlySet<number | undefined> = new Set([401, 402, 403, 404]);

/** How much a backend may answer when its settings do not say. */
export const defaultMaxTokens = 2048;

/** Asks all `questions` and gives each one's outcome, in order, as a promise that never rejects. */
export function explain(questions: readonly Question[], options: ExplainOptions): readonly Promise<Outcome>[] {
  const limit = pLimit(options.concurrency);
  const asked = new Map<string, Promise<Outcome>>();
  let done = 0;
  let hopelessReason: string | undefined;

  const answered = async ({ request, tokens }: Question, key: string, index: number): Promise<Outcome> => {
    const { signal, budget, clock, timeoutMs } = options;
    const kept = await options.cache.get(key);
    const known = kept === undefined ? undefined : explanationIn(kept);
    if (known !== undefined) {
      try {
        options.onCached?.(request);
      } catch (error) {
        return failed(messageOf(error));
      }
      return { explanation: finished(known), cached: true };
    }
    if (signal.aborted) return failed("stopped");
    if (hopelessReason !== undefined) return failed(`not asked: ${hopelessReason}`);
    const most = tokens + (options.answerer.settings.maxTokens ?? defaultMaxTokens);
    const refusal = budget.take(most);
    if (refusal !== undefined) return { error: `not asked: ${refusal}`, isBudget: true };
    try {
      const asked = await options.backend();
      const backend = options.onText === undefined ? asked : heard(asked, (text) => options.onText?.(index, text));
      const answer = await complete(backend, request, { timeoutMs, signal, clock, mayRetry: () => budget.take(most) });
      budget.settle(most, (answer.inputTokens ?? tokens) + (answer.outputTokens ?? estimateTokens(answer.text)));
      const explanation = explanationIn(answer.text);
      if (explanation === undefined) return failed("the answer is empty");
      await options.cache.set(key, answer.text);
      return { explanation: finished(explanation), cached: false };
    } catch (error) {
      const message = scrubbed(messageOf(error), options.answerer.settings.password);
      if (!(error instanceof BackendFailure) || hopeless.has(error.status)) hopelessReason ??= message;
      return failed(message);
    }
  };
  const finished = (explanation: Explanation): Explanation => {
    const { model } = options.answerer;
    return { ...unmaskedExplanation(explanation, options.masking.unmask), ...(model !== undefined && { model }) };
  };
  return questions.map(async (question, index) => {
    const key = cacheKey(options.answerer, question.request, options.language);
    const before = asked.get(key);
    const outcome = before ?? limit(async () => answered(question, key, index));
    asked.set(key, outcome);
    const result = await outcome;
    done += 1;
    options.onDone?.(done, questions.length);
    return result;
  });
}

/** `backend`, whose answer is told as it comes, each attempt from its beginning. */
function heard(backend: IAI, onText: (answer: string) => void): IAI {
  return {
    getName: () => backend.getName(),
    close: async () => backend.close(),
    async *getCompletion(request, signal) {
      let answer = "";
      for await (const part of backend.getCompletion(request, signal)) {
        answer += part.text;
        if (part.text !== "" && !signal.aborted) onText(answer);
        yield part;
      }
    },
  };
}

function failed(error: string): Outcome {
  return { error, isBudget: false };
}

/** Vendors quote the key that they refuse; a terminal and a pipeline's log must not. */
export function scrubbed(message: string, password: string | undefined): string {
  const plain = password === undefined || password === "" ? message : message.replaceAll(password, "[redacted]");
  return redactCredentials(plain, () => false).slice(0, 500);
}

/** `incident` with what came of asking about it. */
export function withOutcome(incident: Incident, outcome: Outcome): Incident {
  return "error" in outcome
    ? { ...incident, explainError: outcome.error }
    : { ...incident, explanation: outcome.explanation };
}
