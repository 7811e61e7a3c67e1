/**
 * Questions about two kinds: the Pods of a Service, the Deployment of a Pod, the ConfigMaps that a Pod names. Each answer
 * is indexed at most once per snapshot, so that a rule may ask it for every object.
 */
import { type EventRecord, newestFirst } from "./events.ts";
import type { Container, KindName, KubeObject, PodSpec } from "./kinds.ts";
import { addTo } from "./grouping.ts";
import { keyOf, namedRef, type ObjectRef, refOf } from "./object-ref.ts";
import { type LabelSelector, mapMatches, selectorMatches } from "./selectors.ts";
import type { Located, Snapshot } from "./snapshot.ts";

/** Computes `compute(snapshot)` once per snapshot. */
export function oncePerSnapshot<Value>(compute: (snapshot: Snapshot) => Value): (snapshot: Snapshot) => Value {
  const known = new WeakMap<Snapshot, { value: Value }>();
  return (snapshot) => {
    let entry = known.get(snapshot);
    if (entry === undefined) {
      entry = { value: compute(snapshot) };
      known.set(snapshot, entry);
    }
    return entry.value;
  };
}

// ---- owners -------------------------------------------------------------------------------------------------------

/** The reference to the controller of `object` (`controller: true`, else the only owner), present or not. */
export function controllerOf(object: KubeObject): (ObjectRef & { readonly uid?: string }) | undefined {
  const owner = controllerIn(object);
  if (owner?.kind === undefined || owner.name === undefined) return undefined;
  // Cluster-scoped owners of namespaced objects are rare; Node is the one that matters (static Pods).
  const namespace = owner.kind === "Node" ? undefined : object.metadata?.namespace;
  const ref = namedRef(owner.kind, namespace, owner.name);
  return owner.uid === undefined ? ref : { ...ref, uid: owner.uid };
}

function controllerIn({ metadata }: KubeObject): OwnerReference | undefined {
  const owners = metadata?.ownerReferences;
  if (owners === undefined || owners.length <= 1) return owners?.[0];
  return owners.find(({ controller }) => controller === true);
}

type OwnerReference = NonNullable<NonNullable<KubeObject["metadata"]>["ownerReferences"]>[number];

/**
 * The controllers above an object, nearest first: `[ReplicaSet, Deployment]`. Where the chain leaves the snapshot (an
 * owner that was not read, a CRD) its last known reference ends the list. Loops end.
 */
export function ownersOf(snapshot: Snapshot, object: KubeObject): readonly ObjectRef[] {
  const known = knownOwners(snapshot);
  let owners = known.get(object);
  if (owners === undefined) {
    owners = sharedOwners(snapshot, object);
    known.set(object, owners);
  }
  return owners;
}

const knownOwners = oncePerSnapshot(() => new Map<KubeObject, readonly ObjectRef[]>());

function sharedOwners(snapshot: Snapshot, object: KubeObject): readonly ObjectRef[] {
  const owner = controllerIn(object);
  if (owner === undefined) return [];
  const located =
    owner.uid === undefined || owner.kind === undefined || owner.name === undefined
      ? undefined
      : snapshot.byUid(owner.uid);
  if (located === undefined) return findOwners(snapshot, object);
  // Siblings share one list: that of their owner with its owners.
  const known = knownChains(snapshot);
  let chain = known.get(located.object);
  if (chain === undefined) {
    chain = [refOf(located.kind, located.object), ...findOwners(snapshot, located.object)];
    // Owners that go round in a circle end where they began, and so are another list for each of them.
    const isCircle = new Set(chain.map(keyOf)).size < chain.length;
    if (isCircle) return findOwners(snapshot, object);
    known.set(located.object, chain);
  }
  return chain;
}

/** By owner: itself, and the controllers above it. */
const knownChains = oncePerSnapshot(() => new Map<KubeObject, readonly ObjectRef[]>());

function findOwners(snapshot: Snapshot, object: KubeObject): readonly ObjectRef[] {
  const owners: ObjectRef[] = [];
  const seen = new Set<string>();
  let current: KubeObject | undefined = object;
  while (current !== undefined) {
    const owner = controllerOf(current);
    if (owner === undefined || seen.has(owner.uid ?? `${owner.kind}/${owner.name}`)) break;
    seen.add(owner.uid ?? `${owner.kind}/${owner.name}`);
    const located: Located | undefined = owner.uid === undefined ? snapshot.find(owner) : snapshot.byUid(owner.uid);
    owners.push(located === undefined ? owner : refOf(located.kind, located.object));
    current = located?.object;
  }
  return owners;
}

