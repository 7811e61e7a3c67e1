/**
 * The start of the command. It understands the words, loads what the command needs, and is the one place that ends the
 * process: with what the command says, or with what went wrong told as a person needs it.
 */
import { homedir } from "node:os";
import type { Command, CommanderError } from "commander";
import { Fault, messageOf } from "../fault.ts";
import { buildInfo } from "./build-info.ts";
import { exitCodes } from "./exit-codes.ts";
import type {
  AnalyzeFlags,
  AuthFlags,
  AuthOtherFlags,
  BaselineFlags,
  CacheFlags,
  CompareFlags,
  ContextsFlags,
  DoctorFlags,
  InitFlags,
  OutputFlags,
  PagerFlags,
  RbacFlags,
  ServeFlags,
  SnapshotFlags,
} from "./flags.ts";
import { createProgram } from "./program.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** Runs the command that `words` name and gives the exit code. */
export async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = exitCodes.done;
  // `--version` is what people type first at an unknown tool.
  const asked = words[0] === "--version" ? ["version", ...words.slice(1)] : words;
  const program = createProgram(async (path, operands, flags) => {
    exitCode = await runCommand(program, path, operands, flags, terminal);
  }, asked);
  const output: string[] = [];
  quietly(program, output, terminal);
  try {
    await program.parseAsync(asked, { from: "user" });
    return exitCode;
  } catch (error) {
    if (isCommanderError(error)) {
      // `commander.help`: a group without its subcommand. commander calls that an error; k8sgpt shows the help and is done.
      if (error.exitCode === 0 || error.code === "commander.help") {
        await terminal.print(output.join(""));
        return exitCodes.done;
      }
      await tellUsage(error, words, terminal);
      return exitCodes.usage;
    }
    return tellError(error, words.includes("-v") || words.includes("--verbose"), terminal);
  }
}

async function runCommand(
  program: Command,
  path: string,
  operands: readonly string[],
  flags: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<number> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- commander types no flags; a test compares flags.ts with what program.ts declares
  const typed = flags as unknown as AnalyzeFlags &
    BaselineFlags &
    SnapshotFlags &
    OutputFlags &
    AuthFlags &
    AuthOtherFlags &
    CacheFlags &
    RbacFlags &
    DoctorFlags &
    InitFlags &
    ContextsFlags &
    CompareFlags &
    ServeFlags;
  const [names = ""] = operands;
  switch (path) {
    case "analyze":
      if (typed.watch === true) return (await import("./watch.ts")).runWatch(typed, terminal);
      return (await import("./analyze.ts")).runAnalyze(typed, terminal);
    case "baseline":
      return (await import("./analyze.ts")).runBaseline(typed, terminal);
    case "snapshot":
      return (await import("./snapshot.ts")).runSnapshot(typed, terminal);
    case "filters list":
      await (await import("./filters.ts")).listFilters(typed, terminal);
      break;
    case "filters add":
      await (await import("./filters.ts")).addFilters(names, typed, terminal);
      break;
    case "filters remove":
      await (await import("./filters.ts")).removeFilters(names, typed, terminal);
      break;
    case "filters set":
      await (await import("./filters.ts")).setFilters(names, typed, terminal);
      break;
    case "filters reset":
      await (await import("./filters.ts")).resetFilters(typed, terminal);
      break;
    case "auth add":
      await (await import("./auth.ts")).addProvider(typed, terminal);
      break;
    case "auth update":
      await (await import("./auth.ts")).updateProvider(typed, terminal);
      break;
    case "auth list":
      await (await import("./auth.ts")).listProviders(typed, terminal);
      break;
    case "auth default":
      await (await import("./auth.ts")).defaultProvider(typed, terminal);
      break;
    case "auth remove":
      await (await import("./auth.ts")).removeProviders(typed, terminal);
      break;
    case "auth test":
      return (await import("./auth-test.ts")).testProvider(typed, terminal);
    case "generate":
      await (await import("./generate.ts")).openKeyPage(typed, terminal);
      break;
    case "cache add":
      await (await import("./cache.ts")).addCache(names, typed, terminal);
      break;
    case "cache get":
      await (await import("./cache.ts")).showCache(typed, terminal);
      break;
    case "cache list":
      await (await import("./cache.ts")).listCache(typed, terminal);
      break;
    case "cache purge":
      return (await import("./cache.ts")).purgeCache(names, typed, terminal);
    case "cache remove":
      await (await import("./cache.ts")).removeCache(typed, terminal);
      break;
    case "why":
      return (await import("./why.ts")).runWhy(operands, typed, await paged(typed, terminal));
    case "rules":
      await (await import("./rules.ts")).showRules(operands[0], typed, await paged(typed, terminal));
      break;
    case "serve":
      return (await import("./serve.ts")).runServe(typed, terminal);
    case "rbac":
      await (await import("./rbac.ts")).printRoles(typed, terminal);
      break;
    case "rbac check":
      return (await import("./rbac.ts")).checkRights(typed, terminal);
    case "doctor":
      return (await import("./doctor.ts")).runDoctor(typed, terminal);
    case "compare":
      return (await import("./compare.ts")).runCompare(operands, typed, await paged(typed, terminal));
    case "contexts":
      return (await import("./contexts.ts")).showContexts(typed, terminal);
    case "init":
      return (await import("./init.ts")).runInit(typed, terminal);
    case "man": {
      const { manualPage } = await import("./man.ts");
      await terminal.print(manualPage(program, buildInfo.version));
      break;
    }
    case "version":
      await (await import("./version.ts")).showVersion(typed, terminal);
      break;
    case "completion bash":
    case "completion zsh":
    case "completion fish": {
      const { completionScript } = await import("./completion.ts");
      const shell = path === "completion bash" ? "bash" : path === "completion zsh" ? "zsh" : "fish";
      await terminal.print(completionScript(shell, flags["descriptions"] !== false));
      break;
    }
    case "__complete": {
      const { complete } = await import("./completion.ts");
      const [first] = operands;
      const bare = first === "--no-descriptions";
      await complete(
        program,
        operands.slice(bare ? 1 : 0).filter((word, index) => index > 0 || word !== "--"),
        !bare,
        terminal,
      );
      break;
    }
    default:
      throw new Error(`command "${path}" has no code`);
  }
  return exitCodes.done;
}

