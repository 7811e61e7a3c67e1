import { serviceAccount } from "../../src/analyzers/service-account.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const binding = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: rbac.authorization.k8s.io/v1
      kind: RoleBinding
      metadata: { name: ci, namespace: shop }
      roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer }
      subjects: [{ kind: ServiceAccount, name: ci, namespace: shop }]
    `,
    changes,
  );
const role = yaml`
  { apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: { name: deployer, namespace: shop }, rules: [{ apiGroups: [apps], resources: [deployments], verbs: [get] }] }
`;
const account = yaml`{ apiVersion: v1, kind: ServiceAccount, metadata: { name: ci, namespace: shop } }`;
const pod = (phase = "Running"): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: runner, namespace: shop }
  spec: { serviceAccountName: ci, containers: [{ name: runner, image: runner }] }
  status: { phase: ${phase} }
`;
const clusterWide = yaml`
  apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: { name: ci-nodes }
  roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: node-reader }
  subjects: [{ kind: ServiceAccount, name: ci, namespace: shop }]
`;
const object = "RoleBinding/shop/ci";

export default cases(serviceAccount, {
  fires: [
    {
      name: "the role is gone and a Pod runs under the account",
      given: [binding(), account, pod()],
      expect: [{ rule: "role-missing", object, severity: "warning", cause: "Role/shop/deployer" }],
    },
    {
      name: "the role is gone and nobody uses the account",
      given: [binding(), account],
      expect: [{ rule: "role-missing", object, severity: "risk" }],
    },
    {
      name: "a cluster role is gone",
      given: [clusterWide, account, pod()],
      expect: [
        {
          rule: "role-missing",
          object: "ClusterRoleBinding/ci-nodes",
          severity: "warning",
          cause: "ClusterRole/node-reader",
        },
      ],
    },
    {
      name: "the account is gone",
      given: [binding(), role],
      expect: [{ rule: "rbac-binding-dangling", object, severity: "risk", cause: "ServiceAccount/shop/ci" }],
    },
    {
      name: "the account is gone while a Pod still runs under it",
      given: [binding(), role, pod()],
      expect: [{ rule: "rbac-binding-dangling", object, severity: "warning" }],
    },
  ],
  silent: [
    { name: "role and account are there", given: [binding(), role, account, pod()] },
    { name: "made 20 seconds ago", given: [binding(`metadata: { creationTimestamp: "${ago("20s")}" }`)] },
    { name: "roles and accounts could not be read", given: [binding()], unread: ["Role", "ServiceAccount"] },
    {
      name: "users and groups are not objects",
      given: [
        binding(
          "subjects: [{ kind: User, name: ann, apiGroup: rbac.authorization.k8s.io }, { kind: Group, name: ops, apiGroup: rbac.authorization.k8s.io }]",
        ),
        role,
      ],
    },
    {
      name: "being deleted",
      given: [binding(`metadata: { deletionTimestamp: "${ago("5s")}", finalizers: [example.com/keep] }`)],
    },
    {
      name: "the namespace of the account is being deleted",
      given: [
        binding(),
        role,
        yaml`{ apiVersion: v1, kind: Namespace, metadata: { name: shop, deletionTimestamp: "${ago("1m")}" }, status: { phase: Terminating } }`,
      ],
      notLive: "a namespace that is being deleted takes no objects",
    },
  ],
});
