import { createServer, type Server } from "node:http";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { maskingFor } from "../../src/engine/explain.ts";
import { listening, streamAnswer } from "../ai/chat-stream.ts";
import { brokenShop, shopFile } from "../ai/shop.ts";
import { emptyHome, type Ran } from "./fake-terminal.ts";

/** What it was sent that is no explanation, and how it answers that: in parts, or with a status, or never to the end. */
const questions: string[] = [];
const bodies: string[] = [];
type Answer = readonly string[] | number | "hangs";
let answer: (body: string) => Answer = () => ["Fine."];
let server: Server;
let baseURL = "";

beforeAll(async () => {
  server = createServer((request, to) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => void (body += part));
    request.on("end", () => {
      bodies.push(body);
      if (!body.includes("You answer questions")) {
        streamAnswer(to, ['{"summary": "It is so.", "why": "", "steps": []}']);
        return;
      }
      questions.push(body);
      const given = answer(body);
      if (typeof given === "number") {
        to.statusCode = given;
        to.setHeader("content-type", "application/json").end('{"error":{"message":"no for sk-canary"}}');
      } else if (given === "hangs") streamAnswer(to, ["Well, "], false);
      else streamAnswer(to, given);
    });
  });
  baseURL = await listening(server);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  questions.length = 0;
  bodies.length = 0;
  answer = () => ["Fine."];
});

/** A keyboard as readline sees it. */
function keyboard(): NodeJS.ReadStream {
  const keys = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it has what readline uses of a terminal
  return keys as unknown as NodeJS.ReadStream;
}

/** Types each of `keys` when what stands before it has been shown since the last one was typed. */
async function session(
  keys: readonly (readonly [shown: string, keys: string])[],
  more: readonly string[] = [],
): Promise<Ran & { readonly screen: string }> {
  const stdin = keyboard();
  const left = [...keys];
  let screen = "";
  let seen = 0;
  const draw = (text: string): void => {
    screen += text;
    const [next] = left;
    const at = next === undefined ? -1 : screen.indexOf(next[0], seen);
    if (next === undefined || at < 0) return;
    seen = at + next[0].length;
    left.shift();
    setImmediate(() => stdin.push(next[1]));
  };
  const home = emptyHome({ K8SGPT_BACKEND: "openai", K8SGPT_PASSWORD: "sk-canary", K8SGPT_BASEURL: baseURL });
  const words = ["analyze", "--from", shopFile, "--color", "never", "-e", "-i", ...more];
  const ran = await home.run(words, {
    terminal: {
      stdin,
      stderrIsTerminal: true,
      stdoutIsTerminal: true,
      columns: 100,
      draw,
      tell: (line) => draw(`${line}\n`),
    },
  });
  expect(left).toEqual([]);
  return { ...ran, screen };
}

const promptOf = (body: string | undefined): string => {
  const { messages }: { messages: readonly { role: string; content: string }[] } = JSON.parse(body ?? "{}");
  return messages.find(({ role }) => role === "user")?.content ?? "";
};

