import { expect, test } from "vitest";
import { certificate } from "../../src/analyzers/certificate.ts";
import { maskSnapshot } from "../../src/anonymize/snapshot.ts";
import { createSnapshot, type SnapshotInput } from "../../src/kube/snapshot.ts";
import { takenAt } from "../analyzers/cases.ts";

const dayMs = 86_400_000;
const input: SnapshotInput = {
  takenAt,
  cluster: { name: "acme-prod", source: "saved" },
  objects: {},
  reads: [],
  facts: {
    health: [{ name: "etcd", isPassed: true }],
    deprecatedRequests: [
      { group: "networking.k8s.io", version: "v1beta1", resource: "ipaddresses", removedRelease: "1.37" },
      { group: "ledger.acme.example", version: "v1alpha1", resource: "ledgers" },
    ],
    servedCertificate: {
      host: "api.acme.example",
      certificates: [
        {
          subject: "CN=api.acme.example, O=Falcon",
          issuer: "CN=falcon-ca",
          names: ["api.acme.example"],
          isAuthority: false,
          notBefore: takenAt - 300 * dayMs,
          notAfter: takenAt + 10 * dayMs,
        },
      ],
    },
    clusterAuthorities: [
      {
        subject: "CN=falcon-ca",
        issuer: "CN=falcon-ca",
        names: [],
        isAuthority: true,
        notBefore: 0,
        notAfter: takenAt + 5000 * dayMs,
      },
    ],
    credential: { user: "jane.roe@acme.example", type: "token", notAfter: takenAt + dayMs },
    eks: {
      region: "eu-central-1",
      name: "acme",
      issues: [{ code: "AccessDenied", message: "m", resourceIds: ["arn:aws:iam::111122223333:role/acme"] }],
    },
  },
  factReads: [{ fact: "eks", state: "unread", reason: "forbidden for jane.roe@acme.example" }],
};

function rulesOf(given: SnapshotInput): readonly string[] {
  return [...certificate.check(createSnapshot(given))].map(({ rule, object }) => `${rule} ${object.kind}`).sort();
}

test("no name of a certificate, user or cloud is left, and the same rules find the same", () => {
  const masked = maskSnapshot(input);
  expect(JSON.stringify(masked)).not.toMatch(/acme|falcon|jane|roe|ledger|111122223333/i);
  expect(rulesOf(masked)).toEqual(rulesOf(input));
  expect(rulesOf(masked)).toEqual(["apiserver-cert-expiring APIServer", "kubeconfig-credential-expiring User"]);
  // What was signed by the authority still is.
  const [own] = masked.facts?.servedCertificate?.certificates ?? [];
  expect(own?.issuer).toBe(masked.facts?.clusterAuthorities?.[0]?.subject);
  expect(maskSnapshot(input)).toEqual(masked);
});
