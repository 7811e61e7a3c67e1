/** `k8sgpt cache`: where explanations are kept. */
import { once } from "node:events";
import { checkCache, openCache } from "../cache/drivers.ts";
import type { CacheEntry } from "../cache/driver.ts";
import { type CacheConfig, readCache, type RemoteCacheConfig, remoteCacheTypes, writeCache } from "../config/cache.ts";
import { configPlace } from "../config/place.ts";
import { Fault, messageOf } from "../fault.ts";
import { exitCodes } from "./exit-codes.ts";
import type { CacheFlags } from "./flags.ts";
import { didYouMean } from "./nearest.ts";
import type { Terminal } from "./terminal.ts";
import { parseDuration } from "./values.ts";

/** `k8sgpt cache add TYPE`: checks that the place is there before it is stored; makes it only with --create. */
export async function addCache(given: string, flags: CacheFlags, terminal: Terminal): Promise<void> {
  const remote = remoteFrom(given, flags);
  if (flags.check !== false) await checkCache(remote, terminal.env, flags.create === true);
  const warnings = await writeCache(configPlace(flags.config, terminal), remote);
  for (const warning of warnings) terminal.tell(`warning: ${warning}`);
  await terminal.print(`Explanations are now kept in ${placeOf(remote)}\n`);
}

/** `k8sgpt cache get`: asks no server. */
export async function showCache(flags: CacheFlags, terminal: Terminal): Promise<void> {
  const config = await readCache(configPlace(flags.config, terminal), terminal);
  await terminal.print(
    flags.output === "json"
      ? `${JSON.stringify(config, undefined, 2)}\n`
      : `Current remote cache is: ${config.type} (${placeOf(config)})\n`.replace(
          "remote cache is: file",
          "cache is: file",
        ),
  );
}

/** `k8sgpt cache list`, by key. */
export async function listCache(flags: CacheFlags, terminal: Terminal): Promise<void> {
  const olderThanMs = flags.olderThan === undefined ? 0 : parseDuration("--older-than", flags.olderThan);
  const before = Date.now() - olderThanMs;
  const driver = await openCache(await readCache(configPlace(flags.config, terminal), terminal), terminal.env);
  const entries: CacheEntry[] = [];
  try {
    for await (const entry of driver.entries()) {
      if (isKey(entry.key) && (entry.updatedAt === undefined || entry.updatedAt <= before)) entries.push(entry);
    }
  } finally {
    await driver.close();
  }
  entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  if (flags.output === "json") {
    const told = entries.map(({ key, updatedAt, sizeBytes }) => ({
      key,
      ...(updatedAt !== undefined && { updatedAt: new Date(updatedAt).toISOString() }),
      ...(sizeBytes !== undefined && { sizeBytes }),
    }));
    await terminal.print(`${JSON.stringify(told, undefined, 2)}\n`);
    return;
  }
  const rows = entries.map(({ key, updatedAt, sizeBytes }) =>
    [key, updatedAt === undefined ? "-" : new Date(updatedAt).toISOString(), sizeBytes ?? "-"].join("  "),
  );
  await terminal.print(`${["NAME".padEnd(64) + "  UPDATED AT                SIZE", ...rows].join("\n")}\n`);
}

/** A store far away takes a while for each. */
const removalsAtOnce = 16;

/** `k8sgpt cache purge KEY`, `--all`. Gives the exit code: 1 when something could not be removed. */
export async function purgeCache(key: string, flags: CacheFlags, terminal: Terminal): Promise<number> {
  if ((key === "") !== (flags.all === true)) {
    throw new Fault(key === "" ? "Neither a key nor --all is given" : "A key and --all are given", {
      usage: true,
      next: "`k8sgpt cache purge KEY` removes one, `k8sgpt cache purge --all` removes all",
    });
  }
  if (key !== "" && !isKey(key)) {
    throw new Fault(`"${key}" is not a key: a key has 64 hexadecimal digits`, {
      usage: true,
      next: "`k8sgpt cache list` shows the keys",
    });
  }
  const config = await readCache(configPlace(flags.config, terminal), terminal);
  if (flags.all === true && flags.yes !== true) await askToPurge(placeOf(config), terminal);
  const driver = await openCache(config, terminal.env);
  try {
    if (key !== "") {
      if ((await driver.get(key)) === undefined) {
        throw new Fault(`${key} is not in the cache`, { next: "`k8sgpt cache list` shows the keys" });
      }
      await driver.delete(key);
      await terminal.print(`Removed ${key}\n`);
      return exitCodes.done;
    }
    // All keys first: some stores lose their place when they shrink under a listing.
    const keys: string[] = [];
    for await (const entry of driver.entries()) if (isKey(entry.key)) keys.push(entry.key);
    const { default: pLimit } = await import("p-limit");
    const limit = pLimit(removalsAtOnce);
    let removed = 0;
    const remove = async (each: string): Promise<void> => {
      try {
        await driver.delete(each);
        removed += 1;
      } catch (error) {
        terminal.tell(`warning: ${each} was not removed: ${messageOf(error)}`);
      }
    };
    await Promise.all(keys.map(async (each) => limit(remove, each)));
    await terminal.print(`Removed ${removed} of ${keys.length}\n`);
    return removed === keys.length ? exitCodes.done : exitCodes.couldNotRun;
  } finally {
    await driver.close();
  }
}

