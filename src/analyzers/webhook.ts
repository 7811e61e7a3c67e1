/**
 * Admission webhooks. One factory makes the analyzers of both kinds: they differ in nothing but the list they read.
 */
import { type Evidence, eventEvidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation, RuleTable } from "../findings/finding.ts";
import type { EventRecord } from "../kube/events.ts";
import { parseBundle } from "../kube/certificates.ts";
import { ageOfObject, eventMaxAgeMs, graceMs, hasSettled, isFinished, isGoingAway } from "../kube/guards.ts";
import { kindDefinition, kindNames, type KubeObject } from "../kube/kinds.ts";
import { parseCreateRefusal, webhookFailureInWords } from "../kube/messages/create-blocked.ts";
import { keyOf, namedRef, type ObjectRef, qualifiedName, refOf } from "../kube/object-ref.ts";
import { isUsable, oncePerSnapshot, podsSelectedBy, slicesOf, topOwnerOf } from "../kube/relations.ts";
import { formatSelector, type LabelSelector, selectorMatches } from "../kube/selectors.ts";
import type { Located, Snapshot } from "../kube/snapshot.ts";
import { dayMs, minuteMs } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { backendKinds, backendOf, serviceRef, whyNotReady } from "./rules/endpoints.ts";

type ConfigurationKind = "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration";
type Configuration = KubeObject<ConfigurationKind>;
type Webhook = NonNullable<Configuration["webhooks"]>[number];

const source = "reference/access-authn-authz/extensible-admission-controllers/";
const list = "kubectl get validatingwebhookconfiguration,mutatingwebhookconfiguration";
const show = "kubectl get {kind} {name} -o yaml";

const rules = {
  "webhook-backend-missing": {
    severity: ["critical", "warning"],
    depth: 2,
    message: "The webhook is served by a Service that does not exist",
    why: "With failurePolicy Fail every matching create or update is refused; with Ignore its check is skipped",
    fix: "Restore the Service and its Pods, or remove the configuration if what it belonged to was uninstalled",
    source,
    commands: ["kubectl -n {service_namespace} get service {service}", show, list],
    silent: [
      "backends that are a URL",
      "Services could not be read",
      "it intercepts nothing: no rules, or a namespaceSelector that no namespace fits",
      "younger than 60 seconds",
    ],
  },
  "webhook-no-endpoints": {
    severity: ["critical", "warning"],
    depth: 2,
    message: "The webhook is served by a Service behind which nothing takes traffic",
    why: "With failurePolicy Fail every matching create or update is refused; with Ignore its check is skipped",
    fix: "Mend the Pods behind the Service; its own finding says what is wrong",
    source,
    commands: [
      "kubectl -n {service_namespace} get endpointslice -l kubernetes.io/service-name={service}",
      "kubectl -n {service_namespace} get pods",
      show,
    ],
    silent: [
      "one ready Pod is left",
      "Pods that are just starting",
      "it intercepts nothing",
      "younger than 60 seconds",
    ],
  },
  "webhook-call-failing": {
    severity: ["critical", "warning"],
    depth: 2,
    message: "The API server cannot call the webhook",
    why: "Every matching create or update is refused",
    fix: "Read the event: it says whether the webhook refuses connections, is too slow, or shows a wrong certificate",
    source,
    commands: [show, "kubectl get events -A --field-selector reason=FailedCreate", list],
    silent: [
      "the workload got its Pods since",
      "events older than an hour",
      "two configurations hold a webhook of that name",
    ],
  },
  "webhook-ca-invalid": {
    severity: ["critical", "warning"],
    depth: 2,
    message: "The CA bundle by which the API server checks the webhook is not in order",
    why: "Every matching create or update is refused, as the certificate of the webhook is not accepted",
    fix: "Put the CA that signed the serving certificate into clientConfig.caBundle, or look at what should inject it",
    source: `${source}#contacting-the-webhook`,
    commands: [show],
    silent: [
      "an injector fills it within 5 minutes",
      "nothing serves the webhook (its own finding)",
      "a bundle of which one certificate is valid for long",
      "backends that are a URL",
    ],
  },
  "webhook-blocks-itself": {
    severity: "risk",
    depth: 2,
    message: "The webhook can refuse the Pods that serve it",
    why: "A small restart can lock the cluster: its own new Pod needs its own permission",
    fix: "Leave its namespace out with namespaceSelector, or run more than one replica",
    source: "concepts/cluster-administration/admission-webhooks-good-practices/",
    commands: [show],
    silent: ["its namespace or its Pods are left out by a selector", "failurePolicy Ignore", "more than one replica"],
  },
  "webhook-slow-broad": {
    severity: "risk",
    depth: 2,
    message: "The webhook may hold up every Pod of the cluster for a long time",
    why: "When it is slow, all rollouts are",
    fix: "Lower timeoutSeconds and narrow its rules and selectors",
    source: "concepts/cluster-administration/admission-webhooks-good-practices/",
    commands: [show],
  },
} as const satisfies RuleTable;

