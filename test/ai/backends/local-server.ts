/** A small server on this machine that answers as it is told and keeps what it was asked. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { once } from "node:events";

/** What a backend sent. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface LocalServer extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
}

/** Starts a server; `answer` writes the answer to each request. */
export async function localServer(answer: (request: Received, response: ServerResponse) => void): Promise<LocalServer> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const seen = { method, path: url, headers, text: Buffer.concat(chunks).toString() };
      received.push(seen);
      answer(seen, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Answers with JSON. */
export function json(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

/** Answers with a stream of events, as most vendors do. */
export function events(response: ServerResponse, values: readonly unknown[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const value of values) response.write(`data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`);
  response.end();
}
