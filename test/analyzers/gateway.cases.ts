import { gateway } from "../../src/analyzers/gateway.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";
import { certificates, tlsSecret } from "./certificates.ts";

function condition(type: string, status: string, reason: string, since = "50m", generation = 1): string {
  return `{ type: ${type}, status: "${status}", reason: ${reason}, message: "", lastTransitionTime: "${ago(since)}", observedGeneration: ${generation} }`;
}

const accepted = condition("Accepted", "True", "Accepted");
const programmed = condition("Programmed", "True", "Programmed");
const waiting = `{ type: Accepted, status: Unknown, reason: Pending, message: Waiting for controller, lastTransitionTime: "1970-01-01T00:00:00Z" }`;

const edge = yaml`
  apiVersion: gateway.networking.k8s.io/v1
  kind: GatewayClass
  metadata: { name: edge }
  spec: { controllerName: example.com/gateway-controller }
  status: { conditions: [${accepted}] }
`;

const web = yaml`
  apiVersion: gateway.networking.k8s.io/v1
  kind: Gateway
  metadata: { name: web, namespace: shop, generation: 1 }
  spec: { gatewayClassName: edge, listeners: [{ name: http, port: 80, protocol: HTTP }] }
  status:
    conditions: [${accepted}, ${programmed}]
    listeners: [{ name: http, attachedRoutes: 1, supportedKinds: [{ kind: HTTPRoute }], conditions: [${accepted}, ${programmed}] }]
`;

/** Gateway `web` with these conditions of its own. */
function having(...conditions: readonly string[]): Manifest {
  return but(web, `status: { conditions: [${conditions.join(", ")}] }`);
}

/** Gateway `web` whose listener has these conditions. */
function listener(conditions: readonly string[], own: readonly string[] = [accepted, programmed]): Manifest {
  return but(
    web,
    `status: { conditions: [${own.join(", ")}], listeners: [{ name: http, attachedRoutes: 0, supportedKinds: [], conditions: [${conditions.join(", ")}] }] }`,
  );
}

/** Gateway `web` with an HTTPS listener whose certificate is Secret `name`. */
function https(name: string, conditions: readonly string[] | undefined, reference = ""): Manifest {
  const status =
    conditions === undefined
      ? "null"
      : `[{ name: https, attachedRoutes: 0, supportedKinds: [], conditions: [${conditions.join(", ")}] }]`;
  return but(
    web,
    `
      spec: { listeners: [{ name: https, port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: ${name}${reference} }] } }] }
      status: { listeners: ${status} }
    `,
  );
}

/** Gateway `web` with a listener for this hostname, whose certificate is Secret `web-tls`. */
function named(hostname: string): Manifest {
  const tls = "tls: { certificateRefs: [{ name: web-tls }] }";
  return but(
    https("web-tls", [accepted, programmed, condition("ResolvedRefs", "True", "ResolvedRefs")]),
    `spec: { listeners: [{ name: https, hostname: ${hostname}, port: 443, protocol: HTTPS, ${tls} }] }`,
  );
}

const secret = yaml`
  { apiVersion: v1, kind: Secret, metadata: { name: web-tls, namespace: shop } }
`;
const elsewhere = yaml`
  { apiVersion: v1, kind: Secret, metadata: { name: web-tls, namespace: certs } }
`;
const grant = yaml`
  apiVersion: gateway.networking.k8s.io/v1beta1
  kind: ReferenceGrant
  metadata: { name: for-shop, namespace: certs }
  spec: { from: [{ group: gateway.networking.k8s.io, kind: Gateway, namespace: shop }], to: [{ group: "", kind: Secret }] }
`;

const badCertificate = [
  accepted,
  condition("ResolvedRefs", "False", "InvalidCertificateRef", "10m"),
  condition("Programmed", "False", "Invalid", "10m"),
];
const notPermitted = [accepted, condition("ResolvedRefs", "False", "RefNotPermitted", "10m")];
const broken = { rule: "gateway-listener-broken", object: "Gateway/shop/web" } as const;

