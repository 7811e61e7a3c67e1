import { certificate } from "../../src/analyzers/certificate.ts";
import type { CertificateDates } from "../../src/kube/certificates.ts";
import { ago, but, cases, takenAt, yaml } from "./cases.ts";
import { certificates, tlsSecret } from "./certificates.ts";

/** A time after the snapshot. */
const ahead = (days: number) => new Date(takenAt + days * 86_400_000).toISOString().replace(".000Z", "Z");

const issuer = yaml`
  apiVersion: cert-manager.io/v1
  kind: Issuer
  metadata: { name: ca, namespace: shop }
  spec: { ca: { secretName: ca-key } }
  status: { conditions: [{ type: Ready, status: "True", reason: KeyPairVerified }] }
`;
const caKey = yaml`{ apiVersion: v1, kind: Secret, metadata: { name: ca-key, namespace: shop } }`;
const secret = yaml`{ apiVersion: v1, kind: Secret, metadata: { name: web-tls, namespace: shop } }`;
const web = (status: string, more = "{}") =>
  but(
    yaml`
      apiVersion: cert-manager.io/v1
      kind: Certificate
      metadata: { name: web, namespace: shop }
      spec: { secretName: web-tls, dnsNames: [shop.example.com], issuerRef: { name: ca } }
      status: ${status}
    `,
    more,
  );
const ready = `conditions: [{ type: Ready, status: "True", reason: Ready, lastTransitionTime: "${ago("30d")}" }]`;
const dated = (from: string, to: string, renewal?: string) =>
  `{ ${ready}, notBefore: "${from}", notAfter: "${to}"${renewal === undefined ? "" : `, renewalTime: "${renewal}"`} }`;
const never = (since: string, issuing = "") =>
  `{ conditions: [{ type: Ready, status: "False", reason: DoesNotExist, message: Issuing certificate as Secret does not exist, lastTransitionTime: "${since}" }${issuing}] }`;
const failed = `, { type: Issuing, status: "False", reason: Failed, message: "The certificate request has failed to complete and will be retried: Failed to wait for order resource \\"web-1\\" to become ready: order is in \\"invalid\\" state", lastTransitionTime: "${ago("20m")}" }`;
const broken = but(
  issuer,
  `{ status: { conditions: [{ type: Ready, status: "False", reason: ErrGetKeyPair, message: 'Error getting keypair for CA issuer: secrets "ca-key" not found', lastTransitionTime: "${ago("2h")}" }] } }`,
);
const ingress = yaml`
  apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: { name: web, namespace: shop }
  spec: { tls: [{ hosts: [shop.example.com], secretName: web-tls }], defaultBackend: { service: { name: web, port: { number: 80 } } } }
`;

/** Two certificates in one entry, as a chain is kept. */
function chained(...parts: readonly string[]): string {
  return Buffer.concat(parts.map((part) => Buffer.from(part, "base64"))).toString("base64");
}

const mounting = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: web, namespace: shop }
  spec:
    containers: [{ name: web, image: "web:1", volumeMounts: [{ name: tls, mountPath: /tls }] }]
    volumes: [{ name: tls, secret: { secretName: web-tls } }]
