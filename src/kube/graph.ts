/**
 * The object graph: who can break whom. An edge leads from the object at fault to the one that suffers; objects that do not
 * exist are nodes too. Neighbours are computed when asked for, from indexes that the snapshot keeps, so that the graph of a
 * large cluster costs nothing where nothing is wrong.
 */
import { refOfCustom, secretMadeBy } from "./custom-resources.ts";
import { conditionOf, isReady } from "./guards.ts";
import { isKindName, type KubeObject } from "./kinds.ts";
import { parseCreateRefusal } from "./messages/create-blocked.ts";
import { registryOf } from "./messages/image-pull.ts";
import { failingGroupVersions } from "./messages/namespace-deletion.ts";
import { policiesOn } from "./network-policy.ts";
import { keyOf, namedRef, type ObjectRef, refOf } from "./object-ref.ts";
import {
  controllerOf,
  dependentsOfKind,
  oncePerSnapshot,
  podsMatching,
  podsOnNode,
  podsSelectedBy,
  referencesOf,
  tolerates,
  workloadsBehind,
} from "./relations.ts";
import type { Snapshot } from "./snapshot.ts";
import { addTo } from "./grouping.ts";

/** Why one object can break another, in the words of a reader. */
export const edgeKinds = {
  /** A child breaks its controller's roll-up. */
  owner: "is part of it",
  /** A controller's template is what its Pods are made of. */
  template: "makes it from its template",
  /** ConfigMap, Secret, ServiceAccount, PriorityClass, RuntimeClass; a Subscription's catalog. */
  ref: "is named by it",
  /** PersistentVolumeClaim → Pod, PersistentVolume, StorageClass and CSIDriver → claim, VolumeAttachment and CSINode → Pod. */
  mount: "stands behind its volumes",
  /** The node that a Pod runs on; the zone of a node. */
  node: "is where it runs",
  /** A node that the scheduler may not choose, for a Pod that waits. */
  sched: "is closed to it",
  /** The registry that an image comes from. */
  image: "serves its image",
  /** The Pods behind a Service. */
  select: "stands behind it",
  /** The Service behind an Ingress, a route, a webhook, an APIService, a CRD's conversion. */
  backend: "answers for it",
  /** The Secret behind a TLS host; the Certificate or ExternalSecret that makes a Secret. */
  tls: "holds its certificate",
  /** What serves an Ingress or a route: its class, its Gateway, the class of that. */
  class: "serves it",
  /** What refused a controller's Pods: named in the message, never guessed. */
  admit: "decides whether its Pods may be made",
  /** The workload that an autoscaler scales, and the API that it measures with. */
  scale: "is what it scales or measures with",
  /** The Pods that a disruption budget guards; the budgets that hold up the drain of a node. */
  guard: "is guarded, or guards",
  /** The API or webhook that a deletion waits for. */
  api: "must answer before it can go",
  /** A part of the platform that serves this object: scheduler, controllers, DNS, the plugins of its node. */
  ctrl: "is a part of the platform that it needs",
  /** A NetworkPolicy that selects the Pod. */
  policy: "decides what it may reach",
} as const;

/** Why one object can break another. */
export type EdgeKind = keyof typeof edgeKinds;

/** `from` can break the object that was asked about. */
export interface Edge {
  readonly kind: EdgeKind;
  readonly from: ObjectRef;
}

