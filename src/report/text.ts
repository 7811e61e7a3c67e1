/**
 * A report for the person on call: worst first, one block per cause, and in each block the order of their questions:
 * what is broken, why, how do I see it, who is hit, what do I type, what do I change. Colour repeats what words already
 * say. `--flat` is k8sgpt's own text, for scripts that read it.
 */
import type { Evidence } from "../findings/evidence.ts";
import type { Finding } from "../findings/finding.ts";
import type { CoverageGap, ExplanationStep, Incident, Report } from "../findings/report.ts";
import type { Severity } from "../findings/severity.ts";
import { keyOf, type ObjectRef, qualifiedName } from "../kube/object-ref.ts";
import { formatDuration } from "../kube/time.ts";
import { explainedFor } from "./explanation.ts";
import { certaintyRows } from "./certainty.ts";
import { docKey, docOfFinding, type FieldDocs, isField } from "./field-doc.ts";
import { clean, columnsOf, fill, padTo, shorten, wrap, wrapCommand } from "./layout.ts";
import { resultsOf } from "./results.ts";
import { sourceAddress } from "./seen.ts";
import {
  countBySeverity,
  counted,
  findingText,
  formatMoment,
  formatValue,
  isProblem,
  objectName,
  sameObject,
  someOf,
  withThousands,
} from "./words.ts";

type Style = (text: string) => string;

/** How each part is coloured; identity functions for none. */
export interface Palette {
  readonly critical: Style;
  readonly warning: Style;
  readonly info: Style;
  readonly risk: Style;
  readonly good: Style;
  readonly strong: Style;
  readonly dim: Style;
  readonly command: Style;
  /** Text of one line that leads to an address; the text as it is where no terminal shows links, or for no address. */
  readonly link: (text: string, address: string | undefined) => string;
}

const same: Style = (text) => text;

/** A palette without colour. */
export const plain: Palette = {
  critical: same,
  warning: same,
  info: same,
  risk: same,
  good: same,
  strong: same,
  dim: same,
  command: same,
  link: same,
};

/** A hyperlink as terminals take it: OSC 8, with the terminator of ECMA-48. It takes no columns. */
export function link(text: string, address: string | undefined): string {
  // What is not printable ASCII would end the sequence, or do worse.
  if (address === undefined || !/^https:\/\/[!-~]+$/.test(address)) return text;
  return `\u001B]8;;${address}\u001B\\${text}\u001B]8;;\u001B\\`;
}

/** How to write a report as text. */
export interface TextOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly palette: Palette;
  /** Whether the terminal shows more than ASCII. */
  readonly unicode: boolean;
  /** k8sgpt's list of findings instead of incidents. */
  readonly flat: boolean;
  /** Descriptions of fields, for `--with-doc`. */
  readonly docs?: FieldDocs;
}

interface Glyphs extends Readonly<
  Record<Severity | "good" | "arrow" | "dot" | "times" | "more" | "bar" | "bullet", string>
> {}

const unicodeGlyphs: Glyphs = {
  critical: "✖",
  warning: "▲",
  info: "●",
  risk: "◆",
  good: "✔",
  arrow: "→",
  dot: "·",
  times: "×",
  more: "…",
  bar: "│",
  bullet: "•",
};

const asciiGlyphs: Glyphs = {
  critical: "x",
  warning: "!",
  info: "i",
  risk: "~",
  good: "+",
  arrow: "->",
  dot: "|",
  times: "x",
  more: "...",
  bar: "|",
  bullet: "-",
};

/** What every part of the view needs. */
export interface View {
  readonly width: number;
  readonly palette: Palette;
  readonly glyphs: Glyphs;
  readonly takenAt: number;
  readonly docs: FieldDocs | undefined;
}

const shownEvidence = 6;
const shownNames = 5;
const shownSymptoms = 6;
const shownLogLines = 12;
const shownCommands = 3;
const shownKinds = 8;
const shownPlaces = 4;
const valueLimit = 300;
/** Below this many columns a label stands on a line of its own. */
const narrowWidth = 60;
/** Prose wider than this is hard to read. */
const widestProse = 120;

