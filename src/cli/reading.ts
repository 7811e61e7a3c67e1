/** What `analyze` and `snapshot` share: choosing analyzers and opening the cluster or dump that the flags name. */
import { analyzers as known } from "../analyzers/index.ts";
import type { LiveOptions } from "../cluster/live/live.ts";
import type { ClusterSource } from "../cluster/source.ts";
import { configPlace } from "../config/place.ts";
import { readConfig } from "../config/read.ts";
import { Fault } from "../fault.ts";
import type { Scope } from "../kube/snapshot.ts";
import { buildInfo } from "./build-info.ts";
import type { ReadingFlags } from "./flags.ts";
import { didYouMean } from "./nearest.ts";
import { analyzersNamed, analyzersOf, type Selection } from "./selection.ts";
import type { Terminal } from "./terminal.ts";
import { namesIn, parseConcurrency, parseDuration } from "./values.ts";

/**
 * The analyzers that flags and config choose, and where the choice comes from. Who wants certificates read wants them
 * judged: with --read-tls the analyzer for them is among the chosen.
 */
export async function chooseAnalyzers(
  flags: ReadingFlags,
  terminal: Terminal,
): Promise<Selection & { readonly from: string }> {
  const chosen = await namedOrActive(flags, terminal);
  if (flags.readTls !== true) return chosen;
  const { analyzers } = chosen;
  return { ...chosen, analyzers: known.filter((each) => analyzers.includes(each) || each.name === "Certificate") };
}

async function namedOrActive(flags: ReadingFlags, terminal: Terminal): Promise<Selection & { readonly from: string }> {
  if (flags.filter.length > 0) {
    const analyzers = analyzersNamed(flags.filter, known);
    if (analyzers.length === 0) {
      throw new Fault("--filter names no filter", { usage: true, next: "`k8sgpt filters list` names them all" });
    }
    return { analyzers, unknown: [], from: "--filter" };
  }
  const config = await readConfig(configPlace(flags.config, terminal), terminal.env);
  return { ...analyzersOf(config, known), from: config.activeFiltersFrom };
}

/** One cluster to open: a context, or a saved one. Neither is the current context. */
export interface Place {
  readonly context?: string;
  readonly from?: string;
}

type PlaceFlags = Pick<ReadingFlags, "kubecontext" | "context" | "allContexts"> & { readonly from?: readonly string[] };

/** The refusal of a saved cluster and a live one in one run: they are of two moments, and mostly it is a mistake. */
export function fromAndContext(): Fault {
  return new Fault("--from reads a saved cluster, --context a live one: they cannot both be given", {
    usage: true,
    next: "Leave one of them out",
  });
}

/**
 * The one cluster that the flags name, for commands that read one.
 *
 * @throws {Fault} (usage) when they name several
 */
export function placeOf({ kubecontext, context, allContexts, from = [] }: PlaceFlags): Place {
  const [saved, ...moreSaved] = [...new Set(from)];
  // k8sgpt takes an empty name as none.
  const names = namesIn([...kubecontext, ...context]);
  if (saved !== undefined && (names.length > 0 || allContexts === true)) throw fromAndContext();
  const [name, ...moreNames] = names;
  const isPattern = name?.includes("*") === true;
  if (moreSaved.length > 0 || moreNames.length > 0 || isPattern || allContexts === true) {
    const what =
      allContexts === true
        ? "--all-contexts may name several"
        : moreSaved.length > 0
          ? `--from names ${moreSaved.length + 1}`
          : isPattern
            ? `--context "${name}" may name several`
            : `--context names ${moreNames.length + 1}: ${names.join(", ")}`;
    throw new Fault(`This command reads one cluster, and ${what}`, {
      usage: true,
      next: "Name one of them; `k8sgpt analyze` reads several",
    });
  }
  return { ...(saved !== undefined && { from: saved }), ...(name !== undefined && { context: name }) };
}

/** The context that the flags name; undefined for the current one. */
export function contextOf(flags: PlaceFlags): string | undefined {
  return placeOf(flags).context;
}

/**
 * Opens the one cluster that the flags name. Nothing is asked of a server before every flag was understood.
 *
 * @param onNote told what the user should know but what stops nothing
 */
export async function openSource(
  flags: ReadingFlags,
  terminal: Terminal,
  signal: AbortSignal,
  onNote: (text: string) => void,
): Promise<ClusterSource> {
  return openPlace(placeOf(flags), flags, terminal, { signal, onNote });
}

