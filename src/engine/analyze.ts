/**
 * The pipeline that the command line and the servers share: read once, run every analyzer over the same snapshot, fold
 * what they say, correlate it into incidents, and tell what could not be checked.
 */
import type { Analyzer } from "../analyzers/define.ts";
import type { ClusterSource, ReadProgress, ReadRequest } from "../cluster/source.ts";
import { messageOf } from "../fault.ts";
import { type AcceptRule, withoutAccepted } from "../findings/accept.ts";
import { correlate } from "../findings/correlate.ts";
import type { Finding } from "../findings/finding.ts";
import { foldFindings, type Observed } from "../findings/fold.ts";
import type { AnalyzerStat, CoverageGap, Report } from "../findings/report.ts";
import type { Severity } from "../findings/severity.ts";
import { factDefinitions, type FactName, factNames } from "../kube/facts.ts";
import { type KindName, kindDefinition, kindNames, resourceName } from "../kube/kinds.ts";
import { type LabelSelector, selectorMatches } from "../kube/selectors.ts";
import { createSnapshot, type Scope, type Snapshot, type SnapshotInput } from "../kube/snapshot.ts";
import { withFailingLogs } from "./logs.ts";

/** What to analyze and how. */
export interface AnalyzeOptions {
  readonly analyzers: readonly Analyzer[];
  readonly scope: Scope;
  /** Only findings about objects that carry these labels; what is read stays whole, so that references still resolve. */
  readonly selector?: LabelSelector;
  /** Severities beyond critical and warning to show. */
  readonly include: readonly ("info" | "risk")[];
  /** Read the last log lines of failing containers. */
  readonly logs: boolean;
  /** What is accepted by file; annotations count always. */
  readonly accept?: readonly AcceptRule[];
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ReadProgress) => void;
}

/**
 * Analyzes one cluster. Never throws for what a cluster holds or refuses: an unreadable kind is a coverage line, an
 * analyzer that throws is one entry in `errors`, and an aborted read gives a partial report.
 */
export async function analyze(source: ClusterSource, options: AnalyzeOptions): Promise<Report> {
  const { analyzers, scope, signal, onProgress } = options;
  const input = await source.read({
    ...requestFor(analyzers),
    scope,
    signal,
    ...(onProgress !== undefined && { onProgress }),
  });
  // The Log analyzer has nothing to say without logs: choosing it asks for them.
  const wantsLogs = options.logs || analyzers.some(({ name }) => name === "Log");
  const whole = wantsLogs ? await withFailingLogs(source, input, signal) : input;
  return diagnose(createSnapshot(whole), whole, options);
}

/** What to read for these analyzers. */
export function requestFor(analyzers: readonly Analyzer[]): Pick<ReadRequest, "kinds" | "customResources" | "facts"> {
  return {
    kinds: kindsFor(analyzers),
    customResources: analyzers.some((analyzer) => analyzer.customResources === true),
    facts: factsFor(analyzers),
  };
}

/** The facts that these analyzers look at. */
export function factsFor(analyzers: readonly Analyzer[]): readonly FactName[] {
  return factNames.filter((fact) => readersOf(fact, analyzers).length > 0);
}

function readersOf(fact: FactName, analyzers: readonly Analyzer[]): readonly string[] {
  return analyzers
    .filter(({ needsFacts = [], usesFacts = [] }) => needsFacts.includes(fact) || usesFacts.includes(fact))
    .map(({ name }) => name);
}

/** The kinds that these analyzers look at, plus those that tell owners and identity. */
export function kindsFor(analyzers: readonly Analyzer[]): readonly KindName[] {
  const wanted = new Set<KindName>(["Namespace"]);
  for (const { needs, uses } of analyzers) for (const kind of [...needs, ...uses]) wanted.add(kind);
  // A Pod's top owner is found through these.
  if (wanted.has("Pod")) for (const kind of ["ReplicaSet", "Job"] as const) wanted.add(kind);
  return kindNames.filter((kind) => wanted.has(kind));
}

/** Runs the analyzers over a snapshot: everything after reading, pure but for measuring how long each takes. */
export function diagnose(
  snapshot: Snapshot,
  input: Pick<SnapshotInput, "objects">,
  options: Pick<AnalyzeOptions, "analyzers" | "scope" | "selector" | "include" | "accept">,
): Report {
  const observed: Observed[] = [];
  const errors: string[] = [];
  const stats: AnalyzerStat[] = [];
  const coverage: CoverageGap[] = [];
  const ran: string[] = [];
  for (const analyzer of options.analyzers) {
    const { name } = analyzer;
    if (isSkipped(snapshot, analyzer)) continue;
    ran.push(name);
    const started = performance.now();
    const before = observed.length;
    try {
      for (const observation of analyzer.check(snapshot))
        observed.push({ analyzer: name, rules: analyzer.rules, observation });
    } catch (error) {
      errors.push(`[${name}] ${messageOf(error)}`);
      coverage.push({
        what: `analyzer ${name}`,
        reason: `it failed: ${messageOf(error)}`,
        analyzers: [name],
        level: "gap",
      });
    }
    stats.push({ analyzer: name, durationMs: performance.now() - started, findings: observed.length - before });
  }

  const asked = foldFindings(snapshot, observed).filter((finding) => isAskedFor(snapshot, finding, options));
  // Before correlation: what somebody accepted explains nothing, and what follows from it stands for itself.
  const { findings: all, accepted, warnings } = withoutAccepted(snapshot, asked, options.accept ?? []);
  errors.push(...warnings);
  const isShown = ({ severity }: { severity: Severity }): boolean =>
    severity === "critical" || severity === "warning" || options.include.includes(severity);
  const findings = all.filter(isShown);
  const acceptedShown = accepted.filter(({ finding }) => isShown(finding));
  coverage.push(...readGaps(snapshot, options.analyzers), ...notesOf(snapshot));
  const complete = !coverage.some(({ level }) => level === "gap");
  const problems = findings.filter(({ severity }) => severity === "critical" || severity === "warning");
  return {
    cluster: snapshot.cluster,
    scope: snapshot.scope,
    takenAt: snapshot.takenAt,
    status: problems.length > 0 ? "ProblemDetected" : complete ? "OK" : "Incomplete",
    complete,
    analyzers: ran,
    findings,
    incidents: correlate(snapshot, findings),
    ...(acceptedShown.length > 0 && { accepted: acceptedShown }),
    coverage,
    errors,
    hidden: {
      info: all.filter((finding) => finding.severity === "info" && !isShown(finding)).length,
      risk: all.filter((finding) => finding.severity === "risk" && !isShown(finding)).length,
    },
    stats,
    objects: Object.fromEntries(
      kindNames.flatMap((kind) => (input.objects[kind] === undefined ? [] : [[kind, snapshot.list(kind).length]])),
    ),
  };
}

