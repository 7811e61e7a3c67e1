import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { ageOf, conditionOf } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { parseCreateRefusal } from "../kube/messages/create-blocked.ts";
import {
  failingGroupVersions,
  type Remaining,
  remainingFinalizers,
  remainingResources,
} from "../kube/messages/namespace-deletion.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { formatDuration, hourMs, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

export const namespace: Analyzer = defineAnalyzer({
  name: "Namespace",
  core: false,
  needs: ["Namespace"],
  uses: ["APIService", "Pod", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"],
  rules: {
    "namespace-stuck-terminating": {
      severity: ["critical", "warning"],
      depth: 7,
      message: "The namespace is being deleted and does not go away",
      why: "The name stays blocked, and pipelines that make it anew fail",
      fix: "Mend what the conditions name. A finalizer protects something outside the cluster: let its controller finish before you take it off",
      source: "tasks/administer-cluster/namespaces/#deleting-a-namespace",
      commands: [
        "kubectl get ns {name} -o yaml",
        "kubectl get apiservice",
        "kubectl -n {name} get all,pvc,configmap,secret,ingress",
      ],
      silent: ["less than 5 minutes", "its Pods are still within the time that they were given to end"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("Namespace")) {
      const said = stuck(snapshot, object);
      if (said !== undefined) yield said;
    }
  },
});

interface Reason {
  readonly because: string;
  readonly cause?: ObjectRef;
  readonly evidence: readonly Evidence[];
}

function stuck(
  snapshot: Snapshot,
  object: KubeObject<"Namespace">,
): Observation<"namespace-stuck-terminating"> | undefined {
  const { deletionTimestamp } = object.metadata ?? {};
  const age = ageOf(snapshot, deletionTimestamp);
  if (age === undefined || age < 5 * minuteMs) return undefined;
  const ref = refOf("Namespace", object);
  // Pods with a long grace period end in their own time.
  const isEnding = snapshot
    .inNamespace("Pod", ref.name)
    .some(({ metadata }) => (ageOf(snapshot, metadata?.deletionTimestamp) ?? 0) < 0);
  const reasons = [discovery, contentFailure, finalizers, content].map((read) => read(snapshot, object, ref));
  const found = reasons.filter((reason) => reason !== undefined);
  if (isEnding && age < hourMs && found.every(({ cause }) => cause === undefined)) return undefined;
  const [first] = found;
  const since = parseTime(deletionTimestamp);
  return {
    rule: "namespace-stuck-terminating",
    object: ref,
    severity: age >= hourMs ? "critical" : "warning",
    ...(first !== undefined && { because: first.because }),
    ...(first?.cause !== undefined && { cause: first.cause }),
    evidence: [
      ...found.flatMap(({ evidence }) => evidence),
      field(ref, "metadata.deletionTimestamp", deletionTimestamp),
      fact(ref, "being deleted for", formatDuration(age)),
    ].slice(0, 8),
    related: found.flatMap(({ cause }) => (cause === undefined ? [] : [cause])),
    ...(since !== undefined && { since }),
  };
}

type Reader = (snapshot: Snapshot, object: KubeObject<"Namespace">, ref: ObjectRef) => Reason | undefined;

/** The message of a condition that is True. */
function messageOf(object: KubeObject<"Namespace">, type: string): string | undefined {
  const condition = conditionOf(object, type);
  return condition?.status === "True" ? (condition.message ?? "") : undefined;
}

const discovery: Reader = (snapshot, object, ref) => {
  const type = "NamespaceDeletionDiscoveryFailure";
  const message = messageOf(object, type);
  if (message === undefined) return undefined;
  const failing = failingGroupVersions(message);
  const services = snapshot
    .list("APIService")
    .filter(({ spec }) => failing.includes(`${spec?.group}/${spec?.version}`));
  const broken = services.find((service) => conditionOf(service, "Available")?.status === "False") ?? services[0];
  return {
    because: "an API group does not answer",
    ...(broken !== undefined && { cause: refOf("APIService", broken) }),
    evidence: [field(ref, `status.conditions[${type}].message`, message)],
  };
};

const contentFailure: Reader = (snapshot, object, ref) => {
  const type = "NamespaceDeletionContentFailure";
  const message = messageOf(object, type);
  if (message === undefined) return undefined;
  const refusal = parseCreateRefusal(message);
  const webhook = refusal.type === "webhook-down" || refusal.type === "webhook-denied" ? refusal.webhook : undefined;
  const configurations = webhook === undefined ? [] : (configurationsByWebhook(snapshot).get(webhook) ?? []);
  const [cause] = configurations;
  return {
    because:
      webhook === undefined
        ? "some of its objects cannot be deleted"
        : "a webhook stands in the way of deleting its objects",
    ...(configurations.length === 1 && cause !== undefined && { cause }),
    evidence: [field(ref, `status.conditions[${type}].message`, message)],
  };
};

const configurationsByWebhook = oncePerSnapshot((snapshot) => {
  const byName = new Map<string, ObjectRef[]>();
  for (const kind of ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] as const) {
    for (const object of snapshot.list(kind)) {
      for (const { name = "" } of object.webhooks ?? []) {
        const found = byName.get(name);
        if (found === undefined) byName.set(name, [refOf(kind, object)]);
        else found.push(refOf(kind, object));
      }
    }
  }
  return byName;
});

const finalizers: Reader = (_snapshot, object, ref) => {
  const type = "NamespaceFinalizersRemaining";
  const message = messageOf(object, type);
  if (message === undefined) return undefined;
  return {
    because: "objects with finalizers remain",
    evidence: [
      fact(ref, "finalizers that remain", listed(remainingFinalizers(message), message)),
      ...contentEvidence(object, ref),
    ],
  };
};

const content: Reader = (_snapshot, object, ref) => {
  if (messageOf(object, "NamespaceContentRemaining") === undefined) return undefined;
  return {
    because: "objects remain",
    // Finalizers say the same, and more.
    evidence: messageOf(object, "NamespaceFinalizersRemaining") === undefined ? contentEvidence(object, ref) : [],
  };
};

function contentEvidence(object: KubeObject<"Namespace">, ref: ObjectRef): readonly Evidence[] {
  const message = messageOf(object, "NamespaceContentRemaining");
  return message === undefined ? [] : [fact(ref, "objects that remain", listed(remainingResources(message), message))];
}

function listed(remaining: readonly Remaining[], message: string): string {
  if (remaining.length === 0) return message;
  return remaining
    .slice(0, 12)
    .map(({ name, count }) => `${name} (${count})`)
    .join(", ");
}
