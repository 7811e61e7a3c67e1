/**
 * The command line as a table: commands, flags, help. It is what every start loads, so that it imports commander and
 * nothing else; what a command does is loaded when it runs. `--help`, completion and the tests read this same table.
 */
import { Command, Option } from "commander";

/** What runs when a command was understood: its path, `filters add`, its arguments, its flags. */
export type Run = (
  path: string,
  operands: readonly string[],
  flags: Readonly<Record<string, unknown>>,
) => Promise<void>;

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function addReadingFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "-f, --filter <names>",
        "analyzers to run, separated by commas; repeatable (default: the active filters)",
      )
        .argParser(collect)
        .default([], ""),
    )
    .addOption(
      new Option("-n, --namespace <names>", "only these namespaces; !name leaves one out; repeatable (default: all)")
        .argParser(collect)
        .default([], ""),
    )
    .option(
      "--from <path>",
      "read a saved cluster: manifest, dump, must-gather, support bundle or snapshot; - for standard input",
    )
    .option("-m, --max-concurrency <count>", "requests to the API server at once", "10")
    .option("--timeout <duration>", "end the run after this long, with what was read: 30s, 2m")
    .option("--request-timeout <duration>", "give up on one request after this long", "30s")
    .option("--logs", "also read the last log lines of failing containers");
}

function examples(lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return ["", "Examples:", ...lines.map(([command, what]) => `  ${command.padEnd(width)}  # ${what}`)].join("\n");
}

/** The whole command line. `run` is called once, for the command that was named. */
export function createProgram(run: Run): Command {
  const program = new Command("k8sgpt");
  const does =
    (path: string) =>
    async (...given: readonly unknown[]): Promise<void> => {
      const command = given.at(-1);
      if (!(command instanceof Command)) throw new TypeError("commander gives the command last");
      await run(path, command.args, command.optsWithGlobals());
    };

  program
    .description("Finds what is broken in a Kubernetes cluster, and says why. Reads only: it never changes a cluster.")
    .option("--config <file>", "config file (default: k8sgpt/k8sgpt.yaml in your settings folder)")
    .option("--kubeconfig <file>", "kubeconfig file (default: KUBECONFIG, in-cluster, ~/.kube/config)")
    .option("--kubecontext <name>", "context of the kubeconfig (default: the current one)")
    .option("--context <name>", "the same as --kubecontext")
    .addOption(new Option("--color <when>", "colour the output").choices(["auto", "always", "never"]).default("auto"))
    .option("-v, --verbose", "tell on standard error what is done, and more about errors")
    .configureHelp({ showGlobalOptions: true, sortOptions: false })
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      examples([
        ["k8sgpt analyze", "diagnose the current context"],
        ["k8sgpt analyze --from dump.tar.gz", "diagnose a saved cluster"],
        ["k8sgpt analyze --help", "all flags"],
      ]),
    );

  addReadingFlags(program.command("analyze").alias("analyse"))
    .description("Find what is broken in a cluster, or in a saved one, worst first")
    .option("-L, --selector <selector>", "only findings about objects with these labels, as for kubectl -l")
    .addOption(new Option("-o, --output <format>", "form of the report").choices(["text", "json"]).default("text"))
    .option("--flat", "list findings one by one instead of incidents")
    .addOption(
      new Option("--include <what>", "also show findings of these severities: info, risks")
        .argParser(collect)
        .default([], ""),
    )
    .addOption(
      new Option("--fail-on <severity>", "exit with 4 when a finding is this bad or worse")
        .choices(["critical", "warning", "info", "never"])
        .default("never"),
    )
    .option("--strict", "exit with 3 when not everything could be checked")
    .option("-d, --with-doc", "add what Kubernetes says about the fields in question")
    .option("-s, --with-stat", "tell how long each analyzer took")
    .addHelpText(
      "after",
      `${examples([
        ["k8sgpt analyze", "everything in the current context"],
        ["k8sgpt analyze -n shop -f Pod,Service", "two analyzers in one namespace"],
        ["k8sgpt analyze -n '!kube-system' --logs", "all namespaces but one, with the logs of failing containers"],
        ["k8sgpt analyze --fail-on critical --strict", "as a gate in a pipeline"],
        ["k8sgpt analyze -o json | jq '.incidents[].title'", "for programs"],
        ["kubectl get all -A -o yaml | k8sgpt analyze --from -", "without a connection of its own"],
      ])}

Exit codes:
  0 done   1 could not run   2 wrong usage   3 incomplete (with --strict, or nothing could be checked)
  4 --fail-on was reached   130 interrupted`,
    )
    .action(does("analyze"));

  addReadingFlags(program.command("snapshot"))
    .description(
      "Save what analyze reads, to diagnose it later or elsewhere; no value of a Secret or ConfigMap is in it",
    )
    .requiredOption("-o, --output <file>", "the file to write, .tar.gz")
    .option("--anonymize", "mask names, addresses and images")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt snapshot -o prod.tar.gz", "save the current context"],
        ["k8sgpt snapshot -o prod.tar.gz --anonymize", "the same, fit to send to others"],
        ["k8sgpt analyze --from prod.tar.gz", "diagnose it"],
      ]),
    )
    .action(does("snapshot"));

  const filters = program
    .command("filters")
    .alias("filter")
    .description("Choose the analyzers that run when no --filter is given")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt filters list", "which are active"],
        ["k8sgpt filters remove ConfigMap", "no longer run one"],
      ]),
    );
  addOutput(filters.command("list"))
    .description("List active and unused filters")
    .addHelpText("after", examples([["k8sgpt filters list -o json", "for programs"]]))
    .action(does("filters list"));
  filters
    .command("add <names>")
    .description("Add filters, separated by commas")
    .addHelpText("after", examples([["k8sgpt filters add Job,CronJob", "run these too"]]))
    .action(does("filters add"));
  filters
    .command("remove <names>")
    .description("Remove filters, separated by commas")
    .addHelpText("after", examples([["k8sgpt filters remove ConfigMap", "no longer run it"]]))
    .action(does("filters remove"));
  filters
    .command("set <names>")
    .description("Make these the active filters, and no others")
    .addHelpText("after", examples([["k8sgpt filters set Pod,Service", "only these two"]]))
    .action(does("filters set"));
  filters
    .command("reset")
    .description("Go back to the core set")
    .addHelpText("after", examples([["k8sgpt filters reset", "run the core set again"]]))
    .action(does("filters reset"));

  addOutput(program.command("version"))
    .description("Show which build this is")
    .addHelpText("after", examples([["k8sgpt version -o json", "for programs"]]))
    .action(does("version"));

  const completion = program
    .command("completion")
    .description("Write a script that completes commands, flags, filters and contexts in your shell")
    .addHelpText("after", examples([["source <(k8sgpt completion bash)", "complete in this session"]]));
  for (const [shell, use] of [
    ["bash", "source <(k8sgpt completion bash)"],
    ["zsh", "source <(k8sgpt completion zsh)"],
    ["fish", "k8sgpt completion fish | source"],
  ] as const) {
    completion
      .command(shell)
      .description(`Write the script for ${shell}`)
      .option("--no-descriptions", "complete words without their descriptions")
      .addHelpText("after", examples([[use, "complete in this session"]]))
      .action(does(`completion ${shell}`));
  }
  // What the scripts ask at each press of the tab key; its words may look like flags.
  program
    .command("__complete [words...]", { hidden: true })
    .allowUnknownOption()
    .helpOption(false)
    .action(does("__complete"));
  return program;
}

function addOutput(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <format>", "form of the output").choices(["text", "json"]).default("text"),
  );
}
