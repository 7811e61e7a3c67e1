/**
 * Lists of built-in kinds in Kubernetes' protobuf (reference/using-api/api-concepts/, "Protobuf encoding"): four bytes
 * `k8s\0`, then a message Unknown, whose field 1 names the type and whose field 2 holds the list. Field 1 of the list is
 * its metadata, field 2 an item. Items are read as their bytes arrive: memory holds what is kept and one object.
 *
 * What must stay true: a list counts as read only when it ends exactly where its length says, and any other body, cut
 * or changed, ends in a Fault. A length is believed only as far as bytes have come: nothing is allocated ahead of them.
 */
import { Fault } from "../../fault.ts";
import { keepObject } from "../../kube/keep.ts";
import {
  apiVersionOf,
  kindDefinition,
  type KindName,
  kindNames,
  type KubeObject,
  resourceName,
} from "../../kube/kinds.ts";
import type { AnyFields } from "../../kube/wire.ts";
import type { ListCodec, ListHead } from "./codec.ts";
import {
  compile,
  type Cursor,
  Malformed,
  type Plan,
  readInteger,
  readObject,
  readTag,
  skipValue,
} from "./protobuf-object.ts";
import { forgetShared } from "./protobuf-shared.ts";
import { roots } from "./schema.generated.ts";

/** The kinds whose form on the wire is known here. */
export const protobufKinds: ReadonlySet<KindName> = new Set(kindNames.filter((kind) => Object.hasOwn(roots, kind)));

/** Reads lists of `protobufKinds`. */
export const protobufCodec: ListCodec = {
  accept: "application/vnd.kubernetes.protobuf",
  async decode(body, kind, onItem, onHead) {
    const source = openSource(body);
    try {
      return await readAnswer(source, kind, onItem, onHead);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      const place = source.passed + source.cursor.at;
      throw new Fault(
        `Cannot read the list of ${resourceName(kindDefinition(kind))}: ${error.message} (at byte ${place})`,
        {
          next: "Try again; if it comes back, look at what stands between here and the API server: a proxy may cut or change its answers",
          cause: error,
        },
      );
    } finally {
      forgetShared();
      await source.body.return?.();
    }
  },
};

/** What has come of a body. */
interface Source {
  readonly body: AsyncIterator<Uint8Array>;
  /** The bytes at hand, and the place of the next one. */
  readonly cursor: Cursor;
  /** How many of `cursor.bytes` are filled. */
  filled: number;
  /** How many bytes of the body came before the first of `cursor.bytes`. */
  passed: number;
}

function openSource(body: AsyncIterable<Uint8Array>): Source {
  const cursor = { bytes: Buffer.allocUnsafe(64 * 1024), at: 0 };
  return { body: body[Symbol.asyncIterator](), cursor, filled: 0, passed: 0 };
}

/** Waits until `count` bytes are at hand, or the body has ended: then there are fewer. */
async function fill(source: Source, count: number): Promise<void> {
  const { body, cursor } = source;
  while (source.filled - cursor.at < count) {
    const { value: chunk, done } = await body.next();
    if (done === true) return;
    const left = source.filled - cursor.at;
    if (source.filled + chunk.length > cursor.bytes.length) {
      // To the front of the same buffer if that makes room, else of one twice the size: each byte moves a few times.
      const size = left + chunk.length;
      const bytes = size <= cursor.bytes.length ? cursor.bytes : Buffer.allocUnsafe(size * 2);
      cursor.bytes.copy(bytes, 0, cursor.at, source.filled);
      source.passed += cursor.at;
      cursor.bytes = bytes;
      cursor.at = 0;
      source.filled = left;
    }
    cursor.bytes.set(chunk, source.filled);
    source.filled += chunk.length;
  }
}

/** More than the number and the length of a field can take. */
const headBytes = 24;
/** The largest message that is taken into memory. etcd refuses objects of more than a few MiB. */
const maxMessageBytes = 64 * 1024 * 1024;
const cut = "it ends in the middle";

async function readAnswer<K extends KindName>(
  source: Source,
  kind: K,
  onItem: (object: KubeObject<K>) => void,
  onHead: ((head: ListHead) => void) | undefined,
): Promise<ListHead> {
  const { cursor } = source;
  await fill(source, 4);
  if (source.filled < 4) throw new Malformed(cut);
  if (cursor.bytes.toString("latin1", 0, 4) !== "k8s\0") throw new Malformed("it is not Kubernetes' protobuf");
  cursor.at = 4;
  let head: ListHead | undefined;
  let type: Record<string, unknown> = {};
  for (;;) {
    await fill(source, headBytes);
    if (cursor.at === source.filled) break;
    const tag = readTag(cursor, source.filled);
    if (tag === tagOf.list) {
      if (head !== undefined) throw new Malformed("it holds two lists");
      checkType(kind, type);
      const length = readInteger(cursor, source.filled);
      head = await readList(source, length, kind, onItem, onHead);
    } else if (tag === tagOf.type) {
      const end = await readMessage(source, Number.POSITIVE_INFINITY);
      type = readObject(typePlan, cursor, end);
    } else if (tag === tagOf.contentEncoding) {
      const end = await readMessage(source, Number.POSITIVE_INFINITY);
      if (end > cursor.at) throw new Malformed("the list in it is encoded once more");
      cursor.at = end;
    } else {
      await skip(source, tag);
    }
  }
  if (head === undefined) throw new Malformed("there is no list in it");
  return head;
}

/** The fields of Unknown, by number and wire type. */
const tagOf = { type: 10, list: 18, contentEncoding: 26 } as const;
/** The fields of every list. */
const tagInList = { head: 10, item: 18 } as const;

