/** Pods that no node takes, by the scheduler's reason. */
import { eventEvidence, type Evidence, fact, field, missing } from "../../findings/evidence.ts";
import type { Depth, Observation, Rule } from "../../findings/finding.ts";
import { ageOf, conditionOf, graceMs, isFinished } from "../../kube/guards.ts";
import {
  dominantClause,
  isControlPlaneTaint,
  parseSchedulerMessage,
  type SchedulerClause,
  type SchedulerReason,
} from "../../kube/messages/scheduler.ts";
import { namedRef, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { formatBytes } from "../../kube/quantity.ts";
import {
  controllerOf,
  nodeRequirementMet,
  nodeSelected,
  oncePerSnapshot,
  requiredNodeTerms,
} from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { minuteMs, parseTime, secondMs } from "../../kube/time.ts";
import { currentEvents, type Pod, present, replicaSeverity, replicasFact } from "./pod-containers.ts";
import { allocatableOf, freeOn, type Node, requestOf, untoleratedTaints } from "./pod-nodes.ts";

export type SchedulingRule = `sched-${SchedulerReason}` | "sched-scheduler-silent" | "pod-scheduling-gated";

const describe = "kubectl -n {namespace} describe pod {name}";
const onLabel = "kubectl get nodes -L {label}";
const bestNode = "kubectl describe node {node}";

function schedulingRule(
  message: string,
  fix: string,
  {
    depth = 5,
    commands = [describe],
    source = "concepts/scheduling-eviction/assign-pod-node/",
  }: Partial<Pick<Rule, "commands" | "source">> & { depth?: Depth } = {},
): Rule {
  return {
    severity: ["critical", "warning", "info"],
    depth,
    message,
    why: "The Pod waits until a node can take it",
    fix,
    source,
    commands,
    silent: [
      "it waits for less than 60 s",
      "an autoscaler is adding nodes (info)",
      "scheduling gates, which have a rule of their own",
      "taints of the control plane and nodes that the Pod does not select, when there are other reasons",
    ],
  };
}

const resources = "concepts/configuration/manage-resources-containers/";
const volumes = "concepts/storage/persistent-volumes/";

export const schedulingRules: Readonly<Record<SchedulingRule, Rule>> = {
  "sched-insufficient-cpu": schedulingRule(
    "No node has enough CPU free for the Pod",
    "Lower the CPU request, free CPU, or add nodes",
    { commands: [describe, bestNode], source: resources },
  ),
  "sched-insufficient-memory": schedulingRule(
    "No node has enough memory free for the Pod",
    "Lower the memory request, free memory, or add nodes",
    { commands: [describe, bestNode], source: resources },
  ),
  "sched-insufficient-ephemeral-storage": schedulingRule(
    "No node has enough ephemeral storage free for the Pod",
    "Lower the request for ephemeral storage, free some, or add nodes",
    { commands: [describe, bestNode], source: resources },
  ),
  "sched-insufficient-extended": schedulingRule(
    "No node has the device or resource that the Pod asks for",
    "Check that nodes with this resource exist and that their device plugin runs",
    { commands: [describe, bestNode], source: "concepts/extend-kubernetes/compute-storage-net/device-plugins/" },
  ),
  "sched-too-many-pods": schedulingRule(
    "The nodes have as many Pods as they may",
    "Add nodes, or raise the number of Pods per node",
    { commands: [describe, bestNode] },
  ),
  "sched-untolerated-taint": schedulingRule(
    "Nodes have a taint that the Pod does not tolerate",
    "Add a toleration when the Pod belongs there; else remove the taint or mend what set it",
    {
      commands: [describe, "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints"],
      source: "concepts/scheduling-eviction/taint-and-toleration/",
    },
  ),
  "sched-node-selector": schedulingRule(
    "No node carries the labels that the Pod asks for",
    "Correct nodeSelector or node affinity, or label the nodes that are meant",
    { commands: [onLabel, describe] },
  ),
  "sched-node-name": schedulingRule(
    "The node that the Pod asks for by name is not there",
    "Correct the name of the node",
    {
      commands: ["kubectl get nodes", describe],
    },
  ),
  "sched-pod-affinity": schedulingRule(
    "The Pod wants to be near Pods that are not there",
    "Check the labels in podAffinity, and that such Pods run",
  ),
  "sched-pod-anti-affinity": schedulingRule(
    "Every node has a Pod that this Pod must not be near",
    "Add nodes, want fewer replicas, or make the rule a preference",
  ),
  "sched-topology-spread": schedulingRule(
    "No node keeps the Pods spread as evenly as asked",
    "Check topologyKey and the nodes' labels, or allow more skew",
    { commands: [onLabel, describe], source: "concepts/scheduling-eviction/topology-spread-constraints/" },
  ),
  "sched-cordoned": schedulingRule("Nodes are cordoned", "Uncordon the nodes when their maintenance is over", {
    commands: ["kubectl get nodes", describe],
    source: "tasks/administer-cluster/safely-drain-node/",
  }),
  "sched-host-ports": schedulingRule(
    "No node has the host ports free that the Pod asks for",
    "Do without hostPort, or want at most one replica per node",
    { source: "concepts/services-networking/" },
  ),
  "sched-volume-zone": schedulingRule(
    "The Pod's volume lives where no fitting node is",
    "Add a node in the volume's zone, or use a StorageClass that waits for the first consumer",
    {
      commands: [
        "kubectl -n {namespace} describe persistentvolumeclaim {claim}",
        "kubectl get nodes -L topology.kubernetes.io/zone",
        describe,
      ],
      source: volumes,
    },
  ),
  "sched-volume-limit": schedulingRule(
    "The nodes have as many volumes attached as they may",
    "Add nodes, or spread the Pods with volumes",
    { source: "concepts/storage/storage-limits/" },
  ),
  "sched-volume-unbound": schedulingRule(
    "A PersistentVolumeClaim of the Pod is not bound",
    "Look at why the claim is not bound",
    {
      commands: [
        "kubectl -n {namespace} describe persistentvolumeclaim {claim}",
        "kubectl -n {namespace} get persistentvolumeclaims",
        describe,
      ],
      source: volumes,
    },
  ),
  "sched-pvc-missing": schedulingRule(
    "The Pod's PersistentVolumeClaim or its volume does not exist",
    "Create the claim, or correct its name in the Pod",
    { commands: ["kubectl -n {namespace} get persistentvolumeclaims", describe], source: volumes },
  ),
  "sched-pvc-rwop": schedulingRule(
    "Another Pod uses the claim that only one Pod may use",
    "End the other Pod, or give this one a claim of its own",
    { source: `${volumes}#access-modes` },
  ),
  "sched-storage-capacity": schedulingRule(
    "No storage within reach of a fitting node has room for the volume",
    "Free or add storage, or ask for less",
    { source: "concepts/storage/storage-capacity/" },
  ),
  "sched-dra": schedulingRule(
    "The devices that the Pod claims cannot be allocated",
    "Look at the Pod's resource claims and their device class",
    {
      commands: ["kubectl -n {namespace} get resourceclaims", describe],
      source: "concepts/scheduling-eviction/dynamic-resource-allocation/",
    },
  ),
  "sched-no-nodes": schedulingRule(
    "The cluster has no node to schedule Pods to",
    "Add nodes, or find out why they left",
    {
      depth: 1,
      commands: ["kubectl get nodes", describe],
      source: "concepts/architecture/nodes/",
    },
  ),
  "sched-other": schedulingRule(
    "The scheduler finds no node for the Pod",
    "Read the scheduler's message in the evidence",
  ),
  "sched-scheduler-silent": {
    severity: ["critical", "warning"],
    depth: 5,
    message: "No scheduler has looked at the Pod",
    why: "The scheduler is down, or none of the name in spec.schedulerName runs",
    fix: "Check that the scheduler named in spec.schedulerName runs and holds its lease",
    source: "tasks/extend-kubernetes/configure-multiple-schedulers/",
    commands: [
      "kubectl -n kube-system get lease",
      "kubectl -n {namespace} get pod {name} -o jsonpath='{.spec.schedulerName}'",
      describe,
    ],
    silent: ["the Pod is younger than 2 min", "events could not be read", "it has a node or a condition PodScheduled"],
  },
  "pod-scheduling-gated": {
    severity: ["warning", "info"],
    depth: 5,
    message: "Scheduling gates hold the Pod back",
    why: "Until their controller removes the gates, the Pod is not scheduled",
    fix: "Look at the controller that sets and removes these gates",
    source: "concepts/scheduling-eviction/pod-scheduling-readiness/",
    commands: ["kubectl -n {namespace} get pod {name} -o jsonpath='{.spec.schedulingGates}'", describe],
    silent: ["less than 10 min", "gates of a queueing system (info)"],
  },
};

/** Gates that queueing systems remove when the Pod's turn comes. */
const queueGates =
  /^(?:kueue\.x-k8s\.io|scheduling\.volcano\.sh|volcano\.sh|yunikorn\.apache\.org|scheduler\.x-k8s\.io|run\.ai)\//;

/** A Pod that has no node. */
export function schedulingObservation(snapshot: Snapshot, pod: Pod): Observation<SchedulingRule> | undefined {
  if (pod.status?.phase !== "Pending" || (pod.spec?.nodeName ?? "") !== "") return undefined;
  const condition = conditionOf(pod, "PodScheduled");
  if (condition?.reason === "SchedulingGated") return gated(snapshot, pod);
  if (condition === undefined)
    return (pod.spec?.schedulingGates ?? []).length > 0 ? gated(snapshot, pod) : silent(snapshot, pod);
  if (condition.status !== "False" || condition.reason !== "Unschedulable") return undefined;
  return unschedulable(snapshot, pod);
}

function gated(snapshot: Snapshot, pod: Pod): Observation<SchedulingRule> | undefined {
  const since = conditionOf(pod, "PodScheduled")?.lastTransitionTime ?? pod.metadata?.creationTimestamp;
  const age = ageOf(snapshot, since);
  if (age === undefined || age <= 10 * minuteMs) return undefined;
  const ref = refOf("Pod", pod);
  const gates = (pod.spec?.schedulingGates ?? []).map(({ name = "" }) => name);
  const isQueued = gates.length > 0 && gates.every((name) => queueGates.test(name));
  return {
    rule: "pod-scheduling-gated",
    severity: isQueued ? "info" : "warning",
    object: ref,
    ...(isQueued && { because: "it waits in a queue" }),
    evidence: [
      field(ref, "spec.schedulingGates", gates),
      ...present(ref, {
        "status.conditions[PodScheduled].lastTransitionTime": conditionOf(pod, "PodScheduled")?.lastTransitionTime,
      }),
    ],
    ...onset(since),
  };
}

function silent(snapshot: Snapshot, pod: Pod): Observation<SchedulingRule> | undefined {
  const age = ageOf(snapshot, pod.metadata?.creationTimestamp);
  const ref = refOf("Pod", pod);
  if (age === undefined || age <= 120 * secondMs) return undefined;
  if (!snapshot.isComplete("Event", pod.metadata?.namespace) || snapshot.eventsOf(ref).length > 0) return undefined;
  const name = pod.spec?.schedulerName ?? "default-scheduler";
  return {
    rule: "sched-scheduler-silent",
    severity: replicaSeverity(snapshot, pod),
    object: ref,
    ...(name !== "default-scheduler" && { because: "it asks for a scheduler other than the default one" }),
    evidence: [
      field(ref, "spec.schedulerName", name),
      field(ref, "status.phase", "Pending"),
      field(ref, "status.conditions[PodScheduled]", undefined),
      ...replicasFact(snapshot, pod),
    ],
    ...onset(pod.metadata?.creationTimestamp),
  };
}

function onset(time: string | undefined): { readonly since?: number } {
  const since = parseTime(time);
  return since === undefined ? {} : { since };
}

// ---- what the scheduler said ------------------------------------------------------------------------------------------

/** What node data adds to the scheduler's words. */
interface Joined {
  readonly because?: string;
  readonly cause?: ObjectRef;
  readonly related?: readonly ObjectRef[];
  readonly evidence?: readonly Evidence[];
  readonly params?: Readonly<Record<string, string>>;
}

function unschedulable(snapshot: Snapshot, pod: Pod): Observation<SchedulingRule> | undefined {
  const condition = conditionOf(pod, "PodScheduled");
  const age = ageOf(snapshot, condition?.lastTransitionTime ?? pod.metadata?.creationTimestamp);
  if (age !== undefined && age < graceMs.pod) return undefined;
  const ref = refOf("Pod", pod);
  const event = currentEvents(snapshot, ref, ["FailedScheduling"])[0];
  const said = condition?.message === undefined || condition.message === "" ? event?.message : condition.message;
  if (said === undefined) return undefined;
  const nodes = snapshot.isComplete("Node") ? snapshot.list("Node") : [];
  const selected = nodes.filter((node) => nodeSelected(pod.spec, node));
  const { clauses } = parseSchedulerMessage(said);
  // Nodes that the Pod does not select are not its trouble as long as it selects others.
  const dominant = dominantClause(clauses, ({ reason }) => reason === "node-selector" && selected.length > 0);
  if (dominant === undefined) return undefined;
  // A StatefulSet makes the claims of a Pod moments after it.
  if (
    dominant.reason === "pvc-missing" &&
    controllerOf(pod)?.kind === "StatefulSet" &&
    age !== undefined &&
    age < 2 * minuteMs
  ) {
    return undefined;
  }
  const joined = join(snapshot, pod, dominant, { nodes, selected });
  const scaling = autoscalerEvent(snapshot, pod);
  return {
    rule: `sched-${dominant.reason}`,
    severity: scaling === undefined ? severityOf(snapshot, pod, dominant) : "info",
    object: ref,
    ...(dominant.resource !== undefined &&
      dominant.reason === "insufficient-extended" && { discriminator: dominant.resource }),
    ...(scaling !== undefined
      ? { because: "the autoscaler is adding nodes" }
      : joined.because !== undefined && { because: joined.because }),
    ...(joined.cause !== undefined && { cause: joined.cause }),
    related: joined.related ?? [],
    evidence: [
      condition?.message === undefined || condition.message === ""
        ? event === undefined
          ? field(ref, "status.conditions[PodScheduled].message", said)
          : eventEvidence(event)
        : field(ref, "status.conditions[PodScheduled].message", said),
      ...(scaling ?? []),
      ...(joined.evidence ?? []),
      ...(clauses.length > 1 ? [fact(ref, "nodes by reason", countsOf(clauses))] : []),
      ...replicasFact(snapshot, pod),
    ],
    ...onset(condition?.lastTransitionTime),
    ...(joined.params !== undefined && { params: joined.params }),
  };
}

function severityOf(snapshot: Snapshot, pod: Pod, { reason }: SchedulerClause): "critical" | "warning" {
  return reason === "no-nodes" ? "critical" : replicaSeverity(snapshot, pod);
}

function countsOf(clauses: readonly SchedulerClause[]): Readonly<Record<string, number | string>> {
  return Object.fromEntries(clauses.map(({ text, nodes }) => [text, nodes ?? "the Pod itself"]));
}

/** An autoscaler has answered: cluster-autoscaler with `TriggeredScaleUp`, Karpenter with `Nominated`. */
function autoscalerEvent(snapshot: Snapshot, pod: Pod): readonly Evidence[] | undefined {
  const ref = refOf("Pod", pod);
  const [event] = currentEvents(snapshot, ref, ["TriggeredScaleUp", "Nominated"], snapshot.takenAt - 10 * minuteMs);
  return event === undefined ? undefined : [eventEvidence(event)];
}

interface Nodes {
  readonly nodes: readonly Node[];
  /** Those that nodeSelector and node affinity admit. */
  readonly selected: readonly Node[];
}

function join(snapshot: Snapshot, pod: Pod, clause: SchedulerClause, nodes: Nodes): Joined {
  switch (clause.reason) {
    case "insufficient-cpu":
    case "insufficient-memory":
    case "insufficient-ephemeral-storage":
    case "insufficient-extended":
    case "too-many-pods":
      return resourceJoin(snapshot, pod, clause.reason === "too-many-pods" ? "pods" : (clause.resource ?? ""), nodes);
    case "untolerated-taint":
      return taintJoin(pod, clause, nodes);
    case "node-selector":
      return selectorJoin(pod, nodes.nodes);
    case "cordoned":
      return cordonJoin(nodes);
    case "pod-affinity":
    case "pod-anti-affinity":
      return affinityJoin(pod, clause.reason, nodes);
    case "topology-spread":
      return spreadJoin(pod, clause, nodes);
    case "host-ports":
      return hostPortJoin(snapshot, pod);
    case "volume-unbound":
    case "volume-zone":
    case "pvc-missing":
    case "pvc-rwop":
    case "storage-capacity":
      return claimJoin(snapshot, pod, clause);
    case "node-name":
      return {
        evidence: (requiredNodeTerms(pod.spec) ?? [])
          .slice(0, 1)
          .map((term) => field(refOf("Pod", pod), nodeAffinityPath, JSON.stringify(term))),
      };
    default:
      return {};
  }
}

const nodeAffinityPath = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution";

function amount(resource: string, value: number): string | number {
  if (resource === "memory" || resource === "ephemeral-storage") return formatBytes(value);
  // Cores are read in thousandths; 0.1 + 0.2 must not show.
  return resource === "cpu" ? `${Math.round(value * 1000)}m` : value;
}

/** The request against what the nodes have left, and whether any node could ever hold it. */
function resourceJoin(snapshot: Snapshot, pod: Pod, resource: string, { selected }: Nodes): Joined {
  const ref = refOf("Pod", pod);
  const wanted = resource === "pods" ? 1 : requestOf(pod.spec, resource);
  const matching = selected.filter(
    (node) => node.spec?.unschedulable !== true && untoleratedTaints(pod.spec, node).length === 0,
  );
  const free = matching
    .map((node) => ({ node, free: freeOn(snapshot, node, resource) ?? 0 }))
    .sort((a, b) => b.free - a.free);
  const best = free[0];
  const request = resource === "pods" ? [] : [fact(ref, `requested ${resource}`, amount(resource, wanted))];
  if (best === undefined || !snapshot.isComplete("Pod")) return { evidence: request };
  const largest = Math.max(...matching.map((node) => allocatableOf(node, resource) ?? 0));
  const total = free.reduce((sum, one) => sum + one.free, 0);
  const because =
    largest === 0
      ? "no node offers it"
      : wanted > largest
        ? "it asks for more than any node has, even an empty one"
        : total >= wanted && matching.length > 1
          ? "enough is free in total, but not on one node"
          : undefined;
  return {
    ...(because !== undefined && { because }),
    evidence: [
      ...request,
      fact(ref, `largest free ${resource}`, amount(resource, best.free)),
      fact(refOf("Node", best.node), `free ${resource}`, amount(resource, best.free)),
      fact(ref, `${resource} of the largest node`, amount(resource, largest)),
      ...(matching.length > 1 ? [fact(ref, `free ${resource} in total`, amount(resource, total))] : []),
    ],
    params: { node: best.node.metadata?.name ?? "" },
  };
}

/** Taints that the system puts on nodes in trouble: then the node is what to mend. */
const troubleTaints: ReadonlySet<string> = new Set([
  "node.kubernetes.io/not-ready",
  "node.kubernetes.io/unreachable",
  "node.kubernetes.io/disk-pressure",
  "node.kubernetes.io/memory-pressure",
  "node.kubernetes.io/pid-pressure",
  "node.kubernetes.io/network-unavailable",
  "node.cloudprovider.kubernetes.io/uninitialized",
]);

function taintJoin(pod: Pod, clause: SchedulerClause, { nodes, selected }: Nodes): Joined {
  const ref = refOf("Pod", pod);
  const among = selected.length > 0 ? selected : nodes;
  const tainted = among.flatMap((node) =>
    untoleratedTaints(pod.spec, node)
      .filter(({ key, value = "" }) =>
        clause.taint === undefined
          ? !isControlPlaneTaint({ ...clause, taint: { key: key ?? "", value } })
          : key === clause.taint.key,
      )
      .map((taint) => ({ node, taint })),
  );
  const key = clause.taint?.key ?? tainted[0]?.taint.key;
  if (key === undefined) return {};
  const troubled = tainted.find(({ taint }) => troubleTaints.has(taint.key ?? ""));
  const names = [...new Set(tainted.map(({ node }) => node.metadata?.name ?? ""))];
  const cause = troubled === undefined ? undefined : refOf("Node", troubled.node);
  return {
    ...(troubleTaints.has(key) && { because: "the nodes are in trouble" }),
    ...(cause !== undefined && { cause }),
    related:
      troubled === undefined
        ? []
        : tainted.filter(({ taint }) => troubleTaints.has(taint.key ?? "")).map(({ node }) => refOf("Node", node)),
    evidence: [
      fact(
        ref,
        "taint",
        clause.taint === undefined || clause.taint.value === "" ? key : `${key}=${clause.taint.value}`,
      ),
      ...(names.length > 0 ? [fact(ref, "nodes with the taint", names.slice(0, 5))] : []),
      field(
        ref,
        "spec.tolerations",
        (pod.spec?.tolerations ?? []).map(({ key: tolerated = "" }) => tolerated).filter((one) => one !== ""),
      ),
    ],
  };
}

/** Which label no node has, and what comes near. */
function selectorJoin(pod: Pod, nodes: readonly Node[]): Joined {
  const ref = refOf("Pod", pod);
  const selector = Object.entries(pod.spec?.nodeSelector ?? {});
  const evidence: Evidence[] = selector.length > 0 ? [field(ref, "spec.nodeSelector", pod.spec?.nodeSelector)] : [];
  const terms = requiredNodeTerms(pod.spec) ?? [];
  if (terms.length > 0)
    evidence.push(
      field(
        ref,
        nodeAffinityPath,
        terms.map((term) => JSON.stringify(term)),
      ),
    );
  if (nodes.length === 0) return { evidence, params: { label: selector[0]?.[0] ?? "" } };
  const wanted = [
    ...selector.map(([key, value]) => ({ key, operator: "In", values: [value] as readonly string[] })),
    ...terms.flatMap(({ matchExpressions = [] }) => matchExpressions),
  ];
  const lacking = wanted.find(
    (one) => !nodes.some(({ metadata }) => nodeRequirementMet(one, metadata?.labels?.[one.key ?? ""])),
  );
  if (lacking === undefined) {
    return {
      ...(wanted.length > 1 && { because: "each label exists, but no node has them all" }),
      evidence,
      params: { label: selector[0]?.[0] ?? wanted[0]?.key ?? "" },
    };
  }
  const { key = "", values = [] } = lacking;
  const existing = [...new Set(nodes.flatMap(({ metadata }) => metadata?.labels?.[key] ?? []))].sort();
  const elsewhere = nodes
    .flatMap(({ metadata }) => Object.entries(metadata?.labels ?? {}))
    .find(([other, value]) => other !== key && values.includes(value) && value !== "true" && value !== "");
  return {
    because: existing.length > 0 ? "no node has this value of the label" : "no node has the label",
    evidence: [
      ...evidence,
      fact(ref, "label that no node has", values.length === 0 ? key : `${key}=${values.join(",")}`),
      ...(existing.length > 0 ? [fact(ref, `values of ${key} on nodes`, existing.slice(0, 5))] : []),
      ...(elsewhere === undefined
        ? []
        : [fact(ref, "the value stands under another label", `${elsewhere[0]}=${elsewhere[1]}`)]),
    ],
    params: { label: key },
  };
}

function cordonJoin({ nodes, selected }: Nodes): Joined {
  const cordoned = (selected.length > 0 ? selected : nodes).filter(({ spec }) => spec?.unschedulable === true);
  const [first] = cordoned;
  if (first === undefined) return {};
  return {
    cause: refOf("Node", first),
    related: cordoned.map((node) => refOf("Node", node)),
    evidence: cordoned.slice(0, 4).map((node) => field(refOf("Node", node), "spec.unschedulable", true)),
    params: { node: first.metadata?.name ?? "" },
  };
}

interface AffinityTerm {
  readonly topologyKey?: string;
  readonly labelSelector?: { readonly matchLabels?: Readonly<Record<string, string>> };
}

function affinityJoin(pod: Pod, reason: "pod-affinity" | "pod-anti-affinity", { nodes }: Nodes): Joined {
  const ref = refOf("Pod", pod);
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const own = reason === "pod-affinity" ? podAffinity : podAntiAffinity;
  const terms: readonly AffinityTerm[] = own?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const path = reason === "pod-affinity" ? "podAffinity" : "podAntiAffinity";
  const keys = [...new Set(terms.map(({ topologyKey = "" }) => topologyKey))].filter((key) => key !== "");
  const domains = keys.map((key) => new Set(nodes.flatMap(({ metadata }) => metadata?.labels?.[key] ?? [])).size);
  const isOwn = terms.some(({ labelSelector }) =>
    Object.entries(labelSelector?.matchLabels ?? {}).every(([key, value]) => pod.metadata?.labels?.[key] === value),
  );
  return {
    ...(reason === "pod-anti-affinity" &&
      isOwn && { because: "its own replicas keep apart, and there are more of them than places" }),
    ...(reason === "pod-anti-affinity" &&
      terms.length === 0 && { because: "Pods that run there want none like it near" }),
    evidence: [
      ...terms
        .slice(0, 2)
        .map((term, index) =>
          field(
            ref,
            `spec.affinity.${path}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`,
            JSON.stringify(term),
          ),
        ),
      ...(nodes.length === 0
        ? []
        : keys.slice(0, 2).map((key, index) => fact(ref, `places by ${key}`, domains[index] ?? 0))),
    ],
  };
}

function spreadJoin(pod: Pod, clause: SchedulerClause, { nodes }: Nodes): Joined {
  const ref = refOf("Pod", pod);
  const constraints = (pod.spec?.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable !== "ScheduleAnyway",
  );
  const key = constraints[0]?.topologyKey ?? "";
  const without = nodes
    .filter(({ metadata }) => metadata?.labels?.[key] === undefined)
    .map(({ metadata }) => metadata?.name ?? "");
  const isLabel = /missing required label/.test(clause.text);
  return {
    ...(isLabel && { because: "nodes lack the label to spread by" }),
    evidence: [
      ...constraints
        .slice(0, 2)
        .map(({ topologyKey = "", maxSkew = 1 }, index) =>
          field(ref, `spec.topologySpreadConstraints[${index}]`, { topologyKey, maxSkew }),
        ),
      ...(isLabel && without.length > 0 ? [fact(ref, "nodes without the label", without.slice(0, 5))] : []),
    ],
    params: { label: key },
  };
}

function hostPortsOf(pod: Pod): readonly string[] {
  return (pod.spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, protocol = "TCP" }) => (hostPort === undefined ? [] : [`${hostPort}/${protocol}`])),
  );
}

