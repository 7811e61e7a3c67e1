/**
 * Why the Operator Lifecycle Manager cannot choose what to install: the message of a Subscription's `ResolutionFailed`
 * (operator-lifecycle-manager v0.38, pkg/controller/registry/resolver; the catalog error also as v0.28 wrote it) and of a
 * ClusterExtension's `Progressing` (operator-controller v1.2, internal/operator-controller/resolve).
 */

/** What a message says, in words of our own, and the object that it names. */
interface ResolutionFailure {
  readonly because: string;
  /** The catalog that it names: a CatalogSource with its namespace, a ClusterCatalog without. */
  readonly catalog?: { readonly namespace?: string; readonly name: string };
  /** The Subscription that it names; one that cannot be resolved stops all others of its namespace. */
  readonly subscription?: string;
  /** The ServiceAccount that it names. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
}

const name = String.raw`[a-z0-9][a-z0-9.-]*`;

const cannotReach = "a catalog cannot be read";

const notInCatalog: readonly (readonly [RegExp, string])[] = [
  [/no operators found from catalog /, "the catalog holds no operators, or does not exist"],
  [/no operators found with name /, "the starting version is not in the channel"],
  [/no operators found in channel /, "the channel is not in the package"],
  [/no operators found in package /, "the package is not in the catalog"],
];

const subscriptionNamed = new RegExp(String.raw`referenced by subscription (${name})`);
const catalogInUse = new RegExp(String.raw`error using catalogsource (${name})/(${name})`);
const catalogInCache = new RegExp(String.raw`failed to populate resolver cache from source (${name})/(${name})`);

/** Why a Subscription could not be resolved; undefined when the text is none of the known ones. */
export function subscriptionFailure(message: string): ResolutionFailure | undefined {
  const used = catalogInUse.exec(message);
  if (used !== null) return catalogFailure(used[1], used[2]);
  // The older form has the name first.
  const cached = catalogInCache.exec(message);
  if (cached !== null) return catalogFailure(cached[2], cached[1]);
  for (const [pattern, because] of notInCatalog) {
    if (!pattern.test(message)) continue;
    const subscription = subscriptionNamed.exec(message)?.[1];
    return { because, ...(subscription !== undefined && { subscription }) };
  }
  if (/expected 1 OperatorGroup in the namespace|operatorGroups, expected 1/i.test(message)) {
    return { because: "its namespace has not exactly one OperatorGroup" };
  }
  if (/constraints not satisfiable/.test(message)) return { because: "its requirements contradict each other" };
  return undefined;
}

function catalogFailure(namespace: string | undefined, catalog: string | undefined): ResolutionFailure {
  if (namespace === undefined || catalog === undefined) return { because: cannotReach };
  return { because: cannotReach, catalog: { namespace, name: catalog } };
}

const accountNamed = new RegExp(String.raw`service account "(${name})" not found in namespace "(${name})"`);
const walkedCatalog = new RegExp(String.raw`error getting package "[^"]*" from catalog "(${name})"`);

/** Why a ClusterExtension makes no progress; undefined when the text is none of the known ones. */
export function extensionFailure(message: string): ResolutionFailure | undefined {
  const [, account, namespace] = accountNamed.exec(message) ?? [];
  if (account !== undefined && namespace !== undefined) {
    return { because: "its ServiceAccount does not exist", serviceAccount: { namespace, name: account } };
  }
  const catalog = walkedCatalog.exec(message)?.[1];
  if (catalog !== undefined) return { because: cannotReach, catalog: { name: catalog } };
  if (/no bundles found for package "[^"]*" (?:matching version|in channels)/.test(message)) {
    return { because: "no version of the package fits" };
  }
  if (/no bundles found for package "/.test(message)) return { because: "the package is not in any catalog" };
  if (/found bundles for package "/.test(message)) return { because: "several catalogs have the package" };
  if (/pre-authorization failed|is forbidden:|cannot (?:get|list|create|update|patch) resource/.test(message)) {
    return { because: "its ServiceAccount lacks a permission" };
  }
  if (/validating upgrade for CRD|upgrade safety/i.test(message)) {
    return { because: "its upgrade is not safe for objects that exist" };
  }
  if (/\bunpack|\bpull(?:ing)?\b|manifest unknown|container registry/.test(message)) {
    return { because: "its bundle cannot be unpacked" };
  }
  return undefined;
}
