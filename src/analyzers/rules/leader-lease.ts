/** Who leads, by the leases that controllers renew (concepts/architecture/leases/#leader-election). */
import type { KubeObject } from "../../kube/kinds.ts";
import { oncePerSnapshot } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { parseTime, secondMs } from "../../kube/time.ts";

type Lease = KubeObject<"Lease">;

/** What is added to a lease's own duration before it counts as given up. */
const graceMs = 60 * secondMs;

/**
 * Whether the holder still renews the lease. `unknown`: it has no holder, holds no times, or no lease at all of a saved
 * snapshot is fresh, so that it is the capture time that is off.
 */
export function leaseState(snapshot: Snapshot, lease: Lease): "held" | "stale" | "unknown" {
  const { holderIdentity = "", leaseDurationSeconds } = lease.spec ?? {};
  const overdue = overdueMs(snapshot, lease);
  if (holderIdentity === "" || leaseDurationSeconds === undefined || overdue === undefined) return "unknown";
  if (overdue <= 0) return "held";
  return snapshot.cluster.source === "saved" && !isAnyFresh(snapshot) ? "unknown" : "stale";
}

function overdueMs(snapshot: Snapshot, { spec }: Lease): number | undefined {
  const renewed = parseTime(spec?.renewTime);
  if (renewed === undefined) return undefined;
  return snapshot.takenAt - renewed - (spec?.leaseDurationSeconds ?? 0) * secondMs - graceMs;
}

const isAnyFresh = oncePerSnapshot((snapshot) =>
  snapshot.list("Lease").some((lease) => (overdueMs(snapshot, lease) ?? 1) <= 0),
);
