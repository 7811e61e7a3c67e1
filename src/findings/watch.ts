/**
 * What changed in a cluster between two looks, in incidents: what is new, what is over, what got worse or better. A cause
 * that is not seen any more is over only where it was looked for: what could not be read this time stays known.
 */
import { type Baseline, baselineOf, changesSince } from "./baseline.ts";
import type { CoverageGap, Incident, Report } from "./report.ts";
import { compareSeverity, type Severity } from "./severity.ts";

/** What is known of a cluster after a look. */
export interface Watched {
  readonly incidents: ReadonlyMap<string, Incident>;
  readonly findings: Baseline;
  /** What could not be read when they were seen: what is gone without it is over without it. */
  readonly gaps: ReadonlySet<string>;
}

/** One thing that a look found. `present`: it was there when the watch began. */
export interface WatchEvent {
  readonly type: "present" | "new" | "resolved" | "worse" | "better";
  readonly incident: Incident;
  /** Of `worse` and `better`: how bad it was. */
  readonly was?: Severity;
}

/**
 * What `report` tells that the look before did not.
 *
 * @param before undefined for the first look
 */
export function eventsSince(
  before: Watched | undefined,
  report: Report,
): { readonly events: readonly WatchEvent[]; readonly watched: Watched } {
  const now = new Map(report.incidents.map((incident) => [incident.id, incident]));
  if (before === undefined) {
    const events = report.incidents.map((incident): WatchEvent => ({ type: "present", incident }));
    return { events, watched: { incidents: now, findings: baselineOf(report), gaps: gapsOf(report) } };
  }
  const coverage = report.coverage.filter((gap) => !before.gaps.has(gapKey(gap)));
  const { resolved, unchecked } = changesSince({ ...report, coverage }, before.findings, "");
  const over = new Set(resolved.map(({ id }) => id));
  const unseen = new Set(unchecked.map(({ id }) => id));
  const gone = [...before.incidents.values()].filter(({ id }) => !now.has(id));
  const events = [
    ...report.incidents.flatMap((incident): readonly WatchEvent[] => {
      const known = before.incidents.get(incident.id);
      if (known === undefined) return [{ type: "new", incident }];
      const order = compareSeverity(incident.severity, known.severity);
      return order === 0 ? [] : [{ type: order < 0 ? "worse" : "better", incident, was: known.severity }];
    }),
    // What is still found but follows from something else now is told with its cause.
    ...gone.filter(({ id }) => over.has(id)).map((incident): WatchEvent => ({ type: "resolved", incident })),
  ];
  const kept = gone.filter(({ id }) => unseen.has(id)).map((incident) => [incident.id, incident] as const);
  const findings = baselineOf(report);
  return {
    events,
    watched: {
      incidents: new Map([...now, ...kept]),
      findings: { ...findings, findings: [...findings.findings, ...unchecked] },
      gaps: unchecked.length === 0 ? gapsOf(report) : before.gaps,
    },
  };
}

function gapsOf({ coverage }: Report): ReadonlySet<string> {
  return new Set(coverage.filter(({ level }) => level === "gap").map(gapKey));
}

function gapKey({ what, namespace = "" }: CoverageGap): string {
  return `${namespace}/${what}`;
}

/** Why nothing at all could be read, when that is so: a lost connection rather than a refused kind. */
export function lostReason({ objects, coverage }: Report): string | undefined {
  const gaps = coverage.filter(({ level }) => level === "gap");
  const isEmpty = Object.values(objects).every((count) => count === 0);
  return isEmpty ? gaps[0]?.reason : undefined;
}
