import { assert, date, integer, oneof, property, string, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTime } from "../../src/kube/time.ts";

function expected(text: string): number | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

describe("parseTime", () => {
  it("says what Date.parse says, of times and of what is almost one", () => {
    const times = date({ noInvalidDate: true }).map((time) => time.toISOString().replace(/\.\d+Z$/, "Z"));
    const fields = tuple(...[9999, 13, 32, 25, 61, 61].map((max) => integer({ min: 0, max })));
    const almost = fields.map(
      ([year = 0, ...rest]) =>
        `${String(year).padStart(4, "0")}-${rest
          .map(pad)
          .join(" ")
          .replace(" ", "-")
          .replace(" ", "T")
          .replaceAll(" ", ":")}Z`,
    );
    const odd = string({ minLength: 20, maxLength: 20 });
    assert(
      property(oneof(times, almost, odd), (text) => {
        expect(parseTime(text)).toBe(expected(text));
      }),
    );
  });

  it.each(["2026-02-31T00:00:00Z", "0099-01-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00+02:00", ""])(
    "reads %j as Date.parse does",
    (text) => expect(parseTime(text)).toBe(expected(text)),
  );

  it("knows nothing of an absent time", () => expect(parseTime(undefined)).toBeUndefined());
});
