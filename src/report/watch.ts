/** What a watch tells, as a log: one entry for each thing that happened, with its moment. For people, or a JSON line. */
import type { Incident } from "../findings/report.ts";
import type { WatchEvent } from "../findings/watch.ts";
import { formatDuration } from "../kube/time.ts";
import { incidentJson, refJson, timeText } from "./json.ts";
import { clean, columnsOf, padTo, wrap } from "./layout.ts";
import { type Palette, toAscii } from "./text.ts";
import { objectName } from "./words.ts";

/** One entry of the log. */
export interface WatchEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly cluster: string;
  /** Besides what happened to incidents: that the cluster was lost, and is back; a sentence about a look. */
  readonly what: WatchEvent | { readonly type: "lost" | "back" | "note"; readonly text: string };
}

/** How the log is written. */
export interface WatchOptions {
  readonly palette: Palette;
  readonly unicode: boolean;
  /** Columns of the terminal; undefined where a line may be as long as it is. */
  readonly width: number | undefined;
  /** Whether each entry names its cluster. */
  readonly isOneOfSeveral: boolean;
}

const marks = {
  critical: ["✖", "x"],
  warning: ["▲", "!"],
  info: ["●", "i"],
  risk: ["◆", "~"],
  good: ["✔", "+"],
  none: ["·", "-"],
} as const;

/** An entry as lines for people, ending in a newline. */
export function watchText({ at, cluster, what }: WatchEntry, options: WatchOptions): string {
  const { palette, unicode, width, isOneOfSeveral } = options;
  const style = styleOf(what);
  const [mark, plainMark] = marks[style];
  // A log in a file is read another day.
  const time = width === undefined ? `${timeText(at).slice(0, 19)}Z` : `${timeText(at).slice(11, 19)}Z`;
  const paint = style === "none" ? palette.dim : palette[style];
  const name = isOneOfSeveral ? `${clean(cluster)}  ` : "";
  const lead = `${time}  ${name}${unicode ? mark : plainMark} ${padTo(what.type, 8)}  `;
  const text = textOf(what, at);
  const lines = width === undefined ? [text] : wrap(text, Math.max(20, width - columnsOf(lead)));
  const indent = width === undefined || columnsOf(lead) > width - 20 ? "  " : " ".repeat(columnsOf(lead));
  const head = palette.dim(time) + lead.slice(time.length).replace(padTo(what.type, 8), paint(padTo(what.type, 8)));
  const written = lines.map((line, index) => `${index === 0 ? head : indent}${line}\n`).join("");
  return unicode ? written : toAscii(written);
}

function styleOf(what: WatchEntry["what"]): keyof typeof marks {
  switch (what.type) {
    case "resolved":
    case "back":
      return "good";
    case "lost":
      return "warning";
    case "note":
      return "none";
    case "present":
    case "new":
    case "worse":
    case "better":
      break;
  }
  return what.incident.severity;
}

function textOf(what: WatchEntry["what"], at: number): string {
  if ("text" in what) return clean(what.text);
  const { incident, type, was } = what;
  const { root } = incident;
  const since = incident.since ?? root.since;
  const age = since === undefined ? "" : ` (${type === "resolved" ? "after" : "for"} ${formatDuration(at - since)})`;
  const more = incident.members.length === 1 || type === "resolved" ? "" : `, and ${followers(incident)}`;
  const change = was === undefined ? "" : `${was} became ${incident.severity}: `;
  return `${change}${objectName(root.owner ?? root.object)}: ${clean(root.title)}${more}${age}`;
}

function followers({ members }: Incident): string {
  return members.length === 2 ? "1 that follows" : `${members.length - 1} that follow`;
}

/** An entry as one JSON line. */
export function watchJson({ at, cluster, what }: WatchEntry): string {
  const common = { type: what.type, cluster, at: timeText(at) };
  const line =
    "text" in what
      ? { ...common, text: what.text }
      : {
          ...common,
          ...(what.was !== undefined && { was: what.was }),
          rule: what.incident.root.rule,
          object: refJson(what.incident.root.owner ?? what.incident.root.object),
          incident: incidentJson(what.incident),
        };
  return `${JSON.stringify(line)}\n`;
}
