import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSaved } from "../../../src/cluster/offline/offline.ts";
import { Fault } from "../../../src/fault.ts";
import { parseBundle } from "../../../src/kube/certificates.ts";
import { certificates } from "../../analyzers/certificates.ts";
import {
  chunksOf,
  clusterInfoStream,
  clusterInfoTree,
  event,
  json,
  list,
  mustGatherTree,
  namesOf,
  node,
  openStream,
  pod,
  readAll,
  readsOf,
  scratch,
  sortedList,
  supportBundleTree,
  tarGzOf,
  tarOf,
  type Tree,
  writeTree,
} from "./trees.ts";

const now = Date.parse("2026-03-01T00:00:00Z");
const signal = new AbortController().signal;
let folder = "";
let remove = async () => undefined as void;

beforeAll(async () => {
  const { path, remove: away } = await scratch();
  folder = path;
  remove = away;
});
afterAll(() => remove());

let count = 0;
async function fresh(tree: Tree): Promise<string> {
  count += 1;
  const path = join(folder, `dump-${count}`);
  await mkdir(path);
  return writeTree(path, tree);
}

async function faultOf(opening: Promise<unknown>): Promise<Fault> {
  const error = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Fault) return error;
  throw new Error("a Fault was expected", { cause: error });
}

const manifests: Tree = {
  "web.yaml":
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  creationTimestamp: 2024-01-01T00:00:00Z\nspec:\n  priority: 7\n  hostNetwork: yes\nstatus: null\n",
  "nested/list.json": sortedList([{ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" } }]),
  "notes.md": "# Not a manifest\n",
  ".git/config.yaml": "kind: Pod\napiVersion: v1\nmetadata: {name: hidden}\n",
};

function podYaml(name: string): Buffer {
  return Buffer.from(`apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\n`);
}

function entry(name: string, body: Buffer): { header: { name: string; size: number }; body: Buffer } {
  return { header: { name, size: body.byteLength }, body };
}

describe("each form gives the same as folder, as .tar, as .tar.gz and over standard input", () => {
  it.each([
    ["manifests", manifests],
    ["cluster-info dump", clusterInfoTree],
    ["must-gather", mustGatherTree],
    ["support bundle", supportBundleTree],
  ])("%s", async (_name, tree) => {
    const path = await fresh(tree);
    const expected = await readAll(await openSaved(path, { now }));
    expect(namesOf(expected).length).toBeGreaterThan(1);
    const archive = join(folder, `${count}.data`);
    for (const bytes of [await tarOf(tree), await tarGzOf(tree)]) {
      await writeFile(archive, bytes);
      for (const source of [await openSaved(archive, { now }), await openStream(bytes)]) {
        const read = await readAll(source);
        expect(read.objects).toEqual(expected.objects);
        expect(read.reads).toEqual(expected.reads);
        expect(read.takenAt).toBe(expected.takenAt);
        expect(read.notes).toEqual(expected.notes);
      }
    }
  });
});

describe("manifests", () => {
  it("keep timestamps as text, read booleans as the API server does, and go to default without a namespace", async () => {
    const read = await readAll(await openSaved(await fresh(manifests), { now }));
    expect(namesOf(read)).toEqual(["Pod/default/web", "Service/shop/web"]);
    expect(read.objects.Pod?.[0]).toEqual({
      metadata: { name: "web", namespace: "default", creationTimestamp: "2024-01-01T00:00:00Z" },
      spec: { priority: 7, hostNetwork: true },
    });
    expect(read.takenAt).toBe(Date.parse("2024-01-01T00:00:00Z"));
    expect(read.notes).toBeUndefined();
  });

  it("prove nothing about what is not in them, unless they are lists", async () => {
    const read = await readAll(await openSaved(await fresh(manifests), { now }));
    expect(readsOf(read, "Pod")).toEqual(["partial: a manifest does not tell whether the list is whole"]);
    expect(readsOf(read, "Service")).toEqual([
      "partial: the dump holds the whole list of namespace shop only",
      "shop complete",
    ]);
    expect(readsOf(read, "Node")).toEqual(["unread: the dump does not hold them"]);
  });

  it("obey the namespaces asked for", async () => {
    const source = await openSaved(await fresh(manifests), { now });
    const read = await readAll(source, { kinds: ["Service", "Pod"], scope: { include: ["shop", "lab"] } });
    expect(namesOf(read)).toEqual(["Service/shop/web"]);
    expect(readsOf(read, "Service")).toEqual([
      "shop complete",
      "lab unread: the dump does not hold those of this namespace",
    ]);
    expect(read.scope).toEqual({ include: ["shop", "lab"] });
    expect(await source.hasNamespace("shop", signal)).toBe(true);
    expect(await source.hasNamespace("lab", signal)).toBe(false);
  });

  it.each([
    ["typed list", list("Pod", [pod({ name: "a" }), pod({ name: "b" })])],
    [
      "untyped list",
      sortedList([
        { apiVersion: "v1", kind: "Pod", ...pod({ name: "a" }) },
        { apiVersion: "v1", kind: "Pod", ...pod({ name: "b" }) },
      ]),
    ],
    [
      "list whose kind stands last",
      json({ items: [pod({ name: "a" }), pod({ name: "b" })], apiVersion: "v1", kind: "PodList" }),
    ],
    [
      "concatenated JSON",
      `${list("Pod", [pod({ name: "a" })])}\n${json({ kind: "Pod", apiVersion: "v1", ...pod({ name: "b" }) })}`,
    ],
    ["byte order mark", `\uFEFF${list("Pod", [pod({ name: "a" }), pod({ name: "b" })])}`],
    ["UTF-16 of PowerShell", Buffer.from(`\uFEFF${list("Pod", [pod({ name: "a" }), pod({ name: "b" })])}`, "utf16le")],
    ["packed", gzipSync(list("Pod", [pod({ name: "a" }), pod({ name: "b" })]))],
    [
      "flow YAML",
      "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: shop}}",
    ],
  ])("are read as %s", async (_name, content) => {
    expect(namesOf(await readAll(await openStream(content)))).toEqual(["Pod/shop/a", "Pod/shop/b"]);
  });

  it("read a document of a PodList in pieces of any size", async () => {
    const text = list(
      "Pod",
      Array.from({ length: 30 }, (_, at) => pod({ name: `p${at} "\\{[` })),
    );
    for (const size of [1, 3, 64, 10_000]) {
      const source = await openSaved("-", { stdin: chunksOf(text, size), now });
      expect((await readAll(source)).objects.Pod?.length).toBe(30);
    }
  });

  it("leave odd things out: items that are no objects, other API groups, names that are none; the last of doubles wins", async () => {
    const read = await readAll(
      await openStream(
        sortedList([
          { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "shop" }, status: { phase: "Pending" } },
          { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "shop" }, status: { phase: "Running" } },
          { apiVersion: "v1", kind: "Pod", metadata: null },
          { apiVersion: "serving.knative.dev/v1", kind: "Service", metadata: { name: "not-ours", namespace: "shop" } },
          { apiVersion: "acme.test/v1", kind: "Widget", metadata: { name: "w" } },
          { kind: 5 },
          [1],
        ]),
      ),
    );
    expect(namesOf(read)).toEqual(["Pod/shop/a"]);
    expect(read.objects.Pod?.[0]?.status?.phase).toBe("Running");
  });

  it("read events of both APIs as the same event", async () => {
    const modern = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: "e", namespace: "shop" },
      regarding: { kind: "Pod", namespace: "shop", name: "web-1" },
      note: "Back-off",
      reason: "BackOff",
      deprecatedCount: 4,
      reportingController: "kubelet",
    };
    const [read] = (await readAll(await openStream(sortedList([modern])))).objects.Event ?? [];
    expect(read).toMatchObject({
      message: "Back-off",
      count: 4,
      reportingComponent: "kubelet",
      involvedObject: { name: "web-1" },
    });
  });

  it("never hold values of Secrets and ConfigMaps, nor literal environment values", async () => {
    const held = json(
      await readAll(
        await openStream(
          sortedList([
            {
              apiVersion: "v1",
              kind: "Secret",
              metadata: { name: "db", namespace: "shop" },
              data: { password: "aHVudGVyMg==" },
              stringData: { a: "hunter2" },
            },
            {
              apiVersion: "v1",
              kind: "ConfigMap",
              metadata: { name: "c", namespace: "shop" },
              data: { key: "hunter2" },
            },
            { apiVersion: "v1", kind: "Pod", ...pod({ name: "a" }) },
          ]),
        ),
      ),
    );
    expect(held).not.toMatch(/hunter2|aHVudGVyMg/);
    expect(held).toContain('"key"');
  });

  it("keep the certificates of TLS Secrets when they are asked for, and never their keys", async () => {
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "web", namespace: "shop" },
      type: "kubernetes.io/tls",
      data: { "tls.crt": certificates.valid, "tls.key": "aHVudGVyMg==" },
    };
    const stdin = () => chunksOf(json(secret));
    const usual = json(await readAll(await openSaved("-", { stdin: stdin(), now })));
    expect(usual).not.toMatch(/certificateBundle|aHVudGVyMg/);
    const read = await readAll(await openSaved("-", { stdin: stdin(), now, readTls: true }));
    expect(read.objects.Secret?.[0]?.tls?.lacks).toEqual([]);
    expect(parseBundle(read.objects.Secret?.[0]?.tls?.certificateBundle ?? "")?.[0]?.names).toEqual([
      "shop.example.com",
      "*.shop.example.com",
    ]);
    expect(json(read)).not.toContain("aHVudGVyMg");
  });

  it("take a page of a longer list for what it is", async () => {
    const page = json({
      kind: "PodList",
      apiVersion: "v1",
      metadata: { continue: "abc" },
      items: [pod({ name: "a" })],
    });
    const read = await readAll(await openStream(page));
    expect(readsOf(read, "Pod")[0]).toBe("partial: a manifest does not tell whether the list is whole");
    expect(read.notes).toEqual([{ what: "standard input", reason: "the list is one page of a longer one" }]);
  });
});

