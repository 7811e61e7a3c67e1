/** Several saved clusters, and live ones that do not answer, with the built command. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { startServer } from "../cluster/live/server.ts";
import { k8sgpt, temporaryFolder } from "./run.ts";

const folder = temporaryFolder();
const file = (name: string): string => join(folder, name);
const stamp = "2026-11-21T03:00:00Z";

/** A saved cluster that says what it read whole; `lost` of its nodes have stopped reporting. */
function cluster(name: string, lost: readonly string[], { as = name, namespaces = ["kube-system"] } = {}): string {
  const kinds = ["Namespace", "Node", "Pod", "Event", "ReplicaSet", "Job", "PodDisruptionBudget", "Lease"];
  const head = { format: "k8sgpt-snapshot", version: 1, k8sgptVersion: "0.1.0", takenAt: "2026-11-21T04:00:00.000Z" };
  const reads = kinds.map((kind) => ({ kind, state: "complete" }));
  const path = file(name);
  mkdirSync(join(path, "objects"), { recursive: true });
  writeFileSync(
    join(path, "k8sgpt-snapshot.json"),
    JSON.stringify({ ...head, cluster: { name: as, serverVersion: "v1.34.4" }, scope: {}, reads }),
  );
  const write = (kind: string, objects: readonly object[]): void =>
    writeFileSync(join(path, "objects", `${kind}.ndjson`), objects.map((each) => `${JSON.stringify(each)}\n`).join(""));
  write(
    "Namespace",
    namespaces.map((namespace) => ({ metadata: { name: namespace, uid: `${as}-${namespace}` }, status: {} })),
  );
  write(
    "Node",
    [1, 2, 3, 4, 5, 6].map((number) => {
      const node = `worker-${number}`;
      const isLost = lost.includes(node);
      const status = isLost ? "Unknown" : "True";
      const ready = { type: "Ready", status, lastHeartbeatTime: stamp, lastTransitionTime: stamp };
      return { metadata: { name: node, creationTimestamp: "2026-11-01T00:00:00Z" }, status: { conditions: [ready] } };
    }),
  );
  return path;
}

const production = cluster("production", ["worker-1", "worker-2"]);
const develop = cluster("develop", ["worker-1"], { namespaces: ["kube-system", "play"] });
const well = cluster("well", []);
const analyze = async (from: readonly string[], ...flags: readonly string[]) =>
  k8sgpt(["analyze", "-f", "Node", ...from.flatMap((path) => ["--from", path]), ...flags]);

describe("saved clusters", () => {
  test("one report; the same fault is told once, and each cluster has its line", async () => {
    const { code, stdout, stderr } = await analyze([well, develop, production]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^3 clusters · 2 with incidents\n {2}✖ production +2 incidents.*\n {2}✖ develop +1 inc/);
    expect(stdout).toContain("✔ well        No problems detected (v1.34.4)");
    expect(stdout.match(/^✖ CRITICAL .*$/gm)).toEqual([
      expect.stringContaining("  production, develop: Node worker-1 "),
      expect.stringContaining("  production: Node worker-2 "),
    ]);
  });

  test("one that cannot be read costs the others nothing, and none at all is an error", async () => {
    const missing = file("none.tar.gz");
    const { code, stdout, stderr } = await analyze([production, missing]);
    expect(code).toBe(0);
    expect(stdout).toContain("production: Node worker-2");
    expect(stdout).toContain(`not read: ${missing} does not exist`);
    expect(stderr).toBe(`warning: 1 of 2 clusters not read: ${missing}\n`);
    expect((await analyze([production, missing], "--strict")).code).toBe(3);
    expect((await analyze([production, missing], "--strict", "--fail-on", "critical")).code).toBe(4);
    expect((await analyze([well, production], "--fail-on", "critical")).code).toBe(4);
    expect((await analyze([well, develop], "--fail-on", "critical", "-n", "!play")).code).toBe(4);
    const lost = await analyze([missing, file("neither.yaml")]);
    expect(lost.code).toBe(1);
    expect(lost.stdout).toContain("2 clusters · none with incidents · 2 not read");
  });

  test("JSON of several keeps the schema; files and standard output at once", async () => {
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false }).compile(
      JSON.parse(readFileSync(new URL("../../schema/report.schema.json", import.meta.url), "utf8")),
    );
    const junit = file("report.xml");
    const { stdout } = await analyze([production, develop, file("none")], "-o", "json", "-o", `junit=${junit}`);
    const report = JSON.parse(stdout);
    validate(report);
    expect(validate.errors).toBeNull();
    expect(report).toMatchObject({
      status: "ProblemDetected",
      complete: false,
      problems: 3,
      shared: [
        { object: { kind: "Node", name: "worker-1" }, incidents: [{ cluster: "production" }, { cluster: "develop" }] },
      ],
    });
    expect(new Set(report.incidents.map(({ id }: { id: string }) => id)).size).toBe(3);
    expect(readFileSync(junit, "utf8").match(/<testsuite /g)).toHaveLength(3);
  });

  test("two dumps of one cluster are told apart by where they are", async () => {
    const later = cluster("later", [], { as: "production" });
    const report = JSON.parse((await analyze([production, later], "-o", "json")).stdout);
    expect(report.clusters.map(({ name }: { name: string }) => name)).toEqual([production, `production (${later})`]);
  });

  test("a namespace that only some have is told; one that none has was mistyped", async () => {
    const { code, stdout } = await analyze([production, develop], "-n", "play");
    expect(code).toBe(0);
    expect(stdout).toContain('Namespace "play" does not exist in production');
    const none = await analyze([production, develop], "-n", "ply");
    expect(none).toMatchObject({ code: 2, stdout: "" });
    expect(none.stderr).toContain('Namespace "ply" does not exist');
  });
});

