/** Tools that list and read objects of any kind. */
import { z } from "zod";
import { Fault } from "../../../fault.ts";
import type { EventRecord } from "../../../kube/events.ts";
import type { KubeObject } from "../../../kube/kinds.ts";
import { topOwnerOf } from "../../../kube/relations.ts";
import { fitting, nextPage, shortened, startOf } from "../answer.ts";
import { isPlain, type Plain, valueAt } from "../hygiene.ts";
import { fieldTests, getObject, listPage, resolveResource, resourcesOf } from "../objects.ts";
import { allowsNamespace, scopeFor } from "../policy.ts";
import { defineTool, type Tool } from "../tool.ts";
import { eventLine, incidentsAbout, objectsShape, place } from "./shapes.ts";

const namespace = z.string().optional().describe("Namespace; all that are open to this server when left out");
const resourceType = z
  .string()
  .describe(
    "Kind, plural or short name of any resource the cluster serves; `plural.group` or `group/version/Kind` where a name has several",
  );

/** Paging, the same for every list. */
export const paging = {
  limit: z.number().int().min(1).max(1000).default(100).describe("Objects per page"),
  cursor: z.string().optional().describe("`nextCursor` of the page before"),
};

export const objectTools: readonly Tool[] = [
  defineTool({
    names: ["list-resources"],
    title: "List objects of a kind",
    description:
      "Lists objects of any kind, also of custom resources: kubectl's columns by default, or names, chosen fields, or whole objects. Paged. Values of Secrets and ConfigMaps are never shown.",
    input: z.object({
      resourceType,
      namespace,
      labelSelector: z.string().optional().describe("As for kubectl -l"),
      fieldSelector: z.string().optional().describe("As for kubectl --field-selector"),
      output: z.enum(["table", "names", "objects"]).default("table"),
      fields: z.array(z.string()).default([]).describe("Only these paths, `spec.nodeName`; wins over output"),
      ...paging,
      continue: z.string().optional().describe("The same as cursor"),
    }),
    output: z.looseObject({
      resource: z.string(),
      count: z.number(),
      items: z.array(objectsShape),
      nextCursor: z.string().optional(),
    }),
    async run(input, { context, budgetBytes }) {
      const resource = await resolveResource(context, input.resourceType);
      const { items, nextCursor, remaining } = await listPage(context, {
        ...input,
        resource,
        namespace: resource.namespaced ? input.namespace : undefined,
        cursor: input.cursor ?? input.continue,
        output: input.fields.length > 0 ? "fields" : input.output,
        budgetBytes: budgetBytes - 500,
      });
      return {
        data: {
          resource: nameOf(resource),
          count: items.length,
          // One object may be larger than an answer.
          items: items.map((item) => shortened(item, budgetBytes - 1000).value),
          ...(remaining !== undefined && { remaining }),
          ...(nextCursor !== undefined && {
            nextCursor,
            note: "There are more: call again with cursor set to nextCursor",
          }),
        },
      };
    },
  }),
  defineTool({
    names: ["get-resource"],
    title: "Get one object",
    description:
      "One object of any kind, whole or only chosen fields. Values of Secrets, ConfigMaps and environment literals are replaced; managedFields are left out.",
    input: z.object({
      resourceType,
      name: z.string(),
      namespace: z.string().optional().describe("Default: default"),
      fields: z.array(z.string()).default([]).describe("Only these paths: `status.conditions`"),
    }),
    output: z.looseObject({ object: objectsShape }),
    async run({ resourceType: type, name, namespace: where, fields }, { context, budgetBytes }) {
      const resource = await resolveResource(context, type);
      const object = await getObject(context, resource, name, where);
      const chosen =
        fields.length === 0 ? object : Object.fromEntries(fields.map((path) => [path, valueAt(object, path) ?? null]));
      const { value, note } = shortened(chosen, budgetBytes - 500);
      return { data: { object: value, ...(note !== undefined && { note: `${note} Ask for parts with fields.` }) } };
    },
  }),
  defineTool({
    names: ["describe-resource"],
    title: "Describe one object",
    description:
      "One object with what belongs to it: its owners, its events, what is known to be wrong with it, and its incidents.",
    input: z.object({ resourceType, name: z.string(), namespace: z.string().optional().describe("Default: default") }),
    output: z.looseObject({
      object: objectsShape,
      owners: z.array(z.string()),
      events: z.array(objectsShape),
      incidents: z.array(objectsShape),
    }),
    async run({ resourceType: type, name, namespace: where }, { context, budgetBytes }) {
      const resource = await resolveResource(context, type);
      const object = await getObject(context, resource, name, where);
      const ref = { kind: resource.kind, name, ...(resource.namespaced && { namespace: where ?? "default" }) };
      const scope = scopeFor(context.policy, ref.namespace);
      const { report, snapshot } = await context.analysis({ scope, filters: [], include: [] });
      const events = (await context.read({ kinds: ["Event"], scope })).eventsOf(ref);
      const owned = snapshot.find(ref);
      const owner = owned === undefined ? undefined : topOwnerOf(snapshot, owned.object);
      const direct = [valueAt(object, "metadata.ownerReferences")].flat().filter(isPlain);
      const owners = [
        ...direct.map((one) => `${String(one["kind"])} ${String(one["name"])}`),
        ...(owner === undefined ? [] : [place(owner)]),
      ];
      const { value, note } = shortened(object, budgetBytes * 0.6);
      return {
        data: {
          object: value,
          owners: [...new Set(owners)],
          events: events.slice(0, 15).map((event) => eventLine(event, snapshot.takenAt)),
          incidents: incidentsAbout(report, ref),
          ...(note !== undefined && { note: `${note} Use get-resource with fields for parts.` }),
        },
      };
    },
  }),
  defineTool({
    names: ["get-api-resources", "list-api-resources"],
    title: "What the cluster serves",
    description: "The resources of the cluster, custom ones included, with their groups, versions and short names.",
    input: z.object({
      group: z.string().optional().describe("Only this API group; empty for the core group"),
      contains: z.string().optional().describe("Only names that contain this"),
      includeNamespaceScoped: z.boolean().default(true),
      includeClusterScoped: z.boolean().default(true),
      limit: z.number().int().min(1).max(1000).default(500),
      cursor: z.string().optional().describe("`nextCursor` of the page before"),
    }),
    output: z.looseObject({ count: z.number(), resources: z.array(objectsShape), nextCursor: z.string().optional() }),
    async run(
      { group, contains, includeNamespaceScoped, includeClusterScoped, limit, cursor },
      { context, budgetBytes },
    ) {
      const all = await resourcesOf(context);
      const found = all.filter(
        (one) =>
          (group === undefined || one.group === group) &&
          (one.namespaced ? includeNamespaceScoped : includeClusterScoped) &&
          (contains === undefined ||
            `${one.kind} ${one.plural}.${one.group}`.toLowerCase().includes(contains.toLowerCase())),
      );
      const start = startOf(cursor);
      const page = found
        .slice(start, start + limit)
        .map(({ group: of, version, kind, plural, shortNames, namespaced }) => ({
          name: plural,
          kind,
          apiVersion: of === "" ? version : `${of}/${version}`,
          namespaced,
          ...(shortNames.length > 0 && { shortNames }),
        }));
      const count = fitting(page, budgetBytes - 500);
      return {
        data: { count: found.length, resources: page.slice(0, count), ...nextPage(start + count, found.length) },
      };
    },
  }),
  defineTool({
    names: ["list-namespaces"],
    title: "List namespaces",
    description: "The namespaces that are open to this server, with phase and labels.",
    input: z.object(paging),
    reads: ["namespaces"],
    output: z.looseObject({ count: z.number(), namespaces: z.array(objectsShape), nextCursor: z.string().optional() }),
    async run({ limit, cursor }, { context, budgetBytes }) {
      const all = await namespacesOf(context);
      const start = cursor === undefined ? 0 : all.findIndex(({ metadata }) => metadata?.name === cursor) + 1;
      const page = all.slice(start, start + limit).map((one) => ({
        name: one.metadata?.name ?? "",
        phase: one.status?.phase ?? "Active",
        ...(one.metadata?.labels !== undefined && { labels: one.metadata.labels }),
      }));
      const shown = page.slice(0, fitting(page, budgetBytes - 500));
      const rest = all.length - start - shown.length;
      return {
        data: {
          count: all.length,
          namespaces: shown,
          ...(rest > 0 && {
            nextCursor: shown.at(-1)?.name ?? "",
            note: `${rest} more: call again with cursor set to nextCursor`,
          }),
        },
      };
    },
  }),
  defineTool({
    names: ["get-namespace"],
    title: "A namespace at a glance",
    description:
      "One namespace: phase, labels, quotas, how many workloads and Pods of which phase, recent warnings, and its incidents.",
    input: z.object({ name: z.string().optional(), namespace: z.string().optional().describe("The same as name") }),
    output: z.looseObject({ namespace: z.string(), phase: z.string(), incidents: z.array(objectsShape) }),
    async run(input, { context, budgetBytes }) {
      const name = input.name ?? input.namespace;
      if (name === undefined)
        throw new Fault("Which namespace?", { next: "Give its name; `list-namespaces` lists them" });
      const scope = scopeFor(context.policy, name);
      const source = await context.source();
      if ((await source.hasNamespace(name, context.signal)) === false) {
        throw new Fault(`Namespace "${name}" does not exist`, { next: "`list-namespaces` lists them" });
      }
      const { report, snapshot } = await context.analysis({ scope, filters: [], include: [] });
      const quotas = await context.read({ kinds: ["ResourceQuota", "Event"], scope });
      const kept = snapshot.get("Namespace", undefined, name);
      const pods = Map.groupBy(snapshot.inNamespace("Pod", name), ({ status }) => status?.phase ?? "Unknown");
      const workloads = (
        ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service", "Ingress"] as const
      ).flatMap((kind): readonly (readonly [string, number])[] => {
        const { length } = snapshot.inNamespace(kind, name);
        return length === 0 ? [] : [[kind, length]];
      });
      const data = {
        namespace: name,
        phase: kept?.status?.phase ?? "Active",
        labels: kept?.metadata?.labels ?? {},
        objects: Object.fromEntries(workloads),
        pods: Object.fromEntries([...pods].map(([phase, { length }]) => [phase, length])),
        quotas: quotas.inNamespace("ResourceQuota", name).map((quota) => ({
          name: quota.metadata?.name ?? "",
          hard: quota.status?.hard ?? {},
          used: quota.status?.used ?? {},
        })),
        warnings: quotas
          .events()
          .filter(({ type, regarding }) => type === "Warning" && regarding.namespace === name)
          .slice(0, 10)
          .map((event) => eventLine(event, snapshot.takenAt)),
        incidents: report.incidents.map(({ id, severity, root }) => ({
          id,
          severity,
          title: root.title,
          object: place(root.object),
        })),
      };
      const { value, note } = shortened(data, budgetBytes - 200);
      return { data: { ...value, ...(note !== undefined && { note }) } };
    },
  }),
  defineTool({
    names: ["get-events", "list-events"],
    title: "List events",
    description: "Events, newest first, of the cluster, a namespace or one object.",
    input: z.object({
      namespace,
      involvedObjectName: z.string().optional(),
      involvedObjectKind: z.string().optional(),
      type: z.enum(["Normal", "Warning"]).optional(),
      reason: z.string().optional(),
      fieldSelector: z
        .string()
        .optional()
        .describe("involvedObject.name, involvedObject.kind, involvedObject.namespace, type, reason, as for kubectl"),
      limit: z.number().int().min(1).max(1000).default(50),
      cursor: z.string().optional().describe("`nextCursor` of the page before"),
    }),
    reads: ["events"],
    output: z.looseObject({ count: z.number(), events: z.array(objectsShape), nextCursor: z.string().optional() }),
    async run(input, { context, budgetBytes }) {
      const snapshot = await context.read({ kinds: ["Event"], scope: scopeFor(context.policy, input.namespace) });
      const [read] = snapshot.reads;
      if (read?.state === "unread") throw new Fault(`Cannot list Events: ${read.reason ?? "they could not be read"}`);
      const isSelected = eventFilter(input.fieldSelector);
      const all = snapshot
        .events()
        .filter((event) => isSelected(event))
        .filter(
          ({ regarding, type, reason }) =>
            allowsNamespace(context.policy, regarding.namespace) &&
            (input.reason === undefined || input.reason === reason) &&
            (input.type === undefined || input.type === type) &&
            (input.involvedObjectName === undefined || input.involvedObjectName === regarding.name) &&
            (input.involvedObjectKind === undefined ||
              input.involvedObjectKind.toLowerCase() === regarding.kind.toLowerCase()),
        );
      const start = startOf(input.cursor);
      const lines: Plain[] = [];
      let bytes = 0;
      for (const event of all.slice(start, start + input.limit)) {
        const line = eventLine(event, snapshot.takenAt);
        bytes += JSON.stringify(line).length + 1;
        if (bytes > budgetBytes - 500 && lines.length > 0) break;
        lines.push(line);
      }
      const end = start + lines.length;
      return {
        data: {
          count: all.length,
          events: lines,
          ...(end < all.length && {
            nextCursor: String(end),
            note: `${all.length - end} older ones: call again with cursor set to nextCursor`,
          }),
        },
      };
    },
  }),
];

