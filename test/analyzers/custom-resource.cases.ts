import { customResource } from "../../src/analyzers/custom-resource.ts";
import { ago, but, cases, yaml } from "./cases.ts";

const notLive = "the definition of the kind is not part of the lab";

function withConditions(kind: string, apiVersion: string, name: string, conditions: string, more = "{}") {
  return but(
    yaml`
      { apiVersion: ${apiVersion}, kind: ${kind}, metadata: { name: ${name}, namespace: shop }, status: { conditions: ${conditions} } }
    `,
    more,
  );
}

const kustomization = (conditions: string, more = "{}") =>
  withConditions("Kustomization", "kustomize.toolkit.fluxcd.io/v1", "apps", conditions, more);

const buildFailed = `[{ type: Ready, status: "False", reason: BuildFailed, message: "kustomize build failed: accumulating resources", lastTransitionTime: "${ago("20m")}" }]`;

const pushSecret = (since: string) => yaml`
  apiVersion: external-secrets.io/v1alpha1
  kind: PushSecret
  metadata: { name: db, namespace: shop }
  spec: { secretStoreRefs: [{ name: vault }], selector: { secret: { name: db } } }
  status:
    conditions:
      - { type: Ready, status: "False", reason: Errored, message: could not get SecretStore, lastTransitionTime: "${ago(since)}" }
`;