/** Whether the finding is about what the user asked for: namespaces and labels. */
function isAskedFor(
  snapshot: Snapshot,
  { object, objects, related }: Finding,
  { scope, selector }: Pick<AnalyzeOptions, "scope" | "selector">,
): boolean {
  const { namespace } = object;
  if (namespace !== undefined) {
    if (scope.include !== undefined && !scope.include.includes(namespace)) return false;
    if (scope.exclude?.includes(namespace) === true) return false;
  }
  if (selector === undefined) return true;
  // A missing object has no labels: those that need it decide.
  const present = objects.map((ref) => snapshot.find(ref)).filter((located) => located !== undefined);
  const judged =
    present.length > 0 ? present : related.map((ref) => snapshot.find(ref)).filter((located) => located !== undefined);
  return judged.some((located) => selectorMatches(selector, located.object.metadata?.labels));
}

/** Whether nothing of a kind or fact that the analyzer cannot do without was read. */
function isSkipped(snapshot: Snapshot, { needs, needsFacts = [] }: Analyzer): boolean {
  if (needsFacts.some((fact) => snapshot.facts[fact] === undefined)) return true;
  return needs.some((kind) => {
    const reads = snapshot.reads.filter((read) => read.kind === kind);
    return reads.every(({ state }) => state === "unread" || state === "absent") && snapshot.list(kind).length === 0;
  });
}

/** What the source has to tell beyond kinds: a file of a dump that could not be parsed. */
function notesOf({ notes }: Snapshot): readonly CoverageGap[] {
  return notes.map(({ what, reason, next }) => ({
    what,
    reason,
    analyzers: [],
    ...(next !== undefined && { next }),
    level: "gap" as const,
  }));
}

/** What was not read of the kinds that the analyzers declare, and what the snapshot itself noted. */
function readGaps(snapshot: Snapshot, analyzers: readonly Analyzer[]): readonly CoverageGap[] {
  const gaps: CoverageGap[] = [];
  for (const { kind, namespace, state, reason, next } of snapshot.reads) {
    if (state === "complete") continue;
    const users = analyzers
      .filter(({ needs, uses }) => needs.includes(kind) || uses.includes(kind))
      .map(({ name }) => name);
    if (users.length === 0) continue;
    const what = resourceName(kindDefinition(kind));
    if (state === "absent") {
      gaps.push({ what, reason: "the server does not serve them", analyzers: users, level: "scope" });
      continue;
    }
    gaps.push({
      what,
      ...(namespace !== undefined && { namespace }),
      reason: reason ?? (state === "partial" ? "only some could be read" : "could not be read"),
      analyzers: users,
      ...(next !== undefined && { next }),
      level: "gap",
    });
  }
  const readers = analyzers.filter(({ customResources }) => customResources === true).map(({ name }) => name);
  for (const { resource: what, state, reason, namespace, next } of readers.length > 0 ? snapshot.customReads : []) {
    const level = state === "skipped" ? ("scope" as const) : ("gap" as const);
    const where = namespace === undefined ? {} : { namespace };
    gaps.push({ what, ...where, reason, analyzers: readers, ...(next !== undefined && { next }), level });
  }
  return [...gaps, ...factGaps(snapshot, analyzers)];
}

/** What is not known of the facts that the analyzers look at. */
function factGaps({ facts, factReads }: Snapshot, analyzers: readonly Analyzer[]): readonly CoverageGap[] {
  return factNames.flatMap((fact): readonly CoverageGap[] => {
    const readers = readersOf(fact, analyzers);
    const { words: what } = factDefinitions[fact];
    if (readers.length === 0) return [];
    const told = factReads.filter((read) => read.fact === fact);
    if (told.length > 0) {
      return told.map(({ state, reason, next }) => ({
        what,
        reason,
        analyzers: readers,
        ...(next !== undefined && { next }),
        level: state === "skipped" ? ("scope" as const) : ("gap" as const),
      }));
    }
    if (facts[fact] !== undefined) return [];
    return [{ what, reason: "the source does not tell", analyzers: readers, level: "scope" }];
  });
}
