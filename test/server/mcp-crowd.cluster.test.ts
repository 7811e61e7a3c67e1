/** 5,000 Pods of a real API server, page by page: each answer within its budget, none twice, none left out. */
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, it } from "vitest";
import { answerBytes } from "../../src/server/mcp/answer.ts";
import { isPlain } from "../../src/server/mcp/hygiene.ts";
import { entry, temporaryFolder } from "../e2e/run.ts";
import { startControlPlane } from "../lab/control-plane.ts";
import { seedCrowd } from "../lab/crowd.ts";
import { callerOf } from "./source.ts";

it("are listed whole, as rows and as objects", { timeout: 900_000 }, async () => {
  const lab = await startControlPlane({ name: "mcp-crowd", controllers: false });
  try {
    const { pods } = await seedCrowd(lab, {
      deployments: 100,
      services: 10,
      configMaps: 10,
      nodes: 10,
      namespaces: 10,
      events: 10,
    });
    const client = new Client({ name: "test", version: "1" });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [entry, "serve", "--mcp", "--kubeconfig", lab.kubeconfig],
        env: { PATH: process.env["PATH"] ?? "", HOME: temporaryFolder() },
        stderr: "pipe",
      }),
    );
    const call = callerOf(client);
    const listed = async (args: Readonly<Record<string, unknown>>, pagesAtMost: number) => {
      const keys: string[] = [];
      let cursor: unknown;
      let pages = 0;
      do {
        const { isError, data, text } = await call("list-resources", {
          resourceType: "pods",
          ...args,
          ...(cursor !== undefined && { cursor }),
        });
        expect({ isError, isWithinBudget: Buffer.byteLength(text) <= answerBytes }).toEqual({
          isError: false,
          isWithinBudget: true,
        });
        const items = Array.isArray(data["items"]) ? data["items"].filter(isPlain) : [];
        keys.push(...items.map((item) => placeOf(isPlain(item["metadata"]) ? item["metadata"] : item)));
        cursor = data["nextCursor"];
        pages += 1;
      } while (cursor !== undefined && pages < pagesAtMost);
      return { keys, pages };
    };
    const rows = await listed({ limit: 1000 }, 1000);
    expect(pods).toBe(5000);
    expect(rows.keys).toHaveLength(5000);
    expect(new Set(rows.keys).size).toBe(5000);
    expect(rows.keys).toEqual(rows.keys.toSorted());
    // Whole Pods are large: the first pages are the same Pods in the same order.
    const objects = await listed({ limit: 1000, output: "objects" }, 10);
    expect(objects.keys.length).toBeGreaterThan(20);
    expect(objects.keys).toEqual(rows.keys.slice(0, objects.keys.length));
    const { data } = await call("analyze");
    expect(data).toMatchObject({ complete: true });
    await client.close();
  } finally {
    await lab.stop();
  }
});

function placeOf({ namespace, name }: Readonly<Record<string, unknown>>): string {
  return `${String(namespace)}/${String(name)}`;
}
