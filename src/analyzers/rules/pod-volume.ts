/** Volumes that cannot be attached or mounted. */
import { eventEvidence, type Evidence, fact, field, missing } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import type { EventRecord } from "../../kube/events.ts";
import { ageOf, graceMs, hasSettled, isFinished } from "../../kube/guards.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import { keyNamed, type MountCause, mountCause, multiAttachVolume, volumeNamed } from "../../kube/messages/mount.ts";
import { namedRef, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { oncePerSnapshot, podsUsingClaim } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { minuteMs, parseTime, secondMs } from "../../kube/time.ts";
import { currentEvents, nodeTrouble, type Pod, present, replicaSeverity, replicasFact } from "./pod-containers.ts";
import { isCreating } from "./pod-start.ts";
import { similarNames } from "./references.ts";

export type VolumeRule = "volume-multi-attach" | "volume-attach-failed" | "volume-mount-failed";

const describe = "kubectl -n {namespace} describe pod {name}";

export const volumeRules: Readonly<Record<VolumeRule, Rule>> = {
  "volume-multi-attach": {
    severity: "critical",
    depth: 5,
    message: "A volume that one node may use at a time is still attached to another node",
    why: "The replacement Pod waits for a disk that is held elsewhere",
    fix: "See that the other Pod ends; when its node is lost for good, remove the node so that the volume is released",
    source: "concepts/storage/persistent-volumes/#access-modes",
    commands: ["kubectl get volumeattachment", "kubectl -n {namespace} get pods -o wide", describe],
    silent: ["within 2 min of a move", "volumes that many nodes may use", "the claim is not bound"],
  },
  "volume-attach-failed": {
    severity: ["critical", "warning"],
    depth: 5,
    message: "A volume cannot be attached to the node",
    why: "The Pod waits for its disk",
    fix: "Read what the storage driver says, then look at the driver's controller and at the volume in the storage system",
    source: "concepts/storage/persistent-volumes/",
    commands: ["kubectl describe volumeattachment {attachment}", "kubectl get volumeattachment", describe],
    silent: ["the volume is attached by now"],
  },
  "volume-mount-failed": {
    severity: ["critical", "warning"],
    depth: 5,
    message: "A volume cannot be mounted",
    why: "The Pod stays in ContainerCreating for ever",
    fix: "Create what the volume names, or correct the volume",
    source: "concepts/storage/volumes/",
    commands: [describe, "kubectl -n {namespace} get pod {name} -o yaml"],
    silent: ["the reference is optional", "the Pod has started since", "the first failure is less than 60 s old"],
  },
};

/** What keeps a Pod that is being created from its volumes; the first that applies. */
export function volumeObservation(snapshot: Snapshot, pod: Pod): Observation<VolumeRule> | undefined {
  if ((pod.spec?.nodeName ?? "") === "" || !isCreating(pod)) return undefined;
  return multiAttach(snapshot, pod) ?? attachFailed(snapshot, pod) ?? mountFailed(snapshot, pod);
}

// ---- attaching --------------------------------------------------------------------------------------------------------

interface Claimed {
  readonly claim: KubeObject<"PersistentVolumeClaim">;
  readonly ref: ObjectRef;
  readonly volume: string;
}

/** The bound claims of a Pod, with their volumes. */
function boundClaims(snapshot: Snapshot, pod: Pod): readonly Claimed[] {
  const { namespace, name = "" } = pod.metadata ?? {};
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    const claimName =
      volume.persistentVolumeClaim?.claimName ??
      (volume.ephemeral === undefined ? undefined : `${name}-${volume.name}`);
    const claim = claimName === undefined ? undefined : snapshot.get("PersistentVolumeClaim", namespace, claimName);
    const bound = claim?.spec?.volumeName;
    if (claim === undefined || bound === undefined || claim.status?.phase !== "Bound") return [];
    return [{ claim, ref: refOf("PersistentVolumeClaim", claim), volume: bound }];
  });
}

