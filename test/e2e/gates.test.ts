/** A gate in a pipeline, played through with the built command: baseline, new fault, accepted fault, expiry. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { k8sgpt, temporaryFolder } from "./run.ts";

const folder = temporaryFolder();
const file = (name: string): string => join(folder, name);

const stamp = "2026-11-21T03:00:00Z";
const node = (name: string, ready: boolean): object => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, uid: name, creationTimestamp: "2026-11-01T00:00:00Z" },
  status: {
    conditions: [
      {
        type: "Ready",
        status: ready ? "True" : "Unknown",
        reason: ready ? "KubeletReady" : "NodeStatusUnknown",
        message: "",
        lastHeartbeatTime: stamp,
        lastTransitionTime: stamp,
      },
    ],
  },
});
/** A saved cluster: only a source that says what it read whole can tell that something is mended. */
const cluster = (name: string, nodes: readonly object[]): string => {
  const system = { metadata: { name: "kube-system", uid: "cluster-1" }, status: { phase: "Active" } };
  const kinds = ["Namespace", "Node", "Pod", "Event", "ReplicaSet", "Job", "PodDisruptionBudget", "Lease"];
  const reads = kinds.map((kind) => ({ kind, state: "complete" }));
  const head = { format: "k8sgpt-snapshot", version: 1, k8sgptVersion: "0.1.0", takenAt: "2026-11-21T04:00:00.000Z" };
  const path = file(name);
  mkdirSync(join(path, "objects"), { recursive: true });
  writeFileSync(
    join(path, "k8sgpt-snapshot.json"),
    JSON.stringify({ ...head, cluster: { name: "shop", serverVersion: "v1.34.4" }, scope: {}, reads }),
  );
  writeFileSync(join(path, "objects", "Namespace.ndjson"), `${JSON.stringify(system)}\n`);
  writeFileSync(join(path, "objects", "Node.ndjson"), nodes.map((object) => `${JSON.stringify(object)}\n`).join(""));
  return path;
};

// Where half of the nodes are lost, the nodes are not the cause.
const healthy = ["worker-3", "worker-4", "worker-5", "worker-6"].map((name) => node(name, true));
const monday = cluster("monday", [node("worker-1", false), node("worker-2", true), ...healthy]);
const tuesday = cluster("tuesday", [node("worker-1", false), node("worker-2", false), ...healthy]);
const friday = cluster("friday", [node("worker-1", true), node("worker-2", false), ...healthy]);
const baseline = file("known.json");
const ignores = file("ignore.yaml");

const analyze = async (from: string, ...flags: readonly string[]) =>
  k8sgpt(["analyze", "--from", from, "-f", "Node", ...flags]);
const gate = async (from: string, ...flags: readonly string[]) =>
  analyze(from, "--baseline", baseline, "--fail-on-new", ...flags);
const json = async (from: string, ...flags: readonly string[]) =>
  JSON.parse((await gate(from, "-o", "json", ...flags)).stdout);

