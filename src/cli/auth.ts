/** `k8sgpt auth`: which AI backends are configured. Nothing here prints a secret or sends anything. */
import { backends } from "../ai/backends.ts";
import {
  type AiConfig,
  backendName,
  fieldInFile,
  type ProviderChange,
  type ProviderConfig,
  readAi,
  writeAi,
} from "../config/ai.ts";
import { configPlace } from "../config/place.ts";
import { isReference } from "../config/secret.ts";
import { Fault } from "../fault.ts";
import { factoryNamed } from "./backend.ts";
import type { AuthFlags, AuthOtherFlags } from "./flags.ts";
import { didYouMean } from "./nearest.ts";
import { askSecret, readSecret } from "./secret-input.ts";
import type { Terminal } from "./terminal.ts";
import { namesIn } from "./values.ts";

/** What a backend cannot be called without, and the flag that gives it. */
const required: Readonly<Record<string, readonly Exclude<keyof ProviderConfig, "name" | "password">[]>> = {
  azureopenai: ["engine", "baseURL"],
  localai: ["baseURL"],
  amazonsagemaker: ["endpointName", "providerRegion"],
  amazonbedrock: ["providerRegion"],
  amazonbedrockconverse: ["providerRegion"],
  bedrockmantle: ["providerRegion"],
  ibmwatsonxai: ["providerId"],
};

/** Backends that need a key of their own; the others take the identity of the machine, or none. */
const withKey: ReadonlySet<string> = new Set([
  "openai",
  "anthropic",
  "azureopenai",
  "cohere",
  "google",
  "huggingface",
  "ibmwatsonxai",
  "groq",
]);

/** Which flag sets which field. */
const textFlags = {
  model: "model",
  baseurl: "baseURL",
  endpointname: "endpointName",
  engine: "engine",
  providerRegion: "providerRegion",
  providerId: "providerId",
  compartmentId: "compartmentId",
  organizationId: "organizationId",
  azureAPIType: "azureAPIType",
  azureAPIVersion: "azureAPIVersion",
  proxy: "proxyEndpoint",
  caFile: "caFile",
} as const satisfies { readonly [K in keyof AuthFlags]?: keyof ProviderConfig };

const numberFlags = {
  temperature: { field: "temperature", least: 0, most: 1, whole: false },
  topp: { field: "topP", least: 0, most: 1, whole: false },
  topk: { field: "topK", least: 1, most: 100, whole: true },
  maxtokens: { field: "maxTokens", least: 1, most: 1_000_000, whole: true },
} as const satisfies { readonly [K in keyof AuthFlags]?: object };

const flagOf: Readonly<Record<string, string>> = Object.fromEntries([
  ...Object.entries(textFlags).map(([flag, field]) => [field, `--${flag}`]),
  ["caFile", "--ca-file"],
]);

/** `k8sgpt auth add`. */
export async function addProvider(flags: AuthFlags, terminal: Terminal): Promise<void> {
  const name = await knownName(flags.backend, terminal);
  const place = configPlace(flags.config, terminal);
  const given = fieldsOf(flags);
  const missing = (required[name] ?? []).filter((field) => given[field] === undefined);
  if (missing.length > 0) {
    const wanted = missing.map((field) => flagOf[field] ?? field);
    throw new Fault(`Backend ${name} needs ${wanted.join(" and ")}`, {
      usage: true,
      next: `\`k8sgpt auth add -b ${name} ${wanted.map((flag) => `${flag} …`).join(" ")}\``,
    });
  }
  const exists = (config: AiConfig): boolean =>
    config.providers.some((provider) => backendName(provider.name) === name);
  const refuse = (): never => {
    throw new Fault(`Backend ${name} is configured already`, {
      next: `\`k8sgpt auth update -b ${name} …\` changes it, \`k8sgpt auth add --force …\` replaces it`,
    });
  };
  // Before the key is asked for: nobody types one to be refused.
  if (flags.force !== true && exists(await readAi(place))) refuse();
  const password = (await passwordFrom(flags, terminal)) ?? (await keyFor(name, terminal));
  const warnings = await writeAi(place, (current) => {
    if (flags.force !== true && exists(current)) refuse();
    return {
      remove: [name],
      set: [{ name, ...given, ...(password !== undefined && { password }) }],
    };
  });
  tellWarnings(warnings, password, terminal);
  await terminal.print(`${name} added to the AI backends\n`);
}

