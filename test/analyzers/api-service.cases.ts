import { apiService } from "../../src/analyzers/api-service.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const metrics = (reason: string, message: string, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: apiregistration.k8s.io/v1
      kind: APIService
      metadata: { name: v1beta1.metrics.k8s.io }
      spec:
        group: metrics.k8s.io
        version: v1beta1
        groupPriorityMinimum: 100
        versionPriority: 100
        insecureSkipTLSVerify: true
        service: { namespace: kube-system, name: metrics-server, port: 443 }
      status:
        conditions:
          - { type: Available, status: "False", reason: ${reason}, message: ${JSON.stringify(message)}, lastTransitionTime: "${ago("10m")}" }
    `,
    changes,
  );
const gone = metrics("ServiceNotFound", 'service/metrics-server in "kube-system" is not present');
const empty = metrics(
  "MissingEndpoints",
  'endpointslices for service/metrics-server in "kube-system" have no addresses with port name "https"',
);
const discovery = (message: string): Manifest => metrics("FailedDiscoveryCheck", message);
const service = yaml`
  apiVersion: v1
  kind: Service
  metadata: { name: metrics-server, namespace: kube-system }
  spec: { selector: { k8s-app: metrics-server }, ports: [{ port: 443 }] }
`;
const deployment = (replicas: number): readonly Manifest[] => yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: metrics-server, namespace: kube-system }
  spec:
    replicas: ${replicas}
    selector: { matchLabels: { k8s-app: metrics-server } }
    template: { metadata: { labels: { k8s-app: metrics-server } }, spec: { containers: [{ name: metrics-server, image: metrics-server }] } }
`;
const pod = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: metrics-server-1, namespace: kube-system, labels: { k8s-app: metrics-server } }
  spec: { containers: [{ name: metrics-server, image: metrics-server }] }
  status: { phase: Running, conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("10m")}" }] }
`;
const slice = yaml`
  apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: metrics-server-1, namespace: kube-system, labels: { kubernetes.io/service-name: metrics-server } }
  addressType: IPv4
  endpoints: [{ addresses: [10.1.0.5], conditions: { ready: true } }]
`;
const autoscaler = (metric: string): readonly Manifest[] => yaml`
  apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: { name: web, namespace: shop }
  spec: { maxReplicas: 5, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }, metrics: [${metric}] }
`;
const cpu = autoscaler(
  "{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } } }",
);
const queue = autoscaler(
  "{ type: External, external: { metric: { name: queue }, target: { type: Value, value: 5 } } }",
);
const rule = "apiservice-unavailable";
const object = "APIService/v1beta1.metrics.k8s.io";

export default cases(apiService, {
  fires: [
    {
      name: "its Service is gone, and an autoscaler needs it",
      given: [gone, cpu],
      expect: [
        {
          rule,
          object,
          severity: "critical",
          because: "its Service does not exist",
          cause: "Service/kube-system/metrics-server",
        },
      ],
    },
    {
      name: "no autoscaler needs these metrics",
      given: [gone, queue],
      expect: [{ rule, object, severity: "warning" }],
    },
    {
      name: "its workload is scaled to zero",
      given: [empty, service, deployment(0), cpu],
      expect: [{ rule, object, because: "its workload is scaled to zero" }],
    },
    {
      name: "its Pods are not ready",
      given: [empty, service, deployment(1), pod, cpu],
      expect: [{ rule, object, because: "none of its Pods is ready" }],
    },
    {
      name: "Services could not be read: the API server's own words",
      given: [gone],
      unread: ["Service"],
      expect: [{ rule, object, because: "its Service does not exist" }],
    },
    {
      name: "it does not answer in time",
      given: [
        discovery(
          'failing or missing response from https://10.96.0.7:443/apis/metrics.k8s.io/v1beta1: Get "https://10.96.0.7:443/apis/metrics.k8s.io/v1beta1": context deadline exceeded',
        ),
        service,
        slice,
      ],
      expect: [{ rule, object, because: "it does not answer in time" }],
      notLive: "the API server looks for itself, and finds another reason",
    },
    {
      name: "its certificate is not trusted",
      given: [
        discovery(
          "failing or missing response from https://10.96.0.7:443/apis/metrics.k8s.io/v1beta1: tls: failed to verify certificate: x509: certificate signed by unknown authority",
        ),
        service,
        slice,
      ],
      expect: [{ rule, object, because: "its certificate is not trusted" }],
      notLive: "the API server looks for itself, and finds another reason",
    },
    {
      name: "an API of another kind: who uses it cannot be seen",
      given: [
        metrics(
          "FailedDiscoveryCheck",
          "odd text",
          "metadata: { name: v1.packages.example.com }\nspec: { group: packages.example.com, version: v1 }",
        ),
        service,
        slice,
      ],
      expect: [{ rule, object: "APIService/v1.packages.example.com", severity: "critical" }],
    },
    {
      name: "a namespace cannot be deleted because of it",
      given: [
        gone,
        yaml`
          apiVersion: v1
          kind: Namespace
          metadata: { name: old, deletionTimestamp: "${ago("20m")}" }
          status:
            phase: Terminating
            conditions:
              - type: NamespaceDeletionDiscoveryFailure
                status: "True"
                reason: DiscoveryFailed
                message: "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1"
        `,
      ],
      expect: [{ rule, object, severity: "critical" }],
      notLive: "the deletion time of a namespace cannot be chosen",
    },
  ],
  silent: [
    {
      name: "available",
      given: [
        metrics(
          "Passed",
          "all checks passed",
          'status: { conditions: [{ type: Available, status: "True", reason: Passed }] }',
        ),
      ],
    },
    {
      name: "unavailable for 30 seconds",
      given: [
        metrics(
          "MissingEndpoints",
          "none yet",
          `status: { conditions: [{ type: Available, status: "False", reason: MissingEndpoints, lastTransitionTime: "${ago("30s")}" }] }`,
        ),
      ],
    },
    {
      name: "served by the API server itself",
      given: [
        yaml`{ apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: { name: v1.apps }, spec: { group: apps, version: v1, groupPriorityMinimum: 100, versionPriority: 100 }, status: { conditions: [{ type: Available, status: "True", reason: Local }] } }`,
      ],
    },
    { name: "the API server has not looked yet", given: [metrics("Unknown", "", "status: { conditions: [] }")] },
  ],
});
