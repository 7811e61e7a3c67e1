import { operatorGroup } from "../../src/analyzers/operator-group.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const group = yaml`
  apiVersion: operators.coreos.com/v1
  kind: OperatorGroup
  metadata: { name: operators, namespace: operators }
  spec: {}
  status: { namespaces: [""], lastUpdated: "${ago("50m")}" }
`;
const second = but(group, "metadata: { name: second }");

const subscription = yaml`
  apiVersion: operators.coreos.com/v1alpha1
  kind: Subscription
  metadata: { name: etcd, namespace: operators }
  spec: { name: etcd, source: operatorhubio-catalog, sourceNamespace: olm }
`;

/** A version that supports these install modes, in a phase. */
function version(modes: readonly string[], phase = "Failed", reason = "UnsupportedOperatorGroup"): Manifest {
  const all = ["OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces"];
  const installModes = all.map((type) => `{ type: ${type}, supported: ${modes.includes(type)} }`).join(", ");
  return but(
    yaml`
      apiVersion: operators.coreos.com/v1alpha1
      kind: ClusterServiceVersion
      metadata: { name: etcdoperator.v0.9.4, namespace: operators }
      spec: { displayName: etcd, install: { strategy: deployment, spec: { deployments: [] } } }
    `,
    `spec: { installModes: [${installModes}] }\nstatus: { phase: ${phase}, reason: ${reason} }`,
  );
}

function targeting(...namespaces: readonly string[]): Manifest {
  return but(
    group,
    `spec: { targetNamespaces: [${namespaces.join(", ")}] }\nstatus: { namespaces: [${namespaces.join(", ")}] }`,
  );
}

const unsupported = {
  rule: "operatorgroup-install-mode-unsupported",
  object: "OperatorGroup/operators/operators",
} as const;

export default cases(operatorGroup, {
  fires: [
    {
      name: "two groups in a namespace with a Subscription",
      given: [group, second, subscription],
      expect: [{ rule: "operatorgroup-multiple", object: "OperatorGroup/operators", severity: "critical" }],
    },
    {
      name: "two groups in a namespace where nothing is to be installed",
      given: [group, second],
      expect: [{ rule: "operatorgroup-multiple", object: "OperatorGroup/operators", severity: "warning" }],
    },
    {
      name: "two groups in the namespace that was asked for, and in another one",
      given: [
        group,
        second,
        but(group, "metadata: { namespace: other }"),
        but(second, "metadata: { namespace: other }"),
      ],
      scope: { include: ["operators"] },
      expect: [{ rule: "operatorgroup-multiple", object: "OperatorGroup/operators" }],
    },
    {
      name: "a Subscription, and no group",
      given: [subscription],
      expect: [{ rule: "operatorgroup-missing", object: "OperatorGroup/operators", severity: "critical" }],
    },
    {
      name: "the group selects all namespaces, and the operator does not support it",
      given: [group, version(["OwnNamespace"])],
      expect: [{ ...unsupported, severity: "critical" }],
    },
    {
      name: "the group selects another namespace, and the operator supports only its own",
      given: [targeting("shop"), version(["OwnNamespace"])],
      expect: [unsupported],
    },
    {
      name: "the group selects several namespaces, and the operator supports one",
      given: [targeting("shop", "stage"), version(["OwnNamespace", "SingleNamespace"])],
      expect: [unsupported],
    },
    {
      name: "the group selects its own namespace among several, and the operator does not support that",
      given: [targeting("shop", "operators"), version(["MultiNamespace"])],
      expect: [unsupported],
    },
  ],
  silent: [
    { name: "one group and a Subscription", given: [group, subscription] },
    { name: "a group in each of two namespaces", given: [group, but(group, "metadata: { namespace: other }")] },
    {
      name: "the second group is being deleted",
      given: [
        group,
        but(second, `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/group] }`),
        subscription,
      ],
    },
    {
      name: "a Subscription made a minute ago, and no group yet",
      given: [but(subscription, `metadata: { creationTimestamp: "${ago("1m")}" }`)],
    },
    { name: "no group, and OperatorGroups could not be read", given: [subscription], unread: ["OperatorGroup"] },
    {
      name: "the operator supports all namespaces",
      given: [group, version(["AllNamespaces"], "Succeeded", "InstallSucceeded")],
    },
    {
      name: "installed, whatever its modes say",
      given: [targeting("shop"), version(["OwnNamespace"], "Succeeded", "InstallSucceeded")],
    },
    {
      name: "the namespaces of the group are not known yet",
      given: [but(group, "status: null"), version(["OwnNamespace"])],
    },
    {
      name: "a copy of a version",
      given: [group, but(version(["OwnNamespace"]), "metadata: { labels: { olm.copiedFrom: other } }")],
    },
    {
      name: "two groups in a namespace that was not asked for",
      given: [second, group],
      scope: { exclude: ["operators"] },
    },
  ],
});
