/**
 * The `ai` section: backends with their settings, and which one is the default. The names of the fields in the file are
 * k8sgpt's; a secret may be a reference (`env:NAME`, `file:PATH`, `cmd:COMMAND`), which is kept as it is here.
 */
import type { Document } from "yaml";
import { Fault } from "../fault.ts";
import type { ConfigPlace, Surroundings } from "./place.ts";
import { readConfigValues } from "./read.ts";
import { filledText, numberOf, valueOf, wordsOf } from "./values.ts";
import { editConfig, keyIn } from "./write.ts";

/** One configured backend. */
export interface ProviderConfig {
  readonly name: string;
  readonly model?: string;
  /** The secret, or a reference to it. */
  readonly password?: string;
  readonly baseURL?: string;
  readonly proxyEndpoint?: string;
  readonly endpointName?: string;
  readonly engine?: string;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly maxTokens?: number;
  readonly providerRegion?: string;
  readonly providerId?: string;
  readonly compartmentId?: string;
  readonly stopSequences?: readonly string[];
  readonly organizationId?: string;
  readonly azureAPIType?: string;
  readonly azureAPIVersion?: string;
  readonly customHeaders?: Readonly<Record<string, string>>;
  readonly caFile?: string;
}

/** The whole section. */
export interface AiConfig {
  /** In lower case; undefined when none is chosen. */
  readonly defaultProvider: string | undefined;
  readonly providers: readonly ProviderConfig[];
}

/** What one run may spend on explanations; without a number there is no limit. */
export interface AiBudgetConfig {
  readonly calls?: number;
  readonly tokens?: number;
}

type TextField = {
  readonly [K in keyof ProviderConfig]-?: ProviderConfig[K] extends string | undefined ? K : never;
}[keyof ProviderConfig];
type NumberField = {
  readonly [K in keyof ProviderConfig]-?: ProviderConfig[K] extends number | undefined ? K : never;
}[keyof ProviderConfig];

/** Our names of text fields and those in the file. */
const textFields = {
  model: "model",
  password: "password",
  baseURL: "baseurl",
  proxyEndpoint: "proxyEndpoint",
  endpointName: "endpointname",
  engine: "engine",
  providerRegion: "providerregion",
  providerId: "providerid",
  compartmentId: "compartmentid",
  organizationId: "organizationid",
  azureAPIType: "azureapitype",
  azureAPIVersion: "azureapiversion",
  caFile: "caFile",
} as const satisfies Readonly<Record<Exclude<TextField, "name">, string>>;

const numberFields = {
  temperature: "temperature",
  topP: "topp",
  topK: "topk",
  maxTokens: "maxtokens",
} as const satisfies Readonly<Record<NumberField, string>>;

const spellings: ReadonlyMap<string, string> = new Map([
  ...Object.entries(textFields),
  ...Object.entries(numberFields),
  ["stopSequences", "stopsequences"],
  ["customHeaders", "customheaders"],
]);

/** How the file spells our field of a provider. */
export function fieldInFile(field: string): string {
  return spellings.get(field) ?? field;
}

/** The keys of a provider. */
export const providerKeys: readonly string[] = ["name", ...spellings.values()];

/** Reads the section. @throws Fault when the file cannot be read */
export async function readAi(place: ConfigPlace): Promise<AiConfig> {
  const { values } = await readConfigValues(place);
  return aiIn(valueOf(values, "ai"));
}

/** Reads `ai.budget`. @throws Fault when a limit is no whole number above zero: it would limit nothing, or everything */
export async function readAiBudget(place: ConfigPlace): Promise<AiBudgetConfig> {
  const { path, values } = await readConfigValues(place);
  const section = valueOf(valueOf(values, "ai"), "budget");
  const limit = (key: string): number | undefined => {
    const value = valueOf(section, key);
    if (value === undefined || value === null) return undefined;
    const number = numberOf(value);
    if (number !== undefined && Number.isInteger(number) && number > 0) return number;
    throw new Fault(`Config file ${path}: ai.budget.${key} is no whole number above zero`, {
      next: "Correct it, or leave it out for no limit",
    });
  };
  const calls = limit("maxCallsPerRun");
  const tokens = limit("maxTokensPerRun");
  return { ...(calls !== undefined && { calls }), ...(tokens !== undefined && { tokens }) };
}