/** The report as text, ending in a newline. Pure: the same report and options give the same bytes. */
export function renderText(report: Report, options: TextOptions): string {
  const view = viewOf(report, options);
  const parts = options.flat ? flatParts(report, view) : incidentParts(report, view);
  const text = parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => line.trimEnd()).join("\n"))
    .join("\n\n");
  return `${options.unicode ? text : toAscii(text)}\n`;
}

/**
 * The same text in pieces, for explanations that arrive while it is written: each incident's facts at once, its
 * explanation when it is there, and then the next. Each piece ends a line. The pieces joined are what `renderText` gives
 * for the explained report.
 *
 * @param explained the incident with its explanation; called in order, once per incident
 */
export async function* streamText(
  report: Report,
  options: TextOptions,
  explained: (incident: Incident, index: number) => Promise<Incident>,
): AsyncGenerator<string> {
  const view = viewOf(report, options);
  const written = (lines: readonly string[]): string => {
    const text = lines.map((line) => line.trimEnd()).join("\n");
    return options.unicode ? text : toAscii(text);
  };
  yield `${written(topLines(report, view))}\n`;
  for (const [index, incident] of report.incidents.entries()) {
    yield `\n${written(incidentLines(incident, view))}\n`;
    const lines = explanationLines(await explained(incident, index), view);
    if (lines.length > 0) yield `${written(lines)}\n`;
  }
  for (const lines of tailParts(report, view)) if (lines.length > 0) yield `\n${written(lines)}\n`;
}

/** The view of a report with these options. */
export function viewOf(report: Pick<Report, "takenAt">, options: TextOptions): View {
  return {
    width: Math.max(20, Math.min(options.width, widestProse)),
    palette: options.palette,
    glyphs: options.unicode ? unicodeGlyphs : asciiGlyphs,
    takenAt: report.takenAt,
    docs: options.docs,
  };
}

// ---- the default view ----

function incidentParts(report: Report, view: View): readonly (readonly string[])[] {
  return [
    topLines(report, view),
    ...report.incidents.map((incident) => [...incidentLines(incident, view), ...explanationLines(incident, view)]),
    ...tailParts(report, view),
  ];
}

function topLines(report: Report, view: View): readonly string[] {
  return [...headLines(report, view), ...verdictLines(report, view), ...providerLines(report, view)];
}

/** What is hidden, what was not checked, and warnings. */
export function tailParts(report: Report, view: View): readonly (readonly string[])[] {
  return [hiddenLines(report, view), coverageLines(report, view), warningLines(report, view)];
}

/** Who explains, and what that is worth. */
export function providerLines(
  { provider, incidents }: Pick<Report, "provider" | "incidents">,
  { width, palette }: View,
): readonly string[] {
  if (provider === undefined || incidents.length === 0) return [];
  return wrap(`Explained by ${clean(provider)}: advice to check, not findings`, width).map(palette.dim);
}

function headLines(report: Report, { width, palette, glyphs }: View): readonly string[] {
  const name = clean(report.cluster.name);
  const [first = "", ...rest] = fill([name, ...headFacts(report)], width, ` ${glyphs.dot} `);
  const head = first.startsWith(name)
    ? palette.strong(name) + palette.dim(first.slice(name.length))
    : palette.strong(first);
  return [head, ...rest.map(palette.dim)];
}

/** What the line about the cluster says after its name. */
export function headFacts(report: Report): readonly string[] {
  const { cluster, scope, analyzers, objects } = report;
  const kinds = Object.values(objects).filter((count) => count > 0);
  const total = kinds.reduce((sum, count) => sum + count, 0);
  const names =
    analyzers.length === 0
      ? "no analyzer ran"
      : analyzers.length <= 3
        ? analyzers.join(", ")
        : counted(analyzers.length, "analyzer");
  const namespaces = [
    ...(scope.include === undefined ? [] : [`only ${scope.include.join(", ")}`]),
    ...(scope.exclude === undefined ? [] : [`without ${scope.exclude.join(", ")}`]),
  ];
  return [
    cluster.serverVersion ?? "server version not known",
    `${cluster.source === "saved" ? "saved " : ""}${formatMoment(report.takenAt)}`,
    total === 0 ? "no objects" : `${counted(total, "object")} of ${counted(kinds.length, "kind")}`,
    names,
    ...(namespaces.length === 0 ? [] : [namespaces.join(" ")]),
  ].map(clean);
}

