import { readFile } from "node:fs/promises";
import { analyzers as known } from "../analyzers/index.ts";
import { configPlace } from "../config/place.ts";
import { readConfig } from "../config/read.ts";
import { Fault, messageOf } from "../fault.ts";
import { createContext, type FilterLists, type McpContext } from "../server/mcp/context.ts";
import { createMasking, noMasking } from "../server/mcp/masking.ts";
import { integrationFilters } from "../server/mcp/tools/own.ts";
import { buildInfo } from "./build-info.ts";
import { exitCodes } from "./exit-codes.ts";
import { addFilters, removeFilters } from "./filters.ts";
import type { ServeFlags } from "./flags.ts";
import { chooseAnalyzers, contextOf, openSource } from "./reading.ts";
import { analyzersNamed, analyzersOf } from "./selection.ts";
import { exitCodeOfStop, listenForStop } from "./stop.ts";
import type { Terminal } from "./terminal.ts";
import { namesIn, parseConcurrency, parseDuration, parseLabels, parseScope } from "./values.ts";

/** `k8sgpt serve`: answers other programs until it is told to end. Gives the exit code. */
export async function runServe(flags: ServeFlags, terminal: Terminal): Promise<number> {
  if (flags.mcp !== true && flags.mcpHttp !== true) {
    throw new Fault("serve needs to know what to serve", {
      usage: true,
      next: "`k8sgpt serve --mcp` serves MCP over standard input and output, `--mcp-http` over HTTP",
    });
  }
  const isHttp = flags.mcpHttp === true;
  if (!isHttp && flags.from.includes("-")) {
    throw new Fault("Standard input carries the protocol: a saved cluster cannot be read from it", {
      usage: true,
      next: "Give --from a file",
    });
  }
  // All that can be refused is refused before anything is served.
  contextOf(flags);
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  const port = parsePort(flags.mcpPort);
  const token = flags.authTokenFile === undefined ? undefined : await readToken(flags.authTokenFile);
  await chooseAnalyzers(flags, terminal);

  // Standard output belongs to the protocol: whatever a library has to say goes where people read.
  for (const name of ["log", "info", "debug", "warn"] as const) {
    console[name] = (...words: readonly unknown[]) => terminal.tell(words.map(String).join(" "));
  }
  const stop = listenForStop(undefined);
  // The end of input is an end as well: a cluster that does not answer must not hold the process.
  const over = new AbortController();
  const context = contextFor(flags, terminal, AbortSignal.any([stop.signal, over.signal]));
  const onError = (error: Error): void => {
    if (flags.verbose === true) terminal.tell(`mcp: ${messageOf(error)}`);
  };
  try {
    // A file that is not there stays away; a cluster may come back, and is opened with the first call.
    if (flags.from.length > 0) await context.source();
    if (isHttp) {
      const { serveOverHttp } = await import("../server/mcp/http.ts");
      const server = await serveOverHttp(context, { host: flags.listen, port, token, onError });
      terminal.tell(`MCP at ${server.url}`);
      await new Promise<void>((resolve) => {
        stop.signal.addEventListener("abort", () => resolve(), { once: true });
        if (stop.signal.aborted) resolve();
      });
      await stop.bounded(server.close());
    } else {
      const { serveOverStdio } = await import("../server/mcp/stdio.ts");
      const streams = { input: terminal.stdin, output: process.stdout, signal: stop.signal, onError };
      await serveOverStdio(context, streams);
    }
    over.abort();
    await stop.bounded(context.close()).catch((error: unknown) => onError(new Error(messageOf(error))));
    // To be told to end is how a server ends well.
    return stop.reason() === "interrupted" ? exitCodeOfStop("interrupted") : exitCodes.done;
  } finally {
    stop.release();
  }
}

function contextFor(flags: ServeFlags, terminal: Terminal, signal: AbortSignal): McpContext {
  const tools = namesIn(flags.mcpTools);
  return createContext({
    version: buildInfo,
    open: async (ending) => openSource(flags, terminal, ending, (note) => terminal.tell(`note: ${note}`)),
    chooseAnalyzers: async (filters) =>
      filters.length > 0 ? analyzersNamed(filters, known) : (await chooseAnalyzers(flags, terminal)).analyzers,
    filters: async () => filterLists(flags, terminal),
    ...(flags.mcpAllowConfig === true && {
      changeFilters: async (change: "add" | "remove", names: readonly string[]) => {
        const said: string[] = [];
        const quiet: Terminal = {
          env: terminal.env,
          platform: terminal.platform,
          home: terminal.home,
          stdin: terminal.stdin,
          stdoutIsTerminal: false,
          stderrIsTerminal: false,
          columns: undefined,
          print: async (text) => void said.push(text.trim()),
          tell: (line) => void said.push(line),
          draw: () => undefined,
        };
        await (change === "add" ? addFilters : removeFilters)(names.join(","), flags, quiet);
        return said.join("; ");
      },
    }),
    parseLabels,
    policy: {
      ...(tools.length > 0 && { tools }),
      denyTools: namesIn(flags.mcpDenyTools),
      scope: parseScope(flags.namespace),
      denyKinds: namesIn(flags.mcpDenyKinds).map((kind) => kind.toLowerCase()),
    },
    masking: flags.anonymize === true ? createMasking() : noMasking,
    signal,
    now: () => performance.now(),
  });
}

async function filterLists(flags: ServeFlags, terminal: Terminal): Promise<FilterLists> {
  const config = await readConfig(configPlace(flags.config, terminal), terminal.env);
  const chosen = flags.filter.length > 0 ? analyzersNamed(flags.filter, known) : analyzersOf(config, known).analyzers;
  return {
    coreFilters: namesOf((_, core) => core),
    additionalFilters: namesOf((name, core) => !core && !isOfIntegration(name)),
    integrationFilters: namesOf((name, core) => !core && isOfIntegration(name)),
    activeFilters: chosen.map(({ name }) => name).sort(),
    activeFiltersFrom: flags.filter.length > 0 ? "--filter" : config.activeFiltersFrom,
  };
}

function namesOf(isWanted: (name: string, core: boolean) => boolean): readonly string[] {
  return known
    .filter(({ name, core }) => isWanted(name, core))
    .map(({ name }) => name)
    .sort();
}

function isOfIntegration(name: string): boolean {
  return integrationFilters.includes(name);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new Fault(`"${text}" is not a port`, {
    usage: true,
    next: "--mcp-port takes a number up to 65535; 0 takes a free one",
  });
}

async function readToken(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new Fault(`Cannot read --auth-token-file ${path}: ${messageOf(error)}`, {
      cause: error,
      next: "Name a file that holds the token",
    });
  }
  const token = text.trim();
  if (token.length >= 16) return token;
  throw new Fault(`The token in ${path} is too short to keep anyone out`, { next: "Make one: `openssl rand -hex 32`" });
}
