import pLimit from "p-limit";
import { failingContainers } from "../analyzers/rules/failing-containers.ts";
import type { ClusterSource } from "../cluster/source.ts";
import { type ContainerLog, createSnapshot, type SnapshotInput } from "../kube/snapshot.ts";

/** How many lines of a failing container's log are read. */
const tailLines = 50;
/** How many logs are read at once. */
const atOnce = 5;

/**
 * Reads the last log lines of the containers that fail (at most 20, see failing-containers.ts) and returns `input` with
 * them. A log that cannot be read costs its lines, never a finding.
 */
export async function withFailingLogs(
  source: ClusterSource,
  input: SnapshotInput,
  signal: AbortSignal,
): Promise<SnapshotInput> {
  const limit = pLimit(atOnce);
  const logs = await Promise.all(
    failingContainers(createSnapshot(input)).map(async (container) =>
      limit(async (): Promise<ContainerLog | undefined> => {
        if (signal.aborted) return undefined;
        const lines = await source.log({ ...container, tailLines }, signal).catch(() => undefined);
        return lines === undefined || lines.length === 0 ? undefined : { ...container, lines };
      }),
    ),
  );
  return { ...input, logs: [...(input.logs ?? []), ...logs.filter((log) => log !== undefined)] };
}
