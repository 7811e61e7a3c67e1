/** Reads PEM bundles: dates and names only. Private keys never come here. */
import { X509Certificate } from "node:crypto";

/** What is kept of a certificate. */
export interface CertificateDates {
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM bundle that the API holds as base64; undefined when it holds none or one cannot be parsed.
 */
export function parseBundle(base64: string): readonly CertificateDates[] | undefined {
  const blocks = Buffer.from(base64, "base64").toString("latin1").match(block) ?? [];
  if (blocks.length === 0) return undefined;
  const certificates: CertificateDates[] = [];
  for (const pem of blocks) {
    try {
      const { subject, validFrom, validTo } = new X509Certificate(pem);
      certificates.push({
        subject: (subject ?? "").replaceAll("\n", ", "),
        notBefore: Date.parse(validFrom),
        notAfter: Date.parse(validTo),
      });
    } catch {
      return undefined;
    }
  }
  return certificates;
}
