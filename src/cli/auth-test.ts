import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { credentialsOnly } from "../anonymize/plain.ts";
import { hostGuard } from "../ai/door.ts";
import { complete } from "../ai/retry.ts";
import { configPlace } from "../config/place.ts";
import { readPolicies } from "../config/policy.ts";
import { messageOf } from "../fault.ts";
import { backendText, chooseBackend } from "./backend.ts";
import { exitCodes } from "./exit-codes.ts";
import type { AuthOtherFlags } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

const timeoutMs = 60_000;

/** `k8sgpt auth test`: one tiny question that holds nothing of a cluster. Gives the exit code. */
export async function testProvider(flags: AuthOtherFlags, terminal: Terminal): Promise<number> {
  const chosen = await chooseBackend(flags, terminal);
  const backend = await chosen.factory.configure(
    chosen.settings,
    hostGuard(await readPolicies(configPlace(flags.config, terminal), undefined)),
  );
  const request = {
    system: credentialsOnly.mask("You answer in one word."),
    prompt: credentialsOnly.mask("Say ready."),
  };
  const started = performance.now();
  try {
    const { text } = await complete(backend, request, {
      timeoutMs,
      signal: new AbortController().signal,
      clock: { now: Date.now, random: Math.random, sleep: async (ms) => delay(ms) },
      mayRetry: () => undefined,
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const answer = text.trim().replace(/\s+/g, " ").slice(0, 60);
    for (const warning of backend.warnings ?? []) terminal.tell(`note: ${warning}`);
    await terminal.print(`${backendText(chosen)} answered in ${seconds} s: ${answer}\n`);
    return exitCodes.done;
  } catch (error) {
    const { password } = chosen.settings;
    const message = messageOf(error);
    const plain = password === undefined ? message : message.replaceAll(password, "[redacted]");
    terminal.tell(`error: ${backendText(chosen)} cannot be used: ${credentialsOnly.mask(plain)}`);
    terminal.tell(`next: \`k8sgpt auth update -b ${chosen.name} …\` corrects its settings`);
    return exitCodes.couldNotRun;
  } finally {
    await backend.close().catch(() => undefined);
  }
}
