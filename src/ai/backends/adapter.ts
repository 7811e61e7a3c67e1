/**
 * What every backend does alike, around the few lines that call its vendor's SDK: failures in one form, parameters that the
 * model refuses left out, answers without text refused, warnings about settings without an equivalent.
 */
import { Fault } from "../../fault.ts";
import {
  BackendFailure,
  type BackendSettings,
  type CompletionPart,
  type CompletionRequest,
  type IAI,
} from "../backend.ts";
import { causesOf, type Exchange, failureOf, refusal, waitOf } from "./failure.ts";
import type { Fetch, Transport } from "./transport.ts";

/** What a call asks of the model, without what the model has refused before. */
export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly maxTokens?: number;
  readonly stopSequences?: readonly string[];
  readonly responseSchema?: Readonly<Record<string, unknown>>;
  /** Whether to ask for the cost of a streamed answer, where that must be asked for. */
  readonly usage?: true;
}

/** One attempt at one call. */
export interface Attempt {
  readonly request: CompletionRequest;
  readonly sampling: Sampling;
  /** `fetch` that belongs to this call: it ends with the call's signal, and failures are told by what it saw. */
  readonly fetch: Fetch;
  /** The same for access tokens: nothing of a cluster may go this way. */
  readonly identityFetch: Fetch;
  /** For SDKs that do not use `fetch`. */
  readonly signal: AbortSignal;
}

/** A vendor's part of a backend. */
export interface Adapter {
  readonly name: string;
  readonly settings: BackendSettings;
  readonly transport: Transport;
  /** The settings, besides those that the transport takes, that reach the vendor. */
  readonly honours: readonly (keyof BackendSettings)[];
  readonly warnings?: readonly string[];
  complete(attempt: Attempt): AsyncIterable<CompletionPart>;
  close?(): void;
}

/** The settings by their names in the config file. */
const configNames: Readonly<Partial<Record<keyof BackendSettings, string>>> = {
  model: "model",
  password: "password",
  baseURL: "baseurl",
  endpointName: "endpointname",
  engine: "engine",
  temperature: "temperature",
  topP: "topp",
  topK: "topk",
  maxTokens: "maxtokens",
  stopSequences: "stopsequences",
  providerRegion: "providerregion",
  providerId: "providerid",
  compartmentId: "compartmentid",
  organizationId: "organizationid",
  azureAPIType: "azureapitype",
  azureAPIVersion: "azureapiversion",
};