describe("analyze --explain --interactive", () => {
  test("answers are unmasked as they come, earlier turns are sent again, and exit ends it", async () => {
    answer = (body) => {
      // The token of the name that was asked about, cut in two.
      const token = /Question: Why is (\S+) broken/.exec(promptOf(body))?.[1] ?? "";
      return token === ""
        ? ["Second."]
        : [`Because ${token.slice(0, 3)}`, `${token.slice(3)} lacks`, " \u001B[2Jits map."];
    };
    const { code, stdout, screen } = await session([
      ["ask> ", "Why is cart-config broken?\r"],
      ["ask> ", "how do I exit code 137 quit?\r"],
      ["ask> ", "\r"],
      ["ask> ", " exit \r"],
    ]);
    expect(code).toBe(0);
    expect(screen).toContain("Because cart-config lacks [2Jits map.\n");
    expect(screen).toContain("Second.\n");
    expect(stdout).toContain("explained It is so.");
    expect(stdout).not.toContain("ask>");
    expect(questions).toHaveLength(2);
    expect(promptOf(questions[0])).not.toContain("Earlier question:");
    expect(promptOf(questions[0])).toContain("Incident 1 of 22\n");
    expect(promptOf(questions[0])).toContain("explained to the engineer as: It is so.");
    expect(promptOf(questions[1])).toMatch(
      /Earlier question: Why is \S+-\d+ broken\?\nYour answer: Because \S+-\d+ lacks/,
    );
    expect(promptOf(questions[1])).toMatch(/Question: how do I exit code 137 quit\?$/);
  });

  test("no name of the cluster is in any byte that is sent, whatever is typed", async () => {
    const { report, input } = await brokenShop();
    const masking = maskingFor(report, input, true);
    expect(masking.mask("cart-config")).not.toBe("cart-config");
    answer = () => ["The ConfigMap cart-config of shop is missing."];
    await session([
      ["ask> ", "Is cart-config in namespace shop the cause, or 10.96.12.34?\r"],
      ["ask> ", "And what else?\r"],
      ["ask> ", "quit\r"],
    ]);
    expect(questions).toHaveLength(2);
    const words = new Set(
      bodies
        .join("\n")
        .replaceAll("\\n", "\n")
        .match(/[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?/g),
    );
    const names = Object.values(input.objects)
      .flatMap((objects) => objects ?? [])
      .flatMap(({ metadata }) => [metadata?.name ?? "", metadata?.namespace ?? ""])
      // Words that are everywhere are not masked; our own words may also be names.
      .filter((name) => name !== "" && masking.mask(name) !== name);
    expect(new Set(names).size).toBeGreaterThan(100);
    const own = new Set(
      (JSON.parse(questions[0] ?? "") as { messages: { content: string }[] }).messages[0]?.content.match(/[\w-]+/g),
    ); // oxlint-disable-line typescript/no-unsafe-type-assertion -- what we sent ourselves
    expect([...new Set(names)].filter((name) => words.has(name) && !own.has(name))).toEqual([]);
    expect(bodies.join()).not.toContain("10.96.12.34");
  });

  test("Ctrl-C stops an answer and then, at the prompt, ends with 0", async () => {
    answer = () => "hangs";
    const { code, screen } = await session([
      ["ask> ", "Tell me all\r"],
      ["Well,", "\u0003"],
      ["(stopped)", ""],
      ["ask> ", "\u0003"],
    ]);
    expect(code).toBe(0);
    expect(screen).toContain("(stopped)\n");
    expect(questions).toHaveLength(1);
  });

  test("an error of the backend is told without the key, and the loop goes on until Ctrl-D", async () => {
    answer = () => (questions.length === 1 ? 401 : ["Now it works."]);
    const { code, screen } = await session([
      ["ask> ", "One\r"],
      ["ask> ", "Two\r"],
      ["ask> ", "\u0004"],
    ]);
    expect(code).toBe(0);
    expect(screen).toMatch(/warning: openai \(gpt-5-mini\) at \S+: /);
    expect(screen).not.toContain("sk-canary");
    expect(screen).toContain("Now it works.\n");
  });

  test("a paste of several lines is one question", async () => {
    await session([
      ["ask> ", "What is this?\rexit\rE1 failed\r"],
      ["ask> ", "exit\r"],
    ]);
    expect(questions).toHaveLength(1);
    expect(promptOf(questions[0])).toMatch(/Question: What is this\?\nexit\nE1 failed$/);
  });

  test("the budget holds for answers too, and the history is bounded", async () => {
    answer = () => ["word ".repeat(4000)];
    const { screen } = await session(
      [
        ...["First?", "Second?", "Third?", "Fourth?"].map((question) => ["ask> ", `${question}\r`] as const),
        ["ask> ", "exit\r"],
      ],
      ["--ai-budget", "calls=25", "-m", "1", "-c"],
    );
    expect(questions).toHaveLength(3);
    expect(screen).toContain("not asked: the budget of 25 calls is spent");
    expect(promptOf(questions[2])).toContain("Earlier question: Second?");
    expect(promptOf(questions[2])).not.toContain("Earlier question: First?");
  });

  test("where nobody can ask it is wrong usage, told before anything is read", async () => {
    const { run } = emptyHome();
    const alone = await run(["analyze", "--from", "/nowhere", "-i"]);
    expect(alone).toMatchObject({ code: 2, stdout: "" });
    expect(alone.stderr).toContain("--interactive asks about explanations, and --explain is not given");
    const piped = await run(["analyze", "--from", "/nowhere", "-e", "-i"]);
    expect(piped.code).toBe(2);
    expect(piped.stderr).toContain("--interactive needs a terminal, and standard input is none");
    expect(piped.stderr).toContain("next: Leave --interactive out");
    const stdin = keyboard();
    const redirected = await run(["analyze", "--from", "/nowhere", "-e", "-i"], { terminal: { stdin } });
    expect(redirected).toMatchObject({ code: 2, stderr: expect.stringContaining("standard error is none") });
    expect(await run(["analyze", "-e", "-i", "--dry-run-explain"])).toMatchObject({ code: 2 });
    expect(await run(["analyze", "-e", "-i", "--from", "-"])).toMatchObject({ code: 2 });
  });
});
