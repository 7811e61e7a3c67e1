/**
 * The checks of `/readyz` (kubernetes v1.34, staging/src/k8s.io/apiserver/pkg/server/healthz, pkg/server/options/etcd.go,
 * pkg/controlplane; real answers of kube-apiserver v1.34.4 in the tests), by what it means that one fails.
 */
const checks: readonly (readonly [RegExp, string])[] = [
  [/^etcd(?:-readiness|-override-readiness-\d+)?$/, "it does not reach etcd"],
  [/^kms-provider/, "it does not reach the KMS plugin that keeps the keys of Secrets"],
  [/^informer-sync$/, "it has not caught up with etcd"],
  [/^shutdown$/, "it is shutting down"],
  [/^poststarthook\/rbac\//, "its built-in roles are not there yet"],
  [/^poststarthook\/scheduling\//, "its built-in PriorityClasses are not there yet"],
  [
    /^poststarthook\/(?:apiservice|kube-apiserver-autoregistration|start-kube-aggregator)/,
    "it has not registered all APIs",
  ],
  [/^autoregister-completion$/, "it has not registered all APIs"],
  [/^poststarthook\/(?:crd-informer-synced|start-apiextensions)/, "it does not serve custom resources yet"],
  [
    /^poststarthook\/(?:aggregator-reload-proxy-client-cert|start-cluster-authentication-info-controller)/,
    "it has not loaded its certificates",
  ],
  [/^poststarthook\//, "it has not finished starting"],
  [/^(?:ping|log)$/, "it does not work"],
];

/** Why the server is not ready, by the check that fails; undefined for one that is not known. */
export function readyzInWords(check: string): string | undefined {
  return checks.find(([pattern]) => pattern.test(check))?.[1];
}
