/** Small dumps in the form that each tool writes, as folders and as archives. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { factNames } from "../../../src/kube/facts.ts";
import { kindNames, type KindName } from "../../../src/kube/kinds.ts";
import type { Scope, SnapshotInput } from "../../../src/kube/snapshot.ts";
import { openSaved } from "../../../src/cluster/offline/offline.ts";
import type { ClusterSource } from "../../../src/cluster/source.ts";

/** Files by their path. */
export type Tree = Readonly<Record<string, string | Uint8Array>>;

/** A folder of its own, and what takes it away. */
export async function scratch(): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "k8sgpt-offline-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export async function writeTree(folder: string, tree: Tree): Promise<string> {
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

export async function tarOf(tree: Tree): Promise<Uint8Array> {
  return packTar(
    Object.entries(tree).map(([name, content]) => {
      const body = Buffer.from(content);
      return { header: { name, size: body.byteLength, mtime: new Date(0) }, body };
    }),
  );
}

export async function tarGzOf(tree: Tree): Promise<Uint8Array> {
  return gzipSync(await tarOf(tree));
}

export async function* chunksOf(content: string | Uint8Array, size = 700): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

/** Opens what would be piped into `--from -`. */
export function openStream(
  content: string | Uint8Array,
  now = Date.parse("2026-03-01T00:00:00Z"),
): Promise<ClusterSource> {
  return openSaved("-", { stdin: chunksOf(content), now });
}

/** Reads all kinds, or those given. */
export function readAll(
  source: ClusterSource,
  options: { kinds?: readonly KindName[]; scope?: Scope } = {},
): Promise<SnapshotInput> {
  const { kinds = kindNames, scope = {} } = options;
  return source.read({ kinds, scope, facts: factNames, signal: new AbortController().signal });
}

/** `Pod/shop/web` for each object. */
export function namesOf(input: SnapshotInput): readonly string[] {
  return kindNames.flatMap((kind) =>
    (input.objects[kind] ?? []).map(({ metadata }) =>
      [kind, metadata?.namespace, metadata?.name].filter(Boolean).join("/"),
    ),
  );
}

/** The reads of one kind as text: `complete`, `shop complete`, `partial: why`. */
export function readsOf(input: SnapshotInput, kind: KindName): readonly string[] {
  return input.reads
    .filter((read) => read.kind === kind)
    .map(
      ({ namespace, state, reason }) =>
        `${namespace === undefined ? "" : `${namespace} `}${state}${reason === undefined ? "" : `: ${reason}`}`,
    );
}

export function json(value: unknown): string {
  return JSON.stringify(value, null, 4);
}

interface Named {
  readonly name: string;
  readonly namespace?: string;
}

export function pod({ name, namespace = "shop" }: Named): object {
  return {
    metadata: { name, namespace, uid: `uid-${name}`, creationTimestamp: "2026-02-01T10:00:00Z" },
    spec: { containers: [{ name: "app", image: "nginx:1.29", env: [{ name: "PASSWORD", value: "hunter2" }] }] },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-02-01T10:01:00Z" }],
    },
  };
}

export function event({ name, namespace = "shop" }: Named, lastTimestamp = "2026-02-01T11:30:00Z"): object {
  return {
    metadata: { name: `${name}.17f`, namespace },
    involvedObject: { kind: "Pod", namespace, name },
    reason: "BackOff",
    message: "Back-off restarting failed container",
    type: "Warning",
    lastTimestamp,
  };
}

export const node = { metadata: { name: "node-a" }, status: { conditions: [{ type: "Ready", status: "True" }] } };

export function list(kind: string, items: readonly object[] | null, apiVersion = "v1"): string {
  return json({ kind: `${kind}List`, apiVersion, metadata: {}, items });
}

/** The form of an unstructured list: its kind stands behind the items, each item has its own. */
export function sortedList(items: readonly object[]): string {
  return json({ apiVersion: "v1", items, kind: "List", metadata: { resourceVersion: "" } });
}

function clusterInfoNamespace(namespace: string, pods: readonly string[]): Tree {
  return {
    [`${namespace}/events.json`]: list(
      "Event",
      pods.map((name) => event({ name, namespace })),
    ),
    [`${namespace}/replication-controllers.json`]: list("ReplicationController", []),
    [`${namespace}/services.json`]: list("Service", []),
    [`${namespace}/daemonsets.json`]: list("DaemonSet", [], "apps/v1"),
    [`${namespace}/deployments.json`]: list(
      "Deployment",
      [{ metadata: { name: `of-${namespace}`, namespace } }],
      "apps/v1",
    ),
    [`${namespace}/replicasets.json`]: list("ReplicaSet", [], "apps/v1"),
    [`${namespace}/pods.json`]: list(
      "Pod",
      pods.map((name) => pod({ name, namespace })),
    ),
    ...Object.fromEntries(
      pods.map((name) => [
        `${namespace}/${name}/logs.txt`,
        `==== START logs for container init of pod ${namespace}/${name} ====\n` +
          `Request log error: the server could not find it\n` +
          `==== END logs for container init of pod ${namespace}/${name} ====\n` +
          `==== START logs for container app of pod ${namespace}/${name} ====\n` +
          `{"level":"info"}\nfatal: no database==== END logs for container app of pod ${namespace}/${name} ====\n`,
      ]),
    ),
  };
}

/** `kubectl cluster-info dump --output-directory`, of the namespaces that kubectl takes when none is given. */
export const clusterInfoTree: Tree = {
  "nodes.json": list("Node", [node]),
  ...clusterInfoNamespace("kube-system", []),
  ...clusterInfoNamespace("shop", ["web-1", "web-2"]),
};

