/**
 * What nodes offer and what Pods ask of them, as the scheduler counts it: requests of Pods that have not ended, against
 * what the node may give away (concepts/scheduling-eviction/kube-scheduler/, pkg/api/v1/resource/helpers.go).
 */
import type { Container, KubeObject, PodSpec } from "../../kube/kinds.ts";
import { parseQuantity } from "../../kube/quantity.ts";
import { isFinished } from "../../kube/guards.ts";
import { oncePerSnapshot, tolerates } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";

export type Node = KubeObject<"Node">;

function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** How much of `resource` the scheduler counts for a Pod, in base units. */
export function requestOf(spec: PodSpec | undefined, resource: string): number {
  const asked = (container: Container): number => {
    const { requests, limits } = container.resources ?? {};
    // A limit without a request is taken for the request.
    return parseQuantity(requests?.[resource] ?? limits?.[resource]) ?? 0;
  };
  const init = spec?.initContainers ?? [];
  const sidecars = init.filter(isSidecar).reduce((sum, container) => sum + asked(container), 0);
  const main = (spec?.containers ?? []).reduce((sum, container) => sum + asked(container), 0);
  const peak = init
    .filter((container) => !isSidecar(container))
    .reduce((most, container) => Math.max(most, asked(container)), 0);
  return Math.max(main + sidecars, peak + sidecars) + (parseQuantity(spec?.overhead?.[resource]) ?? 0);
}

const usedByNode = oncePerSnapshot(() => new Map<string, ReadonlyMap<string, number>>());

/** What the Pods on each node ask of `resource`; `pods` counts them. */
function usedOf(snapshot: Snapshot, resource: string): ReadonlyMap<string, number> {
  const known = usedByNode(snapshot).get(resource);
  if (known !== undefined) return known;
  const used = new Map<string, number>();
  for (const pod of snapshot.list("Pod")) {
    const { nodeName } = pod.spec ?? {};
    if (nodeName === undefined || nodeName === "" || isFinished(pod)) continue;
    used.set(nodeName, (used.get(nodeName) ?? 0) + (resource === "pods" ? 1 : requestOf(pod.spec, resource)));
  }
  usedByNode(snapshot).set(resource, used);
  return used;
}

/** What a node may still give away of `resource`, in base units; undefined when the node does not say. */
export function freeOn(snapshot: Snapshot, node: Node, resource: string): number | undefined {
  const allocatable = parseQuantity(node.status?.allocatable?.[resource]);
  if (allocatable === undefined) return undefined;
  return Math.max(0, allocatable - (usedOf(snapshot, resource).get(node.metadata?.name ?? "") ?? 0));
}

/** What a node can give away when it is empty. */
export function allocatableOf(node: Node, resource: string): number | undefined {
  return parseQuantity(node.status?.allocatable?.[resource]);
}

type Taint = NonNullable<NonNullable<Node["spec"]>["taints"]>[number];

/** The taints that keep the Pod off the node (concepts/scheduling-eviction/taint-and-toleration/). */
export function untoleratedTaints(spec: PodSpec | undefined, node: Node): readonly Taint[] {
  return (node.spec?.taints ?? []).filter((taint) => taint.effect !== "PreferNoSchedule" && !tolerates(spec, taint));
}
