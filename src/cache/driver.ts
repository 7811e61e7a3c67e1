/**
 * Where explanations are kept. A driver stores opaque text under hexadecimal keys; what goes into a key is `ai`'s business.
 * test/cache/contract.ts holds what every driver promises.
 */
export interface CacheDriver {
  /** The text under `key`; undefined when there is none. */
  get(key: string): Promise<string | undefined>;
  /** Stores `value`; a reader sees the old text or the new one, never half of it. */
  set(key: string, value: string): Promise<void>;
  /** Removes the text; that there is none is no error. */
  delete(key: string): Promise<void>;
  /** Every key, to the end of the listing, with what the store knows of it. */
  entries(): AsyncIterable<CacheEntry>;
  close(): Promise<void>;
}

/** One stored explanation, without its text. */
export interface CacheEntry {
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly updatedAt?: number;
  readonly sizeBytes?: number;
}