/** The same terminal, where long text is shown a page at a time. */
async function paged(flags: OutputFlags & PagerFlags, terminal: Terminal): Promise<Terminal> {
  // What a program reads is never paged, and where no terminal is, nothing is loaded for one.
  if (flags.output !== "text" || !terminal.stdoutIsTerminal) return terminal;
  const { printPaged } = await import("./pager.ts");
  return Object.create(terminal, { print: { value: async (text: string) => printPaged(text, flags, terminal) } });
}

/** How wide the help is where no terminal shows it. */
const helpWidth = 80;

/** Makes commander throw instead of exit, and keep its output instead of writing it. */
function quietly(command: Command, output: string[], terminal: Terminal): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => void output.push(text),
    writeErr: (text) => void output.push(text),
    outputError: () => undefined,
    getOutHelpWidth: () => terminal.columns ?? helpWidth,
    getErrHelpWidth: () => terminal.columns ?? helpWidth,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  for (const sub of command.commands) quietly(sub, output, terminal);
}

function isCommanderError(error: unknown): error is CommanderError {
  return (
    error instanceof Error && "exitCode" in error && "code" in error && String(error.code).startsWith("commander.")
  );
}

/** What people write after a command that takes it with a flag. */
const chosenByFlag: Readonly<Record<string, string>> = {
  analyze: "analyzers, use --filter",
  contexts: "contexts, use --context",
  generate: "a backend, use --backend",
};

/** What was perhaps meant where commander does not say: a value of a flag, or a command below one that runs by itself. */
async function meantBy(message: string, commands: readonly Command[]): Promise<string | undefined> {
  const [, value, choices] = /argument '(.*)' is invalid\. Allowed choices are (.*)\.$/.exec(message) ?? [];
  const [, excess] = /but got \d+: ([^,]*)[^]*\.$/.exec(message) ?? [];
  const word = value ?? excess;
  if (word === undefined) return undefined;
  const { didYouMean } = await import("./nearest.ts");
  return didYouMean(word, choices?.split(", ") ?? commands.map((command) => command.name()));
}

/** A wrong word: what it was, what was perhaps meant, and where the help is. */
async function tellUsage(
  { message, code }: CommanderError,
  words: readonly string[],
  terminal: Terminal,
): Promise<void> {
  const [, what = message, hint] = /^(?:error: )?([^]*?)(?:\n\((Did you mean [^]*\?)\))?$/.exec(message) ?? [];
  const commands = words.filter((word) => /^[a-z]+$/.test(word));
  const known = createProgram(async () => undefined);
  const group = known.commands.find((command) => [command.name(), ...command.aliases()].includes(commands[0] ?? ""));
  const sub = group?.commands.find((command) => command.name() === commands[1]);
  const path = [
    "k8sgpt",
    ...(group === undefined ? [] : [group.name()]),
    ...(sub === undefined ? [] : [sub.name()]),
  ].join(" ");
  const meant =
    hint?.replace("one of ", "").replace(/, ([^,]*)\?$/, " or $1?") ??
    (await meantBy(what, (sub === undefined ? group : undefined)?.commands ?? []));
  terminal.tell(`error: ${what.trim()}`);
  const chooses = code === "commander.excessArguments" ? chosenByFlag[group?.name() ?? ""] : undefined;
  const flagHint = chooses === undefined ? "" : `To choose ${chooses}. `;
  terminal.tell(`next: ${meant === undefined ? "" : `${meant} `}${flagHint}\`${path} --help\` shows what there is`);
}

/** A Fault in its own words; anything else is a bug of ours and says what to report. */
function tellError(error: unknown, verbose: boolean, terminal: Terminal): number {
  if (error instanceof Fault) {
    terminal.tell(`error: ${error.message}`);
    if (error.next !== undefined) terminal.tell(`next: ${error.next}`);
    for (const cause of verbose ? causesOf(error) : []) terminal.tell(`cause: ${messageOf(cause)}`);
    return error.usage ? exitCodes.usage : exitCodes.couldNotRun;
  }
  const { version, commit } = buildInfo;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.tell(`error: k8sgpt found a bug in itself: ${messageOf(error)}`);
  terminal.tell(
    `next: Please report it with the lines below; look them over first, they may hold names of your cluster`,
  );
  terminal.tell(`  k8sgpt ${version} (${commit}), Node ${process.version}, ${process.platform}-${process.arch}`);
  for (const line of stack.split("\n")) terminal.tell(`  ${line}`);
  return exitCodes.couldNotRun;
}

function causesOf(error: Error): readonly unknown[] {
  const { cause } = error;
  if (cause === undefined) return [];
  return [cause, ...(cause instanceof Error ? causesOf(cause) : [])];
}

/** The process: its words in, its exit code out. */
export async function start(): Promise<void> {
  const terminal = processTerminal(homedir());
  process.on("uncaughtException", (error) => process.exit(tellError(error, true, terminal)));
  // What fails outside of a command is the output itself.
  const exitCode = await main(process.argv.slice(2), terminal).catch((error: unknown) =>
    tellError(error, false, terminal),
  );
  // Everything is written by now; connections that linger must not hold the shell.
  process.exit(exitCode);
}