describe("kubectl cluster-info dump", () => {
  it("is whole for its namespaces and says so of no other", async () => {
    const read = await readAll(await openSaved(await fresh(clusterInfoTree), { now }));
    expect(namesOf(read)).toEqual([
      "Pod/shop/web-1",
      "Pod/shop/web-2",
      "Node/node-a",
      "Event/shop/web-1.17f",
      "Event/shop/web-2.17f",
      "Deployment/kube-system/of-kube-system",
      "Deployment/shop/of-shop",
    ]);
    const only = "partial: the dump holds the whole list of namespaces kube-system, shop only";
    for (const kind of ["Pod", "Service", "DaemonSet", "ReplicaSet", "Event"] as const) {
      expect(readsOf(read, kind)).toEqual([only, "kube-system complete", "shop complete"]);
    }
    expect(readsOf(read, "Node")).toEqual(["complete"]);
    expect(readsOf(read, "ConfigMap")).toEqual(["unread: the dump does not hold them"]);
    expect(read.takenAt).toBe(Date.parse("2026-02-01T11:30:00Z"));
  });

  it("is whole for the cluster when it was taken of all namespaces", async () => {
    const all = ["default", "kube-node-lease", "kube-public"].flatMap((namespace) =>
      Object.entries(clusterInfoTree)
        .filter(([path]) => path.startsWith("kube-system/"))
        .map(([path, content]) => [
          path.replace("kube-system", namespace),
          String(content).replaceAll("kube-system", namespace),
        ]),
    );
    const read = await readAll(
      await openSaved(await fresh({ ...clusterInfoTree, ...Object.fromEntries(all) }), { now }),
    );
    expect(readsOf(read, "Pod")).toEqual(["complete"]);
    const without = await readAll(await openSaved(join(folder, `dump-${count}`), { now }), {
      scope: { exclude: ["shop"] },
    });
    expect(namesOf(without)).not.toContain("Pod/shop/web-1");
    expect(readsOf(without, "Pod")).toEqual([
      "default complete",
      "kube-node-lease complete",
      "kube-public complete",
      "kube-system complete",
    ]);
  });

  it("gives the same on standard output, with the namespaces of its empty lists", async () => {
    const stream = await openStream(clusterInfoStream);
    const read = await readAll(stream);
    const expected = await readAll(await openSaved(await fresh(clusterInfoTree), { now }));
    expect(read.objects).toEqual(expected.objects);
    expect(read.reads).toEqual(expected.reads);
    expect(
      await stream.log({ namespace: "shop", pod: "web-2", container: "app", previous: false, tailLines: 1 }, signal),
    ).toEqual(["fatal: no database"]);
  });

  it("has the logs of its containers", async () => {
    const archive = join(folder, "logs.tgz");
    await writeFile(archive, await tarGzOf(clusterInfoTree));
    for (const source of [await openSaved(await fresh(clusterInfoTree), { now }), await openSaved(archive, { now })]) {
      const ask = (container: string, previous: boolean, tailLines = 50) =>
        source.log({ namespace: "shop", pod: "web-1", container, previous, tailLines }, signal);
      expect(await ask("app", false)).toEqual(['{"level":"info"}', "fatal: no database"]);
      expect(await ask("app", false, 1)).toEqual(["fatal: no database"]);
      expect(await ask("app", true)).toBeUndefined();
      expect(await ask("init", false)).toBeUndefined();
      expect(await ask("gone", false)).toBeUndefined();
    }
  });
});

