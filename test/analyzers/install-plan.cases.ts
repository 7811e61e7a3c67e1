import { installPlan } from "../../src/analyzers/install-plan.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const plan = yaml`
  apiVersion: operators.coreos.com/v1alpha1
  kind: InstallPlan
  metadata: { name: install-x7k2p, namespace: operators }
  spec: { approval: Automatic, approved: true, generation: 2, clusterServiceVersionNames: [etcdoperator.v0.9.5] }
  status: { phase: Complete, catalogSources: [], startTime: "${ago("50m")}" }
`;

const subscription = yaml`
  apiVersion: operators.coreos.com/v1alpha1
  kind: Subscription
  metadata: { name: etcd, namespace: operators }
  spec: { name: etcd, source: operatorhubio-catalog, sourceNamespace: olm }
  status:
    state: UpgradePending
    installedCSV: etcdoperator.v0.9.4
    installPlanRef: { kind: InstallPlan, namespace: operators, name: install-x7k2p }
    lastUpdated: "${ago("50m")}"
`;

function version(name: string, phase: string, spec = "{}"): Manifest {
  return but(
    yaml`
      apiVersion: operators.coreos.com/v1alpha1
      kind: ClusterServiceVersion
      metadata: { name: ${name}, namespace: operators }
      spec: { displayName: etcd, install: { strategy: deployment, spec: { deployments: [] } } }
      status: { phase: ${phase} }
    `,
    `spec: ${spec}`,
  );
}

function inPhase(phase: string, more = "{}"): Manifest {
  return but(but(plan, `status: { phase: ${phase} }`), more);
}

const failed = inPhase(
  "Failed",
  `
    status:
      conditions:
        - { type: Resolved, status: "True", lastTransitionTime: "${ago("50m")}" }
        - { type: Installed, status: "False", reason: InstallComponentFailed, message: 'error validating existing CRs against new CRD schema for "etcdclusters.etcd.database.coreos.com"', lastTransitionTime: "${ago("40m")}" }
  `,
);
const unpacking = (status: string): string => `
  status:
    bundleLookups:
      - identifier: etcdoperator.v0.9.5
        path: quay.io/operatorhubio/etcd:v0.9.5
        replaces: etcdoperator.v0.9.4
        catalogSourceRef: { kind: CatalogSource, namespace: olm, name: operatorhubio-catalog }
        conditions: [{ type: BundleLookupFailed, status: "${status}", reason: DeadlineExceeded, message: Job was active longer than specified deadline }]
`;
const approval = inPhase("RequiresApproval", "spec: { approval: Manual, approved: false }");
const object = "InstallPlan/operators/install-x7k2p";

export default cases(installPlan, {
  fires: [
    {
      name: "failed, and an older version goes on running",
      given: [failed, subscription],
      expect: [
        { rule: "installplan-failed", object, severity: "warning", because: "one of its parts could not be made" },
      ],
    },
    {
      name: "failed, and nothing is installed",
      given: [failed, but(subscription, "status: { installedCSV: null }")],
      expect: [{ rule: "installplan-failed", object, severity: "critical" }],
    },
    {
      name: "failed, the newest of two, and Subscriptions could not be read",
      given: [
        failed,
        but(plan, "metadata: { name: install-first }\nspec: { generation: 1 }\nstatus: { phase: Failed }"),
        subscription,
      ],
      unread: ["Subscription"],
      expect: [{ rule: "installplan-failed", object }],
    },
    {
      name: "a bundle could not be unpacked",
      given: [inPhase("Installing", unpacking("True")), subscription],
      expect: [{ rule: "installplan-failed", object, because: "a bundle could not be unpacked" }],
    },
    {
      name: "waits to be approved",
      given: [approval, subscription],
      expect: [{ rule: "installplan-requires-approval", object, severity: "info" }],
    },
    {
      name: "installs for 50 minutes",
      given: [inPhase("Installing"), subscription],
      expect: [{ rule: "installplan-stuck", object, severity: "warning" }],
    },
    {
      name: "approved, but still waiting for it for 50 minutes",
      given: [inPhase("RequiresApproval"), subscription],
      expect: [{ rule: "installplan-stuck", object }],
    },
  ],
  silent: [
    { name: "complete", given: [plan, subscription] },
    {
      name: "installs for five minutes",
      given: [inPhase("Installing", `status: { startTime: "${ago("5m")}" }`), subscription],
    },
    {
      name: "a bundle is being unpacked",
      given: [inPhase("Installing", `${unpacking("False")}\n    startTime: "${ago("5m")}"`), subscription],
    },
    {
      name: "failed long ago: the Subscription names another plan",
      given: [failed, but(subscription, "status: { installPlanRef: { name: install-third } }")],
    },
    { name: "waited for approval long ago: no Subscription names it", given: [approval] },
    {
      name: "failed, but its version is installed",
      given: [failed, subscription, version("etcdoperator.v0.9.5", "Succeeded")],
    },
    {
      name: "failed, and a newer version replaced its own",
      given: [failed, subscription, version("etcdoperator.v0.9.6", "Installing", "{ replaces: etcdoperator.v0.9.5 }")],
    },
    {
      name: "failed, not the newest, and Subscriptions could not be read",
      given: [failed, but(plan, "metadata: { name: install-third }\nspec: { generation: 3 }"), subscription],
      unread: ["Subscription"],
    },
    { name: "no status yet", given: [but(plan, "status: null"), subscription] },
    {
      name: "being deleted",
      given: [
        but(failed, `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/plan] }`),
        subscription,
      ],
    },
  ],
});