/** `k8sgpt cache remove`: back to files; what is kept elsewhere stays there. */
export async function removeCache(flags: CacheFlags, terminal: Terminal): Promise<void> {
  const warnings = await writeCache(configPlace(flags.config, terminal), undefined);
  for (const warning of warnings) terminal.tell(`warning: ${warning}`);
  await terminal.print("Explanations are now kept in local files\n");
}

function isKey(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

async function askToPurge(place: string, { stdin, draw }: Terminal): Promise<void> {
  const next = "`k8sgpt cache purge --all --yes` does not ask";
  if (!stdin.isTTY) throw new Fault("--all removes everything, and nobody can be asked", { usage: true, next });
  draw(`Remove all explanations from ${place}? [y/N] `);
  const [answer]: readonly unknown[] = await once(stdin.setEncoding("utf8"), "data");
  stdin.pause();
  if (!/^y(?:es)?$/i.test(String(answer).trim())) throw new Fault("Nothing was removed");
}

/** The flags of each type: those it needs and those it may have. */
const flagsOf = {
  s3: { needs: ["bucket"], may: ["region", "endpoint", "insecure"] },
  gcs: { needs: ["bucket", "region", "projectid"], may: [] },
  azure: { needs: ["storageacc", "container"], may: [] },
  interplex: { needs: ["endpoint"], may: [] },
} as const satisfies Readonly<
  Record<RemoteCacheConfig["type"], { needs: readonly (keyof CacheFlags)[]; may: readonly (keyof CacheFlags)[] }>
>;

const allFlags = ["region", "endpoint", "insecure", "bucket", "projectid", "storageacc", "container"] as const;

function remoteFrom(given: string, flags: CacheFlags): RemoteCacheConfig {
  const type = remoteCacheTypes.find((name) => name === given.toLowerCase());
  if (type === undefined) {
    const hint = didYouMean(given, remoteCacheTypes);
    throw new Fault(`There is no cache of type "${given}"`, {
      usage: true,
      next: `${hint === undefined ? "" : `${hint} `}There are ${remoteCacheTypes.join(", ")}`,
    });
  }
  const { needs, may }: { needs: readonly string[]; may: readonly string[] } = flagsOf[type];
  const missing = needs.filter((flag) => !isGiven(flags, flag)).map((flag) => `--${flag}`);
  if (missing.length > 0) {
    throw new Fault(`A cache in ${type} needs ${missing.join(" and ")}`, {
      usage: true,
      next: `\`k8sgpt cache add ${type} ${needs.map((flag) => `--${flag} …`).join(" ")}\``,
    });
  }
  const strange = allFlags.filter((flag) => isGiven(flags, flag) && !needs.includes(flag) && !may.includes(flag));
  if (strange.length > 0) {
    throw new Fault(`--${strange.join(" and --")} means nothing to a cache in ${type}`, {
      usage: true,
      next: `It takes ${[...needs, ...may].map((flag) => `--${flag}`).join(", ")}`,
    });
  }
  const { bucket = "", region, projectid = "", storageacc = "", container = "", endpoint = "" } = flags;
  switch (type) {
    case "s3":
      return {
        type,
        bucket,
        region: region ?? "us-east-1",
        ...(endpoint !== "" && { endpoint }),
        ...(flags.insecure === true && { insecure: true }),
      };
    case "gcs":
      return { type, bucket, region: region ?? "", projectId: projectid };
    case "azure":
      return { type, storageAccount: storageacc, container };
    case "interplex":
      break;
  }
  return { type, connectionString: endpoint };
}

function isGiven(flags: CacheFlags, flag: string): boolean {
  const value = Object.entries(flags).find(([name]) => name === flag)?.[1];
  return value !== undefined && value !== "" && value !== false;
}

function placeOf(config: CacheConfig): string {
  switch (config.type) {
    case "file":
      return config.folder;
    case "s3":
      return `s3 bucket ${config.bucket} (${config.endpoint ?? config.region})`;
    case "gcs":
      return `gcs bucket ${config.bucket} of project ${config.projectId}`;
    case "azure":
      return `azure container ${config.container} of account ${config.storageAccount}`;
    case "interplex":
      break;
  }
  return `interplex at ${config.connectionString}`;
}
