import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { flow } from "../../src/cli/flow.ts";

/** Without what ends words. */
function bare(text: string): string {
  return text.replaceAll(/\s/g, "");
}

function flowed(pieces: readonly string[], width: number): string {
  let out = "";
  const { push, end } = flow(
    () => width,
    (text) => void (out += text),
  );
  for (const piece of pieces) push(piece);
  end();
  return out;
}

describe("text that comes in pieces", () => {
  test("breaks between words, wherever the pieces end", () => {
    expect(flowed(["The Pod can", "not start, its ima", "ge is gone."], 16)).toBe(
      "The Pod cannot\nstart, its image\nis gone.",
    );
  });

  test("leaves commands and words that are too long to the terminal", () => {
    const line = "kubectl -n shop get pods -o wide";
    expect(flowed([`Run\n${line}\n  $ ${line}\n$ ${line}\n`], 12)).toBe(`Run\n${line}\n  $ ${line}\n$ ${line}\n`);
    expect(flowed(["see https://kubernetes.io/docs"], 10)).toBe("see https://kubernetes.io/docs");
  });

  test("keeps empty lines and breaks scripts without spaces by their width", () => {
    expect(flowed(["a\n\nb"], 10)).toBe("a\n\nb");
    expect(flowed(["镜像不存在"], 4)).toBe("镜像\n不存\n在");
  });

  test("follows the window", () => {
    let width = 40;
    let out = "";
    const { push, end } = flow(
      () => width,
      (text) => void (out += text),
    );
    push("one two three four\n");
    width = 8;
    push("one two three four");
    end();
    expect(out).toBe("one two three four\none two\nthree\nfour");
  });

  test("changes nothing but where lines end", () => {
    const piece = fc.stringMatching(/^[a-z é日$\n]{0,30}$/);
    fc.assert(
      fc.property(fc.array(piece), fc.integer({ min: 1, max: 30 }), (pieces, width) => {
        expect(bare(flowed(pieces, width))).toBe(bare(pieces.join("")));
      }),
    );
  });
});
