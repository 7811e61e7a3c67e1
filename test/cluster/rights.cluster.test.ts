/** Rights, policy and record against a real API server, whose own audit log says what it was asked. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { entry, k8sgpt, temporaryFolder } from "../e2e/run.ts";
import type { KubeObject } from "../lab/client.ts";
import { type AuditEvent, type ControlPlane, startControlPlane } from "../lab/control-plane.ts";

let lab: ControlPlane;
const folder = temporaryFolder();
const file = (name: string): string => join(folder, name);

const namespaces = ["shop", "web", "payroll"];
/** A kind of the cluster's own, which only --custom-kinds can know. */
const widgets = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.test" },
  spec: {
    group: "example.test",
    scope: "Namespaced",
    names: { kind: "Widget", plural: "widgets", singular: "widget", listKind: "WidgetList" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

beforeAll(async () => {
  if (!existsSync(entry)) throw new Error("the command is not built: `npm run build`");
  lab = await startControlPlane({ name: "rights", controllers: false });
  await lab.client().apply([
    ...namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    widgets,
    ...namespaces.map((namespace) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `${namespace}-pod`, namespace },
      spec: { containers: [{ name: "web", image: "nginx" }] },
    })),
    ...namespaces.map((namespace) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: `${namespace}-service`, namespace },
      spec: { selector: { app: "nothing" }, ports: [{ port: 80 }] },
    })),
  ]);
});
afterAll(async () => {
  await lab?.stop();
});

async function kubeconfigOf(user: string): Promise<string> {
  return lab.kubeconfigFor({ user, certificate: await lab.clientCertificate(user) });
}

async function applyYaml(text: string): Promise<void> {
  // What rbac prints are Kubernetes objects.
  await lab.client().apply(loadAll(text) as KubeObject[]);
}

/** What the server was asked by one user. */
async function askedBy(user: string): Promise<readonly AuditEvent[]> {
  return (await lab.auditLog()).filter((event) => event.user.username === user);
}

interface Coverage {
  readonly complete: boolean;
  readonly status: string;
  readonly coverage: readonly { what: string; namespace?: string; reason: string; level: string }[];
}

