import { systemComponent } from "../../src/analyzers/system-component.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const service = yaml`
  apiVersion: v1
  kind: Service
  metadata: { name: kube-dns, namespace: kube-system, labels: { k8s-app: kube-dns } }
  spec: { selector: { k8s-app: kube-dns }, ports: [{ name: dns, port: 53, protocol: UDP }] }
`;
const corednsDeployment = (replicas: number): readonly Manifest[] => yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: coredns, namespace: kube-system, labels: { k8s-app: kube-dns } }
  spec:
    replicas: ${replicas}
    selector: { matchLabels: { k8s-app: kube-dns } }
    template: { metadata: { labels: { k8s-app: kube-dns } }, spec: { containers: [{ name: coredns, image: coredns }] } }
`;
const coredns = (name: string, ready: string, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: ${name}, namespace: kube-system, labels: { k8s-app: kube-dns } }
      spec: { nodeName: node-1, containers: [{ name: coredns, image: coredns }] }
      status: { phase: Running, conditions: [{ type: Ready, status: "${ready}", lastTransitionTime: "${ago("10m")}" }] }
    `,
    changes,
  );
const crashing =
  "status: { containerStatuses: [{ name: coredns, image: coredns, imageID: x, ready: false, restartCount: 8, state: { waiting: { reason: CrashLoopBackOff } } }] }";
const slice = (...ready: readonly boolean[]): readonly Manifest[] => yaml`
  apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: kube-dns-1, namespace: kube-system, labels: { kubernetes.io/service-name: kube-dns } }
  addressType: IPv4
  endpoints: [${ready.map((each, index) => `{ addresses: [10.1.0.${index + 5}], conditions: { ready: ${each} } }`).join(", ")}]
`;
const node = (name = "node-1", ready = "True", age = "1d"): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Node
  metadata: { name: ${name}, creationTimestamp: "${ago(age)}" }
  status: { conditions: [{ type: Ready, status: "${ready}" }] }
`;
const log = (...lines: readonly string[]) => [
  { namespace: "kube-system", pod: "coredns-a", container: "coredns", previous: true, lines },
];
const loop =
  '[FATAL] plugin/loop: Loop (127.0.0.1:55953 -> :53) detected for zone ".", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO 4547991504243258144."';