/** `k8sgpt auth update`: only what is given changes. */
export async function updateProvider(flags: AuthFlags, terminal: Terminal): Promise<void> {
  const name = await knownName(flags.backend, terminal);
  const given = fieldsOf(flags);
  const password = await passwordFrom(flags, terminal);
  const unset = unsetFields(flags.unset ?? []);
  const change: ProviderChange = { name, ...given, ...(password !== undefined && { password }), ...unset };
  if (Object.keys(change).length === 1) {
    throw new Fault(`Nothing to change of backend ${name} was given`, {
      usage: true,
      next: `For example \`k8sgpt auth update -b ${name} --model …\``,
    });
  }
  const warnings = await writeAi(configPlace(flags.config, terminal), (current) => {
    const stored = current.providers.find((provider) => backendName(provider.name) === name);
    if (stored === undefined) throw notConfigured(name, current);
    return { set: [{ ...change, name: stored.name }] };
  });
  tellWarnings(warnings, password, terminal);
  await terminal.print(`${name} updated\n`);
}

/** `k8sgpt auth list`. */
export async function listProviders(flags: AuthOtherFlags, terminal: Terminal): Promise<void> {
  const { backends } = await import("../ai/backends.ts");
  const config = await readAi(configPlace(flags.config, terminal));
  const names = Object.keys(backends);
  const isKnown = (name: string): boolean => names.includes(backendName(name));
  const configured = new Set(config.providers.map(({ name }) => backendName(name)));
  const unused = names.filter((name) => !configured.has(name));
  const defaultName = config.defaultProvider ?? "openai";
  const details = await Promise.all(
    config.providers.map(async (provider) => {
      const model = isKnown(provider.name) ? (await factoryNamed(backendName(provider.name))).defaultModel : undefined;
      return { name: provider.name, known: isKnown(provider.name), more: detailsOf(provider, model) };
    }),
  );
  if (flags.output === "json") {
    const active = details.map(({ more, ...named }) => ({ ...named, ...(flags.details === true && more) }));
    await terminal.print(`${JSON.stringify({ default: defaultName, active, unused }, undefined, 2)}\n`);
    return;
  }
  const lines = details.flatMap(({ name, known, more }) => [
    `> ${name}${known ? "" : " (unknown: there is no such backend)"}`,
    ...(flags.details === true ? Object.entries(more).map(([key, value]) => `   - ${key}: ${value}`) : []),
  ]);
  await terminal.print(
    `${["Default:", `> ${defaultName}`, "Active:", ...lines, "Unused:", ...unused.map((name) => `> ${name}`)].join("\n")}\n`,
  );
}

