/**
 * The report as one HTML file that needs nothing else: no network, no scripts to be read, any screen, either theme, paper.
 * A script of a few lines adds search and filters. The page's own policy (CSP) lets that script run and nothing else, by
 * its hash, so that text from the cluster could not run even if it found a way in.
 */
import { createHash } from "node:crypto";
import type { Finding } from "../findings/finding.ts";
import {
  type Fleet,
  type FleetMember,
  fleetStatus,
  isNewIn,
  type PlacedIncident,
  reportsOf,
  sharedFaults,
} from "../findings/fleet.ts";
import type { AcceptedFinding, Changes, CoverageGap, Incident, Report } from "../findings/report.ts";
import { compareText } from "../kube/object-ref.ts";
import { formatDuration } from "../kube/time.ts";
import { drawIncident } from "./drawing.ts";
import { pageScript, pageStyle } from "./html-page.ts";
import { clean } from "./layout.ts";
import { escapeHtml } from "./markup.ts";
import { logsOf, type Seen, seenOf, sourceAddress, stepName, symptomsOf } from "./seen.ts";
import { countBySeverity, counted, formatMoment, isProblem, objectName, someOf, withThousands } from "./words.ts";

/** The report as an HTML page. */
export function renderHtml(report: Report, { version }: { readonly version: string }): string {
  const fresh = new Set(report.changes?.new ?? []);
  return page(`${clean(report.cluster.name)}: ${verdict(report)}`, version, [
    header(report),
    ...(report.complete
      ? []
      : [
          `<p class="notice">Not everything could be checked: what was not read is not known to be well. <a href="#coverage">See what is missing</a>.</p>`,
        ]),
    ...(report.changes === undefined ? [] : [changesPart(report, report.changes)]),
    ...(report.incidents.length === 0
      ? []
      : [
          controls([report], ""),
          overview(report.incidents.map((incident) => rowOf(incident, isNew(incident, fresh)))),
        ]),
    `<main>${report.incidents.map((incident, index) => article(incident, String(index + 1), report)).join("\n")}</main>`,
    '<p class="empty" id="none" hidden>No incident matches.</p>',
    ...(report.accepted === undefined ? [] : [acceptedPart(report.accepted)]),
    coveragePart(report),
  ]);
}

/**
 * Several clusters as one page: a row for each, then the faults that several have, then each cluster with its own. One
 * search and one set of filters, also by cluster.
 */
export function renderFleetHtml(fleet: Fleet, { version }: { readonly version: string }): string {
  const reports = reportsOf(fleet);
  const shared = sharedFaults(fleet);
  const told = new Set(shared.flatMap(({ incidents }) => incidents.map(({ incident }) => incident)));
  // Names may hold anything: in attributes a cluster is its number.
  const numbers = new Map(fleet.clusters.map(({ name }, index) => [name, String(index)]));
  const placeOf = (own: readonly PlacedIncident[]): Place => ({
    names: own.map(({ report }) => report.cluster.name),
    numbers: own.map(({ report }) => numbers.get(report.cluster.name) ?? ""),
    isNew: isNewIn(own),
  });
  const sharedItems = shared.map(({ incidents }) => ({ ...incidents[0], place: placeOf(incidents) }));
  const ownItems = (report: Report) =>
    report.incidents
      .filter((incident) => !told.has(incident))
      .map((incident) => ({ incident, report, place: placeOf([{ incident, report }]) }));
  const all = [...sharedItems, ...reports.flatMap(ownItems)];
  const articles = (items: readonly (typeof all)[number][]): string =>
    items.map(({ incident, report, place }) => article(incident, "", report, place)).join("\n");
  const options = fleet.clusters.map(
    ({ name }) => `<option value="${numbers.get(name) ?? ""}">${escapeHtml(clean(name))}</option>`,
  );
  const choice = `<select id="cluster" aria-label="All clusters"><option value="">All clusters</option>${options.join("")}</select>`;
  const bad = reports.filter(({ incidents }) => incidents.some(isProblem)).length;
  const title = `${counted(fleet.clusters.length, "cluster")}: ${bad === 0 ? "none" : bad} with incidents`;
  return page(title, version, [
    fleetHeader(fleet, title),
    ...(fleetStatus(fleet).complete
      ? []
      : [
          '<p class="notice">Not everything could be checked: what was not read is not known to be well. It is told with each cluster.</p>',
        ]),
    `<nav class="clusters" aria-label="Clusters"><ol>${fleet.clusters.map((member) => clusterRow(member, numbers.get(member.name) ?? "")).join("")}</ol></nav>`,
    ...(all.length === 0
      ? []
      : [controls(reports, choice), overview(all.map(({ incident, place }) => rowOf(incident, place.isNew, place)))]),
    "<main>",
    ...(sharedItems.length === 0
      ? []
      : [
          `<section class="part"><h2>In several clusters</h2><p class="dim">Each is told once, as the first of its clusters shows it.</p>${articles(sharedItems)}</section>`,
        ]),
    ...fleet.clusters.map((member) => {
      const { name, report } = member;
      const head = `<section class="part" id="c-${numbers.get(name) ?? ""}"><h2>${escapeHtml(clean(name))}</h2>`;
      if (report === undefined) return `${head}${unreadPart(member)}</section>`;
      const own = ownItems(report);
      const above = report.incidents.length - own.length;
      const facts = [...factsOf(report), ...(above === 0 ? [] : [`${counted(above, "incident")} told above`])];
      return [
        `${head}<p class="dim">${escapeHtml([verdict(report), ...facts].map(clean).join(" · "))}</p>`,
        ...(report.changes === undefined ? [] : [changesPart(report, report.changes)]),
        articles(own),
        ...(report.accepted === undefined ? [] : [acceptedPart(report.accepted, clean(name))]),
        coveragePart(report, clean(name)),
        "</section>",
      ].join("\n");
    }),
    "</main>",
    '<p class="empty" id="none" hidden>No incident matches.</p>',
  ]);
}

