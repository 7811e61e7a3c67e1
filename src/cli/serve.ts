import { readFile } from "node:fs/promises";
import { type Budget, parseBudget } from "../ai/budget.ts";
import { analyzers as known } from "../analyzers/index.ts";
import { backendName } from "../config/ai.ts";
import { configPlace } from "../config/place.ts";
import { readConfig } from "../config/read.ts";
import { Fault, messageOf } from "../fault.ts";
import { type Cluster, createFleet, type FilterLists, type Fleet, type McpOptions } from "../server/mcp/context.ts";
import type { AuditFile } from "../audit.ts";
import { createMasking, noMasking } from "../server/mcp/masking.ts";
import type { McpRule } from "../config/policy.ts";
import { integrationFilters } from "../server/mcp/tools/own.ts";
import { buildInfo } from "./build-info.ts";
import { exitCodes } from "./exit-codes.ts";
import { addFilters, removeFilters } from "./filters.ts";
import type { ServeFlags } from "./flags.ts";
import { chooseAnalyzers } from "./reading.ts";
import { analyzersNamed, analyzersOf } from "./selection.ts";
import { exitCodeOfStop, listenForStop } from "./stop.ts";
import { type Target, targetsOf } from "./targets.ts";
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
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  const port = parsePort(flags.mcpPort);
  const token = flags.authTokenFile === undefined ? undefined : await readToken(flags.authTokenFile);
  await chooseAnalyzers(flags, terminal);
  // Which settings it has is looked up at each explanation; that there is such a backend, now.
  if (flags.backend !== undefined && flags.backend !== "") {
    await (await import("./backend.ts")).factoryNamed(backendName(flags.backend));
  }
  parseBudget(flags.aiBudget);
  parseDuration("--ai-timeout", flags.aiTimeout);
  const targets = await targetsOf(withoutGuards(flags), terminal);
  const rules = await mcpRules(flags, terminal);

  // Standard output belongs to the protocol: whatever a library has to say goes where people read.
  for (const name of ["log", "info", "debug", "warn"] as const) {
    console[name] = (...words: readonly unknown[]) => terminal.tell(words.map(String).join(" "));
  }
  const stop = listenForStop(undefined);
  // The end of input is an end as well: a cluster that does not answer must not hold the process.
  const over = new AbortController();
  const ending = AbortSignal.any([stop.signal, over.signal]);
  const onError = (error: Error): void => {
    if (flags.verbose === true) terminal.tell(`mcp: ${messageOf(error)}`);
  };
  const audit = await callLog(flags);
  const options = optionsFor(flags, terminal, { signal: ending, clusters: targets.length, rules, audit });
  let fleet: Fleet | undefined;
  try {
    fleet = createFleet({ ...options, clusters: await clustersOf(targets, terminal, ending) });
    if (isHttp) {
      const { serveOverHttp } = await import("../server/mcp/http.ts");
      const server = await serveOverHttp(fleet, { host: flags.listen, port, token, onError });
      terminal.tell(`MCP at ${server.url}`);
      await new Promise<void>((resolve) => {
        stop.signal.addEventListener("abort", () => resolve(), { once: true });
        if (stop.signal.aborted) resolve();
      });
      await stop.bounded(server.close());
    } else {
      const { serveOverStdio } = await import("../server/mcp/stdio.ts");
      const streams = { input: terminal.stdin, output: process.stdout, signal: stop.signal, onError };
      await serveOverStdio(fleet, streams);
    }
    over.abort();
    await stop.bounded(fleet.close()).catch((error: unknown) => onError(new Error(messageOf(error))));
    // To be told to end is how a server ends well.
    return stop.reason() === "interrupted" ? exitCodeOfStop("interrupted") : exitCodes.done;
  } finally {
    audit?.close();
    stop.release();
  }
}

