import type { Incident, Report } from "../../src/findings/report.ts";
import { keyOf } from "../../src/kube/object-ref.ts";
import { type Cause, causes } from "./scenarios/broken-shop/causes.ts";

/** The objects by which an incident says what its root is. */
function rootsOf({ root }: Incident): ReadonlySet<string> {
  const refs = [
    root.object,
    ...root.objects,
    ...(root.owner === undefined ? [] : [root.owner]),
    ...(root.cause === undefined ? [] : [root.cause]),
  ];
  return new Set(refs.map(keyOf));
}

/** Whether the incident is about this cause: its root is the cause's object, or the object on which it shows first. */
function isAbout(incident: Incident, { object, seenOn }: Cause): boolean {
  const roots = rootsOf(incident);
  return roots.has(object) || (seenOn !== undefined && roots.has(seenOn));
}

/** Each cause with the roots of the incidents about it, and the incidents that are about none. */
export function judged(report: Report): {
  readonly found: Readonly<Record<string, number>>;
  readonly surplus: readonly string[];
} {
  return {
    found: Object.fromEntries(
      causes.map((cause) => [cause.id, report.incidents.filter((incident) => isAbout(incident, cause)).length]),
    ),
    surplus: report.incidents
      .filter((incident) => !causes.some((cause) => isAbout(incident, cause)))
      .map(({ root, severity }) => `${severity} ${root.rule} ${keyOf(root.object)}: ${root.title}`),
  };
}

/** Every cause found by exactly one incident. */
export const everyCauseOnce: Readonly<Record<string, number>> = Object.fromEntries(causes.map(({ id }) => [id, 1]));
