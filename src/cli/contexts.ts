/**
 * `k8sgpt contexts`: what the kubeconfig offers, each context asked on its own and all at once, so that one that hangs or
 * is broken hides nothing of the others. Credentials are looked at for when they end; nothing of them is printed.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import pLimit from "p-limit";
import { type Entry, entryIn, findTarget, listContexts, type Target, textIn } from "../cluster/live/kubeconfig.ts";
import { openLive } from "../cluster/live/live.ts";
import { tokenExpiry } from "../cluster/live/oidc.ts";
import { Fault, messageOf } from "../fault.ts";
import { compareText } from "../kube/object-ref.ts";
import { padTo, wrap } from "../report/layout.ts";
import type { Palette } from "../report/text.ts";
import { counted } from "../report/words.ts";
import { buildInfo } from "./build-info.ts";
import { isColored, paletteFor, reportWidth } from "./display.ts";
import { exitCodes } from "./exit-codes.ts";
import type { ContextsFlags } from "./flags.ts";
import { openGuards } from "./reading.ts";
import { exitCodeOfStop, listenForStop } from "./stop.ts";
import { contextsNamed } from "./targets.ts";
import type { Terminal } from "./terminal.ts";
import { parseDuration } from "./values.ts";

/** How the user of a context shows who it is, and until when that holds. */
interface Credential {
  readonly kind: "client certificate" | "token" | "token file" | "command" | "OIDC" | "password" | "none";
  /** Of `command`: its name. */
  readonly command?: string;
  /** Milliseconds since the epoch; absent when it does not end, or cannot be known without asking for it. */
  readonly expiresAt?: number;
  /** Why it cannot be read. */
  readonly problem?: string;
}

interface ContextState {
  readonly name: string;
  readonly current: boolean;
  readonly cluster: string;
  readonly namespace?: string;
  readonly server?: string;
  readonly user: string;
  readonly credential?: Credential;
  /** Absent: not asked. */
  readonly reachable?: boolean;
  readonly serverVersion?: string;
  /** Why it cannot be reached or read. */
  readonly problem?: string;
  readonly next?: string;
}

/** Contexts asked at once. */
const atOnce = 16;
/** Less than this is told as a warning. */
const soonMs = 7 * 86_400_000;

/** Lists the contexts. Gives the exit code: 1 when none of them can be reached. */
export async function showContexts(flags: ContextsFlags, terminal: Terminal): Promise<number> {
  const requestTimeoutMs = parseDuration("--request-timeout", flags.requestTimeout);
  const place = {
    ...(flags.kubeconfig !== undefined && flags.kubeconfig !== "" && { kubeconfig: flags.kubeconfig }),
    env: terminal.env,
  };
  const all = listContexts(place);
  // Says that there are none, and in which file.
  if (all.length === 0) findTarget(place);
  const named = [...flags.kubecontext, ...flags.context].filter((value) => value !== "");
  const chosen =
    named.length === 0
      ? undefined
      : contextsNamed(
          named,
          all.map(({ name }) => name),
        );
  const listed = chosen === undefined ? all : all.filter(({ name }) => chosen.includes(name));
  const guards = await openGuards(flags, terminal);
  const stop = listenForStop(undefined);
  const limit = pLimit(atOnce);
  const state = async ({
    name,
    cluster,
    user,
    namespace,
    isCurrent,
  }: (typeof listed)[number]): Promise<ContextState> => {
    let known: ContextState = {
      name,
      current: isCurrent,
      cluster,
      user,
      ...(namespace !== undefined && { namespace }),
    };
    try {
      const target = findTarget({ ...place, context: name });
      known = { ...known, server: target.server, user: target.userName, credential: credentialOf(target) };
      if (flags.offline === true) return known;
      const source = await openLive(
        {
          ...place,
          ...guards,
          context: name,
          requestTimeoutMs,
          maxConcurrency: 1,
          userAgent: `k8sgpt/${buildInfo.version} (${terminal.platform})`,
          // Many contexts at once: none of their plugins may ask.
          isInteractive: false,
        },
        // A plugin that hangs is given up as a server is.
        AbortSignal.any([stop.signal, AbortSignal.timeout(requestTimeoutMs + 1000)]),
      );
      const { serverVersion } = source.info;
      await source.close().catch(() => undefined);
      return { ...known, reachable: true, ...(serverVersion !== undefined && { serverVersion }) };
    } catch (error) {
      const next = error instanceof Fault ? error.next : undefined;
      return {
        ...known,
        ...(flags.offline !== true && { reachable: false }),
        problem: messageOf(error),
        ...(next !== undefined && { next }),
      };
    }
  };
  try {
    const contexts = await stop.bounded(Promise.all(listed.map(async (context) => limit(async () => state(context)))));
    const warnings = [...confusions(contexts), ...expiries(contexts, Date.now())];
    if (flags.output === "json") await terminal.print(`${JSON.stringify(toJson(contexts, warnings), undefined, 2)}\n`);
    else {
      const palette = await paletteFor(isColored(flags.color, terminal));
      const lines = rendered(contexts, warnings, { palette, width: reportWidth(terminal), now: Date.now() });
      await terminal.print(`${lines.join("\n")}\n`);
    }
    const reason = stop.reason();
    if (reason === "interrupted" || reason === "terminated") return exitCodeOfStop(reason);
    const isLost = contexts.length > 0 && contexts.every(({ reachable }) => reachable === false);
    return isLost ? exitCodes.couldNotRun : exitCodes.done;
  } catch (error) {
    const reason = stop.reason();
    if (reason !== "interrupted" && reason !== "terminated") throw error;
    return exitCodeOfStop(reason);
  } finally {
    guards.audit?.close();
    stop.release();
  }
}

