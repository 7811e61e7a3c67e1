import { expect, test } from "vitest";
import { pagerFor, printPaged } from "../../src/cli/pager.ts";

const long = "line\n".repeat(40);
const terminal = { env: {}, platform: "linux", rows: 24, stdoutIsTerminal: true } as const;

test.each([
  ["a long text", long, {}, {}, "less"],
  ["one that fits", "line\n".repeat(23), {}, {}, undefined],
  ["--no-pager", long, { pager: false }, {}, undefined],
  ["a conversation follows", long, { interactive: true }, {}, undefined],
  ["a pipe", long, {}, { stdoutIsTerminal: false }, undefined],
  ["PAGER", long, {}, { env: { PAGER: "more -s" } }, "more -s"],
  ["K8SGPT_PAGER goes before it", long, {}, { env: { PAGER: "more", K8SGPT_PAGER: "most" } }, "most"],
  ["an empty one", long, {}, { env: { PAGER: "" } }, undefined],
  ["cat", long, {}, { env: { K8SGPT_PAGER: "cat" } }, undefined],
  ["a dumb terminal", long, {}, { env: { TERM: "dumb" } }, undefined],
  ["Windows, where none is there", long, {}, { platform: "win32" as const }, undefined],
  ["lines that are not known", long, {}, { rows: undefined }, undefined],
])("%s", (_, text, flags, other, expected) => {
  expect(pagerFor(text, flags, { ...terminal, ...other })).toBe(expected);
});

test.each([
  ["that there is not", "no-such-pager-anywhere", long],
  ["that reads all and says nothing", "cat >/dev/null", ""],
  ["that leaves before it has read all", "true", ""],
])("a pager %s", async (_, command, expected) => {
  let printed = "";
  await printPaged(
    long.repeat(command === "true" ? 20_000 : 1),
    {},
    {
      ...terminal,
      env: { PATH: process.env["PATH"], K8SGPT_PAGER: `${command} 2>/dev/null` },
      home: "/",
      stdin: process.stdin,
      stderrIsTerminal: false,
      columns: 80,
      print: async (text) => void (printed += text),
      tell: () => undefined,
      draw: () => undefined,
    },
  );
  expect(printed).toBe(expected);
  expect(process.listenerCount("SIGQUIT")).toBe(0);
});
