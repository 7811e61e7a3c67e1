import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openAuditLog } from "../../src/cluster/audit.ts";
import { openLive } from "../../src/cluster/live/live.ts";
import { Fault } from "../../src/fault.ts";
import { json, startServer } from "./live/server.ts";

const folder = mkdtempSync(join(tmpdir(), "k8sgpt-audit-"));
const now = (): number => Date.parse("2026-11-21T04:00:00Z");
const read = { context: "prod", user: "ci", bytes: 10 };

function linesOf(path: string): readonly Record<string, unknown>[] {
  return readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function failing(path: string): Fault {
  try {
    openAuditLog(path, {}, now);
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  throw new Error("no Fault");
}

describe("the file", () => {
  it("grows by a line per read, for its owner alone", () => {
    const path = join(folder, "grows.jsonl");
    for (let run = 0; run < 2; run += 1) {
      const log = openAuditLog(path, { k8sgpt: "1.0.0" }, now);
      log.record({ ...read, path: "/api/v1/pods?limit=500", status: 200, objects: 3 });
      log.record({ ...read, path: "/api/v1/namespaces/a", refused: "policy.yaml:2 does not allow it" });
      log.close();
    }
    const lines = linesOf(path);
    expect(lines).toHaveLength(6);
    expect(lines.slice(3)).toEqual(lines.slice(0, 3));
    expect(lines[0]).toEqual({ time: "2026-11-21T04:00:00.000Z", event: "run", k8sgpt: "1.0.0" });
    expect(lines[1]).toMatchObject({ event: "read", verb: "list", status: 200, objects: 3, user: "ci" });
    expect(lines[2]).toMatchObject({ event: "read", verb: "get", refused: "policy.yaml:2 does not allow it" });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is not written where others could read it", () => {
    const path = join(folder, "open.jsonl");
    writeFileSync(path, "before\n");
    chmodSync(path, 0o644);
    expect(() => openAuditLog(path, {}, now)).toThrow(/is open to others \(mode 0644\)/);
    expect(readFileSync(path, "utf8")).toBe("before\n");
  });

  it("tells at the start what is wrong with its place", () => {
    expect(failing(join(folder, "none", "a.jsonl")).message).toContain("its folder does not exist");
    expect(failing(folder).message).toContain("it is a folder");
    expect(failing(folder).next).toContain("--audit-log");
  });

  it.runIf(existsSync("/dev/full"))("tells at the start that the disk is full", () => {
    expect(() => openAuditLog("/dev/full", {}, now)).toThrow("Cannot write to audit log /dev/full: the disk is full");
  });
});

describe("the door", () => {
  const options = {
    requestTimeoutMs: 5000,
    maxConcurrency: 2,
    userAgent: "k8sgpt-test",
    env: {},
    isInteractive: false,
  };

  it("sends nothing that a policy keeps back, and records that", async () => {
    const server = await startServer((_, reply) => {
      json(reply, {
        kind: "NamespaceList",
        apiVersion: "v1",
        metadata: {},
        items: [{ metadata: { name: "shop" } }, { metadata: { name: "payroll" } }],
      });
    });
    const path = join(folder, "door.jsonl");
    const audit = openAuditLog(path, {}, now);
    const policies = [{ origin: "policy.yaml", namespaces: { deny: [{ text: "payroll", line: 3 }] } }];
    const { signal } = new AbortController();
    const source = await openLive({ ...options, kubeconfig: server.kubeconfig(), policies, audit }, signal);
    try {
      const result = await source.read({ kinds: ["Node", "ServiceAccount"], scope: {}, signal });
      expect(result.scope).toEqual({ include: ["shop"] });
      expect(result.notes).toMatchObject([{ what: "namespace payroll", reason: "policy.yaml:3 does not allow it" }]);
      await expect(source.hasNamespace("payroll", signal)).rejects.toThrow(
        'policy.yaml:3 does not allow namespace "payroll"',
      );
      expect(
        await source.log({ namespace: "payroll", pod: "a", container: "b", previous: false, tailLines: 5 }, signal),
      ).toBeUndefined();
      expect(server.asked.map((asked) => asked.path).filter((asked) => asked.includes("payroll"))).toEqual([]);
      expect(
        server
          .lists()
          .map((asked) => asked.path)
          .sort(),
      ).toEqual(["/api/v1/namespaces", "/api/v1/namespaces/shop/serviceaccounts", "/api/v1/nodes"]);
      const refused = linesOf(path).filter((line) => line["refused"] !== undefined);
      expect(refused.map((line) => line["path"])).toEqual([
        "/api/v1/namespaces/payroll",
        expect.stringContaining("/api/v1/namespaces/payroll/pods/a/log"),
      ]);
    } finally {
      await source.close();
      await server.close();
    }
  });

  it("reads nothing more once a line could not be written", async () => {
    const server = await startServer((_, reply) => {
      json(reply, { kind: "NodeList", apiVersion: "v1", metadata: {}, items: [] });
    });
    const full = new Fault("Cannot write to audit log a: the disk is full");
    let left = 2;
    const audit = {
      check: () => {
        if (left < 0) throw full;
      },
      record: () => {
        left -= 1;
        if (left < 0) throw full;
      },
      close: () => undefined,
    };
    const { signal } = new AbortController();
    const source = await openLive({ ...options, kubeconfig: server.kubeconfig(), audit }, signal);
    try {
      const one = await source.read({ kinds: ["Node"], scope: {}, signal });
      expect(one.reads).toEqual([{ kind: "Node", state: "complete" }]);
      const before = server.asked.length;
      const two = await source.read({ kinds: ["Node"], scope: {}, signal });
      expect(two.reads).toMatchObject([{ state: "unread", reason: "Cannot write to audit log a: the disk is full" }]);
      await source.read({ kinds: ["Node"], scope: {}, signal });
      // The one whose line failed, and none after it.
      expect(server.asked.length).toBe(before + 1);
    } finally {
      await source.close();
      await server.close();
    }
  });
});
