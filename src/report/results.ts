import type { Finding } from "../findings/finding.ts";
import type { Report } from "../findings/report.ts";
import { compareRefs, keyOf, type ObjectRef } from "../kube/object-ref.ts";
import { isProblem } from "./words.ts";

/** All problems of one object, as k8sgpt groups them. */
export interface Result {
  readonly object: ObjectRef;
  readonly owner: ObjectRef | undefined;
  /** In the report's order, worst first; never empty. */
  readonly findings: readonly [Finding, ...Finding[]];
}

/** k8sgpt's `results`: findings of warning and worse, by the object that shows them, sorted by kind, namespace, name. */
export function resultsOf(report: Report): readonly Result[] {
  const byObject = Map.groupBy(report.findings.filter(isProblem), ({ object }) => keyOf(object));
  return [...byObject.values()]
    .flatMap(([first, ...rest]): readonly Result[] =>
      first === undefined ? [] : [{ object: first.object, owner: first.owner, findings: [first, ...rest] }],
    )
    .sort((a, b) => compareRefs(a.object, b.object));
}
