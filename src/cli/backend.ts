/** The AI backend that flags, environment and config choose, ready to be asked. Used by everything that asks one. */
import type { BackendFactory, BackendSettings } from "../ai/backend.ts";
import { chosenProvider, readAi } from "../config/ai.ts";
import { configPlace } from "../config/place.ts";
import { resolveSecret } from "../config/secret.ts";
import { Fault } from "../fault.ts";
import type { GlobalFlags } from "./flags.ts";
import { didYouMean } from "./nearest.ts";
import type { Terminal } from "./terminal.ts";

/** A backend and its settings, the secret resolved. */
export interface ChosenBackend {
  readonly name: string;
  readonly factory: BackendFactory;
  readonly settings: BackendSettings;
  /** The model that will answer, where it is known. */
  readonly model: string | undefined;
  /** Where it is, as far as the settings say: `https://llm.example`, `eu-central-1`. */
  readonly place: string | undefined;
}

/** The factory of the backend called `name`. @throws Fault (usage) that names those there are */
export async function factoryNamed(name: string): Promise<BackendFactory> {
  const { backends } = await import("../ai/backends.ts");
  const load = Object.hasOwn(backends, name) ? backends[name] : undefined;
  if (load !== undefined) return load();
  const names = Object.keys(backends);
  const hint = didYouMean(name, names);
  throw new Fault(`There is no AI backend "${name}"`, {
    usage: true,
    next: `${hint === undefined ? "" : `${hint} `}There are ${names.join(", ")}`,
  });
}

/**
 * The backend to ask.
 *
 * @throws Fault when none is configured, with what to type; when nothing is configured but Ollama runs on this machine,
 *   that is what it offers
 */
export async function chooseBackend(
  flags: Pick<GlobalFlags, "config"> & { readonly backend?: string },
  terminal: Pick<Terminal, "env" | "platform" | "home">,
): Promise<ChosenBackend> {
  const config = await readAi(configPlace(flags.config, terminal));
  const wanted = flags.backend === "" ? undefined : flags.backend;
  const provider = chosenProvider(config, terminal.env, wanted);
  if (provider === undefined) throw await nothingConfigured(config.providers.map(({ name }) => name));
  const { name, password, ...rest } = provider;
  const factory = await factoryNamed(name);
  const secret = password === undefined ? undefined : await resolveSecret(password, terminal.env);
  const settings: BackendSettings = { ...rest, ...(secret !== undefined && { password: secret }) };
  return {
    name,
    factory,
    settings,
    model: settings.model ?? settings.engine ?? factory.defaultModel,
    place: settings.baseURL ?? settings.endpointName ?? settings.providerRegion,
  };
}

async function nothingConfigured(names: readonly string[]): Promise<Fault> {
  if (names.length > 0) {
    return new Fault(`Several AI backends are configured (${names.join(", ")}) and none is the default`, {
      next: `\`k8sgpt auth default -p ${names[0] ?? ""}\` makes one the default, or choose with --backend`,
    });
  }
  const { localOllama, localOllamaModels } = await import("../ai/local.ts");
  const models = await localOllamaModels();
  const [first] = models ?? [];
  if (models === undefined) {
    return new Fault("No AI backend is configured", {
      next: "`k8sgpt auth add -b openai` adds one (`k8sgpt auth list` names all), or start Ollama on this machine",
    });
  }
  return new Fault(`No AI backend is configured, but Ollama answers on this machine at ${localOllama}`, {
    next:
      first === undefined
        ? "`ollama pull llama3.2`, then `k8sgpt auth add -b ollama -m llama3.2`: nothing leaves this machine"
        : `\`k8sgpt auth add -b ollama -m ${first}\`, then the same command again: nothing leaves this machine`,
  });
}

/** A backend in a few words: `ollama (llama3.2) at http://localhost:11434`. */
export function backendText({ name, model, place }: Pick<ChosenBackend, "name" | "model" | "place">): string {
  return `${name}${model === undefined ? "" : ` (${model})`}${place === undefined ? "" : ` at ${withoutUserInfo(place)}`}`;
}

function withoutUserInfo(place: string): string {
  return place.replace(/\/\/[^/@]*@/, "//");
}
