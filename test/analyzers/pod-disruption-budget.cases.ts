import { podDisruptionBudget } from "../../src/analyzers/pod-disruption-budget.ts";
import { ago, but, cases, yaml } from "./cases.ts";

const budget = yaml`
  apiVersion: policy/v1
  kind: PodDisruptionBudget
  metadata: { name: web, namespace: shop, generation: 1 }
  spec: { minAvailable: 2, selector: { matchLabels: { app: web } } }
`;

/** The budget with this state for 20 minutes, or since `since`. */
function at(
  counts: string,
  options: { since?: string; spec?: string; reason?: string; message?: string } = {},
): ReturnType<typeof but> {
  const { since = "20m", spec = "{}", reason = "InsufficientPods", message = "" } = options;
  return but(
    budget,
    `{ spec: ${spec}, status: { observedGeneration: 1, ${counts}, conditions: [{ type: DisruptionAllowed, status: "False", reason: ${reason}, message: ${JSON.stringify(message)}, lastTransitionTime: "${ago(since)}" }] } }`,
  );
}

const short = "disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 2, expectedPods: 3";
const usedUp = "disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 2, expectedPods: 3";
const tight = "disruptionsAllowed: 0, currentHealthy: 3, desiredHealthy: 3, expectedPods: 3";
const single = "disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1";

const unready = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: web-1, namespace: shop, labels: { app: web } }
  spec: { nodeName: node-a, containers: [{ name: web, image: "web:1" }] }
  status: { phase: Running, conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("20m")}" }] }
`;
const ready = but(
  unready,
  `{ metadata: { name: web-2 }, status: { conditions: [{ type: Ready, status: "True", lastTransitionTime: "${ago("1h")}" }] } }`,
);
const cordoned = yaml`{ apiVersion: v1, kind: Node, metadata: { name: node-a }, spec: { unschedulable: true } }`;
const bystander = but(ready, "metadata: { name: other, labels: { app: other } }");
const daemon = but(
  bystander,
  "metadata: { name: agent, ownerReferences: [{ apiVersion: apps/v1, kind: DaemonSet, name: agent, uid: d1, controller: true }] }",
);
const rolling = yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: web, namespace: shop, generation: 2 }
  spec:
    replicas: 3
    selector: { matchLabels: { app: web } }
    template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: "web:2" }] } }
  status:
    observedGeneration: 2
    replicas: 3
    updatedReplicas: 1
    conditions: [{ type: Progressing, status: "True", reason: ReplicaSetUpdated, lastTransitionTime: "${ago("20m")}" }]
`;
const replicaSet = yaml`
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata:
    name: web-a
    namespace: shop
    ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: web, uid: Deployment/shop/web, controller: true }]
  spec:
    replicas: 1
    selector: { matchLabels: { app: web } }
    template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: "web:2" }] } }
`;
const rollingPod = but(
  unready,
  "metadata: { ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: web-a, uid: ReplicaSet/shop/web-a, controller: true }] }",
);
const set = yaml`
  apiVersion: apps/v1
  kind: StatefulSet
  metadata: { name: web, namespace: shop }
  spec:
    serviceName: web
    replicas: 3
    selector: { matchLabels: { app: web } }
    template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: "web:2" }] } }
  status: { replicas: 3, currentRevision: web-1, updateRevision: web-2 }
`;
const setPod = but(
  unready,
  `metadata: { creationTimestamp: "${ago("3m")}", ownerReferences: [{ apiVersion: apps/v1, kind: StatefulSet, name: web, uid: StatefulSet/shop/web, controller: true }] }`,
);

const object = "PodDisruptionBudget/shop/web";

