import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { isGoingAway } from "../kube/guards.ts";
import type { Condition, KubeObject } from "../kube/kinds.ts";
import { subscriptionFailure } from "../kube/messages/operator-lifecycle.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import {
  condition,
  conditionEvidence,
  groupsOf,
  lasted,
  onset,
  operatorSource,
  passingMs,
} from "./rules/operator-lifecycle.ts";

type Subscription = KubeObject<"Subscription">;

const describe = "kubectl -n {namespace} describe subscription.operators.coreos.com {name}";
const catalogs = "kubectl -n {catalogNamespace} get catalogsources";

export const subscription: Analyzer = defineAnalyzer({
  name: "Subscription",
  core: false,
  needs: ["Subscription"],
  uses: ["CatalogSource", "OperatorGroup"],
  rules: {
    "subscription-resolution-failed": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "The Subscription cannot be resolved: nothing is installed or upgraded for it",
      why: "One Subscription that cannot be resolved stops all others of its namespace",
      fix: "Read the message of status.conditions[ResolutionFailed]: it names the catalog, package, channel or Subscription at fault",
      source: operatorSource,
      commands: [describe, catalogs, "kubectl -n {namespace} get operatorgroups"],
      silent: ["less than 5 minutes", "an installed version goes on running (warning)"],
    },
    "subscription-upgrade-failed": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "The installation or upgrade of the Subscription has failed",
      why: "The operator is not installed, or stays at an old version",
      fix: "Read the conditions of the InstallPlan that the Subscription names",
      source: operatorSource,
      commands: ["kubectl -n {namespace} describe installplan {plan}", describe],
      silent: ["an installed version goes on running (warning)"],
    },
    "subscription-bundle-unpack-failed": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "The bundle that the Subscription is to install cannot be unpacked",
      why: "The operator is not installed, or stays at an old version",
      fix: "Look at the Job that unpacks the bundle in the namespace of the catalog: most often its image cannot be pulled",
      source: operatorSource,
      commands: ["kubectl -n {catalogNamespace} get jobs,pods", describe],
      silent: ["less than 5 minutes", "an installed version goes on running (warning)"],
    },
    "subscription-catalog-unhealthy": {
      severity: "warning",
      depth: 7,
      message: "The catalog of the Subscription is not healthy",
      why: "Upgrades are not seen, and nothing new can be installed from it",
      fix: "Mend the CatalogSource that spec.source names; its own finding says what is wrong",
      source: operatorSource,
      commands: [catalogs, describe],
      silent: [
        "less than 5 minutes",
        "only other catalogs are unhealthy",
        "the Subscription says that it cannot be resolved",
      ],
    },
    "subscription-not-processed": {
      severity: "warning",
      depth: 7,
      message: "The Subscription has no state: nothing was chosen to install",
      why: "The operator is not installed",
      fix: "Check spec.source, spec.sourceNamespace and the OperatorGroup of the namespace, and that the catalog operator runs",
      source: operatorSource,
      commands: [describe, catalogs, "kubectl -n {namespace} get operatorgroups"],
      silent: ["younger than 5 minutes", "a condition says why"],
    },
    "subscription-upgrade-pending": {
      severity: "info",
      depth: 7,
      message: "An upgrade of the Subscription waits",
      why: "It stays at its version until somebody approves",
      fix: "Review the InstallPlan, and approve it when the upgrade is wanted",
      source: operatorSource,
      commands: ["kubectl -n {namespace} get installplan {plan}", describe],
      silent: ["approval is automatic and the upgrade is under way"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("Subscription")) {
      if (!isGoingAway(snapshot, object)) yield* judge(snapshot, object);
    }
  },
});

type Said = Observation<
  | "subscription-resolution-failed"
  | "subscription-upgrade-failed"
  | "subscription-bundle-unpack-failed"
  | "subscription-catalog-unhealthy"
  | "subscription-not-processed"
  | "subscription-upgrade-pending"
>;

