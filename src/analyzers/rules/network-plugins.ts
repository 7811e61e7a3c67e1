/**
 * Which network plugin runs, told by the images of its Pods, and what that means for policies: the API server accepts every
 * NetworkPolicy, only the plugin can hold anyone to it (concepts/extend-kubernetes/compute-storage-net/network-plugins/).
 */
import { isFinished } from "../../kube/guards.ts";
import type { KindName, KubeObject } from "../../kube/kinds.ts";
import { oncePerSnapshot } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";

/** Images of plugins, or of parts of them, that enforce NetworkPolicies. */
const enforcing: readonly RegExp[] = [
  /calico\/(?:node|typha|kube-controllers)|calico-node/,
  /cilium\/cilium|\/cilium(?:-agent)?[:@]/,
  /antrea\/antrea|antrea-(?:agent|ubuntu|ubi)/,
  /kube-router/,
  /weave-(?:npc|kube)/,
  /ovn-kube|ovnkube|kube-ovn|openshift.*(?:sdn|ovn)/,
  /aws-network-policy-agent/,
  /azure-npm/,
  /kube-network-policies|kindnetd/,
  /anetd|netd-gke|gke.*(?:calico|cilium)/,
  /romana|contiv|nuage|canal/,
];

/** Images of plugins that do not enforce them. */
const plain: readonly RegExp[] = [/flannel(?:-io)?\/flannel|\/flannel[:@]|coreos\/flannel/];

/** Nodes on which a part of the system enforces policies without a Pod of its own: k3s and RKE2, EKS Auto Mode. */
function enforcesItself({ metadata, status }: KubeObject<"Node">): boolean {
  return (
    /\+(?:k3s|rke2)/.test(status?.nodeInfo?.kubeletVersion ?? "") ||
    metadata?.labels?.["eks.amazonaws.com/compute-type"] === "auto"
  );
}

/** What is known of the enforcement of NetworkPolicies. */
export type Enforcement =
  | { readonly type: "enforced" | "unknown" }
  /** Only a plugin that does not enforce them was seen; one of its Pods. */
  | { readonly type: "unenforced"; readonly pod: KubeObject<"Pod">; readonly image: string };

/** Whether somebody enforces NetworkPolicies. Reads Pod and Node; without all of them it is not known. */
export const enforcementOf: (snapshot: Snapshot) => Enforcement = oncePerSnapshot((snapshot): Enforcement => {
  if (!snapshot.isComplete("Pod") || !snapshot.isComplete("Node")) return { type: "unknown" };
  if (snapshot.list("Node").some(enforcesItself)) return { type: "enforced" };
  let found: Enforcement = { type: "unknown" };
  for (const pod of snapshot.list("Pod")) {
    if (isFinished(pod)) continue;
    for (const { image = "" } of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
      if (enforcing.some((pattern) => pattern.test(image))) return { type: "enforced" };
      if (found.type === "unknown" && plain.some((pattern) => pattern.test(image)))
        found = { type: "unenforced", pod, image };
    }
  }
  return found;
});

/** Policies beside NetworkPolicy that may allow what it does not. */
export const pluginPolicyKinds = [
  "CiliumNetworkPolicy",
  "CiliumClusterwideNetworkPolicy",
  "GlobalNetworkPolicy",
  "AdminNetworkPolicy",
] as const satisfies readonly KindName[];

/** Whether policies of another kind may allow what NetworkPolicies do not: there are some, or they could not be read. */
export function mayBeAllowedElsewhere(snapshot: Snapshot, namespace: string): boolean {
  return pluginPolicyKinds.some((kind) => {
    if (kind === "CiliumNetworkPolicy") {
      return snapshot.inNamespace(kind, namespace).length > 0 || !snapshot.isComplete(kind, namespace);
    }
    return snapshot.list(kind).length > 0 || !snapshot.isComplete(kind);
  });
}
