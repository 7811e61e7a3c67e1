import { customResourceDefinition } from "../../src/analyzers/custom-resource-definition.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const good = (plural: string, since = "1h"): string => `
status:
  acceptedNames: { kind: ${plural}, plural: ${plural} }
  storedVersions: [v1]
  conditions:
    - { type: NamesAccepted, status: "True", reason: NoConflicts, message: no conflicts found, lastTransitionTime: "${ago(since)}" }
    - { type: Established, status: "True", reason: InitialNamesAccepted, message: the initial names have been accepted, lastTransitionTime: "${ago(since)}" }
`;
/** A name of its own for each case: a server takes its time to delete a definition. */
const definition = (changes = "{}", plural = "widgets"): Manifest =>
  but(
    but(
      yaml`
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: { name: ${plural}.example.com }
        spec:
          group: example.com
          scope: Namespaced
          names: { kind: ${plural}, plural: ${plural} }
          versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object } } }]
      `,
      good(plural),
    ),
    changes,
  );
const conditions = (...lines: readonly string[]): string =>
  `status: { conditions: [${lines.map((line) => `{ ${line} }`).join(", ")}] }`;
const schema = "schema: { openAPIV3Schema: { type: object } }";
const two = `versions: [{ name: v1, served: true, storage: true, ${schema} }, { name: v1beta1, served: true, storage: false, ${schema} }]`;
const webhook = (more = ""): string =>
  `spec: { ${two}, conversion: { strategy: Webhook, webhook: { conversionReviewVersions: [v1], clientConfig: { service: { namespace: ops, name: operator }${more} } } } }`;
const service = yaml`
  { apiVersion: v1, kind: Service, metadata: { name: operator, namespace: ops }, spec: { selector: { app: operator }, ports: [{ port: 443 }] } }
`;
const slice = yaml`
  apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: operator-1, namespace: ops, labels: { kubernetes.io/service-name: operator } }
  addressType: IPv4
  endpoints: [{ addresses: [10.1.0.5], conditions: { ready: true } }]
`;
const deployment = yaml`
  apiVersion: apps/v1
  kind: Deployment
  metadata: { name: operator, namespace: ops }
  spec:
    replicas: 0
    selector: { matchLabels: { app: operator } }
    template: { metadata: { labels: { app: operator } }, spec: { containers: [{ name: operator, image: operator }] } }
