/** The `cache` section: where explanations are kept. The names in the file are k8sgpt's. */
import { isAbsolute, join } from "node:path";
import { Fault } from "../fault.ts";
import { similarNames } from "../kube/similar.ts";
import type { ConfigPlace, Surroundings } from "./place.ts";
import { readConfigValues } from "./read.ts";
import { filledText, textOf, valueOf } from "./values.ts";
import { editConfig, keyIn } from "./write.ts";

/** The kinds of remote cache, in k8sgpt's order. */
export const remoteCacheTypes = ["azure", "gcs", "s3", "interplex"] as const;

/** A remote cache. */
export type RemoteCacheConfig =
  | {
      readonly type: "s3";
      readonly region: string;
      readonly bucket: string;
      readonly endpoint?: string;
      readonly insecure?: boolean;
    }
  | { readonly type: "gcs"; readonly projectId: string; readonly region: string; readonly bucket: string }
  | { readonly type: "azure"; readonly storageAccount: string; readonly container: string }
  | { readonly type: "interplex"; readonly connectionString: string };

/** The cache that is configured: files of this user when the section names none. */
export type CacheConfig = RemoteCacheConfig | FileCacheConfig;

/** Files of this user; the bounds are the driver's own where the section does not say. */
export interface FileCacheConfig {
  readonly type: "file";
  readonly folder: string;
  readonly maxEntries?: number;
  readonly maxBytes?: number;
}

/** The folder of this user's files. */
export function cacheFolder({ env, platform, home }: Surroundings): string {
  const chosen = env["XDG_CACHE_HOME"];
  if (chosen !== undefined && isAbsolute(chosen)) return join(chosen, "k8sgpt");
  if (platform === "darwin") return join(home, "Library", "Caches", "k8sgpt");
  if (platform === "win32") return join(env["LOCALAPPDATA"] ?? join(home, "AppData", "Local"), "cache", "k8sgpt");
  return join(home, ".cache", "k8sgpt");
}

/** Reads the section. @throws Fault when it names a cache that is not there or lacks what that one needs */
export async function readCache(place: ConfigPlace, surroundings: Surroundings): Promise<CacheConfig> {
  const { path, values } = await readConfigValues(place);
  const section = valueOf(values, "cache");
  const type = filledText(valueOf(section, "currentCacheType"))?.toLowerCase();
  if (type === undefined || type === "file") {
    const maxEntries = amountIn(path, section, "maxEntries", countUnits);
    const maxBytes = amountIn(path, section, "maxBytes", byteUnits);
    return {
      type: "file",
      folder: cacheFolder(surroundings),
      ...(maxEntries !== undefined && { maxEntries }),
      ...(maxBytes !== undefined && { maxBytes }),
    };
  }
  const known = remoteCacheTypes.find((name) => name === type);
  if (known === undefined) {
    const [near] = similarNames(type, remoteCacheTypes);
    throw new Fault(`Config file ${path} names the cache "${type}", which is none`, {
      next: `${near === undefined ? "" : `Did you mean ${near}? `}\`k8sgpt cache remove\` goes back to local files; \`k8sgpt cache add\` takes azure, gcs, s3 and interplex`,
    });
  }
  const at = valueOf(section, known);
  const given = (key: string): string => {
    const text = filledText(valueOf(at, key));
    if (text !== undefined) return text;
    throw new Fault(`Config file ${path} lacks cache.${known}.${key}`, {
      next: `\`k8sgpt cache add ${known} …\` writes it anew`,
    });
  };
  switch (known) {
    case "s3": {
      const endpoint = filledText(valueOf(at, "endpoint"));
      return {
        type: known,
        region: filledText(valueOf(at, "region")) ?? "us-east-1",
        bucket: given("bucketname"),
        ...(endpoint !== undefined && { endpoint }),
        ...(textOf(valueOf(at, "insecure")) === "true" && { insecure: true }),
      };
    }
    case "gcs":
      return { type: known, projectId: given("projectid"), region: given("region"), bucket: given("bucketname") };
    case "azure":
      return { type: known, storageAccount: given("storageaccount"), container: given("container") };
    case "interplex":
      break;
  }
  return { type: known, connectionString: given("connectionString") };
}

/** How long an explanation is used, in milliseconds, when the section says it (`cache.ttl`). @throws Fault for no time */
export async function readCacheTtl(place: ConfigPlace): Promise<number | undefined> {
  const { path, values } = await readConfigValues(place);
  return amountIn(path, valueOf(values, "cache"), "ttl", timeUnits);
}

const countUnits: Units = { "": 1 };
const byteUnits: Units = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const timeUnits: Units = { s: 1000, m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };

type Units = Readonly<Record<string, number>>;

/** A whole number above zero with one of `units` behind it. */
function amountIn(path: string, section: unknown, key: string, units: Units): number | undefined {
  const value = valueOf(section, key);
  if (value === undefined || value === null) return undefined;
  const [, digits = "", letter = ""] = /^(\d+)\s*([a-z]?)(?:i?b)?$/i.exec(textOf(value)?.trim() ?? "") ?? [];
  const unit = units[letter.toLowerCase()];
  const amount = Number(digits) * (unit ?? 0);
  if (Number.isSafeInteger(amount) && amount > 0) return amount;
  const letters = Object.keys(units).filter((each) => each !== "");
  throw new Fault(`Config file ${path}: cache.${key} is no amount above zero`, {
    next: `Write a whole number${letters.length === 0 ? "" : ` with ${letters.join(", ")} behind it, such as 7${letters.at(-1) ?? ""}`}`,
  });
}

/** Makes `remote` the cache; undefined goes back to files. @returns what the user should know besides */
export async function writeCache(
  place: ConfigPlace,
  remote: RemoteCacheConfig | undefined,
): Promise<readonly string[]> {
  return editConfig(place, (document, { isMap }) => {
    const key = keyIn(document.contents, "cache") ?? "cache";
    if (remote === undefined && document.get(key) === undefined) return;
    if (!isMap(document.get(key))) document.set(key, document.createNode({}));
    const section = document.get(key);
    if (!isMap(section)) return;
    section.flow = false;
    for (const type of remoteCacheTypes) section.delete(keyIn(section, type) ?? type);
    section.set(keyIn(section, "currentCacheType") ?? "currentCacheType", remote?.type ?? "");
    if (remote !== undefined) section.set(remote.type, document.createNode(inFile(remote)));
  });
}

function inFile(remote: RemoteCacheConfig): object {
  switch (remote.type) {
    case "s3": {
      const { region, bucket, endpoint = "", insecure = false } = remote;
      return { region, bucketname: bucket, endpoint, insecure };
    }
    case "gcs":
      return { projectid: remote.projectId, region: remote.region, bucketname: remote.bucket };
    case "azure":
      return { storageaccount: remote.storageAccount, container: remote.container };
    case "interplex":
      break;
  }
  return { connectionString: remote.connectionString };
}