type Said = Iterable<Observation<keyof typeof rules>>;

function webhookAnalyzer(kind: ConfigurationKind): Analyzer {
  return defineAnalyzer({
    name: kind,
    needs: [kind],
    // Both kinds are read, so that the name in an event can be matched to exactly one configuration.
    uses: [
      ...backendKinds,
      "Event",
      "Namespace",
      kind === "ValidatingWebhookConfiguration" ? "MutatingWebhookConfiguration" : "ValidatingWebhookConfiguration",
    ],
    rules,
    *check(snapshot) {
      for (const configuration of snapshot.list(kind)) {
        if (isGoingAway(snapshot, configuration) || !hasSettled(snapshot, configuration, graceMs.pod)) continue;
        const ref = refOf(kind, configuration);
        const webhooks = (configuration.webhooks ?? []).filter((webhook) => intercepts(snapshot, webhook));
        const dead = new Set<Webhook>();
        yield* backends(snapshot, ref, webhooks, dead);
        yield* failingCalls(snapshot, ref, webhooks, dead);
        yield* certificates(
          snapshot,
          ref,
          configuration,
          webhooks.filter((webhook) => !dead.has(webhook)),
        );
        yield* postures(snapshot, ref, webhooks);
      }
    },
  });
}

export const validatingWebhookConfiguration: Analyzer = webhookAnalyzer("ValidatingWebhookConfiguration");
export const mutatingWebhookConfiguration: Analyzer = webhookAnalyzer("MutatingWebhookConfiguration");

/** Resources that have no namespace: a namespaceSelector does not narrow them. */
const namespacedResources: ReadonlySet<string> = new Set(
  kindNames.map(kindDefinition).flatMap(({ namespaced, plural }) => (namespaced ? [plural] : [])),
);

/** Whether any request can reach the webhook. */
function intercepts(snapshot: Snapshot, { rules = [], namespaceSelector }: Webhook): boolean {
  const resources = rules.flatMap(({ resources = [] }) => resources);
  if (resources.length === 0) return false;
  const namespaces = snapshot.list("Namespace");
  // No cluster is without namespaces: an empty list is one that nobody read.
  if (namespaceSelector === undefined || namespaces.length === 0 || !snapshot.isComplete("Namespace")) return true;
  const isNamespacedOnly = rules.every(
    (rule) =>
      rule.scope === "Namespaced" ||
      (rule.resources ?? []).every((resource) => namespacedResources.has(resource.split("/")[0] ?? "")),
  );
  if (!isNamespacedOnly) return true;
  return namespaces.some(({ metadata }) => {
    // The server puts this label on every namespace; a dump of an old server may lack it.
    const labels = { "kubernetes.io/metadata.name": metadata?.name ?? "", ...metadata?.labels };
    return selectorMatches(namespaceSelector, labels);
  });
}

function fails({ failurePolicy }: Webhook): boolean {
  return failurePolicy !== "Ignore";
}

/** `create, update pods, deployments`: what the webhooks look at. */
function interceptedBy(webhooks: readonly Webhook[]): string {
  const parts = webhooks.flatMap(({ rules = [] }) =>
    rules.map(({ operations = [], resources = [] }) => `${operations.join("/")} ${resources.join(", ")}`),
  );
  return [...new Set(parts)].slice(0, 6).join("; ");
}

function describeWebhooks(ref: ObjectRef, webhooks: readonly Webhook[]): readonly Evidence[] {
  const [first] = webhooks;
  const names = webhooks.map(({ name = "" }) => name);
  return [
    fact(ref, webhooks.length === 1 ? "webhook" : "webhooks", names.slice(0, 12).join(", ")),
    fact(ref, "intercepts", interceptedBy(webhooks)),
    field(ref, `webhooks[${first?.name ?? ""}].failurePolicy`, first?.failurePolicy ?? "Fail"),
    ...(first?.namespaceSelector === undefined || isEmpty(first.namespaceSelector)
      ? []
      : [field(ref, `webhooks[${first.name ?? ""}].namespaceSelector`, formatSelector(first.namespaceSelector))]),
  ];
}

function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}

