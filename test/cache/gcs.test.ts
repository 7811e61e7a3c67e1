/** Against as much of the JSON API of Cloud Storage as the driver needs, with its words for what is missing. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { CRC32C } from "@google-cloud/storage";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { checkGcs, gcsCache } from "../../src/cache/drivers/gcs.ts";
import { entriesOf, keepsTheContract, keyOf } from "./contract.ts";

const buckets = new Map([["diagnosis", new Map<string, { readonly bytes: Buffer; readonly updated: string }>()]]);
/** So small that listings have several pages. */
const pageSize = 1;

const server = createServer((request, answer) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => void parts.push(part));
  request.on("end", () => answered(request, Buffer.concat(parts), answer));
});

function answered({ method, url = "" }: IncomingMessage, body: Buffer, answer: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, "http://x");
  const send = (status: number, value: object): void => {
    answer.statusCode = status;
    answer.setHeader("content-type", "application/json").end(JSON.stringify(value));
  };
  const absent = (message: string): void => send(404, { error: { code: 404, message, errors: [{ message }] } });
  const [, bucketName = "", key] = /\/b\/([^/]+)(?:\/o(?:\/([^/]+))?)?$/.exec(pathname) ?? [];
  if (method === "POST" && pathname.endsWith("/b")) {
    const { name }: { name: string } = JSON.parse(body.toString("utf8"));
    buckets.set(name, new Map());
    send(200, { name });
    return;
  }
  const bucket = buckets.get(bucketName);
  if (bucket === undefined) {
    absent("The specified bucket does not exist.");
    return;
  }
  const resource = (name: string) => {
    const { bytes, updated } = bucket.get(name) ?? { bytes: Buffer.alloc(0), updated: "" };
    const crc32c = new CRC32C();
    crc32c.update(bytes);
    return { name, bucket: bucketName, size: String(bytes.length), updated, crc32c: crc32c.toString() };
  };
  if (method === "POST") {
    // Metadata and content come as two parts.
    const text = body.toString("latin1");
    const [boundary = ""] = text.split("\r\n");
    const content = text.split(boundary)[2] ?? "";
    const name = searchParams.get("name") ?? "";
    const bytes = Buffer.from(content.slice(content.indexOf("\r\n\r\n") + 4, -2), "latin1");
    bucket.set(name, { bytes, updated: new Date().toISOString() });
    send(200, resource(name));
  } else if (key !== undefined && !bucket.has(key)) absent(`No such object: ${bucketName}/${key}`);
  else if (key !== undefined && method === "DELETE") {
    bucket.delete(key);
    answer.statusCode = 204;
    answer.end();
  } else if (key !== undefined && searchParams.get("alt") === "media") {
    const { crc32c } = resource(key);
    answer.setHeader("x-goog-hash", `crc32c=${crc32c}`).end(bucket.get(key)?.bytes);
  } else if (key !== undefined) send(200, resource(key));
  else if (pathname.endsWith("/o")) {
    const names = [...bucket.keys()].sort();
    const from = Number(searchParams.get("pageToken") ?? 0);
    const next = from + pageSize < names.length ? { nextPageToken: String(from + pageSize) } : {};
    send(200, { items: names.slice(from, from + pageSize).map(resource), ...next });
  } else send(200, { name: bucketName });
}

const settings = { projectId: "p", region: "eu", bucket: "diagnosis" };

beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  vi.stubEnv("STORAGE_EMULATOR_HOST", `http://127.0.0.1:${address.port}`);
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

keepsTheContract({ open: async () => gcsCache(settings) });

describe("Cloud Storage", () => {
  test("a bucket that is missing is told, and made only when asked for", async () => {
    await checkGcs(settings, false);
    const absent = { ...settings, bucket: "absent" };
    await expect(checkGcs(absent, false)).rejects.toMatchObject({
      message: 'Cannot use GCS bucket "absent" of project "p": it does not exist',
      next: expect.stringContaining("--create"),
    });
    const cache = await gcsCache(absent);
    await expect(cache.get(keyOf("a"))).rejects.toThrow("it does not exist");
    await checkGcs(absent, true);
    expect(await cache.get(keyOf("a"))).toBeUndefined();
    expect(await entriesOf(cache)).toEqual([]);
    await cache.close();
  });
});
