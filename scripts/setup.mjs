// Installs the locked dependencies when they are missing or stale. Plain JavaScript without dependencies: it is the one
// script that must run on whatever Node (>= 20) the machine has, before the project's own Node is there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = `${root}node_modules/.k8sgpt-installed`;
const digest = createHash("sha256")
  .update(readFileSync(`${root}package-lock.json`))
  .digest("hex");
const node = `${root}node_modules/.bin/node${process.platform === "win32" ? ".cmd" : ""}`;

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== digest || !existsSync(node)) {
  process.stderr.write("Installing the locked dependencies (npm ci)...\n");
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) {
    process.stderr.write(
      "`npm ci` failed; its output is above. Next: check the network and the npm registry, then try again.\n",
    );
    process.exit(npm.status ?? 1);
  }
  writeFileSync(stamp, digest);
}