export default cases(customResource, {
  fires: [
    {
      name: "Ready False for longer than 10 minutes",
      notLive,
      given: [kustomization(buildFailed)],
      expect: [
        {
          rule: "custom-resource-not-ready",
          object: "Kustomization/shop/apps",
          severity: "warning",
          because: "it is not ready",
        },
      ],
    },
    {
      name: "Degraded True beside Ready True: degraded, not down",
      notLive,
      given: [
        withConditions(
          "Kafka",
          "kafka.strimzi.io/v1beta2",
          "events",
          `[{ type: Ready, status: "True" }, { type: Degraded, status: "True", reason: Broker, lastTransitionTime: "${ago("1h")}" }]`,
        ),
      ],
      expect: [
        {
          rule: "custom-resource-not-ready",
          object: "Kafka/shop/events",
          severity: "warning",
          because: "it is degraded",
        },
      ],
    },
    {
      name: "a kind that serves users is not ready: critical, by its override",
      notLive,
      given: [
        withConditions(
          "Kafka",
          "kafka.strimzi.io/v1beta2",
          "events",
          `[{ type: NotReady, status: "True", reason: TimeoutException, message: "Exceeded timeout of 300000ms while waiting for Pods", lastTransitionTime: "${ago("1h")}" }]`,
        ),
      ],
      expect: [{ rule: "custom-resource-not-ready", object: "Kafka/shop/events", severity: "critical" }],
    },
    {
      name: "a kind whose name Kubernetes has as well keeps its group",
      notLive,
      given: [
        withConditions(
          "Service",
          "serving.knative.dev/v1",
          "web",
          `[{ type: Ready, status: "False", reason: RevisionMissing, message: "Configuration has no ready Revision", lastTransitionTime: "${ago("15m")}" }]`,
        ),
      ],
      expect: [
        { rule: "custom-resource-not-ready", object: "Service.serving.knative.dev/shop/web", severity: "critical" },
      ],
    },
    {
      name: "Argo CD says it by health",
      notLive,
      given: [
        yaml`
          apiVersion: argoproj.io/v1alpha1
          kind: Application
          metadata: { name: web, namespace: argocd }
          status: { health: { status: Degraded, lastTransitionTime: "${ago("30m")}" }, sync: { status: Synced } }
        `,
      ],
      expect: [{ rule: "custom-resource-not-ready", object: "Application/argocd/web", because: "it is degraded" }],
    },
    {
      name: "a phase of Error without conditions, of a cluster-scoped object",
      notLive,
      given: [
        yaml`{ apiVersion: example.com/v1, kind: Tenant, metadata: { name: acme }, status: { phase: Error, message: quota } }`,
      ],
      expect: [{ rule: "custom-resource-not-ready", object: "Tenant/acme", severity: "warning", because: "it failed" }],
    },
    {
      name: "a condition without a time: the object's age counts",
      notLive,
      given: [
        withConditions(
          "Tenant",
          "example.com/v1",
          "acme",
          `[{ type: Synced, status: "False", reason: ReconcileError }]`,
        ),
      ],
      expect: [{ rule: "custom-resource-not-ready", object: "Tenant/shop/acme" }],
    },
    {
      name: "the reason names progress, for longer than 30 minutes",
      notLive,
      given: [
        kustomization(`[{ type: Ready, status: "False", reason: Progressing, lastTransitionTime: "${ago("40m")}" }]`),
      ],
      expect: [{ rule: "custom-resource-not-ready", object: "Kustomization/shop/apps" }],
    },
    {
      name: "the reason holds a word of progress and one of failure: failure",
      notLive,
      given: [
        kustomization(
          `[{ type: Ready, status: "False", reason: ReconciliationFailed, lastTransitionTime: "${ago("15m")}" }]`,
        ),
      ],
      expect: [{ rule: "custom-resource-not-ready", object: "Kustomization/shop/apps" }],
    },
    {
      name: "a run that ended badly is context",
      notLive,
      given: [
        yaml`{ apiVersion: example.com/v1, kind: DatabaseBackup, metadata: { name: nightly, namespace: shop }, status: { phase: Failed } }`,
      ],
      expect: [{ rule: "custom-resource-not-ready", object: "DatabaseBackup/shop/nightly", severity: "info" }],
    },
    {
      name: "an ExternalSecret that cannot read its store",
      given: [
        withConditions(
          "ExternalSecret",
          "external-secrets.io/v1",
          "db",
          `[{ type: Ready, status: "False", reason: SecretSyncedError, message: "could not get secret data from provider", lastTransitionTime: "${ago("2h")}" }]`,
        ),
      ],
      expect: [{ rule: "external-secret-not-ready", object: "ExternalSecret/shop/db", severity: "warning" }],
    },
    {
      name: "a PushSecret that cannot reach its store, by the general rule",
      given: [pushSecret("20m")],
      expect: [
        {
          rule: "custom-resource-not-ready",
          object: "PushSecret/shop/db",
          severity: "warning",
          because: "it is not ready",
        },
      ],
    },
    {
      name: "a type that is not known: once, as information",
      notLive,
      given: ["a", "b", "c"].map((name) =>
        withConditions(
          "Tenant",
          "example.com/v1",
          name,
          `[{ type: BillingLinked, status: "False", reason: NoAccount, message: no account, lastTransitionTime: "${ago("1h")}" }]`,
        ),
      ),
      expect: [{ rule: "custom-resource-condition-unknown", object: "Tenant/shop/a", severity: "info" }],
    },
  ],
  silent: [
    {
      name: "Ready False for less than 10 minutes",
      notLive,
      given: [
        kustomization(`[{ type: Ready, status: "False", reason: BuildFailed, lastTransitionTime: "${ago("9m")}" }]`),
      ],
    },
    {
      name: "the reason names progress, for less than 30 minutes",
      notLive,
      given: [
        kustomization(`[{ type: Ready, status: "False", reason: Progressing, lastTransitionTime: "${ago("25m")}" }]`),
      ],
    },
    { name: "a PushSecret that is not ready for five minutes", given: [pushSecret("5m")] },
    { name: "suspended", notLive, given: [kustomization(buildFailed, "{ spec: { suspend: true } }")] },
    { name: "paused by its spec", notLive, given: [kustomization(buildFailed, "{ spec: { paused: true } }")] },
    {
      name: "paused by an annotation of its controller",
      notLive,
      given: [
        withConditions(
          "Bucket",
          "s3.aws.upbound.io/v1beta1",
          "assets",
          `[{ type: Synced, status: "False", reason: ReconcilePaused }]`,
          `{ metadata: { annotations: { crossplane.io/paused: "true" } } }`,
        ),
      ],
    },
    {
      name: "a Paused condition",
      notLive,
      given: [
        withConditions(
          "Tenant",
          "example.com/v1",
          "acme",
          `[{ type: Ready, status: "False" }, { type: Paused, status: "True" }]`,
        ),
      ],
    },
    {
      name: "the status tells of an older spec",
      notLive,
      given: [kustomization(buildFailed, "{ metadata: { generation: 3 }, status: { observedGeneration: 2 } }")],
    },
    {
      name: "the condition tells of an older spec",
      notLive,
      given: [
        kustomization(
          `[{ type: Ready, status: "False", reason: BuildFailed, observedGeneration: 2 }]`,
          "{ metadata: { generation: 3 } }",
        ),
      ],
    },
    { name: "Ready is Unknown", notLive, given: [kustomization(`[{ type: Ready, status: Unknown }]`)] },
    {
      name: "a condition that calls itself informational",
      notLive,
      given: [withConditions("Tenant", "example.com/v1", "acme", `[{ type: Ready, status: "False", severity: Info }]`)],
    },
    {
      name: "being deleted",
      notLive,
      given: [kustomization(buildFailed, `{ metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [a.b/c] } }`)],
    },
    {
      name: "in a namespace that is being deleted",
      notLive,
      given: [
        kustomization(buildFailed),
        yaml`{ apiVersion: v1, kind: Namespace, metadata: { name: shop, deletionTimestamp: "${ago("1m")}" } }`,
      ],
    },
    {
      name: "Flux reconciles: Reconciling True beside Ready True",
      notLive,
      given: [kustomization(`[{ type: Reconciling, status: "True" }, { type: Ready, status: "True" }]`)],
    },
    {
      name: "an old Revision of Knative is at rest",
      notLive,
      given: [
        withConditions(
          "Revision",
          "serving.knative.dev/v1",
          "web-1",
          `[{ type: Active, status: "False" }, { type: Ready, status: "False" }]`,
        ),
      ],
    },
    {
      name: "OpenShift advises against an upgrade",
      notLive,
      given: [
        yaml`
          apiVersion: config.openshift.io/v1
          kind: ClusterOperator
          metadata: { name: dns }
          status:
            conditions:
              - { type: Available, status: "True", lastTransitionTime: "${ago("1d")}" }
              - { type: Degraded, status: "False", lastTransitionTime: "${ago("1d")}" }
              - { type: Upgradeable, status: "False", message: not now, lastTransitionTime: "${ago("1d")}" }
        `,
      ],
    },
    {
      name: "a failed Workflow is a run that its owner was told of",
      notLive,
      given: [
        yaml`{ apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: { name: etl, namespace: shop }, status: { phase: Failed } }`,
      ],
    },
    {
      name: "conditions and phases of odd shapes",
      notLive,
      given: [
        yaml`
          apiVersion: example.com/v1
          kind: Odd
          metadata: { name: odd, namespace: shop }
          status: { conditions: [7, { type: [Ready], status: "False" }, { status: "False" }, null], phase: { Failed: true }, state: 3, health: bad, observedGeneration: x }
        `,
      ],
    },
    {
      name: "conditions as a map, not a list",
      notLive,
      given: [
        yaml`{ apiVersion: example.com/v1, kind: Odd, metadata: { name: odd, namespace: shop }, status: { conditions: { Ready: "False" } } }`,
      ],
    },
    {
      name: "no status yet",
      notLive,
      given: [yaml`{ apiVersion: example.com/v1, kind: Fresh, metadata: { name: fresh, namespace: shop } }`],
    },
    {
      name: "the definitions could not be read",
      notLive,
      given: [],
      unread: ["CustomResourceDefinition"],
    },
  ],
});
