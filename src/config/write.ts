/**
 * Changes what it is told to of the config file and nothing else: order and comments stay. The new text is written beside the old
 * file, flushed and renamed over it, so that a crash leaves one of the two whole; a lock file makes concurrent writers
 * wait for each other, and the change is computed from what the file holds once the lock is ours. A file that does not
 * parse is left alone.
 */
import { chmod, mkdir, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type * as yamlModule from "yaml";
import type { Document } from "yaml";
import { Fault, messageOf } from "../fault.ts";
import type { ConfigPlace } from "./place.ts";
import { readConfigText } from "./read.ts";
import { wordsOf } from "./values.ts";

const lockWaitMs = 5000;
const lockPollMs = 25;
/** A write takes milliseconds: a lock this old was left behind. */
const lockStaleMs = 30_000;

/** The new list, or undefined to remove the key, which means the core set. */
export type FilterChange = (current: readonly string[] | undefined) => readonly string[] | undefined;

/** The parser, loaded when something is written. */
type Yaml = typeof yamlModule;

/**
 * Stores the filters that `change` makes of the stored ones.
 *
 * @returns what the user should know besides, in sentences
 * @throws Fault when the file cannot be parsed, locked or written; whatever `change` throws
 */
export async function writeActiveFilters(place: ConfigPlace, change: FilterChange): Promise<readonly string[]> {
  return editConfig(place, (document, { isScalar, isSeq }) => {
    const key = keyIn(document.contents, "active_filters") ?? "active_filters";
    const stored = document.get(key);
    const current = wordsOf(isSeq(stored) ? stored.toJSON() : stored, /\s+/);
    const filters = change(current);
    if (filters === undefined) document.delete(key);
    else if (isSeq(stored)) {
      // Items that stay keep their node, and with it their comments.
      const nodes = new Map(stored.items.map((item) => [String(isScalar(item) ? item.value : item), item]));
      stored.items = filters.map((name) => nodes.get(name) ?? document.createNode(name));
    } else document.set(key, document.createNode(filters));
  });
}

/**
 * Changes the file's document in place and stores it when its text changed.
 *
 * @returns what the user should know besides, in sentences
 * @throws Fault when the file cannot be parsed, locked or written; whatever `change` throws
 */
export async function editConfig(
  place: ConfigPlace,
  change: (document: Document, yaml: Yaml) => void,
): Promise<readonly string[]> {
  // A config file is often a link into a folder of dotfiles: the target is replaced, the link stays.
  const path = await realpath(place.path).catch(() => place.path);
  const folder = dirname(path);
  try {
    if (!place.explicit) await mkdir(folder, { recursive: true, mode: 0o700 });
    return await whileLocked(`${path}.lock`, async () => {
      const { text } = await readConfigText(place);
      const edited = await editedText(text, path, change);
      if (edited === text) return [];
      const warnings = await wideModes(path, place.explicit ? undefined : folder);
      await replaceFile(path, edited);
      return warnings;
    });
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(`Cannot write config file ${path}: ${messageOf(error)}`, {
      cause: error,
      next: `Check who may write there: \`ls -ld ${folder}\``,
    });
  }
}

/**
 * Writes a config file where none is.
 *
 * @throws Fault when there is one by now, or it cannot be written
 */
export async function writeNewConfig(place: ConfigPlace, text: string): Promise<void> {
  const { path } = place;
  const folder = dirname(path);
  try {
    if (!place.explicit) await mkdir(folder, { recursive: true, mode: 0o700 });
    await whileLocked(`${path}.lock`, async () => {
      if ((await stat(path).catch(() => undefined)) !== undefined) {
        throw new Fault(`There is a config file already: ${path}`, { next: "Look at it before you write another" });
      }
      await replaceFile(path, text);
    });
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault(`Cannot write config file ${path}: ${messageOf(error)}`, {
      cause: error,
      next: `Check the folder, and who may write there: \`ls -ld ${folder}\``,
    });
  }
}

async function editedText(
  text: string,
  path: string,
  change: (document: Document, yaml: Yaml) => void,
): Promise<string> {
  const yaml = await import("yaml");
  const { parseDocument, isMap } = yaml;
  const document: Document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined || (document.contents !== null && !isMap(document.contents))) {
    throw new Fault(
      `Config file ${path} is not changed: ${problem?.message.split("\n")[0] ?? "it is not a YAML map"}`,
      {
        next: "Correct it by hand, or move it away, then try again",
        ...(problem !== undefined && { cause: problem }),
      },
    );
  }
  change(document, yaml);
  if (isMap(document.contents) && document.contents.items.length === 0 && text.trim() === "") return "";
  return document.toString({ lineWidth: 0, ...layoutOf(text) });
}