/** The same on standard output. */
export const clusterInfoStream = Object.entries(clusterInfoTree)
  .map(([, content]) => `${String(content)}\n`)
  .join("");

const root = "must-gather.local.5464/quay-io-openshift-sha256-1f2e";

/** A must-gather: `oc adm inspect` writes YAML. */
export const mustGatherTree: Tree = {
  "must-gather.local.5464/timestamp":
    "2026-02-01 11:58:12.123456789 +0000 UTC m=+0.103\n2026-02-01 12:03:59.5 +0000 UTC m=+347.4\n",
  "must-gather.local.5464/event-filter.html": "<html>",
  [`${root}/version`]: "openshift/must-gather\n4.20.1\n",
  [`${root}/cluster-scoped-resources/core/nodes/node-a.yaml`]:
    "---\napiVersion: v1\nkind: Node\nmetadata:\n  name: node-a\n",
  [`${root}/cluster-scoped-resources/core/namespaces/shop.yaml`]:
    "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n",
  [`${root}/cluster-scoped-resources/config.openshift.io/nodes/cluster.yaml`]:
    "---\napiVersion: config.openshift.io/v1\nkind: Node\nmetadata:\n  name: cluster\n",
  [`${root}/namespaces/shop/shop.yaml`]: "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n",
  [`${root}/namespaces/shop/core/pods.yaml`]:
    "---\napiVersion: v1\nkind: PodList\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: web-1\n    namespace: shop\n" +
    "    creationTimestamp: 2026-02-01T10:00:00Z\n  spec:\n    containers:\n    - name: app\n      image: nginx:1.29\n  status: null\n",
  [`${root}/namespaces/shop/core/secrets.yaml`]:
    "---\napiVersion: v1\nkind: SecretList\nitems:\n- apiVersion: v1\n  kind: Secret\n  data:\n    password: aHVudGVyMg==\n  metadata:\n    name: db\n    namespace: shop\n",
  [`${root}/namespaces/shop/core/configmaps.yaml`]:
    "---\napiVersion: v1\nkind: ConfigMapList\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  data:\n    app.conf: secret-value\n  metadata:\n    name: app\n    namespace: shop\n",
  [`${root}/namespaces/shop/core/services.yaml`]: "---\napiVersion: v1\nkind: ServiceList\nitems: []\n",
  [`${root}/namespaces/shop/apps/deployments.yaml`]: "---\napiVersion: apps/v1\nkind: DeploymentList\nitems: []\n",
  [`${root}/namespaces/shop/pods/web-1/web-1.yaml`]:
    "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web-1\n  namespace: shop\n  creationTimestamp: 2026-02-01T10:00:00Z\nspec:\n  containers:\n  - name: app\n    image: nginx:1.29\n",
  [`${root}/namespaces/shop/pods/web-1/app/app/logs/current.log`]: "2026-02-01T12:00:00.123Z now\n",
  [`${root}/namespaces/shop/pods/web-1/app/app/logs/previous.log`]:
    "2026-02-01T11:00:00.123456789Z one\n2026-02-01T11:00:01.5Z panic: two\n",
};

/** A support bundle: bare arrays of items, and files with the errors. */
export const supportBundleTree: Tree = {
  "support-bundle-2026-02-01T13_10_00/version.yaml":
    "apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\nspec:\n  versionNumber: v0.1\n",
  "support-bundle-2026-02-01T13_10_00/cluster-info/cluster_version.json": json({
    info: { gitVersion: "v1.34.2" },
    string: "v1.34.2",
  }),
  "support-bundle-2026-02-01T13_10_00/cluster-resources/nodes.json": list("Node", [node]),
  "support-bundle-2026-02-01T13_10_00/cluster-resources/nodes-errors.json": "null",
  "support-bundle-2026-02-01T13_10_00/cluster-resources/namespaces.json": json([{ metadata: { name: "shop" } }]),
  "support-bundle-2026-02-01T13_10_00/cluster-resources/pods/shop.json": json([pod({ name: "web-1" })]),
  "support-bundle-2026-02-01T13_10_00/cluster-resources/pods/empty.json": "null",
  "support-bundle-2026-02-01T13_10_00/cluster-resources/pods-errors.json": json({ billing: "pods is forbidden" }),
  "support-bundle-2026-02-01T13_10_00/cluster-resources/events/shop.json": json([
    event({ name: "web-1" }, "2026-02-01T12:05:00Z"),
  ]),
  "support-bundle-2026-02-01T13_10_00/cluster-resources/statefulsets-errors.json/shop.json": list(
    "ReplicaSet",
    [{ kind: "ReplicaSet", apiVersion: "apps/v1", metadata: { name: "web", namespace: "shop" } }],
    "apps/v1",
  ),
  "support-bundle-2026-02-01T13_10_00/cluster-resources/pvs.json": "",
  "support-bundle-2026-02-01T13_10_00/cluster-resources/pvs-errors.json": json(["persistentvolumes is forbidden"]),
  "support-bundle-2026-02-01T13_10_00/cluster-resources/custom-resources/widgets.acme.test/shop.json": json([
    { kind: "Widget" },
  ]),
  "support-bundle-2026-02-01T13_10_00/cluster-resources/pods/logs/shop/web-1/app.log": "now\n",
  "support-bundle-2026-02-01T13_10_00/cluster-resources/pods/logs/shop/web-1/app-previous.log": "panic: two\n",
};
