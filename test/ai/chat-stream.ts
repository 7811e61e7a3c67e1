/** What tests need to speak as much of OpenAI's chat API as one question needs. */
import type { Server, ServerResponse } from "node:http";

function chunk(delta: object, reason: string | null): string {
  const choices = [{ index: 0, delta, finish_reason: reason }];
  return `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", choices })}\n\n`;
}

/** Answers with `parts`, one after the other; without an end when it is not `isWhole`. */
export function streamAnswer(to: ServerResponse, parts: readonly string[], isWhole = true): void {
  to.setHeader("content-type", "text/event-stream");
  for (const content of parts) to.write(chunk({ content }, null));
  if (isWhole) to.end(`${chunk({}, "stop")}data: [DONE]\n\n`);
}

/** Listens on a free port of this machine and gives the address of the API. */
export async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}/v1`;
}
