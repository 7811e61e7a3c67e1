/**
 * The record of what was read: one JSON line per request that was sent to an API server, or kept back by a policy. Names
 * and numbers only, never a body. The file is opened for appending and nothing else, for its owner alone; when a line
 * cannot be written, nothing more is read, because a record with holes is none.
 */
import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { Fault, messageOf } from "../fault.ts";
import { askedBy } from "./policy.ts";

/** One request. */
export interface AuditedRead {
  readonly context: string;
  /** The user entry of the kubeconfig, and whom it acts as: `ci`, `ci as deployer`. */
  readonly user: string;
  /** Below the server's address, with the query. */
  readonly path: string;
  /** Of the answer; absent when there was none. */
  readonly status?: number;
  /** Objects in the answer, when it was a list or one object. */
  readonly objects?: number;
  /** Of the unpacked body. */
  readonly bytes: number;
  /** Why it was not sent. */
  readonly refused?: string;
}

export interface AuditLog {
  /** @throws {Fault} when an earlier line could not be written: nothing more may be read then. */
  check(): void;
  /** @throws {Fault} when the line cannot be written, now or earlier. */
  record(read: AuditedRead): void;
  close(): void;
}

/**
 * Opens the file and writes the line that begins a run, so that a full disk is known before anything is read.
 *
 * @param run what else the first line says: the version, the command
 * @param now gives milliseconds since the epoch
 * @throws {Fault} when it cannot be opened or written, or others may read it.
 */
export function openAuditLog(path: string, run: Readonly<Record<string, string>>, now: () => number): AuditLog {
  let descriptor: number;
  try {
    descriptor = openSync(path, "a", 0o600);
  } catch (error) {
    throw cannot("open", path, error);
  }
  const stat = fstatSync(descriptor);
  if (stat.isFile() && process.platform !== "win32" && (stat.mode & 0o077) !== 0) {
    closeSync(descriptor);
    const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
    throw new Fault(`Audit log ${path} is open to others (mode ${mode})`, { next: `\`chmod 600 ${path}\`` });
  }
  let broken: Fault | undefined;
  const check = (): void => {
    if (broken !== undefined) throw broken;
  };
  const write = (line: Readonly<Record<string, unknown>>): void => {
    check();
    try {
      let left: Uint8Array = Buffer.from(`${JSON.stringify({ time: new Date(now()).toISOString(), ...line })}\n`);
      while (left.length > 0) left = left.subarray(writeSync(descriptor, left));
    } catch (error) {
      broken = cannot("write to", path, error);
      throw broken;
    }
  };
  try {
    write({ event: "run", ...run });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  let isClosed = false;
  return {
    check,
    record({ path: asked, user, context, ...rest }) {
      write({ event: "read", user, context, verb: verbOf(asked), path: asked, ...rest });
    },
    close() {
      if (!isClosed) closeSync(descriptor);
      isClosed = true;
    },
  };
}

/** As RBAC calls it. */
function verbOf(path: string): "get" | "list" {
  const asked = askedBy(path);
  return asked === undefined || asked.plural === "" || asked.name !== undefined ? "get" : "list";
}

function cannot(what: string, path: string, error: unknown): Fault {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const why =
    code === "ENOSPC" || code === "EDQUOT"
      ? "the disk is full"
      : code === "EACCES" || code === "EPERM" || code === "EROFS"
        ? "permission denied"
        : code === "ENOENT"
          ? "its folder does not exist"
          : code === "EISDIR"
            ? "it is a folder"
            : messageOf(error);
  return new Fault(`Cannot ${what} audit log ${path}: ${why}`, {
    cause: error,
    next: "Nothing is read without a record: make room, or name another file with --audit-log",
  });
}
