import { defineConfig } from "vitest/config";

// Tests of deadlines and of stopping meet a busy machine now and then; a fault fails twice.
const retry = 1;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          retry,
          testTimeout: 20_000,
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.cluster.test.ts", "test/e2e/**"],
        },
      },
      {
        test: {
          name: "e2e",
          retry,
          include: ["test/e2e/**/*.test.ts"],
          exclude: ["test/**/*.cluster.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "cluster",
          retry,
          include: ["test/**/*.cluster.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 1_200_000,
        },
      },
    ],
  },
});
