import { analyze } from "../engine/analyze.ts";
import { Fault, messageOf } from "../fault.ts";
import type { CoverageGap, Report } from "../findings/report.ts";
import type { FieldDocs } from "../report/field-doc.ts";
import { isColored, paletteFor, reportWidth, showsUnicode } from "./display.ts";
import { exitCodeOf } from "./exit-code.ts";
import { readFieldDocs } from "./field-docs.ts";
import type { AnalyzeFlags } from "./flags.ts";
import { progressLine } from "./progress.ts";
import { checkNamespaces, chooseAnalyzers, contextOf, openSource } from "./reading.ts";
import { exitCodeOfStop, listenForStop, type StopReason } from "./stop.ts";
import type { Terminal } from "./terminal.ts";
import { parseConcurrency, parseDuration, parseInclude, parseLabels, parseScope } from "./values.ts";

/** `k8sgpt analyze`: reads, judges, prints. Gives the exit code. */
export async function runAnalyze(flags: AnalyzeFlags, terminal: Terminal): Promise<number> {
  const progress = progressLine(terminal.stderrIsTerminal ? terminal.draw : undefined, Date.now, reportWidth(terminal));
  const note = (text: string): void => {
    if (flags.verbose !== true) return;
    progress.erase();
    terminal.tell(text);
  };
  const scope = parseScope(flags.namespace);
  const selector = parseLabels(flags.selector);
  const timeoutMs = flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout);
  // A gate on findings that are not shown would fail a pipeline without a reason that anyone can see.
  const include = parseInclude(flags.failOn === "info" ? [...flags.include, "info"] : flags.include);
  // Told here although `openSource` reads them: a wrong flag comes before a broken config file.
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  contextOf(flags);
  const { analyzers, unknown, from } = await chooseAnalyzers(flags, terminal);
  note(`Analyzers (${from}): ${analyzers.map(({ name }) => name).join(", ")}`);

  const stop = listenForStop(timeoutMs);
  const onNote = (text: string): void => {
    progress.erase();
    terminal.tell(`note: ${text}`);
  };
  const started = performance.now();
  const elapsed = (): string => `${Math.round(performance.now() - started)} ms`;
  try {
    progress.step(flags.from === undefined ? "Connecting" : `Opening ${flags.from}`);
    const source = await stop.bounded(openSource(flags, terminal, stop.signal, onNote));
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
      const report = withErrors(withGaps(read, gaps), [...unknownFilterErrors(unknown, from), ...errors]);
      await terminal.print(await rendered(report, flags, terminal, docs));
      if (flags.withStat === true && flags.output === "text") tellStats(report, terminal);
      const reason = stop.reason();
      return reason === "interrupted" || reason === "terminated"
        ? exitCodeOfStop(reason)
        : exitCodeOf(report, { failOn: flags.failOn, strict: flags.strict === true });
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

const noDocs: { readonly docs: FieldDocs | undefined; readonly errors: readonly string[] } = {
  docs: undefined,
  errors: [],
};

async function rendered(
  report: Report,
  flags: AnalyzeFlags,
  terminal: Terminal,
  docs: FieldDocs | undefined,
): Promise<string> {
  const described = docs === undefined ? {} : { docs };
  if (flags.output === "json") {
    const { renderJson } = await import("../report/json.ts");
    return renderJson(report, { withStats: flags.withStat === true, ...described });
  }
  const { renderText } = await import("../report/text.ts");
  return renderText(report, {
    width: reportWidth(terminal),
    palette: await paletteFor(isColored(flags.color, terminal)),
    unicode: showsUnicode(terminal),
    flat: flags.flat === true,
    ...described,
  });
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
