// A small client for tests that write: the product has no way to, and must not get one through here. It speaks JSON over
// one pool of connections, finds the path of a kind through discovery (so custom resources work as any other), and
// repeats what a busy server asks to have repeated.
import { Agent, request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

/** Any Kubernetes object: what tests apply, and what the server answers. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** What the server answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body as it came. */
  readonly text: string;
}

/** Headers and settings of one raw request. */
export interface RawOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The answer of the server was an error: `status` is its HTTP code, `reason` the one of its Status object. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(method: string, path: string, answer: Answer) {
    const { message, reason } = statusOf(answer.text);
    super(`${method} ${path}: ${answer.status} ${message}`);
    this.name = "ApiError";
    this.status = answer.status;
    this.reason = reason;
  }
}

/** Reads and writes a lab's API. */
export interface LabClient {
  /** The PEM certificate that the server's is signed by. */
  readonly ca: string;
  /** Creates each object, in order, or merges it into the live one of that name. `status` is not written. */
  readonly apply: (objects: readonly KubeObject[]) => Promise<KubeObject[]>;
  /** Merges the object's `status` into the live one; conditions are merged by their type. */
  readonly applyStatus: (object: KubeObject) => Promise<KubeObject>;
  /** The parsed body of a GET. */
  readonly get: <T = KubeObject>(path: string) => Promise<T>;
  /** The items of a list. */
  readonly list: <T = KubeObject>(path: string) => Promise<T[]>;
  /** Deletes what `path` names. That it is gone already is no error. */
  readonly delete: (path: string) => Promise<void>;
  /** One request and its answer, whatever its status. A body that is not a string is sent as JSON. */
  readonly raw: (method: string, path: string, body?: unknown, options?: RawOptions) => Promise<Answer>;
  /** The path of an object, or of the collection that it is created in, as discovery tells. */
  readonly pathOf: (object: KubeObject, part?: "object" | "collection") => Promise<string>;
  /** Calls `onEvent` with every change below `path` until the signal; starts again when the server ends the stream. */
  readonly watch: <T extends KubeObject = KubeObject>(
    path: string,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ) => Promise<void>;
  /**
   * Asks `predicate` every fifth of a second until it is true; answers of the server that are errors count as not yet.
   *
   * @throws when it is not true within `timeoutMs`, with the description and the last error, or when a process of the
   * control plane has died.
   */
  readonly waitFor: (
    description: string,
    predicate: () => Promise<boolean> | boolean,
    timeoutMs?: number,
  ) => Promise<void>;
}

/** One line of a watch. */
export interface WatchEvent<T = KubeObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
}

