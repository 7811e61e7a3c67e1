/** Two clusters side by side, for people: a column for each, and what differs in rows; and the same for programs. */
import { type Comparison, type Difference, differencesIn, type Section } from "../kube/compare.ts";
import { keyOf } from "../kube/object-ref.ts";
import { refJson, timeText } from "./json.ts";
import { clean, columnsOf, padTo, wrap } from "./layout.ts";
import type { TextOptions } from "./text.ts";
import { counted, formatMoment, objectName } from "./words.ts";

type View = Pick<TextOptions, "width" | "palette" | "unicode">;

const titles: Readonly<Record<Section["name"], readonly [title: string, noun: string]>> = {
  versions: ["Versions", "version"],
  kinds: ["Kinds served", "kind"],
  workloads: ["Workloads", "workload"],
  roles: ["Roles", "role"],
};

/** Fields of one object that are shown; JSON has all. */
const shownFields = 12;

/** The comparison as text, ending in a newline. */
export function renderComparison(comparison: Comparison, view: View): string {
  const { palette, width } = view;
  const { clusters, sections, notCompared } = comparison;
  const names = clusters.map(({ name }) => clean(name));
  const nameColumn = Math.max(...names.map(columnsOf)) + 2;
  const heads = clusters.flatMap(({ name, info, takenAt }) => {
    const facts = [
      info.serverVersion ?? "version not known",
      info.source === "live" ? (info.server ?? "live") : `saved ${formatMoment(takenAt)}`,
    ];
    return hanging(clean(name), nameColumn, facts.join(view.unicode ? " · " : " | "), view);
  });
  const total = differencesIn(comparison);
  const same = sections
    .filter(({ same: count }) => count > 0)
    .map(({ name, same: count }) => counted(count, titles[name][1]));
  const alike = same.length === 0 ? "nothing to compare" : `the same: ${same.join(", ")}`;
  const verdict =
    total === 0 ? `No differences in what was compared; ${alike}` : `${counted(total, "difference")}; ${alike}`;
  const gaps = notCompared.flatMap(({ what, of, reason, next }) => {
    const dot = view.unicode ? "•" : "-";
    const text = `${clean(what)} of ${of.map(clean).join(" and ")}: ${clean(reason)}`;
    return [
      ...wrap(text, width - 4).map((line, index) => `  ${index === 0 ? dot : " "} ${line}`),
      ...(next === undefined ? [] : wrap(`next: ${clean(next)}`, width - 4).map((line) => `    ${palette.dim(line)}`)),
    ];
  });
  const lines = [
    ...heads,
    ...wrap(verdict, width).map(total === 0 && gaps.length === 0 ? palette.good : palette.strong),
    ...sections.flatMap((section) => sectionLines(section, names, view)),
    ...(gaps.length === 0 ? [] : ["", palette.strong(palette.warning("Not compared")), ...gaps]),
  ];
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

/** A name and what is known of it beside it, or below it where there is no room. */
function hanging(label: string, column: number, text: string, { width, palette }: View): readonly string[] {
  if (column > width / 2) return [palette.strong(label), ...wrap(text, width - 2).map((line) => `  ${line}`)];
  return wrap(text, width - column).map((line, index) =>
    index === 0 ? palette.strong(padTo(label, column)) + line : " ".repeat(column) + line,
  );
}

/** One row: what it is, and the two values; indented below its object. */
interface Row {
  readonly label: string;
  readonly indent: number;
  readonly values?: readonly [string, string];
  readonly isHead?: boolean;
}

function sectionLines({ name, differences, notes }: Section, names: readonly string[], view: View): readonly string[] {
  if (differences.length === 0 && notes.length === 0) return [];
  const { palette, width } = view;
  const rows = rowsOf(name, differences);
  const labels = rows
    .filter(({ values }) => values !== undefined)
    .map(({ label, indent }) => columnsOf(label) + indent);
  const widest = Math.max(12, ...labels);
  // As wide as the labels, but never so wide that the values have no room.
  const first = Math.min(widest, Math.max(12, Math.floor(width * 0.36))) + 2;
  const values = Math.max(10, Math.floor((width - first - 2) / 2));
  const longest = Math.max(
    ...names.map(columnsOf),
    ...rows.flatMap(({ values: pair = ["", ""] }) => pair.map(columnsOf)),
  );
  const column = Math.min(values, longest);
  const title = padTo(titles[name][0], first);
  const head = names.map((text) => wrap(text, column));
  const table = (label: readonly string[], pair: readonly (readonly string[])[], indent: number): readonly string[] => {
    const height = Math.max(label.length, ...pair.map(({ length }) => length));
    return Array.from({ length: height }, (_, index) => {
      const [one = "", two = ""] = pair.map((cell) => cell[index] ?? "");
      return `${padTo(" ".repeat(index === 0 ? indent : indent + 2) + (label[index] ?? ""), first)}${padTo(one, column)}  ${two}`;
    });
  };
  return [
    "",
    ...table([title], head, 0).map(palette.strong),
    ...rows.flatMap(({ label, indent, values: pair, isHead }) => {
      if (pair === undefined)
        return wrap(label, width - indent).map(
          (line) => `${" ".repeat(indent)}${isHead === true ? line : palette.dim(line)}`,
        );
      return table(
        columnsOf(label) <= first - indent - 2 ? [label] : wrap(label, first - indent - 4),
        pair.map((text) => wrap(text, column)),
        indent,
      );
    }),
    ...notes.flatMap((note) => wrap(note, width - 2).map((line) => `  ${palette.dim(line)}`)),
  ];
}

function rowsOf(name: Section["name"], differences: readonly Difference[]): readonly Row[] {
  const none = name === "versions" ? "not known" : "-";
  const shown = (difference: Difference): readonly [string, string] => {
    const [left, right] = difference.values;
    return [left === undefined ? none : clean(left), right === undefined ? none : clean(right)];
  };
  const groups = Map.groupBy(differences, ({ subject }) => (typeof subject === "string" ? subject : keyOf(subject)));
  return [...groups.values()].flatMap((group): readonly Row[] => {
    const [first] = group;
    if (first === undefined) return [];
    const label = typeof first.subject === "string" ? clean(first.subject) : objectName(first.subject);
    if (first.field === undefined) return [{ label, indent: 2, values: shown(first) }];
    const rest = group.length - shownFields;
    return [
      { label, indent: 2, isHead: true },
      ...group.slice(0, shownFields).map((difference) => ({
        label: clean(difference.field ?? ""),
        indent: 4,
        values: shown(difference),
      })),
      ...(rest > 0 ? [{ label: `${rest} more with -o json`, indent: 4 }] : []),
    ];
  });
}

/** The comparison as JSON, ending in a newline. */
export function renderComparisonJson({ clusters, sections, notCompared }: Comparison): string {
  const value = {
    schemaVersion: 1,
    clusters: clusters.map(({ name, info, takenAt }) => ({ name, cluster: info, takenAt: timeText(takenAt) })),
    same: sections.every(({ differences }) => differences.length === 0) && notCompared.length === 0,
    ...Object.fromEntries(
      sections.map(({ name, differences, same, notes }) => [
        name,
        {
          same,
          differences: differences.map(({ subject, field, values: [left, right] }) => ({
            subject: typeof subject === "string" ? subject : refJson(subject),
            ...(field !== undefined && { field }),
            left: left ?? null,
            right: right ?? null,
          })),
          ...(notes.length > 0 && { notes }),
        },
      ]),
    ),
    notCompared,
  };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
