/** Gates: the ignore file, baselines, and what they make of a report. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Analyzer } from "../analyzers/define.ts";
import { Fault, messageOf } from "../fault.ts";
import { type AcceptRule, isDay } from "../findings/accept.ts";
import {
  type Baseline,
  baselineOf,
  baselinesFrom,
  baselinesText,
  baselineText,
  changesSince,
} from "../findings/baseline.ts";
import type { Report } from "../findings/report.ts";
import { compareSeverity } from "../findings/severity.ts";
import { counted } from "../report/words.ts";
import type { FailOn } from "./exit-code.ts";
import type { AnalyzeFlags, BaselineFlags } from "./flags.ts";
import { didYouMean } from "./nearest.ts";
import { writeWhole } from "./output.ts";
import type { Terminal } from "./terminal.ts";

/** The ignore file that is read when it is there and no other is named. */
const usualIgnoreFile = ".k8sgptignore";

/** What is compared with, read before the cluster is: a wrong file is told at once. */
export interface Comparison {
  /** What `--since` shows; the baseline when only that is given. */
  readonly shown?: EarlierFile;
  /** What `--fail-on-new` knows. */
  readonly gate?: EarlierFile;
}

interface EarlierFile {
  readonly file: string;
  /** One for each cluster that the file is about. */
  readonly earlier: readonly Baseline[];
}

type ComparisonFlags = Pick<AnalyzeFlags, "baseline" | "since" | "failOnNew">;

/**
 * Reads `--baseline` and `--since`.
 *
 * @throws Fault when a file cannot be read or holds no report, or `--fail-on-new` has nothing to compare with
 */
export async function readComparison({ baseline, since, failOnNew }: ComparisonFlags): Promise<Comparison> {
  if (failOnNew === true && baseline === undefined && since === undefined) {
    throw new Fault("--fail-on-new needs to know what is old", {
      usage: true,
      next: "`k8sgpt baseline -o baseline.json`, then `k8sgpt analyze --baseline baseline.json --fail-on-new`",
    });
  }
  const known =
    baseline === undefined ? undefined : { file: baseline, earlier: await readBaseline("--baseline", baseline) };
  const past = since === undefined ? undefined : { file: since, earlier: await readBaseline("--since", since) };
  const shown = past ?? known;
  const gate = known ?? past;
  return { ...(shown !== undefined && { shown }), ...(gate !== undefined && { gate }) };
}

async function readBaseline(flag: string, file: string): Promise<readonly Baseline[]> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new Fault(`Cannot read ${flag} ${file}: ${messageOf(error)}`, { cause: error, next: baselineHint });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Fault(`${flag} ${file} is not JSON: ${messageOf(error)}`, { cause: error, next: baselineHint });
  }
  const earlier = baselinesFrom(value);
  if (earlier === undefined)
    throw new Fault(`${flag} ${file} is neither a baseline nor a JSON report of k8sgpt`, { next: baselineHint });
  return earlier;
}

const baselineHint = "Make it with `k8sgpt baseline -o FILE` or `k8sgpt analyze -o json=FILE`";

/**
 * What the file knows of the report's cluster. A file about one cluster is compared with whatever single cluster is read;
 * of several clusters each is compared with what has its name, and is new when nothing has.
 */
function earlierOf(report: Report, { earlier }: EarlierFile, isOneOfSeveral: boolean): Baseline | undefined {
  const { name } = report.cluster;
  const [first, second] = earlier;
  const known = earlier.find(({ cluster }) => cluster === name);
  return known ?? (isOneOfSeveral || second !== undefined ? undefined : first);
}

/**
 * The report with what changed, and a warning when it is compared with another cluster's.
 *
 * @param isOneOfSeveral whether other clusters are read in the same run
 */
export function compared(report: Report, { shown }: Comparison, isOneOfSeveral = false): Report {
  if (shown === undefined) return report;
  const { file } = shown;
  const earlier = earlierOf(report, shown, isOneOfSeveral);
  if (earlier === undefined) {
    const { name } = report.cluster;
    const nothing = { cluster: name, takenAt: report.takenAt, findings: [] };
    const about = shown.earlier.map(({ cluster }) => `"${cluster}"`).join(", ");
    const warning = `[since] ${file} knows nothing of "${name}", so that everything in it is new; it is about ${about}`;
    return { ...report, changes: changesSince(report, nothing, file), errors: [...report.errors, warning] };
  }
  const changes = changesSince(report, earlier, file);
  const isOther =
    earlier.cluster !== report.cluster.name && changes.unchanged.length === 0 && earlier.findings.length > 0;
  const warning = `[since] ${file} is about "${earlier.cluster}": perhaps another cluster, and then everything is new`;
  return { ...report, changes, errors: isOther ? [...report.errors, warning] : report.errors };
}

/** Whether `--fail-on-new` trips: a finding that the baseline does not know, of `--fail-on` (else warning) or worse. */
export function hasNewFault(report: Report, { gate }: Comparison, failOn: FailOn, isOneOfSeveral = false): boolean {
  if (gate === undefined) return false;
  const known = new Set(earlierOf(report, gate, isOneOfSeveral)?.findings.map(({ id }) => id));
  const threshold = failOn === "never" ? "warning" : failOn;
  return report.findings.some(({ id, severity }) => !known.has(id) && compareSeverity(severity, threshold) <= 0);
}

/**
 * Writes a baseline of the reports and says what is in it.
 *
 * @param unread names of clusters that could not be read
 * @throws {Fault} when there is no report
 */
