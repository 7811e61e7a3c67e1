import { readFileSync } from "node:fs";
import { Fault, messageOf } from "../fault.ts";
import type { ConfigPlace, Surroundings } from "./place.ts";
import { valueOf, wordsOf } from "./values.ts";

/** What k8sgpt is told by its file and its environment. Flags are laid over it by the command. */
export interface Config {
  /** The filters that run when no `--filter` is given, in the file's order; undefined or empty: the core set. */
  readonly activeFilters: readonly string[] | undefined;
  /** Where `activeFilters` come from, for messages: the file, or the variable. */
  readonly activeFiltersFrom: string;
}

/** The variable that overrides `active_filters`: names separated by white space. */
export const activeFiltersVariable = "K8SGPT_ACTIVE_FILTERS";

/**
 * Reads the config. A file that is not there is an empty config; `--config` naming one that is not there is a fault.
 * Writes nothing, creates nothing.
 *
 * @throws Fault when the file cannot be read or is no YAML map
 */
export async function readConfig(place: ConfigPlace, env: Surroundings["env"]): Promise<Config> {
  const { path, values } = await readConfigValues(place);
  const overriding = env[activeFiltersVariable];
  if (overriding !== undefined && overriding.trim() !== "") {
    return { activeFilters: wordsOf(overriding, /[\s,]+/), activeFiltersFrom: activeFiltersVariable };
  }
  return { activeFilters: wordsOf(valueOf(values, "active_filters"), /\s+/), activeFiltersFrom: path };
}

/** The config file as a map, and which file that was; an empty map when there is none. @throws Fault as `readConfig` */
export async function readConfigValues(
  place: ConfigPlace,
): Promise<{ readonly path: string; readonly values: unknown }> {
  const { path, text } = await readConfigText(place);
  return { path, values: text.trim() === "" ? {} : await parseConfig(text, path) };
}

/** The text of the config file and which file that was; empty when there is none. */
export async function readConfigText(place: ConfigPlace): Promise<{ readonly path: string; readonly text: string }> {
  const candidates = place.legacyPath === undefined ? [place.path] : [place.path, place.legacyPath];
  for (const path of candidates) {
    try {
      // A byte order mark, as Windows editors write it, is not part of the text.
      return { path, text: readFileSync(path, "utf8").replace(/^\uFEFF/, "") };
    } catch (error) {
      if (!place.explicit && isMissing(error)) continue;
      throw new Fault(`Cannot read config file ${path}: ${reasonOf(error)}`, {
        cause: error,
        next: isMissing(error)
          ? "Correct --config, or leave it out to use the default place"
          : `Check who may read it: \`ls -l ${path}\``,
      });
    }
  }
  return { path: place.path, text: "" };
}

async function parseConfig(text: string, path: string): Promise<unknown> {
  const { loadAll } = await import("js-yaml");
  let documents: readonly unknown[];
  try {
    documents = loadAll(text);
  } catch (error) {
    throw new Fault(`Config file ${path} is not valid YAML: ${messageOf(error).split("\n")[0] ?? ""}`, {
      cause: error,
      next: "Correct the line named above; k8sgpt does not write to a file that it cannot read",
    });
  }
  const [values = {}, ...more] = documents;
  if (more.length > 0 || typeof values !== "object" || Array.isArray(values)) {
    throw new Fault(`Config file ${path} does not hold one YAML map`, {
      next: "Write it as `key: value` lines, for example `active_filters: [Pod, Service]`",
    });
  }
  return values;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function reasonOf(error: unknown): string {
  if (isMissing(error)) return "it does not exist";
  if (error instanceof Error && "code" in error && error.code === "EACCES") return "permission denied";
  if (error instanceof Error && "code" in error && error.code === "EISDIR") return "it is a folder";
  return messageOf(error);
}