/** In the order in which client-go chooses. */
function credentialOf({ user }: Target): Credential {
  const file = textIn(user, "tokenFile") ?? textIn(user, "token-file");
  if (file !== undefined) {
    const token = textOf(() => readFileSync(file, "utf8").trim());
    return token === undefined
      ? { kind: "token file", problem: "it cannot be read" }
      : { kind: "token file", ...until(tokenExpiry(token)) };
  }
  const token = textIn(user, "token");
  if (token !== undefined) return { kind: "token", ...until(tokenExpiry(token)) };
  const exec = entryIn(user, "exec");
  if (exec !== undefined) {
    const command = textIn(exec, "command");
    return { kind: "command", ...(command !== undefined && { command: command.split(/[/\\]/).at(-1) ?? command }) };
  }
  const provider = entryIn(user, "auth-provider");
  if (provider !== undefined) {
    const idToken = textIn(entryIn(provider, "config") ?? {}, "id-token");
    return { kind: "OIDC", ...until(idToken === undefined ? undefined : tokenExpiry(idToken)) };
  }
  if (textIn(user, "client-certificate-data") !== undefined || textIn(user, "client-certificate") !== undefined) {
    const pem = certificateOf(user);
    const end = pem === undefined ? undefined : textOf(() => new X509Certificate(pem).validToDate.toISOString());
    return end === undefined
      ? { kind: "client certificate", problem: "it cannot be read" }
      : { kind: "client certificate", expiresAt: Date.parse(end) };
  }
  return { kind: textIn(user, "username") === undefined ? "none" : "password" };
}

function certificateOf(user: Entry): string | undefined {
  const data = textIn(user, "client-certificate-data");
  if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
  const file = textIn(user, "client-certificate");
  return file === undefined ? undefined : textOf(() => readFileSync(file, "utf8"));
}