/** A field selector for events, over the fields that are kept of them. @throws Fault for another field */
function eventFilter(text: string | undefined): (event: EventRecord) => boolean {
  const tests = fieldTests(text).map(({ path, value, isEqual }) => {
    const read = eventFields[path];
    if (read === undefined) {
      throw new Fault(`Events are not selected by "${path}"`, {
        next: `Use ${Object.keys(eventFields).join(", ")}`,
      });
    }
    return (event: EventRecord): boolean => (read(event) === value) === isEqual;
  });
  return (event) => tests.every((test) => test(event));
}

const eventFields: Readonly<Record<string, (event: EventRecord) => string | undefined>> = {
  "involvedObject.kind": ({ regarding }) => regarding.kind,
  "involvedObject.name": ({ regarding }) => regarding.name,
  "involvedObject.namespace": ({ regarding }) => regarding.namespace,
  "metadata.namespace": ({ regarding }) => regarding.namespace,
  reason: ({ reason }) => reason,
  type: ({ type }) => type,
};

/** The namespaces that are open, by name. */
export async function namespacesOf(
  context: Parameters<typeof resourcesOf>[0],
): Promise<readonly KubeObject<"Namespace">[]> {
  const snapshot = await context.read({ kinds: ["Namespace"], scope: {} });
  const [read] = snapshot.reads;
  if (read?.state === "unread" && snapshot.list("Namespace").length === 0) {
    throw new Fault(
      `Cannot list Namespaces: ${read.reason ?? "they could not be read"}`,
      read.next === undefined ? {} : { next: read.next },
    );
  }
  return snapshot.list("Namespace").filter(({ metadata }) => allowsNamespace(context.policy, metadata?.name));
}

function nameOf({
  plural,
  group,
  version,
}: {
  readonly plural: string;
  readonly group: string;
  readonly version: string;
}): string {
  return group === "" ? `${plural} (${version})` : `${plural}.${group} (${version})`;
}
