/** Objects that do not go away although they should: held by a finalizer, or left behind by their owner. */
import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, ageOfObject, isFinished, isGoingAway } from "../kube/guards.ts";
import { isKindName, type KindName, kindDefinition, type KubeObject, type ObjectMeta } from "../kube/kinds.ts";
import { finalizerInWords } from "../kube/messages/finalizers.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { podsUsingClaim } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { formatDuration, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

/** Kinds whose deletion is often held; Pods, Namespaces, definitions and attachments have rules of their own. */
const deletedKinds = [
  "Service",
  "PersistentVolumeClaim",
  "PersistentVolume",
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
  "Ingress",
  "Node",
] as const satisfies readonly KindName[];

/** Kinds that controllers make, and that are left behind when the garbage collector stands still. */
const ownedKinds = ["Pod", "ReplicaSet", "Job"] as const satisfies readonly KindName[];

const show = "kubectl -n {namespace} get {kind} {name} -o yaml";

export const garbageCollection: Analyzer = defineAnalyzer({
  name: "GarbageCollection",
  core: false,
  needs: [],
  uses: [...new Set([...deletedKinds, ...ownedKinds, "Namespace" as const])],
  customResources: true,
  rules: {
    "object-stuck-finalizer": {
      severity: ["warning", "info"],
      depth: 3,
      message: "The object is being deleted, and a finalizer holds it",
      why: "Its name stays blocked, and pipelines that make it anew fail",
      fix: "Look at the controller that owns the finalizer: it has something to clean up first. Take the finalizer off only when that is done",
      source: "concepts/overview/working-with-objects/finalizers/",
      commands: [show, "kubectl get {kind} {name} -o yaml"],
      silent: [
        "less than 15 minutes",
        "claims that a live Pod uses and volumes that are bound (info)",
        "what it owns is being deleted first",
      ],
    },
    "owner-missing": {
      severity: ["warning", "info"],
      depth: 3,
      message: "The owner of the object is gone, and the object was not collected",
      why: "Leftovers are never collected: they hold capacity and confuse whoever counts",
      fix: "Check that kube-controller-manager runs and that every APIService answers: one that fails holds the collector up",
      source: "concepts/architecture/garbage-collection/",
      commands: [show, "kubectl get apiservice", "kubectl -n kube-system get lease"],
      silent: [
        "younger than 10 minutes, or being deleted",
        "the owners could not all be read",
        "nothing proves when the owner went (info)",
      ],
    },
  },
  *check(snapshot) {
    for (const kind of deletedKinds) {
      for (const object of snapshot.list(kind)) {
        if (object.metadata?.deletionTimestamp === undefined) continue;
        yield* held(snapshot, refOf(kind, object), object.metadata, () => usersOf(snapshot, kind, object));
      }
    }
    for (const { kind, object } of snapshot.customResources()) {
      yield* held(snapshot, refOf(kind, object), object.metadata, () => []);
    }
    for (const kind of ownedKinds) for (const object of snapshot.list(kind)) yield* orphaned(snapshot, kind, object);
  },
});

type Said = Iterable<Observation<"object-stuck-finalizer" | "owner-missing">>;

/** `using` tells what still uses the object: the finalizer then does what it is for. */
function* held(
  snapshot: Snapshot,
  ref: ObjectRef,
  metadata: ObjectMeta | undefined,
  using: () => readonly Evidence[],
): Said {
  const { deletionTimestamp, finalizers = [], namespace } = metadata ?? {};
  const age = ageOf(snapshot, deletionTimestamp);
  if (age === undefined || age < 15 * minuteMs || finalizers.length === 0) return;
  const dependents = ref.uid === undefined ? [] : snapshot.dependentsOf(ref.uid);
  const isForeground = finalizers.every((name) => name === "foregroundDeletion");
  if (isForeground && dependents.some(({ object: each }) => each.metadata?.deletionTimestamp !== undefined)) return;
  const users = using();
  // The namespace is held by what is in it.
  const home = namespace === undefined ? undefined : snapshot.get("Namespace", undefined, namespace);
  const because = finalizers.map(finalizerInWords).find((words) => words !== undefined);
  const since = parseTime(deletionTimestamp);
  yield {
    rule: "object-stuck-finalizer",
    object: ref,
    severity: users.length > 0 && finalizers.length === 1 ? "info" : "warning",
    ...(because !== undefined && { because }),
    evidence: [
      field(ref, "metadata.finalizers", finalizers),
      field(ref, "metadata.deletionTimestamp", deletionTimestamp),
      fact(ref, "being deleted for", formatDuration(age)),
      ...users,
    ],
    related: home?.metadata?.deletionTimestamp === undefined ? [] : [refOf("Namespace", home)],
    ...(since !== undefined && { since }),
  };
}