const attachmentsByVolume = oncePerSnapshot((snapshot) =>
  Map.groupBy(snapshot.list("VolumeAttachment"), ({ spec }) => spec?.source?.persistentVolumeName ?? ""),
);

function isSingleNode({ claim }: Claimed): boolean {
  const modes = claim.status?.accessModes ?? claim.spec?.accessModes ?? [];
  return modes.length > 0 && modes.every((mode) => mode === "ReadWriteOnce" || mode === "ReadWriteOncePod");
}

function multiAttach(snapshot: Snapshot, pod: Pod): Observation<VolumeRule> | undefined {
  if (!hasSettled(snapshot, pod, 2 * minuteMs, pod.status?.startTime)) return undefined;
  const ref = refOf("Pod", pod);
  const node = pod.spec?.nodeName ?? "";
  const event = currentEvents(snapshot, ref, ["FailedAttachVolume"]).find(
    ({ message }) => multiAttachVolume(message) !== undefined,
  );
  const claims = boundClaims(snapshot, pod).filter(isSingleNode);
  const held = claims
    .map((claimed) => ({ claimed, attachment: attachmentElsewhere(snapshot, claimed.volume, node) }))
    .find(({ attachment }) => attachment !== undefined);
  if (event === undefined && held === undefined) return undefined;
  const named = event === undefined ? undefined : multiAttachVolume(event.message);
  const claimed =
    held?.claimed ?? claims.find(({ volume }) => volume === named) ?? (claims.length === 1 ? claims[0] : undefined);
  // The event names a volume that many nodes may use, or a claim that is bound no more.
  if (
    claimed === undefined &&
    snapshot.isComplete("PersistentVolumeClaim", pod.metadata?.namespace) &&
    claimNames(pod).length > 0
  ) {
    return undefined;
  }
  const holders =
    claimed === undefined
      ? []
      : podsUsingClaim(snapshot, pod.metadata?.namespace ?? "", claimed.ref.name).filter(
          (other) => other !== pod && !isFinished(other) && (other.spec?.nodeName ?? node) !== node,
        );
  const holder = holders[0];
  const trouble = holder === undefined ? undefined : nodeTrouble(snapshot, holder);
  const otherNode = held?.attachment?.spec?.nodeName ?? holder?.spec?.nodeName;
  const since = event?.firstSeen ?? parseTime(pod.status?.startTime);
  return {
    rule: "volume-multi-attach",
    object: ref,
    discriminator: claimed?.ref.name ?? named ?? "",
    ...(trouble !== undefined && { because: "the other node is out of service", cause: trouble.ref }),
    evidence: [
      ...(event === undefined ? [] : [eventEvidence(event)]),
      field(ref, "spec.nodeName", node),
      ...(held?.attachment === undefined
        ? []
        : [field(refOf("VolumeAttachment", held.attachment), "spec.nodeName", held.attachment.spec?.nodeName)]),
      ...(holder === undefined
        ? []
        : [
            field(refOf("Pod", holder), "spec.nodeName", holder.spec?.nodeName),
            field(refOf("Pod", holder), "status.phase", holder.status?.phase),
            ...present(refOf("Pod", holder), { "metadata.deletionTimestamp": holder.metadata?.deletionTimestamp }),
          ]),
      ...(holder === undefined && otherNode !== undefined && held === undefined
        ? [fact(ref, "node that holds it", otherNode)]
        : []),
      ...(trouble === undefined ? [] : [trouble.evidence]),
      ...(claimed === undefined ? [] : [field(claimed.ref, "spec.accessModes", claimed.claim.spec?.accessModes)]),
    ],
    related: [
      ...(claimed === undefined ? [] : [claimed.ref]),
      ...holders.slice(0, 3).map((other) => refOf("Pod", other)),
    ],
    ...(since !== undefined && { since }),
  };
}

function claimNames(pod: Pod): readonly string[] {
  return (pod.spec?.volumes ?? []).flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
}

