/**
 * `anonymize.rules`: what else is masked before it leaves, besides the names of the cluster: a list of `name` and `regex`.
 * What a pattern matches becomes `name-1`, `name-2`, and is put back into the answer.
 */
import { Fault, messageOf } from "../fault.ts";
import type { ConfigPlace } from "./place.ts";
import { readConfigValues } from "./read.ts";
import { filledText, valueOf } from "./values.ts";

/** One rule. */
export interface MaskRule {
  /** What the tokens begin with. */
  readonly name: string;
  readonly pattern: RegExp;
}

/** The rules, in the file's order. @throws Fault for one that is not understood: it would mask nothing */
export async function readMaskRules(place: ConfigPlace): Promise<readonly MaskRule[]> {
  const { path, values } = await readConfigValues(place);
  const list = valueOf(valueOf(values, "anonymize"), "rules");
  if (list === undefined || list === null) return [];
  const wrong = (what: string, cause?: unknown): Fault =>
    new Fault(`Config file ${path}: ${what}`, {
      cause,
      next: "Write `anonymize: { rules: [{ name: ticket, regex: 'ACME-[0-9]+' }] }`",
    });
  if (!Array.isArray(list)) throw wrong("anonymize.rules is no list");
  return list.map((item: unknown, index): MaskRule => {
    const at = `anonymize.rules[${index}]`;
    const name = filledText(valueOf(item, "name")) ?? "";
    const regex = filledText(valueOf(item, "regex"));
    if (!/^[a-z]{2,20}$/.test(name)) throw wrong(`${at} needs a name of small letters`);
    if (regex === undefined) throw wrong(`${at} needs a regex`);
    try {
      return { name, pattern: new RegExp(regex, "gu") };
    } catch (error) {
      throw wrong(`${at}: ${messageOf(error)}`, error);
    }
  });
}
