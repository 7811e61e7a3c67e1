import { networkPolicy } from "../../src/analyzers/network-policy.ts";
import { ago, but, cases, yaml } from "./cases.ts";

const pod = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: api-1, namespace: shop, labels: { app: api } }
  spec: { containers: [{ name: api, image: "api:1", ports: [{ name: http, containerPort: 8080 }] }] }
  status: { phase: Running, podIP: 10.1.0.5 }
`;
const dns = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: coredns-1, namespace: kube-system, labels: { k8s-app: kube-dns } }
  spec:
    containers:
      - name: coredns
        image: registry.k8s.io/coredns/coredns:v1.12.1
        ports: [{ name: dns, containerPort: 53, protocol: UDP }, { name: dns-tcp, containerPort: 53 }]
  status: { phase: Running, podIP: 10.1.0.2 }
`;
const system = yaml`
  apiVersion: v1
  kind: Namespace
  metadata: { name: kube-system, labels: { kubernetes.io/metadata.name: kube-system } }
`;
const shop = yaml`
  apiVersion: v1
  kind: Namespace
  metadata: { name: shop, labels: { kubernetes.io/metadata.name: shop } }
`;
const cluster = [dns, system, shop];
const denyEgress = yaml`
  apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: { name: deny, namespace: shop }
  spec: { podSelector: {}, policyTypes: [Egress] }
`;

function policy(spec: string, name = "api"): ReturnType<typeof but> {
  return but(
    yaml`{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: ${name}, namespace: shop } }`,
    `{ spec: ${spec} }`,
  );
}

/** A policy for egress with this one rule. */
function egress(rule: string, name = "api"): ReturnType<typeof but> {
  return policy(`{ podSelector: { matchLabels: { app: api } }, policyTypes: [Egress], egress: [${rule}] }`, name);
}

const dnsPorts = "ports: [{ protocol: UDP, port: 53 }, { protocol: TCP, port: 53 }]";
const object = "NetworkPolicy/shop/deny";

const ingressClass = yaml`
  apiVersion: networking.k8s.io/v1
  kind: IngressClass
  metadata: { name: nginx }
  spec: { controller: k8s.io/ingress-nginx }
`;
const controller = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: nginx-1, namespace: ingress-nginx, labels: { app: nginx } }
  spec: { containers: [{ name: controller, image: "registry.k8s.io/ingress-nginx/controller:v1.13.2" }] }
  status: { phase: Running, podIP: 10.1.0.9 }
`;
const controllerNamespace = yaml`
  apiVersion: v1
  kind: Namespace
  metadata: { name: ingress-nginx, labels: { kubernetes.io/metadata.name: ingress-nginx } }
`;
const service = yaml`
  apiVersion: v1
  kind: Service
  metadata: { name: api, namespace: shop }
  spec: { selector: { app: api }, ports: [{ port: 80, targetPort: http }] }
`;
const ingress = yaml`
  apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: { name: front, namespace: shop }
  spec:
    ingressClassName: nginx
    rules: [{ host: shop.example, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: api, port: { number: 80 } } } }] } }]
`;
const route = [ingressClass, controller, controllerNamespace, service, ingress, pod, shop];
const denyIngress = policy("{ podSelector: {}, policyTypes: [Ingress] }", "deny");
function letIn(rule: string): ReturnType<typeof but> {
  return policy(`{ podSelector: { matchLabels: { app: api } }, policyTypes: [Ingress], ingress: [${rule}] }`);
}

const flannel = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: kube-flannel-1, namespace: kube-system, labels: { app: flannel } }
  spec: { containers: [{ name: kube-flannel, image: "ghcr.io/flannel-io/flannel:v0.27.0" }] }
`;
const workload = yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: api, namespace: shop }
  spec:
    replicas: 0
    selector: { matchLabels: { app: api } }
    template: { metadata: { labels: { app: api } }, spec: { containers: [{ name: api, image: "api:1" }] } }
