/**
 * The question about ConfigMaps that matters: which workload names one, or an entry of one, that is not there. Whether one
 * is unused is a matter of tidiness and only told on request.
 */
import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { conditionOf, graceMs, hasSettled, isFinished, isGoingAway, isNamespaceGoingAway } from "../kube/guards.ts";
import type { KindName, KubeObject } from "../kube/kinds.ts";
import { keyOf, namedRef, type ObjectRef, qualifiedName, refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot, type Reference, referencesOf, templatedWorkloads, topOwnerOf } from "../kube/relations.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { hourMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { podsNotWell } from "./rules/pod-containers.ts";

type ConfigMap = KubeObject<"ConfigMap">;

const workloadKinds: readonly KindName[] = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"];

export const configMap: Analyzer = defineAnalyzer({
  name: "ConfigMap",
  needs: ["ConfigMap"],
  uses: ["Pod", ...workloadKinds],
  rules: {
    "configmap-missing": {
      severity: ["critical", "warning", "info"],
      depth: 4,
      message: "A ConfigMap that workloads name does not exist",
      why: "Pods cannot start, now or at the next restart",
      fix: "Create the ConfigMap, name one that exists, or mark the reference as optional",
      source: "concepts/configuration/configmap/",
      commands: ["kubectl -n {namespace} get configmap", "kubectl -n {namespace} describe {workload_kind} {workload}"],
      silent: [
        "optional references",
        "Pods that have ended, and Jobs that are done",
        "whoever names it is younger than 60 seconds or being deleted",
        "ConfigMaps that the cluster puts into every namespace",
        "ConfigMaps of the namespace could not all be read",
      ],
    },
    "configmap-key-missing": {
      severity: ["critical", "warning", "info"],
      depth: 4,
      message: "A ConfigMap lacks an entry that workloads name",
      why: "Pods cannot start, now or at the next restart",
      fix: "Add the entry, name one that exists, or mark the reference as optional",
      source: "concepts/configuration/configmap/",
      commands: [
        "kubectl -n {namespace} describe configmap {name}",
        "kubectl -n {namespace} describe {workload_kind} {workload}",
      ],
      silent: ["optional references", "the names of the entries are not known"],
    },
    "configmap-unused": {
      severity: "risk",
      depth: 4,
      message: "No Pod and no workload of the namespace names the ConfigMap",
      why: "It may be a leftover; what is read through the API cannot be seen from here",
      fix: "Check who reads it, and remove it if nobody does",
      source: "concepts/configuration/configmap/",
      commands: ["kubectl -n {namespace} get configmap {name} -o yaml"],
      silent: [
        "system namespaces, ConfigMaps with an owner, locks of leader elections",
        "named in the arguments of a container",
        "labels grafana_dashboard, grafana_datasource, prometheus_rule, fluentd_config, k8sgpt.ai/dynamically-loaded=true",
        "annotation k8sgpt.ai/skip-usage-check=true",
        "younger than an hour",
        "Pods or workloads could not all be read",
      ],
    },
    "configmap-empty": {
      severity: "risk",
      depth: 4,
      message: "The ConfigMap has no entries",
      why: "What reads it finds nothing",
      fix: "Fill it or remove it",
      source: "concepts/configuration/configmap/",
      commands: ["kubectl -n {namespace} get configmap {name} -o yaml"],
      silent: ["the same as for unused ones", "the names of the entries are not known"],
    },
  },
  *check(snapshot) {
    for (const wanted of wantedConfigMaps(snapshot).values()) yield* judge(snapshot, wanted);
    for (const object of snapshot.list("ConfigMap")) yield* posture(snapshot, object);
  },
});

type Said = Iterable<
  Observation<"configmap-missing" | "configmap-key-missing" | "configmap-unused" | "configmap-empty">
>;

/** One place that names a ConfigMap. */
interface Use {
  readonly by: ObjectRef;
  /** Field path in `by`. */
  readonly path: string;
  readonly key?: string;
  /** How much it matters if it is missing: a Pod waits for it now, a Pod would at its next start, nobody does now. */
  readonly state: "blocked" | "latent" | "asleep";
  /** The workload to look at, and since when a Pod waits. */
  readonly owner: ObjectRef;
  readonly since?: number;
}

interface Wanted {
  readonly ref: ObjectRef;
  readonly uses: Use[];
}

/** ConfigMaps that controllers put into every namespace. */
const injected: ReadonlySet<string> = new Set(["kube-root-ca.crt", "openshift-service-ca.crt"]);

