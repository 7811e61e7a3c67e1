/** A template or its ServiceAccount names a pull secret that does not exist. */
import { type Evidence, fact, field, missing } from "../../findings/evidence.ts";
import type { Observation, Rule } from "../../findings/finding.ts";
import { ageOfObject, graceMs, hasSettled, isGoingAway } from "../../kube/guards.ts";
import type { KindName, PodSpec } from "../../kube/kinds.ts";
import { namedRef, type ObjectRef } from "../../kube/object-ref.ts";
import { type Templated, templatedOfKind } from "../../kube/relations.ts";
import { similarNames } from "../../kube/similar.ts";
import type { Snapshot } from "../../kube/snapshot.ts";

/** The entry, shared by every analyzer of a workload. */
export const pullSecretRules = {
  "image-pull-secret-missing": {
    severity: ["warning", "info"],
    depth: 4,
    message: "A pull secret that the Pods name does not exist",
    why: "A node that has not pulled the image yet may be refused by the registry",
    fix: "Create the Secret in the namespace, or correct the name in imagePullSecrets of the template or the ServiceAccount",
    source: "tasks/configure-pod-container/pull-image-private-registry/",
    commands: [
      "kubectl -n {namespace} get secret {secret}",
      "kubectl -n {namespace} get serviceaccount {account} -o yaml",
    ],
    silent: [
      "Secrets could not be listed",
      "The workload is younger than 60 seconds, or is being deleted",
      "The Job has ended",
    ],
  },
} as const satisfies Readonly<Record<string, Rule>>;

/** The kinds that `missingPullSecrets` looks into. */
export const pullSecretUses: readonly KindName[] = ["Secret", "ServiceAccount"];

/** The pull secrets that workloads of `kind` name and that do not exist; `info` where the workload wants no Pod. */
export function* missingPullSecrets(
  snapshot: Snapshot,
  kind: Templated["kind"],
  isOver: (workload: ObjectRef) => boolean = () => false,
): Iterable<Observation<"image-pull-secret-missing">> {
  for (const { object, ref, spec, path, wanted } of templatedOfKind(snapshot, kind)) {
    const { namespace } = ref;
    if (namespace === undefined || spec === undefined || isOver(ref) || isGoingAway(snapshot, object)) continue;
    if (!hasSettled(snapshot, object, graceMs.pod) || !snapshot.isComplete("Secret", namespace)) continue;
    const account = spec.serviceAccountName ?? "default";
    const seen = new Set<string>();
    for (const { name, evidence } of pullSecretsOf(snapshot, { ref, spec, path, account })) {
      if (seen.has(name) || snapshot.get("Secret", namespace, name) !== undefined) continue;
      seen.add(name);
      const cause = namedRef("Secret", namespace, name);
      const names = snapshot.inNamespace("Secret", namespace).map((secret) => secret.metadata?.name ?? "");
      const similar = similarNames(name, names);
      yield {
        rule: "image-pull-secret-missing",
        severity: wanted > 0 || isUnapplied(snapshot, object) ? "warning" : "info",
        object: ref,
        cause,
        discriminator: name,
        evidence: [evidence, missing(cause), ...(similar.length > 0 ? [fact(cause, "similar names", similar)] : [])],
        params: { secret: name, account },
      };
    }
  }
}

/** The names in the template, then those of the account that the template does not override. */
function* pullSecretsOf(
  snapshot: Snapshot,
  { ref, spec, path, account }: { ref: ObjectRef; spec: PodSpec; path: string; account: string },
): Iterable<{ readonly name: string; readonly evidence: Evidence }> {
  const own = namesIn(spec.imagePullSecrets);
  for (const name of own) yield { name, evidence: field(ref, `${path}.imagePullSecrets`, own) };
  // Admission copies the account's list only into Pods that have none (plugin/pkg/admission/serviceaccount).
  if (own.length > 0) return;
  const holder = snapshot.get("ServiceAccount", ref.namespace, account);
  const accountRef = namedRef("ServiceAccount", ref.namespace, account);
  const names = namesIn(holder?.imagePullSecrets);
  for (const name of names) yield { name, evidence: field(accountRef, "imagePullSecrets", names) };
}

function namesIn(list: readonly { readonly name?: string }[] | undefined): readonly string[] {
  return (list ?? []).map(({ name }) => name ?? "").filter((name) => name !== "");
}

/** A manifest that no server has seen: a DaemonSet or Job there has no status yet, which does not mean that it wants none. */
function isUnapplied(snapshot: Snapshot, object: Templated["object"]): boolean {
  return ageOfObject(snapshot, object) === undefined;
}
