import { clusterExtension } from "../../src/analyzers/cluster-extension.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

function condition(type: string, status: string, reason: string, since = "50m", message = ""): string {
  return `{ type: ${type}, status: "${status}", reason: ${reason}, message: '${message}', lastTransitionTime: "${ago(since)}", observedGeneration: 1 }`;
}

const progressing = condition("Progressing", "True", "Succeeded", "50m", "desired state reached");
const installed = condition(
  "Installed",
  "True",
  "Succeeded",
  "50m",
  "Installed bundle quay.io/example/argocd:v0.6.0 successfully",
);

const argocd = yaml`
  apiVersion: olm.operatorframework.io/v1
  kind: ClusterExtension
  metadata: { name: argocd, generation: 1 }
  spec:
    namespace: argocd
    serviceAccount: { name: argocd-installer }
    source: { sourceType: Catalog, catalog: { packageName: argocd-operator, version: 0.6.x, upgradeConstraintPolicy: CatalogProvided } }
  status:
    conditions: [${progressing}, ${installed}]
    install: { bundle: { name: argocd-operator.v0.6.0, version: 0.6.0 } }
`;

function having(...conditions: readonly string[]): Manifest {
  return but(argocd, `status: { conditions: [${conditions.join(", ")}], install: null }`);
}

const account = yaml`
  { apiVersion: v1, kind: ServiceAccount, metadata: { name: argocd-installer, namespace: argocd } }
`;

const nothing = condition("Installed", "False", "Failed", "20m", "No bundle installed");
const noBundles = 'no bundles found for package "argocd-operator"';
const noAccount =
  'service account "argocd-installer" not found in namespace "argocd": unable to authenticate with the Kubernetes cluster.';
const object = "ClusterExtension/argocd";
const notInstalled = { rule: "clusterextension-not-installed", object } as const;
const refused = "the CRD of the project refuses it: only dumps of other versions hold it";

