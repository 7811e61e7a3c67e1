/**
 * `npm run check`: everything that must hold before a push, in seconds. Steps that do not depend on each other run side by
 * side; every step runs whatever the others say, and the ones that failed are named at the end.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const groups: readonly (readonly Step[])[] = [
  [
    { name: "types", command: ["tsc", "-p", "."] },
    { name: "lint", command: ["oxlint", "--type-aware"] },
    { name: "format", command: ["oxfmt", "--check"] },
    { name: "dead code", command: ["knip", "--no-progress"] },
    { name: "generated files", command: ["node", "scripts/gen.ts", "--check"] },
    { name: "build", command: ["node", "scripts/build.ts"] },
  ],
  [
    {
      name: "unit, architecture and end-to-end tests",
      command: ["vitest", "run", "--project", "unit", "--project", "e2e"],
    },
  ],
];

async function run({ name, command }: Step): Promise<boolean> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const started = performance.now();
  const isFine = await new Promise<boolean>((resolve) => {
    child.on("error", (error) => {
      output += error.message;
      resolve(false);
    });
    child.on("close", (code) => resolve(code === 0));
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${isFine ? "ok    " : "FAILED"} ${name} (${seconds} s)\n`);
  if (!isFine) process.stdout.write(`${output}\n`);
  return isFine;
}

const failed: string[] = [];
for (const group of groups) {
  // A build that failed makes the end-to-end tests speak of an old one: stop at the first bad group.
  const results = await Promise.all(group.map(async (step) => ({ step, isFine: await run(step) })));
  failed.push(...results.filter(({ isFine }) => !isFine).map(({ step }) => step.name));
  if (failed.length > 0) break;
}
if (failed.length > 0) {
  process.stdout.write(`\nfailed: ${failed.join(", ")}\n`);
  process.exitCode = 1;
}
