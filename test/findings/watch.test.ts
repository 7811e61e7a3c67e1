import { describe, expect, it, test } from "vitest";
import type { Incident, Report } from "../../src/findings/report.ts";
import { eventsSince, lostReason } from "../../src/findings/watch.ts";
import { plain } from "../../src/report/text.ts";
import { type WatchEntry, watchJson, watchText } from "../../src/report/watch.ts";
import { sample } from "../report/samples.ts";

const full = sample("problems");
const whole: Report = { ...full, complete: true, coverage: [], scope: {} };

/** The report with these of its incidents only. */
function withIncidents(incidents: readonly Incident[], rest: Partial<Report> = {}): Report {
  return { ...whole, incidents, findings: incidents.flatMap(({ members }) => members), ...rest };
}

const [first, second] = whole.incidents;
if (first === undefined || second === undefined) throw new Error("the sample has two incidents");

const told = (before: Report | undefined, after: Report): readonly string[] => {
  const earlier = before === undefined ? undefined : eventsSince(undefined, before).watched;
  return eventsSince(earlier, after).events.map(({ type, incident }) => `${type} ${incident.id}`);
};

describe("what changed between two looks", () => {
  test("what is there at first, what is new, what is over", () => {
    expect(told(undefined, withIncidents([first, second]))).toEqual([`present ${first.id}`, `present ${second.id}`]);
    expect(told(withIncidents([first]), withIncidents([first, second]))).toEqual([`new ${second.id}`]);
    expect(told(withIncidents([first, second]), withIncidents([second]))).toEqual([`resolved ${first.id}`]);
    expect(told(withIncidents([first]), withIncidents([first]))).toEqual([]);
  });

  test("worse and better", () => {
    const mild: Incident = { ...first, severity: "warning" };
    const bad: Incident = { ...first, severity: "critical" };
    expect(told(withIncidents([mild]), withIncidents([bad]))).toEqual([`worse ${first.id}`]);
    expect(told(withIncidents([bad]), withIncidents([mild]))).toEqual([`better ${first.id}`]);
  });

  test("a cause that follows from another one now is not over", () => {
    const joined: Incident = { ...second, members: [...second.members, ...first.members] };
    expect(told(withIncidents([first, second]), withIncidents([joined]))).toEqual([]);
  });

  const gap = { what: "pods", reason: "connection reset", analyzers: whole.analyzers, level: "gap" } as const;

  test("what could not be read this time is not over, and not new when it is read again", () => {
    const seen = eventsSince(undefined, withIncidents([first]));
    const blind = eventsSince(seen.watched, withIncidents([], { coverage: [gap], complete: false }));
    const still = eventsSince(blind.watched, withIncidents([], { coverage: [gap], complete: false }));
    expect([...blind.events, ...still.events]).toEqual([]);
    expect(eventsSince(still.watched, withIncidents([first])).events).toEqual([]);
    expect(eventsSince(still.watched, withIncidents([])).events).toMatchObject([{ type: "resolved" }]);
  });

  test("what was never readable does not keep a fault from being over", () => {
    const refused = { coverage: [{ ...gap, what: "secrets", reason: "forbidden" }], complete: false };
    expect(told(withIncidents([first], refused), withIncidents([], refused))).toEqual([`resolved ${first.id}`]);
  });
});

test("a cluster of which nothing can be read is lost; an empty one is not", () => {
  const coverage = [{ what: "pods", reason: "connection refused", analyzers: ["Pod"], level: "gap" }] as const;
  expect(lostReason({ ...whole, objects: { Pod: 0 }, coverage })).toBe("connection refused");
  expect(lostReason({ ...whole, objects: { Pod: 0 }, coverage: [] })).toBeUndefined();
  expect(lostReason({ ...whole, objects: { Pod: 1 }, coverage })).toBeUndefined();
});

describe("the log", () => {
  const at = Date.UTC(2026, 10, 21, 3, 0, 12);
  const options = { palette: plain, unicode: true, width: undefined, isOneOfSeveral: false };
  const entry: WatchEntry = { at, cluster: "prod", what: { type: "new", incident: first } };

  it("is one line in a pipe, with the day; lines of the terminal's width there", () => {
    expect(watchText(entry, options)).toMatch(/^2026-11-21T03:00:12Z {2}✖ new {7}\S+ \S+: .*\n$/);
    const wide = watchText(entry, { ...options, width: 80, isOneOfSeveral: true });
    expect(wide).toMatch(/^03:00:12Z {2}prod {2}✖ new /);
    expect(Math.max(...wide.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
    const lost = { at, cluster: "prod", what: { type: "lost", text: "connection refused" } } as const;
    expect(watchText(lost, { ...options, unicode: false })).toBe(
      "2026-11-21T03:00:12Z  ! lost      connection refused\n",
    );
  });

  it("says what got worse, and after how long something was over", () => {
    const worse = { at, cluster: "c", what: { type: "worse", incident: first, was: "warning" } } as const;
    expect(watchText(worse, options)).toContain("warning became critical: ");
    const over = { at, cluster: "c", what: { type: "resolved", incident: { ...first, since: at - 60_000 } } } as const;
    expect(watchText(over, options)).toMatch(/✔ resolved .*\(after 60s\)\n$/);
  });

  it("is JSON lines for programs", () => {
    expect(JSON.parse(watchJson(entry))).toMatchObject({
      type: "new",
      cluster: "prod",
      at: "2026-11-21T03:00:12.000Z",
      rule: first.root.rule,
      incident: { id: first.id, title: first.root.title },
    });
  });
});
