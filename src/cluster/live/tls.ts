/**
 * Certificates of TLS Secrets, read only when the user asked for them (`--read-tls`): one list of the Secrets of type
 * `kubernetes.io/tls`, in pages. Of each only the certificates are kept; the private key is dropped where the page is
 * parsed (keep.ts). Secrets of any other type stay what they are everywhere: names without values.
 */
import { messageOf } from "../../fault.ts";
import { keepObject, tlsType } from "../../kube/keep.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import type { KindRead, SourceNote } from "../../kube/snapshot.ts";
import { isRecord } from "../../kube/wire.ts";
import type { Door } from "./door.ts";
import { RequestFailure } from "./failure.ts";

type Secret = KubeObject<"Secret">;

/** Objects in one page. */
const pageSize = 500;

/**
 * Adds what their certificates say to `secrets`, which were read as metadata where `reads` tells. Never throws: where the
 * certificates cannot be read, a note says so, and the Secrets stay as they are.
 */
export async function withCertificates(
  door: Door,
  secrets: readonly Secret[],
  reads: readonly KindRead[],
  signal: AbortSignal,
): Promise<{ readonly secrets: readonly Secret[]; readonly notes: readonly SourceNote[] }> {
  const places = reads.filter(({ kind, state }) => kind === "Secret" && (state === "complete" || state === "partial"));
  const found = new Map<string, Secret>();
  const notes: SourceNote[] = [];
  await Promise.all(
    places.map(async ({ namespace }) => {
      try {
        for await (const secret of tlsSecrets(door, namespace, signal)) found.set(slotOf(secret), secret);
      } catch (error) {
        notes.push({
          what: `certificates of TLS Secrets${namespace === undefined ? "" : ` in namespace ${namespace}`}`,
          reason: messageOf(error),
          ...(error instanceof RequestFailure &&
            error.status === 403 && {
              next: `kubectl auth can-i list secrets ${namespace === undefined ? "--all-namespaces" : `-n ${namespace}`}`,
            }),
        });
      }
    }),
  );
  // What came between the two lists is left for the next run: the first one says which Secrets there are.
  return { secrets: secrets.map((secret) => ({ ...secret, ...tlsOf(found.get(slotOf(secret))) })), notes };
}

function tlsOf(secret: Secret | undefined): Pick<Secret, "tls"> {
  return secret?.tls === undefined ? {} : { tls: secret.tls };
}

function slotOf({ metadata }: Secret): string {
  return `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
}

async function* tlsSecrets(door: Door, namespace: string | undefined, signal: AbortSignal): AsyncIterable<Secret> {
  const root = namespace === undefined ? "/api/v1" : `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  let token: string | undefined;
  do {
    const query = new URLSearchParams({
      fieldSelector: `type=${tlsType}`,
      limit: String(pageSize),
      ...(token !== undefined && { continue: token }),
    });
    const page = await door.get(
      `${root}/secrets?${query.toString()}`,
      "application/json",
      signal,
      async ({ body, counted }) => {
        const read = pageOf(await textOf(body));
        counted(read.secrets.length);
        return read;
      },
    );
    yield* page.secrets;
    token = page.token;
  } while (token !== undefined);
}

function pageOf(text: string): { readonly secrets: readonly Secret[]; readonly token: string | undefined } {
  const list = parsed(text);
  const items = isRecord(list) ? list["items"] : undefined;
  // Go writes an empty list of items as null when nothing set it.
  if (!isRecord(list) || (items !== null && !Array.isArray(items))) throw new Error("the answer is not a list");
  const metadata = isRecord(list["metadata"]) ? list["metadata"] : {};
  const { continue: token } = metadata;
  return {
    secrets: (items ?? []).flatMap((item: unknown) => keepObject("Secret", item, { readTls: true }) ?? []),
    token: typeof token === "string" && token !== "" ? token : undefined,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the body, which holds keys: it is not even kept as the cause.
    throw new Error("the list was cut short, or is not JSON");
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
