/**
 * `k8sgpt init`: a config file from a few questions, or from sensible answers with `--yes`. It is written whole, for its
 * owner alone; one that is there is changed only when that is wanted, and of it only what was answered. Nothing leaves the
 * machine: whether a model runs here is asked of this machine's own loopback, and of nothing else.
 */
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { analyzers as known } from "../analyzers/index.ts";
import { writeAi } from "../config/ai.ts";
import { configPlace } from "../config/place.ts";
import { readConfigText } from "../config/read.ts";
import { writeActiveFilters, writeNewConfig } from "../config/write.ts";
import { Fault } from "../fault.ts";
import { counted, someOf } from "../report/words.ts";
import { exitCodes } from "./exit-codes.ts";
import type { InitFlags } from "./flags.ts";
import { analyzersNamed } from "./selection.ts";
import type { Terminal } from "./terminal.ts";

interface Answers {
  /** Undefined: the core set, which needs no entry. */
  readonly filters: readonly string[] | undefined;
  /** Of the Ollama on this machine; undefined for no backend. */
  readonly model: string | undefined;
}

/** Writes the config. Gives the exit code. */
export async function runInit(flags: InitFlags, terminal: Terminal): Promise<number> {
  const place = configPlace(flags.config, terminal);
  const { path, text } = await readConfigText({ ...place, explicit: false });
  const old = text === "" ? undefined : path;
  const asks = flags.yes !== true;
  if (asks && (!terminal.stdin.isTTY || !terminal.stderrIsTerminal)) {
    throw new Fault("init asks on a terminal, and there is none", {
      usage: true,
      next: "`k8sgpt init --yes` takes the defaults",
    });
  }
  if (!asks && old !== undefined) {
    throw new Fault(`There is a config file already: ${old}`, {
      next: "`k8sgpt init` without --yes asks before it changes it",
    });
  }
  const models = await localModels(terminal.env);
  const answers = asks ? await ask(old, models, flags, terminal) : { filters: undefined, model: models?.names[0] };
  if (answers === undefined) {
    terminal.tell("Nothing was written");
    return exitCodes.interrupted;
  }
  if (answers === "keep") {
    terminal.tell(`${old ?? place.path} stays as it is`);
    return exitCodes.done;
  }
  const { filters, model } = answers;
  const backend = model === undefined ? undefined : { model, baseURL: models?.baseURL };
  if (old === undefined) await writeNewConfig(place, newConfig(filters, backend));
  else {
    // What k8sgpt's first releases wrote is taken over by the first change.
    const warnings = [
      ...(await writeActiveFilters({ ...place, explicit: false }, () => filters)),
      ...(backend === undefined
        ? []
        : await writeAi({ ...place, explicit: false }, () => ({
            set: [{ name: "ollama", model: backend.model, baseURL: backend.baseURL ?? null }],
            defaultProvider: "ollama",
          }))),
    ];
    for (const warning of warnings) terminal.tell(`warning: ${warning}`);
  }
  terminal.tell(`Wrote ${place.path}`);
  terminal.tell(`  filters  ${filters === undefined ? "the core set" : filters.join(", ")}`);
  terminal.tell(
    `  backend  ${model === undefined ? "none; `k8sgpt auth add` adds one" : `ollama on this machine, model ${model}`}`,
  );
  terminal.tell("  cache    local files; `k8sgpt cache add` shares them");
  terminal.tell("next: `k8sgpt doctor` checks the set-up, `k8sgpt analyze` looks at the cluster");
  return exitCodes.done;
}

interface Backend {
  readonly model: string;
  readonly baseURL: string | undefined;
}

/** A config file that says what it holds. JSON strings are YAML. */
function newConfig(filters: readonly string[] | undefined, backend: Backend | undefined): string {
  const list = filters ?? ["Pod", "Service"];
  return [
    "# Settings of k8sgpt. Flags go before them; `k8sgpt filters`, `auth` and `cache` change them.",
    "",
    "# The filters that run when no --filter is given. Without them: the core set.",
    ...(filters === undefined ? ["# active_filters:"] : ["active_filters:"]),
    ...list.map((name) => `${filters === undefined ? "# " : ""}  - ${name}`),
    ...(backend === undefined
      ? []
      : [
          "",
          "# Who explains incidents with --explain. Names are masked before they are sent.",
          "ai:",
          "  defaultprovider: ollama",
          "  providers:",
          "    - name: ollama",
          `      model: ${JSON.stringify(backend.model)}`,
          ...(backend.baseURL === undefined ? [] : [`      baseurl: ${JSON.stringify(backend.baseURL)}`]),
        ]),
    "",
  ].join("\n");
}

interface LocalModels {
  readonly names: readonly string[];
  /** Undefined where it is the backend's own default. */
  readonly baseURL: string | undefined;
}

const lookMs = 500;
const defaultOllama = "127.0.0.1:11434";

/**
 * The models of an Ollama that answers on this machine; undefined when none does. `OLLAMA_HOST`, its own variable, may
 * name another port; what it names beyond the loopback is left alone.
 */
