import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { forbidden, json, startServer } from "../cluster/live/server.ts";
import { emptyHome, type Home } from "./fake-terminal.ts";

interface Told {
  readonly checks: readonly { check: string; state: string; text: string; next?: string }[];
}

async function doctor(home: Home, ...words: readonly string[]): Promise<{ code: number; told: Told }> {
  const { code, stdout, stderr } = await home.run(["doctor", "-o", "json", ...words]);
  expect(stderr).toBe("");
  return { code, told: JSON.parse(stdout) as Told };
}

function write(home: Home, text: string): void {
  mkdirSync(dirname(home.configFile), { recursive: true });
  writeFileSync(home.configFile, text);
}

describe("doctor", () => {
  it("finds nothing wrong with what works, and says what may not be read", async () => {
    const server = await startServer(({ path }, reply) => {
      if (path.endsWith("/nodes")) forbidden(reply, "nodes");
      else json(reply, { kind: "List", apiVersion: "v1", metadata: {}, items: [] });
    });
    const home = emptyHome();
    try {
      const kubeconfig = server.kubeconfig();
      chmodSync(kubeconfig, 0o600);
      const fine = await doctor(home, "-f", "ConfigMap", "--kubeconfig", kubeconfig);
      const states = Object.fromEntries(fine.told.checks.map(({ check, state }) => [check, state]));
      expect(states).toMatchObject({
        "config file": "ok",
        policy: "ok",
        kubeconfig: "ok",
        "API server": "ok",
        cache: "ok",
      });
      expect(states["AI backend"]).toBe("note");
      const blind = await doctor(home, "-f", "Node", "--kubeconfig", kubeconfig);
      expect(blind.code).toBe(1);
      expect(blind.told.checks.find(({ check }) => check === "rights")).toMatchObject({
        state: "problem",
        text: expect.stringContaining("nodes"),
        next: expect.stringContaining("k8sgpt rbac check"),
      });
      chmodSync(kubeconfig, 0o644);
      const open = await doctor(home, "-f", "ConfigMap", "--kubeconfig", kubeconfig);
      expect(open.told.checks.find(({ check }) => check === "kubeconfig")).toMatchObject({
        state: "note",
        next: `\`chmod 600 ${kubeconfig}\``,
      });
    } finally {
      await server.close();
    }
  });

  it("looks at everything although pieces are broken", async () => {
    const home = emptyHome({ HOME: "/nonexistent", XDG_CACHE_HOME: tmpdir() });
    write(home, "active_filters: [Pod, Podd]\npolicy: { kind: [Secret] }\n");
    const { code, told } = await doctor(home);
    expect(code).toBe(1);
    const problems = told.checks.filter(({ state }) => state === "problem");
    expect(problems.map(({ check }) => check)).toEqual(["config file", "policy", "kubeconfig", "API server"]);
    expect(problems[0]).toMatchObject({ text: expect.stringContaining("Podd"), next: "k8sgpt filters remove Podd" });
    expect(problems[1]?.text).toContain('"kind" is not known');
    expect(told.checks.map(({ check }) => check)).toContain("cache");
  });

  it("tells of a clock that is not the API server's", async () => {
    const date = new Date(Date.now() + 600_000).toUTCString();
    const empty = { kind: "List", apiVersion: "v1", metadata: {}, items: [] };
    const server = await startServer((_, reply) => json(reply, empty, 200, { date }), { isVersionScripted: true });
    try {
      const { told } = await doctor(emptyHome(), "-f", "ConfigMap", "--kubeconfig", server.kubeconfig());
      expect(told.checks.find(({ check }) => check === "clock")).toMatchObject({
        state: "note",
        text: expect.stringContaining("10 min behind that of the API server"),
        next: "Set this machine's clock: `timedatectl status`",
      });
    } finally {
      await server.close();
    }
  });

  it("tells of a cache folder that cannot be made", async () => {
    const place = join(mkdtempSync(join(tmpdir(), "k8sgpt-doctor-")), "taken");
    writeFileSync(place, "");
    const { code, told } = await doctor(emptyHome({ XDG_CACHE_HOME: place }));
    expect(code).toBe(1);
    expect(told.checks.find(({ check }) => check === "cache")).toMatchObject({
      state: "problem",
      text: expect.stringContaining(`${place} is no folder`),
      next: expect.stringContaining("XDG_CACHE_HOME"),
    });
  });
});