export async function writeBaseline(
  reports: readonly Report[],
  unread: readonly string[],
  { output }: Pick<BaselineFlags, "output">,
  { tell }: Terminal,
): Promise<void> {
  if (reports.length === 0) {
    throw new Fault(`None of the clusters could be read: ${unread.join(", ")}; no baseline was written`, {
      next: "`k8sgpt contexts` says why",
    });
  }
  const isSeveral = reports.length + unread.length > 1;
  const baselines = reports.map(baselineOf);
  await writeWhole(output, isSeveral ? baselinesText(baselines) : baselines.map(baselineText).join(""));
  const findings = reports.reduce((sum, report) => sum + report.findings.length, 0);
  const accepted = reports.reduce((sum, report) => sum + (report.accepted?.length ?? 0), 0);
  const without = accepted === 0 ? "" : `; ${counted(accepted, "accepted finding")} left out`;
  const of = isSeveral ? ` of ${counted(reports.length, "cluster")}` : "";
  tell(`Saved ${counted(findings, "finding")}${of} to ${output}${without}`);
  if (unread.length > 0) tell(`warning: not in it, because not read: ${unread.join(", ")}`);
  if (reports.some(({ complete }) => !complete))
    tell("warning: not everything could be checked: what was not seen now will be new later");
  tell(`next: \`k8sgpt analyze --baseline ${output} --fail-on-new\``);
}

/**
 * Reads the ignore file: `--ignore-file`, else `.k8sgptignore` where k8sgpt was started, when there is one.
 *
 * @returns also warnings for rules that do not exist
 * @throws Fault when it cannot be read, or an entry is not one
 */
export async function readAcceptRules(
  named: string | undefined,
  analyzers: readonly Analyzer[],
): Promise<{ readonly accept: readonly AcceptRule[]; readonly warnings: readonly string[] }> {
  const file = named ?? usualIgnoreFile;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (named === undefined && isAbsent) return { accept: [], warnings: [] };
    throw new Fault(`Cannot read ignore file ${file}: ${isAbsent ? "it does not exist" : messageOf(error)}`, {
      cause: error,
      next: named === undefined ? `\`ls -l ${file}\`` : "Correct --ignore-file, or leave it out",
    });
  }
  const accept = await acceptRulesIn(text, file);
  const rules = analyzers.flatMap((analyzer) => Object.keys(analyzer.rules));
  const warnings = accept.flatMap(({ rule, place }) => {
    if (rule.includes("*") || rules.includes(rule)) return [];
    return [`[accepted] ${place}: there is no rule "${rule}". ${didYouMean(rule, rules) ?? ""}`.trim()];
  });
  return { accept, warnings };
}

const entryHint =
  "An entry has `rule`, `object` (`Kind/namespace/name`, * for any), `reason` and, when it shall end, `expiry: 2026-12-31`; `cluster: prod-*` limits it";
const keys = ["rule", "object", "reason", "expiry", "cluster"];

/** The entries of an ignore file. An entry with a mistake stops the run: half an ignore file gates the wrong things. */
async function acceptRulesIn(text: string, file: string): Promise<readonly AcceptRule[]> {
  const { parseDocument, isMap, isScalar, isSeq, LineCounter } = await import("yaml");
  const lines = new LineCounter();
  // `failsafe`: every value is the text that was written, also a date.
  const document = parseDocument(text, { lineCounter: lines, schema: "failsafe" });
  const broken = (line: number | undefined, what: string): Fault =>
    new Fault(`Ignore file ${file}${line === undefined ? "" : `, line ${line}`}: ${what}`, { next: entryHint });
  const [problem] = document.errors;
  if (problem !== undefined)
    throw broken(problem.linePos?.[0].line, problem.message.split("\n")[0]?.replace(/ at line .*$/, "") ?? "not YAML");
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === "")) return [];
  if (!isSeq(contents)) throw broken(undefined, "it is not a list");
  return contents.items.map((item): AcceptRule => {
    if (!isMap(item)) throw broken(undefined, "an entry is not a map");
    const line = lines.linePos(item.range?.[0] ?? 0).line;
    const values = new Map<string, string>();
    for (const { key, value } of item.items) {
      const name = isScalar(key) ? String(key.value) : "";
      if (!keys.includes(name)) throw broken(line, `there is no "${name}". ${didYouMean(name, keys) ?? ""}`.trim());
      if (!isScalar(value)) throw broken(line, `"${name}" is not a text`);
      values.set(name, String(value.value).trim());
    }
    const rule = values.get("rule") ?? "";
    const object = values.get("object") ?? "";
    const reason = values.get("reason") ?? "";
    const expiry = values.get("expiry");
    for (const [name, value] of [
      ["rule", rule],
      ["object", object],
      ["reason", reason],
    ] as const) {
      if (value === "") throw broken(line, `an entry needs "${name}"`);
    }
    if (!/^[^/]+\/[^/]+(?:\/[^/]+)?$/.test(object)) throw broken(line, `"${object}" does not name an object`);
    if (expiry !== undefined && !isDay(expiry)) throw broken(line, `expiry "${expiry}" is not a day like 2026-12-31`);
    const cluster = values.get("cluster");
    return {
      rule,
      object,
      reason,
      ...(expiry !== undefined && { expiry }),
      ...(cluster !== undefined && cluster !== "" && { cluster }),
      place: `${file}:${line}`,
    };
  });
}
