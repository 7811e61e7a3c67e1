import { configMap } from "../../src/analyzers/config-map.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const envFrom = "{ name: app, image: nginx, envFrom: [{ configMapRef: { name: settings } }] }";
const envKey =
  "{ name: app, image: nginx, env: [{ name: MODE, valueFrom: { configMapKeyRef: { name: settings, key: mode } } }] }";
const plain = "{ name: app, image: nginx }";
const volume = "[{ name: config, configMap: { name: settings } }]";

const deployment = (container: string, replicas = 1, volumes = "[]"): readonly Manifest[] => yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: api, namespace: shop }
  spec:
    replicas: ${replicas}
    selector: { matchLabels: { app: api } }
    template:
      metadata: { labels: { app: api } }
      spec: { containers: [${container}], volumes: ${volumes} }
`;
const replicaSet = (container: string): readonly Manifest[] => yaml`
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata:
    name: api-6c9
    namespace: shop
    ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: api, uid: Deployment/shop/api, controller: true }]
  spec:
    selector: { matchLabels: { app: api } }
    template: { metadata: { labels: { app: api } }, spec: { containers: [${container}] } }
`;
const pod = (container: string, state: string, phase = "Pending", volumes = "[]"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: api-1, namespace: shop }
      spec: { nodeName: node-1, containers: [${container}], volumes: ${volumes} }
      status:
        phase: ${phase}
        conditions: [{ type: PodScheduled, status: "True", lastTransitionTime: "${ago("30m")}" }]
        containerStatuses: [{ name: app, image: nginx, imageID: "", ready: false, restartCount: 0, state: { ${state} } }]
    `,
    "{}",
  );
const owned = `metadata: { ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: api-6c9, uid: ReplicaSet/shop/api-6c9, controller: true }] }`;
const configError = `waiting: { reason: CreateContainerConfigError, message: 'configmap "settings" not found' }`;
const running = `running: { startedAt: "${ago("30m")}" }`;
const settings = (data = "mode: fast", name = "settings"): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: ConfigMap
  metadata: { name: ${name}, namespace: shop }
  data: { ${data} }
`;
const uses = (name: string): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: reader, namespace: shop }
  spec: { containers: [{ name: app, image: nginx, envFrom: [{ configMapRef: { name: ${name}, optional: true } }] }] }
`;
const job = (condition = ""): readonly Manifest[] => yaml`
  apiVersion: batch/v1
  kind: Job
  metadata: { name: migrate, namespace: shop }
  spec: { template: { spec: { restartPolicy: Never, containers: [${envFrom}] } } }
  status: { ${condition} }
`;
const cronJob = (suspend: boolean): readonly Manifest[] => yaml`
  apiVersion: batch/v1
  kind: CronJob
  metadata: { name: report, namespace: shop }
  spec:
    schedule: "0 3 * * *"
    suspend: ${suspend}
    jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [${envFrom}] } } } }
`;

const missing = "configmap-missing";
const object = "ConfigMap/shop/settings";

