/**
 * `analyze --watch`: looks again and again and tells what changed. Each look lists anew. The lists come from the API
 * server's watch cache, cost it no read of etcd, and give the whole picture that causes are found in; real watches would
 * hold a connection per kind open for the same. A cluster that is lost is told once, asked again after growing pauses, and
 * told when it is back. Several clusters are watched side by side.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ClusterSource } from "../cluster/source.ts";
import { Fault, messageOf } from "../fault.ts";
import { eventsSince, lostReason, type Watched } from "../findings/watch.ts";
import { countBySeverity, counted, isProblem } from "../report/words.ts";
import { type WatchEntry, watchJson, type WatchOptions, watchText } from "../report/watch.ts";
import { isColored, paletteFor, reportWidth, showsUnicode } from "./display.ts";
import { exitCodes } from "./exit-codes.ts";
import type { AnalyzeFlags } from "./flags.ts";
import { parseOutputs } from "./output.ts";
import { lookAt, type Plan, planOf } from "./plan.ts";
import { progressLine } from "./progress.ts";
import { exitCodeOfStop, listenForStop, type Stop } from "./stop.ts";
import { type Target, targetsOf } from "./targets.ts";
import type { Terminal } from "./terminal.ts";
import { parseDuration } from "./values.ts";

const firstPauseMs = 1000;
const longestPauseMs = 60_000;
const shortestIntervalMs = 1000;

/** Watches until it is stopped. Gives the exit code: Ctrl-C is how a watch ends well. */
export async function runWatch(flags: AnalyzeFlags, terminal: Terminal): Promise<number> {
  const isJson = checkFlags(flags);
  const intervalMs = parseDuration("--interval", flags.interval ?? "30s");
  if (intervalMs < shortestIntervalMs) {
    throw new Fault(`--interval ${flags.interval ?? ""} is too short: every look lists the cluster`, {
      usage: true,
      next: "Give it a second or more",
    });
  }
  const plan = await planOf(flags, terminal);
  const targets = await targetsOf(flags, terminal);
  const options: WatchOptions = {
    palette: await paletteFor(isColored(flags.color, terminal)),
    unicode: showsUnicode(terminal),
    width: terminal.stdoutIsTerminal ? reportWidth(terminal) : undefined,
    isOneOfSeveral: targets.length > 1,
  };
  const progress = progressLine(terminal.stderrIsTerminal ? terminal.draw : undefined, Date.now, reportWidth(terminal));
  const stop = listenForStop(plan.timeoutMs);
  const told = (entry: WatchEntry): Promise<void> => {
    progress.erase();
    return terminal.print(isJson ? watchJson(entry) : watchText(entry, options));
  };
  const onNote = (text: string): void => {
    progress.erase();
    terminal.tell(`note: ${text}`);
  };
  const waiting = (): void =>
    progress.step(`Watching ${counted(targets.length, "cluster")}, every ${intervalMs / 1000} s; Ctrl-C ends`);
  try {
    const alone = targets.length === 1;
    await Promise.all(
      targets.map(async (target) => watchOne(target, { plan, stop, intervalMs, told, onNote, waiting, alone })),
    );
    const reason = stop.reason();
    return reason === "terminated" ? exitCodeOfStop(reason) : exitCodes.done;
  } finally {
    progress.erase();
    stop.release();
  }
}

/** Whether JSON lines are wanted. */
function checkFlags(flags: AnalyzeFlags): boolean {
  if (flags.from.length > 0) throw refused("--from", "a saved cluster does not change");
  const [other] = (
    [
      ["--explain", flags.explain === true || flags.dryRunExplain === true],
      ["--interactive", flags.interactive === true],
      ["--fail-on", flags.failOn !== "never" || flags.failOnNew === true],
      ["--baseline", flags.baseline !== undefined || flags.since !== undefined],
      ["--flat", flags.flat === true],
      ["--with-stat", flags.withStat === true],
      ["--with-doc", flags.withDoc === true],
    ] as const
  ).filter(([, isGiven]) => isGiven);
  if (other !== undefined) throw refused(other[0], "a watch tells what changes, and ends when it is stopped");
  const { stdout, files } = parseOutputs(flags.output);
  const [file] = files;
  if (file !== undefined)
    throw refused(`--output ${file.format}=${file.path}`, "it has no end at which to write a file");
  if (stdout !== "text" && stdout !== "ndjson") {
    throw new Fault(`--watch cannot be written as ${stdout}, which needs an end`, {
      usage: true,
      next: "`-o ndjson` writes a JSON line for each thing that happens",
    });
  }
  return stdout === "ndjson";
}

