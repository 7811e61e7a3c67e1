/** Where a dump's files come from: a folder, an archive, one file, or a stream; told by content. */
import type { Dirent } from "node:fs";
import { createReadStream } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { createTarDecoder } from "modern-tar";
import { Fault } from "../../fault.ts";
import { compareText } from "../../kube/object-ref.ts";
import { type Chunks, contentOf, counted, countFile, errorCode, gunzip, peek } from "./bytes.ts";
import { addFile, type Collection, note, unreadable } from "./collect.ts";

/** What may be given to `--from`, for messages. */
const expected =
  "a manifest (YAML or JSON), a folder of them, a `kubectl cluster-info dump`, a must-gather, a support bundle or a k8sgpt snapshot";

/**
 * Reads everything below a folder, in the order of names. Links are followed only to files inside the folder: the
 * folder may be somebody else's.
 * @throws Fault
 */
export async function readFolder(collection: Collection, folder: string, signal?: AbortSignal): Promise<void> {
  const root = await realpath(folder);
  const visit = async (directory: string): Promise<void> => {
    signal?.throwIfAborted();
    const inside = relative(root, directory).split(sep).join("/");
    let entries: Dirent[];
    try {
      entries = await readdir(directory, { withFileTypes: true });
    } catch (error) {
      note(collection, inside === "" ? folder : `${inside}/`, unreadable(error));
      return;
    }
    for (const entry of entries.sort((a, b) => compareText(a.name, b.name))) {
      const disk = join(directory, entry.name);
      const path = inside === "" ? entry.name : `${inside}/${entry.name}`;
      // Dot files are no part of a dump: `.git`, and the hidden copies in a mounted ConfigMap.
      if (entry.name.startsWith(".")) continue;
      if (entry.isDirectory()) await visit(disk);
      else if (entry.isFile() || (entry.isSymbolicLink() && (await isFileWithin(root, disk)))) {
        countFile(collection.budget);
        await addFile(collection, {
          path,
          disk,
          chunks: counted(createReadStream(disk), collection.budget),
          named: false,
        });
      }
    }
  };
  await visit(root);
}

async function isFileWithin(root: string, link: string): Promise<boolean> {
  try {
    const target = await realpath(link);
    return target.startsWith(root + sep) && (await stat(target)).isFile();
  } catch {
    return false;
  }
}

/**
 * Reads a stream, whatever it holds: an archive, a packed file, or a manifest. `name` is how messages call it.
 * @throws Fault when it is none of these
 */
export async function readStream(collection: Collection, chunks: Chunks, name: string, packed = 0): Promise<void> {
  const { head, all } = await peek(chunks, 1024);
  switch (contentOf(head)) {
    case "empty":
      throw new Fault(`${name} is empty`, { next: `Pass --from ${expected}` });
    case "zip":
      throw new Fault(`${name} is a zip archive, which k8sgpt does not read`, {
        next: "Unpack it and pass --from the folder",
      });
    case "gzip": {
      if (packed > 1) throw new Fault(`${name} is packed more than twice`, { next: `Pass --from ${expected}` });
      const cut = (reason: string) => {
        collection.cut = true;
        note(collection, name, `the archive is damaged or cut short (${reason}); what comes before that was read`);
      };
      await readStream(collection, counted(gunzip(all, cut), collection.budget), name, packed + 1);
      return;
    }
    case "tar":
      await readTar(collection, all, name);
      return;
    case "binary":
      throw new Fault(`${name} is not a dump of a cluster: it is binary data of another kind`, {
        next: `Pass --from ${expected}`,
      });
    case "json":
    case "text":
    case "utf16":
      countFile(collection.budget);
      await addFile(collection, { path: basename(name), chunks: all, named: true });
  }
}

