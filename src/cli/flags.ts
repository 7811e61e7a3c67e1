/** The flags as commander hands them over, command by command. `program.ts` declares them; a test holds the two together. */
import type { FailOn } from "./exit-code.ts";
import type { ColorChoice } from "./display.ts";

/** Flags of every command. */
export interface GlobalFlags {
  readonly config?: string;
  readonly kubeconfig?: string;
  readonly kubecontext?: string;
  readonly context?: string;
  readonly color: ColorChoice;
  readonly verbose?: boolean;
}

/** Flags of the commands that read a cluster. */
export interface ReadingFlags extends GlobalFlags {
  readonly filter: readonly string[];
  readonly namespace: readonly string[];
  readonly from?: string;
  readonly maxConcurrency: string;
  readonly timeout?: string;
  readonly requestTimeout: string;
  readonly logs?: boolean;
}

export interface AnalyzeFlags extends ReadingFlags {
  readonly selector?: string;
  readonly output: "text" | "json";
  readonly withDoc?: boolean;
  readonly withStat?: boolean;
  readonly failOn: FailOn;
  readonly strict?: boolean;
  readonly include: readonly string[];
  readonly flat?: boolean;
}

export interface SnapshotFlags extends ReadingFlags {
  readonly output: string;
  readonly anonymize?: boolean;
}

/** Flags of the commands that print text or JSON. */
export interface OutputFlags extends GlobalFlags {
  readonly output: "text" | "json";
}
