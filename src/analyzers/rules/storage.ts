/** What the storage analyzers ask of claims, volumes and classes. */
import { isFinished } from "../../kube/guards.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import { namedRef, type ObjectRef } from "../../kube/object-ref.ts";
import { oncePerSnapshot, podsUsingClaim } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";

type Claim = KubeObject<"PersistentVolumeClaim">;
type Volume = KubeObject<"PersistentVolume">;

/** The class that a claim or volume names: the old annotation wins (concepts/storage/persistent-volumes/#class). */
export function classNameOf({ metadata, spec }: Pick<Claim | Volume, "metadata" | "spec">): string | undefined {
  return metadata?.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName;
}

/** Whether the class serves claims that name none. */
export function isDefaultClass({ metadata }: KubeObject<"StorageClass">): boolean {
  return (
    metadata?.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true" ||
    metadata?.annotations?.["storageclass.beta.kubernetes.io/is-default-class"] === "true"
  );
}

/** The claim that a volume is bound to or kept for. */
export function claimOf(volume: Volume): ObjectRef | undefined {
  const { namespace, name } = volume.spec?.claimRef ?? {};
  return name === undefined ? undefined : namedRef("PersistentVolumeClaim", namespace, name);
}

/** Whether the user asked for this namespace: a volume belongs to the namespace of its claim. */
export function isAskedFor({ scope }: Snapshot, namespace: string | undefined): boolean {
  if (namespace === undefined) return true;
  return (scope.include?.includes(namespace) ?? true) && scope.exclude?.includes(namespace) !== true;
}

/** The Pods that mount the claim and wait for it. */
export function podsWaitingFor(snapshot: Snapshot, claim: ObjectRef | undefined): readonly KubeObject<"Pod">[] {
  if (claim?.namespace === undefined) return [];
  return podsUsingClaim(snapshot, claim.namespace, claim.name).filter(
    (pod) => !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined && pod.status?.phase === "Pending",
  );
}

/** The claims that name a class, or leave it to the default, by the class; "" stands for the default. */
export const dynamicClaims: (snapshot: Snapshot) => ReadonlyMap<string, readonly Claim[]> = oncePerSnapshot(
  (snapshot) =>
    // An empty class name turns the making of volumes off.
    Map.groupBy(
      snapshot.list("PersistentVolumeClaim").filter((claim) => classNameOf(claim) !== ""),
      (claim) => classNameOf(claim) ?? "",
    ),
);
