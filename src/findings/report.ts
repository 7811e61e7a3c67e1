import type { ClusterInfo, Scope } from "../kube/snapshot.ts";
import type { ObjectRef } from "../kube/object-ref.ts";
import type { Finding } from "./finding.ts";
import type { Severity } from "./severity.ts";

/** Something that was not checked, and why. */
export interface CoverageGap {
  /** What could not be read: `secrets`, `events`; or the analyzer that failed. */
  readonly what: string;
  /** Absent: cluster-wide. */
  readonly namespace?: string;
  /** In one sentence. */
  readonly reason: string;
  /** Analyzers that say less for it. */
  readonly analyzers: readonly string[];
  /** The step to take, when there is one. */
  readonly next?: string;
  /**
   * `gap`: it makes the report incomplete. `scope`: the user's own choice (`--namespace`), or a kind that the server does
   * not serve; told, but the report is complete.
   */
  readonly level: "gap" | "scope";
}

/** One object on the way from a cause to what users see. */
export interface ChainStep extends ObjectRef {
  /** How many objects it stands for, when more than one: replicas of one owner. */
  readonly count?: number;
  /** The object does not exist. */
  readonly missing?: boolean;
}

/** One cause and all that follows from it. */
export interface Incident {
  /** The id of its root finding. */
  readonly id: string;
  /** The worst of its members. */
  readonly severity: Severity;
  /** The finding that explains the others. */
  readonly root: Finding;
  /** All findings of the incident, the root first, then by depth. */
  readonly members: readonly Finding[];
  /** From the cause to what users see. */
  readonly chain: readonly ChainStep[];
  /** Workloads, Services and hosts that it touches. */
  readonly affected: {
    readonly workloads: readonly ObjectRef[];
    readonly services: readonly ObjectRef[];
    readonly hosts: readonly string[];
  };
  /** How sure the folding is: `exact` by name, `strong` by structure, `none` for a single finding. */
  readonly confidence: "exact" | "strong" | "none";
  /** Milliseconds since the epoch; absent when not known. */
  readonly since?: number;
}

/** How long one analyzer took and what it said. */
export interface AnalyzerStat {
  readonly analyzer: string;
  readonly durationMs: number;
  readonly findings: number;
}

/** The result of one analysis of one cluster. */
export interface Report {
  readonly cluster: ClusterInfo;
  readonly scope: Scope;
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
  /** `Incomplete` when something that a selected analyzer needs was not read and nothing was found. */
  readonly status: "OK" | "ProblemDetected" | "Incomplete";
  /** Whether everything that the selected analyzers need was read. */
  readonly complete: boolean;
  /** Names of the analyzers that ran. */
  readonly analyzers: readonly string[];
  /** All findings shown, worst first. */
  readonly findings: readonly Finding[];
  readonly incidents: readonly Incident[];
  readonly coverage: readonly CoverageGap[];
  /** Run-level errors in k8sgpt's form, `[Pod] message`. */
  readonly errors: readonly string[];
  /** Findings left out because their severity was not asked for, by severity. */
  readonly hidden: { readonly info: number; readonly risk: number };
  readonly stats: readonly AnalyzerStat[];
  /** How many objects were looked at, by kind. */
  readonly objects: Readonly<Record<string, number>>;
}
