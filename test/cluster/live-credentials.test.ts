import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, createServer as createTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type LiveOptions, listContexts, openLive } from "../../src/cluster/live/live.ts";
import type { ClusterSource } from "../../src/cluster/source.ts";
import { Fault } from "../../src/fault.ts";
import type { KindName } from "../../src/kube/kinds.ts";
import {
  authority,
  base64,
  json,
  list,
  listen,
  raw,
  type Script,
  type ScriptedServer,
  type ServerOptions,
  startServer,
  status,
} from "./live/server.ts";

const closing: (() => Promise<unknown> | void)[] = [];
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "k8sgpt-credentials-"));
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(script: Script, options: ServerOptions = {}): Promise<ScriptedServer> {
  const server = await startServer(script, options);
  closing.push(server.close);
  return server;
}

async function open(options: Partial<LiveOptions>): Promise<ClusterSource> {
  const source = await openLive(
    {
      requestTimeoutMs: 5000,
      maxConcurrency: 8,
      userAgent: "k8sgpt/1.2.3",
      codec: "json",
      isInteractive: false,
      serviceAccountDir: join(folder, "no-account"),
      ...options,
      env: { PATH: process.env["PATH"], HOME: folder, ...options.env },
    },
    new AbortController().signal,
  );
  closing.push(() => source.close());
  return source;
}

async function states(source: ClusterSource, kinds: readonly KindName[] = ["Pod"]): Promise<readonly string[]> {
  const { reads } = await source.read({ kinds, scope: {}, signal: new AbortController().signal });
  return reads.map(({ state, reason }) => (reason === undefined ? state : `${state}: ${reason}`));
}

async function fault(
  opening: Promise<unknown>,
): Promise<{ message: string; next: string | undefined; usage: boolean }> {
  const error: unknown = await opening.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(error instanceof Fault)) throw new Error("no Fault", { cause: error });
  return error;
}

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const pods: Script = (_, reply) => json(reply, list(["a"]));
const many: readonly KindName[] = ["Pod", "Node", "Service", "Deployment", "Job", "Lease", "Ingress", "Event"];

