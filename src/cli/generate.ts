import { spawn } from "node:child_process";
import { backendName } from "../config/ai.ts";
import { factoryNamed } from "./backend.ts";
import type { AuthOtherFlags } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

/** Where each vendor makes keys; backends without an entry take no key of their own. */
const keyPages: Readonly<Record<string, string>> = {
  openai: "https://platform.openai.com/api-keys",
  anthropic: "https://console.anthropic.com/settings/keys",
  azureopenai: "https://portal.azure.com/",
  cohere: "https://dashboard.cohere.com/api-keys",
  google: "https://aistudio.google.com/apikey",
  huggingface: "https://huggingface.co/settings/tokens",
  groq: "https://console.groq.com/keys",
  ibmwatsonxai: "https://cloud.ibm.com/iam/apikeys",
  bedrockmantle: "https://console.aws.amazon.com/bedrock/home#/api-keys",
};

/** `k8sgpt generate`: opens the page on a terminal with a browser, prints its address always. */
export async function openKeyPage(flags: AuthOtherFlags, terminal: Terminal): Promise<void> {
  const { name } = await factoryNamed(backendName(flags.backend ?? "openai"));
  const page = keyPages[name];
  if (page === undefined) {
    await terminal.print(`Backend ${name} takes no key of its own: \`k8sgpt auth add -b ${name}\`\n`);
    return;
  }
  if (terminal.stdoutIsTerminal) open(page, terminal);
  await terminal.print(`Make a key at ${page}\nThen: k8sgpt auth add -b ${name}\n`);
}

function open(page: string, { platform, env }: Pick<Terminal, "platform" | "env">): void {
  const hasScreen = platform !== "linux" || (env["DISPLAY"] ?? env["WAYLAND_DISPLAY"]) !== undefined;
  if (!hasScreen) return;
  const [program, words]: readonly [string, readonly string[]] =
    platform === "darwin"
      ? ["open", [page]]
      : platform === "win32"
        ? ["rundll32", ["url.dll,FileProtocolHandler", page]]
        : ["xdg-open", [page]];
  // No opener is no error: the address is printed.
  spawn(program, words, { stdio: "ignore", detached: true })
    .on("error", () => undefined)
    .unref();
}
