import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import {
  ageOfObject,
  conditionOf,
  graceMs,
  hasSettled,
  isGoingAway,
  isStatusStale,
  specChangedAt,
} from "../kube/guards.ts";
import type { KubeObject, PodSpec } from "../kube/kinds.ts";
import { compareText, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { nodeSelected, podsOwnedBy, requiredNodeTerms, tolerates } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { createBlocked, createBlockedRules, createBlockedUses, refusalInEvents } from "./rules/create-blocked.ts";
import { missingPullSecrets, pullSecretRules, pullSecretUses } from "./rules/pull-secret.ts";
import {
  noPodsCreated,
  noPodsRules,
  notObserving,
  observingRules,
  selectorParam,
  settledUnready,
  type UnreadyPod,
  unreadyEvidence,
  unreadyPods,
} from "./rules/replicas.ts";

export const daemonSet: Analyzer = defineAnalyzer({
  name: "DaemonSet",
  needs: ["DaemonSet"],
  uses: ["Node", ...createBlockedUses, ...pullSecretUses],
  rules: {
    "daemonset-missing-on-nodes": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "The DaemonSet has no available Pod on some of its nodes",
      why: "Nodes are without what it provides: network, storage, logging",
      fix: "Look at why the Pods on these nodes are not ready",
      source: "concepts/workloads/controllers/daemonset/",
      commands: [
        "kubectl -n {namespace} get pods -l {selector} -o wide",
        "kubectl -n {namespace} describe daemonset {name}",
      ],
      silent: [
        "Pods or nodes could not be listed",
        "The Pod has been unready for less than 2 minutes, or the node is younger than 3",
        "A rolling update replaces no more Pods at once than it may, each in less than 10 minutes",
        "The status still tells of an older spec",
      ],
    },
    "daemonset-misscheduled": {
      severity: "info",
      depth: 7,
      message: "Pods of the DaemonSet run on nodes where they should not",
      why: "A node's labels or taints changed under them; they stay until they are deleted",
      fix: "Delete the Pods that are left over, or correct the labels of the nodes",
      source: "concepts/workloads/controllers/daemonset/",
      commands: ["kubectl -n {namespace} get pods -l {selector} -o wide"],
      silent: ["The DaemonSet was changed less than 10 minutes ago"],
    },
    "daemonset-targets-none": {
      severity: ["warning", "info"],
      depth: 5,
      message: "No node matches the node selector of the DaemonSet",
      why: "It runs nowhere, and nothing says so",
      fix: "Compare the nodeSelector and node affinity of the template with the labels of the nodes",
      source: "concepts/workloads/controllers/daemonset/#running-pods-on-select-nodes",
      commands: ["kubectl get nodes --show-labels", "kubectl -n {namespace} get daemonset {name} -o yaml"],
      silent: [
        "Nodes could not be listed",
        "The DaemonSet is younger than 2 minutes",
        "It has no node selector and no node affinity",
      ],
    },
    ...createBlockedRules,
    ...noPodsRules,
    ...observingRules,
    ...pullSecretRules,
  },
  *check(snapshot) {
    for (const object of snapshot.list("DaemonSet")) {
      if (isGoingAway(snapshot, object)) continue;
      const ref = refOf("DaemonSet", object);
      if (isStatusStale(object)) {
        const lagging = notObserving(snapshot, ref, object);
        if (lagging !== undefined) yield lagging;
        continue;
      }
      const misscheduled = misscheduledPods(snapshot, ref, object);
      if (misscheduled !== undefined) yield misscheduled;
      const none = targetsNone(snapshot, ref, object);
      if (none !== undefined) yield none;
      const desired = object.status?.desiredNumberScheduled ?? 0;
      if (desired === 0) continue;
      const found =
        refused(snapshot, ref, object) ??
        missingOnNodes(snapshot, ref, object) ??
        noPodsCreated(snapshot, ref, object, { path: "status.desiredNumberScheduled", count: desired });
      if (found !== undefined) yield found;
    }
    yield* missingPullSecrets(snapshot, "DaemonSet");
  },
});

function countsOf(ref: ObjectRef, { status = {} }: KubeObject<"DaemonSet">): readonly Evidence[] {
  return [
    field(ref, "status.desiredNumberScheduled", status.desiredNumberScheduled ?? 0),
    field(ref, "status.currentNumberScheduled", status.currentNumberScheduled ?? 0),
    field(ref, "status.numberAvailable", status.numberAvailable ?? 0),
  ];
}

