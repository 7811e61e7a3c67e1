/** What the record says of a call of an AI backend, also of one that the cache answered or a policy kept back. */
import { createHash } from "node:crypto";
import type { AuditFile } from "../audit.ts";
import { BackendFailure, type CompletionRequest, type IAI } from "./backend.ts";

/** Whose calls they are. */
export interface Caller {
  /** Who reads the cluster, as the record of its reads names them; absent for a saved cluster. */
  readonly user?: string;
  /** Absent before one is known. */
  readonly context?: string;
  readonly model?: string;
}

/** One call. */
interface AuditedCall extends Caller {
  readonly backend: string;
  /** With the port when it is not the usual one; absent for a backend that asks no server. */
  readonly host?: string;
  readonly tokensIn?: number;
  readonly tokensOut?: number;
  /** SHA-256 of the masked question: the same for the same question, and nothing can be read from it. */
  readonly prompt?: string;
  /** `stopped`: by the user or because its time was over. `refused`: by a policy, before it was sent. */
  readonly outcome: "answered" | "failed" | "stopped" | "refused";
  /** Of a failure. */
  readonly status?: number;
  readonly cached: boolean;
  /** Why it was not asked. */
  readonly refused?: string;
}

/** Writes the line of a call. @throws Fault when it cannot be written: nothing more may be asked then */
export function recordCall(file: AuditFile, call: AuditedCall): void {
  const { user, context, backend, host, model, prompt, outcome, cached, ...rest } = call;
  file.write("ai", { user, context, backend, host, model, prompt, outcome, cached, ...rest });
}

/** Writes that the cache answered. @throws Fault when it cannot be written */
export function recordCached(file: AuditFile, caller: Caller, backend: IAI, request: CompletionRequest): void {
  recordCall(file, { ...calledBy(caller, backend, request), outcome: "answered", cached: true });
}

/** `backend`, each of whose calls leaves a line in `file`; without a line that can be written there is no call. */
export function audited(backend: IAI, file: AuditFile, caller: Caller): IAI {
  return {
    getName: () => backend.getName(),
    ...(backend.host !== undefined && { host: backend.host }),
    get warnings() {
      return backend.warnings ?? [];
    },
    async *getCompletion(request, signal) {
      file.check();
      let cost: { readonly inputTokens?: number; readonly outputTokens?: number } = {};
      let isRecorded = false;
      const record = (ending: Pick<AuditedCall, "outcome" | "status">): void => {
        if (isRecorded) return;
        isRecorded = true;
        recordCall(file, {
          ...calledBy(caller, backend, request),
          ...(cost.inputTokens !== undefined && { tokensIn: cost.inputTokens }),
          ...(cost.outputTokens !== undefined && { tokensOut: cost.outputTokens }),
          ...ending,
          cached: false,
        });
      };
      // A backend that does not hear the signal is not waited for.
      const onStop = (): void => {
        try {
          record({ outcome: "stopped" });
        } catch {
          // The file remembers, and the next call is not made.
        }
      };
      signal.addEventListener("abort", onStop);
      try {
        for await (const part of backend.getCompletion(request, signal)) {
          cost = { ...cost, ...part.usage };
          yield part;
        }
        record({ outcome: "answered" });
      } catch (error) {
        const status = error instanceof BackendFailure ? error.status : undefined;
        record({ outcome: "failed", ...(status !== undefined && { status }) });
        throw error;
      } finally {
        signal.removeEventListener("abort", onStop);
        // Whoever stops listening stops the call.
        record({ outcome: "stopped" });
      }
    },
    close: async () => backend.close(),
  };
}

function calledBy(caller: Caller, backend: IAI, { system, prompt }: CompletionRequest) {
  const hash = createHash("sha256").update(system).update("\n").update(prompt).digest("hex");
  return {
    ...caller,
    backend: backend.getName(),
    ...(backend.host !== undefined && { host: backend.host }),
    prompt: hash,
  };
}