const daemonSet = (name: string, ready: number, desired = 2, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: apps/v1
      kind: DaemonSet
      metadata: { name: ${name}, namespace: kube-system, uid: ds }
      spec:
        selector: { matchLabels: { app: ${name} } }
        template: { metadata: { labels: { app: ${name} } }, spec: { containers: [{ name: main, image: main }] } }
      status: { desiredNumberScheduled: ${desired}, currentNumberScheduled: ${desired}, numberReady: ${ready}, numberMisscheduled: 0 }
    `,
    changes,
  );
const daemonPod = (nodeName = "node-1", since = "10m"): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: main-${nodeName}, namespace: kube-system, ownerReferences: [{ apiVersion: apps/v1, kind: DaemonSet, name: main, uid: ds, controller: true }] }
  spec: { nodeName: ${nodeName}, containers: [{ name: main, image: main }] }
  status: { phase: Running, conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago(since)}" }] }
`;
const metricsServer = (status: string, namespace = "kube-system"): Manifest =>
  but(
    yaml`
      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: metrics-server, namespace: ${namespace}, uid: ds }
      spec:
        replicas: 2
        selector: { matchLabels: { app: metrics-server } }
        template: { metadata: { labels: { app: metrics-server } }, spec: { containers: [{ name: main, image: main }] } }
    `,
    status,
  );
const dns = "Service/kube-system/kube-dns";
const unhealthy = "system-component-unhealthy";

export default cases(systemComponent, {
  fires: [
    {
      name: "no DNS Pod is ready",
      given: [service, slice(false), corednsDeployment(2), coredns("coredns-a", "False"), node()],
      expect: [{ rule: "dns-down", object: dns, severity: "critical", because: "none of its Pods is ready" }],
    },
    {
      name: "DNS is scaled to zero",
      given: [service, corednsDeployment(0), node()],
      expect: [{ rule: "dns-down", object: dns, because: "its workload is scaled to zero" }],
    },
    {
      name: "CoreDNS forwards to itself",
      given: [service, slice(false), corednsDeployment(2), coredns("coredns-a", "False", crashing), node()],
      logs: log(".:53", loop),
      expect: [{ rule: "dns-down", object: dns, because: "it forwards to itself in a loop" }],
    },
    {
      name: "CoreDNS does not understand its Corefile",
      given: [service, slice(false), corednsDeployment(1), coredns("coredns-a", "False", crashing), node()],
      logs: log("/etc/coredns/Corefile:4 - Error during parsing: Unknown directive 'proxy'"),
      expect: [{ rule: "dns-down", object: dns, because: "its Corefile has an error" }],
    },
    {
      name: "two of three DNS Pods are not ready",
      given: [
        service,
        slice(true, false, false),
        corednsDeployment(3),
        coredns("coredns-a", "False"),
        coredns("coredns-b", "False"),
        coredns("coredns-c", "True"),
        node(),
      ],
      expect: [{ rule: "dns-degraded", object: dns, severity: "warning", because: "less than half are ready" }],
    },
    {
      name: "one of two DNS Pods fails again and again",
      given: [
        service,
        slice(true, false),
        corednsDeployment(2),
        coredns("coredns-a", "False", crashing),
        coredns("coredns-b", "True"),
        node(),
      ],
      expect: [{ rule: "dns-degraded", object: dns, because: "a Pod fails again and again" }],
    },
    {
      name: "kube-proxy is not ready on a node",
      given: [daemonSet("kube-proxy", 1), daemonPod(), node()],
      expect: [{ rule: unhealthy, object: "DaemonSet/kube-system/kube-proxy", severity: "critical" }],
    },
    {
      name: "an add-on is not ready on any node",
      given: [daemonSet("node-exporter", 0, 1), daemonPod(), node()],
      expect: [
        {
          rule: unhealthy,
          object: "DaemonSet/kube-system/node-exporter",
          severity: "warning",
          because: "none is ready",
        },
      ],
    },
    {
      name: "a Deployment of the platform",
      given: [
        metricsServer("status: { replicas: 2, readyReplicas: 1 }"),
        but(
          daemonPod(),
          "metadata: { name: main-a, ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: metrics-server, uid: ds, controller: true }] }",
        ),
        node(),
      ],
      expect: [{ rule: unhealthy, object: "Deployment/kube-system/metrics-server", severity: "warning" }],
    },
    {
      name: "a version without support for over a year",
      given: [],
      serverVersion: "v1.29.4",
      expect: [{ rule: "server-version-unsupported", object: "Cluster/case", severity: "info" }],
    },
    {
      name: "a version without support for two years",
      given: [node()],
      serverVersion: "v1.26.15",
      expect: [{ rule: "server-version-unsupported", object: "Cluster/case", severity: "warning" }],
    },
    {
      name: "a provider's version without support for two years",
      given: [node("node-2")],
      serverVersion: "v1.26.15-gke.4901000",
      expect: [{ rule: "server-version-unsupported", object: "Cluster/case", severity: "info" }],
    },
    {
      name: "nodes of a provider that does not mark its versions",
      given: [but(node("aks-1"), "spec: { providerID: azure:///subscriptions/1 }")],
      serverVersion: "v1.26.6",
      expect: [{ rule: "server-version-unsupported", object: "Cluster/case", severity: "info" }],
    },
  ],
  silent: [
    {
      name: "DNS answers",
      given: [
        service,
        slice(true, true),
        corednsDeployment(2),
        coredns("coredns-a", "True"),
        coredns("coredns-b", "True"),
        node(),
      ],
    },
    {
      name: "one of two DNS Pods is being moved",
      given: [
        service,
        slice(true, false),
        corednsDeployment(2),
        coredns("coredns-a", "True"),
        coredns(
          "coredns-b",
          "False",
          `metadata: { creationTimestamp: "${ago("30s")}" }\nstatus: { conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("20s")}" }] }`,
        ),
        node(),
      ],
    },
    {
      name: "one of two DNS Pods waits for a node",
      given: [
        service,
        slice(true),
        corednsDeployment(2),
        coredns("coredns-a", "True"),
        coredns("coredns-b", "False"),
        node(),
      ],
    },
    { name: "another DNS", given: [but(service, "metadata: { labels: { k8s-app: other-dns } }"), node()] },
    {
      name: "its metrics Service alone is empty",
      given: [
        service,
        slice(true),
        coredns("coredns-a", "True"),
        but(service, "metadata: { name: kube-dns-metrics }\nspec: { ports: [{ name: metrics, port: 9153 }] }"),
        node("node-3"),
      ],
    },
    { name: "a cluster without nodes", given: [service, corednsDeployment(2)] },
    { name: "endpoints could not be read", given: [service, corednsDeployment(0), node()], unread: ["EndpointSlice"] },
    { name: "everything of a DaemonSet is ready", given: [daemonSet("kube-proxy", 2), node()] },
    { name: "unready for a minute", given: [daemonSet("kube-proxy", 1), daemonPod("node-1", "1m"), node()] },
    {
      name: "its node does not answer: the node says it",
      given: [daemonSet("kube-proxy", 1), daemonPod(), node("node-1", "Unknown")],
    },
    { name: "its node is gone", given: [daemonSet("kube-proxy", 1), daemonPod("node-9"), node()] },
    {
      name: "its node has just joined",
      given: [daemonSet("kube-proxy", 1), daemonPod(), node("node-1", "True", "4m")],
    },
    {
      name: "its status is older than its spec",
      given: [
        daemonSet("kube-proxy", 1, 2, "metadata: { generation: 2 }\nstatus: { observedGeneration: 1 }"),
        daemonPod("node-1", "11m"),
        node(),
      ],
      notLive: "the generation is the server's",
    },
    { name: "an add-on at zero", given: [metricsServer("spec: { replicas: 0 }"), node()] },
    {
      name: "a rollout that keeps what it promises",
      given: [
        metricsServer(
          'status: { replicas: 3, readyReplicas: 1, availableReplicas: 1, conditions: [{ type: Available, status: "True" }, { type: Progressing, status: "True", reason: ReplicaSetUpdated }] }',
        ),
        but(
          daemonPod(),
          "metadata: { name: main-a, ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: metrics-server, uid: ds, controller: true }] }",
        ),
        node(),
      ],
    },
    {
      name: "not part of the platform",
      given: [metricsServer("status: { replicas: 2, readyReplicas: 0 }", "shop"), node()],
    },
    { name: "a version with support", given: [node("node-1", "True", "2d")], serverVersion: "v1.34.1" },
    {
      name: "a version that is newer than this table",
      given: [node("node-1", "True", "3d")],
      serverVersion: "v1.60.0",
    },
  ],
});