/** How bad it is, in one sentence, and whether everything was read. */
export function verdictLines(report: Report, view: View): readonly string[] {
  const { palette, glyphs, width } = view;
  const problems = report.findings.filter(isProblem);
  const others = report.findings.filter((finding) => !isProblem(finding));
  const [worst] = problems;
  const also = others.length === 0 ? "" : `; also ${countBySeverity(others)}`;
  const incomplete = report.complete ? [] : wrap(incompleteSentence(report), width).map(palette.warning);
  if (worst !== undefined) {
    const severity: Severity = problems.some((finding) => finding.severity === "critical") ? "critical" : "warning";
    const incidents = report.incidents.filter(isProblem);
    const text = `${glyphs[severity]} ${counted(incidents.length, "incident")}: ${countBySeverity(incidents)} (${counted(problems.length, "finding")})${also}`;
    return [...wrap(text, width).map((line) => palette.strong(palette[severity](line))), ...incomplete];
  }
  if (!report.complete) {
    const text = `${glyphs.warning} ${nothingFound(report)}${also}`;
    return [...wrap(text, width).map((line) => palette.strong(palette.warning(line))), ...incomplete];
  }
  return wrap(`${glyphs.good} ${nothingFound(report)}${also}`, width).map((line) => palette.strong(palette.good(line)));
}

/** Silence is health only where everything was read. */
function nothingFound({ complete, analyzers }: Report): string {
  if (complete) return "No problems detected";
  return `Incomplete: ${analyzers.length === 0 ? "nothing could be checked" : "nothing found in what could be checked"}`;
}

function incompleteSentence(report: Report): string {
  const blind = new Set(report.coverage.filter(({ level }) => level === "gap").flatMap(({ analyzers }) => analyzers));
  const who =
    blind.size === 0
      ? ""
      : `${blind.size === 1 ? "One analyzer" : `${blind.size} analyzers`} could not see everything; `;
  return `${who === "" ? "Not everything could be read; " : who}see "Not checked" below`;
}

/**
 * The block of one incident, without its explanation.
 *
 * @param where the clusters that have it, where several are told of
 */
export function incidentLines(
  incident: Incident,
  view: View,
  where?: { readonly clusters: string; readonly sections: readonly Section[] },
): readonly string[] {
  const { root, severity } = incident;
  const { palette, glyphs, width } = view;
  const subject = root.owner ?? root.object;
  const mark = `${glyphs[severity]} ${severity.toUpperCase()}`;
  const since = incident.since ?? root.since;
  const age = since === undefined ? [] : [`${glyphs.dot} for ${formatDuration(view.takenAt - since)}`];
  const name = `${where === undefined ? "" : `${where.clusters}: `}${objectName(subject)}`;
  const together = columnsOf(mark) + 2 + columnsOf(name) <= width;
  const [first = "", ...rest] = together
    ? fill([`${mark}  ${name}`, ...age], width)
    : [mark, ...fill([name, ...age], width - 2)];
  const paintHead = (line: string) =>
    line.startsWith(mark) ? palette.strong(palette[severity](mark)) + palette.strong(line.slice(mark.length)) : line;
  const address = sourceAddress(root.source);
  const title = wrap(clean(root.title), width - 2).map((line) => `  ${palette.link(palette.strong(line), address)}`);
  return [
    paintHead(first),
    ...rest.map((line) => `  ${palette.strong(line)}`),
    ...title,
    ...rows([...(where?.sections ?? []), ...sections(incident, subject, view)], view),
  ];
}

