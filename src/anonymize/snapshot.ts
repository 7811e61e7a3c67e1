/**
 * A snapshot that can be sent to a stranger: the same objects, events and logs, with every name replaced. References
 * still resolve, selectors still match, ordinals and generated suffixes still follow their owners, and the words of
 * Kubernetes stand, so that the same rules find the same faults.
 *
 * First all names are learned, from the fields where they stand, the most telling kinds first, so that a name has one
 * token wherever it occurs. Then every text is masked: fields that hold words of the API are left alone, annotations
 * and arguments that may hold anything are replaced as a whole, and all other text goes through the dictionary.
 */
import type { CustomResource } from "../kube/custom-resources.ts";
import { type KindName, kindNames, type KubeObject } from "../kube/kinds.ts";
import type { SnapshotInput } from "../kube/snapshot.ts";
import { maskBundle } from "./certificate.ts";
import { redacted } from "./credentials.ts";
import {
  createDictionary,
  type Dictionary,
  type MaskRule,
  isGenerated,
  learnImage,
  mapRuns,
  runsIn,
  type Stem,
} from "./dictionary.ts";
import { learnFacts, maskFacts } from "./facts.ts";
import { isKept, isPublicDomain, isPublicHost, isPublicKey, partNamed } from "./words.ts";
import { parseBundle } from "../kube/certificates.ts";
import { isRecord } from "../kube/wire.ts";

/** The snapshot with every name masked. The same input gives the same output. */
export function maskSnapshot(input: SnapshotInput): SnapshotInput {
  const dictionary = dictionaryOf(input);
  const { mask, maskStrictly } = masker(dictionary);
  const text = (value: string) => dictionary.mask(value);
  const objects: Partial<Record<KindName, unknown>> = {};
  for (const kind of kindNames) {
    const list = input.objects[kind];
    if (list !== undefined) objects[kind] = list.map((object) => mask(object));
  }
  const { scope, logs, notes, cluster } = input;
  const namespace = (name: string) => dictionary.tokenOf(name);
  return {
    takenAt: input.takenAt,
    cluster: {
      name: "cluster-1",
      source: cluster.source,
      ...(cluster.serverVersion !== undefined && { serverVersion: cluster.serverVersion }),
    },
    ...(scope !== undefined && {
      scope: {
        ...(scope.include !== undefined && { include: scope.include.map(namespace) }),
        ...(scope.exclude !== undefined && { exclude: scope.exclude.map(namespace) }),
      },
    }),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- masking changes text, never shape
    objects: objects as SnapshotInput["objects"],
    reads: input.reads.map((read) => ({
      ...read,
      ...(read.namespace !== undefined && { namespace: namespace(read.namespace) }),
      ...(read.reason !== undefined && { reason: text(read.reason) }),
      ...(read.next !== undefined && { next: text(read.next) }),
    })),
    ...(logs !== undefined && {
      logs: logs.map((log) => ({
        namespace: namespace(log.namespace),
        pod: dictionary.tokenOf(log.pod),
        container: dictionary.tokenOf(log.container),
        previous: log.previous,
        lines: maskLines(dictionary, log.lines),
      })),
    }),
    ...(notes !== undefined && {
      notes: notes.map(({ what, reason, next }) => ({
        what: text(what),
        reason: text(reason),
        ...(next !== undefined && { next: text(next) }),
      })),
    }),
    ...maskCustom(input, text, mask, maskStrictly),
    ...maskFacts(dictionary, input.facts, input.factReads),
  };
}

type MaskValue = (value: unknown) => unknown;

/**
 * Custom resources: those whose group is public, with all words of their statuses that are not known hidden, for each
 * controller writes what it likes. Kinds that somebody made for themselves tell by their mere shape whose they are: they
 * are left out, and the snapshot says so.
 */
