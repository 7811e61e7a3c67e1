/**
 * How bad a finding is, worst first:
 * - `critical`: users or cluster operations fail now
 * - `warning`: degraded now, or will fail at a known time
 * - `info`: context; never gates, shown with `--include info`
 * - `risk`: posture and lint, shown with `--include risks`; never a cause, never a symptom
 */
export type Severity = "critical" | "warning" | "info" | "risk";

/** All severities, worst first. */
export const severities: readonly Severity[] = ["critical", "warning", "info", "risk"];

/** Orders severities worst first. */
export function compareSeverity(a: Severity, b: Severity): number {
  return severities.indexOf(a) - severities.indexOf(b);
}

/** The worse of two severities. */
export function worse(a: Severity, b: Severity): Severity {
  return compareSeverity(a, b) <= 0 ? a : b;
}
