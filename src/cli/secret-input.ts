/** Reading a secret from whoever has it: hidden on a terminal, else one line of standard input. Never echoed. */
import { Fault } from "../fault.ts";
import type { Terminal } from "./terminal.ts";

/** A secret's worth of text: what is longer is a mistake. */
const longest = 64 * 1024;

/** Asks on the terminal without showing what is typed; without a terminal reads standard input. */
export async function askSecret(question: string, { stdin, draw }: Pick<Terminal, "stdin" | "draw">): Promise<string> {
  if (!stdin.isTTY) return readSecret({ stdin });
  draw(question);
  stdin.setRawMode(true);
  stdin.setEncoding("utf8").resume();
  let typed = "";
  try {
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      for (const letter of String(chunk)) {
        if (letter === "\r" || letter === "\n" || letter === "\u0004") return filled(typed);
        // Ctrl-C comes as a letter in raw mode.
        if (letter === "\u0003") throw new Fault("Stopped; nothing was stored");
        if (letter === "\u007F" || letter === "\b") typed = typed.slice(0, -1);
        else if (letter === "\u0015") typed = "";
        else if (letter >= " ") typed += letter;
      }
    }
    return filled(typed);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    draw("\n");
  }
}

/** The first line of standard input; of a key with several lines (`{…}`, PEM), all of them. */
export async function readSecret({ stdin }: Pick<Terminal, "stdin">): Promise<string> {
  let text = "";
  for await (const chunk of stdin.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > longest) throw new Fault("Standard input is too long for a key", { next: "Send the key alone" });
  }
  const whole = text.trim();
  return filled(/^(?:\{|-----BEGIN)/.test(whole) ? whole : (whole.split(/\r?\n/)[0] ?? "").trim());
}

function filled(secret: string): string {
  if (secret !== "") return secret;
  throw new Fault("No key was given", {
    next: "Type it, pipe it in, or store a reference with --password-env, --password-file or --password-command",
  });
}
