/** What explaining needs of an analysis beside its report: the names to mask. */
import { createDictionary, type MaskRule } from "../anonymize/dictionary.ts";
import { credentialsOnly, type Masking } from "../anonymize/plain.ts";
import { dictionaryOf } from "../anonymize/snapshot.ts";
import type { Report } from "../findings/report.ts";
import type { ObjectRef } from "../kube/object-ref.ts";
import type { SnapshotInput } from "../kube/snapshot.ts";

/**
 * How text about `report` is masked: every name of what was read, and every name that a finding holds, also of objects
 * that do not exist or whose kind was not read. `rules` say what else.
 */
export function maskingFor(
  report: Report,
  input: SnapshotInput | undefined,
  anonymized: boolean,
  rules: readonly MaskRule[] = [],
): Masking {
  if (!anonymized) return credentialsOnly;
  const dictionary = input === undefined ? createDictionary(rules) : dictionaryOf(input, rules);
  const learn = ({ kind, namespace, name }: ObjectRef): void => {
    if (namespace !== undefined) dictionary.learn(namespace, "ns");
    dictionary.learn(name, kind === "Namespace" ? "ns" : kind.toLowerCase());
  };
  for (const { chain, affected, members } of report.incidents) {
    for (const step of [...chain, ...affected.workloads, ...affected.services]) learn(step);
    for (const host of affected.hosts) dictionary.learn(host, "host");
    for (const { objects, owner, cause, related, evidence } of members) {
      const named = [...objects, ...related, ...evidence.map(({ object }) => object)];
      for (const ref of [...named, ...(owner === undefined ? [] : [owner]), ...(cause === undefined ? [] : [cause])]) {
        learn(ref);
      }
    }
  }
  return dictionary;
}
