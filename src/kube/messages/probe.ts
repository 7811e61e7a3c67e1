/**
 * Why a probe failed: the kubelet's `Unhealthy` events (kubernetes 1.34, pkg/kubelet/prober/prober.go and pkg/probe) and
 * its `Killing` events (pkg/kubelet/kuberuntime/kuberuntime_manager.go).
 */

/** Which of a container's probes an event is about. */
export type ProbeKind = "readiness" | "liveness" | "startup";

/** What went wrong. */
export interface ProbeCause {
  readonly type: "refused" | "timeout" | "http-status" | "tls" | "grpc" | "exec" | "dns" | "network" | "other";
  /** In words from a fixed table, with the HTTP status or nothing of the cluster's text. */
  readonly says: string;
}

/** Which probe an `Unhealthy` message is about: `Readiness probe failed: …`, `Readiness probe errored: …`. */
export function failedProbe(message: string): ProbeKind | undefined {
  const kind = /^(Readiness|Liveness|Startup) probe (?:failed|errored)/.exec(message)?.[1];
  return kind === undefined ? undefined : probesByWord[kind];
}

/** Which probe made the kubelet kill a container: `Container app failed liveness probe, will be restarted`. */
export function killingProbe(message: string): ProbeKind | undefined {
  const kind = /failed (liveness|startup) probe/.exec(message)?.[1];
  return kind === "liveness" || kind === "startup" ? kind : undefined;
}

const probesByWord: Readonly<Record<string, ProbeKind>> = {
  Readiness: "readiness",
  Liveness: "liveness",
  Startup: "startup",
};

/** Reads the cause from an `Unhealthy` message. */
export function probeCause(message: string): ProbeCause {
  const status = /HTTP probe failed with statuscode: (\d{3})\b/.exec(message)?.[1];
  if (status !== undefined) return { type: "http-status", says: `it answers with HTTP status ${status}` };
  if (
    /HTTP response to HTTPS client|first record does not look like a TLS handshake|tls:|x509|malformed HTTP/i.test(
      message,
    )
  ) {
    return { type: "tls", says: "one side speaks TLS, the other does not" };
  }
  if (/connection refused/i.test(message)) return { type: "refused", says: "the port refuses the connection" };
  if (/no such host/i.test(message)) return { type: "dns", says: "the host of the probe has no address" };
  if (/timeout|timed out|deadline exceeded/i.test(message)) return { type: "timeout", says: "no answer in time" };
  if (/no route to host|network is unreachable|connection reset|EOF/i.test(message)) {
    return { type: "network", says: "the connection breaks" };
  }
  if (/service unhealthy|grpc|rpc error/i.test(message))
    return { type: "grpc", says: "the gRPC health check does not serve" };
  return /command|exec|OCI runtime/i.test(message)
    ? { type: "exec", says: "the command of the probe cannot be run" }
    : { type: "other", says: "the check says no" };
}
