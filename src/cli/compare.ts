/** `k8sgpt compare`: two clusters of one fleet, read at once, and how they differ. */
import { basename } from "node:path";
import type { ClusterSource } from "../cluster/source.ts";
import { Fault, messageOf } from "../fault.ts";
import { comparedKinds, compareClusters, differencesIn, type Side } from "../kube/compare.ts";
import { createSnapshot, type Scope } from "../kube/snapshot.ts";
import { isColored, paletteFor, reportWidth, showsUnicode } from "./display.ts";
import { exitCodes } from "./exit-codes.ts";
import type { CompareFlags } from "./flags.ts";
import { progressLine } from "./progress.ts";
import { exitCodeOfStop, listenForStop } from "./stop.ts";
import { type Target, targetsOf } from "./targets.ts";
import type { Terminal } from "./terminal.ts";
import { parseConcurrency, parseDuration, parseScope } from "./values.ts";

/** Compares two contexts, or two saved clusters, or one of each. Gives the exit code. */
export async function runCompare(
  operands: readonly string[],
  flags: CompareFlags,
  terminal: Terminal,
): Promise<number> {
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  const timeoutMs = flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout);
  const scope = parseScope(flags.namespace);
  const [left, right] = withShortNames(await twoOf(operands, flags, terminal));
  const progress = progressLine(terminal.stderrIsTerminal ? terminal.draw : undefined, Date.now, reportWidth(terminal));
  const stop = listenForStop(timeoutMs);
  const onNote = (name: string, text: string): void => {
    progress.erase();
    terminal.tell(`note: ${name}: ${text}`);
  };
  const side = async (target: Target): Promise<Side> => {
    const source = await target.open(stop.signal, (text) => onNote(target.name, text));
    try {
      const input = await source.read({ kinds: comparedKinds, scope, signal: stop.signal });
      return { name: target.name, snapshot: createSnapshot(input), ...(await served(source, scope, stop.signal)) };
    } finally {
      await source.close().catch((error: unknown) => {
        if (flags.verbose === true) onNote(target.name, `closing: ${messageOf(error)}`);
      });
    }
  };
  try {
    progress.step(`Reading ${left.name} and ${right.name}`);
    const [one, two] = await stop.bounded(Promise.all([side(left), side(right)]));
    const comparison = compareClusters(one, two);
    progress.erase();
    const { renderComparison, renderComparisonJson } = await import("../report/compare-text.ts");
    if (flags.output === "json") await terminal.print(renderComparisonJson(comparison));
    else {
      const palette = await paletteFor(isColored(flags.color, terminal));
      const view = { width: reportWidth(terminal), palette, unicode: showsUnicode(terminal) };
      await terminal.print(renderComparison(comparison, view));
    }
    const reason = stop.reason();
    if (reason === "interrupted" || reason === "terminated") return exitCodeOfStop(reason);
    if (flags.exitCode === true && differencesIn(comparison) > 0) return exitCodes.gate;
    const isBlind = comparison.sections.every(({ differences, same }) => differences.length === 0 && same === 0);
    return isBlind || (flags.strict === true && comparison.notCompared.length > 0)
      ? exitCodes.incomplete
      : exitCodes.done;
  } catch (error) {
    const reason = stop.reason();
    if (reason === undefined || (error instanceof Fault && error.usage)) throw error;
    if (reason === "timeout") {
      throw new Fault(`--timeout ${flags.timeout ?? ""} passed before both clusters were read`, {
        cause: error,
        next: "Give more time, or less to read: --namespace",
      });
    }
    terminal.tell("Stopped before both clusters were read");
    return exitCodeOfStop(reason);
  } finally {
    progress.erase();
    stop.release();
  }
}

/** A saved cluster by the name of its file, where that tells the two apart. */
function withShortNames([left, right]: readonly [Target, Target]): readonly [Target, Target] {
  const [one, two] = [left, right].map(({ name, isSaved }) => (isSaved ? basename(name) : name));
  return one === undefined || two === undefined || one === two
    ? [left, right]
    : [
        { ...left, name: one },
        { ...right, name: two },
      ];
}

/** What its server serves; of a namespace's comparison it is no part. */
async function served(
  source: ClusterSource,
  scope: Scope,
  signal: AbortSignal,
): Promise<Pick<Side, "served" | "servedReason">> {
  if (scope.include !== undefined) return { served: [] };
  if (source.apiResources === undefined) {
    return {
      served: undefined,
      servedReason: "a saved cluster does not hold them; the kinds that both define are compared",
    };
  }
  try {
    return { served: await source.apiResources(signal) };
  } catch (error) {
    return { served: undefined, servedReason: messageOf(error) };
  }
}

/** The two that the words name: contexts as operands or flags, saved clusters with `--from`, or one of each. */
async function twoOf(
  operands: readonly string[],
  flags: CompareFlags,
  terminal: Terminal,
): Promise<readonly [Target, Target]> {
  const saved = flags.from.length === 0 ? [] : await targetsOf({ ...flags, kubecontext: [], context: [] }, terminal);
  const named = [...operands, ...flags.kubecontext, ...flags.context];
  const live =
    named.length === 0 && flags.allContexts !== true
      ? []
      : await targetsOf({ ...flags, from: [], kubecontext: [], context: named }, terminal);
  const [left, right, ...more] = [...live, ...saved];
  if (left !== undefined && right !== undefined && more.length === 0) return [left, right];
  const found = [left, right, ...more].filter((target) => target !== undefined).map(({ name }) => name);
  throw new Fault(
    found.length === 0
      ? "compare needs two clusters, and none is named"
      : `compare needs two clusters, not ${found.length}: ${found.join(", ")}`,
    {
      usage: true,
      next: "Name two contexts, `k8sgpt compare prod stage`, or two saved clusters, `--from a.tar.gz --from b.tar.gz`",
    },
  );
}
