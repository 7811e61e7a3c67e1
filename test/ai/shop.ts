/** The broken shop as it is bundled, analyzed: real incidents with real names. */
import { fileURLToPath } from "node:url";
import { analyzers } from "../../src/analyzers/index.ts";
import { openSaved } from "../../src/cluster/offline/offline.ts";
import { analyze } from "../../src/engine/analyze.ts";
import { remembering } from "../../src/engine/remembering.ts";
import type { Report } from "../../src/findings/report.ts";
import type { SnapshotInput } from "../../src/kube/snapshot.ts";

/** Where it lies. */
export const shopFile = fileURLToPath(new URL("../../examples/broken-shop.tar.gz", import.meta.url));

/** Its report, with logs and everything that every analyzer says, and what was read. */
export async function brokenShop(): Promise<{ readonly report: Report; readonly input: SnapshotInput }> {
  const { source, lastRead } = remembering(await openSaved(shopFile, { now: 0 }));
  const { signal } = new AbortController();
  const report = await analyze(source, { analyzers, scope: {}, include: ["info", "risk"], logs: true, signal });
  const input = lastRead();
  if (input === undefined) throw new Error("nothing was read");
  return { report, input };
}