describe("gates", () => {
  const known = file("known.json");
  const gate = async (from: readonly string[], ...flags: readonly string[]) =>
    analyze(from, "--baseline", known, "--fail-on-new", ...flags);

  test("a baseline holds each cluster, and only what is new there fails", async () => {
    const words = ["baseline", "-f", "Node", "--from", production, "--from", develop, "-o", known];
    const { code, stderr } = await k8sgpt(words);
    expect(code).toBe(0);
    expect(stderr).toContain("Saved 3 findings of 2 clusters");
    expect((await gate([production, develop])).code).toBe(0);
    // One of them alone is compared with its own part.
    expect((await gate([develop])).code).toBe(0);
    const worse = cluster("worse", ["worker-1", "worker-2"], { as: "develop" });
    const fresh = await gate([production, worse]);
    expect(fresh.code).toBe(4);
    expect(fresh.stdout).toContain("new: Node worker-2");
    expect(fresh.stdout).toContain("0 new, 0 resolved, 2 unchanged");
  });

  test("a cluster that the baseline does not know is new, and it is said", async () => {
    const other = cluster("other", ["worker-3"]);
    const { code, stdout } = await gate([production, other]);
    expect(code).toBe(4);
    expect(stdout).toContain('knows nothing of "other"');
  });

  test("the earlier report may be JSON of several", async () => {
    const earlier = file("earlier.json");
    await analyze([production, develop], "-o", `json=${earlier}`);
    const mended = cluster("mended", [], { as: "develop" });
    const { stdout } = await analyze([production, mended], "--since", earlier);
    expect(stdout).toContain("0 new, 1 resolved, 0 unchanged");
    expect(stdout).toContain("resolved: Node worker-1");
  });

  test("an entry of the ignore file may be for some clusters only", async () => {
    const ignore = file("ignore.yaml");
    writeFileSync(ignore, "- {rule: '*', object: Node/worker-1, reason: spare, cluster: 'dev*'}\n");
    const { stdout } = await analyze([production, develop], "--ignore-file", ignore);
    expect(stdout).toMatch(/✔ develop +No problems/);
    expect(stdout).toContain("production: Node worker-1");
    expect(stdout).toContain("Node worker-1: node-unreachable: spare");
  });
});

test("what would be sent is masked for each cluster, and a fault that several have is asked once", async () => {
  const { code, stdout } = await analyze([production, develop], "--explain", "--dry-run-explain", "-o", "json");
  expect(code).toBe(0);
  const { requests } = JSON.parse(stdout);
  expect(requests.map((each: { cluster: string }) => each.cluster)).toEqual(["production", "production"]);
  expect(JSON.stringify(requests.map((each: { prompt: string }) => each.prompt))).not.toMatch(/worker-\d/);
  const alone = await analyze([production, develop], "--explain", "--interactive");
  expect(alone.code).toBe(2);
});

describe("live clusters that do not answer", () => {
  test("each says why; --timeout and Ctrl-C end the waiting and keep what there is", async () => {
    const silent = await startServer(() => undefined, { isVersionScripted: true });
    const gone = await startServer(() => undefined);
    await gone.close();
    const kubeconfig = file("kubeconfig");
    const contexts = { silent: silent.url, gone: gone.url };
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        kind: "Config",
        clusters: Object.entries(contexts).map(([name, server]) => ({
          name,
          cluster: { server, "insecure-skip-tls-verify": true },
        })),
        users: [{ name: "user", user: { token: "t" } }],
        contexts: Object.keys(contexts).map((name) => ({ name, context: { cluster: name, user: "user" } })),
        "current-context": "silent",
      }),
    );
    try {
      const words = ["analyze", "--kubeconfig", kubeconfig, "--all-contexts", "--request-timeout", "20s"];
      const late = await k8sgpt([...words, "--timeout", "4s"]);
      expect(late.code).toBe(1);
      expect(late.stdout).toMatch(/▲ gone +not read: Cannot reach [^]* connection\s+refused/);
      expect(late.stdout).toMatch(/▲ silent +not read: --timeout 4s passed before it had answered/);
      const stopped = await k8sgpt([...words, "-v"], { kill: { when: "Clusters: ", signal: "SIGINT" } });
      expect(stopped.code).toBe(130);
      expect(stopped.stdout).toContain("it was stopped by a signal");
      const unknown = await k8sgpt(["analyze", "--kubeconfig", kubeconfig, "--context", "gone,silnt"]);
      expect(unknown).toMatchObject({ code: 2, stdout: "" });
      expect(unknown.stderr).toContain("Choose with --context: silent");
    } finally {
      await silent.close();
    }
  });
});