function fleetHeader({ clusters }: Fleet, title: string): string {
  const reports = clusters.flatMap(({ report }) => report ?? []);
  const incidents = reports.flatMap((report) => report.incidents);
  const count = (severity: string): number => incidents.filter((incident) => incident.severity === severity).length;
  const objects = reports.flatMap((report) => Object.values(report.objects)).reduce((sum, each) => sum + each, 0);
  const unread = clusters.length - reports.length;
  const state =
    count("critical") > 0
      ? "critical"
      : incidents.some(isProblem) || unread > 0 || reports.some(({ complete }) => !complete)
        ? "warning"
        : "good";
  const times = reports.map(({ takenAt }) => takenAt);
  const moment = times.length === 0 ? "" : formatMoment(Math.max(...times));
  return headerOf({
    name: "k8sgpt",
    state,
    title,
    facts: moment,
    tiles: [
      ["critical", withThousands(count("critical")), "critical"],
      ["warning", withThousands(count("warning")), "warning"],
      ["", withThousands(clusters.length), "clusters"],
      ...(unread === 0 ? [] : ([["warning", withThousands(unread), "not read"]] as const)),
      ["", withThousands(objects), "objects read"],
    ],
  });
}

function clusterRow({ name, report, problem }: FleetMember, number: string): string {
  const state = report === undefined ? "warning" : stateOf(report);
  const text =
    report === undefined
      ? `not read: ${clean(problem?.reason ?? "")}`
      : [
          verdict(report),
          ...(report.incidents.length === 0 ? [] : [countBySeverity(report.incidents)]),
          ...(report.complete ? [] : ["not everything could be checked"]),
          ...(report.cluster.serverVersion === undefined ? [] : [`Kubernetes ${report.cluster.serverVersion}`]),
        ]
          .map(clean)
          .join(" · ");
  return `<li><a href="#c-${number}"><span class="dot ${state}"></span><b>${escapeHtml(clean(name))}</b><span>${escapeHtml(text)}</span></a></li>`;
}

function unreadPart({ problem }: FleetMember): string {
  const next = problem?.next === undefined ? "" : `<br>next: ${escapeHtml(clean(problem.next))}`;
  return `<p class="notice">Not read: ${escapeHtml(clean(problem?.reason ?? ""))}${next}</p>`;
}

/** The clusters that have an incident: their names, and their numbers in the page. */
interface Place {
  readonly names: readonly string[];
  readonly numbers: readonly string[];
  readonly isNew: boolean;
}

