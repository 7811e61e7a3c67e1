/** Against Azurite, Microsoft's own emulator of Blob Storage. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { azureCache, checkAzure } from "../../src/cache/drivers/azure.ts";
import { keepsTheContract, keyOf } from "./contract.ts";

const settings = { storageAccount: "devstoreaccount1", container: "diagnosis" };
const program = fileURLToPath(import.meta.resolve("azurite/dist/src/blob/main.js"));
let azurite: ChildProcess | undefined;
let env: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "k8sgpt-azurite-"));
  const words = [
    "--blobHost",
    "127.0.0.1",
    "--blobPort",
    "0",
    "--location",
    folder,
    "--silent",
    "false",
    "--skipApiVersionCheck",
  ];
  const child = spawn(process.execPath, [program, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  azurite = child;
  const address = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      const found = /successfully listens on (http:\/\/\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", () => reject(new Error(`Azurite ended: ${text}`)));
  });
  // The account and key that every Azurite has.
  const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
  env = {
    AZURE_STORAGE_CONNECTION_STRING: `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=${address}/devstoreaccount1;`,
  };
  await checkAzure(settings, env, true);
}, 60_000);
afterAll(() => azurite?.kill());

keepsTheContract({ open: async () => azureCache(settings, env) });

describe("Azure", () => {
  test("a container that is missing is told, and made only when asked for", async () => {
    await checkAzure(settings, env, false);
    const absent = { ...settings, container: "absent" };
    await expect(checkAzure(absent, env, false)).rejects.toMatchObject({
      message: 'Cannot use Azure container "absent" of account "devstoreaccount1": it does not exist',
      next: expect.stringContaining("--create"),
    });
    const cache = await azureCache(absent, env);
    await expect(cache.set(keyOf("a"), "x")).rejects.toThrow("it does not exist");
    await checkAzure(absent, env, true);
    expect(await cache.get(keyOf("a"))).toBeUndefined();
    await cache.close();
  });
});
