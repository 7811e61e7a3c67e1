/**
 * Several clusters read in one run. Each keeps its own report: findings and incidents are never merged across clusters.
 * What is the same fault in several of them is only told together, and `sharedFaults` says which.
 */
import { compareText, keyOf } from "../kube/object-ref.ts";
import type { Incident, Report } from "./report.ts";
import { compareSeverity } from "./severity.ts";

/** One cluster of several. */
export interface FleetMember {
  /** Unique among them; its report's `cluster.name` is the same. */
  readonly name: string;
  /** Absent when it could not be read. */
  readonly report?: Report;
  /** Why there is no report. */
  readonly problem?: UnreadCluster;
}

/** Why a cluster could not be read at all. */
export interface UnreadCluster {
  /** In one sentence. */
  readonly reason: string;
  /** The step to take, when there is one. */
  readonly next?: string;
}

/** Several clusters, worst first. */
export interface Fleet {
  readonly clusters: readonly FleetMember[];
}

/** An incident and the cluster that has it. */
export interface PlacedIncident {
  readonly incident: Incident;
  readonly report: Report;
}

/** One fault that several clusters have. */
export interface SharedFault {
  /** In the order of the clusters, the worst first; at least two. */
  readonly incidents: readonly [PlacedIncident, ...PlacedIncident[]];
}

/** The clusters in their order: those with the worst incidents first, then those that could not be read whole. */
export function fleetOf(members: readonly FleetMember[]): Fleet {
  const ranked = members.map((member) => ({ member, rank: rankOf(member) }));
  return {
    clusters: ranked
      .sort((a, b) => compareRanks(a.rank, b.rank) || compareText(a.member.name, b.member.name))
      .map(({ member }) => member),
  };
}

/** Critical incidents, whether it was not read at all, warnings, whether something is missing: more is worse. */
function rankOf({ report }: FleetMember): readonly number[] {
  if (report === undefined) return [0, 1, 0, 1];
  const count = (severity: string): number =>
    report.incidents.filter((incident) => incident.severity === severity).length;
  return [count("critical"), 0, count("warning"), report.complete ? 0 : 1];
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) if (value !== b[index]) return (b[index] ?? 0) - value;
  return 0;
}

/** The reports that there are, in the order of the clusters. */
export function reportsOf({ clusters }: Fleet): readonly Report[] {
  return clusters.flatMap(({ report }) => report ?? []);
}

/** The clusters that could not be read, with the reason. */
export function unreadOf({ clusters }: Fleet): readonly (FleetMember & { readonly problem: UnreadCluster })[] {
  return clusters.flatMap(({ name, problem }) => (problem === undefined ? [] : [{ name, problem }]));
}

/** What the whole run says, in the words of one report. A cluster that could not be read makes it incomplete. */
export function fleetStatus(fleet: Fleet): Pick<Report, "status" | "complete"> {
  const reports = reportsOf(fleet);
  const complete = reports.length === fleet.clusters.length && reports.every((report) => report.complete);
  const isProblem = reports.some(({ status }) => status === "ProblemDetected");
  return { status: isProblem ? "ProblemDetected" : complete ? "OK" : "Incomplete", complete };
}

/** The same fault has the same rule on the same object with the same particulars, whatever the cluster. */
export function faultKey({ root }: Incident): string {
  return [root.rule, keyOf(root.owner ?? root.object), root.discriminator ?? "", root.title].join("\n");
}

/** Whether an earlier report of one of the clusters does not know it. */
export function isNewIn(incidents: readonly PlacedIncident[]): boolean {
  return incidents.some(({ incident, report }) =>
    incident.members.some(({ id }) => report.changes?.new.includes(id) === true),
  );
}

/** The faults that more than one cluster has, worst first. */
export function sharedFaults(fleet: Fleet): readonly SharedFault[] {
  const placed = reportsOf(fleet).flatMap((report) =>
    // Two of one key in one cluster are told apart by what else they hold: neither is the other cluster's.
    [...Map.groupBy(report.incidents, faultKey).values()].flatMap(([incident, second]) =>
      incident === undefined || second !== undefined ? [] : [{ incident, report }],
    ),
  );
  const groups = [...Map.groupBy(placed, ({ incident }) => faultKey(incident)).values()];
  return groups
    .flatMap((group): readonly SharedFault[] => {
      const [first, ...rest] = [...group].sort((a, b) => compareSeverity(a.incident.severity, b.incident.severity));
      return first === undefined || rest.length === 0 ? [] : [{ incidents: [first, ...rest] }];
    })
    .sort((a, b) => {
      const [one] = a.incidents;
      const [other] = b.incidents;
      return (
        compareSeverity(one.incident.severity, other.incident.severity) ||
        one.incident.root.depth - other.incident.root.depth ||
        b.incidents.length - a.incidents.length ||
        compareText(faultKey(one.incident), faultKey(other.incident))
      );
    });
}
