/**
 * MCP over Streamable HTTP at `/mcp`. Who initializes gets a session, which can be told of changes; a request without
 * one stands for itself and is answered all the same. Loopback by default. A page in a browser can reach loopback, so
 * that Host and Origin are checked; off loopback a token is needed.
 */
import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP, type AddressInfo } from "node:net";
import { type NodeIncomingMessageLike, toNodeHandler } from "@modelcontextprotocol/node";
import {
  createMcpHandler,
  isInitializeRequest,
  isJsonContentType,
  type ServerEventBus,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { Fault, messageOf } from "../../fault.ts";
import type { Fleet } from "./context.ts";
import { createMcpServer } from "./server.ts";
import { createWatch, type Watch } from "./watch.ts";

/** Where to listen, and whom to answer. */
export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** Asked of every request when given. */
  readonly token?: string | undefined;
  readonly onError: (error: Error) => void;
}

/** A server that listens. */
export interface HttpServer {
  /** `http://127.0.0.1:8089/mcp` */
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** @throws Fault when it may not listen there */
export async function serveOverHttp(fleet: Fleet, options: HttpOptions): Promise<HttpServer> {
  const { host, port, token, onError } = options;
  if (!isLoopback(host) && token === undefined) {
    throw new Fault(`Whoever reaches ${host} could read the cluster`, {
      usage: true,
      next: "Give --auth-token-file, or listen on 127.0.0.1",
    });
  }
  const watch = createWatch(fleet);
  const mcp = createMcpHandler(
    // Clients of 2026 listen on a stream of its own; older ones are told through their session.
    ({ era }) => createMcpServer(fleet, { peer: "http", ...(era === "modern" && { watch }) }),
    { onerror: onError, bus: busOf(watch) },
  );
  const sessions = createSessions(fleet, watch);
  const fetch = async (request: Request): Promise<Response> => (await sessions.answer(request)) ?? mcp.fetch(request);
  const handle = toNodeHandler({ fetch }, { onerror: onError });
  const server = createServer((request, response) => {
    const refusal = refusalOf(request, host, token);
    if (refusal !== undefined) {
      refuse(response, refusal.status, refusal.message);
      return;
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node types an absent url as undefined, the SDK as absent
    handle(request as NodeIncomingMessageLike, response).catch((error: unknown) => {
      onError(error instanceof Error ? error : new Error(messageOf(error)));
      if (!response.headersSent) refuse(response, 500, "internal error");
    });
  });
  await listening(server, host, port);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server that listens on a port has such an address
  const address = server.address() as AddressInfo;
  const shown = host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${shown}:${address.port}/mcp`,
    async close() {
      watch.close();
      await sessions.close();
      await mcp.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** As many clients as one person's machine has, and then some; beyond, the one that was silent longest goes. */
const sessionsAtMost = 100;

interface Sessions {
  /** Undefined when the request belongs to no session. */
  readonly answer: (request: Request) => Promise<Response | undefined>;
  readonly close: () => Promise<void>;
}

function createSessions(fleet: Fleet, watch: Watch): Sessions {
  /** The one that was used last stands last. */
  const open = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const begin = async (request: Request, parsedBody: unknown): Promise<Response> => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized(id) {
        open.set(id, transport);
      },
      onsessionclosed(id) {
        open.delete(id);
      },
    });
    await createMcpServer(fleet, { watch, peer: "http" }).connect(transport);
    for (const [id, oldest] of open) {
      if (open.size < sessionsAtMost) break;
      open.delete(id);
      await oldest.close();
    }
    return transport.handleRequest(request, { parsedBody });
  };
  return {
    async answer(request) {
      const id = request.headers.get("mcp-session-id");
      if (id !== null) {
        const transport = open.get(id);
        // So the protocol tells a client to begin anew.
        if (transport === undefined) return failure(404, -32_001, "Session not found");
        open.delete(id);
        open.set(id, transport);
        const response = await transport.handleRequest(request);
        if (request.method === "DELETE") open.delete(id);
        return response;
      }
      if (request.method !== "POST" || !isJsonContentType(request.headers.get("content-type"))) return undefined;
      const body = await bodyOf(request.clone());
      return isInitializeRequest(body) ? begin(request, body) : undefined;
    },
    async close() {
      await Promise.all([...open.values()].map(async (transport) => transport.close()));
      open.clear();
    },
  };
}

/** Undefined for what is no JSON: the handler says so. */
async function bodyOf(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
}

/** Each open stream of a client is one listener; the SDK leaves out what it did not ask for. */
function busOf(watch: Watch): ServerEventBus {
  return {
    // All that changes is told by the watch.
    publish: () => undefined,
    subscribe: (listener) => watch.listen("all", (uri) => listener({ kind: "resource_updated", uri })).end,
  };
}

function failure(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status });
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new Fault(`Cannot listen on ${host}:${port}: ${messageOf(error)}`, {
          cause: error,
          next: "Choose another --mcp-port, or end what listens there",
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
}

interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** Why a request is not answered; undefined when it is. */
function refusalOf(request: IncomingMessage, host: string, token: string | undefined): Refusal | undefined {
  const path = (request.url ?? "").split("?")[0];
  if (path !== "/mcp") return { status: 404, message: "MCP is at /mcp" };
  const { host: named, origin, authorization } = request.headers;
  const asked = hostnameOf(`http://${named ?? ""}`);
  // A name that someone made point at this machine is not ours (DNS rebinding).
  if (isLoopback(host) && (asked === undefined || !isLoopback(asked)))
    return { status: 403, message: "this Host is not served" };
  if (origin !== undefined) {
    const from = hostnameOf(origin);
    const isOwn = from !== undefined && (isLoopback(host) ? isLoopback(from) : from === asked);
    if (!isOwn) return { status: 403, message: "this Origin is not served" };
  }
  if (token !== undefined && !isSame(authorization ?? "", `Bearer ${token}`)) {
    return { status: 401, message: "a valid bearer token is needed" };
  }
  return undefined;
}

function hostnameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, "") : undefined;
}

/** Takes the same time wherever the texts differ. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digestOf(a), digestOf(b));
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const headers = { "content-type": "application/json", ...(status === 401 && { "www-authenticate": "Bearer" }) };
  response.writeHead(status, headers);
  response.end(JSON.stringify({ jsonrpc: "2.0", error: { code: -32_000, message }, id: null }));
}
