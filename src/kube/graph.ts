/**
 * The object graph: who can break whom. An edge leads from the object at fault to the one that suffers; objects that do not
 * exist are nodes too. Neighbours are computed when asked for, from indexes that the snapshot keeps, so that the graph of a
 * large cluster costs nothing where nothing is wrong.
 */
import { isKindName, type KubeObject } from "./kinds.ts";
import { keyOf, namedRef, type ObjectRef, refOf } from "./object-ref.ts";
import { controllerOf, podsSelectedBy, podsMatching, referencesOf, workloadsBehind } from "./relations.ts";
import type { Snapshot } from "./snapshot.ts";

/** Why one object can break another. */
export type EdgeKind =
  /** A child breaks its controller's roll-up. */
  | "owner"
  /** A controller's template is what its Pods are made of. */
  | "template"
  /** A named object: ConfigMap, Secret, ServiceAccount, class. */
  | "ref"
  /** A volume: PersistentVolumeClaim → Pod, PersistentVolume → claim, StorageClass → claim. */
  | "mount"
  /** The node that a Pod runs on. */
  | "node"
  /** The Pods behind a Service. */
  | "select"
  /** The Service behind an Ingress, a route or a webhook. */
  | "backend"
  /** The Secret behind a TLS host. */
  | "tls"
  /** What serves an Ingress or a route: its class, its Gateway, the class of that. */
  | "class"
  /** The workload that an autoscaler scales. */
  | "scale"
  /** The Pods that a disruption budget guards. */
  | "guard";

/** `from` can break the object that was asked about. */
export interface Edge {
  readonly kind: EdgeKind;
  readonly from: ObjectRef;
}

/** The objects that can break `ref` directly, present or missing, in a fixed order. */
export function causesOf(snapshot: Snapshot, ref: ObjectRef): readonly Edge[] {
  const located = isKindName(ref.kind) ? snapshot.find(ref) : undefined;
  if (located === undefined) return [];
  const { kind } = located;
  const { namespace, uid } = located.object.metadata ?? {};
  const edges: Edge[] = [];
  const add = (edge: EdgeKind, from: ObjectRef | undefined): void => {
    if (from !== undefined) edges.push({ kind: edge, from });
  };
  // What was found under a kind has the type of that kind; each branch below names its own.
  const as = <K extends keyof ByKind>(_kind: K): KubeObject<K> => located.object as KubeObject<K>;

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
      if (spec?.nodeName !== undefined && spec.nodeName !== "") add("node", namedRef("Node", undefined, spec.nodeName));
      add("template", controllerOf(as("Pod")));
      break;
    }
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
      }
      break;
    }
    case "Service": {
      const pods = podsSelectedBy(snapshot, as("Service"));
      for (const pod of pods) add("select", refOf("Pod", pod));
      // A workload that could not make its Pods breaks the Service all the same.
      if (pods.length === 0)
        for (const { ref: workload } of workloadsBehind(snapshot, as("Service"))) add("select", workload);
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
        for (const { group = "", kind: target = "Secret", namespace: other = namespace, name } of tls?.certificateRefs ?? []) {
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
        if (group === "" && target === "Service" && name !== undefined) add("backend", namedRef("Service", other, name));
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
