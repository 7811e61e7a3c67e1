/** The story of one object, read from a real control plane. The snapshot is taken ten minutes later, see tenMinutesLater. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { openLive } from "../../src/cluster/live/live.ts";
import type { ClusterSource } from "../../src/cluster/source.ts";
import { why } from "../../src/engine/why.ts";
import type { Story } from "../../src/findings/story.ts";
import { keyOf } from "../../src/kube/object-ref.ts";
import { plain } from "../../src/report/text.ts";
import { renderWhy } from "../../src/report/why-text.ts";
import { type ControlPlane, startControlPlane } from "../lab/control-plane.ts";
import { tenMinutesLater } from "../lab/later.ts";
import { loadScenario } from "../lab/scenarios.ts";

let lab: ControlPlane;
let source: ClusterSource;

beforeAll(async () => {
  lab = await startControlPlane({ name: "why" });
  await loadScenario(lab.client(), "broken-shop");
  source = await openLive(
    { kubeconfig: lab.kubeconfig, requestTimeoutMs: 30_000, maxConcurrency: 10, userAgent: "k8sgpt/test", env: {} },
    AbortSignal.timeout(60_000),
  );
});
afterAll(async () => {
  await source?.close();
  await lab?.stop();
});

async function told(kind: string, name: string, namespace?: string): Promise<Story> {
  const words = { kind, name, ...(namespace !== undefined && { namespace }) };
  return why(tenMinutesLater(source), words, { analyzers, logs: false, signal: AbortSignal.timeout(60_000) });
}

function near({ neighbours }: Story): readonly string[] {
  // Pods by the name of their Deployment: the rest is generated.
  return neighbours.map(
    ({ side, object, state }) => `${side} ${keyOf(object).replace(/^(Pod\/.+)-[a-z0-9]+-[a-z0-9]{5}$/, "$1")} ${state}`,
  );
}

function roles({ incidents }: Story): readonly string[] {
  return incidents.map(({ role, incident }) => `${role} ${incident.root.rule}`);
}

test("a Deployment: what it lacks, what stands on it, and what happened", async () => {
  const story = await told("deploy", "cart", "shop");
  expect(keyOf(story.object)).toBe("Deployment/shop/cart");
  expect(story.now).toMatchObject({ state: "failing", words: "0 of 2 ready", severity: "critical" });
  expect(roles(story)).toEqual(["symptom configmap-missing"]);
  expect(near(story)).toEqual(
    expect.arrayContaining([
      "needs ConfigMap/shop/cart-config missing",
      "needs Pod/shop/cart failing",
      "serves Service/shop/cart failing",
      "serves Ingress/shop/cart failing",
    ]),
  );
  const said = JSON.stringify(story.events);
  expect(said).toContain('configmap \\"cart-config\\" not found');
});

test("a ConfigMap that does not exist is the cause, and says who waits for it", async () => {
  const story = await told("configmap", "cart-config");
  expect(keyOf(story.object)).toBe("ConfigMap/shop/cart-config");
  expect(story.now.state).toBe("missing");
  expect(roles(story)).toEqual(["cause configmap-missing"]);
  expect(near(story)).toContain("serves Deployment/shop/cart failing");
});

test("a Node that was lost, as text", async () => {
  const story = await told("node", "shop-worker-6");
  expect(story.now.state).toBe("failing");
  expect(roles(story)).toEqual(["cause node-unreachable"]);
  expect(near(story)).toEqual(expect.arrayContaining([expect.stringMatching(/^serves Pod\/media\/video-encoder/)]));
  const text = renderWhy(story, { width: 100, palette: plain, unicode: true });
  expect(text).toMatch(/^Node shop-worker-6 · not ready · not fine\n/);
  expect(text).toContain("It is where this begins:");
  expect(text).toContain("Deployment media/video-encoder");
});

test("the API server saw only gets and lists, and no get of a Secret", async () => {
  const before = (await lab.auditLog()).length;
  await told("deploy", "cart", "shop");
  const seen = (await lab.auditLog())
    .slice(before)
    .filter(({ userAgent }) => userAgent?.startsWith("k8sgpt/") === true);
  expect(seen.length).toBeGreaterThan(10);
  expect(seen.map(({ verb }) => verb).filter((verb) => verb !== "get" && verb !== "list")).toEqual([]);
  expect(seen.filter(({ objectRef }) => objectRef?.resource === "secrets" && objectRef.name !== undefined)).toEqual([]);
});
