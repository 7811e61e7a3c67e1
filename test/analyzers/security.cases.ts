import { security } from "../../src/analyzers/security.ts";
import { but, cases, type Manifest, yaml } from "./cases.ts";

const strict = "securityContext: { runAsNonRoot: true, runAsUser: 1000 }";
const pod = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: web, namespace: shop }
      spec: { serviceAccountName: web, ${strict}, containers: [{ name: web, image: nginx }] }
      status: { phase: Running }
    `,
    changes,
  );
const account = (changes = "{}"): Manifest =>
  but(yaml`{ apiVersion: v1, kind: ServiceAccount, metadata: { name: default, namespace: shop } }`, changes);
const rules = (list: string): string => `rules: [${list}]`;
const clusterRole = (list: string): Manifest =>
  but(yaml`{ apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: { name: all } }`, rules(list));
const clusterBinding = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRoleBinding
      metadata: { name: ci }
      roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all }
      subjects: [{ kind: ServiceAccount, name: ci, namespace: shop }]
    `,
    changes,
  );
const every = '{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }';
const containers = (context: string): string =>
  `spec: { containers: [{ name: web, image: nginx, securityContext: { ${context} } }] }`;
const object = "Pod/shop/web";
const wildcard = { rule: "security-wildcard-role", object: "ClusterRoleBinding/ci", severity: "risk" } as const;

export default cases(security, {
  fires: [
    {
      name: "Pods under the default account",
      given: [account(), pod("spec: { serviceAccountName: default }")],
      expect: [{ rule: "security-default-account-used", object: "ServiceAccount/shop/default", severity: "risk" }],
    },
    {
      name: "a workload's account may do everything",
      given: [clusterBinding(), clusterRole(every)],
      expect: [{ ...wildcard, because: "every verb on every resource" }],
    },
    {
      name: "every verb on some resources",
      given: [clusterBinding(), clusterRole('{ apiGroups: [apps], resources: [deployments], verbs: ["*"] }')],
      expect: [{ ...wildcard, because: "every verb on some resources" }],
    },
    {
      name: "some verbs on every resource",
      given: [clusterBinding(), clusterRole('{ apiGroups: ["*"], resources: ["*"], verbs: [get] }')],
      expect: [{ ...wildcard, because: "some verbs on every resource" }],
    },
    {
      name: "a role of the namespace",
      given: [
        yaml`
          apiVersion: rbac.authorization.k8s.io/v1
          kind: RoleBinding
          metadata: { name: ci, namespace: shop }
          roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: all }
          subjects: [{ kind: ServiceAccount, name: ci, namespace: shop }]
        `,
        but(
          yaml`{ apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: { name: all, namespace: shop } }`,
          rules(every),
        ),
      ],
      expect: [{ rule: "security-wildcard-role", object: "RoleBinding/shop/ci" }],
    },
    {
      name: "a privileged container",
      given: [pod(containers("privileged: true"))],
      expect: [{ rule: "security-privileged-container", object, severity: "risk" }],
    },
    {
      name: "a privileged init container, in a system namespace",
      given: [
        pod(
          "metadata: { namespace: kube-system }\nspec: { initContainers: [{ name: init, image: busybox, securityContext: { privileged: true } }] }",
        ),
      ],
      expect: [{ rule: "security-privileged-container", object: "Pod/kube-system/web", because: "part of the system" }],
    },
    {
      name: "nothing keeps it from running as root",
      given: [pod("spec: { securityContext: null }")],
      expect: [{ rule: "security-weak-context", object, severity: "risk", because: "may run as root" }],
    },
    {
      name: "it reaches into the node",
      given: [
        pod(
          "spec: { hostNetwork: true, hostPID: true, volumes: [{ name: root, hostPath: { path: / } }], containers: [{ name: web, image: nginx, securityContext: { capabilities: { add: [SYS_ADMIN] } } }] }",
        ),
      ],
      expect: [
        {
          rule: "security-weak-context",
          object,
          because:
            "shares the network of the node, sees the processes of the node, mounts paths of the node, adds wide capabilities",
        },
      ],
    },
  ],
  silent: [
    { name: "a restricted Pod under its own account", given: [pod(), account()] },
    {
      name: "the account mounts no token",
      given: [account("automountServiceAccountToken: false"), pod("spec: { serviceAccountName: default }")],
    },
    {
      name: "the Pod mounts no token",
      given: [account(), pod("spec: { serviceAccountName: default, automountServiceAccountToken: false }")],
    },
    { name: "a Pod that has ended", given: [pod(`${containers("privileged: true")}\nstatus: { phase: Succeeded }`)] },
    {
      name: "what Kubernetes itself binds",
      given: [
        clusterBinding("metadata: { name: all-powerful, labels: { kubernetes.io/bootstrapping: rbac-defaults } }"),
        clusterRole(every),
      ],
    },
    {
      name: "a role without wildcards",
      given: [clusterBinding(), clusterRole("{ apiGroups: [apps], resources: [deployments], verbs: [get, list] }")],
    },
    { name: "roles could not be read", given: [clusterBinding(), clusterRole(every)], unread: ["ClusterRole"] },
    { name: "a capability that all may have", given: [pod(containers("capabilities: { add: [NET_BIND_SERVICE] }"))] },
  ],
});