describe("must-gather", () => {
  it("is whole where a list was written, and for kinds of the cluster", async () => {
    const read = await readAll(await openSaved(await fresh(mustGatherTree), { now }));
    expect(namesOf(read)).toEqual([
      "Pod/shop/web-1",
      "Node/node-a",
      "Namespace/shop",
      "ConfigMap/shop/app",
      "Secret/shop/db",
    ]);
    expect(readsOf(read, "Pod")).toEqual([
      "partial: the dump holds the whole list of namespace shop only",
      "shop complete",
    ]);
    expect(readsOf(read, "Service")).toContain("shop complete");
    expect(readsOf(read, "Node")).toEqual(["complete"]);
    expect(readsOf(read, "Namespace")).toEqual(["partial: a manifest does not tell whether the list is whole"]);
    expect(readsOf(read, "Ingress")).toEqual(["unread: the dump does not hold them"]);
    expect(read.takenAt).toBe(Date.parse("2026-02-01T12:03:59.500Z"));
    expect(json(read)).not.toMatch(/aHVudGVyMg|secret-value/);
  });

  it("has the logs of both runs, without the times that were added", async () => {
    const archive = join(folder, "gather.tgz");
    await writeFile(archive, await tarGzOf(mustGatherTree));
    for (const source of [await openSaved(await fresh(mustGatherTree), { now }), await openSaved(archive, { now })]) {
      const ask = (previous: boolean) =>
        source.log({ namespace: "shop", pod: "web-1", container: "app", previous, tailLines: 50 }, signal);
      expect(await ask(true)).toEqual(["one", "panic: two"]);
      expect(await ask(false)).toEqual(["now"]);
    }
  });
});