const typePlan = compile("runtime.TypeMeta", { apiVersion: true, kind: true });
const headPlan = compile("meta.v1.ListMeta", { continue: true, resourceVersion: true });

function checkType(kind: KindName, type: Readonly<Record<string, unknown>>): void {
  const definition = kindDefinition(kind);
  const isWhole = definition.read === "whole";
  const expected = isWhole ? `${apiVersionOf(definition)} ${kind}List` : "meta.k8s.io/v1 PartialObjectMetadataList";
  const found = `${String(type["apiVersion"])} ${String(type["kind"])}`;
  if (found !== expected) throw new Malformed(`it holds ${found} instead of ${expected}`);
}

async function readList<K extends KindName>(
  source: Source,
  length: number,
  kind: K,
  onItem: (object: KubeObject<K>) => void,
  onHead: ((head: ListHead) => void) | undefined,
): Promise<ListHead> {
  const { cursor } = source;
  if (length < 0) throw new Malformed(`it says that the list has ${length} bytes`);
  const listEnd = source.passed + cursor.at + length;
  // Of an empty list there is nothing to be read, and most lists of a small cluster are empty.
  let reader: ItemReader<K> | undefined;
  let head: ListHead | undefined;
  let items = 0;
  while (source.passed + cursor.at < listEnd) {
    // Asked only when needed: an `await` per item would cost more than reading it.
    if (source.filled - cursor.at < headBytes) await fill(source, headBytes);
    if (source.filled === cursor.at) throw new Malformed(cut);
    const tag = readTag(cursor, Math.min(source.filled, listEnd - source.passed));
    if (tag === tagInList.item) {
      const itemBytes = readInteger(cursor, source.filled);
      checkLength(source, itemBytes, listEnd);
      if (source.filled - cursor.at < itemBytes) await fillMessage(source, itemBytes);
      items += 1;
      reader ??= readerOf(kind);
      const object = reader.complete(readObject(reader.plan, cursor, cursor.at + itemBytes));
      if (object !== undefined) onItem(object);
    } else if (tag === tagInList.head && head === undefined && items === 0) {
      const end = await readMessage(source, listEnd);
      head = headOf(readObject(headPlan, cursor, end));
      onHead?.(head);
    } else {
      // Lists have no other fields. To pass it by could be to pass by an item.
      throw new Malformed("the list holds something that is neither its metadata nor an item");
    }
  }
  return head ?? {};
}

function headOf({ continue: token, resourceVersion: version }: Readonly<Record<string, unknown>>): ListHead {
  return {
    ...(typeof token === "string" && { continueToken: token }),
    ...(typeof version === "string" && { resourceVersion: version }),
  };
}

/** How a kind's items are read; compiled when the kind is read first. */
interface ItemReader<K extends KindName> {
  readonly plan: Plan;
  /** The object that is kept, or undefined when it has no name. */
  readonly complete: (object: Record<string, unknown>) => KubeObject<K> | undefined;
}

const plans = new Map<KindName, Plan>();

function readerOf<K extends KindName>(kind: K): ItemReader<K> {
  const { fields } = kindDefinition(kind);
  let plan = plans.get(kind);
  if (plan === undefined) {
    plan = compile(
      roots[kind] ?? "",
      kind === "ConfigMap" ? configMapFields : kind === "Secret" ? secretFields : fields,
    );
    plans.set(kind, plan);
  }
  if (kind === "ConfigMap") return { plan, complete: (object) => keepObject(kind, object) };
  return {
    plan,
    // The plan was compiled from the fields that `KubeObject<K>` is computed from.
    complete: (object) => (hasName(object["metadata"]) ? object : undefined),
  };
}

/** What `keepObject` makes a ConfigMap of: its metadata, and the record of who set which key. */
const configMapFields = {
  metadata: { ...metadataFields(), managedFields: [{ fieldsV1: true }] },
} satisfies AnyFields;

/** Of a Secret only the metadata comes this way. */
const secretFields = { metadata: metadataFields() } satisfies AnyFields;

function metadataFields(): Readonly<Record<string, AnyFields>> {
  const { fields } = kindDefinition("ConfigMap");
  const metadata = fields === true || isItems(fields) ? undefined : fields["metadata"];
  if (metadata === undefined || metadata === true || isItems(metadata)) throw new Error("ConfigMap keeps no metadata");
  return metadata;
}

function isItems(fields: AnyFields): fields is readonly [AnyFields] {
  return Array.isArray(fields);
}

function hasName(metadata: unknown): boolean {
  return typeof metadata === "object" && metadata !== null && "name" in metadata;
}

/** Waits for the message whose length stands at the cursor, in a whole that ends at `outerEnd`. Gives its end. */
async function readMessage(source: Source, outerEnd: number): Promise<number> {
  const length = readInteger(source.cursor, source.filled);
  checkLength(source, length, outerEnd);
  await fillMessage(source, length);
  return source.cursor.at + length;
}

function checkLength({ passed, cursor }: Source, length: number, outerEnd: number): void {
  if (length < 0 || passed + cursor.at + length > outerEnd) {
    throw new Malformed("a value is longer than what it is part of");
  }
  if (length > maxMessageBytes) throw new Malformed(`it says that an object has ${length} bytes`);
}

async function fillMessage(source: Source, length: number): Promise<void> {
  await fill(source, length);
  if (source.filled - source.cursor.at < length) throw new Malformed(cut);
}

/** Passes by the value of a field that is not needed. */
async function skip(source: Source, tag: number): Promise<void> {
  if ((tag & 7) === 2) source.cursor.at = await readMessage(source, Number.POSITIVE_INFINITY);
  else skipValue(tag, source.cursor, source.filled);
}
