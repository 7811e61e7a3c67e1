import { fact, field } from "../findings/evidence.ts";
import { isGoingAway } from "../kube/guards.ts";
import { compareText, refOf } from "../kube/object-ref.ts";
import { controllerOf } from "../kube/relations.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

/** Worst first; what is rated lower is not shown. */
const ratings = ["CRITICAL", "HIGH", "MEDIUM"] as const;

const inWords: Readonly<Record<(typeof ratings)[number], string>> = {
  CRITICAL: "the worst is rated critical",
  HIGH: "the worst is rated high",
  MEDIUM: "the worst is rated medium",
};

export const configAuditReport: Analyzer = defineAnalyzer({
  name: "ConfigAuditReport",
  core: false,
  needs: ["ConfigAuditReport"],
  uses: ["Pod", "ReplicaSet", "Job"],
  rules: {
    "config-audit-failed": {
      severity: "info",
      depth: 6,
      message: "The configuration of an object does not pass an audit",
      why: "It gives more rights, or asks for less care, than it needs to",
      fix: "Change the object as the checks say, or accept them where it needs those rights",
      source: "concepts/security/security-checklist/",
      commands: ["kubectl -n {namespace} get configauditreports.aquasecurity.github.io {name} -o yaml"],
      silent: [
        "checks that passed",
        "ratings below medium",
        "the report is about a ReplicaSet that runs no Pods any more",
      ],
    },
  },
  *check(snapshot) {
    for (const report of snapshot.list("ConfigAuditReport")) {
      if (isGoingAway(snapshot, report)) continue;
      const owner = controllerOf(report);
      if (owner?.kind === "ReplicaSet" && snapshot.get("ReplicaSet", owner.namespace, owner.name)?.spec?.replicas === 0)
        continue;
      const failed = (report.report?.checks ?? []).flatMap(({ success, severity = "", checkID = "", title = "" }) => {
        const place = ratings.findIndex((rating) => rating === severity.toUpperCase());
        return success === false && place >= 0 ? [{ place, checkID, title }] : [];
      });
      failed.sort((a, b) => a.place - b.place || compareText(a.checkID, b.checkID));
      const worst = ratings[failed[0]?.place ?? -1];
      if (worst === undefined) continue;
      const ref = refOf("ConfigAuditReport", report);
      const { labels = {} } = report.metadata ?? {};
      const [kind, name] = ["kind", "name"].map((part) => labels[`trivy-operator.resource.${part}`]);
      yield {
        rule: "config-audit-failed",
        object: ref,
        because: inWords[worst],
        evidence: [
          ...(kind !== undefined && name !== undefined ? [fact(ref, "object", `${kind} ${name}`)] : []),
          ...failed
            .slice(0, 5)
            .map(({ checkID, title, place }) =>
              fact(ref, checkID, `${title} (${(ratings[place] ?? "").toLowerCase()})`),
            ),
          ...(failed.length > 5 ? [fact(ref, "checks that failed", failed.length)] : []),
          ...(labels["trivy-operator.resource.namespace"] === undefined
            ? []
            : [
                field(
                  ref,
                  "metadata.labels[trivy-operator.resource.namespace]",
                  labels["trivy-operator.resource.namespace"],
                ),
              ]),
        ].slice(0, 8),
      };
    }
  },
});
