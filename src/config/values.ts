/**
 * Reading a config file that k8sgpt wrote, or a person: keys compare without regard to case at every level, because
 * k8sgpt saves `currentCacheType` one day and `currentcachetype` the next, and values may have the wrong type.
 */

/** The value of `key` in `map`, whatever its letter case; the exact spelling wins where both are there. */
export function valueOf(map: unknown, key: string): unknown {
  if (typeof map !== "object" || map === null || Array.isArray(map)) return undefined;
  const entries = Object.entries(map);
  const found =
    entries.find(([name]) => name === key) ?? entries.find(([name]) => name.toLowerCase() === key.toLowerCase());
  return found?.[1];
}

/**
 * A list of words: a list of scalars, or one string split by `separator`. Undefined when there is none; empty words are
 * dropped.
 */
export function wordsOf(value: unknown, separator: RegExp): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const items: readonly unknown[] = Array.isArray(value) ? value : (textOf(value) ?? "").split(separator);
  return items.flatMap((item) => textOf(item)?.trim() ?? []).filter((word) => word !== "");
}

/** A scalar as text; undefined for nothing, for lists and for maps. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** A number, also where it was written as text; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  const text = textOf(value)?.trim();
  const number = text === undefined || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Text that is not empty: k8sgpt writes `""` for what was not given. */
export function filledText(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined || text === "" ? undefined : text;
}
