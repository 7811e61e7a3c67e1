import { type Evidence, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import type { Severity } from "../findings/severity.ts";
import { type CustomCondition, type CustomResource, refOfCustom, switches } from "../kube/custom-resources.ts";
import { hasSettled, isGoingAway } from "../kube/guards.ts";
import {
  isBadPhase,
  isCriticalKind,
  isIgnored,
  isProgressReason,
  isRecordKind,
  polarityOf,
  restAnnotationsOf,
} from "../kube/messages/conditions.ts";
import type { ObjectRef } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs, parseTime } from "../kube/time.ts";
import type { Json } from "../kube/wire.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

/** How long a state must have lasted; longer where the reason says that the controller is still at work. */
const graceMs = 10 * minuteMs;
const progressMs = 30 * minuteMs;

const describe = ["kubectl -n {namespace} describe {resource} {name}", "kubectl describe {clusterResource} {name}"];
const source = "concepts/extend-kubernetes/api-extension/custom-resources/";
const silent = [
  "less than 10 minutes, or less than 30 while the reason names progress",
  "conditions whose meaning is not known (info, once per type)",
  "suspended or paused",
  "the status, or the condition, still tells of an older spec",
  "a condition that is Unknown, or that calls itself informational",
  "kinds that are records of other tools, one object per Pod or node, or have an analyzer of their own",
  "kinds with more than 2,000 objects",
];

export const customResource: Analyzer = defineAnalyzer({
  name: "CustomResource",
  core: false,
  needs: [],
  uses: ["CustomResourceDefinition", "Namespace"],
  customResources: true,
  rules: {
    "custom-resource-not-ready": {
      severity: ["critical", "warning", "info"],
      depth: 7,
      message: "The controller of a custom resource reports that it is not well",
      why: "Trouble that no built-in rule understands yet",
      fix: "Read the condition's message, which its controller wrote, and look at the controller's log if it does not say enough",
      source,
      commands: describe,
      silent: [...silent, "a run that ended badly, such as a backup or a workflow (info)"],
    },
    "external-secret-not-ready": {
      severity: "warning",
      depth: 4,
      message: "A Secret cannot be made from the external store that holds its values",
      why: "Pods that name the Secret cannot start, now or at the next restart; those that run keep old values",
      fix: "Look at the SecretStore that it names, at the credentials of that store, and whether the entry exists there",
      source: "concepts/configuration/secret/#alternatives-to-secrets",
      commands: describe,
      silent,
    },
    "custom-resource-condition-unknown": {
      severity: "info",
      depth: 7,
      message: "A condition of a custom resource may tell of a fault, but what it means is not known",
      why: "Its type is none of those that controllers commonly use",
      fix: "Look up the condition in the documentation of the kind's controller",
      source,
      commands: describe,
      silent: ["less than 10 minutes", "the same type of condition of the same kind was shown already"],
    },
  },
  *check(snapshot) {
    const told = new Set<string>();
    for (const entry of snapshot.customResources()) {
      const { group, kind, object } = entry;
      if (isRecordKind(group, kind) || isGoingAway(snapshot, object) || isAtRest(entry) || isStale(entry)) continue;
      const ref = refOfCustom(entry);
      const fault = conditionFault(snapshot, entry, ref) ?? phaseFault(snapshot, entry, ref);
      if (fault !== undefined) yield { ...fault, params: paramsOf(entry) };
      else yield* notUnderstood(snapshot, entry, ref, told);
    }
  },
});

type Rule = "custom-resource-not-ready" | "external-secret-not-ready" | "custom-resource-condition-unknown";

function isAtRest({ group, kind, object }: CustomResource): boolean {
  const { spec, metadata, status } = object;
  if (switches.some((name) => spec?.[name] === true)) return true;
  const annotations = metadata?.annotations ?? {};
  if (restAnnotationsOf(group, kind).some((name) => annotations[name] === "true")) return true;
  return (status?.conditions ?? []).some(
    ({ type, status }) => ["Paused", "Suspended"].includes(textOf(type)) && status === "True",
  );
}

function isStale({ object: { metadata, status } }: CustomResource): boolean {
  return isOlder(status?.observedGeneration, metadata?.generation);
}

function isOlder(observed: Json | undefined, generation: number | undefined): boolean {
  return typeof observed === "number" && generation !== undefined && observed < generation;
}

/** A condition with its words, when it has a type and a state. */
interface Told {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly since: number | undefined;
}

function toldBy(condition: CustomCondition, generation: number | undefined): Told | undefined {
  const { type, status, reason, message, severity, lastTransitionTime, observedGeneration } = condition;
  if (typeof type !== "string" || typeof status !== "string" || isOlder(observedGeneration, generation))
    return undefined;
  // Knative and Cluster API mark conditions that are only informational.
  if (severity === "Info") return undefined;
  const since = parseTime(textOf(lastTransitionTime));
  return { type, status, reason: textOf(reason), message: textOf(message), since };
}

function toldConditions({ object: { metadata, status } }: CustomResource): readonly Told[] {
  return (status?.conditions ?? []).flatMap((condition) => toldBy(condition, metadata?.generation) ?? []);
}

/** The most telling first. */
const order = ["Ready", "Available", "Healthy", "Degraded", "Failed", "Stalled", "Reconciled", "Synced"];

