/** Every name that a person types, mistyped: what was perhaps meant is told, wherever the name is typed. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { emptyHome } from "./fake-terminal.ts";

const home = emptyHome({ KUBECONFIG: "" });

function file(name: string, text: string): string {
  const path = join(home.folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const kubeconfig = file(
  "kubeconfig",
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    contexts: ["production", "develop"].map((name) => ({ name, context: { cluster: "c", user: "u" } })),
    users: [{ name: "u", user: {} }],
    "current-context": "develop",
  }),
);
const saved = file(
  "saved.yaml",
  [
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}",
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart, namespace: shop}}",
  ].join("\n---\n"),
);
const config = file("config.yaml", "{ ai: { providers: [{ name: ollama }] } }");
const badCache = file("bad-cache.yaml", "cache: { currentCacheType: gsc }");
const ignore = file("ignore.yaml", "- { rul: image-unreachable, reason: known }");
const accepted = file(
  "accepted.yaml",
  "- { rule: image-unreachabel, object: 'Pod/shop/*', reason: known, expiry: 2999-01-01 }",
);
const policies = {
  section: file("policy1.yaml", "namespace: [shop]"),
  list: file("policy2.yaml", "namespaces: { alow: [shop] }"),
  mcp: file("policy3.yaml", "mcp: { tool: [why] }"),
  rule: file("policy4.yaml", "mcp: { deny: [{ kind: [Secret] }] }"),
};

test.each<readonly [what: string, line: string, meant: string]>([
  // Commands, below commands, flags.
  ["a command", "analze", "Did you mean analyze?"],
  ["a command below filters", "filters lst", "Did you mean list?"],
  ["a command below auth", "auth lst", "Did you mean list?"],
  ["a command below cache", "cache prge", "Did you mean purge?"],
  ["a command below completion", "completion zhs", "Did you mean zsh?"],
  ["a command below rbac, which runs by itself", "rbac chek", "Did you mean check?"],
  ["a flag", "analyze --fliter Pod", "Did you mean --filter?"],
  ["a flag of every command", "version --verbos", "Did you mean --verbose?"],
  ["a flag of a command below another", "auth add --modle x", "Did you mean --model?"],
  // Values of flags.
  ["--backend", "analyze --explain -b opnai --from SAVED", "Did you mean openai?"],
  ["--backend of serve", "serve --mcp -b opnai", "Did you mean openai?"],
  ["--color", "analyze --color alwas", "Did you mean always?"],
  ["--fail-on", "analyze --fail-on critcal", "Did you mean critical?"],
  ["--include", "analyze --include inof", "Did you mean info?"],
  ["--include of baseline", "baseline -o x --include risk,rsiks", "Did you mean risks?"],
  ["a format", "analyze -o jsn", "Did you mean json?"],
  ["a format with a file", "analyze -o juint=report.xml", "Did you mean junit?"],
  ["a format of a listing", "rules -o jsn", "Did you mean json?"],
  ["a filter", "analyze -f Pod,Servce", "Did you mean Service?"],
  ["a filter of snapshot", "snapshot -o x.tar.gz -f Servce", "Did you mean Service?"],
  ["a filter of rbac", "rbac -f Servce", "Did you mean Service?"],
  ["a namespace", "analyze --from SAVED -n shp", "Did you mean shop?"],
  ["a file", "analyze --from SAVEDD", "Did you mean"],
  ["a context", "analyze --context productoin", "Did you mean production?"],
  ["a context of compare", "compare productoin develop", "Did you mean production?"],
  ["a context of doctor", "doctor --context productoin", "Did you mean production?"],
  // Operands.
  ["a filter to add", "filters add Servce", "Did you mean Service?"],
  ["a filter to remove", "filters remove Servce", "Did you mean Service?"],
  ["a filter to set", "filters set Servce", "Did you mean Service?"],
  ["a rule", "rules configmap-misin", "Did you mean configmap-missing"],
  ["a rule as kinds are written", "rules ConfigMapMising", "Did you mean configmap-missing"],
  ["a filter whose rules are asked for", "rules Servce", "Did you mean Service"],
  ["a kind", "why deplyment/cart --from SAVED", "Did you mean deployment"],
  ["a name", "why deploy/crat -n shop --from SAVED", "Did you mean cart?"],
  ["a cache", "cache add gsc", "Did you mean gcs?"],
  // Backends.
  ["auth add", "auth add -b opnai", "Did you mean openai?"],
  ["auth update", "auth update -b opnai", "Did you mean openai?"],
  ["auth update --unset", "auth update -b ollama --unset modle", "Did you mean model?"],
  ["auth default", "auth default -p olama --config CONFIG", "Did you mean ollama?"],
  ["auth default, not configured", "auth default -p opnai", "Did you mean openai?"],
  ["auth remove", "auth remove -b olama --config CONFIG", "Did you mean ollama?"],
  ["auth test", "auth test -b opnai", "Did you mean openai?"],
  ["generate", "generate -b opnai", "Did you mean openai?"],
  // Files.
  ["a key of a policy", `analyze --policy ${policies.section}`, "Did you mean namespaces?"],
  ["a key of its list", `analyze --policy ${policies.list}`, "Did you mean allow?"],
  ["a key of mcp", `analyze --policy ${policies.mcp}`, "Did you mean tools?"],
  ["a key of a rule of mcp", `analyze --policy ${policies.rule}`, "Did you mean kinds?"],
  ["a key of the ignore file", `analyze --from SAVED --ignore-file ${ignore}`, "Did you mean rule?"],
  ["a rule of the ignore file", `analyze --from SAVED --ignore-file ${accepted}`, "Did you mean image-unreachable"],
  ["the cache of the config", `cache get --config ${badCache}`, "Did you mean gcs?"],
])("%s: `k8sgpt %s` tells what is near", async (_what, line, meant) => {
  const words = line.split(" ").map((word) => word.replace("SAVED", saved).replace("CONFIG", config));
  const { code, stdout, stderr } = await home.run([...words, "--kubeconfig", kubeconfig]);
  // `doctor` tells on standard output, where its columns may break the line.
  const told = `${stderr}${stdout.replace(/\s+/g, " ")}`;
  expect(told).toContain(meant);
  // A rule that there is not is no more than a warning.
  expect(code).toBe(
    line.includes("accepted.yaml")
      ? 0
      : /--policy|ignore\.yaml|doctor|bad-cache|auth default|auth remove|why deploy.crat/.test(line)
        ? 1
        : 2,
  );
});

test("a word that is near nothing is not guessed at", async () => {
  for (const words of [
    ["auth", "default", "-p", "zzzzzzzz"],
    ["rbac", "zzzzzzzz"],
    ["analyze", "--color", "zzzzzzzz"],
  ]) {
    expect((await home.run(words)).stderr).not.toContain("Did you mean");
  }
});

test.each<readonly [text: string, state: string, says: string]>([
  ["actve_filters: [Pod]\n", "problem", "Did you mean active_filters?"],
  ["polcy: { namespaces: [shop] }\n", "problem", "Did you mean policy?"],
  ["ai: { providers: [{ name: ollama, modle: x }] }\n", "problem", "ai.providers[0].modle: Did you mean model?"],
  ["ai: { budget: { maxCalls: 3 } }\n", "problem", "ai.budget.maxCalls: Did you mean maxCallsPerRun?"],
  ["cache: { tll: 3d }\n", "problem", "cache.tll: Did you mean ttl?"],
  ["anonymize: { rule: [] }\n", "problem", "anonymize.rule: Did you mean rules?"],
  ["telemetry_of_ours: true\n", "note", "There are active_filters, "],
  ["custom_analyzers: []\nkubecontext: x\nACTIVE_FILTERS: [Pod]\n", "ok", ""],
])("doctor tells of a setting that does nothing: %s", async (text, state, says) => {
  const path = file("settings.yaml", text);
  const { stdout } = await home.run(["doctor", "-o", "json", "--config", path, "--kubeconfig", kubeconfig]);
  const { checks }: { readonly checks: readonly Record<string, string>[] } = JSON.parse(stdout);
  const looked = checks.find(({ check }) => check === "config file");
  expect(looked?.["state"]).toBe(state);
  expect(looked?.["next"] ?? "").toContain(says);
});
