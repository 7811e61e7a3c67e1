/**
 * What Kubernetes itself says about a field, from an OpenAPI v3 document of a group version
 * (concepts/overview/kubernetes-api/#openapi-v3): definitions are found by `x-kubernetes-group-version-kind`, never by
 * the end of their name, and inline schemas of CRDs are followed as well as references.
 */
import type { Evidence } from "../findings/evidence.ts";
import type { Finding } from "../findings/finding.ts";
import { isRecord } from "../kube/wire.ts";

/** Descriptions of fields by `docKey`. */
export type FieldDocs = ReadonlyMap<string, string>;

/** The key of a field's description: kind and path. */
export function docKey(kind: string, path: string): string {
  return `${kind} ${schemaPath(path).join(".")}`;
}

/** The description of the first field of a finding's evidence that has one; "" for none. */
export function docOfFinding(finding: Finding, docs: FieldDocs | undefined): string {
  if (docs === undefined) return "";
  for (const evidence of finding.evidence) {
    const text = isField(evidence) ? docs.get(docKey(evidence.object.kind, evidence.path)) : undefined;
    if (text !== undefined && text !== "") return text;
  }
  return "";
}

/** Whether the evidence is a field. */
export function isField(evidence: Evidence): evidence is Extract<Evidence, { readonly type: "field" }> {
  return evidence.type === "field";
}

/**
 * The description of `path` (`spec.containers[0].image`) in `kind`, or undefined when the document has none.
 *
 * @param document the parsed OpenAPI v3 document of the group version
 */
export function fieldDescription(
  document: unknown,
  { group, version, kind }: { readonly group: string; readonly version: string; readonly kind: string },
  path: string,
): string | undefined {
  const schemas = member(member(document, "components"), "schemas");
  if (!isRecord(schemas)) return undefined;
  const root = Object.values(schemas).find((schema) => {
    const names = member(schema, "x-kubernetes-group-version-kind");
    return (
      Array.isArray(names) &&
      names.some(
        (name) =>
          member(name, "group") === group && member(name, "version") === version && member(name, "kind") === kind,
      )
    );
  });
  let node: unknown = root;
  let description: unknown;
  for (const step of schemaPath(path)) {
    const schema = resolved(node, schemas);
    const object = member(schema, "type") === "array" ? resolved(member(schema, "items"), schemas) : schema;
    const properties = member(object, "properties");
    // A map of labels or data keys: one schema for every key.
    node = isRecord(properties) && step in properties ? properties[step] : member(object, "additionalProperties");
    if (node === undefined) return undefined;
    description = member(node, "description") ?? member(resolved(node, schemas), "description");
  }
  return typeof description === "string" && description !== "" ? description : undefined;
}

/** `spec.containers[0].image` as `spec`, `containers`, `image`; what stands in brackets is data, not schema. */
function schemaPath(path: string): readonly string[] {
  return path
    .replace(/\[[^\]]*\]|\{[^}]*\}/g, "")
    .split(".")
    .filter(Boolean);
}

/** Follows `$ref`, also the one in `allOf` that a field with a default has. Bounded: a document may refer to itself. */
function resolved(schema: unknown, schemas: Readonly<Record<string, unknown>>): unknown {
  let node = schema;
  for (let hops = 0; hops < 8; hops += 1) {
    const all = member(node, "allOf");
    const reference = member(node, "$ref") ?? (Array.isArray(all) ? member(all[0], "$ref") : undefined);
    if (typeof reference !== "string") return node;
    node = schemas[reference.slice(reference.lastIndexOf("/") + 1)];
  }
  return node;
}

function member(value: unknown, key: string): unknown {
  return isRecord(value) ? value[key] : undefined;
}
