import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOfObject, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { formatDuration, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import {
  conditionEvidence,
  isCopied,
  lasted,
  onset,
  operatorSource,
  subscriptionsOfPlan,
} from "./rules/operator-lifecycle.ts";

type Plan = KubeObject<"InstallPlan">;

const describe = "kubectl -n {namespace} describe installplan {name}";

/** Reasons of the condition `Installed` (operator-framework/api v0.31, pkg/operators/v1alpha1/installplan_types.go). */
const reasons: Readonly<Record<string, string>> = {
  DependenciesConflict: "what it depends on is in conflict",
  InstallCheckFailed: "what it made does not work",
  InstallComponentFailed: "one of its parts could not be made",
  PlanUnknown: "its steps are not known",
};

/** The steps of a plan take seconds; it does not wait for the operator to run. */
const installingMs = 30 * minuteMs;

export const installPlan: Analyzer = defineAnalyzer({
  name: "InstallPlan",
  core: false,
  needs: ["InstallPlan"],
  uses: ["Subscription", "ClusterServiceVersion"],
  rules: {
    "installplan-failed": {
      severity: ["critical", "warning"],
      depth: 6,
      message: "The InstallPlan has failed",
      why: "The operator is not installed, or stays at an old version",
      fix: "Read the message of the failed condition; a failed plan is not tried again until a new one is made",
      source: operatorSource,
      commands: [describe, "kubectl -n {namespace} get subscriptions.operators.coreos.com"],
      silent: [
        "plans that no Subscription names any more",
        "its versions are installed or were replaced",
        "an older version goes on running (warning)",
      ],
    },
    "installplan-stuck": {
      severity: "warning",
      depth: 6,
      message: "The InstallPlan does not come to an end",
      why: "The operator is not installed, or stays at an old version",
      fix: "Look at its steps and at the catalog operator, which carries them out",
      source: operatorSource,
      commands: [describe],
      silent: ["less than 30 minutes", "plans that no Subscription names any more", "it waits to be approved (info)"],
    },
    "installplan-requires-approval": {
      severity: "info",
      depth: 6,
      message: "The InstallPlan waits to be approved",
      why: "Its operator stays at its version until somebody approves",
      fix: "Review the plan, and set spec.approved when the upgrade is wanted",
      source: operatorSource,
      commands: [describe],
      silent: ["plans that no Subscription names any more"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("InstallPlan")) {
      if (isGoingAway(snapshot, object) || object.status?.phase === "Complete" || isHistory(snapshot, object)) continue;
      const said = judge(snapshot, object);
      if (said !== undefined) yield said;
    }
  },
});

type Said = Observation<"installplan-failed" | "installplan-stuck" | "installplan-requires-approval">;

function judge(snapshot: Snapshot, object: Plan): Said | undefined {
  const ref = refOf("InstallPlan", object);
  const { phase = "", message, startTime } = object.status ?? {};
  const names = (object.spec?.clusterServiceVersionNames ?? []).join(", ");
  const wanted = field(ref, "spec.clusterServiceVersionNames", names);
  const lookups = failedLookups(object, ref);
  if (phase === "Failed" || lookups.evidence.length > 0) {
    const failed = object.status?.conditions?.find(({ status }) => status === "False");
    const because = lookups.evidence.length > 0 ? "a bundle could not be unpacked" : reasons[failed?.reason ?? ""];
    const running = subscriptionsOfPlan(snapshot, object);
    const isRunning = running.length > 0 && running.every(({ status }) => (status?.installedCSV ?? "") !== "");
    return {
      rule: "installplan-failed",
      object: ref,
      severity: isRunning ? "warning" : "critical",
      ...(because !== undefined && { because }),
      ...(lookups.catalog !== undefined && { related: [lookups.catalog] }),
      evidence: [
        ...lookups.evidence,
        ...(failed === undefined ? [] : conditionEvidence(ref, failed)),
        ...(message === undefined || message === "" ? [] : [field(ref, "status.message", message)]),
        field(ref, "status.phase", phase),
        wanted,
      ].slice(0, 8),
      ...onset(failed?.lastTransitionTime),
    };
  }
  if (phase === "RequiresApproval" && object.spec?.approved !== true) {
    const age = ageOfObject(snapshot, object);
    return {
      rule: "installplan-requires-approval",
      object: ref,
      evidence: [
        field(ref, "status.phase", phase),
        field(ref, "spec.approval", object.spec?.approval),
        wanted,
        ...(age === undefined ? [] : [fact(ref, "waits for", formatDuration(age))]),
      ],
    };
  }
  // Without a phase nobody has looked at it, which only a server can tell.
  if (phase === "" || !lasted(snapshot, object, installingMs, startTime)) return undefined;
  return {
    rule: "installplan-stuck",
    object: ref,
    evidence: [
      field(ref, "status.phase", phase),
      ...(message === undefined || message === "" ? [] : [field(ref, "status.message", message)]),
      field(ref, "status.startTime", startTime),
      wanted,
    ],
    ...onset(startTime),
  };
}

/** Bundles that could not be unpacked, and the catalog of the first. */
function failedLookups(
  object: Plan,
  ref: ObjectRef,
): { readonly evidence: readonly Evidence[]; readonly catalog?: ObjectRef } {
  const evidence: Evidence[] = [];
  let catalog: ObjectRef | undefined;
  for (const { identifier = "", conditions = [], catalogSourceRef } of object.status?.bundleLookups ?? []) {
    const failed = conditions.find(({ type, status }) => type === "BundleLookupFailed" && status === "True");
    if (failed === undefined) continue;
    const { namespace, name } = catalogSourceRef ?? {};
    if (name !== undefined) catalog ??= namedRef("CatalogSource", namespace, name);
    const path = `status.bundleLookups[${identifier}].conditions[BundleLookupFailed]`;
    if (evidence.length < 4) evidence.push(field(ref, `${path}.message`, failed.message ?? failed.reason));
  }
  return { evidence, ...(catalog !== undefined && { catalog }) };
}

/**
 * Whether the plan tells of the past: plans are kept for ever. The current one is the one that a Subscription names; where
 * Subscriptions were not read, the newest of its namespace. What it was to install may also have got there another way.
 */
function isHistory(snapshot: Snapshot, object: Plan): boolean {
  const { namespace = "" } = object.metadata ?? {};
  if (areInstalled(snapshot, object)) return true;
  if (snapshot.isServed("Subscription") && snapshot.isComplete("Subscription", namespace)) {
    return subscriptionsOfPlan(snapshot, object).length === 0;
  }
  return newestByNamespace(snapshot).get(namespace) !== object;
}

const newestByNamespace = oncePerSnapshot((snapshot) => {
  const newest = new Map<string, Plan>();
  for (const plan of snapshot.list("InstallPlan")) {
    const { namespace = "" } = plan.metadata ?? {};
    const known = newest.get(namespace);
    if (known === undefined || rankOf(plan) > rankOf(known)) newest.set(namespace, plan);
  }
  return newest;
});

function rankOf({ metadata, spec }: Plan): number {
  // Plans of one generation are made together; the later one counts.
  return (spec?.generation ?? 0) * 1e14 + (parseTime(metadata?.creationTimestamp) ?? 0);
}

const versionsByName = oncePerSnapshot((snapshot) => {
  const versions = snapshot.list("ClusterServiceVersion").filter((version) => !isCopied(version));
  return {
    succeeded: new Set(
      versions
        .filter(({ status }) => status?.phase === "Succeeded")
        .map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`),
    ),
    replaced: new Set(versions.map(({ metadata, spec }) => `${metadata?.namespace}/${spec?.replaces ?? ""}`)),
  };
});

/** Whether every version of the plan is installed, or was replaced by a newer one. */
function areInstalled(snapshot: Snapshot, { metadata, spec }: Plan): boolean {
  const names = spec?.clusterServiceVersionNames ?? [];
  const { succeeded, replaced } = versionsByName(snapshot);
  return (
    names.length > 0 &&
    names.every(
      (name) => succeeded.has(`${metadata?.namespace}/${name}`) || replaced.has(`${metadata?.namespace}/${name}`),
    )
  );
}