/** Answers only who knows the word. */
function onlyFor(token: () => string): Script {
  return ({ headers }, reply) =>
    headers["authorization"] === `Bearer ${token()}`
      ? json(reply, list(["a"]))
      : status(reply, 401, "Unauthorized", "Unauthorized");
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** A token as an identity provider signs it, with a signature that nobody checks here. */
function jwt(claims: Record<string, unknown>): string {
  return `${encoded({ alg: "RS256" })}.${encoded(claims)}.${encoded("signature")}`;
}

const config = (content: Record<string, unknown>): string =>
  JSON.stringify({ apiVersion: "v1", kind: "Config", ...content });

const context = (name: string, cluster = name, user = name): unknown => ({ name, context: { cluster, user } });

const headersFor = async (user: Record<string, unknown>) => {
  const server = await serve(pods);
  await open({ kubeconfig: server.kubeconfig({ user }) });
  return server.asked[0]?.headers;
};

const account = (token: string): void => {
  mkdirSync(join(folder, "account"), { recursive: true });
  file("account/token", token);
  file("account/ca.crt", authority.cert);
  file("account/namespace", "shop");
};

/** A plugin that counts its runs, keeps what it was told and answers with what stands in a file. */
const plugin = (
  answer: unknown,
  script = "",
): { exec: Record<string, unknown>; runs: () => number; info: () => unknown; answer: (value: unknown) => void } => {
  const set = (value: unknown): void => void file("answer", JSON.stringify(value));
  set(answer);
  const command = file(
    "plugin",
    `#!/bin/sh\necho run >> "${folder}/runs"\nprintf %s "$KUBERNETES_EXEC_INFO" > "${folder}/info"\n${script}\ncat "${folder}/answer"\n`,
    0o700,
  );
  return {
    exec: { apiVersion: "client.authentication.k8s.io/v1", command, interactiveMode: "IfAvailable" },
    runs: () =>
      existsSync(join(folder, "runs")) ? readFileSync(join(folder, "runs"), "utf8").trim().split("\n").length : 0,
    info: () => JSON.parse(readFileSync(join(folder, "info"), "utf8")) as unknown,
    answer: set,
  };
};

const credential = (fields: Record<string, unknown>) => ({
  apiVersion: "client.authentication.k8s.io/v1",
  kind: "ExecCredential",
  status: fields,
});

interface Proxy {
  readonly url: string;
  readonly tunnels: string[];
  readonly logins: (string | undefined)[];
}

const httpProxy = async (answer = 200): Promise<Proxy> => {
  const tunnels: string[] = [];
  const logins: (string | undefined)[] = [];
  const server = createHttp((request, reply) => {
    tunnels.push(`GET ${request.url ?? ""}`);
    raw(reply, JSON.stringify({ gitVersion: "v1.34.4", items: [], metadata: {} }), 200, {
      "content-type": "application/json",
    });
  });
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    tunnels.push(request.url ?? "");
    logins.push(request.headers["proxy-authorization"]);
    if (answer !== 200) {
      socket.end(`HTTP/1.1 ${answer} No\r\n\r\n`);
      return;
    }
    const target = connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.pipe(socket).pipe(target);
    });
    target.on("error", () => socket.destroy());
    socket.on("error", () => target.destroy());
  });
  const port = await listen(server);
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${port}`, tunnels, logins };
};

describe("kubeconfig files", () => {
  it("takes the file of the flag before KUBECONFIG", async () => {
    const server = await serve(pods);
    expect(await states(await open({ kubeconfig: server.kubeconfig(), env: { KUBECONFIG: "/nowhere" } }))).toEqual([
      "complete",
    ]);
  });

  it("merges the files of KUBECONFIG: missing ones are skipped, the first of a name counts", async () => {
    const server = await serve(({ headers }, reply) => json(reply, list([String(headers["authorization"])])));
    const first = server.kubeconfig({ file: "first", user: { token: "first" } });
    const second = server.kubeconfig({
      file: "second",
      user: { token: "second" },
      cluster: { server: "https://127.0.0.1:1" },
    });
    const source = await open({ env: { KUBECONFIG: ["/nowhere", first, second].join(delimiter) } });
    const { objects } = await source.read({ kinds: ["Pod"], scope: {}, signal: new AbortController().signal });
    expect(objects.Pod?.[0]?.metadata?.name).toBe("Bearer first");
  });

  it("joins a context of one file with a cluster and a user of another", () => {
    const one = file("one", config({ contexts: [context("a", "c", "u")], "current-context": "a" }));
    const two = file(
      "two",
      config({
        clusters: [{ name: "c", cluster: { server: "https://c" } }],
        contexts: [context("b")],
        "current-context": "b",
      }),
    );
    expect(listContexts({ env: { KUBECONFIG: `${one}${delimiter}${two}` } })).toEqual([
      { name: "a", cluster: "c", user: "u", namespace: undefined, isCurrent: true },
      { name: "b", cluster: "b", user: "b", namespace: undefined, isCurrent: false },
    ]);
  });

  it("falls back to ~/.kube/config", async () => {
    const server = await serve(pods);
    mkdirSync(join(folder, ".kube"));
    file(".kube/config", readFileSync(server.kubeconfig(), "utf8"));
    expect((await open({})).info.name).toBe("prod");
  });

  it("finds certificates beside the file that names them", async () => {
    const server = await serve(({ user }, reply) => json(reply, list([user ?? "nobody"])));
    const pair = await authority.issue({ commonName: "alice" });
    server.write("ca.crt", authority.cert);
    server.write("alice.crt", pair.cert);
    server.write("alice.key", pair.key);
    const kubeconfig = server.kubeconfig({
      cluster: { "certificate-authority-data": undefined, "certificate-authority": "ca.crt" },
      user: { "client-certificate": "alice.crt", "client-key": "./alice.key" },
    });
    const source = await open({ kubeconfig });
    const { objects } = await source.read({ kinds: ["Pod"], scope: {}, signal: new AbortController().signal });
    expect(objects.Pod?.[0]?.metadata?.name).toBe("alice");
  });

  it.each([
    [
      "no file at all",
      undefined,
      "No cluster to read: --kubeconfig is not given, KUBECONFIG is not set, this is not a Pod, and ",
      "--from PATH",
    ],
    ["an empty file", "  \n", " is empty", "Fetch it again"],
    ["broken YAML", "a: 1\nusers: [\n  token: s3cret\nb", "is not valid YAML: line ", "Mend the file"],
    ["a manifest", "apiVersion: apps/v1\nkind: Deployment\n", " holds a Deployment, not a kubeconfig", "--from"],
    ["text", "hello", " is not a kubeconfig", "--from"],
    ["a list that is none", config({ contexts: {} }), "contexts is not a list", "Mend the file"],
    ["another JSON", '{"name":"k8sgpt"}', " is not a kubeconfig", "--from"],
    ["no contexts", config({}), "There is no context in kubeconfig ", "kubectl config set-context"],
    [
      "no current context",
      config({ contexts: [context("a"), context("b")] }),
      "No current context is set in kubeconfig ",
      "--context: a, b",
    ],
    [
      "a current context that is missing",
      config({ contexts: [context("a")], "current-context": "b" }),
      'The current context "b" is missing',
      "--context: a",
    ],
    [
      "a context without its cluster",
      config({ contexts: [context("a")], "current-context": "a" }),
      'Context "a" names the cluster "a", which is missing',
      "set-cluster",
    ],
    [
      "a context without its user",
      config({
        clusters: [{ name: "a", cluster: { server: "https://a" } }],
        contexts: [context("a")],
        "current-context": "a",
      }),
      'Context "a" names the user "a", which is missing',
      "set-credentials",
    ],
    [
      "a cluster without a server",
      config({
        clusters: [{ name: "a", cluster: {} }],
        users: [{ name: "a" }],
        contexts: [context("a")],
        "current-context": "a",
      }),
      'Cluster "a" has no server address',
      "set-cluster a --server",
    ],
  ])("refuses %s", async (_, text, message, next) => {
    if (text !== undefined) {
      mkdirSync(join(folder, ".kube"));
      file(".kube/config", text);
    }
    const told = await fault(open({}));
    expect(told.message).toContain(message);
    expect(told.message).not.toContain("s3cret");
    expect(told.next).toContain(next);
    expect(told.usage).toBe(false);
  });

  it("names the contexts most like an unknown one", async () => {
    const path = file("config", config({ contexts: [context("alpha"), context("prod-eu"), context("prod")] }));
    const told = await fault(open({ kubeconfig: path, context: "prdo" }));
    expect(told).toMatchObject({
      message: `No context "prdo" in kubeconfig ${path}`,
      next: "Did you mean prod? Choose one with --context: prod, prod-eu, alpha",
      usage: true,
    });
  });

  it("says that the file of the flag, or all of KUBECONFIG, is missing", async () => {
    expect((await fault(open({ kubeconfig: "/nowhere/config" }))).message).toBe(
      "Kubeconfig /nowhere/config does not exist",
    );
    expect((await fault(open({ env: { KUBECONFIG: "/nowhere/a:/nowhere/b" } }))).message).toContain(
      "no such file exists",
    );
  });

  it("refuses what contradicts itself", async () => {
    const server = await serve(pods);
    const told = async (entries: Parameters<ScriptedServer["kubeconfig"]>[0]) =>
      (await fault(open({ kubeconfig: server.kubeconfig(entries) }))).message;
    expect(await told({ cluster: { "insecure-skip-tls-verify": true } })).toContain(
      "both insecure-skip-tls-verify and a certificate authority",
    );
    expect(await told({ user: { "as-groups": ["x"] } })).toContain("but no user (as)");
    expect(await told({ user: { "client-certificate-data": "eA==" } })).toContain("certificate without its key");
    expect(await told({ user: { "client-certificate-data": "eA==", "client-key-data": "eA==" } })).toContain(
      "is not PEM text",
    );
    expect(await told({ user: { "client-certificate": "gone.crt", "client-key": "gone.key" } })).toContain(
      "gone.crt does not exist",
    );
    expect(await told({ user: { "auth-provider": { name: "openstack" } } })).toContain(
      'auth-provider "openstack", which is not supported',
    );
    expect(await told({ cluster: { "proxy-url": "ftp://x" } })).toContain("not an http, https or socks5 address");
  });
});

describe("users", () => {
  it("sends a user name and password", async () => {
    expect(await headersFor({ username: "ann", password: 1234 })).toMatchObject({
      authorization: `Basic ${base64("ann:1234")}`,
    });
  });

  it("sends whom it stands for", async () => {
    const headers = await headersFor({
      token: "t",
      as: "jane",
      "as-groups": ["dev", "ops"],
      "as-uid": "17",
      "as-user-extra": { "Acme.com/Team": ["a"] },
    });
    expect(headers).toMatchObject({
      "impersonate-user": "jane",
      "impersonate-group": "dev, ops",
      "impersonate-uid": "17",
      "impersonate-extra-acme.com%2fteam": "a",
    });
  });

  it("is nobody without a user, and still knows the authority", async () => {
    const server = await serve(pods);
    const text = readFileSync(server.kubeconfig(), "utf8").replace(',"user":"ci"', "");
    expect(await states(await open({ kubeconfig: file("config", text) }))).toEqual(["complete"]);
    expect(server.asked[0]?.headers["authorization"]).toBeUndefined();
  });

  it("reads a token file again when the token is not taken any more", async () => {
    let valid = "one";
    const server = await serve(
      onlyFor(() => valid),
      { isVersionScripted: true },
    );
    server.write("token", "one\n");
    const source = await open({ kubeconfig: server.kubeconfig({ user: { tokenFile: "token" } }) });
    expect(await states(source)).toEqual(["complete"]);
    valid = "two";
    server.write("token", "two\n");
    expect(await states(source, many)).toEqual(many.map(() => "complete"));
    expect(server.connections()).toBe(1);
  });

  it("says that a token is not taken", async () => {
    let isTaken = true;
    const server = await serve((asked, reply) =>
      isTaken ? pods(asked, reply) : status(reply, 401, "Unauthorized", "Unauthorized"),
    );
    const source = await open({ kubeconfig: server.kubeconfig() });
    isTaken = false;
    expect(await states(source)).toEqual(["unread: the server does not accept the credentials"]);
    expect(server.lists()).toHaveLength(1);
  });

  it("renews an OIDC token, once", async () => {
    const grants: string[] = [];
    let fresh = "";
    const issuerKeys = await authority.issue({ commonName: "issuer", hosts: ["127.0.0.1"] });
    const issuer = createHttps(issuerKeys, (request, reply) => {
      const url = `https://${request.headers.host ?? ""}`;
      if (request.url?.includes("openid-configuration") === true) {
        json(reply, { issuer: url, token_endpoint: `${url}/token` });
        return;
      }
      const now = Math.floor(Date.now() / 1000);
      fresh = jwt({ iss: url, aud: "k8sgpt", sub: "ann", iat: now, exp: now + 3600 });
      request.setEncoding("utf8").on("data", (text: string) => grants.push(text));
      request.on("end", () =>
        json(reply, { access_token: "a", token_type: "Bearer", id_token: fresh, expires_in: 3600 }),
      );
    });
    const port = await listen(issuer);
    closing.push(() => {
      issuer.closeAllConnections();
      return new Promise((resolve) => issuer.close(resolve));
    });
    const server = await serve(
      onlyFor(() => fresh),
      { isVersionScripted: true },
    );
    const config = {
      "client-id": "k8sgpt",
      "id-token": jwt({ exp: 1_600_000_000 }),
      "refresh-token": "old",
      "idp-issuer-url": `https://127.0.0.1:${port}`,
      "idp-certificate-authority-data": base64(authority.cert),
    };
    const source = await open({
      kubeconfig: server.kubeconfig({ user: { "auth-provider": { name: "oidc", config } } }),
    });
    expect(await states(source, many)).toEqual(many.map(() => "complete"));
    expect(grants).toHaveLength(1);
    expect(grants[0]).toContain("refresh_token=old");
  });

  it("says that an OIDC login has expired", async () => {
    const server = await serve(pods);
    const token = jwt({ exp: 1_600_000_000 });
    const kubeconfig = server.kubeconfig({
      user: { "auth-provider": { name: "oidc", config: { "id-token": token } } },
    });
    const told = await fault(open({ kubeconfig }));
    expect(told.message).toBe('The login of user "ci" of context "prod" has expired and cannot be renewed');
    expect(told.next).toContain("Log in again");
  });
});

