import { Fault, messageOf } from "../fault.ts";
import type { Report } from "../findings/report.ts";
import { reportInContext } from "../findings/with-context.ts";
import type { FormatOptions } from "../report/formats.ts";
import { compared, hasNewFault, writeBaseline } from "./baseline.ts";
import { reportWidth } from "./display.ts";
import { exitCodeOf } from "./exit-code.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Explained } from "./explain.ts";
import type { AnalyzeFlags, BaselineFlags } from "./flags.ts";
import { type Outputs, parseOutputs, writeOutputs } from "./output.ts";
import { lookAt, planOf } from "./plan.ts";
import { progressLine } from "./progress.ts";
import { type Deliver, formatOptions, isStreamed, openedText, type Run } from "./run.ts";
import { exitCodeOfStop, listenForStop } from "./stop.ts";
import { type Target, targetsOf } from "./targets.ts";
import type { Terminal } from "./terminal.ts";

/** `k8sgpt analyze`: reads, judges, prints. Gives the exit code. */
export async function runAnalyze(flags: AnalyzeFlags, terminal: Terminal): Promise<number> {
  const outputs: Outputs = parseOutputs(flags.output);
  return runReport(flags, terminal, async (printed, options) => {
    await writeOutputs(printed, outputs, options, {
      env: terminal.env,
      print:
        outputs.stdout === "text" && terminal.stdoutIsTerminal
          ? async (text) => (await import("./pager.ts")).printPaged(text, flags, terminal)
          : terminal.print,
    });
    if (flags.withStat === true && outputs.stdout === "text") {
      const { reports } = printed;
      for (const report of reports) tellStats(report, reports.length > 1, terminal);
    }
  });
}

const noExplaining = { language: "", cache: false, aiTimeout: "" } as const;

/** `k8sgpt baseline`: the same run, of which only the ids are kept. A run that was stopped writes no file. */
export async function runBaseline(flags: BaselineFlags, terminal: Terminal): Promise<number> {
  return runReport(
    { ...flags, ...noExplaining, output: [], failOn: "never" },
    terminal,
    async ({ reports, unread }, _, stopped) => {
      if (stopped === undefined) await writeBaseline(reports, unread, flags, terminal);
      else terminal.tell("warning: stopped before everything was read; no baseline was written");
    },
  );
}

async function runReport(flags: AnalyzeFlags, terminal: Terminal, deliver: Deliver): Promise<number> {
  const progress = progressLine(terminal.stderrIsTerminal ? terminal.draw : undefined, Date.now, reportWidth(terminal));
  const tell = (text: string): void => {
    progress.erase();
    terminal.tell(text);
  };
  const note = (text: string): void => {
    if (flags.verbose === true) tell(text);
  };
  if (flags.interactive === true) (await import("./interactive.ts")).checkInteractive(flags, terminal);
  const plan = await planOf(flags, terminal);
  const targets = await targetsOf(flags, terminal);
  if (flags.interactive === true && targets.length > 1) {
    throw new Fault(`--interactive talks about one cluster, and ${targets.length} are named`, {
      usage: true,
      next: "Name one of them, or leave --interactive out",
    });
  }
  note(`Analyzers (${plan.from}): ${plan.analyzers.map(({ name }) => name).join(", ")}`);
  const explaining =
    flags.explain === true || flags.dryRunExplain === true
      ? await (await import("./explain.ts")).prepareExplaining(flags, terminal)
      : undefined;

  const stop = listenForStop(plan.timeoutMs);
  const started = performance.now();
  const run: Run = {
    flags,
    terminal,
    plan,
    progress,
    stop,
    explaining,
    deliver,
    note,
    onNote: (text) => tell(`note: ${text}`),
    elapsed: () => `${Math.round(performance.now() - started)} ms`,
  };
  try {
    const [target, ...more] = targets;
    if (target === undefined) throw new Error("there is always a target");
    return more.length === 0
      ? await runOne(run, target)
      : await (await import("./several.ts")).runSeveral(run, targets);
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

async function runOne(run: Run, target: Target): Promise<number> {
  const { flags, terminal, plan, progress, stop, explaining, deliver, note, onNote, elapsed } = run;
  progress.step(target.isSaved ? `Opening ${target.name}` : "Connecting");
  const source = await stop.bounded(target.open(stop.signal, onNote));
  try {
    note(`Opened ${openedText(source)} (${elapsed()})`);
    const { report, input, docs } = await lookAt(source, plan, {
      stop,
      onProgress: (step) => {
        progress.read(step);
        if (step.done) note(`Read ${step.kind}: ${step.objects} objects (${elapsed()})`);
      },
      onRead: progress.erase,
    });
    note(`Analyzed (${elapsed()})`);
    const told = compared(report, plan.comparison);
    const options = await formatOptions(flags, terminal, docs, plan);
    if (explaining !== undefined && flags.dryRunExplain === true) {
      await terminal.print(explaining.dryRun([{ report: told, input }]));
      return exitCodes.done;
    }
    const { printedReport } = await import("./output.ts");
    const explained = explaining?.begin(told, input, stop.signal, progress.step, source.user);
    const shown = reportInContext(explained?.report ?? told, target.context);
    if (explained === undefined) await deliver(printedReport(shown), options, stop.reason());
    else if (isStreamed(flags, [told], terminal)) {
      await printStreamed({ ...explained, report: shown }, options, terminal, progress.erase);
    } else {
      const incidents = await Promise.all(shown.incidents.map(explained.incident));
      progress.erase();
      await deliver(printedReport({ ...shown, incidents }), options, stop.reason());
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
    return exitCodeFor(run, report, explainFailed);
  } finally {
    await stop.bounded(source.close()).catch((error: unknown) => note(`Closing: ${messageOf(error)}`));
  }
}

/** The exit code of one cluster's report. */
function exitCodeFor({ flags, plan }: Run, report: Report, explainFailed: boolean): number {
  const strict = flags.strict === true;
  // With --fail-on-new only what is new is gated, from the severity of --fail-on on.
  if (flags.failOnNew !== true) return exitCodeOf(report, { failOn: flags.failOn, strict, explainFailed });
  return hasNewFault(report, plan.comparison, flags.failOn)
    ? exitCodes.gate
    : exitCodeOf(report, { failOn: "never", strict, explainFailed });
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

/** Durations go to standard error: the report on standard output stays the same from run to run. */
function tellStats({ cluster, stats }: Report, isOneOfSeveral: boolean, { tell }: Terminal): void {
  tell(`The stats of the analyzers${isOneOfSeveral ? ` in ${cluster.name}` : ""}:`);
  for (const { analyzer, durationMs, findings } of stats) {
    tell(`- Analyzer ${analyzer} took ${durationMs.toFixed(1)} ms (${findings} observations)`);
  }
}
