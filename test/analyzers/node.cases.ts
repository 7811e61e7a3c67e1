import { node } from "../../src/analyzers/node.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const condition = (type: string, status: string, since = "20m", rest = ""): string =>
  `{ type: ${type}, status: "${status}", lastTransitionTime: "${ago(since)}", lastHeartbeatTime: "${ago(since)}"${rest} }`;
/** A node, thirty days old, with these conditions. */
const machine = (name: string, conditions: readonly string[], changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Node
      metadata: { name: ${name}, creationTimestamp: "${ago("30d")}" }
      status:
        conditions: [${conditions.join(", ")}]
        nodeInfo: { kubeletVersion: v1.34.1, architecture: amd64, bootID: b1, containerRuntimeVersion: "", kernelVersion: "", kubeProxyVersion: "", machineID: "", operatingSystem: linux, osImage: "", systemUUID: "" }
    `,
    changes,
  );
const isReady = condition("Ready", "True", "10d");
const healthy = (name = "node-1", changes = "{}"): Manifest => machine(name, [isReady], changes);
const unknown = (name: string, since = "20m"): Manifest =>
  machine(
    name,
    ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"].map((type) =>
      condition(type, "Unknown", since, ', reason: NodeStatusUnknown, message: "Kubelet stopped posting node status."'),
    ),
  );
const pod = (name: string, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: ${name}, namespace: shop, labels: { app: api } }
      spec: { nodeName: node-1, containers: [{ name: app, image: nginx }] }
      status: { phase: Running, conditions: [{ type: Ready, status: "True" }] }
    `,
    changes,
  );
const waiting = (message: string, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: waiting, namespace: shop }
      spec: { containers: [{ name: app, image: nginx }] }
      status: { phase: Pending, conditions: [{ type: PodScheduled, status: "False", reason: Unschedulable, message: "${message}" }] }
    `,
    changes,
  );
const lease = (name: string, renewed: string): readonly Manifest[] => yaml`
  apiVersion: coordination.k8s.io/v1
  kind: Lease
  metadata: { name: ${name}, namespace: kube-node-lease }
  spec: { holderIdentity: ${name}, leaseDurationSeconds: 40, renewTime: "${renewed.replace("Z", ".000000Z")}" }
`;
/** An event as the kubelet writes it: with the node's name where its uid belongs. */
const event = (reason: string, name: string, seen: string, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Event
      metadata: { name: node-1.${name}, namespace: default }
      involvedObject: { kind: Node, name: node-1, uid: node-1 }
      type: Warning
      reason: ${reason}
      message: ${reason}
      firstTimestamp: "${ago(seen)}"
      lastTimestamp: "${ago(seen)}"
      count: 1
    `,
    changes,
  );
const version = (name: string, kubelet: string, changes = "{}"): Manifest =>
  but(healthy(name, `status: { nodeInfo: { kubeletVersion: ${kubelet} } }`), changes);
const cordoned = (since: string, changes = "{}"): Manifest =>
  healthy(
    "node-1",
    `spec: { unschedulable: true, taints: [{ key: node.kubernetes.io/unschedulable, effect: NoSchedule, timeAdded: "${ago(since)}" }] }`.concat(
      changes === "{}" ? "" : `\n${changes}`,
    ),
  );

const object = "Node/node-1";
const setByServer = "the version of the server is set by the case";

