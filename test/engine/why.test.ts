/** The story of one object, told from the broken shop and from small clusters. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { openSaved } from "../../src/cluster/offline/offline.ts";
import type { ClusterSource } from "../../src/cluster/source.ts";
import { type ObjectWords, why, type WhyOptions } from "../../src/engine/why.ts";
import { Fault } from "../../src/fault.ts";
import type { Story } from "../../src/findings/story.ts";
import { keepCustomObject } from "../../src/kube/custom-resources.ts";
import { keyOf } from "../../src/kube/object-ref.ts";
import type { SnapshotInput } from "../../src/kube/snapshot.ts";
import { plain } from "../../src/report/text.ts";
import { renderWhyJson } from "../../src/report/why-json.ts";
import { renderWhy } from "../../src/report/why-text.ts";

const options: WhyOptions = { analyzers, logs: false, signal: AbortSignal.timeout(60_000) };
let shop: ClusterSource;

beforeAll(async () => {
  shop = await openSaved(join(import.meta.dirname, "../../examples/broken-shop.tar.gz"), { now: 0 });
});
afterAll(async () => shop.close());

async function told(kind: string, name: string, namespace?: string): Promise<Story> {
  return why(shop, { kind, name, ...(namespace !== undefined && { namespace }) }, options);
}

async function refused(source: ClusterSource, words: ObjectWords): Promise<Pick<Fault, "message" | "next" | "usage">> {
  try {
    await why(source, words, options);
  } catch (error) {
    if (error instanceof Fault) return { message: error.message, next: error.next, usage: error.usage };
    throw error;
  }
  throw new Error("it told a story");
}

/** A source that holds just this. */
function sourceOf(input: Partial<SnapshotInput>): ClusterSource {
  const info = { name: "small", source: "saved" as const };
  return {
    info,
    read: async () => ({ takenAt: 1_000_000, cluster: info, objects: {}, reads: [], ...input }),
    log: async () => undefined,
    hasNamespace: async () => undefined,
    close: async () => undefined,
  };
}

function near({ neighbours }: Story): readonly string[] {
  return neighbours.map(({ side, object, state }) => `${side} ${keyOf(object)} ${state}`);
}

