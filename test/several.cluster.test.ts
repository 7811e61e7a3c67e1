/**
 * Two real control planes at once, production and develop, with other rights in each: analyzed together, one of them lost
 * while it is read, watched while something breaks and is mended.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { entry, k8sgpt, temporaryFolder } from "./e2e/run.ts";
import type { KubeObject } from "./lab/client.ts";
import { type ControlPlane, startControlPlane } from "./lab/control-plane.ts";

const folder = temporaryFolder();
let production: ControlPlane;
let develop: ControlPlane;
let gateProduction: Gate;
let gateDevelop: Gate;
let env: Readonly<Record<string, string>>;

/** A way to a server that can be narrowed, cut and opened again: what a network does. */
interface Gate {
  readonly address: string;
  /** Lets nothing more through, without a word to either side. */
  readonly stall: () => void;
  /** Ends all connections and refuses new ones. */
  readonly cut: () => Promise<void>;
  readonly open: () => Promise<void>;
}

async function gateTo(server: string): Promise<Gate> {
  const { hostname, port } = new URL(server);
  const sockets = new Set<Socket>();
  let listener: Server | undefined;
  let at = 0;
  const open = async (): Promise<void> => {
    listener = createServer((client) => {
      const target = connect(Number(port), hostname);
      for (const socket of [client, target]) {
        sockets.add(socket);
        socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
      }
      client.pipe(target).pipe(client);
    });
    await new Promise<void>((resolve) => {
      listener?.listen(at, "127.0.0.1", resolve);
    });
    const address = listener.address();
    if (typeof address === "object" && address !== null) at = address.port;
  };
  await open();
  return {
    address: `https://127.0.0.1:${at}`,
    stall: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    async cut() {
      const closed = new Promise<void>((resolve) => {
        listener?.close(() => resolve());
      });
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    open,
  };
}

const shop = ["cart", "orders", "search", "users", "web"];

/** A Deployment; no controller runs in the lab that would contradict its status. */
function deployment(name: string, isReady: boolean): KubeObject {
  const labels = { app: name };
  const since = "2026-01-01T00:00:00Z";
  const condition = (type: string, reason: string): object => ({
    type,
    status: isReady ? "True" : "False",
    reason,
    message: "",
    lastTransitionTime: since,
    lastUpdateTime: since,
  });
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name, image: "shop/app:1" }] } },
    },
    status: {
      observedGeneration: 1,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: isReady ? 2 : 0,
      availableReplicas: isReady ? 2 : 0,
      unavailableReplicas: isReady ? 0 : 2,
      conditions: [
        condition("Available", isReady ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable"),
        condition("Progressing", isReady ? "NewReplicaSetAvailable" : "ProgressDeadlineExceeded"),
      ],
    },
  };
}

async function setBroken(lab: ControlPlane, broken: readonly string[]): Promise<void> {
  for (const name of shop) await lab.client().applyStatus(deployment(name, !broken.includes(name))); // oxlint-disable-line no-await-in-loop -- five
}

/** Gives the user `name` the rights that the core filters need, without those on `denied`. */
async function kubeconfigOf(lab: ControlPlane, name: string, denied: string, server: string): Promise<string> {
  const role = await k8sgpt(["rbac", "--name", name, "--bind", `user:${name}`]);
  await lab.client().apply(loadAll(role.stdout.replace(new RegExp(`^ +- ${denied}\n`, "m"), "")) as KubeObject[]);
  const path = await lab.kubeconfigFor({ user: name, certificate: await lab.clientCertificate(name), server });
  await lab.client().waitFor("the role to count", async () => {
    const check = await k8sgpt(["rbac", "check", "-o", "json", "--kubeconfig", path]);
    return (JSON.parse(check.stdout) as { refused: unknown[] }).refused.length === 1;
  });
  // A lab takes its own files along when it stops.
  const kept = join(folder, name);
  copyFileSync(path, kept);
  return kept;
}