/** The objects that can break `ref` directly, present or missing, in a fixed order. */
export function causesOf(snapshot: Snapshot, ref: ObjectRef): readonly Edge[] {
  // Who makes a Secret breaks it also while it is not there.
  if (ref.kind === "Secret") return makersOf(snapshot, ref);
  const located = isKindName(ref.kind) ? snapshot.find(ref) : undefined;
  if (located === undefined) return isKindName(ref.kind) ? [] : partsOfCustom(snapshot, ref);
  const { kind } = located;
  const { namespace, uid } = located.object.metadata ?? {};
  const edges: Edge[] = [];
  const add = (edge: EdgeKind, from: ObjectRef | undefined): void => {
    if (from !== undefined) edges.push({ kind: edge, from });
  };
  // What was found under a kind has the type of that kind; each branch below names its own.
  const as = <K extends keyof ByKind>(_kind: K): KubeObject<K> => located.object;

  if (uid !== undefined) {
    for (const child of snapshot.dependentsOf(uid)) {
      if (child.kind !== "Event") add("owner", refOf(child.kind, child.object));
    }
  }
  switch (kind) {
    case "Pod": {
      const { spec } = as("Pod");
      for (const reference of referencesOf(spec)) {
        const scope = reference.kind === "PriorityClass" || reference.kind === "RuntimeClass" ? undefined : namespace;
        add(
          reference.kind === "PersistentVolumeClaim" ? "mount" : "ref",
          namedRef(reference.kind, scope, reference.name),
        );
      }
      if (spec?.nodeName !== undefined && spec.nodeName !== "") {
        add("node", namedRef("Node", undefined, spec.nodeName));
        for (const from of attachmentsOf(snapshot, as("Pod"), spec.nodeName)) add("mount", from);
        if (as("Pod").status?.phase === "Pending")
          for (const from of platformOnNode(snapshot).get(spec.nodeName) ?? []) add("ctrl", from);
      } else {
        for (const from of nodesClosedTo(snapshot, as("Pod"))) add("sched", from);
        add("ctrl", leaseOf(snapshot, "kube-scheduler"));
      }
      for (const { image } of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
        if (image !== undefined && image !== "") add("image", namedRef("ImageHost", undefined, registryOf(image)));
      }
      for (const direction of ["Ingress", "Egress"] as const) {
        for (const policy of policiesOn(snapshot, as("Pod"), direction)) add("policy", refOf("NetworkPolicy", policy));
      }
      for (const from of dnsServices(snapshot)) add("ctrl", from);
      add("template", controllerOf(as("Pod")));
      break;
    }
    case "Node": {
      const zone = located.object.metadata?.labels?.["topology.kubernetes.io/zone"];
      if (zone !== undefined && zone !== "") add("node", namedRef("Zone", undefined, zone));
      const name = located.object.metadata?.name ?? "";
      for (const from of platformOnNode(snapshot).get(name) ?? []) add("ctrl", from);
      if (as("Node").spec?.unschedulable === true) for (const from of budgetsOnNode(snapshot, name)) add("guard", from);
      break;
    }
    case "Namespace":
      for (const from of deletionWaitsFor(snapshot, as("Namespace"))) add("api", from);
      break;
    case "CronJob":
      for (const reference of referencesOf(as("CronJob").spec?.jobTemplate?.spec?.template?.spec)) {
        const scope = reference.kind === "PriorityClass" || reference.kind === "RuntimeClass" ? undefined : namespace;
        add("ref", namedRef(reference.kind, scope, reference.name));
      }
      add("ctrl", leaseOf(snapshot, "kube-controller-manager"));
      break;
    case "Deployment":
    case "StatefulSet":
    case "DaemonSet":
    case "ReplicaSet":
    case "Job": {
      for (const reference of referencesOf(as("Deployment").spec?.template?.spec)) {
        const scope = reference.kind === "PriorityClass" || reference.kind === "RuntimeClass" ? undefined : namespace;
        add("ref", namedRef(reference.kind, scope, reference.name));
      }
      if (kind === "ReplicaSet" || kind === "Job") add("template", controllerOf(located.object));
      for (const from of refusersOf(snapshot, ref, as("ReplicaSet"))) add("admit", from);
      add("ctrl", leaseOf(snapshot, "kube-controller-manager"));
      if (kind === "StatefulSet") {
        const { serviceName } = as("StatefulSet").spec ?? {};
        if (serviceName !== undefined && serviceName !== "") add("ref", namedRef("Service", namespace, serviceName));
      }
      break;
    }
    case "PersistentVolumeClaim": {
      const { volumeName, storageClassName } = as("PersistentVolumeClaim").spec ?? {};
      if (volumeName !== undefined && volumeName !== "")
        add("mount", namedRef("PersistentVolume", undefined, volumeName));
      if (storageClassName !== undefined && storageClassName !== "") {
        add("mount", namedRef("StorageClass", undefined, storageClassName));
        const driver = snapshot.get("StorageClass", undefined, storageClassName)?.provisioner;
        if (driver !== undefined && driver !== "") add("mount", namedRef("CSIDriver", undefined, driver));
      }
      add("ctrl", leaseOf(snapshot, "kube-controller-manager"));
      break;
    }
    case "Service": {
      const pods = podsSelectedBy(snapshot, as("Service"));
      for (const pod of pods) add("select", refOf("Pod", pod));
      // A workload that could not make its Pods breaks the Service all the same.
      if (pods.length === 0)
        for (const { ref: workload } of workloadsBehind(snapshot, as("Service"))) add("select", workload);
      add("ctrl", leaseOf(snapshot, "kube-controller-manager"));
      break;
    }
    case "APIService": {
      const { service } = as("APIService").spec ?? {};
      if (service?.name !== undefined) add("backend", namedRef("Service", service.namespace, service.name));
      break;
    }
    case "CustomResourceDefinition": {
      const service = as("CustomResourceDefinition").spec?.conversion?.webhook?.clientConfig?.service;
      if (service?.name !== undefined) add("backend", namedRef("Service", service.namespace, service.name));
      break;
    }
    case "Ingress":
      for (const backend of backendsOf(as("Ingress"))) add("backend", namedRef("Service", namespace, backend.service));
      for (const { secretName } of as("Ingress").spec?.tls ?? []) {
        if (secretName !== undefined && secretName !== "") add("tls", namedRef("Secret", namespace, secretName));
      }
      if (as("Ingress").spec?.ingressClassName !== undefined) {
        add("class", namedRef("IngressClass", undefined, as("Ingress").spec?.ingressClassName ?? ""));
      }
      break;
    case "ValidatingWebhookConfiguration":
    case "MutatingWebhookConfiguration":
      for (const { clientConfig } of as("ValidatingWebhookConfiguration").webhooks ?? []) {
        const { service } = clientConfig ?? {};
        if (service?.name !== undefined) add("backend", namedRef("Service", service.namespace, service.name));
      }
      break;
    case "HorizontalPodAutoscaler": {
      const { scaleTargetRef } = as("HorizontalPodAutoscaler").spec ?? {};
      if (scaleTargetRef?.kind !== undefined && scaleTargetRef.name !== undefined) {
        add("scale", namedRef(scaleTargetRef.kind, namespace, scaleTargetRef.name));
      }
      for (const { type = "" } of as("HorizontalPodAutoscaler").spec?.metrics ?? [{ type: "Resource" }]) {
        const api = metricsApis[type];
        if (api !== undefined) add("scale", namedRef("APIService", undefined, api));
      }
      // KEDA's ScaledObject is what its autoscaler is made from.
      add("template", controllerOf(as("HorizontalPodAutoscaler")));
      break;
    }
    case "ScaledObject":
    case "ScaledJob": {
      const { scaleTargetRef } = as("ScaledObject").spec ?? {};
      if (scaleTargetRef?.name !== undefined) {
        add("scale", namedRef(scaleTargetRef.kind ?? "Deployment", namespace, scaleTargetRef.name));
      }
      for (const { authenticationRef } of as("ScaledObject").spec?.triggers ?? []) {
        const { kind: authentication = "TriggerAuthentication", name } = authenticationRef ?? {};
        const scope = authentication === "TriggerAuthentication" ? namespace : undefined;
        if (name !== undefined) add("ref", namedRef(authentication, scope, name));
      }
      break;
    }
    case "TriggerAuthentication": {
      const { secretTargetRef = [], configMapTargetRef = [] } = as("TriggerAuthentication").spec ?? {};
      for (const { name } of secretTargetRef) if (name !== undefined) add("ref", namedRef("Secret", namespace, name));
      for (const { name } of configMapTargetRef)
        if (name !== undefined) add("ref", namedRef("ConfigMap", namespace, name));
      break;
    }
    case "Certificate": {
      const { name, kind: issuer = "Issuer" } = as("Certificate").spec?.issuerRef ?? {};
      if (name !== undefined) add("ref", namedRef(issuer, issuer === "Issuer" ? namespace : undefined, name));
      for (const from of certificateControllers(snapshot)) add("ctrl", from);
      break;
    }
    case "Issuer":
    case "ClusterIssuer": {
      const { secretName } = as("Issuer").spec?.ca ?? {};
      if (secretName !== undefined && kind === "Issuer") add("ref", namedRef("Secret", namespace, secretName));
      for (const from of certificateControllers(snapshot)) add("ctrl", from);
      break;
    }
    case "PodDisruptionBudget":
      for (const pod of podsMatching(snapshot, namespace ?? "", as("PodDisruptionBudget").spec?.selector)) {
        add("guard", refOf("Pod", pod));
      }
      break;
    case "Gateway": {
      const { gatewayClassName = "", listeners = [] } = as("Gateway").spec ?? {};
      if (gatewayClassName !== "") add("class", namedRef("GatewayClass", undefined, gatewayClassName));
      for (const { tls } of listeners) {
        for (const {
          group = "",
          kind: target = "Secret",
          namespace: other = namespace,
          name,
        } of tls?.certificateRefs ?? []) {
          if (group === "" && target === "Secret" && name !== undefined) add("tls", namedRef("Secret", other, name));
        }
      }
      break;
    }
    case "HTTPRoute":
    case "GRPCRoute":
    case "TLSRoute": {
      const { parentRefs = [], rules = [] } = as("HTTPRoute").spec ?? {};
      for (const { kind: target = "Gateway", namespace: other = namespace, name } of parentRefs) {
        if (target === "Gateway" && name !== undefined) add("class", namedRef("Gateway", other, name));
      }
      for (const { group = "", kind: target = "Service", namespace: other = namespace, name } of rules.flatMap(
        ({ backendRefs = [] }) => backendRefs,
      )) {
        if (group === "" && target === "Service" && name !== undefined)
          add("backend", namedRef("Service", other, name));
      }
      break;
    }
    case "Subscription": {
      const { spec, status } = as("Subscription");
      if (spec?.source !== undefined) add("ref", namedRef("CatalogSource", spec.sourceNamespace, spec.source));
      const plan = status?.installPlanRef?.name;
      if (plan !== undefined) add("ref", namedRef("InstallPlan", namespace, plan));
      for (const version of [status?.currentCSV, status?.installedCSV]) {
        if (version !== undefined && version !== "") add("ref", namedRef("ClusterServiceVersion", namespace, version));
      }
      break;
    }
    default:
      break;
  }
  return distinctEdges(edges);
}

