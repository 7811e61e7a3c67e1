/**
 * Objects that Pods and Pod templates name and that do not exist. The finding is about the missing object, with those who
 * name it as `related`: however many they are, creating it once mends all of them. ConfigMaps have their own analyzer and
 * pull secrets their own rule, because a Pod may do without those.
 */
import { eventEvidence, type Evidence, fact, field, missing } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import type { Severity } from "../../findings/severity.ts";
import { conditionOf, graceMs, hasSettled, isFinished, isGoingAway, isNamespaceGoingAway } from "../../kube/guards.ts";
import { isKindName, type KindName, type KubeObject, type PodSpec } from "../../kube/kinds.ts";
import { configErrorCause } from "../../kube/messages/container-create.ts";
import { keyNamed, mountCause, volumeNamed } from "../../kube/messages/mount.ts";
import { compareRefs, keyOf, namedRef, type ObjectRef, refOf } from "../../kube/object-ref.ts";
import {
  controllerOf,
  oncePerSnapshot,
  podsOwnedBy,
  type Reference,
  referencesOf,
  templatedWorkloads,
  topOwnerOf,
} from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { minuteMs, parseTime } from "../../kube/time.ts";
import { currentEvents, isStatic, type Pod, podsNotWell } from "./pod-containers.ts";

export type ReferenceRule =
  | "secret-missing"
  | "secret-key-missing"
  | "serviceaccount-missing"
  | "pvc-missing"
  | "priorityclass-missing"
  | "runtimeclass-missing";

const why = "Pods that name it cannot start, now or at the next restart";
const silent: readonly string[] = [
  "the list of that kind could not be read whole",
  "the reference is optional",
  "the namespace is being deleted",
  "whoever names it is younger than 60 s",
  "only finished Pods and Jobs name it",
];

export const referenceRules: Readonly<Record<ReferenceRule, Rule>> = {
  "secret-missing": {
    severity: ["critical", "warning", "info"],
    depth: 4,
    message: "A Secret that Pods name does not exist",
    why,
    fix: "Create the Secret, or correct the name where it is named",
    source: "concepts/configuration/secret/",
    commands: ["kubectl -n {namespace} get secrets", "kubectl -n {namespace} describe pod {pod}"],
    silent: [...silent, "pull secrets (a rule of their own)", "tokens of ServiceAccounts that the API makes"],
  },
  "secret-key-missing": {
    severity: "critical",
    depth: 4,
    message: "A Secret lacks an entry that Pods name",
    why,
    fix: "Add the entry to the Secret, or correct the key where it is named",
    source: "concepts/configuration/secret/",
    commands: ["kubectl -n {namespace} describe secret {name}", "kubectl -n {namespace} describe pod {pod}"],
    silent: ["the kubelet has not said so: values and keys of Secrets are not read", "the reference is optional"],
  },
  "serviceaccount-missing": {
    severity: ["critical", "warning", "info"],
    depth: 4,
    message: "A ServiceAccount that workloads name does not exist",
    why: "New Pods of these workloads are refused",
    fix: "Create the ServiceAccount, or correct serviceAccountName",
    source: "concepts/security/service-accounts/",
    commands: ["kubectl -n {namespace} get serviceaccounts"],
    silent,
  },
  "pvc-missing": {
    severity: ["critical", "warning", "info"],
    depth: 4,
    message: "A PersistentVolumeClaim that Pods name does not exist",
    why,
    fix: "Create the claim, or correct claimName",
    source: "concepts/storage/persistent-volumes/#claims-as-volumes",
    commands: ["kubectl -n {namespace} get persistentvolumeclaims", "kubectl -n {namespace} describe pod {pod}"],
    silent: [...silent, "a StatefulSet or an ephemeral volume creates it a moment later (2 min)"],
  },
  "priorityclass-missing": {
    severity: ["critical", "warning", "info"],
    depth: 4,
    message: "A PriorityClass that workloads name does not exist",
    why: "New Pods of these workloads are refused",
    fix: "Create the PriorityClass, or correct priorityClassName",
    source: "concepts/scheduling-eviction/pod-priority-preemption/",
    commands: ["kubectl get priorityclasses"],
    silent: [...silent, "the classes of the system, which always exist"],
  },
  "runtimeclass-missing": {
    severity: ["critical", "warning", "info"],
    depth: 4,
    message: "A RuntimeClass that workloads name does not exist",
    why: "New Pods of these workloads are refused",
    fix: "Create the RuntimeClass, or correct runtimeClassName",
    source: "concepts/containers/runtime-class/",
    commands: ["kubectl get runtimeclasses"],
    silent,
  },
};

type ReferredKind = Exclude<Reference["kind"], "ConfigMap">;

