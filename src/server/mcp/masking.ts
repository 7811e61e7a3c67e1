/**
 * `--anonymize` for a whole server: one dictionary for its life, so that a name has one token in every answer, and
 * tokens in questions find their way back. All names of an answer's objects are learned before it is masked.
 */
import { createDictionary } from "../../anonymize/dictionary.ts";
import { dictionaryOf } from "../../anonymize/snapshot.ts";
import type { SnapshotInput } from "../../kube/snapshot.ts";
import { isKindName } from "../../kube/kinds.ts";
import { isPlain, type Plain } from "./hygiene.ts";

/** Names out, tokens in. */
export interface ServerMasking {
  readonly isOn: boolean;
  /** Learns every name of what was read. */
  readonly learn: (input: SnapshotInput) => void;
  /** Learns the names of objects of any kind. */
  readonly learnObjects: (kind: string, objects: readonly Plain[]) => void;
  readonly mask: (value: unknown) => unknown;
  readonly unmask: (value: unknown) => unknown;
}

/** For servers that show names as they are. */
export const noMasking: ServerMasking = {
  isOn: false,
  learn: () => undefined,
  learnObjects: () => undefined,
  mask: (value) => value,
  unmask: (value) => value,
};

/** An empty dictionary that grows with what the server reads. `clusters`: how many there are; each has a token. */
export function createMasking(clusters = 1): ServerMasking {
  const dictionary = createDictionary();
  for (let number = 1; number <= clusters; number += 1) dictionary.avoid(`cluster-${number}`);
  const learn = (input: SnapshotInput): void => {
    for (const [name, token] of dictionaryOf(input).entries()) {
      // Tokens made of other tokens (`deployment-1-7d4b9c6f5`) follow from those.
      const stem = /^([a-z]+(?:-[a-z]+)*)-\d+$/.exec(token)?.[1];
      if (stem !== undefined) dictionary.learn(name, stem);
    }
  };
  return {
    isOn: true,
    learn,
    learnObjects(kind, objects) {
      for (const object of objects) {
        const metadata = isPlain(object["metadata"]) ? object["metadata"] : {};
        if (typeof metadata["namespace"] === "string") dictionary.learn(metadata["namespace"], "ns");
        if (typeof metadata["name"] === "string")
          dictionary.learn(metadata["name"], kind === "Namespace" ? "ns" : kind.toLowerCase());
      }
      if (!isKindName(kind)) return;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the walk that learns names takes any JSON; only a projection carries the type
      const input = {
        takenAt: 0,
        cluster: { name: "", source: "live" },
        objects: { [kind]: objects },
        reads: [],
      } as unknown as SnapshotInput;
      learn(input);
    },
    mask: (value) => mapTexts(value, (text) => dictionary.mask(text)),
    unmask: (value) => mapTexts(value, (text) => dictionary.unmask(text)),
  };
}

/** Every text of a value, keys of maps too: labels are names. */
function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [change(key), mapTexts(inner, change)]));
}
