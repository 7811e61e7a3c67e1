/** What users write after flags, read strictly: a wrong value is told before anything is asked of a cluster. */
import { Fault } from "../fault.ts";
import type { LabelSelector } from "../kube/selectors.ts";
import { parseSelector } from "../kube/selectors.ts";
import type { Scope } from "../kube/snapshot.ts";
import { didYouMean } from "./nearest.ts";

/** Names given one by one or with commas between them. */
export function namesIn(values: readonly string[]): readonly string[] {
  const names = values.flatMap((value) => value.split(",")).map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ""))];
}

// A namespace is a DNS label (concepts/overview/working-with-objects/names/#dns-label-names).
const namespaceName = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** `shop,web` or `!kube-system` as a scope; nothing means all namespaces. */
export function parseScope(values: readonly string[]): Scope {
  const names = namesIn(values);
  for (const name of names) {
    if (!namespaceName.test(name.replace(/^!/, ""))) {
      throw new Fault(`"${name}" cannot be the name of a namespace`, {
        usage: true,
        next: "Names hold lower-case letters, digits and `-`; `!name` leaves one out, and a comma separates several",
      });
    }
  }
  const include = names.filter((name) => !name.startsWith("!"));
  const exclude = names.filter((name) => name.startsWith("!")).map((name) => name.slice(1));
  return { ...(include.length > 0 && { include }), ...(exclude.length > 0 && { exclude }) };
}

/** A label selector as `kubectl -l` takes it; undefined for none. */
export function parseLabels(text: string | undefined): LabelSelector | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const selector = parseSelector(text);
  if (selector === undefined) {
    throw new Fault(`"${text}" is not a label selector`, {
      usage: true,
      next: "Write it as for `kubectl -l`: 'app=cart,tier in (front,back),!legacy'",
    });
  }
  return selector;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `90s`, `2m`, `1h30m`, `500ms`; a bare number is seconds. In milliseconds. */
export function parseDuration(flag: string, text: string): number {
  const parts = text.match(/\d+(?:\.\d+)?(?:ms|[smh])/g) ?? [];
  const total = /^\d+$/.test(text)
    ? Number(text) * 1000
    : parts.reduce(
        (sum, part) => sum + Number.parseFloat(part) * (unitMs[part.replace(/[\d.]/g, "")] ?? Number.NaN),
        0,
      );
  const isWhole = /^\d+$/.test(text) || (parts.length > 0 && parts.join("") === text);
  if (!isWhole || total <= 0) {
    throw new Fault(`${flag} needs a time, not "${text}"`, { usage: true, next: "Write it as `30s`, `2m` or `1h30m`" });
  }
  // Timers hold 31 bits of milliseconds; nobody waits 24 days.
  return Math.min(Math.round(total), 2_147_483_647);
}

const defaultConcurrency = 10;
const highestConcurrency = 100;

/** How many requests at once: 10 for nothing or less, 100 at most, as in k8sgpt. */
export function parseConcurrency(text: string): number {
  if (!/^-?\d+$/.test(text.trim())) {
    throw new Fault(`--max-concurrency needs a whole number, not "${text}"`, {
      usage: true,
      next: "Leave it out for 10",
    });
  }
  const count = Number(text);
  return count <= 0 ? defaultConcurrency : Math.min(count, highestConcurrency);
}

/** `info`, `risks` (or `risk`), as often and in whatever order. */
export function parseInclude(values: readonly string[]): readonly ("info" | "risk")[] {
  const found = new Set<"info" | "risk">();
  for (const name of namesIn(values)) {
    const word = name.toLowerCase();
    if (word === "info") found.add("info");
    else if (word === "risk" || word === "risks") found.add("risk");
    else {
      const hint = didYouMean(word, ["info", "risks"]);
      throw new Fault(`--include does not know "${name}"`, {
        usage: true,
        next: `${hint === undefined ? "" : `${hint} `}It takes \`info\`, \`risks\`, or both: \`--include info,risks\``,
      });
    }
  }
  return (["info", "risk"] as const).filter((name) => found.has(name));
}
