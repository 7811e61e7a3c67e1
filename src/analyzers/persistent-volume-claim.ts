import { type Evidence, eventEvidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation, Rule } from "../findings/finding.ts";
import type { Severity } from "../findings/severity.ts";
import type { EventRecord } from "../kube/events.ts";
import {
  ageOf,
  conditionOf,
  eventMaxAgeMs,
  graceMs,
  hasSettled,
  isFinished,
  isGoingAway,
  isReady,
} from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { provisioningFailureInWords } from "../kube/messages/provisioning.ts";
import { compareText, namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { formatBytes, parseQuantity } from "../kube/quantity.ts";
import { oncePerSnapshot, podsUsingClaim } from "../kube/relations.ts";
import { selectorMatches } from "../kube/selectors.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

type Claim = KubeObject<"PersistentVolumeClaim">;
type Volume = KubeObject<"PersistentVolume">;
type Pod = KubeObject<"Pod">;

const describe = "kubectl -n {namespace} describe pvc {name}";
const pending = {
  severity: ["critical", "warning"],
  depth: 4,
  why: "Pods that mount it cannot start",
} as const satisfies Partial<Rule>;

export const persistentVolumeClaim: Analyzer = defineAnalyzer({
  name: "PersistentVolumeClaim",
  needs: ["PersistentVolumeClaim"],
  uses: ["StorageClass", "PersistentVolume", "Pod", "Event", "CSIDriver"],
  rules: {
    "pvc-pending-class-missing": {
      ...pending,
      message: "The claim names a StorageClass that does not exist",
      fix: "Name a StorageClass that exists; the field cannot be changed, so the claim has to be made anew",
      source: "concepts/storage/persistent-volumes/#class-1",
      commands: ["kubectl get storageclass", describe],
      silent: [
        "less than 2 minutes",
        "an empty class, or volumes made by hand carry the class name",
        "StorageClasses or volumes could not all be read",
      ],
    },
    "pvc-pending-no-default": {
      ...pending,
      message: "The claim names no StorageClass, and none is the default",
      fix: "Mark a StorageClass as the default, or name one in the claim",
      source: "concepts/storage/storage-classes/#default-storageclass",
      commands: ["kubectl get storageclass", describe],
      silent: ["less than 2 minutes", "a volume fits", "a default exists: the claim gets it soon"],
    },
    "pvc-pending-provision-failed": {
      ...pending,
      message: "The provisioner could not make a volume for the claim",
      fix: "Read the event: it holds the answer of the storage; the log of the provisioner says more",
      source: "concepts/storage/dynamic-provisioning/",
      commands: [describe, "kubectl get storageclass {class} -o yaml"],
      silent: ["less than 2 minutes", "it has succeeded since", "events older than an hour"],
    },
    "pvc-pending-provisioner-absent": {
      severity: ["critical", "warning", "info"],
      depth: 4,
      message: "The claim waits for a provisioner that does not answer",
      why: "Pods that mount it cannot start",
      fix: "Install or start the provisioner that the StorageClass names",
      source: "concepts/storage/storage-classes/#provisioner",
      commands: ["kubectl get csidriver", "kubectl get pods -A", describe],
      silent: [
        "less than 5 minutes, or the provisioner has answered",
        "classes without a provisioner and those built into Kubernetes",
        "its driver is registered and its Pods are not seen: it may run outside the cluster (info)",
      ],
    },
    "pvc-pending-no-match": {
      ...pending,
      message: "No volume fits the claim, and none is made for it",
      fix: "Make a PersistentVolume that fits in class, size, access modes and labels, or change the claim",
      source: "concepts/storage/persistent-volumes/#binding",
      commands: ["kubectl get pv", describe],
      silent: [
        "less than 2 minutes",
        "a volume fits",
        "it waits for its first consumer",
        "volumes could not all be read",
      ],
    },
    "pvc-waiting-for-consumer": {
      severity: "info",
      depth: 4,
      message: "The claim waits for a first Pod that mounts it",
      why: "Nothing is wrong: its class binds when a Pod is scheduled; it may be a leftover",
      fix: "Remove the claim if nothing will use it",
      source: "concepts/storage/storage-classes/#volume-binding-mode",
      commands: [describe],
      silent: ["less than a day", "a Pod mounts it: what keeps that Pod is the cause"],
    },
    "pvc-lost": {
      severity: "critical",
      depth: 4,
      message: "The claim has lost its volume",
      why: "Data may be gone; Pods that mount it cannot start again",
      fix: "Restore the PersistentVolume that the claim names, or make the claim anew from a backup",
      source: "concepts/storage/persistent-volumes/#binding",
      commands: ["kubectl get pv {volume}", describe],
      silent: ["being deleted"],
    },
    "pvc-resize-stuck": {
      severity: ["warning", "info"],
      depth: 4,
      message: "The claim asks for more space than it has got, and the resize does not go on",
      why: "The disk fills while everyone believes it grew",
      fix: "Read the condition of the claim; the log of the resizer says more",
      source: "concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims",
      commands: [describe, "kubectl get storageclass {class} -o yaml"],
      silent: ["less than 15 minutes", "only the file system step is left and no Pod mounts the claim (info)"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("PersistentVolumeClaim")) {
      if (isGoingAway(snapshot, object)) continue;
      const phase = object.status?.phase;
      if (phase === "Lost") yield lost(snapshot, object);
      else if (phase === "Pending" && hasSettled(snapshot, object, graceMs.claim)) yield* stuck(snapshot, object);
      else if (phase === "Bound") yield* resize(snapshot, object);
    }
  },
});

type RuleId =
  | "pvc-pending-class-missing"
  | "pvc-pending-no-default"
  | "pvc-pending-provision-failed"
  | "pvc-pending-provisioner-absent"
  | "pvc-pending-no-match"
  | "pvc-waiting-for-consumer"
  | "pvc-lost"
  | "pvc-resize-stuck";
type Said = Iterable<Observation<RuleId>>;

function lost(snapshot: Snapshot, object: Claim): Observation<RuleId> {
  const ref = refOf("PersistentVolumeClaim", object);
  const { volumeName = "" } = object.spec ?? {};
  const volume = namedRef("PersistentVolume", undefined, volumeName);
  const isGone = volumeName !== "" && snapshot.isComplete("PersistentVolume") && snapshot.find(volume) === undefined;
  return {
    rule: "pvc-lost",
    object: ref,
    ...(isGone && { cause: volume, because: "the volume does not exist any more" }),
    evidence: [
      field(ref, "status.phase", "Lost"),
      field(ref, "spec.volumeName", volumeName),
      ...(isGone ? [missing(volume)] : []),
      ...waitingPods(snapshot, ref)
        .slice(0, 3)
        .map((pod) => fact(refOf("Pod", pod), "waits for the claim", true)),
    ],
    related: waitingPods(snapshot, ref).map((pod) => refOf("Pod", pod)),
    params: { volume: volumeName },
  };
}

/** Live Pods that mount the claim. */
function mountingPods(snapshot: Snapshot, { namespace = "", name }: ObjectRef): readonly Pod[] {
  return podsUsingClaim(snapshot, namespace, name).filter(
    (pod) => !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined,
  );
}

function waitingPods(snapshot: Snapshot, ref: ObjectRef): readonly Pod[] {
  return mountingPods(snapshot, ref).filter((pod) => pod.status?.phase === "Pending");
}

/** The class of a claim or volume: the old annotation wins (concepts/storage/persistent-volumes/#class). */
function classOf({ metadata, spec }: Pick<Claim | Volume, "metadata" | "spec">): string | undefined {
  return metadata?.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName;
}

const isDefaultClass = ({ metadata }: KubeObject<"StorageClass">): boolean =>
  metadata?.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true" ||
  metadata?.annotations?.["storageclass.beta.kubernetes.io/is-default-class"] === "true";

const volumesByClass = oncePerSnapshot((snapshot) =>
  Map.groupBy(
    snapshot.list("PersistentVolume").filter(({ metadata }) => metadata?.deletionTimestamp === undefined),
    (volume) => classOf(volume) ?? "",
  ),
);

/** A claim that is Pending: the nearest cause, and only that one. */
function* stuck(snapshot: Snapshot, object: Claim): Said {
  const ref = refOf("PersistentVolumeClaim", object);
  const className = classOf(object);
  const waiting = waitingPods(snapshot, ref);
  const severity: Severity = waiting.length > 0 ? "critical" : "warning";
  const related = waiting.map((pod) => refOf("Pod", pod));
  const pods = waiting.slice(0, 2).map((pod) => field(refOf("Pod", pod), "status.phase", "Pending"));
  const common = { object: ref, severity, related };
  const knowsClasses = snapshot.isComplete("StorageClass");
  const knowsVolumes = snapshot.isComplete("PersistentVolume");
  const events = currentEvents(snapshot, ref);

  if ((object.spec?.volumeName ?? "") !== "") {
    if (knowsVolumes) yield* noMatch(snapshot, object, ref, common, pods);
    return;
  }
  if (className === undefined) {
    if (!knowsClasses || !knowsVolumes || snapshot.list("StorageClass").some(isDefaultClass)) return;
    if (nearestVolume(snapshot, object, "")?.misfits.length === 0) return;
    const names = snapshot.list("StorageClass").map(({ metadata }) => metadata?.name ?? "");
    yield {
      rule: "pvc-pending-no-default",
      ...common,
      evidence: [
        field(ref, "spec.storageClassName", undefined),
        fact(
          ref,
          "existing classes, none of them the default",
          names.length === 0 ? "none" : names.slice(0, 12).join(", "),
        ),
        ...pods,
      ],
    };
    return;
  }
  if (className === "") {
    if (knowsVolumes) yield* noMatch(snapshot, object, ref, common, pods);
    return;
  }
  const storageClass = snapshot.get("StorageClass", undefined, className);
  if (storageClass === undefined) {
    const saysMissing = events.some(({ message }) =>
      /storageclass(\.storage\.k8s\.io)? "[^"]*" not found/i.test(message),
    );
    if (!knowsClasses || (!knowsVolumes && !saysMissing)) return;
    // Volumes made by hand may carry a class name that stands for nothing else.
    if ((volumesByClass(snapshot).get(className) ?? []).length > 0) {
      yield* noMatch(snapshot, object, ref, common, pods);
      return;
    }
    const names = snapshot.list("StorageClass").map(({ metadata }) => metadata?.name ?? "");
    const similar = similarNames(className, names);
    const cause = namedRef("StorageClass", undefined, className);
    yield {
      rule: "pvc-pending-class-missing",
      ...common,
      cause,
      evidence: [
        missing(cause),
        field(ref, "spec.storageClassName", className),
        fact(ref, "existing classes", names.length === 0 ? "none" : names.slice(0, 12).join(", ")),
        ...(similar.length === 0 ? [] : [fact(ref, "similar classes", similar.join(", "))]),
        ...pods,
      ],
    };
    return;
  }
  const isLate = storageClass.volumeBindingMode === "WaitForFirstConsumer";
  if (isLate && mountingPods(snapshot, ref).length === 0) {
    if (snapshot.isComplete("Pod", ref.namespace) && hasSettled(snapshot, object, dayMs)) {
      const since = parseTime(object.metadata?.creationTimestamp);
      yield {
        rule: "pvc-waiting-for-consumer",
        object: ref,
        evidence: [
          field(ref, "status.phase", "Pending"),
          field(refOf("StorageClass", storageClass), "volumeBindingMode", storageClass.volumeBindingMode),
        ],
        ...(since !== undefined && { since }),
      };
    }
    return;
  }
  if (storageClass.provisioner === "kubernetes.io/no-provisioner") {
    if (knowsVolumes) yield* noMatch(snapshot, object, ref, common, pods);
    return;
  }
  yield* provisioning(snapshot, object, ref, storageClass, events, common, pods);
}

interface Common {
  readonly object: ObjectRef;
  readonly severity: Severity;
  readonly related: readonly ObjectRef[];
}

/** Events about the claim that still tell of now (G6), newest first. */
function currentEvents(snapshot: Snapshot, ref: ObjectRef): readonly EventRecord[] {
  return snapshot
    .eventsOf(ref)
    .filter(({ lastSeen }) => lastSeen === undefined || snapshot.takenAt - lastSeen <= eventMaxAgeMs);
}

function* provisioning(
  snapshot: Snapshot,
  object: Claim,
  ref: ObjectRef,
  storageClass: KubeObject<"StorageClass">,
  events: readonly EventRecord[],
  common: Common,
  pods: readonly Evidence[],
): Said {
  const classRef = refOf("StorageClass", storageClass);
  const failed = events.find(({ reason }) => reason === "ProvisioningFailed");
  const succeeded = events.find(({ reason }) => reason === "ProvisioningSucceeded");
  if (failed !== undefined && (succeeded === undefined || (failed.lastSeen ?? 0) > (succeeded.lastSeen ?? 0))) {
    const because = provisioningFailureInWords(failed.message);
    yield {
      rule: "pvc-pending-provision-failed",
      ...common,
      ...(because !== undefined && { because }),
      evidence: [
        eventEvidence(failed),
        field(ref, "spec.storageClassName", classRef.name),
        field(classRef, "provisioner", storageClass.provisioner),
        ...pods,
      ],
      ...(failed.firstSeen !== undefined && { since: failed.firstSeen }),
      params: { class: classRef.name },
    };
    return;
  }
  const waiting = events.find(({ reason }) => reason === "ExternalProvisioning");
  const { provisioner = "" } = storageClass;
  const isBuiltIn = provisioner.startsWith("kubernetes.io/");
  if (waiting === undefined || provisioner === "" || isBuiltIn || !hasSettled(snapshot, object, 5 * minuteMs)) return;
  // The controller repeats the event every 15 seconds at first, and more rarely later on.
  const isRepeated = waiting.count > 1 || (ageOf(snapshot, waiting.firstSeen) ?? 0) > 5 * minuteMs;
  const hasAnswered = events.some(({ reason }) => reason === "Provisioning" || reason === "ProvisioningSucceeded");
  if (!isRepeated || hasAnswered || !snapshot.isComplete("CSIDriver")) return;
  const driver = namedRef("CSIDriver", undefined, provisioner);
  const isRegistered = snapshot.find(driver) !== undefined;
  const runners = snapshot.isComplete("Pod") ? podsNaming(snapshot, provisioner) : undefined;
  if (runners?.some(isReady) === true) return;
  if (runners === undefined && isRegistered) return;
  const hasNone = runners === undefined || runners.length === 0;
  yield {
    rule: "pvc-pending-provisioner-absent",
    ...common,
    ...(isRegistered && hasNone ? { severity: "info" as const } : {}),
    because: isRegistered
      ? hasNone
        ? "its driver is registered, its Pods are not seen"
        : "none of its Pods is ready"
      : hasNone
        ? "no driver of that name is registered"
        : "none of its Pods is ready",
    ...(!isRegistered && hasNone && { cause: driver }),
    evidence: [
      ...(isRegistered ? [] : [missing(driver)]),
      field(classRef, "provisioner", provisioner),
      field(ref, "spec.storageClassName", classRef.name),
      eventEvidence(waiting),
      ...(runners ?? []).slice(0, 2).map((pod) => field(refOf("Pod", pod), "status.phase", pod.status?.phase)),
      ...pods,
    ],
    related: [...common.related, ...(runners ?? []).map((pod) => refOf("Pod", pod))],
    ...(waiting.firstSeen !== undefined && { since: waiting.firstSeen }),
    params: { class: classRef.name },
  };
}

/**
 * Pods that name a provisioner in what they run or mount (`--driver-name=…`, `/var/lib/kubelet/plugins/<driver>`), or that
 * are called after it: `rancher.io/local-path` → `local-path-provisioner-…`.
 */
function podsNaming(snapshot: Snapshot, provisioner: string): readonly Pod[] {
  const short = provisioner.includes("/") ? (provisioner.split("/").at(-1) ?? "") : (provisioner.split(".")[0] ?? "");
  return snapshot.list("Pod").filter((pod) => {
    if (isFinished(pod)) return false;
    const { containers = [], initContainers = [], volumes = [] } = pod.spec ?? {};
    const { name = "" } = pod.metadata ?? {};
    return (
      (short.length > 3 && name.includes(short)) ||
      volumes.some(({ hostPath }) => hostPath?.path?.includes(provisioner) === true) ||
      [...containers, ...initContainers].some(({ command = [], args = [] }) =>
        [...command, ...args].some((word) => word.includes(provisioner)),
      )
    );
  });
}

// ---- static binding -------------------------------------------------------------------------------------------------

interface Candidate {
  readonly volume: Volume;
  /** Which tests it fails, in fixed words. */
  readonly misfits: readonly string[];
}

function* noMatch(snapshot: Snapshot, object: Claim, ref: ObjectRef, common: Common, pods: readonly Evidence[]): Said {
  const { volumeName = "", resources, accessModes = [] } = object.spec ?? {};
  const wanted = [
    field(ref, "spec.resources.requests.storage", resources?.requests?.["storage"]),
    field(ref, "spec.accessModes", accessModes),
  ];
  if (volumeName !== "") {
    const volumeRef = namedRef("PersistentVolume", undefined, volumeName);
    const volume = snapshot.get("PersistentVolume", undefined, volumeName);
    const misfits = volume === undefined ? [] : misfitsOf(object, ref, volume);
    if (volume !== undefined && misfits.length === 0) return;
    yield {
      rule: "pvc-pending-no-match",
      ...common,
      because:
        volume === undefined
          ? "the volume that it names does not exist"
          : `the volume that it names does not fit (${misfits.join(", ")})`,
      cause: volumeRef,
      evidence: [
        ...(volume === undefined ? [missing(volumeRef)] : volumeFields(volume)),
        field(ref, "spec.volumeName", volumeName),
        ...wanted,
        ...pods,
      ].slice(0, 8),
    };
    return;
  }
  const nearest = nearestVolume(snapshot, object, classOf(object) ?? "");
  if (nearest?.misfits.length === 0) return;
  yield {
    rule: "pvc-pending-no-match",
    ...common,
    because:
      nearest === undefined
        ? "there is no volume of its class"
        : `the nearest one does not fit (${nearest.misfits.join(", ")})`,
    evidence: [
      field(ref, "spec.storageClassName", classOf(object)),
      ...(nearest === undefined ? [] : volumeFields(nearest.volume)),
      ...wanted,
      ...pods,
    ].slice(0, 8),
  };
}

function volumeFields(volume: Volume): readonly Evidence[] {
  const ref = refOf("PersistentVolume", volume);
  return [
    field(ref, "status.phase", volume.status?.phase),
    field(ref, "spec.capacity.storage", volume.spec?.capacity?.["storage"]),
    field(ref, "spec.accessModes", volume.spec?.accessModes ?? []),
  ];
}

/** The volume of the class that fails the fewest tests; by name among equals. */
function nearestVolume(snapshot: Snapshot, object: Claim, className: string): Candidate | undefined {
  const ref = refOf("PersistentVolumeClaim", object);
  let best: Candidate | undefined;
  for (const volume of volumesByClass(snapshot).get(className) ?? []) {
    const misfits = misfitsOf(object, ref, volume);
    if (misfits.length === 0) return { volume, misfits };
    const isBetter =
      best === undefined ||
      misfits.length < best.misfits.length ||
      (misfits.length === best.misfits.length &&
        compareText(volume.metadata?.name ?? "", best.volume.metadata?.name ?? "") < 0);
    if (isBetter) best = { volume, misfits };
  }
  return best;
}

/** The tests of the volume controller (concepts/storage/persistent-volumes/#binding) that a volume fails for a claim. */
function misfitsOf(object: Claim, ref: ObjectRef, volume: Volume): readonly string[] {
  const { resources, accessModes = [], volumeMode = "Filesystem", selector } = object.spec ?? {};
  const { claimRef } = volume.spec ?? {};
  const misfits: string[] = [];
  const isOurs =
    claimRef?.name === ref.name &&
    claimRef.namespace === ref.namespace &&
    (claimRef.uid === undefined || claimRef.uid === "" || claimRef.uid === ref.uid);
  if (claimRef?.name !== undefined && !isOurs) misfits.push("taken by another claim");
  else if (volume.status?.phase === "Released" || volume.status?.phase === "Failed") misfits.push("not available");
  if ((classOf(volume) ?? "") !== (classOf(object) ?? "")) misfits.push("class");
  const wanted = parseQuantity(resources?.requests?.["storage"]) ?? 0;
  if ((parseQuantity(volume.spec?.capacity?.["storage"]) ?? 0) < wanted) misfits.push("size");
  if (!accessModes.every((mode) => volume.spec?.accessModes?.includes(mode) === true)) misfits.push("access modes");
  if ((volume.spec?.volumeMode ?? "Filesystem") !== volumeMode) misfits.push("volume mode");
  if (selector !== undefined && !selectorMatches(selector, volume.metadata?.labels)) misfits.push("labels");
  return misfits;
}

// ---- resize ---------------------------------------------------------------------------------------------------------

const resizeLimitMs = 15 * minuteMs;

function* resize(snapshot: Snapshot, object: Claim): Said {
  const wanted = parseQuantity(object.spec?.resources?.requests?.["storage"]);
  const has = parseQuantity(object.status?.capacity?.["storage"]);
  if (wanted === undefined || has === undefined || wanted <= has) return;
  const ref = refOf("PersistentVolumeClaim", object);
  const className = classOf(object) ?? "";
  const storageClass = snapshot.get("StorageClass", undefined, className);
  const state = object.status?.allocatedResourceStatuses?.["storage"];
  const error = conditionOf(object, "ControllerResizeError") ?? conditionOf(object, "NodeResizeError");
  const fileSystem = conditionOf(object, "FileSystemResizePending");
  const condition = [error, fileSystem, conditionOf(object, "Resizing")].find((entry) => entry?.status === "True");
  const event = currentEvents(snapshot, ref).find(({ reason }) =>
    /^(VolumeResizeFailed|ExternalExpanding|FileSystemResizeFailed)$/.test(reason),
  );
  const isInfeasible = state?.endsWith("Infeasible") === true;
  const since = parseTime(condition?.lastTransitionTime) ?? event?.firstSeen;
  const isOld = since !== undefined && snapshot.takenAt - since > resizeLimitMs;
  const isRefused = storageClass !== undefined && storageClass.allowVolumeExpansion !== true;
  if (!isOld && !isInfeasible && !(isRefused && hasSettled(snapshot, object, resizeLimitMs))) return;
  const mounting = mountingPods(snapshot, ref);
  const isForNextMount =
    condition === fileSystem &&
    fileSystem !== undefined &&
    !isInfeasible &&
    mounting.length === 0 &&
    snapshot.isComplete("Pod", ref.namespace);
  const because = isForNextMount
    ? "it finishes on the next mount"
    : isInfeasible
      ? "the storage cannot give that size"
      : isRefused
        ? "its StorageClass does not allow it"
        : condition === error && error !== undefined
          ? "the resize failed"
          : condition === fileSystem && fileSystem !== undefined
            ? "the file system has not grown yet"
            : undefined;
  yield {
    rule: "pvc-resize-stuck",
    object: ref,
    severity: isForNextMount ? "info" : "warning",
    ...(because !== undefined && { because }),
    evidence: [
      field(ref, "spec.resources.requests.storage", object.spec?.resources?.requests?.["storage"]),
      field(ref, "status.capacity.storage", object.status?.capacity?.["storage"]),
      fact(ref, "still missing", formatBytes(wanted - has)),
      ...(condition === undefined
        ? []
        : [
            field(ref, `status.conditions[${condition.type}].status`, condition.status),
            ...(condition.message === undefined
              ? []
              : [field(ref, `status.conditions[${condition.type}].message`, condition.message)]),
          ]),
      ...(state === undefined ? [] : [field(ref, "status.allocatedResourceStatuses.storage", state)]),
      ...(event === undefined ? [] : [eventEvidence(event)]),
      fact(ref, "Pods that mount it", mounting.length),
    ].slice(0, 8),
    ...(since !== undefined && { since }),
    params: { class: className },
  };
}