beforeAll(async () => {
  if (!existsSync(entry)) throw new Error("the command is not built: `npm run build`");
  [production, develop] = await Promise.all([
    startControlPlane({ name: "production", controllers: false }),
    startControlPlane({ name: "develop", controllers: false }),
  ]);
  for (const lab of [production, develop]) {
    await lab.client().apply(shop.map((name) => deployment(name, true))); // oxlint-disable-line no-await-in-loop -- two
  }
  await setBroken(production, ["cart", "orders"]);
  await setBroken(develop, ["cart"]);
  gateProduction = await gateTo(production.server);
  gateDevelop = await gateTo(develop.server);
  const kubeconfigs = [
    await kubeconfigOf(production, "production", "secrets", gateProduction.address),
    await kubeconfigOf(develop, "develop", "services", gateDevelop.address),
  ];
  env = { KUBECONFIG: kubeconfigs.join(":"), HOME: folder };
}, 180_000);
afterAll(async () => {
  await gateProduction?.cut();
  await gateDevelop?.cut();
  await Promise.all([production?.stop(), develop?.stop()]);
});

interface Several {
  readonly status: string;
  readonly clusters: readonly { name: string; complete: boolean; incidents: number; problem?: { reason: string } }[];
  readonly shared: readonly { object: { name: string }; incidents: readonly { cluster: string }[] }[];
  readonly incidents: readonly { cluster: string; title: string }[];
  readonly results: readonly { cluster: string; name: string; error: readonly { commands: readonly string[] }[] }[];
  readonly coverage: readonly { cluster: string; what: string; reason: string; level: string }[];
}

async function analyzed(...words: readonly string[]): Promise<Several> {
  const { stdout } = await k8sgpt(["analyze", "--all-contexts", "-o", "json", ...words], { env });
  return JSON.parse(stdout) as Several;
}

/** The gaps of production when it was read whole: what its user may not read, and nothing else. */
function expectProductionWhole({ clusters, coverage, results }: Several): void {
  expect(clusters.find(({ name }) => name === "production")).toMatchObject({ incidents: 2 });
  const gaps = coverage.filter(({ cluster, level }) => cluster === "production" && level === "gap");
  expect(gaps.map(({ what }) => what)).toEqual(["secrets"]);
  expect(results.filter(({ cluster }) => cluster === "production").map(({ name }) => name)).toEqual([
    "default/cart",
    "default/orders",
  ]);
}

describe("two clusters", () => {
  it("are one report: shared faults once, rights told for each", async () => {
    const report = await analyzed();
    expect(report.clusters.map(({ name }) => name)).toEqual(["production", "develop"]);
    expectProductionWhole(report);
    expect(report.shared).toMatchObject([
      { object: { name: "cart" }, incidents: [{ cluster: "production" }, { cluster: "develop" }] },
    ]);
    const refused = report.coverage.filter(({ cluster, level }) => cluster === "develop" && level === "gap");
    expect(refused).toMatchObject([{ what: "services", reason: 'forbidden for user "develop"' }]);
    // What is typed goes to the cluster that it is about.
    const commands = report.results.flatMap(({ cluster, error }) =>
      error.flatMap((each) => each.commands.map((command) => ({ cluster, command }))),
    );
    expect(commands.length).toBeGreaterThan(2);
    for (const { cluster, command } of commands) expect(command).toMatch(new RegExp(`^kubectl --context ${cluster} `));

    const { stdout } = await k8sgpt(["analyze", "--context", "develop,prod*"], { env });
    expect(stdout.match(/^[✖▲] [A-Z]+ .*$/gm)).toEqual([
      expect.stringContaining("production, develop: Deployment default/cart"),
      expect.stringContaining("production: Deployment default/orders"),
    ]);
  });
});

/** A watch, and what it has said so far. */
class Watch {
  readonly #child: ChildProcess;
  #text = "";
  #errors = "";
  readonly ended: Promise<number | null>;

