/**
 * Why a container could not be made or started. Messages of the kubelet 1.34 (pkg/kubelet/kuberuntime/kuberuntime_container.go,
 * pkg/kubelet/kubelet_pods.go, pkg/kubelet/kuberuntime/security_context.go) and of runc, crun and containerd below it.
 */

/** The cause of a `CreateContainerConfigError`. */
export type ConfigErrorCause =
  | { readonly type: "object-missing"; readonly kind: "ConfigMap" | "Secret"; readonly name: string }
  | {
      readonly type: "key-missing";
      readonly kind: "ConfigMap" | "Secret";
      readonly namespace: string;
      readonly name: string;
      readonly key: string;
    }
  | { readonly type: "nonroot"; readonly why: "root" | "non-numeric" | "run-as-user" }
  | { readonly type: "subpath" }
  | { readonly type: "not-synced" }
  | { readonly type: "other" };

/** Waiting reasons of a container that could not be made or started, other than for its configuration. */
export const createWaitingReasons: ReadonlySet<string> = new Set([
  "CreateContainerError",
  "RunContainerError",
  "PreCreateHookError",
  "PreStartHookError",
  "PostStartHookError",
]);

/** Terminated reasons of a container that never ran. */
export const startErrorReasons: ReadonlySet<string> = new Set(["StartError", "ContainerCannotRun"]);

/** Reads the message of `CreateContainerConfigError`. */
export function configErrorCause(message: string): ConfigErrorCause {
  const missing = /^(configmap|secret) "([^"]+)" not found/i.exec(message);
  if (missing !== null) {
    const [, kind = "", name = ""] = missing;
    return { type: "object-missing", kind: kind.toLowerCase() === "secret" ? "Secret" : "ConfigMap", name };
  }
  const key = /couldn't find key (\S+) in (ConfigMap|Secret) ([^/\s]+)\/([^\s,]+)/i.exec(message);
  if (key !== null) {
    const [, wanted = "", kind = "", namespace = "", name = ""] = key;
    return {
      type: "key-missing",
      kind: kind.toLowerCase() === "secret" ? "Secret" : "ConfigMap",
      namespace,
      name,
      key: wanted,
    };
  }
  if (/non-numeric user/i.test(message)) return { type: "nonroot", why: "non-numeric" };
  if (/runAsNonRoot and image will run as root/i.test(message)) return { type: "nonroot", why: "root" };
  if (/breaks non-root policy/i.test(message)) return { type: "nonroot", why: "run-as-user" };
  if (/sub-?path/i.test(message)) return { type: "subpath" };
  if (/failed to sync (?:configmap|secret) cache|services have not yet been read/i.test(message))
    return { type: "not-synced" };
  return { type: "other" };
}

/** The cause of a container that the runtime could not make or start. */
export type CreateErrorCause =
  | "hook"
  | "mount-type"
  | "wrong-architecture"
  | "command-missing"
  | "command-not-executable"
  | "name-conflict"
  | "disk-full"
  | "runtime-slow"
  | "other";

const rows: readonly (readonly [CreateErrorCause, RegExp])[] = [
  ["mount-type", /not a directory|mount a directory onto a file/i],
  ["wrong-architecture", /exec format error/i],
  ["disk-full", /no space left/i],
  ["name-conflict", /already in use|is reserved for/i],
  ["command-not-executable", /permission denied/i],
  ["command-missing", /executable file not found|no such file|no command specified/i],
  ["runtime-slow", /context deadline exceeded|DeadlineExceeded/i],
];

/** Reads why a container could not be made or started, from the waiting or terminated reason and its message. */
export function createErrorCause(reason: string | undefined, message: string): CreateErrorCause {
  if (reason?.endsWith("HookError") === true) return "hook";
  return rows.find(([, pattern]) => pattern.test(message))?.[0] ?? "other";
}
