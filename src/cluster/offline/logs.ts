/** Logs inside dumps: only their last lines are ever held. */
import { open } from "node:fs/promises";
import type { Chunks } from "./bytes.ts";

/** How much of a log's end is kept: more lines than are ever shown. */
const keptBytes = 64 * 1024;
const keptLines = 200;

/** The last lines of a container's log, or the file on disk to take them from. */
export type SavedLog =
  | { readonly lines: readonly string[] }
  | { readonly file: string; readonly sections: boolean; readonly stamped: boolean };

/** The last lines of a stream. `stamped`: each line begins with the time that `kubectl logs --timestamps` adds. */
export async function tailOf(chunks: Chunks, stamped: boolean): Promise<readonly string[]> {
  let kept: Uint8Array[] = [];
  let size = 0;
  let cut = false;
  for await (const chunk of chunks) {
    kept.push(chunk);
    size += chunk.byteLength;
    if (size > 4 * keptBytes) {
      const end = Buffer.concat(kept).subarray(-keptBytes);
      kept = [end];
      size = end.byteLength;
      cut = true;
    }
  }
  return lastLines(Buffer.concat(kept), cut, stamped);
}

/** The last lines of a file on disk. */
export async function tailOfFile(path: string, stamped: boolean): Promise<readonly string[]> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - keptBytes);
    const buffer = Buffer.alloc(size - from);
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, from);
    return lastLines(buffer.subarray(0, bytesRead), from > 0, stamped);
  } finally {
    await file.close();
  }
}

function lastLines(bytes: Buffer, cut: boolean, stamped: boolean): readonly string[] {
  const text = bytes.toString("utf8").replace(/\r?\n$/, "");
  if (text === "") return [];
  const lines = text.split(/\r?\n/);
  // The first line of a cut piece has lost its beginning.
  if (cut && lines.length > 1) lines.shift();
  const last = lines.slice(-keptLines);
  return stamped ? last.map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) ?/, "")) : last;
}

/** Names a container in the markers of `kubectl cluster-info dump`. */
export interface LogSection {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

const startOfSection = /^==== START logs for container (\S+) of pod ([^/\s]+)\/(\S+) ====$/;

/** The container whose log begins after `line`, if it is such a marker. */
export function sectionOf(line: string): LogSection | undefined {
  const [, container, namespace, pod] = startOfSection.exec(line) ?? [];
  if (container === undefined || namespace === undefined || pod === undefined) return undefined;
  return { namespace, pod, container };
}

/** The marker that ends the log which `line` begins; undefined when it begins none. */
export function endOfSection(line: string): string | undefined {
  return sectionOf(line) === undefined ? undefined : line.replace("==== START ", "==== END ");
}

/** Takes the lines of logs between markers and hands out each log's last lines. */
export function sectionReader(done: (section: LogSection, lines: readonly string[]) => void): {
  readonly line: (line: string) => void;
  readonly end: () => void;
} {
  let section: LogSection | undefined;
  let lines: string[] = [];
  const finish = () => {
    // What kubectl writes when there is no log to be had.
    const failed = lines.length === 1 && /^(?:Create log request|Request log) error: /.test(lines[0] ?? "");
    if (section !== undefined && lines.length > 0 && !failed) done(section, lines.slice(-keptLines));
    section = undefined;
    lines = [];
  };
  return {
    line(line) {
      const next = sectionOf(line);
      if (next !== undefined) {
        finish();
        section = next;
      } else if (section !== undefined) {
        lines.push(line);
        if (lines.length > 4 * keptLines) lines = lines.slice(-keptLines);
      }
    },
    end: finish,
  };
}

/** Reads a file of log sections. */
export async function readSections(
  chunks: Chunks,
  done: (section: LogSection, lines: readonly string[]) => void,
): Promise<void> {
  const reader = sectionReader(done);
  const decoder = new TextDecoder();
  let rest = "";
  let end: string | undefined;
  const line = (text: string) => {
    const marker = end === undefined ? -1 : text.indexOf(end);
    if (marker < 0) {
      reader.line(text);
      end = endOfSection(text) ?? end;
      return;
    }
    if (marker > 0) reader.line(text.slice(0, marker));
    end = undefined;
  };
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) line(text.replace(/\r$/, ""));
  }
  if (rest !== "") line(rest);
  reader.end();
}
