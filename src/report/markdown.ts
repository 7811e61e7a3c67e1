/**
 * The report as GitHub-flavoured Markdown, for pull requests, job summaries and tickets: a table of incidents first, then
 * each with its chain, and evidence folded away. Text from the cluster stands in code spans or with every character that
 * means something to Markdown escaped, so that a Pod's message cannot draw a link or an image.
 */
import type { Finding } from "../findings/finding.ts";
import { type Fleet, type FleetMember, isNewIn, reportsOf, sharedFaults, unreadOf } from "../findings/fleet.ts";
import type { AcceptedFinding, Changes, Incident, Report } from "../findings/report.ts";
import { type Severity, worse } from "../findings/severity.ts";
import { formatDuration } from "../kube/time.ts";
import { clean } from "./layout.ts";
import { logsOf, seenOf, stepName, symptomsOf } from "./seen.ts";
import { counted, countBySeverity, formatMoment, isProblem, objectName, someOf } from "./words.ts";

const marks: Readonly<Record<Severity, string>> = { critical: "🔴", warning: "🟠", info: "🔵", risk: "🟣" };
const shownNames = 5;

/** The report as Markdown. */
export function renderMarkdown(report: Report): string {
  const { incidents, changes, accepted } = report;
  const fresh = new Set(changes?.new ?? []);
  const parts = [
    [`# ${escaped(verdict(report))}`],
    [headline(report)],
    ...(report.complete ? [] : [["> **Not everything could be checked.** See [Not checked](#not-checked)."]]),
    ...(incidents.length === 0 ? [] : [tableOf(incidents, fresh)]),
    ...(changes === undefined ? [] : [changesPart(report, changes)]),
    ...incidents.map((incident, index) => incidentPart(incident, { heading: `## ${index + 1}.` }, report, fresh)),
    ...(accepted === undefined ? [] : [acceptedPart(accepted, "## Accepted")]),
    ...coveragePart(report, "## Not checked", "## Warnings"),
  ];
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/**
 * Several clusters as Markdown: a table of them, then the faults that several have, then each cluster. Every heading and
 * every row of a table names its cluster.
 */
export function renderFleetMarkdown(fleet: Fleet): string {
  const reports = reportsOf(fleet);
  const shared = sharedFaults(fleet);
  const told = new Set(shared.flatMap(({ incidents }) => incidents.map(({ incident }) => incident)));
  const unread = unreadOf(fleet);
  const bad = reports.filter(({ incidents }) => incidents.some(isProblem)).length;
  const missing = unread.length === 0 ? "" : `, ${unread.length} not read`;
  const parts = [
    [`# ${counted(fleet.clusters.length, "cluster")}: ${bad === 0 ? "none" : bad} with incidents${missing}`],
    ["| | Cluster | Version | What was found |", "|---|---|---|---|", ...fleet.clusters.map(clusterRow)],
    ...(shared.length === 0
      ? []
      : [
          ["## In several clusters", "", "Each is told once, as the first of its clusters shows it."],
          ...shared.map(({ incidents }) => {
            const [{ incident, report }] = incidents;
            const where = incidents.map((each) => code(clean(each.report.cluster.name))).join(", ");
            const fresh = new Set(isNewIn(incidents) ? incident.members.map(({ id }) => id) : []);
            return incidentPart(incident, { heading: "###", where }, report, fresh);
          }),
        ]),
    ...fleet.clusters.flatMap((member) => memberParts(member, told)),
  ];
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function clusterRow({ name, report, problem }: FleetMember): string {
  const cell = code(clean(name));
  if (report === undefined) return `| ⚪ | ${inCell(cell)} | | not read: ${escaped(clean(problem?.reason ?? ""))} |`;
  const problems = report.incidents.filter(isProblem);
  const mark = problems[0] === undefined ? (report.complete ? "🟢" : "⚪") : marks[worstOf(problems)];
  const { serverVersion = "" } = report.cluster;
  const missing = report.complete || problems.length === 0 ? "" : "; not everything could be checked";
  return `| ${mark} | ${inCell(cell)} | ${escaped(clean(serverVersion))} | ${escaped(found(report))}${missing} |`;
}

function worstOf(incidents: readonly Incident[]): Severity {
  return incidents.map(({ severity }) => severity).reduce(worse, "warning");
}

function memberParts(
  { name, report, problem }: FleetMember,
  told: ReadonlySet<Incident>,
): readonly (readonly string[])[] {
  const title = code(clean(name));
  if (report === undefined) {
    const next = problem?.next === undefined ? "" : ` · next: ${escaped(clean(problem.next))}`;
    return [[`## ${title}: not read`, "", `${escaped(clean(problem?.reason ?? ""))}${next}`]];
  }
  const fresh = new Set(report.changes?.new ?? []);
  const own = report.incidents.filter((incident) => !told.has(incident));
  const above = report.incidents.length - own.length;
  return [
    [`## ${title}: ${escaped(found(report))}`],
    [headline(report)],
    ...(report.complete ? [] : [["> **Not everything could be checked** in this cluster, see below."]]),
    ...(above === 0 ? [] : [[`${counted(above, "incident")} of them told above, in several clusters.`]]),
    ...(own.length === 0 ? [] : [tableOf(own, fresh)]),
    ...(report.changes === undefined ? [] : [changesPart(report, report.changes)]),
    ...own.map((incident) => incidentPart(incident, { heading: "###", where: title }, report, fresh)),
    ...(report.accepted === undefined ? [] : [acceptedPart(report.accepted, `### Accepted in ${title}`)]),
    ...coveragePart(report, `### Not checked in ${title}`, `### Warnings of ${title}`),
  ];
}

function verdict(report: Report): string {
  return `${clean(report.cluster.name)}: ${found(report)}`;
}

function found({ incidents, complete }: Report): string {
  const problems = incidents.filter(isProblem);
  if (problems.length > 0) return `${counted(problems.length, "incident")}: ${countBySeverity(problems)}`;
  return complete ? "No problems detected" : "Incomplete: nothing found in what could be checked";
}

function headline({ cluster, takenAt, analyzers, objects, scope }: Report): string {
  const total = Object.values(objects).reduce((sum, count) => sum + count, 0);
  const facts = [
    ...(cluster.serverVersion === undefined ? [] : [`Kubernetes ${cluster.serverVersion}`]),
    `${cluster.source === "saved" ? "saved " : ""}${formatMoment(takenAt)}`,
    counted(total, "object"),
    counted(analyzers.length, "analyzer"),
    ...(scope.include === undefined ? [] : [`only ${scope.include.join(", ")}`]),
    ...(scope.exclude === undefined ? [] : [`without ${scope.exclude.join(", ")}`]),
  ];
  return facts.map((fact) => escaped(clean(fact))).join(" · ");
}

function tableOf(incidents: readonly Incident[], fresh: ReadonlySet<string>): readonly string[] {
  const rows = incidents.map(({ severity, root, members }, index) => {
    const isNew = members.some(({ id }) => fresh.has(id));
    const follows = members.length === 1 ? "" : String(members.length - 1);
    return `| ${index + 1} | ${marks[severity]} ${severity} | ${inCell(code(objectName(root.owner ?? root.object)))} | ${isNew ? "**New.** " : ""}${escaped(clean(root.title))} | ${follows} |`;
  });
  return ["| # | Severity | Object | What is wrong | Leads to |", "|--:|---|---|---|--:|", ...rows];
}

function incidentPart(
  incident: Incident,
  /** What begins the heading, and the clusters that have it where several are told of. */
  { heading, where }: { readonly heading: string; readonly where?: string },
  { takenAt }: Report,
  fresh: ReadonlySet<string>,
): readonly string[] {
  const { root, severity, chain, affected, members, since, explanation } = incident;
  const age = since === undefined ? "" : ` · for ${formatDuration(takenAt - since)}`;
  const isNew = members.some(({ id }) => fresh.has(id));
  const hosts = affected.hosts.map((host) => code(clean(host)));
  return [
    `${heading} ${marks[severity]} ${where === undefined ? "" : `${where}: `}${escaped(objectName(root.owner ?? root.object))}${escaped(age)}${isNew ? " · new" : ""}`,
    "",
    `**${escaped(clean(root.title))}**`,
    ...(chain.length > 1 ? ["", `Cause: ${chain.map((step) => code(stepName(step))).join(" → ")}`] : []),
    ...(hosts.length === 0 ? [] : ["", `Affects: ${someOf(hosts, shownNames).join(" ")}`]),
    ...symptomLines(symptomsOf(incident)),
    "",
    `Fix: ${escaped(clean(root.fix))}`,
    ...(explanation === undefined ? [] : ["", `Explained: ${escaped(clean(explanation.summary))}`]),
    ...(root.commands.length === 0 ? [] : ["", ...fenced(root.commands.map(clean), "sh")]),
    "",
    "<details><summary>Evidence</summary>",
    "",
    ...evidenceLines(root, takenAt),
    "",
    "</details>",
  ];
}

function symptomLines(symptoms: readonly Finding[]): readonly string[] {
  if (symptoms.length === 0) return [];
  return [
    "",
    "Leads to:",
    "",
    ...symptoms.map(
      ({ severity, owner, object, title }) =>
        `- ${marks[severity]} ${code(objectName(owner ?? object))} ${escaped(clean(title))}`,
    ),
  ];
}

function evidenceLines(root: Finding, takenAt: number): readonly string[] {
  return [
    ...(root.objects.length < 2
      ? []
      : [
          `- ${counted(root.objects.length, "object")}: ${someOf(
            root.objects.map((ref) => code(objectName(ref))),
            shownNames,
          ).join(" ")}`,
        ]),
    ...seenOf(root, takenAt).map(({ on, name, value }) =>
      [`- ${on === undefined ? "" : `${code(on)} `}${code(name)}`, ...(value === "" ? [] : [code(value)])].join(": "),
    ),
    `- rule ${code(root.rule)}, finding ${code(root.id)}`,
    ...logsOf(root).flatMap(({ container, previous, lines }) => [
      "",
      `Log of ${code(clean(container))}${previous ? ", the run before" : ""}:`,
      "",
      ...fenced(lines.map(clean), ""),
    ]),
  ];
}

function changesPart(report: Report, changes: Changes): readonly string[] {
  const fresh = new Set(changes.new);
  const unchecked = changes.unchecked.length === 0 ? "" : `, ${changes.unchecked.length} not looked for this time`;
  return [
    `**Since ${formatMoment(changes.takenAt)}**: ${changes.new.length} new, ${changes.resolved.length} resolved, ${changes.unchanged.length} unchanged${unchecked}`,
    "",
    ...changeList(
      "new",
      report.findings.filter(({ id }) => fresh.has(id)),
    ),
    ...changeList("resolved", changes.resolved),
  ];
}

function acceptedPart(accepted: readonly AcceptedFinding[], heading: string): readonly string[] {
  return [
    heading,
    "",
    ...accepted.map(({ finding, reason, by, expiry }) => {
      const until = expiry === undefined ? "" : ` until ${expiry}`;
      return `- ${code(objectName(finding.owner ?? finding.object))} ${code(finding.rule)}: ${escaped(clean(reason ?? "no reason given"))} (${escaped(clean(by))}${escaped(until)})`;
    }),
  ];
}

function coveragePart(
  { coverage, errors }: Report,
  notChecked: string,
  warnings: string,
): readonly (readonly string[])[] {
  const gaps = coverage.filter(({ level }) => level === "gap");
  const untold = errors.filter((error) => !coverage.some(({ reason }) => error.includes(reason)));
  if (gaps.length === 0 && untold.length === 0) return [];
  return [
    [
      gaps.length === 0 ? warnings : notChecked,
      "",
      ...gaps.map(({ what, namespace, reason, analyzers, next }) => {
        const where = namespace === undefined ? "" : ` in ${code(clean(namespace))}`;
        const who = analyzers.length === 0 ? "" : ` (${analyzers.join(", ")})`;
        return `- ${code(clean(what))}${where}: ${escaped(clean(reason))}${escaped(who)}${next === undefined ? "" : ` · next: ${code(clean(next))}`}`;
      }),
      ...untold.map((error) => `- ${escaped(clean(error))}`),
    ],
  ];
}

/** Every ASCII punctuation character may be escaped by a backslash; `&` and `<` are HTML's. */
function escaped(text: string): string {
  // A bare address or an @name becomes a link even without punctuation: a zero-width character would be copied along,
  // an entity is not.
  return text
    .replace(/[\\`*_{}[\]()#+!|~-]/g, String.raw`\$&`)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("@", "&#64;")
    .replaceAll("://", "&#58;//")
    .replaceAll(/\bwww\./gi, (www) => `${www.slice(0, -1)}&#46;`);
}

/** A code span whose fence is longer than any run of backticks inside. */
function code(text: string): string {
  if (text === "") return "";
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  const pad = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${fence}${pad}${text}${pad}${fence}`;
}

/** In a table a bar must be escaped even within code. */
function inCell(text: string): string {
  return text.replaceAll("|", String.raw`\|`);
}

function fenced(lines: readonly string[], language: string): readonly string[] {
  const longest = Math.max(2, ...lines.flatMap((line) => (line.match(/`+/g) ?? []).map(({ length }) => length)));
  const fence = "`".repeat(longest + 1);
  return [`${fence}${language}`, ...lines, fence];
}

function changeList(
  word: string,
  items: readonly { readonly title: string; readonly object: Finding["object"] }[],
): readonly string[] {
  return items.map(({ title, object }) => `- ${word}: ${code(objectName(object))} ${escaped(clean(title))}`);
}
