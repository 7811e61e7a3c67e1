import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CaseTable } from "./cases.ts";

/** Every case table beside this file, by file name. */
export async function caseTables(): Promise<readonly CaseTable[]> {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const files = readdirSync(folder).filter((file) => file.endsWith(".cases.ts"));
  const tables = await Promise.all(
    files.sort().map(async (file) => {
      const module = (await import(/* @vite-ignore */ new URL(file, import.meta.url).href)) as {
        default: CaseTable | readonly CaseTable[];
      };
      return module.default;
    }),
  );
  return tables.flat();
}
