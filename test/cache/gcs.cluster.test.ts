/** The driver against a server of Cloud Storage's API that others wrote: fake-gcs-server. */
import { createServer as createBridge, request } from "node:http";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { checkGcs, gcsCache } from "../../src/cache/drivers/gcs.ts";
import { emptyHome } from "../cli/fake-terminal.ts";
import { entriesOf, fillWith2500, keepsTheContract, keyOf } from "./contract.ts";
import { type GoServer, startGoServer } from "./go-server.ts";

const program = { name: "fake-gcs-server", version: "1.56.1", path: "github.com/fsouza/fake-gcs-server" };
const settings = { projectId: "diagnosis-project", region: "europe-west1", bucket: "diagnosis" };

let server: GoServer | undefined;

/**
 * Google's library asks an emulator for `/b/…` where it asks Google for `/storage/v1/b/…`, which is all that the server
 * knows; everything else passes as it is.
 */
const bridge = createBridge((incoming, answer) => {
  const path = (incoming.url ?? "").replace(/^\/b(?=[/?]|$)/, "/storage/v1/b");
  const { method = "GET", headers } = incoming;
  const onward = request(`${server?.url ?? ""}${path}`, { method, headers }, (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(answer);
  });
  onward.on("error", () => answer.destroy());
  incoming.pipe(onward);
});

beforeAll(async () => {
  server = await startGoServer(program, (port) => {
    return ["-scheme", "http", "-host", "127.0.0.1", "-port", String(port), "-backend", "memory"];
  });
  await new Promise<void>((resolve) => void bridge.listen(0, "127.0.0.1", resolve));
  const address = bridge.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  vi.stubEnv("STORAGE_EMULATOR_HOST", `http://127.0.0.1:${address.port}`);
  await checkGcs(settings, true);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  bridge.closeAllConnections();
  bridge.close();
  await server?.stop();
});

keepsTheContract({ open: async () => gcsCache(settings) });

describe("Cloud Storage, as others read its API", () => {
  test("a bucket that is missing is told by name, and made only when asked for", async () => {
    await checkGcs(settings, false);
    const absent = { ...settings, bucket: "absent" };
    await expect(checkGcs(absent, false)).rejects.toMatchObject({
      message: 'Cannot use GCS bucket "absent" of project "diagnosis-project": it does not exist',
      next: expect.stringContaining("--create"),
    });
    await checkGcs(absent, true);
    await checkGcs(absent, false);
    const cache = await gcsCache(absent);
    expect(await entriesOf(cache)).toEqual([]);
    await cache.close();
  });

  test("writing to a bucket that is missing fails and names it", async () => {
    const cache = await gcsCache({ ...settings, bucket: "never-made" });
    await expect(cache.set(keyOf("a"), "1")).rejects.toThrow('Cannot write to GCS bucket "never-made"');
    await cache.close();
  });

  test("2,500 entries, more than two pages, are listed and purged", async () => {
    const cache = await gcsCache({ ...settings, bucket: "absent" });
    await fillWith2500(cache);
    const { run } = emptyHome();
    const words = ["--bucket", "absent", "--region", settings.region, "--projectid", settings.projectId];
    expect(await run(["cache", "add", "gcs", ...words])).toMatchObject({ code: 0 });
    expect((await run(["cache", "list"])).stdout.trim().split("\n")).toHaveLength(2501);
    expect(await run(["cache", "purge", "--all", "--yes"])).toMatchObject({
      code: 0,
      stdout: "Removed 2500 of 2500\n",
    });
    expect(await entriesOf(cache)).toEqual([]);
    await cache.close();
  });
});
