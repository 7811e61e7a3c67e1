/** What is wrong with the Service that answers for an API: an APIService, the conversion webhook of a definition. */
import { type Evidence, fact, field, missing } from "../../findings/evidence.ts";
import { type ObjectRef, refOf } from "../../kube/object-ref.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { backendOf, whyNotReady } from "./endpoints.ts";

export interface ServiceTrouble {
  /** In fixed words. */
  readonly because: string;
  readonly evidence: readonly Evidence[];
  /** Pods and workloads behind it that are in a bad state. */
  readonly related: readonly ObjectRef[];
}

/** Why nothing answers at the Service; undefined when something does, or when that is not known. */
export function serviceTrouble(snapshot: Snapshot, ref: ObjectRef): ServiceTrouble | undefined {
  const service = snapshot.get("Service", ref.namespace, ref.name);
  if (service === undefined) {
    if (!snapshot.isComplete("Service", ref.namespace)) return undefined;
    return { because: "its Service does not exist", evidence: [missing(ref)], related: [] };
  }
  const backend = backendOf(snapshot, service);
  const none = fact(ref, "usable endpoints", 0);
  switch (backend.state) {
    case "asleep":
      return {
        because: "its workload is scaled to zero",
        evidence: [none, ...backend.workloads.slice(0, 1).map((workload) => field(workload, "spec.replicas", 0))],
        related: [...backend.workloads],
      };
    case "not-ready":
      return {
        because: "none of its Pods is ready",
        evidence: [none, ...backend.pods.slice(0, 3).map(whyNotReady)],
        related: backend.pods.map((pod) => refOf("Pod", pod)),
      };
    case "unmatched":
    case "finished":
    case "unmade":
      return { because: "no Pod stands behind its Service", evidence: [none], related: [] };
    default:
      return undefined;
  }
}
