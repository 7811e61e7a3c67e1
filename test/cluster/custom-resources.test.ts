import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { customResource } from "../../src/analyzers/custom-resource.ts";
import { deployment } from "../../src/analyzers/deployment.ts";
import { dictionaryOf, maskSnapshot } from "../../src/anonymize/snapshot.ts";
import { openLive } from "../../src/cluster/live/live.ts";
import { openSaved } from "../../src/cluster/offline/offline.ts";
import { saveSnapshot } from "../../src/cluster/save.ts";
import type { ClusterSource, ReadRequest } from "../../src/cluster/source.ts";
import { analyze } from "../../src/engine/analyze.ts";
import type { SnapshotInput } from "../../src/kube/snapshot.ts";
import { forbidden, json, type Script, startServer, status } from "./live/server.ts";
import { scratch } from "./offline/trees.ts";

const closing: (() => Promise<void>)[] = [];
let folder = "";
let remove = async () => undefined as void;
beforeAll(async () => {
  const { path, remove: away } = await scratch();
  folder = path;
  remove = away;
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(() => remove());

interface Defined {
  readonly kind: string;
  readonly group?: string;
  readonly scope?: string;
  readonly versions?: readonly object[];
  readonly conditions?: readonly object[];
}

const stored = { name: "v1", served: true, storage: true, subresources: { status: {} } };

function definition({
  kind,
  group = "example.com",
  scope = "Namespaced",
  versions = [stored],
  conditions = [],
}: Defined): object {
  const plural = `${kind.toLowerCase()}s`;
  return {
    metadata: { name: `${plural}.${group}` },
    spec: { group, scope, names: { kind, plural }, versions },
    status: { conditions },
  };
}

const tenant = (name: string, namespace: string | undefined = "shop") => ({
  metadata: { name, uid: name, ...(namespace !== "" && { namespace }), creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: { password: "hunter2", suspend: false },
  status: {
    conditions: [
      {
        type: "Ready",
        status: "False",
        reason: "Broken",
        message: "no way",
        lastTransitionTime: "2026-01-01T01:00:00Z",
      },
    ],
    secret: "hunter2",
  },
});

/** Answers the list of definitions, and each path as `answers` says; anything else is an empty list. */
function scripted(definitions: readonly object[], answers: Readonly<Record<string, Script>> = {}): Script {
  return (asked, reply) => {
    if (asked.path.endsWith("/customresourcedefinitions")) {
      json(reply, { kind: "List", metadata: {}, items: definitions });
      return undefined;
    }
    const answer = answers[asked.path];
    if (answer === undefined) json(reply, { kind: "List", metadata: {}, items: [] });
    return answer?.(asked, reply);
  };
}

async function live(script: Script) {
  const server = await startServer(script);
  closing.push(server.close);
  const source = await openLive(
    {
      kubeconfig: server.kubeconfig(),
      requestTimeoutMs: 5000,
      maxConcurrency: 10,
      userAgent: "k8sgpt/1.2.3",
      env: {},
      codec: "json",
      isInteractive: false,
    },
    new AbortController().signal,
  );
  closing.push(() => source.close());
  return { server, source };
}

function read(source: ClusterSource, request: Partial<ReadRequest> = {}): Promise<SnapshotInput> {
  const signal = new AbortController().signal;
  return source.read({ kinds: ["CustomResourceDefinition"], scope: {}, customResources: true, signal, ...request });
}

const items =
  (...objects: readonly object[]): Script =>
  (_, reply) =>
    json(reply, { kind: "List", metadata: {}, items: objects });
const tenants = "/apis/example.com/v1/tenants";
const namesOf = ({ customResources = [] }: SnapshotInput) => customResources.map(({ object }) => object.metadata?.name);

describe("live", () => {
  it("lists each kind once by GET, and keeps metadata and status only", async () => {
    const { server, source } = await live(
      scripted([definition({ kind: "Tenant" })], { [tenants]: items(tenant("a"), tenant("b")) }),
    );
    const result = await read(source);
    expect(server.lists().filter(({ path }) => path === tenants)).toHaveLength(1);
    expect(new Set(server.asked.map(({ method }) => method))).toEqual(new Set(["GET"]));
    expect(result.customReads).toEqual([]);
    expect(result.customResources?.[0]).toMatchObject({
      group: "example.com",
      version: "v1",
      kind: "Tenant",
      plural: "tenants",
    });
    expect(namesOf(result)).toEqual(["a", "b"]);
    expect(JSON.stringify(result.customResources)).not.toContain("hunter2");
  });

  it("asks for nothing when nobody looks at them", async () => {
    const { server, source } = await live(scripted([definition({ kind: "Tenant" })]));
    const result = await read(source, { customResources: false });
    expect(server.lists()).toHaveLength(1);
    expect(result.customResources).toBeUndefined();
  });

  it("leaves out kinds that say nothing, are records, are known, or are not served yet", async () => {
    const { server, source } = await live(
      scripted([
        definition({ kind: "Silent", versions: [{ name: "v1", served: true, storage: true }] }),
        definition({ kind: "CiliumEndpoint", group: "cilium.io" }),
        definition({ kind: "Certificate", group: "cert-manager.io" }),
        definition({ kind: "Waiting", conditions: [{ type: "Established", status: "False" }] }),
        definition({ kind: "Gone", versions: [{ ...stored, served: false }] }),
        {},
      ]),
    );
    await read(source);
    expect(server.lists().map(({ path }) => path)).toEqual(["/apis/apiextensions.k8s.io/v1/customresourcedefinitions"]);
  });

  it("knows the kinds whose controllers report without a status subresource", async () => {
    const path = "/apis/argoproj.io/v1/applications";
    const { server, source } = await live(
      scripted([
        definition({
          kind: "Application",
          group: "argoproj.io",
          versions: [{ name: "v1", served: true, storage: true }],
        }),
      ]),
    );
    await read(source);
    expect(server.lists().map((asked) => asked.path)).toContain(path);
  });

  it("asks for the stored version, else for one that is served", async () => {
    const { server, source } = await live(
      scripted([
        definition({
          kind: "Tenant",
          versions: [
            { ...stored, storage: false },
            { ...stored, name: "v2" },
          ],
        }),
        definition({
          kind: "Client",
          versions: [
            { ...stored, name: "v3", storage: false },
            { ...stored, name: "v2", served: false },
          ],
        }),
      ]),
    );
    await read(source);
    const paths = server.lists().map(({ path }) => path);
    expect(paths).toContain("/apis/example.com/v2/tenants");
    expect(paths).toContain("/apis/example.com/v3/clients");
  });

  it("follows pages", async () => {
    const { source } = await live(
      scripted([definition({ kind: "Tenant" })], {
        [tenants]: ({ query }, reply) =>
          query.get("continue") === null
            ? json(reply, { metadata: { continue: "two" }, items: [tenant("a")] })
            : json(reply, { metadata: {}, items: [tenant("b")] }),
      }),
    );
    expect(namesOf(await read(source))).toEqual(["a", "b"]);
  });

  it("leaves a kind alone that has more than 2,000 objects, and says so", async () => {
    const { server, source } = await live(
      scripted([definition({ kind: "Tenant" })], {
        [tenants]: (_, reply) =>
          json(reply, { metadata: { continue: "two", remainingItemCount: 2000 }, items: [tenant("a")] }),
      }),
    );
    const result = await read(source);
    expect(result.customResources).toEqual([]);
    expect(result.customReads).toEqual([
      { resource: "tenants.example.com", state: "skipped", reason: "there are more than 2000 of them" },
    ]);
    expect(server.lists().filter(({ path }) => path === tenants)).toHaveLength(1);
  });

  it("obeys the namespaces that were asked for, in and out", async () => {
    const inShop = "/apis/example.com/v1/namespaces/shop/tenants";
    const { server, source } = await live(
      scripted([definition({ kind: "Tenant" }), definition({ kind: "Region", scope: "Cluster" })], {
        [inShop]: items(tenant("a")),
        [tenants]: items(tenant("a"), tenant("b", "lab")),
        "/apis/example.com/v1/regions": items(tenant("eu", "")),
      }),
    );
    expect(namesOf(await read(source, { scope: { include: ["shop"] } }))).toEqual(["a", "eu"]);
    expect(server.lists().map(({ path }) => path)).not.toContain(tenants);
    expect(namesOf(await read(source, { scope: { exclude: ["lab"] } }))).toEqual(["a", "eu"]);
  });

  it("tells what may not be read and what came broken; what was removed meanwhile is no gap", async () => {
    const { source } = await live(
      scripted([definition({ kind: "Tenant" }), definition({ kind: "Client" }), definition({ kind: "Gone" })], {
        [tenants]: (_, reply) => forbidden(reply, "tenants"),
        "/apis/example.com/v1/clients": (_, reply) => json(reply, { items: "odd" }),
        "/apis/example.com/v1/gones": (_, reply) =>
          status(reply, 404, "NotFound", "the server could not find the requested resource"),
      }),
    );
    const { customReads = [] } = await read(source);
    expect(customReads).toEqual([
      expect.objectContaining({
        resource: "tenants.example.com",
        state: "unread",
        reason: expect.stringContaining("forbidden"),
        next: "kubectl auth can-i list tenants.example.com --all-namespaces",
      }),
      { resource: "clients.example.com", state: "unread", reason: "the answer is not a list" },
    ]);
  });
});

describe("the whole way", () => {
  const options = { scope: {}, include: [], logs: false, signal: new AbortController().signal } as const;

  it("finds a custom resource that is not well, and a refusal makes the report incomplete", async () => {
    const { source } = await live(
      scripted([definition({ kind: "Tenant" }), definition({ kind: "Client" })], {
        [tenants]: items(tenant("a")),
        "/apis/example.com/v1/clients": (_, reply) => forbidden(reply, "clients"),
      }),
    );
    const report = await analyze(source, { ...options, analyzers: [customResource] });
    expect(report.findings.map(({ rule, object }) => [rule, object.kind, object.name])).toEqual([
      ["custom-resource-not-ready", "Tenant", "a"],
    ]);
    expect(report.findings[0]?.commands).toEqual(["kubectl -n shop describe tenants.example.com a"]);
    expect(report.complete).toBe(false);
    expect(report.coverage.map(({ what, level }) => [what, level])).toEqual([["clients.example.com", "gap"]]);
  });

  it("folds what an operator's object says into what is wrong with its workload", async () => {
    const owned = {
      metadata: {
        name: "db",
        namespace: "shop",
        uid: "d",
        generation: 1,
        creationTimestamp: "2026-01-01T00:00:00Z",
        ownerReferences: [{ apiVersion: "example.com/v1", kind: "Tenant", name: "a", uid: "a", controller: true }],
      },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: "db" } },
        template: { metadata: { labels: { app: "db" } }, spec: { containers: [{ name: "db" }] } },
      },
      status: {
        observedGeneration: 1,
        replicas: 2,
        unavailableReplicas: 2,
        conditions: [
          { type: "Available", status: "False", lastTransitionTime: "2026-01-01T00:30:00Z" },
          {
            type: "Progressing",
            status: "False",
            reason: "ProgressDeadlineExceeded",
            lastTransitionTime: "2026-01-01T00:30:00Z",
          },
        ],
      },
    };
    const { source } = await live(
      scripted([definition({ kind: "Tenant" })], {
        [tenants]: items(tenant("a")),
        "/apis/apps/v1/deployments": items(owned),
      }),
    );
    const report = await analyze(source, { ...options, analyzers: [customResource, deployment] });
    const [incident, ...others] = report.incidents;
    expect(others).toEqual([]);
    expect(incident?.root.object.kind).toBe("Deployment");
    expect(incident?.members.map(({ rule }) => rule)).toContain("custom-resource-not-ready");
  });
});

