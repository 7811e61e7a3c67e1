import type { Report } from "../findings/report.ts";
import { compareSeverity } from "../findings/severity.ts";
import { exitCodes } from "./exit-codes.ts";

/** The threshold of `--fail-on`; `never` is the default. */
export type FailOn = "critical" | "warning" | "info" | "never";

/**
 * The exit code of an analysis that gave a report. A tripped gate wins over an incomplete report: what was found is
 * true whatever was not read.
 */
export function exitCodeOf(
  report: Report,
  {
    failOn,
    strict,
    explainFailed = false,
  }: { readonly failOn: FailOn; readonly strict: boolean; readonly explainFailed?: boolean },
): number {
  if (failOn !== "never" && report.findings.some(({ severity }) => compareSeverity(severity, failOn) <= 0)) {
    return exitCodes.gate;
  }
  if (!report.complete && (strict || nothingChecked(report))) return exitCodes.incomplete;
  return explainFailed ? exitCodes.explainFailed : exitCodes.done;
}

/** Whether the report says nothing about the cluster at all. */
function nothingChecked({ analyzers, objects }: Report): boolean {
  return analyzers.length === 0 || Object.values(objects).every((count) => count === 0);
}
