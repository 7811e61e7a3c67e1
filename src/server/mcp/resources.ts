/** Resources: a few by name, one incident and one object by template, and subscriptions to incidents. */
import {
  type McpServer,
  type ReadResourceResult,
  ResourceNotFoundError,
  ResourceTemplate,
} from "@modelcontextprotocol/server";
import { Fault, messageOf } from "../../fault.ts";
import { redactCredentials } from "../../kube/credentials.ts";
import { answerBytes, fitting, jsonText, shortened } from "./answer.ts";
import { completions, type Completed } from "./complete.ts";
import type { Fleet, McpContext } from "./context.ts";
import { isPlain, type Plain } from "./hygiene.ts";
import { getObject, resolveResource } from "./objects.ts";
import { allowsTool } from "./policy.ts";
import { namespacesOf } from "./tools/objects.ts";
import { clusterInfo } from "./tools/own.ts";
import { incidentLines, findingLines } from "./tools/shapes.ts";
import { type Address, readUri } from "./uris.ts";
import type { Listening, Watch } from "./watch.ts";

interface Named {
  readonly name: string;
  readonly description: string;
  /** The tool whose policy counts. */
  readonly tool: string;
  /** It is about this server: the cluster does not matter. */
  readonly isOwn?: boolean;
  readonly read: (context: McpContext) => Promise<Plain>;
}

const named: readonly Named[] = [
  {
    name: "cluster-info",
    description: "Version, platform and nodes of the cluster",
    tool: "cluster-info",
    read: clusterInfo,
  },
  {
    name: "namespaces",
    description: "The namespaces that are open to this server",
    tool: "list-namespaces",
    async read(context) {
      const names = (await namespacesOf(context)).map(({ metadata }) => metadata?.name ?? "");
      return { count: names.length, namespaces: names };
    },
  },
  {
    name: "incidents",
    description: "What is broken, worst first; changes are told to subscribers",
    tool: "analyze",
    async read(context) {
      const { report } = await context.analysis({ scope: context.policy.scope, filters: [], include: [] });
      const lines = report.incidents.map((one) => incidentLines(one, report.takenAt));
      const count = fitting(lines, answerBytes - 1500);
      const { status, complete } = report;
      const rest = lines.length - count;
      return {
        status,
        complete,
        count: lines.length,
        incidents: lines.slice(0, count),
        ...(rest > 0 && { note: `${rest} more: the tool analyze gives them page by page` }),
      };
    },
  },
  {
    name: "analyzers",
    description: "Every analyzer, and which are active",
    tool: "list-filters",
    isOwn: true,
    read: async (context) => ({ ...(await context.filters()) }),
  },
  {
    name: "active-filters",
    description: "The analyzers that run when none is named",
    tool: "list-filters",
    isOwn: true,
    async read(context) {
      const { activeFilters } = await context.filters();
      return { count: activeFilters.length, activeFilters };
    },
  },
];

const templates = [
  {
    name: "incident",
    uri: "k8s://incidents/{id}",
    description: "All that is known of one incident",
    tool: "explain",
    variables: ["id"],
  },
  {
    name: "namespaced-object",
    uri: "k8s://objects/{resourceType}/{namespace}/{name}",
    description: "One object in a namespace, without values of Secrets, ConfigMaps and environment variables",
    tool: "get-resource",
    variables: ["resourceType", "namespace", "name"],
  },
  {
    name: "cluster-object",
    uri: "k8s://objects/{resourceType}/{name}",
    description: "One object of the cluster as a whole: a Node, a PersistentVolume",
    tool: "get-resource",
    variables: ["resourceType", "name"],
  },
] as const satisfies readonly {
  readonly name: string;
  readonly uri: string;
  readonly description: string;
  readonly tool: string;
  readonly variables: readonly Completed[];
}[];

/** A resource that was read, as the audit log tells it. */
export interface ResourceRead {
  readonly context: McpContext;
  readonly namespaces: readonly string[];
  readonly kinds: readonly string[];
}

/** What `registerResources` needs beside the server. */
export interface ResourceOptions {
  readonly fleet: Fleet;
  /** Absent where nobody could be told: a request that stands for itself. */
  readonly watch: Watch | undefined;
  /** Runs a read and writes it down. */
  readonly audited: <T>(read: ResourceRead, work: () => Promise<T>) => Promise<T>;
}

