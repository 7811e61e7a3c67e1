/**
 * Why the API server refused to create a Pod (or a Job, or a ReplicaSet): the text that controllers put into `FailedCreate`
 * events and `ReplicaFailure` conditions. The forms are those of Kubernetes v1.34: the plugins of
 * `plugin/pkg/admission` and `apiserver/pkg/admission/plugin`, `pod-security-admission/admission` and
 * `apiserver/pkg/util/webhook`. Older servers use the same words. Text that fits none of them is `other`.
 */

export type CreateRefusal =
  | {
      readonly type: "quota";
      readonly quota: string;
      /** `pods=1,requests.cpu=500m`, as the message says. */
      readonly requested: string;
      readonly used: string;
      readonly limited: string;
    }
  | { readonly type: "quota-needs-requests"; readonly quota: string; readonly wanted: string }
  | { readonly type: "limitrange"; readonly bound: "minimum" | "maximum" | "ratio"; readonly detail: string }
  | { readonly type: "podsecurity"; readonly level: string; readonly detail: string }
  | { readonly type: "webhook-down"; readonly webhook: string; readonly detail: string }
  | { readonly type: "webhook-denied"; readonly webhook: string; readonly detail: string }
  | { readonly type: "policy"; readonly policy: string; readonly detail: string }
  | { readonly type: "serviceaccount"; readonly account: string }
  | { readonly type: "priorityclass"; readonly className: string }
  | { readonly type: "runtimeclass"; readonly className: string }
  | { readonly type: "rights"; readonly user: string }
  | { readonly type: "invalid"; readonly path: string; readonly detail: string }
  /** The namespace is being deleted: nothing is wrong with the workload. */
  | { readonly type: "terminating" }
  | { readonly type: "other" };

type Reader = (message: string) => CreateRefusal | undefined;

/** Reads by the first group of `pattern`. */
function reader(pattern: RegExp, read: (parts: readonly string[]) => CreateRefusal): Reader {
  return (message) => {
    const match = pattern.exec(message);
    return match === null ? undefined : read(match.slice(1).map((part) => (part ?? "").trim()));
  };
}

// A webhook and a policy write text of their own behind their name, which may hold any of the other forms: they come first.
const readers: readonly Reader[] = [
  reader(/admission webhook "([^"]+)" denied the request:? ?(.*)/s, ([webhook = "", detail = ""]) => ({
    type: "webhook-denied",
    webhook,
    detail,
  })),
  reader(
    /ValidatingAdmissionPolicy '([^']+)'(?: with binding '[^']*')? denied request: ?(.*)/s,
    ([policy = "", detail = ""]) => ({
      type: "policy",
      policy,
      detail,
    }),
  ),
  reader(/failed calling webhook "([^"]+)"[:;] ?(.*)/s, ([webhook = "", detail = ""]) => ({
    type: "webhook-down",
    webhook,
    detail,
  })),
  reader(
    /exceeded quota: ([^,\s]+), requested: (.*?), used: (.*?), limited: (.*)/s,
    ([quota = "", requested = "", used = "", limited = ""]) => ({ type: "quota", quota, requested, used, limited }),
  ),
  reader(/failed quota: ([^:\s]+): must specify (.*)/s, ([quota = "", wanted = ""]) => ({
    type: "quota-needs-requests",
    quota,
    wanted,
  })),
  reader(
    /\b((minimum|maximum) \S+ usage per (?:Pod|Container|PersistentVolumeClaim) is .*)/s,
    ([detail = "", bound]) => ({
      type: "limitrange",
      bound: bound === "minimum" ? "minimum" : "maximum",
      detail,
    }),
  ),
  reader(/(\S+ max limit to request ratio per (?:Pod|Container|PersistentVolumeClaim) is .*)/s, ([detail = ""]) => ({
    type: "limitrange",
    bound: "ratio",
    detail,
  })),
  reader(/violates PodSecurity "([a-z]+)(?::[^"]*)?":? ?(.*)/s, ([level = "", detail = ""]) => ({
    type: "podsecurity",
    level,
    detail,
  })),
  reader(/error looking up service account [^/\s]+\/([^:\s]+): serviceaccounts? .*not found/s, ([account = ""]) => ({
    type: "serviceaccount",
    account,
  })),
  reader(/serviceaccounts? "([^"]+)" not found/, ([account = ""]) => ({ type: "serviceaccount", account })),
  reader(/no PriorityClass with name (\S+) was found/, ([className = ""]) => ({ type: "priorityclass", className })),
  reader(/RuntimeClass "([^"]+)" not found/, ([className = ""]) => ({ type: "runtimeclass", className })),
  reader(/because it is being terminated/, () => ({ type: "terminating" })),
  reader(/is forbidden: User "([^"]+)" cannot create/, ([user = ""]) => ({ type: "rights", user })),
  reader(/ is invalid: (?:\[)?([A-Za-z][\w.[\]"/-]*): (.*)/s, ([path = "", detail = ""]) => ({
    type: "invalid",
    path,
    detail,
  })),
  reader(/ is invalid:? ?(.*)/s, ([detail = ""]) => ({ type: "invalid", path: "", detail })),
];

