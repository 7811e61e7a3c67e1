/**
 * `npm run new-analyzer -- Kind`: writes the source and the case file of an analyzer in today's best shape, then the
 * registry. Whoever improves the shape improves these templates.
 */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isKindName, kindDefinition, kindNames } from "../src/kube/kinds.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const kind = process.argv[2];

if (kind === undefined || !/^[A-Z][A-Za-z0-9]+$/.test(kind)) {
  fail("usage: npm run new-analyzer -- Kind    (as the API spells it, PersistentVolume)");
}
if (!isKindName(kind)) {
  fail(
    `${kind} is not a kind that k8sgpt reads: add it to src/kube/kinds.ts with the fields that the rules need.\n` +
      `Kinds that are there: ${kindNames.join(", ")}`,
  );
}
const file = kind.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase();
const variable = kind.charAt(0).toLowerCase() + kind.slice(1);
const { namespaced, group, version } = kindDefinition(kind);
const sourceFile = `src/analyzers/${file}.ts`;
const casesFile = `test/analyzers/${file}.cases.ts`;
for (const path of [sourceFile, casesFile]) if (existsSync(`${root}${path}`)) fail(`${path} is there already`);

const source = `import { field } from "../findings/evidence.ts";
import { graceMs, hasSettled, isGoingAway } from "../kube/guards.ts";
import { refOf } from "../kube/object-ref.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

export const ${variable}: Analyzer = defineAnalyzer({
  name: "${kind}",
  core: false,
  needs: ["${kind}"],
  rules: {
    "${file}-being-marked": {
      severity: "warning",
      depth: 5,
      message: "The label app.kubernetes.io/example is set",
      why: "Replace this sentence: what happens to users when nobody acts",
      fix: "Replace this sentence: a command to the reader",
      source: "reference/kubernetes-api/",
      commands: ["kubectl ${namespaced ? "-n {namespace} " : ""}get ${kind.toLowerCase()} {name} -o yaml"],
      silent: ["while it is being deleted"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("${kind}")) {
      if (isGoingAway(snapshot, object) || !hasSettled(snapshot, object, graceMs.workload)) continue;
      if (object.metadata?.labels?.["app.kubernetes.io/example"] === undefined) continue;
      const ref = refOf("${kind}", object);
      yield {
        rule: "${file}-being-marked",
        object: ref,
        evidence: [field(ref, "metadata.labels", object.metadata.labels)],
      };
    }
  },
});
`;
const place = namespaced ? ", namespace: shop" : "";
const cases = `import { ${variable} } from "../../src/analyzers/${file}.ts";
import { ago, but, cases, yaml } from "./cases.ts";

const marked = yaml\`
  apiVersion: ${group === "" ? version : `${group}/${version}`}
  kind: ${kind}
  metadata: { name: one${place}, labels: { app.kubernetes.io/example: "yes" } }
\`;

export default cases(${variable}, {
  fires: [
    {
      name: "it is marked",
      given: [marked],
      expect: [{ rule: "${file}-being-marked", object: "${kind}/${namespaced ? "shop/" : ""}one" }],
    },
  ],
  silent: [
    { name: "it was created a moment ago", given: [but(marked, \`metadata: { creationTimestamp: "\${ago("10s")}" }\`)] },
  ],
});
`;
writeFileSync(`${root}${sourceFile}`, source);
writeFileSync(`${root}${casesFile}`, cases);
spawnSync(process.execPath, ["scripts/gen.ts"], { cwd: root, stdio: "inherit" });
process.stdout.write(
  `wrote ${sourceFile}\nwrote ${casesFile}\nNext: replace the example rule, then npm test -- -t ${kind}\n`,
);

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
