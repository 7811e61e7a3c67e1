/**
 * Accepted findings: what somebody decided to live with, for a reason and until a day. A file says so from outside
 * (`.k8sgptignore`), or an annotation on the object (`k8sgpt.ai/ignore: rule[,…]`, with `k8sgpt.ai/ignore-reason` and
 * `k8sgpt.ai/ignore-until`). An accepted finding leaves the findings before they are correlated, so that it is no cause
 * any more and hides none of its symptoms; it stays in the report with its reason. "Now" is the snapshot's moment: a
 * saved cluster tells the same story next year.
 */
import { keyOf, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { topOwnerOf } from "../kube/relations.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { dayMs, parseTime } from "../kube/time.ts";
import { fits } from "../wildcard.ts";
import type { Finding } from "./finding.ts";
import type { AcceptedFinding } from "./report.ts";

/** One entry of an ignore file. */
export interface AcceptRule {
  /** A rule id; `*` stands for any characters. */
  readonly rule: string;
  /** `Kind/namespace/name` or `Kind/name`; `*` stands for any characters but `/`. */
  readonly object: string;
  readonly reason: string;
  /** The last day on which it holds (UTC), `2026-12-31`; absent for no end. */
  readonly expiry?: string;
  /** The name of the cluster in which it holds, `*` for any characters; absent for all. */
  readonly cluster?: string;
  /** Where it stands, for messages: `.k8sgptignore:3`. */
  readonly place: string;
}

/** The annotation that names the rules accepted on an object, separated by commas. */
export const ignoreAnnotation = "k8sgpt.ai/ignore";
const reasonAnnotation = "k8sgpt.ai/ignore-reason";
const untilAnnotation = "k8sgpt.ai/ignore-until";

/** What an entry or an annotation says of one finding. */
interface Verdict extends Omit<AcceptedFinding, "finding"> {
  readonly state: "holds" | "expired" | "unreadable";
}

/**
 * Parts `findings` into those that count and those that are accepted.
 *
 * @returns also a warning for each entry that would match but has expired, or whose end cannot be read
 */
export function withoutAccepted(
  snapshot: Snapshot,
  findings: readonly Finding[],
  rules: readonly AcceptRule[],
): {
  readonly findings: readonly Finding[];
  readonly accepted: readonly AcceptedFinding[];
  readonly warnings: readonly string[];
} {
  const counting: Finding[] = [];
  const accepted: AcceptedFinding[] = [];
  const warnings = new Set<string>();
  // Contexts of clouds are named like paths: `*` also stands for `/` here.
  const here = rules.filter(({ cluster = "*" }) => fits(cluster, snapshot.cluster.name));
  const patterns = here.map((entry) => ({ entry, rule: globOf(entry.rule), object: globOf(entry.object) }));
  for (const finding of findings) {
    const verdicts = [
      ...patterns
        .filter(({ rule, object }) => rule.test(finding.rule) && isAbout(finding, object))
        .map(({ entry: { reason, place, expiry } }) =>
          verdictOf({ reason, by: place, source: "file", ...(expiry !== undefined && { expiry }) }, snapshot.takenAt),
        ),
      ...annotated(snapshot, finding),
    ];
    const holding = verdicts.find(({ state }) => state === "holds");
    if (holding !== undefined) {
      const { state: _, ...why } = holding;
      accepted.push({ finding, ...why });
      continue;
    }
    counting.push(finding);
    for (const { state, by, expiry = "" } of verdicts) {
      const what = `[accepted] ${by}: ${finding.rule} of ${keyOf(finding.owner ?? finding.object)}`;
      warnings.add(
        state === "expired"
          ? `${what} is no longer accepted: that ended on ${expiry}`
          : `${what} is not accepted: "${expiry}" is not a day like 2026-12-31`,
      );
    }
  }
  return { findings: counting, accepted, warnings: [...warnings] };
}

/** Whether `text` is a day of the calendar, `2026-12-31`. */
export function isDay(text: string): boolean {
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? parseTime(`${text}T00:00:00Z`) : undefined;
  // JavaScript reads 31 February as 3 March.
  return ms !== undefined && new Date(ms).toISOString().startsWith(text);
}

function verdictOf(said: Omit<AcceptedFinding, "finding">, now: number): Verdict {
  const { expiry } = said;
  if (expiry === undefined) return { ...said, state: "holds" };
  if (!isDay(expiry)) return { ...said, state: "unreadable" };
  const end = (parseTime(`${expiry}T00:00:00Z`) ?? 0) + dayMs;
  return { ...said, state: now < end ? "holds" : "expired" };
}

/** An entry means the finding when it names the owner, or every object that shows it: not one Pod of several. */
function isAbout({ owner, objects }: Finding, pattern: RegExp): boolean {
  if (owner !== undefined && pattern.test(keyOf(owner))) return true;
  return objects.every((ref) => pattern.test(keyOf(ref)));
}

/** What annotations say. A missing object carries none: those that need it decide, all of them. */
function annotated(snapshot: Snapshot, { rule, objects, related }: Finding): readonly Verdict[] {
  const present = (refs: readonly ObjectRef[]): readonly ObjectRef[] =>
    refs.filter((ref) => snapshot.find(ref) !== undefined);
  const shown = present(objects);
  const judged = shown.length > 0 ? shown : present(related);
  const verdicts = judged.map((ref) => annotationOn(snapshot, ref, rule));
  const [first] = verdicts;
  if (first === undefined || verdicts.includes(undefined)) return [];
  // The weakest of them decides.
  return [verdicts.find((verdict) => verdict?.state !== "holds") ?? first];
}

/** The annotation of an object, else of its top owner. */
function annotationOn(snapshot: Snapshot, ref: ObjectRef, rule: string): Verdict | undefined {
  const located = snapshot.find(ref);
  if (located === undefined) return undefined;
  const owner = topOwnerOf(snapshot, located.object);
  for (const bearer of [located, ...(owner === undefined ? [] : [snapshot.find(owner)])]) {
    const annotations = bearer?.object.metadata?.annotations;
    const rules = annotations?.[ignoreAnnotation];
    if (bearer === undefined || annotations === undefined || rules === undefined) continue;
    if (!rules.split(",").some((name) => globOf(name.trim()).test(rule))) continue;
    const reason = annotations[reasonAnnotation];
    const expiry = annotations[untilAnnotation];
    return verdictOf(
      {
        by: `${keyOf(refOf(bearer.kind, bearer.object))} (annotation)`,
        source: "annotation",
        ...(reason !== undefined && reason.trim() !== "" && { reason }),
        ...(expiry !== undefined && { expiry }),
      },
      snapshot.takenAt,
    );
  }
  return undefined;
}

/** `*` stands for any characters but `/`; everything else for itself. An empty pattern matches nothing. */
function globOf(pattern: string): RegExp {
  const source = pattern
    .split("*")
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join("[^/]*");
  return new RegExp(pattern === "" ? "(?!)" : `^${source}$`);
}
