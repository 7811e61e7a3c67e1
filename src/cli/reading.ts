/** What `analyze` and `snapshot` share: choosing analyzers and opening the cluster or dump that the flags name. */
import { analyzers as known } from "../analyzers/index.ts";
import type { LiveOptions } from "../cluster/live/live.ts";
import type { ClusterSource } from "../cluster/source.ts";
import { configPlace } from "../config/place.ts";
import { readConfig } from "../config/read.ts";
import { Fault } from "../fault.ts";
import type { Scope } from "../kube/snapshot.ts";
import { buildInfo } from "./build-info.ts";
import type { GlobalFlags, ReadingFlags } from "./flags.ts";
import { didYouMean } from "./nearest.ts";
import { analyzersNamed, analyzersOf, type Selection } from "./selection.ts";
import type { Terminal } from "./terminal.ts";
import { parseConcurrency, parseDuration } from "./values.ts";

/** The analyzers that flags and config choose, and where the choice comes from. */
export async function chooseAnalyzers(
  flags: ReadingFlags,
  terminal: Terminal,
): Promise<Selection & { readonly from: string }> {
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

/** The context that the flags name; undefined for the current one. */
export function contextOf({
  kubecontext,
  context,
  from,
}: GlobalFlags & { readonly from?: string }): string | undefined {
  if (kubecontext !== undefined && context !== undefined && kubecontext !== context) {
    throw new Fault(`--kubecontext ${kubecontext} and --context ${context} name two contexts`, {
      usage: true,
      next: "Give one of them: they mean the same",
    });
  }
  const named = kubecontext ?? context;
  if (named !== undefined && from !== undefined) {
    throw new Fault("--from reads a saved cluster, --context a live one: they cannot both be given", {
      usage: true,
      next: "Leave one of them out",
    });
  }
  // k8sgpt takes an empty name as none.
  return named === "" ? undefined : named;
}

/**
 * Opens what the flags name. Nothing is asked of a server before every flag was understood.
 *
 * @param onNote told what the user should know but what stops nothing
 */
export async function openSource(
  flags: ReadingFlags,
  terminal: Terminal,
  signal: AbortSignal,
  onNote: (text: string) => void,
): Promise<ClusterSource> {
  const context = contextOf(flags);
  const maxConcurrency = parseConcurrency(flags.maxConcurrency);
  const requestTimeoutMs = parseDuration("--request-timeout", flags.requestTimeout);
  const guards = await openGuards(flags, terminal);
  if (flags.from !== undefined) {
    const { openSaved } = await import("../cluster/offline/offline.ts");
    return openSaved(flags.from, { stdin: terminal.stdin, now: Date.now() });
  }
  const { openLive } = await import("../cluster/live/live.ts");
  const source = await openLive(
    {
      ...guards,
      ...(flags.kubeconfig !== undefined && flags.kubeconfig !== "" && { kubeconfig: flags.kubeconfig }),
      ...(context !== undefined && { context }),
      requestTimeoutMs,
      maxConcurrency,
      userAgent: `k8sgpt/${buildInfo.version} (${terminal.platform})`,
      env: terminal.env,
      onNote,
    },
    signal,
  );
  return { ...source, close: () => source.close().finally(() => guards.audit?.close()) };
}

/**
 * What stands between a command and a live cluster: the policies that hold, and the record of what is read.
 *
 * @throws Fault when one of the files cannot be used, or when there is no live cluster that they could be about.
 */
export async function openGuards(
  flags: Pick<ReadingFlags, "config" | "from" | "policy" | "auditLog">,
  terminal: Terminal,
): Promise<Pick<LiveOptions, "policies" | "audit">> {
  if (flags.from !== undefined) {
    const given = flags.policy === undefined ? flags.auditLog && "--audit-log" : "--policy";
    if (given === undefined) return {};
    throw new Fault(`${given} is about what a live cluster is asked; --from asks none`, {
      usage: true,
      next: "Leave one of them out",
    });
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
