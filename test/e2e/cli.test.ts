/** The built command as a user meets it: words in, text and exit code out. */
import { createServer, type Server } from "node:http";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificates } from "../analyzers/certificates.ts";
import { entry, k8sgpt, temporaryFolder } from "./run.ts";

const brokenShop = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Node
metadata: { name: worker-1, creationTimestamp: "2026-01-01T00:00:00Z" }
status:
  conditions:
    - { type: Ready, status: "False", reason: KubeletNotReady, message: container runtime is down, lastTransitionTime: "2026-01-02T00:00:00Z" }
---
apiVersion: v1
kind: Pod
metadata: { name: other-1, namespace: shop, labels: { app: other }, creationTimestamp: "2026-01-03T00:00:00Z" }
spec: { containers: [{ name: other, image: nginx }] }
`;

const folder = temporaryFolder();
const dump = join(folder, "shop.yaml");
writeFileSync(dump, brokenShop);

test("the command is built", () => {
  expect(existsSync(entry)).toBe(true);
});

describe("help", () => {
  test.each([[[]], [["--help"]], [["help"]]])("%j prints the help on standard output", async (words) => {
    const { code, stdout, stderr } = await k8sgpt(words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Usage: k8sgpt [options] [command]");
    expect(stdout).toContain("Examples:");
  });

  test.each(["filters", "completion"])("%s alone prints its help", async (group) => {
    const { code, stdout, stderr } = await k8sgpt([group]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Usage: k8sgpt ${group}`);
  });

  test("version", async () => {
    const { stdout } = await k8sgpt(["version"]);
    expect(stdout).toMatch(/^k8sgpt: \d+\.\d+\.\d+ \([0-9a-f]{12}|unknown\), built at: \S+\n$/);
    const json = await k8sgpt(["version", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ version: expect.stringMatching(/^\d+\./), node: process.version });
    expect((await k8sgpt(["--version"])).stdout).toBe(stdout);
  });
});

describe("wrong words", () => {
  test.each([
    [["analize"], "unknown command 'analize'", "Did you mean analyze?"],
    [["filters", "lst"], "unknown command 'lst'", "Did you mean list?"],
    [["completion", "bsh"], "unknown command 'bsh'", "Did you mean bash or zsh?"],
    [["analyze", "Pod"], "too many arguments", "--filter"],
    [["filters", "list", "all"], "too many arguments", "`k8sgpt filters list --help`"],
    [["analyze", "--namspace", "shop"], "unknown option '--namspace'", "Did you mean --namespace?"],
    [
      ["analyze", "-o", "xml"],
      '--output does not know "xml"',
      "text, json, yaml, ndjson, sarif, junit, markdown, html",
    ],
    [["analyze", "-f", "Servce"], 'There is no filter "Servce"', "Did you mean Service?"],
    [["analyze", "-n", "Not_A_Name"], '"Not_A_Name" cannot be the name of a namespace', "lower-case"],
    [["analyze", "-L", "app in"], '"app in" is not a label selector', "kubectl -l"],
    [["analyze", "--timeout", "soon"], '--timeout needs a time, not "soon"', "30s"],
    [["analyze", "-m", "many"], '--max-concurrency needs a whole number, not "many"', "10"],
    [["analyze", "--include", "all"], '--include does not know "all"', "risks"],
    [["analyze", "--from", "x", "--context", "y"], "--from reads a saved cluster", "Leave one of them out"],
    [
      ["why", "pod/a", "--context", "x", "--kubecontext", "y"],
      "reads one cluster, and --context names 2: y, x",
      "several",
    ],
    [["why", "pod/a", "--from", "x", "--from", "y"], "reads one cluster, and --from names 2", "Name one of them"],
    [["snapshot", "-o", "x.tgz", "--all-contexts"], "reads one cluster, and --all-contexts", "Name one of them"],
    [["filters", "add", "Ghost"], 'There is no filter "Ghost"', "filters list"],
    [["filters", "add", "Pod,"], "empty name", "commas"],
    [["analyze", "--watch", "--from", "x"], "--watch and --from do not go together: a saved cluster", "Leave one"],
    [["analyze", "--watch", "-o", "html"], "--watch cannot be written as html", "-o ndjson"],
    [["analyze", "--watch", "--fail-on", "critical"], "--watch and --fail-on do not go together", "Leave one"],
    [["analyze", "--watch", "--interval", "10ms"], "--interval 10ms is too short", "second"],
    [["snapshot", "-o", "dump.zip"], "does not end in .tar.gz", "dump.zip.tar.gz"],
  ])("%j", async (words, error, next) => {
    const { code, stdout, stderr } = await k8sgpt(words);
    const [first, second, ...more] = stderr.trimEnd().split("\n");
    expect({ code, stdout, more }).toEqual({ code: 2, stdout: "", more: [] });
    expect(first).toMatch(/^error: /);
    expect(first).toContain(error);
    expect(second).toMatch(/^next: /);
    expect(second).toContain(next);
  });
});

