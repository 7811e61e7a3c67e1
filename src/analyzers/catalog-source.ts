import { type Evidence, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, conditionOf, isFinished, isGoingAway, isReady } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { namedRef, refOf } from "../kube/object-ref.ts";
import { podsWithLabels } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { whyNotReady } from "./rules/endpoints.ts";
import { lasted, onset, operatorSource, passingMs, stepMs } from "./rules/operator-lifecycle.ts";

type Catalog = KubeObject<"CatalogSource">;

/** Reasons of the status (operator-framework/api v0.31, pkg/operators/v1alpha1/catalogsource_types.go). */
const reasons: Readonly<Record<string, string>> = {
  ConfigMapError: "its ConfigMap is missing or cannot be read",
  InvalidIntervalError: "its polling interval is not valid",
  RegistryServerError: "its Pod cannot be made",
  SpecInvalidError: "its spec is not valid",
};

export const catalogSource: Analyzer = defineAnalyzer({
  name: "CatalogSource",
  core: false,
  needs: ["CatalogSource"],
  uses: ["Pod"],
  rules: {
    "catalogsource-unhealthy": {
      severity: "warning",
      depth: 7,
      message: "The catalog operator cannot reach the CatalogSource",
      why: "One unhealthy catalog stops every installation and upgrade in the namespaces that see it",
      fix: "Look at the Pod of the catalog and its image; for a catalog at an address, check that it answers there",
      source: operatorSource,
      commands: [
        "kubectl -n {namespace} get pods -l olm.catalogSource={name}",
        "kubectl -n {namespace} describe catalogsource {name}",
      ],
      silent: [
        "READY, IDLE and CONNECTING",
        "less than 5 minutes, unless its Pod has been down for longer",
        "no state yet, for less than 10 minutes",
      ],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("CatalogSource")) {
      if (isGoingAway(snapshot, object)) continue;
      const said = judge(snapshot, object);
      if (said !== undefined) yield said;
    }
  },
});

function judge(snapshot: Snapshot, object: Catalog): Observation<"catalogsource-unhealthy"> | undefined {
  const ref = refOf("CatalogSource", object);
  const { connectionState, reason = "", message } = object.status ?? {};
  const state = (connectionState?.lastObservedState ?? "").toUpperCase();
  if (state === "READY" || state === "IDLE") return undefined;
  const pods = podsWithLabels(snapshot, ref.namespace, { "olm.catalogSource": ref.name }).filter(
    (pod) => !isFinished(pod),
  );
  const downSince = sinceDown(pods);
  const isDown = pods.length > 0 && downSince !== undefined && (ageOf(snapshot, downSince) ?? 0) >= passingMs;
  const because = reasons[reason];
  // A connection that fails goes back and forth, and each turn moves lastConnect: a Pod that is down says it better.
  const hasFailed =
    (state === "TRANSIENT_FAILURE" || state === "SHUTDOWN") &&
    (isDown || lasted(snapshot, object, passingMs, connectionState?.lastConnect));
  const neverConnected =
    state === "" && object.metadata?.creationTimestamp !== undefined && lasted(snapshot, object, stepMs);
  const isRefused = state === "" && because !== undefined && lasted(snapshot, object, passingMs);
  if (!hasFailed && !neverConnected && !isRefused && !(state === "CONNECTING" && isDown)) return undefined;
  const cause =
    reason === "ConfigMapError" && object.spec?.configMap !== undefined
      ? namedRef("ConfigMap", ref.namespace, object.spec.configMap)
      : undefined;
  const evidence: Evidence[] = [
    ...(because === undefined ? [] : [field(ref, "status.reason", reason)]),
    ...(message === undefined || message === "" ? [] : [field(ref, "status.message", message)]),
    ...pods
      .filter((pod) => !isReady(pod))
      .slice(0, 3)
      .map(whyNotReady),
    field(ref, "status.connectionState.lastObservedState", connectionState?.lastObservedState),
    ...(object.spec?.image === undefined ? [] : [field(ref, "spec.image", object.spec.image)]),
    ...(object.spec?.address === undefined ? [] : [field(ref, "spec.address", object.spec.address)]),
  ];
  return {
    rule: "catalogsource-unhealthy",
    object: ref,
    because:
      because ?? (isDown ? "its Pod is not ready" : neverConnected ? "it was never reached" : "the connection fails"),
    ...(cause !== undefined && { cause }),
    evidence: evidence.slice(0, 8),
    related: pods.filter((pod) => !isReady(pod)).map((pod) => refOf("Pod", pod)),
    ...(isDown ? { since: downSince } : onset(hasFailed ? connectionState?.lastConnect : undefined)),
  };
}

/** Since when none of the Pods has been ready; undefined when one is, or when it is not known. */
function sinceDown(pods: readonly KubeObject<"Pod">[]): number | undefined {
  if (pods.some(isReady)) return undefined;
  const onsets = pods.map((pod) =>
    Date.parse(conditionOf(pod, "Ready")?.lastTransitionTime ?? pod.metadata?.creationTimestamp ?? ""),
  );
  const latest = Math.max(...onsets);
  return Number.isFinite(latest) ? latest : undefined;
}