/** How vendors spell the parameters that some of their models refuse. The answer's length is never given up. */
const refusable: readonly (readonly [keyof Sampling, RegExp, string])[] = [
  ["topP", /\btop_?p\b|[`'"]p[`'"]/i, "topp"],
  ["topK", /\btop_?k\b|[`'"]k[`'"]/i, "topk"],
  ["temperature", /\btemperature\b/i, "temperature"],
  ["stopSequences", /\bstop(_?sequences)?\b/i, "stopsequences"],
  ["usage", /\bstream_options\b|\binclude_usage\b/i, "stream_options"],
  [
    "responseSchema",
    /response_?(format|schema|json_?schema|mime_?type)|json_?schema|output_?config|structured output|\bformat\b/i,
    "a schema for the answer",
  ],
];

/** Makes a backend of a vendor's part. */
export function backendOf(adapter: Adapter): IAI {
  const { name, settings, transport } = adapter;
  const warnings = [...(adapter.warnings ?? []), ...unusedSettings(adapter)];
  const refused = new Set<keyof Sampling>();
  return {
    getName: () => name,
    host: transport.host,
    warnings,
    async *getCompletion(request, signal) {
      for (;;) {
        signal.throwIfAborted();
        const sampling = samplingOf(settings, request, refused);
        const exchange: Exchange = { host: transport.host };
        let hasText = false;
        try {
          const fetch = fetchOf(name, transport.fetch, exchange, signal);
          const identityFetch = fetchOf(name, transport.identityFetch, exchange, signal);
          for await (const part of adapter.complete({ request, sampling, fetch, identityFetch, signal })) {
            if (part.text.trim() !== "") hasText = true;
            if (part.text !== "" || part.usage !== undefined) yield part;
          }
          if (!hasText) throw refusal(name, "gave an empty answer", true);
          return;
        } catch (error) {
          signal.throwIfAborted();
          const fault = [...causesOf(error), ...causesOf(exchange.error)].find((cause) => cause instanceof Fault);
          if (fault !== undefined) throw fault;
          const failure = failureOf(name, error, exchange, settings);
          const parameter = hasText ? undefined : refusedBy(failure, sampling);
          if (parameter === undefined) throw failure;
          const [field, , word] = parameter;
          refused.add(field);
          if (field !== "usage") {
            warnings.push(`${name}: ${settings.model ?? "the model"} does not take ${word}; asked without it`);
          }
        }
      }
    },
    close: async () => {
      adapter.close?.();
      transport.close();
    },
  };
}

function samplingOf(
  settings: BackendSettings,
  request: CompletionRequest,
  refused: ReadonlySet<keyof Sampling>,
): Sampling {
  const { temperature, topP, topK, maxTokens, stopSequences } = settings;
  const { responseSchema } = request;
  return {
    ...(temperature !== undefined && !refused.has("temperature") && { temperature }),
    ...(topP !== undefined && !refused.has("topP") && { topP }),
    ...(topK !== undefined && !refused.has("topK") && { topK }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(stopSequences !== undefined && stopSequences.length > 0 && !refused.has("stopSequences") && { stopSequences }),
    ...(responseSchema !== undefined && !refused.has("responseSchema") && { responseSchema }),
    ...(!refused.has("usage") && { usage: true }),
  };
}

/** The parameter that a refusal names, when it was sent. */
function refusedBy({ status, message }: BackendFailure, sampling: Sampling): (typeof refusable)[number] | undefined {
  if (status !== 400 && status !== 422) return undefined;
  return refusable.find(([field, spelling]) => sampling[field] !== undefined && spelling.test(message));
}

function fetchOf(name: string, send: Fetch, exchange: Exchange, signal: AbortSignal): Fetch {
  return async (input, init) => {
    const own = init?.signal;
    const address = input instanceof Request ? input.url : String(input);
    exchange.host = new URL(address).host;
    const together = own === undefined || own === null ? signal : AbortSignal.any([signal, own]);
    exchange.status = undefined;
    exchange.error = undefined;
    const response = await send(input, { ...init, signal: together }).catch((error: unknown) => {
      exchange.error = error;
      throw error;
    });
    exchange.status = response.status;
    exchange.retryAfterMs = waitOf(response.headers);
    // SDKs follow no redirect here, and what they make of a page is a riddle.
    if (response.headers.get("content-type")?.startsWith("text/html") === true) {
      await response.body?.cancel();
      const { host, status, retryAfterMs } = exchange;
      const isTransient = status === 429 || status >= 500;
      const message = `${name} at ${host} answered with a web page (${status}) instead of its API: check baseurl and the proxy`;
      throw new BackendFailure(message, { status, retryAfterMs, isTransient });
    }
    return response;
  };
}

function unusedSettings({ name, settings, honours }: Adapter): readonly string[] {
  const unused = Object.entries(configNames).filter(([field]) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of configNames are fields of the settings
    const key = field as keyof BackendSettings;
    const value = settings[key];
    const isSet = value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0);
    return isSet && !honours.includes(key);
  });
  if (unused.length === 0) return [];
  const words = unused.map(([, word]) => word).join(", ");
  return [`${name} has no equivalent of ${words}: not sent`];
}

/**
 * A setting that the backend cannot do without.
 *
 * @throws Fault with the command that sets it.
 */
export function required(
  name: string,
  settings: BackendSettings,
  field: "model" | "baseURL" | "engine" | "endpointName" | "providerRegion" | "providerId" | "compartmentId",
): string {
  const value = settings[field];
  if (value !== undefined && value !== "") return value;
  const flag = field === "baseURL" || field === "endpointName" ? field.toLowerCase() : field;
  throw new Fault(`Backend ${name} needs ${configNames[field] ?? field}`, {
    next: `Run \`k8sgpt auth update -b ${name} --${flag} …\`, or \`k8sgpt auth add\` if it is not there yet`,
  });
}

/**
 * The key of the backend.
 *
 * @throws Fault with the command that adds one.
 */
export function requiredKey(name: string, { password }: BackendSettings): string {
  if (password !== undefined && password !== "") return password;
  throw new Fault(`No API key for backend ${name}`, {
    next: `Run \`k8sgpt auth add -b ${name}\`; \`k8sgpt generate -b ${name}\` shows where keys are made`,
  });
}

/**
 * The base address without a trailing slash.
 *
 * @throws Fault when it is no http or https address, or holds a user and password.
 */
export function baseAddress(name: string, baseURL: string): string {
  const url = URL.canParse(baseURL) ? new URL(baseURL) : undefined;
  const next = "Set baseurl to an address such as https://llm.example/v1";
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new Fault(`baseurl "${baseURL}" of backend ${name} is not an http or https address`, { next, usage: true });
  }
  if (url.username !== "" || url.password !== "") {
    throw new Fault(`baseurl of backend ${name} holds a user name or password`, {
      next: "Set password, or customheaders with an Authorization header, instead",
      usage: true,
    });
  }
  return baseURL.replace(/\/+$/, "");
}

/** The text of both parts of a request, for interfaces that have one field for it. */
export function joined({ system, prompt }: CompletionRequest): string {
  return system.trim() === "" ? prompt : `${system}\n\n${prompt}`;
}

/** What an answer cost, as far as the vendor tells. */
export function costOf(
  input: number | null | undefined,
  output: number | null | undefined,
): Pick<CompletionPart, "usage"> {
  if (typeof input !== "number" && typeof output !== "number") return {};
  return {
    usage: {
      ...(typeof input === "number" && { inputTokens: input }),
      ...(typeof output === "number" && { outputTokens: output }),
    },
  };
}
