/** Reads PEM bundles: dates and names only. Private keys never come here. */
import { X509Certificate } from "node:crypto";

/** What is kept of a certificate. */
export interface CertificateDates {
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly issuer: string;
  /** The DNS names and addresses that it is for. */
  readonly names: readonly string[];
  /** Whether it may sign others. */
  readonly isAuthority: boolean;
}

const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The PEM certificates in base64 text, as base64 again, without all that stands around them; empty when there are none. */
export function bundleOf(base64: string): string {
  const blocks = Buffer.from(base64, "base64").toString("latin1").match(block) ?? [];
  return Buffer.from(blocks.map((pem) => `${pem}\n`).join("")).toString("base64");
}

/** `DNS:shop.example.com, IP Address:10.0.0.1`, as Node prints alternative names. */
function namesIn(text: string | undefined): readonly string[] {
  return [...(text ?? "").matchAll(/(?:^|, )(?:DNS|IP Address):([^,"]+)/g)].map(([, name = ""]) => name);
}

/** Whether a certificate for `name` is one for `host`: a wildcard stands for one label (RFC 6125, section 6.4.3). */
export function coversHost(name: string, host: string): boolean {
  const [given, wanted] = [name.toLowerCase(), host.toLowerCase()];
  if (given === wanted) return true;
  const [, parent] = /^\*\.(.+)$/.exec(given) ?? [];
  return parent !== undefined && !wanted.startsWith("*") && wanted.slice(wanted.indexOf(".") + 1) === parent;
}

/**
 * The certificates of a PEM bundle that the API holds as base64; undefined when it holds none or one cannot be parsed.
 */
export function parseBundle(base64: string): readonly CertificateDates[] | undefined {
  return certificatesIn(Buffer.from(base64, "base64").toString("latin1"));
}

/** The certificates of a PEM text; undefined when it holds none or one cannot be parsed. */
export function certificatesIn(pem: string): readonly CertificateDates[] | undefined {
  const blocks = pem.match(block) ?? [];
  if (blocks.length === 0) return undefined;
  try {
    return blocks.map((text) => certificateDates(new X509Certificate(text)));
  } catch {
    return undefined;
  }
}

/** What one certificate says. */
export function certificateDates(certificate: X509Certificate): CertificateDates {
  const { subject, issuer, subjectAltName, ca, validFrom, validTo } = certificate;
  return {
    subject: (subject ?? "").replaceAll("\n", ", "),
    issuer: (issuer ?? "").replaceAll("\n", ", "),
    names: namesIn(subjectAltName),
    isAuthority: ca,
    notBefore: Date.parse(validFrom),
    notAfter: Date.parse(validTo),
  };
}
