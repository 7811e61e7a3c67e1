import { volumeAttachment } from "../../src/analyzers/volume-attachment.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";
import { volume } from "./persistent-volume.cases.ts";

const attachment = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: storage.k8s.io/v1
      kind: VolumeAttachment
      metadata: { name: csi-1f0c, finalizers: [external-attacher/ebs-csi-aws-com] }
      spec: { attacher: ebs.csi.aws.com, nodeName: node-1, source: { persistentVolumeName: disk-1 } }
      status: { attached: true }
    `,
    changes,
  );
const deleted = (since: string): string => `metadata: { deletionTimestamp: "${ago(since)}" }`;
const detachError = (since: string): string =>
  `status: { detachError: { time: "${ago(since)}", message: 'rpc error: code = Internal desc = Could not detach volume "vol-0a" from node "i-0b": timeout' } }`;
const node = (name: string, ready: string): readonly Manifest[] => yaml`
  { apiVersion: v1, kind: Node, metadata: { name: ${name} }, status: { conditions: [{ type: Ready, status: "${ready}" }] } }
`;
const pod = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: db-0, namespace: shop }
  spec:
    nodeName: node-2
    containers: [{ name: db, image: postgres }]
    volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
  status: { phase: Pending }
`;
const rule = "volume-detach-stuck";
const object = "VolumeAttachment/csi-1f0c";

export default cases(volumeAttachment, {
  fires: [
    {
      name: "its node is gone and a Pod waits elsewhere",
      given: [attachment(deleted("10m")), volume(), pod, node("node-2", "True")],
      expect: [
        { rule, object, severity: "warning", because: "the node does not exist any more", cause: "Node/node-1" },
      ],
    },
    {
      name: "its node has stopped answering",
      given: [attachment(deleted("10m")), node("node-1", "Unknown")],
      expect: [{ rule, object, because: "the node is not ready", cause: "Node/node-1" }],
    },
    {
      name: "its node is fine and the driver fails",
      given: [attachment(`${deleted("10m")}\n`), attachmentWith("csi-2", detachError("7m")), node("node-1", "True")],
      expect: [
        { rule, object },
        { rule, object: "VolumeAttachment/csi-2" },
      ],
    },
    {
      name: "nodes could not be read",
      given: [attachment(deleted("10m"))],
      unread: ["Node"],
      expect: [{ rule, object }],
    },
  ],
  silent: [
    { name: "attached", given: [attachment(), node("node-1", "True")] },
    { name: "detaching since a minute", given: [attachment(deleted("1m")), node("node-1", "True")] },
    { name: "a detach failed a minute ago", given: [attachment(detachError("1m"))] },
    {
      name: "its claim is in a namespace that was not asked for",
      given: [attachment(deleted("10m")), volume()],
      scope: { include: ["bank"] },
    },
  ],
});

function attachmentWith(name: string, changes: string): Manifest {
  return but(attachment(changes), `metadata: { name: ${name} }`);
}
