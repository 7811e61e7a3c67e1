import type { Finding } from "../findings/finding.ts";
import type { Report } from "../findings/report.ts";

/** `report` with its commands for this context: what a user types would otherwise ask the current one. */
export function withContext(report: Report, context: string): Report {
  const word = /^[\w@%+=:,./-]+$/.test(context) ? context : `'${context.replaceAll("'", String.raw`'\''`)}'`;
  const placed = new Map<Finding, Finding>();
  const findingIn = (finding: Finding): Finding => {
    const before = placed.get(finding);
    if (before !== undefined) return before;
    const commands = finding.commands.map((command) => command.replace(/^kubectl /, `kubectl --context ${word} `));
    const made = { ...finding, commands };
    placed.set(finding, made);
    return made;
  };
  return {
    ...report,
    findings: report.findings.map(findingIn),
    incidents: report.incidents.map((incident) => ({
      ...incident,
      root: findingIn(incident.root),
      members: incident.members.map(findingIn),
    })),
  };
}
