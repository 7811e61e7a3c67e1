/**
 * What the certificates of TLS Secrets say. They are read only with `--read-tls`; without it nothing is known of them, and
 * every rule here is silent.
 */
import { type CertificateDates, coversHost, parseBundle } from "../../kube/certificates.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import { namedRef, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { oncePerSnapshot, referencesOf } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { type Evidence, fact, field } from "../../findings/evidence.ts";
import type { Rule } from "../../findings/finding.ts";
import { addTo } from "../../kube/grouping.ts";

type Secret = KubeObject<"Secret">;

/** What is known of the certificates of a Secret; undefined when they were not read. */
export type TlsSecret =
  | { readonly state: "invalid"; readonly because: string; readonly evidence: readonly Evidence[] }
  | { readonly state: "valid"; readonly chain: readonly [CertificateDates, ...CertificateDates[]] };

const judged = oncePerSnapshot(() => new Map<Secret, TlsSecret | undefined>());

/** The certificates of a Secret: the leaf, then those that stand for it. */
export function tlsSecret(snapshot: Snapshot, secret: Secret | undefined): TlsSecret | undefined {
  if (secret?.tls === undefined) return undefined;
  const known = judged(snapshot);
  if (!known.has(secret)) known.set(secret, judge(secret));
  return known.get(secret);
}

function judge(secret: Secret): TlsSecret | undefined {
  const { certificateBundle, lacks = [] } = secret.tls ?? {};
  if (certificateBundle === undefined) return undefined;
  const ref = refOf("Secret", secret);
  if (lacks.length > 0) {
    return {
      state: "invalid",
      because: `its entry ${lacks.join(" and its entry ")} is empty`,
      evidence: [fact(ref, "empty entries", [...lacks])],
    };
  }
  const [leaf, ...others] = parseBundle(certificateBundle) ?? [];
  if (leaf === undefined) {
    const because = certificateBundle === "" ? "it holds no certificate" : "its certificate cannot be parsed";
    return { state: "invalid", because, evidence: [fact(ref, "readable certificates in tls.crt", 0)] };
  }
  return { state: "valid", chain: [leaf, ...others] };
}

/** Masked names say nothing of hosts (anonymize/certificate.ts). */
const masked = /^x+$|^0+(?:\.0+)*$/;

/** The hosts that none of the certificates is for; none where a certificate is not known, or its names are masked. */
export function uncoveredHosts(
  certificates: readonly (TlsSecret | undefined)[],
  hosts: readonly string[],
): readonly string[] {
  const names: string[] = [];
  for (const certificate of certificates) {
    if (certificate?.state !== "valid") return [];
    names.push(...certificate.chain[0].names);
  }
  if (certificates.length === 0 || names.some((name) => masked.test(name))) return [];
  return hosts.filter((host) => host !== "" && !names.some((name) => coversHost(name, host)));
}

/** What the certificates are for, to stand beside the hosts that they are not for. */
export function namesEvidence(
  secrets: readonly { readonly ref: ObjectRef; readonly certificate: TlsSecret | undefined }[],
): readonly Evidence[] {
  return secrets.flatMap(({ ref, certificate }) =>
    certificate?.state === "valid"
      ? [fact(ref, "names of the certificate", certificate.chain[0].names.slice(0, 12).join(", ") || "none")]
      : [],
  );
}

/** `tls-hostname-mismatch`, which Ingresses and Gateways share; `{secret}` and `{secretNamespace}` are the certificate's. */
export const hostnameMismatch: Rule = {
  severity: "warning",
  depth: 4,
  message: "The certificate is not one for the host that it serves",
  why: "Browsers and clients refuse the site",
  fix: "Use a certificate whose alternative names hold the host, or correct the host; a wildcard stands for one label only",
  source: "concepts/services-networking/ingress/#tls",
  commands: [
    "kubectl -n {secretNamespace} get secret {secret} -o jsonpath='{.metadata.annotations}'",
    "kubectl -n {namespace} describe {kind} {name}",
  ],
  silent: [
    "without --read-tls, or a Secret of another type than kubernetes.io/tls",
    "another certificate of the same object is one for the host",
    "TLS that is passed through, and controllers that take certificates from elsewhere",
  ],
};

