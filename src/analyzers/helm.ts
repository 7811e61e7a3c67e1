/** Releases of Helm, by the labels of the Secrets in which it keeps them. What is in the Secrets is never read. */
import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { formatDuration, minuteMs, parseTime, secondMs } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

const commands = [
  "kubectl -n {namespace} get secret -l owner=helm,name={release} -L version,status",
  "kubectl -n {namespace} get all -l app.kubernetes.io/instance={release}",
] as const;
const silent = ["a newer revision is deployed", "Secrets without Helm's labels, or that could not be read"] as const;

export const helm: Analyzer = defineAnalyzer({
  name: "Helm",
  core: false,
  needs: ["Secret"],
  rules: {
    "helm-release-stuck": {
      severity: "warning",
      depth: 7,
      message: "An install, upgrade or rollback of a Helm release was begun and never ended",
      why: "The next upgrade is refused: another operation is in progress",
      fix: "See `helm history` for the last revision that was deployed, then roll back to it or remove the pending revision",
      source: "concepts/cluster-administration/",
      commands,
      silent: ["less than 15 minutes", ...silent],
    },
    "helm-release-failed": {
      severity: "warning",
      depth: 7,
      message: "The last revision of a Helm release failed",
      why: "Half of the release may be live, and nobody notices until the next upgrade",
      fix: "See `helm history` for what it failed on, mend that, and upgrade again or roll back",
      source: "concepts/cluster-administration/",
      commands,
      silent,
    },
  },
  *check(snapshot) {
    const revisions = snapshot.list("Secret").flatMap((object) => revisionOf(snapshot, object) ?? []);
    const releases = Map.groupBy(revisions, ({ object, release }) => `${object.metadata?.namespace}/${release}`);
    for (const ofRelease of releases.values()) {
      const said = judge(
        snapshot,
        ofRelease.sort((a, b) => b.version - a.version),
      );
      if (said !== undefined) yield said;
    }
  },
});

interface Revision {
  readonly object: KubeObject<"Secret">;
  readonly release: string;
  readonly version: number;
  readonly status: string;
  /** When Helm wrote it last, in milliseconds. */
  readonly written: number | undefined;
}

function revisionOf(snapshot: Snapshot, object: KubeObject<"Secret">): Revision | undefined {
  const { owner, name, version, status, modifiedAt, createdAt } = object.metadata?.labels ?? {};
  const number = Number(version);
  if (owner !== "helm" || name === undefined || status === undefined || !Number.isInteger(number)) return undefined;
  if (isGoingAway(snapshot, object)) return undefined;
  const seconds = Number(modifiedAt ?? createdAt);
  const written =
    Number.isInteger(seconds) && seconds > 0 ? seconds * secondMs : parseTime(object.metadata?.creationTimestamp);
  return { object, release: name, version: number, status, written };
}

/** Judges a release by its revisions, newest first. */
function judge(
  snapshot: Snapshot,
  revisions: readonly Revision[],
): Observation<"helm-release-stuck" | "helm-release-failed"> | undefined {
  const [newest] = revisions;
  if (newest === undefined) return undefined;
  const { object, status, version, release, written } = newest;
  const age = ageOf(snapshot, written);
  const isPending = status.startsWith("pending-");
  if (!isPending && status !== "failed") return undefined;
  if (isPending && (age === undefined || age < 15 * minuteMs)) return undefined;
  const ref = refOf("Secret", object);
  const deployed = revisions.find((revision) => revision.status === "deployed");
  const evidence: Evidence[] = [
    field(ref, "metadata.labels[status]", status),
    fact(ref, "release", release),
    field(ref, "metadata.labels[version]", `${version}`),
    ...(age === undefined ? [] : [fact(ref, "in that state for", formatDuration(age))]),
    ...(deployed === undefined
      ? [fact(ref, "revision that is deployed", "none")]
      : [field(refOf("Secret", deployed.object), "metadata.labels[version]", `${deployed.version}`)]),
  ];
  const because = isPending
    ? pendingWords[status]
    : deployed === undefined
      ? "no revision is deployed"
      : "an older revision is still deployed";
  return {
    rule: isPending ? "helm-release-stuck" : "helm-release-failed",
    object: ref,
    ...(because !== undefined && { because }),
    discriminator: release,
    evidence,
    ...(written !== undefined && { since: written }),
    params: { release },
  };
}

const pendingWords: Readonly<Record<string, string>> = {
  "pending-install": "the install never ended",
  "pending-upgrade": "the upgrade never ended",
  "pending-rollback": "the rollback never ended",
};
