import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { conditionOf, hasSettled, isGoingAway, isStatusStale } from "../kube/guards.ts";
import type { Condition, KubeObject } from "../kube/kinds.ts";
import { certificateReasonInWords, issuerReasonInWords } from "../kube/messages/certificate.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, formatDuration, hourMs, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { clusterCertificateRules, clusterCertificates } from "./rules/cluster-certificates.ts";
import { chainBroken, chainFault, datesEvidence, tlsSecret, useEvidence, usersOf } from "./rules/tls-secret.ts";

type Certificate = KubeObject<"Certificate">;
type IssuerKind = "Issuer" | "ClusterIssuer";

/** How long something must not have been ready; longer while it is being issued (ACME takes minutes). */
const graceMs = 10 * minuteMs;
const issuingMs = 30 * minuteMs;

const source = "concepts/services-networking/ingress/#tls";
const describe = "kubectl -n {namespace} describe certificates.cert-manager.io {name}";
const secretDates =
  "kubectl -n {namespace} get secret {secret} -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -dates -ext subjectAltName";
/** What a rule on Certificates and Secrets does not know of one of them is left out with the command. */
const requestKinds = "certificaterequests.cert-manager.io,orders.acme.cert-manager.io,challenges.acme.cert-manager.io";
const requests = `kubectl -n {namespace} get ${requestKinds}`;
const requestsOf = "kubectl -n {namespace} get {requests}";
const describeOf = "kubectl -n {namespace} describe certificates.cert-manager.io {certificate}";

