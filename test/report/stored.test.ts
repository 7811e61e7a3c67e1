/**
 * The renderers against stored outputs, which people read in review. `UPDATE_STORED=1` writes them anew; look at the
 * difference before you keep it.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { docKey } from "../../src/report/field-doc.ts";
import { renderJson } from "../../src/report/json.ts";
import { columnsOf } from "../../src/report/layout.ts";
import { plain, renderText } from "../../src/report/text.ts";
import { sample, samples } from "./samples.ts";

const folder = new URL("stored/", import.meta.url);
const docs = new Map([[docKey("Service", "spec.selector"), "Route service traffic to pods with matching label keys."]]);
const text = { palette: plain, unicode: true, flat: false };

const outputs: Readonly<Record<string, () => string>> = Object.fromEntries(
  Object.entries(samples).flatMap(([name, report]): [string, () => string][] => [
    ...[40, 80, 120].map((width): [string, () => string] => [
      `${name}-${width}.txt`,
      () => renderText(report, { ...text, width }),
    ]),
    [`${name}-ascii-80.txt`, () => renderText(report, { ...text, width: 80, unicode: false })],
    [`${name}-flat.txt`, () => renderText(report, { ...text, width: 80, flat: true, docs })],
    [`${name}.json`, () => renderJson(report, { withStats: name === "problems", docs })],
  ]),
);

describe("stored outputs", () => {
  test.each(Object.keys(outputs))("%s", (name) => {
    const made = outputs[name]?.() ?? "";
    const file = new URL(name, folder);
    if (process.env["UPDATE_STORED"] === "1") writeFileSync(file, made);
    expect(made).toBe(existsSync(file) ? readFileSync(file, "utf8") : `${name} is not stored`);
  });

  test("there is no stored output that nothing makes", () => {
    expect(readdirSync(folder).sort()).toEqual(Object.keys(outputs).sort());
  });
});

describe("text", () => {
  test.each([40, 80, 120])("no line but a command is wider than %i columns", (width) => {
    for (const report of Object.values(samples)) {
      const prose = renderText(report, { ...text, width })
        .replace(/^ +\$ (?:.*\\\n)*.*$/gm, "")
        .split("\n");
      expect(prose.filter((line) => columnsOf(line) > width)).toEqual([]);
    }
  });

  test("a command put together again is the rule's command", () => {
    const problems = sample("problems");
    const made = renderText(problems, { ...text, width: 40 });
    const commands = [...made.matchAll(/^ +\$ ((?:.*\\\n)*.*)$/gm)].map(([, command = ""]) =>
      command.replace(/ \\\n +/g, " "),
    );
    expect(commands).toEqual(problems.incidents.flatMap(({ root }) => root.commands));
  });

  test("nothing from the cluster steers the terminal", () => {
    const made = Object.values(samples)
      .map((report) => renderText(report, { ...text, width: 80 }))
      .join("");
    // oxlint-disable-next-line no-control-regex -- control characters are the point
    expect(made).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/);
    expect(made).not.toContain("title");
  });

  test("ASCII terminals get ASCII", () => {
    const made = Object.values(samples)
      .map((report) => renderText(report, { ...text, width: 80, unicode: false }))
      .join("");
    // oxlint-disable-next-line no-control-regex -- ASCII begins with control characters
    expect(made).toMatch(/^[\u0000-\u007F]*$/);
  });

  test("only a complete report without findings says that there are no problems", () => {
    const phrase = "No problems detected";
    const saying = Object.keys(samples).filter((name) =>
      renderText(sample(name), { ...text, width: 80 }).includes(phrase),
    );
    expect(saying).toEqual(["healthy", "context"]);
    const flat = Object.keys(samples).filter((name) =>
      renderText(sample(name), { ...text, width: 80, flat: true }).includes(phrase),
    );
    expect(flat).toEqual(["healthy", "context"]);
  });

  test("colour wraps what plain text says and adds nothing", () => {
    const palette = { ...plain, critical: mark, warning: mark, good: mark, strong: mark, dim: mark, command: mark };
    for (const report of Object.values(samples)) {
      const colored = renderText(report, { ...text, width: 80, palette });
      // oxlint-disable-next-line no-control-regex -- the colours are control sequences
      expect(colored.replace(/\u001B\[[01]m/g, "").replace(/ +$/gm, "")).toBe(
        renderText(report, { ...text, width: 80 }),
      );
    }
  });
});

describe("JSON", () => {
  const schema: object = JSON.parse(readFileSync(new URL("../../schema/report.schema.json", import.meta.url), "utf8"));
  const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

  test.each(Object.keys(samples))("%s is valid by the published schema", (name) => {
    validate(JSON.parse(renderJson(sample(name), { withStats: true, docs })));
    expect(validate.errors).toBeNull();
  });

  test("the schema refuses what it should", () => {
    const made = JSON.parse(renderJson(sample("problems"), { withStats: false }));
    expect(validate({ ...made, results: null })).toBe(false);
    expect(validate({ ...made, status: "Fine" })).toBe(false);
    expect(validate({ ...made, surprise: 1 })).toBe(false);
  });

  test("k8sgpt's keys come first and have k8sgpt's types", () => {
    const made = JSON.parse(renderJson(sample("problems"), { withStats: false }));
    expect(Object.keys(made).slice(0, 5)).toEqual(["provider", "errors", "status", "problems", "results"]);
    expect(made.provider).toBe("");
    expect(made.problems).toBe(5);
    expect(made.results.map(({ kind, name }: { kind: string; name: string }) => `${kind} ${name}`)).toEqual([
      "Ingress shop/web",
      "Node worker-3.eu-central-1.compute.internal",
      "Pod payments/ledger-5f7b9c4d6-q8w2e",
      "Pod shop/cart-7d9f5c6b8-2xkqp",
      "Service shop/cart",
    ]);
    expect(made.results[3]).toMatchObject({ details: "", parentObject: "Deployment/cart" });
    expect(Object.keys(made.results[3].error[0]).slice(0, 3)).toEqual(["Text", "KubernetesDoc", "Sensitive"]);
    expect(made.stats).toBeUndefined();
  });

  test("every id of an incident is a finding of the report", () => {
    for (const report of Object.values(samples)) {
      const made = JSON.parse(renderJson(report, { withStats: false }));
      const ids = [...made.results.flatMap((result: { error: { id: string }[] }) => result.error), ...made.others].map(
        ({ id }: { id: string }) => id,
      );
      expect(made.incidents.flatMap(({ findings }: { findings: string[] }) => findings).sort()).toEqual(ids.sort());
    }
  });
});

function mark(painted: string): string {
  return `\u001B[1m${painted}\u001B[0m`;
}
