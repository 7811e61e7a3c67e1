/**
 * Holds the code to the architecture: imports go one way, pure folders do no I/O and read no clock. Most of these are
 * absences, so each check is also run on a planted breach and must fail there.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import { afterAll, expect, test } from "vitest";
import { forbidden, mayImport, pureFolders } from "../dependency-cruiser.config.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "k8sgpt-architecture-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The import rules that the modules below `base`/src break, as `rule: from -> to`. */
async function importBreaches(base: string): Promise<{ breaches: readonly string[]; modules: number }> {
  const { output } = await cruise(["src"], {
    baseDir: base,
    ruleSet: { forbidden },
    validate: true,
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
  });
  const { summary, modules } = output as ICruiseResult;
  return {
    breaches: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    modules: modules.filter(({ source }) => source.startsWith("src/")).length,
  };
}

function plant(name: string, files: Readonly<Record<string, string>>): string {
  const base = join(scratch, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(base, file)), { recursive: true });
    writeFileSync(join(base, file), text);
  }
  return base;
}

function sourcesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file));
}

/** What a pure folder must not touch besides modules: the clock, randomness, the process, the terminal. */
const impure = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bprocess\.|\bconsole\.|\bfetch\(|\bsetTimeout\(/;

function impureLines(base: string): readonly string[] {
  return pureFolders
    .flatMap((folder) => sourcesBelow(join(base, "src", folder)))
    .flatMap((file) =>
      readFileSync(file, "utf8")
        .split("\n")
        .flatMap((line, index) =>
          impure.test(line) && !/^\s*(\*|\/\/)/.test(line)
            ? [`${file.slice(base.length)}:${index + 1}: ${line.trim()}`]
            : [],
        ),
    );
}

// Reads every module: on a busy machine that takes a while.
test("imports go one way", { timeout: 60_000 }, async () => {
  const { breaches, modules } = await importBreaches(root);
  expect(breaches).toEqual([]);
  // A cruise that reads nothing finds nothing.
  expect(modules).toBe(sourcesBelow(join(root, "src")).length);
});

test("every folder of src stands in the table", () => {
  const folders = readdirSync(join(root, "src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  expect(folders.filter((name) => mayImport[name] === undefined)).toEqual([]);
});

test("a planted import against the grain is found", async () => {
  const base = plant("upwards", {
    "src/kube/bad.ts": 'import { x } from "../findings/x.ts";\nexport const y: number = x;\n',
    "src/findings/x.ts": "export const x: number = 1;\n",
  });
  expect((await importBreaches(base)).breaches).toEqual([
    "kube-imports-only-what-lies-below: src/kube/bad.ts -> src/findings/x.ts",
  ]);
});

test("planted I/O in a pure folder and a second door to the network are found", async () => {
  const base = plant("io", {
    "src/report/bad.ts": 'import { readFileSync } from "node:fs";\nexport const read: unknown = readFileSync;\n',
    "src/cluster/offline/bad.ts": 'import { request } from "node:https";\nexport const ask: unknown = request;\n',
  });
  expect(
    (await importBreaches(base)).breaches
      .map((breach) => breach.split(":")[0] ?? "")
      .sort((a, b) => a.localeCompare(b)),
  ).toEqual(["one-door-to-the-network", "pure-folders-do-no-io"]);
});

test("pure folders read no clock, no randomness, no process", () => {
  expect(impureLines(root)).toEqual([]);
});

test("a planted clock is found", () => {
  const files = Object.fromEntries(pureFolders.map((folder) => [`src/${folder}/x.ts`, "export {};\n"]));
  const base = plant("clock", { ...files, "src/kube/x.ts": "export const now: number = Date.now();\n" });
  expect(impureLines(base)).toEqual(["/src/kube/x.ts:1: export const now: number = Date.now();"]);
});
