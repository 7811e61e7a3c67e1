import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { graceMs, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { groupsOf, isCopied, lasted, onset, operatorSource, stepMs } from "./rules/operator-lifecycle.ts";

type Version = KubeObject<"ClusterServiceVersion">;

/** Reasons of the status (operator-framework/api v0.31, pkg/operators/v1alpha1/clusterserviceversion_types.go). */
const reasons: Readonly<Record<string, string>> = {
  APIServiceInstallFailed: "an API that it serves could not be installed",
  APIServiceResourceIssue: "an API that it serves is broken",
  ComponentUnhealthy: "its Deployment is not healthy",
  InstallCheckFailed: "its Deployment did not become available in time",
  InstallComponentFailed: "one of its parts could not be installed",
  InstallComponentFailedNoRetry: "one of its parts could not be installed",
  InterOperatorGroupOwnerConflict: "another OperatorGroup provides the same APIs",
  InvalidInstallModes: "its install modes are not valid",
  InvalidInstallStrategy: "its install strategy is not valid",
  InvalidWebhookDescription: "a webhook of it is not valid",
  NoOperatorGroup: "its namespace has no OperatorGroup",
  NoTargetNamespaces: "its OperatorGroup selects no namespace",
  OperatorConditionNotUpgradeable: "the operator itself does not allow an upgrade now",
  OwnerConflict: "another operator owns the same APIs",
  RequirementsNotMet: "its requirements are not met",
  RequirementsUnknown: "its requirements are not known yet",
  TooManyOperatorGroups: "its namespace has several OperatorGroups",
  UnsupportedOperatorGroup: "it does not support what its OperatorGroup asks for",
  WaitingOnCleanup: "objects of it are still being removed",
};

export const clusterServiceVersion: Analyzer = defineAnalyzer({
  name: "ClusterServiceVersion",
  core: false,
  needs: ["ClusterServiceVersion"],
  uses: ["OperatorGroup"],
  rules: {
    "csv-failed": {
      severity: "critical",
      depth: 7,
      message: "The ClusterServiceVersion has failed: its operator is not installed or does not run",
      why: "Nobody acts on the custom resources of the operator",
      fix: "Read status.reason and status.message; a component that fails has findings of its own",
      source: operatorSource,
      commands: [
        "kubectl -n {namespace} describe csv {name}",
        "kubectl -n {namespace} get deployments",
        "kubectl -n {namespace} get operatorgroups",
      ],
      silent: ["copies of it in other namespaces", "less than 2 minutes"],
    },
    "csv-stuck": {
      severity: "warning",
      depth: 7,
      message: "The ClusterServiceVersion does not come to an end",
      why: "The operator is not installed, or stays at an old version",
      fix: "Read status.reason and the requirements that are not met",
      source: operatorSource,
      commands: ["kubectl -n {namespace} describe csv {name}", "kubectl -n {namespace} get installplans"],
      silent: [
        "copies of it in other namespaces",
        "less than 10 minutes in a phase",
        "it waits for the version that replaces it",
      ],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("ClusterServiceVersion")) {
      if (isGoingAway(snapshot, object) || isCopied(object)) continue;
      const { phase = "", lastTransitionTime } = object.status ?? {};
      // No status at all: nobody has looked at it, which only a server can tell.
      if (phase === "Succeeded" || (object.status === undefined && object.metadata?.creationTimestamp === undefined))
        continue;
      if (!lasted(snapshot, object, phase === "Failed" ? graceMs.workload : stepMs, lastTransitionTime)) continue;
      if (phase === "Replacing" && isReplaced(snapshot, object)) continue;
      yield said(snapshot, object, phase);
    }
  },
});

function said(snapshot: Snapshot, object: Version, phase: string): Observation<"csv-failed" | "csv-stuck"> {
  const ref = refOf("ClusterServiceVersion", object);
  const { reason, message, requirementStatus = [], lastTransitionTime } = object.status ?? {};
  const because = reasons[reason ?? ""];
  const cause = causeOf(snapshot, ref, reason);
  return {
    rule: phase === "Failed" ? "csv-failed" : "csv-stuck",
    object: ref,
    ...(because !== undefined && { because }),
    ...(cause !== undefined && { cause }),
    evidence: [
      field(ref, "status.reason", reason),
      ...(message === undefined || message === "" ? [] : [field(ref, "status.message", message)]),
      ...unmet(ref, requirementStatus),
      field(ref, "status.phase", object.status?.phase),
    ].slice(0, 8),
    ...onset(lastTransitionTime),
  };
}

/** The requirements that are not there or not satisfied. */
function unmet(
  ref: ObjectRef,
  requirements: NonNullable<NonNullable<Version["status"]>["requirementStatus"]>,
): readonly Evidence[] {
  const open = requirements.filter(
    ({ status }) => status !== undefined && status !== "Present" && status !== "Satisfied",
  );
  const shown = open
    .slice(0, 4)
    .map(({ kind = "", name = "", status = "", message = "" }) =>
      fact(
        ref,
        `requirement not met (${status === "NotPresent" ? "not present" : "present, not satisfied"})`,
        message === "" ? `${kind} ${name}` : `${kind} ${name}: ${message}`,
      ),
    );
  return open.length > shown.length ? [...shown, fact(ref, "requirements not met", open.length)] : shown;
}

/** The OperatorGroup at fault; what is wrong with their number is named by the namespace. */
function causeOf(snapshot: Snapshot, { namespace = "" }: ObjectRef, reason: string | undefined): ObjectRef | undefined {
  if (reason === "TooManyOperatorGroups" || reason === "NoOperatorGroup") return groupsOf(namespace);
  if (reason !== "UnsupportedOperatorGroup" && reason !== "NoTargetNamespaces") return undefined;
  const [group, ...others] = snapshot.inNamespace("OperatorGroup", namespace);
  return group === undefined || others.length > 0 ? undefined : refOf("OperatorGroup", group);
}

const replacedNames = oncePerSnapshot(
  (snapshot) =>
    new Set(
      snapshot
        .list("ClusterServiceVersion")
        .filter((object) => !isCopied(object))
        .map(({ metadata, spec }) => `${metadata?.namespace}/${spec?.replaces ?? ""}`),
    ),
);

/** Whether another version is there that replaces this one: then that one is judged. */
function isReplaced(snapshot: Snapshot, { metadata }: Version): boolean {
  return replacedNames(snapshot).has(`${metadata?.namespace}/${metadata?.name}`);
}
