/**
 * Comparing with an earlier report. A finding is the same when its id is: made of cluster, rule, owner and
 * discriminator, it survives restarts and new Pods. All findings are compared, causes and symptoms, because what is the
 * cause may change its place in an incident while the fault is the same.
 *
 * What is gone counts as resolved only where it was looked for again: an analyzer that did not run, a namespace that was
 * not asked for or a list that could not be read resolves nothing.
 */
import { compareText } from "../kube/object-ref.ts";
import type { Finding } from "./finding.ts";
import type { Changes, KnownFinding, Report } from "./report.ts";
import { isRecord } from "../kube/wire.ts";

/** The findings of an earlier report: of `k8sgpt baseline`, or of `-o json`. */
export interface Baseline {
  /** Name of the cluster that it is about. */
  readonly cluster: string;
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
  readonly findings: readonly KnownFinding[];
}

/** What is kept of a report: enough to know its findings again and to name them, and no value of the cluster's. */
export function baselineOf({ cluster, takenAt, findings }: Pick<Report, "cluster" | "takenAt" | "findings">): Baseline {
  return {
    cluster: cluster.name,
    takenAt,
    findings: findings.map(known).sort((a, b) => compareText(a.id, b.id)),
  };
}

function known({ id, rule, analyzer, severity, title, object: { kind, namespace, name } }: Finding): KnownFinding {
  return { id, rule, analyzer, severity, title, object: { kind, ...(namespace !== undefined && { namespace }), name } };
}

/**
 * What changed in `report` since `earlier`. Accepted findings are in none of the lists.
 *
 * @param since the name of the file that `earlier` was read from
 */
export function changesSince(report: Report, earlier: Baseline, since: string): Changes {
  const before = new Set(earlier.findings.map(({ id }) => id));
  const now = new Set(report.findings.map(({ id }) => id));
  const accepted = new Set((report.accepted ?? []).map(({ finding }) => finding.id));
  const gone = earlier.findings.filter(({ id }) => !now.has(id) && !accepted.has(id));
  const groups = Map.groupBy(gone, (finding) => (wasLookedFor(report, finding) ? "resolved" : "unchecked"));
  return {
    since,
    takenAt: earlier.takenAt,
    new: report.findings.filter(({ id }) => !before.has(id)).map(({ id }) => id),
    unchanged: report.findings.filter(({ id }) => before.has(id)).map(({ id }) => id),
    resolved: groups.get("resolved") ?? [],
    unchecked: groups.get("unchecked") ?? [],
  };
}

function wasLookedFor(
  { analyzers, coverage, scope, hidden }: Report,
  { analyzer, object, severity }: KnownFinding,
): boolean {
  if (!analyzers.includes(analyzer)) return false;
  if ((severity === "info" || severity === "risk") && hidden[severity] > 0) return false;
  const { namespace } = object;
  if (namespace !== undefined) {
    if (scope.include?.includes(namespace) === false || scope.exclude?.includes(namespace) === true) return false;
  }
  return !coverage.some(
    (gap) =>
      gap.level === "gap" &&
      // A gap that names no analyzer is a broken part of the source: anything may be in it.
      (gap.analyzers.length === 0 || gap.analyzers.includes(analyzer)) &&
      (gap.namespace === undefined || namespace === undefined || gap.namespace === namespace),
  );
}

/** Writes a baseline as JSON text that is the same for the same findings and easy to review, one finding per line. */
export function baselineText({ cluster, takenAt, findings }: Baseline): string {
  const lines = findings.map((finding) => `    ${JSON.stringify(finding)}`);
  const head = [
    `"k8sgptBaseline": 1`,
    `"cluster": ${JSON.stringify(cluster)}`,
    `"takenAt": "${new Date(takenAt).toISOString()}"`,
  ];
  const list = lines.length === 0 ? "[]" : `[\n${lines.join(",\n")}\n  ]`;
  return `{\n  ${head.join(",\n  ")},\n  "findings": ${list}\n}\n`;
}