function detailsOf(provider: ProviderConfig, defaultModel: string | undefined): Readonly<Record<string, string>> {
  const { model, engine, baseURL, providerRegion, password } = provider;
  const parts: readonly (readonly [string, string | undefined])[] = [
    ["model", model ?? (defaultModel === undefined ? undefined : `${defaultModel} (the backend's own)`)],
    ["engine", engine],
    ["baseURL", baseURL?.replace(/\/\/[^/@]*@/, "//")],
    ["region", providerRegion],
    // A command may hold a secret itself: only its kind is shown.
    [
      "key",
      password === undefined
        ? undefined
        : isReference(password)
          ? password.replace(/^(cmd|exec):.*/s, "$1:…")
          : "in the file",
    ],
  ];
  return Object.fromEntries(parts.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

/** `k8sgpt auth default`. */
export async function defaultProvider(flags: AuthOtherFlags, terminal: Terminal): Promise<void> {
  const place = configPlace(flags.config, terminal);
  if (flags.provider === undefined) {
    const { defaultProvider: current } = await readAi(place);
    await terminal.print(`The default AI backend is ${current ?? "openai"}\n`);
    return;
  }
  const name = backendName(flags.provider);
  const warnings = await writeAi(place, (current) => {
    const stored = current.providers.find((provider) => backendName(provider.name) === name);
    if (stored === undefined) throw notConfigured(name, current);
    return { defaultProvider: stored.name };
  });
  tellWarnings(warnings, undefined, terminal);
  await terminal.print(`The default AI backend is now ${name}\n`);
}

/** `k8sgpt auth remove`: all of them, or none when one is not configured. */
export async function removeProviders(flags: AuthOtherFlags, terminal: Terminal): Promise<void> {
  const names = namesIn([flags.backends ?? ""]).map(backendName);
  if (names.length === 0) {
    throw new Fault("--backends names none", { usage: true, next: "`k8sgpt auth list` shows the configured ones" });
  }
  let wasDefault = false;
  const warnings = await writeAi(configPlace(flags.config, terminal), (current) => {
    const stored = names.map((name) => {
      const found = current.providers.find((provider) => backendName(provider.name) === name);
      if (found === undefined) throw notConfigured(name, current);
      return found.name;
    });
    wasDefault = current.defaultProvider !== undefined && stored.includes(current.defaultProvider);
    return { remove: stored, ...(wasDefault && { defaultProvider: null }) };
  });
  tellWarnings(warnings, undefined, terminal);
  await terminal.print(`Removed: ${names.join(", ")}${wasDefault ? "; the default is openai again" : ""}\n`);
}

async function knownName(given: string, terminal: Pick<Terminal, "tell">): Promise<string> {
  if (given.trim() === "") terminal.tell("warning: --backend is empty; openai is meant");
  const { name } = await factoryNamed(given.trim() === "" ? "openai" : backendName(given));
  return name;
}

function notConfigured(name: string, { providers }: AiConfig): Fault {
  const isBackend = Object.hasOwn(backends, name);
  const hint =
    didYouMean(
      name,
      providers.map((provider) => provider.name),
    ) ?? (isBackend ? undefined : didYouMean(name, Object.keys(backends)));
  const add = isBackend ? `\`k8sgpt auth add -b ${name}\` adds it, ` : "";
  return new Fault(`Backend ${name} is not configured`, {
    next: `${hint === undefined ? "" : `${hint} `}${add}\`k8sgpt auth list\` shows what is there`,
  });
}

function fieldsOf(flags: AuthFlags): Omit<ProviderConfig, "name" | "password"> {
  const texts = Object.entries(textFlags).flatMap(([flag, field]) => {
    const text = textOfFlag(flags, flag);
    return text === undefined || text === "" ? [] : [[field, text]];
  });
  const numbers = Object.entries(numberFlags).flatMap(([flag, { field, least, most, whole }]) => {
    const text = textOfFlag(flags, flag);
    if (text === undefined) return [];
    const number = Number(text);
    if (text.trim() === "" || !(number >= least && number <= most) || (whole && !Number.isInteger(number))) {
      throw new Fault(`--${flag} takes a ${whole ? "whole " : ""}number from ${least} to ${most}, not "${text}"`, {
        usage: true,
        next: "Leave it out for the backend's own default",
      });
    }
    return [[field, number]];
  });
  const stopSequences = (flags.stopsequences ?? []).flatMap((text) => text.split(",")).filter((text) => text !== "");
  const headers = (flags.header ?? []).map((pair): readonly [string, string] => {
    const at = pair.indexOf(":");
    if (at < 1) {
      throw new Fault(`--header takes name:value, not "${pair}"`, {
        usage: true,
        next: "For example --header x-team:platform",
      });
    }
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  });
  return {
    ...Object.fromEntries([...texts, ...numbers]),
    ...(stopSequences.length > 0 && { stopSequences }),
    ...(headers.length > 0 && { customHeaders: Object.fromEntries(headers) }),
  };
}

function textOfFlag(flags: AuthFlags, flag: string): string | undefined {
  const value: unknown = Object.entries(flags).find(([name]) => name === flag)?.[1];
  return typeof value === "string" ? value : undefined;
}

/** Fields that `--unset` names, by the flag's word or the file's. */
function unsetFields(values: readonly string[]): Readonly<Record<string, null>> {
  const fields: readonly Exclude<keyof ProviderConfig, "name">[] = [
    ...Object.values(textFlags),
    ...Object.values(numberFlags).map(({ field }) => field),
    "password",
    "stopSequences",
    "customHeaders",
  ];
  return Object.fromEntries(
    namesIn(values).map((word) => {
      const low = word.toLowerCase();
      const field = fields.find((one) => [one.toLowerCase(), fieldInFile(one).toLowerCase()].includes(low));
      if (field !== undefined) return [field, null];
      const takes = fields.map((one) => fieldInFile(one).toLowerCase());
      const hint = didYouMean(low, takes);
      throw new Fault(`--unset does not know "${word}"`, {
        usage: true,
        next: `${hint === undefined ? "" : `${hint} `}It takes ${takes.join(", ")}`,
      });
    }),
  );
}

/** The secret or reference that flags give; undefined when they give none. */
async function passwordFrom(flags: AuthFlags, terminal: Terminal): Promise<string | undefined> {
  const { password, passwordStdin, passwordFile, passwordEnv, passwordCommand } = flags;
  const ways = [password, passwordStdin, passwordFile, passwordEnv, passwordCommand].filter((way) => way !== undefined);
  if (ways.length > 1) {
    throw new Fault("The key is given in several ways", { usage: true, next: "Use one of the --password flags" });
  }
  if (passwordStdin === true) return readSecret(terminal);
  if (passwordFile !== undefined) return `file:${passwordFile}`;
  if (passwordEnv !== undefined) return `env:${passwordEnv}`;
  if (passwordCommand !== undefined) return `cmd:${passwordCommand}`;
  if (password === undefined || password === "") return undefined;
  if (!isReference(password)) {
    terminal.tell(
      "warning: A key on the command line stays in the shell's history; --password-stdin and --password-env do not",
    );
  }
  return password;
}

async function keyFor(name: string, terminal: Terminal): Promise<string | undefined> {
  return withKey.has(name) ? askSecret(`Key of ${name} (not shown): `, terminal) : undefined;
}

function tellWarnings(warnings: readonly string[], password: string | undefined, { tell }: Terminal): void {
  for (const warning of warnings) tell(`warning: ${warning}`);
  if (password !== undefined && !isReference(password)) {
    tell("note: The key is kept as text in the config file, which only you may read; --password-env keeps a reference");
  }
}
