/**
 * Several clusters for the person on call: a line for each of them first, then the faults that several of them have, each
 * told once, then each cluster with what is its own. Every block and every heading names its cluster.
 */
import {
  type Fleet,
  type FleetMember,
  reportsOf,
  type SharedFault,
  sharedFaults,
  unreadOf,
} from "../findings/fleet.ts";
import type { Incident, Report } from "../findings/report.ts";
import { formatDuration } from "../kube/time.ts";
import { withGates } from "./gates.ts";
import { clean, columnsOf, fill, padTo, wrap } from "./layout.ts";
import {
  explanationLines,
  flatFindings,
  headFacts,
  incidentLines,
  providerLines,
  type Section,
  tailParts,
  type TextOptions,
  toAscii,
  verdictLines,
  type View,
  viewOf,
} from "./text.ts";
import { countBySeverity, counted, isProblem, someOf } from "./words.ts";

const shownClusters = 4;
const rules = { unicode: "━", ascii: "=" };

/** The clusters as text, ending in a newline. Pure: the same fleet and options give the same bytes. */
export function renderFleetText(fleet: Fleet, options: TextOptions): string {
  const pieces = options.flat
    ? flatPieces(fleet, options)
    : [
        topPiece(fleet, options),
        ...blocksOf(fleet, options).flatMap((block) =>
          typeof block === "string" ? [block] : [block.facts + block.explained(block.incident)],
        ),
      ];
  return pieces.join("");
}

/**
 * The same text in pieces, for explanations that arrive while it is written. The pieces joined are what
 * `renderFleetText` gives for the explained reports.
 *
 * @param explained the incident of the cluster with its explanation; called in order, once per block
 */
export async function* streamFleetText(
  fleet: Fleet,
  options: TextOptions,
  explained: (incident: Incident, report: Report) => Promise<Incident>,
): AsyncGenerator<string> {
  yield topPiece(fleet, options);
  for (const block of blocksOf(fleet, options)) {
    if (typeof block === "string") {
      yield block;
      continue;
    }
    yield block.facts;
    const text = block.explained(await explained(block.incident, block.report));
    if (text !== "") yield text;
  }
}

/** A block that an explanation may follow. */
interface Block {
  readonly incident: Incident;
  readonly report: Report;
  readonly facts: string;
  readonly explained: (incident: Incident) => string;
}

function blocksOf(fleet: Fleet, options: TextOptions): readonly (Block | string)[] {
  const shared = sharedFaults(fleet);
  const told = new Set(shared.flatMap(({ incidents }) => incidents.map(({ incident }) => incident)));
  const { palette } = options;
  const block = (report: Report, incident: Incident, lines: readonly string[]): Block => {
    const view = viewOf(report, options);
    return {
      incident,
      report,
      facts: written([lines], options),
      explained: (each) => {
        const explanation = explanationLines(each, view);
        return explanation.length === 0 ? "" : written([explanation], options).slice(1);
      },
    };
  };
  return [
    ...(shared.length === 0
      ? []
      : [
          written(
            [
              [
                ruleLine("In several clusters", options),
                ...wrap(sharedSentence(shared), options.width).map(palette.dim),
              ],
            ],
            options,
          ),
        ]),
    ...shared.map((fault) => {
      const [{ report, incident }] = fault.incidents;
      const clusters = someOf(
        fault.incidents.map((each) => clean(each.report.cluster.name)),
        shownClusters,
      ).join(" ");
      const sections = [clustersSection(fault)];
      return block(report, incident, incidentLines(incident, viewOf(report, options), { clusters, sections }));
    }),
    ...fleet.clusters.flatMap((member): readonly (Block | string)[] => {
      const { name, report } = member;
      if (report === undefined) return [written([unreadLines(member, options)], options)];
      const view = viewOf(report, options);
      const own = report.incidents.filter((incident) => !told.has(incident));
      const above = report.incidents.length - own.length;
      const head = [
        ruleLine(name, options),
        ...fill(headFacts(report), view.width, ` ${view.glyphs.dot} `).map(palette.dim),
        ...verdictLines(report, view),
        ...(above === 0 ? [] : [palette.dim(aboveText(above, report))]),
      ];
      return [
        written([head], options),
        ...own.map((incident) =>
          block(report, incident, incidentLines(incident, view, { clusters: clean(name), sections: [] })),
        ),
        withGates(written(tailParts(report, view), options), report, options),
      ];
    }),
  ].filter((each) => each !== "");
}

/** How many of a cluster's incidents are among those that several have. */
function aboveText(above: number, { incidents }: Report): string {
  if (above < incidents.length) return `${above} of them ${above === 1 ? "is" : "are"} told above`;
  return above === 1 ? "It is told above" : "All of them are told above";
}

function sharedSentence(shared: readonly SharedFault[]): string {
  return `${counted(shared.length, "fault")}, each told once, as the first cluster shows it`;
}

/** Since when each cluster has it, and how much hangs on it there. */
function clustersSection({ incidents }: SharedFault): Section {
  const texts = incidents.map(({ incident, report }) => {
    const since = incident.since ?? incident.root.since;
    const facts = [
      ...(since === undefined ? [] : [`for ${formatDuration(report.takenAt - since)}`]),
      ...(incident.severity === incidents[0].incident.severity ? [] : [incident.severity]),
      counted(incident.members.length, "finding"),
    ];
    return `${clean(report.cluster.name)} (${facts.join(", ")})`;
  });
  return { label: "clusters", lines: (width) => fill(someOf(texts, shownClusters * 2), width) };
}

