/**
 * Objects of kinds that k8sgpt knows nothing about: those that a cluster's own CustomResourceDefinitions define. Of each
 * only metadata, what every controller writes into `status` by convention, and the switches by which people pause one are
 * kept: a spec may hold anything, credentials too (contributors' API conventions, "Typical status properties").
 */
import { isKindName, kindDefinition, type KindName, type ObjectMeta } from "./kinds.ts";
import { type ObjectRef, refOf } from "./object-ref.ts";
import { type AnyFields, type Json, project } from "./wire.ts";

/** One object of a kind that a CustomResourceDefinition defines. */
export interface CustomResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The resource name in paths; absent when only the object was seen, as in a manifest. */
  readonly plural?: string;
  readonly object: CustomObject;
}

/** What is kept of one object. The shapes inside `status` are what controllers make of them: nothing is certain. */
export interface CustomObject {
  readonly metadata?: ObjectMeta;
  readonly spec?: { readonly [key in (typeof switches)[number]]?: Json } & {
    /** Of an ExternalSecret: the Secret that it makes. */
    readonly target?: { readonly name?: Json };
  };
  readonly status?: {
    readonly observedGeneration?: Json;
    readonly conditions?: readonly CustomCondition[];
    readonly phase?: Json;
    readonly state?: Json;
    readonly reason?: Json;
    readonly message?: Json;
    readonly health?: { readonly status?: Json; readonly message?: Json; readonly lastTransitionTime?: Json };
  };
}

/** A condition of any controller's making. */
export interface CustomCondition {
  readonly type?: Json;
  readonly status?: Json;
  readonly reason?: Json;
  readonly message?: Json;
  readonly severity?: Json;
  readonly lastTransitionTime?: Json;
  readonly observedGeneration?: Json;
}

/** What happened when one custom kind was read. A kind that was read whole needs no entry. */
export interface CustomRead {
  /** As RBAC names it: `kustomizations.kustomize.toolkit.fluxcd.io`. */
  readonly resource: string;
  /** Absent: cluster-wide. */
  readonly namespace?: string;
  /** `skipped`: there are too many, by design; `partial` and `unread` are gaps. */
  readonly state: "partial" | "unread" | "skipped";
  readonly reason: string;
  /** The step to take, when there is one. */
  readonly next?: string;
}

/** Above this many objects of one custom kind it is not looked at: such kinds are records, not things that people run. */
export const maxCustomObjects = 2000;

/** The fields of a spec by which objects are put to rest. */
export const switches = ["suspend", "suspended", "pause", "paused"] as const;

const fields: AnyFields = {
  metadata: {
    name: true,
    namespace: true,
    uid: true,
    labels: true,
    annotations: true,
    creationTimestamp: true,
    deletionTimestamp: true,
    generation: true,
    finalizers: true,
    ownerReferences: [{ apiVersion: true, kind: true, name: true, uid: true, controller: true }],
  },
  spec: { suspend: true, suspended: true, pause: true, paused: true, target: { name: true } },
  status: {
    observedGeneration: true,
    conditions: [
      {
        type: true,
        status: true,
        reason: true,
        message: true,
        severity: true,
        lastTransitionTime: true,
        observedGeneration: true,
      },
    ],
    phase: true,
    state: true,
    reason: true,
    message: true,
    health: { status: true, message: true, lastTransitionTime: true },
  },
};

/** `raw` as a snapshot holds it, or undefined when it is not an object with a name. Reads nothing but `raw`. */
export function keepCustomObject(raw: unknown): CustomObject | undefined {
  const kept = project(raw, fields);
  if (typeof kept !== "object" || kept === null || !("metadata" in kept)) return undefined;
  const { metadata } = kept;
  if (typeof metadata !== "object" || metadata === null || !("name" in metadata)) return undefined;
  if (typeof metadata.name !== "string" || metadata.name === "") return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the projection above is what CustomObject describes
  return kept as CustomObject;
}

/** Whether objects of that kind and group have a definition of their own in kinds.ts, and so are no custom ones here. */
export function isKnownKind(kind: string, group: string): kind is KindName {
  return isKindName(kind) && kindDefinition(kind).group === group;
}

/**
 * The reference to a custom resource. Where a kind of Kubernetes has the same name (a Knative Service), the group is part of
 * it, as `kubectl` takes it: `Service.serving.knative.dev`.
 */
export function refOfCustom({ kind, group, object }: CustomResource): ObjectRef {
  return refOf(isKindName(kind) ? `${kind}.${group}` : kind, object);
}

/** The Secret that an ExternalSecret writes: the one that it names, else one of its own name (external-secrets.io). */
export function secretMadeBy({ spec, metadata }: CustomObject): string | undefined {
  const name = spec?.target?.name;
  return typeof name === "string" && name !== "" ? name : metadata?.name;
}

/** Orders custom resources by group, kind, namespace and name, so that the order of arrival plays no part. */
export function customOrder(entry: CustomResource): string {
  const { namespace = "", name = "" } = entry.object.metadata ?? {};
  return [entry.group, entry.kind, namespace, name].join("\u0000");
}
