/**
 * Reads JSON of any size without holding it as one string: a list is handed out item by item, whether it is the `items`
 * of an object, a bare array, or one of several values in a row. Between two values there may be text: the form of
 * `kubectl cluster-info dump` that goes to standard output puts container logs there.
 *
 * The scanner only finds where values begin and end; each piece is then given to `JSON.parse`, which is fast and strict.
 */
import { Fault } from "../../fault.ts";
import { type Chunks, formatBytes } from "./bytes.ts";

export interface JsonHandlers {
  /** A list begins. `head` is what stood before its items: often `kind` and `apiVersion`, sometimes nothing. */
  readonly list: (head: unknown) => void;
  /** One item of the list that is being read. */
  readonly item: (value: unknown) => void;
  /** A value has ended. Of a list it holds everything but the items; `list` tells. `cut`: the data ended inside it. */
  readonly value: (value: unknown, list: boolean, cut: boolean) => void;
  /** A line of text outside of all values, without its line end. */
  readonly text: (line: string) => void;
}

/** Not JSON: where, in bytes from the start, and why. */
export class JsonError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.name = "JsonError";
    this.offset = offset;
  }
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const newline = 0x0a;

/** Where the scanner stands. */
type State = "outside" | "text" | "value" | "list";

/**
 * Reads `chunks` to the end. `log` is asked about each line of text whether a log begins there: it returns the marker
 * at which the log ends, and everything up to it is text, whatever it looks like.
 * @throws JsonError where the data is not JSON; Fault when one value is larger than `valueBytes`.
 */