/** The topmost controller of `object`; undefined when nobody owns it. */
export function topOwnerOf(snapshot: Snapshot, object: KubeObject): ObjectRef | undefined {
  return ownersOf(snapshot, object).at(-1);
}

/** Whether the located object is of that kind. */
export function isOfKind<K extends KindName>(located: Located | undefined, kind: K): located is Located<K> {
  return located?.kind === kind;
}

/** The objects of one kind that `uid` owns directly, in the order of the snapshot. */
export function dependentsOfKind<K extends KindName>(
  snapshot: Snapshot,
  uid: string | undefined,
  kind: K,
): readonly KubeObject<K>[] {
  if (uid === undefined) return [];
  return snapshot
    .dependentsOf(uid)
    .filter((located) => isOfKind(located, kind))
    .map(({ object }) => object);
}

/** The Pods that `uid` controls, at any depth (Deployment → ReplicaSet → Pod, CronJob → Job → Pod), by name. */
export function podsOwnedBy(snapshot: Snapshot, uid: string | undefined): readonly KubeObject<"Pod">[] {
  if (uid === undefined) return [];
  return podsByOwner(snapshot).get(uid) ?? [];
}

const podsByOwner = oncePerSnapshot((snapshot) => {
  const byOwner = new Map<string, KubeObject<"Pod">[]>();
  for (const pod of snapshot.list("Pod")) {
    for (const { uid } of ownersOf(snapshot, pod)) {
      if (uid === undefined) continue;
      const pods = byOwner.get(uid);
      if (pods === undefined) byOwner.set(uid, [pod]);
      else pods.push(pod);
    }
  }
  return byOwner;
});

// ---- Services and endpoints -----------------------------------------------------------------------------------------

const podsByLabel = oncePerSnapshot((snapshot) => {
  // By namespace, label and value: one key of all three would have to be made for every label of every Pod.
  const index = new Map<string | undefined, Map<string, Map<string, KubeObject<"Pod">[]>>>();
  for (const pod of snapshot.list("Pod")) {
    const { namespace, labels } = pod.metadata ?? {};
    if (labels === undefined) continue;
    let byKey = index.get(namespace);
    if (byKey === undefined) index.set(namespace, (byKey = new Map()));
    for (const key of Object.keys(labels)) {
      let byValue = byKey.get(key);
      if (byValue === undefined) byKey.set(key, (byValue = new Map()));
      addTo(byValue, labels[key] ?? "", pod);
    }
  }
  return index;
});

/** The Pods in `namespace` that a Service's selector selects; none when the selector is absent or empty. */
export function podsWithLabels(
  snapshot: Snapshot,
  namespace: string | undefined,
  selector: Readonly<Record<string, string>> | undefined,
): readonly KubeObject<"Pod">[] {
  const [first] = Object.entries(selector ?? {});
  if (namespace === undefined || selector === undefined || first === undefined) return [];
  const candidates = podsByLabel(snapshot).get(namespace)?.get(first[0])?.get(first[1]) ?? [];
  return candidates.filter((pod) => mapMatches(selector, pod.metadata?.labels));
}

/** The Pods that a Service selects, finished and terminating ones included. */
export function podsSelectedBy(snapshot: Snapshot, service: KubeObject<"Service">): readonly KubeObject<"Pod">[] {
  return podsWithLabels(snapshot, service.metadata?.namespace, service.spec?.selector);
}

/** The Pods in `namespace` that a `LabelSelector` selects (G7). */
export function podsMatching(
  snapshot: Snapshot,
  namespace: string,
  selector: LabelSelector | undefined,
): readonly KubeObject<"Pod">[] {
  const [first] = Object.entries(selector?.matchLabels ?? {});
  const candidates =
    first === undefined
      ? snapshot.inNamespace("Pod", namespace)
      : (podsByLabel(snapshot).get(namespace)?.get(first[0])?.get(first[1]) ?? []);
  return candidates.filter((pod) => selectorMatches(selector, pod.metadata?.labels));
}

/** The Services whose selector selects the Pod, by name. */
export function servicesSelecting(snapshot: Snapshot, pod: KubeObject<"Pod">): readonly KubeObject<"Service">[] {
  const { namespace, labels } = pod.metadata ?? {};
  if (namespace === undefined) return [];
  return snapshot.inNamespace("Service", namespace).filter((service) => {
    const { selector } = service.spec ?? {};
    return selector !== undefined && Object.keys(selector).length > 0 && mapMatches(selector, labels);
  });
}

type Endpoint = NonNullable<KubeObject<"EndpointSlice">["endpoints"]>[number];