function page(title: string, version: string, parts: readonly string[]): string {
  const hash = createHash("sha256").update(pageScript).digest("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const body = [
    ...parts,
    `<footer>k8sgpt ${escapeHtml(version)} · read only: nothing was changed in the cluster</footer>`,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
${body.join("\n")}
<script>${pageScript}</script>
</body>
</html>
`;
}

function verdict({ incidents, complete }: Report): string {
  const problems = incidents.filter(isProblem);
  if (problems.length > 0) return counted(problems.length, "incident");
  return complete ? "No problems detected" : "Incomplete: nothing found in what could be checked";
}

function header(report: Report): string {
  const { cluster, incidents, findings, objects, analyzers } = report;
  const total = Object.values(objects).reduce((sum, count) => sum + count, 0);
  const count = (severity: string): number => incidents.filter((incident) => incident.severity === severity).length;
  const tiles: readonly Tile[] = [
    ["critical", withThousands(count("critical")), "critical"],
    ["warning", withThousands(count("warning")), "warning"],
    ["", withThousands(findings.length), findings.length === 1 ? "finding" : "findings"],
    ["", withThousands(total), total === 1 ? "object read" : "objects read"],
    ["", withThousands(analyzers.length), analyzers.length === 1 ? "analyzer" : "analyzers"],
  ];
  return headerOf({
    name: cluster.name,
    state: stateOf(report),
    title: verdict(report),
    facts: factsOf(report).map(clean).join(" · "),
    tiles,
  });
}

function factsOf({ cluster, takenAt, scope }: Report): readonly string[] {
  return [
    ...(cluster.serverVersion === undefined ? [] : [`Kubernetes ${cluster.serverVersion}`]),
    `${cluster.source === "saved" ? "saved " : ""}${formatMoment(takenAt)}`,
    ...(scope.include === undefined ? [] : [`only ${scope.include.join(", ")}`]),
    ...(scope.exclude === undefined ? [] : [`without ${scope.exclude.join(", ")}`]),
  ];
}

function stateOf({ incidents, complete }: Report): "critical" | "warning" | "good" {
  if (incidents.some(isProblem)) {
    return incidents.some(({ severity }) => severity === "critical") ? "critical" : "warning";
  }
  return complete ? "good" : "warning";
}

/** Its class, value and label. */
type Tile = readonly [string, string, string];

function headerOf({
  name,
  state,
  title,
  facts,
  tiles,
}: {
  readonly name: string;
  readonly state: string;
  readonly title: string;
  readonly facts: string;
  readonly tiles: readonly Tile[];
}): string {
  return `<header><div><p class="cluster">${escapeHtml(clean(name))}</p><h1 class="${state}">${escapeHtml(title)}</h1><p class="facts">${escapeHtml(facts)}</p></div><ul class="tiles">${tiles
    .map(([kind, value, label]) => `<li class="${kind}${value === "0" ? " zero" : ""}"><b>${value}</b>${label}</li>`)
    .join("")}</ul></header>`;
}

/**
 * Shown by the script: without it they would do nothing.
 *
 * @param more a control of the page's own
 */
function controls(reports: readonly Report[], more: string): string {
  const incidents = reports.flatMap((report) => report.incidents);
  const isCompared = reports.some(({ changes }) => changes !== undefined);
  const namespaces = distinct(
    incidents.flatMap(({ members }) => members.flatMap(({ object }) => object.namespace ?? [])),
  );
  const kinds = distinct(
    incidents.flatMap(({ members }) => members.map(({ owner, object }) => (owner ?? object).kind)),
  );
  const severities = distinct(incidents.map(({ severity }) => severity));
  return `<form class="controls" id="controls" hidden><input type="search" id="search" placeholder="Search objects, messages, rules…" aria-label="Search">${more}${selectOf("severity", "All severities", severities)}${selectOf("namespace", "All namespaces", namespaces)}${selectOf("kind", "All kinds", kinds)}${!isCompared ? "" : '<label><input type="checkbox" id="new"> only new</label>'}<span id="count"></span></form>`;
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)].sort(compareText);
}

function rowOf(incident: Incident, isFresh: boolean, place?: Place): string {
  const id = idOf(incident, place);
  const where = place === undefined ? "" : `<span class="dim">${placeText(place)}</span> `;
  return `<li data-of="${id}"><a href="#i-${id}"><span class="dot ${incident.severity}"></span><b>${where}${escapeHtml(objectName(incident.root.owner ?? incident.root.object))}</b><span>${isFresh ? '<em class="tag">new</em> ' : ""}${escapeHtml(clean(incident.root.title))}</span></a></li>`;
}

function placeText({ names }: Place): string {
  return escapeHtml(clean(someOf(names, 4).join(" ")));
}

/** Two dumps of one cluster have the same ids. */
function idOf({ id }: Incident, place: Place | undefined): string {
  return place === undefined ? id : `${place.numbers[0] ?? ""}-${id}`;
}

function overview(rows: readonly string[]): string {
  return `<nav aria-label="Incidents"><ol>${rows.join("")}</ol></nav>`;
}

function isNew({ members }: Incident, fresh: ReadonlySet<string>): boolean {
  return members.some(({ id }) => fresh.has(id));
}

function article(incident: Incident, number: string, { takenAt, changes }: Report, place?: Place): string {
  const isFresh = place?.isNew ?? isNew(incident, new Set(changes?.new ?? []));
  const { severity, root, chain, since, members, explanation } = incident;
  const symptoms = symptomsOf(incident);
  const age = since === undefined ? "" : `<span class="age">for ${formatDuration(takenAt - since)}</span>`;
  const namespaces = distinct(members.flatMap(({ object }) => object.namespace ?? []));
  const kinds = distinct(members.map(({ owner, object }) => (owner ?? object).kind));
  const graph = drawIncident(incident);
  const address = sourceAddress(root.source);
  const parts = [
    `<h2>${number === "" ? "" : `<span class="number">${number}</span>`}<span class="badge ${severity}">${severity}</span>${place === undefined ? "" : `<span class="place">${placeText(place)}</span>`}${escapeHtml(objectName(root.owner ?? root.object))}${isFresh ? '<em class="tag">new</em>' : ""}${age}</h2>`,
    `<p class="title">${escapeHtml(clean(root.title))}</p>`,
    ...(root.why === undefined ? [] : [`<p class="why">${escapeHtml(clean(root.why))}</p>`]),
    graph === "" ? "" : `<div class="scroll">${graph}</div>`,
    ...(graph === "" && chain.length > 1
      ? [`<p class="chain">${chain.map((step) => escapeHtml(stepName(step))).join(" → ")}</p>`]
      : []),
    '<div class="columns">',
    `<section><h3>Seen</h3>${seenTable(seenOf(root, takenAt))}${objectsLine(root)}</section>`,
    `<section>${symptoms.length === 0 ? "" : `<h3>Leads to</h3><ul class="symptoms">${symptoms.map(symptomItem).join("")}</ul>`}${explanation === undefined ? "" : `<h3>Explained by ${escapeHtml(clean(explanation.model ?? "a model"))}</h3><p>${escapeHtml(clean(explanation.summary))}</p>`}<h3>Fix</h3><p>${escapeHtml(clean(root.fix))}</p>${root.commands.length === 0 ? "" : `<h3>Check</h3><pre class="commands">${root.commands.map((command) => `<code>${escapeHtml(clean(command))}</code>`).join("\n")}</pre>`}</section>`,
    "</div>",
    ...logsOf(root).map(
      ({ container, previous, lines }) =>
        `<details open><summary>Log of container ${escapeHtml(clean(container))}${previous ? ", the run before" : ""}</summary><pre class="log">${lines.map((line) => escapeHtml(clean(line))).join("\n")}</pre></details>`,
    ),
    `<p class="rule">${address === undefined ? escapeHtml(root.rule) : `<a href="${escapeHtml(address)}" rel="noreferrer">${escapeHtml(root.rule)}</a>`} · ${root.id}</p>`,
  ];
  const clusters = place === undefined ? "" : ` data-clusters="${place.numbers.join(" ")}"`;
  return `<article id="i-${idOf(incident, place)}" class="${severity}"${clusters} data-severity="${severity}" data-namespaces="${escapeHtml(namespaces.join(" "))}" data-kinds="${escapeHtml(kinds.join(" "))}" data-new="${isFresh ? "1" : ""}">${parts.join("\n")}</article>`;
}

function seenTable(seen: readonly Seen[]): string {
  const rows = [...Map.groupBy(seen, ({ on }) => on ?? "")].flatMap(([on, group]) => [
    ...(on === "" ? [] : [`<tr><th colspan="2">${escapeHtml(on)}</th></tr>`]),
    ...group.map(({ name, value }) =>
      value === ""
        ? `<tr><td colspan="2">${breakable(name)}</td></tr>`
        : `<tr><td>${breakable(name)}</td><td>${escapeHtml(value)}</td></tr>`,
    ),
  ]);
  return `<table>${rows.join("")}</table>`;
}

/** A field path breaks before its parts. */
function breakable(path: string): string {
  return escapeHtml(path).replaceAll(/[.[]/g, "<wbr>$&");
}

function objectsLine({ objects }: Finding): string {
  if (objects.length < 2) return "";
  return `<details><summary>${counted(objects.length, "object")} like it</summary><ul class="objects">${objects.map((ref) => `<li>${escapeHtml(objectName(ref))}</li>`).join("")}</ul></details>`;
}

function symptomItem({ severity, owner, object, title }: Finding): string {
  return `<li><span class="dot ${severity}"></span><b>${escapeHtml(objectName(owner ?? object))}</b> ${escapeHtml(clean(title))}</li>`;
}

function changesPart({ findings }: Report, changes: Changes): string {
  const fresh = new Set(changes.new);
  return `<section class="changes"><h2>Since ${formatMoment(changes.takenAt)}</h2><p>${changes.new.length} new · ${changes.resolved.length} resolved · ${changes.unchanged.length} unchanged${changes.unchecked.length === 0 ? "" : ` · ${changes.unchecked.length} not looked for this time`}</p>${changeList(
    "new",
    findings.filter(({ id }) => fresh.has(id)),
  )}${changeList("resolved", changes.resolved)}</section>`;
}

function acceptedPart(accepted: readonly AcceptedFinding[], cluster?: string): string {
  const rows = accepted.map(
    ({ finding, reason, by, expiry }) =>
      `<tr><td><b>${escapeHtml(objectName(finding.owner ?? finding.object))}</b><br>${escapeHtml(clean(finding.title))}</td><td>${escapeHtml(clean(reason ?? "no reason given"))}</td><td>${escapeHtml(clean(by))}</td><td>${expiry === undefined ? "no end" : `until ${escapeHtml(expiry)}`}</td></tr>`,
  );
  return `<section class="accepted"${cluster === undefined ? ' id="accepted"' : ""}><h2>Accepted${inCluster(cluster)}</h2><p>Neither counted nor gated.</p><table>${rows.join("")}</table></section>`;
}

function inCluster(name: string | undefined): string {
  return name === undefined ? "" : ` in ${escapeHtml(name)}`;
}

function coveragePart({ coverage, errors }: Report, cluster?: string): string {
  const where = inCluster(cluster);
  const id = cluster === undefined ? "coverage" : "";
  const untold = errors.filter((error) => !coverage.some(({ reason }) => error.includes(reason)));
  return [
    listPart(`Not checked${where}`, id, coverage.filter(({ level }) => level === "gap").map(gapItem)),
    listPart(`Left out${where}`, "", coverage.filter(({ level }) => level === "scope").map(gapItem)),
    listPart(
      `Warnings${where}`,
      "",
      untold.map((error) => `<li>${escapeHtml(clean(error))}</li>`),
    ),
  ].join("");
}

function selectOf(id: string, label: string, values: readonly string[]): string {
  return `<select id="${id}" aria-label="${label}"><option value="">${label}</option>${values.map((value) => `<option>${escapeHtml(clean(value))}</option>`).join("")}</select>`;
}

function gapItem({ what, namespace, reason, analyzers, next }: CoverageGap): string {
  return `<li><b>${escapeHtml(clean(what))}</b>${namespace === undefined ? "" : ` in ${escapeHtml(clean(namespace))}`}: ${escapeHtml(clean(reason))}${analyzers.length === 0 ? "" : ` <span class="dim">(${escapeHtml(analyzers.join(", "))})</span>`}${next === undefined ? "" : `<br>next: <code>${escapeHtml(clean(next))}</code>`}</li>`;
}

function listPart(heading: string, id: string, items: readonly string[]): string {
  return items.length === 0
    ? ""
    : `<section class="coverage"${id === "" ? "" : ` id="${id}"`}><h2>${heading}</h2><ul>${items.join("")}</ul></section>`;
}

function changeList(
  word: string,
  items: readonly { readonly title: string; readonly object: Finding["object"] }[],
): string {
  return items.length === 0
    ? ""
    : `<details><summary>${counted(items.length, `${word} finding`)}</summary><ul>${items.map(({ object, title }) => `<li><b>${escapeHtml(objectName(object))}</b> ${escapeHtml(clean(title))}</li>`).join("")}</ul></details>`;
}
