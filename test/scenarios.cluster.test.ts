/**
 * The two scenarios on real control planes, left to the real controllers: broken shop is folded to its causes and nothing
 * else; healthy town has no finding at all.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { analyzers } from "../src/analyzers/index.ts";
import { openLive } from "../src/cluster/live/live.ts";
import { openSaved } from "../src/cluster/offline/offline.ts";
import { saveSnapshot } from "../src/cluster/save.ts";
import type { ClusterSource } from "../src/cluster/source.ts";
import { analyze, type AnalyzeOptions, kindsFor } from "../src/engine/analyze.ts";
import type { Report } from "../src/findings/report.ts";
import { keyOf } from "../src/kube/object-ref.ts";
import { type ControlPlane, startControlPlane } from "./lab/control-plane.ts";
import { everyCauseOnce, judged } from "./lab/expected.ts";
import { loadScenario } from "./lab/scenarios.ts";

const scratch = mkdtempSync(join(tmpdir(), "k8sgpt-scenarios-"));
const labs: ControlPlane[] = [];
const sources: ClusterSource[] = [];
let shop: { lab: ControlPlane; source: ClusterSource };
let town: { lab: ControlPlane; source: ClusterSource };

/** Old enough for every grace period of a rule to be over. */
const matureMs = 330_000;

async function scenario(name: "broken-shop" | "healthy-town"): Promise<{ lab: ControlPlane; source: ClusterSource }> {
  const lab = await startControlPlane({ name });
  labs.push(lab);
  await loadScenario(lab.client(), name, { waitForCron: true, matureMs });
  const source = await openLive(
    {
      kubeconfig: lab.kubeconfig,
      requestTimeoutMs: 30_000,
      maxConcurrency: 10,
      userAgent: "k8sgpt/test",
      env: {},
      readTls: true,
    },
    AbortSignal.timeout(60_000),
  );
  sources.push(source);
  return { lab, source };
}

function options(more: Partial<AnalyzeOptions> = {}): AnalyzeOptions {
  return { analyzers, scope: {}, include: [], logs: false, signal: AbortSignal.timeout(60_000), ...more };
}

beforeAll(async () => {
  [shop, town] = await Promise.all([scenario("broken-shop"), scenario("healthy-town")]);
});
afterAll(async () => {
  await Promise.all(sources.map(async (source) => source.close()));
  await Promise.all(labs.map(async (lab) => lab.stop()));
  rmSync(scratch, { recursive: true, force: true });
});

function lines({ findings }: Report): readonly string[] {
  return findings.map(
    ({ severity, rule, object, objects, title }) =>
      `${severity} ${rule} ${keyOf(object)} (${objects.length}): ${title}`,
  );
}

test("broken shop: every cause is found, each by one incident, and nothing else", async () => {
  const report = await analyze(shop.source, options());
  expect(report.errors).toEqual([]);
  expect(judged(report)).toEqual({ found: everyCauseOnce, surplus: [] });
  expect(report.complete).toBe(true);
});

test("healthy town: nothing at warning or above", async () => {
  const report = await analyze(town.source, options());
  expect(lines(report)).toEqual([]);
  expect(report.errors).toEqual([]);
  expect(report.status).toBe("OK");
});

test("live and saved give the same report", async () => {
  const input = await shop.source.read({
    kinds: kindsFor(analyzers),
    scope: {},
    customResources: true,
    signal: AbortSignal.timeout(60_000),
  });
  const frozen: ClusterSource = { ...shop.source, info: shop.source.info, read: async () => input };
  const file = join(scratch, "shop.tar.gz");
  await saveSnapshot(input, file, { k8sgptVersion: "test" });
  const saved = await openSaved(file, { now: 0 });
  const [live, offline] = [
    await analyze(frozen, options({ include: ["info", "risk"] })),
    await analyze(saved, options({ include: ["info", "risk"] })),
  ];
  await saved.close();
  expect(offline.findings).toEqual(live.findings);
  expect(offline.incidents).toEqual(live.incidents);
  expect(offline.coverage).toEqual(live.coverage);
});

test("the API server saw only get and list, and one list per kind and page", async () => {
  const before = (await shop.lab.auditLog()).length;
  await analyze(shop.source, options());
  const seen = (await shop.lab.auditLog())
    .slice(before)
    .filter(({ userAgent }) => userAgent?.startsWith("k8sgpt/") === true);
  expect(seen.length).toBeGreaterThan(10);
  expect([...new Set(seen.map(({ verb }) => verb))].filter((verb) => verb !== "get" && verb !== "list")).toEqual([]);
  const lists = seen.filter(({ verb }) => verb === "list").map(({ requestURI }) => requestURI);
  expect(lists.filter((uri, index) => lists.indexOf(uri) !== index)).toEqual([]);
  const firstPages = lists.filter((uri) => !uri.includes("continue=")).map((uri) => uri.split("?")[0]);
  // And one for the certificates of TLS Secrets, which were asked for.
  expect(lists.filter((uri) => uri.includes("fieldSelector"))).toHaveLength(1);
  expect(firstPages.length).toBe(kindsFor(analyzers).length + 1);
});
