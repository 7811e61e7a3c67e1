import { type Evidence, fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { parseBundle } from "../kube/certificates.ts";
import { ageOf, ageOfObject, conditionOf, graceMs, hasSettled } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { type ObjectRef, refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { formatDuration, minuteMs, parseTime } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { backendKinds, serviceRef } from "./rules/endpoints.ts";
import { type ServiceTrouble, serviceTrouble } from "./rules/served-by.ts";

type Definition = KubeObject<"CustomResourceDefinition">;

const describe = "kubectl describe crd {name}";
const source = "tasks/extend-kubernetes/custom-resources/custom-resource-definitions/";
const versioning = "tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/";
const why = "Objects of that kind cannot be read, created or removed";

export const customResourceDefinition: Analyzer = defineAnalyzer({
  name: "CustomResourceDefinition",
  core: false,
  needs: ["CustomResourceDefinition"],
  uses: [...backendKinds],
  rules: {
    "crd-not-established": {
      severity: "critical",
      depth: 2,
      message: "The API server does not serve the kind that the definition describes",
      why,
      fix: "Read the conditions of the definition, and correct what they complain about",
      source,
      commands: [describe],
      silent: ["younger than 60 seconds", "its names conflict: that is said instead", "it has no conditions"],
    },
    "crd-names-conflict": {
      severity: "critical",
      depth: 2,
      message: "The names of the definition are taken by another one",
      why,
      fix: "Remove or rename one of the two: kind, plural and short names must differ within an API group",
      source,
      commands: [describe, "kubectl api-resources --api-group={group}"],
      silent: ["younger than 60 seconds"],
    },
    "crd-conversion-broken": {
      severity: "critical",
      depth: 2,
      message: "The webhook that converts between versions of the kind cannot be called",
      why: "All reads and writes of that kind fail, and with them garbage collection and namespace deletion",
      fix: "Restore the Service and the Pods of the operator that owns the kind, or its CA bundle",
      source: `${versioning}#webhook-conversion`,
      commands: ["kubectl get crd {name} -o yaml", "kubectl -n {service_namespace} get pods,endpointslice", describe],
      silent: [
        "one version only: nothing is ever converted",
        "webhooks behind a URL",
        "an empty CA bundle that an injector is about to fill",
        "Services or endpoints could not be read",
        "younger than 60 seconds",
      ],
    },
    "crd-terminating-stuck": {
      severity: "warning",
      depth: 2,
      message: "The definition is being deleted for more than 10 minutes",
      why: "The kind stays blocked: it can be neither used nor installed anew",
      fix: "Find the objects of the kind that remain, and the controller that should take off their finalizers; it may have been removed first",
      source,
      commands: [describe, "kubectl get {plural} -A"],
      silent: ["less than 10 minutes"],
    },
    "crd-old-stored-version": {
      severity: "info",
      depth: 2,
      message: "Objects may still be stored in a version of the kind that is deprecated or not served",
      why: "The version cannot be removed from the definition, and the next upgrade of the operator may be refused",
      fix: "Migrate the stored objects, then remove the version from status.storedVersions",
      source: `${versioning}#upgrade-existing-objects-to-a-new-stored-version`,
      commands: ["kubectl get crd {name} -o yaml"],
      silent: ["younger than 60 seconds", "the old version is the one that is stored now"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("CustomResourceDefinition")) {
      if (object.metadata?.deletionTimestamp !== undefined) yield* terminating(snapshot, object);
      else if (hasSettled(snapshot, object, graceMs.pod)) {
        yield* names(snapshot, object);
        yield* conversion(snapshot, object);
        yield* oldVersion(object);
      }
    }
  },
});

type RuleId =
  | "crd-not-established"
  | "crd-names-conflict"
  | "crd-conversion-broken"
  | "crd-terminating-stuck"
  | "crd-old-stored-version";
type Said = Iterable<Observation<RuleId>>;

function paramsOf({ spec }: Definition): Readonly<Record<string, string>> {
  const { group = "", names: { plural = "" } = {} } = spec ?? {};
  return { group, plural: plural === "" ? "" : `${plural}.${group}` };
}

function* terminating(snapshot: Snapshot, object: Definition): Said {
  const { deletionTimestamp, finalizers = [] } = object.metadata ?? {};
  const age = ageOf(snapshot, deletionTimestamp);
  if (age === undefined || age < 10 * minuteMs) return;
  const ref = refOf("CustomResourceDefinition", object);
  const condition = conditionOf(object, "Terminating");
  const since = parseTime(deletionTimestamp);
  yield {
    rule: "crd-terminating-stuck",
    object: ref,
    ...(condition?.reason === "InstanceDeletionFailed" && { because: "some of its objects cannot be deleted" }),
    ...(condition?.reason === "InstanceDeletionInProgress" && { because: "objects of the kind remain" }),
    evidence: [
      field(ref, "metadata.deletionTimestamp", deletionTimestamp),
      fact(ref, "being deleted for", formatDuration(age)),
      ...conditionFields(object, "Terminating"),
      field(ref, "metadata.finalizers", finalizers),
    ],
    ...(since !== undefined && { since }),
    params: paramsOf(object),
  };
}

function conditionFields(object: Definition, type: string): readonly Evidence[] {
  const ref = refOf("CustomResourceDefinition", object);
  const condition = conditionOf(object, type);
  if (condition === undefined) return [];
  return [
    field(ref, `status.conditions[${type}].reason`, condition.reason),
    ...(condition.message === undefined ? [] : [field(ref, `status.conditions[${type}].message`, condition.message)]),
  ];
}

function* names(snapshot: Snapshot, object: Definition): Said {
  const ref = refOf("CustomResourceDefinition", object);
  const [accepted, established] = [conditionOf(object, "NamesAccepted"), conditionOf(object, "Established")];
  const failed = accepted?.status === "False" ? accepted : established?.status === "False" ? established : undefined;
  if (failed === undefined || !hasSettled(snapshot, object, graceMs.pod, failed.lastTransitionTime)) return;
  const isConflict = failed === accepted;
  const since = parseTime(failed.lastTransitionTime);
  yield {
    rule: isConflict ? "crd-names-conflict" : "crd-not-established",
    object: ref,
    evidence: [
      field(ref, `status.conditions[${failed.type}].status`, failed.status),
      ...conditionFields(object, failed.type ?? ""),
      field(ref, "spec.names", object.spec?.names),
    ],
    ...(since !== undefined && { since }),
    params: paramsOf(object),
  };
}

// ---- conversion -------------------------------------------------------------------------------------------------------

function* conversion(snapshot: Snapshot, object: Definition): Said {
  const { strategy, webhook } = object.spec?.conversion ?? {};
  const { service, caBundle = "" } = webhook?.clientConfig ?? {};
  if (strategy !== "Webhook" || service?.name === undefined || !isEverConverted(object)) return;
  const ref = refOf("CustomResourceDefinition", object);
  const cause = serviceRef(service.namespace, service.name);
  const trouble = serviceTrouble(snapshot, cause);
  const found = trouble ?? bundleTrouble(snapshot, object, ref, caBundle);
  if (found === undefined) return;
  yield {
    rule: "crd-conversion-broken",
    object: ref,
    because: found.because,
    // A bundle is at fault itself, not the Service.
    ...(trouble !== undefined && { cause }),
    evidence: [
      ...found.evidence,
      field(ref, "spec.conversion.webhook.clientConfig.service.name", `${service.namespace}/${service.name}`),
      fact(
        ref,
        "versions",
        (object.spec?.versions ?? [])
          .slice(0, 12)
          .map(({ name = "" }) => name)
          .join(", "),
      ),
    ],
    related: [...found.related],
    params: {
      ...paramsOf(object),
      service: service.name,
      ...(service.namespace !== undefined && { service_namespace: service.namespace }),
    },
  };
}

/** Whether there is more than one version that somebody may ask for or that may be stored. */
function isEverConverted({ spec, status }: Definition): boolean {
  const served = (spec?.versions ?? []).filter(
    ({ served: isServed, storage }) => isServed === true || storage === true,
  );
  return new Set([...served.map(({ name }) => name), ...(status?.storedVersions ?? [])]).size > 1;
}

/** Annotations of those who fill in CA bundles. */
const injectors =
  /^(?:cert-manager\.io\/inject-|certmanager\.k8s\.io\/inject-|service\.beta\.openshift\.io\/inject-cabundle)/;

function bundleTrouble(
  snapshot: Snapshot,
  object: Definition,
  ref: ObjectRef,
  caBundle: string,
): ServiceTrouble | undefined {
  const path = "spec.conversion.webhook.clientConfig.caBundle";
  if (caBundle === "") {
    // Without a bundle the system's own roots count, which may be meant.
    const isInjected = Object.keys(object.metadata?.annotations ?? {}).some((name) => injectors.test(name));
    if (!isInjected || (ageOfObject(snapshot, object) ?? Number.POSITIVE_INFINITY) < 5 * minuteMs) return undefined;
    return { because: "its CA bundle was never filled in", evidence: [field(ref, path, undefined)], related: [] };
  }
  const certificates = parseBundle(caBundle);
  if (certificates === undefined) {
    return {
      because: "its CA bundle cannot be parsed",
      evidence: [fact(ref, `${path} has certificates`, false)],
      related: [],
    };
  }
  const latest = Math.max(...certificates.map(({ notAfter }) => notAfter));
  if (latest > snapshot.takenAt) return undefined;
  return {
    because: "its CA bundle has expired",
    evidence: [fact(ref, `${path} is valid until`, new Date(latest).toISOString())],
    related: [],
  };
}

function* oldVersion(object: Definition): Said {
  const ref = refOf("CustomResourceDefinition", object);
  const versions = new Map((object.spec?.versions ?? []).map((version) => [version.name, version]));
  const old = (object.status?.storedVersions ?? []).filter((name) => {
    const version = versions.get(name);
    return (
      version !== undefined && version.storage !== true && (version.served === false || version.deprecated === true)
    );
  });
  if (old.length === 0) return;
  yield {
    rule: "crd-old-stored-version",
    object: ref,
    evidence: [
      field(ref, "status.storedVersions", object.status?.storedVersions),
      ...old.slice(0, 4).map((name) => {
        const isServed = versions.get(name)?.served !== false;
        return isServed
          ? field(ref, `spec.versions[${name}].deprecated`, true)
          : field(ref, `spec.versions[${name}].served`, false);
      }),
    ],
    params: paramsOf(object),
  };
}
