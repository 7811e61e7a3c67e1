import { expect, test } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { showRules } from "../../src/cli/rules.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

async function printed(name: string | undefined, output: "text" | "json" = "text"): Promise<string> {
  let text = "";
  const terminal: Terminal = {
    env: { COLUMNS: "80" },
    platform: "linux",
    home: "/",
    stdin: process.stdin,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    columns: undefined,
    print: async (part) => void (text += part),
    tell: () => undefined,
    draw: () => undefined,
  };
  await showRules(name, { output, color: "never", hyperlinks: "never", context: [], kubecontext: [] }, terminal);
  return text;
}

const ids = [...new Set(analyzers.flatMap(({ rules }) => Object.keys(rules)))].sort();

test("every rule is listed once, and in JSON with all that is known of it", async () => {
  const all = JSON.parse(await printed(undefined, "json"));
  expect(all.map(({ rule }: { rule: string }) => rule)).toEqual(ids);
  expect(
    all.every(
      ({ message, fix, docs, severities }: Record<string, string>) =>
        message && fix && docs && (severities?.length ?? 0) > 0,
    ),
  ).toBe(true);
  const text = await printed(undefined);
  expect(text).toContain(`${ids.length} rules; \`k8sgpt rules RULE\` explains one`);
  expect(text.split("\n").filter((line) => /^ {2}configmap-missing /.test(line)).length).toBe(1);
});

test("one rule is explained: when, why, when not, commands, fix, docs", async () => {
  const text = await printed("configmap-missing");
  expect(text).toMatch(/^configmap-missing\n {2}A ConfigMap that workloads name does not exist\n/);
  for (const part of [
    "severity  critical or warning or info",
    "filters   ConfigMap",
    "why       Pods cannot start",
    "- optional references",
    "$ kubectl -n {namespace} get configmap",
    "fix  ",
    "https://kubernetes.io/docs/concepts/configuration/configmap/",
  ]) {
    expect(text).toContain(part);
  }
  expect(text.split("\n").every((line) => line.length <= 80)).toBe(true);
});

test("those of one analyzer, and of one family", async () => {
  expect(await printed("horizontalpodautoscaler")).toContain("hpa-no-metrics");
  const family = JSON.parse(await printed("image", "json"));
  expect(family.length).toBeGreaterThan(5);
  expect(family.every(({ rule }: { rule: string }) => rule.startsWith("image-"))).toBe(true);
});

test.each([
  ["configmap-misin", "Did you mean configmap-missing or configmap-empty or configmap-unused?"],
  ["zzzzzzzz", "`k8sgpt rules` lists them all"],
])("%s is refused with the nearest names", async (name, next) => {
  await expect(printed(name)).rejects.toMatchObject({ message: `There is no rule "${name}"`, next, usage: true });
});
