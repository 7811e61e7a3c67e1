/**
 * Interplex, k8sgpt's shared cache: gRPC service `schema.v1.CacheService` with Set, Get and Delete. Its messages hold at
 * most two texts, so that they are written here instead of generated. The service cannot list what it holds.
 */
import { Fault, messageOf } from "../../fault.ts";
import type { CacheDriver } from "../driver.ts";
import type { InterplexSettings } from "../settings.ts";

const localVariable = "INTERPLEX_LOCAL_MODE";
const localAddress = "localhost:8084";
const deadlineMs = 5000;
/** gRPC's code for what is not there. */
const notFound = 5;

/** A server of Interplex at `connectionString` (`host:port`, plain text as there). */
export async function interplexCache(
  { connectionString }: InterplexSettings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CacheDriver> {
  // CommonJS: in a bundle its names are found on the default export only.
  const { default: grpc } = await import("@grpc/grpc-js");
  const address = (env[localVariable] ?? "") === "" ? connectionString : localAddress;
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const call = async (method: string, texts: readonly string[]): Promise<readonly string[]> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/schema.v1.CacheService/${method}`,
        encodeTexts,
        decodeTexts,
        texts,
        { deadline: Date.now() + deadlineMs },
        (error, answer) => {
          if (error !== null) reject(error);
          else resolve(answer ?? []);
        },
      );
    });
  const cannot = (what: string, cause: unknown): Fault =>
    new Fault(`Cannot ${what} Interplex at ${address}: ${detailOf(cause)}`, {
      cause,
      next: "Check that it runs there, or go back to local files with `k8sgpt cache remove`",
    });
  return {
    async get(key) {
      try {
        const [value = ""] = await call("Get", [key]);
        return value === "" ? undefined : value;
      } catch (error) {
        // Older servers answer a missing key with an error of their own words.
        if (codeOf(error) === notFound || /not found/i.test(detailOf(error))) return undefined;
        throw cannot("read from", error);
      }
    },
    async set(key, value) {
      await call("Set", [key, value]).catch((error: unknown) => {
        throw cannot("write to", error);
      });
    },
    async delete(key) {
      await call("Delete", [key]).catch((error: unknown) => {
        if (codeOf(error) === notFound || /not found/i.test(detailOf(error))) return;
        throw cannot("delete from", error);
      });
    },
    // oxlint-disable-next-line require-yield -- there is nothing to yield: the service has no list
    entries: async function* () {
      throw new Fault(`Interplex at ${address} cannot list what it holds`, {
        next: "`k8sgpt cache purge KEY` removes one entry by its key",
      });
    },
    close: async () => client.close(),
  };
}

/** Texts as protobuf fields 1, 2, … of length-delimited type. */
export function encodeTexts(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text, index) => {
      const bytes = Buffer.from(text);
      return [Buffer.from([((index + 1) << 3) | 2, ...varint(bytes.length)]), bytes];
    }),
  );
}

/** The texts of a message, by field number from 1; other fields are skipped. */
export function decodeTexts(message: Uint8Array): readonly string[] {
  const texts: string[] = [];
  const bytes = Buffer.from(message);
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at];
      if (byte === undefined) throw new RangeError("the message ends in the middle of a number");
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = number();
    if ((tag & 7) === 0) number();
    else if ((tag & 7) === 2) {
      const end = number() + at;
      texts[Math.floor(tag / 8) - 1] = bytes.toString("utf8", at, end);
      at = end;
    } else at += (tag & 7) === 1 ? 8 : 4;
  }
  return Array.from(texts, (text) => text ?? "");
}

function varint(value: number): readonly number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  return [...bytes, left];
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function detailOf(error: unknown): string {
  return error instanceof Error && "details" in error && typeof error.details === "string"
    ? error.details
    : messageOf(error);
}