/** `tls-chain-broken`. */
export const chainBroken: Rule = {
  severity: ["critical", "warning"],
  depth: 4,
  message: "The certificates of a TLS Secret do not form a chain",
  why: "Clients that do not have the missing link refuse the site, although some browsers find it by themselves",
  fix: "Put the site's own certificate first in tls.crt, and after it the one that signed it",
  source: "https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2",
  commands: [
    "kubectl -n {namespace} get secret {secret} -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl storeutl -noout -text -certs /dev/stdin",
  ],
  silent: [
    "without --read-tls, or a Secret of another type than kubernetes.io/tls",
    "a certificate that stands alone",
    "Secrets that no Ingress or Gateway names",
  ],
};

/** What keeps the certificates from being a chain; undefined when they are one, or only one. */
export function chainFault(
  chain: readonly CertificateDates[],
): { readonly severity: "critical" | "warning"; readonly because: string } | undefined {
  const [first, ...others] = chain;
  if (first === undefined || others.length === 0) return undefined;
  if (first.isAuthority && others.some(({ isAuthority }) => !isAuthority)) {
    return { severity: "critical", because: "the site's own certificate does not stand first" };
  }
  if (first.isAuthority || others.some(({ subject }) => subject === first.issuer)) return undefined;
  return { severity: "warning", because: "the one that signed it is not among those that follow" };
}

/** Who shows the certificate of each Secret: Ingresses, Gateways, and Pods that mount it. By `namespace/name`. */
const usersBySecret = oncePerSnapshot((snapshot) => {
  const users = new Map<string, ObjectRef[]>();
  const add = (namespace: string | undefined, name: string | undefined, user: ObjectRef): void => {
    if (name !== undefined && name !== "") addTo(users, `${namespace ?? ""}/${name}`, user);
  };
  for (const ingress of snapshot.list("Ingress")) {
    for (const { secretName } of ingress.spec?.tls ?? [])
      add(ingress.metadata?.namespace, secretName, refOf("Ingress", ingress));
  }
  for (const gateway of snapshot.list("Gateway")) {
    for (const { tls } of gateway.spec?.listeners ?? []) {
      for (const { kind = "Secret", namespace = gateway.metadata?.namespace, name } of tls?.certificateRefs ?? []) {
        if (kind === "Secret") add(namespace, name, refOf("Gateway", gateway));
      }
    }
  }
  for (const pod of snapshot.list("Pod")) {
    for (const { kind, name } of referencesOf(pod.spec))
      if (kind === "Secret") add(pod.metadata?.namespace, name, refOf("Pod", pod));
  }
  return users;
});

/** Who uses the Secret. */
export function usersOf(snapshot: Snapshot, { metadata }: Secret): readonly ObjectRef[] {
  return usersBySecret(snapshot).get(`${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`) ?? [];
}

/** The Secret that somebody names, and what is known of its certificates. */
export function certificateAt(
  snapshot: Snapshot,
  namespace: string | undefined,
  name: string,
): { readonly ref: ObjectRef; readonly certificate: TlsSecret | undefined } {
  const secret = snapshot.get("Secret", namespace, name);
  return { ref: namedRef("Secret", namespace, name), certificate: tlsSecret(snapshot, secret) };
}

/** The dates of a certificate, for a reader. */
export function datesEvidence(ref: ObjectRef, { subject, issuer, names, notAfter }: CertificateDates): Evidence[] {
  return [
    fact(ref, "valid until", new Date(notAfter).toISOString()),
    ...(names.length > 0 ? [fact(ref, "names of the certificate", names.slice(0, 12).join(", "))] : []),
    ...(names.length === 0 && subject !== "" ? [fact(ref, "subject of the certificate", subject)] : []),
    ...(issuer === "" ? [] : [fact(ref, "issuer of the certificate", issuer)]),
  ];
}

/** Which object says where the certificate is used: one field of it. */
export function useEvidence(users: readonly ObjectRef[], secret: string): readonly Evidence[] {
  return users.slice(0, 3).map((user) => {
    if (user.kind === "Ingress") return field(user, "spec.tls[].secretName", secret);
    if (user.kind === "Gateway") return field(user, "spec.listeners[].tls.certificateRefs[].name", secret);
    return fact(user, "mounts or reads it", secret);
  });
}
