/**
 * The clusters that the flags name, as one list, whatever they are: contexts of the kubeconfig by name or pattern, all of
 * them, or saved clusters. Nothing is opened here; each target opens on its own, so that one that is broken or does not
 * answer hides nothing of the others.
 */
import { resolve } from "node:path";
import type { ClusterSource } from "../cluster/source.ts";
import { Fault } from "../fault.ts";
import { fits } from "../wildcard.ts";
import type { ReadingFlags } from "./flags.ts";
import { didYouMean, nearestNames } from "./nearest.ts";
import { fromAndContext, openGuards, openPlace, type Place } from "./reading.ts";
import type { Terminal } from "./terminal.ts";
import { namesIn } from "./values.ts";

/** One cluster to read. */
export interface Target {
  /** Unique among the targets: the context's name, or the path as it was given. */
  readonly name: string;
  readonly isSaved: boolean;
  /** The context that commands about it must name; absent for a saved cluster, and for the current context. */
  readonly context?: string;
  /**
   * Opens it.
   *
   * @param signal ends the opening
   * @param onNote told what the user should know but what stops nothing
   * @throws {Fault} when it cannot be opened
   */
  open(signal: AbortSignal, onNote: (text: string) => void): Promise<ClusterSource>;
}

type TargetFlags = ReadingFlags;

/**
 * The clusters that the flags name, in the order in which they are named; at least one. Without a flag it is the current
 * context.
 *
 * @throws {Fault} (usage) for a context that there is not, a pattern that fits none, and flags that exclude each other
 */
export async function targetsOf(flags: TargetFlags, terminal: Terminal): Promise<readonly Target[]> {
  const places = await placesOf(flags, terminal);
  // Several at once: none of their credential plugins may ask at the terminal.
  const alone = places.length === 1;
  // One record of a run, whatever it reads.
  let guards: ReturnType<typeof openGuards> | undefined;
  const shared = async (): ReturnType<typeof openGuards> => (guards ??= openGuards(flags, terminal));
  return places.map(({ name, place }) => ({
    name,
    isSaved: place.from !== undefined,
    ...(place.context !== undefined && { context: place.context }),
    open: async (signal, onNote) => {
      const rest = alone ? {} : { isInteractive: false, guards: await shared() };
      return openPlace(place, flags, terminal, { signal, onNote, ...rest });
    },
  }));
}

interface NamedPlace {
  readonly name: string;
  readonly place: Place;
}

async function placesOf(flags: TargetFlags, terminal: Terminal): Promise<readonly NamedPlace[]> {
  const { from, allContexts, kubecontext, context } = flags;
  const named = [...kubecontext, ...context].filter((value) => value !== "");
  if (from.length > 0) {
    if (named.length > 0 || allContexts === true) throw fromAndContext();
    const paths = new Map(from.map((path) => [path === "-" ? path : resolve(path), path]));
    return [...paths.values()].map((path) => ({
      name: path === "-" ? "standard input" : path,
      place: { from: path },
    }));
  }
  if (allContexts === true && named.length > 0) {
    throw new Fault("--all-contexts and --context say two things: all of them, and some", {
      usage: true,
      next: "Leave one of them out",
    });
  }
  const { findTarget, listContexts } = await import("../cluster/live/kubeconfig.ts");
  const { kubeconfig } = flags;
  const options = { ...(kubeconfig !== undefined && kubeconfig !== "" && { kubeconfig }), env: terminal.env };
  if (named.length === 0 && allContexts !== true) {
    const { context: name } = findTarget(options);
    return [{ name, place: {} }];
  }
  const known = listContexts(options).map(({ name }) => name);
  // Says that there are none, and in which file.
  if (known.length === 0) findTarget(options);
  const names = allContexts === true ? known : contextsNamed(named, known);
  return names.map((name) => ({ name, place: { context: name } }));
}

/** The contexts that `values` mean: names, several with commas between them, or patterns in which `*` is any text. */
export function contextsNamed(values: readonly string[], known: readonly string[]): readonly string[] {
  // A comma may be part of a name: the whole value counts first.
  const words = values.flatMap((value) => (known.includes(value) ? [value] : namesIn([value])));
  const unknown: string[] = [];
  const found = words.flatMap((word) => {
    if (known.includes(word)) return [word];
    const fitting = word.includes("*") ? known.filter((name) => fits(word, name)) : [];
    if (fitting.length === 0) unknown.push(word);
    return fitting;
  });
  if (unknown.length > 0) throw unknownContexts(unknown, known);
  return [...new Set(found)];
}

function unknownContexts(unknown: readonly string[], known: readonly string[]): Fault {
  const near = [...new Set(unknown.flatMap((word) => nearestNames(word, known)))];
  const hint = unknown.map((word) => didYouMean(word, known)).find((text) => text !== undefined);
  const rest = known.filter((name) => !near.includes(name));
  const shown = [...near, ...rest].slice(0, 8);
  const more = known.length - shown.length;
  const list = unknown.map((word) => `"${word}"`).join(", ");
  const what = unknown.every((word) => word.includes("*")) ? "No context fits" : "No context";
  return new Fault(`${what} ${list} in the kubeconfig`, {
    usage: true,
    next: `${hint === undefined ? "" : `${hint} `}Choose with --context: ${shown.join(", ")}${more > 0 ? ` and ${more} more; \`k8sgpt contexts\` lists them` : ""}`,
  });
}
