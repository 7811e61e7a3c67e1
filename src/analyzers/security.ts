/** k8sgpt's Security: posture, never a failure. All of it is `risk`, shown only when asked for. */
import { fact, field } from "../findings/evidence.ts";
import type { Observation, Rule } from "../findings/finding.ts";
import { isFinished, isGoingAway } from "../kube/guards.ts";
import type { Container, KubeObject } from "../kube/kinds.ts";
import { refOf } from "../kube/object-ref.ts";
import { podsUsingAccount } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

type Pod = KubeObject<"Pod">;
type BindingKind = "RoleBinding" | "ClusterRoleBinding";
type Binding = KubeObject<"RoleBinding"> | KubeObject<"ClusterRoleBinding">;

const risk = { severity: "risk", depth: 5 } as const satisfies Partial<Rule>;
const system: ReadonlySet<string> = new Set(["kube-system", "kube-public", "kube-node-lease"]);

export const security: Analyzer = defineAnalyzer({
  name: "Security",
  core: false,
  needs: [],
  uses: ["Pod", "ServiceAccount", "RoleBinding", "ClusterRoleBinding", "Role", "ClusterRole", "ReplicaSet", "Job"],
  rules: {
    "security-default-account-used": {
      ...risk,
      message: "Pods run under the default ServiceAccount and carry its token",
      why: "Whatever rights one of them needs, all of them get",
      fix: "Give each workload an account of its own, or set automountServiceAccountToken to false",
      source: "concepts/security/service-accounts/",
      commands: [
        "kubectl -n {namespace} get pods -o custom-columns=NAME:.metadata.name,ACCOUNT:.spec.serviceAccountName",
      ],
      silent: ["the token is not mounted", "Pods that have ended"],
    },
    "security-wildcard-role": {
      ...risk,
      message: "The binding gives rights by wildcard",
      why: "Whoever holds a credential of its subjects can do far more than they need",
      fix: "Name the resources and verbs that the subjects need",
      source: "concepts/security/rbac-good-practices/",
      commands: [
        "kubectl get {role_kind} {role} -o yaml",
        "kubectl -n {role_namespace} get {role_kind} {role} -o yaml",
      ],
      silent: ["roles and bindings that Kubernetes itself makes", "bindings without subjects"],
    },
    "security-privileged-container": {
      ...risk,
      message: "A container is privileged",
      why: "Whoever breaks into it owns the node",
      fix: "Drop privileged, and add the capabilities that it needs one by one",
      source: "concepts/security/pod-security-standards/",
      commands: ["kubectl -n {namespace} get pod {name} -o yaml"],
      silent: ["Pods that have ended"],
    },
    "security-weak-context": {
      ...risk,
      message: "The Pod can do more than a restricted one",
      why: "A fault in its code reaches further than the Pod",
      fix: "Set runAsNonRoot, and take away namespaces, paths and capabilities of the host that it does not need",
      source: "concepts/security/pod-security-standards/",
      commands: ["kubectl -n {namespace} get pod {name} -o yaml"],
      silent: ["Pods that have ended", "its containers run as another user than root and share nothing with the node"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("ServiceAccount")) {
      if (object.metadata?.name === "default" && !isGoingAway(snapshot, object))
        yield* defaultAccount(snapshot, object);
    }
    for (const kind of ["RoleBinding", "ClusterRoleBinding"] as const) {
      for (const object of snapshot.list(kind))
        if (!isGoingAway(snapshot, object)) yield* wildcard(snapshot, kind, object);
    }
    for (const pod of snapshot.list("Pod")) {
      if (isFinished(pod) || isGoingAway(snapshot, pod)) continue;
      const containers = containersOf(pod);
      yield* privileged(pod, containers);
      yield* context(pod, containers);
    }
  },
});

type Said = Iterable<
  Observation<
    | "security-default-account-used"
    | "security-wildcard-role"
    | "security-privileged-container"
    | "security-weak-context"
  >
>;

/** System namespaces are told apart: what runs there often needs what others must not have. */
function apart(namespace: string | undefined, words: string | undefined): string | undefined {
  if (!system.has(namespace ?? "")) return words;
  return words === undefined ? "part of the system" : `${words}; part of the system`;
}

function* defaultAccount(snapshot: Snapshot, object: KubeObject<"ServiceAccount">): Said {
  const ref = refOf("ServiceAccount", object);
  const mounts = object.automountServiceAccountToken ?? true;
  const pods = podsUsingAccount(snapshot, ref.namespace ?? "", "default").filter(
    (pod) => !isFinished(pod) && (pod.spec?.automountServiceAccountToken ?? mounts),
  );
  if (pods.length === 0) return;
  const because = apart(ref.namespace, undefined);
  yield {
    rule: "security-default-account-used",
    object: ref,
    ...(because !== undefined && { because }),
    evidence: [
      fact(ref, "Pods", pods.length),
      ...pods
        .slice(0, 5)
        .map((pod) => field(refOf("Pod", pod), "spec.serviceAccountName", pod.spec?.serviceAccountName ?? "default")),
    ],
    related: pods.map((pod) => refOf("Pod", pod)),
  };
}

function isBuiltIn({ metadata }: KubeObject): boolean {
  return (
    metadata?.labels?.["kubernetes.io/bootstrapping"] === "rbac-defaults" ||
    metadata?.name?.startsWith("system:") === true
  );
}

function* wildcard(snapshot: Snapshot, kind: BindingKind, object: Binding): Said {
  const { kind: roleKind, name = "" } = object.roleRef ?? {};
  const { subjects = [] } = object;
  if ((roleKind !== "Role" && roleKind !== "ClusterRole") || subjects.length === 0 || isBuiltIn(object)) return;
  const namespace = roleKind === "Role" ? object.metadata?.namespace : undefined;
  const role = snapshot.get(roleKind, namespace, name);
  const widest = (role?.rules ?? []).map(widthOf).sort((a, b) => a.order - b.order)[0];
  if (role === undefined || widest === undefined || widest.order === 3) return;
  const ref = refOf(kind, object);
  const roleRef = refOf(roleKind, role);
  const because = apart(object.metadata?.namespace, widest.words);
  yield {
    rule: "security-wildcard-role",
    object: ref,
    ...(because !== undefined && { because }),
    evidence: [
      field(
        roleRef,
        "rules",
        (role.rules ?? []).find((rule) => widthOf(rule).order === widest.order),
      ),
      field(ref, "roleRef.name", name),
      fact(
        ref,
        "subjects",
        subjects
          .slice(0, 8)
          .map((subject) => `${subject.kind} ${subject.name}`)
          .join(", "),
      ),
    ],
    related: [roleRef],
    params: {
      role: name,
      role_kind: roleKind.toLowerCase(),
      ...(namespace !== undefined && { role_namespace: namespace }),
    },
  };
}

type PolicyRule = NonNullable<KubeObject<"Role">["rules"]>[number];

/** How wide a rule is, the widest first. */
function widthOf({ verbs = [], resources = [] }: PolicyRule): {
  readonly order: 0 | 1 | 2 | 3;
  readonly words: string;
} {
  const [isEveryVerb, isEveryResource] = [verbs.includes("*"), resources.includes("*")];
  if (isEveryVerb && isEveryResource) return { order: 0, words: "every verb on every resource" };
  if (isEveryResource) return { order: 1, words: "some verbs on every resource" };
  if (isEveryVerb && resources.length > 0) return { order: 2, words: "every verb on some resources" };
  return { order: 3, words: "" };
}

const lists = ["initContainers", "containers", "ephemeralContainers"] as const;

interface Place {
  readonly container: Container;
  readonly list: (typeof lists)[number];
}

function containersOf({ spec }: Pod): readonly Place[] {
  const found: Place[] = [];
  for (const list of lists) for (const container of spec?.[list] ?? []) found.push({ container, list });
  return found;
}

/** The field path of what a container may do. */
function contextPath({ container, list }: Place): string {
  return `spec.${list}[${container.name ?? ""}].securityContext`;
}

function* privileged(pod: Pod, containers: readonly Place[]): Said {
  for (const place of containers) {
    const { container } = place;
    if (container.securityContext?.privileged !== true) continue;
    const ref = refOf("Pod", pod);
    const because = apart(ref.namespace, undefined);
    yield {
      rule: "security-privileged-container",
      object: ref,
      discriminator: container.name ?? "",
      ...(because !== undefined && { because }),
      evidence: [field(ref, `${contextPath(place)}.privileged`, true)],
    };
  }
}

/** Capabilities that lead out of the container. */
const wideCapabilities: ReadonlySet<string> = new Set([
  "ALL",
  "BPF",
  "DAC_READ_SEARCH",
  "NET_ADMIN",
  "NET_RAW",
  "PERFMON",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_MODULE",
  "SYS_PTRACE",
  "SYS_RAWIO",
  "SYS_TIME",
]);

function* context(pod: Pod, containers: readonly Place[]): Said {
  const { spec = {} } = pod;
  const found: { readonly words: string; readonly path: string; readonly value: string | boolean | null }[] = [];
  for (const [name, words] of [
    ["hostNetwork", "shares the network of the node"],
    ["hostPID", "sees the processes of the node"],
    ["hostIPC", "shares the memory of the node"],
  ] as const) {
    if (spec[name] === true) found.push({ words, path: `spec.${name}`, value: true });
  }
  for (const { name = "", hostPath } of spec.volumes ?? []) {
    if (hostPath !== undefined)
      found.push({
        words: "mounts paths of the node",
        path: `spec.volumes[${name}].hostPath.path`,
        value: hostPath.path ?? "",
      });
  }
  for (const place of containers) {
    const { container } = place;
    const { runAsNonRoot, runAsUser, capabilities } = container.securityContext ?? {};
    const wide = (capabilities?.add ?? []).filter((name) => wideCapabilities.has(name.replace(/^CAP_/, "")));
    if (wide.length > 0)
      found.push({
        words: "adds wide capabilities",
        path: `${contextPath(place)}.capabilities.add`,
        value: wide.join(", "),
      });
    const user = runAsUser ?? spec.securityContext?.runAsUser;
    const isNonRoot =
      (runAsNonRoot ?? spec.securityContext?.runAsNonRoot) === true || (user !== undefined && user !== 0);
    if (!isNonRoot)
      found.push({ words: "may run as root", path: `${contextPath(place)}.runAsNonRoot`, value: runAsNonRoot ?? null });
  }
  if (found.length === 0) return;
  const ref = refOf("Pod", pod);
  const words = [...new Set(found.map((each) => each.words))];
  const because = apart(ref.namespace, words.join(", "));
  yield {
    rule: "security-weak-context",
    object: ref,
    ...(because !== undefined && { because }),
    evidence: words
      .flatMap((each) => found.filter((entry) => entry.words === each).slice(0, 2))
      .slice(0, 8)
      .map(({ path, value }) => field(ref, path, value)),
  };
}
