/**
 * The in-cluster example for real: its manifests on a real API server, a token of its ServiceAccount, and the built
 * command where a Pod's container would find them. A mount namespace of its own gives it the folder that the kubelet
 * mounts; nothing of that is seen outside.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadAll } from "js-yaml";
import { afterAll, beforeAll, expect, it } from "vitest";
import { entry, temporaryFolder } from "../e2e/run.ts";
import { type KubeObject, parsed } from "../lab/client.ts";
import { type ControlPlane, startControlPlane } from "../lab/control-plane.ts";

let lab: ControlPlane;
const account = temporaryFolder();
const example = (file: string): readonly KubeObject[] =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server refuses what is none
  loadAll(
    readFileSync(fileURLToPath(new URL(`../../examples/in-cluster/${file}`, import.meta.url)), "utf8"),
  ) as KubeObject[];
const manifests = [...example("cronjob.yaml"), ...example("rbac.yaml")];

interface CronJob {
  readonly spec: {
    readonly jobTemplate: {
      readonly spec: { readonly template: { readonly spec: { readonly containers: readonly { args: string[] }[] } } };
    };
  };
}

beforeAll(async () => {
  lab = await startControlPlane({ name: "in-pod", controllers: false });
  await lab.client().apply([
    ...manifests,
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "cart", namespace: "shop" },
      spec: {
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "1Gi" } },
        volumeName: "gone",
        storageClassName: "",
      },
    },
  ]);
  await lab.client().applyStatus({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "cart", namespace: "shop" },
    status: { phase: "Lost" },
  });
  const { status, text } = await lab.client().raw("POST", "/api/v1/namespaces/k8sgpt/serviceaccounts/k8sgpt/token", {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 3600 },
  });
  if (status !== 201) throw new Error(text);
  mkdirSync(account, { recursive: true });
  writeFileSync(join(account, "token"), parsed<{ status: { token: string } }>(text).status.token);
  writeFileSync(join(account, "ca.crt"), lab.ca);
  writeFileSync(join(account, "namespace"), "k8sgpt");
});
afterAll(async () => {
  await lab?.stop();
});

/** Runs the command as in a Pod: no kubeconfig, the two variables, and the account's folder at its place. */
function inPod(words: readonly string[]) {
  const { hostname, port } = new URL(lab.server);
  const script = [
    "mount -t tmpfs tmpfs /run",
    "mkdir -p /run/secrets/kubernetes.io",
    `cp -r "$ACCOUNT" /run/secrets/kubernetes.io/serviceaccount`,
    `[ -e /var/run/secrets ] || { mount -t tmpfs tmpfs /var/run && cp -r /run/secrets /var/run/; }`,
    `exec "$@"`,
  ].join(" && ");
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    ["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", process.execPath, entry, ...words],
    {
      encoding: "utf8",
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: temporaryFolder(),
        ACCOUNT: account,
        KUBERNETES_SERVICE_HOST: hostname,
        KUBERNETES_SERVICE_PORT: port,
      },
    },
  );
  return { code: status, stdout, stderr };
}

const accountName = "system:serviceaccount:k8sgpt:k8sgpt";

it("reads all that its filters need with the rights of the example, and nothing is refused", async () => {
  const args = manifests
    .filter(({ kind }) => kind === "CronJob")
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server took it for one
    .flatMap((object) => (object as unknown as CronJob).spec.jobTemplate.spec.template.spec.containers)
    .flatMap(({ args: words }) => words);
  expect(args[0]).toBe("analyze");
  // RBAC counts a moment after it is written.
  await lab.client().waitFor("the role to count", () => inPod(["rbac", "check", "--strict"]).code === 0);
  const before = (await lab.auditLog()).length;

  const run = inPod([...args, "-o", "json"]);
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 4, stderr: "" });
  expect(JSON.parse(run.stdout)).toMatchObject({
    complete: true,
    status: "ProblemDetected",
    coverage: [],
    cluster: { name: "in-cluster", server: lab.server },
    incidents: [{ severity: "critical", title: expect.stringContaining("lost its volume") }],
  });

  const asked = (await lab.auditLog()).slice(before).filter(({ user }) => user.username === accountName);
  expect(asked.length).toBeGreaterThan(20);
  expect(asked.filter(({ responseStatus }) => (responseStatus?.code ?? 0) >= 400)).toEqual([]);
  expect(new Set(asked.map(({ verb }) => verb))).toEqual(new Set(["get", "list"]));

  // Every right of the role was used: a right less would have been refused.
  const granted = manifests
    .flatMap(({ rules }) => (rules ?? []) as { readonly apiGroups: string[]; readonly resources: string[] }[])
    .flatMap(({ apiGroups: [group = ""], resources }) => resources.map((name) => `${name}.${group}`));
  const used = new Set(asked.map(({ objectRef }) => `${objectRef?.resource ?? ""}.${objectRef?.apiGroup ?? ""}`));
  expect(granted.filter((name) => !used.has(name))).toEqual([]);
});

it("says what it lacks when the role is taken away", async () => {
  await lab.client().delete("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/k8sgpt");
  await lab.client().waitFor("the role to be gone", () => inPod(["rbac", "check"]).code === 3);
  const run = inPod(["analyze"]);
  expect(run.code).toBe(3);
  expect(run.stdout).toContain("Incomplete");
  expect(run.stdout).toContain(`forbidden for user "${accountName}"`);
});
