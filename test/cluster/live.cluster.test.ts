/** The live reader against a real API server, which says in its audit log what it was asked. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LiveOptions, openLive } from "../../src/cluster/live/live.ts";
import type { ClusterSource } from "../../src/cluster/source.ts";
import { Fault } from "../../src/fault.ts";
import { builtInKinds } from "./codec/built-in.ts";
import type { KindRead, Scope, SnapshotInput } from "../../src/kube/snapshot.ts";
import { type AuditEvent, type ControlPlane, startControlPlane } from "../lab/control-plane.ts";

const secretValue = "a-value-that-must-not-leave-the-server";
const podCount = 620;
let lab: ControlPlane;

beforeAll(async () => {
  // GOAWAY as a load balanced control plane sends it, one request in fifty.
  lab = await startControlPlane({ name: "live", controllers: false, extraApiserverFlags: ["--goaway-chance=0.02"] });
  const namespaces = ["shop", "web", "ops"].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name },
  }));
  await lab.client().apply(namespaces);
  const pods = Array.from({ length: podCount }, (_, index) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `web-${index}`, namespace: index % 2 === 0 ? "shop" : "web", labels: { app: "web" } },
    spec: { containers: [{ name: "web", image: "nginx" }] },
  }));
  await lab.client().apply([
    ...pods,
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "login", namespace: "shop" },
      stringData: { password: secretValue },
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings", namespace: "shop" },
      data: { key: secretValue },
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: "pods", namespace: "shop" },
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "ci", namespace: "shop" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "pods" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "ci" }],
    },
  ]);
});
afterAll(async () => {
  await lab?.stop();
});

let runs = 0;
/** Reads once, and says what the server was asked meanwhile. */
async function run(
  options: Partial<LiveOptions>,
  request: { kinds?: typeof builtInKinds; scope?: Scope } = {},
): Promise<{ result: SnapshotInput; asked: readonly AuditEvent[]; source: ClusterSource }> {
  runs += 1;
  const userAgent = `k8sgpt-live-test/${runs}`;
  const base = { requestTimeoutMs: 30_000, maxConcurrency: 10, userAgent, env: {}, isInteractive: false };
  const { signal } = new AbortController();
  const source = await openLive({ kubeconfig: lab.kubeconfig, ...base, ...options }, signal);
  try {
    const result = await source.read({ kinds: request.kinds ?? builtInKinds, scope: request.scope ?? {}, signal });
    const log = await lab.auditLog();
    return { result, source, asked: log.filter((event) => event.userAgent === userAgent) };
  } finally {
    await source.close();
  }
}

function readsOf(result: SnapshotInput, kind: string): readonly KindRead[] {
  return result.reads.filter((read) => read.kind === kind);
}

function pathsOf(asked: readonly AuditEvent[]): readonly string[] {
  return asked.map(({ requestURI }) => requestURI).filter((uri) => !uri.startsWith("/version"));
}

describe("everything", () => {
  it.each(["json", "auto"] as const)("is read whole, with get and list only (%s)", async (codec) => {
    const { result, asked } = await run({ codec });
    expect(result.reads.filter(({ state }) => state !== "complete")).toEqual([]);
    expect(result.objects.Pod).toHaveLength(podCount);
    expect(new Set(asked.map(({ verb }) => verb))).toEqual(new Set(["get", "list"]));
    // One list per kind; in JSON the Pods take a second page.
    expect(pathsOf(asked)).toHaveLength(builtInKinds.length + (codec === "json" ? 1 : 0));
    expect(result.cluster.serverVersion).toMatch(/^v1\.\d+/);
    expect(JSON.stringify(result)).not.toContain(secretValue);
    expect(result.objects.ConfigMap?.find(({ metadata }) => metadata?.name === "settings")?.dataKeys).toEqual(["key"]);
  });

  it("is the same in both encodings", async () => {
    const json = await run({ codec: "json" });
    const auto = await run({ codec: "auto" });
    for (const kind of builtInKinds) {
      const byKey = (input: SnapshotInput) =>
        new Map(
          (input.objects[kind] ?? []).map((object) => [
            `${object.metadata?.namespace}/${object.metadata?.name}`,
            object,
          ]),
        );
      expect({ kind, objects: byKey(auto.result) }).toEqual({ kind, objects: byKey(json.result) });
    }
  });

  it("survives GOAWAY again and again", async () => {
    const states = new Set<string>();
    for (let round = 0; round < 8; round += 1) {
      for (const { state } of (await run({ codec: "json" })).result.reads) states.add(state);
    }
    expect(states).toEqual(new Set(["complete"]));
  });

  it("follows the server's clock", async () => {
    const { result } = await run({}, { kinds: ["Node"] });
    expect(Math.abs(result.takenAt - Date.now())).toBeLessThan(10_000);
  });
});

