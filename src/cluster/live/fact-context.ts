/** What the readers of facts have in common. */
import type { FactRead, Facts } from "../../kube/facts.ts";
import type { Door } from "./door.ts";
import type { Target } from "./kubeconfig.ts";

/** Where the facts of one cluster come from. */
export interface FactContext {
  readonly door: Door;
  readonly target: Target;
  readonly signal: AbortSignal;
}

/** What became of one fact: its value, why it is not there, or both when it is not whole. */
export interface FactResult {
  readonly facts?: Facts;
  readonly reads?: readonly FactRead[];
}
