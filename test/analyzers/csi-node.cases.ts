import { csiNode } from "../../src/analyzers/csi-node.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const driver = "ebs.csi.aws.com";
const node = (name: string, changes = "{}"): Manifest =>
  but(
    yaml`{ apiVersion: v1, kind: Node, metadata: { name: ${name} }, status: { conditions: [{ type: Ready, status: "True" }] } }`,
    changes,
  );
const onNode = (name: string, drivers: readonly string[]): readonly Manifest[] => yaml`
  apiVersion: storage.k8s.io/v1
  kind: CSINode
  metadata: { name: ${name} }
  spec: { drivers: [${drivers.map((each) => `{ name: ${each}, nodeID: ${name} }`).join(", ")}] }
`;
const pod = (changes = "{}", name = "db-0"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: ${name}, namespace: shop }
      spec:
        nodeName: node-1
        containers: [{ name: db, image: postgres }]
        volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
      status:
        phase: Pending
        conditions: [{ type: PodScheduled, status: "True", lastTransitionTime: "${ago("10m")}" }]
    `,
    changes,
  );
const claim = yaml`
  apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: { name: data, namespace: shop }
  spec: { volumeName: disk-1, storageClassName: fast, accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Gi } } }
  status: { phase: Bound }
`;
const volume = yaml`
  apiVersion: v1
  kind: PersistentVolume
  metadata: { name: disk-1 }
  spec: { storageClassName: fast, accessModes: [ReadWriteOnce], capacity: { storage: 10Gi }, csi: { driver: ${driver}, volumeHandle: vol-1 } }
`;
const stored = [claim, volume];
const complaint = yaml`
  apiVersion: v1
  kind: Event
  metadata: { name: db-0.mount, namespace: shop }
  involvedObject: { apiVersion: v1, kind: Pod, namespace: shop, name: db-0 }
  type: Warning
  reason: FailedMount
  message: 'MountVolume.MountDevice failed for volume "disk-1" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name ebs.csi.aws.com not found in the list of registered CSI drivers'
  lastTimestamp: "${ago("20s")}"
  count: 12
`;
const registered = yaml`{ apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: { name: ${driver} }, spec: {} }`;
const inline = pod(
  "metadata: { name: web-1 }\nspec: { volumes: [{ name: certs, csi: { driver: secrets-store.csi.k8s.io } }] }",
);
const owned = (name: string, changes: string): Manifest =>
  but(
    pod(changes, name),
    "metadata: { ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: db, uid: rs, controller: true }] }",
  );
const replicaSet = yaml`
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata: { name: db, namespace: shop, uid: rs }
  spec: { selector: { matchLabels: { app: db } }, template: { metadata: { labels: { app: db } }, spec: { containers: [{ name: db, image: postgres }] } } }
`;
const rule = "csi-driver-not-on-node";
const object = "Node/node-1";

export default cases(csiNode, {
  fires: [
    {
      name: "the driver runs on other nodes only",
      given: [node("node-1"), onNode("node-1", []), onNode("node-2", [driver]), pod(), ...stored],
      expect: [{ rule, object, severity: "critical", because: "the driver runs on other nodes" }],
    },
    {
      name: "the kubelet says that the driver is not registered, and it is installed nowhere",
      given: [node("node-1"), onNode("node-1", ["other.csi.example.com"]), pod(), complaint, ...stored],
      expect: [{ rule, object, because: "the driver is not installed" }],
    },
    {
      name: "the driver is installed and runs on no node",
      given: [node("node-1"), onNode("node-1", []), pod(), complaint, registered, ...stored],
      expect: [{ rule, object, because: "the driver runs on no node" }],
    },
    {
      name: "a volume of the Pod itself",
      given: [node("node-1"), onNode("node-1", []), onNode("node-2", ["secrets-store.csi.k8s.io"]), inline],
      expect: [{ rule, object }],
    },
    {
      name: "another replica is ready elsewhere",
      given: [
        node("node-1"),
        onNode("node-1", []),
        onNode("node-2", [driver]),
        replicaSet,
        owned("db-a", "{}"),
        owned(
          "db-b",
          'spec: { nodeName: node-2 }\nstatus: { phase: Running, conditions: [{ type: Ready, status: "True" }] }',
        ),
        ...stored,
      ],
      expect: [{ rule, object, severity: "warning" }],
    },
  ],
  silent: [
    { name: "the driver runs there", given: [node("node-1"), onNode("node-1", [driver]), pod(), ...stored] },
    {
      name: "the Pod was placed a minute ago",
      given: [
        node("node-1"),
        onNode("node-1", []),
        onNode("node-2", [driver]),
        pod(`status: { conditions: [{ type: PodScheduled, status: "True", lastTransitionTime: "${ago("1m")}" }] }`),
        ...stored,
      ],
    },
    {
      name: "the node is three minutes old",
      given: [
        node("node-1", `metadata: { creationTimestamp: "${ago("3m")}" }`),
        onNode("node-1", []),
        onNode("node-2", [driver]),
        pod(),
        ...stored,
      ],
    },
    {
      name: "the node does not answer: that is the cause",
      given: [
        node("node-1", 'status: { conditions: [{ type: Ready, status: "Unknown" }] }'),
        onNode("node-1", []),
        onNode("node-2", [driver]),
        pod(),
        ...stored,
      ],
    },
    {
      name: "a driver that needs no part on the nodes",
      given: [node("node-1"), onNode("node-1", []), pod(), ...stored],
    },
    {
      name: "the Pod has started",
      given: [
        node("node-1"),
        onNode("node-1", []),
        onNode("node-2", [driver]),
        pod("status: { phase: Running }"),
        ...stored,
      ],
    },
    {
      name: "its first init container has run",
      given: [
        node("node-1"),
        onNode("node-1", []),
        onNode("node-2", [driver]),
        pod(
          "spec: { initContainers: [{ name: init, image: busybox }] }\nstatus: { initContainerStatuses: [{ name: init, image: busybox, imageID: x, ready: true, restartCount: 0, state: { terminated: { exitCode: 0 } } }] }",
        ),
        ...stored,
      ],
    },
    {
      name: "volumes could not be read",
      given: [node("node-1"), onNode("node-1", []), onNode("node-2", [driver]), pod(), ...stored],
      unread: ["PersistentVolume"],
    },
  ],
});
