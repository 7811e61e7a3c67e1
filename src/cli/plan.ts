/**
 * What a cluster is asked and how its answers are judged, understood once from the flags: the same for one cluster, for
 * each of several, and for each look of `--watch`.
 */
import type { Analyzer } from "../analyzers/define.ts";
import { analyzers as known } from "../analyzers/index.ts";
import type { ClusterSource, ReadProgress } from "../cluster/source.ts";
import { analyze } from "../engine/analyze.ts";
import { remembering } from "../engine/remembering.ts";
import { Fault } from "../fault.ts";
import type { AcceptRule } from "../findings/accept.ts";
import type { CoverageGap, Report } from "../findings/report.ts";
import type { LabelSelector } from "../kube/selectors.ts";
import type { Scope, SnapshotInput } from "../kube/snapshot.ts";
import type { FieldDocs } from "../report/field-doc.ts";
import { type Comparison, readAcceptRules, readComparison } from "./baseline.ts";
import { readFieldDocs } from "./field-docs.ts";
import type { AnalyzeFlags } from "./flags.ts";
import { checkNamespaces, chooseAnalyzers } from "./reading.ts";
import type { Stop, StopReason } from "./stop.ts";
import type { Terminal } from "./terminal.ts";
import { parseConcurrency, parseDuration, parseInclude, parseLabels, parseScope } from "./values.ts";

/** What to ask and how to judge. */
export interface Plan {
  readonly scope: Scope;
  readonly selector: LabelSelector | undefined;
  readonly include: readonly ("info" | "risk")[];
  readonly logs: boolean;
  readonly withDoc: boolean;
  readonly analyzers: readonly Analyzer[];
  /** Where the choice of analyzers comes from, and what it names that there is not. */
  readonly from: string;
  readonly unknown: readonly string[];
  readonly accept: readonly AcceptRule[];
  readonly warnings: readonly string[];
  readonly comparison: Comparison;
  readonly timeoutMs: number | undefined;
}

/** Understands the flags. @throws {Fault} for a wrong one, or a file that cannot be used */
export async function planOf(flags: AnalyzeFlags, terminal: Terminal): Promise<Plan> {
  const scope = parseScope(flags.namespace);
  const selector = parseLabels(flags.selector);
  const timeoutMs = flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout);
  // A gate on findings that are not shown would fail a pipeline without a reason that anyone can see.
  const include = parseInclude(flags.failOn === "info" ? [...flags.include, "info"] : flags.include);
  // Told here although `openPlace` reads them: a wrong flag comes before a broken config file.
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  const comparison = await readComparison(flags);
  const { accept, warnings } = await readAcceptRules(flags.ignoreFile, known);
  const chosen = await chooseAnalyzers(flags, terminal);
  return {
    scope,
    selector,
    include,
    logs: flags.logs === true,
    withDoc: flags.withDoc === true,
    ...chosen,
    accept,
    warnings,
    comparison,
    timeoutMs,
  };
}

/** A report and what else was learned while it was made. */
export interface Told {
  readonly report: Report;
  /** Who read it, for the record of what was asked. */
  readonly user: string | undefined;
  /** What was read, for masking. */
  readonly input: SnapshotInput | undefined;
  readonly docs: FieldDocs | undefined;
  /** A namespace of `--namespace` that this cluster has not. */
  readonly absent: Fault | undefined;
}

/** How one look is made. */
export interface Look {
  readonly stop: Pick<Stop, "signal" | "bounded" | "reason">;
  readonly onProgress: (step: ReadProgress) => void;
  /** Told before the cluster is judged further: after reading. */
  readonly onRead?: () => void;
  /** Whether a namespace that is not there is told in the report instead of thrown: other clusters may have it. */
  readonly toleratesAbsent?: boolean;
}

/**
 * Reads a cluster and judges it.
 *
 * @throws {Fault} (usage) for a namespace that does not exist
 * @throws {Error} when it was told to stop and did not in time
 */
export async function lookAt(cluster: ClusterSource, plan: Plan, look: Look): Promise<Told> {
  const { stop, onProgress, onRead, toleratesAbsent = false } = look;
  const { scope, selector, include, logs, analyzers, accept, warnings, unknown, from } = plan;
  const { source, lastRead } = remembering(cluster);
  const absent = await stop.bounded(
    checkNamespaces(source, scope, stop.signal).then(
      () => undefined,
      (error: unknown) => {
        if (toleratesAbsent && error instanceof Fault && error.usage) return error;
        throw error;
      },
    ),
  );
  const read = await stop.bounded(
    analyze(source, {
      analyzers,
      scope,
      ...(selector !== undefined && { selector }),
      include,
      logs,
      accept,
      signal: stop.signal,
      onProgress,
    }),
  );
  const { docs, errors } = plan.withDoc
    ? await readFieldDocs(source, read.findings, stop.signal)
    : { docs: undefined, errors: [] };
  onRead?.();
  const gaps = [...unknownFilterGaps(unknown, from), ...absentGaps(absent), ...stopGaps(stop.reason())];
  const told = withGaps(read, gaps);
  const report = withErrors(told, [...unknownFilterErrors(unknown, from), ...warnings, ...errors]);
  return { report, user: cluster.user, input: lastRead(), docs, absent };
}

/** The report with more that was not checked. */
function withGaps(report: Report, gaps: readonly CoverageGap[]): Report {
  if (gaps.length === 0) return report;
  const coverage = [...report.coverage, ...gaps];
  if (gaps.every(({ level }) => level === "scope")) return { ...report, coverage };
  return { ...report, complete: false, status: report.status === "OK" ? "Incomplete" : report.status, coverage };
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

function absentGaps(absent: Fault | undefined): readonly CoverageGap[] {
  return absent === undefined ? [] : [{ what: "namespaces", reason: absent.message, analyzers: [], level: "scope" }];
}

function stopGaps(reason: StopReason | undefined): readonly CoverageGap[] {
  if (reason === undefined) return [];
  const why = reason === "timeout" ? "the time of --timeout was over" : "it was stopped by a signal";
  return [{ what: "the rest of the run", reason: `${why} before its end`, analyzers: [], level: "gap" }];
}
