import { gatewayClass } from "../../src/analyzers/gateway-class.ts";
import { ago, but, cases, yaml } from "./cases.ts";

/** As a controller leaves it; `changes` lays the case over it. */
const edge = yaml`
  apiVersion: gateway.networking.k8s.io/v1
  kind: GatewayClass
  metadata: { name: edge, generation: 1 }
  spec: { controllerName: example.com/gateway-controller }
  status:
    conditions:
      - { type: Accepted, status: "True", reason: Accepted, message: Valid GatewayClass, lastTransitionTime: "${ago("50m")}", observedGeneration: 1 }
`;

/** What the API server writes into a new class or Gateway. */
const waiting = `{ type: Accepted, status: Unknown, reason: Pending, message: Waiting for controller, lastTransitionTime: "1970-01-01T00:00:00Z" }`;

function accepted(status: string, reason: string, since: string, generation = 1): string {
  return `{ type: Accepted, status: "${status}", reason: ${reason}, message: "", lastTransitionTime: "${ago(since)}", observedGeneration: ${generation} }`;
}

const web = yaml`
  apiVersion: gateway.networking.k8s.io/v1
  kind: Gateway
  metadata: { name: web, namespace: shop }
  spec: { gatewayClassName: edge, listeners: [{ name: http, port: 80, protocol: HTTP }] }
  status: { conditions: [${waiting}] }
`;

const refused = but(edge, `status: { conditions: [${accepted("False", "InvalidParameters", "10m")}] }`);
const untouched = but(edge, `status: { conditions: [${waiting}] }`);

export default cases(gatewayClass, {
  fires: [
    {
      name: "its parameters are missing, and a Gateway uses it",
      given: [
        but(refused, `spec: { parametersRef: { group: "", kind: ConfigMap, name: edge-settings, namespace: edge } }`),
        web,
      ],
      expect: [
        {
          rule: "gatewayclass-not-accepted",
          object: "GatewayClass/edge",
          severity: "critical",
          because: "its parameters are missing or invalid",
        },
      ],
    },
    {
      name: "refused, and no Gateway uses it",
      given: [refused],
      expect: [{ rule: "gatewayclass-not-accepted", object: "GatewayClass/edge", severity: "warning" }],
    },
    {
      name: "refused, with the condition in the second place",
      given: [
        but(
          edge,
          `status: { conditions: [{ type: SupportedVersion, status: "True", reason: SupportedVersion, message: "", lastTransitionTime: "${ago("10m")}" }, ${accepted("False", "Unsupported", "10m")}] }`,
        ),
        web,
      ],
      expect: [
        {
          rule: "gatewayclass-not-accepted",
          object: "GatewayClass/edge",
          because: "its controller does not serve classes made by users",
        },
      ],
    },
    {
      name: "no controller has looked at the class, and a Gateway uses it",
      given: [untouched, web],
      expect: [{ rule: "gateway-controller-absent", object: "GatewayClass/edge", severity: "critical" }],
    },
    {
      name: "a class without any condition, and a Gateway uses it",
      given: [but(edge, "status: { conditions: [] }"), web],
      expect: [{ rule: "gateway-controller-absent", object: "GatewayClass/edge" }],
    },
  ],
  silent: [
    { name: "accepted", given: [edge, web] },
    {
      name: "accepted, although SupportedVersion is False and stands first",
      given: [
        but(
          edge,
          `status: { conditions: [{ type: SupportedVersion, status: "False", reason: UnsupportedVersion, message: "", lastTransitionTime: "${ago("50m")}" }, ${accepted("True", "Accepted", "50m")}] }`,
        ),
        web,
      ],
    },
    {
      name: "refused for a minute",
      given: [but(edge, `status: { conditions: [${accepted("False", "InvalidParameters", "1m")}] }`), web],
    },
    {
      name: "the refusal tells of an older spec",
      given: [
        but(
          edge,
          `metadata: { generation: 2 }\nstatus: { conditions: [${accepted("False", "InvalidParameters", "10m", 1)}] }`,
        ),
        web,
      ],
    },
    { name: "not looked at, and no Gateway uses it", given: [untouched] },
    {
      name: "not looked at, and made three minutes ago",
      given: [but(untouched, `metadata: { creationTimestamp: "${ago("3m")}" }`), web],
    },
    {
      name: "the controller writes no status on classes, but serves the Gateway",
      given: [untouched, but(web, `status: { conditions: [${accepted("True", "Accepted", "50m")}] }`)],
    },
    {
      name: "being deleted",
      given: [but(refused, `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/gateways] }`), web],
    },
    { name: "not looked at, and Gateways could not be read", given: [untouched, web], unread: ["Gateway"] },
  ],
});
