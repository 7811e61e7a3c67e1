import { deployment } from "../../src/analyzers/deployment.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const web = yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: web, namespace: shop }
  spec:
    replicas: 3
    selector: { matchLabels: { app: web } }
    template:
      metadata: { labels: { app: web } }
      spec: { containers: [{ name: app, image: registry.example/web:2 }] }
  status:
    replicas: 3
    updatedReplicas: 3
    readyReplicas: 3
    availableReplicas: 3
    conditions:
      - { type: Available, status: "True", reason: MinimumReplicasAvailable, lastTransitionTime: ${ago("50m")} }
      - { type: Progressing, status: "True", reason: NewReplicaSetAvailable, lastTransitionTime: ${ago("50m")} }
`;

function replicaSet(name: string, revision: number, changes = "{}"): Manifest {
  const base = yaml`
    apiVersion: apps/v1
    kind: ReplicaSet
    metadata:
      name: ${name}
      namespace: shop
      annotations: { deployment.kubernetes.io/revision: "${revision}" }
      ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: web, uid: Deployment/shop/web, controller: true }]
    spec:
      replicas: 3
      selector: { matchLabels: { app: web, pod-template-hash: ${name} } }
      template:
        metadata: { labels: { app: web, pod-template-hash: ${name} } }
        spec: { containers: [{ name: app, image: registry.example/web:2 }] }
    status: { replicas: 3 }
  `;
  return but(base, changes);
}

function pod(name: string, owner: string, changes = "{}"): Manifest {
  const base = yaml`
    apiVersion: v1
    kind: Pod
    metadata:
      name: ${name}
      namespace: shop
      labels: { app: web, pod-template-hash: ${owner} }
      ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: ${owner}, uid: ReplicaSet/shop/${owner}, controller: true }]
    spec: { containers: [{ name: app, image: registry.example/web:2 }] }
    status: { phase: Running, conditions: [{ type: Ready, status: "True", lastTransitionTime: ${ago("40m")} }] }
  `;
  return but(base, changes);
}

function unready(span: string): string {
  return `
    status:
      phase: Pending
      conditions: [{ type: Ready, status: "False", lastTransitionTime: ${ago(span)} }]
      containerStatuses:
        - { name: app, image: "registry.example/web:2", imageID: "", ready: false, restartCount: 0,
            state: { waiting: { reason: ImagePullBackOff, message: back-off } } }
  `;
}

const oneBad = [pod("web-1", "web-a"), pod("web-2", "web-a"), pod("web-3", "web-a", unready("10m"))];
const quotaText =
  'pods "web-a-7xk2p" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2';

function progressing(status: string, reason: string, span: string): string {
  return `{ type: Progressing, status: "${status}", reason: ${reason}, message: "ReplicaSet web-b has timed out progressing.", lastTransitionTime: ${ago(span)} }`;
}

function available(status: string, span: string): string {
  return `{ type: Available, status: "${status}", reason: MinimumReplicasUnavailable, lastTransitionTime: ${ago(span)} }`;
}

const blockedByPort = `
  spec: { containers: [{ name: app, image: "registry.example/web:2", ports: [{ containerPort: 80, hostPort: 80 }] }] }
  status:
    phase: Pending
    conditions:
      - { type: PodScheduled, status: "False", reason: Unschedulable, lastTransitionTime: ${ago("6m")},
          message: "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod." }
`;
const single = but(
  web,
  `
  spec: { replicas: 1, strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 25%, maxUnavailable: 25% } } }
  status: { replicas: 2, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1,
    conditions: [${available("True", "50m")}, ${progressing("True", "ReplicaSetUpdated", "6m")}] }
