import { type Evidence, eventEvidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, conditionOf, eventMaxAgeMs, graceMs, hasSettled, isGoingAway } from "../kube/guards.ts";
import { kindDefinition, type KindName, type KubeObject } from "../kube/kinds.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { dependentsOfKind } from "../kube/relations.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

type Scaled = KubeObject<"ScaledObject"> | KubeObject<"ScaledJob">;
type Trigger = NonNullable<NonNullable<Scaled["spec"]>["triggers"]>[number];

const describe = "kubectl -n {namespace} describe {resource} {name}";
/** KEDA makes a HorizontalPodAutoscaler of each ScaledObject; kubernetes.io names it there. */
const source = "tasks/run-application/horizontal-pod-autoscale/";

/** Kinds with a scale subresource that are read here: of any other only KEDA knows whether it exists. */
const scalableKinds = ["Deployment", "StatefulSet", "ReplicaSet"] as const satisfies readonly KindName[];

export const scaledObject: Analyzer = defineAnalyzer({
  name: "ScaledObject",
  core: false,
  needs: ["ScaledObject"],
  uses: [
    "ScaledJob",
    "TriggerAuthentication",
    "ClusterTriggerAuthentication",
    ...scalableKinds,
    "HorizontalPodAutoscaler",
    "LimitRange",
    "Secret",
    "ConfigMap",
    "Event",
  ],
  rules: {
    "keda-target-missing": {
      severity: "warning",
      depth: 4,
      message: "The ScaledObject names a workload that does not exist",
      why: "Load grows, replicas do not",
      fix: "Correct spec.scaleTargetRef, or remove the ScaledObject if its workload is gone for good",
      source,
      commands: ["kubectl -n {namespace} get {target}", describe],
      silent: [
        "younger than 60 seconds",
        "workloads of that kind could not all be read",
        "kinds that k8sgpt does not read",
      ],
    },
    "keda-authentication-missing": {
      severity: "warning",
      depth: 4,
      message: "A trigger names an authentication that does not exist",
      why: "KEDA cannot ask the trigger's source: load grows, replicas do not",
      fix: "Create the authentication, or correct the trigger's authenticationRef",
      source: "concepts/extend-kubernetes/api-extension/custom-resources/",
      commands: [
        "kubectl -n {namespace} get triggerauthentications.keda.sh",
        "kubectl get clustertriggerauthentications.keda.sh",
        describe,
      ],
      silent: ["younger than 60 seconds", "the authentications could not all be read"],
    },
    "keda-credentials-missing": {
      severity: "warning",
      depth: 4,
      message:
        "The authentication of a trigger takes its credentials from an object, or an entry of it, that does not exist",
      why: "KEDA cannot ask the trigger's source: load grows, replicas do not",
      fix: "Create the Secret or ConfigMap with that entry, or correct the authentication",
      source: "concepts/configuration/secret/",
      commands: ["kubectl -n {namespace} get secrets,configmaps", describe],
      silent: [
        "younger than 60 seconds",
        "Secrets or ConfigMaps could not all be read",
        "entries of Secrets, whose names are not read",
        "cluster-wide authentications, which look in KEDA's own namespace",
      ],
    },
    "keda-request-missing": {
      severity: "warning",
      depth: 4,
      message: "A trigger scales by a percentage of a request that a container does not make",
      why: "Without the request there is no percentage: load grows, replicas do not",
      fix: "Set the request in every container of the Pod, or scale by an average value or by the metric of one container",
      source: `${source}#support-for-resource-metrics`,
      commands: ["kubectl -n {namespace} get {target} -o yaml", describe],
      silent: [
        "triggers other than cpu and memory, and those with an average value",
        "a limit stands for the request, or the request is one of the whole Pod",
        "a LimitRange of the namespace may set it",
        "the autoscaler that KEDA made finds its metrics valid",
      ],
    },
    "keda-not-ready": {
      severity: "warning",
      depth: 5,
      message: "KEDA cannot scale",
      why: "Load grows, replicas do not",
      fix: "Mend what the condition's message names: the trigger's source, its address or credentials, or the target",
      source: "concepts/extend-kubernetes/api-extension/custom-resources/",
      commands: [describe, "kubectl -n {namespace} get hpa {hpa}"],
      silent: [
        "paused",
        "younger than 2 minutes",
        "the target, an authentication or its credentials are missing (rules of their own)",
      ],
    },
    "keda-fallback-active": {
      severity: "warning",
      depth: 7,
      message: "KEDA cannot read a trigger and runs the number of replicas that was set for that case",
      why: "Replicas no longer follow the load",
      fix: "Look at the events for why the trigger's source cannot be read",
      source,
      commands: [describe],
      silent: ["paused", "it is not ready (a rule of its own)"],
    },
    "keda-paused": {
      severity: "info",
      depth: 5,
      message: "Scaling by KEDA is paused",
      why: "Somebody may have forgotten to resume it",
      fix: "Remove the annotation that begins with autoscaling.keda.sh/paused when scaling is wanted again",
      source,
      commands: [describe],
    },
    "keda-trigger-failing": {
      severity: "info",
      depth: 7,
      message: "KEDA told of a failure in the last hour and counts as ready",
      why: "A source that fails now and then makes replicas follow the load late",
      fix: "Read the event; if it comes again, look at the source that the trigger asks",
      source: "reference/kubernetes-api/cluster-resources/event-v1/",
      commands: [describe],
      silent: ["events older than an hour", "it is not ready, or falls back (rules of their own)"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("ScaledObject")) yield* judged(snapshot, object, refOf("ScaledObject", object));
    for (const object of snapshot.list("ScaledJob")) yield* judged(snapshot, object, refOf("ScaledJob", object));
  },
});

type Rule =
  | "keda-target-missing"
  | "keda-authentication-missing"
  | "keda-credentials-missing"
  | "keda-request-missing"
  | "keda-not-ready"
  | "keda-fallback-active"
  | "keda-paused"
  | "keda-trigger-failing";
type Said = Iterable<Observation<Rule>>;

function* judged(snapshot: Snapshot, object: Scaled, ref: ObjectRef): Said {
  if (isGoingAway(snapshot, object) || !hasSettled(snapshot, object, graceMs.pod)) return;
  const target = targetOf(snapshot, object, ref);
  const params = {
    resource: `${ref.kind.toLowerCase()}s.keda.sh`,
    ...(target !== undefined && { target: target.words }),
    ...("status" in object &&
      object.status !== undefined &&
      "hpaName" in object.status && { hpa: object.status.hpaName ?? "" }),
  };
  const paused = pausedBy(object, ref);
  if (paused !== undefined) {
    yield { rule: "keda-paused", object: ref, evidence: [paused], params };
    return; // Nothing is scaled, and nothing is asked.
  }
  const broken = [...targetMissing(snapshot, ref, target), ...authenticationsMissing(snapshot, object, ref)];
  for (const observation of broken) yield { ...observation, params };
  for (const observation of requestsMissing(snapshot, object, ref, target)) yield { ...observation, params };
  // What is missing above is why KEDA is not ready: once is enough.
  if (broken.length > 0) return;
  for (const observation of conditions(snapshot, object, ref)) yield { ...observation, params };
}

/** Paused by annotation or by KEDA's own word (keda 2.21, apis/keda/v1alpha1/scaledobject_types.go). */
function pausedBy({ metadata, status }: Scaled, ref: ObjectRef): Evidence | undefined {
  const { annotations = {} } = metadata ?? {};
  for (const name of ["autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"]) {
    const value = annotations[name];
    if (value !== undefined && value !== "false") return field(ref, `metadata.annotations[${name}]`, value);
  }
  const condition = conditionOf({ status: status ?? {} }, "Paused");
  return condition?.status === "True" ? field(ref, "status.conditions[Paused].status", "True") : undefined;
}

/** What a ScaledObject scales. */
interface Target {
  readonly ref: ObjectRef;
  /** As `kubectl` takes it, `deployment/web`. */
  readonly words: string;
  /** Whether its kind is read. */
  readonly kind: (typeof scalableKinds)[number] | undefined;
}

function targetOf(snapshot: Snapshot, { spec }: Scaled, { namespace }: ObjectRef): Target | undefined {
  const {
    apiVersion,
    kind = "Deployment",
    name,
  } = spec !== undefined && "scaleTargetRef" in spec ? (spec.scaleTargetRef ?? {}) : {};
  if (name === undefined || name === "") return undefined;
  // The group decides what is meant: `Deployment` of another group is another kind. Absent, it is apps/v1.
  const group = apiVersion === undefined || apiVersion === "" ? "apps" : apiVersion.split("/")[0];
  const known = scalableKinds.find((scalable) => scalable === kind && kindDefinition(scalable).group === group);
  const object = known === undefined ? undefined : snapshot.get(known, namespace, name);
  const ref = object === undefined || known === undefined ? namedRef(kind, namespace, name) : refOf(known, object);
  return { ref, words: `${kind.toLowerCase()}/${name}`, kind: known };
}

function* targetMissing(snapshot: Snapshot, ref: ObjectRef, target: Target | undefined): Said {
  if (target?.kind === undefined || snapshot.find(target.ref) !== undefined) return;
  const { namespace = "" } = ref;
  if (!snapshot.isComplete(target.kind, namespace)) return;
  const names = snapshot.inNamespace(target.kind, namespace).map(({ metadata }) => metadata?.name ?? "");
  const similar = similarNames(target.ref.name, names);
  yield {
    rule: "keda-target-missing",
    object: ref,
    cause: target.ref,
    evidence: [
      field(ref, "spec.scaleTargetRef.name", target.ref.name),
      missing(target.ref),
      ...(similar.length > 0 ? [fact(ref, "similar names that exist", similar)] : []),
    ],
  };
}

function* authenticationsMissing(snapshot: Snapshot, { spec }: Scaled, ref: ObjectRef): Said {
  const seen = new Set<string>();
  for (const [index, { authenticationRef }] of (spec?.triggers ?? []).entries()) {
    const { name, kind = "TriggerAuthentication" } = authenticationRef ?? {};
    if (name === undefined || name === "" || seen.has(`${kind}/${name}`)) continue;
    if (kind !== "TriggerAuthentication" && kind !== "ClusterTriggerAuthentication") continue;
    seen.add(`${kind}/${name}`);
    const namespace = kind === "TriggerAuthentication" ? ref.namespace : undefined;
    const authentication = snapshot.get(kind, namespace, name);
    if (authentication === undefined) {
      if (!snapshot.isComplete(kind, namespace) || !snapshot.isServed(kind)) continue;
      const cause = namedRef(kind, namespace, name);
      yield {
        rule: "keda-authentication-missing",
        object: ref,
        cause,
        discriminator: name,
        evidence: [field(ref, `spec.triggers[${index}].authenticationRef.name`, name), missing(cause)],
      };
    } else if (kind === "TriggerAuthentication") {
      yield* credentialsMissing(snapshot, authentication, refOf(kind, authentication), ref);
    }
  }
}

/** Secrets and ConfigMaps that a TriggerAuthentication takes values from, in its own namespace. */
function* credentialsMissing(
  snapshot: Snapshot,
  { spec }: KubeObject<"TriggerAuthentication">,
  authentication: ObjectRef,
  ref: ObjectRef,
): Said {
  const { namespace } = ref;
  const said = new Set<string>();
  const places = [
    { kind: "Secret", path: "spec.secretTargetRef", entries: spec?.secretTargetRef ?? [] },
    { kind: "ConfigMap", path: "spec.configMapTargetRef", entries: spec?.configMapTargetRef ?? [] },
  ] as const;
  for (const { kind, path, entries } of places) {
    for (const [index, { name, key }] of entries.entries()) {
      if (name === undefined || name === "") continue;
      const held = snapshot.get(kind, namespace, name);
      const keys = kind === "ConfigMap" ? snapshot.get("ConfigMap", namespace, name)?.dataKeys : undefined;
      const lacksKey = held !== undefined && keys !== undefined && key !== undefined && !keys.includes(key);
      if ((held !== undefined && !lacksKey) || said.has(`${kind}/${name}/${lacksKey ? key : ""}`)) continue;
      if (held === undefined && !snapshot.isComplete(kind, namespace)) continue;
      said.add(`${kind}/${name}/${lacksKey ? key : ""}`);
      const cause = held === undefined ? namedRef(kind, namespace, name) : refOf(kind, held);
      yield {
        rule: "keda-credentials-missing",
        object: ref,
        because: lacksKey
          ? "the ConfigMap has no such entry"
          : kind === "Secret"
            ? "the Secret does not exist"
            : "the ConfigMap does not exist",
        cause,
        related: [authentication],
        discriminator: lacksKey ? `${name}/${key}` : name,
        evidence: [
          field(authentication, `${path}[${index}].name`, name),
          ...(lacksKey
            ? [
                field(authentication, `${path}[${index}].key`, key),
                fact(cause, "entries that it has", keys.slice(0, 10)),
              ]
            : [missing(cause)]),
        ],
      };
    }
  }
}

/** cpu and memory triggers by percentage, of whose containers one has no request (keda 2.21, pkg/scalers/cpu_memory_scaler.go). */
function* requestsMissing(
  snapshot: Snapshot,
  { spec, metadata }: Scaled,
  ref: ObjectRef,
  target: Target | undefined,
): Said {
  if (target?.kind === undefined) return;
  const workload = snapshot.get(target.kind, ref.namespace, target.ref.name);
  const pod = workload?.spec?.template?.spec;
  if (pod === undefined) return;
  const autoscalers = dependentsOfKind(snapshot, metadata?.uid, "HorizontalPodAutoscaler");
  if (autoscalers.some((autoscaler) => conditionOf(autoscaler, "ScalingActive")?.status === "True")) return;
  // A LimitRange may set the request when Pods are made; what it holds is not read.
  const { namespace = "" } = ref;
  if (!snapshot.isComplete("LimitRange", namespace) || snapshot.inNamespace("LimitRange", namespace).length > 0) return;
  const said = new Set<string>();
  for (const trigger of spec?.triggers ?? []) {
    const resource = percentageResource(trigger);
    if (resource === undefined || said.has(resource)) continue;
    const only = trigger.metadata?.containerName;
    if (only === undefined && (pod.resources?.requests?.[resource] ?? pod.resources?.limits?.[resource]) !== undefined)
      continue;
    const lacking = (pod.containers ?? []).filter(
      ({ name, resources }) =>
        (only === undefined || only === name) &&
        resources?.requests?.[resource] === undefined &&
        resources?.limits?.[resource] === undefined,
    );
    if (lacking.length === 0) continue;
    said.add(resource);
    yield {
      rule: "keda-request-missing",
      object: ref,
      because: resource === "cpu" ? "CPU" : "memory",
      discriminator: resource,
      related: [target.ref],
      evidence: [
        ...lacking
          .slice(0, 4)
          .map(({ name = "" }) =>
            field(target.ref, `spec.template.spec.containers[${name}].resources.requests.${resource}`, undefined),
          ),
        fact(ref, "triggers", (spec?.triggers ?? []).map(({ type = "" }) => type).slice(0, 8)),
      ],
    };
  }
}

/** The resource of which a trigger wants a percentage. `metadata.type` is the form of KEDA before 2.18. */
function percentageResource({ type, metricType, metadata }: Trigger): "cpu" | "memory" | undefined {
  const kind = metricType === undefined || metricType === "" ? (metadata?.type ?? "Utilization") : metricType;
  return kind === "Utilization" && (type === "cpu" || type === "memory") ? type : undefined;
}

/** How a Ready condition that is not True came about (keda 2.21, pkg/scaling/executor and controllers/keda). */
const readyReasons: Readonly<Record<string, string>> = {
  ScaledObjectCheckFailed: "its definition, its target or a trigger is not accepted",
  ScaledJobCheckFailed: "its definition or a trigger is not accepted",
  TriggerError: "none of its triggers can be read",
  PartialTriggerError: "some of its triggers cannot be read",
  ErrorGettingCurrentReplicas: "the replicas of its target cannot be read",
  ErrorScalingTarget: "its target refuses to be scaled",
  KEDAJobCreateFailed: "its Jobs cannot be made",
};

function* conditions(snapshot: Snapshot, object: Scaled, ref: ObjectRef): Said {
  const held = { status: object.status ?? {} };
  const ready = conditionOf(held, "Ready");
  const events = snapshot
    .eventsOf(ref)
    .filter(({ type, lastSeen }) => type === "Warning" && (ageOf(snapshot, lastSeen) ?? Infinity) <= eventMaxAgeMs);
  const told = events.slice(0, 3).map(eventEvidence);
  const reason = ready?.reason ?? "";
  const isPartial = ready?.status === "Unknown" && reason === "PartialTriggerError";
  if (ready?.status === "False" || isPartial) {
    // KEDA's conditions do not say since when: what is new may pass.
    if (!hasSettled(snapshot, object, graceMs.workload)) return;
    const onset = events.map(({ firstSeen }) => firstSeen).filter((time) => time !== undefined);
    yield {
      rule: "keda-not-ready",
      object: ref,
      ...(Object.hasOwn(readyReasons, reason) && { because: readyReasons[reason] ?? "" }),
      evidence: [
        field(ref, "status.conditions[Ready].status", ready.status),
        field(ref, "status.conditions[Ready].reason", reason),
        field(ref, "status.conditions[Ready].message", ready.message),
        ...told,
      ],
      ...(onset.length > 0 && { since: Math.min(...onset) }),
    };
    return;
  }
  const fallback = conditionOf(held, "Fallback");
  if (fallback?.status === "True") {
    yield {
      rule: "keda-fallback-active",
      object: ref,
      evidence: [
        field(ref, "status.conditions[Fallback].status", "True"),
        field(ref, "status.conditions[Fallback].message", fallback.message),
        ...told,
      ],
    };
    return;
  }
  const [newest] = events;
  if (newest !== undefined)
    yield { rule: "keda-trigger-failing", object: ref, evidence: told, ...recent(newest.firstSeen) };
}

function recent(since: number | undefined): { readonly since?: number } {
  return since === undefined ? {} : { since };
}