function refused(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"DaemonSet">,
): Observation<keyof typeof createBlockedRules> | undefined {
  const { desiredNumberScheduled = 0, currentNumberScheduled = 0 } = object.status ?? {};
  if (currentNumberScheduled >= desiredNumberScheduled) return undefined;
  const found = refusalInEvents(snapshot, ref);
  return found === undefined
    ? undefined
    : createBlocked(snapshot, ref, found, { counts: countsOf(ref, object), serving: ref.uid });
}

/** A node without an available Pod of the DaemonSet, and why. */
interface Gap {
  readonly node: string;
  readonly why: keyof typeof gapsInWords;
  readonly pod?: UnreadyPod;
  readonly since?: number | undefined;
}

/** Why a node has no available Pod: in the title, and over the list of such nodes. */
const gapsInWords = {
  "node-not-ready": ["the nodes are not ready", "nodes that are not ready"],
  "not-created": ["no Pod was created there", "nodes where no Pod was created"],
  unscheduled: ["the Pods find no room on their nodes", "nodes without room for the Pod"],
  "not-starting": ["the Pods do not start", "nodes where the Pod does not start"],
  "not-ready": ["the Pods run but are not ready", "nodes where the Pod runs but is not ready"],
} as const;

const youngNodeMs = 3 * minuteMs;
const slowReplacementMs = 10 * minuteMs;

function missingOnNodes(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"DaemonSet">,
): Observation<"daemonset-missing-on-nodes"> | undefined {
  const {
    desiredNumberScheduled: desired = 0,
    currentNumberScheduled: current = 0,
    numberAvailable = 0,
  } = object.status ?? {};
  const { namespace } = ref;
  if (numberAvailable >= desired && current >= desired) return undefined;
  if (namespace === undefined || !snapshot.isComplete("Pod", namespace) || !snapshot.isComplete("Node"))
    return undefined;
  const pods = podsOwnedBy(snapshot, ref.uid);
  if (pods.length === 0 || !hasSettled(snapshot, object, graceMs.workload)) return undefined;
  const gaps = [
    ...gapsWithPod(snapshot, object, pods),
    ...(current < desired ? gapsWithoutPod(snapshot, object, pods) : []),
  ];
  if (gaps.length === 0) return undefined;
  gaps.sort((a, b) => compareText(a.node, b.node));
  const reasons = [...new Set(gaps.map(({ why }) => why))].sort();
  const onsets = gaps.map(({ since }) => since).filter((since) => since !== undefined);
  const broken = gaps.filter(({ why }) => why === "node-not-ready").map(({ node }) => nodeRef(snapshot, node));
  const isAllNodes = broken.length === gaps.length;
  const [firstNode] = broken;
  return {
    rule: "daemonset-missing-on-nodes",
    // A node that is down has a finding of its own, and it says how bad that is.
    severity: isPlatform(ref, object) && !isAllNodes ? "critical" : "warning",
    object: ref,
    // Several reasons stand in the evidence: which of them hold changes from hour to hour, and the finding is one.
    ...(reasons.length === 1 && reasons[0] !== undefined && { because: gapsInWords[reasons[0]][0] }),
    ...(isAllNodes && firstNode !== undefined && { cause: firstNode }),
    related: [...broken, ...gaps.flatMap(({ pod }) => (pod === undefined ? [] : [pod.ref]))],
    evidence: [
      ...reasons.map((why) => {
        const nodes = gaps.filter((gap) => gap.why === why).map(({ node }) => node);
        return fact(ref, gapsInWords[why][1], nodes.slice(0, 10));
      }),
      ...gaps
        .flatMap(({ pod, why }) => (pod === undefined || why === "node-not-ready" ? [] : [unreadyEvidence(pod)]))
        .slice(0, 2),
      ...countsOf(ref, object),
    ].slice(0, 8),
    ...(onsets.length > 0 && { since: Math.min(...onsets) }),
    params: { selector: selectorParam(object) },
  };
}