/** The API that each type of metric comes from (tasks/run-application/horizontal-pod-autoscale/#support-for-metrics-apis). */
const metricsApis: Readonly<Record<string, string>> = {
  Resource: "v1beta1.metrics.k8s.io",
  ContainerResource: "v1beta1.metrics.k8s.io",
  Pods: "v1beta1.custom.metrics.k8s.io",
  Object: "v1beta1.custom.metrics.k8s.io",
  External: "v1beta1.external.metrics.k8s.io",
};

/** Taints that say that something is wrong with a node, or that it is closed; others are somebody's wish. */
const troubleTaint = /^node\.(?:kubernetes|cloudprovider\.kubernetes)\.io\//;

/** The nodes that a Pod which waits for one may not use because of their state. */
function nodesClosedTo(snapshot: Snapshot, { spec, status }: KubeObject<"Pod">): readonly ObjectRef[] {
  if (conditionOf({ ...(status !== undefined && { status }) }, "PodScheduled")?.status !== "False") return [];
  return troubledNodes(snapshot)
    .filter(({ taints }) => taints.some((taint) => !tolerates(spec, taint)))
    .map(({ ref }) => ref);
}

const troubledNodes = oncePerSnapshot((snapshot) =>
  snapshot.list("Node").flatMap((node) => {
    const taints = (node.spec?.taints ?? []).filter(({ key = "" }) => troubleTaint.test(key));
    return taints.length === 0 ? [] : [{ ref: refOf("Node", node), taints }];
  }),
);

