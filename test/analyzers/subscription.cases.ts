import { subscription } from "../../src/analyzers/subscription.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const etcd = yaml`
  apiVersion: operators.coreos.com/v1alpha1
  kind: Subscription
  metadata: { name: etcd, namespace: operators }
  spec: { name: etcd, source: operatorhubio-catalog, sourceNamespace: olm, channel: stable }
  status:
    state: AtLatestKnown
    currentCSV: etcdoperator.v0.9.4
    installedCSV: etcdoperator.v0.9.4
    installPlanRef: { kind: InstallPlan, namespace: operators, name: install-x7k2p }
    lastUpdated: "${ago("50m")}"
    catalogHealth: [{ healthy: true, lastUpdated: "${ago("50m")}", catalogSourceRef: { kind: CatalogSource, namespace: olm, name: operatorhubio-catalog } }]
    conditions: [{ type: CatalogSourcesUnhealthy, status: "False", reason: AllCatalogSourcesHealthy, message: all available catalogsources are healthy, lastTransitionTime: "${ago("50m")}" }]
`;

function condition(type: string, reason: string, message: string, since = "10m"): string {
  return `{ type: ${type}, status: "True", reason: ${reason}, message: '${message}', lastTransitionTime: "${ago(since)}" }`;
}

/** Subscription `etcd` with these conditions, nothing installed, and no state. */
function fresh(conditions: readonly string[], more = "{}"): Manifest {
  return but(
    but(
      etcd,
      `status: { state: null, currentCSV: null, installedCSV: null, installPlanRef: null, conditions: [${conditions.join(", ")}] }`,
    ),
    more,
  );
}

const catalog = yaml`
  apiVersion: operators.coreos.com/v1alpha1
  kind: CatalogSource
  metadata: { name: operatorhubio-catalog, namespace: olm }
  spec: { sourceType: grpc, image: "quay.io/operatorhubio/catalog:latest" }
  status: { connectionState: { lastObservedState: READY } }
`;
const group = yaml`
  apiVersion: operators.coreos.com/v1
  kind: OperatorGroup
  metadata: { name: operators, namespace: operators }
  spec: {}
