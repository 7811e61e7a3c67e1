/**
 * The report as one HTML file that needs nothing else: no network, no scripts to be read, any screen, either theme, paper.
 * A script of a few lines adds search and filters. The page's own policy (CSP) lets that script run and nothing else, by
 * its hash, so that text from the cluster could not run even if it found a way in.
 */
import { createHash } from "node:crypto";
import type { Finding } from "../findings/finding.ts";
import type { AcceptedFinding, Changes, CoverageGap, Incident, Report } from "../findings/report.ts";
import { compareText } from "../kube/object-ref.ts";
import { formatDuration } from "../kube/time.ts";
import { drawIncident } from "./drawing.ts";
import { pageScript, pageStyle } from "./html-page.ts";
import { clean } from "./layout.ts";
import { escapeHtml } from "./markup.ts";
import { logsOf, type Seen, seenOf, sourceAddress, stepName, symptomsOf } from "./seen.ts";
import { counted, formatMoment, isProblem, objectName, withThousands } from "./words.ts";

/** The report as an HTML page. */
export function renderHtml(report: Report, { version }: { readonly version: string }): string {
  const fresh = new Set(report.changes?.new ?? []);
  const hash = createHash("sha256").update(pageScript).digest("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const name = escapeHtml(clean(report.cluster.name));
  const body = [
    header(report),
    ...(report.complete
      ? []
      : [
          `<p class="notice">Not everything could be checked: what was not read is not known to be well. <a href="#coverage">See what is missing</a>.</p>`,
        ]),
    ...(report.changes === undefined ? [] : [changesPart(report, report.changes)]),
    ...(report.incidents.length === 0 ? [] : [controls(report), overview(report, fresh)]),
    `<main>${report.incidents.map((incident, index) => article(incident, index, report, fresh)).join("\n")}</main>`,
    '<p class="empty" id="none" hidden>No incident matches.</p>',
    ...(report.accepted === undefined ? [] : [acceptedPart(report.accepted)]),
    coveragePart(report),
    `<footer>k8sgpt ${escapeHtml(version)} · read only: nothing was changed in the cluster</footer>`,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<title>${name}: ${escapeHtml(verdict(report))}</title>
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
  const { cluster, takenAt, incidents, findings, objects, analyzers, complete, scope } = report;
  const total = Object.values(objects).reduce((sum, count) => sum + count, 0);
  const count = (severity: string): number => incidents.filter((incident) => incident.severity === severity).length;
  const facts = [
    ...(cluster.serverVersion === undefined ? [] : [`Kubernetes ${cluster.serverVersion}`]),
    `${cluster.source === "saved" ? "saved " : ""}${formatMoment(takenAt)}`,
    ...(scope.include === undefined ? [] : [`only ${scope.include.join(", ")}`]),
    ...(scope.exclude === undefined ? [] : [`without ${scope.exclude.join(", ")}`]),
  ];
  const tiles: readonly (readonly [string, string, string])[] = [
    ["critical", withThousands(count("critical")), "critical"],
    ["warning", withThousands(count("warning")), "warning"],
    ["", withThousands(findings.length), findings.length === 1 ? "finding" : "findings"],
    ["", withThousands(total), total === 1 ? "object read" : "objects read"],
    ["", withThousands(analyzers.length), analyzers.length === 1 ? "analyzer" : "analyzers"],
  ];
  const state = incidents.some(isProblem)
    ? count("critical") > 0
      ? "critical"
      : "warning"
    : complete
      ? "good"
      : "warning";
  return `<header><div><p class="cluster">${escapeHtml(clean(cluster.name))}</p><h1 class="${state}">${escapeHtml(verdict(report))}</h1><p class="facts">${escapeHtml(facts.map(clean).join(" · "))}</p></div><ul class="tiles">${tiles
    .map(([kind, value, label]) => `<li class="${kind}${value === "0" ? " zero" : ""}"><b>${value}</b>${label}</li>`)
    .join("")}</ul></header>`;
}

/** Shown by the script: without it they would do nothing. */
function controls({ incidents, changes }: Report): string {
  const namespaces = distinct(
    incidents.flatMap(({ members }) => members.flatMap(({ object }) => object.namespace ?? [])),
  );
  const kinds = distinct(
    incidents.flatMap(({ members }) => members.map(({ owner, object }) => (owner ?? object).kind)),
  );
  const severities = distinct(incidents.map(({ severity }) => severity));
  return `<form class="controls" id="controls" hidden><input type="search" id="search" placeholder="Search objects, messages, rules…" aria-label="Search">${selectOf("severity", "All severities", severities)}${selectOf("namespace", "All namespaces", namespaces)}${selectOf("kind", "All kinds", kinds)}${changes === undefined ? "" : '<label><input type="checkbox" id="new"> only new</label>'}<span id="count"></span></form>`;
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)].sort(compareText);
}

