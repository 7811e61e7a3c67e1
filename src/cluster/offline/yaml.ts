/**
 * YAML as Kubernetes means it: timestamps stay text, `yes` and `on` are booleans (the API server's parser speaks YAML
 * 1.1 there), and a document cannot unfold into more than it is. Documents are parsed one by one, so that a mistake in
 * one of them costs no other.
 */
import { boolYaml11Tag, CORE_SCHEMA, load, mergeTag, YAMLException } from "js-yaml";

/** One document of a stream, with the line on which it starts, from 1. */
export interface YamlDocument {
  readonly text: string;
  readonly line: number;
}

const schema = CORE_SCHEMA.withTags(mergeTag, boolYaml11Tag);

/** The most aliases that a document may hold, and the most nodes that it may unfold into. */
const maxAliases = 1000;
const maxNodes = 5_000_000;

/**
 * Splits at `---` and `...` in the first column: YAML allows neither inside a document. Log sections between documents,
 * which `kubectl cluster-info dump -o yaml` writes, go to `text`; `log` says where one ends (see `readJson`).
 */
export function* yamlDocuments(
  source: string,
  text: (line: string) => void,
  log: (line: string) => string | undefined,
): Generator<YamlDocument> {
  let lines: string[] = [];
  let first = 1;
  let number = 0;
  let endOfLog: string | undefined;
  const flush = function* (): Generator<YamlDocument> {
    const content = lines.join("\n");
    if (lines.some((line) => /^[^#\s%]|^\s+[^#\s]/.test(line))) yield { text: content, line: first };
    lines = [];
  };
  for (let at = 0; at <= source.length;) {
    const end = source.indexOf("\n", at);
    const line = source.slice(at, end < 0 ? undefined : end).replace(/\r$/, "");
    at = end < 0 ? source.length + 1 : end + 1;
    number += 1;
    if (endOfLog !== undefined) {
      const marker = line.indexOf(endOfLog);
      if (marker !== 0) text(marker < 0 ? line : line.slice(0, marker));
      if (marker >= 0) endOfLog = undefined;
      continue;
    }
    endOfLog = line.startsWith("====") ? log(line) : undefined;
    if (endOfLog !== undefined) {
      yield* flush();
      first = number + 1;
      text(line);
    } else if (/^(?:---|\.\.\.)(?:\s|$)/.test(line)) {
      yield* flush();
      first = number;
      // What follows the marker on its line is content: `--- {kind: Pod}`.
      lines.push(
        line
          .slice(3)
          .replace(/^\s+#.*$/, "")
          .trimStart(),
      );
    } else {
      if (lines.length === 0) first = number;
      // A directive stands before a document; none of them changes what we read.
      lines.push(line.startsWith("%") && lines.every((known) => known === "") ? "" : line);
    }
  }
  yield* flush();
}

/** Why a document could not be read, and on which line of the file. */
export interface YamlProblem {
  readonly line: number | undefined;
  readonly reason: string;
}

/** Parses one document, or says why not. Never throws. */
export function parseYaml(document: YamlDocument): { readonly value: unknown } | { readonly problem: YamlProblem } {
  try {
    const value = load(document.text, { schema, json: true, maxAliases });
    if (/[&*]/.test(document.text) && nodesIn(value, maxNodes) >= maxNodes) {
      return { problem: { line: document.line, reason: "its aliases unfold into too many values" } };
    }
    return { value };
  } catch (error) {
    if (error instanceof YAMLException) {
      const line = error.mark === undefined ? undefined : document.line + error.mark.line;
      return { problem: { line, reason: error.reason } };
    }
    return { problem: { line: document.line, reason: error instanceof Error ? error.message : String(error) } };
  }
}

/** How many values `value` unfolds into, counted up to `limit`. */
function nodesIn(value: unknown, limit: number): number {
  let count = 0;
  const open: unknown[] = [value];
  while (open.length > 0 && count < limit) {
    const next = open.pop();
    count += 1;
    if (typeof next === "object" && next !== null) for (const inner of Object.values(next)) open.push(inner);
  }
  return count;
}
