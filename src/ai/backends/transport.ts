/**
 * The one way by which backends reach the network. Node's own HTTP client does the work, because its agents know proxies
 * and extra certificate authorities, and because SDKs that are not built on `fetch` take the same agents. Redirects are not
 * followed: where the text goes is what the user configured. A server on this machine is never reached through a proxy of
 * the environment, or text meant to stay here would leave.
 */
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { getCACertificates } from "node:tls";
import { Fault, messageOf } from "../../fault.ts";
import type { BackendSettings } from "../backend.ts";
import { type HostGuard, isLoopback } from "../door.ts";

/** `fetch` as SDKs ask for it. */
export type Fetch = typeof globalThis.fetch;

/** The agents for one server, for SDKs that do not use `fetch`. */
export interface Agents {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

/** Connections with the proxy, the certificate authorities and the headers of one backend's settings. */
export interface Transport {
  /** Of the server that is asked. */
  readonly host: string;
  /** For questions: refuses what the guard refuses. */
  readonly fetch: Fetch;
  /** For access tokens, from wherever they come: nothing of a cluster may go this way. */
  readonly identityFetch: Fetch;
  /** @throws Fault when a question may not go to `url` */
  check(url: string): void;
  /** The agents for the server at `url`. */
  agentsFor(url: string): Agents;
  close(): void;
}

/**
 * Opens what connections need; no connection is made yet.
 *
 * @param address where questions go
 * @throws Fault when `guard` does not let them go there, or the proxy's address or the CA file cannot be used.
 */
export async function openTransport(
  name: string,
  settings: BackendSettings,
  guard: HostGuard,
  address: string,
): Promise<Transport> {
  const check = (url: string): void => guard(name, url);
  check(address);
  const { proxyEndpoint, caFile, customHeaders } = settings;
  const authorities =
    caFile === undefined ? {} : { ca: [...getCACertificates("default"), await readPem(name, caFile)] };
  const direct = agents(authorities);
  const proxied = proxyEnvironment(name, proxyEndpoint);
  const outward = proxied === undefined ? direct : withProxy(name, { ...authorities, proxyEnv: proxied });
  const agentsFor = (url: string): Agents =>
    proxyEndpoint === undefined && isLoopback(new URL(url).hostname) ? direct : outward;
  const sent: Fetch = async (input, init) => send(new Request(input, init), agentsFor, customHeaders ?? {});
  return {
    host: new URL(address).host,
    agentsFor,
    check,
    fetch: async (input, init) => {
      check(input instanceof Request ? input.url : String(input));
      return sent(input, init);
    },
    identityFetch: sent,
    close: () => {
      for (const { httpAgent, httpsAgent } of [direct, outward]) {
        httpAgent.destroy();
        httpsAgent.destroy();
      }
    },
  };
}

function agents(options: ConstructorParameters<typeof HttpsAgent>[0]): Agents {
  return {
    httpAgent: new HttpAgent({ ...options, keepAlive: true }),
    httpsAgent: new HttpsAgent({ ...options, keepAlive: true }),
  };
}

function withProxy(name: string, options: ConstructorParameters<typeof HttpsAgent>[0]): Agents {
  try {
    return agents(options);
  } catch (error) {
    throw new Fault(`Backend ${name} cannot use the configured proxy: ${messageOf(error)}`, {
      next: "Check proxyEndpoint, or HTTPS_PROXY and HTTP_PROXY in the environment",
    });
  }
}

/** The proxy variables that hold, in the spelling of Node's agents. */
function proxyEnvironment(name: string, proxyEndpoint: string | undefined): NodeJS.ProcessEnv | undefined {
  if (proxyEndpoint === undefined) {
    const variables = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
    return variables.some((variable) => (process.env[variable] ?? "") !== "") ? requireProxies(process.env) : undefined;
  }
  const url = URL.canParse(proxyEndpoint) ? new URL(proxyEndpoint) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new Fault(`The proxy of backend ${name} is not an http or https address`, {
      next: "Set proxyEndpoint to an address such as http://proxy.example:3128",
      usage: true,
    });
  }
  return requireProxies({ HTTP_PROXY: proxyEndpoint, HTTPS_PROXY: proxyEndpoint });
}

/** Agents of Node before 24.5 know no proxies and would go around them without a word. */
function requireProxies(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 24 || (major === 24 && minor >= 5)) return variables;
  throw new Fault(`Node.js ${process.versions.node} cannot use a proxy`, { next: "Use Node.js 24.5 or later" });
}

async function readPem(name: string, caFile: string): Promise<string> {
  const next = "Set caFile to a PEM file with the certificate of your certificate authority";
  const pem = await readFile(caFile, "utf8").catch((error: unknown) => {
    throw new Fault(`Cannot read caFile "${caFile}" of backend ${name}: ${messageOf(error)}`, { cause: error, next });
  });
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw new Fault(`caFile "${caFile}" of backend ${name} holds no PEM certificate`, { next });
  }
  return pem;
}

async function send(
  request: Request,
  agentsFor: Transport["agentsFor"],
  customHeaders: Readonly<Record<string, string>>,
): Promise<Response> {
  const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
  const headers = new Headers(request.headers);
  // Answers are streams of small pieces: packing them only delays them.
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
  if (body !== undefined) headers.set("content-length", String(body.length));
  for (const [header, value] of Object.entries(customHeaders)) headers.set(header, value);
  const { httpAgent, httpsAgent } = agentsFor(request.url);
  const options = { method: request.method, headers: Object.fromEntries(headers), signal: request.signal };
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request.url.startsWith("https:")
      ? httpsRequest(request.url, { ...options, agent: httpsAgent }, resolve)
      : httpRequest(request.url, { ...options, agent: httpAgent }, resolve);
    // What `fetch` throws; SDKs look for it.
    outgoing.once("error", (error) => reject(new TypeError(`fetch failed: ${error.message}`, { cause: error })));
    outgoing.end(body);
  });
  return responseOf(incoming);
}

const statusesWithoutBody: readonly number[] = [204, 205, 304];

function responseOf(incoming: IncomingMessage): Response {
  const { statusCode = 502, statusMessage = "", headersDistinct } = incoming;
  const headers = new Headers();
  for (const [header, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(header, value);
  }
  if (statusesWithoutBody.includes(statusCode)) {
    incoming.resume();
    return new Response(null, { status: statusCode, statusText: statusMessage, headers });
  }
  // Node and the DOM each declare the same stream class.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one runtime class behind two declarations
  const body = Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>;
  return new Response(body, { status: statusCode, statusText: statusMessage, headers });
}
