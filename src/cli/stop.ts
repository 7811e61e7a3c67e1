import { exitCodes } from "./exit-codes.ts";

/** Why a run was stopped before its end. */
export type StopReason = "interrupted" | "terminated" | "timeout";

/** Ctrl-C, SIGTERM and `--timeout`, as one abort signal. */
export interface Stop {
  readonly signal: AbortSignal;
  /** Undefined while nothing asked to stop. */
  readonly reason: () => StopReason | undefined;
  /** Waits for `work`, but not long after a stop: then it throws, and the work is left to itself. */
  readonly bounded: <T>(work: Promise<T>) => Promise<T>;
  /** Lets signals and timers go. */
  readonly release: () => void;
}

/** Ctrl-C is answered within two seconds: this long for what was read so far, the rest for writing it. */
const graceMs = 1500;

/**
 * Listens for signals. The first one asks the run to end with what it has; a second one ends the process at once.
 *
 * @param timeoutMs the whole run's time, undefined for no end
 */
export function listenForStop(timeoutMs: number | undefined): Stop {
  const controller = new AbortController();
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => undefined);
  let reason: StopReason | undefined;
  let graceTimer: NodeJS.Timeout | undefined;
  const stopFor = (why: StopReason): void => {
    if (reason !== undefined) {
      if (why !== "timeout") process.exit(exitCodeOfStop(why));
      return;
    }
    reason = why;
    controller.abort();
    graceTimer = setTimeout(() => late.reject(new Error("it did not stop in time")), graceMs);
  };
  const interrupt = (): void => stopFor("interrupted");
  const terminate = (): void => stopFor("terminated");
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", terminate);
  const timeout = timeoutMs === undefined ? undefined : setTimeout(() => stopFor("timeout"), timeoutMs);
  return {
    signal: controller.signal,
    reason: () => reason,
    bounded: async (work) => Promise.race([work, late.promise]),
    release: () => {
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", terminate);
      clearTimeout(timeout);
      clearTimeout(graceTimer);
    },
  };
}

/** The exit code of a run that a signal stopped; a run out of time ends like any other. */
export function exitCodeOfStop(reason: Exclude<StopReason, "timeout">): number {
  return reason === "interrupted" ? exitCodes.interrupted : exitCodes.terminated;
}
