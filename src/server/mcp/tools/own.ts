/** Tools about the cluster as a whole, about this server and about k8sgpt's own settings. */
import { z } from "zod";
import type { McpContext } from "../context.ts";
import type { Plain } from "../hygiene.ts";
import { defineTool, type Tool } from "../tool.ts";
import { objectsShape } from "./shapes.ts";

const none = z.object({});

/** k8sgpt's integrations, and the filters that each stands for. */
const integrations: Readonly<Record<string, readonly string[]>> = {
  aws: ["EKS"],
  keda: ["ScaledObject"],
  kyverno: ["PolicyReport", "ClusterPolicyReport"],
  prometheus: ["PrometheusConfigValidate", "PrometheusConfigRelabelReport"],
  trivy: ["VulnerabilityReport", "ConfigAuditReport"],
};

/** The filters that come with an integration. */
export const integrationFilters: readonly string[] = Object.values(integrations).flat();

/** What is known of the cluster as a whole: for the tool and for the resource of the same name. */
export async function clusterInfo(context: McpContext): Promise<Plain> {
  const { info } = await context.source();
  const snapshot = await context.read({ kinds: ["Node", "Namespace"], scope: {} });
  const nodes = snapshot.list("Node");
  const nodeInfos = nodes.map(({ status }) => status?.nodeInfo);
  const kubelets = [...new Set(nodeInfos.flatMap((one) => one?.kubeletVersion ?? []))].sort();
  const unread = snapshot.reads.filter(({ state }) => state === "unread");
  return {
    context: context.name,
    source: info.source,
    ...(info.server !== undefined && { server: info.server }),
    version: info.serverVersion ?? "unknown",
    gitVersion: info.serverVersion ?? "unknown",
    platform: "kubernetes",
    takenAt: new Date(snapshot.takenAt).toISOString(),
    nodes: nodes.length,
    nodesReady: nodes.filter(({ status }) =>
      (status?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True"),
    ).length,
    kubeletVersions: kubelets,
    namespaces: snapshot.list("Namespace").length,
    ...(unread.length > 0 && {
      notRead: unread.map(({ kind, reason }) => `${kind}: ${reason ?? "could not be read"}`),
    }),
  };
}

export const ownTools: readonly Tool[] = [
  defineTool({
    names: ["cluster-info"],
    title: "Which cluster this is",
    description: "Context, version, nodes and their kubelets, namespaces.",
    input: none,
    output: z.looseObject({ context: z.string(), version: z.string(), nodes: z.number() }),
    run: async (_, { context }) => ({ data: await clusterInfo(context) }),
  }),
  defineTool({
    names: ["list-contexts"],
    title: "Which clusters there are",
    description: "The clusters that this server was started for: any tool takes one of them as `cluster`.",
    input: none,
    isOwn: true,
    output: z.looseObject({ current: z.string(), contexts: z.array(objectsShape) }),
    async run(_, { fleet: { clusters } }) {
      const contexts = await Promise.all(
        clusters.map(async (one) => {
          const info = await one.opened();
          return {
            name: one.name,
            source: one.isSaved ? "saved" : "live",
            ...(info?.serverVersion !== undefined && { version: info.serverVersion }),
            // A cluster is opened when it is first asked about.
            ...(info === undefined && { opened: false }),
          };
        }),
      );
      return { data: { current: clusters[0].name, count: contexts.length, contexts } };
    },
  }),
  defineTool({
    names: ["health"],
    title: "Whether this server can read the cluster",
    description: "Opens the cluster if need be, asks it once, and tells how long that took.",
    input: none,
    output: z.looseObject({ status: z.enum(["ok", "degraded"]), milliseconds: z.number() }),
    async run(_, { context }) {
      const started = performance.now();
      const { info } = await context.source();
      const { reads } = await context.read({ kinds: ["Namespace"], scope: {} });
      const [read] = reads;
      const isRead = read?.state === "complete" || read?.state === "partial";
      return {
        data: {
          status: isRead ? "ok" : "degraded",
          context: context.name,
          source: info.source,
          milliseconds: Math.round(performance.now() - started),
          ...(!isRead && { reason: `Namespaces cannot be read: ${read?.reason ?? "no answer"}` }),
        },
      };
    },
  }),
  defineTool({
    names: ["version"],
    title: "Which build this is",
    description: "The version of k8sgpt.",
    input: none,
    isOwn: true,
    output: z.looseObject({ version: z.string() }),
    run: async (_, { context: { version } }) => ({ data: { name: "k8sgpt", ...version, node: process.version } }),
  }),
  defineTool({
    names: ["list-filters"],
    title: "List analyzers",
    description: "The analyzers that can be named as filters, and those that run when none is named.",
    input: none,
    isOwn: true,
    output: z.looseObject({ activeFilters: z.array(z.string()) }),
    run: async (_, { context }) => ({ data: { ...(await context.filters()) } }),
  }),
  defineTool({
    names: ["list-integrations"],
    title: "List integrations",
    description: "k8sgpt's integrations, and whether their filters are active.",
    input: none,
    isOwn: true,
    output: z.looseObject({ integrations: z.array(objectsShape) }),
    async run(_, { context }) {
      const { activeFilters, coreFilters, additionalFilters, integrationFilters: optional } = await context.filters();
      const known = new Set([...coreFilters, ...additionalFilters, ...optional]);
      return {
        data: {
          integrations: Object.entries(integrations).map(([name, filters]) => ({
            name,
            active: filters.some((filter) => activeFilters.includes(filter)),
            filters: filters.filter((filter) => known.has(filter)),
          })),
        },
      };
    },
  }),
  defineTool({
    names: ["config"],
    title: "How this server is set up",
    description:
      "Active filters and where they come from, what is open to clients, whether names are masked. Shows no secret and changes nothing.",
    input: none,
    isOwn: true,
    output: z.looseObject({ activeFilters: z.array(z.string()), anonymize: z.boolean() }),
    async run(_, { context }) {
      const { activeFilters, activeFiltersFrom } = await context.filters();
      const { policy, masking, changeFilters } = context;
      return {
        data: {
          activeFilters,
          activeFiltersFrom: activeFiltersFrom.split(/[\\/]/).at(-1) ?? "",
          anonymize: masking.isOn,
          filtersCanBeChanged: changeFilters !== undefined,
          ...(policy.scope.include !== undefined && { namespaces: policy.scope.include }),
          ...(policy.scope.exclude !== undefined && { namespacesLeftOut: policy.scope.exclude }),
          ...(policy.denyKinds.length > 0 && { kindsLeftOut: policy.denyKinds }),
        },
      };
    },
  }),
  ...(["add", "remove"] as const).map((change) =>
    defineTool({
      names: [`${change}-filters`],
      title: change === "add" ? "Run more analyzers by default" : "Run fewer analyzers by default",
      description: `${change === "add" ? "Adds filters to" : "Removes filters from"} the active ones in k8sgpt's own config file. No cluster is touched.`,
      input: z.object({ filters: z.array(z.string()).min(1) }),
      output: z.looseObject({ done: z.string(), activeFilters: z.array(z.string()) }),
      isWriting: true,
      isOwn: true,
      async run({ filters }, { context }) {
        const done = (await context.changeFilters?.(change, filters)) ?? "";
        return { data: { done, activeFilters: (await context.filters()).activeFilters } };
      },
    }),
  ),
];
