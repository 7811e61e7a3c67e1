/**
 * What a request needs to be let in: headers, and what TLS is set up with. client-node's KubeConfig turns a kubeconfig
 * entry into these; what it does not do (exec-plugin.ts, oidc.ts, impersonation) is supplied or refused. Credentials are made once
 * per context and again when they expire or the server does not take them any more: an exec plugin may open a browser.
 */
import { X509Certificate } from "node:crypto";
import type { Agent } from "node:http";
import type { RequestOptions } from "node:https";
import { getCACertificates } from "node:tls";
import { Fault, messageOf } from "../../fault.ts";
import { type ExecOptions, runExecPlugin } from "./exec-plugin.ts";
import { codeOf } from "./failure.ts";
import { type Entry, entryIn, type Target, textIn } from "./kubeconfig.ts";
import { oidcTokens, tokenExpiry } from "./oidc.ts";

/** How TLS to the API server is set up. */
interface TlsSettings {
  readonly ca?: string | Buffer | readonly string[];
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

export interface Credentials {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly tls: TlsSettings;
  /** client-node's agent, for proxies that speak SOCKS. */
  readonly agent: Agent | undefined;
  /** Milliseconds since the epoch, when they must be made anew. */
  readonly expiresAt: number | undefined;
}

export interface CredentialSource {
  /** The credentials to use now. Concurrent callers share one making of them. */
  current(): Promise<Credentials>;
  /** New ones, because the server refused `refused`; undefined when there is no way to get others. */
  renew(refused: Credentials): Promise<Credentials | undefined>;
  /** Why the server may have refused, when the credentials themselves tell. */
  hint(refused: Credentials): string | undefined;
}

/** How long a token file is trusted: kubelet rotates it well before it expires, client-go rereads at this pace. */
const tokenFileMs = 60_000;

/** Made anew this long before they expire, so that they do not expire on the way. */
const marginMs = 5_000;

/** Reads nothing yet. `proxyUrl` is the proxy on the way, if any. */
export function credentialSource(target: Target, proxyUrl: string | undefined, options: ExecOptions): CredentialSource {
  checkSupported(target);
  const { user } = target;
  const exec = textIn(user, "token") === undefined ? entryIn(user, "exec") : undefined;
  const isRenewable =
    exec !== undefined || tokenFileOf(user) !== undefined || entryIn(user, "auth-provider") !== undefined;
  const provider = entryIn(user, "auth-provider");
  const isOidc = provider !== undefined && textIn(provider, "name") === "oidc" && textIn(user, "token") === undefined;
  const oidc = isOidc ? oidcTokens(target, options) : undefined;
  let made: Promise<Credentials> | undefined;
  let madeAt = 0;

  const make = async (): Promise<Credentials> => {
    const base = await fromClientNode(target, proxyUrl, isRenewable, await oidc?.());
    if (exec === undefined) return base;
    const { token, certificate, expiresAt } = await runExecPlugin(target, exec, options);
    return {
      ...base,
      headers: { ...base.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      tls: { ...base.tls, ...certificate },
      expiresAt,
    };
  };
  const remake = (): Promise<Credentials> => {
    const attempt = make();
    made = attempt;
    madeAt = Date.now();
    // The next caller tries again; this one is told.
    attempt.catch(() => {
      if (made === attempt) made = undefined;
    });
    return attempt;
  };

  return {
    async current() {
      const held = made ?? remake();
      const credentials = await held;
      const now = Date.now();
      // What is old when it is made is used all the same, or else each request would make it again.
      if (credentials.expiresAt === undefined || credentials.expiresAt - marginMs > now || madeAt + marginMs > now) {
        return credentials;
      }
      // Whoever comes first makes them anew; the others find another promise there.
      return made === held ? remake() : (made ?? remake());
    },
    async renew(refused) {
      if (!isRenewable) return undefined;
      const held = made === undefined ? undefined : await made;
      return held !== undefined && held !== refused ? held : remake();
    },
    hint: (refused) => expiryHint(target, refused),
  };
}

/** Refuses what client-go refuses as well, in words. */
function checkSupported({ user, userName, cluster, clusterName, origin }: Target): void {
  const next = `Correct the entry in ${origin}`;
  if (
    cluster["insecure-skip-tls-verify"] === true &&
    (textIn(cluster, "certificate-authority") ?? textIn(cluster, "certificate-authority-data")) !== undefined
  ) {
    throw new Fault(`Cluster "${clusterName}" sets both insecure-skip-tls-verify and a certificate authority`, {
      next,
    });
  }
  if (entryIn(user, "exec") !== undefined && entryIn(user, "auth-provider") !== undefined) {
    throw new Fault(`User "${userName}" sets both exec and auth-provider`, { next });
  }
  const isImpersonating = ["as-groups", "as-uid", "as-user-extra"].some((key) => user[key] !== undefined);
  if (isImpersonating && textIn(user, "as") === undefined) {
    throw new Fault(`User "${userName}" impersonates groups, a uid or extra fields, but no user (as)`, { next });
  }
  const hasCertificate = (textIn(user, "client-certificate") ?? textIn(user, "client-certificate-data")) !== undefined;
  const hasKey = (textIn(user, "client-key") ?? textIn(user, "client-key-data")) !== undefined;
  if (hasCertificate !== hasKey) {
    throw new Fault(
      `User "${userName}" has a client ${hasKey ? "key without its certificate" : "certificate without its key"}`,
      {
        next,
      },
    );
  }
  const provider = entryIn(user, "auth-provider");
  const name = provider === undefined ? undefined : textIn(provider, "name");
  if (provider !== undefined && !["oidc", "gcp", "azure"].includes(name ?? "")) {
    throw new Fault(`User "${userName}" uses the auth-provider "${name ?? ""}", which is not supported`, {
      next: "Use an exec plugin instead; Kubernetes itself keeps only the auth-provider oidc",
    });
  }
}

function tokenFileOf(user: Entry): string | undefined {
  return textIn(user, "tokenFile") ?? textIn(user, "token-file");
}

/** `idToken`: the token of an OIDC user, already renewed. */
async function fromClientNode(
  target: Target,
  proxyUrl: string | undefined,
  isRenewable: boolean,
  idToken: string | undefined,
): Promise<Credentials> {
  const { user, userName, cluster, clusterName, context, server } = target;
  const tokenFile = tokenFileOf(user);
  const isPlain = server.startsWith("http://");
  const { KubeConfig } = await import("./client-node.ts");
  const config = new KubeConfig();
  const { "proxy-url": _ownProxy, ...ownCluster } = dataFirst(cluster, [
    ["certificate-authority", "certificate-authority-data"],
  ]);
  config.loadFromString(
    JSON.stringify({
      clusters: [
        {
          name: clusterName,
          cluster: {
            // client-node refuses plain HTTP otherwise; there is no certificate to verify.
            ...(isPlain ? { "insecure-skip-tls-verify": true } : ownCluster),
            server,
            ...(proxyUrl?.startsWith("socks") === true && { "proxy-url": proxyUrl }),
          },
        },
      ],
      users: [{ name: userName, user: userForClientNode(user, tokenFile, idToken) }],
      contexts: [{ name: context, context: { cluster: clusterName, user: userName } }],
      "current-context": context,
    }),
  );

  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    const code = codeOf(error);
    const why = code === "ENOENT" ? `the file ${pathIn(error)} does not exist` : messageOf(error);
    throw new Fault(`Cannot use the credentials of user "${userName}" of context "${context}": ${why}`, {
      cause: error,
      next: code === "ENOENT" || code === "EACCES" ? `Check the paths in ${target.origin}` : "Log in again",
    });
  }

  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === "string") headers[name.toLowerCase()] = value.trim();
  }
  if (typeof options.auth === "string" && headers["authorization"] === undefined) {
    headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  }
  const { agent } = options;
  return {
    headers: { ...headers, ...impersonationOf(user) },
    tls: tlsOf(target, options),
    agent: typeof agent === "object" ? agent : undefined,
    expiresAt: isRenewable
      ? tokenFile === undefined
        ? bearerExpiry(headers["authorization"])
        : Date.now() + tokenFileMs
      : undefined,
  };
}

