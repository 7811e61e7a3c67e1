import { scaledObject } from "../../src/analyzers/scaled-object.ts";
import { ago, but, cases, yaml } from "./cases.ts";

const workload = yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: web, namespace: shop }
  spec:
    selector: { matchLabels: { app: web } }
    template:
      metadata: { labels: { app: web } }
      spec: { containers: [{ name: web, image: nginx }] }
`;
const queue = yaml`
  apiVersion: keda.sh/v1alpha1
  kind: ScaledObject
  metadata: { name: web, namespace: shop }
  spec:
    scaleTargetRef: { name: web }
    triggers: [{ type: kafka, metadata: { topic: orders } }]
`;
const cpu = but(queue, `{ spec: { triggers: [{ type: cpu, metricType: Utilization, metadata: { value: "60" } }] } }`);
const authenticated = (kind: string, name: string) =>
  but(
    queue,
    `{ spec: { triggers: [{ type: kafka, metadata: {}, authenticationRef: { kind: ${kind}, name: ${name} } }] } }`,
  );
const authentication = yaml`
  apiVersion: keda.sh/v1alpha1
  kind: TriggerAuthentication
  metadata: { name: broker, namespace: shop }
  spec:
    secretTargetRef: [{ parameter: password, name: broker-password, key: password }]
    configMapTargetRef: [{ parameter: ca, name: broker-ca, key: ca.crt }]
`;
const password = yaml`{ apiVersion: v1, kind: Secret, metadata: { name: broker-password, namespace: shop }, data: { password: eA== } }`;
const ca = yaml`{ apiVersion: v1, kind: ConfigMap, metadata: { name: broker-ca, namespace: shop }, data: { ca.crt: x } }`;
const ready = "{ type: Ready, status: 'True', reason: ScaledObjectReady }";
const withConditions = (conditions: string, more = "{}") =>
  but(but(queue, `{ status: { conditions: [${conditions}] } }`), more);
const failing = withConditions(
  "{ type: Ready, status: 'False', reason: TriggerError, message: 'Triggers defined in ScaledObject are not working correctly' }",
);
const event = (type: string, last: string) => yaml`
  apiVersion: v1
  kind: Event
  metadata: { name: web.1, namespace: shop }
  type: ${type}
  reason: KEDAScalerFailed
  message: 'error creating kafka client: kafka: client has run out of available brokers to talk to: EOF'
  involvedObject: { apiVersion: keda.sh/v1alpha1, kind: ScaledObject, namespace: shop, name: web }
  firstTimestamp: "${ago("55m")}"
  lastTimestamp: "${last}"
`;
const autoscaler = yaml`
  apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata:
    name: keda-hpa-web
    namespace: shop
    ownerReferences: [{ apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: web, uid: ScaledObject/shop/web, controller: true }]
  spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web } }
  status: { desiredReplicas: 1, currentMetrics: null, conditions: [{ type: ScalingActive, status: "True" }] }
