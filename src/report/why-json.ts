import type { Story } from "../findings/story.ts";
import type { EventRecord } from "../kube/events.ts";
import { findingJson, incidentJson, refJson, timeText } from "./json.ts";

/** The story of one object as JSON, ending in a newline; incidents and findings as in the report. */
export function renderWhyJson(story: Story): string {
  const findings = new Map(
    [...story.incidents.map(({ incident }) => incident), ...story.within].flatMap(({ members }) =>
      members.map((member) => [member.id, member] as const),
    ),
  );
  const { cluster, takenAt, object, now, neighbours, checkedBy, gaps } = story;
  const value = {
    schemaVersion: 1,
    cluster,
    takenAt: timeText(takenAt),
    object: refJson(object),
    state: now.state,
    status: now.words,
    ...(now.severity !== undefined && { severity: now.severity }),
    ...(now.because !== undefined && { because: refJson(now.because) }),
    incidents: story.incidents.map(({ role, incident }) => ({ role, ...incidentJson(incident) })),
    ...(story.within.length > 0 && { within: story.within.map(incidentJson) }),
    findings: [...findings.values()].map(findingJson),
    neighbours: neighbours.map(({ object: near, words, ...rest }) => ({
      object: refJson(near),
      status: words,
      ...rest,
    })),
    events: story.events.map(eventJson),
    checkedBy,
    coverage: gaps,
  };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function eventJson({ type, reason, message, count, firstSeen, lastSeen, regarding, component }: EventRecord): object {
  return {
    type,
    reason,
    message,
    count,
    ...(firstSeen !== undefined && { firstSeen: timeText(firstSeen) }),
    ...(lastSeen !== undefined && { lastSeen: timeText(lastSeen) }),
    object: refJson(regarding),
    ...(component !== undefined && { component }),
  };
}