function gapsWithPod(
  snapshot: Snapshot,
  object: KubeObject<"DaemonSet">,
  pods: readonly KubeObject<"Pod">[],
): readonly Gap[] {
  const {
    desiredNumberScheduled: desired = 0,
    updatedNumberScheduled: updated,
    numberAvailable = 0,
  } = object.status ?? {};
  const isRolling = updated !== undefined && updated < desired && object.spec?.updateStrategy?.type !== "OnDelete";
  const isWithinLimits = isRolling && desired - numberAvailable <= maxUnavailable(object, desired);
  const gaps: Gap[] = [];
  for (const unready of settledUnready(
    snapshot,
    unreadyPods(pods),
    isWithinLimits ? slowReplacementMs : graceMs.workload,
  )) {
    const { pod, since } = unready;
    const name = pod.spec?.nodeName ?? intendedNode(pod.spec) ?? "";
    const node = snapshot.get("Node", undefined, name);
    // A Pod of a node that is gone is only waiting to be collected.
    if (name !== "" && node === undefined) continue;
    if (node !== undefined && (ageOfObject(snapshot, node) ?? youngNodeMs) < youngNodeMs) continue;
    gaps.push({
      node: name,
      why: node !== undefined && !isNodeReady(node) ? "node-not-ready" : whyUnready(pod),
      pod: unready,
      since,
    });
  }
  return gaps;
}

function whyUnready(pod: KubeObject<"Pod">): Gap["why"] {
  if (pod.spec?.nodeName === undefined) return "unscheduled";
  const statuses = pod.status?.containerStatuses ?? [];
  return statuses.length > 0 && statuses.every(({ state }) => state?.running !== undefined)
    ? "not-ready"
    : "not-starting";
}

function gapsWithoutPod(
  snapshot: Snapshot,
  object: KubeObject<"DaemonSet">,
  pods: readonly KubeObject<"Pod">[],
): readonly Gap[] {
  const held = new Set(pods.map((pod) => pod.spec?.nodeName ?? intendedNode(pod.spec)));
  const spec = object.spec?.template?.spec;
  const gaps: Gap[] = [];
  for (const node of snapshot.list("Node")) {
    const { name = "" } = node.metadata ?? {};
    if (held.has(name) || !nodeSelected(spec, node) || !isTolerated(spec, node)) continue;
    if ((ageOfObject(snapshot, node) ?? youngNodeMs) < youngNodeMs) continue;
    gaps.push({ node: name, why: isNodeReady(node) ? "not-created" : "node-not-ready" });
  }
  return gaps;
}

/** Taints that the controller tolerates on behalf of every DaemonSet (concepts/workloads/controllers/daemonset/). */
const toleratedByAll: ReadonlySet<string> = new Set([
  "node.kubernetes.io/not-ready",
  "node.kubernetes.io/unreachable",
  "node.kubernetes.io/disk-pressure",
  "node.kubernetes.io/memory-pressure",
  "node.kubernetes.io/pid-pressure",
  "node.kubernetes.io/unschedulable",
]);

function isTolerated(spec: PodSpec | undefined, node: KubeObject<"Node">): boolean {
  return (node.spec?.taints ?? []).every(
    (taint) =>
      taint.effect === "PreferNoSchedule" ||
      toleratedByAll.has(taint.key ?? "") ||
      (taint.key === "node.kubernetes.io/network-unavailable" && spec?.hostNetwork === true) ||
      tolerates(spec, taint),
  );
}

/** The node that the controller wrote into the Pod's affinity: where it waits to run. */
function intendedNode(spec: PodSpec | undefined): string | undefined {
  for (const { matchFields } of requiredNodeTerms(spec) ?? []) {
    for (const { key, values } of matchFields ?? []) if (key === "metadata.name") return values?.[0];
  }
  return undefined;
}

function isNodeReady(node: KubeObject<"Node">): boolean {
  const ready = conditionOf(node, "Ready");
  // An absent condition is not known, and not false.
  return ready === undefined || ready.status === "True";
}

function nodeRef(snapshot: Snapshot, name: string): ObjectRef {
  const node = snapshot.get("Node", undefined, name);
  return node === undefined ? { kind: "Node", name } : refOf("Node", node);
}

// The API allows a number or a share, which is rounded up here; the default is 1.
function maxUnavailable(object: KubeObject<"DaemonSet">, desired: number): number {
  const { maxUnavailable: allowed = 1, maxSurge } = object.spec?.updateStrategy?.rollingUpdate ?? {};
  const share = /^(\d+)%$/.exec(String(allowed));
  const resolved = share === null ? Number(allowed) || 0 : Math.ceil((Number(share[1]) * desired) / 100);
  return maxSurge === undefined ? Math.max(1, resolved) : resolved;
}

/** Names of network plugins, storage drivers and kube-proxy: without them a node cannot serve Pods. */
const platformNames =
  /(?:^|-)(?:kube-proxy|calico-node|canal|cilium|kube-flannel(?:-ds)?|flannel|weave-net|aws-node|azure-cni|azure-ip-masq-agent|kindnet|antrea-agent|kube-router|ovnkube-node|sdn|multus|kube-ovn-cni)(?:-|$)|(?:^|-)csi-|-csi(?:-|$)|csi-node/;

