/**
 * A live cluster as a source of snapshots. It is asked with GET only (door.ts), once per kind and scope
 * (list.ts); what may not or cannot be read is told, never guessed.
 */
import { isatty } from "node:tty";
import { Fault } from "../../fault.ts";
import type { ClusterInfo, Scope, SnapshotInput, SourceNote } from "../../kube/snapshot.ts";
import { anyReading } from "./any.ts";
import { type Door, openDoor, stopped } from "./door.ts";
import type { FactContext } from "./fact-context.ts";
import { faultOf, RequestFailure } from "./failure.ts";
import { findTarget, type KubeconfigOptions } from "./kubeconfig.ts";
import { type CodecChoice, listKind } from "./list.ts";
import { readCustomResources } from "./custom.ts";
import { readKinds } from "./read.ts";
import type { AuditLog } from "../audit.ts";
import { type AccessPolicy, allowedScope, namedNamespaces, restrictsNamespaces } from "../policy.ts";
import type { ClusterSource, LogRequest, ReadRequest } from "../source.ts";

export { listContexts } from "./kubeconfig.ts";

/** How to reach a cluster, and how gently. */
export interface LiveOptions extends KubeconfigOptions {
  /** How long the server may say nothing before a request is given up. */
  readonly requestTimeoutMs: number;
  /** Requests in flight at most. */
  readonly maxConcurrency: number;
  /** `k8sgpt/1.2.3`. Names that begin with curl, Wget or Mozilla make the server indent its JSON. */
  readonly userAgent: string;
  /** Default `auto`: protobuf where it is known, else JSON. */
  readonly codec?: CodecChoice;
  /** Whether a credential plugin may ask at the terminal. Default: whether there is one. */
  readonly isInteractive?: boolean;
  /** Told what the user should know but what stops nothing: clocks that differ, what a credential plugin says. */
  readonly onNote?: (text: string) => void;
  /** What may be read; each of them must allow it. */
  readonly policies?: readonly AccessPolicy[];
  /** Where each request is recorded. */
  readonly audit?: AuditLog;
  /** Read the certificates of TLS Secrets too, and nothing else of their values. */
  readonly readTls?: boolean;
}

/** More than this between the two clocks is told (ages are measured by the server's). */
const toldSkewMs = 60_000;

/** More of a log is not read: its tail is wanted. */
const logLimitBytes = 65_536;

/**
 * Opens the context that `options` name.
 *
 * @param signal Ends the opening.
 * @throws {Fault} when no kubeconfig or context is found, credentials cannot be had, or the server cannot be reached.
 */
