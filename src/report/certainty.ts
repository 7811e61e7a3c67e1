/** How sure an incident is of its cause, and what else has to do with it: in words for text, as data for JSON. */
import type { Contribution, Incident } from "../findings/report.ts";
import { type EdgeKind, edgeKinds } from "../kube/graph.ts";
import type { ObjectRef } from "../kube/object-ref.ts";
import { clean, wrap } from "./layout.ts";
import { objectName } from "./words.ts";

const shown = 3;

/** Why the findings of an incident are told as one, in one sentence; "" for a single finding. */
export function certaintyInWords({ links = [] }: Pick<Incident, "links">): string {
  if (links.length === 0) return "";
  const joined = links.filter(({ strength }) => strength === "strong");
  if (joined.length === 0) return "exact: what is broken names what breaks it";
  const edges = new Set(joined.flatMap(({ along }) => along));
  const how = edges.size === 0 ? "on the same object" : `joined by ${namesOf([...edges])}`;
  return joined.length === links.length ? `strong: ${how}` : `strong: partly by name, partly ${how}`;
}

function namesOf(edges: readonly EdgeKind[]): string {
  // The order of the table, so that the same edges make the same sentence.
  const names = Object.keys(edgeKinds).filter((name) => edges.some((edge) => edge === name));
  return names.map((name) => edgeNames[name] ?? name).join(", ");
}

const edgeNames: Readonly<Record<string, string>> = {
  owner: "ownership",
  template: "template",
  ref: "reference",
  mount: "volume",
  node: "node",
  sched: "scheduling",
  image: "registry",
  select: "selector",
  backend: "backend",
  tls: "certificate",
  class: "class",
  admit: "admission",
  scale: "scaling",
  guard: "disruption budget",
  api: "API",
  ctrl: "platform",
  policy: "network policy",
};

/** The rows of a block that say how sure it is and what else may play a part; lines for the width that is left. */
export function certaintyRows(
  incident: Incident,
): readonly { readonly label: string; readonly lines: (width: number) => readonly string[] }[] {
  const { contributing = [], alsoExplains = [], possiblyRelated = [], hiddenBy = [] } = incident;
  const certainty = certaintyInWords(incident);
  const hidden = hiddenBy.map(
    ({ what, namespace, reason }) =>
      `the cause may be hidden: cannot list ${what}${namespace === undefined ? "" : ` in ${namespace}`}: ${reason}`,
  );
  const shared = alsoExplains.map(({ object, owner }): Contribution => ({
    object: owner ?? object,
    what: "in part; told with its main cause",
  }));
  return [
    { label: "besides", lines: (width) => contributionLines([...contributing, ...shared], width) },
    { label: "perhaps", lines: (width) => contributionLines(possiblyRelated, width) },
    { label: "sure", lines: (width) => (certainty === "" ? [] : wrap(certainty, width)) },
    { label: "unsure", lines: (width) => hidden.flatMap((text) => wrap(clean(text), width)) },
  ];
}

function contributionLines(all: readonly Contribution[], width: number): readonly string[] {
  const lines = all.slice(0, shown).flatMap(({ object, what }) => wrap(`${objectName(object)}: ${clean(what)}`, width));
  return all.length <= shown ? lines : [...lines, `and ${all.length - shown} more with -o json`];
}

/** The same as data; only keys that hold something. */
export function certaintyJson(incident: Incident, refJson: (ref: ObjectRef) => object): object {
  const { links, contributing, alsoExplains, possiblyRelated, hiddenBy } = incident;
  const why = certaintyInWords(incident);
  const named = (all: readonly Contribution[]): readonly object[] =>
    all.map(({ object, ...rest }) => ({ object: refJson(object), ...rest }));
  return {
    ...(why !== "" && { confidenceReason: why }),
    ...(links !== undefined && { links }),
    ...(contributing !== undefined && { contributing: named(contributing) }),
    ...(alsoExplains !== undefined && { alsoExplains: alsoExplains.map(({ id }) => id) }),
    ...(possiblyRelated !== undefined && { possiblyRelated: named(possiblyRelated) }),
    ...(hiddenBy !== undefined && { hiddenBy }),
  };
}
