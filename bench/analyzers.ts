/**
 * How long each analyzer takes over 5,000 Pods and what belongs to them, against `JSON.parse` of the same objects in the same
 * process. The objects are the crowd that the lab is filled with, sent to a server of ours that keeps them in memory with the
 * record of who set which field, as every server does; they lack its defaults, which makes the floor lower, never higher. One Pod
 * in twenty crashes, so that rules have something to say and findings are folded and correlated too. Both sides are measured in
 * processor time of their thread, so that a busy machine does not tell in the ratio.
 */
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { analyzers } from "../src/analyzers/index.ts";
import { diagnose } from "../src/engine/analyze.ts";
import { keepObject } from "../src/kube/keep.ts";
import { apiVersionOf, kindDefinition, type KindName, kindNames } from "../src/kube/kinds.ts";
import { createSnapshot, type SnapshotInput } from "../src/kube/snapshot.ts";
import { minuteMs } from "../src/kube/time.ts";
import { createAuthority } from "../test/lab/certificates.ts";
import type { ControlPlane } from "../test/lab/control-plane.ts";
import { seedCrowd } from "../test/lab/crowd.ts";
import { median } from "./measure.ts";

const rounds = 9;
/** All rules together take less time than parsing what they look at. */
const limit = 1;
/** Old enough for every grace period to be over. */
const ageMs = 10 * minuteMs;

type Json = Record<string, unknown>;

/** Hears a figure: its name, its value, its unit, what is to be said about it, and what it must not exceed. */
type Tell = (name: string, value: number, unit: string, note?: string, limit?: number) => void;

/** Measures and tells. A first round, in which nothing is compiled yet, counts as what a user of the command line meets. */
export async function benchAnalyzers(tell: Tell): Promise<void> {
  const texts = await listTexts();
  const bytes = [...texts.values()].reduce((sum, text) => sum + text.length, 0);
  const input = inputOf(texts);
  const measured = Array.from({ length: rounds }, () => ({ parseMs: parseTime(texts), ...analysisTime(input) }));
  const [first] = measured;
  if (first === undefined) return;
  const perAnalyzer = analyzers.map(({ name }) => ({
    name,
    coldMs: first.stats.get(name)?.durationMs ?? 0,
    ms: median(measured.map(({ stats }) => stats.get(name)?.durationMs ?? 0)),
    findings: first.stats.get(name)?.findings ?? 0,
  }));
  for (const { name, ms, coldMs, findings } of [...perAnalyzer].sort((a, b) => b.coldMs - a.coldMs)) {
    const said = `${coldMs.toFixed(2)} ms in the first round, ${findings} observations`;
    tell(name, ms, "ms", said);
  }
  const parseMs = median(measured.map((round) => round.parseMs));
  const rulesMs = (round: (typeof measured)[number]): number =>
    [...round.stats.values()].reduce((sum, { durationMs }) => sum + durationMs, 0);
  tell("parse", parseMs, "ms", `${(bytes / 2 ** 20).toFixed(1)} MiB of JSON, ${input.objects.Pod?.length ?? 0} Pods`);
  tell(
    "rulesToParse",
    median(measured.map((round) => rulesMs(round) / round.parseMs)),
    "x parse",
    `${median(measured.map(rulesMs)).toFixed(0)} ms, all ${analyzers.length} analyzers`,
    limit,
  );
  tell(
    "coldRulesToParse",
    rulesMs(first) / parseMs,
    "x parse",
    `${rulesMs(first).toFixed(0)} ms, the first round of a process`,
  );
  tell(
    "diagnosisToParse",
    median(measured.map((round) => round.totalMs / round.parseMs)),
    "x parse",
    `with indexes, folding and correlation; ${first.incidents} incidents`,
  );
}

/** The lists of the crowd as an API server would send them, by kind. */
async function listTexts(): Promise<ReadonlyMap<KindName, string>> {
  const objects = await crowdInMemory();
  const kindOf = new Map(
    kindNames.map((kind) => {
      const definition = kindDefinition(kind);
      const api = apiVersionOf(definition);
      return [`${api}/${definition.plural}`, { kind, api }] as const;
    }),
  );
  const items = new Map<KindName, Json[]>();
  for (const [path, object] of objects) {
    const [, api = "", collection = ""] =
      /^\/(?:api|apis)\/(.+?)\/(?:namespaces\/[^/]+\/)?([a-z]+)\/[^/]+$/.exec(path) ?? [];
    const known = kindOf.get(`${api}/${collection}`);
    if (known === undefined) throw new Error(`The crowd holds what is no known kind: ${path}`);
    const list = items.get(known.kind) ?? [];
    items.set(known.kind, list);
    list.push({ ...object, apiVersion: known.api, kind: known.kind });
  }
  for (const [index, pod] of (items.get("Pod") ?? []).entries()) if (index % 20 === 0) crash(pod);
  return new Map([...items].map(([kind, list]) => [kind, JSON.stringify({ kind: `${kind}List`, items: list })]));
}