/** The key of `map` that is spelled like `name`, whatever its letter case; undefined when there is none. */
export function keyIn(map: unknown, name: string): string | undefined {
  if (typeof map !== "object" || map === null || !("items" in map) || !Array.isArray(map.items)) return undefined;
  const keys = map.items.flatMap((item: unknown) => {
    const key = typeof item === "object" && item !== null && "key" in item ? item.key : undefined;
    const value = typeof key === "object" && key !== null && "value" in key ? key.value : key;
    return typeof value === "string" ? [value] : [];
  });
  return keys.find((key) => key === name) ?? keys.find((key) => key.toLowerCase() === name.toLowerCase());
}

/** How the file is indented, so that lines that did not change stay the same. */
function layoutOf(text: string): {
  readonly indent: number;
  readonly indentSeq: boolean;
  readonly flowCollectionPadding: boolean;
} {
  const indent = /^( +)[^\s#-]/m.exec(text)?.[1]?.length ?? /^( +)- /m.exec(text)?.[1]?.length ?? 2;
  return {
    indent: Math.min(indent, 8),
    indentSeq: !/^[^\s#-][^\n]*:[ \t]*\n- /m.test(text),
    flowCollectionPadding: !/: [[{][^\s\]}]/.test(text),
  };
}

async function wideModes(path: string, folder: string | undefined): Promise<readonly string[]> {
  if (process.platform === "win32") return [];
  const warnings: string[] = [];
  const file = await stat(path).catch(() => undefined);
  if (file !== undefined && (file.mode & 0o077) !== 0) {
    warnings.push(`Config file ${path} was open to other users (mode ${octal(file.mode)}); it is now 0600`);
  }
  const parent = folder === undefined ? undefined : await stat(folder).catch(() => undefined);
  if (folder !== undefined && parent !== undefined && (parent.mode & 0o077) !== 0) {
    await chmod(folder, 0o700);
    warnings.push(`Folder ${folder} was open to other users (mode ${octal(parent.mode)}); it is now 0700`);
  }
  return warnings;
}

function octal(mode: number): string {
  return `0${(mode & 0o777).toString(8)}`;
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, "w", 0o600);
    try {
      // The mode given to `open` is cut by the umask only when the file is new.
      await file.chmod(0o600);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function whileLocked<T>(lockPath: string, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + lockWaitMs;
  for (;;) {
    try {
      const lock = await open(lockPath, "wx", 0o600);
      await lock.writeFile(String(process.pid));
      await lock.close();
      break;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      if (await isLeftBehind(lockPath)) {
        await rm(lockPath, { force: true });
        continue;
      }
      if (Date.now() > deadline) {
        throw new Fault(
          `Another k8sgpt is writing the config: ${lockPath} is still there after ${lockWaitMs / 1000} s`,
          {
            next: `If none is running, remove it: \`rm ${lockPath}\``,
          },
        );
      }
      await delay(lockPollMs);
    }
  }
  try {
    return await work();
  } finally {
    await rm(lockPath, { force: true });
  }
}

async function isLeftBehind(lockPath: string): Promise<boolean> {
  const [info, holder] = await Promise.all([
    stat(lockPath).catch(() => undefined),
    readFile(lockPath, "utf8").catch(() => ""),
  ]);
  if (info === undefined) return false;
  if (Date.now() - info.mtimeMs > lockStaleMs) return true;
  const pid = Number(holder);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: it lives, under another user.
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}
