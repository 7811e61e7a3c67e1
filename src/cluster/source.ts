/**
 * Where a snapshot comes from: a live API server or a saved dump. Both answer the same request with the same kind of
 * input, so that nothing behind this seam knows which one it was.
 */
import type { KindName } from "../kube/kinds.ts";
import type { ClusterInfo, Scope, SnapshotInput } from "../kube/snapshot.ts";

/** What to read. */
export interface ReadRequest {
  /** The kinds that the selected analyzers need or use. */
  readonly kinds: readonly KindName[];
  readonly scope: Scope;
  /** Also the objects of the cluster's own kinds (custom-resources.ts). `kinds` must hold CustomResourceDefinition then. */
  readonly customResources?: boolean;
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
}

/** One cluster, or one dump of one. */
export interface ClusterSource {
  readonly info: ClusterInfo;
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
  /** Lets go of connections and files. */
  close(): Promise<void>;
}
