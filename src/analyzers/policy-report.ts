import { type Analyzer, defineAnalyzer } from "./define.ts";
import { policyResults, policyRules } from "./rules/policy-report.ts";

export const policyReport: Analyzer = defineAnalyzer({
  name: "PolicyReport",
  core: false,
  // Either API group will do; one that is not served is a coverage line.
  needs: [],
  // Reports belong to the object that they are about: a Pod's to its workload.
  uses: ["PolicyReport", "Report", "Pod", "ReplicaSet", "Job"],
  rules: policyRules,
  check: (snapshot) => policyResults(snapshot, ["PolicyReport", "Report"]),
});
