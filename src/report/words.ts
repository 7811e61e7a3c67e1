/** The words that text and JSON share: how an object, a value and a finding are named to a person. */
import { compareSeverity, type Severity } from "../findings/severity.ts";
import type { Evidence } from "../findings/evidence.ts";
import type { Finding } from "../findings/finding.ts";
import { keyOf, type ObjectRef, qualifiedName } from "../kube/object-ref.ts";
import type { Json } from "../kube/wire.ts";
import { clean } from "./layout.ts";

/** `Deployment shop/cart`. */
export function objectName(ref: ObjectRef): string {
  return clean(`${ref.kind} ${qualifiedName(ref)}`);
}

/** `Deployment/cart`, how k8sgpt names a parent; "" for none. */
export function parentName(ref: ObjectRef | undefined): string {
  return ref === undefined ? "" : clean(`${ref.kind}/${ref.name}`);
}

/** Whether the two name one object. */
export function sameObject(a: ObjectRef, b: ObjectRef): boolean {
  return keyOf(a) === keyOf(b);
}

/** A value in one line, nearer to YAML than to JSON because it is shorter: `{app: web}`, `[a, b]`, `(not set)`. */
export function formatValue(value: Json): string {
  return value === null ? "(not set)" : clean(inline(value));
}

function inline(value: Json): string {
  if (typeof value === "string") return value === "" ? '""' : value;
  if (value === null || typeof value !== "object") return String(value);
  if (isList(value)) return `[${value.map(inline).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, inner]) => `${key}: ${inline(inner)}`)
    .join(", ")}}`;
}

// `Array.isArray` does not narrow a readonly array.
function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}

/** How many facts of its evidence a finding's one-line text quotes. */
const quotedFacts = 3;

/**
 * A finding in one line with the values it rests on, for formats without room for evidence:
 * `Service selector matches no Pod in its namespace (spec.selector: {app: web})`.
 */
export function findingText(finding: Finding): string {
  const facts = finding.evidence.flatMap((evidence) => quoted(evidence, finding) ?? []);
  const shown = [...new Set(facts)].slice(0, quotedFacts);
  return clean(shown.length === 0 ? finding.title : `${finding.title} (${shown.join("; ")})`);
}

function quoted(evidence: Evidence, finding: Finding): string | undefined {
  const prefix = sameObject(evidence.object, finding.object) ? "" : `${objectName(evidence.object)} `;
  switch (evidence.type) {
    case "field":
      return `${prefix}${evidence.path}: ${formatValue(evidence.value)}`;
    case "fact":
      return `${prefix}${evidence.label}: ${formatValue(evidence.value)}`;
    case "event":
      return `event ${evidence.reason}: ${clean(evidence.message)}`;
    case "missing":
      return `${objectName(evidence.object)} does not exist`;
    case "log":
      break;
  }
  return undefined;
}

/** `3 critical, 2 warning`: how many of each, worst first, none left out that occurs. */
export function countBySeverity(items: readonly { readonly severity: Severity }[]): string {
  const counts = Map.groupBy(items, ({ severity }) => severity);
  return [...counts]
    .sort(([a], [b]) => compareSeverity(a, b))
    .map(([severity, { length }]) => `${length} ${severity}`)
    .join(", ");
}

/** `1 incident`, `2 incidents`. */
export function counted(count: number, noun: string): string {
  return `${withThousands(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `1204` as `1,204`. */
export function withThousands(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** At most `limit` of `names`, and how many more there are: `a, b and 3 more`. */
export function someOf(names: readonly string[], limit: number): readonly string[] {
  if (names.length <= limit) return names.map((name, index) => (index < names.length - 1 ? `${name},` : name));
  return [
    ...names.slice(0, limit).map((name, index) => (index < limit - 1 ? `${name},` : name)),
    `and ${names.length - limit} more`,
  ];
}

/** A moment as `2026-11-21 03:00:12 UTC`. */
export function formatMoment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Whether a finding counts as a problem in k8sgpt's sense: warning or worse. */
export function isProblem({ severity }: { readonly severity: Severity }): boolean {
  return compareSeverity(severity, "warning") <= 0;
}
