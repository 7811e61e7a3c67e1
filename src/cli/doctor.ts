/**
 * `k8sgpt doctor`: looks at the set-up piece by piece and says how to mend each. A piece that is broken does not keep the
 * others from being looked at. It changes nothing, and asks no AI backend: `auth test` does.
 */
import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { findTarget } from "../cluster/live/kubeconfig.ts";
import { readCache } from "../config/cache.ts";
import { unknownKeys } from "../config/keys.ts";
import { configPlace } from "../config/place.ts";
import { readPolicies } from "../config/policy.ts";
import { readConfigText } from "../config/read.ts";
import { kindsFor } from "../engine/analyze.ts";
import { Fault, messageOf } from "../fault.ts";
import { resourceName, kindDefinition } from "../kube/kinds.ts";
import { padTo, wrap } from "../report/layout.ts";
import { counted, someOf } from "../report/words.ts";
import { chooseBackend } from "./backend.ts";
import { isColored, paletteFor, reportWidth } from "./display.ts";
import { exitCodes } from "./exit-codes.ts";
import type { DoctorFlags } from "./flags.ts";
import { didYouMean } from "./nearest.ts";
import { chooseAnalyzers, contextOf, openSource } from "./reading.ts";
import { exitCodeOfStop, listenForStop } from "./stop.ts";
import type { Terminal } from "./terminal.ts";
import { parseConcurrency, parseDuration } from "./values.ts";

/** What one look found. `note`: worth knowing, and nothing is broken. */
interface Checked {
  readonly state: "ok" | "note" | "problem";
  readonly text: string;
  readonly next?: string;
}

type Check = Checked & { readonly check: string };

/** Whether explanations can be kept in `folder`, which is made when the first one is. */
async function cacheFolder(folder: string): Promise<Checked> {
  let present = folder;
  for (;;) {
    try {
      const found = await stat(present); // oxlint-disable-line no-await-in-loop -- upwards to the first that is there
      if (!found.isDirectory()) {
        const next = `Move ${present} away, or set XDG_CACHE_HOME to another folder`;
        return { state: "problem", text: `cannot be kept in ${folder}: ${present} is no folder`, next };
      }
      break;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if ((code !== "ENOENT" && code !== "ENOTDIR") || dirname(present) === present) throw error;
      present = dirname(present);
    }
  }
  try {
    await access(present, constants.W_OK);
    return { state: "ok", text: `files in ${folder}` };
  } catch {
    const next = `Check who may write there, \`ls -ld ${present}\`, or set XDG_CACHE_HOME to another folder`;
    return { state: "problem", text: `cannot be kept in ${folder}: ${present} cannot be written`, next };
  }
}

/** Looks at everything. Gives the exit code: 1 when something is broken. */
export async function runDoctor(flags: DoctorFlags, terminal: Terminal): Promise<number> {
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  contextOf(flags);
  const place = configPlace(flags.config, terminal);
  const stop = listenForStop(flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout));
  const checks: Check[] = [];
  const look = async (check: string, find: () => Promise<Checked>): Promise<void> => {
    try {
      checks.push({ check, ...(await stop.bounded(find())) });
    } catch (error) {
      const next = error instanceof Fault ? error.next : undefined;
      checks.push({ check, state: "problem", text: messageOf(error), ...(next !== undefined && { next }) });
    }
  };
  try {
    await look("config file", async () => {
      const { path, text } = await readConfigText(place);
      if (text === "") return { state: "ok", text: `${path} is not there; the defaults hold` };
      const { unknown } = await chooseAnalyzers(flags, terminal);
      if (unknown.length > 0) {
        const next = `k8sgpt filters remove ${unknown.join(",")}`;
        return { state: "problem", text: `${path} names filters that there are not: ${unknown.join(", ")}`, next };
      }
      const [strange, ...others] = await unknownKeys(place);
      if (strange !== undefined) {
        const names = [strange, ...others].map(({ key }) => key).join(", ");
        const text = `${path} holds settings that there are not, and that do nothing: ${names}`;
        const hint = [strange, ...others].flatMap(({ key, known }) => {
          const near = didYouMean(key.replace(/^.*\./, ""), known);
          return near === undefined ? [] : [`${key}: ${near}`];
        });
        // What is near a name is a typo, and its setting does not hold; another tool may have use for the rest.
        return hint.length === 0
          ? { state: "note", text, next: `There are ${strange.known.join(", ")}` }
          : { state: "problem", text, next: hint.join(" ") };
      }
      return (await openToOthers(path)) ?? { state: "ok", text: path };
    });
    await look("policy", async () => {
      const policies = await readPolicies(place, flags.policy);
      const origins = [...new Set(policies.map(({ origin }) => origin))];
      return { state: "ok", text: origins.length === 0 ? "none: everything may be read" : origins.join(" and ") };
    });
    await look("kubeconfig", async () => {
      const context = contextOf(flags);
      const {
        context: name,
        origin,
        server,
      } = findTarget({
        ...(flags.kubeconfig !== undefined && flags.kubeconfig !== "" && { kubeconfig: flags.kubeconfig }),
        ...(context !== undefined && { context }),
        env: terminal.env,
      });
      const path = /^kubeconfig (.+)$/.exec(origin)?.[1];
      const open = path === undefined ? undefined : await openToOthers(path);
      return open ?? { state: "ok", text: `context "${name}" of ${origin}, ${server}` };
    });
    await lookAtCluster(flags, terminal, stop.signal, look);
    await look("cache", async () => {
      const cache = await readCache(place, terminal);
      return cache.type === "file" ? cacheFolder(cache.folder) : { state: "ok", text: cache.type };
    });
    await look("AI backend", async () => {
      try {
        const { name, model } = await chooseBackend(flags, terminal);
        const text = model === undefined ? name : `${name}, model ${model}`;
        return { state: "ok", text, next: "`k8sgpt auth test` makes a call" };
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        // It is only for --explain.
        return { state: "note", text: error.message, ...(error.next !== undefined && { next: error.next }) };
      }
    });
    const reason = stop.reason();
    if (reason === "interrupted" || reason === "terminated") return exitCodeOfStop(reason);
    await tell(checks, flags, terminal);
    return checks.some(({ state }) => state === "problem") ? exitCodes.couldNotRun : exitCodes.done;
  } finally {
    stop.release();
  }
}

