/**
 * The size of answers. A model pays for each token, so that every answer has a budget; what does not fit is left out
 * from the end, or shortened, and the answer says so and how to get it.
 */
import { Fault } from "../../fault.ts";
import { isPlain, type Plain } from "./hygiene.ts";

/** Bytes of one answer as JSON. */
export const answerBytes = 32_768;

/** How many items of a list fit into the budget; at least one, so that paging always gets on. */
export function fitting(items: readonly unknown[], budgetBytes: number): number {
  let bytes = 0;
  for (const [index, item] of items.entries()) {
    bytes += Buffer.byteLength(JSON.stringify(item) ?? "") + 1;
    if (bytes > budgetBytes) return Math.max(1, index);
  }
  return items.length;
}

/** From gentle to harsh: how long a text and a list may be. */
const cuts = [
  { characters: 2000, items: 100 },
  { characters: 600, items: 40 },
  { characters: 200, items: 15 },
  { characters: 100, items: 5 },
  { characters: 60, items: 2 },
] as const;

/** `value` within the budget: long texts and lists are cut until it fits. `note` says what was done. */
export function shortened(value: Plain, budgetBytes: number): { readonly value: Plain; readonly note?: string } {
  if (sizeOf(value) <= budgetBytes) return { value };
  for (const cut of cuts) {
    const small = shorter(value, cut);
    if (isPlain(small) && sizeOf(small) <= budgetBytes) {
      return {
        value: small,
        note: `Too large for one answer: texts were cut at ${cut.characters} characters and lists at ${cut.items} items.`,
      };
    }
  }
  return {
    value: Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, sizeOf(inner) <= budgetBytes / 20 ? inner : emptied(inner)]),
    ),
    note: "Too large for one answer: only its small parts are here.",
  };
}

/** JSON in which no text of the cluster can look like markup: quotes fence it, and `<` is written as an escape. */
export function jsonText(value: Plain): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? "");
}

function shorter(value: unknown, cut: { readonly characters: number; readonly items: number }): unknown {
  if (typeof value === "string") {
    return value.length <= cut.characters
      ? value
      : `${value.slice(0, cut.characters)}… (${value.length - cut.characters} characters more)`;
  }
  if (Array.isArray(value)) {
    const kept: unknown[] = value.slice(0, cut.items).map((item) => shorter(item, cut));
    if (value.length <= cut.items) return kept;
    const rest = value.length - cut.items;
    // A list of objects stays one: the tool's schema says so.
    return [...kept, isPlain(kept[0]) ? { more: rest } : `… ${rest} more`];
  }
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shorter(inner, cut)]));
}

/** What is left of a value that does not fit, in its own type. */
function emptied(value: unknown): unknown {
  if (Array.isArray(value)) return [];
  if (isPlain(value)) return {};
  return typeof value === "string" ? `${value.slice(0, 100)}…` : value;
}

/** A place in a list, as clients hand it back. */
export interface Cursor {
  /** The server's own token for the page. */
  readonly token?: string | undefined;
  /** The last object that was shown of the page. */
  readonly after?: string | undefined;
  /** Which of the allowed namespaces, when they are read one by one. */
  readonly part?: number | undefined;
}

/** The cursor as one opaque word. */
export function cursorText(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString("base64url");
}

/** The cursor that the word stands for; undefined when it is none. */
export function readCursor(text: string): Cursor | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    if (!isPlain(value)) return undefined;
    const { token, after, part } = value;
    return {
      ...(typeof token === "string" && { token }),
      ...(typeof after === "string" && { after }),
      ...(typeof part === "number" && { part }),
    };
  } catch {
    return undefined;
  }
}

/** What says how to get the page after `end`, of a list of `total`; nothing when there is none. */
export function nextPage(end: number, total: number): Plain {
  if (end >= total) return {};
  return { nextCursor: String(end), note: `${total - end} more: call again with cursor set to nextCursor` };
}

/** Where a page begins whose cursor is a number. @throws Fault for what is none */
export function startOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (/^\d{1,9}$/.test(cursor)) return Number(cursor);
  throw new Fault(`The cursor is not one of this server's`, { next: "Leave it out to start anew" });
}
