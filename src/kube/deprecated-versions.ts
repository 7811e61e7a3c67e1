/**
 * API versions that Kubernetes has stopped or will stop to serve, for the kinds that k8sgpt reads
 * (reference/using-api/deprecation-guide/, and the `APILifecycle…` methods of k8s.io/api v0.34.4). Versions that ended
 * before 1.22 are left out: servers that old keep no record of who used which.
 */
import { isKindName, type KindName } from "./kinds.ts";

export interface DeprecatedVersion {
  /** First minor version of Kubernetes 1 that does not serve it. */
  readonly removedIn: number;
  /** `batch/v1`. */
  readonly replacement: string;
}

const rbac = { "rbac.authorization.k8s.io/v1beta1": { removedIn: 22, replacement: "rbac.authorization.k8s.io/v1" } };
const admission = {
  "admissionregistration.k8s.io/v1beta1": { removedIn: 22, replacement: "admissionregistration.k8s.io/v1" },
};
const storage = { "storage.k8s.io/v1beta1": { removedIn: 22, replacement: "storage.k8s.io/v1" } };
const networking = { "networking.k8s.io/v1beta1": { removedIn: 22, replacement: "networking.k8s.io/v1" } };

const versions: { readonly [K in KindName]?: Readonly<Record<string, DeprecatedVersion>> } = {
  APIService: { "apiregistration.k8s.io/v1beta1": { removedIn: 22, replacement: "apiregistration.k8s.io/v1" } },
  CustomResourceDefinition: {
    "apiextensions.k8s.io/v1beta1": { removedIn: 22, replacement: "apiextensions.k8s.io/v1" },
  },
  ClusterRole: rbac,
  ClusterRoleBinding: rbac,
  Role: rbac,
  RoleBinding: rbac,
  ValidatingWebhookConfiguration: admission,
  MutatingWebhookConfiguration: admission,
  CSIDriver: storage,
  StorageClass: storage,
  Ingress: { ...networking, "extensions/v1beta1": { removedIn: 22, replacement: "networking.k8s.io/v1" } },
  IngressClass: networking,
  PriorityClass: { "scheduling.k8s.io/v1beta1": { removedIn: 22, replacement: "scheduling.k8s.io/v1" } },
  CronJob: { "batch/v1beta1": { removedIn: 25, replacement: "batch/v1" } },
  PodDisruptionBudget: { "policy/v1beta1": { removedIn: 25, replacement: "policy/v1" } },
  RuntimeClass: { "node.k8s.io/v1beta1": { removedIn: 25, replacement: "node.k8s.io/v1" } },
  HorizontalPodAutoscaler: {
    "autoscaling/v2beta1": { removedIn: 25, replacement: "autoscaling/v2" },
    "autoscaling/v2beta2": { removedIn: 26, replacement: "autoscaling/v2" },
  },
};

/** The kinds that have such versions. */
export const kindsWithDeprecatedVersions: readonly KindName[] = Object.keys(versions).filter(isKindName).sort();

/** What becomes of a version of the kind; undefined for one that stays. */
export function deprecatedVersion(kind: KindName, apiVersion: string): DeprecatedVersion | undefined {
  const ofKind = versions[kind];
  return ofKind !== undefined && Object.hasOwn(ofKind, apiVersion) ? ofKind[apiVersion] : undefined;
}