function maskCustom(
  { customResources, customReads }: SnapshotInput,
  text: (value: string) => string,
  mask: MaskValue,
  maskStrictly: MaskValue,
): Pick<SnapshotInput, "customResources" | "customReads"> {
  const told = (customReads ?? []).map(({ resource, namespace, state, reason, next }) => ({
    resource: text(resource),
    ...(namespace !== undefined && { namespace: text(namespace) }),
    state,
    reason: text(reason),
    ...(next !== undefined && { next: text(next) }),
  }));
  if (customResources === undefined) return customReads === undefined ? {} : { customReads: told };
  const open = customResources.filter(({ group }) => !isPrivateGroup(group));
  const masked = open.map(({ object: { status, ...rest }, ...type }) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- masking changes text, never shape
    const object = { ...(mask(rest) as object), ...(status !== undefined && { status: maskStrictly(status) }) };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    return { ...type, object: object as CustomResource["object"] };
  });
  if (open.length < customResources.length) {
    const resource = "custom resources of private API groups";
    told.push({ resource, state: "unread", reason: "they were left out when the snapshot was masked" });
  }
  return { customResources: masked, ...((customReads !== undefined || told.length > 0) && { customReads: told }) };
}

/** Whether an API group is neither one of Kubernetes nor of a widely used tool. */
function isPrivateGroup(group: string): boolean {
  return group.includes(".") && !isPublicDomain(group);
}

function groupOf(apiVersion: unknown): string {
  return typeof apiVersion === "string" && apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

/** Lines are masked together: a PEM block has many of them. */
function maskLines(dictionary: Dictionary, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : dictionary.mask(lines.join("\n")).split("\n");
}

/** Owners before what they own: the names of the latter are made of those of the former. */
const order: readonly KindName[] = [
  "Namespace",
  "Node",
  "CronJob",
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "Service",
  "Job",
  "ReplicaSet",
  "Pod",
];

/** All names of a snapshot. For text about it: findings, explanations, answers. */
export function dictionaryOf(input: SnapshotInput, rules: readonly MaskRule[] = []): Dictionary {
  const dictionary = createDictionary(rules);
  const kinds = [...order, ...kindNames.filter((kind) => !order.includes(kind))];
  for (const text of textsOf(input)) dictionary.avoid(text);
  dictionary.avoid("cluster-1");
  const each = (visit: (kind: KindName, object: KubeObject) => void) => {
    for (const kind of kinds) for (const object of sorted(input.objects[kind] ?? [])) visit(kind, object);
  };
  for (const name of [...(input.scope?.include ?? []), ...(input.scope?.exclude ?? [])]) dictionary.learn(name, "ns");
  for (const { namespace } of input.reads) if (namespace !== undefined) dictionary.learn(namespace, "ns");
  each((kind, { metadata }) => {
    const namespace = kind === "Namespace" ? metadata?.name : metadata?.namespace;
    if (namespace !== undefined) dictionary.learn(namespace, tellingStem(namespace, "ns"));
  });
  for (const definition of sorted(input.objects.CustomResourceDefinition ?? []))
    learnDefinition(dictionary, definition);
  for (const set of sorted(input.objects.StatefulSet ?? [])) learnClaims(dictionary, set, input);
  each((kind, object) => {
    if (kind !== "Event") learnName(dictionary, kind, object);
  });
  for (const { group, kind, plural, object } of input.customResources ?? []) {
    const { namespace, name = "" } = object.metadata ?? {};
    if (namespace !== undefined) dictionary.learn(namespace, tellingStem(namespace, "ns"));
    if (isPrivateGroup(group)) learnKind(dictionary, group, kind, plural);
    if (!isMadeOfKept(name)) dictionary.learn(name, tellingStem(name, stemOf(kind, group)));
  }
  for (const { resource } of input.customReads ?? []) {
    const [plural = "", ...group] = resource.split(".");
    if (isPrivateGroup(group.join("."))) learnKind(dictionary, group.join("."), undefined, plural);
  }
  // The names in fields come after the names of objects: a missing Secret is a secret, but a Service named by an
  // Ingress is the Service.
  each((_kind, object) => learnFields(dictionary, object, [], undefined));
  for (const { object } of input.customResources ?? []) {
    learnFields(dictionary, object.metadata, ["metadata"], object);
    const secret = object.spec?.target?.name;
    if (typeof secret === "string") learnNamed(dictionary, secret, "secret");
  }
  for (const { tls } of sorted(input.objects.Secret ?? [])) learnCertificates(dictionary, tls?.certificateBundle);
  if (input.facts !== undefined) learnFacts(dictionary, input.facts);
  for (const { namespace, pod, container } of input.logs ?? []) {
    dictionary.learn(namespace, "ns");
    dictionary.learn(pod, "pod");
    dictionary.learn(container, "container");
  }
  for (const run of runsIn(input.cluster.name)) if (run.length > 3) dictionary.learn(run, "cluster");
  return dictionary;
}

/** The hosts that certificates are for, and who issued them to whom: findings about certificates tell both. */
function learnCertificates(dictionary: Dictionary, bundle: string | undefined): void {
  for (const { names, subject, issuer } of bundle === undefined ? [] : (parseBundle(bundle) ?? [])) {
    for (const name of names) {
      const host = name.replace(/^\*\./, "");
      if (!isPublicHost(host)) dictionary.learn(host, "host");
    }
    for (const [, value = ""] of `${subject}, ${issuer}`.matchAll(/(?:^|, )(?:CN|O|OU|L|ST)=([^,]*)/g)) {
      for (const run of runsIn(value)) if (run.length > 2 && !isKept(run)) dictionary.learn(run, "party");
    }
  }
}

/** The order in which a snapshot's objects are numbered must not depend on the order in which they were read. */
function sorted<Item extends KubeObject>(objects: readonly Item[]): readonly Item[] {
  return objects
    .map((object) => ({ object, key: `${object.metadata?.namespace ?? ""}\u0000${object.metadata?.name ?? ""}` }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ object }) => object);
}

