/**
 * The command line as a table: commands, flags, help. It is what every start loads, so that it imports commander and
 * nothing else; what a command does is loaded when it runs. `--help`, completion and the tests read this same table.
 */
import { Command, Help, Option } from "commander";

/** What runs when a command was understood: its path, `filters add`, its arguments, its flags. */
export type Run = (
  path: string,
  operands: readonly string[],
  flags: Readonly<Record<string, unknown>>,
) => Promise<void>;

/** The forms that report/formats.ts has, in its order; it is not loaded to print help. */
export const reportFormats: readonly string[] = [
  "text",
  "json",
  "yaml",
  "ndjson",
  "sarif",
  "junit",
  "markdown",
  "html",
];

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function addReadingFlags(command: Command): Command {
  return addScopeFlags(command.addOption(filterOption()))
    .option("--logs", "also read the last log lines of failing containers")
    .option("--read-tls", "also read the certificates of TLS Secrets (never their keys), and judge them")
    .addOption(policyOption())
    .addOption(auditOption());
}

/** Which clusters, which part of them, and how gently. */
function addScopeFlags(command: Command): Command {
  return command
    .addOption(
      new Option("-n, --namespace <names>", "only these namespaces; !name leaves one out; repeatable (default: all)")
        .argParser(collect)
        .default([], ""),
    )
    .addOption(
      names(
        "--from <path>",
        "read a saved cluster: manifest, dump, must-gather, support bundle or snapshot; - for standard input; repeatable",
      ),
    )
    .option("-m, --max-concurrency <count>", "requests to the API server at once", "10")
    .option("--timeout <duration>", "end the run after this long, with what was read: 30s, 2m")
    .option("--request-timeout <duration>", "give up on one request after this long", "30s");
}

function filterOption(): Option {
  return new Option(
    "-f, --filter <names>",
    "analyzers to run, separated by commas; repeatable (default: the active filters)",
  )
    .argParser(collect)
    .default([], "");
}

function policyOption(): Option {
  return new Option(
    "--policy <file>",
    "which contexts, namespaces and kinds may be read and which AI hosts asked, besides the config's policy",
  );
}

function auditOption(): Option {
  return new Option(
    "--audit-log <file>",
    "append a JSON line for every request to the API server, AI call and call of an MCP tool",
  );
}

function examples(lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return ["", "Examples:", ...lines.map(([command, what]) => `  ${command.padEnd(width)}  # ${what}`)].join("\n");
}

/** What the help says of a flag: that a list is empty until it is given needs no words. */
function optionDescription(option: Option): string {
  const { defaultValue } = option;
  const isEmptyList = Array.isArray(defaultValue) && defaultValue.length === 0;
  return isEmptyList ? option.description : new Help().optionDescription(option);
}

/**
 * A command that this start does not name: its name, description and arguments, as the help of what is above it shows
 * them. Of its flags that help tells only that there are some, and to make two hundred takes as long as all else that
 * `--help` does.
 */
class Outline extends Command {
  override createCommand(name?: string): Command {
    return new Outline(name);
  }

  override option(..._given: readonly unknown[]): this {
    return this.addOption(someOption);
  }

  override requiredOption(..._given: readonly unknown[]): this {
    return this.addOption(someOption);
  }

  override addOption(_given: Option): this {
    return this.options.length > 0 ? this : super.addOption(someOption);
  }

  override addHelpText(..._given: readonly unknown[]): this {
    return this;
  }

  override action(..._given: readonly unknown[]): this {
    return this;
  }

  /** What belongs to a group shows in the group's own help alone: one command stands in for all of them. */
  override command(): never {
    standIn ??= new Outline("stand-in");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no type fits both of commander's overloads
    return standIn as never;
  }
}

const someOption = new Option("--some");
let standIn: Outline | undefined;

/** The command line of a start with `words`: commands that none of them names are outlines. */
class Program extends Command {
  readonly #words: ReadonlySet<string> | undefined;

  constructor(words: readonly string[] | undefined) {
    super("k8sgpt");
    this.#words = words === undefined ? undefined : new Set(words.map((word) => aliases[word] ?? word));
  }

