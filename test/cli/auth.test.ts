import { existsSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { emptyHome } from "./fake-terminal.ts";

const canary = "sk-canary-5f2a9c";

describe("auth add", () => {
  test("stores what was given and nothing more, for the owner's eyes", async () => {
    const { run, configFile } = emptyHome();
    const { code, stdout, stderr } = await run(["auth", "add", "-b", "openai", "-m", "gpt-5"], {
      input: `${canary}\n`,
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "openai added to the AI backends\n" });
    expect(stderr).toContain("--password-env keeps a reference");
    expect(stderr).not.toContain(canary);
    expect(await readFile(configFile, "utf8")).toBe(
      `ai:\n  providers:\n    - name: openai\n      model: gpt-5\n      password: ${canary}\n`,
    );
    expect((await stat(configFile)).mode & 0o777).toBe(0o600);
  });

  test("every flag reaches the file under k8sgpt's name", async () => {
    const { run, configFile } = emptyHome();
    const words =
      "auth add -b azureopenai -m gpt-4o -u https://contoso.example -e diag -t 0 --topp 0.9 -c 40 -l 1024 -s ###,END -r eu -i p1 -k c1 -o org-1 -a AZURE --azureAPIVersion 2024-06-01 --proxy http://proxy:3128 --header x-team:platform --password-env AZURE_KEY -n e1 --ca-file ca.pem";
    expect(await run(words.split(" "))).toMatchObject({ code: 0, stderr: "" });
    const text = await readFile(configFile, "utf8");
    for (const line of [
      "model: gpt-4o",
      "baseurl: https://contoso.example",
      "engine: diag",
      "temperature: 0",
      "topp: 0.9",
      "topk: 40",
      "maxtokens: 1024",
      "providerregion: eu",
      "providerid: p1",
      "compartmentid: c1",
      "organizationid: org-1",
      "azureapitype: AZURE",
      "azureapiversion: 2024-06-01",
      "proxyEndpoint: http://proxy:3128",
      "password: env:AZURE_KEY",
      "endpointname: e1",
      "caFile: ca.pem",
      'stopsequences:\n        - "###"\n        - END',
      "customheaders:\n        - x-team:\n            - platform",
    ]) {
      expect(text).toContain(line);
    }
  });

  test.each([
    ["-b opnai", 2, 'There is no AI backend "opnai"', "Did you mean openai"],
    ["-b azureopenai", 2, "Backend azureopenai needs --engine and --baseurl", "auth add -b azureopenai --engine"],
    ["-b amazonbedrock", 2, "Backend amazonbedrock needs --providerRegion", ""],
    ["-b ollama -t 1.5", 2, '--temperature takes a number from 0 to 1, not "1.5"', ""],
    ["-b ollama -c 0", 2, '--topk takes a whole number from 1 to 100, not "0"', ""],
    ["-b ollama -l 0", 2, "--maxtokens takes a whole number", ""],
    ["-b ollama --header nonsense", 2, '--header takes name:value, not "nonsense"', ""],
    ["-b ollama -p a --password-stdin", 2, "The key is given in several ways", ""],
    ["-b openai", 1, "No key was given", "--password-env"],
  ])("%s is refused, and no file is made", async (words, code, message, next) => {
    const { run, configFile } = emptyHome();
    const found = await run(["auth", "add", ...words.split(" ")]);
    expect(found.code).toBe(code);
    expect(found.stderr).toContain(message);
    expect(found.stderr).toContain(next);
    expect(existsSync(configFile)).toBe(false);
  });

  test("one that is configured is not replaced unless asked for", async () => {
    const { run, configFile } = emptyHome();
    await run(["auth", "add", "-b", "ollama", "-m", "a", "-t", "0.2"]);
    expect(await run(["auth", "add", "-b", "ollama", "-m", "b"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Backend ollama is configured already"),
    });
    expect(await run(["auth", "add", "-b", "ollama", "-m", "b", "--force"])).toMatchObject({ code: 0 });
    expect(await readFile(configFile, "utf8")).toBe("ai:\n  providers:\n    - name: ollama\n      model: b\n");
  });
});

const stored = `# mine
ai:
    defaultprovider: openai
    providers:
        - name: openai # the main one
          model: gpt-4o
          password: ${canary}
          temperature: 0.2
          customheaders: []
        - name: Ollama
          model: llama3.1
        - name: homemade
kubeconfig: ""
`;

async function withStored() {
  const home = emptyHome();
  await mkdir(dirname(home.configFile), { recursive: true, mode: 0o700 });
  await writeFile(home.configFile, stored, { mode: 0o600 });
  return home;
}

describe("auth update", () => {
  test("changes only what is given; comments and the rest stay", async () => {
    const { run, configFile } = await withStored();
    expect(await run(["auth", "update", "-b", "openai", "--topk", "20", "--unset", "temperature"])).toEqual({
      code: 0,
      stdout: "openai updated\n",
      stderr: "",
    });
    expect(await readFile(configFile, "utf8")).toBe(
      stored.replace(
        "          temperature: 0.2\n          customheaders: []\n",
        "          customheaders: []\n          topk: 20\n",
      ),
    );
  });

  test.each([
    ["update -b groq -m x", "Backend groq is not configured"],
    ["update -b openai", "Nothing to change of backend openai was given"],
    ["update -b openai --unset colour", '--unset does not know "colour"'],
    ["default -p groq", "Backend groq is not configured"],
    ["remove -b openai,groq", "Backend groq is not configured"],
  ])("auth %s leaves the file alone", async (words, message) => {
    const { run, configFile } = await withStored();
    const found = await run(["auth", ...words.split(" ")]);
    expect(found.code).not.toBe(0);
    expect(found.stderr).toContain(message);
    expect(await readFile(configFile, "utf8")).toBe(stored);
  });
});

describe("auth list, default, remove", () => {
  test("list shows groups and never a secret", async () => {
    const { run } = await withStored();
    const { stdout } = await run(["auth", "list", "--details"]);
    expect(stdout).toContain(
      "Default:\n> openai\nActive:\n> openai\n   - model: gpt-4o\n   - key: in the file\n> ollama\n",
    );
    expect(stdout).toContain("> homemade (unknown: there is no such backend)\nUnused:\n> anthropic\n");
    expect(stdout).not.toContain(canary);
    const json = await run(["auth", "list", "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      default: "openai",
      active: [
        { name: "openai", known: true },
        { name: "ollama", known: true },
        { name: "homemade", known: false },
      ],
    });
  });

  test("list and default create no file", async () => {
    const { run, folder } = emptyHome();
    expect((await run(["auth", "default"])).stdout).toBe("The default AI backend is openai\n");
    await run(["auth", "list"]);
    await run(["cache", "get"]);
    await run(["cache", "list"]);
    expect(existsSync(join(folder, ".config"))).toBe(false);
    expect(existsSync(join(folder, ".cache"))).toBe(false);
  });

  test("default is chosen among the configured ones, and reset when it is removed", async () => {
    const { run, configFile } = await withStored();
    expect((await run(["auth", "default", "-p", "ollama"])).stdout).toBe("The default AI backend is now ollama\n");
    expect(await readFile(configFile, "utf8")).toContain("    defaultprovider: ollama\n");
    expect((await run(["auth", "remove", "-b", "ollama,homemade"])).stdout).toBe(
      "Removed: ollama, homemade; the default is openai again\n",
    );
    const text = await readFile(configFile, "utf8");
    expect(text).toContain("- name: openai # the main one");
    expect(text).not.toMatch(/[oO]llama|homemade|defaultprovider/);
  });
});

describe("auth test and generate", () => {
  test("noopai answers", async () => {
    const { run } = emptyHome();
    const { code, stdout } = await run(["auth", "test", "-b", "noopai"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^noopai answered in \d+\.\d s: I am a noop response to the prompt Say ready\.\n$/);
  });

  test("a refused key is told in words and never shown", async () => {
    const server = createServer((_, answer) => {
      answer.statusCode = 401;
      answer.setHeader("content-type", "application/json").end(`{"error": {"message": "Incorrect API key ${canary}"}}`);
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const { run } = emptyHome({ OPENAI_KEY: canary });
    await run([
      "auth",
      "add",
      "-b",
      "openai",
      "--password-env",
      "OPENAI_KEY",
      "-u",
      `http://127.0.0.1:${address.port}`,
    ]);
    const { code, stdout, stderr } = await run(["auth", "test"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("cannot be used");
    expect(stderr).toContain("401");
    expect(stderr).not.toContain(canary);
    server.close();
  });

  test("a reference that leads nowhere is told", async () => {
    const { run } = emptyHome();
    await run(["auth", "add", "-b", "openai", "--password-env", "NOT_SET"]);
    expect(await run(["auth", "test"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Cannot get the secret env:NOT_SET: the variable is not set"),
    });
    await run(["auth", "update", "-b", "openai", "--password-command", "echo oops >&2; exit 3"]);
    expect(await run(["auth", "test"])).toMatchObject({ code: 1, stderr: expect.stringContaining("it ended with 3") });
  });

  test("generate prints the page of the backend", async () => {
    const { run } = emptyHome();
    expect((await run(["generate", "-b", "anthropic"])).stdout).toContain(
      "https://console.anthropic.com/settings/keys",
    );
    expect((await run(["generate", "-b", "ollama"])).stdout).toContain("takes no key of its own");
  });
});
