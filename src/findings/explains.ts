/**
 * Which rule's findings may explain which others when the objects are joined by the object graph. `*` at the end of a name
 * stands for any ending. A finding that names another one's object explains without this table (see correlate.ts).
 */
import type { EdgeKind } from "../kube/graph.ts";

interface Explanation {
  readonly causes: readonly string[];
  readonly symptoms: readonly string[];
  readonly along: readonly EdgeKind[];
}

/** Roll-ups: findings that only sum up what is wrong below them. */
const rollUps = [
  "replicas-short",
  "deployment-*",
  "statefulset-blocked-by-ordinal",
  "statefulset-update-stuck",
  "daemonset-missing-on-nodes",
  "job-*",
  "cronjob-*",
  "service-no-ready-endpoints",
  "ingress-backend-no-endpoints",
  "ingress-controller-absent",
  "route-backend-no-endpoints",
  "webhook-no-endpoints",
  "apiservice-unavailable",
  "workload-no-pods-created",
  "pdb-blocks-eviction",
  "hpa-no-metrics",
  "system-component-unhealthy",
  "dns-*",
  "catalogsource-unhealthy",
  "csv-*",
  "custom-resource-not-ready",
];

/** What an unanswered lookup can do. */
const lookups = [
  "container-*",
  "exit-*",
  "probe-*",
  "pod-init-stuck",
  "log-*",
  "image-dns-failed",
  "custom-resource-not-ready",
];

/** What keeps a Pod of the cluster's DNS from answering. */
const unanswering = ["container-*", "exit-*", "image-*", "probe-*", "sched-*", "pod-*", "volume-*"];

