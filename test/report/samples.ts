/** Reports made by hand: each part of a renderer has something to show in at least one of them. */
import { eventEvidence, fact, field, missing } from "../../src/findings/evidence.ts";
import type { Finding } from "../../src/findings/finding.ts";
import type { Incident, Report } from "../../src/findings/report.ts";
import { namedRef } from "../../src/kube/object-ref.ts";
import type { FormatName } from "../../src/report/formats.ts";

const takenAt = Date.UTC(2026, 10, 21, 3, 0, 12);
const minute = 60_000;

const config = namedRef("ConfigMap", "shop", "cart-config");
const cart = namedRef("Deployment", "shop", "cart");
const cartPods = ["cart-7d9f5c6b8-2xkqp", "cart-7d9f5c6b8-9wz4n", "cart-7d9f5c6b8-hs6tv"].map((name) =>
  namedRef("Pod", "shop", name),
);
const [cartPod = namedRef("Pod", "shop", "cart")] = cartPods;
const cartService = namedRef("Service", "shop", "cart");
const web = namedRef("Ingress", "shop", "web");
const payments = namedRef("Deployment", "payments", "ledger");
const ledgerPod = namedRef("Pod", "payments", "ledger-5f7b9c4d6-q8w2e");
const node = namedRef("Node", undefined, "worker-3.eu-central-1.compute.internal");

function finding(
  given: Pick<Finding, "id" | "rule" | "analyzer" | "severity" | "title" | "object"> & Partial<Finding>,
): Finding {
  return {
    depth: 6,
    objects: [given.object],
    related: [],
    evidence: [],
    fix: "Look at the object",
    source: "concepts/workloads/pods/",
    commands: [],
    ...given,
  };
}

function single(root: Finding): Incident {
  return {
    id: root.id,
    severity: root.severity,
    root,
    members: [root],
    chain: [],
    affected: { workloads: [], services: [], hosts: [] },
    confidence: "none",
    ...(root.since !== undefined && { since: root.since }),
  };
}

const missingConfig = finding({
  id: "0a1b2c3d4e5f",
  rule: "pod-config-map-missing",
  analyzer: "Pod",
  severity: "critical",
  depth: 4,
  title: "Container cannot start: the ConfigMap that it names does not exist",
  object: cartPod,
  objects: cartPods,
  owner: cart,
  cause: config,
  evidence: [
    field(cartPod, "spec.containers[0].envFrom[0].configMapRef.name", "cart-config"),
    field(cartPod, "status.containerStatuses[0].state.waiting.reason", "CreateContainerConfigError"),
    missing(config),
    fact(config, "nearest name", "cart-conf"),
    eventEvidence({
      type: "Warning",
      reason: "Failed",
      message: 'Error: configmap "cart-config" not found',
      count: 612,
      firstSeen: takenAt - 133 * minute,
      lastSeen: takenAt - 2 * minute,
      regarding: cartPod,
      fieldPath: undefined,
      component: "kubelet",
      name: "cart.1",
    }),
  ],
  since: takenAt - 133 * minute,
  why: "The Pod waits until the ConfigMap is there",
  fix: "Create the ConfigMap, or correct its name in the Deployment's template",
  source: "concepts/configuration/configmap/",
  commands: [
    "kubectl get configmap -n shop",
    "kubectl describe pod cart-7d9f5c6b8-2xkqp -n shop",
    "kubectl get deployment cart -n shop -o jsonpath='{.spec.template.spec.containers[*].envFrom}'",
  ],
});

const noEndpoint = finding({
  id: "1a1b2c3d4e5f",
  rule: "service-no-ready-endpoint",
  analyzer: "Service",
  severity: "critical",
  depth: 7,
  title: "Service selects Pods, but none of its endpoints is ready",
  object: cartService,
  evidence: [field(cartService, "spec.selector", { app: "cart" })],
  fix: "Look at why the selected Pods are not Ready",
  source: "concepts/services-networking/endpoint-slices/",
});

const noBackend = finding({
  id: "2a1b2c3d4e5f",
  rule: "ingress-backend-not-ready",
  analyzer: "Ingress",
  severity: "warning",
  depth: 7,
  title: "Ingress sends traffic to a Service without ready endpoints",
  object: web,
  evidence: [field(web, "spec.rules[0].http.paths[1].backend.service.name", "cart")],
  fix: "Mend the Service",
  source: "concepts/services-networking/ingress/",
});

const crashing = finding({
  id: "3a1b2c3d4e5f",
  rule: "pod-crash-loop-back-off",
  analyzer: "Pod",
  severity: "critical",
  title: "Container crashes and is restarted again and again: exit code 137, killed for memory (limit 64Mi)",
  object: ledgerPod,
  owner: payments,
  evidence: [
    field(ledgerPod, "status.containerStatuses[0].restartCount", 14),
    field(ledgerPod, "status.containerStatuses[0].lastState.terminated.reason", "OOMKilled"),
    field(ledgerPod, "spec.containers[0].resources.limits", { memory: "64Mi", cpu: "500m" }),
    {
      type: "log",
      object: ledgerPod,
      container: "ledger",
      previous: true,
      lines: [
        "2026-11-21T02:58:01Z loading 1400000 accounts",
        "2026-11-21T02:58:04Z \u001B[31mheap\u001B[0m at 61 MiB of 64 MiB, \u001B]0;title\u0007collecting; this line is longer than the terminal is wide",
      ],
    },
  ],
  since: takenAt - 42 * minute,
  fix: "Raise the memory limit, or find what holds the memory",
  commands: ["kubectl logs ledger-5f7b9c4d6-q8w2e -n payments -c ledger --previous"],
});

