// `npm run lab -- [broken-shop | healthy-town | bad-day | empty]`: a lab to play with, until Ctrl-C.
import { once } from "node:events";
import { Fault, messageOf } from "../../src/fault.ts";
import { startControlPlane } from "./control-plane.ts";
import { loadScenario, type ScenarioName } from "./scenarios.ts";

const [choice = "broken-shop"] = process.argv.slice(2);
const names: readonly string[] = ["broken-shop", "healthy-town", "bad-day", "empty"];
if (!names.includes(choice)) {
  say(`There is no scenario "${choice}": choose one of ${names.join(", ")}`);
  process.exit(2);
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());

say(`Starting a control plane (${choice}) ...`);
const lab = await startControlPlane({ name: choice }).catch((error: unknown) => {
  say(messageOf(error));
  if (error instanceof Fault && error.next !== undefined) say(`Next: ${error.next}`);
  process.exit(1);
});
try {
  const loading = isScenario(choice)
    ? loadScenario(lab.client(), choice, { onStep: (step) => say(`  ${step}`) })
    : Promise.resolve();
  // What is being waited for ends with the lab.
  loading.catch(() => undefined);
  await Promise.race([loading, aborted(interrupted.signal)]);
  if (!interrupted.signal.aborted) {
    say(`
The lab is up. Its kubeconfig is

  ${lab.kubeconfig}

Try

  export KUBECONFIG=${lab.kubeconfig}
  k8sgpt analyze
  kubectl get pods --all-namespaces

What needs minutes to go wrong, such as a CronJob, is still on its way. Logs: ${lab.stateDir}/log
Ctrl-C stops everything and removes it.`);
    await aborted(interrupted.signal);
  }
} catch (error) {
  say(messageOf(error));
  process.exitCode = 1;
}
say("Stopping ...");
await lab.stop();
process.exit();

function isScenario(name: string): name is ScenarioName {
  return name !== "empty";
}

async function aborted(signal: AbortSignal): Promise<void> {
  // Without something to wait for, a process with open sockets only would still end: the timer keeps it.
  const timer = setInterval(() => undefined, 60_000);
  if (!signal.aborted) await once(signal, "abort");
  clearInterval(timer);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