async function localModels(env: Terminal["env"]): Promise<LocalModels | undefined> {
  const host = (env["OLLAMA_HOST"] ?? "").replace(/^https?:\/\//, "").replace(/\/+$/, "") || defaultOllama;
  if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(host)) return undefined;
  const address = `http://${host.includes(":") ? host : `${host}:11434`}`;
  try {
    const answer = await fetch(`${address}/api/tags`, { signal: AbortSignal.timeout(lookMs), redirect: "error" });
    const body: unknown = await answer.json();
    const models = typeof body === "object" && body !== null && "models" in body ? body.models : undefined;
    const names = (Array.isArray(models) ? models : []).flatMap((model: unknown) =>
      typeof model === "object" && model !== null && "name" in model && typeof model.name === "string"
        ? [model.name.replace(/:latest$/, "")]
        : [],
    );
    return names.length === 0 ? undefined : { names, baseURL: host === defaultOllama ? undefined : address };
  } catch {
    return undefined; // Nobody there, or somebody else.
  }
}

/** Asks. Undefined when the user stopped, `keep` when the file that is there shall stay. */
async function ask(
  old: string | undefined,
  models: LocalModels | undefined,
  flags: InitFlags,
  terminal: Terminal,
): Promise<Answers | "keep" | undefined> {
  const { question, close } = asker(terminal);
  /** Asks until the answer can be used; undefined when the user stopped. */
  const until = async <T>(text: string, read: (answer: string) => T): Promise<T | undefined> => {
    for (;;) {
      const answer = await question(text); // oxlint-disable-line no-await-in-loop -- one question after the other
      if (answer === undefined) return undefined;
      try {
        return read(answer.trim());
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        terminal.tell(`${error.message}${error.next === undefined ? "" : `. ${error.next}`}`);
      }
    }
  };
  try {
    if (old !== undefined) {
      const change = await until(`There is a config file already: ${old}. Change it? [y/N] `, yesOrNo(false));
      if (change !== true) return change === false ? "keep" : undefined;
    }
    terminal.tell(await contextsText(flags, terminal));
    const core = known.filter((analyzer) => analyzer.core).length;
    const filters = await until(
      `Which filters? Enter for the ${core} core ones, \`all\`, or names with commas: `,
      (answer) => {
        if (answer === "") return { names: undefined };
        if (answer.toLowerCase() === "all") return { names: known.map(({ name }) => name) };
        return { names: analyzersNamed([answer], known).map(({ name }) => name) };
      },
    );
    if (filters === undefined) return undefined;
    if (models === undefined) return { filters: filters.names, model: undefined };
    const [first = ""] = models.names;
    const model = await until(
      `Ollama answers on this machine (${someOf(models.names, 4).join(" ")}). Explain with which model? Enter for ${first}, \`none\` for no backend: `,
      (answer) => {
        if (answer === "") return { name: first };
        if (answer.toLowerCase() === "none") return { name: undefined };
        if (models.names.includes(answer)) return { name: answer };
        throw new Fault(`It has no model "${answer}"`, { next: `It has ${models.names.join(", ")}` });
      },
    );
    return model === undefined ? undefined : { filters: filters.names, model: model.name };
  } finally {
    close();
  }
}

function yesOrNo(otherwise: boolean): (answer: string) => boolean {
  return (answer) => {
    if (answer === "") return otherwise;
    if (/^(?:y|yes)$/i.test(answer)) return true;
    if (/^(?:n|no)$/i.test(answer)) return false;
    throw new Fault("Answer y or n");
  };
}

/** Which cluster is read, and how another is named: the kubeconfig keeps that, not the config. */
async function contextsText({ kubeconfig }: InitFlags, { env }: Terminal): Promise<string> {
  const { listContexts } = await import("../cluster/live/kubeconfig.ts");
  try {
    const contexts = listContexts({ kubeconfig, env });
    const current = contexts.find(({ isCurrent }) => isCurrent)?.name;
    const rest = contexts.length > 1 ? `; --context names another of the ${counted(contexts.length, "context")}` : "";
    return current === undefined
      ? `No context is the current one: name it with --context${rest}`
      : `k8sgpt reads the current context, ${current}${rest}.`;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return `note: ${error.message}`;
  }
}

/** Questions on standard error, answers from the terminal. An answer is undefined once the user has stopped. */
function asker(terminal: Terminal): {
  readonly question: (text: string) => Promise<string | undefined>;
  readonly close: () => void;
} {
  const output = new Writable({
    decodeStrings: false,
    write(text, _encoding, done) {
      terminal.draw(String(text));
      done();
    },
  });
  const reader = createInterface({ input: terminal.stdin, output, terminal: true });
  let isClosed = false;
  const closed = new Promise<undefined>((resolve) => {
    reader.once("close", () => {
      isClosed = true;
      resolve(undefined);
    });
  });
  reader.once("SIGINT", () => {
    terminal.draw("\n");
    reader.close();
  });
  return {
    question: async (text) =>
      isClosed ? undefined : Promise.race([closed, new Promise<string>((resolve) => reader.question(text, resolve))]),
    close: () => reader.close(),
  };
}