/** One incident as the report shows it, without a line end at its end: for views that tell of single incidents. */
export function renderIncident(
  incident: Incident,
  takenAt: number,
  options: Omit<TextOptions, "flat">,
): readonly string[] {
  return incidentLines(incident, viewOf({ takenAt }, { ...options, flat: false }));
}

/** One labelled row of a block. Its lines are made for the width that is left beside the label. */
export interface Section {
  readonly label: string;
  readonly lines: (width: number) => readonly string[];
}

function rows(all: readonly Section[], { width, palette }: View): readonly string[] {
  const narrow = width < narrowWidth;
  const gutter = narrow ? 4 : 12;
  return all.flatMap(({ label, lines }) => {
    const made = lines(width - gutter);
    if (made.length === 0) return [];
    if (narrow) return [`  ${palette.dim(label)}`, ...made.map((line) => `    ${line}`)];
    return made.map((line, index) => `  ${index === 0 ? palette.dim(padTo(label, 10)) : " ".repeat(10)}${line}`);
  });
}

function sections(incident: Incident, subject: ObjectRef, view: View): readonly Section[] {
  const { root, members } = incident;
  const { palette } = view;
  const absent = new Set(
    members.flatMap(({ evidence }) =>
      evidence.filter(({ type }) => type === "missing").map(({ object }) => keyOf(object)),
    ),
  );
  return [
    { label: "cause", lines: (width) => chainLines(incident, subject, absent, width, view) },
    { label: "seen", lines: (width) => evidenceLines(root, subject, width, view) },
    { label: objectsLabel(root), lines: (width) => objectsLines(root, subject, width) },
    { label: "leads to", lines: (width) => symptomLines(incident, width, view) },
    { label: "affects", lines: (width) => affectedLines(incident, subject, width) },
    ...certaintyRows(incident),
    { label: "log", lines: (width) => logLines(root, width, view) },
    {
      label: "check",
      lines: (width) =>
        root.commands
          .slice(0, shownCommands)
          .flatMap((command) =>
            wrapCommand(clean(command), width - 2).map((line, index) =>
              palette.command(`${index === 0 ? "$ " : "  "}${line}`),
            ),
          ),
    },
    { label: "fix", lines: (width) => wrap(clean(root.fix), width) },
    { label: "field", lines: (width) => docLines(root, width, view) },
  ];
}

/** What a backend made of the incident, or why there is nothing. Its commands are cleaned, marked and never run. */
export function explanationLines({ explanation, explainError }: Incident, view: View): readonly string[] {
  const { palette } = view;
  const failed = (width: number): readonly string[] =>
    explainError === undefined ? [] : wrap(`not explained: ${clean(explainError)}`, width).map(palette.warning);
  const told = (width: number): readonly string[] =>
    explanation === undefined
      ? []
      : [
          // A plain answer may have lines of its own.
          ...[explanation.summary, explanation.why ?? ""].flatMap((text) =>
            text.split("\n").flatMap((line) => wrap(clean(line), width)),
          ),
          ...explanation.steps.flatMap((step, index) => stepLines(step, index + 1, width, view)),
        ];
  return rows([{ label: "explained", lines: (width) => [...told(width), ...failed(width)] }], view);
}

function stepLines(
  { text, command, changes }: ExplanationStep,
  number: number,
  width: number,
  { palette }: View,
): readonly string[] {
  const lead = `${number}. `;
  const indent = " ".repeat(lead.length);
  const lines = wrap(clean(text), width - lead.length).map((line, index) => `${index === 0 ? lead : indent}${line}`);
  if (command === undefined) return lines;
  const note = changes === true ? [`${indent}${palette.warning("this changes the cluster:")}`] : [];
  const commands = wrapCommand(clean(command), width - lead.length - 2).map((line, index) => {
    const shown = `${index === 0 ? "$ " : "  "}${line}`;
    return `${indent}${changes === true ? shown : palette.command(shown)}`;
  });
  return [...lines, ...note, ...commands];
}

