/** The driver against a server of S3's API that others wrote: versitygw, over a folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { checkS3, s3Cache } from "../../src/cache/drivers/s3.ts";
import { shopFile } from "../ai/shop.ts";
import { emptyHome } from "../cli/fake-terminal.ts";
import { entriesOf, fillWith2500, keepsTheContract, keyOf } from "./contract.ts";
import { type GoServer, startGoServer } from "./go-server.ts";

const program = { name: "versitygw", version: "1.8.0", path: "github.com/versity/versitygw/cmd/versitygw" };
const folder = mkdtempSync(join(tmpdir(), "k8sgpt-versitygw-"));
const buckets = mkdtempSync(join(folder, "buckets-"));
const meta = mkdtempSync(join(folder, "meta-"));

let server: GoServer | undefined;
const settings = (bucket: string) => ({ region: "eu-central-1", bucket, endpoint: server?.url ?? "" });

beforeAll(async () => {
  server = await startGoServer(
    program,
    (port) => ["--region", "eu-central-1", "--port", `127.0.0.1:${port}`, "posix", "--sidecar", meta, buckets],
    { ROOT_ACCESS_KEY: "diagnosis", ROOT_SECRET_KEY: "diagnosis-secret" },
  );
  vi.stubEnv("AWS_ACCESS_KEY_ID", "diagnosis");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "diagnosis-secret");
  await checkS3(settings("diagnosis"), true);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

keepsTheContract({ open: async () => s3Cache(settings("diagnosis")) });

describe("S3, as others read its API", () => {
  test("no bucket is made unless it is asked for, whatever is tried", async () => {
    const before = await readdir(buckets);
    const home = emptyHome({ K8SGPT_BACKEND: "noopai" });
    const add = [
      "cache",
      "add",
      "s3",
      "--bucket",
      "absent",
      "--endpoint",
      server?.url ?? "",
      "--region",
      "eu-central-1",
    ];
    const refused = await home.run(add);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`Cannot use S3 bucket "absent" (${server?.url}): it does not exist`);
    expect(await home.run([...add, "--no-check"])).toMatchObject({ code: 0 });
    // Explaining with a cache that is not there: one warning, and the answers all the same.
    const words = ["analyze", "--from", shopFile, "-n", "batch", "-e", "--color", "never"];
    const explained = await home.run(words);
    expect(explained.code).toBe(0);
    expect(explained.stdout).toContain("I am a noop response");
    expect(explained.stderr.match(/warning: The cache is not used: .*it does not exist/g)).toHaveLength(1);
    expect(await home.run(["cache", "list"])).toMatchObject({ code: 1 });
    expect(await readdir(buckets)).toEqual(before);
    expect(await home.run([...add, "--create"])).toMatchObject({ code: 0 });
    expect(await readdir(buckets)).toContain("absent");
    await home.run(words);
    expect((await home.run(["cache", "list"])).stdout.trim().split("\n")).toHaveLength(4);
  });

  test("2,500 entries, more than two pages, are listed and purged", async () => {
    const bucket = "full";
    await checkS3(settings(bucket), true);
    const cache = await s3Cache(settings(bucket));
    await fillWith2500(cache);
    const { run } = emptyHome();
    const add = ["cache", "add", "s3", "--bucket", bucket, "--endpoint", server?.url ?? "", "--region", "eu-central-1"];
    expect(await run(add)).toMatchObject({ code: 0 });
    expect((await run(["cache", "list"])).stdout.trim().split("\n")).toHaveLength(2501);
    expect(await run(["cache", "purge", "../x"])).toMatchObject({ code: 2 });
    expect(await run(["cache", "purge", "--all", "--yes"])).toMatchObject({
      code: 0,
      stdout: "Removed 2500 of 2500\n",
    });
    expect(await entriesOf(cache)).toEqual([]);
    await cache.close();
  });

  test("a wrong key is told apart", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "SOMEBODY");
    const cache = await s3Cache(settings("diagnosis"));
    // This server says it with the status of what is missing.
    const words = "No user exists with the provided access key ID";
    await expect(cache.set(keyOf("a"), "x")).rejects.toThrow(words);
    await expect(cache.get(keyOf("a"))).rejects.toThrow(words);
    await expect(checkS3(settings("diagnosis"), true)).rejects.toThrow(words);
    await cache.close();
    vi.stubEnv("AWS_ACCESS_KEY_ID", "diagnosis");
  });
});
