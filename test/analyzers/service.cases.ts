import { service } from "../../src/analyzers/service.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const web = yaml`
  apiVersion: v1
  kind: Service
  metadata: { name: web, namespace: shop }
  spec: { selector: { app: web }, ports: [{ port: 80 }] }
`;

/** A Pod with these labels, taking no traffic for ten minutes unless `changes` say otherwise. */
function pod(name: string, labels = "app: web", changes = "{}"): Manifest {
  return but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: ${name}, namespace: shop, labels: { ${labels} } }
      spec: { nodeName: node-1, containers: [{ name: app, image: nginx }] }
      status:
        phase: Running
        podIP: 10.0.0.${/\d+$/.exec(name)?.[0] ?? 1}
        conditions: [{ type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: "${ago("10m")}" }]
        containerStatuses:
          - { name: app, image: nginx, imageID: "", ready: false, restartCount: 0, state: { running: { startedAt: "${ago("20m")}" } } }
    `,
    changes,
  );
}

function ready(name: string, labels = "app: web", changes = "{}"): Manifest {
  return but(
    pod(
      name,
      labels,
      `
        status:
          conditions: [{ type: Ready, status: "True", lastTransitionTime: "${ago("50m")}" }]
          containerStatuses:
            - { name: app, image: nginx, imageID: "", ready: true, restartCount: 0, state: { running: { startedAt: "${ago("50m")}" } } }
      `,
    ),
    changes,
  );
}

/** The EndpointSlice of Service `web` with one endpoint per word, `web-1:ready` or `web-2:waiting`. */
function slice(...endpoints: readonly string[]): readonly Manifest[] {
  const list = endpoints.map((endpoint, index) => {
    const [name, state] = endpoint.split(":");
    return `{ addresses: [10.0.0.${index + 1}], nodeName: node-1, conditions: { ready: ${state === "ready"} }, targetRef: { kind: Pod, namespace: shop, name: ${name} } }`;
  });
  return yaml`
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata:
      name: web-x7k2p
      namespace: shop
      labels: { kubernetes.io/service-name: web, endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io }
    addressType: IPv4
    ports: [{ name: "", port: 80, protocol: TCP }]
    endpoints: [${list.join(", ")}]
  `;
}

function deployment(replicas: number, labels = "app: web"): readonly Manifest[] {
  return yaml`
    apiVersion: apps/v1
    kind: Deployment
    metadata: { name: web, namespace: shop }
    spec:
      replicas: ${replicas}
      selector: { matchLabels: { ${labels} } }
      template:
        metadata: { labels: { ${labels} } }
        spec: { containers: [{ name: app, image: nginx }] }
  `;
}

const ingress = yaml`
  apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: { name: front, namespace: shop }
  spec: { defaultBackend: { service: { name: web, port: { number: 80 } } } }
`;
const webhook = yaml`
  apiVersion: admissionregistration.k8s.io/v1
  kind: ValidatingWebhookConfiguration
  metadata: { name: guard }
  webhooks:
    - name: guard.example.com
      clientConfig: { service: { namespace: shop, name: web } }
      rules: [{ apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods] }]
      sideEffects: None
      admissionReviewVersions: [v1]
`;
const named = but(web, "spec: { ports: [{ port: 80, targetPort: http }] }");
const withPort = (name: string, number = 8080): string =>
  `spec: { containers: [{ name: app, image: nginx, ports: [{ name: ${name}, containerPort: ${number} }] }] }`;
const loadBalancer = but(web, "spec: { type: LoadBalancer }");
const served = yaml`
  apiVersion: v1
  kind: Service
  metadata: { name: other, namespace: shop }
  spec: { type: LoadBalancer, ports: [{ port: 80 }] }
  status: { loadBalancer: { ingress: [{ ip: 203.0.113.7 }] } }
`;
const otherSlice = yaml`
  apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: other-1, namespace: shop, labels: { kubernetes.io/service-name: other } }
  addressType: IPv4
  ports: [{ name: "", port: 80, protocol: TCP }]
  endpoints: [{ addresses: [10.1.0.1] }]
`;
const event = (reason: string, type: string, message: string, seen: string): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Event
  metadata: { name: web.1, namespace: shop }
  involvedObject: { apiVersion: v1, kind: Service, namespace: shop, name: web, uid: Service/shop/web }
  type: ${type}
  reason: ${reason}
  message: ${JSON.stringify(message)}
  firstTimestamp: "${ago("40m")}"
  lastTimestamp: "${ago(seen)}"
  count: 9
