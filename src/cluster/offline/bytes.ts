/**
 * Bytes of a dump as they come: counted against a budget, unpacked, and looked at without being consumed. A dump is
 * somebody else's file, so every stream that a name inside it can make large goes through `counted`.
 */
import { createGunzip } from "node:zlib";
import { Fault } from "../../fault.ts";

export type Chunks = AsyncIterable<Uint8Array>;

/** How much of a dump is read before it is refused. */
export interface Limits {
  /** All files together, unpacked. */
  readonly totalBytes: number;
  /** One value of JSON, or one document of YAML: it must fit into one string. */
  readonly valueBytes: number;
  readonly files: number;
}

const mebibyte = 1024 * 1024;

export const defaultLimits: Limits = { totalBytes: 8192 * mebibyte, valueBytes: 256 * mebibyte, files: 500_000 };

/** What was read so far of one dump; shared by all its files. */
export interface Budget {
  readonly limits: Limits;
  /** The dump as messages name it. */
  readonly source: string;
  bytes: number;
  files: number;
}

/** The code of an error of the operating system: `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** A size as a person writes it: `512 MiB`. */
export function formatBytes(bytes: number): string {
  return bytes >= mebibyte ? `${Math.round(bytes / mebibyte)} MiB` : `${bytes} bytes`;
}

/** Passes `chunks` on, and throws a Fault when the dump grows past its budget. */
export async function* counted(chunks: Chunks, budget: Budget): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    budget.bytes += chunk.byteLength;
    if (budget.bytes > budget.limits.totalBytes) {
      throw new Fault(`${budget.source} unpacks to more than ${formatBytes(budget.limits.totalBytes)}`, {
        next: "Unpack it, and pass --from the folder of the namespaces in question",
      });
    }
    yield chunk;
  }
}

/** Counts one file, and throws a Fault when there are too many. */
export function countFile(budget: Budget): void {
  budget.files += 1;
  if (budget.files > budget.limits.files) {
    throw new Fault(`${budget.source} holds more than ${budget.limits.files} files`, {
      next: "Pass --from a folder that holds the dump and nothing else",
    });
  }
}

/**
 * Unpacks gzip. What could be unpacked before the data broke off is passed on; then `onCut` is told why, and the stream
 * ends. (A node stream that fails drops what it holds, so its output is collected here chunk by chunk.)
 */
export async function* gunzip(chunks: Chunks, onCut: (reason: string) => void): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: 256 * 1024 });
  const ready: Uint8Array[] = [];
  const failures: Error[] = [];
  stream.on("data", (chunk: Uint8Array) => ready.push(chunk));
  stream.on("error", (error) => failures.push(error));
  try {
    for await (const chunk of chunks) {
      // Small steps: a bomb unpacks a thousandfold, and each step's output is counted before the next.
      for (let at = 0; at < chunk.byteLength && failures.length === 0; at += 16_384) {
        const step = chunk.subarray(at, at + 16_384);
        await new Promise<void>((resolve) => {
          stream.write(step, () => resolve());
        });
        yield* ready.splice(0);
      }
      if (failures.length > 0) break;
    }
    if (failures.length === 0) {
      await new Promise<void>((resolve) => {
        stream.once("error", () => resolve());
        stream.once("end", () => resolve());
        stream.end();
      });
    }
    yield* ready.splice(0);
    for (const { message } of failures.slice(0, 1)) onCut(message);
  } finally {
    stream.destroy();
  }
}

/** Reads the first `length` bytes; `all` gives the whole stream, the head included. */
export async function peek(chunks: Chunks, length: number): Promise<{ head: Buffer; all: Chunks }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const taken: Uint8Array[] = [];
  let size = 0;
  while (size < length) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    taken.push(value);
    size += value.byteLength;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* taken.splice(0);
      for (;;) {
        const { done, value } = await iterator.next();
        if (done === true) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(taken).subarray(0, length), all: all() };
}

/** The whole stream as one buffer, or undefined and the stream again when it is longer than `limit`. */
export async function whole(chunks: Chunks, limit: number): Promise<{ buffer?: Buffer; all: Chunks }> {
  const { head, all } = await peek(chunks, limit + 1);
  return head.byteLength > limit ? { all } : { buffer: head, all };
}

/** What the first bytes of a file say it is. */
export type Content = "empty" | "gzip" | "zip" | "tar" | "json" | "utf16" | "text" | "binary";

/** Tells by content, never by name. `head` is the first 512 bytes or more, or the whole of a shorter file. */
export function contentOf(head: Buffer): Content {
  if (head.byteLength === 0) return "empty";
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head[0] === 0x50 && head[1] === 0x4b && (head[2] === 3 || head[2] === 5)) return "zip";
  if (head.subarray(257, 262).toString("latin1") === "ustar") return "tar";
  // PowerShell's `>` writes UTF-16.
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) return "utf16";
  if (head.includes(0)) return "binary";
  const first = /^(?:\xef\xbb\xbf)?\s*(\S?)/.exec(head.toString("latin1"))?.[1];
  if (first === "" || first === undefined) return head.byteLength < 512 ? "empty" : "text";
  return first === "{" || first === "[" ? "json" : "text";
}
