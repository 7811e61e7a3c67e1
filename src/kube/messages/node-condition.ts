/**
 * Node conditions: what the kubelet says about itself (kubernetes v1.34, pkg/kubelet/nodestatus/setters.go,
 * pkg/kubelet/runtime.go and pkg/kubelet/nodeshutdown), and which way round the conditions of other reporters are
 * (node-problem-detector v0.8.21 config/, EKS node monitoring agent, AKS node problem detector).
 */

/** Why a node is not ready, in words of our own; undefined when the text is none of the known ones. */
export function notReadyInWords(reason: string | undefined, message: string | undefined): string | undefined {
  const text = `${reason ?? ""} ${message ?? ""}`;
  return notReady.find(([pattern]) => pattern.test(text))?.[1];
}

const notReady: readonly (readonly [RegExp, string])[] = [
  [/node is shutting down/i, "it is shutting down"],
  [/cni (config|plugin)|NetworkPluginNotReady|network plugin/i, "its network plugin is not ready"],
  [/PLEG is not healthy/i, "its container runtime answers too slowly (PLEG)"],
  [
    /container runtime (is down|status check|not ready)|ContainerRuntimeNotReady|RuntimeReady=false|rpc error/i,
    "its container runtime is down",
  ],
  [/CSINode is not yet initialized/i, "its storage drivers are not registered"],
  [/error retrieving node allocatable|missing node capacity/i, "its resources are not known"],
  [/Kubelet never posted node status/i, "its kubelet never reported"],
];

/** What a status of a condition type means: a fault, no fault, or not known to us. */
export function meaningOf(type: string, status: string | undefined): "fault" | "fine" | "unknown" {
  if (status !== "True" && status !== "False") return type === "" ? "unknown" : "fine";
  if (goodWhenTrue.has(type) || type.endsWith("Ready")) return status === "False" ? "fault" : "fine";
  if (badWhenTrue.has(type) || /(Problem|Deadlock|Corruption|Pressure)$/.test(type))
    return status === "True" ? "fault" : "fine";
  return "unknown";
}

/** The conditions that the kubelet and the node controller keep themselves; other rules judge them. */
export const ownConditions: ReadonlySet<string> = new Set([
  "Ready",
  "MemoryPressure",
  "DiskPressure",
  "PIDPressure",
  "NetworkUnavailable",
]);

const goodWhenTrue: ReadonlySet<string> = new Set(["EtcdIsVoter", "SSHReady"]);

const badWhenTrue: ReadonlySet<string> = new Set([
  "KernelDeadlock",
  "ReadonlyFilesystem",
  "XfsShutdown",
  "CperHardwareErrorFatal",
  "CorruptDockerOverlay2",
  "FrequentKubeletRestart",
  "FrequentDockerRestart",
  "FrequentContainerdRestart",
  "FrequentUnregisterNetDevice",
  "ContainerRuntimeUnhealthy",
  "KubeletUnhealthy",
]);