function conditionFault(snapshot: Snapshot, entry: CustomResource, ref: ObjectRef): Observation<Rule> | undefined {
  const { group, kind, object } = entry;
  const conditions = toldConditions(entry);
  const bad = conditions
    .filter(({ type, status }) => {
      const polarity = polarityOf(group, kind, type);
      return polarity === "bad-when-false" ? status === "False" : polarity === "bad-when-true" && status === "True";
    })
    .filter(({ reason, since }) => hasSettled(snapshot, object, isProgressReason(reason) ? progressMs : graceMs, since))
    .sort((a, b) => placeOf(a.type) - placeOf(b.type));
  const [first, ...others] = bad;
  if (first === undefined) return undefined;
  return {
    rule: ruleOf(entry),
    object: ref,
    ...severityOf(entry, isWell(conditions)),
    because: inWords[first.type] ?? "a condition of its own kind says so",
    evidence: [
      ...conditionEvidence(ref, first),
      ...others.slice(0, 2).flatMap((other) => conditionEvidence(ref, other)),
    ].slice(0, 8),
    ...(first.since !== undefined && { since: first.since }),
  };
}

function placeOf(type: string): number {
  const place = order.indexOf(type);
  return place < 0 ? order.length : place;
}

const inWords: Readonly<Record<string, string>> = {
  Ready: "it is not ready",
  Available: "it is not available",
  Healthy: "it is not healthy",
  Synced: "it does not match what was asked for",
  Reconciled: "it does not match what was asked for",
  Succeeded: "it did not succeed",
  Established: "it is not established",
  Failed: "it failed",
  Degraded: "it is degraded",
  Stalled: "its controller has given up",
  ReconcileError: "its controller meets an error",
};

function conditionEvidence(ref: ObjectRef, { type, status, reason, message }: Told): readonly Evidence[] {
  const path = `status.conditions[${type}]`;
  return [
    field(ref, `${path}.status`, status),
    ...(reason === "" ? [] : [field(ref, `${path}.reason`, reason)]),
    ...(message === "" ? [] : [field(ref, `${path}.message`, message)]),
  ];
}

/** Whether the object as a whole says that it works, whatever else is wrong with it. */
function isWell(conditions: readonly Told[]): boolean {
  return conditions.some(({ type, status }) => ["Ready", "Available", "Healthy"].includes(type) && status === "True");
}

/** Objects that stand for one run of something: that it failed is history, as with a Job's Pod. */
const runs =
  /(?:Run|Job|Task|Backup|Restore|Request|Execution|Workflow|Operation|Build|Test|Import|Export|Migration|Snapshot|Scan)$/;

function ruleOf({ group, kind }: CustomResource): Rule {
  return group === "external-secrets.io" && ["ExternalSecret", "ClusterExternalSecret"].includes(kind)
    ? "external-secret-not-ready"
    : "custom-resource-not-ready";
}

function severityOf(entry: CustomResource, isUp: boolean): { readonly severity?: Severity } {
  if (ruleOf(entry) !== "custom-resource-not-ready") return {};
  if (runs.test(entry.kind)) return { severity: "info" };
  return { severity: isCriticalKind(entry.group, entry.kind) && !isUp ? "critical" : "warning" };
}

function phaseFault(snapshot: Snapshot, entry: CustomResource, ref: ObjectRef): Observation<Rule> | undefined {
  const { status } = entry.object;
  // An object that has a verdict of its own has said it; the phase then is a detail.
  if (status === undefined || isWell(toldConditions(entry))) return undefined;
  const since = parseTime(textOf(status.health?.lastTransitionTime));
  const words: readonly [path: string, value: Json | undefined][] = [
    ["status.health.status", status.health?.status],
    ["status.phase", status.phase],
    ["status.state", status.state],
  ];
  const found = words.find(([, value]) => isBadPhase(textOf(value)));
  if (found === undefined || !hasSettled(snapshot, entry.object, graceMs, since)) return undefined;
  const [path, value] = found;
  const more: readonly [path: string, value: Json | undefined][] = [
    ["status.health.message", status.health?.message],
    ["status.reason", status.reason],
    ["status.message", status.message],
  ];
  return {
    rule: ruleOf(entry),
    object: ref,
    ...severityOf(entry, false),
    because: phaseInWords[textOf(value).toLowerCase()] ?? "its phase says so",
    evidence: [
      field(ref, path, value),
      ...more.flatMap(([name, text]) => (textOf(text) === "" ? [] : [field(ref, name, text)])),
    ],
    ...(path === "status.health.status" && since !== undefined && { since }),
  };
}

const phaseInWords: Readonly<Record<string, string>> = {
  failed: "it failed",
  error: "it failed",
  degraded: "it is degraded",
  lost: "it is lost",
};

/** Conditions that look like a fault and are not known, once per kind and type. */
function* notUnderstood(
  snapshot: Snapshot,
  entry: CustomResource,
  ref: ObjectRef,
  told: Set<string>,
): Iterable<Observation<Rule>> {
  const { group, kind, object } = entry;
  const conditions = toldConditions(entry);
  if (isWell(conditions)) return;
  for (const condition of conditions) {
    const { type, status, message, since } = condition;
    if (polarityOf(group, kind, type) !== undefined || isIgnored(group, kind, type)) continue;
    const isDoubtful = /fail|error|unhealthy|invalid|conflict/i.test(type)
      ? status === "True"
      : status === "False" && message !== "";
    const key = `${group}/${kind}/${type}`;
    if (!isDoubtful || told.has(key) || !hasSettled(snapshot, object, graceMs, since)) continue;
    told.add(key);
    yield {
      rule: "custom-resource-condition-unknown",
      object: ref,
      discriminator: type,
      evidence: conditionEvidence(ref, condition),
      params: paramsOf(entry),
      ...(since !== undefined && { since }),
    };
  }
}

/** The resource as `kubectl` takes it. */
function paramsOf({ plural, kind, group, object }: CustomResource): Readonly<Record<string, string>> {
  const resource = `${plural ?? kind.toLowerCase()}.${group}`;
  return object.metadata?.namespace === undefined ? { clusterResource: resource } : { resource };
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
