import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation, Rule } from "../findings/finding.ts";
import { ageOfObject, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

type Request = KubeObject<"CertificateSigningRequest">;
type Decision = "pending" | "approved" | "denied" | "failed";

/** The signers by which kubelets get their certificates, and what the certificate is for. */
const kubeletSigners: ReadonlyMap<string, string> = new Map([
  ["kubernetes.io/kubelet-serving", "the certificate that the kubelet serves with"],
  ["kubernetes.io/kube-apiserver-client-kubelet", "the certificate by which the kubelet is known to the API server"],
]);
const serving = "kubernetes.io/kubelet-serving";
/** As what a kubelet asks that has joined; before that it asks with a bootstrap token, which many may share. */
const nodeUser = "system:node:";
/** Approvers answer within seconds; a kubelet gives a request up after this and makes the next. */
const approvalLimitMs = 15 * minuteMs;

const shared = {
  depth: 2,
  source: "reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers",
  commands: ["kubectl get csr", "kubectl describe csr {csr}"],
} as const satisfies Partial<Rule>;

export const certificateSigningRequest: Analyzer = defineAnalyzer({
  name: "CertificateSigningRequest",
  core: false,
  needs: ["CertificateSigningRequest"],
  uses: ["Node", "APIService"],
  rules: {
    "node-csr-pending": {
      ...shared,
      severity: ["warning", "info"],
      message: "Nobody approves the certificates that nodes ask for",
      why: "Logs, exec and metrics of the node fail first; when its old certificate runs out, the kubelet itself is refused",
      fix: "Approve the requests after a look at who asks: kubectl certificate approve; then see why the approver did not, or install one for serving certificates, which Kubernetes itself never approves",
      silent: [
        "less than 15 minutes, or a later request of the same node was approved",
        "signers that are not for kubelets",
        "nodes that are gone",
        "serving certificates while resource metrics come and the nodes are older than a day: they have one (info)",
      ],
    },
    "node-csr-denied": {
      ...shared,
      severity: "warning",
      message: "The certificate that a node asked for was refused",
      why: "Logs, exec and metrics of the node fail first; when its old certificate runs out, the kubelet itself is refused",
      fix: "Read the reason on the request: often the names and addresses in it are not those of the Node; the kubelet asks again by itself",
      silent: [
        "a later request of the same node was approved",
        "signers that are not for kubelets",
        "nodes that are gone",
      ],
    },
  },
  *check(snapshot) {
    const bySigner = Map.groupBy(openRequests(snapshot), ({ spec }) => spec?.signerName ?? "");
    for (const [signer, requests] of bySigner) {
      const pending = requests.filter((request) => {
        const age = ageOfObject(snapshot, request);
        return decisionOn(request) === "pending" && age !== undefined && age >= approvalLimitMs;
      });
      if (pending.length > 0) yield pendingFinding(snapshot, signer, pending);
      for (const decision of ["denied", "failed"] as const) {
        const refused = requests.filter((request) => decisionOn(request) === decision);
        if (refused.length > 0) yield refusedFinding(signer, refused, decision);
      }
    }
  },
});

/** Requests of kubelets without a certificate, oldest first, but for those that came to nothing and were made again. */
function openRequests(snapshot: Snapshot): readonly Request[] {
  const requests = snapshot
    .list("CertificateSigningRequest")
    .filter((each) => kubeletSigners.has(each.spec?.signerName ?? "") && !isGoingAway(snapshot, each))
    .sort((a, b) => createdAt(a) - createdAt(b));
  const approvedAt = new Map<string, number>();
  for (const each of requests) if (decisionOn(each) === "approved") approvedAt.set(askerOf(each), createdAt(each));
  return requests.filter((each) => {
    if (decisionOn(each) === "approved") return false;
    const node = nodeOf(each);
    if (node === undefined) return true;
    const isGone = snapshot.isComplete("Node") && snapshot.get("Node", undefined, node) === undefined;
    return !isGone && (approvedAt.get(askerOf(each)) ?? -Infinity) < createdAt(each);
  });
}

function createdAt({ metadata }: Request): number {
  return parseTime(metadata?.creationTimestamp) ?? 0;
}

function askerOf({ spec }: Request): string {
  return `${spec?.signerName}\u0000${spec?.username}`;
}

function nodeOf({ spec }: Request): string | undefined {
  const { username = "" } = spec ?? {};
  return username.startsWith(nodeUser) && username !== nodeUser ? username.slice(nodeUser.length) : undefined;
}

/** What became of a request. One that was approved and could not be signed has both conditions: it failed. */
function decisionOn({ status }: Request): Decision {
  const types = new Set((status?.conditions ?? []).map(({ type }) => type));
  if (types.has("Denied")) return "denied";
  if (types.has("Failed")) return "failed";
  return types.has("Approved") ? "approved" : "pending";
}

/** The nodes that ask, each once; when none is known by name, the requests. */
function subjectsOf(requests: readonly Request[]): readonly ObjectRef[] {
  const nodes = [...new Set(requests.map(nodeOf).filter((name) => name !== undefined))].sort();
  return nodes.length > 0
    ? nodes.map((name) => namedRef("Node", undefined, name))
    : requests.map((request) => refOf("CertificateSigningRequest", request));
}

function pendingFinding(
  snapshot: Snapshot,
  signer: string,
  requests: readonly Request[],
): Observation<"node-csr-pending"> {
  return {
    rule: "node-csr-pending",
    severity: signer === serving && haveOlderOnes(snapshot, requests) ? "info" : "warning",
    ...about(signer, requests),
    since: Math.min(...requests.map(createdAt)),
  };
}

function refusedFinding(
  signer: string,
  requests: readonly Request[],
  decision: "denied" | "failed",
): Observation<"node-csr-denied"> {
  const said = about(signer, requests);
  const [first] = requests;
  const type = decision === "denied" ? "Denied" : "Failed";
  const condition = first?.status?.conditions?.find((each) => each.type === type);
  const ref = first === undefined ? said.object : refOf("CertificateSigningRequest", first);
  const since = parseTime(condition?.lastTransitionTime);
  return {
    rule: "node-csr-denied",
    ...said,
    because:
      decision === "denied" ? said.because : `${said.because}; it was approved, and the signer could not sign it`,
    discriminator: `${signer} ${decision}`,
    evidence: [
      field(ref, `status.conditions[${type}].reason`, condition?.reason),
      field(ref, `status.conditions[${type}].message`, condition?.message),
      ...said.evidence,
    ],
    ...(since !== undefined && { since }),
  };
}

/** What both rules say of requests to one signer. */
function about(
  signer: string,
  requests: readonly Request[],
): Pick<Observation, "object" | "discriminator" | "related" | "params"> & {
  readonly because: string;
  readonly evidence: readonly Evidence[];
} {
  const subjects = subjectsOf(requests);
  const [object = { kind: "CertificateSigningRequest", name: "" }] = subjects;
  const newest = requests.at(-1)?.metadata?.name ?? "";
  const newestRef = namedRef("CertificateSigningRequest", undefined, newest);
  return {
    object,
    because: kubeletSigners.get(signer) ?? "",
    discriminator: signer,
    evidence: [
      field(newestRef, "spec.signerName", signer),
      fact(object, "requests", requests.length),
      ...(object.kind === "Node" ? [fact(object, "nodes that ask", subjects.length)] : []),
    ],
    related: subjects.slice(1),
    params: { csr: newest },
  };
}

/**
 * Whether the nodes still serve with a certificate of before: resource metrics, which are read from kubelets, come, and none
 * of the nodes is so new that it cannot have had one.
 */
function haveOlderOnes(snapshot: Snapshot, requests: readonly Request[]): boolean {
  const metrics = snapshot.list("APIService").find(({ spec }) => spec?.group === "metrics.k8s.io");
  const comes = metrics?.status?.conditions?.some(({ type, status }) => type === "Available" && status === "True");
  if (comes !== true) return false;
  return requests.every((request) => {
    const name = nodeOf(request);
    const node = name === undefined ? undefined : snapshot.get("Node", undefined, name);
    const age = node === undefined ? undefined : ageOfObject(snapshot, node);
    return age !== undefined && age >= dayMs;
  });
}
