/**
 * The case tables on a real API server: each case is applied, read back through the product's own live reader, and judged.
 * What a server sets itself and a test cannot choose (uid, times, generation) is laid over what was read, as the case says.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { loadAll } from "js-yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ClusterSource } from "../../src/cluster/source.ts";
import { openLive } from "../../src/cluster/live/live.ts";
import type { CustomResource } from "../../src/kube/custom-resources.ts";
import { isKindName, type KindName, type KubeObject } from "../../src/kube/kinds.ts";
import { keyOf, refOf } from "../../src/kube/object-ref.ts";
import { startControlPlane, type ControlPlane } from "../lab/control-plane.ts";
import type { LabClient } from "../lab/client.ts";
import type { Case, CaseTable, Manifest } from "./cases.ts";
import { comparable, manifestsOf, saidOf, snapshotFrom } from "./run-cases.ts";
import { caseTables } from "./tables.ts";

const tables = await caseTables();
let lab: ControlPlane;
let client: LabClient;
let source: ClusterSource;
/** What a bare server has of its own: not part of any case. */
let ambient: ReadonlySet<string>;

beforeAll(async () => {
  lab = await startControlPlane({ name: "cases", controllers: false });
  client = lab.client();
  await installCustomResources(client);
  source = await openLive(
    {
      kubeconfig: lab.kubeconfig,
      requestTimeoutMs: 30_000,
      maxConcurrency: 10,
      userAgent: "k8sgpt/test",
      env: {},
      codec: "json",
      readTls: true,
    },
    AbortSignal.timeout(60_000),
  );
  const kinds = [...new Set(tables.flatMap(({ analyzer }) => [...analyzer.needs, ...analyzer.uses]))];
  ambient = new Set((await objectsOf(kinds)).map(({ kind, object }) => keyOf(refOf(kind, object))));
});
afterAll(async () => {
  await source?.close();
  await lab?.stop();
});

const liveTables = tables.filter(({ fires, silent }) =>
  [...fires, ...silent].some(({ notLive }) => notLive === undefined),
);

describe.each(liveTables.map((table) => [table.analyzer.name, table] as const))("%s", (_name, table) => {
  const all: readonly Case[] = [...table.fires, ...table.silent].filter(({ notLive }) => notLive === undefined);
  test.each(all.map((entry) => [entry.name, entry] as const))("%s", async (_case, entry) => {
    const manifests = manifestsOf(entry);
    try {
      await applyAll(manifests);
      const snapshot = await readBack(table, entry, manifests);
      const { said, expected } = comparable(saidOf(table.analyzer, snapshot), entry.expect ?? []);
      expect(said).toEqual(expected);
    } finally {
      await removeAll(manifests);
    }
  });
});

/** The custom resource definitions as their projects publish them (test/lab/crds). */
async function installCustomResources({ apply, list, waitFor }: LabClient): Promise<void> {
  const folder = new URL("../lab/crds/", import.meta.url);
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".yaml")) : [];
  for (const file of files.sort()) {
    const documents = loadAll(readFileSync(new URL(file, folder), "utf8")).filter((document) => document !== null);
    // Manifests as published: what is not one is refused by the server.
    await apply(documents as unknown as Manifest[]);
  }
  await waitFor("every custom resource is served", async () => {
    const definitions = await list<{ status?: { conditions?: readonly { type: string; status: string }[] } }>(
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    );
    return definitions.every(({ status }) =>
      status?.conditions?.some(({ type, status: value }) => type === "Established" && value === "True"),
    );
  });
}

/** The fields that the server owns: it refuses or replaces them. */
const serverOwned = [
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "generation",
  "resourceVersion",
];

async function applyAll(manifests: readonly Manifest[]): Promise<void> {
  const given = new Set(manifests.filter(({ kind }) => kind === "Namespace").map(({ metadata }) => metadata.name));
  const needed = new Set(manifests.map(({ metadata }) => metadata.namespace).filter((name) => name !== undefined));
  const namespaces = [...needed]
    .filter((name) => !given.has(name))
    .map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
  await client.apply(namespaces);
  for (const manifest of [...manifests].sort((a, b) => applyOrder(a) - applyOrder(b))) {
    const metadata = Object.fromEntries(
      Object.entries(manifest.metadata).filter(([name]) => !serverOwned.includes(name)),
    );
    const object = { ...manifest, metadata: { ...metadata, name: manifest.metadata.name } };
    await client.apply([object]);
    if (manifest["status"] !== undefined && hasStatus(manifest.kind)) await client.applyStatus(object);
    if (manifest.kind === "Node") await setTaints(manifest);
  }
}

