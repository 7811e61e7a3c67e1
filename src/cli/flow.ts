/** Text that comes in pieces, broken between words at the width of a terminal. Lines that hold commands stay as they are. */
import { columnsOf } from "../report/layout.ts";

/** What takes the pieces. */
export interface Flow {
  readonly push: (text: string) => void;
  /** What was held back because its word might have grown. */
  readonly end: () => void;
}

/** What begins a line that somebody may copy. */
const command = /^(\$|kubectl|helm|k8sgpt)$/;

/**
 * A flow.
 *
 * @param columns the width now: a window changes it
 * @param write where whole words go
 */
export function flow(columns: () => number, write: (text: string) => void): Flow {
  let column = 0;
  let gap = "";
  let word = "";
  let isStart = true;
  let isVerbatim = false;
  const put = (): void => {
    if (word === "") return;
    const width = columnsOf(word);
    if (isStart) isVerbatim = gap.length > 1 || command.test(word);
    isStart = false;
    const fits = column + gap.length + width <= columns();
    // A word that fits on no line is left to the terminal.
    if (!isVerbatim && !fits && column > 0 && width <= columns()) {
      write(`\n${word}`);
      column = width;
    } else {
      write(gap + word);
      column += gap.length + width;
    }
    gap = "";
    word = "";
  };
  return {
    push(text) {
      for (const character of text) {
        if (character === "\n") {
          put();
          write("\n");
          [column, gap, isStart] = [0, "", true];
        } else if (character === " " || character === "\t") {
          put();
          gap += character;
        } else if (columnsOf(character) === 2) {
          // Scripts without spaces: each character may end a line.
          put();
          word = character;
          put();
        } else word += character;
      }
    },
    end: put,
  };
}
