/**
 * Explanations that are kept. A key is made of everything that could change the answer; an entry holds masked text only.
 * A cache is never worth a run: when it is slow or down it is told once and not asked again.
 */
import { createHash } from "node:crypto";
import type { CacheDriver } from "../cache/driver.ts";
import { messageOf } from "../fault.ts";
import type { BackendSettings, CompletionRequest } from "./backend.ts";
import { promptVersion } from "./prompt.ts";

/** Changes when an entry is written in another form. */
const entryVersion = 2;
const defaultTtlMs = 7 * 24 * 3_600_000;
const timeoutMs = 5000;

/** Whose answer it is. */
export interface Answerer {
  readonly backend: string;
  readonly model: string | undefined;
  readonly settings: BackendSettings;
}

/** Where an answer to `request` is kept: 64 hexadecimal digits. Secrets, proxies and headers are no part of it. */
export function cacheKey({ backend, model, settings }: Answerer, request: CompletionRequest, language: string): string {
  const { baseURL, engine, endpointName, providerRegion, providerId, compartmentId, azureAPIVersion } = settings;
  const { temperature, topP, topK, maxTokens, stopSequences } = settings;
  const parts = [
    entryVersion,
    promptVersion,
    backend,
    model ?? null,
    [baseURL, engine, endpointName, providerRegion, providerId, compartmentId, azureAPIVersion].map(
      (part) => part ?? null,
    ),
    [temperature, topP, topK, maxTokens, stopSequences].map((part) => part ?? null),
    language,
    request.system,
    request.prompt,
    request.responseSchema ?? null,
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** Answers by key. Never throws. */
export interface AnswerCache {
  get(key: string): Promise<string | undefined>;
  set(key: string, text: string): Promise<void>;
  close(): Promise<void>;
}

/** What an answer cache stands on. */
export interface AnswerCacheOptions {
  /** Opens the driver; called once, when something is first looked up. */
  readonly open: () => Promise<CacheDriver>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long an answer is used; a week unless told. */
  readonly ttlMs?: number | undefined;
  /** Looks nothing up, so that every answer is fresh; what comes is kept. */
  readonly isWriteOnly?: boolean;
  /** Told once, when the cache is down. */
  readonly onWarning: (text: string) => void;
}

/** Nothing is kept, nothing is looked up: `--no-cache`. */
export const noAnswerCache: AnswerCache = {
  get: async () => undefined,
  set: async () => undefined,
  close: async () => undefined,
};

/** A cache of answers over a driver. */
export function answerCache({
  open,
  now,
  ttlMs = defaultTtlMs,
  isWriteOnly = false,
  onWarning,
}: AnswerCacheOptions): AnswerCache {
  let isDown = false;
  let opened: Promise<CacheDriver> | undefined;
  const attempt = async <T>(work: (driver: CacheDriver) => Promise<T>): Promise<T | undefined> => {
    if (isDown) return undefined;
    try {
      opened ??= open();
      const driver = await within(opened);
      return await within(work(driver));
    } catch (error) {
      // Others may have failed while this one waited.
      if (!hasFailed()) onWarning(`The cache is not used: ${messageOf(error)}`);
      isDown = true;
      return undefined;
    }
  };
  const hasFailed = (): boolean => isDown;
  return {
    async get(key) {
      if (isWriteOnly) return undefined;
      const stored = await attempt(async (driver) => driver.get(key));
      if (stored === undefined) return undefined;
      const entry = entryIn(stored);
      if (entry !== undefined && now() - entry.createdAt < ttlMs) return entry.text;
      // Old or unreadable: room for a fresh one.
      await attempt(async (driver) => driver.delete(key));
      return undefined;
    },
    async set(key, text) {
      const entry = JSON.stringify({ v: entryVersion, createdAt: now(), text });
      await attempt(async (driver) => driver.set(key, Buffer.from(entry).toString("base64")));
    },
    async close() {
      if (opened !== undefined) await attempt(async (driver) => driver.close());
    },
  };
}

function entryIn(stored: string): { readonly createdAt: number; readonly text: string } | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(stored, "base64").toString("utf8"));
    if (typeof value !== "object" || value === null || !("createdAt" in value) || !("text" in value)) return undefined;
    const { createdAt, text } = value;
    return typeof createdAt === "number" && typeof text === "string" && text !== "" ? { createdAt, text } : undefined;
  } catch {
    return undefined;
  }
}

async function within<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
