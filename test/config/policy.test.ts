import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { readPolicies } from "../../src/config/policy.ts";
import { Fault } from "../../src/fault.ts";

const folder = mkdtempSync(join(tmpdir(), "k8sgpt-policy-"));
let count = 0;
function written(text: string): string {
  count += 1;
  const path = join(folder, `${count}.yaml`);
  writeFileSync(path, text);
  return path;
}
const none = { path: join(folder, "none.yaml"), explicit: false };

describe("a file of its own", () => {
  it("keeps each word with its line", async () => {
    const path = written(
      "contexts: [prod-*, '!prod-secret']\nnamespaces:\n  allow:\n    - shop\n  deny: [payroll]\nkinds: Pod\n",
    );
    expect(await readPolicies(none, path)).toEqual([
      {
        origin: path,
        contexts: { allow: [{ text: "prod-*", line: 1 }], allowLine: 1, deny: [{ text: "prod-secret", line: 1 }] },
        namespaces: { allow: [{ text: "shop", line: 4 }], allowLine: 3, deny: [{ text: "payroll", line: 5 }] },
        kinds: { allow: [{ text: "Pod", line: 6 }], allowLine: 6, deny: [] },
      },
    ]);
  });

  it("may stand below policy, as in the config file", async () => {
    const path = written("# ours\npolicy:\n  kinds: { allow: [] }\n");
    expect(await readPolicies(none, path)).toEqual([{ origin: path, kinds: { allow: [], allowLine: 3, deny: [] } }]);
  });

  it("holds what AI assistants must not ask, each rule with its line", async () => {
    const path = written(
      "mcp:\n  tools: [analyze, 'list-*', '!list-resources']\n  deny:\n    - tools: get-logs\n      contexts: [prod-*]\n    - { kinds: [Secret] }\n",
    );
    expect(await readPolicies(none, path)).toEqual([
      {
        origin: path,
        mcp: [
          { origin: `${path}:2`, tools: ["list-resources"] },
          { origin: `${path}:2`, exceptTools: ["analyze", "list-*"] },
          { origin: `${path}:4`, tools: ["get-logs"], contexts: ["prod-*"] },
          { origin: `${path}:6`, kinds: ["Secret"] },
        ],
      },
    ]);
  });

  test.each([
    ["namespace: [shop]\n", ':1: "namespace" is not known'],
    ["namespaces:\n  only: [shop]\n", ':2: "only" is not known below namespaces'],
    ["namespaces: []\n", ":1: namespaces is empty"],
    ["namespaces:\n  deny: []\n", ":2: namespaces.deny is empty"],
    ["namespaces: [!payroll]\n", ":1: namespaces must hold names"],
    ["namespaces:\n  - shop\n  - [web]\n", "namespaces must hold names"],
    ["namespaces: {}\n", ":1: namespaces allows and denies nothing"],
    ["kinds:\n  deny: ['!Secret']\n", ':2: "!Secret": below deny, a name stands without !'],
    ["- shop\n", ":1: this is not a map"],
    ["", ":1: this is not a map"],
    ["policy:\n", "this is not a map"],
    ["ai: []\n", ":1: ai is empty"],
    ["ai: false\n", ":1: ai must hold names"],
    ["ai: ['https://api.example/v1?a=b']\n", ":1: ai must hold names"],
    ["mcp: {}\n", ":1: mcp restricts nothing"],
    ["mcp: [get-logs]\n", ":1: mcp must hold tools, deny or both"],
    ["mcp:\n  tool: [why]\n", ':2: "tool" is not known below mcp'],
    ["mcp:\n  deny: []\n", ":2: mcp.deny must be a list of rules"],
    ["mcp:\n  deny:\n    - why\n", "each rule of mcp.deny is a map"],
    ["mcp:\n  deny:\n    - {}\n", ":3: a rule of mcp.deny names nothing"],
    ["mcp:\n  deny:\n    - names: [a]\n", ':3: "names" is not known below mcp.deny'],
    ["mcp:\n  deny:\n    - namespaces: [pay-*]\n", ':3: "pay-*": mcp.deny.namespaces takes names'],
    ["mcp:\n  deny:\n    - kinds: ['!Pod']\n", ':3: "!Pod": mcp.deny.kinds takes names and *'],
    ["mcp:\n  deny:\n    - { kinds: [Pod], namespaces: [shop] }\n", ":3: a rule of mcp.deny names namespaces or kinds"],
    ["kinds: [a]\nkinds: [b]\n", ":2: this is not valid YAML"],
    ["kinds: [\n", "this is not valid YAML"],
  ])("%j is refused", async (text, why) => {
    const path = written(text);
    const reading = readPolicies(none, path);
    await expect(reading).rejects.toThrow(Fault);
    await expect(reading).rejects.toThrow(why);
    await expect(reading).rejects.toThrow(path);
  });

  it("must exist", async () => {
    await expect(readPolicies(none, join(folder, "gone.yaml"))).rejects.toThrow("Cannot read policy");
  });
});

describe("the config file", () => {
  it("has none by default", async () => {
    expect(await readPolicies(none, undefined)).toEqual([]);
    const path = written("active_filters: [PolicyReport]\n");
    expect(await readPolicies({ path, explicit: true }, undefined)).toEqual([]);
  });

  test.each([
    "active_filters: []\nPolicy:\n  kinds: ['!Secret']\n",
    '{"active_filters": [],\n\n "policy": {"kinds": ["!Secret"]}}',
  ])("holds beside a file of its own: %j", async (text) => {
    const config = written(text);
    const file = written("namespaces: [shop]\n");
    expect(await readPolicies({ path: config, explicit: true }, file)).toMatchObject([
      { origin: config, kinds: { deny: [{ text: "Secret", line: 3 }] } },
      { origin: file, namespaces: { allow: [{ text: "shop", line: 1 }] } },
    ]);
  });

  it("may list the hosts of AI backends twice, and both lists hold", async () => {
    const path = written(
      "ai:\n  defaultprovider: ollama\n  allowedhosts: [localhost]\npolicy:\n  ai: ['*', '!*.example']\n",
    );
    expect(await readPolicies({ path, explicit: true }, undefined)).toEqual([
      { origin: path, ai: { allow: [{ text: "*", line: 5 }], allowLine: 5, deny: [{ text: "*.example", line: 5 }] } },
      { origin: path, ai: { allow: [{ text: "localhost", line: 3 }], allowLine: 3, deny: [] } },
    ]);
  });
});
