/** The AI backends by name, in the order of listings. Each loads when it is used, and its vendor's SDK when it is set up. */
import type { BackendFactory } from "./backend.ts";

/** What loads each backend. An alias is found by its name, and not listed. */
export const backends: Readonly<Record<string, () => Promise<BackendFactory>>> = withAlias(
  "watsonxai",
  "ibmwatsonxai",
  {
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
  },
);

function withAlias<Table extends object>(alias: string, name: keyof Table, table: Table): Table {
  return Object.defineProperty(table, alias, { value: table[name], enumerable: false });
}
