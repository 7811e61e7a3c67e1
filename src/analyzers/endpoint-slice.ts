import { type Evidence, eventEvidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, ageOfObject, conditionOf, isFinished, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { isUsable } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { leaseState } from "./rules/leader-lease.ts";

type Slice = KubeObject<"EndpointSlice">;
type Endpoint = NonNullable<Slice["endpoints"]>[number];

const controller = "endpointslice-controller.k8s.io";

export const endpointSlice: Analyzer = defineAnalyzer({
  name: "EndpointSlice",
  core: false,
  needs: ["EndpointSlice", "Pod"],
  uses: ["Service", "Event", "Lease"],
  rules: {
    "service-endpoints-stale": {
      severity: "warning",
      depth: 2,
      message: "An endpoint that takes traffic leads to a Pod that is not there any more",
      why: "A share of the requests goes to a dead address",
      fix: "Check that kube-controller-manager runs and holds its lease; if it does, look at the kubelet of the Pod's node",
      source: "concepts/services-networking/endpoint-slices/",
      commands: [
        "kubectl -n {namespace} get endpointslice {name} -o yaml",
        "kubectl -n {namespace} get pods -o wide",
        "kubectl -n kube-system get lease",
      ],
      silent: [
        "slices that somebody else than Kubernetes' own controller writes",
        "the Pod went less than a minute ago, or nothing says when",
        "the Pods of the namespace could not all be read",
      ],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("EndpointSlice")) {
      const { namespace = "", labels } = object.metadata ?? {};
      if (labels?.["endpointslice.kubernetes.io/managed-by"] !== controller || isGoingAway(snapshot, object)) continue;
      if (!snapshot.isComplete("Pod", namespace)) continue;
      const said = stale(snapshot, object);
      if (said !== undefined) yield said;
    }
  },
});

function stale(snapshot: Snapshot, object: Slice): Observation<"service-endpoints-stale"> | undefined {
  const ref = refOf("EndpointSlice", object);
  const found = (object.endpoints ?? []).flatMap((endpoint, index) => {
    const proof = isUsable(endpoint) ? proofOf(snapshot, object, endpoint) : undefined;
    return proof === undefined ? [] : [{ endpoint, index, proof }];
  });
  const [first] = found;
  if (first === undefined) return undefined;
  const service = object.metadata?.labels?.["kubernetes.io/service-name"];
  return {
    rule: "service-endpoints-stale",
    object: ref,
    because: first.proof.because,
    evidence: [
      ...found
        .slice(0, 3)
        .flatMap(({ endpoint, index, proof }) => [
          field(ref, `endpoints[${index}].addresses`, endpoint.addresses),
          ...proof.evidence,
        ]),
      fact(ref, "endpoints that lead nowhere", found.length),
    ].slice(0, 8),
    related: service === undefined ? [] : [namedRef("Service", object.metadata?.namespace, service)],
  };
}

interface Proof {
  readonly because: string;
  readonly evidence: readonly Evidence[];
}

/**
 * That the Pod behind an endpoint has been gone for over a minute. Pods and slices are read one after the other, so that a
 * Pod that is merely absent may have gone in between: there has to be something that tells the time.
 */
function proofOf(snapshot: Snapshot, slice: Slice, { targetRef, addresses = [] }: Endpoint): Proof | undefined {
  if (targetRef?.kind !== "Pod" || targetRef.name === undefined) return undefined;
  const { namespace = slice.metadata?.namespace, name, uid } = targetRef;
  const pod = snapshot.get("Pod", namespace, name);
  if (pod === undefined) return goneProof(snapshot, { ...namedRef("Pod", namespace, name), ...(uid !== undefined && { uid }) });
  const ref = refOf("Pod", pod);
  if (uid !== undefined && ref.uid !== undefined && uid !== ref.uid) {
    if ((ageOfObject(snapshot, pod) ?? 0) < minuteMs) return undefined;
    return {
      because: "the Pod was replaced by another of the same name",
      evidence: [field(ref, "metadata.creationTimestamp", pod.metadata?.creationTimestamp)],
    };
  }
  const ready = conditionOf(pod, "Ready");
  if ((ageOf(snapshot, ready?.lastTransitionTime) ?? 0) < minuteMs) return undefined;
  if (isFinished(pod)) {
    return { because: "the Pod has ended", evidence: [field(ref, "status.phase", pod.status?.phase)] };
  }
  const ips = [pod.status?.podIP, ...(pod.status?.podIPs ?? []).map(({ ip }) => ip)].filter((ip) => ip !== undefined && ip !== "");
  // An IPv6 address has several spellings.
  if (slice.addressType !== "IPv4" || ready?.status !== "True" || ips.length === 0) return undefined;
  if (addresses.some((address) => ips.includes(address))) return undefined;
  return { because: "the Pod has another address", evidence: [field(ref, "status.podIP", pod.status?.podIP)] };
}

function goneProof(snapshot: Snapshot, ref: ObjectRef): Proof | undefined {
  const killed = snapshot
    .eventsOf(ref)
    .find(({ reason, lastSeen }) => reason === "Killing" && (ageOf(snapshot, lastSeen) ?? 0) >= minuteMs);
  const because = "the Pod does not exist any more";
  if (killed !== undefined) return { because, evidence: [missing(ref), eventEvidence(killed)] };
  const lease = snapshot.get("Lease", "kube-system", "kube-controller-manager");
  if (lease === undefined || leaseState(snapshot, lease) !== "stale") return undefined;
  const leaseRef = refOf("Lease", lease);
  return { because, evidence: [missing(ref), field(leaseRef, "spec.renewTime", lease.spec?.renewTime)] };
}