/** The crowd as it was sent to a server of ours on loopback, by path, with what every server adds to an object. */
async function crowdInMemory(): Promise<ReadonlyMap<string, Json>> {
  const objects = new Map<string, Json>();
  const authority = await createAuthority("crowd-ca");
  const { cert, key } = await authority.issue({ commonName: "crowd", hosts: ["127.0.0.1"] });
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      // The crowd sends objects.
      const given = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Json;
      const object = stored(objects, request.method ?? "", request.url ?? "", given);
      response.statusCode = object === undefined ? 404 : 200;
      response.end(JSON.stringify(object ?? {}));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    // A server that listens on TCP has an address of this type.
    const { port } = server.address() as AddressInfo;
    const address = `https://127.0.0.1:${port}`;
    const clientCertificate = async (commonName: string) => authority.issue({ commonName });
    // Of a control plane the crowd needs these alone.
    await seedCrowd({ server: address, ca: authority.cert, clientCertificate } as unknown as ControlPlane);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return objects;
}

/** Keeps what is created or patched and returns it; undefined when there is nothing to patch. */
function stored(objects: Map<string, Json>, method: string, path: string, given: Json): Json | undefined {
  if (method !== "POST") {
    const target = objects.get(path.replace(/\/status$/, ""));
    if (target !== undefined) {
      const { status } = given;
      target["status"] = status;
      // What was stored has metadata with the record.
      const { managedFields } = target["metadata"] as { readonly managedFields: Json[] };
      managedFields.push(managedEntry({ status }, { subresource: "status" }));
    }
    return target;
  }
  // What is created has a name.
  const { name, ...metadata } = given["metadata"] as { readonly name: string };
  const [, namespace] = /\/namespaces\/([^/]+)\//.exec(path) ?? [];
  const number = objects.size + 1;
  const object = {
    ...given,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...metadata,
      uid: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
      resourceVersion: String(number),
      generation: 1,
      creationTimestamp: now(),
      managedFields: [managedEntry({ ...given, metadata }, {})],
    },
  };
  objects.set(`${path}/${name}`, object);
  return object;
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

/** The server's record of what one client set (reference/using-api/server-side-apply/#field-management). */
function managedEntry(given: Json, more: Json): Json {
  return {
    manager: "crowd",
    operation: "Update",
    apiVersion: "v1",
    time: now(),
    fieldsType: "FieldsV1",
    fieldsV1: fieldsIn(given),
    ...more,
  };
}

function fieldsIn(value: unknown): Json {
  if (Array.isArray(value)) {
    const named = value.filter(({ name }: Json) => name !== undefined);
    return Object.fromEntries(
      named.map((item: Json) => [`k:${JSON.stringify({ name: item["name"] })}`, { ".": {}, ...fieldsIn(item) }]),
    );
  }
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [`f:${key}`, fieldsIn(item)]));
}

/** Makes a running Pod one whose first container ends again and again. */
function crash(pod: Json): void {
  const status = pod["status"] as {
    readonly startTime: string;
    readonly conditions: Json[];
    readonly containerStatuses: Json[];
  };
  for (const condition of status.conditions) {
    if (condition["type"] !== "Ready" && condition["type"] !== "ContainersReady") continue;
    Object.assign(condition, { status: "False", reason: "ContainersNotReady" });
  }
  const { startTime } = status;
  const ended = { exitCode: 1, reason: "Error", startedAt: startTime, finishedAt: startTime };
  Object.assign(status.containerStatuses[0] ?? {}, {
    ready: false,
    started: false,
    restartCount: 9,
    state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 5m0s restarting failed container" } },
    lastState: { terminated: ended },
  });
}

function inputOf(texts: ReadonlyMap<KindName, string>): SnapshotInput {
  const objects = Object.fromEntries(
    [...texts].map(([kind, text]) => {
      const { items } = JSON.parse(text) as { readonly items: readonly unknown[] };
      return [kind, items.map((item) => keepObject(kind, item)).filter((object) => object !== undefined)];
    }),
  );
  return {
    takenAt: Date.now() + ageMs,
    cluster: { name: "crowd", source: "saved" },
    objects,
    reads: kindNames.map((kind) => ({ kind, state: "complete" })),
  };
}

/** What one side leaves behind is not collected in the other's time. */
const collectGarbage = ((): (() => void) => {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
})();

/** Milliseconds of processor time of this thread: what else the machine does is not in it. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function parseTime(texts: ReadonlyMap<KindName, string>): number {
  collectGarbage();
  const started = processorMs();
  for (const text of texts.values()) JSON.parse(text);
  return processorMs() - started;
}

/** The rules alone, one analyzer after the other, and one whole diagnosis, each of a snapshot that nobody has looked at yet. */
function analysisTime(input: SnapshotInput) {
  const snapshot = createSnapshot(input);
  collectGarbage();
  const stats = new Map<string, { readonly durationMs: number; readonly findings: number }>();
  for (const analyzer of analyzers) {
    const started = processorMs();
    let findings = 0;
    for (const _ of analyzer.check(snapshot)) findings += 1;
    stats.set(analyzer.name, { durationMs: processorMs() - started, findings });
  }
  collectGarbage();
  const started = processorMs();
  const report = diagnose(createSnapshot(input), input, { analyzers, scope: {}, include: [] });
  const totalMs = processorMs() - started;
  if (report.errors.length > 0) throw new Error(report.errors.join("\n"));
  return { totalMs, stats, incidents: report.incidents.length };
}
