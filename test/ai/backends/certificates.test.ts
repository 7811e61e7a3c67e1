import { createServer } from "node:https";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createAuthority } from "../../lab/certificates.ts";
import { ask, failureOf } from "./asking.ts";
import { events, json } from "./local-server.ts";

const server = createServer();
let folder = "";
let baseURL = "";
let caFile = "";

beforeAll(async () => {
  const authority = await createAuthority("inner");
  const { cert, key } = await authority.issue({ commonName: "localhost", hosts: ["localhost", "127.0.0.1"] });
  server.setSecureContext({ cert, key });
  server.on("request", (request, response) => {
    request.resume();
    if (request.url?.includes("/endpoints/") === true) json(response, [{ generated_text: "ok" }]);
    else events(response, [{ choices: [{ delta: { content: "ok" }, finish_reason: "stop" }] }]);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  baseURL = `https://localhost:${typeof address === "object" ? address?.port : ""}`;
  folder = await mkdtemp(join(tmpdir(), "ca-"));
  caFile = join(folder, "ca.pem");
  await writeFile(caFile, authority.cert);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "aws-secret");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

describe.each([
  { name: "openai", settings: { password: "key-12345", model: "m" } },
  { name: "amazonsagemaker", settings: { endpointName: "e", providerRegion: "eu-west-1" } },
])("$name", ({ name, settings }) => {
  test("trusts the authority in caFile", async () => {
    expect((await ask(name, { ...settings, baseURL, caFile })).text).toBe("ok");
  });

  test("without it says what is wrong, and that asking again does not help", async () => {
    const failure = await failureOf(ask(name, { ...settings, baseURL }));
    expect(failure.message).toContain("has a certificate that is not trusted (caFile names more authorities)");
    expect(failure.isTransient).toBe(false);
  });
});
