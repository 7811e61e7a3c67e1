/** The words by which people name kinds, as kubectl takes them: `po`, `pod`, `pods`, `Pod`, `deployments.apps`. */
import { type KindName, kindDefinition, kindNames } from "./kinds.ts";
import { oncePerSnapshot } from "./relations.ts";
import type { Snapshot } from "./snapshot.ts";

/** The kind of Kubernetes' own, or of a project that k8sgpt knows, that the word means. */
export function kindNamed(word: string): KindName | undefined {
  return words.get(word.toLowerCase());
}

/** Words for kinds, to find the nearest to a wrong one. */
export function kindWords(): readonly string[] {
  return [...words.keys()].filter((word) => word.length > 3 && !word.includes("."));
}

const words: ReadonlyMap<string, KindName> = new Map(
  // Of two kinds with one name the first in the table is meant, as kubectl means the core group.
  kindNames.toReversed().flatMap((kind) => {
    const { group, plural, shortNames } = kindDefinition(kind);
    const names = [kind.toLowerCase(), plural, ...shortNames];
    return names.flatMap((name): [string, KindName][] => [
      [name, kind],
      ...(group === "" ? [] : ([[`${name}.${group}`, kind]] satisfies [string, KindName][])),
    ]);
  }),
);

/** The kind of the cluster's own that the word means: its name as its CustomResourceDefinition spells it. */
export function customKindNamed(
  snapshot: Snapshot,
  word: string,
): { readonly kind: string; readonly group: string } | undefined {
  return customWords(snapshot).get(word.toLowerCase());
}

const customWords = oncePerSnapshot((snapshot) => {
  const known = new Map<string, { kind: string; group: string }>();
  const add = (name: string | undefined, entry: { kind: string; group: string }): void => {
    if (name === undefined || name === "") return;
    for (const word of [name, `${name}.${entry.group}`])
      if (!known.has(word.toLowerCase())) known.set(word.toLowerCase(), entry);
  };
  for (const { spec } of snapshot.list("CustomResourceDefinition")) {
    const { kind = "", plural, shortNames = [] } = spec?.names ?? {};
    for (const name of [kind, plural, ...shortNames]) add(name, { kind, group: spec?.group ?? "" });
  }
  // A dump may hold objects without their definition.
  for (const { kind, group, plural } of snapshot.customResources()) {
    for (const name of [kind, plural, `${kind}s`]) add(name, { kind, group });
  }
  return known;
});
