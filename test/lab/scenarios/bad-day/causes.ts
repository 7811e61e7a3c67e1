/**
 * The five causes of the bad day, each with all that follows from it, as `rule Kind/namespace/name`; Pods by their owner. A
 * diagnosis names these roots and no other, and puts every finding below the right one.
 */
export const badDay: Readonly<Record<string, readonly string[]>> = {
  // Its Pods are out of service, one cannot end, and the disk that it holds keeps the replacement waiting elsewhere.
  "node-unreachable Node/day-worker-4": [
    "daemonset-missing-on-nodes DaemonSet/kube-system/kube-proxy",
    "deployment-unavailable Deployment/books/ledger",
    "node-unreachable Node/day-worker-4",
    "pdb-blocks-eviction PodDisruptionBudget/books/ledger",
    "pod-stuck-terminating Deployment/books/ledger",
    "service-no-ready-endpoints Service/books/ledger",
    "volume-multi-attach Deployment/books/ledger",
  ],
  // Nothing answers for it, so that two namespaces get no Pods.
  "webhook-no-endpoints ValidatingWebhookConfiguration/gatekeeper": [
    "create-blocked-webhook-down Deployment/accounts/accounts",
    "create-blocked-webhook-down Deployment/profiles/profiles",
    "deployment-rollout-stuck Deployment/accounts/accounts",
    "deployment-rollout-stuck Deployment/profiles/profiles",
    "service-no-ready-endpoints Service/profiles/profiles",
    "webhook-no-endpoints ValidatingWebhookConfiguration/gatekeeper",
  ],
  "quota-exhausted ResourceQuota/batch/batch-pods": [
    "create-blocked-quota Deployment/batch/invoices",
    "create-blocked-quota Deployment/batch/reminders",
    "deployment-rollout-stuck Deployment/batch/invoices",
    "deployment-rollout-stuck Deployment/batch/reminders",
    "quota-exhausted ResourceQuota/batch/batch-pods",
  ],
  // The orders say themselves that they cannot look up a name.
  "container-exit-loop Deployment/kube-system/coredns": [
    "container-exit-loop Deployment/kube-system/coredns",
    "deployment-rollout-stuck Deployment/kube-system/coredns",
    "deployment-rollout-stuck Deployment/shop/orders",
    "dns-down Service/kube-system/kube-dns",
    "probe-readiness-failing Deployment/shop/orders",
    "service-no-ready-endpoints Service/kube-system/kube-dns",
    "service-no-ready-endpoints Service/shop/orders",
  ],
  // It ends as the DNS does, beside the orders, at the same time, and has nothing to do with either.
  "container-exit-loop Deployment/shop/catalog": [
    "container-exit-loop Deployment/shop/catalog",
    "deployment-rollout-stuck Deployment/shop/catalog",
  ],
};
