/**
 * The worked foldings on a real control plane: each seed is one cause, left to the real controllers, in a namespace of its
 * own. All stand in one lab at once, so that none may take from the others. Instead of waiting until grace periods are over,
 * the snapshot is taken "ten minutes later": its clock is moved, and what renews itself with it.
 */
import { loadAll } from "js-yaml";
import { afterAll, beforeAll, expect, test } from "vitest";
import { analyzers } from "../src/analyzers/index.ts";
import { openLive } from "../src/cluster/live/live.ts";
import type { ClusterSource } from "../src/cluster/source.ts";
import { analyze, kindsFor } from "../src/engine/analyze.ts";
import type { Incident, Report } from "../src/findings/report.ts";
import { keyOf } from "../src/kube/object-ref.ts";
import type { ContainerLog, SnapshotInput } from "../src/kube/snapshot.ts";
import type { KubeObject, LabClient } from "./lab/client.ts";
import { type ControlPlane, startControlPlane } from "./lab/control-plane.ts";
import { tenMinutesLater } from "./lab/later.ts";
import { attachAndRun, manifestsOf } from "./lab/scenarios.ts";

let lab: ControlPlane;
let client: LabClient;
let source: ClusterSource;
let input: SnapshotInput;
let report: Report;

function yaml(text: string): readonly KubeObject[] {
  return loadAll(text).filter(
    (value): value is KubeObject => typeof value === "object" && value !== null && "kind" in value,
  );
}

function namespace(name: string, labels = "{}"): string {
  return `
---
apiVersion: v1
kind: Namespace
metadata: { name: ${name}, labels: ${labels} }`;
}

interface Wish {
  readonly replicas?: number;
  readonly annotations?: string;
  readonly container?: string;
  readonly more?: string;
}

/** A Deployment that gives up its rollout soon. */
function deployment(
  place: string,
  name: string,
  { replicas = 2, annotations = "{}", container = "", more = "" }: Wish = {},
): string {
  return `
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${place}, labels: { app: ${name} } }
spec:
  replicas: ${replicas}
  progressDeadlineSeconds: 10
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} }, annotations: ${annotations} }
    spec:
      containers:
        - name: app
          image: registry.lab.example/${place}-${name}:1.0
          ports: [{ name: http, containerPort: 8080 }]
          ${container}
      ${more}`;
}

function service(place: string, name: string): string {
  return `
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${place} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: http }] }`;
}

function ingress(place: string, name: string): string {
  return `
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name}, namespace: ${place} }
spec:
  ingressClassName: nginx
  rules:
    - host: ${name}.lab.example
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: ${name}, port: { number: 80 } } } }] }
status: { loadBalancer: { ingress: [{ hostname: edge.lab.example }] } }`;
}

const notFound =
  'rpc error: code = NotFound desc = failed to pull and unpack image \\"registry.lab.example/app2:9.9\\": failed to resolve reference \\"registry.lab.example/app2:9.9\\": registry.lab.example/app2:9.9: not found';
const denied =
  'failed to pull and unpack image \\"registry.lab.example/pull-a:1.0\\": failed to resolve reference \\"registry.lab.example/pull-a:1.0\\": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials';

const unmounted =
  "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[]: context deadline exceeded";

const probe = "readinessProbe: { httpGet: { path: /wrong, port: http }, periodSeconds: 5 }";

