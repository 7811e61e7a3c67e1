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

/** A kind that no controller reports on: it has no status, and no analyzer reads it. */
const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "notes.lab.example" },
  spec: {
    group: "lab.example",
    scope: "Namespaced",
    names: { kind: "Note", plural: "notes", singular: "note", shortNames: ["nt"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object" } } } },
      },
    ],
  },
};
const notes = "/apis/lab.example/v1/namespaces/shop/notes";
const ownKinds = [
  { apiVersion: "lab.example/v1", kind: "Note", metadata: { name: "todo", namespace: "shop" }, spec: {} },
  {
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { name: "old-times", namespace: "shop" },
    spec: {
      replicas: 0,
      selector: { app: "old-times" },
      template: {
        metadata: { labels: { app: "old-times" } },
        spec: { containers: [{ name: "app", image: "registry.lab.example/old:1" }] },
      },
    },
  },
];

let lab: ControlPlane;
let source: ClusterSource;

beforeAll(async () => {
  lab = await startControlPlane({ name: "why" });
  const client = lab.client();
  await loadScenario(client, "broken-shop");
  await client.apply([definition]);
  await client.waitFor("the kind is served", async () => (await client.raw("GET", notes)).status === 200);
  await client.apply(ownKinds);
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
  const signal = AbortSignal.timeout(60_000);
  return why(tenMinutesLater(source), words, { analyzers, logs: false, anyKind: true, signal });
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

test.each([
  ["nt", "todo", "Note/shop/todo"],
  ["notes.lab.example", "todo", "Note/shop/todo"],
  ["rc", "old-times", "ReplicationController/shop/old-times"],
])("any kind that the server serves: %s/%s", async (kind, name, key) => {
  const story = await told(kind, name);
  expect(keyOf(story.object)).toBe(key);
  expect(story.now.state).toBe("fine");
  expect(story.incidents).toEqual([]);
});

test("what is served and not there is said to be absent", async () => {
  await expect(told("note", "gone", "shop")).rejects.toThrow('There is no Note "gone" in namespace "shop" in');
  await expect(told("ghost", "gone")).rejects.toThrow('There is no kind "ghost" in');
});

test("a healthy Deployment says what was looked at", async () => {
  const story = await told("deploy", "session-cache", "data");
  expect(story.now).toMatchObject({ state: "fine", words: "1 of 1 ready" });
  expect(near(story)).toContain("serves Service/data/session-cache fine");
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
