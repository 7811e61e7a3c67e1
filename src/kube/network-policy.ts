/**
 * What NetworkPolicies allow, as the API defines it (concepts/services-networking/network-policies/): a Pod that no policy
 * selects for a direction is open in that direction; one that is selected may do what the union of its policies allows.
 * Answers have three values. `unknown` stands where the API leaves it open or something was not read: labels of a namespace,
 * an address that is not known, a port name. A rule that wants to say "blocked" needs `denied`.
 */
import type { KubeObject, PodSpec } from "./kinds.ts";
import { oncePerSnapshot } from "./relations.ts";
import { type Labels, type LabelSelector, selectorMatches } from "./selectors.ts";
import type { Snapshot } from "./snapshot.ts";

type Policy = KubeObject<"NetworkPolicy">;
type PolicySpec = NonNullable<Policy["spec"]>;
type PolicyPeer = NonNullable<NonNullable<NonNullable<PolicySpec["ingress"]>[number]["from"]>[number]>;
type PolicyPort = NonNullable<NonNullable<PolicySpec["ingress"]>[number]["ports"]>[number];

/** Which way the traffic goes, seen from the selected Pod. */
export type Direction = "Ingress" | "Egress";

/** What a policy says about some traffic. */
export type Verdict = "allowed" | "denied" | "unknown";

/** The other side of a connection. */
export interface PeerSide {
  /** The namespace of the Pod; absent for an address that is no Pod's. */
  readonly namespace?: string;
  /** Labels of that namespace; absent when they were not read. */
  readonly namespaceLabels?: Labels;
  /** Labels of the Pod; absent for an address that is no Pod's. */
  readonly labels?: Labels;
  /** Addresses that the traffic may show, the Pod's own and a Service's; empty when not known. */
  readonly addresses: readonly string[];
}

/** The port of the receiving side. */
export interface PortSide {
  readonly protocol: string;
  readonly port: number;
  /** Names under which the receiving Pod declares it for that protocol; absent when its spec is not known. */
  readonly names?: readonly string[];
}

/** The label that the API server sets on every namespace. */
const namespaceName = "kubernetes.io/metadata.name";

/** Whether the policy selects Pods for this direction: `policyTypes`, else Ingress always, and Egress where it has rules. */
export function isFor({ spec }: Policy, direction: Direction): boolean {
  const { policyTypes, egress } = spec ?? {};
  if (policyTypes !== undefined && policyTypes.length > 0) return policyTypes.includes(direction);
  return direction === "Ingress" || (egress !== undefined && egress.length > 0);
}

/** Policies that select the Pod for a direction, by name. None for Pods on the host's network: policies do not hold there. */
export function policiesOn(snapshot: Snapshot, pod: KubeObject<"Pod">, direction: Direction): readonly Policy[] {
  if (pod.spec?.hostNetwork === true) return [];
  const { namespace = "", labels } = pod.metadata ?? {};
  return snapshot
    .inNamespace("NetworkPolicy", namespace)
    .filter((policy) => isFor(policy, direction) && podSelectorMatches(policy.spec?.podSelector, labels));
}

/** An absent `podSelector` of a policy selects every Pod of its namespace, as an empty one does. */
export function podSelectorMatches(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  return selectorMatches(selector ?? {}, labels);
}

/**
 * Whether the union of `policies`, which select one Pod for `direction`, allows traffic with `peer` on `port`. Without
 * policies everything is allowed.
 */
export function verdictOf(policies: readonly Policy[], direction: Direction, peer: PeerSide, port: PortSide): Verdict {
  if (policies.length === 0) return "allowed";
  let isUnknown = false;
  for (const policy of policies) {
    for (const { peers, ports } of rulesOf(policy, direction)) {
      const verdict = both(
        anyOf(peers, (each) => peerVerdict(each, policy.metadata?.namespace, peer)),
        anyOf(ports, (each) => portVerdict(each, port)),
      );
      if (verdict === "allowed") return "allowed";
      if (verdict === "unknown") isUnknown = true;
    }
  }
  return isUnknown ? "unknown" : "denied";
}

/** The rules of a policy for one direction, in one form. */
export function rulesOf(
  { spec }: Policy,
  direction: Direction,
): readonly { readonly peers: readonly PolicyPeer[]; readonly ports: readonly PolicyPort[]; readonly path: string }[] {
  return direction === "Ingress"
    ? (spec?.ingress ?? []).map(({ from, ports }, index) => ({
        peers: from ?? [],
        ports: ports ?? [],
        path: `spec.ingress[${index}]`,
      }))
    : (spec?.egress ?? []).map(({ to, ports }, index) => ({
        peers: to ?? [],
        ports: ports ?? [],
        path: `spec.egress[${index}]`,
      }));
}

/** An empty list allows all; else one entry that allows is enough. */
function anyOf<Entry>(entries: readonly Entry[], verdict: (entry: Entry) => Verdict): Verdict {
  if (entries.length === 0) return "allowed";
  const verdicts = entries.map(verdict);
  return verdicts.includes("allowed") ? "allowed" : verdicts.includes("unknown") ? "unknown" : "denied";
}

function both(a: Verdict, b: Verdict): Verdict {
  if (a === "denied" || b === "denied") return "denied";
  return a === "unknown" || b === "unknown" ? "unknown" : "allowed";
}

