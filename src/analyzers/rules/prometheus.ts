/**
 * Where a Prometheus takes its configuration from, told without reading it: values of ConfigMaps and Secrets never reach this
 * process, and a configuration may hold passwords and tokens. What can be told is whether the file is there, and what
 * Prometheus itself said of it when it last stopped.
 */
import { isFinished, isGoingAway } from "../../kube/guards.ts";
import type { Container, ContainerStatus, KubeObject } from "../../kube/kinds.ts";
import { namedRef, type ObjectRef } from "../../kube/object-ref.ts";
import { oncePerSnapshot } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";

/** A container that runs Prometheus, and the file that it is given. */
export interface PrometheusConfig {
  readonly pod: KubeObject<"Pod">;
  readonly container: string;
  readonly status: ContainerStatus | undefined;
  /** The argument's value, `/etc/prometheus/prometheus.yml`. */
  readonly file: string;
  /** Where the file comes from; absent when it is in the image, or made at run time. */
  readonly from?: { readonly object: ObjectRef; readonly key: string; readonly path: string };
}

/** Every Prometheus of the snapshot, by Pod. */
export const prometheusConfigs: (snapshot: Snapshot) => readonly PrometheusConfig[] = oncePerSnapshot((snapshot) => [
  ...findConfigs(snapshot),
]);

function* findConfigs(snapshot: Snapshot): Iterable<PrometheusConfig> {
  for (const pod of snapshot.list("Pod")) {
    for (const container of pod.spec?.containers ?? []) {
      if (!isPrometheus(pod, container) || isGoingAway(snapshot, pod) || isFinished(pod)) continue;
      const given = fileOf(pod, container);
      if (given === undefined) continue;
      const { name = "" } = container;
      const status = pod.status?.containerStatuses?.find((one) => one.name === name);
      const from = originOf(pod, given.container, given.file);
      yield { pod, container: name, status, file: given.file, ...(from !== undefined && { from }) };
    }
  }
}

/** By the name of the image, which says what runs: labels are shared with Alertmanager and other parts of a chart. */
function isPrometheus({ metadata }: KubeObject<"Pod">, { name, image = "" }: Container): boolean {
  if (image.includes("prometheus")) {
    const [repository = ""] = image.split("@")[0]?.split(/:(?!.*\/)/) ?? [];
    if (repository.split("/").at(-1) === "prometheus") return true;
  }
  // A mirror may give the image any name.
  const { labels = {} } = metadata ?? {};
  const isLabelled = labels["app.kubernetes.io/name"] === "prometheus" || labels["app"] === "prometheus";
  return isLabelled && (name === "prometheus" || name === "prometheus-server");
}

/**
 * The file of the container's own argument; where Prometheus Operator's reloader writes that file, the one that the
 * reloader reads (prometheus-operator 0.85, pkg/prometheus/server).
 */
function fileOf(
  pod: KubeObject<"Pod">,
  container: Container,
): { readonly container: Container; readonly file: string } | undefined {
  // Told by its argument, which Prometheus does not have.
  for (const reloader of pod.spec?.containers ?? []) {
    const read = argumentOf(reloader, "--config-file");
    if (read !== undefined) return { container: reloader, file: read };
  }
  const file = argumentOf(container, "--config.file");
  return file === undefined ? undefined : { container, file };
}

function argumentOf({ command = [], args = [] }: Container, flag: string): string | undefined {
  const all = [...command, ...args];
  const at = all.findIndex((argument) => argument === flag || argument.startsWith(`${flag}=`));
  const found = all[at];
  if (found === undefined) return undefined;
  return found === flag ? all[at + 1] : found.slice(flag.length + 1);
}

function originOf(pod: KubeObject<"Pod">, { volumeMounts = [] }: Container, file: string): PrometheusConfig["from"] {
  // The longest mount path wins, as it does in the container.
  const mount = volumeMounts
    .filter(({ mountPath = "" }) => file === mountPath || file.startsWith(`${mountPath.replace(/\/$/, "")}/`))
    .sort((a, b) => (b.mountPath ?? "").length - (a.mountPath ?? "").length)[0];
  const volume = pod.spec?.volumes?.find(({ name }) => name === mount?.name);
  if (mount === undefined || volume === undefined) return undefined;
  const { mountPath = "", subPath } = mount;
  const rest = file.slice(mountPath.replace(/\/$/, "").length + 1);
  const path = [subPath, rest].filter((part) => part !== undefined && part !== "").join("/");
  const namespace = pod.metadata?.namespace;
  const { configMap, secret } = volume;
  const named = configMap?.name ?? secret?.secretName;
  if (named === undefined) return undefined;
  const items = configMap?.items ?? secret?.items;
  // With items, only these entries are there, under the paths that they are given.
  const key = items === undefined || items.length === 0 ? path : items.find((item) => item.path === path)?.key;
  if (key === undefined || key === "" || (key === path && key.includes("/"))) return undefined;
  return {
    object: namedRef(configMap === undefined ? "Secret" : "ConfigMap", namespace, named),
    key,
    path: `spec.volumes[${volume.name ?? ""}]`,
  };
}
