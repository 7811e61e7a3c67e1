/** Images that cannot be pulled, by cause. */
import { eventEvidence, type Evidence, fact, field, missing } from "../../findings/evidence.ts";
import type { Rule } from "../../findings/finding.ts";
import { hasSettled, graceMs, isFinished, isGoingAway } from "../../kube/guards.ts";
import {
  type ImagePullCause,
  imagePullCause,
  imageWaitingReasons,
  isInformative,
  registryOf,
} from "../../kube/messages/image-pull.ts";
import { keyOf, namedRef, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { oncePerSnapshot, topOwnerOf } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { parseTime } from "../../kube/time.ts";
import {
  type ContainerObservation,
  containersOf,
  currentEvents,
  isAbout,
  nodeOf,
  type Pod,
  type PodContainer,
  replicaSeverity,
  replicasFact,
} from "./pod-containers.ts";

export type ImageRule =
  | "image-name-invalid"
  | "image-never-present"
  | "image-rate-limited"
  | "image-auth-denied"
  | "image-not-found"
  | "image-platform-missing"
  | "image-tls-untrusted"
  | "image-dns-failed"
  | "image-unreachable"
  | "image-node-disk-full"
  | "image-signature-rejected"
  | "image-pull-failed";

const ruleOf: Readonly<Record<ImagePullCause, ImageRule>> = {
  "name-invalid": "image-name-invalid",
  "never-present": "image-never-present",
  "rate-limited": "image-rate-limited",
  "auth-denied": "image-auth-denied",
  "not-found": "image-not-found",
  "platform-missing": "image-platform-missing",
  "tls-untrusted": "image-tls-untrusted",
  "dns-failed": "image-dns-failed",
  unreachable: "image-unreachable",
  "node-disk-full": "image-node-disk-full",
  "signature-rejected": "image-signature-rejected",
  failed: "image-pull-failed",
};

const describe = "kubectl -n {namespace} describe pod {name}";
const account = "kubectl -n {namespace} get serviceaccount {serviceAccount} -o jsonpath='{.imagePullSecrets}'";
const node = "kubectl describe node {node}";

function imageRule(message: string, fix: string, commands: readonly string[] = [describe]): Rule {
  return {
    severity: ["critical", "warning", "info"],
    depth: 4,
    message,
    why: "The container cannot start without its image",
    fix,
    source: "concepts/containers/images/",
    commands,
    silent: ["the Pod is younger than 60 s", "the container has started since", "the Pod ended well"],
  };
}

export const imageRules: Readonly<Record<ImageRule, Rule>> = {
  "image-name-invalid": imageRule(
    "The image name is not valid",
    "Correct the name: look for capital letters, spaces and template variables that were not filled in",
  ),
  "image-never-present": imageRule(
    "The image is not on the node, and the pull policy forbids to pull it",
    "Load the image onto the node, or set imagePullPolicy to IfNotPresent",
  ),
  "image-rate-limited": imageRule(
    "The registry refuses more pulls for now",
    "Wait, or pull with an account (a pull secret) or through a mirror",
    [describe, account],
  ),
  "image-auth-denied": imageRule(
    "The registry denies access to the image, or the image does not exist",
    "Check the pull secret that the Pod or its ServiceAccount names, and the spelling of the repository",
    [account, "kubectl -n {namespace} get secrets", describe],
  ),
  "image-not-found": imageRule(
    "The registry does not have this image",
    "Correct the repository or the tag, or push the image",
  ),
  "image-platform-missing": imageRule(
    "The image is not built for the platform of the node",
    "Build the image for the node's operating system and architecture, or choose nodes with a nodeSelector",
    [describe, "kubectl get node {node} --show-labels"],
  ),
  "image-tls-untrusted": imageRule(
    "The node does not trust the registry's TLS",
    "Install the registry's certificate authority on the nodes, or correct the scheme in the runtime's registry settings",
  ),
  "image-dns-failed": imageRule(
    "The node cannot resolve the registry's name",
    "Check the host in the image name, then name resolution on the node",
    [describe, node],
  ),
  "image-unreachable": imageRule(
    "The node cannot reach the registry",
    "Check egress, proxy and firewall between node and registry, and the registry itself",
    [describe, node],
  ),
  "image-node-disk-full": imageRule(
    "The node has no room for the image",
    "Free or enlarge the disk of the node that holds images",
    [node, describe],
  ),
  "image-signature-rejected": imageRule(
    "The node's policy rejects the signature of the image",
    "Sign the image as the policy asks, or correct the policy on the nodes",
  ),
  "image-pull-failed": imageRule(
    "The image cannot be pulled",
    "Read the message of the container runtime in the evidence",
  ),
};

interface PullFailure {
  readonly cause: ImagePullCause;
  readonly image: string;
  readonly host: string;
}

/** Why the container's image is not there; undefined when that is not its trouble. */
function pullFailureOf(snapshot: Snapshot, pod: Pod, container: PodContainer): PullFailure | undefined {
  const { reason, message = "" } = container.status.state?.waiting ?? {};
  if (reason === undefined || !imageWaitingReasons.has(reason)) return undefined;
  const image = container.spec?.image ?? container.status.image ?? "";
  const said = [message, ...failedEvents(snapshot, pod, container).map((event) => event.message)].filter(isInformative);
  return { cause: imagePullCause(reason, said.join("\n"), image), image, host: registryOf(image) };
}

function failedEvents(snapshot: Snapshot, pod: Pod, container: PodContainer): ReturnType<typeof currentEvents> {
  return currentEvents(snapshot, refOf("Pod", pod), ["Failed", "InspectFailed", "ErrImageNeverPull"]).filter(
    (event) => isAbout(event, container.name) && isInformative(event.message) && /image|pull/i.test(event.message),
  );
}

/** Hosts that fail for several workloads or on one node: looked for once, because it needs all Pods. */
const shared = oncePerSnapshot((snapshot) => {
  const ownersByHost = new Map<string, Set<string>>();
  const hostsByNode = new Map<string, Set<string>>();
  for (const pod of snapshot.list("Pod")) {
    if (isFinished(pod) || isGoingAway(snapshot, pod)) continue;
    for (const container of containersOf(pod)) {
      const failure = pullFailureOf(snapshot, pod, container);
      if (failure === undefined) continue;
      const owner = topOwnerOf(snapshot, pod) ?? refOf("Pod", pod);
      add(ownersByHost, `${failure.cause} ${failure.host}`, keyOf(owner));
      if (failure.cause === "dns-failed") add(hostsByNode, pod.spec?.nodeName ?? "", failure.host);
    }
  }
  return { ownersByHost, hostsByNode };
});

/** Which node already runs which image. */
const nodesByImage = oncePerSnapshot((snapshot) => {
  const nodes = new Map<string, string>();
  for (const pod of snapshot.list("Pod")) {
    const { nodeName } = pod.spec ?? {};
    if (nodeName === undefined) continue;
    for (const { spec, status } of containersOf(pod)) {
      if (status.state?.running !== undefined && spec?.image !== undefined) nodes.set(spec.image, nodeName);
    }
  }
  return nodes;
});

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}