`;

const dayMs = 86_400_000;
const notLive =
  "the server's own certificates do not lie in the past; test/cluster/facts.cluster.test.ts reads real ones";

/** A certificate that lives from so many days ago to so many days ahead. */
const cert = (from: number, to: number, more: Partial<CertificateDates> = {}): CertificateDates => ({
  subject: "CN=kube-apiserver",
  issuer: "CN=kubernetes",
  names: ["api.example.com"],
  isAuthority: false,
  notBefore: takenAt - from * dayMs,
  notAfter: takenAt + to * dayMs,
  ...more,
});
const root = (from: number, to: number): CertificateDates =>
  cert(from, to, { subject: "CN=kubernetes", names: [], isAuthority: true });
const apiServer = "APIServer/case";

export default cases(certificate, {
  fires: [
    {
      name: "the authority stands before the certificate that it signed",
      given: [ingress, tlsSecret("web-tls", chained(certificates.authority, certificates.signed))],
      expect: [
        {
          rule: "tls-chain-broken",
          object: "Secret/shop/web-tls",
          severity: "critical",
          because: "the site's own certificate does not stand first",
        },
      ],
    },
    {
      name: "what follows the certificate did not sign it",
      given: [ingress, tlsSecret("web-tls", chained(certificates.valid, certificates.authority))],
      expect: [
        {
          rule: "tls-chain-broken",
          object: "Secret/shop/web-tls",
          severity: "warning",
          because: "the one that signed it is not among those that follow",
        },
      ],
    },
    {
      name: "the API server's certificate has three weeks left",
      given: [],
      facts: { servedCertificate: { host: "api.example.com", certificates: [cert(345, 20)] } },
      expect: [{ rule: "apiserver-cert-expiring", object: apiServer, severity: "warning" }],
      notLive,
    },
    {
      name: "the API server's certificate ends tomorrow, and a proxy may have shown it",
      given: [],
      facts: {
        servedCertificate: { host: "api.example.com", certificates: [cert(364, 1, { issuer: "CN=proxies" })] },
        clusterAuthorities: [root(364, 3000)],
      },
      expect: [
        {
          rule: "apiserver-cert-expiring",
          object: apiServer,
          severity: "critical",
          because: "another authority than the kubeconfig's signed it: it may be that of a proxy",
        },
      ],
      notLive,
    },
    {
      name: "the authority of the cluster ends within half a year",
      given: [],
      facts: { clusterAuthorities: [root(3550, 100)] },
      expect: [{ rule: "cluster-ca-expiring", object: apiServer, severity: "warning" }],
      notLive,
    },
    {
      name: "the client certificate of the kubeconfig ends within two weeks",
      given: [],
      facts: {
        credential: {
          user: "admin",
          type: "client certificate",
          notBefore: takenAt - 355 * dayMs,
          notAfter: takenAt + 10 * dayMs,
        },
      },
      expect: [{ rule: "kubeconfig-credential-expiring", object: "User/admin", severity: "warning" }],
      notLive,
    },
    {
      name: "the token of the kubeconfig has expired",
      given: [],
      facts: { credential: { user: "ci", type: "token", notAfter: takenAt - dayMs } },
      expect: [{ rule: "kubeconfig-credential-expiring", object: "User/ci", severity: "critical" }],
      notLive,
    },
    {
      name: "the certificate of a Secret that an Ingress names has expired",
      given: [ingress, tlsSecret("web-tls", certificates.expired)],
      expect: [{ rule: "tls-cert-expired", object: "Secret/shop/web-tls", severity: "critical" }],
    },
    {
      name: "the certificate of a Secret has five days left",
      given: [ingress, tlsSecret("web-tls", certificates.expiring)],
      expect: [{ rule: "tls-cert-expiring", object: "Secret/shop/web-tls", severity: "warning" }],
    },
    {
      name: "the certificate of a Secret has two days left",
      given: [ingress, tlsSecret("web-tls", certificates.lastDays)],
      expect: [{ rule: "tls-cert-expiring", object: "Secret/shop/web-tls", severity: "critical" }],
    },
    {
      name: "of a chain the one counts that ends first",
      given: [ingress, tlsSecret("web-tls", chained(certificates.valid, certificates.expiring))],
      expect: [
        {
          rule: "tls-cert-expiring",
          object: "Secret/shop/web-tls",
          because: "it is one of those that stand for the certificate",
        },
        { rule: "tls-chain-broken", object: "Secret/shop/web-tls", severity: "warning" },
      ],
    },
    {
      name: "a Pod mounts the Secret",
      given: [mounting, tlsSecret("web-tls", certificates.expired)],
      expect: [{ rule: "tls-cert-expired", object: "Secret/shop/web-tls", severity: "critical" }],
    },
    {
      name: "nothing names the Secret",
      given: [tlsSecret("old-tls", certificates.expired)],
      expect: [
        {
          rule: "tls-cert-expired",
          object: "Secret/shop/old-tls",
          severity: "info",
          because: "nothing names the Secret",
        },
      ],
    },
    {
      name: "whether a Pod reads the Secret is not known",
      given: [tlsSecret("web-tls", certificates.expired)],
      unread: ["Pod"],
      expect: [{ rule: "tls-cert-expired", object: "Secret/shop/web-tls", severity: "critical" }],
    },
    {
      name: "expired",
      given: [issuer, secret, ingress, web(dated(ago("91d"), ago("1d"), ago("31d")))],
      expect: [{ rule: "tls-cert-expired", object: "Certificate/shop/web", severity: "critical" }],
    },
    {
      name: "two days left, and no renewal planned",
      given: [issuer, secret, web(dated(ago("88d"), ahead(2)))],
      expect: [
        {
          rule: "tls-cert-expiring",
          object: "Certificate/shop/web",
          severity: "critical",
          because: "no renewal is planned",
        },
      ],
    },
    {
      name: "ten days left, and no renewal planned",
      given: [issuer, secret, web(dated(ago("80d"), ahead(10)))],
      expect: [{ rule: "tls-cert-expiring", object: "Certificate/shop/web", severity: "warning" }],
    },
    {
      name: "its renewal was due two days ago: late, with four weeks left",
      given: [issuer, secret, web(dated(ago("62d"), ahead(28), ago("2d")))],
      expect: [
        {
          rule: "tls-cert-expiring",
          object: "Certificate/shop/web",
          severity: "warning",
          because: "its renewal is late",
        },
      ],
    },
    {
      name: "its renewal is late because its issuer cannot sign",
      given: [broken, secret, web(dated(ago("62d"), ahead(28), ago("2d")))],
      expect: [
        { rule: "issuer-not-ready", object: "Issuer/shop/ca", severity: "warning", cause: "Secret/shop/ca-key" },
        { rule: "tls-cert-expiring", object: "Certificate/shop/web", cause: "Issuer/shop/ca" },
      ],
    },
    {
      name: "few days left, but the renewal is planned",
      given: [issuer, secret, web(dated(ago("80d"), ahead(10), ahead(5)))],
      expect: [
        {
          rule: "tls-cert-expiring",
          object: "Certificate/shop/web",
          severity: "info",
          because: "its renewal is planned",
        },
      ],
    },
    {
      name: "never issued",
      given: [issuer, web(never(ago("20m")))],
      expect: [
        {
          rule: "certificate-not-ready",
          object: "Certificate/shop/web",
          severity: "critical",
          because: "it was never issued",
        },
      ],
    },
    {
      name: "never issued: the order failed",
      given: [issuer, web(never(ago("20m"), failed))],
      expect: [
        {
          rule: "certificate-not-ready",
          object: "Certificate/shop/web",
          severity: "critical",
          because: "the issuer refused it or could not prove the names",
        },
      ],
    },
    {
      name: "being issued for longer than half an hour",
      given: [issuer, web(never(ago("40m"), `, { type: Issuing, status: "True", reason: DoesNotExist }`))],
      expect: [{ rule: "certificate-not-ready", object: "Certificate/shop/web" }],
    },
    {
      name: "what was issued before still works",
      given: [
        issuer,
        secret,
        web(
          `{ conditions: [{ type: Ready, status: "False", reason: SecretMismatch, lastTransitionTime: "${ago("1h")}" }], notBefore: "${ago("10d")}", notAfter: "${ahead(80)}", renewalTime: "${ahead(50)}" }`,
        ),
      ],
      expect: [
        {
          rule: "certificate-not-ready",
          object: "Certificate/shop/web",
          severity: "warning",
          because: "its Secret does not match what is asked for",
        },
      ],
    },
    {
      name: "the Secret was deleted",
      given: [
        issuer,
        web(
          `{ conditions: [{ type: Ready, status: "False", reason: DoesNotExist, lastTransitionTime: "${ago("1h")}" }], notBefore: "${ago("10d")}", notAfter: "${ahead(80)}" }`,
        ),
      ],
      expect: [{ rule: "certificate-not-ready", object: "Certificate/shop/web", severity: "critical" }],
    },
    {
      name: "not ready for a reason that is not known",
      given: [
        issuer,
        web(`{ conditions: [{ type: Ready, status: "False", reason: Brandnew, lastTransitionTime: "${ago("1h")}" }] }`),
      ],
      expect: [{ rule: "certificate-not-ready", object: "Certificate/shop/web" }],
    },
    {
      name: "an issuer that does not exist, for a certificate that was never issued",
      given: [web(never(ago("20m")))],
      expect: [
        { rule: "issuer-missing", object: "Certificate/shop/web", severity: "critical", cause: "Issuer/shop/ca" },
      ],
    },
    {
      name: "a ClusterIssuer that does not exist beside an Issuer of that name, for a certificate that works",
      given: [
        issuer,
        caKey,
        secret,
        web(dated(ago("10d"), ahead(80), ahead(50)), "{ spec: { issuerRef: { kind: ClusterIssuer } } }"),
      ],
      expect: [
        { rule: "issuer-missing", object: "Certificate/shop/web", severity: "warning", cause: "ClusterIssuer/ca" },
      ],
    },
    {
      name: "an issuer without its CA, and a certificate that waits for it",
      given: [broken, web(never(ago("20m")))],
      expect: [
        { rule: "certificate-not-ready", object: "Certificate/shop/web", cause: "Issuer/shop/ca" },
        {
          rule: "issuer-not-ready",
          object: "Issuer/shop/ca",
          severity: "critical",
          because: "the key pair of its CA cannot be read",
          cause: "Secret/shop/ca-key",
        },
      ],
    },
    {
      name: "a ClusterIssuer whose ACME account cannot be registered",
      given: [
        yaml`
          apiVersion: cert-manager.io/v1
          kind: ClusterIssuer
          metadata: { name: letsencrypt }
          spec: { acme: { server: "https://acme.example.com/directory", privateKeySecretRef: { name: account } } }
          status: { conditions: [{ type: Ready, status: "False", reason: ErrRegisterACMEAccount, lastTransitionTime: "${ago("1h")}" }] }
        `,
      ],
      expect: [
        {
          rule: "issuer-not-ready",
          object: "ClusterIssuer/letsencrypt",
          severity: "warning",
          because: "its ACME account cannot be registered",
        },
      ],
    },
  ],
  silent: [
    {
      name: "a certificate, followed by the authority that signed it",
      given: [ingress, tlsSecret("web-tls", chained(certificates.signed, certificates.authority))],
    },
    {
      name: "certificates in any order that nobody serves",
      given: [mounting, tlsSecret("web-tls", chained(certificates.authority, certificates.signed))],
    },
    {
      name: "an authority alone",
      given: [ingress, tlsSecret("web-tls", certificates.authority)],
    },
    {
      name: "certificates of the cluster with time left",
      given: [],
      facts: {
        servedCertificate: { host: "api.example.com", certificates: [cert(100, 265)] },
        clusterAuthorities: [root(100, 3550)],
        credential: {
          user: "admin",
          type: "client certificate",
          notBefore: takenAt - 100 * dayMs,
          notAfter: takenAt + 265 * dayMs,
        },
      },
      notLive,
    },
    {
      name: "a client certificate that lives for a day",
      given: [],
      facts: {
        credential: {
          user: "me",
          type: "client certificate",
          notBefore: takenAt - 0.95 * dayMs,
          notAfter: takenAt + 0.05 * dayMs,
        },
      },
      notLive,
    },
    {
      name: "a new authority stands beside the old one",
      given: [],
      facts: { clusterAuthorities: [root(3600, 20), root(1, 3650)] },
      notLive,
    },
    {
      name: "the certificate of a Secret has six weeks left",
      given: [ingress, tlsSecret("web-tls", certificates.valid)],
    },
    {
      name: "a Certificate is kept in the Secret, and is well: the next one is on its way",
      given: [issuer, caKey, tlsSecret("web-tls", certificates.expiring), web(dated(ago("10d"), ahead(80), ahead(50)))],
    },
    {
      name: "issued, and renewed in time",
      given: [issuer, caKey, secret, web(dated(ago("10d"), ahead(80), ahead(50)))],
    },
    {
      name: "its renewal is due since half an hour",
      given: [issuer, secret, web(dated(ago("60d"), ahead(30), ago("30m")))],
    },
    {
      name: "a certificate of a day, renewed every 16 hours",
      given: [issuer, secret, web(dated(ago("10h"), ahead(14 / 24), ahead(6 / 24)))],
    },
    { name: "asked for five minutes ago", given: [issuer, web(never(ago("5m")))] },
    {
      name: "being issued for 20 minutes",
      given: [issuer, web(never(ago("20m"), `, { type: Issuing, status: "True", reason: DoesNotExist }`))],
    },
    { name: "nothing is known of it yet", given: [issuer, web("{}", "{ status: null }")] },
    {
      name: "its condition tells of an older spec",
      given: [
        issuer,
        web(
          `{ conditions: [{ type: Ready, status: "False", reason: DoesNotExist, observedGeneration: 1, lastTransitionTime: "${ago("1h")}" }] }`,
          "{ metadata: { generation: 2 } }",
        ),
      ],
    },
    {
      name: "an issuer of another project",
      given: [
        web(
          "{}",
          "{ spec: { issuerRef: { kind: AWSPCAClusterIssuer, group: awspca.cert-manager.io } }, status: null }",
        ),
      ],
    },
    { name: "issuers could not be read", given: [web("{}", "{ status: null }")], unread: ["Issuer"] },
    {
      name: "an issuer that is a few minutes old",
      given: [
        but(
          issuer,
          `{ status: { conditions: [{ type: Ready, status: "False", reason: ErrGetKeyPair, lastTransitionTime: "${ago("5m")}" }] } }`,
        ),
      ],
    },
    {
      name: "being deleted",
      given: [
        issuer,
        web(never(ago("20m")), `{ metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [a.b/c] } }`),
      ],
    },
  ],
});
