/** Helm releases from the labels of their Secrets, and another server's tools under their own names. */
import { describe, expect, test } from "vitest";
import type { ClusterSource } from "../../src/cluster/source.ts";
import { Fault } from "../../src/fault.ts";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { connect, contextOf, liveSource, type Manifest, resource, savedSource } from "./source.ts";

const resources = [
  { ...resource("Pod", "pods"), shortNames: ["po"] },
  resource("Secret", "secrets"),
  resource("ConfigMap", "configmaps"),
  resource("Namespace", "namespaces", "", false),
];
// Made of pieces, so that nothing here looks like a credential of somebody's.
const canary = `canary-${"q9".repeat(8)}`;

function revision(
  namespace: string,
  name: string,
  version: number,
  status: string,
  kind: "Secret" | "ConfigMap" = "Secret",
): Manifest {
  return {
    apiVersion: "v1",
    kind,
    type: "helm.sh/release.v1",
    metadata: {
      name: `sh.helm.release.v1.${name}.v${version}`,
      namespace,
      labels: { owner: "helm", name, status, version: String(version), modifiedAt: String(1_760_000_000 + version) },
    },
    data: { release: canary },
  };
}

const manifests: readonly Manifest[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
  ...Array.from({ length: 11 }, (_, index) =>
    revision("shop", "web", index + 1, index === 10 ? "failed" : "superseded"),
  ),
  revision("default", "cache", 1, "deployed"),
  revision("vault", "cache", 3, "deployed", "ConfigMap"),
  { apiVersion: "v1", kind: "Secret", metadata: { name: "db", namespace: "shop" }, data: { key: canary } },
];

/** As Helm's seconds since the epoch read. */
function updated(version: number): string {
  return new Date((1_760_000_000 + version) * 1000).toISOString();
}

function rows(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.filter(isPlain) : [];
}

describe.each(["live", "saved"])("releases of a %s cluster", (type) => {
  const sourceOf = () => (type === "live" ? liveSource(manifests, resources).source : savedSource(manifests));

  test("are told with their last revision, by number and not by text", async () => {
    const { call, close } = await connect(contextOf(sourceOf()));
    const { data, text } = await call("list-helm-releases");
    expect(data).toMatchObject({ count: 3 });
    expect(rows(data["releases"])).toEqual([
      { namespace: "default", name: "cache", revision: 1, status: "deployed", updated: updated(1), revisions: 1 },
      { namespace: "shop", name: "web", revision: 11, status: "failed", updated: updated(11), revisions: 11 },
      { namespace: "vault", name: "cache", revision: 3, status: "deployed", updated: updated(3), revisions: 1 },
    ]);
    expect(text).not.toContain(canary);
    const failed = await call("list-helm-releases", { status: "failed", namespace: "shop" });
    expect(failed.data).toMatchObject({ count: 1, releases: [{ name: "web" }] });
    expect((await call("list-helm-releases", { status: "superseded" })).data).toMatchObject({ count: 0 });
    const first = await call("list-helm-releases", { limit: 2 });
    expect(first.data).toMatchObject({ nextCursor: "2", releases: [{ name: "cache" }, { name: "web" }] });
    const next = await call("list-helm-releases", { limit: 2, cursor: "2" });
    expect(next.data["releases"]).toMatchObject([{ namespace: "vault" }]);
    await close();
  });

  test("one has its history, newest first; several of a name ask for the namespace", async () => {
    const { call, close } = await connect(contextOf(sourceOf()));
    const { data, text } = await call("get-helm-release", { name: "web" });
    expect(data["release"]).toMatchObject({ namespace: "shop", revision: 11, status: "failed" });
    expect(rows(data["history"]).slice(0, 2)).toMatchObject([{ revision: 11 }, { revision: 10, status: "superseded" }]);
    expect(rows(data["history"])).toHaveLength(11);
    expect(text).not.toContain(canary);
    expect((await call("get-helm-release", { name: "web", revision: 3 })).data["release"]).toMatchObject({
      revision: 3,
    });
    expect((await call("get-helm-release", { name: "web", revision: 30 })).text).toContain("has no revision 30");
    expect((await call("get-helm-release", { name: "cache" })).text).toContain("Name the namespace: default, vault");
    expect((await call("get-helm-release", { name: "web,status=deployed" })).text).toContain(
      "There is no Helm release",
    );
    await close();
  });
});

test("Secrets are asked for as metadata only, and by Helm's label", async () => {
  const { source, asked } = liveSource(manifests, resources);
  const { call, close } = await connect(contextOf(source));
  await call("get-helm-release", { name: "web", namespace: "shop" });
  expect(asked.lists.map(({ form, labelSelector }) => [form, labelSelector])).toEqual([
    ["metadata", "owner=helm,name=web"],
    ["metadata", "owner=helm,name=web"],
  ]);
  await close();
});

