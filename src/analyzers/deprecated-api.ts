/**
 * Clients that still use old API versions, by the server's own record of who wrote what
 * (reference/using-api/server-side-apply/), and, where its metrics may be read, by its count of requests since it was
 * started, which also knows of clients that only read (reference/instrumentation/metrics/). The object itself survives an upgrade, since the server converts it; the client
 * breaks. So an old entry alone proves little: it counts only while the server still serves the version and the same client
 * has not used a newer one.
 */
import { fact, field } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { deprecatedVersion, kindsWithDeprecatedVersions } from "../kube/deprecated-versions.ts";
import { ageOf, isGoingAway } from "../kube/guards.ts";
import type { KindName } from "../kube/kinds.ts";
import { namedRef, refOf } from "../kube/object-ref.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, parseTime } from "../kube/time.ts";
import { parseMinorVersion } from "../kube/version.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

const shared = {
  fix: "Change the manifest, chart or client that the manager names to the version that takes its place; the object itself needs no change",
  source: "reference/using-api/deprecation-guide/",
  commands: [
    "kubectl -n {namespace} get {resource} {name} -o yaml --show-managed-fields",
    "kubectl get {resource} {name} -o yaml --show-managed-fields",
    "kubectl get --raw /metrics | grep apiserver_requested_deprecated_apis",
  ],
} as const;
const silent = [
  "the last use is older than 90 days, or its time is not known",
  "the same client has used a newer version since",
  "the server does not serve the version any more: nobody can use it",
  "the version of the server is not known",
  "writes by Kubernetes' own controllers",
  "versions that are deprecated, but that no release removes",
] as const;

export const deprecatedApi: Analyzer = defineAnalyzer({
  name: "DeprecatedAPI",
  core: false,
  needs: [],
  uses: kindsWithDeprecatedVersions,
  usesFacts: ["deprecatedRequests"],
  rules: {
    "api-removed-in-target": {
      ...shared,
      severity: "critical",
      depth: 5,
      message: "A client uses an API version that the next minor version of Kubernetes does not serve",
      why: "After the upgrade that client fails: the next deployment does not go through",
      silent,
    },
    "api-deprecated-in-use": {
      ...shared,
      severity: "warning",
      depth: 5,
      message: "A client uses an API version that a later version of Kubernetes does not serve",
      why: "After some upgrade that client fails: deployments do not go through any more",
      silent,
    },
  },
  *check(snapshot) {
    const minor = parseMinorVersion(snapshot.cluster.serverVersion);
    if (minor?.major !== 1) return;
    for (const kind of kindsWithDeprecatedVersions) yield* ofKind(snapshot, kind, minor.minor);
    yield* ofRequests(snapshot, minor.minor);
  },
});

type Said = Iterable<Observation<"api-removed-in-target" | "api-deprecated-in-use">>;

/** What the server was asked for. It does not say by whom. */
function* ofRequests({ facts, cluster }: Snapshot, server: number): Said {
  for (const { group, version, resource, removedRelease } of facts.deprecatedRequests ?? []) {
    const removed = parseMinorVersion(removedRelease);
    if (removed?.major !== 1 || server >= removed.minor) continue;
    const object = namedRef("APIServer", undefined, cluster.name);
    const apiVersion = group === "" ? version : `${group}/${version}`;
    yield {
      rule: removed.minor <= server + 1 ? "api-removed-in-target" : "api-deprecated-in-use",
      object,
      discriminator: `${apiVersion} ${resource}`,
      evidence: [
        fact(object, "asked for since the server was started", `${resource} ${apiVersion}`),
        fact(object, "not served from", `1.${removed.minor}`),
      ],
    };
  }
}

/** Not clients of users: they follow the server. */
const ownManagers: ReadonlySet<string> = new Set(["kube-apiserver", "kube-controller-manager", "kube-scheduler"]);

interface Write {
  readonly manager: string;
  readonly apiVersion: string;
  readonly time: number;
}

function* ofKind(snapshot: Snapshot, kind: KindName, server: number): Said {
  for (const object of snapshot.list(kind)) {
    if (isGoingAway(snapshot, object)) continue;
    const writes = writesOf(object.metadata);
    for (const { manager, apiVersion, time } of writes) {
      const old = deprecatedVersion(kind, apiVersion);
      if (old === undefined || server >= old.removedIn || (ageOf(snapshot, time) ?? Infinity) > 90 * dayMs) continue;
      const hasMoved = writes.some(
        (other) => other.manager === manager && other.apiVersion !== apiVersion && other.time > time,
      );
      if (hasMoved || ownManagers.has(manager)) continue;
      const ref = refOf(kind, object);
      yield {
        rule: old.removedIn <= server + 1 ? "api-removed-in-target" : "api-deprecated-in-use",
        object: ref,
        discriminator: `${apiVersion} ${manager}`,
        params: { resource: kind.toLowerCase() },
        evidence: [
          field(ref, `metadata.managedFields[${manager}].apiVersion`, apiVersion),
          field(ref, `metadata.managedFields[${manager}].time`, new Date(time).toISOString()),
          fact(ref, "version that takes its place", old.replacement),
          fact(ref, "not served from", `1.${old.removedIn}`),
        ],
      };
    }
  }
}

/** The newest write of each client in each version; the metadata of these kinds keeps the record of them. */
function writesOf(metadata: unknown): readonly Write[] {
  if (typeof metadata !== "object" || metadata === null || !("managedFields" in metadata)) return [];
  const { managedFields } = metadata;
  if (!Array.isArray(managedFields)) return [];
  const newest = new Map<string, Write>();
  for (const entry of managedFields) {
    const [manager, apiVersion] = [textOf(entry, "manager"), textOf(entry, "apiVersion")];
    const when = parseTime(textOf(entry, "time"));
    if (manager === undefined || apiVersion === undefined || when === undefined) continue;
    const key = `${manager}\n${apiVersion}`;
    if ((newest.get(key)?.time ?? -Infinity) < when) newest.set(key, { manager, apiVersion, time: when });
  }
  return [...newest.values()];
}

function textOf(entry: unknown, name: string): string | undefined {
  if (typeof entry !== "object" || entry === null) return undefined;
  const value: unknown = Reflect.get(entry, name);
  return typeof value === "string" ? value : undefined;
}
