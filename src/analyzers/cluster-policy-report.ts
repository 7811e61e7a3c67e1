import { type Analyzer, defineAnalyzer } from "./define.ts";
import { policyResults, policyRules } from "./rules/policy-report.ts";

export const clusterPolicyReport: Analyzer = defineAnalyzer({
  name: "ClusterPolicyReport",
  core: false,
  // Either API group will do; one that is not served is a coverage line.
  needs: [],
  uses: ["ClusterPolicyReport", "ClusterReport"],
  rules: policyRules,
  check: (snapshot) => policyResults(snapshot, ["ClusterPolicyReport", "ClusterReport"]),
});