export async function openLive(options: LiveOptions, signal: AbortSignal): Promise<ClusterSource> {
  const { codec = "auto", onNote = () => undefined } = options;
  const target = findTarget(options);
  const { context, server, namespace } = target;
  const door = openDoor({
    ...options,
    target,
    // Asked by credential plugins alone: to find it out loads what a small run does without.
    get isInteractive() {
      return options.isInteractive ?? isatty(0);
    },
    onNote,
  });

  /** Any JSON object; undefined when the answer is something else. */
  const getObject = (path: string, accept = "application/json"): Promise<Record<string, unknown> | undefined> =>
    door.get(path, accept, signal, async ({ body }) => parseObject(await textOf(body)));

  let serverVersion: string | undefined;
  try {
    const version = await getObject("/version");
    if (typeof version?.["gitVersion"] === "string") serverVersion = version["gitVersion"];
  } catch (error) {
    // Whoever refuses this may still answer lists; whoever does not answer at all, or does not know us, will not.
    if (!(error instanceof RequestFailure) || error.type !== "refused" || error.status === 401) {
      await door.close();
      throw openingFault(error, server, context);
    }
  }
  const skewMs = door.clockOffsetMs();
  if (Math.abs(skewMs) > toldSkewMs) {
    const minutes = Math.round(Math.abs(skewMs) / 60_000);
    const direction = skewMs > 0 ? "behind" : "ahead of";
    onNote(
      `The clock of this machine is ${minutes} min ${direction} that of the API server; ages are measured by the server's.`,
    );
  }

  const info: ClusterInfo = {
    name: context,
    source: "live",
    server,
    ...(serverVersion !== undefined && { serverVersion }),
  };
  return {
    info,
    user: door.user,
    async read(request) {
      const takenAt = Date.now() + door.clockOffsetMs();
      const { scope, notes } = await scopeOf(request, options, door, namespace);
      const { objects: listed, reads } = await readKinds({ door, codec, namespace }, { ...request, scope });
      const certificates =
        options.readTls === true && listed.Secret !== undefined
          ? await (await import("./tls.ts")).withCertificates(door, listed.Secret, reads, request.signal)
          : undefined;
      const objects = certificates === undefined ? listed : { ...listed, Secret: certificates.secrets };
      const custom =
        request.customResources === true
          ? await readCustomResources(door, objects.CustomResourceDefinition ?? [], { ...request, scope })
          : {};
      const facts = await factsOf(request, { door, target, signal: request.signal });
      const told = [...notes, ...(certificates?.notes ?? [])];
      return {
        takenAt,
        cluster: info,
        scope,
        objects,
        reads,
        ...custom,
        ...facts,
        ...(told.length > 0 && { notes: told }),
      };
    },
    async log(request, signal) {
      try {
        return await door.get(logPath(request), "text/plain, application/json", signal, async ({ body }) =>
          linesOf(await textOf(body)),
        );
      } catch {
        return undefined; // Gone, refused, never started: there is no log to be had.
      }
    },
    async hasNamespace(name, signal) {
      const path = `/api/v1/namespaces/${encodeURIComponent(name)}`;
      const accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
      try {
        await door.get(path, accept, signal, ({ body }) => textOf(body));
        return true;
      } catch (error) {
        if (!(error instanceof RequestFailure)) throw error;
        if (error.status === 404) return false;
        if (error.status === 403) return undefined;
        throw faultOf(`Cannot get Namespace "${name}" of context "${context}"`, error);
      }
    },
    async openapi(groupVersion, signal) {
      const root = groupVersion.includes("/") ? "apis" : "api";
      try {
        return await door.get(`/openapi/v3/${root}/${groupVersion}`, "application/json", signal, async ({ body }) =>
          parseObject(await textOf(body)),
        );
      } catch (error) {
        if (!(error instanceof RequestFailure)) throw error;
        throw faultOf(`Cannot read the description of ${groupVersion} of context "${context}"`, error);
      }
    },
    ...anyReading(door, context),
    close: () => door.close(),
  };
}

/** What is asked for beside objects; the reader of it is loaded only then. */
async function factsOf(
  { facts = [] }: ReadRequest,
  context: FactContext,
): Promise<Pick<SnapshotInput, "facts" | "factReads">> {
  return facts.length === 0 ? {} : (await import("./facts.ts")).readFacts(facts, context);
}

/**
 * What a request may cover of what it asks for. Where policies restrict namespaces, no list of the whole cluster is sent:
 * the namespaces that may be read are asked one by one.
 */
async function scopeOf(
  { scope, signal }: ReadRequest,
  { policies = [] }: LiveOptions,
  door: Door,
  own: string,
): Promise<{ readonly scope: Scope; readonly notes: readonly SourceNote[] }> {
  if (!restrictsNamespaces(policies)) return { scope, notes: [] };
  if (scope.include !== undefined) return allowedScope(policies, scope, []);
  const { objects, read } = await listKind(door, "auto", { kind: "Namespace", isMetadataOnly: true, signal });
  const named = namedNamespaces(policies);
  if (read.state === "complete") {
    return allowedScope(
      policies,
      scope,
      objects.flatMap(({ metadata }) => metadata?.name ?? []),
    );
  }
  const { scope: allowed, notes } = allowedScope(policies, scope, named ?? [own]);
  if (named !== undefined) return { scope: allowed, notes };
  const note = {
    what: "other namespaces",
    reason: `the policy allows some of them, but they cannot be listed: ${read.reason ?? "not served"}`,
    next: "Name what you want with --namespace",
  };
  return { scope: allowed, notes: [...notes, note] };
}

function openingFault(error: unknown, server: string, context: string): Fault {
  if (error instanceof Fault) return error;
  const failure = error instanceof RequestFailure ? error : stopped();
  return failure.status === 401
    ? faultOf(`Cannot log in to the API server ${server} of context "${context}"`, failure)
    : faultOf(`Cannot reach the API server ${server} of context "${context}"`, failure);
}

function logPath({ namespace, pod, container, previous, tailLines, sinceSeconds }: LogRequest): string {
  const query = new URLSearchParams({ container, tailLines: String(tailLines), limitBytes: String(logLimitBytes) });
  if (previous) query.set("previous", "true");
  if (sinceSeconds !== undefined) query.set("sinceSeconds", String(sinceSeconds));
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log?${query.toString()}`;
}

function linesOf(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
