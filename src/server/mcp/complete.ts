/** What an argument may be: clusters, namespaces, kinds and names, as far as they are open. Nothing found is no failure. */
import type { Fleet, McpContext } from "./context.ts";
import { listPage, resolveResource, resourcesOf } from "./objects.ts";
import { namespacesOf } from "./tools/objects.ts";

/** What is known of a value that is being typed. */
export type Completed = "cluster" | "namespace" | "resourceType" | "name" | "podName" | "deploymentName" | "id";

type Given = Readonly<Record<string, string>>;

/** A huge cluster is not read to its end while somebody types. */
const pagesAtMost = 5;

/** Values of an argument that begin with `typed`, of which the SDK tells a hundred; `given` are the other arguments. */
export async function completions(
  fleet: Fleet,
  argument: Completed,
  typed: string,
  given: Given = {},
): Promise<string[]> {
  const { masking } = fleet.options;
  try {
    const context = fleet.pick(given["cluster"]);
    const plain = Object.fromEntries(
      Object.entries(given).map(([key, value]) => [key, String(masking.unmask(value))] as const),
    );
    const found = (await valuesOf(fleet, context, argument, plain)).map((value) => String(masking.mask(value)));
    const wanted = typed.toLowerCase();
    return [...new Set(found)].filter((value) => value.toLowerCase().startsWith(wanted));
  } catch {
    return [];
  }
}

async function valuesOf(
  fleet: Fleet,
  context: McpContext,
  argument: Completed,
  given: Given,
): Promise<readonly string[]> {
  switch (argument) {
    case "cluster":
      return fleet.clusters.map(({ name }) => name);
    case "namespace":
      return (await namespacesOf(context.forTool(["list-namespaces"]))).map(({ metadata }) => metadata?.name ?? "");
    case "resourceType":
      return (await resourcesOf(context)).map(({ plural, group }) => (group === "" ? plural : `${plural}.${group}`));
    case "name":
      return namesOf(context, given["resourceType"] ?? "pods", given["namespace"]);
    case "podName":
      return namesOf(context, "pods", given["namespace"]);
    case "deploymentName":
      return namesOf(context, "deployments", given["namespace"]);
    case "id":
      break;
  }
  const view = context.forTool(["analyze"]);
  const { report } = await view.analysis({ scope: view.policy.scope, filters: [], include: [] });
  return report.incidents.map(({ id }) => id);
}

async function namesOf(
  context: McpContext,
  resourceType: string,
  namespace: string | undefined,
): Promise<readonly string[]> {
  const view = context.forTool(["list-resources"]);
  const resource = await resolveResource(view, resourceType);
  const names: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < pagesAtMost; page += 1) {
    const { items, nextCursor } = await listPage(view, {
      resource,
      namespace: resource.namespaced && namespace !== "" ? namespace : undefined,
      output: "names",
      fields: [],
      limit: 1000,
      cursor,
      budgetBytes: Number.POSITIVE_INFINITY,
    });
    names.push(...items.map(({ name }) => String(name)));
    if (nextCursor === undefined) break;
    cursor = nextCursor;
  }
  return names;
}
