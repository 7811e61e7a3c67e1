/**
 * Where text for a backend may go. Every connection that carries a question is opened by `backends/transport.ts`, which asks
 * here first: when a backend is set up, before a cluster is read, and again for every request, because an SDK may have
 * reasons of its own to go elsewhere. Requests for access tokens hold nothing of a cluster and are not asked about.
 */
import { Fault } from "../fault.ts";
import { type PolicyList, refusedBy } from "../policy.ts";
import { fits } from "../wildcard.ts";

/** What a policy says of backends; `ai` absent: nothing. */
export interface HostPolicy {
  /** The file, as refusals name it. */
  readonly origin: string;
  /** Hosts with `*` for any text, with or without a port; `localhost` means this machine, whatever its address. */
  readonly ai?: PolicyList;
}

/** @throws Fault when the server at `address` may not be asked */
export type HostGuard = (backend: string, address: string) => void;

/** The guard that holds backends to `policies`: each of them must allow a host. */
export function hostGuard(policies: readonly HostPolicy[]): HostGuard {
  return (backend, address) => {
    const { hostname, port, protocol } = new URL(address);
    const host = hostname.toLowerCase().replace(/^\[|\]$/g, "");
    const usualPort = protocol === "http:" ? "80" : "443";
    const isMeant = (word: string): boolean => {
      const text = word.toLowerCase();
      return [host, ...(isLoopback(hostname) ? ["localhost"] : [])].some(
        (name) => fits(text, name) || fits(text, `${name}:${port || usualPort}`),
      );
    };
    for (const { origin, ai } of policies) {
      const why = ai === undefined ? undefined : refusedBy(ai, origin, `the host ${host}`, isMeant);
      if (why === undefined) continue;
      throw new Fault(`AI backend ${backend} may not be asked: ${why}`, {
        next: "Choose another --backend, or ask whoever keeps the policy",
      });
    }
  };
}

/** Whether a host is this machine. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[?::1\]?)$/i.test(hostname);
}
