/** The AI backends by name. Each loads when it is used, and its vendor's SDK when it is set up. */
import type { BackendFactory } from "./backend.ts";

const loaders = {
  openai: async () => (await import("./backends/openai.ts")).openai,
  anthropic: async () => (await import("./backends/anthropic.ts")).anthropic,
  localai: async () => (await import("./backends/localai.ts")).localai,
  ollama: async () => (await import("./backends/ollama.ts")).ollama,
  azureopenai: async () => (await import("./backends/azureopenai.ts")).azureopenai,
  cohere: async () => (await import("./backends/cohere.ts")).cohere,
  amazonbedrock: async () => (await import("./backends/amazonbedrock.ts")).amazonbedrock,
  amazonbedrockconverse: async () => (await import("./backends/amazonbedrockconverse.ts")).amazonbedrockconverse,
  amazonsagemaker: async () => (await import("./backends/amazonsagemaker.ts")).amazonsagemaker,
  google: async () => (await import("./backends/google.ts")).google,
  noopai: async () => (await import("./backends/noopai.ts")).noopai,
  huggingface: async () => (await import("./backends/huggingface.ts")).huggingface,
  googlevertexai: async () => (await import("./backends/googlevertexai.ts")).googlevertexai,
  oci: async () => (await import("./backends/oci.ts")).oci,
  customrest: async () => (await import("./backends/customrest.ts")).customrest,
  ibmwatsonxai: async () => (await import("./backends/ibmwatsonxai.ts")).ibmwatsonxai,
  groq: async () => (await import("./backends/groq.ts")).groq,
  bedrockmantle: async () => (await import("./backends/bedrockmantle.ts")).bedrockmantle,
  litellm: async () => (await import("./backends/litellm.ts")).litellm,
} satisfies Readonly<Record<string, () => Promise<BackendFactory>>>;

/** The name of a backend. */
export type BackendName = keyof typeof loaders;

/** Names that are accepted for others. */
const aliases: Readonly<Record<string, BackendName>> = { watsonxai: "ibmwatsonxai" };

/** All names, in the order of listings. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Object.keys` forgets the keys' type
export const backendNames: readonly BackendName[] = Object.keys(loaders) as BackendName[];

/** The backend that a word of the user means; undefined when there is none of that name. */
export function backendNamed(word: string): BackendName | undefined {
  const name = word.trim().toLowerCase();
  return backendNames.find((known) => known === name) ?? (Object.hasOwn(aliases, name) ? aliases[name] : undefined);
}

/** Loads a backend, not yet its SDK. */
export async function loadBackend(name: BackendName): Promise<BackendFactory> {
  return loaders[name]();
}
