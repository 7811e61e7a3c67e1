import { describe, expect, it } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { incidentInContext, reportInContext } from "../../src/findings/with-context.ts";
import { demoReport } from "../../scripts/demo-report.ts";

const report = await demoReport(analyzers.filter(({ core }) => core));

describe("commands for a context that was named", () => {
  it("name it too, in findings and incidents alike", () => {
    const { findings, incidents } = reportInContext(report, "prod-eu");
    const before = report.findings.flatMap(({ commands }) => commands);
    expect(before.some((command) => command.startsWith("kubectl "))).toBe(true);
    expect(findings.flatMap(({ commands }) => commands)).toEqual(
      before.map((command) => command.replace(/^kubectl /, "kubectl --context prod-eu ")),
    );
    for (const { root, members } of incidents) {
      for (const { commands } of [root, ...members]) {
        for (const command of commands) expect(command).not.toMatch(/^kubectl (?!--context prod-eu )/);
      }
    }
  });

  it("name it in one incident as in all of them", () => {
    expect(report.incidents.map((incident) => incidentInContext(incident, "prod-eu"))).toEqual(
      reportInContext(report, "prod-eu").incidents,
    );
  });

  it("stay as they are where no context was named", () => {
    expect(reportInContext(report, undefined)).toBe(report);
  });

  it("quote a name that a shell would take apart", () => {
    const [command = ""] = reportInContext(report, "it's prod").findings.flatMap(({ commands }) => commands);
    expect(command).toContain(String.raw`kubectl --context 'it'\''s prod' `);
  });
});
