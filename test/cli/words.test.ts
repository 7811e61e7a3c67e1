import { describe, expect, test } from "vitest";
import type { Analyzer } from "../../src/analyzers/define.ts";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { didYouMean, nearestNames } from "../../src/cli/nearest.ts";
import { analyzersNamed, analyzersOf, type Selection } from "../../src/cli/selection.ts";
import {
  namesIn,
  parseConcurrency,
  parseDuration,
  parseInclude,
  parseLabels,
  parseScope,
} from "../../src/cli/values.ts";
import { Fault } from "../../src/fault.ts";
import { sample } from "../report/samples.ts";

function faultOf(work: () => unknown): Fault {
  try {
    work();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("no Fault");
}

describe("nearest names", () => {
  const names = ["Pod", "Deployment", "Service", "StatefulSet", "Job", "CronJob"];
  test.each([
    ["servce", ["Service"]],
    ["Pdo", ["Pod"]],
    ["deploy", ["Deployment"]],
    ["JOB", ["Job"]],
    ["stateful-set", ["StatefulSet"]],
    ["xyz", []],
    ["", []],
  ])("%s", (word, expected) => {
    expect(nearestNames(word, names)).toEqual(expected);
  });

  test("as a question", () => {
    expect(didYouMean("Pot", ["Pod", "Port", "Node"])).toBe("Did you mean Pod or Port?");
    expect(didYouMean("zebra", names)).toBeUndefined();
  });
});

describe("namespaces", () => {
  test.each([
    [[], {}],
    [[""], {}],
    [["shop"], { include: ["shop"] }],
    [["shop, web", "shop"], { include: ["shop", "web"] }],
    [["!kube-system"], { exclude: ["kube-system"] }],
    [["shop,!web"], { include: ["shop"], exclude: ["web"] }],
  ])("%j", (values, scope) => {
    expect(parseScope(values)).toEqual(scope);
  });

  test.each(["Shop", "a_b", "!", "-a", "a/b", "x".repeat(64)])("%s is refused", (name) => {
    const fault = faultOf(() => parseScope([name]));
    expect(fault.usage).toBe(true);
    expect(fault.message).toContain(`"${name}"`);
    expect(fault.next).toContain("lower-case");
  });
});

describe("durations", () => {
  test.each([
    ["30s", 30_000],
    ["2m", 120_000],
    ["1h30m", 5_400_000],
    ["500ms", 500],
    ["1.5s", 1500],
    ["45", 45_000],
    ["999h", 2_147_483_647],
  ])("%s", (text, ms) => {
    expect(parseDuration("--timeout", text)).toBe(ms);
  });

  test.each(["", "s", "10x", "-5s", "0", "0s", "5s later", "1e3"])("%j is refused", (text) => {
    const fault = faultOf(() => parseDuration("--timeout", text));
    expect(fault.usage).toBe(true);
    expect(fault.message).toBe(`--timeout needs a time, not "${text}"`);
  });
});

describe("other values", () => {
  test.each([
    ["10", 10],
    ["0", 10],
    ["-3", 10],
    ["101", 100],
    ["7", 7],
  ])("--max-concurrency %s is %i", (text, count) => {
    expect(parseConcurrency(text)).toBe(count);
  });

  test.each(["ten", "1.5", ""])("--max-concurrency %j is refused", (text) => {
    expect(faultOf(() => parseConcurrency(text)).usage).toBe(true);
  });

  test("--include", () => {
    expect(parseInclude([])).toEqual([]);
    expect(parseInclude(["risks,INFO", "risk"])).toEqual(["info", "risk"]);
    expect(faultOf(() => parseInclude(["warnings"])).message).toBe('--include does not know "warnings"');
  });

  test("--selector", () => {
    expect(parseLabels(undefined)).toBeUndefined();
    expect(parseLabels(" ")).toBeUndefined();
    expect(parseLabels("app=cart,!legacy")).toEqual(expect.objectContaining({}));
    expect(faultOf(() => parseLabels("app in cart")).message).toBe('"app in cart" is not a label selector');
  });

  test("names", () => {
    expect(namesIn(["a,b", " b ,c", ","])).toEqual(["a", "b", "c"]);
  });
});

const known = [analyzer("Pod"), analyzer("Service"), analyzer("Job"), analyzer("Storage", false)];

function analyzer(name: string, core = true): Analyzer {
  return { name, core, needs: [], uses: [], rules: {}, check: () => [] };
}

function namesOf(analyzers: readonly Analyzer[]): readonly string[] {
  return analyzers.map(({ name }) => name);
}

function chosen(activeFilters: readonly string[] | undefined): Selection {
  return analyzersOf({ activeFilters, activeFiltersFrom: "x" }, known);
}

describe("choosing analyzers", () => {
  test("--filter takes any letter case, each once, in the order given", () => {
    expect(namesOf(analyzersNamed(["service,POD", "Pod"], known))).toEqual(["Service", "Pod"]);
  });

  test("--filter refuses a name that is none, with the nearest", () => {
    const fault = faultOf(() => analyzersNamed(["Pod,Servce"], known));
    expect(fault.usage).toBe(true);
    expect(fault.message).toBe('There is no filter "Servce"');
    expect(fault.next).toBe("Did you mean Service? `k8sgpt filters list` names them all");
    expect(faultOf(() => analyzersNamed(["Pot", "Jop"], known)).message).toBe('There are no filters "Pot", "Jop"');
  });

  test("the config's filters, else the core set", () => {
    expect(namesOf(chosen(undefined).analyzers)).toEqual(["Pod", "Service", "Job"]);
    expect(namesOf(chosen([]).analyzers)).toEqual(["Pod", "Service", "Job"]);
    expect(namesOf(chosen(["storage"]).analyzers)).toEqual(["Storage"]);
    expect(chosen(["Pod", "Ghost", "Ghost"])).toMatchObject({ unknown: ["Ghost"] });
  });
});

describe("exit codes", () => {
  const healthy = sample("healthy");
  const problems = sample("problems");
  const blind = sample("blind");
  const context = sample("context");
  const warning = { ...problems, findings: problems.findings.filter(({ severity }) => severity === "warning") };
  test.each([
    ["healthy", healthy, "critical", true, 0],
    ["critical, no gate", problems, "never", false, 0],
    ["critical at critical", problems, "critical", false, 4],
    ["critical at info", problems, "info", false, 4],
    ["warning at critical", warning, "critical", false, 0],
    ["warning at warning", warning, "warning", false, 4],
    ["info at warning", context, "warning", false, 0],
    ["info at info", context, "info", false, 4],
    ["incomplete", warning, "never", true, 3],
    ["the gate wins over incomplete", problems, "critical", true, 4],
    ["nothing checked", blind, "never", false, 3],
  ] as const)("%s", (_name, report, failOn, strict, code) => {
    expect(exitCodeOf(report, { failOn, strict })).toBe(code);
  });
});