const first = [
  // The ConfigMap that envFrom names is gone.
  namespace("config"),
  deployment("config", "web", {
    annotations: `{ lab/fate: CreateContainerConfigError, lab/message: 'configmap "web-config" not found' }`,
    container: "envFrom: [{ configMapRef: { name: web-config } }]",
  }),
  service("config", "web"),
  ingress("config", "web"),
  // A quota that two workloads run into.
  namespace("quota"),
  `
---
apiVersion: v1
kind: ResourceQuota
metadata: { name: small, namespace: quota }
spec: { hard: { pods: "2" } }`,
  deployment("quota", "one", { replicas: 3 }),
  deployment("quota", "two", { replicas: 3 }),
  // The Service of a fail-closed webhook was deleted; two namespaces suffer.
  namespace("hook-a", "{ lab/hooked: yes-please }"),
  namespace("hook-b", "{ lab/hooked: yes-please }"),
  namespace("hook-system"),
  `
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: gatekeeper }
webhooks:
  - name: pods.gatekeeper.lab.example
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Fail
    timeoutSeconds: 2
    clientConfig: { service: { name: gatekeeper, namespace: hook-system, path: /validate, port: 443 } }
    namespaceSelector: { matchLabels: { lab/hooked: yes-please } }
    rules: [{ apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods] }]`,
  deployment("hook-a", "blocked"),
  deployment("hook-b", "blocked"),
  // A rollout whose second container has a wrong tag, while the old version goes on; `second` holds its other half.
  namespace("tag"),
  deployment("tag", "shop"),
  service("tag", "shop"),
  // A claim template with a mistyped class.
  namespace("claim"),
  service("claim", "db"),
  `
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: claim, labels: { app: db } }
spec:
  replicas: 3
  serviceName: db
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      containers:
        - { name: db, image: registry.lab.example/db:1, ports: [{ name: http, containerPort: 8080 }], volumeMounts: [{ name: data, mountPath: /data }] }
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { storageClassName: standrad, accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }`,
  // The adapter behind the custom metrics API is scaled to zero by hand: two autoscalers are blind, a namespace cannot go.
  namespace("metrics"),
  namespace("leaving"),
  deployment("metrics", "adapter", { replicas: 0 }),
  service("metrics", "adapter"),
  `
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: { name: v1beta1.custom.metrics.k8s.io }
spec:
  group: custom.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: { name: adapter, namespace: metrics, port: 80 }`,
  ...["alpha", "beta"].map(
    (name) => `${deployment("metrics", name)}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: ${name}, namespace: metrics }
spec:
  minReplicas: 2
  maxReplicas: 5
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: ${name} }
  metrics: [{ type: Pods, pods: { metric: { name: requests_per_second }, target: { type: AverageValue, averageValue: "10" } } }]`,
  ),
  // The readiness probe asks for a path that is not served.
  namespace("probe"),
  deployment("probe", "site", {
    annotations: `{ lab/fate: Unready, lab/message: "Readiness probe failed: HTTP probe failed with statuscode: 404" }`,
    container: probe,
  }),
  service("probe", "site"),
  ingress("probe", "site"),
  // The pull secret is gone.
  namespace("pull"),
  ...["a", "b"].map((name) =>
    deployment("pull", name, {
      annotations: `{ lab/fate: ImagePullBackOff, lab/message: "${denied}" }`,
      more: "imagePullSecrets: [{ name: registry-login }]",
    }),
  ),
  // A default-deny policy for egress, and a workload that ends again and again.
  namespace("policy"),
  `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: default-deny, namespace: policy }
spec: { podSelector: {}, policyTypes: [Egress] }`,
  deployment("policy", "caller", {
    annotations: `{ lab/fate: CrashLoopBackOff, lab/exit-code: "1", lab/restarts: "8" }`,
  }),
  // A node that falls silent, with a workload that cannot move and a budget for it.
  namespace("lost"),
  deployment("lost", "stateful", {
    replicas: 1,
    annotations: `{ lab/fate: StuckTerminating }`,
    more: `nodeSelector: { kubernetes.io/hostname: shop-worker-6 }
      tolerations:
        - { key: shop.example/pool, operator: Exists }
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1 }`,
  }),
  `
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: stateful, namespace: lost }
spec: { minAvailable: 1, selector: { matchLabels: { app: stateful } } }`,
  // And one with a disk on that node, which its next Pod, on another node, waits for.
  namespace("disk"),
  ...["shop-worker-1", "shop-worker-6"].map(
    (name) => `
---
apiVersion: storage.k8s.io/v1
kind: CSINode
metadata: { name: ${name} }
spec: { drivers: [{ name: disk.csi.lab.example, nodeID: ${name}, topologyKeys: [] }] }`,
  ),
  `
---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: { name: disk.csi.lab.example }
spec: { attachRequired: true }
---
apiVersion: v1
kind: PersistentVolume
metadata: { name: ledger-disk }
spec:
  capacity: { storage: 5Gi }
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ""
  claimRef: { namespace: disk, name: ledger }
  csi: { driver: disk.csi.lab.example, volumeHandle: ledger-1 }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: ledger, namespace: disk }
spec: { accessModes: [ReadWriteOnce], storageClassName: "", volumeName: ledger-disk, resources: { requests: { storage: 5Gi } } }`,
  deployment("disk", "ledger", {
    replicas: 1,
    annotations: `{ lab/fate: FailedMount, lab/message: "${unmounted}" }`,
    container: "volumeMounts: [{ name: data, mountPath: /data }]",
    more: `volumes: [{ name: data, persistentVolumeClaim: { claimName: ledger } }]
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [shop-worker-1, shop-worker-6] }]
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              preference: { matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [shop-worker-6] }] }
      tolerations:
        - { key: shop.example/pool, operator: Exists }
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1 }`,
  }),
].join("\n");

