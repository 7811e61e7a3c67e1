/**
 * `analyze` over several clusters: all at once, each on its own. What one of them refuses, or that it does not answer at
 * all, is told with its name and costs the others nothing.
 */
import pLimit from "p-limit";
import { Fault, messageOf } from "../fault.ts";
import { type Fleet, fleetOf, type FleetMember, reportsOf, unreadOf } from "../findings/fleet.ts";
import type { Report } from "../findings/report.ts";
import { reportInContext } from "../findings/with-context.ts";
import type { FieldDocs } from "../report/field-doc.ts";
import { counted, someOf, withThousands } from "../report/words.ts";
import { compared, hasNewFault } from "./baseline.ts";
import { exitCodeOf } from "./exit-code.ts";
import { exitCodes } from "./exit-codes.ts";
import type { FleetRead } from "./explain-fleet.ts";
import type { AnalyzeFlags } from "./flags.ts";
import { printedFleet } from "./output.ts";
import { lookAt, type Told } from "./plan.ts";
import { formatOptions, isStreamed, openedText, type Run } from "./run.ts";
import { exitCodeOfStop, type StopReason } from "./stop.ts";
import type { Target } from "./targets.ts";

/** Clusters opened at once: one that does not answer waits long and costs nothing. */
const openedAtOnce = 16;
/** Clusters read at once: what is read of one is in memory until it is judged. */
const readAtOnce = 4;
const drawEveryMs = 80;

/** What came of one target. */
interface Outcome {
  readonly target: Target;
  readonly told?: Told;
  readonly error?: unknown;
  /** What had asked to stop when it failed: what comes later did not cause it. */
  readonly stopped?: StopReason | undefined;
}

/** Analyzes all targets and delivers one report. Gives the exit code. */
export async function runSeveral(run: Run, targets: readonly Target[]): Promise<number> {
  const { flags, terminal, plan, progress, stop, explaining, deliver, note, elapsed } = run;
  note(`Clusters: ${targets.map(({ name }) => name).join(", ")}`);
  const outcomes = await lookAtAll(run, targets);
  progress.erase();
  note(`Analyzed (${elapsed()})`);
  const told = outcomes.flatMap((outcome) => outcome.told ?? []);
  // A namespace that none of them has was mistyped; one that some have is told with the others.
  const [absent] = told.flatMap((each) => each.absent ?? []);
  if (absent !== undefined && told.every((each) => each.absent !== undefined)) throw absent;
  throwIfOneCause(outcomes);

  const names = displayNames(outcomes);
  const reads = new Map<string, FleetRead>();
  const docs = new Map<string, string>();
  const contexts = new Map<string, string>();
  const members = outcomes.map((outcome, index): FleetMember => {
    const name = names[index] ?? outcome.target.name;
    if (outcome.told === undefined) return { name, problem: problemOf(outcome, flags) };
    const { report, input, user } = outcome.told;
    reads.set(name, { input, user });
    for (const [key, text] of outcome.told.docs ?? noDocs) if (!docs.has(key)) docs.set(key, text);
    if (outcome.target.context !== undefined) contexts.set(name, outcome.target.context);
    return { name, report: compared(named(report, name), plan.comparison, true) };
  });
  const fleet = fleetOf(members);
  const shown = (whole: Fleet): Fleet => ({
    clusters: whole.clusters.map((member) =>
      member.report === undefined
        ? member
        : { ...member, report: reportInContext(member.report, contexts.get(member.name)) },
    ),
  });
  const reports = reportsOf(fleet);
  const options = await formatOptions(flags, terminal, plan.withDoc ? docs : undefined, plan);
  if (explaining !== undefined && flags.dryRunExplain === true) {
    const { askedOnce } = await import("./explain-fleet.ts");
    const read = reports.map((report) => ({ report, input: reads.get(report.cluster.name)?.input }));
    await terminal.print(explaining.dryRun(askedOnce(read)));
    return exitCodes.done;
  }
  const explained =
    explaining === undefined
      ? undefined
      : await (await import("./explain-fleet.ts")).explainFleet(explaining, fleet, reads, stop.signal, progress.step);
  if (explained === undefined) await deliver(printedFleet(shown(fleet)), options, stop.reason());
  else if (isStreamed(flags, reports, terminal)) {
    const { streamFleetText } = await import("../report/fleet-text.ts");
    for await (const piece of streamFleetText(shown(explained.fleet), options, explained.incident)) {
      progress.erase();
      await terminal.print(piece);
    }
  } else {
    const whole = await explained.whole();
    progress.erase();
    await deliver(printedFleet(shown(whole)), options, stop.reason());
  }
  const outcome = await explained?.summary();
  progress.erase();
  for (const line of outcome?.lines ?? []) terminal.tell(line);
  await explained?.close();

  const unread = unreadOf(fleet);
  if (unread.length > 0) {
    const lost = someOf(
      unread.map(({ name }) => name),
      8,
    ).join(" ");
    terminal.tell(`warning: ${unread.length} of ${counted(fleet.clusters.length, "cluster")} not read: ${lost}`);
  }
  const reason = stop.reason();
  if (reason === "interrupted" || reason === "terminated") return exitCodeOfStop(reason);
  return exitCodeOfFleet(run, fleet, outcome?.failed === true);
}