const slicesByService = oncePerSnapshot((snapshot) =>
  Map.groupBy(
    snapshot.list("EndpointSlice"),
    ({ metadata }) => `${metadata?.namespace}/${metadata?.labels?.["kubernetes.io/service-name"] ?? ""}`,
  ),
);

/** The EndpointSlices of a Service (label `kubernetes.io/service-name`), by name. */
export function slicesOf(
  snapshot: Snapshot,
  service: { readonly metadata?: { readonly namespace?: string; readonly name?: string } },
): readonly KubeObject<"EndpointSlice">[] {
  return slicesByService(snapshot).get(`${service.metadata?.namespace}/${service.metadata?.name}`) ?? [];
}

/** All endpoints of a Service, ready or not. */
export function endpointsOf(snapshot: Snapshot, service: KubeObject<"Service">): readonly Endpoint[] {
  return slicesOf(snapshot, service).flatMap(({ endpoints }) => endpoints ?? []);
}

/** Whether traffic may go to the endpoint: the API asks consumers to read an absent `ready` as true. */
export function isUsable(endpoint: Endpoint): boolean {
  return endpoint.conditions?.ready !== false;
}

// ---- references of Pods and templates ---------------------------------------------------------------------------------

/** A Pod template or Pod that names another object. */
export interface Reference {
  readonly kind: "ConfigMap" | "Secret" | "ServiceAccount" | "PersistentVolumeClaim" | "PriorityClass" | "RuntimeClass";
  readonly name: string;
  /** The entry of a ConfigMap or Secret that must exist. */
  readonly key?: string;
  /** Kubernetes starts the Pod without it (G9). */
  readonly optional: boolean;
  /** Field path below the Pod spec, `containers[app].envFrom`. */
  readonly path: string;
  /** The container that names it, when it is one. */
  readonly container?: string;
  /** Named as a pull secret: a missing one does not stop the Pod by itself. */
  readonly isPullSecret: boolean;
}

/** All objects that a Pod spec names, in the order of the spec (concepts/configuration/configmap/, …/secret/). */
export function referencesOf(spec: PodSpec | undefined): readonly Reference[] {
  if (spec === undefined) return [];
  let references = knownReferences.get(spec);
  if (references === undefined) {
    references = findReferences(spec);
    knownReferences.set(spec, references);
  }
  return references;
}

/** A spec never changes, and several rules ask for the references of each. */
const knownReferences = new WeakMap<PodSpec, readonly Reference[]>();

function findReferences(spec: PodSpec): readonly Reference[] {
  const references: Reference[] = [];
  const add = (
    kind: Reference["kind"],
    name: string | undefined,
    path: string,
    options: {
      key?: string | undefined;
      optional?: boolean | undefined;
      container?: string;
      isPullSecret?: boolean;
    } = {},
  ): void => {
    if (name === undefined || name === "") return;
    const { key, optional = false, container, isPullSecret = false } = options;
    references.push({
      kind,
      name,
      path,
      optional,
      isPullSecret,
      ...(key !== undefined && { key }),
      ...(container !== undefined && { container }),
    });
  };
  const containers = (list: readonly Container[] | undefined, listName: string): void => {
    for (const { name: container = "", env, envFrom } of list ?? []) {
      const at = `${listName}[${container}]`;
      for (const { configMapRef, secretRef } of envFrom ?? []) {
        add("ConfigMap", configMapRef?.name, `${at}.envFrom`, { optional: configMapRef?.optional, container });
        add("Secret", secretRef?.name, `${at}.envFrom`, { optional: secretRef?.optional, container });
      }
      for (const { name: variable = "", valueFrom } of env ?? []) {
        if (valueFrom === undefined) continue;
        const { configMapKeyRef, secretKeyRef } = valueFrom;
        const path = `${at}.env[${variable}]`;
        add("ConfigMap", configMapKeyRef?.name, path, { ...pick(configMapKeyRef), container });
        add("Secret", secretKeyRef?.name, path, { ...pick(secretKeyRef), container });
      }
    }
  };
  containers(spec.initContainers, "initContainers");
  containers(spec.containers, "containers");
  containers(spec.ephemeralContainers, "ephemeralContainers");
  for (const { name: volume = "", configMap, secret, projected, persistentVolumeClaim, csi } of spec.volumes ?? []) {
    const path = `volumes[${volume}]`;
    addEntries("ConfigMap", configMap?.name, configMap, path);
    addEntries("Secret", secret?.secretName, secret, path);
    for (const source of projected?.sources ?? []) {
      addEntries("ConfigMap", source.configMap?.name, source.configMap, path);
      addEntries("Secret", source.secret?.name, source.secret, path);
    }
    add("PersistentVolumeClaim", persistentVolumeClaim?.claimName, path);
    add("Secret", csi?.nodePublishSecretRef?.name, path);
  }
  for (const { name } of spec.imagePullSecrets ?? []) add("Secret", name, "imagePullSecrets", { isPullSecret: true });
  add("ServiceAccount", spec.serviceAccountName, "serviceAccountName");
  add("PriorityClass", spec.priorityClassName, "priorityClassName");
  add("RuntimeClass", spec.runtimeClassName, "runtimeClassName");
  return references;

  function addEntries(
    kind: "ConfigMap" | "Secret",
    name: string | undefined,
    source: { readonly optional?: boolean; readonly items?: readonly { readonly key?: string }[] } | undefined,
    path: string,
  ): void {
    add(kind, name, path, { optional: source?.optional });
    for (const { key } of source?.items ?? []) add(kind, name, path, { key, optional: source?.optional });
  }
}