/** The controller manager attaches volumes for these kubelets. */
function attaching(name: string, annotations = ""): string {
  return `
---
apiVersion: v1
kind: Node
metadata: { name: ${name}, annotations: { volumes.kubernetes.io/controller-managed-attach-detach: "true"${annotations} } }`;
}

/** What comes when the first half runs. */
const second = [
  deployment("tag", "shop", {
    annotations: `{ lab/fate: ImagePullBackOff, lab/container: app2, lab/message: "${notFound}" }`,
    // Another container, as another item of the list.
    container: `imagePullPolicy: Always
        - { name: app2, image: "registry.lab.example/app2:9.9" }`,
  }),
  attaching("shop-worker-6", ", lab/fate: unreachable"),
].join("\n");

interface Conditioned extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly availableReplicas?: number;
  };
}

async function hasCondition(path: string, type: string, status: string): Promise<boolean> {
  const { status: found } = await client.get<Conditioned>(path);
  return found?.conditions?.some((condition) => condition.type === type && condition.status === status) === true;
}

function isNew(taint: { readonly key: string }): boolean {
  return taint.key === "node.kubernetes.io/not-ready";
}

const deploymentPath = (place: string, name: string): string => `/apis/apps/v1/namespaces/${place}/deployments/${name}`;

async function apply(objects: readonly KubeObject[]): Promise<void> {
  await client.apply(objects);
  for (const object of objects) if (object["status"] !== undefined) await client.applyStatus(object);
}

async function diagnosed(logs: readonly ContainerLog[] = []): Promise<Report> {
  const frozen: ClusterSource = { ...source, info: source.info, read: async () => input };
  const signal = AbortSignal.timeout(60_000);
  return analyze(tenMinutesLater(frozen, logs), { analyzers, scope: {}, include: [], logs: false, signal });
}

beforeAll(async () => {
  lab = await startControlPlane({ name: "foldings" });
  client = lab.client();
  const ground = (await manifestsOf(client, "broken-shop")).filter(({ file }) => file.startsWith("0"));
  for (const { objects } of ground) await apply(objects);
  await client.waitFor("every Node is ready", async () => {
    const nodes = await client.list<Conditioned & { spec: { taints?: { key: string }[] } }>("/api/v1/nodes");
    return nodes.every(
      ({ spec, status }) =>
        spec.taints?.some(isNew) !== true &&
        status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
    );
  });
  await apply(yaml(["shop-worker-1", "shop-worker-6"].map((name) => attaching(name)).join("\n")));
  await apply(yaml(first));
  await attachAndRun(client, {
    namespace: "disk",
    container: "app",
    image: "registry.lab.example/disk-ledger:1.0",
  });
  for (const [place, name, wanted] of [
    ["tag", "shop", 2],
    ["lost", "stateful", 1],
    ["disk", "ledger", 1],
  ] as const) {
    await client.waitFor(`${wanted} Pods of ${name} are available`, async () => {
      const { status } = await client.get<Conditioned>(deploymentPath(place, name));
      return status?.availableReplicas === wanted;
    });
  }
  await apply(yaml(second));
  await client.delete("/api/v1/namespaces/leaving");
  for (const [place, name] of [
    ["config", "web"],
    ["probe", "site"],
    ["tag", "shop"],
    ["pull", "a"],
    ["quota", "one"],
  ] as const) {
    await client.waitFor(
      `the rollout of ${name} is over its deadline`,
      () => hasCondition(deploymentPath(place, name), "Progressing", "False"),
      90_000,
    );
  }
  for (const place of ["hook-a", "hook-b"]) {
    await client.waitFor(`no Pod in ${place}`, () =>
      hasCondition(deploymentPath(place, "blocked"), "ReplicaFailure", "True"),
    );
  }
  for (const name of ["alpha", "beta"]) {
    const path = `/apis/autoscaling/v2/namespaces/metrics/horizontalpodautoscalers/${name}`;
    await client.waitFor(`autoscaler ${name} is blind`, () => hasCondition(path, "ScalingActive", "False"), 90_000);
  }
  await client.waitFor("the namespace waits", () =>
    hasCondition("/api/v1/namespaces/leaving", "NamespaceDeletionDiscoveryFailure", "True"),
  );
  await client.waitFor("the lost node's Pods are to go", async () => {
    const pods = await client.list("/api/v1/namespaces/lost/pods");
    return pods.some(({ metadata }) => metadata["deletionTimestamp"] !== undefined);
  });
  await client.waitFor("the next Pod waits for the disk", async () => {
    const path = "/api/v1/namespaces/disk/events?fieldSelector=reason=FailedAttachVolume";
    return (await client.list<KubeObject & { message?: string }>(path)).some(({ message }) =>
      message?.includes("Multi-Attach error"),
    );
  });
  source = await openLive(
    { kubeconfig: lab.kubeconfig, requestTimeoutMs: 30_000, maxConcurrency: 10, userAgent: "k8sgpt/test", env: {} },
    AbortSignal.timeout(60_000),
  );
  input = await source.read({ kinds: kindsFor(analyzers), scope: {}, signal: AbortSignal.timeout(60_000) });
  report = await diagnosed();
});
afterAll(async () => {
  await source?.close();
  await lab?.stop();
});

