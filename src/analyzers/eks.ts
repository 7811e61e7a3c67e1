import { fact } from "../findings/evidence.ts";
import { namedRef } from "../kube/object-ref.ts";
import { eksIssueInWords } from "../kube/messages/eks.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

const source = "https://docs.aws.amazon.com/eks/latest/APIReference/API_ClusterIssue.html";

/** What AWS itself says of the cluster that runs on EKS; skipped on all others. */
export const eks: Analyzer = defineAnalyzer({
  name: "EKS",
  core: false,
  needs: [],
  needsFacts: ["eks"],
  rules: {
    "eks-cluster-issue": {
      severity: "warning",
      depth: 0,
      message: "AWS reports a health issue of the EKS cluster",
      why: "AWS cannot repair, update or reach the control plane as long as it lasts",
      fix: "Mend the AWS resource that the issue names; AWS looks again by itself",
      source,
      commands: [
        "aws eks describe-cluster --region {region} --name {cluster} --query cluster.health",
        "aws eks list-insights --region {region} --cluster-name {cluster}",
      ],
    },
    "eks-cluster-failed": {
      severity: "critical",
      depth: 0,
      message: "AWS says that the EKS cluster has failed",
      why: "The control plane may not work, and AWS does not update it",
      fix: "Look at the cluster in AWS; a cluster that failed while it was made has to be made anew",
      source: "https://docs.aws.amazon.com/eks/latest/APIReference/API_Cluster.html",
      commands: ["aws eks describe-cluster --region {region} --name {cluster} --query cluster.status"],
      silent: ["being created, updated or deleted"],
    },
  },
  *check({ facts }) {
    if (facts.eks === undefined) return;
    const { region, name, status, issues } = facts.eks;
    const object = namedRef("EKS", undefined, `${region}/${name}`);
    const params = { region, cluster: name };
    if (status === "FAILED") {
      yield { rule: "eks-cluster-failed", object, params, evidence: [fact(object, "status", status)] };
    }
    for (const { code, message, resourceIds } of issues) {
      const because = eksIssueInWords(code);
      yield {
        rule: "eks-cluster-issue",
        object,
        discriminator: `${code} ${resourceIds.join(" ")}`.trim(),
        ...(because !== undefined && { because }),
        params,
        evidence: [
          fact(object, "issue", code),
          fact(object, "message", message),
          ...(resourceIds.length === 0 ? [] : [fact(object, "resources", resourceIds)]),
        ],
      };
    }
  },
});