describe("why, in the broken shop", () => {
  test("a Deployment whose ConfigMap is gone", async () => {
    const story = await told("deploy", "cart");
    expect(keyOf(story.object)).toBe("Deployment/shop/cart");
    expect(story.now).toMatchObject({ state: "failing", words: "0 of 2 ready", severity: "critical" });
    expect(story.incidents.map(({ role, incident }) => [role, incident.root.rule])).toEqual([
      ["symptom", "configmap-missing"],
    ]);
    expect(near(story)).toEqual(
      expect.arrayContaining([
        "needs ConfigMap/shop/cart-config missing",
        "needs Pod/shop/cart-5fcf7f864d-gg6r9 failing",
        "serves Service/shop/cart failing",
        "serves Ingress/shop/cart failing",
      ]),
    );
    const times = story.events.map(({ lastSeen = 0 }) => lastSeen);
    expect(times.length).toBeGreaterThan(4);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(story.checkedBy.map(({ analyzer }) => analyzer)).toContain("Deployment");
  });

  test("an object that does not exist has a story when others wait for it", async () => {
    const story = await told("cm", "cart-config");
    expect(story.now.state).toBe("missing");
    expect(story.incidents.map(({ role }) => role)).toEqual(["cause"]);
    expect(near(story)).toContain("serves Deployment/shop/cart failing");
  });

  test("a lost node, by its short name and as text", async () => {
    const story = await told("no", "shop-worker-6");
    expect(story.incidents.map(({ role, incident }) => [role, incident.root.rule])).toEqual([
      ["cause", "node-unreachable"],
    ]);
    const text = renderWhy(story, { width: 100, palette: plain, unicode: true });
    expect(text).toMatch(/^Node shop-worker-6 · not ready · not fine\n/);
    expect(text).toContain("It is where this begins:\n✖ CRITICAL  Node shop-worker-6");
    expect(text).toContain("what needs it");
    // What a Pod on it says of itself is old.
    expect(text).toMatch(/containers ready; but Node\s+shop-worker-6\s+fails, on which it runs/);
    expect(text).toMatch(/Looked at\n {2}\d+ rules of /);
    expect(text.split("\n").every((line) => line.length <= 100)).toBe(true);
    expect(renderWhy(story, { width: 40, palette: plain, unicode: false })).toMatch(/^[\n -~]*$/);
  });

  test("a healthy object: nothing wrong, and what was looked at", async () => {
    const story = await told("deployment.apps", "session-cache", "data");
    expect(story.now.state).toBe("fine");
    expect(story.incidents).toEqual([]);
    expect(near(story)).toContain("serves Service/data/session-cache fine");
    const text = renderWhy(story, { width: 100, palette: plain, unicode: true });
    expect(text).toContain("Deployment data/session-cache · 1 of 1 ready · nothing wrong found");
    expect(text).toContain("and fine:");
  });

  test("a ReplicaSet, whose Deployment has the finding", async () => {
    const story = await told("rs", "cart-5fcf7f864d");
    expect(story.incidents.map(({ role, incident }) => [role, incident.root.rule])).toEqual([
      ["symptom", "configmap-missing"],
    ]);
    expect(renderWhy(story, { width: 100, palette: plain, unicode: true })).toMatch(
      /^ReplicaSet shop\/cart-5fcf7f864d · 0 of 2 ready · not as it should be\n/,
    );
  });

  test("a namespace: what is wrong in it, a line for each", async () => {
    const story = await told("ns", "shop");
    expect(story.now.state).toBe("fine");
    expect(story.incidents).toEqual([]);
    expect(story.within.map(({ root }) => root.rule)).toContain("configmap-missing");
    const text = renderWhy(story, { width: 100, palette: plain, unicode: true });
    expect(text).toContain("Namespace shop · Active · fine itself, but not all that is in it");
    expect(text).toMatch(/Wrong in it: \d+ incidents\n {2}✖ /);
    expect(text).toContain("ConfigMap shop/cart-config: A ConfigMap that workloads name does not exist");
    expect(text).toContain("all of it: k8sgpt analyze -n shop");
    const { within, findings } = JSON.parse(renderWhyJson(story));
    const ids = new Set(findings.map(({ id }: { id: string }) => id));
    for (const incident of within) for (const id of incident.findings) expect(ids).toContain(id);
  });

  test("JSON refers to findings by id, and is the same each time", async () => {
    const [first, second] = [
      renderWhyJson(await told("svc", "cart")),
      renderWhyJson(await told("services", "cart", "shop")),
    ];
    expect(first).toBe(second);
    const { object, incidents, findings } = JSON.parse(first);
    expect(object).toEqual({ kind: "Service", namespace: "shop", name: "cart" });
    expect(findings.map(({ id }: { id: string }) => id)).toEqual(incidents[0].findings);
  });

  test.each([
    [{ kind: "deploy", name: "crat" }, 'There is no Deployment "crat" in broken-shop', "Did you mean cart?"],
    [
      { kind: "deploymnt", name: "cart" },
      'There is no kind "deploymnt" in broken-shop',
      "Did you mean deploy or deployment or deployments?",
    ],
    [
      { kind: "deploy", name: "cart", namespace: "data" },
      'There is no Deployment "cart" in namespace "data" in broken-shop',
      "There is one in namespace shop: -n shop",
    ],
  ])("%j is refused with the next step", async (words, message, next) => {
    expect(await refused(shop, words)).toEqual({ message, next, usage: true });
  });
});

function pod(namespace: string): {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
} {
  return { metadata: { name: "web", namespace, uid: namespace } };
}

