/**
 * What a file of a dump is, told by its path inside the dump. Each layout is the one that its tool writes:
 * - `kubectl cluster-info dump --output-directory` (kubectl, pkg/cmd/clusterinfo)
 * - must-gather and `oc adm inspect` (openshift/oc, pkg/cli/admin/inspect)
 * - support bundles (replicatedhq/troubleshoot, pkg/collect and pkg/constants)
 * - our own snapshot file
 * Everything else is a manifest, if its content says so. A path only tells where a file belongs; what it holds is told
 * by its content.
 */
import { isKindName, type KindName, kindDefinition, kindNames } from "../../kube/kinds.ts";

export type Layout = "snapshot" | "cluster-info" | "must-gather" | "support-bundle" | "manifests";

export type Place =
  /** Objects. With `kind`, a list here is the whole list of that kind in `namespace`, or in the cluster. */
  | {
      readonly type: "objects";
      readonly layout: Layout;
      readonly kind?: KindName;
      readonly namespace?: string;
      /** One file per object, in a folder that holds all of them. */
      readonly folder?: boolean;
    }
  /** Why a kind could not be read. */
  | { readonly type: "errors"; readonly layout: Layout; readonly kind: KindName }
  | {
      readonly type: "log";
      readonly layout: Layout;
      readonly namespace?: string;
      readonly pod: string;
      readonly container: string;
      readonly previous: boolean;
    }
  /** The logs of all containers of a Pod in one file, between markers. */
  | { readonly type: "log-sections"; readonly layout: Layout; readonly namespace: string; readonly pod: string }
  | { readonly type: "capture-time"; readonly layout: Layout }
  | { readonly type: "server-version"; readonly layout: Layout }
  | { readonly type: "snapshot-header"; readonly layout: Layout }
  | { readonly type: "snapshot-objects"; readonly layout: Layout; readonly kind: KindName }
  | { readonly type: "snapshot-logs"; readonly layout: Layout }
  | { readonly type: "snapshot-custom"; readonly layout: Layout }
  /** Known to hold nothing for us. */
  | { readonly type: "nothing"; readonly layout?: Layout };

/** Names of the files in one of our snapshots. */
export const snapshotHeader = "k8sgpt-snapshot.json";
export const snapshotLogs = "logs.ndjson";
export const snapshotCustom = "custom.ndjson";
export function snapshotObjects(kind: KindName): string {
  return `objects/${kind}.ndjson`;
}

/** Files of a namespace in a `cluster-info dump`, in the order in which they are written. */
export const clusterInfoFiles: ReadonlyMap<string, KindName | undefined> = new Map([
  ["events", "Event"],
  ["replication-controllers", undefined],
  ["services", "Service"],
  ["daemonsets", "DaemonSet"],
  ["deployments", "Deployment"],
  ["replicasets", "ReplicaSet"],
  ["pods", "Pod"],
]);

/** Folders and files of a support bundle whose names are not the plural of the kind. */
const bundleNames: Readonly<Record<string, KindName>> = {
  namespace: "Namespace",
  ingress: "Ingress",
  "network-policy": "NetworkPolicy",
  "resource-quota": "ResourceQuota",
  "storage-classes": "StorageClass",
  storage: "StorageClass",
  "pod-disruption-budgets": "PodDisruptionBudget",
  pvs: "PersistentVolume",
  pvcs: "PersistentVolumeClaim",
  // Bundles of some versions hold the ReplicaSets here, by a slip of their collector.
  "statefulsets-errors.json": "ReplicaSet",
};

const byPlural = new Map(kindNames.map((name) => [kindDefinition(name).plural, name]));

/** The place of `path` (with `/`, no leading `./`), or undefined when no layout knows it: then its content decides. */
export function placeOf(path: string): Place | undefined {
  return snapshotPlace(path) ?? mustGatherPlace(path) ?? bundlePlace(path) ?? clusterInfoPlace(path);
}

function snapshotPlace(path: string): Place | undefined {
  const layout = "snapshot";
  const [, folder = "", name = ""] = /^(?:[^/]+\/)??((?:objects\/)?)([^/]+)$/.exec(path) ?? [];
  if (folder === "" && name === snapshotHeader) return { type: "snapshot-header", layout };
  if (folder === "" && name === snapshotLogs) return { type: "snapshot-logs", layout };
  if (folder === "" && name === snapshotCustom) return { type: "snapshot-custom", layout };
  const kind = folder === "" ? undefined : /^(\w+)\.ndjson$/.exec(name)?.[1];
  return kind !== undefined && isKindName(kind) ? { type: "snapshot-objects", layout, kind } : undefined;
}

