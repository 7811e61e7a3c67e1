/**
 * Finds the context to read: which kubeconfig files count, what they say, and which entries belong together. The files
 * are merged here rather than by client-node, which reads neither `tokenFile` nor most of impersonation, takes a
 * relative path for one of the working directory, and stops at a missing file or a repeated name where kubectl goes on.
 * What one context needs then goes to client-node (credentials.ts). Entries of other contexts may be as broken as they
 * like.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { load, YAMLException } from "js-yaml";
import { Fault, messageOf } from "../../fault.ts";
import { compareText } from "../../kube/object-ref.ts";
import { similarNames } from "../../kube/similar.ts";
import { codeOf } from "./failure.ts";

/** Where to look for a kubeconfig. */
export interface KubeconfigOptions {
  /** The file that the user named; the others do not count then. */
  readonly kubeconfig?: string | undefined;
  /** The context that the user named. */
  readonly context?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where Kubernetes mounts a Pod's service account. */
  readonly serviceAccountDir?: string | undefined;
}

/** A mapping of a kubeconfig, as it stands in the file. */
export type Entry = Readonly<Record<string, unknown>>;

/** One context with all that belongs to it. Paths are absolute. */
export interface Target {
  /** Name of the context; `in-cluster` for a Pod's service account. */
  readonly context: string;
  readonly clusterName: string;
  readonly cluster: Entry;
  /** `https://host:port`, without a slash at the end. */
  readonly server: string;
  readonly userName: string;
  readonly user: Entry;
  /** The context's namespace, or `default`. */
  readonly namespace: string;
  /** Where it was found, for messages. */
  readonly origin: string;
}

/** A context as a list shows it. */
export interface ContextSummary {
  readonly name: string;
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string | undefined;
  readonly isCurrent: boolean;
}

/** The name of the one context of a Pod's service account. */
const inClusterContext = "in-cluster";

const defaultServiceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount";

interface Config {
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
  readonly contexts: ReadonlyMap<string, Entry>;
  readonly currentContext: string | undefined;
  /** For messages: the file or files. */
  readonly origin: string;
}

/**
 * The contexts that can be chosen, by name. In a Pod without a kubeconfig: the service account.
 *
 * @throws {Fault} when there is no kubeconfig, or none that can be read.
 */
export function listContexts(options: KubeconfigOptions): readonly ContextSummary[] {
  const config = loadConfig(options);
  const current = options.context ?? config.currentContext;
  return [...config.contexts]
    .map(([name, context]) => ({
      name,
      cluster: textIn(context, "cluster") ?? "",
      user: textIn(context, "user") ?? "",
      namespace: textIn(context, "namespace"),
      isCurrent: name === current,
    }))
    .sort((a, b) => compareText(a.name, b.name));
}

/**
 * The context to read: the one that is named, else the current one.
 *
 * @throws {Fault} when there is none, or when it names a cluster or a user that is not there.
 */
export function findTarget(options: KubeconfigOptions): Target {
  const config = loadConfig(options);
  const { origin } = config;
  const names = [...config.contexts.keys()].sort(compareText);
  const name = options.context ?? config.currentContext;
  if (names.length === 0) {
    throw new Fault(`There is no context in ${origin}`, {
      next: "Make one with `kubectl config set-context`, or give another --kubeconfig",
    });
  }
  if (name === undefined) {
    throw new Fault(`No current context is set in ${origin}`, {
      next: `Choose one with --context: ${some(names)}; or set it with \`kubectl config use-context ${names[0] ?? "NAME"}\``,
    });
  }
  const context = config.contexts.get(name);
  if (context === undefined) {
    const isChosen = options.context !== undefined;
    const near = similarNames(name, names);
    const hint = near.length === 0 ? "" : `Did you mean ${near.join(" or ")}? `;
    throw new Fault(
      isChosen ? `No context "${name}" in ${origin}` : `The current context "${name}" is missing in ${origin}`,
      {
        next: `${hint}Choose one with --context: ${some(nearestFirst(name, names))}`,
        usage: isChosen,
      },
    );
  }
  const clusterName = textIn(context, "cluster");
  const cluster = clusterName === undefined ? undefined : config.clusters.get(clusterName);
  if (clusterName === undefined || cluster === undefined) {
    const what =
      clusterName === undefined ? "names no cluster" : `names the cluster "${clusterName}", which is missing`;
    throw new Fault(`Context "${name}" ${what} in ${origin}`, {
      next: "Fetch the kubeconfig again, or `kubectl config set-cluster`",
    });
  }
  const userName = textIn(context, "user");
  const user = userName === undefined ? {} : config.users.get(userName);
  if (user === undefined) {
    throw new Fault(`Context "${name}" names the user "${userName}", which is missing in ${origin}`, {
      next: "Fetch the kubeconfig again, or `kubectl config set-credentials`",
    });
  }
  return {
    context: name,
    clusterName,
    cluster,
    server: serverOf(clusterName, cluster, origin),
    userName: userName ?? "anonymous",
    user,
    namespace: textIn(context, "namespace") ?? "default",
    origin,
  };
}

