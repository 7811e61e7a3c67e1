/**
 * The one door to the API server. It takes a path and sends GET: there is no parameter for a method or a body, so that
 * nothing behind it can change a cluster. It keeps one HTTP/2 session per context, or a pool of HTTP/1.1 connections
 * where the server does not speak HTTP/2, and knows what to do when an answer does not come: wait and ask again (429,
 * 503), log in again (401), connect again (GOAWAY, reset). What is left is thrown as a `RequestFailure` in words.
 */
import type { X509Certificate } from "node:crypto";
import { Agent, type IncomingHttpHeaders, request as requestHttp1 } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from "node:http2";
import { isIP, type Socket } from "node:net";
import type { Readable } from "node:stream";
import { PassThrough, pipeline } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { createGunzip } from "node:zlib";
import pLimit from "p-limit";
import type { AuditLog } from "../audit.ts";
import { type AccessPolicy, checkContext, refusedPath } from "../policy.ts";
import { type Credentials, credentialSource } from "./credentials.ts";
import { codeOf, networkFailure, readStatus, refusal, RequestFailure } from "./failure.ts";
import { type Target, textIn } from "./kubeconfig.ts";
import { connected, openProxySocket, openSocket, proxyAuthorization, proxyOf } from "./proxy.ts";

/** A successful answer. The body is unpacked; reading it throws a `RequestFailure` when it breaks off. */
interface Answer {
  /** In lower case, with its parameters. */
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
  /** Told by the reader how many objects it found, for the record. */
  readonly counted: (objects: number) => void;
  readonly status: number;
}

/** How a request differs from others. */
export interface GetOptions {
  /** Error statuses whose body is an answer all the same: 500 of a health check. They are not asked for again. */
  readonly answers?: readonly number[];
}

export interface Door {
  /** Address of the API server. */
  readonly server: string;
  /** Who asks: the user entry of the kubeconfig, and whom it acts as. */
  readonly user: string;
  /**
   * Sends GET and gives the answer to `read`; waits for its turn when too many requests are in flight.
   *
   * @param path Below the server's address, with the query: `/api/v1/pods?limit=500`.
   * @param accept The media types to ask for.
   * @throws {RequestFailure} when there is no answer to be had, and whatever `read` throws.
   * @throws {Fault} when credentials cannot be made.
   */
  get<T>(
    path: string,
    accept: string,
    signal: AbortSignal,
    read: (answer: Answer) => Promise<T>,
    options?: GetOptions,
  ): Promise<T>;
  /** How far the server's clock is ahead of this machine's, in milliseconds, after its last `Date`; 0 when not known. */
  clockOffsetMs(): number;
  /** The certificates of the TLS session that was opened last, its own first; none before the first, and without TLS. */
  peerCertificates(): readonly X509Certificate[];
  close(): Promise<void>;
}

export interface DoorOptions {
  readonly target: Target;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long the server may say nothing, before the first byte and between two. */
  readonly requestTimeoutMs: number;
  /** Requests in flight. */
  readonly maxConcurrency: number;
  readonly userAgent: string;
  readonly isInteractive: boolean;
  readonly onNote: (text: string) => void;
  /** Each of them must allow what is asked. */
  readonly policies?: readonly AccessPolicy[] | undefined;
  /** Told of every request, sent or kept back. */
  readonly audit?: AuditLog | undefined;
}

/** How often one request is sent again, by reason. Each of them is a GET: asking twice does no harm. */
const retries = { busy: 5, cut: 2, notTaken: 8 } as const;

/** Windows of HTTP/2: with Node's own of 64 KiB, lists over a slow link take ten times as long. */
const streamWindowBytes = 8 * 1024 * 1024;
const sessionWindowBytes = 64 * 1024 * 1024;

const gunzipChunkBytes = 256 * 1024;

/** Enough of an error's body to hold a Status. */
const errorBodyBytes = 64 * 1024;

type Headers = Readonly<Record<string, string | readonly string[]>>;

/** The head of an answer. */
interface Head {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly stream: Readable;
  /** After the stream's end: whether the server meant it to end there. */
  isWhole(): boolean;
}

/** The way to the server, in either protocol. */
interface Link {
  /** Sends GET; settles with the head of the answer. `signal` ends the exchange, also later, while the body is read. */
  send(path: string, headers: Headers, signal: AbortSignal): Promise<Head>;
  /** Lets requests under way end and takes no more. */
  retire(): void;
}

/**
 * Opens nothing yet: the first request connects.
 *
 * @throws {Fault} when the kubeconfig asks for something that is not supported, or a policy keeps the context closed.
 */