export async function readJson(
  chunks: Chunks,
  handlers: JsonHandlers,
  options: { readonly valueBytes: number; readonly log?: (line: string) => string | undefined },
): Promise<void> {
  let store = Buffer.allocUnsafe(1024 * 1024);
  /** What was taken in ends here. */
  let length = 0;
  /** What is still needed starts here. */
  let start = 0;
  /** The next byte to look at. */
  let at = 0;
  /** Bytes given up before `store[0]`. */
  let base = 0;
  let state: State = "outside";
  let depth = 0;
  let inString = false;
  /** Depth inside the list whose items are handed out: 2 for `items` of an object, 1 for a bare array. */
  let listDepth = 0;
  let isList = false;
  /** Start of the current item, or -1 between items. */
  let itemStart = -1;
  /** The value without its items, in pieces. */
  let pieces: string[] = [];
  /** The last string that ended at depth 1, to know `items` when its list begins. */
  let lastKey = "";
  let stringStart = 0;
  let endOfLog: string | undefined;

  const take = (chunk: Uint8Array) => {
    if (length + chunk.byteLength > store.byteLength) {
      const used = length - start;
      if (used > options.valueBytes) {
        throw new Fault(`A value of JSON is larger than ${formatBytes(options.valueBytes)}`, {
          next: "Save the objects as a list: `kubectl get pods -A -o json`",
        });
      }
      const target =
        used + chunk.byteLength > store.byteLength / 2 ? Buffer.allocUnsafe(2 * (used + chunk.byteLength)) : store;
      store.copy(target, 0, start, length);
      store = target;
      base += start;
      at -= start;
      stringStart -= start;
      if (itemStart >= 0) itemStart -= start;
      length = used;
      start = 0;
    }
    store.set(chunk, length);
    length += chunk.byteLength;
  };

  const endItem = (end: number) => {
    if (itemStart < 0) return;
    handlers.item(parse(store.toString("utf8", itemStart, end), base + itemStart));
    itemStart = -1;
  };
  const endValue = (end: number) => {
    pieces.push(store.toString("utf8", start, end));
    handlers.value(parse(pieces.join(""), base + start), isList, false);
    pieces = [];
    isList = false;
    state = "outside";
    start = end;
  };

  /** Looks at what was taken in; returns when it needs more. */
  const scan = () => {
    while (at < length) {
      if (state === "text") {
        if (endOfLog !== undefined) {
          // A log without a line end at its end: the marker follows it on the same line.
          const marker = store.subarray(0, length).indexOf(endOfLog, start);
          if (marker < 0) {
            // Lines may go as soon as they are whole; the marker holds no line end.
            const last = store.subarray(0, length).lastIndexOf(newline);
            if (last >= start) emitText(last + 1);
            at = length;
            return;
          }
          emitText(marker);
          start = at = marker + Buffer.byteLength(endOfLog);
          endOfLog = undefined;
          state = "outside";
          continue;
        }
        const end = store.subarray(0, length).indexOf(newline, at);
        if (end < 0) {
          at = length;
          return;
        }
        const line = store.toString("utf8", start, end).replace(/\r$/, "");
        handlers.text(line);
        start = at = end + 1;
        endOfLog = options.log?.(line);
        if (endOfLog === undefined) state = "outside";
        continue;
      }
      const byte = store[at];
      if (state === "outside") {
        if (
          byte === 0x20 ||
          byte === newline ||
          byte === 0x0d ||
          byte === 0x09 ||
          byte === 0xef ||
          byte === 0xbb ||
          byte === 0xbf
        ) {
          at += 1;
          start = at;
        } else if (byte === openBrace || byte === openBracket) {
          start = at;
          depth = 1;
          lastKey = "";
          at += 1;
          if (byte === openBracket) beginList(1);
          else state = "value";
        } else {
          state = "text";
        }
        continue;
      }
      if (inString) {
        const end = store.indexOf(quote, at);
        if (end < 0 || end >= length) {
          at = length;
          return;
        }
        at = end + 1;
        let slashes = 0;
        while (end - 1 - slashes >= stringStart && store[end - 1 - slashes] === backslash) slashes += 1;
        if (slashes % 2 === 1) continue;
        inString = false;
        if (depth === 1 && state === "value") lastKey = store.toString("utf8", stringStart, end);
        continue;
      }
      switch (byte) {
        case quote:
          if (state === "list" && depth === listDepth && itemStart < 0) itemStart = at;
          inString = true;
          at += 1;
          stringStart = at;
          break;
        case openBrace:
        case openBracket:
          if (state === "list" && depth === listDepth && itemStart < 0) itemStart = at;
          depth += 1;
          at += 1;
          if (byte === openBracket && state === "value" && depth === 2 && lastKey === "items") beginList(2);
          break;
        case closeBrace:
        case closeBracket:
          if (state === "list" && depth === listDepth) {
            endItem(at);
            state = "value";
            start = at;
          }
          depth -= 1;
          at += 1;
          if (depth === 0) endValue(at);
          break;
        case comma:
          if (state === "list" && depth === listDepth) {
            endItem(at);
            start = at + 1;
          }
          at += 1;
          break;
        default:
          // White space between items is no item; everything else at this depth begins one.
          if (state === "list" && depth === listDepth && itemStart < 0 && byte !== undefined && byte > 0x20)
            itemStart = at;
          at += 1;
      }
    }
  };

  const beginList = (inside: number) => {
    pieces.push(store.toString("utf8", start, at));
    start = at;
    state = "list";
    listDepth = inside;
    isList = true;
    handlers.list(headOf(pieces));
  };
  const emitText = (end: number) => {
    const text = store.toString("utf8", start, end);
    if (text !== "") for (const line of text.replace(/\r?\n$/, "").split(/\r?\n/)) handlers.text(line);
    start = at = end;
  };

  for await (const chunk of chunks) {
    take(chunk);
    scan();
  }
  const last = state as State; // `scan` changed it behind the compiler's back
  if (last === "text") emitText(length);
  else if (last !== "outside") {
    // The data ended inside a value. Of a list the whole items were handed out; what was cut is dropped.
    if (isList) handlers.value(headOf(pieces), true, true);
    else throw new JsonError("the file ends in the middle of a value", base + length);
  }
}

/** As much of a list's head as can be had when its end is missing: `kind` and `apiVersion` stand before the items, if at all. */
function headOf(pieces: readonly string[]): unknown {
  const text = pieces.join("");
  if (text.trimStart().startsWith("[")) return [];
  try {
    return JSON.parse(text.endsWith("]") || text.endsWith("}") ? text : `${text}]}`);
  } catch {
    return {};
  }
}

/** Parses a piece that starts `offset` bytes into the data. */
function parse(text: string, offset: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const inside = /position (\d+)/.exec(message)?.[1];
    throw new JsonError(
      message.replace(/ in JSON at position.*$/, "").replace(/, ".*$/, ""),
      offset + (inside === undefined ? 0 : Number(inside)),
    );
  }
}
