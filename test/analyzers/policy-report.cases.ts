import { clusterPolicyReport } from "../../src/analyzers/cluster-policy-report.ts";
import { policyReport } from "../../src/analyzers/policy-report.ts";
import { ago, but, cases, yaml } from "./cases.ts";

const report = yaml`
  apiVersion: wgpolicyk8s.io/v1alpha2
  kind: PolicyReport
  metadata: { name: 1f2e3d4c, namespace: shop }
  scope: { apiVersion: v1, kind: Pod, namespace: shop, name: web-1 }
  results:
    - { policy: require-limits, rule: check-limits, result: fail, severity: medium, source: kyverno, message: "validation error: CPU and memory limits are required" }
`;
const results = (text: string) => but(report, `{ results: ${text} }`);

const open = yaml`
  apiVersion: openreports.io/v1alpha1
  kind: Report
  metadata: { name: 1f2e3d4c, namespace: shop }
  source: kyverno
  scope: { apiVersion: v1, kind: Pod, namespace: shop, name: web-1 }
  results:
    - { source: kyverno, policy: require-limits, rule: check-limits, result: fail, severity: high, timestamp: { seconds: 1, nanos: 0 } }
`;

const wide = yaml`
  apiVersion: wgpolicyk8s.io/v1alpha2
  kind: ClusterPolicyReport
  metadata: { name: cluster }
  results:
    - { policy: namespaces-labelled, result: fail, severity: low, resources: [{ apiVersion: v1, kind: Namespace, name: shop }] }
    - { policy: namespaces-labelled, result: pass, severity: critical, resources: [{ apiVersion: v1, kind: Namespace, name: town }] }
`;

export default [
  cases(policyReport, {
    fires: [
      {
        name: "a result that failed is information",
        given: [report],
        expect: [
          { rule: "policy-violated", object: "PolicyReport/shop/1f2e3d4c", severity: "info", because: "rated medium" },
        ],
      },
      {
        name: "the successor's API group",
        given: [open],
        expect: [{ rule: "policy-violated", object: "Report/shop/1f2e3d4c", because: "rated high" }],
      },
      {
        name: "two rules of one policy are one finding",
        given: [
          results(
            "[{ policy: baseline, rule: a, result: fail, severity: high }, { policy: baseline, rule: b, result: fail, severity: high }]",
          ),
        ],
        expect: [{ rule: "policy-violated", object: "PolicyReport/shop/1f2e3d4c" }],
      },
      {
        name: "two policies are two",
        given: [results("[{ policy: a, result: fail }, { policy: b, result: fail }]")],
        expect: [
          { rule: "policy-violated", object: "PolicyReport/shop/1f2e3d4c" },
          { rule: "policy-violated", object: "PolicyReport/shop/1f2e3d4c" },
        ],
      },
      {
        name: "a warning is told like a failure",
        given: [results("[{ policy: a, result: warn }]")],
        expect: [{ rule: "policy-violated", object: "PolicyReport/shop/1f2e3d4c", severity: "info" }],
      },
      {
        name: "a policy that could not be evaluated",
        given: [results(`[{ policy: a, result: error, message: "failed to load context" }]`)],
        expect: [{ rule: "policy-not-evaluated", object: "PolicyReport/shop/1f2e3d4c", severity: "warning" }],
      },
    ],
    silent: [
      {
        name: "results that passed or were skipped",
        given: [results("[{ policy: a, result: pass, severity: critical }, { policy: b, result: skip }]")],
      },
      { name: "no results", given: [results("[]")] },
      { name: "reports could not be read", given: [report], unread: ["PolicyReport", "Report"] },
      {
        name: "the report is being deleted",
        given: [but(report, `{ metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [a.b/c] } }`)],
      },
    ],
  }),
  cases(clusterPolicyReport, {
    fires: [
      {
        name: "one result failed, one of severity critical passed: one finding",
        given: [wide],
        expect: [
          { rule: "policy-violated", object: "ClusterPolicyReport/cluster", severity: "info", because: "rated low" },
        ],
      },
      {
        name: "any severity, shown in words",
        given: [but(wide, "{ results: [{ policy: a, result: fail, severity: critical }] }")],
        expect: [{ rule: "policy-violated", object: "ClusterPolicyReport/cluster", because: "rated critical" }],
      },
      {
        name: "an error of a policy",
        given: [but(wide, "{ results: [{ policy: a, result: error }] }")],
        expect: [{ rule: "policy-not-evaluated", object: "ClusterPolicyReport/cluster", severity: "warning" }],
      },
      {
        name: "a cluster report of the successor's API group",
        given: [
          yaml`
            apiVersion: openreports.io/v1alpha1
            kind: ClusterReport
            metadata: { name: cluster }
            source: kyverno
            results: [{ source: kyverno, policy: a, result: fail, timestamp: { seconds: 1, nanos: 0 } }]
          `,
        ],
        expect: [{ rule: "policy-violated", object: "ClusterReport/cluster" }],
      },
    ],
    silent: [
      {
        name: "a critical check that passed",
        given: [but(wide, "{ results: [{ policy: a, result: pass, severity: critical }] }")],
      },
    ],
  }),
];