export default cases(gateway, {
  fires: [
    {
      name: "the certificate is not one for the listener's hostname",
      given: [named("cart.example.com"), tlsSecret("web-tls", certificates.valid), edge],
      expect: [
        {
          rule: "tls-hostname-mismatch",
          object: "Gateway/shop/web",
          severity: "warning",
          cause: "Secret/shop/web-tls",
        },
      ],
    },
    {
      name: "its class does not exist",
      given: [but(web, "spec: { gatewayClassName: egde }\nstatus: null"), edge],
      expect: [
        { rule: "gateway-class-missing", object: "Gateway/shop/web", severity: "critical", cause: "GatewayClass/egde" },
      ],
    },
    {
      name: "refused: its parameters are invalid",
      given: [having(condition("Accepted", "False", "InvalidParameters", "10m")), edge],
      expect: [
        {
          rule: "gateway-not-accepted",
          object: "Gateway/shop/web",
          severity: "critical",
          because: "its parameters are missing or invalid",
        },
      ],
    },
    {
      name: "refused, and not programmed either: said once",
      given: [
        having(
          condition("Accepted", "False", "UnsupportedAddress", "10m"),
          condition("Programmed", "False", "Invalid", "10m"),
        ),
        edge,
      ],
      expect: [
        {
          rule: "gateway-not-accepted",
          object: "Gateway/shop/web",
          because: "the kind of address that it asks for is not supported",
        },
      ],
    },
    {
      name: "refused, and its class could not be read",
      given: [having(condition("Accepted", "False", "Invalid", "10m")), edge],
      unread: ["GatewayClass"],
      expect: [{ rule: "gateway-not-accepted", object: "Gateway/shop/web", because: "its spec is invalid" }],
    },
    {
      name: "its class is accepted, and no controller has looked at the Gateway",
      given: [having(waiting), edge],
      expect: [{ rule: "gateway-not-accepted", object: "Gateway/shop/web", because: "no controller has looked at it" }],
    },
    {
      name: "its class is refused",
      given: [
        having(waiting),
        but(edge, `status: { conditions: [${condition("Accepted", "False", "InvalidParameters", "10m")}] }`),
      ],
      expect: [
        {
          rule: "gateway-not-accepted",
          object: "Gateway/shop/web",
          because: "its GatewayClass is not accepted",
          cause: "GatewayClass/edge",
        },
      ],
    },
    {
      name: "neither the class nor the Gateway was looked at",
      given: [having(waiting), but(edge, `status: { conditions: [${waiting}] }`)],
      expect: [{ rule: "gateway-controller-absent", object: "GatewayClass/edge", severity: "critical" }],
    },
    {
      name: "no conditions at all, on the class or the Gateway",
      given: [but(web, "status: null"), but(edge, "status: null")],
      expect: [{ rule: "gateway-controller-absent", object: "GatewayClass/edge" }],
    },
    {
      name: "without an address for ten minutes",
      given: [having(accepted, condition("Programmed", "False", "AddressNotAssigned", "10m")), edge],
      expect: [
        {
          rule: "gateway-not-programmed",
          object: "Gateway/shop/web",
          severity: "critical",
          because: "it has no address",
        },
      ],
    },
    {
      name: "the data plane has no resources",
      given: [having(accepted, condition("Programmed", "False", "NoResources", "3m")), edge],
      expect: [
        { rule: "gateway-not-programmed", object: "Gateway/shop/web", because: "there are no resources to run it" },
      ],
    },
    {
      name: "the certificate of a listener does not exist",
      given: [https("web-tsl", badCertificate), secret, edge],
      expect: [
        {
          ...broken,
          severity: "critical",
          because: "the Secret of its certificate does not exist",
          cause: "Secret/shop/web-tsl",
        },
      ],
    },
    {
      name: "a missing certificate takes the whole Gateway down: said once",
      given: [
        but(
          https("web-tsl", badCertificate),
          `status: { conditions: [${condition("Accepted", "False", "ListenersNotValid", "10m")}, ${condition("Programmed", "False", "Invalid", "10m")}] }`,
        ),
        edge,
      ],
      expect: [{ ...broken, cause: "Secret/shop/web-tsl" }],
    },
    {
      name: "the certificate does not exist, and nobody has written a status for the listener",
      given: [https("web-tsl", undefined), edge],
      expect: [{ ...broken, cause: "Secret/shop/web-tsl" }],
    },
    {
      name: "the certificate is there, but cannot be used",
      given: [https("web-tls", badCertificate), secret, edge],
      expect: [{ ...broken, because: "its certificate cannot be used" }],
    },
    {
      name: "a bad certificate, and Secrets could not be read",
      given: [https("web-tls", badCertificate), secret, edge],
      unread: ["Secret"],
      expect: [{ ...broken, because: "its certificate cannot be used" }],
    },
    {
      name: "a certificate of another namespace without a ReferenceGrant",
      given: [https("web-tls", notPermitted, ", namespace: certs"), elsewhere, edge],
      expect: [{ ...broken, because: "no ReferenceGrant lets it use the Secret of another namespace" }],
    },
    {
      name: "a certificate of another namespace, and the grant is for another kind",
      given: [
        https("web-tls", notPermitted, ", namespace: certs"),
        elsewhere,
        but(grant, "spec: { from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop }] }"),
        edge,
      ],
      expect: [broken],
    },
    {
      name: "a certificate of another namespace, and ReferenceGrants could not be read",
      given: [https("web-tls", notPermitted, ", namespace: certs"), elsewhere, edge],
      unread: ["ReferenceGrant"],
      expect: [{ ...broken, because: "it may not use a certificate of another namespace" }],
    },
    {
      name: "two listeners want the same port and hostname",
      given: [
        listener([
          condition("Conflicted", "True", "HostnameConflict", "10m"),
          condition("Accepted", "False", "HostnameConflict", "10m"),
        ]),
        edge,
      ],
      expect: [{ ...broken, because: "another listener has the same port and hostname" }],
    },
    {
      name: "the port is not available",
      given: [listener([condition("Accepted", "False", "PortUnavailable", "10m")]), edge],
      expect: [{ ...broken, because: "its port is not available" }],
    },
    {
      name: "one listener is not programmed although the Gateway is",
      given: [listener([accepted, condition("Programmed", "False", "Invalid", "10m")]), edge],
      expect: [{ ...broken, because: "its configuration is invalid" }],
    },
    {
      name: "two Gateways in two namespaces, each told of its own",
      given: [
        having(condition("Accepted", "False", "Invalid", "10m")),
        but(having(condition("Accepted", "False", "Invalid", "10m")), "metadata: { namespace: stage }"),
        edge,
      ],
      expect: [
        { rule: "gateway-not-accepted", object: "Gateway/shop/web" },
        { rule: "gateway-not-accepted", object: "Gateway/stage/web" },
      ],
    },
  ],
  silent: [
    {
      name: "the certificate is for the listener's hostname",
      given: [named("www.shop.example.com"), tlsSecret("web-tls", certificates.valid), edge],
    },
    {
      name: "the certificate of a listener without hostname",
      given: [https("web-tls", [accepted, programmed]), tlsSecret("web-tls", certificates.valid), edge],
    },
    { name: "accepted and programmed", given: [web, edge] },
    { name: "its class could not be read", given: [web, edge], unread: ["GatewayClass"] },
    {
      name: "made ten seconds ago, before its class",
      given: [but(web, `metadata: { creationTimestamp: "${ago("10s")}" }\nstatus: null`)],
    },
    {
      name: "not looked at, and made three minutes ago",
      given: [but(having(waiting), `metadata: { creationTimestamp: "${ago("3m")}" }`), edge],
    },
    { name: "refused for a minute", given: [having(condition("Accepted", "False", "Invalid", "1m")), edge] },
    {
      name: "waits for an address for three minutes",
      given: [having(accepted, condition("Programmed", "False", "AddressNotAssigned", "3m")), edge],
    },
    {
      name: "programming is Unknown for three minutes",
      given: [having(accepted, condition("Programmed", "Unknown", "Pending", "3m")), edge],
    },
    {
      name: "the status tells of an older spec",
      given: [but(having(condition("Accepted", "False", "Invalid", "10m", 1)), "metadata: { generation: 2 }"), edge],
    },
    {
      name: "being deleted",
      given: [
        but(
          having(condition("Accepted", "False", "Invalid", "10m")),
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/gateways] }`,
        ),
        edge,
      ],
    },
    {
      name: "no listener has a conflict",
      given: [listener([condition("Conflicted", "False", "NoConflicts"), accepted, programmed]), edge],
    },
    {
      name: "a listener waits with its Gateway for an address",
      given: [
        listener(
          [accepted, condition("Programmed", "False", "Pending", "4m")],
          [accepted, condition("Programmed", "False", "AddressNotAssigned", "4m")],
        ),
        edge,
      ],
    },
    {
      name: "the certificate is there",
      given: [
        https("web-tls", [accepted, programmed, condition("ResolvedRefs", "True", "ResolvedRefs")]),
        secret,
        edge,
      ],
    },
    {
      name: "the certificate is there, and the listener has no status yet",
      given: [https("web-tls", undefined), secret, edge],
    },
    {
      name: "a certificate of another namespace with a ReferenceGrant",
      given: [https("web-tls", undefined, ", namespace: certs"), elsewhere, grant, edge],
    },
    {
      name: "the certificate is being issued",
      given: [
        but(
          https("web-tls", badCertificate),
          `metadata: { creationTimestamp: "${ago("4m")}", annotations: { cert-manager.io/cluster-issuer: acme } }`,
        ),
        edge,
      ],
    },
    {
      name: "a TLS listener passes through: its certificates are not used",
      given: [
        but(
          web,
          "spec: { listeners: [{ name: tls, port: 443, protocol: TLS, tls: { mode: Passthrough, certificateRefs: [{ name: gone }] } }] }\nstatus: { listeners: null }",
        ),
        edge,
      ],
    },
    {
      name: "a certificate of a kind that is not a Secret",
      given: [https("web-tls", undefined, ", group: example.com, kind: VaultCertificate"), edge],
    },
  ],
});