`;

export default cases(scaledObject, {
  fires: [
    {
      name: "the target does not exist",
      given: [queue],
      expect: [
        {
          rule: "keda-target-missing",
          object: "ScaledObject/shop/web",
          severity: "warning",
          cause: "Deployment/shop/web",
        },
      ],
    },
    {
      name: "the target does not exist, and KEDA says so: once",
      given: [
        withConditions(
          "{ type: Ready, status: 'False', reason: ScaledObjectCheckFailed, message: 'deployments.apps \"web\" not found' }",
        ),
      ],
      expect: [{ rule: "keda-target-missing", object: "ScaledObject/shop/web" }],
    },
    {
      name: "a StatefulSet that does not exist beside a Deployment of that name",
      given: [workload, but(queue, "{ spec: { scaleTargetRef: { apiVersion: apps/v1, kind: StatefulSet } } }")],
      expect: [{ rule: "keda-target-missing", object: "ScaledObject/shop/web", cause: "StatefulSet/shop/web" }],
    },
    {
      name: "a percentage of a CPU request that the container does not make",
      given: [workload, cpu],
      expect: [{ rule: "keda-request-missing", object: "ScaledObject/shop/web", because: "CPU" }],
    },
    {
      name: "one of two containers lacks the request",
      given: [
        but(
          workload,
          "{ spec: { template: { spec: { containers: [{ name: web, image: nginx, resources: { requests: { cpu: 100m } } }, { name: sidecar, image: proxy }] } } } }",
        ),
        cpu,
      ],
      expect: [{ rule: "keda-request-missing", object: "ScaledObject/shop/web" }],
    },
    {
      name: "memory, by the older form of the trigger",
      given: [
        workload,
        but(queue, `{ spec: { triggers: [{ type: memory, metadata: { type: Utilization, value: "60" } }] } }`),
      ],
      expect: [{ rule: "keda-request-missing", object: "ScaledObject/shop/web", because: "memory" }],
    },
    {
      name: "a TriggerAuthentication that does not exist",
      given: [workload, authenticated("TriggerAuthentication", "broker")],
      expect: [
        {
          rule: "keda-authentication-missing",
          object: "ScaledObject/shop/web",
          cause: "TriggerAuthentication/shop/broker",
        },
      ],
    },
    {
      name: "a ClusterTriggerAuthentication that does not exist beside a TriggerAuthentication of that name",
      given: [workload, authenticated("ClusterTriggerAuthentication", "broker"), authentication, password, ca],
      expect: [
        {
          rule: "keda-authentication-missing",
          object: "ScaledObject/shop/web",
          cause: "ClusterTriggerAuthentication/broker",
        },
      ],
    },
    {
      name: "the Secret of an authentication does not exist",
      given: [workload, authenticated("TriggerAuthentication", "broker"), authentication, ca],
      expect: [
        {
          rule: "keda-credentials-missing",
          object: "ScaledObject/shop/web",
          because: "the Secret does not exist",
          cause: "Secret/shop/broker-password",
        },
      ],
    },
    {
      name: "the ConfigMap of an authentication does not exist",
      given: [workload, authenticated("TriggerAuthentication", "broker"), authentication, password],
      expect: [
        { rule: "keda-credentials-missing", object: "ScaledObject/shop/web", because: "the ConfigMap does not exist" },
      ],
    },
    {
      name: "the ConfigMap of an authentication lacks the entry",
      given: [
        workload,
        authenticated("TriggerAuthentication", "broker"),
        authentication,
        password,
        but(ca, "{ data: { ca.crt: null, root.crt: x } }"),
      ],
      expect: [
        {
          rule: "keda-credentials-missing",
          object: "ScaledObject/shop/web",
          because: "the ConfigMap has no such entry",
        },
      ],
    },
    {
      name: "a ScaledJob names an authentication that does not exist",
      given: [
        yaml`
          apiVersion: keda.sh/v1alpha1
          kind: ScaledJob
          metadata: { name: batch, namespace: shop }
          spec:
            jobTargetRef: { template: { spec: { restartPolicy: Never, containers: [{ name: batch, image: batch }] } } }
            triggers: [{ type: kafka, metadata: {}, authenticationRef: { name: broker } }]
        `,
      ],
      expect: [{ rule: "keda-authentication-missing", object: "ScaledJob/shop/batch" }],
    },
    {
      name: "a ScaledJob that is not ready",
      given: [
        yaml`
          apiVersion: keda.sh/v1alpha1
          kind: ScaledJob
          metadata: { name: batch, namespace: shop }
          spec:
            jobTargetRef: { template: { spec: { restartPolicy: Never, containers: [{ name: batch, image: batch }] } } }
            triggers: [{ type: kafka, metadata: {} }]
          status: { conditions: [{ type: Ready, status: "False", reason: TriggerError, message: Triggers defined in ScaledJob are not working correctly }] }
        `,
      ],
      expect: [{ rule: "keda-not-ready", object: "ScaledJob/shop/batch", because: "none of its triggers can be read" }],
    },
    {
      name: "none of its triggers can be read",
      given: [workload, failing, event("Warning", ago("1m"))],
      expect: [
        {
          rule: "keda-not-ready",
          object: "ScaledObject/shop/web",
          severity: "warning",
          because: "none of its triggers can be read",
        },
      ],
    },
    {
      name: "some of its triggers cannot be read",
      given: [
        workload,
        withConditions(
          "{ type: Ready, status: Unknown, reason: PartialTriggerError, message: 'Some triggers defined in ScaledObject are not working correctly' }",
        ),
      ],
      expect: [
        { rule: "keda-not-ready", object: "ScaledObject/shop/web", because: "some of its triggers cannot be read" },
      ],
    },
    {
      name: "not ready for a reason that is not known",
      given: [workload, withConditions("{ type: Ready, status: 'False', reason: Brandnew, message: something }")],
      expect: [{ rule: "keda-not-ready", object: "ScaledObject/shop/web" }],
    },
    {
      name: "it falls back",
      given: [
        workload,
        withConditions(
          `${ready}, { type: Fallback, status: 'True', reason: FallbackExists, message: At least one trigger is falling back on this scaled object }`,
        ),
      ],
      expect: [{ rule: "keda-fallback-active", object: "ScaledObject/shop/web", severity: "warning" }],
    },
    {
      name: "paused by annotation, and nothing else is said",
      given: [but(failing, `{ metadata: { annotations: { autoscaling.keda.sh/paused: "true" } } }`)],
      expect: [{ rule: "keda-paused", object: "ScaledObject/shop/web", severity: "info" }],
    },
    {
      name: "held at a number of replicas",
      given: [but(queue, `{ metadata: { annotations: { autoscaling.keda.sh/paused-replicas: "0" } } }`)],
      expect: [{ rule: "keda-paused", object: "ScaledObject/shop/web" }],
    },
    {
      name: "paused by KEDA's own word",
      given: [
        workload,
        withConditions(
          `${ready}, { type: Paused, status: 'True', reason: ScaledObjectPaused, message: ScaledObject is paused }`,
        ),
      ],
      expect: [{ rule: "keda-paused", object: "ScaledObject/shop/web" }],
    },
    {
      name: "an event alone is information",
      given: [workload, withConditions(ready), event("Warning", ago("20m"))],
      expect: [{ rule: "keda-trigger-failing", object: "ScaledObject/shop/web", severity: "info" }],
    },
  ],
  silent: [
    { name: "all is there", given: [workload, withConditions(ready)] },
    {
      name: "at rest: Active False is the normal state of a quiet queue",
      given: [workload, withConditions(`${ready}, { type: Active, status: 'False', reason: ScalerNotActive }`)],
    },
    {
      name: "a target of another group: only KEDA knows it",
      given: [but(queue, "{ spec: { scaleTargetRef: { apiVersion: argoproj.io/v1alpha1, kind: Rollout } } }")],
    },
    {
      name: "a Deployment of another group is not the Deployment",
      given: [but(queue, "{ spec: { scaleTargetRef: { apiVersion: example.com/v1, kind: Deployment } } }")],
    },
    { name: "Deployments could not be read", given: [queue], unread: ["Deployment"] },
    { name: "seconds old", given: [but(queue, `{ metadata: { creationTimestamp: "${ago("20s")}" } }`)] },
    {
      name: "being deleted",
      given: [but(queue, `{ metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [finalizer.keda.sh] } }`)],
    },
    { name: "a queue needs no requests", given: [workload, queue] },
    {
      name: "an average value needs no request",
      given: [
        workload,
        but(cpu, `{ spec: { triggers: [{ type: cpu, metricType: AverageValue, metadata: { value: 500m } }] } }`),
      ],
    },
    {
      name: "a limit stands for the request",
      given: [
        but(
          workload,
          "{ spec: { template: { spec: { containers: [{ name: web, image: nginx, resources: { limits: { cpu: 1 } } }] } } } }",
        ),
        cpu,
      ],
    },
    {
      name: "the metric of one container, which has its request",
      given: [
        but(
          workload,
          "{ spec: { template: { spec: { containers: [{ name: web, image: nginx, resources: { requests: { cpu: 100m } } }, { name: sidecar, image: proxy }] } } } }",
        ),
        but(
          cpu,
          `{ spec: { triggers: [{ type: cpu, metricType: Utilization, metadata: { value: "60", containerName: web } }] } }`,
        ),
      ],
    },
    {
      name: "a LimitRange may set the request",
      given: [
        workload,
        cpu,
        yaml`{ apiVersion: v1, kind: LimitRange, metadata: { name: defaults, namespace: shop }, spec: { limits: [{ type: Container }] } }`,
      ],
    },
    { name: "LimitRanges could not be read", given: [workload, cpu], unread: ["LimitRange"] },
    { name: "the autoscaler finds its metrics valid", given: [workload, cpu, autoscaler] },
    {
      name: "an authentication with all that it names",
      given: [workload, authenticated("TriggerAuthentication", "broker"), authentication, password, ca],
    },
    {
      name: "authentications could not be read",
      given: [workload, authenticated("TriggerAuthentication", "broker")],
      unread: ["TriggerAuthentication"],
    },
    {
      name: "Secrets could not be read",
      given: [workload, authenticated("TriggerAuthentication", "broker"), authentication, ca],
      unread: ["Secret"],
    },
    {
      name: "a cluster-wide authentication looks for its Secrets elsewhere",
      given: [
        workload,
        authenticated("ClusterTriggerAuthentication", "broker"),
        yaml`
          apiVersion: keda.sh/v1alpha1
          kind: ClusterTriggerAuthentication
          metadata: { name: broker }
          spec: { secretTargetRef: [{ parameter: password, name: broker-password, key: password }] }
        `,
      ],
    },
    {
      name: "not ready yet, a minute and a half old",
      given: [workload, but(failing, `{ metadata: { creationTimestamp: "${ago("90s")}" } }`)],
    },
    { name: "Ready Unknown: not looked at yet", given: [workload, withConditions("{ type: Ready, status: Unknown }")] },
    { name: "an event of two hours ago", given: [workload, withConditions(ready), event("Warning", ago("2h"))] },
    { name: "a Normal event", given: [workload, withConditions(ready), event("Normal", ago("1m"))] },
  ],
});