function* judge(snapshot: Snapshot, object: Subscription): Iterable<Said> {
  const ref = refOf("Subscription", object);
  const { state = "", installedCSV = "", installPlanRef, currentCSV } = object.status ?? {};
  const catalog = catalogOf(object);
  const plan = installPlanRef?.name ?? "";
  const params = { plan, catalogNamespace: catalog?.namespace ?? "" };
  const severity = installedCSV === "" ? "critical" : "warning";
  const installed = field(ref, "status.installedCSV", object.status?.installedCSV);
  const planRef = plan === "" ? undefined : namedRef("InstallPlan", ref.namespace, plan);

  const unresolved = badFor(snapshot, object, "ResolutionFailed", passingMs);
  if (unresolved !== undefined) yield { ...resolutionFailed(snapshot, object, ref, unresolved), severity, params };

  const failed = badFor(snapshot, object, "InstallPlanFailed", 0);
  if (state === "UpgradeFailed" || failed !== undefined) {
    yield {
      rule: "subscription-upgrade-failed",
      object: ref,
      severity,
      ...(planRef !== undefined && { cause: planRef }),
      evidence: [
        field(ref, "status.state", object.status?.state),
        ...(failed === undefined ? [] : conditionEvidence(ref, failed)),
        ...(planRef === undefined ? [] : [field(ref, "status.installPlanRef.name", plan)]),
        field(ref, "status.currentCSV", currentCSV),
        installed,
      ],
      ...onset(failed?.lastTransitionTime),
      params,
    };
    return;
  }
  if (unresolved !== undefined) return;

  const packed = badFor(snapshot, object, "BundleUnpackFailed", passingMs);
  if (packed !== undefined) {
    yield {
      rule: "subscription-bundle-unpack-failed",
      object: ref,
      severity,
      evidence: [...conditionEvidence(ref, packed), installed],
      ...onset(packed.lastTransitionTime),
      params,
    };
    return;
  }
  const unhealthy = badFor(snapshot, object, "CatalogSourcesUnhealthy", passingMs);
  if (unhealthy !== undefined && isOwnCatalog(snapshot, object, catalog)) {
    const lost = missingCatalog(snapshot, ref, catalog);
    yield {
      rule: "subscription-catalog-unhealthy",
      object: ref,
      ...(lost.length > 0 && { because: "its CatalogSource does not exist" }),
      ...(catalog !== undefined && { cause: catalog }),
      evidence: [
        ...lost,
        ...conditionEvidence(ref, unhealthy),
        field(ref, "spec.source", object.spec?.source),
        installed,
      ],
      ...onset(unhealthy.lastTransitionTime),
      params,
    };
    return;
  }
  // A bare manifest has no state because no server has seen it.
  const isTold =
    ["ResolutionFailed", "BundleUnpackFailed", "BundleUnpacking"].some(
      (type) => condition(object, type)?.status === "True",
    ) ||
    (condition(object, "CatalogSourcesUnhealthy")?.status === "True" && isOwnCatalog(snapshot, object, catalog));
  const isSeen = object.metadata?.creationTimestamp !== undefined && lasted(snapshot, object, passingMs);
  if (state === "" && !isTold && isSeen) {
    yield { ...notProcessed(snapshot, object, ref, catalog), params };
  }
  const isManual = object.spec?.installPlanApproval === "Manual";
  if (state === "UpgradeAvailable" || (state === "UpgradePending" && isManual)) {
    yield {
      rule: "subscription-upgrade-pending",
      object: ref,
      because: isManual ? "it is to be approved by hand" : "a newer version is known",
      evidence: [
        field(ref, "status.state", state),
        ...(planRef === undefined ? [] : [field(ref, "status.installPlanRef.name", plan)]),
        field(ref, "status.currentCSV", currentCSV),
        installed,
      ],
      params,
    };
  }
}

/** The condition, which is bad when True, when it has been so for long enough. */
function badFor(snapshot: Snapshot, object: Subscription, type: string, span: number): Condition | undefined {
  const found = condition(object, type);
  return found?.status === "True" && lasted(snapshot, object, span, found.lastTransitionTime) ? found : undefined;
}

function catalogOf({ spec }: Subscription): ObjectRef | undefined {
  const { source = "", sourceNamespace = "" } = spec ?? {};
  return source === "" || sourceNamespace === "" ? undefined : namedRef("CatalogSource", sourceNamespace, source);
}

