/** Which analyzers run: `--filter`, else the config's active filters, else the core set. */
import type { Analyzer } from "../analyzers/define.ts";
import type { Config } from "../config/read.ts";
import { Fault } from "../fault.ts";
import { didYouMean, nearestNames } from "./nearest.ts";
import { namesIn } from "./values.ts";

/** The analyzers to run, and the active filters that name none. */
export interface Selection {
  readonly analyzers: readonly Analyzer[];
  readonly unknown: readonly string[];
}

/** The analyzers that `--filter` names, whatever the letter case. Throws for a name that is none. */
export function analyzersNamed(values: readonly string[], known: readonly Analyzer[]): readonly Analyzer[] {
  const { analyzers, unknown } = matched(namesIn(values), known);
  throwUnknown(unknown, known);
  return analyzers;
}

/** The analyzers that the config wants. An unknown name does not stop the run, but the report must tell of it. */
export function analyzersOf({ activeFilters }: Config, known: readonly Analyzer[]): Selection {
  if (activeFilters === undefined || activeFilters.length === 0) {
    return { analyzers: known.filter(({ core }) => core), unknown: [] };
  }
  return matched(activeFilters, known);
}

/** A usage fault that names the nearest filters, when there is an unknown one. */
export function throwUnknown(unknown: readonly string[], known: readonly Analyzer[]): void {
  const [first] = unknown;
  if (first === undefined) return;
  const names = known.map(({ name }) => name);
  const near = [...new Set(unknown.flatMap((name) => nearestNames(name, names)))];
  throw new Fault(
    unknown.length === 1
      ? `There is no filter "${first}"`
      : `There are no filters ${unknown.map((name) => `"${name}"`).join(", ")}`,
    {
      usage: true,
      next: `${near.length === 0 ? "" : `${(unknown.length === 1 ? didYouMean(first, names) : undefined) ?? `Near are ${near.join(", ")}.`} `}\`k8sgpt filters list\` names them all`,
    },
  );
}

function matched(names: readonly string[], known: readonly Analyzer[]): Selection {
  const found = names.map((name) => known.find((analyzer) => analyzer.name.toLowerCase() === name.toLowerCase()));
  return {
    analyzers: [...new Set(found.filter((analyzer) => analyzer !== undefined))],
    unknown: [...new Set(names.filter((_, index) => found[index] === undefined))],
  };
}
