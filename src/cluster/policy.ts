/**
 * What this user of the tool may read, judged by the path of a request: the door asks before it sends anything, so that
 * nothing behind it has to know. What cannot be placed is refused: a list of the whole cluster whose resource may have
 * namespaces that must not be read, a path that is none. A cluster's RBAC stays as it is; this comes on top of it.
 */
import { Fault } from "../fault.ts";
import { kindDefinition, kindNames } from "../kube/kinds.ts";
import { compareText } from "../kube/object-ref.ts";
import type { Scope, SourceNote } from "../kube/snapshot.ts";
import { type PolicyList, refusedBy } from "../policy.ts";
import { fits } from "../wildcard.ts";

/** One policy as a file states it. What is absent is not restricted. */
export interface AccessPolicy {
  /** The file, as refusals name it. */
  readonly origin: string;
  readonly contexts?: PolicyList;
  readonly namespaces?: PolicyList;
  /** Kinds (`Secret`), resources (`secrets`, `certificates.cert-manager.io`) or parts of one (`pods/log`). */
  readonly kinds?: PolicyList;
}

/** What a path below an API server asks for. */
export interface Asked {
  /** `""` for the core group. */
  readonly group: string;
  /** `""` for paths that are no resources: `/version`, discovery. */
  readonly plural: string;
  /** Of the object or list; also the name of a Namespace. */
  readonly namespace?: string;
  readonly name?: string;
  /** `log` of `pods/log`. */
  readonly part?: string;
}

/** Reads a path with or without its query; undefined for what is no path of an API server. */
export function askedBy(path: string): Asked | undefined {
  const bare = path.split("?")[0] ?? "";
  const encoded = bare.split("/").slice(1);
  let words: readonly string[];
  try {
    words = encoded.map(decodeURIComponent);
  } catch {
    return undefined; // A percent sign that encodes nothing.
  }
  // `..` would make another path of it on the way.
  if (
    !bare.startsWith("/") ||
    words.some((word) => word === "" || word === "." || word === ".." || word.includes("/"))
  ) {
    return undefined;
  }
  const [root, ...below] = words;
  const isResource = (root === "api" && below.length > 1) || (root === "apis" && below.length > 2);
  if (!isResource) return { group: "", plural: "" };
  const group = root === "api" ? "" : (below[0] ?? "");
  const rest = below.slice(root === "api" ? 1 : 2);
  // Old forms of a watch and of a proxy, which hold another path.
  if (rest[0] === "watch" || rest[0] === "proxy") return undefined;
  const isInside = rest[0] === "namespaces" && rest.length > 2;
  const [plural = "", name, part] = isInside ? rest.slice(2) : rest;
  const isNamespace = !isInside && group === "" && plural === "namespaces";
  const namespace = isInside ? rest[1] : isNamespace ? name : undefined;
  return {
    group,
    plural,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(part !== undefined && { part }),
  };
}

/** A sentence that names the file and the line, `policy.yaml:4 does not allow secrets`; undefined when all is well. */
export function refusedPath(policies: readonly AccessPolicy[], path: string): string | undefined {
  const restricting = policies.filter(({ namespaces, kinds }) => namespaces !== undefined || kinds !== undefined);
  if (restricting.length === 0) return undefined;
  const asked = askedBy(path);
  if (asked === undefined) return `${restricting[0]?.origin ?? "the policy"} cannot place the path ${path}`;
  if (asked.plural === "") return undefined;
  return first(restricting, (policy) => refusedKind(policy, asked) ?? refusedPlace(policy, asked));
}

/** @throws {Fault} when a policy does not allow the context. */
export function checkContext(policies: readonly AccessPolicy[], context: string): void {
  const why = first(policies, ({ contexts, origin }) =>
    contexts === undefined
      ? undefined
      : refusedBy(contexts, origin, `context "${context}"`, (word) => fits(word, context)),
  );
  if (why === undefined) return;
  throw new Fault(`Context "${context}" may not be read: ${why}`, {
    next: "Choose another --context, or ask whoever keeps the policy",
  });
}

/** Why a namespace may not be read; undefined when it may. */
export function refusedNamespace(policies: readonly AccessPolicy[], namespace: string): string | undefined {
  return first(policies, ({ namespaces, origin }) =>
    namespaces === undefined
      ? undefined
      : refusedBy(namespaces, origin, `namespace "${namespace}"`, (word) => fits(word, namespace)),
  );
}