  override createCommand(name = ""): Command {
    return this.#words === undefined || this.#words.has(name) ? new Command(name) : new Outline(name);
  }
}

const aliases: Readonly<Record<string, string>> = { analyse: "analyze", filter: "filters" };

/** What needs every flag of every command. */
const wantsAll: ReadonlySet<string> = new Set(["completion", "__complete"]);

/**
 * The whole command line. `run` is called once, for the command that was named.
 *
 * @param words What was typed, when only that is to be understood: the flags of other commands are left out.
 */
export function createProgram(run: Run, words?: readonly string[]): Command {
  const program = new Program(words?.some((word) => wantsAll.has(word)) === true ? undefined : words);
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
    .addOption(
      names(
        "--kubecontext <names>",
        "contexts of the kubeconfig, separated by commas; * stands for any text; repeatable",
      ),
    )
    .addOption(names("--context <names>", "the same as --kubecontext (default: the current one)"))
    .option("--all-contexts", "every context of the kubeconfig")
    .addOption(new Option("--color <when>", "colour the output").choices(["auto", "always", "never"]).default("auto"))
    .addOption(
      new Option("--hyperlinks <when>", "link titles to what Kubernetes' documentation says of them")
        .choices(["auto", "always", "never"])
        .default("auto"),
    )
    .option("--no-pager", "never show long text a page at a time (default: K8SGPT_PAGER, PAGER, less)")
    .option("-v, --verbose", "tell on standard error what is done, and more about errors")
    .configureHelp({ showGlobalOptions: true, sortOptions: false, optionDescription })
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
    .addOption(
      // `choices` is for help and completion; a value may also name a file.
      new Option("-o, --output <format>", "form of the report; FORMAT=FILE writes it to a file; repeatable")
        .choices(reportFormats)
        .argParser(collect)
        .default([], "text"),
    )
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
    .option("--baseline <file>", "tell what is new, resolved and unchanged since this baseline")
    .option(
      "--fail-on-new",
      "exit with 4 only for findings that the baseline does not know (of --fail-on, else warning)",
    )
    .option("--since <file>", "the same comparison with an earlier report, of -o json or baseline")
    .option("--ignore-file <file>", "findings to accept: rule, object, reason, expiry (default: .k8sgptignore)")
    .option("--strict", "exit with 3 when not everything could be checked")
    .option("-d, --with-doc", "add what Kubernetes says about the fields in question")
    .option("-s, --with-stat", "tell how long each analyzer took")
    .option("-e, --explain", "have an AI backend explain each incident; names are masked before they leave")
    .option("-b, --backend <name>", "AI backend to ask (default: the configured one)")
    .option("-l, --language <name>", "language of the explanations", "english")
    .option("-a, --anonymize", "mask names before they leave (always on unless --no-anonymize)")
    .option("--no-anonymize", "send names as they are; credentials are removed all the same")
    .option("-c, --no-cache", "neither look up explanations nor keep them")
    .option("--refresh-cache", "have everything explained anew, and keep that")
    .option("--ai-timeout <duration>", "give up on one explanation after this long", "60s")
    .option("--ai-budget <limits>", "spend at most this: calls=20, tokens=50k, or both")
    .option("--dry-run-explain", "print exactly what --explain would send, and send nothing")
    .option("--watch", "keep looking, and tell what is new, worse, better or resolved; Ctrl-C ends it")
    .option("--interval <duration>", "how long --watch waits between two looks", "30s")
    .option("-i, --interactive", "after --explain, answer questions about the incidents on the terminal")
    .addHelpText(
      "after",
      `${examples([
        ["k8sgpt analyze", "everything in the current context"],
        ["k8sgpt analyze -n shop -f Pod,Service", "two analyzers in one namespace"],
        ["k8sgpt analyze -n '!kube-system' --logs", "all namespaces but one, with the logs of failing containers"],
        ["k8sgpt analyze --fail-on critical --strict", "as a gate in a pipeline"],
        ["k8sgpt analyze --baseline known.json --fail-on-new", "a gate for what is new"],
        ["k8sgpt analyze -o html=report.html -o junit=report.xml", "several forms at once"],
        ["k8sgpt analyze -o json | jq '.incidents[].title'", "for programs"],
        ["kubectl get all -A -o yaml | k8sgpt analyze --from -", "without a connection of its own"],
        ["k8sgpt analyze --context prod,develop", "several clusters in one report; also 'prod-*', --all-contexts"],
        ["k8sgpt analyze --from monday.tar.gz --from friday.tar.gz", "several saved ones"],
        ["k8sgpt analyze -n shop --watch", "tell what changes, as a log"],
        ["k8sgpt analyze --explain --backend ollama", "explained by a model on this machine"],
        ["k8sgpt analyze --explain --dry-run-explain", "what would be sent, masked"],
        ["k8sgpt analyze --explain --interactive", "then ask about what was found"],
      ])}

Exit codes:
  0 done   1 could not run   2 wrong usage   3 incomplete (with --strict, or nothing could be checked)
  4 --fail-on or --fail-on-new was reached   5 an explanation failed   130 interrupted`,
    )
    .action(does("analyze"));

  addReadingFlags(program.command("baseline"))
    .description("Save which findings there are now, so that later only new ones fail a pipeline")
    .requiredOption("-o, --output <file>", "the file to write; a file that is there is replaced")
    .option("-L, --selector <selector>", "only findings about objects with these labels, as for kubectl -l")
    .addOption(
      new Option("--include <what>", "also keep findings of these severities: info, risks")
        .argParser(collect)
        .default([], ""),
    )
    .option("--ignore-file <file>", "findings to accept: rule, object, reason, expiry (default: .k8sgptignore)")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt baseline -o known.json", "remember what is broken today"],
        ["k8sgpt analyze --baseline known.json --fail-on-new", "exit with 4 when something new breaks"],
      ]),
    )
    .action(does("baseline"));

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

  addOutput(addReadingFlags(program.command("why <object> [name]")))
    .description("Tell the story of one object: what is wrong with it or around it, what happened, and what is fine")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt why deploy/cart -n shop", "a Deployment of the current context"],
        ["k8sgpt why pod cart-5fcf7f864d-gg6r9", "kinds and names as kubectl takes them"],
        ["k8sgpt why node/worker-6 --from dump.tar.gz", "a node of a saved cluster"],
      ]),
    )
    .action(does("why"));

  addOutput(program.command("rules [rule]"))
    .description(
      "List the rules, those of one filter, or explain one: when it fires, why it matters, when it is silent",
    )
    .addHelpText(
      "after",
      examples([
        ["k8sgpt rules", "all of them"],
        ["k8sgpt rules Service", "those of one filter"],
        ["k8sgpt rules configmap-missing", "one, explained"],
      ]),
    )
    .action(does("rules"));

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

  addAuth(program, does);
  addCache(program, does);

  addOutput(program.command("version"))
    .description("Show which build this is")
    .addHelpText("after", examples([["k8sgpt version -o json", "for programs"]]))
    .action(does("version"));

  program
    .command("init")
    .description("Write a config file from a few questions: filters, and a model on this machine to explain with")
    .option("-y, --yes", "do not ask: take the defaults")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt init", "asks"],
        ["k8sgpt init --yes --config ./k8sgpt.yaml", "the defaults, in a file of your choice"],
      ]),
    )
    .action(does("init"));
  program
    .command("man")
    .description("Write the manual page of k8sgpt, in roff")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt man | man -l -", "read it"],
        ["k8sgpt man > ~/.local/share/man/man1/k8sgpt.1", "install it"],
      ]),
    )
    .action(does("man"));

  addServe(program).action(does("serve"));
  addRights(program, does);

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