const ruleOf: Readonly<Record<ReferredKind, ReferenceRule>> = {
  Secret: "secret-missing",
  ServiceAccount: "serviceaccount-missing",
  PersistentVolumeClaim: "pvc-missing",
  PriorityClass: "priorityclass-missing",
  RuntimeClass: "runtimeclass-missing",
};

const clusterScoped: ReadonlySet<string> = new Set(["PriorityClass", "RuntimeClass"]);

/** One who names the missing object. */
interface Referrer {
  readonly ref: ObjectRef;
  readonly path: string;
  /** Why it hurts: a Pod waits for it; Pods run without it until they restart; nothing wants it now. */
  readonly state: "blocked" | "latent" | "unused";
  /** The Pods that wait for it. */
  readonly blocked: readonly ObjectRef[];
  readonly since?: number;
}

/** Every missing object that Pods or templates name, once each. */
export function* referenceObservations(snapshot: Snapshot): Iterable<Observation<ReferenceRule>> {
  const found = new Map<
    string,
    { readonly wanted: ObjectRef; readonly kind: ReferredKind; readonly referrers: Referrer[] }
  >();
  const note = (namespace: string | undefined, reference: Reference, referrer: Referrer): void => {
    if (reference.kind === "ConfigMap") return;
    const wanted = namedRef(reference.kind, clusterScoped.has(reference.kind) ? undefined : namespace, reference.name);
    const key = keyOf(wanted);
    const entry = found.get(key) ?? { wanted, kind: reference.kind, referrers: [] };
    entry.referrers.push(referrer);
    found.set(key, entry);
  };

  for (const { kind, object, ref, path, spec, wanted } of templatedWorkloads(snapshot)) {
    if (isGoingAway(snapshot, object) || !hasSettled(snapshot, object, graceMs.pod)) continue;
    if (kind === "Job" && isOver(snapshot.get("Job", ref.namespace, ref.name))) continue;
    const lacking = lackingOf(snapshot, ref.namespace, spec);
    if (lacking.length === 0) continue;
    const pods = podsOwnedBy(snapshot, object.metadata?.uid).filter(
      (pod) => !isFinished(pod) && !isGoingAway(snapshot, pod),
    );
    for (const reference of lacking) {
      const blocked = pods.filter((pod) => isBlockedBy(snapshot, pod, reference));
      // A class or an account that does not exist keeps Pods from being made at all.
      const isRefused = refusedAtCreation.has(reference.kind) && wanted > 0 && pods.length === 0 && kind !== "CronJob";
      const state = blocked.length > 0 || isRefused ? "blocked" : wanted > 0 || pods.length > 0 ? "latent" : "unused";
      note(ref.namespace, reference, referrer(ref, `${path}.${reference.path}`, state, blocked));
    }
  }
  for (const pod of snapshot.list("Pod")) {
    // A Pod of a workload is spoken for by its template, but for the claims that only the Pod names.
    const { namespace } = pod.metadata ?? {};
    const lacking = lackingOf(snapshot, namespace, pod.spec);
    if (lacking.length === 0 || isFinished(pod) || isGoingAway(snapshot, pod) || isStatic(pod)) continue;
    const grace = controllerOf(pod)?.kind === "StatefulSet" ? 2 * minuteMs : graceMs.pod;
    if (!hasSettled(snapshot, pod, grace)) continue;
    for (const reference of lacking) {
      if (isSpokenFor(snapshot, pod, reference)) continue;
      if (refusedAtCreation.has(reference.kind)) continue;
      const isBlocked = isBlockedBy(snapshot, pod, reference);
      note(
        namespace,
        reference,
        referrer(refOf("Pod", pod), `spec.${reference.path}`, isBlocked ? "blocked" : "latent", isBlocked ? [pod] : []),
      );
    }
  }

  for (const { wanted, kind, referrers } of found.values()) yield missingObservation(snapshot, wanted, kind, referrers);
  yield* secretKeyObservations(snapshot);
}

const refusedAtCreation: ReadonlySet<string> = new Set(["ServiceAccount", "PriorityClass", "RuntimeClass"]);

function referrer(ref: ObjectRef, path: string, state: Referrer["state"], blocked: readonly Pod[]): Referrer {
  const onsets = blocked
    .map((pod) => parseTime(conditionOf(pod, "ContainersReady")?.lastTransitionTime ?? pod.metadata?.creationTimestamp))
    .filter((time) => time !== undefined);
  return {
    ref,
    path,
    state,
    blocked: blocked.map((pod) => refOf("Pod", pod)),
    ...(onsets.length > 0 && { since: Math.min(...onsets) }),
  };
}

