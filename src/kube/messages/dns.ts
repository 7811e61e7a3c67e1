/**
 * Why a cluster DNS Pod ends: log lines of CoreDNS 1.12 (plugin/loop, core/dnsserver, plugin/kubernetes) and of client-go
 * below it.
 */
const causes: readonly (readonly [RegExp, string])[] = [
  [/plugin\/loop: Loop \(/, "it forwards to itself in a loop"],
  [
    /Error during parsing|Unknown directive|plugin\/\S+: .*(?:unknown property|wrong argument|Wrong argument)/,
    "its Corefile has an error",
  ],
  [/listen (?:tcp|udp) .*: bind: (?:address already in use|permission denied)/, "it cannot open its port"],
  [
    /plugin\/kubernetes: .*(?:API connection failure|dial tcp)|Failed to watch .*dial tcp|no route to host/,
    "it cannot reach the API server",
  ],
];

/** What the log lines say, in words of our own; undefined when they hold none of the known ones. */
export function dnsFailureInWords(lines: readonly string[]): string | undefined {
  return causes.find(([pattern]) => lines.some((line) => pattern.test(line)))?.[1];
}