type Does = (path: string) => (...given: readonly unknown[]) => Promise<void>;

function addAuth(program: Command, does: Does): void {
  const auth = program
    .command("auth")
    .description("Choose the AI backends that explain findings")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt auth add -b ollama -m llama3.2", "a model on this machine"],
        ["k8sgpt auth list", "which are configured"],
      ]),
    );
  addProviderFlags(auth.command("add"), "openai")
    .description("Add an AI backend; its key is asked for, or read from standard input")
    .option("--force", "replace one that is configured")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt auth add -b openai", "asks for the key without showing it"],
        ["k8sgpt auth add -b openai --password-env OPENAI_API_KEY", "keeps only the name of the variable"],
        ["k8sgpt auth add -b ollama -m llama3.2", "needs no key"],
      ]),
    )
    .action(does("auth add"));
  addProviderFlags(auth.command("update"), undefined)
    .description("Change settings of a configured backend; what is not named stays")
    .addOption(
      new Option("--unset <fields>", "remove these settings: model, topp, …; repeatable")
        .argParser(collect)
        .default([], ""),
    )
    .addHelpText("after", examples([["k8sgpt auth update -b openai -m gpt-5", "another model"]]))
    .action(does("auth update"));
  addOutput(auth.command("list"))
    .description("List AI backends: default, configured, unused; never a secret")
    .option("--details", "also models and addresses")
    .addHelpText("after", examples([["k8sgpt auth list --details", "with models and addresses"]]))
    .action(does("auth list"));
  auth
    .command("default")
    .description("Show the default backend, or choose it")
    .option("-p, --provider <name>", "make this one the default")
    .addHelpText("after", examples([["k8sgpt auth default -p ollama", "explain with ollama"]]))
    .action(does("auth default"));
  auth
    .command("remove")
    .description("Remove configured backends")
    .requiredOption("-b, --backends <names>", "backends to remove, separated by commas")
    .addHelpText("after", examples([["k8sgpt auth remove -b openai,groq", "forget two"]]))
    .action(does("auth remove"));
  auth
    .command("test")
    .description("Make one tiny call and say what came of it")
    .option("-b, --backend <name>", "backend to test (default: the one that --explain would ask)")
    .addHelpText("after", examples([["k8sgpt auth test -b openai", "is the key good?"]]))
    .action(does("auth test"));
  program
    .command("generate")
    .description("Open the page where a backend's key is made, or print its address")
    .option("-b, --backend <name>", "backend whose key is wanted", "openai")
    .addHelpText("after", examples([["k8sgpt generate -b anthropic", "where the key comes from"]]))
    .action(does("generate"));
}

