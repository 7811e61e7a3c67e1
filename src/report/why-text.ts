/** The story of one object as text: what it is now, why, what stands around it, what happened, and what was looked at. */
import type { Condition, Neighbour, ObjectState, Story, StoryRole } from "../findings/story.ts";
import type { EventRecord } from "../kube/events.ts";
import { edgeKinds } from "../kube/graph.ts";
import { formatDuration } from "../kube/time.ts";
import { clean, columnsOf, fill, padTo, shorten, wrap } from "./layout.ts";
import { type Palette, renderIncident, type TextOptions } from "./text.ts";
import { counted, formatMoment, objectName, sameObject, someOf } from "./words.ts";

const shownNeighbours = 12;
const shownFine = 8;
const shownWithin = 12;
const shownEvents = 12;
const widestProse = 120;
const messageLimit = 240;

/** The story as text, ending in a newline. Pure: the same story and options give the same bytes. */
export function renderWhy(story: Story, options: Omit<TextOptions, "flat">): string {
  const width = Math.max(20, Math.min(options.width, widestProse));
  const parts = [
    headLines(story, width, options),
    ...incidentParts(story, options),
    withinLines(story, width, options),
    neighbourLines(story, width, options),
    eventLines(story, width, options),
    fineLines(story, width, options.palette),
    gapLines(story, width, options.palette),
  ];
  const text = parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => line.trimEnd()).join("\n"))
    .join("\n\n");
  // oxlint-disable-next-line no-control-regex -- the class is "everything but ASCII"
  return `${options.unicode ? text : text.replace(/[^\u0000-\u007F]/gu, "?")}\n`;
}

const stateWords: Readonly<Record<ObjectState, string>> = {
  failing: "not fine",
  unsettled: "not as it should be, but no rule says why",
  fine: "nothing wrong found",
  missing: "does not exist",
  "not-read": "not known: it could not be read",
};

function stateOf({ state, because }: Condition): string {
  return because === undefined ? stateWords[state] : `but ${objectName(because)} fails, on which it runs`;
}

const roleWords: Readonly<Record<StoryRole, string>> = {
  cause: "It is where this begins:",
  symptom: "It suffers from this:",
  affected: "It is touched by this:",
};

function paintOf(
  { state, severity }: { readonly state: ObjectState; readonly severity?: string },
  palette: Palette,
): (text: string) => string {
  if (state === "fine") return palette.good;
  if (state === "not-read") return palette.dim;
  return state === "unsettled" || severity === "warning" || severity === "info" ? palette.warning : palette.critical;
}

function headLines(
  { object, now, cluster, takenAt, incidents, within }: Story,
  width: number,
  { palette, unicode }: Omit<TextOptions, "flat">,
): readonly string[] {
  const dot = unicode ? " · " : " | ";
  const state =
    now.state === "fine" && incidents.some(({ role }) => role === "affected")
      ? "fine itself, but touched by what is wrong elsewhere"
      : now.state === "fine" && within.length > 0
        ? "fine itself, but not all that is in it"
        : now.state === "unsettled" && now.because === undefined && incidents.length > 0
          ? "not as it should be"
          : stateOf(now);
  const facts = [objectName(object), ...(now.words === "" || now.state === "missing" ? [] : [clean(now.words)]), state];
  const paint = paintOf(now, palette);
  return [
    ...fill(facts, width, dot).map((line) => palette.strong(paint(line))),
    ...fill(
      [clean(cluster.name), `${cluster.source === "saved" ? "saved " : ""}${formatMoment(takenAt)}`],
      width,
      dot,
    ).map(palette.dim),
  ];
}

function incidentParts(
  { incidents, takenAt }: Story,
  options: Omit<TextOptions, "flat">,
): readonly (readonly string[])[] {
  return incidents.map(({ role, incident }) => [
    options.palette.dim(roleWords[role]),
    ...renderIncident(incident, takenAt, options),
  ]);
}

/** What is wrong in a namespace, a line for each: `analyze -n` tells it whole. */
function withinLines(
  { within, object }: Story,
  width: number,
  { palette, unicode }: Omit<TextOptions, "flat">,
): readonly string[] {
  if (within.length === 0) return [];
  const lines = within.slice(0, shownWithin).flatMap(({ severity, root }) => {
    const mark = unicode ? (severity === "critical" ? "✖" : "▲") : "x";
    const paint = severity === "critical" ? palette.critical : palette.warning;
    const text = `${objectName(root.cause ?? root.owner ?? root.object)}: ${clean(root.title)}`;
    return wrap(text, width - 4).map((line, index) => `  ${index === 0 ? paint(mark) : " "} ${line}`);
  });
  const more = within.length - shownWithin;
  return [
    palette.strong(`Wrong in it: ${counted(within.length, "incident")}`),
    ...lines,
    palette.dim(`  ${more > 0 ? `and ${more} more; ` : ""}all of it: k8sgpt analyze -n ${clean(object.name)}`),
  ];
}

