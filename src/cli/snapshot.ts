import { existsSync } from "node:fs";
import { saveSnapshot } from "../cluster/save.ts";
import { requestFor } from "../engine/analyze.ts";
import { withFailingLogs } from "../engine/logs.ts";
import { Fault, messageOf } from "../fault.ts";
import type { SnapshotInput } from "../kube/snapshot.ts";
import { buildInfo } from "./build-info.ts";
import { reportWidth } from "./display.ts";
import { exitCodes } from "./exit-codes.ts";
import type { SnapshotFlags } from "./flags.ts";
import { progressLine } from "./progress.ts";
import { checkNamespaces, chooseAnalyzers, openSource, placeOf } from "./reading.ts";
import { exitCodeOfStop, listenForStop } from "./stop.ts";
import type { Terminal } from "./terminal.ts";
import { parseDuration, parseScope } from "./values.ts";
import { counted } from "../report/words.ts";

/**
 * `k8sgpt snapshot`: saves what `analyze` reads. A read that was stopped writes no file: half a cluster looks like a
 * whole one to whoever opens it later.
 */
export async function runSnapshot(flags: SnapshotFlags, terminal: Terminal): Promise<number> {
  const note = flags.verbose === true ? terminal.tell : () => undefined;
  const scope = parseScope(flags.namespace);
  const timeoutMs = flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout);
  if (!/\.(?:tar\.gz|tgz)$/.test(flags.output)) {
    throw new Fault(`--output ${flags.output} does not end in .tar.gz`, {
      usage: true,
      next: `\`k8sgpt snapshot -o ${flags.output}.tar.gz\``,
    });
  }
  if (existsSync(flags.output)) {
    throw new Fault(`${flags.output} is there already`, { next: "Choose another name, or remove it first" });
  }
  const place = placeOf(flags);
  const { analyzers } = await chooseAnalyzers(flags, terminal);
  const stop = listenForStop(timeoutMs);
  const onNote = (text: string): void => {
    progress.erase();
    terminal.tell(`note: ${text}`);
  };
  const progress = progressLine(terminal.stderrIsTerminal ? terminal.draw : undefined, Date.now, reportWidth(terminal));
  try {
    progress.step(place.from === undefined ? "Connecting" : `Opening ${place.from}`);
    const source = await stop.bounded(openSource(flags, terminal, stop.signal, onNote));
    try {
      await stop.bounded(checkNamespaces(source, scope, stop.signal));
      const read = await stop.bounded(
        source.read({
          ...requestFor(analyzers),
          scope,
          signal: stop.signal,
          onProgress: progress.read,
        }),
      );
      const input = flags.logs === true ? await stop.bounded(withFailingLogs(source, read, stop.signal)) : read;
      const reason = stop.reason();
      if (reason === "timeout") {
        throw new Fault(`--timeout ${flags.timeout ?? ""} passed before everything was read; no file was written`, {
          next: "Give more time, or less to read: --filter and --namespace",
        });
      }
      if (reason !== undefined) {
        progress.erase();
        terminal.tell("Stopped; no file was written");
        return exitCodeOfStop(reason);
      }
      const saved = flags.anonymize === true ? (await import("../anonymize/snapshot.ts")).maskSnapshot(input) : input;
      await saveSnapshot(saved, flags.output, { k8sgptVersion: buildInfo.version });
      progress.erase();
      tellSaved(saved, flags, terminal);
      return exitCodes.done;
    } finally {
      await stop.bounded(source.close()).catch((error: unknown) => note(`Closing: ${messageOf(error)}`));
    }
  } catch (error) {
    const reason = stop.reason();
    if (reason === undefined || reason === "timeout" || error instanceof Fault) throw error;
    terminal.tell("Stopped; no file was written");
    return exitCodeOfStop(reason);
  } finally {
    progress.erase();
    stop.release();
  }
}

function tellSaved({ objects, reads, logs }: SnapshotInput, flags: SnapshotFlags, { tell }: Terminal): void {
  const total = Object.values(objects).reduce((sum, list) => sum + list.length, 0);
  const gaps = reads.filter(({ state }) => state === "unread" || state === "partial");
  const parts = [
    counted(total, "object"),
    ...(logs === undefined || logs.length === 0 ? [] : [counted(logs.length, "log")]),
  ];
  tell(`Saved ${parts.join(" and ")} to ${flags.output}${flags.anonymize === true ? ", masked" : ""}`);
  for (const { kind, namespace, reason } of gaps) {
    tell(
      `warning: ${kind}${namespace === undefined ? "" : ` in ${namespace}`} not saved: ${reason ?? "could not be read"}`,
    );
  }
  tell(`next: \`k8sgpt analyze --from ${flags.output}\``);
}
