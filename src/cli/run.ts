/** What one run of `analyze` has at hand, whether it reads one cluster or several. */
import type { ClusterSource } from "../cluster/source.ts";
import type { Report } from "../findings/report.ts";
import type { FieldDocs } from "../report/field-doc.ts";
import type { FormatOptions } from "../report/formats.ts";
import { buildInfo } from "./build-info.ts";
import { isColored, paletteFor, reportWidth, showsLinks, showsUnicode } from "./display.ts";
import type { Explaining } from "./explain.ts";
import type { AnalyzeFlags } from "./flags.ts";
import type { Printed } from "./output.ts";
import type { Plan } from "./plan.ts";
import type { ProgressLine } from "./progress.ts";
import type { Stop, StopReason } from "./stop.ts";
import type { Terminal } from "./terminal.ts";

/** What to do with what was found, besides judging it. */
export type Deliver = (printed: Printed, options: FormatOptions, stopped: StopReason | undefined) => Promise<void>;

/** What one run of `analyze` has at hand, for one cluster or several. */
export interface Run {
  readonly flags: AnalyzeFlags;
  readonly terminal: Terminal;
  readonly plan: Plan;
  readonly progress: ProgressLine;
  readonly stop: Stop;
  readonly explaining: Explaining | undefined;
  readonly deliver: Deliver;
  /** Tells a detail, with `--verbose`. */
  readonly note: (text: string) => void;
  /** Tells what the user should know. */
  readonly onNote: (text: string) => void;
  /** Milliseconds since the run began, `12 ms`. */
  readonly elapsed: () => string;
}

/** A source as `--verbose` names it. */
export function openedText({ info }: ClusterSource): string {
  return `${info.name}${info.server === undefined ? "" : ` at ${info.server}`}`;
}

/** Whether explanations can be shown as they come: the plain text view, with nothing around it that needs the whole. */
export function isStreamed(
  flags: Pick<AnalyzeFlags, "output" | "flat">,
  reports: readonly Report[],
  { env }: Pick<Terminal, "env">,
): boolean {
  const isText = flags.output.every((value) => value === "text" || value === "text=-");
  const isPlain = reports.every(({ accepted, changes }) => accepted === undefined && changes === undefined);
  return isText && flags.flat !== true && isPlain && env["GITHUB_ACTIONS"] !== "true";
}

/** How a report is written, from the flags and the terminal at hand. */
export async function formatOptions(
  flags: Pick<AnalyzeFlags, "color" | "hyperlinks" | "flat" | "withStat">,
  terminal: Terminal,
  docs: FieldDocs | undefined,
  { analyzers }: Pick<Plan, "analyzers">,
): Promise<FormatOptions> {
  return {
    width: reportWidth(terminal),
    palette: await paletteFor(isColored(flags.color, terminal), showsLinks(flags.hyperlinks, terminal)),
    unicode: showsUnicode(terminal),
    flat: flags.flat === true,
    withStats: flags.withStat === true,
    version: buildInfo.version,
    rules: Object.fromEntries(analyzers.flatMap((analyzer) => Object.entries(analyzer.rules))),
    ...(docs !== undefined && { docs }),
  };
}