function addProviderFlags(command: Command, defaultBackend: string | undefined): Command {
  const backend = new Option("-b, --backend <name>", "name of the backend");
  return command
    .addOption(defaultBackend === undefined ? backend.makeOptionMandatory() : backend.default(defaultBackend))
    .option("-m, --model <name>", "model (default: the backend's own)")
    .option("-p, --password <secret>", "key, or a reference: env:NAME, file:PATH, cmd:COMMAND")
    .option("--password-stdin", "read the key from standard input")
    .option("--password-file <path>", "read the key from this file each time it is needed")
    .option("--password-env <name>", "read the key from this variable each time it is needed")
    .option("--password-command <command>", "get the key from this command each time it is needed")
    .option("-u, --baseurl <url>", "address of the API")
    .option("-n, --endpointname <name>", "SageMaker endpoint")
    .option("--topp <number>", "nucleus sampling, 0 to 1")
    .option("-c, --topk <number>", "sample among this many, 1 to 100")
    .option("-l, --maxtokens <number>", "longest answer in tokens")
    .addOption(
      new Option("-s, --stopsequences <texts>", "end the answer at one of these, separated by commas")
        .argParser(collect)
        .default([], ""),
    )
    .option("-t, --temperature <number>", "randomness, 0 to 1")
    .option("-e, --engine <name>", "Azure deployment")
    .option("-r, --providerRegion <name>", "region of the cloud")
    .option("-i, --providerId <name>", "project of Google Cloud or watsonx")
    .option("-k, --compartmentId <id>", "OCI compartment")
    .option("-o, --organizationId <id>", "organisation of OpenAI or Azure")
    .option("-a, --azureAPIType <type>", "AZURE, AZURE_AD or CLOUDFLARE_AZURE")
    .option("--azureAPIVersion <version>", "Azure's api-version")
    .option("--proxy <url>", "HTTP proxy for this backend")
    .addOption(
      new Option("--header <name:value>", "HTTP header for every call; repeatable").argParser(collect).default([], ""),
    )
    .option("--ca-file <path>", "PEM file of certificate authorities to trust besides");
}