describe("saved", () => {
  const input: SnapshotInput = {
    takenAt: Date.parse("2026-02-01T00:00:00Z"),
    cluster: { name: "prod", source: "live" },
    objects: { CustomResourceDefinition: [{ metadata: { name: "tenants.example.com" } }] },
    reads: [{ kind: "CustomResourceDefinition", state: "complete" }],
    customResources: [
      {
        group: "example.com",
        version: "v1",
        kind: "Tenant",
        plural: "tenants",
        object: { metadata: { name: "b", namespace: "shop" } },
      },
      {
        group: "example.com",
        version: "v1",
        kind: "Tenant",
        plural: "tenants",
        object: { metadata: { name: "a", namespace: "shop" }, status: { phase: "Failed" } },
      },
    ],
    customReads: [
      {
        resource: "clients.example.com",
        state: "unread",
        reason: "forbidden",
        next: "kubectl auth can-i list clients.example.com",
      },
    ],
  };

  it("comes back from our own snapshot as it was", async () => {
    const file = join(folder, "custom.tar.gz");
    await saveSnapshot(input, file, { k8sgptVersion: "1.2.3" });
    const result = await read(await openSaved(file, { now: 0 }));
    expect(namesOf(result)).toEqual(["a", "b"]);
    expect(result.customResources?.[0]).toEqual(input.customResources?.[1]);
    expect(result.customReads).toEqual(input.customReads);
  });

  it("a snapshot that was taken without them says so", async () => {
    const file = join(folder, "without.tar.gz");
    const { customResources: _objects, customReads: _reads, ...without } = input;
    await saveSnapshot(without, file, { k8sgptVersion: "1.2.3" });
    const { customReads } = await read(await openSaved(file, { now: 0 }));
    expect(customReads).toEqual([
      { resource: "custom resources", state: "unread", reason: "the snapshot was taken without them" },
    ]);
  });

  it("a masked snapshot holds none of them, and their names are masked where they are told of", () => {
    const named: SnapshotInput = {
      ...input,
      customResources: [
        {
          group: "acme.example",
          version: "v1",
          kind: "Tenant",
          object: { metadata: { name: "northwind-traders", namespace: "mergers" } },
        },
      ],
    };
    expect(JSON.stringify(maskSnapshot(named))).not.toMatch(/northwind|mergers|acme/);
    expect(dictionaryOf(named).mask("Tenant mergers/northwind-traders failed")).not.toMatch(/northwind|mergers/);
  });

  it("manifests of kinds that nobody knows are kept when they have a status", async () => {
    const dump = join(folder, "manifests");
    await mkdir(dump);
    await writeFile(
      join(dump, "all.yaml"),
      [
        "apiVersion: example.com/v1\nkind: Tenant\nmetadata: {name: a, namespace: shop}\nspec: {password: hunter2}\nstatus: {phase: Failed}",
        "apiVersion: example.com/v1\nkind: Tenant\nmetadata: {name: fresh, namespace: shop}",
        "apiVersion: cilium.io/v2\nkind: CiliumEndpoint\nmetadata: {name: x, namespace: shop}\nstatus: {state: ready}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}",
      ].join("\n---\n"),
    );
    const source = await openSaved(dump, { now: Date.parse("2026-02-01T00:00:00Z") });
    const result = await read(source);
    expect(result.customResources).toEqual([
      {
        group: "example.com",
        version: "v1",
        kind: "Tenant",
        object: { metadata: { name: "a", namespace: "shop" }, spec: {}, status: { phase: "Failed" } },
      },
    ]);
    expect(result.customReads).toEqual([
      { resource: "custom resources", state: "partial", reason: "only those that the dump holds are known" },
    ]);
    expect(namesOf(await read(source, { scope: { include: ["lab"] } }))).toEqual([]);
  });
});