const notReady = finding({
  id: "4a1b2c3d4e5f",
  rule: "node-not-ready",
  analyzer: "Node",
  severity: "warning",
  depth: 1,
  title: "Node does not report that it is ready",
  object: node,
  evidence: [field(node, "status.conditions[Ready].status", "Unknown"), field(node, "spec.providerID", undefined)],
  since: takenAt - 9 * minute,
  fix: "Look at the kubelet on the node",
  commands: ["kubectl describe node worker-3.eu-central-1.compute.internal"],
});

const finished = finding({
  id: "5a1b2c3d4e5f",
  rule: "job-finished-long-ago",
  analyzer: "Job",
  severity: "info",
  title: "Job finished long ago and is still kept",
  object: namedRef("Job", "shop", "import-2025"),
  evidence: [field(namedRef("Job", "shop", "import-2025"), "spec.ttlSecondsAfterFinished", undefined)],
  fix: "Set ttlSecondsAfterFinished",
});

const empty: Report = {
  cluster: { name: "prod-eu", source: "live", server: "https://api.prod.example:6443", serverVersion: "v1.34.4" },
  scope: {},
  takenAt,
  status: "OK",
  complete: true,
  analyzers: [
    "Pod",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "PersistentVolumeClaim",
    "Service",
    "Ingress",
    "Node",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ConfigMap",
  ],
  findings: [],
  incidents: [],
  coverage: [],
  errors: [],
  hidden: { info: 0, risk: 0 },
  stats: [],
  objects: { Pod: 812, Node: 12, Service: 96, Secret: 0 },
};

const shopIncident: Incident = {
  id: missingConfig.id,
  severity: "critical",
  root: missingConfig,
  members: [missingConfig, noEndpoint, noBackend],
  chain: [config, cart, cartService, web],
  affected: { workloads: [cart], services: [cartService], hosts: ["shop.example.com", "www.shop.example.com"] },
  confidence: "exact",
  since: takenAt - 133 * minute,
};

/** The reports by the name of their stored outputs. */
export const samples: Readonly<Record<string, Report>> = {
  healthy: empty,
  problems: {
    ...empty,
    status: "ProblemDetected",
    complete: false,
    findings: [missingConfig, noEndpoint, crashing, noBackend, notReady],
    incidents: [shopIncident, single(crashing), single(notReady)],
    coverage: [
      {
        what: "secrets",
        reason: 'forbidden for user "ci"',
        analyzers: ["Ingress", "Pod"],
        next: "kubectl auth can-i list secrets --all-namespaces",
        level: "gap",
      },
      {
        what: "storageclasses.storage.k8s.io",
        reason: 'forbidden for user "ci"',
        analyzers: ["PersistentVolumeClaim"],
        next: "kubectl auth can-i list storageclasses.storage.k8s.io",
        level: "gap",
      },
      {
        what: "events",
        namespace: "payments",
        reason: "the server did not answer within 30 s",
        analyzers: ["Pod"],
        level: "gap",
      },
      {
        what: "horizontalpodautoscalers",
        reason: "the server does not serve this kind",
        analyzers: ["Deployment"],
        level: "scope",
      },
    ],
    errors: ['[Ingress] cannot list secrets: forbidden for user "ci"', "[CronJob] Cannot read properties of null"],
    hidden: { info: 7, risk: 1 },
    stats: [
      { analyzer: "Pod", durationMs: 12.25, findings: 2 },
      { analyzer: "Service", durationMs: 0.5, findings: 1 },
    ],
  },
  context: {
    ...empty,
    cluster: { name: "must-gather.local", source: "saved" },
    scope: { include: ["shop"] },
    analyzers: ["Job"],
    findings: [finished],
    incidents: [single(finished)],
  },
  blind: {
    ...empty,
    status: "Incomplete",
    complete: false,
    analyzers: [],
    objects: {},
    coverage: [
      {
        what: "pods",
        reason: 'forbidden for user "nobody"',
        analyzers: ["Pod", "Service"],
        next: "kubectl auth can-i list pods --all-namespaces",
        level: "gap",
      },
    ],
    errors: ['[Pod] forbidden for user "nobody"', '[Service] forbidden for user "nobody"'],
  },
};

/** One of them by its name. */
export function sample(name: string): Report {
  const report = samples[name];
  if (report === undefined) throw new Error(`there is no sample "${name}"`);
  return report;
}

/** How the file of a stored output ends, by its form. */
export const endings: Readonly<Record<FormatName, string>> = {
  text: "txt",
  json: "json",
  yaml: "yaml",
  ndjson: "ndjson",
  sarif: "sarif",
  junit: "xml",
  markdown: "md",
  html: "html",
};
