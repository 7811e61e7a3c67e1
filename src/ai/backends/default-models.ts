/**
 * The model of each backend when the user names none, as of November 2026. A backend is missing here where there is no
 * sensible guess: the models of a server of one's own, or of a cloud account where each must first be enabled.
 */
export const defaultModels = {
  openai: "gpt-5-mini",
  anthropic: "claude-sonnet-5",
  ollama: "llama3.1",
  cohere: "command-a-plus-05-2026",
  google: "gemini-2.5-flash",
  googlevertexai: "gemini-2.5-pro",
  huggingface: "openai/gpt-oss-120b",
  groq: "openai/gpt-oss-120b",
  ibmwatsonxai: "ibm/granite-4-h-small",
  customrest: "llama3",
} as const;
