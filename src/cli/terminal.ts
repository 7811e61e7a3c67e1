import { fstatSync, writeSync } from "node:fs";
import { Fault, messageOf } from "../fault.ts";

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
  /** Its lines. */
  readonly rows?: number | undefined;
  /** Writes to standard output and waits until it is gone; a reader that left early (`| head`) is no error. */
  readonly print: (text: string) => Promise<void>;
  /** Writes a line to standard error. */
  readonly tell: (line: string) => void;
  /** Writes to standard error as it is, for the progress line. */
  readonly draw: (text: string) => void;
}

/**
 * The terminal of this process. Text goes straight to the file descriptors where it can: Node's own streams take as long
 * to set up as a small command takes to run, so that they are touched only for what they alone know.
 */
export function processTerminal(home: string): Terminal {
  return {
    env: process.env,
    platform: process.platform,
    home,
    // A getter: an open standard input keeps the process alive.
    get stdin() {
      return process.stdin;
    },
    get stdoutIsTerminal() {
      return isDevice(1) && process.stdout.isTTY;
    },
    get stderrIsTerminal() {
      return isDevice(2) && process.stderr.isTTY;
    },
    get columns() {
      return isDevice(1) && process.stdout.isTTY ? process.stdout.columns : undefined;
    },
    get rows() {
      return isDevice(1) && process.stdout.isTTY ? process.stdout.rows : undefined;
    },
    print: async (text) => {
      const left = writeNow(1, text);
      if (left.length > 0) await writeLater(process.stdout, left);
    },
    tell: (line) => tellNow(`${line}\n`),
    draw: tellNow,
  };
}

/** A terminal is a character device; so is /dev/null, and then Node knows the difference. */
function isDevice(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isCharacterDevice();
  } catch {
    return false; // Closed by whoever started us.
  }
}

function tellNow(text: string): void {
  const left = writeNow(2, text);
  if (left.length > 0) writeLater(process.stderr, left).catch(() => undefined);
}

/** Writes what goes at once and gives the rest, which a full pipe makes wait. Nobody reading any more is no error. */
function writeNow(descriptor: number, text: string): Uint8Array {
  let left: Uint8Array = Buffer.from(text);
  // On a Windows console only the stream knows how to write UTF-8.
  if (process.platform === "win32") return left;
  try {
    while (left.length > 0) left = left.subarray(writeSync(descriptor, left));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EAGAIN") return left;
    if (code !== "EPIPE" && code !== "EBADF") throw cannotWrite(error);
    return new Uint8Array();
  }
  return left;
}

async function writeLater(stream: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === "EPIPE" || error.code === "EOF") resolve();
      else reject(cannotWrite(error));
    };
    stream.once("error", failed);
    stream.write(bytes, (error) => {
      // The event comes after this call; its listener stays for it.
      if (error === null || error === undefined) {
        stream.off("error", failed);
        resolve();
      }
    });
  });
}

function cannotWrite(error: unknown): Fault {
  return new Fault(`Cannot write the output: ${messageOf(error)}`, {
    cause: error,
    next: "Check where it goes, and whether there is room",
  });
}
