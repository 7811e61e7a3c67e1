/** `k8sgpt rules`: what the rules are, from the same tables that they run by. Needs no cluster. */
import { analyzers as known } from "../analyzers/index.ts";
import { Fault } from "../fault.ts";
import type { Rule } from "../findings/finding.ts";
import type { Severity } from "../findings/severity.ts";
import { fill, padTo, wrap, wrapCommand } from "../report/layout.ts";
import type { Palette } from "../report/text.ts";
import { counted } from "../report/words.ts";
import { isColored, paletteFor, reportWidth, showsLinks } from "./display.ts";
import type { OutputFlags } from "./flags.ts";
import { nearestNames } from "./nearest.ts";
import type { Terminal } from "./terminal.ts";

/** One rule and the analyzers that run it. */
interface KnownRule {
  readonly id: string;
  readonly rule: Rule;
  readonly analyzers: readonly string[];
}

/** Lists the rules, those of one analyzer, or explains one. */
export async function showRules(name: string | undefined, flags: OutputFlags, terminal: Terminal): Promise<void> {
  const all = knownRules();
  const shown = name === undefined ? all : named(name, all);
  if (flags.output === "json") {
    await terminal.print(`${JSON.stringify(shown.map(ruleJson), undefined, 2)}\n`);
    return;
  }
  const palette = await paletteFor(isColored(flags.color, terminal), showsLinks(flags.hyperlinks, terminal));
  const width = Math.min(reportWidth(terminal), 120);
  const [first] = shown;
  const isOne = shown.length === 1 && first !== undefined && first.id === name?.toLowerCase();
  const lines = isOne ? explained(first, width, palette) : listed(shown, width, palette);
  await terminal.print(`${lines.join("\n")}\n`);
}

function knownRules(): readonly KnownRule[] {
  const byId = new Map<string, { id: string; rule: Rule; analyzers: string[] }>();
  for (const { name, rules } of known) {
    for (const [id, rule] of Object.entries(rules)) {
      const entry = byId.get(id);
      if (entry === undefined) byId.set(id, { id, rule, analyzers: [name] });
      else entry.analyzers.push(name);
    }
  }
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The rule of that name, or all of an analyzer, or all whose names begin so. */
function named(name: string, all: readonly KnownRule[]): readonly KnownRule[] {
  const word = name.toLowerCase();
  const exact = all.filter(({ id }) => id === word);
  if (exact.length > 0) return exact;
  const ofAnalyzer = all.filter(({ analyzers }) => analyzers.some((analyzer) => analyzer.toLowerCase() === word));
  if (ofAnalyzer.length > 0) return ofAnalyzer;
  const stem = word.replace(/\*$/, "");
  const begun = stem === "" ? [] : all.filter(({ id }) => id.startsWith(stem.endsWith("-") ? stem : `${stem}-`));
  if (begun.length > 0) return begun;
  const names = [...all.map(({ id }) => id), ...known.map((analyzer) => analyzer.name)];
  // Who writes `ConfigMapMissing` means configmap-missing.
  const parted = name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase();
  const near = [...new Set([...nearestNames(word, names), ...nearestNames(parted, names)])].slice(0, 3);
  const parts =
    near.length > 0
      ? near
      : all
          .map(({ id }) => id)
          .filter((id) => id.includes(word))
          .slice(0, 5);
  throw new Fault(`There is no rule "${name}"`, {
    usage: true,
    next: parts.length > 0 ? `Did you mean ${parts.join(" or ")}?` : "`k8sgpt rules` lists them all",
  });
}

function severitiesOf({ severity }: Rule): readonly Severity[] {
  return typeof severity === "string" ? [severity] : severity;
}

function docsOf({ source }: Rule): string {
  return /^[a-z-]+\//.test(source) ? `https://kubernetes.io/docs/${source}` : source;
}

function ruleJson({ id, rule, analyzers }: KnownRule): object {
  const { message, why, fix, commands = [], silent = [], depth } = rule;
  return {
    rule: id,
    analyzers,
    severities: severitiesOf(rule),
    depth,
    message,
    ...(why !== undefined && { why }),
    silent,
    fix,
    commands,
    docs: docsOf(rule),
  };
}

function listed(rules: readonly KnownRule[], width: number, palette: Palette): readonly string[] {
  const column = Math.min(Math.max(...rules.map(({ id }) => id.length)) + 2, 42);
  const groups = Map.groupBy(rules, ({ analyzers: [first = ""] }) => first);
  const blocks = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([analyzer, group]) => [
      palette.strong(analyzer),
      ...group.flatMap(({ id, rule }) => {
        const [worst = "info"] = severitiesOf(rule);
        const beside = id.length + 2 <= column;
        const text = wrap(rule.message, Math.max(20, width - column - 2));
        const head = palette[worst](padTo(id, column));
        return beside
          ? text.map((line, index) => `  ${index === 0 ? head : " ".repeat(column)}${line}`)
          : [`  ${palette[worst](id)}`, ...text.map((line) => `  ${" ".repeat(column)}${line}`)];
      }),
      "",
    ]);
  return [...blocks, palette.dim(`${counted(rules.length, "rule")}; \`k8sgpt rules RULE\` explains one`)];
}

function explained({ id, rule, analyzers }: KnownRule, width: number, palette: Palette): readonly string[] {
  const row = (label: string, lines: readonly string[]): readonly string[] =>
    lines.map((line, index) => `  ${index === 0 ? palette.dim(padTo(label, 10)) : " ".repeat(10)}${line}`);
  const room = width - 12;
  const [worst = "info"] = severitiesOf(rule);
  return [
    palette.strong(id),
    ...wrap(rule.message, width - 2).map((line) => `  ${palette.strong(line)}`),
    "",
    ...row("severity", [palette[worst](severitiesOf(rule).join(" or "))]),
    ...row(
      "filters",
      fill(
        analyzers.map((name, index) => (index < analyzers.length - 1 ? `${name},` : name)),
        room,
      ),
    ),
    ...(rule.why === undefined ? [] : row("why", wrap(rule.why, room))),
    ...row(
      "silent",
      [...(rule.silent ?? []), ...alwaysSilent].flatMap((text) => wrap(`- ${text}`, room)),
    ),
    ...row(
      "check",
      (rule.commands ?? []).flatMap((command) =>
        wrapCommand(command, room - 2).map((line) => palette.command(`$ ${line}`)),
      ),
    ),
    ...row("fix", wrap(rule.fix, room)),
    ...row("docs", [palette.link(docsOf(rule), docsOf(rule))]),
  ];
}

/** What holds for every rule. */
const alwaysSilent = [
  "objects that are being deleted, or whose status is older than their spec",
  "what could not be read: that is told as not checked",
];
