/** How findings, incidents, events and objects are told to a model: few words, names in one form. */
import { z } from "zod";
import type { Evidence } from "../../../findings/evidence.ts";
import type { Finding } from "../../../findings/finding.ts";
import type { Incident, Report } from "../../../findings/report.ts";
import { commandInContext } from "../../../findings/with-context.ts";
import type { EventRecord } from "../../../kube/events.ts";
import { keyOf, type ObjectRef, qualifiedName } from "../../../kube/object-ref.ts";
import { formatDuration } from "../../../kube/time.ts";
import { findingText, formatValue } from "../../../report/words.ts";
import { cleanValue, type Plain } from "../hygiene.ts";

/** Any JSON object. */
export const objectsShape: z.ZodObject = z.looseObject({});

/** `Pod shop/web-1` */
export function place(ref: ObjectRef): string {
  return `${ref.kind} ${qualifiedName(ref)}`;
}

/** An event in the fields that matter. Its message is the cluster's, without credentials. */
export function eventLine({ type, reason, message, count, lastSeen, regarding }: EventRecord, now: number): Plain {
  return {
    type,
    reason,
    object: place(regarding),
    message: cleanValue(message),
    ...(count > 1 && { count }),
    ...(lastSeen !== undefined && { age: formatDuration(Math.max(0, now - lastSeen)) }),
  };
}

/** What one fact of a list may take; `explain` tells it whole. */
const seenCharacters = 160;

/**
 * An incident in a few lines: what is wrong, on what, why, what follows, what to do. Beside its findings (`isAlone`) it
 * does not say again what those tell.
 */
export function incidentLines(incident: Incident, now: number, { isAlone = false } = {}): Plain {
  const { id, severity, root, chain, members, affected, since, explanation, explainError } = incident;
  const titles = new Set(
    members.filter((member) => member !== root).map(({ title, object }) => `${place(object)}: ${title}`),
  );
  const consequences = [...titles];
  // The line about a finding is its title and, in brackets, what was seen.
  const facts = findingText(root)
    .slice(root.title.length)
    .replace(/^ \(([^]*)\)$/, "$1");
  return {
    id,
    severity,
    object: place(root.cause ?? root.object),
    title: root.title,
    ...(chain.length > 1 && {
      chain: chain.map(
        (step) =>
          `${place(step)}${step.missing === true ? " (missing)" : ""}${step.count === undefined ? "" : ` ×${step.count}`}`,
      ),
    }),
    ...(!isAlone && facts !== "" && { seen: cut(String(cleanValue(facts))) }),
    ...(!isAlone && consequences.length > 0 && { leadsTo: consequences.slice(0, 2) }),
    ...(!isAlone && consequences.length > 2 && { leadsToMore: consequences.length - 2 }),
    ...(affected.hosts.length > 0 && { hosts: affected.hosts.slice(0, 5) }),
    ...(since !== undefined && { for: formatDuration(Math.max(0, now - since)) }),
    fix: root.fix,
    ...(explanation !== undefined && { explanation: cleanValue(explanation) }),
    ...(explainError !== undefined && { explainError: cleanValue(explainError) }),
  };
}

function cut(text: string): string {
  return text.length <= seenCharacters ? text : `${text.slice(0, seenCharacters - 1)}…`;
}

/**
 * A finding with what it rests on, one line for each piece of evidence.
 *
 * @param context the context that its commands must name
 */
export function findingLines(finding: Finding, context: string | undefined): Plain {
  const { id, severity, title, object, objects, owner, evidence, why, fix } = finding;
  const commands =
    context === undefined ? finding.commands : finding.commands.map((command) => commandInContext(command, context));
  return {
    id,
    severity,
    object: place(object),
    ...(objects.length > 1 && { objects: objects.length }),
    ...(owner !== undefined && { owner: place(owner) }),
    title,
    ...(evidence.length > 0 && { evidence: evidence.slice(0, 8).map((one) => cleanValue(evidenceLine(one, object))) }),
    ...(evidence.length > 8 && { evidenceMore: evidence.length - 8 }),
    ...(why !== undefined && { why }),
    fix,
    ...(commands.length > 0 && { commands }),
  };
}

function evidenceLine(evidence: Evidence, about: ObjectRef): string {
  const prefix = keyOf(evidence.object) === keyOf(about) ? "" : `${place(evidence.object)} `;
  switch (evidence.type) {
    case "field":
      return `${prefix}${evidence.path}: ${formatValue(evidence.value)}`;
    case "fact":
      return `${prefix}${evidence.label}: ${formatValue(evidence.value)}`;
    case "event":
      return `${prefix}event ${evidence.reason}${evidence.count > 1 ? ` ×${evidence.count}` : ""}: ${evidence.message}`;
    case "missing":
      return `${place(evidence.object)} does not exist`;
    case "log":
      break;
  }
  return `${prefix}log of ${evidence.container}: ${evidence.lines.slice(-5).join(" ⏎ ")}`;
}

/** The incidents in which an object plays a part. */
export function incidentsAbout({ incidents, takenAt }: Report, ref: ObjectRef): readonly Plain[] {
  const key = keyOf(ref);
  return incidents
    .filter(({ members, chain, affected }) =>
      [
        ...chain,
        ...affected.workloads,
        ...affected.services,
        ...members.flatMap(({ objects, owner, cause, related }) => [
          ...objects,
          ...related,
          ...(owner === undefined ? [] : [owner]),
          ...(cause === undefined ? [] : [cause]),
        ]),
      ].some((one) => keyOf(one) === key),
    )
    .map((incident) => incidentLines(incident, takenAt));
}