/** Webhooks whose Service is gone or empty: one finding per Service. Adds those to `dead`. */
function* backends(snapshot: Snapshot, ref: ObjectRef, webhooks: readonly Webhook[], dead: Set<Webhook>): Said {
  const served = webhooks.filter(({ clientConfig }) => clientConfig?.service?.name !== undefined);
  const byService = Map.groupBy(served, ({ clientConfig }) =>
    keyOf(serviceRef(clientConfig?.service?.namespace, clientConfig?.service?.name ?? "")),
  );
  for (const same of byService.values()) {
    const { namespace, name = "" } = same[0]?.clientConfig?.service ?? {};
    const cause = serviceRef(namespace, name);
    const common = {
      object: ref,
      severity: same.some(fails) ? ("critical" as const) : ("warning" as const),
      cause,
      discriminator: same.map((webhook) => webhook.name ?? "").sort()[0] ?? "",
      params: { service: name, ...(namespace !== undefined && { service_namespace: namespace }) },
    };
    const blocked = same.flatMap((webhook) => blockedBy(snapshot, ref, webhook));
    const [latest] = blocked;
    const calls = latest === undefined ? [] : [eventEvidence(latest.event)];
    const sufferers = blocked.map(({ workload }) => workload);
    const service = snapshot.get("Service", namespace, name);
    const [described, ...details] = describeWebhooks(ref, same);
    const first = described === undefined ? [] : [described];
    if (service === undefined) {
      if (namespace === undefined || !snapshot.isComplete("Service", namespace)) continue;
      for (const webhook of same) dead.add(webhook);
      yield {
        rule: "webhook-backend-missing",
        ...common,
        evidence: [...first, missing(cause), ...details, ...calls],
        related: sufferers,
      };
      continue;
    }
    const found = backendOf(snapshot, service);
    const hasPort = found.state !== "serving" || same.every((webhook) => isPortServed(snapshot, service, webhook));
    if (found.state === "unknown" || (found.state === "serving" && hasPort)) continue;
    for (const webhook of same) dead.add(webhook);
    const pods = found.state === "not-ready" || found.state === "finished" ? found.pods : [];
    yield {
      rule: "webhook-no-endpoints",
      ...common,
      ...(found.state === "asleep" && { because: "its workload is scaled to zero" }),
      ...(found.state === "serving" && { because: "the Service does not have the port that it names" }),
      evidence: [
        ...first,
        found.state === "serving"
          ? field(
              ref,
              `webhooks[${same[0]?.name ?? ""}].clientConfig.service.port`,
              same[0]?.clientConfig?.service?.port ?? 443,
            )
          : fact(cause, "usable endpoints", 0),
        ...pods.slice(0, 2).map(whyNotReady),
        ...details,
        ...calls,
      ],
      related: [...pods.map((pod) => refOf("Pod", pod)), ...sufferers],
      ...(found.state === "not-ready" && found.since !== undefined && { since: found.since }),
    };
  }
}

/** Whether the Service has the port that the webhook names, and a slice with usable endpoints for it. */
function isPortServed(snapshot: Snapshot, service: KubeObject<"Service">, webhook: Webhook): boolean {
  const wanted = webhook.clientConfig?.service?.port ?? 443;
  const { ports = [] } = service.spec ?? {};
  if (ports.length === 0) return true;
  const port = ports.find((candidate) => candidate.port === wanted);
  if (port === undefined) return false;
  return slicesOf(snapshot, service).some(({ endpoints = [], ports: served = [] }) => {
    const hasPort = served.length === 0 || served.some(({ name }) => (name ?? "") === (port.name ?? ""));
    return hasPort && endpoints.some(isUsable);
  });
}

interface FailedCall {
  readonly event: EventRecord;
  readonly webhook: string;
  readonly detail: string;
  /** The top owner of the object whose creation failed. */
  readonly workload: ObjectRef;
}

/** Current events of the form `failed calling webhook "name": …`, by the webhook's name, newest first. */
const failedCalls = oncePerSnapshot((snapshot) => {
  const calls: FailedCall[] = [];
  for (const event of snapshot.events()) {
    if (event.lastSeen !== undefined && snapshot.takenAt - event.lastSeen > eventMaxAgeMs) continue;
    if (!/^Failed(Create|Update)$|^ReplicaSetCreateError$/.test(event.reason)) continue;
    const refusal = parseCreateRefusal(event.message);
    if (refusal.type !== "webhook-down") continue;
    const { uid } = event.regarding;
    const located =
      uid === undefined ? snapshot.find(event.regarding) : (snapshot.byUid(uid) ?? snapshot.find(event.regarding));
    if (located === undefined || hasRecovered(snapshot, located, event)) continue;
    const workload = topOwnerOf(snapshot, located.object) ?? refOf(located.kind, located.object);
    calls.push({ event, webhook: refusal.webhook, detail: refusal.detail, workload });
  }
  return Map.groupBy(calls, ({ webhook }) => webhook);
});