describe("what cannot run", () => {
  test("no kubeconfig", async () => {
    expect(await cannotRun(["analyze"])).toMatch(/kubeconfig/i);
  });

  test("a kubeconfig that is not there", async () => {
    expect(await cannotRun(["analyze", "--kubeconfig", join(folder, "none")])).toContain(join(folder, "none"));
  });

  test("an unknown context", async () => {
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, kubeconfigFor("https://127.0.0.1:1", "prod"));
    const { code, stdout, stderr } = await k8sgpt(["analyze", "--kubeconfig", kubeconfig, "--context", "prdo"]);
    expect(stdout).toBe("");
    expect(code === 1 || code === 2).toBe(true);
    expect(stderr).toContain('"prdo"');
    expect(stderr).toContain("prod");
  });

  test("a server that is down", async () => {
    const kubeconfig = join(folder, "down");
    writeFileSync(kubeconfig, kubeconfigFor("http://127.0.0.1:1", "down"));
    expect(await cannotRun(["analyze", "--kubeconfig", kubeconfig])).toContain("http://127.0.0.1:1");
  });

  test("a dump that is not there", async () => {
    const { code, stderr, stdout } = await k8sgpt(["analyze", "--from", join(folder, "none.yaml")]);
    expect(stdout).toBe("");
    expect(code === 1 || code === 2).toBe(true);
    expect(stderr).toContain(join(folder, "none.yaml"));
  });

  test("a broken config file, which stays as it is", async () => {
    const config = join(folder, "broken.yaml");
    writeFileSync(config, "active_filters: [Pod\n");
    expect(await cannotRun(["analyze", "--from", dump, "--config", config])).toContain(
      `Config file ${config} is not valid YAML`,
    );
    expect(await cannotRun(["filters", "list", "--config", config])).toContain("is not valid YAML");
    expect(await cannotRun(["filters", "set", "Node", "--config", config])).toContain("is not changed");
    expect(readFileSync(config, "utf8")).toBe("active_filters: [Pod\n");
  });

  test("--config that is not there", async () => {
    expect(await cannotRun(["filters", "list", "--config", join(folder, "none.yaml")])).toContain("it does not exist");
  });
});

