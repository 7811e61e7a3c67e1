import { horizontalPodAutoscaler } from "../../src/analyzers/horizontal-pod-autoscaler.ts";
import { ago, but, cases, yaml } from "./cases.ts";

const hpa = yaml`
  apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: { name: web, namespace: shop }
  spec:
    minReplicas: 2
    maxReplicas: 10
    scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
    metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } } }]
`;
const web = yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: web, namespace: shop }
  spec:
    replicas: 2
    selector: { matchLabels: { app: web } }
    template:
      metadata: { labels: { app: web } }
      spec: { containers: [{ name: web, image: "web:1", resources: { requests: { cpu: 100m } } }] }
`;
const sidecar = but(
  web,
  `
  spec:
    template:
      spec:
        containers:
          - { name: web, image: "web:1", resources: { requests: { cpu: 100m } } }
          - { name: proxy, image: "proxy:1" }
`,
);
const replicaSet = yaml`
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata:
    name: web-1
    namespace: shop
    ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: web, uid: Deployment/shop/web, controller: true }]
  spec:
    replicas: 1
    selector: { matchLabels: { app: web } }
    template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: "web:1" }] } }
`;
const pod = yaml`
  apiVersion: v1
  kind: Pod
  metadata:
    name: web-1-a
    namespace: shop
    labels: { app: web }
    ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: ReplicaSet/shop/web-1, controller: true }]
  spec: { containers: [{ name: web, image: "web:1", resources: { requests: { cpu: 100m } } }] }
  status: { phase: Running, conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("30m")}" }] }