/** An attachment to another node, while there is none to this one. */
function attachmentElsewhere(
  snapshot: Snapshot,
  volume: string,
  node: string,
): KubeObject<"VolumeAttachment"> | undefined {
  const attachments = attachmentsByVolume(snapshot).get(volume) ?? [];
  if (attachments.some(({ spec, status }) => spec?.nodeName === node && status?.attached === true)) return undefined;
  return attachments.find(({ spec, status }) => spec?.nodeName !== node && status?.attached === true);
}

function attachFailed(snapshot: Snapshot, pod: Pod): Observation<VolumeRule> | undefined {
  if (!hasSettled(snapshot, pod, graceMs.pod, pod.status?.startTime)) return undefined;
  const ref = refOf("Pod", pod);
  const node = pod.spec?.nodeName ?? "";
  const claims = boundClaims(snapshot, pod);
  const attachments = claims.flatMap((claimed) =>
    (attachmentsByVolume(snapshot).get(claimed.volume) ?? [])
      .filter(({ spec }) => spec?.nodeName === node)
      .map((attachment) => ({ claimed, attachment })),
  );
  const failing = attachments.find(
    ({ attachment }) => attachment.status?.attached !== true && attachment.status?.attachError !== undefined,
  );
  const attached = attachments.filter(({ attachment }) => attachment.status?.attached === true);
  const event = currentEvents(snapshot, ref, ["FailedAttachVolume"]).find(
    ({ message }) =>
      multiAttachVolume(message) === undefined && !attached.some(({ claimed }) => message.includes(claimed.volume)),
  );
  if (failing === undefined && event === undefined) return undefined;
  // Every volume of the Pod is attached by now: what the event tells is over.
  if (failing === undefined && attachments.length > 0 && attached.length === claims.length) return undefined;
  const claimed = failing?.claimed ?? claims.find(({ volume }) => event?.message.includes(volume) === true);
  const attachment = failing === undefined ? undefined : refOf("VolumeAttachment", failing.attachment);
  const since = event?.firstSeen ?? parseTime(failing?.attachment.status?.attachError?.time);
  return {
    rule: "volume-attach-failed",
    severity: replicaSeverity(snapshot, pod),
    object: ref,
    discriminator: claimed?.ref.name ?? "",
    evidence: [
      ...(failing === undefined || attachment === undefined
        ? []
        : [
            field(attachment, "status.attachError.message", failing.attachment.status?.attachError?.message),
            ...present(attachment, { "spec.attacher": failing.attachment.spec?.attacher }),
          ]),
      ...(event === undefined ? [] : [eventEvidence(event)]),
      field(ref, "spec.nodeName", node),
      ...(claimed === undefined ? [] : [field(claimed.ref, "spec.volumeName", claimed.volume)]),
      ...replicasFact(snapshot, pod),
    ],
    related: [...(claimed === undefined ? [] : [claimed.ref]), ...(attachment === undefined ? [] : [attachment])],
    ...(since !== undefined && { since }),
    params: { attachment: attachment?.name ?? "" },
  };
}

// ---- mounting ---------------------------------------------------------------------------------------------------------

const mountSays: Readonly<Partial<Record<MountCause["type"], string>>> = {
  permission: "access is denied",
  filesystem: "the file system or its options do not fit",
  "stale-handle": "the NFS handle is stale",
  "host-path": "the path on the node is of another type",
  "path-missing": "the path does not exist",
  "not-synced": "the kubelet has not read what the volume names",
  "driver-missing": "the CSI driver is not registered on the node",
  timeout: "it is not ready in time",
};