/** No refusal is longer; the time that patterns may take does not grow with what a webhook writes behind its own. */
const longestMessage = 4096;

/** Why the creation was refused, from the message of the condition or event. */
export function parseCreateRefusal(message: string | undefined): CreateRefusal {
  const start = (message ?? "").slice(0, longestMessage);
  for (const read of readers) {
    const refusal = read(start);
    if (refusal !== undefined) return refusal;
  }
  return { type: "other" };
}

/** Why a webhook could not be called, in words of our own; undefined when the text is none of the known ones. */
export function webhookFailureInWords(detail: string): string | undefined {
  return webhookFailures.find(([pattern]) => pattern.test(detail))?.[1];
}

const webhookFailures: readonly (readonly [RegExp, string])[] = [
  [/no endpoints available for service/, "its Service has no ready endpoint"],
  [/service "[^"]*" not found/, "its Service does not exist"],
  [/x509|certificate|tls: /i, "its certificate is not accepted"],
  [/context deadline exceeded|i\/o timeout|Client\.Timeout|timed out/, "it did not answer in time"],
  [/connection refused/, "it refuses connections"],
  [/no such host/, "its host name does not resolve"],
  [/no route to host|network is unreachable/, "it cannot be reached"],
  [/connection reset|\bEOF\b/, "it closed the connection"],
  [/the server could not find the requested resource/, "its path does not exist"],
  [/invalid webhook response|undecodable|unsupported patch/, "its answer is not valid"],
  [/the server (?:is currently unable|rejected)|status code 5\d\d|an error on the server/, "it answered with an error"],
];

/** What a quota counts, in words of our own, from `requested` of its message: `pods=1,requests.cpu=500m`. */
export function quotaResourcesInWords(requested: string): string | undefined {
  const words = new Set<string>();
  for (const entry of requested.split(",")) {
    const resource = entry.split("=")[0]?.trim() ?? "";
    const word = quotaResources.find(([pattern]) => pattern.test(resource))?.[1];
    if (word !== undefined) words.add(word);
  }
  return words.size === 0 ? undefined : [...words].sort().join(", ");
}

const quotaResources: readonly (readonly [RegExp, string])[] = [
  [/^(?:count\/)?pods$/, "number of Pods"],
  [/^(?:requests\.)?cpu$/, "CPU requests"],
  [/^limits\.cpu$/, "CPU limits"],
  [/^(?:requests\.)?memory$/, "memory requests"],
  [/^limits\.memory$/, "memory limits"],
  [/^requests\.storage$|storageclass\.storage\.k8s\.io\/requests\.storage$/, "storage requests"],
  [/ephemeral-storage$/, "ephemeral storage"],
  [/persistentvolumeclaims$/, "number of PersistentVolumeClaims"],
  [/^count\/jobs\.batch$/, "number of Jobs"],
  [/^count\/replicasets\.apps$/, "number of ReplicaSets"],
  [/^requests\..+\//, "extended resources"],
];
