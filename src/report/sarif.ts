/**
 * The report as SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), for code scanning. A finding is a result. Objects
 * of a cluster are no files: they are logical locations, and beside each stands an artifact of the same name, because
 * GitHub refuses results without one. What is not checked is a notification of the invocation, never silence.
 */
import type { Finding, Rule } from "../findings/finding.ts";
import { type Fleet, reportsOf, unreadOf } from "../findings/fleet.ts";
import type { AcceptedFinding, Changes, CoverageGap, KnownFinding, Report } from "../findings/report.ts";
import type { Severity } from "../findings/severity.ts";
import { compareText, keyOf, type ObjectRef } from "../kube/object-ref.ts";
import { clean } from "./layout.ts";
import { seenLine, seenOf, sourceAddress, stepName } from "./seen.ts";
import { findingText, objectName } from "./words.ts";

const levels: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  critical: "error",
  warning: "warning",
  info: "note",
  risk: "note",
};

/** What SARIF tells besides the report. */
export interface SarifOptions {
  /** `0.1.0`. */
  readonly version: string;
  /** The rules that ran, by id. */
  readonly rules: Readonly<Record<string, Rule>>;
}

/** The report as SARIF JSON. */
export function renderSarif(report: Report, options: SarifOptions): string {
  return logOf([runOf(report, options)]);
}

/**
 * Several clusters as SARIF JSON: a run for each that was read. One that was not is told in the first run: a run of its own
 * without results would end what code scanning knows of it as mended, and one that has none is refused with all others.
 */
export function renderFleetSarif(fleet: Fleet, options: SarifOptions): string {
  const unread = unreadOf(fleet).map(({ name, problem }) => ({
    level: "error",
    message: { text: clean(`Not checked: cluster ${name}: ${problem.reason}`) },
  }));
  const reports = reportsOf(fleet);
  return logOf(
    reports.length === 0
      ? [unreadRun(unread, options)]
      : reports.map((report, index) => runOf(report, options, index === 0 ? unread : [])),
  );
}