export default cases(clusterExtension, {
  fires: [
    {
      name: "an upgrade policy that is not known",
      given: [but(argocd, "spec: { source: { catalog: { upgradeConstraintPolicy: Ignore } } }"), account],
      notLive: refused,
      expect: [{ rule: "clusterextension-spec-invalid", object, severity: "warning", because: "its upgrade policy" }],
    },
    {
      name: "a source type that is not known, without a catalog",
      given: [but(argocd, "spec: { source: { sourceType: Bundle, catalog: null } }"), account],
      notLive: refused,
      expect: [{ rule: "clusterextension-spec-invalid", object, because: "the type of its source" }],
    },
    {
      name: "its package is in no catalog",
      given: [having(condition("Progressing", "True", "Retrying", "20m", noBundles), nothing), account],
      expect: [{ ...notInstalled, severity: "critical", because: "the package is not in any catalog" }],
    },
    {
      name: "no version of its package fits",
      given: [
        having(condition("Progressing", "True", "Retrying", "20m", `${noBundles} matching version "9.x"`), nothing),
        account,
      ],
      expect: [{ ...notInstalled, because: "no version of the package fits" }],
    },
    {
      name: "its catalog cannot be read",
      given: [
        having(
          condition(
            "Progressing",
            "True",
            "Retrying",
            "20m",
            'error walking catalogs: error getting package "argocd-operator" from catalog "operatorhubio": error retrieving cache for catalog "operatorhubio"',
          ),
          nothing,
        ),
        account,
      ],
      expect: [{ ...notInstalled, because: "a catalog cannot be read", cause: "ClusterCatalog/operatorhubio" }],
    },
    {
      name: "its ServiceAccount does not exist",
      given: [
        having(
          condition("Progressing", "True", "Retrying", "20m", noAccount),
          condition("Installed", "Unknown", "Failed", "20m", noAccount),
        ),
      ],
      expect: [
        {
          ...notInstalled,
          because: "its ServiceAccount does not exist",
          cause: "ServiceAccount/argocd/argocd-installer",
        },
      ],
    },
    {
      name: "its ServiceAccount is missing says the message, and ServiceAccounts could not be read",
      given: [
        having(
          condition("Progressing", "True", "Retrying", "20m", noAccount),
          condition("Installed", "Unknown", "Failed", "20m", noAccount),
        ),
        account,
      ],
      unread: ["ServiceAccount"],
      expect: [{ ...notInstalled, because: "its ServiceAccount does not exist" }],
    },
    {
      name: "blocked since a moment ago",
      given: [
        having(
          condition("Progressing", "False", "Blocked", "10s", "terminal error"),
          condition("Installed", "False", "Failed", "10s", "No bundle installed"),
        ),
        account,
      ],
      expect: [{ ...notInstalled, because: "it is blocked until somebody changes it" }],
    },
    {
      name: "not installed for 20 minutes, and nothing says why",
      given: [having(nothing), account],
      expect: [notInstalled],
    },
    {
      name: "installed, and the upgrade is blocked",
      given: [
        but(
          argocd,
          `status: { conditions: [${condition("Progressing", "False", "Blocked", "10s", 'validating upgrade for CRD "argocds.argoproj.io" failed')}, ${installed}] }`,
        ),
        account,
      ],
      expect: [
        {
          rule: "clusterextension-not-progressing",
          object,
          severity: "warning",
          because: "its upgrade is not safe for objects that exist",
        },
      ],
    },
    {
      name: "installed, and an upgrade is tried in vain for 20 minutes",
      given: [
        but(
          argocd,
          `status: { conditions: [${condition("Progressing", "True", "Retrying", "20m", 'error upgrading from currently installed version "0.6.0": no bundles found for package "argocd-operator" matching version "0.7.x"')}, ${installed}] }`,
        ),
        account,
      ],
      expect: [{ rule: "clusterextension-not-progressing", object, because: "no version of the package fits" }],
    },
    {
      name: "the installed version is deprecated",
      given: [
        but(
          argocd,
          `status: { conditions: [${progressing}, ${installed}, ${condition("Deprecated", "True", "Deprecated", "50m", "argocd-operator.v0.6.0 is deprecated")}, ${condition("BundleDeprecated", "True", "Deprecated", "50m", "argocd-operator.v0.6.0 is deprecated")}] }`,
        ),
        account,
      ],
      expect: [{ rule: "clusterextension-deprecated", object, severity: "info", because: "the installed version" }],
    },
  ],
  silent: [
    { name: "installed", given: [argocd, account] },
    {
      name: "nothing of it is deprecated",
      given: [
        but(
          argocd,
          `status: { conditions: [${progressing}, ${installed}, ${condition("Deprecated", "False", "Deprecated")}] }`,
        ),
        account,
      ],
    },
    {
      name: "a source without a catalog",
      given: [but(argocd, "spec: { source: { catalog: null } }"), account],
      notLive: refused,
    },
    { name: "no status yet", given: [but(argocd, "status: null"), account] },
    {
      name: "not installed for five minutes",
      given: [
        having(
          condition("Progressing", "True", "Retrying", "5m", noBundles),
          condition("Installed", "False", "Failed", "5m", "No bundle installed"),
        ),
        account,
      ],
    },
    {
      name: "installed, and retries for three minutes",
      given: [
        but(
          argocd,
          `status: { conditions: [${condition("Progressing", "True", "Retrying", "3m", "connection refused")}, ${installed}] }`,
        ),
        account,
      ],
    },
    {
      name: "installed, and retries once after a long time: its status changed a minute ago",
      given: [
        but(
          argocd,
          `
            metadata: { managedFields: [{ manager: operator-controller, operation: Update, apiVersion: olm.operatorframework.io/v1, subresource: status, time: "${ago("1m")}" }] }
            status: { conditions: [${condition("Progressing", "True", "Retrying", "55m", "connection refused")}, ${installed}] }
          `,
        ),
        account,
      ],
      notLive: "the server keeps its own record of who set which field",
    },
    {
      name: "the status tells of an older spec",
      given: [
        but(having(condition("Progressing", "False", "Blocked", "20m"), nothing), "metadata: { generation: 2 }"),
        account,
      ],
    },
    {
      name: "being deleted",
      given: [
        but(
          having(condition("Progressing", "False", "Blocked", "20m"), nothing),
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [olm.operatorframework.io/cleanup-unpack-cache] }`,
        ),
      ],
    },
  ],
});
