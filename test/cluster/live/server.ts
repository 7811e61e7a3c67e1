// An API server that plays a script on loopback: HTTP/2 or HTTP/1.1, with TLS or without. It records what it was asked
// and over how many connections.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { gzipSync } from "node:zlib";
import { type Authority, createAuthority } from "../../lab/certificates.ts";

export type Reply = ServerResponse | Http2ServerResponse;

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** How many requests for this path came before this one. */
  readonly earlier: number;
  /** The client certificate's common name. */
  readonly user: string | undefined;
  readonly httpVersion: string;
}

export type Script = (asked: Asked, reply: Reply) => void | Promise<void>;

export interface ScriptedServer {
  readonly url: string;
  readonly port: number;
  readonly authority: Authority;
  /** A folder of its own, removed at the end. */
  readonly folder: string;
  readonly asked: readonly Asked[];
  /** The requests that are not for /version. */
  readonly lists: () => readonly Asked[];
  readonly connections: () => number;
  /** Writes a kubeconfig and returns its path. */
  readonly kubeconfig: (entries?: Entries) => string;
  readonly write: (name: string, text: string) => string;
  readonly close: () => Promise<void>;
}

interface Entries {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly namespace?: string;
  readonly file?: string;
}

export interface ServerOptions {
  readonly protocol?: "h2" | "https" | "http";
  readonly hosts?: readonly string[];
  readonly notAfter?: Date;
  /** Answer /version by the script, too. */
  readonly isVersionScripted?: boolean;
}

/** The authority of all servers here; keys take their time. */
export const authority: Authority = await createAuthority("test-authority");

export async function startServer(script: Script, options: ServerOptions = {}): Promise<ScriptedServer> {
  const { protocol = "h2", hosts = ["127.0.0.1", "localhost"], notAfter, isVersionScripted = false } = options;
  const folder = mkdtempSync(join(tmpdir(), "k8sgpt-live-"));
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;

  const listener = (request: IncomingMessage | Http2ServerRequest, reply: Reply): void => {
    const url = new URL(request.url ?? "/", "http://host");
    const socket = "stream" in request ? request.stream.session?.socket : request.socket;
    const peer = protocol === "http" ? undefined : peerOf(socket);
    const one: Asked = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      earlier: asked.filter(({ path }) => path === url.pathname).length,
      user: typeof peer?.subject?.CN === "string" ? peer.subject.CN : undefined,
      httpVersion: request.httpVersion,
    };
    asked.push(one);
    if (one.path.endsWith("/version") && !isVersionScripted) {
      json(reply, { gitVersion: "v1.34.4" });
      return;
    }
    void Promise.resolve(script(one, reply)).catch((error: unknown) => json(reply, { error: String(error) }, 500));
  };

  const pair =
    protocol === "http"
      ? undefined
      : await authority.issue({ commonName: "server", hosts, ...(notAfter !== undefined && { notAfter }) });
  const secure = { ...pair, ca: authority.cert, requestCert: true, rejectUnauthorized: false };
  const server: Server =
    protocol === "http"
      ? createHttp(listener)
      : protocol === "https"
        ? createHttps(secure, listener)
        : createSecureServer({ ...secure, allowHTTP1: true }, listener);
  server.on(protocol === "http" ? "connection" : "secureConnection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
  });
  server.on("sessionError", () => undefined);
  server.on("clientError", (_error: Error, socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const port = await listen(server);
  const url = `${protocol === "http" ? "http" : "https"}://127.0.0.1:${port}`;
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  return {
    url,
    port,
    authority,
    folder,
    asked,
    lists: () => asked.filter(({ path }) => !path.endsWith("/version")),
    connections: () => connections,
    write,
    kubeconfig: ({ cluster = {}, user = { token: "secret-token" }, namespace, file = "config" } = {}) =>
      write(
        file,
        JSON.stringify({
          apiVersion: "v1",
          kind: "Config",
          clusters: [
            {
              name: "prod",
              cluster: {
                server: url,
                ...(protocol !== "http" && { "certificate-authority-data": base64(authority.cert) }),
                ...cluster,
              },
            },
          ],
          users: [{ name: "ci", user }],
          contexts: [
            { name: "prod", context: { cluster: "prod", user: "ci", ...(namespace !== undefined && { namespace }) } },
          ],
          "current-context": "prod",
        }),
      ),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function peerOf(socket: Socket | TLSSocket | undefined): PeerCertificate | undefined {
  // HTTP/2 shows its socket through a proxy object, which passes on methods but does not have them.
  const method: unknown = socket === undefined ? undefined : Reflect.get(socket, "getPeerCertificate");
  return typeof method === "function" ? Reflect.apply(method, socket, []) : undefined;
}

export function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

export function json(reply: Reply, body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): void {
  raw(reply, JSON.stringify(body), status, { "content-type": "application/json", ...headers });
}

export function raw(
  reply: Reply,
  body: string | Buffer,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  if ("stream" in reply) reply.writeHead(status, headers).end(body);
  else reply.writeHead(status, headers).end(body);
}

export function gzipped(reply: Reply, body: unknown): void {
  raw(reply, gzipSync(JSON.stringify(body)), 200, { "content-type": "application/json", "content-encoding": "gzip" });
}

/** A list as the API server writes it: the metadata before the items. */
export function list(
  names: readonly string[],
  options: { token?: string; namespace?: string; kind?: string } = {},
): Record<string, unknown> {
  const { token, namespace = "shop", kind = "List" } = options;
  return {
    kind,
    apiVersion: "v1",
    metadata: { resourceVersion: "7", ...(token !== undefined && { continue: token }) },
    items: names.map((name) => ({ metadata: { name, namespace, managedFields: [{ manager: "x" }] } })),
  };
}

/** A Status, as the API server refuses. */
export function status(
  reply: Reply,
  code: number,
  reason: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  json(reply, { kind: "Status", apiVersion: "v1", status: "Failure", reason, message, code }, code, headers);
}

export function forbidden(reply: Reply, resource: string): void {
  status(
    reply,
    403,
    "Forbidden",
    `${resource} is forbidden: User "ci" cannot list resource "${resource}" in API group "" at the cluster scope`,
  );
}

/** Ends the connection in the middle of whatever is under way. */
export function cutConnection(reply: Reply): void {
  if ("stream" in reply) reply.stream.session?.destroy();
  else reply.socket?.destroy();
}

/** Sends a part of a body and then cuts the connection. */
export function halfAnswer(reply: Reply, body: unknown): void {
  const text = JSON.stringify(body);
  const half = text.slice(0, text.length / 2);
  const cut = (): void => void setImmediate(() => cutConnection(reply));
  const headers = { "content-type": "application/json" };
  if ("stream" in reply) reply.writeHead(200, headers).write(half, cut);
  else reply.writeHead(200, headers).write(half, cut);
}