describe("why, in small clusters", () => {
  test("a name in two namespaces needs -n", async () => {
    const source = sourceOf({ objects: { Pod: [pod("b"), pod("a")] }, reads: [{ kind: "Pod", state: "complete" }] });
    expect(await refused(source, { kind: "pod", name: "web" })).toEqual({
      message: 'Pod "web" is in 2 namespaces: a, b',
      next: "Say which one: -n a",
      usage: true,
    });
    expect(keyOf((await why(source, { kind: "pod", name: "web", namespace: "b" }, options)).object)).toBe("Pod/b/web");
  });

  test("what could not be read is not said to be absent", async () => {
    const source = sourceOf({
      reads: [
        { kind: "Pod", state: "unread", reason: 'forbidden for user "ci"', next: "kubectl auth can-i list pods" },
      ],
    });
    expect(await refused(source, { kind: "pod", name: "web" })).toEqual({
      message: 'Cannot know whether Pod "web" exists: forbidden for user "ci"',
      next: "kubectl auth can-i list pods",
      usage: false,
    });
  });

  test("where the whole cluster is forbidden, the namespace is read", async () => {
    const scopes: unknown[] = [];
    const source: ClusterSource = {
      ...sourceOf({}),
      read: async ({ scope }) => {
        scopes.push(scope);
        const isWide = scope.include === undefined;
        return {
          takenAt: 1_000_000,
          cluster: { name: "small", source: "live" },
          objects: isWide ? {} : { Pod: [pod("a")] },
          reads: [
            {
              kind: "Pod",
              ...(isWide
                ? { state: "unread" as const, reason: "forbidden" }
                : { namespace: "a", state: "complete" as const }),
            },
          ],
        };
      },
    };
    expect((await why(source, { kind: "po", name: "web", namespace: "a" }, options)).object.name).toBe("web");
    expect(scopes).toEqual([{}, { include: ["a"] }]);
  });

  test("an object of a kind that no analyzer reads is asked for, by name only", async () => {
    const asked: unknown[] = [];
    const resource = {
      group: "",
      version: "v1",
      kind: "ReplicationController",
      plural: "replicationcontrollers",
      singular: "replicationcontroller",
      shortNames: ["rc"],
      namespaced: true,
      verbs: ["get", "list"],
    };
    const source: ClusterSource = {
      ...sourceOf({}),
      apiResources: async () => [resource],
      listAny: async (request) => {
        asked.push(request);
        const metadata = { name: "old", namespace: "shop", uid: "rc-1" };
        return { items: request.fieldSelector === "metadata.name=old" ? [{ metadata, spec: { secret: "x" } }] : [] };
      },
    };
    const any = { ...options, anyKind: true };
    const story = await why(source, { kind: "rc", name: "old" }, any);
    expect(keyOf(story.object)).toBe("ReplicationController/shop/old");
    expect(story.now).toEqual({ state: "fine", words: "" });
    expect(story.checkedBy).toEqual([]);
    expect(asked).toEqual([
      { resource, namespace: undefined, form: "whole", limit: 50, fieldSelector: "metadata.name=old" },
    ]);
    // It is not there: that is known, and not that there is no such kind.
    await expect(why(source, { kind: "rc", name: "new" }, any)).rejects.toThrow(
      'There is no ReplicationController "new" in small',
    );
    await expect(why(source, { kind: "rc", name: "old" }, options)).rejects.toThrow('There is no kind "rc"');
  });

  test("what a saved cluster does not hold names who reads it", async () => {
    const source = sourceOf({ reads: [{ kind: "CustomResourceDefinition", state: "unread", reason: "not saved" }] });
    expect((await refused(source, { kind: "crd", name: "foo" })).next).toMatch(
      /^Ask the live cluster, or save it again with objects of this kind: `k8sgpt snapshot -f \w+`$/,
    );
  });

  test("an object of the cluster's own kinds", async () => {
    const object = keepCustomObject({ metadata: { name: "blog", namespace: "web", uid: "x" } });
    if (object === undefined) throw new Error("the object was not kept");
    const source = sourceOf({
      customResources: [{ group: "example.org", version: "v1", kind: "Website", plural: "websites", object }],
    });
    const story = await why(source, { kind: "websites.example.org", name: "blog" }, options);
    expect(keyOf(story.object)).toBe("Website/web/blog");
    expect(story.now.state).toBe("fine");
    expect(story.checkedBy.map(({ analyzer }) => analyzer)).toEqual(["CustomResource", "GarbageCollection"]);
  });

  test.each([
    [
      { conditions: [{ type: "Ready", status: "False", reason: "NoDatabase" }] },
      "unsettled",
      "Ready False, NoDatabase",
    ],
    [{ conditions: [{ type: "Other", status: "False" }], phase: "Active" }, "fine", "Active"],
    [{ conditions: [{ type: "Available", status: "True", reason: "x" }] }, "fine", "Available True"],
  ])("what it says of itself: %j", async (status, state, words) => {
    const object = keepCustomObject({ metadata: { name: "blog", namespace: "web", uid: "x" }, status });
    if (object === undefined) throw new Error("the object was not kept");
    const source = sourceOf({
      customResources: [{ group: "example.org", version: "v1", kind: "Website", plural: "websites", object }],
    });
    const quiet = { ...options, analyzers: analyzers.filter(({ customResources }) => customResources !== true) };
    expect((await why(source, { kind: "website", name: "blog" }, quiet)).now).toEqual({ state, words });
  });
});