/** Whether the object has all it wanted by now, so that an event about it tells of the past. */
function hasRecovered(snapshot: Snapshot, { kind, object }: Located, { lastSeen }: EventRecord): boolean {
  if (isGoingAway(snapshot, object)) return true;
  const { namespace, name = "" } = object.metadata ?? {};
  switch (kind) {
    case "ReplicaSet":
    case "StatefulSet": {
      const { spec, status } = snapshot.get(kind, namespace, name) ?? {};
      return (status?.replicas ?? 0) >= (spec?.replicas ?? 1);
    }
    case "DaemonSet": {
      const { currentNumberScheduled = 0, desiredNumberScheduled = 0 } =
        snapshot.get(kind, namespace, name)?.status ?? {};
      return currentNumberScheduled >= desiredNumberScheduled;
    }
    case "Job": {
      const { active = 0, succeeded = 0, failed = 0 } = snapshot.get(kind, namespace, name)?.status ?? {};
      return active + succeeded + failed > 0;
    }
    default:
      return lastSeen === undefined || snapshot.takenAt - lastSeen > 15 * minuteMs;
  }
}

const configurationsByWebhook = oncePerSnapshot((snapshot) => {
  const byWebhook = new Map<string, Set<string>>();
  for (const kind of ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] as const) {
    for (const configuration of snapshot.list(kind)) {
      for (const { name = "" } of configuration.webhooks ?? []) {
        const holders = byWebhook.get(name) ?? new Set<string>();
        byWebhook.set(name, holders.add(keyOf(refOf(kind, configuration))));
      }
    }
  }
  return byWebhook;
});

/** The failed calls that are this webhook's for certain: no other configuration holds a webhook of its name. */
function blockedBy(snapshot: Snapshot, ref: ObjectRef, { name = "" }: Webhook): readonly FailedCall[] {
  const holders = configurationsByWebhook(snapshot).get(name);
  if (holders?.size !== 1 || !holders.has(keyOf(ref))) return [];
  return failedCalls(snapshot).get(name) ?? [];
}

function* failingCalls(
  snapshot: Snapshot,
  ref: ObjectRef,
  webhooks: readonly Webhook[],
  dead: ReadonlySet<Webhook>,
): Said {
  for (const webhook of webhooks) {
    if (dead.has(webhook)) continue;
    const calls = blockedBy(snapshot, ref, webhook);
    const [latest] = calls;
    if (latest === undefined) continue;
    const because = webhookFailureInWords(latest.detail);
    const { service } = webhook.clientConfig ?? {};
    const [described, ...details] = describeWebhooks(ref, [webhook]);
    const onsets = calls.map(({ event }) => event.firstSeen).filter((time) => time !== undefined);
    yield {
      rule: "webhook-call-failing",
      object: ref,
      severity: fails(webhook) ? "critical" : "warning",
      ...(because !== undefined && { because }),
      ...(webhook.name !== undefined && { discriminator: webhook.name }),
      evidence: [
        ...(described === undefined ? [] : [described]),
        eventEvidence(latest.event),
        ...(service?.name === undefined
          ? []
          : [
              field(
                ref,
                `webhooks[${webhook.name ?? ""}].clientConfig.service`,
                qualifiedName(serviceRef(service.namespace, service.name)),
              ),
            ]),
        fact(ref, "workloads that it holds up", new Set(calls.map(({ workload }) => keyOf(workload))).size),
        ...details,
      ],
      related: calls.map(({ workload }) => workload),
      ...(onsets.length > 0 && { since: Math.min(...onsets) }),
    };
  }
}

/** Annotations by which an injector says that it fills caBundle. */
const injector = /inject-(apiserver-)?ca|inject-cabundle|caBundle/i;

