import { field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import {
  condition,
  conditionEvidence,
  isBehind,
  lasted,
  onset,
  operatorSource,
  passingMs,
  standstillOf,
} from "./rules/operator-lifecycle.ts";

type Catalog = KubeObject<"ClusterCatalog">;

const describe = "kubectl describe clustercatalog {name}";

export const clusterCatalog: Analyzer = defineAnalyzer({
  name: "ClusterCatalog",
  core: false,
  needs: ["ClusterCatalog"],
  rules: {
    "clustercatalog-reference-invalid": {
      severity: "warning",
      depth: 5,
      message: "The ClusterCatalog holds an image reference that is none",
      why: "The catalog cannot be unpacked, and nothing can be installed or upgraded from it",
      fix: "Set spec.source.image.ref to a registry, a path in lower case, and a tag or a digest",
      source: operatorSource,
      commands: [describe],
      silent: ["names with several - or _ in a row, which are allowed", "no reference at all"],
    },
    "clustercatalog-not-serving": {
      severity: "warning",
      depth: 5,
      message: "The content of the ClusterCatalog is not served",
      why: "Nothing can be installed or upgraded from it",
      fix: "Read the message of status.conditions[Progressing]: most often the image cannot be pulled or unpacked",
      source: operatorSource,
      commands: [describe, "kubectl get clusterextensions"],
      silent: ["less than 5 minutes", "somebody switched it off (info)", "the status tells of an older spec"],
    },
    "clustercatalog-not-progressing": {
      severity: "warning",
      depth: 5,
      message: "The ClusterCatalog serves old content and cannot be brought up to date",
      why: "New versions of its operators are not seen",
      fix: "Read the message of status.conditions[Progressing]: most often the image cannot be pulled or unpacked",
      source: operatorSource,
      commands: [describe],
      silent: ["it retries for less than 10 minutes", "the status tells of an older spec"],
    },
    "clustercatalog-disabled": {
      severity: "info",
      depth: 5,
      message: "The ClusterCatalog is switched off",
      why: "Nothing is installed or upgraded from it, on purpose",
      fix: "Set spec.availabilityMode to Available when its operators are wanted",
      source: operatorSource,
      commands: [describe],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("ClusterCatalog")) {
      if (isGoingAway(snapshot, object)) continue;
      const ref = refOf("ClusterCatalog", object);
      const invalid = invalidReference(object, ref);
      if (invalid !== undefined) yield invalid;
      const state = servingState(snapshot, object, ref, invalid !== undefined);
      if (state !== undefined) yield state;
    }
  },
});

type Said = Observation<
  | "clustercatalog-reference-invalid"
  | "clustercatalog-not-serving"
  | "clustercatalog-not-progressing"
  | "clustercatalog-disabled"
>;

// github.com/distribution/reference, the grammar of references: `--` and `__` may join the parts of a path.
const part = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
const host = String.raw`[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*`;
const reference = new RegExp(
  String.raw`^(?:(?:${host}|\[[0-9A-Fa-f:]+\])(?::\d+)?/)?${part}(?:/${part})*(?::\w[\w.-]{0,127})?` +
    String.raw`(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,})?$`,
);

function invalidReference(object: Catalog, ref: ObjectRef): Said | undefined {
  const rule = "clustercatalog-reference-invalid";
  const wanted = object.spec?.source?.image?.ref;
  if (wanted !== undefined && !reference.test(wanted)) {
    return { rule, object: ref, because: "in its spec", evidence: [field(ref, "spec.source.image.ref", wanted)] };
  }
  const image = object.status?.resolvedSource?.image;
  if (image === undefined || /@sha256:[0-9a-f]{64}$/i.test(image.ref ?? "")) return undefined;
  const because =
    (image.ref ?? "") === "" ? "its resolved reference is empty" : "its resolved reference has no sha256 digest";
  return { rule, object: ref, because, evidence: [field(ref, "status.resolvedSource.image.ref", image.ref)] };
}

function servingState(snapshot: Snapshot, object: Catalog, ref: ObjectRef, isInvalid: boolean): Said | undefined {
  const serving = condition(object, "Serving");
  const standstill = standstillOf(snapshot, object);
  const source = field(ref, "spec.source.image.ref", object.spec?.source?.image?.ref);
  if (object.spec?.availabilityMode === "Unavailable" || serving?.reason === "UserSpecifiedUnavailable") {
    const mode = field(ref, "spec.availabilityMode", object.spec?.availabilityMode);
    return {
      rule: "clustercatalog-disabled",
      object: ref,
      evidence: [mode, ...(serving === undefined ? [] : conditionEvidence(ref, serving))],
    };
  }
  if (isInvalid) return undefined;
  const told = standstill === undefined ? [] : conditionEvidence(ref, standstill.condition);
  if (serving?.status === "True") {
    if (standstill === undefined) return undefined;
    return {
      rule: "clustercatalog-not-progressing",
      object: ref,
      because: standstill.because,
      evidence: [...told, source],
      ...(standstill.since !== undefined && { since: standstill.since }),
    };
  }
  const isBlocked = standstill?.condition.reason === "Blocked";
  if (
    serving === undefined
      ? !isBlocked
      : isBehind(object, serving) || (!isBlocked && !lasted(snapshot, object, passingMs, serving.lastTransitionTime))
  ) {
    return undefined;
  }
  return {
    rule: "clustercatalog-not-serving",
    object: ref,
    ...(standstill !== undefined && { because: standstill.because }),
    evidence: [...told, ...(serving === undefined ? [] : conditionEvidence(ref, serving)), source],
    ...onset(serving?.lastTransitionTime),
  };
}
