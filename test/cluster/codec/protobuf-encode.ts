/**
 * Writes protobuf: enough of it to make lists by hand, also broken ones. What it does not know (whether the server
 * really writes so) the recorded answers and the tests against a server prove.
 */
import { schema } from "../../../src/cluster/codec/schema.generated.ts";

/** A number as protobuf writes it; a negative one as 64 bits. */
export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** A field: a number for a number or a truth value, else its text, or the fields of its message. */
export function field(number: number, value: number | bigint | boolean | string | readonly Buffer[] | Buffer): Buffer {
  if (typeof value === "boolean") return field(number, value ? 1 : 0);
  if (typeof value === "number" || typeof value === "bigint") {
    return Buffer.concat([varint(number * 8), varint(value)]);
  }
  const content =
    typeof value === "string" ? Buffer.from(value) : Buffer.isBuffer(value) ? value : Buffer.concat(value);
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

/** The message that the server would send for `object`, given as JSON. Zero values are sent only when given. */
export function message(name: string, object: object): Buffer {
  const source: Record<string, unknown> = { ...object };
  const parts: Buffer[] = [];
  for (const line of schema[name] ?? []) {
    const [key = "", number = "", form = ""] = line.split(" ");
    const type = form.replaceAll(/[*!]/g, "");
    const inner = type.replace(/^(?:\[\]|\{\})/, "");
    const value = source[key];
    if (key === "-") parts.push(field(Number(number), message(type, object)));
    else if (value === undefined || value === null) continue;
    else if (type.startsWith("[]") && Array.isArray(value)) {
      for (const item of value) parts.push(field(Number(number), encoded(inner, item)));
    } else if (type.startsWith("{}")) {
      for (const [entry, content] of Object.entries(Object(value))) {
        parts.push(field(Number(number), [field(1, entry), field(2, encoded(inner, content))]));
      }
    } else parts.push(field(Number(number), encoded(type, value)));
  }
  return Buffer.concat(parts);
}

function encoded(type: string, value: unknown): Buffer | string | number | boolean {
  if (type === "time" || type === "microTime") return time(String(value));
  if (type === "quantity" || type === "json") return field(1, type === "json" ? JSON.stringify(value) : String(value));
  if (type === "bytes") return Buffer.from(String(value), "base64");
  if (type === "intOrString") {
    return typeof value === "number" ? field(2, value) : Buffer.concat([field(1, 1), field(3, String(value))]);
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return message(type, Object(value));
}

function time(text: string): Buffer {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  const nanos = field(2, Number(fraction.padEnd(9, "0")));
  return Buffer.concat([field(1, Math.floor(Date.parse(text) / 1000)), ...(fraction === "" ? [] : [nanos])]);
}

/** What stands around a list. */
export interface Frame {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly head?: readonly Buffer[];
  /** Follows the list, as the server does with two empty fields. */
  readonly rest?: Buffer;
}

/** The body of a list whose items are these messages. */
export function listOf(items: readonly Buffer[], frame: Frame = {}): Buffer {
  const { apiVersion = "v1", kind = "PodList", head = [field(2, "7")], rest } = frame;
  return answer([
    field(1, [field(1, apiVersion), field(2, kind)]),
    field(2, [field(1, head), ...items.map((item) => field(2, item))]),
    rest ?? Buffer.concat([field(3, ""), field(4, "")]),
  ]);
}

/** Any answer in the encoding. */
export function answer(fields: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from("k8s\0"), ...fields]);
}

/** `bytes` in pieces that end at `cuts`, which rise. */
export async function* pieces(bytes: Buffer, cuts: readonly number[] = []): AsyncGenerator<Buffer> {
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
}
