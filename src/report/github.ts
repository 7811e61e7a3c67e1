/**
 * What GitHub Actions shows beside the log: one annotation per incident
 * (docs.github.com/actions: workflow commands). A line of a job's output that begins with `::` is a command to the
 * runner, and a report quotes text from the cluster, so that the report itself is printed with commands turned off.
 */
import { type Fleet, reportsOf, sharedFaults, unreadOf } from "../findings/fleet.ts";
import type { Incident, Report } from "../findings/report.ts";
import { clean } from "./layout.ts";
import { seenLine, seenOf, stepName, symptomsOf } from "./seen.ts";
import { counted, isProblem, objectName, someOf } from "./words.ts";

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
  const problems = report.incidents.filter(isProblem).map((incident): Annotated => ({ incident, report, where: "" }));
  return annotationsOf(problems, blindIn(report));
}

/** The annotations of several clusters: a fault that several have is one. */
export function fleetAnnotations(fleet: Fleet): string {
  const shared = sharedFaults(fleet);
  const told = new Set(shared.flatMap(({ incidents }) => incidents.map(({ incident }) => incident)));
  const problems = [
    ...shared.map(({ incidents }): Annotated => {
      const names = incidents.map(({ report }) => clean(report.cluster.name));
      return { ...incidents[0], where: `${someOf(names, 4).join(" ")}: ` };
    }),
    ...reportsOf(fleet).flatMap((report) =>
      report.incidents
        .filter((incident) => !told.has(incident))
        .map((incident): Annotated => ({ incident, report, where: `${clean(report.cluster.name)}: ` })),
    ),
  ].filter(({ incident }) => isProblem(incident));
  const blind = [
    ...unreadOf(fleet).map(({ name, problem }) => clean(`${name}: ${problem.reason}`)),
    ...reportsOf(fleet).flatMap((report) => blindIn(report).map((text) => `${clean(report.cluster.name)}: ${text}`)),
  ];
  return annotationsOf(problems, blind);
}

interface Annotated {
  readonly incident: Incident;
  readonly report: Report;
  /** The clusters that have it, where several are told of. */
  readonly where: string;
}

function blindIn({ coverage }: Report): readonly string[] {
  return coverage.filter(({ level }) => level === "gap").map(({ what, reason }) => clean(`${what}: ${reason}`));
}

function annotationsOf(problems: readonly Annotated[], blind: readonly string[]): string {
  const lines = (["critical", "warning"] as const).flatMap((severity) => {
    const found = problems.filter(({ incident }) => incident.severity === severity);
    const command = severity === "critical" ? "error" : "warning";
    const left = found.length - shown;
    return [
      ...found.slice(0, left > 0 ? shown - 1 : shown).map((each) => annotation(command, each)),
      ...(left > 0
        ? [`::${command} title=k8sgpt::${data(`${counted(left + 1, `more ${severity} incident`)} in the log`)}`]
        : []),
    ];
  });
  const missing =
    blind.length === 0
      ? []
      : [`::warning title=${property("k8sgpt: not everything was checked")}::${data(blind.join("\n"))}`];
  return [...lines, ...missing].map((line) => `${line}\n`).join("");
}

function annotation(command: "error" | "warning", { incident, report, where }: Annotated): string {
  const { root, chain, members } = incident;
  const { takenAt, changes } = report;
  const isNew = members.some(({ id }) => changes?.new.includes(id) === true);
  const title = `${isNew ? "New: " : ""}${where}${objectName(root.owner ?? root.object)}: ${clean(root.title)}`;
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
