/**
 * Masks the names in a certificate: subject, issuer, alternative names, addresses. Each is overwritten in place by text
 * of the same length and kind, so that the certificate still parses and its dates still stand; its signature no longer
 * fits, which nobody checks. Certificates are ASN.1 in DER: tag, length, content, nested (ITU-T X.690).
 */

const block = /(-----BEGIN CERTIFICATE-----)([\s\S]*?)(-----END CERTIFICATE-----)/g;

/**
 * A base64 bundle of PEM certificates with all names masked. What stands around the certificates is dropped; a bundle
 * that holds none gives undefined.
 */
export function maskBundle(base64: string): string | undefined {
  const pem = decode(base64);
  if (pem === undefined) return undefined;
  const blocks: string[] = [];
  for (const [, begin = "", body = "", end = ""] of pem.matchAll(block)) {
    const der = decode(body.replace(/\s/g, ""));
    if (der === undefined) continue;
    const bytes = Uint8Array.from(der, (letter) => letter.charCodeAt(0));
    maskNames(bytes, 0, bytes.length, 0);
    const lines = btoa(String.fromCharCode(...bytes)).match(/.{1,64}/g) ?? [];
    blocks.push([begin, ...lines, end, ""].join("\n"));
  }
  return blocks.length === 0 ? undefined : btoa(blocks.join(""));
}

function decode(base64: string): string | undefined {
  try {
    return atob(base64.replace(/\s/g, ""));
  } catch {
    return undefined;
  }
}

/** Text of any alphabet: UTF-8, printable, teletex, IA5, universal and BMP strings. */
const textTags: ReadonlySet<number> = new Set([0x0c, 0x13, 0x14, 0x16, 0x1c, 0x1e]);
/** In lists of alternative names: mail, DNS, URI, address. */
const nameTags: ReadonlySet<number> = new Set([0x81, 0x82, 0x86, 0x87]);

/** Overwrites names between `start` and `end`; false when that is not DER. */
function maskNames(bytes: Uint8Array, start: number, end: number, depth: number): boolean {
  let at = start;
  while (at < end) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1];
    if (first === undefined || depth > 20) return false;
    const extra = first < 0x80 ? 0 : first & 0x7f;
    let length = first < 0x80 ? first : 0;
    for (let index = 0; index < extra; index += 1) length = length * 256 + (bytes[at + 2 + index] ?? 0);
    const content = at + 2 + extra;
    if (extra > 4 || content + length > end) return false;
    if (textTags.has(tag) || nameTags.has(tag)) bytes.fill(tag === 0x87 ? 0 : 0x78, content, content + length);
    // Constructed values, and extensions, which are DER inside an octet string.
    else if ((tag & 0x20) !== 0 || (tag === 0x04 && isDer(bytes, content, content + length))) {
      maskNames(bytes, content, content + length, depth + 1);
    }
    at = content + length;
  }
  return at === end;
}

/** Whether an octet string holds one DER sequence: a key identifier may look like one by its first byte only. */
function isDer(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes[start] === 0x30 && maskNames(bytes.slice(start, end), 0, end - start, 0);
}
