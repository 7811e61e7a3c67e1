/**
 * Reads a policy: the `policy` section of the config file, or a file of its own with the same keys. It is read strictly:
 * a key that is not known, a value of the wrong kind or an empty list is a fault, because a policy that is half
 * understood keeps nobody out. Each word is kept with its line, so that a refusal can name it.
 *
 * ```yaml
 * policy:
 *   contexts: [prod-*]
 *   namespaces: { deny: [payroll] }
 *   kinds: { deny: [Secret, pods/log] }
 *   ai: [localhost, "*.llm.internal"]
 *   mcp:
 *     tools: { deny: [get-logs] }
 *     deny:
 *       - { tools: [get-resource, why], contexts: [prod-*], namespaces: [payroll] }
 * ```
 */
import { readFile } from "node:fs/promises";
import type { LineCounter, Node, YAMLMap } from "yaml";
import { Fault, messageOf } from "../fault.ts";
import { similarNames } from "../kube/similar.ts";
import type { PolicyList, PolicyWord } from "../policy.ts";
import type { ConfigPlace } from "./place.ts";
import { readConfigText } from "./read.ts";
import { keyIn } from "./write.ts";

/** What AI assistants must not ask: a call to which all that the rule names applies. */
export interface McpRule {
  /** The file and the line, `policy.yaml:4`. */
  readonly origin: string;
  /** Absent: all tools. `*` in a name stands for any text, here, in `exceptTools` and in `contexts`. */
  readonly tools?: readonly string[];
  /** All tools but these. */
  readonly exceptTools?: readonly string[];
  /** Absent: all clusters. */
  readonly contexts?: readonly string[];
  /** Absent together with `kinds`: the whole cluster. */
  readonly namespaces?: readonly string[];
  readonly kinds?: readonly string[];
}

/** A policy as its file states it. */
export interface Policy {
  /** The file. */
  readonly origin: string;
  readonly contexts?: PolicyList;
  readonly namespaces?: PolicyList;
  readonly kinds?: PolicyList;
  /** Hosts of AI backends. */
  readonly ai?: PolicyList;
  /** For `serve`, on top of the others. */
  readonly mcp?: readonly McpRule[];
}

const ruleParts = ["tools", "contexts", "namespaces", "kinds"] as const;

const sections = ["contexts", "namespaces", "kinds", "ai"] as const;

const next =
  "Write `contexts`, `namespaces`, `kinds` and `ai`, each a list of names, or `allow:` and `deny:` with one; quote a name with ! or *; `mcp` holds `tools` and `deny`";

/**
 * The policies that hold: of the config file, its `ai.allowedHosts`, and of the file that the user named. All must allow
 * what is read, and where it is sent.
 *
 * @throws Fault when one cannot be read or understood.
 */
export async function readPolicies(place: ConfigPlace, file: string | undefined): Promise<readonly Policy[]> {
  const config = await readConfigText(place);
  // The parser is loaded only where there may be something to parse.
  const own = /policy|allowedhosts/i.test(config.text) ? await policiesIn(config.text, config.path, "section") : [];
  const named = file === undefined ? [] : await policiesIn(await readPolicyText(file), file, "file");
  return [...own, ...named];
}

async function readPolicyText(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    throw new Fault(`Cannot read policy ${file}: ${messageOf(error).replace(/^[A-Z]+: /, "")}`, {
      cause: error,
      next: "Correct --policy",
    });
  }
}

