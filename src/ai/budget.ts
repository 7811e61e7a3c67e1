/** What one run may spend on explanations: whole calls and tokens, both counted before a call is made. */
import { Fault } from "../fault.ts";

/** Undefined: without limit. */
export interface BudgetLimits {
  readonly calls?: number;
  readonly tokens?: number;
}

/** A run's account. */
export interface Budget {
  /**
   * Takes one call of at most `tokens` tokens.
   *
   * @returns why it must not be made, or undefined when it may
   */
  take(tokens: number): string | undefined;
  /** Gives back what a call did not use. */
  settle(taken: number, used: number): void;
}

/** Tokens of `text`, roughly: vendors count differently, about four bytes each. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/** A new account. */
export function createBudget({ calls, tokens: mostTokens }: BudgetLimits): Budget {
  let callsTaken = 0;
  let tokensTaken = 0;
  return {
    take(tokens) {
      if (calls !== undefined && callsTaken >= calls) return `the budget of ${calls} calls is spent`;
      if (mostTokens !== undefined && tokensTaken + tokens > mostTokens) {
        return `the budget of ${mostTokens} tokens has no room for about ${tokens} more`;
      }
      callsTaken += 1;
      tokensTaken += tokens;
      return undefined;
    },
    settle(taken, used) {
      tokensTaken += used - taken;
    },
  };
}

/**
 * `20`, `calls=20`, `tokens=50000`, `calls=20,tokens=50k`; a bare number is calls.
 *
 * @throws Fault (usage) for anything else
 */
export function parseBudget(text: string | undefined): BudgetLimits {
  if (text === undefined) return {};
  const limits: { calls?: number; tokens?: number } = {};
  for (const part of text.split(",")) {
    const [, name = "calls", digits = "", unit] = /^\s*(?:(calls|tokens)=)?(\d+)([kKmM]?)\s*$/.exec(part) ?? [];
    const amount = Number(digits) * (unit === "" ? 1 : unit?.toLowerCase() === "k" ? 1000 : 1_000_000);
    if (digits === "" || amount === 0) {
      throw new Fault(`--ai-budget needs a number of calls or tokens, not "${part}"`, {
        usage: true,
        next: "Write it as `20`, `calls=20` or `calls=20,tokens=50k`",
      });
    }
    limits[name === "tokens" ? "tokens" : "calls"] = amount;
  }
  return limits;
}