`;
const node = (name: string, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Node
      metadata: { name: ${name} }
      status: { conditions: [{ type: Ready, status: "True" }] }
    `,
    changes,
  );

const matchesNothing = "service-selector-matches-nothing";
const noneReady = "service-no-ready-endpoints";
const object = "Service/shop/web";

export default cases(service, {
  fires: [
    {
      name: "no Pod carries the label",
      given: [web],
      expect: [{ rule: matchesNothing, object, severity: "warning" }],
    },
    {
      name: "the label is misspelt: `web` against `webs`",
      given: [web, ready("webs-1", "app: webs"), deployment(1, "app: webs")],
      expect: [{ rule: matchesNothing, object, severity: "warning" }],
    },
    {
      name: "an Ingress routes to it",
      given: [web, ingress],
      expect: [{ rule: matchesNothing, object, severity: "critical" }],
    },
    {
      name: "a webhook is served by it",
      given: [web, webhook],
      expect: [{ rule: matchesNothing, object, severity: "critical" }],
    },
    {
      name: "headless, and still without a Pod",
      given: [but(web, "spec: { clusterIP: None }")],
      expect: [{ rule: matchesNothing, object, severity: "warning" }],
    },
    {
      name: "its workload is at zero",
      given: [web, deployment(0)],
      expect: [
        { rule: matchesNothing, object, severity: "info", because: "its workload is meant to have no Pods now" },
      ],
    },
    {
      name: "its workload is at zero and an Ingress routes to it",
      given: [web, deployment(0), ingress],
      expect: [{ rule: matchesNothing, object, severity: "info" }],
    },
    {
      name: "one Service per ordinal of a StatefulSet that was scaled down",
      given: [
        but(web, "spec: { selector: { app: web, statefulset.kubernetes.io/pod-name: web-2 } }"),
        yaml`
          apiVersion: apps/v1
          kind: StatefulSet
          metadata: { name: web, namespace: shop }
          spec:
            replicas: 0
            serviceName: web
            selector: { matchLabels: { app: web } }
            template:
              metadata: { labels: { app: web } }
              spec: { containers: [{ name: app, image: nginx }] }
        `,
      ],
      expect: [{ rule: matchesNothing, object, severity: "info" }],
    },
    {
      name: "a database with one member has no replicas to read from",
      given: [but(web, "spec: { selector: { app: web, role: replica } }"), ready("web-1", "app: web, role: primary")],
      expect: [{ rule: matchesNothing, object, severity: "info" }],
    },
    {
      name: "made by an operator, and nothing routes to it",
      given: [
        but(
          web,
          "metadata: { ownerReferences: [{ apiVersion: example.com/v1, kind: Database, name: db, uid: d1, controller: true }] }",
        ),
      ],
      expect: [{ rule: matchesNothing, object, severity: "info" }],
    },
    {
      name: "a monitoring Service for a control plane that a provider runs",
      given: [
        yaml`
          apiVersion: v1
          kind: Service
          metadata: { name: prometheus-kube-etcd, namespace: kube-system }
          spec: { clusterIP: None, selector: { component: etcd }, ports: [{ port: 2381 }] }
        `,
      ],
      expect: [{ rule: matchesNothing, object: "Service/kube-system/prometheus-kube-etcd", severity: "info" }],
    },
    {
      name: "only a completed Pod matches",
      given: [web, pod("web-1", "app: web", "status: { phase: Succeeded }")],
      expect: [{ rule: matchesNothing, object, severity: "info", because: "the Pods that match have ended" }],
    },
    {
      name: "only a failed Pod matches",
      given: [web, pod("web-1", "app: web", "status: { phase: Failed }")],
      expect: [{ rule: matchesNothing, object, severity: "warning", because: "the Pods that match have ended" }],
    },
    {
      name: "the workload wants Pods and has none",
      given: [web, deployment(2)],
      expect: [{ rule: noneReady, object, severity: "warning", because: "its workload has no Pods" }],
    },
    {
      name: "0 of 3 Pods are ready",
      given: [web, pod("web-1"), pod("web-2"), pod("web-3"), slice("web-1:waiting", "web-2:waiting", "web-3:waiting")],
      expect: [{ rule: noneReady, object, severity: "warning" }],
    },
    {
      name: "none is ready and an Ingress routes to it",
      given: [web, pod("web-1"), slice("web-1:waiting"), ingress],
      expect: [{ rule: noneReady, object, severity: "critical" }],
    },
    {
      name: "a crash loop, whose last start was seconds ago",
      given: [
        web,
        pod(
          "web-1",
          "app: web",
          `
            status:
              conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("5s")}" }]
              containerStatuses:
                - { name: app, image: nginx, imageID: "", ready: false, restartCount: 9, state: { waiting: { reason: CrashLoopBackOff } } }
          `,
        ),
        slice("web-1:waiting"),
      ],
      expect: [{ rule: noneReady, object, severity: "warning" }],
    },
    {
      name: "a Pod that was replaced is starting, the other has been down for long",
      given: [
        web,
        pod("web-1"),
        pod("web-2", "app: web", `metadata: { creationTimestamp: "${ago("10s")}" }`),
        slice("web-1:waiting", "web-2:waiting"),
      ],
      expect: [{ rule: noneReady, object }],
    },
    {
      name: "the Pods are ready, and nobody has written it into a slice",
      given: [web, ready("web-1"), slice()],
      expect: [{ rule: noneReady, object, because: "the Pods are ready, but no EndpointSlice lists them" }],
    },
    {
      name: "1 of 3 is not ready",
      given: [web, pod("web-1"), ready("web-2"), ready("web-3"), slice("web-1:waiting", "web-2:ready", "web-3:ready")],
      expect: [{ rule: "service-some-endpoints-not-ready", object, severity: "info" }],
    },
    {
      name: "no Pod declares the port name",
      given: [named, ready("web-1", "app: web", withPort("web")), slice("web-1:ready")],
      expect: [{ rule: "service-target-port-name-missing", object, severity: "critical" }],
    },
    {
      name: "some Pods do not declare the port name",
      given: [
        named,
        ready("web-1", "app: web", withPort("http")),
        ready("web-2", "app: web", `${withPort("web")}\nstatus: { podIP: 10.0.0.2 }`),
        slice("web-1:ready", "web-2:ready"),
      ],
      expect: [{ rule: "service-target-port-name-missing", object, severity: "warning" }],
    },
    {
      name: "the name is declared for another protocol",
      given: [
        but(web, "spec: { ports: [{ port: 53, protocol: UDP, targetPort: dns }] }"),
        ready("web-1", "app: web", withPort("dns")),
        slice("web-1:ready"),
      ],
      expect: [{ rule: "service-target-port-name-missing", object, severity: "critical" }],
    },
    {
      name: "a headless Service uses no target port",
      given: [but(named, "spec: { clusterIP: None }"), ready("web-1"), slice("web-1:ready")],
      expect: [{ rule: "service-target-port-name-missing", object, severity: "info" }],
    },
    {
      name: "the port number is not among the declared ones",
      given: [
        but(web, "spec: { ports: [{ port: 80, targetPort: 8081 }] }"),
        ready("web-1", "app: web", withPort("http", 8080)),
        slice("web-1:ready"),
      ],
      expect: [{ rule: "service-target-port-undeclared", object, severity: "info" }],
    },
    {
      name: "the Pod of an endpoint is gone",
      given: [web, ready("web-1"), slice("web-1:ready", "web-gone:ready")],
      expect: [{ rule: "service-endpoints-stale", object: "EndpointSlice/shop/web-x7k2p" }],
      notLive: "the controller mends the slice",
    },
    {
      name: "the Pod has another address by now",
      given: [web, ready("web-1", "app: web", "status: { podIP: 10.9.9.9 }"), slice("web-1:ready")],
      expect: [{ rule: "service-endpoints-stale", object: "EndpointSlice/shop/web-x7k2p" }],
      notLive: "the controller mends the slice",
    },
    {
      name: "no selector and no endpoints",
      given: [
        yaml`
          apiVersion: v1
          kind: Service
          metadata: { name: db, namespace: shop }
          spec: { ports: [{ port: 5432 }] }
        `,
      ],
      expect: [{ rule: "service-selectorless-empty", object: "Service/shop/db", severity: "info" }],
    },
    {
      name: "a load balancer without an address, where others have one",
      given: [loadBalancer, served, otherSlice, ready("web-1"), slice("web-1:ready")],
      expect: [{ rule: "service-loadbalancer-pending", object, severity: "warning" }],
    },
    {
      name: "the controller says why it cannot make the load balancer",
      given: [
        loadBalancer,
        ready("web-1"),
        slice("web-1:ready"),
        event(
          "SyncLoadBalancerFailed",
          "Warning",
          "Error syncing load balancer: failed to ensure load balancer: quota exceeded",
          "2m",
        ),
      ],
      expect: [
        {
          rule: "service-loadbalancer-pending",
          object,
          severity: "warning",
          because: "the controller reports a failure",
        },
      ],
    },
    {
      name: "a name is published for the load balancer",
      given: [
        but(loadBalancer, "metadata: { annotations: { external-dns.alpha.kubernetes.io/hostname: shop.example.com } }"),
        served,
        otherSlice,
        ready("web-1"),
        slice("web-1:ready"),
      ],
      expect: [{ rule: "service-loadbalancer-pending", object, severity: "critical" }],
    },
    {
      name: "a class of load balancer that nobody serves",
      given: [but(loadBalancer, "spec: { loadBalancerClass: example.com/lb }"), ready("web-1"), slice("web-1:ready")],
      expect: [{ rule: "service-loadbalancer-pending", object, severity: "warning" }],
    },
    {
      name: "nothing in the cluster makes load balancers: one info for all",
      given: [
        loadBalancer,
        but(loadBalancer, "metadata: { name: web2 }"),
        ready("web-1"),
        slice("web-1:ready"),
        but(slice("web-1:ready"), "metadata: { name: web2-1, labels: { kubernetes.io/service-name: web2 } }"),
      ],
      expect: [{ rule: "service-loadbalancer-pending", object, severity: "info" }],
    },
    {
      name: "a port that the load balancer could not open",
      given: [
        but(
          loadBalancer,
          'status: { loadBalancer: { ingress: [{ ip: 203.0.113.9, ports: [{ port: 80, protocol: TCP, error: "example.com/PortInUse" }] }] } }',
        ),
        ready("web-1"),
        slice("web-1:ready"),
      ],
      expect: [{ rule: "service-lb-port-error", object, severity: "warning" }],
    },
    {
      name: "traffic stays on the node, and one has no endpoint",
      given: [
        but(web, "spec: { internalTrafficPolicy: Local }"),
        ready("web-1"),
        slice("web-1:ready"),
        node("node-1"),
        node("node-2"),
      ],
      expect: [{ rule: "service-local-policy-gap", object, severity: "risk" }],
    },
  ],
  silent: [
    { name: "a ready Pod", given: [web, ready("web-1"), slice("web-1:ready")] },
    {
      name: "no selector: its endpoints are written by hand",
      given: [
        yaml`{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: shop }, spec: { ports: [{ port: 80 }] } }`,
        but(
          slice("x:ready"),
          `
        metadata: { labels: { endpointslice.kubernetes.io/managed-by: somebody } }
        endpoints: [{ addresses: [192.0.2.4] }]
      `,
        ),
      ],
    },
    {
      name: "ExternalName",
      given: [
        yaml`
        { apiVersion: v1, kind: Service, metadata: { name: db, namespace: shop }, spec: { type: ExternalName, externalName: db.example.com } }
      `,
      ],
    },
    {
      name: "endpoints for a selector that matches nothing, written by somebody else",
      given: [
        web,
        but(slice("elsewhere:ready"), "metadata: { labels: { endpointslice.kubernetes.io/managed-by: mesh } }"),
      ],
    },
    { name: "created seconds ago", given: [but(web, `metadata: { creationTimestamp: "${ago("20s")}" }`)] },
    {
      name: "being deleted",
      given: [
        but(
          web,
          `metadata: { deletionTimestamp: "${ago("5s")}", finalizers: [service.kubernetes.io/load-balancer-cleanup] }`,
        ),
      ],
    },
    { name: "Pods could not be read", given: [web], unread: ["Pod"] },
    { name: "slices could not be read", given: [web, pod("web-1")], unread: ["EndpointSlice"] },
    { name: "Deployments could not be read: it may be at zero on purpose", given: [web], unread: ["Deployment"] },
    {
      name: "a restart of the only Pod: the new one is young",
      given: [
        web,
        pod("web-1", "app: web", `metadata: { creationTimestamp: "${ago("15s")}" }`),
        slice("web-1:waiting"),
      ],
    },
    {
      name: "not ready for seconds",
      given: [
        web,
        pod(
          "web-1",
          "app: web",
          `status: { conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("20s")}" }] }`,
        ),
        slice("web-1:waiting"),
      ],
    },
    {
      name: "within the time that its startup probe allows",
      given: [
        web,
        pod(
          "web-1",
          "app: web",
          `
            metadata: { creationTimestamp: "${ago("4m")}" }
            spec: { containers: [{ name: app, image: nginx, startupProbe: { tcpSocket: { port: 80 }, periodSeconds: 10, failureThreshold: 60 } }] }
            status:
              conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("4m")}" }]
              containerStatuses:
                - { name: app, image: nginx, imageID: "", ready: false, started: false, restartCount: 0, state: { running: { startedAt: "${ago("4m")}" } } }
          `,
        ),
        slice("web-1:waiting"),
      ],
    },
    {
      name: "the last Pod is leaving in a drain",
      given: [
        web,
        deployment(1),
        pod("web-1", "app: web", `metadata: { deletionTimestamp: "${ago("5s")}", deletionGracePeriodSeconds: 30 }`),
        slice("web-1:waiting"),
      ],
    },
    {
      name: "a Deployment that was made a moment ago",
      given: [web, but(deployment(1), `metadata: { creationTimestamp: "${ago("30s")}" }`)],
    },
    {
      name: "publishNotReadyAddresses",
      given: [
        but(web, "spec: { clusterIP: None, publishNotReadyAddresses: true }"),
        pod("web-1"),
        slice("web-1:ready"),
      ],
    },
    {
      name: "an absent `ready` counts as ready",
      given: [web, ready("web-1"), but(slice("web-1:ready"), "endpoints: [{ addresses: [10.0.0.1] }]")],
    },
    {
      name: "dual stack: two slices, one Service",
      given: [
        web,
        ready("web-1"),
        slice("web-1:ready"),
        but(
          slice(),
          'metadata: { name: web-v6 }\naddressType: IPv6\nendpoints: [{ addresses: ["fd00::1"], targetRef: { kind: Pod, namespace: shop, name: web-1 } }]',
        ),
      ],
    },
    {
      name: "warnings about a Deployment of the same name in another namespace",
      given: [
        web,
        ready("web-1"),
        slice("web-1:ready"),
        yaml`
          apiVersion: v1
          kind: Event
          metadata: { name: web.9, namespace: blog }
          involvedObject: { apiVersion: apps/v1, kind: Deployment, namespace: blog, name: web }
          type: Warning
          reason: ReplicaSetCreateError
          message: no
        `,
      ],
    },
    {
      name: "the port name is declared by a sidecar",
      given: [
        named,
        ready(
          "web-1",
          "app: web",
          `
          spec: { initContainers: [{ name: proxy, image: envoy, restartPolicy: Always, ports: [{ name: http, containerPort: 8080 }] }] }
        `,
        ),
        slice("web-1:ready"),
      ],
    },
    {
      name: "a rollout that renames the port: the new Pod is young",
      given: [
        named,
        ready("web-1", "app: web", withPort("http")),
        ready("web-2", "app: web", `metadata: { creationTimestamp: "${ago("20s")}" }\n${withPort("web")}`),
        slice("web-1:ready"),
      ],
    },
    {
      name: "no port is declared at all: a number is fine",
      given: [but(web, "spec: { ports: [{ port: 80, targetPort: 9000 }] }"), ready("web-1"), slice("web-1:ready")],
    },
    {
      name: "the Pod of an endpoint went while the lists were read",
      given: [
        web,
        ready("web-1"),
        slice("web-1:ready", "web-gone:ready"),
        yaml`
          apiVersion: v1
          kind: Event
          metadata: { name: web-gone.1, namespace: shop }
          involvedObject: { apiVersion: v1, kind: Pod, namespace: shop, name: web-gone }
          type: Normal
          reason: Killing
          message: Stopping container app
          lastTimestamp: "${ago("10s")}"
        `,
      ],
    },
    {
      name: "a headless Service whose operator has not written its endpoints yet",
      given: [
        yaml`
        apiVersion: v1
        kind: Service
        metadata: { name: db, namespace: shop, creationTimestamp: "${ago("5m")}" }
        spec: { clusterIP: None, ports: [{ port: 5432 }] }
      `,
      ],
    },
    {
      name: "a load balancer that is being made",
      given: [
        but(loadBalancer, `metadata: { creationTimestamp: "${ago("3m")}" }`),
        served,
        otherSlice,
        ready("web-1"),
        slice("web-1:ready"),
      ],
    },
    {
      name: "the type was changed a moment ago, and the controller is at work",
      given: [
        loadBalancer,
        served,
        otherSlice,
        ready("web-1"),
        slice("web-1:ready"),
        event("EnsuringLoadBalancer", "Normal", "Ensuring load balancer", "1m"),
      ],
    },
    {
      name: "traffic stays on the node, and every node that counts has an endpoint",
      given: [
        but(
          loadBalancer,
          "spec: { externalTrafficPolicy: Local }\nstatus: { loadBalancer: { ingress: [{ ip: 203.0.113.7 }] } }",
        ),
        ready("web-1"),
        slice("web-1:ready"),
        node("node-1"),
        node("node-2", "spec: { unschedulable: true }"),
        node("node-3", "metadata: { labels: { node.kubernetes.io/exclude-from-external-load-balancers: '' } }"),
      ],
    },
  ],
});
