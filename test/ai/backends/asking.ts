/** Helpers for tests of backends: a question, its answer, its failure. */
import { asMasked } from "../../../src/anonymize/masked.ts";
import { BackendFailure, type BackendSettings, type CompletionPart } from "../../../src/ai/backend.ts";
import { backends } from "../../../src/ai/backends.ts";
import { type HostGuard, hostGuard } from "../../../src/ai/door.ts";

export const question = {
  system: asMasked("You explain Kubernetes."),
  prompt: asMasked("Why does pod-1 not start?"),
};

/** Everything that a configuration may hold of sampling, each with a value that no default has; the temperature is 0. */
export const sampling = {
  temperature: 0,
  topP: 0.31,
  topK: 17,
  maxTokens: 321,
  stopSequences: ["HALT"],
} satisfies BackendSettings;

/** Lets questions go anywhere. */
export const anyHost: HostGuard = hostGuard([]);

/** What a backend answered, and what it said of itself. */
export interface Answered {
  readonly text: string;
  readonly parts: readonly CompletionPart[];
  readonly usage: CompletionPart["usage"];
  readonly warnings: readonly string[];
}

/** Sets a backend up and asks it once. */
export async function ask(
  name: string,
  settings: BackendSettings,
  {
    signal = new AbortController().signal,
    request = question,
    guard = anyHost,
  }: { signal?: AbortSignal; request?: Request; guard?: HostGuard } = {},
): Promise<Answered> {
  const load = backends[name];
  if (load === undefined) throw new Error(`no backend ${name}`);
  const backend = await (await load()).configure(settings, guard);
  const parts: CompletionPart[] = [];
  try {
    for await (const part of backend.getCompletion(request, signal)) parts.push(part);
  } finally {
    await backend.close();
  }
  const text = parts.map((part) => part.text).join("");
  return {
    text,
    parts,
    usage: parts.findLast(({ usage }) => usage !== undefined)?.usage,
    warnings: backend.warnings ?? [],
  };
}

type Request = typeof question & { readonly responseSchema?: Readonly<Record<string, unknown>> };

/** The failure of a question. */
export async function failureOf(asked: Promise<unknown>): Promise<BackendFailure> {
  const error = await asked.then(
    () => new Error("no failure"),
    (reason: unknown) => reason,
  );
  if (error instanceof BackendFailure) return error;
  throw new Error("not a BackendFailure", { cause: error });
}

/** The JSON of a text that was sent. */
export function parsed(text: string | undefined): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text ?? "null");
  if (typeof value !== "object" || value === null) throw new Error("not a JSON object");
  return { ...value };
}