describe("analyze --from", () => {
  test("finds the fault, names it, and exits with 0", async () => {
    const { code, stdout, stderr } = await k8sgpt(["analyze", "--from", dump, "-f", "Node"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Node worker-1");
    expect(stdout).toContain("✖ CRITICAL");
    expect(stdout).not.toContain("\u001B");
  });

  test("--fail-on", async () => {
    expect((await k8sgpt(["analyze", "--from", dump, "-f", "Node", "--fail-on", "critical"])).code).toBe(4);
    expect((await k8sgpt(["analyze", "--from", dump, "-f", "Node", "--fail-on", "never"])).code).toBe(0);
  });

  test("from standard input", async () => {
    const { code, stdout } = await k8sgpt(["analyze", "--from", "-", "-f", "Node"], { input: brokenShop });
    expect(code).toBe(0);
    expect(stdout).toContain("Node worker-1");
  });

  test("--read-tls tells of a certificate that has expired, and keeps its key nowhere", async () => {
    const file = join(folder, "tls.json");
    const data = { "tls.crt": certificates.expired, "tls.key": "Y2FuYXJ5" };
    const metadata = { name: "web-tls", namespace: "shop" };
    const secret = { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata, data };
    writeFileSync(file, JSON.stringify(secret));
    const usual = await k8sgpt(["analyze", "--from", file, "-f", "Certificate", "-o", "json"]);
    expect(JSON.parse(usual.stdout).results).toEqual([]);
    // The analyzer for certificates need not be named.
    const { stdout } = await k8sgpt(["analyze", "--from", file, "-f", "Node", "--read-tls", "-o", "json"]);
    expect(JSON.parse(stdout).results).toMatchObject([
      { kind: "Secret", name: "shop/web-tls", error: [{ rule: "tls-cert-expired", severity: "critical" }] },
    ]);
    const saved = join(folder, "tls.tar.gz");
    await k8sgpt(["snapshot", "--from", file, "--read-tls", "-o", saved]);
    const bytes = gunzipSync(readFileSync(saved)).toString("utf8");
    expect(bytes).toContain("certificateBundle");
    expect(stdout + bytes).not.toContain("Y2FuYXJ5");
  });

  test("a namespace that does not exist", async () => {
    const { code, stdout, stderr } = await k8sgpt(["analyze", "--from", dump, "-f", "Node", "-n", "shpo"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain('Namespace "shpo" does not exist');
    expect(stderr).toContain("Did you mean shop?");
  });

  test("standard output is one JSON document whatever the flags", async () => {
    const { code, stdout, stderr } = await k8sgpt([
      "analyze",
      "--from",
      dump,
      "-o",
      "json",
      "-s",
      "-v",
      "-d",
      "--flat",
      "--color",
      "always",
    ]);
    expect(code).toBe(0);
    const schema: object = JSON.parse(
      readFileSync(new URL("../../schema/report.schema.json", import.meta.url), "utf8"),
    );
    const validate = new Ajv2020({ allErrors: true }).compile(schema);
    const report: Record<string, unknown> = JSON.parse(stdout);
    validate(report);
    expect(validate.errors).toBeNull();
    expect(report["status"]).toBe("ProblemDetected");
    expect(report["stats"]).toContainEqual(expect.objectContaining({ analyzer: "Node" }));
    expect(report["errors"]).toContain("[KubernetesDoc] a saved cluster holds no descriptions of fields");
    expect(stderr).toContain("Analyzed");
  });

  test("the same dump gives the same bytes", async () => {
    const [a, b] = await Promise.all(
      [1, 2].map(async () => k8sgpt(["analyze", "--from", dump, "-o", "json", "-f", "Node"])),
    );
    expect(a?.stdout).toBe(b?.stdout);
  });

  test("stats go to standard error in text mode", async () => {
    const { stdout, stderr } = await k8sgpt(["analyze", "--from", dump, "-f", "Node", "-s"]);
    expect(stderr).toMatch(/- Analyzer Node took [\d.]+ ms/);
    expect(stdout).not.toContain("took");
  });

  test("40 columns", async () => {
    const { stdout } = await k8sgpt(["analyze", "--from", dump, "-f", "Node"], { env: { COLUMNS: "40" } });
    const prose = stdout.replace(/^ +\$ (?:.*\\\n)*.*$/gm, "").split("\n");
    expect(prose.filter((line) => Array.from(line).length > 40)).toEqual([]);
  });

  test("colour when asked for, whatever NO_COLOR says; none otherwise", async () => {
    const words = ["analyze", "--from", dump, "-f", "Node"];
    expect((await k8sgpt([...words, "--color", "always"], { env: { NO_COLOR: "1" } })).stdout).toContain("\u001B[31m");
    expect((await k8sgpt(words, { env: { NO_COLOR: "1" } })).stdout).not.toContain("\u001B");
  });

  test("a locale without UTF-8 gets ASCII", async () => {
    const { stdout } = await k8sgpt(["analyze", "--from", dump, "-f", "Node"], { env: { LANG: "C" } });
    expect(stdout).toMatch(/^[ -~\n]*$/);
    expect(stdout).toContain("x CRITICAL");
  });

  test("a reader that leaves early is no error", async () => {
    const { code, stderr } = await k8sgpt(["analyze", "--from", dump, "-f", "Node", "--fail-on", "critical"], {
      closeEarly: true,
    });
    expect({ code, stderr }).toEqual({ code: 4, stderr: "" });
  });

  test("active filters that do not exist are told, and nothing checked is not health", async () => {
    const { code, stdout } = await k8sgpt(["analyze", "--from", dump, "-o", "json"], {
      env: { K8SGPT_ACTIVE_FILTERS: "Ghost" },
    });
    expect(code).toBe(3);
    const report: Record<string, unknown> = JSON.parse(stdout);
    expect(report["status"]).toBe("Incomplete");
    expect(report["errors"]).toEqual(["[Ghost] K8SGPT_ACTIVE_FILTERS names it, but there is no such filter"]);
  });
});

describe("snapshot", () => {
  test("saves what analyze reads: both tell the same story", async () => {
    const file = join(temporaryFolder(), "shop.tar.gz");
    const { code, stdout, stderr } = await k8sgpt(["snapshot", "--from", dump, "-o", file, "-f", "Node"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toContain(`Saved 3 objects to ${file}`);
    expect(stderr).toContain(`next: \`k8sgpt analyze --from ${file}\``);
    const [before, after] = await Promise.all(
      [dump, file].map(async (path) =>
        JSON.parse((await k8sgpt(["analyze", "--from", path, "-f", "Node", "-o", "json"])).stdout),
      ),
    );
    expect(after.incidents.map(({ title }: { title: string }) => title)).toEqual(
      before.incidents.map(({ title }: { title: string }) => title),
    );
    expect(after.incidents).not.toEqual([]);
    expect(await k8sgpt(["snapshot", "--from", dump, "-o", file])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is there already"),
    });
  });
});

describe("filters", () => {
  const home = temporaryFolder();
  const config = join(home, ".config", "k8sgpt", "k8sgpt.yaml");
  const filters = async (...words: readonly string[]) => k8sgpt(["filters", ...words], { env: { HOME: home } });

  test("reading creates nothing", async () => {
    const listed = await filters("list", "-o", "json");
    expect(JSON.parse(listed.stdout).active).toContain("Service");
    expect((await filters("list")).stdout).toMatch(/^Active:\n(?:> \w+\n)+Unused:\n/);
    await k8sgpt(["analyze", "--from", dump], { env: { HOME: home } });
    await k8sgpt(["version"], { env: { HOME: home } });
    expect(readdirSync(home)).toEqual([]);
  });

  test("set, add, remove, reset", async () => {
    expect(await filters("set", "service")).toMatchObject({ code: 0, stdout: "Active: Service\n", stderr: "" });
    expect(readFileSync(config, "utf8")).toBe("active_filters:\n  - Service\n");
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(await filters("add", "Service")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"Service" is active already'),
    });
    expect(await filters("remove", "Service")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No filter would be left"),
    });
    writeFileSync(config, "active_filters:\n  - Service # mine\n  - Ghost\n");
    expect((await filters("list")).stdout).toContain("> Ghost (unknown: it checks nothing)");
    expect(await filters("remove", "Ghost")).toMatchObject({ code: 0, stdout: "Removed: Ghost\n" });
    expect(readFileSync(config, "utf8")).toBe("active_filters:\n  - Service # mine\n");
    expect(await filters("reset")).toMatchObject({ code: 0, stdout: "Active: the core set\n" });
    expect(readFileSync(config, "utf8")).not.toContain("Service");
  });
});

describe("completion", () => {
  test("answers words of the table, and nothing on errors", async () => {
    expect((await k8sgpt(["__complete", "--", "ana"])).stdout).toMatch(/^analyze\tFind /);
    expect((await k8sgpt(["__complete", "--no-descriptions", "--", "analyze", "--fail-on", ""])).stdout).toBe(
      "critical\nwarning\ninfo\nnever\n",
    );
    expect((await k8sgpt(["__complete", "--no-descriptions", "--", "analyze", "-f", "Serv"])).stdout).toContain(
      "Service\n",
    );
    expect(
      await k8sgpt(["__complete", "--", "analyze", "--kubeconfig", join(folder, "none"), "--context", ""]),
    ).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });
});

describe("a server that does not answer", () => {
  let server: Server;
  let kubeconfig = "";
  beforeAll(async () => {
    // Tells its version and then falls silent.
    server = createServer((request, response) => {
      if (request.url?.startsWith("/version") === true) {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ major: "1", minor: "34", gitVersion: "v1.34.4" }));
      }
    });
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    kubeconfig = join(folder, "silent");
    writeFileSync(kubeconfig, kubeconfigFor(`http://127.0.0.1:${port}`, "silent"));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test("Ctrl-C gives what there is, marked incomplete, within two seconds", async () => {
    const { code, stdout, ms } = await k8sgpt(["analyze", "--kubeconfig", kubeconfig, "-v", "-o", "json"], {
      kill: { when: "Opened", signal: "SIGINT" },
    });
    expect(code).toBe(130);
    expect(ms).toBeLessThan(4000);
    expect(JSON.parse(stdout)).toMatchObject({ status: "Incomplete", complete: false });
  });

  test("SIGTERM is 143", async () => {
    expect(
      (await k8sgpt(["analyze", "--kubeconfig", kubeconfig, "-v"], { kill: { when: "Opened", signal: "SIGTERM" } }))
        .code,
    ).toBe(143);
  });

  test("--timeout ends the run with what there is", async () => {
    const { code, stdout } = await k8sgpt(["analyze", "--kubeconfig", kubeconfig, "--timeout", "300ms"]);
    expect(code).toBe(3);
    expect(stdout).toContain("Incomplete: ");
    expect(stdout).not.toContain("No problems detected");
    expect(stdout).toContain("--timeout");
  });
});

describe("start", () => {
  const chunks: Readonly<Record<string, { readonly bytes: number; readonly inputs: readonly string[] }>> = existsSync(
    entry,
  )
    ? JSON.parse(readFileSync(join(entry, "..", "chunks.json"), "utf8"))
    : {};

  test.each([[["--help"]], [["version"]], [["filters", "list"]], [["completion", "bash"]]])(
    "%j loads little",
    async (words) => {
      const { stderr, code } = await k8sgpt(words, { env: { NODE_DEBUG: "esm" } });
      expect(code).toBe(0);
      const loaded = [...new Set([...stderr.matchAll(/dist\/([\w-]+\.js)/g)].flatMap(([, name]) => name ?? []))];
      expect(loaded).toContain("k8sgpt.js");
      const inputs = loaded.flatMap((name) => chunks[name]?.inputs ?? []);
      expect(inputs).toContainEqual(expect.stringContaining("commander/lib/command.js"));
      for (const heavy of [
        "client-node",
        "chalk",
        "js-yaml",
        "node_modules/yaml",
        "src/cluster/",
        "src/ai/",
        "src/anonymize/",
        "src/cache/",
        "openai",
        "anthropic",
        "@aws-sdk",
        "@google",
        "@grpc",
        "src/engine/",
        "src/report/",
      ]) {
        expect(inputs.filter((input) => input.includes(heavy))).toEqual([]);
      }
      // The registry of analyzers is most of it for `filters list`; a client or an SDK would be more than all of this.
      const bytes = loaded.reduce((sum, name) => sum + (chunks[name]?.bytes ?? 0), 0);
      expect(bytes).toBeLessThan(words[0] === "filters" ? 700_000 : 100_000);
    },
  );

  test.each([
    ["a live cluster", ["--kubeconfig", join(folder, "refused")]],
    ["a saved one", ["--from", "examples/broken-shop.tar.gz"]],
  ])("%s is diagnosed from few files, without what only some need", async (_, words) => {
    // Nobody listens there: all that a live run needs is loaded by the time that this shows.
    const refused = kubeconfigFor("https://127.0.0.1:1", "refused");
    writeFileSync(join(folder, "refused"), refused);
    const { stderr } = await k8sgpt(["analyze", ...words], { env: { NODE_DEBUG: "esm" } });
    const loaded = [...new Set([...stderr.matchAll(/dist\/([\w-]+\.js)/g)].flatMap(([, name]) => name ?? []))];
    const inputs = loaded.flatMap((name) => chunks[name]?.inputs ?? []);
    expect(inputs).toContain("src/engine/analyze.ts");
    expect(inputs.includes("src/cluster/live/door.ts")).toBe(words.includes("--kubeconfig"));
    // To find and open a file takes longer than to read it.
    expect(loaded.length).toBeLessThan(32);
    for (const rare of ["socks", "jsonpath-plus", "openid-client", "chalk"].map((name) => `node_modules/${name}`)) {
      expect(inputs.filter((input) => input.startsWith(rare))).toEqual([]);
    }
  });

  test("what client-node does not need here is not in the bundle", () => {
    const inputs = Object.values(chunks).flatMap((chunk) => chunk.inputs);
    expect(inputs.filter((input) => /node_modules\/(?:undici|openid-client)\//.test(input))).toEqual([]);
  });
});

function kubeconfigFor(server: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user: { token: "not-a-real-token" } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
}

/** What it says on standard error, of a command that must end with 1 and a fault. */
async function cannotRun(words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await k8sgpt(words);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^error: .+\nnext: .+\n$/);
  return stderr;
}
