import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { unpackTar } from "modern-tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSaved } from "../../src/cluster/offline/offline.ts";
import { saveSnapshot } from "../../src/cluster/save.ts";
import { Fault } from "../../src/fault.ts";
import type { SnapshotInput } from "../../src/kube/snapshot.ts";
import { clusterInfoTree, pod, readAll, readsOf, scratch, writeTree } from "./offline/trees.ts";

const options = { k8sgptVersion: "1.2.3" };
const input: SnapshotInput = {
  takenAt: Date.parse("2026-02-01T12:00:00.123Z"),
  cluster: { name: "prod", source: "saved", serverVersion: "v1.34.2" },
  scope: { include: ["shop", "lab"] },
  objects: {
    Pod: [
      { metadata: { name: "web-2", namespace: "shop" }, status: { phase: "Running" } },
      { metadata: { name: "web-1", namespace: "shop" }, spec: { containers: [{ name: "app", env: [{ name: "A" }] }] } },
    ],
    Node: [{ metadata: { name: "node-a" } }],
    ConfigMap: [{ metadata: { name: "app", namespace: "shop" }, dataKeys: ["a", "b"] }],
  },
  reads: [
    { kind: "Pod", namespace: "shop", state: "complete" },
    {
      kind: "Pod",
      namespace: "lab",
      state: "unread",
      reason: "forbidden",
      status: 403,
      next: "kubectl auth can-i list pods",
    },
    { kind: "Node", state: "complete" },
    { kind: "ConfigMap", namespace: "shop", state: "partial", reason: "cut" },
    { kind: "HorizontalPodAutoscaler", state: "absent" },
  ],
  logs: [
    { namespace: "shop", pod: "web-1", container: "app", previous: true, lines: ["one", "", "two\u0000"] },
    { namespace: "shop", pod: "web-1", container: "app", previous: false, lines: [] },
  ],
  facts: {
    health: [{ name: "etcd", isPassed: false }],
    credential: { user: "ci", type: "token", notAfter: 1 },
  },
  factReads: [{ fact: "deprecatedRequests", state: "skipped", reason: "forbidden" }],
  notes: [{ what: "x.yaml", reason: "line 3: odd", next: "mend it" }],
};

let folder = "";
let remove = async () => undefined as void;
beforeAll(async () => {
  const { path, remove: away } = await scratch();
  folder = path;
  remove = away;
});
afterAll(() => remove());

