import { afterEach, describe, expect, it } from "vitest";
import { type LiveOptions, openLive } from "../../src/cluster/live/live.ts";
import type { ClusterSource, ReadRequest } from "../../src/cluster/source.ts";
import { Fault } from "../../src/fault.ts";
import { parseBundle } from "../../src/kube/certificates.ts";
import { type KindName, kindNames } from "../../src/kube/kinds.ts";
import type { KindRead, SnapshotInput } from "../../src/kube/snapshot.ts";
import { listOf, message } from "./codec/protobuf-encode.ts";
import {
  authority,
  cutConnection,
  forbidden,
  gzipped,
  halfAnswer,
  json,
  list,
  raw,
  type Script,
  type ScriptedServer,
  type ServerOptions,
  startServer,
  status,
} from "./live/server.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function serve(script: Script, options: ServerOptions = {}): Promise<ScriptedServer> {
  const server = await startServer(script, options);
  closing.push(server.close);
  return server;
}

async function open(server: ScriptedServer, options: Partial<LiveOptions> = {}): Promise<ClusterSource> {
  const source = await openLive(
    {
      kubeconfig: options.kubeconfig ?? server.kubeconfig(),
      requestTimeoutMs: 5000,
      maxConcurrency: 10,
      userAgent: "k8sgpt/1.2.3",
      env: { PATH: process.env["PATH"] },
      codec: "json",
      isInteractive: false,
      ...options,
    },
    new AbortController().signal,
  );
  closing.push(() => source.close());
  return source;
}

function read(
  source: ClusterSource,
  kinds: readonly KindName[],
  request: Partial<ReadRequest> = {},
): Promise<SnapshotInput> {
  return source.read({ kinds, scope: {}, signal: new AbortController().signal, ...request });
}

async function readFrom(
  script: Script,
  kinds: readonly KindName[],
  options: Partial<LiveOptions> & ServerOptions = {},
  request: Partial<ReadRequest> = {},
) {
  const server = await serve(script, options);
  const source = await open(server, options);
  return { server, source, result: await read(source, kinds, request) };
}

function names(result: SnapshotInput, kind: KindName): readonly (string | undefined)[] {
  return (result.objects[kind] ?? []).map((object) => object.metadata?.name);
}

function readsOf(result: SnapshotInput, kind: KindName): readonly KindRead[] {
  return result.reads.filter((one) => one.kind === kind);
}

const pods: Script = (_, reply) => json(reply, list(["a", "b"]));

const anything: Script = ({ path, headers }, reply) =>
  json(reply, list(["a"], { kind: String(headers["accept"]).includes("as=") ? "PartialObjectMetadataList" : path }));

const threePages: Script = ({ query }, reply) => {
  const token = query.get("continue");
  if (token === null) json(reply, list(["a"], { token: "two" }));
  else if (token === "two") json(reply, list(["b"], { token: "three" }));
  else json(reply, list(["c"]));
};

const fault = async (opening: Promise<unknown>): Promise<Fault> => {
  const error: unknown = await opening.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(error instanceof Fault)) throw new Error("no Fault", { cause: error });
  return error;
};

