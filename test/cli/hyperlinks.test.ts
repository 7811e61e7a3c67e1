import { expect, test } from "vitest";
import { showsLinks } from "../../src/cli/display.ts";
import { printPaged } from "../../src/cli/pager.ts";
import { emptyHome } from "./fake-terminal.ts";

test.each<readonly [env: Readonly<Record<string, string>>, shown: boolean]>([
  [{}, false],
  [{ TERM: "xterm-256color" }, false],
  [{ TERM_PROGRAM: "iTerm.app" }, true],
  [{ TERM_PROGRAM: "WezTerm" }, true],
  [{ TERM_PROGRAM: "vscode" }, true],
  [{ TERM_PROGRAM: "ghostty" }, true],
  [{ TERM_PROGRAM: "Apple_Terminal" }, false],
  [{ TERM: "xterm-kitty" }, true],
  [{ VTE_VERSION: "7600" }, true],
  [{ VTE_VERSION: "5000" }, false],
  [{ WT_SESSION: "1" }, true],
  [{ KONSOLE_VERSION: "230800" }, true],
  [{ VTE_VERSION: "7600", TMUX: "/tmp/tmux" }, false],
  [{ VTE_VERSION: "7600", TERM: "screen-256color" }, false],
  [{ VTE_VERSION: "7600", TMUX: "/tmp/tmux", FORCE_HYPERLINK: "1" }, true],
  [{ TERM_PROGRAM: "vscode", FORCE_HYPERLINK: "0" }, false],
  [{ TERM_PROGRAM: "vscode", TERM: "dumb" }, false],
])("a terminal with %o shows links: %s", (env, shown) => {
  expect(showsLinks("auto", { env, stdoutIsTerminal: true })).toBe(shown);
  expect(showsLinks("auto", { env, stdoutIsTerminal: false })).toBe(false);
  expect(showsLinks("always", { env, stdoutIsTerminal: false })).toBe(true);
  expect(showsLinks("never", { env, stdoutIsTerminal: true })).toBe(false);
});

const address = "https://kubernetes.io/docs/";

test("links are around the text and change nothing else of it", async () => {
  const { run } = emptyHome();
  const words = ["rules", "configmap-missing", "--hyperlinks"];
  const plain = await run([...words, "auto"]);
  const linked = await run([...words, "always"]);
  expect(plain.stdout).not.toContain("\u001B");
  expect(linked.stdout).toContain(`\u001B]8;;${address}`);
  expect(linked.stdout.split(/\u001B\]8;;[^\u001B]*\u001B\\/).join("")).toBe(plain.stdout); // oxlint-disable-line no-control-regex -- the links
});

test("a pager gets links only when they are asked for", async () => {
  const text = `\u001B]8;;${address}\u001B\\title\u001B]8;;\u001B\\\nmore\n`;
  const paged = async (hyperlinks: "auto" | "always"): Promise<string> => {
    const { mkdtempSync, readFileSync } = await import("node:fs");
    const { tmpdir } = await import("node:os");
    const file = `${mkdtempSync(`${tmpdir()}/k8sgpt-pager-`)}/seen`;
    const terminal = {
      env: { ...process.env, PAGER: `cat > ${file}`, TERM: "xterm" },
      platform: "linux",
      home: "/",
      stdin: process.stdin,
      stdoutIsTerminal: true,
      stderrIsTerminal: false,
      columns: 80,
      rows: 2,
      print: async () => undefined,
      tell: () => undefined,
      draw: () => undefined,
    } as const;
    await printPaged(text, { hyperlinks }, terminal);
    return readFileSync(file, "utf8");
  };
  expect(await paged("auto")).toBe("title\nmore\n");
  expect(await paged("always")).toBe(text);
});
