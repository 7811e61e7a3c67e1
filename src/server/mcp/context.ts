/** What the tools of one server share: the cluster, its policy, its masking, and the last analyses. */
import type { Analyzer } from "../../analyzers/define.ts";
import type { ApiResource, ClusterSource } from "../../cluster/source.ts";
import { analyze } from "../../engine/analyze.ts";
import { remembering } from "../../engine/remembering.ts";
import type { Report } from "../../findings/report.ts";
import type { LabelSelector } from "../../kube/selectors.ts";
import { createSnapshot, type Scope, type Snapshot, type SnapshotInput } from "../../kube/snapshot.ts";
import type { ServerMasking } from "./masking.ts";
import type { Policy } from "./policy.ts";

/** Filters as k8sgpt tells them apart. */
export interface FilterLists {
  readonly coreFilters: readonly string[];
  readonly additionalFilters: readonly string[];
  readonly integrationFilters: readonly string[];
  readonly activeFilters: readonly string[];
  /** The file or variable that chose the active ones. */
  readonly activeFiltersFrom: string;
}

/** What the command line gives to a server. */
export interface McpOptions {
  readonly version: { readonly version: string; readonly commit: string; readonly date: string };
  /** Opens the cluster; asked again after a failure. */
  readonly open: (signal: AbortSignal) => Promise<ClusterSource>;
  /** The analyzers for these filters, or the server's own when there are none. @throws Fault for an unknown one */
  readonly chooseAnalyzers: (filters: readonly string[]) => Promise<readonly Analyzer[]>;
  readonly filters: () => Promise<FilterLists>;
  /** Absent unless clients may change the config file. Gives what was done, as a sentence. */
  readonly changeFilters?: (change: "add" | "remove", names: readonly string[]) => Promise<string>;
  /** Understands a label selector. @throws Fault */
  readonly parseLabels: (text: string) => LabelSelector | undefined;
  readonly policy: Policy;
  readonly masking: ServerMasking;
  /** Ends everything that is under way. */
  readonly signal: AbortSignal;
  readonly now: () => number;
}

/** What is asked of an analysis. */
export interface AnalysisRequest {
  readonly scope: Scope;
  readonly filters: readonly string[];
  readonly labelSelector?: string | undefined;
  readonly include: readonly ("info" | "risk")[];
}

/** A report and what it was made from. */
export interface Analysis {
  readonly report: Report;
  readonly snapshot: Snapshot;
}

/** See the head of this file. */
export interface McpContext extends McpOptions {
  readonly source: () => Promise<ClusterSource>;
  /** Equal questions within a short time share one analysis. */
  readonly analysis: (request: AnalysisRequest, onRead?: (done: number, total: number) => void) => Promise<Analysis>;
  /** Reads some kinds; nothing is remembered. */
  readonly read: (request: Pick<Parameters<ClusterSource["read"]>[0], "kinds" | "scope">) => Promise<Snapshot>;
  /** What the server serves, asked once per five minutes; undefined for a saved cluster. */
  readonly discovery: (again?: boolean) => Promise<readonly ApiResource[] | undefined>;
  readonly close: () => Promise<void>;
}

/** A cluster changes: a report of it is as good as new for this long. */
const freshMs = 15_000;
const discoveryMs = 5 * 60_000;
/** Analyses kept at once. */
const keptAnalyses = 8;

/** Opens nothing yet. */
export function createContext(options: McpOptions): McpContext {
  const { signal, now, masking } = options;
  let opened: Promise<ClusterSource> | undefined;
  const source = async (): Promise<ClusterSource> => {
    opened ??= options.open(signal);
    const mine = opened;
    try {
      return await mine;
    } catch (error) {
      // The next call tries again: a cluster that was away comes back.
      if (opened === mine) opened = undefined;
      throw error;
    }
  };

  const analyses = new Map<string, { readonly made: Promise<Analysis>; readonly at: number }>();
  const isFresh = async (at: number): Promise<boolean> =>
    (await source()).info.source === "saved" || now() - at < freshMs;
  const analyzed = async (
    { scope, filters, labelSelector, include }: AnalysisRequest,
    onRead: ((done: number, total: number) => void) | undefined,
  ): Promise<Analysis> => {
    const analyzers = await options.chooseAnalyzers(filters);
    const selector = labelSelector === undefined ? undefined : options.parseLabels(labelSelector);
    const remembered = remembering(await source());
    const report = await analyze(remembered.source, {
      analyzers,
      scope,
      ...(selector !== undefined && { selector }),
      include,
      logs: false,
      signal,
      onProgress: ({ kindsDone, kindsTotal }) => onRead?.(kindsDone, kindsTotal),
    });
    const input = remembered.lastRead() ?? emptyInput(report);
    masking.learn(input);
    return { report, snapshot: createSnapshot(input) };
  };

  let discovered: { readonly made: Promise<readonly ApiResource[]>; readonly at: number } | undefined;
  return {
    ...options,
    source,
    async analysis(request, onRead) {
      const key = JSON.stringify(request);
      const known = analyses.get(key);
      if (known !== undefined && (await isFresh(known.at))) return known.made;
      const made = analyzed(request, onRead);
      made.catch(() => analyses.delete(key));
      analyses.delete(key);
      analyses.set(key, { made, at: now() });
      for (const oldest of analyses.keys()) if (analyses.size > keptAnalyses) analyses.delete(oldest);
      return made;
    },
    async read({ kinds, scope }) {
      const input = await (await source()).read({ kinds, scope, signal });
      masking.learn(input);
      return createSnapshot(input);
    },
    async discovery(again = false) {
      const cluster = await source();
      if (cluster.apiResources === undefined) return undefined;
      if (again || discovered === undefined || now() - discovered.at > discoveryMs) {
        discovered = { made: cluster.apiResources(signal), at: now() };
        discovered.made.catch(() => (discovered = undefined));
      }
      return discovered.made;
    },
    async close() {
      const open = await opened?.catch(() => undefined);
      await open?.close();
    },
  };
}

function emptyInput({ takenAt, cluster }: Report): SnapshotInput {
  return { takenAt, cluster, objects: {}, reads: [] };
}