/** Reachability, clock and rights: what a real read shows. */
async function lookAtCluster(
  flags: DoctorFlags,
  terminal: Terminal,
  signal: AbortSignal,
  look: (check: string, find: () => Promise<Checked>) => Promise<void>,
): Promise<void> {
  const notes: string[] = [];
  const opening = openSource(flags, terminal, signal, (note) => void notes.push(note));
  opening.catch(() => undefined);
  await look("API server", async () => {
    const { info } = await opening;
    return { state: "ok", text: `answers, ${info.serverVersion ?? "and does not tell its version"}` };
  });
  const source = await opening.catch(() => undefined);
  if (source === undefined) return;
  try {
    for (const note of notes) {
      const isClock = note.startsWith("The clock ");
      await look(isClock ? "clock" : "note", async () => ({
        state: "note",
        text: note,
        ...(isClock && { next: "Set this machine's clock: `timedatectl status`" }),
      }));
    }
    await look("rights", async () => {
      const { analyzers } = await chooseAnalyzers(flags, terminal);
      const kinds = kindsFor(analyzers);
      const { reads } = await source.read({ kinds, scope: {}, signal });
      const lost = reads.filter(({ state }) => state === "unread" || state === "partial");
      if (lost.length === 0) return { state: "ok", text: `all ${counted(kinds.length, "kind")} can be read` };
      const names = [...new Set(lost.map(({ kind }) => resourceName(kindDefinition(kind))))];
      const text = `${names.length} of ${counted(kinds.length, "kind")} cannot be read whole: ${someOf(names, 6).join(", ")}`;
      return {
        state: "problem",
        text,
        next: "`k8sgpt rbac check` says what that costs, `k8sgpt rbac` writes the role",
      };
    });
  } finally {
    await source.close().catch(() => undefined);
  }
}

/** A file that may hold secrets and that others can read; undefined when all is well. */
async function openToOthers(path: string): Promise<Checked | undefined> {
  if (process.platform === "win32") return undefined;
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return undefined;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  return { state: "note", text: `${path} can be read by others (mode ${shown})`, next: `\`chmod 600 ${path}\`` };
}

async function tell(checks: readonly Check[], flags: DoctorFlags, terminal: Terminal): Promise<void> {
  if (flags.output === "json") {
    await terminal.print(`${JSON.stringify({ checks }, undefined, 2)}\n`);
    return;
  }
  const palette = await paletteFor(isColored(flags.color, terminal));
  const column = Math.max(...checks.map(({ check }) => check.length)) + 2;
  const width = Math.max(30, reportWidth(terminal) - column - 9);
  const paint = { ok: palette.dim, note: palette.warning, problem: palette.critical } as const;
  const lines = checks.flatMap(({ check, state, text, next }) =>
    [...wrap(text, width), ...(next === undefined ? [] : wrap(`next: ${next}`, width))].map((line, index) =>
      index === 0
        ? `${paint[state](padTo(state, 9))}${padTo(check, column)}${line}`
        : `${" ".repeat(9 + column)}${line}`,
    ),
  );
  await terminal.print(`${lines.join("\n")}\n`);
}
