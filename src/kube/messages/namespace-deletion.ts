/**
 * Why a namespace does not go away: the conditions that kube-controller-manager v1.34 writes
 * (pkg/controller/namespace/deletion/status_condition_utils.go) while it empties one.
 */

/** What remains of one kind, or under one finalizer. */
export interface Remaining {
  /** `pods`, `widgets.example.com`, or a finalizer. */
  readonly name: string;
  readonly count: number;
}

/** `Some resources are remaining: pods. has 3 resource instances, widgets.example.com has 1 resource instances`. */
export function remainingResources(message: string | undefined): readonly Remaining[] {
  // Part by part, so that odd text cannot make the search long.
  return (message ?? "").split(/[,:] /).flatMap((part) => {
    const found = /^([a-z0-9-]+)\.([a-z0-9.-]*) has (\d+) resource instances?$/.exec(part);
    if (found === null) return [];
    const [, resource = "", group = "", count] = found;
    return [{ name: group === "" ? resource : `${resource}.${group}`, count: Number(count) }];
  });
}

/** `Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances, …`. */
export function remainingFinalizers(message: string | undefined): readonly Remaining[] {
  return (message ?? "").split(/, |: /).flatMap((part) => {
    const found = /^(\S+) in (\d+) resource instances?$/.exec(part);
    return found === null ? [] : [{ name: found[1] ?? "", count: Number(found[2]) }];
  });
}

/**
 * The group versions that do not answer, as `group/version`: `Discovery failed for some groups, 1 failing: unable to
 * retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: the server is currently unable to handle the request`.
 */
export function failingGroupVersions(message: string | undefined): readonly string[] {
  const text = (message ?? "").replace(/^.*complete list of server APIs: /s, "");
  const found = [...text.matchAll(/(?:^|, )([a-z0-9.-]+\/v[a-z0-9]+): /g)].map(([, groupVersion = ""]) => groupVersion);
  return [...new Set(found)].sort();
}
