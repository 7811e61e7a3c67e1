/** How a report is shown on the terminal at hand. Apart from `terminal.ts`, which every start loads. */
import type { Palette } from "../report/text.ts";
import type { Terminal } from "./terminal.ts";

/** `--color` and `--hyperlinks`. */
export type ColorChoice = "auto" | "always" | "never";

/** Whether standard output is coloured: `--color` decides, else a terminal, `NO_COLOR` (no-color.org) and `TERM`. */
export function isColored(
  choice: ColorChoice,
  { env, stdoutIsTerminal }: Pick<Terminal, "env" | "stdoutIsTerminal">,
): boolean {
  if (choice !== "auto") return choice === "always";
  return stdoutIsTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

const linkingPrograms: ReadonlySet<string> = new Set(["iTerm.app", "WezTerm", "vscode", "ghostty"]);
const linkingTerms: ReadonlySet<string> = new Set(["xterm-kitty", "xterm-ghostty"]);
/** VTE 0.50.0 knew links and crashed on them. */
const oldestLinkingVte = 5001;

/**
 * Whether standard output shows hyperlinks (OSC 8): `--hyperlinks` decides, else a terminal that is known to. One that does
 * not know them may print them as rubbish, and none can be asked without reading its answer; `FORCE_HYPERLINK` tells of
 * others, and `FORCE_HYPERLINK=0` of none. Below tmux and screen the variables are of the terminal around them.
 */
export function showsLinks(
  choice: ColorChoice,
  { env, stdoutIsTerminal }: Pick<Terminal, "env" | "stdoutIsTerminal">,
): boolean {
  if (choice !== "auto") return choice === "always";
  const term = env["TERM"] ?? "";
  if (!stdoutIsTerminal || term === "dumb") return false;
  const forced = env["FORCE_HYPERLINK"] ?? "";
  if (forced !== "") return forced !== "0" && forced !== "false";
  if (env["TMUX"] !== undefined || env["STY"] !== undefined || /^(?:tmux|screen)/.test(term)) return false;
  return (
    linkingPrograms.has(env["TERM_PROGRAM"] ?? "") ||
    linkingTerms.has(term) ||
    Number(env["VTE_VERSION"] ?? 0) >= oldestLinkingVte ||
    [env["WT_SESSION"], env["KONSOLE_VERSION"]].some((value) => value !== undefined && value !== "")
  );
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

/** The colours of a report, and its links. chalk is loaded only when there is something to colour. */
export async function paletteFor(colored: boolean, linked = false): Promise<Palette> {
  const { link, plain } = await import("../report/text.ts");
  const links = linked ? { link } : { link: plain.link };
  if (!colored) return { ...plain, ...links };
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
    ...links,
  };
}

/** A colour as a function of its text alone: chalk joins all its arguments, and `map` gives an index after the text. */
function style(paint: (text: string) => string): (text: string) => string {
  return (text) => paint(text);
}
