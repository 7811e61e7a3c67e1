/**
 * What a model answered, read with patience: the JSON that was asked for, JSON in a code fence or between sentences, or
 * prose, which is then the whole explanation. Nothing here throws: an odd answer is still an answer.
 */
import type { Explanation, ExplanationStep } from "../findings/report.ts";
import { isReadOnlyCommand } from "./commands.ts";

/** The JSON Schema of an answer, in the subset that every vendor's structured output takes. */
export const answerSchema: Readonly<Record<string, unknown>> = {
  type: "object",
  additionalProperties: false,
  required: ["summary", "why", "steps"],
  properties: {
    summary: { type: "string" },
    why: { type: "string" },
    steps: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["text", "command"],
        properties: { text: { type: "string" }, command: { type: "string" } },
      },
    },
  },
};

const mostSteps = 8;
const longestText = 4000;

/** The explanation in `answer`; undefined when it holds no text at all. */
export function explanationIn(answer: string): Explanation | undefined {
  // Models that reason aloud do so between these marks.
  const text = answer.replace(/<think>[^]*?<\/think>/g, "").trim();
  if (text === "") return undefined;
  for (const candidate of jsonIn(text)) {
    const found = structured(candidate);
    if (found !== undefined) return found;
  }
  return { summary: text.slice(0, longestText), steps: [] };
}

/** What can be read of an answer that is still coming: prose as it is, of JSON the texts that have begun. */
export function readableSoFar(answer: string): string {
  const text = answer.replace(/<think>[^]*?(?:<\/think>|$)/g, "").trim();
  if (!/^(?:```(?:json)?\s*)?\{/.test(text)) return text.startsWith("`") ? "" : text;
  const strings = text.matchAll(/"(?:summary|why|text)"\s*:\s*"((?:[^"\\]|\\.)*)/g);
  return [...strings].map(([, escaped = ""]) => unescaped(escaped)).join(" ");
}

/** The inside of a JSON string, which may end in the middle of an escape. */
function unescaped(text: string): string {
  try {
    const value: unknown = JSON.parse(`"${text.replace(/\\u[\da-f]{0,3}$/i, "")}"`);
    return typeof value === "string" ? value : "";
  } catch {
    return text;
  }
}

/** Objects that `text` may hold: the whole, a fenced part, from the first brace to the last. */
function* jsonIn(text: string): Generator {
  const fenced = /```(?:json)?\s*\n([^]*?)```/.exec(text)?.[1];
  const braced = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
  for (const part of new Set([text, fenced, braced])) {
    if (part === undefined || part === "") continue;
    try {
      yield JSON.parse(part);
    } catch {
      // Not this part.
    }
  }
}

/** `value` as an explanation when it follows the schema; what is beyond the schema is dropped. */
function structured(value: unknown): Explanation | undefined {
  const summary = textAt(value, "summary");
  if (summary === undefined) return undefined;
  const why = textAt(value, "why");
  const steps = valueAt(value, "steps");
  return {
    summary,
    ...(why !== undefined && { why }),
    steps: (Array.isArray(steps) ? steps : []).slice(0, mostSteps).flatMap(stepOf),
  };
}

function stepOf(value: unknown): readonly ExplanationStep[] {
  const text = typeof value === "string" ? value.trim() : textAt(value, "text");
  const command = textAt(value, "command")?.replace(/^\$ /, "");
  if (text === undefined || text === "") return [];
  return [{ text, ...(command !== undefined && { command, changes: !isReadOnlyCommand(command) }) }];
}

function textAt(value: unknown, key: string): string | undefined {
  const found = valueAt(value, key);
  const text = typeof found === "string" ? found.trim().slice(0, longestText) : "";
  return text === "" ? undefined : text;
}

function valueAt(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

/** `explanation` with every text passed through `unmask`. */
export function unmaskedExplanation(explanation: Explanation, unmask: (text: string) => string): Explanation {
  const { summary, why, steps } = explanation;
  return {
    ...explanation,
    summary: unmask(summary),
    ...(why !== undefined && { why: unmask(why) }),
    steps: steps.map((step) => ({
      ...step,
      text: unmask(step.text),
      ...(step.command !== undefined && { command: unmask(step.command) }),
    })),
  };
}
