import { resourceQuota } from "../../src/analyzers/resource-quota.ts";
import { ago, but, cases, yaml } from "./cases.ts";

function quota(hard: string, used: string, name = "team"): ReturnType<typeof but> {
  return but(
    yaml`{ apiVersion: v1, kind: ResourceQuota, metadata: { name: ${name}, namespace: shop } }`,
    `{ spec: { hard: ${hard} }, status: { hard: ${hard}, used: ${used} } }`,
  );
}

const replicaSet = yaml`
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata: { name: web-1, namespace: shop }
  spec:
    replicas: 5
    selector: { matchLabels: { app: web } }
    template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: "web:1" }] } }
  status: { replicas: 3 }
`;
const exceeded = (requested: string, used: string, limited: string): string =>
  `Error creating: pods "web-1-x" is forbidden: exceeded quota: team, requested: ${requested}, used: ${used}, limited: ${limited}`;
const pods = exceeded("pods=1", "pods=3", "pods=3");

function event(reason: string, message: string, last: string, name = "e1"): ReturnType<typeof but> {
  return but(
    yaml`{ apiVersion: v1, kind: Event, metadata: { name: ${name}, namespace: shop } }`,
    `{ type: Warning, reason: ${reason}, message: ${JSON.stringify(message)}, count: 4, firstTimestamp: "${ago("30m")}", lastTimestamp: "${ago(last)}",
       involvedObject: { apiVersion: apps/v1, kind: ReplicaSet, namespace: shop, name: web-1, uid: ReplicaSet/shop/web-1 }, source: { component: replicaset-controller } }`,
  );
}

const failing = but(
  replicaSet,
  `status: { conditions: [{ type: ReplicaFailure, status: "True", reason: FailedCreate, message: ${JSON.stringify(pods)}, lastTransitionTime: "${ago("20m")}" }] }`,
);
const object = "ResourceQuota/shop/team";

export default cases(resourceQuota, {
  fires: [
    {
      name: "a ReplicaSet is refused by its condition",
      given: [quota('{ pods: "3" }', '{ pods: "3" }'), failing],
      expect: [{ rule: "quota-exhausted", object, severity: "critical", because: "number of Pods" }],
    },
    {
      name: "a ReplicaSet is refused by events",
      given: [quota('{ pods: "3" }', '{ pods: "3" }'), replicaSet, event("FailedCreate", pods, "2m")],
      expect: [{ rule: "quota-exhausted", object, severity: "critical" }],
    },
    {
      name: "something is left, and it is not enough for what is wanted",
      given: [
        quota("{ requests.cpu: 4 }", "{ requests.cpu: 3 }"),
        replicaSet,
        event("FailedCreate", exceeded("requests.cpu=2", "requests.cpu=3", "requests.cpu=4"), "2m"),
      ],
      expect: [{ rule: "quota-exhausted", object, severity: "critical", because: "CPU requests" }],
    },
    {
      name: "a limit of zero that refuses something",
      given: [
        quota('{ services.nodeports: "0", pods: "0" }', '{ services.nodeports: "0", pods: "0" }'),
        but(replicaSet, "status: { replicas: 0 }"),
        event("FailedCreate", exceeded("pods=1", "pods=0", "pods=0"), "2m"),
      ],
      expect: [{ rule: "quota-exhausted", object, severity: "critical" }],
    },
    {
      name: "used up, nothing refused yet",
      given: [quota("{ requests.memory: 8Gi, limits.cpu: 10 }", "{ requests.memory: 8192Mi, limits.cpu: 2 }")],
      expect: [{ rule: "quota-exhausted", object, severity: "warning", because: "memory requests" }],
    },
    {
      name: "a large count of objects is used up",
      given: [quota('{ pods: "50" }', '{ pods: "50" }')],
      expect: [{ rule: "quota-exhausted", object, severity: "warning" }],
    },
    {
      name: "more than nine tenths used",
      given: [quota("{ requests.cpu: 10 }", "{ requests.cpu: 9500m }")],
      expect: [{ rule: "quota-near-limit", object, severity: "info", because: "CPU requests" }],
    },
    {
      name: "refused by another quota of the namespace",
      given: [
        quota('{ pods: "3" }', '{ pods: "3" }'),
        quota("{ requests.cpu: 10 }", "{ requests.cpu: 2 }", "other"),
        failing,
      ],
      expect: [{ rule: "quota-exhausted", object, severity: "critical" }],
    },
  ],
  silent: [
    { name: "half used", given: [quota("{ requests.cpu: 10 }", "{ requests.cpu: 5 }")] },
    {
      name: "a limit of zero that forbids on purpose",
      given: [quota('{ services.loadbalancers: "0" }', '{ services.loadbalancers: "0" }')],
    },
    {
      name: "a small count that is used up as meant",
      given: [
        quota(
          '{ persistentvolumeclaims: "3", count/jobs.batch: "2" }',
          '{ persistentvolumeclaims: "3", count/jobs.batch: "2" }',
        ),
      ],
    },
    {
      name: "the status counts against an older limit",
      given: [but(quota("{ requests.cpu: 10 }", "{ requests.cpu: 10 }"), "spec: { hard: { requests.cpu: 20 } }")],
    },
    {
      name: "refused, and created since",
      given: [
        quota('{ pods: "5" }', '{ pods: "4" }'),
        replicaSet,
        event("FailedCreate", exceeded("pods=1", "pods=5", "pods=5"), "20m"),
        event("SuccessfulCreate", "Created pod: web-1-y", "5m", "e2"),
      ],
    },
    {
      name: "refused, and the limit raised since",
      given: [quota('{ pods: "9" }', '{ pods: "3" }'), replicaSet, event("FailedCreate", pods, "5m")],
    },
    {
      name: "refused, and scaled down since",
      given: [
        quota('{ pods: "3" }', '{ pods: "3" }'),
        but(replicaSet, "spec: { replicas: 3 }"),
        event("FailedCreate", pods, "5m"),
      ],
    },
    {
      name: "refused two hours ago",
      given: [quota('{ pods: "3" }', '{ pods: "3" }'), replicaSet, event("FailedCreate", pods, "2h")],
    },
    {
      name: "refused for a minute",
      given: [
        quota('{ pods: "3" }', '{ pods: "3" }'),
        replicaSet,
        but(event("FailedCreate", pods, "10s"), `firstTimestamp: "${ago("60s")}"`),
      ],
    },
    {
      name: "no status yet",
      given: [
        yaml`{ apiVersion: v1, kind: ResourceQuota, metadata: { name: team, namespace: shop }, spec: { hard: { pods: "50" } } }`,
      ],
    },
    {
      name: "the namespace is being deleted",
      given: [
        quota("{ requests.cpu: 10 }", "{ requests.cpu: 10 }"),
        but(
          yaml`{ apiVersion: v1, kind: Namespace, metadata: { name: shop } }`,
          `metadata: { deletionTimestamp: "${ago("1m")}" }`,
        ),
      ],
      notLive: "a server refuses new objects in a namespace that is being deleted",
    },
  ],
});