function mustGatherPlace(path: string): Place | undefined {
  const layout = "must-gather";
  if (/(?:^|\/)timestamp$/.test(path)) return { type: "capture-time", layout };
  if (/(?:^|\/)event-filter\.html$/.test(path)) return { type: "nothing", layout };
  const wide = /(?:^|\/)cluster-scoped-resources\/([^/]+)\/([^/.]+)(\/[^/]+)?\.(?:yaml|yml|json)$/.exec(path);
  if (wide !== null) {
    const kind = kindOf(wide[1], wide[2]);
    // Namespaces are gathered where something points at them, the other kinds as a whole.
    const folder = wide[3] !== undefined && kind !== "Namespace";
    return kind === undefined
      ? { type: "nothing", layout }
      : { type: "objects", layout, kind, ...(folder && { folder }) };
  }
  const [, namespace = "", rest = ""] = /(?:^|\/)namespaces\/([^/]+)\/(.+)$/.exec(path) ?? [];
  if (rest === "") return undefined;
  const log = /^pods\/([^/]+)\/([^/]+)\/\2\/logs\/(current|previous)(?:\.insecure)?\.log$/.exec(rest);
  if (log !== null) {
    const [, pod = "", container = "", run] = log;
    return { type: "log", layout, namespace, pod, container, previous: run === "previous" };
  }
  if (/^pods\/([^/]+)\/\1\.yaml$/.test(rest)) return { type: "objects", layout };
  const list = /^([^/]+)\/([^/]+)\.(?:yaml|yml|json)$/.exec(rest);
  const kind = list === null ? undefined : kindOf(list[1], list[2]);
  return kind === undefined ? undefined : { type: "objects", layout, kind, namespace };
}

function kindOf(group: string | undefined, plural: string | undefined): KindName | undefined {
  const kind = byPlural.get(plural ?? "");
  return kind !== undefined && (kindDefinition(kind).group || "core") === group ? kind : undefined;
}

function bundlePlace(path: string): Place | undefined {
  const layout = "support-bundle";
  if (/(?:^|\/)cluster-info\/cluster_version\.json$/.test(path)) return { type: "server-version", layout };
  const rest = /(?:^|\/)cluster-resources\/(.+)$/.exec(path)?.[1];
  if (rest === undefined) return undefined;
  const log = /^pods\/logs\/([^/]+)\/([^/]+)\/([^/]+?)(-previous)?\.log$/.exec(rest);
  if (log !== null) {
    const [, namespace = "", pod = "", container = "", previous] = log;
    if (container.endsWith("-logs-errors")) return { type: "nothing", layout };
    return { type: "log", layout, namespace, pod, container, previous: previous !== undefined };
  }
  const [, name = "", namespace] = /^([^/]+?)(?:\/([^/]+))?\.json$/.exec(rest) ?? [];
  const errorsOf = namespace === undefined && name.endsWith("-errors") ? name.slice(0, -"-errors".length) : undefined;
  const kind = bundleKind(errorsOf ?? name);
  if (kind === undefined) return { type: "nothing", layout };
  if (errorsOf !== undefined) return { type: "errors", layout, kind };
  const namespaced = kindDefinition(kind).namespaced;
  if (namespaced !== (namespace !== undefined)) return { type: "nothing", layout };
  return { type: "objects", layout, kind, ...(namespace !== undefined && { namespace }) };
}

function bundleKind(name: string): KindName | undefined {
  return Object.hasOwn(bundleNames, name) ? bundleNames[name] : byPlural.get(name);
}

function clusterInfoPlace(path: string): Place | undefined {
  const layout = "cluster-info";
  if (/(?:^|\/)nodes\.(?:json|yaml)$/.test(path)) return { type: "objects", layout, kind: "Node" };
  const sections = /(?:^|\/)([^/]+)\/([^/]+)\/logs\.txt$/.exec(path);
  if (sections !== null) {
    const [, namespace = "", pod = ""] = sections;
    return { type: "log-sections", layout, namespace, pod };
  }
  const [, namespace = "", name = ""] = /(?:^|\/)([^/]+)\/([^/]+)\.(?:json|yaml)$/.exec(path) ?? [];
  if (!clusterInfoFiles.has(name)) return undefined;
  const kind = clusterInfoFiles.get(name);
  return kind === undefined ? { type: "nothing", layout } : { type: "objects", layout, kind, namespace };
}

/**
 * Which layout a dump has, from the places of all its files. A `cluster-info dump` has no file of its own name: it is
 * told by the ReplicationControllers, which no other tool writes under that name, beside the nodes.
 */
export function layoutOf(paths: Iterable<string>): Layout {
  let nodes = false;
  let controllers = false;
  const seen = new Set<Layout>();
  for (const path of paths) {
    if (/(?:^|\/)nodes\.(?:json|yaml)$/.test(path)) nodes = true;
    if (/\/replication-controllers\.(?:json|yaml)$/.test(path)) controllers = true;
    if (/(?:^|\/)cluster-resources\//.test(path)) seen.add("support-bundle");
    if (/(?:^|\/)cluster-scoped-resources\/|(?:^|\/)namespaces\/[^/]+\/core\//.test(path)) seen.add("must-gather");
    if (snapshotPlace(path)?.type === "snapshot-header") seen.add("snapshot");
  }
  if (seen.has("snapshot")) return "snapshot";
  if (seen.has("must-gather")) return "must-gather";
  if (seen.has("support-bundle")) return "support-bundle";
  return nodes && controllers ? "cluster-info" : "manifests";
}
