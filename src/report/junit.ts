/**
 * The report as JUnit XML, by the schema that Jenkins publishes; GitLab, Azure and others read the same. A suite is an
 * analyzer, a failed test is an incident in the suite of its cause, and its name stays the same from run to run, so that
 * a CI server can tell its history. An analyzer that found nothing is a passed test; what was accepted, or could not be
 * checked, is a skipped one: that is not health, and not a failure either.
 */
import type { Fleet } from "../findings/fleet.ts";
import type { AcceptedFinding, CoverageGap, Incident, Report } from "../findings/report.ts";
import { compareText } from "../kube/object-ref.ts";
import { clean } from "./layout.ts";
import { logsOf, seenLine, seenOf, stepName, symptomsOf } from "./seen.ts";
import { counted, isProblem, objectName } from "./words.ts";

interface Test {
  readonly suite: string;
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped" | "error";
  /** Attributes of the failure or error. */
  readonly message?: string;
  readonly type?: string;
  readonly text?: string;
}

/** The report as JUnit XML. */
export function renderJunit(report: Report): string {
  const suites = [...Map.groupBy(testsOf(report), ({ suite }) => suite)].sort(([a], [b]) => compareText(a, b));
  return documentOf(
    report.cluster.name,
    suites.map(([name, tests]) => ({ name, tests, report, cluster: report.cluster.name, prefix: "k8sgpt" })),
  );
}

/**
 * Several clusters as JUnit XML: a suite for each, its tests classed by cluster and analyzer. A cluster that could not be
 * read is a test in error.
 */
export function renderFleetJunit({ clusters }: Fleet): string {
  return documentOf(
    counted(clusters.length, "cluster"),
    clusters.map(({ name, report, problem }) => {
      const unread: Test = {
        suite: "coverage",
        name: "reads the cluster",
        outcome: "error",
        message: clean(problem?.reason ?? ""),
        type: "unread",
        text: clean(problem?.next === undefined ? "" : `next: ${problem.next}`),
      };
      const tests = report === undefined ? [unread] : testsOf(report);
      const sorted = [...tests].sort((a, b) => compareText(a.suite, b.suite));
      // A dot in the name would be read as a package of its own.
      const prefix = `k8sgpt.${clean(name).replaceAll(".", "_")}`;
      return { name, tests: sorted, report, cluster: name, prefix };
    }),
  );
}

function testsOf(report: Report): readonly Test[] {
  return distinctNames([
    ...report.incidents.filter(isProblem).map((incident) => incidentTest(incident, report)),
    ...(report.accepted ?? []).filter(({ finding }) => isProblem(finding)).map(acceptedTest),
    ...report.coverage.filter(({ level }) => level === "gap").flatMap(gapTests),
    ...cleanAnalyzers(report).map((suite): Test => ({ suite, name: "no problems found", outcome: "passed" })),
  ]);
}

interface Suite {
  readonly name: string;
  readonly tests: readonly Test[];
  readonly report: Report | undefined;
  readonly cluster: string;
  /** What stands before the analyzer in a test's class. */
  readonly prefix: string;
}

