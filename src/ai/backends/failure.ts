/**
 * What vendors' SDKs throw, told in one way: what failed, where, why, and whether asking again can help. Status and
 * `Retry-After` come from what was seen on the wire where it was seen, because each SDK keeps them elsewhere or not at all.
 */
import { messageOf } from "../../fault.ts";
import { BackendFailure, type BackendSettings } from "../backend.ts";

/** What was seen of the last answer to one call. */
export interface Exchange {
  host?: string | undefined;
  status?: number | undefined;
  retryAfterMs?: number | undefined;
  /** Why there was no answer; some SDKs keep no cause. */
  error?: unknown;
}

/** Turns anything that an SDK threw into a failure without secrets. */
export function failureOf(name: string, error: unknown, exchange: Exchange, settings: BackendSettings): BackendFailure {
  const chain = [...causesOf(error), ...causesOf(exchange.error)];
  const known = chain.find((cause) => cause instanceof BackendFailure);
  if (known !== undefined) return scrubbed(known, settings);
  const status = errorStatus(exchange, chain);
  const code = chain.map(codeOf).find((found) => found !== undefined);
  const detail = scrub(detailOf(chain), settings);
  const where = exchange.host === undefined ? name : `${name} at ${exchange.host}`;
  const retryAfterMs =
    exchange.retryAfterMs ?? chain.map(retryAfterOf).find((found) => found !== undefined) ?? retryDelay(detail);
  return new BackendFailure(`${where} ${wordsFor(status, code, exchange, detail)}: ${detail}`, {
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    isTransient: isTransient(status, code, exchange, detail),
    cause: new Error(detail),
  });
}

/** A failure that an adapter words itself: the answer arrived but holds no text that can be used. */
export function refusal(name: string, why: string, isTransient = false): BackendFailure {
  return new BackendFailure(`${name} ${why}`, { isTransient });
}

/** How long an answer asks to wait, in milliseconds. */
export function waitOf(headers: Headers): number | undefined {
  const milliseconds = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return milliseconds;
  const after = headers.get("retry-after");
  if (after !== null) {
    const seconds = Number(after);
    const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(after) - Date.now();
    return Number.isNaN(wait) ? undefined : Math.max(0, wait);
  }
  const resets = ["requests", "tokens"]
    .filter((budget) => headers.get(`x-ratelimit-remaining-${budget}`) === "0")
    .map((budget) => durationMs(headers.get(`x-ratelimit-reset-${budget}`) ?? ""))
    .filter((wait) => wait !== undefined);
  return resets.length === 0 ? undefined : Math.max(...resets);
}

/** A duration as OpenAI and Groq write it: `6m0s`, `7.66s`, `120ms`. */
function durationMs(text: string): number | undefined {
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  return parts.length === 0
    ? undefined
    : parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ""] ?? 0), 0);
}

