import type { ClusterSource } from "../cluster/source.ts";
import type { SnapshotInput } from "../kube/snapshot.ts";

/** A source that remembers what was read from it last. */
export interface RememberingSource {
  readonly source: ClusterSource;
  readonly lastRead: () => SnapshotInput | undefined;
}

/** `source`, remembering. */
export function remembering(source: ClusterSource): RememberingSource {
  let last: SnapshotInput | undefined;
  return {
    source: {
      info: source.info,
      ...(source.user !== undefined && { user: source.user }),
      async read(request) {
        last = await source.read(request);
        return last;
      },
      log: async (request, signal) => source.log(request, signal),
      hasNamespace: async (name, signal) => source.hasNamespace(name, signal),
      ...(source.openapi !== undefined && {
        openapi: async (groupVersion: string, signal: AbortSignal) => source.openapi?.(groupVersion, signal),
      }),
      close: async () => source.close(),
    },
    lastRead: () => last,
  };
}
