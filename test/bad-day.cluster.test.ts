/**
 * Five things go wrong at once on a real control plane: a node is lost with a disk on it, a fail-closed webhook has nobody
 * behind it, a quota is used up, the cluster's DNS fails, and a rollout is bad. Every analyzer runs; the report must name
 * these five and nothing else. The snapshot is taken ten minutes later, instead of waiting until grace periods are over.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { analyzers } from "../src/analyzers/index.ts";
import { openLive } from "../src/cluster/live/live.ts";
import type { ClusterSource } from "../src/cluster/source.ts";
import { analyze, kindsFor } from "../src/engine/analyze.ts";
import type { Finding } from "../src/findings/finding.ts";
import type { Report } from "../src/findings/report.ts";
import { keyOf } from "../src/kube/object-ref.ts";
import type { SnapshotInput } from "../src/kube/snapshot.ts";
import { type ControlPlane, startControlPlane } from "./lab/control-plane.ts";
import { tenMinutesLater } from "./lab/later.ts";
import { badDay } from "./lab/scenarios/bad-day/causes.ts";
import { loadScenario } from "./lab/scenarios.ts";

let lab: ControlPlane;
let source: ClusterSource;
let input: SnapshotInput;

beforeAll(async () => {
  lab = await startControlPlane({ name: "bad-day" });
  await loadScenario(lab.client(), "bad-day");
  source = await openLive(
    { kubeconfig: lab.kubeconfig, requestTimeoutMs: 30_000, maxConcurrency: 10, userAgent: "k8sgpt/test", env: {} },
    AbortSignal.timeout(60_000),
  );
  const signal = AbortSignal.timeout(60_000);
  input = await source.read({ kinds: kindsFor(analyzers), scope: {}, customResources: true, signal });
});
afterAll(async () => {
  await source?.close();
  await lab?.stop();
});

async function diagnosed(given: SnapshotInput = input, chosen = analyzers): Promise<Report> {
  const frozen: ClusterSource = { ...source, info: source.info, read: async () => given };
  const signal = AbortSignal.timeout(60_000);
  return analyze(tenMinutesLater(frozen), { analyzers: chosen, scope: {}, include: [], logs: false, signal });
}

/** `rule object`: what a finding says, without times and generated names. */
function lineOf({ rule, owner, object }: Finding): string {
  return `${rule} ${keyOf(owner ?? object)}`;
}

/** Each root, in the order of the report, with its members, sorted. */
function foldingOf({ incidents }: Report): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(incidents.map(({ root, members }) => [lineOf(root), members.map(lineOf).sort()]));
}

test("five causes are five incidents, and every finding is below its own", async () => {
  const report = await diagnosed();
  expect(report.errors).toEqual([]);
  expect(report.complete).toBe(true);
  expect(report.incidents.length).toBe(5);
  expect(foldingOf(report)).toEqual(badDay);
  expect(report.incidents.flatMap(({ members }) => members).length).toBe(report.findings.length);
});

test("the old version still serves, so that the bad rollout is the least of it", async () => {
  const severities = (await diagnosed()).incidents.map(({ severity }) => severity);
  expect(severities).toEqual(["critical", "critical", "critical", "critical", "warning"]);
  expect((await diagnosed()).incidents.at(-1)?.root.owner?.name).toBe("catalog");
});

test("what stands behind the webhook is named, and what the lost node holds", async () => {
  const { incidents } = await diagnosed();
  const webhook = incidents.find(({ root }) => root.object.name === "gatekeeper");
  expect(webhook?.contributing?.map(({ object, what }) => `${keyOf(object)}: ${what}`)).toEqual([
    "Deployment/guard/gatekeeper: it is scaled to zero",
  ]);
  const node = incidents.find(({ root }) => root.object.kind === "Node");
  const held = node?.members.find(({ rule }) => rule === "volume-multi-attach");
  const evidence = JSON.stringify(held?.evidence);
  expect(evidence).toContain('Multi-Attach error for volume \\"ledger-disk\\"');
  expect(evidence).toContain("day-worker-4");
  expect(held?.related.map(keyOf)).toContain("PersistentVolumeClaim/books/ledger-data");
});

test("what runs when nobody chose filters tells the same five, without a rule for the DNS itself", async () => {
  const { incidents } = await diagnosed(
    input,
    analyzers.filter(({ core }) => core),
  );
  expect(incidents.map(({ root }) => keyOf(root.owner ?? root.object)).sort()).toEqual([
    "Deployment/batch/invoices",
    "Deployment/kube-system/coredns",
    "Deployment/shop/catalog",
    "Node/day-worker-4",
    "ValidatingWebhookConfiguration/gatekeeper",
  ]);
  const dns = incidents.find(({ root }) => root.owner?.name === "coredns");
  expect(dns?.members.map(lineOf)).toContain("probe-readiness-failing Deployment/shop/orders");
});

test("a Pod that does not speak of names is not put below the DNS", async () => {
  const silent = (input.objects.Event ?? []).map((event) =>
    event.message?.includes("EAI_AGAIN") === true
      ? { ...event, message: "Readiness probe failed: orders: cannot reach the database: connection refused" }
      : event,
  );
  const folding = foldingOf(await diagnosed({ ...input, objects: { ...input.objects, Event: silent } }));
  const { "probe-readiness-failing Deployment/shop/orders": orders, ...others } = folding;
  expect(orders).toEqual([
    "deployment-rollout-stuck Deployment/shop/orders",
    "probe-readiness-failing Deployment/shop/orders",
    "service-no-ready-endpoints Service/shop/orders",
  ]);
  const expected = Object.entries(badDay).map(([root, members]) => [
    root,
    members.filter((line) => !line.endsWith("/orders")),
  ]);
  expect(others).toEqual(Object.fromEntries(expected));
});
