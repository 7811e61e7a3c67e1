/**
 * What the analyzers of the Operator Lifecycle Manager share. Its v1 has two kinds with usual conditions; its v0 has five
 * whose states are phases, histories and conditions that are bad when True.
 */
import { type Evidence, field } from "../../findings/evidence.ts";
import { ageOf, ageOfObject, isGoingAway, statusChangedAt } from "../../kube/guards.ts";
import type { Condition, KubeObject } from "../../kube/kinds.ts";
import { namedRef, type ObjectRef } from "../../kube/object-ref.ts";
import { oncePerSnapshot } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { minuteMs, parseTime } from "../../kube/time.ts";

/** How long a normal step of an installation may take. */
export const stepMs: number = 10 * minuteMs;

/** How long a state may last that passes by itself when a Pod or a connection comes back. */
export const passingMs: number = 5 * minuteMs;

/** Where the rules come from: what an operator is; the state machine is the project's own. */
export const operatorSource = "concepts/extend-kubernetes/operator/";

/** The condition of that type, with what an absent one stands for left undefined. */
export function condition(
  object: { readonly status?: { readonly conditions?: readonly Condition[] } },
  type: string,
): (Condition & { readonly observedGeneration?: number }) | undefined {
  return object.status?.conditions?.find((entry) => entry.type === type);
}

/** Reason and message of a condition as evidence. */
export function conditionEvidence(
  object: ObjectRef,
  { type = "", status, reason, message }: Condition,
): readonly Evidence[] {
  const at = `status.conditions[${type}]`;
  return [
    reason === undefined || reason === ""
      ? field(object, `${at}.status`, status)
      : field(object, `${at}.reason`, reason),
    ...(message === undefined || message === "" ? [] : [field(object, `${at}.message`, message)]),
  ];
}

/** Whether since `time`, else since the object's creation, at least `span` has passed; a time not known counts as long ago. */
export function lasted(
  snapshot: Snapshot,
  object: Parameters<typeof ageOfObject>[1],
  span: number,
  time?: string,
): boolean {
  const age = ageOf(snapshot, time) ?? ageOfObject(snapshot, object);
  return age === undefined || age >= span;
}

/** `since` of an observation, when the time is known. */
export function onset(time: string | undefined): { readonly since?: number } {
  const since = parseTime(time);
  return since === undefined ? {} : { since };
}

// ---- v1 ---------------------------------------------------------------------------------------------------------------

type Progressed = KubeObject<"ClusterCatalog"> | KubeObject<"ClusterExtension">;

/** An installation or a catalog that makes no progress. */
export interface Standstill {
  readonly condition: Condition;
  readonly because: string;
  readonly since?: number;
}

/**
 * Why the object makes no progress: blocked at once, retrying only after minutes. `Progressing` stays True from success to
 * retry, so that its transition time says little: the last change of the status counts, where the server kept it.
 */
export function standstillOf(snapshot: Snapshot, object: Progressed): Standstill | undefined {
  const found = condition(object, "Progressing");
  if (found === undefined || isBehind(object, found)) return undefined;
  if (found.reason === "Blocked") {
    return { condition: found, because: "it is blocked until somebody changes it", ...onset(found.lastTransitionTime) };
  }
  if (found.reason !== "Retrying") return undefined;
  const changed = statusChangedAt(snapshot, object);
  const began = changed ?? parseTime(found.lastTransitionTime);
  const age = ageOf(snapshot, began) ?? ageOfObject(snapshot, object);
  if (age !== undefined && age < stepMs) return undefined;
  return { condition: found, because: "it retries without success", ...(changed !== undefined && { since: changed }) };
}

/** Whether the condition tells of an older spec (G8). */
export function isBehind(
  { metadata }: Progressed,
  { observedGeneration }: { readonly observedGeneration?: number },
): boolean {
  return (
    observedGeneration !== undefined && metadata?.generation !== undefined && observedGeneration < metadata.generation
  );
}

// ---- v0 ---------------------------------------------------------------------------------------------------------------

/** Whether the ClusterServiceVersion is a copy that shows in a namespace that the operator watches. */
export function isCopied({ metadata, status }: KubeObject<"ClusterServiceVersion">): boolean {
  return metadata?.labels?.["olm.copiedFrom"] !== undefined || status?.reason === "Copied";
}

/**
 * The groups of a namespace as one thing: k8sgpt names what is wrong with their number by the namespace alone, and it has
 * no object of its own.
 */
export function groupsOf(namespace: string): ObjectRef {
  return namedRef("OperatorGroup", undefined, namespace);
}

/** The Subscriptions that a plan is the current one of, by `namespace/name` of the plan. */
const subscriptionsByPlan = oncePerSnapshot((snapshot) =>
  Map.groupBy(
    snapshot.list("Subscription").filter((subscription) => !isGoingAway(snapshot, subscription)),
    ({ metadata, status }) => `${metadata?.namespace}/${status?.installPlanRef?.name ?? ""}`,
  ),
);

/** The Subscriptions whose latest plan it is; a plan without any is history. */
export function subscriptionsOfPlan(
  snapshot: Snapshot,
  { metadata }: KubeObject<"InstallPlan">,
): readonly KubeObject<"Subscription">[] {
  return subscriptionsByPlan(snapshot).get(`${metadata?.namespace}/${metadata?.name}`) ?? [];
}
