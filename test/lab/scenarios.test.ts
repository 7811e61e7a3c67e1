import { describe, expect, it } from "vitest";
import type { KubeObject } from "./client.ts";
import { causes } from "./scenarios/broken-shop/causes.ts";
import { manifestsOf, type ScenarioName } from "./scenarios.ts";

async function objectsOf(name: ScenarioName): Promise<KubeObject[]> {
  return (await manifestsOf({ ca: "authority" }, name)).flatMap(({ objects }) => objects);
}

function nameOf({ kind, metadata: { namespace, name } }: KubeObject): string {
  return [kind, namespace, name].filter((part) => part !== undefined).join("/");
}

describe("the broken shop", () => {
  it("has at least twelve causes over five namespaces, each with its own id", () => {
    expect(causes.length).toBeGreaterThanOrEqual(12);
    expect(new Set(causes.map(({ id }) => id)).size).toBe(causes.length);
    expect(new Set(causes.map(({ namespace }) => namespace)).size).toBeGreaterThanOrEqual(5);
  });

  it("holds what each cause shows on, and not what is said to be missing", async () => {
    const names = new Set((await objectsOf("broken-shop")).map(nameOf));
    // What controllers make of the manifests.
    for (const made of ["PersistentVolumeClaim/data/data-orders-db-0", "Pod/data/search-index-0"]) names.add(made);
    const missing = causes.filter(({ object }) => !names.has(object)).map(({ id }) => id);
    expect(missing).toEqual(["config-map-missing", "pull-secret-missing", "volume-secret-missing"]);
    const unseen = causes.filter(({ object, seenOn = object }) => !names.has(seenOn)).map(({ id }) => id);
    expect(unseen).toEqual([]);
  });
});

describe.each(["broken-shop", "healthy-town", "bad-day"] as const)("%s", (name) => {
  it("creates every namespace that it uses", async () => {
    const objects = await objectsOf(name);
    const used = objects.flatMap(({ metadata: { namespace } }) => namespace ?? []);
    const created = objects.filter(({ kind }) => kind === "Namespace").map(({ metadata }) => metadata.name);
    expect([...created, "kube-system", "default"]).toEqual(expect.arrayContaining([...new Set(used)]));
  });
});
