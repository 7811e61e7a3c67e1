import { type Evidence, eventEvidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { backendsOf } from "../kube/graph.ts";
import { ageOf, eventMaxAgeMs, graceMs, hasSettled, isFinished, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { tellsOfLookupFailure } from "../kube/messages/lookup.ts";
import {
  isFor,
  podSelectorMatches,
  podSide,
  policiesOn,
  portOf,
  type PortSide,
  rulesOf,
  type Verdict,
  verdictOf,
} from "../kube/network-policy.ts";
import { compareText, keyOf, type ObjectRef, refOf } from "../kube/object-ref.ts";
import {
  oncePerSnapshot,
  podsMatching,
  podsSelectedBy,
  podsWithLabels,
  templatedWorkloads,
} from "../kube/relations.ts";
import { formatSelector, type LabelSelector } from "../kube/selectors.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { declaredPorts } from "./rules/endpoints.ts";
import { controllerFacts, controllerPods } from "./rules/ingress-controllers.ts";
import { enforcementOf, mayBeAllowedElsewhere, pluginPolicyKinds } from "./rules/network-plugins.ts";

type Policy = KubeObject<"NetworkPolicy">;
type Pod = KubeObject<"Pod">;

const source = "concepts/services-networking/network-policies/";
const show = "kubectl -n {namespace} get networkpolicy -o yaml";

/** On a Pod that needs no names: rules that it is not to be judged by. */
const ignoreAnnotation = "k8sgpt.ai/ignore";

export const networkPolicy: Analyzer = defineAnalyzer({
  name: "NetworkPolicy",
  core: false,
  needs: ["NetworkPolicy", "Pod"],
  uses: [
    "Namespace",
    "Service",
    "Ingress",
    "IngressClass",
    "Node",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Event",
    ...pluginPolicyKinds,
  ],
  rules: {
    "netpol-blocks-dns": {
      severity: ["critical", "warning", "info"],
      depth: 3,
      message: "Pods may not reach the cluster's DNS: no egress rule of the policies that select them allows it",
      why: "It looks like an application fault, and is a rule",
      fix: "Allow egress to the DNS Pods on port 53, UDP and TCP, in a policy that selects these Pods",
      source,
      commands: [
        show,
        "kubectl -n {namespace} get pods -l {selector}",
        "kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
      ],
      silent: [
        "Pods on the host's network, or with a DNS policy other than the cluster's",
        "DNS on the node itself, or a DNS that cannot be recognised",
        "a block of addresses that covers the DNS Pods or their Service",
        "Pods with the annotation k8sgpt.ai/ignore: netpol-blocks-dns",
        "policies of the network plugin may allow it (info)",
        "labels or addresses that decide it could not be read",
        "a policy younger than 60 seconds",
      ],
    },
    "netpol-blocks-backend": {
      severity: ["warning", "info"],
      depth: 3,
      message: "The policies on the Pods behind an Ingress do not let its controller in",
      why: "It looks like an application fault, and is a rule: users get 502 or 504",
      fix: "Allow ingress from the controller's namespace and Pods on the port that the Pods listen on",
      source,
      commands: [show, "kubectl -n {namespace} describe ingress {ingress}"],
      silent: [
        "controllers on the host's network or outside the cluster, that cannot be recognised, or that make load balancers",
        "a port name that the Pods do not declare, or other things that leave it open",
        "policies of the network plugin may allow it (info)",
        "a policy younger than 60 seconds",
      ],
    },
    "netpol-selects-nothing": {
      severity: "info",
      depth: 3,
      message: "The policy selects no Pod in its namespace",
      why: "People believe that something is protected",
      fix: "Compare spec.podSelector with the labels of the Pods in the same namespace, or remove the policy",
      source,
      commands: [
        "kubectl -n {namespace} get networkpolicy {name} -o yaml",
        "kubectl -n {namespace} get pods --show-labels",
      ],
      silent: [
        "an empty selector, which selects every Pod",
        "a workload at zero would match",
        "the Pods of the namespace could not all be read",
      ],
    },
    "netpol-port-name-unknown": {
      severity: "info",
      depth: 3,
      message: "The policy allows a port by a name that none of the selected Pods declares",
      why: "People believe that the port is open: it is closed",
      fix: "Name the container port as the policy does, or write its number",
      source,
      commands: [
        "kubectl -n {namespace} get networkpolicy {name} -o yaml",
        "kubectl -n {namespace} get pods -l {selector} -o yaml",
      ],
      silent: ["no Pod is selected", "one of the selected Pods declares it"],
    },
    "netpol-unenforced": {
      severity: "info",
      depth: 3,
      message: "There are policies, and the network plugin that was seen does not enforce them",
      why: "People believe that they are protected",
      fix: "Use a network plugin that enforces NetworkPolicies, or add one that does beside it",
      source: "concepts/extend-kubernetes/compute-storage-net/network-plugins/",
      commands: ["kubectl get networkpolicy -A", "kubectl -n kube-system get pods -o wide"],
      silent: ["a plugin that enforces them was seen, or none that is known", "Pods or nodes could not all be read"],
    },
  },
  *check(snapshot) {
    const live = snapshot.list("NetworkPolicy").filter((policy) => !isGoingAway(snapshot, policy));
    for (const policy of live) {
      const ref = refOf("NetworkPolicy", policy);
      if (!hasSettled(snapshot, policy, graceMs.workload)) continue;
      yield* selectsNothing(snapshot, policy, ref);
      yield* unknownPortNames(snapshot, policy, ref);
    }
    yield* blockedLookups(snapshot);
    yield* blockedBackends(snapshot);
    yield* unenforced(snapshot, live);
  },
});

type Said = Iterable<
  Observation<
    | "netpol-blocks-dns"
    | "netpol-blocks-backend"
    | "netpol-selects-nothing"
    | "netpol-port-name-unknown"
    | "netpol-unenforced"
  >
>;

// ---- one policy by itself -----------------------------------------------------------------------------------------------

function isEmpty(selector: LabelSelector | undefined): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0;
}

const templatesByNamespace = oncePerSnapshot((snapshot) =>
  Map.groupBy(templatedWorkloads(snapshot), ({ ref }) => ref.namespace ?? ""),
);

function* selectsNothing(snapshot: Snapshot, { spec }: Policy, ref: ObjectRef): Said {
  const selector = spec?.podSelector;
  const { namespace = "" } = ref;
  if (isEmpty(selector) || !snapshot.isComplete("Pod", namespace)) return;
  if (podsMatching(snapshot, namespace, selector).length > 0) return;
  const templates = templatesByNamespace(snapshot).get(namespace) ?? [];
  if (templates.some(({ labels }) => podSelectorMatches(selector, labels))) return;
  yield {
    rule: "netpol-selects-nothing",
    object: ref,
    evidence: [
      field(ref, "spec.podSelector", selector),
      fact(ref, "Pods in the namespace", snapshot.inNamespace("Pod", namespace).length),
    ],
  };
}

function* unknownPortNames(snapshot: Snapshot, policy: Policy, ref: ObjectRef): Said {
  const { namespace = "" } = ref;
  const named = rulesOf(policy, "Ingress").flatMap(({ ports, path }) =>
    ports.flatMap(({ port, protocol = "TCP" }, index) =>
      typeof port === "string" ? [{ port, protocol, path: `${path}.ports[${index}].port` }] : [],
    ),
  );
  if (named.length === 0 || !isFor(policy, "Ingress") || !snapshot.isComplete("Pod", namespace)) return;
  const pods = podsMatching(snapshot, namespace, policy.spec?.podSelector ?? {}).filter((pod) => !isFinished(pod));
  if (pods.length === 0) return;
  const declared = new Set(
    pods.flatMap(({ spec }) => declaredPorts(spec).map(({ name = "", protocol = "TCP" }) => `${protocol} ${name}`)),
  );
  const unknown = named.filter(({ port, protocol }) => !declared.has(`${protocol} ${port}`));
  for (const { port, path } of unknown) {
    yield {
      rule: "netpol-port-name-unknown",
      object: ref,
      discriminator: port,
      evidence: [
        field(ref, path, port),
        fact(
          ref,
          "port names that the Pods declare",
          [...declared]
            .map((each) => each.split(" ")[1] ?? "")
            .filter((name) => name !== "")
            .sort()
            .slice(0, 10),
        ),
      ],
      params: { selector: formatSelector(policy.spec?.podSelector ?? {}) },
    };
  }
}

function* unenforced(snapshot: Snapshot, live: readonly Policy[]): Said {
  const [first] = live;
  if (first === undefined) return;
  const enforcement = enforcementOf(snapshot);
  if (enforcement.type !== "unenforced") return;
  const ref = refOf("NetworkPolicy", first);
  yield {
    rule: "netpol-unenforced",
    object: ref,
    evidence: [
      fact(ref, "policies in the cluster", live.length),
      field(refOf("Pod", enforcement.pod), "spec.containers[].image", enforcement.image),
    ],
  };
}

// ---- DNS ----------------------------------------------------------------------------------------------------------------

/** Where the cluster's DNS is: the usual label, and OpenShift's. */
const dnsPlaces: readonly { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }[] = [
  { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } },
  { namespace: "openshift-dns", labels: { "dns.operator.openshift.io/daemonset-dns": "default" } },
];

