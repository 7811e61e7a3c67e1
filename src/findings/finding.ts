import type { ObjectRef } from "../kube/object-ref.ts";
import type { Evidence } from "./evidence.ts";
import type { Severity } from "./severity.ts";

/**
 * How near to the root a rule's findings are; lower explains higher.
 * 0 control plane · 1 node, zone · 2 platform (DNS, CNI, CSI, webhooks, APIs) · 3 policy and limits · 4 missing or
 * invalid reference · 5 mistake in a spec · 6 application · 7 roll-up of something else
 */
export type Depth = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** What a rule is, known without a cluster: everything a reader sees of it but the values. */
export interface Rule {
  /** The severities that it may have, worst first; an observation says which when there are several. */
  readonly severity: Severity | readonly Severity[];
  readonly depth: Depth;
  /** What is wrong, in one sentence without values. */
  readonly message: string;
  /** Why it matters, in one sentence. */
  readonly why?: string;
  /** A command to the reader: how to mend it. */
  readonly fix: string;
  /** Where the rule comes from: a path below kubernetes.io/docs, a KEP, or an API field. */
  readonly source: string;
  /**
   * Up to three read-only `kubectl` commands; the first checks the cause. `{namespace}`, `{name}`, `{kind}` stand for the
   * object; other `{words}` for the observation's `params`; a command with a word that is not known is left out.
   */
  readonly commands?: readonly string[];
  /** When the rule stays silent although it looks like a fault, for the docs. */
  readonly silent?: readonly string[];
}

export type RuleTable = Readonly<Record<string, Rule>>;

/** What a rule saw on one object. Text, severity and fix come from the rule's table entry. */
export interface Observation<Id extends string = string> {
  readonly rule: Id;
  /** The object that is wrong. */
  readonly object: ObjectRef;
  readonly evidence: readonly Evidence[];
  /** Needed when the rule's entry allows several. */
  readonly severity?: Severity;
  /** The particular, in words from a fixed table: `exit code 127, command not found`. Never text from the cluster. */
  readonly because?: string;
  /** The object at fault when it is another one, often one that does not exist: the ConfigMap that a Pod names. */
  readonly cause?: ObjectRef;
  /** Other objects that the finding is about, for the object graph. */
  readonly related?: readonly ObjectRef[];
  /** Tells findings of one rule on one object apart: a container, a key, a port, a host. */
  readonly discriminator?: string;
  /** Since when, in milliseconds since the epoch; absent when not known. Never the object's age as a guess. */
  readonly since?: number;
  /** Values for the words in the rule's commands. */
  readonly params?: Readonly<Record<string, string>>;
}

/** One fault of one subject, after replicas with the same fault were folded into one. */
export interface Finding {
  /** Survives restarts: made of cluster, rule, top owner and discriminator. 12 hexadecimal digits. */
  readonly id: string;
  readonly rule: string;
  readonly analyzer: string;
  readonly severity: Severity;
  readonly depth: Depth;
  /** The rule's message and the particular. */
  readonly title: string;
  /** The first object that shows it. */
  readonly object: ObjectRef;
  /** All objects that show it, in order; one unless replicas were folded. */
  readonly objects: readonly ObjectRef[];
  /** The topmost controller of the object, when there is one: Deployment, CronJob, Node for a static Pod. */
  readonly owner?: ObjectRef;
  readonly cause?: ObjectRef;
  readonly related: readonly ObjectRef[];
  readonly discriminator?: string;
  readonly evidence: readonly Evidence[];
  readonly since?: number;
  readonly why?: string;
  readonly fix: string;
  readonly source: string;
  /** Read-only commands, filled in. */
  readonly commands: readonly string[];
}
