/**
 * The driver against a server of Cloud Storage's API that others wrote: fake-gcs-server, built once per version from its
 * Go module, like the programs of test/lab/binaries.ts.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { access, constants, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { createServer as createBridge, request } from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { checkGcs, gcsCache } from "../../src/cache/drivers/gcs.ts";
import { entriesOf, keepsTheContract, keyOf } from "./contract.ts";

const version = "1.56.1";
const settings = { projectId: "diagnosis-project", region: "europe-west1", bucket: "diagnosis" };

let server: ChildProcess | undefined;

/** The program, built beside its place and moved there, so that the place never holds half a program. */
async function findServer(): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const folder = join(cache, "k8sgpt-lab", `fake-gcs-server-${version}`);
  const program = join(folder, "fake-gcs-server");
  const isThere = await access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isThere) return program;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, "build-"));
  try {
    const target = `github.com/fsouza/fake-gcs-server@v${version}`;
    const env = { ...process.env, GOBIN: work, GOFLAGS: "", GOWORK: "off" };
    await promisify(execFile)("go", ["install", "-trimpath", "-ldflags", "-s -w", target], { cwd: work, env });
    await rename(join(work, "fake-gcs-server"), program);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return program;
}

/** A port that nobody listens on: the program does not tell which one it got when it is left to choose. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => void probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Starts it and gives its address, once it tells that it listens. */
async function startServer(program: string): Promise<string> {
  const port = await freePort();
  const words = ["-scheme", "http", "-host", "127.0.0.1", "-port", String(port), "-backend", "memory"];
  const child = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"] });
  server = child;
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
    if (address !== undefined) {
      // It logs every request; a pipe that nobody reads would stop it.
      child.stderr.resume();
      return address;
    }
  }
  throw new Error(`fake-gcs-server ended before it listened: ${said.join("\n")}`);
}

/**
 * Google's library asks an emulator for `/b/…` where it asks Google for `/storage/v1/b/…`, which is all that the server
 * knows; everything else passes as it is.
 */
const bridge = createBridge((incoming, answer) => {
  const path = (incoming.url ?? "").replace(/^\/b(?=[/?]|$)/, "/storage/v1/b");
  const { method = "GET", headers } = incoming;
  const onward = request(`${serverAddress}${path}`, { method, headers }, (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(answer);
  });
  onward.on("error", () => answer.destroy());
  incoming.pipe(onward);
});
let serverAddress = "";

beforeAll(async () => {
  serverAddress = await startServer(await findServer());
  await new Promise<void>((resolve) => void bridge.listen(0, "127.0.0.1", resolve));
  const address = bridge.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  vi.stubEnv("STORAGE_EMULATOR_HOST", `http://127.0.0.1:${address.port}`);
  await checkGcs(settings, true);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  bridge.closeAllConnections();
  bridge.close();
  if (server === undefined || server.exitCode !== null) return;
  const ended = new Promise((resolve) => server?.once("exit", resolve));
  server.kill();
  await ended;
});

keepsTheContract({ open: async () => gcsCache(settings) });

describe("Cloud Storage, as others read its API", () => {
  test("a bucket that is missing is told by name, and made only when asked for", async () => {
    await checkGcs(settings, false);
    const absent = { ...settings, bucket: "absent" };
    await expect(checkGcs(absent, false)).rejects.toMatchObject({
      message: 'Cannot use GCS bucket "absent" of project "diagnosis-project": it does not exist',
      next: expect.stringContaining("--create"),
    });
    await checkGcs(absent, true);
    await checkGcs(absent, false);
    const cache = await gcsCache(absent);
    expect(await entriesOf(cache)).toEqual([]);
    await cache.close();
  });

  test("writing to a bucket that is missing fails and names it", async () => {
    const cache = await gcsCache({ ...settings, bucket: "never-made" });
    await expect(cache.set(keyOf("a"), "1")).rejects.toThrow('Cannot write to GCS bucket "never-made"');
    await cache.close();
  });

  test("more entries than a page holds are all listed", async () => {
    const cache = await gcsCache({ ...settings, bucket: "absent" });
    const keys = Array.from({ length: 1100 }, (_, index) => keyOf(`many ${index}`));
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map(async (key) => cache.set(key, "1")));
    }
    expect((await entriesOf(cache)).map(({ key }) => key)).toEqual(keys.toSorted());
    await cache.close();
  });
});