/** A container that waits for its image. */
export function imageObservation(
  snapshot: Snapshot,
  pod: Pod,
  container: PodContainer,
): ContainerObservation<ImageRule> | undefined {
  const failure = pullFailureOf(snapshot, pod, container);
  if (failure === undefined || !hasSettled(snapshot, pod, graceMs.pod, pod.status?.startTime)) return undefined;
  const { cause, image } = failure;
  const ref = refOf("Pod", pod);
  const { reason, message } = container.status.state?.waiting ?? {};
  const [event] = failedEvents(snapshot, pod, container);
  const nodeName = pod.spec?.nodeName ?? "";
  const secrets = cause === "auth-denied" || cause === "rate-limited" ? pullSecretsOf(snapshot, pod) : [];
  const lacking = secrets.find(({ state }) => state === "missing")?.ref;
  const elsewhere = nodesByImage(snapshot).get(image);
  const events = currentEvents(snapshot, ref, ["Failed", "BackOff"]).filter((one) => isAbout(one, container.name));
  const since = events
    .map(({ firstSeen }) => firstSeen)
    .reduce<number | undefined>((a, b) => (a === undefined ? b : b === undefined ? a : Math.min(a, b)), undefined);
  const evidence: Evidence[] = [
    field(ref, `${container.specPath}.image`, image),
    field(ref, `${container.statusPath}.state.waiting.reason`, reason),
    ...(event !== undefined
      ? [eventEvidence(event)]
      : message === undefined
        ? []
        : [field(ref, `${container.statusPath}.state.waiting.message`, message)]),
    ...secrets.map(({ ref: secret, path, state }) =>
      state === "missing" ? missing(secret) : field(ref, path, secret.name),
    ),
    ...(cause === "auth-denied" && secrets.length === 0 ? [field(ref, "spec.imagePullSecrets", undefined)] : []),
    ...(cause === "never-present"
      ? [field(ref, `${container.specPath}.imagePullPolicy`, container.spec?.imagePullPolicy)]
      : []),
    ...(cause === "platform-missing" ? platformEvidence(snapshot, pod) : []),
    ...(nodeName === "" ? [] : [field(ref, "spec.nodeName", nodeName)]),
    ...(elsewhere !== undefined && elsewhere !== nodeName ? [fact(ref, "node that runs this image", elsewhere)] : []),
    ...replicasFact(snapshot, pod),
  ];
  const origin = lacking ?? sharedCause(snapshot, failure, nodeName);
  const onset = since ?? parseTime(pod.status?.startTime);
  return {
    rule: ruleOf[cause],
    severity: severityOf(snapshot, pod, container, cause),
    object: ref,
    discriminator: container.name,
    evidence,
    mergeKey: `image ${cause} ${image}`,
    ...(lacking !== undefined && { because: "the pull secret it names does not exist" }),
    ...(origin !== undefined && { cause: origin }),
    ...(onset !== undefined && { since: onset }),
    params: { container: container.name, serviceAccount: pod.spec?.serviceAccountName ?? "default", node: nodeName },
  };
}

