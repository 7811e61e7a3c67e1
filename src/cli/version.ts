import { buildInfo } from "./build-info.ts";
import type { OutputFlags } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

/** `k8sgpt version`, in k8sgpt's words. */
export async function showVersion({ output }: OutputFlags, terminal: Terminal): Promise<void> {
  const { version, commit, date } = buildInfo;
  await terminal.print(
    output === "json"
      ? `${JSON.stringify({ version, commit, date, node: process.version, platform: `${process.platform}-${process.arch}` }, undefined, 2)}\n`
      : `k8sgpt: ${version} (${commit}), built at: ${date}\n`,
  );
}