/** DNS caches that run on every node: Pods ask the node then, which no policy stops. */
const nodeLocalDns: Readonly<Record<string, string>> = { "k8s-app": "node-local-dns" };

interface Dns {
  readonly pods: readonly Pod[];
  /** The addresses of its Services. */
  readonly addresses: readonly string[];
  /** Ports on which it is asked: that of the Service, and those of its Pods. */
  readonly ports: readonly number[];
}

const dnsOf = oncePerSnapshot((snapshot): Dns | undefined => {
  if (podsWithLabels(snapshot, "kube-system", nodeLocalDns).length > 0) return undefined;
  for (const { namespace, labels } of dnsPlaces) {
    const pods = podsWithLabels(snapshot, namespace, labels).filter((pod) => !isFinished(pod));
    if (pods.length === 0) continue;
    const services = snapshot
      .inNamespace("Service", namespace)
      .filter((service) => podsSelectedBy(snapshot, service).some((pod) => pods.includes(pod)));
    const addresses = services
      .map(({ spec }) => spec?.clusterIP ?? "")
      .filter((address) => address !== "" && address !== "None");
    const declared = pods.flatMap(({ spec }) =>
      declaredPorts(spec)
        .filter(({ name = "" }) => name.startsWith("dns"))
        .map(({ containerPort }) => containerPort ?? 53),
    );
    return { pods, addresses, ports: [...new Set([53, ...declared])] };
  }
  return undefined;
});

