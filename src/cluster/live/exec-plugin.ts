/**
 * Runs a credential plugin (reference/access-authn-authz/authentication/#client-go-credential-plugins). Not left to
 * client-node, which does not tell the plugin about the cluster (KUBERNETES_EXEC_INFO), starts it once per concurrent
 * request, keeps its standard input open and loses the reason when it cannot be started.
 */
import { spawn } from "node:child_process";
import { Fault, messageOf } from "../../fault.ts";
import { codeOf } from "./failure.ts";
import { type Entry, entryIn, isEntry, type Target, textIn } from "./kubeconfig.ts";

/** What a plugin gave. */
export interface ExecCredential {
  readonly token?: string;
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

export interface ExecOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether somebody sits at the terminal whom the plugin may ask. */
  readonly isInteractive: boolean;
  /** Told each line that the plugin writes to its standard error, such as where to log in. */
  readonly onNote: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A plugin that may ask nobody and says nothing for so long hangs. */
const silentLimitMs = 60_000;

const knownVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/** @throws {Fault} when the plugin cannot be run, fails, or answers with something else than a credential. */
export async function runExecPlugin(target: Target, exec: Entry, options: ExecOptions): Promise<ExecCredential> {
  const command = textIn(exec, "command");
  const what = `Cannot get credentials of user "${target.userName}" from the plugin ${command ?? "of its kubeconfig entry"}`;
  if (command === undefined) {
    throw new Fault(`${what}: no command is given`, { next: `Set users[].user.exec.command in ${target.origin}` });
  }
  const apiVersion = textIn(exec, "apiVersion") ?? "";
  if (!knownVersions.includes(apiVersion)) {
    throw new Fault(
      `${what}: its apiVersion ${apiVersion === "" ? "is missing" : `"${apiVersion}" is not supported`}`,
      {
        next: `Update the plugin and set apiVersion: ${knownVersions[0]} in ${target.origin}`,
      },
    );
  }
  const mode = textIn(exec, "interactiveMode") ?? "IfAvailable";
  if (mode === "Always" && !options.isInteractive) {
    throw new Fault(`${what}: it asks for input, and there is no terminal`, {
      next: "Run in a terminal, or use a user whose credentials need no input",
    });
  }
  const isInteractive = options.isInteractive && mode !== "Never";
  const info = {
    apiVersion,
    kind: "ExecCredential",
    spec: { interactive: isInteractive, ...clusterInfo(target, exec) },
  };
  const args = Array.isArray(exec["args"]) ? exec["args"].map(String) : [];
  const env = { ...options.env, ...environmentOf(exec), KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  const result = await run(command, args, env, isInteractive, options);

  const hint = textIn(exec, "installHint")?.trim();
  if (result.error !== undefined) {
    const isMissing = codeOf(result.error) === "ENOENT";
    const why = isMissing ? "it is not installed, or not on PATH" : messageOf(result.error);
    throw new Fault(`${what}: ${why}`, { cause: result.error, next: hint ?? `Install ${command}, or correct PATH` });
  }
  if (result.code !== 0) {
    const ending = result.isTimeout
      ? `it gave no answer within ${silentLimitMs / 1000} s`
      : result.code === null
        ? "it was killed"
        : `it ended with exit code ${result.code}`;
    const tail = result.errorLines.slice(-5).join(" | ");
    throw new Fault(`${what}: ${ending}${tail === "" ? "" : `: ${tail}`}`, {
      next: `Log in again with the plugin's own command; to see all of it, run \`${[command, ...args].join(" ")}\``,
    });
  }
  return credentialOf(result.output, apiVersion, what);
}

interface RunResult {
  readonly output: string;
  readonly errorLines: readonly string[];
  readonly code: number | null;
  readonly isTimeout: boolean;
  readonly error?: unknown;
}

function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  isInteractive: boolean,
  { onNote, signal }: ExecOptions,
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, signal, stdio: [isInteractive ? "inherit" : "ignore", "pipe", "pipe"] });
    let output = "";
    let pending = "";
    let error: unknown;
    let isTimeout = false;
    const errorLines: string[] = [];
    const note = (text: string): void => {
      const line = text.replace(/\p{Cc}/gu, "").trim();
      if (line === "") return;
      errorLines.push(line);
      onNote(line);
    };
    const limit = isInteractive
      ? undefined
      : setTimeout(() => {
          isTimeout = true;
          child.kill("SIGKILL");
        }, silentLimitMs);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (pending + text).split("\n");
      pending = lines.pop() ?? "";
      for (const line of lines) note(line);
    });
    const end = (code: number | null): void => {
      clearTimeout(limit);
      note(pending);
      pending = "";
      resolve({ output, errorLines, code, isTimeout, ...(error !== undefined && { error }) });
    };
    child.on("error", (cause) => {
      error = cause;
      // A process that was never started does not close.
      if (child.pid === undefined) end(null);
    });
    child.on("close", end);
  });
}

/** What the plugin learns of the cluster, when the kubeconfig says that it may (provideClusterInfo). */
function clusterInfo({ server, cluster }: Target, exec: Entry): { readonly cluster?: Entry } {
  if (exec["provideClusterInfo"] !== true) return {};
  const extensions = Array.isArray(cluster["extensions"]) ? cluster["extensions"].filter(isEntry) : [];
  const config = extensions.find(({ name }) => name === "client.authentication.k8s.io/exec");
  const told: Record<string, unknown> = { server };
  for (const key of ["tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url"]) {
    if (cluster[key] !== undefined) told[key] = cluster[key];
  }
  if (config?.["extension"] !== undefined) told["config"] = config["extension"];
  return { cluster: told };
}

function environmentOf(exec: Entry): Record<string, string> {
  const env: Record<string, string> = {};
  for (const item of Array.isArray(exec["env"]) ? exec["env"].filter(isEntry) : []) {
    const name = textIn(item, "name");
    if (name !== undefined) env[name] = textIn(item, "value") ?? "";
  }
  return env;
}

function credentialOf(output: string, apiVersion: string, what: string): ExecCredential {
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    // The text is not shown: it may hold most of a token.
    throw new Fault(`${what}: its answer is not JSON`, { next: "Update the plugin, or look at what it prints" });
  }
  const status = isEntry(answer) && answer["kind"] === "ExecCredential" ? entryIn(answer, "status") : undefined;
  if (!isEntry(answer) || status === undefined) {
    throw new Fault(`${what}: its answer is not an ExecCredential with a status`, { next: "Update the plugin" });
  }
  if (answer["apiVersion"] !== apiVersion) {
    throw new Fault(
      `${what}: it answers with apiVersion "${textIn(answer, "apiVersion") ?? ""}" instead of "${apiVersion}"`,
      {
        next: "Set exec.apiVersion in the kubeconfig to what the plugin speaks, or update the plugin",
      },
    );
  }
  const token = textIn(status, "token");
  const cert = textIn(status, "clientCertificateData");
  const key = textIn(status, "clientKeyData");
  if (token === undefined && (cert === undefined || key === undefined)) {
    throw new Fault(`${what}: its answer holds neither a token nor a client certificate with its key`, {
      next: "Log in again with the plugin's own command",
    });
  }
  const expiresAt = Date.parse(textIn(status, "expirationTimestamp") ?? "");
  return {
    ...(token !== undefined && { token }),
    ...(cert !== undefined && key !== undefined && { certificate: { cert, key } }),
    ...(!Number.isNaN(expiresAt) && { expiresAt }),
  };
}