/** Registers all of them. Nothing is read yet. */
export function registerResources(server: McpServer, { fleet, watch, audited }: ResourceOptions): void {
  const { policy, masking } = fleet.options;
  const isSeveral = fleet.clusters.length > 1;
  const open = named.filter(({ tool }) => allowsTool(policy, [tool]));
  const openTemplates = templates.filter(({ tool }) => allowsTool(policy, [tool]));
  // `resources/read` below answers for all of them.
  const unused = async (uri: URL): Promise<ReadResourceResult> => read(uri.href);
  for (const { name, description } of open) {
    // The bare name is k8sgpt's own address for it.
    for (const uri of [name, `k8s://${name}`]) {
      const title = uri === name ? name : `${name} (k8s://)`;
      server.registerResource(title, uri, { description, mimeType: "application/json" }, unused);
    }
  }
  for (const { name, uri, description, variables } of openTemplates) {
    const all: readonly Completed[] = isSeveral ? [...variables, "cluster"] : variables;
    const complete = Object.fromEntries(
      all.map((variable) => [
        variable,
        async (typed: string, context?: { readonly arguments?: Record<string, string> }) =>
          completions(fleet, variable, typed, context?.arguments),
      ]),
    );
    const template = new ResourceTemplate(isSeveral ? `${uri}{?cluster}` : uri, { list: undefined, complete });
    server.registerResource(name, template, { description, mimeType: "application/json" }, unused);
  }

  const addressOf = (uri: string): { readonly address: Address; readonly about: Named | undefined } => {
    const written = readUri(uri);
    if (written === undefined) throw new ResourceNotFoundError(uri);
    const address = unmaskedAddress(written, (text) => String(masking.unmask(text)));
    const about = address.type === "named" ? open.find(({ name }) => name === address.name) : undefined;
    const isOpen =
      address.type === "named"
        ? about !== undefined
        : openTemplates.some(({ name }) => (name === "incident") === (address.type === "incident"));
    const isKnown = address.cluster === undefined || fleet.clusters.some(({ name }) => name === address.cluster);
    if (!isOpen || !isKnown) throw new ResourceNotFoundError(uri);
    return { address, about };
  };

  const read = async (uri: string): Promise<ReadResourceResult> => {
    const { address, about } = addressOf(uri);
    const context = fleet.pick(address.cluster);
    const touched =
      address.type === "object"
        ? {
            namespaces: address.namespace === undefined ? [] : [address.namespace],
            kinds: [address.resourceType],
          }
        : { namespaces: [], kinds: [] };
    return audited({ context, ...touched }, async () => {
      try {
        const value = await valueAt(context, address, about);
        const isNamed = about?.isOwn !== true;
        const masked = masking.mask(value);
        const whole = { ...(isNamed && { cluster: context.name }), ...(isPlain(masked) ? masked : {}) };
        const { value: short, note } = shortened(whole, answerBytes - 200);
        const text = jsonText({ ...short, ...(note !== undefined && { note }) });
        return { contents: [{ uri, mimeType: "application/json", text }] };
      } catch (error) {
        if (error instanceof MissingResource) throw new ResourceNotFoundError(uri);
        const next = error instanceof Fault && error.next !== undefined ? `; next: ${error.next}` : "";
        const plain = redactCredentials(`${messageOf(error)}${next}`);
        throw new Error(masking.isOn ? maskedError(context, plain) : plain, { cause: error });
      }
    });
  };
  const maskedError = (context: McpContext, text: string): string =>
    String(masking.mask(text.replace(/(context) "[^"]*"/g, `$1 "${context.name}"`)));
  // The SDK reads whole URIs only; k8sgpt's clients ask for bare names.
  server.server.setRequestHandler("resources/read", async ({ params: { uri } }) => read(uri));
  if (watch === undefined) return;

  const subscribed = new Map<string, Listening>();
  server.server.setRequestHandler("resources/subscribe", async ({ params: { uri } }) => {
    const { address } = addressOf(uri);
    const isIncident = address.type === "incident" || (address.type === "named" && address.name === "incidents");
    if (!isIncident) throw new Error(`Changes of ${uri} are not told; those of k8s://incidents and of incidents are`);
    subscribed.get(uri)?.end();
    const heard = (changed: string): void => {
      // Who no longer listens misses nothing.
      if (changed === uri) server.server.sendResourceUpdated({ uri }).catch(() => undefined);
    };
    const listening = watch.listen(fleet.pick(address.cluster), heard);
    subscribed.set(uri, listening);
    await listening.ready;
    return {};
  });
  server.server.setRequestHandler("resources/unsubscribe", async ({ params: { uri } }) => {
    subscribed.get(uri)?.end();
    subscribed.delete(uri);
    return {};
  });
  const { onclose } = server.server;
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's server is no event target
  server.server.onclose = () => {
    for (const { end } of subscribed.values()) end();
    subscribed.clear();
    onclose?.();
  };
}

/** What an address stands for is not there. */
class MissingResource extends Error {}

async function valueAt(context: McpContext, address: Address, about: Named | undefined): Promise<Plain> {
  if (address.type === "named") return about?.read(context.forTool([about.tool])) ?? {};
  if (address.type === "object") {
    const view = context.forTool(["get-resource"]);
    const resource = await resolveResource(view, address.resourceType);
    if (resource.namespaced !== (address.namespace !== undefined)) throw new MissingResource();
    return { object: await getObject(view, resource, address.name, address.namespace) };
  }
  const view = context.forTool(["explain"]);
  const { report } = await view.analysis({ scope: view.policy.scope, filters: [], include: [] });
  const found = report.incidents.find(({ id }) => id === address.id);
  if (found === undefined) throw new MissingResource();
  return {
    incident: incidentLines(found, report.takenAt, { isAlone: true }),
    findings: found.members.map((member) => findingLines(member, view.commandContext)),
  };
}

/** Cluster names are ours, the others may be tokens. */
function unmaskedAddress(address: Address, unmask: (text: string) => string): Address {
  if (address.type !== "object") return address;
  const { namespace, name } = address;
  return { ...address, ...(namespace !== undefined && { namespace: unmask(namespace) }), name: unmask(name) };
}
