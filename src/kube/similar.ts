/** Names that look like another one: what somebody may have meant. */
import { compareText } from "./object-ref.ts";

/**
 * The candidates nearest to `name`, best first: those that differ in at most a third of its letters, or of which one holds
 * the other whole.
 */
export function similarNames(name: string, candidates: Iterable<string>, most = 3): readonly string[] {
  // A manifest that no server has checked may hold something else than text.
  if (typeof name !== "string" || name === "") return [];
  const limit = Math.max(1, Math.floor(name.length / 3));
  const near: { candidate: string; distance: number }[] = [];
  for (const candidate of candidates) {
    if (candidate === name || candidate === "") continue;
    const holds = name.length > 2 && candidate.length > 2 && (candidate.includes(name) || name.includes(candidate));
    const distance = holds ? 1 : editDistance(name, candidate, limit);
    if (distance <= limit) near.push({ candidate, distance });
  }
  near.sort((a, b) => a.distance - b.distance || compareText(a.candidate, b.candidate));
  return near.slice(0, most).map(({ candidate }) => candidate);
}

/** Letters to insert, delete, replace or swap with their neighbour to make `a` into `b`; `limit + 1` when it is more. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    let best = row;
    for (let column = 1; column <= b.length; column += 1) {
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1),
      );
      if (row > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? Infinity) + 1);
      }
      current.push(cost);
      best = Math.min(best, cost);
    }
    if (best > limit) return limit + 1;
    before = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
