/**
 * Reads the objects of the cluster's own kinds: one list per kind that its CustomResourceDefinitions serve and that a
 * controller reports on, as JSON, cut down to metadata and status. Kinds with a great many objects are records rather than
 * things that people run; the first page tells how many there are, and they are left alone.
 */
import { messageOf } from "../../fault.ts";
import {
  type CustomObject,
  type CustomRead,
  type CustomResource,
  isKnownKind,
  keepCustomObject,
  maxCustomObjects,
} from "../../kube/custom-resources.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import { isRecordKind, reportsWithoutSubresource } from "../../kube/messages/conditions.ts";
import type { SnapshotInput } from "../../kube/snapshot.ts";
import type { ReadRequest } from "../source.ts";
import type { Door } from "./door.ts";
import { RequestFailure } from "./failure.ts";
import { isRecord } from "../../kube/wire.ts";

type Definition = KubeObject<"CustomResourceDefinition">;

/** One kind to list. */
interface Wanted {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Objects in one page. */
const pageSize = 500;

/** No page of 500 objects is larger than this; what is, is not read. */
const largestPageBytes = 128 * 1024 * 1024;

/** Never throws. The objects are in no particular order. */
export async function readCustomResources(
  door: Door,
  definitions: readonly Definition[],
  { scope, signal }: Pick<ReadRequest, "scope" | "signal">,
): Promise<Required<Pick<SnapshotInput, "customResources" | "customReads">>> {
  const lists = definitions.flatMap((definition) => {
    const wanted = wantedOf(definition);
    if (wanted === undefined) return [];
    const namespaces = wanted.namespaced && scope.include !== undefined ? [...new Set(scope.include)] : [undefined];
    return namespaces.map((namespace) => ({ wanted, namespace }));
  });
  const results = await Promise.all(lists.map(({ wanted, namespace }) => listCustom(door, wanted, namespace, signal)));
  const isExcluded = ({ metadata }: CustomObject): boolean =>
    metadata?.namespace !== undefined && scope.exclude?.includes(metadata.namespace) === true;
  return {
    customResources: results.flatMap(({ entries }) => entries).filter(({ object }) => !isExcluded(object)),
    customReads: results.flatMap(({ read }) => (read === undefined ? [] : [read])),
  };
}

/** What to list for a definition: the version that is stored, when it is served; nothing for kinds that say nothing. */
export function wantedOf({ spec, status }: Definition): Wanted | undefined {
  const { group = "", names, versions = [] } = spec ?? {};
  const { kind = "", plural = "" } = names ?? {};
  if (group === "" || kind === "" || plural === "" || isKnownKind(kind, group) || isRecordKind(group, kind)) {
    return undefined;
  }
  // Not served yet, or no longer: there is a rule for that.
  if (status?.conditions?.some(({ type, status }) => type === "Established" && status !== "True") === true) {
    return undefined;
  }
  const served = versions.filter((version) => version.served === true);
  const version = served.find(({ storage }) => storage === true) ?? served[0];
  if (version?.name === undefined) return undefined;
  if (version.subresources?.status === undefined && !reportsWithoutSubresource(group, kind)) return undefined;
  return { group, version: version.name, kind, plural, namespaced: spec?.scope !== "Cluster" };
}

interface CustomList {
  readonly entries: readonly CustomResource[];
  readonly read?: CustomRead;
}

async function listCustom(
  door: Door,
  wanted: Wanted,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<CustomList> {
  const { group, version, kind, plural } = wanted;
  const resource = `${plural}.${group}`;
  const where = namespace === undefined ? {} : { namespace };
  const entries: CustomResource[] = [];
  let token: string | undefined;
  try {
    do {
      const query = new URLSearchParams({ limit: String(pageSize), ...(token !== undefined && { continue: token }) });
      const path = `${listPath(wanted, namespace)}?${query.toString()}`;
      const page = await door.get(path, "application/json", signal, async ({ body, counted }) => {
        const read = pageOf(await textOf(body));
        counted(read.objects.length);
        return read;
      });
      for (const object of page.objects) entries.push({ group, version, kind, plural, object });
      token = page.token;
      if (token !== undefined && entries.length + (page.remaining ?? 0) > maxCustomObjects) {
        return {
          entries: [],
          read: { resource, ...where, state: "skipped", reason: `there are more than ${maxCustomObjects} of them` },
        };
      }
    } while (token !== undefined);
    return { entries };
  } catch (error) {
    // Removed since its definition was read.
    if (error instanceof RequestFailure && error.status === 404) return { entries };
    const scope = wanted.namespaced ? (namespace === undefined ? " --all-namespaces" : ` -n ${namespace}`) : "";
    const next =
      error instanceof RequestFailure && error.status === 403
        ? `kubectl auth can-i list ${resource}${scope}`
        : undefined;
    return {
      entries,
      read: {
        resource,
        ...where,
        state: entries.length > 0 ? "partial" : "unread",
        reason: messageOf(error),
        ...(next !== undefined && { next }),
      },
    };
  }
}

function listPath({ group, version, plural }: Wanted, namespace: string | undefined): string {
  const root = `/apis/${group}/${version}`;
  return namespace === undefined
    ? `${root}/${plural}`
    : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

interface Page {
  readonly objects: readonly CustomObject[];
  readonly token?: string;
  /** How many the server says are left; absent when it does not. */
  readonly remaining?: number;
}

function pageOf(text: string): Page {
  const list = parsed(text);
  const items = isRecord(list) ? list["items"] : undefined;
  // Go writes an empty list of items as null when nothing set it.
  if (!isRecord(list) || (items !== null && !Array.isArray(items))) throw new Error("the answer is not a list");
  const metadata = isRecord(list["metadata"]) ? list["metadata"] : {};
  const { continue: token, remainingItemCount } = metadata;
  return {
    objects: (items ?? []).flatMap((item: unknown) => keepCustomObject(item) ?? []),
    ...(typeof token === "string" && token !== "" && { token }),
    ...(typeof remainingItemCount === "number" && { remaining: remainingItemCount }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's own message quotes the body; what stands in an object is no business of an error message.
    throw new Error("the list was cut short, or is not JSON", { cause: error });
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > largestPageBytes) throw new Error(`the list is larger than ${largestPageBytes / 1024 / 1024} MiB`);
  }
  return Buffer.concat(chunks).toString("utf8");
}
