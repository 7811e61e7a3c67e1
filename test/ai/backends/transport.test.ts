import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { openTransport } from "../../../src/ai/backends/transport.ts";
import { hostGuard, isLoopback } from "../../../src/ai/door.ts";
import type { BackendSettings } from "../../../src/ai/backend.ts";
import { Fault } from "../../../src/fault.ts";
import { waitOf } from "../../../src/ai/backends/failure.ts";
import { json, localServer } from "./local-server.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

const open = async (settings: BackendSettings) =>
  openTransport("openai", settings, hostGuard([]), "http://llm.example/v1");

async function faultOf(asked: Promise<unknown>): Promise<Fault> {
  const error = await asked.catch((reason: unknown) => reason);
  if (error instanceof Fault) return error;
  throw new Error("not a Fault", { cause: error });
}

describe("proxies", () => {
  test("of the environment take what goes out, and never what stays on this machine", async () => {
    await using proxy = await localServer((_, response) => json(response, { from: "proxy" }));
    await using server = await localServer((_, response) => json(response, { from: "server" }));
    vi.stubEnv("HTTP_PROXY", proxy.url);
    vi.stubEnv("http_proxy", undefined);
    vi.stubEnv("NO_PROXY", "inside.example");
    vi.stubEnv("no_proxy", undefined);
    const transport = await open({});
    const answer = await transport.fetch("http://llm.example/v1", { method: "POST", body: "text" });
    expect(await answer.json()).toEqual({ from: "proxy" });
    expect(proxy.received[0]).toMatchObject({ path: "http://llm.example/v1", text: "text" });
    expect(await (await transport.fetch(server.url)).json()).toEqual({ from: "server" });
    await expect(transport.fetch("http://inside.example/")).rejects.toThrow("inside.example");
    expect(proxy.received).toHaveLength(1);
    transport.close();
  });

  test("that are no addresses are refused before anything is sent", async () => {
    const fault = await faultOf(open({ proxyEndpoint: "proxy.example:3128" }));
    expect(fault.message).toBe("The proxy of backend openai is not an http or https address");
    expect(fault.next).toContain("http://proxy.example:3128");
  });
});

describe("caFile", () => {
  test("that is missing or holds no certificate is refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ca-"));
    await writeFile(join(folder, "empty.pem"), "nothing");
    const missing = await faultOf(open({ caFile: join(folder, "none.pem") }));
    expect(missing.message).toMatch(/^Cannot read caFile ".*none.pem" of backend openai: ENOENT/);
    const empty = await faultOf(open({ caFile: join(folder, "empty.pem") }));
    expect(empty.message).toContain("holds no PEM certificate");
    expect(empty.next).toContain("caFile");
    await rm(folder, { recursive: true });
  });
});

test.each([
  ["localhost", true],
  ["127.0.0.1", true],
  ["[::1]", true],
  ["127.0.0.1.example", false],
  ["localhost.example", false],
])("%s is this machine: %s", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

test.each([
  [{ "retry-after": "3" }, 3000],
  [{ "retry-after-ms": "250", "retry-after": "3" }, 250],
  [{ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s" }, 62_500],
  [{ "x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "9s" }, undefined],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }, 0],
])("%j asks to wait %s ms", (headers, wait) => {
  expect(waitOf(new Headers(Object.entries(headers)))).toBe(wait);
});
