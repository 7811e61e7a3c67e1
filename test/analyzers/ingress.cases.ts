import { ingress } from "../../src/analyzers/ingress.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";
import { certificates, tlsSecret } from "./certificates.ts";

const front = yaml`
  apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: { name: front, namespace: shop }
  spec:
    ingressClassName: nginx
    rules:
      - host: shop.example.com
        http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] }
  status: { loadBalancer: { ingress: [{ ip: 203.0.113.7 }] } }
`;
const nginx = yaml`
  apiVersion: networking.k8s.io/v1
  kind: IngressClass
  metadata: { name: nginx }
  spec: { controller: k8s.io/ingress-nginx }
`;
const web = yaml`
  apiVersion: v1
  kind: Service
  metadata: { name: web, namespace: shop }
  spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
`;
const slice = yaml`
  apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
  addressType: IPv4
  ports: [{ name: http, port: 80, protocol: TCP }]
  endpoints: [{ addresses: [10.0.0.1], conditions: { ready: true } }]
`;
const podOf = (name: string, labels: string, image: string, isReady: boolean): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: ${name}, namespace: shop, labels: { ${labels} } }
  spec: { containers: [{ name: app, image: "${image}" }] }
  status: { phase: Running, conditions: [{ type: Ready, status: "${isReady ? "True" : "False"}", lastTransitionTime: "${ago("20m")}" }] }
