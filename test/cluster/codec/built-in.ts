import { kindDefinition, type KindName, kindNames } from "../../../src/kube/kinds.ts";

/** The API groups that Kubernetes itself serves: their kinds have protobuf, those of custom resources do not. */
const builtInGroups = new Set([
  "",
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "apiregistration.k8s.io",
  "apps",
  "autoscaling",
  "batch",
  "certificates.k8s.io",
  "coordination.k8s.io",
  "discovery.k8s.io",
  "networking.k8s.io",
  "node.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "scheduling.k8s.io",
  "storage.k8s.io",
]);

/** The kinds of those groups. */
export const builtInKinds: readonly KindName[] = kindNames.filter((kind) =>
  builtInGroups.has(kindDefinition(kind).group),
);
