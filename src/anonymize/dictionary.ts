/**
 * Names and the tokens that stand for them: `shop` becomes `ns-1` wherever it occurs, and `ns-1` becomes `shop` again.
 *
 * Text is cut once into *runs*: the longest stretches of letters, digits, `.`, `_` and `-` that begin and end with a
 * letter or digit. Names of Kubernetes are runs, and everything longer (images, URLs, DNS names, user names) is made of
 * them. A run is looked up whole; if it is not known, the longest known name that it starts with is replaced when the
 * rest is what a controller appends (`web-7d4b9c6f5-x2x8l`), and then its parts between dots and underscores
 * (`web.shop.svc`). So the longest match wins, no name is replaced inside another word, and the time is linear in the
 * text whatever the number of names. Patterns made from names were rejected: names hold characters that mean something
 * in a pattern, and ten thousand of them are slow.
 *
 * Tokens say what they stand for, are as valid in their place as the name was (a DNS label, an address of the
 * documentation ranges, a UUID), and are never a text that occurs in what is masked: such numbers are skipped.
 */
import { redactCredentials } from "./credentials.ts";
import { asMasked, type Masked } from "./masked.ts";
import { isAddress, isKept } from "./words.ts";

/** What a token stands for; it is the token's first part. */
export type Stem = string;

export interface Dictionary {
  /** Gives `value` a token, if it has none and is worth one. `token` sets it, as for names made of other names. */
  readonly learn: (value: string, stem: Stem, token?: string) => void;
  /** The token of a whole run, or the run itself when it has none. */
  readonly tokenOf: (run: string) => string;
  /** Text with all names replaced and all credentials removed. */
  readonly mask: (text: string) => Masked;
  /** Text with all tokens replaced by their names: for answers about masked text. Unknown tokens stay. */
  readonly unmask: (text: string) => string;
  /** Makes sure that no token is made that occurs in `text`. */
  readonly avoid: (text: string) => void;
  /** All pairs of name and token, in the order in which they were learned. */
  readonly entries: () => readonly (readonly [string, string])[];
}