function isPlatform({ name }: ObjectRef, object: KubeObject<"DaemonSet">): boolean {
  if (platformNames.test(name)) return true;
  // A driver registers itself with the kubelet through this helper, whatever its DaemonSet is called.
  return (object.spec?.template?.spec?.containers ?? []).some(({ image }) =>
    /csi-node-driver-registrar/.test(String(image)),
  );
}

function misscheduledPods(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"DaemonSet">,
): Observation<"daemonset-misscheduled"> | undefined {
  const { numberMisscheduled = 0 } = object.status ?? {};
  if (numberMisscheduled === 0 || !hasSettled(snapshot, object, 10 * minuteMs, specChangedAt(snapshot, object)))
    return undefined;
  const spec = object.spec?.template?.spec;
  const strays = podsOwnedBy(snapshot, ref.uid).flatMap((pod) => {
    const node = snapshot.get("Node", undefined, pod.spec?.nodeName ?? "");
    const isHere = node === undefined || (nodeSelected(spec, node) && isTolerated(spec, node));
    return isHere ? [] : [pod.spec?.nodeName ?? ""];
  });
  return {
    rule: "daemonset-misscheduled",
    object: ref,
    evidence: [
      field(ref, "status.numberMisscheduled", numberMisscheduled),
      ...(strays.length > 0 ? [fact(ref, "nodes", strays.slice(0, 10))] : []),
    ],
    params: { selector: selectorParam(object) },
  };
}

/** Labels of hardware, operating systems and clouds: a DaemonSet for them waits, rightly, until such a node comes. */
const optionalLabels =
  /gpu|nvidia|amd\.com|intel\.com|habana|fpga|sriov|infiniband|rdma|tpu|neuron|accelerator|device|hardware|smarter|(?:^|\.)feature\.node\.kubernetes\.io\/|(?:^|\.)kubernetes\.io\/(?:os|arch)$|node\.kubernetes\.io\/|(?:^|\.)(?:cloud\.google\.com|gke\.io|eks\.amazonaws\.com|k8s\.aws|kubernetes\.azure\.com|openshift\.io)\/|karpenter\.sh\//i;

function targetsNone(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: KubeObject<"DaemonSet">,
): Observation<"daemonset-targets-none"> | undefined {
  const { desiredNumberScheduled } = object.status ?? {};
  const spec = object.spec?.template?.spec;
  const terms = requiredNodeTerms(spec);
  const { nodeSelector = {} } = spec ?? {};
  const selectorKeys = Object.keys(nodeSelector);
  if (desiredNumberScheduled !== 0 || (selectorKeys.length === 0 && terms === undefined)) return undefined;
  const nodes = snapshot.list("Node");
  if (nodes.length === 0 || !snapshot.isComplete("Node") || !hasSettled(snapshot, object, graceMs.workload))
    return undefined;
  if (nodes.some((node) => nodeSelected(spec, node))) return undefined;
  const keys = [
    ...selectorKeys,
    ...(terms ?? []).flatMap(({ matchExpressions = [] }) => matchExpressions.map(({ key = "" }) => key)),
  ];
  const isOptional = ref.namespace === "kube-system" || keys.some((key) => optionalLabels.test(key));
  const known = keys.filter((key) => nodes.some(({ metadata }) => metadata?.labels?.[key] !== undefined));
  return {
    rule: "daemonset-targets-none",
    severity: isOptional ? "info" : "warning",
    object: ref,
    ...(isOptional && { because: "it is meant for nodes that this cluster may not have" }),
    evidence: [
      ...(selectorKeys.length > 0 ? [field(ref, "spec.template.spec.nodeSelector", nodeSelector)] : []),
      ...(terms === undefined
        ? []
        : [
            fact(
              ref,
              "labels that the required node affinity asks for",
              terms.flatMap(({ matchExpressions = [] }) => matchExpressions.map(({ key = "" }) => key)),
            ),
          ]),
      ...(known.length > 0
        ? [
            fact(
              ref,
              "values of these labels on the nodes",
              Object.fromEntries(known.map((key) => [key, valuesOf(nodes, key)])),
            ),
          ]
        : []),
      fact(ref, "nodes in the cluster", nodes.length),
    ],
  };
}

function valuesOf(nodes: readonly KubeObject<"Node">[], key: string): readonly string[] {
  const values = new Set(nodes.map(({ metadata }) => metadata?.labels?.[key]).filter((value) => value !== undefined));
  return [...values].sort(compareText).slice(0, 5);
}
