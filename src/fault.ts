/**
 * The one error type that users see. It says what failed, on which object, file or context, and why (`message`), and
 * the step to take (`next`). The error that led here is kept as `cause`. Anything else that reaches the terminal is a
 * bug in k8sgpt and is reported as one.
 */
export class Fault extends Error {
  /** The step to take, as a sentence or a command in backticks. */
  readonly next: string | undefined;
  /** True when the user's words were wrong (flag, value, name): exit code 2 instead of 1. */
  readonly usage: boolean;

  constructor(message: string, options: { next?: string; cause?: unknown; usage?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "Fault";
    this.next = options.next;
    this.usage = options.usage ?? false;
  }
}

/** The message of anything that was thrown, for a person: a Fault's sentence, an Error's message, else its text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
