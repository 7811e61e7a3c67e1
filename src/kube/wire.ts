/**
 * Shapes of the server's JSON. A snapshot holds what the API server sent, unconverted: timestamps are RFC 3339 strings,
 * quantities are strings, and a field that the projection does not name is not there. client-node's classes serve as
 * the vocabulary only; its typed calls would turn timestamps into `Date`s and drop fields that they do not know.
 */

/** `T` as it stands in JSON: every field may be missing, `Date` is a string. */
export type Wire<T> = T extends Date
  ? string
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Wire<Item>[]
      : T extends object
        ? string extends keyof T
          ? { readonly [key: string]: Wire<NonNullable<T[keyof T]>> }
          : { readonly [Key in keyof T]?: Wire<NonNullable<T[Key]>> }
        : T;

/**
 * Which fields of `T` are kept: `true` keeps a value whole, an object names the fields to keep, and `[fields]` stands
 * for a list whose items are cut down to `fields`.
 */
export type Fields<T> =
  | true
  | (T extends readonly (infer Item)[]
      ? readonly [Fields<NonNullable<Item>>]
      : T extends object
        ? { readonly [Key in keyof T]?: Fields<NonNullable<T[Key]>> }
        : never);

/** `T` cut down to the fields `F`: reading any other field is a type error. */
export type Kept<T, F> = F extends true
  ? T
  : T extends readonly (infer Item)[]
    ? F extends readonly [infer ItemFields]
      ? readonly Kept<NonNullable<Item>, ItemFields>[]
      : never
    : { readonly [Key in keyof F & keyof T]?: Kept<NonNullable<T[Key]>, F[Key]> };

/** A projection at run time, without its type. */
export type AnyFields = true | readonly [AnyFields] | { readonly [key: string]: AnyFields };

/** Any value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Whether `value` is an object of JSON, and not a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The annotation in which `kubectl apply` stores the whole manifest: large, and it may hold credentials. */
export const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * What is kept of the text in that annotation: the number of replicas that it sets, which is what an autoscaler fights with
 * (`{"spec":{"replicas":3}}`). Undefined when it sets none.
 */
export function keptOfLastApplied(text: unknown): string | undefined {
  if (typeof text !== "string" || !text.includes('"replicas"')) return undefined;
  try {
    const manifest: unknown = JSON.parse(text);
    const spec = isRecord(manifest) ? manifest["spec"] : undefined;
    const replicas = isRecord(spec) ? spec["replicas"] : undefined;
    return typeof replicas === "number" ? JSON.stringify({ spec: { replicas } }) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Cuts `value` down to `fields`, as a new object. `null` counts as absent. A value of the wrong shape (text where a
 * list should be) is dropped rather than passed on, so that an odd object cannot trip a rule.
 */
export function project(value: unknown, fields: AnyFields): unknown {
  if (value === null || value === undefined) return undefined;
  if (fields === true) return withoutNulls(value);
  if (isItems(fields)) {
    if (!Array.isArray(value)) return undefined;
    const items: unknown[] = [];
    for (const item of value) {
      const kept = project(item, fields[0]);
      if (kept !== undefined) items.push(kept);
    }
    return items;
  }
  if (typeof value !== "object" || Array.isArray(value)) return undefined;
  const source: Record<string, unknown> = { ...value };
  const result: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(fields)) {
    let kept = project(source[key], inner);
    if (kept === undefined) continue;
    if (key === "annotations") kept = withoutLastApplied(kept);
    result[key] = kept;
  }
  return result;
}

/** `value` without the nulls inside it; itself when there are none, which is nearly always. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !holdsNull(value)) return value;
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  const entries = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutNulls(inner)]));
}

function holdsNull(value: object): boolean {
  for (const inner of Array.isArray(value) ? value : Object.values(value)) {
    if (inner === null || (typeof inner === "object" && holdsNull(inner))) return true;
  }
  return false;
}

function isItems(fields: AnyFields): fields is readonly [AnyFields] {
  return Array.isArray(fields);
}

function withoutLastApplied(annotations: unknown): unknown {
  if (typeof annotations !== "object" || annotations === null || !(lastApplied in annotations)) return annotations;
  const { [lastApplied]: applied, ...rest } = annotations as Record<string, unknown>;
  const kept = keptOfLastApplied(applied);
  return kept === undefined ? rest : { ...annotations, [lastApplied]: kept };
}
