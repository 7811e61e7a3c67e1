import type { ClusterSource } from "../cluster/source.ts";
import { messageOf } from "../fault.ts";
import type { Finding } from "../findings/finding.ts";
import { apiVersionOf, isKindName, kindDefinition } from "../kube/kinds.ts";
import { docKey, type FieldDocs, fieldDescription, isField } from "../report/field-doc.ts";

/**
 * Reads what the server says about the fields that the findings rest on: one document per group version that occurs.
 * A document that cannot be had costs the descriptions, and one line of `errors`, never the report.
 */
export async function readFieldDocs(
  source: ClusterSource,
  findings: readonly Finding[],
  signal: AbortSignal,
): Promise<{ readonly docs: FieldDocs; readonly errors: readonly string[] }> {
  const fields = findings.flatMap(({ evidence }) => evidence.filter(isField));
  const wanted = Map.groupBy(
    fields.flatMap(({ object, path }) => (isKindName(object.kind) ? [{ kind: object.kind, path }] : [])),
    ({ kind }) => apiVersionOf(kindDefinition(kind)),
  );
  const docs = new Map<string, string>();
  const errors: string[] = [];
  if (wanted.size > 0 && source.openapi === undefined) {
    return { docs, errors: ["[KubernetesDoc] a saved cluster holds no descriptions of fields"] };
  }
  for (const [apiVersion, places] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) {
    try {
      // One after the other: a document is megabytes, and one is parsed while the next is not yet wanted.
      // oxlint-disable-next-line no-await-in-loop
      const document = await source.openapi?.(apiVersion, signal);
      for (const { kind, path } of places) {
        const description = fieldDescription(document, { ...kindDefinition(kind), kind }, path);
        if (description !== undefined) docs.set(docKey(kind, path), description);
      }
    } catch (error) {
      errors.push(`[KubernetesDoc] ${apiVersion}: ${messageOf(error)}`);
    }
  }
  return { docs, errors };
}