describe("rbac", () => {
  it("writes a role that is enough, and no more", async () => {
    const admin = ["--kubeconfig", lab.kubeconfig];
    const role = await k8sgpt(["rbac", "--custom-kinds", "--name", "exact", "--bind", "user:exact", ...admin]);
    expect(role).toMatchObject({ code: 0, stderr: "" });
    expect(role.stdout).not.toContain('"*"');
    expect(role.stdout).not.toContain("'*'");
    await applyYaml(role.stdout);
    const kubeconfig = await kubeconfigOf("exact");
    await lab.client().waitFor("the role to count", async () => {
      const run = await k8sgpt(["analyze", "-o", "json", "--kubeconfig", kubeconfig]);
      return (JSON.parse(run.stdout) as Coverage).coverage.every(({ level }) => level === "scope");
    });
    const check = await k8sgpt(["rbac", "check", "--strict", "--kubeconfig", kubeconfig]);
    expect(check).toMatchObject({ code: 0, stderr: "" });
    expect(check.stdout).toMatch(/all \d+ kinds that the filters ask for can be read/);
    // Nothing else is granted.
    const asked = await askedBy("exact");
    const granted = (loadAll(role.stdout) as { rules?: { apiGroups: string[]; resources: string[] }[] }[])
      .flatMap(({ rules = [] }) => rules)
      .flatMap(({ apiGroups: [group = ""], resources }) => resources.map((name) => `${name}.${group}`));
    const used = new Set(asked.map(({ objectRef }) => `${objectRef?.resource ?? ""}.${objectRef?.apiGroup ?? ""}`));
    // Core filters only: the widgets are for the filter CustomResource.
    expect(granted.filter((name) => !used.has(name))).toEqual(["widgets.example.test"]);
  });

  it("names the gap of a role without a rule, and the filters that it blinds", async () => {
    const role = await k8sgpt(["rbac", "-f", "Service,Node", "--name", "short", "--bind", "user:short"]);
    await applyYaml(role.stdout.replace(/^ +- services\n/m, ""));
    const kubeconfig = await kubeconfigOf("short");
    const words = ["-f", "Service,Node", "-o", "json", "--kubeconfig", kubeconfig];
    await lab.client().waitFor("the role to count", async () => {
      const run = await k8sgpt(["rbac", "check", ...words]);
      return (JSON.parse(run.stdout) as { refused: unknown[] }).refused.length === 1;
    });
    const check = await k8sgpt(["rbac", "check", "--strict", ...words]);
    expect(check.code).toBe(3);
    expect(JSON.parse(check.stdout)).toMatchObject({
      complete: false,
      refused: [{ resource: "services", reason: 'forbidden for user "short"', blinds: ["Service"] }],
    });
    const report = JSON.parse((await k8sgpt(["analyze", ...words])).stdout) as Coverage;
    expect(report.status).toBe("Incomplete");
    expect(report.coverage.filter(({ level }) => level === "gap")).toMatchObject([{ what: "services" }]);
  });

  it("writes roles for namespaces that are enough for them", async () => {
    const role = await k8sgpt(["rbac", "-f", "Service", "-n", "shop", "--name", "narrow", "--bind", "user:narrow"]);
    await applyYaml(role.stdout);
    const kubeconfig = await kubeconfigOf("narrow");
    const words = ["-f", "Service", "-n", "shop", "-o", "json", "--kubeconfig", kubeconfig];
    await lab
      .client()
      .waitFor("the roles to count", async () => (await k8sgpt(["rbac", "check", "--strict", ...words])).code === 0);
    const report = JSON.parse((await k8sgpt(["analyze", ...words])).stdout) as Coverage;
    expect(report).toMatchObject({ complete: true, status: "OK" });
    const wide = await k8sgpt(["rbac", "check", "--strict", "-f", "Service", "--kubeconfig", kubeconfig]);
    expect(wide.code).toBe(3);
  });
});