export function openDoor(options: DoorOptions): Door {
  const { target, env, requestTimeoutMs, userAgent, policies = [], audit } = options;
  checkContext(policies, target.context);
  const actsAs = textIn(target.user, "as");
  const reader = {
    context: target.context,
    user: actsAs === undefined ? target.userName : `${target.userName} as ${actsAs}`,
  };
  const lifetime = new AbortController();
  const proxy = proxyOf(target, env);
  const credentials = credentialSource(target, proxy?.href, {
    env,
    get isInteractive() {
      return options.isInteractive;
    },
    onNote: options.onNote,
    signal: lifetime.signal,
  });
  const limit = pLimit(options.maxConcurrency);
  const url = new URL(target.server);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const hasOwnAuthority = ["certificate-authority", "certificate-authority-data"].some(
    (key) => target.cluster[key] !== undefined,
  );
  const destination = { server: target.server, host, proxy: proxy?.host, hasOwnAuthority };
  let clockOffsetMs = 0;
  let peer: readonly X509Certificate[] = [];

  let link: { readonly made: Promise<Link>; readonly key: string } | undefined;
  const linkFor = ({ tls, agent }: Credentials): Promise<Link> => {
    // Another client certificate is another user: it needs a connection of its own.
    const key = String(tls.cert ?? "");
    if (link !== undefined && link.key === key) return link.made;
    dropLink();
    const retired = (): void => {
      if (link?.made === made) link = undefined;
    };
    const made = openLink({
      url,
      host,
      proxy,
      tls,
      agent,
      requestTimeoutMs,
      signal: lifetime.signal,
      retired,
      onPeer: (certificates) => void (peer = certificates),
      sockets: options.maxConcurrency,
    });
    link = { made, key };
    made.catch(retired);
    return made;
  };
  const dropLink = (): void => {
    link?.made.then(
      (open) => open.retire(),
      () => undefined,
    );
    link = undefined;
  };

  /** One exchange: the answer, or why there is none. */
  const exchange = async <T>(
    path: string,
    accept: string,
    given: Credentials,
    signal: AbortSignal,
    read: (answer: Answer) => Promise<T>,
    { answers = [] }: GetOptions,
  ): Promise<T> => {
    const ending = new AbortController();
    let status: number | undefined;
    let objects: number | undefined;
    let bytes = 0;
    const end = (failure: RequestFailure): void => ending.abort(failure);
    const onStop = (): void => end(stopped());
    signal.addEventListener("abort", onStop);
    const clock = inactivityTimer(requestTimeoutMs, () => {
      dropLink(); // It may be dead without our knowing: the next request connects anew.
      end(
        new RequestFailure(`no answer within ${seconds(requestTimeoutMs)}`, {
          type: "timeout",
          next: "Try again, or raise --request-timeout",
        }),
      );
    });
    try {
      const open = await orAbort(linkFor(given), ending.signal);
      const headers = { accept, "accept-encoding": "gzip", "user-agent": userAgent, ...given.headers };
      const head = await orAbort(
        open.send(`${url.pathname.replace(/\/$/, "")}${path}`, headers, ending.signal),
        ending.signal,
      );
      clock.touch();
      status = head.status;
      const date = Date.parse(head.headers.date ?? "");
      if (!Number.isNaN(date)) clockOffsetMs = date - Date.now();
      const body = bodyOf(
        head,
        (chunkBytes) => {
          bytes += chunkBytes;
          clock.touch();
        },
        ending.signal,
        (error) => networkFailure(error, destination),
      );
      if ((head.status >= 200 && head.status < 300) || answers.includes(head.status)) {
        const counted = (count: number): void => void (objects = count);
        const contentType = (head.headers["content-type"] ?? "").toLowerCase();
        return await read({ contentType, body, counted, status: head.status });
      }
      throw await answeredError(head, body, credentials.hint(given));
    } catch (error) {
      // What a stream throws when it is ended tells nothing; why we ended it does.
      throw ending.signal.aborted ? ending.signal.reason : error;
    } finally {
      clock.stop();
      signal.removeEventListener("abort", onStop);
      // Lets go of an answer that was not read to its end.
      if (!ending.signal.aborted) ending.abort(stopped());
      audit?.record({
        ...reader,
        path,
        ...(status !== undefined && { status }),
        ...(objects !== undefined && { objects }),
        bytes,
      });
    }
  };

  const get: Door["get"] = async (path, accept, signal, read, options = {}) => {
    const refused = refusedPath(policies, path);
    if (refused !== undefined) {
      audit?.record({ ...reader, path, bytes: 0, refused });
      throw new RequestFailure(refused, { type: "policy", next: "Ask whoever keeps the policy" });
    }
    const used = { busy: 0, cut: 0, notTaken: 0 };
    let given: Credentials | undefined;
    let isRenewed = false;
    for (;;) {
      if (signal.aborted || lifetime.signal.aborted) throw stopped();
      audit?.check();
      given ??= await orAbort(credentials.current(), signal);
      let isReading = false;
      try {
        const reading = (answer: Answer): ReturnType<typeof read> => {
          isReading = true;
          return read(answer);
        };
        return await exchange(path, accept, given, signal, reading, options);
      } catch (error) {
        // Once `read` has begun, it has seen a part: whether to begin anew is for the caller to say.
        if (isReading) throw error;
        audit?.check();
        if (error instanceof BusyAnswer && used.busy < retries.busy) {
          const waitMs = error.waitMs ?? 500 * 2 ** used.busy;
          if (waitMs > requestTimeoutMs) throw error.failure(waitMs);
          used.busy += 1;
          await orAbort(sleep(waitMs, undefined, { signal }), signal);
          continue;
        }
        if (error instanceof BusyAnswer) throw error.failure(undefined);
        if (isNotTaken(error) && used.notTaken < retries.notTaken) {
          used.notTaken += 1;
          continue;
        }
        const failure = networkFailure(error, destination);
        if (failure.status === 401 && !isRenewed) {
          isRenewed = true;
          const renewed = await orAbort(credentials.renew(given), signal);
          if (renewed !== undefined) {
            given = renewed;
            continue;
          }
        }
        if (failure.type === "cut" && used.cut < retries.cut) {
          used.cut += 1;
          continue;
        }
        throw failure;
      }
    }
  };

  return {
    server: target.server,
    user: reader.user,
    get: (path, accept, signal, read, options) => limit(() => get(path, accept, signal, read, options)),
    clockOffsetMs: () => clockOffsetMs,
    peerCertificates: () => peer,
    async close() {
      const open = link?.made;
      link = undefined;
      limit.clearQueue();
      // Ends what is being opened, and every link that was.
      lifetime.abort(stopped());
      await open?.catch(() => undefined);
    },
  };
}

