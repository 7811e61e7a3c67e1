import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { audited } from "../../src/ai/audit.ts";
import { BackendFailure, type CompletionPart, type IAI } from "../../src/ai/backend.ts";
import { type AuditFile, openAuditFile } from "../../src/audit.ts";
import { question } from "./backends/asking.ts";

const folder = mkdtempSync(join(tmpdir(), "k8sgpt-ai-audit-"));
const now = (): number => Date.parse("2026-11-21T04:00:00Z");
const caller = { user: "ci", context: "prod", model: "m" };

function answering(parts: () => AsyncGenerator<CompletionPart>): IAI {
  return { getName: () => "openai", host: "llm.example", getCompletion: parts, close: async () => undefined };
}

let count = 0;
async function linesOf(use: (file: AuditFile) => Promise<unknown>): Promise<readonly Record<string, unknown>[]> {
  count += 1;
  const path = join(folder, `${count}.jsonl`);
  const file = openAuditFile(path, {}, now);
  await use(file);
  file.close();
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.slice(1).map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function drain(backend: IAI, signal = new AbortController().signal): Promise<string> {
  let text = "";
  for await (const part of backend.getCompletion(question, signal)) text += part.text;
  return text;
}

describe("a call leaves one line", () => {
  test("with what it cost, and no word of question or answer", async () => {
    const backend = answering(async function* () {
      yield { text: "secret answer", usage: { inputTokens: 7 } };
      yield { text: "", usage: { outputTokens: 3 } };
    });
    const lines = await linesOf(async (file) => {
      expect(await drain(audited(backend, file, caller))).toBe("secret answer");
    });
    expect(lines).toEqual([
      {
        time: "2026-11-21T04:00:00.000Z",
        event: "ai",
        user: "ci",
        context: "prod",
        backend: "openai",
        host: "llm.example",
        model: "m",
        prompt: expect.stringMatching(/^[0-9a-f]{64}$/),
        outcome: "answered",
        cached: false,
        tokensIn: 7,
        tokensOut: 3,
      },
    ]);
  });

  test("a failure with its status", async () => {
    const backend = answering(async function* () {
      yield { text: "a" };
      throw new BackendFailure("it broke: names", { status: 503, isTransient: true });
    });
    const lines = await linesOf(async (file) => {
      await expect(drain(audited(backend, file, caller))).rejects.toThrow("it broke");
    });
    expect(lines).toMatchObject([{ outcome: "failed", status: 503 }]);
    expect(JSON.stringify(lines)).not.toContain("names");
  });

  test("one that was stopped, also when the backend does not hear it", async () => {
    const stop = new AbortController();
    const backend = answering(async function* () {
      yield { text: "a" };
      await new Promise(() => undefined);
    });
    const lines = await linesOf(async (file) => {
      const parts = audited(backend, file, caller).getCompletion(question, stop.signal)[Symbol.asyncIterator]();
      await parts.next();
      void parts.next();
      stop.abort();
    });
    expect(lines).toMatchObject([{ outcome: "stopped" }]);
  });

  test("one whose answer nobody reads to its end", async () => {
    const backend = answering(async function* () {
      yield { text: "a" };
      yield { text: "b" };
    });
    const lines = await linesOf(async (file) => {
      const { signal } = new AbortController();
      for await (const _ of audited(backend, file, caller).getCompletion(question, signal)) break;
    });
    expect(lines).toMatchObject([{ outcome: "stopped" }]);
  });
});

test("the file is shared by those who open it at once: one run, and closed by the last", () => {
  const path = join(folder, "shared.jsonl");
  const one = openAuditFile(path, { k8sgpt: "1" }, now);
  const two = openAuditFile(join(folder, ".", "shared.jsonl"), { k8sgpt: "1" }, now);
  one.close();
  one.close();
  two.write("ai", { outcome: "answered" });
  two.close();
  openAuditFile(path, { k8sgpt: "1" }, now).close();
  const events = readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as Record<string, unknown>)["event"]);
  expect(events).toEqual(["run", "ai", "run"]);
});

test("without a line that can be written there is no call", async () => {
  let calls = 0;
  const backend = answering(async function* () {
    calls += 1;
    yield { text: "a" };
  });
  const full = new Error("the disk is full");
  let left = 1;
  const file: AuditFile = {
    check() {
      if (left < 0) throw full;
    },
    write() {
      left -= 1;
      if (left < 0) throw full;
    },
    close: () => undefined,
  };
  const recorded = audited(backend, file, caller);
  await drain(recorded);
  await expect(drain(recorded)).rejects.toThrow("the disk is full");
  await expect(drain(recorded)).rejects.toThrow("the disk is full");
  expect(calls).toBe(2);
});
