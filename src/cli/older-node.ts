/**
 * What happens on a Node that is too old for the rest of the program. In a checkout the right Node lies beside it, as a
 * dependency, and takes over; elsewhere the user is told. Nothing newer than Node 20 may be used or imported here.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

/** Runs the program at `entry` (a URL, in the folder `dist`) on the checkout's own Node, and ends as it ends. */
export function runOnOwnNode(entry: string): void {
  const program = fileURLToPath(
    new URL(`../node_modules/node/bin/node${process.platform === "win32" ? ".exe" : ""}`, entry),
  );
  if (!existsSync(program)) {
    process.stderr.write(
      `error: k8sgpt needs Node.js 24.5 or newer; this is ${process.version}\n` +
        "next: Install a newer Node.js, or run `npm ci` in a checkout of k8sgpt: the right one comes with it\n",
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(program, [fileURLToPath(entry), ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => void child.kill(signal));
  // Ctrl-C on a terminal reaches both; sent to this process alone, it has to be passed on.
  process.on("SIGINT", () => {
    if (!process.stdin.isTTY) child.kill("SIGINT");
  });
  child.on("error", (error) => {
    process.stderr.write(
      `error: Cannot start ${program}: ${error.message}\nnext: Run \`npm ci\` again, or use Node.js 24.5 or newer\n`,
    );
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
  });
}