/** Namespaces first, whatever place a case gives them; webhooks last, so that they refuse nothing of the case itself. */
function applyOrder({ kind }: Manifest): number {
  return kind === "Namespace" ? 0 : kind.endsWith("WebhookConfiguration") ? 2 : 1;
}

/** The server taints every new node as not ready, and no controller runs here to take that back. */
async function setTaints(node: Manifest): Promise<void> {
  const { taints = null } = (node["spec"] ?? {}) as { taints?: unknown };
  await client.raw("PATCH", await client.pathOf(node), { spec: { taints } }, mergePatch);
}

const mergePatch = { headers: { "content-type": "application/merge-patch+json" } };

function hasStatus(kind: string): boolean {
  return !["Event", "ConfigMap", "Secret", "EndpointSlice", "StorageClass", "Lease"].includes(kind);
}

async function removeAll(manifests: readonly Manifest[]): Promise<void> {
  for (const manifest of [...manifests].sort((a, b) => applyOrder(b) - applyOrder(a))) {
    const path = await client.pathOf(manifest);
    const { metadata } = manifest;
    if (ambient.has(keyOf(refOf(manifest.kind, { metadata })))) continue;
    // No controller runs here that would remove finalizers or end Pods.
    await client.raw("PATCH", path, { metadata: { finalizers: null } }, mergePatch);
    if (manifest.kind === "Namespace") {
      await client.raw("DELETE", path);
      await client.raw("PUT", `${path}/finalize`, {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: metadata.name },
        spec: { finalizers: [] },
      });
    } else {
      await client.raw("DELETE", `${path}?gracePeriodSeconds=0&propagationPolicy=Background`);
    }
  }
}

async function objectsOf(kinds: readonly KindName[]): Promise<readonly { kind: KindName; object: KubeObject }[]> {
  const input = await source.read({ kinds, scope: {}, signal: AbortSignal.timeout(60_000) });
  const unread = input.reads.filter(({ state }) => state !== "complete" && state !== "absent");
  expect(unread).toEqual([]);
  return kinds.flatMap((kind) => (input.objects[kind] ?? []).map((object: KubeObject) => ({ kind, object })));
}

async function readBack(
  { analyzer }: CaseTable,
  entry: Case,
  manifests: readonly Manifest[],
): Promise<ReturnType<typeof snapshotFrom>> {
  const given = new Map(manifests.map((manifest) => [keyOf(refOf(manifest.kind, manifest)), manifest]));
  const objects: Partial<Record<KindName, KubeObject[]>> = {};
  for (const { kind, object } of await objectsOf([...new Set([...analyzer.needs, ...analyzer.uses])])) {
    const key = keyOf(refOf(kind, object));
    const manifest = given.get(key);
    if (manifest === undefined || !isKindName(kind) || entry.unread?.includes(kind) === true) continue;
    given.delete(key);
    const { uid: _uid, creationTimestamp: _time, generation: _generation, ...kept } = object.metadata ?? {};
    const chosen = Object.fromEntries(Object.entries(manifest.metadata).filter(([name]) => serverOwned.includes(name)));
    (objects[kind] ??= []).push({ ...object, metadata: { ...kept, ...chosen } });
  }
  const lost = [...given.values()].filter(
    ({ kind }) =>
      isKindName(kind) && [...analyzer.needs, ...analyzer.uses].includes(kind) && entry.unread?.includes(kind) !== true,
  );
  expect(lost.map((manifest) => keyOf(refOf(manifest.kind, manifest)))).toEqual([]);
  return snapshotFrom(analyzer, entry, objects, analyzer.customResources === true ? await customOf(manifests) : []);
}

/** The manifests of the cluster's own kinds, as the product's reader keeps them. */
async function customOf(manifests: readonly Manifest[]): Promise<readonly CustomResource[]> {
  const { customResources = [], customReads } = await source.read({
    kinds: ["CustomResourceDefinition"],
    scope: {},
    customResources: true,
    signal: AbortSignal.timeout(60_000),
  });
  expect(customReads).toEqual([]);
  return manifests.flatMap((manifest) => {
    const { kind, metadata } = manifest;
    const found = customResources.find((entry) => entry.kind === kind && entry.object.metadata?.name === metadata.name);
    if (found === undefined) return [];
    const { uid: _uid, creationTimestamp: _time, generation: _generation, ...kept } = found.object.metadata ?? {};
    const chosen = Object.fromEntries(Object.entries(metadata).filter(([name]) => serverOwned.includes(name)));
    return [{ ...found, object: { ...found.object, metadata: { ...kept, ...chosen } } }];
  });
}