`;
const controller = podOf(
  "ingress-nginx-controller-1",
  "app: ingress-nginx",
  "registry.k8s.io/ingress-nginx/controller:v1.12.1",
  true,
);
const town: readonly (readonly Manifest[])[] = [nginx, web, slice, controller];
const noAddress = "status: { loadBalancer: { ingress: [] } }";
const withTls = "spec: { tls: [{ hosts: [shop.example.com], secretName: shop-tls }] }";
const defaultClass = but(nginx, 'metadata: { annotations: { ingressclass.kubernetes.io/is-default-class: "true" } }');
const second = but(front, `metadata: { name: second, creationTimestamp: "${ago("30m")}" }`);
const object = "Ingress/shop/front";

export default cases(ingress, {
  fires: [
    {
      name: "the Service does not exist",
      given: [front, nginx],
      expect: [{ rule: "ingress-backend-missing", object, cause: "Service/shop/web" }],
    },
    {
      name: "ten paths to one missing Service are one finding",
      given: [
        nginx,
        but(
          front,
          `spec: { rules: [{ host: shop.example.com, http: { paths: [${Array.from(
            { length: 10 },
            (_, index) =>
              `{ path: /p${index}, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }`,
          ).join(", ")}] } }] }`,
        ),
      ],
      expect: [{ rule: "ingress-backend-missing", object, cause: "Service/shop/web" }],
    },
    {
      name: "the Service of the default backend does not exist",
      given: [...town, but(front, "spec: { defaultBackend: { service: { name: fallback, port: { number: 80 } } } }")],
      expect: [{ rule: "ingress-backend-missing", object, cause: "Service/shop/fallback" }],
    },
    {
      name: "the Service is in another namespace",
      given: [front, nginx, but(web, "metadata: { namespace: blog }")],
      expect: [{ rule: "ingress-backend-missing", object }],
    },
    {
      name: "the Service has no such port number",
      given: [nginx, slice, but(web, "spec: { ports: [{ name: http, port: 8080 }] }"), front],
      expect: [{ rule: "ingress-backend-port-missing", object }],
    },
    {
      name: "the Service has no port of that name",
      given: [
        ...town,
        but(
          front,
          "spec: { rules: [{ http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { name: https } } } }] } }] }",
        ),
      ],
      expect: [{ rule: "ingress-backend-port-missing", object }],
    },
    {
      name: "no Pod behind the Service is ready",
      given: [nginx, web, podOf("web-1", "app: web", "nginx", false), front],
      expect: [{ rule: "ingress-backend-no-endpoints", object, severity: "critical", cause: "Service/shop/web" }],
    },
    {
      name: "the selector of the Service matches nothing",
      given: [nginx, web, front],
      expect: [{ rule: "ingress-backend-no-endpoints", object, severity: "critical" }],
    },
    {
      name: "the workload behind the Service is at zero",
      given: [
        nginx,
        web,
        front,
        yaml`
          apiVersion: apps/v1
          kind: Deployment
          metadata: { name: web, namespace: shop }
          spec:
            replicas: 0
            selector: { matchLabels: { app: web } }
            template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: app, image: nginx }] } }
        `,
      ],
      expect: [{ rule: "ingress-backend-no-endpoints", object, severity: "info" }],
    },
    {
      name: "the class does not exist",
      given: [...town, but(front, `spec: { ingressClassName: ngnix }\n${noAddress}`)],
      expect: [{ rule: "ingress-class-missing", object, severity: "critical", cause: "IngressClass/ngnix" }],
    },
    {
      name: "the class went after a controller had served it",
      given: [...town, but(front, "spec: { ingressClassName: old }")],
      expect: [{ rule: "ingress-class-missing", object, severity: "warning" }],
    },
    {
      name: "the annotation names a class that nobody serves",
      given: [
        ...town,
        but(
          front,
          `metadata: { annotations: { kubernetes.io/ingress.class: old } }\nspec: { ingressClassName: null }\n${noAddress}`,
        ),
      ],
      expect: [{ rule: "ingress-class-missing", object, severity: "warning" }],
    },
    {
      name: "no class, and none is the default",
      given: [...town, but(front, `spec: { ingressClassName: null }\n${noAddress}`)],
      expect: [{ rule: "ingress-class-none", object, severity: "warning" }],
    },
    {
      name: "two default classes",
      given: [
        web,
        slice,
        defaultClass,
        but(defaultClass, `metadata: { name: other, creationTimestamp: "${ago("2m")}" }`),
        front,
      ],
      expect: [{ rule: "ingress-class-default-duplicate", object: "IngressClass/other", severity: "warning" }],
    },
    {
      name: "the controller is not there: one finding for two Ingresses",
      given: [
        nginx,
        web,
        slice,
        but(front, noAddress),
        but(
          second,
          `spec: { rules: [{ host: blog.example.com, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }] }\n${noAddress}`,
        ),
      ],
      expect: [
        {
          rule: "ingress-controller-absent",
          object: "IngressClass/nginx",
          severity: "critical",
          because: "it has no Pods",
        },
      ],
    },
    {
      name: "no Pod of the controller is ready",
      given: [
        nginx,
        web,
        slice,
        but(front, noAddress),
        podOf(
          "ingress-nginx-controller-1",
          "app: ingress-nginx",
          "registry.k8s.io/ingress-nginx/controller:v1.12.1",
          false,
        ),
      ],
      expect: [
        { rule: "ingress-controller-absent", object: "IngressClass/nginx", because: "none of its Pods is ready" },
      ],
    },
    {
      name: "no address, while another Ingress of the class has one",
      given: [
        ...town,
        front,
        but(
          second,
          `spec: { rules: [{ host: blog.example.com, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }] }\n${noAddress}`,
        ),
      ],
      expect: [{ rule: "ingress-no-address", object: "Ingress/shop/second", severity: "warning" }],
    },
    {
      name: "two Ingresses claim a route for different backends",
      given: [
        ...town,
        front,
        but(web, "metadata: { name: web2 }"),
        but(slice, "metadata: { name: web2-1, labels: { kubernetes.io/service-name: web2 } }"),
        but(
          second,
          "spec: { rules: [{ host: shop.example.com, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web2, port: { number: 80 } } } }] } }] }",
        ),
      ],
      expect: [
        {
          rule: "ingress-duplicate-route",
          object: "Ingress/shop/second",
          severity: "critical",
          because: "their backends differ",
        },
      ],
    },
    {
      name: "two Ingresses claim a route for the same backend",
      given: [...town, front, second],
      expect: [{ rule: "ingress-duplicate-route", object: "Ingress/shop/second", severity: "warning" }],
    },
    {
      name: "the TLS Secret does not exist; the controller has a certificate of its own",
      given: [...town, but(front, withTls)],
      expect: [{ rule: "ingress-tls-secret-missing", object, severity: "warning", cause: "Secret/shop/shop-tls" }],
    },
    {
      name: "the TLS Secret does not exist, and the controller has none of its own",
      given: [
        web,
        slice,
        but(
          front,
          `metadata: { annotations: { kubernetes.io/ingress.class: gce } }\nspec: { ingressClassName: null, tls: [{ secretName: shop-tls }] }`,
        ),
      ],
      expect: [{ rule: "ingress-tls-secret-missing", object, severity: "critical" }],
    },
    {
      name: "the issuer has not made the Secret in an hour",
      given: [
        ...town,
        but(front, `metadata: { annotations: { cert-manager.io/cluster-issuer: letsencrypt } }\n${withTls}`),
      ],
      expect: [{ rule: "ingress-tls-secret-missing", object, because: "its issuer has not made it" }],
    },
    {
      name: "the TLS Secret has no certificate",
      given: [...town, but(front, withTls), tlsSecret("shop-tls", "")],
      expect: [
        {
          rule: "ingress-tls-secret-invalid",
          object,
          severity: "critical",
          because: "its entry tls.crt is empty",
          cause: "Secret/shop/shop-tls",
        },
      ],
    },
    {
      name: "the TLS Secret has no key",
      given: [...town, but(front, withTls), tlsSecret("shop-tls", certificates.valid, "")],
      expect: [{ rule: "ingress-tls-secret-invalid", object, because: "its entry tls.key is empty" }],
    },
    {
      name: "what the TLS Secret holds is no certificate",
      given: [...town, but(front, withTls), tlsSecret("shop-tls", "bm90IGEgY2VydGlmaWNhdGU=")],
      expect: [{ rule: "ingress-tls-secret-invalid", object, because: "it holds no certificate" }],
    },
    {
      name: "the certificate is for another host; a wildcard stands for one label only",
      given: [
        ...town,
        but(
          front,
          "spec: { tls: [{ hosts: [shop.example.com, www.eu.shop.example.com, other.example.com], secretName: shop-tls }] }",
        ),
        tlsSecret("shop-tls", certificates.valid),
      ],
      expect: [{ rule: "tls-hostname-mismatch", object, severity: "warning", cause: "Secret/shop/shop-tls" }],
    },
    {
      name: "an entry without hosts is for the hosts of the rules",
      given: [
        ...town,
        but(
          front,
          `
          spec:
            rules:
              - host: cart.example.com
                http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] }
            tls: [{ secretName: shop-tls }]
          `,
        ),
        tlsSecret("shop-tls", certificates.valid),
      ],
      expect: [{ rule: "tls-hostname-mismatch", object }],
    },
  ],
  silent: [
    { name: "all is there", given: [...town, front] },
    {
      name: "the certificate is for the host",
      given: [...town, but(front, withTls), tlsSecret("shop-tls", certificates.valid)],
    },
    {
      name: "a host below the wildcard, and the wildcard itself",
      given: [
        ...town,
        but(front, 'spec: { tls: [{ hosts: [www.shop.example.com, "*.shop.example.com"], secretName: shop-tls }] }'),
        tlsSecret("shop-tls", certificates.valid),
      ],
    },
    {
      name: "another certificate of the Ingress is for the host",
      given: [
        ...town,
        but(
          front,
          "spec: { tls: [{ hosts: [www.shop.example.com], secretName: one }, { hosts: [shop.example.com], secretName: two }] }",
        ),
        tlsSecret("one", certificates.expiring),
        tlsSecret("two", certificates.valid),
      ],
    },
    {
      name: "a Secret of another type is not read",
      given: [
        ...town,
        but(front, withTls),
        yaml`{ apiVersion: v1, kind: Secret, metadata: { name: shop-tls, namespace: shop }, type: Opaque, data: { tls.crt: "" } }`,
      ],
    },
    {
      name: "TLS is passed through to the Pods",
      given: [
        ...town,
        but(
          front,
          `
          metadata: { annotations: { nginx.ingress.kubernetes.io/ssl-passthrough: "true" } }
          spec: { tls: [{ hosts: [cart.example.com], secretName: shop-tls }] }
          `,
        ),
        tlsSecret("shop-tls", certificates.valid),
      ],
    },
    { name: "created seconds ago", given: [but(front, `metadata: { creationTimestamp: "${ago("20s")}" }`), nginx] },
    {
      name: "being deleted",
      given: [
        but(front, `metadata: { deletionTimestamp: "${ago("5s")}", finalizers: [group.ingress.k8s.aws/resources] }`),
        nginx,
      ],
    },
    { name: "Services could not be read", given: [front, nginx], unread: ["Service"] },
    { name: "IngressClasses could not be read", given: [web, slice, but(front, noAddress)], unread: ["IngressClass"] },
    { name: "Secrets could not be read", given: [...town, but(front, withTls)], unread: ["Secret"] },
    { name: "slices could not be read", given: [nginx, web, controller, front], unread: ["EndpointSlice"] },
    {
      name: "a resource backend",
      given: [
        nginx,
        controller,
        but(
          front,
          "spec: { rules: [{ http: { paths: [{ path: /, pathType: Prefix, backend: { resource: { apiGroup: k8s.example.com, kind: Bucket, name: static } } }] } }] }",
        ),
      ],
    },
    {
      name: "a backend that is an action of the controller",
      given: [
        nginx,
        controller,
        but(
          front,
          `
            metadata: { annotations: { alb.ingress.kubernetes.io/actions.redirect: "{}" } }
            spec: { rules: [{ http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: redirect, port: { name: use-annotation } } } }] } }] }
          `,
        ),
      ],
    },
    {
      name: "an ExternalName Service without ports",
      given: [
        nginx,
        controller,
        front,
        yaml`
          apiVersion: v1
          kind: Service
          metadata: { name: web, namespace: shop }
          spec: { type: ExternalName, externalName: web.example.com }
        `,
      ],
    },
    {
      name: "no class, and one is the default",
      given: [defaultClass, web, slice, controller, but(front, "spec: { ingressClassName: null }")],
    },
    {
      name: "a class that the provider serves without an object",
      given: [web, slice, but(front, "spec: { ingressClassName: gce }")],
    },
    {
      name: "an annotation that a controller is told to serve",
      given: [
        web,
        slice,
        but(
          front,
          `metadata: { annotations: { kubernetes.io/ingress.class: internal } }\nspec: { ingressClassName: null }\n${noAddress}`,
        ),
        but(controller, "spec: { containers: [{ name: app, image: nginx, args: [--ingress-class=internal] }] }"),
      ],
    },
    {
      name: "a class whose controller publishes no addresses",
      given: [...town, but(front, noAddress)],
    },
    {
      name: "a controller that runs outside the cluster",
      given: [web, slice, but(front, noAddress), but(nginx, "spec: { controller: example.com/edge }")],
    },
    {
      name: "waiting for its address for five minutes",
      given: [
        ...town,
        but(front, `metadata: { creationTimestamp: "${ago("5m")}" }\n${noAddress}`),
        but(
          front,
          "metadata: { name: done, namespace: blog }\nspec: { rules: null, defaultBackend: { resource: { apiGroup: a.example.com, kind: Bucket, name: b } } }",
        ),
      ],
    },
    {
      name: "Pods of all namespaces could not be read: the controller may be there",
      given: [nginx, web, slice, but(front, noAddress)],
      unread: ["Pod"],
    },
    {
      name: "a canary of the same route",
      given: [...town, front, but(second, 'metadata: { annotations: { nginx.ingress.kubernetes.io/canary: "true" } }')],
    },
    {
      name: "a group that the controller merges",
      given: [
        ...town,
        but(front, "metadata: { annotations: { alb.ingress.kubernetes.io/group.name: shop } }"),
        but(second, "metadata: { annotations: { alb.ingress.kubernetes.io/group.name: shop } }"),
      ],
    },
    {
      name: "an ACME solver",
      given: [...town, front, but(second, 'metadata: { labels: { acme.cert-manager.io/http01-solver: "true" } }')],
    },
    {
      name: "the same route in two classes",
      given: [
        ...town,
        front,
        but(nginx, "metadata: { name: inside }"),
        but(second, "spec: { ingressClassName: inside }"),
      ],
    },
    {
      name: "a load balancer per Ingress",
      given: [web, slice, but(nginx, "spec: { controller: ingress.k8s.aws/alb }"), front, second],
    },
    {
      name: "a TLS entry without a Secret",
      given: [...town, but(front, "spec: { tls: [{ hosts: [shop.example.com] }] }")],
    },
    {
      name: "the TLS Secret exists",
      given: [
        ...town,
        but(front, withTls),
        yaml`
          apiVersion: v1
          kind: Secret
          metadata: { name: shop-tls, namespace: shop }
          type: Opaque
        `,
      ],
    },
    {
      name: "a Secret that is still being issued",
      given: [
        ...town,
        but(
          front,
          `metadata: { creationTimestamp: "${ago("4m")}", annotations: { cert-manager.io/cluster-issuer: letsencrypt } }\n${withTls}`,
        ),
      ],
    },
    {
      name: "a controller that takes certificates from elsewhere",
      given: [web, slice, but(nginx, "spec: { controller: ingress.k8s.aws/alb }"), but(front, withTls)],
    },
  ],
});
