import "reflect-metadata";
import { X509CertificateGenerator } from "@peculiar/x509";
import { mutatingWebhookConfiguration, validatingWebhookConfiguration } from "../../src/analyzers/webhook.ts";
import { ago, but, cases, type CaseTable, type Manifest, takenAt, yaml } from "./cases.ts";

/** A CA certificate as `caBundle` holds it, valid from and to so many days from the snapshot. */
async function bundle(fromDays: number, toDays: number): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const day = 86_400_000;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=guard-ca",
    notBefore: new Date(takenAt + fromDays * day),
    notAfter: new Date(takenAt + toDays * day),
    keys,
    signingAlgorithm: algorithm,
  });
  return Buffer.from(certificate.toString("pem")).toString("base64");
}

const join = (...bundles: readonly string[]): string =>
  Buffer.from(bundles.map((text) => Buffer.from(text, "base64").toString()).join("\n")).toString("base64");

const valid = await bundle(-300, 3000);
const expired = await bundle(-400, -3);
const expiring = await bundle(-360, 5);
const shortLived = await bundle(-10, 10);

const service = yaml`
  apiVersion: v1
  kind: Service
  metadata: { name: guard, namespace: guard-system }
  spec: { selector: { app: guard }, ports: [{ port: 443 }] }
`;
const slice = yaml`
  apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: guard-1, namespace: guard-system, labels: { kubernetes.io/service-name: guard } }
  addressType: IPv4
  ports: [{ name: "", port: 443, protocol: TCP }]
  endpoints: [{ addresses: [10.0.0.1], conditions: { ready: true } }]
`;
const pod = (name: string, isReady: boolean, age = "1h"): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: ${name}, namespace: guard-system, labels: { app: guard }, creationTimestamp: "${ago(age)}" }
  spec: { containers: [{ name: guard, image: guard }] }
  status: { phase: Running, conditions: [{ type: Ready, status: "${isReady ? "True" : "False"}", lastTransitionTime: "${ago(age)}" }] }
`;
const namespaces = yaml`
  { apiVersion: v1, kind: Namespace, metadata: { name: guard-system } }
  ---
  { apiVersion: v1, kind: Namespace, metadata: { name: shop } }
`;
const workload = (replicas: number): readonly Manifest[] => yaml`
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata: { name: api, namespace: shop }
  spec:
    replicas: 2
    selector: { matchLabels: { app: api } }
    template: { metadata: { labels: { app: api } }, spec: { containers: [{ name: app, image: nginx }] } }
  status: { replicas: ${replicas} }
`;
const failure = (detail: string, seen = "1m"): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Event
  metadata: { name: api.1, namespace: shop }
  involvedObject: { apiVersion: apps/v1, kind: ReplicaSet, namespace: shop, name: api }
  type: Warning
  reason: FailedCreate
  message: 'Error creating: Internal error occurred: failed calling webhook "guard.example.com": failed to call webhook: Post "https://guard.guard-system.svc:443/?timeout=10s": ${detail}'
  firstTimestamp: "${ago("30m")}"
  lastTimestamp: "${ago(seen)}"
  count: 12
`;

