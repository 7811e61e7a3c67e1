/**
 * A report as k8sgpt's JSON: `provider`, `errors`, `status`, `problems`, `results` with their names, letter case and
 * types, lists never null, and everything else of ours beside them. A finding stands in one place: in the result of the
 * object that shows it, or in `others` when it is context; incidents refer to it by id.
 * `schema/report.schema.json` is the contract.
 */
import type { Evidence } from "../findings/evidence.ts";
import type { Finding } from "../findings/finding.ts";
import { type Fleet, type FleetMember, fleetStatus, reportsOf, sharedFaults, unreadOf } from "../findings/fleet.ts";
import type { AcceptedFinding, Changes, Incident, KnownFinding, Report } from "../findings/report.ts";
import { type ObjectRef, qualifiedName } from "../kube/object-ref.ts";
import { explainedFor } from "./explanation.ts";
import { certaintyJson } from "./certainty.ts";
import { docOfFinding, type FieldDocs } from "./field-doc.ts";
import { type Result, resultsOf } from "./results.ts";
import { findingText, isProblem, parentName } from "./words.ts";

/** The version of the keys beside k8sgpt's; it grows when one of them changes its meaning. */
export const schemaVersion = 1;

/** What goes into the JSON besides the report. */
export interface JsonOptions {
  /** Whether `stats` is wanted: durations differ from run to run. */
  readonly withStats: boolean;
  readonly docs?: FieldDocs;
}

/** The report as JSON text with two spaces of indent, ending in a newline. */
export function renderJson(report: Report, options: JsonOptions): string {
  return `${JSON.stringify(reportJson(report, options), undefined, 2)}\n`;
}

/** The report as the plain data that JSON and YAML write. */
export function reportJson(report: Report, { withStats, docs }: JsonOptions): object {
  const results = resultsOf(report);
  return {
    provider: report.provider ?? "",
    errors: report.errors,
    status: report.status,
    problems: results.reduce((sum, { findings }) => sum + findings.length, 0),
    results: results.map((result) => resultJson(result, report, docs)),
    schemaVersion,
    cluster: report.cluster,
    scope: report.scope,
    takenAt: timeText(report.takenAt),
    complete: report.complete,
    analyzers: report.analyzers,
    objects: report.objects,
    incidents: report.incidents.map(incidentJson),
    others: report.findings.filter((finding) => !isProblem(finding)).map(findingJson),
    ...(report.accepted !== undefined && { accepted: report.accepted.map(acceptedJson) }),
    ...(report.changes !== undefined && { changes: changesJson(report.changes) }),
    hidden: report.hidden,
    coverage: report.coverage,
    ...(withStats && { stats: report.stats }),
  };
}

function resultJson({ object, owner, findings }: Result, { incidents }: Report, docs: FieldDocs | undefined): object {
  const { details, explainError } = explainedFor(incidents, findings);
  return {
    kind: object.kind,
    name: qualifiedName(object),
    error: findings.map((finding) => ({
      Text: findingText(finding),
      KubernetesDoc: docOfFinding(finding, docs),
      Sensitive: [],
      ...findingJson(finding),
    })),
    details,
    parentObject: parentName(owner),
    ...(object.namespace !== undefined && { namespace: object.namespace }),
    id: findings[0].id,
    severity: findings[0].severity,
    ...explainErrorOf(explainError),
  };
}

/** Several clusters as JSON text. */
export function renderFleetJson(fleet: Fleet, options: JsonOptions): string {
  return `${JSON.stringify(fleetJson(fleet, options), undefined, 2)}\n`;
}

/**
 * Several clusters as plain data: k8sgpt's keys hold what all of them have, each entry with its `cluster`; `clusters`
 * says of each what only one can have; `shared` names the incidents that are the same fault in several.
 */
export function fleetJson(fleet: Fleet, { withStats, docs }: JsonOptions): object {
  const reports = reportsOf(fleet);
  const { status, complete } = fleetStatus(fleet);
  /** The entries of each cluster, each naming it. */
  const ofEach = (list: (report: Report) => readonly object[]): readonly object[] =>
    reports.flatMap((report) => list(report).map((entry) => ({ cluster: report.cluster.name, ...entry })));
  return {
    provider: reports.find(({ provider }) => provider !== undefined)?.provider ?? "",
    errors: [
      ...unreadOf(fleet).map(({ name, problem }) => `${name}: ${problem.reason}`),
      ...reports.flatMap(({ cluster, errors }) => errors.map((error) => `${cluster.name}: ${error}`)),
    ],
    status,
    problems: reports.reduce((sum, report) => sum + problemsOf(report), 0),
    results: ofEach((report) => resultsOf(report).map((result) => resultJson(result, report, docs))),
    schemaVersion,
    complete,
    clusters: fleet.clusters.map((member) => memberJson(member, withStats)),
    shared: sharedFaults(fleet).map(({ incidents }) => {
      const [{ incident }] = incidents;
      const { root, severity } = incident;
      return {
        rule: root.rule,
        severity,
        title: root.title,
        object: refJson(root.owner ?? root.object),
        ...(root.discriminator !== undefined && { discriminator: root.discriminator }),
        incidents: incidents.map((each) => ({ cluster: each.report.cluster.name, id: each.incident.id })),
      };
    }),
    incidents: ofEach(({ incidents }) => incidents.map(incidentJson)),
    others: ofEach(({ findings }) => findings.filter((finding) => !isProblem(finding)).map(findingJson)),
    ...(reports.some(({ accepted }) => accepted !== undefined) && {
      accepted: ofEach(({ accepted = [] }) => accepted.map(acceptedJson)),
    }),
    coverage: ofEach(({ coverage }) => coverage),
  };
}

