/** Two real control planes, production and develop, whose roles and workloads have drifted apart. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { k8sgpt, temporaryFolder } from "../e2e/run.ts";
import { type KubeObject, parsed } from "../lab/client.ts";
import { type ControlPlane, startControlPlane } from "../lab/control-plane.ts";

let production: ControlPlane;
let develop: ControlPlane;
let kubeconfig = "";

const group = "rbac.authorization.k8s.io";
const deployment = (image: string, replicas: number): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "cart", namespace: "shop" },
  spec: {
    replicas,
    selector: { matchLabels: { app: "cart" } },
    template: { metadata: { labels: { app: "cart" } }, spec: { containers: [{ name: "cart", image }] } },
  },
});
const role = (verbs: readonly string[]): KubeObject => ({
  apiVersion: `${group}/v1`,
  kind: "ClusterRole",
  metadata: { name: "deployer" },
  rules: [{ apiGroups: ["apps"], resources: ["deployments"], verbs }],
});
const widgets: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.test" },
  spec: {
    group: "example.test",
    scope: "Namespaced",
    names: { kind: "Widget", plural: "widgets", singular: "widget", listKind: "WidgetList" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};
const shop: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };

interface Kubeconfig {
  readonly clusters: unknown[];
  readonly users: unknown[];
  readonly contexts: unknown[];
}

beforeAll(async () => {
  [production, develop] = await Promise.all([
    startControlPlane({ name: "production", controllers: false }),
    startControlPlane({ name: "develop", controllers: false }),
  ]);
  await Promise.all([
    production.client().apply([shop, deployment("registry.example/cart:1.4.2", 5), role(["get", "patch"])]),
    develop
      .client()
      .apply([shop, deployment("registry.example/cart:1.5.0", 1), role(["get", "patch", "delete"]), widgets]),
  ]);
  await develop.client().waitFor("the new kind is served", async () => {
    return (await develop.client().raw("GET", "/apis/example.test/v1")).status === 200;
  });
  // May list workloads, and no roles.
  await develop.client().apply([
    {
      apiVersion: `${group}/v1`,
      kind: "ClusterRole",
      metadata: { name: "lister" },
      rules: [
        { apiGroups: ["", "apps", "batch", "autoscaling", "apiextensions.k8s.io"], resources: ["*"], verbs: ["list"] },
      ],
    },
    {
      apiVersion: `${group}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "lister" },
      roleRef: { apiGroup: group, kind: "ClusterRole", name: "lister" },
      subjects: [{ apiGroup: group, kind: "User", name: "lister" }],
    },
  ]);
  const nobody = await develop.kubeconfigFor({
    user: "lister",
    certificate: await develop.clientCertificate("lister"),
  });
  const [one, two, three] = [production.kubeconfig, develop.kubeconfig, nobody].map((file) =>
    parsed<Kubeconfig>(readFileSync(file, "utf8")),
  );
  kubeconfig = join(temporaryFolder(), "kubeconfig");
  const all = (part: keyof Kubeconfig): unknown[] => [one, two, three].flatMap((config) => config?.[part] ?? []);
  const merged = {
    apiVersion: "v1",
    kind: "Config",
    clusters: all("clusters"),
    users: all("users"),
    contexts: all("contexts"),
  };
  writeFileSync(kubeconfig, JSON.stringify(merged));
});
afterAll(async () => {
  await Promise.all([production?.stop(), develop?.stop()]);
});

interface Compared {
  readonly same: boolean;
  readonly notCompared: readonly { readonly what: string; readonly of: readonly string[]; readonly reason: string }[];
  readonly versions: Section;
  readonly kinds: Section;
  readonly workloads: Section;
  readonly roles: Section;
}

interface Section {
  readonly same: number;
  readonly differences: readonly object[];
}

const compare = async (...words: readonly string[]) => k8sgpt(["compare", ...words, "--kubeconfig", kubeconfig]);

it("tells what has drifted apart, and nothing else", async () => {
  const run = await compare("production", "develop", "-o", "json", "--exit-code", "--strict");
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 4, stderr: "" });
  const { versions, kinds, workloads, roles, notCompared } = JSON.parse(run.stdout) as Compared;
  expect(notCompared).toEqual([]);
  expect(versions).toEqual({ same: 1, differences: [] });
  expect(kinds.differences).toEqual([{ subject: "Widget (example.test)", left: null, right: "v1" }]);
  expect(kinds.same).toBeGreaterThan(40);
  expect(workloads.differences).toMatchObject([
    {
      subject: { kind: "Deployment", namespace: "shop", name: "cart" },
      field: "image of cart",
      left: "1.4.2",
      right: "1.5.0",
    },
    { field: "replicas", left: "5", right: "1" },
  ]);
  expect(roles.differences).toMatchObject([
    { subject: { kind: "ClusterRole", name: "deployer" }, left: "get, patch", right: "get, patch, delete" },
    { subject: { kind: "ClusterRole", name: "lister" }, left: null, right: "exists" },
  ]);
  expect(roles.same).toBeGreaterThan(50);
});

it("finds a cluster the same as itself, and as its snapshot", async () => {
  const live = await compare("production", "production,production", "-o", "json");
  expect(live.code).toBe(2);
  const saved = join(temporaryFolder(), "production.tar.gz");
  const words = ["-f", "Deployment,Security", "--context", "production", "--kubeconfig", kubeconfig];
  expect(await k8sgpt(["snapshot", "-o", saved, ...words])).toMatchObject({ code: 0 });
  const { stdout, code } = await compare("production", "--from", saved, "--exit-code", "-o", "json");
  expect(code).toBe(0);
  const { workloads, roles, notCompared } = JSON.parse(stdout) as Compared;
  expect(workloads).toEqual({ same: 1, differences: [] });
  expect(roles.differences).toEqual([]);
  expect(notCompared.map(({ of }) => of)).toContainEqual(["production.tar.gz"]);
  const drifted = await compare("develop", "--from", saved, "--exit-code");
  expect(drifted.code).toBe(4);
  expect(drifted.stdout).toContain("develop");
});

it("says what one of them may not tell, and does not take it for equal or missing", async () => {
  await develop.client().waitFor("its rights count", async () => {
    const { stdout } = await compare("production", "lister", "-o", "json");
    return (JSON.parse(stdout) as Compared).workloads.differences.length > 0;
  });
  const { stdout, code } = await compare("production", "lister", "-o", "json", "--strict");
  expect(code).toBe(3);
  const { roles, workloads, notCompared, same } = JSON.parse(stdout) as Compared;
  expect(same).toBe(false);
  expect(roles).toEqual({ same: 0, differences: [] });
  expect(workloads.differences).toHaveLength(2);
  const told = notCompared.filter(({ of, reason }) => of.includes("lister") && reason.includes("forbidden"));
  expect(told.map(({ what }) => what).join()).toMatch(/ClusterRole/);
});

it("names the contexts that there are, and stops when one of the two cannot be reached", async () => {
  const typo = await compare("production", "devlop");
  expect(typo).toMatchObject({ code: 2, stderr: expect.stringContaining("develop") });
  const alone = await compare("production");
  expect(alone).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("compare needs two clusters, not 1: production"),
  });
});
