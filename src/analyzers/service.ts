import { type Evidence, eventEvidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import type { EventRecord } from "../kube/events.ts";
import {
  ageOf,
  conditionOf,
  eventMaxAgeMs,
  graceMs,
  hasSettled,
  isFinished,
  isGoingAway,
  isReady,
} from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import { controllerOf, endpointsOf, isUsable, oncePerSnapshot, podsSelectedBy } from "../kube/relations.ts";
import { formatSelector } from "../kube/selectors.ts";
import { editDistance, similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { backendKinds, backendOf, declaredPorts, routesTo, whyNotReady } from "./rules/endpoints.ts";
import { staleEndpointRules, staleEndpoints } from "./rules/stale-endpoints.ts";

type Service = KubeObject<"Service">;
type Pod = KubeObject<"Pod">;

export const service: Analyzer = defineAnalyzer({
  name: "Service",
  needs: ["Service", "EndpointSlice", "Pod"],
  uses: [
    ...backendKinds.filter((kind) => !["Service", "EndpointSlice", "Pod"].includes(kind)),
    "Ingress",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "Node",
    "Event",
  ],
  rules: {
    "service-selector-matches-nothing": {
      severity: ["critical", "warning", "info"],
      depth: 5,
      message: "The selector of the Service matches no Pod that could serve it",
      why: "Callers get refused or time out: nothing stands behind the Service",
      fix: "Compare spec.selector with the labels of the Pods meant to serve it, and change the one that is wrong",
      source: "concepts/services-networking/service/",
      commands: [
        "kubectl -n {namespace} get endpointslice -l kubernetes.io/service-name={name}",
        "kubectl -n {namespace} get pods --show-labels",
        "kubectl -n {namespace} get service {name} -o yaml",
      ],
      silent: [
        "ExternalName Services and those without a selector",
        "its endpoints are written by somebody else and take traffic",
        "its workload is meant to have no Pods now (info)",
        "the label that differs is a role that Pods take at run time (info)",
        "an operator owns the Service and nothing routes to it (info)",
        "the Pods or the workloads of the namespace could not all be read",
      ],
    },
    "service-no-ready-endpoints": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "None of the Pods behind the Service is ready to take traffic",
      why: "Callers get refused or time out",
      fix: "Mend the Pods that the Service selects; their own findings say what keeps them from being ready",
      source: "concepts/services-networking/endpoint-slices/",
      commands: [
        "kubectl -n {namespace} get endpointslice -l kubernetes.io/service-name={name}",
        "kubectl -n {namespace} get pods -l {selector}",
      ],
      silent: [
        "less than 60 seconds, or within the time that the probes of the Pods allow for starting",
        "publishNotReadyAddresses",
        "the workload is scaled to zero or suspended",
        "at least one endpoint is ready",
      ],
    },
    "service-some-endpoints-not-ready": {
      severity: "info",
      depth: 7,
      message: "Some of the Pods behind the Service take no traffic",
      why: "The others carry the load; the next loss is felt",
      fix: "Look at the Pods that are not ready; during a rollout this passes by itself",
      source: "concepts/services-networking/endpoint-slices/",
      commands: ["kubectl -n {namespace} get pods -l {selector}"],
    },
    "service-target-port-name-missing": {
      severity: ["critical", "warning", "info"],
      depth: 5,
      message: "The Service sends traffic to a port name that its Pods do not declare",
      why: "Pods are healthy and still unreachable",
      fix: "Name the container port as spec.ports[].targetPort says, or set targetPort to a name that the Pods declare",
      source: "concepts/services-networking/service/#field-spec-ports",
      commands: [
        "kubectl -n {namespace} get pods -l {selector} -o yaml",
        "kubectl -n {namespace} get service {name} -o yaml",
      ],
      silent: [
        "no Pod matches",
        "Pods that have ended, are ending or are younger than 60 seconds",
        "headless Services (info)",
      ],
    },
    "service-target-port-undeclared": {
      severity: "info",
      depth: 5,
      message: "The Service sends traffic to a port number that its Pods do not declare, although they declare others",
      why: "Declaring a port is optional, but a number beside the declared ones is often a mistake",
      fix: "Check that the container listens on spec.ports[].targetPort",
      source: "concepts/services-networking/service/#field-spec-ports",
      commands: ["kubectl -n {namespace} get pods -l {selector} -o yaml"],
    },
    ...staleEndpointRules,
    "service-selectorless-empty": {
      severity: "info",
      depth: 5,
      message: "The Service has no selector, and nobody has written endpoints for it",
      why: "Traffic to it is dropped without a trace",
      fix: "Create an EndpointSlice for it, give it a selector, or remove it",
      source: "concepts/services-networking/service/#services-without-selectors",
      commands: ["kubectl -n {namespace} get service {name} -o yaml"],
      silent: ["ExternalName", "headless and younger than 10 minutes"],
    },
    "service-loadbalancer-pending": {
      severity: ["critical", "warning", "info"],
      depth: 2,
      message: "The load balancer of the Service has no address",
      why: "There is no way in from outside",
      fix: "Look at the events of the Service and at the controller that makes load balancers (cloud controller, MetalLB)",
      source: "concepts/services-networking/service/#loadbalancer",
      commands: ["kubectl -n {namespace} describe service {name}", "kubectl get services -A"],
      silent: [
        "younger than 5 minutes",
        "the controller is at work on it",
        "nothing in the cluster makes load balancers (one info)",
      ],
    },
    "service-lb-port-error": {
      severity: "warning",
      depth: 2,
      message: "The load balancer could not open a port of the Service",
      why: "There is no way in from outside on that port",
      fix: "Read the error code in the status; often the port is taken by another Service on the same address",
      source: "concepts/services-networking/service/#loadbalancer",
      commands: ["kubectl -n {namespace} describe service {name}"],
    },
    "service-local-policy-gap": {
      severity: "risk",
      depth: 5,
      message: "The Service keeps traffic on the node where it arrives, and some nodes have no ready endpoint",
      why: "Traffic from some places is dropped without a trace",
      fix: "Run a Pod on every node that receives traffic, or set the traffic policy to Cluster",
      source: "concepts/services-networking/service-traffic-policy/",
      commands: ["kubectl -n {namespace} get endpointslice -l kubernetes.io/service-name={name} -o wide"],
      silent: ["nodes that are cordoned, not ready, or left out of load balancing by their label"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("Service")) {
      if (isGoingAway(snapshot, object)) continue;
      yield* backend(snapshot, object);
      yield* targetPorts(snapshot, object);
      yield* loadBalancer(snapshot, object);
      yield* localPolicy(snapshot, object);
    }
    yield* staleEndpoints(snapshot);
    yield* unservedLoadBalancers(snapshot);
  },
});

type Said = Iterable<
  Observation<
    | "service-selector-matches-nothing"
    | "service-no-ready-endpoints"
    | "service-some-endpoints-not-ready"
    | "service-target-port-name-missing"
    | "service-target-port-undeclared"
    | "service-endpoints-stale"
    | "service-selectorless-empty"
    | "service-loadbalancer-pending"
    | "service-lb-port-error"
    | "service-local-policy-gap"
  >
>;

function* backend(snapshot: Snapshot, object: Service): Said {
  const ref = refOf("Service", object);
  const { selector = {}, clusterIP } = object.spec ?? {};
  const routers = routesTo(snapshot, object);
  const severity = routers.length > 0 ? "critical" : "warning";
  const params = { selector: formatSelector({ matchLabels: selector }) };
  const routed = routers.slice(0, 2).map((router) => fact(ref, `traffic comes from ${router.kind}`, nameOf(router)));
  const wanted = field(ref, "spec.selector", selector);
  const found = backendOf(snapshot, object);
  switch (found.state) {
    case "unmatched": {
      const near = nearestPod(snapshot, ref, selector);
      const isQuiet =
        routers.length === 0 &&
        (near?.isRole === true || controllerOf(object) !== undefined || isForControlPlane(object));
      yield {
        rule: "service-selector-matches-nothing",
        object: ref,
        severity: isQuiet ? "info" : severity,
        evidence: [wanted, ...(near?.evidence ?? []), ...routed],
        params,
      };
      break;
    }
    case "asleep":
      yield {
        rule: "service-selector-matches-nothing",
        object: ref,
        severity: "info",
        because: "its workload is meant to have no Pods now",
        evidence: [
          wanted,
          ...found.workloads.slice(0, 3).map((workload) => fact(ref, "workload at zero", nameOf(workload))),
        ],
        related: found.workloads,
        params,
      };
      break;
    case "finished": {
      const hasFailed = found.pods.some(({ status }) => status?.phase === "Failed");
      yield {
        rule: "service-selector-matches-nothing",
        object: ref,
        severity: hasFailed || routers.length > 0 ? severity : "info",
        because: "the Pods that match have ended",
        evidence: [
          wanted,
          ...found.pods.slice(0, 4).map((pod) => field(refOf("Pod", pod), "status.phase", pod.status?.phase)),
          ...routed,
        ],
        related: found.pods.map((pod) => refOf("Pod", pod)),
        params,
      };
      break;
    }
    case "unmade":
      yield {
        rule: "service-no-ready-endpoints",
        object: ref,
        severity,
        because: "its workload has no Pods",
        evidence: [
          wanted,
          ...found.workloads.slice(0, 3).map((workload) => fact(ref, "workload without Pods", nameOf(workload))),
          ...routed,
        ],
        related: found.workloads,
        params,
      };
      break;
    case "not-ready": {
      const areReady = found.pods.every(isReady);
      yield {
        rule: "service-no-ready-endpoints",
        object: ref,
        severity,
        ...(areReady && { because: "the Pods are ready, but no EndpointSlice lists them" }),
        evidence: [...found.pods.slice(0, 5).map(whyNotReady), wanted, ...routed],
        related: found.pods.map((pod) => refOf("Pod", pod)),
        ...(found.since !== undefined && { since: found.since }),
        params,
      };
      break;
    }
    case "unmanaged":
      if (clusterIP !== "None" || hasSettled(snapshot, object, 10 * minuteMs)) {
        yield { rule: "service-selectorless-empty", object: ref, evidence: [field(ref, "spec.selector", undefined)] };
      }
      break;
    case "serving": {
      const waiting = endpointsOf(snapshot, object).filter(
        (endpoint) => !isUsable(endpoint) && endpoint.conditions?.terminating !== true,
      );
      const pods = distinctPods(snapshot, object, waiting);
      if (pods.length === 0) break;
      yield {
        rule: "service-some-endpoints-not-ready",
        object: ref,
        evidence: pods.slice(0, 5).map(whyNotReady),
        related: pods.map((pod) => refOf("Pod", pod)),
        params,
      };
      break;
    }
    default:
  }
}

function distinctPods(snapshot: Snapshot, object: Service, endpoints: ReturnType<typeof endpointsOf>): readonly Pod[] {
  const names = new Set(endpoints.map(({ targetRef }) => targetRef?.name ?? ""));
  const pods: Pod[] = [];
  for (const name of names) {
    const pod = snapshot.get("Pod", object.metadata?.namespace, name);
    if (pod === undefined || isFinished(pod) || pod.metadata?.deletionTimestamp !== undefined) continue;
    if (hasSettled(snapshot, pod, graceMs.pod, conditionOf(pod, "Ready")?.lastTransitionTime)) pods.push(pod);
  }
  return pods;
}

/**
 * Monitoring stacks make Services for the scheduler, etcd and others; where a provider runs the control plane they have no
 * Pods (G10).
 */
function isForControlPlane(object: Service): boolean {
  if (object.metadata?.namespace !== "kube-system") return false;
  const values = Object.values(object.spec?.selector ?? {});
  return values.some((value) => /^(etcd|kube-(apiserver|scheduler|controller-manager|proxy|dns|etcd))$/.test(value));
}

interface LabelSet {
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: Pod;
}

const labelSetsByNamespace = oncePerSnapshot((snapshot) => {
  const byNamespace = new Map<string, Map<string, LabelSet>>();
  for (const pod of snapshot.list("Pod")) {
    if (isFinished(pod)) continue;
    const { namespace = "", labels = {} } = pod.metadata ?? {};
    const owner = controllerOf(pod)?.uid ?? pod.metadata?.name ?? "";
    let sets = byNamespace.get(namespace);
    if (sets === undefined) byNamespace.set(namespace, (sets = new Map<string, LabelSet>()));
    if (!sets.has(owner)) sets.set(owner, { labels, pod });
  }
  return byNamespace;
});

/** The Pod whose labels come nearest to `selector`, and the labels in which it differs. */
function nearestPod(
  snapshot: Snapshot,
  ref: ObjectRef,
  selector: Readonly<Record<string, string>>,
): { readonly evidence: readonly Evidence[]; readonly isRole: boolean } | undefined {
  const wanted = Object.entries(selector);
  let best: { readonly pod: Pod; readonly equal: number; readonly distance: number } | undefined;
  for (const { labels, pod } of labelSetsByNamespace(snapshot)
    .get(ref.namespace ?? "")
    ?.values() ?? []) {
    const equal = wanted.filter(([key, value]) => labels[key] === value).length;
    const differing = wanted.filter(([key, value]) => labels[key] !== value);
    const isLike = differing.some(([key, value]) => similarNames(value, [labels[key] ?? ""]).length > 0);
    if (equal === 0 && !isLike) continue;
    const distance = differing.reduce((sum, [key, value]) => sum + editDistance(value, labels[key] ?? "", 64), 0);
    if (best === undefined || equal > best.equal || (equal === best.equal && distance < best.distance)) {
      best = { pod, equal, distance };
    }
  }
  if (best === undefined) return undefined;
  const { pod } = best;
  const podRef = refOf("Pod", pod);
  const labels = pod.metadata?.labels ?? {};
  const differing = wanted.filter(([key, value]) => labels[key] !== value).map(([key]) => key);
  return {
    isRole: best.equal > 0 && differing.length === 1 && /role|leader|primary|master/i.test(differing[0] ?? ""),
    evidence: [
      fact(ref, "nearest Pod", podRef.name),
      ...differing.slice(0, 3).map((key) => field(podRef, `metadata.labels[${key}]`, labels[key])),
    ],
  };
}

function* targetPorts(snapshot: Snapshot, object: Service): Said {
  const { selector = {}, type, ports = [], clusterIP } = object.spec ?? {};
  const { namespace = "" } = object.metadata ?? {};
  if (type === "ExternalName" || Object.keys(selector).length === 0 || !snapshot.isComplete("Pod", namespace)) return;
  const pods = podsSelectedBy(snapshot, object).filter(
    (pod) =>
      !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined && hasSettled(snapshot, pod, graceMs.pod),
  );
  if (pods.length === 0 || !hasSettled(snapshot, object, graceMs.pod)) return;
  const ref = refOf("Service", object);
  const params = { selector: formatSelector({ matchLabels: selector }) };
  const isHeadless = clusterIP === "None" && routesTo(snapshot, object).length === 0;
  const undeclared: Evidence[] = [];
  const named = new Set<string>();
  for (const [index, { port, targetPort, protocol = "TCP" }] of ports.entries()) {
    // Every port's type is IntOrString; a number may come as text.
    const target: string | number | undefined = targetPort ?? port;
    const path = `spec.ports[${index}].targetPort`;
    if (typeof target === "string" && !/^\d+$/.test(target)) {
      if (named.has(target)) continue;
      named.add(target);
      const declares = (pod: Pod): boolean =>
        declaredPorts(pod.spec).some(
          (declared) => declared.name === target && (declared.protocol ?? "TCP") === protocol,
        );
      const without = pods.filter((pod) => !declares(pod));
      if (without.length === 0) continue;
      yield {
        rule: "service-target-port-name-missing",
        object: ref,
        severity: isHeadless ? "info" : without.length === pods.length ? "critical" : "warning",
        ...(without.length < pods.length && { because: "some of its Pods declare it, others do not" }),
        discriminator: target,
        evidence: [
          field(ref, path, target),
          ...without.slice(0, 4).map((pod) => fact(refOf("Pod", pod), "declared port names", portNames(pod))),
        ],
        related: without.map((pod) => refOf("Pod", pod)),
        params,
      };
    } else if (!isHeadless) {
      const number = Number(target);
      const numbers = pods.map((pod) => declaredPorts(pod.spec).map(({ containerPort }) => containerPort));
      if (numbers.every((declared) => declared.length > 0 && !declared.includes(number))) {
        undeclared.push(field(ref, path, number), fact(ref, "declared ports", [...new Set(numbers.flat())].join(", ")));
      }
    }
  }
  if (undeclared.length > 0) {
    yield { rule: "service-target-port-undeclared", object: ref, evidence: undeclared.slice(0, 8), params };
  }
}

function portNames(pod: Pod): string {
  const names = declaredPorts(pod.spec).flatMap(({ name }) => (name === undefined ? [] : [name]));
  return names.length === 0 ? "none" : names.join(", ");
}

/** How long a controller may take to make a load balancer. */
const loadBalancerGraceMs = 5 * minuteMs;

function isPending(snapshot: Snapshot, object: Service): boolean {
  return (
    object.spec?.type === "LoadBalancer" &&
    (object.status?.loadBalancer?.ingress ?? []).length === 0 &&
    !isGoingAway(snapshot, object) &&
    hasSettled(snapshot, object, loadBalancerGraceMs)
  );
}

/** Events of the controllers that make load balancers: the cloud controller, MetalLB and others. */
function loadBalancerEvents(snapshot: Snapshot, object: Service): readonly EventRecord[] {
  return snapshot.eventsOf(refOf("Service", object)).filter(({ reason, lastSeen }) => {
    const isRecent = lastSeen === undefined || snapshot.takenAt - lastSeen <= eventMaxAgeMs;
    return isRecent && /LoadBalancer|AllocationFailed|IPAllocated/.test(reason);
  });
}

/** Whether something in the cluster makes load balancers: one has an address, or a controller wrote about one. */
const hasLoadBalancers = oncePerSnapshot((snapshot) =>
  snapshot
    .list("Service")
    .some(
      (object) =>
        object.spec?.type === "LoadBalancer" &&
        ((object.status?.loadBalancer?.ingress ?? []).length > 0 || loadBalancerEvents(snapshot, object).length > 0),
    ),
);

function* loadBalancer(snapshot: Snapshot, object: Service): Said {
  const ref = refOf("Service", object);
  for (const [index, { ports }] of (object.status?.loadBalancer?.ingress ?? []).entries()) {
    for (const { port, error } of ports ?? []) {
      if (error === undefined || error === "") continue;
      yield {
        rule: "service-lb-port-error",
        object: ref,
        discriminator: String(port),
        evidence: [
          field(ref, `status.loadBalancer.ingress[${index}].ports[].error`, error),
          field(ref, `status.loadBalancer.ingress[${index}].ports[].port`, port),
        ],
      };
    }
  }
  if (!isPending(snapshot, object)) return;
  const { loadBalancerClass } = object.spec ?? {};
  const events = loadBalancerEvents(snapshot, object);
  if (!hasLoadBalancers(snapshot) && loadBalancerClass === undefined) return; // One info for all of them.
  const failure = events.find(({ type }) => type === "Warning");
  const latest = events[0];
  if (failure === undefined && latest !== undefined && (ageOf(snapshot, latest.lastSeen) ?? 0) < loadBalancerGraceMs)
    return;
  // A name published for it shows that users come in this way.
  const hostname = "external-dns.alpha.kubernetes.io/hostname";
  const published = object.metadata?.annotations?.[hostname];
  yield {
    rule: "service-loadbalancer-pending",
    object: ref,
    severity: published === undefined ? "warning" : "critical",
    ...(failure !== undefined && { because: "the controller reports a failure" }),
    evidence: [
      ...(failure === undefined ? [] : [eventEvidence(failure)]),
      field(ref, "status.loadBalancer.ingress", undefined),
      ...(loadBalancerClass === undefined ? [] : [field(ref, "spec.loadBalancerClass", loadBalancerClass)]),
      ...(published === undefined ? [] : [field(ref, `metadata.annotations[${hostname}]`, published)]),
    ],
    ...(failure?.firstSeen !== undefined && { since: failure.firstSeen }),
  };
}

/** Where nothing makes load balancers (a bare cluster) that is one fact about the cluster, not one fault per Service. */
function* unservedLoadBalancers(snapshot: Snapshot): Said {
  if (hasLoadBalancers(snapshot)) return;
  const pending = snapshot
    .list("Service")
    .filter((object) => object.spec?.loadBalancerClass === undefined && isPending(snapshot, object))
    .map((object) => refOf("Service", object));
  const [first] = pending;
  if (first === undefined) return;
  yield {
    rule: "service-loadbalancer-pending",
    object: first,
    severity: "info",
    because: "nothing in the cluster makes load balancers",
    evidence: pending.slice(0, 5).map((ref) => field(ref, "status.loadBalancer.ingress", undefined)),
    related: pending,
  };
}

function* localPolicy(snapshot: Snapshot, object: Service): Said {
  const { internalTrafficPolicy, externalTrafficPolicy, type } = object.spec ?? {};
  const isOutside = externalTrafficPolicy === "Local" && (type === "LoadBalancer" || type === "NodePort");
  if (!isOutside && internalTrafficPolicy !== "Local") return;
  if (!snapshot.isComplete("Node") || !snapshot.isComplete("EndpointSlice", object.metadata?.namespace)) return;
  const usable = endpointsOf(snapshot, object).filter(isUsable);
  if (usable.length === 0) return;
  const covered = new Set(usable.map(({ nodeName }) => nodeName));
  const gaps = snapshot.list("Node").filter((node) => {
    const { name = "", labels = {} } = node.metadata ?? {};
    if (covered.has(name) || node.spec?.unschedulable === true || conditionOf(node, "Ready")?.status !== "True")
      return false;
    return (
      internalTrafficPolicy === "Local" ||
      labels["node.kubernetes.io/exclude-from-external-load-balancers"] === undefined
    );
  });
  if (gaps.length === 0) return;
  const ref = refOf("Service", object);
  yield {
    rule: "service-local-policy-gap",
    object: ref,
    evidence: [
      isOutside
        ? field(ref, "spec.externalTrafficPolicy", externalTrafficPolicy)
        : field(ref, "spec.internalTrafficPolicy", internalTrafficPolicy),
      fact(ref, "nodes without a ready endpoint", gaps.length),
      ...gaps.slice(0, 4).map((node) => fact(ref, "node without a ready endpoint", node.metadata?.name ?? "")),
    ],
  };
}

function nameOf(ref: ObjectRef): string {
  return ref.kind === "Ingress" || ref.kind.endsWith("Configuration") ? ref.name : `${ref.kind}/${ref.name}`;
}
