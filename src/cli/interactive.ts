/**
 * `analyze --explain --interactive`: questions and answers on the terminal, after the report. All of it goes to standard
 * error, because standard output carries the report and nothing else. What is pasted is one question, however many lines
 * it has; what is typed while an answer comes is the next one.
 */
import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import type { Conversation } from "../ai/conversation.ts";
import { Fault } from "../fault.ts";
import type { AnalyzeFlags } from "./flags.ts";
import { flow } from "./flow.ts";
import type { Terminal } from "./terminal.ts";

type InteractiveFlags = Pick<AnalyzeFlags, "interactive" | "explain" | "dryRunExplain" | "from">;

/** Refuses `--interactive` where nobody can be asked. @throws Fault (usage) before anything is read */
export function checkInteractive(flags: InteractiveFlags, terminal: Terminal): void {
  if (flags.interactive !== true) return;
  if (flags.explain !== true) {
    throw refuse(
      "--interactive asks about explanations, and --explain is not given",
      "`k8sgpt analyze --explain --interactive`",
    );
  }
  if (flags.dryRunExplain === true) {
    throw refuse("--interactive sends questions, and --dry-run-explain sends nothing", "Leave one of them out");
  }
  if (flags.from.includes("-")) {
    throw refuse(
      "--interactive reads questions from standard input, and --from - reads the cluster from it",
      "Save it to a file first, and give that to --from",
    );
  }
  if (!terminal.stdin.isTTY || !terminal.stderrIsTerminal) {
    throw refuse(
      `--interactive needs a terminal, and ${terminal.stdin.isTTY ? "standard error" : "standard input"} is none`,
      "Leave --interactive out in scripts and pipelines",
    );
  }
}

function refuse(message: string, next: string): Fault {
  return new Fault(message, { usage: true, next });
}

/** What ends a conversation, when it is all that was typed. */
const endings: ReadonlySet<string> = new Set(["exit", "quit"]);

/** What would steer the terminal: control characters but line feed and tab, and marks that reorder text or hide it. */
const steering =
  // oxlint-disable-next-line no-control-regex -- control characters are what this removes
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u200B\u200E\u200F\u2028-\u202E\u2060-\u2069\uFEFF]+/g;

/**
 * Answers what is typed, one question after the other, until `exit`, `quit`, Ctrl-D, Ctrl-C at the prompt, or a signal.
 *
 * @param answerer who answers, for what is told: `ollama (llama3.2)`
 */
export async function converse(conversation: Conversation, answerer: string, terminal: Terminal): Promise<void> {
  const { tell, draw } = terminal;
  tell("");
  tell(`Ask about the incidents; ${answerer} answers.`);
  tell("Ctrl-C stops an answer; exit, quit or Ctrl-D ends.");
  const prompter = openPrompter(terminal);
  const stop = (): void => prompter.close();
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    for (;;) {
      const question = await prompter.next();
      if (question === undefined || endings.has(question.trim())) return;
      if (question.trim() === "") continue;
      let isFirst = true;
      let last = "\n";
      const show = (text: string): void => {
        const harmless = text.replace(steering, "");
        if (harmless === "") return;
        draw(isFirst ? `\r\u001B[K${harmless}` : harmless);
        isFirst = false;
        last = harmless;
      };
      draw("Waiting for an answer");
      const words = flow(() => terminal.columns ?? 80, show);
      const ending = await prompter.during(async (signal) => conversation.ask(question.trim(), signal, words.push));
      words.end();
      if (isFirst) draw("\r\u001B[K");
      else if (!last.endsWith("\n")) draw("\n");
      if (ending.type === "stopped") tell("(stopped)");
      if (ending.type === "failed") tell(`warning: ${answerer}: ${ending.error.replace(steering, " ")}`);
    }
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    prompter.close();
  }
}

interface Prompter {
  /** What is typed next; undefined at the end. */
  readonly next: () => Promise<string | undefined>;
  /** Does `work`, which Ctrl-C stops and the end too. */
  readonly during: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** Ends it, also what waits. */
  readonly close: () => void;
}

function openPrompter(terminal: Terminal): Prompter {
  const typed: string[] = [];
  let isClosed = false;
  let running: AbortController | undefined;
  let waiting: ((question: string | undefined) => void) | undefined;
  const reader = readerOn(terminal);
  const serve = (): void => {
    if (waiting === undefined || (typed.length === 0 && !isClosed)) return;
    const question = isClosed ? undefined : typed.shift();
    const resolve = waiting;
    waiting = undefined;
    resolve(question);
  };
  let pasted: string[] = [];
  reader.on("line", (line) => {
    pasted.push(line);
    // The lines of one paste come in one turn of the event loop.
    if (pasted.length > 1) return;
    setImmediate(() => {
      typed.push(pasted.join("\n"));
      pasted = [];
      serve();
    });
  });
  reader.on("SIGINT", () => {
    if (running === undefined || running.signal.aborted) reader.close();
    else running.abort();
    typed.length = 0;
  });
  reader.on("close", () => {
    isClosed = true;
    running?.abort();
    terminal.draw("\n");
    // What was typed in the same moment as the end still counts as typed before it.
    setImmediate(serve);
  });
  return {
    next: async () => {
      if (typed.length === 0 && !isClosed) reader.prompt(true);
      return new Promise((resolve) => {
        waiting = resolve;
        serve();
      });
    },
    async during(work) {
      running = new AbortController();
      if (isClosed) running.abort();
      try {
        return await work(running.signal);
      } finally {
        running = undefined;
      }
    },
    close: () => {
      if (!isClosed) reader.close();
    },
  };
}

function readerOn(terminal: Terminal): Interface {
  const output = new Writable({
    decodeStrings: false,
    write(text, _encoding, done) {
      terminal.draw(String(text));
      done();
    },
  });
  // A window changes its width while it is used; long lines break by it.
  Object.defineProperty(output, "columns", { get: () => terminal.columns });
  return createInterface({ input: terminal.stdin, output, terminal: true, prompt: "ask> " });
}
