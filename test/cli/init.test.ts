import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { manualPage } from "../../src/cli/man.ts";
import { emptyHome } from "./fake-terminal.ts";

// Nobody listens there.
const nowhere = { OLLAMA_HOST: "127.0.0.1:1" };

test("--yes writes the defaults, for the owner alone, once", async () => {
  const home = emptyHome(nowhere);
  const first = await home.run(["init", "--yes"]);
  expect(first).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining(`Wrote ${home.configFile}`) });
  expect(statSync(home.configFile).mode & 0o777).toBe(0o600);
  const text = readFileSync(home.configFile, "utf8");
  expect((await home.run(["filters", "list", "-o", "json"])).code).toBe(0);
  const again = await home.run(["init", "--yes"]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("There is a config file already") });
  expect(readFileSync(home.configFile, "utf8")).toBe(text);
});

test("a model on this machine is taken; it is asked for its models and for nothing else", async () => {
  const asked: string[] = [];
  const server = createServer((request, answer) => {
    asked.push(`${request.method ?? ""} ${request.url ?? ""}`);
    answer.end(JSON.stringify({ models: [{ name: "llama3.2:latest" }, { name: "mistral" }] }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const home = emptyHome({ OLLAMA_HOST: `127.0.0.1:${port}` });
  expect(await home.run(["init", "--yes"])).toMatchObject({ code: 0 });
  server.close();
  expect(asked).toEqual(["GET /api/tags"]);
  const { stdout } = await home.run(["auth", "list", "--details"]);
  expect(stdout).toContain("llama3.2");
  expect(stdout).toContain(`http://127.0.0.1:${port}`);
});

test("without a terminal it does not ask", async () => {
  const run = await emptyHome(nowhere).run(["init"]);
  expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
});

test("the manual page has every command, flag and example", async () => {
  const program = createProgram(async () => undefined);
  const page = manualPage(program, "1.2.3");
  expect((await emptyHome().run(["man"])).stdout).toContain('.TH K8SGPT 1 ""');
  const plain = page.replaceAll("\\-", "-");
  for (const command of program.commands) {
    if (command.name() === "__complete" || command.name() === "help") continue;
    expect(plain).toContain(`.SS k8sgpt ${command.name()}`);
    for (const { long } of command.options) expect(plain).toContain(long ?? "");
  }
  expect(plain).toContain("k8sgpt analyze --fail-on critical --strict");
  // No line is taken for a request that is none.
  const requests = new Set(page.split("\n").flatMap((line) => /^[.'](\w+)/.exec(line)?.[1] ?? []));
  expect([...requests].sort()).toEqual(["B", "BR", "I", "PP", "RI", "SH", "SS", "TH", "TP", "fi", "nf"]);
});
