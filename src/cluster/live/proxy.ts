/** Which proxy stands between us and the API server, and the way through it. */
import { EventEmitter } from "node:events";
import type { Agent } from "node:http";
import { request } from "node:http";
import { isIP, BlockList, connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Fault } from "../../fault.ts";
import { RequestFailure } from "./failure.ts";
import { type Target, textIn } from "./kubeconfig.ts";

const supportedProtocols = ["http:", "https:", "socks5:", "socks5h:", "socks4:", "socks4a:", "socks:"];

/**
 * `proxy-url` of the kubeconfig, else HTTPS_PROXY (HTTP_PROXY for a plain server) unless NO_PROXY names the server. As in
 * Go, the environment's proxies are never used for this machine itself.
 *
 * @throws {Fault} when the address is not that of a proxy.
 */
export function proxyOf(target: Target, env: Readonly<Record<string, string | undefined>>): URL | undefined {
  const { hostname, port, protocol } = new URL(target.server);
  const configured = textIn(target.cluster, "proxy-url");
  const name = protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const text = configured ?? env[name] ?? env[name.toLowerCase()];
  if (text === undefined || text === "") return undefined;
  if (configured === undefined) {
    const host = hostname.replace(/^\[|\]$/g, "");
    const exceptions = env["NO_PROXY"] ?? env["no_proxy"] ?? "";
    if (isThisMachine(host) || isExcepted(host, port || (protocol === "https:" ? "443" : "80"), exceptions))
      return undefined;
  }
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || !supportedProtocols.includes(url.protocol)) {
    const where = configured === undefined ? name : `proxy-url of cluster "${target.clusterName}"`;
    throw new Fault(`The proxy in ${where} is not an http, https or socks5 address`, {
      next:
        configured === undefined
          ? `Correct ${name}, or exempt the server with NO_PROXY`
          : `Correct it in ${target.origin}`,
    });
  }
  return url;
}

function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** NO_PROXY as Go reads it: `*`, names with their subdomains, `.subdomains`, addresses, networks, each with a port or not. */
function isExcepted(host: string, port: string, exceptions: string): boolean {
  const lower = host.toLowerCase();
  return exceptions
    .toLowerCase()
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .some((exception) => {
      if (exception === "*") return true;
      if (exception.includes("/")) return isInNetwork(lower, exception);
      const withPort = /^(\[?.*?\]?):(\d+)$/.exec(exception);
      if (withPort !== null && isIP(exception) === 0 && withPort[2] !== port) return false;
      const named = (withPort !== null && isIP(exception) === 0 ? (withPort[1] ?? "") : exception).replace(
        /^\[|\]$/g,
        "",
      );
      if (isIP(named) !== 0) return named === lower;
      const domain = named.replace(/^\*?\./, "");
      return lower.endsWith(`.${domain}`) || (domain === named && lower === domain);
    });
}

function isInNetwork(host: string, network: string): boolean {
  const [address = "", bits = ""] = network.split("/");
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family) return false;
  const type = family === 6 ? "ipv6" : "ipv4";
  try {
    const list = new BlockList();
    list.addSubnet(address, Number(bits), type);
    return list.check(host, type);
  } catch {
    return false; // Not a network after all.
  }
}

/** Where to open a connection to. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Opens a connection without TLS of its own to the API server: directly, or through the proxy. */
export async function openSocket(
  { host, port }: Endpoint,
  proxy: URL | undefined,
  socksAgent: Agent | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  if (proxy === undefined) {
    const socket = connectTcp({ host, port, noDelay: true, keepAlive: true });
    return connected(socket, "connect", signal);
  }
  if (proxy.protocol.startsWith("socks")) return throughSocks({ host, port }, proxy, socksAgent, signal);
  return throughHttpProxy({ host, port }, proxy, signal);
}

/** The header by which an HTTP proxy knows its user. */
export function proxyAuthorization(proxy: URL): Readonly<Record<string, string>> {
  if (proxy.username === "") return {};
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(user).toString("base64")}` };
}

/** A connection to the proxy itself. */
export async function openProxySocket(proxy: URL, signal: AbortSignal): Promise<Socket> {
  const host = proxy.hostname.replace(/^\[|\]$/g, "");
  const isSecure = proxy.protocol === "https:";
  const port = Number(proxy.port || (isSecure ? 443 : 80));
  if (!isSecure) return connected(connectTcp({ host, port, noDelay: true, keepAlive: true }), "connect", signal);
  return connected(connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) }), "secureConnect", signal);
}

/**
 * Asks the proxy for a tunnel. CONNECT goes to the proxy and never reaches the API server, which is asked with GET only,
 * inside the tunnel.
 */
async function throughHttpProxy({ host, port }: Endpoint, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const socket = await openProxySocket(proxy, signal);
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const asked = request({
      method: "CONNECT",
      path: authority,
      headers: { host: authority, ...proxyAuthorization(proxy) },
      createConnection: () => socket,
      signal,
    });
    asked.on("connect", ({ statusCode = 0, statusMessage = "" }, tunnel) => {
      if (statusCode === 200) {
        resolve(tunnel);
        return;
      }
      tunnel.destroy();
      const isLogin = statusCode === 407;
      reject(
        new RequestFailure(
          isLogin
            ? `the proxy ${proxy.host} asks for credentials`
            : `the proxy ${proxy.host} refused a tunnel to ${authority}: ${statusCode} ${statusMessage}`.trim(),
          {
            type: "unreachable",
            status: statusCode,
            next: isLogin
              ? "Put them into the proxy's address: http://user:password@host:port"
              : "Check proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY",
          },
        ),
      );
    });
    asked.on("error", (error) => {
      socket.destroy();
      reject(error);
    });
    asked.end();
  });
}

/** client-node brings an agent that speaks SOCKS; it is asked for the bare connection, TLS is ours. */
async function throughSocks(
  { host, port }: Endpoint,
  proxy: URL,
  agent: Agent | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  if (agent === undefined || !("connect" in agent) || typeof agent.connect !== "function") {
    throw new RequestFailure(`no way through the proxy ${proxy.host}`, { type: "unreachable" });
  }
  const opening: Promise<Socket> = agent.connect(new EventEmitter(), { host, port, secureEndpoint: false });
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    const settle = (): void => signal.removeEventListener("abort", onAbort);
    opening.then(
      (socket) => {
        settle();
        // The agent cannot be stopped: a connection that comes too late is closed.
        if (signal.aborted) socket.destroy();
        else resolve(socket);
        return undefined;
      },
      (error: Error) => {
        settle();
        reject(error);
      },
    );
  });
}

/** The socket once it is connected. */
export function connected<S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      socket.off("close", onClose);
      end();
    };
    const onAbort = (): void => {
      socket.destroy();
      settle(() => reject(signal.reason));
    };
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => settle(() => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
    socket.once(event, () => settle(() => resolve(socket)));
    socket.on("error", onError);
    socket.on("close", onClose);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
}
