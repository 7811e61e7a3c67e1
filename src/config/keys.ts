/**
 * Keys of the config file that mean nothing. They are no fault where the file is read: k8sgpt (Go) keeps settings of its
 * own there. But a setting whose name is mistyped does not hold, and nobody would know.
 */
import { providerKeys } from "./ai.ts";
import { remoteCacheTypes } from "./cache.ts";
import type { ConfigPlace } from "./place.ts";
import { readConfigValues } from "./read.ts";
import { valueOf } from "./values.ts";

/** A key that is not known, with where it stands, and those that are known there. */
export interface UnknownKey {
  readonly key: string;
  readonly known: readonly string[];
}

/** Settings that k8sgpt (Go) has beside those of this program. */
const theirs = ["kubeconfig", "kubecontext", "custom_analyzers", "integration", "mcp"];

const topKeys = ["active_filters", "ai", "anonymize", "cache", "policy", "prompts"];

/** The keys below each section; those of `policy` are held by the reader of policies, those of `prompts` are rules. */
const sectionKeys: Readonly<Record<string, readonly string[]>> = {
  ai: ["defaultprovider", "providers", "budget", "allowedHosts"],
  "ai.budget": ["maxCallsPerRun", "maxTokensPerRun"],
  anonymize: ["rules"],
  cache: ["currentCacheType", "ttl", "maxEntries", "maxBytes", ...remoteCacheTypes],
};

/** The keys of the file that nothing reads, in its order. @throws Fault when the file cannot be read */
export async function unknownKeys(place: ConfigPlace): Promise<readonly UnknownKey[]> {
  const { values } = await readConfigValues(place);
  const providers = valueOf(valueOf(values, "ai"), "providers");
  return [
    ...strangeIn(values, "", topKeys, theirs),
    ...Object.entries(sectionKeys).flatMap(([path, known]) => {
      const section = path.split(".").reduce<unknown>(valueOf, values);
      return strangeIn(section, `${path}.`, known, []);
    }),
    ...(Array.isArray(providers) ? providers : []).flatMap((provider: unknown, index) =>
      strangeIn(provider, `ai.providers[${index}].`, providerKeys, ["proxyport"]),
    ),
  ];
}

function strangeIn(
  map: unknown,
  where: string,
  known: readonly string[],
  tolerated: readonly string[],
): readonly UnknownKey[] {
  if (typeof map !== "object" || map === null || Array.isArray(map)) return [];
  const words = new Set([...known, ...tolerated].map((word) => word.toLowerCase()));
  return Object.keys(map)
    .filter((key) => !words.has(key.toLowerCase()))
    .map((key) => ({ key: where + key, known }));
}
