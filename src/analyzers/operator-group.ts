import { fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { graceMs, hasSettled, isGoingAway, isNamespaceGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { groupsOf, isCopied, operatorSource } from "./rules/operator-lifecycle.ts";

type Group = KubeObject<"OperatorGroup">;

export const operatorGroup: Analyzer = defineAnalyzer({
  name: "OperatorGroup",
  core: false,
  needs: ["OperatorGroup"],
  uses: ["Subscription", "ClusterServiceVersion"],
  rules: {
    "operatorgroup-multiple": {
      severity: ["critical", "warning"],
      depth: 5,
      message: "The namespace has more than one OperatorGroup",
      why: "No operator of the namespace is installed or upgraded until one is left",
      fix: "Keep the OperatorGroup that the operators of the namespace need, and remove the others",
      source: operatorSource,
      commands: ["kubectl -n {namespace} get operatorgroups", "kubectl -n {namespace} get csv"],
      silent: ["groups that are being deleted", "nothing is to be installed in the namespace (warning)"],
    },
    "operatorgroup-missing": {
      severity: "critical",
      depth: 5,
      message: "The namespace has a Subscription and no OperatorGroup",
      why: "The operator is not installed",
      fix: "Create an OperatorGroup in the namespace that selects the namespaces which the operator is to watch",
      source: operatorSource,
      commands: [
        "kubectl -n {namespace} get operatorgroups",
        "kubectl -n {namespace} get subscriptions.operators.coreos.com",
      ],
      silent: ["Subscriptions younger than 2 minutes", "OperatorGroups of the namespace could not all be read"],
    },
    "operatorgroup-install-mode-unsupported": {
      severity: "critical",
      depth: 5,
      message: "An operator does not support the namespaces that its OperatorGroup selects",
      why: "The operator is not installed",
      fix: "Change the target namespaces of the OperatorGroup to an install mode that the operator supports",
      source: operatorSource,
      commands: [
        "kubectl -n {namespace} get operatorgroup {name} -o yaml",
        "kubectl -n {namespace} describe csv {version}",
      ],
      silent: [
        "the operator is installed",
        "its install modes are not told",
        "the namespaces of the group are not known yet",
      ],
    },
  },
  *check(snapshot) {
    const live = snapshot.list("OperatorGroup").filter((group) => !isGoingAway(snapshot, group));
    const byNamespace = Map.groupBy(live, ({ metadata }) => metadata?.namespace ?? "");
    for (const [namespace, groups] of byNamespace) {
      const [group, ...others] = groups;
      if (group === undefined || !isAskedFor(snapshot, namespace)) continue;
      if (others.length > 0) yield several(snapshot, namespace, groups);
      else yield* unsupported(snapshot, namespace, group);
    }
    yield* withoutGroup(snapshot, byNamespace);
  },
});

/** What is said of a namespace as a whole has no object by whose namespace it could be left out later. */
function isAskedFor({ scope }: Snapshot, namespace: string): boolean {
  return (
    (scope.include === undefined || scope.include.includes(namespace)) && scope.exclude?.includes(namespace) !== true
  );
}

function several(
  snapshot: Snapshot,
  namespace: string,
  groups: readonly Group[],
): Observation<"operatorgroup-multiple"> {
  const object = groupsOf(namespace);
  const isUsed =
    snapshot.inNamespace("Subscription", namespace).length > 0 ||
    snapshot.inNamespace("ClusterServiceVersion", namespace).some((version) => !isCopied(version));
  return {
    rule: "operatorgroup-multiple",
    object,
    severity: isUsed ? "critical" : "warning",
    evidence: [
      fact(object, "OperatorGroups in the namespace", groups.length),
      ...groups
        .slice(0, 7)
        .map((group) =>
          field(refOf("OperatorGroup", group), "metadata.creationTimestamp", group.metadata?.creationTimestamp),
        ),
    ],
    related: groups.map((group) => refOf("OperatorGroup", group)),
    params: { namespace },
  };
}

function* withoutGroup(
  snapshot: Snapshot,
  groups: ReadonlyMap<string, readonly Group[]>,
): Iterable<Observation<"operatorgroup-missing">> {
  const subscriptions = snapshot.list("Subscription").filter((subscription) => !isGoingAway(snapshot, subscription));
  for (const [namespace, ofNamespace] of Map.groupBy(subscriptions, ({ metadata }) => metadata?.namespace ?? "")) {
    if (groups.has(namespace) || !isAskedFor(snapshot, namespace) || isNamespaceGoingAway(snapshot, namespace))
      continue;
    if (!snapshot.isServed("OperatorGroup") || !snapshot.isComplete("OperatorGroup", namespace)) continue;
    if (!ofNamespace.some((subscription) => hasSettled(snapshot, subscription, graceMs.workload))) continue;
    const object = groupsOf(namespace);
    yield {
      rule: "operatorgroup-missing",
      object,
      evidence: [
        fact(object, "OperatorGroups in the namespace", 0),
        ...ofNamespace
          .slice(0, 5)
          .map((subscription) => field(refOf("Subscription", subscription), "spec.name", subscription.spec?.name)),
      ],
      related: ofNamespace.map((subscription) => refOf("Subscription", subscription)),
      params: { namespace },
    };
  }
}

function* unsupported(
  snapshot: Snapshot,
  namespace: string,
  group: Group,
): Iterable<Observation<"operatorgroup-install-mode-unsupported">> {
  const targets = group.status?.namespaces;
  if (targets === undefined || targets.length === 0) return;
  for (const version of snapshot.inNamespace("ClusterServiceVersion", namespace)) {
    if (isCopied(version) || isGoingAway(snapshot, version) || !hasSettled(snapshot, version, graceMs.workload))
      continue;
    const modes = version.spec?.installModes ?? [];
    const { phase } = version.status ?? {};
    if (modes.length === 0 || phase === "Succeeded" || phase === "Replacing" || phase === "Deleting") continue;
    const wanted = modesFor(namespace, targets);
    const lacking = wanted.find((mode) => !modes.some(({ type, supported }) => type === mode && supported === true));
    if (lacking === undefined) continue;
    const ref = refOf("OperatorGroup", group);
    const operator = refOf("ClusterServiceVersion", version);
    const supported = modes.filter((mode) => mode.supported === true).map(({ type = "" }) => type);
    yield {
      rule: "operatorgroup-install-mode-unsupported",
      object: ref,
      discriminator: operator.name,
      evidence: [
        fact(ref, "install mode that is asked for", lacking),
        fact(operator, "install modes that it supports", supported.join(", ")),
        field(
          ref,
          "status.namespaces",
          targets
            .slice(0, 12)
            .map((name) => (name === "" ? "(all)" : name))
            .join(", "),
        ),
        field(operator, "status.reason", version.status?.reason),
      ],
      related: [operator],
      params: { version: operator.name },
    };
  }
}

/** The install modes that these target namespaces need (operator-framework/api, InstallModeSet.Supports). */
function modesFor(own: string, targets: readonly string[]): readonly string[] {
  const [first, ...others] = targets;
  if (others.length > 0) return targets.includes(own) ? ["MultiNamespace", "OwnNamespace"] : ["MultiNamespace"];
  return [first === "" ? "AllNamespaces" : first === own ? "OwnNamespace" : "SingleNamespace"];
}
