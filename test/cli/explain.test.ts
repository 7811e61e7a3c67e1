import { readdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shopFile } from "../ai/shop.ts";
import { emptyHome } from "./fake-terminal.ts";

/** Speaks as much of OpenAI's API as one question needs, and keeps what it was sent. */
const bodies: string[] = [];
let status = 200;
let server: Server;
let baseURL = "";

const answerText = JSON.stringify({
  summary: "It is as the facts say.",
  why: "Because of the cause.",
  steps: [
    { text: "Look first", command: "kubectl get pods -A" },
    { text: "Then mend", command: "kubectl delete pod web-1" },
  ],
});

beforeAll(async () => {
  server = createServer((request, answer) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => void (body += part));
    request.on("end", () => {
      bodies.push(body);
      if (status !== 200) {
        answer.statusCode = status;
        answer.setHeader("content-type", "application/json").end('{"error":{"message":"no"}}');
        return;
      }
      const chunk = {
        id: "1",
        object: "chat.completion.chunk",
        choices: [{ index: 0, delta: { content: answerText }, finish_reason: null }],
      };
      const last = { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
      answer.setHeader("content-type", "text/event-stream");
      answer.end(`data: ${JSON.stringify(chunk)}\n\ndata: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  baseURL = `http://127.0.0.1:${address.port}/v1`;
});
afterAll(() => server.close());

const shop = ["analyze", "--from", shopFile, "--color", "never"];
const withBackend = (more: Readonly<Record<string, string>> = {}) =>
  emptyHome({ K8SGPT_BACKEND: "openai", K8SGPT_PASSWORD: "sk-canary", K8SGPT_BASEURL: baseURL, ...more });

describe("analyze --explain", () => {
  test("text: each incident's block holds its explanation; the second run sends nothing", async () => {
    status = 200;
    bodies.length = 0;
    const { run, folder } = withBackend();
    const first = await run([...shop, "--explain"]);
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(
      /^note: Explaining 22 incidents with openai \(gpt-5-mini\) at http:\S+; names are masked\n$/,
    );
    expect(first.stdout.match(/explained It is as the facts say\./g)).toHaveLength(22);
    expect(first.stdout).toContain("$ kubectl get pods -A\n");
    expect(first.stdout).toContain("this changes the cluster:\n               $ kubectl delete pod web-1\n");
    expect(first.stdout).toContain("Explained by openai: advice to check, not findings");
    const sent = bodies.length;
    expect(sent).toBe(22);
    const second = await run([...shop, "--explain"]);
    expect(second.stdout).toBe(first.stdout);
    expect(bodies).toHaveLength(sent);
    expect(await readdir(join(folder, ".cache", "k8sgpt"))).toHaveLength(22);
  });

  test("JSON: k8sgpt's provider and details", async () => {
    status = 200;
    const { run } = withBackend();
    const report: unknown = JSON.parse((await run([...shop, "-e", "-o", "json", "--no-cache"])).stdout);
    expect(report).toMatchObject({
      provider: "openai",
      results: expect.arrayContaining([
        expect.objectContaining({ details: expect.stringContaining("It is as the facts say.") }),
      ]),
      incidents: expect.arrayContaining([
        expect.objectContaining({ explanation: expect.objectContaining({ model: "gpt-5-mini" }) }),
      ]),
    });
  });

  test("--no-cache leaves no trace", async () => {
    status = 200;
    const { run, folder } = withBackend();
    await run([...shop, "-e", "-c"]);
    expect(await readdir(folder)).toEqual([]);
  });

  test("a backend that refuses costs explanations, not findings: exit code 5, one call", async () => {
    status = 401;
    bodies.length = 0;
    const { run } = withBackend();
    const plain = await run(shop);
    const { code, stdout, stderr } = await run([...shop, "-e", "-m", "1"]);
    expect(code).toBe(5);
    expect(bodies).toHaveLength(1);
    expect(stderr).toContain("warning: 22 of 22 explanations failed: openai");
    expect(stderr).not.toContain("canary");
    const lines = new Set(stdout.split("\n"));
    expect(plain.stdout.split("\n").filter((line) => !lines.has(line))).toEqual([]);
    expect(stdout).toContain("explained not explained: ");
    expect(await run([...shop, "-e", "--fail-on", "critical"])).toMatchObject({ code: 4 });
  });

  test("--dry-run-explain prints what is sent, and sends nothing", async () => {
    status = 200;
    bodies.length = 0;
    const { run } = withBackend();
    const dry = await run([...shop, "-e", "--dry-run-explain", "-o", "json"]);
    expect(bodies).toEqual([]);
    const { requests }: { requests: readonly { system: string; prompt: string }[] } = JSON.parse(dry.stdout);
    await run([...shop, "-e", "-c", "-m", "1"]);
    expect(bodies).toHaveLength(requests.length);
    for (const [index, { system, prompt }] of requests.entries()) {
      expect(bodies[index]).toContain(JSON.stringify(system));
      expect(bodies[index]).toContain(JSON.stringify(prompt));
    }
    const text = await run([...shop, "--dry-run-explain"]);
    expect(text.stdout).toMatch(
      /^Nothing was sent\. Would go to: openai \(gpt-5-mini\) at \S+; 22 prompts, about \d+ tokens/,
    );
    for (const { prompt } of requests) expect(text.stdout).toContain(prompt);
  });

  test("--ai-budget ends it, told by name", async () => {
    status = 200;
    bodies.length = 0;
    const { run } = withBackend();
    const { code, stdout, stderr } = await run([...shop, "-e", "-c", "--ai-budget", "calls=3"]);
    expect(bodies).toHaveLength(3);
    expect(code).toBe(0);
    expect(stdout).toContain("not explained: not asked: the budget of 3 calls is spent");
    expect(stderr).toContain("warning: 19 incidents not explained: --ai-budget is spent");
  });

  test.each([
    [["--ai-budget", "lots"], "--ai-budget needs a number"],
    [["--ai-timeout", "soon"], "--ai-timeout needs a time"],
    [["-b", "chatgtp"], 'There is no AI backend "chatgtp"'],
    [["-l", "x".repeat(80)], "--language needs the name of a language"],
  ])("%j is wrong usage, told before anything is read", async (words, message) => {
    const { run } = withBackend();
    const { code, stdout, stderr } = await run(["analyze", "--from", "/nowhere", "-e", ...words]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("a missing key is told before a cluster is read", async () => {
    const { run } = emptyHome();
    const { code, stderr } = await run(["analyze", "--from", "/nowhere", "-e", "-b", "openai"]);
    expect(code).toBe(1);
    expect(stderr).toContain("auth");
    expect(stderr).not.toContain("/nowhere");
  });

  test("--no-anonymize sends names as they are, and says so", async () => {
    status = 200;
    bodies.length = 0;
    const { run } = withBackend();
    const { stderr } = await run([...shop, "-e", "-c", "--no-anonymize"]);
    expect(stderr).toContain("names are not masked, credentials are removed");
    expect(bodies.join()).toContain("cart-config");
    bodies.length = 0;
    await run([...shop, "-e", "-c", "-a"]);
    expect(bodies.join()).not.toContain("cart-config");
  });
});