describe("a gate in a pipeline", () => {
  test("played through", async () => {
    const saved = await k8sgpt(["baseline", "--from", monday, "-f", "Node", "-o", baseline]);
    expect(saved).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringContaining(`Saved 1 finding to ${baseline}`),
    });
    expect(JSON.parse(readFileSync(baseline, "utf8"))).toMatchObject({
      k8sgptBaseline: 1,
      findings: [{ object: { kind: "Node", name: "worker-1" } }],
    });

    // Nothing new: the known fault is told, and the pipeline goes on.
    const same = await gate(monday);
    expect(same.code).toBe(0);
    expect(same.stdout).toContain("Node worker-1");
    expect(same.stdout).toContain("0 new, 0 resolved, 1 unchanged");

    // A new fault stops it.
    const worse = await gate(tuesday);
    expect(worse.code).toBe(4);
    expect(worse.stdout).toContain("1 new, 0 resolved, 1 unchanged");
    expect(worse.stdout).toContain("• new: Node worker-2");

    // Somebody accepts it, with a reason and an end.
    writeFileSync(
      ignores,
      "# until the new machine is there\n- rule: node-*\n  object: Node/worker-2\n  reason: disk on order\n  expiry: 2999-12-31\n",
    );
    const accepted = await gate(tuesday, "--ignore-file", ignores);
    expect(accepted.code).toBe(0);
    expect(accepted.stdout).toContain("Accepted: 1 finding, neither counted nor gated");
    expect(accepted.stdout).toContain("disk on order");
    const report = await json(tuesday, "--ignore-file", ignores);
    expect(report).toMatchObject({
      problems: 1,
      accepted: [
        {
          object: { name: "worker-2" },
          accepted: { reason: "disk on order", by: `${ignores}:2`, source: "file", expiry: "2999-12-31" },
        },
      ],
      changes: { new: [], resolved: [], unchecked: [] },
      errors: [],
    });
    expect(JSON.stringify([report.results, report.incidents])).not.toContain("worker-2");
    // --fail-on does not count it either: only worker-1 does.
    expect((await analyze(friday, "--fail-on", "critical", "--ignore-file", ignores)).code).toBe(0);

    // The end has come: the fault counts again, and the report says why.
    writeFileSync(ignores, readFileSync(ignores, "utf8").replace("2999-12-31", "2020-12-31"));
    const expired = await json(tuesday, "--ignore-file", ignores);
    expect(expired.accepted).toBeUndefined();
    expect(expired.errors).toEqual([
      expect.stringContaining("Node/worker-2 is no longer accepted: that ended on 2020-12-31"),
    ]);
    expect((await gate(tuesday, "--ignore-file", ignores)).code).toBe(4);

    // The old fault is mended.
    const mended = await json(friday);
    expect(mended.changes).toMatchObject({ resolved: [{ object: { name: "worker-1" } }], unchanged: [] });
    expect(mended.changes.new).toHaveLength(1);
    const validate = new Ajv2020({ allErrors: true }).compile(
      JSON.parse(readFileSync(new URL("../../schema/report.schema.json", import.meta.url), "utf8")),
    );
    for (const made of [report, expired, mended]) {
      validate(made);
      expect(validate.errors).toBeNull();
    }
  });

  test("--since takes an earlier JSON report", async () => {
    expect((await analyze(monday, "-o", `json=${file("monday-report.json")}`)).code).toBe(0);
    const { code, stdout } = await analyze(tuesday, "--since", file("monday-report.json"));
    expect(code).toBe(0);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain("1 new, 0 resolved, 1 unchanged");
    // What was not looked for is not resolved.
    const other = await k8sgpt(["analyze", "--from", friday, "-f", "Pod", "--since", file("monday-report.json")]);
    expect(other.stdout.replaceAll(/\s+/g, " ")).toContain("0 resolved, 0 unchanged, 1 not looked for this time");
  });

  test("--fail-on sets from which severity new findings count", async () => {
    expect((await gate(tuesday, "--fail-on", "critical")).code).toBe(4);
    expect((await gate(monday, "--fail-on", "critical")).code).toBe(0);
    expect((await analyze(monday, "--fail-on", "critical")).code).toBe(4);
  });

  test.each([
    [["--fail-on-new"], 2, "needs to know what is old", "k8sgpt baseline -o"],
    [["--baseline", file("none.json")], 1, "Cannot read --baseline", "k8sgpt baseline -o FILE"],
    [
      ["--since", join(monday, "k8sgpt-snapshot.json")],
      1,
      "is neither a baseline nor a JSON report",
      "k8sgpt baseline -o FILE",
    ],
    [["--ignore-file", file("none.yaml")], 1, "it does not exist", "Correct --ignore-file"],
    [["-o", "jsn"], 2, '--output does not know "jsn"', "Did you mean json?"],
    [["-o", "json", "-o", "yaml"], 2, "both want standard output", "-o yaml=FILE"],
    [["-o", "json="], 2, "names no file", "-o json=FILE"],
    [["-o", `json=${file("nowhere/r.json")}`], 2, "does not exist", "mkdir -p"],
    [["-o", `json=${file("x")}`, "-o", `yaml=${file("x")}`], 2, "twice", "a file of its own"],
  ])("%j is told", async (flags, code, message, next) => {
    const run = await analyze(monday, ...flags);
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code, stdout: "" });
    expect(run.stderr).toMatch(/^error: .+\nnext: .+\n$/);
    expect(run.stderr).toContain(message);
    expect(run.stderr).toContain(next);
  });

  test.each([
    ["rule: a\n", "it is not a list"],
    ["- [a]\n", "an entry is not a map"],
    ["- rule: a\n  object: Node/x\n", 'line 1: an entry needs "reason"'],
    [
      "- rule: a\n  object: Node/x\n  reason: b\n  expires: 2026-12-31\n",
      'there is no "expires". Did you mean expiry?',
    ],
    ["- rule: a\n  object: Node/x\n  reason: b\n  expiry: soon\n", 'expiry "soon" is not a day'],
    ["- rule: a\n  object: x\n  reason: b\n", '"x" does not name an object'],
    ["- rule: [a\n", "line 2"],
  ])("a broken ignore file stops the run: %j", async (text, message) => {
    writeFileSync(file("broken.yaml"), text);
    const { code, stdout, stderr } = await analyze(monday, "--ignore-file", file("broken.yaml"));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("a rule that does not exist is a warning", async () => {
    writeFileSync(file("typo.yaml"), "- rule: node-unreachabel\n  object: Node/*\n  reason: x\n");
    const { errors } = await json(monday, "--ignore-file", file("typo.yaml"));
    expect(errors).toEqual([
      `[accepted] ${file("typo.yaml")}:1: there is no rule "node-unreachabel". Did you mean node-unreachable or image-unreachable?`,
    ]);
  });
});