function textOf(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function until(expiresAt: number | undefined): { readonly expiresAt?: number } {
  return expiresAt === undefined ? {} : { expiresAt };
}

/** Contexts that are taken for one another: names that differ in one place, and two names for one server. */
export function confusions(contexts: readonly Pick<ContextState, "name" | "server">[]): readonly string[] {
  const names = contexts.map(({ name }) => name);
  const warnings = groupsOf(names, isOneApart).map(
    (group) => `${listOf(group)} differ by one character only: look twice which one you name`,
  );
  const servers = Map.groupBy(
    contexts.filter(({ server }) => server !== undefined),
    ({ server }) => server,
  );
  for (const [server, members] of servers) {
    if (members.length < 2) continue;
    warnings.push(`${listOf(members.map(({ name }) => name))} are the same server: ${server ?? ""}`);
  }
  return warnings;
}

/** Names that hang together by `isNear`, of two and more; in order. */
function groupsOf(names: readonly string[], isNear: (a: string, b: string) => boolean): readonly (readonly string[])[] {
  const left = new Set(names);
  const groups: string[][] = [];
  for (const name of names) {
    if (!left.delete(name)) continue;
    const group = [name];
    for (const member of group) {
      for (const other of left) {
        if (!isNear(member, other)) continue;
        left.delete(other);
        group.push(other);
      }
    }
    if (group.length > 1) groups.push(group.sort(compareText));
  }
  return groups;
}

/** One character more, less or other, or two that changed places; whatever the letter case. */
function isOneApart(one: string, two: string): boolean {
  const [short, long] = [one.toLowerCase(), two.toLowerCase()].sort((a, b) => a.length - b.length);
  if (short === undefined || long === undefined || long.length - short.length > 1) return false;
  let start = 0;
  while (start < short.length && short[start] === long[start]) start += 1;
  let end = 0;
  while (end < short.length - start && short.at(-1 - end) === long.at(-1 - end)) end += 1;
  const differing = long.length - start - end;
  if (differing <= 1) return true;
  return (
    short.length === long.length &&
    differing === 2 &&
    short[start] === long[start + 1] &&
    short[start + 1] === long[start]
  );
}

function expiries(contexts: readonly ContextState[], now: number): readonly string[] {
  return contexts.flatMap(({ name, credential }) => {
    const { kind, expiresAt, problem } = credential ?? {};
    if (problem !== undefined) return [`${name}: ${kind ?? ""}: ${problem}`];
    if (expiresAt === undefined || kind === "OIDC" || expiresAt - now > soonMs) return [];
    // A Pod's token lives an hour and is renewed by the kubelet.
    if (kind === "token file" && expiresAt > now) return [];
    return [`${name}: the ${kind ?? ""} ${expiresAt < now ? "expired" : "expires"} ${distance(expiresAt, now)}`];
  });
}

function distance(time: number, now: number): string {
  const hours = Math.round(Math.abs(time - now) / 3_600_000);
  const span =
    hours < 1
      ? counted(Math.round(Math.abs(time - now) / 60_000), "minute")
      : hours < 48
        ? counted(hours, "hour")
        : counted(Math.round(hours / 24), "day");
  return time < now ? `${span} ago` : `in ${span}`;
}

function listOf(names: readonly string[]): string {
  const shown = names.length > 6 ? [...names.slice(0, 5), `${names.length - 5} more`] : names;
  return `${shown.slice(0, -1).join(", ")} and ${shown.at(-1) ?? ""}`;
}

function toJson(contexts: readonly ContextState[], warnings: readonly string[]): object {
  return {
    contexts: contexts.map(({ credential, ...rest }) => {
      if (credential === undefined) return rest;
      const { expiresAt, ...kept } = credential;
      const end = expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() };
      return { ...rest, credential: { ...kept, ...end } };
    }),
    warnings,
  };
}

interface Look {
  readonly palette: Palette;
  readonly width: number;
  readonly now: number;
}

function rendered(
  contexts: readonly ContextState[],
  warnings: readonly string[],
  { palette, width, now }: Look,
): readonly string[] {
  const head = ["", "CONTEXT", "REACHED", "VERSION", "USER", "CREDENTIAL", "SERVER"];
  const rows = contexts.map((context) => [
    context.current ? "*" : "",
    context.name,
    context.reachable === undefined
      ? context.problem === undefined
        ? "not asked"
        : "broken"
      : context.reachable
        ? "yes"
        : "no",
    context.serverVersion ?? "-",
    context.user,
    credentialText(context.credential, now),
    context.server ?? "-",
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : padTo(cell, widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  const problems = contexts.flatMap(({ name, problem, next }) =>
    problem === undefined
      ? []
      : [
          ...wrap(`${palette.strong(name)}: ${problem}`, width),
          ...(next === undefined ? [] : wrap(`next: ${next}`, width - 2).map((text) => `  ${text}`)),
        ],
  );
  return [
    palette.dim(line(head)),
    ...rows.map(line),
    ...(problems.length > 0 ? ["", ...problems] : []),
    ...(warnings.length > 0 ? ["", ...warnings.flatMap((text) => wrap(`warning: ${text}`, width))] : []),
  ];
}

function credentialText(credential: Credential | undefined, now: number): string {
  if (credential === undefined) return "-";
  const { kind, command, expiresAt } = credential;
  const what = command === undefined ? kind : `by ${command}`;
  if (expiresAt === undefined) return what;
  return `${what}, ${expiresAt < now ? "expired" : "until"} ${new Date(expiresAt).toISOString().slice(0, 10)}`;
}
