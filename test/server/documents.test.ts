/** docs/mcp.md is held to the server: what it names is there, and what is there it names. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readPolicies } from "../../src/config/policy.ts";
import { connect, contextOf, savedSource } from "./source.ts";

const text = readFileSync(new URL("../../docs/mcp.md", import.meta.url), "utf8");

function section(from: string, to: string): string {
  return text.slice(text.indexOf(from), text.indexOf(to));
}

test("its table has every tool; its lists have every resource and prompt", async () => {
  const { client, close } = await connect(
    contextOf(savedSource([]), { changeFilters: async () => "", aliases: ["mcp-k8s"] }),
  );
  const { tools } = await client.listTools();
  const quoted = [...section("## Tools", "- An answer").matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(
    ([, name = ""]) => name,
  );
  expect([...new Set(quoted)].sort()).toEqual(
    tools
      .map(({ name }) => name)
      .filter((name) => !name.includes("_"))
      .sort(),
  );
  const resources = await client.listResources();
  const templates = await client.listResourceTemplates();
  const uris = [
    ...resources.resources.map(({ uri }) => uri).filter((uri) => uri.includes("://")),
    ...templates.resourceTemplates.map(({ uriTemplate }) => uriTemplate),
  ];
  const named = [...section("- Resources:", "- Prompts:").matchAll(/`(k8s:[^`]+)`/g)].map(([, uri = ""]) => uri);
  expect(named.sort()).toEqual(uris.sort());
  const { prompts } = await client.listPrompts();
  const list = section("- Prompts:", "- `explain: true`");
  expect([...list.matchAll(/`([a-z-]+)`/g)].map(([, name = ""]) => name).sort()).toEqual(
    prompts.map(({ name }) => name).sort(),
  );
  await close();
});

test("its policy is one", async () => {
  const yaml = /```yaml\n([^]*?)```/.exec(text)?.[1] ?? "";
  const path = join(mkdtempSync(join(tmpdir(), "k8sgpt-mcp-")), "policy.yaml");
  writeFileSync(path, yaml);
  const policies = await readPolicies({ path: `${path}.none`, explicit: false }, path);
  expect(policies).toMatchObject([
    {
      mcp: [
        { tools: ["get-logs"] },
        { tools: ["get-resource", "why"], contexts: ["prod-*"], namespaces: ["payroll"] },
        { kinds: ["Secret", "pods/log"] },
      ],
    },
  ]);
});