/** Writes the baselines of several clusters as one JSON text, likewise. */
export function baselinesText(baselines: readonly Baseline[]): string {
  const each = baselines
    .toSorted((a, b) => compareText(a.cluster, b.cluster))
    .map((baseline) => baselineText(baseline).trimEnd().replaceAll(/^/gm, "    "));
  return `{\n  "k8sgptBaseline": 1,\n  "clusters": [\n${each.join(",\n")}\n  ]\n}\n`;
}

/**
 * Reads what `baselineText` or `baselinesText` wrote, or a JSON report of `analyze` about one cluster or several.
 *
 * @param value the parsed JSON
 * @returns one for each cluster; undefined when it is none of these
 */
export function baselinesFrom(value: unknown): readonly Baseline[] | undefined {
  if (!isRecord(value) || !Array.isArray(value["clusters"])) {
    const one = baselineFrom(value);
    return one === undefined ? undefined : [one];
  }
  if (value["k8sgptBaseline"] === 1) return listOf(value["clusters"], baselineFrom);
  if (value["schemaVersion"] !== 1) return undefined;
  const { results, others } = value;
  const read = value["clusters"].filter((entry: unknown) => !isRecord(entry) || entry["problem"] === undefined);
  return listOf(read, (entry) => {
    if (!isRecord(entry) || typeof entry["name"] !== "string") return undefined;
    const { name, takenAt } = entry;
    const one = {
      schemaVersion: 1,
      cluster: { name },
      takenAt,
      results: entriesOf(name, results),
      others: entriesOf(name, others),
    };
    return baselineFrom(one);
  });
}

/**
 * Reads what `baselineText` wrote, or a JSON report of `analyze`.
 *
 * @param value the parsed JSON
 * @returns undefined when it is neither
 */
export function baselineFrom(value: unknown): Baseline | undefined {
  if (!isRecord(value)) return undefined;
  const takenAt = typeof value["takenAt"] === "string" ? Date.parse(value["takenAt"]) : Number.NaN;
  if (Number.isNaN(takenAt)) return undefined;
  if (value["k8sgptBaseline"] === 1 && typeof value["cluster"] === "string") {
    const findings = listOf(value["findings"], knownFrom);
    return findings === undefined ? undefined : { cluster: value["cluster"], takenAt, findings };
  }
  const { cluster, results, others } = value;
  if (value["schemaVersion"] !== 1 || !isRecord(cluster) || typeof cluster["name"] !== "string") return undefined;
  // A report of k8sgpt itself writes null for an empty list.
  const failures = listOf(results ?? [], (result) =>
    isRecord(result) ? listOf(result["error"] ?? [], knownFrom) : undefined,
  );
  const context = listOf(others ?? [], knownFrom);
  if (failures === undefined || context === undefined) return undefined;
  return { cluster: cluster["name"], takenAt, findings: [...failures.flat(), ...context] };
}

/** The entries of a list that are one cluster's. */
function entriesOf(name: string, list: unknown): readonly unknown[] {
  return Array.isArray(list) ? list.filter((entry: unknown) => isRecord(entry) && entry["cluster"] === name) : [];
}

function knownFrom(value: unknown): KnownFinding | undefined {
  if (!isRecord(value) || !isRecord(value["object"])) return undefined;
  const { id, rule, analyzer, severity, title } = value;
  const { kind, namespace, name } = value["object"];
  if (typeof id !== "string" || typeof rule !== "string" || typeof analyzer !== "string") return undefined;
  if (typeof title !== "string" || typeof kind !== "string" || typeof name !== "string") return undefined;
  if (severity !== "critical" && severity !== "warning" && severity !== "info" && severity !== "risk") return undefined;
  return {
    id,
    rule,
    analyzer,
    severity,
    title,
    object: { kind, ...(typeof namespace === "string" && { namespace }), name },
  };
}

/** The items as `read` gives them; undefined when it is no list or one of them cannot be read. */
function listOf<Item>(value: unknown, read: (item: unknown) => Item | undefined): readonly Item[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = value.map(read);
  const good = items.filter((item) => item !== undefined);
  return good.length === items.length ? good : undefined;
}
