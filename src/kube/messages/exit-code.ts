/**
 * What an exit code proves. Shells and container runtimes share the conventions: 126 and 127 for a command that cannot be
 * run, 128+n for signal n (POSIX "exit status"; containerd and runc report the same). Advice stays inside what the code
 * says: 137 alone is not "out of memory".
 */

/** An exit code in words. */
export interface ExitMeaning {
  /** A stable name, `exit-command-missing`. */
  readonly id: string;
  /** From a fixed table, `command or interpreter not found`. */
  readonly says: string;
}

const meanings: Readonly<Record<number, ExitMeaning>> = {
  0: { id: "exit-0-restarting", says: "it ended well, but the Pod starts it again" },
  1: { id: "exit-app-error", says: "the application reported an error" },
  2: { id: "exit-usage-or-panic", says: "wrong arguments, or a panic in a Go program" },
  125: { id: "exit-runtime-refused", says: "the container runtime could not start it" },
  126: { id: "exit-not-executable", says: "the command was found, but cannot be executed" },
  127: { id: "exit-command-missing", says: "command or interpreter not found" },
  128: { id: "exit-start-error", says: "the start failed" },
  129: { id: "exit-signal-hup-int-quit", says: "stopped by signal 1, SIGHUP" },
  130: { id: "exit-signal-hup-int-quit", says: "stopped by signal 2, SIGINT" },
  131: { id: "exit-signal-hup-int-quit", says: "stopped by signal 3, SIGQUIT" },
  132: { id: "exit-illegal-instruction", says: "illegal instruction, SIGILL: CPU feature or architecture mismatch" },
  134: { id: "exit-abort", says: "the program aborted itself, SIGABRT" },
  135: { id: "exit-bus", says: "bad memory mapping, SIGBUS" },
  136: { id: "exit-arithmetic", says: "arithmetic fault, SIGFPE" },
  137: { id: "exit-137", says: "killed hard, SIGKILL, and not reported as out of memory" },
  139: { id: "exit-segfault", says: "memory fault, SIGSEGV" },
  141: { id: "exit-sigpipe", says: "it wrote to a closed pipe, SIGPIPE" },
  143: { id: "exit-sigterm", says: "it was asked to stop and did, SIGTERM" },
  159: { id: "exit-bad-syscall", says: "a system call was blocked, SIGSYS" },
  255: { id: "exit-255", says: "a code out of range, or contact with the container was lost" },
  3_221_225_477: { id: "exit-windows-access", says: "access violation on Windows" },
  3_221_225_781: { id: "exit-windows-dll", says: "a library is missing on Windows" },
};

/** Windows codes arrive as signed 32-bit numbers from some runtimes. */
function unsigned(code: number): number {
  return code < -1 ? code + 2 ** 32 : code;
}

/** The meaning of an exit code, together with the reason that the kubelet gave. */
export function exitMeaning(code: number, reason?: string): ExitMeaning {
  if (reason === "ContainerStatusUnknown") {
    return { id: "exit-status-unknown", says: "the kubelet lost track of it, often a reboot or an eviction" };
  }
  if (code === 137 && reason === "OOMKilled") return { id: "exit-137", says: "killed for want of memory" };
  const known = meanings[unsigned(code)];
  if (known !== undefined) return known;
  if (code > 128 && code <= 128 + 64) return { id: "exit-signal-n", says: `ended by signal ${code - 128}` };
  return { id: "exit-app-error", says: "the application ended with a code of its own" };
}

/** `exit code 127, command or interpreter not found`. */
export function exitSentence(code: number, reason?: string): string {
  return `exit code ${code}, ${exitMeaning(code, reason).says}`;
}