`;

export default cases(networkPolicy, {
  fires: [
    {
      name: "egress without port 53",
      given: [...cluster, pod, egress("{ ports: [{ protocol: TCP, port: 443 }] }")],
      expect: [{ rule: "netpol-blocks-dns", object: "NetworkPolicy/shop/api", severity: "warning" }],
    },
    {
      name: "all egress is shut",
      given: [...cluster, pod, denyEgress],
      expect: [{ rule: "netpol-blocks-dns", object, severity: "warning" }],
    },
    {
      name: "all egress is shut, another policy opens only the database: the one that shuts is told",
      given: [...cluster, pod, denyEgress, egress("{ to: [{ podSelector: { matchLabels: { app: db } } }] }")],
      expect: [{ rule: "netpol-blocks-dns", object, severity: "warning" }],
    },
    {
      name: "port 53 without a protocol means TCP only",
      given: [...cluster, pod, egress("{ ports: [{ port: 53 }] }")],
      expect: [
        {
          rule: "netpol-blocks-dns",
          object: "NetworkPolicy/shop/api",
          because: "only TCP is allowed, and lookups use UDP",
        },
      ],
    },
    {
      name: "port 53 to Pods of the own namespace only",
      given: [
        ...cluster,
        pod,
        egress(`{ to: [{ podSelector: { matchLabels: { k8s-app: kube-dns } } }], ${dnsPorts} }`),
      ],
      expect: [{ rule: "netpol-blocks-dns", object: "NetworkPolicy/shop/api" }],
    },
    {
      name: "port 53 to a namespace by a label that it does not have",
      given: [
        ...cluster,
        pod,
        egress(`{ to: [{ namespaceSelector: { matchLabels: { name: kube-system } } }], ${dnsPorts} }`),
      ],
      expect: [{ rule: "netpol-blocks-dns", object: "NetworkPolicy/shop/api" }],
    },
    {
      name: "a block of addresses that leaves the DNS out",
      given: [...cluster, pod, egress(`{ to: [{ ipBlock: { cidr: 0.0.0.0/0, except: [10.0.0.0/8] } }] }`)],
      expect: [{ rule: "netpol-blocks-dns", object: "NetworkPolicy/shop/api" }],
    },
    {
      name: "a Pod says that a name does not resolve",
      given: [...cluster, pod, denyEgress],
      logs: [
        {
          namespace: "shop",
          pod: "api-1",
          container: "api",
          previous: true,
          lines: [
            "starting",
            "dial tcp: lookup db.shop.svc.cluster.local on 10.0.0.10:53: read udp 10.1.0.5:4711->10.0.0.10:53: i/o timeout",
          ],
        },
      ],
      expect: [{ rule: "netpol-blocks-dns", object, severity: "critical" }],
    },
    {
      name: "an event says that a name does not resolve",
      given: [
        ...cluster,
        pod,
        denyEgress,
        yaml`
          apiVersion: v1
          kind: Event
          metadata: { name: api-1.1, namespace: shop }
          type: Warning
          reason: Unhealthy
          message: 'Readiness probe failed: error: lookup db.shop.svc: Temporary failure in name resolution'
          lastTimestamp: "${ago("5m")}"
          involvedObject: { apiVersion: v1, kind: Pod, namespace: shop, name: api-1, uid: Pod/shop/api-1 }
          source: { component: kubelet }
        `,
      ],
      expect: [{ rule: "netpol-blocks-dns", object, severity: "critical" }],
    },
    {
      name: "policies of Cilium may allow it",
      given: [
        ...cluster,
        pod,
        denyEgress,
        yaml`{ apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: { name: dns, namespace: shop } }`,
      ],
      notLive: "the server does not serve the kinds of Cilium",
      expect: [{ rule: "netpol-blocks-dns", object, severity: "info" }],
    },
    {
      name: "policies of Calico could not be read",
      given: [...cluster, pod, denyEgress],
      unread: ["GlobalNetworkPolicy"],
      expect: [{ rule: "netpol-blocks-dns", object, severity: "info" }],
    },
    {
      name: "the Ingress controller is not let in",
      given: [...route, denyIngress],
      expect: [{ rule: "netpol-blocks-backend", object, severity: "warning" }],
    },
    {
      name: "the Ingress controller is let in on another port",
      given: [
        ...route,
        letIn(
          "{ from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ingress-nginx } } }], ports: [{ port: 80 }] }",
        ),
      ],
      expect: [{ rule: "netpol-blocks-backend", object: "NetworkPolicy/shop/api", severity: "warning" }],
    },
    {
      name: "only Pods of the own namespace are let in",
      given: [...route, letIn("{ from: [{ podSelector: {} }] }")],
      expect: [{ rule: "netpol-blocks-backend", object: "NetworkPolicy/shop/api" }],
    },
    {
      name: "the Ingress has the default class",
      given: [
        ...route,
        but(ingressClass, 'metadata: { annotations: { ingressclass.kubernetes.io/is-default-class: "true" } }'),
        but(ingress, "spec: { ingressClassName: null }"),
        denyIngress,
      ].filter((each) => each !== ingressClass && each !== ingress),
      expect: [{ rule: "netpol-blocks-backend", object }],
    },
    {
      name: "the Pods that it means are in another namespace",
      given: [but(pod, "metadata: { namespace: town }"), policy("{ podSelector: { matchLabels: { app: api } } }")],
      expect: [{ rule: "netpol-selects-nothing", object: "NetworkPolicy/shop/api", severity: "info" }],
    },
    {
      name: "expressions that select nothing",
      given: [pod, policy("{ podSelector: { matchExpressions: [{ key: tier, operator: In, values: [backend] }] } }")],
      expect: [{ rule: "netpol-selects-nothing", object: "NetworkPolicy/shop/api" }],
    },
    {
      name: "a port name that no selected Pod declares",
      given: [pod, letIn("{ ports: [{ port: web }] }")],
      expect: [{ rule: "netpol-port-name-unknown", object: "NetworkPolicy/shop/api", severity: "info" }],
    },
    {
      name: "a port name that the Pods declare for another protocol",
      given: [pod, letIn("{ ports: [{ port: http, protocol: UDP }] }")],
      expect: [{ rule: "netpol-port-name-unknown", object: "NetworkPolicy/shop/api" }],
    },
    {
      name: "only flannel is there",
      given: [pod, flannel, policy("{ podSelector: {} }")],
      expect: [{ rule: "netpol-unenforced", object: "NetworkPolicy/shop/api", severity: "info" }],
    },
  ],
  silent: [
    { name: "default-deny for ingress", given: [...cluster, pod, denyIngress] },
    { name: "default-deny in a namespace without Pods", given: [...cluster, denyEgress] },
    {
      name: "default-deny, and DNS is allowed by namespace",
      given: [
        ...cluster,
        pod,
        denyEgress,
        egress(
          `{ to: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } } }], ${dnsPorts} }`,
        ),
      ],
    },
    {
      name: "DNS is allowed by the labels of its Pods in any namespace",
      given: [
        ...cluster,
        pod,
        egress(`{ to: [{ namespaceSelector: {}, podSelector: { matchLabels: { k8s-app: kube-dns } } }], ${dnsPorts} }`),
      ],
    },
    { name: "UDP 53 to anywhere", given: [...cluster, pod, egress("{ ports: [{ protocol: UDP, port: 53 }] }")] },
    { name: "all ports to anywhere", given: [...cluster, pod, egress("{}")] },
    {
      name: "a range of ports that holds 53",
      given: [...cluster, pod, egress("{ ports: [{ protocol: UDP, port: 1, endPort: 1024 }] }")],
    },
    {
      name: "a port by the name that the DNS Pods give it",
      given: [...cluster, pod, egress("{ ports: [{ protocol: UDP, port: dns }] }")],
    },
    {
      name: "a block that covers the DNS Pods",
      given: [...cluster, pod, egress("{ to: [{ ipBlock: { cidr: 10.1.0.0/16 } }] }")],
    },
    {
      name: "a block, and the address of the DNS Pods is not known",
      given: [
        but(dns, "status: { podIP: null }"),
        system,
        shop,
        pod,
        egress("{ to: [{ ipBlock: { cidr: 10.9.0.0/16 } }] }"),
      ],
    },
    {
      name: "a block that covers the Service of the DNS",
      given: [
        ...cluster,
        pod,
        yaml`{ apiVersion: v1, kind: Service, metadata: { name: kube-dns, namespace: kube-system }, spec: { clusterIP: 10.96.0.10, selector: { k8s-app: kube-dns }, ports: [{ name: dns, port: 53, protocol: UDP }] } }`,
        egress("{ to: [{ ipBlock: { cidr: 10.96.0.0/12 } }] }"),
      ],
      notLive: "the address must be one of the server's own range",
    },
    {
      name: "a Pod on the host's network",
      given: [
        ...cluster,
        but(pod, "spec: { hostNetwork: true, containers: [{ name: api, image: api:1 }] }"),
        denyEgress,
      ],
    },
    {
      name: "a Pod with a DNS of its own",
      given: [...cluster, but(pod, "spec: { dnsPolicy: None, dnsConfig: { nameservers: [1.1.1.1] } }"), denyEgress],
    },
    {
      name: "a Pod that needs no names",
      given: [...cluster, but(pod, "metadata: { annotations: { k8sgpt.ai/ignore: netpol-blocks-dns } }"), denyEgress],
    },
    { name: "a Pod that has ended", given: [...cluster, but(pod, "status: { phase: Succeeded }"), denyEgress] },
    {
      name: "a DNS cache on every node",
      given: [
        ...cluster,
        but(dns, "metadata: { name: node-local-dns-1, labels: { k8s-app: node-local-dns } }"),
        pod,
        denyEgress,
      ],
    },
    {
      name: "another DNS, which is not known",
      given: [but(dns, "metadata: { labels: { k8s-app: my-dns } }"), system, shop, pod, denyEgress],
    },
    {
      name: "a policy of 30 seconds",
      given: [...cluster, pod, but(denyEgress, `metadata: { creationTimestamp: "${ago("30s")}" }`)],
    },
    {
      name: "labels of namespaces could not be read",
      given: [...cluster, pod, egress("{ to: [{ namespaceSelector: { matchLabels: { purpose: system } } }] }")],
      unread: ["Namespace"],
    },
    {
      name: "the Ingress controller is let in",
      given: [
        ...route,
        denyIngress,
        letIn(
          "{ from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ingress-nginx } } }], ports: [{ port: http }] }",
        ),
      ],
    },
    { name: "no policy on the Pods behind the Ingress", given: route },
    {
      name: "the Ingress controller is on the host's network",
      given: [
        ...route.filter((each) => each !== controller),
        but(controller, "spec: { hostNetwork: true }"),
        denyIngress,
      ],
    },
    {
      name: "the Ingress controller is not in the cluster",
      given: [...route.filter((each) => each !== controller), denyIngress],
    },
    {
      name: "the controller makes load balancers: traffic does not come from its Pods",
      given: [
        ...route.filter((each) => each !== controller && each !== ingressClass),
        but(ingressClass, "spec: { controller: ingress.k8s.aws/alb }"),
        but(
          controller,
          '{ spec: { containers: [{ name: controller, image: "public.ecr.aws/eks/aws-load-balancer-controller:v2.13.0" }] } }',
        ),
        denyIngress,
      ],
    },
    {
      name: "the port name of the Service is not declared",
      given: [
        ...route.filter((each) => each !== service),
        but(service, "spec: { ports: [{ port: 80, targetPort: web }] }"),
        denyIngress,
      ],
    },
    {
      name: "the selected workload is at zero",
      given: [workload, policy("{ podSelector: { matchLabels: { app: api } } }")],
    },
    {
      name: "expressions that select a Pod",
      given: [pod, policy("{ podSelector: { matchExpressions: [{ key: app, operator: Exists }] } }")],
    },
    {
      name: "Pods of the namespace could not be read",
      given: [policy("{ podSelector: { matchLabels: { app: api } } }")],
      unread: ["Pod"],
    },
    {
      name: "a policy being deleted",
      given: [
        but(
          policy("{ podSelector: { matchLabels: { app: api } } }"),
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/keep] }`,
        ),
      ],
    },
    {
      name: "a port name that one of the Pods declares",
      given: [
        pod,
        but(pod, '{ metadata: { name: api-2 }, spec: { containers: [{ name: api, image: "api:2" }] } }'),
        letIn("{ ports: [{ port: http }] }"),
      ],
    },
    {
      name: "flannel and Calico together",
      given: [
        pod,
        flannel,
        but(
          flannel,
          '{ metadata: { name: calico-node-1 }, spec: { containers: [{ name: calico-node, image: "quay.io/calico/node:v3.30.0" }] } }',
        ),
        policy("{ podSelector: {} }"),
      ],
    },
    {
      name: "flannel, and k3s enforces",
      given: [
        pod,
        flannel,
        yaml`{ apiVersion: v1, kind: Node, metadata: { name: node-a }, status: { nodeInfo: { kubeletVersion: v1.34.1+k3s1 } } }`,
        policy("{ podSelector: {} }"),
      ],
      notLive: "a server wants the whole of nodeInfo",
    },
  ],
});
