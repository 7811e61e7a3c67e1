/**
 * MCP over standard input and output. Output carries the protocol and nothing else. At the end of input the calls that
 * are under way may finish, for a moment: `printf '…' | k8sgpt serve --mcp` gets its answers.
 */
import { PassThrough, type Readable, type Writable } from "node:stream";
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import type { Fleet } from "./context.ts";
import { createMcpServer } from "./server.ts";
import { createWatch } from "./watch.ts";

/** How long calls may go on after the end of input. */
const graceMs = 1500;
/** How long nothing may be under way before the end counts: a request that was just read has not begun yet. */
const quietMs = 50;

/** Serves until the input ends or `signal` does. */
export async function serveOverStdio(
  fleet: Fleet,
  streams: {
    readonly input: Readable;
    readonly output: Writable;
    readonly signal: AbortSignal;
    readonly onError: (error: Error) => void;
  },
): Promise<void> {
  const { input, output, signal, onError } = streams;
  let running = 0;
  let lastChange = performance.now();
  const change = (by: number) => () => {
    running += by;
    lastChange = performance.now();
  };
  const counter = { begin: change(1), end: change(-1) };
  const between = new PassThrough();
  input.on("data", (chunk: Buffer) => {
    lastChange = performance.now();
    between.write(chunk);
  });
  const watch = createWatch(fleet);
  // The SDK does not say when a client of 2026 begins to listen here, so that to those no changes are promised.
  const handle = serveStdio(
    ({ era }) => createMcpServer(fleet, { counter, peer: "stdio", ...(era === "legacy" && { watch }) }),
    {
      transport: new StdioServerTransport(between, output),
      onerror: onError,
    },
  );
  const ended = Promise.withResolvers<"input" | "signal">();
  input.once("end", () => ended.resolve("input"));
  input.once("close", () => ended.resolve("input"));
  input.once("error", () => ended.resolve("input"));
  output.once("error", () => ended.resolve("signal"));
  signal.addEventListener("abort", () => ended.resolve("signal"), { once: true });
  if (signal.aborted) ended.resolve("signal");
  if ((await ended.promise) === "input") {
    const until = performance.now() + graceMs;
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        const now = performance.now();
        if (now < until && (running > 0 || now - lastChange < quietMs) && !signal.aborted) return;
        clearInterval(look);
        resolve();
      }, 10);
    });
  }
  watch.close();
  await handle.close();
}