function peerVerdict(peer: PolicyPeer, policyNamespace: string | undefined, other: PeerSide): Verdict {
  const { ipBlock, namespaceSelector, podSelector } = peer;
  if (ipBlock !== undefined) return blockVerdict(ipBlock, other.addresses);
  // A peer with neither selector is not valid; it allows nothing.
  if (namespaceSelector === undefined && podSelector === undefined) return "denied";
  if (other.namespace === undefined) return "denied";
  const inNamespace =
    namespaceSelector === undefined
      ? other.namespace === policyNamespace
        ? "allowed"
        : "denied"
      : namespaceVerdict(namespaceSelector, other.namespace, other.namespaceLabels);
  const isSelected = podSelector === undefined || selectorMatches(podSelector, other.labels);
  return both(inNamespace, isSelected ? "allowed" : "denied");
}

function namespaceVerdict(selector: LabelSelector, name: string, labels: Labels | undefined): Verdict {
  if (labels !== undefined)
    return selectorMatches(selector, { [namespaceName]: name, ...labels }) ? "allowed" : "denied";
  const keys = [
    ...Object.keys(selector.matchLabels ?? {}),
    ...(selector.matchExpressions ?? []).map(({ key }) => key ?? ""),
  ];
  if (keys.some((key) => key !== namespaceName)) return "unknown";
  return selectorMatches(selector, { [namespaceName]: name }) ? "allowed" : "denied";
}

/**
 * Whether one of the addresses is in the block. How blocks meet the addresses of Pods and Services is left to the network
 * plugin, so one address that is covered is enough.
 */
function blockVerdict(
  { cidr, except = [] }: { readonly cidr?: string; readonly except?: readonly string[] },
  addresses: readonly string[],
): Verdict {
  if (addresses.length === 0) return "unknown";
  const isCovered = addresses.some(
    (address) => isInBlock(address, cidr ?? "") && !except.some((block) => isInBlock(address, block)),
  );
  return isCovered ? "allowed" : "denied";
}

function portVerdict({ port, endPort, protocol = "TCP" }: PolicyPort, wanted: PortSide): Verdict {
  if (protocol !== wanted.protocol) return "denied";
  if (port === undefined) return "allowed";
  if (typeof port === "string") {
    if (wanted.names === undefined) return "unknown";
    return wanted.names.includes(port) ? "allowed" : "denied";
  }
  if (typeof port !== "number") return "unknown";
  return wanted.port >= port && wanted.port <= (endPort ?? port) ? "allowed" : "denied";
}

/** Whether an IPv4 or IPv6 address lies in a CIDR block; false for text that is neither. */
export function isInBlock(address: string, cidr: string): boolean {
  const [base = "", length = ""] = cidr.split("/");
  const bits = addressBits(address);
  const blockBits = addressBits(base);
  const prefix = Number(length);
  if (bits === undefined || blockBits === undefined || length === "" || !Number.isInteger(prefix)) return false;
  if (bits.width !== blockBits.width || prefix < 0 || prefix > bits.width) return false;
  const shift = BigInt(bits.width - prefix);
  return bits.value >> shift === blockBits.value >> shift;
}

function addressBits(text: string): { readonly value: bigint; readonly width: 32 | 128 } | undefined {
  if (!text.includes(":")) {
    const value = dottedBits(text);
    return value === undefined ? undefined : { value, width: 32 };
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  // The last group of an address may be written as IPv4.
  const groups = [head, tail].map((part) =>
    part.flatMap((group, index) => {
      const dotted = group.includes(".") && index === part.length - 1 ? dottedBits(group) : undefined;
      return dotted === undefined ? [group] : [(dotted >> 16n).toString(16), (dotted & 0xffffn).toString(16)];
    }),
  );
  const [before = [], after = []] = groups;
  const missing = 8 - before.length - after.length;
  if (missing < 0 || (halves.length === 1 && missing !== 0)) return undefined;
  const whole = [...before, ...Array.from({ length: missing }, () => "0"), ...after];
  if (!whole.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return { value: whole.reduce((sum, group) => (sum << 16n) | BigInt(Number.parseInt(group, 16)), 0n), width: 128 };
}

function dottedBits(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

const labelsByNamespace = oncePerSnapshot(
  (snapshot) =>
    new Map(snapshot.list("Namespace").map(({ metadata }) => [metadata?.name ?? "", metadata?.labels ?? {}])),
);

/** The Pod as the other side of a connection, with further addresses under which it is reached. */
export function podSide(snapshot: Snapshot, pod: KubeObject<"Pod">, addresses: readonly string[] = []): PeerSide {
  const { namespace = "", labels = {} } = pod.metadata ?? {};
  const namespaceLabels = labelsByNamespace(snapshot).get(namespace);
  const own = pod.status?.podIP;
  return {
    namespace,
    ...(namespaceLabels !== undefined && { namespaceLabels }),
    labels,
    addresses: [...(own === undefined ? [] : [own]), ...addresses],
  };
}

/** The port of a receiving Pod, with the names under which its containers declare it. */
export function portOf(spec: PodSpec | undefined, protocol: string, port: number): PortSide {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const names = [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports = [] }) =>
    ports
      .filter((declared) => declared.containerPort === port && (declared.protocol ?? "TCP") === protocol)
      .map(({ name }) => name)
      .filter((name) => name !== undefined),
  );
  return { protocol, port, names };
}