/** Which parts of the platform do not run on a node: DaemonSets of the namespaces where platforms live. */
const platformOnNode = oncePerSnapshot((snapshot) => {
  const byNode = new Map<string, ObjectRef[]>();
  for (const set of snapshot.list("DaemonSet")) {
    if (!platformNamespaces.test(set.metadata?.namespace ?? "")) continue;
    const uid = set.metadata?.uid;
    for (const pod of dependentsOfKind(snapshot, uid, "Pod")) {
      const node = pod.spec?.nodeName;
      if (node !== undefined && !isReady(pod)) addTo(byNode, node, refOf("DaemonSet", set));
    }
  }
  return byNode;
});

const platformNamespaces =
  /^(?:kube-system|kube-flannel|calico-system|tigera-operator|cilium|metallb-system|rook-ceph|longhorn-system|kube-ovn|openshift-.+)$/;

/** The lease by which a part of the control plane says that it works; a managed control plane shows none. */
function leaseOf(snapshot: Snapshot, name: string): ObjectRef | undefined {
  const lease = snapshot.get("Lease", "kube-system", name);
  return lease === undefined ? undefined : refOf("Lease", lease);
}

/** The Service that Pods ask for names (tasks/administer-cluster/dns-custom-nameservers/). */
const dnsServices = oncePerSnapshot((snapshot) =>
  ["kube-system", "openshift-dns"]
    .flatMap((namespace) => snapshot.inNamespace("Service", namespace))
    .filter(
      ({ metadata }) =>
        metadata?.labels?.["k8s-app"] === "kube-dns" ||
        metadata?.name === "kube-dns" ||
        metadata?.name === "dns-default",
    )
    .map((service) => refOf("Service", service)),
);

