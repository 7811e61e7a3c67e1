import type { ClusterInfo, Scope } from "../kube/snapshot.ts";
import type { EdgeKind } from "../kube/graph.ts";
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

/** One step that an explanation proposes. Its command is for a person to judge: nothing here ever runs it. */
export interface ExplanationStep {
  readonly text: string;
  readonly command?: string;
  /** Whether the command may change the cluster. Told by its words (ai/commands.ts), whatever its author says. */
  readonly changes?: boolean;
}

/** What an AI backend made of an incident's facts. Advice about findings, never a finding. */
export interface Explanation {
  /** One sentence; the whole answer when it had no structure. */
  readonly summary: string;
  readonly why?: string;
  readonly steps: readonly ExplanationStep[];
  readonly model?: string;
}

/** Why one member of an incident was merged. */
export interface IncidentLink {
  /** Ids of the finding and of the one that explains it. */
  readonly finding: string;
  readonly explainedBy: string;
  /** `exact`: it names the other's object, or both name the same one. `strong`: the objects are joined. */
  readonly strength: "exact" | "strong";
  /** The edges from the explained object to the other one; empty when it is the same object, or named. */
  readonly along: readonly EdgeKind[];
}

/** Something that has to do with an incident and is not a member of it. */
export interface Contribution {
  readonly object: ObjectRef;
  /** In words from a fixed table: a rule's message, or `it is scaled to zero`. */
  readonly what: string;
  /** Id of the finding that says so, when there is one. */
  readonly finding?: string;
}

/** A kind that was not read and may hold the cause. */
export interface HiddenCause {
  /** `configmaps`. */
  readonly what: string;
  /** Absent: cluster-wide. */
  readonly namespace?: string;
  readonly reason: string;
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
  /** How each member but the root hangs on another; absent for a single finding. */
  readonly links?: readonly IncidentLink[];
  /** What else explains members of this incident, or lets its cause happen: second-best causes; absent when none. */
  readonly contributing?: readonly Contribution[];
  /** Findings of other incidents that this cause explains in part: half of a workload's Pods; absent when none. */
  readonly alsoExplains?: readonly Finding[];
  /** Near in place and time, but without a path between them, so not merged; absent when none. */
  readonly possiblyRelated?: readonly Contribution[];
  /** The cause may be hidden: what could not be read on the way to it; absent when nothing. */
  readonly hiddenBy?: readonly HiddenCause[];
  /** Milliseconds since the epoch; absent when not known. */
  readonly since?: number;
  /** With `--explain`, when it could be had. */
  readonly explanation?: Explanation;
  /** Why there is no explanation although one was asked for. */
  readonly explainError?: string;
}

/** A finding that somebody decided to live with: told, but neither counted nor gated. */
export interface AcceptedFinding {
  readonly finding: Finding;
  /** Why, in the words of whoever accepted it; absent when an annotation gives none. */
  readonly reason?: string;
  /** Who says so: the file and line, `.k8sgptignore:3`, or the object whose annotation it is. */
  readonly by: string;
  /** Whether a file or an annotation says so. */
  readonly source: "file" | "annotation";
  /** The last day on which it is accepted, `2026-12-31`; absent for no end. */
  readonly expiry?: string;
}

/** A finding of an earlier report, as far as it is still known. */
export interface KnownFinding {
  readonly id: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly title: string;
  readonly object: ObjectRef;
  readonly analyzer: string;
}

/** What changed since an earlier report: each finding of either stands in exactly one of the lists. */
export interface Changes {
  /** The file that it is compared with. */
  readonly since: string;
  /** Milliseconds since the epoch: when the earlier report was made. */
  readonly takenAt: number;
  /** Ids of findings that the earlier report does not know. */
  readonly new: readonly string[];
  readonly unchanged: readonly string[];
  /** No longer found, and looked for. */
  readonly resolved: readonly KnownFinding[];
  /** No longer found, but not looked for either: another choice of analyzers or namespaces, or not readable. */
  readonly unchecked: readonly KnownFinding[];
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
  /** The AI backend that was asked to explain; absent when none was. */
  readonly provider?: string;
  /** Findings that are accepted, and in no other list of the report; absent when there are none. */
  readonly accepted?: readonly AcceptedFinding[];
  /** With `--since` or `--baseline`. */
  readonly changes?: Changes;
}
