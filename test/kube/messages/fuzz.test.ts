/**
 * Every reader of messages against odd text: what components write changes with their versions, and what stands in it comes
 * from anybody. Texts are made of the real ones of the tests beside this file, cut, doubled, spliced and strewn with what
 * breaks patterns. A reader must not throw, must answer the same twice, and must not take long; where its answer is words
 * for people, they are its own and never the text's.
 */
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const sources = new URL("../../../src/kube/messages/", import.meta.url);
const beside = new URL("./", import.meta.url);

/** How a reader is called with one text, and whether its answer is words of its own. */
type Call = (reader: (...given: never[]) => unknown, text: string) => unknown;
const call =
  (given: (text: string) => readonly unknown[]): Call =>
  (reader, text) =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table below gives each reader what it takes
    reader(...(given(text) as never[]));
const one = call((text) => [text]);
const two = call((text) => [text.slice(0, 20), text]);
const lines = call((text) => [text.split("\n")]);
const type = call((text) => ["example.com", "Widget", text]);
const kind = call((text) => [text, text.slice(0, 30)]);

/** Each exported function of the folder: those that are missing here fail the test below. */
const readers: Readonly<Record<string, { readonly call: Call; readonly isOwnWords?: true }>> = {
  "api-service.apiServiceFailureInWords": { call: two, isOwnWords: true },
  "autoscaler.metricFailure": { call: one },
  "autoscaler.metricFailureInWords": {
    call: (reader, text) => call(() => [{ kind: text }])(reader, text),
    isOwnWords: true,
  },
  "autoscaler.scaleFailure": { call: one },
  "autoscaler.scaleFailureInWords": {
    call: (reader, text) => call(() => [{ kind: text }])(reader, text),
    isOwnWords: true,
  },
  "autoscaler.contestingAutoscalers": { call: one },
  "certificate.certificateReasonInWords": { call: one, isOwnWords: true },
  "certificate.issuerReasonInWords": { call: one, isOwnWords: true },
  "conditions.polarityOf": { call: type },
  "conditions.isIgnored": { call: type },
  "conditions.isCriticalKind": { call: kind },
  "conditions.isRecordKind": { call: kind },
  "conditions.reportsWithoutSubresource": { call: kind },
  "conditions.restAnnotationsOf": { call: kind },
  "conditions.isBadPhase": { call: one },
  "conditions.isProgressReason": { call: one },
  "container-create.configErrorCause": { call: one },
  "container-create.createErrorCause": { call: two },
  "create-blocked.parseCreateRefusal": { call: one },
  "create-blocked.webhookFailureInWords": { call: one, isOwnWords: true },
  "create-blocked.quotaResourcesInWords": { call: one, isOwnWords: true },
  "dns.dnsFailureInWords": { call: lines, isOwnWords: true },
  "eks.eksIssueInWords": { call: one, isOwnWords: true },
  "events.isKnownWarning": { call: one },
  "exit-code.exitMeaning": { call: call((text) => [text.length, text]) },
  "exit-code.exitSentence": { call: call((text) => [text.length, text]), isOwnWords: true },
  "finalizers.finalizerInWords": { call: one, isOwnWords: true },
  "image-pull.imagePullCause": { call: call((text) => [text.slice(0, 20), text, text.slice(5, 60)]) },
  "image-pull.isInformative": { call: one },
  "image-pull.registryOf": { call: one },
  "log.lastError": { call: lines },
  "lookup.tellsOfLookupFailure": { call: one },
  "mount.mountCause": { call: one },
  "mount.volumeNamed": { call: one },
  "mount.keyNamed": { call: one },
  "mount.multiAttachVolume": { call: one },
  "namespace-deletion.remainingResources": { call: one },
  "namespace-deletion.remainingFinalizers": { call: one },
  "namespace-deletion.failingGroupVersions": { call: one },
  "node-condition.notReadyInWords": { call: two, isOwnWords: true },
  "node-condition.meaningOf": { call: call((text) => [text, text.slice(0, 4)]) },
  "operator-lifecycle.subscriptionFailure": { call: one },
  "operator-lifecycle.extensionFailure": { call: one },
  "probe.failedProbe": { call: one },
  "probe.killingProbe": { call: one },
  "probe.probeCause": { call: one },
  "provisioning.provisioningFailureInWords": { call: one, isOwnWords: true },
  "readyz.readyzInWords": { call: one, isOwnWords: true },
  "sandbox.sandboxCause": { call: one },
  "scheduler.parseSchedulerMessage": { call: one },
  "scheduler.isControlPlaneTaint": { call: call((text) => [{ taint: { key: text, value: text } }]) },
  "scheduler.dominantClause": { call: call((text) => [[{ rule: text, count: text.length, taint: { key: text } }]]) },
  "support.endOfSupport": { call: one },
};