function chainLines(
  { chain, root }: Incident,
  subject: ObjectRef,
  absent: ReadonlySet<string>,
  width: number,
  { glyphs }: View,
): readonly string[] {
  const links = chain.length > 1 ? chain : root.cause === undefined ? [] : [root.cause, subject];
  if (links.length < 2) return [];
  const names = links.map((ref) => `${objectName(ref)}${absent.has(keyOf(ref)) ? " (missing)" : ""}`);
  return fill(names, width, ` ${glyphs.arrow} `);
}

interface Fact {
  readonly object: ObjectRef;
  readonly name: string;
  readonly value: string;
}

function evidenceLines(root: Finding, subject: ObjectRef, width: number, view: View): readonly string[] {
  const facts = root.evidence.flatMap((evidence) => factOf(evidence, view) ?? []);
  const shown = facts.slice(0, shownEvidence);
  const groups = Map.groupBy(shown, ({ object }) => keyOf(object));
  const lines = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const named = !sameObject(first.object, subject) || groups.size > 1;
    const indent = named ? "  " : "";
    const heading = named ? fill([objectName(first.object)], width).map(view.palette.dim) : [];
    return [...heading, ...factLines(group, width - indent.length).map((line) => `${indent}${line}`)];
  });
  const left = facts.length - shown.length;
  return left === 0
    ? lines
    : [...lines, ...wrap(`${view.glyphs.more} ${left} more with -o json`, width).map(view.palette.dim)];
}

function factOf(evidence: Evidence, { glyphs, takenAt }: View): Fact | undefined {
  const { object } = evidence;
  switch (evidence.type) {
    case "field":
      return {
        object,
        name: clean(evidence.path),
        value: shorten(formatValue(evidence.value), valueLimit, glyphs.more),
      };
    case "fact":
      return {
        object,
        name: clean(evidence.label),
        value: shorten(formatValue(evidence.value), valueLimit, glyphs.more),
      };
    case "event": {
      const times = evidence.count > 1 ? ` ${glyphs.times}${evidence.count}` : "";
      const ago = evidence.lastSeen === undefined ? "" : ` (${formatDuration(takenAt - evidence.lastSeen)} ago)`;
      const message = shorten(clean(evidence.message), valueLimit, glyphs.more);
      return { object, name: `event ${clean(evidence.reason)}${times}`, value: `${message}${ago}` };
    }
    case "missing":
      return { object, name: "does not exist", value: "" };
    case "log":
      break;
  }
  return undefined;
}

/** Names and values in two columns where the names leave room for the values, else each value below its name. */
function factLines(facts: readonly Fact[], width: number): readonly string[] {
  const widest = Math.max(...facts.filter(({ value }) => value !== "").map(({ name }) => columnsOf(name)), 0);
  const column = widest + 2;
  const beside = column <= width * 0.55;
  return facts.flatMap(({ name, value }) => {
    if (value === "") return fill([name], width);
    if (beside) {
      return wrap(value, width - column).map((line, index) => `${padTo(index === 0 ? name : "", column)}${line}`);
    }
    const joined = `${name}: ${value}`;
    if (columnsOf(joined) <= width) return [joined];
    return [...fill([`${name}:`], width), ...wrap(value, width - 2).map((line) => `  ${line}`)];
  });
}

function objectsLabel({ objects }: Finding): string {
  return objects.every(({ kind }) => kind === "Pod") ? "pods" : "objects";
}

function objectsLines({ objects, object }: Finding, subject: ObjectRef, width: number): readonly string[] {
  if (objects.length < 2) return [];
  const oneNamespace = objects.every(({ namespace }) => namespace === subject.namespace);
  const oneKind = objects.every(({ kind }) => kind === object.kind);
  const names = objects.map((ref) =>
    !oneKind ? objectName(ref) : oneNamespace ? clean(ref.name) : clean(qualifiedName(ref)),
  );
  return fill([`${withThousands(objects.length)}:`, ...someOf(names, shownNames)], width);
}