/** What attaches the volumes of a Pod to its node: VolumeAttachments of its claims, and the drivers of the node. */
function attachmentsOf(snapshot: Snapshot, pod: KubeObject<"Pod">, node: string): readonly ObjectRef[] {
  const claims = referencesOf(pod.spec).filter(({ kind }) => kind === "PersistentVolumeClaim");
  if (claims.length === 0) return [];
  const volumes = claims.map(
    ({ name }) => snapshot.get("PersistentVolumeClaim", pod.metadata?.namespace, name)?.spec?.volumeName ?? "",
  );
  const attachments = volumes.flatMap((volume) => attachmentsByVolume(snapshot).get(volume) ?? []);
  return [...attachments, namedRef("CSINode", undefined, node)];
}

const attachmentsByVolume = oncePerSnapshot((snapshot) => {
  const byVolume = new Map<string, ObjectRef[]>();
  for (const attachment of snapshot.list("VolumeAttachment")) {
    const volume = attachment.spec?.source?.persistentVolumeName;
    if (volume !== undefined) addTo(byVolume, volume, refOf("VolumeAttachment", attachment));
  }
  return byVolume;
});

/**
 * What an object of the cluster's own kinds made: workloads of an operator. Their owner is known by its uid only. And the
 * definition of its kind, by whose conversion webhook it is read and deleted.
 */
function partsOfCustom(snapshot: Snapshot, ref: ObjectRef): readonly Edge[] {
  const definition = definitions(snapshot).get(keyOf(ref));
  const parts = ref.uid === undefined ? [] : snapshot.dependentsOf(ref.uid);
  return [
    ...parts
      .filter(({ kind }) => kind !== "Event")
      .map(({ kind, object }): Edge => ({ kind: "owner", from: refOf(kind, object) })),
    ...(definition === undefined ? [] : [{ kind: "api", from: definition } as const]),
  ];
}

/** The CustomResourceDefinition of each custom resource that was read. */
const definitions = oncePerSnapshot(
  (snapshot) =>
    new Map(
      snapshot
        .customResources()
        .flatMap((entry): readonly [string, ObjectRef][] =>
          entry.plural === undefined
            ? []
            : [
                [
                  keyOf(refOfCustom(entry)),
                  namedRef("CustomResourceDefinition", undefined, `${entry.plural}.${entry.group}`),
                ],
              ],
        ),
    ),
);

/** The Deployments that run cert-manager, by the labels of its charts and manifests. */
const certificateControllers = oncePerSnapshot((snapshot) =>
  snapshot
    .list("Deployment")
    .filter(
      ({ metadata }) =>
        metadata?.labels?.["app.kubernetes.io/name"] === "cert-manager" &&
        (metadata.labels["app.kubernetes.io/component"] ?? "controller") === "controller",
    )
    .map((deployment) => refOf("Deployment", deployment)),
);

/** The Certificates and ExternalSecrets that write a Secret (cert-manager.io; external-secrets.io, by the name that it gives or has). */
function makersOf(snapshot: Snapshot, { namespace, name }: ObjectRef): readonly Edge[] {
  const certificates = snapshot
    .inNamespace("Certificate", namespace ?? "")
    .filter(({ spec }) => spec?.secretName === name);
  const external = snapshot
    .customResources()
    .filter(
      ({ kind, object }) =>
        kind === "ExternalSecret" && object.metadata?.namespace === namespace && secretMadeBy(object) === name,
    );
  return [...certificates.map((each) => refOf("Certificate", each)), ...external.map(refOfCustom)].map((from) => ({
    kind: "tls",
    from,
  }));
}

/** The disruption budgets that guard Pods on a node. */
function budgetsOnNode(snapshot: Snapshot, node: string): readonly ObjectRef[] {
  const pods = new Set(podsOnNode(snapshot, node));
  const namespaces = new Set([...pods].map(({ metadata }) => metadata?.namespace ?? ""));
  return [...namespaces].flatMap((namespace) =>
    snapshot
      .inNamespace("PodDisruptionBudget", namespace)
      .filter(({ spec }) => podsMatching(snapshot, namespace, spec?.selector).some((pod) => pods.has(pod)))
      .map((budget) => refOf("PodDisruptionBudget", budget)),
  );
}

