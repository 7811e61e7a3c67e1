/** What a gate adds to the text of a report: what changed since an earlier one, and what is accepted. */
import type { AcceptedFinding, Changes, KnownFinding, Report } from "../findings/report.ts";
import { fill, wrap, clean } from "./layout.ts";
import type { TextOptions } from "./text.ts";
import { counted, formatMoment, objectName, someOf } from "./words.ts";

const shownFindings = 10;

/** `text` with the parts that only gates have, at its end. Nothing for a report without them. */
export function withGates(
  text: string,
  report: Report,
  options: Pick<TextOptions, "width" | "palette" | "unicode">,
): string {
  const parts = [
    ...(report.accepted === undefined ? [] : [acceptedLines(report.accepted, options)]),
    ...(report.changes === undefined ? [] : [changeLines(report, report.changes, options)]),
  ];
  const more = parts.map((lines) => `\n${lines.join("\n")}\n`).join("");
  // oxlint-disable-next-line no-control-regex -- the class is "everything but ASCII"; ESC is the colours' own
  return text + (options.unicode ? more : more.replace(/[^\u0000-\u007F]/gu, "?"));
}

type View = Pick<TextOptions, "width" | "palette" | "unicode">;

function acceptedLines(accepted: readonly AcceptedFinding[], view: View): readonly string[] {
  const { palette, width } = view;
  return [
    ...wrap(`Accepted: ${counted(accepted.length, "finding")}, neither counted nor gated`, width).map(palette.strong),
    ...accepted.slice(0, shownFindings).flatMap(({ finding, reason, by, expiry }) => {
      const until = expiry === undefined ? "" : `, until ${expiry}`;
      const text = `${objectName(finding.owner ?? finding.object)}: ${finding.rule}: ${reason ?? "no reason given"} (${by}${until})`;
      return bulleted(text, view).map(palette.dim);
    }),
    ...rest(accepted.length, width).map(palette.dim),
  ];
}

function changeLines(report: Report, changes: Changes, view: View): readonly string[] {
  const { palette, width } = view;
  const counts = [
    `${changes.new.length} new`,
    `${changes.resolved.length} resolved`,
    `${changes.unchanged.length} unchanged`,
    ...(changes.unchecked.length === 0 ? [] : [`${changes.unchecked.length} not looked for this time`]),
  ];
  const fresh = new Set(changes.new);
  const added = report.findings.filter(({ id }) => fresh.has(id));
  return [
    ...fill(
      [
        `Since ${formatMoment(changes.takenAt)} (${clean(changes.since)}):`,
        ...counts.map((count, index) => (index < counts.length - 1 ? `${count},` : count)),
      ],
      width,
    ).map(palette.strong),
    ...added
      .slice(0, shownFindings)
      .flatMap((finding) =>
        named("new", finding.owner ?? finding.object, finding, view).map(palette[finding.severity]),
      ),
    ...rest(added.length, width).map(palette.dim),
    ...changes.resolved
      .slice(0, shownFindings)
      .flatMap((finding) => named("resolved", finding.object, finding, view).map(palette.good)),
    ...rest(changes.resolved.length, width).map(palette.dim),
    ...(changes.unchecked.length === 0
      ? []
      : fill(
          [
            "  Not looked for, so not resolved:",
            ...someOf([...new Set(changes.unchecked.map(({ analyzer }) => analyzer))], shownFindings),
          ],
          width,
        ).map(palette.dim)),
  ];
}

function named(
  word: string,
  object: KnownFinding["object"],
  { title }: { readonly title: string },
  view: View,
): readonly string[] {
  return bulleted(`${word}: ${objectName(object)}: ${clean(title)}`, view);
}

function bulleted(text: string, { width, unicode }: View): readonly string[] {
  return wrap(clean(text), width - 4).map((line, index) => `  ${index === 0 ? (unicode ? "•" : "-") : " "} ${line}`);
}

function rest(count: number, width: number): readonly string[] {
  return count <= shownFindings
    ? []
    : wrap(`and ${count - shownFindings} more with -o json`, width - 4).map((line) => `    ${line}`);
}
