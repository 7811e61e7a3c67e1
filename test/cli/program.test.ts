import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { candidatesFor, completionScript } from "../../src/cli/completion.ts";
import { createProgram } from "../../src/cli/program.ts";

/** What a line runs: the path, its operands and its flags. */
async function ran(
  line: string,
): Promise<{ path: string; operands: readonly string[]; flags: Readonly<Record<string, unknown>> }> {
  let found: Awaited<ReturnType<typeof ran>> | undefined;
  const program = createProgram(async (path, operands, flags) => {
    found = { path, operands, flags };
  });
  quiet(program);
  await program.parseAsync(line === "" ? [] : line.split(" "), { from: "user" });
  if (found === undefined) throw new Error("nothing ran");
  return found;
}

function quiet(command: Command): void {
  command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  for (const sub of command.commands) quiet(sub);
}

const globals = [
  "config",
  "kubeconfig",
  "kubecontext",
  "context",
  "allContexts",
  "color",
  "hyperlinks",
  "pager",
  "verbose",
];
const guards = ["policy", "auditLog"];
const reading = [
  "filter",
  "namespace",
  "from",
  "maxConcurrency",
  "timeout",
  "requestTimeout",
  "logs",
  "readTls",
  ...guards,
];

const provider =
  "backend model password passwordStdin passwordFile passwordEnv passwordCommand baseurl endpointname topp topk maxtokens stopsequences temperature engine providerRegion providerId compartmentId organizationId azureAPIType azureAPIVersion proxy header caFile".split(
    " ",
  );

describe("flags", () => {
  test.each([
    [
      "analyze",
      [
        ...reading,
        "selector",
        "output",
        "flat",
        "include",
        "failOn",
        "strict",
        "withDoc",
        "withStat",
        "baseline",
        "since",
        "failOnNew",
        "ignoreFile",
        "explain",
        "backend",
        "language",
        // With and without `no-`.
        "anonymize",
        "anonymize",
        "cache",
        "refreshCache",
        "aiTimeout",
        "watch",
        "interval",
        "aiBudget",
        "dryRunExplain",
        "interactive",
      ],
    ],
    ["auth add", [...provider, "force"]],
    ["auth update", [...provider, "unset"]],
    ["auth list", ["output", "details"]],
    ["auth default", ["provider"]],
    ["auth remove", ["backends"]],
    ["auth test", ["backend"]],
    ["generate", ["backend"]],
    [
      "cache add",
      ["region", "endpoint", "insecure", "bucket", "projectid", "storageacc", "container", "create", "check"],
    ],
    ["cache get", ["output"]],
    ["cache list", ["output", "olderThan"]],
    ["cache purge", ["all", "yes"]],
    ["cache remove", []],
    ["baseline", [...reading, "selector", "output", "include", "ignoreFile"]],
    ["snapshot", [...reading, "output", "anonymize"]],
    ["filters list", ["output"]],
    ["why", [...reading, "output"]],
    ["rules", ["output"]],
    ["rbac", [...reading, "output", "name", "bind", "customKinds"]],
    ["rbac check", ["strict"]],
    ["doctor", [...guards, "filter", "maxConcurrency", "timeout", "requestTimeout", "output"]],
    ["contexts", [...guards, "output", "requestTimeout", "offline"]],
    [
      "compare",
      [...reading.filter((name) => !["filter", "logs", "readTls"].includes(name)), "output", "exitCode", "strict"],
    ],
    ["init", ["yes"]],
    ["man", []],
    ["version", ["output"]],
  ])("%s declares what flags.ts types", (path, expected) => {
    const program = createProgram(async () => undefined);
    const command = path
      .split(" ")
      .reduce<Command | undefined>((parent, name) => parent?.commands.find((sub) => sub.name() === name), program);
    expect(command?.options.map((option) => option.attributeName()).sort()).toEqual([...expected].sort());
    expect(program.options.map((option) => option.attributeName()).sort()).toEqual([...globals].sort());
  });

  test.each([
    ["analyze -f Pod,Service -f Job", { filter: ["Pod,Service", "Job"] }],
    ["analyze --filter Pod", { filter: ["Pod"] }],
    ["analyse -n shop -n !web", { namespace: ["shop", "!web"] }],
    ["analyze -L app=cart", { selector: "app=cart" }],
    ["analyze -o json", { output: ["json"] }],
    ["analyze -o json -o junit=report.xml", { output: ["json", "junit=report.xml"] }],
    [
      "analyze",
      { output: [], color: "auto", failOn: "never", maxConcurrency: "10", requestTimeout: "30s", filter: [] },
    ],
    ["analyze -d -s", { withDoc: true, withStat: true }],
    ["analyze -m 5", { maxConcurrency: "5" }],
    ["analyze --kubeconfig a --kubecontext b", { kubeconfig: "a", kubecontext: ["b"], context: [] }],
    ["--kubeconfig a analyze --context b", { kubeconfig: "a", context: ["b"] }],
    ["analyze --context a,b --context c", { context: ["a,b", "c"] }],
    ["--all-contexts analyze", { allContexts: true, from: [] }],
    ["analyze --from a.tar.gz --from b", { from: ["a.tar.gz", "b"] }],
    ["analyze --fail-on critical --strict", { failOn: "critical", strict: true }],
    ["analyze --include info,risks --flat", { include: ["info,risks"], flat: true }],
    [
      "analyze --from - --timeout 1m --request-timeout 5s --logs",
      { from: ["-"], timeout: "1m", requestTimeout: "5s", logs: true },
    ],
    ["-v analyze --config c.yaml --color never", { verbose: true, config: "c.yaml", color: "never" }],
  ])("%s", async (line, flags) => {
    const found = await ran(line);
    expect(found.path).toBe("analyze");
    expect(found.flags).toMatchObject(flags);
  });

  test("operands and aliases", async () => {
    expect(await ran("filter add Pod,Job")).toMatchObject({ path: "filters add", operands: ["Pod,Job"] });
    expect(await ran("snapshot -o x.tar.gz")).toMatchObject({ path: "snapshot", flags: { output: "x.tar.gz" } });
  });

  test.each([
    ["analyze Pod", "commander.excessArguments"],
    ["filters list now", "commander.excessArguments"],
    ["version now", "commander.excessArguments"],
    ["fliters", "commander.unknownCommand"],
    ["filters lst", "commander.unknownCommand"],
    ["completion tcsh", "commander.unknownCommand"],
    ["analyze --fliter Pod", "commander.unknownOption"],
    ["filters add", "commander.missingArgument"],
    ["snapshot", "commander.missingMandatoryOptionValue"],
    ["analyze --fail-on any", "commander.invalidArgument"],
    ["analyze -f", "commander.optionMissingArgument"],
  ])("%s is refused", async (line, code) => {
    await expect(ran(line)).rejects.toMatchObject({ code });
  });
});