function addCache(program: Command, does: Does): void {
  const cache = program
    .command("cache")
    .description("Choose where explanations are kept, and look after them")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt cache list", "what is kept"],
        ["k8sgpt cache add s3 --bucket diagnosis", "share it"],
      ]),
    );
  cache
    .command("add <type>")
    .description("Keep explanations in azure, gcs, s3 or interplex instead of local files")
    .option("-r, --region <name>", "s3, gcs: region (default: us-east-1 for s3)")
    .option("-e, --endpoint <address>", "s3: another server; interplex: host:port")
    .option("-i, --insecure", "s3: do not check that server's certificate")
    .option("-b, --bucket <name>", "s3, gcs: bucket")
    .option("-p, --projectid <name>", "gcs: project")
    .option("-s, --storageacc <name>", "azure: storage account")
    .option("-c, --container <name>", "azure: container")
    .option("--create", "make the bucket or container when it is not there")
    .option("--no-check", "store the settings without asking the server")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt cache add s3 -b diagnosis -r eu-central-1", "Amazon S3"],
        ["k8sgpt cache add azure -s account -c diagnosis", "Azure Blob Storage"],
      ]),
    )
    .action(does("cache add"));
  addOutput(cache.command("get"))
    .description("Show which cache is in use")
    .addHelpText("after", examples([["k8sgpt cache get", "file, s3, …"]]))
    .action(does("cache get"));
  addOutput(cache.command("list"))
    .description("List what is kept")
    .option("--older-than <duration>", "only what was last changed this long ago: 24h")
    .addHelpText("after", examples([["k8sgpt cache list -o json", "for programs"]]))
    .action(does("cache list"));
  cache
    .command("purge [key]")
    .description("Remove one explanation, or all")
    .option("--all", "remove all")
    .option("-y, --yes", "do not ask")
    .addHelpText("after", examples([["k8sgpt cache purge --all --yes", "start afresh"]]))
    .action(does("cache purge"));
  cache
    .command("remove")
    .description("Go back to local files; what is kept elsewhere stays there")
    .addHelpText("after", examples([["k8sgpt cache remove", "local files again"]]))
    .action(does("cache remove"));
}

function addOutput(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <format>", "form of the output").choices(["text", "json"]).default("text"),
  );
}

/** A flag that may be given again and again. */
function names(flags: string, text: string): Option {
  return new Option(flags, text).argParser(collect).default([], "");
}

function addServe(program: Command): Command {
  return (
    program
      .command("serve")
      .description("Answer AI assistants: MCP over standard input and output, or over HTTP; reads only")
      .option("--mcp", "serve the Model Context Protocol over standard input and output")
      .option("--mcp-http", "serve it over HTTP, at /mcp")
      .option("--mcp-port <port>", "the port of --mcp-http", "8089")
      .option("--listen <address>", "the address of --mcp-http", "127.0.0.1")
      .option("--auth-token-file <file>", "holds the bearer token that clients must send; needed off loopback")
      .option("--anonymize", "mask names, addresses and images in every answer")
      .option("--mcp-allow-config", "let clients change the active filters in the config file")
      .addOption(
        new Option(
          "--mcp-aliases <server>",
          "also the read tools of another server, under their names: mcp-k8s",
        ).choices(["mcp-k8s"]),
      )
      .addOption(names("--mcp-tools <names>", "only these tools; repeatable"))
      .addOption(names("--mcp-deny-tools <names>", "all tools but these; repeatable"))
      .addOption(names("--mcp-deny-kinds <kinds>", "kinds that clients may not read; repeatable"))
      .addOption(names("-f, --filter <names>", "analyzers to run when a client names none; repeatable"))
      .addOption(names("-n, --namespace <names>", "only these namespaces; !name leaves one out; repeatable"))
      .addOption(names("--from <path>", "serve a saved cluster; repeatable"))
      .option("-b, --backend <name>", "AI backend for explanations that clients ask for (default: the configured one)")
      .option("--language <name>", "language of explanations, when a client names none", "english")
      .option("--no-cache", "neither look up explanations nor keep them")
      .option("--ai-timeout <duration>", "give up on one explanation after this long", "60s")
      .option("--ai-budget <limits>", "spend at most this while the server runs: calls=20, tokens=50k, or both")
      // Without its letter: in k8sgpt, -m of serve is the metrics port.
      .option("--max-concurrency <count>", "requests to the API server at once", "10")
      .option("--request-timeout <duration>", "give up on one request after this long", "30s")
      .addOption(policyOption())
      .addOption(auditOption())
      .addHelpText(
        "after",
        examples([
          ["k8sgpt serve --mcp", "as an assistant starts it"],
          ["k8sgpt serve --mcp -n shop --anonymize", "one namespace, names masked"],
          ["k8sgpt serve --mcp --from prod.tar.gz", "a saved cluster"],
          ["k8sgpt serve --mcp --context prod,test", "two clusters; each tool takes one"],
          ["k8sgpt serve --mcp-http", "http://127.0.0.1:8089/mcp"],
        ]),
      )
  );
}

