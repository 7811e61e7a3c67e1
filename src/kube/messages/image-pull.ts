/**
 * Why an image could not be pulled. The kubelet passes on what the container runtime says (containerd 2.1, CRI-O 1.34,
 * cri-dockerd), and the runtime what the registry or the network says, so the texts are those of many programs. Waiting
 * reasons are from kubernetes 1.34, pkg/kubelet/images/types.go.
 */

/** The cause of a failed pull; `failed` when the text fits none. */
export type ImagePullCause =
  | "name-invalid"
  | "never-present"
  | "rate-limited"
  | "auth-denied"
  | "platform-missing"
  | "not-found"
  | "tls-untrusted"
  | "dns-failed"
  | "unreachable"
  | "node-disk-full"
  | "signature-rejected"
  | "failed";

/** Waiting reasons of a container whose image is not there. */
export const imageWaitingReasons: ReadonlySet<string> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "ErrImageNeverPull",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
  "SignatureValidationFailed",
]);

// The first row that matches wins. "no match for platform" stands before "not found", because containerd writes
// "no match for platform in manifest: not found".
const rows: readonly (readonly [ImagePullCause, RegExp])[] = [
  ["name-invalid", /InvalidImageName|invalid reference format|couldn't parse image/i],
  ["never-present", /ErrImageNeverPull|not present with pull policy of Never/i],
  ["rate-limited", /toomanyrequests|\b429\b|rate limit/i],
  [
    "platform-missing",
    /no match for platform|no matching manifest|no image found in (?:image index|manifest list) for/i,
  ],
  [
    "signature-rejected",
    /SignatureValidationFailed|signature (?:validation|verification|required)|no signature|signature was required/i,
  ],
  [
    "auth-denied",
    /\b40[13]\b|unauthorized|\bdenied\b|no basic auth|insufficient_scope|authorization failed|authentication required|forbidden/i,
  ],
  ["dns-failed", /no such host|server misbehaving|host not found|\blookup\b|name resolution/i],
  ["tls-untrusted", /x509|certificate|HTTP response to HTTPS client|tls: /i],
  ["not-found", /manifest unknown|not found|name unknown|does not exist|repository name not known|\b404\b/i],
  ["node-disk-full", /no space left/i],
  [
    "unreachable",
    /i\/o timeout|connection refused|connection reset|no route|network is unreachable|\bEOF\b|deadline exceeded|proxyconnect|timeout|RegistryUnavailable|\b50[0234]\b/i,
  ],
];

const byReason: Readonly<Record<string, ImagePullCause>> = {
  InvalidImageName: "name-invalid",
  ErrImageNeverPull: "never-present",
  SignatureValidationFailed: "signature-rejected",
};

/** The cause, from the waiting reason and what was said; names of images and addresses are not mistaken for causes. */
export function imagePullCause(reason: string | undefined, text: string, image: string | undefined): ImagePullCause {
  const sure = byReason[reason ?? ""];
  if (sure !== undefined) return sure;
  const said = withoutNames(text, image);
  return (
    rows.find(([, pattern]) => pattern.test(said))?.[0] ?? (reason === "RegistryUnavailable" ? "unreachable" : "failed")
  );
}

/** Whether the text says more than that the kubelet waits before it tries again. */
export function isInformative(text: string): boolean {
  const rest = text
    .replace(/^Back-off pulling image "[^"]*"/, "")
    .replace(/^Error: (?:ErrImagePull|ImagePullBackOff)$/, "")
    .replace(/^: ?(?:ErrImagePull: ?)?/, "");
  return rest.trim() !== "";
}

function withoutNames(text: string, image: string | undefined): string {
  let said = text;
  if (image !== undefined && image !== "") said = said.replaceAll(image, "");
  return said
    .replaceAll(/https?:\/\/[^\s"]+/g, "")
    .replaceAll(/sha256:[0-9a-f]+/g, "")
    .replaceAll(/(?:image|reference) "[^"]*"/g, "");
}

/** The registry host of an image reference: `docker.io` when it names none (distribution/reference). */
export function registryOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const isHost = rest.length > 0 && (first.includes(".") || first.includes(":") || first === "localhost");
  return isHost ? first : "docker.io";
}