/** Every ConfigMap that Pods and templates cannot do without, and who says so. */
function wantedConfigMaps(snapshot: Snapshot): ReadonlyMap<string, Wanted> {
  const byKey = new Map<string, Wanted>();
  const add = (namespace: string, reference: Reference, use: Use): void => {
    const ref = namedRef("ConfigMap", namespace, reference.name);
    const wanted = byKey.get(keyOf(ref)) ?? { ref, uses: [] };
    byKey.set(keyOf(ref), wanted);
    wanted.uses.push(use);
  };
  for (const { object, ref, spec, path, wanted, kind } of templatedWorkloads(snapshot)) {
    if (isGoingAway(snapshot, object) || !hasSettled(snapshot, object, graceMs.pod)) continue;
    if (kind === "Job" && isDone(snapshot.get("Job", ref.namespace, ref.name))) continue;
    for (const reference of required(spec)) {
      add(ref.namespace ?? "", reference, {
        by: ref,
        path: `${path}.${reference.path}`,
        ...(reference.key !== undefined && { key: reference.key }),
        state: wanted > 0 ? "latent" : "asleep",
        owner: ref,
      });
    }
  }
  const templated = new Set(templatedWorkloads(snapshot).map(({ ref }) => keyOf(ref)));
  // Siblings share one reference to their owner: its key is made once.
  const byOwner = new Map<ObjectRef, boolean>();
  const hasTemplate = (owner: ObjectRef): boolean => {
    let has = byOwner.get(owner);
    if (has === undefined) byOwner.set(owner, (has = templated.has(keyOf(owner))));
    return has;
  };
  for (const pod of snapshot.list("Pod")) {
    const top = topOwnerOf(snapshot, pod);
    // A Pod that runs follows its template; one of an older revision is being replaced and starts no more.
    const isTemplated = top !== undefined && hasTemplate(top);
    if (isTemplated && !podsNotWell(snapshot).has(pod)) continue;
    if (isFinished(pod) || isGoingAway(snapshot, pod) || !hasSettled(snapshot, pod, graceMs.pod)) continue;
    const references = required(pod.spec);
    if (references.length === 0) continue;
    const by = refOf("Pod", pod);
    const owner = top ?? by;
    const scheduled = conditionOf(pod, "PodScheduled");
    const since = parseTime(scheduled?.lastTransitionTime);
    for (const reference of references) {
      const isWaiting = isBlockedAt(pod, reference);
      if (!isWaiting && isTemplated) continue;
      add(by.namespace ?? "", reference, {
        by,
        path: `spec.${reference.path}`,
        ...(reference.key !== undefined && { key: reference.key }),
        state: isWaiting ? "blocked" : "latent",
        owner,
        ...(isWaiting && since !== undefined && { since }),
      });
    }
  }
  return byKey;
}

function required(spec: Parameters<typeof referencesOf>[0]): readonly Reference[] {
  return referencesOf(spec).filter(
    ({ kind, optional, name }) => kind === "ConfigMap" && !optional && !injected.has(name),
  );
}

/** Whether the Pod is on a node and a container, or a volume, waits to be made. */
function isBlockedAt(pod: KubeObject<"Pod">, { container }: Reference): boolean {
  const { nodeName } = pod.spec ?? {};
  if (nodeName === undefined || nodeName === "") return false;
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  const statuses = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
  if (container === undefined) {
    // A volume: nothing of the Pod starts before all are mounted.
    return (
      pod.status?.phase === "Pending" && !statuses.some(({ state, lastState }) => hasRun(state) || hasRun(lastState))
    );
  }
  const status = statuses.find(({ name }) => name === container);
  const { reason } = status?.state?.waiting ?? {};
  if (reason === "CreateContainerConfigError") return true;
  if (reason === "PodInitializing") return false;
  return (
    pod.status?.phase === "Pending" &&
    (status === undefined || (status.state?.waiting !== undefined && !hasRun(status.lastState)))
  );
}

function hasRun(state: { readonly running?: unknown; readonly terminated?: unknown } | undefined): boolean {
  return state?.running !== undefined || state?.terminated !== undefined;
}

/** Whether a Job has ended for good. */
function isDone(job: KubeObject<"Job"> | undefined): boolean {
  return (job?.status?.conditions ?? []).some(
    ({ type, status }) => (type === "Complete" || type === "Failed") && status === "True",
  );
}

function* judge(snapshot: Snapshot, { ref, uses }: Wanted): Said {
  const { namespace = "", name } = ref;
  const object = snapshot.get("ConfigMap", namespace, name);
  if (object === undefined) {
    if (!snapshot.isComplete("ConfigMap", namespace) || isNamespaceGoingAway(snapshot, namespace)) return;
    const names = snapshot.inNamespace("ConfigMap", namespace).map(({ metadata }) => metadata?.name ?? "");
    const similar = similarNames(name, names);
    yield {
      rule: "configmap-missing",
      object: ref,
      ...summary(uses),
      evidence: [
        missing(ref),
        ...places(uses, name),
        ...(similar.length === 0 ? [] : [fact(ref, "similar names in the namespace", similar.join(", "))]),
      ],
    };
    return;
  }
  const { dataKeys } = object;
  if (dataKeys === undefined || isGoingAway(snapshot, object)) return;
  const named = uses.filter(({ key }) => key !== undefined && !dataKeys.includes(key));
  for (const [key = "", same] of Map.groupBy(named, (use) => use.key)) {
    const present = refOf("ConfigMap", object);
    const similar = similarNames(key, dataKeys);
    yield {
      rule: "configmap-key-missing",
      object: present,
      discriminator: key,
      ...summary(same),
      evidence: [
        fact(present, "missing entry", key),
        ...places(same, `${name}:${key}`),
        fact(present, "entries", dataKeys.length === 0 ? "none" : dataKeys.slice(0, 12).join(", ")),
        ...(similar.length === 0 ? [] : [fact(present, "similar entries", similar.join(", "))]),
      ],
    };
  }
}

