import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The built command. */
export const entry = fileURLToPath(new URL("../../dist/k8sgpt.js", import.meta.url));

/** What a run said and how it ended. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** How to run it. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Signals to send, each when standard error or output first holds the text. */
  readonly kill?: { readonly when: string; readonly signal: NodeJS.Signals; readonly times?: number };
  /** Close standard output after its first bytes, as `head` does. */
  readonly closeEarly?: boolean;
}

/** An empty folder for one test. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "k8sgpt-e2e-"));
}

/** Runs the built command with nothing of the tester's own settings around it. */
export async function k8sgpt(words: readonly string[], options: RunOptions = {}): Promise<Run> {
  const home = options.env?.["HOME"] ?? temporaryFolder();
  const env = { PATH: process.env["PATH"] ?? "", HOME: home, LANG: "C.UTF-8", NODE_COMPILE_CACHE: "", ...options.env };
  const started = performance.now();
  const child = spawn(process.execPath, [entry, ...words], { env, stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  let left = options.kill?.times ?? 1;
  const heard = (): void => {
    const { kill } = options;
    if (kill === undefined || left === 0 || !(stdout + stderr).includes(kill.when)) return;
    left -= 1;
    child.kill(kill.signal);
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (options.closeEarly === true) child.stdout.destroy();
    heard();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    heard();
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const code = await new Promise<number | null>((resolve) => {
    child.on("close", resolve);
  });
  return { code, stdout, stderr, ms: performance.now() - started };
}