export default cases(podDisruptionBudget, {
  fires: [
    {
      name: "fewer healthy Pods than demanded",
      given: [at(short), unready],
      expect: [
        { rule: "pdb-blocks-eviction", object, severity: "warning", because: "fewer Pods are healthy than it demands" },
      ],
    },
    {
      name: "an unhealthy Pod has used it up",
      given: [at(usedUp), unready, ready],
      expect: [{ rule: "pdb-blocks-eviction", object, severity: "warning", because: "unhealthy Pods have used it up" }],
    },
    {
      name: "fewer healthy Pods than demanded, and their node is cordoned",
      given: [at(short), unready, cordoned],
      expect: [{ rule: "pdb-blocks-eviction", object, severity: "critical" }],
    },
    {
      name: "the machine is to be removed by the cluster autoscaler",
      given: [
        at(short),
        unready,
        yaml`{ apiVersion: v1, kind: Node, metadata: { name: node-a }, spec: { taints: [{ key: ToBeDeletedByClusterAutoscaler, value: "1", effect: NoSchedule }] } }`,
      ],
      expect: [{ rule: "pdb-blocks-eviction", object, severity: "critical" }],
    },
    {
      name: "an empty selector covers every Pod of the namespace",
      given: [but(at(short, { spec: "{ selector: { matchLabels: null } }" }), "{}"), unready],
      expect: [{ rule: "pdb-blocks-eviction", object, severity: "warning" }],
    },
    {
      name: "a selector of expressions only",
      given: [
        at(short, {
          spec: "{ selector: { matchLabels: null, matchExpressions: [{ key: app, operator: In, values: [web] }] } }",
        }),
        unready,
      ],
      expect: [{ rule: "pdb-blocks-eviction", object, severity: "warning" }],
    },
    {
      name: "another condition comes first",
      given: [
        but(
          at(short),
          `status: { conditions: [{ type: Other, status: "True", reason: Fine, message: "", lastTransitionTime: "${ago("1h")}" }, { type: DisruptionAllowed, status: "False", reason: InsufficientPods, message: "", lastTransitionTime: "${ago("20m")}" }] }`,
        ),
        unready,
      ],
      expect: [{ rule: "pdb-blocks-eviction", object }],
    },
    {
      name: "the rollout missed its deadline",
      given: [
        at(short),
        but(
          rolling,
          `status: { conditions: [{ type: Progressing, status: "False", reason: ProgressDeadlineExceeded, lastTransitionTime: "${ago("12m")}" }] }`,
        ),
        replicaSet,
        rollingPod,
      ],
      expect: [{ rule: "pdb-blocks-eviction", object }],
    },
    {
      name: "a Pod of a StatefulSet in rollout has been unready for long",
      given: [at(short), set, but(setPod, `metadata: { creationTimestamp: "${ago("40m")}" }`)],
      expect: [{ rule: "pdb-blocks-eviction", object }],
    },
    {
      name: "maxUnavailable 0",
      given: [at(tight, { spec: "{ minAvailable: null, maxUnavailable: 0 }" }), ready],
      expect: [
        {
          rule: "pdb-never-allows",
          object,
          severity: "warning",
          because: "it demands that all Pods be healthy all the time",
        },
      ],
    },
    {
      name: "minAvailable 100 %",
      given: [at(tight, { spec: '{ minAvailable: "100%" }' })],
      expect: [{ rule: "pdb-never-allows", object, severity: "warning" }],
    },
    {
      name: "minAvailable is more than there are replicas",
      given: [
        at("disruptionsAllowed: 0, currentHealthy: 3, desiredHealthy: 5, expectedPods: 3", {
          spec: "{ minAvailable: 5 }",
        }),
      ],
      expect: [{ rule: "pdb-never-allows", object, severity: "warning" }],
    },
    {
      name: "maxUnavailable 0, and a node waits",
      given: [at(tight, { spec: "{ minAvailable: null, maxUnavailable: 0 }" }), ready, bystander, cordoned],
      expect: [{ rule: "pdb-never-allows", object, severity: "critical" }],
    },
    {
      name: "one single Pod: context",
      given: [at(single, { spec: "{ minAvailable: 1 }" }), ready],
      expect: [{ rule: "pdb-never-allows", object, severity: "info", because: "it covers one single Pod" }],
    },
    {
      name: "one single Pod on a cordoned node among others: context, nobody drains yet",
      given: [at(single, { spec: "{ minAvailable: 1 }" }), ready, bystander, cordoned],
      expect: [{ rule: "pdb-never-allows", object, severity: "info" }],
    },
    {
      name: "one single Pod is the last on a cordoned node but for DaemonSets",
      given: [at(single, { spec: "{ minAvailable: 1 }" }), ready, daemon, cordoned],
      expect: [{ rule: "pdb-never-allows", object, severity: "critical" }],
    },
    {
      name: "two budgets over one Pod",
      given: [budget, but(budget, "metadata: { name: zone }"), ready],
      expect: [{ rule: "pdb-overlap", object, severity: "warning" }],
    },
    {
      name: "a budget over everything and one over some",
      given: [
        budget,
        but(budget, "{ metadata: { name: all }, spec: { selector: { matchLabels: null } } }"),
        ready,
        bystander,
      ],
      expect: [{ rule: "pdb-overlap", object: "PodDisruptionBudget/shop/all" }],
    },
    {
      name: "Pods of a controller without scale",
      given: [
        at("disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0", {
          reason: "SyncFailed",
          message: "jobs.batch does not implement the scale subresource",
        }),
      ],
      expect: [{ rule: "pdb-sync-failed", object, severity: "warning" }],
    },
  ],
  silent: [
    {
      name: "a disruption is allowed",
      given: [at("disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3"), ready],
    },
    {
      name: "it expects no Pods",
      given: [at("disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 2, expectedPods: 0")],
    },
    { name: "for five minutes only", given: [at(short, { since: "5m" }), unready] },
    {
      name: "maxUnavailable 0 since a moment",
      given: [
        but(
          at(tight, { since: "1m", spec: "{ minAvailable: null, maxUnavailable: 0 }" }),
          `metadata: { creationTimestamp: "${ago("2m")}" }`,
        ),
      ],
    },
    { name: "no status yet", given: [budget, unready] },
    { name: "the status tells of an older spec", given: [but(at(short), "metadata: { generation: 2 }"), unready] },
    { name: "a rollout is under way", given: [at(short), rolling, replicaSet, rollingPod] },
    { name: "a StatefulSet is in rollout and its Pod is young", given: [at(short), set, setPod] },
    {
      name: "it is being deleted",
      given: [
        but(at(short), `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/keep] }`),
        unready,
      ],
    },
    {
      name: "its count failed a minute ago",
      given: [
        at("disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0", {
          reason: "SyncFailed",
          since: "1m",
          message: "x",
        }),
      ],
    },
    {
      name: "two budgets over one Pod that has ended",
      given: [
        budget,
        but(budget, "metadata: { name: zone }"),
        but(ready, "status: { phase: Succeeded, conditions: null }"),
      ],
    },
    {
      name: "two budgets over different Pods",
      given: [
        budget,
        but(budget, "{ metadata: { name: other }, spec: { selector: { matchLabels: { app: other } } } }"),
        ready,
        bystander,
      ],
    },
    {
      name: "two budgets of equal selectors in different namespaces",
      given: [budget, but(budget, "metadata: { namespace: town }"), ready, but(ready, "metadata: { namespace: town }")],
    },
  ],
});