export default cases(node, {
  fires: [
    {
      name: "the network plugin is not ready",
      given: [
        machine("node-1", [
          condition(
            "Ready",
            "False",
            "20m",
            `, reason: KubeletNotReady, message: "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"`,
          ),
        ]),
        pod("api-1"),
      ],
      expect: [{ rule: "node-not-ready", object, severity: "critical", because: "its network plugin is not ready" }],
    },
    {
      name: "the container runtime is down",
      given: [
        machine("node-1", [
          condition("Ready", "False", "20m", ", reason: KubeletNotReady, message: container runtime is down"),
        ]),
      ],
      expect: [{ rule: "node-not-ready", object, because: "its container runtime is down" }],
    },
    {
      name: "an unreachable node is one finding, whatever its other conditions say",
      given: [unknown("node-1"), healthy("node-2"), healthy("node-3")],
      expect: [{ rule: "node-unreachable", object, severity: "critical" }],
    },
    {
      name: "an autoscaler is removing the node",
      given: [
        but(unknown("node-1"), "spec: { taints: [{ key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule }] }"),
        healthy("node-2"),
        healthy("node-3"),
      ],
      expect: [{ rule: "node-unreachable", object, severity: "info", because: "an autoscaler is removing it" }],
    },
    {
      name: "half of the nodes at once",
      given: [unknown("node-1"), unknown("node-2", "18m"), healthy("node-3"), healthy("node-4")],
      expect: [{ rule: "nodes-mass-unreachable", object, severity: "critical" }],
    },
    {
      name: "half of the nodes, but days apart",
      given: [unknown("node-1"), unknown("node-2", "3d"), healthy("node-3"), healthy("node-4")],
      expect: [
        { rule: "node-unreachable", object },
        { rule: "node-unreachable", object: "Node/node-2" },
      ],
    },
    {
      name: "the only node",
      given: [unknown("node-1")],
      expect: [{ rule: "node-unreachable", object }],
    },
    {
      name: "short of memory",
      given: [machine("node-1", [isReady, condition("MemoryPressure", "True")])],
      expect: [{ rule: "node-pressure-memory", object, severity: "warning" }],
    },
    {
      name: "short of disk, and Pods are evicted",
      given: [
        machine("node-1", [isReady, condition("DiskPressure", "True")]),
        pod(
          "api-1",
          `status: { phase: Failed, reason: Evicted, startTime: "${ago("10m")}", conditions: [{ type: DisruptionTarget, status: "True", lastTransitionTime: "${ago("5m")}" }] }`,
        ),
      ],
      expect: [{ rule: "node-pressure-disk", object, severity: "critical", because: "it evicts Pods" }],
    },
    {
      name: "short of process ids",
      given: [machine("node-1", [isReady, condition("PIDPressure", "True")])],
      expect: [{ rule: "node-pressure-pid", object, severity: "warning" }],
    },
    {
      name: "the network is not set up",
      given: [machine("node-1", [isReady, condition("NetworkUnavailable", "True", "20m", ", reason: NoRouteCreated")])],
      expect: [{ rule: "node-network-unavailable", object, severity: "critical" }],
    },
    {
      name: "a monitor reports a deadlock of the kernel",
      given: [machine("node-1", [isReady, condition("KernelDeadlock", "True")])],
      expect: [{ rule: "node-problem-reported", object, severity: "warning" }],
    },
    {
      name: "a type that ends in Ready is False",
      given: [machine("node-1", [isReady, condition("StorageReady", "False")])],
      expect: [{ rule: "node-problem-reported", object, severity: "warning" }],
    },
    {
      name: "a type that nobody knows, on two nodes: one info",
      given: [
        machine("node-1", [isReady, condition("VMEventScheduled", "True")]),
        machine("node-2", [isReady, condition("VMEventScheduled", "False")]),
      ],
      expect: [{ rule: "node-problem-reported", object, severity: "info" }],
    },
    {
      name: "cordoned for two days, and a budget holds up the drain",
      given: [
        cordoned("2d"),
        pod("api-1"),
        yaml`
          apiVersion: policy/v1
          kind: PodDisruptionBudget
          metadata: { name: api, namespace: shop }
          spec: { minAvailable: 1, selector: { matchLabels: { app: api } } }
          status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 }
        `,
      ],
      expect: [{ rule: "node-cordoned-long", object, severity: "warning", because: "for more than a day" }],
    },
    {
      name: "cordoned a moment ago, while a Pod waits for room",
      given: [cordoned("10m"), waiting("0/1 nodes are available: 1 node(s) were unschedulable.")],
      expect: [{ rule: "node-cordoned-long", object, severity: "warning", because: "Pods wait for room" }],
    },
    {
      name: "cordoned an hour ago",
      given: [cordoned("1h")],
      expect: [{ rule: "node-cordoned-long", object, severity: "info" }],
    },
    {
      name: "the cloud controller never came",
      given: [
        healthy(
          "node-1",
          `spec: { taints: [{ key: node.cloudprovider.kubernetes.io/uninitialized, value: "true", effect: NoSchedule }] }`,
        ),
      ],
      expect: [{ rule: "node-startup-taint-stuck", object, severity: "warning" }],
    },
    {
      name: "the agent of the network never came",
      given: [healthy("node-1", "spec: { taints: [{ key: node.cilium.io/agent-not-ready, effect: NoExecute }] }")],
      expect: [{ rule: "node-startup-taint-stuck", object }],
    },
    {
      name: "the kubelet is newer than the server",
      given: [version("node-1", "v1.35.0")],
      serverVersion: "v1.34.4",
      notLive: setByServer,
      expect: [{ rule: "node-kubelet-skew", object, severity: "critical", because: "the kubelet is newer" }],
    },
    {
      name: "the kubelet is four minors behind; two nodes are one finding",
      given: [version("node-1", "v1.30.9"), version("node-2", "v1.30.9")],
      serverVersion: "v1.34.4",
      notLive: setByServer,
      expect: [{ rule: "node-kubelet-skew", object, severity: "critical", because: "too old" }],
    },
    {
      name: "the kubelet is at the limit",
      given: [version("node-1", "v1.31.2-eks-1552ad0")],
      serverVersion: "v1.34.4-eks-4096722",
      notLive: setByServer,
      expect: [{ rule: "node-kubelet-skew", object, severity: "warning", because: "the oldest that is supported" }],
    },
    {
      name: "before 1.28 the limit was two minors",
      given: [version("node-1", "v1.24.0")],
      serverVersion: "v1.27.3",
      notLive: setByServer,
      expect: [{ rule: "node-kubelet-skew", object, severity: "critical" }],
    },
    {
      name: "two versions for weeks",
      given: [version("node-1", "v1.33.1"), version("node-2", "v1.34.1")],
      expect: [{ rule: "node-versions-mixed", object, severity: "info" }],
    },
    {
      name: "ready, and the lease is five minutes old",
      given: [healthy("node-1"), healthy("node-2"), lease("node-1", ago("5m")), lease("node-2", ago("5s"))],
      expect: [{ rule: "node-lease-stale", object, severity: "warning" }],
    },
    {
      name: "the lease is renewed in the future",
      given: [healthy("node-1"), lease("node-1", "2026-01-15T12:05:00Z")],
      expect: [{ rule: "node-clock-skew", object, severity: "warning" }],
      notLive: "depends on the day",
    },
    {
      name: "back and forth, twice",
      given: [
        healthy("node-1"),
        event("NodeNotReady", "a", "50m"),
        event("NodeReady", "b", "40m", "type: Normal"),
        event("NodeNotReady", "c", "20m", "involvedObject: { uid: Node//node-1 }"),
      ],
      expect: [{ rule: "node-flapping", object, severity: "warning" }],
      notLive: "one of the events carries the node's uid",
    },
    {
      name: "rebooted three hours ago",
      given: [healthy("node-1"), event("Rebooted", "r", "3h")],
      expect: [{ rule: "node-rebooted", object, severity: "info" }],
    },
    {
      name: "one of eight GPUs is not healthy",
      given: [healthy("node-1", `status: { capacity: { nvidia.com/gpu: "8" }, allocatable: { nvidia.com/gpu: "7" } }`)],
      expect: [{ rule: "node-device-missing", object, severity: "warning" }],
    },
    {
      name: "a GPU node without GPUs, and a Pod waits for one",
      given: [
        healthy("node-1", 'metadata: { labels: { nvidia.com/gpu.present: "true" } }'),
        waiting(
          "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
          `spec: { containers: [{ name: app, image: nginx, resources: { limits: { nvidia.com/gpu: "1" }, requests: { nvidia.com/gpu: "1" } } }] }`,
        ),
      ],
      expect: [{ rule: "node-device-missing", object, severity: "warning" }],
    },
    {
      name: "full, and a Pod waits for CPU",
      given: [
        healthy("node-1", 'status: { allocatable: { cpu: "2", memory: 8Gi } }'),
        pod("api-1", "spec: { containers: [{ name: app, image: nginx, resources: { requests: { cpu: 1950m } } }] }"),
        waiting("0/1 nodes are available: 1 Insufficient cpu."),
      ],
      expect: [{ rule: "node-requests-full", object, severity: "risk" }],
    },
    {
      name: "images cannot be cleaned up",
      given: [healthy("node-1"), event("FreeDiskSpaceFailed", "f", "5m")],
      expect: [{ rule: "node-image-gc-failing", object, severity: "warning" }],
    },
    {
      name: "with a namespace asked for: a node that runs one of its Pods",
      given: [
        unknown("node-1"),
        unknown("node-2", "3d"),
        healthy("node-3"),
        healthy("node-4"),
        healthy("node-5"),
        pod("api-1"),
      ],
      scope: { include: ["shop"] },
      expect: [{ rule: "node-unreachable", object }],
    },
  ],
  silent: [
    {
      name: "a managed cluster: the conditions of monitors, all well",
      given: [
        machine("node-1", [
          isReady,
          condition("MemoryPressure", "False"),
          condition("DiskPressure", "False"),
          condition("PIDPressure", "False"),
          condition("NetworkUnavailable", "False"),
          condition("KernelDeadlock", "False"),
          condition("ReadonlyFilesystem", "False"),
          condition("FrequentKubeletRestart", "False"),
          condition("KernelReady", "True"),
          condition("EtcdIsVoter", "True"),
          condition("ContainerRuntimeProblem", "False"),
        ]),
      ],
    },
    {
      name: "a monitor that no longer reports",
      given: [machine("node-1", [isReady, condition("KernelDeadlock", "Unknown")])],
    },
    { name: "not ready for half a minute", given: [machine("node-1", [condition("Ready", "False", "30s")])] },
    {
      name: "a node that is coming up",
      given: [
        machine("node-1", [condition("Ready", "False", "100s")], `metadata: { creationTimestamp: "${ago("2m")}" }`),
      ],
    },
    { name: "a node without conditions", given: [machine("node-1", [])] },
    {
      name: "being deleted",
      given: [
        but(
          unknown("node-1"),
          `metadata: { deletionTimestamp: "${ago("5s")}", finalizers: [karpenter.sh/termination] }`,
        ),
      ],
    },
    {
      name: "with a namespace asked for: a node that runs none of its Pods",
      given: [unknown("node-1"), healthy("node-2"), pod("api-1", "metadata: { namespace: blog }")],
      scope: { include: ["shop"] },
    },
    {
      name: "an autoscaler has cordoned the node to remove it",
      given: [
        healthy(
          "node-1",
          "spec: { unschedulable: true, taints: [{ key: karpenter.sh/disrupted, effect: NoSchedule }, { key: node.kubernetes.io/unschedulable, effect: NoSchedule }] }",
        ),
      ],
    },
    {
      name: "the start taint of a young node",
      given: [
        healthy(
          "node-1",
          `metadata: { creationTimestamp: "${ago("4m")}" }\nspec: { taints: [{ key: node.cilium.io/agent-not-ready, effect: NoExecute }] }`,
        ),
      ],
    },
    {
      name: "taints for a purpose",
      given: [
        healthy(
          "node-1",
          'spec: { taints: [{ key: node-role.kubernetes.io/control-plane, effect: NoSchedule }, { key: gpu, value: "true", effect: NoSchedule }] }',
        ),
      ],
    },
    {
      name: "nodes within the skew, in the middle of an upgrade",
      given: [
        version("node-1", "v1.33.4"),
        version("node-2", "v1.34.1", `metadata: { creationTimestamp: "${ago("2h")}" }`),
      ],
      serverVersion: "v1.34.4",
      notLive: setByServer,
    },
    { name: "an odd version", given: [version("node-1", "unknown")], serverVersion: "v1.34.4", notLive: setByServer },
    { name: "the lease is fresh", given: [healthy("node-1"), lease("node-1", ago("20s"))] },
    {
      name: "a dump whose leases are all old",
      given: [healthy("node-1"), healthy("node-2"), lease("node-1", ago("10m")), lease("node-2", ago("10m"))],
      notLive: "a live snapshot has the clock of the server",
    },
    {
      name: "one change of state, when it was rebooted on purpose last week",
      given: [healthy("node-1"), event("NodeNotReady", "a", "50m"), event("NodeReady", "b", "40m", "type: Normal")],
    },
    { name: "rebooted two days ago", given: [healthy("node-1"), event("Rebooted", "r", "2d")] },
    {
      name: "InvalidDiskCapacity at the start of the kubelet",
      given: [healthy("node-1"), event("InvalidDiskCapacity", "i", "5m")],
    },
    {
      name: "images could not be cleaned up two hours ago",
      given: [healthy("node-1"), event("ImageGCFailed", "g", "2h")],
    },
    {
      name: "a GPU node without GPUs that nobody asks for",
      given: [healthy("node-1", 'metadata: { labels: { nvidia.com/gpu.present: "true" } }')],
    },
    {
      name: "allocatable is less than capacity, as always",
      given: [
        healthy(
          "node-1",
          'status: { capacity: { cpu: "4", memory: 16Gi, ephemeral-storage: 100Gi }, allocatable: { cpu: 3920m, memory: 14Gi, ephemeral-storage: 90Gi } }',
        ),
      ],
    },
    {
      name: "full, and nobody waits",
      given: [
        healthy("node-1", 'status: { allocatable: { cpu: "2" } }'),
        pod("api-1", 'spec: { containers: [{ name: app, image: nginx, resources: { requests: { cpu: "2" } } }] }'),
      ],
    },
  ],
});
