import { configAuditReport } from "../../src/analyzers/config-audit-report.ts";
import { vulnerabilityReport } from "../../src/analyzers/vulnerability-report.ts";
import { ago, but, cases, yaml } from "./cases.ts";

const dates = "publishedDate: '', lastModifiedDate: '', title: ''";
const vulnerable = (list: string, more = "{}") =>
  but(
    yaml`
      apiVersion: aquasecurity.github.io/v1alpha1
      kind: VulnerabilityReport
      metadata: { name: replicaset-web-1-web, namespace: shop }
      report:
        updateTimestamp: "${ago("1h")}"
        scanner: { name: Trivy, vendor: Aqua Security, version: "0.53.0" }
        registry: { server: index.docker.io }
        artifact: { repository: library/web, tag: "1.0" }
        os: { family: debian, name: "12" }
        summary: { criticalCount: 1, highCount: 2, mediumCount: 0, lowCount: 0, unknownCount: 0 }
        vulnerabilities: ${list}
    `,
    more,
  );
const fixable = `{ vulnerabilityID: CVE-2025-1, resource: openssl, installedVersion: "3.0.1", fixedVersion: "3.0.2", severity: CRITICAL, ${dates} }`;
const unfixed = `{ vulnerabilityID: CVE-2025-2, resource: zlib, installedVersion: "1.2", fixedVersion: "", severity: CRITICAL, ${dates} }`;
const high = `{ vulnerabilityID: CVE-2025-3, resource: curl, installedVersion: "8.0", fixedVersion: "8.1", severity: HIGH, ${dates} }`;

const audited = (checks: string, more = "{}") =>
  but(
    yaml`
      apiVersion: aquasecurity.github.io/v1alpha1
      kind: ConfigAuditReport
      metadata: { name: replicaset-web-1, namespace: shop, labels: { trivy-operator.resource.kind: ReplicaSet, trivy-operator.resource.name: web-1 } }
      report:
        updateTimestamp: "${ago("1h")}"
        scanner: { name: Trivy, vendor: Aqua Security, version: "0.53.0" }
        summary: { criticalCount: 0, highCount: 1, mediumCount: 0, lowCount: 0 }
        checks: ${checks}
    `,
    more,
  );

const owned = `{ metadata: { ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true }] } }`;
const replicaSet = (replicas: number) => yaml`
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata: { name: web-1, namespace: shop }
  spec:
    replicas: ${replicas}
    selector: { matchLabels: { app: web } }
    template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: web }] } }
`;

export default [
  cases(vulnerabilityReport, {
    fires: [
      {
        name: "an update fixes what is critical",
        given: [vulnerable(`[${fixable}, ${high}]`)],
        expect: [
          {
            rule: "vulnerability-critical",
            object: "VulnerabilityReport/shop/replicaset-web-1-web",
            severity: "info",
            because: "updates fix all of them",
          },
        ],
      },
      {
        name: "an update fixes some of them",
        given: [vulnerable(`[${fixable}, ${unfixed}]`)],
        expect: [
          {
            rule: "vulnerability-critical",
            object: "VulnerabilityReport/shop/replicaset-web-1-web",
            because: "updates fix some of them",
          },
        ],
      },
      {
        name: "no update yet, for a ReplicaSet that runs",
        given: [vulnerable(`[${unfixed}]`, owned), replicaSet(2)],
        expect: [
          {
            rule: "vulnerability-critical",
            object: "VulnerabilityReport/shop/replicaset-web-1-web",
            because: "there is no update yet",
          },
        ],
      },
    ],
    silent: [
      { name: "nothing rated critical", given: [vulnerable(`[${high}]`)] },
      { name: "no vulnerabilities", given: [vulnerable("[]")] },
      { name: "a ReplicaSet of an older revision", given: [vulnerable(`[${fixable}]`, owned), replicaSet(0)] },
      {
        name: "being deleted",
        given: [vulnerable(`[${fixable}]`, `{ metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [a.b/c] } }`)],
      },
    ],
  }),
  cases(configAuditReport, {
    fires: [
      {
        name: "a check rated high failed",
        given: [
          audited(
            "[{ checkID: KSV014, title: Root file system is not read-only, severity: HIGH, success: false }, { checkID: KSV001, severity: MEDIUM, success: false }]",
          ),
        ],
        expect: [
          {
            rule: "config-audit-failed",
            object: "ConfigAuditReport/shop/replicaset-web-1",
            severity: "info",
            because: "the worst is rated high",
          },
        ],
      },
      {
        name: "many checks failed: the worst first",
        given: [
          audited(
            "[{ checkID: K1, severity: MEDIUM, success: false }, { checkID: K2, severity: MEDIUM, success: false }, { checkID: K3, severity: MEDIUM, success: false }, { checkID: K4, severity: MEDIUM, success: false }, { checkID: K5, severity: MEDIUM, success: false }, { checkID: K6, severity: CRITICAL, success: false }]",
            owned,
          ),
          replicaSet(1),
        ],
        expect: [
          {
            rule: "config-audit-failed",
            object: "ConfigAuditReport/shop/replicaset-web-1",
            because: "the worst is rated critical",
          },
        ],
      },
    ],
    silent: [
      {
        name: "a critical check that passed",
        given: [audited("[{ checkID: K1, severity: CRITICAL, success: true }]")],
      },
      { name: "rated low", given: [audited("[{ checkID: K1, severity: LOW, success: false }]")] },
      {
        name: "a ReplicaSet of an older revision",
        given: [audited("[{ checkID: K1, severity: HIGH, success: false }]", owned), replicaSet(0)],
      },
    ],
  }),
];
