/**
 * What GitHub Actions shows beside the log: one annotation per incident
 * (docs.github.com/actions: workflow commands). A line of a job's output that begins with `::` is a command to the
 * runner, and a report quotes text from the cluster, so that the report itself is printed with commands turned off.
 */
import type { Incident, Report } from "../findings/report.ts";
import { clean } from "./layout.ts";
import { seenLine, seenOf, stepName, symptomsOf } from "./seen.ts";
import { counted, isProblem, objectName } from "./words.ts";

/** The runner shows ten annotations of a kind per step and drops the others without a word. */
const shown = 10;

/**
 * `text` as the runner takes it for text alone.
 *
 * @param token a word that the cluster cannot know; it turns commands on again
 */
export function withoutCommands(text: string, token: string): string {
  return `::stop-commands::${token}\n${text}${text.endsWith("\n") ? "" : "\n"}::${token}::\n`;
}

/** The annotations of a report, worst first. */
export function githubAnnotations(report: Report): string {
  const problems = report.incidents.filter(isProblem);
  const fresh = new Set(report.changes?.new ?? []);
  const lines = (["critical", "warning"] as const).flatMap((severity) => {
    const found = problems.filter((incident) => incident.severity === severity);
    const command = severity === "critical" ? "error" : "warning";
    const left = found.length - shown;
    return [
      ...found.slice(0, left > 0 ? shown - 1 : shown).map((incident) => annotation(command, incident, report, fresh)),
      ...(left > 0
        ? [`::${command} title=k8sgpt::${data(`${counted(left + 1, `more ${severity} incident`)} in the log`)}`]
        : []),
    ];
  });
  const gaps = report.coverage.filter(({ level }) => level === "gap");
  const blind =
    gaps.length === 0
      ? []
      : [
          `::warning title=${property("k8sgpt: not everything was checked")}::${data(gaps.map(({ what, reason }) => clean(`${what}: ${reason}`)).join("\n"))}`,
        ];
  return [...lines, ...blind].map((line) => `${line}\n`).join("");
}

function annotation(
  command: "error" | "warning",
  incident: Incident,
  { takenAt }: Report,
  fresh: ReadonlySet<string>,
): string {
  const { root, chain, members } = incident;
  const isNew = members.some(({ id }) => fresh.has(id));
  const title = `${isNew ? "New: " : ""}${objectName(root.owner ?? root.object)}: ${clean(root.title)}`;
  const symptoms = symptomsOf(incident);
  const text = [
    ...(chain.length > 1 ? [chain.map(stepName).join(" → ")] : []),
    ...seenOf(root, takenAt).slice(0, 3).map(seenLine),
    ...(symptoms.length === 0 ? [] : [`leads to ${counted(symptoms.length, "more finding")}`]),
    `fix: ${clean(root.fix)}`,
  ];
  return `::${command} title=${property(title)}::${data(text.join("\n"))}`;
}

function data(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