/** What still uses a claim or a volume. */
function usersOf(snapshot: Snapshot, kind: KindName, object: KubeObject): readonly Evidence[] {
  const { namespace = "", name = "", finalizers = [] } = object.metadata ?? {};
  if (kind === "PersistentVolumeClaim" && finalizers.includes("kubernetes.io/pvc-protection")) {
    return podsUsingClaim(snapshot, namespace, name)
      .filter((pod) => !isFinished(pod))
      .slice(0, 3)
      .map((pod) => field(refOf("Pod", pod), "status.phase", pod.status?.phase));
  }
  if (kind === "PersistentVolume" && finalizers.includes("kubernetes.io/pv-protection")) {
    const ref = refOf(kind, object);
    const phase = snapshot.get("PersistentVolume", undefined, name)?.status?.phase;
    return phase === "Bound" ? [field(ref, "status.phase", phase)] : [];
  }
  return [];
}

function* orphaned(snapshot: Snapshot, kind: KindName, object: KubeObject): Said {
  const owners = object.metadata?.ownerReferences ?? [];
  // Almost every object has no owner, or one that lives.
  if (owners.length === 0 || owners.some(({ uid }) => uid === undefined || snapshot.byUid(uid) !== undefined)) return;
  if (isGoingAway(snapshot, object) || (ageOfObject(snapshot, object) ?? 0) < 10 * minuteMs) return;
  const states = owners.map((owner) => ownerState(snapshot, object, owner));
  // One owner that lives keeps the object.
  if (states.length === 0 || states.some((state) => state === undefined)) return;
  const ref = refOf(kind, object);
  const [first] = states;
  if (first === undefined) return;
  yield {
    rule: "owner-missing",
    object: ref,
    severity: states.every((state) => state?.isProven === true) ? "warning" : "info",
    because: first.isProven ? "another object of the same name has taken its place" : "no object of that name exists",
    evidence: [
      field(ref, `metadata.ownerReferences[${first.owner.name}].uid`, first.owner.uid ?? null),
      ...(first.isProven ? [fact(first.owner, "uid now", first.uidNow ?? "")] : [missing(first.owner)]),
      field(ref, "metadata.creationTimestamp", object.metadata?.creationTimestamp),
    ],
    cause: first.owner,
  };
}

type OwnerReference = NonNullable<NonNullable<KubeObject["metadata"]>["ownerReferences"]>[number];

interface GoneOwner {
  readonly owner: ObjectRef;
  /** Another object has had its name for long enough: it did not go while the lists were read. */
  readonly isProven: boolean;
  readonly uidNow?: string;
}

/** That the owner is gone; undefined when it lives or cannot be judged. */
function ownerState(snapshot: Snapshot, object: KubeObject, owner: OwnerReference): GoneOwner | undefined {
  const { kind = "", name = "", uid, apiVersion = "" } = owner;
  if (uid === undefined || snapshot.byUid(uid) !== undefined || !isKindName(kind)) return undefined;
  const declared: readonly KindName[] = [...deletedKinds, ...ownedKinds];
  const { group, namespaced } = kindDefinition(kind);
  const isSameGroup = (apiVersion.includes("/") ? apiVersion.split("/")[0] : "") === group;
  // Static Pods are owned by their node, whose uid is not always the one that they name.
  if (!declared.includes(kind) || !isSameGroup || kind === "Node") return undefined;
  const namespace = namespaced ? object.metadata?.namespace : undefined;
  if (!snapshot.isComplete(kind, namespace)) return undefined;
  const ref = { ...namedRef(kind, namespace, name), uid };
  const now = snapshot.get(kind, namespace, name);
  if (now === undefined) return { owner: ref, isProven: false };
  const uidNow = now.metadata?.uid;
  if (uidNow === undefined || uidNow === uid) return undefined;
  return { owner: ref, isProven: (ageOfObject(snapshot, now) ?? 0) >= 10 * minuteMs, uidNow };
}
