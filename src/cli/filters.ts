import { analyzers as known } from "../analyzers/index.ts";
import { configPlace } from "../config/place.ts";
import { activeFiltersVariable, readConfig } from "../config/read.ts";
import { Fault } from "../fault.ts";
import type { GlobalFlags, OutputFlags } from "./flags.ts";
import { analyzersOf, throwUnknown } from "./selection.ts";
import type { Terminal } from "./terminal.ts";
import { namesIn } from "./values.ts";

/** `k8sgpt filters list`: needs no cluster. */
export async function listFilters(flags: OutputFlags, terminal: Terminal): Promise<void> {
  const config = await readConfig(configPlace(flags.config, terminal), terminal.env);
  const { analyzers, unknown } = analyzersOf(config, known);
  const active = analyzers.map(({ name }) => name).sort();
  const unused = known.map(({ name }) => name).filter((name) => !active.includes(name));
  if (flags.output === "json") {
    await terminal.print(`${JSON.stringify({ active, unused: unused.sort(), unknown }, undefined, 2)}\n`);
    return;
  }
  const lines = [
    "Active:",
    ...active.map((name) => `> ${name}`),
    ...unknown.map((name) => `> ${name} (unknown: it checks nothing)`),
    "Unused:",
    ...unused.sort().map((name) => `> ${name}`),
  ];
  await terminal.print(`${lines.join("\n")}\n`);
}

/** `k8sgpt filters add A,B`. */
export async function addFilters(names: string, flags: GlobalFlags, terminal: Terminal): Promise<void> {
  const added = knownNames(names);
  await change(flags, terminal, (current) => {
    const there = current.filter((name) => added.some((one) => sameName(one, name)));
    if (there.length > 0) {
      throw new Fault(`${quoted(there)} ${there.length === 1 ? "is" : "are"} active already`, {
        next: "`k8sgpt filters list` shows the active ones",
      });
    }
    return [...current, ...added];
  });
  await terminal.print(`Added: ${added.join(", ")}\n`);
}

/** `k8sgpt filters remove A,B`. Unknown names can be removed too: that is how a typo leaves the file. */
export async function removeFilters(names: string, flags: GlobalFlags, terminal: Terminal): Promise<void> {
  const removed = listed(names);
  await change(flags, terminal, (current) => {
    const absent = removed.filter((one) => !current.some((name) => sameName(one, name)));
    throwUnknown(
      absent.filter((one) => !known.some(({ name }) => sameName(one, name))),
      known,
    );
    if (absent.length > 0) {
      throw new Fault(`${quoted(absent)} ${absent.length === 1 ? "is" : "are"} not active`, {
        next: "`k8sgpt filters list` shows the active ones",
      });
    }
    const left = current.filter((name) => !removed.some((one) => sameName(one, name)));
    if (left.length === 0) {
      throw new Fault("No filter would be left, and no filters mean the core set", {
        next: "`k8sgpt filters set NAME` keeps only NAME; `k8sgpt filters reset` goes back to the core set",
      });
    }
    return left;
  });
  await terminal.print(`Removed: ${removed.join(", ")}\n`);
}

/** `k8sgpt filters set A,B`. */
export async function setFilters(names: string, flags: GlobalFlags, terminal: Terminal): Promise<void> {
  const chosen = knownNames(names);
  await change(flags, terminal, () => chosen);
  await terminal.print(`Active: ${chosen.join(", ")}\n`);
}

/** `k8sgpt filters reset`: back to the core set. */
export async function resetFilters(flags: GlobalFlags, terminal: Terminal): Promise<void> {
  await change(flags, terminal, () => undefined);
  await terminal.print("Active: the core set\n");
}

async function change(
  flags: GlobalFlags,
  terminal: Terminal,
  next: (current: readonly string[]) => readonly string[] | undefined,
): Promise<void> {
  const { writeActiveFilters } = await import("../config/write.ts");
  const core = known.filter((analyzer) => analyzer.core).map(({ name }) => name);
  const warnings = await writeActiveFilters(configPlace(flags.config, terminal), (stored) =>
    next(stored === undefined || stored.length === 0 ? core : stored),
  );
  for (const warning of warnings) terminal.tell(`warning: ${warning}`);
  if ((terminal.env[activeFiltersVariable] ?? "").trim() !== "") {
    terminal.tell(`warning: ${activeFiltersVariable} is set and wins over the config file`);
  }
}

/** Canonical spelling of each name; usage faults for unknown, empty and repeated ones. */
function knownNames(names: string): readonly string[] {
  const wanted = listed(names);
  throwUnknown(
    wanted.filter((one) => !known.some(({ name }) => sameName(one, name))),
    known,
  );
  return wanted.map((one) => known.find(({ name }) => sameName(one, name))?.name ?? one);
}

function listed(names: string): readonly string[] {
  const pieces = names.split(",").map((name) => name.trim().toLowerCase());
  if (pieces.includes("") || new Set(pieces).size !== pieces.length) {
    throw new Fault(`"${names}" holds ${pieces.includes("") ? "an empty name" : "a name twice"}`, {
      usage: true,
      next: "Write names with commas between them: `Pod,Service`",
    });
  }
  return namesIn([names]);
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
