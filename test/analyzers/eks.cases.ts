import { eks } from "../../src/analyzers/eks.ts";
import { cases } from "./cases.ts";

const notLive = "AWS says it, not the API server; test/cluster/eks.test.ts reads it from a server that speaks its API";
const object = "EKS/eu-central-1/shop";
const cluster = { region: "eu-central-1", name: "shop", status: "ACTIVE", issues: [] };

export default cases(eks, {
  fires: [
    {
      name: "a subnet of the cluster is gone",
      given: [],
      facts: {
        eks: {
          ...cluster,
          issues: [
            {
              code: "Ec2SubnetNotFound",
              message: "We couldn't find one or more subnets for the cluster",
              resourceIds: ["subnet-0a1b2c3d"],
            },
          ],
        },
      },
      expect: [
        { rule: "eks-cluster-issue", object, severity: "warning", because: "a subnet of the cluster does not exist" },
      ],
      notLive,
    },
    {
      name: "two issues, one of a code that is not known",
      given: [],
      facts: {
        eks: {
          ...cluster,
          issues: [
            { code: "Brandnew", message: "?", resourceIds: [] },
            { code: "AccessDenied", message: "The role lacks rights", resourceIds: ["arn:aws:iam::1:role/shop"] },
          ],
        },
      },
      expect: [
        { rule: "eks-cluster-issue", object },
        { rule: "eks-cluster-issue", object },
      ],
      notLive,
    },
    {
      name: "it failed",
      given: [],
      facts: { eks: { ...cluster, status: "FAILED" } },
      expect: [{ rule: "eks-cluster-failed", object, severity: "critical" }],
      notLive,
    },
  ],
  silent: [
    { name: "it is well", given: [], facts: { eks: cluster }, notLive },
    { name: "it is being updated", given: [], facts: { eks: { ...cluster, status: "UPDATING" } }, notLive },
    { name: "the cluster is none of EKS", given: [], notLive },
  ],
});