/** None when the file is a config without a policy. */
async function policiesIn(text: string, origin: string, form: "section" | "file"): Promise<readonly Policy[]> {
  const { isMap, isScalar, isSeq, LineCounter, parseDocument } = await import("yaml");
  const counter: LineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  const lineOf = (node: Pick<Node, "range"> | null | undefined): number => counter.linePos(node?.range?.[0] ?? 0).line;
  const wrong = (line: number, what: string, hint = ""): Fault =>
    new Fault(`Policy ${origin}:${line}: ${what}`, { next: `${hint}${next}` });
  /** A key that is not among `known`. */
  const notKnown = (line: number, key: string, known: readonly string[], below = ""): Fault => {
    const near = similarNames(key.toLowerCase(), known);
    const hint = near.length === 0 ? "" : `Did you mean ${near.join(" or ")}? `;
    return wrong(line, `"${key}" is not known${below}`, hint);
  };

  const [broken] = document.errors;
  if (broken !== undefined) {
    throw wrong(broken.linePos?.[0].line ?? 1, `this is not valid YAML: ${broken.message.split("\n")[0] ?? ""}`);
  }
  /** The entries of a map, each key with its line. */
  const entriesOf = (map: YAMLMap): readonly { key: string; line: number; value: unknown }[] =>
    map.items.map(({ key, value }) => ({
      key: isScalar(key) ? String(key.value) : "",
      line: isScalar(key) ? lineOf(key) : lineOf(map),
      value,
    }));
  const wordsOf = (value: unknown, line: number, what: string): readonly PolicyWord[] => {
    const items: readonly unknown[] = isSeq(value) ? value.items : [value];
    const words = items.map((item): PolicyWord => {
      const text = isScalar(item) && typeof item.value === "string" ? item.value.trim() : "";
      const at = isScalar(item) ? lineOf(item) : line;
      if (!/^!?[\w.:*/@-]+$/.test(text)) throw wrong(at, `${what} must hold names`);
      return { text, line: at };
    });
    if (words.length === 0) throw wrong(line, `${what} is empty`);
    return words;
  };
  const listsOf = (value: unknown, line: number, section: string): PolicyList => {
    if (!isMap(value)) {
      const words = wordsOf(value, line, section);
      const allow = words.filter((word) => !word.text.startsWith("!"));
      const deny = words.flatMap((word) => (word.text.startsWith("!") ? [{ ...word, text: word.text.slice(1) }] : []));
      return { ...(allow.length > 0 && { allow, allowLine: line }), deny };
    }
    let lists: PolicyList = { deny: [] };
    for (const { key, line: at, value: list } of entriesOf(value)) {
      if (key !== "allow" && key !== "deny") throw notKnown(at, key, ["allow", "deny"], ` below ${section}`);
      // Nothing may be allowed: that is a policy too.
      const isEmpty = key === "allow" && isSeq(list) && list.items.length === 0;
      const words = isEmpty ? [] : wordsOf(list, at, `${section}.${key}`);
      const negated = words.find(({ text }) => text.startsWith("!"));
      if (negated !== undefined) throw wrong(negated.line, `"${negated.text}": below ${key}, a name stands without !`);
      lists = key === "allow" ? { ...lists, allow: words, allowLine: at } : { ...lists, deny: words };
    }
    if (lists.allow === undefined && lists.deny.length === 0) throw wrong(line, `${section} allows and denies nothing`);
    return lists;
  };

  const mcpRulesOf = (value: unknown, line: number): readonly McpRule[] => {
    if (!isMap(value)) throw wrong(line, "mcp must hold tools, deny or both");
    const rules: McpRule[] = [];
    for (const { key, line: at, value: inner } of entriesOf(value)) {
      if (key === "tools") {
        const { allow, allowLine, deny } = listsOf(inner, at, "mcp.tools");
        rules.push(...deny.map((word) => ({ origin: `${origin}:${word.line}`, tools: [word.text] })));
        if (allow === undefined) continue;
        rules.push({ origin: `${origin}:${allowLine ?? at}`, exceptTools: allow.map(({ text }) => text) });
      } else if (key === "deny") {
        if (!isSeq(inner) || inner.items.length === 0) throw wrong(at, "mcp.deny must be a list of rules");
        rules.push(...inner.items.map((item) => mcpRuleOf(item, at)));
      } else {
        throw notKnown(at, key, ["tools", "deny"], " below mcp");
      }
    }
    if (rules.length === 0) throw wrong(line, "mcp restricts nothing");
    return rules;
  };
  const mcpRuleOf = (item: unknown, line: number): McpRule => {
    if (!isMap(item)) throw wrong(line, "each rule of mcp.deny is a map of tools, contexts, namespaces and kinds");
    const at = lineOf(item);
    let rule: McpRule = { origin: `${origin}:${at}` };
    for (const { key, line: where, value } of entriesOf(item)) {
      const part = ruleParts.find((known) => known === key);
      if (part === undefined) throw notKnown(where, key, ruleParts, " below mcp.deny");
      const words = wordsOf(value, where, `mcp.deny.${key}`);
      const odd = words.find(({ text }) => text.startsWith("!") || (part === "namespaces" && text.includes("*")));
      if (odd !== undefined) {
        throw wrong(odd.line, `"${odd.text}": mcp.deny.${key} takes names${part === "namespaces" ? "" : " and *"}`);
      }
      rule = { ...rule, [part]: words.map(({ text }) => text) };
    }
    if (Object.keys(rule).length === 1) throw wrong(at, "a rule of mcp.deny names nothing");
    // One object is of a kind and in a namespace: which of both is meant must not be guessed.
    if (rule.namespaces !== undefined && rule.kinds !== undefined) {
      throw wrong(at, "a rule of mcp.deny names namespaces or kinds, not both: write two rules");
    }
    return rule;
  };

  const whole = document.contents;
  const key = keyIn(whole, "policy");
  const within = key === undefined ? undefined : document.get(key, true);
  const hosts = form === "section" ? allowedHosts() : [];
  if (form === "section" && key === undefined) return hosts;
  const map = key === undefined ? whole : within;
  const first = isMap(whole) ? entriesOf(whole).find((entry) => entry.key === key) : undefined;
  if (!isMap(map)) throw wrong(first?.line ?? 1, "this is not a map");
  const entries = entriesOf(map);
  if (entries.length === 0) throw wrong(first?.line ?? 1, "it restricts nothing");
  let policy: Policy = { origin };
  for (const { key: name, line, value } of entries) {
    if (name === "mcp") {
      policy = { ...policy, mcp: mcpRulesOf(value, line) };
      continue;
    }
    const section = sections.find((known) => known === name);
    if (section === undefined) throw notKnown(line, name, [...sections, "mcp"]);
    policy = { ...policy, [section]: listsOf(value, line, section) };
  }
  return [policy, ...hosts];

  /** `ai.allowedHosts`: a list of hosts, to which `policy.ai` is added. */
  function allowedHosts(): readonly Policy[] {
    const ai: unknown = document.get(keyIn(whole, "ai") ?? "", true);
    const entry = isMap(ai) ? entriesOf(ai).find(({ key: name }) => name.toLowerCase() === "allowedhosts") : undefined;
    return entry === undefined ? [] : [{ origin, ai: listsOf(entry.value, entry.line, "ai.allowedHosts") }];
  }
}