`;

function condition(type: string, status: string, reason: string, message: string, since = "20m"): string {
  return `{ type: ${type}, status: "${status}", reason: ${reason}, message: ${JSON.stringify(message)}, lastTransitionTime: "${ago(since)}" }`;
}

/** The autoscaler with these conditions, and with other changes to its status. */
function withStatus(
  conditions: readonly string[],
  more = "currentReplicas: 2, desiredReplicas: 2",
): ReturnType<typeof but> {
  return but(hpa, `status: { ${more}, conditions: [${conditions.join(", ")}] }`);
}

function inactive(reason: string, message: string, since = "20m", more?: string): ReturnType<typeof but> {
  return withStatus([condition("ScalingActive", "False", reason, message, since)], more);
}

const compute = "the HPA was unable to compute the replica count:";
const getScale = "the HPA controller was unable to get the target's current scale:";
const notServed = `${compute} failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)`;
const down = `${compute} failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server is currently unable to handle the request (get pods.metrics.k8s.io)`;
const unready = `${compute} failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)`;
const noRequest = `${compute} failed to get cpu utilization: missing request for cpu in container proxy of Pod web-1-a`;
const atMax = condition(
  "ScalingLimited",
  "True",
  "TooManyReplicas",
  "the desired replica count is more than the maximum replica count",
);
const metric = (percent: number): string =>
  `currentMetrics: [{ type: Resource, resource: { name: cpu, current: { averageUtilization: ${percent}, averageValue: 90m } } }]`;
const full = "currentReplicas: 10, desiredReplicas: 10";

/** The workload as client-side `kubectl apply` leaves it. */
function applied(spec: object): ReturnType<typeof but> {
  const manifest = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec };
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(manifest) };
  return but(web, JSON.stringify({ metadata: { annotations } }));
}

const object = "HorizontalPodAutoscaler/shop/web";
const metricsApi = "APIService/v1beta1.metrics.k8s.io";

export default cases(horizontalPodAutoscaler, {
  fires: [
    {
      name: "the target does not exist",
      given: [hpa, but(web, "metadata: { name: webb }")],
      expect: [{ rule: "hpa-target-missing", object, cause: "Deployment/shop/web", severity: "warning" }],
    },
    {
      name: "the target does not exist, and the controller says so: told once",
      given: [
        withStatus([
          condition("AbleToScale", "False", "FailedGetScale", `${getScale} deployments/scale.apps "web" not found`),
        ]),
      ],
      expect: [{ rule: "hpa-target-missing", object, cause: "Deployment/shop/web" }],
    },
    {
      name: "a target of a kind that is not read does not exist: the controller says so",
      given: [
        but(
          withStatus([
            condition("AbleToScale", "False", "FailedGetScale", `${getScale} rollouts.argoproj.io "web" not found`),
          ]),
          "spec: { scaleTargetRef: { apiVersion: argoproj.io/v1alpha1, kind: Rollout } }",
        ),
      ],
      expect: [{ rule: "hpa-target-missing", object, cause: "Rollout/shop/web" }],
    },
    {
      name: "the server does not serve the kind of the target",
      given: [
        but(
          withStatus([
            condition(
              "AbleToScale",
              "False",
              "FailedGetScale",
              `${getScale} no matches for kind "Rollout" in group "argoproj.io"`,
            ),
          ]),
          "spec: { scaleTargetRef: { apiVersion: argoproj.io/v1alpha1, kind: Rollout } }",
        ),
      ],
      expect: [
        {
          rule: "hpa-cannot-scale",
          object,
          because: "the server does not serve the kind of its target, or cannot scale it",
        },
      ],
    },
    {
      name: "a webhook refuses the new scale",
      given: [
        web,
        withStatus([
          condition(
            "AbleToScale",
            "False",
            "FailedUpdateScale",
            'the HPA controller was unable to update the target scale: admission webhook "scale.example.com" denied the request: no',
          ),
          condition(
            "ScalingActive",
            "True",
            "ValidMetricFound",
            "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
          ),
        ]),
      ],
      expect: [
        {
          rule: "hpa-cannot-scale",
          object,
          severity: "warning",
          because: "the API server refuses the new number of replicas",
        },
      ],
    },
    {
      name: "a sidecar without CPU request, by the controller's word",
      given: [inactive("FailedGetResourceMetric", noRequest), sidecar],
      expect: [{ rule: "hpa-request-missing", object, because: "CPU" }],
    },
    {
      name: "a sidecar without CPU request, before the controller looked",
      given: [hpa, sidecar],
      expect: [{ rule: "hpa-request-missing", object, severity: "warning" }],
    },
    {
      name: "one request is missing among several metrics: the controller finds the other one valid",
      given: [
        sidecar,
        but(
          withStatus([
            condition(
              "ScalingActive",
              "True",
              "ValidMetricFound",
              "the HPA was able to successfully calculate a replica count from external metric queue(nil)",
            ),
          ]),
          `
          spec:
            metrics:
              - { type: External, external: { metric: { name: queue }, target: { type: AverageValue, averageValue: "30" } } }
              - { type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } } }
          `,
        ),
      ],
      expect: [{ rule: "hpa-request-missing", object }],
    },
    {
      name: "an init container that keeps running counts as well",
      given: [
        hpa,
        but(
          web,
          `spec: { template: { spec: { initContainers: [{ name: mesh, image: "mesh:1", restartPolicy: Always }] } } }`,
        ),
      ],
      expect: [{ rule: "hpa-request-missing", object }],
    },
    {
      name: "the Pods lack the request that the controller misses, the target is of a kind that is not read",
      given: [
        but(
          inactive("FailedGetResourceMetric", noRequest),
          "spec: { scaleTargetRef: { apiVersion: argoproj.io/v1alpha1, kind: Rollout } }",
        ),
      ],
      expect: [{ rule: "hpa-request-missing", object }],
    },
    {
      name: "no metrics-server",
      given: [inactive("FailedGetResourceMetric", notServed), web],
      expect: [
        {
          rule: "hpa-no-metrics",
          object,
          severity: "warning",
          because: "the API for resource metrics is not served",
          cause: metricsApi,
        },
      ],
    },
    {
      name: "metrics-server is down",
      given: [inactive("FailedGetResourceMetric", down), web],
      expect: [
        {
          rule: "hpa-no-metrics",
          object,
          severity: "warning",
          because: "the API for resource metrics does not answer",
          cause: metricsApi,
        },
      ],
    },
    {
      name: "metrics-server is down, and the last readings were above the target at the minimum",
      given: [
        inactive("FailedGetResourceMetric", down, "20m", `currentReplicas: 2, desiredReplicas: 2, ${metric(140)}`),
        web,
      ],
      expect: [{ rule: "hpa-no-metrics", object, severity: "critical", cause: metricsApi }],
    },
    {
      name: "the Pods are not ready",
      given: [inactive("FailedGetResourceMetric", unready), web, replicaSet, pod],
      expect: [
        {
          rule: "hpa-no-metrics",
          object,
          severity: "warning",
          because: "its Pods give no readings, they may not be ready",
        },
      ],
    },
    {
      name: "the adapter does not know the external metric",
      given: [
        inactive(
          "FailedGetExternalMetric",
          `${compute} unable to get external metric shop/queue/nil: unable to fetch metrics from external metrics API: the server could not find the requested resource (get queue.external.metrics.k8s.io)`,
        ),
        web,
      ],
      expect: [{ rule: "hpa-no-metrics", object, because: "the metric is not known there" }],
    },
    {
      name: "a reason without known words",
      given: [inactive("FailedGetObjectMetric", `${compute} something new`), web],
      expect: [{ rule: "hpa-no-metrics", object, because: "the metric of an object cannot be read" }],
    },
    {
      name: "scaled to zero on purpose is context",
      given: [
        inactive(
          "ScalingDisabled",
          "scaling is disabled since the replica count of the target is zero",
          "20m",
          "currentReplicas: 0, desiredReplicas: 0",
        ),
        but(web, "spec: { replicas: 0 }"),
      ],
      expect: [{ rule: "hpa-no-metrics", object, severity: "info", because: "its target is scaled to zero" }],
    },
    {
      name: "at the maximum for 20 minutes, usage above the target",
      given: [withStatus([atMax], `${full}, ${metric(95)}`), web],
      expect: [{ rule: "hpa-at-max", object, severity: "warning" }],
    },
    {
      name: "minimum and maximum are the same: context",
      given: [but(withStatus([atMax], `${full}, ${metric(95)}`), "spec: { minReplicas: 10 }"), web],
      expect: [{ rule: "hpa-at-max", object, severity: "info" }],
    },
    {
      name: "two autoscalers on one target",
      given: [hpa, but(hpa, "metadata: { name: web-memory }"), web],
      expect: [{ rule: "hpa-selector-ambiguous", object, because: "they name the same workload" }],
    },
    {
      name: "two autoscalers whose targets select the same Pods",
      given: [
        inactive(
          "AmbiguousSelector",
          "pods by selector app=web are controlled by multiple HPAs: [shop/other shop/web]",
        ),
        but(
          inactive(
            "AmbiguousSelector",
            "pods by selector app=web are controlled by multiple HPAs: [shop/other shop/web]",
          ),
          "{ metadata: { name: other }, spec: { scaleTargetRef: { name: other } } }",
        ),
        web,
        but(web, "metadata: { name: other }"),
      ],
      expect: [
        {
          rule: "hpa-selector-ambiguous",
          object: "HorizontalPodAutoscaler/shop/other",
          because: "the selectors of their workloads overlap",
        },
      ],
    },
    {
      name: "the manifest that was applied last sets a number of replicas",
      given: [hpa, applied({ replicas: 3, template: {} })],
      expect: [{ rule: "hpa-fights-replicas", object, severity: "risk" }],
    },
  ],
  silent: [
    { name: "the manifest that was applied last sets no number of replicas", given: [hpa, applied({ template: {} })] },
    {
      name: "the number that the manifest sets is the only one that the autoscaler allows",
      given: [but(hpa, "spec: { minReplicas: 3, maxReplicas: 3 }"), applied({ replicas: 3 })],
    },
    {
      name: "at its floor",
      given: [
        withStatus([
          condition(
            "ScalingLimited",
            "True",
            "TooFewReplicas",
            "the desired replica count is less than the minimum replica count",
            "3d",
          ),
        ]),
        web,
      ],
    },
    {
      name: "at its floor, which is its maximum too",
      given: [
        but(
          withStatus([
            condition(
              "ScalingLimited",
              "True",
              "TooFewReplicas",
              "the desired replica count is less than the minimum replica count",
              "3d",
            ),
          ]),
          "spec: { maxReplicas: 2 }",
        ),
        web,
      ],
    },
    {
      name: "a Rollout that the API serves",
      given: [but(hpa, "spec: { scaleTargetRef: { apiVersion: argoproj.io/v1alpha1, kind: Rollout } }")],
    },
    { name: "Deployments could not be read", given: [hpa], unread: ["Deployment"] },
    {
      name: "the target is missing, and the autoscaler is new",
      given: [but(hpa, `metadata: { creationTimestamp: "${ago("30s")}" }`)],
    },
    {
      name: "the target is missing, and the autoscaler is being deleted",
      given: [but(hpa, `metadata: { deletionTimestamp: "${ago("30s")}", finalizers: [example.com/keep] }`)],
    },
    {
      name: "only an external metric: requests do not matter",
      given: [
        but(
          hpa,
          `spec: { metrics: [{ type: External, external: { metric: { name: queue }, target: { type: AverageValue, averageValue: "30" } } }] }`,
        ),
        sidecar,
      ],
    },
    {
      name: "a target by average value needs no request",
      given: [
        but(
          hpa,
          `spec: { metrics: [{ type: Resource, resource: { name: cpu, target: { type: AverageValue, averageValue: 500m } } }] }`,
        ),
        sidecar,
      ],
    },
    {
      name: "the metric of one container, which has its request",
      given: [
        but(
          hpa,
          `spec: { metrics: [{ type: ContainerResource, containerResource: { name: cpu, container: web, target: { type: Utilization, averageUtilization: 80 } } }] }`,
        ),
        sidecar,
      ],
    },
    {
      name: "the limit stands for the request",
      given: [
        hpa,
        but(
          web,
          `spec: { template: { spec: { containers: [{ name: web, image: "web:1", resources: { limits: { cpu: 1 } } }] } } }`,
        ),
      ],
    },
    {
      name: "a LimitRange may set the request",
      given: [
        hpa,
        sidecar,
        yaml`{ apiVersion: v1, kind: LimitRange, metadata: { name: defaults, namespace: shop }, spec: { limits: [{ type: Container, defaultRequest: { cpu: 100m } }] } }`,
      ],
    },
    { name: "the template lacks the request, the Pods have it", given: [hpa, sidecar, replicaSet, pod] },
    {
      name: "the Pod as a whole makes the request",
      given: [hpa, but(sidecar, `spec: { template: { spec: { resources: { requests: { cpu: 300m } } } } }`)],
    },
    {
      name: "the controller finds the only metric valid",
      given: [
        withStatus([
          condition(
            "ScalingActive",
            "True",
            "ValidMetricFound",
            "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
          ),
        ]),
        sidecar,
      ],
    },
    { name: "Pods could not be read: nothing about requests", given: [hpa, sidecar], unread: ["Pod"] },
    { name: "no metrics for a minute", given: [inactive("FailedGetResourceMetric", down, "1m"), web] },
    {
      name: "the target is two minutes old",
      given: [
        inactive("FailedGetResourceMetric", unready, "130s"),
        but(web, `metadata: { creationTimestamp: "${ago("150s")}" }`),
      ],
    },
    {
      name: "all Pods are new: first readings",
      given: [
        inactive("FailedGetResourceMetric", unready, "130s"),
        web,
        replicaSet,
        but(pod, `metadata: { creationTimestamp: "${ago("140s")}" }`),
      ],
    },
    {
      name: "at the maximum for ten minutes",
      given: [
        but(
          withStatus(
            [
              condition(
                "ScalingLimited",
                "True",
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
                "10m",
              ),
            ],
            `${full}, ${metric(95)}`,
          ),
          "{}",
        ),
        web,
      ],
    },
    {
      name: "reached the maximum five minutes ago, limited at the floor before",
      given: [withStatus([atMax], `${full}, lastScaleTime: "${ago("5m")}", ${metric(95)}`), web],
    },
    { name: "at the maximum, usage below the target", given: [withStatus([atMax], `${full}, ${metric(40)}`), web] },
    {
      name: "wants the maximum and is not there yet",
      given: [withStatus([atMax], `currentReplicas: 8, desiredReplicas: 10, ${metric(95)}`), web],
    },
    {
      name: "waits between two changes",
      given: [
        withStatus([
          condition(
            "AbleToScale",
            "False",
            "BackoffBoth",
            "the time since the previous scale is still within both the downscale and upscale forbidden windows",
          ),
        ]),
        web,
      ],
    },
    {
      name: "steady: able, active, within range",
      given: [
        withStatus([
          condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size"),
          condition(
            "ScalingActive",
            "True",
            "ValidMetricFound",
            "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
          ),
          condition(
            "ScalingLimited",
            "False",
            "DesiredWithinRange",
            "the desired count is within the acceptable range",
          ),
        ]),
        web,
      ],
    },
    {
      name: "one autoscaler each for two workloads",
      given: [
        hpa,
        web,
        but(hpa, "{ metadata: { name: api }, spec: { scaleTargetRef: { name: api } } }"),
        but(web, "metadata: { name: api }"),
      ],
    },
  ],
});
