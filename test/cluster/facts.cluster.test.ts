/** What a cluster tells beside its objects, from a real API server: its health, metrics and certificates. */
import { existsSync, readFileSync } from "node:fs";
import { loadAll } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { openLive } from "../../src/cluster/live/live.ts";
import type { ClusterSource } from "../../src/cluster/source.ts";
import { analyze } from "../../src/engine/analyze.ts";
import type { FactName } from "../../src/kube/facts.ts";
import type { SnapshotInput } from "../../src/kube/snapshot.ts";
import { entry, k8sgpt } from "../e2e/run.ts";
import type { KubeObject } from "../lab/client.ts";
import { type ControlPlane, startControlPlane } from "../lab/control-plane.ts";

let lab: ControlPlane;
const sources: ClusterSource[] = [];
const dayMs = 86_400_000;

async function open(kubeconfig: string): Promise<ClusterSource> {
  const source = await openLive(
    { kubeconfig, requestTimeoutMs: 30_000, maxConcurrency: 10, userAgent: "k8sgpt/test", env: {} },
    AbortSignal.timeout(60_000),
  );
  sources.push(source);
  return source;
}

async function read(source: ClusterSource, ...facts: readonly FactName[]): Promise<SnapshotInput> {
  return source.read({ kinds: [], scope: {}, facts, signal: AbortSignal.timeout(60_000) });
}

beforeAll(async () => {
  if (!existsSync(entry)) throw new Error("the command is not built: `npm run build`");
  lab = await startControlPlane({
    name: "facts",
    controllers: false,
    // Deprecated in 1.34 and gone in 1.37: somebody may ask for it.
    extraApiserverFlags: ["--runtime-config=networking.k8s.io/v1beta1=true"],
  });
});
afterAll(async () => {
  await Promise.all(sources.map(async (source) => source.close()));
  await lab?.stop();
});

describe("what stands between the API server and its clients", () => {
  it("is read off the connection and the kubeconfig, without a request", async () => {
    const source = await open(lab.kubeconfig);
    const input = await read(source, "servedCertificate", "clusterAuthorities", "credential");
    expect(input.facts).toMatchObject({
      servedCertificate: {
        host: "127.0.0.1",
        certificates: [{ subject: "CN=kube-apiserver", issuer: "CN=facts-ca" }],
      },
      clusterAuthorities: [{ subject: "CN=facts-ca", isAuthority: true }],
      credential: { type: "client certificate" },
    });
    expect(JSON.stringify(input)).not.toContain("BEGIN");
  });

  it("warns of a client certificate that ends soon", async () => {
    const user = "leaver";
    const validity = { notBefore: new Date(Date.now() - 360 * dayMs), notAfter: new Date(Date.now() + 5.5 * dayMs) };
    const certificate = await lab.clientCertificate(user, ["system:masters"], validity);
    const { stdout } = await k8sgpt([
      "analyze",
      "-f",
      "Certificate",
      "--kubeconfig",
      await lab.kubeconfigFor({ user, certificate }),
    ]);
    expect(stdout).toContain("The credential in the kubeconfig expires soon");
    expect(stdout).toMatch(/left +5d/);
  });
});

describe("the API server's own word", () => {
  it("has its deprecated requests read out of the metrics", async () => {
    const client = lab.client();
    await client.raw("GET", "/apis/networking.k8s.io/v1beta1/ipaddresses");
    const source = await open(lab.kubeconfig);
    const input = await read(source, "deprecatedRequests");
    expect(input.facts?.deprecatedRequests).toContainEqual({
      group: "networking.k8s.io",
      version: "v1beta1",
      resource: "ipaddresses",
      removedRelease: "1.37",
    });
    const { stdout } = await k8sgpt(["analyze", "-f", "DeprecatedAPI", "--flat", "--kubeconfig", lab.kubeconfig]);
    expect(stdout).toContain("ipaddresses networking.k8s.io/v1beta1");
  });

  it("is no gap where metrics are refused: managed fields tell as well", async () => {
    const source = await open(await lab.kubeconfigFor({ user: "nobody", token: lab.tokens.nobody }));
    const { factReads } = await read(source, "deprecatedRequests");
    expect(factReads).toMatchObject([
      { fact: "deprecatedRequests", state: "skipped", next: "kubectl auth can-i get /metrics" },
    ]);
  });

  it("can be read with the role that rbac prints", async () => {
    const user = "exact";
    const words = ["-f", "APIServer,Certificate,DeprecatedAPI"];
    const role = await k8sgpt(["rbac", ...words, "--name", user, "--bind", `user:${user}`]);
    expect(role.stdout).toContain("/readyz");
    expect(role.stdout).toContain("/metrics");
    await lab.client().apply(loadAll(role.stdout) as KubeObject[]);
    const kubeconfig = await lab.kubeconfigFor({ user, certificate: await lab.clientCertificate(user) });
    await lab
      .client()
      .waitFor(
        "the role to count",
        async () => (await k8sgpt(["rbac", "check", "--strict", ...words, "--kubeconfig", kubeconfig])).code === 0,
      );
  });

  // The last one: a server without etcd is of no use to the others.
  it("says what it lacks when etcd is gone", async () => {
    const source = await open(lab.kubeconfig);
    const whole = await read(source, "health");
    expect(whole.facts?.health?.filter(({ isPassed }) => !isPassed)).toEqual([]);
    expect(whole.facts?.health?.map(({ name }) => name)).toContain("etcd");
    const etcd = lab.pids.find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "etcd");
    if (etcd === undefined) throw new Error("the lab has no etcd");
    process.kill(etcd, "SIGSTOP");
    try {
      await expect
        .poll(
          async () => {
            const report = await analyze(source, {
              analyzers: analyzers.filter(({ name }) => name === "APIServer"),
              scope: {},
              include: [],
              logs: false,
              signal: AbortSignal.timeout(60_000),
            });
            return report.findings.map(({ rule, title }) => `${rule}: ${title}`);
          },
          { timeout: 60_000, interval: 1_000 },
        )
        .toEqual(["apiserver-not-ready: The API server says that it is not ready: it does not reach etcd"]);
    } finally {
      process.kill(etcd, "SIGCONT");
    }
  });
});
