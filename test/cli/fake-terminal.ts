/** A terminal in memory, with a home folder of its own: commands run in this process, and nothing reaches the tester's. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { main } from "../../src/cli/main.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

/** What a command said and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command finds: text on standard input, or parts of another terminal. */
interface RunGiven {
  readonly input?: string;
  readonly terminal?: Partial<Terminal>;
}

/** A home, and commands that run in it. */
export interface Home {
  readonly folder: string;
  readonly configFile: string;
  readonly run: (words: readonly string[], given?: RunGiven) => Promise<Ran>;
}

/** An empty home. */
export function emptyHome(env: Readonly<Record<string, string>> = {}): Home {
  const folder = mkdtempSync(join(tmpdir(), "k8sgpt-home-"));
  return {
    folder,
    configFile: join(folder, ".config", "k8sgpt", "k8sgpt.yaml"),
    async run(words, { input = "", terminal: other = {} } = {}) {
      let stdout = "";
      let stderr = "";
      // A stream of text stands for a pipe: what is asked of standard input beyond that is asked of terminals only.
      const stdin = Readable.from(input === "" ? [] : [input]) as unknown as NodeJS.ReadStream; // oxlint-disable-line typescript/no-unsafe-type-assertion -- see above
      const terminal: Terminal = {
        env: { LANG: "C.UTF-8", ...env },
        platform: "linux",
        home: folder,
        stdin,
        stdoutIsTerminal: false,
        stderrIsTerminal: false,
        columns: undefined,
        print: async (text) => void (stdout += text),
        tell: (line) => void (stderr += `${line}\n`),
        draw: (text) => void (stderr += text),
        ...other,
      };
      const code = await main(words, terminal);
      return { code, stdout, stderr };
    },
  };
}
