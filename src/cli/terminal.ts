import type { Palette } from "../report/text.ts";

/** What the commands know of the terminal and the process around them. Nothing else in k8sgpt reads or writes there. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Columns of standard output's terminal. */
  readonly columns: number | undefined;
  /** Writes to standard output and waits until it is gone; a reader that left early (`| head`) is no error. */
  readonly print: (text: string) => Promise<void>;
  /** Writes a line to standard error. */
  readonly tell: (line: string) => void;
  /** Writes to standard error as it is, for the progress line. */
  readonly draw: (text: string) => void;
}

/** The terminal of this process. Also makes a closed output quiet for the whole run. */
export function processTerminal(home: string): Terminal {
  const quiet = new Set<NodeJS.WriteStream>();
  const made = (stream: NodeJS.WriteStream): NodeJS.WriteStream => {
    if (!quiet.has(stream)) {
      quiet.add(stream);
      stream.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "EPIPE" && error.code !== "EOF") throw error;
      });
    }
    return stream;
  };
  // Getters: Node makes each stream when it is first touched, which takes time, and an open standard input keeps the
  // process alive.
  return {
    env: process.env,
    platform: process.platform,
    home,
    get stdin() {
      return process.stdin;
    },
    get stdoutIsTerminal() {
      return process.stdout.isTTY;
    },
    get stderrIsTerminal() {
      return process.stderr.isTTY;
    },
    get columns() {
      return process.stdout.isTTY ? process.stdout.columns : undefined;
    },
    print: async (text) =>
      new Promise((resolve) => {
        made(process.stdout).write(text, () => resolve());
      }),
    tell: (line) => void made(process.stderr).write(`${line}\n`),
    draw: (text) => void made(process.stderr).write(text),
  };
}

/** `--color`. */
export type ColorChoice = "auto" | "always" | "never";

/** Whether standard output is coloured: `--color` decides, else a terminal, `NO_COLOR` (no-color.org) and `TERM`. */
export function isColored(choice: ColorChoice, { env, stdoutIsTerminal }: Pick<Terminal, "env" | "stdoutIsTerminal">): boolean {
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
    critical: chalk.red,
    warning: chalk.yellow,
    info: chalk.blue,
    risk: chalk.magenta,
    good: chalk.green,
    strong: chalk.bold,
    dim: chalk.dim,
    command: chalk.cyan,
  };
}