function aiIn(section: unknown): AiConfig {
  const list = valueOf(section, "providers");
  return {
    defaultProvider: filledText(valueOf(section, "defaultprovider"))?.toLowerCase(),
    providers: (Array.isArray(list) ? list : []).flatMap(providerIn),
  };
}

function providerIn(value: unknown): readonly ProviderConfig[] {
  const name = filledText(valueOf(value, "name"))?.trim().toLowerCase();
  if (name === undefined) return [];
  const texts = Object.entries(textFields).flatMap(([field, key]) => {
    const text = filledText(valueOf(value, key));
    return text === undefined ? [] : [[field, text]];
  });
  const numbers = Object.entries(numberFields).flatMap(([field, key]) => {
    const number = numberOf(valueOf(value, key));
    return number === undefined ? [] : [[field, number]];
  });
  const stopSequences = wordsOf(valueOf(value, "stopsequences"), /,/);
  const headers = headersIn(valueOf(value, "customheaders"));
  return [
    {
      name,
      ...Object.fromEntries([...texts, ...numbers]),
      ...(stopSequences !== undefined && stopSequences.length > 0 && { stopSequences }),
      ...(Object.keys(headers).length > 0 && { customHeaders: headers }),
    },
  ];
}

/** k8sgpt writes a list of maps from a header to its values; a plain map is understood too. */
function headersIn(value: unknown): Readonly<Record<string, string>> {
  const maps: readonly unknown[] = Array.isArray(value) ? value : [value];
  return Object.fromEntries(
    maps.flatMap((map) =>
      typeof map !== "object" || map === null || Array.isArray(map)
        ? []
        : Object.entries(map).map(([name, values]): [string, string] => [
            name,
            (wordsOf(values, /(?!)/) ?? []).join(", "),
          ]),
    ),
  );
}

/** The variables by which a container is configured, and the fields they set. */
const textVariables = {
  K8SGPT_MODEL: "model",
  K8SGPT_PASSWORD: "password",
  K8SGPT_BASEURL: "baseURL",
  K8SGPT_ENGINE: "engine",
  K8SGPT_AZURE_API_TYPE: "azureAPIType",
  K8SGPT_AZURE_API_VERSION: "azureAPIVersion",
  K8SGPT_PROXY_ENDPOINT: "proxyEndpoint",
  K8SGPT_PROVIDER_ID: "providerId",
  K8SGPT_PROVIDER_REGION: "providerRegion",
  K8SGPT_COMPARTMENT_ID: "compartmentId",
  K8SGPT_ORGANIZATION_ID: "organizationId",
  K8SGPT_ENDPOINT_NAME: "endpointName",
} as const;

const numberVariables = {
  K8SGPT_TEMPERATURE: "temperature",
  K8SGPT_TOP_P: "topP",
  K8SGPT_TOP_K: "topK",
  K8SGPT_MAX_TOKENS: "maxTokens",
} as const;

/**
 * The backend that the environment names (`K8SGPT_BACKEND`) with the settings beside it; undefined when it names none.
 * It holds for this process and is never written to a file.
 */
export function providerFromEnvironment(env: Surroundings["env"]): ProviderConfig | undefined {
  const name = env["K8SGPT_BACKEND"]?.trim().toLowerCase() ?? "";
  if (name === "") return undefined;
  const texts = Object.entries(textVariables).flatMap(([variable, field]) => {
    const text = filledText(env[variable]);
    return text === undefined ? [] : [[field, text]];
  });
  const numbers = Object.entries(numberVariables).flatMap(([variable, field]) => {
    const number = numberOf(env[variable]);
    return number === undefined ? [] : [[field, number]];
  });
  const file = filledText(env["K8SGPT_PASSWORD_FILE"]);
  const stopSequences = wordsOf(env["K8SGPT_STOP_SEQUENCES"], /,/);
  const headers = Object.fromEntries(
    (wordsOf(env["K8SGPT_CUSTOM_HEADERS"], /,/) ?? []).flatMap((pair): [string, string][] => {
      const at = pair.indexOf(":");
      return at < 1 ? [] : [[pair.slice(0, at).trim(), pair.slice(at + 1).trim()]];
    }),
  );
  return {
    name,
    ...(file !== undefined && { password: `file:${file}` }),
    ...Object.fromEntries([...texts, ...numbers]),
    ...(stopSequences !== undefined && { stopSequences }),
    ...(Object.keys(headers).length > 0 && { customHeaders: headers }),
  };
}

