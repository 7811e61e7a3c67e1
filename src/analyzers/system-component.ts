/** What every workload stands on: cluster DNS, kube-proxy, the network, the drivers. And the version of it all. */
import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import {
  ageOf,
  ageOfObject,
  conditionOf,
  graceMs,
  isFinished,
  isGoingAway,
  isReady,
  isStatusStale,
} from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { dnsFailureInWords } from "../kube/messages/dns.ts";
import { endOfSupport } from "../kube/messages/support.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { podsOwnedBy, podsSelectedBy } from "../kube/relations.ts";
import { formatSelector } from "../kube/selectors.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, minuteMs } from "../kube/time.ts";
import { hasVendorVersion, parseMinorVersion } from "../kube/version.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { backendKinds, backendOf, whyNotReady } from "./rules/endpoints.ts";
import { unreadyEvidence, unreadyPods } from "./rules/replicas.ts";

type Pod = KubeObject<"Pod">;
type Service = KubeObject<"Service">;
type Component = KubeObject<"Deployment"> | KubeObject<"StatefulSet"> | KubeObject<"DaemonSet">;

const dnsLabel = "k8s-app=kube-dns";
const dnsCommands = [
  `kubectl -n {namespace} get pods -l ${dnsLabel} -o wide`,
  `kubectl -n {namespace} logs -l ${dnsLabel} --tail=50`,
  "kubectl -n {namespace} get endpointslice -l kubernetes.io/service-name={name}",
] as const;

export const systemComponent: Analyzer = defineAnalyzer({
  name: "SystemComponent",
  core: false,
  needs: ["Pod"],
  uses: [...backendKinds.filter((kind) => kind !== "Pod"), "Node"],
  rules: {
    "dns-down": {
      severity: "critical",
      depth: 2,
      message: "The cluster's DNS has no Pod that answers",
      why: "Most errors elsewhere are only echoes of this",
      fix: "Mend the Pods of the cluster's DNS; their own log says what they miss",
      source: "tasks/administer-cluster/dns-debugging-resolution/",
      commands: dnsCommands,
      silent: [
        "no Service in kube-system carries the label k8s-app=kube-dns: the cluster has another DNS",
        "clusters without nodes",
        "less than 60 seconds, or Pods that are just starting",
        "endpoints or Pods could not be read",
      ],
    },
    "dns-degraded": {
      severity: "warning",
      depth: 2,
      message: "Most of the cluster's DNS Pods do not answer, or one of them fails again and again",
      why: "Lookups are slow or fail now and then, all over the cluster",
      fix: "Mend the Pods of the cluster's DNS; their own log says what they miss",
      source: "tasks/administer-cluster/dns-debugging-resolution/",
      commands: dnsCommands,
      silent: [
        "half of the Pods or more are ready and none fails again and again",
        "Pods that are unready for less than 2 minutes",
      ],
    },
    "system-component-unhealthy": {
      severity: ["critical", "warning"],
      depth: 2,
      message: "A component of the platform has fewer ready Pods than it wants",
      why: "All workloads depend on it",
      fix: "Look at the Pods named here first: what fails elsewhere may follow from them",
      source: "concepts/overview/components/",
      commands: [
        "kubectl -n {namespace} get pods -l {selector} -o wide",
        "kubectl -n {namespace} describe {kind} {name}",
        "kubectl -n kube-system get pods -o wide",
      ],
      silent: [
        "add-ons that are scaled to zero",
        "Pods that are unready for less than 2 minutes",
        "Pods on nodes that are not ready, gone, or younger than 10 minutes: the node says it",
        "enough Pods for what a rollout promises",
        "the cluster's DNS, which has rules of its own",
      ],
    },
    "server-version-unsupported": {
      severity: ["warning", "info"],
      depth: 0,
      message: "The Kubernetes project does not mend this version any more",
      why: "There are no security fixes",
      fix: "Upgrade the control plane one minor version at a time, then the nodes",
      source: "setup/release/version-skew-policy/",
      commands: ["kubectl version"],
      silent: [
        "versions that this release of k8sgpt does not know",
        "less than a year past the end, or a provider's own version: vendors support longer (info)",
      ],
    },
  },
  *check(snapshot) {
    yield* dns(snapshot);
    for (const kind of ["Deployment", "StatefulSet", "DaemonSet"] as const) {
      for (const object of snapshot.list(kind)) {
        const said = unhealthy(snapshot, refOf(kind, object), object);
        if (said !== undefined) yield said;
      }
    }
    yield* version(snapshot);
  },
});

type Said = Iterable<
  Observation<"dns-down" | "dns-degraded" | "system-component-unhealthy" | "server-version-unsupported">
>;

// ---- DNS --------------------------------------------------------------------------------------------------------------