/** Whether Pods under these policies may ask the DNS over a protocol: one of its Pods on one of its ports is enough. */
function lookupVerdict(snapshot: Snapshot, policies: readonly Policy[], dns: Dns, protocol: string): Verdict {
  let isUnknown = false;
  for (const pod of dns.pods) {
    // Without the Service its address is not known, and a block may cover it.
    const addresses = snapshot.isComplete("Service", pod.metadata?.namespace) ? dns.addresses : [];
    for (const port of dns.ports) {
      const verdict = verdictOf(
        policies,
        "Egress",
        podSide(snapshot, pod, addresses),
        portOf(pod.spec, protocol, port),
      );
      if (verdict === "allowed") return "allowed";
      if (verdict === "unknown") isUnknown = true;
    }
  }
  return isUnknown ? "unknown" : "denied";
}

/** Pods that are selected by the same policies. */
interface Group {
  /** The policy to change: the one that shuts everything, else the first by name. */
  readonly main: Policy;
  readonly policies: readonly Policy[];
  readonly pods: Pod[];
}

function* blockedLookups(snapshot: Snapshot): Said {
  const dns = dnsOf(snapshot);
  if (dns === undefined) return;
  const byObject = new Map<
    string,
    {
      readonly object: ObjectRef;
      readonly policies: readonly Policy[];
      readonly pods: Pod[];
      readonly because: string | undefined;
    }
  >();
  for (const { main, policies, pods } of egressGroups(snapshot)) {
    if (policies.some((policy) => !hasSettled(snapshot, policy, graceMs.pod))) continue;
    if (lookupVerdict(snapshot, policies, dns, "UDP") !== "denied") continue;
    const overTcp = lookupVerdict(snapshot, policies, dns, "TCP");
    // `port: 53` without a protocol means TCP, and resolvers ask over UDP first.
    const because = overTcp === "allowed" ? "only TCP is allowed, and lookups use UDP" : undefined;
    const object = refOf("NetworkPolicy", main);
    const found = byObject.get(keyOf(object));
    if (found === undefined) byObject.set(keyOf(object), { object, policies, pods: [...pods], because });
    else found.pods.push(...pods);
  }
  for (const { object, policies, pods, because } of byObject.values()) {
    const failing = pods.flatMap((pod) => lookupFailure(snapshot, pod));
    const elsewhere = mayBeAllowedElsewhere(snapshot, object.namespace ?? "");
    const own = snapshot.get("NetworkPolicy", object.namespace, object.name);
    yield {
      rule: "netpol-blocks-dns",
      object,
      severity: failing.length > 0 ? "critical" : elsewhere ? "info" : "warning",
      ...(because !== undefined && { because }),
      evidence: [
        ...failing.slice(0, 2).map(({ evidence }) => evidence),
        ...policies
          .slice(0, 3)
          .map((policy) => field(refOf("NetworkPolicy", policy), "spec.egress", policy.spec?.egress)),
        fact(object, "Pods that cannot look up names", namesOf(pods)),
        fact(object, "what no rule allows", `UDP 53 to ${dns.pods[0]?.metadata?.namespace ?? ""}`),
      ],
      // Only Pods that say so themselves are told to suffer from it.
      related: failing.map(({ pod }) => refOf("Pod", pod)),
      params: { selector: formatSelector(own?.spec?.podSelector ?? {}) },
    };
  }
}

