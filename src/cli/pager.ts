/**
 * Long text a page at a time, as git shows it: only on a terminal that it does not fit, by the reader's own pager. What
 * goes wrong with a pager costs nothing: the text is printed then.
 */
import { spawn } from "node:child_process";
import type { PagerFlags } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

/** What is told to `less` when `LESS` tells it nothing: end at once when it fits, keep colours, leave the text behind. */
const lessFlags = "FRX";

/** The shell's own codes for a command that it cannot run (POSIX: 2.8.2). */
const cannotRun: ReadonlySet<number | null> = new Set([126, 127]);

/**
 * The command to page `text` with; undefined to print it as it is.
 *
 * `K8SGPT_PAGER` and then `PAGER` name it; set and empty, or `cat`, means none. Without them it is `less`.
 */
export function pagerFor(
  text: string,
  { pager, interactive }: PagerFlags,
  { env, platform, rows, stdoutIsTerminal }: Pick<Terminal, "env" | "platform" | "rows" | "stdoutIsTerminal">,
): string | undefined {
  if (pager === false || interactive === true || !stdoutIsTerminal || env["TERM"] === "dumb") return undefined;
  // The prompt takes a line, too.
  if (rows === undefined || rows <= 0 || text.split("\n").length <= rows) return undefined;
  const named = env["K8SGPT_PAGER"] ?? env["PAGER"];
  const command = named ?? (platform === "win32" ? "" : "less");
  return command.trim() === "" || command.trim() === "cat" ? undefined : command;
}

/** Prints `text`, a page at a time where it does not fit. */
export async function printPaged(text: string, flags: PagerFlags, terminal: Terminal): Promise<void> {
  const command = pagerFor(text, flags, terminal);
  if (command === undefined || !(await page(pagedText(text, flags), command, terminal))) await terminal.print(text);
}

// oxlint-disable-next-line no-control-regex -- what a link begins and ends with (report/text.ts)
const linkMarks = /\u001B\]8;;[!-~]*?\u001B\\/g;

/** Pagers differ in whether they know links: `less` does since version 566. */
function pagedText(text: string, { hyperlinks }: PagerFlags): string {
  return hyperlinks === "always" ? text : text.replace(linkMarks, "");
}

/** Gives false when the pager did not run. */
async function page(text: string, command: string, { env }: Terminal): Promise<boolean> {
  // Ctrl-C and Ctrl-\ are the pager's while it runs, as for git: they stop a search in it, not this program under it.
  const signals = ["SIGINT", "SIGQUIT"] as const;
  const before = signals.map((signal) => [signal, process.listeners(signal)] as const);
  for (const signal of signals) process.removeAllListeners(signal).on(signal, ignore);
  try {
    const child = spawn(command, {
      shell: true,
      stdio: ["pipe", "inherit", "inherit"],
      env: { ...env, LESS: env["LESS"] ?? lessFlags, LV: env["LV"] ?? "-c" },
    });
    const ended = new Promise<number | null>((resolve) => {
      child.on("error", () => resolve(127));
      child.on("close", resolve);
    });
    // A reader who leaves early closes the pipe: that is no error.
    child.stdin.on("error", ignore);
    child.stdin.end(text);
    return !cannotRun.has(await ended);
  } finally {
    for (const [signal, listeners] of before) {
      process.off(signal, ignore);
      for (const listener of listeners) process.on(signal, listener);
    }
  }
}

function ignore(): void {
  // See where it is used.
}
