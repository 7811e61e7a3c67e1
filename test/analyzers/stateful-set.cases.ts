import { statefulSet } from "../../src/analyzers/stateful-set.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const db = yaml`
  apiVersion: apps/v1
  kind: StatefulSet
  metadata: { name: db, namespace: shop }
  spec:
    replicas: 3
    serviceName: db
    selector: { matchLabels: { app: db } }
    template:
      metadata: { labels: { app: db } }
      spec: { containers: [{ name: db, image: registry.example/db:1 }] }
  status: { replicas: 3, readyReplicas: 3, availableReplicas: 3, currentRevision: db-1, updateRevision: db-1 }
`;
const service = yaml`
  { apiVersion: v1, kind: Service, metadata: { name: db, namespace: shop }, spec: { clusterIP: None, selector: { app: db }, ports: [{ port: 5432 }] } }
`;

function pod(ordinal: number, changes = "{}"): Manifest {
  const base = yaml`
    apiVersion: v1
    kind: Pod
    metadata:
      name: db-${ordinal}
      namespace: shop
      labels: { app: db, controller-revision-hash: db-1 }
      ownerReferences: [{ apiVersion: apps/v1, kind: StatefulSet, name: db, uid: StatefulSet/shop/db, controller: true }]
    spec: { containers: [{ name: db, image: registry.example/db:1 }] }
    status: { phase: Running, conditions: [{ type: Ready, status: "True", lastTransitionTime: ${ago("40m")} }] }
  `;
  return but(base, changes);
}

function unready(span: string, phase = "Running"): string {
  return `status: { phase: ${phase}, conditions: [{ type: Ready, status: "False", lastTransitionTime: ${ago(span)} }] }`;
}

const pendingClaim = `
  status:
    phase: Pending
    conditions:
      - { type: PodScheduled, status: "False", reason: Unschedulable, lastTransitionTime: ${ago("10m")},
          message: "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: not helpful for scheduling" }
