/** Masking of what a cluster tells beside its objects: the names in certificates, of users, of a cloud's resources. */
import type { CertificateDates } from "../kube/certificates.ts";
import type { FactRead, Facts } from "../kube/facts.ts";
import { type Dictionary, runsIn } from "./dictionary.ts";
import { isKept, isPublicDomain, isPublicHost } from "./words.ts";

/** Learns the names that facts hold. */
export function learnFacts(dictionary: Dictionary, facts: Facts): void {
  const learnAll = (text: string, stem: string): void => {
    for (const run of runsIn(text)) if (!isKept(run) && !isPublicHost(run)) dictionary.learn(run, stem);
  };
  const { servedCertificate, clusterAuthorities = [], credential, eks } = facts;
  if (servedCertificate !== undefined) learnAll(servedCertificate.host, "host");
  for (const { names, subject, issuer } of servedCertificate?.certificates ?? []) {
    for (const name of names) learnAll(name, "host");
    for (const text of [subject, issuer]) learnAll(valuesOf(text), "subject");
  }
  for (const { subject, issuer } of clusterAuthorities) {
    for (const text of [subject, issuer]) learnAll(valuesOf(text), "subject");
  }
  if (credential !== undefined) learnAll(credential.user, "user");
  if (eks !== undefined) {
    dictionary.learn(eks.name, "cluster");
    for (const { resourceIds } of eks.issues) for (const id of resourceIds) dictionary.learn(id, "resource");
  }
}

/** `shop.example.com, Shop Ltd` of `CN=shop.example.com, O=Shop Ltd`. */
function valuesOf(subject: string): string {
  return subject.replaceAll(/(^|, )[A-Za-z]+=/g, "$1");
}

/**
 * Facts with their names masked. What AWS says of a cluster tells whose it is by every second word: it is left out, and the
 * reads say so.
 */
export function maskFacts(
  dictionary: Dictionary,
  facts: Facts | undefined,
  reads: readonly FactRead[] | undefined,
): { readonly facts?: Facts; readonly factReads?: readonly FactRead[] } {
  const text = (value: string): string => dictionary.mask(value);
  const certificate = ({ subject, issuer, names, ...rest }: CertificateDates): CertificateDates => ({
    subject: text(subject),
    issuer: text(issuer),
    names: names.map(text).sort(),
    ...rest,
  });
  const factReads: FactRead[] = (reads ?? []).map(({ reason, next, ...rest }) => ({
    ...rest,
    reason: text(reason),
    ...(next !== undefined && { next: text(next) }),
  }));
  if (facts === undefined) return factReads.length === 0 ? {} : { factReads };
  const { health, deprecatedRequests, servedCertificate, clusterAuthorities, credential, eks } = facts;
  if (eks !== undefined) {
    factReads.push({ fact: "eks", state: "skipped", reason: "left out when the snapshot was masked" });
  }
  return {
    facts: {
      ...(health !== undefined && { health }),
      ...(deprecatedRequests !== undefined && {
        deprecatedRequests: deprecatedRequests.filter(({ group }) => !group.includes(".") || isPublicDomain(group)),
      }),
      ...(servedCertificate !== undefined && {
        servedCertificate: {
          host: text(servedCertificate.host),
          certificates: servedCertificate.certificates.map(certificate),
        },
      }),
      ...(clusterAuthorities !== undefined && { clusterAuthorities: clusterAuthorities.map(certificate) }),
      ...(credential !== undefined && { credential: { ...credential, user: text(credential.user) } }),
    },
    ...(factReads.length > 0 && { factReads }),
  };
}
