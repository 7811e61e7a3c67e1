/** How a report is shown on the terminal at hand. Apart from `terminal.ts`, which every start loads. */
import type { Palette } from "../report/text.ts";
import type { Terminal } from "./terminal.ts";

/** `--color`. */
export type ColorChoice = "auto" | "always" | "never";

/** Whether standard output is coloured: `--color` decides, else a terminal, `NO_COLOR` (no-color.org) and `TERM`. */
export function isColored(
  choice: ColorChoice,
  { env, stdoutIsTerminal }: Pick<Terminal, "env" | "stdoutIsTerminal">,
): boolean {
  if (choice !== "auto") return choice === "always";
  return stdoutIsTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

const widthWithoutTerminal = 100;

/** How wide a report is: the terminal, else `COLUMNS`, else 100. */
export function reportWidth({ columns, env }: Pick<Terminal, "columns" | "env">): number {
  if (columns !== undefined && columns > 0) return columns;
  const told = Number(env["COLUMNS"]);
  return Number.isInteger(told) && told > 0 ? told : widthWithoutTerminal;
}

/** Whether the locale shows more than ASCII (POSIX: the first of the three variables that is set decides). */
export function showsUnicode({ env, platform }: Pick<Terminal, "env" | "platform">): boolean {
  if (platform === "win32") return env["WT_SESSION"] !== undefined || env["TERM_PROGRAM"] !== undefined;
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((value) => value !== undefined && value !== "");
  // macOS terminals show UTF-8 also where no locale is set, as over ssh.
  return locale === undefined ? platform === "darwin" : /utf-?8/i.test(locale);
}

/** The colours of a report. chalk is loaded only when there is something to colour. */
export async function paletteFor(colored: boolean): Promise<Palette> {
  if (!colored) return (await import("../report/text.ts")).plain;
  const { Chalk } = await import("chalk");
  // The sixteen colours that every theme defines: a reader's own choice of light or dark is kept.
  const chalk = new Chalk({ level: 1 });
  return {
    critical: style(chalk.red),
    warning: style(chalk.yellow),
    info: style(chalk.blue),
    risk: style(chalk.magenta),
    good: style(chalk.green),
    strong: style(chalk.bold),
    dim: style(chalk.dim),
    command: style(chalk.cyan),
  };
}

/** A colour as a function of its text alone: chalk joins all its arguments, and `map` gives an index after the text. */
function style(paint: (text: string) => string): (text: string) => string {
  return (text) => paint(text);
}
