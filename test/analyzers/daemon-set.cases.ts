import { daemonSet } from "../../src/analyzers/daemon-set.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const logs = yaml`
  apiVersion: apps/v1
  kind: DaemonSet
  metadata: { name: logs, namespace: ops }
  spec:
    selector: { matchLabels: { app: logs } }
    template:
      metadata: { labels: { app: logs } }
      spec: { containers: [{ name: agent, image: registry.example/logs:1 }] }
  status:
    desiredNumberScheduled: 2
    currentNumberScheduled: 2
    updatedNumberScheduled: 2
    numberReady: 2
    numberAvailable: 2
    numberMisscheduled: 0
`;

function node(name: string, changes = "{}"): Manifest {
  const base = yaml`
    apiVersion: v1
    kind: Node
    metadata: { name: ${name}, labels: { kubernetes.io/os: linux, disktype: ssd } }
    status: { conditions: [{ type: Ready, status: "True", lastTransitionTime: ${ago("50m")} }] }
  `;
  return but(base, changes);
}

const down = `status: { conditions: [{ type: Ready, status: "Unknown", lastTransitionTime: ${ago("20m")} }] }`;

function pod(name: string, nodeName: string, changes = "{}"): Manifest {
  const base = yaml`
    apiVersion: v1
    kind: Pod
    metadata:
      name: ${name}
      namespace: ops
      labels: { app: logs }
      ownerReferences: [{ apiVersion: apps/v1, kind: DaemonSet, name: logs, uid: DaemonSet/ops/logs, controller: true }]
    spec: { nodeName: ${nodeName}, containers: [{ name: agent, image: registry.example/logs:1 }] }
    status: { phase: Running, conditions: [{ type: Ready, status: "True", lastTransitionTime: ${ago("40m")} }] }
  `;
  return but(base, changes);
}

function unready(span: string): string {
  return `
    status:
      conditions: [{ type: Ready, status: "False", lastTransitionTime: ${ago(span)} }]
      containerStatuses:
        - { name: agent, image: "registry.example/logs:1", imageID: "", ready: false, restartCount: 0, state: { waiting: { reason: ErrImagePull } } }
  `;
}

const running = `
  status:
    conditions: [{ type: Ready, status: "False", lastTransitionTime: ${ago("10m")} }]
    containerStatuses:
      - { name: agent, image: "registry.example/logs:1", imageID: "", ready: false, restartCount: 0, state: { running: { startedAt: ${ago("40m")} } } }
`;
const noRoom = `
  spec:
    nodeName: null
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms: [{ matchFields: [{ key: metadata.name, operator: In, values: [b] }] }]
  status:
    phase: Pending
    conditions:
      - { type: PodScheduled, status: "False", reason: Unschedulable, lastTransitionTime: ${ago("10m")},
          message: "0/2 nodes are available: 1 Insufficient memory, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]." }
