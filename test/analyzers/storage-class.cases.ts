import { storageClass } from "../../src/analyzers/storage-class.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const classOf = (name: string, changes = "{}"): Manifest =>
  but(
    yaml`{ apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: { name: ${name} }, provisioner: ebs.csi.aws.com }`,
    changes,
  );
const isDefault = (age: string): string =>
  `metadata: { creationTimestamp: "${ago(age)}", annotations: { storageclass.kubernetes.io/is-default-class: "true" } }`;
const claim = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: PersistentVolumeClaim
      metadata: { name: data, namespace: shop }
      spec: { storageClassName: fast, accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Gi } } }
      status: { phase: Bound }
    `,
    changes,
  );
const pending = "status: { phase: Pending }";
const pod = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: db-0, namespace: shop }
  spec:
    containers: [{ name: db, image: postgres }]
    volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
  status: { phase: Pending }
`;
const driver = yaml`{ apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: { name: ebs.csi.aws.com }, spec: {} }`;
const inTree = (provisioner: string): Manifest => classOf("fast", `${isDefault("10d")}\nprovisioner: ${provisioner}`);
const removed = "storageclass-provisioner-removed";
const object = "StorageClass/fast";
const serverVersion = "v1.34.1";

export default cases(storageClass, {
  fires: [
    {
      name: "no class is the default, and claims name one",
      given: [classOf("fast"), claim()],
      expect: [{ rule: "storageclass-default-missing", object, severity: "info" }],
    },
    {
      name: "no class is the default, and a claim waits for one",
      given: [classOf("fast"), claim(`spec: { storageClassName: null }\n${pending}`)],
      expect: [{ rule: "storageclass-default-missing", object, severity: "warning" }],
    },
    {
      name: "two classes are the default: the newest is named",
      given: [classOf("fast", isDefault("2d")), classOf("standard", isDefault("90d")), claim()],
      expect: [{ rule: "storageclass-default-duplicate", object, severity: "warning" }],
    },
    {
      name: "one of two defaults is marked in the old way",
      given: [
        classOf("fast", isDefault("2d")),
        classOf("standard", 'metadata: { annotations: { storageclass.beta.kubernetes.io/is-default-class: "true" } }'),
        claim(),
      ],
      expect: [{ rule: "storageclass-default-duplicate", object: "StorageClass/standard" }],
    },
    {
      name: "the provisioner has left Kubernetes, and a Pod waits",
      given: [inTree("kubernetes.io/rbd"), claim(pending), pod],
      serverVersion,
      expect: [{ rule: removed, object, severity: "critical" }],
    },
    {
      name: "the provisioner has left Kubernetes without a driver to take its place, and a claim waits",
      given: [inTree("kubernetes.io/glusterfs"), claim(pending)],
      serverVersion,
      expect: [{ rule: removed, object, severity: "warning" }],
    },
    {
      name: "the driver that takes the provisioner's place is not installed",
      given: [inTree("kubernetes.io/aws-ebs"), claim()],
      serverVersion,
      expect: [
        {
          rule: removed,
          object,
          severity: "info",
          because: "the CSI driver that takes its place is not installed",
          cause: "CSIDriver/ebs.csi.aws.com",
        },
      ],
    },
  ],
  silent: [
    { name: "one default", given: [classOf("fast", isDefault("2d")), classOf("slow"), claim()] },
    { name: "no default, and no claim at all", given: [classOf("fast")] },
    {
      name: "no default, and claims that turn the making of volumes off",
      given: [classOf("fast"), claim('spec: { storageClassName: "" }')],
    },
    {
      name: "two defaults that no claim needs",
      given: [classOf("fast", isDefault("2d")), classOf("slow", isDefault("3d"))],
    },
    { name: "claims could not be read", given: [classOf("fast"), claim()], unread: ["PersistentVolumeClaim"] },
    { name: "no class at all", given: [claim()] },
    {
      name: "volumes made by hand",
      given: [inTree("kubernetes.io/no-provisioner"), claim(pending)],
      serverVersion,
    },
    {
      name: "the driver that takes the provisioner's place is installed",
      given: [inTree("kubernetes.io/aws-ebs"), driver, claim(pending)],
      serverVersion,
    },
    {
      name: "the server is old enough to have the provisioner",
      given: [inTree("kubernetes.io/glusterfs"), claim(pending), driver],
      serverVersion: "v1.25.3",
    },
    {
      name: "the version of the server is not known",
      given: [inTree("kubernetes.io/glusterfs"), claim("status: { phase: Lost }")],
    },
    {
      name: "drivers could not be read",
      given: [inTree("kubernetes.io/aws-ebs"), claim(pending)],
      unread: ["CSIDriver"],
      serverVersion,
    },
    {
      name: "default classes are being deleted",
      given: [
        classOf(
          "old",
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/keep], annotations: { storageclass.kubernetes.io/is-default-class: "true" } }`,
        ),
        classOf("fast", isDefault("2d")),
        claim(),
      ],
    },
  ],
});
