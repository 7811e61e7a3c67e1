/**
 * Where a snapshot comes from: a live API server or a saved dump. Both answer the same request with the same kind of
 * input, so that nothing behind this seam knows which one it was.
 */
import type { FactName } from "../kube/facts.ts";
import type { KindName } from "../kube/kinds.ts";
import type { ClusterInfo, Scope, SnapshotInput } from "../kube/snapshot.ts";

/** What to read. */
export interface ReadRequest {
  /** The kinds that the selected analyzers need or use. */
  readonly kinds: readonly KindName[];
  readonly scope: Scope;
  /** Also the objects of the cluster's own kinds (custom-resources.ts). `kinds` must hold CustomResourceDefinition then. */
  readonly customResources?: boolean;
  /** What is to be read beside objects. */
  readonly facts?: readonly FactName[];
  /** Ends the read early: what was read so far is returned, the rest becomes `unread` or `partial`. */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ReadProgress) => void;
}

/** Told after each step of a read. */
export interface ReadProgress {
  readonly kind: KindName;
  /** Objects of that kind read so far. */
  readonly objects: number;
  readonly done: boolean;
  /** Kinds finished and kinds asked for. */
  readonly kindsDone: number;
  readonly kindsTotal: number;
}

/** Names one container's log. */
export interface LogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The run before the current one. */
  readonly previous: boolean;
  /** How many lines from the end. */
  readonly tailLines: number;
  /** Only lines of the last so many seconds; a dump does not know. */
  readonly sinceSeconds?: number;
}

/** A resource as the server's discovery tells it. */
export interface ApiResource {
  /** `""` for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** Names a resource, and what is wanted of it. */
export interface AnyRequest {
  readonly resource: Pick<ApiResource, "group" | "version" | "plural" | "namespaced">;
  /** Absent: the whole cluster, or a cluster-scoped resource. */
  readonly namespace?: string | undefined;
  /**
   * - `table`: the columns that `kubectl get` prints; the server makes them, values of Secrets are not among them
   * - `metadata`: `PartialObjectMetadata`, for kinds whose values must not reach the process
   * - `whole`: the objects
   */
  readonly form: "table" | "metadata" | "whole";
}

/** One page of a list. */
export interface AnyListRequest extends AnyRequest {
  readonly limit: number;
  readonly continueToken?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** One cluster, or one dump of one. */
export interface ClusterSource {
  readonly info: ClusterInfo;
  /** Who reads, as the audit record names them. Absent for a dump. */
  readonly user?: string;
  /** Reads each kind once. Never throws for a kind that cannot be read: its `KindRead` says so. */
  read(request: ReadRequest): Promise<SnapshotInput>;
  /**
   * The last lines of a container's log, or undefined when there is none to be had (gone, refused, not in the dump).
   */
  log(request: LogRequest, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /**
   * Whether the namespace exists: `undefined` when it may not be asked. For a dump: whether it holds anything of it.
   */
  hasNamespace(name: string, signal: AbortSignal): Promise<boolean | undefined>;
  /**
   * The OpenAPI v3 document of a group version (`apps/v1`), parsed: what the server says about its fields. Absent where
   * there is none to ask, as in a dump. Throws a Fault when it cannot be had.
   */
  openapi?(groupVersion: string, signal: AbortSignal): Promise<unknown>;
  /** Every resource that the server serves, in its preferred version. Absent for a dump. Throws a Fault. */
  apiResources?(signal: AbortSignal): Promise<readonly ApiResource[]>;
  /** One page of any resource, as the server answers it. Absent for a dump. Throws a Fault. */
  listAny?(request: AnyListRequest, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>>;
  /** One object of any resource; undefined when it does not exist. Absent for a dump. Throws a Fault. */
  getAny?(
    request: AnyRequest & { readonly name: string },
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** Lets go of connections and files. */
  close(): Promise<void>;
}