/** Which Pods on nodes hold which host port. */
const podsByHostPort = oncePerSnapshot((snapshot) => {
  const pods = new Map<string, Pod[]>();
  for (const pod of snapshot.list("Pod")) {
    if ((pod.spec?.nodeName ?? "") === "" || isFinished(pod)) continue;
    for (const port of hostPortsOf(pod)) pods.set(port, [...(pods.get(port) ?? []), pod]);
  }
  return pods;
});

function hostPortJoin(snapshot: Snapshot, pod: Pod): Joined {
  const ref = refOf("Pod", pod);
  const wanted = hostPortsOf(pod);
  const holders = [...new Set(wanted.flatMap((port) => podsByHostPort(snapshot).get(port) ?? []))];
  return {
    related: holders.slice(0, 5).map((other) => refOf("Pod", other)),
    evidence: [
      field(ref, "spec.containers[*].ports[*].hostPort", wanted),
      ...holders.slice(0, 2).map((other) => field(refOf("Pod", other), "spec.nodeName", other.spec?.nodeName)),
    ],
  };
}

/** The claim that the scheduler waits for. */
function claimJoin(snapshot: Snapshot, pod: Pod, clause: SchedulerClause): Joined {
  const { namespace } = pod.metadata ?? {};
  const ref = refOf("Pod", pod);
  const names = (pod.spec?.volumes ?? []).flatMap(({ name = "", persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim?.claimName !== undefined)
      return [{ claim: persistentVolumeClaim.claimName, volume: name }];
    return ephemeral === undefined ? [] : [{ claim: `${pod.metadata?.name}-${name}`, volume: name }];
  });
  const claims = names.map((one) => ({ ...one, object: snapshot.get("PersistentVolumeClaim", namespace, one.claim) }));
  const isComplete = snapshot.isComplete("PersistentVolumeClaim", namespace);
  const wanted =
    clause.named !== undefined && /persistentvolumeclaim/i.test(clause.text)
      ? claims.find(({ claim }) => claim === clause.named)
      : clause.reason === "volume-unbound"
        ? claims.find(({ object }) => object !== undefined && object.status?.phase !== "Bound")
        : claims.length === 1 || clause.reason === "volume-zone"
          ? claims[0]
          : undefined;
  const name = wanted?.claim ?? (/persistentvolumeclaim/i.test(clause.text) ? clause.named : undefined);
  if (name === undefined) return {};
  const claim =
    wanted?.object === undefined
      ? namedRef("PersistentVolumeClaim", namespace, name)
      : refOf("PersistentVolumeClaim", wanted.object);
  const zones = clause.reason === "volume-zone" ? zoneEvidence(snapshot, wanted?.object?.spec?.volumeName) : [];
  return {
    cause: claim,
    evidence: [
      ...(wanted?.object === undefined
        ? isComplete
          ? [missing(claim)]
          : []
        : [
            field(claim, "status.phase", wanted.object.status?.phase),
            ...present(claim, { "spec.storageClassName": wanted.object.spec?.storageClassName }),
          ]),
      ...(wanted === undefined ? [] : [field(ref, `spec.volumes[${wanted.volume}]`, name)]),
      ...zones,
    ],
    params: { claim: name },
  };
}

/** Where the volume lives, as its node affinity says, and which zones have nodes. */
function zoneEvidence(snapshot: Snapshot, volumeName: string | undefined): readonly Evidence[] {
  const volume = volumeName === undefined ? undefined : snapshot.get("PersistentVolume", undefined, volumeName);
  if (volume === undefined) return [];
  const zones = snapshot
    .list("Node")
    .flatMap(({ metadata }) => metadata?.labels?.["topology.kubernetes.io/zone"] ?? []);
  return [
    field(refOf("PersistentVolume", volume), "spec.nodeAffinity", JSON.stringify(volume.spec?.nodeAffinity ?? null)),
    fact(refOf("PersistentVolume", volume), "zones with nodes", [...new Set(zones)].sort()),
  ];
}
