import type { ClusterSource } from "../../src/cluster/source.ts";
import type { ContainerLog, SnapshotInput } from "../../src/kube/snapshot.ts";

/** The snapshot that much later. What a living cluster renews moves with the clock; what is lost stays behind. */
function later(given: SnapshotInput, laterMs: number): SnapshotInput {
  const text = JSON.stringify(given.objects, (key: string, value: unknown) =>
    (key === "renewTime" || key === "lastHeartbeatTime") && typeof value === "string"
      ? new Date(Date.parse(value) + laterMs).toISOString()
      : value,
  );
  return { ...given, takenAt: given.takenAt + laterMs, objects: JSON.parse(text) };
}

/** What `source` would tell ten minutes later, when every grace period is over, with these logs. */
export function tenMinutesLater(source: ClusterSource, logs: readonly ContainerLog[] = []): ClusterSource {
  return {
    ...source,
    info: source.info,
    read: async (request) => ({ ...later(await source.read(request), 600_000), logs }),
  };
}
