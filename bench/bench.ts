/**
 * `npm run bench`: start-up, a small cluster, and 5,000 Pods, each as a ratio to a floor measured in the same run:
 * `node -e 0` for start-up; curl with gzip plus JSON.parse of the same lists for reading. Peers that are on PATH are timed
 * beside it. Ends with 1 when a budget of budget.json is exceeded. Quick forms without a cluster: `npm run bench -- --start`, and
 * `npm run bench -- --analyzers` for the rules alone against `JSON.parse` of the same objects.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { kindsFor } from "../src/engine/analyze.ts";
import { analyzers } from "../src/analyzers/index.ts";
import { apiVersionOf, kindDefinition, type KindName } from "../src/kube/kinds.ts";
import { seedCrowd } from "../test/lab/crowd.ts";
import { type ControlPlane, startControlPlane } from "../test/lab/control-plane.ts";
import { benchAnalyzers } from "./analyzers.ts";
import { median, ratio, run } from "./measure.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const k8sgpt = [process.execPath, join(root, "dist/k8sgpt.js")];
const budget = JSON.parse(readFileSync(join(root, "bench/budget.json"), "utf8")) as Readonly<Record<string, number>>;
const results: { name: string; value: number; unit: string; limit: number | undefined; note: string }[] = [];

function tell(name: string, value: number, unit: string, note = "", limit = budget[name]): void {
  results.push({ name, value, unit, limit, note });
  const judged = limit === undefined ? "" : `${value > limit ? "over" : "within"} ${limit}`;
  process.stdout.write(
    `${name.padEnd(30)} ${value.toFixed(2).padStart(9)} ${unit.padEnd(11)} ${judged.padEnd(10)} ${note}\n`,
  );
}

const time = async (command: readonly string[], env?: Readonly<Record<string, string>>): Promise<number> =>
  (await run(command, { keepStdout: false, ...(env !== undefined && { env }) })).ms;
const nothing = async (): Promise<number> => time([process.execPath, "-e", "0"]);

if (process.argv.includes("--analyzers")) await benchAnalyzers(tell);
else await commands();

const over = results.filter(({ value, limit }) => limit !== undefined && value > limit);
for (const { name, value, limit } of over)
  process.stdout.write(`over budget: ${name} ${value.toFixed(2)} > ${limit}\n`);
process.exitCode = over.length > 0 ? 1 : 0;

/** Whole runs of the built command. */
async function commands(): Promise<void> {
  const help = await ratio(21, async () => time([...k8sgpt, "--help"]), nothing);
  tell(
    "helpToNode",
    help.ratio,
    "x node -e 0",
    `${help.oursMs.toFixed(0)} ms against ${help.baselineMs.toFixed(0)} ms`,
  );
  if (process.argv.includes("--start")) return;
  await smallCluster();
  await crowd();
}

/** 13 healthy Pods with the five events that the start of each leaves behind, every filter. */
async function smallCluster(): Promise<void> {
  const lab = await startControlPlane({ name: "small", controllers: false });
  try {
    await seedCrowd(lab, { pods: 13, deployments: 3, services: 3, configMaps: 3, nodes: 3, events: 65 });
    const analyze = [...k8sgpt, "analyze", "--kubeconfig", lab.kubeconfig, "-o", "json"];
    const small = await ratio(11, async () => time(analyze), nothing);
    tell("smallClusterToNode", small.ratio, "x node -e 0", `${small.oursMs.toFixed(0)} ms, 13 Pods, all core filters`);
    await peers(lab, "13 Pods");
  } finally {
    await lab.stop();
  }
}

