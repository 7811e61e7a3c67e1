import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { entry, temporaryFolder } from "./run.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pretendsToBeOld =
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}});process.getBuiltinModule=undefined';

/** Runs the built command on this Node, which says of itself that it is 20.1. */
function onOldNode(program: string, words: readonly string[]): ReturnType<typeof spawnSync> {
  return spawnSync(process.execPath, ["--import", pretendsToBeOld, program, ...words], {
    cwd: root,
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", HOME: temporaryFolder(), LANG: "C.UTF-8" },
  });
}

describe("on a Node that is too old", () => {
  it("the checkout's own Node takes over: same words, same output, same exit code", () => {
    const words = ["analyze", "--from", "examples/broken-shop.tar.gz", "--fail-on", "critical"];
    const { stdout, stderr, status } = onOldNode(entry, words);
    expect(String(stdout)).toContain("✖ 22 incidents");
    expect(String(stderr)).toBe("");
    expect(status).toBe(4);
  });

  it("without one it says which Node is needed", () => {
    const elsewhere = join(temporaryFolder(), "dist");
    cpSync(join(root, "dist"), elsewhere, { recursive: true });
    const { stdout, stderr, status } = onOldNode(join(elsewhere, "k8sgpt.js"), ["version"]);
    expect(String(stdout)).toBe("");
    expect(String(stderr)).toMatch(/^error: k8sgpt needs Node\.js 24\.5 or newer; this is v.*\nnext: Install a newer/);
    expect(status).toBe(1);
  });
});
