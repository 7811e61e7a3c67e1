import { mkdtempSync } from "node:fs";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fileCache } from "../../src/cache/drivers/file.ts";
import { entriesOf, keepsTheContract, keyOf } from "./contract.ts";

const temporary = (): string => join(mkdtempSync(join(tmpdir(), "k8sgpt-cache-")), "k8sgpt");
const shared = temporary();

keepsTheContract({ open: async () => fileCache(shared) });

describe("files", () => {
  test("are private, named by key, and nothing else lies beside them", async () => {
    const folder = temporary();
    await fileCache(folder).set(keyOf("a"), "text");
    expect(await readdir(folder)).toEqual([keyOf("a")]);
    expect(await readFile(join(folder, keyOf("a")), "utf8")).toBe("text");
    expect((await stat(join(folder, keyOf("a")))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  test("reading makes no folder", async () => {
    const folder = temporary();
    expect(await fileCache(folder).get(keyOf("a"))).toBeUndefined();
    expect(await entriesOf(fileCache(folder))).toEqual([]);
    await expect(readdir(folder)).rejects.toThrow("ENOENT");
  });

  test.each(["../x", "", "a".repeat(63), "A".repeat(64), `${"a".repeat(64)}/../../x`])("%j is no key", async (key) => {
    const cache = fileCache(temporary());
    await expect(cache.set(key, "x")).rejects.toThrow("is not a cache key");
    await expect(cache.get(key)).rejects.toThrow("is not a cache key");
    await expect(async () => cache.delete(key)).rejects.toThrow("is not a cache key");
  });

  test("other files in the folder are neither listed nor removed", async () => {
    const folder = temporary();
    const cache = fileCache(folder, { maxEntries: 1, maxBytes: 1000 });
    await cache.set(keyOf("a"), "1");
    await writeFile(join(folder, "notes.txt"), "mine");
    await fileCache(folder, { maxEntries: 1, maxBytes: 1000 }).set(keyOf("b"), "2");
    expect((await readdir(folder)).filter((name) => name === "notes.txt")).toHaveLength(1);
    expect(await entriesOf(cache)).toHaveLength(1);
  });

  test("what was used longest ago goes first when the folder is full", async () => {
    const folder = temporary();
    const cache = fileCache(folder);
    for (const name of ["a", "b", "c"]) await cache.set(keyOf(name), "x".repeat(10));
    for (const [name, at] of [
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ] as const)
      await utimes(join(folder, keyOf(name)), at, at);
    expect(await cache.get(keyOf("a"))).toBe("x".repeat(10));
    await fileCache(folder, { maxEntries: 3, maxBytes: 1000 }).set(keyOf("d"), "x");
    expect((await entriesOf(cache)).map(({ key }) => key)).toEqual(["a", "c", "d"].map(keyOf).sort());
    await fileCache(folder, { maxEntries: 100, maxBytes: 12 }).set(keyOf("e"), "x".repeat(10));
    expect((await entriesOf(cache)).map(({ key }) => key).sort()).toEqual(["d", "e"].map(keyOf).sort());
  });

  test(
    "10,000 entries and the age of each: the bounds hold, and what was used last stays",
    { timeout: 120_000 },
    async () => {
      const folder = temporary();
      await mkdir(folder, { recursive: true });
      const keys = Array.from({ length: 10_500 }, (_, index) => keyOf(`entry ${index}`));
      const cache = fileCache(folder);
      for (let at = 0; at < keys.length; at += 500) {
        await Promise.all(keys.slice(at, at + 500).map(async (key) => writeFile(join(folder, key), "x".repeat(100))));
        // Older than what any test writes, each part younger than the one before.
        await Promise.all(keys.slice(at, at + 500).map(async (key) => utimes(join(folder, key), at + 1, at + 1)));
      }
      await cache.get(keys[0] ?? "");
      await cache.set(keyOf("the newest"), "x");
      await cache.close();
      const left = new Set((await entriesOf(cache)).map(({ key }) => key));
      expect(left.size).toBe(10_000);
      expect(left.has(keyOf("the newest"))).toBe(true);
      expect(left.has(keys[0] ?? "")).toBe(true);
      expect(keys.slice(1, 500).filter((key) => left.has(key))).toEqual([]);
      const small = fileCache(folder, { maxBytes: 50_000 });
      await small.set(keyOf("one more"), "x");
      await small.close();
      const bytes = (await entriesOf(small)).reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
      expect(bytes).toBeLessThanOrEqual(50_000);
      expect(bytes).toBeGreaterThan(49_000);
    },
  );
});
