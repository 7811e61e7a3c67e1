/**
 * `-o`: a form for standard output, `-o json`, and forms for files, `-o junit=report.xml`, as many as wanted. Files are
 * written whole or not at all. On GitHub Actions the text is followed by annotations.
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Fault, messageOf } from "../fault.ts";
import { type Fleet, reportsOf, unreadOf } from "../findings/fleet.ts";
import type { Report } from "../findings/report.ts";
import { type FormatName, type FormatOptions, fleetFormats, formats } from "../report/formats.ts";
import { didYouMean } from "./nearest.ts";
import type { Terminal } from "./terminal.ts";

/** Where a report goes. */
export interface Outputs {
  /** The form on standard output. */
  readonly stdout: FormatName;
  readonly files: readonly { readonly format: FormatName; readonly path: string }[];
}

/**
 * Reads the values of `-o`. Without a bare form standard output keeps the text.
 *
 * @throws Fault for an unknown form, two forms for one place, or a folder that does not exist
 */
export function parseOutputs(values: readonly string[]): Outputs {
  const bare: FormatName[] = [];
  const files: { readonly format: FormatName; readonly path: string }[] = [];
  for (const value of values) {
    const [, name = "", path] = /^([^=]*)(?:=(.*))?$/s.exec(value) ?? [];
    const format = formatNamed(name);
    if (path === undefined || path === "-") bare.push(format);
    else if (path === "") {
      throw new Fault(`--output ${value} names no file`, {
        usage: true,
        next: `Write \`-o ${name}=FILE\`, or \`-o ${name}\``,
      });
    } else files.push({ format, path });
  }
  const [stdout = "text", second] = bare;
  if (second !== undefined && second !== stdout) {
    throw new Fault(`--output ${stdout} and --output ${second} both want standard output`, {
      usage: true,
      next: `Send one of them to a file: \`-o ${second}=FILE\``,
    });
  }
  const seen = new Set<string>();
  for (const { path } of files) {
    if (seen.has(resolve(path))) {
      throw new Fault(`--output names ${path} twice`, { usage: true, next: "Give each form a file of its own" });
    }
    seen.add(resolve(path));
    // Told before the cluster is read: nobody wants to wait for a report that has nowhere to go.
    if (!existsSync(dirname(resolve(path)))) {
      throw new Fault(`--output ${path}: the folder ${dirname(path)} does not exist`, {
        usage: true,
        next: `\`mkdir -p ${dirname(path)}\``,
      });
    }
  }
  return { stdout, files };
}

function formatNamed(name: string): FormatName {
  const known = Object.keys(formats);
  if (isFormat(name)) return name;
  const hint = didYouMean(name, known);
  throw new Fault(`--output does not know "${name}"`, {
    usage: true,
    next: `${hint === undefined ? "" : `${hint} `}It takes ${known.join(", ")}`,
  });
}

function isFormat(name: string): name is FormatName {
  return Object.hasOwn(formats, name);
}

/** What is written: one report, or several clusters, in each form. */
export interface Printed {
  readonly reports: readonly Report[];
  /** Names of clusters that could not be read. */
  readonly unread: readonly string[];
  readonly render: (format: FormatName, options: FormatOptions) => Promise<string>;
  /** What GitHub Actions shows beside the log. */
  readonly annotations: () => Promise<string>;
}

/** One report. */
export function printedReport(report: Report): Printed {
  return {
    reports: [report],
    unread: [],
    render: async (format, options) => (await formats[format]())(report, options),
    annotations: async () => (await import("../report/github.ts")).githubAnnotations(report),
  };
}

/** Several clusters. */
export function printedFleet(fleet: Fleet): Printed {
  return {
    reports: reportsOf(fleet),
    unread: unreadOf(fleet).map(({ name }) => name),
    render: async (format, options) => (await fleetFormats[format]())(fleet, options),
    annotations: async () => (await import("../report/github.ts")).fleetAnnotations(fleet),
  };
}

/** Renders and writes the report: files first, so that a reader of standard output who leaves early costs no file. */
export async function writeOutputs(
  printed: Printed,
  { stdout, files }: Outputs,
  options: FormatOptions,
  terminal: Pick<Terminal, "print" | "env">,
): Promise<void> {
  for (const { format, path } of files) {
    // A file is read by programs and in browsers, whatever the terminal: no colour, and all characters.
    const { plain } = await import("../report/text.ts"); // oxlint-disable-line no-await-in-loop -- cached after the first
    const text = await printed.render(format, { ...options, palette: plain, unicode: true }); // oxlint-disable-line no-await-in-loop -- one report after the other
    await writeWhole(path, text); // oxlint-disable-line no-await-in-loop -- in the order given
  }
  const text = await printed.render(stdout, options);
  if (stdout !== "text" || terminal.env["GITHUB_ACTIONS"] !== "true") {
    await terminal.print(text);
    return;
  }
  const { withoutCommands } = await import("../report/github.ts");
  await terminal.print(withoutCommands(text, `k8sgpt-${randomUUID()}`) + (await printed.annotations()));
}

/**
 * Writes a file beside the old one and renames it over it, so that a reader never finds half a report. A pipe or a device
 * is written to as it is: renaming would replace it.
 *
 * @throws Fault when it cannot be written
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => resolve(path));
  const temporary = `${target}.${randomUUID().slice(0, 8)}.part`;
  try {
    const found = await stat(target).catch(() => undefined);
    if (found !== undefined && !found.isFile()) {
      await writeFile(target, text);
      return;
    }
    await writeFile(temporary, text, { flag: "wx", ...(found !== undefined && { mode: found.mode & 0o777 }) });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new Fault(`Cannot write ${path}: ${messageOf(error)}`, {
      cause: error,
      next: `Check who may write there, and whether there is room: \`ls -ld ${dirname(path)}\``,
    });
  }
}