/** `rule object` of each member, sorted: what an incident says, without times. */
function membersOf({ members }: Incident): readonly string[] {
  return [...new Set(members.map(({ rule, owner, object }) => `${rule} ${keyOf(owner ?? object)}`))].sort();
}

function incidentOf(rule: string, object: string): Incident {
  const found = report.incidents.find(
    ({ root }) =>
      root.rule === rule && [root.object, root.owner].some((ref) => ref !== undefined && keyOf(ref) === object),
  );
  if (found === undefined)
    throw new Error(
      `No incident ${rule} ${object} among:\n${report.incidents.map((each) => membersOf(each).join(", ")).join("\n")}`,
    );
  return found;
}

test("each seed is one incident, and there is no other", () => {
  expect(report.errors).toEqual([]);
  expect(report.incidents.map(({ root }) => `${root.rule} ${keyOf(root.owner ?? root.object)}`).sort()).toEqual([
    "apiservice-unavailable APIService/v1beta1.custom.metrics.k8s.io",
    "configmap-missing ConfigMap/config/web-config",
    "container-exit-loop Deployment/policy/caller",
    "image-not-found Deployment/tag/shop",
    "image-pull-secret-missing Deployment/pull/a",
    "netpol-blocks-dns NetworkPolicy/policy/default-deny",
    "node-unreachable Node/shop-worker-6",
    "probe-readiness-failing Deployment/probe/site",
    "pvc-pending-class-missing PersistentVolumeClaim/claim/data-db-0",
    "quota-exhausted ResourceQuota/quota/small",
    "webhook-backend-missing ValidatingWebhookConfiguration/gatekeeper",
  ]);
});

test("a ConfigMap that is gone: Pods, rollout, Service and Ingress follow", () => {
  const incident = incidentOf("configmap-missing", "ConfigMap/config/web-config");
  expect(incident.severity).toBe("critical");
  expect(membersOf(incident)).toEqual([
    "configmap-missing ConfigMap/config/web-config",
    "deployment-rollout-stuck Deployment/config/web",
    "ingress-backend-no-endpoints Ingress/config/web",
    "pod-create-config-error Deployment/config/web",
    "service-no-ready-endpoints Service/config/web",
  ]);
  expect(incident.affected.hosts).toEqual(["web.lab.example"]);
});

test("a quota that two workloads run into is one incident", () => {
  expect(membersOf(incidentOf("quota-exhausted", "ResourceQuota/quota/small"))).toEqual(
    expect.arrayContaining(["create-blocked-quota Deployment/quota/one", "create-blocked-quota Deployment/quota/two"]),
  );
});