function* textsOf(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const item of value) yield* textsOf(item);
  else if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) {
      yield key;
      yield* textsOf(inner);
    }
  }
}

/** What tokens for objects of a kind begin with; the name of a private kind is none for them. */
function stemOf(kind: string, group = ""): Stem {
  if (isPrivateGroup(group)) return "object";
  return kind === "Namespace" ? "ns" : kind.toLowerCase();
}

/** A kind that a cluster defines for itself: its names and its group. */
function learnKind(
  dictionary: Dictionary,
  group: string,
  kind: string | undefined,
  ...plurals: readonly unknown[]
): void {
  dictionary.learn(group, "host");
  if (kind !== undefined) dictionary.learn(kind, "kind");
  for (const plural of plurals) if (typeof plural === "string") dictionary.learn(plural, "resource");
}

/** The stem for a name that says something which rules read: a token must say it too. */
function tellingStem(name: string, stem: Stem): Stem {
  if (/(?:^|[-_/.])migrat(?:e|ion|ions|or)(?:$|[-_.])/i.test(name)) return "migration";
  if (/(?:^|-)csi(?:-|$)/.test(name)) return "csi";
  if (stem === "ns") return name.startsWith("kube-") ? "kube" : name.startsWith("openshift-") ? "openshift" : stem;
  return stem === "label" ? stem : (partNamed(name) ?? stem);
}

