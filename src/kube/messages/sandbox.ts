/**
 * Why the kubelet could not set up a Pod's sandbox: messages of containerd 2.1 and CRI-O 1.34 and of network plugins, as
 * the events `FailedCreatePodSandBox` and `NetworkNotReady` carry them (kubernetes 1.34, pkg/kubelet/events/event.go).
 */

/** The cause of a sandbox that does not come up. */
export type SandboxCause =
  | "ip-exhausted"
  | "cni-not-ready"
  | "runtime-class"
  | "cgroup"
  | "timeout"
  | "network"
  | "other";

const rows: readonly (readonly [SandboxCause, RegExp])[] = [
  [
    "ip-exhausted",
    /failed to assign an IP|no available IP|no IP addresses available|no more IPs|IP addresses? (?:are )?exhausted|\bIPAM\b.*(?:exhausted|no (?:free|available)|full)|failed to allocate for range/i,
  ],
  [
    "cni-not-ready",
    /cni plugin not initialized|networkPlugin|network plugin is not ready|NetworkPluginNotReady|no networks found in/i,
  ],
  [
    "runtime-class",
    /RuntimeHandler .*not (?:supported|found)|no runtime for .* is configured|unknown runtime handler/i,
  ],
  ["cgroup", /cgroup/i],
  ["network", /\bcni\b|network for sandbox|\bIPAM\b/i],
  ["timeout", /deadline exceeded|timeout|timed out/i],
];

/** Reads the message of a sandbox event. */
export function sandboxCause(message: string): SandboxCause {
  return rows.find(([, pattern]) => pattern.test(message))?.[0] ?? "other";
}