/** The webhook configurations that hold a webhook of that name. */
const configurationsByWebhook = oncePerSnapshot((snapshot) => {
  const byName = new Map<string, ObjectRef[]>();
  for (const kind of ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] as const) {
    for (const object of snapshot.list(kind)) {
      for (const { name = "" } of object.webhooks ?? []) addTo(byName, name, refOf(kind, object));
    }
  }
  return byName;
});

/** What refused the Pods of a controller, by the message that it was given. */
function refusersOf(snapshot: Snapshot, ref: ObjectRef, object: KubeObject<"ReplicaSet">): readonly ObjectRef[] {
  const condition = conditionOf(object, "ReplicaFailure");
  const messages = condition?.status === "True" ? [condition.message] : [];
  const event = snapshot.eventsOf(ref).find(({ reason }) => reason === "FailedCreate");
  return [...messages, event?.message].flatMap((message) =>
    message === undefined ? [] : refusersIn(snapshot, ref.namespace, message),
  );
}

function refusersIn(snapshot: Snapshot, namespace: string | undefined, message: string): readonly ObjectRef[] {
  const refusal = parseCreateRefusal(message);
  switch (refusal.type) {
    case "quota":
    case "quota-needs-requests":
      return [namedRef("ResourceQuota", namespace, refusal.quota)];
    case "limitrange":
      return snapshot.inNamespace("LimitRange", namespace ?? "").map((range) => refOf("LimitRange", range));
    case "podsecurity":
      return namespace === undefined ? [] : [namedRef("Namespace", undefined, namespace)];
    case "policy":
      return [namedRef("ValidatingAdmissionPolicy", undefined, refusal.policy)];
    case "webhook-down":
    case "webhook-denied":
      return configurationsByWebhook(snapshot).get(refusal.webhook) ?? [];
    default:
      return [];
  }
}

/** What the deletion of a namespace waits for, by its own conditions. */
function deletionWaitsFor(snapshot: Snapshot, namespace: KubeObject<"Namespace">): readonly ObjectRef[] {
  if (namespace.metadata?.deletionTimestamp === undefined) return [];
  const failing = failingGroupVersions(conditionOf(namespace, "NamespaceDeletionDiscoveryFailure")?.message);
  const services = snapshot
    .list("APIService")
    .filter(({ spec }) => failing.includes(`${spec?.group}/${spec?.version}`));
  const refusal = conditionOf(namespace, "NamespaceDeletionContentFailure")?.message;
  return [
    ...services.map((service) => refOf("APIService", service)),
    ...(refusal === undefined ? [] : refusersIn(snapshot, namespace.metadata.name, refusal)),
  ];
}

type ByKind = { readonly [K in KubeKind]: true };
type KubeKind = Parameters<Snapshot["list"]>[0];

/** One way from an Ingress to a Service. */
export interface IngressBackend {
  readonly service: string;
  /** Port number or name. */
  readonly port: number | string | undefined;
  /** `""` for every host. */
  readonly host: string;
  /** `undefined` for the default backend. */
  readonly path: string | undefined;
  /** Field path below the Ingress. */
  readonly field: string;
}

/** The Services that an Ingress routes to, rule by rule, then the default backend; resource backends have none. */
export function backendsOf(ingress: KubeObject<"Ingress">): readonly IngressBackend[] {
  const found: IngressBackend[] = [];
  const { rules = [], defaultBackend } = ingress.spec ?? {};
  for (const [ruleIndex, { host = "", http }] of rules.entries()) {
    for (const [pathIndex, { path, backend }] of (http?.paths ?? []).entries()) {
      const { service } = backend ?? {};
      if (service?.name === undefined) continue;
      found.push({
        service: service.name,
        port: service.port?.number ?? service.port?.name,
        host,
        path: path ?? "/",
        field: `spec.rules[${ruleIndex}].http.paths[${pathIndex}].backend.service`,
      });
    }
  }
  if (defaultBackend?.service?.name !== undefined) {
    const { service } = defaultBackend;
    found.push({
      service: service.name ?? "",
      port: service.port?.number ?? service.port?.name,
      host: "",
      path: undefined,
      field: "spec.defaultBackend.service",
    });
  }
  return found;
}

function distinctEdges(edges: readonly Edge[]): readonly Edge[] {
  const seen = new Set<string>();
  return edges.filter(({ kind, from }) => {
    const key = `${kind} ${keyOf(from)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