function* certificates(
  snapshot: Snapshot,
  ref: ObjectRef,
  { metadata }: Configuration,
  webhooks: readonly Webhook[],
): Said {
  const isInjected = Object.keys(metadata?.annotations ?? {}).some((name) => injector.test(name));
  if (isInjected && (ageOfObject(snapshot, { ...(metadata !== undefined && { metadata }) }) ?? Infinity) < 5 * minuteMs)
    return;
  const served = webhooks.filter(({ clientConfig }) => clientConfig?.service !== undefined);
  // Webhooks of one configuration nearly always share one bundle.
  for (const [bundle, same] of Map.groupBy(served, ({ clientConfig }) => clientConfig?.caBundle ?? "")) {
    const judged = judgeBundle(bundle, snapshot.takenAt);
    if (judged === undefined) continue;
    const at = `webhooks[${same[0]?.name ?? ""}].clientConfig.caBundle`;
    const [described, ...details] = describeWebhooks(ref, same);
    yield {
      rule: "webhook-ca-invalid",
      object: ref,
      severity: judged.isBroken && same.some(fails) ? "critical" : "warning",
      because: judged.because,
      discriminator: same.map(({ name = "" }) => name).sort()[0] ?? "",
      evidence: [
        ...(described === undefined ? [] : [described]),
        ...(judged.notAfter === undefined
          ? [field(ref, at, bundle === "" ? undefined : "not a certificate")]
          : [fact(ref, "caBundle valid until", new Date(judged.notAfter).toISOString())]),
        ...(judged.subject === undefined ? [] : [fact(ref, "subject of the CA", judged.subject)]),
        ...details,
      ],
      ...(judged.isBroken && judged.notAfter !== undefined && { since: judged.notAfter }),
    };
  }
}

interface BundleFault {
  readonly because: string;
  /** Calls fail now, not only soon. */
  readonly isBroken: boolean;
  readonly notAfter?: number;
  readonly subject?: string;
}

function judgeBundle(bundle: string, now: number): BundleFault | undefined {
  // Without a bundle the server trusts public authorities only; none of them signs for names inside a cluster.
  if (bundle === "") return { because: "it is empty", isBroken: true };
  const certificates = parseBundle(bundle);
  if (certificates === undefined) return { because: "it is not a certificate", isBroken: true };
  const last = certificates.reduce((a, b) => (b.notAfter > a.notAfter ? b : a));
  const { notAfter, notBefore, subject } = last;
  if (notAfter <= now) return { because: "it has expired", isBroken: true, notAfter, subject };
  const lifetime = notAfter - notBefore;
  // A certificate of a few weeks is renewed by a machine: only one that is late is told.
  const warnMs = lifetime < 90 * dayMs ? lifetime / 6 : 14 * dayMs;
  return notAfter - now <= warnMs ? { because: "it expires soon", isBroken: false, notAfter, subject } : undefined;
}

function looksAtPods({ rules = [] }: Webhook): boolean {
  return rules.some(
    ({ operations = [], resources = [], apiGroups = [] }) =>
      (operations.includes("CREATE") || operations.includes("*")) &&
      resources.some((resource) => ["pods", "*", "*/*"].includes(resource)) &&
      (apiGroups.includes("") || apiGroups.includes("*")),
  );
}

function* postures(snapshot: Snapshot, ref: ObjectRef, webhooks: readonly Webhook[]): Said {
  for (const webhook of webhooks) {
    if (!looksAtPods(webhook)) continue;
    const {
      name = "",
      timeoutSeconds = 10,
      namespaceSelector = {},
      objectSelector = {},
      matchConditions = [],
    } = webhook;
    const described = fact(ref, "webhook", name);
    if (timeoutSeconds >= 15 && isEmpty(namespaceSelector) && isEmpty(objectSelector) && matchConditions.length === 0) {
      yield {
        rule: "webhook-slow-broad",
        object: ref,
        discriminator: name,
        evidence: [described, field(ref, `webhooks[${name}].timeoutSeconds`, timeoutSeconds)],
      };
    }
    const { namespace, name: serviceName = "" } = webhook.clientConfig?.service ?? {};
    if (!fails(webhook) || namespace === undefined || matchConditions.length > 0) continue;
    const service = snapshot.get("Service", namespace, serviceName);
    const home = snapshot.get("Namespace", undefined, namespace);
    if (service === undefined || home === undefined || !snapshot.isComplete("Pod", namespace)) continue;
    const labels = { "kubernetes.io/metadata.name": namespace, ...home.metadata?.labels };
    if (!isEmpty(namespaceSelector) && !selectorMatches(namespaceSelector, labels)) continue;
    const pods = podsSelectedBy(snapshot, service).filter((pod) => !isFinished(pod));
    const [pod] = pods;
    if (pod === undefined || pods.length > 1) continue;
    if (!isEmpty(objectSelector) && !selectorMatches(objectSelector, pod.metadata?.labels)) continue;
    yield {
      rule: "webhook-blocks-itself",
      object: ref,
      discriminator: name,
      evidence: [
        described,
        fact(ref, "its only Pod", qualifiedName(refOf("Pod", pod))),
        field(ref, `webhooks[${name}].failurePolicy`, webhook.failurePolicy ?? "Fail"),
      ],
      related: [namedRef("Service", namespace, serviceName)],
    };
  }
}