const noDocs: FieldDocs = new Map();

async function lookAtAll(run: Run, targets: readonly Target[]): Promise<readonly Outcome[]> {
  const { plan, progress, stop, explaining, note, onNote, elapsed } = run;
  const opening = pLimit(openedAtOnce);
  const reading = pLimit(readAtOnce);
  const objects = new Map<string, number>();
  let done = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  const draw = (isDue: boolean): void => {
    if (!isDue && Date.now() - drawnAt < drawEveryMs) return;
    drawnAt = Date.now();
    const total = [...objects.values()].reduce((sum, count) => sum + count, 0);
    progress.step(`Reading ${targets.length} clusters: ${done} done, ${withThousands(total)} objects`);
  };
  draw(true);
  const lookAtOne = async (target: Target): Promise<Told> => {
    const source = await opening(async () => target.open(stop.signal, (text) => onNote(`${target.name}: ${text}`)));
    try {
      note(`Opened ${openedText(source)} (${elapsed()})`);
      return await reading(async () =>
        lookAt(source, plan, {
          stop,
          toleratesAbsent: true,
          onProgress: (step) => {
            objects.set(`${target.name}\n${step.kind}`, step.objects);
            draw(false);
            if (step.done) note(`${target.name}: read ${step.kind}: ${step.objects} objects (${elapsed()})`);
          },
        }),
      );
    } finally {
      await stop.bounded(source.close()).catch((error: unknown) => note(`Closing ${target.name}: ${messageOf(error)}`));
    }
  };
  return Promise.all(
    targets.map(async (target): Promise<Outcome> => {
      try {
        // Each is waited for on its own: one that does not stop in time takes no other's report with it.
        const told = await stop.bounded(lookAtOne(target));
        // What was read is needed for masking only, and is large.
        return { target, told: explaining === undefined ? { ...told, input: undefined } : told };
      } catch (error) {
        return { target, error, stopped: stop.reason() };
      } finally {
        done += 1;
        draw(true);
      }
    }),
  );
}

/** What keeps all of them from being read in the same words is no cluster's: a policy file, an audit log. */
function throwIfOneCause(outcomes: readonly Outcome[]): void {
  const [first] = outcomes;
  const reasons = new Set(outcomes.map(({ error }) => (error === undefined ? undefined : messageOf(error))));
  if (reasons.size === 1 && first?.error instanceof Fault) throw first.error;
}

function problemOf(
  { error, stopped }: Outcome,
  flags: Pick<AnalyzeFlags, "timeout">,
): NonNullable<FleetMember["problem"]> {
  if (stopped !== undefined && !(error instanceof Fault && error.usage)) {
    return stopped === "timeout"
      ? { reason: `--timeout ${flags.timeout ?? ""} passed before it had answered`, next: "Give more time" }
      : { reason: "it was stopped by a signal before it had answered" };
  }
  if (!(error instanceof Fault)) {
    return { reason: messageOf(error), next: "Read it alone with --verbose: k8sgpt may have found a bug in itself" };
  }
  return { reason: error.message, ...(error.next !== undefined && { next: error.next }) };
}

/** Each cluster's own name; where two have one name, as two dumps of one cluster do, also where it was read. */
function displayNames(outcomes: readonly Outcome[]): readonly string[] {
  const own = outcomes.map(({ target, told }) => told?.report.cluster.name ?? target.name);
  return own.map((name, index) => {
    const place = outcomes[index]?.target.name ?? name;
    const isUnique = own.every((other, at) => at === index || other !== name);
    return isUnique ? name : place.endsWith(name) ? place : `${name} (${place})`;
  });
}

function named(report: Report, name: string): Report {
  return report.cluster.name === name ? report : { ...report, cluster: { ...report.cluster, name } };
}

function isIncomplete(code: number): boolean {
  return code === exitCodes.incomplete;
}

/** The worst of all clusters. Nothing read at all is no run; a part that is missing counts with `--strict`. */
function exitCodeOfFleet({ flags, plan }: Run, fleet: Fleet, explainFailed: boolean): number {
  const reports = reportsOf(fleet);
  if (reports.length === 0) return exitCodes.couldNotRun;
  const strict = flags.strict === true;
  const failOn = flags.failOnNew === true ? "never" : flags.failOn;
  const codes = reports.map((report) =>
    flags.failOnNew === true && hasNewFault(report, plan.comparison, flags.failOn, true)
      ? exitCodes.gate
      : exitCodeOf(report, { failOn, strict, explainFailed: false }),
  );
  if (codes.includes(exitCodes.gate)) return exitCodes.gate;
  // Without --strict one cluster that says nothing is told, as one that is not read; all of them are no result.
  const isLacking = strict ? unreadOf(fleet).length > 0 || codes.some(isIncomplete) : codes.every(isIncomplete);
  if (isLacking) return exitCodes.incomplete;
  return explainFailed ? exitCodes.explainFailed : exitCodes.done;
}
