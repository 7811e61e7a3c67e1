/** A cluster made of objects, and a server in this process with the official client at its other end. */
import { Client } from "@modelcontextprotocol/client";
import { InMemoryTransport, type McpServer } from "@modelcontextprotocol/server";
import { analyzers } from "../../src/analyzers/index.ts";
import type { AnyListRequest, ApiResource, ClusterSource } from "../../src/cluster/source.ts";
import { type Cluster, createFleet, type Fleet, type McpOptions } from "../../src/server/mcp/context.ts";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { noMasking } from "../../src/server/mcp/masking.ts";
import { createMcpServer } from "../../src/server/mcp/server.ts";
import { createWatch } from "../../src/server/mcp/watch.ts";
import { isKindName, type KindName } from "../../src/kube/kinds.ts";
import { keepObject } from "../../src/kube/keep.ts";
import { parseSelector, selectorMatches } from "../../src/kube/selectors.ts";

/** An object as a manifest has it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

/** A resource of a server. */
export function resource(kind: string, plural: string, group = "", namespaced = true): ApiResource {
  return {
    group,
    version: "v1",
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: [],
    namespaced,
    verbs: ["get", "list"],
  };
}

/** What a test can see of the questions that a source was asked. */
export interface Asked {
  readonly lists: AnyListRequest[];
}

/** A live cluster that holds `manifests` and answers pages as an API server does. */
export function liveSource(
  manifests: readonly Manifest[],
  resources: readonly ApiResource[],
  logs: Readonly<Record<string, readonly string[]>> = {},
): { readonly source: ClusterSource; readonly asked: Asked } {
  const asked: Asked = { lists: [] };
  const groupOf = ({ apiVersion }: Manifest): string =>
    apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  const held = ({ plural, group }: { readonly plural: string; readonly group: string }): readonly Manifest[] => {
    const kind = resources.find((one) => one.plural === plural && one.group === group)?.kind;
    const key = ({ metadata }: Manifest): string => `${metadata.namespace ?? ""}/${metadata.name}`;
    return manifests
      .filter((one) => one.kind === kind && groupOf(one) === group)
      .sort((a, b) => (key(a) < key(b) ? -1 : 1));
  };
  const bare = ({ metadata }: Manifest) => ({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata });
  const source: ClusterSource = {
    info: { name: "test", source: "live", server: "https://127.0.0.1:1", serverVersion: "v1.34.4" },
    async read({ kinds, scope }) {
      const isOpen = ({ metadata: { namespace } }: Manifest): boolean =>
        namespace === undefined ||
        ((scope.include?.includes(namespace) ?? true) && scope.exclude?.includes(namespace) !== true);
      const objects = Object.fromEntries(
        kinds.map((kind: KindName) => [
          kind,
          manifests.filter((one) => one.kind === kind && isOpen(one)).flatMap((one) => keepObject(kind, one) ?? []),
        ]),
      );
      return {
        takenAt: Date.parse("2026-01-02T00:00:00Z"),
        cluster: this.info,
        objects,
        reads: kinds.map((kind) => ({ kind, state: "complete" })),
      };
    },
    log: async ({ pod, container }) => logs[`${pod}/${container}`],
    hasNamespace: async (name) =>
      manifests.some(({ kind, metadata }) => kind === "Namespace" && metadata.name === name),
    apiResources: async () => resources,
    async listAny(request) {
      asked.lists.push(request);
      const selector = request.labelSelector === undefined ? undefined : parseSelector(request.labelSelector);
      const all = held(request.resource).filter(
        ({ metadata }) =>
          (request.namespace === undefined || metadata.namespace === request.namespace) &&
          (selector === undefined || selectorMatches(selector, metadata.labels)),
      );
      const start = Number(request.continueToken ?? 0);
      const page = all.slice(start, start + request.limit);
      const end = start + page.length;
      const metadata = end < all.length ? { continue: String(end), remainingItemCount: all.length - end } : {};
      if (request.form !== "table")
        return { metadata, items: page.map((one) => (request.form === "whole" ? one : bare(one))) };
      return {
        kind: "Table",
        metadata,
        columnDefinitions: [
          { name: "Name", priority: 0 },
          { name: "Status", priority: 0 },
          { name: "Nominated Node", priority: 1 },
        ],
        rows: page.map((one) => ({ cells: [one.metadata.name, "Running", "x"], object: bare(one) })),
      };
    },
    async getAny({ resource: wanted, namespace, name, form }) {
      const found = held(wanted).find(
        ({ metadata }) => metadata.name === name && (!wanted.namespaced || metadata.namespace === namespace),
      );
      return found === undefined ? undefined : form === "whole" ? found : bare(found);
    },
    close: async () => undefined,
  };
  return { source, asked };
}

/** The same objects as a saved cluster: nothing to discover, no pages. */
export function savedSource(manifests: readonly Manifest[]): ClusterSource {
  const resources = [...new Set(manifests.map(({ kind }) => kind))].filter(isKindName);
  const live = liveSource(manifests, []).source;
  const info = { name: "saved", source: "saved" } as const;
  return {
    info,
    async read(request) {
      const input = await live.read({ ...request, kinds: request.kinds.filter((kind) => resources.includes(kind)) });
      return { ...input, cluster: info };
    },
    log: async (request, signal) => live.log(request, signal),
    hasNamespace: async (name, signal) => live.hasNamespace(name, signal),
    close: async () => undefined,
  };
}

/** Everything a server needs, with what a test wants otherwise. */
export function contextOf(
  source: ClusterSource,
  options: Partial<McpOptions> & { readonly clusters?: readonly Cluster[] } = {},
): Fleet {
  const core = analyzers.filter((analyzer) => analyzer.core);
  return createFleet({
    version: { version: "1.2.3", commit: "abc", date: "unknown" },
    clusters: [{ name: source.info.name, isSaved: source.info.source === "saved", open: async () => source }],
    chooseAnalyzers: async (filters) =>
      filters.length === 0 ? core : analyzers.filter(({ name }) => filters.includes(name)),
    filters: async () => ({
      coreFilters: ["Pod"],
      additionalFilters: [],
      integrationFilters: [],
      activeFilters: ["Pod"],
      activeFiltersFrom: "k8sgpt.yaml",
    }),
    parseLabels: parseSelector,
    policy: { denyTools: [], scope: {}, denyKinds: [] },
    masking: noMasking,
    signal: new AbortController().signal,
    now: () => 0,
    ...options,
  });
}

/** What a call gave. */
export interface Called {
  readonly isError: boolean;
  readonly text: string;
  /** Empty for an error. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** A client of the official SDK, connected. */
export interface Connected {
  readonly client: Client;
  readonly call: (name: string, args?: Readonly<Record<string, unknown>>) => Promise<Called>;
  readonly close: () => Promise<void>;
}

/** Connects a client to a server in this process. */
export async function connect(fleet: Fleet): Promise<Connected> {
  const watch = createWatch(fleet);
  const server: McpServer = createMcpServer(fleet, { watch });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(far);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(near);
  return {
    client,
    call: callerOf(client),
    async close() {
      await client.close();
      watch.close();
    },
  };
}

/** Calls tools and reads what they answer. */
export function callerOf(client: Client): Connected["call"] {
  return async (name, args = {}) => {
    const result = await client.callTool({ name, arguments: { ...args } });
    const [first] = result.content;
    return {
      isError: result.isError === true,
      text: first?.type === "text" ? first.text : "",
      data: isPlain(result.structuredContent) ? result.structuredContent : {},
    };
  };
}
