import { expect, test } from "vitest";
import { log } from "../../src/analyzers/log.ts";
import table from "./log.cases.ts";
import { snapshotOf } from "./run-cases.ts";

test("credentials in a log are gone before anything is stored", () => {
  const [panic] = table.fires;
  if (panic === undefined) throw new Error("no case");
  const lines = [
    "ERROR cannot connect to postgres://shop:hunter2hunter2@db/shop",
    "  password=correcthorse token: eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl",
  ];
  const snapshot = snapshotOf(log, {
    ...panic,
    logs: [{ namespace: "shop", pod: "api-1", container: "api", previous: true, lines }],
  });
  const text = JSON.stringify([...log.check(snapshot)]);
  expect(text).toContain("cannot connect to postgres://");
  for (const secret of ["hunter2", "correcthorse", "eyJhbGciOi"]) expect(text).not.toContain(secret);
});