/** `━━ production ━━━━`: where a cluster begins. */
function ruleLine(name: string, { width, unicode, palette }: TextOptions): string {
  const line = unicode ? rules.unicode : rules.ascii;
  const text = `${line}${line} ${clean(name)} `;
  return palette.strong(text + line.repeat(Math.max(2, Math.min(width, 80) - columnsOf(text))));
}

function unreadLines({ name, problem }: FleetMember, options: TextOptions): readonly string[] {
  const { palette, width, unicode } = options;
  return [
    ruleLine(name, options),
    ...wrap(`${unicode ? "▲" : "!"} Not read: ${clean(problem?.reason ?? "")}`, width).map(palette.warning),
    ...(problem?.next === undefined ? [] : wrap(`next: ${clean(problem.next)}`, width)),
  ];
}

// ---- the top ----

function topPiece(fleet: Fleet, options: TextOptions): string {
  const { width, palette } = options;
  const reports = reportsOf(fleet);
  const unread = unreadOf(fleet);
  const bad = reports.filter(({ incidents }) => incidents.some(isProblem)).length;
  const facts = [
    counted(fleet.clusters.length, "cluster"),
    bad === 0 ? "none with incidents" : `${bad} with incidents`,
    ...(unread.length === 0 ? [] : [`${unread.length} not read`]),
  ];
  const widest = Math.max(...fleet.clusters.map(({ name }) => columnsOf(clean(name))));
  const column = Math.min(widest, Math.max(12, Math.floor(width / 3)));
  const explained = reports.find(({ provider }) => provider !== undefined);
  const incidents = reports.flatMap((report) => report.incidents);
  const [first] = reports;
  return written(
    [
      [
        ...fill(facts, width, options.unicode ? " · " : " | ").map(palette.strong),
        ...fleet.clusters.flatMap((member) => summaryLines(member, column, options)),
        ...(first === undefined || explained === undefined
          ? []
          : providerLines({ provider: explained.provider ?? "", incidents }, viewOf(first, options))),
      ],
    ],
    options,
  ).slice(1);
}

function summaryLines(member: FleetMember, column: number, options: TextOptions): readonly string[] {
  const { palette, width, unicode } = options;
  const { mark, style, text } = summaryOf(member);
  const glyph = unicode ? mark.unicode : mark.ascii;
  const name = clean(member.name);
  const lead = `  ${glyph} ${padTo(name, column)}  `;
  const indent = " ".repeat(Math.min(columnsOf(lead), 6 + column));
  // A long name keeps its line for itself.
  if (columnsOf(name) > column) {
    const below = wrap(text, width - columnsOf(indent)).map((line) => indent + line);
    return [palette[style](`  ${glyph} `) + palette.strong(name), ...below];
  }
  const [first = "", ...rest] = wrap(text, width - columnsOf(lead));
  return [
    palette[style](`  ${glyph} `) + palette.strong(padTo(name, column)) + `  ${first}`,
    ...rest.map((line) => indent + line),
  ];
}

const marks = {
  critical: { unicode: "✖", ascii: "x" },
  warning: { unicode: "▲", ascii: "!" },
  good: { unicode: "✔", ascii: "+" },
};

/** One cluster in one sentence. */
function summaryOf({ report, problem }: FleetMember): {
  readonly mark: { readonly unicode: string; readonly ascii: string };
  readonly style: keyof typeof marks;
  readonly text: string;
} {
  if (report === undefined) {
    return { mark: marks.warning, style: "warning", text: `not read: ${clean(problem?.reason ?? "")}` };
  }
  const problems = report.incidents.filter(isProblem);
  const missing = report.complete ? "" : "; not everything could be checked";
  const version = report.cluster.serverVersion === undefined ? "" : ` (${clean(report.cluster.serverVersion)})`;
  if (problems.length > 0) {
    const style = problems.some(({ severity }) => severity === "critical") ? "critical" : "warning";
    const text = `${counted(problems.length, "incident")}: ${countBySeverity(problems)}${missing}${version}`;
    return { mark: marks[style], style, text };
  }
  if (report.complete) return { mark: marks.good, style: "good", text: `No problems detected${version}` };
  const blind = report.analyzers.length === 0 ? "nothing could be checked" : "nothing found in what could be checked";
  return { mark: marks.warning, style: "warning", text: `Incomplete: ${blind}${version}` };
}

// ---- k8sgpt's view ----

function flatPieces(fleet: Fleet, options: TextOptions): readonly string[] {
  const explained = reportsOf(fleet).find(({ provider }) => provider !== undefined);
  const provider = explained?.provider === undefined ? "AI not used; --explain not set" : clean(explained.provider);
  return [
    topPiece(fleet, options),
    written([[`AI Provider: ${provider}`]], options),
    ...fleet.clusters.map((member) => {
      const { name, report } = member;
      if (report === undefined) return written([unreadLines(member, options)], options);
      const view: View = viewOf(report, options);
      const parts = flatFindings(report, view, `${clean(name)}: `);
      return withGates(written([[ruleLine(name, options)], ...parts], options), report, options);
    }),
  ];
}

/** Parts as text, each after an empty line. */
function written(parts: readonly (readonly string[])[], { unicode }: TextOptions): string {
  const text = parts
    .filter((lines) => lines.length > 0)
    .map((lines) => `\n${lines.map((line) => line.trimEnd()).join("\n")}\n`)
    .join("");
  return unicode ? text : toAscii(text);
}
