/** What the tools of one server share: its clusters, its policy, its masking, and the last analyses of each cluster. */
import type { Analyzer } from "../../analyzers/define.ts";
import type { ApiResource, ClusterSource } from "../../cluster/source.ts";
import { analyze } from "../../engine/analyze.ts";
import { remembering } from "../../engine/remembering.ts";
import { Fault } from "../../fault.ts";
import type { Incident, Report } from "../../findings/report.ts";
import type { LabelSelector } from "../../kube/selectors.ts";
import { createSnapshot, type Scope, type Snapshot, type SnapshotInput } from "../../kube/snapshot.ts";
import type { ServerMasking } from "./masking.ts";
import { type Policy, policyFor, restrictedSource } from "./policy.ts";

/** Filters as k8sgpt tells them apart. */
export interface FilterLists {
  readonly coreFilters: readonly string[];
  readonly additionalFilters: readonly string[];
  readonly integrationFilters: readonly string[];
  readonly activeFilters: readonly string[];
  /** The file or variable that chose the active ones. */
  readonly activeFiltersFrom: string;
}

/** One cluster that clients may ask about. */
export interface Cluster {
  /** The context's name, or that of the saved cluster; unique in a server. */
  readonly name: string;
  readonly isSaved: boolean;
  /** Whether commands about it must say which cluster they are for: it is a context that the server's owner named. */
  readonly isNamed?: boolean;
  /** Opens it; asked again after a failure. */
  readonly open: (signal: AbortSignal) => Promise<ClusterSource>;
}

/** Explanations by an AI backend, for as many incidents as are asked about. */
export interface Explained {
  readonly backend: string;
  /** The same incidents, in the same order, with their explanations or the reasons why they have none. */
  readonly incidents: readonly Incident[];
}

/** How an explanation is asked for. */
export interface Asking {
  readonly backend?: string | undefined;
  readonly language?: string | undefined;
  /** Neither looks it up nor keeps it. */
  readonly noCache?: boolean;
}

/** One call as the audit log tells it: names and numbers, never a body. */
export interface AuditedCall {
  readonly client: string;
  readonly tool: string;
  readonly context: string;
  readonly namespaces: readonly string[];
  readonly kinds: readonly string[];
  readonly masked: boolean;
  readonly outcome: "answered" | "failed" | "refused" | "cancelled";
  readonly ms: number;
}

/** What the command line gives to a server. */
export interface McpOptions {
  readonly version: { readonly version: string; readonly commit: string; readonly date: string };
  /** The analyzers for these filters, or the server's own when there are none. @throws Fault for an unknown one */
  readonly chooseAnalyzers: (filters: readonly string[]) => Promise<readonly Analyzer[]>;
  readonly filters: () => Promise<FilterLists>;
  /** Absent unless clients may change the config file. Gives what was done, as a sentence. */
  readonly changeFilters?: (change: "add" | "remove", names: readonly string[]) => Promise<string>;
  /** Understands a label selector. @throws Fault */
  readonly parseLabels: (text: string) => LabelSelector | undefined;
  readonly policy: Policy;
  readonly masking: ServerMasking;
  /**
   * Asks an AI backend about the incidents of `report`: the one named, or the configured one.
   *
   * @throws Fault when there is none, or it cannot be used
   */
  readonly explain?: (
    report: Report,
    input: SnapshotInput | undefined,
    asked: Asking,
    signal: AbortSignal,
  ) => Promise<Explained>;
  /** Keeps a record of calls. @throws Fault when it cannot: nothing may be answered then */
  readonly audit?: (call: AuditedCall) => void;
  /** Names under which another server's tools are known, too. */
  readonly aliases?: readonly "mcp-k8s"[];
  /** How often a cluster is looked at while somebody is subscribed to its incidents, in milliseconds. */
  readonly watchMs?: number;
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
  readonly input: SnapshotInput;
  readonly snapshot: Snapshot;
}

/** One cluster as the tools see it, within what is open to them. */
export interface McpContext extends McpOptions {
  /** As clients know it: its own name, or `cluster-1` when names are masked. */
  readonly name: string;
  readonly isSaved: boolean;
  /** The context that commands must name; undefined where the current one is meant, or none. */
  readonly commandContext: string | undefined;
  readonly source: () => Promise<ClusterSource>;
  /** Equal questions within a short time share one analysis. */
  readonly analysis: (
    request: AnalysisRequest,
    options?: {
      readonly onRead?: ((done: number, total: number) => void) | undefined;
      /** Reads the cluster whatever is remembered. */
      readonly isAnew?: boolean;
    },
  ) => Promise<Analysis>;
  /** Reads some kinds; nothing is remembered. */
  readonly read: (request: Pick<Parameters<ClusterSource["read"]>[0], "kinds" | "scope">) => Promise<Snapshot>;
  /** What the server serves, asked once per five minutes; undefined for a saved cluster. */
  readonly discovery: (again?: boolean) => Promise<readonly ApiResource[] | undefined>;
  /** The same cluster as far as a tool may see it. @throws Fault when the tool may not see it at all */
  readonly forTool: (names: readonly string[]) => McpContext;
  /** Whether it was opened, and what it then said of itself. */
  readonly opened: () => Promise<ClusterSource["info"] | undefined>;
  readonly close: () => Promise<void>;
}

