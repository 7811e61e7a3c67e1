/**
 * The shape of an analyzer: a table of rules, known without a cluster, and a pure generator of observations over a
 * snapshot. Docs, ids, masking and every report format come from the table.
 */
import type { Observation, RuleTable } from "../findings/finding.ts";
import type { FactName } from "../kube/facts.ts";
import type { KindName } from "../kube/kinds.ts";
import type { Snapshot } from "../kube/snapshot.ts";

export interface Analyzer {
  /** The filter name, k8sgpt's spelling. */
  readonly name: string;
  /** Whether it runs when nobody chose filters. */
  readonly core: boolean;
  /** Kinds without which it cannot say anything: one of them unread, and the analyzer is skipped with the reason. */
  readonly needs: readonly KindName[];
  /** Kinds that make it say more: one of them unread is a coverage line, and the rules on it stay silent. */
  readonly uses: readonly KindName[];
  /** It also looks at objects of the cluster's own kinds: `snapshot.customResources()`. */
  readonly customResources?: boolean;
  /** Facts without which it cannot say anything: one of them missing, and the analyzer is skipped. */
  readonly needsFacts?: readonly FactName[];
  /** Facts that make it say more. */
  readonly usesFacts?: readonly FactName[];
  readonly rules: RuleTable;
  check(snapshot: Snapshot): Iterable<Observation>;
}

/**
 * Types the observations by the rule table, so that a rule id that is not in the table does not compile.
 * `check` yields in any order; it must not throw for odd objects and must not depend on anything but the snapshot.
 */
export function defineAnalyzer<const R extends RuleTable>(analyzer: {
  readonly name: string;
  readonly core?: boolean;
  readonly needs: readonly KindName[];
  readonly uses?: readonly KindName[];
  readonly customResources?: boolean;
  readonly needsFacts?: readonly FactName[];
  readonly usesFacts?: readonly FactName[];
  readonly rules: R;
  readonly check: (snapshot: Snapshot) => Iterable<Observation<Extract<keyof R, string>>>;
}): Analyzer {
  return { core: true, uses: [], ...analyzer };
}
