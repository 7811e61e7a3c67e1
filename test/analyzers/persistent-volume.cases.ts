import { persistentVolume } from "../../src/analyzers/persistent-volume.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

export const volume = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: PersistentVolume
      metadata: { name: disk-1 }
      spec:
        storageClassName: fast
        accessModes: [ReadWriteOnce]
        capacity: { storage: 20Gi }
        persistentVolumeReclaimPolicy: Retain
        local: { path: /disk }
        nodeAffinity:
          required: { nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [node-1] }] }] }
        claimRef: { kind: PersistentVolumeClaim, apiVersion: v1, namespace: shop, name: data, uid: claim-uid }
      status: { phase: Bound }
    `,
    changes,
  );
const released = (since: string, policy = "Retain"): Manifest =>
  volume(
    `spec: { persistentVolumeReclaimPolicy: ${policy} }\nstatus: { phase: Released, lastPhaseTransitionTime: "${ago(since)}" }`,
  );
const claim = (phase: string): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: { name: data, namespace: shop }
  spec: { storageClassName: fast, accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Gi } } }
  status: { phase: ${phase} }
`;
const node = (name: string, host = name): readonly Manifest[] => yaml`
  { apiVersion: v1, kind: Node, metadata: { name: ${name}, labels: { kubernetes.io/hostname: ${host} } } }
`;
const pod = (phase: string): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: db-0, namespace: shop }
  spec:
    containers: [{ name: db, image: postgres }]
    volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
  status: { phase: ${phase} }
`;
const failed =
  "status: { phase: Failed, message: 'error getting deleter volume plugin for volume \"disk-1\": no deletable volume plugin matched' }";
const affinity = (terms: string): string => `spec: { nodeAffinity: { required: { nodeSelectorTerms: ${terms} } } }`;

const object = "PersistentVolume/disk-1";

export default cases(persistentVolume, {
  fires: [
    {
      name: "its storage could not be deleted",
      given: [volume(failed)],
      expect: [{ rule: "pv-failed", object, severity: "warning" }],
    },
    {
      name: "released for two days, and a new claim of the same name waits",
      given: [released("2d"), claim("Pending")],
      expect: [
        {
          rule: "pv-released-kept",
          object,
          severity: "info",
          because: "a new claim of the same name waits for a volume",
        },
      ],
    },
    {
      name: "released for two days, and nobody wants it",
      given: [released("2d")],
      expect: [{ rule: "pv-released-kept", object, severity: "risk" }],
    },
    {
      name: "its storage was to be deleted half an hour ago",
      given: [released("30m", "Delete")],
      expect: [
        {
          rule: "pv-released-kept",
          object,
          severity: "info",
          because: "its storage was to be deleted and is still there",
        },
      ],
    },
    {
      name: "the node of a local volume is gone and a Pod waits",
      given: [volume(), node("node-2"), pod("Pending")],
      expect: [{ rule: "pv-node-gone", object, severity: "critical", cause: "Node/node-1" }],
    },
    {
      name: "the node of a local volume is gone",
      given: [volume(), node("node-2"), pod("Running")],
      expect: [{ rule: "pv-node-gone", object, severity: "warning" }],
    },
    {
      name: "the node is chosen by its name, and both that it names are gone",
      given: [
        volume(
          affinity(
            "[{ matchFields: [{ key: metadata.name, operator: In, values: [node-7] }] }, { matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [node-8] }] }]",
          ),
        ),
        node("node-2"),
      ],
      expect: [{ rule: "pv-node-gone", object, severity: "warning" }],
    },
  ],
  silent: [
    { name: "bound, on a node that exists", given: [volume(), node("node-1")] },
    { name: "the node goes by another name than its label", given: [volume(), node("ip-10-0-0-1.internal", "node-1")] },
    { name: "released an hour ago", given: [released("1h"), node("node-1")] },
    { name: "released five minutes ago, to be deleted", given: [released("5m", "Delete")] },
    { name: "released, and nothing says since when", given: [volume("status: { phase: Released }")] },
    {
      name: "bound to a zone",
      given: [
        volume(
          affinity("[{ matchExpressions: [{ key: topology.kubernetes.io/zone, operator: In, values: [zone-a] }] }]"),
        ),
        node("node-2"),
      ],
    },
    {
      name: "one of its terms does not name a node",
      given: [
        volume(
          affinity(
            "[{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [node-1] }] }, { matchExpressions: [{ key: disk, operator: Exists }] }]",
          ),
        ),
        node("node-2"),
      ],
    },
    {
      name: "without affinity",
      given: [volume("spec: { nodeAffinity: null, local: null, hostPath: { path: /disk } }"), node("node-2")],
    },
    {
      name: "available, its node gone",
      given: [volume("spec: { claimRef: null }\nstatus: { phase: Available }"), node("node-2")],
    },
    { name: "nodes could not be read", given: [volume()], unread: ["Node"] },
    {
      name: "being deleted",
      given: [
        volume(
          `metadata: { deletionTimestamp: "${ago("10m")}", finalizers: [kubernetes.io/pv-protection] }\nstatus: { phase: Failed }`,
        ),
      ],
    },
    {
      name: "its claim is in a namespace that was not asked for",
      given: [volume(failed), node("node-1")],
      scope: { include: ["bank"] },
    },
    {
      name: "its claim is in a namespace that was excluded",
      given: [volume(failed), claim("Bound")],
      scope: { exclude: ["shop"] },
    },
  ],
});
