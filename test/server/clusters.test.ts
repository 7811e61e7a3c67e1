/** One server for several clusters: each tool asks the one that is meant, and says which it was. */
import { describe, expect, test } from "vitest";
import type { ClusterSource } from "../../src/cluster/source.ts";
import { Fault } from "../../src/fault.ts";
import type { AuditedCall, Cluster, McpOptions } from "../../src/server/mcp/context.ts";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { createMasking } from "../../src/server/mcp/masking.ts";
import type { McpRule } from "../../src/config/policy.ts";
import { connect, contextOf, liveSource, type Manifest, resource } from "./source.ts";

const resources = [
  resource("Pod", "pods"),
  resource("Secret", "secrets"),
  resource("Namespace", "namespaces", "", false),
];

function cluster(name: string, pods: readonly string[]) {
  const manifests: readonly Manifest[] = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "payroll" } },
    { apiVersion: "v1", kind: "Secret", metadata: { name: "db", namespace: "shop" } },
    ...pods.map((pod): Manifest => {
      const [namespace = "", own = ""] = pod.split("/");
      const spec = { containers: [{ name: "main", image: "nginx:1" }] };
      return { apiVersion: "v1", kind: "Pod", metadata: { name: own, namespace }, spec, status: { phase: "Running" } };
    }),
  ];
  const { source } = liveSource(manifests, resources, { [`${pods[0]?.split("/")[1] ?? ""}/main`]: ["ready"] });
  return { name, isSaved: false, open: async () => ({ ...source, info: { ...source.info, name } }) };
}

const two = [cluster("prod-eu", ["shop/web", "payroll/pay"]), cluster("test", ["shop/try"])] as const;

function fleetOf(options: Partial<McpOptions> = {}, clusters: readonly Cluster[] = two) {
  return contextOf(liveSource([], []).source, { ...options, clusters });
}

function namesIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.filter(isPlain).map(({ name }) => name) : [];
}

const allow = { denyTools: [], scope: {}, denyKinds: [] };
const rule = (rest: Omit<McpRule, "origin">): McpRule => ({ origin: "policy.yaml:3", ...rest });

test("every tool about a cluster takes one, has the names in its schema, and names it in its answer", async () => {
  const { client, call, close } = await connect(fleetOf());
  const { tools } = await client.listTools();
  const own = new Set(["version", "list-filters", "list-integrations", "config", "list-contexts"]);
  const chosen = tools.map(({ name, inputSchema: { properties } }) => [
    name,
    ...["cluster", "context"].map((argument) => {
      const field: unknown = isPlain(properties) ? properties[argument] : undefined;
      return isPlain(field) ? field["enum"] : undefined;
    }),
  ]);
  const names = ["prod-eu", "test"];
  expect(chosen).toEqual(
    tools.map(({ name }) => (own.has(name) ? [name, undefined, undefined] : [name, names, names])),
  );
  expect(client.getInstructions()).toContain('2 Kubernetes clusters: each tool takes `cluster`; without it, "prod-eu"');
  const ask = async (args: object) => (await call("list-resources", { resourceType: "pods", ...args })).data;
  expect(await ask({})).toMatchObject({ cluster: "prod-eu", items: [{ name: "pay" }, { name: "web" }] });
  expect(await ask({ cluster: "test" })).toMatchObject({ cluster: "test", items: [{ name: "try" }] });
  expect(await ask({ context: "test" })).toMatchObject({ cluster: "test", items: [{ name: "try" }] });
  for (const name of ["analyze", "cluster-info", "health", "list-namespaces", "get-events", "get-api-resources"]) {
    const answer = await call(name, { cluster: "test" });
    expect([name, answer.data["cluster"]]).toEqual([name, "test"]);
    expect(answer.text).toContain('"cluster":"test"');
  }
  expect((await call("get-logs", { podName: "try", namespace: "shop", cluster: "test" })).text).toMatch(
    /^Cluster: test\n/,
  );
  const missing = await call("get-resource", { resourceType: "pod", name: "web", namespace: "shop", cluster: "test" });
  expect(missing).toMatchObject({ isError: true, text: expect.stringMatching(/does not exist[^]*\ncluster: test$/) });
  expect(await call("analyze", { cluster: "test", context: "prod-eu" })).toMatchObject({
    isError: true,
    text: expect.stringContaining("name two clusters"),
  });
  await close();
});

