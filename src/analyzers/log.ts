import type { Observation } from "../findings/finding.ts";
import { redactCredentials } from "../kube/credentials.ts";
import { isGoingAway } from "../kube/guards.ts";
import { lastError } from "../kube/messages/log.ts";
import { refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { failingContainers } from "./rules/failing-containers.ts";

export const log: Analyzer = defineAnalyzer({
  name: "Log",
  core: false,
  needs: ["Pod"],
  // Told apart by them: a Pod that failed before its Job succeeded, and replicas of one owner.
  uses: ["Job", "ReplicaSet"],
  rules: {
    "log-error": {
      severity: ["warning", "info"],
      depth: 6,
      message: "The log of a failing container tells of an error",
      why: "It is what the application itself says about why it fails",
      fix: "Mend what the error names; it is the last one in the log, with its stack trace",
      source: "tasks/debug/debug-application/debug-running-pod/#examine-pod-logs",
      commands: ["kubectl -n {namespace} logs {name} -c {container} --tail=50 {previous}"],
      silent: [
        "containers in which no other rule sees a failure",
        "logs that were not read or cannot be",
        "lines whose level says that nothing is wrong, whatever words they hold",
        "counts of zero errors, access logs without a server error",
        "only warnings (info)",
      ],
    },
  },
  *check(snapshot) {
    const said = new Set<string>();
    for (const { namespace, pod, container } of failingContainers(snapshot)) {
      const key = `${namespace}/${pod}/${container}`;
      if (said.has(key)) continue;
      said.add(key);
      const observation = errorIn(snapshot, namespace, pod, container);
      if (observation !== undefined) yield observation;
    }
  },
});

function errorIn(
  snapshot: Snapshot,
  namespace: string,
  name: string,
  container: string,
): Observation<"log-error"> | undefined {
  const pod = snapshot.get("Pod", namespace, name);
  const found = snapshot.logOf(namespace, name, container);
  if (pod === undefined || found === undefined || isGoingAway(snapshot, pod)) return undefined;
  const error = lastError(found.lines);
  if (error === undefined) return undefined;
  const object = refOf("Pod", pod);
  // As one text, so that a key that spans lines is found.
  const lines = redactCredentials(error.lines.join("\n")).split("\n");
  return {
    rule: "log-error",
    object,
    discriminator: container,
    severity: error.level === "warning" ? "info" : "warning",
    ...(error.says !== undefined && { because: error.says }),
    evidence: [{ type: "log", object, container, previous: found.previous, lines }],
    params: { container, previous: found.previous ? "--previous" : "--previous=false" },
  };
}
