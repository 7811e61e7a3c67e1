/** What every cache driver promises. A driver's test calls this and adds what is its own. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CacheDriver, CacheEntry } from "../../src/cache/driver.ts";

/** A key like those that are used. */
export function keyOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Everything that a driver lists, by key. */
export async function entriesOf(driver: CacheDriver): Promise<readonly CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for await (const entry of driver.entries()) entries.push(entry);
  return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** More entries than two pages of any store hold. */
export async function fillWith2500(driver: CacheDriver): Promise<void> {
  const keys = Array.from({ length: 2500 }, (_, index) => keyOf(`many ${index}`));
  for (let at = 0; at < keys.length; at += 50) {
    await Promise.all(keys.slice(at, at + 50).map(async (key) => driver.set(key, "1")));
  }
}

/** How to open the driver and what it cannot do. */
export interface ContractOptions {
  readonly open: () => Promise<CacheDriver>;
  /** False for a store without a list. */
  readonly lists?: boolean;
}

/** Runs the promises against one driver, which starts empty. */
export function keepsTheContract({ open, lists = true }: ContractOptions): void {
  describe("contract", () => {
    let driver: CacheDriver;
    beforeAll(async () => {
      driver = await open();
    });
    afterAll(async () => driver.close());

    test("what was never stored is undefined, and removing it is no error", async () => {
      expect(await driver.get(keyOf("absent"))).toBeUndefined();
      await driver.delete(keyOf("absent"));
    });

    test("text comes back as it was, and the newest wins", async () => {
      const text = `${'é日🙂\n"\\'.repeat(100)}${"x".repeat(200_000)}`;
      await driver.set(keyOf("one"), text);
      expect(await driver.get(keyOf("one"))).toBe(text);
      await driver.set(keyOf("one"), "short");
      expect(await driver.get(keyOf("one"))).toBe("short");
    });

    test("keys are apart", async () => {
      await driver.set(keyOf("two"), "2");
      expect(await driver.get(keyOf("one"))).toBe("short");
      await driver.delete(keyOf("one"));
      expect(await driver.get(keyOf("one"))).toBeUndefined();
      expect(await driver.get(keyOf("two"))).toBe("2");
    });

    test("another instance sees the same", async () => {
      const other = await open();
      await other.set(keyOf("three"), "3");
      expect(await driver.get(keyOf("three"))).toBe("3");
      await other.close();
    });

    test.runIf(lists)("the list has every entry, with time and size", async () => {
      const started = Date.now();
      const entries = await entriesOf(driver);
      expect(entries.map(({ key }) => key)).toEqual([keyOf("two"), keyOf("three")].sort());
      for (const { updatedAt = 0, sizeBytes } of entries) {
        expect(Math.abs(updatedAt - started)).toBeLessThan(120_000);
        expect(sizeBytes).toBe(1);
      }
    });

    test("writers at once leave one whole text", async () => {
      const texts = Array.from({ length: 8 }, (_, index) => String(index).repeat(5000));
      await Promise.all(texts.map(async (text) => driver.set(keyOf("many"), text)));
      expect(texts).toContain(await driver.get(keyOf("many")));
    });
  });
}
