import { field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { extensionFailure } from "../kube/messages/operator-lifecycle.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import {
  condition,
  conditionEvidence,
  isBehind,
  lasted,
  onset,
  operatorSource,
  type Standstill,
  standstillOf,
  stepMs,
} from "./rules/operator-lifecycle.ts";

type Extension = KubeObject<"ClusterExtension">;

const describe = "kubectl describe clusterextension {name}";

/** The conditions that name what is deprecated, nearest first. */
const deprecations: readonly (readonly [string, string])[] = [
  ["BundleDeprecated", "the installed version"],
  ["ChannelDeprecated", "its channel"],
  ["PackageDeprecated", "the whole package"],
  ["Deprecated", "something of it"],
];

export const clusterExtension: Analyzer = defineAnalyzer({
  name: "ClusterExtension",
  core: false,
  needs: ["ClusterExtension"],
  uses: ["ClusterCatalog", "ServiceAccount"],
  rules: {
    "clusterextension-spec-invalid": {
      severity: "warning",
      depth: 5,
      message: "The ClusterExtension holds a value that the API does not know",
      why: "The operator is not installed or not upgraded",
      fix: "Set spec.source.sourceType to Catalog, and upgradeConstraintPolicy to CatalogProvided or SelfCertified",
      source: operatorSource,
      commands: [describe],
    },
    "clusterextension-not-installed": {
      severity: "critical",
      depth: 6,
      message: "The ClusterExtension is not installed",
      why: "The operator does not run, and nobody acts on its custom resources",
      fix: "Read the message of status.conditions[Progressing]: it names the package, permission or object at fault",
      source: operatorSource,
      commands: [describe, "kubectl get clustercatalogs", "kubectl -n {installNamespace} get serviceaccounts"],
      silent: ["less than 10 minutes, unless it is blocked", "the status tells of an older spec"],
    },
    "clusterextension-not-progressing": {
      severity: "warning",
      depth: 6,
      message: "The ClusterExtension is installed, but cannot be brought to what its spec asks for",
      why: "The operator stays at an old version",
      fix: "Read the message of status.conditions[Progressing]: it names the package, permission or object at fault",
      source: operatorSource,
      commands: [describe, "kubectl get clustercatalogs"],
      silent: ["it retries for less than 10 minutes", "the status tells of an older spec"],
    },
    "clusterextension-deprecated": {
      severity: "info",
      depth: 5,
      message: "The ClusterExtension uses something that its catalog calls deprecated",
      why: "It will not be maintained for ever",
      fix: "Read the message: it says what to use in its place",
      source: operatorSource,
      commands: [describe],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("ClusterExtension")) {
      if (isGoingAway(snapshot, object)) continue;
      const ref = refOf("ClusterExtension", object);
      yield* specInvalid(object, ref);
      const state = installState(snapshot, object, ref);
      if (state !== undefined) yield state;
      const deprecated = deprecations.find(([type]) => condition(object, type)?.status === "True");
      if (deprecated !== undefined) {
        const [type, because] = deprecated;
        const found = condition(object, type);
        yield {
          rule: "clusterextension-deprecated",
          object: ref,
          because,
          evidence: [
            ...(found === undefined ? [] : conditionEvidence(ref, found)),
            field(ref, "status.install.bundle.version", object.status?.install?.bundle?.version),
          ],
        };
      }
    }
  },
});

type Said = Observation<
  | "clusterextension-spec-invalid"
  | "clusterextension-not-installed"
  | "clusterextension-not-progressing"
  | "clusterextension-deprecated"
>;

function* specInvalid({ spec }: Extension, ref: ObjectRef): Iterable<Said> {
  const { sourceType, catalog } = spec?.source ?? {};
  const policy = catalog?.upgradeConstraintPolicy;
  if (sourceType !== undefined && sourceType !== "Catalog") {
    yield {
      rule: "clusterextension-spec-invalid",
      object: ref,
      because: "the type of its source",
      discriminator: "sourceType",
      evidence: [field(ref, "spec.source.sourceType", sourceType)],
    };
  }
  if (policy !== undefined && !["", "CatalogProvided", "SelfCertified"].includes(policy)) {
    yield {
      rule: "clusterextension-spec-invalid",
      object: ref,
      because: "its upgrade policy",
      discriminator: "upgradeConstraintPolicy",
      evidence: [field(ref, "spec.source.catalog.upgradeConstraintPolicy", policy)],
    };
  }
}

function installState(snapshot: Snapshot, object: Extension, ref: ObjectRef): Said | undefined {
  const installed = condition(object, "Installed");
  const standstill = standstillOf(snapshot, object);
  const isInstalled = installed?.status === "True";
  if (isInstalled)
    return standstill === undefined
      ? undefined
      : stuck("clusterextension-not-progressing", snapshot, object, ref, standstill);
  if (installed !== undefined && isBehind(object, installed)) return undefined;
  const isBlocked = standstill?.condition.reason === "Blocked";
  const isLate =
    installed === undefined ? standstill !== undefined : lasted(snapshot, object, stepMs, installed.lastTransitionTime);
  if (!isBlocked && !isLate) return undefined;
  // The moment of a first failure is in Installed; Progressing changes its reason only.
  return stuck("clusterextension-not-installed", snapshot, object, ref, standstill);
}

function stuck(
  rule: "clusterextension-not-installed" | "clusterextension-not-progressing",
  snapshot: Snapshot,
  object: Extension,
  ref: ObjectRef,
  standstill: Standstill | undefined,
): Said {
  const installed = condition(object, "Installed");
  const progressing = standstill?.condition ?? condition(object, "Progressing");
  const isInstalled = installed?.status === "True";
  const text = [progressing?.message, isInstalled ? "" : installed?.message].join("\n");
  const failure = extensionFailure(text);
  const cause = causeOf(snapshot, failure);
  const because = failure?.because ?? standstill?.because;
  const catalog = object.spec?.source?.catalog;
  return {
    rule,
    object: ref,
    ...(because !== undefined && { because }),
    ...(cause !== undefined && { cause }),
    evidence: [
      ...(progressing === undefined ? [] : conditionEvidence(ref, progressing)),
      ...(installed === undefined || isInstalled ? [] : conditionEvidence(ref, installed)),
      ...(cause?.kind === "ServiceAccount" ? [missing(cause)] : []),
      field(ref, "spec.source.catalog.packageName", catalog?.packageName),
      ...(catalog?.version === undefined ? [] : [field(ref, "spec.source.catalog.version", catalog.version)]),
    ],
    ...(isInstalled
      ? standstill?.since === undefined
        ? {}
        : { since: standstill.since }
      : onset(installed?.lastTransitionTime)),
    params: { installNamespace: object.spec?.namespace ?? "" },
  };
}

/** The object that the message names: a catalog that cannot be read, a ServiceAccount that is not there. */
function causeOf(snapshot: Snapshot, failure: ReturnType<typeof extensionFailure>): ObjectRef | undefined {
  if (failure?.catalog !== undefined) return namedRef("ClusterCatalog", undefined, failure.catalog.name);
  if (failure?.serviceAccount === undefined) return undefined;
  const { namespace, name } = failure.serviceAccount;
  const isAbsent =
    snapshot.get("ServiceAccount", namespace, name) === undefined && snapshot.isComplete("ServiceAccount", namespace);
  return isAbsent ? namedRef("ServiceAccount", namespace, name) : undefined;
}
