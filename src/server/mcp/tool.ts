/** What a tool is: one handler under several names, with schemas of what goes in and what comes out. */
import type { z } from "zod";
import type { Fleet, McpContext } from "./context.ts";
import type { Plain } from "./hygiene.ts";

/** One call as its handler sees it. */
export interface Call {
  readonly context: McpContext;
  readonly fleet: Fleet;
  /** Ends when the client cancels. */
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
  /** What an answer may weigh. */
  readonly budgetBytes: number;
}

/** What a handler gives. */
export interface Answer {
  readonly data: Plain;
  /** For people and for models that read better than they parse; default: the data as JSON. */
  readonly text?: string;
}

/** A tool, whatever its schemas. */
export interface Tool {
  /** The first is its name, the others mean the same. */
  readonly names: readonly [string, ...string[]];
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  /** Names under which it can be allowed and denied; default: its names. */
  readonly policyNames?: readonly string[];
  /** It changes our own config file; it is there only when the server's owner allows it. */
  readonly isWriting: boolean;
  /** It is about this server or its settings: no cluster is chosen, and none is named in the answer. */
  readonly isOwn: boolean;
  /** Resources that it reads whatever is asked, for the audit log. */
  readonly reads: readonly string[];
  readonly run: (input: unknown, call: Call) => Promise<Answer>;
}

/** Types the handler by its schema. */
export function defineTool<const Input extends z.ZodObject>(tool: {
  readonly names: Tool["names"];
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: z.ZodObject;
  readonly isWriting?: boolean;
  readonly isOwn?: boolean;
  readonly reads?: readonly string[];
  readonly run: (input: z.output<Input>, call: Call) => Promise<Answer>;
}): Tool {
  const { run, input } = tool;
  return {
    isWriting: false,
    isOwn: false,
    reads: [],
    ...tool,
    run: async (given, call) => run(input.parse(given), call),
  };
}
