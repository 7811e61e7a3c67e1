/** Against s3rver, a server of S3's API in memory and files that others wrote. */
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { checkS3, s3Cache } from "../../src/cache/drivers/s3.ts";
import { entriesOf, keepsTheContract, keyOf } from "./contract.ts";

const server = new S3rver({
  port: 0,
  address: "127.0.0.1",
  silent: true,
  directory: mkdtempSync(join(tmpdir(), "k8sgpt-s3-")),
  configureBuckets: [
    { name: "diagnosis", configs: [] },
    { name: "full", configs: [] },
  ],
});
let endpoint = "";

beforeAll(async () => {
  const { port } = await server.run();
  endpoint = `http://127.0.0.1:${port}`;
  vi.stubEnv("AWS_ACCESS_KEY_ID", "S3RVER");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "S3RVER");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

const settings = (bucket: string) => ({ region: "us-east-1", bucket, endpoint });

keepsTheContract({ open: async () => s3Cache(settings("diagnosis")) });

describe("S3", () => {
  test("the list goes on to the last page", async () => {
    // s3rver's own second page needs a cipher that Node no longer has.
    const pages = createServer(({ url = "" }, answer) => {
      const next = /continuation-token=two/.test(url) ? "" : "<NextContinuationToken>two</NextContinuationToken>";
      const key = keyOf(next);
      answer
        .setHeader("content-type", "application/xml")
        .end(
          `<ListBucketResult><IsTruncated>${next !== ""}</IsTruncated>${next}<Contents><Key>${key}</Key><Size>1</Size></Contents></ListBucketResult>`,
        );
    });
    await new Promise<void>((resolve) => void pages.listen(0, "127.0.0.1", resolve));
    const address = pages.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const cache = await s3Cache({ ...settings("full"), endpoint: `http://127.0.0.1:${address.port}` });
    expect(await entriesOf(cache)).toHaveLength(2);
    await cache.close();
    pages.close();
  });

  test("a bucket that is missing is told, and made only when asked for", async () => {
    await checkS3(settings("diagnosis"), false);
    await expect(checkS3(settings("absent"), false)).rejects.toMatchObject({
      message: `Cannot use S3 bucket "absent" (${endpoint}): it does not exist`,
      next: expect.stringContaining("--create"),
    });
    const cache = await s3Cache(settings("absent"));
    await expect(cache.get(keyOf("a"))).rejects.toThrow("it does not exist");
    await checkS3(settings("absent"), true);
    await cache.set(keyOf("a"), "made");
    expect(await cache.get(keyOf("a"))).toBe("made");
    await cache.close();
  });

  test("a wrong key is told apart", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "SOMEBODY");
    const cache = await s3Cache(settings("diagnosis"));
    await expect(cache.set(keyOf("a"), "x")).rejects.toThrow("access is denied");
    await cache.close();
    vi.stubEnv("AWS_ACCESS_KEY_ID", "S3RVER");
  });
});