/** Learns an object's name; one that is made of its owner's keeps what the controller appended. */
function learnName(dictionary: Dictionary, kind: KindName, object: KubeObject): void {
  const { name = "", ownerReferences = [] } = object.metadata ?? {};
  const owner = ownerReferences.find(({ controller }) => controller === true) ?? ownerReferences[0];
  if (isNamedByDomain(kind)) {
    if (isPublicDomain(name)) return;
    const [plural = "", ...group] = name.split(".");
    if (kind === "CustomResourceDefinition") {
      dictionary.learn(name, "definition", `${dictionary.tokenOf(plural)}.${dictionary.tokenOf(group.join("."))}`);
      return;
    }
  }
  if (owner?.name !== undefined) {
    if (owner.kind !== undefined) dictionary.learn(owner.name, stemOf(owner.kind, groupOf(owner.apiVersion)));
    const made = madeOf(dictionary, name, owner.name);
    if (made !== undefined) {
      dictionary.learn(name, stemOf(kind), made);
      return;
    }
  }
  if (!isMadeOfKept(name)) dictionary.learn(name, tellingStem(name, stemOf(kind)));
}

/** Kinds whose objects are called after a driver or an API group. */
function isNamedByDomain(kind: KindName): boolean {
  return kind === "CSIDriver" || kind === "CustomResourceDefinition" || kind === "APIService";
}

function learnDefinition(dictionary: Dictionary, { spec }: KubeObject<"CustomResourceDefinition">): void {
  const { group = "", names: { kind, plural, shortNames = [] } = {} } = spec ?? {};
  if (isPrivateGroup(group)) learnKind(dictionary, group, kind, plural, ...shortNames);
}

/** `deployment-1-7d4b9c6f5` for `web-7d4b9c6f5` of `web`; `kube-proxy-node-2` for the static Pod of a node. */
function madeOf(dictionary: Dictionary, name: string, owner: string): string | undefined {
  const token = dictionary.tokenOf(owner);
  if (name.startsWith(`${owner}-`)) {
    const rest = name.slice(owner.length + 1);
    return isGenerated(rest) ? `${token}-${rest}` : undefined;
  }
  if (name.endsWith(`-${owner}`)) {
    const base = name.slice(0, -owner.length - 1);
    return isKept(base) ? `${base}-${token}` : undefined;
  }
  return undefined;
}

