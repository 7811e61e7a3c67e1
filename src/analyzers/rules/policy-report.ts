/**
 * What policy engines (Kyverno, Gatekeeper, Falco and others) report about the objects of a cluster. Most engines write one
 * report per object and name it by the object's uid; which object it is stands in `scope`, or per result in `resources`.
 * A violation that is only reported stops nothing: it is information. What an admission policy refuses is told by the
 * workload that cannot make its Pods.
 */
import { type Evidence, fact, field } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import { isGoingAway } from "../../kube/guards.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import { compareText, keyOf, namedRef, type ObjectRef, qualifiedName, refOf } from "../../kube/object-ref.ts";
import type { Snapshot } from "../../kube/snapshot.ts";

/** The kinds of both API groups. */
export type ReportKind = "PolicyReport" | "ClusterPolicyReport" | "Report" | "ClusterReport";
type Report = KubeObject<ReportKind>;
type Result = NonNullable<Report["results"]>[number];

const source = "concepts/security/pod-security-standards/#policy-instantiation";
const describe = ["kubectl -n {namespace} get {reports} {name} -o yaml", "kubectl get {clusterReports} {name} -o yaml"];

/** Shared by the analyzers of reports in namespaces and of the cluster. */
export const policyRules = {
  "policy-violated": {
    severity: "info",
    depth: 3,
    message: "Objects do not meet a policy that reports violations",
    why: "The policy is not enforced, so everything works; once it is enforced, the same objects are refused",
    fix: "Change the objects as the policy's message says, or the policy if it asks for too much",
    source,
    commands: describe,
    silent: ["results other than fail and warn", "the report is being deleted"],
  },
  "policy-not-evaluated": {
    severity: "warning",
    depth: 3,
    message: "A policy could not be evaluated",
    why: "Nobody knows whether the objects meet it; where it is enforced, requests may be refused for it",
    fix: "Read the message of the result: the policy's expression or what it looks up is broken",
    source,
    commands: describe,
    silent: ["the report is being deleted"],
  },
} as const satisfies Readonly<Record<string, Rule>>;

type Said = Observation<keyof typeof policyRules>;

/** Results of one report that belong together. */
interface Group {
  readonly rule: keyof typeof policyRules;
  readonly policy: string;
  readonly severity: string;
  readonly results: { readonly index: number; readonly result: Result }[];
}

/** One observation per report, policy and severity. Reports about the Pods of one owner are folded by the engine. */
export function* policyResults(snapshot: Snapshot, kinds: readonly ReportKind[]): Iterable<Said> {
  for (const kind of kinds) {
    for (const report of snapshot.list(kind)) {
      if (isGoingAway(snapshot, report)) continue;
      const ref = refOf(kind, report);
      for (const group of groupsOf(report)) yield observationOf(report, ref, group);
    }
  }
}

function groupsOf({ results = [] }: Report): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const [index, result] of results.entries()) {
    const verdict = (result.result ?? "").toLowerCase();
    const rule = verdict === "error" ? "policy-not-evaluated" : "policy-violated";
    if (verdict !== "error" && verdict !== "fail" && verdict !== "warn") continue;
    const { policy = "" } = result;
    const severity = (result.severity ?? "").toLowerCase();
    const key = [rule, policy, severity].join("\n");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { rule, policy, severity, results: [{ index, result }] });
    else group.results.push({ index, result });
  }
  return [...groups.values()];
}

/** The severities of the API, in words. */
const rated: Readonly<Record<string, string>> = {
  critical: "rated critical",
  high: "rated high",
  medium: "rated medium",
  low: "rated low",
  info: "rated as information",
};

function observationOf(report: Report, ref: ObjectRef, { rule, policy, severity, results }: Group): Said {
  const resources = resourcesOf(
    report,
    results.map(({ result }) => result),
  );
  const shown = results.slice(0, 2);
  const evidence: Evidence[] = [
    field(ref, `results[${shown[0]?.index ?? 0}].policy`, policy),
    ...(resources.length > 0 ? [fact(ref, "objects", namesOf(resources))] : []),
    ...shown.flatMap(({ index, result }) => [
      ...(result.rule === undefined || result.rule === "" ? [] : [field(ref, `results[${index}].rule`, result.rule)]),
      ...(result.message === undefined || result.message === ""
        ? []
        : [field(ref, `results[${index}].message`, result.message)]),
    ]),
    ...(severity === "" ? [] : [field(ref, `results[${shown[0]?.index ?? 0}].severity`, severity)]),
    ...(results.length > shown.length ? [fact(ref, "results of this policy", results.length)] : []),
  ];
  const reports = `${ref.kind.toLowerCase()}s.${ref.kind.endsWith("PolicyReport") ? "wgpolicyk8s.io" : "openreports.io"}`;
  return {
    rule,
    object: ref,
    ...(Object.hasOwn(rated, severity) && { because: rated[severity] ?? "" }),
    discriminator: policy,
    related: resources.slice(0, 20),
    evidence: evidence.slice(0, 8),
    params: ref.namespace === undefined ? { clusterReports: reports } : { reports },
  };
}

/** The objects that the results are about: their own, else the report's scope. */
function resourcesOf({ scope, metadata }: Report, results: readonly Result[]): readonly ObjectRef[] {
  const found = new Map<string, ObjectRef>();
  for (const { resources } of results) {
    for (const { kind, namespace, name } of resources?.length ? resources : [scope ?? {}]) {
      if (kind === undefined || name === undefined || name === "") continue;
      // A report in a namespace is about objects there, and engines leave it out then.
      const ref = namedRef(kind, namespace ?? metadata?.namespace, name);
      found.set(keyOf(ref), ref);
    }
  }
  return [...found.values()].sort((a, b) => compareText(keyOf(a), keyOf(b)));
}

function namesOf(resources: readonly ObjectRef[]): readonly string[] {
  const shown = resources.slice(0, 10).map((ref) => `${ref.kind} ${qualifiedName(ref)}`);
  return resources.length > 10 ? [...shown, `and ${resources.length - 10} more`] : shown;
}