/** What client-node reads of a user, with `exec` left to our own runner and a token file where it looks for one. */
function userForClientNode(user: Entry, tokenFile: string | undefined, idToken: string | undefined): Entry {
  const {
    exec: _exec,
    tokenFile: _file,
    "token-file": _oldFile,
    token: _token,
    "auth-provider": provider,
    ...rest
  } = dataFirst(user, [
    ["client-certificate", "client-certificate-data"],
    ["client-key", "client-key-data"],
  ]);
  // A token file wins over a token, as in client-go.
  if (tokenFile !== undefined) return { ...rest, "auth-provider": { name: "tokenFile", config: { tokenFile } } };
  const token = idToken ?? textIn(user, "token");
  return token === undefined ? { ...rest, "auth-provider": provider } : { ...rest, token };
}

/** In a kubeconfig `…-data` overrides the file; client-node reads the file first. */
function dataFirst(entry: Entry, pairs: readonly (readonly [file: string, data: string])[]): Entry {
  const result: Record<string, unknown> = { ...entry };
  for (const [file, data] of pairs) if (textIn(entry, data) !== undefined) delete result[file];
  return result;
}

function impersonationOf(user: Entry): Record<string, string | readonly string[]> {
  const groups = Array.isArray(user["as-groups"]) ? user["as-groups"].map(String) : [];
  const uid = textIn(user, "as-uid");
  const headers: Record<string, string | readonly string[]> = {};
  if (groups.length > 0) headers["impersonate-group"] = groups;
  if (uid !== undefined) headers["impersonate-uid"] = uid;
  for (const [name, values] of Object.entries(entryIn(user, "as-user-extra") ?? {})) {
    if (Array.isArray(values))
      headers[`impersonate-extra-${encodeURIComponent(name.toLowerCase())}`] = values.map(String);
  }
  return headers;
}

