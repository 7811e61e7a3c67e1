/**
 * Secrets by reference, so that the config file need hold none: `env:NAME`, `file:PATH`, `cmd:COMMAND` (also `exec:`).
 * Anything else is the secret itself. A secret is never part of a message.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { Fault, messageOf } from "../fault.ts";
import type { Surroundings } from "./place.ts";

const commandTimeoutMs = 15_000;

/** How a stored secret is written: as a reference, or as the secret itself. */
export function isReference(text: string): boolean {
  return /^(?:env|file|cmd|exec):/.test(text);
}

/** The secret that `text` is or refers to. @throws Fault when the reference leads nowhere */
export async function resolveSecret(text: string, env: Surroundings["env"]): Promise<string> {
  const [, scheme = "", target = ""] = /^(env|file|cmd|exec):(.*)$/s.exec(text) ?? [];
  switch (scheme) {
    case "env":
      return found(env[target], text, "the variable is not set", `\`export ${target}=…\` in this shell`);
    case "file":
      return found(
        await readFile(target, "utf8").catch(cannot(text, "`k8sgpt auth update` stores another place")),
        text,
      );
    case "cmd":
    case "exec":
      return found(await outputOf(target, text), text, "the command wrote nothing");
    default:
      return text;
  }
}

async function outputOf(command: string, reference: string): Promise<string> {
  const [shell, flag] = process.platform === "win32" ? ["cmd.exe", "/c"] : ["/bin/sh", "-c"];
  const options = { timeout: commandTimeoutMs, maxBuffer: 1024 * 1024 };
  const { stdout } = await promisify(execFile)(shell, [flag, command], options).catch((error: unknown) => {
    // What the command wrote may hold the secret: its end is told, its words are not.
    const code = error instanceof Error && "code" in error ? `it ended with ${String(error.code)}` : "it did not run";
    throw new Fault(`Cannot get the secret ${reference}: ${code}`, { next: "Run the command by hand to see why" });
  });
  return stdout;
}

function found(secret: string | undefined, reference: string, why = "it is empty", next?: string): string {
  const text = secret?.trim() ?? "";
  if (text === "") {
    throw new Fault(`Cannot get the secret ${reference}: ${why}`, {
      next: next ?? "`k8sgpt auth update -b BACKEND --password-stdin` stores another one",
    });
  }
  return text;
}

function cannot(reference: string, next: string): (error: unknown) => never {
  return (error) => {
    throw new Fault(`Cannot get the secret ${reference}: ${messageOf(error)}`, { cause: error, next });
  };
}