/** How a place is opened. */
export interface Opening {
  readonly signal: AbortSignal;
  /** Told what the user should know but what stops nothing. */
  readonly onNote: (text: string) => void;
  /** Whether a credential plugin may ask at the terminal. Default: whether there is one. */
  readonly isInteractive?: boolean;
  /** Guards that several share; whoever opened them closes them. */
  readonly guards?: Pick<LiveOptions, "policies" | "audit">;
}

/** Opens `place`, whatever cluster the flags name: of them the other settings count. */
export async function openPlace(
  place: Place,
  flags: ReadingFlags,
  terminal: Terminal,
  { signal, guards: shared, ...opening }: Opening,
): Promise<ClusterSource> {
  const maxConcurrency = parseConcurrency(flags.maxConcurrency);
  const requestTimeoutMs = parseDuration("--request-timeout", flags.requestTimeout);
  const guards = shared ?? (await openGuards(flags, terminal));
  const letGo = (): void => {
    if (shared === undefined) guards.audit?.close();
  };
  if (place.from !== undefined) {
    const { openSaved } = await import("../cluster/offline/offline.ts");
    return openSaved(place.from, { stdin: terminal.stdin, now: Date.now(), readTls: flags.readTls === true });
  }
  const { openLive } = await import("../cluster/live/live.ts");
  try {
    const source = await openLive(
      {
        ...guards,
        ...opening,
        ...(flags.kubeconfig !== undefined && flags.kubeconfig !== "" && { kubeconfig: flags.kubeconfig }),
        ...(place.context !== undefined && { context: place.context }),
        readTls: flags.readTls === true,
        requestTimeoutMs,
        maxConcurrency,
        userAgent: `k8sgpt/${buildInfo.version} (${terminal.platform})`,
        env: terminal.env,
      },
      signal,
    );
    return { ...source, close: () => source.close().finally(letGo) };
  } catch (error) {
    letGo();
    throw error;
  }
}

/**
 * What stands between a command and a live cluster: the policies that hold, and the record of what is read.
 *
 * @throws Fault when one of the files cannot be used, or when there is no live cluster that they could be about.
 */
export async function openGuards(
  flags: Pick<ReadingFlags, "config" | "policy" | "auditLog"> & {
    readonly from?: readonly string[];
    readonly explain?: boolean;
  },
  terminal: Terminal,
): Promise<Pick<LiveOptions, "policies" | "audit">> {
  if (flags.from !== undefined && flags.from.length > 0) {
    const given = flags.policy === undefined ? flags.auditLog && "--audit-log" : "--policy";
    // An AI backend is asked of a saved cluster too (cli/explain.ts).
    if (given === undefined || flags.explain === true) return {};
    throw new Fault(
      `${given} is about what a live cluster or an AI backend is asked; --from without --explain asks none`,
      {
        usage: true,
        next: "Leave one of them out",
      },
    );
  }
  const policies = await (
    await import("../config/policy.ts")
  ).readPolicies(configPlace(flags.config, terminal), flags.policy);
  if (flags.auditLog === undefined) return { policies };
  const { openAuditLog } = await import("../cluster/audit.ts");
  return { policies, audit: openAuditLog(flags.auditLog, { k8sgpt: buildInfo.version }, Date.now) };
}

/** A namespace that does not exist is a usage fault: an empty report about it would look like health. */
export async function checkNamespaces(source: ClusterSource, scope: Scope, signal: AbortSignal): Promise<void> {
  const wanted = scope.include ?? [];
  const exist = await Promise.all(wanted.map(async (name) => source.hasNamespace(name, signal)));
  // A namespace that may not be asked for (undefined) may exist.
  const absent = wanted.filter((_, index) => exist[index] === false);
  const [first] = absent;
  if (first === undefined || signal.aborted) return;
  const { objects } = await source.read({ kinds: ["Namespace"], scope: {}, signal });
  const names = (objects.Namespace ?? []).flatMap(({ metadata }) => metadata?.name ?? []);
  const where = source.info.source === "saved" ? source.info.name : `context "${source.info.name}"`;
  const hint = absent.map((name) => didYouMean(name, names)).find((text) => text !== undefined);
  const list =
    source.info.source === "saved"
      ? "Leave --namespace out to see all that was saved"
      : "`kubectl get namespaces` lists them";
  throw new Fault(
    absent.length === 1
      ? `Namespace "${first}" does not exist in ${where}`
      : `Namespaces ${absent.map((name) => `"${name}"`).join(", ")} do not exist in ${where}`,
    { usage: true, next: hint === undefined ? list : `${hint} ${list}` },
  );
}