describe("one list per kind", () => {
  it("reads every kind over one HTTP/2 connection, with one GET each", async () => {
    const { server, result } = await readFrom(anything, kindNames);
    expect(server.connections()).toBe(1);
    expect(server.lists()).toHaveLength(kindNames.length);
    expect(new Set(server.asked.map(({ method }) => method))).toEqual(new Set(["GET"]));
    expect(new Set(server.asked.map(({ httpVersion }) => httpVersion))).toEqual(new Set(["2.0"]));
    expect(result.reads.map(({ state }) => state)).toEqual(kindNames.map(() => "complete"));
    expect(server.asked[0]?.headers).toMatchObject({
      "user-agent": "k8sgpt/1.2.3",
      "accept-encoding": "gzip",
      authorization: "Bearer secret-token",
    });
  });

  it("keeps its HTTP/1.1 connections", async () => {
    const { server, source } = await readFrom(anything, kindNames, { protocol: "https", maxConcurrency: 3 });
    expect(server.connections()).toBeLessThanOrEqual(3);
    await read(source, kindNames);
    expect(server.connections()).toBeLessThanOrEqual(3);
    expect(server.lists()).toHaveLength(2 * kindNames.length);
    expect(new Set(server.asked.map(({ httpVersion }) => httpVersion))).toEqual(new Set(["1.1"]));
  });

  it("speaks plain HTTP", async () => {
    const { server, result } = await readFrom(pods, ["Pod"], { protocol: "http" });
    expect(names(result, "Pod")).toEqual(["a", "b"]);
    expect(server.connections()).toBe(1);
  });

  it("has no more requests in flight than it may", async () => {
    let inFlight = 0;
    let most = 0;
    const slow: Script = async (asked, reply) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= 1;
      await anything(asked, reply);
    };
    await readFrom(slow, kindNames, { maxConcurrency: 4 });
    expect(most).toBe(4);
  });

  it("starts with the large kinds", async () => {
    const { server } = await readFrom(anything, ["Node", "EndpointSlice", "Lease", "Event", "Pod"], {
      maxConcurrency: 1,
    });
    expect(server.lists().map(({ path }) => path.split("/").at(-1))).toEqual([
      "pods",
      "events",
      "endpointslices",
      "nodes",
      "leases",
    ]);
  });

  it("unpacks gzip and drops what the table of kinds does not name", async () => {
    const { result } = await readFrom((_, reply) => gzipped(reply, list(["a"])), ["Pod"]);
    expect(result.objects.Pod).toEqual([{ metadata: { name: "a", namespace: "shop" } }]);
  });

  it("asks for the whole list in protobuf, and takes JSON when that comes", async () => {
    const { server, result } = await readFrom(pods, ["Pod"], { codec: "auto" });
    expect(names(result, "Pod")).toEqual(["a", "b"]);
    expect(server.lists().map(({ query, headers }) => [query.toString(), headers["accept"]])).toEqual([
      ["resourceVersion=0", "application/vnd.kubernetes.protobuf,application/json"],
    ]);
  });

  it("tells its progress", async () => {
    const server = await serve(anything);
    const steps: string[] = [];
    await read(await open(server, { maxConcurrency: 1 }), ["Node", "Pod"], {
      onProgress: ({ kind, objects, done, kindsDone, kindsTotal }) =>
        steps.push(`${kind} ${objects} ${done} ${kindsDone}/${kindsTotal}`),
    });
    expect(steps).toEqual(["Pod 1 false 0/2", "Pod 1 true 1/2", "Node 1 false 1/2", "Node 1 true 2/2"]);
  });

  it("follows a server below a path", async () => {
    const server = await serve(pods);
    const source = await open(server, {
      kubeconfig: server.kubeconfig({ cluster: { server: `${server.url}/k8s/clusters/c-1/` } }),
    });
    await read(source, ["Pod"]);
    expect(server.asked.map(({ path }) => path)).toEqual([
      "/k8s/clusters/c-1/version",
      "/k8s/clusters/c-1/api/v1/pods",
    ]);
  });
});

describe("lists in protobuf", () => {
  const type = { "content-type": "application/vnd.kubernetes.protobuf" };
  const body = listOf(
    ["a", "b", "c"].map((name) => message("core.v1.Pod", { metadata: { name, namespace: "shop" } })),
    { apiVersion: "v1", kind: "PodList" },
  );

  it("are read in one piece", async () => {
    const { server, result } = await readFrom((_, reply) => raw(reply, body, 200, type), ["Pod"], { codec: "auto" });
    expect(names(result, "Pod")).toEqual(["a", "b", "c"]);
    expect(result.reads).toEqual([{ kind: "Pod", state: "complete" }]);
    expect(server.lists()).toHaveLength(1);
  });

  it("are asked for once more when they are cut, and never taken for whole", async () => {
    const { server, result } = await readFrom((_, reply) => raw(reply, body.subarray(0, -10), 200, type), ["Pod"], {
      codec: "auto",
    });
    expect(names(result, "Pod")).toEqual(["a", "b"]);
    expect(result.reads).toMatchObject([
      {
        kind: "Pod",
        state: "partial",
        reason: expect.stringContaining("the list cannot be read: it ends in the middle"),
      },
    ]);
    expect(server.lists()).toHaveLength(2);
  });
});

