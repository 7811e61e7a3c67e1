import { pod } from "../../src/analyzers/pod.ts";
import { ago, cases, type Manifest, yaml } from "./cases.ts";
import {
  healthyPod,
  job,
  node,
  ofReplicaSet,
  podEvent,
  podWith,
  replicaSet,
  statusWith,
  waiting,
} from "./pod-objects.ts";

const web = "Pod/shop/web-1";

function pending(message: string, spec = {}, since = "10m"): Manifest {
  return podWith({
    spec: { nodeName: undefined, ...spec },
    status: {
      phase: "Pending",
      conditions: [
        { type: "PodScheduled", status: "False", reason: "Unschedulable", message, lastTransitionTime: ago(since) },
      ],
    },
  });
}

function clause(reason: string, text: string, more: readonly (Manifest | readonly Manifest[])[] = [], expected = {}) {
  return {
    name: `scheduler: ${text}`,
    given: [
      pending(
        `0/3 nodes are available: ${text}. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.`,
      ),
      ...more,
    ],
    expect: [{ rule: `sched-${reason}`, object: web, severity: "critical" as const, ...expected }],
  };
}

function asking(resources: object) {
  return { containers: [{ name: "app", image: "registry.example/web:1.4.2", resources: { requests: resources } }] };
}

const claimed = { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] };