describe("help", () => {
  const all = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(all)];

  test("every command says what it does, and shows an example", () => {
    for (const command of all(createProgram(async () => undefined))) {
      if (command.name() === "__complete") continue;
      let help = "";
      command.configureOutput({ writeOut: (text) => void (help += text) });
      command.outputHelp();
      expect(command.description()).not.toBe("");
      expect(help).toContain("Examples:\n  ");
    }
  });

  test("every flag says what it does", () => {
    for (const command of all(createProgram(async () => undefined))) {
      expect(command.options.filter(({ description }) => description === "").map(({ flags }) => flags)).toEqual([]);
    }
  });
});

describe("completion", () => {
  const lookups = {
    filters: async () => ["CronJob", "Job", "Pod", "Service"],
    contexts: async (kubeconfig: string | undefined) => (kubeconfig === "other" ? ["far"] : ["prod", "test"]),
    rules: async () => ["configmap-missing", "image-unreachable"],
    backends: async () => ["ollama", "openai"],
    caches: async () => ["gcs", "s3"],
  };
  const offered = async (line: string): Promise<readonly string[]> => {
    const found = await candidatesFor(
      createProgram(async () => undefined),
      line.split(" "),
      lookups,
    );
    return found.map(({ word }) => word);
  };

  test.each([
    ["analyze -b o", ["ollama", "openai"]],
    ["analyze --backend=op", ["--backend=openai"]],
    ["auth default -p ol", ["ollama"]],
    ["auth remove -b ollama,op", ["ollama,openai"]],
    ["cache add s", ["s3"]],
    ["rules config", ["configmap-missing"]],
    ["rules P", ["Pod"]],
    ["compare p", ["prod"]],
    ["compare prod --kubeconfig other f", ["far"]],
  ])("offers the names that may stand there: %s", async (line, words) => {
    expect(await offered(line)).toEqual(words);
  });

  test.each([
    [
      "",
      [
        "analyze",
        "baseline",
        "snapshot",
        "why",
        "rules",
        "filters",
        "auth",
        "generate",
        "cache",
        "version",
        "init",
        "man",
        "serve",
        "rbac",
        "doctor",
        "compare",
        "contexts",
        "completion",
        "help",
      ],
    ],
    ["ana", ["analyze"]],
    ["filters ", ["list", "add", "remove", "set", "reset", "help"]],
    ["filters add P", ["Pod"]],
    ["filters add pod,s", ["pod,Service"]],
    ["analyze -f ", ["CronJob", "Job", "Pod", "Service"]],
    ["analyze --filter Pod,j", ["Pod,Job"]],
    ["analyze --filter=S", ["--filter=Service"]],
    ["analyze -o ", ["text", "json", "yaml", "ndjson", "sarif", "junit", "markdown", "html"]],
    ["analyze -o json --fail", ["--fail-on", "--fail-on-new"]],
    ["analyze --fail-on w", ["warning"]],
    ["analyze --context ", ["prod", "test"]],
    ["--kubeconfig other analyze --kubecontext ", ["far"]],
    ["analyze --context prod,t", ["prod,test"]],
    ["analyze --kubeconfig=other --context f", ["far"]],
    ["analyze --kubecon", ["--kubeconfig", "--kubecontext"]],
    ["analyze --from ", []],
    ["completion z", ["zsh"]],
  ])("%j", async (line, words) => {
    expect(await offered(line)).toEqual(words);
  });

  test("flags come with what they do", async () => {
    const [flag] = await candidatesFor(
      createProgram(async () => undefined),
      ["analyze", "--flat"],
      lookups,
    );
    expect(flag?.about).toBe("list findings one by one instead of incidents");
  });

  test.each(["bash", "zsh", "fish"] as const)("the %s script asks the program", (shell) => {
    expect(completionScript(shell, true)).toContain("k8sgpt __complete");
    expect(completionScript(shell, false)).toContain("k8sgpt __complete --no-descriptions --");
  });
});