describe("-o", () => {
  test("several files at once, and the text on standard output", async () => {
    const out = temporaryFolder();
    const { code, stdout } = await analyze(
      monday,
      ...["json", "yaml", "ndjson", "sarif", "junit", "markdown", "html"].flatMap((name) => [
        "-o",
        `${name}=${join(out, name)}`,
      ]),
    );
    expect(code).toBe(0);
    expect(stdout).toContain("Node worker-1");
    expect(readdirSync(out).sort()).toEqual(["html", "json", "junit", "markdown", "ndjson", "sarif", "yaml"]);
    for (const name of readdirSync(out)) expect(readFileSync(join(out, name), "utf8")).toContain("worker-1");
    expect(JSON.parse(readFileSync(join(out, "json"), "utf8"))).toEqual(
      JSON.parse((await analyze(monday, "-o", "json")).stdout),
    );
  });

  test("a device is written to, not replaced", async () => {
    const { code, stderr } = await analyze(monday, "-o", "json=/dev/null");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("on GitHub Actions the text is followed by annotations; other forms are not touched", async () => {
    const env = { GITHUB_ACTIONS: "true" };
    const words = ["analyze", "--from", monday, "-f", "Node"];
    const { stdout } = await k8sgpt(words, { env });
    const [, token = "", , after = ""] = /^::stop-commands::(\S+)\n([^]*)\n::\1::\n([^]*)$/.exec(stdout) ?? [];
    expect(token).toMatch(/^k8sgpt-[0-9a-f-]{36}$/);
    expect(after).toMatch(/^::error title=Node worker-1%3A [^\n]+::[^\n]+\n$/);
    expect(JSON.parse((await k8sgpt([...words, "-o", "json"], { env })).stdout).status).toBe("ProblemDetected");
    expect((await k8sgpt(words)).stdout).not.toContain("::error");
  });
});
