import { fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { hasSettled, graceMs, isGoingAway } from "../kube/guards.ts";
import { inTreeProvisioner } from "../kube/in-tree-volumes.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { compareText, namedRef, refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { parseTime } from "../kube/time.ts";
import { parseMinorVersion } from "../kube/version.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { classNameOf, dynamicClaims, isDefaultClass, podsWaitingFor } from "./rules/storage.ts";

type StorageClass = KubeObject<"StorageClass">;
type Claim = KubeObject<"PersistentVolumeClaim">;

const list = "kubectl get storageclass";

export const storageClass: Analyzer = defineAnalyzer({
  name: "StorageClass",
  core: false,
  needs: ["StorageClass"],
  uses: ["PersistentVolumeClaim", "Pod", "CSIDriver"],
  rules: {
    "storageclass-default-missing": {
      severity: ["warning", "info"],
      // One step nearer to the root than the claims that wait for a default.
      depth: 3,
      message: "No StorageClass is the default",
      why: "Claims that name no class hang",
      fix: "Mark the class that claims without one should get with the annotation storageclass.kubernetes.io/is-default-class",
      source: "concepts/storage/storage-classes/#default-storageclass",
      commands: [list],
      silent: ["no claim in the cluster wants a volume made for it", "no claim waits for a default (info)"],
    },
    "storageclass-default-duplicate": {
      severity: "warning",
      depth: 4,
      message: "Several StorageClasses are the default; the newest is taken",
      why: "Claims that name no class land on the wrong disk",
      fix: "Remove the annotation storageclass.kubernetes.io/is-default-class from all classes but one",
      source: "concepts/storage/storage-classes/#default-storageclass",
      commands: [list],
      silent: ["no claim in the cluster wants a volume made for it"],
    },
    "storageclass-provisioner-removed": {
      severity: ["critical", "warning", "info"],
      depth: 4,
      message: "The provisioner of the StorageClass is not part of this Kubernetes version any more",
      why: "No volume is made for claims of this class",
      fix: "Install the CSI driver that takes its place, or make a class of another provisioner and move the claims to it",
      source: "concepts/storage/volumes/#types-of-volumes",
      commands: ["kubectl get storageclass {name} -o yaml", "kubectl get csidriver"],
      silent: [
        "the CSI driver that takes its place is installed and Kubernetes hands the claims over",
        "the version of the server is not known",
        "classes without a provisioner: volumes are made by hand",
        "no claim of this class waits (info)",
      ],
    },
  },
  *check(snapshot) {
    const classes = snapshot.list("StorageClass").filter((object) => !isGoingAway(snapshot, object));
    yield* defaults(snapshot, classes);
    for (const object of classes) yield* provisionerRemoved(snapshot, object);
  },
});

type Said = Iterable<
  Observation<"storageclass-default-missing" | "storageclass-default-duplicate" | "storageclass-provisioner-removed">
>;

/** The default class that the API server takes: the newest, and of one age the first by name. */
function newest(classes: readonly StorageClass[]): readonly StorageClass[] {
  const created = ({ metadata }: StorageClass): number => parseTime(metadata?.creationTimestamp) ?? 0;
  return [...classes].sort(
    (a, b) => created(b) - created(a) || compareText(a.metadata?.name ?? "", b.metadata?.name ?? ""),
  );
}

function* defaults(snapshot: Snapshot, classes: readonly StorageClass[]): Said {
  if (!snapshot.isComplete("StorageClass") || dynamicClaims(snapshot).size === 0) return;
  const [taken, ...others] = newest(classes.filter(isDefaultClass));
  if (taken === undefined) {
    const [first] = classes;
    if (first === undefined) return;
    const ref = refOf("StorageClass", first);
    const waiting = (dynamicClaims(snapshot).get("") ?? []).filter(
      (claim) => isPending(claim) && !isGoingAway(snapshot, claim) && hasSettled(snapshot, claim, graceMs.claim),
    );
    yield {
      rule: "storageclass-default-missing",
      object: ref,
      severity: waiting.length > 0 ? "warning" : "info",
      evidence: [
        field(ref, "metadata.annotations[storageclass.kubernetes.io/is-default-class]", undefined),
        fact(ref, "existing classes, none of them the default", namesOf(classes)),
        ...waiting
          .slice(0, 4)
          .map((claim) => field(refOf("PersistentVolumeClaim", claim), "spec.storageClassName", undefined)),
      ],
      related: waiting.map((claim) => refOf("PersistentVolumeClaim", claim)),
    };
    return;
  }
  if (others.length === 0) return;
  const ref = refOf("StorageClass", taken);
  yield {
    rule: "storageclass-default-duplicate",
    object: ref,
    evidence: [
      fact(ref, "default classes, the one that is taken first", namesOf([taken, ...others])),
      field(ref, "metadata.creationTimestamp", taken.metadata?.creationTimestamp),
      ...others
        .slice(0, 4)
        .map((other) =>
          field(refOf("StorageClass", other), "metadata.creationTimestamp", other.metadata?.creationTimestamp),
        ),
    ],
    related: others.map((other) => refOf("StorageClass", other)),
  };
}

function isPending({ status }: Claim): boolean {
  return status?.phase === "Pending";
}

function namesOf(classes: readonly StorageClass[]): string {
  return classes
    .slice(0, 12)
    .map(({ metadata }) => metadata?.name ?? "")
    .join(", ");
}

function* provisionerRemoved(snapshot: Snapshot, object: StorageClass): Said {
  const provisioner = inTreeProvisioner(object.provisioner);
  const version = parseMinorVersion(snapshot.cluster.serverVersion);
  if (provisioner === undefined || version?.major !== 1 || version.minor < provisioner.goneIn) return;
  const ref = refOf("StorageClass", object);
  const { successor, isTranslated } = provisioner;
  const driver = successor === undefined ? undefined : namedRef("CSIDriver", undefined, successor);
  if (
    isTranslated &&
    (!snapshot.isComplete("CSIDriver") || driver === undefined || snapshot.find(driver) !== undefined)
  )
    return;
  const claims = (dynamicClaims(snapshot).get(ref.name) ?? []).filter(
    (claim) => isPending(claim) && !isGoingAway(snapshot, claim) && classNameOf(claim) === ref.name,
  );
  const refs = claims.map((claim) => refOf("PersistentVolumeClaim", claim));
  const pods = refs.flatMap((claim) => podsWaitingFor(snapshot, claim));
  yield {
    rule: "storageclass-provisioner-removed",
    object: ref,
    severity: pods.length > 0 ? "critical" : claims.length > 0 ? "warning" : "info",
    ...(isTranslated && driver !== undefined
      ? { because: "the CSI driver that takes its place is not installed", cause: driver }
      : {}),
    evidence: [
      field(ref, "provisioner", object.provisioner),
      fact(ref, "part of Kubernetes until before", `1.${provisioner.goneIn}`),
      fact(ref, "version of the server", snapshot.cluster.serverVersion ?? ""),
      ...(successor === undefined ? [] : [fact(ref, "CSI driver that takes its place", successor)]),
      ...(isTranslated && driver !== undefined ? [missing(driver)] : []),
      ...refs.slice(0, 2).map((claim) => field(claim, "status.phase", "Pending")),
    ],
    related: [...refs, ...pods.map((pod) => refOf("Pod", pod))],
  };
}