/** The clusters of one server; the first is meant when none is named. */
export interface Fleet {
  readonly options: McpOptions;
  readonly clusters: readonly [McpContext, ...McpContext[]];
  /** The cluster of that name, or the first. @throws Fault when there is none */
  readonly pick: (name?: string) => McpContext;
  readonly close: () => Promise<void>;
}

/** A cluster changes: a report of it is as good as new for this long. */
const freshMs = 15_000;
const discoveryMs = 5 * 60_000;
/** Analyses kept at once. */
const keptAnalyses = 8;

/** Opens nothing yet. @throws Error without a cluster */
export function createFleet(options: McpOptions & { readonly clusters: readonly Cluster[] }): Fleet {
  const { clusters: given, ...shared } = options;
  const contexts = given.map((cluster, index) =>
    createContext(shared, cluster, shared.masking.isOn ? `cluster-${index + 1}` : cluster.name),
  );
  const [first, ...more] = contexts;
  if (first === undefined) throw new Error("a server needs a cluster");
  return {
    options: shared,
    clusters: [first, ...more],
    pick(name) {
      const found = name === undefined || name === "" ? first : contexts.find((one) => one.name === name);
      if (found !== undefined) return found;
      throw new Fault(`There is no cluster "${name ?? ""}" here`, {
        next: `Name one of ${contexts.map((one) => one.name).join(", ")}, or none for ${first.name}`,
      });
    },
    async close() {
      await Promise.all(contexts.map(async (one) => one.close()));
    },
  };
}

function createContext(options: McpOptions, cluster: Cluster, name: string): McpContext {
  const { signal, now, masking } = options;
  let opening: Promise<ClusterSource> | undefined;
  const open = async (): Promise<ClusterSource> => {
    opening ??= cluster.open(signal);
    const mine = opening;
    try {
      return await mine;
    } catch (error) {
      // The next call tries again: a cluster that was away comes back.
      if (opening === mine) opening = undefined;
      throw error;
    }
  };
  const analyses = new Map<string, { readonly made: Promise<Analysis>; readonly at: number }>();
  let discovered: { readonly made: Promise<readonly ApiResource[]>; readonly at: number } | undefined;
  const views = new Map<string, McpContext>();

  /** What may be seen under `policy`; all views of a cluster share its connection and what is remembered. */
  const view = (policy: Policy): McpContext => {
    const restricted = new WeakMap<ClusterSource, ClusterSource>();
    const source = async (): Promise<ClusterSource> => {
      const whole = await open();
      const known = restricted.get(whole) ?? restrictedSource(whole, policy);
      restricted.set(whole, known);
      return known;
    };
    const isFresh = (at: number): boolean => cluster.isSaved || now() - at < freshMs;
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
      return { report, input, snapshot: createSnapshot(input) };
    };
    return {
      ...options,
      policy,
      name,
      isSaved: cluster.isSaved,
      commandContext: cluster.isNamed === true ? name : undefined,
      source,
      async analysis(request, { onRead, isAnew = false } = {}) {
        const key = JSON.stringify([request, policy.denyKinds]);
        const known = analyses.get(key);
        if (known !== undefined && isFresh(known.at) && !isAnew) return known.made;
        const made = analyzed(request, onRead);
        const entry = { made, at: now() };
        made.catch(() => {
          if (analyses.get(key) === entry) analyses.delete(key);
        });
        analyses.delete(key);
        analyses.set(key, entry);
        for (const oldest of analyses.keys()) if (analyses.size > keptAnalyses) analyses.delete(oldest);
        return made;
      },
      async read({ kinds, scope }) {
        const input = await (await source()).read({ kinds, scope, signal });
        masking.learn(input);
        return createSnapshot(input);
      },
      async discovery(again = false) {
        const whole = await open();
        if (whole.apiResources === undefined) return undefined;
        if (again || discovered === undefined || now() - discovered.at > discoveryMs) {
          const made = whole.apiResources(signal);
          discovered = { made, at: now() };
          made.catch(() => (discovered = undefined));
        }
        return discovered.made;
      },
      forTool(names) {
        const allowed = policyFor(policy, names, cluster.name);
        const key = JSON.stringify(allowed);
        const known = views.get(key) ?? view(allowed);
        views.set(key, known);
        return known;
      },
      opened: async () => (await opening?.catch(() => undefined))?.info,
      async close() {
        await (await opening?.catch(() => undefined))?.close();
      },
    };
  };
  return view(options.policy);
}

function emptyInput({ takenAt, cluster }: Report): SnapshotInput {
  return { takenAt, cluster, objects: {}, reads: [] };
}
