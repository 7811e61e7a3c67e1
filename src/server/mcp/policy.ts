/** What the server's owner lets clients see: tools, namespaces and kinds, by flag and by policy file. */
import type { ClusterSource } from "../../cluster/source.ts";
import type { McpRule } from "../../config/policy.ts";
import { Fault } from "../../fault.ts";
import type { CustomRead } from "../../kube/custom-resources.ts";
import { kindDefinition, type KindName } from "../../kube/kinds.ts";
import type { KindRead, Scope } from "../../kube/snapshot.ts";
import { fits } from "../../wildcard.ts";

/** Absent lists allow everything. */
export interface Policy {
  /** Only these tools. */
  readonly tools?: readonly string[];
  readonly denyTools: readonly string[];
  /** The namespaces that may be seen. */
  readonly scope: Scope;
  /** Kinds, plurals, `plural.group` or `pods/log` that may not be listed or read, in lower case; `*` is any text. */
  readonly denyKinds: readonly string[];
  /** From policy files. */
  readonly rules?: readonly McpRule[];
}

/** Whether the tool may be called under any of its names, on some cluster. */
export function allowsTool({ tools, denyTools, rules = [] }: Policy, names: readonly string[]): boolean {
  if (names.some((name) => denyTools.some((word) => fits(word, name)))) return false;
  if (rules.some((rule) => isWhole(rule) && rule.contexts === undefined && isAboutTool(rule, names))) return false;
  return tools === undefined || names.some((name) => tools.some((word) => fits(word, name)));
}

/**
 * What one tool may see of one cluster.
 *
 * @throws Fault when it may see nothing of it
 */
export function policyFor(policy: Policy, names: readonly string[], context: string): Policy {
  const { rules = [], ...rest } = policy;
  const meant = rules.filter((rule) => isAboutTool(rule, names) && isAbout(rule.contexts, [context]));
  const refusing = meant.find(isWhole);
  if (refusing !== undefined) {
    throw new Fault(`${refusing.origin} does not allow ${names[0] ?? "this"} of context "${context}"`, {
      next: "Use another tool or cluster, or ask whoever keeps the policy",
    });
  }
  const namespaces = meant.flatMap((rule) => rule.namespaces ?? []);
  const kinds = meant.flatMap((rule) => rule.kinds ?? []).map((kind) => kind.toLowerCase());
  return {
    ...rest,
    scope:
      namespaces.length === 0
        ? rest.scope
        : { ...rest.scope, exclude: [...new Set([...(rest.scope.exclude ?? []), ...namespaces])].sort() },
    denyKinds: [...new Set([...rest.denyKinds, ...kinds])].sort(),
  };
}

/** Whether objects of the namespace may be seen; cluster-scoped ones (no namespace) may. */
export function allowsNamespace({ scope }: Policy, namespace: string | undefined): boolean {
  if (namespace === undefined) return true;
  if (scope.include !== undefined && !scope.include.includes(namespace)) return false;
  return scope.exclude?.includes(namespace) !== true;
}

/** @throws Fault when the namespace may not be seen */
export function checkNamespace(policy: Policy, namespace: string | undefined): void {
  if (allowsNamespace(policy, namespace)) return;
  const { include } = policy.scope;
  throw new Fault(`Namespace "${namespace ?? ""}" is not open to this server`, {
    next:
      include === undefined
        ? "Ask about another namespace; the server's owner left this one out"
        : `The server was started for ${include.join(", ")}`,
  });
}

/** A kind as the words of a policy may name it. */
interface NamedKind {
  readonly kind: string;
  /** Absent when only an object was seen, as in a manifest. */
  readonly plural?: string;
  readonly group: string;
}

function isDeniedKind(policy: Policy, { kind, plural, group }: NamedKind): boolean {
  return isDenied(policy, plural === undefined ? [kind] : [kind, plural, `${plural}.${group}`]);
}

function isDenied({ denyKinds }: Policy, names: readonly string[]): boolean {
  return denyKinds.some((word) => names.some((name) => fits(word, name.toLowerCase())));
}

/** @throws Fault when the kind may not be read */
export function checkKind(policy: Policy, named: NamedKind): void {
  if (!isDeniedKind(policy, named)) return;
  throw new Fault(`${named.kind} objects are not open to this server`, {
    next: "Whoever started the server can change --mcp-deny-kinds and its policy",
  });
}

/** @throws Fault when logs may not be read */
export function checkLogs(policy: Policy): void {
  if (!isDenied(policy, ["pods/log", "pod/log"])) return;
  throw new Fault("Logs are not open to this server", {
    next: "`get-events` and `why` tell what is known without them; whoever started the server can change its policy",
  });
}

/** The namespaces of one question: those asked for, as far as the policy allows. @throws Fault for another one */
export function scopeFor(policy: Policy, namespace: string | undefined): Scope {
  if (namespace === undefined) return policy.scope;
  checkNamespace(policy, namespace);
  return { include: [namespace] };
}

/** `source` without the kinds that may not be read: they are unread, which is not healthy. */
export function restrictedSource(source: ClusterSource, policy: Policy): ClusterSource {
  if (policy.denyKinds.length === 0) return source;
  const reason = "not open to this server";
  const isClosed = (kind: KindName): boolean => isDeniedKind(policy, { kind, ...kindDefinition(kind) });
  return {
    ...source,
    async read(request) {
      const kinds = request.kinds.filter((kind) => !isClosed(kind));
      const { customResources, ...rest } = request;
      const input = await source.read({
        ...rest,
        kinds,
        ...(customResources === true && { customResources: kinds.includes("CustomResourceDefinition") }),
      });
      const reads = request.kinds.filter(isClosed).map((kind): KindRead => ({ kind, state: "unread", reason }));
      const custom = input.customResources ?? [];
      const closed = custom.filter((entry) => isDeniedKind(policy, entry));
      const closedNames = new Set(closed.map(({ group, kind, plural }) => `${plural ?? kind.toLowerCase()}.${group}`));
      const customReads = [...closedNames].map((resource): CustomRead => ({ resource, state: "unread", reason }));
      return {
        ...input,
        reads: [...input.reads, ...reads],
        ...(closed.length > 0 && {
          customResources: custom.filter((entry) => !isDeniedKind(policy, entry)),
          customReads: [...(input.customReads ?? []), ...customReads],
        }),
      };
    },
  };
}

function isWhole({ namespaces, kinds }: McpRule): boolean {
  return namespaces === undefined && kinds === undefined;
}

function isAboutTool({ tools, exceptTools }: McpRule, names: readonly string[]): boolean {
  return isAbout(tools, names) && (exceptTools === undefined || !isAbout(exceptTools, names));
}

function isAbout(words: readonly string[] | undefined, names: readonly string[]): boolean {
  return words === undefined || words.some((word) => names.some((name) => fits(word, name)));
}
