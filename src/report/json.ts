/**
 * A report as k8sgpt's JSON: `provider`, `errors`, `status`, `problems`, `results` with their names, letter case and
 * types, lists never null, and everything else of ours beside them. A finding stands in one place: in the result of the
 * object that shows it, or in `others` when it is context; incidents refer to it by id.
 * `schema/report.schema.json` is the contract.
 */
import type { Evidence } from "../findings/evidence.ts";
import type { Finding } from "../findings/finding.ts";
import type { Incident, Report } from "../findings/report.ts";
import { type ObjectRef, qualifiedName } from "../kube/object-ref.ts";
import { docOfFinding, type FieldDocs } from "./field-doc.ts";
import { resultsOf } from "./results.ts";
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

function reportJson(report: Report, { withStats, docs }: JsonOptions): object {
  const results = resultsOf(report);
  return {
    provider: "",
    errors: report.errors,
    status: report.status,
    problems: results.reduce((sum, { findings }) => sum + findings.length, 0),
    results: results.map(({ object, owner, findings }) => ({
      kind: object.kind,
      name: qualifiedName(object),
      error: findings.map((finding) => ({
        Text: findingText(finding),
        KubernetesDoc: docOfFinding(finding, docs),
        Sensitive: [],
        ...findingJson(finding),
      })),
      details: "",
      parentObject: parentName(owner),
      ...(object.namespace !== undefined && { namespace: object.namespace }),
      id: findings[0].id,
      severity: findings[0].severity,
    })),
    schemaVersion,
    cluster: report.cluster,
    scope: report.scope,
    takenAt: timeText(report.takenAt),
    complete: report.complete,
    analyzers: report.analyzers,
    objects: report.objects,
    incidents: report.incidents.map(incidentJson),
    others: report.findings.filter((finding) => !isProblem(finding)).map(findingJson),
    hidden: report.hidden,
    coverage: report.coverage,
    ...(withStats && { stats: report.stats }),
  };
}

function findingJson(finding: Finding): object {
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

function incidentJson({ id, severity, root, members, chain, affected, confidence, since }: Incident): object {
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
    ...(since !== undefined && { since: timeText(since) }),
  };
}

function evidenceJson(evidence: Evidence): object {
  const object = refJson(evidence.object);
  if (evidence.type !== "event") return { ...evidence, object };
  const { lastSeen, ...event } = evidence;
  return { ...event, object, ...(lastSeen !== undefined && { lastSeen: timeText(lastSeen) }) };
}

/** Names only: a uid changes when an object is made anew, and tells a reader nothing. */
function refJson({ kind, namespace, name }: ObjectRef): object {
  return { kind, ...(namespace !== undefined && { namespace }), name };
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
