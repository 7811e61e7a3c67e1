/** What a Job's Pods say about its failure, and whether and when a Job ended. */
import { type Evidence, field } from "../../findings/evidence.ts";
import { conditionOf } from "../../kube/guards.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import { exitSentence } from "../../kube/messages/exit-code.ts";
import { compareText, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import { podsOwnedBy } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { parseTime } from "../../kube/time.ts";

type Job = KubeObject<"Job">;

/** The `Failed` condition, when the Job has failed for good. */
export function failureOf(job: Job): ReturnType<typeof conditionOf> {
  const failed = conditionOf(job, "Failed");
  return failed?.status === "True" ? failed : undefined;
}

/** Whether the Job reached its goal (G3). */
export function hasSucceeded(job: Job): boolean {
  return ["Complete", "SuccessCriteriaMet"].some((type) => conditionOf(job, type)?.status === "True");
}

/** When the Job ended, well or not; undefined while it has not. */
export function endOf(job: Job): number | undefined {
  if (hasSucceeded(job))
    return parseTime(job.status?.completionTime) ?? parseTime(conditionOf(job, "Complete")?.lastTransitionTime);
  return parseTime(failureOf(job)?.lastTransitionTime);
}

/** Whether the Job ended, well or not. */
export function isOver(job: Job): boolean {
  return hasSucceeded(job) || failureOf(job) !== undefined;
}

/** How the Job's last Pod ended. */
export interface LastExit {
  readonly pod: ObjectRef;
  /** `exit code 127, command or interpreter not found`. */
  readonly sentence: string;
  readonly evidence: readonly Evidence[];
}

/** The last container of the Job's Pods that ended with another code than 0; undefined when its Pods are gone. */
export function lastExitOf(snapshot: Snapshot, job: Job): LastExit | undefined {
  const exits = podsOwnedBy(snapshot, job.metadata?.uid).flatMap((pod) =>
    exitsOf(pod).map((exit) => ({ ...exit, pod, ref: refOf("Pod", pod) })),
  );
  exits.sort((a, b) => (b.finishedAt ?? 0) - (a.finishedAt ?? 0) || compareText(a.ref.name, b.ref.name));
  const [last] = exits;
  if (last === undefined) return undefined;
  const { ref, path, exitCode, reason, container } = last;
  const log = snapshot.logOf(ref.namespace ?? "", ref.name, container);
  return {
    pod: ref,
    sentence: exitSentence(exitCode, reason),
    evidence: [
      field(ref, `${path}.exitCode`, exitCode),
      ...(reason === undefined || reason === "Error" ? [] : [field(ref, `${path}.reason`, reason)]),
      ...(log === undefined || log.lines.length === 0
        ? []
        : [{ type: "log", object: ref, container, previous: log.previous, lines: log.lines } as const]),
    ],
  };
}

interface Exit {
  readonly container: string;
  readonly path: string;
  readonly exitCode: number;
  readonly reason: string | undefined;
  readonly finishedAt: number | undefined;
}

function exitsOf(pod: KubeObject<"Pod">): readonly Exit[] {
  const exits: Exit[] = [];
  for (const [list, at] of [
    [pod.status?.initContainerStatuses, "status.initContainerStatuses"],
    [pod.status?.containerStatuses, "status.containerStatuses"],
  ] as const) {
    for (const { name: container = "", state, lastState } of list ?? []) {
      for (const [which, terminated] of [
        ["state", state?.terminated],
        ["lastState", lastState?.terminated],
      ] as const) {
        const { exitCode = 0, reason } = terminated ?? {};
        if (exitCode === 0) continue;
        const path = `${at}[${container}].${which}.terminated`;
        exits.push({ container, path, exitCode, reason, finishedAt: parseTime(terminated?.finishedAt) });
        // The current state is the later one.
        break;
      }
    }
  }
  return exits;
}
