/** The bundled snapshot, which `npm run demo` and the README show: the broken shop as saved from a real control plane. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { demoReport } from "../scripts/demo-report.ts";
import { analyzers } from "../src/analyzers/index.ts";
import { everyCauseOnce, judged } from "./lab/expected.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

test("every cause of the saved broken shop is one incident, and nothing else is", async () => {
  const report = await demoReport(analyzers.filter(({ core }) => core));
  expect(judged(report)).toEqual({ found: everyCauseOnce, surplus: [] });
  expect(report.complete).toBe(true);
});

test("the same snapshot gives the same report", async () => {
  const [first, second] = [await demoReport(analyzers), await demoReport(analyzers)];
  expect({ ...second, stats: [] }).toEqual({ ...first, stats: [] });
});

test("the registry, docs/analyzers.md, docs/coverage.md, the README's output and its picture are up to date", async () => {
  const { stderr } = await promisify(execFile)(process.execPath, ["scripts/gen.ts", "--check"], { cwd: root });
  expect(stderr).toBe("");
}, 60_000);