`;
const around: readonly (readonly Manifest[])[] = [catalog, group];

const noPackage =
  "constraints not satisfiable: no operators found in package etcdd in the catalog referenced by subscription etcd, subscription etcd exists";
const noChannel =
  "constraints not satisfiable: no operators found in channel beta of package etcd in the catalog referenced by subscription etcd, subscription etcd exists";
const noCatalog =
  "constraints not satisfiable: no operators found from catalog operatorhubio-catalog in namespace olm referenced by subscription etcd, subscription etcd exists";
const unreachable =
  "error using catalogsource olm/community: failed to list bundles: rpc error: code = Unavailable desc = connection error: desc = dial tcp 10.96.4.2:50051: connect: connection refused";
const unreachableOld =
  "failed to populate resolver cache from source community/olm: failed to list bundles: rpc error: code = Unavailable desc = connection error";

const object = "Subscription/operators/etcd";
const unresolved = { rule: "subscription-resolution-failed", object } as const;
const resolutionFailed = (message: string, since = "10m"): string =>
  condition("ResolutionFailed", "ConstraintsNotSatisfiable", message, since);

export default cases(subscription, {
  fires: [
    {
      name: "its package is not in the catalog",
      given: [fresh([resolutionFailed(noPackage)]), ...around],
      expect: [{ ...unresolved, severity: "critical", because: "the package is not in the catalog" }],
    },
    {
      name: "its channel is not in the package, and a version is installed",
      given: [but(etcd, `status: { conditions: [${resolutionFailed(noChannel)}] }`), ...around],
      expect: [{ ...unresolved, severity: "warning", because: "the channel is not in the package" }],
    },
    {
      name: "another catalog cannot be reached, and stops it",
      given: [fresh([condition("ResolutionFailed", "ErrorPreventedResolution", unreachable)]), ...around],
      expect: [{ ...unresolved, because: "a catalog cannot be read", cause: "CatalogSource/olm/community" }],
    },
    {
      name: "a catalog cannot be reached, as older releases say it",
      given: [fresh([condition("ResolutionFailed", "ErrorPreventedResolution", unreachableOld)]), ...around],
      expect: [{ ...unresolved, cause: "CatalogSource/olm/community" }],
    },
    {
      name: "another Subscription of the namespace stops it",
      given: [fresh([resolutionFailed(noPackage.replaceAll("subscription etcd", "subscription kafka"))]), ...around],
      expect: [
        {
          ...unresolved,
          because: "another Subscription of the namespace cannot be resolved",
          cause: "Subscription/operators/kafka",
        },
      ],
    },
    {
      name: "its catalog does not exist",
      given: [
        fresh([
          resolutionFailed(noCatalog),
          condition(
            "CatalogSourcesUnhealthy",
            "UnhealthyCatalogSourceFound",
            "targeted catalogsource olm/operatorhubio-catalog missing",
          ),
        ]),
        but(catalog, "metadata: { name: operatorhub-catalog }"),
        group,
      ],
      expect: [
        {
          ...unresolved,
          because: "its CatalogSource does not exist",
          cause: "CatalogSource/olm/operatorhubio-catalog",
        },
      ],
    },
    {
      name: "its namespace has two OperatorGroups",
      given: [
        fresh([
          condition(
            "ResolutionFailed",
            "ErrorPreventedResolution",
            "expected 1 OperatorGroup in the namespace, found 2",
          ),
        ]),
        ...around,
        but(group, "metadata: { name: second }"),
      ],
      expect: [
        { ...unresolved, because: "its namespace has not exactly one OperatorGroup", cause: "OperatorGroup/operators" },
      ],
    },
    {
      name: "a message that is not known",
      given: [fresh([condition("ResolutionFailed", "ErrorPreventedResolution", "something new")]), ...around],
      expect: [unresolved],
    },
    {
      name: "the upgrade failed",
      given: [but(etcd, "status: { state: UpgradeFailed }"), ...around],
      expect: [
        {
          rule: "subscription-upgrade-failed",
          object,
          severity: "warning",
          cause: "InstallPlan/operators/install-x7k2p",
        },
      ],
    },
    {
      name: "the first installation failed",
      given: [
        but(
          etcd,
          `status: { state: UpgradePending, installedCSV: null, conditions: [${condition("InstallPlanFailed", "InstallComponentFailed", "error validating existing CRs")}] }`,
        ),
        ...around,
      ],
      expect: [
        {
          rule: "subscription-upgrade-failed",
          object,
          severity: "critical",
          cause: "InstallPlan/operators/install-x7k2p",
        },
      ],
    },
    {
      name: "its bundle cannot be unpacked",
      given: [
        fresh([
          condition(
            "BundleUnpackFailed",
            "BundleUnpackFailed",
            "bundle unpacking failed. Reason: DeadlineExceeded, and Message: Job was active longer than specified deadline",
          ),
        ]),
        ...around,
      ],
      expect: [{ rule: "subscription-bundle-unpack-failed", object, severity: "critical" }],
    },
    {
      name: "its catalog is unhealthy, and a version is installed",
      given: [
        but(
          etcd,
          `
            status:
              catalogHealth: [{ healthy: false, lastUpdated: "${ago("10m")}", catalogSourceRef: { kind: CatalogSource, namespace: olm, name: operatorhubio-catalog } }]
              conditions: [${condition("CatalogSourcesUnhealthy", "UnhealthyCatalogSourceFound", "targeted catalogsource olm/operatorhubio-catalog unhealthy")}]
          `,
        ),
        ...around,
      ],
      expect: [
        {
          rule: "subscription-catalog-unhealthy",
          object,
          severity: "warning",
          cause: "CatalogSource/olm/operatorhubio-catalog",
        },
      ],
    },
    {
      name: "its catalog is gone, and a version is installed",
      given: [
        but(
          etcd,
          `status: { catalogHealth: [], conditions: [${condition("CatalogSourcesUnhealthy", "UnhealthyCatalogSourceFound", "targeted catalogsource olm/operatorhubio-catalog missing")}] }`,
        ),
        group,
      ],
      expect: [{ rule: "subscription-catalog-unhealthy", object, because: "its CatalogSource does not exist" }],
    },
    {
      name: "no state for an hour",
      given: [fresh([]), ...around],
      expect: [{ rule: "subscription-not-processed", object, severity: "warning" }],
    },
    {
      name: "no state for an hour: its catalog does not exist",
      given: [fresh([]), group],
      expect: [
        {
          rule: "subscription-not-processed",
          object,
          because: "its CatalogSource does not exist",
          cause: "CatalogSource/olm/operatorhubio-catalog",
        },
      ],
    },
    {
      name: "no state for an hour: its namespace has no OperatorGroup",
      given: [fresh([]), catalog],
      expect: [
        {
          rule: "subscription-not-processed",
          object,
          because: "its namespace has no OperatorGroup",
          cause: "OperatorGroup/operators",
        },
      ],
    },
    {
      name: "an upgrade waits to be approved by hand",
      given: [
        but(
          etcd,
          "spec: { installPlanApproval: Manual }\nstatus: { state: UpgradePending, currentCSV: etcdoperator.v0.9.5 }",
        ),
        ...around,
      ],
      expect: [
        { rule: "subscription-upgrade-pending", object, severity: "info", because: "it is to be approved by hand" },
      ],
    },
    {
      name: "an upgrade is available",
      given: [but(etcd, "status: { state: UpgradeAvailable }"), ...around],
      expect: [{ rule: "subscription-upgrade-pending", object, severity: "info" }],
    },
  ],
  silent: [
    { name: "at the latest version, and all catalogs are healthy", given: [etcd, ...around] },
    { name: "an upgrade is under way", given: [but(etcd, "status: { state: UpgradePending }"), ...around] },
    {
      name: "resolution failed in the past",
      given: [
        but(
          etcd,
          `status: { conditions: [{ type: ResolutionFailed, status: "False", lastTransitionTime: "${ago("10m")}" }] }`,
        ),
        ...around,
      ],
    },
    {
      name: "resolution fails for two minutes",
      given: [fresh([resolutionFailed(noPackage, "2m")], `metadata: { creationTimestamp: "${ago("2m")}" }`), ...around],
    },
    {
      name: "no state, and made three minutes ago",
      given: [fresh([], `metadata: { creationTimestamp: "${ago("3m")}" }`), ...around],
    },
    {
      name: "no state, and resolution fails for two minutes",
      given: [fresh([resolutionFailed(noPackage, "2m")]), ...around],
    },
    {
      name: "another catalog is unhealthy",
      given: [
        but(
          etcd,
          `status: { conditions: [${condition("CatalogSourcesUnhealthy", "UnhealthyCatalogSourceFound", "")}] }`,
        ),
        ...around,
      ],
    },
    {
      name: "its catalog has been unhealthy for two minutes",
      given: [
        but(
          etcd,
          `
            status:
              catalogHealth: [{ healthy: false, lastUpdated: "${ago("2m")}", catalogSourceRef: { kind: CatalogSource, namespace: olm, name: operatorhubio-catalog } }]
              conditions: [${condition("CatalogSourcesUnhealthy", "UnhealthyCatalogSourceFound", "", "2m")}]
          `,
        ),
        ...around,
      ],
    },
    {
      name: "being deleted",
      given: [
        fresh(
          [resolutionFailed(noPackage)],
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/sub] }`,
        ),
        ...around,
      ],
    },
  ],
});
