import { keepObject } from "../../kube/keep.ts";
import { kindDefinition } from "../../kube/kinds.ts";
import type { ListCodec, ListHead } from "./codec.ts";
import { isRecord } from "../../kube/wire.ts";

/** Above this a list must be asked for in pages: a string holds half a gigabyte at most, and memory is dearer still. */
const largestBodyBytes = 128 * 1024 * 1024;

/** The head of a list is looked for in this much of its start. */
const headWindowBytes = 64 * 1024;

/** A body that is too large to be read in one piece. Asking for pages helps. */
export class BodyTooLarge extends Error {
  constructor() {
    super(`the list is larger than ${largestBodyBytes / 1024 / 1024} MiB`);
    this.name = "BodyTooLarge";
  }
}

/** Lists as JSON, for every kind. A page is parsed whole, cut down and dropped; ask for pages, not for whole lists. */
export const jsonCodec: ListCodec = {
  accept: "application/json",
  async decode(body, kind, onItem, onHead) {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let isHeadTold = onHead === undefined;
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > largestBodyBytes) throw new BodyTooLarge();
      if (!isHeadTold) {
        const head = headOfStart(chunks);
        if (head !== undefined) onHead?.(head);
        isHeadTold = head !== undefined || bytes > headWindowBytes;
      }
    }
    const list = parse(Buffer.concat(chunks, bytes).toString("utf8"));
    chunks.length = 0;
    const items = isRecord(list) ? list["items"] : undefined;
    // Go writes an empty list of items as null when nothing set it.
    if (!isRecord(list) || (items !== null && !Array.isArray(items))) throw new Error("the answer is not a list");
    if (kindDefinition(kind).read === "metadata" && list["kind"] !== "PartialObjectMetadataList") {
      throw new Error("the server sent whole objects where only their metadata was asked for");
    }
    for (const item of items ?? []) {
      const object = keepObject(kind, item);
      if (object !== undefined) onItem(object);
    }
    return headOf(list);
  },
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's own message quotes the body; what stands in an object is no business of an error message.
    throw new Error(text.trimStart().startsWith("{") ? "the list was cut short" : "the answer is not JSON", {
      cause: error,
    });
  }
}

/**
 * The API server writes a list's metadata before its items, so the head is known when the first bytes are here.
 * Undefined when it is not: then the end of the body tells it.
 */
function headOfStart(chunks: readonly Uint8Array[]): ListHead | undefined {
  const start = Buffer.concat(chunks).toString("latin1", 0, headWindowBytes);
  const items = start.indexOf('"items":');
  if (items < 0) return undefined;
  try {
    const list: unknown = JSON.parse(`${start.slice(0, items).trimEnd().replace(/,$/, "")}}`);
    return isRecord(list) && isRecord(list["metadata"]) ? headOf(list) : undefined;
  } catch {
    return undefined; // Another order of fields; the end of the body will tell.
  }
}

function headOf(list: Record<string, unknown>): ListHead {
  const metadata = isRecord(list["metadata"]) ? list["metadata"] : {};
  const { continue: token, resourceVersion } = metadata;
  return {
    ...(typeof token === "string" && token !== "" && { continueToken: token }),
    ...(typeof resourceVersion === "string" && { resourceVersion }),
  };
}
