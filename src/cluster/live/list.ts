/**
 * One LIST: a kind in the whole cluster or in one namespace, in protobuf as one stream or in JSON as pages. A list that
 * breaks off is asked for once more; what is still missing then is said, and a part is never taken for the whole.
 */
import { Fault, messageOf } from "../../fault.ts";
import { type KindDefinition, kindDefinition, type KindName, type KubeObject, resourceName } from "../../kube/kinds.ts";
import type { KindRead } from "../../kube/snapshot.ts";
import type { ListCodec, ListHead } from "../codec/codec.ts";
import { BodyTooLarge, jsonCodec } from "../codec/json.ts";
import type { Door } from "./door.ts";
import { RequestFailure } from "./failure.ts";

/** `auto`: protobuf for the kinds whose form is known, else JSON. `json`: always JSON. */
export type CodecChoice = "auto" | "json";

export interface ListRequest<K extends KindName> {
  readonly kind: K;
  /** Absent: the whole cluster. */
  readonly namespace?: string | undefined;
  /** Only names and metadata, also for a kind that is otherwise read whole. */
  readonly isMetadataOnly?: boolean;
  readonly signal: AbortSignal;
  /** Told how many objects more there are. */
  readonly onObjects?: (count: number) => void;
}

export interface ListResult<K extends KindName> {
  readonly objects: readonly KubeObject<K>[];
  readonly read: KindRead;
}

/** Objects in one page of JSON. */
const pageSize = 500;

/** The media type parameters by which only metadata leaves the server (reference/using-api/api-concepts/). */
const metadataOnly = ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

/** Never throws: what cannot be read is told in `read`. */
export async function listKind<K extends KindName>(
  door: Door,
  choice: CodecChoice,
  request: ListRequest<K>,
): Promise<ListResult<K>> {
  const definition = kindDefinition(request.kind);
  const { protobufCodec, protobufKinds } = await import("../codec/protobuf.ts");
  const isStreamed = choice === "auto" && protobufKinds.has(request.kind) && request.isMetadataOnly !== true;
  const objects: KubeObject<K>[] = [];
  try {
    if (!isStreamed || !(await readStream(door, request, protobufCodec, objects))) {
      objects.length = 0;
      await readPages(door, request, objects);
    }
    return { objects, read: readOf(request, { state: "complete" }) };
  } catch (error) {
    return { objects, read: readOf(request, failedRead(error, definition, request.namespace, objects.length)) };
  }
}