function addRights(program: Command, does: Does): void {
  const rbac = addOutput(addReadingFlags(program.command("rbac")))
    .description("Write the smallest ClusterRole that the chosen filters need; with -n, a Role per namespace")
    .option("--name <name>", "name of the roles", "k8sgpt")
    .option("--bind <subject>", "also bind it: namespace/name of a ServiceAccount, user:NAME or group:NAME")
    .option("--custom-kinds", "also the kinds that the cluster's own CustomResourceDefinitions define")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt rbac > role.yaml", "for the active filters"],
        ["k8sgpt rbac -f Pod,Service --logs", "for two filters and logs"],
        ["k8sgpt rbac --bind ops/k8sgpt | kubectl apply -f -", "with its binding"],
        ["k8sgpt rbac check", "what the current user lacks"],
      ]),
    )
    .action(does("rbac"));
  rbac
    .command("check")
    .description("Read as analyze does, and say what is refused and which filters that blinds")
    .option("--strict", "exit with 3 when anything is refused")
    .addHelpText("after", examples([["k8sgpt rbac check --context prod -f Pod,Secret", "one context, two filters"]]))
    .action(does("rbac check"));

  addOutput(program.command("doctor"))
    .description("Look at the set-up: config, kubeconfig, API server, rights, cache, AI backend; say how to mend it")
    .addOption(filterOption())
    .option("-m, --max-concurrency <count>", "requests to the API server at once", "10")
    .option("--timeout <duration>", "give up after this long: 30s, 2m")
    .option("--request-timeout <duration>", "give up on one request after this long", "10s")
    .addOption(policyOption())
    .addOption(auditOption())
    .addHelpText("after", examples([["k8sgpt doctor", "when something does not work"]]))
    .action(does("doctor"));

  addOutput(addScopeFlags(program.command("compare [contexts...]")))
    .description(
      "Say how two clusters of one fleet differ: versions, kinds served, workloads by image and replicas, roles",
    )
    .addOption(policyOption())
    .addOption(auditOption())
    .option("--exit-code", "exit with 4 when they differ")
    .option("--strict", "exit with 3 when not everything could be compared")
    .addHelpText(
      "after",
      examples([
        ["k8sgpt compare prod stage", "two contexts of the kubeconfig"],
        ["k8sgpt compare prod stage -n shop --exit-code", "one namespace, as a gate"],
        ["k8sgpt compare --from monday.tar.gz --from today.tar.gz", "two snapshots of one cluster"],
        ["k8sgpt compare prod --from monday.tar.gz", "a cluster, and what it was"],
      ]),
    )
    .action(does("compare"));

  addOutput(program.command("contexts"))
    .description("List the contexts: which can be reached, as whom, until when, and which are easily confused")
    .option("--request-timeout <duration>", "give up on a context after this long", "10s")
    .option("--offline", "ask no server: only what the kubeconfig says")
    .addOption(policyOption())
    .addOption(auditOption())
    .addHelpText("after", examples([["k8sgpt contexts -o json", "for programs"]]))
    .action(does("contexts"));
}