function pick(reference: { readonly key?: string; readonly optional?: boolean } | undefined): {
  key?: string;
  optional?: boolean;
} {
  return {
    ...(reference?.key !== undefined && { key: reference.key }),
    ...(reference?.optional !== undefined && { optional: reference.optional }),
  };
}

/** A workload with a Pod template. */
export interface Templated {
  readonly kind: "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob";
  readonly object: KubeObject;
  readonly ref: ObjectRef;
  /** Field path of the Pod spec in the object. */
  readonly path: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly spec: PodSpec | undefined;
  /** Pods that it wants now; 0 when suspended or scaled to nothing. */
  readonly wanted: number;
}

/**
 * Every workload that nobody controls, with its Pod template: a ReplicaSet of a Deployment and a Job of a CronJob are left
 * out, because their owner holds the template.
 */
export const templatedWorkloads: (snapshot: Snapshot) => readonly Templated[] = oncePerSnapshot((snapshot) =>
  (["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"] as const).flatMap((kind) => [
    ...templatedOfKind(snapshot, kind),
  ]),
);

/** Those of `templatedWorkloads` that are of one kind; no other kind is read. */
export function* templatedOfKind(snapshot: Snapshot, kind: Templated["kind"]): Iterable<Templated> {
  if (kind === "CronJob") {
    for (const object of snapshot.list(kind)) {
      const { jobTemplate, suspend } = object.spec ?? {};
      yield {
        kind,
        object,
        ref: refOf(kind, object),
        path: "spec.jobTemplate.spec.template.spec",
        labels: jobTemplate?.spec?.template?.metadata?.labels,
        spec: jobTemplate?.spec?.template?.spec,
        wanted: suspend === true ? 0 : 1,
      };
    }
    return;
  }
  for (const object of snapshot.list(kind)) {
    if (controllerOf(object) !== undefined) continue;
    const { template } = object.spec ?? {};
    yield {
      kind,
      object,
      ref: refOf(kind, object),
      path: "spec.template.spec",
      labels: template?.metadata?.labels,
      spec: template?.spec,
      wanted: wantedBy({ kind, object }),
    };
  }
}

function wantedBy(located: Located): number {
  if (isOfKind(located, "DaemonSet")) return located.object.status?.desiredNumberScheduled ?? 0;
  if (isOfKind(located, "Job")) return located.object.spec?.suspend === true ? 0 : (located.object.status?.active ?? 0);
  const hasReplicas =
    isOfKind(located, "Deployment") || isOfKind(located, "ReplicaSet") || isOfKind(located, "StatefulSet");
  return hasReplicas ? (located.object.spec?.replicas ?? 1) : 0;
}

// ---- nodes and claims -------------------------------------------------------------------------------------------------

const podsByNode = oncePerSnapshot((snapshot) => Map.groupBy(snapshot.list("Pod"), (pod) => pod.spec?.nodeName ?? ""));

/** The Pods bound to a node, finished ones included, by namespace and name. */
export function podsOnNode(snapshot: Snapshot, node: string): readonly KubeObject<"Pod">[] {
  return node === "" ? [] : (podsByNode(snapshot).get(node) ?? []);
}