describe("a policy", () => {
  it.each([
    ["deny", "namespaces:\n  deny: [payroll]\n"],
    ["allow", "namespaces: [shop, web]\n"],
  ])("keeps the tool out of a namespace (%s)", async (name, text) => {
    const user = `policy-${name}`;
    await applyYaml((await k8sgpt(["rbac", "--name", user, "--bind", `user:${user}`])).stdout);
    const kubeconfig = await kubeconfigOf(user);
    const policy = file(`${name}.yaml`);
    writeFileSync(policy, text);
    await lab.client().waitFor("the role to count", async () => {
      return (await k8sgpt(["rbac", "check", "--strict", "-n", "shop", "--kubeconfig", kubeconfig])).code === 0;
    });
    const before = (await askedBy(user)).length;
    const run = await k8sgpt(["analyze", "-o", "json", "--kubeconfig", kubeconfig, "--policy", policy, "--logs"]);
    const asked = (await askedBy(user)).slice(before);

    // Nothing of the namespace, and no list of the whole cluster that could hold something of it.
    const clusterWide = new Set(
      asked
        .filter(({ objectRef }) => objectRef !== undefined && objectRef.namespace === undefined)
        .map(({ objectRef }) => objectRef?.resource),
    );
    const inside = new Set(asked.flatMap(({ objectRef }) => objectRef?.namespace ?? []));
    expect(inside.has("payroll")).toBe(false);
    expect(inside.has("shop")).toBe(true);
    for (const resource of ["pods", "services", "events", "configmaps", "secrets"])
      expect(clusterWide).not.toContain(resource);
    expect(clusterWide).toContain("nodes");
    expect(asked.filter(({ requestURI }) => requestURI.includes("payroll"))).toEqual([]);

    const report = JSON.parse(run.stdout) as Coverage;
    expect(report.status).toBe("Incomplete");
    const line = name === "deny" ? 2 : 1;
    expect(report.coverage.filter(({ what }) => what.includes("payroll"))).toMatchObject([
      { level: "gap", reason: expect.stringContaining(`${name}.yaml:${line} does not allow`) },
    ]);

    const named = await k8sgpt(["analyze", "-n", "payroll", "--kubeconfig", kubeconfig, "--policy", policy]);
    expect(named.code).toBe(1);
    expect(named.stderr).toContain(`${name}.yaml:${line} does not allow namespace "payroll"`);
  });

  it("keeps kinds and contexts unread, and says which line does", async () => {
    const policy = file("kinds.yaml");
    writeFileSync(policy, "kinds:\n  deny:\n    - Secret\n    - services\n");
    const before = (await lab.auditLog()).length;
    const run = await k8sgpt(["analyze", "-o", "json", "--kubeconfig", lab.kubeconfig, "--policy", policy]);
    const asked = (await lab.auditLog()).slice(before).filter(({ userAgent }) => userAgent?.startsWith("k8sgpt/"));
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter(({ objectRef }) => ["secrets", "services"].includes(objectRef?.resource ?? ""))).toEqual([]);
    const report = JSON.parse(run.stdout) as Coverage;
    expect(report.coverage.find(({ what }) => what === "services")?.reason).toContain(
      "kinds.yaml:4 does not allow services",
    );

    const contexts = file("contexts.yaml");
    writeFileSync(contexts, "contexts:\n  - develop-*\n");
    const closed = await k8sgpt(["analyze", "--kubeconfig", lab.kubeconfig, "--policy", contexts]);
    expect(closed.code).toBe(1);
    expect(closed.stderr).toContain("contexts.yaml:1 does not allow context");
  });
});

describe("the record", () => {
  it("holds a line for what the server was asked, and no body", async () => {
    const record = file("audit.jsonl");
    const before = (await lab.auditLog()).length;
    const words = ["analyze", "-o", "json", "--kubeconfig", lab.kubeconfig, "--audit-log", record];
    await k8sgpt(words);
    const asked = (await lab.auditLog()).slice(before).filter(({ userAgent }) => userAgent?.startsWith("k8sgpt/"));
    const lines = readFileSync(record, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(statSync(record).mode & 0o777).toBe(0o600);
    expect(lines[0]).toMatchObject({ event: "run" });
    const reads = lines.slice(1);
    expect(reads.map(({ path }) => String(path)).sort()).toEqual(asked.map(({ requestURI }) => requestURI).sort());
    const pods = reads.find(({ path }) => String(path).startsWith("/api/v1/pods"));
    expect(pods).toMatchObject({ verb: "list", status: 200, objects: 3, context: "rights", user: "rights-admin" });
    expect(Object.keys(pods ?? {}).sort()).toEqual([
      "bytes",
      "context",
      "event",
      "objects",
      "path",
      "status",
      "time",
      "user",
      "verb",
    ]);
    await k8sgpt(words);
    const more = readFileSync(record, "utf8").trim().split("\n");
    expect(more.slice(0, lines.length).map((line) => JSON.parse(line) as unknown)).toEqual(lines);
    expect(more.filter((line) => line.includes('"event":"run"'))).toHaveLength(2);
  });
});

it("contexts says which can be reached, as whom and until when", async () => {
  const run = await k8sgpt(["contexts", "-o", "json", "--kubeconfig", lab.kubeconfig]);
  expect(run.code).toBe(0);
  expect(JSON.parse(run.stdout)).toMatchObject({
    contexts: [
      {
        name: "rights",
        current: true,
        reachable: true,
        user: "rights-admin",
        server: lab.server,
        credential: { kind: "client certificate", expiresAt: expect.stringMatching(/^20\d\d-/) },
      },
    ],
    warnings: expect.any(Array),
  });
});
