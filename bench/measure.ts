/** Runs a command as a whole process and tells how long it took and how much memory it held. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** One run of a command. */
export interface Run {
  readonly ms: number;
  /** The most memory that the process held at once; undefined where the system does not tell. */
  readonly peakBytes: number | undefined;
  readonly stdout: string;
}

/** @throws when the command ends with another code than 0. */
export async function run(
  command: readonly string[],
  options: { env?: Readonly<Record<string, string>>; keepStdout?: boolean } = {},
): Promise<Run> {
  const [program = "", ...args] = command;
  const started = performance.now();
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
  });
  const chunks: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    if (options.keepStdout !== false) chunks.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  let peakBytes: number | undefined;
  // Linux keeps the high-water mark, so that the last look before the end is close to the truth.
  const look = setInterval(() => {
    try {
      const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
      if (kilobytes !== undefined) peakBytes = Number(kilobytes) * 1024;
    } catch {
      // Gone already, or no /proc on this system.
    }
  }, 10);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const ms = performance.now() - started;
  clearInterval(look);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
  return { ms, peakBytes, stdout: Buffer.concat(chunks).toString("utf8") };
}

/** The middle value; of an even number of values the lower of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/**
 * Times `ours` against `baseline`, turn by turn so that both meet the same machine, and returns the median of the ratios of
 * neighbouring runs with both medians in milliseconds.
 */
export async function ratio(
  rounds: number,
  ours: () => Promise<number>,
  baseline: () => Promise<number>,
): Promise<{ ratio: number; oursMs: number; baselineMs: number }> {
  const pairs: { ours: number; baseline: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const first = round % 2 === 0 ? await baseline() : undefined;
    const own = await ours();
    pairs.push({ ours: own, baseline: first ?? (await baseline()) });
  }
  return {
    ratio: median(pairs.map((pair) => pair.ours / pair.baseline)),
    oursMs: median(pairs.map((pair) => pair.ours)),
    baselineMs: median(pairs.map((pair) => pair.baseline)),
  };
}