/** The failure of a request that the caller ended. */
export function stopped(): RequestFailure {
  return new RequestFailure("stopped", { type: "stopped" });
}

/** The server asks to come again later. */
class BusyAnswer extends Error {
  readonly status: number;
  readonly waitMs: number | undefined;
  readonly #refusal: RequestFailure;

  constructor(refused: RequestFailure, status: number, waitMs: number | undefined) {
    super(refused.message);
    this.name = "BusyAnswer";
    this.status = status;
    this.waitMs = waitMs;
    this.#refusal = refused;
  }

  /** `waitMs`: how long it wants us to wait, when that is too long. */
  failure(waitMs: number | undefined): RequestFailure {
    const { type, next, serverReason } = this.#refusal;
    const wish = waitMs === undefined ? "" : `, and asks to come again in ${seconds(waitMs)}`;
    return new RequestFailure(`${this.message}${wish}`, {
      type,
      next: next ?? "Try again later",
      serverReason,
      status: this.status,
    });
  }
}

async function answeredError(head: Head, body: AsyncIterable<Uint8Array>, hint: string | undefined): Promise<Error> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > errorBodyBytes) break;
    }
  } catch (error) {
    // The status says enough, unless it was us who ended it.
    if (error instanceof RequestFailure && error.type === "stopped") return error;
  }
  const content = Buffer.concat(chunks);
  const refused = refusal(head.status, content, hint);
  const retryAfter = head.headers["retry-after"];
  // Any server error that says when to come again means it (client-go reads it so).
  const isBusy = head.status === 429 || head.status === 503 || (head.status >= 500 && retryAfter !== undefined);
  if (!isBusy) return refused;
  return new BusyAnswer(refused, head.status, retryAfterMs(retryAfter, content));
}

/** Retry-After in seconds or as a date, else what the Status says. */
function retryAfterMs(header: string | undefined, content: Uint8Array): number | undefined {
  const told = header?.trim() ?? "";
  if (/^\d+$/.test(told)) return Number(told) * 1000;
  const date = Date.parse(told);
  if (!Number.isNaN(date)) return Math.max(0, date - Date.now());
  const asked = readStatus(content)?.retryAfterSeconds;
  return asked === undefined || asked <= 0 ? undefined : asked * 1000;
}

