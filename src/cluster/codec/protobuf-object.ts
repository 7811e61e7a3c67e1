/**
 * Reads one message of Kubernetes' protobuf into the object that `project` would make of the server's JSON of it.
 * Projection and schema are compiled into one plan per message: what the projection does not name is skipped by its
 * length and never becomes a value. That is the whole gain over JSON: decoding every field is no faster than JSON.parse.
 *
 * What must stay true: the result equals the JSON path in every key, also in those that JSON leaves out, and nothing
 * here loops, recurses or allocates by a number that the bytes name. Plans keep scratch space: reading an object is
 * synchronous, and each place where a message may stand has a plan of its own.
 */
import { type AnyFields, keptOfLastApplied, lastApplied } from "../../kube/wire.ts";
import { isWorthAsking, newSharing, placeOf, share, sharedText, sharedValue, type Sharing } from "./protobuf-shared.ts";
import { schema } from "./schema.generated.ts";

/** Bytes that are not what they should be. The reader of the list says which list it was, and where. */
export class Malformed extends Error {}

/** A place in a buffer. */
export interface Cursor {
  bytes: Buffer;
  at: number;
}

/** How the objects of one message are read under one projection. */
export interface Plan {
  readonly fields: FieldsByNumber;
  readonly slots: readonly Slot[];
  /** The values of the object that is being read, by slot. */
  readonly values: unknown[];
}

type FieldsByNumber = readonly (Field | undefined)[];

/** Reads a value at the cursor. One that is not a number ends at `end`, and the reader leaves the cursor there. */
type ReadValue = (cursor: Cursor, end: number) => unknown;

interface Field {
  readonly many: "one" | "list" | "map" | "inline";
  readonly read: ReadValue;
  /** Whether the value is a number on the wire, without a length before it. */
  readonly isVarint: boolean;
  /** Which slot of the plan it fills. */
  readonly slot: number;
  /** Which values count as not sent: JSON leaves them out, or shows a null that `project` drops. */
  readonly drops: "zero" | "null" | "nothing";
  /** The fields of an embedded struct: a message on the wire, but inline in JSON. */
  readonly inline: FieldsByNumber;
  /** The key of a map that is left behind. */
  readonly without: string | undefined;
  /** The items of a list while they are read: the kept array is made at the end, once and without spare room. */
  readonly items: unknown[];
  /** Whole lists and maps that come again. */
  readonly sharing: Sharing;
}

interface Slot {
  readonly key: string;
  /** Makes what JSON shows when nothing was sent, if it shows anything. */
  readonly absent: (() => unknown) | undefined;
}

/**
 * Joins a projection to the schema of `message`. A field of the projection that the message does not have is never
 * there, as in JSON: kinds share projections of what most of them have.
 */
export function compile(message: string, fields: AnyFields): Plan {
  const whole = fields === true;
  const there = new Set(flatNames(message));
  const wanted = new Map<string, AnyFields>(whole ? [...there].map((name) => [name, true]) : Object.entries(fields));
  const names = [...wanted.keys()].filter((name) => there.has(name));
  const slots: Slot[] = [];
  const place = (owner: string): FieldsByNumber => {
    const placed: (Field | undefined)[] = [];
    for (const line of linesOf(owner)) {
      const { name, number, many, pointer, always } = line;
      if (name === "-") {
        const inline = place(line.type);
        if (inline.length > 0) placed[number] = embedded(inline);
        continue;
      }
      const inner = wanted.get(name);
      if (inner === undefined) continue;
      const { read, isVarint, zero } = formOf(line, inner);
      const slot = names.indexOf(name);
      slots[slot] = {
        key: name,
        // What JSON shows as null counts as absent (`project` drops it).
        absent: !always || pointer || many !== "one" ? undefined : zero,
      };
      placed[number] = {
        many,
        read,
        isVarint,
        slot,
        drops: many !== "one" ? "nothing" : !pointer && !always ? "zero" : "null",
        inline: [],
        without: name === "annotations" && !whole ? lastApplied : undefined,
        items: [],
        sharing: newSharing(),
      };
    }
    // Without holes, so that a number that is not wanted is an element like any other.
    return Array.from(placed);
  };
  const placed = place(message);
  return { fields: placed, slots, values: names.map(() => undefined) };
}

