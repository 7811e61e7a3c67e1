/**
 * What the analyzers of the Gateway API share: how its conditions are read, which Gateways nobody has looked at, and who
 * may refer across namespaces (gateway-api.sigs.k8s.io/geps/gep-1364, …/geps/gep-709).
 */
import { type Evidence, fact, field } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import { ageOfObject, isGoingAway } from "../../kube/guards.ts";
import type { Condition, KubeObject } from "../../kube/kinds.ts";
import { type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { oncePerSnapshot } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { minuteMs, parseTime } from "../../kube/time.ts";

/** The group of the API itself. */
export const gatewayGroup = "gateway.networking.k8s.io";

interface WithGeneration {
  readonly metadata?: { readonly creationTimestamp?: string; readonly generation?: number };
}

/** A condition of the Gateway API: each says itself which generation it tells of. */
export interface ObservedCondition extends Condition {
  readonly observedGeneration?: number;
}

/** A condition that is not what it should be, for long enough. */
export interface Trouble {
  readonly condition: ObservedCondition;
  readonly since?: number;
}

/** How long a controller may take to look at an object, or to get an address for it. */
const lookMs: number = 5 * minuteMs;

/** How long a state that a controller has decided on must have lasted. */
export const decidedMs: number = 2 * minuteMs;

/** Reasons by which a controller says that it is still at work. */
const working: ReadonlySet<string> = new Set([
  "Pending",
  "Waiting",
  "NotReconciled",
  "AddressNotAssigned",
  "Scheduled",
]);

/** Whether the condition tells of an older spec (G8). */
export function isBehind({ metadata }: WithGeneration, { observedGeneration }: ObservedCondition): boolean {
  return (
    observedGeneration !== undefined && metadata?.generation !== undefined && observedGeneration < metadata.generation
  );
}

/**
 * The condition of that type when it is not `wanted`, tells of the present spec and has lasted long enough (G4, G8): a
 * controller that is still at work gets longer than one that has decided.
 */
export function troubleIn(
  snapshot: Snapshot,
  object: WithGeneration,
  conditions: readonly ObservedCondition[] | undefined,
  type: string,
  wanted: "True" | "False" = "True",
): Trouble | undefined {
  const condition = conditions?.find((entry) => entry.type === type);
  if (condition?.status === undefined || condition.status === wanted || isBehind(object, condition)) return undefined;
  // Where Conflicted is bad when True, Unknown says nothing.
  if (wanted === "False" && condition.status !== "True") return undefined;
  const since = onsetOf(object, condition);
  const isWorking = condition.status === "Unknown" || working.has(condition.reason ?? "");
  if (since !== undefined && snapshot.takenAt - since < (isWorking ? lookMs : decidedMs)) return undefined;
  return { condition, ...(since !== undefined && { since }) };
}

/** Since when: the API server writes 1970 into the conditions of new objects, so that creation is the later one. */
function onsetOf({ metadata }: WithGeneration, { lastTransitionTime }: Condition): number | undefined {
  const times = [parseTime(lastTransitionTime), parseTime(metadata?.creationTimestamp)].filter(
    (time) => time !== undefined,
  );
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Whether no controller has decided on the object: a new object says `Accepted: Unknown`, an older API nothing. */
export function isUntouched(object: { readonly status?: { readonly conditions?: readonly Condition[] } }): boolean {
  const accepted = object.status?.conditions?.find(({ type }) => type === "Accepted");
  return accepted?.status === undefined || accepted.status === "Unknown";
}

/** Whether the object has been there for long enough to be looked at. In a bare manifest, no: nobody could. */
export function hasWaited(snapshot: Snapshot, object: WithGeneration): boolean {
  const age = ageOfObject(snapshot, object);
  return age !== undefined && age >= lookMs;
}

/** The condition as evidence: reason and message, under `path` (`status.conditions`). */
export function conditionFields(object: ObjectRef, path: string, condition: Condition): readonly Evidence[] {
  const { type, status, reason, message } = condition;
  const at = `${path}[${type ?? ""}]`;
  return [
    reason === undefined || reason === ""
      ? field(object, `${at}.status`, status)
      : field(object, `${at}.reason`, reason),
    ...(message === undefined || message === "" ? [] : [field(object, `${at}.message`, message)]),
  ];
}

// ---- classes ----------------------------------------------------------------------------------------------------------

const gatewaysByClass = oncePerSnapshot((snapshot) =>
  Map.groupBy(
    snapshot.list("Gateway").filter((gateway) => !isGoingAway(snapshot, gateway)),
    ({ spec }) => spec?.gatewayClassName ?? "",
  ),
);

/** The Gateways that name the class, those being deleted left out. */
export function gatewaysOfClass(snapshot: Snapshot, name: string): readonly KubeObject<"Gateway">[] {
  return gatewaysByClass(snapshot).get(name) ?? [];
}

/** Whether nobody serves the class: no controller has looked at it for minutes, nor at any Gateway of it. */
export function isUnserved(snapshot: Snapshot, gatewayClass: KubeObject<"GatewayClass">): boolean {
  if (!isUntouched(gatewayClass) || !hasWaited(snapshot, gatewayClass)) return false;
  return gatewaysOfClass(snapshot, gatewayClass.metadata?.name ?? "").every(isUntouched);
}

/** Said by the analyzers of GatewayClass and of Gateway alike, so that either alone finds it. */
export const controllerAbsent: Rule = {
  severity: "critical",
  depth: 2,
  message: "No controller serves the GatewayClass, although Gateways use it",
  why: "The data plane ignores the listeners of all its Gateways",
  fix: "Install or start the controller that spec.controllerName names, or let the Gateways use a class that is served",
  source: "concepts/services-networking/gateway/",
  commands: ["kubectl describe gatewayclass {name}", "kubectl get gateways -A", "kubectl get pods -A"],
  silent: ["no Gateway uses the class", "a Gateway of the class was looked at", "younger than 5 minutes"],
};

/** One observation per class that is used and that nobody serves. */
export function* absentControllers(snapshot: Snapshot): Iterable<Observation<"gateway-controller-absent">> {
  for (const gatewayClass of snapshot.list("GatewayClass")) {
    const gateways = gatewaysOfClass(snapshot, gatewayClass.metadata?.name ?? "");
    if (gateways.length === 0 || isGoingAway(snapshot, gatewayClass) || !isUnserved(snapshot, gatewayClass)) continue;
    const ref = refOf("GatewayClass", gatewayClass);
    yield {
      rule: "gateway-controller-absent",
      object: ref,
      evidence: [
        field(ref, "spec.controllerName", gatewayClass.spec?.controllerName),
        field(ref, "status.conditions[Accepted].status", acceptedStatus(gatewayClass)),
        fact(ref, "Gateways of the class", gateways.length),
      ],
      related: gateways.map((gateway) => refOf("Gateway", gateway)),
    };
  }
}

function acceptedStatus({ status }: KubeObject<"GatewayClass">): string | undefined {
  return status?.conditions?.find(({ type }) => type === "Accepted")?.status;
}

// ---- references across namespaces -------------------------------------------------------------------------------------

/** Who refers to what. */
interface CrossReference {
  readonly from: { readonly kind: string; readonly namespace: string };
  readonly to: { readonly kind: "Secret" | "Service"; readonly namespace: string; readonly name: string };
}

/**
 * Whether a ReferenceGrant in the namespace of the target lets the reference pass; undefined when grants could not be read
 * there. Within one namespace no grant is needed.
 */
export function isReferenceGranted(snapshot: Snapshot, { from, to }: CrossReference): boolean | undefined {
  if (from.namespace === to.namespace) return true;
  const isGranted = snapshot
    .inNamespace("ReferenceGrant", to.namespace)
    .some(
      ({ spec }) =>
        (spec?.from ?? []).some(
          ({ group, kind, namespace }) => group === gatewayGroup && kind === from.kind && namespace === from.namespace,
        ) &&
        (spec?.to ?? []).some(
          ({ group = "", kind, name = "" }) => group === "" && kind === to.kind && (name === "" || name === to.name),
        ),
    );
  if (isGranted) return true;
  return snapshot.isServed("ReferenceGrant") && snapshot.isComplete("ReferenceGrant", to.namespace) ? false : undefined;
}

/** What the grant would have to say, as evidence. */
export function grantNeeded(snapshot: Snapshot, object: ObjectRef, { from, to }: CrossReference): readonly Evidence[] {
  return [
    fact(
      object,
      "ReferenceGrant needed",
      `in namespace ${to.namespace}, from ${from.kind} of namespace ${from.namespace} to ${to.kind} ${to.name}`,
    ),
    fact(object, "ReferenceGrants in that namespace", snapshot.inNamespace("ReferenceGrant", to.namespace).length),
  ];
}
