/**
 * Asking until there is an answer: three attempts within one deadline, a pause between them that grows and is drawn at
 * random, so that many callers do not come back together, and never shorter than what the vendor asked for.
 */
import { messageOf } from "../fault.ts";
import { BackendFailure, type CompletionRequest, type IAI } from "./backend.ts";

/** Time and chance, so that tests need neither. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Resolves after `ms`; rejects when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** How long and how often. */
export interface RetryOptions {
  /** All attempts and pauses of one question together. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Asked before every attempt after the first; a reason ends it. */
  readonly mayRetry: () => string | undefined;
}

/** An answer and what it cost, where the backend told. */
export interface Completion {
  readonly text: string;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
}

const attempts = 3;
const firstPauseMs = 500;
const longestPauseMs = 8000;

/** The whole answer. @throws BackendFailure with the reason of the last attempt. */
export async function complete(backend: IAI, request: CompletionRequest, options: RetryOptions): Promise<Completion> {
  const { timeoutMs, signal, clock } = options;
  const deadline = clock.now() + timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(backend, request, deadline - clock.now(), timeoutMs, signal);
    } catch (error) {
      const failure = asFailure(error, signal);
      const pauseMs = pauseAfter(attempt, failure, clock.random());
      if (!failure.isTransient || attempt === attempts || signal.aborted) throw failure;
      if (clock.now() + pauseMs >= deadline) {
        const asked =
          failure.retryAfterMs === undefined ? "" : ` (it asked to wait ${Math.ceil(failure.retryAfterMs / 1000)} s)`;
        throw changed(failure, `${failure.message}${asked}; no time is left to ask again`);
      }
      const refusal = options.mayRetry();
      if (refusal !== undefined) throw changed(failure, `${failure.message}; not asked again: ${refusal}`);
      await clock.sleep(pauseMs, signal);
    }
  }
}

/** Full jitter between half a second and a limit that doubles; `Retry-After` is the least. */
function pauseAfter(attempt: number, { retryAfterMs }: BackendFailure, random: number): number {
  const limit = Math.min(longestPauseMs, firstPauseMs * 2 ** attempt);
  const pause = firstPauseMs + random * (limit - firstPauseMs);
  return retryAfterMs === undefined ? pause : Math.max(retryAfterMs, pause);
}

async function once(
  backend: IAI,
  request: CompletionRequest,
  leftMs: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Completion> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), Math.max(0, leftMs));
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => undefined);
  const stop = (): void =>
    late.reject(
      signal.aborted
        ? new BackendFailure("stopped", { isTransient: false })
        : new BackendFailure(`no answer within ${timeoutMs / 1000} s`, { isTransient: false }),
    );
  const either = AbortSignal.any([signal, deadline.signal]);
  either.addEventListener("abort", stop);
  if (either.aborted) stop();
  try {
    // A backend that ignores the signal is left to itself.
    return await Promise.race([collected(backend.getCompletion(request, either)), late.promise]);
  } finally {
    clearTimeout(timer);
    either.removeEventListener("abort", stop);
    deadline.abort();
  }
}

async function collected(parts: ReturnType<IAI["getCompletion"]>): Promise<Completion> {
  let text = "";
  let inputTokens: number | undefined;
  let outputTokens: number | undefined;
  for await (const part of parts) {
    text += part.text;
    inputTokens = part.usage?.inputTokens ?? inputTokens;
    outputTokens = part.usage?.outputTokens ?? outputTokens;
  }
  if (text.trim() === "") throw new BackendFailure("the answer is empty", { isTransient: false });
  return { text, inputTokens, outputTokens };
}

function asFailure(error: unknown, signal: AbortSignal): BackendFailure {
  if (error instanceof BackendFailure) return error;
  if (signal.aborted) return new BackendFailure("stopped", { isTransient: false, cause: error });
  // Whatever else an SDK throws: told as it is, not asked again.
  return new BackendFailure(messageOf(error), { isTransient: false, cause: error });
}

function changed(failure: BackendFailure, message: string): BackendFailure {
  const { status, retryAfterMs } = failure;
  return new BackendFailure(message, { status, retryAfterMs, isTransient: false, cause: failure });
}