/** The same cluster for somebody who may not list all of it. */
function refusing(plurals: readonly string[]): ClusterSource {
  const { source } = liveSource(manifests, resources);
  return {
    ...source,
    async listAny(request, signal) {
      const { plural } = request.resource;
      if (!plurals.includes(plural)) return (await source.listAny?.(request, signal)) ?? {};
      throw new Fault(`Cannot list ${plural} of context "test": forbidden for user "ci"`, {
        next: `kubectl auth can-i list ${plural}`,
      });
    },
  };
}

test("who may not list Secrets is told so; with some releases found, a note says what is not among them", async () => {
  const both = await connect(contextOf(refusing(["secrets", "configmaps"])));
  expect(await both.call("list-helm-releases")).toMatchObject({
    isError: true,
    text: expect.stringMatching(
      /^Helm keeps its releases in Secrets, and these cannot be listed: [^]*forbidden for user "ci"\nnext: kubectl auth can-i list secrets/,
    ),
  });
  await both.close();
  const one = await connect(contextOf(refusing(["secrets"])));
  const { data } = await one.call("list-helm-releases");
  expect(data).toMatchObject({ count: 1, releases: [{ namespace: "vault" }] });
  expect(data["note"]).toContain("Releases kept in secrets are not among them: Cannot list secrets");
  await one.close();
});

function event(name: string, about: string, type: string): Manifest {
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: "default" },
    type,
    reason: "Test",
    message: name,
    involvedObject: { kind: "Pod", name: about, namespace: "default" },
  };
}

describe("--mcp-aliases mcp-k8s", () => {
  const pod: Manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default", labels: { app: "web" } },
    spec: { containers: [{ name: "main", image: "nginx:1" }] },
  };
  const all = [...manifests, pod, event("one", "web", "Warning"), event("two", "other", "Normal")];
  const logs = { "web/main": Array.from({ length: 80 }, (_, index) => `line ${index}`) };

  test("are not there unless asked for", async () => {
    const { client, close } = await connect(contextOf(liveSource(all, resources).source));
    expect((await client.listTools()).tools.filter(({ name }) => name.includes("_"))).toEqual([]);
    await close();
  });

  test("take that project's arguments and give our answers", async () => {
    const { source } = liveSource(all, resources, logs);
    const { client, call, close } = await connect(contextOf(source, { aliases: ["mcp-k8s"] }));
    const names = (await client.listTools()).tools.map(({ name }) => name).filter((name) => name.includes("_"));
    expect(names).toEqual([
      "get_api_resources",
      "get_resource",
      "list_resources",
      "get_pod_logs",
      "list_events",
      "list_helm_releases",
      "get_helm_release",
    ]);
    const answered = async (name: string, args: object = {}) => {
      const { isError, data, text } = await call(name, { ...args });
      expect({ name, isError, text }).toMatchObject({ name, isError: false });
      return data;
    };
    expect(await answered("get_api_resources", { includeNamespaceScoped: false })).toMatchObject({ count: 1 });
    expect(await answered("get_resource", { kind: "Pod", name: "web" })).toMatchObject({
      object: { metadata: { name: "web" } },
    });
    expect(await answered("list_resources", { kind: "Pod", labelSelector: "app=web" })).toMatchObject({ count: 1 });
    expect(await answered("get_pod_logs", { pod_name: "web" })).toMatchObject({ container: "main" });
    expect(await answered("get_pod_logs", { pod_name: "web", tail_lines: "5", container: "" })).toMatchObject({
      container: "main",
    });
    expect(await answered("list_events", { kind: "pod", name: "web" })).toMatchObject({ count: 1 });
    expect(await answered("list_events", { field_selector: "type!=Warning" })).toMatchObject({
      events: [{ object: "Pod default/other" }],
    });
    expect(await answered("list_helm_releases")).toMatchObject({ releases: [{ name: "cache" }] });
    expect(await answered("list_helm_releases", { all_namespaces: true })).toMatchObject({ count: 3 });
    expect(await answered("get_helm_release", { name: "cache" })).toMatchObject({ release: { revision: 1 } });
    expect((await call("get_pod_logs", { pod_name: "web", tail_lines: "many" })).text).toContain(
      "not a number of lines",
    );
    expect((await call("list_events", { field_selector: "spec.x=1" })).text).toContain('not selected by "spec.x"');
    expect((await call("list_events", { field_selector: "x" })).text).toContain('"x" is not a field selector');
    await close();
  });

  test("are allowed and denied with the tools that they stand for", async () => {
    const policy = { denyTools: ["get-logs", "list_resources"], scope: {}, denyKinds: [] };
    const { client, close } = await connect(
      contextOf(liveSource(all, resources).source, { aliases: ["mcp-k8s"], policy }),
    );
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).not.toContain("get_pod_logs");
    expect(names).not.toContain("list_resources");
    expect(names).toContain("list-resources");
    await close();
  });
});