describe("saveSnapshot", () => {
  it("is read back as what was saved, and saved again as the same bytes", async () => {
    const file = join(folder, "a.tar.gz");
    await saveSnapshot(input, file, options);
    const source = await openSaved(file, { now: 0 });
    const read = await readAll(source);
    // Kinds that were not part of the snapshot are not part of what is known.
    const asked = new Set(input.reads.map(({ kind }) => kind));
    expect({ ...read, reads: read.reads.filter(({ kind }) => asked.has(kind)) }).toEqual(input);
    const again = await readAll(source, { kinds: [...asked] });
    expect(again).toEqual(input);
    const second = join(folder, "b.tar.gz");
    await saveSnapshot(again, second, options);
    expect(await readFile(second)).toEqual(await readFile(file));
    expect(source.info).toEqual(input.cluster);
    expect(
      await source.log(
        { namespace: "shop", pod: "web-1", container: "app", previous: true, tailLines: 1 },
        AbortSignal.abort(),
      ),
    ).toEqual(["two\u0000"]);
  });

  it("says of a kind that was not read when it was taken that it is unread", async () => {
    const file = join(folder, "kinds.tar.gz");
    await saveSnapshot(input, file, options);
    const read = await readAll(await openSaved(file, { now: 0 }));
    expect(readsOf(read, "Service")).toEqual(["unread: the snapshot was taken without them"]);
  });

  it("can be narrowed to a namespace", async () => {
    const file = join(folder, "scope.tar.gz");
    await saveSnapshot({ ...input, reads: [{ kind: "Pod", state: "complete" }] }, file, options);
    const source = await openSaved(file, { now: 0 });
    const read = await readAll(source, { kinds: ["Pod", "Node"], scope: { include: ["lab"] } });
    expect(read.objects).toEqual({ Node: input.objects.Node });
    expect(readsOf(read, "Pod")).toEqual(["lab complete"]);
    expect(read.logs).toBeUndefined();
  });

  it("is for its owner only, and holds no address of the server", async () => {
    const file = join(folder, "mode.tar.gz");
    await saveSnapshot(
      { ...input, cluster: { name: "prod", source: "live", server: "https://prod.example:6443" } },
      file,
      options,
    );
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(gunzipSync(await readFile(file)).toString("latin1")).not.toContain("prod.example");
    const names = (await unpackTar(gunzipSync(await readFile(file)))).map(({ header }) => header.name);
    expect(names).toEqual([
      "k8sgpt-snapshot.json",
      "objects/Pod.ndjson",
      "objects/Node.ndjson",
      "objects/ConfigMap.ndjson",
      "logs.ndjson",
    ]);
  });

  it("saves any dump again with the same meaning", async () => {
    const path = join(folder, "dump");
    await mkdir(path);
    const first = await readAll(await openSaved(await writeTree(path, clusterInfoTree), { now: 0 }));
    const file = join(folder, "again.tar.gz");
    await saveSnapshot(first, file, options);
    expect(await readAll(await openSaved(file, { now: 0 }))).toEqual(first);
  });

  it("also as a folder, unpacked by hand", async () => {
    const file = join(folder, "c.tar.gz");
    await saveSnapshot(input, file, options);
    const path = join(folder, "unpacked");
    await writeTree(
      path,
      Object.fromEntries(
        (await unpackTar(gunzipSync(await readFile(file)))).map(({ header, data = "" }) => [header.name, data]),
      ),
    );
    expect((await readAll(await openSaved(path, { now: 0 }))).objects).toEqual(input.objects);
  });

  it("knows when it was cut: what is not there is not taken for absent", async () => {
    const file = join(folder, "cut.tar.gz");
    const pods = Array.from({ length: 50 }, (_, at) => pod({ name: `p${at}` }));
    await saveSnapshot(
      {
        ...input,
        objects: { Pod: pods, Node: [{ metadata: { name: "n" } }] },
        reads: [
          { kind: "Pod", state: "complete" },
          { kind: "Node", state: "complete" },
        ],
      },
      file,
      options,
    );
    const tar = gunzipSync(await readFile(file));
    await writeFile(file, gzipSync(tar.subarray(0, 8192)));
    const read = await readAll(await openSaved(file, { now: 0 }));
    expect(readsOf(read, "Pod")[0]).toMatch(/^partial: the snapshot is damaged: \d+ of 50 are left$/);
    expect(readsOf(read, "Node")).toEqual(["unread: the snapshot is damaged: 0 of 1 are left"]);
    expect(read.notes?.some(({ reason }) => reason.includes("ends in the middle"))).toBe(true);
  });

  it("of a newer format is not guessed at", async () => {
    const path = join(folder, "newer");
    await writeTree(path, {
      "k8sgpt-snapshot.json": '{"format":"k8sgpt-snapshot","version":9,"k8sgptVersion":"8.0.0"}',
    });
    await expect(openSaved(path, { now: 0 })).rejects.toThrow(
      /format 9, made by k8sgpt 8\.0\.0; this k8sgpt reads format 1/,
    );
  });

  it("says why it cannot be written, and leaves nothing behind", async () => {
    const failing = saveSnapshot(input, join(folder, "no/such/a.tar.gz"), options);
    await expect(failing).rejects.toBeInstanceOf(Fault);
    await expect(failing).rejects.toMatchObject({
      message: expect.stringMatching(/its folder does not exist$/),
      next: expect.stringContaining("-o FILE.tar.gz"),
    });
    const taken = join(folder, "taken");
    await mkdir(join(taken, "inner"), { recursive: true });
    await expect(saveSnapshot(input, taken, options)).rejects.toThrow(/it is a folder/);
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
