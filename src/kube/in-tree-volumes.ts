/**
 * The provisioners that were once part of Kubernetes, and what became of them. From k8s.io/csi-translation-lib v0.34.4
 * (plugins) and the release notes of the versions named.
 */
interface InTreeProvisioner {
  /** First minor version of Kubernetes 1 whose own code does not provision for it any more. */
  readonly goneIn: number;
  /** The CSI driver that takes its place. */
  readonly successor: string | undefined;
  /** Kubernetes hands its claims over to the successor when that is installed. */
  readonly isTranslated: boolean;
}

const provisioners: Readonly<Record<string, InTreeProvisioner>> = {
  "kubernetes.io/aws-ebs": { goneIn: 25, successor: "ebs.csi.aws.com", isTranslated: true },
  "kubernetes.io/azure-disk": { goneIn: 24, successor: "disk.csi.azure.com", isTranslated: true },
  "kubernetes.io/azure-file": { goneIn: 26, successor: "file.csi.azure.com", isTranslated: true },
  "kubernetes.io/cinder": { goneIn: 24, successor: "cinder.csi.openstack.org", isTranslated: true },
  "kubernetes.io/gce-pd": { goneIn: 25, successor: "pd.csi.storage.gke.io", isTranslated: true },
  "kubernetes.io/portworx-volume": { goneIn: 33, successor: "pxd.portworx.com", isTranslated: true },
  "kubernetes.io/vsphere-volume": { goneIn: 26, successor: "csi.vsphere.vmware.com", isTranslated: true },
  "kubernetes.io/glusterfs": { goneIn: 26, successor: undefined, isTranslated: false },
  "kubernetes.io/quobyte": { goneIn: 25, successor: "csi.quobyte.com", isTranslated: false },
  "kubernetes.io/rbd": { goneIn: 31, successor: "rbd.csi.ceph.com", isTranslated: false },
  "kubernetes.io/scaleio": { goneIn: 22, successor: "csi-vxflexos.dellemc.com", isTranslated: false },
  "kubernetes.io/storageos": { goneIn: 25, successor: undefined, isTranslated: false },
};

/** What became of a provisioner that was part of Kubernetes; undefined for all others, `no-provisioner` among them. */
export function inTreeProvisioner(name: string | undefined): InTreeProvisioner | undefined {
  return name !== undefined && Object.hasOwn(provisioners, name) ? provisioners[name] : undefined;
}
