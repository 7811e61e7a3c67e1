/** What the server's owner lets clients see: tools, namespaces and kinds, by flag. */
import { Fault } from "../../fault.ts";
import type { Scope } from "../../kube/snapshot.ts";

/** Absent lists allow everything. */
export interface Policy {
  /** Only these tools. */
  readonly tools?: readonly string[];
  readonly denyTools: readonly string[];
  /** The namespaces that may be seen. */
  readonly scope: Scope;
  /** Kinds, plurals or `plural.group` that may not be listed or read, in lower case. */
  readonly denyKinds: readonly string[];
}

/** Whether the tool may be called under any of its names. */
export function allowsTool({ tools, denyTools }: Policy, names: readonly string[]): boolean {
  if (names.some((name) => denyTools.includes(name))) return false;
  return tools === undefined || names.some((name) => tools.includes(name));
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
        ? "Ask about another namespace; the server was started with --namespace '!name'"
        : `The server was started for ${include.join(", ")}`,
  });
}

/** @throws Fault when the kind may not be read */
export function checkKind(
  { denyKinds }: Policy,
  { kind, plural, group }: { readonly kind: string; readonly plural: string; readonly group: string },
): void {
  const names = [kind, plural, `${plural}.${group}`].map((name) => name.toLowerCase());
  if (!names.some((name) => denyKinds.includes(name))) return;
  throw new Fault(`${kind} objects are not open to this server`, {
    next: "Whoever started the server can change --mcp-deny-kinds",
  });
}

/** The namespaces of one question: those asked for, as far as the policy allows. @throws Fault for another one */
export function scopeFor(policy: Policy, namespace: string | undefined): Scope {
  if (namespace === undefined) return policy.scope;
  checkNamespace(policy, namespace);
  return { include: [namespace] };
}
