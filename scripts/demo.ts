/** `npm run demo`: diagnoses the bundled snapshot of a broken cluster and says what to try next. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const snapshot = "examples/broken-shop.tar.gz";
const { status } = spawnSync(process.execPath, ["dist/k8sgpt.js", "analyze", "--from", snapshot], {
  cwd: root,
  stdio: "inherit",
});
if (status !== 0) process.exit(status ?? 1);
// Whoever pipes the demo into `head` has read enough.
process.stdout.on("error", () => process.exit());
process.stdout.write(`
This was a saved cluster (${snapshot}). Try next:
  node dist/k8sgpt.js analyze                                    your own cluster, read-only
  node dist/k8sgpt.js analyze --from ${snapshot} -o json
  node dist/k8sgpt.js analyze -n NAMESPACE --logs                one namespace, with the last log lines
  node dist/k8sgpt.js analyze --fail-on critical                 a gate for CI: exit code 4
  node dist/k8sgpt.js snapshot -o my-cluster.tar.gz --anonymize  a file that you can send
  node dist/k8sgpt.js --help
`);