test("a fail-closed webhook without its Service holds two namespaces", () => {
  expect(membersOf(incidentOf("webhook-backend-missing", "ValidatingWebhookConfiguration/gatekeeper"))).toEqual(
    expect.arrayContaining([
      "create-blocked-webhook-down Deployment/hook-a/blocked",
      "create-blocked-webhook-down Deployment/hook-b/blocked",
    ]),
  );
});

test("a silent node takes its Pods, its part of DaemonSets, a budget and a disk with it", () => {
  const rules = membersOf(incidentOf("node-unreachable", "Node/shop-worker-6"));
  expect(rules).toEqual(
    expect.arrayContaining([
      "daemonset-missing-on-nodes DaemonSet/kube-system/kube-proxy",
      "pdb-blocks-eviction PodDisruptionBudget/lost/stateful",
      "pod-stuck-terminating Deployment/disk/ledger",
      "pod-stuck-terminating Deployment/lost/stateful",
      "volume-multi-attach Deployment/disk/ledger",
    ]),
  );
});

test("a wrong tag in one of two containers: the old version serves, the Service is no member", () => {
  const incident = incidentOf("image-not-found", "Deployment/tag/shop");
  expect(incident.severity).toBe("warning");
  expect(membersOf(incident)).toEqual([
    "deployment-rollout-stuck Deployment/tag/shop",
    "image-not-found Deployment/tag/shop",
  ]);
});

test("a mistyped class in a claim template", () => {
  expect(membersOf(incidentOf("pvc-pending-class-missing", "PersistentVolumeClaim/claim/data-db-0"))).toEqual(
    expect.arrayContaining([
      "sched-volume-unbound StatefulSet/claim/db",
      "statefulset-blocked-by-ordinal StatefulSet/claim/db",
    ]),
  );
});

test("an API whose adapter was scaled to zero: autoscalers are blind, a namespace cannot go", () => {
  const incident = incidentOf("apiservice-unavailable", "APIService/v1beta1.custom.metrics.k8s.io");
  expect(membersOf(incident)).toEqual(
    expect.arrayContaining([
      "hpa-no-metrics HorizontalPodAutoscaler/metrics/alpha",
      "hpa-no-metrics HorizontalPodAutoscaler/metrics/beta",
      "namespace-stuck-terminating Namespace/leaving",
    ]),
  );
  expect(incident.contributing?.map(({ object, what }) => `${keyOf(object)}: ${what}`)).toEqual([
    "Deployment/metrics/adapter: it is scaled to zero",
  ]);
});

test("a wrong path of a readiness probe reaches Service and Ingress", () => {
  expect(membersOf(incidentOf("probe-readiness-failing", "Deployment/probe/site"))).toEqual([
    "deployment-rollout-stuck Deployment/probe/site",
    "ingress-backend-no-endpoints Ingress/probe/site",
    "probe-readiness-failing Deployment/probe/site",
    "service-no-ready-endpoints Service/probe/site",
  ]);
});

test("a pull secret that is gone holds two workloads", () => {
  expect(membersOf(incidentOf("image-pull-secret-missing", "Deployment/pull/a"))).toEqual(
    expect.arrayContaining(["image-auth-denied Deployment/pull/a", "image-auth-denied Deployment/pull/b"]),
  );
});

test("a default-deny policy is only likely, until the Pods tell of failing lookups", async () => {
  const crash = incidentOf("container-exit-loop", "Deployment/policy/caller");
  expect(crash.possiblyRelated?.map(({ what }) => what)).toEqual(["under the same policy"]);
  const pods = input.objects.Pod ?? [];
  const logs = pods
    .filter(({ metadata }) => metadata?.namespace === "policy")
    .map(({ metadata }) => ({
      namespace: "policy",
      pod: metadata?.name ?? "",
      container: "app",
      previous: true,
      lines: ["dial tcp: lookup api.shop.example on 10.96.0.10:53: no such host"],
    }));
  const told = await diagnosed(logs);
  const about = told.incidents.filter(({ members }) => members.some(({ object }) => object.namespace === "policy"));
  expect(about.map(({ root }) => root.rule)).toEqual(["netpol-blocks-dns"]);
  expect(about.flatMap(membersOf)).toContain("container-exit-loop Deployment/policy/caller");
});