/** The path of a list, without a query: `/apis/apps/v1/namespaces/shop/deployments`. */
function listPath({ group, version, plural }: KindDefinition, namespace?: string): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined
    ? `${root}/${plural}`
    : `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

/**
 * The whole list in one answer, from the server's watch cache. False when it came as JSON and is too large for one piece.
 */
async function readStream<K extends KindName>(
  door: Door,
  request: ListRequest<K>,
  protobuf: ListCodec,
  objects: KubeObject<K>[],
): Promise<boolean> {
  const path = `${listPath(kindDefinition(request.kind), request.namespace)}?resourceVersion=0`;
  const accept = `${mediaType(protobuf, request)},${mediaType(jsonCodec, request)}`;
  for (let attempt = 1; ; attempt += 1) {
    const read: KubeObject<K>[] = [];
    try {
      await getList(door, request, path, accept, [protobuf, jsonCodec], read, () => undefined);
      keep(objects, read);
      request.onObjects?.(read.length);
      return true;
    } catch (error) {
      if (error instanceof BodyTooLarge) return false;
      if (read.length > objects.length) keep(objects, read);
      if (attempt === 2 || !isBroken(error)) throw error;
    }
  }
}

interface Page<K extends KindName> {
  readonly objects: readonly KubeObject<K>[];
  readonly head: ListHead;
}

/** A page under way. Its head is known before its items, so that the next one can be asked for. */
interface PageUnderWay<K extends KindName> {
  readonly page: Promise<Page<K>>;
  readonly head: Promise<ListHead>;
}

/** Adds page after page to `objects`, which holds what there is when this throws. */
async function readPages<K extends KindName>(
  door: Door,
  request: ListRequest<K>,
  objects: KubeObject<K>[],
): Promise<void> {
  for (let pass = 1; ; pass += 1) {
    const read: KubeObject<K>[] = [];
    try {
      await readPagesOnce(door, request, read);
      keep(objects, read);
      return;
    } catch (error) {
      if (read.length > objects.length) keep(objects, read);
      // The server forgot the list between two pages (5 minutes by default): the list has to be begun anew, once.
      if (pass === 2 || !(error instanceof RequestFailure && error.status === 410)) throw error;
      request.onObjects?.(-read.length);
    }
  }
}

async function readPagesOnce<K extends KindName>(
  door: Door,
  request: ListRequest<K>,
  read: KubeObject<K>[],
): Promise<void> {
  const ending = new AbortController();
  const own = { ...request, signal: AbortSignal.any([request.signal, ending.signal]) };
  try {
    let current: PageUnderWay<K> | undefined = startPage(door, own, undefined);
    while (current !== undefined) {
      const early: ListHead = await current.head;
      let next: PageUnderWay<K> | undefined = following(door, own, early);
      const { objects, head }: Page<K> = await current.page;
      for (const object of objects) read.push(object);
      request.onObjects?.(objects.length);
      // A page that had to be read twice may have ended elsewhere the second time.
      if (head.continueToken !== early.continueToken) next = following(door, own, head);
      current = next;
    }
  } finally {
    ending.abort();
  }
}

function following<K extends KindName>(
  door: Door,
  request: ListRequest<K>,
  head: ListHead,
): PageUnderWay<K> | undefined {
  return head.continueToken === undefined ? undefined : startPage(door, request, head.continueToken);
}

function startPage<K extends KindName>(
  door: Door,
  request: ListRequest<K>,
  token: string | undefined,
): PageUnderWay<K> {
  const early = Promise.withResolvers<ListHead>();
  const page = readPage(door, request, token, early.resolve);
  page.then(({ head }) => early.resolve(head), early.reject);
  // Whoever started it looks at one of the two at a time.
  page.catch(() => undefined);
  early.promise.catch(() => undefined);
  return { page, head: early.promise };
}

async function readPage<K extends KindName>(
  door: Door,
  request: ListRequest<K>,
  token: string | undefined,
  onHead: (head: ListHead) => void,
): Promise<Page<K>> {
  const query = new URLSearchParams({ limit: String(pageSize), ...(token !== undefined && { continue: token }) });
  const path = `${listPath(kindDefinition(request.kind), request.namespace)}?${query.toString()}`;
  for (let attempt = 1; ; attempt += 1) {
    const objects: KubeObject<K>[] = [];
    try {
      const head = await getList(door, request, path, mediaType(jsonCodec, request), [jsonCodec], objects, onHead);
      return { objects, head };
    } catch (error) {
      if (attempt === 2 || !isBroken(error)) throw error;
    }
  }
}

async function getList<K extends KindName>(
  door: Door,
  { kind, signal }: ListRequest<K>,
  path: string,
  accept: string,
  codecs: readonly ListCodec[],
  objects: KubeObject<K>[],
  onHead: (head: ListHead) => void,
): Promise<ListHead> {
  return door.get(path, accept, signal, async ({ contentType, body, counted }) => {
    const codec = codecs.find(({ accept }) => contentType.split(";")[0]?.trim() === accept);
    if (codec === undefined) {
      const found = contentType === "" ? "an answer without a type" : contentType;
      throw new RequestFailure(`the server sent ${found} instead of a Kubernetes list`, {
        type: "refused",
        next: "Check the server's address in the kubeconfig: something else than an API server may answer there",
      });
    }
    const head = await decoded(codec.decode(body, kind, (object) => objects.push(object), onHead));
    counted(objects.length);
    return head;
  });
}

/** An answer came, but it is not a list from end to end. */
class BrokenList extends Error {}

async function decoded(decoding: Promise<ListHead>): Promise<ListHead> {
  try {
    return await decoding;
  } catch (error) {
    if (error instanceof RequestFailure || error instanceof BodyTooLarge) throw error;
    // A codec's Fault names the list; who reads a coverage line knows which one it is.
    const reason = messageOf(error).replace(/^Cannot read the list of [^:]+: /, "the list cannot be read: ");
    throw new BrokenList(reason, { cause: error });
  }
}

function mediaType<K extends KindName>({ accept }: ListCodec, { kind, isMetadataOnly }: ListRequest<K>): string {
  return kindDefinition(kind).read === "metadata" || isMetadataOnly === true ? `${accept}${metadataOnly}` : accept;
}

/** Whether an answer came, but not whole or not readable: once more may do. */
function isBroken(error: unknown): boolean {
  return error instanceof BrokenList || (error instanceof RequestFailure && error.type === "cut");
}

function failedRead(
  error: unknown,
  definition: KindDefinition,
  namespace: string | undefined,
  count: number,
): Omit<KindRead, "kind" | "namespace"> {
  const failure = error instanceof RequestFailure ? error : undefined;
  if (failure?.status === 404) {
    // A group that is not served is normal; every API server serves the core group.
    if (definition.group !== "") return { state: "absent", status: 404 };
    return {
      state: "unread",
      reason: "no Kubernetes API answers at this address",
      status: 404,
      next: "Check the server's address in the kubeconfig",
    };
  }
  const next =
    failure?.status === 403 ? canI(definition, namespace) : error instanceof Fault ? error.next : failure?.next;
  return {
    state: count > 0 ? "partial" : "unread",
    reason: messageOf(error),
    ...(failure?.status !== undefined && { status: failure.status }),
    ...(next !== undefined && { next }),
  };
}

/** The command that shows whether the user may list the kind. */
function canI(definition: KindDefinition, namespace: string | undefined): string {
  const scope = !definition.namespaced ? "" : namespace === undefined ? " --all-namespaces" : ` -n ${namespace}`;
  return `kubectl auth can-i list ${resourceName(definition)}${scope}`;
}

function readOf<K extends KindName>(
  { kind, namespace }: ListRequest<K>,
  read: Omit<KindRead, "kind" | "namespace">,
): KindRead {
  return { kind, ...(namespace !== undefined && { namespace }), ...read };
}

function keep<T>(target: T[], source: readonly T[]): void {
  target.length = 0;
  for (const item of source) target.push(item);
}
