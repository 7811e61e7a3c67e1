/** The names that no text for a backend may hold. */
import type { SnapshotInput } from "../../src/kube/snapshot.ts";

/** What every cluster has, or what is a word of its own. */
const kept =
  /^(?:kube-|default$|system|local-path|coredns|nginx|metrics-server|ingress-nginx|cert-manager|standard|premium|etcd|batch$|node-exporter$)/;

/** Every name of a cluster that says something of it: objects, namespaces, addresses of Pods, hosts. */
export function namesOf(input: SnapshotInput): readonly string[] {
  const found = new Set<string>();
  for (const objects of Object.values(input.objects)) {
    for (const { metadata } of objects) {
      for (const name of [metadata?.name, metadata?.namespace])
        if (name !== undefined && !kept.test(name)) found.add(name);
    }
  }
  for (const { status } of input.objects.Pod ?? []) if (status?.podIP !== undefined) found.add(status.podIP);
  for (const { spec } of input.objects.Ingress ?? [])
    for (const { host } of spec?.rules ?? []) if (host !== undefined) found.add(host);
  return [...found].filter((name) => name.length > 2);
}

/** The words of a text, each as long as a name could be. */
export function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.match(/[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?/g));
}
