/**
 * Whether a proposed command only reads. The model's own word is not asked: what is not known to read counts as changing.
 */

const reading: ReadonlySet<string> = new Set([
  "get",
  "describe",
  "logs",
  "top",
  "explain",
  "events",
  "version",
  "api-resources",
  "api-versions",
  "cluster-info",
  "diff",
]);

/** Subcommands that read, of commands that also change. */
const readingPairs: ReadonlySet<string> = new Set([
  "auth can-i",
  "auth whoami",
  "config view",
  "config get-contexts",
  "config current-context",
  "rollout status",
  "rollout history",
]);

/** Filters that may follow a pipe. */
const filters: ReadonlySet<string> = new Set(["grep", "jq", "head", "tail", "sort", "uniq", "wc", "less", "cut", "tr"]);

/** kubectl's flags before the command that take a value of their own. */
const valued =
  /^(?:-n|--namespace|--context|--cluster|--user|--kubeconfig|-s|--server|--request-timeout|--as|--as-group)$/;

/** Whether `command` is one kubectl command that reads, perhaps piped through filters. */
export function isReadOnlyCommand(command: string): boolean {
  const text = command.trim().replace(/^\$ /, "");
  // What a shell would do beyond running words: substitute, chain, redirect, continue.
  const bare = text.replace(/'[^']*'/g, "x");
  if (/[`;&<>\n\r]|\$\(|\$\{/.test(bare) || /["'][^"']*\$\(/.test(bare)) return false;
  const [first = "", ...rest] = bare.replace(/"[^"$`]*"/g, "x").split("|");
  return readsOnly(first) && rest.every(isFilter);
}

function isFilter(part: string): boolean {
  const [name = "", ...words] = wordsOf(part);
  // `sort -o` and `uniq IN OUT` write files.
  if (name === "sort") return !words.some((word) => /^-[a-zA-Z]*o|^--output/.test(word));
  if (name === "uniq") return words.every((word) => word.startsWith("-"));
  return filters.has(name);
}

function readsOnly(part: string): boolean {
  const [program, ...words] = wordsOf(part);
  if (program !== "kubectl" && program !== "oc" && program !== "k") return false;
  const named: string[] = [];
  for (let at = 0; at < words.length && named.length < 2; at += 1) {
    const word = words[at] ?? "";
    if (valued.test(word)) at += 1;
    else if (!word.startsWith("-")) named.push(word);
  }
  const [verb = "", second = ""] = named;
  return reading.has(verb) ? verb !== "cluster-info" || second !== "dump" : readingPairs.has(`${verb} ${second}`);
}

function wordsOf(part: string): readonly string[] {
  return part.split(/\s+/).filter((word) => word !== "");
}
