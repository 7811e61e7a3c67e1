import { certificateSigningRequest } from "../../src/analyzers/certificate-signing-request.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

/** A request that a server takes: signed by a key that was thrown away. */
const pem =
  "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIdU1JR1dBZ0VBTURReEZUQVRCZ05WQkFvTURITjVjM1JsYlRwdWIyUmxjekViTUJrR0ExVUVBd3dTYzNsegpkR1Z0T201dlpHVTZibTlrWlMweE1Ga3dFd1lIS29aSXpqMENBUVlJS29aSXpqMERBUWNEUWdBRWY3RmJ1WkJaCm5Ba04xamlWeGxwRHN6aFMyWXFtSjJSOFEzaDF1djcweWJZNUJtYnM2b2dEVTlYaTNPRS83RkJPZHVvbGxnOXkKTjFrald1dFFXSUY4ZTZBQU1Bb0dDQ3FHU000OUJBTUNBMGNBTUVRQ0lBbFUzWnFrQ2RJMjgzOWVZcStmeTZpRwpSOEVYWjdWRkhneHlYUG10NDhLMEFpQlJUR0F4NG9YRllzVDhnMTliMVhNTEtCM0FZWDJNMEczZmQvRndTaFozCjNnPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==";
const serving = "kubernetes.io/kubelet-serving";
const client = "kubernetes.io/kube-apiserver-client-kubelet";
const asks = (name: string, age: string, signer: string, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: certificates.k8s.io/v1
      kind: CertificateSigningRequest
      metadata: { name: ${name}, creationTimestamp: "${ago(age)}" }
      spec: { request: ${pem}, signerName: ${signer}, usages: [digital signature, ${signer === client ? "client" : "server"} auth] }
    `,
    changes,
  );
const of = (node: string): string =>
  `spec: { username: "system:node:${node}", groups: [system:nodes, system:authenticated] }`;
const decided = (type: string, reason = "AutoApproved"): string =>
  `status: { conditions: [{ type: ${type}, status: "True", reason: ${reason}, message: said, lastTransitionTime: "${ago("5m")}" }] }`;
const node = (name: string, age = "9d"): readonly Manifest[] =>
  yaml`{ apiVersion: v1, kind: Node, metadata: { name: ${name}, creationTimestamp: "${ago(age)}" } }`;
const metrics = (status: string): readonly Manifest[] => yaml`
  apiVersion: apiregistration.k8s.io/v1
  kind: APIService
  metadata: { name: v1beta1.metrics.k8s.io }
  spec: { group: metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100, service: { namespace: kube-system, name: metrics-server, port: 443 } }
  status: { conditions: [{ type: Available, status: "${status}", reason: said, message: said, lastTransitionTime: "${ago("1h")}" }] }
`;
const pending = "node-csr-pending";
const denied = "node-csr-denied";
const byServer = "an API server sets the user to who asks";
const byApprover = "an API server takes a decision only where it is approved";

export default cases(certificateSigningRequest, {
  fires: [
    {
      name: "a kubelet that joins waits",
      given: [asks("csr-a", "20m", client)],
      expect: [{ rule: pending, object: "CertificateSigningRequest/csr-a", severity: "warning" }],
    },
    {
      name: "a serving certificate that nobody approves",
      given: [asks("csr-b", "20m", serving)],
      expect: [
        {
          rule: pending,
          object: "CertificateSigningRequest/csr-b",
          severity: "warning",
          because: "the certificate that the kubelet serves with",
        },
      ],
    },
    {
      name: "one finding for all nodes and all their tries",
      given: [
        node("node-1"),
        node("node-2"),
        asks("csr-1", "50m", serving, of("node-1")),
        asks("csr-2", "30m", serving, of("node-1")),
        asks("csr-3", "30m", serving, of("node-2")),
      ],
      expect: [{ rule: pending, object: "Node/node-1", severity: "warning" }],
      notLive: byServer,
    },
    {
      name: "metrics come: old nodes serve with the certificate of before",
      given: [node("node-1"), metrics("True"), asks("csr-1", "50m", serving, of("node-1"))],
      expect: [{ rule: pending, object: "Node/node-1", severity: "info" }],
      notLive: byServer,
    },
    {
      name: "metrics come, and the node is new: it never had a certificate",
      given: [node("node-1", "1h"), metrics("True"), asks("csr-1", "50m", serving, of("node-1"))],
      expect: [{ rule: pending, object: "Node/node-1", severity: "warning" }],
      notLive: byServer,
    },
    {
      name: "metrics do not come",
      given: [node("node-1"), metrics("False"), asks("csr-1", "50m", serving, of("node-1"))],
      expect: [{ rule: pending, object: "Node/node-1", severity: "warning" }],
      notLive: byServer,
    },
    {
      name: "approved before, and not this time",
      given: [
        node("node-1"),
        asks("csr-1", "55m", client, `${of("node-1")}\n${decided("Approved")}`),
        asks("csr-2", "20m", client, of("node-1")),
      ],
      expect: [{ rule: pending, object: "Node/node-1", severity: "warning" }],
      notLive: byServer,
    },
    {
      name: "refused",
      given: [node("node-1"), asks("csr-1", "6m", serving, `${of("node-1")}\n${decided("Denied", "WrongAddress")}`)],
      expect: [{ rule: denied, object: "Node/node-1", severity: "warning" }],
      notLive: byApprover,
    },
    {
      name: "approved, and could not be signed",
      given: [node("node-1"), asks("csr-1", "6m", serving, `${of("node-1")}\n${decided("Failed", "SignerFailed")}`)],
      expect: [
        {
          rule: denied,
          object: "Node/node-1",
          because: "the certificate that the kubelet serves with; it was approved, and the signer could not sign it",
        },
      ],
      notLive: byApprover,
    },
  ],
  silent: [
    { name: "asked ten minutes ago", given: [asks("csr-a", "10m", client)] },
    {
      name: "a signer that is not for kubelets",
      given: [asks("csr-a", "3h", "example.com/mesh"), asks("csr-b", "3h", "kubernetes.io/kube-apiserver-client")],
    },
    { name: "approved", given: [asks("csr-a", "30m", client, decided("Approved"))], notLive: byApprover },
    {
      name: "a later request of the node was approved",
      given: [
        node("node-1"),
        asks("csr-1", "50m", serving, of("node-1")),
        asks("csr-2", "40m", serving, `${of("node-1")}\n${decided("Denied")}`),
        asks("csr-3", "20m", serving, `${of("node-1")}\n${decided("Approved")}`),
      ],
      notLive: byServer,
    },
    {
      name: "the node is gone",
      given: [node("node-2"), asks("csr-1", "50m", serving, of("node-1"))],
      notLive: byServer,
    },
    {
      name: "the request is being deleted",
      given: [asks("csr-a", "30m", client, `metadata: { deletionTimestamp: "${ago("1m")}" }`)],
      notLive: "an API server deletes it at once",
    },
  ],
});
