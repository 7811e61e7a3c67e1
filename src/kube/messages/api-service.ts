/**
 * Why an APIService is not available: reasons and texts of kube-aggregator v0.34 (pkg/controllers/status/remote), and of
 * Go's network and TLS code below it.
 */

const reasons: Readonly<Record<string, string>> = {
  ServiceNotFound: "its Service does not exist",
  ServicePortError: "its Service does not have the port that it names",
  EndpointsNotFound: "no Pod stands behind its Service",
  MissingEndpoints: "no Pod behind its Service is ready",
};

const checks: readonly (readonly [RegExp, string])[] = [
  [/x509|certificate|tls:/i, "its certificate is not trusted"],
  [/connection refused/i, "the connection is refused"],
  [/no route to host|network is unreachable/i, "there is no route to it"],
  [/no such host/i, "its name cannot be resolved"],
  [/timeout|timed out|deadline exceeded|context canceled/i, "it does not answer in time"],
  [/bad status from .*: (?:401|403)/i, "it refuses the API server"],
  [/bad status from .*: 5\d\d/i, "it answers with an error"],
  [/bad status from .*: 404/i, "it does not serve the API"],
];

/** In words of our own; undefined for texts that the table does not know. */
export function apiServiceFailureInWords(reason: string | undefined, message: string | undefined): string | undefined {
  if (reason !== undefined && Object.hasOwn(reasons, reason)) return reasons[reason];
  if (reason !== "FailedDiscoveryCheck") return undefined;
  return checks.find(([pattern]) => pattern.test(message ?? ""))?.[1];
}