function severityOf(
  snapshot: Snapshot,
  pod: Pod,
  { kind }: PodContainer,
  cause: ImagePullCause,
): "critical" | "warning" | "info" {
  // An ephemeral container is somebody's look into a Pod that goes on without it.
  if (kind === "ephemeral") return "info";
  return cause === "rate-limited" ? "warning" : replicaSeverity(snapshot, pod);
}

/** A host that fails for three workloads is one trouble, and so is a node that resolves no host. */
function sharedCause(snapshot: Snapshot, { cause, host }: PullFailure, nodeName: string): ObjectRef | undefined {
  if (cause === "node-disk-full" && nodeName !== "") return namedRef("Node", undefined, nodeName);
  const { ownersByHost, hostsByNode } = shared(snapshot);
  if (cause === "dns-failed" && (hostsByNode.get(nodeName)?.size ?? 0) >= 2)
    return namedRef("Node", undefined, nodeName);
  const isOfHost = ["rate-limited", "auth-denied", "tls-untrusted", "dns-failed", "unreachable"].includes(cause);
  const owners = ownersByHost.get(`${cause} ${host}`)?.size ?? 0;
  return isOfHost && owners >= 3 ? namedRef("ImageHost", undefined, host) : undefined;
}

interface PullSecret {
  readonly ref: ObjectRef;
  /** Where it is named, in the Pod; the account's names are copied there when the Pod is made. */
  readonly path: string;
  readonly state: "there" | "missing" | "unknown";
}

/** The pull secrets that the Pod, or else its ServiceAccount, names. */
function pullSecretsOf(snapshot: Snapshot, pod: Pod): readonly PullSecret[] {
  const { namespace } = pod.metadata ?? {};
  const own = pod.spec?.imagePullSecrets ?? [];
  const account = snapshot.get("ServiceAccount", namespace, pod.spec?.serviceAccountName ?? "default");
  const named = own.length > 0 ? own : (account?.imagePullSecrets ?? []);
  const isKnown = snapshot.isComplete("Secret", namespace);
  return named.slice(0, 3).flatMap(({ name = "" }) => {
    if (name === "") return [];
    const isThere = snapshot.get("Secret", namespace, name) !== undefined;
    const state = isThere ? "there" : isKnown ? "missing" : "unknown";
    return [{ ref: namedRef("Secret", namespace, name), path: "spec.imagePullSecrets", state } as const];
  });
}

function platformEvidence(snapshot: Snapshot, pod: Pod): readonly Evidence[] {
  const found = nodeOf(snapshot, pod);
  if (found === undefined) return [];
  const ref = refOf("Node", found);
  return [
    field(ref, "status.nodeInfo.operatingSystem", found.status?.nodeInfo?.operatingSystem),
    field(ref, "status.nodeInfo.architecture", found.status?.nodeInfo?.architecture),
  ];
}
