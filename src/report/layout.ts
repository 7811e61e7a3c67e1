/**
 * Text on a terminal of a given width: text that came from a cluster is made harmless first, then broken where a reader
 * can still use it. Prose breaks between words; a command breaks only where a shell lets it go on in the next line.
 */

// Sequences that move the cursor, recolour or retitle: CSI, OSC and the two-character escapes.
// oxlint-disable-next-line no-control-regex -- control characters are what this removes
const escapeSequences = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\-_])/g;
// Control characters of both sets, line and paragraph separators, and marks that reorder text to the eye (bidi) or hide it.
// oxlint-disable-next-line no-control-regex -- control characters are what this removes
const unsafe = /[\u0000-\u001F\u007F-\u009F\u00AD\u200B\u200E\u200F\u2028-\u202E\u2060-\u2069\uFEFF]+/g;

/** `text` as one line that cannot steer a terminal. */
export function clean(text: string): string {
  return text.replace(escapeSequences, "").replace(unsafe, " ").trim();
}

const zeroWide = /\p{Mark}/u;
const twoWide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}/u;

/** How many columns `text` takes. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += zeroWide.test(character) ? 0 : twoWide.test(character) ? 2 : 1;
  return columns;
}

/** `text` filled up with spaces to `columns`. */
export function padTo(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - columnsOf(text)));
}

/** `text` cut to `limit` characters, the cut shown by `mark`. */
export function shorten(text: string, limit: number, mark: string): string {
  const characters = Array.from(text);
  return characters.length <= limit ? text : `${characters.slice(0, limit - mark.length).join("")}${mark}`;
}

/** Joins `pieces` into lines of at most `width` columns, a piece that is wider alone on its line, broken if it must be. */
export function fill(pieces: readonly string[], width: number, joiner = " "): readonly string[] {
  const room = Math.max(8, width);
  const lines: string[] = [];
  let line = "";
  for (const piece of pieces) {
    const longer = line === "" ? piece : `${line}${joiner}${piece}`;
    if (columnsOf(longer) <= room) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    const parts = broken(joiner.trim() === "" || line === "" ? piece : `${joiner.trimStart()}${piece}`, room);
    lines.push(...parts.slice(0, -1));
    line = parts.at(-1) ?? "";
  }
  if (line !== "") lines.push(line);
  return lines;
}

/** Prose in lines of at most `width` columns. */
export function wrap(text: string, width: number): readonly string[] {
  return fill(text.split(/\s+/).filter(Boolean), width);
}

/**
 * A shell command in lines of about `width` columns, each but the last ending in ` \` so that it can still be copied.
 * A quoted argument stays whole, whatever its width.
 */
export function wrapCommand(command: string, width: number): readonly string[] {
  const words = argumentsOf(command);
  const whole = words.join(" ");
  if (columnsOf(whole) <= width) return [whole];
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    const longer = line === "" ? word : `${line} ${word}`;
    const indent = lines.length === 0 ? 0 : 2;
    if (line !== "" && columnsOf(longer) + indent > width - 2) {
      lines.push(`${" ".repeat(indent)}${line} \\`);
      line = word;
    } else line = longer;
  }
  return [...lines, `${lines.length === 0 ? "" : "  "}${line}`];
}

/** The words of a command, quoted ones whole, a flag together with its value. */
function argumentsOf(command: string): readonly string[] {
  const words = command.match(/(?:[^\s'"]|'[^']*'|"(?:[^"\\]|\\.)*"|['"])+/g) ?? [];
  const units: string[] = [];
  for (const word of words) {
    const last = units.at(-1);
    if (last !== undefined && /^--?[a-z][a-z-]*$/.test(last) && !word.startsWith("-"))
      units[units.length - 1] = `${last} ${word}`;
    else units.push(word);
  }
  return units;
}

/** One long word in parts of at most `width` columns, cut after a separator when there is one in the last half. */
function broken(piece: string, width: number): readonly string[] {
  const parts: string[] = [];
  let rest = piece;
  while (columnsOf(rest) > width) {
    let end = 0;
    let columns = 0;
    for (const character of rest) {
      columns += columnsOf(character);
      if (columns > width) break;
      end += character.length;
    }
    const natural =
      Math.max(...[" ", "/", ".", ",", "-", "_", ":", "="].map((mark) => rest.lastIndexOf(mark, end - 1))) + 1;
    const cut = natural > end / 2 ? natural : end;
    parts.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut).trimStart();
  }
  return rest === "" ? parts : [...parts, rest];
}
