import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { keyOf } from "../cache/contract.ts";
import { emptyHome } from "./fake-terminal.ts";

describe("cache", () => {
  test("add, get and remove, in k8sgpt's words", async () => {
    const { run, configFile, folder } = emptyHome();
    expect((await run(["cache", "get"])).stdout).toBe(`Current cache is: file (${join(folder, ".cache", "k8sgpt")})\n`);
    const added = await run([
      "cache",
      "add",
      "S3",
      "--bucket",
      "diag",
      "-e",
      "https://minio.example",
      "-i",
      "--no-check",
    ]);
    expect(added).toEqual({
      code: 0,
      stdout: "Explanations are now kept in s3 bucket diag (https://minio.example)\n",
      stderr: "",
    });
    expect(await readFile(configFile, "utf8")).toBe(
      "cache:\n  currentCacheType: s3\n  s3:\n    region: us-east-1\n    bucketname: diag\n    endpoint: https://minio.example\n    insecure: true\n",
    );
    expect((await run(["cache", "get"])).stdout).toBe(
      "Current remote cache is: s3 (s3 bucket diag (https://minio.example))\n",
    );
    await run(["cache", "add", "azure", "-s", "acc", "-c", "con", "--no-check"]);
    expect(await readFile(configFile, "utf8")).toBe(
      "cache:\n  currentCacheType: azure\n  azure:\n    storageaccount: acc\n    container: con\n",
    );
    expect((await run(["cache", "remove"])).code).toBe(0);
    expect((await run(["cache", "get", "-o", "json"])).stdout).toContain('"type": "file"');
  });

  test("what k8sgpt wrote is read, whatever the letter case", async () => {
    const { run, configFile } = emptyHome();
    await mkdir(join(configFile, ".."), { recursive: true });
    await writeFile(configFile, "cache:\n  currentcachetype: gcs\n  gcs: {projectid: p, region: eu, bucketname: b}\n");
    expect((await run(["cache", "get"])).stdout).toBe("Current remote cache is: gcs (gcs bucket b of project p)\n");
  });

  test.each([
    ["add redis", 'There is no cache of type "redis"'],
    ["add s3", "A cache in s3 needs --bucket"],
    ["add gcs -b x", "A cache in gcs needs --region and --projectid"],
    ["add azure -s x", "A cache in azure needs --container"],
    ["add azure -s x -c y -b z", "--bucket means nothing to a cache in azure"],
    ["add interplex", "A cache in interplex needs --endpoint"],
    ["purge", "Neither a key nor --all is given"],
    ["purge ../../etc/passwd", "is not a key"],
    ["purge --all", "nobody can be asked"],
    [`purge --all ${"a".repeat(64)}`, "A key and --all are given"],
  ])("cache %s is wrong usage", async (words, message) => {
    const { run, configFile } = emptyHome();
    const { code, stderr } = await run(["cache", ...words.split(" ")]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync(configFile)).toBe(false);
  });

  test("a place that is not there is not stored", async () => {
    const { run, configFile } = emptyHome();
    const { code, stderr } = await run(["cache", "add", "interplex", "-e", "127.0.0.1:1"]);
    expect(code).toBe(1);
    expect(stderr).toContain("Cannot read from Interplex at 127.0.0.1:1");
    expect(existsSync(configFile)).toBe(false);
  });

  test("list and purge", async () => {
    const { run, folder } = emptyHome();
    expect((await run(["cache", "list"])).stdout).toBe(`${"NAME".padEnd(64)}  UPDATED AT                SIZE\n`);
    const place = join(folder, ".cache", "k8sgpt");
    await mkdir(place, { recursive: true });
    for (const name of ["a", "b", "c"]) await writeFile(join(place, keyOf(name)), "text");
    await writeFile(join(place, "other.txt"), "mine");
    const listed: unknown = JSON.parse((await run(["cache", "list", "-o", "json"])).stdout);
    expect(listed).toMatchObject(
      ["a", "b", "c"]
        .map(keyOf)
        .sort()
        .map((key) => ({ key, sizeBytes: 4 })),
    );
    expect((await run(["cache", "list", "--older-than", "1h", "-o", "json"])).stdout).toBe("[]\n");
    expect(await run(["cache", "purge", keyOf("a")])).toMatchObject({ code: 0, stdout: `Removed ${keyOf("a")}\n` });
    expect(await run(["cache", "purge", keyOf("a")])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not in the cache"),
    });
    expect(await run(["cache", "purge", "--all", "-y"])).toMatchObject({ code: 0, stdout: "Removed 2 of 2\n" });
    expect(await readdir(place)).toEqual(["other.txt"]);
  });
});
