/**
 * Finds credentials by their shape and removes them for good: there is no way back from `[redacted]`. They are removed
 * with and without masking of names, from everything that leaves the machine. The shapes are the vendors' published
 * ones; a plain word is never taken for a secret, so that `failed to fetch token: unauthorized` stays readable.
 */

/** What stands where a credential was. */
export const redacted = "[redacted]";

interface Detector {
  readonly name: string;
  readonly pattern: RegExp;
  /** What takes the place of a match; `[redacted]` where absent. Gives the match itself when it is no credential. */
  readonly replace?: (...groups: readonly string[]) => string;
}

/** A key and its value. The key may end a longer name (`DB_PASSWORD`), whose start is not part of the match. */
const assigned =
  /((?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|(?<![a-z])sig)["']?)(\s{0,3}[=:]\s{0,3})("[^"\n]*"|'[^'\n]*'|[^\s,;&"'()[\]{}<>]+)/gi;

const detectors: readonly Detector[] = [
  {
    name: "PEM block",
    pattern: /-----BEGIN [A-Z0-9 ]{1,40}-----[\s\S]*?(?:-----END [A-Z0-9 ]{1,40}-----|$)/g,
  },
  { name: "JSON web token", pattern: /\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*/g },
  { name: "AWS access key", pattern: /\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}\b/g },
  { name: "Google API key", pattern: /\bAIza[A-Za-z0-9_-]{35}/g },
  { name: "Google OAuth token", pattern: /\bya29\.[A-Za-z0-9_-]{20,}/g },
  { name: "GitHub token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/g },
  { name: "GitLab token", pattern: /\bglpat-[A-Za-z0-9_-]{20,}/g },
  { name: "Slack token", pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/g },
  { name: "Slack webhook", pattern: /\bhooks\.slack\.com\/services\/[A-Za-z0-9/]+/g },
  { name: "OpenAI or Anthropic key", pattern: /\bsk-[A-Za-z0-9_-]{20,}/g },
  { name: "Stripe key", pattern: /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}/g },
  { name: "bootstrap token", pattern: /\b[a-z0-9]{6}\.[a-z0-9]{16}\b(?=\s|$|["',])/g },
  {
    name: "user and password in a URL",
    pattern: /:\/\/[^\s/?#@"'<>]+@/g,
    replace: () => `://${redacted}@`,
  },
  {
    name: "authorization header",
    pattern: /\b((?:Bearer|Basic)\s+)([A-Za-z0-9._~+/=-]{12,})/g,
    replace: (match, scheme = "", value = "") => (isPlainWord(value) ? match : `${scheme}${redacted}`),
  },
  {
    name: "assigned secret",
    pattern: assigned,
    replace: (match, key = "", sign = "", value = "") => {
      if (value === "" || value.startsWith(redacted)) return match;
      // `token: unexpected status` is a sentence, `token: h7Gf…` is not; after `=` there is no sentence.
      if (!sign.includes("=") && isPlainWord(value)) return match;
      const mark = value[0] === '"' || value[0] === "'" ? value[0] : "";
      return mark !== "" && value.length <= 2 ? match : `${key}${sign}${mark}${redacted}${mark}`;
    },
  },
];

function isPlainWord(value: string): boolean {
  // The status of an HTTP answer is no secret either.
  return (
    /^\d{1,3}[.,;:]?$/.test(value) ||
    (/^["']?[a-z][a-z]*(?:[-/][a-z]+)*[.,;:]?["']?$/i.test(value) && value.length <= 30)
  );
}

/** Text of no known form that no person made up: 40 characters or more, of all sorts. */
const random = /(?<![A-Za-z0-9+/=_.-])[A-Za-z0-9+_-]{40,}={0,2}(?![A-Za-z0-9+/=_.-])/g;

/**
 * `text` without credentials. Doing it twice changes nothing more.
 * @param isName whether a long word is made of names that are known: such a word is no random text
 */
export function redactCredentials(text: string, isName: (word: string) => boolean = () => false): string {
  // Nothing that the patterns find is shorter, and most texts of a cluster hold no such sign at all.
  if (text.length < 6) return text;
  let result = text;
  for (const { pattern, replace } of detectors) {
    result = replace === undefined ? result.replace(pattern, redacted) : result.replace(pattern, replace);
  }
  return result.replace(random, (word) =>
    /[a-z]/.test(word) && /[A-Z]/.test(word) && /\d/.test(word) && !isName(word) ? redacted : word,
  );
}
