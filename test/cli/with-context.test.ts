import { describe, expect, it } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { withContext } from "../../src/cli/with-context.ts";
import { demoReport } from "../../scripts/demo-report.ts";

const report = await demoReport(analyzers.filter(({ core }) => core));

describe("commands for a context that was named", () => {
  it("name it too, in findings and incidents alike", () => {
    const { findings, incidents } = withContext(report, "prod-eu");
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

  it("quote a name that a shell would take apart", () => {
    const [command = ""] = withContext(report, "it's prod").findings.flatMap(({ commands }) => commands);
    expect(command).toContain(String.raw`kubectl --context 'it'\''s prod' `);
  });
});
