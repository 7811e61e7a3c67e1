// The programs of a control plane. Somebody who has them (KUBEBUILDER_ASSETS, as envtest of controller-runtime names
// the folder) need not build; everybody else builds each once per version from its Go module, which needs no container
// engine, no download of binaries and no rights. A program is built beside its place and renamed into it, so a folder
// never holds half a program; a lock keeps two runs from building the same at once.
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdir, mkdtemp, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../src/fault.ts";
import { codeOf } from "./client.ts";

const versions = { kubernetes: "1.34.4", etcd: "3.6.8", kwok: "0.7.0" } as const;

const kubernetesPrograms = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;
const programs = ["etcd", ...kubernetesPrograms, "kwok"] as const;

/** A program of the control plane. */
export type Program = (typeof programs)[number];

/** The path of each program. */
export type Binaries = Readonly<Record<Program, string>>;

/**
 * The programs of a control plane: from `KUBEBUILDER_ASSETS`, else from the cache folder of their versions, else built
 * there once (minutes; progress goes to stderr).
 *
 * @throws {Fault} when something has to be built and there is no Go, or the build fails.
 */
export async function findBinaries(environment: NodeJS.ProcessEnv = process.env): Promise<Binaries> {
  const assets = environment["KUBEBUILDER_ASSETS"];
  const cache = join(
    environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"),
    "k8sgpt-lab",
    Object.entries(versions)
      .map(([name, version]) => `${name}-${version}`)
      .join("-"),
  );
  const places = new Map<Program, string>();
  const missing: Program[] = [];
  for (const program of programs) {
    const given = assets ? join(assets, program) : undefined;
    const cached = join(cache, program);
    if (given !== undefined && (await isExecutable(given))) places.set(program, given);
    else places.set(program, cached);
    if (places.get(program) === cached && !(await isExecutable(cached))) missing.push(program);
  }
  if (missing.length > 0) await withLock(cache, () => buildMissing(cache, missing));
  const place = (program: Program): string => places.get(program) ?? join(cache, program);
  return {
    etcd: place("etcd"),
    "kube-apiserver": place("kube-apiserver"),
    "kube-controller-manager": place("kube-controller-manager"),
    "kube-scheduler": place("kube-scheduler"),
    kwok: place("kwok"),
  };
}