/** The clusters to serve. A saved one is opened now: a file that is not there stays away. A live one may come back. */
async function clustersOf(
  targets: readonly Target[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly Cluster[]> {
  const note = (text: string): void => terminal.tell(`note: ${text}`);
  const saved = await Promise.all(targets.map(async (one) => (one.isSaved ? one.open(signal, note) : undefined)));
  return targets.map((target, index): Cluster => {
    const { name, isSaved, context } = target;
    const source = saved[index];
    if (source === undefined) {
      return { name, isSaved, isNamed: context !== undefined, open: async (ending) => target.open(ending, note) };
    }
    const { name: own } = source.info;
    const isUnique = saved.filter((one) => one?.info.name === own).length === 1;
    return { name: isUnique ? own : name, isSaved, open: async () => source };
  });
}

interface Serving {
  readonly signal: AbortSignal;
  /** How many there are. */
  readonly clusters: number;
  readonly rules: readonly McpRule[];
  readonly audit: AuditFile | undefined;
}

function optionsFor(flags: ServeFlags, terminal: Terminal, { signal, clusters, rules, audit }: Serving): McpOptions {
  const tools = namesIn(flags.mcpTools);
  let budget: Promise<Budget> | undefined;
  return {
    version: buildInfo,
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
      rules,
    },
    masking: flags.anonymize === true ? createMasking(clusters) : noMasking,
    explain: async (report, input, { backend, language, noCache }, ending) => {
      const { explainingBudget, prepareExplaining } = await import("./explain.ts");
      // One account for as long as the server runs, whoever asks.
      budget ??= explainingBudget(flags, terminal);
      const explaining = await prepareExplaining(
        {
          ...flags,
          ...(backend !== undefined && backend !== "" && { backend }),
          language: language ?? flags.language,
          cache: flags.cache && noCache !== true,
          // What --anonymize of serve means for answers, is the default for what is sent to a backend.
          anonymize: true,
          dryRunExplain: false,
          output: [],
        },
        terminal,
        { budget: await budget },
      );
      const explained = explaining.begin(report, input, ending, () => undefined);
      try {
        const incidents = await Promise.all(explained.report.incidents.map(explained.incident));
        return { backend: explained.report.provider ?? "", incidents };
      } finally {
        await explained.close();
      }
    },
    ...(audit !== undefined && { audit: (call) => audit.write("call", { ...call }) }),
    ...(flags.mcpAliases !== undefined && { aliases: [flags.mcpAliases] }),
    signal,
    now: () => performance.now(),
  };
}

/** Where calls are written down, also those about a saved cluster: reads of live ones get their own lines there. */
async function callLog({ auditLog }: ServeFlags): Promise<AuditFile | undefined> {
  if (auditLog === undefined) return undefined;
  const { openAuditFile } = await import("../audit.ts");
  return openAuditFile(auditLog, { k8sgpt: buildInfo.version, command: "serve" }, Date.now);
}

/** Of a saved cluster nothing is asked that a policy or an audit log of reads could be about. */
function withoutGuards(flags: ServeFlags): ServeFlags {
  if (flags.from.length === 0) return flags;
  const { policy: _policy, auditLog: _auditLog, ...rest } = flags;
  return rest;
}

/** What the policy says of MCP. @throws Fault when it says what could not be kept */
async function mcpRules(flags: ServeFlags, terminal: Terminal): Promise<readonly McpRule[]> {
  const { readPolicies } = await import("../config/policy.ts");
  const place = configPlace(flags.config, terminal);
  if (flags.from.length > 0 && flags.policy !== undefined) {
    const named = (await readPolicies(place, flags.policy)).at(-1);
    const { contexts, namespaces, kinds } = named ?? {};
    if (contexts !== undefined || namespaces !== undefined || kinds !== undefined) {
      throw new Fault("--policy names contexts, namespaces or kinds of a live cluster; --from asks none", {
        usage: true,
        next: "Name what a saved cluster must not tell below `mcp.deny`",
      });
    }
  }
  return (await readPolicies(place, flags.policy)).flatMap(({ mcp }) => mcp ?? []);
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