`;
const garbage = Buffer.from("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").toString("base64");
const cause = "Service/ops/operator";
const object = "CustomResourceDefinition/widgets.example.com";

const refused = "the server sets conditions, and refuses bundles that it cannot parse";

export default cases(customResourceDefinition, {
  fires: [
    {
      name: "not established",
      given: [
        definition(
          conditions(
            'type: NamesAccepted, status: "True", reason: NoConflicts',
            `type: Established, status: "False", reason: Installing, lastTransitionTime: "${ago("10m")}"`,
          ),
        ),
      ],
      expect: [{ rule: "crd-not-established", object, severity: "critical" }],
      notLive: refused,
    },
    {
      name: "its plural is taken",
      given: [
        definition(
          conditions(
            `type: NamesAccepted, status: "False", reason: PluralConflict, message: '"widgets" is already in use', lastTransitionTime: "${ago("10m")}"`,
            'type: Established, status: "False", reason: NotAccepted, message: not all names are accepted',
          ),
        ),
      ],
      expect: [{ rule: "crd-names-conflict", object, severity: "critical" }],
      notLive: refused,
    },
    {
      name: "the Service of its conversion is gone",
      given: [definition(webhook(), "gadgets")],
      expect: [
        {
          rule: "crd-conversion-broken",
          object: "CustomResourceDefinition/gadgets.example.com",
          severity: "critical",
          because: "its Service does not exist",
          cause,
        },
      ],
    },
    {
      name: "the operator that converts is scaled to zero",
      given: [definition(webhook(), "gizmos"), service, deployment],
      expect: [
        {
          rule: "crd-conversion-broken",
          object: "CustomResourceDefinition/gizmos.example.com",
          because: "its workload is scaled to zero",
          cause,
        },
      ],
    },
    {
      name: "nothing stands behind the Service",
      given: [definition(webhook(), "doodads"), service],
      expect: [
        {
          rule: "crd-conversion-broken",
          object: "CustomResourceDefinition/doodads.example.com",
          because: "no Pod stands behind its Service",
          cause,
        },
      ],
    },
    {
      name: "the CA bundle cannot be parsed",
      given: [definition(webhook(`, caBundle: ${garbage}`)), service, slice],
      expect: [{ rule: "crd-conversion-broken", object, because: "its CA bundle cannot be parsed" }],
      notLive: refused,
    },
    {
      name: "the CA bundle was never filled in",
      given: [
        definition(
          `metadata: { annotations: { cert-manager.io/inject-ca-from: ops/operator } }\n${webhook()}`,
          "levers",
        ),
        service,
        slice,
      ],
      expect: [
        {
          rule: "crd-conversion-broken",
          object: "CustomResourceDefinition/levers.example.com",
          because: "its CA bundle was never filled in",
        },
      ],
    },
    {
      name: "being deleted for half an hour, and objects remain",
      given: [
        definition(
          `metadata: { deletionTimestamp: "${ago("30m")}", finalizers: [customresourcecleanup.apiextensions.k8s.io] }\n${conditions('type: Terminating, status: "True", reason: InstanceDeletionInProgress, message: CustomResource deletion is in progress')}`,
        ),
      ],
      expect: [{ rule: "crd-terminating-stuck", object, severity: "warning", because: "objects of the kind remain" }],
      notLive: refused,
    },
    {
      name: "objects may be stored in a version that is not served",
      given: [
        definition(
          `spec: { versions: [{ name: v1, served: true, storage: true, ${schema} }, { name: v1alpha1, served: false, storage: false, ${schema} }] }\nstatus: { storedVersions: [v1alpha1, v1] }`,
          "knobs",
        ),
      ],
      expect: [
        { rule: "crd-old-stored-version", object: "CustomResourceDefinition/knobs.example.com", severity: "info" },
      ],
    },
  ],
  silent: [
    { name: "established", given: [definition("{}", "dials")] },
    { name: "without conditions, as in a manifest", given: [definition("status: null")], notLive: refused },
    {
      name: "made 20 seconds ago",
      given: [
        definition(
          `metadata: { creationTimestamp: "${ago("20s")}" }\n${conditions('type: Established, status: "False", reason: Installing')}`,
        ),
      ],
      notLive: refused,
    },
    { name: "its conversion answers", given: [definition(webhook(), "gears"), service, slice] },
    {
      name: "one version: nothing is converted",
      given: [
        definition(
          "spec: { conversion: { strategy: Webhook, webhook: { conversionReviewVersions: [v1], clientConfig: { service: { namespace: ops, name: operator } } } } }",
          "bolts",
        ),
      ],
    },
    {
      name: "a webhook behind a URL",
      given: [
        definition(
          `spec: { ${two}, conversion: { strategy: Webhook, webhook: { conversionReviewVersions: [v1], clientConfig: { url: "https://convert.example.com/" } } } }`,
          "nuts",
        ),
      ],
    },
    { name: "Services could not be read", given: [definition(webhook(), "cogs")], unread: ["Service"] },
    {
      name: "an injector is about to fill the CA bundle",
      given: [
        definition(
          `metadata: { creationTimestamp: "${ago("2m")}", annotations: { cert-manager.io/inject-ca-from: ops/operator } }\n${webhook()}`,
          "springs",
        ),
        service,
        slice,
      ],
    },
    {
      name: "being deleted for a minute",
      given: [
        definition(
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [customresourcecleanup.apiextensions.k8s.io] }`,
        ),
      ],
      notLive: refused,
    },
    {
      name: "the version that is stored now is deprecated",
      given: [
        definition(
          `spec: { versions: [{ name: v1, served: true, storage: true, deprecated: true, ${schema} }] }`,
          "valves",
        ),
      ],
    },
  ],
});
