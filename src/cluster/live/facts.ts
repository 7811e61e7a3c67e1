/**
 * Reads what a live cluster tells beside its objects, each fact on its own: one that cannot be read costs itself. Health and
 * metrics are one GET each; the certificates of the API server are those of the connection that is open anyway; the
 * kubeconfig is at hand. Only what was asked for is read.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { messageOf } from "../../fault.ts";
import { certificateDates, certificatesIn } from "../../kube/certificates.ts";
import {
  type CredentialFacts,
  type DeprecatedRequest,
  factDefinitions,
  type FactName,
  type FactRead,
  type Facts,
  type HealthCheck,
} from "../../kube/facts.ts";
import type { FactContext, FactResult } from "./fact-context.ts";
import { RequestFailure } from "./failure.ts";
import { type Entry, entryIn, textIn } from "./kubeconfig.ts";
import { tokenExpiry } from "./oidc.ts";

/** Never throws. */
export async function readFacts(
  names: readonly FactName[],
  context: FactContext,
): Promise<{ readonly facts?: Facts; readonly factReads?: readonly FactRead[] }> {
  if (names.length === 0) return {};
  const results = await Promise.all(
    names.map(async (name): Promise<FactResult> => {
      try {
        return await readers[name](context);
      } catch (error) {
        return failed(name, "unread", error);
      }
    }),
  );
  const factReads = results.flatMap(({ reads = [] }) => reads);
  return {
    facts: results.reduce<Facts>((all, { facts }) => ({ ...all, ...facts }), {}),
    ...(factReads.length > 0 && { factReads }),
  };
}

const readers: { readonly [Name in FactName]: (context: FactContext) => FactResult | Promise<FactResult> } = {
  health: readHealth,
  deprecatedRequests: readDeprecatedRequests,
  servedCertificate: servedCertificateOf,
  clusterAuthorities: clusterAuthoritiesOf,
  credential: credentialOf,
  eks: async (context) => (await import("../aws/eks.ts")).readEks(context),
};

function failed(fact: FactName, state: FactRead["state"], error: unknown): FactResult {
  const failure = error instanceof RequestFailure ? error : undefined;
  const { path } = factDefinitions[fact];
  const next = failure?.status === 403 && path !== undefined ? `kubectl auth can-i get ${path}` : failure?.next;
  return { reads: [{ fact, state, reason: messageOf(error), ...(next !== undefined && { next }) }] };
}

function skipped(fact: FactName, reason: string): FactResult {
  return { reads: [{ fact, state: "skipped", reason }] };
}

/** Checks that a server can have are some dozens. */
const largestHealthBytes = 256 * 1024;

/** `/readyz` holds every check of `/livez` and those of being ready, so that one of them is enough. */
async function readHealth({ door, signal }: FactContext): Promise<FactResult> {
  const health = await door.get(
    "/readyz?verbose",
    "text/plain, */*",
    signal,
    async ({ body }) => {
      const checks: HealthCheck[] = [];
      await eachLine(body, largestHealthBytes, (line) => {
        const [, sign, name] = /^\[([+-])\](\S+)/.exec(line) ?? [];
        if (name !== undefined) checks.push({ name, isPassed: sign === "+" });
      });
      return checks;
    },
    { answers: [500] },
  );
  if (health.length === 0) {
    throw new RequestFailure("the server's answer names no checks", {
      type: "refused",
      next: "Check the server's address in the kubeconfig: something else than an API server may answer there",
    });
  }
  return { facts: { health } };
}

const series = /^apiserver_requested_deprecated_apis\{([^}]*)\} (\S+)/;

/**
 * Of all metrics only one is kept (reference/instrumentation/metrics/). Where they may not be read, managed fields tell of
 * writes all the same: that is no gap.
 */
async function readDeprecatedRequests({ door, signal }: FactContext): Promise<FactResult> {
  try {
    const deprecatedRequests = await door.get("/metrics", "text/plain;version=0.0.4, */*", signal, async ({ body }) => {
      const found: DeprecatedRequest[] = [];
      await eachLine(body, Number.POSITIVE_INFINITY, (line) => {
        const [, labels = "", value] = line.startsWith("apiserver_requested_deprecated_apis{")
          ? (series.exec(line) ?? [])
          : [];
        if (value === undefined || Number(value) === 0) return;
        const told = new Map([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", text = ""]) => [key, text]));
        const [version, resource] = [told.get("version"), told.get("resource")];
        if (version === undefined || resource === undefined) return;
        const removedRelease = told.get("removed_release") ?? "";
        found.push({
          group: told.get("group") ?? "",
          version,
          resource,
          ...(removedRelease !== "" && { removedRelease }),
        });
      });
      return found.sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    });
    return { facts: { deprecatedRequests } };
  } catch (error) {
    return failed("deprecatedRequests", "skipped", error);
  }
}

function orderOf({ group, version, resource }: DeprecatedRequest): string {
  return `${group}/${version}/${resource}`;
}

/** Tells the lines of a text as they come; memory holds one of them. */
async function eachLine(
  body: AsyncIterable<Uint8Array>,
  limitBytes: number,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw new Error("the answer is far too long");
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    // No metric has a line like that; without a limit it would be kept whole.
    if (rest.length > 1024 * 1024) rest = "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}

function servedCertificateOf({ door }: FactContext): FactResult {
  const certificates = door.peerCertificates().map(certificateDates);
  if (certificates.length === 0) return skipped("servedCertificate", "the connection is not encrypted");
  return { facts: { servedCertificate: { host: new URL(door.server).hostname, certificates } } };
}

function clusterAuthoritiesOf({ target: { cluster } }: FactContext): FactResult {
  const pem = dataOrFile(cluster, "certificate-authority");
  if (pem === undefined) return skipped("clusterAuthorities", "the kubeconfig names none");
  const clusterAuthorities = certificatesIn(pem);
  if (clusterAuthorities === undefined) return skipped("clusterAuthorities", "the kubeconfig's cannot be parsed");
  return { facts: { clusterAuthorities } };
}

/** Credentials that a plugin or the kubelet renews are looked after; those that stand in the file are not. */
function credentialOf({ target: { user, userName } }: FactContext): FactResult {
  if (entryIn(user, "exec") !== undefined) return skipped("credential", "a plugin makes it anew when it expires");
  const token = textIn(user, "token");
  const certificate = token === undefined ? dataOrFile(user, "client-certificate") : undefined;
  const credential: CredentialFacts | undefined =
    certificate === undefined ? ofToken(userName, token) : ofCertificate(userName, certificate);
  return credential === undefined ? skipped("credential", "it has no date of expiry") : { facts: { credential } };
}

function ofToken(user: string, token: string | undefined): CredentialFacts | undefined {
  const notAfter = token === undefined ? undefined : tokenExpiry(token);
  return notAfter === undefined ? undefined : { user, type: "token", notAfter };
}

function ofCertificate(user: string, pem: string): CredentialFacts | undefined {
  try {
    const { notBefore, notAfter } = certificateDates(new X509Certificate(pem));
    return { user, type: "client certificate", notBefore, notAfter };
  } catch {
    return undefined;
  }
}

/** `NAME-data` in base64, else the file that `NAME` names; the data wins, as in client-go. */
function dataOrFile(entry: Entry, name: string): string | undefined {
  const data = textIn(entry, `${name}-data`);
  if (data !== undefined) return Buffer.from(data, "base64").toString("latin1");
  const path = textIn(entry, name);
  return path === undefined ? undefined : readFileSync(path, "latin1");
}
