import { redactCredentials } from "./credentials.ts";
import type { Dictionary } from "./dictionary.ts";
import { asMasked } from "./masked.ts";

/** What explaining needs of a dictionary: text out, and answers back. */
export type Masking = Pick<Dictionary, "mask" | "unmask">;

/** For `--no-anonymize`: names stay as they are, credentials are removed all the same. */
export const credentialsOnly: Masking = {
  mask: (text) => asMasked(redactCredentials(text, () => false)),
  unmask: (text) => text,
};