function logOf(runs: readonly object[]): string {
  const log = { $schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

function driverOf(version: string, rules: readonly object[]): object {
  return {
    name: "k8sgpt",
    // A build from source has no version; SARIF wants the semantic one to be one.
    version,
    ...(/^\d+\.\d+\.\d+/.test(version) && { semanticVersion: version }),
    rules,
  };
}

/** Without `results`: an empty list would say that all is well. */
function unreadRun(notifications: readonly object[], { version }: SarifOptions): object {
  return {
    tool: { driver: driverOf(version, []) },
    columnKind: "utf16CodeUnits",
    invocations: [{ executionSuccessful: false, toolExecutionNotifications: notifications }],
    properties: { status: "Incomplete", complete: false },
  };
}

function runOf(report: Report, { version, rules }: SarifOptions, notifications: readonly object[] = []): object {
  const accepted = report.accepted ?? [];
  const gone = report.changes?.resolved ?? [];
  const ids = [
    ...new Set([
      ...[...report.findings, ...accepted.map(({ finding }) => finding)].map(({ rule }) => rule),
      ...gone.map(({ rule }) => rule),
    ]),
  ].sort(compareText);
  const indexOf = new Map(ids.map((id, index) => [id, index]));
  const described = new Map(
    [...accepted.map(({ finding }) => finding), ...report.findings].map((finding) => [finding.rule, finding]),
  );
  const states = new Map([
    ...(report.changes?.new ?? []).map((id): [string, string] => [id, "new"]),
    ...(report.changes?.unchanged ?? []).map((id): [string, string] => [id, "unchanged"]),
  ]);
  const result = (finding: Finding): object => ({
    ...resultOf(finding, report),
    ruleIndex: indexOf.get(finding.rule),
    ...(states.has(finding.id) && { baselineState: states.get(finding.id) }),
  });
  return {
    tool: {
      driver: driverOf(
        version,
        ids.map((id) => ruleOf(id, described.get(id), rules)),
      ),
    },
    automationDetails: { id: `k8sgpt/${pathOf(report.cluster.name)}/` },
    columnKind: "utf16CodeUnits",
    invocations: [
      {
        executionSuccessful: report.analyzers.length > 0,
        toolExecutionNotifications: [
          ...notifications,
          ...report.coverage.map(notificationOf),
          ...report.errors.map((error) => ({ level: "warning", message: { text: clean(error) } })),
        ],
      },
    ],
    results: [
      ...report.findings.map(result),
      ...accepted.map((entry) => ({ ...result(entry.finding), suppressions: [suppressionOf(entry)] })),
      ...goneResults(report.changes, indexOf),
    ],
    properties: {
      cluster: clean(report.cluster.name),
      ...(report.cluster.serverVersion !== undefined && { serverVersion: clean(report.cluster.serverVersion) }),
      takenAt: new Date(report.takenAt).toISOString(),
      status: report.status,
      complete: report.complete,
    },
  };
}

function ruleOf(id: string, finding: Finding | undefined, rules: SarifOptions["rules"]): object {
  const rule = rules[id];
  const message = rule?.message ?? finding?.title ?? id;
  const why = rule?.why ?? finding?.why;
  const fix = rule?.fix ?? finding?.fix;
  const source = rule?.source ?? finding?.source;
  const helpUri = source === undefined ? undefined : sourceAddress(source);
  const worst =
    rule === undefined ? finding?.severity : typeof rule.severity === "string" ? rule.severity : rule.severity[0];
  return {
    id,
    name: id.replaceAll(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: `${message}.` },
    ...(why !== undefined && { fullDescription: { text: `${why}.` } }),
    ...(fix !== undefined && { help: { text: `${fix}.` } }),
    ...(helpUri !== undefined && { helpUri }),
    defaultConfiguration: { level: levels[worst ?? "warning"] },
    ...(finding !== undefined && { properties: { tags: ["kubernetes", finding.analyzer] } }),
  };
}

function resultOf(finding: Finding, report: Report): object {
  const incident = report.incidents.find(({ members }) => members.some(({ id }) => id === finding.id));
  const isRoot = incident === undefined || incident.id === finding.id;
  const from = isRoot
    ? ""
    : `\nFollows from: ${objectName(incident.root.owner ?? incident.root.object)}: ${incident.root.title}`;
  const chain =
    isRoot && incident !== undefined && incident.chain.length > 1
      ? `\nChain: ${incident.chain.map(stepName).join(" → ")}`
      : "";
  const commands = finding.commands.map((command) => `\n$ ${clean(command)}`).join("");
  const seen = seenOf(finding, report.takenAt)
    .map((item) => `\n- ${seenLine(item)}`)
    .join("");
  const text = `${objectName(finding.owner ?? finding.object)}: ${findingText(finding)}${from}${chain}${seen}\nFix: ${clean(finding.fix)}${commands}`;
  const related = [...(isRoot ? [] : [incident.root.object]), ...finding.related.slice(0, 10)];
  return {
    ruleId: finding.rule,
    level: levels[finding.severity],
    message: { text },
    locations: finding.objects.slice(0, 10).map(locationOf),
    ...(related.length > 0 && { relatedLocations: related.map((ref, id) => ({ id, ...locationOf(ref) })) }),
    fingerprints: { "k8sgpt/v1": finding.id },
    partialFingerprints: { primaryLocationLineHash: `${finding.id}:1` },
    ...(finding.objects.length > 1 && { occurrenceCount: finding.objects.length }),
    properties: {
      severity: finding.severity,
      analyzer: finding.analyzer,
      ...(incident !== undefined && { incident: incident.id, isCause: isRoot }),
    },
  };
}

/** Results of the earlier report that are gone: SARIF calls them absent. */
function goneResults(changes: Changes | undefined, indexOf: ReadonlyMap<string, number>): readonly object[] {
  return (changes?.resolved ?? []).map(({ id, rule, severity, title, object, analyzer }: KnownFinding) => ({
    ruleId: rule,
    ruleIndex: indexOf.get(rule),
    level: levels[severity],
    message: { text: clean(`${objectName(object)}: ${title}`) },
    locations: [locationOf(object)],
    fingerprints: { "k8sgpt/v1": id },
    partialFingerprints: { primaryLocationLineHash: `${id}:1` },
    baselineState: "absent",
    properties: { severity, analyzer },
  }));
}

function suppressionOf({ reason, by, source, expiry }: AcceptedFinding): object {
  const until = expiry === undefined ? "" : ` until ${expiry}`;
  return {
    kind: source === "annotation" ? "inSource" : "external",
    status: "accepted",
    justification: clean(`${reason ?? "no reason given"} (${by}${until})`),
  };
}

function notificationOf({ what, namespace, reason, analyzers, next, level }: CoverageGap): object {
  const where = namespace === undefined ? "" : ` in ${namespace}`;
  const who = analyzers.length === 0 ? "" : `. Analyzers: ${analyzers.join(", ")}`;
  const step = next === undefined ? "" : `. Next: ${next}`;
  return {
    level: level === "gap" ? "warning" : "note",
    message: { text: clean(`Not checked: ${what}${where}: ${reason}${who}${step}`) },
  };
}

function locationOf(ref: ObjectRef): object {
  return {
    physicalLocation: { artifactLocation: { uri: pathOf(keyOf(ref)) }, region: { startLine: 1 } },
    logicalLocations: [{ name: clean(ref.name), fullyQualifiedName: clean(keyOf(ref)), kind: "resource" }],
  };
}

/** Names as a relative URI: a colon in the first part would make it an absolute one. */
function pathOf(name: string): string {
  return clean(name).toWellFormed().split("/").map(encodeURIComponent).join("/");
}
