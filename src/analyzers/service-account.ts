import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { graceMs, hasSettled, isFinished, isGoingAway, isNamespaceGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { keyOf, namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { podsUsingAccount } from "../kube/relations.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

type BindingKind = "RoleBinding" | "ClusterRoleBinding";
type Binding = KubeObject<"RoleBinding"> | KubeObject<"ClusterRoleBinding">;

const source = "reference/access-authn-authz/rbac/#rolebinding-and-clusterrolebinding";
const show = "kubectl get {kind} {name} -o yaml";

export const serviceAccount: Analyzer = defineAnalyzer({
  name: "ServiceAccount",
  core: false,
  needs: [],
  uses: ["ServiceAccount", "RoleBinding", "ClusterRoleBinding", "Role", "ClusterRole", "Pod", "Namespace"],
  rules: {
    "rbac-binding-dangling": {
      severity: ["warning", "risk"],
      depth: 4,
      message: "The binding gives rights to a ServiceAccount that does not exist",
      why: "Calls with that account fail; whoever makes an account of that name gets the rights",
      fix: "Correct the name or namespace of the subject, or remove the binding if its account is gone for good",
      source,
      commands: [
        "kubectl -n {account_namespace} get serviceaccount",
        "kubectl -n {binding_namespace} get {kind} {name} -o yaml",
        show,
      ],
      silent: [
        "younger than 60 seconds",
        "the accounts of the namespace could not all be read",
        "no live Pod runs under that account: left-over bindings are common (risk)",
      ],
    },
    "role-missing": {
      severity: ["warning", "risk"],
      depth: 4,
      message: "The binding names a role that does not exist",
      why: "It gives no rights: calls of its subjects fail with forbidden",
      fix: "Correct the name of the role, or create the role; roleRef cannot be changed, so the binding has to be made anew",
      source,
      commands: [
        "kubectl -n {binding_namespace} get {kind} {name} -o yaml",
        "kubectl -n {binding_namespace} get role",
        show,
      ],
      silent: [
        "younger than 60 seconds",
        "roles could not all be read",
        "none of its subjects is an account under which a live Pod runs (risk)",
      ],
    },
  },
  *check(snapshot) {
    for (const kind of ["RoleBinding", "ClusterRoleBinding"] as const) {
      for (const object of snapshot.list(kind)) {
        if (isGoingAway(snapshot, object) || !hasSettled(snapshot, object, graceMs.pod)) continue;
        yield* roleMissing(snapshot, kind, object);
        yield* accountsMissing(snapshot, kind, object);
      }
    }
  },
});

type Said = Iterable<Observation<"rbac-binding-dangling" | "role-missing">>;

/** The accounts that the binding gives rights to. */
function accountsOf({ metadata, subjects }: Binding): readonly ObjectRef[] {
  return (subjects ?? []).flatMap(({ kind, name, namespace = metadata?.namespace }) =>
    kind === "ServiceAccount" && name !== undefined && namespace !== undefined
      ? [namedRef("ServiceAccount", namespace, name)]
      : [],
  );
}

/** The live Pods that run under the account. */
function usersOf(snapshot: Snapshot, { namespace = "", name }: ObjectRef): readonly KubeObject<"Pod">[] {
  return podsUsingAccount(snapshot, namespace, name).filter(
    (pod) => !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined,
  );
}

function usedBy(ref: ObjectRef, pods: readonly KubeObject<"Pod">[]): readonly Evidence[] {
  return pods.length === 0
    ? []
    : [
        fact(
          ref,
          "Pods that run under the account",
          pods
            .slice(0, 5)
            .map(({ metadata }) => metadata?.name ?? "")
            .join(", "),
        ),
      ];
}

function paramsOf(object: Binding): Readonly<Record<string, string>> {
  return { binding_namespace: object.metadata?.namespace ?? "" };
}

function* roleMissing(snapshot: Snapshot, kind: BindingKind, object: Binding): Said {
  const { kind: roleKind, name = "" } = object.roleRef ?? {};
  if ((roleKind !== "Role" && roleKind !== "ClusterRole") || name === "") return;
  const namespace = roleKind === "Role" ? object.metadata?.namespace : undefined;
  if (!snapshot.isComplete(roleKind, namespace) || snapshot.get(roleKind, namespace, name) !== undefined) return;
  const ref = refOf(kind, object);
  const role = namedRef(roleKind, namespace, name);
  const roles = namespace === undefined ? snapshot.list(roleKind) : snapshot.inNamespace(roleKind, namespace);
  const similar = similarNames(
    name,
    roles.map(({ metadata }) => metadata?.name ?? ""),
  );
  const pods = accountsOf(object).flatMap((account) => usersOf(snapshot, account));
  yield {
    rule: "role-missing",
    object: ref,
    severity: pods.length > 0 ? "warning" : "risk",
    cause: role,
    evidence: [
      missing(role),
      field(ref, "roleRef.name", name),
      ...(similar.length === 0 ? [] : [fact(ref, "similar roles", similar.join(", "))]),
      ...usedBy(ref, pods),
    ],
    related: pods.map((pod) => refOf("Pod", pod)),
    params: paramsOf(object),
  };
}

function* accountsMissing(snapshot: Snapshot, kind: BindingKind, object: Binding): Said {
  const ref = refOf(kind, object);
  const seen = new Set<string>();
  for (const [index, account] of accountsOf(object).entries()) {
    const { namespace = "", name } = account;
    if (seen.has(keyOf(account)) || isNamespaceGoingAway(snapshot, namespace)) continue;
    seen.add(keyOf(account));
    if (
      !snapshot.isComplete("ServiceAccount", namespace) ||
      snapshot.get("ServiceAccount", namespace, name) !== undefined
    )
      continue;
    const pods = usersOf(snapshot, account);
    const similar = similarNames(
      name,
      snapshot.inNamespace("ServiceAccount", namespace).map(({ metadata }) => metadata?.name ?? ""),
    );
    yield {
      rule: "rbac-binding-dangling",
      object: ref,
      severity: pods.length > 0 ? "warning" : "risk",
      cause: account,
      discriminator: `${namespace}/${name}`,
      evidence: [
        missing(account),
        field(ref, `subjects[${index}].name`, name),
        field(ref, "roleRef.name", object.roleRef?.name),
        ...(similar.length === 0 ? [] : [fact(ref, "similar accounts", similar.join(", "))]),
        ...usedBy(ref, pods),
      ],
      related: pods.map((pod) => refOf("Pod", pod)),
      params: { ...paramsOf(object), account_namespace: namespace },
    };
  }
}
