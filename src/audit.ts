/**
 * The record of what k8sgpt asked of others: one JSON line per request to an API server and per call of an AI backend.
 * Names and numbers only, never a body. The file is opened for appending and nothing else, for its owner alone; when a
 * line cannot be written, nothing more is asked, because a record with holes is none. Whoever opens the same file within
 * one run writes to one record.
 */
import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { Fault, messageOf } from "./fault.ts";

/** An open record. */
export interface AuditFile {
  /** @throws {Fault} when an earlier line could not be written: nothing more may be asked then. */
  check(): void;
  /**
   * Writes a line that begins with the time and the kind of event.
   *
   * @throws {Fault} when the line cannot be written, now or earlier.
   */
  write(event: string, line: Readonly<Record<string, unknown>>): void;
  /** Lets go of it; the file is closed when the last one does. */
  close(): void;
}

interface Shared {
  readonly file: AuditFile;
  users: number;
}

const open = new Map<string, Shared>();

/**
 * Opens the file and writes the line that begins a run, so that a full disk is known before anything is asked. A file
 * that is open already in this process is shared, and its run goes on.
 *
 * @param run what else the first line says: the version, the command
 * @param now gives milliseconds since the epoch
 * @throws {Fault} when it cannot be opened or written, or others may read it.
 */
export function openAuditFile(path: string, run: Readonly<Record<string, string>>, now: () => number): AuditFile {
  const place = resolve(path);
  const before = open.get(place);
  const shared = before ?? { file: begin(path, run, now), users: 0 };
  shared.users += 1;
  open.set(place, shared);
  let isClosed = false;
  return {
    check: () => shared.file.check(),
    write: (event, line) => shared.file.write(event, line),
    close() {
      if (isClosed) return;
      isClosed = true;
      shared.users -= 1;
      if (shared.users > 0) return;
      open.delete(place);
      shared.file.close();
    },
  };
}

function begin(path: string, run: Readonly<Record<string, string>>, now: () => number): AuditFile {
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
  const write: AuditFile["write"] = (event, line) => {
    check();
    try {
      const text = JSON.stringify({ time: new Date(now()).toISOString(), event, ...line });
      let left: Uint8Array = Buffer.from(`${text}\n`);
      while (left.length > 0) left = left.subarray(writeSync(descriptor, left));
    } catch (error) {
      broken = cannot("write to", path, error);
      throw broken;
    }
  };
  try {
    write("run", run);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return { check, write, close: () => closeSync(descriptor) };
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
    next: "Nothing is asked without a record: make room, or name another file with --audit-log",
  });
}
