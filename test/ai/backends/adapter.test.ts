import { describe, expect, test } from "vitest";
import { anyHost, ask, failureOf, parsed, question, sampling } from "./asking.ts";
import { events, json, localServer } from "./local-server.ts";

const ok = [
  { choices: [{ index: 0, delta: { content: "ok" } }] },
  { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
];
const settings = { model: "m", password: "key-12345" };

describe("parameters that a model refuses", () => {
  test("are left out, with a warning, and the rest stays", async () => {
    await using server = await localServer(({ text }, response) => {
      const body = parsed(text);
      if ("temperature" in body) {
        json(
          response,
          { error: { message: "Unsupported value: 'temperature' does not support 0", param: "temperature" } },
          400,
        );
      } else if ("top_p" in body) json(response, { error: { message: "Unsupported parameter: 'top_p'" } }, 400);
      else events(response, ok);
    });
    const { text, warnings } = await ask("openai", { ...settings, ...sampling, baseURL: server.url });
    expect(text).toBe("ok");
    expect(warnings).toEqual([
      "openai has no equivalent of topk: not sent",
      "openai: m does not take temperature; asked without it",
      "openai: m does not take topp; asked without it",
    ]);
    expect(parsed(server.received.at(-1)?.text)).toMatchObject({ max_completion_tokens: 321, stop: ["HALT"] });
  });

  test("a schema goes the same way", async () => {
    await using server = await localServer(({ text }, response) => {
      if ("response_format" in parsed(text))
        json(response, { error: { message: "response_format is not supported" } }, 400);
      else events(response, ok);
    });
    const schema = { type: "object", properties: { summary: { type: "string" } } };
    const request = { ...question, responseSchema: schema };
    const { warnings } = await ask("openai", { ...settings, baseURL: server.url }, { request });
    expect(parsed(server.received[0]?.text)).toMatchObject({
      response_format: { type: "json_schema", json_schema: { schema } },
    });
    expect(warnings).toEqual(["openai: m does not take a schema for the answer; asked without it"]);
  });

  test("another refusal is told as it is", async () => {
    await using server = await localServer((_, response) =>
      json(response, { error: { message: "context too long" } }, 400),
    );
    const failure = await failureOf(ask("openai", { ...settings, ...sampling, baseURL: server.url }));
    expect(failure).toMatchObject({ status: 400, isTransient: false });
    expect(failure.message).toContain("context too long");
    expect(server.received).toHaveLength(1);
  });
});

describe("odd answers", () => {
  test.each([
    [[{ choices: [] }], "gave none"],
    [[{ choices: null }], "gave none"],
    [[{}], "gave none"],
    [[{ choices: [{ delta: { content: null }, finish_reason: "stop" }] }], "empty answer"],
    [[{ choices: [{ delta: { content: "  \n" }, finish_reason: "stop" }] }], "empty answer"],
    [[{ choices: [{ finish_reason: "stop" }] }], "empty answer"],
    [[{ choices: [{ delta: { refusal: "I will not" } }] }], "refused to answer: I will not"],
    [[{ choices: [{ delta: {}, finish_reason: "content_filter" }] }], "content filter"],
    [[{ error: { message: "the engine died" } }], "the engine died"],
    [['{"choices":[{"delta":{"cont'], "openai at"],
  ])("%j is a failure", async (answers, words) => {
    await using server = await localServer((_, response) => events(response, answers));
    const failure = await failureOf(ask("openai", { ...settings, baseURL: server.url }));
    expect(failure.message).toContain(words);
  });

  test.each([
    [200, false],
    [503, true],
  ])("a web page with %i is told as one", async (status, isTransient) => {
    await using server = await localServer((_, response) => {
      response.writeHead(status, { "content-type": "text/html" }).end("<html>Sign in</html>");
    });
    const failure = await failureOf(ask("openai", { ...settings, baseURL: server.url }));
    expect(failure.isTransient).toBe(isTransient);
    expect(failure.message).toContain("answered with a web page");
    expect(failure.message).toContain("check baseurl");
  });

  test("a redirect is not followed", async () => {
    await using other = await localServer((_, response) => events(response, ok));
    await using server = await localServer((_, response) => response.writeHead(307, { location: other.url }).end());
    const failure = await failureOf(ask("openai", { ...settings, baseURL: server.url }));
    expect(failure).toMatchObject({ status: 307, isTransient: false });
    expect(failure.message).toContain("redirect");
    expect(other.received).toHaveLength(0);
  });

  test("an account without money does not get it by asking again", async () => {
    await using server = await localServer((_, response) =>
      json(response, { error: { message: "You exceeded your current quota", code: "insufficient_quota" } }, 429),
    );
    const failure = await failureOf(ask("openai", { ...settings, baseURL: server.url }));
    expect(failure).toMatchObject({ status: 429, isTransient: false });
    expect(failure.message).toContain("no quota left");
  });
});

test("stops in the middle of an answer", async () => {
  await using server = await localServer((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`data: ${JSON.stringify(ok[0])}\n\n`);
  });
  const stop = new AbortController();
  const { openai } = await import("../../../src/ai/backends/openai.ts");
  const backend = await openai.configure({ ...settings, baseURL: server.url }, anyHost);
  const answer = backend.getCompletion(question, stop.signal)[Symbol.asyncIterator]();
  expect((await answer.next()).value).toEqual({ text: "ok" });
  stop.abort(new Error("enough"));
  await expect(answer.next()).rejects.toThrow("enough");
  await backend.close();
});

test("two backends at once keep their keys apart", async () => {
  await using one = await localServer((_, response) => events(response, ok));
  await using two = await localServer((_, response) =>
    events(response, [{ candidates: [{ content: { parts: [{ text: "ok" }] }, finishReason: "STOP" }] }]),
  );
  await Promise.all(
    [1, 2, 3, 4].flatMap((count) => [
      ask("openai", { ...settings, password: `key-one-${count}`, baseURL: one.url }),
      ask("google", { password: `key-two-${count}`, baseURL: two.url }),
    ]),
  );
  const keys = (server: typeof one, header: string): string[] =>
    server.received.map(({ headers }) => String(headers[header])).sort();
  expect(keys(one, "authorization")).toEqual([1, 2, 3, 4].map((count) => `Bearer key-one-${count}`));
  expect(keys(two, "x-goog-api-key")).toEqual([1, 2, 3, 4].map((count) => `key-two-${count}`));
});