export const certificate: Analyzer = defineAnalyzer({
  name: "Certificate",
  core: false,
  // With --read-tls it judges Secrets too, also where cert-manager is not installed.
  needs: [],
  uses: ["Certificate", "Issuer", "ClusterIssuer", "Ingress", "Gateway", "Secret", "Pod"],
  usesFacts: ["servedCertificate", "clusterAuthorities", "credential"],
  rules: {
    ...clusterCertificateRules,
    "tls-chain-broken": chainBroken,
    "tls-cert-expired": {
      severity: ["critical", "info"],
      depth: 4,
      message: "A certificate has expired",
      why: "Browsers and clients refuse the site",
      fix: "Renew it; where cert-manager keeps it, look at the Certificate's conditions, its newest request and its issuer",
      source,
      commands: [describeOf, requestsOf, secretDates],
      silent: [
        "being deleted",
        "a Secret that nothing names (info)",
        "Secrets, without --read-tls; and those that a Certificate is kept in, which speaks for them",
      ],
    },
    "tls-cert-expiring": {
      severity: ["critical", "warning", "info"],
      depth: 4,
      message: "A certificate expires soon, or its renewal is late",
      why: "Browsers and clients refuse the site from then on",
      fix: "Renew it in time; where cert-manager keeps it, look at the Certificate's conditions, its newest request and its issuer",
      source,
      commands: [describeOf, requestsOf, secretDates],
      silent: [
        "more than 21 days are left, or more than a sixth of its lifetime",
        "its renewal is planned for later (info)",
        "a Secret that nothing names (info)",
      ],
    },
    "certificate-not-ready": {
      severity: ["critical", "warning"],
      depth: 4,
      message: "cert-manager does not have the certificate that it is to keep",
      why: "Browsers and clients refuse the site",
      fix: "Follow the chain: the Certificate's conditions, its newest CertificateRequest, the Order and its Challenges",
      source,
      commands: [describe, requests],
      silent: [
        "less than 10 minutes, or 30 while it is being issued",
        "it has expired (a rule of its own)",
        "the status tells of an older spec",
      ],
    },
    "issuer-missing": {
      severity: ["critical", "warning"],
      depth: 4,
      message: "A Certificate names an issuer that does not exist",
      why: "Nobody issues or renews the certificate",
      fix: "Create the issuer, or correct the Certificate's issuerRef; an Issuer must be in the same namespace",
      source,
      commands: [
        "kubectl -n {namespace} get issuers.cert-manager.io",
        "kubectl get clusterissuers.cert-manager.io",
        describe,
      ],
      silent: ["issuers of other groups", "younger than 10 minutes", "issuers could not all be read"],
    },
    "issuer-not-ready": {
      severity: ["critical", "warning"],
      depth: 4,
      message: "An issuer of cert-manager cannot sign",
      why: "Its certificates are not issued, and not renewed when their time comes",
      fix: "Mend what the condition's message names: the CA's Secret, the ACME account, or the way to the server",
      source,
      commands: [
        "kubectl -n {namespace} describe issuers.cert-manager.io {name}",
        "kubectl describe clusterissuers.cert-manager.io {clusterIssuer}",
      ],
      silent: ["less than 10 minutes", "the status tells of an older spec"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("Certificate")) {
      if (isGoingAway(snapshot, object)) continue;
      const ref = refOf("Certificate", object);
      const gone = issuerMissing(snapshot, object, ref);
      if (gone !== undefined) yield gone;
      const dates = byDates(snapshot, object, ref);
      if (dates !== undefined) yield dates;
      // An expired certificate is not ready either, and one without an issuer cannot be.
      if (gone === undefined && dates?.rule !== "tls-cert-expired") yield* notReady(snapshot, object, ref);
    }
    for (const secret of snapshot.list("Secret")) {
      const found = bySecret(snapshot, secret);
      if (found !== undefined) yield found;
      const broken = chainOfSecret(snapshot, secret);
      if (broken !== undefined) yield broken;
    }
    for (const kind of ["Issuer", "ClusterIssuer"] as const) {
      for (const object of snapshot.list(kind)) yield* issuerNotReady(snapshot, object, refOf(kind, object), kind);
    }
    yield* clusterCertificates(snapshot);
  },
});

type Rule =
  | "tls-chain-broken"
  | "tls-cert-expired"
  | "tls-cert-expiring"
  | "certificate-not-ready"
  | "issuer-missing"
  | "issuer-not-ready";

/** The issuer that a Certificate names; undefined when it is one of another project. */
function issuerOf({ metadata, spec }: Certificate): { readonly ref: ObjectRef; readonly kind: IssuerKind } | undefined {
  const { name, kind = "Issuer", group = "cert-manager.io" } = spec?.issuerRef ?? {};
  if (name === undefined || name === "" || (group !== "" && group !== "cert-manager.io")) return undefined;
  if (kind !== "Issuer" && kind !== "ClusterIssuer") return undefined;
  return { ref: namedRef(kind, kind === "Issuer" ? metadata?.namespace : undefined, name), kind };
}

/** Whether there is a certificate that works now: issued, and not at its end. */
function isServing(snapshot: Snapshot, { status }: Certificate): boolean {
  const notAfter = parseTime(status?.notAfter);
  return notAfter !== undefined && notAfter > snapshot.takenAt;
}

function issuerMissing(snapshot: Snapshot, object: Certificate, ref: ObjectRef): Observation<Rule> | undefined {
  const issuer = issuerOf(object);
  if (issuer === undefined || !hasSettled(snapshot, object, graceMs)) return undefined;
  if (snapshot.find(issuer.ref) !== undefined || !snapshot.isComplete(issuer.kind, issuer.ref.namespace))
    return undefined;
  return {
    rule: "issuer-missing",
    object: ref,
    severity: isServing(snapshot, object) ? "warning" : "critical",
    cause: issuer.ref,
    related: ingressesOf(snapshot, object),
    evidence: [
      field(ref, "spec.issuerRef.name", issuer.ref.name),
      field(ref, "spec.issuerRef.kind", issuer.kind),
      missing(issuer.ref),
    ],
  };
}

function byDates(snapshot: Snapshot, object: Certificate, ref: ObjectRef): Observation<Rule> | undefined {
  const { takenAt } = snapshot;
  const notAfter = parseTime(object.status?.notAfter);
  if (notAfter === undefined) return undefined;
  const left = notAfter - takenAt;
  const dates: Evidence[] = [field(ref, "status.notAfter", object.status?.notAfter)];
  const found = {
    object: ref,
    related: ingressesOf(snapshot, object),
    ...causeOf(snapshot, object),
    params: { certificate: ref.name, requests: requestKinds },
  };
  if (left <= 0) {
    return {
      ...found,
      rule: "tls-cert-expired",
      severity: "critical",
      evidence: [
        ...dates,
        fact(ref, "expired since", formatDuration(-left)),
        ...failureOf(object, ref),
        ...secretOf(object, ref),
      ],
      since: notAfter,
    };
  }
  const notBefore = parseTime(object.status?.notBefore);
  const lifetime = notAfter - (notBefore ?? notAfter - 90 * dayMs);
  const { soon, critical } = lead(notBefore, notAfter);
  const renewal = parseTime(object.status?.renewalTime);
  const late = renewal === undefined ? undefined : takenAt - renewal;
  // cert-manager tries again within minutes; an ACME server that is away for an hour is no news.
  const isLate = late !== undefined && late > Math.min(dayMs, Math.max(hourMs, lifetime / 24));
  if (left > soon && !isLate) return undefined;
  const evidence = [
    ...dates,
    fact(ref, "left", formatDuration(left)),
    ...(renewal === undefined ? [] : [field(ref, "status.renewalTime", object.status?.renewalTime)]),
    ...failureOf(object, ref),
    ...secretOf(object, ref),
  ].slice(0, 8);
  if (late !== undefined && late <= 0) {
    return { ...found, rule: "tls-cert-expiring", severity: "info", because: "its renewal is planned", evidence };
  }
  // Due, but not late yet: cert-manager is at it.
  if (late !== undefined && !isLate) return undefined;
  return {
    ...found,
    rule: "tls-cert-expiring",
    severity: left <= critical ? "critical" : "warning",
    because: isLate ? "its renewal is late" : "no renewal is planned",
    evidence,
    ...(isLate && renewal !== undefined && { since: renewal }),
  };
}

/** How much is left of a certificate when it is time to tell, and when time runs out. */
function lead(notBefore: number | undefined, notAfter: number): { readonly soon: number; readonly critical: number } {
  const lifetime = notAfter - (notBefore ?? notAfter - 90 * dayMs);
  const soon = Math.min(21 * dayMs, lifetime / 6);
  return { soon, critical: Math.min(3 * dayMs, soon / 2) };
}

/** A Secret whose certificates were read: the one of its chain that ends first counts. */
/** Whether clients can follow what an Ingress or a Gateway shows them. */
function chainOfSecret(snapshot: Snapshot, secret: KubeObject<"Secret">): Observation<Rule> | undefined {
  const certificate = tlsSecret(snapshot, secret);
  if (certificate?.state !== "valid" || isGoingAway(snapshot, secret)) return undefined;
  const fault = chainFault(certificate.chain);
  const serving = usersOf(snapshot, secret).filter(({ kind }) => kind === "Ingress" || kind === "Gateway");
  if (fault === undefined || serving.length === 0) return undefined;
  const ref = refOf("Secret", secret);
  return {
    rule: "tls-chain-broken",
    object: ref,
    ...fault,
    related: serving.slice(0, 20),
    params: { secret: ref.name },
    evidence: [
      fact(
        ref,
        "certificates in their order",
        certificate.chain.map(({ subject }) => subject),
      ),
      fact(ref, "issuer of the first", certificate.chain[0].issuer),
      ...useEvidence(serving, ref.name),
    ],
  };
}

function bySecret(snapshot: Snapshot, secret: KubeObject<"Secret">): Observation<Rule> | undefined {
  const certificate = tlsSecret(snapshot, secret);
  if (certificate?.state !== "valid" || isGoingAway(snapshot, secret) || isKept(snapshot, secret)) return undefined;
  const ref = refOf("Secret", secret);
  const { takenAt } = snapshot;
  const [leaf] = certificate.chain;
  // A root that was sent along counts for nobody: who trusts it has it.
  const counting = certificate.chain.filter((one) => one === leaf || one.subject !== one.issuer);
  const first = counting.reduce((a, b) => (b.notAfter < a.notAfter ? b : a), leaf);
  const left = first.notAfter - takenAt;
  const users = usersOf(snapshot, secret);
  // Whether a Pod reads it is known only where Pods are.
  const isIdle = users.length === 0 && snapshot.isComplete("Pod", ref.namespace);
  const seen = {
    object: ref,
    related: users.slice(0, 20),
    ...(isIdle
      ? { because: "nothing names the Secret" }
      : first === leaf
        ? {}
        : { because: "it is one of those that stand for the certificate" }),
    params: { secret: ref.name },
  };
  const evidence = (label: string): readonly Evidence[] =>
    [
      ...datesEvidence(ref, first),
      fact(ref, label, formatDuration(Math.abs(left))),
      ...useEvidence(users, ref.name),
    ].slice(0, 8);
  if (left <= 0) {
    return {
      ...seen,
      rule: "tls-cert-expired",
      severity: isIdle ? "info" : "critical",
      evidence: evidence("expired since"),
      since: first.notAfter,
    };
  }
  const { soon, critical } = lead(first.notBefore, first.notAfter);
  if (left > soon) return undefined;
  return {
    ...seen,
    rule: "tls-cert-expiring",
    severity: isIdle ? "info" : left <= critical ? "critical" : "warning",
    evidence: evidence("left"),
  };
}

const keptSecrets = oncePerSnapshot(
  (snapshot) =>
    new Set(
      snapshot
        .list("Certificate")
        .map(({ metadata, spec }) => `${metadata?.namespace ?? ""}/${spec?.secretName ?? ""}`),
    ),
);

/** Whether a Certificate is kept in the Secret: it knows more. */
function isKept(snapshot: Snapshot, { metadata }: KubeObject<"Secret">): boolean {
  return keptSecrets(snapshot).has(`${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`);
}

/** How issuing failed last. */
function failureOf(object: Certificate, ref: ObjectRef): readonly Evidence[] {
  const issuing = conditionOf(object, "Issuing");
  const { failedIssuanceAttempts, lastFailureTime } = object.status ?? {};
  return [
    ...(issuing?.message === undefined || issuing.message === ""
      ? []
      : [field(ref, "status.conditions[Issuing].message", issuing.message)]),
    ...(failedIssuanceAttempts === undefined
      ? []
      : [field(ref, "status.failedIssuanceAttempts", failedIssuanceAttempts)]),
    ...(lastFailureTime === undefined ? [] : [field(ref, "status.lastFailureTime", lastFailureTime)]),
  ];
}

function secretOf({ spec }: Certificate, ref: ObjectRef): readonly Evidence[] {
  return spec?.secretName === undefined ? [] : [field(ref, "spec.secretName", spec.secretName)];
}

/** The issuer, when it is one that cannot sign. */
function causeOf(snapshot: Snapshot, object: Certificate): { readonly cause?: ObjectRef } {
  const issuer = issuerOf(object);
  if (issuer === undefined) return {};
  const held = snapshot.get(issuer.kind, issuer.ref.namespace, issuer.ref.name);
  if (held === undefined) return snapshot.isComplete(issuer.kind, issuer.ref.namespace) ? { cause: issuer.ref } : {};
  return conditionOf(held, "Ready")?.status === "False" ? { cause: refOf(issuer.kind, held) } : {};
}

function* notReady(snapshot: Snapshot, object: Certificate, ref: ObjectRef): Iterable<Observation<Rule>> {
  const ready = conditionOf(object, "Ready");
  if (ready?.status !== "False" || isConditionStale(object, ready)) return;
  const issuing = conditionOf(object, "Issuing");
  const grace = issuing?.status === "True" ? issuingMs : graceMs;
  if (!hasSettled(snapshot, object, grace, ready.lastTransitionTime)) return;
  const { namespace, name: secret } = namedRef("Secret", object.metadata?.namespace, object.spec?.secretName ?? "");
  const isGone =
    secret !== "" &&
    snapshot.get("Secret", namespace, secret) === undefined &&
    snapshot.isComplete("Secret", namespace);
  const failed = issuing?.status === "False" ? certificateReasonInWords(issuing.reason) : undefined;
  const because = failed ?? certificateReasonInWords(ready.reason);
  const since = parseTime(ready.lastTransitionTime);
  yield {
    rule: "certificate-not-ready",
    object: ref,
    // What was issued before still works, as long as its Secret is there.
    severity: isServing(snapshot, object) && !isGone ? "warning" : "critical",
    ...(because !== undefined && { because }),
    ...causeOf(snapshot, object),
    related: ingressesOf(snapshot, object),
    evidence: [
      field(ref, "status.conditions[Ready].reason", ready.reason),
      field(ref, "status.conditions[Ready].message", ready.message),
      ...failureOf(object, ref),
      ...(isGone ? [missing(namedRef("Secret", namespace, secret))] : secretOf(object, ref)),
      ...(object.status?.notAfter === undefined ? [] : [field(ref, "status.notAfter", object.status.notAfter)]),
    ].slice(0, 8),
    ...(since !== undefined && { since }),
  };
}

/** cert-manager writes the generation that it looked at into each condition. */
function isConditionStale(
  object: { readonly metadata?: { readonly generation?: number } },
  { observedGeneration }: Condition & { readonly observedGeneration?: number },
): boolean {
  return isStatusStale({ ...object, status: observedGeneration === undefined ? {} : { observedGeneration } });
}

function* issuerNotReady(
  snapshot: Snapshot,
  object: KubeObject<IssuerKind>,
  ref: ObjectRef,
  kind: IssuerKind,
): Iterable<Observation<Rule>> {
  const ready = conditionOf(object, "Ready");
  if (isGoingAway(snapshot, object) || ready?.status !== "False" || isConditionStale(object, ready)) return;
  if (!hasSettled(snapshot, object, graceMs, ready.lastTransitionTime)) return;
  const waiting = certificatesByIssuer(snapshot).get(`${kind}/${ref.namespace ?? ""}/${ref.name}`) ?? [];
  const because = issuerReasonInWords(ready.reason);
  const since = parseTime(ready.lastTransitionTime);
  const { secretName } = object.spec?.ca ?? {};
  // The Secret of a cluster-wide CA is in cert-manager's own namespace, which is not known here.
  const ca = kind === "Issuer" && secretName !== undefined ? namedRef("Secret", ref.namespace, secretName) : undefined;
  const isGone = ca !== undefined && snapshot.find(ca) === undefined && snapshot.isComplete("Secret", ref.namespace);
  yield {
    rule: "issuer-not-ready",
    object: ref,
    severity: waiting.some((certificate) => !isServing(snapshot, certificate)) ? "critical" : "warning",
    ...(because !== undefined && { because }),
    ...(isGone && { cause: ca }),
    related: waiting.slice(0, 20).map((certificate) => refOf("Certificate", certificate)),
    evidence: [
      field(ref, "status.conditions[Ready].reason", ready.reason),
      field(ref, "status.conditions[Ready].message", ready.message),
      ...(isGone ? [field(ref, "spec.ca.secretName", secretName), missing(ca)] : []),
      fact(ref, "Certificates that name it", waiting.length),
    ],
    ...(since !== undefined && { since }),
    params: kind === "ClusterIssuer" ? { clusterIssuer: ref.name } : {},
  };
}

const certificatesByIssuer = oncePerSnapshot((snapshot) =>
  Map.groupBy(snapshot.list("Certificate"), (object) => {
    const issuer = issuerOf(object);
    return issuer === undefined ? "" : `${issuer.kind}/${issuer.ref.namespace ?? ""}/${issuer.ref.name}`;
  }),
);

const ingressesBySecret = oncePerSnapshot((snapshot) => {
  const found = new Map<string, ObjectRef[]>();
  for (const ingress of snapshot.list("Ingress")) {
    for (const { secretName } of ingress.spec?.tls ?? []) {
      const key = `${ingress.metadata?.namespace ?? ""}/${secretName ?? ""}`;
      const refs = found.get(key);
      if (refs === undefined) found.set(key, [refOf("Ingress", ingress)]);
      else refs.push(refOf("Ingress", ingress));
    }
  }
  return found;
});

/** The Ingresses that serve the certificate's Secret. */
function ingressesOf(snapshot: Snapshot, { metadata, spec }: Certificate): readonly ObjectRef[] {
  if (spec?.secretName === undefined) return [];
  return ingressesBySecret(snapshot).get(`${metadata?.namespace ?? ""}/${spec.secretName}`) ?? [];
}