function neighbourLines(
  { neighbours, incidents }: Story,
  width: number,
  { palette, unicode }: Omit<TextOptions, "flat">,
): readonly string[] {
  const told = neighbours.filter(({ state }) => state !== "fine");
  if (told.length === 0) return [];
  const known = new Set(incidents.flatMap(({ incident }) => incident.members.map(({ title }) => title)));
  const sides = (["needs", "serves"] as const).flatMap((side) => {
    const lines = told.filter((each) => each.side === side);
    if (lines.length === 0) return [];
    const more = lines.length - shownNeighbours;
    return [
      `  ${side === "needs" ? "what it needs" : "what needs it"}`,
      ...lines.slice(0, shownNeighbours).flatMap((each) => neighbourLine(each, known, width, palette, unicode)),
      ...(more > 0 ? [palette.dim(`    and ${more} more with -o json`)] : []),
    ];
  });
  return [palette.strong("Around it"), ...sides];
}

function neighbourLine(
  each: Neighbour,
  known: ReadonlySet<string>,
  width: number,
  palette: Palette,
  unicode: boolean,
): readonly string[] {
  const mark = unicode ? (each.state === "failing" || each.state === "missing" ? "✖" : "▲") : "x";
  const [title] = each.findings.filter((text) => !known.has(text));
  const facts = [each.words, each.state === "failing" ? (title ?? "") : each.state === "missing" ? "" : stateOf(each)];
  const said = facts
    .filter((text) => text !== "")
    .map(clean)
    .join("; ");
  const how = each.hops === 1 && each.side === "needs" ? ` (${edgeKinds[each.edge]})` : "";
  return wrap(`${objectName(each.object)}${said === "" ? "" : `: ${said}`}${how}`, width - 6).map(
    (line, index) => `    ${index === 0 ? paintOf(each, palette)(mark) : " "} ${line}`,
  );
}

function eventLines(
  { events, object, takenAt }: Story,
  width: number,
  { palette, unicode }: Omit<TextOptions, "flat">,
): readonly string[] {
  if (events.length === 0) return [];
  const shown = events.slice(-shownEvents);
  const times = shown.map((event) => momentOf(event, takenAt));
  const column = Math.max(...times.map(columnsOf)) + 2;
  const lines = shown.flatMap((event, index) => {
    const whose = sameObject(event.regarding, object) ? "" : ` ${objectName(event.regarding)}`;
    const repeats = event.count > 1 ? ` ${unicode ? "×" : "x"}${event.count}` : "";
    const text = `${clean(event.reason)}${repeats}${whose}: ${shorten(clean(event.message), messageLimit, unicode ? "…" : "...")}`;
    const paint = event.type === "Warning" ? palette.warning : (line: string) => line;
    return wrap(text, width - column - 2).map(
      (line, row) => `  ${palette.dim(padTo(row === 0 ? (times[index] ?? "") : "", column))}${paint(line)}`,
    );
  });
  const left = events.length - shown.length;
  const heading = palette.strong(
    `What happened${left > 0 ? `, the last ${shown.length} of ${counted(events.length, "event")}` : ""}`,
  );
  return [heading, ...lines];
}

function momentOf({ lastSeen }: EventRecord, takenAt: number): string {
  return lastSeen === undefined ? "" : `${formatDuration(takenAt - lastSeen)} ago`;
}

function fineLines({ neighbours, checkedBy }: Story, width: number, palette: Palette): readonly string[] {
  const fine = neighbours.filter(({ state }) => state === "fine");
  const names = fine.map(({ object, words }) => `${objectName(object)}${words === "" ? "" : ` (${clean(words)})`}`);
  const rules = checkedBy.reduce((sum, each) => sum + each.rules, 0);
  const by =
    checkedBy.length === 0
      ? "no rule looks at objects of this kind"
      : `${counted(rules, "rule")} of ${checkedBy.map(({ analyzer }) => analyzer).join(", ")}`;
  return [
    palette.strong("Looked at"),
    ...wrap(by, width - 2).map((line) => `  ${line}`),
    ...(names.length === 0
      ? []
      : fill(["and fine:", ...someOf(names, shownFine)], width - 2).map((line) => `  ${palette.good(line)}`)),
  ];
}

function gapLines({ gaps }: Story, width: number, palette: Palette): readonly string[] {
  if (gaps.length === 0) return [];
  return [
    palette.strong(palette.warning("Not checked")),
    ...gaps.flatMap(({ what, namespace, reason }) =>
      wrap(`${what}${namespace === undefined ? "" : ` in ${namespace}`}: ${clean(reason)}`, width - 2).map(
        (line) => `  ${line}`,
      ),
    ),
  ];
}
