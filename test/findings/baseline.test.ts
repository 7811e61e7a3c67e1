import { describe, expect, test } from "vitest";
import { baselineFrom, baselineOf, baselineText, changesSince } from "../../src/findings/baseline.ts";
import type { Report } from "../../src/findings/report.ts";
import { renderJson } from "../../src/report/json.ts";
import { sample } from "../report/samples.ts";

const problems = sample("problems");
const whole: Report = { ...problems, coverage: [], complete: true };
const known = baselineOf(whole);
const [first] = whole.findings;
if (first === undefined) throw new Error("the sample has findings");
const without = (id: string): Report => ({ ...whole, findings: whole.findings.filter((finding) => finding.id !== id) });

const of = (report: Report, earlier = known) => changesSince(report, earlier, "known.json");

describe("a baseline", () => {
  test("is read back as it was written, also from a JSON report", () => {
    expect(baselineFrom(JSON.parse(baselineText(known)))).toEqual(known);
    const fromReport = baselineFrom(JSON.parse(renderJson(whole, { withStats: true })));
    expect(fromReport?.findings.map(({ id }) => id).sort()).toEqual(known.findings.map(({ id }) => id));
    expect(fromReport).toMatchObject({ cluster: known.cluster, takenAt: known.takenAt });
    expect(baselineFrom(JSON.parse(baselineText({ ...known, findings: [] })))?.findings).toEqual([]);
  });

  test("has one line per finding, in the order of ids, and no evidence", () => {
    const lines = baselineText(known)
      .split("\n")
      .filter((line) => line.startsWith("    {"));
    expect(lines).toHaveLength(known.findings.length);
    expect(baselineText(baselineOf({ ...whole, findings: whole.findings.toReversed() }))).toBe(baselineText(known));
    expect(baselineText(known)).not.toContain("evidence");
  });

  test.each([
    [null],
    [{}],
    [{ k8sgptBaseline: 2, cluster: "a", takenAt: "2026-11-21T00:00:00Z", findings: [] }],
    [{ k8sgptBaseline: 1, cluster: "a", takenAt: "soon", findings: [] }],
    [{ k8sgptBaseline: 1, cluster: "a", takenAt: "2026-11-21T00:00:00Z", findings: [{ id: "x" }] }],
    // k8sgpt's own JSON has no ids to compare.
    [{ provider: "", errors: null, status: "OK", problems: 0, results: null }],
  ])("is not %j", (value) => {
    expect(baselineFrom(value)).toBeUndefined();
  });
});

describe("changes", () => {
  test("none", () => {
    expect(of(whole)).toMatchObject({
      new: [],
      resolved: [],
      unchecked: [],
      unchanged: whole.findings.map(({ id }) => id),
    });
  });

  test("new and resolved, symptoms as well as causes", () => {
    const symptom = whole.incidents.flatMap(({ members }) => members.slice(1))[0];
    for (const { id } of [first, ...(symptom === undefined ? [] : [symptom])]) {
      expect(of(whole, baselineOf(without(id))).new).toEqual([id]);
      expect(of(without(id)).resolved.map((finding) => finding.id)).toEqual([id]);
    }
  });

  test.each<[string, Partial<Report>]>([
    ["the analyzer did not run", { analyzers: [] }],
    ["its namespace was not asked for", { scope: { include: ["elsewhere"] } }],
    ["its namespace was left out", { scope: { exclude: [first.object.namespace ?? ""] } }],
    [
      "a list could not be read",
      { coverage: [{ what: "pods", reason: "refused", analyzers: [first.analyzer], level: "gap" }] },
    ],
    ["the source is broken", { coverage: [{ what: "shop/pods.yaml", reason: "cut", analyzers: [], level: "gap" }] }],
  ])("gone is not resolved where %s", (_, blind) => {
    const changes = of({ ...without(first.id), ...blind });
    expect(changes.resolved.map(({ id }) => id)).not.toContain(first.id);
    expect(changes.unchecked.map(({ id }) => id)).toContain(first.id);
  });

  test("a gap elsewhere does not keep a finding from being resolved", () => {
    const coverage = [
      { what: "events", namespace: "elsewhere", reason: "refused", analyzers: [first.analyzer], level: "gap" as const },
    ];
    expect(of({ ...without(first.id), coverage }).resolved.map(({ id }) => id)).toEqual([first.id]);
  });

  test("accepted is neither", () => {
    const changes = of({ ...without(first.id), accepted: [{ finding: first, by: "x", source: "file" }] });
    expect([...changes.resolved, ...changes.unchecked]).toEqual([]);
  });
});
