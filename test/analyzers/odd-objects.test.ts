import { expect, test } from "vitest";
import type { Analyzer } from "../../src/analyzers/define.ts";
import { horizontalPodAutoscaler } from "../../src/analyzers/horizontal-pod-autoscaler.ts";
import { log } from "../../src/analyzers/log.ts";
import { networkPolicy } from "../../src/analyzers/network-policy.ts";
import { podDisruptionBudget } from "../../src/analyzers/pod-disruption-budget.ts";
import { resourceQuota } from "../../src/analyzers/resource-quota.ts";
import { type CaseTable, yaml } from "./cases.ts";
import horizontalPodAutoscalerCases from "./horizontal-pod-autoscaler.cases.ts";
import logCases from "./log.cases.ts";
import networkPolicyCases from "./network-policy.cases.ts";
import podDisruptionBudgetCases from "./pod-disruption-budget.cases.ts";
import resourceQuotaCases from "./resource-quota.cases.ts";
import { snapshotOf } from "./run-cases.ts";

const tables: readonly (readonly [Analyzer, CaseTable])[] = [
  [horizontalPodAutoscaler, horizontalPodAutoscalerCases],
  [podDisruptionBudget, podDisruptionBudgetCases],
  [networkPolicy, networkPolicyCases],
  [resourceQuota, resourceQuotaCases],
  [log, logCases],
];

/** Every object that differs from `value` in one place: a field is null, a list is empty or holds null. */
function* damaged(value: unknown, isName = false): Iterable<unknown> {
  if (typeof value !== "object" || value === null) {
    if (!isName) yield null;
    return;
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const other of damaged(item)) yield value.map((each: unknown, at) => (at === index ? other : each));
    }
    for (const other of [null, [], [null]]) yield other;
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    // Without kind and name it is no object of a cluster.
    const isIdentity = ["apiVersion", "kind", "metadata", "name", "namespace"].includes(key);
    for (const other of damaged(inner, isIdentity))
      if (key !== "metadata" || typeof other === "object") yield { ...value, [key]: other };
    if (!isIdentity) yield { ...value, [key]: null };
  }
}

test.each(tables.map(([analyzer, table]) => [analyzer.name, analyzer, table] as const))(
  "%s does not throw for objects that are damaged in one place",
  (_name, analyzer, table) => {
    let tried = 0;
    const throwing: string[] = [];
    for (const entry of table.fires) {
      const manifests = entry.given.flat();
      for (const [index, manifest] of manifests.entries()) {
        for (const other of damaged(manifest)) {
          // Damaged copies are manifests in name and kind, which is all that the snapshot asks of them.
          const [odd] = yaml`${JSON.stringify(other)}`;
          if (odd === undefined || typeof odd.metadata !== "object" || odd.metadata === null) continue;
          const given = manifests.map((each, at) => (at === index ? odd : each));
          const snapshot = snapshotOf(analyzer, { ...entry, given });
          try {
            for (const observation of analyzer.check(snapshot)) expect(analyzer.rules).toHaveProperty(observation.rule);
          } catch (error) {
            throwing.push(`${JSON.stringify(odd)}: ${String(error)}`);
          }
          tried += 1;
        }
      }
      if (tried > 1500) break;
    }
    expect(throwing).toEqual([]);
    expect(tried).toBeGreaterThan(50);
  },
);
