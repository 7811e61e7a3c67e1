import { namespace } from "../../src/analyzers/namespace.ts";
import { ago, cases, type Manifest, yaml } from "./cases.ts";

const notLive = "no controller runs that would write the conditions, and the deletion time cannot be chosen";
const stuck = (since: string, ...conditions: readonly string[]): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Namespace
  metadata: { name: old, deletionTimestamp: "${ago(since)}" }
  spec: { finalizers: [kubernetes] }
  status: { phase: Terminating, conditions: [${conditions.join(", ")}] }
`;
const condition = (type: string, reason: string, message: string): string =>
  JSON.stringify({ type, status: "True", reason, message, lastTransitionTime: ago("10m") });
const discovery = condition(
  "NamespaceDeletionDiscoveryFailure",
  "DiscoveryFailed",
  "Discovery failed for some groups, 2 failing: unable to retrieve the complete list of server APIs: custom.metrics.k8s.io/v1beta1: stale GroupVersion discovery: custom.metrics.k8s.io/v1beta1, metrics.k8s.io/v1beta1: the server is currently unable to handle the request",
);
const remaining = condition(
  "NamespaceContentRemaining",
  "SomeResourcesRemain",
  "Some resources are remaining: pods. has 3 resource instances, widgets.example.com has 1 resource instances",
);
const finalizers = condition(
  "NamespaceFinalizersRemaining",
  "SomeFinalizersRemain",
  "Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances",
);
const refused = condition(
  "NamespaceDeletionContentFailure",
  "ContentDeletionFailed",
  'Failed to delete all resource types, 1 remaining: Internal error occurred: failed calling webhook "guard.example.com": failed to call webhook: Post "https://guard.ops.svc:443/": dial tcp 10.96.0.9:443: connect: connection refused',
);
const apiService = yaml`
  apiVersion: apiregistration.k8s.io/v1
  kind: APIService
  metadata: { name: v1beta1.metrics.k8s.io }
  spec: { group: metrics.k8s.io, version: v1beta1, service: { namespace: kube-system, name: metrics-server } }
  status: { conditions: [{ type: Available, status: "False", reason: MissingEndpoints }] }
`;
const guard = (name: string): readonly Manifest[] => yaml`
  apiVersion: admissionregistration.k8s.io/v1
  kind: ValidatingWebhookConfiguration
  metadata: { name: ${name} }
  webhooks: [{ name: guard.example.com, admissionReviewVersions: [v1], sideEffects: None, clientConfig: { service: { namespace: ops, name: guard } } }]
`;
const ending = (until: string): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: queue-0, namespace: old, deletionTimestamp: "${until}", deletionGracePeriodSeconds: 1800 }
  spec: { containers: [{ name: queue, image: rabbitmq }] }
`;
const rule = "namespace-stuck-terminating";
const object = "Namespace/old";

export default cases(namespace, {
  fires: [
    {
      name: "an API group does not answer",
      given: [stuck("10m", discovery), apiService],
      expect: [
        {
          rule,
          object,
          severity: "warning",
          because: "an API group does not answer",
          cause: "APIService/v1beta1.metrics.k8s.io",
        },
      ],
      notLive,
    },
    {
      name: "for two hours",
      given: [stuck("2h", remaining)],
      expect: [{ rule, object, severity: "critical", because: "objects remain" }],
      notLive,
    },
    {
      name: "a finalizer holds one of its objects",
      given: [stuck("10m", remaining, finalizers)],
      expect: [{ rule, object, because: "objects with finalizers remain" }],
      notLive,
    },
    {
      name: "a webhook stands in the way",
      given: [stuck("10m", refused), guard("guard")],
      expect: [
        {
          rule,
          object,
          because: "a webhook stands in the way of deleting its objects",
          cause: "ValidatingWebhookConfiguration/guard",
        },
      ],
      notLive,
    },
    {
      name: "a webhook that two configurations hold: neither is named",
      given: [stuck("10m", refused), guard("guard"), guard("guard-2")],
      expect: [{ rule, object, because: "a webhook stands in the way of deleting its objects" }],
      notLive,
    },
    {
      name: "a refusal of another kind",
      given: [
        stuck(
          "10m",
          condition(
            "NamespaceDeletionContentFailure",
            "ContentDeletionFailed",
            "unexpected items still remain in namespace: old for gvr: /v1, Resource=pods",
          ),
        ),
      ],
      expect: [{ rule, object, because: "some of its objects cannot be deleted" }],
      notLive,
    },
    { name: "without a condition", given: [stuck("10m")], expect: [{ rule, object }], notLive },
  ],
  silent: [
    {
      name: "active",
      given: [yaml`{ apiVersion: v1, kind: Namespace, metadata: { name: old }, status: { phase: Active } }`],
    },
    { name: "being deleted for two minutes", given: [stuck("2m", remaining)], notLive },
    {
      name: "its Pods are still within their time to end",
      given: [stuck("10m", remaining), ending("2026-01-15T12:20:00Z")],
      notLive,
    },
  ],
});