/** Where the server is and who asks. */
export interface ClientOptions {
  readonly server: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  /** The name that the server records: in managedFields and in the audit log. */
  readonly userAgent?: string;
  /** Throws when waiting has become pointless. */
  readonly assertAlive?: () => void;
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const retried = new Set([429, 500, 502, 503, 504]);

/** A client for the API at `options.server`. It holds connections only while something is in flight. */
export function createClient(options: ClientOptions): LabClient {
  const { server, ca, cert, key, token, userAgent = "lab", assertAlive = () => undefined } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 32, ca, ...(cert !== undefined && { cert, key }) });
  const resources = new Map<string, Promise<Resource[]>>();

  const raw: LabClient["raw"] = (method, path, body, { headers = {}, signal } = {}) =>
    new Promise((resolve, reject) => {
      const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
      const sent = request(
        new URL(path, server),
        {
          method,
          agent,
          ...(signal && { signal }),
          headers: {
            accept: "application/json",
            "user-agent": userAgent,
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...(payload !== undefined && {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(payload),
            }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: Buffer.concat(chunks).toString("utf8"),
            }),
          );
        },
      );
      sent.on("error", reject);
      sent.end(payload);
    });

  /** A request that must succeed. */
  const send = async (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer> => {
    for (let attempt = 1; ; attempt += 1) {
      let answer: Answer;
      try {
        answer = await raw(method, path, body, headers && { headers });
      } catch (error) {
        // A connection that the server closed while it was idle: nothing was done yet.
        if (attempt < 5 && codeOf(error) === "ECONNRESET") continue;
        throw error;
      }
      if (answer.status < 400) return answer;
      const error = new ApiError(method, path, answer);
      if (attempt === 8 || !(retried.has(answer.status) || (answer.status === 409 && error.reason === "Conflict"))) {
        throw error;
      }
      await sleep(100 * 2 ** attempt);
    }
  };

  const get: LabClient["get"] = async <T>(path: string): Promise<T> => parsed<T>((await send("GET", path)).text);

  const resourceOf = async ({ apiVersion, kind }: KubeObject): Promise<Resource> => {
    const root = apiRoot(apiVersion);
    // A kind that is not there may belong to a custom resource definition that is a moment old.
    for (let attempt = 1; ; attempt += 1) {
      let known = resources.get(apiVersion);
      if (known === undefined) {
        known = get<{ resources?: Resource[] }>(root).then((list) => list.resources ?? []);
        known.catch(() => undefined);
        resources.set(apiVersion, known);
      }
      const found = (await known.catch(() => [])).find(
        (resource) => resource.kind === kind && !resource.name.includes("/"),
      );
      if (found !== undefined) return found;
      resources.delete(apiVersion);
      if (attempt === 20) throw new Error(`The server does not serve ${apiVersion} ${kind}`);
      await sleep(250);
    }
  };

  const pathOf: LabClient["pathOf"] = async (object, part = "object") => {
    const { name, namespaced } = await resourceOf(object);
    const scope = namespaced ? `/namespaces/${object.metadata.namespace ?? "default"}` : "";
    const collection = `${apiRoot(object.apiVersion)}${scope}/${name}`;
    return part === "object" ? `${collection}/${object.metadata.name}` : collection;
  };

  const applyOne = async (object: KubeObject): Promise<KubeObject> => {
    const { status: _status, ...body } = object;
    try {
      return parsed((await send("POST", await pathOf(object, "collection"), body)).text);
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    }
    const headers = { "content-type": "application/merge-patch+json" };
    return parsed((await send("PATCH", await pathOf(object), body, headers)).text);
  };

  return {
    ca,
    raw,
    get,
    pathOf,
    list: async <T>(path: string) => (await get<{ items: T[] }>(path)).items,
    delete: async (path) => {
      const answer = await raw("DELETE", path);
      if (answer.status >= 400 && answer.status !== 404) throw new ApiError("DELETE", path, answer);
    },
    apply: async (objects) => {
      const applied: KubeObject[] = [];
      for (const object of objects) applied.push(await applyOne(object));
      return applied;
    },
    applyStatus: async (object) => {
      const path = await pathOf(object);
      for (let attempt = 1; ; attempt += 1) {
        const live = await get(path);
        const body = { ...live, status: merged(live["status"], object["status"]) };
        const answer = await raw("PUT", `${path}/status`, body);
        if (answer.status < 400) return parsed(answer.text);
        // Somebody else wrote in between: read again.
        if (answer.status !== 409 || attempt === 20) throw new ApiError("PUT", `${path}/status`, answer);
        await sleep(20 * attempt);
      }
    },
    watch: async <T extends KubeObject>(
      path: string,
      onEvent: (event: WatchEvent<T>) => void,
      signal: AbortSignal,
    ): Promise<void> => {
      // A watch without a resourceVersion begins with everything there is, as ADDED.
      while (!signal.aborted) {
        await streamLines(new URL(`${path}?watch=1`, server), { agent, token, userAgent, signal }, (line) => {
          const event = parsed<WatchEvent<T>>(line);
          if (event.object.kind !== "Status") onEvent(event);
        });
        if (!signal.aborted) await sleep(200);
      }
    },
    waitFor: async (description, predicate, timeoutMs = 60_000) => {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        let failure: unknown;
        try {
          if (await predicate()) return;
        } catch (error) {
          failure = error;
        }
        assertAlive();
        if (Date.now() > deadline) {
          throw new Error(`Not within ${timeoutMs / 1000} s: ${description}`, { cause: failure });
        }
        await sleep(200);
      }
    },
  };
}

interface StreamOptions {
  readonly agent: Agent;
  readonly token: string | undefined;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

/** Resolves when the stream ends, whoever ended it: a watch is begun again, not repaired. */
function streamLines(url: URL, options: StreamOptions, onLine: (line: string) => void): Promise<void> {
  const { agent, token, userAgent, signal } = options;
  return new Promise((resolve) => {
    const headers = { "user-agent": userAgent, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const sent = request(url, { agent, signal, headers }, (response) => {
      let rest = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) onLine(line);
      });
      response.on("error", () => resolve());
      response.on("close", () => resolve());
    });
    sent.on("error", () => resolve());
    sent.end();
  });
}

/** `/api/v1`, `/apis/apps/v1`. */
function apiRoot(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/** The code of a system error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The JSON of a server that we started: its shape is known, so it is not checked. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the shape it expects
export function parsed<T>(text: string): T {
  const value: T = JSON.parse(text);
  return value;
}

function statusOf(text: string): { readonly message: string; readonly reason: string } {
  try {
    const { message = text, reason = "" } = parsed<{ message?: string; reason?: string }>(text);
    return { message, reason };
  } catch {
    return { message: text.trim(), reason: "" };
  }
}

/** `over` laid over `under`: objects by key, lists of conditions by their type, everything else replaced. */
function merged(under: unknown, over: unknown): unknown {
  if (isConditions(over)) {
    const replaced = new Set(over.map(({ type }) => type));
    return [...(isConditions(under) ? under.filter(({ type }) => !replaced.has(type)) : []), ...over];
  }
  if (!isRecord(under) || !isRecord(over)) return over;
  return Object.entries(over).reduce((all, [name, value]) => ({ ...all, [name]: merged(all[name], value) }), under);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isConditions(value: unknown): value is readonly { readonly type: unknown }[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => isRecord(item) && "type" in item && "status" in item)
  );
}
