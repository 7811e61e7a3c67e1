/** Addresses of resources. With several clusters, `?cluster=` names one; without it the first is meant. */
import type { Fleet, McpContext } from "./context.ts";

/** What an address stands for. */
export type Address =
  | { readonly type: "named"; readonly name: string; readonly cluster?: string }
  | { readonly type: "incident"; readonly id: string; readonly cluster?: string }
  | {
      readonly type: "object";
      readonly resourceType: string;
      readonly namespace?: string;
      readonly name: string;
      readonly cluster?: string;
    };

/** `cluster-info`, `k8s://incidents/…?cluster=prod`; undefined for what is none of ours. */
export function readUri(uri: string): Address | undefined {
  const [path = "", query = ""] = uri.replace(/^k8s:\/\//, "").split("?", 2);
  const cluster = new URLSearchParams(query).get("cluster");
  const words: string[] = [];
  for (const word of path.split("/")) {
    try {
      words.push(decodeURIComponent(word));
    } catch {
      return undefined;
    }
  }
  if (words.some((word) => word === "")) return undefined;
  const chosen = cluster !== null && cluster !== "" && { cluster };
  const [first = "", second = "", third, fourth] = words;
  if (words.length === 1) return { type: "named", name: first, ...chosen };
  if (!uri.startsWith("k8s://")) return undefined;
  if (first === "incidents" && words.length === 2) return { type: "incident", id: second, ...chosen };
  if (first !== "objects" || third === undefined || words.length > 4) return undefined;
  return fourth === undefined
    ? { type: "object", resourceType: second, name: third, ...chosen }
    : { type: "object", resourceType: second, namespace: third, name: fourth, ...chosen };
}

/** All addresses of the list of incidents of a cluster. */
export function incidentsUri(fleet: Fleet, cluster: McpContext): readonly string[] {
  return withCluster(fleet, cluster, "k8s://incidents", "incidents");
}

/** All addresses of one incident. */
export function incidentUri(fleet: Fleet, cluster: McpContext, id: string): readonly string[] {
  return withCluster(fleet, cluster, `k8s://incidents/${encodeURIComponent(id)}`);
}

function withCluster({ clusters }: Fleet, cluster: McpContext, ...uris: readonly string[]): readonly string[] {
  const named = uris.map((uri) => `${uri}?cluster=${encodeURIComponent(cluster.name)}`);
  return cluster === clusters[0] ? [...uris, ...named] : named;
}
