import { clusterServiceVersion } from "../../src/analyzers/cluster-service-version.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const etcd = yaml`
  apiVersion: operators.coreos.com/v1alpha1
  kind: ClusterServiceVersion
  metadata: { name: etcdoperator.v0.9.4, namespace: operators }
  spec: { displayName: etcd, version: 0.9.4, install: { strategy: deployment, spec: { deployments: [] } } }
  status:
    phase: Succeeded
    reason: InstallSucceeded
    message: install strategy completed with no errors
    lastTransitionTime: "${ago("50m")}"
    lastUpdateTime: "${ago("50m")}"
`;

function inPhase(phase: string, reason: string, since: string, more = "{}"): Manifest {
  return but(
    but(etcd, `status: { phase: ${phase}, reason: ${reason}, message: "", lastTransitionTime: "${ago(since)}" }`),
    more,
  );
}

const group = yaml`
  apiVersion: operators.coreos.com/v1
  kind: OperatorGroup
  metadata: { name: operators, namespace: operators }
  spec: { targetNamespaces: [shop, stage] }
  status: { namespaces: [shop, stage], lastUpdated: "${ago("50m")}" }
`;
const object = "ClusterServiceVersion/operators/etcdoperator.v0.9.4";
const failed = { rule: "csv-failed", object } as const;
const stuck = { rule: "csv-stuck", object } as const;

export default cases(clusterServiceVersion, {
  fires: [
    {
      name: "its Deployment did not become available",
      given: [inPhase("Failed", "InstallCheckFailed", "5m", `status: { message: 'install timeout' }`)],
      expect: [{ ...failed, severity: "critical", because: "its Deployment did not become available in time" }],
    },
    {
      name: "its Deployment is not healthy; the history holds other reasons first",
      given: [
        inPhase(
          "Failed",
          "ComponentUnhealthy",
          "5m",
          `
            status:
              message: 'installing: waiting for deployment etcd-operator to become ready: deployment "etcd-operator" not available: Deployment does not have minimum availability.'
              conditions: [{ phase: Pending, reason: RequirementsUnknown, message: requirements not yet checked, lastTransitionTime: "${ago("50m")}" }]
          `,
        ),
      ],
      expect: [{ ...failed, because: "its Deployment is not healthy" }],
    },
    {
      name: "failed, and the history holds no text",
      given: [inPhase("Failed", "OwnerConflict", "5m", `status: { conditions: [{ phase: Failed }] }`)],
      expect: [{ ...failed, because: "another operator owns the same APIs" }],
    },
    {
      name: "its namespace has several OperatorGroups",
      given: [inPhase("Failed", "TooManyOperatorGroups", "5m"), group, but(group, "metadata: { name: second }")],
      expect: [{ ...failed, because: "its namespace has several OperatorGroups", cause: "OperatorGroup/operators" }],
    },
    {
      name: "its namespace has no OperatorGroup",
      given: [inPhase("Failed", "NoOperatorGroup", "5m")],
      expect: [{ ...failed, because: "its namespace has no OperatorGroup", cause: "OperatorGroup/operators" }],
    },
    {
      name: "it does not support what its OperatorGroup asks for",
      given: [inPhase("Failed", "UnsupportedOperatorGroup", "5m"), group],
      expect: [
        {
          ...failed,
          because: "it does not support what its OperatorGroup asks for",
          cause: "OperatorGroup/operators/operators",
        },
      ],
    },
    {
      name: "its requirements are not met for 20 minutes",
      given: [
        inPhase(
          "Pending",
          "RequirementsNotMet",
          "20m",
          `
            status:
              message: one or more requirements couldn't be found
              requirementStatus:
                - { group: apiextensions.k8s.io, version: v1, kind: CustomResourceDefinition, name: etcdclusters.etcd.database.coreos.com, status: NotPresent, message: CRD is not present }
                - { group: "", version: v1, kind: ServiceAccount, name: etcd-operator, status: Present, message: "" }
          `,
        ),
      ],
      expect: [{ ...stuck, severity: "warning", because: "its requirements are not met" }],
    },
    { name: "installs for 20 minutes", given: [inPhase("Installing", "InstallWaiting", "20m")], expect: [stuck] },
    {
      name: "is being deleted by the catalog operator for 20 minutes",
      given: [inPhase("Deleting", "Replaced", "20m")],
      expect: [stuck],
    },
    {
      name: "is to be replaced, and nothing is there that replaces it",
      given: [inPhase("Replacing", "BeingReplaced", "20m")],
      expect: [stuck],
    },
    { name: "nobody has looked at it for an hour", given: [but(etcd, "status: null")], expect: [stuck] },
  ],
  silent: [
    { name: "installed", given: [etcd] },
    {
      name: "a copy in a namespace that the operator watches",
      given: [
        inPhase("Failed", "Copied", "20m", "metadata: { namespace: shop, labels: { olm.copiedFrom: operators } }"),
      ],
    },
    { name: "failed for a minute", given: [inPhase("Failed", "ComponentUnhealthy", "1m")] },
    { name: "installs for three minutes", given: [inPhase("Installing", "InstallWaiting", "3m")] },
    { name: "pending for three minutes", given: [inPhase("Pending", "RequirementsNotMet", "3m")] },
    {
      name: "waits for the version that replaces it",
      given: [
        inPhase("Replacing", "BeingReplaced", "20m"),
        but(etcd, "metadata: { name: etcdoperator.v0.9.5 }\nspec: { version: 0.9.5, replaces: etcdoperator.v0.9.4 }"),
      ],
    },
    { name: "made a minute ago", given: [but(etcd, `metadata: { creationTimestamp: "${ago("1m")}" }\nstatus: null`)] },
    {
      name: "being deleted",
      given: [
        inPhase(
          "Failed",
          "ComponentUnhealthy",
          "20m",
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/csv] }`,
        ),
      ],
    },
  ],
});
