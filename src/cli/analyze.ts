import { analyze } from "../engine/analyze.ts";
import { remembering } from "../engine/remembering.ts";
import { Fault, messageOf } from "../fault.ts";
import type { CoverageGap, Report } from "../findings/report.ts";
import type { FieldDocs } from "../report/field-doc.ts";
import type { FormatOptions } from "../report/formats.ts";
import { compared, hasNewFault, readAcceptRules, readComparison, writeBaseline } from "./baseline.ts";
import { buildInfo } from "./build-info.ts";
import { isColored, paletteFor, reportWidth, showsUnicode } from "./display.ts";
import { exitCodeOf } from "./exit-code.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Explained } from "./explain.ts";
import { readFieldDocs } from "./field-docs.ts";
import type { AnalyzeFlags, BaselineFlags } from "./flags.ts";
import { type Outputs, parseOutputs, writeOutputs } from "./output.ts";
import { progressLine } from "./progress.ts";
import { checkNamespaces, chooseAnalyzers, openSource, placeOf } from "./reading.ts";
import { exitCodeOfStop, listenForStop, type StopReason } from "./stop.ts";
import type { Terminal } from "./terminal.ts";
import { analyzers as known } from "../analyzers/index.ts";
import { parseConcurrency, parseDuration, parseInclude, parseLabels, parseScope } from "./values.ts";

/** What to do with a report, besides judging it. */
type Deliver = (report: Report, options: FormatOptions, stopped: StopReason | undefined) => Promise<void>;

/** `k8sgpt analyze`: reads, judges, prints. Gives the exit code. */
export async function runAnalyze(flags: AnalyzeFlags, terminal: Terminal): Promise<number> {
  const outputs: Outputs = parseOutputs(flags.output);
  return runReport(flags, terminal, async (report, options) => {
    await writeOutputs(report, outputs, options, terminal);
    if (flags.withStat === true && outputs.stdout === "text") tellStats(report, terminal);
  });
}

const noExplaining = { language: "", cache: false, aiTimeout: "" } as const;

/** `k8sgpt baseline`: the same run, of which only the ids are kept. A run that was stopped writes no file. */
export async function runBaseline(flags: BaselineFlags, terminal: Terminal): Promise<number> {
  return runReport({ ...flags, ...noExplaining, output: [], failOn: "never" }, terminal, async (report, _, stopped) => {
    if (stopped === undefined) await writeBaseline(report, flags, terminal);
    else terminal.tell("warning: stopped before everything was read; no baseline was written");
  });
}

async function runReport(flags: AnalyzeFlags, terminal: Terminal, deliver: Deliver): Promise<number> {
  const progress = progressLine(terminal.stderrIsTerminal ? terminal.draw : undefined, Date.now, reportWidth(terminal));
  const note = (text: string): void => {
    if (flags.verbose !== true) return;
    progress.erase();
    terminal.tell(text);
  };
  if (flags.interactive === true) (await import("./interactive.ts")).checkInteractive(flags, terminal);
  const scope = parseScope(flags.namespace);
  const selector = parseLabels(flags.selector);
  const timeoutMs = flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout);
  // A gate on findings that are not shown would fail a pipeline without a reason that anyone can see.
  const include = parseInclude(flags.failOn === "info" ? [...flags.include, "info"] : flags.include);
  // Told here although `openSource` reads them: a wrong flag comes before a broken config file.
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  const place = placeOf(flags);
  const comparison = await readComparison(flags);
  const { accept, warnings } = await readAcceptRules(flags.ignoreFile, known);
  const { analyzers, unknown, from } = await chooseAnalyzers(flags, terminal);
  note(`Analyzers (${from}): ${analyzers.map(({ name }) => name).join(", ")}`);
  const explaining =
    flags.explain === true || flags.dryRunExplain === true
      ? await (await import("./explain.ts")).prepareExplaining(flags, terminal)
      : undefined;

  const stop = listenForStop(timeoutMs);
  const onNote = (text: string): void => {
    progress.erase();
    terminal.tell(`note: ${text}`);
  };
  const started = performance.now();
  const elapsed = (): string => `${Math.round(performance.now() - started)} ms`;
  try {
    progress.step(place.from === undefined ? "Connecting" : `Opening ${place.from}`);
    const { source, lastRead } = remembering(await stop.bounded(openSource(flags, terminal, stop.signal, onNote)));
    try {
      note(
        `Opened ${source.info.name}${source.info.server === undefined ? "" : ` at ${source.info.server}`} (${elapsed()})`,
      );
      await stop.bounded(checkNamespaces(source, scope, stop.signal));
      const read = await stop.bounded(
        analyze(source, {
          analyzers,
          scope,
          ...(selector !== undefined && { selector }),
          include,
          logs: flags.logs === true,
          accept,
          signal: stop.signal,
          onProgress: (step) => {
            progress.read(step);
            if (step.done) note(`Read ${step.kind}: ${step.objects} objects (${elapsed()})`);
          },
        }),
      );
      const { docs, errors } =
        flags.withDoc === true ? await readFieldDocs(source, read.findings, stop.signal) : noDocs;
      progress.erase();
      note(`Analyzed (${elapsed()})`);
      const gaps = [...unknownFilterGaps(unknown, from), ...stopGaps(stop.reason())];
      const report = withErrors(withGaps(read, gaps), [...unknownFilterErrors(unknown, from), ...warnings, ...errors]);
      const told = compared(report, comparison);
      const rules = Object.fromEntries(analyzers.flatMap((analyzer) => Object.entries(analyzer.rules)));
      const options = await formatOptions(flags, terminal, docs, rules);
      if (explaining !== undefined && flags.dryRunExplain === true) {
        await terminal.print(explaining.dryRun(told, lastRead()));
        return exitCodes.done;
      }
      const explained = explaining?.begin(told, lastRead(), stop.signal, progress.step, source.user);
      if (explained === undefined) await deliver(told, options, stop.reason());
      else if (isStreamed(flags, told, terminal)) await printStreamed(explained, options, terminal, progress.erase);
      else {
        const incidents = await Promise.all(told.incidents.map(explained.incident));
        progress.erase();
        await deliver({ ...explained.report, incidents }, options, stop.reason());
      }
      const outcome = await explained?.summary();
      progress.erase();
      for (const line of outcome?.lines ?? []) terminal.tell(line);
      const explainFailed = outcome?.failed === true;
      const reason = stop.reason();
      if (flags.interactive === true && reason === undefined) {
        // What ends the conversation does not interrupt the run, and --timeout was for reading and explaining.
        stop.release();
        const asked = await explained?.conversation();
        if (asked === undefined) terminal.tell("note: There is no incident to ask about");
        else await (await import("./interactive.ts")).converse(asked.about, asked.answerer, terminal);
      }
      await explained?.close();
      if (reason === "interrupted" || reason === "terminated") return exitCodeOfStop(reason);
      const strict = flags.strict === true;
      // With --fail-on-new only what is new is gated, from the severity of --fail-on on.
      if (flags.failOnNew !== true) return exitCodeOf(report, { failOn: flags.failOn, strict, explainFailed });
      return hasNewFault(report, comparison, flags.failOn)
        ? exitCodes.gate
        : exitCodeOf(report, { failOn: "never", strict, explainFailed });
    } finally {
      await stop.bounded(source.close()).catch((error: unknown) => note(`Closing: ${messageOf(error)}`));
    }
  } catch (error) {
    const reason = stop.reason();
    if (reason === undefined || (error instanceof Fault && error.usage)) throw error;
    if (reason === "timeout") {
      throw new Fault(`--timeout ${flags.timeout ?? ""} passed before there was anything to report`, {
        cause: error,
        next: "Give more time, or less to read: --filter and --namespace",
      });
    }
    terminal.tell("Stopped before there was anything to report");
    return exitCodeOfStop(reason);
  } finally {
    progress.erase();
    stop.release();
  }
}