/** Google says it in the text of the error. */
function retryDelay(detail: string): number | undefined {
  const [, seconds] = /"?retryDelay"?\s*:\s*"(\d+(?:\.\d+)?)s"/.exec(detail) ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Takes every secret of the settings, and what looks like one, out of a text, and keeps it to one short line. */
function scrub(text: string, { password, customHeaders = {}, proxyEndpoint }: BackendSettings): string {
  const proxy = proxyEndpoint !== undefined && URL.canParse(proxyEndpoint) ? new URL(proxyEndpoint).password : "";
  const secrets = [
    password ?? "",
    proxy,
    ...Object.values(customHeaders),
    process.env["AWS_BEARER_TOKEN_BEDROCK"] ?? "",
  ];
  const known = secrets.filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length);
  let clean = text;
  for (const secret of known) clean = clean.replaceAll(secret, "[secret]");
  clean = clean
    .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, "$1 [secret]")
    .replace(/\b(sk|gsk|hf|rk|pk|xai|nvapi)[-_][\w*-]{8,}/g, "[secret]")
    .replace(/\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bya29\.[\w-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, "[secret]")
    .replace(/([?&](?:key|api[-_]?key|token|access_token|signature)=)[^&\s"']+/gi, "$1[secret]")
    .replace(/\s+/g, " ")
    .trim();
  return clean.length > 400 ? `${clean.slice(0, 400)}…` : clean;
}

function scrubbed(failure: BackendFailure, settings: BackendSettings): BackendFailure {
  const { status, retryAfterMs, isTransient } = failure;
  return new BackendFailure(scrub(failure.message, settings), { status, retryAfterMs, isTransient });
}

/** The error and what led to it, outermost first. */
export function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  for (let cause = error; cause !== undefined && cause !== null && causes.length < 8; cause = fieldOf(cause, "cause")) {
    causes.push(cause);
    // Node joins the attempts at the addresses of one host.
    const attempts = fieldOf(cause, "errors");
    if (Array.isArray(attempts) && attempts.length > 0) causes.push(attempts[0]);
  }
  return causes;
}

/** The sentence of the outermost error that says more than that something failed. */
function detailOf(chain: readonly unknown[]): string {
  const texts = chain
    .map(messageOf)
    .map((text) => text.replace(/^(fetch failed:|[45]\d\d) /, ""))
    .filter((text) => text.trim() !== "");
  return (
    texts.find(
      (text) =>
        !/^(fetch failed|connection error\.?|terminated|unknown ?error|request was aborted\.?)$/i.test(text.trim()),
    ) ??
    texts[0] ??
    "no reason given"
  );
}

function wordsFor(
  status: number | undefined,
  code: string | undefined,
  { status: seen }: Exchange,
  detail: string,
): string {
  if (status === 401) return "refused the credentials (401)";
  if (status === 403) return "refused access (403)";
  if (status === 404) return "does not know this model or address (404)";
  if (status === 429)
    return isOutOfQuota(detail) ? "has no quota left for this account (429)" : "limits requests (429)";
  if (status !== undefined && status >= 500) return `failed (${status})`;
  if (status !== undefined && status >= 300 && status < 400) {
    return `answered with a redirect (${status}), which is not followed; set baseurl to where it leads`;
  }
  if (status !== undefined) return `refused the request (${status})`;
  if (code !== undefined && isCertificateCode(code))
    return "has a certificate that is not trusted (caFile names more authorities)";
  if (code === "ENOTFOUND") return "cannot be found";
  if (seen !== undefined) return "broke off or garbled its answer";
  return "cannot be asked";
}

function isTransient(
  status: number | undefined,
  code: string | undefined,
  { status: seen }: Exchange,
  detail: string,
): boolean {
  if (status !== undefined) return [408, 409, 425, 429].includes(status) ? !isOutOfQuota(detail) : status >= 500;
  // An answer that began well: the rest may arrive next time.
  if (seen !== undefined) return true;
  return (
    code !== undefined && /^(ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR|TimeoutError)/.test(code)
  );
}

/** OpenAI answers 429 also when the account has no money: asking again does not help. */
function isOutOfQuota(detail: string): boolean {
  return /insufficient_quota|exceeded your current quota|credit balance is too low/i.test(detail);
}

function isCertificateCode(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code);
}

/** The status, unless it tells of success: what fails after that is no matter of status. */
function errorStatus({ status }: Exchange, chain: readonly unknown[]): number | undefined {
  const found = status ?? chain.map(statusOf).find((each) => each !== undefined);
  return found === undefined || found < 300 ? undefined : found;
}

function statusOf(error: unknown): number | undefined {
  const places = [
    fieldOf(error, "status"),
    fieldOf(error, "statusCode"),
    fieldOf(fieldOf(error, "$metadata"), "httpStatusCode"),
    fieldOf(fieldOf(error, "httpResponse"), "status"),
    fieldOf(fieldOf(error, "response"), "status"),
  ];
  return places.find((place) => typeof place === "number");
}

function retryAfterOf(error: unknown): number | undefined {
  for (const holder of [error, fieldOf(error, "$response"), fieldOf(error, "response")]) {
    const headers = fieldOf(holder, "headers");
    const after = headers instanceof Headers ? headers.get("retry-after") : fieldOf(headers, "retry-after");
    if (typeof after === "string") return waitOf(new Headers({ "retry-after": after }));
  }
  return undefined;
}

function codeOf(error: unknown): string | undefined {
  const code = fieldOf(error, "code");
  return typeof code === "string" && /^[A-Z][A-Z_]+$/.test(code) ? code : undefined;
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}