describe("users with fewer rights", () => {
  it("reads what a reader may, and says that Secrets are forbidden", async () => {
    const kubeconfig = await lab.kubeconfigFor({ user: "reader", token: lab.tokens.reader });
    const { result, asked } = await run({ kubeconfig });
    expect(result.reads.filter(({ state }) => state !== "complete")).toEqual([
      {
        kind: "Secret",
        state: "unread",
        status: 403,
        reason: 'forbidden for user "reader"',
        next: "kubectl auth can-i list secrets --all-namespaces",
      },
    ]);
    // Secrets once more in the context's own namespace.
    expect(pathsOf(asked)).toHaveLength(builtInKinds.length + 1);
  });

  it("reads in the namespace of the context when nothing else may be seen", async () => {
    const certificate = await lab.clientCertificate("ci");
    const kubeconfig = await lab.kubeconfigFor({ user: "ci", certificate, namespace: "shop" });
    const { result } = await run({ kubeconfig });
    expect(result.objects.Pod).toHaveLength(podCount / 2);
    expect(readsOf(result, "Pod")).toEqual([
      {
        kind: "Pod",
        state: "unread",
        status: 403,
        reason: 'forbidden for user "ci"; read only in namespace shop',
        next: "kubectl auth can-i list pods --all-namespaces",
      },
      { kind: "Pod", namespace: "shop", state: "complete" },
    ]);
    expect(readsOf(result, "Node")).toMatchObject([{ state: "unread", status: 403 }]);
  });

  it("reads the namespaces that are named", async () => {
    const certificate = await lab.clientCertificate("ci");
    const kubeconfig = await lab.kubeconfigFor({ user: "ci", certificate });
    const { result } = await run({ kubeconfig }, { kinds: ["Pod"], scope: { include: ["shop", "web"] } });
    expect(readsOf(result, "Pod")).toEqual([
      { kind: "Pod", namespace: "shop", state: "complete" },
      {
        kind: "Pod",
        namespace: "web",
        state: "unread",
        status: 403,
        reason: 'forbidden for user "ci"',
        next: "kubectl auth can-i list pods -n web",
      },
    ]);
  });

  it("says for each kind that nothing may be read", async () => {
    const kubeconfig = await lab.kubeconfigFor({ user: "nobody", token: lab.tokens.nobody });
    const { result } = await run({ kubeconfig });
    expect(result.reads).toHaveLength(builtInKinds.length);
    expect(new Set(result.reads.map(({ state, reason }) => `${state}: ${reason}`))).toEqual(
      new Set(['unread: forbidden for user "nobody"']),
    );
  });

  it("does not get in with an expired certificate, and says why", async () => {
    const certificate = await lab.clientCertificate("ci", [], {
      notBefore: new Date(Date.now() - 120_000),
      notAfter: new Date(Date.now() - 60_000),
    });
    const kubeconfig = await lab.kubeconfigFor({ user: "ci", certificate });
    const opening = run({ kubeconfig });
    await expect(opening).rejects.toThrow(Fault);
    await expect(opening).rejects.toThrow('the client certificate of user "ci" expired on ');
  });
});

describe("Secrets and ConfigMaps", () => {
  it.each(["json", "auto"] as const)("arrive without their values (%s)", async (codec) => {
    const { result, asked } = await run({ codec }, { kinds: ["Secret", "ConfigMap"] });
    expect(result.objects.Secret?.map(({ metadata }) => metadata?.name)).toContain("login");
    expect(new Set(asked.filter(({ verb }) => verb === "list").map(({ objectRef }) => objectRef?.resource))).toEqual(
      new Set(["configmaps", "secrets"]),
    );
    expect(pathsOf(asked)).toHaveLength(2);
    expect(asked.some(({ objectRef }) => objectRef?.resource === "secrets" && objectRef.name !== undefined)).toBe(
      false,
    );
    expect(JSON.stringify(result.objects)).not.toContain(secretValue);
  });
});

it("answers questions about single objects", async () => {
  const { signal } = new AbortController();
  const source = await openLive(
    {
      kubeconfig: lab.kubeconfig,
      requestTimeoutMs: 30_000,
      maxConcurrency: 10,
      userAgent: "k8sgpt-live-test/single",
      env: {},
    },
    signal,
  );
  try {
    expect(await source.hasNamespace("shop", signal)).toBe(true);
    expect(await source.hasNamespace("shopp", signal)).toBe(false);
    const log = { namespace: "shop", pod: "web-0", container: "web", previous: false, tailLines: 5 };
    expect(await source.log(log, signal)).toEqual([]);
    expect(await source.log({ ...log, pod: "gone" }, signal)).toBeUndefined();
  } finally {
    await source.close();
  }
});