/** Text of an entry; a number counts as text, because a password of digits is easily left unquoted. */
export function textIn(entry: Entry, key: string): string | undefined {
  const value = entry[key];
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A mapping inside an entry. */
export function entryIn(entry: Entry, key: string): Entry | undefined {
  const value = entry[key];
  return isEntry(value) ? value : undefined;
}

export function isEntry(value: unknown): value is Entry {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function serverOf(clusterName: string, cluster: Entry, origin: string): string {
  const server = textIn(cluster, "server");
  const url = server === undefined ? null : URL.parse(server.includes("://") ? server : `https://${server}`);
  if (server === undefined || url === null || !["http:", "https:"].includes(url.protocol)) {
    const what = server === undefined ? "has no server address" : `has a server address that is not one: "${server}"`;
    throw new Fault(`Cluster "${clusterName}" ${what} in ${origin}`, {
      next: `\`kubectl config set-cluster ${clusterName} --server=https://HOST:PORT\``,
    });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** Order: the flag, `KUBECONFIG`, the service account of this Pod, `~/.kube/config`. */
function loadConfig(options: KubeconfigOptions): Config {
  const { kubeconfig, context, env } = options;
  if (kubeconfig !== undefined && kubeconfig !== "") {
    const file = readConfigFile(kubeconfig);
    if (file === undefined) {
      throw new Fault(`Kubeconfig ${kubeconfig} does not exist`, { next: "Check the path given to --kubeconfig" });
    }
    return merge([file], `kubeconfig ${kubeconfig}`);
  }
  const paths = [...new Set((env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== ""))];
  if (paths.length > 0) {
    const files = paths.map(readConfigFile).filter((file) => file !== undefined);
    const origin =
      paths.length === 1 ? `kubeconfig ${paths[0] ?? ""}` : `the files of KUBECONFIG (${paths.join(", ")})`;
    if (files.length === 0) {
      throw new Fault(`KUBECONFIG names ${paths.join(" and ")}, but no such file exists`, {
        next: "Correct or unset KUBECONFIG, or give --kubeconfig FILE",
      });
    }
    return merge(files, origin);
  }
  const account = serviceAccountConfig(options);
  // A named context is one of a file: the service account has only its own.
  if (account !== undefined && (context === undefined || context === inClusterContext)) return account;
  const home = env["HOME"] ?? env["USERPROFILE"] ?? homedir();
  const path = join(home, ".kube", "config");
  const file = readConfigFile(path);
  if (file !== undefined) return merge([file], `kubeconfig ${path}`);
  throw new Fault(
    account === undefined
      ? `No cluster to read: --kubeconfig is not given, KUBECONFIG is not set, this is not a Pod, and ${path} does not exist`
      : `No context "${context}": this Pod has its service account only, and ${path} does not exist`,
    { next: "Give --kubeconfig FILE, or read a saved cluster with --from PATH" },
  );
}

interface ConfigFile {
  readonly path: string;
  readonly content: Entry;
}

/** Undefined when the file does not exist. */
function readConfigFile(path: string): ConfigFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const why =
      code === "EACCES" || code === "EPERM"
        ? "permission denied"
        : code === "EISDIR"
          ? "it is a folder"
          : messageOf(error);
    throw new Fault(`Cannot read kubeconfig ${path}: ${why}`, {
      cause: error,
      next: "Check the file and its permissions",
    });
  }
  let content: unknown;
  try {
    content = text.trim() === "" ? undefined : (parseJson(text) ?? load(text));
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    // Only the reason and the place: the exception's own message quotes lines, which may hold a token.
    const line = error.mark === undefined ? "" : ` line ${error.mark.line + 1}:`;
    throw new Fault(`Kubeconfig ${path} is not valid YAML:${line} ${error.reason}`, {
      next: "Mend the file, or fetch it again",
    });
  }
  if (content === undefined || content === null) {
    throw new Fault(`Kubeconfig ${path} is empty`, {
      next: "Fetch it again from your provider, or give another --kubeconfig",
    });
  }
  const kind = isEntry(content) ? textIn(content, "kind") : undefined;
  if (!isEntry(content) || (kind !== "Config" && (kind !== undefined || !Object.hasOwn(content, "contexts")))) {
    const what = kind === undefined ? "is not a kubeconfig" : `holds a ${kind}, not a kubeconfig`;
    throw new Fault(`${path} ${what}`, {
      next: "Give a kubeconfig to --kubeconfig; a manifest or a dump goes to --from",
    });
  }
  return { path, content };
}

/** Tools write a kubeconfig as JSON as well, which is YAML too but dear to read as such; undefined when it is none. */
function parseJson(text: string): unknown {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** As kubectl merges: of entries with one name, and of current contexts, the first counts. */
function merge(files: readonly ConfigFile[], origin: string): Config {
  const clusters = new Map<string, Entry>();
  const users = new Map<string, Entry>();
  const contexts = new Map<string, Entry>();
  let currentContext: string | undefined;
  for (const { path, content } of files) {
    const folder = dirname(resolve(path));
    const absolute = (entry: Entry, keys: readonly string[]): Entry => withAbsolutePaths(entry, keys, folder);
    for (const [name, entry] of namedEntries(content, "clusters", "cluster", path)) {
      if (!clusters.has(name)) clusters.set(name, absolute(entry, ["certificate-authority"]));
    }
    for (const [name, entry] of namedEntries(content, "users", "user", path)) {
      if (users.has(name)) continue;
      const exec = entryIn(entry, "exec");
      const command = exec === undefined ? undefined : textIn(exec, "command");
      // A bare command name is looked up on PATH; one with a slash is a path beside the kubeconfig.
      const isPath = command !== undefined && /[/\\]/.test(command);
      const own = absolute(entry, ["client-certificate", "client-key", "tokenFile", "token-file"]);
      users.set(name, exec !== undefined && isPath ? { ...own, exec: absolute(exec, ["command"]) } : own);
    }
    for (const [name, entry] of namedEntries(content, "contexts", "context", path)) {
      if (!contexts.has(name)) contexts.set(name, entry);
    }
    currentContext ??= textIn(content, "current-context");
  }
  return { clusters, users, contexts, currentContext, origin };
}

function namedEntries(content: Entry, list: string, key: string, path: string): readonly [string, Entry][] {
  const items = content[list] ?? [];
  if (!Array.isArray(items)) {
    throw new Fault(`Kubeconfig ${path} is malformed: ${list} is not a list`, {
      next: "Mend the file, or fetch it again",
    });
  }
  return items.flatMap((item: unknown): [string, Entry][] => {
    const name = isEntry(item) ? textIn(item, "name") : undefined;
    return isEntry(item) && name !== undefined ? [[name, entryIn(item, key) ?? {}]] : [];
  });
}

function withAbsolutePaths(entry: Entry, keys: readonly string[], folder: string): Entry {
  const changed: Record<string, unknown> = { ...entry };
  for (const key of keys) {
    const path = textIn(entry, key);
    if (path !== undefined && !isAbsolute(path)) changed[key] = join(folder, path);
  }
  return changed;
}

/** What a Pod is given (tasks/run-application/access-api-from-pod/); undefined outside of one. */
function serviceAccountConfig(options: KubeconfigOptions): Config | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = options.env;
  const folder = options.serviceAccountDir ?? defaultServiceAccountDir;
  const tokenFile = join(folder, "token");
  if (host === undefined || host === "" || port === undefined || readText(tokenFile) === undefined) return undefined;
  const authority = join(folder, "ca.crt");
  const cluster: Entry = {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ...(readText(authority) !== undefined && { "certificate-authority": authority }),
  };
  const namespace = readText(join(folder, "namespace"))?.trim();
  const context: Entry = {
    cluster: inClusterContext,
    user: "service account",
    ...(namespace !== undefined && { namespace }),
  };
  return {
    clusters: new Map([[inClusterContext, cluster]]),
    users: new Map([["service account", { tokenFile }]]),
    contexts: new Map([[inClusterContext, context]]),
    currentContext: inClusterContext,
    origin: `the service account of this Pod (${folder})`,
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(", ");
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}

/** The names most like `name` first; those that are not like it keep their order. */
function nearestFirst(name: string, names: readonly string[]): readonly string[] {
  const distance = new Map(names.map((other) => [other, editDistance(name.toLowerCase(), other.toLowerCase())]));
  return [...names].sort((a, b) => (distance.get(a) ?? 0) - (distance.get(b) ?? 0) || compareText(a, b));
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
