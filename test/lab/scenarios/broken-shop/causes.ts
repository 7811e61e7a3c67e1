/** One independent thing that is wrong in the broken shop, whatever else goes down with it. */
export interface Cause {
  /** Stable and unique. */
  readonly id: string;
  /** The namespace that suffers. */
  readonly namespace: string;
  /** The root, as `Kind/namespace/name`, or `Kind/name` for what has no namespace. It may be an object that is missing. */
  readonly object: string;
  /** What is wrong, in a sentence. */
  readonly what: string;
  /** The object on which it shows first, if that is not the root: what refers to a missing object, for example. */
  readonly seenOn?: string;
}

/** Every cause of the broken shop. A diagnosis names each of them, and nothing else as a root. */
export const causes: readonly Cause[] = [
  {
    id: "config-map-missing",
    namespace: "shop",
    object: "ConfigMap/shop/cart-config",
    seenOn: "Deployment/shop/cart",
    what: "The ConfigMap that the Deployment cart reads its environment from does not exist",
  },
  {
    id: "config-map-key-missing",
    namespace: "shop",
    object: "ConfigMap/shop/gift-cards-config",
    seenOn: "Deployment/shop/gift-cards",
    what: "The ConfigMap lacks the key expiry-days that the Deployment gift-cards names",
  },
  {
    id: "image-tag-wrong",
    namespace: "shop",
    object: "Deployment/shop/recommendations",
    what: "The image tag 2.14.0-rc9 does not exist",
  },
  {
    id: "pull-secret-missing",
    namespace: "shop",
    object: "Secret/shop/partner-registry",
    seenOn: "Deployment/shop/loyalty",
    what: "The pull secret does not exist and the registry wants one",
  },
  {
    id: "selector-typo",
    namespace: "shop",
    object: "Service/shop/search",
    what: "The Service selects serach; its Pods carry search",
  },
  {
    id: "readiness-probe-failing",
    namespace: "shop",
    object: "Deployment/shop/reviews",
    what: "The readiness probe is answered with 503",
  },
  {
    id: "ingress-class-missing",
    namespace: "shop",
    object: "Ingress/shop/blog",
    what: "There is no IngressClass nginx-internal",
  },
  {
    id: "tls-secret-missing",
    namespace: "shop",
    object: "Ingress/shop/wholesale",
    what: "The TLS Secret wholesale-tls does not exist",
  },
  {
    id: "backend-port-missing",
    namespace: "shop",
    object: "Ingress/shop/catalog-admin",
    what: "The Service catalog has no port 8443",
  },
  {
    id: "webhook-without-backend",
    namespace: "checkout",
    object: "ValidatingWebhookConfiguration/policy-guard",
    seenOn: "Deployment/checkout/payments",
    what: "The Service behind a webhook with failurePolicy Fail does not exist, so no Pod can be created",
  },
  {
    id: "storage-class-typo",
    namespace: "data",
    object: "PersistentVolumeClaim/data/data-orders-db-0",
    seenOn: "StatefulSet/data/orders-db",
    what: "There is no StorageClass fast-sdd",
  },
  {
    id: "held-by-ordinal-0",
    namespace: "data",
    object: "StatefulSet/data/search-index",
    seenOn: "Pod/data/search-index-0",
    what: "search-index-0 ends with exit code 78, so ordinals 1 and 2 are never created",
  },
  {
    id: "request-too-big",
    namespace: "data",
    object: "Deployment/data/warehouse-import",
    what: "It asks for more memory than any node has",
  },
  {
    id: "out-of-memory",
    namespace: "media",
    object: "Deployment/media/image-resizer",
    what: "It is killed for want of memory at its limit of 128Mi",
  },
  {
    id: "node-label-missing",
    namespace: "media",
    object: "Deployment/media/thumbnail-upscaler",
    what: "No node carries the label accelerator=nvidia-l4",
  },
  {
    id: "command-missing",
    namespace: "media",
    object: "Deployment/media/audio-tagger",
    what: "Its command is not in the image: exit code 127",
  },
  {
    id: "node-unreachable",
    namespace: "media",
    object: "Node/shop-worker-6",
    seenOn: "Deployment/media/video-encoder",
    what: "The kubelet of the node has fallen silent",
  },
  {
    id: "node-not-ready",
    namespace: "ops",
    object: "Node/shop-worker-7",
    seenOn: "DaemonSet/ops/edge-cache",
    what: "The network plugin of the node has stopped",
  },
  {
    id: "job-failed",
    namespace: "batch",
    object: "Job/batch/orders-migration",
    what: "Every try ended with exit code 3 until the backoffLimit was reached",
  },
  {
    id: "cron-job-never-succeeded",
    namespace: "batch",
    object: "CronJob/batch/stock-sync",
    what: "Every run failed with exit code 1",
  },
  {
    id: "quota-reached",
    namespace: "marketing",
    object: "ResourceQuota/marketing/team-quota",
    seenOn: "Deployment/marketing/newsletter",
    what: "The quota allows three Pods and five are wanted",
  },
  {
    id: "volume-secret-missing",
    namespace: "ops",
    object: "Secret/ops/backup-credentials",
    seenOn: "Deployment/ops/backup-agent",
    what: "The Secret that the Deployment mounts does not exist",
  },
];
