import { type Evidence, eventEvidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, ageOfObject, conditionOf, eventMaxAgeMs, isFinished, isGoingAway, isReady } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { mountCause } from "../kube/messages/mount.ts";
import { namedRef, refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot, podsOwnedBy, topOwnerOf } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

type Pod = KubeObject<"Pod">;

/** A driver registers within seconds; a new node pulls its image first. */
const registerLimitMs = 5 * minuteMs;

export const csiNode: Analyzer = defineAnalyzer({
  name: "CSINode",
  core: false,
  needs: ["CSINode", "Pod"],
  uses: ["PersistentVolumeClaim", "PersistentVolume", "CSIDriver", "Node", "ReplicaSet", "Job", "Event"],
  rules: {
    "csi-driver-not-on-node": {
      severity: ["critical", "warning"],
      depth: 2,
      message: "The storage driver of a volume does not run on the node where its Pod was placed",
      why: "The Pod stays in ContainerCreating for ever",
      fix: "Look at the driver's Pod on that node; if it has none, let its DaemonSet tolerate the taints and fit the labels of the node",
      source: "concepts/storage/volumes/#csi",
      commands: [
        "kubectl get csinode {node} -o yaml",
        "kubectl get pods -A -o wide --field-selector spec.nodeName={node}",
      ],
      silent: [
        "the Pod was placed less than 5 minutes ago, or has started",
        "the node is younger than 5 minutes, or not ready",
        "drivers that run on no node and of which the kubelet does not complain: they need no part there",
        "volumes, claims or nodes could not be read",
      ],
    },
  },
  *check(snapshot) {
    const byPlace = Map.groupBy(waitingVolumes(snapshot), ({ node, driver }) => `${node}\u0000${driver}`);
    for (const volumes of byPlace.values()) {
      const said = notOnNode(snapshot, volumes);
      if (said !== undefined) yield said;
    }
  },
});

interface WaitingVolume {
  readonly pod: Pod;
  readonly node: string;
  readonly driver: string;
  readonly volume: string;
  readonly since: number;
}

/** The CSI volumes of Pods that were placed a while ago and have not started. */
function* waitingVolumes(snapshot: Snapshot): Iterable<WaitingVolume> {
  for (const pod of snapshot.list("Pod")) {
    const { nodeName: node = "", volumes = [] } = pod.spec ?? {};
    if (node === "" || isFinished(pod) || isGoingAway(snapshot, pod) || pod.status?.phase !== "Pending") continue;
    const since = parseTime(conditionOf(pod, "PodScheduled")?.lastTransitionTime) ?? parseTime(pod.status.startTime);
    const age = ageOf(snapshot, since) ?? ageOfObject(snapshot, pod);
    if (since === undefined || age === undefined || age < registerLimitMs || hasBegun(pod)) continue;
    for (const volume of volumes) {
      const driver = volume.csi?.driver ?? driverOfClaim(snapshot, pod, volume);
      if (driver !== undefined && driver !== "") yield { pod, node, driver, volume: volume.name ?? "", since };
    }
  }
}

/** Whether a container runs or ran: then its volumes were mounted. */
function hasBegun({ status }: Pod): boolean {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(
    ({ state, lastState }) =>
      state?.running !== undefined || state?.terminated !== undefined || lastState?.terminated !== undefined,
  );
}

type PodVolume = NonNullable<NonNullable<Pod["spec"]>["volumes"]>[number];

function driverOfClaim(snapshot: Snapshot, pod: Pod, volume: PodVolume): string | undefined {
  const { namespace, name } = pod.metadata ?? {};
  const claimName =
    volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral === undefined ? undefined : `${name}-${volume.name}`);
  const claim = claimName === undefined ? undefined : snapshot.get("PersistentVolumeClaim", namespace, claimName);
  const bound = claim?.status?.phase === "Bound" ? claim.spec?.volumeName : undefined;
  return bound === undefined ? undefined : snapshot.get("PersistentVolume", undefined, bound)?.spec?.csi?.driver;
}

/** The nodes on which each driver is registered. */
const nodesByDriver = oncePerSnapshot((snapshot) => {
  const byDriver = new Map<string, string[]>();
  for (const { metadata, spec } of snapshot.list("CSINode")) {
    for (const { name = "" } of spec?.drivers ?? []) {
      const nodes = byDriver.get(name);
      if (nodes === undefined) byDriver.set(name, [metadata?.name ?? ""]);
      else nodes.push(metadata?.name ?? "");
    }
  }
  return byDriver;
});

function notOnNode(
  snapshot: Snapshot,
  volumes: readonly WaitingVolume[],
): Observation<"csi-driver-not-on-node"> | undefined {
  const [first] = volumes;
  if (first === undefined || !snapshot.isComplete("CSINode")) return undefined;
  const { node, driver } = first;
  const nodes = nodesByDriver(snapshot).get(driver) ?? [];
  if (nodes.includes(node) || !isUsableNode(snapshot, node)) return undefined;
  const complaint = volumes
    .flatMap(({ pod }) => snapshot.eventsOf(refOf("Pod", pod)))
    .find(({ reason, message, lastSeen }) => {
      const cause = reason === "FailedMount" ? mountCause(message) : undefined;
      const isCurrent = lastSeen === undefined || snapshot.takenAt - lastSeen <= eventMaxAgeMs;
      return isCurrent && cause?.type === "driver-missing" && cause.driver === driver;
    });
  // A driver without a part on the nodes is on none of them, and its volumes are mounted all the same.
  if (nodes.length === 0 && complaint === undefined) return undefined;
  const ref = namedRef("Node", undefined, node);
  const csi = namedRef("CSINode", undefined, node);
  const driverRef = namedRef("CSIDriver", undefined, driver);
  const isUninstalled =
    nodes.length === 0 && snapshot.isComplete("CSIDriver") && snapshot.find(driverRef) === undefined;
  const pods = [...new Set(volumes.map(({ pod }) => pod))];
  const registered = snapshot.get("CSINode", undefined, node)?.spec?.drivers?.map(({ name = "" }) => name) ?? [];
  const evidence: readonly Evidence[] = [
    field(csi, "spec.drivers", registered),
    fact(driverRef, "nodes that it runs on", nodes.length),
    ...(isUninstalled ? [missing(driverRef)] : []),
    ...(complaint === undefined ? [] : [eventEvidence(complaint)]),
    ...pods.slice(0, 3).map((pod) => field(refOf("Pod", pod), "status.phase", pod.status?.phase)),
  ];
  return {
    rule: "csi-driver-not-on-node",
    object: ref,
    severity: pods.some((pod) => !hasReadySibling(snapshot, pod)) ? "critical" : "warning",
    because: isUninstalled
      ? "the driver is not installed"
      : nodes.length === 0
        ? "the driver runs on no node"
        : "the driver runs on other nodes",
    discriminator: driver,
    evidence,
    related: pods.map((pod) => refOf("Pod", pod)),
    since: Math.min(...volumes.map(({ since }) => since)),
    params: { node },
  };
}

/** Whether the node can be expected to run the driver: it is there, ready, and not new. */
function isUsableNode(snapshot: Snapshot, name: string): boolean {
  const node = snapshot.get("Node", undefined, name);
  if (node === undefined || isGoingAway(snapshot, node)) return false;
  const age = ageOfObject(snapshot, node);
  return conditionOf(node, "Ready")?.status === "True" && (age === undefined || age >= registerLimitMs);
}

function hasReadySibling(snapshot: Snapshot, pod: Pod): boolean {
  const owner = topOwnerOf(snapshot, pod);
  return podsOwnedBy(snapshot, owner?.uid).some(isReady);
}