function commands(text: string): readonly string[] {
  return text.match(/kubectl [^"\\]*/g) ?? [];
}

test("commands name the context that was named, or its token", async () => {
  const broken = { ...cluster("prod-eu", []), isNamed: true };
  const open = async (): Promise<ClusterSource> => {
    const source = await broken.open();
    const pod = {
      metadata: { name: "cart", namespace: "shop", uid: "1", creationTimestamp: "2025-01-01T00:00:00Z" },
      status: { phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." },
    };
    return {
      ...source,
      read: async (request) => {
        const input = await source.read(request);
        return { ...input, objects: { ...input.objects, Pod: [pod] } };
      },
    };
  };
  const told = async (options: Partial<McpOptions>, isNamed: boolean): Promise<string> => {
    const { call, close } = await connect(fleetOf(options, [{ ...broken, open, isNamed }, two[1]]));
    const { data } = await call("analyze", { filters: ["Pod"] });
    const [first] = Array.isArray(data["incidents"]) ? data["incidents"].filter(isPlain) : [];
    const text = await call("analyze", { filters: ["Pod"], format: "text" });
    const explained = await call("explain", { id: first?.["id"], filters: ["Pod"] });
    await close();
    return JSON.stringify([explained.data["findings"], text.text]);
  };
  const named = commands(await told({}, true));
  expect(named.length).toBeGreaterThan(1);
  for (const command of named) expect(command).toMatch(/^kubectl --context prod-eu /);
  for (const command of commands(await told({}, false))) expect(command).not.toContain("--context");
  for (const command of commands(await told({ masking: createMasking(2) }, true))) {
    expect(command).toMatch(/^kubectl --context cluster-1 /);
  }
});

test("list-contexts tells which there are, and which of them was opened", async () => {
  const { call, close } = await connect(fleetOf());
  await call("health", { cluster: "test" });
  expect((await call("list-contexts")).data).toEqual({
    current: "prod-eu",
    count: 2,
    contexts: [
      { name: "prod-eu", source: "live", opened: false },
      { name: "test", source: "live", version: "v1.34.4" },
    ],
  });
  await close();
});

async function cannotOpen(): Promise<never> {
  throw new Fault('Cannot reach the API server of context "prod-eu"', { next: "Check the network" });
}

test("one that cannot be reached does not hide the other", async () => {
  const { call, close } = await connect(fleetOf({}, [{ ...two[0], open: cannotOpen }, two[1]]));
  expect(await call("analyze")).toMatchObject({ isError: true, text: expect.stringContaining("Cannot reach") });
  expect((await call("analyze", { cluster: "test" })).data).toMatchObject({ cluster: "test" });
  await close();
});

test("resources and completion know them, too", async () => {
  const { client, close } = await connect(fleetOf());
  const read = async (uri: string) => {
    const [first] = (await client.readResource({ uri })).contents;
    return first !== undefined && "text" in first ? first.text : "";
  };
  expect(await read("k8s://namespaces?cluster=test")).toContain('"cluster":"test"');
  expect(await read("k8s://objects/pods/shop/try?cluster=test")).toContain('"name":"try"');
  expect(await read("k8s://objects/pods/shop/web")).toContain('"cluster":"prod-eu"');
  const { resourceTemplates } = await client.listResourceTemplates();
  expect(resourceTemplates.every(({ uriTemplate }) => uriTemplate.endsWith("{?cluster}"))).toBe(true);
  const ref = { type: "ref/prompt" as const, name: "troubleshoot-pod" };
  const complete = async (name: string, given: Record<string, string>) =>
    (await client.complete({ ref, argument: { name, value: "" }, context: { arguments: given } })).completion.values;
  expect(await complete("cluster", {})).toEqual(["prod-eu", "test"]);
  expect(await complete("podName", { cluster: "test", namespace: "shop" })).toEqual(["try"]);
  const prompt = await client.getPrompt({ name: "troubleshoot-cluster", arguments: { cluster: "test" } });
  expect(JSON.stringify(prompt)).toContain(String.raw`1. Give every tool cluster: \"test\"`);
  await close();
});

test("with masked names, clusters have tokens, also in schemas and errors", async () => {
  const { client, call, close } = await connect(fleetOf({ masking: createMasking(2) }));
  const { tools } = await client.listTools();
  const contexts = await call("list-contexts");
  expect(namesIn(contexts.data["contexts"])).toEqual(["cluster-1", "cluster-2"]);
  const listed = await call("list-resources", { resourceType: "pods", cluster: "cluster-2" });
  const missing = await call("get-resource", { resourceType: "pod", name: "x", cluster: "cluster-1" });
  expect(listed.data).toMatchObject({ cluster: "cluster-2", count: 1 });
  expect(
    JSON.stringify([tools, contexts, listed, missing, await call("cluster-info"), await call("analyze")]),
  ).not.toMatch(/prod-eu|"test"/);
  await close();
});

describe("a policy's rules for MCP", () => {
  const pods = { resourceType: "pods" };

  test("keep a tool from one cluster", async () => {
    const rules = [rule({ tools: ["get-logs"], contexts: ["prod-*"] })];
    const { client, call, close } = await connect(fleetOf({ policy: { ...allow, rules } }));
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("get-logs");
    expect(await call("get-logs", { podName: "web", namespace: "shop" })).toMatchObject({
      isError: true,
      text: expect.stringContaining('policy.yaml:3 does not allow get-logs of context "prod-eu"'),
    });
    expect((await call("get-logs", { podName: "try", namespace: "shop", cluster: "test" })).isError).toBe(false);
    await close();
  });

  test("keep a namespace from some tools", async () => {
    const rules = [rule({ tools: ["list-*", "get-resource", "why"], contexts: ["prod-eu"], namespaces: ["payroll"] })];
    const { call, client, close } = await connect(fleetOf({ policy: { ...allow, rules } }));
    expect(namesIn((await call("list-resources", pods)).data["items"])).toEqual(["web"]);
    expect((await call("get-resource", { resourceType: "pod", name: "pay", namespace: "payroll" })).text).toContain(
      'Namespace "payroll" is not open to this server',
    );
    expect((await call("why", { kind: "pod", name: "pay", namespace: "payroll" })).isError).toBe(true);
    await expect(client.readResource({ uri: "k8s://objects/pods/payroll/pay" })).rejects.toThrow("is not open");
    expect((await call("describe-resource", { resourceType: "pod", name: "pay", namespace: "payroll" })).isError).toBe(
      false,
    );
    await close();
  });

  test("keep a kind from all, and then its analyzers say that they did not see it", async () => {
    const rules = [rule({ kinds: ["Secret", "Pod", "pods/log"] })];
    const { call, close } = await connect(fleetOf({ policy: { ...allow, rules } }));
    expect((await call("list-resources", { resourceType: "secrets" })).text).toContain("Secret objects are not open");
    expect((await call("get-logs", { podName: "web", namespace: "shop" })).text).toContain("Logs are not open");
    const { data } = await call("analyze", { filters: ["Pod"] });
    expect(data).toMatchObject({ complete: false, status: "Incomplete" });
    expect(JSON.stringify(data["coverage"])).toContain("not open to this server");
    await close();
  });

  test("name kinds with *, as contexts and tools", async () => {
    const rules = [rule({ kinds: ["Sec*", "pods*"] })];
    const { call, close } = await connect(fleetOf({ policy: { ...allow, rules } }));
    expect((await call("list-resources", { resourceType: "secrets" })).text).toContain("Secret objects are not open");
    expect((await call("list-resources", pods)).text).toContain("Pod objects are not open");
    expect((await call("get-logs", { podName: "web", namespace: "shop" })).text).toContain("Logs are not open");
    expect((await call("analyze", { filters: ["Pod"] })).data).toMatchObject({ status: "Incomplete" });
    await close();
  });

  test("keep a kind of the cluster's own from analyses and stories, too", async () => {
    const whole = two[0];
    const widget = {
      group: "example.test",
      version: "v1",
      kind: "Widget",
      plural: "widgets",
      object: {
        metadata: { name: "canary", namespace: "shop", creationTimestamp: "2025-01-01T00:00:00Z" },
        status: {
          conditions: [
            { type: "Ready", status: "False", reason: "Broken", lastTransitionTime: "2025-01-01T00:00:00Z" },
          ],
        },
      },
    };
    const open = async (): Promise<ClusterSource> => {
      const source = await whole.open();
      return {
        ...source,
        read: async (request) => {
          const input = await source.read(request);
          return request.customResources === true ? { ...input, customResources: [widget] } : input;
        },
      };
    };
    const asked = async (rules: readonly McpRule[]): Promise<string> => {
      const { call, close } = await connect(fleetOf({ policy: { ...allow, rules } }, [{ ...whole, open }]));
      const said = [
        await call("analyze", { filters: ["CustomResource"] }),
        await call("why", { kind: "widgets.example.test", name: "canary", namespace: "shop" }),
      ];
      await close();
      return JSON.stringify(said.map(({ text, isError }) => [isError, text]));
    };
    expect(await asked([])).toContain("Widget");
    const closed = await asked([rule({ kinds: ["widgets.example.*"] })]);
    expect(closed).not.toContain("Widget");
    expect(closed).toContain("widgets.example.test");
    expect(closed).toContain("not open to this server");
  });

  test("allow only some tools, and what is nowhere allowed is not shown", async () => {
    const rules = [rule({ exceptTools: ["analyze", "explain", "list-*"] })];
    const { client, close } = await connect(fleetOf({ policy: { ...allow, rules } }));
    expect((await client.listTools()).tools.map(({ name }) => name).sort()).toEqual(
      [
        "analyze",
        "explain",
        "explain-finding",
        "get-api-resources",
        "get-events",
        "list-api-resources",
        "list-contexts",
        "list-events",
        "list-filters",
        "list-helm-releases",
        "list-integrations",
        "list-namespaces",
        "list-resources",
      ].sort(),
    );
    expect((await client.listResources()).resources.map(({ name }) => name)).not.toContain("cluster-info");
    await close();
  });
});

function cannotWrite(): void {
  throw new Fault("Cannot write to audit log /full: the disk is full");
}

describe("the record of calls", () => {
  test("holds one line for each, with names and outcome and no body", async () => {
    const calls: AuditedCall[] = [];
    const rules = [rule({ tools: ["get-logs"], contexts: ["prod-eu"] })];
    const audit = (call: AuditedCall): void => void calls.push(call);
    const { client, call, close } = await connect(fleetOf({ audit, policy: { ...allow, rules } }));
    await call("list-resources", { resourceType: "pods", namespace: "shop" });
    await call("get-logs", { podName: "web", namespace: "shop" });
    await call("get-resource", { resourceType: "pod", name: "nobody", namespace: "shop", cluster: "test" });
    await call("version");
    await client.readResource({ uri: "k8s://objects/pods/shop/web" });
    await close();
    const line = { client: "test 1", context: "prod-eu", masked: false, ms: expect.any(Number) };
    expect(calls).toEqual([
      { ...line, tool: "list-resources", namespaces: ["shop"], kinds: ["pods"], outcome: "answered" },
      { ...line, tool: "get-logs", namespaces: ["shop"], kinds: ["pods/log"], outcome: "refused" },
      { ...line, context: "test", tool: "get-resource", namespaces: ["shop"], kinds: ["pod"], outcome: "failed" },
      { ...line, tool: "version", namespaces: [], kinds: [], outcome: "answered" },
      { ...line, tool: "resources/read", namespaces: ["shop"], kinds: ["pods"], outcome: "answered" },
    ]);
  });

  test("says which were cancelled; who cancels does not wait", async () => {
    const calls: AuditedCall[] = [];
    const { source } = liveSource([], resources);
    const asked = Promise.withResolvers<void>();
    const never = new Promise<never>(() => undefined);
    const silent = {
      name: "slow",
      isSaved: false,
      open: async () => ({
        ...source,
        async read() {
          asked.resolve();
          return never;
        },
      }),
    };
    const written = Promise.withResolvers<void>();
    const audit = (call: AuditedCall): void => {
      calls.push(call);
      written.resolve();
    };
    const { client, close } = await connect(fleetOf({ audit }, [silent]));
    const stop = new AbortController();
    const answer = client.callTool({ name: "analyze", arguments: {} }, { signal: stop.signal });
    await asked.promise;
    stop.abort();
    await expect(answer).rejects.toThrow("abort");
    await written.promise;
    expect(calls).toMatchObject([{ tool: "analyze", context: "slow", outcome: "cancelled" }]);
    await close();
  });

  test("what cannot be written down is not answered", async () => {
    const { client, call, close } = await connect(fleetOf({ audit: cannotWrite }));
    const { isError, text } = await call("list-resources", { resourceType: "pods" });
    expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining("the disk is full") });
    expect(text).not.toContain("web");
    await expect(client.readResource({ uri: "k8s://objects/pods/shop/web" })).rejects.toThrow("the disk is full");
    await close();
  });
});
