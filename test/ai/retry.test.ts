import { describe, expect, test } from "vitest";
import { credentialsOnly } from "../../src/anonymize/plain.ts";
import { BackendFailure, type CompletionPart, type IAI } from "../../src/ai/backend.ts";
import { createBudget, estimateTokens, parseBudget } from "../../src/ai/budget.ts";
import { complete, type RetryOptions } from "../../src/ai/retry.ts";

const request = { system: credentialsOnly.mask("be brief"), prompt: credentialsOnly.mask("why?") };

/** A backend that does each of `turns` in its turn. */
function scripted(
  turns: readonly (BackendFailure | string | readonly CompletionPart[])[],
): IAI & { asked: () => number } {
  let asked = 0;
  return {
    asked: () => asked,
    getName: () => "scripted",
    async *getCompletion() {
      const turn = turns[asked];
      asked += 1;
      if (turn instanceof Error) throw turn;
      if (turn === undefined) throw new Error("asked too often");
      yield* typeof turn === "string" ? [{ text: turn }] : turn;
    },
    close: async () => undefined,
  };
}

function options(given: Partial<RetryOptions> = {}): RetryOptions & { readonly pauses: number[] } {
  let now = 0;
  const pauses: number[] = [];
  return {
    pauses,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    mayRetry: () => undefined,
    clock: {
      now: () => now,
      random: () => 0.5,
      sleep: async (ms) => {
        pauses.push(ms);
        now += ms;
      },
    },
    ...given,
  };
}

const limited = (retryAfterMs?: number) =>
  new BackendFailure("429 too many requests", { status: 429, retryAfterMs, isTransient: true });

describe("asking until there is an answer", () => {
  test("parts are joined and the cost is told", async () => {
    const backend = scripted([[{ text: "be" }, { text: "cause", usage: { inputTokens: 7, outputTokens: 2 } }]]);
    expect(await complete(backend, request, options())).toEqual({ text: "because", inputTokens: 7, outputTokens: 2 });
  });

  test("a transient failure is asked again, with a growing pause", async () => {
    const backend = scripted([limited(), new BackendFailure("503", { status: 503, isTransient: true }), "yes"]);
    const given = options();
    expect(await complete(backend, request, given)).toMatchObject({ text: "yes" });
    expect(given.pauses).toEqual([750, 1250]);
  });

  test("Retry-After is waited for", async () => {
    const given = options();
    expect(await complete(scripted([limited(20_000), "yes"]), request, given)).toMatchObject({ text: "yes" });
    expect(given.pauses).toEqual([20_000]);
  });

  test("a wait beyond the deadline is not begun", async () => {
    const given = options();
    const backend = scripted([limited(120_000)]);
    await expect(complete(backend, request, given)).rejects.toMatchObject({
      message: "429 too many requests (it asked to wait 120 s); no time is left to ask again",
      status: 429,
    });
    expect(given.pauses).toEqual([]);
  });

  test("three attempts, not four", async () => {
    const backend = scripted([limited(), limited(), limited(), "late"]);
    await expect(complete(backend, request, options())).rejects.toMatchObject({ status: 429 });
    expect(backend.asked()).toBe(3);
  });

  test("what cannot succeed later is not asked again", async () => {
    const backend = scripted([new BackendFailure("401 bad key", { status: 401, isTransient: false }), "yes"]);
    await expect(complete(backend, request, options())).rejects.toThrow("401 bad key");
    expect(backend.asked()).toBe(1);
  });

  test("an empty answer is a failure", async () => {
    await expect(complete(scripted([" \n"]), request, options())).rejects.toThrow("the answer is empty");
  });

  test("a spent budget ends it", async () => {
    const given = options({ mayRetry: () => "the budget of 1 calls is spent" });
    await expect(complete(scripted([limited(), "yes"]), request, given)).rejects.toThrow(
      "429 too many requests; not asked again: the budget of 1 calls is spent",
    );
  });

  test("a backend that hangs is given up at the deadline, also when it ignores the signal", async () => {
    const hanging: IAI = {
      getName: () => "hanging",
      // oxlint-disable-next-line require-yield -- it never gives anything
      async *getCompletion() {
        await new Promise(() => undefined);
      },
      close: async () => undefined,
    };
    await expect(complete(hanging, request, options({ timeoutMs: 20 }))).rejects.toThrow("no answer within 0.02 s");
    const stop = new AbortController();
    const asked = complete(hanging, request, options({ signal: stop.signal }));
    stop.abort();
    await expect(asked).rejects.toThrow("stopped");
  });
});

describe("budget", () => {
  test.each([
    ["20", { calls: 20 }],
    ["calls=20,tokens=50k", { calls: 20, tokens: 50_000 }],
    ["tokens=1M", { tokens: 1_000_000 }],
  ])("%s", (text, limits) => {
    expect(parseBudget(text)).toEqual(limits);
  });

  test.each(["", "many", "0", "calls=", "euros=3", "-4", "1.5"])("%j is refused", (text) => {
    expect(() => parseBudget(text)).toThrow("--ai-budget needs a number of calls or tokens");
  });

  test("calls and tokens are taken before they are spent, and what was not used comes back", () => {
    const budget = createBudget({ calls: 3, tokens: 1000 });
    expect(budget.take(600)).toBeUndefined();
    expect(budget.take(600)).toBe("the budget of 1000 tokens has no room for about 600 more");
    budget.settle(600, 100);
    expect(budget.take(600)).toBeUndefined();
    expect(budget.take(100)).toBeUndefined();
    expect(budget.take(1)).toBe("the budget of 3 calls is spent");
  });

  test("tokens are counted by bytes", () => {
    expect(estimateTokens("12345678")).toBe(2);
    expect(estimateTokens("日本語")).toBe(3);
  });
});