describe("a Pod's service account", () => {
  it("is used without a kubeconfig, before ~/.kube/config, and follows its token", async () => {
    let valid = "one";
    const server = await serve(
      onlyFor(() => valid),
      { isVersionScripted: true },
    );
    account("one");
    mkdirSync(join(folder, ".kube"));
    file(".kube/config", "broken: [");
    const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(server.port) };
    const options = { env, serviceAccountDir: join(folder, "account") };
    const source = await open(options);
    expect(source.info).toMatchObject({ name: "in-cluster", server: server.url });
    valid = "two";
    account("two");
    expect(await states(source)).toEqual(["complete"]);
    expect(listContexts(options)).toEqual([
      { name: "in-cluster", cluster: "in-cluster", user: "service account", namespace: "shop", isCurrent: true },
    ]);
  });

  it("does not stand in for a context that was named", async () => {
    account("one");
    const options = {
      context: "prod",
      env: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "1" },
      serviceAccountDir: join(folder, "account"),
    };
    expect((await fault(open(options))).message).toContain('No context "prod": this Pod has its service account only');
  });
});

describe("credential plugins", () => {
  it("runs once for many requests, and again when the token is not taken any more", async () => {
    let valid = "one";
    const server = await serve(
      onlyFor(() => valid),
      { isVersionScripted: true },
    );
    const { exec, runs, answer } = plugin(credential({ token: "one" }));
    const source = await open({ kubeconfig: server.kubeconfig({ user: { exec } }) });
    expect(await states(source, many)).toEqual(many.map(() => "complete"));
    expect(runs()).toBe(1);
    valid = "two";
    answer(credential({ token: "two" }));
    expect(await states(source, many)).toEqual(many.map(() => "complete"));
    expect(runs()).toBe(2);
    valid = "three";
    expect((await states(source, ["Pod"]))[0]).toContain("unread: the server does not accept the credentials");
    expect(runs()).toBe(3);
  });

  it("tells the plugin about the cluster", async () => {
    const server = await serve(pods);
    const { exec, info } = plugin(credential({ token: "one" }));
    const extension = { name: "client.authentication.k8s.io/exec", extension: { audience: "x" } };
    await open({
      kubeconfig: server.kubeconfig({
        cluster: { extensions: [extension] },
        user: { exec: { ...exec, provideClusterInfo: true } },
      }),
    });
    expect(info()).toEqual({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      spec: {
        interactive: false,
        cluster: {
          server: server.url,
          "certificate-authority-data": base64(authority.cert),
          config: { audience: "x" },
        },
      },
    });
  });

  it("uses the client certificate that it gives", async () => {
    const server = await serve(({ user }, reply) => json(reply, list([user ?? "nobody"])));
    const { cert, key } = await authority.issue({ commonName: "bob" });
    const { exec } = plugin(credential({ clientCertificateData: cert, clientKeyData: key }));
    const source = await open({ kubeconfig: server.kubeconfig({ user: { exec } }) });
    const { objects } = await source.read({ kinds: ["Pod"], scope: {}, signal: new AbortController().signal });
    expect(objects.Pod?.[0]?.metadata?.name).toBe("bob");
  });

  it("passes on its arguments, its environment and what it says", async () => {
    const server = await serve(
      onlyFor(() => "word-eu"),
      { isVersionScripted: true },
    );
    const { exec } = plugin(
      {},
      `echo "open https://login" >&2; echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'"$1-$REGION"'"}}'; exit 0`,
    );
    const notes: string[] = [];
    const user = { exec: { ...exec, args: ["word"], env: [{ name: "REGION", value: "eu" }] } };
    await open({ kubeconfig: server.kubeconfig({ user }), onNote: (text) => notes.push(text) });
    expect(notes).toEqual(["open https://login"]);
  });

  it("finds a plugin beside the kubeconfig", async () => {
    const server = await serve(pods);
    const { exec } = plugin(credential({ token: "one" }));
    const kubeconfig = file(
      "config",
      readFileSync(server.kubeconfig({ user: { exec: { ...exec, command: "./plugin" } } }), "utf8"),
    );
    expect(await states(await open({ kubeconfig }))).toEqual(["complete"]);
  });

  it.each([
    [
      "it fails",
      {},
      'echo "token has expired" >&2; exit 3',
      {},
      "it ended with exit code 3: token has expired",
      "Log in again",
    ],
    [
      "it is missing",
      {},
      "",
      { command: "no-such-plugin", installHint: "brew install it" },
      "it is not installed, or not on PATH",
      "brew install it",
    ],
    [
      "it speaks another version",
      credential({ token: "x" }),
      "",
      { apiVersion: "client.authentication.k8s.io/v1beta1" },
      "it answers with apiVersion",
      "exec.apiVersion",
    ],
    [
      "its version is too old",
      {},
      "",
      { apiVersion: "client.authentication.k8s.io/v1alpha1" },
      'v1alpha1" is not supported',
      "Update the plugin",
    ],
    ["it says nothing of use", "hello", "", {}, "its answer is not an ExecCredential", "Update the plugin"],
    ["it gives no credential", credential({}), "", {}, "neither a token nor a client certificate", "Log in again"],
    [
      "it must ask and nobody is there",
      {},
      "",
      { interactiveMode: "Always" },
      "it asks for input, and there is no terminal",
      "Run in a terminal",
    ],
  ])("says so when %s", async (_, answer, script, change, message, next) => {
    const server = await serve(pods);
    const { exec } = plugin(answer, script);
    const told = await fault(open({ kubeconfig: server.kubeconfig({ user: { exec: { ...exec, ...change } } }) }));
    expect(told.message).toContain('Cannot get credentials of user "ci" from the plugin ');
    expect(told.message).toContain(message);
    expect(told.next).toContain(next);
    expect(server.asked).toHaveLength(0);
  });

  it("says why when it fails later", async () => {
    let valid = "one";
    const server = await serve(
      onlyFor(() => valid),
      { isVersionScripted: true },
    );
    const { exec, answer } = plugin(credential({ token: "one" }));
    const source = await open({ kubeconfig: server.kubeconfig({ user: { exec } }) });
    valid = "two";
    answer("gone");
    expect((await states(source))[0]).toContain("its answer is not an ExecCredential");
  });
});

