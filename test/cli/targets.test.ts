import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import type { ReadingFlags } from "../../src/cli/flags.ts";
import { createProgram } from "../../src/cli/program.ts";
import { type Target, targetsOf } from "../../src/cli/targets.ts";
import type { Terminal } from "../../src/cli/terminal.ts";
import { Fault } from "../../src/fault.ts";

const names = ["prod-eu", "prod-us", "develop", "one,two"];
const kubeconfig = join(mkdtempSync(join(tmpdir(), "k8sgpt-targets-")), "config");
writeFileSync(
  kubeconfig,
  JSON.stringify({
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    users: [{ name: "u", user: {} }],
    contexts: names.map((name) => ({ name, context: { cluster: "c", user: "u" } })),
    "current-context": "develop",
  }),
);

const terminal: Terminal = {
  env: { KUBECONFIG: kubeconfig },
  platform: "linux",
  home: "/",
  stdin: process.stdin,
  stdoutIsTerminal: false,
  stderrIsTerminal: false,
  columns: undefined,
  print: async () => undefined,
  tell: () => undefined,
  draw: () => undefined,
};

async function targets(words: readonly string[]): Promise<readonly Target[]> {
  let flags: Readonly<Record<string, unknown>> = {};
  const program = createProgram(async (_path, _operands, given) => void (flags = given));
  await program.parseAsync(["analyze", ...words], { from: "user" });
  return targetsOf(flags as unknown as ReadingFlags, terminal); // oxlint-disable-line typescript/no-unsafe-type-assertion -- commander types no flags
}

const named = async (words: readonly string[]): Promise<readonly string[]> =>
  (await targets(words)).map(({ name }) => name);

async function fault(words: readonly string[]): Promise<Fault> {
  const error: unknown = await targets(words).catch((thrown: unknown) => thrown);
  if (error instanceof Fault) return error;
  throw new Error(`no Fault for ${words.join(" ")}`);
}

describe("contexts", () => {
  test.each<[string[], string[]]>([
    [[], ["develop"]],
    [["--context", "prod-eu"], ["prod-eu"]],
    [["--kubecontext", ""], ["develop"]],
    [
      ["--context", "prod-us,develop"],
      ["prod-us", "develop"],
    ],
    [
      ["--context", "prod-us", "--kubecontext", "develop", "--context", "prod-us"],
      ["develop", "prod-us"],
    ],
    [
      ["--context", "prod-*"],
      ["prod-eu", "prod-us"],
    ],
    [
      ["--context", "*-us,develop"],
      ["prod-us", "develop"],
    ],
    [["--context", "one,two"], ["one,two"]],
    [["--all-contexts"], ["develop", "one,two", "prod-eu", "prod-us"]],
  ])("%j", async (words, expected) => {
    expect(await named(words)).toEqual(expected);
  });

  it("names the nearest of what there is not", async () => {
    const one = await fault(["--context", "prod-eu,devlop"]);
    expect(one).toMatchObject({ usage: true, message: 'No context "devlop" in the kubeconfig' });
    expect(one.next).toMatch(/^Did you mean develop\? Choose with --context: develop, /);
    expect((await fault(["--context", "staging-*"])).message).toBe('No context fits "staging-*" in the kubeconfig');
  });

  it("takes all or some", async () => {
    expect((await fault(["--all-contexts", "--context", "develop"])).usage).toBe(true);
  });

  it("opens each on its own", async () => {
    const [first] = await targets(["--context", "prod-*"]);
    const error: unknown = await first
      ?.open(AbortSignal.timeout(5000), () => undefined)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Fault);
    expect(String(error)).toContain('context "prod-eu"');
  });
});

describe("saved clusters", () => {
  it("are named by their paths, each once", async () => {
    const found = await targets([
      "--from",
      "examples/broken-shop.tar.gz",
      "--from",
      "./examples/broken-shop.tar.gz",
      "--from",
      "-",
    ]);
    expect(found.map(({ name, isSaved }) => ({ name, isSaved }))).toEqual([
      { name: "./examples/broken-shop.tar.gz", isSaved: true },
      { name: "standard input", isSaved: true },
    ]);
    const source = await found[0]?.open(AbortSignal.timeout(5000), () => undefined);
    expect(source?.info.source).toBe("saved");
    await source?.close();
  });

  it("are not mixed with live ones", async () => {
    for (const words of [["--context", "develop"], ["--all-contexts"]]) {
      expect((await fault(["--from", "x", ...words])).message).toContain("they cannot both be given");
    }
  });
});
