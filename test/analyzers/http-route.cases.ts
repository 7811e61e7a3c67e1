import { httpRoute } from "../../src/analyzers/http-route.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

function condition(type: string, status: string, reason: string, since = "50m", generation = 1): string {
  return `{ type: ${type}, status: "${status}", reason: ${reason}, message: "", lastTransitionTime: "${ago(since)}", observedGeneration: ${generation} }`;
}

const accepted = condition("Accepted", "True", "Accepted");
const resolved = condition("ResolvedRefs", "True", "ResolvedRefs");
const waiting = `{ type: Accepted, status: Unknown, reason: Pending, message: Waiting for controller, lastTransitionTime: "1970-01-01T00:00:00Z" }`;

/** What one parent says: `parent("edge", accepted, resolved)`; the name may bring a section along: `edge, sectionName: http`. */
function parent(name: string, ...conditions: readonly string[]): string {
  return `{ controllerName: example.com/gateway-controller, parentRef: { name: ${name} }, conditions: [${conditions.join(", ")}] }`;
}

const web = yaml`
  apiVersion: gateway.networking.k8s.io/v1
  kind: HTTPRoute
  metadata: { name: web, namespace: shop, generation: 1 }
  spec:
    parentRefs: [{ name: edge }]
    hostnames: [shop.example.com]
    rules: [{ backendRefs: [{ name: web, port: 80 }] }]
  status: { parents: [${parent("edge", accepted, resolved)}] }
`;

/** Route `web` as these parents see it. */
function seenBy(...parents: readonly string[]): Manifest {
  return but(web, parents.length === 0 ? "status: null" : `status: { parents: [${parents.join(", ")}] }`);
}

/** Route `web` with these backends, and no word from a controller. */
function to(...backends: readonly string[]): Manifest {
  return but(
    web,
    `spec: { rules: [{ backendRefs: [${backends.join(", ")}] }] }\nstatus: null\nmetadata: { creationTimestamp: "${ago("4m")}" }`,
  );
}

const edge = yaml`
  apiVersion: gateway.networking.k8s.io/v1
  kind: Gateway
  metadata: { name: edge, namespace: shop }
  spec: { gatewayClassName: edge, listeners: [{ name: http, port: 80, protocol: HTTP, hostname: "*.example.com" }] }
  status: { conditions: [${accepted}] }
`;
const edgeClass = yaml`
  apiVersion: gateway.networking.k8s.io/v1
  kind: GatewayClass
  metadata: { name: edge }
  spec: { controllerName: example.com/gateway-controller }
  status: { conditions: [${accepted}] }
`;
/** A Gateway of another namespace that takes routes from namespaces with a label. */
const picky = but(
  edge,
  `
    metadata: { namespace: infra }
    spec: { listeners: [{ name: http, port: 80, protocol: HTTP, allowedRoutes: { namespaces: { from: Selector, selector: { matchLabels: { edge: "true" } } } } }] }
  `,
);
const shop = yaml`
  { apiVersion: v1, kind: Namespace, metadata: { name: shop, labels: { edge: "false" } } }
`;
const gateway: readonly (readonly Manifest[])[] = [edge, edgeClass];

/** Service `name` with port 80 and one endpoint that takes traffic. */
function served(name: string, namespace = "shop"): readonly Manifest[] {
  return yaml`
    apiVersion: v1
    kind: Service
    metadata: { name: ${name}, namespace: ${namespace} }
    spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }
    ---
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata: { name: ${name}-x7k2p, namespace: ${namespace}, labels: { kubernetes.io/service-name: ${name} } }
    addressType: IPv4
    ports: [{ name: http, port: 80, protocol: TCP }]
    endpoints: [{ addresses: [10.0.0.1], conditions: { ready: true } }]
  `;
}

/** Service `name` whose selector nothing carries. */
function unserved(name: string): readonly Manifest[] {
  return yaml`
    apiVersion: v1
    kind: Service
    metadata: { name: ${name}, namespace: shop }
    spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }
  `;
}

const grant = yaml`
  apiVersion: gateway.networking.k8s.io/v1beta1
  kind: ReferenceGrant
  metadata: { name: for-shop, namespace: data }
  spec: { from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop }], to: [{ group: "", kind: Service }] }
`;