/** Whether the server let the connection go before it looked at the request. */
function isNotTaken(error: unknown): boolean {
  const code = codeOf(error);
  if (code === "ERR_HTTP2_GOAWAY_SESSION" || code === "ERR_HTTP2_INVALID_SESSION") return true;
  return (
    code === "ERR_HTTP2_STREAM_ERROR" && error instanceof Error && error.message.includes("NGHTTP2_REFUSED_STREAM")
  );
}

async function* bodyOf(
  head: Head,
  touch: (bytes: number) => void,
  signal: AbortSignal,
  explain: (error: unknown) => RequestFailure,
): AsyncGenerator<Uint8Array> {
  const isPacked = head.headers["content-encoding"] === "gzip";
  const unpacked = isPacked
    ? pipeline(head.stream, createGunzip({ chunkSize: gunzipChunkBytes }), () => undefined) // The loop below sees errors.
    : head.stream;
  const cut = (error: unknown): RequestFailure => {
    if (signal.aborted && signal.reason instanceof RequestFailure) return signal.reason;
    const failure = explain(error);
    return failure.type === "cut"
      ? new RequestFailure("the answer was cut short", { type: "cut", cause: error })
      : failure;
  };
  let bytes = 0;
  try {
    for await (const chunk of unpacked) {
      touch(chunk.length);
      bytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw cut(error);
  }
  const declared = isPacked ? undefined : head.headers["content-length"];
  if (!head.isWhole() || (declared !== undefined && Number(declared) !== bytes)) throw cut(undefined);
}

interface LinkOptions {
  readonly url: URL;
  readonly host: string;
  readonly proxy: URL | undefined;
  readonly tls: Credentials["tls"];
  readonly agent: Agent | undefined;
  readonly requestTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Told when the link takes no more requests. */
  readonly retired: () => void;
  /** Told which certificates the server showed. */
  readonly onPeer: (certificates: readonly X509Certificate[]) => void;
  /** How many HTTP/1.1 connections there may be. */
  readonly sockets: number;
}

/** Connects once to learn which protocol the server speaks; that connection is used, whichever it is. */
async function openLink(options: LinkOptions): Promise<Link> {
  if (options.url.protocol === "http:") return poolLink(options, undefined);
  const socket = await dial(options, ["h2", "http/1.1"]);
  return socket.alpnProtocol === "h2" ? sessionLink(options, socket) : poolLink(options, socket);
}

async function dial(
  { url, host, proxy, tls, agent, requestTimeoutMs, signal, onPeer }: LinkOptions,
  protocols: string[],
): Promise<TLSSocket> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(Object.assign(new Error("no connection in time"), { code: "ETIMEDOUT" })),
    requestTimeoutMs,
  );
  const either = AbortSignal.any([signal, deadline.signal]);
  try {
    const socket = await openSocket({ host, port: Number(url.port || 443) }, proxy, agent, either);
    const { servername = host, ca, cert, key, rejectUnauthorized } = tls;
    const secure = connectTls({
      socket,
      // The name that the certificate must have.
      host: servername,
      ALPNProtocols: protocols,
      rejectUnauthorized,
      // An address is no name to ask a server for (RFC 6066, 3).
      ...(isIP(servername) === 0 && { servername }),
      ...(ca !== undefined && { ca: typeof ca === "string" || Buffer.isBuffer(ca) ? ca : [...ca] }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    });
    const open = await connected(secure, "secureConnect", either);
    onPeer(chainOf(open.getPeerX509Certificate()));
    return open;
  } finally {
    clearTimeout(timer);
  }
}

/** A certificate and those by which Node found it signed; a root signs itself. */
function chainOf(own: X509Certificate | undefined): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = own; next !== undefined && chain.length < 10; next = next.issuerCertificate) {
    if (chain.at(-1)?.fingerprint256 === next.fingerprint256) break;
    chain.push(next);
  }
  return chain;
}

