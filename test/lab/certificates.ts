// The lab's own certificate authority. Keys are ECDSA P-256, because they are made in a millisecond and every part of
// Kubernetes takes them, for service account tokens too. Nothing here outlives the lab that asked for it.
import "reflect-metadata"; // What @peculiar/x509 is built on asks its user to load this first.
import { generateKeyPairSync, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 24 * 60 * 60 * 1000;

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Whom a certificate speaks for, and what it may be used for. */
export interface CertificateRequest {
  /** The user name, or the name of the server. */
  readonly commonName: string;
  /** The groups of the user (`O=`), as Kubernetes reads client certificates. */
  readonly groups?: readonly string[];
  /** The DNS names and IP addresses that a server answers to. Without them the certificate is one for clients. */
  readonly hosts?: readonly string[];
  /** From when to when it is valid. By default from a minute ago, for a year. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** A certificate authority: its own certificate, and a way to have others signed. */
export interface Authority {
  /** The authority's certificate, PEM. */
  readonly cert: string;
  /** The authority's private key, PEM: the controller manager signs certificates with it. */
  readonly key: string;
  readonly issue: (request: CertificateRequest) => Promise<KeyPair>;
}

/** A new certificate authority called `commonName`. */
export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await newKeys();
  const name = subject(commonName, []);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3650 * dayMs),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    cert: certificate.toString("pem"),
    key: await privateKeyPem(keys),
    issue: async (request) => {
      const own = await newKeys();
      const issued = await x509.X509CertificateGenerator.create({
        subject: subject(request.commonName, request.groups ?? []),
        issuer: name,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        notBefore: request.notBefore ?? new Date(Date.now() - 60_000),
        notAfter: request.notAfter ?? new Date(Date.now() + 365 * dayMs),
        extensions: [
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([
            request.hosts === undefined ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth,
          ]),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
          ...(request.hosts === undefined
            ? []
            : [new x509.SubjectAlternativeNameExtension(request.hosts.map(alternativeName))]),
        ],
      });
      return { cert: issued.toString("pem"), key: await privateKeyPem(own) };
    },
  };
}

/** A pair of keys without a certificate, PEM: what service account tokens are signed and checked with. */
export function signingKeys(): { readonly privateKey: string; readonly publicKey: string } {
  return generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "sec1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
}

function subject(commonName: string, groups: readonly string[]): x509.JsonName {
  // One relative name per group: a multi-valued one would be read as a single group by some parsers.
  return [...groups.map((group) => ({ O: [group] })), { CN: [commonName] }];
}

function alternativeName(host: string): x509.JsonGeneralName {
  return { type: /^[\d.]+$|:/.test(host) ? "ip" : "dns", value: host };
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function privateKeyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
}
