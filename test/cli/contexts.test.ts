import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { confusions } from "../../src/cli/contexts.ts";
import { base64, json, startServer } from "../cluster/live/server.ts";
import { createAuthority } from "../lab/certificates.ts";
import { emptyHome } from "./fake-terminal.ts";

describe("contexts that are taken for one another", () => {
  test.each([
    [["prod-a", "prod-b", "stage"], ["prod-a and prod-b differ by one character only"]],
    [["prod-1", "prod-2", "prod-3"], ["prod-1, prod-2 and prod-3 differ by one character only"]],
    [["prod", "prods"], ["prod and prods differ"]],
    [["prod", "prdo"], ["prdo and prod differ"]],
    [["Prod", "prod"], ["Prod and prod differ"]],
    [["prod", "preprod", "develop"], []],
    [["a-1", "b-2"], []],
  ])("%j", (names, expected) => {
    const found = confusions(names.map((name) => ({ name })));
    expect(found).toHaveLength(expected.length);
    for (const [index, text] of expected.entries()) expect(found[index]).toContain(text);
  });

  it("share a server", () => {
    const server = "https://10.0.0.1:6443";
    expect(confusions([{ name: "production", server }, { name: "admin", server }, { name: "other" }])).toEqual([
      `production and admin are the same server: ${server}`,
    ]);
  });
});

/** A token that says when it ends; nothing checks its signature here. */
function jwt(expiresAt: number): string {
  const [head, claims] = [{ alg: "none" }, { exp: Math.floor(expiresAt / 1000) }].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  return `${head ?? ""}.${claims ?? ""}.c2lnbmVk`;
}

it("asks each context on its own, and prints no credential", async () => {
  const server = await startServer((_, reply) => {
    json(reply, {});
  });
  const gone = await startServer(() => undefined);
  await gone.close();
  const home = emptyHome();
  const token = jwt(Date.now() + 3_600_000);
  const certificate = await createAuthority("contexts");
  const kubeconfig = join(home.folder, "config");
  const contexts = [
    ["alpha", "live", "token"],
    ["bravo", "dead", "token"],
    ["charlie", "missing", "token"],
    ["delta-long-name", "live", "certificate"],
  ];
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      kind: "Config",
      clusters: [
        { name: "live", cluster: { server: server.url, "certificate-authority-data": base64(server.authority.cert) } },
        { name: "dead", cluster: { server: gone.url } },
      ],
      users: [
        { name: "token", user: { token } },
        {
          name: "certificate",
          user: { "client-certificate-data": base64(certificate.cert), "client-key-data": base64(certificate.key) },
        },
      ],
      contexts: contexts.map(([name, cluster, user]) => ({ name, context: { cluster, user } })),
      "current-context": "alpha",
    }),
  );
  try {
    const told = await home.run(["contexts", "-o", "json", "--kubeconfig", kubeconfig, "--request-timeout", "3s"]);
    expect(told).toMatchObject({ code: 0, stderr: "" });
    const parsed = JSON.parse(told.stdout) as { contexts: object[]; warnings: string[] };
    expect(parsed.contexts).toMatchObject([
      { name: "alpha", current: true, reachable: true, credential: { kind: "token", expiresAt: expect.any(String) } },
      { name: "bravo", reachable: false, problem: expect.stringContaining("connection refused") },
      { name: "charlie", reachable: false, problem: expect.stringContaining("missing") },
      {
        name: "delta-long-name",
        reachable: true,
        credential: { kind: "client certificate", expiresAt: expect.any(String) },
      },
    ]);
    expect(parsed.warnings).toContainEqual(expect.stringContaining("alpha and delta-long-name are the same server"));
    expect(parsed.warnings).toContainEqual(expect.stringMatching(/^alpha: the token expires in (?:1 hour|60 minutes)/));

    const asked = server.asked.length;
    const text = await home.run(["contexts", "--offline", "--kubeconfig", kubeconfig]);
    expect(server.asked.length).toBe(asked);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^\* +alpha +not asked/m);
    expect(text.stdout).toMatch(/^ +charlie +broken/m);
    for (const output of [told.stdout, text.stdout]) {
      expect(output).not.toContain(token);
      expect(output).not.toContain("BEGIN");
    }

    const dead = await home.run(["contexts", "--context", "bravo", "--kubeconfig", kubeconfig]);
    expect(dead.code).toBe(1);
    const unknown = await home.run(["contexts", "--context", "alpah", "--kubeconfig", kubeconfig]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('No context "alpah"');
  } finally {
    await server.close();
  }
});