`;
const oneShort = "status: { numberReady: 1, numberAvailable: 1, numberUnavailable: 1 }";
const nodes = [node("a"), node("b")];
const said = { rule: "daemonset-missing-on-nodes", object: "DaemonSet/ops/logs" };

export default cases(daemonSet, {
  fires: [
    {
      name: "the image of one node's Pod cannot be pulled",
      given: [but(logs, oneShort), ...nodes, pod("logs-1", "a"), pod("logs-2", "b", unready("10m"))],
      expect: [{ ...said, severity: "warning", because: "the Pods do not start" }],
    },
    {
      name: "one Pod runs but is not ready",
      given: [but(logs, oneShort), ...nodes, pod("logs-1", "a"), pod("logs-2", "b", running)],
      expect: [{ ...said, because: "the Pods run but are not ready" }],
    },
    {
      name: "one Pod finds no room on its node",
      given: [but(logs, oneShort), ...nodes, pod("logs-1", "a"), pod("logs-2", "b", noRoom)],
      expect: [{ ...said, because: "the Pods find no room on their nodes" }],
    },
    {
      name: "the node is down: it is the cause",
      given: [but(logs, oneShort), node("a"), node("b", down), pod("logs-1", "a"), pod("logs-2", "b", running)],
      expect: [{ ...said, severity: "warning", because: "the nodes are not ready", cause: "Node/b" }],
    },
    {
      name: "different reasons on different nodes: one finding",
      given: [
        but(
          logs,
          "status: { desiredNumberScheduled: 3, currentNumberScheduled: 3, numberReady: 1, numberAvailable: 1 }",
        ),
        node("a"),
        node("b", down),
        node("c"),
        pod("logs-1", "a"),
        pod("logs-2", "b", running),
        pod("logs-3", "c", unready("10m")),
      ],
      expect: [{ ...said, severity: "warning" }],
    },
    {
      name: "no Pod was created on a node",
      given: [
        but(logs, "status: { currentNumberScheduled: 1, numberReady: 1, numberAvailable: 1 }"),
        ...nodes,
        pod("logs-1", "a"),
      ],
      expect: [{ ...said, because: "no Pod was created there" }],
    },
    {
      name: "the network plugin is missing on a node",
      given: [
        but(but(logs, oneShort), "{ metadata: { name: calico-node } }"),
        ...nodes,
        but(
          pod("calico-1", "b", unready("10m")),
          `
          metadata: { ownerReferences: [{ apiVersion: apps/v1, kind: DaemonSet, name: calico-node, uid: DaemonSet/ops/calico-node, controller: true }] }
        `,
        ),
      ],
      expect: [{ rule: "daemonset-missing-on-nodes", object: "DaemonSet/ops/calico-node", severity: "critical" }],
    },
    {
      name: "a rolling update that hangs on its first Pod",
      given: [
        but(logs, "status: { updatedNumberScheduled: 1, numberReady: 1, numberAvailable: 1 }"),
        ...nodes,
        pod("logs-1", "a"),
        pod("logs-2", "b", unready("15m")),
      ],
      expect: [{ ...said, severity: "warning" }],
    },
    {
      name: "Pods are left on a node whose labels have changed",
      given: [
        but(
          logs,
          `
          spec: { template: { spec: { nodeSelector: { disktype: ssd } } } }
          status: { desiredNumberScheduled: 1, currentNumberScheduled: 1, numberReady: 1, numberAvailable: 1, numberMisscheduled: 1 }
        `,
        ),
        node("a"),
        node("b", "{ metadata: { labels: { disktype: hdd } } }"),
        pod("logs-1", "a"),
        pod("logs-2", "b"),
      ],
      expect: [{ rule: "daemonset-misscheduled", object: "DaemonSet/ops/logs", severity: "info" }],
    },
    {
      name: "a typing error in the node selector",
      given: [
        but(
          logs,
          `
          spec: { template: { spec: { nodeSelector: { disktype: sdd } } } }
          status: { desiredNumberScheduled: 0, currentNumberScheduled: 0, updatedNumberScheduled: 0, numberReady: 0, numberAvailable: 0 }
        `,
        ),
        ...nodes,
      ],
      expect: [{ rule: "daemonset-targets-none", object: "DaemonSet/ops/logs", severity: "warning" }],
    },
    {
      name: "no node has the hardware that the affinity asks for",
      given: [
        but(
          logs,
          `
          spec:
            template:
              spec:
                affinity:
                  nodeAffinity:
                    requiredDuringSchedulingIgnoredDuringExecution:
                      nodeSelectorTerms: [{ matchExpressions: [{ key: nvidia.com/gpu.present, operator: In, values: ["true"] }] }]
          status: { desiredNumberScheduled: 0, currentNumberScheduled: 0, updatedNumberScheduled: 0, numberReady: 0, numberAvailable: 0 }
        `,
        ),
        ...nodes,
      ],
      expect: [{ rule: "daemonset-targets-none", object: "DaemonSet/ops/logs", severity: "info" }],
    },
    {
      name: "no node of that operating system",
      given: [
        but(
          logs,
          `
          spec: { template: { spec: { nodeSelector: { kubernetes.io/os: windows } } } }
          status: { desiredNumberScheduled: 0, currentNumberScheduled: 0, updatedNumberScheduled: 0, numberReady: 0, numberAvailable: 0 }
        `,
        ),
        ...nodes,
      ],
      expect: [{ rule: "daemonset-targets-none", object: "DaemonSet/ops/logs", severity: "info" }],
    },
    {
      name: "Pods are refused by the Pod Security Standard",
      given: [
        but(
          logs,
          "status: { currentNumberScheduled: 0, updatedNumberScheduled: 0, numberReady: 0, numberAvailable: 0 }",
        ),
        ...nodes,
        yaml`
          apiVersion: v1
          kind: Event
          metadata: { name: logs.1, namespace: ops }
          involvedObject: { apiVersion: apps/v1, kind: DaemonSet, namespace: ops, name: logs, uid: DaemonSet/ops/logs }
          reason: FailedCreate
          type: Warning
          message: 'Error creating: pods "logs-x2n4q" is forbidden: violates PodSecurity "baseline:latest": hostPath volumes (volume "var-log")'
          firstTimestamp: ${ago("20m")}
          lastTimestamp: ${ago("3m")}
        `,
      ],
      expect: [
        {
          rule: "create-blocked-podsecurity",
          object: "DaemonSet/ops/logs",
          severity: "critical",
          because: "the baseline level",
          cause: "Namespace/ops",
        },
      ],
    },
    {
      name: "nobody creates Pods",
      given: [
        but(
          logs,
          "status: { currentNumberScheduled: 0, updatedNumberScheduled: 0, numberReady: 0, numberAvailable: 0 }",
        ),
        ...nodes,
      ],
      expect: [{ rule: "workload-no-pods-created", object: "DaemonSet/ops/logs" }],
    },
    {
      name: "nobody looks at its change",
      given: [but(logs, "{ metadata: { generation: 4 }, status: { observedGeneration: 3 } }"), ...nodes],
      expect: [{ rule: "controller-not-observing", object: "DaemonSet/ops/logs" }],
    },
    {
      name: "a pull secret that is not there",
      given: [
        but(logs, "{ spec: { template: { spec: { imagePullSecrets: [{ name: gone }, { name: there }] } } } }"),
        ...nodes,
        pod("logs-1", "a"),
        pod("logs-2", "b"),
        yaml`{ apiVersion: v1, kind: Secret, metadata: { name: there, namespace: ops } }`,
      ],
      expect: [
        {
          rule: "image-pull-secret-missing",
          object: "DaemonSet/ops/logs",
          severity: "warning",
          cause: "Secret/ops/gone",
        },
      ],
    },
  ],
  silent: [
    { name: "all is well", given: [logs, ...nodes, pod("logs-1", "a"), pod("logs-2", "b")] },
    {
      name: "a Pod restarts",
      given: [but(logs, oneShort), ...nodes, pod("logs-1", "a"), pod("logs-2", "b", unready("60s"))],
    },
    {
      name: "a rolling update: one Pod at a time is away",
      given: [
        but(logs, "status: { updatedNumberScheduled: 1, numberReady: 1, numberAvailable: 1 }"),
        ...nodes,
        pod("logs-1", "a"),
        pod("logs-2", "b", unready("4m")),
      ],
    },
    {
      name: "a node joined two minutes ago",
      given: [
        but(logs, oneShort),
        node("a"),
        node("b", `{ metadata: { creationTimestamp: ${ago("2m")} } }`),
        pod("logs-1", "a"),
        pod("logs-2", "b", unready("130s")),
      ],
    },
    {
      name: "the Pod of a node that is gone waits to be collected",
      given: [but(logs, oneShort), node("a"), pod("logs-1", "a"), pod("logs-2", "b", unready("10m"))],
    },
    {
      name: "a control plane node that it does not tolerate is none of its nodes",
      given: [
        but(
          logs,
          "status: { desiredNumberScheduled: 1, currentNumberScheduled: 1, numberReady: 1, numberAvailable: 1 }",
        ),
        node("a"),
        node("master", "{ spec: { taints: [{ key: node-role.kubernetes.io/control-plane, effect: NoSchedule }] } }"),
        pod("logs-1", "a"),
      ],
    },
    { name: "Pods could not be listed", given: [but(logs, oneShort), ...nodes], unread: ["Pod"] },
    {
      name: "nodes could not be listed",
      given: [but(logs, oneShort), pod("logs-2", "b", unready("10m"))],
      unread: ["Node"],
    },
    {
      name: "a pull secret, and Secrets may not be listed",
      given: [
        but(logs, "{ spec: { template: { spec: { imagePullSecrets: [{ name: gone }] } } } }"),
        ...nodes,
        pod("logs-1", "a"),
        pod("logs-2", "b"),
      ],
      unread: ["Secret"],
    },
    {
      name: "its node selector excludes some nodes",
      given: [
        but(
          logs,
          `
          spec: { template: { spec: { nodeSelector: { disktype: ssd } } } }
          status: { desiredNumberScheduled: 1, currentNumberScheduled: 1, numberReady: 1, numberAvailable: 1 }
        `,
        ),
        node("a"),
        node("b", "{ metadata: { labels: { disktype: hdd } } }"),
        pod("logs-1", "a"),
      ],
    },
    {
      name: "created a minute ago with a selector that matches nothing yet",
      given: [
        but(
          logs,
          `
          metadata: { creationTimestamp: ${ago("60s")} }
          spec: { template: { spec: { nodeSelector: { disktype: sdd } } } }
          status: { desiredNumberScheduled: 0, currentNumberScheduled: 0, updatedNumberScheduled: 0, numberReady: 0, numberAvailable: 0 }
        `,
        ),
        ...nodes,
      ],
    },
  ],
});