/** A run, or an IPv6 address (checked by `isIpv6`). */
const runs =
  /(?<![\w:.-])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])|[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?/g;

/** What controllers append to a name: a hash, an ordinal or time, and after these five random letters. */
const generated =
  /^(?:[bcdfghjklmnpqrstvwxz2456789]{5,10}|[0-9a-f]{8,10}|\d{1,10})(?:-(?:[bcdfghjklmnpqrstvwxz2456789]{5}|\d{1,10}))?$/;

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const digest = /^[0-9a-f]{64}$/;

/** Whether `rest`, which follows a name and a dash, was appended by a controller. */
export function isGenerated(rest: string): boolean {
  return generated.test(rest);
}

/** What somebody wants masked besides: whatever `pattern` (global) matches gets tokens that begin with `name`. */
export interface MaskRule {
  readonly name: Stem;
  readonly pattern: RegExp;
}

/**
 * An empty dictionary. It grows with `learn`, with what `mask` recognises by its form: addresses, hosts, users, and with
 * what `rules` match.
 */
export function createDictionary(rules: readonly MaskRule[] = []): Dictionary {
  const tokens = new Map<string, string>();
  const values = new Map<string, string>();
  /** The last number given out for a stem. */
  const numbers = new Map<Stem, number>();
  /** Texts that look like tokens and are none. */
  const taken = new Set<string>();

  const avoid = (text: string) => {
    for (const [found] of text.matchAll(tokenLike)) {
      const low = found.toLowerCase();
      if (!values.has(found)) taken.add(low);
    }
  };
  const nextToken = (stem: Stem): string => {
    for (;;) {
      const number = (numbers.get(stem) ?? 0) + 1;
      numbers.set(stem, number);
      const token = tokenFor(stem, number);
      // Of a stem with dashes, `avoid` sees the last part.
      const seen = [token.toLowerCase(), `${stem.slice(stem.lastIndexOf("-") + 1)}-${number}`];
      if (!seen.some((text) => taken.has(text)) && !tokens.has(token)) return token;
    }
  };
  const set = (value: string, token: string) => {
    tokens.set(value, token);
    values.set(token, value);
  };
  const learn = (value: string, stem: Stem, token?: string) => {
    if (tokens.has(value) || values.has(value) || isKept(value) || !isRun(value)) return;
    if (token !== undefined) {
      if (token === value || values.has(token)) return;
      set(value, token);
      return;
    }
    // Already masked, in whole or in part: masking twice changes nothing.
    if (replaceRun(value, values) !== value) return;
    avoid(value);
    // What has a form keeps it, wherever it was found.
    if (uuid.test(value)) set(value, nextToken("uid"));
    else if (digest.test(value)) set(value, nextToken("digest"));
    else if (!isAddress(value)) set(value, nextToken(stem));
    // Addresses that are the same on every machine stay.
    else if (!/^(?:0\.0\.0\.0|127\.|255\.|169\.254\.169\.254$)/.test(value)) set(value, nextToken("ip"));
  };

  /** Learns what can be told by its form, whatever the cluster holds. */
  const recognise = (run: string) => {
    if (values.has(run) || tokens.has(run)) return;
    if (isIpv6(run)) {
      if (!isIpv6Kept(run)) set(run, nextToken("ipv6"));
    } else if (isAddress(run)) learn(run, "ip");
    else if (uuid.test(run)) learn(run, "uid");
    else if (digest.test(run)) learn(run, "digest");
  };
  const learnFromText = (text: string) => {
    for (const { name, pattern } of rules) {
      for (const [found] of text.matchAll(pattern)) {
        // A word that is matched alone is meant, whatever else it may be.
        if (isRun(found) && isKept(found) && !tokens.has(found) && !values.has(found)) set(found, nextToken(name));
        for (const run of runsIn(found)) learn(run, name);
      }
    }
    if (text.includes("@")) {
      for (const [, user = "", host = ""] of text.matchAll(
        /([A-Za-z0-9._%+-]{1,64})@(?=[A-Za-z0-9:])([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)?/g,
      )) {
        // The digest of an image also follows an `@`.
        if (host === "sha256") continue;
        for (const run of runsIn(user)) learn(run, "user");
        learn(host, "host");
      }
    }
    if (text.includes("://")) {
      for (const [, host = ""] of text.matchAll(/:\/\/(?:[^\s/@"']{1,200}@)?([A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9])/g)) {
        // Names inside the cluster are made of names that are known.
        if (!isAddress(host) && !/\.svc(?:\.|$)|\.local$/.test(host)) learn(host, "host");
      }
    }
    for (const [, user = ""] of text.matchAll(/\b[Uu]ser(?:name)?[ =:]{1,3}"([^"\n]{1,253})"/g)) {
      for (const run of runsIn(user)) if (replaceRun(run, tokens) === run) learn(run, "user");
    }
    for (const [, image = ""] of text.matchAll(/\bimage:? "([^"\s]{1,512})"/g)) learnImage(dictionary, image);
  };

  const isNamed = (word: string): boolean =>
    runsIn(word).some((run) => replaceRun(run, tokens) !== run || replaceRun(run, values) !== run);

  const dictionary: Dictionary = {
    learn,
    avoid,
    tokenOf: (run) => tokens.get(run) ?? run,
    mask(text) {
      const plain = redactCredentials(text, isNamed);
      avoid(plain);
      // All is learned before anything is replaced: what stands at the end may be part of what stands before.
      for (const run of runsIn(plain)) recognise(run);
      learnFromText(plain);
      const masked = mapRuns(plain, (run) => {
        // A token that stands there already is left alone.
        return values.has(run) ? run : replaceRun(run, tokens);
      });
      return asMasked(masked);
    },
    unmask: (text) =>
      mapRuns(text, (run) => {
        const exact = replaceRun(run, values);
        // Models like to change the case of what they quote.
        return exact === run && run !== run.toLowerCase() && values.has(run.toLowerCase())
          ? (values.get(run.toLowerCase()) ?? run)
          : exact;
      }),
    entries: () => [...tokens],
  };
  return dictionary;
}

/** Learns the parts of an image reference: registry, repositories, name, tag, digest. */
export function learnImage(dictionary: Pick<Dictionary, "learn">, image: string): void {
  const [, reference = "", tag, digestOf] =
    /^(?:[a-z-]+:\/\/)?([^@\s]+?)(?::([A-Za-z0-9_][\w.-]*))?(?:@sha256:([0-9a-f]{64}))?$/.exec(image) ?? [];
  const parts = reference.split("/");
  const [first = ""] = parts;
  if (parts.length > 1 && (/[.:]/.test(first) || first === "localhost")) {
    const host = first.replace(/:\d+$/, "");
    if (!isAddress(host)) dictionary.learn(host, "registry");
    parts.shift();
  }
  for (const [at, part] of parts.entries()) dictionary.learn(part, at === parts.length - 1 ? "image" : "repository");
  if (tag !== undefined) dictionary.learn(tag, "tag");
  if (digestOf !== undefined) dictionary.learn(digestOf, "digest");
}

/** The runs of a text, as `mask` sees them. */
export function runsIn(text: string): readonly string[] {
  return [...text.matchAll(runs)].map(([run]) => run);
}

/** `text` with each of its runs replaced by what `replace` gives for it. */
export function mapRuns(text: string, replace: (run: string) => string): string {
  return text.replace(runs, replace);
}

/** Whether the whole of `value` is one run: what a dictionary can hold. */
function isRun(value: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(value);
}

/** A run with what is known of it replaced; the same rule leads from names to tokens and back. */
function replaceRun(run: string, known: ReadonlyMap<string, string>): string {
  const whole = known.get(run);
  if (whole !== undefined) return whole;
  if (run.length <= 2) return run;
  const prefixed = replacePrefix(run, known);
  if (prefixed !== undefined) return prefixed;
  if (!/[._]/.test(run) || isKept(run)) return run;
  return replaceParts(run, known);
}

/** `web-7d4b9c6f5-x2x8l` where `web` is known; `kube-proxy-node-7` where the node is. */
function replacePrefix(run: string, known: ReadonlyMap<string, string>): string | undefined {
  // What controllers append has two parts at most: the longest name comes first.
  let at = run.length;
  const cuts: number[] = [];
  while (cuts.length < 2 && (at = run.lastIndexOf("-", at - 1)) > 0) cuts.push(at);
  for (const cut of cuts) {
    const token = known.get(run.slice(0, cut));
    const rest = run.slice(cut + 1);
    if (token !== undefined && isGenerated(rest)) return `${token}-${rest}`;
  }
  return undefined;
}

/** The parts between dots and underscores, longest stretches of them first. */
function replaceParts(run: string, known: ReadonlyMap<string, string>): string {
  const parts = run.split(/([._])/);
  // A host of a hundred parts is none; its parts are still looked at one by one.
  const reach = parts.length > 40 ? 1 : parts.length;
  let result = "";
  for (let at = 0; at < parts.length;) {
    let length = Math.min(reach, parts.length - at);
    if (length % 2 === 0) length -= 1;
    let token: string | undefined;
    for (; length > 0; length -= 2) {
      const stretch = parts.slice(at, at + length).join("");
      // The whole run was looked up before.
      token = stretch.length > 2 && stretch !== run ? (known.get(stretch) ?? replacePrefix(stretch, known)) : undefined;
      if (token !== undefined) break;
    }
    if (token === undefined) {
      result += parts[at] ?? "";
      at += 1;
    } else {
      result += token;
      at += length;
    }
    // The separator.
    if (at < parts.length && at % 2 === 1) {
      result += parts[at] ?? "";
      at += 1;
    }
  }
  return result;
}

/** What could be a token, or the beginning of one. */
const tokenLike =
  /(?<![a-z0-9])[a-z0-9]{1,40}-\d+|ENV_\d+|(?:192\.0\.2|198\.51\.100|203\.0\.113|198\.1[89]\.\d{1,3})\.\d{1,3}|2001:db8::[0-9a-f]+|0{8}-0000-4000-8000-\d{12}|0{40}\d{24}/gi;

function tokenFor(stem: Stem, number: number): string {
  switch (stem) {
    case "ip":
      return addressFor(number);
    case "ipv6":
      return `2001:db8::${number.toString(16)}`;
    case "uid":
      return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
    case "digest":
      return String(number).padStart(64, "0");
    case "env":
      return `ENV_${number}`;
    // The first part of an image is a host only when it has a dot (distribution reference grammar).
    case "registry":
    case "host":
    case "webhook":
      return `${stem}-${number}.example`;
    default:
      return `${stem}-${number}`;
  }
}

/** Addresses that belong to nobody: the documentation ranges (RFC 5737), then the benchmark range (RFC 2544). */
function addressFor(number: number): string {
  const documentation = ["192.0.2", "198.51.100", "203.0.113"];
  const range = documentation[Math.floor((number - 1) / 254)];
  if (range !== undefined) return `${range}.${((number - 1) % 254) + 1}`;
  const rest = number - 1 - documentation.length * 254;
  return `198.${18 + (Math.floor(rest / 65_536) % 2)}.${Math.floor(rest / 256) % 256}.${rest % 256}`;
}

function isIpv6(run: string): boolean {
  if (!run.includes(":")) return false;
  const groups = run.split(":").length;
  return run.includes("::") ? groups <= 9 && run.split("::").length === 2 && /[0-9a-f]/i.test(run) : groups === 8;
}

function isIpv6Kept(run: string): boolean {
  return /^(?:::1?|fe80::|ff0\d::\d?)$/i.test(run);
}