const grpc = yaml`
  apiVersion: gateway.networking.k8s.io/v1
  kind: GRPCRoute
  metadata: { name: cart, namespace: shop, generation: 1 }
  spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [{ name: cart, port: 80 }] }] }
  status: { parents: [${parent("edge", accepted, resolved)}] }
`;
const tls = yaml`
  apiVersion: gateway.networking.k8s.io/v1
  kind: TLSRoute
  metadata: { name: mail, namespace: shop, generation: 1 }
  spec: { parentRefs: [{ name: edge }], hostnames: [mail.example.com], rules: [{ backendRefs: [{ name: mail, port: 80 }] }] }
  status: { parents: [${parent("edge", accepted, resolved)}] }
`;

const notAllowed = condition("Accepted", "False", "NotAllowedByListeners", "10m");
const notFound = condition("ResolvedRefs", "False", "BackendNotFound", "10m");
const unattached = { rule: "route-not-attached", object: "HTTPRoute/shop/web" } as const;
const unresolved = { rule: "route-backend-unresolved", object: "HTTPRoute/shop/web" } as const;
const unpermitted = { rule: "route-ref-not-permitted", object: "HTTPRoute/shop/web" } as const;
const empty = { rule: "route-backend-no-endpoints", object: "HTTPRoute/shop/web" } as const;

