/** Writes a snapshot to a file that `--from` reads back: see `offline/snapshot-file.ts` for its form. */
import { createWriteStream } from "node:fs";
import { rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { createTarPacker } from "modern-tar";
import { Fault, messageOf } from "../fault.ts";
import { customOrder } from "../kube/custom-resources.ts";
import { factNames } from "../kube/facts.ts";
import { kindNames } from "../kube/kinds.ts";
import { compareText } from "../kube/object-ref.ts";
import type { SnapshotInput } from "../kube/snapshot.ts";
import { errorCode } from "./offline/bytes.ts";
import { snapshotCustom, snapshotHeader, snapshotLogs, snapshotObjects } from "./offline/layout.ts";
import { snapshotFormat, snapshotVersion } from "./offline/snapshot-file.ts";

/**
 * Saves a snapshot as `.tar.gz`, for the owner's eyes only. The file appears whole or not at all, and the same input
 * gives the same bytes. Values of Secrets and ConfigMaps and literal environment values are not in a snapshot, so they
 * cannot be in the file.
 * @throws Fault when it cannot be written
 */
export async function saveSnapshot(
  input: SnapshotInput,
  file: string,
  options: { readonly k8sgptVersion: string },
): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
  const { readable, controller } = createTarPacker();
  const packing = pack(input, options.k8sgptVersion, controller).catch((error: unknown) => controller.error(error));
  try {
    await pipeline(
      Readable.fromWeb(readable as Parameters<typeof Readable.fromWeb>[0]),
      createGzip(),
      createWriteStream(temporary, { mode: 0o600, flags: "w" }),
    );
    await packing;
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw new Fault(`Cannot write the snapshot to ${file}: ${whyNotWritten(error)}`, {
      cause: error,
      next: "Choose another place with `-o FILE.tar.gz`",
    });
  }
}

async function pack(
  input: SnapshotInput,
  k8sgptVersion: string,
  controller: ReturnType<typeof createTarPacker>["controller"],
): Promise<void> {
  const { takenAt, cluster, scope, reads, notes, objects, logs, customResources, customReads, facts, factReads } =
    input;
  const lists = kindNames
    .map((kind) => ({ kind, objects: objects[kind] ?? [] }))
    .filter(({ objects }) => objects.length > 0);
  const header = {
    format: snapshotFormat,
    version: snapshotVersion,
    k8sgptVersion,
    takenAt: new Date(takenAt).toISOString(),
    // Not the address of the API server: a file that is sent around needs no way in.
    cluster: {
      name: cluster.name,
      ...(cluster.serverVersion !== undefined && { serverVersion: cluster.serverVersion }),
    },
    ...(scope !== undefined && { scope }),
    reads,
    ...(notes !== undefined && { notes }),
    counts: Object.fromEntries(lists.map(({ kind, objects }) => [kind, objects.length])),
    ...(customResources !== undefined && { customCount: customResources.length }),
    ...(customReads !== undefined && customReads.length > 0 && { customReads }),
    ...(facts !== undefined && {
      facts: Object.fromEntries(factNames.flatMap((name) => (facts[name] === undefined ? [] : [[name, facts[name]]]))),
    }),
    ...(factReads !== undefined && factReads.length > 0 && { factReads }),
  };
  await addFile(controller, snapshotHeader, [Buffer.from(`${JSON.stringify(header, null, 2)}\n`)]);
  for (const { kind, objects } of lists) await addFile(controller, snapshotObjects(kind), lines(objects));
  if (logs !== undefined && logs.length > 0) await addFile(controller, snapshotLogs, lines(logs));
  if (customResources !== undefined && customResources.length > 0) {
    const sorted = [...customResources].sort((a, b) => compareText(customOrder(a), customOrder(b)));
    await addFile(controller, snapshotCustom, lines(sorted));
  }
  controller.finalize();
}

/** One JSON value per line, in pieces of a few hundred: one string of all would be too long. */
function lines(values: readonly object[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < values.length; at += 500) {
    pieces.push(
      Buffer.from(
        values
          .slice(at, at + 500)
          .map((value) => `${JSON.stringify(value)}\n`)
          .join(""),
      ),
    );
  }
  return pieces;
}

async function addFile(
  controller: ReturnType<typeof createTarPacker>["controller"],
  name: string,
  pieces: readonly Buffer[],
): Promise<void> {
  const size = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  // Everything that would differ from run to run or machine to machine is fixed.
  const body = controller.add({ name, size, type: "file", mode: 0o600, mtime: new Date(0), uid: 0, gid: 0 });
  const writer = body.getWriter();
  for (const piece of pieces) await writer.write(piece);
  await writer.close();
}

function whyNotWritten(error: unknown): string {
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") return "the disk is full";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "EROFS") return "the file system is read-only";
  if (code === "ENOENT" || code === "ENOTDIR") return "its folder does not exist";
  if (code === "EISDIR" || code === "ENOTEMPTY" || code === "EEXIST") return "it is a folder";
  return messageOf(error);
}