const files = readdirSync(sources).filter((file) => file.endsWith(".ts"));
const modules = await Promise.all(
  files.map(async (file) => {
    const exported = (await import(/* @vite-ignore */ new URL(file, sources).href)) as Readonly<
      Record<string, unknown>
    >;
    return Object.entries(exported).flatMap(([name, value]) =>
      typeof value === "function"
        ? [[`${file.slice(0, -3)}.${name}`, value as (...given: never[]) => unknown] as const]
        : [],
    );
  }),
);
const found = new Map<string, (...given: never[]) => unknown>(modules.flat());

/** The real messages that the tests beside this file hold, as they stand in their source. */
const real = readdirSync(beside)
  .filter((file) => file.endsWith(".test.ts") && file !== "fuzz.test.ts")
  .flatMap((file) => [...readFileSync(new URL(file, beside), "utf8").matchAll(/(["'`])((?:(?!\1)[^\\]|\\.){20,})\1/g)])
  .map(([, , text = ""]) => text.replaceAll(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter)));

/** Stands in every odd text: an answer in words of its own does not hold it. */
const mark = "Zq7";
const noise = fc.constantFrom(
  mark,
  "\u0000",
  "\u202e",
  "\ud800",
  "💥",
  '"',
  "'",
  "`",
  "\\",
  "{",
  "}",
  "[",
  "]",
  "(",
  ":",
  ": ",
  ", ",
  "\n",
  "\r\n",
  "\t",
  " ",
  "0/0",
  "-1",
  "999999999999999999999",
  "__proto__",
  "constructor",
  "toString",
  "%s",
  "$&",
  "../",
);
const oddText = fc
  .tuple(
    fc.constantFrom(...real),
    fc.constantFrom(...real),
    fc.nat(),
    fc.nat(),
    fc.array(fc.tuple(fc.nat(), noise), { maxLength: 8 }),
    fc.constantFrom("as is", "cut", "doubled", "spliced"),
  )
  .map(([a, b, x, y, insertions, shape]) => {
    const cut = a.slice(0, x % (a.length + 1));
    let text =
      shape === "as is" ? a : shape === "cut" ? cut : shape === "doubled" ? a + a : cut + b.slice(y % (b.length + 1));
    for (const [at, what] of insertions) {
      const place = at % (text.length + 1);
      text = text.slice(0, place) + what + text.slice(place);
    }
    return text;
  });
const anyText = fc.oneof({ weight: 5, arbitrary: oddText }, fc.string({ unit: "binary", maxLength: 200 }), noise);

test("there are real messages to begin with, and every reader is in the table", () => {
  expect(real.length).toBeGreaterThan(150);
  expect([...found.keys()].sort()).toEqual(Object.keys(readers).sort());
});

describe.each(Object.entries(readers))("%s", (name, { call: ask, isOwnWords }) => {
  const reader = found.get(name) ?? (() => undefined);

  test("reads any text, and twice the same", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const answer = ask(reader, text);
        expect(ask(reader, text)).toEqual(answer);
        expect(isOwnWords === true ? String(answer) : "").not.toContain(mark);
      }),
      { numRuns: 300, seed: 20_260_115 },
    );
  });

  test("takes time in proportion to the text", () => {
    // What a message can be at most: an event's has 1 KiB, a condition's 32 KiB.
    const parts = real.slice(0, 20).concat("a", " ", "(", "0/1 ", '"a" ', "a.", ": ", "\n");
    const long = parts.map((part) => part.repeat(Math.ceil(32_768 / part.length)).slice(0, 32_768));
    const started = performance.now();
    for (const text of long) ask(reader, text);
    // 28 texts of 32 KiB: milliseconds when it is linear, minutes when it is not.
    expect(performance.now() - started).toBeLessThan(4_000);
  });
});