/** `coredns-7d4b9c6f5-x2x8l`: a Pod of a part of the cluster, known without its owner. */
function isMadeOfKept(name: string): boolean {
  const base = /^(.+?)(?:-[a-z0-9]{8,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}$/.exec(name)?.[1];
  return base !== undefined && isKept(base);
}

/** The claims of a StatefulSet are named `<template>-<set>-<ordinal>`, and rules look for them under that name. */
function learnClaims(dictionary: Dictionary, set: KubeObject<"StatefulSet">, input: SnapshotInput): void {
  const { name = "", namespace } = set.metadata ?? {};
  dictionary.learn(name, "statefulset");
  const mounted = (input.objects.Pod ?? [])
    .filter(({ metadata }) => metadata?.namespace === namespace)
    .flatMap(({ spec }) =>
      (spec?.volumes ?? []).map(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? ""),
    );
  const present = (input.objects.PersistentVolumeClaim ?? [])
    .filter(({ metadata }) => metadata?.namespace === namespace)
    .map(({ metadata }) => metadata?.name ?? "");
  for (const { metadata } of set.spec?.volumeClaimTemplates ?? []) {
    const template = metadata?.name ?? "";
    dictionary.learn(template, "volume");
    const start = `${template}-${name}-`;
    for (const claim of [...new Set([...present, ...mounted])].sort()) {
      const ordinal = claim.startsWith(start) ? claim.slice(start.length) : "";
      if (!/^\d+$/.test(ordinal)) continue;
      const token = `${dictionary.tokenOf(template)}-${dictionary.tokenOf(name)}-${ordinal}`;
      dictionary.learn(claim, "persistentvolumeclaim", token);
    }
  }
}

/** Names by the field in which they stand: the field, or the field around a `name`. */
const nameFields: Readonly<Record<string, Stem>> = {
  namespace: "ns",
  nodeName: "node",
  nominatedNodeName: "node",
  serviceAccountName: "serviceaccount",
  serviceName: "service",
  secretName: "secret",
  claimName: "persistentvolumeclaim",
  volumeName: "persistentvolume",
  persistentVolumeName: "persistentvolume",
  storageClassName: "storageclass",
  priorityClassName: "priorityclass",
  runtimeClassName: "runtimeclass",
  ingressClassName: "ingressclass",
  schedulerName: "scheduler",
  hostname: "host",
  subdomain: "service",
  host: "host",
  hosts: "host",
  server: "host",
  externalName: "host",
  address: "host",
  addresses: "host",
  zone: "zone",
  key: "key",
  dataKeys: "key",
  apiGroups: "host",
};

const nameParents: Readonly<Record<string, Stem>> = {
  configMap: "configmap",
  configMapRef: "configmap",
  configMapKeyRef: "configmap",
  secret: "secret",
  secretRef: "secret",
  secretKeyRef: "secret",
  imagePullSecrets: "secret",
  nodePublishSecretRef: "secret",
  containers: "container",
  initContainers: "container",
  ephemeralContainers: "container",
  containerStatuses: "container",
  initContainerStatuses: "container",
  ephemeralContainerStatuses: "container",
  volumes: "volume",
  volumeMounts: "volume",
  env: "env",
  ports: "port",
  service: "service",
  webhooks: "webhook",
  matchConditions: "condition",
  active: "job",
  metric: "metric",
};

/** Maps from label to value. */
const labelFields: ReadonlySet<string> = new Set(["labels", "matchLabels", "selector", "nodeSelector"]);

/** Whether `value` maps labels to values; a `selector` may also be one with `matchLabels` inside. */
function isLabelMap(key: string, value: Readonly<Record<string, unknown>>): value is Record<string, string> {
  return labelFields.has(key) && Object.values(value).every((inner) => typeof inner === "string");
}

/** Labels whose values belong to the API. */
const ownHash: ReadonlySet<string> = new Set(["pod-template-hash", "pod-template-generation"]);

const valueStems: Readonly<Record<string, Stem>> = {
  "topology.kubernetes.io/zone": "zone",
  "topology.kubernetes.io/region": "region",
  "failure-domain.beta.kubernetes.io/zone": "zone",
  "failure-domain.beta.kubernetes.io/region": "region",
  "kubernetes.io/hostname": "node",
  // Of a node, which `matchFields` choose by it.
  "metadata.name": "node",
  "kubernetes.io/metadata.name": "ns",
  "kubernetes.io/service-name": "service",
  "batch.kubernetes.io/job-name": "job",
  "job-name": "job",
};

/** Labels whose values are words of the API or of the hardware. */
const openLabels =
  /^(?:(?:beta\.)?kubernetes\.io\/(?:os|arch)|node\.kubernetes\.io\/(?:instance-type|windows-build)|beta\.kubernetes\.io\/instance-type|node-role\.kubernetes\.io\/.*|endpointslice\.kubernetes\.io\/managed-by|app\.kubernetes\.io\/(?:managed-by|component)|apps\.kubernetes\.io\/pod-index|pod-security\.kubernetes\.io\/.*|batch\.kubernetes\.io\/job-completion-index|kubernetes\.io\/bootstrapping)$/;

/** Walks an object and learns the names in its fields. `path` holds the names of the fields around `value`. */
function learnFields(dictionary: Dictionary, value: unknown, path: readonly string[], around: unknown): void {
  const key = path.at(-1) ?? "";
  if (Array.isArray(value)) {
    for (const item of value) {
      if (typeof item === "string") learnField(dictionary, item, key, path, around);
      else learnFields(dictionary, item, path, around);
    }
  } else if (isRecord(value)) {
    if (key === "annotations") {
      for (const name of Object.keys(value)) learnKey(dictionary, name);
    } else if (isLabelMap(key, value)) {
      for (const [name, label] of Object.entries(value)) learnLabel(dictionary, name, label);
    } else if (typeof value["operator"] === "string" && typeof value["key"] === "string") {
      // A requirement of a selector or an affinity, a toleration.
      const { values } = value;
      learnLabel(dictionary, value["key"], undefined);
      for (const label of Array.isArray(values) ? values : [value["value"]])
        learnLabel(dictionary, value["key"], label);
    } else if (typeof value["effect"] === "string") {
      learnLabel(dictionary, typeof value["key"] === "string" ? value["key"] : "", value["value"]);
    } else {
      const group = groupOf(value["apiVersion"]);
      if (isPrivateGroup(group) && typeof value["kind"] === "string") learnKind(dictionary, group, value["kind"]);
      for (const [name, inner] of Object.entries(value)) {
        if (typeof inner === "string") learnField(dictionary, inner, name, [...path, name], value);
        else learnFields(dictionary, inner, [...path, name], value);
      }
    }
  }
}

function learnField(dictionary: Dictionary, text: string, key: string, path: readonly string[], around: unknown): void {
  const parent = path.at(-2) ?? "";
  if (key === "image") learnImage(dictionary, text);
  else if (key === "imageID") learnImage(dictionary, text);
  else if (key === "name" && parent === "schedulingGates") learnKey(dictionary, text);
  else if (key === "topologyKey") learnLabel(dictionary, text, undefined);
  else if (key === "finalizers" || key === "conditionType" || isDriver(key)) learnKey(dictionary, text);
  else if (isPath(key)) for (const part of text.split("/")) dictionary.learn(part, "dir");
  else if (key === "command") learnCommand(dictionary, text, around);
  else if (key === "name" || key === "path" || key === "resources") {
    const kind = isRecord(around) && typeof around["kind"] === "string" ? around["kind"] : undefined;
    const stem = Object.hasOwn(nameParents, parent)
      ? nameParents[parent]
      : kind === undefined
        ? undefined
        : stemOf(kind, isRecord(around) ? groupOf(around["apiVersion"]) : "");
    // The roles of Kubernetes itself.
    const isOfSystem = /^(?:cluster)?role/.test(stem ?? "") && text.startsWith("system:");
    if (stem !== undefined && parent !== "metadata" && !isOfSystem) learnNamed(dictionary, text, stem);
  } else if (Object.hasOwn(nameFields, key)) {
    const stem = nameFields[key];
    if (stem === "host" && (key === "apiGroups" ? isPublicDomain(text) : isPublicHost(text))) return;
    if (stem !== undefined) learnNamed(dictionary, text, stem);
  }
}

/** A name that is not an object's own: it may be that of an object that is gone, made of a name that is known. */
function learnNamed(dictionary: Dictionary, name: string, stem: Stem): void {
  for (const run of runsIn(name.replace(/^\*\./, ""))) {
    if (/^[\d.:a-f]+$/i.test(run) && /[.:]/.test(run)) continue;
    const cut = [run.lastIndexOf("-"), run.lastIndexOf("-", run.lastIndexOf("-") - 1)];
    const owned = cut.some(
      (at) => at > 0 && isGenerated(run.slice(at + 1)) && dictionary.tokenOf(run.slice(0, at)) !== run.slice(0, at),
    );
    if (owned || isMadeOfKept(run)) continue;
    // The Secret of a ServiceAccount's token, as clusters made it before 1.24.
    const [, account, rest] = (stem === "secret" && /^(.+)(-token-[a-z0-9]{5})$/.exec(run)) || [];
    if (account !== undefined && rest !== undefined) {
      dictionary.learn(account, "serviceaccount");
      dictionary.learn(run, stem, `${dictionary.tokenOf(account)}${rest}`);
    } else dictionary.learn(run, tellingStem(run, stem));
  }
}

function isDriver(key: string): boolean {
  return key === "driver" || key === "provisioner" || key === "attacher" || key === "controller" || key === "handler";
}

function isPath(key: string): boolean {
  return key === "mountPath" || key === "path" || key === "subPath" || key === "workingDir";
}

/** The program that a container runs: its name stands in messages when it cannot be started. */
function learnCommand(dictionary: Dictionary, text: string, around: unknown): void {
  const command = isRecord(around) ? around["command"] : undefined;
  if (!Array.isArray(command) || command[0] !== text || /\s/.test(text)) return;
  const parts = text.split("/");
  for (const [at, part] of parts.entries()) dictionary.learn(part, at === parts.length - 1 ? "command" : "dir");
}

function learnLabel(dictionary: Dictionary, key: string, value: unknown): void {
  learnKey(dictionary, key);
  if (typeof value !== "string" || openLabels.test(key) || ownHash.has(key)) return;
  const stem = Object.hasOwn(valueStems, key) ? valueStems[key] : "label";
  if (key === "controller-revision-hash") return;
  learnNamed(dictionary, value, stem ?? "label");
}

/** A key of a label, an annotation or a finalizer: those of Kubernetes and of vendors stay. */
function learnKey(dictionary: Dictionary, key: string): void {
  if (isPublicKey(key)) return;
  const at = key.indexOf("/");
  dictionary.learn(at < 0 ? "" : key.slice(0, at), "host");
  dictionary.learn(key.slice(at + 1), "field");
}

/** Fields with words, numbers and times of the API. */
const apiFields: ReadonlySet<string> = new Set([
  "phase",
  "type",
  "status",
  "reason",
  "protocol",
  "appProtocol",
  "operator",
  "effect",
  "scheme",
  "action",
  "addressType",
  "architecture",
  "concurrencyPolicy",
  "containerRuntimeVersion",
  "creationTimestamp",
  "deletionTimestamp",
  "dnsPolicy",
  "eventTime",
  "externalTrafficPolicy",
  "failurePolicy",
  "finishedAt",
  "firstTimestamp",
  "imagePullPolicy",
  "internalTrafficPolicy",
  "kernelVersion",
  "kubeletVersion",
  "lastHeartbeatTime",
  "lastObservedTime",
  "lastTimestamp",
  "lastTransitionTime",
  "matchPolicy",
  "maxSurge",
  "maxUnavailable",
  "medium",
  "minAvailable",
  "operatingSystem",
  "operations",
  "osImage",
  "persistentVolumeReclaimPolicy",
  "podManagementPolicy",
  "preemptionPolicy",
  "qosClass",
  "reclaimPolicy",
  "restartPolicy",
  "schedule",
  "scope",
  "scopes",
  "sideEffects",
  "startedAt",
  "startTime",
  "timeAdded",
  "timeZone",
  "volumeBindingMode",
  "volumeMode",
  "accessModes",
  "policyTypes",
  "pathType",
  "whenUnsatisfiable",
]);

/** Fields in which a controller of any make names a state in one word. */
const stateFields: ReadonlySet<string> = new Set(["type", "status", "reason", "phase", "state", "severity"]);

/** Gives the functions that mask a value of any shape; `maskStrictly` also hides words that it does not know. */
function masker(dictionary: Dictionary): { readonly mask: MaskValue; readonly maskStrictly: MaskValue } {
  /** Texts that are replaced as a whole, each the same way wherever it occurs; no way leads back. */
  const wholes = new Map<string, string>();
  const counts = new Map<string, number>();
  const whole = (text: string, stem: string): string => {
    const id = `${stem}\u0000${text}`;
    const known = wholes.get(id);
    if (known !== undefined) return known;
    const count = (counts.get(stem) ?? 0) + 1;
    counts.set(stem, count);
    const token = `${stem}-${count}`;
    wholes.set(id, token);
    return token;
  };
  const annotation = (key: string, value: string): string => {
    const domain = key.includes("/") ? key.slice(0, key.indexOf("/")) : "";
    if (domain.startsWith("k8sgpt") || isKept(value) || value === "" || isPublicHost(value)) return value;
    // Kubernetes' own annotations carry names, and rules read them.
    if (/(?:^|\.)(?:kubernetes|k8s)\.io$/.test(domain)) {
      for (const run of runsIn(value)) {
        if (!/[.:]/.test(run)) learnNamed(dictionary, run, "value");
        else if (/\.[a-z]{2,}$/i.test(run) && !isPublicDomain(run)) learnNamed(dictionary, run, "host");
      }
      return dictionary.mask(value);
    }
    return dictionary.tokenOf(value) === value ? whole(value, "annotation") : dictionary.tokenOf(value);
  };
  /** Whether a run of masked text is a token, or says nothing about whose cluster it is. */
  const isOpenRun = (run: string): boolean => isKept(run) || isPublicHost(run) || dictionary.unmask(run) !== run;
  const argument = (text: string, first: boolean): string => {
    const [, flag = "", value = text] = /^(-{1,2}[\w.-]+=?)(.*)$/s.exec(text) ?? [];
    if (value === "" || isKept(value)) return text;
    // Where a file is said to be is compared with where volumes are mounted.
    if (/^(?:\/[\w.-]+)+$/.test(value)) {
      const parts = value.split("/").map((part) => {
        if (part === "" || isKept(part)) return part;
        const token = dictionary.tokenOf(part);
        return token === part ? whole(part, "file") : token;
      });
      return flag + parts.join("/");
    }
    const masked: string = dictionary.mask(value);
    // A word that is neither known nor one of Kubernetes may say anything.
    const isOpen = runsIn(masked).every(isOpenRun);
    return flag + (first || isOpen ? masked : whole(value, "arg"));
  };
  const text = (value: string, key: string): string => {
    if (apiFields.has(key)) return value;
    if (key === "kind") return dictionary.tokenOf(value);
    if (key === "apiVersion") {
      const group = groupOf(value);
      return `${dictionary.tokenOf(group)}${value.slice(group.length)}`;
    }
    if (key === "providerID") return `${/^[a-z-]+:\/\//.exec(value)?.[0] ?? ""}${whole(value, "machine")}`;
    if (key === "caBundle" || key === "certificateBundle")
      return value === "" ? value : (maskBundle(value) ?? redacted);
    if (key === "volumeHandle") return whole(value, "handle");
    return dictionary.mask(value);
  };
  const visit = (value: unknown, key: string): unknown => {
    if (typeof value === "string") return text(value, key);
    if (Array.isArray(value)) {
      if (key === "args" || key === "command") {
        return value.map((item, at) =>
          typeof item === "string" ? argument(item, key === "command" && at === 0) : item,
        );
      }
      return value.map((item) => visit(item, key));
    }
    if (!isRecord(value)) return value;
    const result: Record<string, unknown> = {};
    for (const [name, inner] of Object.entries(value)) {
      if (key === "annotations")
        result[dictionary.mask(name)] = typeof inner === "string" ? annotation(name, inner) : inner;
      else if (isLabelMap(key, value))
        result[dictionary.mask(name)] = ownHash.has(name) || openLabels.test(name) ? inner : visit(inner, "");
      else result[isMap(key) ? dictionary.mask(name) : name] = visit(inner, name);
    }
    return result;
  };
  const visitStrictly = (value: unknown, key: string): unknown => {
    if (typeof value === "string") {
      if (stateFields.has(key) && /^[A-Za-z]{1,63}$/.test(value)) return value;
      return mapRuns(dictionary.mask(value), (run) => (isOpenRun(run) ? run : whole(run, "word")));
    }
    if (Array.isArray(value)) return value.map((item) => visitStrictly(item, key));
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, visitStrictly(inner, name)]));
  };
  return { mask: (value) => visit(value, ""), maskStrictly: (value) => visitStrictly(value, "") };
}

/** Maps whose keys are names: resources, which may be those of a vendor or of a storage class. */
function isMap(key: string): boolean {
  return /^(?:requests|limits|capacity|allocatable|hard|used|allocatedResources|allocatedResourceStatuses)$/.test(key);
}
