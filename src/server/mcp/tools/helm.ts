/**
 * Helm releases, told by the labels that Helm puts on each revision's Secret (or ConfigMap): name, status, revision. The
 * release itself, with its values, is inside the Secret and stays there.
 */
import { z } from "zod";
import { Fault, messageOf } from "../../../fault.ts";
import { compareText } from "../../../kube/object-ref.ts";
import { fitting, startOf } from "../answer.ts";
import type { McpContext } from "../context.ts";
import { type Plain, valueAt } from "../hygiene.ts";
import { listPage, resolveResource, resourcesOf } from "../objects.ts";
import { defineTool, type Tool } from "../tool.ts";
import { objectsShape } from "./shapes.ts";

/** One revision of a release. */
interface Revision {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly status: string;
  readonly updated?: string;
}

const kept = "Values, manifests and notes are inside a Secret and are not read: `helm get all` shows them";

/** A cluster with more pages of revisions than this keeps them for no reason that we know. */
const pagesAtMost = 20;

export const helmTools: readonly Tool[] = [
  defineTool({
    names: ["list-helm-releases"],
    title: "List Helm releases",
    description: "The Helm releases with their last revision and its status, from labels alone; no values are read.",
    input: z.object({
      namespace: z.string().optional().describe("Namespace; all that are open to this server when left out"),
      allNamespaces: z.boolean().default(false).describe("All, whatever namespace says"),
      status: z
        .enum([
          "deployed",
          "failed",
          "superseded",
          "uninstalled",
          "uninstalling",
          "pending-install",
          "pending-upgrade",
          "pending-rollback",
          "unknown",
        ])
        .optional()
        .describe("Only releases whose last revision has this status"),
      limit: z.number().int().min(1).max(1000).default(100),
      cursor: z.string().optional().describe("`nextCursor` of the page before"),
    }),
    reads: ["secrets", "configmaps"],
    output: z.looseObject({ count: z.number(), releases: z.array(objectsShape), nextCursor: z.string().optional() }),
    async run({ namespace, allNamespaces, status, limit, cursor }, { context, budgetBytes }) {
      const { revisions, notes } = await revisionsOf(context, allNamespaces ? undefined : namespace);
      const releases = [...Map.groupBy(revisions, ({ namespace: where, name }) => `${where}/${name}`).values()]
        .flatMap((all) => {
          const last = all.at(-1);
          return last === undefined ? [] : [{ ...last, revisions: all.length }];
        })
        .filter((release) => status === undefined || release.status === status);
      const start = startOf(cursor);
      const page = releases.slice(start, start + limit);
      const count = fitting(page, budgetBytes - 700);
      const end = start + count;
      return {
        data: {
          count: releases.length,
          releases: page.slice(0, count),
          ...(end < releases.length && { nextCursor: String(end) }),
          note: [
            ...notes,
            ...(end < releases.length ? ["There are more: call again with cursor set to nextCursor"] : []),
            kept,
          ].join(". "),
        },
      };
    },
  }),
  defineTool({
    names: ["get-helm-release"],
    title: "One Helm release and its history",
    description: "One Helm release: its last revision, or the one named, and all that Helm keeps of its history.",
    input: z.object({
      name: z.string(),
      namespace: z.string().optional().describe("Namespace; looked for in all open ones when left out"),
      revision: z.number().int().min(1).optional().describe("Default: the last"),
    }),
    reads: ["secrets", "configmaps"],
    output: z.looseObject({ release: objectsShape, history: z.array(objectsShape) }),
    async run({ name, namespace, revision }, { context, budgetBytes }) {
      const { revisions, notes } = await revisionsOf(context, namespace, name);
      const places = [...new Set(revisions.map((one) => one.namespace))];
      if (places.length > 1) {
        throw new Fault(`There are ${places.length} Helm releases "${name}"`, {
          next: `Name the namespace: ${places.join(", ")}`,
        });
      }
      const where = namespace === undefined ? "" : ` in namespace "${namespace}"`;
      const release = revisions.findLast((one) => revision === undefined || one.revision === revision);
      if (release === undefined) {
        const known = revisions.map((one) => one.revision);
        throw new Fault(
          known.length === 0
            ? `There is no Helm release "${name}"${where}`
            : `Helm release "${name}"${where} has no revision ${String(revision)}`,
          {
            next: known.length === 0 ? "`list-helm-releases` lists them" : `It has ${known.join(", ")}`,
          },
        );
      }
      const history = revisions
        .map(({ revision: number, status, updated }): Plain => ({
          revision: number,
          status,
          ...(updated !== undefined && { updated }),
        }))
        .toReversed();
      return {
        data: {
          release,
          history: history.slice(0, fitting(history, budgetBytes - 700)),
          note: [...notes, kept].join(". "),
        },
      };
    },
  }),
];