function* dns(snapshot: Snapshot): Said {
  // A cluster without nodes runs nothing that could ask.
  if (snapshot.isComplete("Node") && snapshot.list("Node").length === 0) return;
  const services = snapshot.inNamespace("Service", "kube-system").filter(isDns);
  const [first] = services;
  if (first === undefined) return;
  const down = services.filter((service) => isDown(snapshot, service));
  if (down.length === services.length) {
    yield dnsDown(snapshot, first);
    return;
  }
  const pods = [...new Set(services.flatMap((service) => podsSelectedBy(snapshot, service)))].filter(
    (pod) => !isFinished(pod) && !isGoingAway(snapshot, pod),
  );
  const unready = unreadyPods(pods).filter(({ since }) => (ageOf(snapshot, since) ?? Infinity) >= graceMs.workload);
  const looping = pods.filter(isLooping);
  if (unready.length * 2 <= pods.length && looping.length === 0) return;
  const because =
    dnsBecause(snapshot, pods) ?? (looping.length > 0 ? "a Pod fails again and again" : "less than half are ready");
  const ref = refOf("Service", first);
  const since = unready[0]?.since;
  yield {
    rule: "dns-degraded",
    object: ref,
    because,
    evidence: [
      fact(ref, "ready Pods", `${pods.filter(isReady).length} of ${pods.length}`),
      ...unready.slice(0, 4).map(unreadyEvidence),
      ...logEvidence(snapshot, looping),
    ],
    related: [...new Set([...unready.map((each) => each.pod), ...looping])].map((pod) => refOf("Pod", pod)),
    ...(since !== undefined && { since }),
  };
}

function isDns({ metadata, spec }: Service): boolean {
  const isSelecting = Object.keys(spec?.selector ?? {}).length > 0;
  return (
    metadata?.labels?.["k8s-app"] === "kube-dns" && isSelecting && (spec?.ports ?? []).some(({ port }) => port === 53)
  );
}

function isDown(snapshot: Snapshot, service: Service): boolean {
  const { state } = backendOf(snapshot, service);
  return state !== "serving" && state !== "unknown" && state !== "unmanaged";
}

function dnsDown(snapshot: Snapshot, service: Service): Observation<"dns-down"> {
  const ref = refOf("Service", service);
  const backend = backendOf(snapshot, service);
  const pods = backend.state === "not-ready" || backend.state === "finished" ? backend.pods : [];
  const workloads = backend.state === "asleep" || backend.state === "unmade" ? backend.workloads : [];
  const because =
    backend.state === "asleep"
      ? "its workload is scaled to zero"
      : (dnsBecause(snapshot, pods) ?? (pods.length > 0 ? "none of its Pods is ready" : "it has no Pods"));
  return {
    rule: "dns-down",
    object: ref,
    because,
    evidence: [
      fact(ref, "usable endpoints", 0),
      ...workloads
        .slice(0, 1)
        .map((workload) => field(workload, "spec.replicas", backend.state === "asleep" ? 0 : null)),
      ...pods.slice(0, 4).map(whyNotReady),
      ...logEvidence(snapshot, pods),
    ],
    related: [...pods.map((pod) => refOf("Pod", pod)), ...workloads],
    ...(backend.state === "not-ready" && backend.since !== undefined && { since: backend.since }),
  };
}

function isLooping({ status }: Pod): boolean {
  return (status?.containerStatuses ?? []).some(({ state }) => state?.waiting?.reason === "CrashLoopBackOff");
}

function logsOf(snapshot: Snapshot, pods: readonly Pod[]) {
  return pods.flatMap((pod) => {
    const { namespace = "", name = "" } = pod.metadata ?? {};
    return (pod.spec?.containers ?? []).flatMap((container) => {
      const log = snapshot.logOf(namespace, name, container.name ?? "");
      return log === undefined ? [] : [{ pod, log }];
    });
  });
}

function dnsBecause(snapshot: Snapshot, pods: readonly Pod[]): string | undefined {
  return logsOf(snapshot, pods)
    .map(({ log }) => dnsFailureInWords(log.lines))
    .find((words) => words !== undefined);
}

function logEvidence(snapshot: Snapshot, pods: readonly Pod[]): readonly Evidence[] {
  return logsOf(snapshot, pods)
    .filter(({ log }) => dnsFailureInWords(log.lines) !== undefined)
    .slice(0, 1)
    .map(({ pod, log }) => ({
      type: "log",
      object: refOf("Pod", pod),
      container: log.container,
      previous: log.previous,
      lines: log.lines.slice(-5),
    }));
}

// ---- components -------------------------------------------------------------------------------------------------------

/** Namespaces in which platforms live, besides kube-system. */
const platformNamespaces =
  /^(?:kube-system|kube-flannel|calico-system|calico-apiserver|tigera-operator|cilium|cilium-system|metallb-system|rook-ceph|longhorn-system|kube-ovn|openshift-(?:sdn|ovn-kubernetes|dns|multus|network-operator|cluster-csi-drivers))$/;

/** Without these no Pod gets a network, or no node joins. */
const vital =
  /^(?:kube-proxy|calico-node|cilium|cilium-agent|anetd|kube-flannel(?:-ds.*)?|canal|weave-net|aws-node|azure-cni.*|antrea-agent|kube-ovn-cni|kindnet|kube-router|multus.*|ovnkube-node|sdn|cloud-controller-manager|.*-cloud-controller-manager|openstack-cloud-controller-manager)$/;

