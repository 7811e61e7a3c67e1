import { persistentVolumeClaim } from "../../src/analyzers/persistent-volume-claim.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const claim = yaml`
  apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: { name: data, namespace: shop }
  spec: { storageClassName: fast, accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Gi } } }
  status: { phase: Pending }
`;
const storageClass = (name: string, provisioner = "ebs.csi.aws.com", changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: storage.k8s.io/v1
      kind: StorageClass
      metadata: { name: ${name} }
      provisioner: ${provisioner}
    `,
    changes,
  );
const late = "volumeBindingMode: WaitForFirstConsumer";
const pod = (phase: string): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: db-0, namespace: shop }
  spec:
    containers: [{ name: db, image: postgres }]
    volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
  status: { phase: ${phase} }
`;
const volume = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: PersistentVolume
      metadata: { name: disk-1 }
      spec:
        storageClassName: fast
        accessModes: [ReadWriteOnce]
        capacity: { storage: 20Gi }
        hostPath: { path: /disk }
      status: { phase: Available }
    `,
    changes,
  );
const event = (reason: string, message: string, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Event
      metadata: { name: data.${reason.toLowerCase()}, namespace: shop }
      involvedObject: { apiVersion: v1, kind: PersistentVolumeClaim, namespace: shop, name: data }
      type: ${reason === "ProvisioningFailed" ? "Warning" : "Normal"}
      reason: ${reason}
      message: ${JSON.stringify(message)}
      firstTimestamp: "${ago("50m")}"
      lastTimestamp: "${ago("10s")}"
      count: 40
    `,
    changes,
  );
const waiting = event(
  "ExternalProvisioning",
  "Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
);
const driver = yaml`
  apiVersion: storage.k8s.io/v1
  kind: CSIDriver
  metadata: { name: ebs.csi.aws.com }
  spec: {}
`;
const driverPod = (isReady: boolean): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: ebs-csi-node-1, namespace: kube-system }
  spec:
    containers: [{ name: driver, image: ebs }]
    volumes: [{ name: plugin, hostPath: { path: /var/lib/kubelet/plugins/ebs.csi.aws.com/ } }]
  status: { phase: Running, conditions: [{ type: Ready, status: "${isReady ? "True" : "False"}" }] }
`;
const failed = (message: string, changes = "{}"): Manifest =>
  event("ProvisioningFailed", `failed to provision volume with StorageClass "fast": ${message}`, changes);
const bound = (changes: string): Manifest =>
  but(
    but(
      claim,
      "spec: { volumeName: disk-1, resources: { requests: { storage: 20Gi } } }\nstatus: { phase: Bound, capacity: { storage: 10Gi } }",
    ),
    changes,
  );
const condition = (type: string, since: string): string =>
  `status: { conditions: [{ type: ${type}, status: "True", lastTransitionTime: "${ago(since)}" }] }`;
const expandable = storageClass("fast", "ebs.csi.aws.com", "allowVolumeExpansion: true");
const byHand = "kubernetes.io/no-provisioner";

const object = "PersistentVolumeClaim/shop/data";
const noMatch = "pvc-pending-no-match";

export default cases(persistentVolumeClaim, {
  fires: [
    {
      name: "the class is misspelt, without any event",
      given: [claim, storageClass("fast-ssd")],
      expect: [{ rule: "pvc-pending-class-missing", object, severity: "warning", cause: "StorageClass/fast" }],
    },
    {
      name: "the class does not exist and a Pod waits",
      given: [claim, pod("Pending")],
      expect: [{ rule: "pvc-pending-class-missing", object, severity: "critical" }],
    },
    {
      name: "the class is named by the old annotation",
      given: [
        but(
          claim,
          "metadata: { annotations: { volume.beta.kubernetes.io/storage-class: slow } }\nspec: { storageClassName: null }",
        ),
        storageClass("fast"),
      ],
      expect: [{ rule: "pvc-pending-class-missing", object, cause: "StorageClass/slow" }],
    },
    {
      name: "volumes could not be read, but the controller says that the class does not exist",
      given: [claim, event("ProvisioningFailed", 'storageclass.storage.k8s.io "fast" not found')],
      unread: ["PersistentVolume"],
      expect: [{ rule: "pvc-pending-class-missing", object }],
    },
    {
      name: "no class, and none is the default",
      given: [but(claim, "spec: { storageClassName: null }"), storageClass("fast")],
      expect: [{ rule: "pvc-pending-no-default", object, severity: "warning" }],
    },
    {
      name: "no class, none is the default, and a Pod waits",
      given: [but(claim, "spec: { storageClassName: null }"), pod("Pending")],
      expect: [{ rule: "pvc-pending-no-default", object, severity: "critical" }],
    },
    {
      name: "the provisioner has no permission",
      given: [
        claim,
        storageClass("fast"),
        waiting,
        failed(
          "rpc error: code = Internal desc = Could not create volume: UnauthorizedOperation: You are not authorized to perform this operation.",
        ),
      ],
      expect: [
        {
          rule: "pvc-pending-provision-failed",
          object,
          severity: "warning",
          because: "the provisioner lacks a permission",
        },
      ],
    },
    {
      name: "a quota of the storage, and a Pod waits",
      given: [
        claim,
        storageClass("fast", "ebs.csi.aws.com", late),
        pod("Pending"),
        failed(
          "rpc error: code = ResourceExhausted desc = VolumeLimitExceeded: You have exceeded your maximum gp3 storage limit",
        ),
      ],
      expect: [
        {
          rule: "pvc-pending-provision-failed",
          object,
          severity: "critical",
          because: "a quota or the capacity of the storage is reached",
        },
      ],
    },
    {
      name: "it failed again after it had succeeded",
      given: [
        claim,
        storageClass("fast"),
        failed("odd words"),
        event("ProvisioningSucceeded", "Successfully provisioned volume pvc-1", `lastTimestamp: "${ago("30m")}"`),
      ],
      expect: [{ rule: "pvc-pending-provision-failed", object }],
    },
    {
      name: "nobody answers: no driver, no Pods",
      given: [claim, storageClass("fast"), waiting],
      expect: [
        { rule: "pvc-pending-provisioner-absent", object, severity: "warning", cause: "CSIDriver/ebs.csi.aws.com" },
      ],
    },
    {
      name: "nobody answers and a Pod waits",
      given: [claim, storageClass("fast"), waiting, pod("Pending")],
      expect: [{ rule: "pvc-pending-provisioner-absent", object, severity: "critical" }],
    },
    {
      name: "the Pods of the driver are not ready",
      given: [claim, storageClass("fast"), waiting, driver, driverPod(false)],
      expect: [
        { rule: "pvc-pending-provisioner-absent", object, severity: "warning", because: "none of its Pods is ready" },
      ],
    },
    {
      name: "the driver is registered, and its Pods are not seen",
      given: [claim, storageClass("fast"), waiting, driver],
      expect: [{ rule: "pvc-pending-provisioner-absent", object, severity: "info" }],
    },
    {
      name: "static: there is no volume at all",
      given: [but(claim, 'spec: { storageClassName: "" }')],
      expect: [{ rule: noMatch, object, severity: "warning", because: "there is no volume of its class" }],
    },
    {
      name: "static: the nearest volume is too small",
      given: [claim, storageClass("fast", byHand), volume("spec: { capacity: { storage: 5Gi } }"), pod("Pending")],
      expect: [{ rule: noMatch, object, severity: "critical", because: "the nearest one does not fit (size)" }],
    },
    {
      name: "static: access modes and labels differ",
      given: [
        but(claim, "spec: { accessModes: [ReadWriteMany], selector: { matchLabels: { tier: db } } }"),
        storageClass("fast", byHand),
        volume(),
      ],
      expect: [{ rule: noMatch, object, because: "the nearest one does not fit (access modes, labels)" }],
    },
    {
      name: "static: the volume is released, and kept for its old claim",
      given: [
        claim,
        storageClass("fast", byHand),
        volume(
          "spec: { claimRef: { apiVersion: v1, kind: PersistentVolumeClaim, namespace: shop, name: old, uid: u9 } }\nstatus: { phase: Released }",
        ),
      ],
      expect: [{ rule: noMatch, object, because: "the nearest one does not fit (taken by another claim)" }],
    },
    {
      name: "static: a local volume, and its Pod waits",
      given: [claim, storageClass("fast", byHand, late), pod("Pending")],
      expect: [{ rule: noMatch, object, severity: "critical" }],
    },
    {
      name: "it names a volume that does not exist",
      given: [but(claim, "spec: { volumeName: disk-9 }"), storageClass("fast")],
      expect: [
        { rule: noMatch, object, cause: "PersistentVolume/disk-9", because: "the volume that it names does not exist" },
      ],
    },
    {
      name: "it names a volume that does not fit",
      given: [but(claim, "spec: { volumeName: disk-1 }"), volume("spec: { volumeMode: Block }")],
      expect: [{ rule: noMatch, object, because: "the volume that it names does not fit (volume mode)" }],
    },
    {
      name: "a class name that only volumes made by hand carry, none of which fits",
      given: [claim, volume("spec: { capacity: { storage: 1Gi } }")],
      expect: [{ rule: noMatch, object, because: "the nearest one does not fit (size)" }],
    },
    {
      name: "it has waited two days for a first Pod",
      given: [
        but(claim, `metadata: { creationTimestamp: "${ago("2d")}" }`),
        storageClass("fast", "ebs.csi.aws.com", late),
      ],
      expect: [{ rule: "pvc-waiting-for-consumer", object, severity: "info" }],
    },
    {
      name: "its volume is gone",
      given: [but(claim, "spec: { volumeName: disk-1 }\nstatus: { phase: Lost }")],
      expect: [{ rule: "pvc-lost", object, severity: "critical", cause: "PersistentVolume/disk-1" }],
    },
    {
      name: "a resize has been going on for 20 minutes",
      given: [bound(condition("Resizing", "20m")), expandable],
      expect: [{ rule: "pvc-resize-stuck", object, severity: "warning" }],
    },
    {
      name: "the resize fails",
      given: [bound(condition("ControllerResizeError", "20m")), expandable],
      expect: [{ rule: "pvc-resize-stuck", object, severity: "warning", because: "the resize failed" }],
    },
    {
      name: "the storage cannot give that size",
      given: [bound("status: { allocatedResourceStatuses: { storage: ControllerResizeInfeasible } }"), expandable],
      expect: [{ rule: "pvc-resize-stuck", object, because: "the storage cannot give that size" }],
    },
    {
      name: "the file system does not grow under a running Pod",
      given: [bound(condition("FileSystemResizePending", "20m")), expandable, pod("Running")],
      expect: [{ rule: "pvc-resize-stuck", object, severity: "warning" }],
    },
    {
      name: "the file system grows on the next mount",
      given: [bound(condition("FileSystemResizePending", "20m")), expandable],
      expect: [{ rule: "pvc-resize-stuck", object, severity: "info" }],
    },
    {
      name: "the class does not allow a resize",
      given: [bound("{}"), storageClass("fast")],
      expect: [{ rule: "pvc-resize-stuck", object, because: "its StorageClass does not allow it" }],
    },
    {
      name: "nobody resizes",
      given: [
        bound("{}"),
        expandable,
        event("ExternalExpanding", "waiting for an external controller to expand this PVC", "type: Warning"),
      ],
      expect: [{ rule: "pvc-resize-stuck", object, severity: "warning" }],
    },
  ],
  silent: [
    {
      name: "bound",
      given: [
        but(claim, "spec: { volumeName: disk-1 }\nstatus: { phase: Bound, capacity: { storage: 10Gi } }"),
        storageClass("fast"),
      ],
    },
    { name: "pending for a minute", given: [but(claim, `metadata: { creationTimestamp: "${ago("1m")}" }`)] },
    {
      name: "being deleted",
      given: [
        but(claim, `metadata: { deletionTimestamp: "${ago("5s")}", finalizers: [kubernetes.io/pvc-protection] }`),
      ],
    },
    { name: "StorageClasses could not be read", given: [claim], unread: ["StorageClass"] },
    {
      name: "volumes could not be read: one may carry the class name",
      given: [claim, storageClass("other")],
      unread: ["PersistentVolume"],
    },
    { name: "a class name of volumes made by hand, one of which fits", given: [claim, volume()] },
    { name: "it waits for its first Pod", given: [claim, storageClass("fast", "ebs.csi.aws.com", late)] },
    {
      name: "it waits for its Pod, which is Pending for a reason of its own",
      given: [
        claim,
        storageClass("fast", "ebs.csi.aws.com", late),
        pod("Pending"),
        event("WaitForFirstConsumer", "waiting for first consumer to be created before binding"),
      ],
    },
    {
      name: "a default class exists: the claim is about to get it",
      given: [
        but(claim, "spec: { storageClassName: null }"),
        storageClass(
          "fast",
          "ebs.csi.aws.com",
          'metadata: { annotations: { storageclass.kubernetes.io/is-default-class: "true" } }',
        ),
      ],
    },
    {
      name: "no class, and a volume without one fits",
      given: [but(claim, "spec: { storageClassName: null }"), volume("spec: { storageClassName: null }")],
    },
    {
      name: "it failed, and has succeeded since",
      given: [
        claim,
        storageClass("fast"),
        failed("timed out", `lastTimestamp: "${ago("5m")}"`),
        event("ProvisioningSucceeded", "Successfully provisioned volume pvc-1"),
      ],
    },
    {
      name: "it failed two hours ago",
      given: [claim, storageClass("fast"), failed("timed out", `lastTimestamp: "${ago("2h")}"`)],
    },
    {
      name: "the failure is of a claim of that name that is gone",
      given: [claim, storageClass("fast"), failed("timed out", "involvedObject: { uid: another }")],
      notLive: "uids are given by the server",
    },
    {
      name: "the provisioner is at work",
      given: [
        claim,
        storageClass("fast"),
        waiting,
        event("Provisioning", 'External provisioner is provisioning volume for claim "shop/data"'),
      ],
    },
    {
      name: "the provisioner has had three minutes",
      given: [but(claim, `metadata: { creationTimestamp: "${ago("3m")}" }`), storageClass("fast"), waiting],
    },
    { name: "the provisioner runs", given: [claim, storageClass("fast"), waiting, driver, driverPod(true)] },
    {
      name: "a provisioner without a driver object, known by the name of its Pod",
      given: [
        claim,
        storageClass("fast", "rancher.io/local-path"),
        waiting,
        but(driverPod(true), "metadata: { name: local-path-provisioner-7d }\nspec: { volumes: null }"),
      ],
    },
    { name: "drivers could not be read", given: [claim, storageClass("fast"), waiting], unread: ["CSIDriver"] },
    { name: "static: a volume fits and is about to be bound", given: [claim, storageClass("fast", byHand), volume()] },
    {
      name: "static: volumes could not be read",
      given: [claim, storageClass("fast", byHand)],
      unread: ["PersistentVolume"],
    },
    { name: "a local volume without a Pod", given: [claim, storageClass("fast", byHand, late)] },
    { name: "a resize that began five minutes ago", given: [bound(condition("Resizing", "5m")), expandable] },
    {
      name: "the volume is larger than asked for",
      given: [bound("spec: { resources: { requests: { storage: 5Gi } } }"), storageClass("fast")],
    },
  ],
});
