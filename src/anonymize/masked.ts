/** Text in which every name of the cluster stands as a token and every credential is gone. */
export type Masked = string & { readonly [brand]: true };

declare const brand: unique symbol;

/** The one place where text becomes `Masked`: for the `mask` of a dictionary, with text that it has masked, and below. */
export function asMasked(text: string): Masked {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the brand exists for the compiler only
  return text as Masked;
}

/**
 * A template tag: fixed words of ours around masked text. The words stand in the source, so that they can name nothing of
 * a cluster, and are not masked: a Service called `summary` must not change what is asked of a model.
 */
export function maskedText(words: TemplateStringsArray, ...parts: readonly (Masked | number)[]): Masked {
  return asMasked(words.map((word, at) => `${word}${parts[at] ?? ""}`).join(""));
}