/** The table for one of the two kinds: what is said does not depend on which it is. */
function table(kind: "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration", other: string): CaseTable {
  const analyzer =
    kind === "ValidatingWebhookConfiguration" ? validatingWebhookConfiguration : mutatingWebhookConfiguration;
  /** One webhook, with `extra` fields in the place of its own. */
  const entry = (name: string, extra = ""): string =>
    JSON.stringify({
      name,
      clientConfig: { caBundle: valid, service: { namespace: "guard-system", name: "guard" } },
      rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
      failurePolicy: "Fail",
      namespaceSelector: {
        matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["guard-system"] }],
      },
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
      ...yaml`{ ${extra} }`[0],
    });
  const configuration = (...webhooks: readonly string[]): readonly Manifest[] => yaml`
    apiVersion: admissionregistration.k8s.io/v1
    kind: ${kind}
    metadata: { name: guard }
    webhooks: [${webhooks.join(", ")}]
  `;
  const guard = configuration(entry("guard.example.com"));
  const withBundle = (caBundle: string, extra = ""): readonly Manifest[] =>
    configuration(
      entry(
        "guard.example.com",
        `clientConfig: { caBundle: "${caBundle}", service: { namespace: guard-system, name: guard } }, ${extra}`,
      ),
    );
  const object = `${kind}/guard`;
  const healthy = [service, slice, pod("guard-1", true), pod("guard-2", true), namespaces];
  const backendMissing = "webhook-backend-missing";
  return cases(analyzer, {
    fires: [
      {
        name: "the Service does not exist, failurePolicy Fail",
        given: [guard],
        expect: [{ rule: backendMissing, object, severity: "critical", cause: "Service/guard-system/guard" }],
      },
      {
        name: "the Service does not exist, failurePolicy Ignore",
        given: [configuration(entry("guard.example.com", "failurePolicy: Ignore"))],
        expect: [{ rule: backendMissing, object, severity: "warning" }],
      },
      {
        name: "the Service does not exist and a workload is held up by it",
        given: [guard, workload(0), failure('service "guard" not found')],
        expect: [{ rule: backendMissing, object, severity: "critical" }],
      },
      {
        name: "three webhooks on one dead Service are one finding; one of them is Fail",
        given: [
          configuration(
            entry("a.example.com", "failurePolicy: Ignore"),
            entry("b.example.com"),
            entry("c.example.com", "failurePolicy: Ignore"),
          ),
        ],
        expect: [{ rule: backendMissing, object, severity: "critical" }],
      },
      {
        name: "one webhook name in two configurations: two results",
        given: [guard, but(guard, "metadata: { name: guard-copy }")],
        expect: [
          { rule: backendMissing, object },
          { rule: backendMissing, object: `${object}-copy` },
        ],
      },
      {
        name: "no Pod carries the label of its Service",
        given: [guard, service, namespaces],
        expect: [{ rule: "webhook-no-endpoints", object, severity: "critical", cause: "Service/guard-system/guard" }],
      },
      {
        name: "no Pod of it is ready, failurePolicy Ignore",
        given: [configuration(entry("guard.example.com", "failurePolicy: Ignore")), service, pod("guard-1", false)],
        expect: [{ rule: "webhook-no-endpoints", object, severity: "warning" }],
      },
      {
        name: "its workload is at zero",
        given: [
          guard,
          service,
          but(
            workload(0),
            "metadata: { namespace: guard-system }\nspec: { replicas: 0, selector: { matchLabels: { app: guard } }, template: { metadata: { labels: { app: guard } } } }",
          ),
        ],
        expect: [
          { rule: "webhook-no-endpoints", object, severity: "critical", because: "its workload is scaled to zero" },
        ],
      },
      {
        name: "the Service does not have the port",
        given: [
          configuration(
            entry(
              "guard.example.com",
              `clientConfig: { caBundle: "${valid}", service: { namespace: guard-system, name: guard, port: 8443 } }`,
            ),
          ),
          ...healthy,
        ],
        expect: [{ rule: "webhook-no-endpoints", object, because: "the Service does not have the port that it names" }],
      },
      {
        name: "calls fail although it is served: a certificate",
        given: [
          guard,
          ...healthy,
          workload(0),
          failure("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        ],
        expect: [
          { rule: "webhook-call-failing", object, severity: "critical", because: "its certificate is not accepted" },
        ],
      },
      {
        name: "calls to a URL time out",
        given: [
          configuration(entry("guard.example.com", "clientConfig: { url: https://guard.example.com/check }")),
          workload(1),
          failure("context deadline exceeded"),
        ],
        expect: [{ rule: "webhook-call-failing", object, severity: "critical", because: "it did not answer in time" }],
      },
      {
        name: "no caBundle for a Service",
        given: [withBundle(""), ...healthy],
        expect: [{ rule: "webhook-ca-invalid", object, severity: "critical", because: "it is empty" }],
      },
      {
        name: "a caBundle that is none, failurePolicy Ignore",
        given: [withBundle(Buffer.from("hello").toString("base64"), "failurePolicy: Ignore"), ...healthy],
        expect: [{ rule: "webhook-ca-invalid", object, severity: "warning", because: "it is not a certificate" }],
      },
      {
        name: "an expired caBundle",
        given: [withBundle(expired), ...healthy],
        expect: [{ rule: "webhook-ca-invalid", object, severity: "critical", because: "it has expired" }],
      },
      {
        name: "a caBundle that expires in five days",
        given: [withBundle(expiring), ...healthy],
        expect: [{ rule: "webhook-ca-invalid", object, severity: "warning", because: "it expires soon" }],
        notLive: "depends on the day",
      },
      {
        name: "it can refuse its own only Pod",
        given: [
          configuration(entry("guard.example.com", "namespaceSelector: {}")),
          service,
          slice,
          pod("guard-1", true),
          namespaces,
        ],
        expect: [{ rule: "webhook-blocks-itself", object, severity: "risk" }],
      },
      {
        name: "every Pod may wait 30 seconds for it",
        given: [configuration(entry("guard.example.com", "timeoutSeconds: 30, namespaceSelector: {}")), ...healthy],
        expect: [{ rule: "webhook-slow-broad", object, severity: "risk" }],
      },
    ],
    silent: [
      { name: "all is there", given: [guard, ...healthy] },
      { name: "Services could not be read", given: [guard], unread: ["Service"] },
      { name: "slices could not be read", given: [guard, service], unread: ["EndpointSlice"] },
      {
        name: "made seconds ago, before its Service",
        given: [but(guard, `metadata: { creationTimestamp: "${ago("20s")}" }`)],
      },
      {
        name: "a URL",
        given: [configuration(entry("guard.example.com", "clientConfig: { url: https://guard.example.com/check }"))],
      },
      { name: "no rules: it intercepts nothing", given: [configuration(entry("guard.example.com", "rules: []"))] },
      {
        name: "no namespace fits its selector",
        given: [
          configuration(entry("guard.example.com", "namespaceSelector: { matchLabels: { guarded: 'yes' } }")),
          namespaces,
        ],
      },
      {
        name: "one ready Pod beside one that is not",
        given: [guard, service, slice, pod("guard-1", true), pod("guard-2", false), namespaces],
      },
      { name: "its only Pod was replaced a moment ago", given: [guard, service, pod("guard-1", false, "10s")] },
      {
        name: "calls failed, and the workload has its Pods since",
        given: [guard, ...healthy, workload(2), failure("connect: connection refused")],
      },
      {
        name: "calls failed two hours ago",
        given: [guard, ...healthy, workload(1), failure("connect: connection refused", "2h")],
      },
      {
        name: "calls fail of a webhook whose name two configurations hold",
        given: [
          guard,
          but(guard, `kind: ${other}\nmetadata: { name: elsewhere }`),
          ...healthy,
          workload(0),
          failure("context deadline exceeded"),
        ],
      },
      {
        name: "an injector is about to fill caBundle",
        given: [
          but(
            withBundle(""),
            `metadata: { creationTimestamp: "${ago("2m")}", annotations: { cert-manager.io/inject-ca-from: guard-system/guard } }`,
          ),
          ...healthy,
        ],
      },
      { name: "an old and a new CA in one bundle", given: [withBundle(join(expired, valid)), ...healthy] },
      { name: "a CA of three weeks is renewed by a machine", given: [withBundle(shortLived), ...healthy] },
      {
        name: "its own Pods are left out by their label",
        given: [
          configuration(
            entry(
              "guard.example.com",
              "namespaceSelector: {}, objectSelector: { matchExpressions: [{ key: app, operator: NotIn, values: [guard] }] }",
            ),
          ),
          service,
          slice,
          pod("guard-1", true),
          namespaces,
        ],
      },
      {
        name: "being deleted",
        given: [but(guard, `metadata: { deletionTimestamp: "${ago("5s")}", finalizers: [example.com/guard] }`)],
      },
    ],
  });
}

export default [
  table("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"),
  table("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
];
