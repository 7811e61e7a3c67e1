import { webcrypto, X509Certificate } from "node:crypto";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { describe, expect, it } from "vitest";
import { maskBundle } from "../../src/anonymize/certificate.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function certificate(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const made = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: "01",
      name: "CN=webhook-ca.acme, O=Acme Pay",
      notBefore: new Date("2026-01-01T00:00:00Z"),
      notAfter: new Date("2027-01-01T00:00:00Z"),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: "dns", value: "hook.acme-pay.svc" },
          { type: "ip", value: "10.9.8.7" },
        ]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  return made.toString("pem");
}

describe("maskBundle", () => {
  it("takes the names out of certificates and leaves their dates", async () => {
    const bundle = Buffer.from(`# the CA of acme\n${await certificate()}\n${await certificate()}\n`).toString("base64");
    const masked = Buffer.from(maskBundle(bundle) ?? "", "base64").toString();
    const blocks = masked.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    expect(blocks.length).toBe(2);
    expect(masked).not.toContain("#");
    for (const block of blocks) {
      const { raw, validTo, subject, issuer, subjectAltName } = new X509Certificate(block);
      expect(Date.parse(validTo)).toBe(Date.parse("2027-01-01T00:00:00Z"));
      expect(raw.toString("latin1")).not.toMatch(/acme|hook/i);
      expect(subject).toBe("CN=xxxxxxxxxxxxxxx\nO=xxxxxxxx");
      expect(issuer).toBe(subject);
      expect(subjectAltName).toBe("DNS:xxxxxxxxxxxxxxxxx, IP Address:0.0.0.0");
    }
  });

  it.each([
    "",
    "!!",
    Buffer.from("acme").toString("base64"),
    Buffer.from("-----BEGIN CERTIFICATE-----\n??\n-----END CERTIFICATE-----").toString("base64"),
  ])("gives nothing for what holds no certificate: %j", (bundle) => {
    expect(maskBundle(bundle)).toBeUndefined();
  });
});
