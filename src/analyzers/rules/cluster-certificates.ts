/**
 * The certificates that stand between the cluster and those who use it: the API server's own, its authority's, and the
 * credential of the kubeconfig. They are read off the connection and the kubeconfig, not asked for.
 */
import { type Evidence, fact } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import type { CertificateDates } from "../../kube/certificates.ts";
import { namedRef, type ObjectRef } from "../../kube/object-ref.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { dayMs, formatDuration } from "../../kube/time.ts";

type ClusterRule = "apiserver-cert-expiring" | "kubeconfig-credential-expiring" | "cluster-ca-expiring";

const selfHosted = "kubeadm certs check-expiration";

export const clusterCertificateRules: Readonly<Record<ClusterRule, Rule>> = {
  "apiserver-cert-expiring": {
    severity: ["critical", "warning"],
    depth: 0,
    message: "The API server's certificate expires soon",
    why: "From then on nobody gets in: no kubelet, no controller, no kubectl",
    fix: "Renew it: kubeadm certs renew apiserver, or as your distribution does, and restart the API server",
    source: "tasks/administer-cluster/kubeadm/kubeadm-certs/",
    commands: ["kubectl config view --minify", selfHosted],
    silent: ["more than 30 days are left, or more than a sixth of its lifetime"],
  },
  "kubeconfig-credential-expiring": {
    severity: ["critical", "warning"],
    depth: 0,
    message: "The credential in the kubeconfig expires soon",
    why: "From then on this user does not get in",
    fix: "Log in again, or have a new credential made, before it expires",
    source: "concepts/configuration/organize-cluster-access-kubeconfig/",
    commands: ["kubectl config view --minify", selfHosted],
    silent: [
      "credentials that a plugin or the kubelet renews",
      "credentials that live a week or less: something renews them all the time",
      "more than 14 days are left, or more than a sixth of its lifetime",
    ],
  },
  "cluster-ca-expiring": {
    severity: ["critical", "warning"],
    depth: 0,
    message: "The certificate authority of the cluster expires soon",
    why: "From then on no certificate of the cluster is valid, and to replace it takes planning",
    fix: "Plan the rotation: every kubelet, controller and kubeconfig has to know the new authority first",
    source: "tasks/tls/manual-rotation-of-ca-certificates/",
    commands: ["kubectl config view --minify", selfHosted],
    silent: ["more than 180 days are left, or more than a sixth of its lifetime"],
  },
};

/** How near the end is: undefined while there is time. */
function lateness(
  { notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number },
  takenAt: number,
  { soonMs, urgentMs }: { readonly soonMs: number; readonly urgentMs: number },
): "expired" | "urgent" | "soon" | undefined {
  const left = notAfter - takenAt;
  if (left <= 0) return "expired";
  const sixth = (notAfter - notBefore) / 6;
  if (left > Math.min(soonMs, sixth)) return undefined;
  return left <= Math.min(urgentMs, sixth / 2) ? "urgent" : "soon";
}

function describe(ref: ObjectRef, certificate: CertificateDates, takenAt: number): readonly Evidence[] {
  const { subject, issuer, names, notAfter } = certificate;
  const left = notAfter - takenAt;
  return [
    fact(ref, "certificate", subject),
    fact(ref, "valid until", new Date(notAfter).toISOString().replace(".000Z", "Z")),
    fact(ref, left <= 0 ? "expired since" : "left", formatDuration(Math.abs(left))),
    ...(names.length === 0 ? [] : [fact(ref, "names", names.slice(0, 12).join(", "))]),
    fact(ref, "issuer", issuer),
  ];
}

/** What the certificates of the cluster itself say. */
export function* clusterCertificates({ facts, takenAt, cluster }: Snapshot): Iterable<Observation<ClusterRule>> {
  const server = namedRef("APIServer", undefined, cluster.name);
  const { servedCertificate, clusterAuthorities = [], credential } = facts;
  const own = servedCertificate?.certificates[0];
  const authority = [...clusterAuthorities].sort((a, b) => b.notAfter - a.notAfter)[0];
  const ofServer = own && lateness(own, takenAt, { soonMs: 30 * dayMs, urgentMs: 7 * dayMs });
  if (own !== undefined && ofServer !== undefined) {
    const isOfCluster = authority === undefined || own.issuer === authority.subject;
    yield {
      rule: "apiserver-cert-expiring",
      object: server,
      severity: ofServer === "soon" ? "warning" : "critical",
      ...(!isOfCluster && { because: "another authority than the kubeconfig's signed it: it may be that of a proxy" }),
      evidence: [...describe(server, own, takenAt), fact(server, "host", servedCertificate?.host ?? "")],
    };
  }
  // Of several authorities the one that lasts longest counts: a rotation is under way.
  const ofAuthority = authority && lateness(authority, takenAt, { soonMs: 180 * dayMs, urgentMs: 14 * dayMs });
  if (authority !== undefined && ofAuthority !== undefined) {
    yield {
      rule: "cluster-ca-expiring",
      object: server,
      severity: ofAuthority === "soon" ? "warning" : "critical",
      evidence: describe(server, authority, takenAt),
    };
  }
  if (credential === undefined) return;
  const { user, type, notBefore = credential.notAfter - 365 * dayMs, notAfter } = credential;
  if (notAfter - notBefore <= 7 * dayMs && notAfter > takenAt) return;
  const ofUser = lateness({ notBefore, notAfter }, takenAt, { soonMs: 14 * dayMs, urgentMs: dayMs });
  if (ofUser === undefined) return;
  const object = namedRef("User", undefined, user);
  const left = notAfter - takenAt;
  yield {
    rule: "kubeconfig-credential-expiring",
    object,
    severity: ofUser === "soon" ? "warning" : "critical",
    evidence: [
      fact(object, "credential", type),
      fact(object, "valid until", new Date(notAfter).toISOString().replace(".000Z", "Z")),
      fact(object, left <= 0 ? "expired since" : "left", formatDuration(Math.abs(left))),
    ],
  };
}