/** A line of the schema. */
interface Line {
  readonly name: string;
  readonly number: number;
  readonly pointer: boolean;
  readonly many: "one" | "list" | "map";
  readonly type: string;
  readonly always: boolean;
}

/** Messages such as a Pod's spec stand in the plans of many kinds: each is taken apart once. */
const knownLines = new Map<string, readonly Line[]>();

function linesOf(message: string): readonly Line[] {
  let lines = knownLines.get(message);
  if (lines === undefined) {
    lines = readLines(message);
    knownLines.set(message, lines);
  }
  return lines;
}

function readLines(message: string): Line[] {
  const lines = schema[message];
  if (lines === undefined) throw new Error(`The schema has no message ${message}`);
  return lines.map((line) => {
    // `name number type`, the type with `*`, `[]` or `{}` before it and `!` after it. Without a regular expression, which
    // takes as long for the first thousand lines as all that follows.
    const [name = "", number, form = ""] = line.split(" ");
    const pointer = form.startsWith("*");
    const many = form.startsWith("[]", pointer ? 1 : 0)
      ? "list"
      : form.startsWith("{}", pointer ? 1 : 0)
        ? "map"
        : "one";
    const always = form.endsWith("!");
    const start = (pointer ? 1 : 0) + (many === "one" ? 0 : 2);
    return { name, number: Number(number), pointer, many, type: form.slice(start, always ? -1 : undefined), always };
  });
}

/** The JSON names of a message, those of embedded structs in their place. */
function flatNames(message: string): string[] {
  return linesOf(message).flatMap(({ name, type }) => (name === "-" ? flatNames(type) : [name]));
}

function embedded(inline: FieldsByNumber): Field {
  return {
    many: "inline",
    read: () => undefined,
    isVarint: false,
    slot: -1,
    drops: "nothing",
    inline,
    without: undefined,
    items: [],
    sharing: newSharing(),
  };
}

/** How a value of one type is read. */
interface Form {
  readonly read: ReadValue;
  readonly isVarint: boolean;
  /** Makes what JSON shows for the zero value; undefined when that is null. */
  readonly zero: (() => unknown) | undefined;
}

/** The types that are not messages, or whose JSON is not an object. */
const forms: Readonly<Record<string, Form>> = {
  string: { read: readText, isVarint: false, zero: () => "" },
  int: { read: readInteger, isVarint: true, zero: () => 0 },
  bool: { read: (cursor, end) => readInteger(cursor, end) !== 0, isVarint: true, zero: () => false },
  bytes: { read: readBase64, isVarint: false, zero: undefined },
  time: { read: readTime, isVarint: false, zero: undefined },
  microTime: { read: readMicroTime, isVarint: false, zero: undefined },
  quantity: { read: readQuantity, isVarint: false, zero: () => "0" },
  intOrString: { read: readIntOrString, isVarint: false, zero: () => 0 },
  json: { read: readJson, isVarint: false, zero: undefined },
};

function formOf({ name, many, type }: Line, fields: AnyFields): Form {
  const form = forms[type];
  const item = isItems(fields) && many === "list" ? fields[0] : fields;
  if (
    item !== true &&
    (form !== undefined || many === "map" || isItems(item) || (many === "list") !== isItems(fields))
  ) {
    throw new Error(`The projection of ${name} does not have the form of the field`);
  }
  if (form?.isVarint === true && many === "map") throw new Error(`${name} is a map of numbers, which is not read yet`);
  if (form !== undefined) return form;
  // Compiled when a value comes: of all that a Pod may hold a small cluster sends a tenth.
  let compiled: Plan | undefined;
  const plan = (): Plan => (compiled ??= compile(type, item));
  const sharing = newSharing();
  return {
    read: (cursor, end) => readSharedObject(plan(), sharing, cursor, end),
    isVarint: false,
    zero: () => {
      start(plan());
      return finish(plan());
    },
  };
}

function isItems(fields: AnyFields): fields is readonly [AnyFields] {
  return Array.isArray(fields);
}