/** Other names under which a backend is known. */
const aliases: Readonly<Record<string, string>> = { watsonxai: "ibmwatsonxai" };

/** The name under which `name` is configured. */
export function backendName(name: string): string {
  const plain = name.trim().toLowerCase();
  return aliases[plain] ?? plain;
}

/**
 * The backend to use with its settings: the one that is asked for, else the environment's, else the default, else openai
 * when it is configured, else the only one that is. Settings of the environment are laid over those of the file.
 *
 * @param wanted the name of `--backend`; need not be configured
 * @returns undefined when nothing names one
 */
export function chosenProvider(
  { defaultProvider, providers }: AiConfig,
  env: Surroundings["env"],
  wanted: string | undefined,
): ProviderConfig | undefined {
  const fromEnvironment = providerFromEnvironment(env);
  const fallback =
    providers.find(({ name }) => name === "openai") ?? (providers.length === 1 ? providers[0] : undefined);
  const name = wanted ?? fromEnvironment?.name ?? defaultProvider ?? fallback?.name;
  if (name === undefined) return undefined;
  const known = backendName(name);
  const stored = providers.find((provider) => backendName(provider.name) === known);
  const over = fromEnvironment !== undefined && backendName(fromEnvironment.name) === known ? fromEnvironment : {};
  return { ...stored, ...over, name: known };
}

/** What to change of the section. */
export interface AiChange {
  /** Providers to write; of one that is there, only the given fields change, and `null` removes a field. */
  readonly set?: readonly ProviderChange[];
  readonly remove?: readonly string[];
  /** The new default; `null` removes it. */
  readonly defaultProvider?: string | null;
}

/** Fields to set; `null` removes one. */
export type ProviderChange = { readonly name: string } & {
  readonly [K in Exclude<keyof ProviderConfig, "name">]?: ProviderConfig[K] | null;
};

/**
 * Changes the section, leaving everything else of the file as it is.
 *
 * @param decide given what the file holds now; it may throw to change nothing
 * @returns what the user should know besides, in sentences
 */
export async function writeAi(place: ConfigPlace, decide: (current: AiConfig) => AiChange): Promise<readonly string[]> {
  return editConfig(place, (document, { isMap, isSeq }) => {
    const values: unknown = document.toJS();
    const { set = [], remove = [], defaultProvider } = decide(aiIn(valueOf(values, "ai")));
    const aiKey = keyIn(document.contents, "ai") ?? "ai";
    if (!isMap(document.get(aiKey))) document.set(aiKey, document.createNode({}));
    const ai = document.get(aiKey);
    if (!isMap(ai)) return;
    ai.flow = false;
    if (defaultProvider === null) ai.delete(keyIn(ai, "defaultprovider") ?? "defaultprovider");
    else if (defaultProvider !== undefined) ai.set(keyIn(ai, "defaultprovider") ?? "defaultprovider", defaultProvider);
    const listKey = keyIn(ai, "providers") ?? "providers";
    if (!isSeq(ai.get(listKey))) ai.set(listKey, document.createNode([]));
    const list = ai.get(listKey);
    if (!isSeq(list)) return;
    const nameOf = (item: unknown): string | undefined =>
      isMap(item)
        ? filledText(item.get(keyIn(item, "name") ?? "name"))
            ?.trim()
            .toLowerCase()
        : undefined;
    list.items = list.items.filter((item) => !remove.includes(nameOf(item) ?? ""));
    for (const change of set) {
      const existing = list.items.find((item) => nameOf(item) === change.name);
      const item = isMap(existing) ? existing : document.createNode({ name: change.name });
      if (!isMap(item)) continue;
      if (existing === undefined) list.items.push(item);
      applyChange(document, item, change);
    }
    list.flow = list.items.length === 0;
  });
}

/** A map of the parser, by what is used of it. */
interface EditedMap {
  set(key: unknown, value: unknown): void;
  delete(key: unknown): boolean;
}

function applyChange(document: Document, item: EditedMap, { name: _name, ...fields }: ProviderChange): void {
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const spelled = fieldInFile(field);
    const key = keyIn(item, spelled) ?? spelled;
    if (value === null) item.delete(key);
    else item.set(key, document.createNode(field === "customHeaders" ? headersForFile(value) : value));
  }
}

function headersForFile(headers: unknown): unknown {
  return Object.entries(headers ?? {}).map(([name, value]) => ({ [name]: [value] }));
}