describe("support bundle", () => {
  it("is whole where a file was written; its own errors are the reasons for the rest", async () => {
    const source = await openSaved(await fresh(supportBundleTree), { now });
    const read = await readAll(source);
    expect(namesOf(read)).toEqual([
      "Pod/shop/web-1",
      "Node/node-a",
      "Namespace/shop",
      "Event/shop/web-1.17f",
      "ReplicaSet/shop/web",
    ]);
    expect(readsOf(read, "Pod")).toEqual([
      "partial: the dump holds the whole list of namespaces empty, shop only",
      "billing unread: pods is forbidden",
      "empty complete",
      "shop complete",
    ]);
    expect(readsOf(read, "PersistentVolume")).toEqual(["unread: persistentvolumes is forbidden"]);
    expect(readsOf(read, "ReplicaSet")).toContain("shop complete");
    expect(source.info.serverVersion).toBe("v1.34.2");
    // The name tells the time on the wall, one hour ahead of UTC; events tell the rest.
    expect(read.takenAt).toBe(Date.parse("2026-02-01T12:10:00Z"));
    expect(
      await source.log({ namespace: "shop", pod: "web-1", container: "app", previous: true, tailLines: 9 }, signal),
    ).toEqual(["panic: two"]);
  });
});

describe("what goes wrong", () => {
  it("a syntax error in one file is named with its line; the rest is read", async () => {
    const path = await fresh({
      ...clusterInfoTree,
      "shop/pods.json": '{"kind": "PodList",\n"apiVersion": "v1",\n"items": [\n{"metadata" {}}\n]}',
      "bad.yaml": "a: 1\nb: [\n",
    });
    const read = await readAll(await openSaved(path, { now }));
    expect(read.notes?.map(({ what }) => what)).toEqual(["bad.yaml", "shop/pods.json"]);
    expect(read.notes?.[0]?.reason).toMatch(/^line \d+: /);
    expect(read.notes?.[1]?.reason).toMatch(/^line 4: /);
    expect(readsOf(read, "Pod")).toContainEqual(expect.stringMatching(/^shop unread: shop\/pods\.json: line 4/));
    expect(namesOf(read)).toContain("Deployment/shop/of-shop");
  });

  it("a mistake in one document costs no other", async () => {
    const read = await readAll(
      await openStream(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\nb: [\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: c}\n",
      ),
    );
    expect(namesOf(read)).toEqual(["Pod/default/a", "Pod/default/c"]);
    expect(read.notes?.[0]?.reason).toMatch(/^line [567]: /);
  });

  it("a list that ends in the middle gives its whole items and is not complete", async () => {
    const text = list("Pod", [pod({ name: "a" }), pod({ name: "b" })]);
    const read = await readAll(await openStream(text.slice(0, text.indexOf('"b"') + 1)));
    expect(namesOf(read)).toEqual(["Pod/shop/a"]);
    expect(readsOf(read, "Pod").some((line) => line.includes("complete"))).toBe(false);
    expect(read.notes?.[0]?.reason).toBe("the file ends in the middle of the list");
  });

  it("an archive that ends in the middle gives what was there, with a note", async () => {
    const bytes = await tarGzOf(clusterInfoTree);
    const plain = await tarOf(clusterInfoTree);
    for (const cut of [bytes.subarray(0, bytes.byteLength - 300), plain.subarray(0, plain.byteLength - 4000)]) {
      const read = await readAll(await openStream(cut));
      expect(namesOf(read)).toContain("Node/node-a");
      expect(read.notes?.some(({ reason }) => reason.includes("what comes before that was read"))).toBe(true);
    }
    const middle = await readAll(await openStream(plain.subarray(0, 5 * 1024)));
    expect(middle.notes?.some(({ reason }) => /the archive ends in the middle/.test(reason))).toBe(true);
  });

  it("what is not there is answered with what is", async () => {
    const path = await fresh({ "cluster-dump.tar.gz": "x" });
    const fault = await faultOf(openSaved(join(path, "cluster-dmp.tar.gz"), { now }));
    expect(fault.message).toContain("cluster-dmp.tar.gz does not exist");
    expect(fault.next).toContain("cluster-dump.tar.gz");
    expect(fault.usage).toBe(true);
  });

  it.each([
    ["a picture", Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "latin1"), /not a dump of a cluster/, /must-gather/],
    ["nothing", "", /is empty/, /must-gather/],
    ["white space", " \n\n", /is empty/, /must-gather/],
    ["prose", "hello\n", /holds no Kubernetes objects/, /manifest/],
    ["a zip", "PK\u0003\u0004abc", /zip archive/, /Unpack/],
    [
      "other kinds",
      json({ apiVersion: "acme.test/v1", kind: "Widget", metadata: { name: "w" } }),
      /one object, none of a kind that k8sgpt reads: Widget \(acme\.test\/v1\)/,
      /kubectl get/,
    ],
    ["an empty list", list("Pod", []), /its lists are empty/, /kubectl get pods/],
    ["broken YAML", "a: [\n", /Nothing could be read from standard input: line/, /manifest/],
  ])("%s is answered with what was expected", async (_name, content, message, next) => {
    const fault = await faultOf(openStream(content));
    expect(fault.message).toMatch(message);
    expect(fault.next).toMatch(next);
  });

  it("an empty folder is no dump", async () => {
    expect((await faultOf(openSaved(await fresh({}), { now }))).message).toMatch(/holds no Kubernetes objects/);
  });

  it("a dump that unpacks without end is refused", async () => {
    const bomb = gzipSync(Buffer.alloc(3 * 1024 * 1024, 0x20));
    const limits = { totalBytes: 1024 * 1024 };
    const fault = await faultOf(openSaved("-", { stdin: chunksOf(bomb), now, limits }));
    expect(fault.message).toBe("standard input unpacks to more than 1 MiB");
    expect(
      (
        await faultOf(
          openSaved("-", { stdin: chunksOf(await tarGzOf({ "a.json": " ".repeat(3_000_000) })), now, limits }),
        )
      ).message,
    ).toMatch(/unpacks to more/);
    expect(
      (await faultOf(openSaved("-", { stdin: chunksOf(await tarOf(clusterInfoTree)), now, limits: { files: 3 } })))
        .message,
    ).toMatch(/more than 3 files/);
  });

  it("a value too large for one string is refused", async () => {
    const huge = json({
      kind: "Pod",
      apiVersion: "v1",
      metadata: { name: "a", annotations: { x: "y".repeat(40_000_000) } },
    });
    const fault = await faultOf(
      openSaved("-", { stdin: chunksOf(huge, 65_536), now, limits: { valueBytes: 8 * 1024 * 1024 } }),
    );
    expect(fault.message).toMatch(/larger than 8 MiB/);
  });

  it("aliases that unfold into too much are refused", async () => {
    const bomb = [
      "a: &a [x,x,x,x,x,x,x,x,x,x]",
      ..."bcdefghi"
        .split("")
        .map((name, at) => `${name}: &${name} [${Array<string>(9).fill(`*${"abcdefgh"[at]}`).join(",")}]`),
    ].join("\n");
    const read = await readAll(await openStream(`${bomb}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n`));
    expect(namesOf(read)).toEqual(["Pod/default/a"]);
    expect(read.notes?.[0]?.reason).toMatch(/aliases/);
  });

  it("paths that climb out of an archive are not read, links are not followed", async () => {
    const archive = await packTar([
      entry("../../evil.yaml", podYaml("out")),
      entry("/etc/evil.yaml", podYaml("out")),
      { header: { name: "link.yaml", type: "symlink", linkname: "/etc/passwd", size: 0 } },
      entry("./ok.yaml", podYaml("fine")),
    ]);
    const read = await readAll(await openStream(archive));
    expect(namesOf(read)).toEqual(["Pod/default/fine"]);
    expect(read.notes?.map(({ what }) => what)).toEqual(["../../evil.yaml", "/etc/evil.yaml"]);
  });

  it("links inside a folder are followed to files inside it only", async () => {
    const outside = await fresh({ "secret.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: outside}\n" });
    const path = await fresh({ "..data/web.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: inside}\n" });
    await symlink("..data/web.yaml", join(path, "web.yaml"));
    await symlink(join(outside, "secret.yaml"), join(path, "out.yaml"));
    await symlink(path, join(path, "loop"));
    expect(namesOf(await readAll(await openSaved(path, { now })))).toEqual(["Pod/default/inside"]);
  });

  // The administrator may read everything.
  it.skipIf(process.getuid?.() === 0)("a file that may not be read is named", async () => {
    const path = await fresh(clusterInfoTree);
    await chmod(join(path, "shop/pods.json"), 0o000);
    const read = await readAll(await openSaved(path, { now }));
    expect(read.notes).toEqual([{ what: "shop/pods.json", reason: "permission denied" }]);
  });

  it("a read that is ended early gives what it has, and claims nothing of the rest", async () => {
    const source = await openSaved(await fresh(clusterInfoTree), { now });
    const read = await source.read({ kinds: ["Pod", "Node"], scope: {}, signal: AbortSignal.abort() });
    expect(read.objects).toEqual({});
    expect(read.reads.map(({ kind, state, reason }) => `${kind} ${state}: ${reason}`)).toEqual([
      "Pod unread: the read was interrupted",
      "Node unread: the read was interrupted",
    ]);
  });
});

describe("times", () => {
  it("the newest time in the objects is the capture time, but for clocks that are wrong", async () => {
    const source = await openStream(
      sortedList([
        { apiVersion: "v1", kind: "Event", ...event({ name: "a" }, "2026-02-03T00:00:00Z") },
        { apiVersion: "v1", kind: "Event", ...event({ name: "b" }, "2099-01-01T00:00:00Z") },
        {
          apiVersion: "v1",
          kind: "Node",
          ...node,
          status: { conditions: [{ type: "Ready", status: "True", lastHeartbeatTime: "2026-02-03T00:05:00Z" }] },
        },
      ]),
    );
    expect((await readAll(source)).takenAt).toBe(Date.parse("2026-02-03T00:05:00Z"));
  });

  it("without any time it is now", async () => {
    expect((await readAll(await openStream("apiVersion: v1\nkind: Pod\nmetadata: {name: a}"))).takenAt).toBe(now);
  });
});
