import { replicaSet } from "../../src/analyzers/replica-set.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const web = yaml`
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata: { name: web, namespace: shop }
  spec:
    replicas: 5
    selector: { matchLabels: { app: web } }
    template:
      metadata: { labels: { app: web } }
      spec: { containers: [{ name: app, image: registry.example/web:2 }] }
  status: { replicas: 5, readyReplicas: 5, availableReplicas: 5 }
`;

function pod(name: string, changes = "{}"): Manifest {
  const base = yaml`
    apiVersion: v1
    kind: Pod
    metadata:
      name: ${name}
      namespace: shop
      labels: { app: web }
      ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: ReplicaSet/shop/web, controller: true }]
    spec: { containers: [{ name: app, image: registry.example/web:2 }] }
    status: { phase: Running, conditions: [{ type: Ready, status: "True", lastTransitionTime: ${ago("40m")} }] }
  `;
  return but(base, changes);
}

/** Two of five exist, and the rest is refused with `message`. */
function refused(message: string, changes = "{}"): Manifest {
  const conditions = [
    { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message, lastTransitionTime: ago("10m") },
  ];
  const status = { replicas: 2, readyReplicas: 2, availableReplicas: 2, conditions };
  return but({ ...but(web, "{}"), status }, changes);
}

const quotaText =
  'pods "web-7xk2p" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2';
const ofDeployment = `
  metadata:
    annotations: { deployment.kubernetes.io/revision: "3" }
    ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: web, uid: Deployment/shop/web, controller: true }]