async function buildMissing(cache: string, wanted: readonly Program[]): Promise<void> {
  // Another run may have built them while this one waited for the lock.
  const missing: Program[] = [];
  for (const program of wanted) if (!(await isExecutable(join(cache, program)))) missing.push(program);
  if (missing.length === 0) return;
  say(`Building ${missing.join(", ")} into ${cache}, once: some minutes`);
  const work = await mkdtemp(join(tmpdir(), "k8sgpt-lab-build-"));
  try {
    const kubernetes = kubernetesPrograms.filter((program) => missing.includes(program));
    if (kubernetes.length > 0) await buildKubernetes(await folder(work, "kubernetes"), cache, kubernetes);
    if (missing.includes("etcd")) {
      const source =
        'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n';
      const module = await folder(work, "etcd");
      await writeFile(join(module, "main.go"), source);
      await go(module, "mod", "init", "lab");
      await go(module, "get", `go.etcd.io/etcd/server/v3@v${versions.etcd}`);
      await go(module, "mod", "tidy");
      await build(module, cache, "etcd", ".", "-s -w");
    }
    if (missing.includes("kwok")) {
      const module = await folder(work, "kwok");
      await writeFile(join(module, "tools.go"), toolImports(["sigs.k8s.io/kwok/cmd/kwok"]));
      await go(module, "mod", "init", "lab");
      await go(module, "get", `sigs.k8s.io/kwok@v${versions.kwok}`);
      await go(module, "mod", "tidy");
      await build(module, cache, "kwok", "sigs.k8s.io/kwok/cmd/kwok", "-s -w");
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * k8s.io/kubernetes replaces its staging modules by folders of its own repository, and Go obeys only the replacements
 * of the main module: so each is pointed at the version published with the same release.
 */
async function buildKubernetes(module: string, cache: string, wanted: readonly Program[]): Promise<void> {
  const release = versions.kubernetes;
  const staging = `v0.${release.slice(2)}`;
  await go(module, "mod", "init", "lab");
  const downloaded = await go(module, "mod", "download", "-json", `k8s.io/kubernetes@v${release}`);
  const { GoMod }: { GoMod: string } = JSON.parse(downloaded);
  const replaced = [...(await readFile(GoMod, "utf8")).matchAll(/(k8s\.io\/[a-z-]+) => \.\/staging/g)];
  const lines = replaced.map(([, name]) => `replace ${name} => ${name} ${staging}\n`).join("");
  const manifest = join(module, "go.mod");
  await writeFile(manifest, `${await readFile(manifest, "utf8")}\nrequire k8s.io/kubernetes v${release}\n\n${lines}`);
  await writeFile(join(module, "tools.go"), toolImports(wanted.map((program) => `k8s.io/kubernetes/cmd/${program}`)));
  await go(module, "mod", "tidy");
  const version = "k8s.io/component-base/version";
  const minor = release.split(".")[1] ?? "";
  const flags = `-s -w -X ${version}.gitVersion=v${release} -X ${version}.gitMajor=1 -X ${version}.gitMinor=${minor}`;
  for (const program of wanted) await build(module, cache, program, `k8s.io/kubernetes/cmd/${program}`, flags);
}

/** A file that only names packages, so that `go mod tidy` keeps them; the tag keeps it out of every build. */
function toolImports(packages: readonly string[]): string {
  const imports = packages.map((name) => `\t_ "${name}"\n`).join("");
  return `//go:build tools\n\npackage main\n\nimport (\n${imports})\n\nfunc main() {}\n`;
}

async function build(module: string, cache: string, program: Program, target: string, flags: string): Promise<void> {
  const startedAt = Date.now();
  const unfinished = join(cache, `.${program}.${process.pid}`);
  await go(module, "build", "-trimpath", "-ldflags", flags, "-o", unfinished, target);
  await rename(unfinished, join(cache, program));
  say(`Built ${program} in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

/** Runs `go` in `directory` and returns what it prints to stdout. */
async function go(directory: string, ...args: string[]): Promise<string> {
  const child = spawn("go", args, {
    cwd: directory,
    env: { ...process.env, GOFLAGS: "-mod=mod", GOWORK: "off" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let complaint = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("close", resolve);
    child.on("error", (cause: Error) => {
      const why = codeOf(cause) === "ENOENT" ? "the command `go` was not found" : cause.message;
      const next =
        "Install Go (https://go.dev/doc/install), or set KUBEBUILDER_ASSETS to a folder that holds " +
        programs.join(", ");
      reject(new Fault(`Cannot build the lab's control plane: ${why}`, { next, cause }));
    });
  });
  if (code === 0) return output;
  const tail = complaint.trimEnd().split("\n").slice(-15).join("\n");
  throw new Fault(`\`go ${args.join(" ")}\` ended with exit code ${code}:\n${tail}`, {
    next: "Check that this machine reaches a Go module proxy (`go env GOPROXY`) and has 4 GB of free disk",
  });
}

/** Runs `work` while no other process does so for the same folder. A lock whose owner is gone is taken over. */
async function withLock(cache: string, work: () => Promise<void>): Promise<void> {
  await mkdir(cache, { recursive: true });
  const lock = join(cache, ".lock");
  for (let waits = 0; ; waits += 1) {
    try {
      const file = await open(lock, "wx");
      await file.writeFile(String(process.pid));
      await file.close();
      break;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const owner = Number(await readFile(lock, "utf8").catch(() => ""));
    // An empty lock was made a moment ago by somebody who is about to write its number.
    const isAbandoned = owner > 0 ? !isAlive(owner) : waits > 10;
    if (isAbandoned) {
      await rm(lock, { force: true });
      continue;
    }
    if (waits === 0) say(`Waiting for process ${owner || "?"}, which builds the control plane`);
    await sleep(1000);
  }
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function folder(parent: string, name: string): Promise<string> {
  const path = join(parent, name);
  await mkdir(path, { recursive: true });
  return path;
}

function say(line: string): void {
  process.stderr.write(`lab: ${line}\n`);
}
