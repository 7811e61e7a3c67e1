/** Text in which every name of the cluster stands as a token and every credential is gone. */
export type Masked = string & { readonly [brand]: true };

declare const brand: unique symbol;

/** The one place where text becomes `Masked`: only the dictionary's `mask` may call it, with text that it has masked. */
export function asMasked(text: string): Masked {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the brand exists for the compiler only
  return text as Masked;
}
