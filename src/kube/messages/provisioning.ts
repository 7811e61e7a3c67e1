/**
 * Why a volume could not be made: the text of `ProvisioningFailed` events. They come from the volume controller
 * (kubernetes v1.34, pkg/controller/volume/persistentvolume) and from sig-storage-lib-external-provisioner v11, which
 * passes on what the driver of the storage says; the table holds the words of the common ones.
 */

const causes: readonly (readonly [RegExp, string])[] = [
  [/storageclass(?:\.storage\.k8s\.io)? "[^"]*" not found/i, "its StorageClass does not exist"],
  [
    /quota|limit ?exceeded|LimitExceeded|maximum number of|ResourceExhausted|out of (?:capacity|space)|not enough free (?:space|capacity)|insufficient (?:free )?(?:space|capacity)/i,
    "a quota or the capacity of the storage is reached",
  ],
  [
    /UnauthorizedOperation|AccessDenied|AuthorizationFailed|not authorized|Unauthorized|PermissionDenied|Forbidden|permission denied|is forbidden:|\b403\b/i,
    "the provisioner lacks a permission",
  ],
  [/topolog|accessibility requirements|\bzones?\b|CSINode/i, "no zone or node fits"],
  [/access ?mode|AccessMode|ReadWriteMany|MULTI_NODE|volume capabilit/i, "the access mode is not supported"],
  [/secret/i, "a Secret of the StorageClass is missing or wrong"],
  [
    /invalid (?:size|capacity)|requested (?:size|capacity)|OutOfRange|(?:minimum|maximum) (?:volume )?size|size .*(?:too|exceed)/i,
    "the size is not supported",
  ],
  [
    /parameter|InvalidArgument|InvalidParameter|invalid option|unknown key/i,
    "a parameter of the StorageClass is not accepted",
  ],
  [
    /DeadlineExceeded|deadline exceeded|connection refused|Unavailable|timed? ?out|no such host/i,
    "the storage does not answer",
  ],
];

/** Why the volume could not be made, in words of our own; undefined when the text is none of the known ones. */
export function provisioningFailureInWords(message: string): string | undefined {
  return causes.find(([pattern]) => pattern.test(message))?.[1];
}