function symptomLines({ root, members }: Incident, width: number, { glyphs, palette }: View): readonly string[] {
  const symptoms = members.filter((member) => member !== root && member.id !== root.id);
  const lines = symptoms.slice(0, shownSymptoms).flatMap((symptom) => {
    const mark = `${glyphs[symptom.severity]} `;
    const text = `${objectName(symptom.owner ?? symptom.object)}: ${clean(symptom.title)}`;
    return wrap(text, width - columnsOf(mark)).map((line, index) =>
      index === 0 ? palette[symptom.severity](mark) + line : `${" ".repeat(columnsOf(mark))}${line}`,
    );
  });
  const left = symptoms.length - shownSymptoms;
  return left <= 0 ? lines : [...lines, palette.dim(`${glyphs.more} ${left} more with --flat`)];
}

function affectedLines({ affected, chain, members }: Incident, subject: ObjectRef, width: number): readonly string[] {
  const told = new Set([...chain, subject, ...members.map(({ owner, object }) => owner ?? object)].map(keyOf));
  const others = [...affected.services, ...affected.workloads].filter((ref) => !told.has(keyOf(ref))).map(objectName);
  return [
    ...(affected.hosts.length === 0
      ? []
      : fill(
          [affected.hosts.length === 1 ? "host" : "hosts", ...someOf(affected.hosts.map(clean), shownNames)],
          width,
        )),
    ...(others.length === 0 ? [] : fill(someOf(others, shownNames), width)),
  ];
}

function logLines({ evidence }: Finding, width: number, { glyphs, palette }: View): readonly string[] {
  return evidence.flatMap((item) => {
    if (item.type !== "log" || item.lines.length === 0) return [];
    const lines = item.lines.slice(-shownLogLines);
    const heading = `container ${clean(item.container)}${item.previous ? ", the run before" : ""}, last ${counted(lines.length, "line")}`;
    const bar = `${glyphs.bar} `;
    const text = lines.flatMap((line) => fill([shorten(clean(line), valueLimit, glyphs.more)], width - columnsOf(bar)));
    return [...wrap(heading, width), ...text.map((line) => palette.dim(`${bar}${line}`))];
  });
}

function docLines({ evidence }: Finding, width: number, { docs }: View): readonly string[] {
  if (docs === undefined) return [];
  const described = evidence.filter(isField).flatMap(({ object, path }) => {
    const text = docs.get(docKey(object.kind, path));
    return text === undefined ? [] : [`${path}: ${text}`];
  });
  return [...new Set(described)].slice(0, 2).flatMap((text) => wrap(clean(text), width));
}

function hiddenLines({ hidden }: Report, { width, palette }: View): readonly string[] {
  const told = [
    ...(hidden.info === 0 ? [] : [`${counted(hidden.info, "info finding")} hidden: --include info`]),
    ...(hidden.risk === 0 ? [] : [`${counted(hidden.risk, "risk finding")} hidden: --include risks`]),
  ];
  return told.flatMap((line) => wrap(line, width)).map(palette.dim);
}

// ---- what was not checked ----

function coverageLines({ coverage }: Report, view: View): readonly string[] {
  const gaps = gapLines(
    coverage.filter(({ level }) => level === "gap"),
    view,
  );
  const scope = gapLines(
    coverage.filter(({ level }) => level === "scope"),
    view,
  );
  const { palette } = view;
  return [
    ...(gaps.length === 0 ? [] : [palette.strong(palette.warning("Not checked")), ...gaps]),
    ...(gaps.length === 0 || scope.length === 0 ? [] : [""]),
    ...(scope.length === 0 ? [] : [palette.dim("Left out"), ...scope.map(palette.dim)]),
  ];
}