/**
 * Reads the message between the cursor and `end`.
 *
 * @throws Malformed
 */
export function readObject(plan: Plan, cursor: Cursor, end: number): Record<string, unknown> {
  start(plan);
  readFields(plan, plan.fields, cursor, end);
  return finish(plan);
}

/** The same for a part of an object, which may have been read before. */
function readSharedObject(plan: Plan, sharing: Sharing, cursor: Cursor, end: number): unknown {
  const start = cursor.at;
  if (!isWorthAsking(sharing, end - start)) return readObject(plan, cursor, end);
  const place = placeOf(cursor.bytes, start, end);
  const known = sharedValue(sharing, place, cursor.bytes, start, end);
  if (known !== undefined) {
    cursor.at = end;
    return known;
  }
  const object = readObject(plan, cursor, end);
  share(sharing, place, cursor.bytes, start, end, object);
  return object;
}

function start({ values }: Plan): void {
  values.fill(undefined);
}

function readFields(plan: Plan, fields: FieldsByNumber, cursor: Cursor, end: number): void {
  const { values } = plan;
  while (cursor.at < end) {
    const before = cursor.at;
    const tag = readTag(cursor, end);
    const number = tag >>> 3;
    const field = number < fields.length ? fields[number] : undefined;
    if (field === undefined) {
      skipValue(tag, cursor, end);
      continue;
    }
    const wire = tag & 7;
    if (field.isVarint && field.many !== "map") {
      readNumbers(values, field, wire, cursor, end);
    } else if (wire !== 2) {
      throw new Malformed(`field ${number} has wire type ${wire}`);
    } else if (field.many === "one") {
      values[field.slot] = unlessDropped(field.drops, field.read(cursor, readLength(cursor, end)));
    } else if (field.many === "inline") {
      readFields(plan, field.inline, cursor, readLength(cursor, end));
    } else {
      cursor.at = before;
      readRun(values, field, tag, cursor, end);
    }
  }
}

function unlessDropped(drops: Field["drops"], value: unknown): unknown {
  if (drops === "nothing") return value;
  if (value === null) return undefined;
  return drops === "zero" && (value === "" || value === 0 || value === false) ? undefined : value;
}

/** A number, or numbers: one by one, as Kubernetes sends them, or packed into one value. */
function readNumbers(values: unknown[], field: Field, wire: number, cursor: Cursor, end: number): void {
  const { many, slot, drops, read } = field;
  if (wire === 0 && many === "one") {
    values[slot] = unlessDropped(drops, read(cursor, end));
  } else if (many === "list" && (wire === 0 || wire === 2)) {
    const stop = wire === 0 ? undefined : readLength(cursor, end);
    const list = listIn(values, slot);
    if (stop === undefined) list.push(read(cursor, end));
    else while (cursor.at < stop) list.push(read(cursor, stop));
    values[slot] = list;
  } else {
    throw new Malformed(`a number has wire type ${wire}`);
  }
}

/** The items or entries of one field, which stand in a row from the cursor on. */
function readRun(values: unknown[], field: Field, tag: number, cursor: Cursor, end: number): void {
  const { slot, sharing } = field;
  const start = cursor.at;
  const runEnd = endOfRun(tag, cursor, end);
  const isAsked = values[slot] === undefined && isWorthAsking(sharing, runEnd - start);
  const place = isAsked ? placeOf(cursor.bytes, start, runEnd) : 0;
  const known = isAsked ? sharedValue(sharing, place, cursor.bytes, start, runEnd) : undefined;
  if (known !== undefined) {
    values[slot] = known;
    cursor.at = runEnd;
    return;
  }
  const value =
    field.many === "map" ? readEntries(values, field, cursor, runEnd) : readItems(values, field, cursor, runEnd);
  values[slot] = value;
  if (isAsked) share(sharing, place, cursor.bytes, start, runEnd, value);
}

/** Where the row of fields with this tag ends. Leaves the cursor where it is. */
function endOfRun(tag: number, cursor: Cursor, end: number): number {
  const start = cursor.at;
  let runEnd = start;
  while (cursor.at < end && readTag(cursor, end) === tag) {
    runEnd = readLength(cursor, end);
    cursor.at = runEnd;
  }
  cursor.at = start;
  return runEnd;
}

