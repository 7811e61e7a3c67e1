import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, conditionOf } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { formatDuration, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { claimOf, isAskedFor, podsWaitingFor } from "./rules/storage.ts";

type Attachment = KubeObject<"VolumeAttachment">;

const list = "kubectl get volumeattachment";

/** How long a detach may take: the attach/detach controller itself forces one after six minutes. */
const detachLimitMs = 6 * minuteMs;

export const volumeAttachment: Analyzer = defineAnalyzer({
  name: "VolumeAttachment",
  core: false,
  needs: ["VolumeAttachment"],
  uses: ["PersistentVolume", "Node", "Pod"],
  rules: {
    "volume-detach-stuck": {
      severity: "warning",
      depth: 4,
      message: "A volume does not let go of its node",
      why: "A replacement Pod on another node waits for a disk that is held here",
      fix: "Look at the node and at the log of the storage driver's attacher; when the node is lost for good, remove it so that the volume is released",
      source: "concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown",
      commands: [list, "kubectl describe volumeattachment {name}", "kubectl describe node {node}"],
      silent: ["less than 6 minutes", "its claim is in a namespace that was not asked for"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("VolumeAttachment")) {
      const said = detachStuck(snapshot, object);
      if (said !== undefined) yield said;
    }
  },
});

function detachStuck(snapshot: Snapshot, object: Attachment): Observation<"volume-detach-stuck"> | undefined {
  const { deletionTimestamp, finalizers = [] } = object.metadata ?? {};
  const { detachError, attached } = object.status ?? {};
  // An error that was not followed by a deletion tells of a detach that was given up.
  const since = parseTime(deletionTimestamp) ?? parseTime(detachError?.time);
  const age = ageOf(snapshot, since);
  if (age === undefined || age < detachLimitMs) return undefined;
  const ref = refOf("VolumeAttachment", object);
  const { nodeName = "", attacher, source } = object.spec ?? {};
  const volumeName = source?.persistentVolumeName;
  const volume = volumeName === undefined ? undefined : snapshot.get("PersistentVolume", undefined, volumeName);
  const claim = volume === undefined ? undefined : claimOf(volume);
  if (!isAskedFor(snapshot, claim?.namespace)) return undefined;
  const waiting = podsWaitingFor(snapshot, claim).filter((pod) => pod.spec?.nodeName !== nodeName);
  const trouble = nodeState(snapshot, nodeName);
  return {
    rule: "volume-detach-stuck",
    object: ref,
    ...(trouble !== undefined && { because: trouble.because, cause: trouble.ref }),
    evidence: [
      deletionTimestamp === undefined
        ? field(ref, "status.attached", attached)
        : field(ref, "metadata.deletionTimestamp", deletionTimestamp),
      ...(detachError?.message === undefined ? [] : [field(ref, "status.detachError.message", detachError.message)]),
      fact(ref, "waiting for", formatDuration(age)),
      ...(trouble === undefined ? [field(ref, "spec.nodeName", nodeName)] : [trouble.evidence]),
      ...(volumeName === undefined ? [] : [field(ref, "spec.source.persistentVolumeName", volumeName)]),
      ...(finalizers.length === 0 ? [] : [field(ref, "metadata.finalizers", finalizers)]),
      field(ref, "spec.attacher", attacher),
      ...waiting.slice(0, 1).map((pod) => field(refOf("Pod", pod), "status.phase", pod.status?.phase)),
    ],
    related: [...(claim === undefined ? [] : [claim]), ...waiting.map((pod) => refOf("Pod", pod))],
    ...(since !== undefined && { since }),
    params: { node: nodeName },
  };
}

/** What is wrong with the node that holds the volume; undefined when nothing is, or when that is not known. */
function nodeState(
  snapshot: Snapshot,
  name: string,
): { readonly because: string; readonly ref: ObjectRef; readonly evidence: Evidence } | undefined {
  if (name === "") return undefined;
  const node = snapshot.get("Node", undefined, name);
  if (node === undefined) {
    if (!snapshot.isComplete("Node")) return undefined;
    const ref = namedRef("Node", undefined, name);
    return { because: "the node does not exist any more", ref, evidence: missing(ref) };
  }
  const ready = conditionOf(node, "Ready");
  if (ready === undefined || ready.status === "True") return undefined;
  const ref = refOf("Node", node);
  return {
    because: "the node is not ready",
    ref,
    evidence: field(ref, "status.conditions[Ready].status", ready.status),
  };
}