function namesOf(pods: readonly Pod[]): readonly string[] {
  return pods
    .map(({ metadata }) => metadata?.name ?? "")
    .sort(compareText)
    .slice(0, 5);
}

/** Pods that use the cluster's DNS and are selected for egress, by the set of policies that select them. */
function egressGroups(snapshot: Snapshot): readonly Group[] {
  const groups = new Map<string, Group>();
  const namespaces = new Set(
    snapshot
      .list("NetworkPolicy")
      .filter((policy) => isFor(policy, "Egress") && !isGoingAway(snapshot, policy))
      .map(({ metadata }) => metadata?.namespace ?? ""),
  );
  for (const namespace of namespaces) {
    // A policy that was not read may allow it.
    if (!snapshot.isComplete("NetworkPolicy", namespace)) continue;
    for (const pod of snapshot.inNamespace("Pod", namespace)) {
      if (isFinished(pod) || pod.metadata?.deletionTimestamp !== undefined || !asksClusterDns(pod)) continue;
      const policies = policiesOn(snapshot, pod, "Egress");
      const main = policies.find((policy) => rulesOf(policy, "Egress").length === 0) ?? policies[0];
      if (main === undefined) continue;
      const key = policies.map((policy) => keyOf(refOf("NetworkPolicy", policy))).join(" ");
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { main, policies, pods: [pod] });
      else group.pods.push(pod);
    }
  }
  return [...groups.values()];
}

function asksClusterDns({ metadata, spec }: Pod): boolean {
  const ignored = (metadata?.annotations?.[ignoreAnnotation] ?? "").split(",").map((rule) => rule.trim());
  if (ignored.includes("netpol-blocks-dns")) return false;
  return spec?.hostNetwork !== true && !["None", "Default"].includes(spec?.dnsPolicy ?? "ClusterFirst");
}

/** What a Pod itself says about a name that has no address: in its log, or in an event of the last hour. */
function lookupFailure(snapshot: Snapshot, pod: Pod): readonly { readonly pod: Pod; readonly evidence: Evidence }[] {
  const ref = refOf("Pod", pod);
  for (const { name = "" } of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]) {
    const log = snapshot.logOf(ref.namespace ?? "", ref.name, name);
    const line = log?.lines.findLast(tellsOfLookupFailure);
    if (log !== undefined && line !== undefined) {
      return [{ pod, evidence: { type: "log", object: ref, container: name, previous: log.previous, lines: [line] } }];
    }
  }
  const event = snapshot.eventsOf(ref).find(({ type, message, lastSeen }) => {
    const age = ageOf(snapshot, lastSeen);
    return type === "Warning" && age !== undefined && age <= eventMaxAgeMs && tellsOfLookupFailure(message);
  });
  return event === undefined ? [] : [{ pod, evidence: eventEvidence(event) }];
}

// ---- Ingress backends -----------------------------------------------------------------------------------------------------