  constructor(words: readonly string[]) {
    const all = ["analyze", "--watch", "--interval", "1s", "-f", "Deployment", "-o", "ndjson", ...words];
    this.#child = spawn(process.execPath, [entry, ...all], {
      env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#text += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    this.ended = new Promise((resolve) => {
      this.#child.on("close", resolve);
    });
  }

  /** `type cluster object` of every entry so far. */
  entries(): readonly string[] {
    const lines = this.#text.split("\n").slice(0, -1);
    return lines.map((line) => {
      const { type, cluster, object } = JSON.parse(line) as {
        type: string;
        cluster: string;
        object?: { name: string };
      };
      return [type, cluster, ...(object === undefined ? [] : [object.name])].join(" ");
    });
  }

  errors(): string {
    return this.#errors;
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }
}

describe("a watch", () => {
  it("tells what breaks, what is mended, that a cluster is lost and back, each once", async () => {
    const watch = new Watch(["--all-contexts"]);
    const until = async (what: string): Promise<void> =>
      production.client().waitFor(what, () => watch.entries().includes(what));
    try {
      await until("present production orders");
      await until("present develop cart");
      await setBroken(production, ["orders", "search"]);
      await until("new production search");
      await until("resolved production cart");

      await gateDevelop.cut();
      await until("lost develop");
      await setBroken(develop, []);
      // The other one goes on meanwhile.
      await setBroken(production, ["orders"]);
      await until("resolved production search");
      await gateDevelop.open();
      await until("back develop");
      await until("resolved develop cart");

      watch.interrupt();
      expect(await watch.ended).toBe(0);
      const entries = watch.entries();
      expect(new Set(entries).size).toBe(entries.length);
      expect(watch.errors()).toBe("");
    } finally {
      watch.interrupt();
      await watch.ended;
      await setBroken(production, ["cart", "orders"]);
      await setBroken(develop, ["cart"]);
    }
  }, 120_000);

  it("ends with an error when the only cluster was never there", async () => {
    await gateDevelop.cut();
    const run = await k8sgpt(["analyze", "--watch", "--context", "develop"], { env });
    await gateDevelop.open();
    expect(run).toMatchObject({ code: 1, stdout: "" });
    expect(run.stderr).toContain('context "develop"');
  }, 60_000);
});

describe("one of them stopped", () => {
  it("while it is read: it is named, and the living one is whole", async () => {
    const child = spawn(
      process.execPath,
      [entry, "analyze", "--all-contexts", "-o", "json", "-v", "--request-timeout", "5s"],
      {
        env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", ...env },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let stdout = "";
    let stopped: Promise<unknown> | undefined;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (stopped !== undefined || !text.includes("Opened develop")) return;
      // Its server answered who it is, and goes away before it has answered more.
      gateDevelop.stall();
      stopped = Promise.all([develop.stop(), gateDevelop.cut()]);
    });
    const code = await new Promise((resolve) => {
      child.on("close", resolve);
    });
    await stopped;
    expect(stopped).toBeDefined();
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Several;
    expectProductionWhole(report);
    const lost = report.clusters.find(({ name }) => name === "develop");
    expect(lost?.complete).toBe(false);
    const reasons = report.coverage.filter(({ cluster, level }) => cluster === "develop" && level === "gap");
    expect(lost?.problem !== undefined || reasons.length > 5).toBe(true);
  }, 120_000);

  it("before it is read: it is named, and only --strict minds", async () => {
    const report = await analyzed();
    expectProductionWhole(report);
    expect(report.clusters[1]).toMatchObject({
      name: "develop",
      problem: { reason: expect.stringContaining("refused") },
    });
    const words = ["analyze", "--all-contexts", "-f", "Deployment"];
    const { code, stdout, stderr } = await k8sgpt(words, { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/▲ develop +not read: Cannot reach the API server/);
    expect(stderr).toBe("warning: 1 of 2 clusters not read: develop\n");
    expect((await k8sgpt([...words, "--strict"], { env })).code).toBe(3);
  }, 120_000);
});