`;
const short = (replicas: number, ready: number): string =>
  `status: { replicas: ${replicas}, readyReplicas: ${ready}, availableReplicas: ${ready} }`;
const updating =
  "status: { updateRevision: db-2, currentRevision: db-1, replicas: 3, readyReplicas: 2, availableReplicas: 2 }";
const said = { object: "StatefulSet/shop/db" };

export default cases(statefulSet, {
  fires: [
    {
      name: "ordinal 0 is Pending and holds the others",
      given: [but(db, short(1, 0)), service, pod(0, pendingClaim)],
      expect: [{ rule: "statefulset-blocked-by-ordinal", ...said, severity: "critical", cause: "Pod/shop/db-0" }],
    },
    {
      name: "ordinal 1 runs but is not ready and holds ordinal 2",
      given: [but(db, short(2, 1)), service, pod(0), pod(1, unready("10m"))],
      expect: [{ rule: "statefulset-blocked-by-ordinal", ...said, severity: "warning", cause: "Pod/shop/db-1" }],
    },
    {
      name: "ordinals 5 to 7, and 5 is Pending",
      given: [but(but(db, short(1, 0)), "{ spec: { ordinals: { start: 5 } } }"), service, pod(5, pendingClaim)],
      expect: [{ rule: "statefulset-blocked-by-ordinal", ...said, cause: "Pod/shop/db-5" }],
    },
    {
      name: "a Pod is stuck in its deletion and holds the others",
      given: [
        but(db, short(1, 0)),
        service,
        pod(
          0,
          `
          metadata: { deletionTimestamp: ${ago("20m")}, deletionGracePeriodSeconds: 30, finalizers: [example.com/drain] }
          status: { conditions: [{ type: Ready, status: "False", lastTransitionTime: ${ago("20m")} }] }
        `,
        ),
      ],
      notLive: "a server takes no Pod that is already being deleted",
      expect: [{ rule: "statefulset-blocked-by-ordinal", ...said, severity: "critical" }],
    },
    {
      name: "a slip of the keyboard: two billion replicas",
      given: [but(but(db, short(1, 0)), "{ spec: { replicas: 2000000000 } }"), service, pod(0, unready("10m"))],
      expect: [{ rule: "statefulset-blocked-by-ordinal", ...said, severity: "critical", cause: "Pod/shop/db-0" }],
    },
    {
      name: "three run and none is ready",
      given: [but(db, short(3, 0)), service, pod(0, unready("10m")), pod(1, unready("9m")), pod(2, unready("8m"))],
      expect: [{ rule: "replicas-short", ...said, severity: "critical" }],
    },
    {
      name: "Parallel: one of three is not ready and one is missing",
      given: [
        but(but(db, short(2, 1)), "{ spec: { podManagementPolicy: Parallel } }"),
        service,
        pod(0),
        pod(1, unready("10m")),
      ],
      expect: [{ rule: "replicas-short", ...said, severity: "warning" }],
    },
    {
      name: "no Service of that name, and not all members are ready",
      given: [but(db, short(3, 2)), pod(0), pod(1), pod(2, unready("10m"))],
      expect: [
        {
          rule: "statefulset-service-missing",
          ...said,
          severity: "warning",
          because: "the Service does not exist",
          cause: "Service/shop/db",
        },
        { rule: "replicas-short", ...said, severity: "warning" },
      ],
    },
    {
      name: "no Service of that name, but every member is ready, as in Argo CD",
      given: [db, pod(0), pod(1), pod(2)],
      expect: [{ rule: "statefulset-service-missing", ...said, severity: "info", cause: "Service/shop/db" }],
    },
    {
      name: "no Service of that name, scaled to zero",
      given: [but(db, "{ spec: { replicas: 0 }, status: { replicas: 0, readyReplicas: 0, availableReplicas: 0 } }")],
      expect: [{ rule: "statefulset-service-missing", ...said, severity: "info" }],
    },
    {
      name: "the Service has a cluster IP",
      given: [db, but(service, "{ spec: { clusterIP: 10.96.12.13 } }"), pod(0), pod(1), pod(2)],
      expect: [
        { rule: "statefulset-service-missing", ...said, severity: "info", because: "the Service has a cluster IP" },
      ],
      notLive: "which addresses a Service may have depends on the server",
    },
    {
      name: "the update waits for a broken Pod",
      given: [
        but(db, updating),
        service,
        pod(0),
        pod(1),
        pod(
          2,
          `
          metadata: { creationTimestamp: ${ago("25m")}, labels: { controller-revision-hash: db-2 } }
          ${unready("25m").trim()}
        `,
        ),
      ],
      expect: [{ rule: "statefulset-update-stuck", ...said, severity: "warning" }],
    },
    {
      name: "OnDelete: the Pods are of the old revision until somebody deletes them",
      given: [
        but(
          but(db, updating),
          "{ spec: { updateStrategy: { type: OnDelete } }, status: { readyReplicas: 3, availableReplicas: 3 } }",
        ),
        service,
        pod(0),
        pod(1),
        pod(2),
      ],
      expect: [{ rule: "statefulset-update-stuck", ...said, severity: "info" }],
    },
    {
      name: "the Pod is refused by a quota",
      given: [
        but(db, short(1, 1)),
        service,
        pod(0),
        yaml`
          apiVersion: v1
          kind: Event
          metadata: { name: db.1, namespace: shop }
          involvedObject: { apiVersion: apps/v1, kind: StatefulSet, namespace: shop, name: db, uid: StatefulSet/shop/db }
          reason: FailedCreate
          type: Warning
          message: 'create Pod db-1 in StatefulSet db failed error: pods "db-1" is forbidden: exceeded quota: compute, requested: limits.memory=4Gi, used: limits.memory=6Gi, limited: limits.memory=8Gi'
          firstTimestamp: ${ago("30m")}
          lastTimestamp: ${ago("2m")}
          count: 14
        `,
      ],
      expect: [
        {
          rule: "create-blocked-quota",
          ...said,
          severity: "warning",
          because: "memory limits",
          cause: "ResourceQuota/shop/compute",
        },
      ],
    },
    {
      name: "the claim of a Pod is refused, in an event of the newer API",
      given: [
        but(db, short(0, 0)),
        service,
        yaml`
          apiVersion: v1
          kind: Event
          metadata: { name: db.2, namespace: shop }
          involvedObject: { apiVersion: apps/v1, kind: StatefulSet, namespace: shop, name: db, uid: StatefulSet/shop/db }
          reason: FailedCreate
          type: Warning
          message: 'create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: persistentvolumeclaims "data-db-0" is forbidden: exceeded quota: disks, requested: requests.storage=100Gi, used: requests.storage=0, limited: requests.storage=50Gi'
          eventTime: "${ago("20m").replace("Z", ".000000Z")}"
          series: { count: 8, lastObservedTime: "${ago("1m").replace("Z", ".000000Z")}" }
          action: create
          reportingComponent: statefulset-controller
          reportingInstance: statefulset-controller-0
        `,
      ],
      expect: [
        {
          rule: "create-blocked-quota",
          ...said,
          severity: "critical",
          because: "storage requests",
          cause: "ResourceQuota/shop/disks",
        },
      ],
    },
    {
      name: "nobody creates Pods",
      given: [but(db, short(0, 0)), service],
      expect: [{ rule: "workload-no-pods-created", ...said }],
    },
    {
      name: "nobody looks at its change",
      given: [but(db, "{ metadata: { generation: 4 }, status: { observedGeneration: 3 } }"), service],
      expect: [{ rule: "controller-not-observing", ...said }],
    },
    {
      name: "a pull secret that is not there",
      given: [
        but(db, "{ spec: { template: { spec: { imagePullSecrets: [{ name: gone }] } } } }"),
        service,
        pod(0),
        pod(1),
        pod(2),
      ],
      expect: [{ rule: "image-pull-secret-missing", ...said, cause: "Secret/shop/gone" }],
    },
  ],
  silent: [
    { name: "all is well", given: [db, service, pod(0), pod(1), pod(2)] },
    { name: "serviceName is empty", given: [but(db, `{ spec: { serviceName: "" } }`), pod(0), pod(1), pod(2)] },
    { name: "Services could not be listed", given: [db, pod(0), pod(1), pod(2)], unread: ["Service"] },
    {
      name: "scaled to zero",
      given: [
        but(db, "{ spec: { replicas: 0 }, status: { replicas: 0, readyReplicas: 0, availableReplicas: 0 } }"),
        service,
      ],
    },
    {
      name: "starting up: ordinal 0 is a minute old",
      given: [
        but(db, short(1, 0)),
        service,
        pod(0, `{ metadata: { creationTimestamp: ${ago("60s")} }, ${unready("60s").trim()} }`),
      ],
    },
    {
      name: "a drain: ordinal 1 is stopping within its grace period",
      given: [
        but(db, short(2, 1)),
        service,
        pod(0),
        pod(
          1,
          `
          metadata: { deletionTimestamp: ${ago("30s")}, deletionGracePeriodSeconds: 600, finalizers: [example.com/drain] }
          status: { conditions: [{ type: Ready, status: "False", lastTransitionTime: ${ago("9m")} }] }
        `,
        ),
      ],
      notLive: "a server takes no Pod that is already being deleted",
    },
    {
      name: "a rolling update: one Pod at a time is away",
      given: [
        but(db, updating),
        service,
        pod(0),
        pod(1),
        pod(
          2,
          `
          metadata: { creationTimestamp: ${ago("4m")}, labels: { controller-revision-hash: db-2 } }
          ${unready("4m").trim()}
        `,
        ),
      ],
    },
    {
      name: "a partition holds the rest of the update back",
      given: [
        but(
          but(db, updating),
          `
          spec: { updateStrategy: { type: RollingUpdate, rollingUpdate: { partition: 2 } } }
          status: { readyReplicas: 3, availableReplicas: 3 }
        `,
        ),
        service,
        pod(0),
        pod(1),
        pod(2, "{ metadata: { labels: { controller-revision-hash: db-2 } } }"),
      ],
    },
    {
      name: "the template was changed two minutes ago",
      given: [
        but(
          but(db, updating),
          `
          metadata: { managedFields: [{ manager: kubectl, operation: Update, apiVersion: apps/v1, time: ${ago("2m")} }] }
          status: { readyReplicas: 3, availableReplicas: 3 }
        `,
        ),
        service,
        pod(0),
        pod(1),
        pod(2),
      ],
      notLive: "the server writes managedFields itself",
    },
    { name: "Pods could not be listed", given: [but(db, short(1, 0)), service], unread: ["Pod"] },
    {
      name: "it is being deleted",
      given: [
        but(
          but(db, short(1, 0)),
          `{ metadata: { deletionTimestamp: ${ago("5m")}, finalizers: [foregroundDeletion] } }`,
        ),
        service,
      ],
    },
    {
      name: "created a minute ago",
      given: [but(but(db, short(0, 0)), `{ metadata: { creationTimestamp: ${ago("60s")} } }`)],
    },
  ],
});
