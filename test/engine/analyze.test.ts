import { describe, expect, test } from "vitest";
import { type Analyzer, defineAnalyzer } from "../../src/analyzers/define.ts";
import type { ClusterSource, LogRequest, ReadRequest } from "../../src/cluster/source.ts";
import { analyze, type AnalyzeOptions } from "../../src/engine/analyze.ts";
import { field } from "../../src/findings/evidence.ts";
import { keepObject } from "../../src/kube/keep.ts";
import { isKindName, type KindName, type KubeObject } from "../../src/kube/kinds.ts";
import { keyOf, refOf } from "../../src/kube/object-ref.ts";
import { parseSelector } from "../../src/kube/selectors.ts";
import type { KindRead, SnapshotInput } from "../../src/kube/snapshot.ts";
import { type Manifest, yaml } from "../analyzers/cases.ts";

const pods = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: a, namespace: shop, labels: { app: web } }
  ---
  apiVersion: v1
  kind: Pod
  metadata: { name: b, namespace: lab, labels: { app: db } }
`;

/** Says one thing of every Pod. */
const every: Analyzer = defineAnalyzer({
  name: "Every",
  needs: ["Pod"],
  uses: ["Event"],
  rules: {
    "every-pod": {
      severity: ["critical", "warning", "info"],
      depth: 6,
      message: "A Pod",
      fix: "Nothing",
      source: "concepts/",
    },
  },
  *check(snapshot) {
    for (const pod of snapshot.list("Pod")) {
      const object = refOf("Pod", pod);
      const severity = pod.metadata?.name === "b" ? ("info" as const) : ("critical" as const);
      yield { rule: "every-pod", object, severity, evidence: [field(object, "metadata.name", object.name)] };
    }
  },
});

/** Says something and then fails. */
const broken: Analyzer = defineAnalyzer({
  ...every,
  name: "Broken",
  // oxlint-disable-next-line require-yield -- it fails before it says anything
  *check() {
    throw new Error("cannot read properties of undefined");
  },
});

function sourceOf(
  manifests: readonly Manifest[],
  more: {
    reads?: readonly KindRead[];
    notes?: SnapshotInput["notes"];
    asked?: ReadRequest[];
    logs?: LogRequest[];
  } = {},
): ClusterSource {
  const objects: Partial<Record<KindName, KubeObject[]>> = {};
  for (const manifest of manifests) {
    const object = isKindName(manifest.kind) ? keepObject(manifest.kind, manifest) : undefined;
    if (object !== undefined && isKindName(manifest.kind)) (objects[manifest.kind] ??= []).push(object);
  }
  const info = { name: "t", source: "saved" as const };
  return {
    info,
    async read(request) {
      more.asked?.push(request);
      const reads = more.reads ?? request.kinds.map((kind) => ({ kind, state: "complete" as const }));
      return {
        takenAt: 0,
        cluster: info,
        scope: request.scope,
        objects: objects as SnapshotInput["objects"],
        reads,
        ...(more.notes !== undefined && { notes: more.notes }),
      };
    },
    async log(request) {
      more.logs?.push(request);
      return ["the last line"];
    },
    hasNamespace: async () => true,
    close: async () => undefined,
  };
}

function options(more: Partial<AnalyzeOptions> = {}): AnalyzeOptions {
  return { analyzers: [every], scope: {}, include: [], logs: false, signal: new AbortController().signal, ...more };
}

describe("what is asked for", () => {
  test("only the kinds that the analyzers declare, and those that tell owners", async () => {
    const asked: ReadRequest[] = [];
    await analyze(sourceOf(pods, { asked }), options());
    expect(asked.map(({ kinds }) => kinds)).toEqual([["Pod", "Namespace", "Event", "ReplicaSet", "Job"]]);
  });

  test.each([
    ["everything shown", {}, ["Pod/shop/a"]],
    ["info too", { include: ["info"] }, ["Pod/shop/a", "Pod/lab/b"]],
    ["a namespace left out", { include: ["info"], scope: { exclude: ["shop"] } }, ["Pod/lab/b"]],
    ["one namespace", { include: ["info"], scope: { include: ["lab"] } }, ["Pod/lab/b"]],
    ["labels", { include: ["info"], selector: parseSelector("app=db") }, ["Pod/lab/b"]],
  ] as const)("%s", async (_name, more, expected) => {
    const report = await analyze(sourceOf(pods), options(more as Partial<AnalyzeOptions>));
    expect(report.findings.map(({ object }) => keyOf(object))).toEqual(expected);
  });

  test("what is hidden is counted", async () => {
    const { hidden, status } = await analyze(sourceOf(pods.slice(1)), options());
    expect(hidden).toEqual({ info: 1, risk: 0 });
    expect(status).toBe("OK");
  });
});

describe("what could not be checked", () => {
  test("an analyzer that throws is named; the others go on", async () => {
    const report = await analyze(sourceOf(pods), options({ analyzers: [broken, every] }));
    expect(report.errors).toEqual(["[Broken] cannot read properties of undefined"]);
    expect(report.findings.length).toBe(1);
    expect(report.complete).toBe(false);
    expect(report.coverage).toMatchObject([{ what: "analyzer Broken", analyzers: ["Broken"], level: "gap" }]);
  });

  test("unread is never healthy: nothing found and a kind refused is Incomplete", async () => {
    const reads: KindRead[] = [
      { kind: "Pod", state: "complete" },
      {
        kind: "Event",
        state: "unread",
        reason: 'forbidden for user "ci"',
        status: 403,
        next: "kubectl auth can-i list events",
      },
    ];
    const report = await analyze(sourceOf([], { reads }), options());
    expect(report.status).toBe("Incomplete");
    expect(report.coverage).toEqual([
      {
        what: "events",
        reason: 'forbidden for user "ci"',
        analyzers: ["Every"],
        next: "kubectl auth can-i list events",
        level: "gap",
      },
    ]);
  });

  test("a needed kind that was not read skips the analyzer; one that is not served is no gap", async () => {
    const unread = await analyze(
      sourceOf([], { reads: [{ kind: "Pod", state: "unread", reason: "timeout" }] }),
      options(),
    );
    expect([unread.analyzers, unread.status]).toEqual([[], "Incomplete"]);
    const absent = await analyze(
      sourceOf([], {
        reads: [
          { kind: "Pod", state: "absent" },
          { kind: "Event", state: "complete" },
        ],
      }),
      options(),
    );
    expect(absent.coverage.map(({ level }) => level)).toEqual(["scope"]);
    expect(absent.status).toBe("OK");
  });

  test("a part of a dump that could not be read is a gap", async () => {
    const report = await analyze(
      sourceOf(pods, { notes: [{ what: "b.yaml", reason: "line 5: bad indentation" }] }),
      options(),
    );
    expect(report.coverage).toEqual([
      { what: "b.yaml", reason: "line 5: bad indentation", analyzers: [], level: "gap" },
    ]);
    expect(report.complete).toBe(false);
  });
});

test("logs are read only when asked for, and only of failing containers", async () => {
  const crashing = yaml`
    apiVersion: v1
    kind: Pod
    metadata: { name: c, namespace: shop, uid: c }
    spec: { containers: [{ name: app, image: x }] }
    status:
      phase: Running
      containerStatuses:
        - { name: app, ready: false, restartCount: 5, state: { waiting: { reason: CrashLoopBackOff } }, lastState: { terminated: { exitCode: 1, reason: Error, finishedAt: "1970-01-01T00:00:00Z" } } }
  `;
  const logs: LogRequest[] = [];
  await analyze(sourceOf([...pods, ...crashing], { logs }), options());
  expect(logs).toEqual([]);
  await analyze(sourceOf([...pods, ...crashing], { logs }), options({ logs: true }));
  expect(logs).toEqual([{ namespace: "shop", pod: "c", container: "app", previous: true, tailLines: 50 }]);
});
