/**
 * Servers that others wrote in Go, built once per version from their modules, like the programs of test/lab/binaries.ts, and
 * run for one test file.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { access, constants, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** A program of a Go module. */
export interface GoProgram {
  readonly name: string;
  readonly version: string;
  /** What `go install` takes, without the version. */
  readonly path: string;
}

/** The program, built beside its place and moved there, so that the place never holds half a program. */
async function findProgram({ name, version, path }: GoProgram): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const folder = join(cache, "k8sgpt-lab", `${name}-${version}`);
  const program = join(folder, name);
  const isThere = await access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isThere) return program;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, "build-"));
  try {
    const env = { ...process.env, GOBIN: work, GOFLAGS: "", GOWORK: "off" };
    const words = ["install", "-trimpath", "-ldflags", "-s -w", `${path}@v${version}`];
    await promisify(execFile)("go", words, { cwd: work, env });
    await rename(join(work, name), program);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return program;
}

/** A port that nobody listens on: these programs do not tell which one they got when it is left to them. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => void probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** A server that runs. */
export interface GoServer {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Builds the program if it is not there, starts it, and waits until it tells that it listens. */
export async function startGoServer(
  program: GoProgram,
  words: (port: number) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<GoServer> {
  const path = await findProgram(program);
  const port = await freePort();
  const child = spawn(path, words(port), { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const said: string[] = [];
  const url = `http://127.0.0.1:${port}`;
  const listens = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      // It may log every request: what nobody reads would stop it.
      createInterface({ input: stream }).on("line", (line) => {
        if (said.length < 50) said.push(line);
        if (line.includes(url)) resolve();
      });
    }
    child.once("exit", () => reject(new Error(`${program.name} ended before it listened: ${said.join("\n")}`)));
    child.once("error", reject);
  });
  await listens;
  return { url, stop: async () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await ended;
}