/** By namespace, name and number. @throws Fault when neither Secrets nor ConfigMaps may be listed */
async function revisionsOf(
  context: McpContext,
  namespace: string | undefined,
  name?: string,
): Promise<{ readonly revisions: readonly Revision[]; readonly notes: readonly string[] }> {
  const served = new Set((await resourcesOf(context)).filter(({ group }) => group === "").map(({ plural }) => plural));
  const notes: string[] = [];
  const found: Revision[] = [];
  const failures: unknown[] = [];
  const stores = ["secrets", "configmaps"].filter((plural) => served.has(plural));
  for (const store of stores) {
    try {
      const { revisions, isCut } = await revisionsIn(context, store, namespace, name);
      found.push(...revisions);
      if (isCut) notes.push(`Only the first ${revisions.length} revisions in ${store} were read: name a namespace`);
    } catch (error) {
      failures.push(error);
      const why = error instanceof Error ? messageOf(error) : "they could not be read";
      notes.push(`Releases kept in ${store} are not among them: ${why}`);
    }
  }
  const [failure] = failures;
  // Helm keeps releases in Secrets unless it was told otherwise: without those, an empty list would look like none.
  if (failure !== undefined && found.length === 0) {
    const next = failure instanceof Fault ? failure.next : undefined;
    throw new Fault(`Helm keeps its releases in Secrets, and these cannot be listed: ${messageOf(failure)}`, {
      cause: failure,
      ...(next !== undefined && { next }),
    });
  }
  const revisions = found.toSorted(
    (a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name) || a.revision - b.revision,
  );
  return { revisions, notes };
}

async function revisionsIn(
  context: McpContext,
  store: string,
  namespace: string | undefined,
  name: string | undefined,
): Promise<{ readonly revisions: readonly Revision[]; readonly isCut: boolean }> {
  const resource = await resolveResource(context, store);
  // A release's name is a label value: what is none would be read as another selector.
  if (name !== undefined && !/^[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/.test(name))
    return { revisions: [], isCut: false };
  const revisions: Revision[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < pagesAtMost; page += 1) {
    const { items, nextCursor } = await listPage(context, {
      resource,
      namespace,
      labelSelector: name === undefined ? "owner=helm" : `owner=helm,name=${name}`,
      output: "fields",
      fields: ["metadata.labels", "metadata.creationTimestamp"],
      limit: 500,
      cursor,
      budgetBytes: Number.POSITIVE_INFINITY,
    });
    for (const item of items) {
      const label = (key: string): string => {
        const value = valueAt(item["metadata.labels"], key);
        return typeof value === "string" ? value : "";
      };
      const revision = Number(label("version"));
      if (label("name") === "" || !Number.isSafeInteger(revision)) continue;
      const updated = updatedAt(label("modifiedAt"), item["metadata.creationTimestamp"]);
      revisions.push({
        namespace: typeof item["namespace"] === "string" ? item["namespace"] : "",
        name: label("name"),
        revision,
        status: label("status") || "unknown",
        ...(updated !== undefined && { updated }),
      });
    }
    if (nextCursor === undefined) return { revisions, isCut: false };
    cursor = nextCursor;
  }
  return { revisions, isCut: true };
}

/** Helm writes seconds since the epoch. */
function updatedAt(seconds: string, created: unknown): string | undefined {
  if (/^\d{9,11}$/.test(seconds)) return new Date(Number(seconds) * 1000).toISOString();
  return typeof created === "string" ? created : undefined;
}
