import { type Fleet, reportsOf, sharedFaults, unreadOf } from "../findings/fleet.ts";
import type { Report } from "../findings/report.ts";
import { acceptedJson, changesJson, findingJson, incidentJson, type JsonOptions, schemaVersion } from "./json.ts";
import { docOfFinding } from "./field-doc.ts";
import { findingText } from "./words.ts";

/**
 * The report as one JSON object per line, for log pipelines: each line stands alone, says what it is (`type`) and names
 * its cluster and moment, so that the lines of many clusters may be mixed. First the report, then incidents, findings,
 * accepted findings, gaps and errors.
 */
export function renderNdjson(report: Report, { docs, withStats }: JsonOptions): string {
  const common = { cluster: report.cluster.name, takenAt: new Date(report.takenAt).toISOString() };
  const incidentOf = new Map(report.incidents.flatMap(({ id, members }) => members.map((member) => [member.id, id])));
  const { status, complete, analyzers, scope, objects, hidden, changes } = report;
  const lines = [
    {
      type: "report",
      ...common,
      schemaVersion,
      status,
      complete,
      incidents: report.incidents.length,
      findings: report.findings.length,
      analyzers,
      scope,
      objects,
      hidden,
      ...(changes !== undefined && { changes: changesJson(changes) }),
    },
    ...report.incidents.map((incident) => ({ type: "incident", ...common, ...incidentJson(incident) })),
    ...report.findings.map((finding) => {
      const doc = docOfFinding(finding, docs);
      return {
        type: "finding",
        ...common,
        incident: incidentOf.get(finding.id),
        text: findingText(finding),
        ...(doc !== "" && { doc }),
        ...findingJson(finding),
      };
    }),
    ...(report.accepted ?? []).map((accepted) => ({ type: "accepted", ...common, ...acceptedJson(accepted) })),
    ...report.coverage.map((gap) => ({ type: "coverage", ...common, ...gap })),
    ...report.errors.map((message) => ({ type: "error", ...common, message })),
    ...(withStats ? report.stats.map((stat) => ({ type: "stat", ...common, ...stat })) : []),
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/**
 * Several clusters, one after the other, then what is told of all of them: clusters that could not be read, and which
 * incidents are the same fault in several.
 */
export function renderFleetNdjson(fleet: Fleet, options: JsonOptions): string {
  const unread = unreadOf(fleet).map(({ name, problem }) => ({ type: "unread", cluster: name, ...problem }));
  const shared = sharedFaults(fleet).map(({ incidents }) => ({
    type: "shared",
    rule: incidents[0].incident.root.rule,
    incidents: incidents.map(({ incident, report }) => ({ cluster: report.cluster.name, id: incident.id })),
  }));
  return [
    ...reportsOf(fleet).map((report) => renderNdjson(report, options)),
    ...[...unread, ...shared].map((line) => `${JSON.stringify(line)}\n`),
  ].join("");
}