const explanations: readonly Explanation[] = [
  {
    causes: ["node-not-ready", "node-unreachable", "nodes-mass-unreachable", "node-pressure-*", "node-rebooted"],
    symptoms: [
      "pod-stuck-terminating",
      "pod-evicted",
      "pod-rejected-by-kubelet",
      "pod-stuck-creating",
      "pod-sandbox-failed",
      "pod-deadline-exceeded",
      "container-exit-loop",
      "container-failed",
      "volume-*",
      "image-node-disk-full",
      "image-dns-failed",
      "cni-not-ready",
      "probe-*",
      "node-*",
      ...rollUps,
    ],
    along: ["node", "mount", "owner", "select", "backend", "guard", "scale"],
  },
  {
    // A node that may not be chosen explains that a Pod waits, and nothing further: the Pod has a say in it, too.
    causes: ["node-not-ready", "node-unreachable", "nodes-mass-unreachable", "node-pressure-*"],
    symptoms: ["sched-untolerated-taint", "sched-cordoned"],
    along: ["sched"],
  },
  {
    causes: ["cni-not-ready", "csi-driver-not-on-node", "system-component-unhealthy"],
    symptoms: [
      "node-not-ready",
      "node-network-unavailable",
      "pod-sandbox-failed",
      "pod-stuck-creating",
      "volume-mount-failed",
      "volume-attach-failed",
      "replicas-short",
      "deployment-*",
      "daemonset-missing-on-nodes",
      "statefulset-blocked-by-ordinal",
      "service-no-ready-endpoints",
    ],
    along: ["ctrl", "node", "mount", "owner", "select"],
  },
  {
    causes: ["leader-lease-stale"],
    symptoms: [
      "sched-scheduler-silent",
      "workload-no-pods-created",
      "controller-not-observing",
      "service-endpoints-stale",
      "job-stalled",
      "cronjob-missed-runs",
      "pvc-pending-*",
      "owner-missing",
      "replicas-short",
    ],
    along: ["ctrl", "owner", "template"],
  },
  {
    causes: ["apiservice-unavailable", "crd-conversion-broken"],
    symptoms: [
      "hpa-no-metrics",
      "namespace-stuck-terminating",
      "object-stuck-finalizer",
      "custom-resource-not-ready",
      "owner-missing",
    ],
    along: ["api", "scale", "backend"],
  },
  {
    causes: ["create-blocked-*", "webhook-*", "quota-exhausted"],
    symptoms: ["create-blocked-*", "namespace-stuck-terminating", "object-stuck-finalizer", ...rollUps],
    along: ["admit", "api", "owner", "template", "select", "backend", "scale", "guard"],
  },
  {
    causes: [
      "configmap-*",
      "secret-*",
      "serviceaccount-missing",
      "image-pull-secret-missing",
      "pvc-pending-*",
      "pvc-lost",
      "pvc-missing",
      "pv-failed",
      "pv-node-gone",
      "storageclass-*",
      "volume-attach-failed",
      "volume-detach-stuck",
      "priorityclass-missing",
      "runtimeclass-missing",
      "certificate-*",
      "external-secret-not-ready",
    ],
    symptoms: [
      "pod-create-config-error",
      "pod-create-container-error",
      "pod-stuck-creating",
      "pod-init-stuck",
      "volume-*",
      "image-auth-denied",
      "sched-volume-*",
      "sched-pvc-missing",
      "create-blocked-*",
      "configmap-missing",
      "secret-missing",
      "pvc-pending-*",
      "ingress-tls-secret-*",
      "gateway-listener-broken",
      ...rollUps,
    ],
    along: ["ref", "mount", "sched", "tls", "owner", "template", "select", "backend", "scale", "guard"],
  },
  {
    causes: ["image-*", "exit-*", "container-*", "probe-*", "sched-*", "pod-*", "volume-*", "log-*"],
    symptoms: rollUps,
    along: ["owner", "template", "select", "backend", "guard", "scale"],
  },
  {
    causes: ["service-selector-*", "service-target-port-*", "service-no-ready-endpoints"],
    symptoms: [
      "ingress-backend-no-endpoints",
      "route-backend-no-endpoints",
      "webhook-no-endpoints",
      "apiservice-unavailable",
    ],
    along: ["backend"],
  },
  {
    causes: ["deployment-*", "replicas-short", "statefulset-*", "daemonset-*", "workload-*", "job-*"],
    symptoms: rollUps,
    along: ["owner", "template", "select", "backend", "guard", "scale"],
  },
  {
    causes: ["node-cordoned-long", "node-startup-taint-stuck"],
    symptoms: ["sched-cordoned", "sched-untolerated-taint", "daemonset-missing-on-nodes"],
    along: ["node", "sched", "owner"],
  },
  {
    causes: ["pdb-never-allows", "pdb-blocks-eviction"],
    symptoms: ["node-cordoned-long"],
    along: ["guard"],
  },
  {
    // What the application says is part of what was seen from outside.
    causes: ["container-*", "exit-*", "probe-*", "pod-*", "volume-*"],
    symptoms: ["log-*"],
    along: ["owner", "template"],
  },
  {
    // Only where the symptom itself tells of a name that does not resolve (correlate.ts).
    causes: ["dns-down", "dns-degraded", "netpol-blocks-dns"],
    symptoms: lookups,
    along: ["ctrl", "policy", "owner", "template"],
  },
  {
    // On one object: the listener is why the Gateway is not served.
    causes: ["gateway-listener-broken"],
    symptoms: ["gateway-not-accepted", "gateway-not-programmed"],
    along: [],
  },
  {
    causes: ["gateway-controller-absent", "gateway-class-missing", "gatewayclass-not-accepted"],
    symptoms: ["gateway-not-accepted", "gateway-not-programmed"],
    along: ["class"],
  },
  {
    // A Gateway without an address: the Service that its controller made for it waits for a load balancer.
    causes: ["service-loadbalancer-pending"],
    symptoms: ["gateway-not-programmed"],
    along: ["owner"],
  },
  {
    // KEDA makes the autoscaler: what it lacks is why the autoscaler has no metric.
    causes: ["keda-*"],
    symptoms: ["hpa-*", "keda-not-ready", "keda-fallback-active", "keda-trigger-failing"],
    along: ["template", "ref", "scale"],
  },
  {
    // Who makes a Secret is why it is not there, or holds a certificate that ran out.
    causes: ["certificate-*", "issuer-*", "tls-cert-*", "external-secret-not-ready"],
    symptoms: [
      "certificate-not-ready",
      "tls-cert-*",
      "ingress-tls-secret-*",
      "gateway-listener-broken",
      "secret-*",
      "pod-create-config-error",
      "pod-stuck-creating",
      "pod-init-stuck",
      "volume-*",
      "image-auth-denied",
      "keda-credentials-missing",
      ...rollUps,
    ],
    along: ["tls", "ref", "mount", "owner", "template", "select", "backend"],
  },
  {
    // Who issues certificates does not run.
    causes: [
      "system-component-unhealthy",
      "deployment-*",
      "replicas-short",
      "workload-no-pods-created",
      "create-blocked-*",
      "container-*",
      "image-*",
      "probe-*",
      "sched-*",
      "pod-*",
      "volume-*",
    ],
    symptoms: ["certificate-not-ready", "tls-cert-*", "issuer-not-ready"],
    along: ["ctrl", "owner", "template"],
  },
  {
    causes: ["apiservice-unavailable", "crd-conversion-broken"],
    symptoms: ["custom-resource-not-ready"],
    along: ["api", "backend"],
  },
  {
    causes: ["catalogsource-unhealthy", "installplan-failed", "installplan-stuck", "csv-*"],
    symptoms: ["subscription-*"],
    along: ["ref", "owner"],
  },
];

/** Whether a finding of rule `cause` may explain one of rule `symptom` over a path of these edges. */
export function mayExplain(cause: string, symptom: string, path: readonly EdgeKind[] = []): boolean {
  return explanations.some(
    ({ causes, symptoms, along }) =>
      causes.some((name) => named(name, cause)) &&
      symptoms.some((name) => named(name, symptom)) &&
      path.every((edge) => along.includes(edge)),
  );
}

/**
 * Whether the path leads from a Pod over the cluster's DNS to a Pod behind it, and `cause` may keep that one from answering what
 * `symptom` asked. It counts where nobody judges the DNS as such, because that rule was not chosen.
 */
export function mayExplainLookup(cause: string, symptom: string, path: readonly EdgeKind[]): boolean {
  const [platform, behind, ...further] = path;
  return (
    platform === "ctrl" &&
    behind === "select" &&
    further.length === 0 &&
    unanswering.some((name) => named(name, cause)) &&
    lookups.some((name) => named(name, symptom))
  );
}

/** Whether a finding of rule `cause` explains others only where they tell of a name that could not be looked up. */
export function isAboutNames(cause: string): boolean {
  return named("dns-*", cause) || cause === "netpol-blocks-dns";
}

/** Whether the rule only sums up what is wrong below it. */
export function isRollUp(rule: string): boolean {
  return rollUps.some((name) => named(name, rule));
}

function named(pattern: string, rule: string): boolean {
  return pattern.endsWith("*") ? rule.startsWith(pattern.slice(0, -1)) : rule === pattern;
}