async function readTar(collection: Collection, chunks: Chunks, name: string): Promise<void> {
  /** How many zeros stood last: an archive ends with two blocks of them. */
  let zeros = 0;
  const cut = (reason: string) => {
    if (collection.cut) return;
    collection.cut = true;
    note(collection, name, reason);
  };
  const watched = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      const last = chunk.findLastIndex((byte) => byte !== 0);
      zeros = last < 0 ? zeros + chunk.byteLength : chunk.byteLength - 1 - last;
      yield chunk;
    }
  };
  const entries = ReadableStream.from(watched()).pipeThrough(createTarDecoder());
  try {
    for await (const { header, body } of entries) {
      const path = safePath(header.name);
      if ((header.type ?? "file") !== "file" || path === undefined || hidden(path)) {
        if (path === undefined)
          note(collection, header.name.slice(0, 200), "its path leads out of the archive: not read");
        await body.cancel();
        continue;
      }
      countFile(collection.budget);
      let size = 0;
      let ended = false;
      const sized = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of body) {
          size += chunk.byteLength;
          yield chunk;
        }
        ended = true;
      };
      await addFile(collection, { path, chunks: sized(), named: false, isCut: () => ended && size < header.size });
      // A file that was not read to its end must be drained, else the archive stands still.
      if (size < header.size && !body.locked) await body.cancel();
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    // Streams of the web wrap what was thrown at their source.
    if (error instanceof Error && error.cause instanceof Fault) throw error.cause;
    cut(`the archive is damaged (${unreadable(error)}); what comes before that was read`);
  }
  if (zeros < 1024) cut("the archive ends in the middle; what comes before that was read");
}

/** A path inside an archive in one form; undefined when it is absolute or climbs out. Nothing is ever written there. */
function safePath(name: string): string | undefined {
  const path = name.replaceAll("\\", "/").replace(/^(?:\.\/)+/, "");
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) return undefined;
  return path.split("/").includes("..") ? undefined : path;
}

/** Dot files, and what macOS adds to archives. */
function hidden(path: string): boolean {
  return path.split("/").some((part) => part.startsWith("."));
}

/**
 * Finds what the user named.
 * @throws Fault when it is not there, with the nearest names that are
 */
export async function statOrFault(path: string): Promise<"file" | "folder"> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? "folder" : "file";
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOENT" && code !== "ENOTDIR") {
      throw new Fault(`Cannot read ${path}: ${unreadable(error)}`, {
        cause: error,
        next: `Check the permissions: \`ls -ld ${path}\``,
      });
    }
    const near = await nearestNames(path);
    throw new Fault(`${path} does not exist`, {
      cause: error,
      usage: true,
      next: near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `Pass --from ${expected}`,
    });
  }
}

async function nearestNames(path: string): Promise<readonly string[]> {
  const folder = dirname(resolve(path));
  const wanted = basename(path).toLowerCase();
  try {
    const scored = (await readdir(folder))
      .map((name) => ({ name, distance: distance(wanted, name.toLowerCase()) }))
      .filter(
        ({ name, distance }) => distance <= Math.max(2, wanted.length / 3) || name.toLowerCase().startsWith(wanted),
      )
      .sort((a, b) => a.distance - b.distance || compareText(a.name, b.name));
    return scored.slice(0, 3).map(({ name }) => (dirname(path) === "." ? name : join(dirname(path), name)));
  } catch {
    return [];
  }
}

/** How many letters must change to make `a` into `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const change = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** What a dump must be, for a Fault about one that is not. */
export function notADump(collection: Collection, name: string): Fault {
  const [broken] = collection.notes;
  const unknown = [...collection.unknown.keys()].sort(compareText);
  if (broken !== undefined) {
    const more = collection.notes.length > 1 ? `, and ${collection.notes.length - 1} more could not be read` : "";
    const what = broken.what === basename(name) || broken.what === name ? name : `${name}: ${broken.what}`;
    return new Fault(`Nothing could be read from ${what}: ${broken.reason}${more}`, {
      next: broken.next ?? `Pass --from ${expected}`,
    });
  }
  if (unknown.length > 0) {
    const count = [...collection.unknown.values()].reduce((sum, next) => sum + next, 0);
    const shown = unknown.slice(0, 5).join(", ") + (unknown.length > 5 ? " …" : "");
    return new Fault(
      `${name} holds ${count === 1 ? "one object" : `${count} objects`}, none of a kind that k8sgpt reads: ${shown}`,
      {
        next: "Save what the rules need: `kubectl get pods,deployments,services,events -A -o json`",
      },
    );
  }
  const listed = collection.files.some(({ lists }) => lists.length > 0);
  return new Fault(listed ? `${name} holds no objects: its lists are empty` : `${name} holds no Kubernetes objects`, {
    next: listed ? "Check the namespace it was taken from: `kubectl get pods -A`" : `Pass --from ${expected}`,
  });
}
