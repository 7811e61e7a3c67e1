import { fact } from "../findings/evidence.ts";
import { readyzInWords } from "../kube/messages/readyz.ts";
import { namedRef } from "../kube/object-ref.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

/** How the API server itself feels. */
export const apiServer: Analyzer = defineAnalyzer({
  name: "APIServer",
  core: false,
  needs: [],
  needsFacts: ["health"],
  rules: {
    "apiserver-not-ready": {
      severity: "critical",
      depth: 0,
      message: "The API server says that it is not ready",
      why: "What is read of it may be old or incomplete, and what is written may get lost",
      fix: "Mend what the failed check names; of several API servers this is the one that answered",
      source: "reference/using-api/health-checks/",
      commands: ["kubectl get --raw '/readyz?verbose'", "kubectl -n kube-system get pods -o wide"],
      silent: ["it is shutting down and nothing else fails: another one takes its place", "its health may not be read"],
    },
  },
  *check({ facts, cluster }) {
    const failed = (facts.health ?? []).filter(({ isPassed }) => !isPassed).map(({ name }) => name);
    const [first, ...others] = failed;
    if (first === undefined || (first === "shutdown" && others.length === 0)) return;
    const object = namedRef("APIServer", undefined, cluster.name);
    const because = failed.map(readyzInWords).find((words) => words !== undefined);
    yield {
      rule: "apiserver-not-ready",
      object,
      ...(because !== undefined && { because }),
      evidence: [
        fact(object, "checks that fail", failed.slice(0, 12).join(", ")),
        fact(object, "checks that pass", (facts.health ?? []).length - failed.length),
      ],
    };
  },
});