describe("proxies", () => {
  it.each(["h2", "https"] as const)("goes through the one in the kubeconfig, by one tunnel (%s)", async (protocol) => {
    const server = await serve(pods, { protocol });
    const proxy = await httpProxy();
    const source = await open({
      kubeconfig: server.kubeconfig({ cluster: { "proxy-url": proxy.url.replace("//", "//me:pass%20word@") } }),
      maxConcurrency: 1,
    });
    expect(await states(source, many)).toEqual(many.map(() => "complete"));
    expect(proxy.tunnels).toEqual([`127.0.0.1:${server.port}`]);
    expect(proxy.logins).toEqual([`Basic ${base64("me:pass word")}`]);
    expect(server.connections()).toBe(1);
  });

  it("takes the environment's for other machines only", async () => {
    const server = await serve(pods);
    const proxy = await httpProxy();
    await open({ kubeconfig: server.kubeconfig(), env: { HTTPS_PROXY: proxy.url } });
    expect(proxy.tunnels).toEqual([]);
    const elsewhere = server.kubeconfig({
      cluster: { server: `https://api.test:${server.port}`, "tls-server-name": "localhost" },
    });
    await open({ kubeconfig: elsewhere, env: { https_proxy: proxy.url } });
    expect(proxy.tunnels).toEqual([`api.test:${server.port}`]);
  });

  it("asks a proxy for a plain server by its whole address", async () => {
    const server = await serve(pods, { protocol: "http" });
    const proxy = await httpProxy();
    await open({ kubeconfig: server.kubeconfig({ cluster: { "proxy-url": proxy.url } }) });
    expect(proxy.tunnels).toEqual([`GET ${server.url}/version`]);
  });

  it("says that the proxy refuses", async () => {
    const server = await serve(pods);
    const told = async (answer: number) => {
      const proxy = await httpProxy(answer);
      return fault(
        open({ kubeconfig: server.kubeconfig({ cluster: { "proxy-url": proxy.url.replace("//", "//me:secret@") } }) }),
      );
    };
    const refused = await told(403);
    expect(refused.message).toMatch(/the proxy 127\.0\.0\.1:\d+ refused a tunnel to 127\.0\.0\.1:\d+: 403 No$/);
    expect(refused.next).toContain("NO_PROXY");
    expect(refused.message).not.toContain("secret");
    expect((await told(407)).message).toContain("asks for credentials");
  });

  it("says that nobody listens at the proxy's address", async () => {
    const server = await serve(pods);
    const told = await fault(
      open({ kubeconfig: server.kubeconfig({ cluster: { "proxy-url": "http://me:secret@127.0.0.1:1" } }) }),
    );
    expect(told.message).toContain("connection refused by the proxy 127.0.0.1:1");
    expect(told.next).toContain("proxy-url");
  });

  it("speaks SOCKS", async () => {
    const server = await serve(pods);
    let tunnels = 0;
    const proxy = createTcp((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => {
        socket.write(Buffer.from([5, 0]));
        socket.once("data", (asked) => {
          tunnels += 1;
          const target = connect(asked.readUInt16BE(asked.length - 2), "127.0.0.1", () => {
            socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
            target.pipe(socket).pipe(target);
          });
          target.on("error", () => socket.destroy());
        });
      });
    });
    const port = await listen(proxy);
    closing.push(() => new Promise((resolve) => proxy.close(resolve)));
    const source = await open({
      kubeconfig: server.kubeconfig({ cluster: { "proxy-url": `socks5://127.0.0.1:${port}` } }),
    });
    expect(await states(source, many)).toEqual(many.map(() => "complete"));
    expect(tunnels).toBe(1);
  });
});
