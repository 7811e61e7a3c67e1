/**
 * Reading what no analyzer needs: any resource that the server serves, found by discovery. Values of Secrets and
 * ConfigMaps are for the caller to leave out: it asks for the form `metadata` or `table`.
 */
import { Fault } from "../../fault.ts";
import { compareText } from "../../kube/object-ref.ts";
import type { AnyListRequest, AnyRequest, ApiResource, ClusterSource } from "../source.ts";
import type { Door } from "./door.ts";
import { faultOf, RequestFailure } from "./failure.ts";

type AnyReading = Required<Pick<ClusterSource, "apiResources" | "listAny" | "getAny">>;

/** Discovery in one answer per root, served since Kubernetes 1.26 (KEP-3352). */
const aggregated = [
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
  "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
  "application/json",
].join(",");

const single = {
  table: "application/json;as=Table;v=v1;g=meta.k8s.io",
  metadata: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
  whole: "application/json",
} as const;

const list = { ...single, metadata: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" } as const;

/** What a source of the context `context` can read beside the kinds of kinds.ts. */
export function anyReading(door: Door, context: string): AnyReading {
  const getObject = async (path: string, accept: string, signal: AbortSignal): Promise<Record<string, unknown>> =>
    door.get(path, accept, signal, async ({ body, counted }) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      const object = record(JSON.parse(Buffer.concat(chunks).toString("utf8")));
      const entries = object["items"] ?? object["rows"];
      counted(Array.isArray(entries) ? entries.length : 1);
      return object;
    });
  const orFault = async <T>(what: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof RequestFailure) throw faultOf(`Cannot ${what} of context "${context}"`, error);
      if (error instanceof SyntaxError) {
        throw new Fault(`Cannot ${what} of context "${context}": the answer is no JSON`, { cause: error });
      }
      throw error;
    }
  };
  return {
    apiResources: async (signal) =>
      orFault(
        "read the API resources",
        (async () => {
          const roots = await Promise.all(["/api", "/apis"].map(async (path) => getObject(path, aggregated, signal)));
          const found = await Promise.all(
            roots.map(async (root, index) =>
              Array.isArray(root["items"])
                ? aggregatedResources(root["items"])
                : plainResources(root, index === 0, async (path) => getObject(path, "application/json", signal)),
            ),
          );
          return found.flat().sort((a, b) => compareText(a.group, b.group) || compareText(a.plural, b.plural));
        })(),
      ),
    listAny: async (request, signal) =>
      orFault(`list ${request.resource.plural}`, getObject(listPath(request), list[request.form], signal)),
    getAny: async (request, signal) => {
      const path = `${basePath(request)}/${encodeURIComponent(request.name)}`;
      try {
        return await getObject(path, single[request.form], signal);
      } catch (error) {
        if (error instanceof RequestFailure && error.status === 404) return undefined;
        return orFault(`get ${request.resource.plural} "${request.name}"`, Promise.reject(error));
      }
    },
  };
}

function basePath({ resource, namespace }: AnyRequest): string {
  const { group, version, plural, namespaced } = resource;
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespaced && namespace !== undefined
    ? `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
    : `${root}/${plural}`;
}

function listPath(request: AnyListRequest): string {
  const query = new URLSearchParams({ limit: String(request.limit) });
  if (request.continueToken !== undefined) query.set("continue", request.continueToken);
  if (request.labelSelector !== undefined) query.set("labelSelector", request.labelSelector);
  if (request.fieldSelector !== undefined) query.set("fieldSelector", request.fieldSelector);
  if (request.form === "table") query.set("includeObject", "Metadata");
  return `${basePath(request)}?${query.toString()}`;
}

/** APIGroupDiscoveryList: each resource in the first version that has it, which is the preferred one. */
function aggregatedResources(groups: readonly unknown[]): readonly ApiResource[] {
  const found = new Map<string, ApiResource>();
  for (const entry of groups.map(record)) {
    const group = text(record(entry["metadata"])["name"]);
    for (const version of records(entry["versions"])) {
      for (const resource of records(version["resources"])) {
        const plural = text(resource["resource"]);
        if (found.has(`${plural}.${group}`)) continue;
        const kind = record(resource["responseKind"]);
        found.set(`${plural}.${group}`, {
          group,
          version: text(version["version"]),
          kind: text(kind["kind"]),
          plural,
          singular: text(resource["singularResource"]),
          shortNames: texts(resource["shortNames"]),
          namespaced: resource["scope"] === "Namespaced",
          verbs: texts(resource["verbs"]),
        });
      }
    }
  }
  return [...found.values()];
}

/** APIVersions or APIGroupList: one more answer per group. A group whose server does not answer is left out. */
async function plainResources(
  root: Readonly<Record<string, unknown>>,
  isCore: boolean,
  get: (path: string) => Promise<Record<string, unknown>>,
): Promise<readonly ApiResource[]> {
  const places = isCore
    ? texts(root["versions"]).map((version) => ({ group: "", version, path: `/api/${version}` }))
    : records(root["groups"]).flatMap((entry) => {
        const version = text(record(entry["preferredVersion"])["version"]);
        const group = text(entry["name"]);
        return version === "" ? [] : [{ group, version, path: `/apis/${group}/${version}` }];
      });
  const lists = await Promise.all(
    places.map(async ({ group, version, path }) => {
      const answer = await get(path).catch((error: unknown) => {
        if (error instanceof RequestFailure && error.type === "refused") return {};
        throw error;
      });
      return records("resources" in answer ? answer["resources"] : []).flatMap((resource): readonly ApiResource[] => {
        const plural = text(resource["name"]);
        // `pods/log` is a part of another resource.
        if (plural.includes("/")) return [];
        return [
          {
            group,
            version,
            kind: text(resource["kind"]),
            plural,
            singular: text(resource["singularName"]),
            shortNames: texts(resource["shortNames"]),
            namespaced: resource["namespaced"] === true,
            verbs: texts(resource["verbs"]),
          },
        ];
      });
    }),
  );
  return lists.flat();
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function records(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(record) : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
