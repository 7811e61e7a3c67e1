// Ends the processes of a control plane when the process that started them is gone, however it went: killed hard, it
// runs no hook of its own, but the pipe to this process closes. Each line on stdin is a process id to keep watch over;
// the line "done" says that they ended in good order.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";

const stateDirectory = process.argv[2];
const watched = new Set<number>();
let isDone = false;

// Ctrl-C reaches every process of the terminal: this one has to outlive the others.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("SIGHUP", () => undefined);

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line === "done") isDone = true;
    else watched.add(Number(line));
  })
  .on("close", () => {
    if (isDone) return;
    for (const pid of watched) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    if (stateDirectory !== undefined) rmSync(stateDirectory, { recursive: true, force: true, maxRetries: 5 });
  });
