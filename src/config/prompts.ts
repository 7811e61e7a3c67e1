/**
 * The `prompts` section: what a backend is told to do with a fault, in the user's own words. Each key is a rule, the kind of
 * the object at fault, or `default`; each value the words, or `file:PATH`, from the folder of the config file. What makes
 * a question safe and its answer readable is added to them and cannot be changed here.
 */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Fault, messageOf } from "../fault.ts";
import type { ConfigPlace } from "./place.ts";
import { readConfigValues } from "./read.ts";
import { filledText, valueOf } from "./values.ts";

const longestPrompt = 8000;

/** The words by their key, which is in lower case. @throws Fault when one cannot be read or used */
export async function readPrompts(place: ConfigPlace): Promise<ReadonlyMap<string, string>> {
  const { path, values } = await readConfigValues(place);
  const section = valueOf(values, "prompts");
  if (section === undefined || section === null) return new Map();
  const wrong = (what: string, cause?: unknown): Fault =>
    new Fault(`Config file ${path}: ${what}`, {
      cause,
      next: "Write `prompts:` as a map from `default`, a kind or a rule to words, or to file:PATH",
    });
  if (typeof section !== "object" || Array.isArray(section)) throw wrong("prompts is not a map");
  const read = async ([key, value]: [string, unknown]): Promise<[string, string]> => {
    const given = filledText(value)?.trim() ?? "";
    const file = /^file:(.+)$/.exec(given)?.[1];
    const words =
      file === undefined
        ? given
        : await readFile(resolve(dirname(path), file), "utf8").catch((error: unknown) => {
            throw wrong(`prompts.${key} cannot be read: ${messageOf(error)}`, error);
          });
    if (words.trim() === "") throw wrong(`prompts.${key} holds no words`);
    if (words.length > longestPrompt) throw wrong(`prompts.${key} is longer than ${longestPrompt} characters`);
    return [key.toLowerCase(), words.trim()];
  };
  return new Map(await Promise.all(Object.entries(section).map(read)));
}
