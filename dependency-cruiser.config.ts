/**
 * Who may import whom, as data: the table of ARCHITECTURE.md. test/architecture.test.ts holds the code to it.
 */
import type { IForbiddenRuleType } from "dependency-cruiser";

/** For each folder of src, the folders below it that it may import. Files of `src` itself are open to all. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  kube: [],
  findings: ["kube"],
  analyzers: ["kube", "findings"],
  anonymize: ["kube", "findings"],
  report: ["kube", "findings"],
  cache: [],
  config: ["kube"],
  cluster: ["kube"],
  ai: ["kube", "findings", "anonymize", "cache"],
  engine: ["kube", "findings", "analyzers", "anonymize", "ai", "cluster"],
  server: ["kube", "findings", "analyzers", "anonymize", "report", "cache", "config", "cluster", "ai", "engine"],
  cli: ["kube", "findings", "analyzers", "anonymize", "report", "cache", "config", "cluster", "ai", "engine", "server"],
};

/** Folders without I/O, clock or randomness. */
export const pureFolders: readonly string[] = ["kube", "findings", "analyzers", "anonymize", "report"];

/** Node's modules that pure folders may use: they compute. */
const pureModules = "^(node:)?crypto$";

export const forbidden: IForbiddenRuleType[] = [
  ...Object.entries(mayImport).map(([folder, allowed]) => ({
    name: `${folder}-imports-only-what-lies-below`,
    severity: "error" as const,
    from: { path: `(^|/)src/${folder}/` },
    to: { path: "(^|/)src/[^/]+/", pathNot: `(^|/)src/(${[folder, ...allowed].join("|")})/` },
  })),
  {
    name: "engine-sees-only-the-source-seam-of-cluster",
    severity: "error",
    from: { path: "(^|/)src/engine/" },
    to: { path: "(^|/)src/cluster/", pathNot: "(^|/)src/cluster/source\\.ts$" },
  },
  {
    name: "pure-folders-do-no-io",
    severity: "error",
    from: { path: `(^|/)src/(${pureFolders.join("|")})/` },
    to: { dependencyTypes: ["core"], pathNot: pureModules },
  },
  {
    name: "one-door-to-the-network",
    comment: "Only the door of the live reader opens connections; kubeconfig.ts may build proxy agents.",
    severity: "error",
    from: { path: "(^|/)src/(?!cluster/live/|ai/|cache/|server/)" },
    to: { dependencyTypes: ["core"], path: "^(node:)?(https?|http2|net|tls|dgram)$" },
  },
  { name: "no-cycles", severity: "error", from: { path: "(^|/)src/" }, to: { circular: true } },
];
