/**
 * Values that were read before, found again by their bytes. In a list most values repeat: the Pods of one Deployment
 * share their labels, tolerations, environment and probes, and stand next to each other. What is found here is neither
 * decoded nor kept twice, so that snapshots hold one object in many places: they are never changed (`readonly`).
 *
 * It is a cache of fixed size: a value that is not found is only read anew. Bytes are compared whole before a value is
 * taken; the hash looks at a few of them, so that asking costs the same for long and short ones.
 */

/** Longer values repeat less often than their parts do. */
const maxValueBytes = 4096;
const maxTextBytes = 128;
const places = 4096;
/** Room for copies of the bytes of values; when it is full, all are forgotten. */
const arenaBytes = 1024 * 1024;

/** One thing that may repeat, such as the labels of Pods, and whether it did of late. */
export interface Sharing {
  asked: number;
  found: number;
  /** How many values pass by before it is tried again. */
  pause: number;
}

/** Things that hardly ever repeat, such as an object's metadata, are not worth the copy of their bytes. */
const trial = { asks: 64, pause: 512, worthwhile: 1 / 8 };

export function newSharing(): Sharing {
  return { asked: 0, found: 0, pause: 0 };
}

interface Entry {
  readonly sharing: Sharing;
  readonly start: number;
  readonly end: number;
  readonly value: unknown;
}

let arena: Buffer | undefined;
let used = 0;
const entries: (Entry | undefined)[] = Array.from({ length: places }, () => undefined);
const texts: string[] = Array.from({ length: places }, () => "");

/**
 * Lets go of all values; told when a list is done. The room for copies stays: a new one for each of thirty short lists made
 * the garbage collector the dearest part of reading a small cluster.
 */
export function forgetShared(): void {
  entries.fill(undefined);
  texts.fill("");
  used = 0;
}

/** Whether to ask for a value of so many bytes. */
export function isWorthAsking(sharing: Sharing, length: number): boolean {
  if (length > maxValueBytes) return false;
  if (sharing.pause > 0) {
    sharing.pause -= 1;
    return false;
  }
  if (sharing.asked === trial.asks) {
    if (sharing.found < trial.asks * trial.worthwhile) sharing.pause = trial.pause;
    sharing.asked = 0;
    sharing.found = 0;
  }
  sharing.asked += 1;
  return true;
}

/** Where the value of these bytes has its place. */
export function placeOf(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  let hash = length;
  // The middle and the end: that is where names, numbers and times differ.
  for (let index = 0; index < 16; index++) {
    hash = Math.imul(hash, 31) + (bytes[start + Math.trunc((length * index) / 16)] ?? 0);
  }
  for (let index = Math.max(start, end - 6); index < end; index++) hash = Math.imul(hash, 31) + (bytes[index] ?? 0);
  return (hash ^ (hash >>> 15)) & (places - 1);
}

/** The value that was read from equal bytes, if it is still known. */
export function sharedValue(sharing: Sharing, place: number, bytes: Buffer, start: number, end: number): unknown {
  const entry = entries[place];
  if (entry === undefined || entry.sharing !== sharing || entry.end - entry.start !== end - start) return undefined;
  if (arena === undefined || bytes.compare(arena, entry.start, entry.end, start, end) !== 0) return undefined;
  sharing.found += 1;
  return entry.value;
}

/** Keeps `value` for the next time that these bytes come. */
export function share(
  sharing: Sharing,
  place: number,
  bytes: Buffer,
  start: number,
  end: number,
  value: unknown,
): void {
  arena ??= Buffer.allocUnsafe(arenaBytes);
  if (used + end - start > arena.length) {
    entries.fill(undefined);
    used = 0;
  }
  bytes.copy(arena, used, start, end);
  entries[place] = { sharing, start: used, end: used + end - start, value };
  used += end - start;
}

/** The text of these bytes, the same string as before where it is still known. */
export function sharedText(bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length > maxTextBytes) return bytes.toString("utf8", start, end);
  let hash = length;
  for (let index = Math.max(start, end - 8); index < end; index++) hash = Math.imul(hash, 31) + (bytes[index] ?? 0);
  hash = Math.imul(hash, 31) + (bytes[start] ?? 0);
  hash = Math.imul(hash, 31) + (bytes[start + (length >> 1)] ?? 0);
  const place = (hash ^ (hash >>> 12)) & (places - 1);
  const known = texts[place] ?? "";
  if (known.length === length && isText(known, bytes, start)) return known;
  const text = bytes.toString("utf8", start, end);
  // Text beyond ASCII has fewer characters than bytes and would never be found.
  if (text.length === length) texts[place] = text;
  return text;
}

function isText(text: string, bytes: Buffer, start: number): boolean {
  // From the end: names that differ do so there.
  for (let index = text.length - 1; index >= 0; index--) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}
