import { fileURLToPath } from "node:url";
import type { Analyzer } from "../src/analyzers/define.ts";
import { openSaved } from "../src/cluster/offline/offline.ts";
import { analyze } from "../src/engine/analyze.ts";
import type { Report } from "../src/findings/report.ts";

/** The report of the bundled snapshot, with these severities beside critical and warning. */
export async function demoReport(
  analyzers: readonly Analyzer[],
  include: readonly ("info" | "risk")[] = [],
): Promise<Report> {
  const path = fileURLToPath(new URL("../examples/broken-shop.tar.gz", import.meta.url));
  const source = await openSaved(path, { now: 0 });
  try {
    return await analyze(source, {
      analyzers,
      scope: {},
      include,
      logs: false,
      signal: AbortSignal.timeout(60_000),
    });
  } finally {
    await source.close();
  }
}