function readItems(values: unknown[], { read, slot, items }: Field, cursor: Cursor, runEnd: number): unknown[] {
  let count = 0;
  while (cursor.at < runEnd) {
    readTag(cursor, runEnd);
    items[count++] = read(cursor, readLength(cursor, runEnd));
  }
  const list = items.slice(0, count);
  return values[slot] === undefined ? list : [...listIn(values, slot), ...list];
}

/** A copy of the items that came before: they may be shared. */
function listIn(values: readonly unknown[], slot: number): unknown[] {
  const items = values[slot];
  return Array.isArray(items) ? [...items] : [];
}

/** Entries of a map are messages: field 1 is the key, field 2 the value. */
function readEntries(
  values: unknown[],
  { read, slot, without }: Field,
  cursor: Cursor,
  runEnd: number,
): Record<string, unknown> {
  // A copy, as above.
  const map: Record<string, unknown> = { ...Object(values[slot]) };
  while (cursor.at < runEnd) {
    readTag(cursor, runEnd);
    const end = readLength(cursor, runEnd);
    let key = "";
    let value: unknown;
    while (cursor.at < end) {
      const tag = readTag(cursor, end);
      if (tag === 10) {
        key = readText(cursor, readLength(cursor, end));
      } else if (tag === 18) {
        const stop = readLength(cursor, end);
        // The key comes first. If it did not, the value would be read in vain, but still be left behind.
        if (key === without && !holds(cursor, stop, replicasText)) cursor.at = stop;
        else value = read(cursor, stop);
      } else {
        skipValue(tag, cursor, end);
      }
    }
    if (key === without) value = keptOfLastApplied(value);
    if (key !== without || value !== undefined) setKey(map, key, value);
  }
  return map;
}

const replicasText = Buffer.from('"replicas"');

/** Whether these bytes stand between the cursor and `end`. */
function holds({ bytes, at }: Cursor, end: number, part: Buffer): boolean {
  return bytes.subarray(at, end).includes(part);
}

/** Sets `key` as JSON.parse does: `__proto__` is a key like any other. */
function setKey(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    map[key] = value;
  }
}

function finish({ slots, values }: Plan): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  // By index: this runs for every object that is kept.
  for (let index = 0; index < slots.length; index++) {
    const slot = slots[index];
    const sent = values[index];
    const value = sent === undefined ? slot?.absent?.() : sent;
    if (slot !== undefined && value !== undefined) object[slot.key] = value;
  }
  return object;
}

/** The number and wire type of the next field. */
export function readTag(cursor: Cursor, end: number): number {
  const tag = readInteger(cursor, end);
  if (tag < 8 || tag > 0xffff_ffff) throw new Malformed("a field has no number");
  return tag;
}

/** Where the value ends whose length stands at the cursor. */
export function readLength(cursor: Cursor, end: number): number {
  const length = readInteger(cursor, end);
  if (length < 0 || length > end - cursor.at) throw new Malformed("a value is longer than what it is part of");
  return cursor.at + length;
}

/** Moves the cursor past the value of a field that is not wanted. */
export function skipValue(tag: number, cursor: Cursor, end: number): void {
  const wire = tag & 7;
  if (wire === 2) cursor.at = readLength(cursor, end);
  else if (wire === 0) readInteger(cursor, end);
  else if (wire === 1 || wire === 5) cursor.at += wire === 1 ? 8 : 4;
  else throw new Malformed(`field ${tag >>> 3} has wire type ${wire}`);
  if (cursor.at > end) throw new Malformed("a value is longer than what it is part of");
}

/**
 * A signed integer of up to 64 bits. Beyond 2^53 it is the nearest number, as in JSON.parse.
 */
