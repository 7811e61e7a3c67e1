import type { CacheDriver } from "../driver.ts";

/** Lives as long as the process: for servers that must not write to disk. */
export function memoryCache(now: () => number = Date.now): CacheDriver {
  const values = new Map<string, { readonly text: string; readonly updatedAt: number }>();
  return {
    get: async (key) => values.get(key)?.text,
    set: async (key, text) => void values.set(key, { text, updatedAt: now() }),
    delete: async (key) => void values.delete(key),
    entries: async function* () {
      for (const [key, { text, updatedAt }] of values) {
        yield { key, updatedAt, sizeBytes: Buffer.byteLength(text) };
      }
    },
    close: async () => values.clear(),
  };
}