/** Whether explanations can be shown as they come: the plain text view, with nothing around it that needs the whole. */
function isStreamed(flags: AnalyzeFlags, { accepted, changes }: Report, { env }: Terminal): boolean {
  const isText = flags.output.every((value) => value === "text" || value === "text=-");
  return (
    isText && flags.flat !== true && accepted === undefined && changes === undefined && env["GITHUB_ACTIONS"] !== "true"
  );
}

/**
 * Prints the report block by block, each explanation as soon as it and all before it are there, so that the order never
 * changes.
 */
async function printStreamed(
  { report, incident }: Explained,
  options: FormatOptions,
  terminal: Terminal,
  erase: () => void,
): Promise<void> {
  const { streamText } = await import("../report/text.ts");
  for await (const piece of streamText(report, options, incident)) {
    erase();
    await terminal.print(piece);
  }
}

const noDocs: { readonly docs: FieldDocs | undefined; readonly errors: readonly string[] } = {
  docs: undefined,
  errors: [],
};

async function formatOptions(
  flags: AnalyzeFlags,
  terminal: Terminal,
  docs: FieldDocs | undefined,
  rules: FormatOptions["rules"],
): Promise<FormatOptions> {
  return {
    width: reportWidth(terminal),
    palette: await paletteFor(isColored(flags.color, terminal)),
    unicode: showsUnicode(terminal),
    flat: flags.flat === true,
    withStats: flags.withStat === true,
    version: buildInfo.version,
    rules,
    ...(docs !== undefined && { docs }),
  };
}

/** The report with more that was not checked. */
function withGaps(report: Report, gaps: readonly CoverageGap[]): Report {
  if (gaps.length === 0) return report;
  return {
    ...report,
    complete: false,
    status: report.status === "OK" ? "Incomplete" : report.status,
    coverage: [...report.coverage, ...gaps],
  };
}

function withErrors(report: Report, errors: readonly string[]): Report {
  return errors.length === 0 ? report : { ...report, errors: [...report.errors, ...errors] };
}

function unknownFilterReason(from: string): string {
  return `${from} names it, but there is no such filter`;
}

function unknownFilterGaps(unknown: readonly string[], from: string): readonly CoverageGap[] {
  return unknown.map((name) => ({
    what: `filter ${name}`,
    reason: unknownFilterReason(from),
    analyzers: [],
    next: `k8sgpt filters remove ${name}`,
    level: "gap",
  }));
}

function unknownFilterErrors(unknown: readonly string[], from: string): readonly string[] {
  return unknown.map((name) => `[${name}] ${unknownFilterReason(from)}`);
}

function stopGaps(reason: StopReason | undefined): readonly CoverageGap[] {
  if (reason === undefined) return [];
  const why = reason === "timeout" ? "the time of --timeout was over" : "it was stopped by a signal";
  return [{ what: "the rest of the run", reason: `${why} before its end`, analyzers: [], level: "gap" }];
}

/** Durations go to standard error: the report on standard output stays the same from run to run. */
function tellStats({ stats }: Report, { tell }: Terminal): void {
  tell("The stats of the analyzers:");
  for (const { analyzer, durationMs, findings } of stats) {
    tell(`- Analyzer ${analyzer} took ${durationMs.toFixed(1)} ms (${findings} observations)`);
  }
}