`;

function event(reason: string, message: string, span: string): Manifest {
  const base = yaml`
    apiVersion: v1
    kind: Event
    metadata: { name: web.${reason.toLowerCase()}, namespace: shop }
    involvedObject: { apiVersion: apps/v1, kind: ReplicaSet, namespace: shop, name: web, uid: ReplicaSet/shop/web }
    reason: ${reason}
    type: ${reason === "FailedCreate" ? "Warning" : "Normal"}
    firstTimestamp: ${ago("20m")}
    lastTimestamp: ${ago(span)}
  `;
  return { ...but(base, "{}"), message };
}

const said = { object: "ReplicaSet/shop/web", severity: "warning" as const };

export default cases(replicaSet, {
  fires: [
    {
      name: "two of five, then the quota is used up",
      given: [refused(quotaText), pod("web-1"), pod("web-2")],
      expect: [
        { rule: "create-blocked-quota", ...said, because: "number of Pods", cause: "ResourceQuota/shop/compute" },
      ],
    },
    {
      name: "none at all",
      given: [refused(quotaText, "{ status: { replicas: 0, readyReplicas: 0, availableReplicas: 0 } }")],
      expect: [{ rule: "create-blocked-quota", object: "ReplicaSet/shop/web", severity: "critical" }],
    },
    {
      name: "the newest ReplicaSet of a Deployment",
      given: [refused(quotaText, ofDeployment), pod("web-1")],
      expect: [{ rule: "create-blocked-quota", ...said }],
    },
    {
      name: "no condition, but its event",
      given: [
        but(web, "{ status: { replicas: 2, readyReplicas: 2, availableReplicas: 2 } }"),
        pod("web-1"),
        event("FailedCreate", `Error creating: ${quotaText}`, "4m"),
      ],
      expect: [{ rule: "create-blocked-quota", ...said }],
    },
    {
      name: "the quota counts requests that the Pods do not name",
      given: [
        refused(
          'pods "web-7xk2p" is forbidden: failed quota: compute: must specify limits.cpu for: app; requests.memory for: app',
        ),
        pod("web-1"),
      ],
      expect: [{ rule: "create-blocked-quota-needs-requests", ...said, cause: "ResourceQuota/shop/compute" }],
    },
    {
      name: "above the maximum of the only LimitRange",
      given: [
        refused('pods "web-7xk2p" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi'),
        pod("web-1"),
        yaml`{ apiVersion: v1, kind: LimitRange, metadata: { name: bounds, namespace: shop }, spec: { limits: [{ type: Container, max: { memory: 1Gi } }] } }`,
      ],
      expect: [
        { rule: "create-blocked-limitrange", ...said, because: "above its maximum", cause: "LimitRange/shop/bounds" },
      ],
    },
    {
      name: "the namespace enforces a Pod Security Standard",
      given: [
        refused(
          'pods "web-7xk2p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false)',
        ),
        pod("web-1"),
      ],
      expect: [
        { rule: "create-blocked-podsecurity", ...said, because: "the restricted level", cause: "Namespace/shop" },
      ],
    },
    {
      name: "a webhook that must answer does not",
      given: [
        refused(
          'Internal error occurred: failed calling webhook "pods.guard.example": failed to call webhook: Post "https://guard.guard.svc:443/validate?timeout=10s": dial tcp 10.96.4.2:443: connect: connection refused',
        ),
        pod("web-1"),
        yaml`
          apiVersion: admissionregistration.k8s.io/v1
          kind: ValidatingWebhookConfiguration
          metadata: { name: guard }
          webhooks:
            - name: pods.guard.example
              sideEffects: None
              admissionReviewVersions: [v1]
              clientConfig: { service: { name: guard, namespace: guard } }
        `,
      ],
      expect: [
        {
          rule: "create-blocked-webhook-down",
          ...said,
          because: "it refuses connections",
          cause: "ValidatingWebhookConfiguration/guard",
        },
      ],
    },
    {
      name: "a webhook denies it, and quotes another refusal",
      given: [
        refused(
          'admission webhook "pods.guard.example" denied the request: exceeded quota: fake, requested: a, used: b, limited: c',
        ),
        pod("web-1"),
      ],
      expect: [{ rule: "create-blocked-webhook-denied", ...said }],
    },
    {
      name: "a ValidatingAdmissionPolicy denies it",
      given: [
        refused(
          `pods "web-7xk2p" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'no-latest-shop' denied request: images need a tag`,
        ),
        pod("web-1"),
      ],
      expect: [{ rule: "create-blocked-policy", ...said, cause: "ValidatingAdmissionPolicy/no-latest" }],
    },
    {
      name: "its ServiceAccount does not exist",
      given: [
        refused('pods "web-" is forbidden: error looking up service account shop/web: serviceaccount "web" not found'),
        pod("web-1"),
      ],
      expect: [{ rule: "create-blocked-serviceaccount", ...said, cause: "ServiceAccount/shop/web" }],
    },
    {
      name: "its PriorityClass does not exist",
      given: [refused('pods "web-7xk2p" is forbidden: no PriorityClass with name hgih was found'), pod("web-1")],
      expect: [{ rule: "create-blocked-priorityclass", ...said, cause: "PriorityClass/hgih" }],
    },
    {
      name: "its RuntimeClass does not exist",
      given: [refused('pods "web-7xk2p" is forbidden: pod rejected: RuntimeClass "gvisor" not found'), pod("web-1")],
      expect: [{ rule: "create-blocked-runtimeclass", ...said, cause: "RuntimeClass/gvisor" }],
    },
    {
      name: "the controller has lost its rights",
      given: [
        refused(
          'pods is forbidden: User "system:serviceaccount:kube-system:replicaset-controller" cannot create resource "pods" in API group "" in the namespace "shop"',
        ),
        pod("web-1"),
      ],
      expect: [{ rule: "create-blocked-rights", ...said }],
    },
    {
      name: "the template is not valid",
      given: [
        refused('Pod "web-7xk2p" is invalid: spec.containers[0].volumeMounts[0].name: Not found: "data"'),
        pod("web-1"),
      ],
      expect: [{ rule: "create-blocked-invalid", ...said }],
    },
    {
      name: "a refusal in words that are not known",
      given: [refused("the server said no"), pod("web-1")],
      expect: [{ rule: "create-blocked-other", ...said }],
    },
    {
      name: "a Pod of a ReplicaSet without Deployment is not ready",
      given: [
        but(web, "{ status: { readyReplicas: 4, availableReplicas: 4 } }"),
        pod("web-1"),
        pod("web-2", `status: { conditions: [{ type: Ready, status: "False", lastTransitionTime: ${ago("10m")} }] }`),
      ],
      expect: [{ rule: "replicas-short", ...said }],
    },
    {
      name: "nobody creates Pods",
      given: [but(web, "{ status: { replicas: 0, readyReplicas: 0, availableReplicas: 0 } }")],
      expect: [{ rule: "workload-no-pods-created", ...said }],
    },
    {
      name: "nobody looks at its change",
      given: [but(web, "{ metadata: { generation: 4 }, status: { observedGeneration: 3 } }"), pod("web-1")],
      expect: [{ rule: "controller-not-observing", ...said }],
    },
    {
      name: "its selector matches the Pods of a StatefulSet",
      given: [
        web,
        pod("web-1"),
        yaml`
          apiVersion: apps/v1
          kind: StatefulSet
          metadata: { name: db, namespace: shop }
          spec:
            selector: { matchLabels: { app: web, tier: db } }
            template:
              metadata: { labels: { app: web, tier: db } }
              spec: { containers: [{ name: db, image: registry.example/db:1 }] }
        `,
        pod(
          "db-0",
          `
          metadata:
            labels: { tier: db }
            ownerReferences: [{ apiVersion: apps/v1, kind: StatefulSet, name: db, uid: StatefulSet/shop/db, controller: true }]
        `,
        ),
      ],
      expect: [{ rule: "workload-selector-overlap", ...said }],
    },
    {
      name: "a pull secret that is not there",
      given: [but(web, "{ spec: { template: { spec: { imagePullSecrets: [{ name: gone }] } } } }"), pod("web-1")],
      expect: [{ rule: "image-pull-secret-missing", ...said, cause: "Secret/shop/gone" }],
    },
  ],
  silent: [
    { name: "all is well", given: [web, pod("web-1")] },
    {
      name: "the condition is False",
      given: [
        but(
          web,
          `
          status: { replicas: 2, readyReplicas: 2, availableReplicas: 2, conditions: [{ type: ReplicaFailure, status: "False", reason: FailedCreate, lastTransitionTime: ${ago("10m")} }] }
        `,
        ),
        pod("web-1"),
      ],
    },
    {
      name: "scaled to zero",
      given: [
        refused(
          quotaText,
          "{ spec: { replicas: 0 }, status: { replicas: 0, readyReplicas: 0, availableReplicas: 0 } }",
        ),
      ],
    },
    {
      name: "an old ReplicaSet of a Deployment that has rolled on",
      given: [
        refused(quotaText, ofDeployment),
        pod("web-1"),
        but(
          but(web, ofDeployment),
          `{ metadata: { name: web-newest, annotations: { deployment.kubernetes.io/revision: "4" } } }`,
        ),
      ],
    },
    {
      name: "a ReplicaSet of a Deployment whose Pods are not ready: the Deployment tells",
      given: [
        but(but(web, ofDeployment), "{ status: { readyReplicas: 0, availableReplicas: 0 } }"),
        pod("web-1", `status: { conditions: [{ type: Ready, status: "False", lastTransitionTime: ${ago("10m")} }] }`),
      ],
    },
    {
      name: "refused a minute ago",
      given: [
        but(
          refused(quotaText),
          `
      status: { conditions: [{ type: ReplicaFailure, status: "True", reason: FailedCreate, message: exceeded, lastTransitionTime: ${ago("60s")} }] }
    `,
        ),
        pod("web-1"),
      ],
    },
    {
      name: "a Pod was created after the refusal",
      given: [
        but(web, "{ status: { replicas: 4, readyReplicas: 4, availableReplicas: 4 } }"),
        pod("web-1"),
        event("FailedCreate", `Error creating: ${quotaText}`, "10m"),
        event("SuccessfulCreate", "Created pod: web-5", "10s"),
      ],
    },
    {
      name: "all Pods exist and an old refusal is still in the events",
      given: [web, pod("web-1"), event("FailedCreate", `Error creating: ${quotaText}`, "4m")],
    },
    {
      name: "the refusal is more than an hour old",
      given: [
        but(web, "{ status: { replicas: 2, readyReplicas: 2, availableReplicas: 2 } }"),
        pod("web-1"),
        but(event("FailedCreate", `Error creating: ${quotaText}`, "70m"), `{ firstTimestamp: ${ago("80m")} }`),
      ],
    },
    {
      name: "the namespace is being deleted",
      given: [
        refused(
          'pods "web-7xk2p" is forbidden: unable to create new content in namespace shop because it is being terminated',
        ),
        pod("web-1"),
      ],
    },
    {
      name: "created a minute ago",
      given: [
        but(
          web,
          `{ metadata: { creationTimestamp: ${ago("60s")} }, status: { replicas: 0, readyReplicas: 0, availableReplicas: 0 } }`,
        ),
      ],
    },
  ],
});