describe("pages", () => {
  it("follows them to the end, 500 at a time", async () => {
    const { server, result } = await readFrom(threePages, ["Pod"]);
    expect(names(result, "Pod")).toEqual(["a", "b", "c"]);
    expect(result.reads).toEqual([{ kind: "Pod", state: "complete" }]);
    expect(server.lists().map(({ query }) => query.toString())).toEqual([
      "limit=500",
      "limit=500&continue=two",
      "limit=500&continue=three",
    ]);
  });

  it("asks for the next one before the items of this one are here", async () => {
    const second = Promise.withResolvers<undefined>();
    const { result } = await readFrom(
      async ({ query }, reply) => {
        if (query.get("continue") !== null) {
          second.resolve(undefined);
          json(reply, list(["b"]));
          return;
        }
        const text = JSON.stringify(list(["a"], { token: "two" }));
        const start = text.indexOf('"items":') + 10;
        if ("stream" in reply) {
          reply.writeHead(200, { "content-type": "application/json" });
          reply.write(text.slice(0, start));
          await second.promise;
          reply.end(text.slice(start));
        }
      },
      ["Pod"],
    );
    expect(names(result, "Pod")).toEqual(["a", "b"]);
  });

  it("begins anew when the list expired (410)", async () => {
    let isExpired = true;
    const { server, result } = await readFrom(
      (asked, reply) => {
        if (asked.query.get("continue") === "two" && isExpired) {
          isExpired = false;
          status(reply, 410, "Expired", "The provided continue parameter is too old");
        } else void threePages(asked, reply);
      },
      ["Pod"],
    );
    expect(names(result, "Pod")).toEqual(["a", "b", "c"]);
    expect(result.reads).toEqual([{ kind: "Pod", state: "complete" }]);
    expect(server.lists()).toHaveLength(5);
  });

  it("keeps what it has when the list expires twice, and says so", async () => {
    const { server, result } = await readFrom(
      (asked, reply) => {
        if (asked.query.get("continue") === "two") status(reply, 410, "Expired", "too old");
        else void threePages(asked, reply);
      },
      ["Pod"],
    );
    expect(names(result, "Pod")).toEqual(["a"]);
    expect(result.reads).toEqual([
      { kind: "Pod", state: "partial", status: 410, reason: "the list changed for so long that its next page expired" },
    ]);
    expect(server.lists()).toHaveLength(4);
  });

  it("takes a continue token of any form", async () => {
    const token = "eyJ2Ijo+/= &#";
    expect(
      names(
        (
          await readFrom(
            ({ query }, reply) => json(reply, query.get("continue") === token ? list(["b"]) : list(["a"], { token })),
            ["Pod"],
          )
        ).result,
        "Pod",
      ),
    ).toEqual(["a", "b"]);
  });
});

