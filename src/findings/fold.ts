/**
 * From observations to findings: fills in what the rule table says, folds replicas of one owner that show the same fault
 * into one finding with a count and names, and gives each an id that survives restarts.
 */
import { createHash } from "node:crypto";
import { isKindName } from "../kube/kinds.ts";
import { compareRefs, compareText, keyOf, type ObjectRef } from "../kube/object-ref.ts";
import { topOwnerOf } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import type { Finding, Observation, Rule, RuleTable } from "./finding.ts";
import { compareSeverity, type Severity, worse } from "./severity.ts";

/** An observation and the analyzer that made it. */
export interface Observed {
  readonly analyzer: string;
  readonly rules: RuleTable;
  readonly observation: Observation;
}

/**
 * Folds observations of the same rule, particular and discriminator whose objects have the same top owner. The worst
 * severity counts, the earliest onset, and the evidence of the first object by name. Sorted worst first; the same
 * observations in any order give the same list.
 */
export function foldFindings(snapshot: Snapshot, observed: readonly Observed[]): readonly Finding[] {
  const groups = new Map<string, Observed[]>();
  for (const entry of observed) {
    const { rule, object, discriminator = "", because = "", cause } = entry.observation;
    const subject = ownerOf(snapshot, object) ?? object;
    const key = [
      rule,
      keyOf(subject),
      object.kind,
      discriminator,
      because,
      cause === undefined ? "" : keyOf(cause),
    ].join("\n");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  const cluster = snapshot.get("Namespace", undefined, "kube-system")?.metadata?.uid ?? "";
  const findings: Finding[] = [];
  for (const group of groups.values()) {
    const finding = findingOf(snapshot, cluster, group);
    if (finding !== undefined) findings.push(finding);
  }
  return withDistinctIds(findings).sort(compareFindings);
}

/**
 * The id leaves the particular out, so that it survives when a fault turns from "will fail" into "fails". Where one subject
 * has the rule's fault in several particulars at once, the particular tells them apart.
 */
function withDistinctIds(findings: readonly Finding[]): Finding[] {
  const byId = Map.groupBy(findings, ({ id }) => id);
  return findings.map((finding) => {
    if (byId.get(finding.id)?.length === 1) return finding;
    const { id, title, object, cause } = finding;
    return { ...finding, id: hash([id, title, object.kind, cause === undefined ? "" : keyOf(cause)]) };
  });
}

function hash(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("|")).digest("hex").slice(0, 12);
}

/** Worst first, then nearest to the root, then by object, rule and id. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    compareSeverity(a.severity, b.severity) ||
    a.depth - b.depth ||
    compareRefs(a.object, b.object) ||
    compareText(a.rule, b.rule) ||
    compareText(a.id, b.id)
  );
}

function findingOf(snapshot: Snapshot, cluster: string, group: readonly Observed[]): Finding | undefined {
  const sorted = [...group].sort(
    (a, b) =>
      compareRefs(a.observation.object, b.observation.object) ||
      compareText(JSON.stringify(a.observation.evidence), JSON.stringify(b.observation.evidence)),
  );
  const first = sorted[0];
  const rule = first?.rules[first.observation.rule];
  if (first === undefined || rule === undefined) return undefined;
  const { observation, analyzer } = first;
  const owner = ownerOf(snapshot, observation.object);
  const subject = owner ?? observation.object;
  const objects = distinct(sorted.map((entry) => entry.observation.object));
  const onsets = sorted.map((entry) => entry.observation.since).filter((since) => since !== undefined);
  return {
    id: hash([cluster, observation.rule, keyOf(subject), observation.discriminator ?? ""]),
    rule: observation.rule,
    analyzer,
    severity: sorted.map((entry) => severityOf(rule, entry.observation)).reduce(worse),
    depth: rule.depth,
    title: observation.because === undefined ? rule.message : `${rule.message}: ${observation.because}`,
    object: observation.object,
    objects,
    ...(owner !== undefined && { owner }),
    ...(observation.cause !== undefined && { cause: observation.cause }),
    related: distinct(sorted.flatMap((entry) => entry.observation.related ?? [])),
    ...(observation.discriminator !== undefined && { discriminator: observation.discriminator }),
    evidence: observation.evidence,
    ...(onsets.length > 0 && { since: Math.min(...onsets) }),
    ...(rule.why !== undefined && { why: rule.why }),
    fix: rule.fix,
    source: rule.source,
    commands: commandsOf(rule, observation),
  };
}

function severityOf(rule: Rule, observation: Observation): Severity {
  if (observation.severity !== undefined) return observation.severity;
  return typeof rule.severity === "string" ? rule.severity : (rule.severity[0] ?? "warning");
}

function ownerOf(snapshot: Snapshot, object: ObjectRef): ObjectRef | undefined {
  if (!isKindName(object.kind)) return undefined;
  const located = snapshot.find(object);
  return located === undefined ? undefined : topOwnerOf(snapshot, located.object);
}

function distinct(refs: readonly ObjectRef[]): readonly ObjectRef[] {
  const byKey = new Map(refs.map((ref) => [keyOf(ref), ref]));
  return [...byKey.values()].sort(compareRefs);
}

/** Fills the words of the rule's commands; a command with an unknown or empty word is left out. */
function commandsOf(rule: Rule, { object, params = {} }: Observation): readonly string[] {
  const words: Readonly<Record<string, string | undefined>> = {
    kind: object.kind.toLowerCase(),
    name: object.name,
    namespace: object.namespace,
    ...params,
  };
  const filled: string[] = [];
  for (const command of rule.commands ?? []) {
    let isWhole = true;
    const text = command.replaceAll(/\{(\w+)\}/g, (_, word: string) => {
      const value = words[word];
      if (value === undefined || value === "") isWhole = false;
      return value === undefined ? "" : shellWord(value);
    });
    if (isWhole) filled.push(text);
  }
  return filled.slice(0, 3);
}

/** `value` as one word of a POSIX shell: names come from the cluster and must not end the command. */
function shellWord(value: string): string {
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
