/**
 * What a list of words in a policy allows, for all that is judged by one: contexts, namespaces, kinds, hosts of AI
 * backends. Every word knows its line, so that a refusal can name it.
 */

/** One word of a policy and where it stands. `*` in it stands for any text. */
export interface PolicyWord {
  readonly text: string;
  readonly line: number;
}

/** What is allowed: with `allow` nothing else, without it everything but `deny`. `deny` wins. */
export interface PolicyList {
  readonly allow?: readonly PolicyWord[];
  /** The line of `allow`, for what it does not name. */
  readonly allowLine?: number;
  readonly deny: readonly PolicyWord[];
}

/**
 * Why `list` does not allow `what`: a sentence with file and line, `policy.yaml:4 does not allow secrets`; undefined when it
 * does.
 *
 * @param isMeant whether a word of the list names it
 */
export function refusedBy(
  { allow, allowLine, deny }: PolicyList,
  origin: string,
  what: string,
  isMeant: (word: string) => boolean,
): string | undefined {
  const denied = deny.find(({ text }) => isMeant(text));
  if (denied !== undefined) return `${origin}:${denied.line} does not allow ${what}`;
  if (allow === undefined || allow.some(({ text }) => isMeant(text))) return undefined;
  return `${origin}:${allowLine ?? 1} does not allow ${what}`;
}