export function readInteger(cursor: Cursor, end: number): number {
  const { bytes } = cursor;
  let at = cursor.at;
  let low = 0;
  let middle = 0;
  let high = 0;
  for (let index = 0; index < 10; index++) {
    if (at >= end) throw new Malformed("a number is cut off");
    const byte = bytes[at++] ?? 0;
    const bits = byte & 0x7f;
    if (index < 4) low |= bits << (7 * index);
    else if (index < 8) middle |= bits << (7 * (index - 4));
    else high |= bits << (7 * (index - 8));
    if (byte < 0x80) {
      cursor.at = at;
      if (index < 4) return low;
      // 28 bits, 28 bits, and 8 bits whose highest is the sign.
      return ((high << 24) | (middle >>> 4)) * 2 ** 32 + (((middle << 28) | low) >>> 0);
    }
  }
  throw new Malformed("a number does not end");
}

function readText(cursor: Cursor, end: number): string {
  const text = sharedText(cursor.bytes, cursor.at, end);
  cursor.at = end;
  return text;
}

/** Bytes are base64 text in JSON. */
function readBase64(cursor: Cursor, end: number): string {
  const text = cursor.bytes.toString("base64", cursor.at, end);
  cursor.at = end;
  return text;
}

function readJson(cursor: Cursor, end: number): unknown {
  // FieldsV1 is a message with one field, the JSON text.
  let text = "null";
  while (cursor.at < end) {
    const tag = readTag(cursor, end);
    if (tag === 10) text = readText(cursor, readLength(cursor, end));
    else skipValue(tag, cursor, end);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Malformed("a value that should be JSON is not", { cause: error });
  }
}

function readQuantity(cursor: Cursor, end: number): string {
  let text = "0";
  while (cursor.at < end) {
    const tag = readTag(cursor, end);
    if (tag === 10) text = readText(cursor, readLength(cursor, end));
    else skipValue(tag, cursor, end);
  }
  return text;
}

/** Field 1 says which of the other two counts: 0 the number in field 2, 1 the text in field 3. */
function readIntOrString(cursor: Cursor, end: number): number | string {
  let type = 0;
  let number = 0;
  let text = "";
  while (cursor.at < end) {
    const tag = readTag(cursor, end);
    if (tag === 8) type = readInteger(cursor, end);
    else if (tag === 16) number = readInteger(cursor, end);
    else if (tag === 26) text = readText(cursor, readLength(cursor, end));
    else skipValue(tag, cursor, end);
  }
  return type === 0 ? number : text;
}

/** Objects that were made together share their seconds; a second is written out once while it is in here. */
const timeTexts = new Map<number, string>();
const maxTimeTexts = 20_000;

/** `2006-01-02T15:04:05Z`; an empty message is Go's zero time, null in JSON. */
function readTime(cursor: Cursor, end: number): string | null {
  if (cursor.at === end) return null;
  const seconds = readTimestamp(cursor, end).seconds;
  const known = timeTexts.get(seconds);
  if (known !== undefined) return known;
  if (timeTexts.size >= maxTimeTexts) timeTexts.clear();
  const text = timeText(seconds, "Z");
  timeTexts.set(seconds, text);
  return text;
}

/** `2006-01-02T15:04:05.000000Z` */
function readMicroTime(cursor: Cursor, end: number): string | null {
  if (cursor.at === end) return null;
  const { seconds, nanos } = readTimestamp(cursor, end);
  return timeText(seconds, `.${String(Math.trunc(nanos / 1000)).padStart(6, "0")}Z`);
}

function readTimestamp(cursor: Cursor, end: number): { readonly seconds: number; readonly nanos: number } {
  let seconds = 0;
  let nanos = 0;
  while (cursor.at < end) {
    const tag = readTag(cursor, end);
    if (tag === 8) seconds = readInteger(cursor, end);
    else if (tag === 16) nanos = readInteger(cursor, end);
    else skipValue(tag, cursor, end);
  }
  return { seconds, nanos };
}

const firstSecond = Date.parse("0000-01-01T00:00:00Z") / 1000;
const lastSecond = Date.parse("9999-12-31T23:59:59Z") / 1000;

function timeText(seconds: number, rest: string): string {
  if (seconds < firstSecond || seconds > lastSecond) throw new Malformed("a time is not between the years 0 and 9999");
  const text = new Date(seconds * 1000).toISOString().slice(0, 19) + rest;
  // Joined text keeps its parts alive; text from bytes stands alone.
  return Buffer.from(text, "latin1").toString("latin1");
}