/** One HTTP/2 session. It ends its life with the first sign of trouble; requests under way may still be answered. */
function sessionLink({ url, retired, signal: lifetime }: LinkOptions, socket: TLSSocket): Link {
  let isRetired = false;
  let broken: Error | undefined;
  const session: ClientHttp2Session = connectHttp2(url.origin, {
    createConnection: () => socket,
    settings: { initialWindowSize: streamWindowBytes, enablePush: false },
    // The windows allow this much to be on the way; Node's own limit would refuse new requests before.
    maxSessionMemory: 1024,
  });
  const retire = (): void => {
    if (isRetired) return;
    isRetired = true;
    retired();
    if (!session.closed && !session.destroyed) session.close();
  };
  // A retired session may wait for an answer that never comes; it ends with the door.
  lifetime.addEventListener("abort", () => session.destroy());
  session.on("connect", () => session.setLocalWindowSize(sessionWindowBytes));
  session.on("goaway", retire);
  session.on("close", retire);
  session.on("error", (error) => {
    broken = error;
    retire();
  });
  return {
    send: (path, headers, signal) =>
      new Promise((resolve, reject) => {
        // Throws when the session has just been closed; the promise turns that into a rejection.
        const stream: ClientHttp2Stream = session.request(
          { ":method": "GET", ":path": path, ...mutable(headers) },
          { endStream: true },
        );
        const end = (): void => stream.close(constants.NGHTTP2_CANCEL);
        signal.addEventListener("abort", end, { once: true });
        stream.on("close", () => signal.removeEventListener("abort", end));
        if (signal.aborted) end();
        const fail = (error?: Error): void =>
          reject(broken ?? error ?? Object.assign(new Error("closed"), { code: "ECONNRESET" }));
        stream.on("error", fail);
        stream.on("close", () => fail());
        stream.on("response", ({ ":status": status = 0, ...head }) =>
          resolve({
            status,
            headers: head,
            stream,
            isWhole: () => !stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR,
          }),
        );
      }),
    retire,
  };
}

/** A pool of HTTP/1.1 connections, which stay open between requests. */
function poolLink(options: LinkOptions, first: Socket | undefined): Link {
  const { url, host, proxy, agent: socksAgent, signal: lifetime, retired, sockets } = options;
  // A plain server behind an HTTP proxy is asked for by its whole address, without a tunnel (RFC 9112, 3.2.2).
  const isWholeAddress = url.protocol === "http:" && proxy?.protocol.startsWith("http") === true;
  const open = (): Promise<Socket> => {
    if (url.protocol === "https:") return dial(options, ["http/1.1"]);
    if (proxy !== undefined && isWholeAddress) return openProxySocket(proxy, lifetime);
    return openSocket({ host, port: Number(url.port || 80) }, proxy, socksAgent, lifetime);
  };
  let spare = first;
  const agent = new Agent({ keepAlive: true, maxSockets: sockets, scheduling: "lifo" });
  agent.createConnection = (_options, callback) => {
    const ready = spare;
    spare = undefined;
    if (ready !== undefined && !ready.destroyed) return ready;
    void (async () => {
      try {
        callback?.(null, await open());
      } catch (error) {
        // The type asks for a stream beside the error; Node looks at it only when there is none.
        callback?.(asError(error), new PassThrough());
      }
    })();
    return undefined;
  };
  lifetime.addEventListener("abort", () => {
    spare?.destroy();
    agent.destroy();
  });
  const extra: Headers = proxy !== undefined && isWholeAddress ? proxyAuthorization(proxy) : {};
  return {
    send: (path, headers, signal) =>
      new Promise((resolve, reject) => {
        const asked = requestHttp1({
          method: "GET",
          agent,
          host,
          port: url.port || (url.protocol === "https:" ? 443 : 80),
          path: isWholeAddress ? `${url.origin}${path}` : path,
          headers: { host: url.host, ...mutable(headers), ...extra },
        });
        const end = (): void => void asked.destroy();
        signal.addEventListener("abort", end, { once: true });
        asked.on("close", () => signal.removeEventListener("abort", end));
        if (signal.aborted) end();
        asked.on("error", reject);
        asked.on("response", (answer) =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            stream: answer,
            isWhole: () => answer.complete,
          }),
        );
        asked.end();
      }),
    retire: retired,
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Node's types ask for arrays that may be written to. */
function mutable(headers: Headers): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
}

/** Calls `onSilence` when `touch` was not called for so long. */
function inactivityTimer(limitMs: number, onSilence: () => void): { touch(): void; stop(): void } {
  let isTouched = false;
  let isStopped = false;
  const timer = setTimeout(() => {
    isTouched = false;
    // What arrived while this process was busy with something else has not been looked at yet: give it its turn.
    setImmediate(() =>
      setImmediate(() => {
        if (!isTouched && !isStopped) onSilence();
      }),
    );
  }, limitMs);
  return {
    touch() {
      isTouched = true;
      if (!isStopped) timer.refresh();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** The promise, or the signal's reason when that comes first. */
async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason instanceof RequestFailure ? signal.reason : stopped());
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}

function seconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`;
}
