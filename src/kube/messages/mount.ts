/**
 * Why a volume could not be attached or mounted. Messages of the attach/detach controller and of the kubelet 1.34
 * (pkg/volume/util/operationexecutor, pkg/kubelet/volumemanager, pkg/volume/{configmap,secret,hostpath,csi}), with the
 * words of mount(8) and of NFS below them.
 */

/** The cause of a `FailedMount`. */
export type MountCause =
  | {
      readonly type: "object-missing";
      readonly kind: "ConfigMap" | "Secret" | "PersistentVolumeClaim";
      readonly name: string;
    }
  | { readonly type: "key-missing"; readonly kind: "ConfigMap" | "Secret" }
  | { readonly type: "driver-missing"; readonly driver: string }
  | {
      readonly type:
        | "permission"
        | "filesystem"
        | "stale-handle"
        | "host-path"
        | "path-missing"
        | "not-synced"
        | "other";
    }
  /** The kubelet gave up waiting: other events say for what. */
  | { readonly type: "timeout" };

const simple: readonly (readonly [
  "permission" | "filesystem" | "stale-handle" | "host-path" | "path-missing",
  RegExp,
])[] = [
  ["host-path", /hostPath type check failed/i],
  ["stale-handle", /stale (?:NFS )?file handle/i],
  ["permission", /permission denied|access denied|not permitted/i],
  ["filesystem", /wrong fs type|bad superblock|bad option|unknown filesystem|fsck|structure needs cleaning/i],
  ["path-missing", /no such file or directory|does not exist/i],
];

/** Reads the message of a `FailedMount` event. */
export function mountCause(message: string): MountCause {
  const missing = /(configmap|secret|persistentvolumeclaim) "(?:[^"/]+\/)?([^"]+)" not found/i.exec(message);
  if (missing !== null) {
    const [, kind = "", name = ""] = missing;
    return { type: "object-missing", kind: kindsByWord[kind.toLowerCase()] ?? "ConfigMap", name };
  }
  const key = /references non-existent (config|secret) key/i.exec(message);
  if (key !== null) return { type: "key-missing", kind: key[1]?.toLowerCase() === "secret" ? "Secret" : "ConfigMap" };
  const driver = /driver name (\S+) not found in the list of registered CSI drivers/i.exec(message);
  if (driver !== null) return { type: "driver-missing", driver: driver[1] ?? "" };
  if (/failed to sync (?:configmap|secret) cache|object "[^"]*" not registered/i.test(message))
    return { type: "not-synced" };
  const found = simple.find(([, pattern]) => pattern.test(message));
  if (found !== undefined) return { type: found[0] };
  return { type: /timed out|deadline exceeded/i.test(message) ? "timeout" : "other" };
}

const kindsByWord: Readonly<Record<string, "ConfigMap" | "Secret" | "PersistentVolumeClaim">> = {
  configmap: "ConfigMap",
  secret: "Secret",
  persistentvolumeclaim: "PersistentVolumeClaim",
};

/**
 * The volume that a mount message is about: `MountVolume.SetUp failed for volume "credentials" : …`, or the first that the
 * kubelet waits for: `Unable to attach or mount volumes: unmounted volumes=[data], …`.
 */
export function volumeNamed(message: string): string | undefined {
  return (/for volume "([^"]+)"/.exec(message) ?? /unmounted volumes=\[([^\]\s]+)/.exec(message))?.[1];
}

/** The key that a mount message misses: `references non-existent secret key: tls.key`. */
export function keyNamed(message: string): string | undefined {
  return /references non-existent (?:config|secret) key: (\S+)/i.exec(message)?.[1];
}

/** The volume that the attach/detach controller holds back because another node has it; undefined for other messages. */
export function multiAttachVolume(message: string): string | undefined {
  return /^Multi-Attach error for volume "([^"]+)"/.exec(message)?.[1];
}
