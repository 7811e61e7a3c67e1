import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { load, loadAll } from "js-yaml";
import { describe, expect, it, test } from "vitest";
import { emptyHome } from "./fake-terminal.ts";

const home = emptyHome();

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: readonly {
    apiGroups?: string[];
    resources?: string[];
    nonResourceURLs?: string[];
    verbs: string[];
  }[];
}

async function rolesOf(...words: readonly string[]): Promise<readonly Role[]> {
  const { code, stdout, stderr } = await home.run(["rbac", ...words]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return loadAll(stdout) as Role[];
}

describe("the role", () => {
  it("names what the filters read and nothing else", async () => {
    const [role] = await rolesOf("-f", "PodDisruptionBudget");
    const rules = role?.rules ?? [];
    expect(role).toMatchObject({ kind: "ClusterRole", metadata: { name: "k8sgpt" } });
    const resources = rules.flatMap(({ resources = [] }) => resources);
    expect(resources).toContain("poddisruptionbudgets");
    expect(resources).not.toContain("secrets");
    expect(resources).not.toContain("pods/log");
    expect(new Set(rules.flatMap(({ verbs }) => verbs))).toEqual(new Set(["get", "list"]));
  });

  it("has no wildcard, and never gets a Secret by name, whatever the filters", async () => {
    const all = (await home.run(["filters", "list", "-o", "json"])).stdout;
    const names = [...all.matchAll(/"name": "([^"]+)"/g)].map(([, name = ""]) => name);
    const [role] = names.length > 0 ? await rolesOf("-f", names.join(",")) : await rolesOf();
    const rules = role?.rules ?? [];
    expect(JSON.stringify(rules)).not.toContain("*");
    const held = rules.filter(
      ({ resources = [] }) => resources.includes("secrets") || resources.includes("configmaps"),
    );
    expect(held.map(({ verbs }) => verbs)).toEqual([["list"]]);
    expect(rules.flatMap(({ resources = [] }) => resources)).toContain("secrets");
  });

  it("reads logs only where they are asked for", async () => {
    for (const words of [
      ["-f", "Pod", "--logs"],
      ["-f", "Log"],
    ]) {
      const [role] = await rolesOf(...words);
      expect(role?.rules).toContainEqual({ apiGroups: [""], resources: ["pods/log"], verbs: ["get"] });
    }
  });

  it("is a Role per namespace, and a ClusterRole for what has none", async () => {
    const roles = await rolesOf("-f", "Service", "-n", "shop,web", "--bind", "ops/k8sgpt");
    expect(roles.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}`.trim())).toEqual([
      "ClusterRole",
      "ClusterRoleBinding",
      "Role shop",
      "RoleBinding shop",
      "Role web",
      "RoleBinding web",
    ]);
    expect(roles[0]?.rules.flatMap(({ resources = [] }) => resources)).not.toContain("services");
    expect(roles[2]?.rules.flatMap(({ resources = [] }) => resources)).not.toContain("nodes");
    expect(roles[3]).toMatchObject({
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "k8sgpt" },
      subjects: [{ kind: "ServiceAccount", name: "k8sgpt", namespace: "ops" }],
    });
  });

  it("is a List as JSON, as kubectl apply takes it", async () => {
    const { stdout } = await home.run(["rbac", "-f", "Pod", "-o", "json", "--bind", "user:ci"]);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: "List",
      items: [{ kind: "ClusterRole" }, { kind: "ClusterRoleBinding", subjects: [{ kind: "User", name: "ci" }] }],
    });
  });

  it("says beside the role what RBAC cannot promise", async () => {
    const { stdout } = await home.run(["rbac", "-f", "CustomResource,Ingress"]);
    const comment = stdout
      .split("\n")
      .filter((line) => line.startsWith("#"))
      .join(" ")
      .replaceAll(" # ", " ");
    expect(comment).toContain("metadata only, but RBAC knows no such right");
    expect(comment).toContain("--custom-kinds");
    expect(load(stdout)).toMatchObject({ kind: "ClusterRole" });
  });

  it("adds the kinds that a saved cluster defines itself", async () => {
    const manifest = join(home.folder, "definition.yaml");
    writeFileSync(
      manifest,
      JSON.stringify({
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: "widgets.example.test" },
        spec: {
          group: "example.test",
          scope: "Namespaced",
          names: { kind: "Widget", plural: "widgets" },
          versions: [{ name: "v1", served: true, storage: true, subresources: { status: {} } }],
        },
      }),
    );
    const [role] = await rolesOf("-f", "CustomResource", "--custom-kinds", "--from", manifest);
    expect(role?.rules).toContainEqual({ apiGroups: ["example.test"], resources: ["widgets"], verbs: ["get", "list"] });
    const unsaved = await home.run(["rbac", "--custom-kinds", "--from", "examples/broken-shop.tar.gz"]);
    expect(unsaved.code).toBe(1);
    expect(unsaved.stderr).toContain("the snapshot was taken without them");
  });

  test.each([
    [["-n", "!shop"], "cannot leave out a namespace"],
    [["--bind", "nobody"], '--bind cannot read "nobody"'],
    [["--name", "No Name"], '"No Name" cannot be the name of a role'],
    [["check", "--from", "examples/broken-shop.tar.gz"], "a saved one refuses nothing"],
    [["check", "--from", "examples/broken-shop.tar.gz", "--policy", "x"], "a saved one refuses nothing"],
  ])("%j is wrong usage", async (words, why) => {
    const run = await home.run(["rbac", ...words]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(why);
  });
});

test.each([["--policy"], ["--audit-log"]])("%s is about live clusters", async (flag) => {
  const run = await home.run(["analyze", "--from", "examples/broken-shop.tar.gz", flag, "file"]);
  expect(run.code).toBe(2);
  expect(run.stderr).toContain(`${flag} is about what a live cluster or an AI backend is asked`);
});