function tlsOf({ cluster, clusterName, userName, origin, server }: Target, options: RequestOptions): TlsSettings {
  if (server.startsWith("http://")) return { rejectUnauthorized: false };
  const { ca, cert, key } = options;
  const check = (value: unknown, what: string, owner: string): void => {
    if (value !== undefined && value !== null && !isPem(value)) {
      throw new Fault(`The ${what} of ${owner} is not PEM text`, { next: `Fetch the kubeconfig again: ${origin}` });
    }
  };
  check(ca, "certificate authority", `cluster "${clusterName}"`);
  check(cert, "client certificate", `user "${userName}"`);
  check(key, "client key", `user "${userName}"`);
  const servername = textIn(cluster, "tls-server-name");
  const isVerified = cluster["insecure-skip-tls-verify"] !== true;
  // Without an authority of its own kubectl trusts the machine's; Node alone would trust only the list that it brings.
  const authorities = isPem(ca)
    ? ca
    : isVerified
      ? [...getCACertificates("default"), ...getCACertificates("system")]
      : undefined;
  return {
    ...(authorities !== undefined && { ca: authorities }),
    ...(isPem(cert) && isPem(key) && { cert, key }),
    ...(servername !== undefined && { servername }),
    rejectUnauthorized: isVerified,
  };
}

function isPem(value: unknown): value is Buffer {
  return Buffer.isBuffer(value) && value.includes("-----BEGIN ");
}

function pathIn(error: unknown): string {
  return error instanceof Error && "path" in error ? String(error.path) : "it names";
}

function expiryHint({ userName }: Target, { headers, tls }: Credentials): string | undefined {
  const now = Date.now();
  const token = bearerExpiry(headers["authorization"]);
  if (token !== undefined && token < now) return `the token of user "${userName}" expired on ${day(token)}`;
  if (tls.cert === undefined) return undefined;
  try {
    const validTo = new X509Certificate(tls.cert).validToDate.getTime();
    return validTo < now ? `the client certificate of user "${userName}" expired on ${day(validTo)}` : undefined;
  } catch {
    return undefined;
  }
}

/** When a bearer token that is a JWT expires, in milliseconds since the epoch. */
function bearerExpiry(authorization: string | readonly string[] | undefined): number | undefined {
  return typeof authorization === "string" && authorization.startsWith("Bearer ")
    ? tokenExpiry(authorization.slice(7))
    : undefined;
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
