/** Endpoints that lead to Pods that are not there any more: told by Service and by EndpointSlice alike. */
import { type Evidence, fact, field, missing } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import { ageOf, ageOfObject, conditionOf, hasSettled, isFinished, isGoingAway } from "../../kube/guards.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import { namedRef, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { isUsable, oncePerSnapshot } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { minuteMs } from "../../kube/time.ts";

type Slice = KubeObject<"EndpointSlice">;
type Endpoint = NonNullable<Slice["endpoints"]>[number];

const controller = "endpointslice-controller.k8s.io";

/** How long Pod, slice and events must have agreed: they are read one after the other. */
const settledMs = 5 * minuteMs;

export const staleEndpointRules = {
  "service-endpoints-stale": {
    severity: "warning",
    depth: 2,
    message: "An EndpointSlice still sends traffic to the address of a Pod that is gone",
    why: "A share of requests goes to a dead address",
    fix: "Look at the controller manager, which writes EndpointSlices, and at the kubelet of the node",
    source: "concepts/services-networking/endpoint-slices/",
    commands: [
      "kubectl -n {namespace} get endpointslice {name} -o yaml",
      "kubectl -n {namespace} get pods -o wide",
      "kubectl -n kube-system get lease",
    ],
    silent: [
      "slices that somebody else writes",
      "Pods with an event in the last 5 minutes, and slices that were changed since",
      "Pods or events could not all be read",
    ],
  },
} as const satisfies Readonly<Record<string, Rule>>;

/** What is wrong with the slices that Kubernetes' own controller writes; reads EndpointSlice, Pod and Event. */
export const staleEndpoints: (snapshot: Snapshot) => readonly Observation<"service-endpoints-stale">[] =
  oncePerSnapshot((snapshot) => [...findStale(snapshot)]);

function* findStale(snapshot: Snapshot): Iterable<Observation<"service-endpoints-stale">> {
  if (!snapshot.isServed("EndpointSlice")) return;
  for (const slice of snapshot.list("EndpointSlice")) {
    const { namespace = "", labels = {} } = slice.metadata ?? {};
    if (labels["endpointslice.kubernetes.io/managed-by"] !== controller) continue;
    if (isGoingAway(snapshot, slice) || !snapshot.isComplete("Pod", namespace)) continue;
    const found = (slice.endpoints ?? []).flatMap((endpoint, index) => {
      const proof = isUsable(endpoint) ? proofOf(snapshot, slice, endpoint) : undefined;
      return proof === undefined ? [] : [{ endpoint, index, proof }];
    });
    const [first] = found;
    if (first === undefined) continue;
    const ref = refOf("EndpointSlice", slice);
    const service = labels["kubernetes.io/service-name"];
    yield {
      rule: "service-endpoints-stale",
      object: ref,
      because: first.proof.because,
      evidence: [
        ...found
          .slice(0, 3)
          .flatMap(({ endpoint, index, proof }) => [
            field(ref, `endpoints[${index}].addresses`, endpoint.addresses),
            proof.evidence,
          ]),
        fact(ref, "endpoints that lead nowhere", found.length),
      ],
      ...(service !== undefined && { related: [namedRef("Service", namespace, service)] }),
    };
  }
}

interface Proof {
  readonly because: string;
  readonly evidence: Evidence;
}

/** That the Pod behind an endpoint is not there any more, and was not a moment ago. */
function proofOf(snapshot: Snapshot, slice: Slice, { targetRef, addresses = [] }: Endpoint): Proof | undefined {
  if (targetRef?.kind !== "Pod" || targetRef.name === undefined) return undefined;
  const { uid } = targetRef;
  const pod = snapshot.get("Pod", slice.metadata?.namespace, targetRef.name);
  if (pod !== undefined && isAt(pod, uid, addresses)) return undefined;
  if (pod === undefined) {
    const named = namedRef("Pod", slice.metadata?.namespace, targetRef.name);
    if (!isLongGone(snapshot, slice, { ...named, ...(uid !== undefined && { uid }) })) return undefined;
    return { because: "the Pod does not exist any more", evidence: missing(named) };
  }
  const ref = refOf("Pod", pod);
  if (uid !== undefined && ref.uid !== undefined && uid !== ref.uid) {
    if ((ageOfObject(snapshot, pod) ?? 0) < 2 * minuteMs) return undefined;
    return {
      because: "the Pod was replaced by another of the same name",
      evidence: field(ref, "metadata.creationTimestamp", pod.metadata?.creationTimestamp),
    };
  }
  const ready = conditionOf(pod, "Ready");
  const started = pod.status?.startTime ?? pod.metadata?.creationTimestamp;
  if (!hasSettled(snapshot, pod, 2 * minuteMs, started)) return undefined;
  if (!hasSettled(snapshot, pod, 2 * minuteMs, ready?.lastTransitionTime)) return undefined;
  if (isFinished(pod)) return { because: "the Pod has ended", evidence: field(ref, "status.phase", pod.status?.phase) };
  const ips = [pod.status?.podIP ?? "", ...(pod.status?.podIPs ?? []).map(({ ip = "" }) => ip)].filter(
    (ip) => ip !== "" && isV6(ip) === addresses.some(isV6),
  );
  if (ips.length === 0 || ips.some((ip) => addresses.includes(ip))) return undefined;
  return { because: "the Pod has another address", evidence: field(ref, "status.podIP", pod.status?.podIP) };
}

/** Whether a live Pod of that uid has the one address: so it is with almost every endpoint, and there is no more to ask. */
function isAt(pod: KubeObject<"Pod">, uid: string | undefined, addresses: readonly string[]): boolean {
  const { status, metadata } = pod;
  return addresses.length === 1 && addresses[0] === status?.podIP && uid === metadata?.uid && !isFinished(pod);
}

function isV6(address: string): boolean {
  return address.includes(":");
}

/**
 * Whether an absent Pod was absent for a while: one that went or came while the lists were read has left a trace, in its
 * events or in the time of the change that the slice carries.
 */
function isLongGone(snapshot: Snapshot, slice: Slice, ref: ObjectRef): boolean {
  if (!snapshot.isComplete("Event", ref.namespace)) return false;
  const latest = snapshot.eventsOf(ref)[0]?.lastSeen;
  if (latest !== undefined && snapshot.takenAt - latest < settledMs) return false;
  const changed = ageOf(snapshot, slice.metadata?.annotations?.["endpoints.kubernetes.io/last-change-trigger-time"]);
  return (changed === undefined || changed >= settledMs) && hasSettled(snapshot, slice, settledMs);
}
