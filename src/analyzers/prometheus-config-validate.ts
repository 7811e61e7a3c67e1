import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { graceMs, hasSettled } from "../kube/guards.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { type PrometheusConfig, prometheusConfigs } from "./rules/prometheus.ts";

const source = "concepts/configuration/configmap/";

export const prometheusConfigValidate: Analyzer = defineAnalyzer({
  name: "PrometheusConfigValidate",
  core: false,
  needs: ["Pod"],
  uses: ["ReplicaSet", "ConfigMap", "Secret"],
  rules: {
    "prometheus-config-missing": {
      severity: ["critical", "warning"],
      depth: 4,
      message: "Prometheus is given a configuration file that its volume does not hold",
      why: "Prometheus does not start without it: nothing is measured, and no alert is sent",
      fix: "Put the entry into the ConfigMap or Secret under the name that --config.file ends with, or correct the argument",
      source,
      commands: ["kubectl -n {namespace} get {origin}", "kubectl -n {namespace} describe pod {name}"],
      silent: [
        "ConfigMaps or Secrets could not all be read",
        "the names of the entries are not known",
        "younger than 60 seconds",
      ],
    },
    "prometheus-config-rejected": {
      severity: "critical",
      depth: 5,
      message: "Prometheus stops because it cannot load its configuration",
      why: "Nothing is measured, and no alert is sent",
      fix: "Check the file with `promtool check config`, and correct the line that Prometheus names in its log",
      source,
      commands: [
        "kubectl -n {namespace} logs {name} -c {container} --previous --tail 20",
        "kubectl -n {namespace} get {origin}",
      ],
      silent: ["neither its last words nor its log say so", "it runs"],
    },
    "prometheus-config-unread": {
      severity: "info",
      depth: 5,
      message: "The content of the configuration of Prometheus was not validated",
      why: "It is not read: values of ConfigMaps and Secrets never reach k8sgpt, and this one may hold passwords",
      fix: "Check it where it is written, with `promtool check config`; whether Prometheus accepted the last reload is the metric prometheus_config_last_reload_successful",
      source,
      commands: ["kubectl -n {namespace} get {origin}"],
      silent: ["the file is missing, or Prometheus refuses it (rules of their own)"],
    },
  },
  *check(snapshot) {
    for (const config of prometheusConfigs(snapshot)) {
      const ref = refOf("Pod", config.pod);
      const { container, from } = config;
      const origin = from === undefined ? "" : `${from.object.kind.toLowerCase()}/${from.object.name}`;
      const params = { container, origin };
      const found = fileMissing(snapshot, config, ref) ?? rejected(snapshot, config, ref);
      if (found !== undefined) yield { ...found, discriminator: container, params };
      else
        yield {
          rule: "prometheus-config-unread",
          object: ref,
          discriminator: container,
          evidence: [
            fact(ref, "configuration file", config.file),
            ...(from === undefined ? [] : [field(ref, from.path, from.object.name)]),
          ],
          params,
        };
    }
  },
});

type Rule = "prometheus-config-missing" | "prometheus-config-rejected" | "prometheus-config-unread";

function fileMissing(
  snapshot: Snapshot,
  { pod, status, file, from }: PrometheusConfig,
  ref: ObjectRef,
): Observation<Rule> | undefined {
  if (from === undefined || !hasSettled(snapshot, pod, graceMs.pod)) return undefined;
  const { object, key } = from;
  const kind = object.kind === "Secret" ? "Secret" : "ConfigMap";
  const held = snapshot.get(kind, object.namespace, object.name);
  if (held === undefined && !snapshot.isComplete(kind, object.namespace)) return undefined;
  const keys = held !== undefined && "dataKeys" in held ? held.dataKeys : undefined;
  if (held !== undefined && (keys === undefined || keys.includes(key))) return undefined;
  return {
    rule: "prometheus-config-missing",
    object: ref,
    // One that runs holds its configuration in memory until it is started again.
    severity: status?.ready === true ? "warning" : "critical",
    because: held === undefined ? `the ${kind} does not exist` : "the ConfigMap has no such entry",
    cause: held === undefined ? object : refOf(kind, held),
    evidence: [
      fact(ref, "configuration file", file),
      field(ref, from.path, object.name),
      held === undefined ? missing(object) : fact(object, "entries that it has", (keys ?? []).slice(0, 10)),
      ...(held === undefined ? [] : [fact(object, "entry that is looked for", key)]),
    ],
  };
}

/** Prometheus 3.5, cmd/prometheus/main.go: what it says before it ends with 2. The error after it may quote values. */
const refusal = /Error loading config|Failed to (?:parse|load|apply) config|error loading config from/i;

function rejected(
  snapshot: Snapshot,
  { pod, container, status }: PrometheusConfig,
  ref: ObjectRef,
): Observation<Rule> | undefined {
  const [path, ended] =
    status?.state?.terminated === undefined
      ? (["lastState", status?.lastState?.terminated] as const)
      : (["state", status.state.terminated] as const);
  if (status?.state?.running !== undefined || ended === undefined || ended.exitCode === 0) return undefined;
  const log = snapshot.logOf(pod.metadata?.namespace ?? "", pod.metadata?.name ?? "", container);
  const words = [...(ended.message?.split("\n") ?? []), ...(log?.lines ?? [])].find((line) => refusal.test(line));
  if (words === undefined) return undefined;
  const since = parseTime(ended.finishedAt);
  const line = /\bline (\d+)/.exec(words)?.[1];
  const evidence: Evidence[] = [
    field(ref, `status.containerStatuses[${container}].${path}.terminated.exitCode`, ended.exitCode),
    fact(ref, "said before it ended", refusal.exec(words)?.[0] ?? ""),
    ...(line === undefined ? [] : [fact(ref, "line of the file", Number(line))]),
  ];
  return { rule: "prometheus-config-rejected", object: ref, evidence, ...(since !== undefined && { since }) };
}
