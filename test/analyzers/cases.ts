/**
 * Case tables: an analyzer's behaviour as data. The same table is parsed (project `unit`), applied to a real API server
 * and read back (project `cluster`), and quoted in docs/analyzers.md.
 */
import { load, loadAll } from "js-yaml";
import type { Analyzer } from "../../src/analyzers/define.ts";
import type { Severity } from "../../src/findings/severity.ts";
import type { Facts } from "../../src/kube/facts.ts";
import type { KindName } from "../../src/kube/kinds.ts";
import type { ContainerLog, Scope } from "../../src/kube/snapshot.ts";

/** One object as it would be in a file. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** What a case expects: the rule and the object that it names, as `Kind/namespace/name`. */
export interface Expected {
  readonly rule: string;
  readonly object: string;
  readonly severity?: Severity;
  /** The particular, when the case is about it. */
  readonly because?: string;
  /** The object at fault, when it is another one. */
  readonly cause?: string;
}

/** One cluster and what the analyzer says of it. */
export interface Case {
  readonly name: string;
  readonly given: readonly (Manifest | readonly Manifest[])[];
  /** Kinds that could not be read. */
  readonly unread?: readonly KindName[];
  readonly logs?: readonly ContainerLog[];
  /** What the cluster tells beside its objects. */
  readonly facts?: Facts;
  /** Version of the API server, `v1.34.1`; a case that needs one runs in `unit` only. */
  readonly serverVersion?: string;
  /** The namespaces that were asked for. */
  readonly scope?: Scope;
  /** Everything that the analyzer says; nothing for a silent case. */
  readonly expect?: readonly Expected[];
  /** Why an API server would refuse these objects: the case then runs in `unit` only. */
  readonly notLive?: string;
}

/** The table of one analyzer. */
export interface CaseTable {
  readonly analyzer: Analyzer;
  readonly fires: readonly (Case & { readonly expect: readonly Expected[] })[];
  readonly silent: readonly Case[];
}

export function cases(analyzer: Analyzer, table: Omit<CaseTable, "analyzer">): CaseTable {
  return { analyzer, ...table };
}

/** When every case's snapshot is taken. */
export const takenAt: number = Date.parse("2026-01-15T12:00:00Z");

/** Objects that do not say when they were created are this old. */
export const defaultAge = "1h";

/** The time `span` (`45s`, `10m`, `3h`, `2d`) before the snapshot, as the API writes it. */
export function ago(span: string): string {
  const [, amount = "", unit = ""] = /^(\d+)([smhd])$/.exec(span) ?? [];
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit];
  if (unitMs === undefined) throw new Error(`not a span: ${span}`);
  return new Date(takenAt - Number(amount) * unitMs).toISOString().replace(".000Z", "Z");
}

/** Parses YAML written in a case; several documents give several objects. */
export function yaml(strings: TemplateStringsArray, ...values: readonly unknown[]): readonly Manifest[] {
  const text = strings.reduce((whole, part, index) => whole + String(values[index - 1]) + part);
  // A case that is no manifest fails in the runner, which reads kind and name of each.
  return loadAll(dedent(text)).filter(
    (document) => document !== null && document !== undefined,
  ) as unknown as Manifest[];
}

/** A copy of `manifest` with `changes` laid over it; objects are merged, lists and values replaced, null removes. */
export function but(manifest: Manifest | readonly Manifest[], changes: string): Manifest {
  const one = Array.isArray(manifest) ? (manifest[0] as Manifest) : (manifest as Manifest);
  return merge(structuredClone(one), load(dedent(changes))) as Manifest;
}

function merge(base: unknown, changes: unknown): unknown {
  if (!isRecord(base) || !isRecord(changes)) return changes;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function dedent(text: string): string {
  const lines = text.split("\n");
  const indents = lines.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length);
  const indent = Math.min(...indents.slice(lines[0]?.trim() === "" ? 0 : 1), ...(lines[0]?.trim() === "" ? [] : [0]));
  return lines.map((line) => line.slice(Number.isFinite(indent) ? indent : 0)).join("\n");
}