/** The references of a spec whose object is proven not to exist. */
function lackingOf(snapshot: Snapshot, namespace: string | undefined, spec: PodSpec | undefined): readonly Reference[] {
  let lacking: Reference[] | undefined;
  for (const reference of referencesOf(spec)) {
    const { kind, name, optional, isPullSecret } = reference;
    if (kind === "ConfigMap" || optional || isPullSecret || !isKindName(kind)) continue;
    const scope = clusterScoped.has(kind) ? undefined : namespace;
    // First what holds for almost every reference: it is there.
    if (snapshot.get(kind, scope, name) !== undefined || isMadeBySystem(kind, name)) continue;
    if (scope !== undefined && isNamespaceGoingAway(snapshot, scope)) continue;
    if (!snapshot.isComplete(kind, scope)) continue;
    if (lacking?.some((one) => one.kind === kind && one.name === name) === true) continue;
    (lacking ??= []).push(reference);
  }
  return lacking ?? [];
}

function isMadeBySystem(kind: KindName, name: string): boolean {
  if (kind === "PriorityClass") return name === "system-cluster-critical" || name === "system-node-critical";
  // Token Secrets of ServiceAccounts, which older servers make and mount themselves.
  return kind === "Secret" && /-token-[a-z0-9]{5}$/.test(name);
}

/** Whether the template of the Pod's topmost workload names the same object, and so speaks for the Pod. */
function isSpokenFor(snapshot: Snapshot, pod: Pod, { kind, name }: Reference): boolean {
  const owner = topOwnerOf(snapshot, pod);
  const template = owner === undefined ? undefined : templatesByOwner(snapshot).get(keyOf(owner));
  return referencesOf(template).some((reference) => reference.kind === kind && reference.name === name);
}

const templatesByOwner = oncePerSnapshot(
  (snapshot) => new Map(templatedWorkloads(snapshot).map(({ ref, spec }) => [keyOf(ref), spec])),
);

function isOver(job: KubeObject<"Job"> | undefined): boolean {
  return (job?.status?.conditions ?? []).some(
    ({ type = "", status }) => ["Complete", "SuccessCriteriaMet", "Failed"].includes(type) && status === "True",
  );
}

/** Whether the Pod waits for just this object. */
function isBlockedBy(snapshot: Snapshot, pod: Pod, { kind, name }: Reference): boolean {
  if (!podsNotWell(snapshot).has(pod) || !hasSettled(snapshot, pod, graceMs.pod)) return false;
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  if (kind === "Secret") {
    const isConfig = statuses.some(({ state }) => {
      const cause =
        state?.waiting?.reason === "CreateContainerConfigError"
          ? configErrorCause(state.waiting.message ?? "")
          : undefined;
      return cause?.type === "object-missing" && cause.kind === kind && cause.name === name;
    });
    if (isConfig) return true;
  }
  const isWaiting = pod.status?.phase === "Pending" && statuses.every(({ state }) => state?.running === undefined);
  if (!isWaiting) return false;
  // A claim that is missing keeps the Pod from a node; a Secret in a volume keeps it from its containers.
  if (kind === "PersistentVolumeClaim") return true;
  return (
    kind === "Secret" &&
    statuses.every(({ state }) => ["ContainerCreating", "PodInitializing"].includes(state?.waiting?.reason ?? "")) &&
    (pod.spec?.nodeName ?? "") !== "" &&
    (pod.spec?.volumes ?? []).some(
      ({ secret, projected }) =>
        secret?.secretName === name || (projected?.sources ?? []).some((source) => source.secret?.name === name),
    )
  );
}

const severityOf: Readonly<Record<Referrer["state"], Severity>> = {
  blocked: "critical",
  latent: "warning",
  unused: "info",
};

function missingObservation(
  snapshot: Snapshot,
  wanted: ObjectRef,
  kind: ReferredKind,
  referrers: readonly Referrer[],
): Observation<ReferenceRule> {
  const states: readonly Referrer["state"][] = ["blocked", "latent", "unused"];
  const sorted = [...referrers].sort(
    (a, b) => states.indexOf(a.state) - states.indexOf(b.state) || compareRefs(a.ref, b.ref),
  );
  const worst = sorted[0]?.state ?? "unused";
  const blocked = sorted.flatMap((one) => one.blocked);
  const onsets = sorted.map(({ since }) => since).filter((since) => since !== undefined);
  return {
    rule: ruleOf[kind],
    severity: severityOf[worst],
    object: wanted,
    ...(worst === "latent" && { because: "Pods run for now and fail at their next start" }),
    evidence: [
      missing(wanted),
      ...sorted.slice(0, 5).map(({ ref, path }) => field(ref, path, wanted.name)),
      ...similarNames(snapshot, wanted),
    ],
    related: [...sorted.map(({ ref }) => ref), ...blocked],
    ...(onsets.length > 0 && { since: Math.min(...onsets) }),
    params: { pod: blocked[0]?.name ?? "" },
  };
}

