import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkCache, openCache } from "../../src/cache/drivers.ts";
import { decodeTexts, encodeTexts, interplexCache } from "../../src/cache/drivers/interplex.ts";
import { entriesOf, keepsTheContract, keyOf } from "./contract.ts";

const stored = new Map<string, string>();
const server = new grpc.Server();
let address = "";

const method = (name: string): grpc.MethodDefinition<readonly string[], readonly string[]> => ({
  path: `/schema.v1.CacheService/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: encodeTexts,
  requestDeserialize: decodeTexts,
  responseSerialize: encodeTexts,
  responseDeserialize: decodeTexts,
});

beforeAll(async () => {
  type Call = grpc.ServerUnaryCall<readonly string[], readonly string[]>;
  type Done = grpc.sendUnaryData<readonly string[]>;
  server.addService(
    { set: method("Set"), get: method("Get"), delete: method("Delete") },
    {
      set({ request: [key = "", value = ""] }: Call, done: Done) {
        stored.set(key, value);
        done(null, []);
      },
      get({ request: [key = ""] }: Call, done: Done) {
        const value = stored.get(key);
        if (value === undefined) done({ code: grpc.status.NOT_FOUND, details: "key not found" });
        else done(null, [value]);
      },
      delete({ request: [key = ""] }: Call, done: Done) {
        stored.delete(key);
        done(null, []);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  address = `127.0.0.1:${port}`;
});
afterAll(() => server.forceShutdown());

keepsTheContract({ open: async () => interplexCache({ connectionString: address }, {}), lists: false });

describe("Interplex", () => {
  test("its messages are protobuf as the service's schema has them", () => {
    expect(encodeTexts(["ab", "c"]).toString("hex")).toBe("0a026162120163");
    expect(decodeTexts(Buffer.from("0a0261621801120163", "hex"))).toEqual(["ab", "c"]);
    expect(decodeTexts(encodeTexts(["x".repeat(300)]))).toEqual(["x".repeat(300)]);
    expect(decodeTexts(new Uint8Array())).toEqual([]);
  });

  test("says that it cannot list", async () => {
    const cache = await interplexCache({ connectionString: address }, {});
    await expect(entriesOf(cache)).rejects.toThrow(`Interplex at ${address} cannot list what it holds`);
    await cache.close();
  });

  test("nobody there is a fault that names the address", async () => {
    const settings = { type: "interplex", connectionString: "127.0.0.1:1" } as const;
    await expect(checkCache(settings, {}, false)).rejects.toThrow(/^Cannot read from Interplex at 127\.0\.0\.1:1: /);
    const cache = await openCache(settings, {});
    await expect(cache.set(keyOf("a"), "x")).rejects.toMatchObject({ next: expect.stringContaining("cache remove") });
    await cache.close();
  });
});
