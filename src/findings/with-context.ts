/**
 * Commands for a context that is not the current one: typed as the rules have them, they would ask another cluster. It is
 * the last thing that is done to what is shown. An AI backend is asked without it: a context's name may tell whose it is.
 */
import type { Finding } from "./finding.ts";
import type { Incident, Report } from "./report.ts";

/** `command` for `context`. */
export function commandInContext(command: string, context: string): string {
  const word = /^[\w@%+=:,./-]+$/.test(context) ? context : `'${context.replaceAll("'", String.raw`'\''`)}'`;
  return command.replace(/^kubectl /, () => `kubectl --context ${word} `);
}

/** `incident` with its commands for `context`; as it is without one. */
export function incidentInContext(incident: Incident, context: string | undefined): Incident {
  return context === undefined ? incident : incidentWith(incident, (finding) => findingIn(finding, context));
}

/** `report` with its commands for `context`; as it is without one. */
export function reportInContext(report: Report, context: string | undefined): Report {
  if (context === undefined) return report;
  const made = new Map<Finding, Finding>();
  const place = (finding: Finding): Finding => {
    const placed = made.get(finding) ?? findingIn(finding, context);
    made.set(finding, placed);
    return placed;
  };
  return {
    ...report,
    findings: report.findings.map(place),
    incidents: report.incidents.map((incident) => incidentWith(incident, place)),
  };
}

function findingIn(finding: Finding, context: string): Finding {
  return { ...finding, commands: finding.commands.map((command) => commandInContext(command, context)) };
}

function incidentWith(incident: Incident, place: (finding: Finding) => Finding): Incident {
  return { ...incident, root: place(incident.root), members: incident.members.map(place) };
}