`,
);

export default cases(deployment, {
  fires: [
    {
      name: "the rollout passed its deadline while the old Pods serve",
      given: [
        but(
          web,
          `
          status: { replicas: 4, updatedReplicas: 1, readyReplicas: 3, availableReplicas: 3,
            conditions: [${available("True", "50m")}, ${progressing("False", "ProgressDeadlineExceeded", "5m")}] }
        `,
        ),
        replicaSet(
          "web-a",
          1,
          `spec: { template: { spec: { containers: [{ name: app, image: "registry.example/web:1" }] } } }`,
        ),
        replicaSet("web-b", 2, "{ spec: { replicas: 1 }, status: { replicas: 1 } }"),
        pod("web-b-1", "web-b", unready("15m")),
      ],
      expect: [{ rule: "deployment-rollout-stuck", object: "Deployment/shop/web", severity: "warning" }],
    },
    {
      name: "the rollout passed its deadline although the counts match",
      given: [
        but(
          web,
          `status: { conditions: [${available("True", "50m")}, ${progressing("False", "ProgressDeadlineExceeded", "5m")}] }`,
        ),
      ],
      expect: [{ rule: "deployment-rollout-stuck", object: "Deployment/shop/web", severity: "warning" }],
    },
    {
      name: "the rollout passed its deadline and too few Pods are available",
      given: [
        but(
          web,
          `
          spec: { strategy: { type: Recreate } }
          status: { updatedReplicas: 3, readyReplicas: 0, availableReplicas: 0,
            conditions: [${available("False", "20m")}, ${progressing("False", "ProgressDeadlineExceeded", "5m")}] }
        `,
        ),
        replicaSet("web-a", 1),
        pod("web-1", "web-a", unready("20m")),
      ],
      expect: [{ rule: "deployment-rollout-stuck", object: "Deployment/shop/web", severity: "critical" }],
    },
    {
      name: "no Pod is available",
      given: [
        but(web, `status: { readyReplicas: 0, availableReplicas: 0, conditions: [${available("False", "10m")}] }`),
        replicaSet("web-a", 1),
        pod("web-1", "web-a", unready("10m")),
      ],
      expect: [{ rule: "deployment-unavailable", object: "Deployment/shop/web", severity: "critical" }],
    },
    {
      name: "one of three is available, Pods may not be listed",
      given: [
        but(web, `status: { readyReplicas: 1, availableReplicas: 1, conditions: [${available("False", "10m")}] }`),
      ],
      unread: ["Pod"],
      expect: [{ rule: "deployment-unavailable", object: "Deployment/shop/web", severity: "warning" }],
    },
    {
      name: "paused with Pods that are down",
      given: [
        but(
          web,
          `
          spec: { paused: true }
          status: { readyReplicas: 0, availableReplicas: 0, conditions: [${available("False", "10m")}, ${progressing("Unknown", "DeploymentPaused", "1h")}] }
        `,
        ),
        replicaSet("web-a", 1),
        ...oneBad,
      ],
      expect: [{ rule: "deployment-unavailable", object: "Deployment/shop/web", severity: "critical" }],
    },
    {
      name: "a quota keeps the Pods of its ReplicaSet away: the quota is the cause",
      given: [
        but(
          web,
          `
          status: { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2, unavailableReplicas: 1, conditions: [
            ${available("True", "50m")},
            { type: ReplicaFailure, status: "True", reason: FailedCreate, message: '${quotaText}', lastTransitionTime: ${ago("10m")} }] }
        `,
        ),
        replicaSet("web-a", 1),
      ],
      expect: [
        {
          rule: "replicas-short",
          object: "Deployment/shop/web",
          severity: "warning",
          cause: "ResourceQuota/shop/compute",
        },
      ],
    },
    {
      name: "a quota keeps all Pods away",
      given: [
        but(
          web,
          `
          status: { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0, unavailableReplicas: 3, conditions: [
            ${available("False", "10m")},
            { type: ReplicaFailure, status: "True", reason: FailedCreate, message: '${quotaText}', lastTransitionTime: ${ago("10m")} }] }
        `,
        ),
      ],
      expect: [
        {
          rule: "deployment-unavailable",
          object: "Deployment/shop/web",
          severity: "critical",
          cause: "ResourceQuota/shop/compute",
        },
      ],
    },
    {
      name: "the ReplicaSet itself may not be created",
      given: [
        but(
          web,
          `
          status: { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0, conditions: [
            ${available("False", "10m")},
            { type: Progressing, status: "False", reason: ReplicaSetCreateError, lastTransitionTime: ${ago("10m")},
              message: 'Failed to create new replica set "web-a": Internal error occurred: failed calling webhook "check.policy.example": failed to call webhook: Post "https://policy.guard.svc:443/check?timeout=10s": no endpoints available for service "policy"' }] }
        `,
        ),
        yaml`
          apiVersion: admissionregistration.k8s.io/v1
          kind: MutatingWebhookConfiguration
          metadata: { name: policy }
          webhooks:
            - name: check.policy.example
              sideEffects: None
              admissionReviewVersions: [v1]
              clientConfig: { service: { name: policy, namespace: guard } }
        `,
      ],
      expect: [
        {
          rule: "create-blocked-webhook-down",
          object: "Deployment/shop/web",
          severity: "critical",
          because: "its Service has no ready endpoint",
          cause: "MutatingWebhookConfiguration/policy",
        },
      ],
    },
    {
      name: "one Pod of three has been unready for long, the rollout is over",
      given: [
        but(web, `status: { readyReplicas: 2, availableReplicas: 2, unavailableReplicas: 1 }`),
        replicaSet("web-a", 1),
        ...oneBad,
      ],
      expect: [{ rule: "replicas-short", object: "Deployment/shop/web", severity: "warning" }],
    },
    {
      name: "the only Pod is unready, though the condition was not updated",
      given: [
        but(
          web,
          `{ spec: { replicas: 1 }, status: { replicas: 1, updatedReplicas: 1, readyReplicas: 0, availableReplicas: 0 } }`,
        ),
        replicaSet("web-a", 1, "{ spec: { replicas: 1 }, status: { replicas: 1 } }"),
        pod("web-1", "web-a", unready("10m")),
      ],
      expect: [{ rule: "replicas-short", object: "Deployment/shop/web", severity: "critical" }],
    },
    {
      name: "the new Pod needs the host port of the Pod that must not stop",
      given: [
        single,
        replicaSet("web-a", 1, "{ spec: { replicas: 1 }, status: { replicas: 1 } }"),
        replicaSet("web-b", 2, "{ spec: { replicas: 1 }, status: { replicas: 1 } }"),
        pod("web-1", "web-a"),
        pod("web-2", "web-b", blockedByPort),
      ],
      expect: [{ rule: "rollout-no-surge-room", object: "Deployment/shop/web", because: "a host port that is in use" }],
    },
    {
      name: "paused for days with a template that was never rolled out",
      given: [
        but(
          web,
          `
          spec: { paused: true, template: { spec: { containers: [{ name: app, image: "registry.example/web:3" }] } } }
          metadata: { creationTimestamp: ${ago("9d")} }
          status: { conditions: [${available("True", "9d")}, ${progressing("Unknown", "DeploymentPaused", "2d")}] }
        `,
        ),
        replicaSet("web-a", 1),
      ],
      expect: [{ rule: "deployment-paused-pending", object: "Deployment/shop/web", severity: "info" }],
    },
    {
      name: "paused for days before its first rollout",
      given: [
        but(
          web,
          `
          spec: { paused: true }
          metadata: { creationTimestamp: ${ago("9d")} }
          status: { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0, conditions: [${available("False", "9d")}] }
        `,
        ),
      ],
      expect: [{ rule: "deployment-paused-pending", object: "Deployment/shop/web", severity: "info" }],
    },
    {
      name: "nobody creates its ReplicaSet",
      given: [but(web, `{ status: null }`)],
      expect: [{ rule: "workload-no-pods-created", object: "Deployment/shop/web", severity: "warning" }],
    },
    {
      name: "nobody looks at its change",
      given: [but(web, `{ metadata: { generation: 4 }, status: { observedGeneration: 3 } }`)],
      expect: [{ rule: "controller-not-observing", object: "Deployment/shop/web", severity: "warning" }],
    },
    {
      name: "its selector matches the Pods of another Deployment",
      given: [
        web,
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
        yaml`
          apiVersion: apps/v1
          kind: Deployment
          metadata: { name: web-canary, namespace: shop }
          spec:
            replicas: 0
            selector: { matchExpressions: [{ key: app, operator: In, values: [web, canary] }] }
            template:
              metadata: { labels: { app: canary } }
              spec: { containers: [{ name: app, image: registry.example/web:3 }] }
        `,
      ],
      expect: [{ rule: "workload-selector-overlap", object: "Deployment/shop/web-canary" }],
    },
    {
      name: "two Deployments select each other's Pods: one finding, on the first by name",
      given: [
        web,
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
        but(web, "{ metadata: { name: web-copy } }"),
        but(
          replicaSet("copy-a", 1),
          `
          metadata: { ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: web-copy, uid: Deployment/shop/web-copy, controller: true }] }
        `,
        ),
        pod("copy-1", "copy-a"),
      ],
      expect: [{ rule: "workload-selector-overlap", object: "Deployment/shop/web" }],
    },
    {
      name: "its template names a pull secret that is not there",
      given: [
        but(web, `{ spec: { template: { spec: { imagePullSecrets: [{ name: registry-credentials }] } } } }`),
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
        yaml`{ apiVersion: v1, kind: Secret, metadata: { name: registry-credential, namespace: shop } }`,
      ],
      expect: [
        {
          rule: "image-pull-secret-missing",
          object: "Deployment/shop/web",
          severity: "warning",
          cause: "Secret/shop/registry-credentials",
        },
      ],
    },
    {
      name: "its ServiceAccount names a pull secret that is not there",
      given: [
        but(web, `{ spec: { template: { spec: { serviceAccountName: web } } } }`),
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
        yaml`{ apiVersion: v1, kind: ServiceAccount, metadata: { name: web, namespace: shop }, imagePullSecrets: [{ name: gone }] }`,
      ],
      expect: [{ rule: "image-pull-secret-missing", object: "Deployment/shop/web", cause: "Secret/shop/gone" }],
    },
    {
      name: "only a template at zero names the pull secret",
      given: [
        but(
          web,
          `
          spec: { replicas: 0, template: { spec: { imagePullSecrets: [{ name: registry-credentials }] } } }
          status: { replicas: 0, readyReplicas: 0, availableReplicas: 0, updatedReplicas: 0 }
        `,
        ),
      ],
      expect: [{ rule: "image-pull-secret-missing", object: "Deployment/shop/web", severity: "info" }],
    },
  ],
  silent: [
    { name: "all is well", given: [web, replicaSet("web-a", 1), pod("web-1", "web-a")] },
    {
      name: "scaled to zero",
      given: [
        but(
          web,
          `{ spec: { replicas: 0 }, status: { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0 } }`,
        ),
      ],
    },
    {
      name: "a rolling update inside its deadline and maxUnavailable",
      given: [
        but(
          web,
          `
          spec: { replicas: 4 }
          status: { replicas: 5, updatedReplicas: 2, readyReplicas: 3, availableReplicas: 3, unavailableReplicas: 2,
            conditions: [${available("True", "50m")}, ${progressing("True", "ReplicaSetUpdated", "4m")}] }
        `,
        ),
        replicaSet("web-a", 1, "{ spec: { replicas: 3 }, status: { replicas: 3 } }"),
        replicaSet("web-b", 2, "{ spec: { replicas: 2 }, status: { replicas: 2 } }"),
        pod("web-b-1", "web-b", unready("4m")),
      ],
    },
    {
      name: "more are ready than wanted while it scales down",
      given: [but(web, `{ spec: { replicas: 2 } }`), replicaSet("web-a", 1), pod("web-1", "web-a")],
    },
    {
      name: "scaled up a minute ago: the new Pods are young",
      given: [
        but(web, `{ spec: { replicas: 4 }, status: { replicas: 4, updatedReplicas: 4, unavailableReplicas: 1 } }`),
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
        pod("web-4", "web-a", unready("70s")),
      ],
    },
    {
      name: "unavailable for a minute",
      given: [
        but(web, `status: { readyReplicas: 0, availableReplicas: 0, conditions: [${available("False", "60s")}] }`),
        replicaSet("web-a", 1),
        pod("web-1", "web-a", unready("60s")),
      ],
    },
    {
      name: "the condition lags: as many are available as maxUnavailable demands",
      given: [
        but(
          web,
          `
          spec: { replicas: 4 }
          status: { replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4, conditions: [${available("False", "10m")}] }
        `,
        ),
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
      ],
    },
    {
      name: "a Pod that is being deleted is on its way out",
      given: [
        but(web, `status: { readyReplicas: 2, availableReplicas: 2, unavailableReplicas: 1 }`),
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
        pod(
          "web-3",
          "web-a",
          `
          metadata: { deletionTimestamp: ${ago("10s")}, deletionGracePeriodSeconds: 30, finalizers: [example.com/drain] }
          status: { phase: Running, conditions: [{ type: Ready, status: "False", lastTransitionTime: ${ago("5m")} }] }
        `,
        ),
      ],
    },
    {
      name: "it was changed a moment ago and the controller has not looked yet",
      notLive: "the server records itself when it was changed",
      given: [
        but(
          web,
          `
        metadata: { generation: 4, managedFields: [{ manager: kubectl, operation: Update, apiVersion: apps/v1, time: ${ago("20s")} }] }
        status: { observedGeneration: 3, readyReplicas: 0, availableReplicas: 0, conditions: [${available("False", "10m")}] }
      `,
        ),
      ],
    },
    {
      name: "the rollout passed its deadline before somebody paused it",
      given: [
        but(
          web,
          `
          spec: { paused: true }
          status: { conditions: [${available("True", "50m")}, ${progressing("False", "ProgressDeadlineExceeded", "5m")}] }
        `,
        ),
        replicaSet("web-a", 1),
      ],
    },
    {
      name: "paused an hour ago with a changed template",
      given: [
        but(
          web,
          `
          spec: { paused: true, template: { spec: { containers: [{ name: app, image: "registry.example/web:3" }] } } }
          metadata: { creationTimestamp: ${ago("9d")} }
          status: { conditions: [${available("True", "9d")}, ${progressing("Unknown", "DeploymentPaused", "1h")}] }
        `,
        ),
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
      ],
    },
    {
      name: "paused for days with nothing to roll out",
      given: [
        but(
          web,
          `
          spec: { paused: true }
          metadata: { creationTimestamp: ${ago("9d")} }
          status: { conditions: [${available("True", "9d")}, ${progressing("Unknown", "DeploymentPaused", "8d")}] }
        `,
        ),
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
      ],
    },
    {
      name: "the autoscaler brings a node for the Pod without room",
      given: [
        single,
        replicaSet("web-a", 1, "{ spec: { replicas: 1 }, status: { replicas: 1 } }"),
        replicaSet("web-b", 2, "{ spec: { replicas: 1 }, status: { replicas: 1 } }"),
        pod("web-1", "web-a"),
        pod("web-2", "web-b", blockedByPort),
        yaml`
          apiVersion: v1
          kind: Event
          metadata: { name: web-2.1, namespace: shop }
          involvedObject: { apiVersion: v1, kind: Pod, namespace: shop, name: web-2, uid: Pod/shop/web-2 }
          reason: TriggeredScaleUp
          message: "pod triggered scale-up: [{pool 1->2 (max: 5)}]"
          type: Normal
          lastTimestamp: ${ago("3m")}
        `,
      ],
    },
    {
      name: "it is being deleted",
      given: [
        but(
          web,
          `
        metadata: { deletionTimestamp: ${ago("5m")}, finalizers: [foregroundDeletion] }
        status: { readyReplicas: 0, availableReplicas: 0, conditions: [${available("False", "10m")}] }
      `,
        ),
      ],
    },
    {
      name: "created a minute ago, not looked at yet",
      given: [but(web, `{ metadata: { creationTimestamp: ${ago("60s")} }, status: null }`)],
    },
    {
      name: "scaled up from zero a minute ago",
      given: [
        but(
          web,
          `
        metadata: { managedFields: [{ manager: kubectl, operation: Update, apiVersion: apps/v1, subresource: scale, time: ${ago("60s")} }] }
        status: null
      `,
        ),
      ],
      notLive: "the server writes managedFields itself",
    },
    {
      name: "no Pod is known because Pods could not be listed",
      given: [but(web, `{ status: { replicas: 3, conditions: null } }`)],
      unread: ["Pod"],
    },
    {
      name: "old and new ReplicaSets of one Deployment select alike",
      given: [web, replicaSet("web-a", 1), replicaSet("web-b", 2), pod("web-1", "web-a"), pod("web-2", "web-b")],
    },
    {
      name: "Secrets could not be listed",
      given: [
        but(web, `{ spec: { template: { spec: { imagePullSecrets: [{ name: registry-credentials }] } } } }`),
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
      ],
      unread: ["Secret"],
    },
    {
      name: "the template's own pull secret replaces those of the account",
      given: [
        but(web, `{ spec: { template: { spec: { imagePullSecrets: [{ name: there }] } } } }`),
        replicaSet("web-a", 1),
        pod("web-1", "web-a"),
        yaml`{ apiVersion: v1, kind: ServiceAccount, metadata: { name: default, namespace: shop }, imagePullSecrets: [{ name: gone }] }`,
        yaml`{ apiVersion: v1, kind: Secret, metadata: { name: there, namespace: shop } }`,
      ],
    },
  ],
});
