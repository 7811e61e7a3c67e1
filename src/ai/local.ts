/** Where Ollama listens unless told otherwise. */
export const localOllama = "http://localhost:11434";

const timeoutMs = 700;

/**
 * The models of an Ollama server on this machine; undefined when none answers. Asks this machine only, and sends nothing
 * but the question.
 */
export async function localOllamaModels(address: string = localOllama): Promise<readonly string[] | undefined> {
  try {
    const answer = await fetch(`${address}/api/tags`, { signal: AbortSignal.timeout(timeoutMs) });
    const body: unknown = answer.ok ? await answer.json() : undefined;
    if (typeof body !== "object" || body === null || !("models" in body) || !Array.isArray(body.models))
      return undefined;
    return body.models.flatMap((model: unknown) =>
      typeof model === "object" && model !== null && "name" in model && typeof model.name === "string"
        ? [model.name]
        : [],
    );
  } catch {
    return undefined;
  }
}