export default cases(pod, {
  fires: [
    clause("insufficient-cpu", "3 Insufficient cpu"),
    clause("insufficient-ephemeral-storage", "3 Insufficient ephemeral-storage"),
    clause("insufficient-extended", "3 Insufficient nvidia.com/gpu", [node()], { because: "no node offers it" }),
    clause("too-many-pods", "3 Too many pods"),
    clause(
      "untolerated-taint",
      "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) had untolerated taint {dedicated: batch}",
    ),
    clause("node-name", "3 node(s) didn't match the requested node name"),
    clause("pod-affinity", "3 node(s) didn't match pod affinity rules"),
    clause("pod-anti-affinity", "3 node(s) didn't match pod anti-affinity rules"),
    clause("topology-spread", "3 node(s) didn't match pod topology spread constraints (missing required label)", [], {
      because: "nodes lack the label to spread by",
    }),
    clause("cordoned", "3 node(s) were unschedulable", [node("worker-1", { spec: { unschedulable: true } })], {
      cause: "Node/worker-1",
    }),
    clause("host-ports", "3 node(s) didn't have free ports for the requested pod ports"),
    clause("volume-zone", "3 node(s) had volume node affinity conflict"),
    clause("volume-limit", "3 node(s) exceed max volume count"),
    clause(
      "pvc-rwop",
      "3 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
    ),
    clause("storage-capacity", "3 node(s) did not have enough free storage"),
    clause("dra", "3 cannot allocate all claims"),
    clause("other", "3 the stars are wrong"),
    {
      name: "scheduler: more than any node has",
      given: [
        pending(
          "0/2 nodes are available: 2 Insufficient memory. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
          asking({ memory: "512Gi" }),
        ),
        node(),
        node("worker-2"),
      ],
      expect: [
        {
          rule: "sched-insufficient-memory",
          object: web,
          because: "it asks for more than any node has, even an empty one",
        },
      ],
    },
    {
      name: "scheduler: enough in total, not on one node",
      given: [
        pending("0/2 nodes are available: 2 Insufficient memory.", asking({ memory: "12Gi" })),
        node(),
        node("worker-2"),
        healthyPod({ name: "a", spec: asking({ memory: "8Gi" }) }),
        healthyPod({ name: "b", spec: { nodeName: "worker-2", ...asking({ memory: "8Gi" }) } }),
      ],
      expect: [
        { rule: "sched-insufficient-memory", object: web, because: "enough is free in total, but not on one node" },
      ],
    },
    {
      name: "scheduler: no node has the label",
      given: [
        pending("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", {
          nodeSelector: { accelerator: "nvidia-l4" },
        }),
        node("worker-1", { labels: { gpu: "nvidia-l4" } }),
      ],
      expect: [{ rule: "sched-node-selector", object: web, because: "no node has the label" }],
    },
    {
      name: "scheduler: the label has other values",
      given: [
        pending("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", {
          nodeSelector: { pool: "genral" },
        }),
        node("worker-1", { labels: { pool: "general" } }),
      ],
      expect: [{ rule: "sched-node-selector", object: web, because: "no node has this value of the label" }],
    },
    {
      name: "scheduler: nodes that the Pod does not select are not its trouble",
      given: [
        pending("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector.", {
          nodeSelector: { pool: "big" },
          ...asking({ cpu: "3" }),
        }),
        node("worker-1", { labels: { pool: "big" } }),
        node("worker-2"),
        node("worker-3"),
        healthyPod({ name: "a", spec: asking({ cpu: "2" }) }),
      ],
      expect: [{ rule: "sched-insufficient-cpu", object: web }],
    },
    {
      name: "scheduler: the node in trouble is the cause",
      given: [
        pending("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }."),
        node("worker-1", {
          spec: { taints: [{ key: "node.kubernetes.io/unreachable", effect: "NoSchedule" }] },
          conditions: [{ type: "Ready", status: "Unknown" }],
        }),
      ],
      expect: [
        { rule: "sched-untolerated-taint", object: web, cause: "Node/worker-1", because: "the nodes are in trouble" },
      ],
    },
    {
      name: "scheduler: newer servers leave the name of the taint out",
      given: [
        pending("0/1 nodes are available: 1 node(s) had untolerated taint(s)."),
        node("worker-1", { spec: { taints: [{ key: "node.kubernetes.io/disk-pressure", effect: "NoSchedule" }] } }),
      ],
      expect: [{ rule: "sched-untolerated-taint", object: web, cause: "Node/worker-1" }],
    },
    {
      name: "scheduler: its own replicas keep apart",
      given: [
        pending("0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.", {
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { topologyKey: "kubernetes.io/hostname", labelSelector: {} },
              ],
            },
          },
        }),
        node(),
      ],
      expect: [
        {
          rule: "sched-pod-anti-affinity",
          object: web,
          because: "its own replicas keep apart, and there are more of them than places",
        },
      ],
    },
    {
      name: "scheduler: the claim is not bound",
      given: [
        pending(
          "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
          claimed,
        ),
        yaml`{ apiVersion: v1, kind: PersistentVolumeClaim, metadata: { name: data, namespace: shop }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }, status: { phase: Pending } }`,
      ],
      expect: [{ rule: "sched-volume-unbound", object: web, cause: "PersistentVolumeClaim/shop/data" }],
    },
    {
      name: "scheduler: the claim does not exist",
      given: [
        pending(
          '0/3 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
          claimed,
        ),
      ],
      expect: [
        { rule: "sched-pvc-missing", object: web, cause: "PersistentVolumeClaim/shop/data" },
        { rule: "pvc-missing", object: "PersistentVolumeClaim/shop/data", severity: "critical" },
      ],
    },
    {
      name: "scheduler: no nodes",
      given: [pending("no nodes available to schedule pods")],
      expect: [{ rule: "sched-no-nodes", object: web, severity: "critical" }],
    },
    {
      name: "scheduler: another replica runs",
      given: [
        {
          ...pending("0/1 nodes are available: 1 Insufficient cpu."),
          metadata: { name: "web-1", namespace: "shop", ...ofReplicaSet },
        },
        healthyPod({ metadata: ofReplicaSet }),
        replicaSet({ ready: 1 }),
      ],
      expect: [{ rule: "sched-insufficient-cpu", object: web, severity: "warning" }],
    },
    {
      name: "scheduler: the autoscaler is adding nodes",
      given: [
        pending("0/1 nodes are available: 1 Insufficient cpu."),
        podEvent("TriggeredScaleUp", "pod triggered scale-up: [{pool-1 1->2 (max: 5)}]", {
          component: "cluster-autoscaler",
          count: 1,
        }),
      ],
      expect: [
        { rule: "sched-insufficient-cpu", object: web, severity: "info", because: "the autoscaler is adding nodes" },
      ],
    },
    {
      name: "scheduler: the message stands in the event only",
      given: [
        pending(""),
        podEvent("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.", {
          component: "default-scheduler",
        }),
      ],
      expect: [{ rule: "sched-insufficient-cpu", object: web }],
    },
    {
      name: "scheduler: silent",
      given: [podWith({ spec: { nodeName: undefined, schedulerName: "fancy" }, status: { phase: "Pending" } })],
      expect: [
        {
          rule: "sched-scheduler-silent",
          object: web,
          severity: "critical",
          because: "it asks for a scheduler other than the default one",
        },
      ],
    },
    {
      name: "gates: for an hour",
      given: [
        podWith({
          spec: { nodeName: undefined, schedulingGates: [{ name: "example.com/quota" }] },
          status: {
            phase: "Pending",
            conditions: [
              { type: "PodScheduled", status: "False", reason: "SchedulingGated", lastTransitionTime: ago("1h") },
            ],
          },
        }),
      ],
      expect: [{ rule: "pod-scheduling-gated", object: web, severity: "warning" }],
    },
    {
      name: "gates: of a queue",
      given: [
        podWith({
          spec: { nodeName: undefined, schedulingGates: [{ name: "kueue.x-k8s.io/admission" }] },
          status: {
            phase: "Pending",
            conditions: [
              { type: "PodScheduled", status: "False", reason: "SchedulingGated", lastTransitionTime: ago("1h") },
            ],
          },
        }),
      ],
      expect: [{ rule: "pod-scheduling-gated", object: web, severity: "info" }],
    },
    {
      name: "reference: a Secret that a waiting Pod names",
      given: [
        podWith({
          spec: { containers: [{ name: "app", image: "x", envFrom: [{ secretRef: { name: "db-credentials" } }] }] },
          status: statusWith([waiting("CreateContainerConfigError", 'secret "db-credentials" not found')], {
            phase: "Pending",
          }),
        }),
        yaml`{ apiVersion: v1, kind: Secret, metadata: { name: db-credential, namespace: shop } }`,
      ],
      expect: [
        { rule: "pod-create-config-error", object: web, cause: "Secret/shop/db-credentials" },
        { rule: "secret-missing", object: "Secret/shop/db-credentials", severity: "critical" },
      ],
    },
    {
      name: "reference: a key of a Secret, by the kubelet's word",
      given: [
        podWith({
          spec: {
            containers: [
              {
                name: "app",
                image: "x",
                env: [{ name: "P", valueFrom: { secretKeyRef: { name: "db", key: "pass" } } }],
              },
            ],
          },
          status: statusWith([waiting("CreateContainerConfigError", "couldn't find key pass in Secret shop/db")], {
            phase: "Pending",
          }),
        }),
        yaml`{ apiVersion: v1, kind: Secret, metadata: { name: db, namespace: shop } }`,
      ],
      expect: [
        { rule: "pod-create-config-error", object: web, cause: "Secret/shop/db" },
        { rule: "secret-key-missing", object: "Secret/shop/db" },
      ],
    },
    {
      name: "reference: Pods run, but the Secret is gone",
      given: [healthyPod({ name: "web-1", spec: { volumes: [{ name: "s", secret: { secretName: "tls" } }] } })],
      expect: [{ rule: "secret-missing", object: "Secret/shop/tls", severity: "warning" }],
    },
    {
      name: "reference: only a workload at zero names it",
      given: [
        yaml`
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: api, namespace: shop }
        spec:
          replicas: 0
          selector: { matchLabels: { app: api } }
          template:
            metadata: { labels: { app: api } }
            spec: { containers: [{ name: api, image: api, envFrom: [{ secretRef: { name: api-secret } }] }] }
      `,
      ],
      expect: [{ rule: "secret-missing", object: "Secret/shop/api-secret", severity: "info" }],
    },
    {
      name: "reference: account and classes keep Pods from being made",
      given: [
        yaml`
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: api, namespace: shop }
        spec:
          replicas: 1
          selector: { matchLabels: { app: api } }
          template:
            metadata: { labels: { app: api } }
            spec:
              serviceAccountName: robot
              priorityClassName: urgent
              runtimeClassName: gvisor
              containers: [{ name: api, image: api }]
      `,
      ],
      expect: [
        { rule: "serviceaccount-missing", object: "ServiceAccount/shop/robot", severity: "critical" },
        { rule: "priorityclass-missing", object: "PriorityClass/urgent", severity: "critical" },
        { rule: "runtimeclass-missing", object: "RuntimeClass/gvisor", severity: "critical" },
      ],
    },
  ],
  silent: [
    {
      name: "scheduler: for thirty seconds",
      given: [pending("0/1 nodes are available: 1 Insufficient cpu.", {}, "30s")],
    },
    {
      name: "scheduler: silent, but events could not be read",
      given: [podWith({ spec: { nodeName: undefined }, status: { phase: "Pending" } })],
      unread: ["Event"],
    },
    {
      name: "scheduler: silent for a minute",
      given: [
        podWith({
          metadata: { creationTimestamp: ago("60s") },
          spec: { nodeName: undefined },
          status: { phase: "Pending" },
        }),
      ],
    },
    {
      name: "gates: for five minutes",
      given: [
        podWith({
          spec: { nodeName: undefined, schedulingGates: [{ name: "example.com/quota" }] },
          status: {
            phase: "Pending",
            conditions: [
              { type: "PodScheduled", status: "False", reason: "SchedulingGated", lastTransitionTime: ago("5m") },
            ],
          },
        }),
      ],
    },
    {
      name: "scheduler: the claims of a StatefulSet come moments later",
      given: [
        {
          ...pending('0/1 nodes are available: persistentvolumeclaim "data" not found.', claimed, "90s"),
          metadata: {
            name: "web-1",
            namespace: "shop",
            creationTimestamp: ago("90s"),
            ownerReferences: [
              {
                apiVersion: "apps/v1",
                kind: "StatefulSet",
                name: "web",
                uid: "StatefulSet/shop/web",
                controller: true,
              },
            ],
          },
        },
      ],
    },
    {
      name: "reference: optional",
      given: [
        healthyPod({
          name: "web-1",
          spec: { volumes: [{ name: "s", secret: { secretName: "extra", optional: true } }] },
        }),
      ],
    },
    {
      name: "reference: Secrets could not be read",
      given: [healthyPod({ name: "web-1", spec: { volumes: [{ name: "s", secret: { secretName: "tls-2" } }] } })],
      unread: ["Secret"],
    },
    {
      name: "reference: a pull secret",
      given: [healthyPod({ name: "web-1", spec: { imagePullSecrets: [{ name: "registry" }] } })],
    },
    {
      name: "reference: the Pod is seconds old",
      given: [
        healthyPod({
          name: "web-1",
          metadata: { creationTimestamp: ago("30s") },
          spec: { volumes: [{ name: "s", secret: { secretName: "tls-3" } }] },
        }),
      ],
    },
    {
      name: "reference: the Job that names it is done",
      given: [
        {
          ...job("Complete"),
          spec: {
            template: {
              spec: {
                restartPolicy: "Never",
                containers: [{ name: "app", image: "x", envFrom: [{ secretRef: { name: "gone" } }] }],
              },
            },
          },
        },
      ],
    },
    {
      name: "reference: classes of the system",
      given: [healthyPod({ name: "web-1", spec: { priorityClassName: "system-node-critical" } })],
    },
  ],
});
