/** The names most like `word`, at most `limit`, best first: what a person who mistyped meant. */
export function nearestNames(word: string, names: readonly string[], limit = 3): readonly string[] {
  const wanted = word.toLowerCase();
  if (wanted === "") return [];
  const most = Math.max(1, Math.floor(wanted.length * 0.4));
  return names
    .map((name) => ({ name, distance: distanceBetween(wanted, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, limit)
    .map(({ name }) => name);
}

/**
 * Edits from one word to the other: a letter added, dropped, changed, or two neighbours swapped (optimal string
 * alignment). A prefix or a part of a name is one edit away from it: `deploy` means `deployment`.
 */
function distanceBetween(word: string, name: string): number {
  if (word.length >= 3 && word !== name && name.startsWith(word)) return 1;
  const rows: number[][] = [Array.from({ length: name.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= word.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= name.length; column += 1) {
      const at = (r: number, c: number): number => (r === row ? line[c] : rows[r]?.[c]) ?? Infinity;
      const change = word[row - 1] === name[column - 1] ? 0 : 1;
      let best = Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + change);
      if (word[row - 1] === name[column - 2] && word[row - 2] === name[column - 1]) {
        best = Math.min(best, at(row - 2, column - 2) + 1);
      }
      line.push(best);
    }
    rows.push(line);
  }
  return rows[word.length]?.[name.length] ?? Infinity;
}

/** `Did you mean A or B?`, or undefined when nothing is near. */
export function didYouMean(word: string, names: readonly string[]): string | undefined {
  const near = nearestNames(word, names);
  const last = near.at(-1);
  if (last === undefined) return undefined;
  return `Did you mean ${near.length === 1 ? last : `${near.slice(0, -1).join(", ")} or ${last}`}?`;
}