/** 5,000 Pods with what belongs to them. */
async function crowd(): Promise<void> {
  const lab = await startControlPlane({ name: "crowd", controllers: false });
  try {
    await seedCrowd(lab, {});
    const all = kindsFor(analyzers.filter(({ core }) => core));
    const floorOf = floor(lab);
    const analyze = (filters: readonly string[]): readonly string[] => [
      ...k8sgpt,
      "analyze",
      "--kubeconfig",
      lab.kubeconfig,
      "-o",
      "json",
      ...filters,
    ];
    const podKinds = kindsFor(analyzers.filter(({ name }) => name === "Pod"));
    const pods = await ratio(
      5,
      async () => time(analyze(["-f", "Pod"])),
      async () => floorOf(podKinds),
    );
    tell(
      "podListToFloor",
      pods.ratio,
      "x floor",
      `-f Pod: ${pods.oursMs.toFixed(0)} ms against ${pods.baselineMs.toFixed(0)} ms, ${podKinds.length} kinds`,
    );
    const whole = await ratio(
      5,
      async () => time(analyze([])),
      async () => floorOf(all),
    );
    tell(
      "allKindsToFloor",
      whole.ratio,
      "x floor",
      `${whole.oursMs.toFixed(0)} ms against ${whole.baselineMs.toFixed(0)} ms, ${all.length} kinds`,
    );
    tell("allKindsToPods", whole.oursMs / pods.oursMs, "x -f Pod");
    const before = (await lab.auditLog()).length;
    const { peakBytes } = await run(analyze([]));
    if (peakBytes !== undefined) tell("peakMiB", peakBytes / 2 ** 20, "MiB");
    const requests = (await lab.auditLog())
      .slice(before)
      .filter(({ userAgent }) => userAgent?.startsWith("k8sgpt") === true);
    tell("requests", requests.length, "requests", `${all.length} kinds and the version`);
    await peers(lab, "5,000 Pods");
  } finally {
    await lab.stop();
  }
}

/** Downloads the lists of `kinds` with curl and gzip, one after another as curl does, and parses each. */
function floor(lab: ControlPlane): (kinds: readonly KindName[]) => Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "k8sgpt-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, "curl");
  const parse = join(folder, "parse.mjs");
  writeFileSync(
    parse,
    'import { readFileSync } from "node:fs";\nfor (const file of process.argv.slice(2)) JSON.parse(readFileSync(file, "utf8"));\n',
  );
  return async (kinds) => {
    const files = kinds.map((kind) => join(folder, kind));
    const credentials = await adminOf(lab, folder);
    const lines = kinds.flatMap((kind, index) => {
      const definition = kindDefinition(kind);
      const api = apiVersionOf(definition);
      const metadataOnly = definition.read === "metadata";
      return [
        ...(index > 0 ? ["next"] : []),
        `url = "${lab.server}/${definition.group === "" ? "api" : "apis"}/${api}/${definition.plural}?resourceVersion=0"`,
        `output = "${files[index]}"`,
        `header = "Accept: application/json${metadataOnly ? ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" : ""}"`,
        // curl's own name would get indented JSON.
        'user-agent = "floor"',
        "compressed",
        "silent",
        `cacert = "${credentials.ca}"`,
        `cert = "${credentials.cert}"`,
        `key = "${credentials.key}"`,
      ];
    });
    writeFileSync(config, lines.join("\n"));
    const download = await time(["curl", "--config", config]);
    return download + (await time([process.execPath, parse, ...files]));
  };
}

async function adminOf(lab: ControlPlane, folder: string): Promise<{ ca: string; cert: string; key: string }> {
  const pair = await lab.clientCertificate("floor", ["system:masters"]);
  const paths = { ca: join(folder, "ca.pem"), cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  writeFileSync(paths.ca, lab.ca);
  writeFileSync(paths.cert, pair.cert);
  writeFileSync(paths.key, pair.key);
  return paths;
}

/** Other tools on PATH, for orientation. */
async function peers(lab: ControlPlane, size: string): Promise<void> {
  const others: readonly (readonly string[])[] = [
    ["kubectl", "--kubeconfig", lab.kubeconfig, "get", "pods", "-A", "-o", "json"],
    ["popeye", "--kubeconfig", lab.kubeconfig, "-A", "-o", "json"],
  ];
  for (const command of others) {
    try {
      const runs = [await run(command, { keepStdout: false }), await run(command, { keepStdout: false })];
      const peak = Math.max(...runs.map(({ peakBytes = 0 }) => peakBytes)) / 2 ** 20;
      process.stdout.write(
        `  ${command[0]} (${size}): ${median(runs.map(({ ms }) => ms)).toFixed(0)} ms, ${peak.toFixed(0)} MiB\n`,
      );
    } catch {
      process.stdout.write(`  ${command[0]} is not on PATH, or failed\n`);
    }
  }
}
