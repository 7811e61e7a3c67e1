/**
 * One file per key in a folder that only its owner can open. A file is written beside the old one and renamed over it.
 * The folder is kept within bounds: the files that were used longest ago go first.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CacheDriver, CacheEntry } from "../driver.ts";

/** What the folder may hold. */
export interface FileCacheBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

const defaultBounds: FileCacheBounds = { maxEntries: 10_000, maxBytes: 100 * 1024 * 1024 };
/** Looking through the folder costs more than a write: done at the first, after this many, and at the end. */
const writesBetweenLooks = 100;

const keyName = /^[0-9a-f]{64}$/;

/** Keeps explanations in `folder`, which is made when something is stored. */
export function fileCache(folder: string, given: Partial<FileCacheBounds> = {}): CacheDriver {
  const bounds = { ...defaultBounds, ...given };
  let writes = 0;
  let isTidy = true;
  const entries = async (): Promise<readonly (CacheEntry & { updatedAt: number; sizeBytes: number })[]> => {
    const names = await readdir(folder).catch((error: unknown) => absent(error, []));
    const found = await Promise.all(
      names
        .filter((name) => keyName.test(name))
        .sort()
        .map(async (key) => {
          const info = await stat(join(folder, key)).catch((error: unknown) => absent(error, undefined));
          return info === undefined ? [] : [{ key, updatedAt: Math.trunc(info.mtimeMs), sizeBytes: info.size }];
        }),
    );
    return found.flat();
  };
  const tidy = async (): Promise<void> => {
    let count = 0;
    let bytes = 0;
    for (const { key, sizeBytes } of (await entries()).toSorted((a, b) => b.updatedAt - a.updatedAt)) {
      count += 1;
      bytes += sizeBytes;
      if (count > bounds.maxEntries || bytes > bounds.maxBytes) await rm(join(folder, key), { force: true });
    }
  };
  return {
    async get(key) {
      const path = join(folder, checked(key));
      const text = await readFile(path, "utf8").catch((error: unknown) => absent(error, undefined));
      // The time of last use decides what stays; a folder that cannot be written is still read.
      if (text !== undefined) await utimes(path, new Date(), new Date()).catch(() => undefined);
      return text;
    },
    async set(key, value) {
      const path = join(folder, checked(key));
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const temporary = `${path}.${randomUUID()}.tmp`;
      try {
        await writeFile(temporary, value, { mode: 0o600 });
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      if (writes % writesBetweenLooks === 0) await tidy();
      writes += 1;
      isTidy = false;
    },
    delete: async (key) => rm(join(folder, checked(key)), { force: true }),
    entries: async function* () {
      yield* await entries();
    },
    async close() {
      if (!isTidy) await tidy();
      isTidy = true;
    },
  };
}

/** A key becomes a file name: nothing else may. */
function checked(key: string): string {
  if (!keyName.test(key)) throw new TypeError(`"${key}" is not a cache key`);
  return key;
}

function absent<T>(error: unknown, otherwise: T): T {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return otherwise;
  throw error;
}