/** Whether the unhealthy catalog is the one that the Subscription names; others are judged by their own finding. */
function isOwnCatalog(snapshot: Snapshot, { status }: Subscription, catalog: ObjectRef | undefined): boolean {
  if (catalog === undefined) return true;
  const own = (status?.catalogHealth ?? []).find(
    ({ catalogSourceRef }) =>
      catalogSourceRef?.name === catalog.name && catalogSourceRef.namespace === catalog.namespace,
  );
  // Unknown to the catalog operator: it says so of the Subscription whose catalog it does not find.
  if (own !== undefined) return own.healthy === false;
  return snapshot.get("CatalogSource", catalog.namespace, catalog.name) === undefined;
}

function missingCatalog(snapshot: Snapshot, ref: ObjectRef, catalog: ObjectRef | undefined): readonly Evidence[] {
  const { namespace = "", name = "" } = catalog ?? {};
  if (catalog === undefined || snapshot.get("CatalogSource", namespace, name) !== undefined) return [];
  if (!snapshot.isServed("CatalogSource") || !snapshot.isComplete("CatalogSource", namespace)) return [];
  const similar = similarNames(
    name,
    snapshot.inNamespace("CatalogSource", namespace).map(({ metadata }) => metadata?.name ?? ""),
  );
  return [
    missing(catalog),
    ...(similar.length === 0 ? [] : [fact(ref, "similar CatalogSources in the namespace", similar.join(", "))]),
  ];
}

function resolutionFailed(snapshot: Snapshot, object: Subscription, ref: ObjectRef, failed: Condition): Said {
  const catalog = catalogOf(object);
  const lost = missingCatalog(snapshot, ref, catalog);
  const failure = subscriptionFailure(failed.message ?? "");
  const other =
    failure?.subscription !== undefined && failure.subscription !== ref.name ? failure.subscription : undefined;
  const isLost = lost.length > 0 && failure?.catalog === undefined && other === undefined;
  const because = isLost
    ? "its CatalogSource does not exist"
    : other === undefined
      ? failure?.because
      : "another Subscription of the namespace cannot be resolved";
  const cause = isLost ? catalog : causeOf(ref, failure, other);
  return {
    rule: "subscription-resolution-failed",
    object: ref,
    ...(because !== undefined && { because }),
    ...(cause !== undefined && { cause }),
    evidence: [
      ...(isLost ? lost : []),
      ...conditionEvidence(ref, failed),
      field(ref, "spec.source", object.spec?.source),
      field(ref, "spec.name", object.spec?.name),
      ...(object.spec?.channel === undefined ? [] : [field(ref, "spec.channel", object.spec.channel)]),
      field(ref, "status.installedCSV", object.status?.installedCSV),
    ].slice(0, 8),
    ...onset(failed.lastTransitionTime),
  };
}

function causeOf(
  { namespace = "" }: ObjectRef,
  failure: ReturnType<typeof subscriptionFailure>,
  other: string | undefined,
): ObjectRef | undefined {
  if (failure?.catalog !== undefined) return namedRef("CatalogSource", failure.catalog.namespace, failure.catalog.name);
  if (other !== undefined) return namedRef("Subscription", namespace, other);
  return failure?.because === "its namespace has not exactly one OperatorGroup" ? groupsOf(namespace) : undefined;
}

function notProcessed(snapshot: Snapshot, object: Subscription, ref: ObjectRef, catalog: ObjectRef | undefined): Said {
  const { namespace = "" } = ref;
  const lost = missingCatalog(snapshot, ref, catalog);
  const isGroupless =
    snapshot.isServed("OperatorGroup") &&
    snapshot.isComplete("OperatorGroup", namespace) &&
    snapshot.inNamespace("OperatorGroup", namespace).length === 0;
  const because =
    lost.length > 0
      ? "its CatalogSource does not exist"
      : isGroupless
        ? "its namespace has no OperatorGroup"
        : undefined;
  const cause = lost.length > 0 ? catalog : isGroupless ? groupsOf(namespace) : undefined;
  return {
    rule: "subscription-not-processed",
    object: ref,
    ...(because !== undefined && { because }),
    ...(cause !== undefined && { cause }),
    evidence: [
      ...lost,
      field(ref, "status.state", object.status?.state),
      field(ref, "spec.source", object.spec?.source),
      field(ref, "spec.sourceNamespace", object.spec?.sourceNamespace),
      field(ref, "spec.name", object.spec?.name),
    ],
  };
}