function problemsOf({ findings }: Report): number {
  return findings.filter(isProblem).length;
}

function memberJson({ name, report, problem }: FleetMember, withStats: boolean): object {
  if (report === undefined) return { name, status: "Incomplete", complete: false, problem };
  return {
    name,
    status: report.status,
    complete: report.complete,
    problems: problemsOf(report),
    incidents: report.incidents.length,
    info: report.cluster,
    scope: report.scope,
    takenAt: timeText(report.takenAt),
    analyzers: report.analyzers,
    objects: report.objects,
    hidden: report.hidden,
    errors: report.errors,
    ...(report.changes !== undefined && { changes: changesJson(report.changes) }),
    ...(withStats && { stats: report.stats }),
  };
}

/** One finding, without the ids and times that mean nothing to a reader. */
export function findingJson(finding: Finding): object {
  const { owner, cause, discriminator, why, since } = finding;
  return {
    id: finding.id,
    rule: finding.rule,
    analyzer: finding.analyzer,
    severity: finding.severity,
    title: finding.title,
    object: refJson(finding.object),
    objects: finding.objects.map(refJson),
    ...(owner !== undefined && { owner: refJson(owner) }),
    ...(cause !== undefined && { cause: refJson(cause) }),
    related: finding.related.map(refJson),
    ...(discriminator !== undefined && { discriminator }),
    evidence: finding.evidence.map(evidenceJson),
    ...(since !== undefined && { since: timeText(since) }),
    ...(why !== undefined && { why }),
    fix: finding.fix,
    source: finding.source,
    commands: finding.commands,
  };
}

/** One incident; it refers to its findings by id. */
export function incidentJson(incident: Incident): object {
  const { id, severity, root, members, chain, affected, confidence, since, explanation, explainError } = incident;
  return {
    id,
    severity,
    title: root.title,
    root: root.id,
    findings: members.map((member) => member.id),
    chain: chain.map(refJson),
    affected: {
      workloads: affected.workloads.map(refJson),
      services: affected.services.map(refJson),
      hosts: affected.hosts,
    },
    confidence,
    ...certaintyJson(incident, refJson),
    ...(since !== undefined && { since: timeText(since) }),
    ...(explanation !== undefined && { explanation }),
    ...explainErrorOf(explainError),
  };
}

function explainErrorOf(explainError: string | undefined): object {
  return explainError === undefined ? {} : { explainError };
}

/** An accepted finding and who accepts it. */
export function acceptedJson({ finding, reason, by, source, expiry }: AcceptedFinding): object {
  const accepted = { by, source, ...(reason !== undefined && { reason }), ...(expiry !== undefined && { expiry }) };
  return { ...findingJson(finding), accepted };
}

/** What changed since an earlier report. */
export function changesJson({ since, takenAt, resolved, unchecked, ...changes }: Changes): object {
  return {
    since,
    takenAt: timeText(takenAt),
    new: changes.new,
    unchanged: changes.unchanged,
    resolved: resolved.map(knownJson),
    unchecked: unchecked.map(knownJson),
  };
}

function knownJson({ id, rule, analyzer, severity, title, object }: KnownFinding): object {
  return { id, rule, analyzer, severity, title, object: refJson(object) };
}

function evidenceJson(evidence: Evidence): object {
  const object = refJson(evidence.object);
  if (evidence.type !== "event") return { ...evidence, object };
  const { lastSeen, ...event } = evidence;
  return { ...event, object, ...(lastSeen !== undefined && { lastSeen: timeText(lastSeen) }) };
}

/** Names only: a uid changes when an object is made anew, and tells a reader nothing. */
export function refJson({ kind, namespace, name }: ObjectRef): object {
  return { kind, ...(namespace !== undefined && { namespace }), name };
}

/** A moment in RFC 3339, UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