/** Keys of Secrets are never read: the kubelet says which is missing. */
function* secretKeyObservations(snapshot: Snapshot): Iterable<Observation<ReferenceRule>> {
  interface Lacking {
    readonly secret: ObjectRef;
    readonly key: string;
    readonly evidence: Evidence;
    readonly pods: ObjectRef[];
  }
  const found = new Map<string, Lacking>();
  const note = (pod: Pod, name: string, key: string, evidence: Evidence): void => {
    const located = snapshot.get("Secret", pod.metadata?.namespace, name);
    const secret = located === undefined ? namedRef("Secret", pod.metadata?.namespace, name) : refOf("Secret", located);
    const slot = `${keyOf(secret)} ${key}`;
    const entry = found.get(slot) ?? { secret, key, evidence, pods: [] };
    const ref = refOf("Pod", pod);
    if (!entry.pods.some((one) => one.name === ref.name)) entry.pods.push(ref);
    found.set(slot, entry);
  };
  for (const pod of podsNotWell(snapshot)) {
    if (isFinished(pod) || isGoingAway(snapshot, pod) || !hasSettled(snapshot, pod, graceMs.pod)) continue;
    const ref = refOf("Pod", pod);
    const lists = [
      ["initContainerStatuses", pod.status?.initContainerStatuses],
      ["containerStatuses", pod.status?.containerStatuses],
    ] as const;
    for (const [list, statuses] of lists) {
      for (const { name = "", state } of statuses ?? []) {
        if (state?.waiting?.reason !== "CreateContainerConfigError") continue;
        const cause = configErrorCause(state.waiting.message ?? "");
        if (cause.type !== "key-missing" || cause.kind !== "Secret") continue;
        note(
          pod,
          cause.name,
          cause.key,
          field(ref, `status.${list}[${name}].state.waiting.message`, state.waiting.message),
        );
      }
    }
    if (pod.status?.phase !== "Pending" || (pod.spec?.nodeName ?? "") === "") continue;
    for (const event of currentEvents(snapshot, ref, ["FailedMount"])) {
      const cause = mountCause(event.message);
      const key = keyNamed(event.message);
      const volume = volumeNamed(event.message);
      const name = pod.spec?.volumes?.find((one) => one.name === volume)?.secret?.secretName;
      if (cause.type !== "key-missing" || cause.kind !== "Secret" || key === undefined || name === undefined) continue;
      note(pod, name, key, eventEvidence(event));
    }
  }
  for (const { secret, key, evidence, pods } of found.values()) {
    yield {
      rule: "secret-key-missing",
      object: secret,
      discriminator: key,
      evidence: [
        fact(secret, "entry that is not there", key),
        evidence,
        fact(secret, "Pods that wait for it", pods.length),
      ],
      related: pods,
      params: { pod: pods[0]?.name ?? "" },
    };
  }
}

/** Objects of the same kind and namespace whose names are near the one that is missing: a slip of the pen, mostly. */
export function similarNames(snapshot: Snapshot, wanted: ObjectRef): readonly Evidence[] {
  const known = similarByName(snapshot).get(keyOf(wanted));
  if (known !== undefined) return known;
  const evidence = similarTo(snapshot, wanted);
  similarByName(snapshot).set(keyOf(wanted), evidence);
  return evidence;
}

/** Hundreds of replicas may lack the same object: its name is compared once. */
const similarByName = oncePerSnapshot(() => new Map<string, readonly Evidence[]>());

function similarTo(snapshot: Snapshot, wanted: ObjectRef): readonly Evidence[] {
  if (!isKindName(wanted.kind) || snapshot.find(wanted) !== undefined) return [];
  const objects =
    wanted.namespace === undefined ? snapshot.list(wanted.kind) : snapshot.inNamespace(wanted.kind, wanted.namespace);
  const near = objects
    .slice(0, 500)
    .map(({ metadata }) => metadata?.name ?? "")
    .filter((name) => isNear(name, wanted.name))
    .slice(0, 3);
  return near.length === 0 ? [] : [fact(wanted, "similar names", near)];
}

function isNear(name: string, wanted: string): boolean {
  if (name.length >= 4 && wanted.length >= 4 && (name.includes(wanted) || wanted.includes(name))) return true;
  const allowed = Math.max(1, Math.floor(wanted.length / 4));
  return distance(name, wanted, allowed) <= allowed;
}

/** Edits between two names, or more than `most` when they are further apart (Levenshtein). */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const kept = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(kept, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
