/** What well-known finalizers wait for: the names that Kubernetes v1.34 and common controllers write. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/^kubernetes\.io\/pvc-protection$/, "Pods still use the claim"],
  [/^kubernetes\.io\/pv-protection$/, "the volume is still bound to a claim"],
  [/^foregroundDeletion$/, "objects that it owns are deleted first"],
  [/^orphan$/, "objects that it owns are let go first"],
  [/^batch\.kubernetes\.io\/job-tracking$/, "the Job has not counted its Pods yet"],
  [
    /^service\.kubernetes\.io\/load-balancer-cleanup$|^service\.k8s\.aws\/|^gke\.networking\.io\//,
    "the load balancer outside the cluster is not removed yet",
  ],
  [
    /^(?:ingress|elbv2)\.k8s\.aws\/|^networking\.gke\.io\/ingress-finalizer/,
    "the load balancer outside the cluster is not removed yet",
  ],
  [/^external-attacher\//, "the storage driver has not let go of the volume"],
  [/^external-provisioner\.volume\.kubernetes\.io\//, "the storage of the volume is not removed yet"],
  [/^snapshot\.storage\.kubernetes\.io\//, "a volume snapshot still depends on it"],
  [/^resources-finalizer\.argocd\.argoproj\.io/, "Argo CD has not removed what it deployed"],
  [/^finalizers\.fluxcd\.io$/, "Flux has not removed what it deployed"],
  [/^finalizer\.keda\.sh$/, "KEDA has not cleaned up after it"],
  [/^(?:finalizer\.)?acme\.cert-manager\.io/, "cert-manager has not cleaned up after it"],
];

/** In words of our own; undefined for a finalizer that the table does not know. */
export function finalizerInWords(finalizer: string): string | undefined {
  return meanings.find(([pattern]) => pattern.test(finalizer))?.[1];
}