const podsByClaim = oncePerSnapshot((snapshot) => {
  const byClaim = new Map<string, KubeObject<"Pod">[]>();
  for (const pod of snapshot.list("Pod")) {
    const { namespace = "", name = "" } = pod.metadata ?? {};
    for (const { name: volume = "", persistentVolumeClaim, ephemeral } of pod.spec?.volumes ?? []) {
      // A generic ephemeral volume has a claim named after Pod and volume (concepts/storage/ephemeral-volumes/).
      const claim = persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${name}-${volume}`);
      if (claim === undefined) continue;
      const pods = byClaim.get(`${namespace}/${claim}`);
      if (pods === undefined) byClaim.set(`${namespace}/${claim}`, [pod]);
      else if (pods.at(-1) !== pod) pods.push(pod);
    }
  }
  return byClaim;
});

/** The Pods that mount a PersistentVolumeClaim, finished ones included, by name. */
export function podsUsingClaim(snapshot: Snapshot, namespace: string, claim: string): readonly KubeObject<"Pod">[] {
  return podsByClaim(snapshot).get(`${namespace}/${claim}`) ?? [];
}

const podsByAccount = oncePerSnapshot((snapshot) =>
  Map.groupBy(
    snapshot.list("Pod"),
    ({ metadata, spec }) => `${metadata?.namespace}/${spec?.serviceAccountName ?? "default"}`,
  ),
);

/** The Pods that run under a ServiceAccount, finished ones included, by name. */
export function podsUsingAccount(snapshot: Snapshot, namespace: string, account: string): readonly KubeObject<"Pod">[] {
  return podsByAccount(snapshot).get(`${namespace}/${account}`) ?? [];
}

/**
 * Events about a node, newest first. The kubelet writes the node's name where its uid belongs, the node controller the
 * uid: both are asked for.
 */
export function eventsOfNode(snapshot: Snapshot, node: KubeObject<"Node">): readonly EventRecord[] {
  const ref = refOf("Node", node);
  const found = new Set([...snapshot.eventsOf(ref), ...snapshot.eventsOf({ ...ref, uid: ref.name })]);
  return [...found].sort(newestFirst);
}

interface NodeTerm {
  readonly matchExpressions?: readonly NodeRequirement[];
  readonly matchFields?: readonly NodeRequirement[];
}

interface NodeRequirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

/**
 * Whether the Pod spec's `nodeSelector` and required node affinity allow the node; taints are another question
 * (concepts/scheduling-eviction/assign-pod-node/).
 */
export function nodeSelected(spec: PodSpec | undefined, node: KubeObject<"Node">): boolean {
  const { name = "", labels } = node.metadata ?? {};
  if (!mapMatches(spec?.nodeSelector ?? {}, labels)) return false;
  const terms = requiredNodeTerms(spec);
  if (terms === undefined) return true;
  // Terms are joined by OR; a term without requirements selects nothing.
  return terms.some(
    ({ matchExpressions = [], matchFields = [] }) =>
      matchExpressions.length + matchFields.length > 0 &&
      matchExpressions.every((requirement) => nodeRequirementMet(requirement, labels?.[requirement.key ?? ""])) &&
      matchFields.every((requirement) => requirement.key === "metadata.name" && nodeRequirementMet(requirement, name)),
  );
}

/** The terms of the required node affinity; undefined when the Pod spec has none. */
export function requiredNodeTerms(spec: PodSpec | undefined): readonly NodeTerm[] | undefined {
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  // `affinity` is kept whole: its shape is the API's, but nobody has checked it in a dump.
  return terms?.filter?.(
    (term) => Array.isArray(term?.matchExpressions ?? []) && Array.isArray(term?.matchFields ?? []),
  );
}

/** Whether a value satisfies one requirement of a node affinity; undefined for a label that the node lacks. */
export function nodeRequirementMet({ operator, values = [] }: NodeRequirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

type Taint = NonNullable<NonNullable<KubeObject<"Node">["spec"]>["taints"]>[number];

/** Whether the Pod spec tolerates the taint (concepts/scheduling-eviction/taint-and-toleration/). */
export function tolerates(spec: PodSpec | undefined, taint: Taint): boolean {
  return (spec?.tolerations ?? []).some(({ key, operator = "Equal", value, effect }) => {
    if (effect !== undefined && effect !== "" && effect !== taint.effect) return false;
    if (key === undefined || key === "") return operator === "Exists";
    return key === taint.key && (operator === "Exists" || (value ?? "") === (taint.value ?? ""));
  });
}

/** The workloads whose Pods the Service would select, whether they have any or not. */
export function workloadsBehind(snapshot: Snapshot, service: KubeObject<"Service">): readonly Templated[] {
  const { namespace } = service.metadata ?? {};
  const { selector } = service.spec ?? {};
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  return (workloadsByNamespace(snapshot).get(namespace ?? "") ?? []).filter(({ labels }) =>
    mapMatches(selector, labels),
  );
}

const workloadsByNamespace = oncePerSnapshot((snapshot) =>
  Map.groupBy(templatedWorkloads(snapshot), ({ ref }) => ref.namespace ?? ""),
);
