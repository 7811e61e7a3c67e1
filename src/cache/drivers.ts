/** The loader table: each driver is loaded, with its SDK, when it is opened. */
import type { CacheDriver } from "./driver.ts";
import type { CacheSettings } from "./settings.ts";

/** Opens the cache that `settings` name. Nothing is asked of a server yet. */
export async function openCache(
  settings: CacheSettings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CacheDriver> {
  switch (settings.type) {
    case "file":
      return (await import("./drivers/file.ts")).fileCache(settings.folder, settings);
    case "memory":
      return (await import("./drivers/memory.ts")).memoryCache();
    case "s3":
      return (await import("./drivers/s3.ts")).s3Cache(settings);
    case "gcs":
      return (await import("./drivers/gcs.ts")).gcsCache(settings);
    case "azure":
      return (await import("./drivers/azure.ts")).azureCache(settings, env);
    case "interplex":
      break;
  }
  return (await import("./drivers/interplex.ts")).interplexCache(settings, env);
}

/**
 * Checks that the bucket or container is there and may be used.
 *
 * @param create make it when it is not there; never done unasked
 * @throws Fault that tells missing, forbidden and unreachable apart
 */
export async function checkCache(
  settings: CacheSettings,
  env: Readonly<Record<string, string | undefined>>,
  create: boolean,
): Promise<void> {
  switch (settings.type) {
    case "s3":
      return (await import("./drivers/s3.ts")).checkS3(settings, create);
    case "gcs":
      return (await import("./drivers/gcs.ts")).checkGcs(settings, create);
    case "azure":
      return (await import("./drivers/azure.ts")).checkAzure(settings, env, create);
    case "interplex": {
      // Looking for a key that cannot be there tells whether anybody answers.
      const driver = await (await import("./drivers/interplex.ts")).interplexCache(settings, env);
      try {
        await driver.get("0".repeat(64));
      } finally {
        await driver.close();
      }
      return;
    }
    case "file":
    case "memory":
      return;
  }
}
