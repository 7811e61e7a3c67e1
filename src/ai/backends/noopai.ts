import type { BackendFactory, CompletionPart, IAI } from "../backend.ts";

/** Gives back what it is asked, without any network: to try things out, and for tests. */
export const noopai: BackendFactory = {
  name: "noopai",
  defaultModel: undefined,
  configure: async (): Promise<IAI> => ({
    getName: () => "noopai",
    async *getCompletion({ prompt }, signal): AsyncGenerator<CompletionPart> {
      signal.throwIfAborted();
      yield { text: `I am a noop response to the prompt ${prompt}` };
    },
    close: async () => undefined,
  }),
};