function unhealthy(
  snapshot: Snapshot,
  ref: ObjectRef,
  object: Component,
): Observation<"system-component-unhealthy"> | undefined {
  if (!platformNamespaces.test(ref.namespace ?? "") || isGoingAway(snapshot, object) || isStatusStale(object))
    return undefined;
  if (
    object.metadata?.labels?.["k8s-app"] === "kube-dns" ||
    object.spec?.template?.metadata?.labels?.["k8s-app"] === "kube-dns"
  ) {
    return undefined;
  }
  const { desired, ready, path } = countsOf(ref, object);
  if (desired === 0 || ready >= desired) return undefined;
  const unready = unreadyPods(podsOwnedBy(snapshot, ref.uid)).filter(
    ({ pod, since }) => (ageOf(snapshot, since) ?? Infinity) >= graceMs.workload && isOnSoundNode(snapshot, pod),
  );
  const [first] = unready;
  if (first === undefined || isWithinRollout(object, desired, ready)) return undefined;
  const { selector } = object.spec ?? {};
  return {
    rule: "system-component-unhealthy",
    object: ref,
    severity: vital.test(ref.name) ? "critical" : "warning",
    ...(ready === 0 && { because: "none is ready" }),
    evidence: [
      field(ref, path.ready, ready),
      field(ref, path.desired, desired),
      ...unready.slice(0, 5).map(unreadyEvidence),
    ],
    related: unready.map((each) => each.ref),
    ...(first.since !== undefined && { since: first.since }),
    params: { selector: selector === undefined ? "" : formatSelector(selector) },
  };
}

function countsOf(ref: ObjectRef, object: Component) {
  if (ref.kind === "DaemonSet") {
    const { status }: KubeObject<"DaemonSet"> = object;
    return {
      desired: status?.desiredNumberScheduled ?? 0,
      ready: status?.numberReady ?? 0,
      path: { desired: "status.desiredNumberScheduled", ready: "status.numberReady" },
    };
  }
  const { spec, status }: KubeObject<"Deployment"> = object;
  return {
    desired: spec?.replicas ?? 1,
    ready: status?.readyReplicas ?? 0,
    path: { desired: "spec.replicas", ready: "status.readyReplicas" },
  };
}

/** A Deployment that keeps as many Pods as its rollout promises is being replaced, not broken. */
function isWithinRollout(object: Component, desired: number, ready: number): boolean {
  const { status, spec }: KubeObject<"Deployment"> = object;
  const available = status?.conditions?.find(({ type }) => type === "Available");
  const progressing = status?.conditions?.find(({ type }) => type === "Progressing");
  const isProgressing = progressing?.status === "True" && progressing.reason !== "NewReplicaSetAvailable";
  return spec?.replicas !== undefined && available?.status === "True" && isProgressing && ready > 0 && ready < desired;
}

/** Whether the Pod's node can be expected to run it; a Pod without a node has none to blame. */
function isOnSoundNode(snapshot: Snapshot, { spec }: Pod): boolean {
  const { nodeName = "" } = spec ?? {};
  if (nodeName === "") return true;
  const node = snapshot.get("Node", undefined, nodeName);
  if (node === undefined) return !snapshot.isComplete("Node");
  const ready = conditionOf(node, "Ready")?.status;
  return ready !== "False" && ready !== "Unknown" && (ageOfObject(snapshot, node) ?? Infinity) >= 10 * minuteMs;
}

// ---- version ----------------------------------------------------------------------------------------------------------

function* version(snapshot: Snapshot): Said {
  const { serverVersion, name } = snapshot.cluster;
  const minor = parseMinorVersion(serverVersion);
  const end = minor === undefined ? undefined : endOfSupport(minor.text);
  const over = ageOf(snapshot, end);
  if (serverVersion === undefined || end === undefined || over === undefined || over <= dayMs) return;
  // The cluster has no object of its own: it goes by the name under which it was read.
  const ref = namedRef("Cluster", undefined, name);
  const isVendors = hasVendorVersion(serverVersion) || hasVendorNodes(snapshot);
  yield {
    rule: "server-version-unsupported",
    object: ref,
    severity: !isVendors && over > 365 * dayMs ? "warning" : "info",
    evidence: [fact(ref, "version of the server", serverVersion), fact(ref, "last day of support", end)],
    since: snapshot.takenAt - over,
  };
}

/** Some providers do not mark the version of the server: their nodes tell. */
function hasVendorNodes(snapshot: Snapshot): boolean {
  const nodes = snapshot.list("Node");
  const isManaged = nodes.every(
    ({ metadata }) => metadata?.labels?.["node-role.kubernetes.io/control-plane"] === undefined,
  );
  return isManaged && nodes.some(({ spec }) => /^(?:azure|aws|gce):/.test(spec?.providerID ?? ""));
}