export default cases(configMap, {
  fires: [
    {
      name: "a Pod waits for it: envFrom",
      given: [deployment(envFrom), replicaSet(envFrom), but(pod(envFrom, configError), owned)],
      expect: [{ rule: missing, object, severity: "critical", because: "Pods wait for it" }],
    },
    {
      name: "a Pod without an owner waits for it: volume",
      given: [pod(plain, "waiting: { reason: ContainerCreating }", "Pending", volume)],
      expect: [{ rule: missing, object, severity: "critical" }],
    },
    {
      name: "a projected volume",
      given: [
        pod(
          plain,
          "waiting: { reason: ContainerCreating }",
          "Pending",
          "[{ name: all, projected: { sources: [{ configMap: { name: settings } }] } }]",
        ),
      ],
      expect: [{ rule: missing, object, severity: "critical" }],
    },
    {
      name: "a running Pod whose second container waits for it",
      given: [pod(envFrom, configError, "Running")],
      expect: [{ rule: missing, object, severity: "critical" }],
    },
    {
      name: "it went after the Pods had started: the next start fails",
      given: [deployment(envFrom), replicaSet(envFrom), but(pod(envFrom, running, "Running"), owned)],
      expect: [{ rule: missing, object, severity: "warning", because: "the next start fails" }],
    },
    {
      name: "a running Pod without a workload",
      given: [pod(plain, running, "Running", volume)],
      expect: [{ rule: missing, object, severity: "warning" }],
    },
    {
      name: "the next run of a CronJob fails",
      given: [cronJob(false)],
      expect: [{ rule: missing, object, severity: "warning" }],
    },
    {
      name: "only a workload at zero names it",
      given: [deployment(envFrom, 0)],
      expect: [{ rule: missing, object, severity: "info", because: "only workloads at zero name it" }],
    },
    { name: "a suspended CronJob", given: [cronJob(true)], expect: [{ rule: missing, object, severity: "info" }] },
    {
      name: "two workloads name it: one finding",
      given: [deployment(envFrom), but(deployment(envKey), "metadata: { name: worker }")],
      expect: [{ rule: missing, object, severity: "warning" }],
    },
    {
      name: "it exists in another namespace only",
      given: [deployment(envFrom), but(settings(), "metadata: { namespace: blog }")],
      expect: [
        { rule: missing, object },
        { rule: "configmap-unused", object: "ConfigMap/blog/settings" },
      ],
    },
    {
      name: "an entry is missing and a Pod waits for it",
      given: [pod(envKey, configError), settings("Mode: fast")],
      expect: [{ rule: "configmap-key-missing", object, severity: "critical" }],
    },
    {
      name: "an entry of a volume is missing",
      given: [
        deployment(
          plain,
          1,
          "[{ name: config, configMap: { name: settings, items: [{ key: app.yaml, path: app.yaml }] } }]",
        ),
        settings(),
      ],
      expect: [{ rule: "configmap-key-missing", object, severity: "warning" }],
    },
    {
      name: "two entries are missing: two findings",
      given: [
        deployment(
          plain,
          0,
          "[{ name: config, configMap: { name: settings, items: [{ key: a, path: a }, { key: b, path: b }] } }]",
        ),
        settings(),
      ],
      expect: [
        { rule: "configmap-key-missing", object, severity: "info" },
        { rule: "configmap-key-missing", object, severity: "info" },
      ],
    },
    {
      name: "nobody names it",
      given: [settings("a: b", "leftover")],
      expect: [{ rule: "configmap-unused", object: "ConfigMap/shop/leftover", severity: "risk" }],
    },
    {
      name: "it has no entries",
      notLive: "the server's record of fields names no entries, and so it may also be that none are recorded",
      given: [but(settings(), "data: { mode: null }"), uses("settings")],
      expect: [{ rule: "configmap-empty", object, severity: "risk" }],
    },
  ],
  silent: [
    { name: "it exists", given: [deployment(envKey, 1, volume), settings()] },
    {
      name: "optional references",
      given: [
        deployment(
          "{ name: app, image: nginx, envFrom: [{ configMapRef: { name: settings, optional: true } }], env: [{ name: A, valueFrom: { configMapKeyRef: { name: settings, key: a, optional: true } } }] }",
          1,
          "[{ name: config, configMap: { name: settings, optional: true } }]",
        ),
      ],
    },
    {
      name: "an optional entry",
      given: [
        deployment(
          "{ name: app, image: nginx, env: [{ name: A, valueFrom: { configMapKeyRef: { name: settings, key: a, optional: true } } }] }",
        ),
        settings(),
      ],
    },
    { name: "ConfigMaps could not be read", given: [deployment(envFrom)], unread: ["ConfigMap"] },
    { name: "a completed Pod", given: [pod(envFrom, "terminated: { exitCode: 0 }", "Succeeded")] },
    {
      name: "a Job that is done",
      given: [
        job(
          `startTime: "${ago("50m")}", completionTime: "${ago("40m")}", succeeded: 1, conditions: [{ type: SuccessCriteriaMet, status: "True" }, { type: Complete, status: "True" }]`,
        ),
      ],
    },
    {
      name: "created seconds ago, before its ConfigMap",
      given: [but(deployment(envFrom), `metadata: { creationTimestamp: "${ago("20s")}" }`)],
    },
    {
      name: "a Pod of the revision that is being replaced names the old one",
      given: [
        deployment("{ name: app, image: nginx, envFrom: [{ configMapRef: { name: settings-new } }] }"),
        replicaSet(envFrom),
        but(pod(envFrom, running, "Running"), owned),
        settings("a: b", "settings-new"),
      ],
    },
    {
      name: "being deleted",
      given: [
        but(
          pod(envFrom, configError),
          `metadata: { deletionTimestamp: "${ago("5s")}", deletionGracePeriodSeconds: 30 }`,
        ),
      ],
    },
    {
      name: "the ConfigMap of the cluster's certificate",
      given: [deployment(plain, 1, "[{ name: ca, configMap: { name: kube-root-ca.crt } }]")],
    },
    {
      name: "nobody names the ConfigMap of the cluster's certificate",
      given: [settings("ca.crt: pem", "kube-root-ca.crt")],
      notLive: "the controller owns that name",
    },
    {
      name: "the names of the entries are not known",
      given: [deployment(envKey), but(settings(), "data: null")],
      notLive: "a server records who set which entry",
    },
    { name: "only a CronJob's template names it", given: [cronJob(true), settings()] },
    { name: "only a workload at zero names it, and it exists", given: [deployment(envFrom, 0), settings()] },
    {
      name: "only an ephemeral container names it",
      given: [
        but(
          uses("other"),
          "spec: { ephemeralContainers: [{ name: debug, image: busybox, envFrom: [{ configMapRef: { name: settings } }] }], containers: [{ name: app, image: nginx }] }",
        ),
        settings(),
      ],
      notLive: "ephemeral containers are added to a running Pod only",
    },
    {
      name: "named in the arguments of a container",
      given: [deployment("{ name: app, image: nginx, args: ['--configmap=$(POD_NAMESPACE)/settings'] }"), settings()],
    },
    ...[
      "grafana_dashboard: '1'",
      "grafana_datasource: '1'",
      "prometheus_rule: '1'",
      "fluentd_config: 'true'",
      "k8sgpt.ai/dynamically-loaded: 'true'",
    ].map((label) => ({
      name: `read by a sidecar: ${label.split(":")[0]}`,
      given: [but(settings("a: b"), `metadata: { labels: { ${label} } }`)],
    })),
    {
      name: "told to skip the check",
      given: [but(settings(), 'metadata: { annotations: { k8sgpt.ai/skip-usage-check: "true" } }')],
    },
    {
      name: "the lock of a leader election",
      given: [
        but(settings(), 'metadata: { annotations: { control-plane.alpha.kubernetes.io/leader: "{}" } }\ndata: {}'),
      ],
    },
    {
      name: "it has an owner",
      given: [
        but(
          settings(),
          "metadata: { ownerReferences: [{ apiVersion: example.com/v1, kind: Database, name: db, uid: d1 }] }",
        ),
      ],
    },
    { name: "in a system namespace", given: [but(settings(), "metadata: { namespace: kube-system }")] },
    { name: "unused, but CronJobs could not be read", given: [settings("c: d")], unread: ["CronJob"] },
    {
      name: "unused, but made minutes ago",
      given: [but(settings(), `metadata: { creationTimestamp: "${ago("5m")}" }`)],
    },
  ],
});