function mountFailed(snapshot: Snapshot, pod: Pod): Observation<VolumeRule> | undefined {
  const ref = refOf("Pod", pod);
  const events = currentEvents(snapshot, ref, ["FailedMount", "FailedMapVolume"]);
  const firsts = events.map(({ firstSeen }) => firstSeen).filter((time) => time !== undefined);
  const since = firsts.length === 0 ? undefined : Math.min(...firsts);
  const age = ageOf(snapshot, since);
  if (age === undefined || age < 60 * secondMs) return undefined;
  // That it timed out says less than what it waited for.
  const told = events.map((event) => ({ event, cause: mountCause(event.message) }));
  const best = told.find(({ cause }) => cause.type !== "timeout" && cause.type !== "not-synced") ?? told[0];
  if (best === undefined) return undefined;
  const { event, cause } = best;
  const volume = volumeOf(snapshot, pod, event.message);
  const origin = originOf(snapshot, pod, event, cause, volume);
  if (origin?.isOptional === true) return undefined;
  const because =
    cause.type === "object-missing"
      ? `the ${cause.kind} it names does not exist`
      : (origin?.because ?? mountSays[cause.type]);
  return {
    rule: "volume-mount-failed",
    severity: replicaSeverity(snapshot, pod),
    object: ref,
    discriminator: volume?.name ?? "",
    ...(because !== undefined && { because }),
    ...(origin?.ref !== undefined && { cause: origin.ref }),
    evidence: [
      ...(origin?.evidence ?? []),
      eventEvidence(event),
      ...sourceOf(ref, volume),
      field(ref, "spec.nodeName", pod.spec?.nodeName),
      ...replicasFact(snapshot, pod),
    ],
    ...(since !== undefined && { since }),
  };
}

interface Origin {
  readonly ref?: ObjectRef;
  readonly because?: string;
  readonly isOptional?: boolean;
  readonly evidence: readonly Evidence[];
}

/** The object that the mount waits for. */
function originOf(
  snapshot: Snapshot,
  pod: Pod,
  event: EventRecord,
  cause: MountCause,
  volume: Volume | undefined,
): Origin | undefined {
  const { namespace } = pod.metadata ?? {};
  if (cause.type === "object-missing") {
    const wanted = namedRef(cause.kind, namespace, cause.name);
    const isThere = snapshot.find(wanted) !== undefined;
    const source =
      cause.kind === "Secret" ? volume?.secret : cause.kind === "ConfigMap" ? volume?.configMap : undefined;
    return {
      ref: wanted,
      isOptional: source?.optional === true,
      evidence: [
        ...(!isThere && snapshot.isComplete(cause.kind, namespace) ? [missing(wanted)] : []),
        ...similarNames(snapshot, wanted),
      ],
    };
  }
  if (cause.type === "key-missing") {
    const name = cause.kind === "Secret" ? volume?.secret?.secretName : volume?.configMap?.name;
    const key = keyNamed(event.message);
    const because = `the ${cause.kind} lacks an entry that it names`;
    if (name === undefined) return { because, evidence: [] };
    const holder = namedRef(cause.kind, namespace, name);
    return { ref: holder, because, evidence: key === undefined ? [] : [fact(holder, "entry that is not there", key)] };
  }
  return undefined;
}

type Volume = NonNullable<NonNullable<Pod["spec"]>["volumes"]>[number];

/** The Pod's volume that a message is about; it may name the PersistentVolume behind the claim instead. */
function volumeOf(snapshot: Snapshot, pod: Pod, message: string): Volume | undefined {
  const named = volumeNamed(message);
  const volumes = pod.spec?.volumes ?? [];
  const claim = boundClaims(snapshot, pod).find(({ volume }) => volume === named)?.ref.name;
  return volumes.find(
    ({ name, persistentVolumeClaim, ephemeral }) =>
      name === named ||
      (claim !== undefined &&
        (persistentVolumeClaim?.claimName === claim ||
          (ephemeral !== undefined && `${pod.metadata?.name}-${name}` === claim))),
  );
}

/** What the volume is made from, as its Pod says. */
function sourceOf(ref: ObjectRef, volume: Volume | undefined): readonly Evidence[] {
  if (volume === undefined) return [];
  const { name, ...source } = volume;
  return Object.entries(source)
    .slice(0, 1)
    .map(([kind, value]) => field(ref, `spec.volumes[${name}].${kind}`, value));
}