function overview({ incidents }: Report, fresh: ReadonlySet<string>): string {
  const rows = incidents.map(
    (incident) =>
      `<li data-of="${incident.id}"><a href="#i-${incident.id}"><span class="dot ${incident.severity}"></span><b>${escapeHtml(objectName(incident.root.owner ?? incident.root.object))}</b><span>${isNew(incident, fresh) ? '<em class="tag">new</em> ' : ""}${escapeHtml(clean(incident.root.title))}</span></a></li>`,
  );
  return `<nav aria-label="Incidents"><ol>${rows.join("")}</ol></nav>`;
}

function isNew({ members }: Incident, fresh: ReadonlySet<string>): boolean {
  return members.some(({ id }) => fresh.has(id));
}

function article(incident: Incident, index: number, { takenAt }: Report, fresh: ReadonlySet<string>): string {
  const { id, severity, root, chain, since, members, explanation } = incident;
  const symptoms = symptomsOf(incident);
  const age = since === undefined ? "" : `<span class="age">for ${formatDuration(takenAt - since)}</span>`;
  const namespaces = distinct(members.flatMap(({ object }) => object.namespace ?? []));
  const kinds = distinct(members.map(({ owner, object }) => (owner ?? object).kind));
  const graph = drawIncident(incident);
  const address = sourceAddress(root.source);
  const parts = [
    `<h2><span class="number">${index + 1}</span><span class="badge ${severity}">${severity}</span>${escapeHtml(objectName(root.owner ?? root.object))}${isNew(incident, fresh) ? '<em class="tag">new</em>' : ""}${age}</h2>`,
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
  return `<article id="i-${id}" class="${severity}" data-severity="${severity}" data-namespaces="${escapeHtml(namespaces.join(" "))}" data-kinds="${escapeHtml(kinds.join(" "))}" data-new="${isNew(incident, fresh) ? "1" : ""}">${parts.join("\n")}</article>`;
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

function acceptedPart(accepted: readonly AcceptedFinding[]): string {
  const rows = accepted.map(
    ({ finding, reason, by, expiry }) =>
      `<tr><td><b>${escapeHtml(objectName(finding.owner ?? finding.object))}</b><br>${escapeHtml(clean(finding.title))}</td><td>${escapeHtml(clean(reason ?? "no reason given"))}</td><td>${escapeHtml(clean(by))}</td><td>${expiry === undefined ? "no end" : `until ${escapeHtml(expiry)}`}</td></tr>`,
  );
  return `<section class="accepted" id="accepted"><h2>Accepted</h2><p>Neither counted nor gated.</p><table>${rows.join("")}</table></section>`;
}

function coveragePart({ coverage, errors }: Report): string {
  const untold = errors.filter((error) => !coverage.some(({ reason }) => error.includes(reason)));
  return [
    listPart("Not checked", "coverage", coverage.filter(({ level }) => level === "gap").map(gapItem)),
    listPart("Left out", "", coverage.filter(({ level }) => level === "scope").map(gapItem)),
    listPart(
      "Warnings",
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
