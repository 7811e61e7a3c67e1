import { expect, test } from "vitest";
import type { Incident, Report } from "../../src/findings/report.ts";
import { renderJson } from "../../src/report/json.ts";
import { plain, renderText, streamText, type TextOptions } from "../../src/report/text.ts";
import { sample } from "./samples.ts";

const report = sample("problems");
const options: TextOptions = { width: 80, palette: plain, unicode: true, flat: false };

/** Every second incident explained, one failed. */
function explained(incident: Incident, index: number): Incident {
  if (index === 1) return { ...incident, explainError: "429 too many requests" };
  const steps = [
    { text: "Look at it", command: "kubectl get pods", changes: false },
    { text: "Mend it \u001B[31mnow", command: "kubectl delete pod web-1", changes: true },
  ];
  return index % 2 === 0
    ? { ...incident, explanation: { summary: "It is broken.", why: "So it seems.", steps } }
    : incident;
}

const asked: Report = { ...report, provider: "openai" };
const whole: Report = { ...asked, incidents: report.incidents.map(explained) };

test("the pieces of the stream are the text, and each ends a line", async () => {
  const pieces: string[] = [];
  for await (const piece of streamText(asked, options, async (incident, index) => explained(incident, index)))
    pieces.push(piece);
  expect(pieces.join("")).toBe(renderText(whole, options));
  expect(pieces.length).toBeGreaterThan(report.incidents.length);
  for (const piece of pieces) expect(piece).toMatch(/\n$/);
});

test("an explanation stands in its incident's block, its changing command apart", () => {
  const text = renderText(whole, options);
  expect(text).toContain(
    [
      "  explained It is broken.",
      "            So it seems.",
      "            1. Look at it",
      "               $ kubectl get pods",
      "            2. Mend it now",
      "               this changes the cluster:",
      "               $ kubectl delete pod web-1",
    ].join("\n"),
  );
  expect(text).toContain("  explained not explained: 429 too many requests");
  expect(text).not.toContain("\u001B");
});

test("k8sgpt's text and JSON hold it as one text per result", () => {
  const details = "It is broken.\nSo it seems.\n1. Look at it\n   $ kubectl get pods\n2. Mend it";
  expect(renderText(whole, { ...options, flat: true })).toMatch(/^AI Provider: openai\n/);
  expect(renderText(whole, { ...options, flat: true })).toContain(
    "   $ kubectl delete pod web-1 (changes the cluster)",
  );
  const json: unknown = JSON.parse(renderJson(whole, { withStats: false }));
  expect(json).toMatchObject({
    provider: "openai",
    results: expect.arrayContaining([
      expect.objectContaining({ details: expect.stringContaining(details) }),
      expect.objectContaining({ explainError: "429 too many requests" }),
    ]),
  });
});