function* blockedBackends(snapshot: Snapshot): Said {
  const said = new Set<string>();
  for (const ingress of snapshot.list("Ingress")) {
    if (isGoingAway(snapshot, ingress)) continue;
    const from = controllersOf(snapshot, ingress);
    if (from.length === 0) continue;
    for (const { service: name, port, field: path } of backendsOf(ingress)) {
      const service = snapshot.get("Service", ingress.metadata?.namespace, name);
      if (service === undefined) continue;
      const blocked = blockedPods(snapshot, service, port, from);
      if (blocked === undefined) continue;
      const object = refOf("NetworkPolicy", blocked.policy);
      const key = `${keyOf(object)} ${name} ${keyOf(refOf("Ingress", ingress))}`;
      if (said.has(key)) continue;
      said.add(key);
      const ref = refOf("Ingress", ingress);
      yield {
        rule: "netpol-blocks-backend",
        object,
        severity: mayBeAllowedElsewhere(snapshot, object.namespace ?? "") ? "info" : "warning",
        discriminator: `${ref.name}/${name}`,
        evidence: [
          field(object, "spec.ingress", blocked.policy.spec?.ingress),
          field(ref, path, name),
          fact(
            object,
            "controller that is not let in",
            from.slice(0, 3).map((pod) => `${pod.metadata?.namespace}/${pod.metadata?.name}`),
          ),
          fact(object, "Pods behind the Service", namesOf(blocked.pods)),
          fact(object, "port of the Pods", blocked.port.port),
        ],
        related: [ref, refOf("Service", service)],
        params: { ingress: ref.name },
      };
    }
  }
}

/** The Pods of the controller that serves an Ingress; none when they cannot be told, or stand on the host's network. */
function controllersOf(snapshot: Snapshot, ingress: KubeObject<"Ingress">): readonly Pod[] {
  const name =
    ingress.spec?.ingressClassName ??
    ingress.metadata?.annotations?.["kubernetes.io/ingress.class"] ??
    defaultClass(snapshot);
  const controller = name === undefined ? undefined : snapshot.get("IngressClass", undefined, name)?.spec?.controller;
  const facts = controllerFacts(controller);
  // Of a controller that is not known, or that makes a load balancer per Ingress, the traffic comes from somewhere else.
  if (controller === undefined || facts === undefined || facts.isPerIngress) return [];
  const pods = controllerPods(snapshot, controller) ?? [];
  return pods.some(({ spec }) => spec?.hostNetwork === true) ? [] : pods;
}

function defaultClass(snapshot: Snapshot): string | undefined {
  const defaults = snapshot
    .list("IngressClass")
    .filter(({ metadata }) => metadata?.annotations?.["ingressclass.kubernetes.io/is-default-class"] === "true");
  return defaults.length === 1 ? defaults[0]?.metadata?.name : undefined;
}

interface BlockedPods {
  readonly policy: Policy;
  readonly pods: readonly Pod[];
  readonly port: PortSide;
}

/** The Pods of a Service when none of them lets any of `from` in; undefined as soon as one might. */
function blockedPods(
  snapshot: Snapshot,
  service: KubeObject<"Service">,
  port: number | string | undefined,
  from: readonly Pod[],
): BlockedPods | undefined {
  const entry = (service.spec?.ports ?? []).find(
    (each) => each.port === port || (port !== undefined && each.name === port),
  );
  const pods = podsSelectedBy(snapshot, service).filter(
    (pod) => !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined,
  );
  if (entry === undefined || pods.length === 0) return undefined;
  if (!snapshot.isComplete("NetworkPolicy", service.metadata?.namespace)) return undefined;
  const protocol = entry.protocol ?? "TCP";
  let first: { readonly policy: Policy; readonly port: PortSide } | undefined;
  for (const pod of pods) {
    const number = targetPortOf(pod, entry.targetPort ?? entry.port, protocol);
    const policies = policiesOn(snapshot, pod, "Ingress");
    const [main] = policies;
    if (number === undefined || main === undefined) return undefined;
    if (policies.some((policy) => isGoingAway(snapshot, policy) || !hasSettled(snapshot, policy, graceMs.pod)))
      return undefined;
    const side = portOf(pod.spec, protocol, number);
    if (from.some((controller) => verdictOf(policies, "Ingress", podSide(snapshot, controller), side) !== "denied"))
      return undefined;
    first ??= { policy: policies.find((policy) => rulesOf(policy, "Ingress").length === 0) ?? main, port: side };
  }
  return first === undefined ? undefined : { ...first, pods };
}

/** The number behind a `targetPort`, which may be the name of a container port. */
function targetPortOf(pod: Pod, target: number | string | undefined, protocol: string): number | undefined {
  if (typeof target === "number") return target;
  return declaredPorts(pod.spec).find(
    ({ name, protocol: declared = "TCP" }) => name === target && declared === protocol,
  )?.containerPort;
}
