/**
 * What nodes offer and what Pods ask of them, as the scheduler counts it: requests of Pods that have not ended, against
 * what the node may give away (concepts/scheduling-eviction/kube-scheduler/, pkg/api/v1/resource/helpers.go).
 */
import type { Container, KubeObject, PodSpec } from "../../kube/kinds.ts";
import { parseQuantity } from "../../kube/quantity.ts";
import { isFinished } from "../../kube/guards.ts";
import { oncePerSnapshot } from "../../kube/relations.ts";
import { mapMatches } from "../../kube/selectors.ts";
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

interface NodeRequirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

interface NodeSelectorTerm {
  readonly matchExpressions?: readonly NodeRequirement[];
  readonly matchFields?: readonly NodeRequirement[];
}

/** The required terms of the node affinity; any one of them is enough. */
export function requiredTerms(spec: PodSpec | undefined): readonly NodeSelectorTerm[] {
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms ?? [];
}

/** Whether the Pod's nodeSelector and required node affinity admit the node. */
export function isSelectedNode(spec: PodSpec | undefined, node: Node): boolean {
  if (!mapMatches(spec?.nodeSelector ?? {}, node.metadata?.labels)) return false;
  const terms = requiredTerms(spec);
  return terms.length === 0 || terms.some((term) => termMatches(term, node));
}

function termMatches({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  // An empty term selects nothing.
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((one) => requirementMatches(one, node.metadata?.labels?.[one.key ?? ""])) &&
    matchFields.every((one) => requirementMatches(one, one.key === "metadata.name" ? node.metadata?.name : undefined))
  );
}

/** Whether a value satisfies one requirement of a node affinity. */
export function requirementMatches({ operator, values = [] }: NodeRequirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

type Taint = NonNullable<NonNullable<Node["spec"]>["taints"]>[number];

/** The taints that keep the Pod off the node (concepts/scheduling-eviction/taint-and-toleration/). */
export function untoleratedTaints(spec: PodSpec | undefined, node: Node): readonly Taint[] {
  return (node.spec?.taints ?? []).filter(
    (taint) =>
      taint.effect !== "PreferNoSchedule" &&
      !(spec?.tolerations ?? []).some(
        ({ key = "", operator = "Equal", value = "", effect = "" }) =>
          (effect === "" || effect === taint.effect) &&
          (key === "" ? operator === "Exists" : key === taint.key) &&
          (operator === "Exists" || value === (taint.value ?? "")),
      ),
  );
}