function refused(flag: string, why: string): Fault {
  return new Fault(`--watch and ${flag} do not go together: ${why}`, { usage: true, next: "Leave one of them out" });
}

interface Watching {
  readonly plan: Plan;
  readonly stop: Stop;
  readonly intervalMs: number;
  readonly told: (entry: WatchEntry) => Promise<void>;
  readonly onNote: (text: string) => void;
  /** Shows that nothing is being read now. */
  readonly waiting: () => void;
  /** Whether it is the only cluster: then a cluster that cannot be opened at all ends the run. */
  readonly alone: boolean;
}

/** Looks at one cluster until the run is stopped. Looks never overlap. */
async function watchOne(target: Target, watching: Watching): Promise<void> {
  const { stop, intervalMs, told, onNote, waiting, alone } = watching;
  const { name: cluster } = target;
  let source: ClusterSource | undefined;
  let watched: Watched | undefined;
  /** How often it could not be read in a row. */
  let failures = 0;
  const isStopped = (): boolean => stop.reason() !== undefined;
  /* oxlint-disable no-await-in-loop -- one look after the other is the point */
  while (!isStopped()) {
    let lost: string | undefined;
    try {
      source ??= await stop.bounded(target.open(stop.signal, failures === 0 ? onNote : () => undefined));
      const look = await lookOnce(source, watched, watching);
      if (isStopped()) break;
      if ("lost" in look) {
        ({ lost } = look);
      } else {
        if (failures > 0) await told({ at: look.at, cluster, what: { type: "back", text: "It can be read again" } });
        failures = 0;
        for (const what of look.entries) await told({ at: look.at, cluster, what });
        ({ watched } = look);
      }
    } catch (error) {
      if (isStopped()) break;
      // A mistake in the flags, and a cluster that never was there, are no reason to wait.
      if (error instanceof Fault && (error.usage || (alone && watched === undefined && failures === 0))) throw error;
      lost = messageOf(error);
    }
    if (lost !== undefined) {
      if (failures === 0) await told({ at: Date.now(), cluster, what: { type: "lost", text: lost } });
      failures += 1;
      await source?.close().catch(() => undefined);
      source = undefined;
    }
    waiting();
    await pause(failures === 0 ? intervalMs : pauseAfter(failures, intervalMs), stop.signal);
  }
  /* oxlint-enable no-await-in-loop */
  await stop.bounded(source?.close() ?? Promise.resolve()).catch(() => undefined);
}

async function lookOnce(
  source: ClusterSource,
  before: Watched | undefined,
  { plan, stop }: Watching,
): Promise<
  | { readonly lost: string }
  | { readonly at: number; readonly entries: readonly WatchEntry["what"][]; readonly watched: Watched }
> {
  // A namespace may come and go while it is watched; one that was never there was mistyped.
  const { report } = await lookAt(source, plan, {
    stop,
    onProgress: () => undefined,
    toleratesAbsent: before !== undefined,
  });
  const lost = lostReason(report);
  if (lost !== undefined) return { lost };
  const { events, watched } = eventsSince(before, report);
  const gaps = report.coverage.filter(({ level }) => level === "gap").length;
  const problems = report.incidents.filter(isProblem);
  const found =
    problems.length === 0 ? "no incidents" : `${counted(problems.length, "incident")}: ${countBySeverity(problems)}`;
  const blind = gaps === 0 ? "" : "; not everything could be read, `k8sgpt analyze` says what";
  const begun = { type: "note", text: `Watching ${source.info.name}: ${found}${blind}` } as const;
  return { at: report.takenAt, entries: before === undefined ? [begun, ...events] : events, watched };
}

/** Longer after each failure, and never longer than people wait, or than the interval if that is longer. */
function pauseAfter(failures: number, intervalMs: number): number {
  return Math.min(firstPauseMs * 2 ** (failures - 1), Math.max(longestPauseMs, intervalMs));
}

/** A tenth more or less, so that many watches do not ask at one moment. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms * (0.9 + Math.random() * 0.2), undefined, { signal }).catch(() => undefined);
}
