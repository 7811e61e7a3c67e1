import { storage } from "../../src/analyzers/storage.ts";
import { ago, cases, type Manifest, yaml } from "./cases.ts";
import { volume } from "./persistent-volume.cases.ts";

const claim = (phase: string, spec = "storageClassName: fast"): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: { name: data, namespace: shop }
  spec: { ${spec}, accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Mi } } }
  status: { phase: ${phase} }
`;
const storageClass = (provisioner: string, more = ""): readonly Manifest[] => yaml`
  apiVersion: storage.k8s.io/v1
  kind: StorageClass
  metadata: { name: fast, annotations: { storageclass.kubernetes.io/is-default-class: "true" } }
  provisioner: ${provisioner}
  ${more}
`;
const small = "spec: { capacity: { storage: 10Mi }, nodeAffinity: null, local: null, hostPath: { path: /disk } }";
const late = "volumeBindingMode: WaitForFirstConsumer";

export default cases(storage, {
  fires: [
    {
      name: "a volume, a claim and a class at once",
      given: [
        volume("status: { phase: Failed }"),
        claim("Pending", "storageClassName: fats"),
        storageClass("ebs.csi.aws.com"),
        yaml`
          apiVersion: storage.k8s.io/v1
          kind: StorageClass
          metadata: { name: slow, creationTimestamp: "${ago("9d")}", annotations: { storageclass.kubernetes.io/is-default-class: "true" } }
          provisioner: ebs.csi.aws.com
        `,
      ],
      expect: [
        { rule: "pv-failed", object: "PersistentVolume/disk-1" },
        { rule: "pvc-pending-class-missing", object: "PersistentVolumeClaim/shop/data", cause: "StorageClass/fats" },
        { rule: "storageclass-default-duplicate", object: "StorageClass/fast" },
      ],
    },
    {
      name: "classes could not be read: volumes and claims are judged all the same",
      given: [volume("status: { phase: Failed }"), claim("Lost", "storageClassName: fast, volumeName: disk-9")],
      unread: ["StorageClass"],
      expect: [
        { rule: "pv-failed", object: "PersistentVolume/disk-1" },
        { rule: "pvc-lost", object: "PersistentVolumeClaim/shop/data", severity: "critical" },
      ],
    },
  ],
  silent: [
    { name: "a claim that waits for its first Pod", given: [claim("Pending"), storageClass("ebs.csi.aws.com", late)] },
    { name: "a class for local volumes", given: [storageClass("kubernetes.io/no-provisioner", late), claim("Bound")] },
    { name: "small volumes and small claims", given: [volume(small), claim("Bound"), storageClass("ebs.csi.aws.com")] },
    {
      name: "the volume of a claim outside the namespaces asked for",
      given: [volume("status: { phase: Failed }")],
      scope: { include: ["bank"] },
    },
  ],
});