/** Gaps with one reason are one entry: a refused account is one fact, not fourteen. */
function gapLines(gaps: readonly CoverageGap[], { width, glyphs }: View): readonly string[] {
  const groups = Map.groupBy(gaps, ({ reason }) => reason);
  return [...groups].flatMap(([reason, group]) => {
    const byPlace = Map.groupBy(group, ({ namespace }) => namespace ?? "");
    const places = [...byPlace].map(([namespace, inPlace]) => {
      const names = someOf([...new Set(inPlace.map(({ what }) => clean(what)))], shownKinds).join(" ");
      return namespace === "" ? names : `${names} in ${clean(namespace)}`;
    });
    const analyzers = [...new Set(group.flatMap((gap) => gap.analyzers))];
    const steps = [...new Set(group.flatMap(({ next }) => (next === undefined ? [] : [next])))];
    const more = places.length > shownPlaces ? `; and ${counted(places.length - shownPlaces, "more namespace")}` : "";
    const text = `${places.slice(0, shownPlaces).join("; ")}${more}: ${clean(reason)}`;
    return [
      ...wrap(text, width - 4).map((line, index) => `  ${index === 0 ? `${glyphs.bullet} ` : "  "}${line}`),
      ...(analyzers.length === 0
        ? []
        : wrap(`analyzers affected: ${analyzers.join(", ")}`, width - 4).map((line) => `    ${line}`)),
      ...steps.slice(0, 1).flatMap((step) => wrap(`next: ${clean(step)}`, width - 4).map((line) => `    ${line}`)),
      ...(steps.length > 1
        ? wrap(`(and ${steps.length - 1} more like it)`, width - 4).map((line) => `    ${line}`)
        : []),
    ];
  });
}

/** Run-level errors that "Not checked" does not already tell. */
function warningLines(report: Report, { width, palette, glyphs }: View): readonly string[] {
  const untold = report.errors.filter((error) => !report.coverage.some(({ reason }) => error.includes(reason)));
  if (untold.length === 0) return [];
  return [
    palette.strong(palette.warning("Warnings")),
    ...untold.flatMap((error) =>
      wrap(clean(error), width - 4).map((line, index) => `  ${index === 0 ? `${glyphs.bullet} ` : "  "}${line}`),
    ),
  ];
}

// ---- k8sgpt's view ----

function flatParts(report: Report, view: View): readonly (readonly string[])[] {
  return [
    [`AI Provider: ${report.provider === undefined ? "AI not used; --explain not set" : clean(report.provider)}`],
    ...flatFindings(report, view, ""),
  ];
}

/**
 * What `--flat` says of one cluster.
 *
 * @param where stands before each object: the name of its cluster, where several are told of
 */
export function flatFindings(report: Report, view: View, where: string): readonly (readonly string[])[] {
  const { palette } = view;
  const results = resultsOf(report);
  const others = report.findings.filter((finding) => !isProblem(finding));
  return [
    report.errors.length === 0 ? [] : ["Warnings : ", ...report.errors.map((error) => `- ${clean(error)}`)],
    results.length === 0 ? [palette[report.complete ? "good" : "warning"](nothingFound(report))] : [],
    ...results.map(({ object, owner, findings }, index) => [
      `${index}: ${where}${palette.strong(objectName(object))}(${owner === undefined ? "" : clean(`${owner.kind}/${owner.name}`)})`,
      ...findings.flatMap((finding) => {
        const doc = docOfFinding(finding, view.docs);
        const more = finding.objects.length > 1 ? ` [and ${finding.objects.length - 1} more]` : "";
        return [
          `- ${palette[finding.severity]("Error:")} ${findingText(finding)}${more}`,
          ...(doc === "" ? [] : [`  Kubernetes Doc: ${clean(doc)}`]),
        ];
      }),
      ...explainedLines(explainedFor(report.incidents, findings)),
    ]),
    others.map((finding) => `- ${finding.severity}: ${where}${objectName(finding.object)}: ${findingText(finding)}`),
    hiddenLines(report, view),
    coverageLines(report, view),
  ];
}

function explainedLines({ details, explainError }: ReturnType<typeof explainedFor>): readonly string[] {
  const failed = explainError === undefined ? [] : [`not explained: ${clean(explainError)}`];
  return [
    ...(details === "" ? [] : details.split("\n").map((line) => `${/^ */.exec(line)?.[0] ?? ""}${clean(line)}`)),
    ...failed,
  ];
}

/** For terminals that show ASCII only, whatever the cluster's text holds. */
export function toAscii(text: string): string {
  // ESC is the colours' own.
  // oxlint-disable-next-line no-control-regex -- the class is "everything but ASCII"
  return text.replace(/[^\u0000-\u007F]/gu, "?");
}