/** What follows from who names it: severity, words, the objects that suffer. */
function summary(uses: readonly Use[]): Pick<Observation, "severity" | "because" | "related" | "since" | "params"> {
  const blocked = uses.filter(({ state }) => state === "blocked");
  const isAsleep = uses.every(({ state }) => state === "asleep");
  const related = new Map<string, ObjectRef>();
  for (const { owner, by, state } of uses) {
    related.set(keyOf(owner), owner);
    if (state === "blocked") related.set(keyOf(by), by);
  }
  const onsets = blocked.map(({ since }) => since).filter((since) => since !== undefined);
  const { owner } = blocked[0] ?? uses[0] ?? {};
  return {
    severity: blocked.length > 0 ? "critical" : isAsleep ? "info" : "warning",
    because:
      blocked.length > 0 ? "Pods wait for it" : isAsleep ? "only workloads at zero name it" : "the next start fails",
    related: [...related.values()],
    ...(onsets.length > 0 && { since: Math.min(...onsets) }),
    ...(owner !== undefined && { params: { workload_kind: owner.kind.toLowerCase(), workload: owner.name } }),
  };
}

/** Up to five places that name it: templates first, as that is where it is mended; Pods only where no template does. */
function places(uses: readonly Use[], value: string): readonly Evidence[] {
  const templates = uses.filter(({ by }) => by.kind !== "Pod");
  const told = new Set(templates.map(({ by }) => keyOf(by)));
  const others = uses.filter(({ by, owner }) => by.kind === "Pod" && !told.has(keyOf(owner)));
  const distinct = new Map([...templates, ...others].map((use) => [`${keyOf(use.by)} ${use.path}`, use]));
  return [...distinct.values()].slice(0, 5).map(({ by, path }) => field(by, path, value));
}

// ---- tidiness -------------------------------------------------------------------------------------------------------

/** Labels of ConfigMaps that sidecars and agents find by label and read through the API. */
const readByLabel = ["grafana_dashboard", "grafana_datasource", "prometheus_rule", "fluentd_config"];

function isExempt(snapshot: Snapshot, object: ConfigMap): boolean {
  const { name = "", namespace = "", labels = {}, annotations = {}, ownerReferences = [] } = object.metadata ?? {};
  return (
    injected.has(name) ||
    /^(kube|openshift)-/.test(namespace) ||
    ownerReferences.length > 0 ||
    readByLabel.some((label) => label in labels) ||
    labels["k8sgpt.ai/dynamically-loaded"] === "true" ||
    annotations["k8sgpt.ai/skip-usage-check"] === "true" ||
    "control-plane.alpha.kubernetes.io/leader" in annotations ||
    // Helm 2 kept its releases in ConfigMaps.
    labels["OWNER"] === "TILLER" ||
    isGoingAway(snapshot, object) ||
    !hasSettled(snapshot, object, hourMs)
  );
}

function* posture(snapshot: Snapshot, object: ConfigMap): Said {
  if (isExempt(snapshot, object)) return;
  const ref = refOf("ConfigMap", object);
  const { namespace = "" } = ref;
  if (object.dataKeys?.length === 0) {
    yield { rule: "configmap-empty", object: ref, evidence: [field(ref, "data", undefined)] };
  }
  if (["Pod" as const, ...workloadKinds].some((kind) => !snapshot.isComplete(kind, namespace))) return;
  const { named, words } = mentions(snapshot);
  if (named.has(qualifiedName(ref)) || words.has(ref.name)) return;
  yield {
    rule: "configmap-unused",
    object: ref,
    evidence: [fact(ref, "references in Pods and templates", 0)],
  };
}

/** The ConfigMaps that Pods and templates name, optional or not, and every word in the arguments of containers. */
const mentions = oncePerSnapshot((snapshot) => {
  const named = new Set<string>();
  const words = new Set<string>();
  const read = (namespace: string, spec: Parameters<typeof referencesOf>[0]): void => {
    for (const { kind, name } of referencesOf(spec)) {
      if (kind === "ConfigMap") named.add(qualifiedName(namedRef("ConfigMap", namespace, name)));
    }
    for (const { command = [], args = [] } of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
      // `--configmap=$(POD_NAMESPACE)/ingress-nginx-controller`
      for (const word of [...command, ...args]) for (const part of word.split(/[^a-z0-9.-]+/)) words.add(part);
    }
  };
  for (const pod of snapshot.list("Pod")) read(pod.metadata?.namespace ?? "", pod.spec);
  for (const { ref, spec } of templatedWorkloads(snapshot)) read(ref.namespace ?? "", spec);
  // Old revisions that can be rolled back to, and those of other controllers.
  for (const object of snapshot.list("ReplicaSet")) read(object.metadata?.namespace ?? "", object.spec?.template?.spec);
  return { named, words };
});