function documentOf(name: string, suites: readonly Suite[]): string {
  const all = suites.flatMap(({ tests }) => tests);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: `k8sgpt ${name}`, tests: all.length, failures: count(all, "failed"), errors: count(all, "error") })}>`,
    ...suites.flatMap((suite) => [
      `  <testsuite${attributes({
        name: suite.name,
        tests: suite.tests.length,
        failures: count(suite.tests, "failed"),
        errors: count(suite.tests, "error"),
        skipped: count(suite.tests, "skipped"),
        ...(suite.report !== undefined && { timestamp: new Date(suite.report.takenAt).toISOString().slice(0, 19) }),
        hostname: suite.cluster,
      })}>`,
      ...suite.tests.flatMap((test) => testLines(test, suite.prefix)),
      "  </testsuite>",
    ]),
    "</testsuites>",
  ];
  return `${lines.join("\n")}\n`;
}

function count(tests: readonly Test[], wanted: Test["outcome"]): number {
  return tests.filter(({ outcome }) => outcome === wanted).length;
}

function testLines(
  { suite, name, outcome, message = "", type = "", text = "" }: Test,
  prefix: string,
): readonly string[] {
  const head = `    <testcase${attributes({ classname: `${prefix}.${suite}`, name })}`;
  if (outcome === "passed") return [`${head}/>`];
  const tag = outcome === "failed" ? "failure" : "error";
  const inner =
    outcome === "skipped"
      ? `      <skipped>${escapeXml(text)}</skipped>`
      : `      <${tag}${attributes({ message, type })}>${escapeXml(text)}</${tag}>`;
  return [`${head}>`, inner, "    </testcase>"];
}

function incidentTest(incident: Incident, { takenAt }: Report): Test {
  const { root, severity, chain, affected } = incident;
  const symptoms = symptomsOf(incident);
  const lines = [
    ...(chain.length > 1 ? [`cause: ${chain.map(stepName).join(" → ")}`] : []),
    ...seenOf(root, takenAt).map((item) => `seen: ${seenLine(item)}`),
    ...symptoms.map(({ owner, object, title }) => `leads to: ${objectName(owner ?? object)}: ${clean(title)}`),
    ...affected.hosts.map((host) => `affects: host ${clean(host)}`),
    ...logsOf(root).flatMap(({ container, lines: log }) =>
      log.map((line) => `log ${clean(container)}: ${clean(line)}`),
    ),
    ...root.commands.map((command) => `check: ${clean(command)}`),
    `fix: ${clean(root.fix)}`,
  ];
  return {
    suite: root.analyzer,
    name: `${objectName(root.owner ?? root.object)}: ${root.rule}${discriminated(root.discriminator)}`,
    outcome: "failed",
    message: `${severity}: ${clean(root.title)}`,
    type: severity,
    text: `\n${lines.join("\n")}\n`,
  };
}

function acceptedTest({ finding, reason, by, expiry }: AcceptedFinding): Test {
  const until = expiry === undefined ? "" : ` until ${expiry}`;
  return {
    suite: finding.analyzer,
    name: `${objectName(finding.owner ?? finding.object)}: ${finding.rule}${discriminated(finding.discriminator)}`,
    outcome: "skipped",
    text: clean(`accepted${until}: ${reason ?? "no reason given"} (${by}): ${finding.title}`),
  };
}

/** One test for each analyzer that could not see everything, so that none of them looks whole. */
function gapTests({ what, namespace, reason, analyzers, next }: CoverageGap): readonly Test[] {
  const where = namespace === undefined ? "" : ` in ${namespace}`;
  const text = clean(`not checked: ${reason}${next === undefined ? "" : `; next: ${next}`}`);
  const suites = analyzers.length === 0 ? ["coverage"] : analyzers;
  return suites.map((suite) => ({ suite, name: clean(`reads ${what}${where}`), outcome: "skipped", text }));
}

/** Analyzers that saw everything they need and found no problem. */
function cleanAnalyzers({ analyzers, findings, accepted = [], coverage }: Report): readonly string[] {
  const told = new Set([
    ...[...findings, ...accepted.map(({ finding }) => finding)].filter(isProblem).map(({ analyzer }) => analyzer),
    ...coverage.filter(({ level }) => level === "gap").flatMap((gap) => gap.analyzers),
  ]);
  return analyzers.filter((name) => !told.has(name));
}

function discriminated(text: string | undefined): string {
  return text === undefined || text === "" ? "" : ` [${clean(text)}]`;
}

/** CI servers merge tests of one name: the second of them gets a number. */
function distinctNames(tests: readonly Test[]): readonly Test[] {
  const counts = new Map<string, number>();
  return tests.map((test) => {
    const key = `${test.suite}\n${test.name}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return count === 1 ? test : { ...test, name: `${test.name} (${count})` };
  });
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join("");
}

// What XML 1.0 cannot hold at all, not even escaped: controls but tab and newlines, lone surrogates, U+FFFE and U+FFFF.
// oxlint-disable-next-line no-control-regex -- control characters are what this removes
const notXml = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/gu;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeXml(text: string): string {
  return text.replace(notXml, "\uFFFD").replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