describe("what is not served or not allowed", () => {
  it("calls a kind absent whose group is not served", async () => {
    const { result } = await readFrom(
      ({ path }, reply) =>
        path.includes("/apis/") ? raw(reply, "404 page not found\n", 404) : json(reply, list(["a"])),
      ["Pod", "Lease"],
    );
    expect(readsOf(result, "Lease")).toEqual([{ kind: "Lease", state: "absent", status: 404 }]);
    expect(readsOf(result, "Pod")).toEqual([{ kind: "Pod", state: "complete" }]);
  });

  it("does not call Pods absent where nothing is served", async () => {
    const { result } = await readFrom((_, reply) => raw(reply, "<html>not here</html>", 404), ["Pod"]);
    expect(result.reads).toMatchObject([
      { kind: "Pod", state: "unread", reason: "no Kubernetes API answers at this address" },
    ]);
  });

  it("says who may not read what, and how to check it", async () => {
    const { result, server } = await readFrom((_, reply) => forbidden(reply, "nodes"), ["Node", "StorageClass"]);
    expect(result.reads).toEqual([
      {
        kind: "Node",
        state: "unread",
        status: 403,
        reason: 'forbidden for user "ci"',
        next: "kubectl auth can-i list nodes",
      },
      {
        kind: "StorageClass",
        state: "unread",
        status: 403,
        reason: 'forbidden for user "ci"',
        next: "kubectl auth can-i list storageclasses.storage.k8s.io",
      },
    ]);
    expect(server.lists()).toHaveLength(2);
  });

  it("reads in its own namespace when it may see no others", async () => {
    const server = await serve(({ path }, reply) =>
      path.includes("/namespaces/shop/") ? json(reply, list(["a"])) : forbidden(reply, "pods"),
    );
    const result = await read(await open(server, { kubeconfig: server.kubeconfig({ namespace: "shop" }) }), [
      "Pod",
      "Service",
    ]);
    expect(readsOf(result, "Pod")).toEqual([
      {
        kind: "Pod",
        state: "unread",
        status: 403,
        reason: 'forbidden for user "ci"; read only in namespace shop',
        next: "kubectl auth can-i list pods --all-namespaces",
      },
      { kind: "Pod", namespace: "shop", state: "complete" },
    ]);
    expect(names(result, "Service")).toEqual(["a"]);
    // Two lists in the whole cluster, one of the namespaces, two in the namespace.
    expect(server.lists()).toHaveLength(5);
  });

  it("finds the namespaces that it may read, with one kind", async () => {
    const { server, result } = await readFrom(
      ({ path }, reply) => {
        if (path === "/api/v1/namespaces") {
          json(reply, list(["default", "shop", "web", "ops"], { kind: "PartialObjectMetadataList" }));
        } else if (/namespaces\/(shop|web)\//.test(path)) json(reply, list([path.split("/")[4] ?? ""]));
        else forbidden(reply, "pods");
      },
      ["Pod", "Service"],
    );
    expect(readsOf(result, "Pod").map(({ namespace, state }) => [namespace, state])).toEqual([
      [undefined, "unread"],
      ["shop", "complete"],
      ["web", "complete"],
    ]);
    expect(readsOf(result, "Service")[0]?.reason).toBe('forbidden for user "ci"; read only in namespaces shop, web');
    const ofNamespaces = server.lists().find(({ path }) => path === "/api/v1/namespaces");
    expect(ofNamespaces?.headers["accept"]).toContain("as=PartialObjectMetadataList");
    // Pod and Service whole, the namespaces, Pod in four of them, Service in two and the context's own.
    expect(server.lists()).toHaveLength(3 + 4 + 3);
  });

  it("does not try each namespace for a kind that is refused to who may list others", async () => {
    const { server, result } = await readFrom(
      ({ path }, reply) =>
        path.endsWith("/secrets") ? forbidden(reply, "secrets") : json(reply, list(["shop", "web"])),
      ["Pod", "Secret", "Namespace"],
    );
    expect(server.lists().map(({ path }) => path)).toEqual([
      "/api/v1/pods",
      "/api/v1/secrets",
      "/api/v1/namespaces",
      "/api/v1/namespaces/default/secrets",
    ]);
    expect(readsOf(result, "Secret")).toMatchObject([{ state: "unread", reason: 'forbidden for user "ci"' }]);
  });

  it("asks for the namespaces once, also when they are wanted themselves", async () => {
    const { server, result } = await readFrom(
      ({ path }, reply) =>
        path === "/api/v1/namespaces"
          ? json(reply, list(["shop"]))
          : path.includes("/shop/")
            ? json(reply, list(["a"]))
            : forbidden(reply, "x"),
      ["Pod", "Namespace"],
    );
    expect(server.lists().filter(({ path }) => path === "/api/v1/namespaces")).toHaveLength(1);
    expect(readsOf(result, "Pod").map(({ namespace }) => namespace)).toEqual([undefined, "shop"]);
  });

  it("tries 200 namespaces and says so", async () => {
    const many = Array.from({ length: 250 }, (_, index) => `ns-${index}`);
    const { server, result } = await readFrom(
      ({ path }, reply) =>
        path === "/api/v1/namespaces"
          ? json(reply, list(many, { kind: "PartialObjectMetadataList" }))
          : forbidden(reply, "pods"),
      ["Pod"],
    );
    expect(server.lists()).toHaveLength(202);
    expect(result.reads).toHaveLength(1);
    expect(result.reads[0]?.reason).toBe('forbidden for user "ci"; only the first 200 of 251 namespaces were tried');
  });
});

describe("scope", () => {
  it("reads only the namespaces asked for, and cluster-wide kinds whole", async () => {
    const { server, result } = await readFrom(
      ({ path }, reply) => json(reply, list([path])),
      ["Pod", "Node"],
      {},
      { scope: { include: ["shop", "web"] } },
    );
    expect(
      server
        .lists()
        .map(({ path }) => path)
        .sort(),
    ).toEqual(["/api/v1/namespaces/shop/pods", "/api/v1/namespaces/web/pods", "/api/v1/nodes"]);
    expect(readsOf(result, "Pod")).toEqual([
      { kind: "Pod", namespace: "shop", state: "complete" },
      { kind: "Pod", namespace: "web", state: "complete" },
    ]);
    expect(result.scope).toEqual({ include: ["shop", "web"] });
  });

  it("says which namespace may not be read", async () => {
    const { result } = await readFrom(
      ({ path }, reply) => (path.includes("/web/") ? forbidden(reply, "pods") : json(reply, list(["a"]))),
      ["Pod"],
      {},
      { scope: { include: ["shop", "web"] } },
    );
    expect(readsOf(result, "Pod")[1]).toEqual({
      kind: "Pod",
      namespace: "web",
      state: "unread",
      status: 403,
      reason: 'forbidden for user "ci"',
      next: "kubectl auth can-i list pods -n web",
    });
  });

  it("drops the namespaces that are left out", async () => {
    const { result } = await readFrom(
      (_, reply) => {
        const body = list(["a", "b"]);
        json(reply, {
          ...body,
          items: [{ metadata: { name: "a", namespace: "shop" } }, { metadata: { name: "b", namespace: "web" } }],
        });
      },
      ["Pod"],
      {},
      { scope: { exclude: ["web"] } },
    );
    expect(names(result, "Pod")).toEqual(["a"]);
  });
});

describe("certificates of TLS Secrets", () => {
  const certificate = Buffer.from(authority.cert).toString("base64");
  const canary = Buffer.from("canary").toString("base64");
  /** Two TLS Secrets on two pages, and one of another type, which a server would not send. */
  const secrets: Script = ({ headers, query }, reply) => {
    if (String(headers["accept"]).includes("as=")) {
      json(reply, list(["web", "old", "db"], { kind: "PartialObjectMetadataList" }));
      return;
    }
    const tls = (name: string, crt: string, type = "kubernetes.io/tls") => ({
      metadata: { name, namespace: "shop" },
      type,
      data: { "tls.crt": crt, "tls.key": canary, "ca.crt": canary },
    });
    const items = query.get("continue") === null ? [tls("web", certificate)] : [tls("old", ""), tls("db", canary, "x")];
    const metadata = query.get("continue") === null ? { continue: "two" } : {};
    json(reply, { kind: "SecretList", metadata, items });
  };

  it("are not asked for unless the user wants them", async () => {
    const { server } = await readFrom(secrets, ["Secret"]);
    expect(server.lists().every(({ headers }) => String(headers["accept"]).includes("as="))).toBe(true);
  });

  it("are read in pages, by type, and nothing else of a Secret is kept", async () => {
    const { server, result } = await readFrom(secrets, ["Secret", "Pod"], { readTls: true });
    const asked = server.lists().filter(({ query }) => query.has("fieldSelector"));
    expect(asked.map(({ path, query }) => `${path} ${query.get("fieldSelector")} ${query.get("continue")}`)).toEqual([
      "/api/v1/secrets type=kubernetes.io/tls null",
      "/api/v1/secrets type=kubernetes.io/tls two",
    ]);
    const held = Object.fromEntries((result.objects.Secret ?? []).map(({ metadata, tls }) => [metadata?.name, tls]));
    expect(held["web"]?.lacks).toEqual([]);
    expect(parseBundle(held["web"]?.certificateBundle ?? "")).toHaveLength(1);
    expect(held["old"]).toEqual({ certificateBundle: "", lacks: ["tls.crt"] });
    expect(held["db"]).toBeUndefined();
    expect(JSON.stringify(result)).not.toContain(canary);
    expect(result.notes).toBeUndefined();
  });

  it("are a gap of the report where they may not be read", async () => {
    const { result } = await readFrom(
      (asked, reply) => {
        if (asked.query.has("fieldSelector")) json(reply, { kind: "Status", code: 403, message: "no" }, 403);
        else return secrets(asked, reply);
      },
      ["Secret"],
      { readTls: true },
    );
    expect(names(result, "Secret")).toEqual(["web", "old", "db"]);
    expect(result.notes).toMatchObject([
      { what: "certificates of TLS Secrets", next: "kubectl auth can-i list secrets --all-namespaces" },
    ]);
  });

  it("do not come out in an error about a list that is broken off", async () => {
    const { result } = await readFrom(
      (asked, reply) => {
        if (!asked.query.has("fieldSelector")) return secrets(asked, reply);
        reply.setHeader("content-type", "application/json");
        reply.end(`{"items":[{"data":{"tls.key":"${canary}`);
      },
      ["Secret"],
      { readTls: true },
    );
    expect(result.notes).toEqual([
      { what: "certificates of TLS Secrets", reason: "the list was cut short, or is not JSON" },
    ]);
  });
});

describe("Secrets and ConfigMaps", () => {
  it.each(["json", "auto"] as const)("asks for their metadata only (%s)", async (codec) => {
    const { server, result } = await readFrom(
      (_, reply) => json(reply, list(["a"], { kind: "PartialObjectMetadataList" })),
      ["Secret", "ConfigMap"],
      { codec },
    );
    expect(result.reads.map(({ state }) => state)).toEqual(["complete", "complete"]);
    expect(server.lists()).toHaveLength(2);
    for (const { headers } of server.lists()) {
      for (const type of String(headers["accept"]).split(","))
        expect(type).toMatch(/;as=PartialObjectMetadataList;v=v1;g=meta\.k8s\.io$/);
    }
  });

  it("refuses them whole", async () => {
    const { result } = await readFrom(
      (_, reply) =>
        json(reply, {
          ...list([], { kind: "SecretList" }),
          items: [{ metadata: { name: "a" }, data: { password: "x" } }],
        }),
      ["Secret"],
    );
    expect(result.objects.Secret).toEqual([]);
    expect(result.reads).toEqual([
      {
        kind: "Secret",
        state: "unread",
        reason: "the server sent whole objects where only their metadata was asked for",
      },
    ]);
  });
});

describe.each(["h2", "https"] as const)("trouble on the way (%s)", (protocol) => {
  it("obeys Retry-After", async () => {
    const server = await serve(
      ({ earlier }, reply) =>
        earlier === 0
          ? status(reply, 429, "TooManyRequests", "later", { "retry-after": "1" })
          : json(reply, list(["a"])),
      { protocol },
    );
    const source = await open(server);
    const start = performance.now();
    const result = await read(source, ["Pod"]);
    expect(performance.now() - start).toBeGreaterThanOrEqual(990);
    expect(result.reads).toEqual([{ kind: "Pod", state: "complete" }]);
    expect(server.lists()).toHaveLength(2);
  });

  it("comes again after a server error that says when", async () => {
    const { server, result } = await readFrom(
      ({ earlier }, reply) =>
        earlier === 0
          ? status(reply, 500, "ServerTimeout", "the server was busy", { "retry-after": "0" })
          : json(reply, list(["a"])),
      ["Pod"],
      { protocol },
    );
    expect(result.reads).toEqual([{ kind: "Pod", state: "complete" }]);
    expect(server.lists()).toHaveLength(2);
  });

  it("does not wait longer than a request may take", async () => {
    const { server, result } = await readFrom(
      (_, reply) => status(reply, 503, "ServiceUnavailable", "starting", { "retry-after": "3600" }),
      ["Pod"],
      { protocol },
    );
    expect(server.lists()).toHaveLength(1);
    expect(result.reads).toMatchObject([
      {
        state: "unread",
        status: 503,
        reason: "the server answered with status 503: starting, and asks to come again in 3600 s",
      },
    ]);
  });

  it("gives up when the server stays busy", async () => {
    const { server, result } = await readFrom(
      (_, reply) => status(reply, 503, "ServiceUnavailable", "starting", { "retry-after": "0" }),
      ["Pod"],
      { protocol },
    );
    expect(server.lists()).toHaveLength(6);
    expect(result.reads).toEqual([
      {
        kind: "Pod",
        state: "unread",
        status: 503,
        reason: "the server answered with status 503: starting",
        next: "Try again later",
      },
    ]);
  });

  it("says what a server error says", async () => {
    const { result } = await readFrom(
      (_, reply) => status(reply, 500, "InternalError", "etcdserver: request timed out"),
      ["Pod"],
      { protocol },
    );
    expect(result.reads).toEqual([
      {
        kind: "Pod",
        state: "unread",
        status: 500,
        reason: "the server answered with status 500: etcdserver: request timed out",
      },
    ]);
  });

  it("asks again when the connection is reset before an answer", async () => {
    const { server, result } = await readFrom(
      ({ earlier }, reply) => (earlier < 2 ? cutConnection(reply) : json(reply, list(["a"]))),
      ["Pod"],
      { protocol },
    );
    expect(result.reads).toEqual([{ kind: "Pod", state: "complete" }]);
    expect(server.lists()).toHaveLength(3);
  });

  it("says so when it always is", async () => {
    const { result } = await readFrom((_, reply) => cutConnection(reply), ["Pod"], { protocol });
    expect(result.reads).toMatchObject([{ kind: "Pod", state: "unread", reason: expect.stringContaining("broke") }]);
  });

  it("reads a list again that was cut in the middle", async () => {
    const { server, result } = await readFrom(
      ({ earlier }, reply) => (earlier === 0 ? halfAnswer(reply, list(["a", "b"])) : json(reply, list(["a", "b"]))),
      ["Pod"],
      { protocol },
    );
    expect(result.reads).toEqual([{ kind: "Pod", state: "complete" }]);
    expect(names(result, "Pod")).toEqual(["a", "b"]);
    expect(server.lists()).toHaveLength(2);
  });

  it("never takes half a list for a whole one", async () => {
    const { server, result } = await readFrom(
      ({ query }, reply) =>
        query.get("continue") === null
          ? json(reply, list(["a"], { token: "two" }))
          : halfAnswer(reply, list(["b", "c", "d"])),
      ["Pod"],
      { protocol },
    );
    expect(names(result, "Pod")).toEqual(["a"]);
    expect(result.reads).toEqual([{ kind: "Pod", state: "partial", reason: "the answer was cut short" }]);
    expect(server.lists()).toHaveLength(3);
  });

  it("does not believe a body that ends too early in good order", async () => {
    const half = JSON.stringify(list(["a", "b"])).slice(0, -20);
    const { server, result } = await readFrom(
      (_, reply) => raw(reply, half, 200, { "content-type": "application/json" }),
      ["Pod"],
      { protocol },
    );
    expect(result.reads).toEqual([{ kind: "Pod", state: "unread", reason: "the list was cut short" }]);
    expect(server.lists()).toHaveLength(2);
  });

  it("gives up on a server that says nothing", async () => {
    const { result } = await readFrom(() => undefined, ["Pod"], { protocol, requestTimeoutMs: 200 });
    expect(result.reads).toMatchObject([{ kind: "Pod", state: "unread", reason: "no answer within 200 ms" }]);
  });

  it("gives up on a server that stops in the middle, and keeps the others", async () => {
    const { result } = await readFrom(
      ({ path }, reply) => {
        if (path.endsWith("/pods")) {
          const text = JSON.stringify(list(["a"]));
          if ("stream" in reply) reply.stream.respond({ ":status": 200, "content-type": "application/json" });
          if ("stream" in reply) reply.stream.write(text.slice(0, 20));
          else reply.writeHead(200, { "content-type": "application/json" }).write(text.slice(0, 20));
        } else json(reply, list(["n"]));
      },
      ["Pod", "Node"],
      { protocol, requestTimeoutMs: 200 },
    );
    expect(readsOf(result, "Pod")).toMatchObject([{ state: "unread", reason: "no answer within 200 ms" }]);
    expect(readsOf(result, "Node")).toEqual([{ kind: "Node", state: "complete" }]);
  });

  it("stops at once when told, and keeps what it has", async () => {
    const stop = new AbortController();
    const server = await serve(
      ({ path, query }, reply) => {
        if (path.endsWith("/nodes")) json(reply, list(["n"]));
        else if (path.endsWith("/pods") && query.get("continue") === null) json(reply, list(["a"], { token: "two" }));
        // The others are never answered.
      },
      { protocol },
    );
    const source = await open(server, { requestTimeoutMs: 60_000, maxConcurrency: 2 });
    const start = performance.now();
    const seen = new Set<KindName>();
    const result = await read(source, ["Node", "Pod", "Service", "Deployment"], {
      signal: stop.signal,
      onProgress: ({ kind }) => {
        if (seen.add(kind).size === 2) setImmediate(() => stop.abort());
      },
    });
    await source.close();
    expect(performance.now() - start).toBeLessThan(1000);
    expect(result.reads.map(({ kind, state, reason }) => [kind, state, reason])).toEqual([
      ["Pod", "partial", "stopped"],
      ["Node", "complete", undefined],
      ["Service", "unread", "stopped"],
      ["Deployment", "unread", "stopped"],
    ]);
    expect(names(result, "Pod")).toEqual(["a"]);
  });

  it("reads nothing when it was stopped before", async () => {
    const server = await serve(pods, { protocol });
    const result = await read(await open(server), ["Pod"], { signal: AbortSignal.abort() });
    expect(result.reads).toEqual([{ kind: "Pod", state: "unread", reason: "stopped" }]);
    expect(server.lists()).toHaveLength(0);
  });
});

describe("HTTP/2 sessions", () => {
  it("survives GOAWAY", async () => {
    const { server, result } = await readFrom(
      ({ path, earlier }, reply) => {
        if (earlier === 0 && /pods|nodes/.test(path) && "stream" in reply) reply.stream.session?.goaway();
        json(reply, list(["a"]));
      },
      ["Pod", "Node", "Service", "Deployment", "Lease"],
      { maxConcurrency: 1 },
    );
    expect(result.reads.every(({ state }) => state === "complete")).toBe(true);
    expect(server.connections()).toBe(3);
  });

  it("asks again when a request is refused unseen", async () => {
    const { server, result } = await readFrom(
      ({ earlier }, reply) => {
        if (earlier < 4 && "stream" in reply) reply.stream.close(7); // REFUSED_STREAM
        else json(reply, list(["a"]));
      },
      ["Pod"],
    );
    expect(result.reads).toEqual([{ kind: "Pod", state: "complete" }]);
    expect(server.lists()).toHaveLength(5);
  });
});

describe("clock", () => {
  it("takes the server's time and tells when the two clocks differ", async () => {
    const date = new Date(Date.now() + 600_000).toUTCString();
    const notes: string[] = [];
    const server = await serve((_, reply) => json(reply, list(["a"]), 200, { date }), { isVersionScripted: true });
    const result = await read(await open(server, { onNote: (text) => notes.push(text) }), ["Pod"]);
    expect(Math.abs(result.takenAt - Date.parse(date))).toBeLessThan(2000);
    expect(notes).toEqual([
      "The clock of this machine is 10 min behind that of the API server; ages are measured by the server's.",
    ]);
  });
});

describe("opening", () => {
  it("names the cluster and its version", async () => {
    const server = await serve(pods);
    expect((await open(server)).info).toEqual({
      name: "prod",
      source: "live",
      server: server.url,
      serverVersion: "v1.34.4",
    });
  });

  it("does without a version that may not be read", async () => {
    const server = await serve((_, reply) => forbidden(reply, "version"), { isVersionScripted: true });
    expect((await open(server)).info).toEqual({ name: "prod", source: "live", server: server.url });
  });

  it("says that the credentials are not accepted", async () => {
    const server = await serve((_, reply) => status(reply, 401, "Unauthorized", "Unauthorized"), {
      isVersionScripted: true,
    });
    const { message, next } = await fault(open(server));
    expect(message).toBe(
      `Cannot log in to the API server ${server.url} of context "prod": the server does not accept the credentials`,
    );
    expect(next).toContain("Log in again");
    expect(server.asked).toHaveLength(1);
  });

  it("says that a token has expired", async () => {
    const server = await serve((_, reply) => status(reply, 401, "Unauthorized", "Unauthorized"), {
      isVersionScripted: true,
    });
    const token = `x.${Buffer.from(JSON.stringify({ exp: 1_600_000_000 })).toString("base64url")}.y`;
    const { message } = await fault(open(server, { kubeconfig: server.kubeconfig({ user: { token } }) }));
    expect(message).toContain('the token of user "ci" expired on 2020-09-13');
  });

  it("says that nobody listens", async () => {
    const server = await serve(pods);
    const kubeconfig = server.kubeconfig({ cluster: { server: "https://127.0.0.1:1" } });
    const { message, next } = await fault(open(server, { kubeconfig }));
    expect(message).toBe('Cannot reach the API server https://127.0.0.1:1 of context "prod": connection refused');
    expect(next).toContain("kubectl cluster-info");
  });

  it("says that the server does not answer", async () => {
    const server = await serve(() => undefined, { isVersionScripted: true });
    expect((await fault(open(server, { requestTimeoutMs: 100 }))).message).toContain("no answer within 100 ms");
  });

  it("says that the server speaks no TLS", async () => {
    const server = await serve(pods, { protocol: "http" });
    const kubeconfig = server.kubeconfig({ cluster: { server: server.url.replace("http:", "https:") } });
    const { message, next } = await fault(open(server, { kubeconfig }));
    expect(message).toContain("does not speak TLS");
    expect(next).toContain("http://");
  });

  it("says that the certificate is from somebody else", async () => {
    const server = await serve(pods);
    const { createAuthority } = await import("../lab/certificates.ts");
    const other = await createAuthority("other");
    const ca = Buffer.from(other.cert).toString("base64");
    const { message, next } = await fault(
      open(server, { kubeconfig: server.kubeconfig({ cluster: { "certificate-authority-data": ca } }) }),
    );
    expect(message).toContain("not signed by the certificate authority in the kubeconfig");
    expect(next).toContain("certificate-authority");
  });

  it("trusts only what the machine trusts when the kubeconfig names no authority", async () => {
    const server = await serve(pods);
    const { message } = await fault(
      open(server, { kubeconfig: server.kubeconfig({ cluster: { "certificate-authority-data": undefined } }) }),
    );
    expect(message).toContain("not signed by a certificate authority that this machine trusts");
  });

  it("says that the certificate has expired", async () => {
    const server = await serve(pods, { notAfter: new Date(Date.now() - 1000) });
    expect((await fault(open(server))).message).toContain("the server's certificate has expired");
  });

  it("says for whom the certificate is", async () => {
    const server = await serve(pods, { hosts: ["api.example.com"] });
    const { message, next } = await fault(open(server));
    expect(message).toContain("the server's certificate is not for 127.0.0.1, but for api.example.com");
    expect(next).toContain("tls-server-name");
    const named = await open(server, {
      kubeconfig: server.kubeconfig({ cluster: { "tls-server-name": "api.example.com" } }),
    });
    expect(named.info.serverVersion).toBe("v1.34.4");
  });

  it("looks at no certificate when told so", async () => {
    const server = await serve(pods, { hosts: ["api.example.com"] });
    const kubeconfig = server.kubeconfig({
      cluster: { "insecure-skip-tls-verify": true, "certificate-authority-data": undefined },
    });
    expect((await open(server, { kubeconfig })).info.serverVersion).toBe("v1.34.4");
  });

  it("ends when it is stopped", async () => {
    const server = await serve(() => undefined, { isVersionScripted: true });
    const stop = AbortSignal.timeout(50);
    const opening = openLive(
      {
        kubeconfig: server.kubeconfig(),
        requestTimeoutMs: 60_000,
        maxConcurrency: 1,
        userAgent: "k8sgpt/0",
        env: {},
        isInteractive: false,
      },
      stop,
    );
    expect((await fault(opening)).message).toContain("stopped");
  });
});

describe("single objects", () => {
  it("knows whether a namespace exists", async () => {
    const source = await open(
      await serve(({ path }, reply) => {
        if (path.endsWith("/shop")) json(reply, { kind: "PartialObjectMetadata" });
        else if (path.endsWith("/secret")) forbidden(reply, "namespaces");
        else status(reply, 404, "NotFound", "not found");
      }),
    );
    const { signal } = new AbortController();
    expect(await source.hasNamespace("shop", signal)).toBe(true);
    expect(await source.hasNamespace("shopp", signal)).toBe(false);
    expect(await source.hasNamespace("secret", signal)).toBeUndefined();
  });

  it("reads the tail of a log", async () => {
    const server = await serve((_, reply) => raw(reply, "one\r\ntwo\n", 200, { "content-type": "text/plain" }));
    const source = await open(server);
    const request = { namespace: "shop", pod: "web-1", container: "web", previous: true, tailLines: 50 };
    expect(await source.log(request, new AbortController().signal)).toEqual(["one", "two"]);
    expect(server.lists().map(({ path, query }) => `${path}?${query.toString()}`)).toEqual([
      "/api/v1/namespaces/shop/pods/web-1/log?container=web&tailLines=50&limitBytes=65536&previous=true",
    ]);
  });

  it("has no log when the server has none", async () => {
    const source = await open(
      await serve((_, reply) => status(reply, 400, "BadRequest", "previous terminated container not found")),
    );
    const request = { namespace: "shop", pod: "web-1", container: "web", previous: true, tailLines: 50 };
    expect(await source.log(request, new AbortController().signal)).toBeUndefined();
  });
});
