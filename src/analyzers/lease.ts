import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, isGoingAway, isReady } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { refOf } from "../kube/object-ref.ts";
import { podsWithLabels } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { formatDuration, parseTime } from "../kube/time.ts";
import { hasVendorVersion } from "../kube/version.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { leaseState } from "./rules/leader-lease.ts";

type Pod = KubeObject<"Pod">;

/** The controllers without which nothing else in the cluster moves. */
const coreLeases: ReadonlySet<string> = new Set(["kube-controller-manager", "kube-scheduler"]);

export const lease: Analyzer = defineAnalyzer({
  name: "Lease",
  core: false,
  needs: ["Lease"],
  uses: ["Pod"],
  rules: {
    "leader-lease-stale": {
      severity: ["critical", "warning", "info"],
      depth: 0,
      message: "The leader of a controller does not renew its lease",
      why: "The controller exists but does nothing",
      fix: "Look at the Pods of the controller: whether they run, and what their logs say about leader election",
      source: "concepts/architecture/leases/#leader-election",
      commands: [
        "kubectl -n {namespace} get lease {name} -o yaml",
        "kubectl -n {namespace} get lease",
        "kubectl -n {namespace} get pods -o wide",
      ],
      silent: [
        "leases of nodes and of API servers",
        "released leases, which have no holder",
        "controllers that run with --leader-elect=false",
        "a saved snapshot in which no lease is fresh",
        "the holder is not seen alive: leases are left behind when a controller goes (info)",
        "the control plane is run by the provider (info)",
      ],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("Lease")) {
      const { namespace = "", name = "", labels } = object.metadata ?? {};
      if (namespace === "kube-node-lease" || isGoingAway(snapshot, object)) continue;
      if (labels?.["apiserver.kubernetes.io/identity"] !== undefined || name.startsWith("apiserver-")) continue;
      if (leaseState(snapshot, object) !== "stale") continue;
      const said = stale(snapshot, object);
      if (said !== undefined) yield said;
    }
  },
});

function stale(snapshot: Snapshot, object: KubeObject<"Lease">): Observation<"leader-lease-stale"> | undefined {
  const ref = refOf("Lease", object);
  const { holderIdentity = "", leaseDurationSeconds, renewTime } = object.spec ?? {};
  const isCore = ref.namespace === "kube-system" && coreLeases.has(ref.name);
  const pods = isCore ? podsWithLabels(snapshot, "kube-system", { component: ref.name }) : [];
  if (pods.some(isWithoutElection)) return undefined;
  const since = parseTime(renewTime);
  const holder = isCore ? pods[0] : holderOf(snapshot, object);
  const isManaged = pods.length === 0 && hasVendorVersion(snapshot.cluster.serverVersion);
  const evidence: Evidence[] = [
    field(ref, "spec.renewTime", renewTime),
    fact(ref, "not renewed for", formatDuration(ageOf(snapshot, since) ?? 0)),
    field(ref, "spec.leaseDurationSeconds", leaseDurationSeconds),
    field(ref, "spec.holderIdentity", holderIdentity),
    ...(holder === undefined ? [] : [field(refOf("Pod", holder), "status.phase", holder.status?.phase)]),
  ];
  return {
    rule: "leader-lease-stale",
    object: ref,
    severity: isCore && !isManaged ? "critical" : !isCore && holder !== undefined ? "warning" : "info",
    evidence,
    related: holder === undefined ? [] : [refOf("Pod", holder)],
    ...(since !== undefined && { since }),
  };
}

function isWithoutElection({ spec }: Pod): boolean {
  return (spec?.containers ?? []).some(({ command = [], args = [] }) =>
    [...command, ...args].some((word) => word === "--leader-elect=false"),
  );
}

/**
 * The Pod that holds the lease, when it is the very one that renewed it last and is ready still: identities are
 * `<Pod name>_<random>`. Any other holder may belong to a version or a controller that has gone.
 */
function holderOf(snapshot: Snapshot, { metadata, spec }: KubeObject<"Lease">): Pod | undefined {
  const [name = ""] = (spec?.holderIdentity ?? "").split("_");
  const pod = snapshot.get("Pod", metadata?.namespace, name);
  if (pod === undefined || !isReady(pod) || isGoingAway(snapshot, pod)) return undefined;
  const created = parseTime(pod.metadata?.creationTimestamp);
  const renewed = parseTime(spec?.renewTime);
  if (created === undefined || renewed === undefined || created > renewed) return undefined;
  // A container that was started anew since may have been told not to elect.
  const hasRestarted = (pod.status?.containerStatuses ?? []).some(
    ({ state }) => (parseTime(state?.running?.startedAt) ?? 0) > renewed,
  );
  return hasRestarted ? undefined : pod;
}