export default cases(httpRoute, {
  fires: [
    {
      name: "its Gateway does not exist",
      given: [but(web, "spec: { parentRefs: [{ name: egde }] }\nstatus: null"), ...gateway, served("web")],
      expect: [
        { ...unattached, severity: "critical", because: "the Gateway does not exist", cause: "Gateway/shop/egde" },
      ],
    },
    {
      name: "its Gateway is in another namespace than it says",
      given: [
        but(web, "spec: { parentRefs: [{ name: edge, namespace: infra }] }\nstatus: null"),
        ...gateway,
        served("web"),
      ],
      expect: [{ ...unattached, cause: "Gateway/infra/edge" }],
    },
    {
      name: "the listeners do not allow its namespace",
      given: [seenBy(parent("edge", notAllowed, resolved)), ...gateway, served("web")],
      expect: [{ ...unattached, severity: "critical", because: "the listeners do not allow it" }],
    },
    {
      name: "the hostname matches no listener",
      given: [
        seenBy(parent("edge", condition("Accepted", "False", "NoMatchingListenerHostname", "10m"))),
        ...gateway,
        served("web"),
      ],
      expect: [{ ...unattached, because: "no listener has a hostname that matches" }],
    },
    {
      name: "the section that it names does not exist",
      given: [
        but(
          seenBy(parent("edge, sectionName: https", condition("Accepted", "False", "NoMatchingParent", "10m"))),
          "spec: { parentRefs: [{ name: edge, sectionName: https }] }",
        ),
        ...gateway,
        served("web"),
      ],
      expect: [{ ...unattached, because: "its parent has no such listener or port" }],
    },
    {
      name: "a reason that is not known",
      given: [
        seenBy(parent("edge", condition("Accepted", "False", "TooManyRoutes", "10m"))),
        ...gateway,
        served("web"),
      ],
      expect: [{ ...unattached, because: "its controller refuses it" }],
    },
    {
      name: "one parent refuses it, another accepts it",
      given: [
        but(
          seenBy(parent("edge", notAllowed, resolved), parent("inner", accepted, resolved)),
          "spec: { parentRefs: [{ name: edge }, { name: inner }] }",
        ),
        ...gateway,
        but(edge, "metadata: { name: inner }"),
        served("web"),
      ],
      expect: [{ ...unattached, severity: "warning" }],
    },
    {
      name: "no controller has written a status for it",
      given: [seenBy(), ...gateway, served("web")],
      expect: [{ ...unattached, severity: "critical", because: "no controller has looked at it" }],
    },
    {
      name: "no status, and the listeners allow only their own namespace",
      given: [
        but(web, "spec: { parentRefs: [{ name: edge, namespace: infra }] }\nstatus: null"),
        but(edge, "metadata: { namespace: infra }"),
        edgeClass,
        served("web"),
      ],
      expect: [{ ...unattached, because: "the listeners do not allow it" }],
    },
    {
      name: "no status, and the labels of its namespace do not fit the listener's selector",
      given: [
        but(web, "spec: { parentRefs: [{ name: edge, namespace: infra }] }\nstatus: null"),
        picky,
        edgeClass,
        shop,
        served("web"),
      ],
      expect: [{ ...unattached, because: "the listeners do not allow it" }],
    },
    {
      name: "no status, although the labels of its namespace fit the listener's selector",
      given: [
        but(web, "spec: { parentRefs: [{ name: edge, namespace: infra }] }\nstatus: null"),
        picky,
        edgeClass,
        but(shop, `metadata: { labels: { edge: "true" } }`),
        served("web"),
      ],
      expect: [{ ...unattached, because: "no controller has looked at it" }],
    },
    {
      name: "no status, because nobody looks at its Gateway",
      given: [seenBy(), but(edge, `status: { conditions: [${waiting}] }`), edgeClass, served("web")],
      expect: [{ ...unattached, because: "its Gateway is not served", cause: "Gateway/shop/edge" }],
    },
    {
      name: "no status, because nobody serves the class of its Gateway",
      given: [
        seenBy(),
        but(edge, `status: { conditions: [${waiting}] }`),
        but(edgeClass, `status: { conditions: [${waiting}] }`),
        served("web"),
      ],
      expect: [{ ...unattached, because: "its Gateway is not served", cause: "GatewayClass/edge" }],
    },
    {
      name: "a listener without allowedRoutes, as older servers stored it",
      given: [
        but(web, "spec: { parentRefs: [{ name: edge, namespace: infra, port: 80 }] }\nstatus: { parents: [] }"),
        but(
          edge,
          "metadata: { namespace: infra }\nspec: { listeners: [{ name: http, port: 80, protocol: HTTP, allowedRoutes: {} }] }",
        ),
        edgeClass,
        served("web"),
      ],
      expect: [unattached],
    },
    {
      name: "its Service does not exist",
      given: [seenBy(parent("edge", accepted, notFound)), ...gateway, served("webb")],
      expect: [
        { ...unresolved, severity: "critical", because: "the Service does not exist", cause: "Service/shop/web" },
      ],
    },
    {
      name: "its Service does not exist, and nobody has written a status",
      given: [to("{ name: web, port: 80 }"), ...gateway],
      expect: [{ ...unresolved, cause: "Service/shop/web" }],
    },
    {
      name: "its Service does not exist, and gets no traffic: weight 0",
      given: [to("{ name: web, port: 80 }", "{ name: old, port: 80, weight: 0 }"), ...gateway, served("web")],
      expect: [{ ...unresolved, severity: "warning", cause: "Service/shop/old" }],
    },
    {
      name: "the Service that it mirrors to does not exist",
      given: [
        but(
          to("{ name: web, port: 80 }"),
          "spec: { rules: [{ filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: shadow, port: 80 } } }], backendRefs: [{ name: web, port: 80 }] }] }",
        ),
        ...gateway,
        served("web"),
      ],
      expect: [{ ...unresolved, severity: "warning", cause: "Service/shop/shadow" }],
    },
    {
      name: "the Service has no such port",
      given: [to("{ name: web, port: 8080 }"), ...gateway, served("web")],
      expect: [{ ...unresolved, severity: "critical", because: "the Service has no such port" }],
    },
    {
      name: "the status says that a backend does not exist, and Services could not be read",
      given: [seenBy(parent("edge", accepted, notFound)), ...gateway],
      unread: ["Service"],
      expect: [{ ...unresolved, because: "a backend does not exist" }],
    },
    {
      name: "the status complains of a backend of another kind",
      given: [
        but(
          seenBy(parent("edge", accepted, condition("ResolvedRefs", "False", "InvalidKind", "10m"))),
          "spec: { rules: [{ backendRefs: [{ group: example.com, kind: Bucket, name: images }] }] }",
        ),
        ...gateway,
      ],
      expect: [{ ...unresolved, because: "a backend is of a kind that is not supported" }],
    },
    {
      name: "a Service of another namespace without a ReferenceGrant",
      given: [to("{ name: api, namespace: data, port: 80 }"), ...gateway, served("api", "data")],
      expect: [{ ...unpermitted, severity: "critical" }],
    },
    {
      name: "a Service of another namespace, and the grant is for another Service",
      given: [
        to("{ name: api, namespace: data, port: 80 }"),
        but(grant, `spec: { to: [{ group: "", kind: Service, name: other }] }`),
        ...gateway,
        served("api", "data"),
      ],
      expect: [unpermitted],
    },
    {
      name: "not permitted says the status, and ReferenceGrants could not be read",
      given: [
        but(
          seenBy(parent("edge", accepted, condition("ResolvedRefs", "False", "RefNotPermitted", "10m"))),
          "spec: { rules: [{ backendRefs: [{ name: api, namespace: data, port: 80 }] }] }",
        ),
        ...gateway,
        served("api", "data"),
      ],
      unread: ["ReferenceGrant"],
      expect: [unpermitted],
    },
    {
      name: "nothing takes traffic behind its Service",
      given: [web, ...gateway, unserved("web")],
      expect: [{ ...empty, severity: "critical", cause: "Service/shop/web" }],
    },
    {
      name: "nothing takes traffic behind one of its two Services",
      given: [
        to("{ name: web, port: 80 }", "{ name: canary, port: 80, weight: 1 }"),
        ...gateway,
        served("web"),
        unserved("canary"),
      ],
      expect: [{ ...empty, severity: "warning", cause: "Service/shop/canary" }],
    },
    {
      name: "nothing takes traffic behind either of its Services",
      given: [
        to("{ name: web, port: 80 }", "{ name: canary, port: 80 }"),
        ...gateway,
        unserved("web"),
        unserved("canary"),
      ],
      expect: [
        { ...empty, severity: "critical", cause: "Service/shop/web" },
        { ...empty, severity: "critical", cause: "Service/shop/canary" },
      ],
    },
    {
      name: "nothing takes traffic behind its Service, but a backend of another kind has a share",
      given: [
        to("{ name: web, port: 80 }", "{ group: example.com, kind: Bucket, name: images }"),
        ...gateway,
        unserved("web"),
      ],
      expect: [{ ...empty, severity: "warning" }],
    },
    {
      name: "the workload behind its Service is scaled to zero",
      given: [
        web,
        ...gateway,
        unserved("web"),
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
      expect: [{ ...empty, severity: "info", because: "its workload is meant to have no Pods now" }],
    },
    {
      name: "a GRPCRoute that is refused",
      given: [but(grpc, `status: { parents: [${parent("edge", notAllowed)}] }`), ...gateway, served("cart")],
      expect: [{ rule: "route-not-attached", object: "GRPCRoute/shop/cart", severity: "critical" }],
    },
    {
      name: "a GRPCRoute whose Service does not exist",
      given: [grpc, ...gateway],
      expect: [{ rule: "route-backend-unresolved", object: "GRPCRoute/shop/cart", cause: "Service/shop/cart" }],
    },
    {
      name: "a TLSRoute that is refused",
      given: [but(tls, `status: { parents: [${parent("edge", notAllowed)}] }`), ...gateway, served("mail")],
      expect: [{ rule: "route-not-attached", object: "TLSRoute/shop/mail" }],
    },
    {
      name: "a TLSRoute behind whose Service nothing takes traffic",
      given: [tls, ...gateway, unserved("mail")],
      expect: [{ rule: "route-backend-no-endpoints", object: "TLSRoute/shop/mail", cause: "Service/shop/mail" }],
    },
    {
      name: "a mesh refuses a route of a Service",
      given: [
        but(
          web,
          `
            spec: { parentRefs: [{ group: "", kind: Service, name: web }] }
            status: { parents: [{ controllerName: example.com/mesh, parentRef: { group: "", kind: Service, name: web }, conditions: [${condition("Accepted", "False", "NoMatchingParent", "10m")}] }] }
          `,
        ),
        served("web"),
      ],
      expect: [{ ...unattached, because: "its parent has no such listener or port" }],
    },
  ],
  silent: [
    { name: "attached, resolved and served", given: [web, ...gateway, served("web")] },
    {
      name: "two listeners of which one allows it: accepted says the status",
      given: [
        web,
        but(
          edge,
          `spec: { listeners: [{ name: http, port: 80, protocol: HTTP }, { name: inner, port: 8080, protocol: HTTP, allowedRoutes: { namespaces: { from: Selector, selector: { matchLabels: { team: other } } } } }] }`,
        ),
        edgeClass,
        served("web"),
      ],
    },
    {
      name: "a route of a mesh: its parent is a Service",
      given: [but(web, `spec: { parentRefs: [{ group: "", kind: Service, name: web }] }\nstatus: null`), served("web")],
    },
    {
      name: "its Gateway could not be read",
      given: [but(web, "spec: { parentRefs: [{ name: gone }] }\nstatus: null"), served("web")],
      unread: ["Gateway"],
    },
    {
      name: "made three minutes ago, and not looked at yet",
      given: [but(seenBy(), `metadata: { creationTimestamp: "${ago("3m")}" }`), ...gateway, served("web")],
    },
    {
      name: "refused for a minute",
      given: [
        seenBy(parent("edge", condition("Accepted", "False", "NotAllowedByListeners", "1m"))),
        ...gateway,
        served("web"),
      ],
    },
    {
      name: "the status tells of an older spec",
      given: [
        but(seenBy(parent("edge", notAllowed, notFound)), "metadata: { generation: 2 }"),
        ...gateway,
        served("web"),
      ],
    },
    {
      name: "an entry of a parent that it no longer names",
      given: [
        seenBy(parent("edge", accepted, resolved), parent("former", notAllowed, resolved)),
        ...gateway,
        served("web"),
      ],
    },
    { name: "Services could not be read", given: [web, ...gateway], unread: ["Service"] },
    {
      name: "made ten seconds ago, before its Service",
      given: [but(to("{ name: web, port: 80 }"), `metadata: { creationTimestamp: "${ago("10s")}" }`), ...gateway],
    },
    {
      name: "a Service of another namespace with a ReferenceGrant",
      given: [to("{ name: api, namespace: data, port: 80 }"), grant, ...gateway, served("api", "data")],
    },
    {
      name: "a Service of another namespace, and ReferenceGrants could not be read",
      given: [to("{ name: api, namespace: data, port: 80 }"), ...gateway, served("api", "data")],
      unread: ["ReferenceGrant"],
    },
    {
      name: "no ReferenceGrant, and the controller lets every reference pass",
      given: [
        but(web, "spec: { rules: [{ backendRefs: [{ name: api, namespace: data, port: 80 }] }] }"),
        ...gateway,
        served("api", "data"),
      ],
    },
    {
      name: "a backend of another kind that nobody complains of",
      given: [
        but(
          web,
          "spec: { rules: [{ backendRefs: [{ group: multicluster.x-k8s.io, kind: ServiceImport, name: web, port: 80 }] }] }",
        ),
        ...gateway,
      ],
    },
    {
      name: "a rule that only redirects",
      given: [
        but(
          web,
          "spec: { rules: [{ filters: [{ type: RequestRedirect, requestRedirect: { scheme: https, statusCode: 301 } }] }] }",
        ),
        ...gateway,
      ],
    },
    {
      name: "an ExternalName Service without ports",
      given: [
        web,
        ...gateway,
        yaml`{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: shop }, spec: { type: ExternalName, externalName: web.example.com } }`,
      ],
    },
    {
      name: "being deleted",
      given: [
        but(
          seenBy(parent("edge", notAllowed)),
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/routes] }`,
        ),
        ...gateway,
        served("web"),
      ],
    },
    {
      name: "its Gateway is being deleted",
      given: [
        seenBy(),
        but(edge, `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/gateways] }`),
        edgeClass,
        served("web"),
      ],
    },
    { name: "a GRPCRoute and a TLSRoute that work", given: [grpc, tls, ...gateway, served("cart"), served("mail")] },
    {
      name: "its controller writes an entry per listener, and one of them accepts it",
      given: [
        seenBy(
          parent("edge, sectionName: http", accepted, resolved),
          parent("edge, sectionName: https", notAllowed, resolved),
        ),
        ...gateway,
        served("web"),
      ],
    },
    {
      name: "a listener set as parent that says nothing",
      given: [but(web, "spec: { parentRefs: [{ kind: ListenerSet, name: extra }] }\nstatus: null"), served("web")],
    },
  ],
});
