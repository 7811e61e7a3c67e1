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
  "workload-no-pods-created",
  "pdb-blocks-eviction",
  "hpa-no-metrics",
  "system-component-unhealthy",
  "dns-*",
  "catalogsource-unhealthy",
  "csv-*",
];

const explanations: readonly Explanation[] = [
  {
    causes: ["node-not-ready", "node-unreachable", "nodes-mass-unreachable", "node-pressure-*", "node-rebooted"],
    symptoms: [
      "pod-stuck-terminating",
      "pod-evicted",
      "pod-rejected-by-kubelet",
      "pod-stuck-creating",
      "pod-sandbox-failed",
      "container-exit-loop",
      "volume-*",
      "image-*",
      "sched-untolerated-taint",
      "probe-*",
      "node-*",
      ...rollUps,
    ],
    along: ["node", "mount", "owner", "select", "backend", "guard"],
  },
  {
    causes: ["create-blocked-*", "webhook-*", "quota-exhausted"],
    symptoms: rollUps,
    along: ["owner", "template", "select", "backend", "scale"],
  },
  {
    causes: [
      "configmap-*",
      "secret-*",
      "serviceaccount-missing",
      "image-pull-secret-missing",
      "pvc-*",
      "pv-*",
      "storageclass-*",
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
      "ingress-tls-secret-missing",
      ...rollUps,
    ],
    along: ["ref", "mount", "tls", "owner", "template", "select", "backend", "scale", "guard"],
  },
  {
    causes: ["image-*", "exit-*", "container-*", "probe-*", "sched-*", "pod-*", "volume-*", "log-*"],
    symptoms: rollUps,
    along: ["owner", "template", "select", "backend", "guard", "scale"],
  },
  {
    causes: ["service-selector-*", "service-target-port-*", "service-no-ready-endpoints"],
    symptoms: ["ingress-backend-no-endpoints", "route-backend-no-endpoints", "webhook-no-endpoints", "apiservice-unavailable"],
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
    along: ["node", "owner"],
  },
  {
    // What the application says is part of what was seen from outside.
    causes: ["container-*", "exit-*", "probe-*", "pod-*", "volume-*"],
    symptoms: ["log-*"],
    along: ["owner", "template"],
  },
  {
    // Only Pods that say themselves that a name does not resolve are related to it.
    causes: ["netpol-blocks-dns"],
    symptoms: ["container-*", "exit-*", "probe-*", "pod-init-stuck", "log-*"],
    along: [],
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
    causes: ["catalogsource-unhealthy", "installplan-failed", "installplan-stuck", "csv-*"],
    symptoms: ["subscription-*"],
    along: ["ref", "owner"],
  },
];

/** Whether a finding of rule `cause` may explain one of rule `symptom`. */
export function mayExplain(cause: string, symptom: string): boolean {
  return explanations.some(
    ({ causes, symptoms }) =>
      causes.some((name) => named(name, cause)) && symptoms.some((name) => named(name, symptom)),
  );
}

/** Whether the edge may lie on a path from a finding of rule `cause`. */
export function mayPass(cause: string, edge: EdgeKind): boolean {
  return explanations.some(({ causes, along }) => causes.some((name) => named(name, cause)) && along.includes(edge));
}

/** Whether the rule only sums up what is wrong below it. */
export function isRollUp(rule: string): boolean {
  return rollUps.some((name) => named(name, rule));
}

function named(pattern: string, rule: string): boolean {
  return pattern.endsWith("*") ? rule.startsWith(pattern.slice(0, -1)) : rule === pattern;
}
