/** Explanations in words: advice beside the findings, with the commands that change a cluster told apart. */
import type { Explanation, Incident } from "../findings/report.ts";

/** An explanation as plain text, for fields that hold one string. */
export function explanationText({ summary, why, steps }: Explanation): string {
  const lines = steps.map(({ text, command, changes }, index) => {
    const mark = changes === true ? " (changes the cluster)" : "";
    return `${index + 1}. ${text}${command === undefined ? "" : `\n   $ ${command}${mark}`}`;
  });
  return [summary, ...(why === undefined ? [] : [why]), ...lines].join("\n");
}

/** What came of explaining the incidents that hold any of `findings`, by id: for k8sgpt's one text per result. */
export function explainedFor(
  incidents: readonly Incident[],
  findings: readonly { readonly id: string }[],
): { readonly details: string; readonly explainError: string | undefined } {
  const ids = new Set(findings.map(({ id }) => id));
  const own = incidents.filter(({ members }) => members.some(({ id }) => ids.has(id)));
  const texts = own.flatMap(({ explanation }) => (explanation === undefined ? [] : [explanationText(explanation)]));
  return {
    details: texts.join("\n\n"),
    explainError: own.find((each) => each.explainError !== undefined)?.explainError,
  };
}