/** Whether any policy speaks of namespaces: a list of the whole cluster is then out of the question. */
export function restrictsNamespaces(policies: readonly AccessPolicy[]): boolean {
  return policies.some(({ namespaces }) => namespaces !== undefined);
}

/** The namespaces that the policies name in full, when nothing else is allowed: they need not be looked up. */
export function namedNamespaces(policies: readonly AccessPolicy[]): readonly string[] | undefined {
  const lists = policies.flatMap(({ namespaces }) => namespaces?.allow ?? []);
  const allows = policies.some(({ namespaces }) => namespaces?.allow !== undefined);
  if (!allows || lists.some(({ text }) => text.includes("*"))) return undefined;
  return [...new Set(lists.map(({ text }) => text))].filter((name) => refusedNamespace(policies, name) === undefined);
}

/** What is left of `scope`, and what to say of the rest. `known`: the namespaces that there are, as far as that is known. */
export function allowedScope(
  policies: readonly AccessPolicy[],
  scope: Scope,
  known: readonly string[],
): { readonly scope: Scope; readonly notes: readonly SourceNote[] } {
  const wanted = [...new Set(scope.include ?? known)].filter((name) => scope.exclude?.includes(name) !== true);
  const include = wanted.filter((name) => refusedNamespace(policies, name) === undefined);
  const kept = wanted.filter((name) => !include.includes(name)).sort(compareText);
  const byReason = Map.groupBy(kept, (name) =>
    (refusedNamespace(policies, name) ?? "").replace(`namespace "${name}"`, "it"),
  );
  const notes = [...byReason].map(([reason, names]) => ({
    what: `${names.length === 1 ? "namespace" : "namespaces"} ${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`,
    reason: names.length === 1 ? reason : reason.replace(/ it$/, " them"),
    next: "Name what you want with --namespace, or ask whoever keeps the policy",
  }));
  return { scope: { ...scope, include }, notes };
}

function refusedKind({ kinds, origin }: AccessPolicy, { group, plural, part }: Asked): string | undefined {
  if (kinds === undefined) return undefined;
  const resource = group === "" ? plural : `${plural}.${group}`;
  const what = part === undefined ? resource : `${resource}/${part}`;
  return refusedBy(kinds, origin, what, (word) => {
    const [named = "", namedPart] = word.toLowerCase().split("/");
    // `pods` means its logs too, `pods/log` only those.
    if (namedPart !== undefined && namedPart !== part) return false;
    return resourceWords(named).some((text) => fits(text, plural) || fits(text, resource));
  });
}

/**
 * The resources that a word may mean, in any group unless it names one: kinds that k8sgpt knows are looked up; of others
 * the plural is formed as Kubernetes itself guesses it (meta.UnsafeGuessKindToResource), so that a Kind can be written.
 */
function resourceWords(word: string): readonly string[] {
  const [kind = "", ...group] = word.split(".");
  const known = kindNames.flatMap((name) => {
    const { plural, shortNames } = kindDefinition(name);
    return name.toLowerCase() === kind || shortNames.includes(kind) ? [plural] : [];
  });
  return [kind, guessedPlural(kind), ...known].map((text) => [text, ...group].join("."));
}

function guessedPlural(kind: string): string {
  if (/(?:s|x|ch|sh)$/.test(kind)) return `${kind}es`;
  return kind.endsWith("y") ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}

function refusedPlace({ namespaces, origin }: AccessPolicy, asked: Asked): string | undefined {
  if (namespaces === undefined) return undefined;
  const { namespace } = asked;
  if (namespace !== undefined) {
    return refusedBy(namespaces, origin, `namespace "${namespace}"`, (word) => fits(word, namespace));
  }
  if (isClusterScoped(asked)) return undefined;
  const line = namespaces.allowLine ?? namespaces.deny[0]?.line ?? 1;
  const resource = asked.group === "" ? asked.plural : `${asked.plural}.${asked.group}`;
  return `${origin}:${line} does not allow ${resource} of all namespaces at once`;
}

/** Of resources that k8sgpt does not know it cannot be told: they may hold objects of any namespace. */
function isClusterScoped({ group, plural }: Asked): boolean {
  return kindNames.some((kind) => {
    const known = kindDefinition(kind);
    return known.plural === plural && known.group === group && !known.namespaced;
  });
}

function first<T>(policies: readonly AccessPolicy[], judge: (policy: AccessPolicy) => T | undefined): T | undefined {
  for (const policy of policies) {
    const found = judge(policy);
    if (found !== undefined) return found;
  }
  return undefined;
}
