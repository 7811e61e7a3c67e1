/**
 * The report as JUnit XML, by the schema that Jenkins publishes; GitLab, Azure and others read the same. A suite is an
 * analyzer, a failed test is an incident in the suite of its cause, and its name stays the same from run to run, so that
 * a CI server can tell its history. An analyzer that found nothing is a passed test; what was accepted, or could not be
 * checked, is a skipped one: that is not health, and not a failure either.
 */
import type { AcceptedFinding, CoverageGap, Incident, Report } from "../findings/report.ts";
import { compareText } from "../kube/object-ref.ts";
import { clean } from "./layout.ts";
import { logsOf, seenLine, seenOf, stepName, symptomsOf } from "./seen.ts";
import { isProblem, objectName } from "./words.ts";

interface Test {
  readonly suite: string;
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Attributes of the failure. */
  readonly message?: string;
  readonly type?: string;
  readonly text?: string;
}

/** The report as JUnit XML. */
export function renderJunit(report: Report): string {
  const tests = distinctNames([
    ...report.incidents.filter(isProblem).map((incident) => incidentTest(incident, report)),
    ...(report.accepted ?? []).filter(({ finding }) => isProblem(finding)).map(acceptedTest),
    ...report.coverage.filter(({ level }) => level === "gap").flatMap(gapTests),
    ...cleanAnalyzers(report).map((suite): Test => ({ suite, name: "no problems found", outcome: "passed" })),
  ]);
  const suites = [...Map.groupBy(tests, ({ suite }) => suite)].sort(([a], [b]) => compareText(a, b));
  const time = new Date(report.takenAt).toISOString().slice(0, 19);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: `k8sgpt ${report.cluster.name}`, tests: tests.length, failures: failed(tests), errors: 0 })}>`,
    ...suites.flatMap(([name, inSuite]) => [
      `  <testsuite${attributes({
        name,
        tests: inSuite.length,
        failures: failed(inSuite),
        errors: 0,
        skipped: inSuite.filter(({ outcome }) => outcome === "skipped").length,
        timestamp: time,
        hostname: report.cluster.name,
      })}>`,
      ...inSuite.flatMap(testLines),
      "  </testsuite>",
    ]),
    "</testsuites>",
  ];
  return `${lines.join("\n")}\n`;
}

function failed(tests: readonly Test[]): number {
  return tests.filter(({ outcome }) => outcome === "failed").length;
}

function testLines({ suite, name, outcome, message = "", type = "", text = "" }: Test): readonly string[] {
  const head = `    <testcase${attributes({ classname: `k8sgpt.${suite}`, name })}`;
  if (outcome === "passed") return [`${head}/>`];
  const inner =
    outcome === "skipped"
      ? `      <skipped>${escapeXml(text)}</skipped>`
      : `      <failure${attributes({ message, type })}>${escapeXml(text)}</failure>`;
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
