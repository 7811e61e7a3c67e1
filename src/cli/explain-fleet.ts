/**
 * `--explain` over several clusters: one backend and one budget, each cluster masked with its own names. What is the same
 * fault in several is asked once, about the first of them; the others get its answer.
 */
import { type Fleet, fleetOf, type PlacedIncident, reportsOf, sharedFaults } from "../findings/fleet.ts";
import type { Incident, Report } from "../findings/report.ts";
import type { SnapshotInput } from "../kube/snapshot.ts";
import type { Explained, Explaining, ReportRead } from "./explain.ts";

/** Several clusters whose explanations are on their way. */
interface ExplainedFleet {
  /** Names the backend; its incidents are not explained yet. */
  readonly fleet: Fleet;
  /** The incident with its explanation, or with the reason why it has none. */
  readonly incident: (incident: Incident, report: Report) => Promise<Incident>;
  /** Once all are done: the fleet with all of them. */
  readonly whole: () => Promise<Fleet>;
  readonly summary: Explained["summary"];
  readonly close: () => Promise<void>;
}

/** What is known of a cluster besides its report. */
export interface FleetRead {
  readonly input: SnapshotInput | undefined;
  readonly user: string | undefined;
}

/**
 * Asks about the incidents of all clusters.
 *
 * @param reads what was read, by the cluster's name
 */
export async function explainFleet(
  explaining: Explaining,
  fleet: Fleet,
  reads: ReadonlyMap<string, FleetRead>,
  signal: AbortSignal,
  onProgress: (text: string) => void,
): Promise<ExplainedFleet> {
  const representatives = representativesOf(fleet);
  const begun = new Map<string, Promise<Explained>>();
  let before: Promise<unknown> = Promise.resolve();
  let provider: string | undefined;
  for (const report of reportsOf(fleet)) {
    const { name } = report.cluster;
    const { input, user } = reads.get(name) ?? {};
    const asked = report.incidents.filter((incident) => !representatives.has(placeOf(report, incident)));
    // One after the other: together they would ask more at once than --max-concurrency allows.
    const progress = (text: string): void => onProgress(`${name}: ${text}`);
    const own = before.then(() => explaining.begin({ ...report, incidents: asked }, input, signal, progress, user));
    begun.set(name, own);
    before = own.then(async ({ summary }) => summary());
    // oxlint-disable-next-line no-await-in-loop -- the first is begun at once, and says who answers
    provider ??= (await own).report.provider;
  }
  // What fails is told to whoever waits for an incident.
  before.catch(() => undefined);

  const explained = async (incident: Incident, report: Report): Promise<Incident> => {
    const source = representatives.get(placeOf(report, incident)) ?? { incident, report };
    const own = await begun.get(source.report.cluster.name);
    const { explanation, explainError } = (await own?.incident(source.incident, 0)) ?? {};
    return {
      ...incident,
      ...(explanation !== undefined && { explanation }),
      ...(explainError !== undefined && { explainError }),
    };
  };
  const withProvider = (report: Report): Report => ({ ...report, ...(provider !== undefined && { provider }) });
  return {
    fleet: {
      clusters: fleet.clusters.map((member) =>
        member.report === undefined ? member : { ...member, report: withProvider(member.report) },
      ),
    },
    incident: explained,
    async whole() {
      const clusters = await Promise.all(
        fleet.clusters.map(async (member) => {
          const { report } = member;
          if (report === undefined) return member;
          const incidents = await Promise.all(report.incidents.map(async (each) => explained(each, report)));
          return { ...member, report: { ...withProvider(report), incidents } };
        }),
      );
      return { clusters };
    },
    async summary() {
      const all = await Promise.all(
        [...begun].map(async ([name, own]) => {
          const { lines, failed } = await (await own).summary();
          return { lines: lines.map((line) => line.replace(/^warning: /, `warning: ${name}: `)), failed };
        }),
      );
      return { lines: [...new Set(all.flatMap(({ lines }) => lines))], failed: all.some(({ failed }) => failed) };
    },
    async close() {
      for (const own of begun.values()) await (await own).close(); // oxlint-disable-line no-await-in-loop -- one backend
    },
  };
}

/** What would be asked of several clusters: each shared fault once. */
export function askedOnce(reports: readonly ReportRead[]): readonly ReportRead[] {
  const representatives = representativesOf(
    fleetOf(reports.map(({ report }) => ({ name: report.cluster.name, report }))),
  );
  return reports.map(({ report, input }) => ({
    report: {
      ...report,
      incidents: report.incidents.filter((incident) => !representatives.has(placeOf(report, incident))),
    },
    input,
  }));
}

/** Of each fault that several clusters have: who is asked about in the place of the others. */
function representativesOf(fleet: Fleet): ReadonlyMap<string, PlacedIncident> {
  return new Map(
    sharedFaults(fleet).flatMap(({ incidents: [first, ...others] }) =>
      others.map(({ report, incident }): [string, PlacedIncident] => [placeOf(report, incident), first]),
    ),
  );
}

/** An incident of a fleet: the same whatever was made of it meanwhile. */
function placeOf({ cluster }: Report, { id }: Incident): string {
  return `${cluster.name}\n${id}`;
}
